#include "home.h"

#include "answer_copy.h"
#include "base/clock.h"
#include "base/log.h"
#include "replacement.h"
#include "sched/loop.h"
#include "script/fuse.h"
#include "script/watchdog.h"
#include "steps.h"

#include <stdlib.h>
#include <string.h>

/* How many writes may wait; how many share a commit at most, and how long the first of them waits
 * for the others. */
static const struct lane_bounds bounds = {.waiting = 1024, .group = 64, .group_ns = 20000000};

struct home {
	uv_thread_t thread;
	uv_loop_t loop;
	struct lane lane;
	struct store *store;
	struct store_conn *conn;
	struct metrics *metrics;
	struct meters *meters;
	const char *tenant;
	struct state *state;      /* NULL before the first, and while another is made */
	struct lane_work *parked; /* what waits for a state */
	struct queue stop;
	struct queue_item stop_item;
};

struct write *home_write_new(enum write_kind kind)
{
	struct write *write = calloc(1, sizeof *write);

	if (write == NULL)
		return NULL;
	write->kind = kind;
	write->work.bulk = kind == WRITE_BULK;
	return write;
}

void home_write_free(struct write *write)
{
	if (write == NULL)
		return;
	buf_free(&write->text);
	buf_free(&write->answer_text);
	free(write);
}

static void copy_text(struct write *write, struct http_text text)
{
	buf_clear(&write->answer_text);
	buf_append(&write->answer_text, text.data, text.len);
	if (buf_text(&write->answer_text) == NULL)
		write->rc = TM_ENOMEM;
}

static void give_back(struct write *write)
{
	/* A reply's queue has room for all that can be under way. */
	if (queue_push(write->reply, &write->work.item) != 0)
		log_event(LOG_ERROR, "home", "an answer found its thread gone");
}

static void fail(struct write *write, int rc, const char *text)
{
	write->rc = rc;
	buf_clear(&write->answer_text);
	buf_puts(&write->answer_text, text);
}

/* One of the two states is retired, here where it has run: perhaps inside its last task. */
static void switch_over(struct write *write)
{
	struct home *home = write->home;
	struct state *over = write->rc == 0 ? home->state : write->state;

	if (write->rc == 0)
		home->state = write->state;
	if (over != NULL)
		state_retire(over);
}

static void count_outcome(struct home *home, int rc)
{
	if (rc == TM_ELOST)
		metrics_count(home->metrics, METRICS_UNITS_LOST);
	else if (rc == TM_EUNKNOWN)
		metrics_count(home->metrics, METRICS_OUTCOMES_UNKNOWN);
	else if (rc != 0)
		metrics_count(home->metrics, METRICS_COMMITS_FAILED);
}

/* The unit is on disk, undone, or lost. */
static void unit_over(void *data, int rc, const struct err *err)
{
	struct write *write = data;

	count_outcome(write->home, rc);
	if (rc == TM_ELOST && !write->work.alone) {
		lane_again(&write->home->lane, &write->work);
		return;
	}
	if (rc != 0)
		fail(write, rc, err->text);
	if (write->kind == WRITE_SWITCH)
		switch_over(write);
	give_back(write);
}

static void end_unit(struct write *write, enum store_verdict verdict)
{
	struct home *home = write->home;
	bool share = write->kind != WRITE_SWITCH;

	store_unit_end(write->unit, verdict, unit_over, write);
	if (!share)
		store_flush(home->conn);
	lane_ran(&home->lane, &write->work);
}

static void run(void *owner, struct lane_work *work);

static void attach(struct home *home, struct state *state)
{
	state_attach(state, &(struct state_host){.loop = &home->loop,
				    .store = home->store,
				    .conn = home->conn,
				    .metrics = home->metrics,
				    .meters = home->meters,
				    .tenant = home->tenant,
				    .lane = &home->lane});
}

/* A switch may have brought another meanwhile. */
static void replaced(void *data, struct state *state)
{
	struct home *home = data;
	struct lane_work *work = home->parked;

	if (home->state != NULL) {
		state_retire(state);
		return;
	}
	attach(home, state);
	home->state = state;
	home->parked = NULL;
	if (work != NULL)
		run(home, work);
}

static void replace_if_spoilt(struct home *home)
{
	if (home->state == NULL || !state_is_spoilt(home->state))
		return;
	replacement_start(&home->loop, state_sources(home->state), state_budgets(home->state),
		replaced, home);
	state_retire(home->state);
	home->state = NULL;
}

static void task_over(void *data, const struct task_result *result)
{
	struct write *write = data;
	enum store_verdict verdict = STORE_KEEP;
	struct err err;

	write->rc = result->rc;
	write->breach = result->breach;
	replace_if_spoilt(write->home);
	if (result->rc != 0) {
		fail(write, result->rc, result->text.data != NULL ? result->text.data : "");
		verdict = STORE_UNDO;
	} else if (write->kind == WRITE_REQUEST) {
		write->rc = answer_copy(&write->answer, &write->answer_text, &result->answer);
		if (write->rc != 0 || write->answer.status >= 400)
			verdict = STORE_UNDO;
	} else {
		copy_text(write, result->text);
		if (write->rc == 0 && write->kind == WRITE_SWITCH &&
			step_reached("schema", &err) != 0)
			fail(write, err.code, err.text);
		if (write->rc != 0)
			verdict = STORE_UNDO;
	}
	end_unit(write, verdict);
}

