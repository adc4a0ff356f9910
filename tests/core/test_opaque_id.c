/* Ids: inner ones grow, outer ones tell nothing. */
#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "text/opaque_id.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const unsigned char key[OPAQUE_ID_KEY] = {
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static uint64_t random_id(void)
{
	return (uint64_t)rand() << 42 ^ (uint64_t)rand() << 21 ^ (uint64_t)rand();
}

static int compare_texts(const void *a, const void *b)
{
	return memcmp(a, b, OPAQUE_ID_LEN);
}

/* Computed by another program: links in the world hold such texts, so they must stay for ever. */
static void test_the_permutation_never_changes(void **state)
{
	static const struct {
		uint64_t id;
		const char *text;
	} known[] = {
		{0, "0wgbrj7tvkxf1"},
		{1, "05axr8jqdxxx6"},
		{2, "97xfrek9679z3"},
		{UINT64_C(0x4000000000000000), "adjmqt90jsqhz"},
		{UINT64_MAX, "8c00m0dyw1jwr"},
		{UINT64_C(0x58f0f96c0000000), "8a0weqfcgeqxc"},
	};
	char text[OPAQUE_ID_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		opaque_id_seal(text, known[i].id, key);
		assert_memory_equal(text, known[i].text, OPAQUE_ID_LEN);
	}
}

static void test_every_id_comes_back(void **state)
{
	char text[OPAQUE_ID_LEN];

	(void)state;
	srand(1);
	for (int i = 0; i < 100000; i++) {
		uint64_t id = i < 1000 ? (uint64_t)i : random_id();
		uint64_t back = ~id;

		opaque_id_seal(text, id, key);
		assert_int_equal(opaque_id_open(&back, text, sizeof text, key), 0);
		assert_true(back == id);
	}
}

static void test_every_text_is_of_one_id_only(void **state)
{
	static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
	char text[OPAQUE_ID_LEN];
	char again[OPAQUE_ID_LEN];
	uint64_t id;

	(void)state;
	srand(2);
	for (int i = 0; i < 10000; i++) {
		text[0] = alphabet[rand() % 16];
		for (int j = 1; j < OPAQUE_ID_LEN; j++)
			text[j] = alphabet[rand() % 32];
		assert_int_equal(opaque_id_open(&id, text, sizeof text, key), 0);
		opaque_id_seal(again, id, key);
		assert_memory_equal(text, again, OPAQUE_ID_LEN);
	}
}

static void test_neighbours_are_strangers_outside(void **state)
{
	enum { COUNT = 20000 };
	static char texts[COUNT][OPAQUE_ID_LEN];
	int rising = 0;

	(void)state;
	for (int i = 0; i < COUNT; i++)
		opaque_id_seal(texts[i], UINT64_C(0x58f0f96c0000000) + (uint64_t)i, key);
	for (int i = 1; i < COUNT; i++)
		rising += memcmp(texts[i - 1], texts[i], OPAQUE_ID_LEN) < 0;
	qsort(texts, COUNT, OPAQUE_ID_LEN, compare_texts);

	assert_in_range(rising, COUNT * 48 / 100, COUNT * 52 / 100);
	for (int i = 1; i < COUNT; i++)
		assert_true(memcmp(texts[i - 1], texts[i], OPAQUE_ID_LEN) < 0);
}

static void test_another_key_gives_another_text(void **state)
{
	unsigned char other[OPAQUE_ID_KEY];
	char text[OPAQUE_ID_LEN];
	char other_text[OPAQUE_ID_LEN];

	(void)state;
	memcpy(other, key, sizeof other);
	other[15] ^= 1;
	opaque_id_seal(text, 1, key);
	opaque_id_seal(other_text, 1, other);

	assert_memory_not_equal(text, other_text, OPAQUE_ID_LEN);
}

static void test_only_the_one_form_is_accepted(void **state)
{
	static const char *const wrong[] = {"", "0wgbrj7tvkxf", "0wgbrj7tvkxf10", "0WGBRJ7TVKXF1",
		"0wgbrj7tvkxfi", "0wgbrj7tvkxfl", "owgbrj7tvkxf1", "0wgbrj7tvkxfu", "gwgbrj7tvkxf1",
		"zzzzzzzzzzzzz", "0wgbrj7-vkxf1", " wgbrj7tvkxf1", "0wgbrj7tvkx\xc3\xa9"};
	uint64_t id;

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		assert_int_equal(opaque_id_open(&id, wrong[i], strlen(wrong[i]), key), TM_EINVAL);
	assert_int_equal(opaque_id_open(&id, "0wgbrj7tvkxf\0", 13, key), TM_EINVAL);
}

static void test_inner_ids_tell_their_time(void **state)
{
	int64_t before = clock_utc_ms();
	int64_t id = id_new();
	int64_t ms = (id >> ID_MS_BITS) + ID_EPOCH_MS;

	(void)state;
	assert_true(id > 0);
	assert_true(ms >= before && ms <= clock_utc_ms());
}

enum { THREADS = 4, EACH = 100000 };
static int64_t made[THREADS][EACH];

static void *make_ids(void *into)
{
	int64_t *ids = into;

	for (int i = 0; i < EACH; i++)
		ids[i] = id_new();
	return NULL;
}

static int compare_ids(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a;
	int64_t right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

static void test_inner_ids_grow_and_no_two_threads_get_the_same(void **state)
{
	pthread_t threads[THREADS];
	int64_t *all = &made[0][0];

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, make_ids, made[i]), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);

	for (int i = 0; i < THREADS; i++)
		for (int j = 1; j < EACH; j++)
			assert_true(made[i][j] > made[i][j - 1]);
	qsort(all, THREADS * EACH, sizeof *all, compare_ids);
	for (int i = 1; i < THREADS * EACH; i++)
		assert_true(all[i] > all[i - 1]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_permutation_never_changes),
		cmocka_unit_test(test_every_id_comes_back),
		cmocka_unit_test(test_every_text_is_of_one_id_only),
		cmocka_unit_test(test_neighbours_are_strangers_outside),
		cmocka_unit_test(test_another_key_gives_another_text),
		cmocka_unit_test(test_only_the_one_form_is_accepted),
		cmocka_unit_test(test_inner_ids_tell_their_time),
		cmocka_unit_test(test_inner_ids_grow_and_no_two_threads_get_the_same),
	};

	return cmocka_run_group_tests_name("ids", tests, NULL, NULL);
}
