/* core/text/language.h: what a language has a say in: the order of texts, their words, and how
 * numbers and times are written. English and Chinese.
 *
 * What ICU needs for a language is loaded when it is first asked for and kept with the `struct
 * language`, which belongs to one thread. Texts are UTF-8; any other is TM_EINVAL. No call takes
 * more than linear time, but they are far slower than copying: who passes on what strangers wrote
 * keeps to LANGUAGE_TEXT_MAX bytes, which they refuse beyond (TM_EINVAL). */
#pragma once

#include "base/buf.h"
#include "text/date.h"

#include <stddef.h>
#include <stdint.h>

enum { LANGUAGE_TEXT_MAX = 64 * 1024 };

struct language;

/* "en" or "zh". Returns 0, TM_ENOENT for any other, TM_ENOMEM. */
int language_new(struct language **language, const char *name);
void language_free(struct language *language);

/* Appends bytes whose order (that of memcmp) is the texts' order in the language: of Chinese, by
 * pinyin. Keys are good only among those of the same program: another ICU makes others. */
int language_sort_key(struct language *language, struct buf *out, const char *text, size_t len);

/* Calls `word` for each word: neither blanks nor punctuation. */
int language_words(struct language *language, const char *text, size_t len,
	void (*word)(void *data, const char *text, size_t len), void *data);

/* Appends a number (digits as decimal_format writes them) as people write it, with as many digits
 * behind the point: 1234.50 becomes 1,234.50; with a currency (three capital letters) as an amount
 * of it. */
int language_number(
	struct language *language, struct buf *out, const char *digits, const char *currency);

enum language_style { LANGUAGE_SHORT, LANGUAGE_MEDIUM, LANGUAGE_LONG };

/* Append a day, and an instant in a zone (TM_ENOENT: there is no such zone). */
int language_day(
	struct language *language, struct buf *out, struct date day, enum language_style style);
int language_instant(struct language *language, struct buf *out, int64_t ms, const char *zone,
	enum language_style style);
