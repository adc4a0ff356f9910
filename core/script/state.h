/* core/script/state.h: one Lua state, of one generation, on one thread, and the tasks that run in
 * it.
 *
 * A state is built by state_new on any one thread and handed over whole; after that it belongs
 * to the thread that serves with it. A task is one coroutine in it: one request, one bulk slice,
 * one command. A task may wait (for the store, the pool, the lane); `done` comes when it has ended.
 *
 * What trusted Lua (scripts/) can reach of C stands in core/script/bind_*.c, as modules that
 * `require` finds by the names core.store, core.json, core.decimal, core.hash, core.id, core.text,
 * core.clock, core.log, core.csv, core.sandbox, core.generation, core.task, core.attempts,
 * core.meters, core.http, core.metrics, core.projection, core.alarm, core.language, core.zone. */
#pragma once

#include "base/err.h"
#include "base/meters.h"
#include "base/metrics.h"
#include "net/attempts.h"
#include "net/http_server.h"
#include "script/generation.h"
#include "store/store.h"

#include <stdbool.h>
#include <uv.h>

struct state;
struct task;
struct pace;
struct lane;

/* What a thread gives the states that serve on it. */
struct state_host {
	uv_loop_t *loop;
	struct store *store;
	struct store_conn
		*conn; /* reading on workers, writing in the lane; may be NULL (builder's check) */
	/* Sends a bulk unit to the home lane, which runs function `name` of the lane's state with
	 * `payload`; `done` comes back on this thread. NULL where commands do not run. */
	int (*lane_call)(void *host, const char *name, const char *payload, size_t len,
		void (*done)(void *data, int rc, const char *answer, size_t len), void *data);
	void *host;
	/* Asks the control thread about generations (core/generations.h); `done` comes back on
	 * `loop`. NULL where nobody may. */
	int (*control_call)(void *control, uv_loop_t *loop, const char *payload, size_t len,
		void (*done)(void *data, int rc, const char *answer, size_t len), void *data);
	void *control;
	struct attempts *attempts; /* failed sign-ins; NULL where nobody signs in */
	struct meters *meters;     /* what is read; NULL: nothing is counted */
	struct metrics *metrics;   /* NULL: nothing is counted */
	const char *tenant;        /* whose routes are shut: see fuse.h; NULL: nobody's */
	/* Where reads must give way to others, which routes are known for it: those end at once.
	 * NULL elsewhere. */
	struct pace *pace;
	const struct lane *lane; /* whose state this is; NULL elsewhere */
};

/* How long Lua may run (milliseconds; 0: for ever) and by how much one task may let its state grow
 * (MiB; 0: without bound). Time that a task waits does not count. */
struct budgets {
	int read_ms, write_ms, bulk_ms, load_ms;
	int quick_ms;   /* how long a read may hold a worker before it must give way */
	int slow_ms;    /* read_ms of the slow lane */
	int command_ms; /* from one wait to the next */
	int task_mib;
};
extern const struct budgets default_budgets;

/* Loads scripts/main.lua of `gen`, which loads everything else. On failure `err->text` holds file,
 * line and what is wrong. */
int state_new(struct state **state, struct generation *gen, const struct budgets *budgets,
	struct err *err);

/* What it was made of. */
struct generation *state_sources(const struct state *state);
const struct budgets *state_budgets(const struct state *state);

/* Binds the state to its thread. Once, before the first task, on that thread. */
void state_attach(struct state *state, const struct state_host *host);

/* Marks the state as no longer current; it is freed when its last task has ended. Tasks that wait
 * for an alarm go on in the loop's next turn. */
void state_retire(struct state *state);

/* A task broke its budget in it, perhaps half-way through something: another must take its place.
 */
bool state_is_spoilt(const struct state *state);
/* How many tasks are running in it; for tests. */
unsigned state_tasks(const struct state *state);

/* Who took too much (empty: no plugin) and of what. */
struct breach_words {
	char plugin[64];
	bool memory; /* or time */
};

/* What a task ended with. Bytes are valid only inside the callback. */
struct task_result {
	unsigned route;     /* its number in the metrics */
	const char *plugin; /* whose action it is, or NULL */
	int rc; /* 0; TM_ESCRIPT: a Lua error, `text` is the traceback; TM_EBUDGET: `breach`;
		   TM_EGIVEWAY: a read that must run elsewhere, or later; TM_ELOST, TM_EFULL …: from
		   the store */
	struct breach_words breach;
	struct http_answer answer; /* tasks that answer requests */
	bool to_lane; /* state_handle only: run state_write in the home lane with `text` */
	struct http_text
		text; /* what the function returned as a string: `prepared`, a bulk answer */
};
typedef void (*task_done)(void *data, const struct task_result *result);

/* Runs main.handle(request) on a worker. */
void state_handle(
	struct state *state, const struct http_request *request, task_done done, void *data);

/* Runs main.write(request, prepared) in the lane, inside `unit`, which the caller begins and ends.
 */
void state_write(struct state *state, struct store_unit *unit, const struct http_request *request,
	const char *prepared, size_t len, task_done done, void *data);

/* Runs main.bulk(name, payload) in the lane, inside `unit`. */
void state_bulk(struct state *state, struct store_unit *unit, const char *name, const char *payload,
	size_t len, task_done done, void *data);

/* Brings the schema to the state: main.bulk("schema.apply"), for as long as it takes. */
void state_apply_schema(struct state *state, struct store_unit *unit, task_done done, void *data);

/* Runs main.command(name, arguments, emit) on the control thread: `emit(text)` calls `on_text`. */
void state_command(struct state *state, const char *name, const char *arguments, size_t len,
	void (*on_text)(void *data, const char *text, size_t len), task_done done, void *data);
