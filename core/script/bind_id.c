/* core.id: inner ids, and how they look from outside. */
#include "script/bind.h"

#include "base/id.h"
#include "text/opaque_id.h"

#include <lauxlib.h>

static const unsigned char *key_of_state(lua_State *L)
{
	const unsigned char *key = bind_id_key(L);

	if (key == NULL)
		luaL_error(L, "ids have no outer form before the state serves a tenant");
	return key;
}

/* new() -> integer */
static int inner_new(lua_State *L)
{
	lua_pushinteger(L, id_new());
	return 1;
}

/* seal(integer) -> text of 13 characters */
static int outer_of_inner(lua_State *L)
{
	lua_Integer id = luaL_checkinteger(L, 1);
	char text[OPAQUE_ID_LEN];

	opaque_id_seal(text, (uint64_t)id, key_of_state(L));
	lua_pushlstring(L, text, sizeof text);
	return 1;
}

/* open(text) -> integer, or nil when it cannot be an id */
static int inner_of_outer(lua_State *L)
{
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	uint64_t id;

	if (opaque_id_open(&id, text, len, key_of_state(L)) < 0 || id > INT64_MAX)
		lua_pushnil(L);
	else
		lua_pushinteger(L, (lua_Integer)id);
	return 1;
}

static const luaL_Reg functions[] = {
	{"new", inner_new},
	{"seal", outer_of_inner},
	{"open", inner_of_outer},
	{NULL, NULL},
};

int bind_id(lua_State *L)
{
	luaL_newlib(L, functions);
	return 1;
}
