#include "script/json_plain.h"

#include "text/utf8.h"

#include <lauxlib.h>
#include <stdint.h>
#include <string.h>

/* The members of an object lie on the Lua stack until all of them are known. */
enum { TEXT_MAX = 64 * 1024, LEVELS_MAX = 8, VALUES_MAX = 64, DIGITS_MAX = 18, SPARE = 8 };

struct plain {
	const char *at;
	const char *end;
	const char *array_type;
	unsigned level;
};

static bool push_value(lua_State *L, struct plain *plain);

static void skip_blank(struct plain *plain)
{
	while (plain->at < plain->end && (*plain->at == ' ' || *plain->at == '\n' ||
						 *plain->at == '\t' || *plain->at == '\r'))
		plain->at++;
}

/* Moves past `c`, and blanks before it. */
static bool take(struct plain *plain, char c)
{
	skip_blank(plain);
	if (plain->at == plain->end || *plain->at != c)
		return false;
	plain->at++;
	return true;
}

static bool push_string(lua_State *L, struct plain *plain)
{
	const char *from = plain->at;
	bool ascii = true;

	for (; plain->at < plain->end; plain->at++) {
		unsigned char c = (unsigned char)*plain->at;
		size_t len = (size_t)(plain->at - from);

		if (c == '"' && !ascii && !utf8_valid(from, len))
			return false;
		if (c == '"') {
			plain->at++;
			lua_pushlstring(L, from, len);
			return true;
		}
		if (c == '\\' || c < 0x20)
			return false;
		ascii = ascii && c < 0x80;
	}
	return false;
}

static bool is_digit(const struct plain *plain)
{
	return plain->at < plain->end && *plain->at >= '0' && *plain->at <= '9';
}

static bool push_integer(lua_State *L, struct plain *plain)
{
	bool negative = *plain->at == '-';
	const char *from = plain->at += negative;
	int64_t number = 0;

	for (; is_digit(plain); plain->at++) {
		if (plain->at - from == DIGITS_MAX)
			return false;
		number = number * 10 + (*plain->at - '0');
	}
	if (plain->at == from || (*from == '0' && (negative || plain->at - from > 1)))
		return false;
	if (plain->at < plain->end && strchr(".eE", *plain->at) != NULL)
		return false;
	lua_pushinteger(L, negative ? -number : number);
	return true;
}

static bool take_word(struct plain *plain, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(plain->end - plain->at) < len || memcmp(plain->at, word, len) != 0)
		return false;
	plain->at += len;
	return true;
}

static bool push_word(lua_State *L, struct plain *plain)
{
	if (take_word(plain, "null"))
		lua_pushlightuserdata(L, NULL);
	else if (take_word(plain, "true"))
		lua_pushboolean(L, 1);
	else if (take_word(plain, "false"))
		lua_pushboolean(L, 0);
	else
		return false;
	return true;
}

/* Makes the list of the values from `first` on. */
static void make_array(lua_State *L, const struct plain *plain, int first)
{
	int count = lua_gettop(L) - first + 1;

	lua_createtable(L, count, 0);
	lua_insert(L, first);
	for (int i = count; i > 0; i--)
		lua_rawseti(L, first, i);
	luaL_setmetatable(L, plain->array_type);
}

static bool push_array(lua_State *L, struct plain *plain)
{
	int first = lua_gettop(L) + 1;

	if (!take(plain, ']')) {
		do {
			if (lua_gettop(L) - first == VALUES_MAX || !push_value(L, plain))
				return false;
		} while (take(plain, ','));
		if (!take(plain, ']'))
			return false;
	}
	make_array(L, plain, first);
	return true;
}

/* Makes the object of the keys and values from `first` on; false when a key is there twice. */
static bool make_object(lua_State *L, int first)
{
	int last = lua_gettop(L), object = last + 1;

	lua_createtable(L, 0, (last - first + 1) / 2);
	for (int key = first; key < last; key += 2) {
		lua_pushvalue(L, key);
		if (lua_rawget(L, object) != LUA_TNIL)
			return false;
		lua_pop(L, 1);
		lua_pushvalue(L, key);
		lua_pushvalue(L, key + 1);
		lua_rawset(L, object);
	}
	if (first < object)
		lua_replace(L, first);
	lua_settop(L, first);
	return true;
}

static bool push_object(lua_State *L, struct plain *plain)
{
	int first = lua_gettop(L) + 1;

	if (!take(plain, '}')) {
		do {
			if (lua_gettop(L) - first >= 2 * VALUES_MAX || !take(plain, '"') ||
				!push_string(L, plain) || !take(plain, ':') ||
				!push_value(L, plain))
				return false;
		} while (take(plain, ','));
		if (!take(plain, '}'))
			return false;
	}
	return make_object(L, first);
}

static bool push_value(lua_State *L, struct plain *plain)
{
	bool pushed;

	skip_blank(plain);
	if (plain->at == plain->end || plain->level == LEVELS_MAX)
		return false;
	luaL_checkstack(L, SPARE, "JSON is nested too deep");
	plain->level++;
	if (take(plain, '{'))
		pushed = push_object(L, plain);
	else if (take(plain, '['))
		pushed = push_array(L, plain);
	else if (take(plain, '"'))
		pushed = push_string(L, plain);
	else if (*plain->at == '-' || is_digit(plain))
		pushed = push_integer(L, plain);
	else
		pushed = push_word(L, plain);
	plain->level--;
	return pushed;
}

bool json_plain_push(lua_State *L, const char *text, size_t len, const char *array_type)
{
	struct plain plain = {.at = text, .end = text + len, .array_type = array_type};
	int top = lua_gettop(L);

	if (len <= TEXT_MAX && push_value(L, &plain)) {
		skip_blank(&plain);
		if (plain.at == plain.end)
			return true;
	}
	lua_settop(L, top);
	return false;
}
