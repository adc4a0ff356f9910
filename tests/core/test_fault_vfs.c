#include "store/change_log.h"
#include "store/sqlite/driver.h"
#include "support/fault_vfs.h"
#include "support/store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
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
	fault_vfs_room(FAULT_NO_LIMIT);
	fault_vfs_fail(FAULT_SYNC, 0, 0);
	store_fixture_close(&fixture);
	return 0;
}

static int begin_layer(void **state)
{
	(void)state;
	return fault_vfs_register();
}

/* Writes 1 MiB and moves it into the database, so that the log can take later commits without
 * growing. */
static void grow_the_log(void)
{
	struct store_unit *unit = store_unit_begin(fixture.writer, true);

	for (int64_t id = 1000; id < 1256; id++)
		assert_int_equal(insert_item(unit, id, 4096).rc, 0);
	store_unit_end(unit, STORE_KEEP, hear, &(struct heard){0});
	assert_int_equal(fault_vfs_checkpoint(fixture.path), SQLITE_OK);
}

static int item_unit(int64_t id, size_t len, bool alone, struct heard *heard)
{
	struct store_unit *unit = store_unit_begin(fixture.writer, alone);
	int rc = insert_item(unit, id, len).rc;

	store_unit_end(unit, rc < 0 ? STORE_UNDO : STORE_KEEP, hear, heard);
	return rc;
}

/* Eight items as one group, of `len` bytes but for the fifth; who was lost runs once more, alone.
 * The result is how many were kept. */
static int write_eight(size_t len, size_t fifth, struct heard *last)
{
	struct heard group[8] = {0};
	int kept = 0;

	for (int i = 0; i < 8; i++)
		item_unit(i + 1, i == 4 ? fifth : len, false, &group[i]);
	store_flush(fixture.writer);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(group[i].times, 1);
		last[i] = group[i];
		if (group[i].rc == TM_ELOST)
			item_unit(i + 1, i == 4 ? fifth : len, true, &last[i]);
		kept += last[i].rc == 0;
	}
	return kept;
}

static int64_t items(void)
{
	return number_in(&fixture, "SELECT count(*) FROM item WHERE id <= 8");
}

static void test_a_group_of_eight_needs_one_sync(void **state)
{
	struct heard heard[8] = {0};
	unsigned before = fault_vfs_syncs();

	(void)state;
	assert_int_equal(write_eight(100, 100, heard), 8);

	assert_int_equal(fault_vfs_syncs(), before + 1);
}

static void test_of_eight_units_the_one_without_room_fails_and_seven_are_kept(void **state)
{
	struct heard heard[8] = {0};

	(void)state;
	grow_the_log();
	fault_vfs_room(64 << 10);

	assert_int_equal(write_eight(100, 3 << 20, heard), 7);

	assert_int_equal(heard[4].rc, TM_EFULL);
	assert_int_equal(items(), 7);
	store_fixture_reopen(&fixture);
	assert_int_equal(items(), 7);
}

static void test_without_any_room_each_unit_fails_alone(void **state)
{
	struct heard heard[8] = {0};

	(void)state;
	fault_vfs_room(0);

	assert_int_equal(write_eight(5000, 5000, heard), 0);

	for (int i = 0; i < 8; i++)
		assert_int_equal(heard[i].rc, TM_EFULL);
	assert_int_equal(items(), 0);
	fault_vfs_room(FAULT_NO_LIMIT);
	assert_int_equal(write_eight(5000, 5000, heard), 8);
	assert_int_equal(items(), 8);
}

/* Another connection that has looked into the file, so that closing one does not checkpoint. */
static struct store_unit *items_in(struct store_conn *reader)
{
	struct store_unit *unit = store_unit_begin(reader, false);

	number_of(unit, "SELECT count(*) FROM item");
	return unit;
}

static void test_a_failed_sync_leaves_the_outcome_unknown_and_the_next_unit_works(void **state)
{
	struct heard heard[3] = {0}, alone = {0}, after = {0};
	struct store_conn *reader;

	(void)state;
	assert_int_equal(store_conn_open(&reader, fixture.store, STORE_READ, NULL), 0);
	store_unit_end(items_in(reader), STORE_UNDO, hear, &(struct heard){0});
	fault_vfs_fail(FAULT_SYNC, 0, 1);
	for (int i = 0; i < 3; i++)
		item_unit(i + 1, 100, false, &heard[i]);
	store_flush(fixture.writer);
	fault_vfs_fail(FAULT_SYNC, 0, 1);
	item_unit(4, 100, true, &alone);
	item_unit(5, 100, false, &after);
	store_flush(fixture.writer);

	for (int i = 0; i < 3; i++)
		assert_int_equal(heard[i].rc, TM_EUNKNOWN);
	assert_int_equal(alone.rc, TM_EUNKNOWN);
	assert_int_equal(after.rc, 0);
	assert_false(fixture.writer->stale);
	store_conn_close(reader);
	assert_int_equal(number_in(&fixture, "SELECT count(*) FROM item WHERE id = 5"), 1);
}

/* What another thread finds once a sync is held, before it lets it go on. */
struct held {
	struct heard heard;
	unsigned waiting, answered;
	int checkpoint;
	int64_t items;
};

static void *look_and_release(void *data)
{
	struct held *held = data;

	for (int ms = 0; ms < 5000 && held->waiting == 0; ms++, usleep(1000))
		held->waiting = fault_vfs_held();
	held->answered = __atomic_load_n(&held->heard.times, __ATOMIC_ACQUIRE);
	held->items = items();
	held->checkpoint = fault_vfs_checkpoint(fixture.path);
	fault_vfs_release();
	return NULL;
}

