#include "base/id.h"
#include "store/sqlite/driver.h"
#include "support/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* One unit that inserts one item and is kept or undone. */
static void item_unit(int64_t id, enum store_verdict verdict, struct heard *heard)
{
	struct store_unit *unit = store_unit_begin(fixture.writer, false);

	assert_int_equal(insert_item(unit, id, 10).rc, 0);
	store_unit_end(unit, verdict, hear, heard);
}

static int64_t items(void)
{
	return number_in(&fixture, "SELECT count(*) FROM item");
}

/* What others could read at the moment of the answer. */
static void count_items(void *data, int rc, const struct err *err)
{
	(void)err;
	assert_int_equal(rc, 0);
	*(int64_t *)data = items();
}

static void test_answers_come_only_after_the_commit(void **state)
{
	struct store_unit *unit = store_unit_begin(fixture.writer, false);
	int64_t seen = -1;

	(void)state;
	insert_item(unit, 1, 10);
	store_unit_end(unit, STORE_KEEP, count_items, &seen);

	assert_int_equal(seen, -1);
	assert_int_equal(store_waiting(fixture.writer), 1);
	assert_int_equal(items(), 0);

	store_flush(fixture.writer);

	assert_int_equal(seen, 1);
	assert_int_equal(store_waiting(fixture.writer), 0);
}

static void test_an_undone_unit_hears_at_once_and_leaves_nothing(void **state)
{
	struct heard heard = {0};

	(void)state;
	item_unit(1, STORE_UNDO, &heard);

	assert_int_equal(heard.times, 1);
	assert_int_equal(heard.rc, 0);
	store_flush(fixture.writer);
	assert_int_equal(items(), 0);
}

static void test_a_failing_unit_never_undoes_its_neighbours(void **state)
{
	struct heard first = {0}, second = {0}, third = {0};
	struct store_unit *unit;

	(void)state;
	item_unit(1, STORE_KEEP, &first);
	unit = store_unit_begin(fixture.writer, false);
	assert_int_equal(insert_item(unit, 2, 10).rc, 0);
	assert_int_equal(insert_item(unit, 1, 10).rc, TM_EUNIQUE);
	store_unit_end(unit, STORE_UNDO, hear, &second);
	item_unit(3, STORE_KEEP, &third);
	store_flush(fixture.writer);

	assert_int_equal(first.rc, 0);
	assert_int_equal(second.times, 1);
	assert_int_equal(third.times, 1);
	assert_int_equal(number_in(&fixture, "SELECT sum(id) FROM item"), 4);
}

static void test_a_unit_alone_is_on_disk_when_it_ends(void **state)
{
	struct heard waiting = {0}, alone = {0};
	struct store_unit *unit;

	(void)state;
	item_unit(1, STORE_KEEP, &waiting);
	unit = store_unit_begin(fixture.writer, true);

	assert_int_equal(waiting.times, 1);
	assert_int_equal(insert_item(unit, 2, 10).rc, 0);
	store_unit_end(unit, STORE_KEEP, hear, &alone);

	assert_int_equal(alone.times, 1);
	assert_int_equal(alone.rc, 0);
	assert_int_equal(items(), 2);
}

static void test_a_refused_duplicate_names_its_columns(void **state)
{
	struct store_unit *unit = store_unit_begin(fixture.writer, true);
	struct heard one, two;

	(void)state;
	ask(unit, "CREATE TABLE person(login TEXT, unit INTEGER, UNIQUE(login, unit)) STRICT");
	ask(unit, "INSERT INTO person VALUES ('li', 1)");
	ask(unit, "INSERT INTO item VALUES (1, 'a', '')");
	one = ask(unit, "INSERT INTO item VALUES (2, 'a', '')");
	two = ask(unit, "INSERT INTO person VALUES ('li', 1)");
	store_unit_end(unit, STORE_UNDO, hear, &(struct heard){0});

	assert_int_equal(one.rc, TM_EUNIQUE);
	assert_string_equal(one.text, "item.name");
	assert_int_equal(two.rc, TM_EUNIQUE);
	assert_string_equal(two.text, "person.login, person.unit");
}

