/* core/sched/queue.h: hands work from any thread to one thread.
 *
 * A queue belongs to the thread that made it (its consumer). Any thread may push; only the consumer
 * pops, and it is woken through its own loop. Items are embedded in the caller's struct and change
 * owner at the push: after it, the producer must not touch them. Order is kept per producer.
 *
 * A queue is bounded. A full queue refuses, and the caller answers "busy": waiting work is never
 * allowed to become the server's memory. */
#pragma once

#include <stdbool.h>
#include <uv.h>

struct queue_item {
	struct queue_item *next;
};

struct queue;

typedef void (*queue_ready)(struct queue *queue, void *consumer);
typedef void (*queue_closed)(struct queue *queue, void *consumer);

struct queue {
	uv_async_t wake;
	uv_mutex_t lock;
	struct queue_item *first, *last;
	unsigned count, limit;
	bool refuses;
	queue_ready ready;
	queue_closed closed;
	void *consumer;
};

/* Makes a queue for at most `limit` items, consumed on `loop`; `ready` runs there when items wait.
 */
int queue_init(
	struct queue *queue, uv_loop_t *loop, unsigned limit, queue_ready ready, void *consumer);

/* Hands `item` over. Returns 0, or TM_EBUSY when the queue is full or closing: the item stays the
 * caller's. */
int queue_push(struct queue *queue, struct queue_item *item);

/* Takes the oldest item, or NULL. Consumer only. */
struct queue_item *queue_pop(struct queue *queue);

/* Refuses further items and calls `closed` (or NULL) on the consumer's loop once the queue is empty
 * and its handle is gone. Consumer only. Producers may go on to push, and are refused. */
void queue_close(struct queue *queue, queue_closed closed);

/* After the close, when no producer is left. */
void queue_destroy(struct queue *queue);
