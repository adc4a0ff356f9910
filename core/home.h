/* core/home.h: the home of a tenant: the only thread that writes it.
 *
 * Whoever wants something written makes a `struct write`, fills in what it is and where it returns,
 * and pushes it. The home runs it in a unit of work, and gives it back through `reply` when the
 * outcome is on disk (or when nothing was kept). Until then it belongs to the home; a request's
 * memory stays as it is so long. */
#pragma once

#include "base/buf.h"
#include "net/http_server.h"
#include "sched/lane.h"
#include "script/state.h"
#include "store/store.h"

struct home;

enum write_kind {
	WRITE_REQUEST, /* main.write(request, text) */
	WRITE_BULK,    /* main.bulk: `text` is the name, a NUL, the payload */
	WRITE_SWITCH   /* brings the schema to `state`, and serves with it from then on */
};

struct write {
	struct lane_work work; /* must be first */
	enum write_kind kind;
	const struct http_request *request;
	char plugin[64];     /* a request's: whose action it is; empty: nobody's */
	struct buf text;     /* what was prepared, or the payload */
	struct state *state; /* switch only: the new state, the home's from the push on */
	struct queue *reply;
	void (*done)(struct write *write); /* on the reply's thread, which owns the write again */
	void *data;

	/* The outcome: rc is 0 when the answer stands; else `answer_text` says what went wrong. */
	int rc;
	struct http_answer answer; /* requests: points into `answer_text` */
	struct buf answer_text;
	struct breach_words breach; /* for TM_EBUDGET */
	struct store_unit *unit;    /* home only */
	struct home *home;          /* home only */
	bool counted;               /* among what waits, in the metrics */
};

struct write *home_write_new(enum write_kind kind);
void home_write_free(struct write *write);

struct home_options {
	const char *tenant;
	struct store *store;
	struct metrics *metrics;
	struct meters *meters;
	const char *record; /* the file for `make bench`, or NULL */
};

/* Starts the thread; it has no state until the first WRITE_SWITCH. */
int home_start(struct home **home, const struct home_options *options, struct err *err);

/* Hands `write` over; TM_EBUSY when the lane is full. Any thread. */
int home_push(struct home *home, struct write *write);

/* Finishes what waits, closes the connection and joins the thread. */
void home_stop(struct home *home);
