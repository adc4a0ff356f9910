/* core/control_calls.h: questions of other threads to the control thread, each answered on the loop
 * that it came from.
 *
 * They come by a queue, which is bounded, and go back by a handle of their own on the caller's
 * loop, which lives until then. */
#pragma once

#include "base/err.h"
#include "sched/queue.h"

#include <stddef.h>

struct control_call;

/* On the control thread: answers with control_call_answer, now or later, and never not at all. */
typedef void (*control_calls_handler)(
	void *owner, struct control_call *call, const char *payload, size_t len);

struct control_calls {
	struct queue queue;
	control_calls_handler handler;
	void *owner;
};

int control_calls_init(
	struct control_calls *calls, uv_loop_t *loop, control_calls_handler handler, void *owner);

/* Asks, from the thread of `loop`; `done` comes there. TM_EBUSY: too many are waiting, or the
 * server is stopping. As control_call in script/state.h. */
int control_calls_call(void *calls, uv_loop_t *loop, const char *payload, size_t len,
	void (*done)(void *data, int rc, const char *answer, size_t len), void *data);

/* `call` is a struct control_call, which is gone with this. */
void control_call_answer(void *call, const char *answer, size_t len);

/* Hands over what has come, and refuses what comes from now on where it comes from. */
void control_calls_close(struct control_calls *calls);
void control_calls_destroy(struct control_calls *calls);
