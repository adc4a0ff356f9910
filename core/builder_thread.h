/* core/builder_thread.h: the one thread that loads code and writes lists of generations, so that
 * neither the control thread nor one that serves ever stops for it.
 *
 * It is given orders, does them one after another, and gives each back on the loop of whoever
 * started it. An order is embedded in the caller's struct and is the builder's from builder_give
 * until its `done`. */
#pragma once

#include "base/err.h"
#include "sched/queue.h"

struct builder;

struct builder_order {
	struct queue_item item;                    /* must be first */
	void (*work)(struct builder_order *order); /* on the builder's thread */
	void (*done)(struct builder_order *order); /* on the loop */
};

int builder_start(struct builder **builder, uv_loop_t *loop, struct err *err);

/* Hands an order over. The owner of the loop only. */
void builder_give(struct builder *builder, struct builder_order *order);

/* Ends the thread, which must have nothing to do, and begins to close its handle on the loop.
 * builder_thread_free when the loop has ended. */
void builder_stop(struct builder *builder);
void builder_thread_free(struct builder *builder);
