#include "descriptors.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

/* A worker has its loop; besides there are the sources that are being read, imports, and those who
 * ask at admin.sock. A tenant that is open has threads and loops of its own, and in each of them
 * and in each worker a connection to its store: some 25, and with each worker some 4 more. FEWEST:
 * what a browser opens at once. */
enum { OF_PROCESS = 64, OF_WORKER = 16, OF_TENANT = 24, OF_TENANT_AND_WORKER = 8, FEWEST = 8 };

int descriptors_for_clients(
	int workers, int tenants, unsigned most, unsigned *each, struct err *err)
{
	rlim_t threads = (rlim_t)workers;
	rlim_t own = OF_PROCESS + threads * OF_WORKER +
		     (rlim_t)tenants * (OF_TENANT + threads * OF_TENANT_AND_WORKER);
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
			"the process may open %llu files only (ulimit -n); with %d workers and %d "
			"tenants open at once it needs %llu at least",
			(unsigned long long)limit.rlim_cur, workers, tenants,
			(unsigned long long)(own + threads * FEWEST));
	*each = limit.rlim_cur >= useful ? most : (unsigned)((limit.rlim_cur - own) / threads);
	return 0;
}
