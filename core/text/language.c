#include "text/language.h"

#include "base/err.h"
#include "text/utf16.h"
#include "text/utf8.h"
#include "text/zone.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/ubrk.h>
#include <unicode/ucol.h>
#include <unicode/udat.h>
#include <unicode/unum.h>
#include <unicode/ustring.h>

enum { ZONE_MAX = 64, SHORT_MAX = 256, DIGITS_MAX = 64 };

static const struct {
	const char *name, *order, *format;
} languages[] = {
	{"en", "en", "en"},
	{"zh", "zh@collation=pinyin", "zh-Hans-CN"},
};

struct language {
	const char *order, *format;
	UCollator *collator;
	UBreakIterator *words;
};

int language_new(struct language **made, const char *name)
{
	for (size_t i = 0; i < sizeof languages / sizeof *languages; i++) {
		struct language *language;

		if (strcmp(languages[i].name, name) != 0)
			continue;
		language = calloc(1, sizeof *language);
		if (language == NULL)
			return TM_ENOMEM;
		language->order = languages[i].order;
		language->format = languages[i].format;
		*made = language;
		return 0;
	}
	return TM_ENOENT;
}

void language_free(struct language *language)
{
	if (language == NULL)
		return;
	if (language->collator != NULL)
		ucol_close(language->collator);
	if (language->words != NULL)
		ubrk_close(language->words);
	free(language);
}

/* In normal form C, which also cuts runs of marks: without it, order would take quadratic
 * time. The caller frees the units. */
static int units_of(const char *text, size_t len, UChar **units, int32_t *count)
{
	struct buf normal = BUF_EMPTY;
	int rc;

	*units = NULL;
	if (len > LANGUAGE_TEXT_MAX)
		return TM_EINVAL;
	rc = utf8_normalize(&normal, text, len);
	if (rc == 0)
		*units = utf16_of(normal.data, normal.len, count, &rc);
	buf_free(&normal);
	return rc;
}

int language_sort_key(struct language *language, struct buf *out, const char *text, size_t len)
{
	UErrorCode status = U_ZERO_ERROR;
	UChar *units;
	int32_t count, need;
	char *to;
	int rc;

	if (language->collator == NULL)
		language->collator = ucol_open(language->order, &status);
	if (U_FAILURE(status))
		return TM_ENOMEM;
	rc = units_of(text, len, &units, &count);
	if (rc < 0)
		return rc;
	need = ucol_getSortKey(language->collator, units, count, NULL, 0);
	to = need > 0 ? buf_reserve(out, (size_t)need) : NULL;
	if (to != NULL) {
		ucol_getSortKey(language->collator, units, count, (uint8_t *)to, need);
		out->len += (size_t)need - 1; /* without the NUL at its end */
	}
	free(units);
	return to != NULL ? 0 : TM_ENOMEM;
}

static int each_word(UBreakIterator *words, const UChar *units,
	void (*word)(void *data, const char *text, size_t len), void *data)
{
	struct buf text = BUF_EMPTY;
	int32_t from = ubrk_first(words), to;
	int rc = 0;

	while (rc == 0 && (to = ubrk_next(words)) != UBRK_DONE) {
		if (ubrk_getRuleStatus(words) >= UBRK_WORD_NONE_LIMIT) {
			buf_clear(&text);
			rc = utf16_append(&text, units + from, to - from);
			if (rc == 0)
				word(data, text.data, text.len);
		}
		from = to;
	}
	buf_free(&text);
	return rc;
}

int language_words(struct language *language, const char *text, size_t len,
	void (*word)(void *data, const char *text, size_t len), void *data)
{
	UErrorCode status = U_ZERO_ERROR;
	UChar *units;
	int32_t count;
	int rc;

	if (language->words == NULL)
		language->words = ubrk_open(UBRK_WORD, language->format, NULL, 0, &status);
	if (U_FAILURE(status))
		return TM_ENOMEM;
	rc = units_of(text, len, &units, &count);
	if (rc < 0)
		return rc;
	ubrk_setText(language->words, units, count, &status);
	rc = U_SUCCESS(status) ? each_word(language->words, units, word, data)
			       : utf16_failure(status);
	free(units);
	return rc;
}

