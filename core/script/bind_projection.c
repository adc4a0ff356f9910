/* core.projection: what of a record's row is shown, and how; see projection.h.
 *
 *	local shape = projection.new { { "amount", "money", 6 }, { "id", "id", 1 }, … }
 *	local rights = shape:rights { { column = 9, values = { 7, 12 }, members = { "id" } }, … }
 *
 * A member is its name, its kind and its column; columns count from 1. Money reads its column and
 * the next, the currency. A grant without `column` lets every row through, one without `members`
 * shows all. `meter` is the number, from 1, of what counts the rows that it shows. */
#include "script/projection.h"

#include "script/bind.h"
#include "text/date.h"
#include "text/decimal.h"
#include "text/json_out.h"
#include "text/opaque_id.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

enum { MEMBERS_MAX = 256, WORDS_MAX = MEMBERS_MAX / 64, KEY_FRAME = 4 };

enum kind { ID, EXPAND, INTEGER, TEXT, BOOLEAN, INSTANT, DECIMAL, MONEY };

static const char *const kind_names[] = {
	"id", "expand", "integer", "text", "boolean", "timestamp", "decimal", "money", NULL};

static const char projection_type[] = "core.projection";
static const char rights_type[] = "core.rights";

struct member {
	const char *key; /* ,"name": */
	size_t key_len;
	enum kind kind;
	int column; /* from 0 */
	unsigned scale;
};

struct projection {
	unsigned count;
	int columns;             /* it looks at */
	struct member members[]; /* by name, as JSON is written everywhere here; then the keys */
};

struct grant {
	int column;            /* from 0; -1: every row */
	const int64_t *values; /* in order */
	size_t value_count;
	bool all; /* members */
	uint64_t members[WORDS_MAX];
	unsigned meter; /* from 1; 0: none */
};

struct rights {
	const struct projection *projection;
	unsigned count, meters;
	struct grant grants[]; /* then the values */
};

const struct projection *projection_at(lua_State *L, int index)
{
	return luaL_checkudata(L, index, projection_type);
}

const struct rights *rights_at(lua_State *L, int index, const struct projection *projection)
{
	const struct rights *rights = luaL_checkudata(L, index, rights_type);

	luaL_argcheck(L, rights->projection == projection, index, "rights of another projection");
	return rights;
}

/* Writing */

static bool holds(const struct grant *grant, int64_t value)
{
	size_t low = 0, high = grant->value_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (grant->values[middle] < value)
			low = middle + 1;
		else
			high = middle;
	}
	return low < grant->value_count && grant->values[low] == value;
}

static bool lets_through(const struct grant *grant, const struct store_row *row)
{
	struct store_value value;

	if (grant->column < 0)
		return true;
	value = store_row_value(row, grant->column);
	return value.type == STORE_INT && holds(grant, value.integer);
}

/* What a grant shows of the members that there are, by words. */
static uint64_t members_of(const struct rights *rights, const struct grant *grant, unsigned word)
{
	unsigned from = word * 64, count = rights->projection->count;

	if (from >= count)
		return 0;
	if (!grant->all)
		return grant->members[word];
	return count - from >= 64 ? UINT64_MAX : (UINT64_C(1) << (count - from)) - 1;
}

/* Adds what a grant shows to `shown`; whether that was more than there was. */
static bool add_shown(const struct rights *rights, const struct grant *grant, uint64_t *shown)
{
	bool adds = false;

	for (unsigned word = 0; word < WORDS_MAX; word++) {
		uint64_t members = members_of(rights, grant, word);

		adds = adds || (members & ~shown[word]) != 0;
		shown[word] |= members;
	}
	return adds;
}

/* Fills `shown`, and the meters that count the row, a bit for each; false when no grant lets the
 * row through. */
static bool find_shown(const struct rights *rights, const struct store_row *row,
	uint64_t shown[static WORDS_MAX], uint32_t *meters)
{
	bool through = false;

	*meters = 0;
	memset(shown, 0, WORDS_MAX * sizeof *shown);
	for (unsigned i = 0; i < rights->count; i++) {
		const struct grant *grant = &rights->grants[i];

		if (!lets_through(grant, row))
			continue;
		if ((add_shown(rights, grant, shown) || !through) && grant->meter != 0)
			*meters |= UINT32_C(1) << (grant->meter - 1);
		through = true;
		if (grant->all)
			break;
	}
	return through;
}

static void count_metered(struct object_writer *writer, uint32_t meters)
{
	for (unsigned i = 0; meters != 0; i++, meters >>= 1)
		writer->metered[i] += meters & 1;
}

unsigned rights_meters(const struct rights *rights)
{
	return rights->meters;
}

