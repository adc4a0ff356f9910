/* What core.store and the passwords of core.hash promise to Lua. */
#include "state_place.h"

#include "script/pace.h"
#include "script/watchdog.h"

/* Makes the table `t` for the tests, in a unit of its own. */
static void with_table(void)
{
	serve_lane("main.write = function()\n"
		   "  store.run('CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT UNIQUE) STRICT')\n"
		   "  return { status = 200 } end");
	write_well();
	state_retire(here.state);
	here.state = NULL;
}

static void assert_writes(const char *lua, const char *body)
{
	struct outcome out;

	serve_lane(lua);
	out = write_well();
	assert_string_equal(out.body, body);
}

/* Queries. */

static void test_values_come_back_as_they_went(void **state)
{
	(void)state;
	serve("main.handle = function()\n"
	      "  local rows, n = store.query('SELECT ?, ?, ?, ?, ?, ?, typeof(?), typeof(?)', "
	      "nil,\n"
	      "    true, math.mininteger, 0.1, 'a\\0b', store.blob('\\xff\\0'), store.blob(''), "
	      "'')\n"
	      "  local r = rows[1]\n"
	      "  return said(n, r[1], r[2], r[3] == math.mininteger, r[4], #r[5],\n"
	      "    r[6] == '\\xff\\0', r[7], r[8]) end");
	assert_says("1 nil 1 true 0.1 3 true blob text");
}

static void test_many_rows_and_none(void **state)
{
	(void)state;
	serve("local count = 'WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c\\n'\n"
	      "  .. 'WHERE n < ?) SELECT n, NULL, n || \\'x\\' FROM c WHERE n <= ?'\n"
	      "main.handle = function()\n"
	      "  local rows, n = store.query(count, 5000, 5000)\n"
	      "  local none, zero = store.query(count, 5, 0)\n"
	      "  return said(n, #rows, rows[5000][1], rows[5000][2], rows[5000][3], #none, zero) "
	      "end");
	assert_says("5000 5000 5000 nil 5000x 0 0");
}

static void test_a_statement_may_have_more_parameters_than_the_task_has_room(void **state)
{
	(void)state;
	serve("main.handle = function()\n"
	      "  local values = {} for i = 1, 200 do values[i] = 'v' .. i end\n"
	      "  local row = store.query('SELECT ' .. ('?,'):rep(199) .. '?',\n"
	      "    table.unpack(values))[1]\n"
	      "  return said(#row, row[1], row[200]) end");
	assert_says("200 v1 v200");
}

static void test_what_cannot_be_stored_is_named(void **state)
{
	struct outcome out;

	(void)state;
	serve("main.handle = function() store.query('SELECT ?, ?', 1, {}) end");

	out = handle();

	assert_int_equal(out.rc, TM_ESCRIPT);
	assert_tells(out.text, "main.lua:8: parameter 2: a table cannot be stored");
}

static void test_a_call_that_could_not_wait_is_refused(void **state)
{
	(void)state;
	serve("main.handle = function()\n"
	      "  local ask = function() store.query('SELECT 1') end\n"
	      "  local _, sort = pcall(table.sort, { 1, 2 }, ask)\n"
	      "  local _, inner = coroutine.resume(coroutine.create(ask))\n"
	      "  local same = pcall(ask)\n"
	      "  return said(sort:match('mill.db cannot wait here'),\n"
	      "    inner:match('mill.db cannot wait here'), same) end");
	assert_says("mill.db cannot wait here mill.db cannot wait here true");
}

static void test_a_reader_writes_nothing(void **state)
{
	(void)state;
	with_table();
	serve("main.handle = function()\n"
	      "  return said(store.writes(), (pcall(store.run, 'INSERT INTO t VALUES (1, 2)'))) "
	      "end");
	assert_says("false false");
}

static void test_two_reads_of_a_task_see_the_same(void **state)
{
	(void)state;
	with_table();
	serve("main.handle = function()\n"
	      "  return said(store.query('SELECT COUNT(*) FROM t')[1][1], store.position()) end");
	assert_says("0 0");
}

