/* How units share a transaction.
 *
 * The first unit opens it. Each unit sets a savepoint, releases it when it ends with *keep*, and
 * then waits; store_flush commits and tells all who wait. A unit that is undone goes back to its
 * savepoint, and when nobody waits yet, the whole transaction is rolled back, so that none stays
 * open without a reason.
 *
 * SQLite drops a whole transaction, savepoints included, when a writing statement is interrupted
 * and in some cases when the disk or memory is full. sqlite3_get_autocommit tells. The unit in
 * which that happened is then *broken*: all that it still asks fails with the same code. Those who
 * waited are told when it ends, so that no callback finds it alive: callbacks come only from
 * store_unit_end, store_flush and, for the sake of a unit that wants to be alone, store_unit_begin.
 */
#include "store/sqlite/driver.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static bool make_room_to_wait(struct store_conn *conn)
{
	unsigned room = conn->waiting_room ? conn->waiting_room * 2 : 16;
	struct waiter *grown;

	if (conn->waiting_count < conn->waiting_room)
		return true;
	grown = realloc(conn->waiting, room * sizeof *grown);
	if (grown == NULL)
		return false;
	conn->waiting = grown;
	conn->waiting_room = room;
	return true;
}

/* Tells all who wait. A callback may begin the next units, so the list is taken away first. */
static void answer(struct store_conn *conn, int rc, const struct err *err)
{
	struct waiter *waiting = conn->waiting;
	unsigned count = conn->waiting_count, room = conn->waiting_room;

	conn->waiting = NULL;
	conn->waiting_count = conn->waiting_room = 0;
	conn->lost = false;
	for (unsigned i = 0; i < count; i++)
		if (!store_done_later(conn, waiting[i].done, waiting[i].data, rc, err))
			waiting[i].done(waiting[i].data, rc, err);
	if (conn->waiting != NULL) {
		free(waiting);
		return;
	}
	conn->waiting = waiting;
	conn->waiting_room = room;
}

static void answer_lost(struct store_conn *conn)
{
	struct err err;

	err_set(&err, TM_ELOST, "the group was lost by a neighbour's failure");
	answer(conn, TM_ELOST, &err);
}

/* Ends the transaction with nothing kept. A ROLLBACK that fails leaves a handle that cannot be
 * trusted. */
static void roll_back(struct store_conn *conn)
{
	struct err err;

	if (!sqlite3_get_autocommit(conn->db) && store_conn_run(conn, "ROLLBACK", &err) < 0)
		conn->stale = true;
	conn->in_transaction = false;
	conn->head = conn->committed;
	conn->mark_count = conn->mark_set = 0;
	if (conn->touched || conn->waiting_count > 0)
		conn->epoch++;
	conn->touched = false;
}

/* Returns 0, TM_EUNKNOWN, or why nothing was kept. Once the frames may have reached the file, a
 * failure of the disk says nothing about what a restart will find; nor does one of memory, since
 * SQLite enters the frames into its index after it has synced them. */
static int commit(struct store_conn *conn, struct err *err)
{
	int rc = store_conn_run(conn, "COMMIT", err);

	if (rc == 0) {
		conn->in_transaction = false;
		conn->committed = conn->head;
		if (conn->touched)
			atomic_fetch_add(&conn->store->epoch, 1);
		conn->touched = false;
		return 0;
	}
	if (rc == TM_EIO || rc == TM_ENOMEM) {
		conn->stale = true;
		err->code = rc = TM_EUNKNOWN;
	}
	roll_back(conn);
	return rc;
}

static int begin(struct store_conn *conn, struct err *err)
{
	int rc = 0;

	if (conn->db == NULL || conn->stale)
		rc = store_conn_connect(conn, err);
	if (rc == 0 && !conn->in_transaction) {
		rc = store_conn_run(conn, "BEGIN IMMEDIATE", err);
		conn->in_transaction = rc == 0;
	}
	return rc;
}

static void begin_writing(struct store_unit *unit)
{
	struct store_conn *conn = unit->conn;

	if (begin(conn, &unit->broken) < 0)
		return;
	unit->broken.code = 0;
	unit->before = conn->head;
	if (!unit->alone && store_conn_run(conn, "SAVEPOINT unit", &unit->broken) < 0)
		store_unit_failed(unit, true, &unit->broken);
}

