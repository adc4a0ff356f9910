#include "script/state.h"

#include "base/clock.h"
#include "script/bind.h"
#include "script/task.h"

#include <lualib.h>
#include <stdlib.h>
#include <string.h>

/* How long one state may take to load (tens of milliseconds are usual), and after how many
 * instructions it is looked at. */
enum { LOAD_SECONDS = 5, LOAD_STEP = 100000 };

static const char *const function_names[TASK_KINDS] = {
	[TASK_HANDLE] = "handle",
	[TASK_WRITE] = "write",
	[TASK_BULK] = "bulk",
	[TASK_COMMAND] = "command",
};

/* Each coroutine gets a copy of the main thread's extra space, so the way from any of them to the
 * state is one read. */
struct state *state_of(lua_State *L)
{
	return *(struct state **)lua_getextraspace(L);
}

/* Keeps the functions of main.lua's table, which is at the top. */
static void keep_functions(lua_State *L, struct state *state)
{
	if (!lua_istable(L, -1))
		luaL_error(L, "scripts/main.lua must return a table, not %s", luaL_typename(L, -1));
	for (int kind = 0; kind < TASK_KINDS; kind++) {
		if (lua_getfield(L, -1, function_names[kind]) != LUA_TFUNCTION)
			luaL_error(L, "scripts/main.lua must return a table with the function '%s'",
				function_names[kind]);
		state->functions[kind] = luaL_ref(L, LUA_REGISTRYINDEX);
	}
}

/* A file that never ends would hold the thread that loads it, and with it a stop. What counts is
 * the thread's own time, so that a busy machine refuses nothing. Once it is over, every instruction
 * fails, so that no pcall in the sources goes on. Coroutines inherit the hook and may outlive the
 * loading. */
static void watch_load(lua_State *L, lua_Debug *at)
{
	struct state *state = state_of(L);

	if (state->load_until_ns == 0) {
		lua_sethook(L, NULL, 0, 0);
		return;
	}
	if (clock_thread_ns() < state->load_until_ns)
		return;
	if (state->load_late.code == 0) {
		lua_getinfo(L, "Sl", at);
		err_set(&state->load_late, TM_ESCRIPT,
			"%s:%d: loading takes more than %d seconds: a loop without an end?",
			at->short_src, at->currentline, LOAD_SECONDS);
	}
	lua_sethook(L, watch_load, LUA_MASKCOUNT, 1);
	lua_sethook(state->L, watch_load, LUA_MASKCOUNT, 1);
	luaL_error(L, "%s", state->load_late.text);
}

/* As lua_pcall, for the loading only. */
static int timed_call(struct state *state, int handler)
{
	int status;

	state->load_until_ns = clock_thread_ns() + LOAD_SECONDS * INT64_C(1000000000);
	lua_sethook(state->L, watch_load, LUA_MASKCOUNT, LOAD_STEP);
	status = lua_pcall(state->L, 0, 0, handler);
	lua_sethook(state->L, NULL, 0, 0);
	state->load_until_ns = 0;
	return status;
}

static int load_main(lua_State *L)
{
	open_library(L);
	lua_getglobal(L, "require");
	lua_pushliteral(L, "main");
	lua_call(L, 1, 1);
	keep_functions(L, state_of(L));
	lua_settop(L, 0);
	return 0;
}

/* What loading made stays, what a request makes dies young, and the collector runs between two
 * requests' instructions: a generational collector need not walk through the framework again and
 * again, as the incremental one does. While loading nothing is garbage, so there it is off. */
static void tune_collector(lua_State *L)
{
	lua_gc(L, LUA_GCRESTART);
	lua_gc(L, LUA_GCCOLLECT);
	lua_gc(L, LUA_GCGEN, 0, 0);
}

static void state_free(struct state *state)
{
	struct task *task;

	if (state->host.metrics != NULL)
		metrics_gauge_add(state->host.metrics, METRICS_LUA_BYTES, -state->counted_bytes);
	if (state->L != NULL)
		lua_close(state->L);
	while ((task = state->idle) != NULL) {
		state->idle = task->next;
		task_free(task);
	}
	generation_drop(state->gen);
	free(state);
}

int state_new(struct state **made, struct generation *gen, struct err *err)
{
	struct state *state = calloc(1, sizeof *state);
	int rc = 0;
	lua_State *L;

	*made = NULL;
	if (state == NULL)
		return err_set(err, TM_ENOMEM, "no memory for a Lua state");
	state->gen = generation_take(gen);
	state->L = L = luaL_newstate();
	if (L == NULL) {
		rc = err_set(err, TM_ENOMEM, "no memory for a Lua state");
		goto out;
	}
	*(struct state **)lua_getextraspace(L) = state;
	lua_gc(L, LUA_GCSTOP);
	lua_pushcfunction(L, message_handler);
	lua_pushcfunction(L, load_main);
	if (timed_call(state, 1) != LUA_OK) {
		const char *text =
			state->load_late.code != 0 ? state->load_late.text : lua_tostring(L, -1);

		rc = err_set(
			err, TM_ESCRIPT, "%s", text ? text : "an error that could not be told");
		goto out;
	}
	lua_settop(L, 0);
	tune_collector(L);
	*made = state;
	return 0;
out:
	state_free(state);
	return rc;
}

void state_attach(struct state *state, const struct state_host *host)
{
	state->host = *host;
	state->attached = true;
}

void state_free_if_over(struct state *state)
{
	if (state->retired && state->tasks == 0)
		state_free(state);
}

void state_retire(struct state *state)
{
	state->retired = true;
	state_free_if_over(state);
}

unsigned state_tasks(const struct state *state)
{
	return state->tasks;
}

const unsigned char *bind_id_key(lua_State *L)
{
	struct store *store = state_of(L)->host.store;

	return store == NULL ? NULL : store_id_key(store);
}

const unsigned char *bind_seal_key(lua_State *L)
{
	struct store *store = state_of(L)->host.store;

	return store == NULL ? NULL : store_seal_key(store);
}
