/* core/worker.h: a thread that listens, parses, routes, and runs reads to the end right there.
 *
 * It has its own loop, listener (SO_REUSEPORT), reading connection and Lua state. What changes data
 * it prepares and sends to the home, and a read that takes long to the slow lane; their outcomes
 * come back to its inboxes. */
#pragma once

#include "control_calls.h"
#include "home.h"
#include "script/state.h"
#include "slow_lane.h"

#include <stdatomic.h>

struct worker;

struct worker_options {
	const char *host;
	int port;
	const struct http_limits *limits; /* read at the start */
	struct store *store;
	struct home *home;
	struct slow_lane *slow;
	struct pace *pace;
	struct attempts *attempts;
	struct meters *meters;
	struct metrics *metrics;
	struct control_calls *generations;
	struct state *state;      /* the first one; the worker's from then on */
	const atomic_bool *ready; /* what /readyz tells */
	bool log_requests;
};

/* Starts the thread and waits until it listens. */
int worker_start(struct worker **worker, const struct worker_options *options, struct err *err);
int worker_port(const struct worker *worker);

/* Serves with `state` from the next request on, and calls `adopted` on its thread when it does. Any
 * thread. TM_EBUSY: the worker has stopped, the state stays the caller's. */
int worker_switch(
	struct worker *worker, struct state *state, void (*adopted)(void *data), void *data);

/* Begins a graceful stop; worker_join waits for its end. */
void worker_stop(struct worker *worker, unsigned grace_ms);
void worker_join(struct worker *worker);
