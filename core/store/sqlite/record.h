/* core/store/sqlite/record.h: writes down what a connection runs, for a benchmark to run it again.
 *
 * The file begins with the line "tidemill-record 1\n". Numbers are little-endian. Then follow, in
 * the order in which they ran, two kinds of items:
 *
 *   'S'  a statement's text, before its first run: u32 number (1, 2, …), u32 length, the bytes
 *   'Q'  one run that went well: u32 number of the statement, u32 count of values, and each value:
 *        'n' (NULL), 'i' and i64, 'r' and f64, 't' or 'b', u32 length and the bytes
 *
 * The borders of units and commits are statements like all others and appear as such: BEGIN
 * IMMEDIATE and COMMIT (or ROLLBACK) around a group, SAVEPOINT unit and RELEASE unit around each
 * unit in it, ROLLBACK TO unit before the RELEASE of one that was undone, the same with `mark` for
 * savepoints inside a unit. */
#pragma once

#include "store/sqlite/statements.h"
#include "store/store.h"

struct record;

int store_record_open(struct record **record, const char *path, struct err *err);
void store_record_run(struct record *record, struct statement *statement,
	const struct store_value *params, int count);
/* Writes out what is left; what could not be written is told in the server's log. */
void store_record_close(struct record *record);
