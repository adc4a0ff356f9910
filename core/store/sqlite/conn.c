#include "store/sqlite/driver.h"

#include "base/id.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static int constraint_error(sqlite3 *db, int rc, struct err *err)
{
	static const char unique[] = "UNIQUE constraint failed: ";
	const char *words = sqlite3_errmsg(db);

	if (rc != SQLITE_CONSTRAINT_UNIQUE && rc != SQLITE_CONSTRAINT_PRIMARYKEY &&
		rc != SQLITE_CONSTRAINT_ROWID)
		return err_set(err, TM_EINVAL, "%s", words);
	if (strncmp(words, unique, sizeof unique - 1) == 0)
		words += sizeof unique - 1;
	return err_set(err, TM_EUNIQUE, "%s", words);
}

static int error_code(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_FULL:
		return TM_EFULL;
	case SQLITE_INTERRUPT:
		return TM_EINTR;
	case SQLITE_NOMEM:
		return TM_ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
		return TM_EBUSY;
	case SQLITE_ERROR:
	case SQLITE_MISUSE:
	case SQLITE_RANGE:
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG:
	case SQLITE_AUTH:
	case SQLITE_READONLY:
		return TM_EINVAL;
	default:
		return TM_EIO;
	}
}

int store_lite_error(sqlite3 *db, int rc, struct err *err)
{
	if ((rc & 0xff) == SQLITE_CONSTRAINT && db != NULL)
		return constraint_error(db, rc, err);
	if (db == NULL || (sqlite3_errcode(db) & 0xff) != (rc & 0xff))
		return err_set(err, error_code(rc), "%s", sqlite3_errstr(rc));
	return err_set(err, error_code(rc), "%s", sqlite3_errmsg(db));
}

/* Nobody asks SQLite how much memory it uses, and to count it takes a lock for each allocation.
 * Where SQLite has begun before (under the file layer of the tests) it counts on. */
static void configure(void)
{
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int store_lite_open(sqlite3 **out, const char *path, int flags, struct err *err)
{
	static const char settings[] = "PRAGMA synchronous = " STORE_SYNCHRONOUS ";"
				       "PRAGMA wal_autocheckpoint = 0;"
				       "PRAGMA foreign_keys = OFF;"
				       "PRAGMA temp_store = MEMORY;"
				       "PRAGMA trusted_schema = OFF;";
	static pthread_once_t configured = PTHREAD_ONCE_INIT;
	sqlite3 *db = NULL;
	int rc;

	pthread_once(&configured, configure);
	rc = sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(db, STORE_BUSY_MS);
	if (rc == SQLITE_OK)
		rc = sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, settings, NULL, NULL, NULL);
	if (rc != SQLITE_OK) {
		struct err why;

		store_lite_error(db, rc, &why);
		sqlite3_close(db);
		return err_set(err, why.code, "%s: %.400s", path, why.text);
	}
	*out = db;
	return 0;
}

static int load_head(sqlite3 *db, struct log_head *head, struct err *err)
{
	static const char last[] = "SELECT pos, chain FROM change ORDER BY pos DESC LIMIT 1";
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, last, -1, &stmt, NULL);

	memset(head, 0, sizeof *head);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW && sqlite3_column_bytes(stmt, 1) == HASH_BYTES) {
		head->pos = sqlite3_column_int64(stmt, 0);
		memcpy(head->chain, sqlite3_column_blob(stmt, 1), HASH_BYTES);
		rc = SQLITE_DONE;
	}
	if (rc == SQLITE_ROW)
		err_set(err, TM_EINVAL, "the last row of the change log has no chain");
	else if (rc != SQLITE_DONE)
		store_lite_error(db, rc, err);
	sqlite3_finalize(stmt);
	return rc == SQLITE_DONE ? 0 : err->code;
}

/* The clock may have been set back since the last run. What the log ends with tells how far ids
 * have come; a unit may have taken some more after its last row, so a second is laid upon it. */
static int begin_ids(sqlite3 *db, struct err *err)
{
	static const char last[] = "SELECT max(max(txn, id)) FROM "
				   "(SELECT txn, id FROM change ORDER BY pos DESC LIMIT 1000)";
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, last, -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW && sqlite3_column_type(stmt, 0) == SQLITE_INTEGER)
		id_begin_after(sqlite3_column_int64(stmt, 0) + (INT64_C(1000) << ID_MS_BITS));
	if (rc != SQLITE_ROW)
		store_lite_error(db, rc, err);
	sqlite3_finalize(stmt);
	return rc == SQLITE_ROW ? 0 : err->code;
}

