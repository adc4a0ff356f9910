/* core/net/http_coding.h: answers packed for those who ask (RFC 9110, sections 8.4 and 12.5.3).
 *
 * JSON is packed, from LEAST bytes on, where it is worth it, up to MOST, where it would hold up the
 * thread's other clients; what is streamed is packed piece by piece, of any length. Such answers
 * say `Vary: Accept-Encoding` whether they are packed or not; an ETag of a packed one ends in
 * "-gzip", since its bytes are others.
 *
 * What is packed shows by its length what is repeated in it. Were a secret in an answer beside
 * words that a stranger chose, and could the stranger make somebody's browser ask again and again,
 * the lengths would tell the secret (BREACH). So what is asked with a cookie is packed only when
 * the browser says that the server's own page asks (`Sec-Fetch-Site: same-origin`), and what sets a
 * cookie never is. */
#pragma once

#include "net/http_server.h"

enum { HTTP_CODED_LEAST = 1024, HTTP_CODED_MOST = 1024 * 1024, HTTP_CODED_HEADERS = 40 };

/* An answer that takes the place of the owner's. */
struct http_coded {
	struct http_answer answer;
	struct http_answer_header headers[HTTP_CODED_HEADERS];
	char etag[64];
};

/* Whether an Accept-Encoding asks for gzip before plain. */
bool http_coding_wants_gzip(struct http_text accept);
