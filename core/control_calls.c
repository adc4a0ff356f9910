#include "control_calls.h"

#include "base/buf.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { CALLS_LIMIT = 64 };

struct control_call {
	struct queue_item item; /* must be first */
	uv_async_t back;
	struct buf payload, answer;
	atomic_bool answered; /* release: the answer is whole; acquire: it may be read */
	void (*done)(void *data, int rc, const char *answer, size_t len);
	void *data;
};

static void on_queue(struct queue *queue, void *consumer)
{
	struct control_calls *calls = consumer;
	struct control_call *call;

	while ((call = (struct control_call *)queue_pop(queue)) != NULL)
		calls->handler(calls->owner, call, call->payload.data, call->payload.len);
}

int control_calls_init(
	struct control_calls *calls, uv_loop_t *loop, control_calls_handler handler, void *owner)
{
	calls->handler = handler;
	calls->owner = owner;
	return queue_init(&calls->queue, loop, CALLS_LIMIT, on_queue, calls);
}

static void closed(uv_handle_t *handle)
{
	struct control_call *call = handle->data;

	buf_free(&call->payload);
	buf_free(&call->answer);
	free(call);
}

static void on_back(uv_async_t *back)
{
	struct control_call *call = back->data;
	bool whole;

	if (!atomic_load_explicit(&call->answered, memory_order_acquire) ||
		uv_is_closing((uv_handle_t *)back))
		return;
	whole = buf_text(&call->answer) != NULL;
	uv_close((uv_handle_t *)back, closed);
	call->done(call->data, whole ? 0 : TM_ENOMEM, whole ? call->answer.data : "",
		whole ? call->answer.len : 0);
}

int control_calls_call(void *of, uv_loop_t *loop, const char *payload, size_t len,
	void (*done)(void *data, int rc, const char *answer, size_t len), void *data)
{
	struct control_calls *calls = of;
	struct control_call *call = calloc(1, sizeof *call);
	int rc;

	if (call == NULL || uv_async_init(loop, &call->back, on_back) != 0) {
		free(call);
		return TM_ENOMEM;
	}
	call->back.data = call;
	call->done = done;
	call->data = data;
	buf_append(&call->payload, payload, len);
	rc = call->payload.failed ? TM_ENOMEM : queue_push(&calls->queue, &call->item);
	if (rc != 0)
		uv_close((uv_handle_t *)&call->back, closed);
	return rc;
}

void control_call_answer(void *data, const char *answer, size_t len)
{
	struct control_call *call = data;

	buf_append(&call->answer, answer, len);
	atomic_store_explicit(&call->answered, true, memory_order_release);
	uv_async_send(&call->back);
}

void control_calls_close(struct control_calls *calls)
{
	queue_close(&calls->queue, NULL);
}

void control_calls_destroy(struct control_calls *calls)
{
	queue_destroy(&calls->queue);
}