static void put_id(struct object_writer *writer, int64_t inner)
{
	char *to = buf_reserve(writer->out, OPAQUE_ID_LEN + 2);

	if (to == NULL)
		return;
	to[0] = '"';
	opaque_id_seal(to + 1, (uint64_t)inner, writer->id_key);
	to[OPAQUE_ID_LEN + 1] = '"';
	writer->out->len += OPAQUE_ID_LEN + 2;
}

static void put_instant(struct object_writer *writer, int64_t ms)
{
	char text[DATE_INSTANT_LEN + 2] = {[0] = '"', [DATE_INSTANT_LEN + 1] = '"'};

	if (!date_format_instant(text + 1, ms))
		writer->broken = true;
	buf_append(writer->out, text, sizeof text);
}

static void put_money(
	struct object_writer *writer, const struct store_row *row, int column, int64_t units)
{
	struct store_value currency = store_row_value(row, column + 1);
	char code[4] = "";

	if (currency.type != STORE_TEXT || currency.bytes.len != 3) {
		writer->broken = true;
		return;
	}
	memcpy(code, currency.bytes.data, 3);
	json_out_money(writer->out, units, decimal_currency_digits(code), code);
}

static void put_integer(struct object_writer *writer, const struct member *member,
	const struct store_row *row, int64_t value)
{
	struct object_place place = {
		writer->out->len, value, member->key + 2, member->key_len - KEY_FRAME};

	switch (member->kind) {
	case EXPAND:
		buf_append(&writer->places, &place, sizeof place);
		put_id(writer, value);
		break;
	case ID:
		put_id(writer, value);
		break;
	case BOOLEAN:
		buf_puts(writer->out, value != 0 ? "true" : "false");
		break;
	case INSTANT:
		put_instant(writer, value);
		break;
	case DECIMAL:
		json_out_decimal(writer->out, value, member->scale);
		break;
	case MONEY:
		put_money(writer, row, member->column, value);
		break;
	default:
		json_out_integer(writer->out, value);
	}
}

static void put_member(struct object_writer *writer, const struct member *member,
	const struct store_row *row, bool first)
{
	struct store_value value = store_row_value(row, member->column);

	buf_append(writer->out, member->key + first, member->key_len - first);
	if (value.type == STORE_NULL)
		buf_append(writer->out, "null", 4);
	else if (value.type == STORE_INT && member->kind != TEXT)
		put_integer(writer, member, row, value.integer);
	else if (value.type != STORE_TEXT || member->kind != TEXT ||
		 json_out_string(writer->out, value.bytes.data, value.bytes.len) < 0)
		writer->broken = true;
}

bool object_writer_row(struct object_writer *writer, const struct store_row *row)
{
	const struct projection *projection = writer->projection;
	uint64_t shown[WORDS_MAX];
	uint32_t meters;
	bool first = true;

	if (!find_shown(writer->rights, row, shown, &meters))
		return false;
	if (writer->written == writer->limit) {
		writer->more = true;
		return false;
	}
	count_metered(writer, meters);
	if (writer->written++ > 0)
		buf_putc(writer->out, ',');
	buf_putc(writer->out, '{');
	for (unsigned i = 0; i < projection->count; i++) {
		const struct member *member = &projection->members[i];

		if ((shown[i / 64] >> (i % 64) & 1) == 0)
			continue;
		put_member(writer, member, row, first);
		first = false;
	}
	buf_putc(writer->out, '}');
	return true;
}

/* Rows as Lua values */

static void push_id(lua_State *L, int64_t inner)
{
	char text[OPAQUE_ID_LEN];

	opaque_id_seal(text, (uint64_t)inner, bind_id_key(L));
	lua_pushlstring(L, text, sizeof text);
}

static void push_instant(lua_State *L, int64_t ms)
{
	char text[DATE_INSTANT_LEN];

	if (!date_format_instant(text, ms))
		luaL_error(L, "a row holds an instant outside the calendar");
	lua_pushlstring(L, text, sizeof text);
}

static void push_money(lua_State *L, int64_t units, int currency)
{
	size_t len;
	const char *code = luaL_checklstring(L, currency, &len);

	if (len != 3)
		luaL_error(L, "a row holds an amount without a currency");
	bind_push_decimal(L, units, decimal_currency_digits(code), code);
}

/* Pushes what the member is in a record, from its column at `at`. */
static void push_value(lua_State *L, const struct member *member, int at)
{
	switch (member->kind) {
	case ID:
	case EXPAND:
		push_id(L, luaL_checkinteger(L, at));
		break;
	case BOOLEAN:
		lua_pushboolean(L, luaL_checkinteger(L, at) != 0);
		break;
	case INSTANT:
		push_instant(L, luaL_checkinteger(L, at));
		break;
	case DECIMAL:
		bind_push_decimal(L, luaL_checkinteger(L, at), member->scale, "");
		break;
	case MONEY:
		push_money(L, luaL_checkinteger(L, at), at + 1);
		break;
	default:
		lua_pushvalue(L, at);
	}
}

