#include "backup_commands.h"

#include "admin.h"
#include "backup.h"
#include "command_line.h"
#include "data_folder.h"
#include "store/store.h"
#include "text/json_out.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int failed(const struct err *err)
{
	fprintf(stderr, "tidemill: %s\n", err->text);
	return 1;
}

/* The tenant's folder, with the data folder's lock. */
static int open_folders(struct data_folder *data, struct tenant_folder *folder,
	const struct settings *settings, struct err *err)
{
	const char *name = settings->tenant;
	int rc = settings_tenant_named(settings, name, err) < 0 ? err->code : 0;

	if (rc == 0)
		rc = data_folder_open(data, settings->data, err);
	return rc == 0 ? tenant_folder_open(folder, data, name, err) : rc;
}

/* In this process: no server runs, and none starts meanwhile. */
static int back_up_here(const struct settings *settings, const char *file, struct err *err)
{
	char path[PATH_MAX], line[PATH_MAX + 128];
	struct data_folder data = {.lock = -1};
	struct tenant_folder folder;
	struct store *store = NULL;
	int rc;

	snprintf(path, sizeof path, "%s/tenants/%s/tenant.db", settings->data,
		settings->tenant != NULL ? settings->tenant : "");
	if (settings->tenant != NULL && access(path, F_OK) != 0)
		return err_set(err, TM_ENOENT, "there is no database %.400s", path);
	rc = open_folders(&data, &folder, settings, err);
	if (rc == 0)
		rc = store_open(&store, folder.database, err);
	if (rc == 0)
		rc = backup_make(&(struct backup_order){.store = store, .path = file}, line, err);
	if (rc == 0)
		printf("%s\n", line);
	store_close(store);
	data_folder_close(&data);
	return rc;
}

int backup_command(const struct settings *settings, const char *given)
{
	struct buf arguments = BUF_EMPTY;
	char file[PATH_MAX], path[PATH_MAX];
	char *line = NULL;
	struct err err;
	int rc = absolute_path(given, file, &err);

	if (rc != 0)
		return failed(&err);
	buf_puts(&arguments, "{\"file\":");
	json_out_string(&arguments, file, strlen(file));
	buf_puts(&arguments, "}");
	snprintf(path, sizeof path, "%s/admin.sock", settings->data);
	rc = admin_call(path, settings->tenant, "backup", buf_text(&arguments), show_progress, NULL,
		&line, &err);
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r");
	if (rc == TM_ENOENT)
		rc = back_up_here(settings, file, &err);
	else if (rc == 0)
		printf("%s\n", line);
	free(line);
	buf_free(&arguments);
	return rc == 0 ? 0 : failed(&err);
}

int restore_command(const struct settings *settings, const char *given)
{
	char file[PATH_MAX], line[PATH_MAX + 128];
	struct data_folder data = {.lock = -1};
	struct tenant_folder folder;
	struct err err;
	int rc = absolute_path(given, file, &err);

	if (rc == 0 && access(file, R_OK) != 0)
		rc = err_set(&err, TM_ENOENT, "there is no file %.400s", file);
	if (rc == 0) {
		rc = open_folders(&data, &folder, settings, &err);
		if (rc == TM_EBUSY)
			err_set(&err, rc, "a server serves this data folder: stop it first");
	}
	if (rc == 0)
		rc = backup_restore(folder.database, file, line, &err);
	if (rc == 0)
		printf("%s\n", line);
	data_folder_close(&data);
	return rc == 0 ? 0 : failed(&err);
}
