/* core/script/store_call.h: how a call to the store begins, ends and gives its rows, for
 * bind_store.c and bind_lists.c only. */
#pragma once

#include "script/task.h"

#define STORE_CALLER "mill.db"

/* The running task, with its unit, before a call that keeps rows. Raises where it cannot wait. */
struct task *store_call_begin(lua_State *L, struct store_unit **unit);
/* Starts the statement at `at`, whose values follow it. */
struct task *store_call_query(lua_State *L, int at, store_on_row row);
/* A store_done: its data is the task. */
void store_call_done(void *data, int rc, const struct err *err);
/* Raises what the call has failed with. */
void store_call_check(lua_State *L, const struct task *task);

/* The value at `index`, which is parameter `number` of its statement; its bytes stay Lua's. */
struct store_value store_call_value(lua_State *L, int index, int number);

/* Packs a row into the task's `bytes`; its data is the task. */
void store_call_row(void *data, const struct store_row *row);
/* Pushes the packed row at `at` as a list; returns where the next begins. */
const char *store_call_push_row(lua_State *L, const struct task *task, const char *at);
/* Goes on when the rows are there: pushes them as records of the projection at 1 with the metatable
 * at 2. */
int store_call_records(lua_State *L, int status, lua_KContext context);
