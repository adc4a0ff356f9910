/* core/text/gzip.h: packing in the gzip format (RFC 1952).
 *
 * A packer holds some 270 KiB from its making on, and is used for one text after another, by one
 * thread. The functions without a packer may be called on any thread. */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum gzip_effort { GZIP_QUICK = 1, GZIP_SMALL = 9 };

struct gzip;

/* NULL without memory. */
struct gzip *gzip_new(enum gzip_effort effort);
void gzip_free(struct gzip *gzip);

/* Appends the packed bytes; false, with nothing appended, when they are not shorter or there is no
 * memory. */
bool gzip_pack(struct gzip *gzip, const void *bytes, size_t len, struct buf *to);

/* For a text that comes in pieces: appends what unpacks to all that has come so far, and with the
 * `last` piece, after which the packer is good for nothing more, the end. False without memory. */
bool gzip_piece(struct gzip *gzip, const void *bytes, size_t len, bool last, struct buf *to);

/* Whether `packed` is `bytes`, packed as one member. */
bool gzip_is(const void *packed, size_t packed_len, const void *bytes, size_t len);
