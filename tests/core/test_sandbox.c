/* What plugins get of Lua beyond the plain functions: coroutines whose waits and breaks go through
 * every resume, and metatables that nobody can use to escape. */
#include "state_place.h"

#include "script/task.h"
#include "script/watchdog.h"

/* `plugin(text)` runs it as a plugin's, with `ask(n)` to wait for the store. */
static const char prelude[] =
	"local sandbox = require 'core.sandbox'\n"
	"local function ask(n) return store.query('SELECT ? + 1', n)[1][1] end\n"
	"local env = { assert = assert, coroutine = sandbox.coroutine, error = error, pcall = "
	"pcall,\n"
	"  ask = ask, select = select, setmetatable = sandbox.setmetatable, tostring = tostring,\n"
	"  getmetatable = sandbox.getmetatable, rawset = sandbox.rawset, string = string,\n"
	"  table = table, type = type, xpcall = sandbox.xpcall, pairs = pairs, ipairs = ipairs,\n"
	"  plain = sandbox.plain, across = function(f) f() end, record = setmetatable({}, {}) }\n"
	"local function plugin(text, ...)\n"
	"  return assert(sandbox.load(text, '@plugins/p/actions.lua', env))(...) end\n";

static void serve_plugin(const char *text)
{
	char body[4096];

	snprintf(body, sizeof body,
		"%smain.handle = function()\n  return said(plugin [=[\n%s]=])\nend", prelude, text);
	serve(body);
}

static void assert_plugin_says(const char *text, const char *says)
{
	serve_plugin(text);
	assert_says(says);
}

/* Coroutines as the manual has them. */

static void test_coroutines_give_and_take(void **unused)
{
	(void)unused;
	assert_plugin_says(
		"local co = coroutine.create(function(a, b)\n"
		"  local c, d = coroutine.yield(a + b)\n"
		"  return c * d, 'end' end)\n"
		"local _, sum = coroutine.resume(co, 1, 2)\n"
		"local was = coroutine.status(co)\n"
		"local ok, product, word = coroutine.resume(co, 3, 4)\n"
		"return sum, was, ok, product, word, coroutine.status(co), coroutine.resume(co)\n",
		"3 suspended true 12 end dead false cannot resume dead coroutine");
}

static void test_a_wrapped_one_is_an_iterator(void **unused)
{
	(void)unused;
	assert_plugin_says("local function each(n) return coroutine.wrap(function()\n"
			   "  for i = 1, n do coroutine.yield(i) end end) end\n"
			   "local sum = 0\n"
			   "for i in each(10) do sum = sum + i end\n"
			   "local _, fault = pcall(coroutine.wrap(function() error('no', 0) end))\n"
			   "local _, value = pcall(coroutine.wrap(function() error({ 7 }) end))\n"
			   "return sum, fault, value[1]\n",
		"55 no 7");
}

static void test_who_runs_is_told(void **unused)
{
	(void)unused;
	assert_plugin_says(
		"local outside, is_main = coroutine.running()\n"
		"local co\n"
		"co = coroutine.create(function()\n"
		"  local running, main = coroutine.running()\n"
		"  return running == co, main, coroutine.isyieldable(), coroutine.status(co),\n"
		"    coroutine.resume(co) end)\n"
		"return outside, is_main, coroutine.isyieldable(), coroutine.resume(co)\n",
		"nil true false true true false true running false cannot resume non-suspended "
		"coroutine");
}

static void test_a_yield_outside_of_a_coroutine_or_through_the_framework_is_an_error(void **unused)
{
	(void)unused;
	assert_plugin_says("local _, outside = pcall(coroutine.yield)\n"
			   "local co = coroutine.create(function() across(coroutine.yield) end)\n"
			   "local _, through = coroutine.resume(co)\n"
			   "local _, sorting = coroutine.resume(coroutine.create(function()\n"
			   "  table.sort({ 1, 2, 3 }, coroutine.yield) end))\n"
			   "return outside, '/', through, '/', sorting\n",
		"attempt to yield from outside a coroutine / "
		"scripts/main.lua:14: attempt to yield across a function of mill / "
		"attempt to yield across a C-call boundary");
}

static void test_a_coroutine_is_closed(void **unused)
{
	(void)unused;
	assert_plugin_says("local co = coroutine.create(function() coroutine.yield() end)\n"
			   "coroutine.resume(co)\n"
			   "local closed = coroutine.close(co)\n"
			   "local failed = coroutine.create(error)\n"
			   "coroutine.resume(failed, 'bad')\n"
			   "local _, running = pcall(coroutine.wrap(function()\n"
			   "  coroutine.close(coroutine.running()) end))\n"
			   "return closed, coroutine.status(co), running:match 'cannot.*',\n"
			   "  coroutine.close(failed)\n",
		"true dead cannot close a running coroutine false bad");
}

static void test_more_arguments_than_a_stack_has_are_an_error(void **unused)
{
	(void)unused;
	assert_plugin_says(
		"local co = coroutine.create(function(...) return select('#', ...) end)\n"
		"local many = {}\n"
		"for i = 1, 600000 do many[i] = i end\n"
		"local _, ok, fault = pcall(function()\n"
		"  return coroutine.resume(co, table.unpack(many)) end)\n"
		"return ok, fault:match 'stack overflow'\n",
		"false stack overflow");
}

