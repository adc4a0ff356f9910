#include "worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "problem.h"
#include "replacement.h"
#include "script/watchdog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Outcomes of the home, or of the slow lane, under way: more than can ever wait there. */
enum { INBOX_LIMIT = 1 << 20, USE_STEP_MS = 1000 };

enum mail_kind { MAIL_SERVE, MAIL_REFUSE, MAIL_LET_GO, MAIL_STOP };

struct mail {
	struct queue_item item; /* must be first */
	enum mail_kind kind;
	int tenant;
	struct tenant_rooms rooms;
	struct state *state;
	void (*done)(void *data); /* or NULL */
	void *data;
	unsigned grace_ms;
};

/* A request that waits for a state. */
struct parked {
	struct parked *next;
	struct http_exchange *exchange;
};

/* A tenant's place on this thread goes from one to the next, and from the last to the first. */
enum place_phase { PLACE_CLOSED, PLACE_ASKED, PLACE_OPEN, PLACE_LEAVING };

struct place {
	struct worker *worker;
	int tenant;
	enum place_phase phase;
	struct tenant_rooms rooms;
	struct store_conn *conn;
	struct state *state;             /* NULL while another is made */
	const struct generation *serves; /* the state's; to be compared only */
	struct parked *parked, **last_parked;
	unsigned under_way; /* requests that have begun and are not answered yet */
	void (*left)(void *data);
	void *left_data;
};

struct worker {
	uv_thread_t thread;
	uv_loop_t loop;
	struct worker_options options;
	struct http_server *server;
	bool stops;
	struct queue inbox;   /* orders of the control thread */
	struct queue answers; /* outcomes of the home */
	struct queue reads;   /* outcomes of the slow lane */
	unsigned under_way;   /* requests that are not answered yet, with those that wait */
	uv_sem_t started;
	int port, rc;
	struct err err;
	struct place places[]; /* by the tenants' index */
};

static bool path_is(const struct http_request *request, const char *path)
{
	return request->path.len == strlen(path) &&
	       memcmp(request->path.data, path, request->path.len) == 0;
}

/* For the metrics: the route, and in the last bits the lane. */
enum { LANE_BITS = 2 };

static void mark(struct http_exchange *exchange, unsigned route, enum metrics_lane lane)
{
	http_exchange_set_mark(exchange, route << LANE_BITS | lane);
}

static void answer_text(struct http_exchange *exchange, int status, const char *text)
{
	struct http_answer_header type = {
		"content-type", {"text/plain; charset=utf-8", strlen("text/plain; charset=utf-8")}};

	http_answer(exchange, &(struct http_answer){.status = status,
				      .headers = &type,
				      .header_count = 1,
				      .body = {text, strlen(text)}});
}

static int status_of(int rc)
{
	switch (rc) {
	case TM_EFULL:
	case TM_EIO:
	case TM_EBUSY:
	case TM_ENOMEM:
	case TM_EGIVEWAY:
		return 503;
	default:
		return 500;
	}
}

/* What a caller may know of a failure; the log knows more. */
static const char *detail_of(int rc)
{
	switch (rc) {
	case TM_EINTR:
		return PROBLEM_INTERRUPTED;
	case TM_EFULL:
		return PROBLEM_DISK_FULL;
	case TM_EGIVEWAY:
		return PROBLEM_GAVE_WAY;
	default:
		return PROBLEM_NOTHING_CHANGED;
	}
}

static void answer_failure(
	struct http_exchange *exchange, int rc, const char *text, const struct breach_words *breach)
{
	struct log_line line;

	log_begin(&line, LOG_ERROR, "failure");
	log_text(&line, "request", http_exchange_request(exchange)->id);
	log_text(&line, "cause", err_name(rc));
	log_text(&line, "text", text != NULL ? text : "");
	log_end(&line);
	if (rc == TM_EUNKNOWN)
		problem_answer_unknown(exchange);
	else if (rc == TM_EBUDGET)
		problem_answer_breach(exchange, breach->plugin, breach->memory);
	else
		problem_answer(exchange, status_of(rc), detail_of(rc));
}

/* Nothing comes from the home or the slow lane any more. What they still have when the grace of a
 * stop is over, they finish; the worker waits for it, and the answer is dropped. */
static void settle(struct worker *worker)
{
	if (worker->server != NULL || worker->under_way > 0)
		return;
	queue_close(&worker->answers, NULL);
	queue_close(&worker->reads, NULL);
}

