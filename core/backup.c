#include "backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LINE = PATH_MAX + 128, TELL_MS = 500, TIMES_THE_LIMIT = 4 };

struct backup {
	uv_work_t work;
	uv_timer_t timer;
	struct backup_order order;
	char path[PATH_MAX];
	_Atomic int done, total; /* pages */
	bool too_long;           /* the log grew too far meanwhile */
	int rc;
	struct err err;
	char line[LINE];
	void (*on_text)(void *data, const char *text, size_t len);
	task_done over;
	void *data;
};

static int failed(const char *path, struct err *err)
{
	return err_set(err, TM_EIO, "%.400s: %s", path, strerror(errno));
}

static int join(char *to, const char *path, const char *end, struct err *err)
{
	if (snprintf(to, PATH_MAX, "%s%s", path, end) >= PATH_MAX)
		return err_set(err, TM_EINVAL, "the path %.400s is too long", path);
	return 0;
}

static int sync_path(const char *path, int flags, struct err *err)
{
	int fd = open(path, flags | O_CLOEXEC);
	int rc = fd >= 0 && fsync(fd) == 0 ? 0 : failed(path, err);

	if (fd >= 0)
		close(fd);
	return rc;
}

static int sync_folder_of(const char *path, struct err *err)
{
	char folder[PATH_MAX];
	char *slash;

	snprintf(folder, sizeof folder, "%s", path);
	slash = strrchr(folder, '/');
	if (slash == NULL)
		return 0;
	slash[slash == folder] = '\0';
	return sync_path(folder, O_RDONLY | O_DIRECTORY, err);
}

static bool go_on(void *data, int done, int total)
{
	struct backup *backup = data;
	const struct backup_order *order = &backup->order;

	atomic_store(&backup->total, total);
	atomic_store(&backup->done, done);
	backup->too_long = order->wal_limit > 0 &&
			   store_wal_size(order->store) > order->wal_limit * TIMES_THE_LIMIT;
	return !backup->too_long && (order->stop == NULL || !atomic_load(order->stop));
}

/* From the file beside to the name, which must still be free. */
static int publish(const char *part, const char *path, struct err *err)
{
	int rc = sync_path(part, O_RDWR, err);

	if (rc == 0 && renameat2(AT_FDCWD, part, AT_FDCWD, path, RENAME_NOREPLACE) != 0)
		rc = failed(path, err);
	return rc == 0 ? sync_folder_of(path, err) : rc;
}

static int make_part(struct backup *backup, const char *part, struct err *err)
{
	int64_t changes = 0;
	struct err why = {0};
	struct stat facts;
	int rc = store_copy_of(backup->order.store, part, go_on, backup, &why);

	if (rc == TM_EINTR && backup->too_long)
		return err_set(err, rc,
			"so much was written meanwhile that the backup was ended; make it at a "
			"quieter time, or raise wal_limit");
	if (rc == 0)
		rc = store_examine(part, &changes, &why);
	if (rc == 0 && stat(part, &facts) != 0)
		rc = failed(part, &why);
	if (rc == 0)
		rc = publish(part, backup->path, &why);
	if (rc != 0)
		return err_set(err, rc, "%s", why.text);
	snprintf(backup->line, LINE, "%s: %lld bytes, %lld changes, good", backup->path,
		(long long)facts.st_size, (long long)changes);
	return 0;
}

static int make(struct backup *backup, struct err *err)
{
	char part[PATH_MAX], end[32];
	struct stat facts;
	int rc;

	if (lstat(backup->path, &facts) == 0)
		return err_set(
			err, TM_EINVAL, "there is something at %.400s already", backup->path);
	snprintf(end, sizeof end, ".part-%d", (int)getpid());
	rc = join(part, backup->path, end, err);
	if (rc == 0 && lstat(part, &facts) == 0)
		rc = err_set(err, TM_EBUSY, "%.400s is being made already", backup->path);
	if (rc != 0)
		return rc;
	rc = make_part(backup, part, err);
	if (rc != 0)
		unlink(part);
	return rc;
}

static int prepare(struct backup *backup, const struct backup_order *order, struct err *err)
{
	backup->order = *order;
	if (order->path[0] != '/')
		return err_set(err, TM_EINVAL, "the path of a backup must be absolute");
	return join(backup->path, order->path, "", err);
}

int backup_make(const struct backup_order *order, char *line, struct err *err)
{
	struct backup *backup = calloc(1, sizeof *backup);
	int rc =
		backup != NULL ? prepare(backup, order, err) : err_set(err, TM_ENOMEM, "no memory");

	if (rc == 0)
		rc = make(backup, err);
	if (rc == 0)
		memcpy(line, backup->line, LINE);
	free(backup);
	return rc;
}

/* In a server */

