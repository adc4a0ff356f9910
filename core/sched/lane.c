#include "sched/lane.h"

#include "base/clock.h"
#include "base/err.h"

#include <assert.h>
#include <limits.h>

static void append(struct lane_work **first, struct lane_work **last, struct lane_work *work)
{
	work->next = NULL;
	if (*last != NULL)
		(*last)->next = work;
	else
		*first = work;
	*last = work;
}

static struct lane_work *take(struct lane_work **first, struct lane_work **last)
{
	struct lane_work *work = *first;

	if (work != NULL) {
		*first = work->next;
		if (*first == NULL)
			*last = NULL;
	}
	return work;
}

/* What other threads have pushed, sorted into people's work and bulk. Looked at before each piece,
 * so that people never wait for more than the one slice of bulk that runs. */
static void collect(struct lane *lane)
{
	struct queue_item *item;

	while ((item = queue_pop(&lane->inbox)) != NULL) {
		struct lane_work *work = (struct lane_work *)item;

		if (work->bulk)
			append(&lane->bulk.first, &lane->bulk.last, work);
		else
			append(&lane->people.first, &lane->people.last, work);
	}
}

static void leave_count(struct lane *lane, const struct lane_work *work)
{
	atomic_fetch_sub_explicit(&lane->waiting, 1, memory_order_relaxed);
	if (!work->bulk)
		atomic_fetch_sub_explicit(&lane->people_waiting, 1, memory_order_relaxed);
}

/* What had better go after all others is bulk from now on. */
static struct lane_work *next_of_people(struct lane *lane)
{
	struct lane_work *work;

	while ((work = take(&lane->people.first, &lane->people.last)) != NULL) {
		if (lane->owner.gives_way == NULL ||
			!lane->owner.gives_way(lane->owner.owner, work))
			break;
		atomic_fetch_sub_explicit(&lane->people_waiting, 1, memory_order_relaxed);
		work->bulk = true;
		append(&lane->bulk.first, &lane->bulk.last, work);
	}
	return work;
}

static struct lane_work *next_work(struct lane *lane)
{
	struct lane_work *work = take(&lane->again.first, &lane->again.last);

	if (work != NULL)
		return work; /* it has left the count at its first run */
	work = next_of_people(lane);
	if (work == NULL && lane->group == 0)
		work = take(&lane->bulk.first, &lane->bulk.last);
	if (work != NULL)
		leave_count(lane, work);
	return work;
}

static bool group_is_full(const struct lane *lane)
{
	return lane->group >= lane->bounds.group ||
	       (lane->group_began_ns != 0 &&
		       clock_mono_ns() - lane->group_began_ns >= lane->bounds.group_ns);
}

static void join_group(struct lane *lane, const struct lane_work *work)
{
	lane->group++;
	if (!work->bulk && lane->group_began_ns == 0)
		lane->group_began_ns = clock_mono_ns();
}

static void flush(struct lane *lane)
{
	lane->group = 0;
	lane->group_began_ns = 0;
	lane->owner.flush(lane->owner.owner);
}

/* Runs what waits, one after another, and flushes when nothing is left. `turning` keeps a piece
 * that ends inside its own `run`, and a group that is lost inside `flush`, from starting a second
 * turn in the first. */
static void turn(struct lane *lane)
{
	if (lane->turning)
		return;
	lane->turning = true;
	for (;;) {
		collect(lane);
		while (lane->running == NULL && !group_is_full(lane) &&
			(lane->running = next_work(lane)) != NULL) {
			join_group(lane, lane->running);
			lane->owner.run(lane->owner.owner, lane->running);
			collect(lane);
		}
		if (lane->running != NULL || lane->group == 0)
			break;
		flush(lane);
	}
	lane->turning = false;
	if (lane->running == NULL && lane->drained != NULL) {
		void (*drained)(void *) = lane->drained;

		lane->drained = NULL;
		drained(lane->owner.owner);
	}
}

static void on_ready(struct queue *queue, void *consumer)
{
	(void)queue;
	turn(consumer);
}

int lane_init(struct lane *lane, uv_loop_t *loop, const struct lane_bounds *bounds,
	const struct lane_owner *owner)
{
	*lane = (struct lane){.owner = *owner, .bounds = *bounds};
	return queue_init(&lane->inbox, loop, UINT_MAX, on_ready, lane);
}

int lane_push(struct lane *lane, struct lane_work *work)
{
	int rc = TM_EBUSY;

	work->alone = false;
	if (!work->bulk)
		atomic_fetch_add_explicit(&lane->people_waiting, 1, memory_order_relaxed);
	if (atomic_fetch_add_explicit(&lane->waiting, 1, memory_order_relaxed) <
		lane->bounds.waiting)
		rc = queue_push(&lane->inbox, &work->item);
	if (rc != 0)
		leave_count(lane, work);
	return rc;
}

bool lane_people_wait(const struct lane *lane)
{
	return atomic_load_explicit(&lane->people_waiting, memory_order_relaxed) > 0;
}

void lane_ran(struct lane *lane, struct lane_work *work)
{
	assert(lane->running == work);
	lane->running = NULL;
	turn(lane);
}

void lane_again(struct lane *lane, struct lane_work *work)
{
	work->alone = true;
	append(&lane->again.first, &lane->again.last, work);
	turn(lane);
}

void lane_close(struct lane *lane, void (*drained)(void *owner))
{
	lane->drained = drained;
	queue_close(&lane->inbox, NULL);
	turn(lane);
}

void lane_destroy(struct lane *lane)
{
	queue_destroy(&lane->inbox);
}
