/* core/answer_copy.h: takes a script's answer along to another thread. */
#pragma once

#include "base/buf.h"
#include "net/http_server.h"

/* Makes `to` a copy of `from`, whose bytes live as long as its task only, in one memory: the
 * headers' structs, then all bytes. `to` points into `memory`, whose old content is dropped.
 * Returns 0 or TM_ENOMEM. */
int answer_copy(struct http_answer *to, struct buf *memory, const struct http_answer *from);
