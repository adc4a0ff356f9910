#include "text/csv_in.h"

#include "base/buf.h"

#include <csv.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 64 * 1024 };

/* libcsv tells neither where a row began nor where it is. So it is fed one physical line at a time:
 * a row can end only where a line does, and then whatever it reports belongs to the line just fed.
 */
struct csv_in {
	struct csv_parser parser;
	int fd;
	int failed;     /* the code that ended it, or 0 */
	bool at_end;    /* the file has been read to its end */
	bool finished;  /* and libcsv knows it */
	bool in_row;    /* a row has begun and not yet ended */
	bool row_ready; /* a row has ended: `fields` hold it */
	bool after_cr;  /* the last byte was a CR: a LF now belongs to the same line end */
	size_t line;    /* of the byte at `from` */
	size_t row_line;
	size_t row_bytes;
	size_t from; /* what of `chunk` is still to be fed */
	size_t to;
	struct buf text; /* the fields of the row, one after the other */
	struct buf ends; /* size_t: where each ends in `text` */
	char chunk[CHUNK];
};

static int never_blank(unsigned char c)
{
	(void)c;
	return 0;
}

static void on_field(void *bytes, size_t len, void *data)
{
	struct csv_in *in = data;

	buf_append(&in->text, bytes, len);
	buf_append(&in->ends, &in->text.len, sizeof in->text.len);
}

static void on_row(int last, void *data)
{
	struct csv_in *in = data;

	(void)last;
	in->row_ready = true;
}

/* Fills the chunk: less than the whole of it means that the file has ended. */
static int read_chunk(struct csv_in *in, struct err *err)
{
	in->from = 0;
	in->to = 0;
	while (in->to < sizeof in->chunk) {
		ssize_t n = read(in->fd, in->chunk + in->to, sizeof in->chunk - in->to);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, TM_EIO, "cannot read the file: %s", strerror(errno));
		if (n == 0)
			break;
		in->to += (size_t)n;
	}
	in->at_end = in->to < sizeof in->chunk;
	return 0;
}

static int read_first_chunk(struct csv_in *in, struct err *err)
{
	static const char mark[] = "\xef\xbb\xbf";
	int rc = read_chunk(in, err);

	if (rc == 0 && in->to >= 3 && memcmp(in->chunk, mark, 3) == 0)
		in->from = 3;
	return rc;
}

int csv_in_open(struct csv_in **result, const char *path, struct err *err)
{
	struct csv_in *in = calloc(1, sizeof *in);
	struct stat facts;
	int rc;

	if (in == NULL)
		return err_set(err, TM_ENOMEM, "out of memory");
	in->line = 1;
	in->row_line = 1;
	csv_init(&in->parser, CSV_STRICT | CSV_STRICT_FINI);
	csv_set_space_func(&in->parser, never_blank);
	/* A pipe would hold up whoever opens and reads it until somebody writes. */
	in->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (in->fd < 0 || fstat(in->fd, &facts) != 0)
		rc = err_set(err, errno == ENOENT ? TM_ENOENT : TM_EIO, "cannot open %s: %s", path,
			strerror(errno));
	else if (!S_ISREG(facts.st_mode))
		rc = err_set(err, TM_EINVAL, "%s is no file of rows", path);
	else
		rc = read_first_chunk(in, err);
	if (rc < 0) {
		csv_in_close(in);
		return rc;
	}
	*result = in;
	return 0;
}

/* How many of the waiting bytes belong to the present physical line, its end included. */
static size_t line_len(const struct csv_in *in)
{
	for (size_t i = in->from; i < in->to; i++)
		if (in->chunk[i] == '\n' || in->chunk[i] == '\r')
			return i + 1 - in->from;
	return in->to - in->from;
}

static bool is_blank(const unsigned char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] != ' ' && text[i] != '\t')
			return false;
	return true;
}

/* libcsv stopped at `quote`. Inside a field that began without a quote, it stands for itself, and
 * is fed once more with strictness off. */
static bool take_bare_quote(struct csv_in *in, const char *quote)
{
	struct csv_parser *parser = &in->parser;
	bool taken;

	if (*quote != '"' || parser->quoted || is_blank(parser->entry_buf, parser->entry_pos))
		return false;
	csv_set_opts(parser, CSV_STRICT_FINI);
	taken = csv_parse(parser, quote, 1, on_field, on_row, in) == 1;
	csv_set_opts(parser, CSV_STRICT | CSV_STRICT_FINI);
	return taken;
}

