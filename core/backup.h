/* core/backup.h: the whole of a tenant's database as one file, and back.
 *
 * A backup is copied page by page from one moment of the database, off the lane, into a file beside
 * its place (0600), examined (SQLite's integrity_check, the chain of the change log), synced, and
 * only then renamed to its name, where nothing may be yet. It holds the tenant's keys.
 *
 * A restore copies the file, examines the copy, and puts it into the database's place; the database
 * that was there stays beside it as tenant.db.before-restore-TIME. Whatever fails before leaves
 * everything as it was. */
#pragma once

#include "script/state.h"
#include "store/store.h"

#include <limits.h>
#include <stdatomic.h>
#include <uv.h>

struct backup_order {
	struct store *store;
	const char *path;        /* absolute; copied */
	int64_t wal_limit;       /* bytes: a log that grows far past it ends the backup; 0: none */
	const atomic_bool *stop; /* ends the backup; or NULL */
};

/* Makes a backup on a thread of `loop`'s pool; `on_text` tells now and then how far it is, `done`
 * gets one line that says what was made. */
void backup_start(uv_loop_t *loop, const struct backup_order *order,
	void (*on_text)(void *data, const char *text, size_t len), task_done done, void *data);

/* The same here and now. `line` has room for PATH_MAX + 128 bytes. */
int backup_make(const struct backup_order *order, char *line, struct err *err);

/* Puts the backup at `path` into the place of a tenant's database, which no other process may have
 * open. `line` as above. */
int backup_restore(const char *database, const char *path, char *line, struct err *err);
