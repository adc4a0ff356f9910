/* core.decimal: exact decimals and money as Lua values. They never change, and never meet a float.
 */
#include "script/bind.h"

#include "text/decimal.h"
#include "text/json_out.h"

#include <lauxlib.h>
#include <string.h>

enum { CURRENCY = 3 };

struct value {
	int64_t units;
	unsigned scale;
	char currency[CURRENCY + 1]; /* ISO 4217, or empty: a plain decimal */
};

static const char value_type[] = "decimal";

static struct value *value_new(lua_State *L, int64_t units, unsigned scale, const char *currency)
{
	struct value *value = lua_newuserdatauv(L, sizeof *value, 0);

	value->units = units;
	value->scale = scale;
	memcpy(value->currency, currency, sizeof value->currency);
	luaL_setmetatable(L, value_type);
	return value;
}

static struct value *value_at(lua_State *L, int arg)
{
	return luaL_checkudata(L, arg, value_type);
}

static unsigned scale_at(lua_State *L, int arg)
{
	lua_Integer scale = luaL_checkinteger(L, arg);

	luaL_argcheck(L, scale >= 0 && scale <= DECIMAL_SCALE_MAX, arg, "scale must be 0 to 18");
	return (unsigned)scale;
}

static void currency_at(lua_State *L, int arg, char currency[CURRENCY + 1])
{
	size_t len;
	const char *text = luaL_optlstring(L, arg, "", &len);

	memset(currency, 0, CURRENCY + 1);
	if (lua_isnoneornil(L, arg))
		return;
	luaL_argcheck(L, len == CURRENCY && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == CURRENCY,
		arg, "a currency is three capital letters");
	memcpy(currency, text, CURRENCY);
}

/* parse(text, scale [, currency]) -> decimal, or nil and "syntax", "scale" or "overflow" */
static int decimal_of_text(lua_State *L)
{
	static const char *const faults[] = {
		[DECIMAL_SYNTAX] = "syntax",
		[DECIMAL_SCALE] = "scale",
		[DECIMAL_OVERFLOW] = "overflow",
	};
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	unsigned scale = scale_at(L, 2);
	char currency[CURRENCY + 1];
	enum decimal_fault fault;
	int64_t units;

	currency_at(L, 3, currency);
	fault = decimal_parse(&units, text, len, scale);
	if (fault == DECIMAL_FINE) {
		value_new(L, units, scale, currency);
		return 1;
	}
	lua_pushnil(L);
	lua_pushstring(L, faults[fault]);
	return 2;
}

/* new(units, scale [, currency]) -> decimal */
static int decimal_of_units(lua_State *L)
{
	lua_Integer units = luaL_checkinteger(L, 1);
	unsigned scale = scale_at(L, 2);
	char currency[CURRENCY + 1];

	currency_at(L, 3, currency);
	value_new(L, units, scale, currency);
	return 1;
}

/* is(any) -> boolean */
static int decimal_is(lua_State *L)
{
	luaL_checkany(L, 1);
	lua_pushboolean(L, luaL_testudata(L, 1, value_type) != NULL);
	return 1;
}

static int decimal_units(lua_State *L)
{
	lua_pushinteger(L, value_at(L, 1)->units);
	return 1;
}

static int decimal_scale(lua_State *L)
{
	lua_pushinteger(L, value_at(L, 1)->scale);
	return 1;
}

static int decimal_currency(lua_State *L)
{
	struct value *value = value_at(L, 1);

	if (value->currency[0] == '\0')
		lua_pushnil(L);
	else
		lua_pushstring(L, value->currency);
	return 1;
}

static int decimal_is_zero(lua_State *L)
{
	lua_pushboolean(L, value_at(L, 1)->units == 0);
	return 1;
}

static int decimal_tostring(lua_State *L)
{
	struct value *value = value_at(L, 1);
	char text[DECIMAL_TEXT_MAX];

	lua_pushlstring(L, text, decimal_format(text, value->units, value->scale));
	return 1;
}

/* What the value is where JSON is written: a text, or a table of amount and currency. */
static int decimal_tojson(lua_State *L)
{
	struct value *value = value_at(L, 1);

	lua_settop(L, 1);
	if (value->currency[0] == '\0')
		return decimal_tostring(L);
	lua_createtable(L, 0, 2);
	decimal_tostring(L);
	lua_setfield(L, -2, "amount");
	lua_pushstring(L, value->currency);
	lua_setfield(L, -2, "currency");
	return 1;
}

void bind_push_decimal(lua_State *L, int64_t units, unsigned scale, const char *currency)
{
	char code[CURRENCY + 1] = "";

	strncpy(code, currency, CURRENCY);
	value_new(L, units, scale, code);
}

bool bind_decimal_json(lua_State *L, int index, struct buf *out)
{
	struct value *value = luaL_testudata(L, index, value_type);

	if (value == NULL)
		return false;
	if (value->currency[0] == '\0')
		json_out_decimal(out, value->units, value->scale);
	else
		json_out_money(out, value->units, value->scale, value->currency);
	return true;
}

static const char *kind_name(const struct value *value)
{
	return value->currency[0] == '\0' ? "plain" : value->currency;
}

