/* core.json: between JSON and Lua values.
 *
 * null is `json.null`; an array is a table with the metatable `json.array_mt`, so that an empty one
 * stays an array; an object is a plain table. Written texts are canonical: the same value always
 * gives the same bytes, with the keys of objects in the order of their bytes. */
#include "script/bind.h"
#include "script/json_plain.h"

#include "text/json_in.h"
#include "text/json_out.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

enum {
	STACK_PER_LEVEL = 8,
	SUBSTITUTIONS_MAX = 8,
	KEPT_BYTES = 1024 * 1024,
	TEXT_MAX = 64 * 1024 * 1024,
	FEW_KEYS = 24
};

static const char doc_type[] = "core.json.document";
static const char writer_type[] = "core.json.writer";
static const char raw_type[] = "core.json.raw";
static const char array_type[] = "core.json.array";

/* Decoding: the document lies in a userdata while its values are built, for building may raise. */

static int doc_gc(lua_State *L)
{
	json_t **doc = lua_touserdata(L, 1);

	json_decref(*doc);
	*doc = NULL;
	return 0;
}

static json_t **push_doc(lua_State *L)
{
	json_t **doc = lua_newuserdatauv(L, sizeof *doc, 0);

	*doc = NULL;
	luaL_setmetatable(L, doc_type);
	return doc;
}

static void push_value(lua_State *L, json_t *value);

static void push_array(lua_State *L, json_t *array)
{
	size_t count = json_array_size(array);

	lua_createtable(L, (int)count, 0);
	for (size_t i = 0; i < count; i++) {
		push_value(L, json_array_get(array, i));
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	luaL_setmetatable(L, array_type);
}

static void push_object(lua_State *L, json_t *object)
{
	lua_createtable(L, 0, (int)json_object_size(object));
	for (void *at = json_object_iter(object); at != NULL;
		at = json_object_iter_next(object, at)) {
		lua_pushlstring(L, json_object_iter_key(at), json_object_iter_key_len(at));
		push_value(L, json_object_iter_value(at));
		lua_rawset(L, -3);
	}
}

static void push_value(lua_State *L, json_t *value)
{
	luaL_checkstack(L, STACK_PER_LEVEL, "JSON is nested too deep");
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		push_object(L, value);
		break;
	case JSON_ARRAY:
		push_array(L, value);
		break;
	case JSON_STRING:
		lua_pushlstring(L, json_string_value(value), json_string_length(value));
		break;
	case JSON_INTEGER:
		lua_pushinteger(L, json_integer_value(value));
		break;
	case JSON_REAL:
		lua_pushnumber(L, json_real_value(value));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		lua_pushboolean(L, json_is_true(value));
		break;
	default:
		lua_pushlightuserdata(L, NULL);
	}
}

static int push_fault(lua_State *L, const struct json_fault *fault)
{
	lua_pushnil(L);
	lua_createtable(L, 0, 4);
	lua_pushstring(L, fault->code);
	lua_setfield(L, -2, "code");
	lua_pushstring(L, fault->message);
	lua_setfield(L, -2, "message");
	lua_pushinteger(L, (lua_Integer)fault->line);
	lua_setfield(L, -2, "line");
	lua_pushinteger(L, (lua_Integer)fault->column);
	lua_setfield(L, -2, "column");
	return 2;
}

/* decode(text) -> value, or nil and { code, message, line, column } */
static int json_decode(lua_State *L)
{
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	struct json_fault fault;
	json_t **doc;

	if (json_plain_push(L, text, len, array_type))
		return 1;
	doc = push_doc(L);
	*doc = json_in_parse(text, len, &fault);
	if (*doc == NULL)
		return push_fault(L, &fault);
	push_value(L, *doc);
	json_decref(*doc);
	*doc = NULL;
	return 1;
}

/* Encoding. The keys of the objects that are being written lie in `keys` like on a stack, and the
 * Lua strings themselves on the Lua stack, where they are safe from whatever __tojson does to the
 * table. */

struct key {
	const char *text;
	size_t len;
	int slot;
};

struct writer {
	struct buf out;
	struct buf keys;
};

static int writer_gc(lua_State *L)
{
	struct writer *writer = lua_touserdata(L, 1);

	buf_free(&writer->out);
	buf_free(&writer->keys);
	return 0;
}

/* Where the writer waits in the registry, while it is not in use. */
static const char idle_writer;

