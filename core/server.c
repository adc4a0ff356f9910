#include "server.h"

#include "admin.h"
#include "base/log.h"
#include "base/metrics.h"
#include "data_folder.h"
#include "descriptors.h"
#include "net/http_clients.h"
#include "script/watchdog.h"
#include "tenant.h"
#include "text/hash.h"
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
	RETRY_MS = 5000,
	PATIENCE_MS = 10000,
	LOOK_MS = 1000
};

/* A server goes from one to the next, and from the first to the third when its start fails. What is
 * stopping waits for the workers and for what its tenants do; what is ending, for its handles. */
enum phase { STARTING, SERVING, STOPPING, ENDING };

struct server {
	struct server_options options;
	uv_loop_t loop;
	uv_signal_t signals[2];
	struct queue inbox;  /* outcomes of homes for this thread */
	struct queue wishes; /* of workers, that a tenant be opened */
	struct http_bodies bodies;
	struct http_clients *clients;
	struct metrics *metrics;
	struct builder *builder;
	struct keeper *keeper;
	struct worker *workers[MAX_WORKERS];
	int worker_count, workers_running;
	struct tenant **tenants; /* by the settings' index */
	_Atomic int64_t *used_ms;
	uint64_t *wanted_ms; /* since when it is to be opened, when another has made room; 0: not */
	uv_timer_t look;     /* for those who have waited too long for that */
	uint64_t *failed_ms; /* when its opening failed last, by uv_now; 0: it has not */
	struct admin *admin;
	struct watch *watch;
	enum phase phase;
	atomic_bool ready; /* has been SERVING: what /readyz tells */
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

static void on_inbox(struct queue *queue, void *consumer)
{
	struct queue_item *item;

	(void)consumer;
	while ((item = queue_pop(queue)) != NULL) {
		struct write *write = (struct write *)item;

		write->done(write);
	}
}

/* Tenants are opened when somebody asks for them, so many at once; the one that was used longest
 * ago makes room for another. */

static int tenant_count(const struct server *server)
{
	return server->tenants != NULL ? server->options.settings->tenant_count : 0;
}

static void hand_over(void *owner, struct tenant *tenant, struct states *states)
{
	struct server *server = owner;
	struct switching *switching = tenant_switching(tenant);
	struct tenant_rooms rooms = tenant_rooms(tenant);

	for (int i = 0; i < server->workers_running; i++) {
		if (switching != NULL)
			switching_expect(switching);
		if (worker_serve(server->workers[i], tenant_index(tenant), &rooms,
			    states->workers[i], switching != NULL ? switching_adopted : NULL,
			    switching) == 0)
			states->workers[i] = NULL;
		else if (switching != NULL)
			switching_adopted(switching); /* it has stopped and keeps nobody waiting */
	}
}

static void let_go(void *owner, struct tenant *tenant)
{
	struct server *server = owner;

	for (int i = 0; i < server->workers_running; i++) {
		tenant_expect_leave(tenant);
		if (worker_let_go(server->workers[i], tenant_index(tenant), tenant_left, tenant) !=
			0)
			tenant_left(tenant);
	}
}

static void refuse(struct server *server, int tenant)
{
	for (int i = 0; i < server->workers_running; i++)
		worker_refuse(server->workers[i], tenant);
}

/* Closes the one that was used longest ago, if there must be room. False: there is none yet. */
static bool make_room(struct server *server)
{
	int open = 0, oldest = -1;
	bool closing = false;

	for (int i = 0; i < tenant_count(server); i++) {
		enum tenant_phase phase = tenant_phase(server->tenants[i]);

		open += phase != TENANT_CLOSED;
		closing = closing || phase == TENANT_CLOSING;
		if (phase == TENANT_OPEN && !tenant_is_busy(server->tenants[i]) &&
			(oldest < 0 || server->used_ms[i] < server->used_ms[oldest]))
			oldest = i;
	}
	if (open < server->options.settings->open_tenants)
		return true;
	if (!closing && oldest >= 0)
		tenant_close(server->tenants[oldest]);
	return false;
}

static const char no_room[] = "so many companies as open_tenants says are open and busy; try again";

static void open_tenant(struct server *server, int i)
{
	uint64_t failed = server->failed_ms[i];

	if (failed != 0 && uv_now(&server->loop) - failed < RETRY_MS) {
		server->wanted_ms[i] = 0;
		refuse(server, i);
		return;
	}
	if (tenant_phase(server->tenants[i]) == TENANT_CLOSED && make_room(server)) {
		server->wanted_ms[i] = 0;
		tenant_open(server->tenants[i]);
	} else if (server->wanted_ms[i] == 0) {
		server->wanted_ms[i] = uv_now(&server->loop);
	}
}

/* Those that are open may be busy for long: nobody waits for them without end. */
static void on_look(uv_timer_t *timer)
{
	struct server *server = timer->data;

	for (int i = 0; i < tenant_count(server); i++) {
		uint64_t since = server->wanted_ms[i];

		if (since == 0 || uv_now(&server->loop) - since < PATIENCE_MS)
			continue;
		server->wanted_ms[i] = 0;
		refuse(server, i);
		tenant_refuse(server->tenants[i], no_room);
	}
}

static void wanted(void *owner, struct tenant *tenant)
{
	struct server *server = owner;
	int i = tenant_index(tenant);

	server->failed_ms[i] = 0; /* whoever gives a command may have mended it */
	open_tenant(server, i);
}

static void open_wanted(struct server *server)
{
	for (int i = 0; i < tenant_count(server); i++)
		if (server->wanted_ms[i] != 0 && tenant_phase(server->tenants[i]) == TENANT_CLOSED)
			open_tenant(server, i);
}

struct wish {
	struct queue_item item; /* must be first */
	int tenant;
};

/* On a worker's thread. */
static int wish(void *owner, int tenant)
{
	struct server *server = owner;
	struct wish *wish = malloc(sizeof *wish);
	int rc = TM_ENOMEM;

	if (wish != NULL) {
		wish->tenant = tenant;
		rc = queue_push(&server->wishes, &wish->item);
	}
	if (rc != 0)
		free(wish);
	return rc;
}

/* Whoever asked is told with all others when the opening ends. Of one that is open it has been told
 * before, and hears a refusal only if it could not serve it. */
static void on_wishes(struct queue *queue, void *consumer)
{
	struct server *server = consumer;
	struct wish *wish;

	while ((wish = (struct wish *)queue_pop(queue)) != NULL) {
		enum tenant_phase phase = tenant_phase(server->tenants[wish->tenant]);

		if (server->phase >= STOPPING || phase == TENANT_OPEN)
			refuse(server, wish->tenant);
		else if (phase != TENANT_OPENING)
			open_tenant(server, wish->tenant);
		free(wish);
	}
}

static void settled(void *owner)
{
	struct server *server = owner;

	if (server->phase < STOPPING)
		open_wanted(server);
	finish(server);
}

static void on_saved(void *data)
{
	struct server *server = data;

	if (server->phase >= STOPPING)
		return;
	watch_refresh(server->watch);
	for (int i = 0; i < tenant_count(server); i++)
		tenant_build(server->tenants[i]);
}

/* The start: listen, open the tenant that is meant where nothing says which, be ready. */

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

static void ready(struct server *server)
{
	server->phase = SERVING;
	atomic_store(&server->ready, true);
	report_start(server, 0, &server->err);
}

/* The tenant with which the server starts, or -1. */
static int first_tenant(const struct server *server)
{
	return settings_tenant_named(server->options.settings, NULL, NULL);
}

static void opened(void *owner, struct tenant *tenant, int rc, const char *text)
{
	struct server *server = owner;
	int i = tenant_index(tenant);

	server->failed_ms[i] = rc != 0 ? uv_now(&server->loop) : 0;
	if (rc != 0 && server->phase < STOPPING)
		refuse(server, i);
	if (server->phase != STARTING || i != first_tenant(server))
		return;
	if (rc != 0)
		fail(server, rc, text);
	else
		ready(server);
}

static int tenants_at_once(const struct settings *settings)
{
	return settings->tenant_count < settings->open_tenants ? settings->tenant_count
							       : settings->open_tenants;
}

static void listen_for_requests(struct server *server)
{
	struct http_limits limits = http_default_limits;
	struct err err;
	int rc = descriptors_for_clients(server->worker_count,
		tenants_at_once(server->options.settings), limits.connections, &limits.connections,
		&err);

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
			.settings = server->options.settings,
			.metrics = server->metrics,
			.ready = &server->ready,
			.used_ms = server->used_ms,
			.wanted = wish,
			.owner = server,
		};