/* Writing. */

static void test_a_write_is_kept_with_its_changes_counted(void **state)
{
	(void)state;
	with_table();
	assert_writes("main.write = function()\n"
		      "  local n = store.run(\"INSERT INTO t VALUES (1, 'x'), (2, 'y')\")\n"
		      "  return said(n, store.run('UPDATE t SET b = b || ? WHERE a = ?', 'z', 2),\n"
		      "    store.query('SELECT b FROM t WHERE a = 2')[1][1]) end",
		"2 1 yz");
}

static void test_undo_takes_back_what_was_done_since_the_mark(void **state)
{
	(void)state;
	with_table();
	assert_writes("main.write = function()\n"
		      "  local put = function(n) store.run('INSERT INTO t VALUES (?, ?)', n, n .. "
		      "'') end\n"
		      "  put(1) store.mark() put(2) store.mark() put(3) store.keep() store.undo()\n"
		      "  store.mark() put(4) store.keep()\n"
		      "  local rows = store.query('SELECT group_concat(a) FROM t')\n"
		      "  return said(rows[1][1]) end",
		"1,4");
}

static void test_a_unique_constraint_is_an_error_that_the_task_survives(void **state)
{
	(void)state;
	with_table();
	assert_writes("main.write = function()\n"
		      "  store.run(\"INSERT INTO t VALUES (1, 'x')\")\n"
		      "  local ok, e = pcall(store.run, \"INSERT INTO t VALUES (2, 'x')\")\n"
		      "  return said(ok, e.store, e.code, e.message, e) end",
		"false true unique t.b unique: t.b");
}

static void test_a_wrong_statement_is_an_invalid_one(void **state)
{
	(void)state;
	serve("main.handle = function()\n"
	      "  local ok, e = pcall(store.query, 'SELECT nowhere')\n"
	      "  return said(ok, e.code, e.message:match('no such column')) end");
	assert_says("false invalid no such column");
}

static void test_figures_are_a_list_of_lists_up_to_the_limit(void **state)
{
	(void)state;
	serve("main.handle = function()\n"
	      "  local three = 'SELECT column1, column2 FROM (VALUES (?, 1), (8, 0), (9, -2))'\n"
	      "  local all = { store.figures(3, three, 7) }\n"
	      "  local some = { store.figures(2, three, 7) }\n"
	      "  local none = { store.figures(2, 'SELECT 1 WHERE false') }\n"
	      "  local text = { pcall(store.figures, 2, \"SELECT 'x'\") }\n"
	      "  return said(all[1], all[2], all[3], some[1], some[2], none[1], none[2], none[3],\n"
	      "    text[2]:match('no whole number')) end");
	assert_says("[[7,1],[8,0],[9,-2]] 3 7 [[7,1],[8,0]] 3 [] 0 nil no whole number");
}

static void test_a_change_moves_the_position_and_undo_moves_it_back(void **state)
{
	(void)state;
	assert_writes("main.write = function()\n"
		      "  local add = function(n) store.append(1, 'x', n, 1, 1000, nil, 'request',\n"
		      "    'r', nil, 'g', '{}') return store.position() end\n"
		      "  local one = add(1) store.mark() local two = add(2) store.undo()\n"
		      "  return said(one, two, store.position()) end",
		"1 2 1");
}

static void test_a_change_without_an_entity_is_refused(void **state)
{
	(void)state;
	assert_writes("main.write = function()\n"
		      "  return said(select(2, pcall(store.append, 1))) end",
		"bad argument #2 to '?' (string expected, got no value)");
}

/* A write that finds no room on the disk, and goes on as if nothing had happened. */
static const char fills_the_disk[] =
	"main.write = function()\n"
	"  store.query('PRAGMA max_page_count = 1')\n"
	"  local _, e = pcall(store.run, \"INSERT INTO t VALUES (1, hex(zeroblob(1000000)))\")\n"
	"  local _, again = pcall(store.query, 'SELECT 1')\n"
	"  assert(again.code == e.code)\n"
	"  return said(e.code) end";