/* Waiting. */

static void test_a_wait_goes_through_every_resume(void **unused)
{
	(void)unused;
	assert_plugin_says("local co = coroutine.create(function(n)\n"
			   "  local inner = coroutine.wrap(function(m)\n"
			   "    m = coroutine.yield(ask(m)) return ask(m), 'done' end)\n"
			   "  local first = inner(n)\n"
			   "  coroutine.yield(ask(first) * 100)\n"
			   "  return pcall(inner, 7) end)\n"
			   "return select(2, coroutine.resume(co, 1)), coroutine.resume(co)\n",
		"300 true true 8 done");
}

static void test_a_wait_in_a_callback_in_a_coroutine_keeps_its_place(void **unused)
{
	(void)unused;
	assert_plugin_says("local co = coroutine.wrap(function()\n"
			   "  return (('123'):gsub('%d', function(d)\n"
			   "    coroutine.yield(d) return ask(d + 0) .. '' end)) end)\n"
			   "return co(), co(), co(), co()\n",
		"1 2 3 234");
}

static void test_what_could_not_wait_is_told_through_a_resume(void **unused)
{
	(void)unused;
	assert_plugin_says("local fault\n"
			   "table.sort({ 1, 2 }, function()\n"
			   "  local ok, why = coroutine.resume(coroutine.create(ask), 1)\n"
			   "  fault = fault or why return false end)\n"
			   "return fault:match('mill.db cannot wait here'), ask(1),\n"
			   "  coroutine.wrap(ask)(1)\n",
		"mill.db cannot wait here 2 2");
}

/* Another request finds the coroutine of one that waits, and must leave it alone. */
static void test_a_coroutine_that_waits_is_not_resumed_by_another_request(void **unused)
{
	struct outcome first = {0}, second = {0};
	char body[4096];

	(void)unused;
	skip_when_fresh();
	snprintf(body, sizeof body,
		"%slocal kept, count = {}, 0\n"
		"env.kept = kept\n"
		"main.handle = function()\n"
		"  count = count + 1\n"
		"  return said(plugin(count == 1 and [=[\n"
		"    kept[1] = coroutine.create(function() return ask(1) end)\n"
		"    return coroutine.resume(kept[1])]=] or [=[\n"
		"    return coroutine.status(kept[1]), coroutine.resume(kept[1])]=]))\n"
		"end",
		prelude);
	serve(body);

	state_handle(here.state, &request, done, &first);
	state_handle(here.state, &request, done, &second);
	uv_run(&here.loop, UV_RUN_DEFAULT);

	assert_string_equal(first.body, "true 2");
#ifdef STORE_DEFERRED
	assert_string_equal(second.body, "normal false cannot resume non-suspended coroutine");
#else
	assert_string_equal(second.body, "dead false cannot resume dead coroutine");
#endif
}

/* Budgets. */

static void assert_breaks(const char *text)
{
	struct outcome out;

	assert_int_equal(watchdog_start(), 0);
	serve_plugin(text);
	here.state->budgets.read_ms = 50;
	out = handle();
	watchdog_stop();

	assert_int_equal(out.rc, TM_EBUDGET);
	assert_tells(out.text, "the plugin p");
	assert_tells(out.text, "plugins/p/actions.lua:");
	assert_true(state_is_spoilt(here.state));
}

static void test_a_break_goes_through_every_resume(void **unused)
{
	(void)unused;
	skip_when_fresh();
	assert_breaks("while true do pcall(coroutine.wrap(function()\n"
		      "  while true do coroutine.resume(coroutine.create(function()\n"
		      "    while true do end end)) end end)) end\n");
}

static void test_a_break_in_a_coroutine_without_code_is_told_with_who_resumed_it(void **unused)
{
	(void)unused;
	skip_when_fresh();
	assert_breaks("while true do\n"
		      "  coroutine.resume(coroutine.create(string.rep), 'x', 1 << 24)\n"
		      "end\n");
}

static void test_a_break_after_a_wait_in_a_coroutine_goes_through_too(void **unused)
{
	(void)unused;
	skip_when_fresh();
	assert_breaks(
		"local co = coroutine.wrap(function() ask(1) pcall(ask, 2) while true do end end)\n"
		"pcall(co)\n"
		"while true do end\n");
}

static void test_an_error_whose_words_never_end_is_broken(void **unused)
{
	(void)unused;
	skip_when_fresh();
	assert_breaks(
		"error(setmetatable({}, { __tostring = function() while true do end end }))\n");
}

/* Metatables. */

static void test_classes_work(void **unused)
{
	(void)unused;
	assert_plugin_says("local Point = {}\n"
			   "Point.__index = Point\n"
			   "function Point.__add(a, b) return Point.new(a.x + b.x) end\n"
			   "function Point.__eq(a, b) return a.x == b.x end\n"
			   "function Point.__lt(a, b) return a.x < b.x end\n"
			   "function Point.__call(self, n) return self.x * n end\n"
			   "function Point.__tostring(self) return 'p' .. self.x end\n"
			   "function Point.new(x) return setmetatable({ x = x }, Point) end\n"
			   "function Point:double() return self.x * 2 end\n"
			   "local a, b = Point.new(1), Point.new(2)\n"
			   "return tostring(a + b), a == Point.new(1), a < b, b(5), b:double(),\n"
			   "  getmetatable(a) == Point\n",
		"p3 true true 10 4 true");
}

