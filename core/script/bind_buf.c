#include "script/bind.h"

#include <lauxlib.h>

static const char buf_type[] = "core.buf";

static int buf_gc(lua_State *L)
{
	buf_free(lua_touserdata(L, 1));
	return 0;
}

struct buf *bind_buf(lua_State *L)
{
	struct buf *buf = lua_newuserdatauv(L, sizeof *buf, 0);

	*buf = BUF_EMPTY;
	if (luaL_newmetatable(L, buf_type)) {
		lua_pushcfunction(L, buf_gc);
		lua_setfield(L, -2, "__gc");
	}
	lua_setmetatable(L, -2);
	return buf;
}

void bind_push_buf(lua_State *L, struct buf *buf)
{
	if (buf->failed)
		luaL_error(L, "out of memory");
	lua_pushlstring(L, buf->len > 0 ? buf->data : "", buf->len);
}
