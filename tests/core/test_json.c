/* JSON in and out: what strangers may send, and what they get. */
#include "base/buf.h"
#include "base/err.h"
#include "text/json_in.h"
#include "text/json_out.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *read_file(const char *path, size_t *len)
{
	FILE *file = fopen(path, "rb");
	struct buf text = BUF_EMPTY;
	char chunk[4096];
	size_t n;

	if (file == NULL)
		fail_msg("cannot open %s: %s", path, strerror(errno));
	while ((n = fread(chunk, 1, sizeof chunk, file)) > 0)
		buf_append(&text, chunk, n);
	fclose(file);
	return buf_take(&text, len);
}

static const char *code_of(const char *text, size_t len)
{
	static struct json_fault fault;
	json_t *value = json_in_parse(text, len, &fault);

	json_decref(value);
	return value != NULL ? "accepted" : fault.code;
}

#define assert_code(text, code) assert_string_equal(code_of(text, sizeof(text) - 1), code)

/* The texts of the suite that are JSON, and that the server refuses all the same. */
static const char *refused_on_purpose(const char *name)
{
	static const char *const list[][2] = {
		{"y_object_duplicated_key.json", "duplicate"},
		{"y_object_duplicated_key_and_value.json", "duplicate"},
		{"y_object_escaped_null_in_key.json", "nul"},
		{"y_string_null_escape.json", "nul"},
	};

	for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
		if (strcmp(list[i][0], name) == 0)
			return list[i][1];
	return NULL;
}

static void check_file(const char *folder, const char *name)
{
	const char *refused = refused_on_purpose(name);
	char path[1024];
	const char *code;
	size_t len;
	char *text;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	text = read_file(path, &len);
	code = code_of(text, len);
	if (refused != NULL && strcmp(code, refused) != 0)
		fail_msg("%s: %s, but %s was expected", name, code, refused);
	if (refused == NULL && name[0] == 'y' && strcmp(code, "accepted") != 0)
		fail_msg("%s is JSON, but: %s", name, code);
	if (name[0] == 'n' && strcmp(code, "accepted") == 0)
		fail_msg("%s is not JSON, but was accepted", name);
	free(text);
}

static void test_the_suite_is_accepted_and_refused_as_it_says(void **state)
{
	const char *data = getenv("TM_TEST_DATA");
	char folder[512];
	struct dirent *entry;
	unsigned files = 0;
	DIR *dir;

	(void)state;
	snprintf(folder, sizeof folder, "%s/json/parsing", data != NULL ? data : "tests/data");
	dir = opendir(folder);
	if (dir == NULL)
		fail_msg("cannot open %s", folder);

	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		check_file(folder, entry->d_name);
		files++;
	}
	closedir(dir);

	assert_int_equal(files, 283);
}

static void test_each_fault_has_its_code(void **state)
{
	(void)state;
	assert_code("", "empty");
	assert_code(" \r\n\t", "empty");
	assert_code("{", "syntax");
	assert_code("[1,]", "syntax");
	assert_code("1 2", "syntax");
	assert_code("{\"a\":1,\"a\":2}", "duplicate");
	assert_code("\"a\\u0000b\"", "nul");
	assert_code("{\"\\u0000\":1}", "nul");
	assert_code("\"\xff\"", "utf8");
	assert_code("\"\xed\xa0\x80\"", "utf8");
	assert_code("\"\xc0\x80\"", "utf8");
	assert_code("\"\\ud800\"", "syntax");
	assert_code("\"\\udc00\\ud800\"", "syntax");
	assert_code("9223372036854775807", "accepted");
	assert_code("9223372036854775808", "number");
	assert_code("-9223372036854775809", "number");
	assert_code("1e999", "number");
}

static void test_a_raw_nul_is_refused_wherever_it_stands(void **state)
{
	(void)state;
	assert_code("\0", "nul");
	assert_code("[1]\0", "nul");
	assert_code("123\0", "nul"); /* jansson 2.14 alone accepts these two */
	assert_code("[1\0,2]", "nul");
	assert_code("\"a\0b\"", "nul");
}

