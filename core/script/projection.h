/* core/script/projection.h: from a row of the store to a JSON object, without a Lua value in
 * between.
 *
 * A projection says which columns of a row become which members of an object, and how: ids are
 * sealed, instants written as RFC 3339, amounts as amount and currency. Rights say which members of
 * a row somebody may see: each grant lets rows through, all of them or those whose column holds one
 * of its values, and shows some members or all; what several grants show adds up. A row that no
 * grant lets through is as if it were not there. A grant may have a meter, which counts the rows of
 * which it shows what the grants before it do not.
 *
 * Lua makes both, once, as userdata that never change; bind_projection.c says in which form. A
 * writer is one use of them: it takes rows while the store reads them. */
#pragma once

#include "base/buf.h"
#include "store/store.h"

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RIGHTS_METERS_MAX = 16 };

struct projection;
struct rights;

struct object_writer {
	const struct projection *projection;
	const struct rights *rights;
	const unsigned char *id_key;
	size_t limit;      /* so many objects at most; that there is one more row is only noticed */
	size_t written;    /* objects in `out`, which have commas between them */
	bool single;       /* one record is asked for, not a page of a list */
	bool more, broken; /* broken: a text of the store is no UTF-8, or an instant none */
	uint32_t metered[RIGHTS_METERS_MAX]; /* objects by meter */
	struct buf *out;
	struct buf places; /* struct object_place of each reference that is to be expanded */
};

/* Where in `out` the sealed id of a reference stands, quotes included, its inner id, and the
 * member's name, which is the projection's. */
struct object_place {
	size_t at;
	int64_t inner;
	const char *name;
	size_t name_len;
};

/* Returns whether the row became an object. */
bool object_writer_row(struct object_writer *writer, const struct store_row *row);

/* Makes the row whose values are on the stack from `first` on into a table of Lua values, and
 * pushes it: ids sealed, instants as text, amounts as decimals, nothing for NULL. */
void projection_push_record(
	lua_State *L, const struct projection *projection, int index, int first);
int projection_columns(const struct projection *projection);

/* How many meters the grants of `rights` have. */
unsigned rights_meters(const struct rights *rights);

/* The userdata at `index`; raises when it is none, or when the rights are of another projection. */
const struct projection *projection_at(lua_State *L, int index);
const struct rights *rights_at(lua_State *L, int index, const struct projection *projection);
