/* setmetatable and what belongs to it, for plugins.
 *
 * A plugin's metatable is never the real one. That is a copy of its metamethods, as they are when
 * setmetatable is called, which nobody can reach: so what is refused cannot be added later,
 * `__call` is always a function (a table that is its own `__call` keeps Lua's call instruction busy
 * for hours), and the metatables of others are told from those of plugins. The copy keeps the
 * plugin's metatable under a key of its own. Objects of one metatable share one copy. */
#include "script/task.h"

enum { COPIES_MAX = 1024 };

/* Keys: of the plugin's metatable in the copy; of the table of copies, by metatable, in the
 * registry. */
static const char origin_key, copies_key;

enum kind { ANY, FUNCTION, FUNCTION_OR_TABLE };

static const struct {
	const char *name;
	enum kind kind;
} events[] = {
	{"__add", FUNCTION},
	{"__band", FUNCTION},
	{"__bnot", FUNCTION},
	{"__bor", FUNCTION},
	{"__bxor", FUNCTION},
	{"__call", FUNCTION},
	{"__concat", FUNCTION},
	{"__div", FUNCTION},
	{"__eq", FUNCTION},
	{"__idiv", FUNCTION},
	{"__index", FUNCTION_OR_TABLE},
	{"__le", FUNCTION},
	{"__len", FUNCTION},
	{"__lt", FUNCTION},
	{"__metatable", ANY},
	{"__mod", FUNCTION},
	{"__mul", FUNCTION},
	{"__name", ANY},
	{"__newindex", FUNCTION_OR_TABLE},
	{"__pairs", FUNCTION},
	{"__pow", FUNCTION},
	{"__shl", FUNCTION},
	{"__shr", FUNCTION},
	{"__sub", FUNCTION},
	{"__tostring", FUNCTION},
	{"__unm", FUNCTION},
};

/* Code that would run when nobody looks, or a table that loses what is in it at any time. */
static const char *const refused[] = {"__close", "__gc", "__mode"};

bool metatable_is_plugins(lua_State *L, int index)
{
	bool is;

	if (!lua_getmetatable(L, index))
		return false;
	is = lua_rawgetp(L, -1, &origin_key) != LUA_TNIL;
	lua_pop(L, 2);
	return is;
}

/* A table without a metatable, or with one of a plugin. */
static void check_own(lua_State *L, int index, const char *what)
{
	luaL_checktype(L, index, LUA_TTABLE);
	if (!lua_getmetatable(L, index))
		return;
	lua_pop(L, 1);
	if (!metatable_is_plugins(L, index))
		luaL_error(L, "%s: the table is not the plugin's own", what);
}

static void check_events(lua_State *L, int from)
{
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		lua_pushstring(L, refused[i]);
		if (lua_rawget(L, from) != LUA_TNIL)
			luaL_error(L, "setmetatable: plugins have no %s", refused[i]);
		lua_pop(L, 1);
	}
}

static void copy_events(lua_State *L, int from, int to)
{
	for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
		int type;

		lua_pushstring(L, events[i].name);
		lua_pushvalue(L, -1);
		type = lua_rawget(L, from);
		if (type != LUA_TNIL && events[i].kind != ANY && type != LUA_TFUNCTION &&
			!(type == LUA_TTABLE && events[i].kind == FUNCTION_OR_TABLE))
			luaL_error(L, "setmetatable: %s must be a function, not a %s",
				events[i].name, luaL_typename(L, -1));
		lua_rawset(L, to);
	}
}

/* Pushes the table of copies. When many have been made it begins anew, so that it does not stay as
 * large as it ever was; the copies in use live on. */
static void push_copies(lua_State *L, struct state *state)
{
	if (state->metatables > 0 && state->metatables % COPIES_MAX != 0) {
		lua_rawgetp(L, LUA_REGISTRYINDEX, &copies_key);
		return;
	}
	lua_newtable(L);
	lua_createtable(L, 0, 1);
	lua_pushliteral(L, "k");
	lua_setfield(L, -2, "__mode");
	lua_setmetatable(L, -2);
	lua_pushvalue(L, -1);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &copies_key);
}

