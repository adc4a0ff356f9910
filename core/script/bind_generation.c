/* core.generation: the sources that this state is made of. */
#include "script/task.h"

#include <string.h>

static int files(lua_State *L)
{
	struct generation *gen = state_of(L)->gen;
	size_t len;
	const char *prefix = luaL_optlstring(L, 1, "", &len);
	lua_Integer count = 0;

	lua_newtable(L);
	for (unsigned i = 0; i < generation_file_count(gen); i++) {
		const char *path = generation_file_at(gen, i)->path;

		if (strncmp(path, prefix, len) != 0)
			continue;
		lua_pushstring(L, path);
		lua_rawseti(L, -2, ++count);
	}
	return 1;
}

static int text(lua_State *L)
{
	const struct generation_file *file =
		generation_find(state_of(L)->gen, luaL_checkstring(L, 1));

	if (file == NULL)
		lua_pushnil(L);
	else
		lua_pushlstring(L, file->text, file->len);
	return 1;
}

int bind_generation(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"files", files},
		{"text", text},
		{NULL, NULL},
	};
	struct generation *gen = state_of(L)->gen;

	luaL_newlib(L, functions);
	lua_pushstring(L, generation_hash(gen));
	lua_setfield(L, -2, "hash");
	lua_pushstring(L, generation_settings(gen));
	lua_setfield(L, -2, "settings");
	lua_pushboolean(L, generation_has_passed(gen));
	lua_setfield(L, -2, "passed");
	return 1;
}
