#include "server.h"

#include "admin.h"
#include "backup.h"
#include "base/log.h"
#include "base/metrics.h"
#include "data_folder.h"
#include "descriptors.h"
#include "generations.h"
#include "keeper.h"
#include "metering.h"
#include "net/http_clients.h"
#include "script/watchdog.h"
#include "text/hash.h"
#include "text/json_in.h"
#include "text/json_out.h"
#include "watch.h"
#include "worker.h"

#include <arpa/inet.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	GRACE_MS = 10000,
	INBOX_LIMIT = 1 << 16,
	BODIES_MOST = 256 << 20,
	ATTEMPTS_KEYS = 4096,
	METERS_ENTRIES = 4096
};

/* A server goes from one to the next, and from the first to the third when its start fails. What is
 * stopping waits for the workers, for commands and for a switch; what is ending, for its handles.
 */
enum phase { STARTING, SERVING, STOPPING, ENDING };

struct server {
	struct server_options options;
	uv_loop_t loop;
	uv_signal_t signals[2];
	struct queue inbox; /* outcomes of the home for this thread */
	struct store *store;
	struct store_conn *conn; /* reading, for commands */
	struct home *home;
	struct attempts *attempts;
	struct meters *meters;
	struct metering *metering;
	struct http_bodies bodies;
	struct http_clients *clients;
	struct metrics *metrics;
	struct keeper *keeper;
	struct slow_lane *slow; /* only where it listens */
	struct pace pace;
	struct worker *workers[MAX_WORKERS];
	int worker_count, workers_running;
	struct state *state;  /* of this thread */
	struct states *first; /* the workers' first states, until they start */
	struct admin *admin;
	struct watch *watch;
	enum phase phase;
	atomic_bool ready; /* has been SERVING: what /readyz tells */
	struct generations *generations;
	atomic_bool hurry; /* a backup that runs must end */
	unsigned commands;
	char host[256], address[300];
	struct data_folder folder;
	int port, rc;
	struct err err;
};

static void finish(struct server *server);

/* What fails because a stop was asked, or after it, is no failure of the server. */
static void fail(struct server *server, int rc, const char *text)
{
	if (server->phase >= STOPPING) {
		log_event(LOG_WARN, "stop", "%s", text != NULL ? text : err_name(rc));
	} else {
		server->rc = rc;
		err_set(&server->err, rc, "%s", text != NULL ? text : err_name(rc));
	}
	server_stop(server);
}

static void report_start(struct server *server, int rc, const struct err *err)
{
	if (server->options.started != NULL)
		server->options.started(server, server->options.data, rc, err);
}

/* Bulk work that commands of this thread send home. A stop ends them at their next piece: each has
 * been whole, and a long import would hold the server open and deaf. */

struct bulk_call {
	void (*done)(void *data, int rc, const char *answer, size_t len);
	void *data;
};

static void bulk_over(struct write *write)
{
	struct bulk_call *call = write->data;
	const char *text = buf_text(&write->answer_text);

	call->done(call->data, write->rc, text != NULL ? text : "", write->answer_text.len);
	free(call);
	home_write_free(write);
}

static int lane_call(void *host, const char *name, const char *payload, size_t len,
	void (*done)(void *data, int rc, const char *answer, size_t len), void *data)
{
	static const char stopping[] = "the server is stopping; what is in stays in";
	struct server *server = host;
	struct write *write;
	struct bulk_call *call;

	if (server->phase >= STOPPING) {
		done(data, TM_EBUSY, stopping, sizeof stopping - 1);
		return 0;
	}
	write = home_write_new(WRITE_BULK);
	call = malloc(sizeof *call);
	if (write != NULL && call != NULL) {
		*call = (struct bulk_call){.done = done, .data = data};
		write->reply = &server->inbox;
		write->done = bulk_over;
		write->data = call;
		buf_append(&write->text, name, strlen(name) + 1);
		buf_append(&write->text, payload, len);
		if (!write->text.failed && home_push(server->home, write) == 0)
			return 0;
	}
	free(call);
	home_write_free(write);
	return TM_EBUSY;
}

static void on_inbox(struct queue *queue, void *consumer)
{
	struct queue_item *item;

	(void)consumer;
	while ((item = queue_pop(queue)) != NULL) {
		struct write *write = (struct write *)item;

		write->done(write);
	}
}

/* The generations: the first starts everything else; later ones go to whoever serves. */

static void start_workers(struct server *server);

static void attach(struct server *server, struct state *state)
{
	state_attach(state, &(struct state_host){.loop = &server->loop,
				    .store = server->store,
				    .conn = server->conn,
				    .lane_call = lane_call,
				    .metrics = server->metrics,
				    .host = server});
}