		rc = worker_start(&server->workers[i], &options, &err);
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

static void begin(struct server *server)
{
	int first = first_tenant(server);

	if (server->options.listens)
		listen_for_requests(server);
	if (server->phase != STARTING)
		return;
	if (first >= 0)
		tenant_open(server->tenants[first]);
	else
		ready(server);
}

/* The stop: workers first, each finishing what is in flight; then, when no tenant is busy, the
 * tenants; then the loop has nothing left. */

static void on_signal(uv_signal_t *signal, int number)
{
	struct server *server = signal->data;

	log_event(LOG_INFO, "stop", "signal %d", number);
	server_stop(server);
}

static bool is_busy(const struct server *server)
{
	for (int i = 0; i < tenant_count(server); i++)
		if (server->tenants[i] != NULL && tenant_is_busy(server->tenants[i]))
			return true;
	return false;
}

/* Asked after everything that a stop waits for. */
static void finish(struct server *server)
{
	if (server->phase != STOPPING || is_busy(server))
		return;
	server->phase = ENDING;
	for (int i = 0; i < server->workers_running; i++)
		worker_join(server->workers[i]);
	server->workers_running = 0;
	for (int i = 0; i < tenant_count(server); i++)
		if (server->tenants[i] != NULL)
			tenant_end(server->tenants[i]);
	builder_stop(server->builder);
	keeper_stop(server->keeper);
	admin_stop(server->admin);
	watch_stop(server->watch);
	queue_close(&server->inbox, NULL);
	queue_close(&server->wishes, NULL);
	uv_close((uv_handle_t *)&server->look, NULL);
	for (int i = 0; i < 2; i++)
		uv_close((uv_handle_t *)&server->signals[i], NULL);
}

void server_stop(struct server *server)
{
	if (server->phase < STOPPING) {
		server->phase = STOPPING;
		for (int i = 0; i < tenant_count(server); i++)
			if (server->tenants[i] != NULL)
				tenant_hush(server->tenants[i]);
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

static int make_tenants(struct server *server, struct err *err)
{
	size_t count = (size_t)server->options.settings->tenant_count;
	struct tenant_owner owner = {.options = &server->options,
		.folder = &server->folder,
		.loop = &server->loop,
		.inbox = &server->inbox,
		.metrics = server->metrics,
		.builder = server->builder,
		.keeper = server->keeper,
		.workers = server->worker_count,
		.address = server->address,
		.beyond_loopback = server->options.listens && !is_loopback(server->host),
		.hand_over = hand_over,
		.let_go = let_go,
		.opened = opened,
		.wanted = wanted,
		.settled = settled,
		.owner = server};

	server->tenants = calloc(count, sizeof(struct tenant *));
	server->used_ms = calloc(count, sizeof *server->used_ms);
	server->wanted_ms = calloc(count, sizeof *server->wanted_ms);
	server->failed_ms = calloc(count, sizeof *server->failed_ms);
	if (server->tenants == NULL || server->used_ms == NULL || server->wanted_ms == NULL ||
		server->failed_ms == NULL)
		return err_set(err, TM_ENOMEM, "no memory");
	for (size_t i = 0; i < count; i++)
		if ((server->tenants[i] = tenant_new(&owner, (int)i)) == NULL)
			return err_set(err, TM_ENOMEM, "no memory");
	return 0;
}

static int open_all(struct server *server, struct err *err)
{
	const struct settings *settings = server->options.settings;
	int rc = hash_start();

	if (rc != 0)
		return err_set(err, rc, "the machine gives no random bytes");
	if (watchdog_start() != 0)
		return err_set(err, TM_ENOMEM, "cannot start a thread");
	if ((server->metrics = metrics_new()) == NULL)
		return err_set(err, TM_ENOMEM, "no memory");
	if (settings->tenant_count > 1)
		metrics_share(server->metrics);
	if (server->options.listens)
		rc = read_address(server, settings->listen, err);
	if (rc == 0)
		rc = data_folder_open(&server->folder, settings->data, err);
	if (rc == 0)
		rc = know_clients(server, settings, err);
	if (rc == 0)
		rc = keeper_start(&server->keeper, server->metrics, err);
	if (rc == 0)
		rc = builder_start(&server->builder, &server->loop, err);
	if (rc == 0)
		rc = make_tenants(server, err);
	if (rc == 0 && server->options.listens)
		rc = admin_start(&server->admin, &server->loop, server->folder.socket, server, err);
	if (rc == 0 && server->options.watches)
		rc = watch_sources(server, err);
	return rc;
}

static int open_loop(struct server *server, struct err *err)
{
	static const int numbers[] = {SIGTERM, SIGINT};

	if (uv_loop_init(&server->loop) != 0 ||
		queue_init(&server->inbox, &server->loop, INBOX_LIMIT, on_inbox, server) != 0 ||
		queue_init(&server->wishes, &server->loop, INBOX_LIMIT, on_wishes, server) != 0)
		return err_set(err, TM_ENOMEM, "no memory");
	uv_timer_init(&server->loop, &server->look);
	server->look.data = server;
	uv_timer_start(&server->look, on_look, LOOK_MS, LOOK_MS);
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
	for (int i = 0; i < tenant_count(server); i++)
		tenant_free(server->tenants[i]);
	free(server->tenants);
	free(server->used_ms);
	free(server->wanted_ms);
	free(server->failed_ms);
	builder_thread_free(server->builder);
	http_clients_free(server->clients);
	metrics_free(server->metrics);
	data_folder_close(&server->folder);
	queue_destroy(&server->inbox);
	queue_destroy(&server->wishes);
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
		begin(server);
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

void server_command(struct server *server, const char *tenant, const char *name,
	const char *arguments, size_t len,
	void (*on_text)(void *data, const char *text, size_t len), task_done done, void *data)
{
	struct err err;
	int i = settings_tenant_named(server->options.settings, tenant, &err);

	if (i < 0)
		done(data, &(struct task_result){
				   .rc = err.code, .text = {err.text, strlen(err.text)}});
	else
		tenant_command(server->tenants[i], name, arguments, len, on_text, done, data);
}
