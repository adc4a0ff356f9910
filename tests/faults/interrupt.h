/* tests/faults/interrupt.h: interrupts an UPDATE half-way when one of its values holds
 * "[interrupt]".
 *
 * Each statement of the program passes by here on its way to SQLite. For such an UPDATE a temporary
 * trigger interrupts the connection after the first row has been written, so that SQLite drops the
 * whole transaction. */
#pragma once

/* Once, before the first database is opened. Returns SQLite's code. */
int interrupt_register(void);