static void test_a_fault_says_where_and_does_not_repeat_the_text(void **state)
{
	static const char text[] = "{\n  \"name\": \"x\",\n  \"secret-password\" 1\n}";
	struct json_fault fault;

	(void)state;
	assert_null(json_in_parse(text, sizeof text - 1, &fault));

	assert_int_equal(fault.line, 3);
	assert_true(fault.column > 1);
	assert_null(strstr(fault.message, "secret"));
	assert_true(strlen(fault.message) > 0);
}

/* Texts of `levels` open brackets, closed again. */
static char *nested(size_t levels, char open, char close)
{
	char *text = malloc(levels * 2);

	assert_non_null(text);
	memset(text, open, levels);
	memset(text + levels, close, levels);
	return text;
}

static void test_sixty_four_levels_pass_and_one_more_does_not(void **state)
{
	char *fits = nested(64, '[', ']');
	char *too_deep = nested(65, '[', ']');

	(void)state;
	assert_string_equal(code_of(fits, 128), "accepted");
	assert_string_equal(code_of(too_deep, 130), "depth");
	free(fits);
	free(too_deep);
}

static void test_brackets_inside_strings_are_no_levels(void **state)
{
	struct buf text = BUF_EMPTY;

	(void)state;
	buf_putc(&text, '"');
	for (int i = 0; i < 1000; i++)
		buf_puts(&text, "[{\\\"\\\\");
	buf_putc(&text, '"');

	assert_string_equal(code_of(text.data, text.len), "accepted");
	buf_free(&text);
}

/* An array of `count` numbers: with it, count + 1 values. */
static struct buf array_of(size_t count)
{
	struct buf text = BUF_EMPTY;

	buf_putc(&text, '[');
	for (size_t i = 0; i < count; i++)
		buf_puts(&text, i == 0 ? "1" : ",1");
	buf_putc(&text, ']');
	return text;
}

static void test_a_hundred_thousand_values_pass_and_one_more_does_not(void **state)
{
	struct buf fits = array_of(JSON_IN_NODES - 1);
	struct buf too_many = array_of(JSON_IN_NODES);

	(void)state;
	assert_string_equal(code_of(fits.data, fits.len), "accepted");
	assert_string_equal(code_of(too_many.data, too_many.len), "nodes");
	buf_free(&fits);
	buf_free(&too_many);
}

static void test_keys_are_not_counted_as_values(void **state)
{
	struct buf text = BUF_EMPTY;

	(void)state;
	buf_putc(&text, '{');
	for (int i = 0; i < JSON_IN_NODES - 1; i++)
		buf_printf(&text, "%s\"%d\": \"v\"", i == 0 ? "" : ", ", i);
	buf_putc(&text, '}');
	assert_string_equal(code_of(text.data, text.len), "accepted");
	text.len--;
	buf_puts(&text, ",\"last\":\"v\"}");

	assert_string_equal(code_of(text.data, text.len), "nodes");
	buf_free(&text);
}

static size_t allocated;

static void *counting_malloc(size_t size)
{
	allocated += size;
	return malloc(size);
}

static void test_eight_mebibytes_of_brackets_are_refused_before_anything_is_built(void **state)
{
	enum { SIZE = 8 * 1024 * 1024 };
	char *deep = nested(SIZE / 2, '[', ']');
	char *wide = malloc(SIZE);
	json_malloc_t old_malloc;
	json_free_t old_free;

	(void)state;
	assert_non_null(wide);
	wide[0] = '[';
	for (size_t i = 1; i + 3 < SIZE; i += 3)
		memcpy(wide + i, "[],", 3);
	memcpy(wide + SIZE - 4, "[] ]", 4);
	json_get_alloc_funcs(&old_malloc, &old_free);
	json_set_alloc_funcs(counting_malloc, free);
	allocated = 0;

	assert_string_equal(code_of(wide, SIZE), "nodes");
	assert_string_equal(code_of(deep, SIZE), "depth");

	json_set_alloc_funcs(old_malloc, old_free);
	assert_int_equal(allocated, 0);
	free(deep);
	free(wide);
}

static void test_no_cut_of_a_text_crashes(void **state)
{
	static const char text[] =
		"{\"a\":[1,2.5e3,\"\\ud83d\\ude00 \xe5\xae\xa2\",null],\"b\":{}}";

	(void)state;
	for (size_t len = 0; len < sizeof text - 1; len++) {
		char *cut = malloc(len + 1);

		assert_non_null(cut);
		memcpy(cut, text, len);
		assert_string_not_equal(code_of(cut, len), "accepted");
		free(cut);
	}
	assert_code(text, "accepted");
}

