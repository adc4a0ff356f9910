#include "base/log.h"
#include "script/bind.h"
#include "script/task.h"

#include <lua-lpeg.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

enum { NAME_MAX_LEN = 128 };

/* Where the registry keeps what `require` has found, by name. */
static const char loaded_key;

static int open_hash(lua_State *L)
{
	bind_hash(L);
	bind_password(L);
	return 1;
}

static const luaL_Reg modules[] = {
	{"core.alarm", bind_alarm},
	{"core.attempts", bind_attempts},
	{"core.clock", bind_clock},
	{"core.csv", bind_csv},
	{"core.decimal", bind_decimal},
	{"core.fields", bind_fields},
	{"core.generation", bind_generation},
	{"core.gzip", bind_gzip},
	{"core.hash", open_hash},
	{"core.http", bind_http},
	{"core.id", bind_id},
	{"core.json", bind_json},
	{"core.language", bind_language},
	{"core.log", bind_log},
	{"core.meters", bind_meters},
	{"core.metrics", bind_metrics},
	{"core.projection", bind_projection},
	{"core.sandbox", bind_sandbox},
	{"core.store", bind_store},
	{"core.task", bind_task},
	{"core.text", bind_text},
	{"core.zone", bind_zone},
	{"lpeg", luaopen_lpeg},
	{NULL, NULL},
};

static lua_CFunction find_module(const char *name)
{
	for (const luaL_Reg *module = modules; module->name != NULL; module++)
		if (strcmp(module->name, name) == 0)
			return module->func;
	return NULL;
}

/* Turns any error into text for people; the traceback goes to the log for whoever looks for more.
 */
int message_handler(lua_State *L)
{
	const char *text = luaL_tolstring(L, 1, NULL);

	luaL_traceback(L, L, NULL, 1);
	log_event(LOG_DEBUG, "lua", "%s: %s", text, lua_tostring(L, -1));
	lua_pop(L, 1);
	return 1;
}

/* Where "people.actor" lies, or NULL when it is no name of a module. */
static const char *path_of(const char *name, char path[static NAME_MAX_LEN + 16])
{
	size_t len = strlen(name);
	char *end;

	if (len == 0 || len > NAME_MAX_LEN ||
		strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.") < len)
		return NULL;
	end = path + sprintf(path, "scripts/%s", name);
	for (char *c = path; c < end; c++)
		if (*c == '.')
			*c = '/';
	strcpy(end, ".lua");
	return path;
}

/* Pushes the file's text as a function, or raises what is wrong with it. */
static void load_file(lua_State *L, const struct generation_file *file)
{
	char chunk[NAME_MAX_LEN + 16];

	snprintf(chunk, sizeof chunk, "@%s", file->path);
	if (luaL_loadbufferx(L, file->text, file->len, chunk, "t") != LUA_OK)
		lua_error(L);
}

/* Pushes "a → b → a". */
static void push_chain(lua_State *L, const struct state *state, unsigned from, const char *name)
{
	luaL_Buffer chain;

	luaL_buffinit(L, &chain);
	for (unsigned i = from; i < state->requiring_count; i++) {
		luaL_addstring(&chain, state->requiring[i]);
		luaL_addstring(&chain, " → ");
	}
	luaL_addstring(&chain, name);
	luaL_pushresult(&chain);
}

static void refuse_circle(lua_State *L, const struct state *state, const char *name)
{
	for (unsigned i = 0; i < state->requiring_count; i++) {
		if (strcmp(state->requiring[i], name) != 0)
			continue;
		push_chain(L, state, i, name);
		luaL_error(L, "circular require: %s", lua_tostring(L, -1));
	}
	if (state->requiring_count == REQUIRE_DEPTH)
		luaL_error(L, "require '%s': more than %d modules deep", name, REQUIRE_DEPTH);
}

/* Runs the file of module `name` and pushes what it returns. The call is protected only so that the
 * chain of modules being loaded is right again afterwards; the error goes on as it was. */
static void run_file(lua_State *L, const char *name)
{
	struct state *state = state_of(L);
	char path[NAME_MAX_LEN + 16];
	const struct generation_file *file = NULL;
	int rc;

	refuse_circle(L, state, name);
	if (path_of(name, path) != NULL)
		file = generation_find(state->gen, path);
	if (file == NULL)
		luaL_error(L, "require '%s': there is no such module", name);
	load_file(L, file);
	lua_pushstring(L, name);
	state->requiring[state->requiring_count++] = name;
	rc = lua_pcall(L, 1, 1, 0);
	state->requiring_count--;
	if (rc != LUA_OK)
		lua_error(L);
	if (lua_isnil(L, -1))
		luaL_error(L, "%s returns nothing", path);
}

static int require(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	lua_CFunction open;

	lua_settop(L, 1);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &loaded_key);
	lua_pushvalue(L, 1);
	if (lua_rawget(L, 2) != LUA_TNIL)
		return 1;
	lua_pop(L, 1);
	open = find_module(name);
	if (open != NULL) {
		lua_pushcfunction(L, open);
		lua_call(L, 0, 1);
	} else {
		run_file(L, name);
	}
	lua_pushvalue(L, 1);
	lua_pushvalue(L, 3);
	lua_rawset(L, 2);
	return 1;
}

/* Standard output belongs to the commands' data, so print writes to the log. */
static int print(lua_State *L)
{
	struct log_line line;
	luaL_Buffer text;
	int count = lua_gettop(L);
	const char *bytes;
	size_t len;

	luaL_buffinit(L, &text);
	for (int i = 1; i <= count; i++) {
		if (i > 1)
			luaL_addchar(&text, '\t');
		luaL_tolstring(L, i, NULL);
		luaL_addvalue(&text);
	}
	luaL_pushresult(&text);
	bytes = lua_tolstring(L, -1, &len);
	log_begin(&line, LOG_INFO, "print");
	log_bytes(&line, "text", bytes, len);
	log_end(&line);
	return 0;
}

/* The base library's load with the mode fixed: bytecode can break the interpreter. */
static int load_text(lua_State *L)
{
	if (lua_gettop(L) < 3)
		lua_settop(L, 3);
	lua_pushliteral(L, "t");
	lua_replace(L, 3);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
	return lua_gettop(L);
}

static void open_standard(lua_State *L)
{
	static const luaL_Reg libraries[] = {
		{LUA_GNAME, luaopen_base},
		{LUA_STRLIBNAME, luaopen_string},
		{LUA_TABLIBNAME, luaopen_table},
		{LUA_MATHLIBNAME, luaopen_math},
		{LUA_UTF8LIBNAME, luaopen_utf8},
		{LUA_COLIBNAME, luaopen_coroutine},
		{LUA_DBLIBNAME, luaopen_debug},
	};

	for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
		luaL_requiref(L, libraries[i].name, libraries[i].func, 1);
		lua_pop(L, 1);
	}
}

void open_library(lua_State *L)
{
	static const char *const removed[] = {"dofile", "loadfile"};

	open_standard(L);
	bound_strings(L);
	bound_tables(L);
	lua_register(L, "pcall", safe_pcall);
	lua_register(L, "xpcall", safe_xpcall);
	for (size_t i = 0; i < sizeof removed / sizeof *removed; i++) {
		lua_pushnil(L);
		lua_setglobal(L, removed[i]);
	}
	lua_getglobal(L, "load");
	lua_pushcclosure(L, load_text, 1);
	lua_setglobal(L, "load");
	lua_register(L, "print", print);
	lua_register(L, "require", require);
	lua_newtable(L);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &loaded_key);
}
