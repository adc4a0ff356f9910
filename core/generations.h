/* core/generations.h: which generations there have been, which one serves, and the way to another.
 *
 * Each attempt to bring a generation in is an entry of the list: its hash, when and by whom it was
 * asked for, and what came of it. Attempts are made one after another, off this thread: the builder
 * loads, the home brings the schema along, all threads switch, the list is on disk; then whoever
 * asked is answered. The sources of the last generations that served are kept (core/sources.h), so
 * that one of them can serve again, also after a restart; a restart itself builds from the files.
 *
 * Belongs to the control thread, but for its calls. */
#pragma once

#include "base/metrics.h"
#include "builder_thread.h"
#include "control_calls.h"
#include "script/settings.h"
#include "switching.h"

struct generations;

struct generations_owner {
	const char *tenant;
	const struct settings *settings;
	const char *tests; /* see builder_read */
	int workers;
	bool safe;          /* told in the list: client packs are left out of what is built */
	const char *folder; /* for list and sources; NULL: nothing is written down */
	struct metrics *metrics;
	struct builder *builder; /* of the loop */
	uv_loop_t *loop;
	/* As in core/switching.h. */
	struct home *home;
	struct queue *reply;
	void (*serves)(void *owner, struct states *states);
	/* It does not; the log has been told why. */
	void (*refused)(void *owner, int rc, const char *text);
	/* Nothing is under way any more. */
	void (*idle)(void *owner);
	void *owner;
};

enum generations_cause { CAUSE_START, CAUSE_WATCH, CAUSE_REQUEST, CAUSE_COMMAND };

/* What came of it, as JSON: an entry, or {"error": why it was not tried}. */
typedef void (*generations_answer)(void *data, const char *json, size_t len);

int generations_start(
	struct generations **generations, const struct generations_owner *owner, struct err *err);

/* Builds from the files and switches, unless that is what serves. */
void generations_build(struct generations *generations, enum generations_cause cause);

/* Brings back the one that served before the tenant was closed: no attempt of anybody's, so it is
 * not in the list unless it is refused. */
void generations_resume(struct generations *generations, const char *hash);

/* The hash of the one that serves; empty before the first. */
const char *generations_serves(const struct generations *generations);

/* Asks from this thread: `payload` is JSON,
 *   {"do": "list"}
 *   {"do": "build", "by": login}
 *   {"do": "activate", "hash": the first letters will do, "by": login}
 * `answer` may come at once. */
void generations_ask(struct generations *generations, enum generations_cause cause,
	const char *payload, size_t len, generations_answer answer, void *data);

/* The same from any thread, as control_calls_call. */
struct control_calls *generations_calls(struct generations *generations);

/* For switching_expect and switching_adopted. */
struct switching *generations_switching(struct generations *generations);

/* A build or a switch is under way, or a call that has not been answered. */
bool generations_are_busy(const struct generations *generations);

/* Begins nothing further and answers what waits with {"error": "stopping"}; what is under way ends
 * soon, and then `idle` comes. */
void generations_close(struct generations *generations);

/* When nothing is under way: ends the thread. The memory is freed by generations_free, when the
 * loop has ended. */
void generations_stop(struct generations *generations);
void generations_free(struct generations *generations);
