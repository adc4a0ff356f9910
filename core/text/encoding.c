#include "text/encoding.h"

#include "base/err.h"
#include "text/utf16.h"
#include "text/utf8.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unicode/ucnv.h>
#include <unicode/ucnv_err.h>
#include <unicode/ucsdet.h>
#include <unicode/utf16.h>

enum { SAMPLE = 64 * 1024, SURE = 100, UNSURE = 50, FAIR = 60, MOST_BYTES = 64 * 1024 * 1024 };

static const struct {
	const char *name, *others; /* other names, with a blank before and after each */
} known[] = {
	{"UTF-8", " utf8 "},
	{"UTF-16LE", " utf16le utf-16 utf16 "},
	{"UTF-16BE", " utf16be "},
	{"GB18030", " gbk gb2312 cp936 gb-18030 "},
	{"Big5", " big-5 cp950 "},
	{"Shift_JIS", " sjis shift-jis cp932 "},
	{"EUC-JP", " eucjp "},
	{"EUC-KR", " euckr cp949 "},
	{"windows-1252", " cp1252 "},
	{"ISO-8859-1", " latin1 latin-1 iso8859-1 "},
};

const char *encoding_name(const char *name)
{
	char wanted[32];
	int len = snprintf(wanted, sizeof wanted, " %s ", name);

	if (len >= (int)sizeof wanted || strchr(name, ' ') != NULL || name[0] == '\0')
		return NULL;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strcasecmp(known[i].name, name) == 0 ||
			strcasestr(known[i].others, wanted) != NULL)
			return known[i].name;
	return NULL;
}

static const char *by_mark(const char *bytes, size_t len)
{
	if (len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
		return "UTF-8";
	if (len >= 2 && memcmp(bytes, "\xff\xfe", 2) == 0)
		return "UTF-16LE";
	if (len >= 2 && memcmp(bytes, "\xfe\xff", 2) == 0)
		return "UTF-16BE";
	return NULL;
}

/* Valid, but for a character that the end of the sample cuts. */
static bool looks_like_utf8(const char *bytes, size_t len, bool cut)
{
	for (size_t at = 0; at < len;) {
		unsigned step = utf8_step(bytes + at, len - at);

		if (step == 0)
			return cut && len - at < 4;
		if (bytes[at] == '\0')
			return false;
		at += step;
	}
	return true;
}

/* Whether the bytes, read as GB18030, are Chinese: characters of everyday use with ASCII between. A
 * few of them say nothing to ICU's statistics yet. */
static bool looks_chinese(const char *bytes, size_t len)
{
	const unsigned char *at = (const unsigned char *)bytes, *end = at + len;
	size_t everyday = 0, others = 0;

	while (at < end) {
		if (*at < 0x80) {
			at++;
		} else if (end - at < 2) {
			break;
		} else {
			/* Level one of GB2312, and its punctuation. */
			bool usual = ((at[0] >= 0xb0 && at[0] <= 0xd7) || at[0] == 0xa1 ||
					     at[0] == 0xa3) &&
				     at[1] >= 0xa1;

			everyday += usual;
			others += !usual;
			at += 2;
		}
	}
	return everyday > 0 && everyday >= others * 9;
}

static const char *by_statistics(const char *bytes, size_t len, int *confidence)
{
	UErrorCode status = U_ZERO_ERROR;
	UCharsetDetector *detector = ucsdet_open(&status);
	const UCharsetMatch **matches;
	const char *found = NULL;
	int32_t count = 0;

	if (detector == NULL)
		return NULL;
	ucsdet_setText(detector, bytes, (int32_t)len, &status);
	matches = ucsdet_detectAll(detector, &count, &status);
	for (int32_t i = 0; U_SUCCESS(status) && found == NULL && i < count; i++) {
		found = encoding_name(ucsdet_getName(matches[i], &status));
		*confidence = ucsdet_getConfidence(matches[i], &status);
	}
	ucsdet_close(detector);
	return found;
}

const char *encoding_detect(const char *bytes, size_t len, int *confidence)
{
	size_t sample = len < SAMPLE ? len : SAMPLE;
	const char *found = by_mark(bytes, sample);

	*confidence = SURE;
	if (found != NULL)
		return found;
	if (looks_like_utf8(bytes, sample, sample < len))
		return "UTF-8";
	*confidence = 0;
	found = by_statistics(bytes, sample, confidence);
	if (*confidence < UNSURE && looks_chinese(bytes, sample)) {
		*confidence = FAIR;
		return "GB18030";
	}
	return found;
}

static int append_units(struct buf *out, const UChar *units, int32_t count)
{
	size_t before = out->len;
	int rc;

	if (count > 0 && units[0] == 0xfeff) {
		units++;
		count--;
	}
	rc = utf16_append(out, units, count);
	return rc == 0 && memchr(out->data + before, '\0', out->len - before) != NULL ? TM_EINVAL
										      : rc;
}

int encoding_read(struct buf *out, const char *name, const char *bytes, size_t len)
{
	UErrorCode status = U_ZERO_ERROR;
	UConverter *converter;
	UChar *units = NULL;
	int32_t count;
	int rc = TM_ENOMEM;

	if (len > MOST_BYTES)
		return TM_EINVAL;
	converter = ucnv_open(name, &status);
	if (U_FAILURE(status))
		return utf16_failure(status);
	ucnv_setToUCallBack(converter, UCNV_TO_U_CALLBACK_STOP, NULL, NULL, NULL, &status);
	/* No encoding of these takes less than a byte for a unit. */
	units = malloc((len + 1) * sizeof *units);
	if (units != NULL) {
		count = ucnv_toUChars(
			converter, units, (int32_t)len + 1, bytes, (int32_t)len, &status);
		rc = U_SUCCESS(status) ? append_units(out, units, count) : utf16_failure(status);
	}
	free(units);
	ucnv_close(converter);
	return rc;
}
