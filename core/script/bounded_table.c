/* The table library, so that no call of it can burn for ever: it takes plain tables (without
 * metamethods that would run code at each step), its counts are bounded, and it looks at the run's
 * flag from time to time. */
#include "script/task.h"

#include <limits.h>
#include <lualib.h>
#include <string.h>

enum { COUNT_MAX = 16 * 1024 * 1024, LOOK_EACH = 4096 };

/* A table whose elements are where they seem to be. The metamethods that a plugin gave to its own
 * table are passed by. */
static void check_plain(lua_State *L, int index)
{
	static const char *const events[] = {"__index", "__newindex", "__len"};

	luaL_checktype(L, index, LUA_TTABLE);
	if (metatable_is_plugins(L, index) || !lua_getmetatable(L, index))
		return;
	for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
		lua_pushstring(L, events[i]);
		if (lua_rawget(L, -2) != LUA_TNIL)
			luaL_argerror(
				L, index, "a plain table is needed: this one has a metatable");
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
}

static lua_Integer length(lua_State *L, int index)
{
	check_plain(L, index);
	return (lua_Integer)lua_rawlen(L, index);
}

static void look_each(lua_State *L, lua_Unsigned step)
{
	if (step % LOOK_EACH == LOOK_EACH - 1)
		run_check(L);
}

static int insert(lua_State *L)
{
	lua_Integer end = length(L, 1) + 1, at = end;

	switch (lua_gettop(L)) {
	case 2:
		break;
	case 3:
		at = luaL_checkinteger(L, 2);
		luaL_argcheck(
			L, (lua_Unsigned)at - 1u < (lua_Unsigned)end, 2, "position out of bounds");
		for (lua_Integer i = end; i > at; i--) {
			lua_rawgeti(L, 1, i - 1);
			lua_rawseti(L, 1, i);
			look_each(L, (lua_Unsigned)i);
		}
		break;
	default:
		return luaL_error(L, "wrong number of arguments to 'insert'");
	}
	lua_rawseti(L, 1, at);
	return 0;
}

static int take_out(lua_State *L)
{
	lua_Integer size = length(L, 1), at = luaL_optinteger(L, 2, size);

	if (at != size)
		luaL_argcheck(L, (lua_Unsigned)at - 1u <= (lua_Unsigned)size, 2,
			"position out of bounds");
	lua_rawgeti(L, 1, at);
	for (; at < size; at++) {
		lua_rawgeti(L, 1, at + 1);
		lua_rawseti(L, 1, at);
		look_each(L, (lua_Unsigned)at);
	}
	lua_pushnil(L);
	lua_rawseti(L, 1, at);
	return 1;
}

static int move(lua_State *L)
{
	lua_Integer from = luaL_checkinteger(L, 2), end = luaL_checkinteger(L, 3);
	lua_Integer to = luaL_checkinteger(L, 4), count;
	int target = lua_isnoneornil(L, 5) ? 1 : 5;
	bool upwards;

	check_plain(L, 1);
	check_plain(L, target);
	if (end < from) {
		lua_pushvalue(L, target);
		return 1;
	}
	luaL_argcheck(L, (lua_Unsigned)end - (lua_Unsigned)from < COUNT_MAX, 3,
		"too many elements to move");
	count = end - from + 1;
	luaL_argcheck(L, to <= LUA_MAXINTEGER - count + 1, 4, "destination wrap around");
	upwards = to > end || to <= from || (target != 1 && !lua_rawequal(L, 1, target));
	for (lua_Integer i = 0; i < count; i++) {
		lua_Integer at = upwards ? i : count - 1 - i;

		lua_rawgeti(L, 1, from + at);
		lua_rawseti(L, target, to + at);
		look_each(L, (lua_Unsigned)i);
	}
	lua_pushvalue(L, target);
	return 1;
}

static int concat(lua_State *L)
{
	lua_Integer size = length(L, 1);
	size_t len;
	const char *separator = luaL_optlstring(L, 2, "", &len);
	lua_Integer first = luaL_optinteger(L, 3, 1), last = luaL_optinteger(L, 4, size);
	luaL_Buffer text;

	luaL_buffinit(L, &text);
	for (lua_Integer i = first; i <= last; i++) {
		lua_rawgeti(L, 1, i);
		if (!lua_isstring(L, -1))
			return luaL_error(L, "invalid value (%s) at index %I in table for 'concat'",
				luaL_typename(L, -1), (LUAI_UACINT)i);
		luaL_addvalue(&text);
		if (i == last) /* here, as the next number may not exist */
			break;
		luaL_addlstring(&text, separator, len);
		look_each(L, (lua_Unsigned)i);
	}
	luaL_pushresult(&text);
	return 1;
}

