#include "store/change_log.h"
#include "support/store_fixture.h"

#include "text/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct store_fixture fixture;

static int set_up(void **state)
{
	(void)state;
	store_fixture_open(&fixture);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	store_fixture_close(&fixture);
	return 0;
}

static int append(struct store_unit *unit, int64_t id)
{
	static const char body[] = "{\"name\":[null,\"Li\"]}";
	struct change change = {
		.txn = 1000 + id,
		.entity = "item",
		.id = id,
		.version = 1,
		.at = 1764000000000,
		.actor = id % 2 ? 77 : 0,
		.cause_kind = "request",
		.cause_id = "r-1",
		.generation = "abc",
		.body = body,
		.body_len = sizeof body - 1,
	};
	struct heard heard = {0};

	change_append(unit, &change, hear, &heard);
	assert_int_equal(heard.times, 1);
	return heard.rc;
}

static void append_unit(int64_t id, enum store_verdict verdict, struct heard *heard)
{
	struct store_unit *unit = store_unit_begin(fixture.writer, false);

	assert_int_equal(append(unit, id), 0);
	store_unit_end(unit, verdict, hear, heard);
}

static void append_many(int64_t count)
{
	struct heard heard = {0};

	for (int64_t id = 1; id <= count; id++)
		append_unit(id, STORE_KEEP, &heard);
	store_flush(fixture.writer);
	assert_int_equal(heard.rc, 0);
}

static void take_position(void *data, int rc, int64_t pos)
{
	assert_int_equal(rc, 0);
	*(int64_t *)data = pos;
}

static int64_t position(struct store_unit *unit)
{
	int64_t pos = -1;

	change_position(unit, take_position, &pos);
	return pos;
}

static void assert_log_is_right(int64_t expected)
{
	struct err err = {0};
	int64_t rows;
	int rc = change_verify(fixture.store, &rows, &err);

	if (rc < 0)
		fail_msg("%s", err.text);
	assert_int_equal(rows, expected);
}

static void change_directly(const char *sql)
{
	struct store_unit *unit = store_unit_begin(fixture.writer, true);
	struct heard heard = ask(unit, sql), end = {0};

	if (heard.rc < 0)
		fail_msg("%s: %s", sql, heard.text);
	store_unit_end(unit, STORE_KEEP, hear, &end);
	assert_int_equal(end.rc, 0);
}

static void test_positions_rise_by_one_and_the_chain_verifies(void **state)
{
	(void)state;
	assert_log_is_right(0);
	append_many(100);

	assert_log_is_right(100);
	assert_int_equal(number_in(&fixture, "SELECT max(pos) FROM change"), 100);
	assert_int_equal(number_in(&fixture, "SELECT count(DISTINCT salt) FROM change"), 100);
	assert_int_equal(
		number_in(&fixture, "SELECT count(*) FROM change WHERE length(salt) = 16"), 100);
	assert_int_equal(
		number_in(&fixture, "SELECT count(*) FROM change WHERE actor IS NULL"), 50);
}

static void test_a_unit_sees_its_own_position(void **state)
{
	struct store_unit *unit = store_unit_begin(fixture.writer, false);

	(void)state;
	assert_int_equal(position(unit), 0);
	append(unit, 1);
	append(unit, 2);
	assert_int_equal(position(unit), 2);
	store_unit_end(unit, STORE_KEEP, hear, &(struct heard){0});
	store_flush(fixture.writer);
}

static void test_a_reading_unit_sees_the_position_of_its_snapshot(void **state)
{
	struct store_conn *reader;
	struct store_unit *unit;

	(void)state;
	assert_int_equal(store_conn_open(&reader, fixture.store, STORE_READ, NULL), 0);
	unit = store_unit_begin(reader, false);
	assert_int_equal(position(unit), 0);
	append_many(3);
	assert_int_equal(position(unit), 0);
	store_unit_end(unit, STORE_UNDO, hear, &(struct heard){0});
	unit = store_unit_begin(reader, false);
	assert_int_equal(position(unit), 3);
	assert_int_equal(append(unit, 9), TM_EINVAL);
	store_unit_end(unit, STORE_UNDO, hear, &(struct heard){0});
	store_conn_close(reader);
}

