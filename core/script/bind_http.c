/* core.http: the parts of a request: its path, its query, its cookies. */
#include "script/bind.h"

#include "text/url.h"

#include <lauxlib.h>
#include <string.h>

enum { SHORT = 512 };

/* Pushes the decoded text, or returns false and pushes nothing. */
static bool push_decoded(lua_State *L, const char *text, size_t len, bool plus_is_blank)
{
	char room[SHORT];
	luaL_Buffer long_room;
	char *out = room;
	long done;

	if (len > sizeof room)
		out = luaL_buffinitsize(L, &long_room, len);
	done = url_decode(out, text, len, plus_is_blank);
	if (out != room) {
		luaL_pushresultsize(&long_room, done < 0 ? 0 : (size_t)done);
		if (done < 0)
			lua_pop(L, 1);
	} else if (done >= 0) {
		lua_pushlstring(L, out, (size_t)done);
	}
	return done >= 0;
}

/* segments(path) -> { text … }, decoded; nil when the encoding is broken */
static int http_segments(lua_State *L)
{
	size_t len;
	const char *path = luaL_checklstring(L, 1, &len);
	const char *end = path + len;
	int count = 0;

	lua_createtable(L, 6, 0);
	for (const char *at = memchr(path, '/', len); at != NULL && at < end;) {
		const char *next = memchr(at + 1, '/', (size_t)(end - at - 1));

		if (!push_decoded(L, at + 1, (size_t)((next ? next : end) - at - 1), false)) {
			lua_pushnil(L);
			return 1;
		}
		lua_rawseti(L, 2, ++count);
		at = next;
	}
	return 1;
}

/* parameters(query) -> { { name, value } … } in order, decoded; nil and the raw name of the one
 * whose encoding is broken */
static int http_parameters(lua_State *L)
{
	size_t len;
	const char *query = luaL_checklstring(L, 1, &len);
	const char *end = query + len;
	int count = 0;

	lua_createtable(L, 4, 0);
	for (const char *at = query; at < end;) {
		const char *next = memchr(at, '&', (size_t)(end - at));
		size_t part = (size_t)((next ? next : end) - at);
		const char *equals = memchr(at, '=', part);
		size_t name = equals ? (size_t)(equals - at) : part;
		size_t value = equals ? part - name - 1 : 0;

		if (part > 0) {
			lua_createtable(L, 2, 0);
			if (!push_decoded(L, at, name, true))
				goto broken;
			lua_rawseti(L, 3, 1);
			if (!push_decoded(L, at + part - value, value, true))
				goto broken;
			lua_rawseti(L, 3, 2);
			lua_rawseti(L, 2, ++count);
		}
		at += part + 1;
		continue;
	broken:
		lua_pushnil(L);
		lua_pushlstring(L, at, name);
		return 2;
	}
	return 1;
}

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	return at;
}

/* cookie(header, name) -> the value of the first cookie of that name (RFC 6265, section 4.2), or
 * nil */
static int http_cookie(lua_State *L)
{
	size_t len, name_len;
	const char *at = luaL_checklstring(L, 1, &len);
	const char *name = luaL_checklstring(L, 2, &name_len);
	const char *end = at + len;

	while (at < end) {
		const char *semicolon = memchr(at, ';', (size_t)(end - at));
		const char *stop = semicolon ? semicolon : end;
		const char *next = stop + 1;

		at = skip_blanks(at, stop);
		if ((size_t)(stop - at) > name_len && memcmp(at, name, name_len) == 0 &&
			at[name_len] == '=') {
			at += name_len + 1;
			while (stop > at && (stop[-1] == ' ' || stop[-1] == '\t'))
				stop--;
			lua_pushlstring(L, at, (size_t)(stop - at));
			return 1;
		}
		at = next;
	}
	lua_pushnil(L);
	return 1;
}

static const luaL_Reg functions[] = {
	{"segments", http_segments},
	{"parameters", http_parameters},
	{"cookie", http_cookie},
	{NULL, NULL},
};

int bind_http(lua_State *L)
{
	luaL_newlib(L, functions);
	return 1;
}
