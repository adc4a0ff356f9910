#include "store/sqlite/driver.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int store_row_columns(const struct store_row *row)
{
	return sqlite3_column_count(row->stmt);
}

struct store_value store_row_value(const struct store_row *row, int column)
{
	sqlite3_stmt *stmt = row->stmt;
	struct store_value value = {.type = STORE_NULL};

	switch (sqlite3_column_type(stmt, column)) {
	case SQLITE_INTEGER:
		value.type = STORE_INT;
		value.integer = sqlite3_column_int64(stmt, column);
		break;
	case SQLITE_FLOAT:
		value.type = STORE_REAL;
		value.real = sqlite3_column_double(stmt, column);
		break;
	case SQLITE_TEXT:
		value.type = STORE_TEXT;
		value.bytes.data = (const char *)sqlite3_column_text(stmt, column);
		value.bytes.len = (size_t)sqlite3_column_bytes(stmt, column);
		break;
	case SQLITE_BLOB:
		value.type = STORE_BLOB;
		value.bytes.data = sqlite3_column_blob(stmt, column);
		value.bytes.len = (size_t)sqlite3_column_bytes(stmt, column);
		break;
	default:
		break;
	}
	return value;
}

int store_lite_bind(sqlite3_stmt *stmt, int at, const struct store_value *value)
{
	const char *data;

	switch (value->type) {
	case STORE_INT:
		return sqlite3_bind_int64(stmt, at, value->integer);
	case STORE_REAL:
		return sqlite3_bind_double(stmt, at, value->real);
	case STORE_TEXT:
		data = value->bytes.data ? value->bytes.data : "";
		return sqlite3_bind_text64(
			stmt, at, data, value->bytes.len, SQLITE_STATIC, SQLITE_UTF8);
	case STORE_BLOB:
		data = value->bytes.data ? value->bytes.data : "";
		return sqlite3_bind_blob64(stmt, at, data, value->bytes.len, SQLITE_STATIC);
	default:
		return sqlite3_bind_null(stmt, at);
	}
}

int store_unit_ready(struct store_unit *unit, struct err *err)
{
	struct store_conn *conn = unit->conn;
	int rc;

	assert(unit->live);
	if (unit->broken.code < 0) {
		*err = unit->broken;
		return err->code;
	}
	if (conn->access == STORE_WRITE || conn->in_transaction)
		return 0;
	rc = store_conn_run(conn, "BEGIN", err);
	conn->in_transaction = rc == 0;
	return rc;
}

static int step(struct statement *statement, const struct store_query *query)
{
	struct store_row row = {statement->stmt};
	int rc = SQLITE_OK;

	for (int i = 0; i < query->param_count && rc == SQLITE_OK; i++)
		rc = store_lite_bind(statement->stmt, i + 1, &query->params[i]);
	if (rc != SQLITE_OK)
		return rc;
	while ((rc = sqlite3_step(statement->stmt)) == SQLITE_ROW)
		if (query->on_row != NULL)
			query->on_row(query->data, &row);
	return rc;
}

static int misused(int rc, const struct store_query *query, struct err *err)
{
	if (rc == SQLITE_MISUSE)
		return err_set(err, TM_EINVAL, "not one statement: %.*s",
			(int)(query->sql_len < 400 ? query->sql_len : 400), query->sql);
	return 0;
}

/* A mark becomes a savepoint of SQLite when something is written after it: most code that runs
 * under a mark, such as a rule that finds nothing to do, writes nothing. */
static int set_marks(struct store_conn *conn, struct err *err)
{
	int rc = 0;

	while (rc == 0 && conn->mark_set < conn->mark_count) {
		rc = store_conn_run(conn, "SAVEPOINT mark", err);
		conn->mark_set += rc == 0;
	}
	return rc;
}

