/* core/net/http_parse.h: the HTTP parser, behind an interface that leaves open which it is.
 *
 * To put another in its place, write http_parse.c anew: nothing else knows the library. It is asked
 * for little. http_head.c and http_chunks.c have checked by the grammar all that it is shown; a
 * head comes whole and in one piece, with no trailers behind the body. It says where the headers
 * lie and takes the framing off the body, and it may refuse what the checks let through: then the
 * request is refused, so two readers must agree before anything is acted upon. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
	HTTP_PARSE_HEAD_MOST = 64 * 1024, /* the longest head that it takes */
	HTTP_PARSE_BYTES = 64
};

/* What is found, in order; the bytes are those that were fed. False gives the request up. */
struct http_parse_calls {
	bool (*name)(void *data, const char *bytes, size_t len);  /* of a header */
	bool (*value)(void *data, const char *bytes, size_t len); /* of the last one */
	bool (*body)(void *data, const char *bytes, size_t len);  /* a part of it */
	bool (*complete)(void *data);
};

/* One request. The owner embeds it, and does not move it. */
struct http_parse {
	const struct http_parse_calls *calls;
	void *data;
	_Alignas(8) unsigned char opaque[HTTP_PARSE_BYTES];
};

void http_parse_begin(struct http_parse *parse, const struct http_parse_calls *calls, void *data);

/* Takes all the bytes, or gives the request up. */
bool http_parse_feed(struct http_parse *parse, const char *bytes, size_t len);

/* The words that go with a status, perhaps none. */
const char *http_parse_words(int status);
