#include "base/meters.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { WAYS = 8 };

struct entry {
	int64_t user;
	char name[METER_NAME_MAX + 1]; /* empty: free */
	struct meter_count counted;
	int64_t most;
	uint64_t asked;
	bool changed;
	unsigned batch; /* in which it is being written, or 0 */
};

struct meters {
	pthread_mutex_t lock;
	uint64_t asked;
	unsigned batch;
	unsigned sets, changed; /* changed: entries */
	struct entry entries[]; /* WAYS for each set */
};

struct meters *meters_new(unsigned entries)
{
	struct meters *meters = calloc(1, sizeof *meters + entries * sizeof *meters->entries);

	if (meters == NULL)
		return NULL;
	pthread_mutex_init(&meters->lock, NULL);
	meters->sets = entries / WAYS;
	return meters;
}

void meters_free(struct meters *meters)
{
	if (meters == NULL)
		return;
	pthread_mutex_destroy(&meters->lock);
	free(meters);
}

/* Users are not chosen by those who read, so any mixture does (FNV-1a). */
static struct entry *set_of(struct meters *meters, const struct meter *meter)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (unsigned i = 0; i < sizeof meter->user; i++)
		hash = (hash ^ ((uint64_t)meter->user >> (8 * i) & 0xff)) * UINT64_C(1099511628211);
	for (const char *c = meter->name; *c != '\0'; c++)
		hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
	return &meters->entries[(hash >> 16) % meters->sets * WAYS];
}

static struct entry *find(struct entry *set, const struct meter *meter)
{
	for (struct entry *entry = set; entry < set + WAYS; entry++)
		if (entry->name[0] != '\0' && entry->user == meter->user &&
			strcmp(entry->name, meter->name) == 0)
			return entry;
	return NULL;
}

/* One that is free, or that the store has as it is; NULL when there is none. */
static struct entry *make_room(struct entry *set)
{
	struct entry *found = NULL;

	for (struct entry *entry = set; entry < set + WAYS; entry++) {
		if (entry->name[0] == '\0')
			return entry;
		if (!entry->changed && entry->batch == 0 &&
			(found == NULL || entry->asked < found->asked))
			found = entry;
	}
	return found;
}

/* A span that is over begins anew with the next read. A clock that was set back does not make one
 * longer. */
static void look(struct entry *entry, const struct meter *meter, int64_t now_ms)
{
	struct meter_count *counted = &entry->counted;

	if (counted->began_ms > now_ms)
		counted->began_ms = now_ms;
	counted->ends_ms = counted->began_ms + meter->span_ms;
	if (counted->count == 0 || counted->ends_ms <= now_ms)
		*counted = (struct meter_count){0, now_ms, now_ms + meter->span_ms};
	entry->most = meter->most;
}

static void set_changed(struct meters *meters, struct entry *entry, bool changed)
{
	meters->changed += changed;
	meters->changed -= entry->changed;
	entry->changed = changed;
}

enum meters_answer meters_take(struct meters *meters, const struct meter *meter, int64_t more,
	int64_t now_ms, struct meter_count *found)
{
	enum meters_answer answer = METERS_UNKNOWN;
	struct entry *entry;

	pthread_mutex_lock(&meters->lock);
	entry = find(set_of(meters, meter), meter);
	if (entry != NULL) {
		look(entry, meter, now_ms);
		entry->asked = ++meters->asked;
		answer = entry->counted.count >= meter->most ? METERS_OVER : METERS_GOOD;
		if (answer == METERS_GOOD && more > 0) {
			entry->counted.count += more;
			set_changed(meters, entry, true);
		}
		if (found != NULL)
			*found = entry->counted;
	}
	pthread_mutex_unlock(&meters->lock);
	return answer;
}

enum meters_answer meters_load(struct meters *meters, const struct meter *meter, int64_t count,
	int64_t began_ms, int64_t now_ms)
{
	enum meters_answer answer = METERS_GOOD;
	struct entry *set, *entry;

	pthread_mutex_lock(&meters->lock);
	set = set_of(meters, meter);
	entry = find(set, meter);
	if (entry == NULL) {
		entry = make_room(set);
		answer = entry != NULL ? METERS_GOOD : METERS_FULL;
		if (entry != NULL) {
			*entry = (struct entry){.user = meter->user,
				.counted = {.count = count, .began_ms = began_ms},
				.asked = ++meters->asked};
			strncpy(entry->name, meter->name, METER_NAME_MAX);
			look(entry, meter, now_ms);
		}
	}
	pthread_mutex_unlock(&meters->lock);
	return answer;
}

static void put_text(struct buf *out, const char *text)
{
	buf_putc(out, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			buf_putc(out, '\\');
		if ((unsigned char)*text >= ' ')
			buf_putc(out, *text);
	}
	buf_putc(out, '"');
}

static void put_entry(struct buf *out, const struct entry *entry, bool first)
{
	const struct meter_count *counted = &entry->counted;

	buf_printf(out, "%s[%lld,", first ? "" : ",", (long long)entry->user);
	put_text(out, entry->name);
	buf_printf(out, ",%lld,%lld,%lld,%lld]", (long long)counted->began_ms,
		(long long)counted->ends_ms, (long long)counted->count, (long long)entry->most);
}

unsigned meters_changes(struct meters *meters, unsigned limit, struct buf *out)
{
	struct entry *end = meters->entries + meters->sets * WAYS;
	unsigned batch = 0, count = 0;

	pthread_mutex_lock(&meters->lock);
	for (struct entry *entry = meters->entries;
		entry < end && count < limit && meters->changed > 0; entry++) {
		if (!entry->changed)
			continue;
		if (batch == 0) {
			batch = ++meters->batch != 0 ? meters->batch : ++meters->batch;
			buf_putc(out, '[');
		}
		put_entry(out, entry, count++ == 0);
		set_changed(meters, entry, false);
		entry->batch = batch;
	}
	if (batch != 0)
		buf_putc(out, ']');
	pthread_mutex_unlock(&meters->lock);
	return batch;
}

void meters_written(struct meters *meters, unsigned batch, bool good)
{
	struct entry *end = meters->entries + meters->sets * WAYS;

	pthread_mutex_lock(&meters->lock);
	for (struct entry *entry = meters->entries; entry < end; entry++) {
		if (entry->batch != batch)
			continue;
		entry->batch = 0;
		set_changed(meters, entry, entry->changed || !good);
	}
	pthread_mutex_unlock(&meters->lock);
}
