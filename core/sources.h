/* core/sources.h: the sources of generations that have served, and the list of them, on disk.
 *
 *   FOLDER/HASH       one generation, whole (generation_pack): its name is the
 *                     BLAKE2b-256 of its bytes
 *   FOLDER/list.json  what core/generations.c writes down
 *
 * A file gets its name when all of it is on disk, so that whoever is killed leaves no half. Any
 * thread, but one at a time. */
#pragma once

#include "base/buf.h"
#include "script/generation.h"

/* Makes the folder where it is missing. */
int sources_open(const char *folder, struct err *err);

/* Keeps a generation, unless it is kept already. */
int sources_keep(const char *folder, const struct generation *gen, struct err *err);

/* Reads one back, and makes sure that it is the one. */
int sources_find(const char *folder, const char *hash, struct generation **gen, struct err *err);

/* Replaces the list, and removes what is no generation among `hashes` (NULL-terminated). */
int sources_note(const char *folder, const char *list, char *const *hashes, struct err *err);

/* Reads the list into `list`. TM_ENOENT: there is none yet. */
int sources_list(const char *folder, struct buf *list, struct err *err);
