#include "text/json_out.h"

#include "base/err.h"
#include "text/decimal.h"
#include "text/utf8.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static void put_escape(struct buf *out, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";
	char code[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
	static const char letters[] = "\b\t\n\f\r";
	static const char names[] = "btnfr";

	if (c == '"' || c == '\\') {
		code[1] = (char)c;
		buf_append(out, code, 2);
		return;
	}
	for (unsigned i = 0; i < sizeof names - 1; i++) {
		if (c == (unsigned char)letters[i]) {
			code[1] = names[i];
			buf_append(out, code, 2);
			return;
		}
	}
	buf_append(out, code, sizeof code);
}

int json_out_string(struct buf *out, const char *text, size_t len)
{
	size_t done = 0;
	size_t at = 0;

	buf_putc(out, '"');
	while (at < len) {
		unsigned char c = (unsigned char)text[at];
		unsigned step;

		if (is_plain(c)) {
			at++;
			continue;
		}
		if (c >= 0x80) {
			step = utf8_step(text + at, len - at);
			if (step == 0)
				return TM_EINVAL;
			at += step;
			continue;
		}
		buf_append(out, text + done, at - done);
		put_escape(out, c);
		done = ++at;
	}
	buf_append(out, text + done, len - done);
	buf_putc(out, '"');
	return 0;
}

void json_out_integer(struct buf *out, int64_t value)
{
	uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
	char digits[20];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (value < 0)
		buf_putc(out, '-');
	buf_append(out, digits + at, sizeof digits - at);
}

int json_out_double(struct buf *out, double value)
{
	char digits[32];
	int len = 0;

	if (!isfinite(value))
		return TM_EINVAL;
	if (value == 0) {
		/* -0 would read back as the integer 0, which is another text. */
		buf_putc(out, '0');
		return 0;
	}
	for (int precision = 15; precision <= 17; precision++) {
		len = snprintf(digits, sizeof digits, "%.*g", precision, value);
		if (strtod(digits, NULL) == value)
			break;
	}
	buf_append(out, digits, (size_t)len);
	return 0;
}

void json_out_decimal(struct buf *out, int64_t units, unsigned scale)
{
	char text[DECIMAL_TEXT_MAX];

	buf_putc(out, '"');
	buf_append(out, text, decimal_format(text, units, scale));
	buf_putc(out, '"');
}

void json_out_money(struct buf *out, int64_t units, unsigned scale, const char *currency)
{
	buf_puts(out, "{\"amount\":");
	json_out_decimal(out, units, scale);
	buf_puts(out, ",\"currency\":\"");
	buf_puts(out, currency);
	buf_puts(out, "\"}");
}
