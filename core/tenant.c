#include "tenant.h"

#include "backup.h"
#include "base/log.h"
#include "metering.h"
#include "text/json_in.h"
#include "text/json_out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ATTEMPTS_KEYS = 4096, SLOW_LEAST = 2, SLOW_HOLD_MS = 2000 };

struct tenant {
	struct tenant_owner owner;
	struct settings settings; /* the server's, with this tenant's own in their places */
	int index;
	enum tenant_phase phase;
	bool hushed;
	struct tenant_folder folder;
	struct store *store;
	struct store_conn *conn; /* reading, for commands */
	struct home *home;
	struct attempts *attempts; /* from the first opening on: wrong passwords stay counted */
	struct metering *metering;
	struct kept *kept;
	struct slow_lane *slow; /* only where it listens */
	struct pace pace;
	struct generations *generations;
	char served[65];        /* when it was closed; empty: the files are built */
	struct state *state;    /* of the control thread */
	struct states *waiting; /* the workers' states, until they may have them */
	bool handed_over, switches;
	unsigned commands;
	atomic_bool hurry;            /* a backup that runs must end */
	struct command_call *pending; /* commands that wait until it is open */
	uv_timer_t rest;              /* runs out when the handles of what it had are closed */
	struct write *news;           /* brings the word that all workers have let go */
	atomic_uint holders;          /* workers that have not, and one while they are told */
};

struct command_call {
	struct command_call *next;
	struct tenant *tenant;
	char *name, *arguments; /* of one that waits */
	size_t len;
	void (*on_text)(void *data, const char *text, size_t len);
	task_done done;
	void *data;
};

static void settle(struct tenant *tenant);

static void tell(const struct tenant *tenant, const char *outcome, const char *text)
{
	struct log_line line;

	log_begin(&line, text != NULL ? LOG_ERROR : LOG_INFO, "tenant");
	log_text(&line, "name", tenant_name(tenant));
	log_text(&line, "outcome", outcome);
	if (text != NULL)
		log_text(&line, "text", text);
	log_end(&line);
}

static void run_command(
	struct command_call *call, const char *name, const char *arguments, size_t len);

static void refuse_command(struct command_call *call, int rc, const char *why)
{
	call->done(call->data, &(struct task_result){.rc = rc, .text = {why, strlen(why)}});
	free(call->name);
	free(call->arguments);
	free(call);
}

/* The commands that have waited for the opening: `rc` is how it ended. */
static void run_pending(struct tenant *tenant, int rc, const char *why)
{
	struct command_call *call;

	while ((call = tenant->pending) != NULL) {
		tenant->pending = call->next;
		if (rc != 0)
			refuse_command(call, rc, why);
		else
			run_command(call, call->name, call->arguments, call->len);
	}
}

static bool stops(const struct tenant *tenant)
{
	return tenant->hushed || tenant->phase == TENANT_CLOSING;
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
	struct tenant *tenant = host;
	struct write *write;
	struct bulk_call *call;

	if (stops(tenant)) {
		done(data, TM_EBUSY, stopping, sizeof stopping - 1);
		return 0;
	}
	write = home_write_new(WRITE_BULK);
	call = malloc(sizeof *call);
	if (write != NULL && call != NULL) {
		*call = (struct bulk_call){.done = done, .data = data};
		write->reply = tenant->owner.inbox;
		write->done = bulk_over;
		write->data = call;
		buf_append(&write->text, name, strlen(name) + 1);
		buf_append(&write->text, payload, len);
		if (!write->text.failed && home_push(tenant->home, write) == 0)
			return 0;
	}
	free(call);
	home_write_free(write);
	return TM_EBUSY;
}

/* The opening: the store and the threads, the first generation, what it must not be served with,
 * the seeds. */

static void attach(struct tenant *tenant, struct state *state)
{
	state_attach(state, &(struct state_host){.loop = tenant->owner.loop,
				    .store = tenant->store,
				    .conn = tenant->conn,
				    .lane_call = lane_call,
				    .metrics = tenant->owner.metrics,
				    .tenant = tenant_name(tenant),
				    .host = tenant});
}

static void open_failed(struct tenant *tenant, int rc, const char *text)
{
	char why[512];

	snprintf(why, sizeof why, "%s", text != NULL ? text : err_name(rc));
	if (!tenant->hushed)
		tell(tenant, "failed", why);
	run_pending(tenant, rc, why);
	tenant_close(tenant);
	tenant->owner.opened(tenant->owner.owner, tenant, rc, why);
}

