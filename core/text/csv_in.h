/* core/text/csv_in.h: reads the rows of a CSV file one by one, however long the file is.
 *
 * RFC 4180 with what files in the wild have: any of the three line ends, a byte order mark, empty
 * lines (passed over), a quote in the midst of a field that does not begin with one (it stands for
 * itself). What could be read in two ways is refused with its line: text behind a closing quote,
 * blanks before an opening one, a quote that is never closed. A row of more than CSV_IN_ROW_MAX
 * bytes is refused too, so that a missing quote cannot take the whole file into memory. Bytes are
 * not checked for UTF-8: that is for those who know the field.
 *
 * The reader belongs to whoever opened it, and blocks on the disk. One thread at a time. */
#pragma once

#include "base/err.h"

#include <stddef.h>

enum { CSV_IN_ROW_MAX = 1024 * 1024, CSV_IN_FIELDS_MAX = 4096 };

struct csv_in;

struct csv_field {
	const char *text; /* not NUL-terminated; valid until the next call */
	size_t len;
};

/* Returns 0 and the reader, or TM_ENOENT, TM_EIO, TM_ENOMEM and words. */
int csv_in_open(struct csv_in **in, const char *path, struct err *err);

/* Reads the next row: returns how many fields it has (at least 1), 0 at the end, TM_EINVAL for a
 * text that is no CSV, or TM_EIO, TM_ENOMEM. After an error there are no more rows. */
int csv_in_next(struct csv_in *in, struct err *err);

/* Field `i` of the row that csv_in_next has just read. */
struct csv_field csv_in_field(const struct csv_in *in, unsigned i);

/* The line (from 1) on which that row began, or on which the error stands. */
size_t csv_in_line(const struct csv_in *in);

void csv_in_close(struct csv_in *in);
