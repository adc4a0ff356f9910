/* CSV in: any file is read to its end or to a fault; what was read, written and read again is the
 * same rows. */
#include "fuzz.h"

#include "text/csv_in.h"
#include "text/csv_out.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int fd;
static char path[64];

void fuzz_start(void)
{
	fd = memfd_create("fuzz.csv", MFD_CLOEXEC);
	must(fd >= 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
}

static void fill(const void *bytes, size_t len)
{
	must(ftruncate(fd, 0) == 0);
	must(pwrite(fd, bytes, len, 0) == (ssize_t)len);
}

/* Reads what is in the file and writes it: one line for each row. Returns how many rows there were,
 * or an error. */
static int rewrite(struct buf *out)
{
	struct csv_in *in;
	struct err err;
	int count, rows = 0;
	size_t line = 0;

	must(csv_in_open(&in, path, &err) == 0);
	while ((count = csv_in_next(in, &err)) > 0) {
		size_t len = 0;

		must(count <= CSV_IN_FIELDS_MAX);
		must(csv_in_line(in) > line);
		line = csv_in_line(in);
		for (int i = 0; i < count; i++) {
			struct csv_field field = csv_in_field(in, (unsigned)i);

			len += field.len;
			if (i > 0)
				buf_putc(out, ',');
			csv_out_field(out, field.text, field.len);
		}
		must(len <= CSV_IN_ROW_MAX);
		buf_putc(out, '\n');
		rows++;
	}
	must(count == 0 || (count == TM_EINVAL && err.text[0] != '\0'));
	must(csv_in_next(in, &err) <= 0);
	csv_in_close(in);
	must(!out->failed);
	return rows;
}

void fuzz_one(const uint8_t *data, size_t size)
{
	struct buf once = BUF_EMPTY, twice = BUF_EMPTY;
	int rows;

	fill(data, size);
	rows = rewrite(&once);
	fill(once.data, once.len);
	must(rewrite(&twice) == rows);
	must(once.len == twice.len &&
		(once.len == 0 || memcmp(once.data, twice.data, once.len) == 0));
	buf_free(&once);
	buf_free(&twice);
}
