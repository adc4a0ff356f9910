#include "script/task.h"

#include "base/log.h"
#include "script/fuse.h"
#include "script/pace.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Enough for the requests that wait at once on a thread; what is more is given back. */
enum { IDLE_MAX = 32, BYTES_KEPT = 256 * 1024 };

/* The Lua errors below are raised in C functions that run inside a task, so the place that is named
 * is where Lua called them. */

struct task *task_current(lua_State *L)
{
	return state_of(L)->current;
}

struct task *task_may_wait(lua_State *L, const char *who)
{
	struct task *task = task_current(L);

	if (task == NULL)
		luaL_error(L, "%s can be used in a task only, not while loading", who);
	if (L != task->run.L)
		luaL_error(L, "%s cannot wait here: it was called in an inner coroutine", who);
	if (task->run.fixed || !lua_isyieldable(L))
		luaL_error(L,
			"%s cannot wait here: the call comes through a function that cannot wait, "
			"such as the callback of table.sort, a metamethod called by one, or "
			"require",
			who);
	run_check_here(L);
	return task;
}

void task_expect(struct task *task)
{
	task->woken = false;
	task->yielded = false;
	task->call.code = 0;
}

int task_await(lua_State *L, struct task *task, lua_KFunction then)
{
	if (task->woken)
		return then(L, LUA_OK, (lua_KContext)task);
	task->yielded = true;
	return wait_pass(L, (lua_KContext)task, then);
}

struct store_unit *task_unit(lua_State *L, struct task *task)
{
	struct state_host *host = &task->state->host;

	if (task->lost.code != 0)
		raise_failure(L, "store", task->lost.code, task->lost.text);
	if (task->unit == NULL) {
		if (host->conn == NULL)
			luaL_error(L, "there is no store here");
		task->unit = store_unit_begin(host->conn, false);
	}
	if (task->unit == NULL)
		raise_failure(L, "store", TM_ENOMEM, "no memory for a unit of work");
	return task->unit;
}

static void unit_left(void *data, int rc, const struct err *err)
{
	(void)data;
	(void)rc;
	(void)err;
}

void task_unit_leave(struct task *task)
{
	struct store_unit *unit = task->unit;

	if (unit == NULL || task->unit_lent)
		return;
	task->unit = NULL;
	store_unit_end(unit, STORE_UNDO, unit_left, NULL);
}

bool task_writes(const struct task *task)
{
	return task->kind == TASK_WRITE || task->kind == TASK_BULK;
}

void task_store_failed(struct task *task, const struct err *err)
{
	switch (err->code) {
	case TM_ELOST:
	case TM_EFULL:
	case TM_EINTR:
	case TM_EIO:
	case TM_EUNKNOWN:
	case TM_ENOMEM:
		if (task->lost.code == 0)
			task->lost = *err;
		break;
	default: /* the statement failed, the unit goes on */
		break;
	}
}

static const char *failure_code(int code)
{
	switch (code) {
	case TM_ENOMEM:
		return "memory";
	case TM_ENOENT:
		return "missing";
	case TM_EBUSY:
		return "busy";
	case TM_EIO:
		return "io";
	case TM_EFULL:
		return "full";
	case TM_EINTR:
		return "interrupted";
	case TM_EUNIQUE:
		return "unique";
	case TM_ELOST:
		return "lost";
	case TM_ESCRIPT:
		return "script";
	case TM_EUNKNOWN:
		return "unknown";
	default:
		return "invalid";
	}
}

static int failure_text(lua_State *L)
{
	lua_getfield(L, 1, "code");
	lua_pushliteral(L, ": ");
	lua_getfield(L, 1, "message");
	lua_concat(L, 3);
	return 1;
}

