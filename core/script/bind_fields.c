/* core.fields: how a value that was given for a field is checked, and what it becomes.
 *
 *	local one = fields.reader(field)      -- a field of scripts/entities/registry.lua
 *	local inner, fault, number = one:read(value)
 *
 *	local plan = fields.plan(entity.fields)
 *	local columns, values, rest, references = plan:take(input, known, system, moves, room)
 *
 * A value that is good becomes the value of the field's column and what a record holds; one that is
 * as good as empty becomes null. A plan takes what is plainly good of a whole input and leaves the
 * rest by name to its caller, which asks a reader, or the field's own type, what is wrong. */
#include "script/bind.h"
#include "script/field.h"

#include <lauxlib.h>

static const char reader_type[] = "core.fields.reader";
static const char plan_type[] = "core.fields.plan";

enum { FIELDS_MAX = 1024 };

struct plan {
	unsigned count;
	int columns;
	struct field fields[];
};

/* reader:read(value) -> the column's value; or nil, and where it is not as good as empty a code and
 * a number */
static int reader_read(lua_State *L)
{
	const struct field *field = luaL_checkudata(L, 1, reader_type);
	struct field_fault fault = {0};
	enum field_verdict verdict;

	lua_settop(L, 2);
	lua_getiuservalue(L, 1, 1);
	verdict = field_check(L, field, 2, 3, &fault);
	if (verdict == FIELD_GOOD) {
		lua_pop(L, 1);
		return 1;
	}
	lua_pushnil(L);
	if (verdict == FIELD_EMPTY)
		return 1;
	lua_pushstring(L, fault.code);
	lua_pushinteger(L, fault.number);
	return 3;
}

static bool is_null(lua_State *L, int index)
{
	return lua_islightuserdata(L, index) && lua_touserdata(L, index) == NULL;
}

/* Takes the value at `index` of the field: its column goes to the table at `columns`, what a record
 * holds to that at `values`, under the key at `key`. False when it is not good. */
static bool take(lua_State *L, const struct field *field, int key, int index, int sets, int columns)
{
	int top = lua_gettop(L), values = columns + 1;
	struct field_fault fault;
	enum field_verdict verdict;

	if (is_null(L, index)) {
		verdict = FIELD_EMPTY;
	} else {
		lua_rawgeti(L, sets, field->kind == FIELD_CHOICE ? field->column : 0);
		verdict = field_check(L, field, index, top + 1, &fault);
	}
	if (verdict == FIELD_BAD) {
		lua_settop(L, top);
		return false;
	}
	lua_pushvalue(L, key);
	if (verdict == FIELD_EMPTY) {
		lua_pushlightuserdata(L, NULL);
	} else {
		lua_rotate(L, -2, 1);
		lua_rawset(L, values);
		lua_rawseti(L, columns, field->column);
		lua_settop(L, top);
		return true;
	}
	lua_rawset(L, values);
	lua_settop(L, top);
	return true;
}

enum {
	PLAN = 1,
	INPUT,
	KNOWN,
	SYSTEM,
	MAY_SET_STATE,
	ROOM,
	NAMES,
	SETS,
	COLUMNS,
	VALUES,
	REST,
	REFS
};

/* Adds the key at `key` to the list at `list`, which is made when first needed. */
static void add_name(lua_State *L, int list, int key)
{
	if (lua_isnil(L, list)) {
		lua_newtable(L);
		lua_replace(L, list);
	}
	lua_pushvalue(L, key);
	lua_rawseti(L, list, (lua_Integer)lua_rawlen(L, list) + 1);
}

/* The field that the key names, if the actor may give it. */
static const struct field *field_named(lua_State *L, const struct plan *plan, int key)
{
	const struct field *field;
	lua_Integer number;

	lua_pushvalue(L, key);
	lua_rawget(L, NAMES);
	number = lua_tointeger(L, -1);
	lua_pop(L, 1);
	if (number == 0)
		return NULL;
	field = &plan->fields[number - 1];
	if (field->kind == FIELD_OTHER || (field->of_system && !lua_toboolean(L, SYSTEM)) ||
		(field->is_state && !lua_toboolean(L, MAY_SET_STATE)))
		return NULL;
	if (lua_istable(L, KNOWN)) {
		bool known;

		lua_pushvalue(L, key);
		known = lua_rawget(L, KNOWN) != LUA_TNIL;
		lua_pop(L, 1);
		if (!known)
			return NULL;
	}
	return field;
}

