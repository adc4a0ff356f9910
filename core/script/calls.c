/* pcall and xpcall as in Lua 5.4's lbaselib.c, but for one thing: while the run is broken, or when
 * there was no memory, they raise again what they caught. */
#include "script/task.h"

static void raise_again(lua_State *L, int status)
{
	struct state *state = state_of(L);
	struct run *run = state->run;

	if (run == NULL)
		return;
	run_failed(run, state, status);
	if (run_is_broken(L))
		lua_error(L);
}

/* Each error that is caught on a deep stack costs a walk along it, and Lua's own bound on nested
 * calls begins anew with each: so nested pcalls are counted. What stands in the continuation's
 * context is the number outside, and how many values lie below the results. */
enum { NESTED_MAX = 190, CONTEXT_SHIFT = 2 };

static lua_KContext enter(lua_State *L, int below)
{
	struct run *run = state_of(L)->run;
	lua_KContext outside;

	if (run == NULL)
		return below;
	outside = run->calls;
	if (outside >= NESTED_MAX)
		luaL_error(L, "stack overflow (too many nested calls of pcall)");
	run->calls++;
	return outside << CONTEXT_SHIFT | below;
}

/* Returns how many values lie below the results. */
static int leave(lua_State *L, lua_KContext context)
{
	struct run *run = state_of(L)->run;

	if (run != NULL)
		run->calls = (int)(context >> CONTEXT_SHIFT);
	return (int)(context & ((1 << CONTEXT_SHIFT) - 1));
}

static int called(lua_State *L, int status, lua_KContext context)
{
	int below = leave(L, context);

	if (status == LUA_OK || status == LUA_YIELD)
		return lua_gettop(L) - below;
	raise_again(L, status);
	lua_pushboolean(L, false);
	lua_pushvalue(L, -2);
	return 2;
}

int safe_pcall(lua_State *L)
{
	lua_KContext context = enter(L, 0);

	luaL_checkany(L, 1);
	lua_pushboolean(L, true);
	lua_insert(L, 1);
	return called(
		L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, context, called), context);
}

/* The stack of both: f, handler, true, f, arguments. Returns the number of these. */
static int prepare(lua_State *L)
{
	int count = lua_gettop(L);

	luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_pushboolean(L, true);
	lua_pushvalue(L, 1);
	lua_rotate(L, 3, 2);
	return count - 2;
}

int safe_xpcall(lua_State *L)
{
	int count = prepare(L);
	lua_KContext context = enter(L, 2);

	return called(L, lua_pcallk(L, count, LUA_MULTRET, 2, context, called), context);
}

/* The handler has run: false, and what it returned or raised. */
static int handled(lua_State *L, int status, lua_KContext context)
{
	leave(L, context);
	if (status != LUA_OK && status != LUA_YIELD)
		raise_again(L, status);
	return 2;
}

static int called_for_plugin(lua_State *L, int status, lua_KContext context)
{
	int below = leave(L, context);

	if (status == LUA_OK || status == LUA_YIELD)
		return lua_gettop(L) - below;
	raise_again(L, status);
	lua_pushboolean(L, false);
	lua_pushvalue(L, 2);
	lua_pushvalue(L, -3);
	context = enter(L, 0);
	return handled(L, lua_pcallk(L, 1, 1, 0, context, handled), context);
}

int safe_xpcall_for_plugins(lua_State *L)
{
	int count = prepare(L);
	lua_KContext context = enter(L, 2);

	return called_for_plugin(
		L, lua_pcallk(L, count, LUA_MULTRET, 0, context, called_for_plugin), context);
}
