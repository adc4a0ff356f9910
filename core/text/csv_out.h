/* core/text/csv_out.h: writes CSV, field by field, into a buffer.
 *
 * The caller puts commas and line ends. Any thread. */
#pragma once

#include "base/buf.h"

#include <stddef.h>

/* Writes a field, in quotes where csv_in would otherwise read something else. */
void csv_out_field(struct buf *out, const char *text, size_t len);
