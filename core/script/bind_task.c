/* core.task: what the running task is, and the ways from a command into the lane and from a worker
 * to the control thread. */
#include "sched/lane.h"
#include "script/fuse.h"
#include "script/pace.h"
#include "script/task.h"

/* A table of the framework's own, the same for the whole task; nil while loading. */
static int current(lua_State *L)
{
	struct task *task = task_current(L);

	if (task == NULL)
		return 0;
	if (!task->has_context) {
		lua_createtable(L, 0, 8); /* scripts/context.lua says what it holds */
		lua_rawsetp(L, LUA_REGISTRYINDEX, task);
		task->has_context = true;
	}
	lua_rawgetp(L, LUA_REGISTRYINDEX, task);
	return 1;
}

static int kind(lua_State *L)
{
	static const char *const names[TASK_KINDS] = {
		[TASK_HANDLE] = "handle",
		[TASK_WRITE] = "write",
		[TASK_BULK] = "bulk",
		[TASK_COMMAND] = "command",
	};
	struct task *task = task_current(L);

	if (task == NULL)
		return 0;
	lua_pushstring(L, names[task->kind]);
	return 1;
}

static void may_give_way(lua_State *L, struct task *task)
{
	const struct pace *pace = task->state->host.pace;

	task->run.can_give_way = true;
	if (pace == NULL || !pace_is_slow(pace, task->route_number))
		return;
	task->sent_on = true;
	run_break(&task->run, BREACH_GIVE_WAY);
	run_check_here(L);
}

/* enter(route, number, reads, plugin): the running task answers for it; the number is that of
 * core.metrics.route, the plugin the one whose action it is, or nil. Returns the seconds for which
 * the route is shut, or nil. The texts must live as long as the state. A read may be told to give
 * way from now on, and is at once when its route is known to be slow. */
static int enter(lua_State *L)
{
	struct task *task = task_current(L);
	const char *route = luaL_checkstring(L, 1);
	const char *tenant = task != NULL ? task->state->host.tenant : NULL;
	int shut = tenant != NULL ? fuse_shut(tenant, route) : 0;

	if (task != NULL) {
		task->route = route;
		task->route_number = (unsigned)luaL_checkinteger(L, 2);
		task->plugin = lua_tostring(L, 4);
	}
	if (shut != 0) {
		lua_pushinteger(L, shut);
		return 1;
	}
	if (task != NULL && lua_toboolean(L, 3))
		may_give_way(L, task);
	return 0;
}

static void lane_done(void *data, int rc, const char *answer, size_t len)
{
	struct task *task = data;

	if (rc != 0)
		err_set(&task->call, rc, "%.*s", (int)len, len > 0 ? answer : "");
	buf_append(&task->bytes, answer, len);
	task_wake(task);
}

static int after_lane(lua_State *L, int status, lua_KContext context)
{
	struct task *task = (struct task *)context;

	(void)status;
	if (task->call.code != 0)
		return raise_failure(L, "lane", task->call.code,
			task->call.text[0] != '\0' ? task->call.text : err_name(task->call.code));
	if (task->bytes.failed)
		return raise_failure(L, "lane", TM_ENOMEM, "no memory for the answer");
	lua_pushlstring(L, task->bytes.data, task->bytes.len);
	return 1;
}

static int lane(lua_State *L)
{
	struct task *task = task_may_wait(L, "core.task.lane");
	struct state_host *host = &task->state->host;
	const char *name = luaL_checkstring(L, 1);
	size_t len;
	const char *payload = luaL_checklstring(L, 2, &len);
	int rc;

	if (task->kind != TASK_COMMAND || host->lane_call == NULL)
		return luaL_error(L, "core.task.lane can be used in a command only");
	task_unit_leave(task);
	buf_clear(&task->bytes);
	task_expect(task);
	rc = host->lane_call(host->host, name, payload, len, lane_done, task);
	if (rc != 0)
		return raise_failure(L, "lane", rc, err_name(rc));
	return task_await(L, task, after_lane);
}

/* people_wait() -> whether people's work waits for the lane in which this runs */
static int people_wait(lua_State *L)
{
	const struct lane *lane = state_of(L)->host.lane;

	lua_pushboolean(L, lane != NULL && lane_people_wait(lane));
	return 1;
}

/* control(payload) → the answer of the control thread. In what a worker answers itself only: in the
 * lane it could wait for a switch that waits for the lane. */
static int control(lua_State *L)
{
	struct task *task = task_may_wait(L, "core.task.control");
	struct state_host *host = &task->state->host;
	size_t len;
	const char *payload = luaL_checklstring(L, 1, &len);
	int rc;

	if (task->kind != TASK_HANDLE || host->control_call == NULL)
		return luaL_error(L, "core.task.control can be used on a worker only");
	task_unit_leave(task);
	buf_clear(&task->bytes);
	task_expect(task);
	rc = host->control_call(host->control, host->loop, payload, len, lane_done, task);
	if (rc != 0)
		return raise_failure(L, "busy", rc, err_name(rc));
	return task_await(L, task, after_lane);
}

int bind_task(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"control", control},
		{"current", current},
		{"enter", enter},
		{"kind", kind},
		{"lane", lane},
		{"people_wait", people_wait},
		{NULL, NULL},
	};

	luaL_newlib(L, functions);
	return 1;
}
