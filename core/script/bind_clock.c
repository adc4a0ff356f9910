/* core.clock: now, and how instants and days are written.
 *
 * A state's clock is the machine's, until somebody sets it: then it is virtual, stands still, and
 * moves when it is told to. That is for tests, in which ninety days pass at once. */
#include "script/bind.h"

#include "base/clock.h"
#include "text/date.h"

#include <lauxlib.h>

/* Where the registry keeps the state's clock. */
static const char clock_key;

static const int64_t ns_per_ms = 1000000;

static struct bind_clock *clock_of(lua_State *L)
{
	struct bind_clock *clock;

	lua_rawgetp(L, LUA_REGISTRYINDEX, &clock_key);
	clock = lua_touserdata(L, -1);
	lua_pop(L, 1);
	if (clock != NULL)
		return clock;
	clock = lua_newuserdatauv(L, sizeof *clock, 0);
	*clock = (struct bind_clock){0};
	lua_rawsetp(L, LUA_REGISTRYINDEX, &clock_key);
	return clock;
}

struct bind_clock *bind_clock_of(lua_State *L)
{
	return clock_of(L);
}

int64_t bind_clock_now(lua_State *L)
{
	const struct bind_clock *clock = clock_of(L);

	return clock->is_virtual ? clock->now_ms : clock_utc_ms();
}

/* Instants that can be written, so that whatever is made of one can be too. */
static int64_t instant_at(lua_State *L, int arg, int64_t ms)
{
	luaL_argcheck(
		L, ms >= DATE_MS_MIN && ms <= DATE_MS_MAX, arg, "outside the years 0001 to 9999");
	return ms;
}

/* The monotonic clock holds 292 years: beyond half of that it stands. */
static void run_ahead(struct bind_clock *clock, int64_t ms)
{
	const int64_t most = INT64_MAX / 2;

	if (ms > (most - clock->ahead_ns) / ns_per_ms)
		clock->ahead_ns = most;
	else
		clock->ahead_ns += ms * ns_per_ms;
}

static void set_clock(lua_State *L, int64_t ms)
{
	struct bind_clock *clock = clock_of(L);
	int64_t before = bind_clock_now(L);

	if (!clock->is_virtual)
		clock->stands_ns = clock_mono_ns();
	clock->is_virtual = true;
	clock->now_ms = ms;
	if (ms > before)
		run_ahead(clock, ms - before);
	if (clock->moved != NULL)
		clock->moved(L);
}

void bind_clock_advance(lua_State *L, int64_t ms)
{
	int64_t now = bind_clock_now(L);

	set_clock(L, ms <= DATE_MS_MAX - now ? now + ms : DATE_MS_MAX);
}

/* now() -> milliseconds since 1970, UTC */
static int clock_now(lua_State *L)
{
	lua_pushinteger(L, bind_clock_now(L));
	return 1;
}

/* mono() -> nanoseconds, for durations: never goes back, and moves with a virtual clock */
static int clock_mono(lua_State *L)
{
	const struct bind_clock *clock = clock_of(L);

	lua_pushinteger(
		L, (clock->is_virtual ? clock->stands_ns : clock_mono_ns()) + clock->ahead_ns);
	return 1;
}

/* set(ms): from now on the clock is virtual and says so */
static int clock_set(lua_State *L)
{
	set_clock(L, instant_at(L, 1, luaL_checkinteger(L, 1)));
	return 0;
}

/* advance(ms): moves the clock on; it is virtual from now on */
static int clock_advance(lua_State *L)
{
	lua_Integer ms = luaL_checkinteger(L, 1);

	luaL_argcheck(L, ms >= 0, 1, "time does not go back");
	bind_clock_advance(L, ms);
	return 0;
}

/* reset(): the machine's clock again */
static int clock_reset(lua_State *L)
{
	struct bind_clock *clock = clock_of(L);

	if (clock->is_virtual) {
		clock->is_virtual = false;
		if (clock->moved != NULL)
			clock->moved(L);
	}
	return 0;
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
	{"set", clock_set},
	{"advance", clock_advance},
	{"reset", clock_reset},
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
