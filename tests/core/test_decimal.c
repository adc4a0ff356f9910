/* Decimals: exact, and refused rather than wrapped. */
#include "text/decimal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check_reads(const char *text, unsigned scale, int64_t expected)
{
	int64_t units = 77;

	assert_int_equal(decimal_parse(&units, text, strlen(text), scale), DECIMAL_FINE);
	assert_true(units == expected);
}

static void check_refused(const char *text, unsigned scale, enum decimal_fault fault)
{
	int64_t units = 77;

	assert_int_equal(decimal_parse(&units, text, strlen(text), scale), fault);
	assert_int_equal(units, 77);
}

static void check_written(int64_t units, unsigned scale, const char *expected)
{
	char text[DECIMAL_TEXT_MAX];

	assert_int_equal(decimal_format(text, units, scale), strlen(expected));
	assert_string_equal(text, expected);
}

static void test_texts_are_read_exactly(void **state)
{
	(void)state;
	check_reads("12.50", 2, 1250);
	check_reads("-12.50", 2, -1250);
	check_reads("12.5", 2, 1250);
	check_reads("12", 2, 1200);
	check_reads("0", 0, 0);
	check_reads("-0", 2, 0);
	check_reads("007", 0, 7);
	check_reads("0.000000000000000001", 18, 1);
	check_reads("1100040000.00", 2, INT64_C(110004000000));
}

static void test_what_is_no_decimal_is_refused(void **state)
{
	static const char *const wrong[] = {"", "-", ".", ".5", "5.", "+5", "1e3", " 1", "1 ",
		"1,5", "0x1", "--1", "1.2.3", "1-", "NaN", "1.-5"};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		check_refused(wrong[i], 2, DECIMAL_SYNTAX);
}

static void test_more_digits_than_the_scale_are_refused_and_never_rounded(void **state)
{
	(void)state;
	check_refused("12.505", 2, DECIMAL_SCALE);
	check_refused("12.500", 2, DECIMAL_SCALE);
	check_refused("1.0", 0, DECIMAL_SCALE);
}

static void test_the_ends_of_the_range_are_read_and_one_more_is_refused(void **state)
{
	(void)state;
	check_reads("92233720368547758.07", 2, INT64_MAX);
	check_reads("-92233720368547758.08", 2, INT64_MIN);
	check_refused("92233720368547758.08", 2, DECIMAL_OVERFLOW);
	check_refused("-92233720368547758.09", 2, DECIMAL_OVERFLOW);
	check_refused("10", 18, DECIMAL_OVERFLOW);
	check_refused("99999999999999999999999999999999", 0, DECIMAL_OVERFLOW);
}

static void test_numbers_are_written_with_all_digits_of_their_scale(void **state)
{
	(void)state;
	check_written(1250, 2, "12.50");
	check_written(-5, 2, "-0.05");
	check_written(0, 2, "0.00");
	check_written(0, 0, "0");
	check_written(100, 0, "100");
	check_written(1, 18, "0.000000000000000001");
	check_written(INT64_MIN, 18, "-9.223372036854775808");
	check_written(INT64_MIN, 0, "-9223372036854775808");
	check_written(INT64_MAX, 2, "92233720368547758.07");
}

static void test_what_is_written_reads_back_the_same(void **state)
{
	char text[DECIMAL_TEXT_MAX];

	(void)state;
	srand(1);
	for (int i = 0; i < 100000; i++) {
		int64_t units = (int64_t)((uint64_t)rand() << 33 ^ (uint64_t)rand() << 11 ^
					  (uint64_t)rand()) >>
				(rand() % 64);
		unsigned scale = (unsigned)rand() % (DECIMAL_SCALE_MAX + 1);

		decimal_format(text, units, scale);
		check_reads(text, scale, units);
	}
}

static void test_arithmetic_is_refused_where_it_would_not_fit(void **state)
{
	int64_t result = 77;

	(void)state;
	assert_true(decimal_add(&result, 1250, -50) && result == 1200);
	assert_true(decimal_sub(&result, 0, 1250) && result == -1250);
	assert_true(decimal_mul(&result, 1250, -3) && result == -3750);

	assert_false(decimal_add(&result, INT64_MAX, 1));
	assert_false(decimal_sub(&result, 0, INT64_MIN));
	assert_false(decimal_mul(&result, INT64_MIN, -1));
	assert_false(decimal_mul(&result, INT64_MAX / 2 + 1, 2));
	assert_int_equal(result, -3750);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts_are_read_exactly),
		cmocka_unit_test(test_what_is_no_decimal_is_refused),
		cmocka_unit_test(test_more_digits_than_the_scale_are_refused_and_never_rounded),
		cmocka_unit_test(test_the_ends_of_the_range_are_read_and_one_more_is_refused),
		cmocka_unit_test(test_numbers_are_written_with_all_digits_of_their_scale),
		cmocka_unit_test(test_what_is_written_reads_back_the_same),
		cmocka_unit_test(test_arithmetic_is_refused_where_it_would_not_fit),
	};

	return cmocka_run_group_tests_name("decimal", tests, NULL, NULL);
}
