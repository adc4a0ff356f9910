/* Meters: what a user has read, counted up to a most for a span, bounded in memory, and nothing of
 * it forgotten before it is written. */
#include "base/meters.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include <cmocka.h>

enum { ENTRIES = 64, WAYS = 8, THREADS = 4, ROUNDS = 20000, PAGE = 7 };

static const struct meter hourly = {
	.user = 5, .name = "thing reader", .most = 100, .span_ms = 3600000};

static struct meters *fresh(const struct meter *meter)
{
	struct meters *meters = meters_new(ENTRIES);

	assert_non_null(meters);
	if (meter != NULL)
		assert_int_equal(meters_load(meters, meter, 0, 1000, 1000), METERS_GOOD);
	return meters;
}

static void test_it_counts_up_to_the_most_and_starts_again_after_the_span(void **state)
{
	struct meters *meters = fresh(NULL);
	struct meter_count found;

	(void)state;
	assert_int_equal(meters_take(meters, &hourly, 1, 1000, NULL), METERS_UNKNOWN);
	assert_int_equal(meters_load(meters, &hourly, 0, 1000, 1000), METERS_GOOD);

	assert_int_equal(meters_take(meters, &hourly, 60, 1000, &found), METERS_GOOD);
	assert_int_equal(meters_take(meters, &hourly, 60, 2000, &found), METERS_GOOD);
	assert_int_equal(found.count, 120);
	assert_int_equal(meters_take(meters, &hourly, 1, 3600999, &found), METERS_OVER);
	assert_int_equal(found.count, 120);
	assert_int_equal(found.ends_ms, 3601000);
	assert_int_equal(meters_take(meters, &hourly, 0, 3600999, NULL), METERS_OVER);

	assert_int_equal(meters_take(meters, &hourly, 1, 3601000, &found), METERS_GOOD);
	assert_int_equal(found.count, 1);
	assert_int_equal(found.ends_ms, 3601000 + 3600000);
	meters_free(meters);
}

static void test_a_span_begins_with_the_first_read_and_not_with_a_look(void **state)
{
	struct meters *meters = fresh(&hourly);
	struct meter_count found;

	(void)state;
	meters_take(meters, &hourly, 0, 5000, NULL);
	meters_take(meters, &hourly, 1, 9000, &found);

	assert_int_equal(found.began_ms, 9000);
	meters_free(meters);
}

static void test_a_clock_set_back_makes_no_span_longer(void **state)
{
	struct meters *meters = fresh(&hourly);
	struct meter_count found;

	(void)state;
	meters_take(meters, &hourly, 200, 9000000, NULL);
	assert_int_equal(meters_take(meters, &hourly, 0, 1000, &found), METERS_OVER);

	assert_int_equal(found.ends_ms, 1000 + 3600000);
	meters_free(meters);
}

static void test_what_the_store_has_counts_but_not_over_what_memory_has(void **state)
{
	struct meters *meters = fresh(NULL);
	struct meter_count found;

	(void)state;
	meters_load(meters, &hourly, 99, 1000, 2000);
	meters_take(meters, &hourly, 5, 2000, &found);
	assert_int_equal(found.count, 104);
	meters_load(meters, &hourly, 99, 1000, 2000);

	assert_int_equal(meters_take(meters, &hourly, 0, 2000, &found), METERS_OVER);
	assert_int_equal(found.count, 104);
	meters_free(meters);
}

static void test_what_has_changed_is_told_once_until_a_write_of_it_fails(void **state)
{
	struct meters *meters = fresh(&hourly);
	struct buf out = BUF_EMPTY;
	unsigned first, second;

	(void)state;
	assert_int_equal(meters_changes(meters, 10, &out), 0);
	meters_take(meters, &hourly, 3, 1000, NULL);
	first = meters_changes(meters, 10, &out);
	assert_string_equal(buf_text(&out), "[[5,\"thing reader\",1000,3601000,3,100]]");
	buf_clear(&out);
	assert_int_equal(meters_changes(meters, 10, &out), 0);

	meters_written(meters, first, false);
	second = meters_changes(meters, 10, &out);
	assert_int_not_equal(second, 0);
	assert_int_not_equal(second, first);
	meters_written(meters, second, true);

	assert_int_equal(meters_changes(meters, 10, &out), 0);
	buf_free(&out);
	meters_free(meters);
}

