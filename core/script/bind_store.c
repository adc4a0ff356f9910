/* core.store: queries of the running task, straight from Lua's stack to the store and back.
 *
 * The rows of a query are packed into the task's `bytes` while the store reads them, and become Lua
 * tables after it has returned: making a table may raise, and an error must never jump through the
 * store. */
#include "script/bind.h"
#include "script/store_call.h"
#include "store/change_log.h"
#include "text/json_out.h"

#include <string.h>

static const char who[] = STORE_CALLER;
static const char blob_type[] = "core.blob";

/* What is before a packed value: its type, and its length when it has bytes. */
struct packed {
	enum store_type type;
	union {
		int64_t integer;
		double real;
		size_t len;
	};
};

static void pack(struct buf *bytes, const struct store_value *value)
{
	struct packed head = {.type = value->type};
	bool has_bytes = value->type == STORE_TEXT || value->type == STORE_BLOB;
	size_t len = has_bytes ? value->bytes.len : 0;
	char *to = buf_reserve(bytes, sizeof head + len);

	if (to == NULL)
		return;
	if (has_bytes)
		head.len = len;
	else if (value->type == STORE_INT)
		head.integer = value->integer;
	else if (value->type == STORE_REAL)
		head.real = value->real;
	memcpy(to, &head, sizeof head);
	if (len > 0)
		memcpy(to + sizeof head, value->bytes.data, len);
	bytes->len += sizeof head + len;
}

void store_call_row(void *data, const struct store_row *row)
{
	struct task *task = data;

	task->columns = store_row_columns(row);
	task->rows++;
	for (int i = 0; i < task->columns; i++) {
		struct store_value value = store_row_value(row, i);

		pack(&task->bytes, &value);
	}
}

/* Pushes one value and returns where the next begins. */
static const char *push_packed(lua_State *L, const char *from)
{
	struct packed head;

	memcpy(&head, from, sizeof head);
	from += sizeof head;
	switch (head.type) {
	case STORE_NULL:
		lua_pushnil(L);
		break;
	case STORE_INT:
		lua_pushinteger(L, head.integer);
		break;
	case STORE_REAL:
		lua_pushnumber(L, head.real);
		break;
	case STORE_TEXT:
	case STORE_BLOB:
		lua_pushlstring(L, from, head.len);
		return from + head.len;
	}
	return from;
}

const char *store_call_push_row(lua_State *L, const struct task *task, const char *at)
{
	lua_createtable(L, task->columns, 0);
	for (int column = 1; column <= task->columns; column++) {
		at = push_packed(L, at);
		lua_rawseti(L, -2, column);
	}
	return at;
}

static int push_rows(lua_State *L, const struct task *task)
{
	const char *at = task->bytes.data;

	lua_createtable(L, (int)task->rows, 0);
	for (size_t row = 1; row <= task->rows; row++) {
		at = store_call_push_row(L, task, at);
		lua_rawseti(L, -2, (lua_Integer)row);
	}
	lua_pushinteger(L, (lua_Integer)task->rows);
	return 2;
}

struct store_value store_call_value(lua_State *L, int index, int number)
{
	struct store_value value = {.type = STORE_NULL};

	switch (lua_type(L, index)) {
	case LUA_TNIL:
		break;
	case LUA_TBOOLEAN:
		value.type = STORE_INT;
		value.integer = lua_toboolean(L, index);
		break;
	case LUA_TNUMBER:
		value.type = lua_isinteger(L, index) ? STORE_INT : STORE_REAL;
		if (value.type == STORE_INT)
			value.integer = lua_tointeger(L, index);
		else
			value.real = lua_tonumber(L, index);
		break;
	case LUA_TSTRING:
		value.type = STORE_TEXT;
		value.bytes.data = lua_tolstring(L, index, &value.bytes.len);
		break;
	default:
		value.type = STORE_BLOB;
		value.bytes.data = luaL_testudata(L, index, blob_type);
		value.bytes.len = lua_rawlen(L, index);
		if (value.bytes.data == NULL)
			luaL_error(L, "parameter %d: a %s cannot be stored", number,
				luaL_typename(L, index));
	}
	return value;
}

/* The values from `first` on. They are in the task, or, when there are many, in a userdata
 * on the stack. */
static struct store_value *read_params(lua_State *L, struct task *task, int first, int count)
{
	struct store_value *params = task->params;

	if (count > TASK_PARAMS)
		params = lua_newuserdatauv(L, (size_t)count * sizeof *params, 0);
	for (int i = 0; i < count; i++)
		params[i] = store_call_value(L, first + i, i + 1);
	return params;
}

