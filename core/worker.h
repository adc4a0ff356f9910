/* core/worker.h: a thread that listens, parses, routes, and runs reads to the end right there.
 *
 * It has its own loop and listener (SO_REUSEPORT), and for each open tenant a reading connection
 * and a Lua state. What changes data it prepares and sends to the tenant's home, and a read that
 * takes long to its slow lane; their outcomes come back to its inboxes. Requests for a tenant that
 * is closed wait while the server opens it. */
#pragma once

#include "script/settings.h"
#include "script/state.h"
#include "tenant_rooms.h"

#include <stdatomic.h>

struct worker;

struct worker_options {
	const char *host;
	int port;
	const struct http_limits *limits; /* read at the start */
	const struct settings *settings;  /* whose tenants it serves; outlives it */
	struct metrics *metrics;
	const atomic_bool *ready; /* what /readyz tells */
	/* By tenant: when it was last asked for, by uv_now. For whoever looks for the one that was
	 * used longest ago; without order to anything else. */
	_Atomic int64_t *used_ms;
	/* A request has come for a closed tenant: one of the functions below will be called. Any
	 * thread. 0, or TM_EBUSY: it will not. */
	int (*wanted)(void *owner, int tenant);
	void *owner;
};

/* Starts the thread and waits until it listens. */
int worker_start(struct worker **worker, const struct worker_options *options, struct err *err);
int worker_port(const struct worker *worker);

/* The tenant is open: serves it with `state` from the next request on. `adopted` (or NULL) is
 * called on the worker's thread when it does. Any thread. TM_EBUSY: the worker has stopped; the
 * state stays the caller's, and `adopted` is not called. */
int worker_serve(struct worker *worker, int tenant, const struct tenant_rooms *rooms,
	struct state *state, void (*adopted)(void *data), void *data);

/* The tenant could not be opened. */
void worker_refuse(struct worker *worker, int tenant);

/* Lets go of the tenant's store when no request uses it any more; then calls `left` on the worker's
 * thread. TM_EBUSY as above. */
int worker_let_go(struct worker *worker, int tenant, void (*left)(void *data), void *data);

/* Begins a graceful stop; worker_join waits for its end. */
void worker_stop(struct worker *worker, unsigned grace_ms);
void worker_join(struct worker *worker);