int raise_failure(lua_State *L, const char *kind, int code, const char *message)
{
	lua_createtable(L, 0, 3);
	lua_pushboolean(L, true);
	lua_setfield(L, -2, kind);
	lua_pushstring(L, failure_code(code));
	lua_setfield(L, -2, "code");
	lua_pushstring(L, message);
	lua_setfield(L, -2, "message");
	if (luaL_newmetatable(L, "core.failure")) {
		lua_pushcfunction(L, failure_text);
		lua_setfield(L, -2, "__tostring");
	}
	lua_setmetatable(L, -2);
	return lua_error(L);
}

/* Makes the coroutine and the reader of the task at 1; protected, since it may find no memory. */
static int make_thread(lua_State *L)
{
	struct task *task = lua_touserdata(L, 1);

	task->L = lua_newthread(L);
	run_prepare(task->L);
	task->thread = luaL_ref(L, LUA_REGISTRYINDEX);
	push_request_reader(L, task);
	task->reader = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}

static struct task *task_take(struct state *state)
{
	struct task *task = state->idle;
	lua_State *L = state->L;

	if (task != NULL) {
		state->idle = task->next;
		state->idle_count--;
		return task;
	}
	task = calloc(1, sizeof *task);
	if (task == NULL)
		return NULL;
	task->state = state;
	lua_pushcfunction(L, make_thread);
	lua_pushlightuserdata(L, task);
	if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
		lua_pop(L, 1);
		free(task);
		return NULL;
	}
	return task;
}

void task_free(struct task *task)
{
	buf_free(&task->bytes);
	buf_free(&task->text);
	buf_free(&task->objects);
	buf_free(&task->writer.places);
	buf_free(&task->run.told);
	free(task);
}

/* Puts an ended task, whose coroutine is empty, with the idle ones. */
static void task_give_back(struct task *task)
{
	struct state *state = task->state;

	if (state->idle_count >= IDLE_MAX || task->run.broken != BREACH_NONE) {
		luaL_unref(state->L, LUA_REGISTRYINDEX, task->thread);
		luaL_unref(state->L, LUA_REGISTRYINDEX, task->reader);
		task_free(task);
		return;
	}
	if (task->bytes.room > BYTES_KEPT)
		buf_free(&task->bytes);
	if (task->objects.room > BYTES_KEPT)
		buf_free(&task->objects);
	buf_free(&task->text);
	task->next = state->idle;
	state->idle = task;
	state->idle_count++;
}

/* Leaves nothing of the request in the coroutine. One that failed is unwound, which closes its
 * variables; those closing functions run outside any task, so they cannot wait. One that broke its
 * budget is left as it is: nothing of it may run any more. */
static void thread_clear(struct task *task)
{
	lua_State *L = task->state->L;

	if (task->run.broken == BREACH_NONE) {
		if (lua_status(task->L) != LUA_OK)
			lua_resetthread(task->L);
		lua_settop(task->L, 0);
	}
	*task->readers[0] = *task->readers[1] = NULL;
	if (task->has_context) {
		lua_pushnil(L);
		lua_rawsetp(L, LUA_REGISTRYINDEX, task);
		task->has_context = false;
	}
}

static void count_memory(struct state *state)
{
	int64_t bytes;

	if (state->host.metrics == NULL)
		return;
	bytes = (int64_t)lua_gc(state->L, LUA_GCCOUNT) * 1024;
	metrics_gauge_add(state->host.metrics, METRICS_LUA_BYTES, bytes - state->counted_bytes);
	state->counted_bytes = bytes;
}

static void deliver(struct task *task)
{
	struct state *state = task->state;

	task->result.route = task->route_number;
	task->result.plugin = task->plugin;
	count_memory(state);
	task->done(task->data, &task->result);
	thread_clear(task);
	task_give_back(task);
	state->tasks--;
	state_free_if_over(state);
}

static void unit_over(void *data, int rc, const struct err *err)
{
	(void)rc; /* of a unit that changed nothing */
	(void)err;
	deliver(data);
}

