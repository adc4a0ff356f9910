/* core.alarm: a task waits until a time has come, or until another task of its state rings.
 *
 * The wait ends with one of three words: "time"; "rung"; or "over" when the state is retired, since
 * another generation has taken its place or the server stops: whoever hears that should end. A task
 * that is rung goes on in a later turn of the loop, never inside the call that rang.
 *
 * Time is that of core.clock: under a virtual clock an alarm waits for somebody to move it. A unit
 * of work in the lane never waits, since all others would wait behind it; under a virtual clock its
 * time passes at once instead. */
#include "script/bind.h"
#include "script/task.h"

#include "text/date.h"

#include <stdlib.h>
#include <sys/queue.h>

static const char alarm_type[] = "core.alarm";

/* Where the registry keeps the list of those that wait. */
static const char waiters_key;

struct alarm {
	struct waiter *waiter;
	bool rung; /* while nobody waited */
};

enum why { TIME, RUNG, OVER };
static const char *const words[] = {[TIME] = "time", [RUNG] = "rung", [OVER] = "over"};

/* One wait. Freed when its timer has been closed; `alarm` lies on the stack of the task. */
struct waiter {
	uv_timer_t timer;
	TAILQ_ENTRY(waiter) link;
	struct alarm *alarm;
	struct task *task;
	int64_t due_ms;
	enum why why;
};

TAILQ_HEAD(waiters, waiter); /* the first due first */

static struct waiters *waiters_of(lua_State *L)
{
	struct waiters *waiters;

	lua_rawgetp(L, LUA_REGISTRYINDEX, &waiters_key);
	waiters = lua_touserdata(L, -1);
	lua_pop(L, 1);
	return waiters;
}

static void on_closed(uv_handle_t *timer)
{
	free(timer->data);
}

static void on_time(uv_timer_t *timer)
{
	struct waiter *waiter = timer->data;
	struct task *task = waiter->task;

	TAILQ_REMOVE(waiters_of(task->L), waiter, link);
	waiter->alarm->waiter = NULL;
	task->number = waiter->why;
	uv_close((uv_handle_t *)timer, on_closed);
	task_wake(task);
}

static void ring_waiter(struct waiter *waiter, enum why why)
{
	waiter->why = why;
	uv_timer_start(&waiter->timer, on_time, 0, 0);
}

/* The loop's time is that of its last turn, which may be a while ago. */
static void start_timer(struct waiter *waiter, uint64_t ms)
{
	uv_update_time(waiter->timer.loop);
	uv_timer_start(&waiter->timer, on_time, ms, 0);
}

/* Winds a timer as the state's clock stands: a virtual one lets it ring only when it is due. */
static void wind(lua_State *L, struct waiter *waiter)
{
	int64_t left = waiter->due_ms - bind_clock_now(L);

	if (waiter->why != TIME)
		return;
	if (left <= 0)
		uv_timer_start(&waiter->timer, on_time, 0, 0);
	else if (bind_clock_of(L)->is_virtual)
		uv_timer_stop(&waiter->timer);
	else
		start_timer(waiter, (uint64_t)left);
}

/* In the order in which they are due: timers that are due at once ring in the order in which they
 * were wound. */
static void clock_moved(lua_State *L)
{
	struct waiter *waiter;

	TAILQ_FOREACH(waiter, waiters_of(L), link)
	wind(L, waiter);
}

void alarm_retire(lua_State *L)
{
	struct waiters *waiters = waiters_of(L);
	struct waiter *waiter;

	if (waiters != NULL)
		TAILQ_FOREACH(waiter, waiters, link)
	ring_waiter(waiter, OVER);
}

static int after_wait(lua_State *L, int status, lua_KContext context)
{
	const struct task *task = (struct task *)context;

	(void)status;
	lua_pushstring(L, words[task->number]);
	return 1;
}

static void keep(struct waiters *waiters, struct waiter *waiter)
{
	struct waiter *other;

	TAILQ_FOREACH(other, waiters, link)
	{
		if (other->due_ms > waiter->due_ms) {
			TAILQ_INSERT_BEFORE(other, waiter, link);
			return;
		}
	}
	TAILQ_INSERT_TAIL(waiters, waiter, link);
}

static int wait_in_loop(lua_State *L, struct task *task, struct alarm *alarm, int64_t ms)
{
	struct waiter *waiter = calloc(1, sizeof *waiter);
	int64_t now = bind_clock_now(L);

	if (waiter == NULL || uv_timer_init(task->state->host.loop, &waiter->timer) < 0) {
		free(waiter);
		return luaL_error(L, "out of memory");
	}
	waiter->timer.data = waiter;
	waiter->alarm = alarm;
	waiter->task = task;
	waiter->due_ms = ms < INT64_MAX - now ? now + ms : INT64_MAX;
	alarm->waiter = waiter;
	keep(waiters_of(L), waiter);
	task_unit_leave(task);
	task_expect(task);
	wind(L, waiter);
	return task_await(L, task, after_wait);
}

/* alarm:wait(ms) -> "time", "rung" or "over" */
static int alarm_wait(lua_State *L)
{
	struct alarm *alarm = luaL_checkudata(L, 1, alarm_type);
	lua_Integer ms = luaL_checkinteger(L, 2);
	struct task *task = task_may_wait(L, "an alarm");

	luaL_argcheck(L, ms >= 0, 2, "time does not go back");
	if (alarm->waiter != NULL)
		return luaL_error(L, "another task waits for this alarm");
	if (alarm->rung || task->state->retired) {
		lua_pushstring(L, words[alarm->rung ? RUNG : OVER]);
		alarm->rung = false;
		return 1;
	}
	if (!task_writes(task))
		return wait_in_loop(L, task, alarm, ms);
	if (!bind_clock_of(L)->is_virtual)
		return luaL_error(L, "a unit of work cannot wait for an alarm: all others would "
				     "wait behind it");
	bind_clock_advance(L, ms);
	lua_pushstring(L, words[TIME]);
	return 1;
}

/* alarm:ring(): whoever waits goes on soon; if nobody does, the next wait ends at once */
static int alarm_ring(lua_State *L)
{
	struct alarm *alarm = luaL_checkudata(L, 1, alarm_type);

	if (alarm->waiter != NULL)
		ring_waiter(alarm->waiter, RUNG);
	else
		alarm->rung = true;
	return 0;
}

/* new() -> alarm */
static int alarm_new(lua_State *L)
{
	struct alarm *alarm = lua_newuserdatauv(L, sizeof *alarm, 0);

	*alarm = (struct alarm){0};
	luaL_setmetatable(L, alarm_type);
	return 1;
}

int bind_alarm(lua_State *L)
{
	static const luaL_Reg methods[] = {
		{"wait", alarm_wait},
		{"ring", alarm_ring},
		{NULL, NULL},
	};
	static const luaL_Reg functions[] = {
		{"new", alarm_new},
		{NULL, NULL},
	};
	struct waiters *waiters = lua_newuserdatauv(L, sizeof *waiters, 0);

	TAILQ_INIT(waiters);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &waiters_key);
	bind_clock_of(L)->moved = clock_moved;

	luaL_newmetatable(L, alarm_type);
	luaL_newlib(L, methods);
	lua_setfield(L, -2, "__index");
	lua_pop(L, 1);
	luaL_newlib(L, functions);
	return 1;
}
