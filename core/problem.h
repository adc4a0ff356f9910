/* core/problem.h: problem documents (RFC 9457) that the core itself must say, in the caller's
 * language. */
#pragma once

#include "base/buf.h"
#include "net/http_server.h"

#include <stdbool.h>

/* Appends the document. `detail` (English, may be NULL) says more; `request` may be NULL. */
void problem_write(struct buf *to, const struct http_request *request, const char *request_id,
	int status, const char *detail);

/* Answers 500: `plugin` (empty: nobody in particular) took too long, or too much memory. */
void problem_answer_breach(struct http_exchange *exchange, const char *plugin, bool memory);

/* Answers `exchange` with a problem; 503 says Retry-After. */
void problem_answer(struct http_exchange *exchange, int status, const char *detail);
