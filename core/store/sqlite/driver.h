/* core/store/sqlite/driver.h: what the files of the SQLite driver know of each other. Private to
 * them.
 *
 *   open.c        store_open: the file, its tables and keys
 *   conn.c        a connection: opening, settings, running one statement, naming errors
 *   query.c       units asking: queries, rows, marks
 *   merge.c       ordered scans merged into one list
 *   group.c       units beginning and ending; the transaction they share, its commit and its loss
 *   statements.c  the cache of prepared statements
 *   record.c      writing down what ran
 *   wal.c         the write-ahead log's length, and checkpoints
 *   backup.c      copies of the whole database, and whether a file is one
 *   deferred.c    answering late, for tests
 *
 * A writing connection has at most one transaction, the group: BEGIN IMMEDIATE by the first unit,
 * then a savepoint for each unit, COMMIT by store_flush. A unit that is alone has it for itself,
 * without a savepoint. Only one unit lives at a time on a connection, so its struct is embedded. */
#pragma once

#include "store/log_head.h"
#include "store/sqlite/deferred.h"
#include "store/sqlite/record.h"
#include "store/sqlite/statements.h"

#include <pthread.h>

/* How far a commit goes before it is answered. The tests compile with "OFF" to see that they would
 * notice. */
#ifndef STORE_SYNCHRONOUS
#define STORE_SYNCHRONOUS "FULL"
#endif
#define STORE_BUSY_MS 5000

struct store {
	char *path;
	unsigned char id_key[16];
	unsigned char seal_key[32];
	int page_size;
	_Atomic uint64_t epoch; /* of what is on disk */

	/* The write-ahead log: its length and the commits as the home counts them; from which
	 * length on `wal_grown` is called. */
	_Atomic int64_t wal_bytes, wal_due;
	_Atomic uint64_t commits;
	int64_t wal_step;
	void (*wal_grown)(void *data);
	void *wal_data;
};

struct store_unit {
	struct store_conn *conn;
	bool live;
	bool alone;
	bool touched;
	struct err broken; /* code 0, or why every further call in this unit fails */
	struct log_head before;
	int64_t changes;
};

struct store_row {
	sqlite3_stmt *stmt;
};

struct waiter {
	store_done done;
	void *data;
};

struct store_conn {
	struct store *store;
	enum store_access access;
	sqlite3 *db;          /* NULL when it could not be opened anew */
	pthread_mutex_t lock; /* held to change `db`, and by other threads to interrupt it */
	bool (*late)(void);   /* or NULL */
	struct statements statements;
	struct record *record;
	struct store_unit unit;

	bool in_transaction;
	bool touched;   /* the transaction holds what store_touch declared */
	uint64_t epoch; /* of a writing connection, which sees what is not on disk yet */
	bool lost;  /* the transaction of the waiting units is gone; they hear it when the unit that
		       lives ends */
	bool stale; /* what is on disk is unknown: open anew before the next unit */
	struct waiter *waiting;
	unsigned waiting_count, waiting_room;

	struct log_head head;      /* with what the transaction added */
	struct log_head committed; /* without */
	struct log_head *marks;
	unsigned mark_count, mark_room;
	unsigned mark_set; /* how many of them, the outermost, SQLite knows: see query.c */

#ifdef STORE_DEFERRED
	struct deferred *deferred;
	struct store_conn *spare; /* a list of those for units that live at the same time */
#endif
};

/* store_query and store_merge, here and now. */
void store_query_now(struct store_unit *unit, const struct store_query *query);
void store_merge_now(struct store_unit *unit, const struct store_merge *merge);

/* Whether the unit may still ask; opens a reading unit's snapshot at its first question. */
int store_unit_ready(struct store_unit *unit, struct err *err);

/* Returns SQLite's code. The value's bytes must live as long as the statement runs. */
int store_lite_bind(sqlite3_stmt *stmt, int at, const struct store_value *value);

/* Opens a handle on `path` with the settings that every handle has. */
int store_lite_open(sqlite3 **db, const char *path, int flags, struct err *err);

/* (Re)opens the connection's handle and loads the log's head. */
int store_conn_connect(struct store_conn *conn, struct err *err);

/* Counts the commits of a writing connection's new handle, and the log's length after each. */
void store_wal_follow(struct store_conn *conn, sqlite3 *db);

/* Names SQLite's `rc`, with the words that `db` (which may be NULL) holds for it. */
int store_lite_error(sqlite3 *db, int rc, struct err *err);

/* Runs a statement that has neither values nor rows. */
int store_conn_run(struct store_conn *conn, const char *sql, struct err *err);

/* Lets the unit know what failed in it. When SQLite has dropped the transaction, or `whole` says
 * that it cannot go on, the group is lost, the unit is broken and `err` is replaced by what it must
 * hear. */
int store_unit_failed(struct store_unit *unit, bool whole, struct err *err);