static int count_entries(lua_State *L, int table)
{
	int count = 0;

	for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1))
		count++;
	return count;
}

/* plan:take(input, known, system, may_set_state, room) -> columns, values, rest, references
 *
 * `known`: a set of names, or true; `room`: how many more values the caller will add. `rest` and
 * `references` are lists of names, or nil: what was not taken, and the references taken, whose
 * records nobody has looked for yet. */
static int plan_take(lua_State *L)
{
	const struct plan *plan = luaL_checkudata(L, PLAN, plan_type);
	int key = REFS + 1;

	luaL_checktype(L, INPUT, LUA_TTABLE);
	lua_settop(L, ROOM);
	lua_getiuservalue(L, PLAN, 1);
	lua_getiuservalue(L, PLAN, 2);
	lua_createtable(L, plan->columns, 0);
	lua_createtable(L, 0, count_entries(L, INPUT) + (int)lua_tointeger(L, ROOM));
	lua_settop(L, REFS);
	for (lua_pushnil(L); lua_next(L, INPUT) != 0; lua_pop(L, 1)) {
		const struct field *field = field_named(L, plan, key);

		if (field == NULL || !take(L, field, key, key + 1, SETS, COLUMNS))
			add_name(L, REST, key);
		else if (field->kind == FIELD_REFERENCE && !is_null(L, key + 1))
			add_name(L, REFS, key);
	}
	return 4;
}

/* What a change would be */

enum { BEFORE = 2, GIVEN_COLUMNS, GIVEN_VALUES, FIELD_NAMES };

/* Pushes the field's name, the value before and the value given; false when these are the same. A
 * secret's value is not known, so it is always another. */
static bool push_values(lua_State *L, const struct field *field, int number)
{
	int name, was, value;

	lua_rawgeti(L, FIELD_NAMES, number);
	name = lua_gettop(L);
	was = name + 1;
	value = name + 2;
	lua_pushvalue(L, name);
	lua_rawget(L, BEFORE);
	lua_pushvalue(L, name);
	if (lua_rawget(L, GIVEN_VALUES) == LUA_TNIL)
		return false;
	if (field->secret)
		return true;
	if (lua_isnil(L, was))
		return !is_null(L, value);
	return !lua_rawequal(L, was, value) && !bind_decimal_same(L, was, value);
}

/* Adds the field whose name and values push_values has left at the top to the list and the two
 * tables that stand at `list` and behind it. Returns how many values the list has by then. */
static int add_difference(lua_State *L, const struct field *field, int list, int count)
{
	int value = lua_gettop(L), was = value - 1, name = value - 2;

	for (int i = 0; i < field->width; i++) {
		if (is_null(L, value))
			lua_pushnil(L);
		else
			lua_rawgeti(L, GIVEN_COLUMNS, field->column + i);
		lua_rawseti(L, list, ++count);
	}
	lua_pushvalue(L, name);
	if (lua_isnil(L, was))
		lua_pushlightuserdata(L, NULL);
	else
		lua_pushvalue(L, was);
	lua_rawset(L, list + 1);
	lua_pushvalue(L, name);
	lua_pushvalue(L, value);
	lua_rawset(L, list + 2);
	return count;
}

/* plan:difference(before, columns, values) -> which, parameters, count, old, new
 *
 * What these columns and values would change in a record; nothing when that is nothing. `which` is
 * the same text for the same fields; `parameters` are the values of their columns, in order, with
 * room for three more. */
