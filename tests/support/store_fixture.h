/* tests/support/store_fixture.h: a store in a folder of its own, with a table to write into, and a
 * way to ask it in one line.
 *
 * Table `item`: id, name (unique), text. */
#pragma once

#include "store/store.h"

struct store_fixture {
	char folder[64];
	char path[96];
	struct store *store;
	struct store_conn *writer;
};

/* What a callback was told. */
struct heard {
	unsigned times;
	int rc;
	char text[512];
};

void store_fixture_open(struct store_fixture *fixture);
/* Closes the connections and opens them again, as a restart does. */
void store_fixture_reopen(struct store_fixture *fixture);
void store_fixture_close(struct store_fixture *fixture);

/* A store_done whose data is a struct heard. */
void hear(void *heard, int rc, const struct err *err);

/* Runs a statement without values; the result says whether it went well. */
struct heard ask(struct store_unit *unit, const char *sql);
/* INSERT of an item with `len` bytes of text. */
struct heard insert_item(struct store_unit *unit, int64_t id, size_t len);
/* The first column of the first row, in a unit of its own on a new reading connection. */
int64_t number_in(struct store_fixture *fixture, const char *sql);
/* The same in `unit`. */
int64_t number_of(struct store_unit *unit, const char *sql);
