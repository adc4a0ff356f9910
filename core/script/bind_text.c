/* core.text: what Lua's own strings do not know of Unicode. */
#include "script/bind.h"

#include "base/err.h"
#include "text/encoding.h"
#include "text/utf8.h"

#include <lauxlib.h>

/* What is done here takes linear time: some ten milliseconds for so much. */
enum { TEXT_MAX = 4 * 1024 * 1024 };

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
	struct buf *out;

	luaL_argcheck(L, len <= TEXT_MAX, 1, "too long");
	out = bind_buf(L);
	if (change(out, text, len) == TM_EINVAL)
		return luaL_argerror(L, 1, "not valid UTF-8");
	bind_push_buf(L, out);
	buf_free(out);
	return 1;
}

void bind_push_lower(lua_State *L, const char *text, size_t len)
{
	struct buf *out = bind_buf(L);

	if (utf8_lower(out, text, len) == TM_EINVAL)
		luaL_error(L, "not valid UTF-8");
	bind_push_buf(L, out);
	buf_free(out);
}

/* lower(text) -> text */
static int text_lower(lua_State *L)
{
	return changed(L, utf8_lower);
}

/* fold(text) -> text as it is compared when case shall not count */
static int text_fold(lua_State *L)
{
	return changed(L, utf8_fold);
}

/* normalize(text [, "nfc" or "nfkc"]) -> text in that normal form, C without one */
static int text_normalize(lua_State *L)
{
	static const char *const forms[] = {"nfc", "nfkc", NULL};

	return changed(L,
		luaL_checkoption(L, 2, "nfc", forms) == 0 ? utf8_normalize : utf8_normalize_compat);
}

/* encoding(name) -> the name by which it is known here, or nil */
static int text_encoding(lua_State *L)
{
	lua_pushstring(L, encoding_name(luaL_checkstring(L, 1)));
	return 1;
}

/* detect(bytes) -> name of an encoding, confidence from 0 to 100; or nil */
static int text_detect(lua_State *L)
{
	size_t len;
	const char *bytes = luaL_checklstring(L, 1, &len);
	int confidence;

	lua_pushstring(L, encoding_detect(bytes, len, &confidence));
	lua_pushinteger(L, confidence);
	return 2;
}

/* decode(bytes, name) -> text, or nil when they are not in that encoding */
static int text_decode(lua_State *L)
{
	size_t len;
	const char *bytes = luaL_checklstring(L, 1, &len);
	const char *name = encoding_name(luaL_checkstring(L, 2));
	struct buf *out;
	int rc;

	luaL_argcheck(L, len <= TEXT_MAX, 1, "too long");
	luaL_argcheck(L, name != NULL, 2, "no encoding that is known");
	out = bind_buf(L);
	rc = encoding_read(out, name, bytes, len);
	if (rc == TM_ENOMEM)
		return luaL_error(L, "out of memory");
	if (rc < 0)
		lua_pushnil(L);
	else
		bind_push_buf(L, out);
	buf_free(out);
	return 1;
}

bool bind_push_tidy(lua_State *L, const char *text, size_t len, bool many_lines)
{
	bool ascii = true;
	const char *core = text;
	size_t core_len = len;
	struct buf *out;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c < 0x20 || c == 0x7f) && !many_lines)
			return false;
		ascii = ascii && c < 0x80;
	}
	utf8_trim(&core, &core_len);
	if (many_lines && core_len > 0) {
		core = text;
		core_len = len;
	}
	if (ascii) {
		lua_pushlstring(L, core, core_len);
		return true;
	}
	out = bind_buf(L);
	if (utf8_normalize(out, core, core_len) == TM_EINVAL)
		luaL_argerror(L, 1, "not valid UTF-8");
	bind_push_buf(L, out);
	buf_free(out);
	return true;
}

/* tidy(text, many_lines) -> text, number of code points; or nil when there is a control character
 */
static int text_tidy(lua_State *L)
{
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);

	luaL_argcheck(L, len <= TEXT_MAX, 1, "too long");
	if (!bind_push_tidy(L, text, len, lua_toboolean(L, 2))) {
		lua_pushnil(L);
		return 1;
	}
	text = lua_tolstring(L, -1, &len);
	lua_pushinteger(L, (lua_Integer)utf8_length(text, len));
	return 2;
}

static const luaL_Reg functions[] = {
	{"valid", text_valid},
	{"length", text_length},
	{"lower", text_lower},
	{"fold", text_fold},
	{"normalize", text_normalize},
	{"encoding", text_encoding},
	{"detect", text_detect},
	{"decode", text_decode},
	{"tidy", text_tidy},
	{NULL, NULL},
};

int bind_text(lua_State *L)
{
	luaL_newlib(L, functions);
	return 1;
}
