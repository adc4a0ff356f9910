/* The check of heads and chunks alone, which is quicker than whole connections: what it says is the
 * same however the bytes come, and it never looks beyond them. The first byte chooses. */
#include "fuzz.h"

#include "net/http_chunks.h"
#include "net/http_head.h"

#include <string.h>

static const struct http_limits limits = {
	.target = 256, .head = 4096, .body = 65536, .headers = 30};

void fuzz_start(void)
{
}

/* In memory of just that size, as far as the sanitizer can tell. */
static enum http_check head_at(struct http_head *head, const uint8_t *data, size_t len)
{
	char *bytes = malloc(len > 0 ? len : 1);
	enum http_check found;

	must(bytes != NULL);
	memcpy(bytes, data, len);
	found = http_head_check(head, bytes, len, &limits);
	must(found != HTTP_REFUSED ||
		(head->refusal.status >= 400 && head->refusal.reason != NULL));
	free(bytes);
	return found;
}

static void check_head(const uint8_t *data, size_t size, uint32_t seed)
{
	struct http_head whole = {0}, pieces = {0};
	enum http_check found = head_at(&whole, data, size), other = HTTP_MORE;

	for (size_t len = 0; other == HTTP_MORE && len < size;) {
		len += 1 + fuzz_next(&seed) % 8;
		if (len > size)
			len = size;
		other = head_at(&pieces, data, len);
	}
	if (size == 0)
		return;
	must(found == other);
	if (found == HTTP_REFUSED)
		must(whole.refusal.status == pieces.refusal.status);
	if (found != HTTP_WHOLE)
		return;
	must(whole.len == pieces.len && whole.len <= size && whole.fields == pieces.fields);
	must(whole.target + whole.target_len <= whole.len && whole.length == pieces.length);
	must(!(whole.chunked && whole.has_length));
	must(memcmp(data + whole.len - 4, "\r\n\r\n", 4) == 0);
}

static enum http_check walk(
	const uint8_t *data, size_t size, uint32_t *seed, size_t *total, struct http_chunks *chunks)
{
	enum http_check found = HTTP_MORE;

	*total = 0;
	while (found == HTTP_MORE && *total < size) {
		size_t piece = size - *total, used = 0;

		if (seed != NULL && piece > 1 + fuzz_next(seed) % 8)
			piece = 1 + *seed % piece;
		found = http_chunks_check(
			chunks, (const char *)data + *total, piece, &used, &limits);
		must(used <= piece);
		must(found != HTTP_MORE || used > 0);
		if (found != HTTP_REFUSED)
			*total += used;
	}
	return found;
}

static void check_chunks(const uint8_t *data, size_t size, uint32_t seed)
{
	struct http_chunks whole = {0}, pieces = {0};
	size_t whole_len, pieces_len;
	enum http_check found = walk(data, size, NULL, &whole_len, &whole);

	must(found == walk(data, size, &seed, &pieces_len, &pieces));
	if (found == HTTP_REFUSED)
		must(whole.refusal.status == pieces.refusal.status);
	else
		must(whole_len == pieces_len && whole.body == pieces.body);
	must(found == HTTP_REFUSED || whole.body <= limits.body);
}

void fuzz_one(const uint8_t *data, size_t size)
{
	if (size == 0)
		return;
	if (data[0] & 1)
		check_head(data + 1, size - 1, data[0]);
	else
		check_chunks(data + 1, size - 1, data[0]);
}