static void start_text(void *data, const char *text, size_t len)
{
	const struct tenant *tenant = data;

	if (tenant->owner.options->listens)
		fprintf(stderr, "%.*s\n", (int)len, text);
}

static void hand_over(struct tenant *tenant, struct states *states)
{
	tenant->handed_over = true;
	tenant->owner.hand_over(tenant->owner.owner, tenant, states);
	builder_free(states);
}

static void seeds_in(void *data, const struct task_result *result)
{
	struct tenant *tenant = data;
	struct states *states = tenant->waiting;

	tenant->commands--;
	if (result->rc != 0) {
		open_failed(tenant, result->rc, result->text.data);
		return;
	}
	if (tenant->phase == TENANT_OPENING) {
		tenant->phase = TENANT_OPEN;
		tenant->waiting = NULL;
		hand_over(tenant, states);
		tell(tenant, "opened", NULL);
		tenant->owner.opened(tenant->owner.owner, tenant, 0, NULL);
		run_pending(tenant, 0, NULL);
	}
	settle(tenant);
}

static void bring_in_seeds(struct tenant *tenant)
{
	const struct server_options *options = tenant->owner.options;
	struct buf arguments = BUF_EMPTY;

	buf_puts(&arguments, "{\"root\":");
	json_out_string(&arguments, tenant->settings.root, strlen(tenant->settings.root));
	buf_puts(&arguments, ",\"rejects\":");
	json_out_string(&arguments, tenant->folder.rejects, strlen(tenant->folder.rejects));
	buf_puts(&arguments, ",\"address\":");
	json_out_string(&arguments, tenant->owner.address, strlen(tenant->owner.address));
	buf_puts(&arguments, ",\"language\":");
	json_out_string(&arguments, options->language, strlen(options->language));
	buf_puts(&arguments, "}");
	tenant->commands++;
	state_command(tenant->state, "start", arguments.data, arguments.len, start_text, seeds_in,
		tenant);
	buf_free(&arguments);
}

static void described(void *data, const struct task_result *result)
{
	struct tenant *tenant = data;
	struct json_fault fault;
	json_t *facts =
		result->rc == 0 ? json_in_parse(result->text.data, result->text.len, &fault) : NULL;
	bool demo_logins = json_is_true(json_object_get(facts, "demo_logins"));

	tenant->commands--;
	json_decref(facts);
	if (stops(tenant)) {
		settle(tenant);
	} else if (facts == NULL) {
		open_failed(tenant, TM_ESCRIPT,
			result->rc != 0 ? result->text.data : "the description cannot be read");
	} else if (demo_logins && tenant->owner.beyond_loopback &&
		   !tenant->settings.demo_logins_beyond_loopback) {
		open_failed(tenant, TM_EINVAL,
			"a client pack brings logins whose password is known to all, or has "
			"brought them before: such a server listens on the loopback only "
			"(127.0.0.1), unless the setting demo_logins_beyond_loopback is true");
	} else {
		bring_in_seeds(tenant);
	}
}

static void look_at_logins(struct tenant *tenant)
{
	static const char arguments[] = "{\"data\":true}";

	tenant->commands++;
	state_command(tenant->state, "describe", arguments, sizeof arguments - 1, start_text,
		described, tenant);
}

static void generation_serves(void *data, struct states *states)
{
	struct tenant *tenant = data;
	bool first = tenant->state == NULL;

	attach(tenant, states->control);
	if (!first)
		state_retire(tenant->state);
	tenant->state = states->control;
	states->control = NULL;
	if (tenant->slow != NULL)
		slow_lane_switch(tenant->slow, states->gen, &tenant->settings.budgets,
			generations_calls(tenant->generations));
	if (tenant->handed_over) {
		tenant->switches = true;
		hand_over(tenant, states);
		tenant->switches = false;
		return;
	}
	builder_free(tenant->waiting);
	tenant->waiting = states;
	if (first && !stops(tenant))
		look_at_logins(tenant);
}

static void generation_refused(void *data, int rc, const char *text)
{
	struct tenant *tenant = data;

	if (tenant->state == NULL && tenant->phase == TENANT_OPENING)
		open_failed(tenant, rc, text);
}

static void generations_idle(void *data)
{
	settle(data);
}

/* On the keeper's thread. */
static void log_is_long(void *data)
{
	struct tenant *tenant = data;

	if (tenant->slow != NULL)
		slow_lane_give_way(tenant->slow);
}

