/* tests/bench/million.c: fills a tenant's database with leads, the same ones for the same seed.
 *
 *   million DATABASE COUNT SEED
 *
 * million.mjs has let the server make the tables, and has made the units, partners and positions
 * that the leads go to. The rows and the change log are written through the store, as the server
 * does; the indexes are taken away before and made again afterwards, which sorts instead of
 * inserting one by one.
 *
 * Of a million, a region "north" has 150,000 and the others share the rest; a tenth of each is in
 * its pool, a quarter with its partners, what remains with the agents of its branches. The agents
 * million.100 and million.500 and the partner partner-001, all of north, have as many as their
 * names say and 5,000. Other counts are scaled. */
#include "base/id.h"
#include "store/change_log.h"
#include "text/date.h"
#include "text/json_out.h"
#include "text/opaque_id.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLACES_MAX = 8192, INDEXES_MAX = 64, GROUP = 1000, COLUMNS = 19 };

/* Somebody, or a pool, that leads go to. */
struct place {
	int64_t region, unit, owner, pool; /* 0: none */
	char region_code[32];
	const char *channel;
	int share; /* so many leads of a million; 0: what is left of its kind, evenly */
};

struct lead {
	int64_t id, at, product, accept_by;
	int score; /* -1: none */
	const struct place *place;
	const char *stage;
	char name[48], company[48], phone[24], email[64];
	const char *source;
};

static struct place places[PLACES_MAX];
static unsigned place_count;
static int64_t products[64];
static unsigned product_count;
static uint64_t random_state;
static char generation[128];

static void die(const char *what, const char *why)
{
	fprintf(stderr, "million: %s: %s\n", what, why);
	exit(1);
}