static void test_nobody_is_answered_while_the_sync_is_held_and_readers_go_on(void **state)
{
	struct held held = {0};
	pthread_t thread;

	(void)state;
	fault_vfs_hold();
	pthread_create(&thread, NULL, look_and_release, &held);
	item_unit(1, 100, false, &held.heard);
	store_flush(fixture.writer);
	pthread_join(thread, NULL);

	assert_int_equal(held.waiting, 1);
	assert_int_equal(held.answered, 0);
	assert_int_equal(held.items, 0);
	assert_int_equal(held.checkpoint, SQLITE_OK);
	assert_int_equal(held.heard.rc, 0);
	assert_int_equal(held.heard.times, 1);
	assert_int_equal(items(), 1);
}

/* The life of a process that writes items in groups and tells of each, through `to`, once it was
 * answered; between two groups the log may be checkpointed. It never ends by itself. */
struct told {
	int to;
	int64_t id;
};

static void tell(void *data, int rc, const struct err *err)
{
	struct told *told = data;

	(void)err;
	if (rc != 0 || write(told->to, &told->id, sizeof told->id) != sizeof told->id)
		_exit(1);
}

static void ignore(void *data, int rc, const struct err *err)
{
	(void)data;
	(void)err;
	if (rc != 0)
		_exit(1);
}

static void log_item(struct store_unit *unit, int64_t id)
{
	struct change change = {.txn = id,
		.entity = "item",
		.id = id,
		.version = 1,
		.cause_kind = "test",
		.generation = "g",
		.body = "{}",
		.body_len = 2};

	change_append(unit, &change, ignore, NULL);
}

static void write_until_killed(const char *path, int64_t next, bool careless, int to)
{
	struct told told[8];
	struct store *store;
	struct store_conn *conn;
	struct err err;

	if (store_open(&store, path, &err) < 0 ||
		store_conn_open(&conn, store, STORE_WRITE, &err) < 0)
		_exit(1);
	sqlite3_exec(conn->db, "PRAGMA wal_autocheckpoint = 50", NULL, NULL, NULL);
	if (careless)
		sqlite3_exec(conn->db, "PRAGMA synchronous = OFF", NULL, NULL, NULL);
	for (;;) {
		for (unsigned i = 0; i < 8; i++, next++) {
			struct store_unit *unit = store_unit_begin(conn, false);

			told[i] = (struct told){to, next};
			log_item(unit, next);
			if (insert_item(unit, next, 200).rc < 0)
				_exit(1);
			store_unit_end(unit, STORE_KEEP, tell, &told[i]);
		}
		store_flush(conn);
	}
}

/* Lets a process write from `next` on, kills it, and returns the last item that it was answered
 * for. */
static int64_t write_and_kill(int64_t next, bool careless)
{
	int ends[2], status;
	int64_t id, last = next - 1;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		close(ends[0]);
		write_until_killed(fixture.path, next, careless, ends[1]);
	}
	close(ends[1]);
	if (read(ends[0], &id, sizeof id) == sizeof id)
		last = id;
	usleep((unsigned)(random() % 30000));
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	while (read(ends[0], &id, sizeof id) == sizeof id)
		last = id;
	close(ends[0]);
	assert_true(WIFSIGNALED(status));
	return last;
}

/* After each crash: whether all that was answered is there, in a sound file with a sound log. */
static unsigned crash_rounds(unsigned rounds, bool careless)
{
	unsigned sound = 0;
	int64_t next = 1;

	for (unsigned round = 0; round < rounds; round++) {
		char sql[96];
		struct err err;
		struct store *store = NULL;
		int64_t last, there, rows;

		last = write_and_kill(next, careless);
		snprintf(sql, sizeof sql, "SELECT count(*) FROM item WHERE id <= %ld", last);
		if (store_open(&store, fixture.path, &err) < 0)
			return sound;
		store_close(store);
		there = number_in(&fixture, sql);
		next = number_in(&fixture, "SELECT coalesce(max(id), 0) FROM item") + 1;
		if (there != last || change_verify(fixture.store, &rows, &err) < 0)
			return sound;
		sound += number_in(&fixture,
				 "SELECT integrity_check = 'ok' FROM pragma_integrity_check") == 1;
	}
	return sound;
}

/* The children must find no open database in what they inherit. */
static void close_for_forks(void)
{
	store_conn_close(fixture.writer);
	fixture.writer = NULL;
}

static void test_what_was_answered_survives_a_kill_at_any_moment(void **state)
{
	(void)state;
	close_for_forks();

	assert_int_equal(crash_rounds(25, false), 25);
}

static void test_without_syncs_a_kill_loses_what_was_answered(void **state)
{
	(void)state;
	close_for_forks();

	assert_in_range(crash_rounds(5, true), 0, 4);
}

int main(void)
{
#define PROMISE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		PROMISE(test_a_group_of_eight_needs_one_sync),
		PROMISE(test_of_eight_units_the_one_without_room_fails_and_seven_are_kept),
		PROMISE(test_without_any_room_each_unit_fails_alone),
		PROMISE(test_a_failed_sync_leaves_the_outcome_unknown_and_the_next_unit_works),
		PROMISE(test_nobody_is_answered_while_the_sync_is_held_and_readers_go_on),
		PROMISE(test_what_was_answered_survives_a_kill_at_any_moment),
		PROMISE(test_without_syncs_a_kill_loses_what_was_answered),
	};

	return cmocka_run_group_tests(tests, begin_layer, NULL);
}
