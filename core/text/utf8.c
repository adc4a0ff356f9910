#include "text/utf8.h"

#include "base/err.h"
#include "text/utf16.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/ucasemap.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/utf16.h>

static bool is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

unsigned utf8_step(const char *bytes, size_t len)
{
	const unsigned char *at = (const unsigned char *)bytes;

	if (len >= 1 && at[0] < 0x80)
		return 1;
	if (len >= 2 && at[0] >= 0xc2 && at[0] <= 0xdf)
		return is_tail(at[1]) ? 2 : 0;
	if (len >= 3 && (at[0] & 0xf0) == 0xe0) {
		if (!is_tail(at[1]) || !is_tail(at[2]))
			return 0;
		if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f))
			return 0;
		return 3;
	}
	if (len >= 4 && at[0] >= 0xf0 && at[0] <= 0xf4) {
		if (!is_tail(at[1]) || !is_tail(at[2]) || !is_tail(at[3]))
			return 0;
		if ((at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
			return 0;
		return 4;
	}
	return 0;
}

bool utf8_valid(const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		unsigned step = utf8_step(text + i, len - i);

		if (step == 0 || text[i] == '\0')
			return false;
		i += step;
	}
	return true;
}

size_t utf8_length(const char *text, size_t len)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += !is_tail((unsigned char)text[i]);
	return count;
}

void utf8_trim(const char **text, size_t *len)
{
	const char *from = *text;
	int32_t start = 0, end = (int32_t)*len, next;
	UChar32 c;

	while ((next = start) < end) {
		U8_NEXT(from, next, end, c);
		if (!u_isUWhiteSpace(c))
			break;
		start = next;
	}
	while ((next = end) > start) {
		U8_PREV(from, start, next, c);
		if (!u_isUWhiteSpace(c))
			break;
		end = next;
	}
	*text = from + start;
	*len = (size_t)(end - start);
}

static bool is_ascii(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] >= 0x80)
			return false;
	return true;
}

static int lower_ascii(struct buf *out, const char *text, size_t len)
{
	char *to = buf_reserve(out, len);

	if (to == NULL)
		return TM_ENOMEM;
	for (size_t i = 0; i < len; i++)
		to[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] | 0x20) : text[i];
	out->len += len;
	return 0;
}

typedef int32_t (*mapping)(const UCaseMap *, char *, int32_t, const char *, int32_t, UErrorCode *);

static int map_with(
	struct buf *out, const UCaseMap *map, mapping apply, const char *text, size_t len)
{
	UErrorCode status = U_ZERO_ERROR;
	int32_t need = apply(map, NULL, 0, text, (int32_t)len, &status);
	char *to;

	if (status != U_BUFFER_OVERFLOW_ERROR)
		return TM_EINVAL;
	to = buf_reserve(out, (size_t)need);
	if (to == NULL)
		return TM_ENOMEM;
	status = U_ZERO_ERROR;
	apply(map, to, need, text, (int32_t)len, &status);
	if (U_FAILURE(status))
		return TM_EINVAL;
	out->len += (size_t)need;
	return 0;
}

static int map_case(struct buf *out, mapping apply, const char *text, size_t len)
{
	UErrorCode status = U_ZERO_ERROR;
	UCaseMap *map;
	int rc;

	if (is_ascii(text, len))
		return lower_ascii(out, text, len);
	if (len > INT32_MAX / 4 || !utf8_valid(text, len))
		return TM_EINVAL;
	map = ucasemap_open("", 0, &status);
	if (U_FAILURE(status))
		return TM_ENOMEM;
	rc = map_with(out, map, apply, text, len);
	ucasemap_close(map);
	return rc;
}

int utf8_lower(struct buf *out, const char *text, size_t len)
{
	return map_case(out, ucasemap_utf8ToLower, text, len);
}

int utf8_fold(struct buf *out, const char *text, size_t len)
{
	return map_case(out, ucasemap_utf8FoldCase, text, len);
}

/* Whether what `c` becomes when it is taken apart begins with a mark that belongs to what stands
 * before it. */
static bool is_mark(const UNormalizer2 *apart, UChar32 c)
{
	return c >= 0x300 && !unorm2_hasBoundaryBefore(apart, c);
}

/* Bringing n marks into order takes n * n steps. So that nobody can burn a thread with a text of
 * nothing else, a run of them is cut by a joiner, as the Stream-Safe Text Process says (UAX #15,
 * section 13); no language has more than a few. `safe` has room for one unit in MARKS more. */
enum { MARKS = 30, JOINER = 0x034f };

static int32_t cut_marks(const UNormalizer2 *apart, UChar *safe, const UChar *units, int32_t count)
{
	int32_t done = 0, at = 0;
	unsigned marks = 0;

	while (at < count) {
		int32_t from = at;
		UChar32 c;

		U16_NEXT(units, at, count, c);
		marks = is_mark(apart, c) ? marks + 1 : 0;
		if (marks > MARKS) {
			safe[done++] = JOINER;
			marks = 1;
		}
		while (from < at)
			safe[done++] = units[from++];
	}
	return done;
}

static int normalize_units(
	struct buf *out, const UNormalizer2 *form, const UChar *units, int32_t count)
{
	UErrorCode status = U_ZERO_ERROR;
	UChar *safe = malloc(((size_t)count + (size_t)count / MARKS + 1) * sizeof *safe);
	UChar *normal = NULL;
	int32_t room;
	int rc = TM_ENOMEM;

	if (safe == NULL)
		goto out;
	count = cut_marks(unorm2_getNFDInstance(&status), safe, units, count);
	room = unorm2_normalize(form, safe, count, NULL, 0, &status);
	status = U_ZERO_ERROR;
	normal = malloc(((size_t)room + 1) * sizeof *normal);
	if (normal == NULL)
		goto out;
	unorm2_normalize(form, safe, count, normal, room + 1, &status);
	rc = U_SUCCESS(status) ? utf16_append(out, normal, room) : utf16_failure(status);
out:
	free(normal);
	free(safe);
	return rc;
}

static int normalize(struct buf *out, const UNormalizer2 *form, const char *text, size_t len)
{
	UErrorCode status = U_ZERO_ERROR;
	UChar *units;
	int32_t count;
	int rc = TM_ENOMEM;

	units = form != NULL ? utf16_of(text, len, &count, &rc) : NULL;
	if (units == NULL)
		return rc;
	if (unorm2_quickCheck(form, units, count, &status) == UNORM_YES) {
		buf_append(out, text, len);
		rc = out->failed ? TM_ENOMEM : 0;
	} else {
		rc = normalize_units(out, form, units, count);
	}
	free(units);
	return rc;
}

static int append_ascii(struct buf *out, const char *text, size_t len)
{
	buf_append(out, text, len);
	return out->failed ? TM_ENOMEM : 0;
}

int utf8_normalize(struct buf *out, const char *text, size_t len)
{
	UErrorCode status = U_ZERO_ERROR;

	if (is_ascii(text, len))
		return append_ascii(out, text, len);
	return normalize(out, unorm2_getNFCInstance(&status), text, len);
}

int utf8_normalize_compat(struct buf *out, const char *text, size_t len)
{
	UErrorCode status = U_ZERO_ERROR;

	if (is_ascii(text, len))
		return append_ascii(out, text, len);
	return normalize(out, unorm2_getNFKCInstance(&status), text, len);
}
