/* core/backup_commands.h: `tidemill backup FILE` and `tidemill restore FILE`, of the settings'
 * tenant. */
#pragma once

#include "script/settings.h"

/* In the server that serves the data folder, or else in this process. Prints, and returns the exit
 * status. */
int backup_command(const struct settings *settings, const char *file);
/* With the folder's lock: no server runs, and none starts meanwhile. */
int restore_command(const struct settings *settings, const char *file);
