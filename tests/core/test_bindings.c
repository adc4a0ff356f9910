/* The modules that scripts find under core.*: values, texts, ids, JSON, CSV. */
#include "base/buf.h"
#include "script/bind.h"
#include "text/hash.h"
#include "text/json_in.h"

#include <lauxlib.h>
#include <lualib.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool keys_missing;

const unsigned char *bind_id_key(lua_State *L)
{
	static const unsigned char key[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

	(void)L;
	return keys_missing ? NULL : key;
}

const unsigned char *bind_seal_key(lua_State *L)
{
	static const unsigned char key[32] = "thirty-two bytes that are secret";

	(void)L;
	return keys_missing ? NULL : key;
}

static lua_State *new_state(void)
{
	static const luaL_Reg modules[] = {
		{"core.clock", bind_clock},
		{"core.csv", bind_csv},
		{"core.decimal", bind_decimal},
		{"core.fields", bind_fields},
		{"core.hash", bind_hash},
		{"core.id", bind_id},
		{"core.json", bind_json},
		{"core.language", bind_language},
		{"core.log", bind_log},
		{"core.text", bind_text},
		{"core.zone", bind_zone},
		{NULL, NULL},
	};
	lua_State *L = luaL_newstate();

	assert_non_null(L);
	luaL_openlibs(L);
	for (const luaL_Reg *module = modules; module->name != NULL; module++) {
		luaL_requiref(L, module->name, module->func, 0);
		lua_pop(L, 1);
	}
	return L;
}

/* test_bindings.lua calls this function, which it gets as its argument, for each test: test(name,
 * run). */
static int add_test(lua_State *L)
{
	lua_settop(L, 2);
	lua_createtable(L, 0, 2);
	lua_insert(L, 1);
	lua_setfield(L, 1, "run");
	lua_setfield(L, 1, "name");
	lua_rawseti(L, lua_upvalueindex(1), (lua_Integer)lua_rawlen(L, lua_upvalueindex(1)) + 1);
	return 0;
}

/* Leaves the list of the tests on the stack. */
static void load_tests(lua_State *L)
{
	const char *data = getenv("TM_TEST_DATA");
	char path[512];

	snprintf(path, sizeof path, "%s/../core/test_bindings.lua",
		data != NULL ? data : "tests/data");
	lua_newtable(L);
	if (luaL_loadfile(L, path) != LUA_OK)
		fail_msg("%s", lua_tostring(L, -1));
	lua_pushvalue(L, -2);
	lua_pushcclosure(L, add_test, 1);
	if (lua_pcall(L, 1, 0, 0) != LUA_OK)
		fail_msg("%s", luaL_tolstring(L, -1, NULL));
}

static int add_traceback(lua_State *L)
{
	luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
	return 1;
}

/* Runs one test of the Lua file in a state of its own. */
static void run_lua_test(void **state)
{
	const lua_Integer *number = *state;
	lua_State *L = new_state();

	load_tests(L);
	lua_pushcfunction(L, add_traceback);
	lua_rawgeti(L, -2, *number);
	lua_getfield(L, -1, "run");
	if (lua_pcall(L, 0, 0, -3) != LUA_OK)
		fail_msg("%s", lua_tostring(L, -1));
	lua_close(L);
}

static void test_without_a_tenant_nothing_is_sealed(void **state)
{
	static const char code[] = "local hash, id = require 'core.hash', require 'core.id'\n"
				   "return pcall(hash.seal, 'x', '') or pcall(hash.open, 'x', '')\n"
				   "  or pcall(id.seal, 1) or pcall(id.open, '0wgbrj7tvkxf1')\n";
	lua_State *L = new_state();

	(void)state;
	keys_missing = true;
	assert_int_equal(luaL_dostring(L, code), LUA_OK);
	keys_missing = false;

	assert_false(lua_toboolean(L, -1));
	lua_close(L);
}

struct budget {
	size_t used;
	size_t limit;
};

static void *limited_alloc(void *data, void *old, size_t old_size, size_t size)
{
	struct budget *budget = data;

	if (old == NULL)
		old_size = 0;
	if (size > old_size && budget->used - old_size + size > budget->limit)
		return NULL;
	budget->used += size - old_size;
	if (size > 0)
		return realloc(old, size);
	free(old);
	return NULL;
}

/* Whatever allocation fails, the error is Lua's and nothing leaks (the sanitizer watches). */
static void test_a_state_without_memory_leaks_nothing(void **state)
{
	static const char code[] =
		"local json, text, hash = require 'core.json', require 'core.text', require "
		"'core.hash'\n"
		"local list = {}\n"
		"for i = 1, 200 do list[i] = { name = text.lower(('\xc3\x84'):rep(i)), n = i } "
		"end\n"
		"local out = json.encode(list)\n"
		"return #json.decode(out) + #hash.seal(out, '') + #text.normalize('a\xcc\x88')\n";
	unsigned failed = 0;

	(void)state;
	for (size_t limit = 64 * 1024; limit < 512 * 1024; limit += 1024) {
		struct budget budget = {0, SIZE_MAX};
		lua_State *L = new_state();

		lua_getallocf(L, NULL);
		budget.used = (size_t)lua_gc(L, LUA_GCCOUNT) * 1024;
		budget.limit = limit;
		lua_setallocf(L, limited_alloc, &budget);
		failed += luaL_dostring(L, code) != LUA_OK;
		lua_close(L);
	}

	assert_in_range(failed, 1, 447);
}

/* What the reader's tree and the Lua state have together, and had at most. */
static size_t held, most_held;

static void *hold(void *block)
{
	held += malloc_usable_size(block);
	most_held = held > most_held ? held : most_held;
	return block;
}

static void *held_malloc(size_t size)
{
	return hold(malloc(size));
}

static void held_free(void *block)
{
	held -= malloc_usable_size(block);
	free(block);
}

static void *held_alloc(void *data, void *old, size_t old_size, size_t size)
{
	(void)data;
	(void)old_size;
	held -= malloc_usable_size(old);
	if (size > 0)
		return hold(realloc(old, size));
	free(old);
	return NULL;
}

/* `part` as often as it fits into `size` bytes between brackets, with commas; at most `count` of
 * them. */
static struct buf many(const char *part, size_t size, size_t count)
{
	struct buf text = BUF_EMPTY;

	buf_putc(&text, '[');
	while (count-- > 0 && text.len + strlen(part) + 2 < size)
		buf_printf(&text, "%s%s", text.len > 1 ? "," : "", part);
	buf_putc(&text, ']');
	return text;
}

/* How much memory reading the text takes at most, in MiB, rounded up; `refused` as which fault. */
static size_t peak_of(struct buf text, const char *refused)
{
	json_malloc_t old_malloc;
	json_free_t old_free;
	size_t before;
	lua_State *L;

	json_get_alloc_funcs(&old_malloc, &old_free);
	json_set_alloc_funcs(held_malloc, held_free);
	held = 0;
	L = lua_newstate(held_alloc, NULL);
	assert_non_null(L);
	luaL_requiref(L, "core.json", bind_json, 0);
	lua_getfield(L, -1, "decode");
	lua_pushlstring(L, text.data, text.len);
	buf_free(&text);
	before = most_held = held;
	lua_call(L, 1, 2);
	if (refused != NULL) {
		assert_true(lua_isnil(L, -2));
		lua_getfield(L, -1, "code");
		assert_string_equal(lua_tostring(L, -1), refused);
	} else {
		assert_true(lua_istable(L, -2));
	}
	lua_close(L);
	assert_int_equal(held, 0);
	json_set_alloc_funcs(old_malloc, old_free);
	return (most_held - before + 1024 * 1024 - 1) / (1024 * 1024);
}

/* A body of 4 MiB may be as nasty as the bounds let it: the tree of the reader and Lua's tables
 * beside it stay within what a task may have. */
static void test_reading_json_takes_bounded_memory(void **state)
{
	enum { BODY = 4 * 1024 * 1024, MOST = 64 };
	size_t few = JSON_IN_NODES - 1;

	(void)state;
	assert_in_range(peak_of(many("[]", 2 * BODY, SIZE_MAX), "nodes"), 0, 1);
	assert_in_range(peak_of(many("[]", BODY, SIZE_MAX), "nodes"), 0, 1);
	assert_in_range(peak_of(many("{}", BODY, few), NULL), 1, MOST);
	assert_in_range(peak_of(many("[]", BODY, few), NULL), 1, MOST);
	assert_in_range(peak_of(many("[[]]", BODY, few / 2), NULL), 1, MOST);
	assert_in_range(peak_of(many("{\"a\":1}", BODY, few / 2), NULL), 1, MOST);
	assert_in_range(peak_of(many("{\"a\":{}}", BODY, few / 2), NULL), 1, MOST);
	assert_in_range(
		peak_of(many("\"0123456789012345678901234567890123456789\"", BODY, few), NULL), 1,
		MOST);
}

int main(void)
{
	enum { MOST = 100 };
	static lua_Integer numbers[MOST];
	static struct CMUnitTest tests[MOST + 3];
	lua_State *names = new_state();
	size_t count;

	if (hash_start() < 0)
		return 1;
	load_tests(names);
	count = lua_rawlen(names, 1);
	assert_in_range(count, 1, MOST);
	for (size_t i = 0; i < count; i++) {
		numbers[i] = (lua_Integer)i + 1;
		lua_rawgeti(names, 1, numbers[i]);
		lua_getfield(names, -1, "name");
		tests[i].name = lua_tostring(names, -1);
		tests[i].test_func = run_lua_test;
		tests[i].initial_state = &numbers[i];
		lua_settop(names, 1);
	}
	tests[count++] =
		(struct CMUnitTest)cmocka_unit_test(test_without_a_tenant_nothing_is_sealed);
	tests[count++] =
		(struct CMUnitTest)cmocka_unit_test(test_a_state_without_memory_leaks_nothing);
	tests[count++] =
		(struct CMUnitTest)cmocka_unit_test(test_reading_json_takes_bounded_memory);
	/* The macro wants an array; this is what is behind it. */
	return _cmocka_run_group_tests("bindings", tests, count, NULL, NULL);
}
