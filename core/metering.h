/* core/metering.h: the meters of a tenant, and the control thread's hand that has them written:
 * through the home, each second in which something has changed, and once more at the end.
 *
 * What it writes comes among people's work: it is a few rows, which share a commit with what is
 * written anyway. */
#pragma once

#include "base/meters.h"
#include "home.h"

struct metering;

/* `reply` is a queue of `loop`, for outcomes of the home. NULL without memory. */
struct metering *metering_new(uv_loop_t *loop, struct queue *reply);

/* For whoever counts, on any thread, until metering_stop. */
struct meters *metering_meters(const struct metering *metering);

/* From now on `home` writes. */
void metering_start(struct metering *metering, struct home *home);

/* Nobody counts any more: hands what is left to the home, which is still there. It is freed when
 * the last outcome has come and the loop has closed its timer. */
void metering_stop(struct metering *metering);
