/* Days and instants. */
#include "base/clock.h"
#include "text/date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void check_instant(const char *text, int64_t expected)
{
	int64_t ms = 77;

	if (!date_parse_instant(&ms, text, strlen(text)))
		fail_msg("%s was refused", text);
	if (ms != expected)
		fail_msg("%s is %lld, not %lld", text, (long long)ms, (long long)expected);
}

static void check_written(int64_t ms, const char *expected)
{
	char text[DATE_INSTANT_LEN + 1] = {0};

	assert_true(date_format_instant(text, ms));
	assert_string_equal(text, expected);
}

static void test_instants_with_any_offset_are_read_as_utc(void **state)
{
	(void)state;
	check_instant("1970-01-01T00:00:00Z", 0);
	check_instant("1970-01-01T08:00:00+08:00", 0);
	check_instant("1969-12-31T20:30:00-03:30", 0);
	check_instant("1970-01-01T00:00:00-00:00", 0);
	check_instant("2026-11-24T03:52:01.123Z", INT64_C(1795492321123));
	check_instant("2026-11-24t03:52:01z", INT64_C(1795492321000));
	check_instant("2026-11-24T03:52:01.1Z", INT64_C(1795492321100));
	check_instant("2026-11-24T03:52:01.123999999Z", INT64_C(1795492321123));
	check_instant("0001-01-01T00:00:00Z", DATE_MS_MIN);
	check_instant("9999-12-31T23:59:59.999Z", DATE_MS_MAX);
	check_instant("2016-12-31T23:59:60Z", INT64_C(1483228800000));
	check_instant("2017-01-01T07:59:60+08:00", INT64_C(1483228800000));
}

static void test_what_is_no_instant_is_refused(void **state)
{
	static const char *const wrong[] = {"", "2026-11-24", "2026-11-24T03:52:01",
		"2026-11-24 03:52:01Z", "2026-11-24T03:52Z", "2026-11-24T24:00:00Z",
		"2026-11-24T03:60:00Z", "2026-11-24T03:52:60Z", "2026-11-24T03:52:61Z",
		"2026-11-24T03:52:01.Z", "2026-11-24T03:52:01,5Z", "2026-11-24T03:52:01+0800",
		"2026-11-24T03:52:01+24:00", "2026-11-24T03:52:01+08:60",
		"2026-11-24T03:52:01+8:00", "2026-11-24T03:52:01Z ", " 2026-11-24T03:52:01Z",
		"2026-02-29T00:00:00Z", "26-11-24T03:52:01Z", "2026-1-24T03:52:01Z",
		"0000-12-31T00:00:00Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01",
		"2026-11-24T+3:52:01Z"};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		if (date_parse_instant(&ms, wrong[i], strlen(wrong[i])))
			fail_msg("%s was accepted", wrong[i]);
	assert_false(date_parse_instant(&ms, "2026-11-24T03:52:01\0", 20));
}

static void test_instants_are_written_on_both_sides_of_1970(void **state)
{
	char text[DATE_INSTANT_LEN];

	(void)state;
	check_written(0, "1970-01-01T00:00:00.000Z");
	check_written(-1, "1969-12-31T23:59:59.999Z");
	check_written(INT64_C(1795492321123), "2026-11-24T03:52:01.123Z");
	check_written(DATE_MS_MIN, "0001-01-01T00:00:00.000Z");
	check_written(DATE_MS_MAX, "9999-12-31T23:59:59.999Z");

	assert_false(date_format_instant(text, DATE_MS_MIN - 1));
	assert_false(date_format_instant(text, DATE_MS_MAX + 1));
	assert_false(date_format_instant(text, INT64_MIN));
	assert_false(date_format_instant(text, INT64_MAX));
}

static void test_the_log_and_the_answers_write_time_alike(void **state)
{
	char of_clock[25];
	char text[DATE_INSTANT_LEN];
	int64_t now = clock_utc_ms();

	(void)state;
	clock_format(now, of_clock);
	assert_true(date_format_instant(text, now));

	assert_memory_equal(text, of_clock, DATE_INSTANT_LEN);
}

static void test_what_is_written_reads_back_the_same(void **state)
{
	char text[DATE_INSTANT_LEN];
	int64_t back;

	(void)state;
	srand(1);
	for (int i = 0; i < 100000; i++) {
		uint64_t random = (uint64_t)rand() << 31 ^ (uint64_t)rand();
		int64_t ms =
			DATE_MS_MIN + (int64_t)(random % (uint64_t)(DATE_MS_MAX - DATE_MS_MIN + 1));

		assert_true(date_format_instant(text, ms));
		assert_true(date_parse_instant(&back, text, sizeof text));
		assert_true(back == ms);
	}
}

static void test_every_day_of_nine_thousand_years_is_the_systems_own(void **state)
{
	int64_t first = date_to_days((struct date){1, 1, 1});
	int64_t last = date_to_days((struct date){9999, 12, 31});

	(void)state;
	assert_int_equal(first * 86400000, DATE_MS_MIN);
	for (int64_t days = first; days <= last; days++) {
		time_t seconds = (time_t)(days * 86400);
		struct date date = date_from_days(days);
		struct tm tm;

		gmtime_r(&seconds, &tm);
		assert_int_equal(date.year, tm.tm_year + 1900);
		assert_int_equal(date.month, tm.tm_mon + 1);
		assert_int_equal(date.day, tm.tm_mday);
		assert_int_equal(date_to_days(date), days);
	}
}

static void test_only_days_of_the_calendar_are_days(void **state)
{
	static const char *const right[] = {
		"2026-11-23", "2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31"};
	static const char *const wrong[] = {"", "2026-11-31", "2026-02-29", "1900-02-29",
		"0000-01-01", "2026-00-10", "2026-13-01", "2026-01-00", "2026-1-01", "20261123",
		"2026/11/23", "2026-11-23Z", "-026-11-23", "2026-11-2", "10000-01-01"};
	struct date date;

	(void)state;
	for (size_t i = 0; i < sizeof right / sizeof right[0]; i++)
		if (!date_parse_day(&date, right[i], strlen(right[i])))
			fail_msg("%s was refused", right[i]);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		if (date_parse_day(&date, wrong[i], strlen(wrong[i])))
			fail_msg("%s was accepted", wrong[i]);
}

static void test_the_day_of_an_instant_is_the_one_in_utc(void **state)
{
	char text[DATE_DAY_LEN];

	(void)state;
	assert_true(date_format_day(text, INT64_C(1795492321123)));
	assert_memory_equal(text, "2026-11-24", DATE_DAY_LEN);
	assert_true(date_format_day(text, -1));
	assert_memory_equal(text, "1969-12-31", DATE_DAY_LEN);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_instants_with_any_offset_are_read_as_utc),
		cmocka_unit_test(test_what_is_no_instant_is_refused),
		cmocka_unit_test(test_instants_are_written_on_both_sides_of_1970),
		cmocka_unit_test(test_the_log_and_the_answers_write_time_alike),
		cmocka_unit_test(test_what_is_written_reads_back_the_same),
		cmocka_unit_test(test_every_day_of_nine_thousand_years_is_the_systems_own),
		cmocka_unit_test(test_only_days_of_the_calendar_are_days),
		cmocka_unit_test(test_the_day_of_an_instant_is_the_one_in_utc),
	};

	return cmocka_run_group_tests_name("dates", tests, NULL, NULL);
}
