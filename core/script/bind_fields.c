/* core.fields: how a value that was given for a field is checked, and what it becomes.
 *
 *	local one = fields.reader(field)      -- a field of scripts/entities/registry.lua
 *	local inner, fault, number = one:read(value)
 *
 *	local plan = fields.plan(entity.fields)
 *	local columns, values, rest, references = plan:take(input, known, system, may_set_state,
 *room)
 *
 * A value that is good becomes the value of the field's column and what a record holds; one that is
 * as good as empty becomes null. A plan takes what is plainly good of a whole input and leaves the
 * rest by name to its caller, which asks a reader, or the field's own type, what is wrong. */
#include "script/bind.h"

#include "text/date.h"
#include "text/opaque_id.h"
#include "text/utf8.h"

#include <ctype.h>
#include <lauxlib.h>
#include <string.h>

enum kind { OTHER, TEXT, EMAIL, PHONE, URL, INTEGER, BOOLEAN, CHOICE, DATE, INSTANT, REFERENCE };

enum verdict { GOOD, EMPTY, BAD };

/* What every reader of JSON keeps exactly (RFC 8259 section 6). */
static const int64_t max_safe = INT64_C(9007199254740991);

static const char reader_type[] = "core.fields.reader";
static const char plan_type[] = "core.fields.plan";

struct field {
	enum kind kind;
	bool lower, many_lines;
	bool of_system, is_state; /* set by the system only; by moves and imports only */
	int64_t min, max;
	bool secret;
	int column; /* the first, from 1; 0: not known */
	int width;  /* how many columns */
};

enum { FIELDS_MAX = 1024 };

struct plan {
	unsigned count;
	int columns;
	struct field fields[];
};

/* What was found wrong: a text's code, and a number that goes with it. */
struct fault {
	const char *code;
	int64_t number;
};

static enum verdict bad(struct fault *fault, const char *code)
{
	fault->code = code;
	return BAD;
}

/* Checking. On GOOD two values are pushed: the column's and the record's. */

/* One @, something before it, and after it a dot that something stands on both sides of. */
static bool is_email(const char *text, size_t len)
{
	const char *at = memchr(text, '@', len);
	bool dot = false;

	if (at == NULL || at == text)
		return false;
	for (size_t i = 0; i < len; i++)
		if (isspace((unsigned char)text[i]) || (text[i] == '@' && text + i != at))
			return false;
	for (const char *c = at + 2; c < text + len - 1; c++)
		dot = dot || *c == '.';
	return dot;
}

static bool is_phone(const char *text, size_t len)
{
	bool digits = false;
	size_t i = len > 0 && text[0] == '+';

	for (; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		digits = digits || isdigit(c);
		if (!isdigit(c) && !isspace(c) && (c == '\0' || strchr("-().", c) == NULL))
			return false;
	}
	return digits;
}

static bool is_url(const char *text, size_t len)
{
	size_t head = len > 4 && text[4] == 's' ? 8 : 7;

	if (len <= head || memcmp(text, head == 8 ? "https://" : "http://", head) != 0)
		return false;
	for (size_t i = head; i < len; i++)
		if (isspace((unsigned char)text[i]))
			return false;
	return true;
}

static enum verdict check_text(
	lua_State *L, const struct field *field, int index, struct fault *fault)
{
	size_t len;
	const char *text;

	if (lua_type(L, index) != LUA_TSTRING)
		return bad(fault, "field.text");
	text = lua_tolstring(L, index, &len);
	if (!bind_push_tidy(L, text, len, field->many_lines))
		return bad(fault, "field.line");
	text = lua_tolstring(L, -1, &len);
	fault->number = (int64_t)utf8_length(text, len);
	if (fault->number > field->max)
		return bad(fault, "field.too_long");
	if (len == 0)
		return EMPTY;
	if (field->lower) {
		bind_push_lower(L, text, len);
		text = lua_tolstring(L, -1, &len);
	}
	if (field->kind == EMAIL && !is_email(text, len))
		return bad(fault, "field.email");
	if (field->kind == PHONE && !is_phone(text, len))
		return bad(fault, "field.phone");
	if (field->kind == URL && !is_url(text, len))
		return bad(fault, "field.url");
	lua_pushvalue(L, -1);
	return GOOD;
}

