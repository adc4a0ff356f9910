/* core/script/json_plain.h: most bodies, read without a tree in between.
 *
 * A short text that is plain JSON (texts without escapes, whole numbers, true, false, null, objects
 * and lists that are neither deep nor long) is pushed as a Lua value, the same that json_in_parse
 * gives. For every other text nothing is pushed and the answer is false: it may hold what
 * is not plain, or a fault, and core/text/json_in.h says which. */
#pragma once

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

/* `array_type`: the name of the metatable that lists get. */
bool json_plain_push(lua_State *L, const char *text, size_t len, const char *array_type);
