/* core/text/seal.h: values that leave the server and must come back untouched.
 *
 * A sealed value is XChaCha20-Poly1305 under the tenant's key with a random nonce before it, as
 * base64url without padding. `ad` says what the value is for ("cursor ENTITY …"): it is not in the
 * text, but the text opens only with the same `ad`. hash_start must have been called. Any thread.
 */
#pragma once

#include <stddef.h>

#define SEAL_KEY 32

/* How long the sealed text of `len` bytes is. */
size_t seal_len(size_t len);

/* Seals into `text` of seal_len(len) and a NUL. Returns 0 or TM_ENOMEM. */
int seal(char *text, const void *plain, size_t len, const void *ad, size_t ad_len,
	const unsigned char key[SEAL_KEY]);

/* Opens into `plain` of base64_bytes_max(len). Returns 0, TM_ENOMEM, or TM_EINVAL when the text was
 * not sealed with this key and this `ad`, or was changed. */
int seal_open(void *plain, size_t *plain_len, const char *text, size_t len, const void *ad,
	size_t ad_len, const unsigned char key[SEAL_KEY]);
