#include "script/task.h"

#include <string.h>

/* A request as Lua sees it: a userdata of its task, which reads the request itself, so that nothing
 * is copied that nobody asks for. One serves all requests of a task, one after another; between
 * them it is empty. */

static const char request_type[] = "core.request";
static const char headers_type[] = "core.headers";

/* The request of the userdata at 1, which must have the metatable that is the function's first
 * upvalue. */
static const struct http_request *request_at(lua_State *L)
{
	const struct http_request **request = lua_touserdata(L, 1);

	if (!lua_getmetatable(L, 1) || !lua_rawequal(L, -1, lua_upvalueindex(1)))
		luaL_typeerror(L, 1, "request");
	lua_pop(L, 1);
	if (*request == NULL)
		luaL_error(L, "the request is over");
	return *request;
}

static int push_text(lua_State *L, struct http_text text)
{
	lua_pushlstring(L, text.data, text.len);
	return 1;
}

enum request_field { ID, METHOD, PATH, QUERY, HOST, BODY, CLIENT, HEADERS, FIELDS };

static const char *const request_fields[FIELDS] = {
	"id", "method", "path", "query", "host", "body", "client", "headers"};

/* The number of the field is found in the table that is the function's second upvalue. */
static int request_index(lua_State *L)
{
	const struct http_request *request = request_at(L);

	lua_pushvalue(L, 2);
	if (lua_rawget(L, lua_upvalueindex(2)) != LUA_TNUMBER)
		return luaL_error(L, "a request has no %s", luaL_tolstring(L, 2, NULL));
	switch ((enum request_field)lua_tointeger(L, -1)) {
	case ID:
		lua_pushstring(L, request->id);
		return 1;
	case METHOD:
		return push_text(L, request->method);
	case PATH:
		return push_text(L, request->path);
	case QUERY:
		return push_text(L, request->query);
	case HOST:
		return push_text(L, request->host);
	case BODY:
		return push_text(L, request->body);
	case CLIENT:
		lua_pushstring(L, request->client);
		return 1;
	default:
		lua_getiuservalue(L, 1, 1);
		return 1;
	}
}

/* These two push the function for the metatable at the top. */

static void push_request_index(lua_State *L)
{
	lua_pushvalue(L, -1);
	lua_createtable(L, 0, FIELDS);
	for (int i = 0; i < FIELDS; i++) {
		lua_pushinteger(L, i);
		lua_setfield(L, -2, request_fields[i]);
	}
	lua_pushcclosure(L, request_index, 2);
}

/* The value of a header, by its name in lower case, or nil. One that comes again is joined as RFC
 * 9110 (5.3) and, for cookies, RFC 6265 (5.4) say. */
static int headers_index(lua_State *L)
{
	const struct http_request *request = request_at(L);
	size_t len;
	const char *name = luaL_checklstring(L, 2, &len);
	int found = 0;

	for (unsigned i = 0; i < request->header_count; i++) {
		const struct http_header *header = &request->headers[i];

		if (header->name.len != len || memcmp(header->name.data, name, len) != 0)
			continue;
		if (found++ > 0)
			lua_pushstring(L, strcmp(name, "cookie") == 0 ? "; " : ", ");
		push_text(L, header->value);
		if (found > 1)
			lua_concat(L, 3);
	}
	return found > 0;
}

static void push_headers_index(lua_State *L)
{
	lua_pushvalue(L, -1);
	lua_pushcclosure(L, headers_index, 1);
}

static const struct http_request **push_reader(
	lua_State *L, const char *type, void (*push_index)(lua_State *L), int values)
{
	const struct http_request **reader = lua_newuserdatauv(L, sizeof *reader, values);

	*reader = NULL;
	if (luaL_newmetatable(L, type)) {
		push_index(L);
		lua_setfield(L, -2, "__index");
	}
	lua_setmetatable(L, -2);
	return reader;
}

void push_request_reader(lua_State *L, struct task *task)
{
	task->readers[0] = push_reader(L, request_type, push_request_index, 1);
	task->readers[1] = push_reader(L, headers_type, push_headers_index, 0);
	lua_setiuservalue(L, -2, 1);
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
	if (!http_header_is_sound(header->name, len, header->value))
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
