/* core/steps.h: the way from files to a generation that serves, where a test of faults can step in.
 *
 *   read     the builder is about to read the files, or the sources of an earlier generation
 *   load     the sources are there; the first state is about to be loaded
 *   check    it is loaded, and so everything that is declared is checked
 *   schema   the home has brought the schema along, and is about to commit
 *   switch   that is on disk; the control thread is about to hand the states out
 *   list     the builder is about to write down what came of it
 *
 * The program of tests/faults has a step_reached of its own, which holds or fails at a step. */
#pragma once

#include "base/err.h"

/* Returns 0 always; in tests/faults perhaps later, or a failure. */
int step_reached(const char *step, struct err *err);
