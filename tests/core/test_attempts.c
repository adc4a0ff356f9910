/* Failed attempts: counted by key for a minute, from many threads, in bounded memory. */
#include "net/attempts.h"

#include "text/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include <cmocka.h>

static const int64_t second = 1000000000;

static struct attempts *fresh(void)
{
	struct attempts *attempts;

	assert_int_equal(hash_start(), 0);
	attempts = attempts_new(4096);
	assert_non_null(attempts);
	return attempts;
}

static void test_a_key_waits_after_its_most_failures_until_the_minute_is_over(void **state)
{
	struct attempts *attempts = fresh();
	int64_t begin = 1000 * second;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(attempts_wait(attempts, "a", 1, 3, begin + i), 0);
		attempts_failed(attempts, "a", 1, begin + i);
	}

	assert_int_equal(attempts_wait(attempts, "a", 1, 3, begin + 20 * second), 40);
	assert_int_equal(attempts_wait(attempts, "a", 1, 4, begin + 20 * second), 0);
	assert_int_equal(attempts_wait(attempts, "b", 1, 3, begin + 20 * second), 0);
	assert_int_equal(attempts_wait(attempts, "a", 1, 3, begin + 60 * second), 0);
	attempts_free(attempts);
}

static void test_a_key_can_be_forgotten(void **state)
{
	struct attempts *attempts = fresh();

	(void)state;
	attempts_failed(attempts, "a", 1, second);
	attempts_failed(attempts, "b", 1, second);

	attempts_forget(attempts, "a", 1);

	assert_int_equal(attempts_wait(attempts, "a", 1, 1, second), 0);
	assert_int_equal(attempts_wait(attempts, "b", 1, 1, second), 60);
	attempts_free(attempts);
}

static void test_of_very_many_keys_the_oldest_are_forgotten(void **state)
{
	struct attempts *attempts = fresh();
	char key[16];
	int remembered = 0;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		snprintf(key, sizeof key, "%d", i);
		attempts_failed(attempts, key, strlen(key), second + i);
	}

	assert_int_equal(attempts_wait(attempts, "99999", 5, 1, 2 * second), 60);
	for (int i = 0; i < 100000; i++) {
		snprintf(key, sizeof key, "%d", i);
		remembered += attempts_wait(attempts, key, strlen(key), 1, 2 * second) > 0;
	}
	assert_in_range(remembered, 4000, 4096);
	attempts_free(attempts);
}

static void test_what_is_held_is_never_forgotten(void **state)
{
	struct attempts *attempts = fresh();
	char key[16];

	(void)state;
	assert_int_equal(attempts_hold(attempts, "held", 4, second), 1);
	assert_int_equal(attempts_hold(attempts, "held", 4, second), 2);
	for (int i = 0; i < 100000; i++) {
		snprintf(key, sizeof key, "%d", i);
		attempts_failed(attempts, key, strlen(key), second + i);
	}

	assert_int_equal(attempts_hold(attempts, "held", 4, 100 * second), 3);
	for (int i = 0; i < 4; i++)
		attempts_release(attempts, "held", 4, 100 * second);
	assert_int_equal(attempts_hold(attempts, "held", 4, 100 * second), 1);
	attempts_free(attempts);
}

static void test_what_there_is_no_room_for_is_not_counted(void **state)
{
	struct attempts *attempts = attempts_new(64);
	int counted = 0;
	char key[16];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof key, "%d", i);
		counted += attempts_hold(attempts, key, strlen(key), second) > 0;
	}
	assert_in_range(counted, 32, 64);
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof key, "x%d", i);
		attempts_failed(attempts, key, strlen(key), second);
	}
	attempts_free(attempts);
}

enum { ASKERS = 4, ASKED = 20000, ALLOWED = 50000 };

struct asker {
	uv_thread_t thread;
	struct attempts *attempts;
	int allowed;
};

static void ask_often(void *data)
{
	struct asker *asker = data;

	for (int i = 0; i < ASKED; i++)
		asker->allowed += attempts_ask(asker->attempts, "a", 1, ALLOWED, second + i) == 0;
}

static void test_many_threads_together_get_no_more_than_is_allowed(void **state)
{
	struct attempts *attempts = fresh();
	struct asker askers[ASKERS];
	int allowed = 0;

	(void)state;
	for (int i = 0; i < ASKERS; i++) {
		askers[i] = (struct asker){.attempts = attempts};
		assert_int_equal(uv_thread_create(&askers[i].thread, ask_often, &askers[i]), 0);
	}
	for (int i = 0; i < ASKERS; i++) {
		uv_thread_join(&askers[i].thread);
		allowed += askers[i].allowed;
	}

	assert_int_equal(allowed, ALLOWED);
	assert_int_equal(attempts_ask(attempts, "a", 1, ALLOWED, 2 * second), 59);
	assert_int_equal(attempts_ask(attempts, "a", 1, ALLOWED, 61 * second), 0);
	attempts_free(attempts);
}

static void test_a_network_is_an_address_or_half_of_a_long_one(void **state)
{
	static const char *const cases[][2] = {{"192.0.2.7", "192.0.2.7"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"}, {"2001:db8:1:2::9", "2001:db8:1:2::"},
		{"::1", "::1"}, {"", ""}};
	char network[ATTEMPTS_NETWORK];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		attempts_network(cases[i][0], network);
		assert_string_equal(network, cases[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_key_waits_after_its_most_failures_until_the_minute_is_over),
		cmocka_unit_test(test_a_key_can_be_forgotten),
		cmocka_unit_test(test_of_very_many_keys_the_oldest_are_forgotten),
		cmocka_unit_test(test_what_is_held_is_never_forgotten),
		cmocka_unit_test(test_what_there_is_no_room_for_is_not_counted),
		cmocka_unit_test(test_many_threads_together_get_no_more_than_is_allowed),
		cmocka_unit_test(test_a_network_is_an_address_or_half_of_a_long_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
