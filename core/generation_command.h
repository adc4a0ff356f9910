/* core/generation_command.h: `tidemill generation [list | build | activate HASH]`. */
#pragma once

#include "script/settings.h"

#include <stdbool.h>

/* Runs the command in the server that serves the data folder; without one, the list alone can be
 * shown. Prints, and returns the exit status. */
int generation_command(const struct settings *settings, char **words, int count, bool json);