/* A worker that has stopped keeps nobody waiting. */
static void hand_over(struct server *server, struct worker *worker, struct state **state)
{
	struct switching *switching = generations_switching(server->generations);

	switching_expect(switching);
	if (worker_switch(worker, *state, switching_adopted, switching) == 0)
		*state = NULL;
	else
		switching_adopted(switching);
}

static void generation_serves(void *data, struct states *states)
{
	struct server *server = data;
	bool first = server->state == NULL;

	attach(server, states->control);
	if (!first)
		state_retire(server->state);
	server->state = states->control;
	states->control = NULL;
	if (server->slow != NULL)
		slow_lane_switch(server->slow, states->gen, &server->options.settings->budgets,
			generations_calls(server->generations));
	for (int i = 0; i < server->workers_running; i++)
		hand_over(server, server->workers[i], &states->workers[i]);
	if (first && server->phase == STARTING) {
		server->first = states;
		start_workers(server);
	} else {
		builder_free(states);
	}
}

static void generation_refused(void *data, int rc, const char *text)
{
	struct server *server = data;

	if (server->state == NULL)
		fail(server, rc, text);
}

static void generations_idle(void *data)
{
	finish(data);
}

static void on_saved(void *data)
{
	struct server *server = data;

	if (server->phase >= STOPPING)
		return;
	watch_refresh(server->watch);
	generations_build(server->generations, CAUSE_WATCH);
}

/* The start: the first generation is in; look whether it may listen, listen, bring in the seeds, be
 * ready. */

static bool is_loopback(const char *host)
{
	struct in_addr four;

	if (inet_pton(AF_INET, host, &four) == 1)
		return (ntohl(four.s_addr) >> 24) == 127;
	return strcmp(host, "::1") == 0 || strcmp(host, "localhost") == 0;
}

static int read_address(struct server *server, const char *listen, struct err *err)
{
	const char *colon = strrchr(listen, ':');
	const char *host = listen;
	size_t len = colon != NULL ? (size_t)(colon - listen) : 0;
	char *end;
	long port;

	if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
	}
	port = colon != NULL ? strtol(colon + 1, &end, 10) : -1;
	if (len == 0 || len >= sizeof server->host || colon[1] == '\0' || *end != '\0' ||
		port < 0 || port > 65535)
		return err_set(err, TM_EINVAL,
			"the address %s must be HOST:PORT, such as 127.0.0.1:8080", listen);
	memcpy(server->host, host, len);
	server->host[len] = '\0';
	server->port = (int)port;
	return 0;
}

static void ready(void *data, const struct task_result *result)
{
	struct server *server = data;

	server->commands--;
	if (result->rc != 0) {
		fail(server, result->rc, result->text.data);
		return;
	}
	if (server->phase == STARTING) {
		server->phase = SERVING;
		atomic_store(&server->ready, true);
		report_start(server, 0, &server->err);
	}
	finish(server);
}

static void start_text(void *data, const char *text, size_t len)
{
	const struct server *server = data;

	if (server->options.listens)
		fprintf(stderr, "%.*s\n", (int)len, text);
}

static void finish_start(struct server *server)
{
	struct buf arguments = BUF_EMPTY;

	buf_puts(&arguments, "{\"root\":");
	json_out_string(
		&arguments, server->options.settings->root, strlen(server->options.settings->root));
	buf_puts(&arguments, ",\"rejects\":");
	json_out_string(&arguments, server->folder.path, strlen(server->folder.path));
	buf_puts(&arguments, ",\"address\":");
	json_out_string(&arguments, server->address, strlen(server->address));
	buf_puts(&arguments, ",\"language\":");
	json_out_string(&arguments, server->options.language, strlen(server->options.language));
	buf_puts(&arguments, "}");
	server->commands++;
	state_command(
		server->state, "start", arguments.data, arguments.len, start_text, ready, server);
	buf_free(&arguments);
}

