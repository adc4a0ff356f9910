/* core/script/watchdog.h: one thread that looks after all threads that run Lua, and signals one
 * that is late.
 *
 * A count hook that is always set would slow every instruction, so nothing watches from inside: a
 * thread publishes when what it runs must be over (one atomic store), and the watchdog compares.
 * The handler of its signal runs on the late thread itself and breaks the run: see run.h. What
 * counts is the time of the processor where that is less than what passed, so that a busy machine
 * breaks nobody. Without a watchdog (tests, short commands) nothing is ever late. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct run;

/* Starts the thread; at most one in the process. Returns 0 or TM_ENOMEM. */
int watchdog_start(void);
void watchdog_stop(void);

/* What the calling thread runs, and when it is looked after (clock_mono_ns): first at `deadline`,
 * and when that is only where the run should give way to others, again at `last`. */
struct watch {
	struct run *run;
	int64_t deadline, last;
};

/* Publishes `now` for the calling thread and returns what it ran before, which may be nothing (all
 * zero). Each deadline is another number than the one before. */
struct watch watch_enter(struct watch now);

/* Whether what the calling thread runs has been ended: what store_stop_when asks. */
bool watch_has_ended(void);

/* Under ThreadSanitizer, where the signal waits for the next library call: does what its handler
 * does when the calling thread is late. */
void watch_look(void);

/* Another thread's runs, for whoever must be able to end them. The place is the calling thread's,
 * and lives as long as it; NULL without memory. */
struct watch_place;
struct watch_place *watch_my_place(void);
/* Ends what runs there now, if it is a read that can give way. Any thread. */
void watch_give_way(struct watch_place *place);
