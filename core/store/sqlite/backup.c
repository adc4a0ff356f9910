/* Whole copies of a database, page by page through SQLite's backup, and looking whether a file is
 * one. */
#include "store/change_log.h"
#include "store/sqlite/driver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAGES_AT_ONCE = 256, PAUSE_MS = 5 };

struct copying {
	sqlite3 *from, *to;
	bool (*go_on)(void *data, int done, int total);
	void *data;
};

static int exec(sqlite3 *db, const char *sql, struct err *err)
{
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : store_lite_error(db, rc, err);
}

static int make_file(const char *path, struct err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_set(err, TM_EIO, "%s: %s", path, strerror(errno));
	close(fd);
	return 0;
}

/* The snapshot is held from the first page to the last: SQLite would begin again after each commit
 * of another handle. */
static int copy_pages(struct copying *copying, struct err *err)
{
	sqlite3_backup *backup = sqlite3_backup_init(copying->to, "main", copying->from, "main");
	int rc = SQLITE_OK;

	if (backup == NULL)
		return store_lite_error(copying->to, sqlite3_errcode(copying->to), err);
	while (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED) {
		int total = sqlite3_backup_pagecount(backup);
		int done = total - sqlite3_backup_remaining(backup);

		if (copying->go_on != NULL && !copying->go_on(copying->data, done, total))
			break;
		if (rc != SQLITE_OK)
			sqlite3_sleep(PAUSE_MS);
		rc = sqlite3_backup_step(backup, PAGES_AT_ONCE);
	}
	sqlite3_backup_finish(backup);
	if (rc == SQLITE_DONE)
		return 0;
	return rc == SQLITE_OK ? err_set(err, TM_EINTR, "the copy was ended")
			       : store_lite_error(copying->to, rc, err);
}

/* One file in the end, without a log beside it. */
static int copy(struct copying *copying, struct err *err)
{
	int rc = exec(copying->from, "BEGIN; SELECT count(*) FROM sqlite_schema", err);

	if (rc == 0)
		rc = copy_pages(copying, err);
	if (!sqlite3_get_autocommit(copying->from))
		sqlite3_exec(copying->from, "COMMIT", NULL, NULL, NULL);
	return rc == 0 ? exec(copying->to, "PRAGMA journal_mode = DELETE", err) : rc;
}

int store_copy(const char *from, const char *to, bool (*go_on)(void *data, int done, int total),
	void *data, struct err *err)
{
	struct copying copying = {.go_on = go_on, .data = data};
	int rc = store_lite_open(&copying.from, from, SQLITE_OPEN_READONLY, err);

	if (rc == 0)
		rc = make_file(to, err);
	if (rc < 0) {
		sqlite3_close(copying.from);
		return rc;
	}
	rc = store_lite_open(&copying.to, to, SQLITE_OPEN_READWRITE, err);
	if (rc == 0)
		rc = copy(&copying, err);
	sqlite3_close(copying.to);
	sqlite3_close(copying.from);
	if (rc < 0)
		unlink(to);
	return rc;
}

int store_copy_of(struct store *store, const char *to,
	bool (*go_on)(void *data, int done, int total), void *data, struct err *err)
{
	return store_copy(store->path, to, go_on, data, err);
}

/* The one text that `sql` gives, into `text`; empty when there is none. */
static int ask_text(sqlite3 *db, const char *sql, char *text, size_t room, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

	text[0] = '\0';
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW && sqlite3_column_text(stmt, 0) != NULL)
		sqlite3_snprintf((int)room, text, "%s", sqlite3_column_text(stmt, 0));
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		store_lite_error(db, rc, err);
	sqlite3_finalize(stmt);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : err->code;
}

static int is_ours(sqlite3 *db, struct err *err)
{
	static const char keys[] =
		"SELECT count(*) FROM tenant WHERE name IN ('id_key', 'seal_key')";
	char text[16];

	if (ask_text(db, keys, text, sizeof text, err) < 0 || strcmp(text, "2") != 0)
		return err_set(err, TM_EINVAL, "it is no database of Tidemill's");
	return 0;
}

static int is_sound(sqlite3 *db, struct err *err)
{
	char text[256];
	int rc = ask_text(db, "PRAGMA integrity_check(1)", text, sizeof text, err);

	if (rc == 0 && strcmp(text, "ok") != 0)
		rc = err_set(err, TM_EINVAL, "it is damaged: %s", text);
	return rc;
}

int store_examine(const char *path, int64_t *changes, struct err *err)
{
	struct store *store = calloc(1, sizeof *store);
	sqlite3 *db = NULL;
	struct err why = {0};
	int rc;

	if (store == NULL || (store->path = strdup(path)) == NULL) {
		free(store);
		return err_set(err, TM_ENOMEM, "no memory");
	}
	rc = store_lite_open(&db, path, SQLITE_OPEN_READONLY, &why);
	if (rc == 0)
		rc = is_ours(db, &why);
	if (rc == 0)
		rc = is_sound(db, &why);
	if (rc == 0)
		rc = change_verify(store, changes, &why);
	sqlite3_close(db);
	store_close(store);
	return rc == 0 ? 0 : err_set(err, rc, "%s", why.text);
}

int store_fold(const char *path, struct err *err)
{
	sqlite3 *db = NULL;
	int rc = store_lite_open(&db, path, SQLITE_OPEN_READWRITE, err);

	if (rc == 0)
		rc = is_ours(db, err);
	if (rc == 0)
		rc = exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", err);
	sqlite3_close(db);
	return rc;
}