/* Pushes the real metatable for the plugin's at `index`. */
static void push_copy(lua_State *L, int index)
{
	struct state *state = state_of(L);

	push_copies(L, state);
	lua_pushvalue(L, index);
	if (lua_rawget(L, -2) == LUA_TNIL) {
		lua_pop(L, 1);
		lua_newtable(L);
		lua_pushvalue(L, index);
		lua_rawsetp(L, -2, &origin_key);
		lua_pushvalue(L, index);
		lua_pushvalue(L, -2);
		lua_rawset(L, -4);
		state->metatables++;
	}
	lua_remove(L, -2);
	copy_events(L, index, lua_gettop(L));
}

static int set(lua_State *L)
{
	check_own(L, 1, "setmetatable");
	luaL_argexpected(L, lua_isnil(L, 2) || lua_istable(L, 2), 2, "nil or table");
	if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
		return luaL_error(L, "cannot change a protected metatable");
	lua_settop(L, 2);
	if (lua_istable(L, 2)) {
		check_events(L, 2);
		push_copy(L, 2);
	}
	lua_setmetatable(L, 1);
	lua_settop(L, 1);
	return 1;
}

/* The plugin's metatable, or what it shows instead; false: one of somebody else's. */
static int get(lua_State *L)
{
	luaL_checkany(L, 1);
	if (!lua_getmetatable(L, 1))
		return 0;
	if (!metatable_is_plugins(L, 1))
		lua_pushboolean(L, false);
	else if (luaL_getmetafield(L, 1, "__metatable") == LUA_TNIL)
		lua_rawgetp(L, -1, &origin_key);
	return 1;
}

static int raw_set(lua_State *L)
{
	check_own(L, 1, "rawset");
	luaL_checkany(L, 2);
	luaL_checkany(L, 3);
	lua_settop(L, 3);
	lua_rawset(L, 1);
	return 1;
}

/* What the framework takes from a plugin must be what it seems to be. */

enum { DEEPEST = 64, LOOK_EACH = 4096 };

static const char *find_fault(lua_State *L, int index, int depth, unsigned *steps)
{
	const char *fault = NULL;

	if (depth > DEEPEST)
		return "a table is nested too deep, or in a circle";
	if (metatable_is_plugins(L, index))
		return "mill takes plain tables: this one has a metatable";
	luaL_checkstack(L, 4, "nested too deep");
	for (lua_pushnil(L); fault == NULL && lua_next(L, index) != 0; lua_pop(L, 1)) {
		if (++*steps % LOOK_EACH == 0)
			run_check(L);
		if (lua_type(L, -2) == LUA_TTABLE)
			fault = find_fault(L, lua_gettop(L) - 1, depth + 1, steps);
		if (fault == NULL && lua_type(L, -1) == LUA_TTABLE)
			fault = find_fault(L, lua_gettop(L), depth + 1, steps);
	}
	return fault;
}

/* plain(…) -> why not, when a table among these, or in them, has a plugin's metatable. */
static int plain(lua_State *L)
{
	const char *fault = NULL;
	unsigned steps = 0;
	int count = lua_gettop(L);

	if (state_of(L)->metatables == 0)
		return 0;
	for (int i = 1; i <= count && fault == NULL; i++)
		if (lua_type(L, i) == LUA_TTABLE)
			fault = find_fault(L, i, 0, &steps);
	if (fault == NULL)
		return 0;
	lua_pushstring(L, fault);
	return 1;
}

void add_metatables(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"getmetatable", get},
		{"plain", plain},
		{"rawset", raw_set},
		{"setmetatable", set},
		{NULL, NULL},
	};

	luaL_setfuncs(L, functions, 0);
}