void projection_push_record(lua_State *L, const struct projection *projection, int index, int first)
{
	int names, record;

	lua_getiuservalue(L, index, 1);
	names = lua_gettop(L);
	lua_createtable(L, 0, (int)projection->count);
	record = names + 1;
	for (unsigned i = 0; i < projection->count; i++) {
		const struct member *member = &projection->members[i];

		if (lua_isnil(L, first + member->column))
			continue;
		lua_rawgeti(L, names, (lua_Integer)i + 1);
		push_value(L, member, first + member->column);
		lua_rawset(L, record);
	}
	lua_remove(L, names);
}

int projection_columns(const struct projection *projection)
{
	return projection->columns;
}

/* Making */

/* Pushes field `at` of the table at the top: a text that names a member. */
static const char *name_field(lua_State *L, int at, size_t *len)
{
	const char *name;

	lua_rawgeti(L, -1, at);
	name = luaL_checklstring(L, -1, len);
	return name;
}

static int compare_members(const void *left, const void *right)
{
	const struct member *a = left, *b = right;
	int order = memcmp(a->key, b->key, a->key_len < b->key_len ? a->key_len : b->key_len);

	return order != 0 ? order : (a->key_len > b->key_len) - (a->key_len < b->key_len);
}

static int column_at(lua_State *L, int index)
{
	lua_Integer column = luaL_checkinteger(L, index);

	if (column < 1 || column > 32767)
		luaL_error(L, "a column is a number from 1, not %I", (LUAI_UACINT)column);
	return (int)column - 1;
}

/* Reads the member in the table at the top; its key goes to `keys`. */
static size_t read_member(lua_State *L, struct member *member, char *keys)
{
	size_t len;
	const char *name = name_field(L, 1, &len);

	member->key = keys;
	member->key_len = len + KEY_FRAME;
	keys[0] = ',';
	keys[1] = '"';
	memcpy(keys + 2, name, len);
	keys[len + 2] = '"';
	keys[len + 3] = ':';
	lua_rawgeti(L, -2, 2);
	member->kind = (enum kind)luaL_checkoption(L, -1, NULL, kind_names);
	lua_rawgeti(L, -3, 3);
	member->column = column_at(L, -1);
	lua_rawgeti(L, -4, 4);
	member->scale = (unsigned)luaL_optinteger(L, -1, 0);
	if (member->scale > DECIMAL_SCALE_MAX)
		luaL_error(L, "%s: a scale is at most %d", name, DECIMAL_SCALE_MAX);
	lua_pop(L, 4);
	return len + KEY_FRAME;
}

static void count_columns(struct projection *projection, const struct member *member)
{
	int last = member->column + (member->kind == MONEY ? 2 : 1);

	if (projection->columns < last)
		projection->columns = last;
}

