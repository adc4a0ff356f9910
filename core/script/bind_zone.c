/* core.zone: between UTC and the clocks of a place. */
#include "script/bind.h"

#include "base/err.h"
#include "text/zone.h"

#include <lauxlib.h>

static const char zone_type[] = "core.zone";

/* open(name) -> zone, or nil when there is none of that name */
static int open_zone(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	struct zone **zone = lua_newuserdatauv(L, sizeof *zone, 0);
	int rc;

	*zone = NULL;
	luaL_setmetatable(L, zone_type);
	rc = zone_new(zone, name);
	if (rc == TM_ENOMEM)
		return luaL_error(L, "out of memory");
	if (rc < 0)
		lua_pushnil(L);
	return 1;
}

static int zone_gc(lua_State *L)
{
	struct zone **zone = luaL_checkudata(L, 1, zone_type);

	zone_free(*zone);
	*zone = NULL;
	return 0;
}

static struct zone *zone_at(lua_State *L)
{
	struct zone **zone = luaL_checkudata(L, 1, zone_type);

	luaL_argcheck(L, *zone != NULL, 1, "closed");
	return *zone;
}

static int raise(lua_State *L, int rc)
{
	return rc == TM_ENOMEM ? luaL_error(L, "out of memory")
			       : luaL_argerror(L, 2, "outside the years 0001 to 9999");
}

/* zone:offset(ms) -> by how many milliseconds its clocks are ahead of UTC */
static int offset(lua_State *L)
{
	int64_t found;
	int rc = zone_offset(zone_at(L), luaL_checkinteger(L, 2), &found);

	if (rc < 0)
		return raise(L, rc);
	lua_pushinteger(L, found);
	return 1;
}

/* zone:instant(local) -> ms, "once", "twice" or "never": when its clocks show `local`, which counts
 * as if it were UTC. Of two instants, the first; for a time that they skip, as long after the skip
 * began. */
static int instant(lua_State *L)
{
	static const char *const words[] = {
		[ZONE_ONCE] = "once",
		[ZONE_TWICE] = "twice",
		[ZONE_NEVER] = "never",
	};
	enum zone_times times;
	int64_t ms;
	int rc = zone_instant(zone_at(L), luaL_checkinteger(L, 2), &ms, &times);

	if (rc < 0)
		return raise(L, rc);
	lua_pushinteger(L, ms);
	lua_pushstring(L, words[times]);
	return 2;
}

int bind_zone(lua_State *L)
{
	static const luaL_Reg methods[] = {
		{"offset", offset},
		{"instant", instant},
		{NULL, NULL},
	};
	static const luaL_Reg functions[] = {
		{"open", open_zone},
		{NULL, NULL},
	};

	luaL_newmetatable(L, zone_type);
	luaL_newlib(L, methods);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, zone_gc);
	lua_setfield(L, -2, "__gc");
	lua_pop(L, 1);
	luaL_newlib(L, functions);
	return 1;
}
