#include "script/field.h"

#include "script/bind.h"
#include "text/date.h"
#include "text/opaque_id.h"
#include "text/utf8.h"

#include <ctype.h>
#include <lauxlib.h>
#include <string.h>

/* What every reader of JSON keeps exactly (RFC 8259 section 6). */
static const int64_t max_safe = INT64_C(9007199254740991);

static enum field_verdict bad(struct field_fault *fault, const char *code)
{
	fault->code = code;
	return FIELD_BAD;
}

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

static enum field_verdict check_text(
	lua_State *L, const struct field *field, int index, struct field_fault *fault)
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
		return FIELD_EMPTY;
	if (field->lower) {
		bind_push_lower(L, text, len);
		text = lua_tolstring(L, -1, &len);
	}
	if (field->kind == FIELD_EMAIL && !is_email(text, len))
		return bad(fault, "field.email");
	if (field->kind == FIELD_PHONE && !is_phone(text, len))
		return bad(fault, "field.phone");
	if (field->kind == FIELD_URL && !is_url(text, len))
		return bad(fault, "field.url");
	lua_pushvalue(L, -1);
	return FIELD_GOOD;
}

static enum field_verdict check_integer(
	lua_State *L, const struct field *field, int index, struct field_fault *fault)
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
	return FIELD_GOOD;
}

static enum field_verdict check_boolean(lua_State *L, int index, struct field_fault *fault)
{
	if (lua_type(L, index) != LUA_TBOOLEAN)
		return bad(fault, "field.boolean");
	lua_pushinteger(L, lua_toboolean(L, index));
	lua_pushvalue(L, index);
	return FIELD_GOOD;
}

/* `set`: where the table of possible values is. */
static enum field_verdict check_choice(lua_State *L, int index, int set, struct field_fault *fault)
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
	return FIELD_GOOD;
}

static enum field_verdict check_date(lua_State *L, int index, struct field_fault *fault)
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
	return FIELD_GOOD;
}

static enum field_verdict check_instant(lua_State *L, int index, struct field_fault *fault)
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
	return FIELD_GOOD;
}

/* A sealed id, or a record: a table that has one. An id has one sealed form only. */
static enum field_verdict check_reference(lua_State *L, int index, struct field_fault *fault)
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
	return FIELD_GOOD;
}

enum field_verdict field_check(
	lua_State *L, const struct field *field, int index, int set, struct field_fault *fault)
{
	switch (field->kind) {
	case FIELD_TEXT:
	case FIELD_EMAIL:
	case FIELD_PHONE:
	case FIELD_URL:
		return check_text(L, field, index, fault);
	case FIELD_INTEGER:
		return check_integer(L, field, index, fault);
	case FIELD_BOOLEAN:
		return check_boolean(L, index, fault);
	case FIELD_CHOICE:
		return check_choice(L, index, set, fault);
	case FIELD_DATE:
		return check_date(L, index, fault);
	case FIELD_INSTANT:
		return check_instant(L, index, fault);
	case FIELD_REFERENCE:
		return check_reference(L, index, fault);
	default:
		return bad(fault, "field.other");
	}
}

/* Reading what was declared */

static enum field_kind kind_of(const char *type)
{
	static const struct {
		const char *type;
		enum field_kind kind;
	} kinds[] = {
		{"text", FIELD_TEXT},
		{"long_text", FIELD_TEXT},
		{"email", FIELD_EMAIL},
		{"phone", FIELD_PHONE},
		{"url", FIELD_URL},
		{"integer", FIELD_INTEGER},
		{"boolean", FIELD_BOOLEAN},
		{"choice", FIELD_CHOICE},
		{"state", FIELD_CHOICE},
		{"date", FIELD_DATE},
		{"timestamp", FIELD_INSTANT},
		{"reference", FIELD_REFERENCE},
		{"id", FIELD_REFERENCE},
	};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].type, type) == 0)
			return kinds[i].kind;
	return FIELD_OTHER;
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

void field_read(lua_State *L, struct field *field)
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
	is_text = field->kind >= FIELD_TEXT && field->kind <= FIELD_URL;
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