static void test_marks_nest_and_take_back_what_came_after(void **state)
{
	struct store_unit *unit = store_unit_begin(fixture.writer, false);
	struct heard heard = {0};

	(void)state;
	insert_item(unit, 1, 1);
	store_mark(unit, hear, &heard);
	insert_item(unit, 2, 1);
	store_mark(unit, hear, &heard);
	insert_item(unit, 4, 1);
	store_mark_end(unit, STORE_KEEP, hear, &heard);
	assert_int_equal(number_of(unit, "SELECT sum(id) FROM item"), 7);
	store_mark_end(unit, STORE_UNDO, hear, &heard);
	assert_int_equal(number_of(unit, "SELECT sum(id) FROM item"), 1);
	store_mark(unit, hear, &heard);
	insert_item(unit, 8, 1);
	store_unit_end(unit, STORE_KEEP, hear, &heard);
	store_flush(fixture.writer);

	assert_int_equal(heard.times, 6);
	assert_int_equal(heard.rc, 0);
	assert_int_equal(number_in(&fixture, "SELECT sum(id) FROM item"), 9);
}

/* Marks that are set before and after writes, nested, kept and undone at random, against a count of
 * what must be there. A seed that failed is in the message. */
static void test_marks_take_back_just_what_came_after_them(void **state)
{
	enum { DEPTH = 6, STEPS = 400, ROUNDS = 20 };
	struct heard heard = {0};

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct store_unit *unit = store_unit_begin(fixture.writer, false);
		int64_t there = 0, at_mark[DEPTH];
		unsigned depth = 0, seed = round + 1;

		for (int64_t i = 1; i <= STEPS; i++) {
			unsigned what = (unsigned)rand_r(&seed) % 8;

			if (what < 2 && depth < DEPTH) {
				at_mark[depth++] = there;
				store_mark(unit, hear, &heard);
			} else if (what < 4 && depth > 0) {
				depth--;
				there = what == 2 ? there : at_mark[depth];
				store_mark_end(
					unit, what == 2 ? STORE_KEEP : STORE_UNDO, hear, &heard);
			} else if (what < 6) {
				assert_int_equal(insert_item(unit, i, 1).rc, 0);
				there++;
			}
			if (number_of(unit, "SELECT count(*) FROM item") != there)
				fail_msg("round %u, step %lld", round, (long long)i);
		}
		assert_int_equal(heard.rc, 0);
		store_unit_end(unit, STORE_UNDO, hear, &heard);
	}
}

/* interrupt_at(i, n): i, but when it is n, the statement is interrupted. */
static void interrupt_at(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count;
	if (sqlite3_value_int64(values[0]) == sqlite3_value_int64(values[1]))
		sqlite3_interrupt(sqlite3_context_db_handle(context));
	sqlite3_result_value(context, values[0]);
}

static void add_interrupt_at(void)
{
	sqlite3_create_function(
		fixture.writer->db, "interrupt_at", 2, SQLITE_UTF8, NULL, interrupt_at, NULL, NULL);
}

static void insert_many(int64_t from, int64_t to)
{
	struct store_unit *unit = store_unit_begin(fixture.writer, true);

	for (int64_t id = from; id <= to; id++)
		assert_int_equal(insert_item(unit, id, 100).rc, 0);
	store_unit_end(unit, STORE_KEEP, hear, &(struct heard){0});
}

static const char half_way[] =
	"UPDATE item SET text = 'y' || interrupt_at(id, 1050) WHERE id > 1000";

static int member_unit(unsigned i, bool alone, struct heard *heard)
{
	struct store_unit *unit = store_unit_begin(fixture.writer, alone);
	int rc = i == 4 ? ask(unit, half_way).rc : insert_item(unit, i + 1, 10).rc;

	store_unit_end(unit, rc < 0 ? STORE_UNDO : STORE_KEEP, hear, heard);
	return rc;
}

