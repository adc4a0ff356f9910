/* core/script/task.h: the inside of a state and of its tasks, for the files of core/script only.
 *
 * A task is one coroutine that calls one function of main.lua. It is idle (kept for the next
 * request, its coroutine empty), runs, or waits, and ends with one call of `done`. One thread runs
 * one task at a time: `state->current` is that task, also while it runs in an inner coroutine.
 *
 * A binding that waits is written so:
 *
 *	struct task *task = task_may_wait(L, "mill.db");     raises where a task cannot wait
 *	task_expect(task);
 *	store_query(task_unit(L, task), &query);             its `done` calls task_wake(task)
 *	return task_await(L, task, after_query);
 *
 * `after_query` runs at once when the completion came inside the call, and otherwise when it comes;
 * the stack is the binding's own. What the call was given must outlive the wait: strings lie on the
 * Lua stack, `params` and `bytes` in the task. */
#pragma once

#include "base/buf.h"
#include "script/projection.h"
#include "script/run.h"
#include "script/state.h"

#include <lauxlib.h>
#include <lua.h>

enum task_kind { TASK_HANDLE, TASK_WRITE, TASK_BULK, TASK_COMMAND };
enum { TASK_KINDS = 4, TASK_PARAMS = 64, TASK_HEADERS = 32, REQUIRE_DEPTH = 64 };

struct state {
	lua_State *L;
	struct generation *gen;
	struct state_host host;
	bool attached, retired, spoilt;
	unsigned metatables; /* how many of plugins have been copied: see metatables.c */
	struct budgets budgets;
	struct run *run; /* the one that runs now, or NULL */
	struct memory memory;
	int functions[TASK_KINDS]; /* references to main's functions */
	struct task *current;
	struct task *idle;
	unsigned tasks, idle_count;
	int64_t counted_bytes;                /* of memory, in the metrics */
	const char *requiring[REQUIRE_DEPTH]; /* the modules being loaded, the outermost first */
	unsigned requiring_count;
};

struct task {
	struct state *state;
	struct task *next; /* among the idle */
	lua_State *L;
	int thread; /* the reference that keeps L */
	int reader; /* and to what reads `request` for Lua: see http_table.c */
	const struct http_request **readers[2];
	enum task_kind kind;
	bool has_context;
	unsigned route_number; /* in the metrics */
	bool sent_on;          /* to the slow lane, before it began */
	struct run run;

	/* What it was started with; not copied, so read before the first wait (but the request,
	 * which stays). */
	const struct http_request *request;
	const char *name;
	const char *route;        /* which the framework found; a text of the state */
	const char *plugin;       /* whose action it is, or NULL; likewise */
	struct http_text payload; /* prepared, payload or arguments; data may be NULL */
	void (*on_text)(void *data, const char *text, size_t len);
	task_done done;
	void *data;

	/* Its unit of work. A reading task begins one at its first call and ends it before it waits
	 * for anything but the store; a writing one is lent the lane's. */
	struct store_unit *unit;
	bool unit_lent;
	struct err lost; /* code 0, or why the store cannot go on: see task_store_failed */

	/* The call it waits for. */
	bool woken, yielded;
	struct err call; /* how the call ended */
	int64_t number;
	struct buf bytes;
	struct object_writer writer; /* of rows into `objects` */
	struct buf objects;
	size_t rows;
	int columns;
	struct store_value params[TASK_PARAMS];

	struct task_result result;
	struct http_answer_header headers[TASK_HEADERS];
	struct buf text; /* of a failed task */
};

struct state *state_of(lua_State *L);
/* Frees a retired state without tasks. */
void state_free_if_over(struct state *state);
void task_free(struct task *task);

/* The task that runs, or NULL while the state is being loaded. */
struct task *task_current(lua_State *L);

/* The task that runs. Raises, naming `who`, when there is none, or where it could not wait: below a
 * C function that cannot be left (sort, require, a metamethod called by one), or in a coroutine
 * that is none of coroutines.c. */
struct task *task_may_wait(lua_State *L, const char *who);

/* Before a call whose completion calls task_wake. One call at a time. */
void task_expect(struct task *task);
void task_wake(struct task *task);
/* Goes on with `then` once the call has completed; its context is the task. The last act of a
 * binding. */
int task_await(lua_State *L, struct task *task, lua_KFunction then);

/* The task's unit, begun when it is a reader's first call. Raises when the store has already
 * failed. */
struct store_unit *task_unit(lua_State *L, struct task *task);
/* Ends a reader's unit before a wait for anything but the store, so that no snapshot is held
 * meanwhile. */
void task_unit_leave(struct task *task);
bool task_writes(const struct task *task);

/* Notes `err` of the store. What leaves a unit that cannot go on (the group was lost, the disk is
 * full, …) ends a writing task with that code, whatever Lua makes of the error. */
void task_store_failed(struct task *task, const struct err *err);

/* Raises { [kind] = true, code = …, message = … }, which tostring shows as "code: message". */
int raise_failure(lua_State *L, const char *kind, int code, const char *message);

/* http_table.c: pushes what reads the requests of a task, one after another; and takes the table at
 * the top as an answer, whose bytes stay Lua's. */
void push_request_reader(lua_State *L, struct task *task);
void read_answer(lua_State *L, struct task *task);

/* require.c: the globals of scripts/ and what `require` finds. */
void open_library(lua_State *L);
int message_handler(lua_State *L);

/* bind_alarm.c: ends what waits for an alarm in a state that is retired. */
void alarm_retire(lua_State *L);

int bind_alarm(lua_State *L);
int bind_attempts(lua_State *L);
int bind_meters(lua_State *L);
int bind_store(lua_State *L);
/* Adds object, objects and found to the table of core.store at the top. */
void bind_lists(lua_State *L);
int bind_task(lua_State *L);
int bind_generation(lua_State *L);
int bind_sandbox(lua_State *L);
/* Adds password_hash and password_verify to the table of core.hash at the top. */
void bind_password(lua_State *L);