static void test_a_lost_unit_ends_the_task_whatever_lua_makes_of_it(void **state)
{
	struct outcome out;
	int unit_rc = 0;

	(void)state;
	with_table();
	serve_lane(fills_the_disk);

	out = write_in_lane(false, &unit_rc);
	assert_true(out.rc == TM_ELOST || out.rc == TM_EFULL);
	assert_int_equal(out.status, 0);

	out = write_in_lane(true, &unit_rc);
	assert_int_equal(out.rc, TM_EFULL);
	assert_true(out.text[0] != '\0');
}

static void test_a_task_after_a_lost_one_is_not_lost(void **state)
{
	int unit_rc = 0;

	(void)state;
	skip_when_fresh();
	with_table();
	serve_lane("local full = true\n"
		   "main.write = function()\n"
		   "  store.query('PRAGMA max_page_count = ' .. (full and 1 or 100000))\n"
		   "  full = not full\n"
		   "  store.run(\"INSERT INTO t VALUES (1, hex(zeroblob(1000000)))\")\n"
		   "  return said('kept') end");

	assert_true(write_in_lane(true, &unit_rc).rc == TM_EFULL);
	assert_string_equal(write_well().body, "kept");
}

/* Passwords. */

static void test_a_password_is_verified_by_its_hash_only(void **state)
{
	(void)state;
	serve("main.handle = function()\n"
	      "  local text = hash.password_hash('tide\\0mill')\n"
	      "  return said(text:match('^$argon2id$v=19$m=19456,t=2,p=1'),\n"
	      "    hash.password_verify(text, 'tide\\0mill'), hash.password_verify(text, 'tide'),\n"
	      "    hash.password_verify('nonsense', 'x'),\n"
	      "    hash.password_verify(('x'):rep(1000), 'x')) end");
	assert_says("$argon2id$v=19$m=19456,t=2,p=1 true false false false");
}

static void test_other_tasks_run_while_a_password_is_hashed(void **state)
{
	struct outcome slow = {0}, quick = {0};

	(void)state;
	skip_when_fresh();
	serve("local first = true\n"
	      "main.handle = function()\n"
	      "  local n = store.query('SELECT 1')[1][1]\n"
	      "  if first then first = false hash.password_hash('x') end\n"
	      "  return said(n + store.query('SELECT 1')[1][1]) end");

	state_handle(here.state, &request, done, &slow);
	state_handle(here.state, &request, done, &quick);
	while (quick.calls == 0 && slow.calls == 0)
		uv_run(&here.loop, UV_RUN_NOWAIT);
	assert_int_equal(slow.calls, 0);
	assert_int_equal(quick.calls, 1);
	assert_string_equal(quick.body, "2");
	uv_run(&here.loop, UV_RUN_DEFAULT);

	assert_int_equal(slow.calls, 1);
	assert_string_equal(slow.body, "2");
}

static void test_the_lane_hashes_no_password(void **state)
{
	(void)state;
	assert_writes("main.write = function()\n"
		      "  return said(select(2, pcall(hash.password_hash, 'x'))) end",
		"password_hash belongs into handle: the lane never waits for it");
}

/* Two at once and 64 in the queue; of many more, sent faster than any is hashed, the rest is told
 * to come again, at once. One that is done meanwhile leaves its place to another. */
static void test_too_many_passwords_are_refused_as_busy(void **state)
{
	enum { ALL = 400, SERVED = 66 };
	static struct http_request from[ALL];
	static struct outcome out[ALL];
	int served = 0, refused = 0;

	(void)state;
	memset(out, 0, sizeof out);
	serve("main.handle = function()\n"
	      "  local ok, e = pcall(hash.password_hash, 'x')\n"
	      "  return said(ok or e.busy and 'busy') end");
	for (int i = 0; i < ALL; i++) {
		from[i] = request;
		snprintf(from[i].client, sizeof from[i].client, "192.0.2.%d", i % 100);
		state_handle(here.state, &from[i], done, &out[i]);
	}
	for (int i = 0; i < ALL; i++)
		refused += out[i].calls;
	uv_run(&here.loop, UV_RUN_DEFAULT);

	for (int i = 0; i < ALL; i++)
		served += strcmp(out[i].body, "true") == 0;
	assert_int_equal(served + refused, ALL);
	assert_in_range(served, SERVED, ALL - 1);
	assert_string_equal(out[ALL - 1].body, "busy");
}