static void listen_for_requests(struct server *server)
{
	struct http_limits limits = http_default_limits;
	struct err err;
	int rc = descriptors_for_clients(
		server->worker_count, limits.connections, &limits.connections, &err);

	server->bodies.most = BODIES_MOST;
	limits.bodies = &server->bodies;
	limits.clients = server->clients;
	if (rc == 0)
		rc = http_port_check(server->host, server->port, &err);
	if (rc != 0) {
		fail(server, rc, err.text);
		return;
	}
	for (int i = 0; i < server->worker_count; i++) {
		struct worker_options options = {
			.host = server->host,
			.port = server->port,
			.limits = &limits,
			.store = server->store,
			.home = server->home,
			.slow = server->slow,
			.pace = &server->pace,
			.attempts = server->attempts,
			.meters = server->meters,
			.metrics = server->metrics,
			.generations = generations_calls(server->generations),
			.state = server->first->workers[i],
			.ready = &server->ready,
			.log_requests = server->options.settings->log_requests,
		};

		rc = worker_start(&server->workers[i], &options, &err);
		server->first->workers[i] = NULL;
		if (rc != 0) {
			fail(server, rc, err.text);
			return;
		}
		server->workers_running++;
		server->port = worker_port(server->workers[i]);
	}
	snprintf(server->address, sizeof server->address,
		strchr(server->host, ':') != NULL ? "http://[%s]:%d/" : "http://%s:%d/",
		server->host, server->port);
}

static void described(void *data, const struct task_result *result)
{
	struct server *server = data;
	struct json_fault fault;
	json_t *facts =
		result->rc == 0 ? json_in_parse(result->text.data, result->text.len, &fault) : NULL;
	bool demo_logins = json_is_true(json_object_get(facts, "demo_logins"));

	server->commands--;
	json_decref(facts);
	if (server->phase >= STOPPING) {
		finish(server);
	} else if (facts == NULL) {
		fail(server, TM_ESCRIPT,
			result->rc != 0 ? result->text.data : "the description cannot be read");
	} else if (demo_logins && !is_loopback(server->host) &&
		   !server->options.settings->demo_logins_beyond_loopback) {
		fail(server, TM_EINVAL,
			"a client pack brings logins whose password is known to all, or has "
			"brought them before: such a server listens on the loopback only "
			"(127.0.0.1), unless the setting demo_logins_beyond_loopback is true");
	} else {
		listen_for_requests(server);
		if (server->phase == STARTING)
			finish_start(server);
	}
}

static void start_workers(struct server *server)
{
	static const char arguments[] = "{\"data\":true}";
	struct err err;

	if (!server->options.listens) {
		finish_start(server);
		return;
	}
	if (read_address(server, server->options.settings->listen, &err) != 0) {
		fail(server, TM_EINVAL, err.text);
		return;
	}
	server->commands++;
	state_command(server->state, "describe", arguments, sizeof arguments - 1, start_text,
		described, server);
}

/* The stop: workers first, each finishing what is in flight; then, when no command runs, the home;
 * then the loop has nothing left. */

static void on_signal(uv_signal_t *signal, int number)
{
	struct server *server = signal->data;

	log_event(LOG_INFO, "stop", "signal %d", number);
	server_stop(server);
}

/* Asked after everything that a stop waits for. */
static void finish(struct server *server)
{
	if (server->phase != STOPPING || server->commands > 0 ||
		generations_are_busy(server->generations))
		return;
	server->phase = ENDING;
	for (int i = 0; i < server->workers_running; i++)
		worker_join(server->workers[i]);
	server->workers_running = 0;
	slow_lane_stop(server->slow);
	metering_stop(server->metering);
	home_stop(server->home);
	server->home = NULL;
	keeper_stop(server->keeper);
	server->keeper = NULL;
	generations_stop(server->generations);
	admin_stop(server->admin);
	watch_stop(server->watch);
	queue_close(&server->inbox, NULL);
	for (int i = 0; i < 2; i++)
		uv_close((uv_handle_t *)&server->signals[i], NULL);
}

void server_stop(struct server *server)
{
	if (server->phase < STOPPING) {
		server->phase = STOPPING;
		atomic_store(&server->hurry, true);
		generations_close(server->generations);
		for (int i = 0; i < server->workers_running; i++)
			worker_stop(server->workers[i], GRACE_MS);
	}
	finish(server);
}

static int watch_sources(struct server *server, struct err *err)
{
	static const char *const names[] = {"scripts", "plugins", "config"};
	char folders[3][PATH_MAX];
	char *roots[] = {folders[0], folders[1], folders[2], NULL};

	for (int i = 0; i < 3; i++)
		if (snprintf(folders[i], PATH_MAX, "%s/%s", server->options.settings->root,
			    names[i]) >= PATH_MAX)
			return err_set(err, TM_EINVAL, "the path of the settings is too long");
	return watch_start(&server->watch, &server->loop, roots, on_saved, server, err);
}