static void test_of_eight_units_with_one_update_interrupted_seven_are_kept(void **state)
{
	struct heard group[8] = {0}, again[8] = {0};
	int lost = 0, kept = 0, interrupted = 0;

	(void)state;
	add_interrupt_at();
	insert_many(1001, 1100);
	for (unsigned i = 0; i < 8; i++)
		member_unit(i, false, &group[i]);
	store_flush(fixture.writer);
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(group[i].times, 1);
		lost += group[i].rc == TM_ELOST;
		if (group[i].rc == TM_ELOST)
			member_unit(i, true, &again[i]);
		kept += group[i].rc == 0 || again[i].rc == 0;
		interrupted += again[i].rc == TM_EINTR;
	}

	assert_int_equal(lost, 5); /* four that had ended well, and the one that was interrupted */
	assert_int_equal(kept, 7);
	assert_int_equal(interrupted, 1);
	assert_int_equal(number_in(&fixture, "SELECT count(*) FROM item WHERE id <= 8"), 7);
	assert_int_equal(number_in(&fixture, "SELECT count(*) FROM item WHERE text LIKE 'y%'"), 0);
}

static void test_a_lost_unit_can_do_nothing_more_and_its_neighbours_hear_when_it_ends(void **state)
{
	struct heard neighbour = {0}, mark = {0}, end = {0};
	struct store_unit *unit;

	(void)state;
	add_interrupt_at();
	insert_many(1001, 1100);
	item_unit(1, STORE_KEEP, &neighbour);
	unit = store_unit_begin(fixture.writer, false);
	assert_int_equal(ask(unit, half_way).rc, TM_ELOST);
	assert_int_equal(neighbour.times, 0);
	assert_int_equal(ask(unit, "SELECT 1").rc, TM_ELOST);
	assert_int_equal(insert_item(unit, 2, 10).rc, TM_ELOST);
	store_mark(unit, hear, &mark);
	store_unit_end(unit, STORE_KEEP, hear, &end);

	assert_int_equal(mark.rc, TM_ELOST);
	assert_int_equal(neighbour.rc, TM_ELOST);
	assert_int_equal(end.rc, TM_ELOST);
	assert_int_equal(neighbour.times + end.times, 2);
	assert_int_equal(number_in(&fixture, "SELECT count(*) FROM item WHERE id <= 8"), 0);
}

static void test_an_interrupted_read_in_a_group_harms_nobody(void **state)
{
	struct heard neighbour = {0}, end = {0};
	struct store_unit *unit;

	(void)state;
	add_interrupt_at();
	insert_many(1001, 1100);
	item_unit(1, STORE_KEEP, &neighbour);
	unit = store_unit_begin(fixture.writer, false);
	assert_int_equal(
		ask(unit, "SELECT sum(interrupt_at(id, 1050)) FROM item WHERE id > 1000").rc,
		TM_EINTR);
	assert_int_equal(insert_item(unit, 2, 10).rc, 0);
	store_unit_end(unit, STORE_KEEP, hear, &end);
	store_flush(fixture.writer);

	assert_int_equal(neighbour.times + end.times, 2);
	assert_int_equal(neighbour.rc, 0);
	assert_int_equal(end.rc, 0);
	assert_int_equal(number_in(&fixture, "SELECT count(*) FROM item WHERE id <= 8"), 2);
}

struct chain_of_units {
	int64_t next, last;
	unsigned told;
};

/* Begins the next unit inside the callback of the one before. */
static void begin_next(void *data, int rc, const struct err *err)
{
	struct chain_of_units *chain = data;
	struct store_unit *unit;

	(void)err;
	assert_int_equal(rc, 0);
	chain->told++;
	if (chain->next > chain->last)
		return;
	unit = store_unit_begin(fixture.writer, false);
	assert_int_equal(insert_item(unit, chain->next++, 10).rc, 0);
	store_unit_end(unit, STORE_KEEP, begin_next, chain);
}

static void test_a_callback_may_begin_the_next_unit(void **state)
{
	struct chain_of_units chain = {.next = 1, .last = 50};

	(void)state;
	begin_next(&chain, 0, NULL);
	begin_next(&chain, 0, NULL);
	while (store_waiting(fixture.writer) > 0)
		store_flush(fixture.writer);

	assert_int_equal(chain.told, 52);
	assert_int_equal(items(), 50);
}