static void test_position_and_chain_return_when_a_unit_is_undone(void **state)
{
	struct heard heard = {0};

	(void)state;
	append_many(2);
	append_unit(10, STORE_UNDO, &heard); /* nobody waits */
	append_unit(11, STORE_KEEP, &heard);
	append_unit(12, STORE_UNDO, &heard); /* one waits */
	append_unit(13, STORE_KEEP, &heard);
	store_flush(fixture.writer);

	assert_int_equal(heard.times, 4);
	assert_log_is_right(4);
}

static void test_position_and_chain_return_at_an_undone_mark(void **state)
{
	struct store_unit *unit = store_unit_begin(fixture.writer, false);
	struct heard heard = {0};

	(void)state;
	append(unit, 1);
	store_mark(unit, hear, &heard);
	append(unit, 2);
	store_mark(unit, hear, &heard);
	append(unit, 3);
	store_mark_end(unit, STORE_KEEP, hear, &heard);
	assert_int_equal(position(unit), 3);
	store_mark_end(unit, STORE_UNDO, hear, &heard);
	assert_int_equal(position(unit), 1);
	append(unit, 4);
	store_unit_end(unit, STORE_KEEP, hear, &heard);
	store_flush(fixture.writer);

	assert_int_equal(heard.rc, 0);
	assert_log_is_right(2);
}

static void test_position_and_chain_return_when_a_group_is_lost(void **state)
{
	struct heard waiting = {0}, lost = {0};
	struct store_unit *unit;

	(void)state;
	append_many(3);
	append_unit(10, STORE_KEEP, &waiting);
	unit = store_unit_begin(fixture.writer, false);
	append(unit, 11);
	ask(unit, "INSERT INTO item(id) VALUES (1)");
	/* This conflict drops the whole transaction, as an interruption does. */
	assert_int_equal(ask(unit, "INSERT OR ROLLBACK INTO item(id) VALUES (1)").rc, TM_ELOST);
	assert_int_equal(append(unit, 12), TM_ELOST);
	store_unit_end(unit, STORE_KEEP, hear, &lost);
	assert_int_equal(waiting.rc, TM_ELOST);
	assert_int_equal(lost.rc, TM_ELOST);
	append_unit(13, STORE_KEEP, &waiting);
	store_flush(fixture.writer);

	assert_int_equal(waiting.rc, 0);
	assert_log_is_right(4);
}

static void test_the_chain_goes_on_after_a_restart(void **state)
{
	(void)state;
	append_many(3);
	store_fixture_reopen(&fixture);
	append_many(2);

	assert_log_is_right(5);
}

static void test_erased_rows_still_verify(void **state)
{
	(void)state;
	append_many(5);
	change_directly("UPDATE change SET body = NULL, salt = NULL WHERE pos IN (2, 5)");

	assert_log_is_right(5);
}

static void assert_found(const char *what, const char *where)
{
	struct err err = {0};
	int64_t rows;

	if (change_verify(fixture.store, &rows, &err) != TM_EINVAL)
		fail_msg("not found: %s", what);
	if (strstr(err.text, where) == NULL)
		fail_msg("%s: found elsewhere: %s", what, err.text);
}

static void test_tampering_with_any_column_is_found(void **state)
{
	static const char *const tamperings[] = {
		"txn = txn + 1",
		"entity = 'itex'",
		"id = id + 1",
		"version = 2",
		"at = at - 1",
		"actor = 78",
		"actor = NULL",
		"cause_kind = 'rule'",
		"cause_id = 'r-2'",
		"cause_id = NULL",
		"cause_version = ''",
		"cause_kind = 'reques', cause_id = 'tr-1'",
		"generation = 'abd'",
		"body = replace(body, 'Li', 'Lu')",
		"body = NULL",
		"salt = zeroblob(16)",
		"salt = NULL",
		"body_hash = zeroblob(32)",
		"body = NULL, salt = NULL, body_hash = zeroblob(32)",
		"body = NULL, salt = NULL, body_hash = x''",
		"chain = zeroblob(32)",
	};
	char sql[256];

	(void)state;
	append_many(5);
	change_directly("CREATE TABLE original AS SELECT * FROM change");
	for (unsigned i = 0; i < sizeof tamperings / sizeof *tamperings; i++) {
		snprintf(sql, sizeof sql, "UPDATE change SET %s WHERE pos = 3", tamperings[i]);
		change_directly(sql);
		assert_found(tamperings[i], "change 3");
		change_directly("REPLACE INTO change SELECT * FROM original WHERE pos = 3");
		assert_log_is_right(5);
	}
}

