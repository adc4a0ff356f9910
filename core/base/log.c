#include "base/log.h"

#include "base/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum log_level lowest = LOG_INFO;

/* Room that is always left for the end of a line that was cut. */
enum { TAIL = 8 };

void log_set_level(enum log_level level)
{
	lowest = level;
}

static void put(struct log_line *line, const char *bytes, size_t len)
{
	size_t room = sizeof line->text - TAIL - line->len;

	if (len > room)
		len = room;
	if (len > 0)
		memcpy(line->text + line->len, bytes, len);
	line->len += len;
}

static bool is_plain(const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)value[i] <= ' ' || value[i] == '"' || value[i] == '=' ||
			value[i] == '\\' || value[i] == 127)
			return false;
	return len > 0;
}

static void put_quoted(struct log_line *line, const char *value, size_t len)
{
	char code[8];

	put(line, "\"", 1);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)value[i];

		if (c == '"' || c == '\\') {
			put(line, "\\", 1);
			put(line, value + i, 1);
		} else if (c == '\n') {
			put(line, "\\n", 2);
		} else if (c < ' ' || c == 127) {
			put(line, code, (size_t)snprintf(code, sizeof code, "\\u%04x", c));
		} else {
			put(line, value + i, 1);
		}
	}
	put(line, "\"", 1);
}

void log_begin(struct log_line *line, enum log_level level, const char *event)
{
	static const char *const names[] = {"debug", "info ", "warn ", "error"};
	char now[25];

	line->len = 0;
	if (level < lowest) {
		line->len = sizeof line->text;
		return;
	}
	clock_format(clock_utc_ms(), now);
	put(line, now, strlen(now));
	put(line, " ", 1);
	put(line, names[level], 5);
	put(line, " ", 1);
	put(line, event, strlen(event));
}

void log_bytes(struct log_line *line, const char *key, const char *value, size_t len)
{
	if (line->len == sizeof line->text)
		return;
	put(line, " ", 1);
	put(line, key, strlen(key));
	put(line, "=", 1);
	if (is_plain(value, len))
		put(line, value, len);
	else
		put_quoted(line, value, len);
}

void log_text(struct log_line *line, const char *key, const char *value)
{
	log_bytes(line, key, value, strlen(value));
}

void log_int(struct log_line *line, const char *key, int64_t value)
{
	char digits[24];

	log_bytes(line, key, digits,
		(size_t)snprintf(digits, sizeof digits, "%lld", (long long)value));
}

void log_ms(struct log_line *line, const char *key, int64_t nanoseconds)
{
	char digits[32];

	log_bytes(line, key, digits,
		(size_t)snprintf(digits, sizeof digits, "%.3f", (double)nanoseconds / 1e6));
}

/* Whether the line ends inside a quoted value. */
static bool is_open(const struct log_line *line)
{
	bool open = false;

	for (size_t i = 0; i < line->len; i++)
		if (line->text[i] == '\\')
			i++;
		else if (line->text[i] == '"')
			open = !open;
	return open;
}

void log_end(struct log_line *line)
{
	size_t done = 0;

	if (line->len == sizeof line->text)
		return;
	if (line->len == sizeof line->text - TAIL) {
		const char *end = is_open(line) ? "…\"" : "…";

		memcpy(line->text + line->len, end, strlen(end));
		line->len += strlen(end);
	}
	line->text[line->len++] = '\n';
	while (done < line->len) {
		ssize_t n = write(STDERR_FILENO, line->text + done, line->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* nowhere left to say so */
		done += (size_t)n;
	}
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
	struct log_line line;
	char text[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	log_begin(&line, level, event);
	log_text(&line, "text", text);
	log_end(&line);
}