static void leave_if_idle(struct place *place);

/* One that never began. */
static void drop_request(struct worker *worker)
{
	worker->under_way--;
	settle(worker);
}

static void request_over(struct place *place)
{
	place->under_way--;
	leave_if_idle(place);
	drop_request(place->worker);
}

static void write_over(struct write *write)
{
	struct http_exchange *exchange = write->data;
	struct place *place = http_exchange_data(exchange);

	if (write->rc == 0)
		http_answer(exchange, &write->answer);
	else
		answer_failure(exchange, write->rc, buf_text(&write->answer_text), &write->breach);
	home_write_free(write);
	request_over(place);
}

/* Whose client was cut off by a stop is not begun. */
static void send_home(
	struct place *place, struct http_exchange *exchange, const struct task_result *result)
{
	struct worker *worker = place->worker;
	struct write *write = worker->server != NULL ? home_write_new(WRITE_REQUEST) : NULL;

	if (write != NULL) {
		write->request = http_exchange_request(exchange);
		write->reply = &worker->answers;
		write->done = write_over;
		write->data = exchange;
		snprintf(write->plugin, sizeof write->plugin, "%s",
			result->plugin != NULL ? result->plugin : "");
		buf_append(&write->text, result->text.data, result->text.len);
		if (!write->text.failed && home_push(place->rooms.home, write) == 0)
			return;
	}
	home_write_free(write);
	problem_answer(exchange, 503, PROBLEM_TOO_MANY);
	request_over(place);
}

static void slow_read_over(struct slow_read *read)
{
	struct http_exchange *exchange = read->data;
	struct place *place = http_exchange_data(exchange);

	mark(exchange, read->route, METRICS_SLOW);
	if (read->rc == 0)
		http_answer(exchange, &read->answer);
	else
		answer_failure(exchange, read->rc, buf_text(&read->memory), &read->breach);
	slow_read_free(read);
	request_over(place);
}

static void send_slow(struct place *place, struct http_exchange *exchange)
{
	struct slow_read *read = place->worker->server != NULL ? slow_read_new() : NULL;

	if (read != NULL) {
		read->request = http_exchange_request(exchange);
		read->reply = &place->worker->reads;
		read->done = slow_read_over;
		read->data = exchange;
		if (slow_lane_push(place->rooms.slow, read) == 0)
			return;
	}
	slow_read_free(read);
	problem_answer(exchange, 503, PROBLEM_TOO_MANY_READS);
	request_over(place);
}

static void adopt(struct place *place, struct state *state);

/* A switch may have brought another meanwhile, or the tenant is closed. */
static void replaced(void *data, struct state *state)
{
	struct place *place = data;

	if (place->phase == PLACE_CLOSED || place->phase == PLACE_ASKED || place->state != NULL ||
		state_sources(state) != place->serves)
		state_retire(state);
	else
		adopt(place, state);
}

static void replace_if_spoilt(struct place *place)
{
	if (place->state == NULL || !state_is_spoilt(place->state))
		return;
	replacement_start(&place->worker->loop, state_sources(place->state),
		state_budgets(place->state), replaced, place);
	state_retire(place->state);
	place->state = NULL;
}

/* As many as there are connections at most. */
static void park(struct place *place, struct http_exchange *exchange)
{
	struct parked *parked = malloc(sizeof *parked);

	if (parked == NULL) {
		problem_answer(exchange, 503, NULL);
		drop_request(place->worker);
		return;
	}
	*parked = (struct parked){.exchange = exchange};
	if (place->parked == NULL)
		place->last_parked = &place->parked;
	*place->last_parked = parked;
	place->last_parked = &parked->next;
}

static void task_over(void *data, const struct task_result *result)
{
	struct http_exchange *exchange = data;
	struct place *place = http_exchange_data(exchange);

	replace_if_spoilt(place);
	mark(exchange, result->route, result->to_lane ? METRICS_HOME : METRICS_WORKER);
	if (result->rc == TM_EGIVEWAY) {
		send_slow(place, exchange);
		return;
	}
	if (result->rc == 0 && result->to_lane) {
		send_home(place, exchange, result);
		return;
	}
	if (result->rc != 0)
		answer_failure(exchange, result->rc, result->text.data, &result->breach);
	else
		http_answer(exchange, &result->answer);
	request_over(place);
}