static void test_a_batch_is_bounded(void **state)
{
	struct meters *meters = fresh(NULL);
	struct buf out = BUF_EMPTY;
	unsigned batches = 0;

	(void)state;
	for (int user = 1; user <= 5; user++) {
		struct meter meter = {user, "thing reader", 10, 60000};

		meters_load(meters, &meter, 0, 1000, 1000);
		meters_take(meters, &meter, 1, 1000, NULL);
	}
	while (meters_changes(meters, 2, &out) != 0)
		batches++;

	assert_int_equal(batches, 3);
	buf_free(&out);
	meters_free(meters);
}

/* Of more users than there is room for, those whose counts are not yet written stay. */
static void test_nothing_is_forgotten_before_it_is_written(void **state)
{
	struct meters *meters = fresh(NULL);
	struct buf out = BUF_EMPTY;
	struct meter_count found;
	const struct meter late = {100000, "thing reader", 10, 60000};
	int refused = 0, kept = 0;
	unsigned batch;

	(void)state;
	for (int user = 1; user <= 10 * ENTRIES; user++) {
		struct meter meter = {user, "thing reader", 10, 60000};

		if (meters_load(meters, &meter, 0, 1000, 1000) == METERS_FULL)
			refused++;
		else
			meters_take(meters, &meter, 1, 1000, NULL);
	}
	for (int user = 1; user <= 10 * ENTRIES; user++) {
		struct meter meter = {user, "thing reader", 10, 60000};

		if (meters_take(meters, &meter, 0, 1000, &found) == METERS_GOOD) {
			assert_int_equal(found.count, 1);
			kept++;
		}
	}
	assert_int_equal(refused, 10 * ENTRIES - ENTRIES);
	assert_int_equal(kept, ENTRIES);

	batch = meters_changes(meters, ENTRIES, &out);
	assert_int_equal(meters_load(meters, &late, 0, 1000, 1000), METERS_FULL);
	meters_written(meters, batch, true);
	assert_int_equal(meters_load(meters, &late, 0, 1000, 1000), METERS_GOOD);
	buf_free(&out);
	meters_free(meters);
}

struct reader {
	struct meters *meters;
	int64_t got;
};

static void read_pages(void *data)
{
	struct reader *reader = data;

	for (int i = 0; i < ROUNDS; i++)
		if (meters_take(reader->meters, &hourly, PAGE, 1000, NULL) == METERS_GOOD)
			reader->got += PAGE;
}

static void test_threads_at_once_get_past_the_most_by_less_than_a_page(void **state)
{
	struct meters *meters = fresh(&hourly);
	struct reader readers[THREADS];
	uv_thread_t threads[THREADS];
	struct meter_count found;
	int64_t got = 0;

	(void)state;
	for (int i = 0; i < THREADS; i++) {
		readers[i] = (struct reader){.meters = meters};
		assert_int_equal(uv_thread_create(&threads[i], read_pages, &readers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		uv_thread_join(&threads[i]);
		got += readers[i].got;
	}

	meters_take(meters, &hourly, 0, 1000, &found);
	assert_int_equal(got, found.count);
	assert_true(got >= hourly.most && got < hourly.most + PAGE);
	meters_free(meters);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_counts_up_to_the_most_and_starts_again_after_the_span),
		cmocka_unit_test(test_a_span_begins_with_the_first_read_and_not_with_a_look),
		cmocka_unit_test(test_a_clock_set_back_makes_no_span_longer),
		cmocka_unit_test(test_what_the_store_has_counts_but_not_over_what_memory_has),
		cmocka_unit_test(test_what_has_changed_is_told_once_until_a_write_of_it_fails),
		cmocka_unit_test(test_a_batch_is_bounded),
		cmocka_unit_test(test_nothing_is_forgotten_before_it_is_written),
		cmocka_unit_test(test_threads_at_once_get_past_the_most_by_less_than_a_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