static void test_a_reading_unit_sees_one_moment_and_changes_nothing(void **state)
{
	struct store_conn *reader;
	struct store_unit *unit;
	struct heard heard = {0}, write;

	(void)state;
	assert_int_equal(store_conn_open(&reader, fixture.store, STORE_READ, NULL), 0);
	unit = store_unit_begin(reader, false);
	assert_int_equal(number_of(unit, "SELECT count(*) FROM item"), 0);
	item_unit(1, STORE_KEEP, &(struct heard){0});
	store_flush(fixture.writer);
	assert_int_equal(number_of(unit, "SELECT count(*) FROM item"), 0);
	write = insert_item(unit, 2, 10);
	store_mark(unit, hear, &heard);
	store_mark_end(unit, STORE_UNDO, hear, &heard);
	store_unit_end(unit, STORE_KEEP, hear, &heard);
	unit = store_unit_begin(reader, false);

	assert_int_equal(number_of(unit, "SELECT count(*) FROM item"), 1);
	assert_int_equal(write.rc, TM_EINVAL);
	assert_int_equal(heard.times, 3);
	assert_int_equal(heard.rc, 0);
	store_unit_end(unit, STORE_UNDO, hear, &heard);
	store_conn_close(reader);
}

static void test_a_wrong_statement_is_refused_with_words(void **state)
{
	struct store_unit *unit = store_unit_begin(fixture.writer, false);
	struct heard heard;

	(void)state;
	heard = ask(unit, "SELEKT 1");
	assert_int_equal(heard.rc, TM_EINVAL);
	assert_non_null(strstr(heard.text, "SELEKT"));
	heard = ask(unit, "SELECT 1; SELECT 2");
	assert_int_equal(heard.rc, TM_EINVAL);
	assert_int_equal(ask(unit, "").rc, TM_EINVAL);
	assert_int_equal(ask(unit, "SELECT ?").rc, TM_EINVAL);
	assert_int_equal(ask(unit, "SELECT \"no such column\"").rc, TM_EINVAL);
	assert_int_equal(ask(unit, "INSERT INTO item(id) VALUES ('x')").rc, TM_EINVAL);
	assert_int_equal(ask(unit, "SELECT 1 ; ").rc, 0);
	store_unit_end(unit, STORE_UNDO, hear, &heard);

	assert_int_equal(heard.rc, 0);
}

static void check_values(void *data, const struct store_row *row)
{
	struct store_value integer = store_row_value(row, 0), real = store_row_value(row, 1);
	struct store_value text = store_row_value(row, 2), blob = store_row_value(row, 3);

	(void)data;
	assert_int_equal(store_row_columns(row), 6);
	assert_int_equal(integer.type, STORE_INT);
	assert_true(integer.integer == INT64_MIN);
	assert_int_equal(real.type, STORE_REAL);
	assert_true(real.real == 0.1);
	assert_int_equal(text.type, STORE_TEXT);
	assert_int_equal(text.bytes.len, 7);
	assert_memory_equal(text.bytes.data,
		"a\0\xe7\xba\xbf"
		"b\0",
		7);
	assert_int_equal(blob.type, STORE_BLOB);
	assert_int_equal(blob.bytes.len, 2);
	assert_memory_equal(blob.bytes.data, "\xff\0", 2);
	assert_int_equal(store_row_value(row, 4).type, STORE_NULL);
	assert_int_equal(store_row_value(row, 5).type, STORE_TEXT);
	assert_int_equal(store_row_value(row, 5).bytes.len, 0);
}

static void test_values_come_back_as_they_went_in(void **state)
{
	static const char sql[] = "SELECT ?, ?, ?, ?, ?, ?";
	struct store_value values[6] = {
		{.type = STORE_INT, .integer = INT64_MIN},
		{.type = STORE_REAL, .real = 0.1},
		{.type = STORE_TEXT,
			.bytes = {"a\0\xe7\xba\xbf"
				  "b\0",
				7}},
		{.type = STORE_BLOB, .bytes = {"\xff\0", 2}},
		{.type = STORE_NULL},
		{.type = STORE_TEXT, .bytes = {NULL, 0}},
	};
	struct store_unit *unit = store_unit_begin(fixture.writer, false);
	struct heard heard = {0};

	(void)state;
	store_query(unit, &(struct store_query){.sql = sql,
				  .sql_len = sizeof sql - 1,
				  .params = values,
				  .param_count = 6,
				  .on_row = check_values,
				  .done = hear,
				  .data = &heard});
	store_unit_end(unit, STORE_UNDO, hear, &heard);

	assert_int_equal(heard.times, 2);
	assert_int_equal(heard.rc, 0);
}