static enum verdict check_integer(
	lua_State *L, const struct field *field, int index, struct fault *fault)
{
	int whole = 0;
	lua_Integer value = 0;

	if (lua_type(L, index) == LUA_TNUMBER)
		value = lua_tointegerx(L, index, &whole);
	if (!whole || value > max_safe || value < -max_safe)
		return bad(fault, "field.integer");
	if (value < field->min)
		return bad(fault, "field.min");
	if (value > field->max)
		return bad(fault, "field.max");
	lua_pushinteger(L, value);
	lua_pushvalue(L, -1);
	return GOOD;
}

static enum verdict check_boolean(lua_State *L, int index, struct fault *fault)
{
	if (lua_type(L, index) != LUA_TBOOLEAN)
		return bad(fault, "field.boolean");
	lua_pushinteger(L, lua_toboolean(L, index));
	lua_pushvalue(L, index);
	return GOOD;
}

/* `set`: where the table of possible values is. */
static enum verdict check_choice(lua_State *L, int index, int set, struct fault *fault)
{
	bool known = false;

	if (lua_type(L, index) == LUA_TSTRING && lua_istable(L, set)) {
		lua_pushvalue(L, index);
		known = lua_rawget(L, set) != LUA_TNIL;
	}
	if (!known)
		return bad(fault, "field.choice");
	lua_pushvalue(L, index);
	lua_pushvalue(L, index);
	return GOOD;
}

static enum verdict check_date(lua_State *L, int index, struct fault *fault)
{
	struct date date;
	size_t len = 0;
	const char *text = NULL;

	if (lua_type(L, index) == LUA_TSTRING)
		text = lua_tolstring(L, index, &len);
	if (text == NULL || !date_parse_day(&date, text, len))
		return bad(fault, "field.date");
	lua_pushvalue(L, index);
	lua_pushvalue(L, index);
	return GOOD;
}

static enum verdict check_instant(lua_State *L, int index, struct fault *fault)
{
	char shown[DATE_INSTANT_LEN];
	size_t len = 0;
	const char *text = NULL;
	int64_t ms;

	if (lua_type(L, index) == LUA_TSTRING)
		text = lua_tolstring(L, index, &len);
	if (text == NULL || !date_parse_instant(&ms, text, len) || !date_format_instant(shown, ms))
		return bad(fault, "field.timestamp");
	lua_pushinteger(L, ms);
	lua_pushlstring(L, shown, sizeof shown);
	return GOOD;
}

/* A sealed id, or a record: a table that has one. An id has one sealed form only. */
static enum verdict check_reference(lua_State *L, int index, struct fault *fault)
{
	const unsigned char *key = bind_id_key(L);
	size_t len;
	const char *text;
	uint64_t inner;

	if (lua_istable(L, index))
		lua_getfield(L, index, "id");
	else
		lua_pushvalue(L, index);
	text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
	if (text == NULL || key == NULL || opaque_id_open(&inner, text, len, key) < 0 ||
		inner > INT64_MAX)
		return bad(fault, "field.reference");
	lua_pushinteger(L, (lua_Integer)inner);
	lua_pushvalue(L, -2);
	return GOOD;
}

static enum verdict check(
	lua_State *L, const struct field *field, int index, int set, struct fault *fault)
{
	switch (field->kind) {
	case TEXT:
	case EMAIL:
	case PHONE:
	case URL:
		return check_text(L, field, index, fault);
	case INTEGER:
		return check_integer(L, field, index, fault);
	case BOOLEAN:
		return check_boolean(L, index, fault);
	case CHOICE:
		return check_choice(L, index, set, fault);
	case DATE:
		return check_date(L, index, fault);
	case INSTANT:
		return check_instant(L, index, fault);
	case REFERENCE:
		return check_reference(L, index, fault);
	default:
		return bad(fault, "field.other");
	}
}

/* reader:read(value) -> the column's value; or nil, and where it is not as good as empty a code and
 * a number */
