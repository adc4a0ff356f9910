/* core/base/buf.h: a growing run of bytes.
 *
 * The owner embeds it, starts with `BUF_EMPTY` (or zeroes) and ends with buf_free. The bytes move
 * when the buffer grows, so no pointer into it may be kept over an append. An append that finds no
 * memory marks the buffer `failed` and is ignored, as are all after it: check once at the end. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data;
	size_t len;
	size_t room;
	bool failed;
};

#define BUF_EMPTY ((struct buf){0})

/* Makes room for `more` further bytes; returns where they go, or NULL when there is no memory. */
char *buf_reserve(struct buf *buf, size_t more);

void buf_append(struct buf *buf, const void *bytes, size_t len);
void buf_puts(struct buf *buf, const char *text);
void buf_putc(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The bytes as a C string: a NUL stands after them, outside `len`. NULL when the buffer has failed.
 */
const char *buf_text(struct buf *buf);

/* Drops the first `len` bytes and moves the rest to the front. */
void buf_consume(struct buf *buf, size_t len);

/* Empties the buffer and keeps its memory. */
void buf_clear(struct buf *buf);

/* Hands the bytes (NUL-terminated, from malloc) to the caller and leaves the buffer empty. */
char *buf_take(struct buf *buf, size_t *len);

void buf_free(struct buf *buf);
