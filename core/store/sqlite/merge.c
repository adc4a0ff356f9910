#include "store/sqlite/driver.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A merge keeps the scans that have a row in a heap, the one whose row comes first on top. A scan
 * moves on only when its row has been given, so of each scan only one row is read beyond what the
 * caller wanted. */

/* A scan under way: it stands on a row. */
struct stream {
	const struct store_scan *scan;
	unsigned part;               /* that runs */
	struct statement *statement; /* of that part, or NULL before it has begun */
	struct store_value keys[STORE_KEYS_MAX];
};

struct merging {
	struct store_conn *conn;
	const struct store_merge *merge;
	struct stream *heap;
	unsigned count;
	struct err *err;
};

/* Order: as SQLite has it, NULL before numbers before texts before the rest. */

static int compare_bytes(const struct store_value *a, const struct store_value *b)
{
	size_t len = a->bytes.len < b->bytes.len ? a->bytes.len : b->bytes.len;
	int order = len > 0 ? memcmp(a->bytes.data, b->bytes.data, len) : 0;

	return order != 0 ? order : (a->bytes.len > b->bytes.len) - (a->bytes.len < b->bytes.len);
}

static double real_of(const struct store_value *value)
{
	return value->type == STORE_INT ? (double)value->integer : value->real;
}

static int rank(const struct store_value *value)
{
	return value->type == STORE_REAL ? STORE_INT : (int)value->type;
}

static int compare_values(const struct store_value *a, const struct store_value *b)
{
	if (a->type == STORE_INT && b->type == STORE_INT)
		return (a->integer > b->integer) - (a->integer < b->integer);
	if (rank(a) != rank(b))
		return rank(a) - rank(b);
	if (a->type == STORE_NULL)
		return 0;
	if (a->type >= STORE_TEXT)
		return compare_bytes(a, b);
	return (real_of(a) > real_of(b)) - (real_of(a) < real_of(b));
}

static bool is_before(
	const struct store_merge *merge, const struct stream *a, const struct stream *b)
{
	for (unsigned i = 0; i < merge->key_count; i++) {
		int order = compare_values(&a->keys[i], &b->keys[i]);

		if (order != 0)
			return merge->keys[i].descending ? order > 0 : order < 0;
	}
	return false;
}

