#include "descriptors.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

/* A thread has its loop and its connection to the store; besides there are the sources that are
 * being read, imports, and those who ask at admin.sock. FEWEST: what a browser opens at once. */
enum { OF_PROCESS = 64, OF_THREAD = 16, FEWEST = 8 };

int descriptors_for_clients(int workers, unsigned most, unsigned *each, struct err *err)
{
	rlim_t threads = (rlim_t)workers;
	rlim_t own = OF_PROCESS + threads * OF_THREAD;
	rlim_t useful = own + threads * most;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return err_set(err, TM_EIO, "the limit of open files: %s", strerror(errno));
	if (limit.rlim_cur < useful && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = useful < limit.rlim_max ? useful : limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
			return err_set(err, TM_EIO, "the limit of open files: %s", strerror(errno));
	}
	if (limit.rlim_cur < own + threads * FEWEST)
		return err_set(err, TM_EINVAL,
			"the process may open %llu files only (ulimit -n); with %d workers it "
			"needs %llu at least",
			(unsigned long long)limit.rlim_cur, workers,
			(unsigned long long)(own + threads * FEWEST));
	*each = limit.rlim_cur >= useful ? most : (unsigned)((limit.rlim_cur - own) / threads);
	return 0;
}
