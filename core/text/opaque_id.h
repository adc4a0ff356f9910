/* core/text/opaque_id.h: ids as the outside sees them.
 *
 * Inner ids grow with time; their order and distance would tell how much business there is. A keyed
 * permutation of all 64-bit numbers hides both: a Feistel network of six rounds over the two halves
 * (Luby and Rackoff, 1988), whose round function is SipHash-2-4 under the tenant's key. The result
 * is written as 13 digits of Crockford's base 32 in lower case. There is exactly one text for each
 * number: no other is accepted.
 *
 * The permutation must never change: the texts stand in other people's links and systems. Any
 * thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define OPAQUE_ID_KEY 16
#define OPAQUE_ID_LEN 13

/* Writes the text of `id`, without a NUL. */
void opaque_id_seal(char text[OPAQUE_ID_LEN], uint64_t id, const unsigned char key[OPAQUE_ID_KEY]);

/* Reads a text. Returns 0, or TM_EINVAL when it is not of the one form. Whether there is such a
 * record, only the store can tell. */
int opaque_id_open(
	uint64_t *id, const char *text, size_t len, const unsigned char key[OPAQUE_ID_KEY]);
