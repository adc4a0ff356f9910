#include "sources.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char list_name[] = "list.json";

static int failed(const char *path, struct err *err)
{
	return err_set(
		err, errno == ENOENT ? TM_ENOENT : TM_EIO, "%.400s: %s", path, strerror(errno));
}

static int join(
	char path[PATH_MAX], const char *folder, const char *name, const char *end, struct err *err)
{
	if (snprintf(path, PATH_MAX, "%s/%s%s", folder, name, end) >= PATH_MAX)
		return err_set(err, TM_EINVAL, "the path %.400s is too long", folder);
	return 0;
}

static int sync_folder(const char *folder, struct err *err)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd >= 0 && fsync(fd) == 0 ? 0 : failed(folder, err);

	if (fd >= 0)
		close(fd);
	return rc;
}

static int write_all(const char *path, const char *bytes, size_t len, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), rc = 0;

	if (fd < 0)
		return failed(path, err);
	while (rc == 0 && len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno != EINTR)
			rc = failed(path, err);
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	if (rc == 0 && fsync(fd) != 0)
		rc = failed(path, err);
	close(fd);
	return rc;
}

/* Whole under its name, or not at all. */
static int put(const char *folder, const char *name, const struct buf *bytes, struct err *err)
{
	char path[PATH_MAX], part[PATH_MAX];
	int rc = join(path, folder, name, "", err);

	if (rc == 0)
		rc = join(part, folder, name, ".part", err);
	if (rc != 0)
		return rc;
	rc = write_all(part, bytes->data, bytes->len, err);
	if (rc == 0 && rename(part, path) != 0)
		rc = failed(path, err);
	if (rc != 0)
		unlink(part);
	return rc == 0 ? sync_folder(folder, err) : rc;
}

static int get(const char *folder, const char *name, struct buf *to, struct err *err)
{
	char path[PATH_MAX];
	int fd, rc = join(path, folder, name, "", err);
	ssize_t n = 1;

	if (rc != 0)
		return rc;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return failed(path, err);
	while (rc == 0 && n != 0) {
		char *room = buf_reserve(to, 64 * 1024);

		n = room != NULL ? read(fd, room, 64 * 1024) : 0;
		if (room == NULL)
			rc = err_set(err, TM_ENOMEM, "no memory to read %.400s", path);
		else if (n < 0 && errno != EINTR)
			rc = failed(path, err);
		else if (n > 0)
			to->len += (size_t)n;
	}
	close(fd);
	return rc;
}

int sources_open(const char *folder, struct err *err)
{
	return mkdir(folder, 0700) == 0 || errno == EEXIST ? 0 : failed(folder, err);
}

int sources_keep(const char *folder, const struct generation *gen, struct err *err)
{
	struct buf bytes = BUF_EMPTY;
	char path[PATH_MAX];
	int rc = join(path, folder, generation_hash(gen), "", err);

	if (rc != 0 || access(path, R_OK) == 0)
		return rc;
	generation_pack(gen, &bytes);
	rc = bytes.failed ? err_set(err, TM_ENOMEM, "no memory")
			  : put(folder, generation_hash(gen), &bytes, err);
	buf_free(&bytes);
	return rc;
}

int sources_find(const char *folder, const char *hash, struct generation **gen, struct err *err)
{
	struct buf bytes = BUF_EMPTY;
	int rc = get(folder, hash, &bytes, err);

	if (rc == 0)
		rc = generation_unpack(gen, bytes.data, bytes.len, err);
	buf_free(&bytes);
	if (rc == 0 && strcmp(generation_hash(*gen), hash) != 0) {
		generation_drop(*gen);
		*gen = NULL;
		rc = err_set(err, TM_EIO, "the kept sources of %.12s have been changed", hash);
	}
	return rc;
}

static bool is_among(const char *name, char *const *hashes)
{
	for (; *hashes != NULL; hashes++)
		if (strcmp(name, *hashes) == 0)
			return true;
	return strcmp(name, list_name) == 0;
}

static void forget_others(const char *folder, char *const *hashes)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	char path[PATH_MAX];

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' && !is_among(entry->d_name, hashes) &&
			join(path, folder, entry->d_name, "", NULL) == 0)
			unlink(path); /* what stays takes room, and is looked at again */
	if (dir != NULL)
		closedir(dir);
}

int sources_note(const char *folder, const char *list, char *const *hashes, struct err *err)
{
	struct buf bytes = {.data = (char *)list, .len = strlen(list)};
	int rc = put(folder, list_name, &bytes, err);

	if (rc == 0)
		forget_others(folder, hashes);
	return rc;
}

int sources_list(const char *folder, struct buf *list, struct err *err)
{
	return get(folder, list_name, list, err);
}
