/* core/problem.h: problem documents (RFC 9457) that the core itself must say, in the caller's
 * language where the request says which. */
#pragma once

#include "base/buf.h"
#include "net/http_server.h"

#include <stdbool.h>

/* What more there is to say. With the reasons of core/net these are the details that problem.c
 * knows in both languages; others are said in English. */
#define PROBLEM_NOTHING_CHANGED "nothing was changed"
#define PROBLEM_INTERRUPTED "the work was interrupted; nothing was changed"
#define PROBLEM_DISK_FULL "there is no room on the disk; nothing was changed"
#define PROBLEM_TOO_MANY "too many changes are waiting"
#define PROBLEM_TOO_MANY_READS "too many long reads are waiting"
#define PROBLEM_GAVE_WAY "this read took long while much was written; try again soon"

/* Appends the document. `detail` is English, and may be NULL. */
void problem_write(
	struct buf *to, const struct http_request *request, int status, const char *detail);

/* Answers 500: `plugin` (empty: nobody in particular) took too long, or too much memory. */
void problem_answer_breach(struct http_exchange *exchange, const char *plugin, bool memory);

/* Answers `exchange` with a problem; 503 says Retry-After. */
void problem_answer(struct http_exchange *exchange, int status, const char *detail);

/* Answers 405 for an address that knows GET and HEAD. */
void problem_answer_reads_only(struct http_exchange *exchange);

/* Answers that it is not known whether the change was kept. */
void problem_answer_unknown(struct http_exchange *exchange);