/* Pushes the writer that waits, or a new one. None waits until put_writer: when encode runs within
 * encode (by __tojson), or leaves by an error, nobody meets a writer in use. */
static struct writer *take_writer(lua_State *L)
{
	struct writer *writer;

	lua_rawgetp(L, LUA_REGISTRYINDEX, &idle_writer);
	writer = lua_touserdata(L, -1);
	if (writer != NULL) {
		lua_pushnil(L);
		lua_rawsetp(L, LUA_REGISTRYINDEX, &idle_writer);
		return writer;
	}
	lua_pop(L, 1);
	writer = lua_newuserdatauv(L, sizeof *writer, 0);
	*writer = (struct writer){BUF_EMPTY, BUF_EMPTY};
	luaL_setmetatable(L, writer_type);
	return writer;
}

static void put_writer(lua_State *L, struct writer *writer, int slot)
{
	buf_clear(&writer->keys);
	buf_clear(&writer->out);
	if (writer->out.room > KEPT_BYTES)
		buf_free(&writer->out);
	if (writer->keys.room > KEPT_BYTES)
		buf_free(&writer->keys);
	lua_pushvalue(L, slot);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &idle_writer);
}

static void write_value(lua_State *L, struct writer *writer, int index, unsigned level);

static void write_string(lua_State *L, struct writer *writer, int index)
{
	size_t len;
	const char *text = lua_tolstring(L, index, &len);

	if (json_out_string(&writer->out, text, len) < 0)
		luaL_error(L, "JSON cannot hold a text that is not valid UTF-8");
	/* One text may stand in it any number of times. */
	if (writer->out.len > TEXT_MAX)
		luaL_error(L, "too long for JSON: more than 64 MiB");
}

static int compare_keys(const void *left, const void *right)
{
	const struct key *a = left;
	const struct key *b = right;
	int order = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);

	return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

static void sort_keys(struct key *keys, size_t count)
{
	if (count > FEW_KEYS) {
		qsort(keys, count, sizeof *keys, compare_keys);
		return;
	}
	for (size_t i = 1; i < count; i++) {
		struct key key = keys[i];
		size_t at = i;

		for (; at > 0 && compare_keys(&key, &keys[at - 1]) < 0; at--)
			keys[at] = keys[at - 1];
		keys[at] = key;
	}
}

/* Pushes the keys of the table on the Lua stack and appends them, sorted, to writer->keys; returns
 * how many. */
static size_t collect_keys(lua_State *L, struct writer *writer, int table)
{
	size_t start = writer->keys.len;
	size_t count = 0;

	lua_pushnil(L);
	while (lua_next(L, table) != 0) {
		struct key key;

		if (lua_type(L, -2) != LUA_TSTRING)
			luaL_error(L, "JSON cannot hold a table with a key of type %s here",
				luaL_typename(L, -2));
		lua_pop(L, 1);
		luaL_checkstack(L, STACK_PER_LEVEL, "too many keys");
		key.slot = lua_gettop(L);
		key.text = lua_tolstring(L, -1, &key.len);
		buf_append(&writer->keys, &key, sizeof key);
		lua_pushvalue(L, -1);
		count++;
	}
	if (writer->keys.failed)
		luaL_error(L, "out of memory");
	if (count > 1)
		sort_keys((struct key *)(writer->keys.data + start), count);
	return count;
}

static void write_object(lua_State *L, struct writer *writer, int table, unsigned level)
{
	size_t start = writer->keys.len;
	int top = lua_gettop(L);
	size_t count = collect_keys(L, writer, table);

	buf_putc(&writer->out, '{');
	for (size_t i = 0; i < count; i++) {
		struct key key;

		memcpy(&key, writer->keys.data + start + i * sizeof key, sizeof key);
		if (i > 0)
			buf_putc(&writer->out, ',');
		write_string(L, writer, key.slot);
		buf_putc(&writer->out, ':');
		lua_pushvalue(L, key.slot);
		lua_rawget(L, table);
		write_value(L, writer, lua_gettop(L), level);
		lua_pop(L, 1);
	}
	buf_putc(&writer->out, '}');
	writer->keys.len = start;
	lua_settop(L, top);
}