/* The members' names as Lua strings, in the members' order, stay with the projection at the top. */
static void keep_names(lua_State *L, const struct projection *projection)
{
	lua_createtable(L, (int)projection->count, 0);
	for (unsigned i = 0; i < projection->count; i++) {
		const struct member *member = &projection->members[i];

		lua_pushlstring(L, member->key + 2, member->key_len - KEY_FRAME);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	lua_setiuservalue(L, -2, 1);
}

/* new { { name, kind, column, scale } … } -> projection */
static int projection_new(lua_State *L)
{
	struct projection *projection;
	size_t count, bytes = 0, len;
	char *keys;

	luaL_checktype(L, 1, LUA_TTABLE);
	count = lua_rawlen(L, 1);
	luaL_argcheck(L, count <= MEMBERS_MAX, 1, "too many members");
	for (size_t i = 1; i <= count; i++) {
		lua_rawgeti(L, 1, (lua_Integer)i);
		luaL_checktype(L, -1, LUA_TTABLE);
		name_field(L, 1, &len);
		bytes += len + KEY_FRAME;
		lua_pop(L, 2);
	}
	projection = lua_newuserdatauv(
		L, sizeof *projection + count * sizeof *projection->members + bytes, 1);
	projection->count = (unsigned)count;
	projection->columns = 0;
	keys = (char *)(projection->members + count);
	for (size_t i = 0; i < count; i++) {
		lua_rawgeti(L, 1, (lua_Integer)i + 1);
		keys += read_member(L, &projection->members[i], keys);
		lua_pop(L, 1);
		count_columns(projection, &projection->members[i]);
	}
	qsort(projection->members, count, sizeof *projection->members, compare_members);
	keep_names(L, projection);
	luaL_setmetatable(L, projection_type);
	return 1;
}

static int compare_values(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

	return (a > b) - (a < b);
}

/* How many values the grant at the top has. */
static size_t count_values(lua_State *L)
{
	size_t count;

	luaL_checktype(L, -1, LUA_TTABLE);
	count = lua_getfield(L, -1, "values") == LUA_TTABLE ? lua_rawlen(L, -1) : 0;
	lua_pop(L, 1);
	return count;
}

static void read_members(lua_State *L, const struct projection *projection, struct grant *grant)
{
	grant->all = lua_getfield(L, -1, "members") == LUA_TNIL;
	for (size_t i = grant->all ? 0 : lua_rawlen(L, -1); i > 0; i--) {
		size_t len;
		const char *name = name_field(L, (int)i, &len);

		for (unsigned m = 0; m < projection->count; m++)
			if (projection->members[m].key_len == len + KEY_FRAME &&
				memcmp(projection->members[m].key + 2, name, len) == 0)
				grant->members[m / 64] |= UINT64_C(1) << (m % 64);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
}

/* Reads the grant at the top; its values go to `values`. */
static size_t read_grant(
	lua_State *L, const struct projection *projection, struct grant *grant, int64_t *values)
{
	memset(grant, 0, sizeof *grant);
	grant->column = lua_getfield(L, -1, "column") == LUA_TNIL ? -1 : column_at(L, -1);
	lua_pop(L, 1);
	grant->value_count = count_values(L);
	grant->values = values;
	lua_getfield(L, -1, "values");
	for (size_t i = 0; i < grant->value_count; i++) {
		lua_rawgeti(L, -1, (lua_Integer)i + 1);
		values[i] = luaL_checkinteger(L, -1);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	qsort(values, grant->value_count, sizeof *values, compare_values);
	read_members(L, projection, grant);
	lua_getfield(L, -1, "meter");
	grant->meter = (unsigned)luaL_optinteger(L, -1, 0);
	if (grant->meter > RIGHTS_METERS_MAX)
		luaL_error(L, "more than %d meters", RIGHTS_METERS_MAX);
	lua_pop(L, 1);
	return grant->value_count;
}

/* projection:rights { { column, values, members, meter } … } -> rights; names that the projection
 * has not are passed over */
static int rights_new(lua_State *L)
{
	const struct projection *projection = projection_at(L, 1);
	struct rights *rights;
	size_t count, values = 0;
	int64_t *next;

	luaL_checktype(L, 2, LUA_TTABLE);
	count = lua_rawlen(L, 2);
	luaL_argcheck(L, count <= 1000, 2, "too many grants");
	for (size_t i = 1; i <= count; i++) {
		lua_rawgeti(L, 2, (lua_Integer)i);
		values += count_values(L);
		lua_pop(L, 1);
	}
	rights = lua_newuserdatauv(
		L, sizeof *rights + count * sizeof *rights->grants + values * sizeof *next, 1);
	rights->projection = projection;
	rights->count = (unsigned)count;
	rights->meters = 0;
	next = (int64_t *)(rights->grants + count);
	for (size_t i = 0; i < count; i++) {
		lua_rawgeti(L, 2, (lua_Integer)i + 1);
		next += read_grant(L, projection, &rights->grants[i], next);
		if (rights->meters < rights->grants[i].meter)
			rights->meters = rights->grants[i].meter;
		lua_pop(L, 1);
	}
	lua_pushvalue(L, 1);
	lua_setiuservalue(L, -2, 1); /* the projection lives as long */
	luaL_setmetatable(L, rights_type);
	return 1;
}

/* copy(record) -> another table with the same values and metatable */
static int copy(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	lua_createtable(L, 0, 24);
	lua_pushnil(L);
	while (lua_next(L, 1) != 0) {
		lua_pushvalue(L, -2);
		lua_pushvalue(L, -2);
		lua_rawset(L, 2);
		lua_pop(L, 1);
	}
	if (lua_getmetatable(L, 1))
		lua_setmetatable(L, 2);
	return 1;
}

int bind_projection(lua_State *L)
{
	luaL_newmetatable(L, rights_type);
	lua_pop(L, 1);
	luaL_newmetatable(L, projection_type);
	lua_createtable(L, 0, 1);
	lua_pushcfunction(L, rights_new);
	lua_setfield(L, -2, "rights");
	lua_setfield(L, -2, "__index");
	lua_pop(L, 1);
	lua_createtable(L, 0, 2);
	lua_pushcfunction(L, projection_new);
	lua_setfield(L, -2, "new");
	lua_pushcfunction(L, copy);
	lua_setfield(L, -2, "copy");
	return 1;
}
