#include "store/change_log.h"

#include "store/log_head.h"

#include <stdlib.h>
#include <string.h>

#define SALT_BYTES 16

enum {
	POS,
	TXN,
	ENTITY,
	ID,
	VERSION,
	AT,
	ACTOR,
	CAUSE_KIND,
	CAUSE_ID,
	CAUSE_VERSION,
	GENERATION,
	BODY,
	SALT,
	BODY_HASH,
	CHAIN,
	COLUMNS
};

static const char insert_sql[] = "INSERT INTO change(pos, txn, entity, id, version, at, actor, "
				 "cause_kind, cause_id, cause_version, "
				 "generation, body, salt, body_hash, chain) VALUES (?, ?, ?, ?, ?, "
				 "?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
static const char walk_sql[] =
	"SELECT pos, txn, entity, id, version, at, actor, cause_kind, cause_id, cause_version, "
	"generation, body, salt, body_hash, chain FROM change ORDER BY pos";
static const char last_sql[] = "SELECT pos FROM change ORDER BY pos DESC LIMIT 1";

static struct store_value integer(int64_t number)
{
	return (struct store_value){.type = STORE_INT, .integer = number};
}

static struct store_value bytes(enum store_type type, const void *data, size_t len)
{
	return (struct store_value){.type = type, .bytes = {data, len}};
}

static struct store_value text(const char *words)
{
	if (words == NULL)
		return (struct store_value){.type = STORE_NULL};
	return bytes(STORE_TEXT, words, strlen(words));
}

static void put_big_endian(unsigned char *to, uint64_t number, int len)
{
	for (int i = len - 1; i >= 0; i--, number >>= 8)
		to[i] = (unsigned char)number;
}

static void add_column(struct hash *hash, const struct store_value *value)
{
	unsigned char head[9] = {'n'};

	if (value->type == STORE_INT) {
		head[0] = 'i';
		put_big_endian(head + 1, (uint64_t)value->integer, 8);
		hash_add(hash, head, 9);
	} else if (value->type == STORE_NULL) {
		hash_add(hash, head, 1);
	} else {
		head[0] = 't';
		put_big_endian(head + 1, value->bytes.len, 4);
		hash_add(hash, head, 5);
		hash_add(hash, value->bytes.data, value->bytes.len);
	}
}

static void hash_body(unsigned char out[HASH_BYTES], const struct store_value *row)
{
	struct hash hash;

	hash_init(&hash, NULL, 0);
	hash_add(&hash, row[SALT].bytes.data, row[SALT].bytes.len);
	hash_add(&hash, row[BODY].bytes.data, row[BODY].bytes.len);
	hash_end(&hash, out);
}

static void hash_chain(unsigned char out[HASH_BYTES], const unsigned char previous[HASH_BYTES],
	const struct store_value *row)
{
	struct hash hash;

	hash_init(&hash, NULL, 0);
	hash_add(&hash, previous, HASH_BYTES);
	for (int i = POS; i <= GENERATION; i++)
		add_column(&hash, &row[i]);
	hash_add(&hash, row[BODY_HASH].bytes.data, row[BODY_HASH].bytes.len);
	hash_end(&hash, out);
}

/* A row on its way to the store. */
struct append {
	struct log_head *head, next;
	unsigned char salt[SALT_BYTES], body_hash[HASH_BYTES];
	struct store_value row[COLUMNS];
	store_done done;
	void *data;
};

static void fill(struct append *append, const struct change *change)
{
	struct store_value *row = append->row;

	hash_random(append->salt, SALT_BYTES);
	append->next.pos = append->head->pos + 1;
	row[POS] = integer(append->next.pos);
	row[TXN] = integer(change->txn);
	row[ENTITY] = text(change->entity);
	row[ID] = integer(change->id);
	row[VERSION] = integer(change->version);
	row[AT] = integer(change->at);
	row[ACTOR] = change->actor ? integer(change->actor) : text(NULL);
	row[CAUSE_KIND] = text(change->cause_kind);
	row[CAUSE_ID] = text(change->cause_id);
	row[CAUSE_VERSION] = text(change->cause_version);
	row[GENERATION] = text(change->generation);
	row[BODY] = bytes(STORE_TEXT, change->body, change->body_len);
	row[SALT] = bytes(STORE_BLOB, append->salt, SALT_BYTES);
	hash_body(append->body_hash, row);
	row[BODY_HASH] = bytes(STORE_BLOB, append->body_hash, HASH_BYTES);
	hash_chain(append->next.chain, append->head->chain, row);
	row[CHAIN] = bytes(STORE_BLOB, append->next.chain, HASH_BYTES);
}

static void appended(void *data, int rc, const struct err *err)
{
	struct append *append = data;
	store_done done = append->done;

	if (rc == 0)
		*append->head = append->next;
	data = append->data;
	free(append);
	done(data, rc, err);
}

static void refuse(store_done done, void *data, int code, const char *why)
{
	struct err err;

	err_set(&err, code, "%s", why);
	done(data, code, &err);
}

void change_append(
	struct store_unit *unit, const struct change *change, store_done done, void *data)
{
	struct log_head *head = store_unit_head(unit);
	struct append *append;

