#include "fuzz/place.h"

#include "base/log.h"
#include "fuzz/fuzz.h"
#include "script/state.h"
#include "text/hash.h"

#include <string.h>
#include <unistd.h>

static struct {
	char folder[64];
	uv_loop_t loop;
	struct store *store;
	struct store_conn *reader, *writer;
	struct state *state;
	void (*told)(const struct place_answer *answer);
	int ended;
} place;

static void place_end(void)
{
	char command[128];

	state_retire(place.state);
	store_conn_close(place.reader);
	store_conn_close(place.writer);
	store_close(place.store);
	snprintf(command, sizeof command, "rm -rf '%s'", place.folder);
	if (system(command) != 0)
		perror(command);
}

static void expect(int rc, const struct err *err)
{
	if (rc == 0)
		return;
	fprintf(stderr, "%s\n", err->text);
	abort();
}

/* The framework with another main.lua: its own becomes the module "served". */
static struct state *make_state(struct store_conn *conn)
{
	static const char *const plugins[] = {"org", "customer", "product", "lead", "sales"};
	static const struct budgets no_budgets = {0};
	struct generation_source sources[8];
	char root[128], roots[8][64], names[8][64];
	struct state_host host = {.loop = &place.loop, .store = place.store, .conn = conn};
	struct generation *gen;
	struct state *state;
	unsigned count = 0;
	struct err err;

	snprintf(root, sizeof root, "%s/scripts", place.folder);
	sources[count++] = (struct generation_source){root, "scripts"};
	for (size_t i = 0; i < sizeof plugins / sizeof *plugins; i++) {
		snprintf(roots[i], sizeof roots[i], "plugins/%s", plugins[i]);
		snprintf(names[i], sizeof names[i], "plugins/%s", plugins[i]);
		sources[count++] = (struct generation_source){roots[i], names[i]};
	}
	expect(generation_read(&gen, sources, count,
		       "{\"clients\":[],\"plugins\":[\"org\",\"customer\",\"product\",\"lead\","
		       "\"sales\"],"
		       "\"tenant\":\"fuzz\"}",
		       &err),
		&err);
	expect(state_new(&state, gen, &no_budgets, &err), &err);
	generation_drop(gen);
	state_attach(state, &host);
	return state;
}

static void on_end(void *data, const struct task_result *result)
{
	struct place_answer answer = {
		result->answer.status, result->answer.body.data, result->answer.body.len};

	(void)data;
	place.ended++;
	if (result->rc != 0) {
		fprintf(stderr, "%.*s\n", (int)result->text.len, result->text.data);
		abort();
	}
	if (place.told != NULL)
		place.told(&answer);
}

static void unit_done(void *data, int rc, const struct err *err)
{
	(void)data;
	expect(rc, err);
}

/* Tables and records, in the lane's way. */
static void fill(void)
{
	static const char *const steps[] = {"schema.apply", "fuzz.fill"};
	struct state *state = make_state(place.writer);

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		struct store_unit *unit = store_unit_begin(place.writer, false);

		must(unit != NULL);
		state_bulk(state, unit, steps[i], "", 0, on_end, NULL);
		uv_run(&place.loop, UV_RUN_DEFAULT);
		must(place.ended == (int)i + 1);
		store_unit_end(unit, STORE_KEEP, unit_done, NULL);
		store_flush(place.writer);
	}
	state_retire(state);
}

void place_start(void)
{
	char command[256], path[128];
	struct err err;

	must(hash_start() == 0 && uv_loop_init(&place.loop) == 0);
	log_set_level(LOG_ERROR);
	strcpy(place.folder, "/tmp/tidemill-fuzz.XXXXXX");
	must(mkdtemp(place.folder) != NULL);
	snprintf(command, sizeof command,
		"cp -r scripts '%s' && cd '%s/scripts' && mv main.lua served.lua && "
		"cp \"$OLDPWD/tests/fuzz/main.lua\" main.lua",
		place.folder, place.folder);
	must(system(command) == 0);
	snprintf(path, sizeof path, "%s/tenant.db", place.folder);
	expect(store_open(&place.store, path, &err), &err);
	expect(store_conn_open(&place.writer, place.store, STORE_WRITE, &err), &err);
	expect(store_conn_open(&place.reader, place.store, STORE_READ, &err), &err);
	fill();
	place.state = make_state(place.reader);
	atexit(place_end);
}

void place_ask(const char *path, const char *query, size_t query_len, const char *body, size_t len,
	void (*told)(const struct place_answer *answer))
{
	struct http_request request = {
		.id = "0123456789abcdef",
		.method = {"GET", 3},
		.path = {path, strlen(path)},
		.query = {query, query_len},
		.host = {"localhost", 9},
		.body = {body, len},
		.client = "127.0.0.1",
	};

	place.told = told;
	place.ended = 0;
	state_handle(place.state, &request, on_end, NULL);
	uv_run(&place.loop, UV_RUN_DEFAULT);
	must(place.ended == 1);
}
