/* core/text/utf8.h: texts as the server keeps them: UTF-8 by RFC 3629, without NUL.
 *
 * Whatever comes from outside is checked once by utf8_valid; the other functions here take valid
 * text, and report TM_EINVAL for any other. They hold no state. Any thread. */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* How many bytes the code point at the start of `bytes` takes (1 to 4), or 0 when there is no valid
 * one: cut short, too long a form, a surrogate, above U+10FFFF. NUL counts as valid here. */
unsigned utf8_step(const char *bytes, size_t len);

/* Whether the whole text is valid and holds no NUL. */
bool utf8_valid(const char *text, size_t len);

/* The number of code points of a valid text. */
size_t utf8_length(const char *text, size_t len);

/* Appends the text in lower case, by Unicode's own rules and no language's. Returns 0, TM_EINVAL,
 * TM_ENOMEM. */
int utf8_lower(struct buf *out, const char *text, size_t len);

/* Appends the text as it is compared when case shall not count: full case folding, no language's
 * own. Returns as utf8_lower. */
int utf8_fold(struct buf *out, const char *text, size_t len);

/* Takes white space (by Unicode's property White_Space) off both ends of a valid text. */
void utf8_trim(const char **text, size_t *len);

/* Appends the text in normal form C, or KC, in which also what only looks different is the same
 * (full-width letters, ligatures, circled numbers). More than 30 combining marks in a row are cut
 * by U+034F, as UAX #15 says, so that no text takes more than linear time. Returns 0, TM_EINVAL or
 * TM_ENOMEM. */
int utf8_normalize(struct buf *out, const char *text, size_t len);
int utf8_normalize_compat(struct buf *out, const char *text, size_t len);
