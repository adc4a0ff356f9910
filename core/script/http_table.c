#include "script/task.h"

#include <string.h>

static void set_bytes(lua_State *L, const char *name, struct http_text text)
{
	lua_pushlstring(L, text.data, text.len);
	lua_setfield(L, -2, name);
}

/* Adds one header to the table at the top; one that comes again is joined as RFC 9110 (5.3) and,
 * for cookies, RFC 6265 (5.4) say. */
static void set_header(lua_State *L, const struct http_header *header)
{
	bool cookie = header->name.len == 6 && memcmp(header->name.data, "cookie", 6) == 0;

	lua_pushlstring(L, header->name.data, header->name.len);
	lua_pushvalue(L, -1);
	if (lua_rawget(L, -3) == LUA_TNIL) {
		lua_pop(L, 1);
		lua_pushlstring(L, header->value.data, header->value.len);
	} else {
		lua_pushstring(L, cookie ? "; " : ", ");
		lua_pushlstring(L, header->value.data, header->value.len);
		lua_concat(L, 3);
	}
	lua_rawset(L, -3);
}

void push_request(lua_State *L, const struct http_request *request)
{
	luaL_checkstack(L, 8, NULL);
	lua_createtable(L, 0, 8);
	lua_pushstring(L, request->id);
	lua_setfield(L, -2, "id");
	set_bytes(L, "method", request->method);
	set_bytes(L, "path", request->path);
	set_bytes(L, "query", request->query);
	set_bytes(L, "host", request->host);
	set_bytes(L, "body", request->body);
	lua_pushstring(L, request->client);
	lua_setfield(L, -2, "client");
	lua_createtable(L, 0, (int)request->header_count);
	for (unsigned i = 0; i < request->header_count; i++)
		set_header(L, &request->headers[i]);
	lua_setfield(L, -2, "headers");
}

/* Reads the string in field `name` of the table at the top, or nothing. The string stays in the
 * table, which keeps it. */
static struct http_text string_field(lua_State *L, const char *name)
{
	struct http_text text = {0};
	int type;

	lua_pushstring(L, name);
	type = lua_rawget(L, -2);
	if (type == LUA_TSTRING)
		text.data = lua_tolstring(L, -1, &text.len);
	else if (type != LUA_TNIL)
		luaL_error(L, "the answer's '%s' must be a string, not %s", name,
			luaL_typename(L, -1));
	lua_pop(L, 1);
	return text;
}

/* A header must not be able to end its line and begin another. */
static bool is_header_name(const char *name, size_t len)
{
	return len > 0 && strlen(name) == len &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") ==
		       len;
}

static bool is_header_value(const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)value[i] < ' ' && value[i] != '\t') || value[i] == 127)
			return false;
	return true;
}

/* Reads name and value at the top of the stack. */
static void read_header(lua_State *L, struct task *task)
{
	struct http_answer *answer = &task->result.answer;
	struct http_answer_header *header = &task->headers[answer->header_count];
	size_t len;

	if (answer->header_count == TASK_HEADERS)
		luaL_error(L, "the answer has more than %d headers", TASK_HEADERS);
	if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
		luaL_error(L, "the answer's headers must be strings by name");
	header->name = lua_tolstring(L, -2, &len);
	header->value.data = lua_tolstring(L, -1, &header->value.len);
	if (!is_header_name(header->name, len) ||
		!is_header_value(header->value.data, header->value.len))
		luaL_error(L, "the answer's header '%s' cannot be sent", header->name);
	answer->header_count++;
}

static void read_headers(lua_State *L, struct task *task)
{
	int type;

	lua_pushliteral(L, "headers");
	type = lua_rawget(L, -2);
	if (type == LUA_TTABLE) {
		lua_pushnil(L);
		while (lua_next(L, -2) != 0) {
			read_header(L, task);
			lua_pop(L, 1);
		}
	} else if (type != LUA_TNIL) {
		luaL_error(
			L, "the answer's 'headers' must be a table, not %s", luaL_typename(L, -1));
	}
	lua_pop(L, 1);
}

static int read_status(lua_State *L)
{
	int is_integer;
	lua_Integer status;

	lua_pushliteral(L, "status");
	lua_rawget(L, -2);
	status = lua_tointegerx(L, -1, &is_integer);
	if (!is_integer || status < 200 || status > 599)
		luaL_error(L, "the answer's 'status' must be a number from 200 to 599");
	lua_pop(L, 1);
	return (int)status;
}

static bool to_lane(lua_State *L)
{
	bool lane;

	lua_pushliteral(L, "lane");
	lua_rawget(L, -2);
	lane = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return lane;
}

void read_answer(lua_State *L, struct task *task)
{
	struct task_result *result = &task->result;

	if (!lua_istable(L, -1))
		luaL_error(L, "main.lua must return an answer as a table, not %s",
			luaL_typename(L, -1));
	luaL_checkstack(L, 8, NULL);
	if (task->kind == TASK_HANDLE && to_lane(L)) {
		result->to_lane = true;
		result->text = string_field(L, "prepared");
		return;
	}
	result->answer.status = read_status(L);
	result->answer.body = string_field(L, "body");
	read_headers(L, task);
	result->answer.headers = task->headers;
}
