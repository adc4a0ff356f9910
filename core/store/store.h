/* core/store/store.h: the store of one tenant: connections, units of work, the change log.
 *
 * The store's unit is one request's work. A unit begins, asks, and ends with *keep* or *undo*;
 * whoever began it hears by a callback when what it did is on disk. Nothing here blocks by
 * contract: every call that reaches the database takes a callback. The SQLite driver happens to
 * call it before the call returns; the caller must not rely on that.
 *
 * A `struct store` is shared and, but for its epoch, immutable after store_open. A `struct
 * store_conn` belongs to one thread.
 *
 * A writing connection (the home lane) goes store_unit_begin, store_query …, store_unit_end, and
 * after some units store_flush. With a reading one (a worker) it is the same, but nothing may
 * change and there is nothing to flush.
 *
 * How units share a commit is the driver's private matter. The SQLite driver packs the units that
 * end with *keep* before the next store_flush into one transaction (a savepoint each) and syncs
 * once. When SQLite drops that transaction (a statement interrupted, the disk full), every unit in
 * it ends with TM_ELOST, also those that had already ended well: each must be run again from its
 * start with `alone` set, in a transaction of its own. A unit that is alone and fails so ends with
 * the true cause: TM_EFULL, TM_EINTR or TM_EIO. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
struct store_conn;
struct store_unit;

enum store_access { STORE_READ, STORE_WRITE };
enum store_verdict { STORE_KEEP, STORE_UNDO };

enum store_type { STORE_NULL, STORE_INT, STORE_REAL, STORE_TEXT, STORE_BLOB };

struct store_value {
	enum store_type type;
	union {
		int64_t integer;
		double real;
		struct {
			const char *data;
			size_t len;
		} bytes; /* TEXT and BLOB; not copied: must live until the query's `done` */
	};
};

/* Opens (and makes, when missing) the database file at `path` with the tables of the core: `tenant`
 * (name, value) with the tenant's keys, and `change`, the log. */
int store_open(struct store **store, const char *path, struct err *err);
void store_close(struct store *store);

/* The key (16 bytes) of the permutation that makes ids opaque, and the key (32 bytes) that seals
 * cursors. Both lie in the tenant's database and so in its backup. */
const unsigned char *store_id_key(const struct store *store);
const unsigned char *store_seal_key(const struct store *store);

int store_conn_open(
	struct store_conn **conn, struct store *store, enum store_access access, struct err *err);
void store_conn_close(struct store_conn *conn);

/* `rc` is 0 or a TM_E… code; `err` (never NULL) says more when it is not 0. */
typedef void (*store_done)(void *data, int rc, const struct err *err);

/* A row while it is being read: valid only inside the row callback. */
struct store_row;
typedef void (*store_on_row)(void *data, const struct store_row *row);
int store_row_columns(const struct store_row *row);
struct store_value store_row_value(const struct store_row *row, int column);

struct store_query {
	const char *sql; /* one statement, `?` for each parameter; kept prepared, so make it always
			    alike */
	size_t sql_len;
	const struct store_value *params;
	int param_count;
	store_on_row on_row; /* may be NULL */
	store_done
		done; /* after the last row; for rc TM_EUNIQUE `err->text` is "table.column, …" */
	void *data;
};

/* Begins a unit on `conn`, where units do not overlap. `alone` gives it a transaction of its own;
 * what waits is flushed first. Returns NULL when there is no memory. */
struct store_unit *store_unit_begin(struct store_conn *conn, bool alone);

/* Runs one statement. How many rows a statement changed: store_unit_changes. */
void store_query(struct store_unit *unit, const struct store_query *query);
int64_t store_unit_changes(const struct store_unit *unit);

/* Several scans, each of which gives its rows in the same order, as one list in that order. They
 * are stepped as far as the list is wanted and no further.
 *
 * A scan is one part or several that follow one another, each a statement; the next begins when the
 * one before is at its end. Scans that differ in one value only share their parts, where it is the
 * parameter `:own`. The last key is an integer that names the row: a row that several scans give is
 * given once.
 *
 * A list with a condition has it as a column of its scans, `fits`, rather than in their WHERE: a
 * scan in which nothing fits is then passed only as far as the list reaches, not to its end. */
enum { STORE_SCANS_MAX = 128, STORE_KEYS_MAX = 8 };

struct store_part {
	const char *sql;
	size_t sql_len;
	const struct store_value *params;
	int param_count;
};

struct store_scan {
	const struct store_part *parts;
	unsigned part_count;
	bool has_value;
	struct store_value value;
};

struct store_key {
	int column;      /* from 0 */
	bool descending; /* NULL is the lowest */
};

