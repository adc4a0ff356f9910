#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t clock_utc_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t nanoseconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clock_mono_ns(void)
{
	return nanoseconds(CLOCK_MONOTONIC);
}

int64_t clock_thread_ns(void)
{
	return nanoseconds(CLOCK_THREAD_CPUTIME_ID);
}

void clock_format(int64_t ms, char *text)
{
	int64_t part = (ms % 1000 + 1000) % 1000;
	time_t seconds = (time_t)((ms - part) / 1000);
	struct tm parts;

	gmtime_r(&seconds, &parts);
	if (strftime(text, 20, "%Y-%m-%dT%H:%M:%S", &parts) != 19)
		memcpy(text, "9999-12-31T23:59:59", 19);
	snprintf(text + 19, 6, ".%03uZ", (unsigned)part % 1000);
}
