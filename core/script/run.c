#include "script/run.h"

#include "base/clock.h"
#include "script/task.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a broken run may have beyond its limit, to be told of and to end; how deep a stack is looked
 * through, and how much of it is told. */
enum { SLACK = 16 * 1024 * 1024, DEPTH_MAX = 1000, TOLD_MAX = 12 };

static void on_hook(lua_State *L, lua_Debug *where);

/* What must give way is looked at now and then only: most of what it runs is the framework's. */
enum { GIVE_WAY_STEP = 100 };

void run_break(struct run *run, enum breach breach)
{
	if (run->broken < (int)breach && run->broken <= BREACH_GIVE_WAY)
		run->broken = breach;
	if (run->broken == BREACH_GIVE_WAY)
		lua_sethook(run->L, on_hook, LUA_MASKCOUNT, GIVE_WAY_STEP);
	else
		lua_sethook(run->L, on_hook,
			LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

/* A signal that comes here finds the one or the other, so the flag is asked afterwards. */
void run_moves(struct run *run, lua_State *L)
{
	run->L = L;
	atomic_signal_fence(memory_order_seq_cst);
	if (run->broken != BREACH_NONE)
		run_break(run, run->broken);
}

/* The name in "@plugins/NAME/…" or "@config/clients/NAME/…". */
static bool plugin_of(const char *source, char *name, size_t room)
{
	static const char *const folders[] = {"@plugins/", "@config/clients/"};

	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		size_t len = strlen(folders[i]);

		if (strncmp(source, folders[i], len) != 0)
			continue;
		snprintf(name, room, "%.*s", (int)strcspn(source + len, "/"), source + len);
		return true;
	}
	return false;
}

/* Notes whose code runs and where, without asking Lua for memory. Where it is in a coroutine and
 * none of a plugin's code, who resumed that is noted too, as the error passes. */
static void note(lua_State *L, struct run *run)
{
	lua_Debug frame;

	if (run->noted == L || (run->noted != NULL && run->plugin[0] != '\0'))
		return;
	run->noted = L;
	for (int level = 0; level < DEPTH_MAX && lua_getstack(L, level, &frame); level++) {
		lua_getinfo(L, "nSl", &frame);
		if (level < TOLD_MAX)
			buf_printf(&run->told, "%s%s:%d%s%s", run->told.len > 0 ? " < " : "",
				frame.short_src, frame.currentline, frame.name ? " " : "",
				frame.name ? frame.name : "");
		if (run->plugin[0] == '\0' &&
			plugin_of(frame.source, run->plugin, sizeof run->plugin) &&
			level >= TOLD_MAX)
			buf_printf(&run->told, " < … %s:%d", frame.short_src, frame.currentline);
		if (run->plugin[0] != '\0' && level >= TOLD_MAX)
			break;
	}
}

/* Whether the Lua function that runs, or that called the C function that does, is a plugin's. */
static bool is_in_plugin(lua_State *L)
{
	lua_Debug frame;
	char name[64];

	for (int level = 0; level < 2 && lua_getstack(L, level, &frame); level++) {
		lua_getinfo(L, "S", &frame);
		if (*frame.what != 'C')
			return plugin_of(frame.source, name, sizeof name);
	}
	return false;
}

static int raise_breach(lua_State *L, struct run *run)
{
	const char *what = run->broken == BREACH_GIVE_WAY ? "must give way"
			   : run->broken == BREACH_MEMORY ? "needs too much memory"
							  : "takes too long";

	note(L, run);
	luaL_where(L, 0);
	if (run->plugin[0] != '\0')
		lua_pushfstring(L, "the plugin %s %s", run->plugin, what);
	else
		lua_pushfstring(L, "this %s", what);
	lua_concat(L, 2);
	return lua_error(L);
}

static void on_hook(lua_State *L, lua_Debug *where)
{
	struct run *run = state_of(L)->run;

	(void)where;
	if (run == NULL || run->broken == BREACH_NONE)
		lua_sethook(L, NULL, 0, 0);
	else if (run->broken != BREACH_GIVE_WAY || is_in_plugin(L))
		raise_breach(L, run);
}

void run_failed(struct run *run, const struct state *state, int status)
{
	if (run->broken <= BREACH_GIVE_WAY && (status == LUA_ERRMEM || state->memory.refused != 0))
		run_break(run, BREACH_MEMORY);
}

bool run_is_broken(lua_State *L)
{
	struct run *run = state_of(L)->run;

#ifdef __SANITIZE_THREAD__
	watch_look();
#endif
	return run != NULL && run->broken != BREACH_NONE;
}

void run_check(lua_State *L)
{
	if (run_is_broken(L) && (state_of(L)->run->broken != BREACH_GIVE_WAY || is_in_plugin(L)))
		raise_breach(L, state_of(L)->run);
}

void run_check_here(lua_State *L)
{
	if (run_is_broken(L))
		raise_breach(L, state_of(L)->run);
}

#ifdef __SANITIZE_THREAD__
static void look(lua_State *L, lua_Debug *where)
{
	(void)where;
	run_check(L);
}

void run_prepare(lua_State *L)
{
	lua_sethook(L, look, LUA_MASKCOUNT, 1000);
}
#else
void run_prepare(lua_State *L)
{
	(void)L;
}
#endif

static void forget(struct run *run)
{
	run->plugin[0] = '\0';
	run->noted = NULL;
	buf_clear(&run->told);
}

/* What was refused has found room after all. */
static void granted(struct memory *memory)
{
	struct run *run = memory->state->run;

	memory->refused = 0;
	if (run != NULL && run->broken <= BREACH_GIVE_WAY)
		forget(run);
}

/* A request that goes past the limit. The first time it is refused, so that Lua collects what is
 * garbage and asks again; then the run is broken. */
static bool may_grow(struct memory *memory, size_t size, size_t more)
{
	struct run *run = memory->state->run;

	if (run == NULL)
		return true;
	if (run->broken <= BREACH_GIVE_WAY) {
		if (memory->refused != size) {
			memory->refused = size;
			forget(run);
			note(run->L, run);
			return false;
		}
		run_break(run, BREACH_MEMORY);
	}
	return memory->used + more < memory->most + SLACK;
}

static void *allocate(void *data, void *block, size_t old_size, size_t size)
{
	struct memory *memory = data;
	size_t old = block != NULL ? old_size : 0;
	void *made;

	if (size == 0) {
		free(block);
		memory->used -= old;
		return NULL;
	}
	if (size > old && memory->used + (size - old) > memory->most &&
		!may_grow(memory, size, size - old))
		return NULL;
	made = realloc(block, size);
	if (made == NULL)
		return NULL;
	memory->used += size - old;
	if (memory->refused == size)
		granted(memory);
	return made;
}

void memory_count(struct state *state)
{
	struct memory *memory = &state->memory;

	memory->state = state;
	memory->most = SIZE_MAX / 2;
	memory->used = (size_t)lua_gc(state->L, LUA_GCCOUNT) * 1024 +
		       (size_t)lua_gc(state->L, LUA_GCCOUNTB);
	lua_setallocf(state->L, allocate, memory);
}

void run_begin(struct run *run, struct state *state, size_t growth, struct run_before *before)
{
	struct memory *memory = &state->memory;
	struct watch now = {.run = run};

	before->began = clock_mono_ns();
	before->run = state->run;
	before->most = memory->most;
	before->used = memory->used;
	if (growth > 0) {
		size_t left = run->grown < (int64_t)growth
				      ? growth - (size_t)(run->grown > 0 ? run->grown : 0)
				      : 0;

		memory->most = memory->used + left;
	}
	memory->refused = 0;
	state->run = run;
	if (run->left_ns != 0)
		now.deadline = before->began + (run->left_ns > 0 ? run->left_ns : 1);
	if (run->quick_ns != 0 && now.deadline != 0) {
		now.last = now.deadline;
		now.deadline = before->began + (run->quick_ns > 0 ? run->quick_ns : 1);
	}
	before->watch = watch_enter(now);
}

void run_end(struct run *run, struct state *state, const struct run_before *before, bool goes_on)
{
	struct watch watch = before->watch;
	int64_t took = 0;

	if (goes_on || watch.deadline != 0)
		took = clock_mono_ns() - before->began;
	if (watch.deadline != 0)
		watch.deadline += took;
	if (watch.last != 0)
		watch.last += took;
	watch_enter(watch);
	state->run = before->run;
	state->memory.most = before->most;
	if (!goes_on)
		return;
	run->grown += (int64_t)state->memory.used - (int64_t)before->used;
	if (run->left_ns != 0)
		run->left_ns = run->left_ns > took ? run->left_ns - took : -1;
	if (run->quick_ns != 0)
		run->quick_ns = run->quick_ns > took ? run->quick_ns - took : -1;
}

void run_clear(struct run *run)
{
	run->broken = BREACH_NONE;
	run->grown = 0;
	run->calls = 0;
	run->quick_ns = 0;
	run->can_give_way = false;
	run->fixed = false;
	forget(run);
}
