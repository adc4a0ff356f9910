#include "text/password.h"

#include "base/err.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

_Static_assert(crypto_pwhash_STRBYTES <= PASSWORD_HASH_MAX, "a hash must fit");

enum { PASSES = 2, MEMORY = 19 * 1024 * 1024 };

int password_hash(char hash[PASSWORD_HASH_MAX], const char *password, size_t len)
{
	int rc = crypto_pwhash_str_alg(
		hash, password, len, PASSES, MEMORY, crypto_pwhash_ALG_ARGON2ID13);

	return rc == 0 ? 0 : TM_ENOMEM;
}

struct parts {
	unsigned char salt[crypto_pwhash_SALTBYTES];
	unsigned char out[64];
	size_t out_len;
	unsigned memory_kib, passes;
};

/* Reads base64 up to `end`; the number of bytes, 0 when it is none or too long. */
static size_t read_base64(unsigned char *to, size_t room, const char *from, char end)
{
	const char *stop = strchr(from, end);
	size_t len = 0;

	if (stop == NULL || sodium_base642bin(to, room, from, (size_t)(stop - from), NULL, &len,
				    NULL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING) != 0)
		return 0;
	return len;
}

static bool read_parts(struct parts *parts, const char *hash)
{
	const char *salt;
	int at = 0;

	if (sscanf(hash, "$argon2id$v=19$m=%7u,t=%3u,p=1$%n", &parts->memory_kib, &parts->passes,
		    &at) != 2 ||
		at == 0)
		return false;
	salt = hash + at;
	if (read_base64(parts->salt, sizeof parts->salt, salt, '$') != sizeof parts->salt)
		return false;
	parts->out_len = read_base64(parts->out, sizeof parts->out, strchr(salt, '$') + 1, '\0');
	return parts->out_len >= crypto_pwhash_BYTES_MIN;
}

/* Not crypto_pwhash_str_verify, to which a want of memory is a wrong password. */
int password_verify(const char *hash, const char *password, size_t len)
{
	struct parts parts;
	unsigned char out[sizeof parts.out];

	if (!read_parts(&parts, hash) || parts.passes < crypto_pwhash_OPSLIMIT_MIN ||
		parts.memory_kib < crypto_pwhash_MEMLIMIT_MIN / 1024)
		return TM_EINVAL;
	if (crypto_pwhash(out, parts.out_len, password, len, parts.salt, parts.passes,
		    (size_t)parts.memory_kib * 1024, crypto_pwhash_ALG_ARGON2ID13) != 0)
		return TM_ENOMEM;
	return sodium_memcmp(out, parts.out, parts.out_len) == 0 ? 0 : TM_EINVAL;
}

void password_forget(char *password, size_t len)
{
	sodium_memzero(password, len);
}
