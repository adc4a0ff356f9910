#include "text/gzip.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { WINDOW_BITS = 15, GZIP_FORMAT = 16, MEMORY = 8, PIECE = 16 * 1024 };

struct gzip {
	z_stream stream;
};

struct gzip *gzip_new(enum gzip_effort effort)
{
	struct gzip *gzip = calloc(1, sizeof *gzip);

	if (gzip != NULL && deflateInit2(&gzip->stream, (int)effort, Z_DEFLATED,
				    WINDOW_BITS + GZIP_FORMAT, MEMORY, Z_DEFAULT_STRATEGY) == Z_OK)
		return gzip;
	free(gzip);
	return NULL;
}

void gzip_free(struct gzip *gzip)
{
	if (gzip == NULL)
		return;
	deflateEnd(&gzip->stream);
	free(gzip);
}

/* The room that is given is as long as the text: what does not fit is not worth it. */
bool gzip_pack(struct gzip *gzip, const void *bytes, size_t len, struct buf *to)
{
	z_stream *stream = &gzip->stream;
	char *out = len < UINT_MAX ? buf_reserve(to, len) : NULL;

	if (out == NULL || deflateReset(stream) != Z_OK)
		return false;
	stream->next_in = (z_const Bytef *)bytes;
	stream->avail_in = (uInt)len;
	stream->next_out = (Bytef *)out;
	stream->avail_out = (uInt)len;
	if (deflate(stream, Z_FINISH) != Z_STREAM_END || stream->avail_out == 0)
		return false;
	to->len += len - stream->avail_out;
	return true;
}

/* As zlib asks: again while the room was filled. */
bool gzip_piece(struct gzip *gzip, const void *bytes, size_t len, bool last, struct buf *to)
{
	z_stream *stream = &gzip->stream;

	stream->next_in = (z_const Bytef *)bytes;
	stream->avail_in = (uInt)len;
	do {
		char *out = len < UINT_MAX ? buf_reserve(to, PIECE) : NULL;

		if (out == NULL)
			return false;
		stream->next_out = (Bytef *)out;
		stream->avail_out = PIECE;
		if (deflate(stream, last ? Z_FINISH : Z_SYNC_FLUSH) == Z_STREAM_ERROR)
			return false;
		to->len += PIECE - stream->avail_out;
	} while (stream->avail_out == 0);
	return true;
}

bool gzip_is(const void *packed, size_t packed_len, const void *bytes, size_t len)
{
	z_stream stream = {.next_in = (z_const Bytef *)packed, .avail_in = (uInt)packed_len};
	unsigned char piece[PIECE];
	size_t at = 0;
	int rc = Z_OK;

	if (packed_len >= UINT_MAX || inflateInit2(&stream, WINDOW_BITS + GZIP_FORMAT) != Z_OK)
		return false;
	while (rc == Z_OK) {
		size_t got;

		stream.next_out = piece;
		stream.avail_out = sizeof piece;
		rc = inflate(&stream, Z_NO_FLUSH);
		got = sizeof piece - stream.avail_out;
		if (got > len - at || memcmp(piece, (const char *)bytes + at, got) != 0)
			rc = Z_DATA_ERROR;
		at += got;
	}
	inflateEnd(&stream);
	return rc == Z_STREAM_END && at == len && stream.avail_in == 0;
}
