/* tests/support/fault_vfs.h: a file layer for SQLite that forgets, fills up, waits and fails when
 * told to.
 *
 * It lies over the default VFS and takes its place. The bytes of databases, write-ahead logs and
 * journals stay in this process's memory, seen by all its handles, and reach the real file only at
 * xSync: a process that is killed has lost what it did not sync, as a machine without power has.
 * Deletions take place at once. The shared memory of a write-ahead log passes through; the first to
 * open it after a crash makes it anew.
 *
 * A process that forks must have no database open. Any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define FAULT_NO_LIMIT INT64_C(-1)

/* Makes the layer the default, before the first database is opened. Returns SQLite's code. */
int fault_vfs_register(void);

/* How many bytes all files together may still grow; a write beyond it gets SQLITE_FULL. Overwriting
 * is free, and what is cut off or deleted does not come back. */
void fault_vfs_room(int64_t bytes);

/* Lets the sync of each commit wait until fault_vfs_release. */
void fault_vfs_hold(void);
void fault_vfs_release(void);
/* How many are waiting now. */
unsigned fault_vfs_held(void);

enum fault_kind {
	FAULT_WRITE,      /* any write: half of it arrives */
	FAULT_SYNC,       /* the sync of a commit, after the bytes have reached the file */
	FAULT_CHECKPOINT, /* any other sync */
	FAULT_MEMORY,     /* an allocation of SQLite's (fault_memory.h) */
	FAULT_KINDS
};

/* After `skip` more calls of that kind, lets `count` fail. Replaces what was said of the kind
 * before. */
void fault_vfs_fail(enum fault_kind kind, unsigned skip, unsigned count);
/* Counts one call of that kind: whether it must fail. */
bool fault_vfs_fails(enum fault_kind kind);
/* How many calls have failed since the start. */
unsigned fault_vfs_failures(void);

/* Ends the process as a crash of the machine does: of the 512-byte sectors that were written and
 * not synced a random choice is on the disk, as is or is not what was cut off. */
void fault_vfs_crash(unsigned seed) __attribute__((noreturn));

/* How many commits were synced since the start. */
unsigned fault_vfs_syncs(void);

/* Moves what is committed from the log of the database at `path` into the database, as far as its
 * readers allow (wal_checkpoint(PASSIVE)), also while syncs are held. Returns SQLite's code. */
int fault_vfs_checkpoint(const char *path);
