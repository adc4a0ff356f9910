/* core/base/id.h: inner ids, which grow with time.
 *
 * An id is the milliseconds since 2024-01-01 in its upper 42 bits and a sequence in the lower 21.
 * Each is greater than all that this process gave before, on whatever thread and whatever the clock
 * does. */
#pragma once

#include <stdint.h>

#define ID_EPOCH_MS INT64_C(1704067200000)
#define ID_SEQUENCE_BITS 21

/* A new id, always positive. Any thread. */
int64_t id_new(void);
