#include "support/fault_vfs.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 512 /* what a disk writes whole */
#define KEPT                                                                                       \
	(SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL |                        \
		SQLITE_OPEN_SUPER_JOURNAL)

/* A file as the process sees it: all its bytes, and which of its blocks the real file lacks. */
struct node {
	struct node *next;
	unsigned handles;
	unsigned char *data;
	unsigned char *dirty; /* one for each block */
	int64_t size, room;
	int64_t real_size; /* of the real file */
	int64_t cut; /* the least size since the last sync: the real file is cut there first */
	char path[];
};

struct handle {
	sqlite3_file base;
	struct node *node;
	bool log;
	_Alignas(8) unsigned char real[];
};

static sqlite3_vfs *below;
static sqlite3_vfs layer;

/* Guards all that follows and all nodes. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t released = PTHREAD_COND_INITIALIZER;
static struct node *nodes;
static int64_t growth = FAULT_NO_LIMIT;
static bool holding;
static unsigned held, syncs;

/* What is to fail, under a lock of its own: SQLite allocates memory inside the layer's calls. */
static pthread_mutex_t fail_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned failures;
static struct {
	unsigned skip, count;
} failing[FAULT_KINDS];

/* Whether this thread holds SQLite's lock for checkpoints: its syncs are not those of a commit. */
static _Thread_local bool checkpoints;

bool fault_vfs_fails(enum fault_kind kind)
{
	bool fails = false;

	pthread_mutex_lock(&fail_lock);
	if (failing[kind].count > 0 && failing[kind].skip > 0) {
		failing[kind].skip--;
	} else if (failing[kind].count > 0) {
		failing[kind].count--;
		failures++;
		fails = true;
	}
	pthread_mutex_unlock(&fail_lock);
	return fails;
}

static sqlite3_file *real_of(sqlite3_file *file)
{
	return (sqlite3_file *)(void *)((struct handle *)file)->real;
}

static struct node *node_of(sqlite3_file *file)
{
	return ((struct handle *)file)->node;
}

static struct node *find(const char *path)
{
	struct node *node = nodes;

	while (node != NULL && strcmp(node->path, path) != 0)
		node = node->next;
	return node;
}

static void unlink_node(struct node *node)
{
	struct node **at = &nodes;

	while (*at != NULL && *at != node)
		at = &(*at)->next;
	if (*at != NULL)
		*at = node->next;
}

static void free_node(struct node *node)
{
	unlink_node(node);
	free(node->data);
	free(node->dirty);
	free(node);
}

static int64_t blocks(int64_t size)
{
	return (size + BLOCK - 1) / BLOCK;
}

static bool is_clean(const struct node *node)
{
	return node->cut == node->real_size && node->size == node->real_size &&
	       (node->size == 0 || memchr(node->dirty, 1, (size_t)blocks(node->size)) == NULL);
}

static int make_room(struct node *node, int64_t size)
{
	int64_t room = node->room ? node->room : 16 * BLOCK;
	unsigned char *grown;

	if (size <= node->room)
		return SQLITE_OK;
	while (room < size)
		room *= 2;
	if ((grown = realloc(node->data, (size_t)room)) == NULL)
		return SQLITE_IOERR_NOMEM;
	node->data = grown;
	if ((grown = realloc(node->dirty, (size_t)blocks(room))) == NULL)
		return SQLITE_IOERR_NOMEM;
	node->dirty = grown;
	memset(node->dirty + blocks(node->room), 0, (size_t)(blocks(room) - blocks(node->room)));
	node->room = room;
	return SQLITE_OK;
}

static void mark_dirty(struct node *node, int64_t from, int64_t to)
{
	if (from < to)
		memset(node->dirty + from / BLOCK, 1, (size_t)(blocks(to) - from / BLOCK));
}

