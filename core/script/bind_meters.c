/* core.meters: how much each user has read under each meter, over all workers (base/meters.h).
 *Where nobody is counted (commands) nothing is.
 *
 *	take(user, name, most, span_ms, more) -> "good" or "over" with count and end; "unknown";
 *"full" load(user, name, most, span_ms, count, began_ms) -> "good" or "full" */
#include "base/clock.h"
#include "base/meters.h"
#include "script/task.h"

static const char *const answers[] = {
	[METERS_GOOD] = "good",
	[METERS_OVER] = "over",
	[METERS_UNKNOWN] = "unknown",
	[METERS_FULL] = "full",
};

static struct meter meter_at(lua_State *L, int index)
{
	size_t len;
	struct meter meter = {.user = luaL_checkinteger(L, index),
		.name = luaL_checklstring(L, index + 1, &len),
		.most = luaL_checkinteger(L, index + 2),
		.span_ms = luaL_checkinteger(L, index + 3)};

	luaL_argcheck(L, len > 0 && len <= METER_NAME_MAX, index + 1, "a name of that length");
	return meter;
}

static int take(lua_State *L)
{
	struct state_host *host = &state_of(L)->host;
	struct meter meter = meter_at(L, 1);
	int64_t more = luaL_checkinteger(L, 5);
	struct meter_count found = {0};
	enum meters_answer answer = METERS_GOOD;

	if (host->meters != NULL)
		answer = meters_take(host->meters, &meter, more, clock_utc_ms(), &found);
	if (host->metrics != NULL && answer == METERS_GOOD)
		metrics_add(host->metrics, METRICS_RECORDS_METERED, (uint64_t)more);
	else if (host->metrics != NULL && answer == METERS_OVER)
		metrics_count(host->metrics, METRICS_METERED_REFUSED);
	lua_pushstring(L, answers[answer]);
	lua_pushinteger(L, found.count);
	lua_pushinteger(L, found.ends_ms);
	return 3;
}

static int load(lua_State *L)
{
	struct meters *meters = state_of(L)->host.meters;
	struct meter meter = meter_at(L, 1);
	enum meters_answer answer = METERS_GOOD;

	if (meters != NULL)
		answer = meters_load(meters, &meter, luaL_checkinteger(L, 5),
			luaL_checkinteger(L, 6), clock_utc_ms());
	lua_pushstring(L, answers[answer]);
	return 1;
}

int bind_meters(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"take", take},
		{"load", load},
		{NULL, NULL},
	};

	luaL_newlib(L, functions);
	return 1;
}
