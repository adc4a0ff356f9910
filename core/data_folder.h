/* core/data_folder.h: the folder that holds everything that a server remembers.
 *
 *   DIR/lock                            held by the one process that may write here
 *   DIR/admin.sock                      where that process listens for commands (core/admin.h)
 *   DIR/tenants/NAME/tenant.db          a tenant's database
 *   DIR/tenants/NAME/generations/       what has served, and the list of it (core/sources.h)
 *   DIR/tenants/NAME/MAPPING.rejects.csv what its seeds could not bring in
 *
 * Made with rights for its owner only. */
#pragma once

#include "base/err.h"

enum { DATA_PATH_MAX = 4096 };

struct data_folder {
	char path[DATA_PATH_MAX]; /* absolute */
	char socket[DATA_PATH_MAX];
	int lock;
};

/* Makes the folder where it is missing, and locks it. TM_EBUSY: another process holds it. */
int data_folder_open(struct data_folder *folder, const char *path, struct err *err);
void data_folder_close(struct data_folder *folder);

struct tenant_folder {
	char rejects[DATA_PATH_MAX]; /* the folder itself */
	char database[DATA_PATH_MAX];
	char generations[DATA_PATH_MAX];
};

/* Makes a tenant's folder where it is missing. */
int tenant_folder_open(struct tenant_folder *folder, const struct data_folder *data,
	const char *tenant, struct err *err);