/* Reads the real file into a new node. */
static int load(struct node **out, const char *path, sqlite3_file *real)
{
	struct node *node = calloc(1, sizeof *node + strlen(path) + 1);
	sqlite3_int64 size = 0;
	int rc;

	if (node == NULL)
		return SQLITE_IOERR_NOMEM;
	strcpy(node->path, path);
	rc = real->pMethods->xFileSize(real, &size);
	if (rc == SQLITE_OK)
		rc = make_room(node, size + 1);
	for (int64_t at = 0; rc == SQLITE_OK && at < size; at += BLOCK)
		rc = real->pMethods->xRead(
			real, node->data + at, (int)(size - at < BLOCK ? size - at : BLOCK), at);
	if (rc != SQLITE_OK) {
		free_node(node);
		return rc;
	}
	node->size = node->real_size = node->cut = size;
	node->next = nodes;
	nodes = node;
	*out = node;
	return SQLITE_OK;
}

/* How many blocks from `block` on are dirty without a gap; no more than SQLite's own layer takes at
 * once. */
static int64_t dirty_run(const struct node *node, int64_t block)
{
	int64_t end = block;

	while (end < blocks(node->size) && end - block < 128 && node->dirty[end])
		end++;
	return end - block;
}

/* Brings the real file up to what the process sees: first the cut, then the blocks from front to
 * back. */
static int give(struct node *node, sqlite3_file *real)
{
	int rc = SQLITE_OK;

	if (node->cut < node->real_size) {
		rc = real->pMethods->xTruncate(real, node->cut);
		node->real_size = node->cut;
	}
	for (int64_t block = 0; rc == SQLITE_OK && block < blocks(node->size); block++) {
		int64_t at = block * BLOCK, run = dirty_run(node, block);
		int64_t len = node->size - at < run * BLOCK ? node->size - at : run * BLOCK;

		if (run == 0)
			continue;
		rc = real->pMethods->xWrite(real, node->data + at, (int)len, at);
		if (rc == SQLITE_OK)
			memset(node->dirty + block, 0, (size_t)run);
		block += run - 1;
	}
	if (rc == SQLITE_OK)
		node->real_size = node->cut = node->size;
	return rc;
}

static int file_close(sqlite3_file *file)
{
	struct node *node = node_of(file);
	int rc;

	pthread_mutex_lock(&lock);
	rc = real_of(file)->pMethods->xClose(real_of(file));
	if (--node->handles == 0 && (is_clean(node) || find(node->path) != node))
		free_node(node);
	pthread_mutex_unlock(&lock);
	return rc;
}

