/* Numbers, days, instants and texts: what is read is written back the same, and what is taken for
 * a text is one. The first byte chooses. */
#include "fuzz.h"

#include "base/buf.h"
#include "base/err.h"
#include "text/base64.h"
#include "text/date.h"
#include "text/decimal.h"
#include "text/encoding.h"
#include "text/hash.h"
#include "text/language.h"
#include "text/pinyin.h"
#include "text/seal.h"
#include "text/url.h"
#include "text/utf8.h"
#include "text/zone.h"

#include <string.h>

void fuzz_start(void)
{
	must(hash_start() == 0);
}

static void check_decimal(const char *text, size_t len, unsigned scale)
{
	char written[DECIMAL_TEXT_MAX];
	int64_t units, again;
	size_t written_len;

	if (decimal_parse(&units, text, len, scale) != DECIMAL_FINE)
		return;
	written_len = decimal_format(written, units, scale);
	must(written_len < sizeof written && written[written_len] == '\0');
	must(decimal_parse(&again, written, written_len, scale) == DECIMAL_FINE && again == units);
}

static void check_date(const char *text, size_t len)
{
	char written[DATE_INSTANT_LEN];
	struct date date, back;
	int64_t ms, again;

	if (date_parse_day(&date, text, len)) {
		must(date.year >= 1 && date.year <= 9999 && date.month - 1 < 12 &&
			date.day - 1 < 31);
		back = date_from_days(date_to_days(date));
		must(back.year == date.year && back.month == date.month && back.day == date.day);
		must(date_format_day(written, date_to_days(date) * 86400000));
		must(len == DATE_DAY_LEN && memcmp(written, text, len) == 0);
	}
	if (date_parse_instant(&ms, text, len)) {
		must(ms >= DATE_MS_MIN && ms <= DATE_MS_MAX);
		must(date_format_instant(written, ms));
		must(date_parse_instant(&again, written, sizeof written) && again == ms);
	}
}

typedef int (*changing)(struct buf *out, const char *text, size_t len);

/* What has been changed once is valid, and stays as it is: but for `once`. */
static void check_change(changing change, const char *text, size_t len, bool once)
{
	struct buf first = BUF_EMPTY, second = BUF_EMPTY;

	must(change(&first, text, len) == 0 && utf8_valid(first.data, first.len));
	must(change(&second, first.data, first.len) == 0);
	must(once || (first.len == second.len &&
			     (first.len == 0 || memcmp(first.data, second.data, first.len) == 0)));
	buf_free(&first);
	buf_free(&second);
}

static void check_utf8(const char *text, size_t len)
{
	struct buf out = BUF_EMPTY;
	const char *core = text;
	size_t core_len = len;

	if (!utf8_valid(text, len)) {
		if (memchr(text, '\0', len) == NULL) {
			must(utf8_lower(&out, text, len) == TM_EINVAL);
			must(utf8_normalize(&out, text, len) == TM_EINVAL);
		}
		buf_free(&out);
		return;
	}
	utf8_trim(&core, &core_len);
	must(core >= text && core + core_len <= text + len && utf8_valid(core, core_len));
	must(utf8_length(text, len) <= len);
	check_change(utf8_lower, text, len, true);
	check_change(utf8_fold, text, len, false);
	check_change(utf8_normalize, text, len, false);
	check_change(utf8_normalize_compat, text, len, true);
}

static void add_word(void *data, const char *text, size_t len)
{
	struct buf *words = data;

	must(len > 0 && utf8_valid(text, len));
	buf_append(words, text, len);
}

static void check_language(const char *text, size_t len, const char *name)
{
	struct buf key = BUF_EMPTY, again = BUF_EMPTY, words = BUF_EMPTY;
	int wanted = utf8_valid(text, len) ? 0 : TM_EINVAL;
	static struct language *languages[2];
	struct language **language = &languages[name[0] == 'z'];

	if (memchr(text, '\0', len) != NULL)
		return;
	if (*language == NULL)
		must(language_new(language, name) == 0);
	must(language_sort_key(*language, &key, text, len) == wanted);
	must(language_sort_key(*language, &again, text, len) == wanted);
	must(key.len == again.len && (key.len == 0 || memcmp(key.data, again.data, key.len) == 0));
	must(language_words(*language, text, len, add_word, &words) == wanted);
	must(wanted < 0 || words.len <= 3 * len);
	buf_clear(&words);
	must(pinyin_append(&words, text, len) == (len > PINYIN_TEXT_MAX ? TM_EINVAL : wanted));
	must(utf8_valid(words.data, words.len));
	buf_free(&key);
	buf_free(&again);
	buf_free(&words);
}

