/* What a state promises to those who load scripts and run tasks in it. */
#include "state_place.h"

/* Loading. */

static void test_a_syntax_error_names_file_and_line(void **state)
{
	(void)state;
	script("main.lua", "require 'people.actor'");
	script("people/actor.lua", "local a = 1\nlocal = 2\n");
	assert_refused("scripts/people/actor.lua:2:");
}

static void test_an_error_while_loading_names_file_and_line(void **state)
{
	(void)state;
	script("main.lua", "\n\nlocal x = nil .. 'a'");
	assert_refused("scripts/main.lua:3: attempt to concatenate a nil value");
}

static void test_a_circular_require_is_told_with_its_chain(void **state)
{
	(void)state;
	script("main.lua", "require 'a'");
	script("a.lua", "require 'b'");
	script("b.lua", "require 'a'");
	assert_refused("circular require: a → b → a");
}

static void test_a_module_that_is_missing_is_named_where_it_was_required(void **state)
{
	(void)state;
	script("main.lua", "\nrequire 'people.nobody'");
	assert_refused("scripts/main.lua:2: require 'people.nobody': there is no such module");
	script("main.lua", "require '../secret'");
	assert_refused("there is no such module");
}

static void test_main_must_return_its_four_functions(void **state)
{
	(void)state;
	script("main.lua", "return 1");
	assert_refused("scripts/main.lua must return a table");
	script("main.lua", "local f = print return { handle = f, write = f, command = f }");
	assert_refused("'bulk'");
}

static void test_bytecode_is_refused_wherever_text_is_loaded(void **state)
{
	(void)state;
	put("main.lua", "\x1bLua\x54\0", 6);
	assert_refused("attempt to load a binary chunk");
	serve("local code = '\\27Lua'\n"
	      "local sandbox = require 'core.sandbox'\n"
	      "main.handle = function() return said((load(code)), load('return 7')(),\n"
	      "  load('return x', 'n', 'b', { x = 8 })(), (sandbox.load(code, '@x', {}))) end");
	assert_says("nil 7 8 nil");
}

static void test_scripts_cannot_reach_files_or_programs(void **state)
{
	(void)state;
	serve("main.handle = function() return said(io, os, package, dofile, loadfile) end");
	assert_says("nil nil nil nil nil");
}

static void test_a_module_is_loaded_once_and_lpeg_is_there(void **state)
{
	(void)state;
	script("once.lua", "count = (count or 0) + 1 return { n = count }");
	serve("require 'once' require 'once'\n"
	      "main.handle = function() return said(require 'once'.n,\n"
	      "  require 'lpeg'.match(require 'lpeg'.P 'a', 'a')) end");
	assert_says("1 2");
}

static void test_a_sandboxed_function_sees_only_its_own_globals(void **state)
{
	(void)state;
	serve("local sandbox = require 'core.sandbox'\n"
	      "main.handle = function()\n"
	      "  local f = sandbox.load('y = x return print', '@plugins/p.lua', { x = 1 })\n"
	      "  local g, why = sandbox.load('x =', '@plugins/p.lua', {})\n"
	      "  return said(f(), y, g, why) end");
	assert_says("nil nil nil plugins/p.lua:1: unexpected symbol near <eof>");
}

static void test_the_generation_can_be_read(void **state)
{
	(void)state;
	script("people/actor.lua", "return 1");
	serve("local g = require 'core.generation'\n"
	      "main.handle = function() return said(#g.hash, g.settings, g.text('x'),\n"
	      "  g.text('scripts/people/actor.lua'), table.concat(g.files('scripts/'), ',')) end");
	assert_says("64 {\"demo\":true} nil return 1 scripts/main.lua,scripts/people/actor.lua");
}

static void test_nothing_waits_while_loading(void **state)
{
	(void)state;
	script("main.lua", "require 'core.store'.query 'SELECT 1'");
	assert_refused("scripts/main.lua:1: mill.db can be used in a task only");
}

/* Requests and answers. */

static void test_a_request_is_a_table_with_repeated_headers_joined(void **state)
{
	(void)state;
	serve("main.handle = function(r) return said(r.id, r.method, r.path, r.query, r.host,\n"
	      "  r.body, r.client, r.headers.accept, r.headers.cookie, r.headers.none) end");
	assert_says("0123456789abcdef GET /api/v1/x%20y a=1 example.org {} 127.0.0.1 a/b, c/d "
		    "x=1; y=2 nil");
}

static void test_an_answer_carries_its_headers(void **state)
{
	struct outcome out;

	(void)state;
	serve("main.handle = function() return { status = 404, headers = { ['etag'] = '\"1\"' } } "
	      "end");

	out = handle();

	assert_int_equal(out.status, 404);
	assert_int_equal(out.header_count, 1);
	assert_string_equal(out.header, "etag: \"1\"");
	assert_string_equal(out.body, "");
}