static void test_changed_rows_are_counted_for_each_statement(void **state)
{
	struct store_unit *unit = store_unit_begin(fixture.writer, false);

	(void)state;
	insert_item(unit, 1, 1);
	insert_item(unit, 2, 1);
	assert_int_equal(store_unit_changes(unit), 1);
	ask(unit, "UPDATE item SET text = 'z'");
	assert_int_equal(store_unit_changes(unit), 2);
	ask(unit, "SELECT 1");
	assert_int_equal(store_unit_changes(unit), 0);
	ask(unit, "UPDATE item SET text = 'z' WHERE id = 9");
	assert_int_equal(store_unit_changes(unit), 0);
	store_unit_end(unit, STORE_UNDO, hear, &(struct heard){0});
}

static void test_the_kept_statements_are_bounded(void **state)
{
	struct store_unit *unit = store_unit_begin(fixture.writer, false);
	char sql[64];

	(void)state;
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 1000; i++) {
			snprintf(sql, sizeof sql, "SELECT %d FROM item", i);
			assert_int_equal(ask(unit, sql).rc, 0);
			assert_int_equal(ask(unit, "SELECT 0 FROM item").rc, 0);
		}
	store_unit_end(unit, STORE_UNDO, hear, &(struct heard){0});

	assert_int_equal(fixture.writer->statements.count, STATEMENTS_MAX);
}

static const char every_item[] = "SELECT id FROM item";

struct nest {
	struct heard heard;
	struct store_unit *unit;
	unsigned depth, rows;
};

static void ask_again(void *data, const struct store_row *row)
{
	struct nest *nest = data;

	(void)row;
	nest->rows++;
	if (nest->depth == 2)
		return;
	nest->depth++;
	store_query(nest->unit, &(struct store_query){.sql = every_item,
					.sql_len = sizeof every_item - 1,
					.on_row = ask_again,
					.done = hear,
					.data = nest});
	nest->depth--;
}

static void test_a_row_callback_may_ask_the_same_again(void **state)
{
	struct nest nest = {.unit = store_unit_begin(fixture.writer, false)};

	(void)state;
	for (int64_t id = 1; id <= 3; id++)
		insert_item(nest.unit, id, 1);
	store_query(nest.unit, &(struct store_query){.sql = every_item,
				       .sql_len = sizeof every_item - 1,
				       .on_row = ask_again,
				       .done = hear,
				       .data = &nest});
	store_unit_end(nest.unit, STORE_UNDO, hear, &nest.heard);

	assert_int_equal(nest.rows, 3 + 9 + 27);
	assert_int_equal(nest.heard.rc, 0);
}

static void test_the_keys_are_made_once_for_each_store(void **state)
{
	unsigned char id_key[16], seal_key[32];
	struct store_fixture other;

	(void)state;
	memcpy(id_key, store_id_key(fixture.store), sizeof id_key);
	memcpy(seal_key, store_seal_key(fixture.store), sizeof seal_key);
	store_fixture_reopen(&fixture);
	store_fixture_open(&other);

	assert_memory_equal(store_id_key(fixture.store), id_key, sizeof id_key);
	assert_memory_equal(store_seal_key(fixture.store), seal_key, sizeof seal_key);
	assert_memory_not_equal(store_id_key(other.store), id_key, sizeof id_key);
	assert_memory_not_equal(store_seal_key(other.store), seal_key, sizeof seal_key);
	store_fixture_close(&other);
}

