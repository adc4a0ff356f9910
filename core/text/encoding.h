/* core/text/encoding.h: texts that came in another encoding than UTF-8.
 *
 * The names that are known: UTF-8, UTF-16LE, UTF-16BE, GB18030 (which holds GBK and GB2312), Big5,
 * Shift_JIS, EUC-JP, EUC-KR, windows-1252, ISO-8859-1. Any thread. */
#pragma once

#include "base/buf.h"

#include <stddef.h>

/* The known name that is meant ("gbk", "latin1", "UTF16-le"), or NULL. */
const char *encoding_name(const char *name);

/* Which encoding the bytes are in, by what their first 64 KiB look like: a byte order mark tells
 * it, and valid UTF-8 is that. Else it is a guess, worth `confidence` (0 to 100): a person should
 * see what comes out. NULL when it is none that is known. */
const char *encoding_detect(const char *bytes, size_t len, int *confidence);

/* Appends the bytes, which are in the encoding of that known name, as UTF-8 without a byte order
 * mark. Returns 0, TM_EINVAL when they are not, or hold NUL, TM_ENOMEM. */
int encoding_read(struct buf *out, const char *name, const char *bytes, size_t len);