static void test_one_network_cannot_take_all_places_where_passwords_wait(void **state)
{
	enum { GREEDY = 60 };
	static struct outcome out[GREEDY];
	static struct http_request from[GREEDY];
	struct http_request another = request;
	struct outcome other = {0};
	int served = 0;

	(void)state;
	memset(out, 0, sizeof out);
	serve("main.handle = function()\n"
	      "  local ok, e = pcall(hash.password_hash, 'x')\n"
	      "  return said(ok or e.busy and 'busy') end");
	for (int i = 0; i < GREEDY; i++) {
		from[i] = request;
		snprintf(from[i].client, sizeof from[i].client, "2001:db8:0:1::%d", i);
		state_handle(here.state, &from[i], done, &out[i]);
	}
	strcpy(another.client, "2001:db8:0:2::1");
	state_handle(here.state, &another, done, &other);
	uv_run(&here.loop, UV_RUN_DEFAULT);

	for (int i = 0; i < GREEDY; i++)
		served += strcmp(out[i].body, "true") == 0;
	assert_in_range(served, 18, GREEDY - 1);
	assert_string_equal(out[GREEDY - 1].body, "busy");
	assert_string_equal(other.body, "true");
}

/* One of several threads that want passwords hashed, each on a loop of its own. */
struct rival {
	pthread_t thread;
	uv_loop_t loop;
	struct state *state;
	struct outcome out;
};

static void *run_rival(void *data)
{
	struct rival *rival = data;

	for (int i = 0; i < 4; i++)
		state_handle(rival->state, &request, done, &rival->out);
	uv_run(&rival->loop, UV_RUN_DEFAULT);
	state_retire(rival->state);
	return NULL;
}

static void test_threads_take_turns_at_hashing(void **state)
{
	struct rival rivals[3] = {0};

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(uv_loop_init(&rivals[i].loop), 0);
		rivals[i].state = new_state("main.handle = function()\n"
					    "  return said(#hash.password_hash('x') > 90) end",
			&rivals[i].loop, NULL);
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&rivals[i].thread, NULL, run_rival, &rivals[i]), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(rivals[i].thread, NULL);

	for (int i = 0; i < 3; i++) {
		assert_int_equal(rivals[i].out.calls, 4);
		assert_string_equal(rivals[i].out.body, "true");
		assert_int_equal(uv_loop_close(&rivals[i].loop), 0);
	}
}

/* Budgets. */

static void assert_breaks_its_budget(const char *lua, const char *words)
{
	struct outcome out;

	assert_int_equal(watchdog_start(), 0);
	store_stop_when(here.reader, watch_has_ended);
	serve(lua);
	out = handle();
	watchdog_stop();

	assert_int_equal(out.rc, TM_EBUDGET);
	assert_tells(out.text, words);
#ifndef STATE_FRESH /* where it was another state's request */
	assert_true(state_is_spoilt(here.state));
#endif
}

static void test_a_statement_that_takes_too_long_is_interrupted(void **state)
{
	(void)state;
#ifdef STORE_DEFERRED
	skip(); /* there a statement runs after the run that asked for it has begun to wait */
#endif
	assert_breaks_its_budget(
		"main.handle = function() pcall(store.query, 'WITH RECURSIVE c(x) AS '\n"
		"  .. '(SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c')\n"
		"  return said('escaped') end",
		"takes too long");
}

static void test_a_loop_is_ended_where_it_is(void **state)
{
	(void)state;
	assert_breaks_its_budget("main.handle = function() while true do end end",
		"takes too long: scripts/main.lua:8");
}

