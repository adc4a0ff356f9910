#include "net/http_chunks.h"

enum {
	DIGITS_MOST = 16,
	EXTENSION_MOST = 8192 /* of the whole body: nobody is known to use them */
};

enum state {
	SIZE,
	AFTER_SIZE, /* blanks before the ";" of an extension */
	NAME_BEGIN,
	NAME,
	AFTER_NAME,
	VALUE_BEGIN,
	VALUE,
	QUOTED,
	QUOTED_PAIR,
	AFTER_QUOTED,
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	/* From here on: trailers. */
	TRAILER_BEGIN,
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,
	LAST_LF,
	DONE
};

static bool refuse(struct http_chunks *chunks, int status, const char *reason)
{
	chunks->refusal = (struct http_refusal){status, reason};
	return false;
}

static bool go(struct http_chunks *chunks, enum state state)
{
	chunks->state = state;
	return true;
}

static bool is_token(char c)
{
	return http_token_chars[(unsigned char)c];
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* What may follow a size or a whole extension. */
static bool size_ends(struct http_chunks *chunks, char c)
{
	if (c == '\r')
		return go(chunks, SIZE_LF);
	if (c == ';')
		return go(chunks, NAME_BEGIN);
	if (is_blank(c))
		return go(chunks, AFTER_SIZE);
	return refuse(chunks, 400, "A chunk's size is malformed.");
}

static bool size_byte(struct http_chunks *chunks, char c)
{
	int digit = hex_digit(c);

	/* A tab is refused by the parser here, though RFC 9112 would bear it as it does a space. */
	if (digit < 0 && chunks->digits > 0 && c != '\t')
		return size_ends(chunks, c);
	if (digit < 0 || ++chunks->digits > DIGITS_MOST)
		return refuse(chunks, 400, "A chunk's size is malformed.");
	chunks->size = chunks->size << 4 | (unsigned)digit;
	return true;
}

static bool size_whole(struct http_chunks *chunks, char c, const struct http_limits *limits)
{
	if (c != '\n')
		return refuse(chunks, 400, "A chunk's size does not end with CR and LF.");
	if (chunks->size > limits->body - chunks->body)
		return refuse(chunks, 413, "The body is too long.");
	chunks->body += chunks->size;
	chunks->digits = 0;
	return go(chunks, chunks->size > 0 ? DATA : TRAILER_BEGIN);
}

/* ";" name [ "=" value ], where blanks are borne wherever RFC 9112 bears them. */
static bool extension_byte(struct http_chunks *chunks, char c)
{
	switch ((enum state)chunks->state) {
	case AFTER_SIZE:
		if (is_blank(c) || c == ';')
			return size_ends(chunks, c);
		break;
	case NAME_BEGIN:
		if (is_blank(c))
			return true;
		if (is_token(c))
			return go(chunks, NAME);
		break;
	case NAME:
		if (is_token(c))
			return true;
		if (c == '\r' || c == ';')
			return size_ends(chunks, c);
		if (c == '=')
			return go(chunks, VALUE_BEGIN);
		if (is_blank(c))
			return go(chunks, AFTER_NAME);
		break;
	case AFTER_NAME:
		if (c == '=')
			return go(chunks, VALUE_BEGIN);
		if (is_blank(c))
			return true;
		if (c == ';')
			return size_ends(chunks, c);
		break;
	case VALUE_BEGIN:
		if (is_blank(c))
			return true;
		if (c == '"')
			return go(chunks, QUOTED);
		if (is_token(c))
			return go(chunks, VALUE);
		break;
	case VALUE:
		return is_token(c) || size_ends(chunks, c);
	case QUOTED:
		if (c == '"')
			return go(chunks, AFTER_QUOTED);
		if (c == '\\')
			return go(chunks, QUOTED_PAIR);
		if (http_value_chars[(unsigned char)c])
			return true;
		break;
	case QUOTED_PAIR:
		if (http_value_chars[(unsigned char)c])
			return go(chunks, QUOTED);
		break;
	default:
		return size_ends(chunks, c);
	}
	return refuse(chunks, 400, "A chunk's extension is malformed.");
}

static bool extension(struct http_chunks *chunks, char c)
{
	if (++chunks->extension_size > EXTENSION_MOST)
		return refuse(chunks, 400, "The chunk extensions are too long.");
	return extension_byte(chunks, c);
}

static bool trailer_byte(struct http_chunks *chunks, char c)
{
	switch ((enum state)chunks->state) {
	case TRAILER_BEGIN:
		if (c == '\r')
			return go(chunks, LAST_LF);
		chunks->trailers++;
		if (is_token(c))
			return go(chunks, TRAILER_NAME);
		break;
	case TRAILER_NAME:
		if (c == ':')
			return go(chunks, TRAILER_VALUE);
		if (is_token(c))
			return true;
		break;
	case TRAILER_VALUE:
		if (c == '\r')
			return go(chunks, TRAILER_LF);
		if (http_value_chars[(unsigned char)c])
			return true;
		break;
	case TRAILER_LF:
		if (c == '\n')
			return go(chunks, TRAILER_BEGIN);
		break;
	default:
		if (c == '\n')
			return go(chunks, DONE);
	}
	return refuse(chunks, 400, "A trailer is malformed.");
}

static bool trailer(struct http_chunks *chunks, char c, const struct http_limits *limits)
{
	if (++chunks->trailer_size > limits->head)
		return refuse(chunks, 431, "The trailers are too long.");
	if (!trailer_byte(chunks, c))
		return false;
	if (chunks->trailers > limits->headers)
		return refuse(chunks, 431, "The request has too many trailers.");
	return true;
}

static bool byte(struct http_chunks *chunks, char c, const struct http_limits *limits)
{
	if (http_chunks_trail(chunks))
		return trailer(chunks, c, limits);
	switch ((enum state)chunks->state) {
	case SIZE:
		return size_byte(chunks, c);
	case SIZE_LF:
		return size_whole(chunks, c, limits);
	case DATA_CR:
		if (c == '\r')
			return go(chunks, DATA_LF);
		break;
	case DATA_LF:
		if (c == '\n')
			return go(chunks, SIZE);
		break;
	default:
		return extension(chunks, c);
	}
	return refuse(chunks, 400, "A chunk does not end with CR and LF.");
}

bool http_chunks_trail(const struct http_chunks *chunks)
{
	return chunks->state >= TRAILER_BEGIN;
}

enum http_check http_chunks_check(struct http_chunks *chunks, const char *bytes, size_t len,
	size_t *used, const struct http_limits *limits)
{
	bool trails = http_chunks_trail(chunks);
	size_t at = 0;

	while (at < len && chunks->state != DONE && trails == http_chunks_trail(chunks)) {
		if (chunks->state == DATA) {
			size_t step = len - at < chunks->size ? len - at : (size_t)chunks->size;

			at += step;
			chunks->size -= step;
			if (chunks->size == 0)
				chunks->state = DATA_CR;
		} else if (byte(chunks, bytes[at], limits)) {
			at++;
		} else {
			return HTTP_REFUSED;
		}
	}
	*used = at;
	return chunks->state == DONE ? HTTP_WHOLE : HTTP_MORE;
}
