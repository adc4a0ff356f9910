/* core/command_line.h: what several commands of the program need. */
#pragma once

#include "base/err.h"

#include <stddef.h>

/* Makes `path` (PATH_MAX bytes) the path of what was given as the server sees it, which may run
 * elsewhere. */
int absolute_path(const char *given, char *path, struct err *err);

/* Prints how far it is, on standard error where that is a terminal. */
void show_progress(void *data, const char *text, size_t len);