static int parse_error(struct csv_in *in, const char *at, struct err *err)
{
	if (csv_error(&in->parser) != CSV_EPARSE)
		return err_set(err, TM_ENOMEM, "out of memory");
	in->row_line = in->line;
	if (*at == '"' && !in->parser.quoted)
		return err_set(err, TM_EINVAL, "a quote after blanks: is it part of the field?");
	return err_set(err, TM_EINVAL,
		"a quote inside a quoted field that is neither doubled nor its end");
}

static int feed(struct csv_in *in, const char *bytes, size_t len, struct err *err)
{
	size_t done = 0;

	in->row_bytes = in->in_row ? in->row_bytes + len : len;
	if (in->row_bytes > CSV_IN_ROW_MAX)
		return err_set(err, TM_EINVAL,
			"a row of more than %d bytes: perhaps a quote is not closed",
			CSV_IN_ROW_MAX);
	while (done < len) {
		done += csv_parse(&in->parser, bytes + done, len - done, on_field, on_row, in);
		if (done == len)
			break;
		if (!take_bare_quote(in, bytes + done))
			return parse_error(in, bytes + done, err);
		done++;
	}
	return 0;
}

/* Feeds the present line, as far as it has been read, and counts it when it is whole. */
static int feed_line(struct csv_in *in, struct err *err)
{
	const char *bytes = in->chunk + in->from;
	size_t len = line_len(in);
	char last = bytes[len - 1];
	bool is_end = last == '\n' || last == '\r';
	bool second_half = in->after_cr && bytes[0] == '\n';
	int rc;

	if (!in->in_row)
		in->row_line = in->line;
	rc = feed(in, bytes, len, err);
	if (rc < 0)
		return rc;
	in->in_row = !in->row_ready && (in->in_row || len > 1 || !is_end);
	in->from += len;
	in->line += is_end && !second_half;
	in->after_cr = last == '\r';
	return 0;
}

static int finish(struct csv_in *in, struct err *err)
{
	in->finished = true;
	if (csv_fini(&in->parser, on_field, on_row, in) == 0)
		return 0;
	if (csv_error(&in->parser) != CSV_EPARSE)
		return err_set(err, TM_ENOMEM, "out of memory");
	return err_set(err, TM_EINVAL, "a quoted field of this row is never closed");
}

static int step(struct csv_in *in, struct err *err)
{
	if (in->from < in->to)
		return feed_line(in, err);
	if (in->at_end)
		return finish(in, err);
	return read_chunk(in, err);
}

static int field_count(struct csv_in *in, struct err *err)
{
	size_t count = in->ends.len / sizeof(size_t);

	if (in->text.failed || in->ends.failed)
		return err_set(err, TM_ENOMEM, "out of memory");
	if (count > CSV_IN_FIELDS_MAX)
		return err_set(err, TM_EINVAL, "a row of more than %d fields", CSV_IN_FIELDS_MAX);
	return (int)count;
}

int csv_in_next(struct csv_in *in, struct err *err)
{
	int rc = 0;

	if (in->failed < 0)
		return err_set(err, in->failed, "the file could not be read beyond this line");
	buf_clear(&in->text);
	buf_clear(&in->ends);
	in->row_ready = false;
	while (rc == 0 && !in->row_ready && !in->finished)
		rc = step(in, err);
	if (rc == 0 && in->row_ready)
		rc = field_count(in, err);
	if (rc < 0)
		in->failed = rc;
	return rc;
}

struct csv_field csv_in_field(const struct csv_in *in, unsigned i)
{
	size_t start = 0;
	size_t end;

	if (i > 0)
		memcpy(&start, in->ends.data + (i - 1) * sizeof start, sizeof start);
	memcpy(&end, in->ends.data + i * sizeof end, sizeof end);
	return (struct csv_field){in->text.data != NULL ? in->text.data + start : "", end - start};
}

size_t csv_in_line(const struct csv_in *in)
{
	return in->row_line;
}

void csv_in_close(struct csv_in *in)
{
	if (in == NULL)
		return;
	if (in->fd >= 0)
		close(in->fd);
	csv_free(&in->parser);
	buf_free(&in->text);
	buf_free(&in->ends);
	free(in);
}