	if (head == NULL || change->entity == NULL || change->cause_kind == NULL ||
		change->generation == NULL || change->body == NULL ||
		change->body_len > UINT32_MAX) {
		refuse(done, data, TM_EINVAL,
			"a change needs a writing unit, entity, cause, generation and body");
		return;
	}
	append = malloc(sizeof *append);
	if (append == NULL) {
		refuse(done, data, TM_ENOMEM, "no memory");
		return;
	}
	append->head = head;
	append->done = done;
	append->data = data;
	fill(append, change);
	store_query(unit, &(struct store_query){
				  .sql = insert_sql,
				  .sql_len = sizeof insert_sql - 1,
				  .params = append->row,
				  .param_count = COLUMNS,
				  .done = appended,
				  .data = append,
			  });
}

struct position {
	int64_t pos;
	void (*done)(void *data, int rc, int64_t pos);
	void *data;
};

static void position_row(void *data, const struct store_row *row)
{
	((struct position *)data)->pos = store_row_value(row, 0).integer;
}

static void position_done(void *data, int rc, const struct err *err)
{
	struct position position = *(struct position *)data;

	(void)err;
	free(data);
	position.done(position.data, rc, rc < 0 ? 0 : position.pos);
}

void change_position(
	struct store_unit *unit, void (*done)(void *data, int rc, int64_t pos), void *data)
{
	struct log_head *head = store_unit_head(unit);
	struct position *position;

	if (head != NULL) {
		done(data, store_unit_broken(unit), store_unit_broken(unit) ? 0 : head->pos);
		return;
	}
	position = malloc(sizeof *position);
	if (position == NULL) {
		done(data, TM_ENOMEM, 0);
		return;
	}
	*position = (struct position){0, done, data};
	store_query(unit, &(struct store_query){
				  .sql = last_sql,
				  .sql_len = sizeof last_sql - 1,
				  .on_row = position_row,
				  .done = position_done,
				  .data = position,
			  });
}

/* A walk over the whole log: how far it is right, and the first thing that is not. */
struct walk {
	int64_t rows;
	unsigned char chain[HASH_BYTES];
	struct err *err;
	int rc;
};

static bool is_hash(const struct store_value *value, const unsigned char hash[HASH_BYTES])
{
	return value->type == STORE_BLOB && value->bytes.len == HASH_BYTES &&
	       memcmp(value->bytes.data, hash, HASH_BYTES) == 0;
}

static bool body_is_right(const struct store_value *row)
{
	unsigned char hash[HASH_BYTES];

	if (row[BODY].type == STORE_NULL && row[SALT].type == STORE_NULL)
		return row[BODY_HASH].type == STORE_BLOB && row[BODY_HASH].bytes.len == HASH_BYTES;
	if (row[BODY].type != STORE_TEXT || row[SALT].type != STORE_BLOB ||
		row[SALT].bytes.len != SALT_BYTES)
		return false;
	hash_body(hash, row);
	return is_hash(&row[BODY_HASH], hash);
}

static void walk_row(void *data, const struct store_row *stored)
{
	struct walk *walk = data;
	struct store_value row[COLUMNS];
	unsigned char chain[HASH_BYTES];
	const char *fault = NULL;

	if (walk->rc < 0)
		return;
	for (int i = 0; i < COLUMNS; i++)
		row[i] = store_row_value(stored, i);
	if (row[POS].integer != walk->rows + 1) {
		walk->rc = err_set(
			walk->err, TM_EINVAL, "change %lld: missing", (long long)walk->rows + 1);
		return;
	}
	if (!body_is_right(row))
		fault = "its body is not what was written";
	else if (hash_chain(chain, walk->chain, row), !is_hash(&row[CHAIN], chain))
		fault = "the chain is broken";
	if (fault != NULL) {
		walk->rc = err_set(
			walk->err, TM_EINVAL, "change %lld: %s", (long long)walk->rows + 1, fault);
		return;
	}
	memcpy(walk->chain, chain, HASH_BYTES);
	walk->rows++;
}

static void walk_done(void *data, int rc, const struct err *err)
{
	struct walk *walk = data;

	if (rc < 0 && walk->rc == 0)
		walk->rc = err_set(walk->err, rc, "%s", err->text);
}

static void unit_ended(void *data, int rc, const struct err *err)
{
	(void)data;
	(void)rc;
	(void)err;
}

int change_verify(struct store *store, int64_t *rows, struct err *err)
{
	struct walk walk = {.err = err};
	struct store_conn *conn;
	struct store_unit *unit;
	int rc = store_conn_open(&conn, store, STORE_READ, err);

	if (rc < 0)
		return rc;
	unit = store_unit_begin(conn, false);
	if (unit == NULL) {
		store_conn_close(conn);
		return err_set(err, TM_ENOMEM, "no memory");
	}
	store_query(unit, &(struct store_query){
				  .sql = walk_sql,
				  .sql_len = sizeof walk_sql - 1,
				  .on_row = walk_row,
				  .done = walk_done,
				  .data = &walk,
			  });
	store_unit_end(unit, STORE_UNDO, unit_ended, NULL);
	store_conn_close(conn);
	if (rows != NULL)
		*rows = walk.rows;
	return walk.rc;
}
