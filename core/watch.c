#include "watch.h"

#include "base/log.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* How long it must be quiet before a change is told, since editors write a file in several steps;
 * and how long that may put it off, for a program that writes on and on. */
enum { QUIET_MS = 60, PATIENCE_MS = 1000, MAX_FOLDERS = 4096, MAX_DEPTH = 16 };

struct folder {
	uv_fs_event_t event; /* must be first */
	struct folder *next;
};

struct watch {
	uv_loop_t *loop;
	uv_timer_t quiet;
	uint64_t first; /* when the change began that is not told yet */
	char **roots;
	struct folder *folders;
	unsigned count;
	void (*changed)(void *data);
	void *data;
};

static void on_quiet(uv_timer_t *timer)
{
	struct watch *watch = timer->data;

	watch->changed(watch->data);
}

static void on_event(uv_fs_event_t *event, const char *name, int events, int status)
{
	struct watch *watch = event->data;

	(void)events;
	if (status != 0 || (name != NULL && name[0] == '.'))
		return;
	if (!uv_is_active((uv_handle_t *)&watch->quiet))
		watch->first = uv_now(watch->loop);
	else if (uv_now(watch->loop) - watch->first > PATIENCE_MS)
		return;
	uv_timer_start(&watch->quiet, on_quiet, QUIET_MS, 0);
}

static void folder_closed(uv_handle_t *handle)
{
	free(handle);
}

static void forget_folders(struct watch *watch)
{
	while (watch->folders != NULL) {
		struct folder *folder = watch->folders;

		watch->folders = folder->next;
		uv_close((uv_handle_t *)&folder->event, folder_closed);
	}
	watch->count = 0;
}

static void add_folder(struct watch *watch, const char *path)
{
	struct folder *folder = calloc(1, sizeof *folder);

	if (folder == NULL)
		return;
	uv_fs_event_init(watch->loop, &folder->event);
	folder->event.data = watch;
	folder->next = watch->folders;
	watch->folders = folder;
	watch->count++;
	if (uv_fs_event_start(&folder->event, on_event, path, 0) != 0)
		log_event(LOG_WARN, "watch", "%s cannot be watched", path);
}

/* Links are followed, as they are where the sources are read. */
static bool is_folder(const char *path, unsigned char type)
{
	struct stat facts;

	if (type != DT_LNK && type != DT_UNKNOWN)
		return type == DT_DIR;
	return stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
}

static void add_tree(struct watch *watch, const char *path, int depth)
{
	DIR *dir = depth < MAX_DEPTH && watch->count < MAX_FOLDERS ? opendir(path) : NULL;
	struct dirent *entry;
	char below[PATH_MAX];

	if (dir == NULL)
		return;
	add_folder(watch, path);
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.' &&
			snprintf(below, sizeof below, "%s/%s", path, entry->d_name) <
				(int)sizeof below &&
			is_folder(below, entry->d_type))
			add_tree(watch, below, depth + 1);
	}
	closedir(dir);
}

void watch_refresh(struct watch *watch)
{
	forget_folders(watch);
	for (char **root = watch->roots; *root != NULL; root++)
		add_tree(watch, *root, 0);
}

static char **copy_list(char **list)
{
	size_t count = 0;
	char **copy;

	while (list[count] != NULL)
		count++;
	copy = calloc(count + 1, sizeof *copy);
	for (size_t i = 0; copy != NULL && i < count; i++)
		copy[i] = strdup(list[i]);
	return copy;
}

int watch_start(struct watch **made, uv_loop_t *loop, char **folders, void (*changed)(void *data),
	void *data, struct err *err)
{
	struct watch *watch = calloc(1, sizeof *watch);

	if (watch == NULL)
		return err_set(err, TM_ENOMEM, "no memory");
	*watch = (struct watch){
		.loop = loop, .changed = changed, .data = data, .roots = copy_list(folders)};
	if (watch->roots == NULL) {
		free(watch);
		return err_set(err, TM_ENOMEM, "no memory");
	}
	uv_timer_init(loop, &watch->quiet);
	watch->quiet.data = watch;
	watch_refresh(watch);
	*made = watch;
	return 0;
}

static void timer_closed(uv_handle_t *handle)
{
	struct watch *watch = handle->data;

	for (char **root = watch->roots; *root != NULL; root++)
		free(*root);
	free(watch->roots);
	free(watch);
}

void watch_stop(struct watch *watch)
{
	if (watch == NULL)
		return;
	forget_folders(watch);
	uv_close((uv_handle_t *)&watch->quiet, timer_closed);
}