static void check_encoding(const char *bytes, size_t len)
{
	static const char *const names[] = {"UTF-8", "UTF-16LE", "UTF-16BE", "GB18030", "Big5",
		"Shift_JIS", "EUC-JP", "EUC-KR", "windows-1252", "ISO-8859-1"};
	struct buf out = BUF_EMPTY;
	const char *found;
	int confidence;

	found = encoding_detect(bytes, len, &confidence);
	must(found == NULL || encoding_name(found) == found);
	must(confidence >= 0 && confidence <= 100);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		int rc = encoding_read(&out, names[i], bytes, len);

		must(rc == TM_EINVAL || (rc == 0 && utf8_valid(out.data, out.len)));
		must(i > 0 || rc < 0 || utf8_valid(bytes, len));
		buf_clear(&out);
	}
	buf_free(&out);
}

static void check_zone(const char *bytes, size_t len)
{
	static const char *const names[] = {"Asia/Shanghai", "Europe/Berlin", "America/New_York",
		"Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca"};
	enum zone_times times;
	struct zone *zone;
	int64_t local, ms, offset;

	if (len < 9)
		return;
	memcpy(&local, bytes + 1, sizeof local);
	local = local % (DATE_MS_MAX / 8);
	must(zone_new(&zone, names[(unsigned char)bytes[0] % 6]) == 0);
	must(zone_instant(zone, local, &ms, &times) == 0);
	must(zone_offset(zone, ms, &offset) == 0);
	must((ms + offset == local) == (times != ZONE_NEVER));
	must(times != ZONE_NEVER || ms + offset > local);
	zone_free(zone);
}

static void check_url(const char *text, size_t len, bool plus)
{
	char *out = malloc(len > 0 ? len : 1);
	long done;

	must(out != NULL);
	done = url_decode(out, text, len, plus);
	must(done < 0 || ((size_t)done <= len && utf8_valid(out, (size_t)done)));
	free(out);
}

/* Opens nothing that was not sealed, and everything that was, unless a byte of it has changed. */
static void check_seal(const char *text, size_t len, unsigned at)
{
	static const unsigned char key[SEAL_KEY] = "thirty-two bytes that are secret";
	char *sealed = malloc(seal_len(len) + 1);
	unsigned char *plain = malloc(base64_bytes_max(seal_len(len)) + len);
	size_t plain_len;

	must(sealed != NULL && plain != NULL);
	must(seal_open(plain, &plain_len, text, len, "for", 3, key) == TM_EINVAL);
	must(seal(sealed, text, len, "for", 3, key) == 0);
	must(seal_open(plain, &plain_len, sealed, seal_len(len), "for", 3, key) == 0);
	must(plain_len == len && memcmp(plain, text, len) == 0);
	must(seal_open(plain, &plain_len, sealed, seal_len(len), "for", 2, key) == TM_EINVAL);
	at = at * 7919u % (unsigned)seal_len(len);
	sealed[at] = sealed[at] == 'A' ? 'B' : 'A';
	must(seal_open(plain, &plain_len, sealed, seal_len(len), "for", 3, key) == TM_EINVAL);
	free(plain);
	free(sealed);
}

static void check_base64(enum base64 kind, const char *text, size_t len)
{
	char *bytes = malloc(base64_bytes_max(len)), *again = malloc(len + 1);
	size_t bytes_len;

	must(bytes != NULL && again != NULL);
	if (base64_read(kind, bytes, &bytes_len, text, len) == 0) {
		must(base64_len(kind, bytes_len) == len);
		base64_write(kind, again, bytes, bytes_len);
		must(memcmp(again, text, len) == 0);
	}
	free(bytes);
	free(again);
}

void fuzz_one(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;

	if (size < 2)
		return;
	switch (data[0] % 10) {
	case 0:
		check_decimal(text, size - 1, data[0] / 10 % (DECIMAL_SCALE_MAX + 1));
		break;
	case 1:
		check_date(text, size - 1);
		break;
	case 2:
		check_utf8(text, size - 1);
		break;
	case 3:
		check_url(text, size - 1, data[0] & 64);
		break;
	case 4:
		check_seal(text, size - 1, data[0] / 10);
		break;
	case 5:
		check_language(text, size - 1, "en");
		break;
	case 6:
		check_language(text, size - 1, "zh");
		break;
	case 7:
		check_encoding(text, size - 1);
		break;
	case 8:
		check_zone(text, size - 1);
		break;
	default:
		check_base64(data[0] & 64 ? BASE64 : BASE64_URL, text, size - 1);
	}
}
