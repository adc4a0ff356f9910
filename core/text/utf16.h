/* core/text/utf16.h: between UTF-8 and the UTF-16 that ICU works on; for the files of core/text.
 * Any thread. */
#pragma once

#include "base/buf.h"

#include <stddef.h>
#include <unicode/utypes.h>

/* The units of a text, which the caller frees; NULL without memory (TM_ENOMEM in `rc`) or when it
 * is not UTF-8 without NUL, or longer than INT32_MAX / 16 bytes (TM_EINVAL). */
UChar *utf16_of(const char *text, size_t len, int32_t *count, int *rc);

/* Appends units as UTF-8. Returns 0, TM_EINVAL for units that are no text, TM_ENOMEM. */
int utf16_append(struct buf *out, const UChar *units, int32_t count);

/* What a failed ICU call comes to. */
int utf16_failure(UErrorCode status);
