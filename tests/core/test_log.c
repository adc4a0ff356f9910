/* Lines of the log, and the time in them. */
#include "base/clock.h"
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What one line with `value` looks like. */
static const char *line_with(const char *value, size_t len)
{
	static char text[8192];
	struct log_line line;
	int pipe_[2], before = dup(STDERR_FILENO);
	ssize_t n;

	assert_int_equal(pipe(pipe_), 0);
	dup2(pipe_[1], STDERR_FILENO);
	log_begin(&line, LOG_INFO, "event");
	log_bytes(&line, "value", value, len);
	log_end(&line);
	dup2(before, STDERR_FILENO);
	close(before);
	close(pipe_[1]);
	n = read(pipe_[0], text, sizeof text - 1);
	close(pipe_[0]);
	assert_true(n > 0);
	text[n] = '\0';
	return text;
}

static void test_a_value_that_is_cut_is_closed(void **state)
{
	static char value[10000];
	const char *line;

	(void)state;
	memset(value, 'a', sizeof value);
	line = line_with(value, sizeof value);
	assert_string_equal(line + strlen(line) - strlen("a…\n"), "a…\n");

	value[0] = ' ';
	line = line_with(value, sizeof value);
	assert_string_equal(line + strlen(line) - strlen("a…\"\n"), "a…\"\n");
}

static void test_an_empty_value_is_told(void **state)
{
	(void)state;
	assert_non_null(strstr(line_with(NULL, 0), "event value=\"\"\n"));
}

static void test_times_before_the_epoch_are_told_too(void **state)
{
	char text[25];

	(void)state;
	clock_format(-1, text);
	assert_string_equal(text, "1969-12-31T23:59:59.999Z");
	clock_format(1, text);
	assert_string_equal(text, "1970-01-01T00:00:00.001Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_value_that_is_cut_is_closed),
		cmocka_unit_test(test_an_empty_value_is_told),
		cmocka_unit_test(test_times_before_the_epoch_are_told_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
