/* core/keeper.h: the thread that keeps write-ahead logs short, so that no lane has to.
 *
 * Of each store that it is given it moves what is committed from the log into the database whenever
 * the log has grown by some megabytes, and empties the log when nothing has been written for some
 * seconds. A log that grows past a limit, which only readers can cause that hold their snapshot for
 * too long, is told in the server's log and to whoever can end such readers. */
#pragma once

#include "base/metrics.h"
#include "store/store.h"

struct keeper;
struct kept; /* a store that is kept */

/* Starts the thread. */
int keeper_start(struct keeper **keeper, struct metrics *metrics, struct err *err);
/* Joins it, when no store is kept any more. */
void keeper_stop(struct keeper *keeper);

struct kept_options {
	const char *tenant; /* for the log */
	struct store *store;
	int64_t limit; /* bytes */
	/* The log is longer: called on the keeper's thread, each second and each time that it has
	 * grown. May be NULL. */
	void (*over)(void *data);
	void *data;
};

/* From now on, and before the store has a home, which it watches. */
int keeper_take(struct keeper *keeper, struct kept **kept, const struct kept_options *options,
	struct err *err);
/* When nobody writes any more: moves all of the log, so that the database is one whole file. */
void keeper_drop(struct kept *kept);
