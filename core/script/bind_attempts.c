/* core.attempts: failures of the last minute, counted by a text, over all workers. Where nobody
 * signs in (the lane, commands) nothing is counted. */
#include "net/attempts.h"

#include "base/clock.h"
#include "script/task.h"

static int failed(lua_State *L)
{
	struct attempts *attempts = state_of(L)->host.attempts;
	size_t len;
	const char *key = luaL_checklstring(L, 1, &len);

	if (attempts != NULL)
		attempts_failed(attempts, key, len, clock_mono_ns());
	return 0;
}

/* Seconds until the next try, or nil when it may be now. */
static int wait_for(lua_State *L)
{
	struct attempts *attempts = state_of(L)->host.attempts;
	size_t len;
	const char *key = luaL_checklstring(L, 1, &len);
	unsigned most = (unsigned)luaL_checkinteger(L, 2);
	int seconds =
		attempts == NULL ? 0 : attempts_wait(attempts, key, len, most, clock_mono_ns());

	if (seconds == 0)
		return 0;
	lua_pushinteger(L, seconds);
	return 1;
}

static int forget(lua_State *L)
{
	struct attempts *attempts = state_of(L)->host.attempts;
	size_t len;
	const char *key = luaL_checklstring(L, 1, &len);

	if (attempts != NULL)
		attempts_forget(attempts, key, len);
	return 0;
}

static int network(lua_State *L)
{
	char text[ATTEMPTS_NETWORK];

	attempts_network(luaL_checkstring(L, 1), text);
	lua_pushstring(L, text);
	return 1;
}

int bind_attempts(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"failed", failed},
		{"wait", wait_for},
		{"forget", forget},
		{"network", network},
		{NULL, NULL},
	};

	luaL_newlib(L, functions);
	return 1;
}
