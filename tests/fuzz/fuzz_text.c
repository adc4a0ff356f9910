/* Numbers, days, instants and texts: what is read is written back the same, and what is taken for
 * a text is one. The first byte chooses. */
#include "fuzz.h"

#include "base/buf.h"
#include "base/err.h"
#include "text/base64.h"
#include "text/date.h"
#include "text/decimal.h"
#include "text/hash.h"
#include "text/seal.h"
#include "text/url.h"
#include "text/utf8.h"

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

static void check_utf8(const char *text, size_t len)
{
	struct buf lower = BUF_EMPTY, normal = BUF_EMPTY, again = BUF_EMPTY;
	bool valid = utf8_valid(text, len);
	const char *core = text;
	size_t core_len = len;

	if (!valid) {
		if (len > 0 && memchr(text, '\0', len) == NULL) {
			must(utf8_lower(&lower, text, len) == TM_EINVAL);
			must(utf8_normalize(&normal, text, len) == TM_EINVAL);
		}
		buf_free(&lower);
		buf_free(&normal);
		return;
	}
	utf8_trim(&core, &core_len);
	must(core >= text && core + core_len <= text + len && utf8_valid(core, core_len));
	must(utf8_length(text, len) <= len);
	must(utf8_lower(&lower, text, len) == 0 && utf8_valid(lower.data, lower.len));
	must(utf8_normalize(&normal, text, len) == 0 && utf8_valid(normal.data, normal.len));
	must(utf8_normalize(&again, normal.data, normal.len) == 0);
	must(again.len == normal.len &&
		(again.len == 0 || memcmp(again.data, normal.data, again.len) == 0));
	buf_free(&lower);
	buf_free(&normal);
	buf_free(&again);
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
	switch (data[0] % 6) {
	case 0:
		check_decimal(text, size - 1, data[0] / 6 % (DECIMAL_SCALE_MAX + 1));
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
		check_seal(text, size - 1, data[0] / 6);
		break;
	default:
		check_base64(data[0] & 64 ? BASE64 : BASE64_URL, text, size - 1);
	}
}
