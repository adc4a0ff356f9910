/* tests/core/state_place.h: the place in which tests of states work: a folder with scripts/ and a
 * store, a loop, and the state under test. One place for each test, made by `enter` and removed by
 * `leave`. */
#pragma once

#include "script/state.h"

#include "text/hash.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Where one test works: a folder with scripts/ and a store, and a loop. */
static struct place {
	char folder[64];
	uv_loop_t loop;
	struct store *store;
	struct store_conn *reader, *writer;
	struct state *state;
	/* What a state is given as its host's. */
	int (*lane_call)(void *host, const char *name, const char *payload, size_t len,
		void (*done)(void *data, int rc, const char *answer, size_t len), void *data);
	struct pace *pace;
} here;

/* How a task ended. */
struct outcome {
	int calls, rc, status;
	unsigned header_count;
	char header[64], body[256], text[2048], emitted[64];
	bool to_lane;
};

static inline void put(const char *name, const char *text, size_t len)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof path, "%s/scripts/%s", here.folder, name);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static inline void script(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

/* For tests of what one state remembers from request to request, or of how it counts them: in
 * VARIANT=fresh each request has another. */
static inline void skip_when_fresh(void)
{
#ifdef STATE_FRESH
	skip();
#endif
}

static inline int enter(void **state)
{
	char path[128];
	struct err err = {0};

	(void)state;
	memset(&here, 0, sizeof here);
	strcpy(here.folder, "/tmp/test_state.XXXXXX");
	if (mkdtemp(here.folder) == NULL || uv_loop_init(&here.loop) != 0)
		return -1;
	snprintf(path, sizeof path, "%s/scripts", here.folder);
	mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/scripts/people", here.folder);
	mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/tenant.db", here.folder);
	if (store_open(&here.store, path, &err) != 0 ||
		store_conn_open(&here.writer, here.store, STORE_WRITE, &err) != 0 ||
		store_conn_open(&here.reader, here.store, STORE_READ, &err) != 0) {
		print_error("%s\n", err.text);
		return -1;
	}
	return 0;
}

static inline int leave(void **state)
{
	char command[128];

	(void)state;
	if (here.state != NULL)
		state_retire(here.state);
	uv_run(&here.loop, UV_RUN_DEFAULT);
	store_conn_close(here.reader);
	store_conn_close(here.writer);
	if (uv_loop_close(&here.loop) != 0)
		return -1;
	store_close(here.store);
	snprintf(command, sizeof command, "rm -rf '%s'", here.folder);
	return system(command);
}

static inline int load(struct state **state, struct err *err)
{
	char root[128];
	const struct generation_source source = {root, "scripts"};
	struct generation *gen;
	int rc;

	snprintf(root, sizeof root, "%s/scripts", here.folder);
	rc = generation_read(&gen, &source, 1, "{\"demo\":true}", err);
	assert_int_equal(rc, 0);
	rc = state_new(state, gen, &default_budgets, err);
	generation_drop(gen);
	return rc;
}

/* What is in the folder must be refused with `words`. */
static inline void assert_refused(const char *words)
{
	struct state *state;
	struct err err = {0};

	assert_int_equal(load(&state, &err), TM_ESCRIPT);
	if (strstr(err.text, words) == NULL)
		fail_msg("\"%s\" does not tell \"%s\"", err.text, words);
	assert_null(state);
}

/* main.lua of `body`, which may set handle, write, bulk and command. */
static inline struct state *new_state(const char *body, uv_loop_t *loop, struct store_conn *conn)
{
	struct state_host host = {.loop = loop,
		.store = here.store,
		.conn = conn,
		.lane_call = here.lane_call,
		.host = &here,
		.pace = here.pace};
	struct state *state;
	struct err err = {0};
	char text[4096];

	snprintf(text, sizeof text,
		"local none = function() error('not in this test') end\n"
		"local main = { handle = none, write = none, bulk = none, command = none }\n"
		"local store, task = require 'core.store', require 'core.task'\n"
		"local hash = require 'core.hash'\n"
		"local function said(...) local t = table.pack(...)\n"
		"  for i = 1, t.n do t[i] = tostring(t[i]) end\n"
		"  return { status = 200, body = table.concat(t, ' ') } end\n"
		"%s\nreturn main\n",
		body);
	script("main.lua", text);
	if (load(&state, &err) != 0)
		fail_msg("%s", err.text);
	state_attach(state, &host);
	return state;
}

static inline void serve(const char *body)
{
	here.state = new_state(body, &here.loop, here.reader);
}

static inline void serve_lane(const char *body)
{
	here.state = new_state(body, &here.loop, here.writer);
}

static inline void copy_text(char *to, size_t room, struct http_text text)
{
	snprintf(to, room, "%.*s", (int)text.len, text.len > 0 ? text.data : "");
}

static inline void done(void *data, const struct task_result *result)
{
	struct outcome *out = data;

	out->calls++;
	out->rc = result->rc;
	out->status = result->answer.status;
	out->to_lane = result->to_lane;
	copy_text(out->body, sizeof out->body, result->answer.body);
	copy_text(out->text, sizeof out->text, result->text);
	out->header_count = result->answer.header_count;
	if (out->header_count > 0)
		snprintf(out->header, sizeof out->header, "%s: %.*s",
			result->answer.headers[0].name, (int)result->answer.headers[0].value.len,
			result->answer.headers[0].value.data);
}

#define TEXT(literal)                                                                              \
	{                                                                                          \
		literal, sizeof(literal) - 1                                                       \
	}

static const struct http_header sent_headers[] = {
	{TEXT("accept"), TEXT("a/b")},
	{TEXT("cookie"), TEXT("x=1")},
	{TEXT("accept"), TEXT("c/d")},
	{TEXT("cookie"), TEXT("y=2")},
};

static const struct http_request request = {
	.id = "0123456789abcdef",
	.method = TEXT("GET"),
	.path = TEXT("/api/v1/x%20y"),
	.query = TEXT("a=1"),
	.host = TEXT("example.org"),
	.headers = sent_headers,
	.header_count = 4,
	.body = TEXT("{}"),
	.client = "127.0.0.1",
};

static inline struct outcome handle(void)
{
	struct outcome out = {0};

	state_handle(here.state, &request, done, &out);
	uv_run(&here.loop, UV_RUN_DEFAULT);
	assert_int_equal(out.calls, 1);
	assert_int_equal(state_tasks(here.state), 0);
	return out;
}

static inline void unit_done(void *data, int rc, const struct err *err)
{
	(void)err;
	*(int *)data = rc;
}

/* As the lane does: a unit around the task, kept when it went well. `unit_rc` is how the unit
 * ended. */
static inline struct outcome write_in_lane(bool alone, int *unit_rc)
{
	struct store_unit *unit = store_unit_begin(here.writer, alone);
	struct outcome out = {0};

	state_write(here.state, unit, &request, "prepared", 8, done, &out);
	uv_run(&here.loop, UV_RUN_DEFAULT);
	assert_int_equal(out.calls, 1);
	store_unit_end(unit, out.rc == 0 ? STORE_KEEP : STORE_UNDO, unit_done, unit_rc);
	store_flush(here.writer);
	uv_run(&here.loop, UV_RUN_DEFAULT);
	return out;
}

static inline struct outcome write_well(void)
{
	struct outcome out;
	int rc = -1;

	out = write_in_lane(false, &rc);
	if (out.rc != 0)
		fail_msg("%d: %s", out.rc, out.text);
	assert_int_equal(rc, 0);
	return out;
}

static inline void assert_tells(const char *text, const char *words)
{
	if (strstr(text, words) == NULL)
		fail_msg("\"%s\" does not tell \"%s\"", text, words);
}

/* Handles a request that must be answered 200 with `body`. */
static inline void assert_says(const char *body)
{
	struct outcome out = handle();

	if (out.rc != 0)
		fail_msg("%d: %s", out.rc, out.text);
	assert_int_equal(out.status, 200);
	assert_string_equal(out.body, body);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)
