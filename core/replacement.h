/* core/replacement.h: gives a thread a state: another one when a task has spoilt its own.
 *
 * The state is made in libuv's pool from a generation that has served before, so that a thread that
 * serves never loads code, and arrives on the thread's loop. Until then the thread holds back what
 * needs one. */
#pragma once

#include "script/state.h"

/* Begins; `done` comes on `loop` with the new state, which is its own from then on. When there is
 * no memory the program ends. */
void replacement_start(uv_loop_t *loop, struct generation *gen, const struct budgets *budgets,
	void (*done)(void *data, struct state *state), void *data);