static int plan_difference(lua_State *L)
{
	const struct plan *plan = luaL_checkudata(L, PLAN, plan_type);
	char which[FIELDS_MAX / 8] = {0};
	int fields = 0, width = 0, count = 0, list;

	lua_settop(L, GIVEN_VALUES);
	lua_getiuservalue(L, PLAN, 3);
	for (unsigned i = 0; i < plan->count; i++) {
		if (push_values(L, &plan->fields[i], (int)i + 1)) {
			which[i / 8] |= (char)(1 << (i % 8));
			fields++;
			width += plan->fields[i].width;
		}
		lua_settop(L, FIELD_NAMES);
	}
	if (fields == 0)
		return 0;
	lua_pushlstring(L, which, (plan->count + 7) / 8);
	lua_createtable(L, width + 3, 0);
	list = lua_gettop(L);
	lua_createtable(L, 0, fields);
	lua_createtable(L, 0, fields);
	for (unsigned i = 0; i < plan->count; i++) {
		if ((which[i / 8] >> (i % 8) & 1) == 0)
			continue;
		push_values(L, &plan->fields[i], (int)i + 1);
		count = add_difference(L, &plan->fields[i], list, count);
		lua_settop(L, list + 2);
	}
	lua_pushinteger(L, count);
	lua_insert(L, list + 1);
	return 5;
}

/* Making */

/* reader(field) -> reader */
static int reader_new(lua_State *L)
{
	struct field *field;

	lua_settop(L, 1);
	field = lua_newuserdatauv(L, sizeof *field, 1);
	lua_insert(L, 1);
	field_read(L, field);
	lua_getfield(L, 2, "values_by_name");
	lua_setiuservalue(L, 1, 1);
	lua_settop(L, 1);
	luaL_setmetatable(L, reader_type);
	return 1;
}

/* plan(fields) -> plan; each field's columns have their places by now */
static int plan_new(lua_State *L)
{
	enum { FIELDS = 1, USERDATA, NUMBERS_OF, SETS_OF, NAMES_OF };
	struct plan *plan;
	size_t count;

	luaL_checktype(L, FIELDS, LUA_TTABLE);
	lua_settop(L, FIELDS);
	count = lua_rawlen(L, FIELDS);
	luaL_argcheck(L, count <= FIELDS_MAX, FIELDS, "too many fields");
	plan = lua_newuserdatauv(L, sizeof *plan + count * sizeof *plan->fields, 3);
	plan->count = (unsigned)count;
	plan->columns = 0;
	lua_createtable(L, 0, (int)count);
	lua_newtable(L);
	lua_createtable(L, (int)count, 0);
	for (size_t i = 0; i < count; i++) {
		struct field *field = &plan->fields[i];

		lua_rawgeti(L, FIELDS, (lua_Integer)i + 1);
		field_read(L, field);
		luaL_argcheck(L, field->column > 0, FIELDS, "a field has no column");
		if (plan->columns < field->column + field->width - 1)
			plan->columns = field->column + field->width - 1;
		lua_getfield(L, -1, "name");
		lua_pushvalue(L, -1);
		lua_rawseti(L, NAMES_OF, (lua_Integer)i + 1);
		lua_pushinteger(L, (lua_Integer)i + 1);
		lua_rawset(L, NUMBERS_OF);
		lua_getfield(L, -1, "values_by_name");
		lua_rawseti(L, SETS_OF, field->column);
		lua_settop(L, NAMES_OF);
	}
	lua_setiuservalue(L, USERDATA, 3);
	lua_setiuservalue(L, USERDATA, 2);
	lua_setiuservalue(L, USERDATA, 1);
	luaL_setmetatable(L, plan_type);
	return 1;
}

static void new_type(lua_State *L, const char *name, const luaL_Reg *methods)
{
	luaL_newmetatable(L, name);
	lua_newtable(L);
	luaL_setfuncs(L, methods, 0);
	lua_setfield(L, -2, "__index");
	lua_pop(L, 1);
}

int bind_fields(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"reader", reader_new},
		{"plan", plan_new},
		{NULL, NULL},
	};

	static const luaL_Reg of_reader[] = {{"read", reader_read}, {NULL, NULL}};
	static const luaL_Reg of_plan[] = {
		{"take", plan_take},
		{"difference", plan_difference},
		{NULL, NULL},
	};

	new_type(L, reader_type, of_reader);
	new_type(L, plan_type, of_plan);
	luaL_newlib(L, functions);
	return 1;
}