static void test_a_metatable_counts_as_it_was_when_it_was_set(void **unused)
{
	(void)unused;
	assert_plugin_says("local mt = {}\n"
			   "local t = setmetatable({}, mt)\n"
			   "mt.__index = { x = 1 }\n"
			   "mt.__gc = function() end\n"
			   "local before = t.x\n"
			   "local _, fault = pcall(setmetatable, t, mt)\n"
			   "mt.__gc = nil\n"
			   "setmetatable(t, mt)\n"
			   "return before, t.x, fault\n",
		"nil 1 setmetatable: plugins have no __gc");
}

static void test_what_a_metatable_may_not_have(void **unused)
{
	(void)unused;
	assert_plugin_says(
		"local told = {}\n"
		"for _, mt in ipairs { { __gc = true }, { __close = error }, { __mode = 'k' },\n"
		"    { __call = {} }, { __index = 5 }, { __tostring = 'x' } } do\n"
		"  told[#told + 1] = select(2, pcall(setmetatable, {}, mt)):match '__.*' end\n"
		"return table.concat(told, '; ')\n",
		"__gc; __close; __mode; __call must be a function, not a table; "
		"__index must be a function, not a number; __tostring must be a function, not a "
		"string");
}

static void test_only_own_tables_get_one(void **unused)
{
	(void)unused;
	assert_plugin_says(
		"local told = {}\n"
		"for _, value in ipairs { record, coroutine.create(error), 'text' } do\n"
		"  local ok, why = pcall(setmetatable, value, {})\n"
		"  told[#told + 1] = why:match 'own' or why:match 'table expected' end\n"
		"local locked = setmetatable({}, { __metatable = 'no' })\n"
		"return table.concat(told, '; '), getmetatable(record), getmetatable 'x',\n"
		"  getmetatable({}), getmetatable(locked), select(2, pcall(setmetatable, locked, "
		"nil)),\n"
		"  (pcall(rawset, record, 'x', 1)), rawset(locked, 'x', 1).x\n",
		"own; table expected; table expected false false nil no "
		"cannot change a protected metatable false 1");
}

static void test_table_functions_pass_metamethods_by(void **unused)
{
	(void)unused;
	assert_plugin_says("local loud = { __index = error, __newindex = error, __len = error }\n"
			   "local t = setmetatable({ 3, 1, 2 }, loud)\n"
			   "table.insert(t, 9) table.sort(t)\n"
			   "return table.concat(t, ','), table.unpack(t, 1, 2)\n",
		"1,2,3,9 1 2");
}

static void test_mill_takes_plain_tables(void **unused)
{
	(void)unused;
	assert_plugin_says("local deep = { a = { { b = setmetatable({}, {}) } } }\n"
			   "local circle = {} circle[1] = circle\n"
			   "assert(plain({ a = { 1 } }, record, 5) == nil)\n"
			   "return plain(1, deep), '/', plain(circle)\n",
		"mill takes plain tables: this one has a metatable / "
		"a table is nested too deep, or in a circle");
}

static void test_many_metatables_are_let_go(void **unused)
{
	(void)unused;
	assert_plugin_says("local one = setmetatable({}, { __index = { x = 1 } })\n"
			   "for i = 1, 5000 do setmetatable({}, { __index = one }) end\n"
			   "return one.x, setmetatable({}, getmetatable(one)).x\n",
		"1 1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_coroutines_give_and_take),
		TEST(test_a_wrapped_one_is_an_iterator),
		TEST(test_who_runs_is_told),
		TEST(test_a_yield_outside_of_a_coroutine_or_through_the_framework_is_an_error),
		TEST(test_a_coroutine_is_closed),
		TEST(test_more_arguments_than_a_stack_has_are_an_error),
		TEST(test_a_wait_goes_through_every_resume),
		TEST(test_a_wait_in_a_callback_in_a_coroutine_keeps_its_place),
		TEST(test_what_could_not_wait_is_told_through_a_resume),
		TEST(test_a_coroutine_that_waits_is_not_resumed_by_another_request),
		TEST(test_a_break_goes_through_every_resume),
		TEST(test_a_break_in_a_coroutine_without_code_is_told_with_who_resumed_it),
		TEST(test_a_break_after_a_wait_in_a_coroutine_goes_through_too),
		TEST(test_an_error_whose_words_never_end_is_broken),
		TEST(test_classes_work),
		TEST(test_a_metatable_counts_as_it_was_when_it_was_set),
		TEST(test_what_a_metatable_may_not_have),
		TEST(test_only_own_tables_get_one),
		TEST(test_table_functions_pass_metamethods_by),
		TEST(test_mill_takes_plain_tables),
		TEST(test_many_metatables_are_let_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
