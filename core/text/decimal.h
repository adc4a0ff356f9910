/* core/text/decimal.h: exact decimal numbers: 64-bit units of 10^-scale.
 *
 * 12.50 with scale 2 is 1250 units. The scale is the field's, not the number's, and stays outside:
 * every number of a column has the same. Arithmetic that would not fit is refused, never wrapped.
 * Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DECIMAL_SCALE_MAX 18
#define DECIMAL_TEXT_MAX 23 /* sign, 19 digits or "0." and 18, point, NUL */

enum decimal_fault {
	DECIMAL_FINE,
	DECIMAL_SYNTAX,  /* not a number like -12.50 */
	DECIMAL_SCALE,   /* more digits after the point than `scale` */
	DECIMAL_OVERFLOW /* does not fit */
};

/* Reads `-12.50`: no plus sign, no exponent, no blanks, a digit on both sides of a point. `scale`
 * is at most DECIMAL_SCALE_MAX. */
enum decimal_fault decimal_parse(int64_t *units, const char *text, size_t len, unsigned scale);

/* Writes the number with exactly `scale` digits after the point into `text` of DECIMAL_TEXT_MAX
 * bytes, with a NUL; returns its length. */
size_t decimal_format(char *text, int64_t units, unsigned scale);

/* How many digits a currency (three capital letters) has after the point (ISO 4217, table A.1). */
unsigned decimal_currency_digits(const char currency[3]);

/* Each returns false, and leaves `result` alone, when the result does not fit. */
bool decimal_add(int64_t *result, int64_t a, int64_t b);
bool decimal_sub(int64_t *result, int64_t a, int64_t b);
bool decimal_mul(int64_t *result, int64_t units, int64_t times);