static int64_t budget_of(const struct task *task)
{
	const struct budgets *budgets = &task->state->budgets;
	const int ms[TASK_KINDS] = {
		[TASK_HANDLE] = budgets->read_ms,
		[TASK_WRITE] = budgets->write_ms,
		[TASK_BULK] = budgets->bulk_ms,
		[TASK_COMMAND] = budgets->command_ms,
	};

	return (int64_t)ms[task->kind] * 1000000;
}

static size_t task_growth(const struct state *state)
{
	return (size_t)state->budgets.task_mib * 1024 * 1024;
}

/* Puts the error at 2 into the text of the task at 1: a text with the traceback behind it, since it
 * tells of the code; a value that has words of its own with these alone. */
static int describe(lua_State *L)
{
	struct task *task = lua_touserdata(L, 1);
	size_t len;
	const char *text;

	if (lua_type(L, 2) == LUA_TSTRING)
		luaL_traceback(L, task->L, lua_tostring(L, 2), 0);
	else
		luaL_tolstring(L, 2, NULL);
	text = lua_tolstring(L, -1, &len);
	buf_append(&task->text, text, len);
	return 0;
}

/* The error is at the top of the task's coroutine, which is still wound up. Its words may be those
 * of a plugin's __tostring, so the budget holds here too. */
static void describe_error(struct task *task)
{
	struct state *state = task->state;
	lua_State *L = state->L;
	struct run_before before;
	int status;

	lua_pushcfunction(L, describe);
	lua_pushlightuserdata(L, task);
	lua_xmove(task->L, L, 1);
	run_prepare(L);
	run_moves(&task->run, L);
	task->run.left_ns = budget_of(task);
	run_begin(&task->run, state, task_growth(state), &before);
	status = lua_pcall(L, 2, 0, 0);
	if (status != LUA_OK)
		run_failed(&task->run, state, status);
	run_end(&task->run, state, &before, false);
	run_moves(&task->run, task->L);
	if (status != LUA_OK) {
		lua_pop(L, 1);
		buf_clear(&task->text);
		buf_puts(&task->text, "an error that could not be told");
	}
}

static void set_failed(struct task *task, int rc)
{
	task->result = (struct task_result){.rc = rc};
	if (buf_text(&task->text) != NULL)
		task->result.text = (struct http_text){task->text.data, task->text.len};
}

/* What the log tells of a run over its budget. Its state has had its day. Where the framework was
 * at work, it was so for the plugin whose action it is. */
static void describe_breach(struct task *task)
{
	struct run *run = &task->run;

	task->state->spoilt = true;
	buf_clear(&task->text);
	if (run->plugin[0] == '\0' && task->plugin != NULL)
		snprintf(run->plugin, sizeof run->plugin, "%s", task->plugin);
	if (task->state->host.metrics != NULL)
		metrics_break(task->state->host.metrics, run->plugin, run->broken == BREACH_MEMORY);
	if (task->state->host.tenant != NULL)
		fuse_blame(task->state->host.tenant, run->plugin);
	if (task->route != NULL && task->state->host.tenant != NULL)
		fuse_count(task->state->host.tenant, task->route);
	buf_printf(&task->text, "%s%s %s: %s", run->plugin[0] != '\0' ? "the plugin " : "it",
		run->plugin,
		run->broken == BREACH_MEMORY ? "needs too much memory" : "takes too long",
		run->told.len > 0 ? buf_text(&run->told) : "where is not known");
}

static void set_over_budget(struct task *task)
{
	describe_breach(task);
	set_failed(task, TM_EBUDGET);
	task->result.breach.memory = task->run.broken == BREACH_MEMORY;
	strcpy(task->result.breach.plugin, task->run.plugin);
}

static void set_lost(struct task *task)
{
	buf_puts(&task->text, task->lost.text);
	set_failed(task, task->lost.code);
}

static void tell_raised(struct task *task, int status)
{
	if (status == LUA_YIELD)
		buf_puts(&task->text, "a task yielded that waits for nothing");
	else
		describe_error(task);
}

