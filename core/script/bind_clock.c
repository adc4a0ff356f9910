/* core.clock: now, and how instants and days are written. */
#include "script/bind.h"

#include "base/clock.h"
#include "text/date.h"

#include <lauxlib.h>

/* now() -> milliseconds since 1970, UTC */
static int clock_now(lua_State *L)
{
	lua_pushinteger(L, clock_utc_ms());
	return 1;
}

/* mono() -> nanoseconds, for durations */
static int clock_mono(lua_State *L)
{
	lua_pushinteger(L, clock_mono_ns());
	return 1;
}

/* format(ms) -> RFC 3339 */
static int instant_of_ms(lua_State *L)
{
	char text[DATE_INSTANT_LEN];

	if (!date_format_instant(text, luaL_checkinteger(L, 1)))
		return luaL_argerror(L, 1, "outside the years 0001 to 9999");
	lua_pushlstring(L, text, sizeof text);
	return 1;
}

/* parse(text) -> ms, or nil when it is no RFC 3339 instant */
static int ms_of_instant(lua_State *L)
{
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	int64_t ms;

	if (date_parse_instant(&ms, text, len))
		lua_pushinteger(L, ms);
	else
		lua_pushnil(L);
	return 1;
}

/* date(text) -> true when it is a day, YYYY-MM-DD, else nil */
static int clock_date(lua_State *L)
{
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	struct date date;

	if (date_parse_day(&date, text, len))
		lua_pushboolean(L, 1);
	else
		lua_pushnil(L);
	return 1;
}

/* today(ms) -> the day in UTC */
static int clock_today(lua_State *L)
{
	char text[DATE_DAY_LEN];

	if (!date_format_day(text, luaL_checkinteger(L, 1)))
		return luaL_argerror(L, 1, "outside the years 0001 to 9999");
	lua_pushlstring(L, text, sizeof text);
	return 1;
}

static const luaL_Reg functions[] = {
	{"now", clock_now},
	{"mono", clock_mono},
	{"format", instant_of_ms},
	{"parse", ms_of_instant},
	{"date", clock_date},
	{"today", clock_today},
	{NULL, NULL},
};

int bind_clock(lua_State *L)
{
	luaL_newlib(L, functions);
	return 1;
}
