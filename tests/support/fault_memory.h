/* tests/support/fault_memory.h: lets SQLite's allocations fail when fault_vfs_fail says so. */
#pragma once

/* Before SQLite is used for the first time. Returns its code. */
int fault_memory_register(void);