static int unpack(lua_State *L)
{
	lua_Integer first = luaL_optinteger(L, 2, 1);
	lua_Integer last = lua_isnoneornil(L, 3) ? length(L, 1) : luaL_checkinteger(L, 3);
	lua_Unsigned count;

	check_plain(L, 1);
	if (first > last)
		return 0;
	count = (lua_Unsigned)last - (lua_Unsigned)first;
	if (count >= (lua_Unsigned)INT_MAX || !lua_checkstack(L, (int)count + 1))
		return luaL_error(L, "too many results to unpack");
	for (lua_Unsigned i = 0; i <= count; i++)
		lua_rawgeti(L, 1, first + (lua_Integer)i);
	return (int)count + 1;
}

/* sort: quicksort as in Lua 5.4's ltablib.c, on raw elements; each comparison looks at the flag,
 * since one of long texts may take a millisecond. */

static bool less(lua_State *L, int a, int b)
{
	bool result;

	run_check(L);
	if (lua_isnil(L, 2))
		return lua_compare(L, a, b, LUA_OPLT);
	lua_pushvalue(L, 2);
	lua_pushvalue(L, a - 1);
	lua_pushvalue(L, b - 2);
	lua_call(L, 2, 1);
	result = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return result;
}

static void get2(lua_State *L, lua_Integer i, lua_Integer j)
{
	lua_rawgeti(L, 1, i);
	lua_rawgeti(L, 1, j);
}

/* Stores the two values at the top: the top one at `i`. */
static void set2(lua_State *L, lua_Integer i, lua_Integer j)
{
	lua_rawseti(L, 1, i);
	lua_rawseti(L, 1, j);
}

/* Puts the elements at `low` and `high` in order. */
static void order(lua_State *L, lua_Integer low, lua_Integer high)
{
	get2(L, low, high);
	if (less(L, -1, -2))
		set2(L, low, high);
	else
		lua_pop(L, 2);
}

/* The pivot is at the top and at `high` - 1; leaves the stack as it was without it and returns
 * where the pivot went. */
static lua_Integer partition(lua_State *L, lua_Integer low, lua_Integer high)
{
	lua_Integer i = low, j = high - 1;

	for (;;) {
		while (lua_rawgeti(L, 1, ++i), less(L, -1, -2)) {
			if (i == high - 1)
				luaL_error(L, "invalid order function for sorting");
			lua_pop(L, 1);
		}
		while (lua_rawgeti(L, 1, --j), less(L, -3, -1)) {
			if (j < i)
				luaL_error(L, "invalid order function for sorting");
			lua_pop(L, 1);
		}
		if (j < i) {
			lua_pop(L, 1);
			set2(L, high - 1, i);
			return i;
		}
		set2(L, i, j);
	}
}

static void sort_range(lua_State *L, lua_Integer low, lua_Integer high)
{
	while (low < high) {
		lua_Integer middle = low + (high - low) / 2, pivot;

		order(L, low, high);
		if (high - low == 1)
			return;
		order(L, low, middle);
		order(L, middle, high);
		if (high - low == 2)
			return;
		lua_rawgeti(L, 1, middle);
		lua_pushvalue(L, -1);
		lua_rawgeti(L, 1, high - 1);
		set2(L, middle, high - 1);
		pivot = partition(L, low, high);
		/* The smaller half by recursion, so that it goes no deeper than the logarithm. */
		if (pivot - low < high - pivot) {
			sort_range(L, low, pivot - 1);
			low = pivot + 1;
		} else {
			sort_range(L, pivot + 1, high);
			high = pivot - 1;
		}
	}
}

static int sort(lua_State *L)
{
	lua_Integer count = length(L, 1);

	luaL_argcheck(L, count < COUNT_MAX, 1, "array too big");
	if (!lua_isnoneornil(L, 2))
		luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_settop(L, 2);
	luaL_checkstack(L, 256, "too many elements to sort");
	sort_range(L, 1, count);
	return 0;
}

void bound_tables(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"concat", concat},
		{"insert", insert},
		{"move", move},
		{"remove", take_out},
		{"sort", sort},
		{"unpack", unpack},
		{NULL, NULL},
	};

	lua_getglobal(L, LUA_TABLIBNAME);
	luaL_setfuncs(L, functions, 0);
	lua_pop(L, 1);
}