static void test_a_task_that_takes_too_much_memory_is_ended(void **state)
{
	(void)state;
	assert_breaks_its_budget("main.handle = function() local t = {}\n"
				 "  while true do t[#t + 1] = ('x'):rep(100000) .. #t end end",
		"needs too much memory");
}

/* Giving way: what a read that takes longer than the others should wait for does on a worker. */

#define ROUTE 3
static const char forever[] =
	"store.query('WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) '\n"
	"  .. 'SELECT count(*) FROM c')";
/* About 50 ms or more of Lua. */
static const char while_in_lua[] = "for i = 1, 5000000 do n = n + i % 3 end";

/* `enter` is what the framework calls when it knows the route. */
static struct outcome read_beside_others(struct pace *pace, const char *enter, const char *lua)
{
	struct outcome out;
	char text[2048];

	here.pace = pace;
	snprintf(text, sizeof text,
		"local sandbox = require 'core.sandbox'\n"
		"main.handle = function() local n = 0\n"
		"  %s\n"
		"  %s\n"
		"  return said('over', n > 0) end",
		enter, lua);
	assert_int_equal(watchdog_start(), 0);
	store_stop_when(here.reader, watch_has_ended);
	serve(text);
	out = handle();
	watchdog_stop();
	return out;
}

static const char enter_read[] = "task.enter('GET /x', 3, true)";

static void test_a_long_statement_of_a_read_gives_way_and_spoils_nothing(void **state)
{
	struct pace pace = {0};
	struct outcome out;
	char caught[256];

	(void)state;
#ifdef STORE_DEFERRED
	skip(); /* as above */
#endif
	snprintf(caught, sizeof caught, "pcall(function() %s end)", forever);
	out = read_beside_others(&pace, enter_read, caught);

	assert_int_equal(out.rc, TM_EGIVEWAY);
	assert_false(state_is_spoilt(here.state));
	assert_int_equal(pace.scores[ROUTE], 3);
}

static void test_the_next_question_of_a_read_that_took_long_gives_way(void **state)
{
	struct pace pace = {0};
	struct outcome out;
	char text[512];

	(void)state;
	snprintf(text, sizeof text, "%s pcall(store.query, 'SELECT 1')", while_in_lua);
	out = read_beside_others(&pace, enter_read, text);

	assert_int_equal(out.rc, TM_EGIVEWAY);
	assert_false(state_is_spoilt(here.state));
}

static void test_a_plugin_that_computes_long_gives_way(void **state)
{
	struct pace pace = {0};
	struct outcome out = read_beside_others(&pace, enter_read,
		"pcall(sandbox.load('while true do end', '@plugins/p/p.lua', {}))");

	(void)state;
	assert_int_equal(out.rc, TM_EGIVEWAY);
	assert_false(state_is_spoilt(here.state));
}

static void test_the_framework_is_never_left_half_way(void **state)
{
	struct pace pace = {0};
	struct outcome out = read_beside_others(&pace, enter_read, while_in_lua);

	(void)state;
	assert_int_equal(out.rc, 0);
	assert_string_equal(out.body, "over true");
	assert_int_equal(pace.scores[ROUTE], 3);
	assert_false(state_is_spoilt(here.state));
}

static void test_what_changes_something_gives_no_way(void **state)
{
	struct pace pace = {0};
	char text[512];
	struct outcome out;

	(void)state;
	snprintf(text, sizeof text, "%s store.query 'SELECT 1'", while_in_lua);
	out = read_beside_others(&pace, "task.enter('POST /x', 3)", text);

	assert_int_equal(out.rc, 0);
	assert_string_equal(out.body, "over true");
}

static void test_a_route_that_is_slow_gives_way_at_once(void **state)
{
	struct pace pace = {0};
	struct outcome out;

	(void)state;
	for (int i = 0; i < 3; i++)
		pace_count(&pace, ROUTE, true);
	out = read_beside_others(&pace, enter_read, "");
	assert_int_equal(out.rc, TM_EGIVEWAY);
	assert_int_equal(pace.scores[ROUTE], 9); /* it tells nothing new */

	pace_count(&pace, ROUTE, false);
	assert_int_equal(handle().rc, 0);
}

