/* core/base/metrics.h: what the process counts about itself, as Prometheus reads it (text format
 * 0.0.4).
 *
 * One `struct metrics` serves the whole process; the server owns it. Any thread counts at any time:
 * each number is an atomic of its own, without order among them, so a reader sees every count that
 * has ended, and perhaps not all that end just now. Routes get a number once, by their pattern,
 * which stays theirs over generations. */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum { METRICS_ROUTES = 512, METRICS_PLUGINS = 64 };

struct metrics;

enum metrics_lane { METRICS_WORKER, METRICS_HOME, METRICS_SLOW };

enum metrics_counter {
	METRICS_UNITS_LOST,     /* with their group; each ran again, alone */
	METRICS_COMMITS_FAILED, /* nothing was kept */
	METRICS_OUTCOMES_UNKNOWN,
	METRICS_GENERATIONS,
	METRICS_GENERATIONS_REFUSED,
	METRICS_READS_INTERRUPTED, /* on a worker; each began again on the slow lane */
	METRICS_RECORDS_METERED,   /* seen through grants that count them */
	METRICS_METERED_REFUSED,   /* requests that wanted more of them than they may */
	METRICS_COUNTERS
};

/* Values that rise and fall. */
enum metrics_gauge {
	METRICS_CONNECTIONS,
	METRICS_HOME_WAITING, /* changes that wait for the home */
	METRICS_SLOW_WAITING, /* reads that wait for the slow lane */
	METRICS_LUA_BYTES,    /* of all states together */
	METRICS_WAL_BYTES,
	METRICS_GAUGES
};

/* NULL without memory. */
struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

/* The number of a route such as "GET /api/v1/NAME/{id}"; 0, which is shown as "other", when there
 * are METRICS_ROUTES of them already. */
unsigned metrics_route(struct metrics *metrics, const char *name);

/* An answered request: where its work was done, its status, and how long it took from its first
 * byte. */
void metrics_request(struct metrics *metrics, unsigned route, enum metrics_lane lane, int status,
	int64_t nanoseconds);

/* A commit of so many units, and how long it took with its sync. */
void metrics_commit(struct metrics *metrics, unsigned units, int64_t nanoseconds);

/* A task took more memory, or time, than it may. `plugin` may be empty: nobody's in particular.
 * What comes after METRICS_PLUGINS of them is shown as "other". */
void metrics_break(struct metrics *metrics, const char *plugin, bool memory);

void metrics_count(struct metrics *metrics, enum metrics_counter counter);
void metrics_add(struct metrics *metrics, enum metrics_counter counter, uint64_t more);
void metrics_gauge_add(struct metrics *metrics, enum metrics_gauge gauge, int64_t change);
void metrics_gauge_set(struct metrics *metrics, enum metrics_gauge gauge, int64_t value);

/* The generation that serves a tenant, by its hash; empty: none does. */
void metrics_generation(struct metrics *metrics, const char *tenant, const char *hash);

/* Several tenants are counted together, so that none of them may read it. Before there are threads.
 */
void metrics_share(struct metrics *metrics);
bool metrics_are_shared(const struct metrics *metrics);

/* Appends all of it. */
void metrics_write(struct metrics *metrics, struct buf *out);