static int reader_read(lua_State *L)
{
	const struct field *field = luaL_checkudata(L, 1, reader_type);
	struct fault fault = {0};
	enum verdict verdict;

	lua_settop(L, 2);
	lua_getiuservalue(L, 1, 1);
	verdict = check(L, field, 2, 3, &fault);
	if (verdict == GOOD) {
		lua_pop(L, 1);
		return 1;
	}
	lua_pushnil(L);
	if (verdict == EMPTY)
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
	struct fault fault;
	enum verdict verdict;

	if (is_null(L, index)) {
		verdict = EMPTY;
	} else {
		lua_rawgeti(L, sets, field->kind == CHOICE ? field->column : 0);
		verdict = check(L, field, index, top + 1, &fault);
	}
	if (verdict == BAD) {
		lua_settop(L, top);
		return false;
	}
	lua_pushvalue(L, key);
	if (verdict == EMPTY) {
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
	if (field->kind == OTHER || (field->of_system && !lua_toboolean(L, SYSTEM)) ||
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
		else if (field->kind == REFERENCE && !is_null(L, key + 1))
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

static enum kind kind_of(const char *type)
{
	static const struct {
		const char *type;
		enum kind kind;
	} kinds[] = {
		{"text", TEXT},
		{"long_text", TEXT},
		{"email", EMAIL},
		{"phone", PHONE},
		{"url", URL},
		{"integer", INTEGER},
		{"boolean", BOOLEAN},
		{"choice", CHOICE},
		{"state", CHOICE},
		{"date", DATE},
		{"timestamp", INSTANT},
		{"reference", REFERENCE},
		{"id", REFERENCE},
	};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].type, type) == 0)
			return kinds[i].kind;
	return OTHER;
}

static bool flag_field(lua_State *L, int table, const char *name)
{
	bool set;

	lua_getfield(L, table, name);
	set = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return set;
}

/* The integer of that name in the declared field, else in its kind, else `otherwise`. */
static int64_t integer_field(lua_State *L, int table, const char *name, int64_t otherwise)
{
	int64_t number = otherwise;

	if (lua_getfield(L, table, name) == LUA_TNIL &&
		lua_getfield(L, table, "kind") == LUA_TTABLE)
		lua_getfield(L, -1, name);
	if (lua_isinteger(L, -1))
		number = lua_tointeger(L, -1);
	lua_settop(L, table);
	return number;
}

/* Reads the declared field at the top. */
static void read_field(lua_State *L, struct field *field)
{
	int table = lua_gettop(L);
	bool is_text;

	luaL_checktype(L, table, LUA_TTABLE);
	lua_getfield(L, table, "type");
	field->kind = kind_of(luaL_checkstring(L, -1));
	field->is_state = strcmp(lua_tostring(L, -1), "state") == 0;
	field->many_lines = strcmp(lua_tostring(L, -1), "long_text") == 0;
	lua_getfield(L, table, "write");
	field->of_system = !lua_isnil(L, -1);
	lua_settop(L, table);
	is_text = field->kind >= TEXT && field->kind <= URL;
	field->lower = is_text && flag_field(L, table, "lower");
	field->min = integer_field(L, table, "min", INT64_MIN);
	field->max = integer_field(L, table, "max", INT64_MAX);
	field->secret = lua_getfield(L, table, "kind") == LUA_TTABLE &&
			flag_field(L, lua_gettop(L), "secret");
	field->column = field->width = 0;
	if (lua_getfield(L, table, "columns") == LUA_TTABLE &&
		lua_rawgeti(L, -1, 1) == LUA_TTABLE) {
		field->width = (int)lua_rawlen(L, -2);
		field->column = (int)integer_field(L, lua_gettop(L), "at", 0);
	}
	lua_settop(L, table);
}

/* reader(field) -> reader */
static int reader_new(lua_State *L)
{
	struct field *field;

	lua_settop(L, 1);
	field = lua_newuserdatauv(L, sizeof *field, 1);
	lua_insert(L, 1);
	read_field(L, field);
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
		read_field(L, field);
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
