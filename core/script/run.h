/* core/script/run.h: one stretch in which Lua runs, and what ends it: its time or its memory is
 * over.
 *
 * A run is a task between two waits, or the loading of a state. When it breaks its budget it is
 * *broken*, for good: a hook raises at each instruction, the sandbox's pcall and xpcall raise again
 * what they caught (coroutine.resume likewise), and C functions that take long look at the flag
 * (run_check). So nothing of the task goes on, and since it may have stopped half-way through the
 * framework, the state in which it ran is spoilt: its thread takes another.
 *
 * A read may be told to *give way* instead: on a worker when it takes longer than others should
 * wait for, on the slow lane when its snapshot is in the way. It is broken likewise, but raises
 * only where an error is expected anyway: when it asks for something that may wait (task_may_wait)
 * and in a plugin's own code. So nothing is left half done, and its state is as good as before.
 *
 * The allocator of a state counts. A run that would grow it past the run's limit is broken too; a
 * little beyond the limit is given all the same, so that the hook can raise where it happened. */
#pragma once

#include "base/buf.h"
#include "script/watchdog.h"

#include <lua.h>
#include <signal.h>
#include <stddef.h>

enum breach { BREACH_NONE, BREACH_GIVE_WAY, BREACH_TIME, BREACH_MEMORY };

struct state;

struct run {
	lua_State *L; /* the coroutine that runs */
	volatile sig_atomic_t broken;
	int64_t left_ns;  /* of its time; 0: unbounded */
	int64_t quick_ns; /* of the time after which it gives way, if it can; 0: never */
	bool can_give_way;
	int calls;              /* how many pcalls it is inside of */
	bool fixed;             /* a resume further out cannot be left, so nothing can wait */
	int64_t grown;          /* by how many bytes it has let the state grow so far */
	char plugin[64];        /* which plugin ran when it broke; empty: none */
	struct buf told;        /* and where, for the log */
	const lua_State *noted; /* the coroutine in which that was found last */
};

/* How much a state has in memory, and how much it may have. Embedded in the state. */
struct memory {
	struct state *state;
	size_t used, most;
	size_t refused; /* a request that was refused and not yet granted, or 0 */
};

/* What ran on the thread and in the state before: kept on the stack of whoever begins a run. */
struct run_before {
	struct watch watch;
	struct run *run;
	size_t most, used;
	int64_t began;
};

/* Makes the state count what it has from now on. */
void memory_count(struct state *state);

/* From run_begin to run_end, on one thread, `run` runs in `state`: it may take run->left_ns of time
 * and let the state grow by `growth` bytes in all (0: unbounded). */
void run_begin(struct run *run, struct state *state, size_t growth, struct run_before *before);
/* `goes_on`: it waits, and what is left of its budget is noted. */
void run_end(struct run *run, struct state *state, const struct run_before *before, bool goes_on);
/* Forgets how a run broke. */
void run_clear(struct run *run);

/* Breaks the run. Also from a signal handler on its thread. */
void run_break(struct run *run, enum breach breach);

/* From now on it is this coroutine that runs. */
void run_moves(struct run *run, lua_State *L);

/* An error has been caught, with Lua's `status`: it may be that there was no memory. */
void run_failed(struct run *run, const struct state *state, int status);

/* Raises when the run of `L` is broken. Called by what may take long without an instruction. */
void run_check(lua_State *L);
bool run_is_broken(lua_State *L);
/* The same, where an error is expected: raises also when the run must give way. */
void run_check_here(lua_State *L);

/* Under ThreadSanitizer, where a signal waits until the next library call: a hook that looks from
 * time to time, so that a loop in pure Lua ends. Otherwise nothing. */
void run_prepare(lua_State *L);

/* calls.c: pcall and xpcall, which never keep what a broken run raised. `xpcall` of the framework
 * calls its handler where the error is raised; that of plugins after unwinding, since hooks are off
 * inside a handler and a loop there would never end. */
int safe_pcall(lua_State *L);
int safe_xpcall(lua_State *L);
int safe_xpcall_for_plugins(lua_State *L);

/* coroutines.c: pushes the table `coroutine` of plugins; and waits in a binding, or passes a wait
 * on from an inner coroutine: yields, and goes on with `then`. */
void push_coroutines(lua_State *L);
int wait_pass(lua_State *L, lua_KContext context, lua_KFunction then);

/* metatables.c: adds setmetatable, getmetatable and rawset of plugins, and `plain`, to the table at
 * the top; and whether the value at `index` has a metatable that a plugin has given it. */
void add_metatables(lua_State *L);
bool metatable_is_plugins(lua_State *L, int index);

/* bounded_string.c, bounded_table.c: put functions that cannot burn for ever in the place of those
 * of the standard libraries, which are open. */
void bound_strings(lua_State *L);
void bound_tables(lua_State *L);
