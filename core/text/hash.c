#include "text/hash.h"

#include "base/err.h"

#include <assert.h>
#include <sodium.h>

_Static_assert(sizeof(struct hash) >= sizeof(crypto_generichash_state), "the state must fit");
_Static_assert(HASH_BYTES == crypto_auth_hmacsha256_BYTES, "as long as the others");
_Static_assert(HASH_KEY_MAX == crypto_generichash_KEYBYTES_MAX, "the library decides");

static crypto_generichash_state *state_of(struct hash *hash)
{
	return (crypto_generichash_state *)(void *)hash->opaque;
}

int hash_start(void)
{
	return sodium_init() < 0 ? TM_EIO : 0;
}

void hash_random(void *bytes, size_t len)
{
	randombytes_buf(bytes, len);
}

void hash_init(struct hash *hash, const void *key, size_t key_len)
{
	int rc = crypto_generichash_init(state_of(hash), key, key_len, HASH_BYTES);

	assert(rc == 0);
	(void)rc;
}

void hash_add(struct hash *hash, const void *bytes, size_t len)
{
	crypto_generichash_update(state_of(hash), bytes, len);
}

void hash_end(struct hash *hash, unsigned char out[HASH_BYTES])
{
	crypto_generichash_final(state_of(hash), out, HASH_BYTES);
}

void hash_blake2b(unsigned char out[HASH_BYTES], const void *key, size_t key_len, const void *bytes,
	size_t len)
{
	struct hash hash;

	hash_init(&hash, key, key_len);
	hash_add(&hash, bytes, len);
	hash_end(&hash, out);
}

void hash_sha256(unsigned char out[HASH_BYTES], const void *bytes, size_t len)
{
	crypto_hash_sha256(out, bytes, len);
}

void hash_hmac_sha256(unsigned char out[HASH_BYTES], const void *key, size_t key_len,
	const void *bytes, size_t len)
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, key, key_len);
	crypto_auth_hmacsha256_update(&state, bytes, len);
	crypto_auth_hmacsha256_final(&state, out);
	sodium_memzero(&state, sizeof state);
}

void hash_hex(char *hex, const void *bytes, size_t len)
{
	sodium_bin2hex(hex, len * 2 + 1, bytes, len);
}

bool hash_equal(const void *a, const void *b, size_t len)
{
	return sodium_memcmp(a, b, len) == 0;
}
