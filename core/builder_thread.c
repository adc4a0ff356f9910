#include "builder_thread.h"

#include <stdbool.h>
#include <stdlib.h>

enum { ORDERS_LIMIT = 4096 }; /* one at a time for each tenant that is open */

struct builder {
	uv_thread_t thread;
	uv_mutex_t lock;
	uv_cond_t given;
	struct queue_item *next; /* the newest first; under the lock */
	bool stop;               /* under the lock */
	struct queue back;
};

/* The oldest order; NULL when it is to stop. */
static struct builder_order *take(struct builder *builder)
{
	struct queue_item **at, *item;

	uv_mutex_lock(&builder->lock);
	while (builder->next == NULL && !builder->stop)
		uv_cond_wait(&builder->given, &builder->lock);
	for (at = &builder->next; *at != NULL && (*at)->next != NULL; at = &(*at)->next)
		;
	item = *at;
	*at = NULL;
	uv_mutex_unlock(&builder->lock);
	return (struct builder_order *)item;
}

static void run(void *data)
{
	struct builder *builder = data;
	struct builder_order *order;

	while ((order = take(builder)) != NULL) {
		order->work(order);
		if (queue_push(&builder->back, &order->item) != 0)
			abort(); /* there are never so many */
	}
}

static void on_back(struct queue *queue, void *consumer)
{
	struct builder_order *order;

	(void)consumer;
	while ((order = (struct builder_order *)queue_pop(queue)) != NULL)
		order->done(order);
}

int builder_start(struct builder **made, uv_loop_t *loop, struct err *err)
{
	struct builder *builder = calloc(1, sizeof *builder);

	/* The program ends when this fails, and what has been made so far with it. */
	if (builder == NULL || uv_mutex_init(&builder->lock) != 0 ||
		uv_cond_init(&builder->given) != 0 ||
		queue_init(&builder->back, loop, ORDERS_LIMIT, on_back, builder) != 0 ||
		uv_thread_create(&builder->thread, run, builder) != 0)
		return err_set(err, TM_ENOMEM, "cannot start a thread");
	*made = builder;
	return 0;
}

void builder_give(struct builder *builder, struct builder_order *order)
{
	uv_mutex_lock(&builder->lock);
	order->item.next = builder->next;
	builder->next = &order->item;
	uv_cond_signal(&builder->given);
	uv_mutex_unlock(&builder->lock);
}

void builder_stop(struct builder *builder)
{
	if (builder == NULL)
		return;
	uv_mutex_lock(&builder->lock);
	builder->stop = true;
	uv_cond_signal(&builder->given);
	uv_mutex_unlock(&builder->lock);
	uv_thread_join(&builder->thread);
	queue_close(&builder->back, NULL);
}

void builder_thread_free(struct builder *builder)
{
	if (builder == NULL)
		return;
	queue_destroy(&builder->back);
	uv_cond_destroy(&builder->given);
	uv_mutex_destroy(&builder->lock);
	free(builder);
}