/* splitmix64 (Steele, Lea, Flood, 2014). */
static uint64_t random_next(void)
{
	uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static unsigned below(unsigned limit)
{
	return (unsigned)(random_next() % limit);
}

/* The database without the server's code: what there is, and its indexes. */

static sqlite3 *open_plain(const char *path)
{
	sqlite3 *db;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		die(path, sqlite3_errmsg(db));
	return db;
}

static void execute(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		die(sql, sqlite3_errmsg(db));
}

static void each_row(sqlite3 *db, const char *sql, void (*row)(sqlite3_stmt *stmt))
{
	sqlite3_stmt *stmt;
	int rc;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		die(sql, sqlite3_errmsg(db));
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
		row(stmt);
	if (rc != SQLITE_DONE)
		die(sql, sqlite3_errmsg(db));
	sqlite3_finalize(stmt);
}

/* region, its code, unit, owner, pool, channel, share */
static void take_place(sqlite3_stmt *stmt)
{
	static const char *const channels[] = {"direct", "partner", "pool"};
	struct place *place = &places[place_count++];

	if (place_count == PLACES_MAX)
		die("places", "too many");
	place->region = sqlite3_column_int64(stmt, 0);
	snprintf(place->region_code, sizeof place->region_code, "%s", sqlite3_column_text(stmt, 1));
	place->unit = sqlite3_column_int64(stmt, 2);
	place->owner = sqlite3_column_int64(stmt, 3);
	place->pool = sqlite3_column_int64(stmt, 4);
	place->channel = channels[sqlite3_column_int(stmt, 5)];
	place->share = sqlite3_column_int(stmt, 6);
}

static void take_product(sqlite3_stmt *stmt)
{
	if (product_count < sizeof products / sizeof *products)
		products[product_count++] = sqlite3_column_int64(stmt, 0);
}

static void take_generation(sqlite3_stmt *stmt)
{
	snprintf(generation, sizeof generation, "%s", sqlite3_column_text(stmt, 0));
}

static void read_company(sqlite3 *db)
{
	each_row(db,
		"SELECT r.id, r.code, b.id, p.id, 0, 0, CASE p.code WHEN 'million.100' THEN 100 "
		"WHEN 'million.500' THEN 500 ELSE 0 END FROM position p JOIN unit b ON b.id = "
		"p.unit "
		"JOIN unit r ON r.id = b.parent JOIN role o ON o.id = p.role WHERE o.code = "
		"'agent' "
		"AND b.kind = 'branch' ORDER BY p.id",
		take_place);
	each_row(db,
		"SELECT r.id, r.code, b.id, p.id, 0, 1, CASE b.code WHEN 'partner-001' THEN 5000 "
		"ELSE 0 END FROM position p JOIN unit b ON b.id = p.unit "
		"JOIN unit r ON r.id = b.parent WHERE b.kind = 'partner' AND r.kind = 'region' "
		"ORDER BY p.id",
		take_place);
	each_row(db, "SELECT id, code, 0, 0, id, 2, 0 FROM unit WHERE kind = 'region' ORDER BY id",
		take_place);
	each_row(db, "SELECT id FROM product ORDER BY id", take_product);
	each_row(db, "SELECT generation FROM change ORDER BY pos DESC LIMIT 1", take_generation);
	if (place_count == 0 || product_count == 0)
		die("the company", "has no units or no products");
}

static char *index_sql[INDEXES_MAX], *index_names[INDEXES_MAX];
static unsigned index_count;

static void take_index(sqlite3_stmt *stmt)
{
	if (index_count == INDEXES_MAX)
		die("indexes", "too many");
	index_names[index_count] = strdup((const char *)sqlite3_column_text(stmt, 0));
	index_sql[index_count++] = strdup((const char *)sqlite3_column_text(stmt, 1));
}

static void drop_indexes(sqlite3 *db)
{
	char sql[256];

	each_row(db,
		"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'lead'",
		take_index);
	for (unsigned i = 0; i < index_count; i++) {
		snprintf(sql, sizeof sql, "DROP INDEX \"%s\"", index_names[i]);
		execute(db, sql);
	}
}

static void make_indexes(sqlite3 *db)
{
	execute(db, "PRAGMA cache_size = -262144; PRAGMA synchronous = OFF;");
	for (unsigned i = 0; i < index_count; i++)
		execute(db, index_sql[i]);
	execute(db, "PRAGMA wal_checkpoint(TRUNCATE)");
}

/* Which place each lead goes to, in random order. */

static unsigned of_region(const struct place *place, unsigned count)
{
	int is_north = strcmp(place->region_code, "north") == 0;
	unsigned regions = 0;

	for (unsigned i = 0; i < place_count; i++)
		regions += places[i].pool != 0;
	return is_north ? count / 100 * 15 : count / 100 * 85 / (regions - 1);
}

static unsigned of_channel(const struct place *place, unsigned count)
{
	unsigned all = of_region(place, count), pool = all / 10, partner = all / 4;

	if (place->channel[0] == 'd')
		return all - pool - partner;
	return strcmp(place->channel, "pool") == 0 ? pool : partner;
}

static int scaled(const struct place *place, unsigned count)
{
	return (int)((int64_t)place->share * count / 1000000);
}

/* Adds the leads of one region and channel, whose first place is `first`. */
static size_t share_out(const struct place **slots, size_t used, unsigned first, unsigned count)
{
	const struct place *alike[PLACES_MAX];
	unsigned left = of_channel(&places[first], count), n = 0;

	for (unsigned i = first; i < place_count; i++) {
		const struct place *place = &places[i];

		if (place->region != places[first].region ||
			place->channel != places[first].channel)
			continue;
		if (place->share == 0)
			alike[n++] = place;
		for (int k = scaled(place, count); k > 0; k--, left--)
			slots[used++] = place;
	}
	if (n == 0)
		die(places[first].region_code, "nobody to share the rest");
	for (unsigned i = 0; i < left; i++)
		slots[used++] = alike[i % n];
	return used;
}

static size_t share_all(const struct place **slots, unsigned count)
{
	size_t used = 0;

	for (unsigned i = 0; i < place_count; i++) {
		bool is_first = true;

		for (unsigned j = 0; j < i && is_first; j++)
			is_first = places[j].region != places[i].region ||
				   places[j].channel != places[i].channel;
		if (is_first)
			used = share_out(slots, used, i, count);
	}
	for (size_t i = used; i > 1; i--) {
		size_t other = random_next() % i;
		const struct place *kept = slots[i - 1];

		slots[i - 1] = slots[other];
		slots[other] = kept;
	}
	return used;
}

/* One lead. */

static const char *const first_names[] = {"Ada", "Bruno", "Chen", "Dalia", "Emeka", "Freja",
	"Goran", "Hana", "Ivo", "Jun", "Kavya", "Liang", "Mira", "Noor", "Oskar", "Priya", "Quinn",
	"Rosa", "Sven", "Tariq", "Uma", "Vera", "Wei", "Ximena", "Yara", "Zoltan"};
static const char *const last_names[] = {"Almeida", "Berg", "Castro", "Dubois", "Eriksen", "Fang",
	"Gupta", "Haddad", "Ito", "Jansen", "Kowalski", "Lopez", "Moreau", "Nakamura", "Okafor",
	"Petrov", "Quist", "Rossi", "Schmidt", "Tanaka", "Ueda", "Varga", "Weber", "Xu", "Yilmaz",
	"Zhao"};
static const char *const trades[] = {"Foods", "Logistics", "Textiles", "Robotics", "Pumps", "Paper",
	"Optics", "Castings", "Clinics", "Farms", "Tools", "Energy"};
static const char *const sources[] = {"web", "fair", "referral", "phone", "campaign", "partner"};

#define ANY(list) ((list)[below(sizeof(list) / sizeof *(list))])

static const char *any_stage(const struct place *place)
{
	unsigned at = below(100);

	if (place->pool != 0)
		return "pooled";
	return at < 20 ? "offered" : at < 60 ? "accepted" : at < 85 ? "converted" : "dropped";
}

/* A lead each minute or so from 2024-01-15 on. */
static void make_lead(struct lead *lead, const struct place *place, int64_t number)
{
	const char *first = ANY(first_names), *last = ANY(last_names);
	unsigned company = below(60000);

	lead->at = ID_EPOCH_MS + (14 * INT64_C(86400) + number * 63) * 1000 + below(60000);
	lead->id = (lead->at - ID_EPOCH_MS) << ID_MS_BITS;
	lead->place = place;
	lead->stage = any_stage(place);
	lead->source = ANY(sources);
	lead->product = products[below(product_count)];
	lead->score = below(20) == 0 ? -1 : (int)((below(101) + below(101)) / 2);
	lead->accept_by = lead->stage[0] == 'o' ? lead->at + 86400000 : 0;
	snprintf(lead->name, sizeof lead->name, "%s %s", first, last);
	snprintf(lead->company, sizeof lead->company, "%s %s %u", last_names[company % 26],
		trades[company / 26 % 12], company);
	snprintf(lead->phone, sizeof lead->phone, "+1 555 %07u", below(10000000));
	snprintf(lead->email, sizeof lead->email, "%s.%s@example%u.com", first, last, company);
}

/* The change log's body: the same values as the rows of an import have. */

static void put_text(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, "\"%s\":", name);
	json_out_string(out, text, strlen(text));
	buf_putc(out, ',');
}

