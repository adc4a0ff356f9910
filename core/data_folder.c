#include "data_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is put behind the folder's own path is never longer. */
enum { TAIL = 256 };

static int failed(const char *path, struct err *err)
{
	return err_set(err, TM_EIO, "%s: %s", path, strerror(errno));
}

static int make(const char *path, struct err *err)
{
	return mkdir(path, 0700) != 0 && errno != EEXIST ? failed(path, err) : 0;
}

static void join(
	char *to, const struct data_folder *folder, const char *a, const char *b, const char *c)
{
	snprintf(to, DATA_PATH_MAX, "%.*s%s%.128s%s", DATA_PATH_MAX - TAIL, folder->path, a, b, c);
}

static int lock(struct data_folder *folder, struct err *err)
{
	char path[DATA_PATH_MAX];

	join(path, folder, "/lock", "", "");
	folder->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (folder->lock < 0)
		return failed(path, err);
	if (flock(folder->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	data_folder_close(folder);
	return err_set(
		err, TM_EBUSY, "the data folder %s is in use by another tidemill", folder->path);
}

int data_folder_open(
	struct data_folder *folder, const char *path, const char *tenant, struct err *err)
{
	char below[DATA_PATH_MAX], *whole;
	int rc = make(path, err);

	*folder = (struct data_folder){.lock = -1};
	if (rc != 0)
		return rc;
	whole = realpath(path, NULL);
	if (whole == NULL)
		return failed(path, err);
	rc = snprintf(folder->path, sizeof folder->path, "%s", whole) >= DATA_PATH_MAX - TAIL ||
			     strlen(tenant) > 128 || strchr(tenant, '/') != NULL
		     ? err_set(err, TM_EINVAL,
			       "the path of the data folder or the tenant's name is too long")
		     : lock(folder, err);
	free(whole);
	join(below, folder, "/tenants", "", "");
	if (rc == 0)
		rc = make(below, err);
	join(below, folder, "/tenants/", tenant, "");
	if (rc == 0)
		rc = make(below, err);
	join(folder->database, folder, "/tenants/", tenant, "/tenant.db");
	join(folder->socket, folder, "/admin.sock", "", "");
	return rc;
}

void data_folder_close(struct data_folder *folder)
{
	if (folder->lock >= 0)
		close(folder->lock);
	folder->lock = -1;
}
