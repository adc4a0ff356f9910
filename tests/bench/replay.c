/* tests/bench/replay.c: runs again, in a plain loop, what the server's writing connection ran.
 *
 *   replay DATABASE RECORD     on a copy of the database with which the recorded server started
 *   replay DATABASE            only counts the rows of the change log
 *
 * RECORD is what `serve --record` wrote (core/store/sqlite/record.h): each statement with its
 * values, the borders of units and commits among them. Reading the record and preparing each
 * statement once come before the clock starts. Prints `seconds`, `cpu` (user and system, seconds),
 * `runs`, `commits`, `rows` (of the change log, afterwards), and for each statement a line `ran
 * COUNT TEXT`. */
#include <endian.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define STATEMENTS_MAX 4096

struct statement {
	sqlite3_stmt *stmt;
	char *sql;
	unsigned long runs;
};

static struct statement statements[STATEMENTS_MAX];
static unsigned statement_count;
static sqlite3 *db;
static unsigned long runs, commits;

static void die(const char *what)
{
	fprintf(stderr, "replay: %s: %s\n", what, db == NULL ? "no database" : sqlite3_errmsg(db));
	exit(1);
}

/* The record, in memory; every read is checked against its end. */
struct reader {
	const unsigned char *at, *end;
};

static const unsigned char *take(struct reader *reader, size_t count)
{
	const unsigned char *from = reader->at;

	if ((size_t)(reader->end - from) < count)
		die("the record ends in the midst of an item");
	reader->at += count;
	return from;
}

static uint32_t take_u32(struct reader *reader)
{
	uint32_t little;

	memcpy(&little, take(reader, sizeof little), sizeof little);
	return le32toh(little);
}

static uint64_t take_u64(struct reader *reader)
{
	uint64_t little;

	memcpy(&little, take(reader, sizeof little), sizeof little);
	return le64toh(little);
}

static void open_database(const char *path)
{
	/* As the SQLite driver opens its own (core/store/sqlite/conn.c). */
	static const char settings[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
				       "PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY;"
				       "PRAGMA trusted_schema = OFF;";
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;

	if (sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) != SQLITE_OK)
		die("sqlite3_config");
	if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK)
		die(path);
	if (sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL) != SQLITE_OK)
		die("sqlite3_db_config");
	if (sqlite3_exec(db, settings, NULL, NULL, NULL) != SQLITE_OK)
		die("pragmas");
}

/* Enters a statement. It is prepared at its first run, as the server does: an earlier one may make
 * its table. */
static void define(struct reader *reader)
{
	uint32_t number = take_u32(reader), len = take_u32(reader);

	if (number != ++statement_count || number >= STATEMENTS_MAX)
		die("statements are not numbered in order");
	statements[number].sql = strndup((const char *)take(reader, len), len);
	if (statements[number].sql == NULL)
		die("no memory");
}

static int bind(struct reader *reader, sqlite3_stmt *stmt, int at)
{
	char type = (char)*take(reader, 1);
	uint64_t bits;
	double real;
	uint32_t len;

	switch (type) {
	case 'n':
		return sqlite3_bind_null(stmt, at);
	case 'i':
		return sqlite3_bind_int64(stmt, at, (int64_t)take_u64(reader));
	case 'r':
		bits = take_u64(reader);
		memcpy(&real, &bits, sizeof real);
		return sqlite3_bind_double(stmt, at, real);
	case 't':
		len = take_u32(reader);
		return sqlite3_bind_text(
			stmt, at, (const char *)take(reader, len), (int)len, SQLITE_STATIC);
	case 'b':
		len = take_u32(reader);
		return sqlite3_bind_blob(stmt, at, take(reader, len), (int)len, SQLITE_STATIC);
	default:
		die("a value of no known type");
		return SQLITE_ERROR;
	}
}

static void run(struct reader *reader)
{
	uint32_t number = take_u32(reader), count = take_u32(reader);
	struct statement *statement = &statements[number];
	int rc;

	if (number == 0 || number > statement_count)
		die("a run of a statement that was not given");
	if (statement->stmt == NULL &&
		sqlite3_prepare_v3(db, statement->sql, -1, SQLITE_PREPARE_PERSISTENT,
			&statement->stmt, NULL) != SQLITE_OK)
		die(statement->sql);
	for (uint32_t i = 1; i <= count; i++)
		if (bind(reader, statement->stmt, (int)i) != SQLITE_OK)
			die(statement->sql);

	while ((rc = sqlite3_step(statement->stmt)) == SQLITE_ROW)
		;
	if (rc != SQLITE_DONE || sqlite3_reset(statement->stmt) != SQLITE_OK)
		die(statement->sql);
	statement->runs++;
	runs++;
	if (strncmp(statement->sql, "COMMIT", 6) == 0)
		commits++;
}

static void replay(struct reader *reader)
{
	static const char title[] = "tidemill-record 1\n";

	if (memcmp(take(reader, sizeof title - 1), title, sizeof title - 1) != 0)
		die("this is no record");
	while (reader->at < reader->end) {
		if (*take(reader, 1) == 'S')
			define(reader);
		else
			run(reader);
	}
}

static struct reader read_record(const char *path)
{
	FILE *file = fopen(path, "rb");
	unsigned char *bytes = NULL;
	size_t len = 0, room = 0, count;

	if (file == NULL) {
		perror(path);
		exit(1);
	}
	do {
		if (len == room && (bytes = realloc(bytes, room = room * 2 + (1 << 20))) == NULL)
			die("no memory");
		count = fread(bytes + len, 1, room - len, file);
		len += count;
	} while (count > 0);
	fclose(file);
	return (struct reader){.at = bytes, .end = bytes + len};
}

static double seconds_of(struct timeval tv)
{
	return (double)tv.tv_sec + (double)tv.tv_usec / 1e6;
}

static double cpu(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

static double wall(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static long long change_rows(void)
{
	sqlite3_stmt *stmt;
	long long rows;

	if (sqlite3_prepare_v2(db, "SELECT count(*) FROM change", -1, &stmt, NULL) != SQLITE_OK ||
		sqlite3_step(stmt) != SQLITE_ROW)
		die("counting the change log");
	rows = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return rows;
}

/* On one line, so that each statement is one line of output. */
static void print_statement(const struct statement *statement)
{
	int blank = 0;

	printf("ran %lu ", statement->runs);
	for (const char *c = statement->sql; *c != '\0'; c++) {
		int space = *c == ' ' || *c == '\n' || *c == '\t';

		if (!(space && blank))
			putchar(space ? ' ' : *c);
		blank = space;
	}
	putchar('\n');
}

int main(int argc, char **argv)
{
	if (argc != 2 && argc != 3) {
		fprintf(stderr, "usage: replay DATABASE [RECORD]\n");
		return 2;
	}
	open_database(argv[1]);

	if (argc == 3) {
		struct reader reader = read_record(argv[2]);
		double began = wall(), used = cpu();

		replay(&reader);
		printf("seconds %.6f\ncpu %.6f\nruns %lu\ncommits %lu\n", wall() - began,
			cpu() - used, runs, commits);
	}
	printf("rows %lld\n", change_rows());
	for (unsigned i = 1; i <= statement_count; i++)
		if (statements[i].runs > 0)
			print_statement(&statements[i]);

	for (unsigned i = 1; i <= statement_count; i++)
		sqlite3_finalize(statements[i].stmt);
	sqlite3_close(db);
	return 0;
}