void store_call_done(void *data, int rc, const struct err *err)
{
	struct task *task = data;

	if (rc != 0) {
		task->call = *err;
		task->call.code = rc;
		task_store_failed(task, &task->call);
	}
	task_wake(task);
}

void store_call_check(lua_State *L, const struct task *task)
{
	if (task->call.code != 0)
		raise_failure(L, "store", task->call.code, task->call.text);
}

struct task *store_call_begin(lua_State *L, struct store_unit **unit)
{
	struct task *task = task_may_wait(L, who);

	*unit = task_unit(L, task);
	buf_clear(&task->bytes);
	task->rows = 0;
	task->columns = 0;
	return task;
}

struct task *store_call_query(lua_State *L, int at, store_on_row row)
{
	struct store_unit *unit;
	struct task *task = store_call_begin(L, &unit);
	struct store_query query = {.on_row = row, .done = store_call_done, .data = task};

	query.sql = luaL_checklstring(L, at, &query.sql_len);
	query.param_count = lua_gettop(L) - at;
	query.params = read_params(L, task, at + 1, query.param_count);
	task_expect(task);
	store_query(unit, &query);
	return task;
}

static int after_query(lua_State *L, int status, lua_KContext context)
{
	struct task *task = (struct task *)context;

	(void)status;
	store_call_check(L, task);
	if (task->bytes.failed)
		raise_failure(L, "store", TM_ENOMEM, "no memory for the rows");
	return push_rows(L, task);
}

static int query(lua_State *L)
{
	return task_await(L, store_call_query(L, 1, store_call_row), after_query);
}

/* Pushes the packed row at `at` as a record with the metatable at 2; returns where the next begins.
 */
static const char *push_record(lua_State *L, const struct task *task, const char *at)
{
	int first = lua_gettop(L) + 1;

	luaL_checkstack(L, task->columns + 8, "too many columns");
	for (int column = 0; column < task->columns; column++)
		at = push_packed(L, at);
	projection_push_record(L, projection_at(L, 1), 1, first);
	lua_pushvalue(L, 2);
	lua_setmetatable(L, -2);
	lua_replace(L, first);
	lua_settop(L, first);
	return at;
}

int store_call_records(lua_State *L, int status, lua_KContext context)
{
	struct task *task = (struct task *)context;
	const char *at = task->bytes.data;

	(void)status;
	store_call_check(L, task);
	if (task->bytes.failed)
		raise_failure(L, "store", TM_ENOMEM, "no memory for the rows");
	if (task->rows > 0 && task->columns < projection_columns(projection_at(L, 1)))
		luaL_error(L, "the rows are not those of the projection");
	lua_createtable(L, (int)task->rows, 0);
	for (size_t row = 1; row <= task->rows; row++) {
		at = push_record(L, task, at);
		lua_rawseti(L, -2, (lua_Integer)row);
	}
	return 1;
}

/* records(projection, metatable, sql, values …) -> the rows as records */
static int records(lua_State *L)
{
	projection_at(L, 1);
	luaL_checktype(L, 2, LUA_TTABLE);
	return task_await(L, store_call_query(L, 3, store_call_row), store_call_records);
}

/* Rows of whole numbers that become JSON as they are read, up to the limit. */
static void on_figures(void *data, const struct store_row *row)
{
	struct task *task = data;
	struct buf *out = &task->objects;

	if (task->rows == 0)
		task->number = store_row_value(row, 0).integer;
	if (task->rows++ >= task->writer.limit)
		return;
	buf_puts(out, task->rows > 1 ? ",[" : "[");
	for (int i = 0; i < store_row_columns(row); i++) {
		struct store_value value = store_row_value(row, i);

		if (i > 0)
			buf_putc(out, ',');
		json_out_integer(out, value.integer);
		if (value.type != STORE_INT)
			task->writer.broken = true;
	}
	buf_putc(out, ']');
}

static int after_figures(lua_State *L, int status, lua_KContext context)
{
	struct task *task = (struct task *)context;

	(void)status;
	store_call_check(L, task);
	if (task->writer.broken)
		luaL_error(L, "a figure is no whole number");
	buf_putc(&task->objects, ']');
	if (task->objects.failed)
		raise_failure(L, "store", TM_ENOMEM, "no memory for the rows");
	lua_pushlstring(L, task->objects.data, task->objects.len);
	lua_pushinteger(L, (lua_Integer)task->rows);
	if (task->rows == 0)
		return 2;
	lua_pushinteger(L, task->number);
	return 3;
}

/* figures(limit, sql, values …) -> text, count, first: rows of whole numbers as a JSON list of
 * lists, `limit` of them at most; how many rows there are; and the first number of the first */
