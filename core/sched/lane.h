/* core/sched/lane.h: a lane: work that runs strictly one after another, on one thread.
 *
 * A lane belongs to the thread that made it; any thread may push. What a piece of work is, its
 * owner knows: the lane calls `run` with it, and the owner calls lane_ran when the next may begin
 * (perhaps on a later turn of the loop). When no work is waiting, or a group has grown to its
 * bounds, the lane calls `flush`, which commits what ran. A piece whose group was lost is given
 * back with lane_again and runs once more, first in the lane and `alone`.
 *
 * People's work goes before bulk work, and never waits for more than one slice of it: a slice
 * begins a group, so what people have in one is committed before the next slice; and those who came
 * while it ran, which it hears by lane_people_wait, join its group, since one commit is over sooner
 * than two. The bounds of a group count from the first of people's work in it. Whoever is alone
 * waits for neither bound. */
#pragma once

#include "sched/queue.h"

#include <stdatomic.h>

struct lane;

struct lane_work {
	struct queue_item item; /* must be first */
	struct lane_work *next;
	bool bulk;  /* gives way to people's work */
	bool alone; /* set by lane_again: nothing may share its commit */
};

struct lane_bounds {
	unsigned waiting; /* pieces */
	unsigned group;   /* pieces between two flushes */
	int64_t group_ns; /* after that time a group takes no more */
};

struct lane_owner {
	void (*run)(void *owner, struct lane_work *work);
	void (*flush)(void *owner);
	/* Asked when its turn comes: whether people's work had better go after all others', like
	 * bulk. NULL: never. */
	bool (*gives_way)(void *owner, const struct lane_work *work);
	void *owner;
};

struct lane {
	struct queue inbox;
	/* Pieces that have been pushed and have not run yet. Whoever pushes counts first and takes
	 * back what was too much, so the bound holds whichever thread comes when; it orders nothing
	 * else, which is the inbox's business. */
	atomic_uint waiting;
	/* And those of them that are people's: what a slice of bulk asks while it runs. One that it
	 * hears of too late waits for the next row. */
	atomic_uint people_waiting;
	struct lane_bounds bounds;
	struct lane_owner owner;
	struct {
		struct lane_work *first, *last;
	} again, people, bulk;
	struct lane_work *running;
	unsigned group;
	int64_t group_began_ns; /* with people's first piece; 0: none yet */
	bool turning;
	void (*drained)(void *owner);
};

/* Makes a lane on `loop`. */
int lane_init(struct lane *lane, uv_loop_t *loop, const struct lane_bounds *bounds,
	const struct lane_owner *owner);

/* Hands `work` over. Any thread. TM_EBUSY: the lane is full, the work stays the caller's. */
int lane_push(struct lane *lane, struct lane_work *work);

/* Whether people's work waits: a slice of bulk that runs should soon come to its end. Any thread.
 */
bool lane_people_wait(const struct lane *lane);

/* The running piece has run; the next may begin. */
void lane_ran(struct lane *lane, struct lane_work *work);

/* A piece that had run must run again, alone. */
void lane_again(struct lane *lane, struct lane_work *work);

/* Refuses further work, runs what waits, flushes, and calls `drained`. */
void lane_close(struct lane *lane, void (*drained)(void *owner));

/* After the close, when nobody is left who pushes. */
void lane_destroy(struct lane *lane);
