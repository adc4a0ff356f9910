/* core/net/http_chunks.h: the strict check of a chunked body's framing (RFC 9112, section 7.1).
 *
 * It walks over the bytes as they pass to the parser. Sizes, extensions and trailers are held to
 * the grammar and to bounds; trailers are checked and then dropped, so the parser never sees them.
 */
#pragma once

#include "net/http_head.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_chunks {
	int state; /* zeroes begin a body */
	unsigned digits, trailers;
	uint64_t size;         /* of this chunk, or what is left of it */
	uint64_t body;         /* bytes of all chunks so far, this one included */
	size_t extension_size; /* of all chunk extensions */
	size_t trailer_size;
	struct http_refusal refusal;
};

/* Checks `len` bytes; `*used` are in order. HTTP_MORE: all of them, unless the trailers begin
 * there, which http_chunks_trail tells. HTTP_WHOLE: the body ends after them. */
enum http_check http_chunks_check(struct http_chunks *chunks, const char *bytes, size_t len,
	size_t *used, const struct http_limits *limits);

/* Whether the next byte belongs to the trailers. */
bool http_chunks_trail(const struct http_chunks *chunks);
