/* core/script/bind.h: the modules in C that trusted Lua reaches by `require "core.NAME"`.
 *
 * Each bind_ function is called once for a state, by the loader, and leaves the module's table on
 * the stack. Whatever a binding holds across a call that may raise a Lua error lies in a userdata,
 * so that nothing leaks when the error jumps. */
#pragma once

#include "base/buf.h"

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int bind_clock(lua_State *L);
int bind_csv(lua_State *L);
int bind_decimal(lua_State *L);
int bind_gzip(lua_State *L);
int bind_fields(lua_State *L);
int bind_hash(lua_State *L);
int bind_http(lua_State *L);
int bind_id(lua_State *L);
int bind_json(lua_State *L);
int bind_language(lua_State *L);
int bind_log(lua_State *L);
int bind_metrics(lua_State *L);
int bind_projection(lua_State *L);
int bind_text(lua_State *L);
int bind_zone(lua_State *L);

/* The keys of the state's tenant, or NULL while the state is not yet bound to a store. */
const unsigned char *bind_id_key(lua_State *L);
const unsigned char *bind_seal_key(lua_State *L);

/* The clock of a state: the machine's, or (in tests) a virtual one. `moved` is called after it was
 * set or became the machine's again. */
struct bind_clock {
	bool is_virtual;
	int64_t now_ms;    /* of a virtual one */
	int64_t stands_ns; /* where the monotonic clock stands meanwhile */
	int64_t ahead_ns;  /* by how much it was ever advanced */
	void (*moved)(lua_State *L);
};
struct bind_clock *bind_clock_of(lua_State *L);
/* Milliseconds since 1970 by the state's clock. */
int64_t bind_clock_now(lua_State *L);
/* Moves it on; it is virtual from then on. */
void bind_clock_advance(lua_State *L, int64_t ms);

/* Pushes a userdata that holds an empty buffer and frees it when it is collected. */
struct buf *bind_buf(lua_State *L);

/* Pushes what a binding has written into `buf`, which stays as it is; raises when `buf` has failed.
 */
void bind_push_buf(lua_State *L, struct buf *buf);

/* Pushes a decimal; `currency` is three capital letters, or empty for a plain number. */
void bind_push_decimal(lua_State *L, int64_t units, unsigned scale, const char *currency);

/* Whether both values are decimals and the same amount of the same currency, written alike. */
bool bind_decimal_same(lua_State *L, int left, int right);

/* If the value at `index` is a decimal, appends it as JSON (a string, or amount and currency) and
 * returns true. */
bool bind_decimal_json(lua_State *L, int index, struct buf *out);

/* How a text is kept: without white space around (one of many lines: as it is, but empty when it is
 * nothing else), in normal form C. Pushes the text; false when one line has a control character. */
bool bind_push_tidy(lua_State *L, const char *text, size_t len, bool many_lines);

/* Pushes the text in lower case. */
void bind_push_lower(lua_State *L, const char *text, size_t len);
