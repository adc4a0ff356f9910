#include "keeper.h"

#include "base/log.h"
#include "text/pinyin.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* The log is moved over each time it has grown by STEP. Commits that come meanwhile keep it from
 * starting again, so past RESTART_AT it is finished while commits wait, which takes about as long
 * as one of them; readers are waited for no longer than WAIT_MS. */
enum { STEP = 4 << 20, RESTART_AT = 4 * STEP, WAIT_MS = 20, TICK_MS = 1000, IDLE_TICKS = 2 };

struct keeper {
	uv_thread_t thread;
	uv_loop_t loop;
	uv_timer_t timer;
	uv_async_t grown, stop;
	struct keeper_options options;
	struct store_wal *wal;
	int64_t told; /* to the metrics */
	bool over, failing;
	uint64_t commits; /* at the last tick */
	unsigned idle;
};

static void tell_outcome(struct keeper *keeper, int rc, const struct err *err)
{
	bool failed = rc < 0 && rc != TM_EBUSY;

	if (failed && !keeper->failing)
		log_event(LOG_ERROR, "checkpoint", "%s", err->text);
	else if (!failed && keeper->failing)
		log_event(LOG_INFO, "checkpoint", "works again");
	keeper->failing = failed;
}

static void tell_size(struct keeper *keeper)
{
	int64_t size = store_wal_size(keeper->options.store);
	bool over = size > keeper->options.limit;
	struct log_line line;

	metrics_gauge_add(keeper->options.metrics, METRICS_WAL_BYTES, size - keeper->told);
	keeper->told = size;
	if (over && keeper->options.over != NULL)
		keeper->options.over(keeper->options.data);
	if (over == keeper->over)
		return;
	keeper->over = over;
	log_begin(&line, over ? LOG_WARN : LOG_INFO, "wal");
	log_int(&line, "bytes", size);
	log_int(&line, "limit", keeper->options.limit);
	log_text(&line, "text",
		over ? "the write-ahead log is long: a reader holds it"
		     : "the write-ahead log is short again");
	log_end(&line);
}

static void checkpoint(struct keeper *keeper, enum store_checkpoint how, int64_t *left)
{
	struct err err;
	int rc = store_wal_checkpoint(
		keeper->wal, how, how == STORE_RESTART ? WAIT_MS : 0, left, &err);

	tell_outcome(keeper, rc, &err);
}

static void on_grown(uv_async_t *async)
{
	struct keeper *keeper = async->data;
	int64_t left = 0;

	tell_size(keeper);
	checkpoint(keeper, STORE_MOVE, &left);
	if (left > 0 && store_wal_size(keeper->options.store) >= RESTART_AT)
		checkpoint(keeper, STORE_RESTART, &left);
}

static void on_tick(uv_timer_t *timer)
{
	struct keeper *keeper = timer->data;
	uint64_t commits = store_commits(keeper->options.store);
	int64_t left = 0;

	keeper->idle = commits == keeper->commits ? keeper->idle + 1 : 0;
	keeper->commits = commits;
	if (keeper->idle >= IDLE_TICKS && store_wal_size(keeper->options.store) > 0) {
		checkpoint(keeper, STORE_MOVE, &left);
		if (left == 0)
			checkpoint(keeper, STORE_TRUNCATE, &left);
	}
	tell_size(keeper);
}

static void on_stop(uv_async_t *async)
{
	struct keeper *keeper = async->data;

	uv_close((uv_handle_t *)&keeper->timer, NULL);
	uv_close((uv_handle_t *)&keeper->grown, NULL);
	uv_close((uv_handle_t *)&keeper->stop, NULL);
}

static void wake(void *data)
{
	struct keeper *keeper = data;

	uv_async_send(&keeper->grown);
}

static void keep(void *data)
{
	struct keeper *keeper = data;
	int64_t left = 0;

	/* What an earlier process has left is known from now on. */
	checkpoint(keeper, STORE_MOVE, &left);
	/* Otherwise the first request that asks would wait 0.2 s; whoever finds no memory tries
	 * again. */
	pinyin_start();
	uv_run(&keeper->loop, UV_RUN_DEFAULT);
	/* Nobody writes any more: the database is one whole file when the server is down. */
	checkpoint(keeper, STORE_TRUNCATE, &left);
	metrics_gauge_add(keeper->options.metrics, METRICS_WAL_BYTES, -keeper->told);
	store_wal_close(keeper->wal);
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
		rc = uv_timer_start(&keeper->timer, on_tick, TICK_MS, TICK_MS);
	keeper->timer.data = keeper->grown.data = keeper->stop.data = keeper;
	return rc;
}

int keeper_start(struct keeper **made, const struct keeper_options *options, struct err *err)
{
	struct keeper *keeper = calloc(1, sizeof *keeper);
	int rc;

	if (keeper == NULL)
		return err_set(err, TM_ENOMEM, "no memory");
	keeper->options = *options;
	rc = store_wal_open(&keeper->wal, options->store, err);
	if (rc == 0 && open_loop(keeper) != 0)
		rc = err_set(err, TM_ENOMEM, "no memory");
	if (rc == 0)
		store_wal_watch(options->store, STEP, wake, keeper);
	if (rc == 0 && uv_thread_create(&keeper->thread, keep, keeper) != 0)
		rc = err_set(err, TM_ENOMEM, "cannot start a thread");
	if (rc != 0) {
		/* The program ends after this: what was opened goes with it. */
		free(keeper);
		return rc;
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
	free(keeper);
}