/* One thread for two cores, but two at least: a report of seconds should not hold up the next. */
static int start_slow_lane(struct tenant *tenant, struct err *err)
{
	return slow_lane_start(&tenant->slow,
		&(struct slow_lane_options){.tenant = tenant_name(tenant),
			.threads = tenant->owner.workers > 3 ? (tenant->owner.workers + 1) / 2
							     : SLOW_LEAST,
			.store = tenant->store,
			.attempts = tenant->attempts,
			.meters = metering_meters(tenant->metering),
			.metrics = tenant->owner.metrics,
			.hold_ms = SLOW_HOLD_MS,
			.pace = &tenant->pace},
		err);
}

static int start_generations(struct tenant *tenant, struct err *err)
{
	const struct server_options *options = tenant->owner.options;
	struct generations_owner owner = {
		.tenant = tenant_name(tenant),
		.settings = &tenant->settings,
		.tests = options->tests,
		.workers = tenant->owner.workers,
		.safe = options->safe,
		.folder = options->listens ? tenant->folder.generations : NULL,
		.metrics = tenant->owner.metrics,
		.builder = tenant->owner.builder,
		.loop = tenant->owner.loop,
		.home = tenant->home,
		.reply = tenant->owner.inbox,
		.serves = generation_serves,
		.refused = generation_refused,
		.idle = generations_idle,
		.owner = tenant,
	};

	return generations_start(&tenant->generations, &owner, err);
}

static int start_all(struct tenant *tenant, struct err *err)
{
	const struct server_options *options = tenant->owner.options;
	int rc =
		tenant_folder_open(&tenant->folder, tenant->owner.folder, tenant_name(tenant), err);

	if (rc == 0)
		rc = store_open(&tenant->store, tenant->folder.database, err);
	if (rc == 0)
		rc = store_conn_open(&tenant->conn, tenant->store, STORE_READ, err);
	if (rc == 0 && tenant->attempts == NULL)
		tenant->attempts = attempts_new(ATTEMPTS_KEYS);
	if (rc == 0 && tenant->attempts == NULL)
		rc = err_set(err, TM_ENOMEM, "no memory");
	if (rc == 0)
		tenant->metering = metering_new(tenant->owner.loop, tenant->owner.inbox);
	if (rc == 0 && tenant->metering == NULL)
		rc = err_set(err, TM_ENOMEM, "no memory");
	if (rc == 0 && options->listens)
		rc = start_slow_lane(tenant, err);
	if (rc == 0)
		rc = keeper_take(tenant->owner.keeper, &tenant->kept,
			&(struct kept_options){.tenant = tenant_name(tenant),
				.store = tenant->store,
				.limit = (int64_t)tenant->settings.wal_limit << 20,
				.over = log_is_long,
				.data = tenant},
			err);
	if (rc == 0)
		rc = home_start(&tenant->home,
			&(struct home_options){.tenant = tenant_name(tenant),
				.store = tenant->store,
				.metrics = tenant->owner.metrics,
				.meters = metering_meters(tenant->metering),
				.record = options->record},
			err);
	if (rc == 0)
		metering_start(tenant->metering, tenant->home);
	return rc == 0 ? start_generations(tenant, err) : rc;
}

void tenant_open(struct tenant *tenant)
{
	struct err err;
	int rc;

	tenant->phase = TENANT_OPENING;
	rc = start_all(tenant, &err);
	if (rc != 0)
		open_failed(tenant, rc, err.text);
	else if (tenant->served[0] != '\0')
		generations_resume(tenant->generations, tenant->served);
	else
		generations_build(tenant->generations, CAUSE_START);
}

void tenant_build(struct tenant *tenant)
{
	if (tenant->phase == TENANT_CLOSING || tenant->phase == TENANT_CLOSED)
		tenant->served[0] = '\0';
	if (!stops(tenant) && tenant->generations != NULL)
		generations_build(tenant->generations, CAUSE_WATCH);
}

/* The closing: the workers let go; then, when no command and no switch is under way, the threads
 * end. */

static void closed(uv_timer_t *timer)
{
	struct tenant *tenant = timer->data;
	const struct tenant_owner *owner = &tenant->owner;

	generations_free(tenant->generations);
	tenant->generations = NULL;
	tenant->phase = TENANT_CLOSED;
	metrics_generation(owner->metrics, tenant_name(tenant), "");
	tell(tenant, "closed", NULL);
	owner->settled(owner->owner);
}