static int file_read(sqlite3_file *file, void *to, int len, sqlite3_int64 at)
{
	struct node *node = node_of(file);
	int64_t there;

	pthread_mutex_lock(&lock);
	there = node->size - at;
	there = there < 0 ? 0 : there < len ? there : len;
	if (there > 0)
		memcpy(to, node->data + at, (size_t)there);
	pthread_mutex_unlock(&lock);
	memset((char *)to + there, 0, (size_t)(len - there));
	return there < len ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

static int write_node(struct node *node, const void *from, int len, int64_t at)
{
	int64_t end = at + len, more = end > node->size ? end - node->size : 0;
	int rc;

	if (growth != FAULT_NO_LIMIT && more > growth)
		return SQLITE_FULL;
	rc = make_room(node, end);
	if (rc != SQLITE_OK)
		return rc;
	if (at > node->size) {
		memset(node->data + node->size, 0, (size_t)(at - node->size));
		mark_dirty(node, node->size, at);
	}
	memcpy(node->data + at, from, (size_t)len);
	mark_dirty(node, at, end);
	node->size += more;
	if (growth != FAULT_NO_LIMIT)
		growth -= more;
	return SQLITE_OK;
}

static int file_write(sqlite3_file *file, const void *from, int len, sqlite3_int64 at)
{
	int rc;

	pthread_mutex_lock(&lock);
	if (fault_vfs_fails(FAULT_WRITE)) {
		write_node(node_of(file), from, len / 2, at);
		rc = SQLITE_IOERR_WRITE;
	} else {
		rc = write_node(node_of(file), from, len, at);
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct node *node = node_of(file);

	pthread_mutex_lock(&lock);
	if (size < node->size) {
		memset(node->dirty + blocks(size), 0, (size_t)(blocks(node->size) - blocks(size)));
		node->size = size;
	}
	if (size < node->cut)
		node->cut = size;
	pthread_mutex_unlock(&lock);
	return SQLITE_OK;
}

static void wait_while_held(void)
{
	held++;
	while (holding)
		pthread_cond_wait(&released, &lock);
	held--;
}

static int file_sync(sqlite3_file *file, int flags)
{
	struct handle *handle = (struct handle *)file;
	sqlite3_file *real = real_of(file);
	bool commits = handle->log && !checkpoints;
	int rc;

	pthread_mutex_lock(&lock);
	if (commits)
		wait_while_held();
	rc = give(handle->node, real);
	if (rc == SQLITE_OK)
		rc = real->pMethods->xSync(real, flags);
	if (rc == SQLITE_OK && fault_vfs_fails(commits ? FAULT_SYNC : FAULT_CHECKPOINT))
		rc = SQLITE_IOERR_FSYNC;
	else if (rc == SQLITE_OK && commits)
		syncs++;
	pthread_mutex_unlock(&lock);
	return rc;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
	pthread_mutex_lock(&lock);
	*size = node_of(file)->size;
	pthread_mutex_unlock(&lock);
	return SQLITE_OK;
}

static int file_lock(sqlite3_file *file, int level)
{
	return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int file_unlock(sqlite3_file *file, int level)
{
	return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int file_reserved(sqlite3_file *file, int *reserved)
{
	return real_of(file)->pMethods->xCheckReservedLock(real_of(file), reserved);
}

/* What would touch the real file's size or map it is kept from it. */
static int file_control(sqlite3_file *file, int op, void *arg)
{
	if (op == SQLITE_FCNTL_SIZE_HINT || op == SQLITE_FCNTL_CHUNK_SIZE)
		return SQLITE_OK;
	if (op == SQLITE_FCNTL_MMAP_SIZE)
		return SQLITE_NOTFOUND;
	return real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}

static int file_sector(sqlite3_file *file)
{
	return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int file_traits(sqlite3_file *file)
{
	return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
	return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, out);
}

/* The lock at 1 is that of checkpoints (wal.c in SQLite: WAL_CKPT_LOCK). */
static int shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
	int rc = real_of(file)->pMethods->xShmLock(real_of(file), offset, count, flags);

	if (rc == SQLITE_OK && offset <= 1 && offset + count > 1 && flags & SQLITE_SHM_EXCLUSIVE)
		checkpoints = flags & SQLITE_SHM_LOCK;
	return rc;
}

static void shm_barrier(sqlite3_file *file)
{
	real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int shm_unmap(sqlite3_file *file, int remove)
{
	return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2, /* no mapping of the file */
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_reserved,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_traits,
	.xShmMap = shm_map,
	.xShmLock = shm_lock,
	.xShmBarrier = shm_barrier,
	.xShmUnmap = shm_unmap,
};

static int open_kept(struct handle *handle, const char *path, int flags, int *out_flags)
{
	sqlite3_file *real = (sqlite3_file *)(void *)handle->real;
	int rc = below->xOpen(below, path, real, flags, out_flags);

	if (rc != SQLITE_OK)
		return rc;
	handle->log = flags & SQLITE_OPEN_WAL;
	handle->node = find(path);
	if (handle->node == NULL)
		rc = load(&handle->node, path, real);
	if (rc != SQLITE_OK) {
		real->pMethods->xClose(real);
		return rc;
	}
	handle->node->handles++;
	handle->base.pMethods = &methods;
	return SQLITE_OK;
}

static int layer_open(
	sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out_flags)
{
	int rc;

	(void)vfs;
	if (path == NULL || !(flags & KEPT))
		return below->xOpen(below, path, file, flags, out_flags);
	file->pMethods = NULL;
	pthread_mutex_lock(&lock);
	memset(((struct handle *)file)->real, 0, (size_t)below->szOsFile);
	rc = open_kept((struct handle *)file, path, flags, out_flags);
	pthread_mutex_unlock(&lock);
	return rc;
}

static int layer_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
	struct node *node;

	(void)vfs;
	pthread_mutex_lock(&lock);
	node = find(path);
	if (node != NULL && node->handles == 0)
		free_node(node);
	else if (node != NULL)
		unlink_node(node);
	pthread_mutex_unlock(&lock);
	return below->xDelete(below, path, sync_folder);
}

/* The default VFS takes an empty file for a missing one, and the real file may still be empty. */
static int layer_access(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
	struct node *node;
	int rc = below->xAccess(below, path, flags, out);

	(void)vfs;
	pthread_mutex_lock(&lock);
	node = find(path);
	if (rc == SQLITE_OK && flags == SQLITE_ACCESS_EXISTS && node != NULL)
		*out = node->size > 0;
	pthread_mutex_unlock(&lock);
	return rc;
}

static int layer_full_path(sqlite3_vfs *vfs, const char *path, int room, char *out)
{
	(void)vfs;
	return below->xFullPathname(below, path, room, out);
}

int fault_vfs_register(void)
{
	assert(below == NULL);
	below = sqlite3_vfs_find(NULL);
	layer = *below;
	layer.pNext = NULL;
	layer.zName = "fault";
	layer.szOsFile = (int)sizeof(struct handle) + below->szOsFile;
	layer.xOpen = layer_open;
	layer.xDelete = layer_delete;
	layer.xAccess = layer_access;
	layer.xFullPathname = layer_full_path;
	return sqlite3_vfs_register(&layer, 1);
}

void fault_vfs_room(int64_t bytes)
{
	pthread_mutex_lock(&lock);
	growth = bytes;
	pthread_mutex_unlock(&lock);
}

void fault_vfs_hold(void)
{
	pthread_mutex_lock(&lock);
	holding = true;
	pthread_mutex_unlock(&lock);
}

void fault_vfs_release(void)
{
	pthread_mutex_lock(&lock);
	holding = false;
	pthread_cond_broadcast(&released);
	pthread_mutex_unlock(&lock);
}

unsigned fault_vfs_held(void)
{
	unsigned count;

	pthread_mutex_lock(&lock);
	count = held;
	pthread_mutex_unlock(&lock);
	return count;
}

void fault_vfs_fail(enum fault_kind kind, unsigned skip, unsigned count)
{
	pthread_mutex_lock(&fail_lock);
	failing[kind].skip = skip;
	failing[kind].count = count;
	pthread_mutex_unlock(&fail_lock);
}

unsigned fault_vfs_failures(void)
{
	unsigned count;

	pthread_mutex_lock(&fail_lock);
	count = failures;
	pthread_mutex_unlock(&fail_lock);
	return count;
}

static void put(int fd, const unsigned char *from, int64_t len, int64_t at)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, from, (size_t)len, at);

		if (n <= 0)
			abort();
		from += n;
		len -= n;
		at += n;
	}
}