/* For the next reads of the route. One that was sent on at once tells nothing new. */
static void count_pace(const struct task *task, bool gave_way)
{
	struct pace *pace = task->state->host.pace;

	if (pace == NULL || !task->run.can_give_way || task->sent_on)
		return;
	pace_count(pace, task->route_number, task->run.broken == BREACH_GIVE_WAY);
	if (gave_way && task->state->host.metrics != NULL)
		metrics_count(task->state->host.metrics, METRICS_READS_INTERRUPTED);
}

static void task_end(struct task *task, int status)
{
	struct store_unit *unit = task->unit;
	bool failed = status != LUA_OK;
	bool lost = task->lost.code != 0 && (task->unit_lent || failed);
	/* What should give way but came to its end before it was asked has its answer. */
	bool gave_way = failed && task->run.broken == BREACH_GIVE_WAY;

	if (failed && !lost && task->run.broken == BREACH_NONE)
		tell_raised(task, status); /* which may break the budget in its turn */
	if (task->run.broken > BREACH_GIVE_WAY)
		set_over_budget(task);
	else if (gave_way)
		set_failed(task, TM_EGIVEWAY);
	else if (lost)
		set_lost(task);
	else if (failed)
		set_failed(task, TM_ESCRIPT);
	count_pace(task, gave_way);
	task->unit = NULL;
	if (unit == NULL || task->unit_lent)
		deliver(task);
	else
		store_unit_end(unit, STORE_UNDO, unit_over, task);
}

static void task_run(struct task *task, int args)
{
	struct state *state = task->state;
	struct task *outer = state->current;
	struct run_before before;
	int status, results;

	if (task->kind == TASK_COMMAND)
		task->run.left_ns = budget_of(task);
	if (task->yielded)
		lua_pop(task->L, 1); /* the mark of wait_pass */
	task->yielded = false;
	state->current = task;
	run_begin(&task->run, state, task_growth(state), &before);
	status = lua_resume(task->L, NULL, args, &results);
	if (status != LUA_OK && status != LUA_YIELD)
		run_failed(&task->run, state, status);
	run_end(&task->run, state, &before, status == LUA_YIELD);
	state->current = outer;
	if (status != LUA_YIELD || !task->yielded)
		task_end(task, status);
}

void task_wake(struct task *task)
{
	task->woken = true;
	if (task->yielded)
		task_run(task, 0);
}

/* Gives main.command the means to send text before it ends. */
static int emit(lua_State *L)
{
	struct task *task = task_current(L);
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);

	if (task == NULL || task->on_text == NULL)
		return luaL_error(L, "emit can be used in a command only");
	task->on_text(task->data, text, len);
	return 0;
}

static int push_arguments(lua_State *L, struct task *task)
{
	if (task->request != NULL) {
		*task->readers[0] = *task->readers[1] = task->request;
		lua_rawgeti(L, LUA_REGISTRYINDEX, task->reader);
	} else {
		lua_pushstring(L, task->name);
	}
	if (task->kind == TASK_HANDLE)
		return 1;
	if (task->payload.data != NULL)
		lua_pushlstring(L, task->payload.data, task->payload.len);
	else
		lua_pushnil(L);
	if (task->kind != TASK_COMMAND)
		return 2;
	lua_pushcfunction(L, emit);
	return 3;
}

/* Takes what main's function returned, which stays on the coroutine's stack until `done` has read
 * it. */
static int body_returned(lua_State *L, int status, lua_KContext context)
{
	struct task *task = (struct task *)context;

	(void)status;
	if (task->request != NULL) {
		read_answer(L, task);
	} else if (lua_type(L, -1) == LUA_TSTRING) {
		task->result.text.data = lua_tolstring(L, -1, &task->result.text.len);
	} else if (!lua_isnil(L, -1)) {
		luaL_error(L, "main.lua must return a string, not %s", luaL_typename(L, -1));
	}
	return 1;
}

