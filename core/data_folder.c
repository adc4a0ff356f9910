#include "data_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* What is put behind the folder's own path is never longer. */
enum { TAIL = 256 };

static int failed(const char *path, struct err *err)
{
	return err_set(err, TM_EIO, "%s: %s", path, strerror(errno));
}

/* A folder that is not on disk yet takes what is synced inside it with it. */
static int sync_parent(const char *path, struct err *err)
{
	char parent[DATA_PATH_MAX];
	int fd, rc = 0;

	if (snprintf(parent, sizeof parent, "%s", path) >= (int)sizeof parent)
		return err_set(err, TM_EINVAL, "the path %s is too long", path);
	fd = open(dirname(parent), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		rc = failed(path, err);
	if (fd >= 0)
		close(fd);
	return rc;
}

static int make(const char *path, struct err *err)
{
	if (mkdir(path, 0700) == 0)
		return sync_parent(path, err);
	return errno != EEXIST ? failed(path, err) : 0;
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

/* A longer one would be cut and lie elsewhere. */
static int check_socket(const struct data_folder *folder, struct err *err)
{
	const size_t most = sizeof((struct sockaddr_un *)0)->sun_path - 1;

	return strlen(folder->socket) <= most
		       ? 0
		       : err_set(err, TM_EINVAL,
				 "the path %s is too long for a socket: it may have %zu bytes; "
				 "take a data folder with a shorter path",
				 folder->socket, most);
}

int data_folder_open(struct data_folder *folder, const char *path, struct err *err)
{
	char below[DATA_PATH_MAX], *whole;
	int rc = make(path, err);

	*folder = (struct data_folder){.lock = -1};
	if (rc != 0)
		return rc;
	whole = realpath(path, NULL);
	if (whole == NULL)
		return failed(path, err);
	if (snprintf(folder->path, sizeof folder->path, "%s", whole) >= DATA_PATH_MAX - TAIL)
		rc = err_set(err, TM_EINVAL, "the path of the data folder is too long");
	free(whole);
	join(folder->socket, folder, "/admin.sock", "", "");
	if (rc == 0)
		rc = check_socket(folder, err);
	if (rc == 0)
		rc = lock(folder, err);
	join(below, folder, "/tenants", "", "");
	return rc == 0 ? make(below, err) : rc;
}

int tenant_folder_open(struct tenant_folder *folder, const struct data_folder *data,
	const char *tenant, struct err *err)
{
	/* Settings have checked the name. */
	join(folder->rejects, data, "/tenants/", tenant, "");
	join(folder->database, data, "/tenants/", tenant, "/tenant.db");
	join(folder->generations, data, "/tenants/", tenant, "/generations");
	return make(folder->rejects, err);
}

void data_folder_close(struct data_folder *folder)
{
	if (folder->lock >= 0)
		close(folder->lock);
	folder->lock = -1;
}
