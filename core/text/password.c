#include "text/password.h"

#include "base/err.h"

#include <sodium.h>

_Static_assert(crypto_pwhash_STRBYTES <= PASSWORD_HASH_MAX, "a hash must fit");

enum { PASSES = 2, MEMORY = 19 * 1024 * 1024 };

int password_hash(char hash[PASSWORD_HASH_MAX], const char *password, size_t len)
{
	int rc = crypto_pwhash_str_alg(
		hash, password, len, PASSES, MEMORY, crypto_pwhash_ALG_ARGON2ID13);

	return rc == 0 ? 0 : TM_ENOMEM;
}

int password_verify(const char *hash, const char *password, size_t len)
{
	return crypto_pwhash_str_verify(hash, password, len);
}

void password_forget(char *password, size_t len)
{
	sodium_memzero(password, len);
}
