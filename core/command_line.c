#include "command_line.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int absolute_path(const char *given, char *path, struct err *err)
{
	char folder[PATH_MAX];

	if (given[0] == '/')
		folder[0] = '\0';
	else if (getcwd(folder, sizeof folder - 1) == NULL)
		return err_set(err, TM_EIO, "the working folder cannot be read");
	else
		strcat(folder, "/");
	if ((size_t)snprintf(path, PATH_MAX, "%s%s", folder, given) >= PATH_MAX)
		return err_set(err, TM_EINVAL, "the path %s is too long", given);
	return 0;
}

void show_progress(void *data, const char *text, size_t len)
{
	(void)data;
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%.*s", (int)len, text);
}
