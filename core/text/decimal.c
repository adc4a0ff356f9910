#include "text/decimal.h"

#include <assert.h>
#include <string.h>

static size_t count_digits(const char *text, size_t len)
{
	size_t count = 0;

	while (count < len && text[count] >= '0' && text[count] <= '9')
		count++;
	return count;
}

/* Appends digits to a number that is kept negative, for there is one more negative number than
 * positive. */
static bool push_digits(int64_t *negative, const char *digits, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (__builtin_mul_overflow(*negative, 10, negative) ||
			__builtin_sub_overflow(*negative, digits[i] - '0', negative))
			return false;
	return true;
}

enum decimal_fault decimal_parse(int64_t *units, const char *text, size_t len, unsigned scale)
{
	static const char zeros[] = "000000000000000000";
	bool minus = len > 0 && text[0] == '-';
	const char *whole = text + minus;
	size_t whole_len = count_digits(whole, len - minus);
	const char *part = whole + whole_len;
	size_t part_len = 0;
	int64_t value = 0;

	assert(scale <= DECIMAL_SCALE_MAX);
	if (part < text + len && *part == '.') {
		part++;
		part_len = count_digits(part, (size_t)(text + len - part));
		if (part_len == 0)
			return DECIMAL_SYNTAX;
	}
	if (whole_len == 0 || part + part_len != text + len)
		return DECIMAL_SYNTAX;
	if (part_len > scale)
		return DECIMAL_SCALE;
	if (!push_digits(&value, whole, whole_len) || !push_digits(&value, part, part_len) ||
		!push_digits(&value, zeros, scale - part_len))
		return DECIMAL_OVERFLOW;
	if (!minus && __builtin_sub_overflow((int64_t)0, value, &value))
		return DECIMAL_OVERFLOW;
	*units = value;
	return DECIMAL_FINE;
}

size_t decimal_format(char *text, int64_t units, unsigned scale)
{
	uint64_t rest = units < 0 ? -(uint64_t)units : (uint64_t)units;
	char digits[DECIMAL_TEXT_MAX];
	size_t at = sizeof digits;
	size_t len;

	assert(scale <= DECIMAL_SCALE_MAX);
	digits[--at] = '\0';
	for (unsigned done = 0; done == 0 || rest > 0 || done <= scale; done++) {
		if (done == scale && scale > 0)
			digits[--at] = '.';
		digits[--at] = (char)('0' + rest % 10);
		rest /= 10;
	}
	if (units < 0)
		digits[--at] = '-';
	len = sizeof digits - at - 1;
	memcpy(text, digits + at, len + 1);
	return len;
}

bool decimal_add(int64_t *result, int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return false;
	*result = sum;
	return true;
}

bool decimal_sub(int64_t *result, int64_t a, int64_t b)
{
	int64_t rest;

	if (__builtin_sub_overflow(a, b, &rest))
		return false;
	*result = rest;
	return true;
}

bool decimal_mul(int64_t *result, int64_t units, int64_t times)
{
	int64_t product;

	if (__builtin_mul_overflow(units, times, &product))
		return false;
	*result = product;
	return true;
}

unsigned decimal_currency_digits(const char currency[3])
{
	/* Those whose minor unit is not a hundredth: the code, then the digits. */
	static const char others[] = "BHD3BIF0CLP0DJF0GNF0IQD3ISK0JOD3JPY0KMF0KRW0KWD3"
				     "LYD3OMR3PYG0RWF0TND3UGX0UYI0VND0VUV0XAF0XOF0XPF0";

	for (const char *one = others; *one != '\0'; one += 4)
		if (memcmp(one, currency, 3) == 0)
			return (unsigned)(one[3] - '0');
	return 2;
}
