#include "store/sqlite/driver.h"
#include "support/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct store_fixture fixture;
static struct store_unit *unit;

static int set_up(void **state)
{
	(void)state;
	store_fixture_open(&fixture);
	unit = store_unit_begin(fixture.writer, true);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	store_unit_end(unit, STORE_UNDO, hear, &(struct heard){0});
	store_fixture_close(&fixture);
	return 0;
}

/* What a merge gave: the ids, as many as are wanted. */
struct given {
	unsigned wanted, count;
	int64_t ids[64];
};

static bool take(void *data, const struct store_row *row)
{
	struct given *given = data;

	given->ids[given->count++] = store_row_value(row, store_row_columns(row) - 1).integer;
	return given->count < given->wanted;
}

struct outcome {
	struct given given;
	struct heard heard;
};

static void end(void *data, int rc, const struct err *err)
{
	hear(&((struct outcome *)data)->heard, rc, err);
}

static bool take_outcome(void *data, const struct store_row *row)
{
	return take(&((struct outcome *)data)->given, row);
}

static const struct store_key by_number[] = {{.column = 0}, {.column = 1}},
			      by_second[] = {{.column = 1}, {.column = 2}};

static struct outcome merge(const struct store_scan *scans, unsigned count,
	const struct store_key *keys, unsigned key_count, unsigned wanted)
{
	struct outcome outcome = {.given = {.wanted = wanted}};
	struct store_merge asked = {.scans = scans,
		.scan_count = count,
		.keys = keys,
		.key_count = key_count,
		.fits = -1,
		.on_row = take_outcome,
		.done = end,
		.data = &outcome};

	store_merge(unit, &asked);
	assert_int_equal(outcome.heard.times, 1);
	return outcome;
}

#define PART(text)                                                                                 \
	{                                                                                          \
		.sql = (text), .sql_len = sizeof(text) - 1                                         \
	}

#define SCAN(part)                                                                                 \
	{                                                                                          \
		.parts = &(part), .part_count = 1                                                  \
	}

static void assert_ids(const struct outcome *outcome, const int64_t *ids, unsigned count)
{
	assert_int_equal(outcome->heard.rc, 0);
	assert_int_equal(outcome->given.count, count);
	assert_memory_equal(outcome->given.ids, ids, count * sizeof *ids);
}

