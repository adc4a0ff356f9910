/* tests/faults/hold.h: stands at the steps of core/steps.h, and lets a test hold or fail whoever
 * comes by. */
#pragma once

#include <stdbool.h>

/* What happens at `step`: "go" (nothing), "hold" (whoever comes waits for another word), "fail"
 * (the next one fails, or the one that is held). Another word: false. */
bool steps_set(const char *step, const char *word);

/* Where somebody is held, or "". */
const char *steps_at(void);