static void end_threads(struct tenant *tenant)
{
	slow_lane_stop(tenant->slow);
	metering_stop(tenant->metering);
	home_stop(tenant->home);
	keeper_drop(tenant->kept);
	generations_stop(tenant->generations);
	if (tenant->state != NULL)
		state_retire(tenant->state);
	builder_free(tenant->waiting);
	if (tenant->conn != NULL)
		store_conn_close(tenant->conn);
	if (tenant->store != NULL)
		store_close(tenant->store);
	slow_lane_free(tenant->slow);
	tenant->home = NULL;
	tenant->kept = NULL;
	tenant->state = NULL;
	tenant->waiting = NULL;
	tenant->conn = NULL;
	tenant->store = NULL;
	tenant->slow = NULL;
	tenant->metering = NULL;
	tenant->handed_over = false;
	atomic_store(&tenant->hurry, false);
}

void tenant_end(struct tenant *tenant)
{
	if (tenant->phase != TENANT_CLOSED)
		end_threads(tenant);
	uv_close((uv_handle_t *)&tenant->rest, NULL);
}

bool tenant_is_busy(const struct tenant *tenant)
{
	return tenant->commands > 0 || generations_are_busy(tenant->generations) ||
	       tenant->phase == TENANT_CLOSING;
}

static void settle(struct tenant *tenant)
{
	if (tenant->phase == TENANT_CLOSING && tenant->news == NULL && tenant->commands == 0 &&
		!generations_are_busy(tenant->generations) &&
		!uv_is_active((uv_handle_t *)&tenant->rest)) {
		end_threads(tenant);
		/* Handles are closed at the end of this turn of the loop; timers run in the next.
		 */
		uv_timer_start(&tenant->rest, closed, 0, 0);
	}
	tenant->owner.settled(tenant->owner.owner);
}

static void all_left(struct write *write)
{
	struct tenant *tenant = write->data;

	home_write_free(write);
	tenant->news = NULL;
	settle(tenant);
}

void tenant_expect_leave(struct tenant *tenant)
{
	atomic_fetch_add_explicit(&tenant->holders, 1, memory_order_relaxed);
}

void tenant_left(void *data)
{
	struct tenant *tenant = data;

	/* The last one's push publishes what all have done. */
	if (atomic_fetch_sub_explicit(&tenant->holders, 1, memory_order_acq_rel) == 1 &&
		queue_push(tenant->owner.inbox, &tenant->news->work.item) != 0)
		abort(); /* it is open while a tenant is being closed, and has room */
}

bool tenant_close(struct tenant *tenant)
{
	if (tenant->phase == TENANT_OPEN && tenant->commands > 0)
		return false;
	tenant->news = home_write_new(WRITE_SWITCH);
	if (tenant->news == NULL)
		return false;
	snprintf(tenant->served, sizeof tenant->served, "%s",
		tenant->phase == TENANT_OPEN ? generations_serves(tenant->generations) : "");
	tenant->phase = TENANT_CLOSING;
	atomic_store(&tenant->hurry, true);
	generations_close(tenant->generations);
	tenant->news->done = all_left;
	tenant->news->data = tenant;
	atomic_store_explicit(&tenant->holders, 1, memory_order_relaxed);
	if (tenant->handed_over)
		tenant->owner.let_go(tenant->owner.owner, tenant);
	tenant_left(tenant);
	return true;
}

void tenant_hush(struct tenant *tenant)
{
	tenant->hushed = true;
	atomic_store(&tenant->hurry, true);
	generations_close(tenant->generations);
	run_pending(tenant, TM_EBUSY, "the server is stopping");
}

/* Commands */

static void command_text(void *data, const char *text, size_t len)
{
	struct command_call *call = data;

	call->on_text(call->data, text, len);
}

/* This thread serves nobody, so it may load right here. When that fails, the spoilt one must do. */
static void replace_if_spoilt(struct tenant *tenant)
{
	struct state *made;
	struct err err;

	if (tenant->state == NULL || !state_is_spoilt(tenant->state))
		return;
	if (state_new(&made, state_sources(tenant->state), state_budgets(tenant->state), &err) !=
		0) {
		log_event(LOG_ERROR, "state", "cannot be made again: %s", err.text);
		return;
	}
	attach(tenant, made);
	state_retire(tenant->state);
	tenant->state = made;
}

static void command_over(void *data, const struct task_result *result)
{
	struct command_call *call = data;
	struct tenant *tenant = call->tenant;

	tenant->commands--;
	call->done(call->data, result);
	replace_if_spoilt(tenant);
	free(call->name);
	free(call->arguments);
	free(call);
	settle(tenant);
}

static void asked(void *data, const char *json, size_t len)
{
	command_over(data, &(struct task_result){.text = {json, len}});
}

