/* core.store: records as JSON and lists, which are the merge of ordered scans (store_merge).
 *
 *	store.objects(projection, rights, limit, order, scans)
 *	order    { 9, -1, fits = 20 }: by column 9, then by column 1 backwards; columns count from
 *	         1; `fits` may be missing
 *	scans    { { values = { 7, 12 }, parts = { { n = 2, "SELECT …", value, value }, … } }, … }
 *
 * A scan with `values` stands for one scan for each of them, the parameter :own. */
#include "script/bind.h"
#include "script/store_call.h"

#include <string.h>

/* Rows that become JSON as they are read. The one that fills a page stays packed: a list's cursor
 * is made of it. */
static void on_object(void *data, const struct store_row *row)
{
	struct task *task = data;
	struct object_writer *writer = &task->writer;

	if (!object_writer_row(writer, row))
		return;
	if (writer->single)
		task->number = store_row_value(row, 0).integer;
	else if (writer->written == writer->limit)
		store_call_row(task, row);
}

static bool on_list_object(void *data, const struct store_row *row)
{
	struct task *task = data;

	on_object(task, row);
	return !task->writer.more;
}

static bool on_list_row(void *data, const struct store_row *row)
{
	struct task *task = data;

	store_call_row(task, row);
	return task->rows < task->writer.limit;
}

static int push_places(lua_State *L, const struct task *task)
{
	const struct buf *places = &task->writer.places;
	size_t count = places->len / sizeof(struct object_place);

	lua_createtable(L, (int)count * 3, 0);
	for (size_t i = 0; i < count; i++) {
		struct object_place place;

		memcpy(&place, places->data + i * sizeof place, sizeof place);
		lua_pushinteger(L, (lua_Integer)place.at + 1);
		lua_rawseti(L, -2, (lua_Integer)(3 * i + 1));
		lua_pushinteger(L, place.inner);
		lua_rawseti(L, -2, (lua_Integer)(3 * i + 2));
		lua_pushlstring(L, place.name, place.name_len);
		lua_rawseti(L, -2, (lua_Integer)(3 * i + 3));
	}
	return 1;
}

