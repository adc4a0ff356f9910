#include "script/generation.h"

#include "base/buf.h"
#include "text/hash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 16 * 1024 * 1024, DEPTH_MAX = 32, PART_HEAD = 8 };

struct generation {
	atomic_uint uses;
	atomic_bool passed; /* relaxed: it saves work, and orders nothing */
	char hash[2 * HASH_BYTES + 1];
	char *settings;
	struct generation_file *files; /* sorted by path */
	unsigned count, room;
};

/* One walk: where it is on disk and how the same place is called in the generation. */
struct place {
	char *disk, *name;
};

static int no_memory(struct err *err)
{
	return err_set(err, TM_ENOMEM, "no memory to read the sources");
}

static char *joined(const char *folder, const char *name)
{
	struct buf path = BUF_EMPTY;
	char *taken;

	buf_printf(&path, "%s/%s", folder, name);
	taken = buf_take(&path, NULL);
	if (taken == NULL)
		buf_free(&path);
	return taken;
}

static int read_all(int fd, const char *path, struct buf *text, struct err *err)
{
	ssize_t n;

	do {
		char *to = buf_reserve(text, 64 * 1024);

		if (to == NULL)
			return no_memory(err);
		n = read(fd, to, 64 * 1024);
		if (n < 0 && errno != EINTR)
			return err_set(err, TM_EIO, "%s: %s", path, strerror(errno));
		if (n > 0)
			text->len += (size_t)n;
		if (text->len > FILE_MAX)
			return err_set(err, TM_EINVAL, "%s: larger than 16 MiB", path);
	} while (n != 0);
	return 0;
}

static struct generation_file *add_file(struct generation *gen)
{
	unsigned room = gen->room ? 2 * gen->room : 64;
	struct generation_file *grown;

	if (gen->count == gen->room) {
		grown = realloc(gen->files, room * sizeof *grown);
		if (grown == NULL)
			return NULL;
		gen->files = grown;
		gen->room = room;
	}
	return &gen->files[gen->count];
}

/* Takes the name of `place` on success. */
static int read_one(struct generation *gen, struct place *place, struct err *err)
{
	struct generation_file *file = add_file(gen);
	struct buf text = BUF_EMPTY;
	int fd = -1, rc;

	if (file == NULL)
		return no_memory(err);
	fd = open(place->disk, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, TM_EIO, "%s: %s", place->name, strerror(errno));
	rc = read_all(fd, place->name, &text, err);
	close(fd);
	if (rc == 0) {
		file->text = buf_take(&text, &file->len);
		rc = file->text == NULL ? no_memory(err) : 0;
	}
	if (rc == 0) {
		file->path = place->name;
		place->name = NULL;
		gen->count++;
	}
	buf_free(&text);
	return rc;
}

static int read_folder(
	struct generation *gen, const char *disk, const char *name, int depth, struct err *err);

static int read_place(struct generation *gen, struct place *place, int depth, struct err *err)
{
	struct stat about;

	if (stat(place->disk, &about) != 0)
		return err_set(err, TM_EIO, "%s: %s", place->name, strerror(errno));
	if (S_ISDIR(about.st_mode))
		return read_folder(gen, place->disk, place->name, depth + 1, err);
	if (S_ISREG(about.st_mode))
		return read_one(gen, place, err);
	return 0;
}

static int read_folder(
	struct generation *gen, const char *disk, const char *name, int depth, struct err *err)
{
	struct dirent *entry;
	DIR *folder;
	int rc = 0;

	if (depth > DEPTH_MAX)
		return err_set(
			err, TM_EINVAL, "%s: folders lie too deep (a link to itself?)", name);
	folder = opendir(disk);
	if (folder == NULL)
		return err_set(
			err, errno == ENOENT ? TM_ENOENT : TM_EIO, "%s: %s", disk, strerror(errno));
	while (rc == 0 && (entry = readdir(folder)) != NULL) {
		struct place place;

		if (entry->d_name[0] == '.')
			continue;
		place.disk = joined(disk, entry->d_name);
		place.name = joined(name, entry->d_name);
		if (place.disk == NULL || place.name == NULL)
			rc = no_memory(err);
		else
			rc = read_place(gen, &place, depth, err);
		free(place.disk);
		free(place.name);
	}
	closedir(folder);
	return rc;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct generation_file *)a)->path,
		((const struct generation_file *)b)->path);
}

static int check_paths(const struct generation *gen, struct err *err)
{
	for (unsigned i = 1; i < gen->count; i++)
		if (strcmp(gen->files[i - 1].path, gen->files[i].path) == 0)
			return err_set(err, TM_EINVAL, "%s: two sources have this file",
				gen->files[i].path);
	return 0;
}

/* Goes through all that the hash covers: the settings, then path and text of each file, each behind
 * its length, so that no two sets of files read the same. */
static void each_part(const struct generation *gen,
	void (*take)(void *to, const void *bytes, size_t len), void *to)
{
	unsigned count = 1 + 2 * gen->count;

	for (unsigned i = 0; i < count; i++) {
		const struct generation_file *file = i > 0 ? &gen->files[(i - 1) / 2] : NULL;
		const char *bytes = file == NULL ? gen->settings : i % 2 ? file->path : file->text;
		size_t len = file != NULL && i % 2 == 0 ? file->len : strlen(bytes);
		unsigned char head[PART_HEAD];

		for (int k = 0; k < PART_HEAD; k++)
			head[k] = (unsigned char)((uint64_t)len >> (56 - 8 * k));
		take(to, head, sizeof head);
		take(to, bytes, len);
	}
}