static void test_a_route_is_slow_after_three_in_a_row_and_quick_again_after_some(void **state)
{
	struct pace pace = {0};

	(void)state;
	for (int i = 0; i < 100; i++) {
		pace_count(&pace, ROUTE, i % 4 == 0);
		assert_false(pace_is_slow(&pace, ROUTE));
	}
	for (int i = 0; i < 4; i++)
		pace_count(&pace, ROUTE, true);
	assert_true(pace_is_slow(&pace, ROUTE));
	assert_false(pace_is_slow(&pace, ROUTE + 1));
	for (int i = 0; i < 4; i++)
		pace_count(&pace, ROUTE, false);
	assert_false(pace_is_slow(&pace, ROUTE));
	for (int i = 0; i < 4; i++)
		pace_count(&pace, 0, true);
	assert_false(pace_is_slow(&pace, 0));
}

/* Elsewhere, it goes on until somebody needs its snapshot's end. */
static void *ask_to_give_way(void *place)
{
	usleep(50000);
	watch_give_way(place);
	return NULL;
}

static void test_a_read_elsewhere_gives_way_when_it_is_asked(void **state)
{
	struct watch_place *place = watch_my_place();
	struct outcome out;
	pthread_t thread;

	(void)state;
#ifdef STORE_DEFERRED
	skip(); /* as above */
#endif
	assert_int_equal(pthread_create(&thread, NULL, ask_to_give_way, place), 0);
	out = read_beside_others(NULL, enter_read, forever);
	pthread_join(thread, NULL);

	assert_int_equal(out.rc, TM_EGIVEWAY);
	assert_false(state_is_spoilt(here.state));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_values_come_back_as_they_went),
		TEST(test_many_rows_and_none),
		TEST(test_a_statement_may_have_more_parameters_than_the_task_has_room),
		TEST(test_what_cannot_be_stored_is_named),
		TEST(test_a_call_that_could_not_wait_is_refused),
		TEST(test_a_reader_writes_nothing),
		TEST(test_two_reads_of_a_task_see_the_same),
		TEST(test_a_write_is_kept_with_its_changes_counted),
		TEST(test_undo_takes_back_what_was_done_since_the_mark),
		TEST(test_a_unique_constraint_is_an_error_that_the_task_survives),
		TEST(test_a_wrong_statement_is_an_invalid_one),
		TEST(test_figures_are_a_list_of_lists_up_to_the_limit),
		TEST(test_a_change_moves_the_position_and_undo_moves_it_back),
		TEST(test_a_change_without_an_entity_is_refused),
		TEST(test_a_lost_unit_ends_the_task_whatever_lua_makes_of_it),
		TEST(test_a_task_after_a_lost_one_is_not_lost),
		TEST(test_a_password_is_verified_by_its_hash_only),
		TEST(test_other_tasks_run_while_a_password_is_hashed),
		TEST(test_the_lane_hashes_no_password),
		TEST(test_too_many_passwords_are_refused_as_busy),
		TEST(test_one_network_cannot_take_all_places_where_passwords_wait),
		TEST(test_threads_take_turns_at_hashing),
		TEST(test_a_statement_that_takes_too_long_is_interrupted),
		TEST(test_a_loop_is_ended_where_it_is),
		TEST(test_a_task_that_takes_too_much_memory_is_ended),
		TEST(test_a_long_statement_of_a_read_gives_way_and_spoils_nothing),
		TEST(test_the_next_question_of_a_read_that_took_long_gives_way),
		TEST(test_a_plugin_that_computes_long_gives_way),
		TEST(test_the_framework_is_never_left_half_way),
		TEST(test_what_changes_something_gives_no_way),
		TEST(test_a_route_that_is_slow_gives_way_at_once),
		TEST(test_a_route_is_slow_after_three_in_a_row_and_quick_again_after_some),
		TEST(test_a_read_elsewhere_gives_way_when_it_is_asked),
	};

	if (hash_start() != 0)
		return 1;
	return cmocka_run_group_tests_name("state and store", tests, NULL, NULL);
}
