#include "text/utf8.h"

#include "base/err.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/ucasemap.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

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

static int lower_mapped(struct buf *out, const UCaseMap *map, const char *text, size_t len)
{
	UErrorCode status = U_ZERO_ERROR;
	int32_t need = ucasemap_utf8ToLower(map, NULL, 0, text, (int32_t)len, &status);
	char *to;

	if (status != U_BUFFER_OVERFLOW_ERROR)
		return TM_EINVAL;
	to = buf_reserve(out, (size_t)need);
	if (to == NULL)
		return TM_ENOMEM;
	status = U_ZERO_ERROR;
	ucasemap_utf8ToLower(map, to, need, text, (int32_t)len, &status);
	if (U_FAILURE(status))
		return TM_EINVAL;
	out->len += (size_t)need;
	return 0;
}

int utf8_lower(struct buf *out, const char *text, size_t len)
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
	rc = lower_mapped(out, map, text, len);
	ucasemap_close(map);
	return rc;
}

/* Normal form C has at most three times as many UTF-16 units as the text had, and a unit takes at
 * most three bytes of UTF-8. */
static int normalize_units(struct buf *out, const UNormalizer2 *nfc, UChar *units, int32_t count)
{
	UErrorCode status = U_ZERO_ERROR;
	int32_t room = count * 3;
	UChar *normal = malloc((size_t)room * sizeof *normal);
	int32_t len;
	char *to;

	if (normal == NULL)
		return TM_ENOMEM;
	count = unorm2_normalize(nfc, units, count, normal, room, &status);
	to = U_SUCCESS(status) ? buf_reserve(out, (size_t)count * 3) : NULL;
	if (to != NULL)
		u_strToUTF8(to, count * 3, &len, normal, count, &status);
	free(normal);
	if (to == NULL || U_FAILURE(status))
		return out->failed ? TM_ENOMEM : TM_EINVAL;
	out->len += (size_t)len;
	return 0;
}

int utf8_normalize(struct buf *out, const char *text, size_t len)
{
	UErrorCode status = U_ZERO_ERROR;
	const UNormalizer2 *nfc;
	UChar *units;
	int32_t count;
	int rc;

	if (is_ascii(text, len)) {
		buf_append(out, text, len);
		return out->failed ? TM_ENOMEM : 0;
	}
	if (len > INT32_MAX / 9 || !utf8_valid(text, len))
		return TM_EINVAL;
	nfc = unorm2_getNFCInstance(&status);
	units = malloc(len * sizeof *units);
	if (units == NULL || U_FAILURE(status)) {
		free(units);
		return TM_ENOMEM;
	}
	u_strFromUTF8(units, (int32_t)len, &count, text, (int32_t)len, &status);
	if (U_FAILURE(status)) {
		rc = TM_EINVAL;
	} else if (unorm2_quickCheck(nfc, units, count, &status) == UNORM_YES) {
		buf_append(out, text, len);
		rc = out->failed ? TM_ENOMEM : 0;
	} else {
		rc = normalize_units(out, nfc, units, count);
	}
	free(units);
	return rc;
}
