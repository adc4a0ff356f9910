/* core.log: lines in the server's log. */
#include "script/bind.h"

#include "base/log.h"

#include <lauxlib.h>

enum { NAME_MAX_LEN = 64, FIELDS_MAX = 64 };

/* Copies a name into `to`. Names stand bare in a line: what could end one becomes an underscore. */
static void copy_name(char to[NAME_MAX_LEN + 1], const char *name, bool may_hold_blanks)
{
	size_t i;

	for (i = 0; i < NAME_MAX_LEN && name[i] != '\0'; i++) {
		unsigned char c = (unsigned char)name[i];
		bool bad = c < ' ' || c == 127 || c == '"' || c == '=' ||
			   (c == ' ' && !may_hold_blanks);

		to[i] = bad ? '_' : (char)c;
	}
	to[i] = '\0';
}

/* Leaves the table's keys that are strings on the stack, in order. */
static int push_sorted_keys(lua_State *L, int table)
{
	int base = lua_gettop(L);

	lua_pushnil(L);
	while (lua_next(L, table) != 0) {
		int count = lua_gettop(L) - 2 - base;
		int at;

		lua_pop(L, 1);
		if (lua_type(L, -1) != LUA_TSTRING || count >= FIELDS_MAX)
			continue;
		for (at = base + count; at > base && lua_compare(L, -1, at, LUA_OPLT); at--)
			;
		lua_pushvalue(L, -1);
		lua_insert(L, at + 1);
	}
	return lua_gettop(L) - base;
}

static void put_field(lua_State *L, struct log_line *line, int key)
{
	char name[NAME_MAX_LEN + 1];
	const char *value;
	size_t len;

	copy_name(name, lua_tostring(L, key), false);
	lua_pushvalue(L, key);
	lua_rawget(L, 3);
	value = luaL_tolstring(L, -1, &len);
	log_bytes(line, name, value, len);
	lua_pop(L, 2);
}

/* log(level, event [, fields]) */
static int log_line_of(lua_State *L)
{
	static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
	enum log_level level = (enum log_level)luaL_checkoption(L, 1, NULL, levels);
	char event[NAME_MAX_LEN + 1];
	struct log_line line;
	int count = 0;

	copy_name(event, luaL_checkstring(L, 2), true);
	lua_settop(L, 3);
	luaL_checkstack(L, FIELDS_MAX + 8, "too many fields");
	if (!lua_isnil(L, 3)) {
		luaL_checktype(L, 3, LUA_TTABLE);
		count = push_sorted_keys(L, 3);
	}
	log_begin(&line, level, event);
	for (int i = 1; i <= count; i++)
		put_field(L, &line, 3 + i);
	log_end(&line);
	return 0;
}

static const luaL_Reg functions[] = {
	{"log", log_line_of},
	{NULL, NULL},
};

int bind_log(lua_State *L)
{
	luaL_newlib(L, functions);
	return 1;
}
