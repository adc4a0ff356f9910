/* The write-ahead log: how long it is, and moving what it holds into the database.
 *
 * SQLite calls the writing connection's hook after each commit with the log's length in frames. A
 * log that has been moved over wholly, and that nobody reads, starts again from its beginning at
 * the next commit; its file keeps its length until it is truncated. */
#include "store/sqlite/driver.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { LOG_HEAD = 32, FRAME_HEAD = 24 };

struct store_wal {
	struct store *store;
	sqlite3 *db;
};

static int64_t bytes_of(const struct store *store, int frames)
{
	return frames > 0 ? LOG_HEAD + (int64_t)frames * (FRAME_HEAD + store->page_size) : 0;
}

static int after_commit(void *data, sqlite3 *db, const char *name, int frames)
{
	struct store_conn *conn = data;
	struct store *store = conn->store;
	int64_t bytes = bytes_of(store, frames);

	(void)db;
	(void)name;
	if (bytes < atomic_load_explicit(&store->wal_bytes, memory_order_relaxed))
		atomic_store(&store->wal_due, store->wal_step);
	atomic_store(&store->wal_bytes, bytes);
	atomic_fetch_add(&store->commits, 1);
	if (store->wal_grown != NULL && bytes >= atomic_load(&store->wal_due))
		store->wal_grown(store->wal_data);
	return SQLITE_OK;
}

void store_wal_follow(struct store_conn *conn, sqlite3 *db)
{
	sqlite3_wal_hook(db, after_commit, conn);
}

void store_wal_watch(struct store *store, int64_t step, void (*grown)(void *data), void *data)
{
	store->wal_step = step;
	store->wal_grown = grown;
	store->wal_data = data;
	atomic_store(&store->wal_due, step);
}

int64_t store_wal_size(const struct store *store)
{
	return atomic_load(&store->wal_bytes);
}

uint64_t store_commits(const struct store *store)
{
	return atomic_load(&store->commits);
}

int store_wal_open(struct store_wal **out, struct store *store, struct err *err)
{
	struct store_wal *wal = calloc(1, sizeof *wal);
	int rc;

	if (wal == NULL)
		return err_set(err, TM_ENOMEM, "no memory");
	wal->store = store;
	rc = store_lite_open(&wal->db, store->path, SQLITE_OPEN_READWRITE, err);
	/* A handle that has not read yet does not know that there is a log. */
	if (rc == 0 && (rc = sqlite3_exec(wal->db, "PRAGMA schema_version", NULL, NULL, NULL)) != 0)
		rc = store_lite_error(wal->db, rc, err);
	if (rc < 0) {
		store_wal_close(wal);
		return rc;
	}
	*out = wal;
	return 0;
}

void store_wal_close(struct store_wal *wal)
{
	if (wal == NULL)
		return;
	sqlite3_close(wal->db);
	free(wal);
}

/* What the log still holds that the database lacks. The hook may have run meanwhile: then it knows
 * better how long the log is. */
static int64_t count_left(struct store *store, int64_t before, int frames, int moved)
{
	int64_t now = bytes_of(store, frames);

	if (frames < 0) /* another handle is at it */
		return before;
	atomic_compare_exchange_strong(&store->wal_bytes, &before, now);
	atomic_store(&store->wal_due, now + store->wal_step);
	return bytes_of(store, frames - moved);
}

int store_wal_checkpoint(struct store_wal *wal, enum store_checkpoint how, int wait_ms,
	int64_t *left, struct err *err)
{
	static const int modes[] = {
		[STORE_MOVE] = SQLITE_CHECKPOINT_PASSIVE,
		[STORE_RESTART] = SQLITE_CHECKPOINT_RESTART,
		[STORE_TRUNCATE] = SQLITE_CHECKPOINT_TRUNCATE,
	};
	int64_t before = store_wal_size(wal->store);
	int frames = -1, moved = 0;
	int rc;

	sqlite3_busy_timeout(wal->db, wait_ms);
	rc = sqlite3_wal_checkpoint_v2(wal->db, NULL, modes[how], &frames, &moved);
	if (rc == SQLITE_OK || (rc & 0xff) == SQLITE_BUSY)
		*left = count_left(wal->store, before, frames, moved);
	return rc == SQLITE_OK ? 0 : store_lite_error(wal->db, rc, err);
}
