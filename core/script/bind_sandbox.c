/* core.sandbox: turns a plugin's text into a function whose globals are a table that scripts/ gives
 * it, and shows what a function is made of. */
#include "script/bind.h"
#include "script/task.h"

/* load(text, chunk name, globals) → function | nil, message. Text only: bytecode can break the
 * interpreter. */
static int load(lua_State *L)
{
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	const char *chunk = luaL_checkstring(L, 2);

	luaL_checktype(L, 3, LUA_TTABLE);
	if (luaL_loadbufferx(L, text, len, chunk, "t") != LUA_OK) {
		lua_pushnil(L);
		lua_insert(L, -2);
		return 2;
	}
	/* A main chunk has one upvalue: its globals. */
	lua_pushvalue(L, 3);
	lua_setupvalue(L, -2, 1);
	return 1;
}

static int add_bytes(lua_State *L, const void *bytes, size_t len, void *to)
{
	(void)L;
	buf_append(to, bytes, len);
	return 0;
}

/* dump(function) → its bytes, with names and lines: for looking at, by scripts/kept.lua. */
static int dump(lua_State *L)
{
	struct buf *bytes = bind_buf(L);

	luaL_checktype(L, 1, LUA_TFUNCTION);
	lua_pushvalue(L, 1);
	if (lua_dump(L, add_bytes, bytes, 0) != 0)
		return luaL_error(L, "a function written in C has no bytes");
	lua_pop(L, 1);
	bind_push_buf(L, bytes);
	buf_free(bytes);
	return 1;
}

int bind_sandbox(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"dump", dump},
		{"load", load},
		{"xpcall", safe_xpcall_for_plugins},
		{NULL, NULL},
	};

	luaL_newlib(L, functions);
	add_metatables(L);
	push_coroutines(L);
	lua_setfield(L, -2, "coroutine");
	return 1;
}
