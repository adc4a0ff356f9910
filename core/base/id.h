/* core/base/id.h: inner ids, which grow with time.
 *
 * An id is the milliseconds since 2024-01-01 in its upper 42 bits, a sequence in the next 15, and
 * in the lowest 6 the number of the node that gave it (0: there is one), so that nodes which share
 * a store never give the same. Each is greater than all that this process gave before, and than
 * all that its store holds, on whatever thread and whatever the clock does. */
#pragma once

#include <stdint.h>

#define ID_EPOCH_MS INT64_C(1704067200000)
#define ID_MS_BITS 21 /* below the milliseconds */
#define ID_NODE_BITS 6

/* A new id, always positive. Any thread. */
int64_t id_new(void);

/* Lets all further ids be greater than `id`, which an earlier process gave. Any thread. */
void id_begin_after(int64_t id);
