/* core.text: what Lua's own strings do not know of Unicode. */
#include "script/bind.h"

#include "base/err.h"
#include "text/utf8.h"

#include <lauxlib.h>

/* valid(text) -> boolean: UTF-8 without NUL */
static int text_valid(lua_State *L)
{
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);

	lua_pushboolean(L, utf8_valid(text, len));
	return 1;
}

/* length(text) -> number of code points */
static int text_length(lua_State *L)
{
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);

	lua_pushinteger(L, (lua_Integer)utf8_length(text, len));
	return 1;
}

static int changed(lua_State *L, int (*change)(struct buf *, const char *, size_t))
{
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	struct buf *out = bind_buf(L);

	if (change(out, text, len) == TM_EINVAL)
		return luaL_argerror(L, 1, "not valid UTF-8");
	bind_push_buf(L, out);
	buf_free(out);
	return 1;
}

/* lower(text) -> text */
static int text_lower(lua_State *L)
{
	return changed(L, utf8_lower);
}

/* normalize(text) -> text in normal form C */
static int text_normalize(lua_State *L)
{
	return changed(L, utf8_normalize);
}

static const luaL_Reg functions[] = {
	{"valid", text_valid},
	{"length", text_length},
	{"lower", text_lower},
	{"normalize", text_normalize},
	{NULL, NULL},
};

int bind_text(lua_State *L)
{
	luaL_newlib(L, functions);
	return 1;
}