static void assert_no_answer(const char *lua, const char *words)
{
	struct outcome out;

	serve(lua);
	out = handle();
	assert_int_equal(out.rc, TM_ESCRIPT);
	assert_tells(out.text, words);
	state_retire(here.state);
	here.state = NULL;
}

static void test_what_is_no_answer_is_a_script_error(void **state)
{
	(void)state;
	assert_no_answer("main.handle = function() return 1 end", "must return an answer");
	assert_no_answer("main.handle = function() return {} end", "'status'");
	assert_no_answer(
		"main.handle = function() return { status = 200, body = {} } end", "'body'");
	assert_no_answer("main.handle = function() return { status = 200,\n"
			 "  headers = { a = 'b\\r\\nset-cookie: c' } } end",
		"header 'a' cannot be sent");
	assert_no_answer("main.handle = function() coroutine.yield() end", "waits for nothing");
}

static void test_a_task_that_raises_ends_with_a_traceback(void **state)
{
	struct outcome out;

	(void)state;
	serve("local deep = function() error('oh') end\n"
	      "main.handle = function() deep() end");

	out = handle();

	assert_int_equal(out.rc, TM_ESCRIPT);
	assert_tells(out.text, "scripts/main.lua:8: oh");
	assert_tells(out.text, "stack traceback:");
	assert_tells(out.text, "scripts/main.lua:9:");
}

static void test_an_error_that_is_a_table_is_told_by_its_tostring(void **state)
{
	struct outcome out;

	(void)state;
	serve("main.handle = function() error(setmetatable({}, { __tostring = function()\n"
	      "  return 'a problem' end })) end");

	out = handle();

	assert_int_equal(out.rc, TM_ESCRIPT);
	assert_string_equal(out.text, "a problem");
}

static void test_a_failed_task_closes_its_variables_and_harms_no_later_one(void **state)
{
	(void)state;
	skip_when_fresh();
	serve("local n, closed = 0, 0\n"
	      "main.handle = function() n = n + 1\n"
	      "  local x <close> = setmetatable({}, { __close = function()\n"
	      "    closed = closed + 1 store.query('SELECT 1') end })\n"
	      "  if n < 3 then error('oh') end\n"
	      "  return said(n, closed) end");
	assert_int_equal(handle().rc, TM_ESCRIPT);
	assert_int_equal(handle().rc, TM_ESCRIPT);
	assert_says("3 2");
}

static void test_what_handle_prepared_reaches_write_in_the_lane(void **state)
{
	struct outcome out;

	(void)state;
	serve_lane("main.handle = function() return { lane = true, prepared = 'ab' } end\n"
		   "main.write = function(r, prepared) return said(r.path, prepared,\n"
		   "  store.writes(), task.kind()) end");

	out = handle();
	assert_true(out.to_lane);
	assert_string_equal(out.text, "ab");

	out = write_well();
	assert_string_equal(out.body, "/api/v1/x%20y prepared true write");
}

static void test_the_lane_has_its_answer_or_its_error(void **state)
{
	struct outcome out = {0};
	struct store_unit *unit;
	int rc;

	(void)state;
	serve_lane("main.bulk = function(name, payload)\n"
		   "  if name == 'bad' then error('no slice') end\n"
		   "  return name .. '=' .. payload end");
	unit = store_unit_begin(here.writer, false);

	state_bulk(here.state, unit, "slice", "a,b", 3, done, &out);
	assert_int_equal(out.rc, 0);
	assert_string_equal(out.text, "slice=a,b");
	state_bulk(here.state, unit, "bad", "", 0, done, &out);
	assert_int_equal(out.rc, TM_ESCRIPT);
	assert_tells(out.text, "no slice");

	store_unit_end(unit, STORE_UNDO, unit_done, &rc);
}

/* Commands. */

/* A lane that answers on a later turn of the loop. */
static struct {
	char answer[64];
	int rc;
	void (*done)(void *data, int rc, const char *answer, size_t len);
	void *data;
} lane;

static void lane_turn(uv_idle_t *turn)
{
	uv_close((uv_handle_t *)turn, (uv_close_cb)free);
	lane.done(lane.data, lane.rc, lane.answer, strlen(lane.answer));
}

static int lane_call(void *host, const char *name, const char *payload, size_t len,
	void (*done)(void *data, int rc, const char *answer, size_t len), void *data)
{
	uv_idle_t *turn;

	assert_ptr_equal(host, &here);
	if (strcmp(name, "full") == 0)
		return TM_EBUSY;
	lane.done = done;
	lane.data = data;
	lane.rc = strcmp(name, "lost") == 0 ? TM_ELOST : 0;
	snprintf(lane.answer, sizeof lane.answer, "%s(%.*s)", name, (int)len, payload);
	turn = malloc(sizeof *turn);
	uv_idle_init(&here.loop, turn);
	uv_idle_start(turn, lane_turn);
	return 0;
}

static void on_text(void *data, const char *text, size_t len)
{
	struct outcome *out = data;

	strncat(out->emitted, text, len);
}