/* What waits for the tenant is not answered by it. */
static void refuse_parked(struct place *place)
{
	struct parked *parked = place->parked, *next;

	place->parked = NULL;
	for (; parked != NULL; parked = next) {
		next = parked->next;
		problem_answer(parked->exchange, 503, NULL);
		free(parked);
		drop_request(place->worker);
	}
}

static void ask_to_open(struct place *place)
{
	const struct worker_options *options = &place->worker->options;

	place->phase = PLACE_ASKED;
	if (!place->worker->stops && options->wanted(options->owner, place->tenant) == 0)
		return;
	place->phase = PLACE_CLOSED;
	refuse_parked(place);
}

static void attach(struct place *place)
{
	struct worker *worker = place->worker;

	state_attach(place->state, &(struct state_host){.loop = &worker->loop,
					   .store = place->rooms.store,
					   .conn = place->conn,
					   .control_call = control_calls_call,
					   .control = place->rooms.generations,
					   .attempts = place->rooms.attempts,
					   .meters = place->rooms.meters,
					   .metrics = worker->options.metrics,
					   .tenant = place->rooms.name,
					   .pace = place->rooms.pace});
}

/* Of a place that is open and has a state. There may have been no file for the connection; then it
 * is tried again with each request. */
static bool connect_store(struct place *place)
{
	struct err err;

	if (place->conn != NULL)
		return true;
	if (store_conn_open(&place->conn, place->rooms.store, STORE_READ, &err) != 0) {
		log_event(LOG_ERROR, "tenant", "%s: %s", place->rooms.name, err.text);
		return false;
	}
	store_stop_when(place->conn, watch_has_ended);
	attach(place);
	return true;
}

static void begin(struct place *place, struct http_exchange *exchange)
{
	if (place->phase == PLACE_OPEN && place->state != NULL) {
		if (!connect_store(place)) {
			problem_answer(exchange, 503, NULL);
			drop_request(place->worker);
			return;
		}
		place->under_way++;
		state_handle(place->state, http_exchange_request(exchange), task_over, exchange);
		return;
	}
	park(place, exchange);
	if (place->phase == PLACE_CLOSED)
		ask_to_open(place);
}

static bool reads(const struct http_request *request)
{
	return (request->method.len == 3 && memcmp(request->method.data, "GET", 3) == 0) ||
	       (request->method.len == 4 && memcmp(request->method.data, "HEAD", 4) == 0);
}

/* For the tenant that was used longest ago: see server.c. */
static void note_use(struct worker *worker, int tenant)
{
	_Atomic int64_t *used = &worker->options.used_ms[tenant];
	int64_t now = (int64_t)uv_now(&worker->loop);

	if (now - atomic_load_explicit(used, memory_order_relaxed) > USE_STEP_MS)
		atomic_store_explicit(used, now, memory_order_relaxed);
}

static void on_request(void *owner, struct http_exchange *exchange)
{
	struct worker *worker = owner;
	const struct http_request *request = http_exchange_request(exchange);
	bool probe = path_is(request, "/healthz") || path_is(request, "/readyz");
	int tenant;

	if (probe && !reads(request)) {
		problem_answer_reads_only(exchange);
	} else if (path_is(request, "/healthz")) {
		answer_text(exchange, 200, "ok\n");
	} else if (path_is(request, "/readyz")) {
		answer_text(exchange, atomic_load(worker->options.ready) ? 200 : 503,
			atomic_load(worker->options.ready) ? "ready\n" : "starting\n");
	} else if ((tenant = settings_tenant_of_host(
			    worker->options.settings, request->host.data, request->host.len)) < 0) {
		problem_answer(exchange, 421, NULL);
	} else {
		worker->under_way++;
		note_use(worker, tenant);
		http_exchange_set_data(exchange, &worker->places[tenant]);
		begin(&worker->places[tenant], exchange);
	}
}

static void run_parked(struct place *place)
{
	struct parked *parked = place->parked, *next;

	place->parked = NULL;
	for (; parked != NULL; parked = next) {
		next = parked->next;
		begin(place, parked->exchange);
		free(parked);
	}
}

static size_t on_refusal(void *owner, int status, const char *reason,
	const struct http_request *request, char *body, size_t room)
{
	struct buf text = BUF_EMPTY;
	size_t len;

	(void)owner;
	problem_write(&text, request, status, reason);
	len = text.failed || text.len > room ? 0 : text.len;
	if (len > 0)
		memcpy(body, text.data, len);
	buf_free(&text);
	return len;
}

