/* core.csv: files of comma-separated values, a row at a time. */
#include "script/bind.h"

#include "text/csv_in.h"
#include "text/csv_out.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char reader_type[] = "core.csv.reader";
static const char writer_type[] = "core.csv.writer";
static const char fault_type[] = "core.csv.fault";

struct writer {
	FILE *file;
	struct buf row;
};

/* open(path) -> reader, or nil and what is wrong */
static int csv_open(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	struct csv_in **reader = lua_newuserdatauv(L, sizeof *reader, 0);
	struct err err;

	*reader = NULL;
	luaL_setmetatable(L, reader_type);
	if (csv_in_open(reader, path, &err) == 0)
		return 1;
	lua_pushnil(L);
	lua_pushstring(L, err.text);
	return 2;
}

static int raise_fault(lua_State *L, size_t line, const char *message)
{
	lua_createtable(L, 0, 3);
	lua_pushboolean(L, 1);
	lua_setfield(L, -2, "csv");
	lua_pushinteger(L, (lua_Integer)line);
	lua_setfield(L, -2, "line");
	lua_pushstring(L, message);
	lua_setfield(L, -2, "message");
	luaL_setmetatable(L, fault_type);
	return lua_error(L);
}

static int fault_tostring(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	lua_getfield(L, 1, "line");
	lua_getfield(L, 1, "message");
	lua_pushfstring(L, "line %s: %s", luaL_tolstring(L, 2, NULL), luaL_tolstring(L, 3, NULL));
	return 1;
}

/* reader:next() -> the row's texts and its line, or nil at the end */
static int reader_next(lua_State *L)
{
	struct csv_in **reader = luaL_checkudata(L, 1, reader_type);
	struct err err;
	int count;

	if (*reader == NULL)
		return luaL_error(L, "the reader is closed");
	count = csv_in_next(*reader, &err);
	if (count < 0)
		return raise_fault(L, csv_in_line(*reader), err.text);
	if (count == 0) {
		lua_pushnil(L);
		return 1;
	}
	lua_createtable(L, count, 0);
	for (int i = 0; i < count; i++) {
		struct csv_field field = csv_in_field(*reader, (unsigned)i);

		lua_pushlstring(L, field.text, field.len);
		lua_rawseti(L, -2, i + 1);
	}
	lua_pushinteger(L, (lua_Integer)csv_in_line(*reader));
	return 2;
}

/* reader:close(), which may come twice */
static int reader_close(lua_State *L)
{
	struct csv_in **reader = luaL_checkudata(L, 1, reader_type);

	csv_in_close(*reader);
	*reader = NULL;
	return 0;
}

/* writer(path) -> writer of a new file that only its owner can read, or nil and what is wrong */
static int csv_writer(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	struct writer *writer = lua_newuserdatauv(L, sizeof *writer, 0);
	int fd;

	*writer = (struct writer){NULL, BUF_EMPTY};
	luaL_setmetatable(L, writer_type);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0)
		writer->file = fdopen(fd, "w");
	if (writer->file != NULL)
		return 1;
	lua_pushnil(L);
	lua_pushfstring(L, "cannot write %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return 2;
}

/* remove(path) -> true, also when there is no such file; or nil and what is wrong */
static int csv_remove(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);

	if (unlink(path) != 0 && errno != ENOENT) {
		lua_pushnil(L);
		lua_pushfstring(L, "cannot remove %s: %s", path, strerror(errno));
		return 2;
	}
	lua_pushboolean(L, 1);
	return 1;
}

static struct writer *writer_at(lua_State *L)
{
	struct writer *writer = luaL_checkudata(L, 1, writer_type);

	if (writer->file == NULL)
		luaL_error(L, "the writer is closed");
	return writer;
}

/* Appends the value on top of the stack as a field. nil and json.null are empty. */
static void append_field(lua_State *L, struct buf *row)
{
	const char *text;
	size_t len;

	if (lua_isnil(L, -1) || (lua_islightuserdata(L, -1) && lua_touserdata(L, -1) == NULL)) {
		csv_out_field(row, "", 0);
		return;
	}
	text = luaL_tolstring(L, -1, &len);
	csv_out_field(row, text, len);
	lua_pop(L, 1);
}

/* writer:row(array) */
static int writer_row(lua_State *L)
{
	struct writer *writer = writer_at(L);
	lua_Integer count;

	luaL_checktype(L, 2, LUA_TTABLE);
	count = (lua_Integer)lua_rawlen(L, 2);
	buf_clear(&writer->row);
	for (lua_Integer i = 1; i <= count; i++) {
		if (i > 1)
			buf_putc(&writer->row, ',');
		lua_rawgeti(L, 2, i);
		append_field(L, &writer->row);
		lua_pop(L, 1);
	}
	buf_putc(&writer->row, '\n');
	if (writer->row.failed)
		return luaL_error(L, "out of memory");
	if (fwrite(writer->row.data, 1, writer->row.len, writer->file) != writer->row.len)
		return luaL_error(L, "cannot write: %s", strerror(errno));
	return 0;
}

/* writer:close(): only then all rows have been written */
static int writer_close(lua_State *L)
{
	struct writer *writer = writer_at(L);
	FILE *file = writer->file;

	writer->file = NULL;
	buf_free(&writer->row);
	if (fclose(file) != 0)
		return luaL_error(L, "cannot write: %s", strerror(errno));
	return 0;
}

static int writer_gc(lua_State *L)
{
	struct writer *writer = luaL_checkudata(L, 1, writer_type);

	if (writer->file != NULL)
		fclose(writer->file);
	writer->file = NULL;
	buf_free(&writer->row);
	return 0;
}

static const luaL_Reg reader_methods[] = {
	{"next", reader_next},
	{"close", reader_close},
	{NULL, NULL},
};

static const luaL_Reg writer_methods[] = {
	{"row", writer_row},
	{"close", writer_close},
	{NULL, NULL},
};

static const luaL_Reg functions[] = {
	{"open", csv_open},
	{"writer", csv_writer},
	{"remove", csv_remove},
	{NULL, NULL},
};

static void new_type(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction end)
{
	luaL_newmetatable(L, name);
	lua_newtable(L);
	luaL_setfuncs(L, methods, 0);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, end);
	lua_setfield(L, -2, "__gc");
	lua_pushcfunction(L, end);
	lua_setfield(L, -2, "__close");
	lua_pop(L, 1);
}

int bind_csv(lua_State *L)
{
	new_type(L, reader_type, reader_methods, reader_close);
	new_type(L, writer_type, writer_methods, writer_gc);
	luaL_newmetatable(L, fault_type);
	lua_pushcfunction(L, fault_tostring);
	lua_setfield(L, -2, "__tostring");
	lua_pop(L, 1);

	luaL_newlib(L, functions);
	return 1;
}
