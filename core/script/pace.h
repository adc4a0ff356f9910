/* core/script/pace.h: which routes are slow, so that their reads begin on the slow lane at once.
 *
 * A route that had to give way on a worker several times in a row, or in more than a quarter of its
 * runs, is slow until most of its runs are quick again, wherever they run. A single long report of
 * one person does not send everybody else's list behind it.
 *
 * Routes go by their number in the metrics; number 0, which routes beyond the table share, is never
 * slow. Each tenant has one; any thread counts. Its scores are atomics
 * without order among them: a reader may see a route as slow a moment late. */
#pragma once

#include "base/metrics.h"

#include <stdatomic.h>
#include <stdbool.h>

struct pace {
	_Atomic unsigned char scores[METRICS_ROUTES];
};

/* A read of the route was quick, or slow. */
void pace_count(struct pace *pace, unsigned route, bool slow);
bool pace_is_slow(const struct pace *pace, unsigned route);