static void set_handle(struct store_conn *conn, sqlite3 *db)
{
	pthread_mutex_lock(&conn->lock);
	conn->db = db;
	pthread_mutex_unlock(&conn->lock);
}

static void disconnect(struct store_conn *conn)
{
	sqlite3 *db = conn->db;
	int rc;

	set_handle(conn, NULL);
	store_statements_clear(&conn->statements);
	rc = sqlite3_close(db);
	assert(rc == SQLITE_OK);
	(void)rc;
}

/* How many of SQLite's steps lie between two looks: some ten microseconds. */
enum { STEPS_BETWEEN_LOOKS = 1000 };

static int is_late(void *data)
{
	const struct store_conn *conn = data;

	return conn->late();
}

static void watch_statements(struct store_conn *conn, sqlite3 *db)
{
	if (conn->late != NULL)
		sqlite3_progress_handler(db, STEPS_BETWEEN_LOOKS, is_late, conn);
}

void store_stop_when(struct store_conn *conn, bool (*late)(void))
{
	conn->late = late;
	if (conn->db != NULL)
		watch_statements(conn, conn->db);
}

int store_conn_connect(struct store_conn *conn, struct err *err)
{
	int flags = conn->access == STORE_WRITE ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
	sqlite3 *db = NULL;
	int rc;

	disconnect(conn);
	rc = store_lite_open(&db, conn->store->path, flags, err);
	if (rc < 0)
		return rc;
	if (conn->access == STORE_WRITE)
		rc = load_head(db, &conn->committed, err);
	if (rc == 0 && conn->access == STORE_WRITE)
		rc = begin_ids(db, err);
	if (rc < 0) {
		sqlite3_close(db);
		return rc;
	}
	if (conn->access == STORE_WRITE)
		store_wal_follow(conn, db);
	conn->head = conn->committed;
	conn->stale = false;
	watch_statements(conn, db);
	set_handle(conn, db);
	return 0;
}

int store_conn_open(
	struct store_conn **out, struct store *store, enum store_access access, struct err *err)
{
	struct store_conn *conn = calloc(1, sizeof *conn);
	struct err why;
	int rc;

	if (conn == NULL)
		return err_set(err, TM_ENOMEM, "no memory");
	pthread_mutex_init(&conn->lock, NULL);
	conn->store = store;
	conn->access = access;
	conn->unit.conn = conn;
	rc = store_conn_connect(conn, &why);
	if (rc < 0) {
		store_conn_close(conn);
		return err_set(err, rc, "%s", why.text);
	}
	*out = conn;
	return 0;
}

void store_conn_close(struct store_conn *conn)
{
	if (conn == NULL)
		return;
	assert(!conn->unit.live);
	store_flush(conn);
	store_defer_end(conn);
	disconnect(conn);
	store_record_close(conn->record);
	pthread_mutex_destroy(&conn->lock);
	free(conn->waiting);
	free(conn->marks);
	free(conn);
}

void store_interrupt(struct store_conn *conn)
{
	pthread_mutex_lock(&conn->lock);
	if (conn->db != NULL)
		sqlite3_interrupt(conn->db);
	pthread_mutex_unlock(&conn->lock);
}

int store_conn_run(struct store_conn *conn, const char *sql, struct err *err)
{
	struct statement *statement;
	int rc = store_statement_take(&conn->statements, conn->db, sql, strlen(sql), &statement);

	if (rc != SQLITE_OK)
		return store_lite_error(conn->db, rc, err);
	rc = sqlite3_step(statement->stmt);
	if (rc == SQLITE_DONE && conn->record != NULL)
		store_record_run(conn->record, statement, NULL, 0);
	if (rc != SQLITE_DONE)
		store_lite_error(conn->db, rc, err);
	store_statement_give(statement);
	return rc == SQLITE_DONE ? 0 : err->code;
}

int store_record(struct store_conn *conn, const char *path, struct err *err)
{
	struct record *record;
	int rc = store_record_open(&record, path, err);

	if (rc < 0)
		return rc;
	store_record_close(conn->record);
	for (struct statement *s = conn->statements.oldest; s != NULL; s = s->newer)
		s->record_id = 0;
	conn->record = record;
	return 0;
}
