/* core/base/meters.h: how much each user has read under each meter, counted in memory by all
 * threads, with the store behind.
 *
 * A meter is a name, a span of time and a most. A count begins with the first read, and stands
 * until the span is over. What an entry lacks is in the store: whoever hears METERS_UNKNOWN looks
 * there, tells by meters_load what it found, and asks again. What has changed since it was last
 * written is told by meters_changes, which one thread calls each second, and is never forgotten
 * before meters_written says that it is on disk; of the rest, the entry that was asked for least
 * recently makes room. So memory is bounded and nothing is lost, but for the last second of a
 * process that is killed.
 *
 * One `struct meters` serves all threads of a tenant. A lock is held for some comparisons. */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum { METER_NAME_MAX = 127 };

struct meters;

struct meter {
	int64_t user;
	const char *name; /* at most METER_NAME_MAX bytes */
	int64_t most, span_ms;
};

/* What has been counted, since when, and until when that stands. */
struct meter_count {
	int64_t count, began_ms, ends_ms;
};

enum meters_answer {
	METERS_GOOD,    /* counted */
	METERS_OVER,    /* refused: the most has been reached, nothing was counted */
	METERS_UNKNOWN, /* load it first */
	METERS_FULL     /* too much waits to be written; soon there is room */
};

/* NULL without memory. Room for `entries`, which is a multiple of 8. */
struct meters *meters_new(unsigned entries);
void meters_free(struct meters *meters);

/* Counts `more`, unless there are as many as may be already: so those who ask at once get past the
 * most by less than one of them asks for. `now_ms` is clock_utc_ms here and below. `found` (or
 * NULL) is filled for METERS_GOOD and METERS_OVER. With `more` 0 it only looks. */
enum meters_answer meters_take(struct meters *meters, const struct meter *meter, int64_t more,
	int64_t now_ms, struct meter_count *found);

/* What the store has, a `count` of 0 when nothing. What memory has stays. */
enum meters_answer meters_load(struct meters *meters, const struct meter *meter, int64_t count,
	int64_t began_ms, int64_t now_ms);

/* Appends at most `limit` entries that have changed as a JSON list of [user, name, began, ends,
 * count, most]. Returns the number of this batch for meters_written, or 0 when nothing has
 * changed. Without memory `out` has failed; the batch is to be told of all the same. */
unsigned meters_changes(struct meters *meters, unsigned limit, struct buf *out);
void meters_written(struct meters *meters, unsigned batch, bool good);
