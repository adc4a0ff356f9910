/* The server over the file layer for faults. TM_FAULT_SOCKET names the socket by which a test
 * steers it. */
#include "control.h"
#include "interrupt.h"
#include "support/fault_memory.h"
#include "support/fault_vfs.h"
#include "tidemill.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	const char *socket = getenv("TM_FAULT_SOCKET");

	if (fault_memory_register() != SQLITE_OK || fault_vfs_register() != SQLITE_OK ||
		interrupt_register() != SQLITE_OK) {
		fputs("the fault layer cannot be set up\n", stderr);
		return 1;
	}
	if (socket != NULL && control_serve(socket) < 0) {
		perror(socket);
		return 1;
	}
	return tidemill_main(argc, argv);
}