/* One thread for two cores: what is slow may take half of the machine from nobody else. */
static int start_slow_lane(struct server *server, struct err *err)
{
	return slow_lane_start(&server->slow,
		&(struct slow_lane_options){.threads = (server->worker_count + 1) / 2,
			.store = server->store,
			.attempts = server->attempts,
			.meters = server->meters,
			.metrics = server->metrics,
			.pace = &server->pace},
		err);
}

/* On the keeper's thread. */
static void log_is_long(void *data)
{
	struct server *server = data;

	if (server->slow != NULL)
		slow_lane_give_way(server->slow);
}

static int know_clients(struct server *server, const struct settings *settings, struct err *err)
{
	struct http_clients_rules rules = {
		.trusted = (const char *const *)settings->trusted_proxies,
		.connections = (unsigned)settings->client_connections,
		.requests = (unsigned)settings->client_requests,
		.loopback = settings->limit_loopback,
	};

	return http_clients_new(&server->clients, &rules, err);
}

static int open_generations(struct server *server, struct err *err)
{
	struct generations_owner owner = {
		.settings = server->options.settings,
		.tests = server->options.tests,
		.workers = server->worker_count,
		.safe = server->options.safe,
		.folder = server->options.listens ? server->folder.generations : NULL,
		.metrics = server->metrics,
		.loop = &server->loop,
		.home = server->home,
		.reply = &server->inbox,
		.serves = generation_serves,
		.refused = generation_refused,
		.idle = generations_idle,
		.owner = server,
	};

	return generations_start(&server->generations, &owner, err);
}

static int start_metering(struct server *server, struct err *err)
{
	server->metering = metering_start(&(struct metering_options){.loop = &server->loop,
		.meters = server->meters,
		.home = server->home,
		.reply = &server->inbox});
	return server->metering != NULL ? 0 : err_set(err, TM_ENOMEM, "no memory");
}

static int open_all(struct server *server, struct err *err)
{
	const struct settings *settings = server->options.settings;
	int rc = hash_start();

	if (rc != 0)
		return err_set(err, rc, "the machine gives no random bytes");
	if (watchdog_start() != 0)
		return err_set(err, TM_ENOMEM, "cannot start a thread");
	rc = data_folder_open(&server->folder, settings->data, settings->tenant, err);
	if (rc == 0)
		rc = store_open(&server->store, server->folder.database, err);
	if (rc == 0)
		rc = store_conn_open(&server->conn, server->store, STORE_READ, err);
	if (rc == 0 && (server->metrics = metrics_new()) == NULL)
		rc = err_set(err, TM_ENOMEM, "no memory");
	if (rc == 0 && (server->attempts = attempts_new(ATTEMPTS_KEYS)) == NULL)
		rc = err_set(err, TM_ENOMEM, "no memory");
	if (rc == 0 && (server->meters = meters_new(METERS_ENTRIES)) == NULL)
		rc = err_set(err, TM_ENOMEM, "no memory");
	if (rc == 0 && server->options.listens)
		rc = start_slow_lane(server, err);
	if (rc == 0)
		rc = know_clients(server, settings, err);
	if (rc == 0)
		rc = keeper_start(&server->keeper,
			&(struct keeper_options){.store = server->store,
				.metrics = server->metrics,
				.limit = (int64_t)settings->wal_limit << 20,
				.over = log_is_long,
				.data = server},
			err);
	if (rc == 0)
		rc = home_start(&server->home, server->store, server->metrics, server->meters,
			server->options.record, err);
	if (rc == 0)
		rc = start_metering(server, err);
	if (rc == 0 && server->options.listens)
		rc = admin_start(&server->admin, &server->loop, server->folder.socket, server, err);
	if (rc == 0 && server->options.watches)
		rc = watch_sources(server, err);
	return rc == 0 ? open_generations(server, err) : rc;
}

static int open_loop(struct server *server, struct err *err)
{
	static const int numbers[] = {SIGTERM, SIGINT};

	if (uv_loop_init(&server->loop) != 0 ||
		queue_init(&server->inbox, &server->loop, INBOX_LIMIT, on_inbox, server) != 0)
		return err_set(err, TM_ENOMEM, "no memory");
	for (int i = 0; i < 2; i++) {
		uv_signal_init(&server->loop, &server->signals[i]);
		server->signals[i].data = server;
		uv_signal_start(&server->signals[i], on_signal, numbers[i]);
	}
	return 0;
}

static int count_workers(const struct settings *settings)
{
	int count = settings->workers > 0 ? settings->workers : (int)sysconf(_SC_NPROCESSORS_ONLN);

	return count < 1 ? 1 : count > MAX_WORKERS ? MAX_WORKERS : count;
}

