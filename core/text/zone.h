/* core/text/zone.h: time zones by their names in the IANA database, such as "Asia/Shanghai".
 *
 * A `struct zone` belongs to one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct zone;

/* Returns 0, TM_ENOENT when there is no such zone, TM_ENOMEM. */
int zone_new(struct zone **zone, const char *name);
void zone_free(struct zone *zone);
/* Whether there is such a zone. */
bool zone_exists(const char *name);

/* By how many milliseconds the zone's clocks are ahead of UTC at an instant. */
int zone_offset(struct zone *zone, int64_t ms, int64_t *offset);

/* How often clocks show a time: they may be put back, or forth. */
enum zone_times { ZONE_ONCE, ZONE_TWICE, ZONE_NEVER };

/* The instant at which the zone's clocks show `local` (as if it were UTC). Of two, the first; for
 * one that they skip, the instant that is as long after the skip began: 02:30 in a night in which
 * 02:00 becomes 03:00 is 03:30. */
int zone_instant(struct zone *zone, int64_t local, int64_t *ms, enum zone_times *times);
