/* core/text/hash.h: BLAKE2b (RFC 7693) with 32 bytes out, SHA-256 and HMAC-SHA-256 (RFC 2104) for
 * what others ask for, and random bytes.
 *
 * hash_start comes once before the rest, from any thread; more often does no harm. A `struct hash`
 * belongs to whoever embeds it and holds no memory of its own. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define HASH_BYTES 32
#define HASH_KEY_MAX 64

struct hash {
	_Alignas(64) unsigned char opaque[384];
};

/* Makes the library ready. Returns 0, or TM_EIO when the machine gives no random bytes. */
int hash_start(void);

/* Fills `bytes` with random bytes fit for keys. */
void hash_random(void *bytes, size_t len);

/* A hash over parts: hash_init, hash_add …, hash_end. `key` may be NULL; else `key_len` is 1 to
 * HASH_KEY_MAX. */
void hash_init(struct hash *hash, const void *key, size_t key_len);
void hash_add(struct hash *hash, const void *bytes, size_t len);
void hash_end(struct hash *hash, unsigned char out[HASH_BYTES]);

/* The hash of one run of bytes. */
void hash_blake2b(unsigned char out[HASH_BYTES], const void *key, size_t key_len, const void *bytes,
	size_t len);

/* What signatures of other systems are made with; a key may have any length. */
void hash_sha256(unsigned char out[HASH_BYTES], const void *bytes, size_t len);
void hash_hmac_sha256(unsigned char out[HASH_BYTES], const void *key, size_t key_len,
	const void *bytes, size_t len);

/* Writes `len` bytes as 2 × `len` lower-case hex digits and a NUL. */
void hash_hex(char *hex, const void *bytes, size_t len);

/* Whether two runs of bytes are the same, in a time that does not tell where they differ. */
bool hash_equal(const void *a, const void *b, size_t len);