/* All that is pointed at must live until `done`. */
struct store_merge {
	const struct store_scan *scans; /* at most STORE_SCANS_MAX */
	unsigned scan_count;
	const struct store_key *keys;
	unsigned key_count;
	int fits; /* the column that is not 0 in rows of the list; -1: all are */
	bool (*on_row)(void *data, const struct store_row *row); /* false: enough */
	store_done done;
	void *data;
};

void store_merge(struct store_unit *unit, const struct store_merge *merge);

/* Savepoints inside a unit; they nest. Undo takes back what was done since the matching mark, the
 * log's position and chain head included, and removes the mark; keep only removes it. */
void store_mark(struct store_unit *unit, store_done done, void *data);
void store_mark_end(
	struct store_unit *unit, enum store_verdict verdict, store_done done, void *data);

/* What a reader may keep in memory instead of asking again: everything that units declare by
 * store_touch when they change it. The epoch is another number as soon as such a change is on disk
 * (before anybody hears of it) and, on the writing connection itself, as soon as it is made or
 * taken back, or a group of units is lost. What was kept under another epoch must be forgotten. */
uint64_t store_epoch(const struct store_conn *conn);
void store_touch(struct store_unit *unit);

/* Ends the unit. For *keep* on a writing connection `done` comes when the commit is on disk (rc 0),
 * or was lost (TM_ELOST) or failed; for *undo* and on a reading connection when it is over. The
 * unit is gone with the callback. */
void store_unit_end(
	struct store_unit *unit, enum store_verdict verdict, store_done done, void *data);

/* Commits what waits, with one sync. Each ended unit's `done` is called. With nothing waiting, does
 * nothing. */
void store_flush(struct store_conn *conn);

/* How many ended units wait for the flush; for tests. */
unsigned store_waiting(const struct store_conn *conn);

/* The write-ahead log. Commits only append to it (`wal_autocheckpoint` is 0): somebody else moves
 * what it holds into the database, by a handle of his own and on a thread of his own, so that no
 * lane ever waits for that.
 *
 * store_wal_watch, called before there is a writing connection, has `grown` called on the home's
 * thread after a commit by which the log is `step` bytes longer than at the last checkpoint. */
struct store_wal;

enum store_checkpoint {
	STORE_MOVE,    /* as far as readers allow; nobody waits */
	STORE_RESTART, /* all of it, so that the log starts again; commits wait for the end of it */
	STORE_TRUNCATE /* the same, and the file becomes empty */
};

int store_wal_open(struct store_wal **wal, struct store *store, struct err *err);
void store_wal_close(struct store_wal *wal);

/* TM_EBUSY: readers or a writer were in the way for `wait_ms`; then too `left` says how many bytes
 * of the log the database still lacks. */
int store_wal_checkpoint(struct store_wal *wal, enum store_checkpoint how, int wait_ms,
	int64_t *left, struct err *err);

void store_wal_watch(struct store *store, int64_t step, void (*grown)(void *data), void *data);

/* How many bytes of the log are in use; how many commits there were since the store was opened. Any
 * thread. */
int64_t store_wal_size(const struct store *store);
uint64_t store_commits(const struct store *store);

/* Copies the database at `from`, as it is at one moment, into a new file at `to` (0600). `go_on`
 * (or NULL) hears after each MiB how many pages are done; TM_EINTR when it says false. Any thread.
 */
int store_copy(const char *from, const char *to, bool (*go_on)(void *data, int done, int total),
	void *data, struct err *err);
/* The same of an open store. */
int store_copy_of(struct store *store, const char *to,
	bool (*go_on)(void *data, int done, int total), void *data, struct err *err);

/* Whether the file at `path`, which nobody writes, is a store and whole: its keys, SQLite's
 * integrity_check, the chain of its change log, which has `changes` rows. */
int store_examine(const char *path, int64_t *changes, struct err *err);

/* Moves the whole log of a database that nobody has open into it. Of one that is broken SQLite may
 * take the log away. */
int store_fold(const char *path, struct err *err);

/* Interrupts the statement that runs on `conn`, if any. Any thread. What has a time budget will be
 * stopped so; until then only tests do it. */
void store_interrupt(struct store_conn *conn);

/* Statements of `conn` are interrupted when `late` says so; it is asked on the conn's thread from
 * time to time while one runs. */
void store_stop_when(struct store_conn *conn, bool (*late)(void));

/* Writes every statement that `conn` runs, with its values, commits and syncs to `path`, for `make
 * bench` to replay (see tests/bench/replay.c). */
int store_record(struct store_conn *conn, const char *path, struct err *err);

#ifdef STORE_DEFERRED
/* In VARIANT=deferred, a build for tests: lets every call on `conn` complete on a later turn of
 * `loop`. */
struct uv_loop_s;
void store_conn_defer(struct store_conn *conn, struct uv_loop_s *loop);
#endif