static int run(struct store_unit *unit, const struct store_query *query, struct err *err)
{
	struct store_conn *conn = unit->conn;
	int64_t before = sqlite3_total_changes64(conn->db);
	struct statement *statement;
	int rc = store_statement_take(
		&conn->statements, conn->db, query->sql, query->sql_len, &statement);

	if (rc != SQLITE_OK)
		return misused(rc, query, err) ? err->code : store_lite_error(conn->db, rc, err);
	if (statement->param_count != query->param_count)
		err_set(err, TM_EINVAL, "%d values for %d parameters", query->param_count,
			statement->param_count);
	else if (!sqlite3_stmt_readonly(statement->stmt) && set_marks(conn, err) < 0)
		; /* said */
	else if ((rc = step(statement, query)) != SQLITE_DONE)
		store_lite_error(conn->db, rc, err);
	else if (conn->record != NULL)
		store_record_run(conn->record, statement, query->params, query->param_count);
	unit->changes =
		sqlite3_total_changes64(conn->db) == before ? 0 : sqlite3_changes64(conn->db);
	store_statement_give(statement);
	/* BEGIN and COMMIT are the driver's own. */
	assert(err->code < 0 || sqlite3_get_autocommit(conn->db) == 0);
	return err->code;
}

void store_query(struct store_unit *unit, const struct store_query *query)
{
	if (!store_query_later(unit, query))
		store_query_now(unit, query);
}

void store_query_now(struct store_unit *unit, const struct store_query *query)
{
	store_done done = query->done;
	void *data = query->data;
	struct err err;
	int rc;

	err.code = 0;
	err.text[0] = '\0';
	rc = store_unit_ready(unit, &err);
	if (rc == 0)
		rc = run(unit, query, &err);
	if (rc < 0 && unit->broken.code == 0)
		rc = store_unit_failed(unit, false, &err);
	done(data, rc, &err);
}

int64_t store_unit_changes(const struct store_unit *unit)
{
	return unit->changes;
}

int store_unit_broken(const struct store_unit *unit)
{
	return unit->broken.code;
}

struct log_head *store_unit_head(struct store_unit *unit)
{
	return unit->conn->access == STORE_WRITE ? &unit->conn->head : NULL;
}

static int set_mark(struct store_unit *unit, struct err *err)
{
	struct store_conn *conn = unit->conn;
	unsigned room = conn->mark_room ? conn->mark_room * 2 : 8;
	struct log_head *grown;

	if (conn->mark_count == conn->mark_room) {
		grown = realloc(conn->marks, room * sizeof *grown);
		if (grown == NULL)
			return err_set(err, TM_ENOMEM, "no memory");
		conn->marks = grown;
		conn->mark_room = room;
	}
	conn->marks[conn->mark_count++] = conn->head;
	return 0;
}

void store_mark(struct store_unit *unit, store_done done, void *data)
{
	struct err err = {0};
	int rc = store_unit_ready(unit, &err);

	if (rc == 0)
		rc = set_mark(unit, &err);
	if (!store_done_later(unit->conn, done, data, rc, &err))
		done(data, rc, &err);
}

static int end_mark(struct store_unit *unit, enum store_verdict verdict, struct err *err)
{
	struct store_conn *conn = unit->conn;

	assert(conn->mark_count > 0);
	conn->mark_count--;
	if (conn->mark_set <= conn->mark_count)
		return 0; /* nothing was written after it */
	conn->mark_set--;
	if (verdict == STORE_UNDO && store_conn_run(conn, "ROLLBACK TO mark", err) < 0)
		return store_unit_failed(unit, true, err);
	if (store_conn_run(conn, "RELEASE mark", err) < 0)
		return store_unit_failed(unit, true, err);
	if (verdict == STORE_UNDO && unit->touched)
		conn->epoch++;
	if (verdict == STORE_UNDO)
		conn->head = conn->marks[conn->mark_count];
	return 0;
}

void store_mark_end(
	struct store_unit *unit, enum store_verdict verdict, store_done done, void *data)
{
	struct err err = {0};
	int rc = store_unit_ready(unit, &err);

	if (rc == 0)
		rc = end_mark(unit, verdict, &err);
	if (!store_done_later(unit->conn, done, data, rc, &err))
		done(data, rc, &err);
}
