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

const struct budgets default_budgets = {.read_ms = 1000,
	.quick_ms = 5,
	.slow_ms = 10000,
	.write_ms = 250,
	.bulk_ms = 10000,
	.load_ms = 5000,
	.command_ms = 10000,
	.task_mib = 64};

/* For loading: beyond what any set of plugins needs, within what any machine has. */
enum { MIB = 1024 * 1024, LOAD_MIB = 512 };

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

/* Pushes where and why the loading was ended; `told` begins with the place. */
static void push_breach(lua_State *L, struct run *run, int load_ms)
{
	size_t place = run->told.len > 0 ? strcspn(buf_text(&run->told), " ") : 0;

	lua_pushlstring(L, place > 0 ? run->told.data : "", place);
	if (run->broken == BREACH_MEMORY)
		lua_pushliteral(L, ": loading needs too much memory");
	else
		lua_pushfstring(L, ": loading takes more than %d seconds: a loop without an end?",
			load_ms / 1000);
	lua_concat(L, 2);
}

/* Runs load_main, within the budget. Returns Lua's status; the error is at the top. */
static int load(struct state *state)
{
	lua_State *L = state->L;
	struct run run = {.L = L, .left_ns = (int64_t)state->budgets.load_ms * 1000000};
	struct run_before before;
	int status;

	run_prepare(L);
	lua_pushcfunction(L, message_handler);
	lua_pushcfunction(L, load_main);
	run_begin(&run, state, (size_t)LOAD_MIB * MIB, &before);
	status = lua_pcall(L, 0, 0, 1);
	run_end(&run, state, &before, false);
	if (run.broken != BREACH_NONE) {
		push_breach(L, &run, state->budgets.load_ms);
		status = LUA_ERRRUN;
	}
	lua_sethook(L, NULL, 0, 0);
	buf_free(&run.told);
	return status;
}

int state_new(
	struct state **made, struct generation *gen, const struct budgets *budgets, struct err *err)
{
	struct state *state = calloc(1, sizeof *state);
	int rc = 0;
	lua_State *L;

	*made = NULL;
	if (state == NULL)
		return err_set(err, TM_ENOMEM, "no memory for a Lua state");
	state->gen = generation_take(gen);
	state->budgets = *budgets;
	state->L = L = luaL_newstate();
	if (L == NULL) {
		rc = err_set(err, TM_ENOMEM, "no memory for a Lua state");
		goto out;
	}
	*(struct state **)lua_getextraspace(L) = state;
	memory_count(state);
	lua_gc(L, LUA_GCSTOP);
	if (load(state) != LUA_OK) {
		const char *text = lua_tostring(L, -1);

		rc = err_set(
			err, TM_ESCRIPT, "%s", text ? text : "an error that could not be told");
		goto out;
	}
	lua_settop(L, 0);
	tune_collector(L);
	generation_passed(gen);
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
#ifdef STORE_DEFERRED
	if (host->conn != NULL)
		store_conn_defer(host->conn, host->loop);
#endif
}

void state_free_if_over(struct state *state)
{
	if (state->retired && state->tasks == 0)
		state_free(state);
}

void state_retire(struct state *state)
{
	state->retired = true;
	alarm_retire(state->L);
	state_free_if_over(state);
}

struct generation *state_sources(const struct state *state)
{
	return state->gen;
}

const struct budgets *state_budgets(const struct state *state)
{
	return &state->budgets;
}

bool state_is_spoilt(const struct state *state)
{
	return state->spoilt;
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
