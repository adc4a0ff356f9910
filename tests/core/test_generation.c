/* A generation is what was on disk when it was read, in one order, under one hash. */
#include "script/generation.h"

#include "text/hash.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static void put(const char *name, const char *text, size_t len)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/')) != NULL;
		slash++) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void put_text(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test_generation.XXXXXX");
	return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	return system(command);
}

static struct generation *read_or_fail(const char *settings)
{
	const struct generation_source source = {folder, "scripts"};
	struct generation *gen;
	struct err err = {0};

	if (generation_read(&gen, &source, 1, settings, &err) != 0)
		fail_msg("%s", err.text);
	return gen;
}

static void test_files_come_sorted_with_the_source_name_before_them(void **state)
{
	struct generation *gen;

	(void)state;
	put_text("main.lua", "return 1");
	put_text("b/two.lua", "return 2");
	put_text("a/one.lua", "return 3");
	put_text("a-b.lua", "return 4");

	gen = read_or_fail("{}");

	assert_int_equal(generation_file_count(gen), 4);
	assert_string_equal(generation_file_at(gen, 0)->path, "scripts/a-b.lua");
	assert_string_equal(generation_file_at(gen, 1)->path, "scripts/a/one.lua");
	assert_string_equal(generation_file_at(gen, 2)->path, "scripts/b/two.lua");
	assert_string_equal(generation_file_at(gen, 3)->path, "scripts/main.lua");
	assert_string_equal(generation_find(gen, "scripts/b/two.lua")->text, "return 2");
	assert_null(generation_find(gen, "scripts/none.lua"));
	generation_drop(gen);
}

static void test_dot_files_are_passed_over(void **state)
{
	struct generation *gen;

	(void)state;
	put_text("main.lua", "");
	put_text(".main.lua.swp", "x");
	put_text(".git/config", "x");

	gen = read_or_fail("{}");

	assert_int_equal(generation_file_count(gen), 1);
	generation_drop(gen);
}

static void test_a_text_may_hold_nuls(void **state)
{
	struct generation *gen;
	const struct generation_file *file;

	(void)state;
	put("static/dot.png", "a\0b", 3);

	gen = read_or_fail("{}");

	file = generation_find(gen, "scripts/static/dot.png");
	assert_int_equal(file->len, 3);
	assert_memory_equal(file->text, "a\0b", 4);
	generation_drop(gen);
}

static void hash_of(char hash[65], const char *settings)
{
	struct generation *gen = read_or_fail(settings);

	assert_int_equal(strlen(generation_hash(gen)), 64);
	strcpy(hash, generation_hash(gen));
	generation_drop(gen);
}

static void test_the_hash_depends_on_paths_texts_and_settings_only(void **state)
{
	char first[65], again[65], other[65];

	(void)state;
	put_text("main.lua", "return 1");
	hash_of(first, "{}");

	hash_of(again, "{}");
	assert_string_equal(first, again);

	hash_of(other, "{\"a\":1}");
	assert_string_not_equal(first, other);

	put_text("main.lua", "return 2");
	hash_of(other, "{}");
	assert_string_not_equal(first, other);

	put_text("main.lua", "return 1");
	put_text("empty.lua", "");
	hash_of(other, "{}");
	assert_string_not_equal(first, other);
}

static void test_a_later_change_on_disk_does_not_reach_it(void **state)
{
	struct generation *gen;

	(void)state;
	put_text("main.lua", "return 1");
	gen = read_or_fail("{}");

	put_text("main.lua", "return 2");

	assert_string_equal(generation_find(gen, "scripts/main.lua")->text, "return 1");
	generation_drop(gen);
}

static void test_a_file_over_16_mib_is_refused_by_name(void **state)
{
	const struct generation_source source = {folder, "plugins"};
	struct generation *gen;
	struct err err = {0};
	char path[128];

	(void)state;
	put_text("big.bin", "x");
	snprintf(path, sizeof path, "%s/big.bin", folder);
	assert_int_equal(truncate(path, 16 * 1024 * 1024 + 1), 0);

	assert_int_equal(generation_read(&gen, &source, 1, "{}", &err), TM_EINVAL);

	assert_non_null(strstr(err.text, "plugins/big.bin"));
	assert_null(gen);
}

static void test_a_missing_root_and_a_link_to_itself_are_named(void **state)
{
	struct generation_source source = {"/nonexistent/tidemill", "plugins"};
	struct generation *gen;
	struct err err = {0};
	char path[128];

	(void)state;
	assert_int_equal(generation_read(&gen, &source, 1, "{}", &err), TM_ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent/tidemill"));

	source.root = folder;
	snprintf(path, sizeof path, "%s/self", folder);
	assert_int_equal(symlink(folder, path), 0);
	assert_int_equal(generation_read(&gen, &source, 1, "{}", &err), TM_EINVAL);
	assert_non_null(strstr(err.text, "self"));
}

static void test_two_sources_must_not_have_the_same_file(void **state)
{
	const struct generation_source sources[] = {{folder, "plugins"}, {folder, "plugins"}};
	struct generation *gen;
	struct err err = {0};

	(void)state;
	put_text("a.lua", "");

	assert_int_equal(generation_read(&gen, sources, 2, "{}", &err), TM_EINVAL);

	assert_non_null(strstr(err.text, "plugins/a.lua"));
}

static void *take_and_drop(void *data)
{
	for (int i = 0; i < 10000; i++)
		generation_drop(generation_take(data));
	generation_drop(data);
	return NULL;
}

static void test_the_last_of_many_threads_frees_it(void **state)
{
	struct generation *gen;
	pthread_t threads[4];

	(void)state;
	put_text("main.lua", "return 1");
	gen = read_or_fail("{}");

	for (int i = 0; i < 4; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, take_and_drop, generation_take(gen)), 0);
	generation_drop(gen);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
	const struct CMUnitTest tests[] = {
		TEST(test_files_come_sorted_with_the_source_name_before_them),
		TEST(test_dot_files_are_passed_over),
		TEST(test_a_text_may_hold_nuls),
		TEST(test_the_hash_depends_on_paths_texts_and_settings_only),
		TEST(test_a_later_change_on_disk_does_not_reach_it),
		TEST(test_a_file_over_16_mib_is_refused_by_name),
		TEST(test_a_missing_root_and_a_link_to_itself_are_named),
		TEST(test_two_sources_must_not_have_the_same_file),
		TEST(test_the_last_of_many_threads_frees_it),
	};

	if (hash_start() != 0)
		return 1;
	return cmocka_run_group_tests_name("generation", tests, NULL, NULL);
}
