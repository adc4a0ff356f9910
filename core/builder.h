/* core/builder.h: makes a generation from the files, and one Lua state for each thread that will
 * serve with it.
 *
 * Nothing here touches what serves now: if anything fails, the set is freed and the old generation
 * goes on. */
#pragma once

#include "script/settings.h"
#include "script/state.h"

enum { MAX_WORKERS = 256 };

/* The states of one generation, on their way to their threads. Whoever hands one over sets it to
 * NULL here. */
struct states {
	struct generation *gen;
	struct state *control, *home;
	struct state *workers[MAX_WORKERS];
	int64_t began_ns;
};

/* Reads the sources that the settings name; `tests` (or NULL) is a folder that joins as
 * tests/scripts. */
int builder_read(const struct settings *settings, const char *tests, struct generation **gen,
	struct err *err);

/* Reads the sources and builds the states for `workers` workers, the home and the control thread.
 */
int builder_build(const struct settings *settings, const char *tests, int workers,
	struct states **states, struct err *err);

/* Frees what has not been handed over. */
void builder_free(struct states *states);