static void on_done(void *owner, const struct http_request *request, int status, size_t bytes,
	int64_t nanoseconds)
{
	struct worker *worker = owner;
	const struct settings *settings = worker->options.settings;
	int tenant = -1;
	struct log_line line;

	metrics_request(worker->options.metrics, request->mark >> LANE_BITS,
		request->mark & ((1 << LANE_BITS) - 1), status, nanoseconds);
	if (!settings->log_requests)
		return;
	if (settings->tenant_count > 1)
		tenant = settings_tenant_of_host(settings, request->host.data, request->host.len);
	log_begin(&line, LOG_INFO, "request");
	log_text(&line, "request", request->id);
	log_bytes(&line, "method", request->method.data, request->method.len);
	log_bytes(&line, "path", request->path.data, request->path.len);
	log_text(&line, "client", request->client);
	log_int(&line, "status", status);
	log_int(&line, "bytes", (int64_t)bytes);
	log_ms(&line, "ms", nanoseconds);
	if (tenant >= 0)
		log_text(&line, "tenant", settings->tenants[tenant].name);
	log_end(&line);
}

static void on_connections(void *owner, int change)
{
	struct worker *worker = owner;

	metrics_gauge_add(worker->options.metrics, METRICS_CONNECTIONS, change);
}

static void on_answers(struct queue *queue, void *consumer)
{
	struct queue_item *item;

	(void)consumer;
	while ((item = queue_pop(queue)) != NULL) {
		struct write *write = (struct write *)item;

		write->done(write);
	}
}

static void on_reads(struct queue *queue, void *consumer)
{
	struct queue_item *item;

	(void)consumer;
	while ((item = queue_pop(queue)) != NULL) {
		struct slow_read *read = (struct slow_read *)item;

		read->done(read);
	}
}

static void server_stopped(void *data)
{
	struct worker *worker = data;

	worker->server = NULL;
	queue_close(&worker->inbox, NULL);
	settle(worker);
}

static void adopt(struct place *place, struct state *state)
{
	if (place->state != NULL)
		state_retire(place->state);
	place->state = state;
	place->serves = state_sources(state);
	if (place->conn != NULL)
		attach(place);
	else
		(void)connect_store(place);
	run_parked(place);
}

static void close_place(struct place *place)
{
	if (place->state != NULL)
		state_retire(place->state);
	if (place->conn != NULL)
		store_conn_close(place->conn);
	place->state = NULL;
	place->conn = NULL;
	place->phase = PLACE_CLOSED;
}

/* Whoever has come meanwhile wants the tenant opened again. */
static void leave_if_idle(struct place *place)
{
	if (place->phase != PLACE_LEAVING || place->under_way > 0)
		return;
	close_place(place);
	place->left(place->left_data);
	if (place->parked != NULL)
		ask_to_open(place);
}

/* The tenant is opened, or has another generation. */
static void serve_tenant(struct place *place, const struct mail *mail)
{
	if (place->phase == PLACE_LEAVING) {
		state_retire(mail->state);
		return;
	}
	place->rooms = mail->rooms;
	place->phase = PLACE_OPEN;
	adopt(place, mail->state);
}

static void refuse_tenant(struct place *place)
{
	if (place->phase != PLACE_ASKED)
		return;
	place->phase = PLACE_CLOSED;
	refuse_parked(place);
}

static void let_go(struct place *place, const struct mail *mail)
{
	if (place->phase != PLACE_OPEN) {
		mail->done(mail->data);
		return;
	}
	place->phase = PLACE_LEAVING;
	place->left = mail->done;
	place->left_data = mail->data;
	leave_if_idle(place);
}

/* What waits for a tenant that is not open waits no longer. */
static void stop(struct worker *worker, unsigned grace_ms)
{
	worker->stops = true;
	for (int i = 0; i < worker->options.settings->tenant_count; i++)
		if (worker->places[i].phase == PLACE_ASKED)
			refuse_tenant(&worker->places[i]);
	http_server_stop(worker->server, grace_ms, server_stopped, worker);
}

static void on_mail(struct queue *queue, void *consumer)
{
	struct worker *worker = consumer;
	struct mail *mail;

	while ((mail = (struct mail *)queue_pop(queue)) != NULL) {
		struct place *place = &worker->places[mail->tenant];

		switch (mail->kind) {
		case MAIL_SERVE:
			serve_tenant(place, mail);
			if (mail->done != NULL)
				mail->done(mail->data);
			break;
		case MAIL_REFUSE:
			refuse_tenant(place);
			break;
		case MAIL_LET_GO:
			let_go(place, mail);
			break;
		case MAIL_STOP:
			stop(worker, mail->grace_ms);
			break;
		}
		free(mail);
	}
}

