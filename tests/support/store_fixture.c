#include "support/store_fixture.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void open_both(struct store_fixture *fixture)
{
	struct err err;

	if (store_open(&fixture->store, fixture->path, &err) < 0 ||
		store_conn_open(&fixture->writer, fixture->store, STORE_WRITE, &err) < 0) {
		fprintf(stderr, "%s: %s\n", fixture->path, err.text);
		abort();
	}
}

void store_fixture_open(struct store_fixture *fixture)
{
	struct store_unit *unit;

	strcpy(fixture->folder, "/tmp/tidemill-store-XXXXXX");
	if (mkdtemp(fixture->folder) == NULL)
		abort();
	snprintf(fixture->path, sizeof fixture->path, "%s/store.db", fixture->folder);
	open_both(fixture);
	unit = store_unit_begin(fixture->writer, true);
	ask(unit, "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT UNIQUE, text TEXT) STRICT");
	store_unit_end(unit, STORE_KEEP, hear, &(struct heard){0});
}

static void close_both(struct store_fixture *fixture)
{
	store_conn_close(fixture->writer);
	store_close(fixture->store);
}

void store_fixture_reopen(struct store_fixture *fixture)
{
	close_both(fixture);
	open_both(fixture);
}

void store_fixture_close(struct store_fixture *fixture)
{
	static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
	char path[128];

	close_both(fixture);
	for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++) {
		snprintf(path, sizeof path, "%s%s", fixture->path, ends[i]);
		unlink(path);
	}
	rmdir(fixture->folder);
}

void hear(void *data, int rc, const struct err *err)
{
	struct heard *heard = data;

	heard->times++;
	heard->rc = rc;
	snprintf(heard->text, sizeof heard->text, "%s", rc < 0 ? err->text : "");
}

struct heard ask(struct store_unit *unit, const char *sql)
{
	struct heard heard = {0};

	store_query(
		unit, &(struct store_query){
			      .sql = sql, .sql_len = strlen(sql), .done = hear, .data = &heard});
	return heard;
}

struct heard insert_item(struct store_unit *unit, int64_t id, size_t len)
{
	static const char sql[] = "INSERT INTO item(id, name, text) VALUES (?, ?, ?)";
	char name[32], *text = malloc(len + 1);
	struct heard heard = {0};
	struct store_value values[3] = {
		{.type = STORE_INT, .integer = id},
		{.type = STORE_TEXT,
			.bytes = {name, (size_t)snprintf(name, sizeof name, "item %ld", id)}},
		{.type = STORE_TEXT, .bytes = {text, len}},
	};

	if (text == NULL)
		abort();
	memset(text, 'x', len);
	store_query(unit, &(struct store_query){.sql = sql,
				  .sql_len = sizeof sql - 1,
				  .params = values,
				  .param_count = 3,
				  .done = hear,
				  .data = &heard});
	free(text);
	return heard;
}

/* The data of the query: what was heard must come first, for `hear`. */
struct number {
	struct heard heard;
	int64_t value;
	unsigned rows;
};

static void take_number(void *data, const struct store_row *row)
{
	struct number *number = data;

	if (number->rows++ == 0)
		number->value = store_row_value(row, 0).integer;
}

int64_t number_of(struct store_unit *unit, const char *sql)
{
	struct number number = {0};

	store_query(unit, &(struct store_query){.sql = sql,
				  .sql_len = strlen(sql),
				  .on_row = take_number,
				  .done = hear,
				  .data = &number});
	if (number.heard.rc < 0) {
		fprintf(stderr, "%s: %s\n", sql, number.heard.text);
		abort();
	}
	return number.value;
}

int64_t number_in(struct store_fixture *fixture, const char *sql)
{
	struct store_conn *reader;
	struct store_unit *unit;
	struct err err;
	int64_t value;

	if (store_conn_open(&reader, fixture->store, STORE_READ, &err) < 0)
		abort();
	unit = store_unit_begin(reader, false);
	value = number_of(unit, sql);
	store_unit_end(unit, STORE_UNDO, hear, &(struct heard){0});
	store_conn_close(reader);
	return value;
}
