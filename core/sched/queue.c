#include "sched/queue.h"

#include "base/err.h"

static void on_wake(uv_async_t *wake)
{
	struct queue *queue = wake->data;

	queue->ready(queue, queue->consumer);
}

int queue_init(
	struct queue *queue, uv_loop_t *loop, unsigned limit, queue_ready ready, void *consumer)
{
	*queue = (struct queue){.limit = limit, .ready = ready, .consumer = consumer};
	if (uv_mutex_init(&queue->lock) != 0)
		return TM_ENOMEM;
	if (uv_async_init(loop, &queue->wake, on_wake) != 0) {
		uv_mutex_destroy(&queue->lock);
		return TM_ENOMEM;
	}
	queue->wake.data = queue;
	return 0;
}

int queue_push(struct queue *queue, struct queue_item *item)
{
	bool full;

	uv_mutex_lock(&queue->lock);
	full = queue->refuses || queue->count >= queue->limit;
	if (!full) {
		item->next = NULL;
		if (queue->last != NULL)
			queue->last->next = item;
		else
			queue->first = item;
		queue->last = item;
		queue->count++;
		/* Inside the lock: queue_close waits for it before the handle goes. */
		uv_async_send(&queue->wake);
	}
	uv_mutex_unlock(&queue->lock);
	return full ? TM_EBUSY : 0;
}

struct queue_item *queue_pop(struct queue *queue)
{
	struct queue_item *item;

	uv_mutex_lock(&queue->lock);
	item = queue->first;
	if (item != NULL) {
		queue->first = item->next;
		if (queue->first == NULL)
			queue->last = NULL;
		queue->count--;
	}
	uv_mutex_unlock(&queue->lock);
	return item;
}

static void on_closed(uv_handle_t *handle)
{
	struct queue *queue = handle->data;

	if (queue->closed != NULL)
		queue->closed(queue, queue->consumer);
}

void queue_close(struct queue *queue, queue_closed closed)
{
	bool waiting;

	uv_mutex_lock(&queue->lock);
	queue->refuses = true;
	waiting = queue->count > 0;
	uv_mutex_unlock(&queue->lock);
	queue->closed = closed;
	if (waiting)
		queue->ready(queue, queue->consumer);
	uv_close((uv_handle_t *)&queue->wake, on_closed);
}

void queue_destroy(struct queue *queue)
{
	uv_mutex_destroy(&queue->lock);
}
