/* core/store/log_head.h: where the change log ends, as a writing connection knows it. Private to
 * core/store.
 *
 * The driver loads it from the last row when it opens a writing connection, keeps a copy at each
 * unit and mark, and puts that back when what came after is undone or lost. change_append alone
 * moves it on. */
#pragma once

#include "store/store.h"
#include "text/hash.h"

struct log_head {
	int64_t pos;
	unsigned char chain[HASH_BYTES];
};

/* The head of a unit of a writing connection; NULL for one of a reading connection. */
struct log_head *store_unit_head(struct store_unit *unit);

/* 0, or the code with which everything that this unit still asks fails. */
int store_unit_broken(const struct store_unit *unit);
