#include "support/fault_memory.h"

#include "support/fault_vfs.h"

#include <sqlite3.h>
#include <stddef.h>

static sqlite3_mem_methods below;

static void *memory_new(int size)
{
	return fault_vfs_fails(FAULT_MEMORY) ? NULL : below.xMalloc(size);
}

static void *memory_resize(void *old, int size)
{
	return fault_vfs_fails(FAULT_MEMORY) ? NULL : below.xRealloc(old, size);
}

int fault_memory_register(void)
{
	int rc = sqlite3_config(SQLITE_CONFIG_GETMALLOC, &below);
	sqlite3_mem_methods layer = below;

	layer.xMalloc = memory_new;
	layer.xRealloc = memory_resize;
	return rc == SQLITE_OK ? sqlite3_config(SQLITE_CONFIG_MALLOC, &layer) : rc;
}