static void test_commits_are_synced_and_sqlite_is_locked_down(void **state)
{
	struct store_unit *unit = store_unit_begin(fixture.writer, false);

	(void)state;
	assert_int_equal(number_of(unit, "PRAGMA synchronous"), 2);
	assert_int_equal(number_of(unit, "PRAGMA wal_autocheckpoint"), 0);
	assert_int_equal(number_of(unit, "PRAGMA foreign_keys"), 0);
	assert_int_equal(number_of(unit, "PRAGMA trusted_schema"), 0);
	assert_int_equal(number_of(unit, "PRAGMA temp_store"), 2);
	assert_int_equal(
		number_of(unit, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
	store_unit_end(unit, STORE_UNDO, hear, &(struct heard){0});
}

static void test_opening_what_is_no_database_fails_with_its_path(void **state)
{
	struct store *store = NULL;
	struct err err;

	(void)state;
	assert_true(store_open(&store, fixture.folder, &err) < 0);
	assert_non_null(strstr(err.text, fixture.folder));
	assert_null(store);
	assert_true(store_open(&store, "/dev/null/store.db", &err) < 0);
}

static void *interrupt_until_told(void *data)
{
	while (!__atomic_load_n((bool *)data, __ATOMIC_ACQUIRE)) {
		store_interrupt(fixture.writer);
		usleep(1000);
	}
	return NULL;
}

static void test_another_thread_may_interrupt_a_statement(void **state)
{
	struct store_unit *unit = store_unit_begin(fixture.writer, false);
	struct heard heard;
	pthread_t thread;
	bool stop = false;

	(void)state;
	pthread_create(&thread, NULL, interrupt_until_told, &stop);
	heard = ask(unit, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
			  "SELECT count(*) FROM n");
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	store_unit_end(unit, STORE_UNDO, hear, &(struct heard){0});

	assert_int_equal(heard.rc, TM_EINTR);
}

static const unsigned char *take_u32(const unsigned char *at, uint32_t *number)
{
	memcpy(number, at, sizeof *number);
	return at + sizeof *number;
}

static const unsigned char *skip_values(const unsigned char *at, uint32_t count)
{
	uint32_t len;

	while (count-- > 0) {
		switch (*at++) {
		case 'i':
		case 'r':
			at += 8;
			break;
		case 't':
		case 'b':
			at = take_u32(at, &len) + len;
			break;
		default:
			break;
		}
	}
	return at;
}

/* Puts the texts of the recorded runs one below the other. */
static void read_record(const char *path, char *out)
{
	static unsigned char bytes[1 << 16];
	const unsigned char *at = bytes, *texts[64];
	uint32_t lens[64], id, count;
	FILE *file = fopen(path, "rb");
	const unsigned char *end = bytes + fread(bytes, 1, sizeof bytes, file);

	fclose(file);
	assert_memory_equal(at, "tidemill-record 1\n", 18);
	for (at += 18; at < end;) {
		unsigned char kind = *at++;

		at = take_u32(take_u32(at, &id), &count);
		assert_in_range(id, 1, 63);
		if (kind == 'S') {
			texts[id] = at;
			lens[id] = count;
			at += count;
		} else {
			assert_int_equal(kind, 'Q');
			out += sprintf(out, "%.*s\n", (int)lens[id], (const char *)texts[id]);
			at = skip_values(at, count);
		}
	}
	assert_ptr_equal(at, end);
}

static void test_a_record_holds_what_ran_with_its_borders(void **state)
{
	char path[128], ran[4096] = "";

	(void)state;
	snprintf(path, sizeof path, "%s/record", fixture.folder);
	assert_int_equal(store_record(fixture.writer, path, NULL), 0);
	item_unit(1, STORE_KEEP, &(struct heard){0});
	item_unit(2, STORE_UNDO, &(struct heard){0});
	item_unit(3, STORE_KEEP, &(struct heard){0});
	store_flush(fixture.writer);
	store_fixture_reopen(&fixture);
	read_record(path, ran);
	unlink(path);

	assert_string_equal(ran, "BEGIN IMMEDIATE\n"
				 "SAVEPOINT unit\n"
				 "INSERT INTO item(id, name, text) VALUES (?, ?, ?)\n"
				 "RELEASE unit\n"
				 "SAVEPOINT unit\n"
				 "INSERT INTO item(id, name, text) VALUES (?, ?, ?)\n"
				 "ROLLBACK TO unit\n"
				 "RELEASE unit\n"
				 "SAVEPOINT unit\n"
				 "INSERT INTO item(id, name, text) VALUES (?, ?, ?)\n"
				 "RELEASE unit\n"
				 "COMMIT\n");
}

static void test_a_mark_after_which_nothing_is_written_costs_nothing(void **state)
{
	struct store_unit *unit;
	struct heard heard = {0};
	char path[128], ran[4096] = "";

	(void)state;
	snprintf(path, sizeof path, "%s/record", fixture.folder);
	assert_int_equal(store_record(fixture.writer, path, NULL), 0);
	unit = store_unit_begin(fixture.writer, false);
	store_mark(unit, hear, &heard);
	number_of(unit, "SELECT count(*) FROM item");
	store_mark_end(unit, STORE_UNDO, hear, &heard);
	store_mark(unit, hear, &heard);
	store_mark(unit, hear, &heard);
	insert_item(unit, 1, 1);
	store_mark_end(unit, STORE_UNDO, hear, &heard);
	store_mark_end(unit, STORE_KEEP, hear, &heard);
	store_unit_end(unit, STORE_KEEP, hear, &heard);
	store_flush(fixture.writer);
	store_fixture_reopen(&fixture);
	read_record(path, ran);
	unlink(path);

	assert_string_equal(ran, "BEGIN IMMEDIATE\n"
				 "SAVEPOINT unit\n"
				 "SELECT count(*) FROM item\n"
				 "SAVEPOINT mark\n"
				 "SAVEPOINT mark\n"
				 "INSERT INTO item(id, name, text) VALUES (?, ?, ?)\n"
				 "ROLLBACK TO mark\n"
				 "RELEASE mark\n"
				 "RELEASE mark\n"
				 "RELEASE unit\n"
				 "COMMIT\n");
}

static void test_ids_go_on_after_those_of_the_log_although_the_clock_was_set_back(void **state)
{
	int64_t ahead = id_new() + (INT64_C(86400000) << ID_MS_BITS);
	struct store_unit *unit = store_unit_begin(fixture.writer, false);
	char sql[512];

	(void)state;
	snprintf(sql, sizeof sql,
		"INSERT INTO change(pos, txn, entity, id, version, at, cause_kind, generation, "
		"body_hash, chain) VALUES (1, %lld, 'item', %lld, 1, 0, 'test', '', zeroblob(32), "
		"zeroblob(32))",
		(long long)ahead, (long long)ahead + 64);
	assert_int_equal(ask(unit, sql).rc, 0);
	store_unit_end(unit, STORE_KEEP, hear, &(struct heard){0});
	store_flush(fixture.writer);
	assert_true(id_new() < ahead);

	store_fixture_reopen(&fixture);

	assert_true(id_new() > ahead + 64);
}

int main(void)
{
#define PROMISE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		PROMISE(test_answers_come_only_after_the_commit),
		PROMISE(test_ids_go_on_after_those_of_the_log_although_the_clock_was_set_back),
		PROMISE(test_an_undone_unit_hears_at_once_and_leaves_nothing),
		PROMISE(test_a_failing_unit_never_undoes_its_neighbours),
		PROMISE(test_a_unit_alone_is_on_disk_when_it_ends),
		PROMISE(test_a_refused_duplicate_names_its_columns),
		PROMISE(test_marks_nest_and_take_back_what_came_after),
		PROMISE(test_marks_take_back_just_what_came_after_them),
		PROMISE(test_of_eight_units_with_one_update_interrupted_seven_are_kept),
		PROMISE(test_a_lost_unit_can_do_nothing_more_and_its_neighbours_hear_when_it_ends),
		PROMISE(test_an_interrupted_read_in_a_group_harms_nobody),
		PROMISE(test_a_callback_may_begin_the_next_unit),
		PROMISE(test_a_reading_unit_sees_one_moment_and_changes_nothing),
		PROMISE(test_a_wrong_statement_is_refused_with_words),
		PROMISE(test_values_come_back_as_they_went_in),
		PROMISE(test_changed_rows_are_counted_for_each_statement),
		PROMISE(test_the_kept_statements_are_bounded),
		PROMISE(test_a_row_callback_may_ask_the_same_again),
		PROMISE(test_the_keys_are_made_once_for_each_store),
		PROMISE(test_commits_are_synced_and_sqlite_is_locked_down),
		PROMISE(test_opening_what_is_no_database_fails_with_its_path),
		PROMISE(test_another_thread_may_interrupt_a_statement),
		PROMISE(test_a_record_holds_what_ran_with_its_borders),
		PROMISE(test_a_mark_after_which_nothing_is_written_costs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
