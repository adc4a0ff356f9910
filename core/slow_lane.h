/* core/slow_lane.h: where reads go that would hold up others on a worker.
 *
 * A few threads of low priority take reads from one bounded list, oldest first, and run each from
 * its start, in a snapshot of its own. A read changes nothing, so it may have run half-way on a
 * worker before. A thread has its own reading connection, and a Lua state of the generation that
 * serves, made in libuv's pool when there is something to do and dropped when nothing has come for
 * a while. */
#pragma once

#include "base/buf.h"
#include "base/metrics.h"
#include "control_calls.h"
#include "sched/queue.h"
#include "script/pace.h"
#include "script/state.h"

struct slow_lane;

struct slow_read {
	struct queue_item item; /* must be first; of the lane's list, then of the reply */
	const struct http_request *request;
	struct queue *reply;
	void (*done)(struct slow_read *read); /* on the reply's thread, which owns it again */
	void *data;

	/* The outcome: `answer` stands when rc is 0; TM_EGIVEWAY: it was in the way of writes. */
	int rc;
	unsigned route;
	struct http_answer answer; /* points into `memory` */
	struct buf memory;         /* or why it failed */
	struct breach_words breach;
};

struct slow_read *slow_read_new(void);
void slow_read_free(struct slow_read *read);

struct slow_lane_options {
	const char *tenant;
	int threads;
	struct store *store;
	struct attempts *attempts;
	struct meters *meters;
	struct metrics *metrics;
	struct pace *pace;
	int hold_ms; /* how old a snapshot may be that others need back */
};

int slow_lane_start(
	struct slow_lane **lane, const struct slow_lane_options *options, struct err *err);

/* Reads that begin from now on run with `gen`, and may ask `generations` (or NULL). Any thread. */
void slow_lane_switch(struct slow_lane *lane, struct generation *gen, const struct budgets *budgets,
	struct control_calls *generations);

/* Hands `read` over; TM_EBUSY when too many wait: it stays the caller's. Any thread. */
int slow_lane_push(struct slow_lane *lane, struct slow_read *read);

/* Ends the reads that have run for longer than hold_ms: they hold snapshots, which others need
 * back. Any thread. */
void slow_lane_give_way(struct slow_lane *lane);

/* Finishes what waits and joins the threads. When nobody pushes any more. */
void slow_lane_stop(struct slow_lane *lane);
void slow_lane_free(struct slow_lane *lane);