static void check_string(const char *text, size_t len, const char *json)
{
	struct buf out = BUF_EMPTY;

	assert_int_equal(json_out_string(&out, text, len), 0);
	assert_string_equal(buf_text(&out), json);
	buf_free(&out);
}

static void test_strings_are_escaped_only_where_they_must(void **state)
{
	(void)state;
	check_string("", 0, "\"\"");
	check_string("plain /", 7, "\"plain /\"");
	check_string("\xe5\xae\xa2\xf0\x9f\x8c\x8a", 7, "\"\xe5\xae\xa2\xf0\x9f\x8c\x8a\"");
	check_string("a\"b\\c", 5, "\"a\\\"b\\\\c\"");
	check_string("\b\t\n\f\r\x01\x1f\x7f", 8, "\"\\b\\t\\n\\f\\r\\u0001\\u001f\x7f\"");
	check_string("a\0b", 3, "\"a\\u0000b\"");
}

static void test_broken_utf8_is_never_written(void **state)
{
	static const char *const broken[] = {"\x80", "a\xc3", "\xc0\xaf", "\xed\xa0\x80",
		"\xf4\x90\x80\x80", "\xe5\xae", "\xf0\x9f\x8c", "\xff"};
	struct buf out = BUF_EMPTY;

	(void)state;
	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
		assert_int_equal(json_out_string(&out, broken[i], strlen(broken[i])), TM_EINVAL);
	buf_free(&out);
}

static void check_double(double value, const char *json)
{
	struct buf out = BUF_EMPTY;

	assert_int_equal(json_out_double(&out, value), 0);
	if (json != NULL)
		assert_string_equal(buf_text(&out), json);
	assert_true(strtod(buf_text(&out), NULL) == value);
	buf_free(&out);
}

static void test_doubles_take_the_shortest_way_that_comes_back(void **state)
{
	struct buf out = BUF_EMPTY;

	(void)state;
	check_double(0.1, "0.1");
	check_double(3.0, "3");
	check_double(-0.0, "0");
	check_double(0.1 + 0.2, "0.30000000000000004");
	check_double(1e300, "1e+300");
	check_double(5e-324, NULL);
	check_double(1.7976931348623157e308, "1.7976931348623157e+308");
	srand(1);
	for (int i = 0; i < 10000; i++)
		check_double(ldexp(rand(), rand() % 200 - 100) / 3.0, NULL);

	assert_int_equal(json_out_double(&out, NAN), TM_EINVAL);
	assert_int_equal(json_out_double(&out, INFINITY), TM_EINVAL);
	buf_free(&out);
}

static void test_integers_are_exact_at_both_ends(void **state)
{
	struct buf out = BUF_EMPTY;

	(void)state;
	json_out_integer(&out, 0);
	buf_putc(&out, ' ');
	json_out_integer(&out, INT64_MAX);
	buf_putc(&out, ' ');
	json_out_integer(&out, INT64_MIN);

	assert_string_equal(buf_text(&out), "0 9223372036854775807 -9223372036854775808");
	buf_free(&out);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_suite_is_accepted_and_refused_as_it_says),
		cmocka_unit_test(test_each_fault_has_its_code),
		cmocka_unit_test(test_a_raw_nul_is_refused_wherever_it_stands),
		cmocka_unit_test(test_a_fault_says_where_and_does_not_repeat_the_text),
		cmocka_unit_test(test_sixty_four_levels_pass_and_one_more_does_not),
		cmocka_unit_test(test_brackets_inside_strings_are_no_levels),
		cmocka_unit_test(test_a_hundred_thousand_values_pass_and_one_more_does_not),
		cmocka_unit_test(test_keys_are_not_counted_as_values),
		cmocka_unit_test(
			test_eight_mebibytes_of_brackets_are_refused_before_anything_is_built),
		cmocka_unit_test(test_no_cut_of_a_text_crashes),
		cmocka_unit_test(test_strings_are_escaped_only_where_they_must),
		cmocka_unit_test(test_broken_utf8_is_never_written),
		cmocka_unit_test(test_doubles_take_the_shortest_way_that_comes_back),
		cmocka_unit_test(test_integers_are_exact_at_both_ends),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
