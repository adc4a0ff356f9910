/* core.language: what "en" and "zh" have a say in, and pinyin. Texts of strangers are bounded: see
 * text/language.h. */
#include "script/bind.h"

#include "base/err.h"
#include "text/decimal.h"
#include "text/language.h"
#include "text/pinyin.h"

#include <lauxlib.h>
#include <string.h>

static const char language_type[] = "core.language";

static int language_gc(lua_State *L)
{
	struct language **language = lua_touserdata(L, 1);

	language_free(*language);
	*language = NULL;
	return 0;
}

/* The language named at 2, which the state keeps in the table that is the upvalue. */
static struct language *language_at(lua_State *L)
{
	const char *name = luaL_checkstring(L, 2);
	struct language **language;
	int rc;

	lua_settop(L, 5);
	if (lua_getfield(L, lua_upvalueindex(1), name) == LUA_TNIL) {
		language = lua_newuserdatauv(L, sizeof *language, 0);
		*language = NULL;
		luaL_setmetatable(L, language_type);
		rc = language_new(language, name);
		if (rc < 0)
			luaL_argerror(L, 2, rc == TM_ENOENT ? "\"en\" or \"zh\"" : "out of memory");
		lua_pushvalue(L, -1);
		lua_setfield(L, lua_upvalueindex(1), name);
	}
	language = lua_touserdata(L, -1);
	lua_settop(L, 5);
	return *language;
}

/* Raises what went wrong with the text at `arg`, which may have `most` bytes. */
static void check(lua_State *L, int rc, int arg, size_t most)
{
	if (rc == TM_ENOMEM)
		luaL_error(L, "out of memory");
	if (rc < 0)
		luaL_argerror(L, arg,
			lua_pushfstring(L, "not valid UTF-8, or more than %d bytes", (int)most));
}

static int push_out(lua_State *L, struct buf *out)
{
	bind_push_buf(L, out);
	buf_free(out);
	return 1;
}

/* sort_key(text, language) -> bytes whose order is that of the texts */
static int sort_key(lua_State *L)
{
	struct language *language = language_at(L);
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	struct buf *out = bind_buf(L);

	check(L, language_sort_key(language, out, text, len), 1, LANGUAGE_TEXT_MAX);
	return push_out(L, out);
}

/* Appends the word and a NUL, which no text holds: Lua may raise, and not in here. */
static void add_word(void *data, const char *text, size_t len)
{
	buf_append(data, text, len);
	buf_putc(data, '\0');
}

/* words(text, language) -> { word … } */
static int words(lua_State *L)
{
	struct language *language = language_at(L);
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	struct buf *out = bind_buf(L);
	lua_Integer count = 0;

	check(L, language_words(language, text, len, add_word, out), 1, LANGUAGE_TEXT_MAX);
	if (out->failed)
		return luaL_error(L, "out of memory");
	lua_newtable(L);
	for (size_t at = 0; at < out->len;) {
		const char *word = lua_pushstring(L, out->data + at);

		at += strlen(word) + 1;
		lua_rawseti(L, -2, ++count);
	}
	buf_free(out);
	return 1;
}

/* pinyin(text) -> text in small Latin letters, as far as there are any for it */
static int pinyin(lua_State *L)
{
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	struct buf *out = bind_buf(L);

	check(L, pinyin_append(out, text, len), 1, PINYIN_TEXT_MAX);
	return push_out(L, out);
}

/* number(digits, language [, currency]) -> text. `digits` is an integer or a text such as "12.50";
 * the digits behind the point stay. */
static int number(lua_State *L)
{
	struct language *language = language_at(L);
	size_t len, currency_len = 0;
	const char *digits, *currency;
	int64_t units;
	struct buf *out;

	if (lua_type(L, 1) == LUA_TNUMBER && !lua_isinteger(L, 1))
		return luaL_argerror(L, 1, "a whole number or the text of a decimal");
	digits = luaL_checklstring(L, 1, &len);
	currency = luaL_optlstring(L, 3, NULL, &currency_len);
	luaL_argcheck(L, decimal_parse(&units, digits, len, DECIMAL_SCALE_MAX) != DECIMAL_SYNTAX, 1,
		"no decimal number");
	luaL_argcheck(L,
		currency == NULL ||
			(currency_len == 3 && strspn(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3),
		3, "three capital letters");
	out = bind_buf(L);
	luaL_argcheck(L, language_number(language, out, digits, currency) == 0, 1, "too long");
	return push_out(L, out);
}

static enum language_style style_at(lua_State *L, int arg)
{
	static const char *const styles[] = {
		[LANGUAGE_SHORT] = "short",
		[LANGUAGE_MEDIUM] = "medium",
		[LANGUAGE_LONG] = "long",
		NULL,
	};

	return (enum language_style)luaL_checkoption(L, arg, "medium", styles);
}

/* day("2026-11-24", language [, "short", "medium" or "long"]) -> text */
static int day(lua_State *L)
{
	struct language *language = language_at(L);
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	enum language_style style = style_at(L, 3);
	struct buf *out;
	struct date date;

	luaL_argcheck(L, date_parse_day(&date, text, len), 1, "no day like 2026-11-24");
	out = bind_buf(L);
	check(L, language_day(language, out, date, style), 1, len);
	return push_out(L, out);
}

/* instant(ms, language, zone [, style]) -> text */
static int instant(lua_State *L)
{
	struct language *language = language_at(L);
	lua_Integer ms = luaL_checkinteger(L, 1);
	const char *zone = luaL_checkstring(L, 3);
	enum language_style style = style_at(L, 4);
	struct buf *out = bind_buf(L);
	int rc = language_instant(language, out, ms, zone, style);

	luaL_argcheck(L, rc != TM_ENOENT, 3, "there is no such time zone");
	luaL_argcheck(L, rc != TM_EINVAL, 1, "outside the years 0001 to 9999");
	check(L, rc, 1, 0);
	return push_out(L, out);
}

int bind_language(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"sort_key", sort_key},
		{"words", words},
		{"pinyin", pinyin},
		{"number", number},
		{"day", day},
		{"instant", instant},
		{NULL, NULL},
	};

	luaL_newmetatable(L, language_type);
	lua_pushcfunction(L, language_gc);
	lua_setfield(L, -2, "__gc");
	lua_pop(L, 1);
	luaL_newlibtable(L, functions);
	lua_newtable(L);
	luaL_setfuncs(L, functions, 1);
	return 1;
}
