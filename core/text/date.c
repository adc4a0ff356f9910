#include "text/date.h"

#include <string.h>

#define MINUTE_MS INT64_C(60000)
#define DAY_MS INT64_C(86400000)

/* Both ways count years from 1 March, so that the leap day is the last of its year, and in eras of
 * 400 years, after which the calendar repeats (146,097 days). */
int64_t date_to_days(struct date date)
{
	int64_t year = date.year - (date.month <= 2);
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t of_era = year - era * 400;
	int64_t month = (date.month + 9) % 12;
	int64_t of_year = (153 * month + 2) / 5 + date.day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

struct date date_from_days(int64_t days)
{
	int64_t shifted = days + 719468;
	int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
	int64_t day_of_era = shifted - era * 146097;
	int64_t of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t of_year = day_of_era - (365 * of_era + of_era / 4 - of_era / 100);
	int64_t month = (5 * of_year + 2) / 153;
	struct date date = {
		.month = (unsigned)(month < 10 ? month + 3 : month - 9),
		.day = (unsigned)(of_year - (153 * month + 2) / 5 + 1),
	};

	date.year = (int)(of_era + era * 400 + (date.month <= 2));
	return date;
}

/* What is still to be read; NULL once something was wrong. */
struct reader {
	const char *at;
	const char *end;
};

static unsigned read_number(struct reader *reader, unsigned digits)
{
	unsigned value = 0;

	for (unsigned i = 0; i < digits && reader->at != NULL; i++) {
		if (reader->at == reader->end || *reader->at < '0' || *reader->at > '9') {
			reader->at = NULL;
			return 0;
		}
		value = value * 10 + (unsigned)(*reader->at++ - '0');
	}
	return value;
}

/* Takes one character of `choice`, and returns it. */
static char read_mark(struct reader *reader, const char *choice)
{
	if (reader->at == NULL || reader->at == reader->end || *reader->at == '\0' ||
		strchr(choice, *reader->at) == NULL) {
		reader->at = NULL;
		return '\0';
	}
	return *reader->at++;
}

static bool next_is(const struct reader *reader, char c)
{
	return reader->at != NULL && reader->at < reader->end && *reader->at == c;
}

static unsigned days_of_month(int year, unsigned month)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

static struct date read_day(struct reader *reader)
{
	struct date date = {0};

	date.year = (int)read_number(reader, 4);
	read_mark(reader, "-");
	date.month = read_number(reader, 2);
	read_mark(reader, "-");
	date.day = read_number(reader, 2);
	if (date.year < 1 || date.month < 1 || date.month > 12 || date.day < 1 ||
		date.day > days_of_month(date.year, date.month))
		reader->at = NULL;
	return date;
}

/* Milliseconds of a fraction like .1234, or 0 when there is none. */
static unsigned read_fraction(struct reader *reader)
{
	unsigned weight = 100;
	unsigned ms = 0;

	if (!next_is(reader, '.'))
		return 0;
	reader->at++;
	do {
		ms += read_number(reader, 1) * weight;
		weight /= 10;
	} while (reader->at != NULL && reader->at < reader->end && *reader->at >= '0' &&
		 *reader->at <= '9');
	return ms;
}

/* Milliseconds that the zone is ahead of UTC. */
static int64_t read_offset(struct reader *reader)
{
	char mark = read_mark(reader, "Zz+-");
	unsigned hours;
	unsigned minutes;

	if (mark == 'Z' || mark == 'z' || mark == '\0')
		return 0;
	hours = read_number(reader, 2);
	read_mark(reader, ":");
	minutes = read_number(reader, 2);
	if (hours > 23 || minutes > 59)
		reader->at = NULL;
	return (mark == '-' ? -MINUTE_MS : MINUTE_MS) * (hours * 60 + minutes);
}

bool date_parse_day(struct date *date, const char *text, size_t len)
{
	struct reader reader = {text, text + len};

	*date = read_day(&reader);
	return reader.at == reader.end;
}

bool date_parse_instant(int64_t *ms, const char *text, size_t len)
{
	struct reader reader = {text, text + len};
	struct date date = read_day(&reader);
	unsigned hour;
	unsigned minute;
	unsigned second;
	unsigned fraction;
	int64_t to_minute;
	int64_t value;

	read_mark(&reader, "Tt");
	hour = read_number(&reader, 2);
	read_mark(&reader, ":");
	minute = read_number(&reader, 2);
	read_mark(&reader, ":");
	second = read_number(&reader, 2);
	fraction = read_fraction(&reader);
	to_minute = (hour * 60 + minute) * MINUTE_MS - read_offset(&reader);
	if (reader.at == NULL || reader.at != reader.end || hour > 23 || minute > 59 || second > 60)
		return false;
	to_minute += date_to_days(date) * DAY_MS;
	/* Leap seconds stand at the end of a day in UTC. */
	if (second == 60 && (to_minute + MINUTE_MS) % DAY_MS != 0)
		return false;
	value = to_minute + second * 1000 + fraction;
	if (value < DATE_MS_MIN || value > DATE_MS_MAX)
		return false;
	*ms = value;
	return true;
}

static void put_number(char *text, unsigned value, unsigned digits)
{
	while (digits-- > 0) {
		text[digits] = (char)('0' + value % 10);
		value /= 10;
	}
}

static int64_t day_of(int64_t ms)
{
	return (ms >= 0 ? ms : ms - (DAY_MS - 1)) / DAY_MS;
}

bool date_format_day(char text[DATE_DAY_LEN], int64_t ms)
{
	struct date date;

	if (ms < DATE_MS_MIN || ms > DATE_MS_MAX)
		return false;
	date = date_from_days(day_of(ms));
	memcpy(text, "0000-00-00", DATE_DAY_LEN);
	put_number(text, (unsigned)date.year, 4);
	put_number(text + 5, date.month, 2);
	put_number(text + 8, date.day, 2);
	return true;
}

bool date_format_instant(char text[DATE_INSTANT_LEN], int64_t ms)
{
	unsigned of_day;

	if (!date_format_day(text, ms))
		return false;
	of_day = (unsigned)(ms - day_of(ms) * DAY_MS);
	memcpy(text + DATE_DAY_LEN, "T00:00:00.000Z", DATE_INSTANT_LEN - DATE_DAY_LEN);
	put_number(text + 11, of_day / 3600000, 2);
	put_number(text + 14, of_day / 60000 % 60, 2);
	put_number(text + 17, of_day / 1000 % 60, 2);
	put_number(text + 20, of_day % 1000, 3);
	return true;
}