static void add_to_hash(void *hash, const void *bytes, size_t len)
{
	hash_add(hash, bytes, len);
}

static void add_to_buf(void *buf, const void *bytes, size_t len)
{
	buf_append(buf, bytes, len);
}

static void make_hash(struct generation *gen)
{
	unsigned char out[HASH_BYTES];
	struct hash hash;

	hash_init(&hash, NULL, 0);
	each_part(gen, add_to_hash, &hash);
	hash_end(&hash, out);
	hash_hex(gen->hash, out, sizeof out);
}

static void generation_free(struct generation *gen)
{
	for (unsigned i = 0; i < gen->count; i++) {
		free((char *)gen->files[i].path);
		free((char *)gen->files[i].text);
	}
	free(gen->files);
	free(gen->settings);
	free(gen);
}

int generation_read(struct generation **made, const struct generation_source *sources,
	unsigned count, const char *settings, struct err *err)
{
	struct generation *gen = calloc(1, sizeof *gen);
	int rc;

	*made = NULL;
	if (gen == NULL)
		return no_memory(err);
	atomic_init(&gen->uses, 1);
	gen->settings = strdup(settings);
	rc = gen->settings == NULL ? no_memory(err) : 0;
	for (unsigned i = 0; rc == 0 && i < count; i++)
		rc = read_folder(gen, sources[i].root, sources[i].name, 0, err);
	if (rc != 0)
		goto out;
	if (gen->count > 0)
		qsort(gen->files, gen->count, sizeof *gen->files, by_path);
	rc = check_paths(gen, err);
	if (rc != 0)
		goto out;
	make_hash(gen);
	*made = gen;
	return 0;
out:
	generation_free(gen);
	return rc;
}

void generation_pack(const struct generation *gen, struct buf *to)
{
	each_part(gen, add_to_buf, to);
}

/* Takes the next part, as a text of its own; NULL when there is none, or no memory. */
static char *next_part(const char **at, const char *end, size_t *len)
{
	uint64_t size = 0;
	char *text;

	if (end - *at < PART_HEAD)
		return NULL;
	for (int k = 0; k < PART_HEAD; k++)
		size = size << 8 | (unsigned char)(*at)[k];
	*at += PART_HEAD;
	if (size > (uint64_t)(end - *at) || (text = malloc(size + 1)) == NULL)
		return NULL;
	memcpy(text, *at, size);
	text[size] = '\0';
	*at += size;
	*len = size;
	return text;
}

static int next_file(struct generation *gen, const char **at, const char *end)
{
	struct generation_file *file = add_file(gen);
	size_t ignored;

	if (file == NULL)
		return TM_ENOMEM;
	file->path = next_part(at, end, &ignored);
	file->text = next_part(at, end, &file->len);
	gen->count++;
	return file->path != NULL && file->text != NULL ? 0 : TM_EINVAL;
}

int generation_unpack(struct generation **made, const char *bytes, size_t len, struct err *err)
{
	struct generation *gen = calloc(1, sizeof *gen);
	const char *at = bytes, *end = bytes + len;
	size_t ignored;
	int rc = 0;

	*made = NULL;
	if (gen == NULL)
		return no_memory(err);
	atomic_init(&gen->uses, 1);
	gen->settings = next_part(&at, end, &ignored);
	if (gen->settings == NULL)
		rc = TM_EINVAL;
	while (rc == 0 && at < end)
		rc = next_file(gen, &at, end);
	if (rc != 0) {
		generation_free(gen);
		return err_set(err, rc, "the sources cannot be read");
	}
	make_hash(gen);
	*made = gen;
	return 0;
}

void generation_passed(struct generation *gen)
{
	atomic_store_explicit(&gen->passed, true, memory_order_relaxed);
}

bool generation_has_passed(const struct generation *gen)
{
	return atomic_load_explicit(&gen->passed, memory_order_relaxed);
}

struct generation *generation_take(struct generation *gen)
{
	/* Whoever takes has a use already, so nothing needs to be ordered before it. */
	atomic_fetch_add_explicit(&gen->uses, 1, memory_order_relaxed);
	return gen;
}

void generation_drop(struct generation *gen)
{
	/* Release: what this thread read is done with; acquire: the last one frees after all the
	 * others. */
	if (gen != NULL && atomic_fetch_sub_explicit(&gen->uses, 1, memory_order_acq_rel) == 1)
		generation_free(gen);
}

const char *generation_hash(const struct generation *gen)
{
	return gen->hash;
}

const char *generation_settings(const struct generation *gen)
{
	return gen->settings;
}

unsigned generation_file_count(const struct generation *gen)
{
	return gen->count;
}

const struct generation_file *generation_file_at(const struct generation *gen, unsigned i)
{
	return &gen->files[i];
}

const struct generation_file *generation_find(const struct generation *gen, const char *path)
{
	struct generation_file wanted = {.path = path};

	if (gen->count == 0)
		return NULL;
	return bsearch(&wanted, gen->files, gen->count, sizeof wanted, by_path);
}