static struct outcome command(const char *lua)
{
	struct outcome out = {0};

	here.lane_call = lane_call;
	serve(lua);
	state_command(here.state, "import", "{}", 2, on_text, done, &out);
	uv_run(&here.loop, UV_RUN_DEFAULT);
	assert_int_equal(out.calls, 1);
	return out;
}

static void test_a_command_emits_text_and_waits_for_its_slices(void **state)
{
	struct outcome out;

	(void)state;
	out = command("main.command = function(name, arguments, emit)\n"
		      "  store.query('SELECT 1')\n"
		      "  emit(task.lane('one', 'a')) emit(',') emit(task.lane('two', 'b'))\n"
		      "  return name .. arguments .. task.kind() end");

	assert_int_equal(out.rc, 0);
	assert_string_equal(out.emitted, "one(a),two(b)");
	assert_string_equal(out.text, "import{}command");
}

static void test_a_slice_that_fails_raises_in_the_command(void **state)
{
	struct outcome out;

	(void)state;
	out = command("main.command = function()\n"
		      "  local _, e = pcall(task.lane, 'lost', 'x')\n"
		      "  local _, f = pcall(task.lane, 'full', 'x')\n"
		      "  return e.code .. tostring(e.lane) .. e.message .. ' ' .. tostring(f) end");

	assert_int_equal(out.rc, 0);
	assert_string_equal(out.text, "losttruelost(x) busy: busy");
}

/* Tasks. */

static void test_a_task_keeps_one_table_and_a_new_task_gets_a_new_one(void **state)
{
	(void)state;
	serve("main.handle = function()\n"
	      "  local t, seen = task.current(), task.current().seen\n"
	      "  t.seen = true\n"
	      "  local inner = coroutine.wrap(function() return task.current() end)()\n"
	      "  return said(seen, inner == t) end");
	assert_says("nil true");
	assert_says("nil true");
}

static void test_a_retired_state_lives_until_its_tasks_end(void **state)
{
	struct outcome out = {0};

	(void)state;
	skip_when_fresh();
	serve("main.handle = function()\n"
	      "  return said(#hash.password_hash('x') > 90) end");
	state_handle(here.state, &request, done, &out);
	assert_int_equal(state_tasks(here.state), 1);

	state_retire(here.state);
	here.state = NULL;
	assert_int_equal(out.calls, 0);
	uv_run(&here.loop, UV_RUN_DEFAULT);

	assert_int_equal(out.calls, 1);
	assert_string_equal(out.body, "true");
}

static void handle_again(void *data, const struct task_result *result)
{
	struct outcome *out = data;

	done(out, result);
	if (out->calls < 3)
		state_handle(here.state, &request, handle_again, out);
	else
		state_retire(here.state);
}

static void test_a_task_may_be_started_or_the_state_retired_from_done(void **state)
{
	struct outcome out = {0};

	(void)state;
	serve("main.handle = function() return said(store.query('SELECT 5')[1][1]) end");

	state_handle(here.state, &request, handle_again, &out);
	uv_run(&here.loop, UV_RUN_DEFAULT);
	here.state = NULL;

	assert_int_equal(out.calls, 3);
	assert_string_equal(out.body, "5");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_syntax_error_names_file_and_line),
		TEST(test_an_error_while_loading_names_file_and_line),
		TEST(test_a_circular_require_is_told_with_its_chain),
		TEST(test_a_module_that_is_missing_is_named_where_it_was_required),
		TEST(test_main_must_return_its_four_functions),
		TEST(test_bytecode_is_refused_wherever_text_is_loaded),
		TEST(test_scripts_cannot_reach_files_or_programs),
		TEST(test_a_module_is_loaded_once_and_lpeg_is_there),
		TEST(test_a_sandboxed_function_sees_only_its_own_globals),
		TEST(test_the_generation_can_be_read),
		TEST(test_nothing_waits_while_loading),
		TEST(test_a_request_is_a_table_with_repeated_headers_joined),
		TEST(test_an_answer_carries_its_headers),
		TEST(test_what_is_no_answer_is_a_script_error),
		TEST(test_a_task_that_raises_ends_with_a_traceback),
		TEST(test_an_error_that_is_a_table_is_told_by_its_tostring),
		TEST(test_a_failed_task_closes_its_variables_and_harms_no_later_one),
		TEST(test_what_handle_prepared_reaches_write_in_the_lane),
		TEST(test_the_lane_has_its_answer_or_its_error),
		TEST(test_a_command_emits_text_and_waits_for_its_slices),
		TEST(test_a_slice_that_fails_raises_in_the_command),
		TEST(test_a_task_keeps_one_table_and_a_new_task_gets_a_new_one),
		TEST(test_a_retired_state_lives_until_its_tasks_end),
		TEST(test_a_task_may_be_started_or_the_state_retired_from_done),
	};

	if (hash_start() != 0)
		return 1;
	return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