static int open_for_work(struct worker *worker)
{
	struct http_owner owner = {.on_request = on_request,
		.on_refusal = on_refusal,
		.on_done = on_done,
		.on_connections = on_connections,
		.owner = worker};
	int rc = http_server_start(&worker->server, &worker->loop, worker->options.host,
		worker->options.port, worker->options.limits, &owner, &worker->err);

	if (rc == 0)
		worker->port = http_server_port(worker->server);
	return rc;
}

static void serve(void *data)
{
	struct worker *worker = data;

	worker->rc = open_for_work(worker);
	if (worker->rc != 0) {
		queue_close(&worker->inbox, NULL);
		queue_close(&worker->answers, NULL);
		queue_close(&worker->reads, NULL);
	}
	uv_sem_post(&worker->started);
	uv_run(&worker->loop, UV_RUN_DEFAULT);
	for (int i = 0; i < worker->options.settings->tenant_count; i++)
		close_place(&worker->places[i]);
	uv_loop_close(&worker->loop);
}

int worker_start(struct worker **made, const struct worker_options *options, struct err *err)
{
	int tenants = options->settings->tenant_count;
	struct worker *worker =
		calloc(1, sizeof *worker + (size_t)tenants * sizeof *worker->places);

	if (worker == NULL)
		return err_set(err, TM_ENOMEM, "no memory");
	worker->options = *options;
	for (int i = 0; i < tenants; i++)
		worker->places[i] = (struct place){.worker = worker, .tenant = i};
	if (uv_loop_init(&worker->loop) != 0 || uv_sem_init(&worker->started, 0) != 0 ||
		queue_init(&worker->inbox, &worker->loop, 1024, on_mail, worker) != 0 ||
		queue_init(&worker->answers, &worker->loop, INBOX_LIMIT, on_answers, worker) != 0 ||
		queue_init(&worker->reads, &worker->loop, INBOX_LIMIT, on_reads, worker) != 0 ||
		uv_thread_create(&worker->thread, serve, worker) != 0) {
		/* The server stops after this, and the loop's handles end with the program. */
		free(worker);
		return err_set(err, TM_ENOMEM, "cannot start a thread");
	}
	uv_sem_wait(&worker->started);
	if (worker->rc != 0) {
		*err = worker->err;
		worker_join(worker);
		return err->code;
	}
	*made = worker;
	return 0;
}

int worker_port(const struct worker *worker)
{
	return worker->port;
}

static int post(struct worker *worker, struct mail letter)
{
	struct mail *mail = malloc(sizeof *mail);
	int rc;

	if (mail == NULL)
		return TM_ENOMEM;
	*mail = letter;
	rc = queue_push(&worker->inbox, &mail->item);
	if (rc != 0)
		free(mail);
	return rc;
}

int worker_serve(struct worker *worker, int tenant, const struct tenant_rooms *rooms,
	struct state *state, void (*adopted)(void *data), void *data)
{
	return post(worker, (struct mail){.kind = MAIL_SERVE,
				    .tenant = tenant,
				    .rooms = *rooms,
				    .state = state,
				    .done = adopted,
				    .data = data});
}

int worker_let_go(struct worker *worker, int tenant, void (*left)(void *data), void *data)
{
	return post(worker,
		(struct mail){.kind = MAIL_LET_GO, .tenant = tenant, .done = left, .data = data});
}

void worker_refuse(struct worker *worker, int tenant)
{
	if (post(worker, (struct mail){.kind = MAIL_REFUSE, .tenant = tenant}) != 0)
		log_event(LOG_WARN, "tenant", "a worker has stopped or has no memory");
}

void worker_stop(struct worker *worker, unsigned grace_ms)
{
	if (post(worker, (struct mail){.kind = MAIL_STOP, .grace_ms = grace_ms}) != 0)
		log_event(LOG_ERROR, "stop", "a worker cannot be told to stop");
}

void worker_join(struct worker *worker)
{
	uv_thread_join(&worker->thread);
	queue_destroy(&worker->inbox);
	queue_destroy(&worker->answers);
	queue_destroy(&worker->reads);
	uv_sem_destroy(&worker->started);
	free(worker);
}
