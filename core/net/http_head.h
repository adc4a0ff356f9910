/* core/net/http_head.h: the strict check of a request's raw head (RFC 9112, sections 2 to 7).
 *
 * http-parser as Debian builds it is lenient. So every head passes here first, line by line as its
 * bytes arrive, and only a head that passed whole is shown to the parser. The check keeps offsets,
 * never pointers: the bytes may move between two calls, as long as they begin with the same byte.
 */
#pragma once

#include "net/http_server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a character may be part of. */
extern const bool http_token_chars[256];
extern const bool http_value_chars[256];

enum http_check {
	HTTP_MORE,   /* all well so far */
	HTTP_WHOLE,  /* all well, and it ends here */
	HTTP_REFUSED /* `refusal` says with what and why */
};

struct http_refusal {
	int status;
	const char *reason;
};

/* Zeroes begin a head. The lower part holds what a whole head was found to say. */
struct http_head {
	size_t line;  /* where the first line that is not checked yet begins */
	size_t seen;  /* up to here that line has no end */
	size_t start; /* where the request line begins: an empty line may stand before it */
	struct http_refusal refusal;
	bool has_line, has_host, has_length, has_coding;
	bool unknown_method, unknown_coding, unknown_expectation;

	size_t method_len;
	size_t target, target_len;       /* as sent */
	size_t authority, authority_len; /* of an absolute-form target */
	size_t len;                      /* of the head, with the empty line that ends it */
	uint64_t length;                 /* Content-Length */
	unsigned fields;
	int minor; /* the version is 1.`minor` */
	bool is_head, is_options;
	bool chunked, close, keep_alive, expects_continue;
};

/* Goes on with the head that begins at `bytes`, of which `len` are there now. */
enum http_check http_head_check(
	struct http_head *head, const char *bytes, size_t len, const struct http_limits *limits);

/* Whether the connection may serve another request after this one. */
bool http_head_persists(const struct http_head *head);
