#include "text/pinyin.h"

#include "base/err.h"
#include "text/utf16.h"
#include "text/utf8.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utf16.h>
#include <unicode/utrans.h>

/* The characters that are remembered: extension A and the common ones. Rarer ones are asked for
 * again each time. */
enum { FIRST = 0x3400, LAST = 0x9fff, SYLLABLE = 8 };

static struct {
	pthread_mutex_t lock;
	UTransliterator *way;
	char (*syllables)[SYLLABLE]; /* empty: not asked for yet */
} speech = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Under the lock. */
static int begin(void)
{
	UErrorCode status = U_ZERO_ERROR;
	UChar id[64];

	if (speech.way != NULL)
		return 0;
	if (speech.syllables == NULL)
		speech.syllables = calloc(LAST - FIRST + 1, SYLLABLE);
	if (speech.syllables == NULL)
		return TM_ENOMEM;
	u_uastrcpy(id, "Han-Latin; Latin-ASCII; Lower");
	speech.way = utrans_openU(id, -1, UTRANS_FORWARD, NULL, 0, NULL, &status);
	return U_SUCCESS(status) ? 0 : TM_ENOMEM;
}

int pinyin_start(void)
{
	int rc;

	pthread_mutex_lock(&speech.lock);
	rc = begin();
	pthread_mutex_unlock(&speech.lock);
	return rc;
}

/* Asks ICU for one character: its syllable, or itself when there is none. */
static int ask(UChar32 c, struct buf *out)
{
	UErrorCode status = U_ZERO_ERROR;
	UChar text[64];
	int32_t len = 0, end;

	U16_APPEND_UNSAFE(text, len, c);
	end = len;
	utrans_transUChars(speech.way, text, &len, 64, 0, &end, &status);
	return U_SUCCESS(status) ? utf16_append(out, text, len) : utf16_failure(status);
}

static int say(UChar32 c, struct buf *out)
{
	char *known = c >= FIRST && c <= LAST ? speech.syllables[c - FIRST] : NULL;
	struct buf syllable = BUF_EMPTY;
	int rc = 0;

	if (known == NULL || known[0] == '\0') {
		rc = ask(c, &syllable);
		if (rc == 0 && known != NULL && syllable.len < SYLLABLE)
			memcpy(known, buf_text(&syllable), syllable.len + 1);
		buf_append(out, syllable.data, syllable.len);
		buf_free(&syllable);
	} else {
		buf_puts(out, known);
	}
	return out->failed ? TM_ENOMEM : rc;
}

static bool is_chinese(UChar32 c)
{
	return u_hasBinaryProperty(c, UCHAR_IDEOGRAPHIC) && c > 0x3007;
}

/* A syllable stands apart from letters and other syllables, not from signs. */
static void put_gap(struct buf *out, size_t start)
{
	char last = out->len > start ? out->data[out->len - 1] : ' ';

	if (u_isalnum((unsigned char)last) || (unsigned char)last >= 0x80)
		buf_putc(out, ' ');
}

static int append_units(struct buf *out, const UChar *units, int32_t count)
{
	size_t start = out->len;
	bool after_syllable = false;
	int32_t at = 0;
	int rc = 0;

	while (rc == 0 && at < count) {
		int32_t from = at;
		UChar32 c;

		U16_NEXT(units, at, count, c);
		if (u_charType(c) == U_NON_SPACING_MARK)
			continue;
		if (is_chinese(c)) {
			put_gap(out, start);
			rc = say(c, out);
			after_syllable = true;
			continue;
		}
		if (after_syllable && u_isalnum(c))
			buf_putc(out, ' ');
		after_syllable = false;
		rc = utf16_append(out, units + from, at - from);
	}
	return out->failed ? TM_ENOMEM : rc;
}

/* Taken apart, so that marks stand by themselves. The caller frees. */
static int take_apart(const struct buf *folded, UChar **apart, int32_t *count)
{
	UErrorCode status = U_ZERO_ERROR;
	const UNormalizer2 *form = unorm2_getNFDInstance(&status);
	int32_t units_count, need;
	UChar *units;
	int rc;

	units = utf16_of(folded->data, folded->len, &units_count, &rc);
	if (units == NULL)
		return rc;
	need = unorm2_normalize(form, units, units_count, NULL, 0, &status);
	status = U_ZERO_ERROR;
	*apart = malloc(((size_t)need + 1) * sizeof **apart);
	if (*apart != NULL)
		*count = unorm2_normalize(form, units, units_count, *apart, need + 1, &status);
	free(units);
	return *apart == NULL ? TM_ENOMEM : U_SUCCESS(status) ? 0 : utf16_failure(status);
}

int pinyin_append(struct buf *out, const char *text, size_t len)
{
	struct buf normal = BUF_EMPTY, folded = BUF_EMPTY;
	UChar *apart = NULL;
	int32_t count = 0;
	int rc = TM_EINVAL;

	if (len <= PINYIN_TEXT_MAX)
		rc = utf8_normalize_compat(&normal, text, len);
	if (rc == 0)
		rc = utf8_fold(&folded, normal.data, normal.len);
	if (rc == 0)
		rc = take_apart(&folded, &apart, &count);
	if (rc == 0) {
		pthread_mutex_lock(&speech.lock);
		rc = begin();
		if (rc == 0)
			rc = append_units(out, apart, count);
		pthread_mutex_unlock(&speech.lock);
	}
	free(apart);
	buf_free(&normal);
	buf_free(&folded);
	return rc;
}