static void put_id(struct buf *out, const char *name, int64_t id, const unsigned char *key)
{
	char text[OPAQUE_ID_LEN + 1] = "";

	if (id == 0)
		return;
	opaque_id_seal(text, (uint64_t)id, key);
	put_text(out, name, text);
}

static void make_body(struct buf *out, const struct lead *lead, const unsigned char *key)
{
	char instant[DATE_INSTANT_LEN + 1] = "";

	buf_clear(out);
	buf_puts(out, "{\"new\":{");
	if (lead->accept_by != 0 && date_format_instant(instant, lead->accept_by))
		put_text(out, "accept_by", instant);
	put_text(out, "channel", lead->place->channel);
	put_text(out, "company", lead->company);
	put_text(out, "email", lead->email);
	put_text(out, "name", lead->name);
	put_id(out, "owner", lead->place->owner, key);
	put_text(out, "phone", lead->phone);
	put_id(out, "pool", lead->place->pool, key);
	put_id(out, "product", lead->product, key);
	put_text(out, "region", lead->place->region_code);
	if (lead->score >= 0)
		buf_printf(out, "\"score\":%d,", lead->score);
	put_text(out, "source", lead->source);
	put_text(out, "stage", lead->stage);
	put_id(out, "unit", lead->place->unit, key);
	out->len--; /* the last comma */
	buf_puts(out, "},\"old\":{}}");
	buf_text(out);
}

