/* The bounded functions of string and table must answer as those of Lua's own libraries do,
 * wherever these answer in time: random calls are made of both. */
#include "script/task.h"

#include <lualib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char compare[] =
	"local theirs, ours = ...\n"
	"local seed = 1\n"
	"local function random(n) seed = (seed * 1103515245 + 12345) % 2147483648\n"
	"  return seed // 65536 % n + 1 end\n"
	"local function show(...)\n"
	"  local t = table.pack(...)\n"
	"  for i = 1, t.n do\n"
	"    if type(t[i]) == 'table' then\n"
	"      local parts = {}\n"
	"      for k = -2, 12 do parts[#parts + 1] = tostring(t[i][k]) end\n"
	"      t[i] = '{' .. theirs.table.concat(parts, ',') .. '}'\n"
	"    else t[i] = tostring(t[i]):gsub('^.-:%d+: ', ''):gsub('#%d', '#') end\n"
	"  end\n"
	"  return theirs.table.concat(t, '|')\n"
	"end\n"
	"local count = 0\n"
	"local function same(room, name, make)\n"
	"  local a = show(pcall(theirs[room][name], make()))\n"
	"  local b = show(pcall(ours[room][name], make()))\n"
	"  count = count + 1\n"
	"  if a ~= b then error(('%s.%s(%s): %s and not %s'):format(room, name, show(make()), b, "
	"a)) end\n"
	"end\n"
	"local function fixed(...) local t = table.pack(...)\n"
	"  return function() return theirs.table.unpack(t, 1, t.n) end end\n"
	"local atoms = { 'a', 'b', '.', '%a', '%A', '%d', '%s', '[ab]', '[^b]', '[a-c]', '[%a_]', "
	"'(', ')',\n"
	"  '()', '*', '+', '-', '?', '^', '$', '%1', '%2', '%b()', '%f[%w]', '%', '[', ']', '%%', "
	"' ', '\\0' }\n"
	"local letters = { 'a', 'b', 'c', '(', ')', '1', ' ', '_', 'A', '\\0', '%' }\n"
	"local function text(from, most)\n"
	"  local t = {}\n"
	"  for i = 1, random(most) - 1 do t[i] = from[random(#from)] end\n"
	"  return theirs.table.concat(t)\n"
	"end\n"
	"local function each(string)\n"
	"  return function(s, p, at)\n"
	"    local t = {}\n"
	"    for x, y in string.gmatch(s, p, at) do t[#t + 1] = tostring(x) .. '/' .. tostring(y) "
	"end\n"
	"    return theirs.table.concat(t, ';')\n"
	"  end\n"
	"end\n"
	"theirs.string.each, ours.string.each = each(theirs.string), each(ours.string)\n"
	"local replacements = { 'x', '%0', '%1', '%%', '%2', '<%0%1>', '%', 7, { a = 'q', b = 1, "
	"ab = false },\n"
	"  function(c, d) return d or c ~= 'a' and c end, function() return {} end }\n"
	"for _ = 1, 15000 do\n"
	"  local s, p, at = text(letters, 14), text(atoms, 7), random(20) - 8\n"
	"  same('string', 'find', fixed(s, p, at))\n"
	"  same('string', 'find', fixed(s, text(letters, 4), at, random(2) == 1))\n"
	"  same('string', 'match', fixed(s, p, at))\n"
	"  same('string', 'each', fixed(s, p, at))\n"
	"  same('string', 'gsub', fixed(s, p, replacements[random(#replacements)]))\n"
	"  same('string', 'gsub', fixed(s, p, replacements[random(#replacements)], random(4) - "
	"2))\n"
	"  same('string', 'rep', fixed(text(letters, 4), random(9) - 3, text(letters, 3)))\n"
	"end\n"
	"for _ = 1, 8000 do\n"
	"  local n, a, b, c = random(9) - 1, random(14) - 3, random(14) - 3, random(14) - 3\n"
	"  local from = seed\n"
	"  local function list() seed = from\n"
	"    local t = {} for i = 1, n do t[i] = random(9) end return t end\n"
	"  local function of(f) return function() local t = list() return f(t) end end\n"
	"  local function on(name, ...)\n"
	"    local more = table.pack(...)\n"
	"    for _, room in ipairs { theirs, ours } do\n"
	"      room.table['on_' .. name] = function(t)\n"
	"        return t, room.table[name](t, theirs.table.unpack(more, 1, more.n)) end\n"
	"    end\n"
	"    same('table', 'on_' .. name, of(function(t) return t end))\n"
	"  end\n"
	"  on('insert', 5) on('insert', a, 5) on('remove') on('remove', a) on('move', a, b, c)\n"
	"  on('move', a, b, c, {}) on('concat', ',', a, b) on('unpack', a, b) on('concat', '; ')\n"
	"  on('sort') on('sort', function(x, y) return x > y end)\n"
	"end\n"
	"return count\n";

/* Pushes the functions of string and table as they are now: { string = …, table = … }. */
static void push_rooms(lua_State *L)
{
	static const char *const rooms[] = {"string", "table"};

	lua_newtable(L);
	for (int i = 0; i < 2; i++) {
		lua_newtable(L);
		lua_getglobal(L, rooms[i]);
		for (lua_pushnil(L); lua_next(L, -2) != 0;) {
			lua_pushvalue(L, -2);
			lua_insert(L, -2);
			lua_rawset(L, -5);
		}
		lua_pop(L, 1);
		lua_setfield(L, -2, rooms[i]);
	}
}

static void test_bounded_functions_answer_as_luas_own(void **unused)
{
	struct state state = {0};
	lua_State *L = luaL_newstate();

	(void)unused;
	*(struct state **)lua_getextraspace(L) = &state;
	luaL_openlibs(L);
	assert_int_equal(luaL_loadstring(L, compare), LUA_OK);
	push_rooms(L);
	bound_strings(L);
	bound_tables(L);
	push_rooms(L);
	if (lua_pcall(L, 2, 1, 0) != LUA_OK)
		fail_msg("%s", lua_tostring(L, -1));
	assert_true(lua_tointeger(L, -1) > 150000);
	lua_close(L);
}

static void test_gsub_may_wait_in_its_function(void **unused)
{
	static const char code[] =
		"local waits = coroutine.wrap(function()\n"
		"  return (('a1b2'):gsub('%a', function(c) return coroutine.yield(c) end)) end)\n"
		"assert(waits() == 'a') assert(waits('x') == 'b')\n"
		"return waits('y')\n";
	struct state state = {0};
	lua_State *L = luaL_newstate();

	(void)unused;
	*(struct state **)lua_getextraspace(L) = &state;
	luaL_openlibs(L);
	bound_strings(L);
	if (luaL_dostring(L, code) != LUA_OK)
		fail_msg("%s", lua_tostring(L, -1));
	assert_string_equal(lua_tostring(L, -1), "x1y2");
	lua_close(L);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounded_functions_answer_as_luas_own),
		cmocka_unit_test(test_gsub_may_wait_in_its_function),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