static int body(lua_State *L)
{
	struct task *task = lua_touserdata(L, 1);

	lua_rawgeti(L, LUA_REGISTRYINDEX, task->state->functions[task->kind]);
	lua_callk(L, push_arguments(L, task), 1, (lua_KContext)task, body_returned);
	return body_returned(L, LUA_OK, (lua_KContext)task);
}

static void task_start(struct task *task)
{
	task->lost.code = 0;
	task->unit_lent = task->unit != NULL;
	task->result = (struct task_result){0};
	task->state->tasks++;
	lua_pushcfunction(task->L, body);
	lua_pushlightuserdata(task->L, task);
	task_run(task, 1);
}

static struct task *task_prepare(
	struct state *state, enum task_kind kind, task_done done, void *data)
{
	struct task *task;

	assert(state->attached);
	task = task_take(state);
	if (task == NULL) {
		done(data, &(struct task_result){.rc = TM_ENOMEM});
		return NULL;
	}
	task->kind = kind;
	task->request = NULL;
	task->name = NULL;
	task->route = task->plugin = NULL;
	task->payload = (struct http_text){0};
	task->on_text = NULL;
	task->unit = NULL;
	task->route_number = 0;
	task->sent_on = false;
	task->done = done;
	task->data = data;
	run_clear(&task->run);
	task->run.L = task->L;
	task->run.left_ns = budget_of(task);
	if (kind == TASK_HANDLE && state->host.pace != NULL)
		task->run.quick_ns = (int64_t)state->budgets.quick_ms * 1000000;
	return task;
}

#ifdef STATE_FRESH

/* In VARIANT=fresh, a build for tests: each request finds a state that no other has used. */
static struct state *state_for_one(struct state *state)
{
	struct state *fresh;
	struct err err;

	if (state_new(&fresh, state->gen, &state->budgets, &err) != 0)
		abort();
	state_attach(fresh, &state->host);
	return fresh;
}

static void state_was_for_one(struct state *state)
{
	state_retire(state);
}

#else

static struct state *state_for_one(struct state *state)
{
	return state;
}

static void state_was_for_one(struct state *state)
{
	(void)state;
}

#endif

void state_handle(
	struct state *state, const struct http_request *request, task_done done, void *data)
{
	struct state *one = state_for_one(state);
	struct task *task = task_prepare(one, TASK_HANDLE, done, data);

	if (task != NULL) {
		task->request = request;
		task_start(task);
	}
	state_was_for_one(one);
}

void state_write(struct state *state, struct store_unit *unit, const struct http_request *request,
	const char *prepared, size_t len, task_done done, void *data)
{
	struct state *one = state_for_one(state);
	struct task *task = task_prepare(one, TASK_WRITE, done, data);

	if (task != NULL) {
		task->request = request;
		task->payload = (struct http_text){prepared, len};
		task->unit = unit;
		task_start(task);
	}
	state_was_for_one(one);
}

void state_bulk(struct state *state, struct store_unit *unit, const char *name, const char *payload,
	size_t len, task_done done, void *data)
{
	struct task *task = task_prepare(state, TASK_BULK, done, data);

	if (task == NULL)
		return;
	task->name = name;
	task->payload = (struct http_text){payload ? payload : "", len};
	task->unit = unit;
	task_start(task);
}

void state_apply_schema(struct state *state, struct store_unit *unit, task_done done, void *data)
{
	struct task *task = task_prepare(state, TASK_BULK, done, data);

	if (task == NULL)
		return;
	task->name = "schema.apply";
	task->payload = (struct http_text){"", 0};
	task->unit = unit;
	task->run.left_ns = 0;
	task_start(task);
}

void state_command(struct state *state, const char *name, const char *arguments, size_t len,
	void (*on_text)(void *data, const char *text, size_t len), task_done done, void *data)
{
	struct task *task = task_prepare(state, TASK_COMMAND, done, data);

	if (task == NULL)
		return;
	task->name = name;
	task->payload = (struct http_text){arguments ? arguments : "", len};
	task->on_text = on_text;
	task_start(task);
}
