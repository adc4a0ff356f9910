/* core/metering.h: writes what the meters of a tenant have counted through its home, each second in
 * which something has changed, and once more at the end.
 *
 * It lives on the control thread. Its writes come among those of people: they are a few rows, which
 * share a commit with what is written anyway. */
#pragma once

#include "base/meters.h"
#include "home.h"

struct metering;

struct metering_options {
	uv_loop_t *loop;
	struct meters *meters; /* outlives it */
	struct home *home;
	struct queue *reply; /* of `loop`, for outcomes of the home */
};

/* NULL without memory. */
struct metering *metering_start(const struct metering_options *options);

/* Nobody counts any more: hands what is left to the home, which is still there. Frees it when the
 * last outcome has come and `loop` has closed its timer. */
void metering_stop(struct metering *metering);
