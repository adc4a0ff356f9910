/* core/builder.h: makes a generation from the files, and one Lua state for each thread that will
 * serve with it.
 *
 * Nothing here touches what serves now: if anything fails, the set is freed and the old generation
 * goes on. */
#pragma once

#include "script/settings.h"
#include "script/state.h"

#include <stdatomic.h>

enum { MAX_WORKERS = 256 };

/* The states of one generation, on their way to their threads. Whoever hands one over sets it to
 * NULL here. */
struct states {
	struct generation *gen;
	struct state *control, *home;
	struct state *workers[MAX_WORKERS];
};

/* Reads the sources that the settings name; `tests` (or NULL) is a folder that joins as
 * tests/scripts. */
int builder_read(const struct settings *settings, const char *tests, struct generation **gen,
	struct err *err);

/* Builds the states for the control thread, the home and `workers` workers; between two of them it
 * looks whether it is to stop (TM_EINTR). */
int builder_states(struct states **states, struct generation *gen, const struct budgets *budgets,
	int workers, const atomic_bool *stop, struct err *err);

/* Frees what has not been handed over. */
void builder_free(struct states *states);
