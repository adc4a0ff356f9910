#include "slow_lane.h"

#include "answer_copy.h"
#include "base/clock.h"
#include "base/log.h"
#include "replacement.h"
#include "sched/loop.h"
#include "script/watchdog.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* How many reads may wait; how much less than others the threads may run (nice); after how long
 * without work a thread drops its state. */
enum { WAITING_MOST = 256, NICENESS = 10, IDLE_MS = 60000 };

struct slow_thread {
	struct slow_lane *lane;
	uv_thread_t thread;
	uv_loop_t loop;
	uv_async_t wake;
	uv_timer_t idle; /* drops the state */
	struct store_conn *conn;
	struct watch_place *place;
	struct state *state;    /* NULL: none is needed, or one is being made */
	struct generation *gen; /* the state's, or of the one that is being made */
	struct control_calls *generations;
	bool making;
	struct slow_read *running;
	int64_t began_ns; /* by clock_thread_ns: others may run meanwhile */
	int64_t since_ns; /* by clock_mono_ns, under the lane's lock; 0: nothing runs */
	int quick_ms;     /* beyond which a read was slow */
	uv_sem_t started;
};

struct slow_lane {
	struct slow_lane_options options;
	/* The lock is for what follows it, up to `threads`. */
	uv_mutex_t lock;
	struct queue_item *first, *last;
	unsigned count;
	struct generation *gen;
	struct budgets budgets;
	struct control_calls *generations;
	bool stops;
	int thread_count;
	struct slow_thread threads[];
};

struct slow_read *slow_read_new(void)
{
	return calloc(1, sizeof(struct slow_read));
}

void slow_read_free(struct slow_read *read)
{
	if (read == NULL)
		return;
	buf_free(&read->memory);
	free(read);
}

static struct slow_read *take(struct slow_lane *lane)
{
	struct queue_item *item = lane->first;

	if (item == NULL)
		return NULL;
	lane->first = item->next;
	if (lane->first == NULL)
		lane->last = NULL;
	lane->count--;
	metrics_gauge_add(lane->options.metrics, METRICS_SLOW_WAITING, -1);
	return (struct slow_read *)item;
}

static void drop_state(struct slow_thread *thread)
{
	if (thread->state != NULL)
		state_retire(thread->state);
	if (thread->gen != NULL)
		generation_drop(thread->gen);
	thread->state = NULL;
	thread->gen = NULL;
}

static void go_on(struct slow_thread *thread);

static void state_made(void *data, struct state *state)
{
	struct slow_thread *thread = data;

	thread->making = false;
	thread->state = state;
	state_attach(state,
		&(struct state_host){.loop = &thread->loop,
			.store = thread->lane->options.store,
			.conn = thread->conn,
			.control_call = thread->generations != NULL ? control_calls_call : NULL,
			.control = thread->generations,
			.attempts = thread->lane->options.attempts,
			.meters = thread->lane->options.meters,
			.metrics = thread->lane->options.metrics,
			.tenant = thread->lane->options.tenant});
	go_on(thread);
}

/* Whether the thread has a state of the generation that serves; has one made otherwise. Under the
 * lock. */
static bool has_state(struct slow_thread *thread)
{
	struct slow_lane *lane = thread->lane;
	struct budgets budgets = lane->budgets;

	if (thread->making)
		return false;
	if (thread->state != NULL && thread->gen == lane->gen && !state_is_spoilt(thread->state))
		return true;
	drop_state(thread);
	thread->gen = generation_take(lane->gen);
	thread->making = true;
	thread->generations = lane->generations;
	thread->quick_ms = budgets.quick_ms;
	budgets.read_ms = budgets.slow_ms;
	replacement_start(&thread->loop, thread->gen, &budgets, state_made, thread);
	return false;
}

static void read_over(void *data, const struct task_result *result)
{
	struct slow_thread *thread = data;
	struct slow_lane *lane = thread->lane;
	struct slow_read *read = thread->running;
	int64_t took_ms = (clock_thread_ns() - thread->began_ns) / 1000000;

	thread->running = NULL;
	read->rc = result->rc;
	read->route = result->route;
	read->breach = result->breach;
	if (result->rc == 0)
		read->rc = answer_copy(&read->answer, &read->memory, &result->answer);
	else
		buf_append(&read->memory, result->text.data, result->text.len);
	pace_count(lane->options.pace, result->route, took_ms >= thread->quick_ms);
	/* A reply's queue has room for all that can be under way. */
	if (queue_push(read->reply, &read->item) != 0)
		log_event(LOG_ERROR, "slow", "an answer found its thread gone");
	uv_async_send(&thread->wake); /* the next one, when this callback is over */
}

/* Nothing has come: a state that nobody needs is memory. */
static void on_idle(uv_timer_t *timer)
{
	struct slow_thread *thread = timer->data;

	if (thread->running == NULL && !thread->making)
		drop_state(thread);
}

static void close_thread(struct slow_thread *thread)
{
	uv_close((uv_handle_t *)&thread->wake, NULL);
	uv_close((uv_handle_t *)&thread->idle, NULL);
}

/* Takes the next read, if there is one and the thread is free. */
static void go_on(struct slow_thread *thread)
{
	struct slow_lane *lane = thread->lane;
	struct slow_read *read = NULL;
	bool stops;

	if (thread->running != NULL)
		return;
	uv_mutex_lock(&lane->lock);
	if (lane->first != NULL && has_state(thread))
		read = take(lane);
	else if (lane->gen != thread->gen && !thread->making)
		drop_state(thread); /* an old generation's */
	thread->since_ns = read != NULL ? clock_mono_ns() : 0;
	stops = lane->stops && lane->first == NULL && !thread->making;
	uv_mutex_unlock(&lane->lock);
	if (read != NULL) {
		uv_timer_stop(&thread->idle);
		thread->running = read;
		thread->began_ns = clock_thread_ns();
		state_handle(thread->state, read->request, read_over, thread);
	} else if (stops && !uv_is_closing((uv_handle_t *)&thread->wake)) {
		close_thread(thread);
	} else if (thread->state != NULL && !stops) {
		uv_timer_start(&thread->idle, on_idle, IDLE_MS, 0);
	}
}

