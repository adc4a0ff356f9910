#include "text/opaque_id.h"

#include "base/err.h"

#include <sodium.h>
#include <string.h>

_Static_assert(OPAQUE_ID_KEY == crypto_shorthash_KEYBYTES, "the key is SipHash's");

enum { ROUNDS = 6 };

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

static uint32_t round_value(unsigned round, uint32_t half, const unsigned char *key)
{
	unsigned char in[5] = {(unsigned char)round, (unsigned char)half,
		(unsigned char)(half >> 8), (unsigned char)(half >> 16),
		(unsigned char)(half >> 24)};
	unsigned char out[crypto_shorthash_BYTES];

	crypto_shorthash(out, in, sizeof in, key);
	return (uint32_t)out[0] | (uint32_t)out[1] << 8 | (uint32_t)out[2] << 16 |
	       (uint32_t)out[3] << 24;
}

static uint64_t permute(uint64_t id, const unsigned char *key)
{
	uint32_t left = (uint32_t)(id >> 32);
	uint32_t right = (uint32_t)id;

	for (unsigned round = 0; round < ROUNDS; round++) {
		uint32_t next = left ^ round_value(round, right, key);

		left = right;
		right = next;
	}
	return (uint64_t)left << 32 | right;
}

static uint64_t permute_back(uint64_t sealed, const unsigned char *key)
{
	uint32_t left = (uint32_t)(sealed >> 32);
	uint32_t right = (uint32_t)sealed;

	for (unsigned round = ROUNDS; round-- > 0;) {
		uint32_t before = right ^ round_value(round, left, key);

		right = left;
		left = before;
	}
	return (uint64_t)left << 32 | right;
}

void opaque_id_seal(char text[OPAQUE_ID_LEN], uint64_t id, const unsigned char key[OPAQUE_ID_KEY])
{
	uint64_t sealed = permute(id, key);

	for (unsigned i = OPAQUE_ID_LEN; i-- > 0;) {
		text[i] = alphabet[sealed & 31];
		sealed >>= 5;
	}
}

int opaque_id_open(
	uint64_t *id, const char *text, size_t len, const unsigned char key[OPAQUE_ID_KEY])
{
	uint64_t sealed = 0;

	/* Thirteen digits hold 65 bits: the first one may be no more than four. */
	if (len != OPAQUE_ID_LEN || text[0] < '0' || text[0] > 'f')
		return TM_EINVAL;
	for (unsigned i = 0; i < OPAQUE_ID_LEN; i++) {
		const char *digit = memchr(alphabet, text[i], sizeof alphabet - 1);

		if (digit == NULL)
			return TM_EINVAL;
		sealed = sealed << 5 | (uint64_t)(digit - alphabet);
	}
	*id = permute_back(sealed, key);
	return 0;
}
