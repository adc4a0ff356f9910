/* core/base/log.h: one structured line for each thing worth knowing, on standard error.
 *
 *   2026-11-24T03:52:01.123Z info  request id=… method=GET path=/ status=200 ms=0.41
 *
 * A line is made in a buffer on the caller's stack and leaves in one write, so lines of several
 * threads never mix. Values that hold spaces, quotes or control characters are quoted as JSON
 * quotes them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_line {
	size_t len;
	char text[4096];
};

/* Lines below `level` are dropped. Called once, before there are threads. */
void log_set_level(enum log_level level);

/* Starts a line; `event` is a word or two that never varies, e.g. "request". */
void log_begin(struct log_line *line, enum log_level level, const char *event);
void log_text(struct log_line *line, const char *key, const char *value);
void log_bytes(struct log_line *line, const char *key, const char *value, size_t len);
void log_int(struct log_line *line, const char *key, int64_t value);
void log_ms(struct log_line *line, const char *key, int64_t nanoseconds);
/* Writes the line out. A line too long is cut and ends in "…". */
void log_end(struct log_line *line);

/* A whole line with one text: log_event(LOG_WARN, "watch", "%s: %s", path, why). */
void log_event(enum log_level level, const char *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
