#include "base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *buf_reserve(struct buf *buf, size_t more)
{
	size_t room = buf->room ? buf->room : 64;
	char *grown;

	if (buf->failed || more > SIZE_MAX / 4 || buf->len > SIZE_MAX / 4) {
		buf->failed = true;
		return NULL;
	}
	if (buf->room - buf->len > more)
		return buf->data + buf->len;
	while (room - buf->len <= more)
		room *= 2;
	grown = realloc(buf->data, room);
	if (grown == NULL) {
		buf->failed = true;
		return NULL;
	}
	buf->data = grown;
	buf->room = room;
	return buf->data + buf->len;
}

void buf_append(struct buf *buf, const void *bytes, size_t len)
{
	char *to = buf_reserve(buf, len);

	if (to == NULL || len == 0)
		return;
	memcpy(to, bytes, len);
	buf->len += len;
}

void buf_puts(struct buf *buf, const char *text)
{
	buf_append(buf, text, strlen(text));
}

void buf_putc(struct buf *buf, char c)
{
	buf_append(buf, &c, 1);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;
	char *to;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0) {
		buf->failed = true;
		return;
	}
	to = buf_reserve(buf, (size_t)len + 1);
	if (to == NULL)
		return;
	va_start(args, format);
	vsnprintf(to, (size_t)len + 1, format, args);
	va_end(args);
	buf->len += (size_t)len;
}

const char *buf_text(struct buf *buf)
{
	char *end = buf_reserve(buf, 1);

	if (end == NULL)
		return NULL;
	*end = '\0';
	return buf->data;
}

void buf_consume(struct buf *buf, size_t len)
{
	if (len < buf->len)
		memmove(buf->data, buf->data + len, buf->len - len);
	buf->len = len < buf->len ? buf->len - len : 0;
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
	buf->failed = false;
}

char *buf_take(struct buf *buf, size_t *len)
{
	char *data = buf_text(buf) ? buf->data : NULL;

	if (data == NULL)
		return NULL;
	if (len != NULL)
		*len = buf->len;
	*buf = BUF_EMPTY;
	return data;
}

void buf_free(struct buf *buf)
{
	free(buf->data);
	*buf = BUF_EMPTY;
}