static void write_array(lua_State *L, struct writer *writer, int table, unsigned level)
{
	lua_Integer count = (lua_Integer)lua_rawlen(L, table);

	buf_putc(&writer->out, '[');
	for (lua_Integer i = 1; i <= count; i++) {
		if (i > 1)
			buf_putc(&writer->out, ',');
		if (lua_rawgeti(L, table, i) == LUA_TNIL)
			luaL_error(
				L, "JSON cannot hold an array with a hole at %I", (LUAI_UACINT)i);
		write_value(L, writer, lua_gettop(L), level);
		lua_pop(L, 1);
	}
	buf_putc(&writer->out, ']');
}

/* An array by its first element must be nothing but one: a named field would silently get lost. */
static void check_only_array(lua_State *L, int table)
{
	lua_Unsigned left = lua_rawlen(L, table);

	lua_pushnil(L);
	while (lua_next(L, table) != 0) {
		lua_pop(L, 1);
		if (left-- == 0 || !lua_isinteger(L, -1))
			luaL_error(L, "JSON cannot hold a table with both a list and named fields");
	}
}

static bool has_metatable(lua_State *L, int index, const char *type)
{
	bool same;

	if (!lua_getmetatable(L, index))
		return false;
	luaL_getmetatable(L, type);
	same = lua_rawequal(L, -1, -2);
	lua_pop(L, 2);
	return same;
}

static void write_table(lua_State *L, struct writer *writer, int table, unsigned level)
{
	bool array = has_metatable(L, table, array_type);

	if (level >= JSON_IN_LEVELS)
		luaL_error(L, "JSON cannot be nested deeper than %d levels", JSON_IN_LEVELS);
	if (!array) {
		array = lua_rawgeti(L, table, 1) != LUA_TNIL;
		lua_pop(L, 1);
		if (array)
			check_only_array(L, table);
	}
	if (array)
		write_array(L, writer, table, level + 1);
	else
		write_object(L, writer, table, level + 1);
}

static void write_number(lua_State *L, struct writer *writer, int index)
{
	if (lua_isinteger(L, index))
		json_out_integer(&writer->out, lua_tointeger(L, index));
	else if (json_out_double(&writer->out, lua_tonumber(L, index)) < 0)
		luaL_error(L, "JSON cannot hold a number that is not finite");
}

/* Puts in place of the value at `index` what its metatable says that it is in JSON, as often as
 * that has a say itself. */
static void substitute(lua_State *L, int index)
{
	for (int i = 0; luaL_getmetafield(L, index, "__tojson") != LUA_TNIL; i++) {
		if (i == SUBSTITUTIONS_MAX)
			luaL_error(L, "__tojson leads to no end");
		lua_pushvalue(L, index);
		lua_call(L, 1, 1);
		lua_replace(L, index);
	}
}

static void write_userdata(lua_State *L, struct writer *writer, int index)
{
	size_t len;
	const char *text;

	if (luaL_testudata(L, index, raw_type) == NULL)
		luaL_error(L, "JSON cannot hold a userdata");
	lua_getiuservalue(L, index, 1);
	text = lua_tolstring(L, -1, &len);
	buf_append(&writer->out, text, len);
	lua_pop(L, 1);
}

/* Writes the value at `index`, which is absolute and the caller's to lose: it may be replaced. */
static void write_value(lua_State *L, struct writer *writer, int index, unsigned level)
{
	int type = lua_type(L, index);

	luaL_checkstack(L, STACK_PER_LEVEL, "JSON is nested too deep");
	if (type == LUA_TUSERDATA && bind_decimal_json(L, index, &writer->out))
		return;
	if (type == LUA_TTABLE || type == LUA_TUSERDATA) {
		substitute(L, index);
		type = lua_type(L, index);
	}
	switch (type) {
	case LUA_TTABLE:
		write_table(L, writer, index, level);
		break;
	case LUA_TSTRING:
		write_string(L, writer, index);
		break;
	case LUA_TNUMBER:
		write_number(L, writer, index);
		break;
	case LUA_TBOOLEAN:
		buf_puts(&writer->out, lua_toboolean(L, index) ? "true" : "false");
		break;
	case LUA_TUSERDATA:
		write_userdata(L, writer, index);
		break;
	default:
		if (type != LUA_TLIGHTUSERDATA || lua_touserdata(L, index) != NULL)
			luaL_error(L, "JSON cannot hold a %s", luaL_typename(L, index));
		buf_puts(&writer->out, "null");
	}
}

