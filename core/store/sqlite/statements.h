/* core/store/sqlite/statements.h: the prepared statements of one connection, found by their text.
 *
 * Bounded: the least recently used one goes when there are too many. A statement that is taken
 * while it is already running (another scan of a merge, a query from inside a row callback) is
 * prepared once more, and the copy is kept as well; outside the cache only when all that are kept
 * are taken. */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATEMENTS_MAX 256
#define STATEMENTS_BUCKETS 512

struct statement {
	sqlite3_stmt *stmt;
	int param_count;
	unsigned record_id; /* its number in the record being written, 0 when it has none yet */
	bool cached, taken;
	uint64_t hash;
	size_t len;
	struct statement *next;          /* in its bucket */
	struct statement *older, *newer; /* by use */
	char sql[];
};

struct statements {
	struct statement *buckets[STATEMENTS_BUCKETS];
	struct statement *oldest, *newest;
	unsigned count;
};

/* Finds or prepares the one statement in `sql`. Returns SQLite's code: SQLITE_MISUSE for none or
 * for several, else `db` holds the words. */
int store_statement_take(struct statements *statements, sqlite3 *db, const char *sql, size_t len,
	struct statement **out);

/* Resets the statement and gives it back. */
void store_statement_give(struct statement *statement);

/* Drops all of them; none may be taken. */
void store_statements_clear(struct statements *statements);
