/* coroutine.* for plugins: as in Lua 5.4's lcorolib.c, but for what a task needs of them.
 *
 * A run that is broken, or found no memory, goes through every resume: none keeps what it raised.
 * What waits (for the store, say) yields the whole task, so each resume on the way passes the wait
 * on and goes on below it when the task is woken; the plugin's own yields stop at its own resume.
 * The mark on top of a coroutine's stack tells the one from the other. The coroutine of the task
 * itself is never given out, and a yield does not leave the framework half-way: where its code lies
 * between a yield and its resume, the yield is an error. */
#include "script/task.h"

#include <string.h>

static const char wait_mark;

static bool waits(lua_State *co)
{
	return lua_status(co) == LUA_YIELD && lua_gettop(co) > 0 &&
	       lua_touserdata(co, -1) == &wait_mark;
}

int wait_pass(lua_State *L, lua_KContext context, lua_KFunction then)
{
	luaL_checkstack(L, 1, "too many values");
	lua_pushlightuserdata(L, (void *)&wait_mark);
	return lua_yieldk(L, 1, context, then);
}

static struct run *run_here(lua_State *L)
{
	struct run *run = state_of(L)->run;

	if (run == NULL)
		luaL_error(L, "nothing runs here");
	return run;
}

/* A plugin's coroutine, and not one that the plugin did not make. */
static bool is_inner(lua_State *L)
{
	const struct state *state = state_of(L);

	return L != state->L && (state->current == NULL || L != state->current->L);
}

static lua_State *thread_at(lua_State *L, int index)
{
	lua_State *co = lua_tothread(L, index);

	luaL_argexpected(L, co != NULL, index, "coroutine");
	return co;
}

/* Runs `co` until it returns, yields or fails, as lua_resume does. */
static int run_inner(lua_State *L, lua_State *co, int args, int *given)
{
	struct run *run = run_here(L);
	bool fixed = run->fixed;
	int calls = run->calls, status;

	run->fixed = fixed || !lua_isyieldable(L);
	run_moves(run, co);
	status = lua_resume(co, L, args, given);
	run_moves(run, L);
	run->fixed = fixed;
	run->calls = calls;
	if (status == LUA_OK || status == LUA_YIELD) {
		run_check(L);
	} else {
		run_failed(run, state_of(L), status);
		run_check_here(L);
	}
	return status;
}

static const char *status_of(lua_State *L, lua_State *co)
{
	lua_Debug frame;

	if (L == co)
		return "running";
	switch (lua_status(co)) {
	case LUA_YIELD:
		return waits(co) ? "normal" : "suspended";
	case LUA_OK:
		if (lua_getstack(co, 0, &frame))
			return "normal";
		return lua_gettop(co) == 0 ? "dead" : "suspended";
	default:
		return "dead";
	}
}

/* Moves the arguments at the top to `co`, or says why it cannot run. */
static const char *hand_over(lua_State *L, lua_State *co, int args)
{
	const char *status = status_of(L, co);

	if (*status == 'd')
		return "cannot resume dead coroutine";
	if (*status != 's')
		return "cannot resume non-suspended coroutine";
	if (!lua_checkstack(co, args))
		return "too many arguments to resume";
	lua_xmove(L, co, args);
	return NULL;
}

/* Takes what `co` has given by its end or a yield. Returns the number, or -1: the text why not is
 * at the top. */
static int take(lua_State *L, lua_State *co, int given)
{
	if (!lua_checkstack(L, given + 2)) {
		lua_pop(co, given);
		lua_pushliteral(L, "too many results to resume");
		return -1;
	}
	lua_xmove(co, L, given);
	return given;
}

/* resume */

static int resume_again(lua_State *L, int status, lua_KContext context);

static int resumed(lua_State *L, lua_State *co, int args)
{
	int given, status = run_inner(L, co, args, &given);

	if (waits(co))
		return wait_pass(L, 0, resume_again);
	lua_pushboolean(L, status == LUA_OK || status == LUA_YIELD);
	if (!lua_toboolean(L, -1)) {
		lua_xmove(co, L, 1);
		return 2;
	}
	given = take(L, co, given);
	if (given >= 0)
		return given + 1;
	lua_pushboolean(L, false);
	lua_insert(L, -2);
	return 2;
}

static int resume_again(lua_State *L, int status, lua_KContext context)
{
	lua_State *co = lua_tothread(L, 1);

	(void)status;
	(void)context;
	lua_pop(co, 1);
	return resumed(L, co, 0);
}

