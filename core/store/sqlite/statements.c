#include "store/sqlite/statements.h"

#include <assert.h>
#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Eight bytes at a time: the texts are some hundred bytes long and hashed for each query. */
static uint64_t hash_sql(const char *sql, size_t len)
{
	uint64_t hash = len * UINT64_C(0x9E3779B97F4A7C15), word;

	for (; len >= sizeof word; sql += sizeof word, len -= sizeof word) {
		memcpy(&word, sql, sizeof word);
		hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
		hash ^= hash >> 32;
	}
	word = 0;
	memcpy(&word, sql, len);
	hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
	return hash ^ hash >> 32;
}

static void unlink_by_use(struct statements *statements, struct statement *s)
{
	*(s->older ? &s->older->newer : &statements->oldest) = s->newer;
	*(s->newer ? &s->newer->older : &statements->newest) = s->older;
}

static void link_newest(struct statements *statements, struct statement *s)
{
	s->newer = NULL;
	s->older = statements->newest;
	*(s->older ? &s->older->newer : &statements->oldest) = s;
	statements->newest = s;
}

static void drop(struct statements *statements, struct statement *s)
{
	struct statement **at = &statements->buckets[s->hash % STATEMENTS_BUCKETS];

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	unlink_by_use(statements, s);
	statements->count--;
	sqlite3_finalize(s->stmt);
	free(s);
}

/* Whether there is room for one more. */
static bool make_room(struct statements *statements)
{
	struct statement *s = statements->oldest;

	if (statements->count < STATEMENTS_MAX)
		return true;
	while (s != NULL && s->taken)
		s = s->newer;
	if (s != NULL)
		drop(statements, s);
	return s != NULL;
}

static void add(struct statements *statements, struct statement *s)
{
	s->cached = make_room(statements);
	if (!s->cached)
		return;
	s->next = statements->buckets[s->hash % STATEMENTS_BUCKETS];
	statements->buckets[s->hash % STATEMENTS_BUCKETS] = s;
	statements->count++;
}

/* One of that text that nobody has. */
static struct statement *find(
	struct statements *statements, uint64_t hash, const char *sql, size_t len)
{
	struct statement *s = statements->buckets[hash % STATEMENTS_BUCKETS];

	while (s != NULL &&
		(s->taken || s->hash != hash || s->len != len || memcmp(s->sql, sql, len) != 0))
		s = s->next;
	return s;
}

static bool is_blank(const char *text, const char *end)
{
	while (text < end && (isspace((unsigned char)*text) || *text == ';'))
		text++;
	return text >= end;
}

static int prepare(sqlite3 *db, const char *sql, size_t len, struct statement **out)
{
	struct statement *s = len < INT_MAX ? calloc(1, sizeof *s + len + 1) : NULL;
	const char *tail;
	int rc;

	if (s == NULL)
		return len < INT_MAX ? SQLITE_NOMEM : SQLITE_TOOBIG;
	memcpy(s->sql, sql, len);
	s->len = len;
	rc = sqlite3_prepare_v3(
		db, s->sql, (int)len + 1, SQLITE_PREPARE_PERSISTENT, &s->stmt, &tail);
	if (rc == SQLITE_OK && (s->stmt == NULL || !is_blank(tail, s->sql + len)))
		rc = SQLITE_MISUSE;
	if (rc != SQLITE_OK) {
		sqlite3_finalize(s->stmt);
		free(s);
		return rc;
	}
	s->param_count = sqlite3_bind_parameter_count(s->stmt);
	*out = s;
	return SQLITE_OK;
}

int store_statement_take(struct statements *statements, sqlite3 *db, const char *sql, size_t len,
	struct statement **out)
{
	uint64_t hash = hash_sql(sql, len);
	struct statement *s = find(statements, hash, sql, len);
	int rc;

	if (s != NULL) {
		unlink_by_use(statements, s);
	} else {
		rc = prepare(db, sql, len, &s);
		if (rc != SQLITE_OK)
			return rc;
		s->hash = hash;
		add(statements, s);
	}
	if (s->cached)
		link_newest(statements, s);
	s->taken = true;
	*out = s;
	return SQLITE_OK;
}

void store_statement_give(struct statement *s)
{
	if (!s->cached) {
		sqlite3_finalize(s->stmt);
		free(s);
		return;
	}
	sqlite3_reset(s->stmt);
	s->taken = false;
}

void store_statements_clear(struct statements *statements)
{
	while (statements->oldest != NULL) {
		assert(!statements->oldest->taken);
		drop(statements, statements->oldest);
	}
}
