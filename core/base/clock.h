/* core/base/clock.h: the clocks. Any thread. */
#pragma once

#include <stdint.h>

/* Milliseconds since 1970-01-01T00:00:00Z; may be set back or forth by the machine's owner. */
int64_t clock_utc_ms(void);

/* Nanoseconds since some fixed moment; never goes back. For durations. */
int64_t clock_mono_ns(void);

/* Nanoseconds of the processor that the calling thread has used. */
int64_t clock_thread_ns(void);

/* Writes `ms` as RFC 3339, e.g. 2026-11-24T03:52:01.123Z, into `text` of at least 25 bytes. */
void clock_format(int64_t ms, char *text);
