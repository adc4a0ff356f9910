/* core.metrics: what the process counts about itself. */
#include "script/bind.h"
#include "script/fuse.h"
#include "script/task.h"

/* route(name) -> the number of a route, for core.task.enter; 0 where nothing is counted */
static int route_number(lua_State *L)
{
	struct metrics *metrics = state_of(L)->host.metrics;
	const char *name = luaL_checkstring(L, 1);

	lua_pushinteger(L, metrics != NULL ? metrics_route(metrics, name) : 0);
	return 1;
}

/* text() -> all of it, and the routes that are shut, as Prometheus reads it */
static int text(lua_State *L)
{
	struct metrics *metrics = state_of(L)->host.metrics;
	struct buf *out = bind_buf(L);

	if (metrics != NULL)
		metrics_write(metrics, out);
	fuse_write(out);
	bind_push_buf(L, out);
	buf_free(out);
	return 1;
}

/* shared() -> whether they count several companies together */
static int shared(lua_State *L)
{
	const struct metrics *metrics = state_of(L)->host.metrics;

	lua_pushboolean(L, metrics != NULL && metrics_are_shared(metrics));
	return 1;
}

int bind_metrics(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"route", route_number},
		{"shared", shared},
		{"text", text},
		{NULL, NULL},
	};

	luaL_newlib(L, functions);
	return 1;
}