/* The two operands, which must be of one kind. */
static void operands(lua_State *L, const struct value **a, const struct value **b)
{
	*a = luaL_testudata(L, 1, value_type);
	*b = luaL_testudata(L, 2, value_type);
	if (*a == NULL || *b == NULL)
		luaL_error(L, "a decimal meets only decimals here, not a %s",
			luaL_typename(L, *a == NULL ? 1 : 2));
	if (strcmp((*a)->currency, (*b)->currency) != 0)
		luaL_error(L, "decimals of two kinds: %s and %s", kind_name(*a), kind_name(*b));
	if ((*a)->scale != (*b)->scale)
		luaL_error(
			L, "decimals of two scales: %d and %d", (int)(*a)->scale, (int)(*b)->scale);
}

static int result(lua_State *L, bool fits, int64_t units, const struct value *like)
{
	if (!fits)
		return luaL_error(L, "overflow");
	value_new(L, units, like->scale, like->currency);
	return 1;
}

static int decimal_plus(lua_State *L)
{
	const struct value *a;
	const struct value *b;
	int64_t units = 0;
	bool fits;

	operands(L, &a, &b);
	fits = decimal_add(&units, a->units, b->units);
	return result(L, fits, units, a);
}

static int decimal_minus(lua_State *L)
{
	const struct value *a;
	const struct value *b;
	int64_t units = 0;
	bool fits;

	operands(L, &a, &b);
	fits = decimal_sub(&units, a->units, b->units);
	return result(L, fits, units, a);
}

static int decimal_times(lua_State *L)
{
	int of = luaL_testudata(L, 1, value_type) != NULL ? 1 : 2;
	const struct value *value = value_at(L, of);
	int64_t units = 0;
	bool fits;

	if (!lua_isinteger(L, 3 - of))
		return luaL_error(L, "a decimal can be multiplied by an integer only");
	fits = decimal_mul(&units, value->units, lua_tointeger(L, 3 - of));
	return result(L, fits, units, value);
}

static int decimal_negate(lua_State *L)
{
	const struct value *value = value_at(L, 1);
	int64_t units = 0;
	bool fits = decimal_sub(&units, 0, value->units);

	return result(L, fits, units, value);
}

static int decimal_less(lua_State *L)
{
	const struct value *a;
	const struct value *b;

	operands(L, &a, &b);
	lua_pushboolean(L, a->units < b->units);
	return 1;
}

static int decimal_less_equal(lua_State *L)
{
	const struct value *a;
	const struct value *b;

	operands(L, &a, &b);
	lua_pushboolean(L, a->units <= b->units);
	return 1;
}

bool bind_decimal_same(lua_State *L, int left, int right)
{
	const struct value *a = luaL_testudata(L, left, value_type);
	const struct value *b = luaL_testudata(L, right, value_type);

	return a != NULL && b != NULL && a->units == b->units && a->scale == b->scale &&
	       strcmp(a->currency, b->currency) == 0;
}

/* Money of two currencies is never equal, and neither is something that is no decimal; a plain
 * decimal against money, or two scales, is a programmer's mistake. */
static int decimal_equal(lua_State *L)
{
	const struct value *a = luaL_testudata(L, 1, value_type);
	const struct value *b = luaL_testudata(L, 2, value_type);

	if (a == NULL || b == NULL ||
		(a->currency[0] != '\0' && b->currency[0] != '\0' &&
			strcmp(a->currency, b->currency) != 0)) {
		lua_pushboolean(L, 0);
		return 1;
	}
	operands(L, &a, &b);
	lua_pushboolean(L, a->units == b->units);
	return 1;
}

/* digits(currency) -> how many digits it has after the point */
static int decimal_digits(lua_State *L)
{
	char currency[CURRENCY + 1];

	luaL_checkstring(L, 1);
	currency_at(L, 1, currency);
	lua_pushinteger(L, decimal_currency_digits(currency));
	return 1;
}

static const luaL_Reg methods[] = {
	{"units", decimal_units},
	{"scale", decimal_scale},
	{"currency", decimal_currency},
	{"is_zero", decimal_is_zero},
	{NULL, NULL},
};

static const luaL_Reg events[] = {
	{"__add", decimal_plus},
	{"__sub", decimal_minus},
	{"__mul", decimal_times},
	{"__unm", decimal_negate},
	{"__lt", decimal_less},
	{"__le", decimal_less_equal},
	{"__eq", decimal_equal},
	{"__tostring", decimal_tostring},
	{"__tojson", decimal_tojson},
	{NULL, NULL},
};

static const luaL_Reg functions[] = {
	{"parse", decimal_of_text},
	{"new", decimal_of_units},
	{"is", decimal_is},
	{"digits", decimal_digits},
	{NULL, NULL},
};

int bind_decimal(lua_State *L)
{
	if (luaL_newmetatable(L, value_type)) {
		luaL_setfuncs(L, events, 0);
		luaL_newlib(L, methods);
		lua_setfield(L, -2, "__index");
		/* Plugins hold decimals: what all share is not theirs to change. */
		lua_pushstring(L, value_type);
		lua_setfield(L, -2, "__metatable");
	}
	lua_pop(L, 1);
	luaL_newlib(L, functions);
	return 1;
}