static void test_a_row_that_was_taken_out_or_put_elsewhere_is_found(void **state)
{
	(void)state;
	append_many(5);
	change_directly("CREATE TABLE original AS SELECT * FROM change");
	change_directly("DELETE FROM change WHERE pos = 3");
	assert_found("a deleted row", "change 3");
	change_directly("UPDATE change SET pos = pos - 1 WHERE pos > 3");
	assert_found("rows moved up", "change 3");
	change_directly("DELETE FROM change");
	change_directly("INSERT INTO change SELECT * FROM original WHERE pos > 1");
	assert_found("a missing first row", "change 1");
}

/* The row's hashes are made by hand, as change_log.h states them, and put in place of the stored
 * ones. */
static void test_the_encoding_is_the_documented_one(void **state)
{
	static const unsigned char zero[HASH_BYTES], encoded[] = "i\0\0\0\0\0\0\0\1"
								 "i\0\0\0\0\0\0\3\xe9"
								 "t\0\0\0\4item"
								 "i\0\0\0\0\0\0\0\1"
								 "i\0\0\0\0\0\0\0\1"
								 "i\0\0\1\x9a\xb6\x97\xe8\0"
								 "i\0\0\0\0\0\0\0\x4d"
								 "t\0\0\0\7request"
								 "t\0\0\0\3r-1"
								 "n"
								 "t\0\0\0\3abc";
	unsigned char body_hash[HASH_BYTES], chain[HASH_BYTES];
	struct store_value hashes[] = {
		{.type = STORE_BLOB, .bytes = {(char *)chain, HASH_BYTES}},
		{.type = STORE_BLOB, .bytes = {(char *)body_hash, HASH_BYTES}},
	};
	struct store_unit *unit;
	struct hash hash;

	(void)state;
	append_many(1);
	change_directly("UPDATE change SET salt = CAST('sixteen bytes ok' AS BLOB)");
	hash_blake2b(body_hash, NULL, 0, "sixteen bytes ok{\"name\":[null,\"Li\"]}", 36);
	hash_init(&hash, NULL, 0);
	hash_add(&hash, zero, sizeof zero);
	hash_add(&hash, encoded, sizeof encoded - 1);
	hash_add(&hash, body_hash, sizeof body_hash);
	hash_end(&hash, chain);

	unit = store_unit_begin(fixture.writer, true);
	for (unsigned i = 0; i < 2; i++) {
		struct heard heard = {0};
		char set[64];

		snprintf(set, sizeof set, "UPDATE change SET %s = ?",
			i == 0 ? "chain" : "body_hash");
		store_query(unit, &(struct store_query){.sql = set,
					  .sql_len = strlen(set),
					  .params = &hashes[i],
					  .param_count = 1,
					  .done = hear,
					  .data = &heard});
		assert_int_equal(heard.rc, 0);
	}
	store_unit_end(unit, STORE_KEEP, hear, &(struct heard){0});

	assert_log_is_right(1);
}

int main(void)
{
#define PROMISE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		PROMISE(test_positions_rise_by_one_and_the_chain_verifies),
		PROMISE(test_a_unit_sees_its_own_position),
		PROMISE(test_a_reading_unit_sees_the_position_of_its_snapshot),
		PROMISE(test_position_and_chain_return_when_a_unit_is_undone),
		PROMISE(test_position_and_chain_return_at_an_undone_mark),
		PROMISE(test_position_and_chain_return_when_a_group_is_lost),
		PROMISE(test_the_chain_goes_on_after_a_restart),
		PROMISE(test_erased_rows_still_verify),
		PROMISE(test_tampering_with_any_column_is_found),
		PROMISE(test_a_row_that_was_taken_out_or_put_elsewhere_is_found),
		PROMISE(test_the_encoding_is_the_documented_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
