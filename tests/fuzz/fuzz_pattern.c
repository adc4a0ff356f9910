/* Patterns: what our matcher finds is what Lua's own string library finds, words of errors
 * included. Where ours takes too many steps, Lua's is not asked.
 *
 * The bytes: which function, where to start, how long the pattern is; the pattern; the text. */
#include "fuzz.h"

#include "script/run.h"
#include "script/task.h"

#include <lualib.h>
#include <string.h>

/* Ours is asked to look after each 4096 steps: so many looks are the end of it. */
enum { LOOKS = 8 };

static lua_State *ours, *lua;
static int looks;

/* In the place of core/script/run.c: of an archive the linker takes only what is missing. */
void run_check(lua_State *L)
{
	if (++looks >= LOOKS)
		luaL_error(L, "too many steps");
}

/* One value as text, so that those of two states can be compared. */
static const char code[] =
	"local find, match, gmatch, gsub = string.find, string.match, string.gmatch, string.gsub\n"
	"local function show(...) local t = table.pack(...)\n"
	"  for i = 1, t.n do t[i] = math.type(t[i]) == 'integer' and '#' .. t[i] or tostring(t[i]) "
	"end\n"
	"  return table.concat(t, '\\0', 1, t.n) end\n"
	"local ways = {\n"
	"  function(s, p, at) return show(find(s, p, at)) end,\n"
	"  function(s, p, at) return show(match(s, p, at)) end,\n"
	"  function(s, p, at) local all = {}\n"
	"    for a, b, c in gmatch(s, p, at) do all[#all + 1] = show(a, b, c) end\n"
	"    return table.concat(all, '\\1') end,\n"
	"  function(s, p) return show(gsub(s, p, '<%0%1%%>')) end,\n"
	"  function(s, p, at) return show(gsub(s, p, function(...) return show(...) end, at)) "
	"end,\n"
	"  function(s, p) return show(gsub(s, p, { a = 'b', [''] = '-' })) end,\n"
	"  function(s, p) return show(gsub(s, p, p)) end,\n"
	"  function(s, p, at) return show(find(s, p, at, true)) end,\n"
	"}\n"
	"return function(way, s, p, at) return ways[way % #ways + 1](s, p, at) end\n";

static lua_State *new_state(bool bound)
{
	lua_State *L = luaL_newstate();

	must(L != NULL);
	luaL_openlibs(L);
	if (bound)
		bound_strings(L);
	must(luaL_loadbufferx(L, code, sizeof code - 1, "=fuzz", "t") == LUA_OK);
	lua_call(L, 0, 1);
	return L;
}

void fuzz_start(void)
{
	ours = new_state(true);
	lua = new_state(false);
}

struct question {
	const char *text, *pattern;
	size_t len, pattern_len;
	int way, start;
};

/* Leaves the answer, or the error's words, at the top. */
static bool ask(lua_State *L, const struct question *question)
{
	lua_settop(L, 1);
	lua_pushvalue(L, 1);
	lua_pushinteger(L, question->way);
	lua_pushlstring(L, question->text, question->len);
	lua_pushlstring(L, question->pattern, question->pattern_len);
	lua_pushinteger(L, question->start);
	return lua_pcall(L, 4, 1, 0) == LUA_OK;
}

void fuzz_one(const uint8_t *data, size_t size)
{
	struct question question;
	const char *a, *b;
	size_t a_len, b_len;
	bool fine;

	if (size < 3)
		return;
	question.way = data[0];
	question.start = (int8_t)data[1];
	question.pattern = (const char *)data + 3;
	question.pattern_len = data[2] < size - 3 ? data[2] : size - 3;
	question.text = question.pattern + question.pattern_len;
	question.len = size - 3 - question.pattern_len;
	looks = 0;
	fine = ask(ours, &question);
	a = lua_tolstring(ours, -1, &a_len);
	if (looks >= LOOKS)
		return;
	must(ask(lua, &question) == fine);
	b = lua_tolstring(lua, -1, &b_len);
	must(a_len == b_len && memcmp(a, b, a_len) == 0);
}