/* A backup needs neither a generation nor the home. */
static void run_backup(struct command_call *call, const char *arguments, size_t len)
{
	struct tenant *tenant = call->tenant;
	struct json_fault fault;
	json_t *order = json_in_parse(arguments, len, &fault);
	const char *path = json_string_value(json_object_get(order, "file"));

	backup_start(tenant->owner.loop,
		&(struct backup_order){
			.store = tenant->store,
			.path = path != NULL ? path : "",
			.wal_limit = (int64_t)tenant->settings.wal_limit << 20,
			.stop = &tenant->hurry,
		},
		command_text, command_over, call);
	json_decref(order);
}

static bool is_backup(const char *name)
{
	return strcmp(name, "backup") == 0;
}

static void run_command(
	struct command_call *call, const char *name, const char *arguments, size_t len)
{
	struct tenant *tenant = call->tenant;
	bool is_generation = strcmp(name, "generation") == 0 && tenant->owner.options->listens;

	tenant->commands++;
	if (is_backup(name))
		run_backup(call, arguments, len);
	else if (is_generation)
		generations_ask(tenant->generations, CAUSE_COMMAND, arguments, len, asked, call);
	else
		state_command(
			tenant->state, name, arguments, len, command_text, command_over, call);
}

/* Until the tenant is open. */
static int keep_waiting(
	struct command_call *call, const char *name, const char *arguments, size_t len)
{
	struct command_call **at = &call->tenant->pending;

	call->name = strdup(name);
	call->arguments = malloc(len + 1);
	if (call->name == NULL || call->arguments == NULL)
		return TM_ENOMEM;
	memcpy(call->arguments, arguments, len);
	call->arguments[len] = '\0';
	call->len = len;
	while (*at != NULL)
		at = &(*at)->next;
	*at = call;
	return 0;
}

void tenant_command(struct tenant *tenant, const char *name, const char *arguments, size_t len,
	void (*on_text)(void *data, const char *text, size_t len), task_done done, void *data)
{
	struct command_call *call = calloc(1, sizeof *call);
	bool runs = tenant->phase == TENANT_OPEN || (is_backup(name) && tenant->store != NULL);

	if (call == NULL) {
		done(data, &(struct task_result){.rc = TM_ENOMEM});
		return;
	}
	*call = (struct command_call){
		.tenant = tenant, .on_text = on_text, .done = done, .data = data};
	if (stops(tenant))
		refuse_command(call, TM_EBUSY,
			tenant->hushed ? "the server is stopping"
				       : "the tenant is being closed; try again");
	else if (runs)
		run_command(call, name, arguments, len);
	else if (keep_waiting(call, name, arguments, len) != 0)
		refuse_command(call, TM_ENOMEM, "no memory");
	else if (tenant->phase == TENANT_CLOSED)
		tenant->owner.wanted(tenant->owner.owner, tenant);
}

void tenant_refuse(struct tenant *tenant, const char *why)
{
	run_pending(tenant, TM_EBUSY, why);
}

/* The rest */

struct tenant *tenant_new(const struct tenant_owner *owner, int index)
{
	struct tenant *tenant = calloc(1, sizeof *tenant);
	const struct tenant_settings *own = &owner->options->settings->tenants[index];

	if (tenant == NULL)
		return NULL;
	tenant->owner = *owner;
	tenant->index = index;
	tenant->settings = *owner->options->settings;
	tenant->settings.plugins = own->plugins;
	tenant->settings.clients = own->clients;
	uv_timer_init(owner->loop, &tenant->rest);
	tenant->rest.data = tenant;
	return tenant;
}

void tenant_free(struct tenant *tenant)
{
	if (tenant == NULL)
		return;
	generations_free(tenant->generations);
	attempts_free(tenant->attempts);
	free(tenant);
}

const char *tenant_name(const struct tenant *tenant)
{
	return tenant->settings.tenants[tenant->index].name;
}

int tenant_index(const struct tenant *tenant)
{
	return tenant->index;
}

enum tenant_phase tenant_phase(const struct tenant *tenant)
{
	return tenant->phase;
}

struct tenant_rooms tenant_rooms(struct tenant *tenant)
{
	return (struct tenant_rooms){.name = tenant_name(tenant),
		.store = tenant->store,
		.home = tenant->home,
		.slow = tenant->slow,
		.pace = &tenant->pace,
		.attempts = tenant->attempts,
		.meters = metering_meters(tenant->metering),
		.generations = generations_calls(tenant->generations)};
}

struct switching *tenant_switching(struct tenant *tenant)
{
	return tenant->switches ? generations_switching(tenant->generations) : NULL;
}
