/* core.gzip: packed texts, for files that browsers get again and again. */
#include "script/bind.h"

#include "net/http_coding.h"
#include "text/gzip.h"

#include <lauxlib.h>

enum { PACK_MOST = 1024 * 1024 };

/* wanted(header) -> whether an Accept-Encoding asks for gzip before plain */
static int wanted(lua_State *L)
{
	struct http_text accept;

	accept.data = luaL_checklstring(L, 1, &accept.len);
	lua_pushboolean(L, http_coding_wants_gzip(accept));
	return 1;
}

/* pack(bytes) -> as small as it gets, or nil when that is not smaller, or `bytes` is longer than
 * 1 MiB: a thread that serves would be held up */
static int pack(lua_State *L)
{
	size_t len;
	const char *bytes = luaL_checklstring(L, 1, &len);
	struct buf *packed = bind_buf(L);
	struct gzip *gzip = len <= PACK_MOST ? gzip_new(GZIP_SMALL) : NULL;
	bool done = gzip != NULL && gzip_pack(gzip, bytes, len, packed);

	gzip_free(gzip);
	if (done)
		bind_push_buf(L, packed);
	else
		lua_pushnil(L);
	return 1;
}

/* is(packed, bytes) -> whether the one is the other, packed */
static int is(lua_State *L)
{
	size_t packed_len, len;
	const char *packed = luaL_checklstring(L, 1, &packed_len);
	const char *bytes = luaL_checklstring(L, 2, &len);

	lua_pushboolean(L, gzip_is(packed, packed_len, bytes, len));
	return 1;
}

int bind_gzip(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"wanted", wanted},
		{"pack", pack},
		{"is", is},
		{NULL, NULL},
	};

	luaL_newlib(L, functions);
	return 1;
}
