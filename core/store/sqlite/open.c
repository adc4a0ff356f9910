#include "store/sqlite/driver.h"

#include <stdlib.h>
#include <string.h>

static const char tables[] =
	"CREATE TABLE IF NOT EXISTS tenant("
	"name TEXT PRIMARY KEY, value BLOB) STRICT, WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS change("
	"pos INTEGER PRIMARY KEY, txn INTEGER NOT NULL, entity TEXT NOT NULL, id INTEGER NOT NULL, "
	"version INTEGER NOT NULL, at INTEGER NOT NULL, actor INTEGER, cause_kind TEXT NOT NULL, "
	"cause_id TEXT, cause_version TEXT, generation TEXT NOT NULL, body TEXT, salt BLOB, "
	"body_hash BLOB NOT NULL, chain BLOB NOT NULL) STRICT;"
	"CREATE INDEX IF NOT EXISTS change_record ON change(entity, id, pos);";

/* A write-ahead log is a property of the file, so it is asked for once, here. */
static int use_wal(sqlite3 *db, const char *path, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	const char *mode = NULL;
	int rc = sqlite3_prepare_v2(db, "PRAGMA journal_mode = WAL", -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		mode = (const char *)sqlite3_column_text(stmt, 0);
	if (rc != SQLITE_ROW)
		store_lite_error(db, rc, err);
	else if (mode == NULL || strcmp(mode, "wal") != 0)
		err_set(err, TM_EINVAL, "%s: cannot have a write-ahead log here", path);
	else
		err->code = 0;
	sqlite3_finalize(stmt);
	return err->code;
}

static int insert_key(sqlite3 *db, const char *name, const void *key, size_t len)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db,
		"INSERT INTO tenant(name, value) VALUES (?, ?) ON CONFLICT DO NOTHING", -1, &stmt,
		NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_blob(stmt, 2, key, (int)len, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	sqlite3_finalize(stmt);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int read_key(sqlite3 *db, const char *name, void *key, size_t len)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, "SELECT value FROM tenant WHERE name = ?", -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW && (size_t)sqlite3_column_bytes(stmt, 0) == len) {
		memcpy(key, sqlite3_column_blob(stmt, 0), len);
		rc = SQLITE_OK;
	} else if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
		rc = SQLITE_CORRUPT;
	}
	sqlite3_finalize(stmt);
	return rc;
}

/* A key is made once and then stays: of two processes that open a new file the second finds the
 * first's. */
static int ensure_key(sqlite3 *db, const char *name, void *key, size_t len)
{
	int rc;

	hash_random(key, len);
	rc = insert_key(db, name, key, len);
	return rc == SQLITE_OK ? read_key(db, name, key, len) : rc;
}

static int read_page_size(sqlite3 *db, int *size)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, "PRAGMA page_size", -1, &stmt, NULL);

	if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		*size = sqlite3_column_int(stmt, 0);
		rc = SQLITE_OK;
	}
	sqlite3_finalize(stmt);
	return rc;
}

static int prepare_file(struct store *store, struct err *err)
{
	sqlite3 *db = NULL;
	int rc = store_lite_open(&db, store->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);

	if (rc < 0)
		return rc;
	rc = use_wal(db, store->path, err);
	if (rc < 0)
		goto out;
	rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, tables, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = ensure_key(db, "id_key", store->id_key, sizeof store->id_key);
	if (rc == SQLITE_OK)
		rc = ensure_key(db, "seal_key", store->seal_key, sizeof store->seal_key);
	if (rc == SQLITE_OK)
		rc = read_page_size(db, &store->page_size);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		rc = store_lite_error(db, rc, err);
out:
	sqlite3_close(db);
	return rc;
}

int store_open(struct store **out, const char *path, struct err *err)
{
	struct store *store = calloc(1, sizeof *store);
	struct err why = {0};
	int rc = TM_ENOMEM;

	if (store == NULL || (store->path = strdup(path)) == NULL)
		err_set(&why, rc, "no memory");
	else if ((rc = hash_start()) < 0)
		err_set(&why, rc, "the machine gives no random bytes");
	else
		rc = prepare_file(store, &why);
	if (rc < 0) {
		store_close(store);
		return err_set(err, rc, "%s", why.text);
	}
	*out = store;
	return 0;
}

void store_close(struct store *store)
{
	if (store == NULL)
		return;
	free(store->path);
	free(store);
}

const unsigned char *store_id_key(const struct store *store)
{
	return store->id_key;
}

const unsigned char *store_seal_key(const struct store *store)
{
	return store->seal_key;
}
