/* core/text/seal.h: values that leave the server and must come back untouched, and base64url.
 *
 * A sealed value is XChaCha20-Poly1305 under the tenant's key with a random nonce before it, as
 * base64url without padding. `ad` says what the value is for ("cursor ENTITY …"): it is not in the
 * text, but the text opens only with the same `ad`. hash_start must have been called. Any thread.
 */
#pragma once

#include <stddef.h>

#define SEAL_KEY 32

/* How many characters `len` bytes take as base64url, and how many bytes `len` characters hold at
 * most. */
size_t seal_base64_len(size_t len);
size_t seal_bytes_max(size_t len);

/* Writes base64url without padding, and a NUL after it, for which `text` must have room. */
void seal_to_base64(char *text, const void *bytes, size_t len);

/* Reads base64url into `bytes` of seal_bytes_max(len). Returns 0, or TM_EINVAL for anything but the
 * one text that seal_to_base64 writes for those bytes. */
int seal_from_base64(void *bytes, size_t *bytes_len, const char *text, size_t len);

/* How long the sealed text of `len` bytes is. */
size_t seal_len(size_t len);

/* Seals into `text` of seal_len(len) and a NUL. Returns 0 or TM_ENOMEM. */
int seal(char *text, const void *plain, size_t len, const void *ad, size_t ad_len,
	const unsigned char key[SEAL_KEY]);

/* Opens into `plain` of seal_bytes_max(len). Returns 0, TM_ENOMEM, or TM_EINVAL when the text was
 * not sealed with this key and this `ad`, or was changed. */
int seal_open(void *plain, size_t *plain_len, const char *text, size_t len, const void *ad,
	size_t ad_len, const unsigned char key[SEAL_KEY]);
