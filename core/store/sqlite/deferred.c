#include "store/sqlite/driver.h"

#ifdef STORE_DEFERRED

#include <stdlib.h>
#include <uv.h>

struct later {
	struct later *next;
	struct store_unit *unit; /* a query or a merge, or NULL for a `done` */
	struct store_query query;
	struct store_merge merge; /* when it has scans */
	store_done done;
	void *data;
	int rc;
	struct err err;
};

struct deferred {
	uv_idle_t idle;
	struct later *first, **last;
};

static void run(struct later *later)
{
	if (later->unit != NULL && later->merge.scans != NULL)
		store_merge_now(later->unit, &later->merge);
	else if (later->unit != NULL)
		store_query_now(later->unit, &later->query);
	else
		later->done(later->data, later->rc, &later->err);
	free(later);
}

/* What is added meanwhile has to wait for the next turn. */
static void turn(uv_idle_t *idle)
{
	struct deferred *deferred = idle->data;
	struct later *later = deferred->first, *next;

	deferred->first = NULL;
	deferred->last = &deferred->first;
	for (; later != NULL; later = next) {
		next = later->next;
		run(later);
	}
	if (deferred->first == NULL)
		uv_idle_stop(idle);
}

static bool add(struct deferred *deferred, const struct later *item)
{
	struct later *later = malloc(sizeof *later);

	if (later == NULL)
		abort();
	*later = *item;
	later->next = NULL;
	*deferred->last = later;
	deferred->last = &later->next;
	uv_idle_start(&deferred->idle, turn);
	return true;
}

bool store_query_later(struct store_unit *unit, const struct store_query *query)
{
	struct deferred *deferred = unit->conn->deferred;

	return deferred != NULL && add(deferred, &(struct later){.unit = unit, .query = *query});
}

bool store_merge_later(struct store_unit *unit, const struct store_merge *merge)
{
	struct deferred *deferred = unit->conn->deferred;

	return deferred != NULL && add(deferred, &(struct later){.unit = unit, .merge = *merge});
}

bool store_done_later(
	struct store_conn *conn, store_done done, void *data, int rc, const struct err *err)
{
	return conn->deferred != NULL &&
	       add(conn->deferred,
		       &(struct later){.done = done, .data = data, .rc = rc, .err = *err});
}

void store_conn_defer(struct store_conn *conn, uv_loop_t *loop)
{
	struct deferred *deferred;

	if (conn->deferred != NULL)
		return;
	deferred = calloc(1, sizeof *deferred);
	if (deferred == NULL)
		abort();
	deferred->last = &deferred->first;
	uv_idle_init(loop, &deferred->idle);
	deferred->idle.data = deferred;
	conn->deferred = deferred;
}

struct store_conn *store_free_conn(struct store_conn *conn)
{
	struct store_conn **at = &conn;

	if (conn->access == STORE_WRITE || conn->deferred == NULL)
		return conn;
	while (*at != NULL && (*at)->unit.live)
		at = &(*at)->spare;
	if (*at != NULL)
		return *at;
	if (store_conn_open(at, conn->store, STORE_READ, NULL) != 0)
		return NULL;
	(*at)->deferred = conn->deferred;
	return *at;
}

static void closed(uv_handle_t *handle)
{
	free(handle->data);
}

void store_defer_end(struct store_conn *conn)
{
	struct deferred *deferred = conn->deferred;
	struct store_conn *spare;

	if (deferred == NULL)
		return;
	while (deferred->first != NULL)
		turn(&deferred->idle);
	while ((spare = conn->spare) != NULL) {
		conn->spare = spare->spare;
		spare->spare = NULL;
		spare->deferred = NULL;
		store_conn_close(spare);
	}
	conn->deferred = NULL;
	uv_close((uv_handle_t *)&deferred->idle, closed);
	uv_run(deferred->idle.loop, UV_RUN_NOWAIT);
}

#else

typedef int nothing; /* a file must hold something */

#endif