/* Lets what stands at `at` sink to where it belongs. */
static void sink(struct merging *merging, unsigned at)
{
	struct stream *heap = merging->heap, moved = heap[at];

	for (unsigned child = 2 * at + 1; child < merging->count; child = 2 * at + 1) {
		if (child + 1 < merging->count &&
			is_before(merging->merge, &heap[child + 1], &heap[child]))
			child++;
		if (!is_before(merging->merge, &heap[child], &moved))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = moved;
}

/* Scans */

/* The value of the parameter at `at`, from 1, when `own` is the scan's. */
static const struct store_value *value_of(
	const struct store_scan *scan, const struct store_part *part, int at, int own)
{
	if (at == own)
		return &scan->value;
	return &part->params[at - 1 - (own > 0 && at > own)];
}

static int own_parameter(const struct statement *statement, const struct store_scan *scan)
{
	return scan->has_value ? sqlite3_bind_parameter_index(statement->stmt, ":own") : 0;
}

static int bind_part(struct statement *statement, const struct store_scan *scan,
	const struct store_part *part, struct err *err)
{
	int own = own_parameter(statement, scan), rc = SQLITE_OK;

	if (statement->param_count != part->param_count + scan->has_value)
		return err_set(err, TM_EINVAL, "%d values for %d parameters",
			part->param_count + scan->has_value, statement->param_count);
	if (scan->has_value && own == 0)
		return err_set(err, TM_EINVAL, "a scan with a value of its own has no :own");
	for (int at = 1; at <= statement->param_count && rc == SQLITE_OK; at++)
		rc = store_lite_bind(statement->stmt, at, value_of(scan, part, at, own));
	return rc == SQLITE_OK ? 0 : store_lite_error(NULL, rc, err);
}

static int note(struct store_conn *conn, struct statement *statement, const struct store_scan *scan,
	const struct store_part *part, struct err *err)
{
	int own = own_parameter(statement, scan), count = statement->param_count;
	struct store_value *values = malloc(((size_t)count + 1) * sizeof *values);

	if (values == NULL)
		return err_set(err, TM_ENOMEM, "no memory");
	for (int at = 1; at <= count; at++)
		values[at - 1] = *value_of(scan, part, at, own);
	store_record_run(conn->record, statement, values, count);
	free(values);
	return 0;
}

static int begin_part(struct merging *merging, struct stream *stream)
{
	struct store_conn *conn = merging->conn;
	const struct store_part *part = &stream->scan->parts[stream->part];
	int rc = store_statement_take(
		&conn->statements, conn->db, part->sql, part->sql_len, &stream->statement);

	if (rc != SQLITE_OK) {
		stream->statement = NULL;
		return store_lite_error(conn->db, rc, merging->err);
	}
	rc = bind_part(stream->statement, stream->scan, part, merging->err);
	if (rc == 0 && conn->record != NULL)
		rc = note(conn, stream->statement, stream->scan, part, merging->err);
	return rc;
}

static void end_part(struct stream *stream)
{
	if (stream->statement != NULL)
		store_statement_give(stream->statement);
	stream->statement = NULL;
}

static void read_keys(const struct store_merge *merge, struct stream *stream)
{
	struct store_row row = {stream->statement->stmt};

	for (unsigned i = 0; i < merge->key_count; i++)
		stream->keys[i] = store_row_value(&row, merge->keys[i].column);
}

/* Goes to the next row: 1, or 0 when there is none, or an error. */
static int advance(struct merging *merging, struct stream *stream)
{
	for (; stream->part < stream->scan->part_count; stream->part++) {
		int rc = 0;

		if (stream->statement == NULL)
			rc = begin_part(merging, stream);
		if (rc < 0)
			return rc;
		rc = sqlite3_step(stream->statement->stmt);
		if (rc == SQLITE_ROW) {
			read_keys(merging->merge, stream);
			return 1;
		}
		if (rc != SQLITE_DONE)
			return store_lite_error(merging->conn->db, rc, merging->err);
		end_part(stream);
	}
	return 0;
}

/* Begins every scan; those without a row are left out. */
static int begin(struct merging *merging)
{
	const struct store_merge *merge = merging->merge;

	for (unsigned i = 0; i < merge->scan_count; i++) {
		struct stream *stream = &merging->heap[merging->count];
		int rc;

		*stream = (struct stream){.scan = &merge->scans[i]};
		rc = advance(merging, stream);
		merging->count += rc != 0;
		if (rc < 0)
			return rc;
	}
	for (unsigned i = merging->count / 2; i > 0; i--)
		sink(merging, i - 1);
	return 0;
}

/* The top's row was given: its scan goes on, or leaves. */
static int go_on(struct merging *merging)
{
	int rc = advance(merging, &merging->heap[0]);

	if (rc == 0)
		merging->heap[0] = merging->heap[--merging->count];
	if (rc >= 0 && merging->count > 0)
		sink(merging, 0);
	return rc < 0 ? rc : 0;
}

/* Whether the row on top is one of the list. */
static bool belongs(const struct merging *merging, const struct store_row *row)
{
	struct store_value fits;

	if (merging->merge->fits < 0)
		return true;
	fits = store_row_value(row, merging->merge->fits);
	return fits.type == STORE_INT && fits.integer != 0;
}

/* SQLite looks at the time of a statement that takes long, but not of many that each take none. */
static int check_time(const struct merging *merging, unsigned rows)
{
	enum { ROWS_BETWEEN_LOOKS = 256 };

	if (rows % ROWS_BETWEEN_LOOKS != 0 || merging->conn->late == NULL || !merging->conn->late())
		return 0;
	return store_lite_error(NULL, SQLITE_INTERRUPT, merging->err);
}

static int give_rows(struct merging *merging)
{
	const struct store_merge *merge = merging->merge;
	const struct store_value *id = &merging->heap[0].keys[merge->key_count - 1];
	int64_t last = 0;
	unsigned rows = 0;
	int rc = begin(merging);

	while (rc == 0 && merging->count > 0) {
		struct store_row row = {merging->heap[0].statement->stmt};

		if (id->type != STORE_INT)
			return err_set(merging->err, TM_EINVAL,
				"a merge needs a last key that names the row");
		if ((rows == 0 || id->integer != last) && belongs(merging, &row) &&
			!merge->on_row(merge->data, &row))
			return 0;
		last = id->integer;
		rc = check_time(merging, ++rows);
		if (rc == 0)
			rc = go_on(merging);
	}
	return rc;
}

static int run(struct store_unit *unit, const struct store_merge *merge, struct err *err)
{
	struct merging merging = {.conn = unit->conn, .merge = merge, .err = err};
	int rc;

	if (merge->scan_count > STORE_SCANS_MAX || merge->key_count < 1 ||
		merge->key_count > STORE_KEYS_MAX)
		return err_set(err, TM_EINVAL, "a merge of %u scans by %u keys", merge->scan_count,
			merge->key_count);
	merging.heap = malloc((merge->scan_count + 1) * sizeof *merging.heap);
	if (merging.heap == NULL)
		return err_set(err, TM_ENOMEM, "no memory");
	rc = give_rows(&merging);
	for (unsigned i = 0; i < merging.count; i++)
		end_part(&merging.heap[i]);
	free(merging.heap);
	return rc;
}

void store_merge(struct store_unit *unit, const struct store_merge *merge)
{
	if (!store_merge_later(unit, merge))
		store_merge_now(unit, merge);
}

void store_merge_now(struct store_unit *unit, const struct store_merge *merge)
{
	store_done done = merge->done;
	void *data = merge->data;
	struct err err = {0};
	int rc = store_unit_ready(unit, &err);

	if (rc == 0)
		rc = run(unit, merge, &err);
	if (rc < 0 && unit->broken.code == 0)
		rc = store_unit_failed(unit, false, &err);
	done(data, rc, &err);
}