static int figures(lua_State *L)
{
	struct task *task = task_may_wait(L, who);

	task->writer.limit = (size_t)luaL_checkinteger(L, 1);
	task->writer.broken = false;
	buf_clear(&task->objects);
	buf_putc(&task->objects, '[');
	return task_await(L, store_call_query(L, 2, on_figures), after_figures);
}

static int after_run(lua_State *L, int status, lua_KContext context)
{
	struct task *task = (struct task *)context;

	(void)status;
	store_call_check(L, task);
	lua_pushinteger(L, store_unit_changes(task->unit));
	return 1;
}

static int run(lua_State *L)
{
	return task_await(L, store_call_query(L, 1, NULL), after_run);
}

static int after_call(lua_State *L, int status, lua_KContext context)
{
	(void)status;
	store_call_check(L, (struct task *)context);
	return 0;
}

static int mark(lua_State *L)
{
	struct task *task = task_may_wait(L, who);
	struct store_unit *unit = task_unit(L, task);

	task_expect(task);
	store_mark(unit, store_call_done, task);
	return task_await(L, task, after_call);
}

static int mark_end(lua_State *L, enum store_verdict verdict)
{
	struct task *task = task_may_wait(L, who);
	struct store_unit *unit = task_unit(L, task);

	task_expect(task);
	store_mark_end(unit, verdict, store_call_done, task);
	return task_await(L, task, after_call);
}

static int keep(lua_State *L)
{
	return mark_end(L, STORE_KEEP);
}

static int undo(lua_State *L)
{
	return mark_end(L, STORE_UNDO);
}

static const char *text_or_null(lua_State *L, int index)
{
	return lua_isnoneornil(L, index) ? NULL : luaL_checkstring(L, index);
}

/* append(txn, entity, id, version, at, actor, cause_kind, cause_id, cause_version, generation,
 * body): a row of the change log; actor, cause_id and cause_version may be nil. */
static int append(lua_State *L)
{
	struct task *task = task_may_wait(L, who);
	struct store_unit *unit = task_unit(L, task);
	struct change change = {
		.txn = luaL_checkinteger(L, 1),
		.entity = luaL_checkstring(L, 2),
		.id = luaL_checkinteger(L, 3),
		.version = luaL_checkinteger(L, 4),
		.at = luaL_checkinteger(L, 5),
		.actor = luaL_optinteger(L, 6, 0),
		.cause_kind = luaL_checkstring(L, 7),
		.cause_id = text_or_null(L, 8),
		.cause_version = text_or_null(L, 9),
		.generation = luaL_checkstring(L, 10),
	};

	change.body = luaL_checklstring(L, 11, &change.body_len);
	task_expect(task);
	change_append(unit, &change, store_call_done, task);
	return task_await(L, task, after_call);
}

static void position_done(void *data, int rc, int64_t pos)
{
	struct task *task = data;
	struct err err = {0};

	task->number = pos;
	if (rc != 0)
		err_set(&err, rc, "the log could not be read: %s", err_name(rc));
	store_call_done(task, rc, &err);
}

static int after_position(lua_State *L, int status, lua_KContext context)
{
	struct task *task = (struct task *)context;

	(void)status;
	store_call_check(L, task);
	lua_pushinteger(L, task->number);
	return 1;
}

static int position(lua_State *L)
{
	struct task *task = task_may_wait(L, who);
	struct store_unit *unit = task_unit(L, task);

	task_expect(task);
	change_position(unit, position_done, task);
	return task_await(L, task, after_position);
}

/* epoch() -> integer; touch(): see store.h */
static int epoch(lua_State *L)
{
	struct store_conn *conn = state_of(L)->host.conn;

	lua_pushinteger(L, conn != NULL ? (lua_Integer)store_epoch(conn) : 0);
	return 1;
}

static int touch(lua_State *L)
{
	store_touch(task_unit(L, task_may_wait(L, who)));
	return 0;
}

static int writes(lua_State *L)
{
	struct task *task = task_current(L);

	lua_pushboolean(L, task != NULL && task_writes(task));
	return 1;
}

static int blob(lua_State *L)
{
	size_t len;
	const char *bytes = luaL_checklstring(L, 1, &len);

	memcpy(lua_newuserdatauv(L, len, 0), bytes, len);
	luaL_setmetatable(L, blob_type);
	return 1;
}

int bind_store(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"query", query},
		{"figures", figures},
		{"records", records},
		{"run", run},
		{"mark", mark},
		{"keep", keep},
		{"undo", undo},
		{"append", append},
		{"position", position},
		{"epoch", epoch},
		{"touch", touch},
		{"writes", writes},
		{"blob", blob},
		{NULL, NULL},
	};

	luaL_newmetatable(L, blob_type);
	lua_pop(L, 1);
	luaL_newlib(L, functions);
	bind_lists(L);
	return 1;
}
