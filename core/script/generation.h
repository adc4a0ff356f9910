/* core/script/generation.h: one immutable set of sources, with its hash.
 *
 * It holds the text of scripts/, plugins/ and the client packs as they were when it was read: every
 * state of the generation is made from these bytes, never from the disk again. Counted; shared
 * between threads. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct generation;

struct generation_file {
	const char *path; /* "scripts/main.lua", "plugins/NAME/rules.lua",
			     "config/clients/demo/pack.lua" */
	const char *text; /* NUL-terminated, but may hold NULs */
	size_t len;
};

struct generation_source {
	const char *root; /* a folder on disk */
	const char *name; /* how its paths begin: "scripts", "plugins", "config/clients/demo" */
};

/* Reads all files below the roots (dot files are passed over; a file may have at most 16 MiB), and
 * hashes paths and texts (BLAKE2b-256). `settings` (JSON, handed to main.lua) is part of it and of
 * the hash. */
int generation_read(struct generation **gen, const struct generation_source *sources,
	unsigned count, const char *settings, struct err *err);

/* Appends the whole generation, in the form whose BLAKE2b-256 is its hash; and makes one of that,
 * whose hash the caller compares with what it asked for. */
void generation_pack(const struct generation *gen, struct buf *to);
int generation_unpack(struct generation **gen, const char *bytes, size_t len, struct err *err);

/* Notes that a state of it has been loaded: what is checked in it once need not be checked again.
 * Any thread. */
void generation_passed(struct generation *gen);
bool generation_has_passed(const struct generation *gen);

struct generation *generation_take(struct generation *gen);
void generation_drop(struct generation *gen);

const char *generation_hash(const struct generation *gen); /* 64 hex digits */
const char *generation_settings(const struct generation *gen);
unsigned generation_file_count(const struct generation *gen);
const struct generation_file *generation_file_at(const struct generation *gen, unsigned i);
/* NULL when there is none. */
const struct generation_file *generation_find(const struct generation *gen, const char *path);
