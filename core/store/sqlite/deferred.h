/* core/store/sqlite/deferred.h: a driver that answers late, for tests (VARIANT=deferred).
 *
 * On a connection that has been given a loop, a query runs, and the `done` of every call comes, on
 * a later turn of that loop; several reading units of one connection then live at once, each on a
 * handle of its own. So whoever relies on the driver's haste, or keeps what a call was given too
 * short, fails here. Without a loop, and in every other variant, nothing waits. Private to the
 * driver. */
#pragma once

#include "store/store.h"

#ifdef STORE_DEFERRED

/* Does the same later. False where there is no loop: then the caller goes on at once. */
bool store_query_later(struct store_unit *unit, const struct store_query *query);
bool store_merge_later(struct store_unit *unit, const struct store_merge *merge);
bool store_done_later(
	struct store_conn *conn, store_done done, void *data, int rc, const struct err *err);

/* The connection on which the next unit of `conn` shall live: `conn`, or one like it. NULL when it
 * cannot be had. */
struct store_conn *store_free_conn(struct store_conn *conn);

/* Runs what waits and closes the other handles; before the connection is gone. */
void store_defer_end(struct store_conn *conn);

#else

static inline bool store_query_later(struct store_unit *unit, const struct store_query *query)
{
	(void)unit;
	(void)query;
	return false;
}

static inline bool store_merge_later(struct store_unit *unit, const struct store_merge *merge)
{
	(void)unit;
	(void)merge;
	return false;
}

static inline bool store_done_later(
	struct store_conn *conn, store_done done, void *data, int rc, const struct err *err)
{
	(void)conn;
	(void)done;
	(void)data;
	(void)rc;
	(void)err;
	return false;
}

static inline struct store_conn *store_free_conn(struct store_conn *conn)
{
	return conn;
}

static inline void store_defer_end(struct store_conn *conn)
{
	(void)conn;
}

#endif