/* Pushes how many of the objects each meter counts, or nil where there is none. */
static void push_metered(lua_State *L, const struct object_writer *writer)
{
	unsigned count = rights_meters(writer->rights);

	if (count == 0) {
		lua_pushnil(L);
		return;
	}
	lua_createtable(L, (int)count, 0);
	for (unsigned i = 0; i < count; i++) {
		lua_pushinteger(L, writer->metered[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
}

static int after_objects(lua_State *L, int status, lua_KContext context)
{
	struct task *task = (struct task *)context;
	struct object_writer *writer = &task->writer;

	(void)status;
	store_call_check(L, task);
	if (writer->broken)
		luaL_error(L, "a row holds what cannot be shown as declared: the database was "
			      "changed from outside");
	if (task->objects.failed || task->bytes.failed || writer->places.failed)
		raise_failure(L, "store", TM_ENOMEM, "no memory for the rows");
	lua_pushlstring(L, task->objects.data ? task->objects.data : "", task->objects.len);
	lua_pushinteger(L, (lua_Integer)writer->written);
	if (writer->single && writer->written == 1)
		lua_pushinteger(L, task->number);
	else if (writer->more)
		store_call_push_row(L, task, task->bytes.data);
	else
		lua_pushnil(L);
	push_metered(L, writer);
	if (writer->places.len == 0)
		return 4;
	push_places(L, task);
	return 5;
}

/* The task's writer, for the projection at 1 and the rights at 2. */
static void begin_objects(lua_State *L, struct task *task, size_t limit, bool single)
{
	struct object_writer *writer = &task->writer;
	struct buf places = writer->places;

	buf_clear(&task->objects);
	buf_clear(&places);
	*writer = (struct object_writer){
		.projection = projection_at(L, 1),
		.id_key = bind_id_key(L),
		.limit = limit,
		.single = single,
		.out = &task->objects,
		.places = places,
	};
	writer->rights = rights_at(L, 2, writer->projection);
}

/* object(projection, rights, sql, values …) -> text, count, version, metered, places: one record,
 * whose first column is its version. */
static int object(lua_State *L)
{
	begin_objects(L, task_may_wait(L, STORE_CALLER), 1, true);
	return task_await(L, store_call_query(L, 3, on_object), after_objects);
}

/* Reading `scans` */

struct counts {
	size_t scans, parts, values;
};

/* Pushes the list `name` of the table at the top; its length, 0 when it is not there. */
static size_t push_list(lua_State *L, const char *name)
{
	return lua_getfield(L, -1, name) == LUA_TTABLE ? lua_rawlen(L, -1) : 0;
}

static int value_count(lua_State *L)
{
	int count;

	luaL_checktype(L, -1, LUA_TTABLE);
	lua_getfield(L, -1, "n");
	count = (int)luaL_checkinteger(L, -1);
	luaL_argcheck(L, count >= 0 && count < 32768, 5, "a part has too many values");
	lua_pop(L, 1);
	return count;
}

static struct counts count_scans(lua_State *L, int index)
{
	struct counts counts = {0};

	luaL_checktype(L, index, LUA_TTABLE);
	for (size_t i = lua_rawlen(L, index); i > 0; i--) {
		size_t parts;

		lua_rawgeti(L, index, (lua_Integer)i);
		luaL_checktype(L, -1, LUA_TTABLE);
		counts.scans += lua_getfield(L, -1, "values") == LUA_TTABLE ? lua_rawlen(L, -1) : 1;
		lua_pop(L, 1);
		parts = push_list(L, "parts");
		counts.parts += parts;
		for (; parts > 0; parts--) {
			lua_rawgeti(L, -1, (lua_Integer)parts);
			counts.values += (size_t)value_count(L);
			lua_pop(L, 1);
		}
		lua_pop(L, 2);
	}
	luaL_argcheck(L, counts.scans <= STORE_SCANS_MAX, index, "too many scans");
	return counts;
}

/* Reads the part at the top; its values go to `values`. The texts stay in Lua's tables, which the
 * caller's stack holds. */
static size_t read_part(lua_State *L, struct store_part *part, struct store_value *values)
{
	part->param_count = value_count(L);
	part->params = values;
	lua_rawgeti(L, -1, 1);
	part->sql = luaL_checklstring(L, -1, &part->sql_len);
	lua_pop(L, 1);
	for (int i = 0; i < part->param_count; i++) {
		lua_rawgeti(L, -1, i + 2);
		values[i] = store_call_value(L, -1, i + 1);
		lua_pop(L, 1);
	}
	return (size_t)part->param_count;
}

/* Reads the scans that the table at the top stands for, which share `parts`. */
static size_t read_scan(lua_State *L, struct store_scan *scans, struct store_scan scan)
{
	size_t count;

	scan.has_value = lua_getfield(L, -1, "values") == LUA_TTABLE;
	count = scan.has_value ? lua_rawlen(L, -1) : 1;
	for (size_t i = 0; i < count; i++) {
		scans[i] = scan;
		if (!scan.has_value)
			break;
		lua_rawgeti(L, -1, (lua_Integer)i + 1);
		scans[i].value = store_call_value(L, -1, 1);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	return count;
}

/* Fills `merge` from the scans at `index`; what it points to lies in a userdata that is pushed. */
static void read_scans(lua_State *L, int index, struct store_merge *merge)
{
	struct counts counts = count_scans(L, index);
	struct store_scan *scans = lua_newuserdatauv(L,
		counts.scans * sizeof *scans + counts.parts * sizeof(struct store_part) +
			counts.values * sizeof(struct store_value),
		0);
	struct store_part *parts = (struct store_part *)(scans + counts.scans);
	struct store_value *values = (struct store_value *)(parts + counts.parts);

	merge->scans = scans;
	merge->scan_count = (unsigned)counts.scans;
	for (size_t i = 1; i <= lua_rawlen(L, index); i++) {
		struct store_scan scan = {.parts = parts};

		lua_rawgeti(L, index, (lua_Integer)i);
		scan.part_count = (unsigned)push_list(L, "parts");
		for (unsigned k = 1; k <= scan.part_count; k++) {
			lua_rawgeti(L, -1, k);
			values += read_part(L, parts++, values);
			lua_pop(L, 1);
		}
		lua_pop(L, 1);
		scans += read_scan(L, scans, scan);
		lua_pop(L, 1);
	}
}

static void read_order(lua_State *L, int index, struct store_merge *merge)
{
	size_t count;
	struct store_key *keys;

	luaL_checktype(L, index, LUA_TTABLE);
	count = lua_rawlen(L, index);
	luaL_argcheck(L, count >= 1 && count <= STORE_KEYS_MAX, index, "too few or too many keys");
	lua_getfield(L, index, "fits");
	merge->fits = (int)luaL_optinteger(L, -1, 0) - 1;
	lua_pop(L, 1);
	keys = lua_newuserdatauv(L, count * sizeof *keys, 0);
	merge->keys = keys;
	merge->key_count = (unsigned)count;
	for (size_t i = 0; i < count; i++) {
		lua_Integer column;

		lua_rawgeti(L, index, (lua_Integer)i + 1);
		column = luaL_checkinteger(L, -1);
		lua_pop(L, 1);
		keys[i].descending = column < 0;
		keys[i].column = (int)(column < 0 ? -column : column) - 1;
	}
}

/* Starts the merge of the order at 4 and the scans at 5. */
static struct task *start_merge(
	lua_State *L, bool (*on_row)(void *data, const struct store_row *row))
{
	struct store_unit *unit;
	struct task *task = store_call_begin(L, &unit);
	struct store_merge merge = {.on_row = on_row, .done = store_call_done, .data = task};

	read_order(L, 4, &merge);
	read_scans(L, 5, &merge);
	task_expect(task);
	store_merge(unit, &merge);
	return task;
}

static size_t limit_at(lua_State *L, int index)
{
	lua_Integer limit = luaL_checkinteger(L, index);

	luaL_argcheck(L, limit >= 1, index, "a limit is a number from 1");
	return (size_t)limit;
}

/* objects(projection, rights, limit, order, scans) -> text, count, last, metered, places
 *
 * The rows as JSON objects with commas between them; how many; the row of the last object if there
 * is another beyond the limit; how many of them each meter of the rights counts; and, where
 * references are to be expanded, for each where in the text the sealed id stands, the inner id and
 * the member's name. */
static int objects(lua_State *L)
{
	lua_settop(L, 5);
	begin_objects(L, task_may_wait(L, STORE_CALLER), limit_at(L, 3), false);
	return task_await(L, start_merge(L, on_list_object), after_objects);
}

/* found(projection, metatable, limit, order, scans) -> the rows as records */
static int found(lua_State *L)
{
	lua_settop(L, 5);
	projection_at(L, 1);
	luaL_checktype(L, 2, LUA_TTABLE);
	task_may_wait(L, STORE_CALLER)->writer.limit = limit_at(L, 3);
	return task_await(L, start_merge(L, on_list_row), store_call_records);
}

void bind_lists(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"object", object},
		{"objects", objects},
		{"found", found},
		{NULL, NULL},
	};

	luaL_setfuncs(L, functions, 0);
}