static void release(struct server *server)
{
	builder_free(server->first);
	if (server->state != NULL)
		state_retire(server->state);
	if (server->conn != NULL)
		store_conn_close(server->conn);
	if (server->store != NULL)
		store_close(server->store);
	slow_lane_free(server->slow);
	generations_free(server->generations);
	attempts_free(server->attempts);
	meters_free(server->meters);
	http_clients_free(server->clients);
	metrics_free(server->metrics);
	data_folder_close(&server->folder);
	queue_destroy(&server->inbox);
	uv_loop_close(&server->loop);
	watchdog_stop();
	free(server->admin);
	free(server);
}

int server_run(const struct server_options *options, struct err *err)
{
	struct server *server = calloc(1, sizeof *server);
	int rc;

	if (server == NULL)
		return err_set(err, TM_ENOMEM, "no memory");
	signal(SIGPIPE, SIG_IGN);
	umask(077); /* whatever is written holds what its owner alone may read */
	server->options = *options;
	server->folder.lock = -1;
	server->worker_count = options->listens ? count_workers(options->settings) : 0;
	rc = open_loop(server, err);
	if (rc != 0) {
		free(server);
		return rc;
	}
	rc = open_all(server, err);
	if (rc == 0)
		generations_build(server->generations, CAUSE_START);
	else
		fail(server, rc, err->text);
	uv_run(&server->loop, UV_RUN_DEFAULT);
	rc = server->rc;
	*err = server->err;
	if (rc == 0)
		err_set(err, TM_EINTR, "the server was stopped before it was ready");
	if (!atomic_load(&server->ready))
		report_start(server, err->code, err);
	release(server);
	return rc;
}

const char *server_address(const struct server *server)
{
	return server->address;
}

/* Commands */

struct command_call {
	struct server *server;
	void (*on_text)(void *data, const char *text, size_t len);
	task_done done;
	void *data;
};

static void command_text(void *data, const char *text, size_t len)
{
	struct command_call *call = data;

	call->on_text(call->data, text, len);
}

/* This thread serves nobody, so it may load right here. When that fails, the spoilt one must do. */
static void replace_if_spoilt(struct server *server)
{
	struct state *made;
	struct err err;

	if (server->state == NULL || !state_is_spoilt(server->state))
		return;
	if (state_new(&made, state_sources(server->state), state_budgets(server->state), &err) !=
		0) {
		log_event(LOG_ERROR, "state", "cannot be made again: %s", err.text);
		return;
	}
	attach(server, made);
	state_retire(server->state);
	server->state = made;
}

static void command_over(void *data, const struct task_result *result)
{
	struct command_call *call = data;
	struct server *server = call->server;

	server->commands--;
	call->done(call->data, result);
	replace_if_spoilt(server);
	free(call);
	finish(server);
}

static void asked(void *data, const char *json, size_t len)
{
	command_over(data, &(struct task_result){.text = {json, len}});
}

/* A backup needs neither a generation nor the home. */
static void run_backup(
	struct server *server, const char *arguments, size_t len, struct command_call *call)
{
	struct json_fault fault;
	json_t *order = json_in_parse(arguments, len, &fault);
	const char *path = json_string_value(json_object_get(order, "file"));

	backup_start(&server->loop,
		&(struct backup_order){
			.store = server->store,
			.path = path != NULL ? path : "",
			.wal_limit = (int64_t)server->options.settings->wal_limit << 20,
			.stop = &server->hurry,
		},
		command_text, command_over, call);
	json_decref(order);
}

void server_command(struct server *server, const char *name, const char *arguments, size_t len,
	void (*on_text)(void *data, const char *text, size_t len), task_done done, void *data)
{
	struct command_call *call = malloc(sizeof *call);
	const char *why = server->phase >= STOPPING ? "the server is stopping"
			  : server->state == NULL   ? "the server is starting"
						    : "no memory";
	bool is_backup = strcmp(name, "backup") == 0;
	bool is_generation = strcmp(name, "generation") == 0 && server->options.listens;

	if (call == NULL || server->phase >= STOPPING || (server->state == NULL && !is_backup)) {
		free(call);
		done(data, &(struct task_result){.rc = TM_EBUSY, .text = {why, strlen(why)}});
		return;
	}
	*call = (struct command_call){
		.server = server, .on_text = on_text, .done = done, .data = data};
	server->commands++;
	if (is_backup)
		run_backup(server, arguments, len, call);
	else if (is_generation)
		generations_ask(server->generations, CAUSE_COMMAND, arguments, len, asked, call);
	else
		state_command(
			server->state, name, arguments, len, command_text, command_over, call);
}