/* Writing */

static void must(void *data, int rc, const struct err *err)
{
	(void)data;
	if (rc != 0)
		die("the store", err->text);
}

static struct store_value number(int64_t value)
{
	return (struct store_value){.type = STORE_INT, .integer = value};
}

static struct store_value number_or_null(int64_t value)
{
	return value != 0 ? number(value) : (struct store_value){.type = STORE_NULL};
}

static struct store_value words(const char *text)
{
	return (struct store_value){.type = STORE_TEXT, .bytes = {text, strlen(text)}};
}

static void insert(struct store_unit *unit, const struct lead *lead)
{
	static const char sql[] =
		"INSERT INTO lead (id, version, created_at, changed_at, archived_at, name, "
		"company, "
		"phone, email, source, region, product, score, stage, channel, unit, owner, pool, "
		"accept_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
	const struct place *place = lead->place;
	struct store_value values[COLUMNS] = {number(lead->id), number(1), number(lead->at),
		number(lead->at), number_or_null(0), words(lead->name), words(lead->company),
		words(lead->phone), words(lead->email), words(lead->source),
		words(place->region_code), number(lead->product),
		lead->score < 0 ? number_or_null(0) : number(lead->score), words(lead->stage),
		words(place->channel), number_or_null(place->unit), number_or_null(place->owner),
		number_or_null(place->pool), number_or_null(lead->accept_by)};
	struct store_query query = {.sql = sql,
		.sql_len = sizeof sql - 1,
		.params = values,
		.param_count = COLUMNS,
		.done = must};

	store_query(unit, &query);
}

static void log_created(struct store_unit *unit, const struct lead *lead, const struct buf *body)
{
	struct change change = {.txn = lead->id,
		.entity = "lead",
		.id = lead->id,
		.version = 1,
		.at = lead->at,
		.cause_kind = "import",
		.cause_id = "million",
		.generation = generation,
		.body = body->data,
		.body_len = body->len};

	change_append(unit, &change, must, NULL);
}

static void write_all(const char *path, const struct place **slots, size_t count)
{
	struct store *store;
	struct store_conn *conn;
	struct store_unit *unit = NULL;
	struct store_wal *wal;
	struct buf body = BUF_EMPTY;
	struct lead lead;
	struct err err;
	int64_t left;

	if (store_open(&store, path, &err) < 0 || store_wal_open(&wal, store, &err) < 0 ||
		store_conn_open(&conn, store, STORE_WRITE, &err) < 0)
		die(path, err.text);
	for (size_t i = 0; i < count; i++) {
		if (i % GROUP == 0)
			unit = store_unit_begin(conn, true);
		make_lead(&lead, slots[i], (int64_t)i);
		make_body(&body, &lead, store_id_key(store));
		insert(unit, &lead);
		log_created(unit, &lead, &body);
		if (i % GROUP < GROUP - 1 && i + 1 < count)
			continue;
		store_unit_end(unit, STORE_KEEP, must, NULL);
		store_flush(conn);
		if (i / GROUP % 50 == 49 &&
			store_wal_checkpoint(wal, STORE_TRUNCATE, 1000, &left, &err) < 0)
			die("checkpoint", err.text);
	}
	buf_free(&body);
	store_conn_close(conn);
	store_wal_close(wal);
	store_close(store);
}

int main(int argc, char **argv)
{
	const struct place **slots;
	unsigned count;
	size_t used;
	sqlite3 *db;

	if (argc != 4 || (count = (unsigned)strtoul(argv[2], NULL, 10)) < 10000) {
		fprintf(stderr, "usage: million DATABASE COUNT SEED (at least 10000)\n");
		return 2;
	}
	random_state = strtoull(argv[3], NULL, 10);
	slots = calloc(count + 1000, sizeof *slots);
	if (slots == NULL)
		die("slots", "no memory");
	db = open_plain(argv[1]);
	read_company(db);
	used = share_all(slots, count);
	drop_indexes(db);
	sqlite3_close(db);
	write_all(argv[1], slots, used);
	db = open_plain(argv[1]);
	make_indexes(db);
	sqlite3_close(db);
	free(slots);
	printf("%zu leads, %u indexes\n", used, index_count);
	return 0;
}