/* encode(value) -> text */
static int json_encode(lua_State *L)
{
	struct writer *writer;

	luaL_checkany(L, 1);
	lua_settop(L, 1);
	writer = take_writer(L);
	write_value(L, writer, 1, 0);
	bind_push_buf(L, &writer->out);
	put_writer(L, writer, 2);
	return 1;
}

/* The function that `shape` makes. Its upvalues: the names in order, and each as a key is written.
 */
static int write_shape(lua_State *L)
{
	const int names = lua_upvalueindex(1), keys = lua_upvalueindex(2);
	struct writer *writer;
	bool first = true;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	writer = take_writer(L);
	buf_putc(&writer->out, '{');
	for (lua_Integer i = 1; lua_rawgeti(L, names, i) != LUA_TNIL; i++) {
		if (lua_rawget(L, 1) != LUA_TNIL) {
			size_t len;
			const char *key;

			lua_rawgeti(L, keys, i);
			key = lua_tolstring(L, -1, &len);
			buf_append(&writer->out, key + first, len - first); /* no comma */
			lua_pop(L, 1);
			write_value(L, writer, 3, 1);
			first = false;
		}
		lua_settop(L, 2);
	}
	buf_putc(&writer->out, '}');
	bind_push_buf(L, &writer->out);
	put_writer(L, writer, 2);
	return 1;
}

/* shape(names) -> a function (table) -> text: what encode writes of a table that has no other
 * names, without a look at what it has */
static int json_shape(lua_State *L)
{
	enum { GIVEN = 1, WRITER, ORDERED, WRITTEN };
	struct writer *writer;
	const struct key *key;
	lua_Integer count;

	luaL_checktype(L, GIVEN, LUA_TTABLE);
	lua_settop(L, GIVEN);
	writer = take_writer(L);
	count = (lua_Integer)lua_rawlen(L, GIVEN);
	for (lua_Integer i = 1; i <= count; i++) {
		struct key name = {.slot = (int)i};

		lua_rawgeti(L, GIVEN, i);
		name.text = luaL_checklstring(L, -1, &name.len);
		buf_append(&writer->keys, &name, sizeof name);
		lua_pop(L, 1); /* the table keeps it */
	}
	if (writer->keys.failed)
		return luaL_error(L, "out of memory");
	key = (const struct key *)writer->keys.data;
	sort_keys((struct key *)writer->keys.data, (size_t)count);
	lua_createtable(L, (int)count, 0);
	lua_createtable(L, (int)count, 0);
	for (lua_Integer i = 1; i <= count; i++, key++) {
		lua_rawgeti(L, GIVEN, key->slot);
		lua_rawseti(L, ORDERED, i);
		buf_clear(&writer->out);
		buf_putc(&writer->out, ',');
		json_out_string(&writer->out, key->text, key->len);
		buf_putc(&writer->out, ':');
		bind_push_buf(L, &writer->out);
		lua_rawseti(L, WRITTEN, i);
	}
	put_writer(L, writer, WRITER);
	lua_pushcclosure(L, write_shape, 2);
	return 1;
}

/* raw(text) -> a value that encode puts in as it is */
static int json_raw(lua_State *L)
{
	luaL_checkstring(L, 1);
	lua_newuserdatauv(L, 0, 1);
	lua_pushvalue(L, 1);
	lua_setiuservalue(L, -2, 1);
	luaL_setmetatable(L, raw_type);
	return 1;
}

/* array(table) -> the same table, marked as an array */
static int json_mark_array(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	luaL_setmetatable(L, array_type);
	return 1;
}

static void new_type(lua_State *L, const char *name, lua_CFunction gc)
{
	luaL_newmetatable(L, name);
	if (gc != NULL) {
		lua_pushcfunction(L, gc);
		lua_setfield(L, -2, "__gc");
	}
	lua_pop(L, 1);
}

static const luaL_Reg functions[] = {
	{"decode", json_decode},
	{"raw", json_raw},
	{"array", json_mark_array},
	{"encode", json_encode},
	{"shape", json_shape},
	{NULL, NULL},
};

int bind_json(lua_State *L)
{
	new_type(L, doc_type, doc_gc);
	new_type(L, writer_type, writer_gc);
	new_type(L, raw_type, NULL);
	new_type(L, array_type, NULL);

	luaL_newlib(L, functions);
	lua_pushlightuserdata(L, NULL);
	lua_setfield(L, -2, "null");
	luaL_getmetatable(L, array_type);
	lua_setfield(L, -2, "array_mt");
	return 1;
}