static void on_wake(uv_async_t *wake)
{
	go_on(wake->data);
}

/* Known while the thread runs, for slow_lane_give_way. */
static void set_place(struct slow_thread *thread, struct watch_place *place)
{
	uv_mutex_lock(&thread->lane->lock);
	thread->place = place;
	uv_mutex_unlock(&thread->lane->lock);
}

static void serve(void *data)
{
	struct slow_thread *thread = data;

	/* Of this thread alone, on Linux. What it may not, it does without. */
	if (setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS) != 0)
		log_event(LOG_WARN, "slow", "the slow lane runs with the priority of the others");
	set_place(thread, watch_my_place());
	uv_sem_post(&thread->started);
	uv_run(&thread->loop, UV_RUN_DEFAULT);
	set_place(thread, NULL);
	drop_state(thread);
	store_conn_close(thread->conn);
	uv_loop_close(&thread->loop);
}

static int start_thread(struct slow_lane *lane, struct slow_thread *thread, struct err *err)
{
	int rc = store_conn_open(&thread->conn, lane->options.store, STORE_READ, err);

	if (rc != 0)
		return rc;
	if (loop_make(&thread->loop) != 0)
		goto no_loop;
	store_stop_when(thread->conn, watch_has_ended);
	thread->lane = lane;
	thread->wake.data = thread->idle.data = thread;
	if (uv_async_init(&thread->loop, &thread->wake, on_wake) != 0 ||
		uv_timer_init(&thread->loop, &thread->idle) != 0 ||
		uv_sem_init(&thread->started, 0) != 0)
		goto no_handles;
	if (uv_thread_create(&thread->thread, serve, thread) != 0)
		goto no_thread;
	uv_sem_wait(&thread->started);
	return 0;
no_thread:
	uv_sem_destroy(&thread->started);
no_handles:
	loop_drop(&thread->loop);
no_loop:
	store_conn_close(thread->conn);
	return err_set(err, TM_ENOMEM, "cannot start a thread");
}

int slow_lane_start(
	struct slow_lane **made, const struct slow_lane_options *options, struct err *err)
{
	struct slow_lane *lane =
		calloc(1, sizeof *lane + (size_t)options->threads * sizeof *lane->threads);
	int rc = 0;

	if (lane == NULL || uv_mutex_init(&lane->lock) != 0) {
		free(lane);
		return err_set(err, TM_ENOMEM, "no memory");
	}
	lane->options = *options;
	for (int i = 0; rc == 0 && i < options->threads; i++) {
		rc = start_thread(lane, &lane->threads[i], err);
		lane->thread_count += rc == 0;
	}
	*made = lane;
	return rc; /* what was started is stopped with the tenant */
}

static void wake_all(struct slow_lane *lane)
{
	for (int i = 0; i < lane->thread_count; i++)
		uv_async_send(&lane->threads[i].wake);
}

void slow_lane_switch(struct slow_lane *lane, struct generation *gen, const struct budgets *budgets,
	struct control_calls *generations)
{
	struct generation *before;

	uv_mutex_lock(&lane->lock);
	before = lane->gen;
	lane->gen = generation_take(gen);
	lane->budgets = *budgets;
	lane->generations = generations;
	uv_mutex_unlock(&lane->lock);
	if (before != NULL)
		generation_drop(before);
	wake_all(lane);
}

int slow_lane_push(struct slow_lane *lane, struct slow_read *read)
{
	bool full;

	uv_mutex_lock(&lane->lock);
	full = lane->count >= WAITING_MOST;
	if (!full) {
		read->item.next = NULL;
		if (lane->last != NULL)
			lane->last->next = &read->item;
		else
			lane->first = &read->item;
		lane->last = &read->item;
		lane->count++;
		metrics_gauge_add(lane->options.metrics, METRICS_SLOW_WAITING, 1);
	}
	uv_mutex_unlock(&lane->lock);
	if (full)
		return TM_EBUSY;
	wake_all(lane);
	return 0;
}

void slow_lane_give_way(struct slow_lane *lane)
{
	int64_t before = clock_mono_ns() - (int64_t)lane->options.hold_ms * 1000000;

	uv_mutex_lock(&lane->lock);
	for (int i = 0; i < lane->thread_count; i++) {
		struct slow_thread *thread = &lane->threads[i];

		if (thread->place != NULL && thread->since_ns != 0 && thread->since_ns < before)
			watch_give_way(thread->place);
	}
	uv_mutex_unlock(&lane->lock);
}

void slow_lane_stop(struct slow_lane *lane)
{
	if (lane == NULL)
		return;
	uv_mutex_lock(&lane->lock);
	lane->stops = true;
	uv_mutex_unlock(&lane->lock);
	wake_all(lane);
	for (int i = 0; i < lane->thread_count; i++) {
		uv_thread_join(&lane->threads[i].thread);
		uv_sem_destroy(&lane->threads[i].started);
	}
	lane->thread_count = 0;
}

void slow_lane_free(struct slow_lane *lane)
{
	if (lane == NULL)
		return;
	if (lane->gen != NULL)
		generation_drop(lane->gen);
	uv_mutex_destroy(&lane->lock);
	free(lane);
}
