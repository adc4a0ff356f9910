/* core/sched/loop.h: the loop of a thread that may not come to be, and whose descriptors must not
 * stay open then. */
#pragma once

#include <uv.h>

/* Returns 0 or TM_ENOMEM: nothing of it is open. */
int loop_make(uv_loop_t *loop);

/* Gives up a loop that nobody runs: closes whatever handles it has, without a word to their owners,
 * and itself. */
void loop_drop(uv_loop_t *loop);