#define ASSERT_IDS(outcome, ...)                                                                   \
	assert_ids(&(outcome), (const int64_t[]){__VA_ARGS__},                                     \
		sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

static void test_rows_come_in_the_order_of_the_keys(void **state)
{
	static const struct store_part left = PART("VALUES (NULL, 8), (1, 1), (2, 5), ('a', 3)"),
				       right = PART("VALUES (1, 2), (1.5, 4), (2, 6), ('B', 7)");
	static const struct store_scan scans[] = {SCAN(left), SCAN(right)};
	struct outcome outcome = merge(scans, 2, by_number, 2, 64);

	(void)state;
	ASSERT_IDS(outcome, 8, 1, 2, 4, 5, 6, 7, 3);
}

static void test_a_key_may_descend(void **state)
{
	static const struct store_part left = PART("VALUES ('a', 3), (2, 5), (1, 1), (NULL, 8)"),
				       right = PART("VALUES ('B', 7), (2, 6), (1.5, 4), (1, 2)");
	static const struct store_scan scans[] = {SCAN(left), SCAN(right)};
	static const struct store_key keys[] = {{.column = 0, .descending = true}, {.column = 1}};
	struct outcome outcome = merge(scans, 2, keys, 2, 64);

	(void)state;
	ASSERT_IDS(outcome, 3, 7, 5, 6, 4, 1, 2, 8);
}

static void test_a_row_of_several_scans_comes_once(void **state)
{
	static const struct store_part part = PART("VALUES (1, 1), (1, 2), (3, 3)");
	static const struct store_scan scans[] = {SCAN(part), SCAN(part), SCAN(part)};
	struct outcome outcome = merge(scans, 3, by_number, 2, 64);

	(void)state;
	ASSERT_IDS(outcome, 1, 2, 3);
}

static void test_scans_are_read_as_far_as_the_list_is_wanted(void **state)
{
	/* Neither has an end. */
	static const struct store_part odd = PART("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
						  "SELECT i + 2 FROM n) SELECT i, i FROM n"),
				       even = PART("WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL "
						   "SELECT i + 2 FROM n) SELECT i, i FROM n");
	static const struct store_scan scans[] = {SCAN(odd), SCAN(even)};
	struct outcome outcome = merge(scans, 2, by_number, 2, 5);

	(void)state;
	ASSERT_IDS(outcome, 1, 2, 3, 4, 5);
}

static void test_the_parts_of_a_scan_follow_one_another(void **state)
{
	static const struct store_part parts[] = {PART("VALUES (1, 1), (4, 4)"),
		PART("SELECT 1, 1 WHERE FALSE"), PART("VALUES (5, 5), (9, 9)")};
	static const struct store_part other = PART("VALUES (3, 3), (6, 6)");
	static const struct store_scan scans[] = {{.parts = parts, .part_count = 3}, SCAN(other)};
	struct outcome outcome = merge(scans, 2, by_number, 2, 64);

	(void)state;
	ASSERT_IDS(outcome, 1, 3, 4, 5, 6, 9);
}

static void test_scans_share_a_part_and_differ_in_their_value(void **state)
{
	static const char sql[] = "SELECT ? + :own, :own + ?";
	static const struct store_value values[] = {
		{.type = STORE_INT, .integer = 7}, {.type = STORE_INT, .integer = 100}};
	static const struct store_part part = {
		.sql = sql, .sql_len = sizeof sql - 1, .params = values, .param_count = 2};
	struct store_scan scans[5];
	struct outcome outcome;
	unsigned kept;

	(void)state;
	for (int i = 0; i < 5; i++)
		scans[i] = (struct store_scan){.parts = &part,
			.part_count = 1,
			.has_value = true,
			.value = {.type = STORE_INT, .integer = 5 - i}};

	outcome = merge(scans, 5, by_number, 2, 64);
	kept = fixture.writer->statements.count;
	merge(scans, 5, by_number, 2, 64);

	ASSERT_IDS(outcome, 101, 102, 103, 104, 105);
	assert_int_equal(fixture.writer->statements.count, kept);
}

static void test_a_row_that_does_not_fit_is_passed_over(void **state)
{
	static const struct store_part part =
		PART("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
		     "SELECT iif(i = 4, NULL, i % 3 = 0 OR i = 4), i, i FROM n");
	static const struct store_scan scan = SCAN(part);
	struct outcome outcome = {.given = {.wanted = 3}};
	struct store_merge asked = {.scans = &scan,
		.scan_count = 1,
		.keys = by_second,
		.key_count = 2,
		.fits = 0,
		.on_row = take_outcome,
		.done = end,
		.data = &outcome};

	(void)state;
	store_merge(unit, &asked);
	ASSERT_IDS(outcome, 3, 6, 9);
}

static bool is_late(void)
{
	return true;
}

static void test_a_merge_that_is_late_is_interrupted(void **state)
{
	static const struct store_part part =
		PART("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
		     "SELECT 0, i, i FROM n");
	static const struct store_scan scan = SCAN(part);
	struct outcome outcome = {.given = {.wanted = 64}};
	struct store_merge asked = {.scans = &scan,
		.scan_count = 1,
		.keys = by_second,
		.key_count = 2,
		.fits = 0,
		.on_row = take_outcome,
		.done = end,
		.data = &outcome};
	struct store_conn *reader;
	struct store_unit *reading;

	(void)state;
	assert_int_equal(store_conn_open(&reader, fixture.store, STORE_READ, &(struct err){0}), 0);
	store_stop_when(reader, is_late);
	reading = store_unit_begin(reader, false);
	store_merge(reading, &asked);
	store_unit_end(reading, STORE_UNDO, hear, &(struct heard){0});
	store_conn_close(reader);

	assert_int_equal(outcome.heard.rc, TM_EINTR);
	assert_int_equal(outcome.given.count, 0);
}

static void test_a_scan_that_fails_leaves_nothing_open(void **state)
{
	static const struct store_part good = PART("VALUES (1, 1), (2, 2)"),
				       bad = PART("SELECT 1 FROM nowhere"),
				       many = PART("SELECT ?, 1");
	static const struct store_scan unknown[] = {SCAN(good), SCAN(bad)},
				       values[] = {SCAN(good), SCAN(many)};
	struct outcome first = merge(unknown, 2, by_number, 2, 64),
		       second = merge(values, 2, by_number, 2, 64);

	(void)state;
	assert_int_equal(first.heard.rc, TM_EINVAL);
	assert_string_equal(first.heard.text, "no such table: nowhere");
	assert_int_equal(second.heard.rc, TM_EINVAL);
	for (struct statement *s = fixture.writer->statements.oldest; s != NULL; s = s->newer)
		assert_false(s->taken);
}

static void test_too_many_scans_and_keys_are_refused(void **state)
{
	static const struct store_part part = PART("VALUES (1, 1)");
	static const struct store_key keys[STORE_KEYS_MAX + 1] = {0};
	struct store_scan scans[STORE_SCANS_MAX + 1];
	struct outcome outcome;

	(void)state;
	for (unsigned i = 0; i <= STORE_SCANS_MAX; i++)
		scans[i] = (struct store_scan)SCAN(part);
	outcome = merge(scans, STORE_SCANS_MAX, by_number, 2, 64);
	ASSERT_IDS(outcome, 1);
	assert_int_equal(merge(scans, STORE_SCANS_MAX + 1, by_number, 2, 64).heard.rc, TM_EINVAL);
	assert_int_equal(merge(scans, 1, keys, STORE_KEYS_MAX + 1, 64).heard.rc, TM_EINVAL);
	assert_int_equal(merge(scans, 1, keys, 0, 64).heard.rc, TM_EINVAL);
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROMISE(test_rows_come_in_the_order_of_the_keys),
		PROMISE(test_a_key_may_descend),
		PROMISE(test_a_row_of_several_scans_comes_once),
		PROMISE(test_scans_are_read_as_far_as_the_list_is_wanted),
		PROMISE(test_the_parts_of_a_scan_follow_one_another),
		PROMISE(test_scans_share_a_part_and_differ_in_their_value),
		PROMISE(test_a_row_that_does_not_fit_is_passed_over),
		PROMISE(test_a_merge_that_is_late_is_interrupted),
		PROMISE(test_a_scan_that_fails_leaves_nothing_open),
		PROMISE(test_too_many_scans_and_keys_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
