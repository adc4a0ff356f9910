/* core/tenant_command.h: `tidemill tenant list`. */
#pragma once

#include "script/settings.h"

#include <stdbool.h>

/* Prints the tenants of the settings with their hosts and the size of their database, and returns
 * the exit status. */
int tenant_command_list(const struct settings *settings, bool json);
