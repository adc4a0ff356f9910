#include "script/fuse.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* More routes than that do not break at once; the one that broke longest ago makes room. */
enum { ROUTES = 64, BREAKS = 3 };

static const int64_t minute_ns = 60 * INT64_C(1000000000);

struct fuse {
	char tenant[65];
	char route[256]; /* or a plugin, which has no blank in it: of that, the last break counts */
	int64_t breaks[BREAKS]; /* the last ones, the latest first; 0: none */
	int64_t until;
};

static struct {
	pthread_mutex_t lock;
	struct fuse fuses[ROUTES];
	/* Of any. Relaxed: a request that comes a moment too early finds things as they were. */
	_Atomic int64_t shut_until, blamed_until;
} board = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The route's fuse, or with `take` the one that is needed least. Under the lock. */
static struct fuse *find(const char *tenant, const char *route, int take)
{
	struct fuse *oldest = board.fuses;

	for (struct fuse *fuse = board.fuses; fuse < board.fuses + ROUTES; fuse++) {
		if (strncmp(fuse->route, route, sizeof fuse->route - 1) == 0 &&
			strncmp(fuse->tenant, tenant, sizeof fuse->tenant - 1) == 0)
			return fuse;
		if (fuse->breaks[0] < oldest->breaks[0])
			oldest = fuse;
	}
	if (!take)
		return NULL;
	memset(oldest, 0, sizeof *oldest);
	snprintf(oldest->route, sizeof oldest->route, "%s", route);
	snprintf(oldest->tenant, sizeof oldest->tenant, "%s", tenant);
	return oldest;
}

void fuse_count(const char *tenant, const char *route)
{
	int64_t now = clock_mono_ns();
	struct fuse *fuse;

	pthread_mutex_lock(&board.lock);
	fuse = find(tenant, route, 1);
	memmove(fuse->breaks + 1, fuse->breaks, sizeof fuse->breaks - sizeof *fuse->breaks);
	fuse->breaks[0] = now;
	if (fuse->breaks[BREAKS - 1] != 0 && now - fuse->breaks[BREAKS - 1] < minute_ns) {
		fuse->until = now + minute_ns;
		atomic_store_explicit(&board.shut_until, fuse->until, memory_order_relaxed);
	}
	pthread_mutex_unlock(&board.lock);
}

int fuse_shut(const char *tenant, const char *route)
{
	int64_t until = atomic_load_explicit(&board.shut_until, memory_order_relaxed), now;
	const struct fuse *fuse;

	if (until == 0 || (now = clock_mono_ns()) >= until)
		return 0;
	pthread_mutex_lock(&board.lock);
	fuse = find(tenant, route, 0);
	until = fuse != NULL ? fuse->until : 0;
	pthread_mutex_unlock(&board.lock);
	return until > now ? (int)((until - now) / 1000000000) + 1 : 0;
}

void fuse_blame(const char *tenant, const char *plugin)
{
	int64_t now = clock_mono_ns();

	if (plugin[0] == '\0')
		return;
	pthread_mutex_lock(&board.lock);
	find(tenant, plugin, 1)->breaks[0] = now;
	atomic_store_explicit(&board.blamed_until, now + minute_ns, memory_order_relaxed);
	pthread_mutex_unlock(&board.lock);
}

bool fuse_is_blamed(const char *tenant, const char *plugin)
{
	int64_t until = atomic_load_explicit(&board.blamed_until, memory_order_relaxed), now;
	const struct fuse *fuse;

	if (until == 0 || plugin[0] == '\0' || (now = clock_mono_ns()) >= until)
		return false;
	pthread_mutex_lock(&board.lock);
	fuse = find(tenant, plugin, 0);
	until = fuse != NULL ? fuse->breaks[0] + minute_ns : 0;
	pthread_mutex_unlock(&board.lock);
	return until > now;
}

void fuse_write(struct buf *out)
{
	int64_t now = clock_mono_ns();

	buf_puts(out,
		"# HELP tidemill_route_shut Routes that broke their budget again and again, and "
		"are answered 503 for a minute.\n# TYPE tidemill_route_shut gauge\n");
	pthread_mutex_lock(&board.lock);
	for (const struct fuse *fuse = board.fuses; fuse < board.fuses + ROUTES; fuse++)
		if (fuse->until > now)
			buf_printf(out, "tidemill_route_shut{tenant=\"%s\",route=\"%s\"} 1\n",
				fuse->tenant, fuse->route);
	pthread_mutex_unlock(&board.lock);
}
