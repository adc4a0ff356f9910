/* core.sandbox: turns a plugin's text into a function whose globals are a table that scripts/ gives
 * it. */
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

int bind_sandbox(lua_State *L)
{
	static const luaL_Reg functions[] = {
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
