/* JSON in: what the reader takes, Lua holds, and the writer gives back is the same value; what it
 * takes stays within its bounds. */
#include "fuzz.h"

#include "script/bind.h"
#include "text/json_in.h"

#include <lauxlib.h>
#include <string.h>

static lua_State *L;

void fuzz_start(void)
{
	L = luaL_newstate();
	must(L != NULL);
	luaL_requiref(L, "json", bind_json, 0);
	lua_getfield(L, 1, "decode");
	lua_getfield(L, 1, "encode");
	lua_remove(L, 1);
}

/* As json_equal, but 3.0 equals 3: the writer keeps the value, not the way it was written. */
static int same(json_t *a, json_t *b)
{
	const char *key;
	json_t *value;
	size_t i;

	if (json_is_number(a) && json_is_number(b) && json_typeof(a) != json_typeof(b))
		return json_number_value(a) == json_number_value(b);
	if (json_typeof(a) != json_typeof(b))
		return 0;
	if (json_is_array(a)) {
		if (json_array_size(a) != json_array_size(b))
			return 0;
		json_array_foreach(a, i, value) if (!same(value, json_array_get(b, i))) return 0;
		return 1;
	}
	if (!json_is_object(a))
		return json_equal(a, b);
	if (json_object_size(a) != json_object_size(b))
		return 0;
	json_object_foreach(a, key, value) if (json_object_get(b, key) == NULL ||
					       !same(value, json_object_get(b, key))) return 0;
	return 1;
}

static size_t nodes(json_t *value, unsigned level, unsigned *deepest)
{
	const char *key;
	size_t count = 1, i;
	json_t *part;

	if (json_is_array(value) || json_is_object(value))
		level++;
	if (level > *deepest)
		*deepest = level;
	json_array_foreach(value, i, part) count += nodes(part, level, deepest);
	json_object_foreach(value, key, part) count += nodes(part, level, deepest);
	return count;
}

static void check_value(json_t *value);

static void check_table(json_t *value)
{
	size_t count = 0, i;
	const char *key;
	json_t *part;

	must(lua_istable(L, -1));
	must(json_is_array(value) == (lua_getmetatable(L, -1) != 0));
	if (json_is_array(value))
		lua_pop(L, 1);
	json_array_foreach(value, i, part)
	{
		lua_rawgeti(L, -1, (lua_Integer)i + 1);
		check_value(part);
		lua_pop(L, 1);
	}
	json_object_foreach(value, key, part)
	{
		lua_getfield(L, -1, key);
		check_value(part);
		lua_pop(L, 1);
	}
	for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1))
		count++;
	must(count == (json_is_array(value) ? json_array_size(value) : json_object_size(value)));
}

/* What is at the top is the value, of just its kind. */
static void check_value(json_t *value)
{
	must(lua_checkstack(L, 8));
	switch (json_typeof(value)) {
	case JSON_OBJECT:
	case JSON_ARRAY:
		check_table(value);
		break;
	case JSON_STRING:
		must(lua_type(L, -1) == LUA_TSTRING);
		must(lua_rawlen(L, -1) == json_string_length(value) &&
			memcmp(lua_tostring(L, -1), json_string_value(value),
				json_string_length(value)) == 0);
		break;
	case JSON_INTEGER:
		must(lua_isinteger(L, -1) && lua_tointeger(L, -1) == json_integer_value(value));
		break;
	case JSON_REAL:
		must(!lua_isinteger(L, -1) && lua_tonumber(L, -1) == json_real_value(value));
		break;
	case JSON_NULL:
		must(lua_islightuserdata(L, -1) && lua_touserdata(L, -1) == NULL);
		break;
	default:
		must(lua_isboolean(L, -1) && lua_toboolean(L, -1) == json_is_true(value));
	}
}

/* Leaves what decode returns first at the top: nil, or a value. */
static void decode(const char *text, size_t len)
{
	lua_settop(L, 2);
	lua_pushvalue(L, 1);
	lua_pushlstring(L, text, len);
	must(lua_pcall(L, 1, 1, 0) == LUA_OK);
}

/* Through Lua and back: leaves the text at the top. */
static const char *through_lua(const char *text, size_t len, size_t *out_len)
{
	decode(text, len);
	must(!lua_isnil(L, -1));
	lua_pushvalue(L, 2);
	lua_insert(L, -2);
	must(lua_pcall(L, 1, 1, 0) == LUA_OK);
	return lua_tolstring(L, -1, out_len);
}

void fuzz_one(const uint8_t *data, size_t size)
{
	struct json_fault fault;
	json_t *value = json_in_parse((const char *)data, size, &fault), *again;
	unsigned deepest = 0;
	const char *text;
	char *kept;
	size_t len, kept_len;

	if (value == NULL) {
		must(fault.line > 0 && fault.column > 0);
		must(strlen(fault.message) < sizeof fault.message && fault.code[0] != '\0');
		decode((const char *)data, size);
		must(lua_isnil(L, -1));
		return;
	}
	must(nodes(value, 0, &deepest) <= JSON_IN_NODES && deepest <= JSON_IN_LEVELS);
	decode((const char *)data, size);
	check_value(value);
	text = through_lua((const char *)data, size, &len);
	again = json_in_parse(text, len, &fault);
	must(again != NULL && same(value, again));
	json_decref(value);
	json_decref(again);
	/* Canonical: once more changes no byte. */
	kept = malloc(len);
	must(kept != NULL);
	memcpy(kept, text, len);
	text = through_lua(kept, len, &kept_len);
	must(kept_len == len && memcmp(text, kept, len) == 0);
	free(kept);
}