int language_number(
	struct language *language, struct buf *out, const char *digits, const char *currency)
{
	UErrorCode status = U_ZERO_ERROR;
	const char *point = strchr(digits, '.');
	int32_t scale = point != NULL ? (int32_t)strlen(point + 1) : 0, len = 0;
	UChar text[SHORT_MAX], code[4];
	UNumberFormat *format;

	if (strlen(digits) > DIGITS_MAX)
		return TM_EINVAL;
	format = unum_open(currency != NULL ? UNUM_CURRENCY : UNUM_DECIMAL, NULL, 0,
		language->format, NULL, &status);
	if (U_FAILURE(status))
		return utf16_failure(status);
	if (currency != NULL) {
		u_uastrncpy(code, currency, 3);
		unum_setTextAttribute(format, UNUM_CURRENCY_CODE, code, 3, &status);
	}
	unum_setAttribute(format, UNUM_FRACTION_DIGITS, scale);
	len = unum_formatDecimal(
		format, digits, (int32_t)strlen(digits), text, SHORT_MAX, NULL, &status);
	unum_close(format);
	return U_SUCCESS(status) ? utf16_append(out, text, len) : utf16_failure(status);
}

/* The calendar of days is the Gregorian one at all times, as in text/date.h. */
static int make_gregorian(UDateFormat *format)
{
	UErrorCode status = U_ZERO_ERROR;
	UCalendar *calendar = ucal_clone(udat_getCalendar(format), &status);

	if (U_FAILURE(status))
		return TM_ENOMEM;
	ucal_setGregorianChange(calendar, (double)DATE_MS_MIN * 2, &status);
	udat_setCalendar(format, calendar);
	ucal_close(calendar);
	return U_SUCCESS(status) ? 0 : utf16_failure(status);
}

static int write_time(struct language *language, struct buf *out, int64_t ms, const char *zone,
	UDateFormatStyle time, UDateFormatStyle day)
{
	UErrorCode status = U_ZERO_ERROR;
	UChar text[SHORT_MAX], name[ZONE_MAX + 1];
	UDateFormat *format;
	int32_t len;
	int rc;

	u_uastrcpy(name, zone);
	format = udat_open(time, day, language->format, name, -1, NULL, 0, &status);
	if (U_FAILURE(status))
		return utf16_failure(status);
	rc = make_gregorian(format);
	len = udat_format(format, (double)ms, text, SHORT_MAX, NULL, &status);
	udat_close(format);
	if (rc < 0 || U_FAILURE(status))
		return rc < 0 ? rc : utf16_failure(status);
	return utf16_append(out, text, len);
}

static const UDateFormatStyle day_styles[] = {
	[LANGUAGE_SHORT] = UDAT_SHORT,
	[LANGUAGE_MEDIUM] = UDAT_MEDIUM,
	[LANGUAGE_LONG] = UDAT_LONG,
};
/* A long time would name the zone; seconds are more than people want to know. */
static const UDateFormatStyle time_styles[] = {
	[LANGUAGE_SHORT] = UDAT_SHORT,
	[LANGUAGE_MEDIUM] = UDAT_SHORT,
	[LANGUAGE_LONG] = UDAT_MEDIUM,
};

int language_day(
	struct language *language, struct buf *out, struct date day, enum language_style style)
{
	return write_time(language, out, date_to_days(day) * INT64_C(86400000), "Etc/UTC",
		UDAT_NONE, day_styles[style]);
}

int language_instant(struct language *language, struct buf *out, int64_t ms, const char *zone,
	enum language_style style)
{
	if (!zone_exists(zone))
		return TM_ENOENT;
	if (ms < DATE_MS_MIN || ms > DATE_MS_MAX)
		return TM_EINVAL;
	return write_time(language, out, ms, zone, time_styles[style], day_styles[style]);
}
