/* core/text/json_out.h: writes JSON, piece by piece, into a buffer.
 *
 * The caller puts brackets, commas and colons. Texts keep every character as it is but those that
 * JSON must escape. Any thread. */
#pragma once

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

/* Writes a string with its quotes. Returns 0, or TM_EINVAL when the text is not UTF-8: then the
 * buffer holds a part of it. */
int json_out_string(struct buf *out, const char *text, size_t len);

void json_out_integer(struct buf *out, int64_t value);

/* Writes the shortest digits that read back as the same number; 3.0 is written as 3, -0.0 as 0.
 * Returns 0, or TM_EINVAL when `value` is not finite. */
int json_out_double(struct buf *out, double value);

/* Writes an exact decimal as a string, and an amount of money as
 * {"amount":"12.50","currency":"CNY"}. `currency` is three capital letters and a NUL. */
void json_out_decimal(struct buf *out, int64_t units, unsigned scale);
void json_out_money(struct buf *out, int64_t units, unsigned scale, const char *currency);