static bool tossed(unsigned *seed)
{
	return rand_r(seed) >> 8 & 1;
}

/* Brings some of what the real file lacks into it: the cut or not, then a random choice of blocks.
 */
static void give_some(struct node *node, unsigned *seed)
{
	int fd = is_clean(node) ? -1 : open(node->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return;
	if (node->cut < node->real_size && tossed(seed) && ftruncate(fd, node->cut) != 0)
		abort();
	for (int64_t block = 0; block < blocks(node->size); block++) {
		int64_t at = block * BLOCK;

		if (node->dirty[block] && tossed(seed))
			put(fd, node->data + at, node->size - at < BLOCK ? node->size - at : BLOCK,
				at);
	}
	close(fd);
}

void fault_vfs_crash(unsigned seed)
{
	pthread_mutex_lock(&lock);
	for (struct node *node = nodes; node != NULL; node = node->next)
		give_some(node, &seed);
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

unsigned fault_vfs_syncs(void)
{
	unsigned count;

	pthread_mutex_lock(&lock);
	count = syncs;
	pthread_mutex_unlock(&lock);
	return count;
}

int fault_vfs_checkpoint(const char *path)
{
	sqlite3 *db = NULL;
	int rc;

	rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(db, 5000);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	sqlite3_close(db);
	return rc;
}
