/* core/text/date.h: instants as RFC 3339 writes them, and days of the calendar.
 *
 * An instant is UTC milliseconds since 1970; a day has no zone. The calendar is the Gregorian one,
 * carried back before its time, for the years 0001 to 9999. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DATE_DAY_LEN 10     /* 2026-11-24 */
#define DATE_INSTANT_LEN 24 /* 2026-11-24T03:52:01.123Z */

/* The first and the last instant that can be written. */
#define DATE_MS_MIN INT64_C(-62135596800000)
#define DATE_MS_MAX INT64_C(253402300799999)

struct date {
	int year;
	unsigned month; /* 1 to 12 */
	unsigned day;   /* 1 to 31 */
};

/* Days since 1970-01-01 of a valid date, and back. */
int64_t date_to_days(struct date date);
struct date date_from_days(int64_t days);

/* Reads YYYY-MM-DD; false when it is not a day of the calendar. */
bool date_parse_day(struct date *date, const char *text, size_t len);

/* Reads an RFC 3339 instant with any offset; digits beyond milliseconds are cut. A leap second
 * counts as the second after it. False when it is not one, or lies outside the calendar in UTC. */
bool date_parse_instant(int64_t *ms, const char *text, size_t len);

/* Writes the day on which `ms` falls in UTC, or the instant itself, without a NUL. False when `ms`
 * lies outside the calendar. */
bool date_format_day(char text[DATE_DAY_LEN], int64_t ms);
bool date_format_instant(char text[DATE_INSTANT_LEN], int64_t ms);