static void run_bulk(struct home *home, struct write *write)
{
	const char *name = write->text.data;
	size_t name_len = strlen(name) + 1;

	state_bulk(home->state, write->unit, name, name + name_len, write->text.len - name_len,
		task_over, write);
}

static void run(void *owner, struct lane_work *work)
{
	struct home *home = owner;
	struct write *write = (struct write *)work;

	write->home = home;
	write->rc = 0;
	if (write->counted)
		metrics_gauge_add(home->metrics, METRICS_HOME_WAITING, -1);
	write->counted = false;
	if (home->state == NULL && write->kind != WRITE_SWITCH) {
		home->parked = work;
		store_flush(home->conn);
		return;
	}
	if (write->kind == WRITE_SWITCH) {
		store_flush(home->conn);
		attach(home, write->state);
	}
	write->unit = store_unit_begin(home->conn, work->alone || write->kind == WRITE_SWITCH);
	if (write->unit == NULL) {
		fail(write, TM_ENOMEM, "no memory");
		if (write->kind == WRITE_SWITCH)
			switch_over(write);
		give_back(write);
		lane_ran(&home->lane, work);
		return;
	}
	switch (write->kind) {
	case WRITE_REQUEST:
		state_write(home->state, write->unit, write->request, write->text.data,
			write->text.len, task_over, write);
		break;
	case WRITE_BULK:
		run_bulk(home, write);
		break;
	case WRITE_SWITCH:
		state_apply_schema(write->state, write->unit, task_over, write);
		break;
	}
}

/* Actions of a plugin that has just broken its budget may well do it again. */
static bool gives_way(void *owner, const struct lane_work *work)
{
	const struct home *home = owner;

	return fuse_is_blamed(home->tenant, ((const struct write *)work)->plugin);
}

static void flush(void *owner)
{
	struct home *home = owner;
	unsigned units = store_waiting(home->conn);
	int64_t began = clock_mono_ns();

	store_flush(home->conn);
	if (units > 0)
		metrics_commit(home->metrics, units, clock_mono_ns() - began);
}

static void drained(void *owner)
{
	struct home *home = owner;

	queue_close(&home->stop, NULL);
}

static void on_stop(struct queue *queue, void *consumer)
{
	struct home *home = consumer;

	if (queue_pop(queue) != NULL)
		lane_close(&home->lane, drained);
}

static void serve(void *data)
{
	struct home *home = data;

	uv_run(&home->loop, UV_RUN_DEFAULT);
	if (home->state != NULL)
		state_retire(home->state);
	store_conn_close(home->conn);
	uv_loop_close(&home->loop);
}

int home_start(struct home **made, const struct home_options *options, struct err *err)
{
	struct home *home = calloc(1, sizeof *home);
	int rc;

	if (home == NULL || loop_make(&home->loop) != 0) {
		free(home);
		return err_set(err, TM_ENOMEM, "no memory");
	}
	home->store = options->store;
	home->metrics = options->metrics;
	home->meters = options->meters;
	home->tenant = options->tenant;
	rc = store_conn_open(&home->conn, home->store, STORE_WRITE, err);
	if (rc == 0)
		store_stop_when(home->conn, watch_has_ended);
	if (rc == 0 && options->record != NULL)
		rc = store_record(home->conn, options->record, err);
	if (rc != 0)
		goto out;
	rc = lane_init(&home->lane, &home->loop, &bounds,
		&(struct lane_owner){
			.run = run, .flush = flush, .gives_way = gives_way, .owner = home});
	if (rc == 0)
		rc = queue_init(&home->stop, &home->loop, 1, on_stop, home);
	if (rc == 0)
		rc = uv_thread_create(&home->thread, serve, home) == 0 ? 0 : TM_ENOMEM;
	if (rc == 0) {
		*made = home;
		return 0;
	}
	err_set(err, rc, "cannot start a thread");
out:
	if (home->conn != NULL)
		store_conn_close(home->conn);
	loop_drop(&home->loop);
	free(home);
	return rc;
}

int home_push(struct home *home, struct write *write)
{
	int rc;

	/* Counted first: once it is pushed, it is the home's. */
	write->counted = true;
	metrics_gauge_add(home->metrics, METRICS_HOME_WAITING, 1);
	rc = lane_push(&home->lane, &write->work);
	if (rc != 0)
		metrics_gauge_add(home->metrics, METRICS_HOME_WAITING, -1);
	return rc;
}

void home_stop(struct home *home)
{
	if (home == NULL)
		return;
	queue_push(&home->stop, &home->stop_item);
	uv_thread_join(&home->thread);
	lane_destroy(&home->lane);
	queue_destroy(&home->stop);
	free(home);
}