static int resume(lua_State *L)
{
	lua_State *co = thread_at(L, 1);
	int args = lua_gettop(L) - 1;
	const char *fault = hand_over(L, co, args);

	if (fault == NULL)
		return resumed(L, co, args);
	lua_pushboolean(L, false);
	lua_pushstring(L, fault);
	return 2;
}

/* wrap: the coroutine is the upvalue. */

static int wrap_again(lua_State *L, int status, lua_KContext context);

/* Raises what is at the top; a text with the place of the call before it. */
static int raise_further(lua_State *L)
{
	if (lua_type(L, -1) == LUA_TSTRING) {
		luaL_where(L, 1);
		lua_insert(L, -2);
		lua_concat(L, 2);
	}
	return lua_error(L);
}

static int wrapped(lua_State *L, lua_State *co, int args)
{
	int given, status = run_inner(L, co, args, &given);

	if (waits(co))
		return wait_pass(L, 0, wrap_again);
	if (status != LUA_OK && status != LUA_YIELD)
		lua_xmove(co, L, 1);
	else if ((given = take(L, co, given)) >= 0)
		return given;
	return raise_further(L);
}

static int wrap_again(lua_State *L, int status, lua_KContext context)
{
	lua_State *co = lua_tothread(L, lua_upvalueindex(1));

	(void)status;
	(void)context;
	lua_pop(co, 1);
	return wrapped(L, co, 0);
}

static int call_wrapped(lua_State *L)
{
	lua_State *co = lua_tothread(L, lua_upvalueindex(1));
	int args = lua_gettop(L);
	const char *fault = hand_over(L, co, args);

	if (fault == NULL)
		return wrapped(L, co, args);
	lua_pushstring(L, fault);
	return raise_further(L);
}

static int create(lua_State *L)
{
	lua_State *co;

	luaL_checktype(L, 1, LUA_TFUNCTION);
	co = lua_newthread(L);
	lua_pushvalue(L, 1);
	lua_xmove(L, co, 1);
	return 1;
}

static int wrap(lua_State *L)
{
	create(L);
	lua_pushcclosure(L, call_wrapped, 1);
	return 1;
}

/* The framework's code lies between here and the resume. */
static bool crosses_framework(lua_State *L)
{
	lua_Debug frame;

	for (int level = 1; lua_getstack(L, level, &frame); level++) {
		lua_getinfo(L, "S", &frame);
		if (strncmp(frame.source, "@scripts/", strlen("@scripts/")) == 0)
			return true;
	}
	return false;
}

static int yield(lua_State *L)
{
	if (!is_inner(L))
		return luaL_error(L, "attempt to yield from outside a coroutine");
	if (crosses_framework(L))
		return luaL_error(L, "attempt to yield across a function of mill");
	return lua_yield(L, lua_gettop(L));
}

static int status(lua_State *L)
{
	lua_pushstring(L, status_of(L, thread_at(L, 1)));
	return 1;
}

static int is_yieldable(lua_State *L)
{
	lua_State *co = lua_isnone(L, 1) ? L : thread_at(L, 1);

	lua_pushboolean(L, is_inner(co) && lua_isyieldable(co));
	return 1;
}

/* running() -> the coroutine, or nil outside of any; whether it is outside */
static int running(lua_State *L)
{
	bool inner = is_inner(L);

	if (inner)
		lua_pushthread(L);
	else
		lua_pushnil(L);
	lua_pushboolean(L, !inner);
	return 2;
}

/* Nothing of a plugin runs here: it has no __close (metatables.c). */
static int close_it(lua_State *L)
{
	lua_State *co = thread_at(L, 1);
	const char *status = status_of(L, co);

	if (*status != 'd' && *status != 's')
		return luaL_error(L, "cannot close a %s coroutine", status);
	if (lua_resetthread(co) == LUA_OK) {
		lua_pushboolean(L, true);
		return 1;
	}
	lua_pushboolean(L, false);
	lua_xmove(co, L, 1);
	return 2;
}

void push_coroutines(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"close", close_it},
		{"create", create},
		{"isyieldable", is_yieldable},
		{"resume", resume},
		{"running", running},
		{"status", status},
		{"wrap", wrap},
		{"yield", yield},
		{NULL, NULL},
	};

	luaL_newlib(L, functions);
}
