#include "keeper.h"

#include "base/log.h"
#include "sched/queue.h"
#include "text/pinyin.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* The log is moved over each time it has grown by STEP. Commits that come meanwhile keep it from
 * starting again, so past RESTART_AT it is finished while commits wait, which takes about as long
 * as one of them; readers are waited for no longer than WAIT_MS. */
enum { STEP = 4 << 20, RESTART_AT = 4 * STEP, WAIT_MS = 20, TICK_MS = 1000, IDLE_TICKS = 2 };

enum { ORDERS_LIMIT = 1 << 16 };

struct order {
	struct queue_item item; /* must be first */
	void (*run)(struct kept *kept);
	struct kept *kept;
};

/* A store may be dropped before the thread has come to take it: each order has its own item. */
struct kept {
	struct order take, drop;
	struct keeper *keeper;
	struct kept *next;
	struct kept_options options;
	struct store_wal *wal;
	atomic_bool grown; /* relaxed: the wake-up that follows orders it */
	uv_sem_t dropped;

	int64_t told; /* to the metrics */
	bool over, failing;
	uint64_t commits; /* at the last tick */
	unsigned idle;
};

struct keeper {
	uv_thread_t thread;
	uv_loop_t loop;
	uv_timer_t timer;
	uv_async_t grown, stop;
	struct queue orders;
	struct metrics *metrics;
	struct kept *first;
};

static void tell_outcome(struct kept *kept, int rc, const struct err *err)
{
	bool failed = rc < 0 && rc != TM_EBUSY;

	if (failed && !kept->failing)
		log_event(LOG_ERROR, "checkpoint", "%s: %s", kept->options.tenant, err->text);
	else if (!failed && kept->failing)
		log_event(LOG_INFO, "checkpoint", "%s: works again", kept->options.tenant);
	kept->failing = failed;
}

static void tell_metrics(struct kept *kept, int64_t size)
{
	metrics_gauge_add(kept->keeper->metrics, METRICS_WAL_BYTES, size - kept->told);
	kept->told = size;
}

static void tell_size(struct kept *kept)
{
	int64_t size = store_wal_size(kept->options.store);
	bool over = size > kept->options.limit;
	struct log_line line;

	tell_metrics(kept, size);
	if (over && kept->options.over != NULL)
		kept->options.over(kept->options.data);
	if (over == kept->over)
		return;
	kept->over = over;
	log_begin(&line, over ? LOG_WARN : LOG_INFO, "wal");
	log_text(&line, "tenant", kept->options.tenant);
	log_int(&line, "bytes", size);
	log_int(&line, "limit", kept->options.limit);
	log_text(&line, "text",
		over ? "the write-ahead log is long: a reader holds it"
		     : "the write-ahead log is short again");
	log_end(&line);
}

static void checkpoint(struct kept *kept, enum store_checkpoint how, int64_t *left)
{
	struct err err;
	int rc = store_wal_checkpoint(
		kept->wal, how, how == STORE_RESTART ? WAIT_MS : 0, left, &err);

	tell_outcome(kept, rc, &err);
}

static void move_grown(struct kept *kept)
{
	int64_t left = 0;

	if (!atomic_exchange_explicit(&kept->grown, false, memory_order_relaxed))
		return;
	tell_size(kept);
	checkpoint(kept, STORE_MOVE, &left);
	if (left > 0 && store_wal_size(kept->options.store) >= RESTART_AT)
		checkpoint(kept, STORE_RESTART, &left);
}

static void empty_idle(struct kept *kept)
{
	uint64_t commits = store_commits(kept->options.store);
	int64_t left = 0;

	kept->idle = commits == kept->commits ? kept->idle + 1 : 0;
	kept->commits = commits;
	if (kept->idle >= IDLE_TICKS && store_wal_size(kept->options.store) > 0) {
		checkpoint(kept, STORE_MOVE, &left);
		if (left == 0)
			checkpoint(kept, STORE_TRUNCATE, &left);
	}
	tell_size(kept);
}

static void on_grown(uv_async_t *async)
{
	struct keeper *keeper = async->data;

	for (struct kept *kept = keeper->first; kept != NULL; kept = kept->next)
		move_grown(kept);
}

static void on_tick(uv_timer_t *timer)
{
	struct keeper *keeper = timer->data;

	for (struct kept *kept = keeper->first; kept != NULL; kept = kept->next)
		empty_idle(kept);
}

static void take(struct kept *kept)
{
	struct keeper *keeper = kept->keeper;
	int64_t left = 0;

	kept->next = keeper->first;
	keeper->first = kept;
	/* What an earlier process has left is known from now on. */
	checkpoint(kept, STORE_MOVE, &left);
}

