/* core/keeper.h: the thread that keeps the write-ahead log short, so that no lane has to.
 *
 * It moves what is committed from the log into the database whenever the log has grown by some
 * megabytes, and empties the log when nothing has been written for some seconds. A log that grows
 * past a limit, which only readers can cause that hold their snapshot for too long, is told in the
 * server's log and to whoever can end such readers. At its start it also gets ready what would hold
 * up the first request that needs it (pinyin). */
#pragma once

#include "base/metrics.h"
#include "store/store.h"

struct keeper;

struct keeper_options {
	struct store *store;
	struct metrics *metrics;
	int64_t limit; /* bytes */
	/* The log is longer: called on the keeper's thread, each second and each time that it has
	 * grown. May be NULL. */
	void (*over)(void *data);
	void *data;
};

/* Starts the thread; before the home, which it watches. */
int keeper_start(struct keeper **keeper, const struct keeper_options *options, struct err *err);

/* Joins the thread; after the home. */
void keeper_stop(struct keeper *keeper);