static void work(uv_work_t *request)
{
	struct backup *backup = request->data;

	backup->rc = make(backup, &backup->err);
}

static void timer_closed(uv_handle_t *handle)
{
	struct backup *backup = handle->data;
	const char *text = backup->rc == 0 ? backup->line : backup->err.text;

	backup->over(backup->data,
		&(struct task_result){.rc = backup->rc, .text = {text, strlen(text)}});
	free(backup);
}

static void worked(uv_work_t *request, int status)
{
	struct backup *backup = request->data;

	if (status != 0)
		backup->rc = err_set(&backup->err, TM_EINTR, "%s", uv_strerror(status));
	uv_close((uv_handle_t *)&backup->timer, timer_closed);
}

static void tell(uv_timer_t *timer)
{
	struct backup *backup = timer->data;
	int total = atomic_load(&backup->total), done = atomic_load(&backup->done);
	char text[64];
	int len = snprintf(
		text, sizeof text, "%3d %%", total > 0 ? (int)(100 * (int64_t)done / total) : 0);

	backup->on_text(backup->data, text, (size_t)len);
}

void backup_start(uv_loop_t *loop, const struct backup_order *order,
	void (*on_text)(void *data, const char *text, size_t len), task_done done, void *data)
{
	struct backup *backup = calloc(1, sizeof *backup);
	struct err err;
	int rc = backup != NULL ? prepare(backup, order, &err)
				: err_set(&err, TM_ENOMEM, "no memory");

	if (rc != 0) {
		free(backup);
		done(data, &(struct task_result){.rc = rc, .text = {err.text, strlen(err.text)}});
		return;
	}
	backup->on_text = on_text;
	backup->over = done;
	backup->data = data;
	backup->work.data = backup->timer.data = backup;
	uv_timer_init(loop, &backup->timer);
	uv_timer_start(&backup->timer, tell, TELL_MS, TELL_MS);
	uv_queue_work(loop, &backup->work, work, worked);
}

/* Restoring */

/* Everything that belongs to the old database is in its one file, or, when it is too broken for
 * that, its log goes aside with it. */
static int take_log_aside(const char *database, const char *aside, struct err *err)
{
	char log[PATH_MAX], log_aside[PATH_MAX];
	struct err ignored;
	int rc = join(log, database, "-wal", err);

	if (rc == 0)
		rc = join(log_aside, aside, "-wal", err);
	if (rc == 0 && link(log, log_aside) != 0 && errno != ENOENT)
		rc = failed(log_aside, err);
	if (rc == 0 && store_fold(database, &ignored) == 0)
		unlink(log_aside);
	return rc;
}

static int take_aside(const char *database, char *aside, struct err *err)
{
	time_t now = time(NULL);
	struct tm utc;
	char end[64];
	int rc;

	strftime(end, sizeof end, ".before-restore-%Y%m%dT%H%M%SZ", gmtime_r(&now, &utc));
	rc = join(aside, database, end, err);
	if (rc == 0)
		rc = take_log_aside(database, aside, err);
	if (rc == 0 && link(database, aside) != 0)
		rc = failed(aside, err);
	return rc;
}

static void remove_beside(const char *database)
{
	static const char *const ends[] = {"-wal", "-shm", "-journal"};
	struct err ignored;
	char path[PATH_MAX];

	for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++)
		if (join(path, database, ends[i], &ignored) == 0)
			unlink(path);
}

static int take_place(const char *part, const char *database, char *aside, struct err *err)
{
	int rc = sync_path(part, O_RDWR, err);

	aside[0] = '\0';
	if (rc == 0 && access(database, F_OK) == 0)
		rc = take_aside(database, aside, err);
	if (rc != 0)
		return rc;
	remove_beside(database);
	if (rename(part, database) != 0)
		return failed(database, err);
	return sync_folder_of(database, err);
}

int backup_restore(const char *database, const char *path, char *line, struct err *err)
{
	char part[PATH_MAX], aside[PATH_MAX];
	int64_t changes = 0;
	struct err why = {0};
	int rc = access(path, R_OK) == 0 ? join(part, database, ".restoring", err)
					 : failed(path, err);

	if (rc != 0)
		return rc;
	unlink(part); /* of a restore that was killed */
	rc = store_copy(path, part, NULL, NULL, &why);
	if (rc == 0)
		rc = store_examine(part, &changes, &why);
	if (rc != 0) {
		unlink(part);
		return err_set(err, rc, "%.200s cannot be restored: %.250s", path, why.text);
	}
	rc = take_place(part, database, aside, err);
	if (rc != 0)
		unlink(part);
	else
		snprintf(line, LINE, "%lld changes restored%s%s", (long long)changes,
			aside[0] != '\0' ? "; the database before is " : "", aside);
	return rc;
}