struct store_unit *store_unit_begin(struct store_conn *conn, bool alone)
{
	struct store_unit *unit;

	conn = store_free_conn(conn);
	if (conn == NULL)
		return NULL;
	unit = &conn->unit;
	assert(!unit->live);
	if (alone)
		store_flush(conn);
	if (!make_room_to_wait(conn))
		return NULL;
	unit->live = true;
	unit->alone = alone;
	unit->broken.code = 0;
	unit->changes = 0;
	unit->touched = false;
	if (conn->access == STORE_WRITE)
		begin_writing(unit);
	return unit;
}

int store_unit_failed(struct store_unit *unit, bool whole, struct err *err)
{
	struct store_conn *conn = unit->conn;

	if (conn->access == STORE_READ || (!whole && !sqlite3_get_autocommit(conn->db)))
		return err->code;
	roll_back(conn);
	conn->lost = conn->waiting_count > 0;
	if (!unit->alone)
		err->code = TM_ELOST;
	if (err != &unit->broken)
		unit->broken = *err;
	return err->code;
}

static int end_reading(struct store_conn *conn, struct err *err)
{
	int rc = 0;

	if (conn->in_transaction)
		rc = store_conn_run(conn, "COMMIT", err);
	if (rc < 0)
		roll_back(conn);
	conn->in_transaction = false;
	return rc;
}

static int undo(struct store_unit *unit, struct err *err)
{
	struct store_conn *conn = unit->conn;

	if (unit->alone || conn->waiting_count == 0) {
		roll_back(conn);
		return 0;
	}
	if (store_conn_run(conn, "ROLLBACK TO unit", err) < 0 ||
		store_conn_run(conn, "RELEASE unit", err) < 0)
		return store_unit_failed(unit, true, err);
	conn->head = unit->before;
	if (unit->touched)
		conn->epoch++;
	return 0;
}

static int keep(struct store_unit *unit, struct err *err)
{
	if (unit->alone)
		return commit(unit->conn, err);
	if (store_conn_run(unit->conn, "RELEASE unit", err) < 0)
		return store_unit_failed(unit, true, err);
	return 0;
}

static int end_writing(struct store_unit *unit, enum store_verdict verdict, struct err *err)
{
	if (unit->broken.code < 0) {
		*err = unit->broken;
		return err->code;
	}
	return verdict == STORE_KEEP ? keep(unit, err) : undo(unit, err);
}

void store_unit_end(
	struct store_unit *unit, enum store_verdict verdict, store_done done, void *data)
{
	struct store_conn *conn = unit->conn;
	struct err err = {0};
	int rc;

	assert(unit->live);
	rc = conn->access == STORE_READ ? end_reading(conn, &err)
					: end_writing(unit, verdict, &err);
	conn->mark_count = conn->mark_set = 0;
	unit->live = false;
	if (rc == 0 && conn->access == STORE_WRITE && verdict == STORE_KEEP && !unit->alone) {
		conn->waiting[conn->waiting_count++] = (struct waiter){done, data};
		return;
	}
	if (conn->lost)
		answer_lost(conn);
	if (!store_done_later(conn, done, data, rc, &err))
		done(data, rc, &err);
}

void store_flush(struct store_conn *conn)
{
	struct err err = {0};
	int rc;

	assert(!conn->unit.live);
	if (conn->waiting_count == 0)
		return;
	rc = commit(conn, &err);
	if (rc < 0 && rc != TM_EUNKNOWN)
		err.code = rc = TM_ELOST;
	answer(conn, rc, &err);
}

uint64_t store_epoch(const struct store_conn *conn)
{
	return conn->access == STORE_WRITE ? conn->epoch : atomic_load(&conn->store->epoch);
}

void store_touch(struct store_unit *unit)
{
	unit->touched = unit->conn->touched = true;
	unit->conn->epoch++;
}

unsigned store_waiting(const struct store_conn *conn)
{
	return conn->waiting_count;
}