static void drop(struct kept *kept)
{
	struct kept **at = &kept->keeper->first;
	int64_t left = 0;

	while (*at != kept)
		at = &(*at)->next;
	*at = kept->next;
	checkpoint(kept, STORE_TRUNCATE, &left);
	tell_metrics(kept, 0);
	store_wal_close(kept->wal);
	uv_sem_post(&kept->dropped);
}

static void on_orders(struct queue *queue, void *consumer)
{
	struct order *order;

	(void)consumer;
	while ((order = (struct order *)queue_pop(queue)) != NULL)
		order->run(order->kept);
}

static void on_stop(uv_async_t *async)
{
	struct keeper *keeper = async->data;

	uv_close((uv_handle_t *)&keeper->timer, NULL);
	uv_close((uv_handle_t *)&keeper->grown, NULL);
	uv_close((uv_handle_t *)&keeper->stop, NULL);
	queue_close(&keeper->orders, NULL);
}

/* On the home's thread. */
static void wake(void *data)
{
	struct kept *kept = data;

	atomic_store_explicit(&kept->grown, true, memory_order_relaxed);
	uv_async_send(&kept->keeper->grown);
}

static void keep(void *data)
{
	struct keeper *keeper = data;

	/* Otherwise the first request that asks would wait 0.2 s; whoever finds no memory tries
	 * again. */
	pinyin_start();
	uv_run(&keeper->loop, UV_RUN_DEFAULT);
	uv_loop_close(&keeper->loop);
}

static int open_loop(struct keeper *keeper)
{
	int rc = uv_loop_init(&keeper->loop);

	if (rc == 0)
		rc = uv_timer_init(&keeper->loop, &keeper->timer);
	if (rc == 0)
		rc = uv_async_init(&keeper->loop, &keeper->grown, on_grown);
	if (rc == 0)
		rc = uv_async_init(&keeper->loop, &keeper->stop, on_stop);
	if (rc == 0)
		rc = queue_init(&keeper->orders, &keeper->loop, ORDERS_LIMIT, on_orders, keeper);
	if (rc == 0)
		rc = uv_timer_start(&keeper->timer, on_tick, TICK_MS, TICK_MS);
	keeper->timer.data = keeper->grown.data = keeper->stop.data = keeper;
	return rc;
}

int keeper_start(struct keeper **made, struct metrics *metrics, struct err *err)
{
	struct keeper *keeper = calloc(1, sizeof *keeper);

	if (keeper == NULL)
		return err_set(err, TM_ENOMEM, "no memory");
	keeper->metrics = metrics;
	if (open_loop(keeper) != 0 || uv_thread_create(&keeper->thread, keep, keeper) != 0) {
		/* The program ends after this: what was opened goes with it. */
		free(keeper);
		return err_set(err, TM_ENOMEM, "cannot start a thread");
	}
	*made = keeper;
	return 0;
}

void keeper_stop(struct keeper *keeper)
{
	if (keeper == NULL)
		return;
	uv_async_send(&keeper->stop);
	uv_thread_join(&keeper->thread);
	queue_destroy(&keeper->orders);
	free(keeper);
}

int keeper_take(struct keeper *keeper, struct kept **made, const struct kept_options *options,
	struct err *err)
{
	struct kept *kept = calloc(1, sizeof *kept);
	int rc;

	if (kept == NULL || uv_sem_init(&kept->dropped, 0) != 0) {
		free(kept);
		return err_set(err, TM_ENOMEM, "no memory");
	}
	kept->keeper = keeper;
	kept->options = *options;
	kept->take = (struct order){.run = take, .kept = kept};
	kept->drop = (struct order){.run = drop, .kept = kept};
	rc = store_wal_open(&kept->wal, options->store, err);
	if (rc == 0) {
		store_wal_watch(options->store, STEP, wake, kept);
		rc = queue_push(&keeper->orders, &kept->take.item);
	}
	if (rc != 0) {
		if (kept->wal != NULL)
			store_wal_close(kept->wal);
		uv_sem_destroy(&kept->dropped);
		free(kept);
		return rc;
	}
	*made = kept;
	return 0;
}

void keeper_drop(struct kept *kept)
{
	if (kept == NULL)
		return;
	if (queue_push(&kept->keeper->orders, &kept->drop.item) != 0)
		abort(); /* the keeper is stopped after all others */
	uv_sem_wait(&kept->dropped);
	uv_sem_destroy(&kept->dropped);
	free(kept);
}
