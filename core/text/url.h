/* core/text/url.h: percent-encoding (RFC 3986, section 2.1). Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Decodes `len` bytes into `out`, which has room for as many; with `plus_is_blank` as in a query of
 * a form. Returns the length, or a negative TM_EINVAL when a "%" is not followed by two digits, or
 * when the result is not UTF-8 without NUL. */
long url_decode(char *out, const char *text, size_t len, bool plus_is_blank);
