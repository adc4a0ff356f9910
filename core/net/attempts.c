#include "net/attempts.h"

#include "text/hash.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { WAYS = 4, KEY = 16, LOCKS = 16 };

#define MINUTE_NS INT64_C(60000000000)

struct entry {
	unsigned char key[KEY];
	int64_t began_ns;
	unsigned count, held; /* both 0: free */
};

struct set {
	struct entry entries[WAYS];
};

struct attempts {
	uv_mutex_t locks[LOCKS];  /* each of every sixteenth set */
	unsigned char secret[32]; /* so that nobody can choose keys that fall together */
	unsigned set_count;
	struct set sets[];
};

/* A key, found in the table: its hash, its set and the set's lock, which is held. */
struct place {
	unsigned char key[HASH_BYTES];
	struct set *set;
	uv_mutex_t *lock;
};

struct attempts *attempts_new(unsigned keys)
{
	unsigned sets = keys / WAYS;
	struct attempts *attempts = calloc(1, sizeof *attempts + sets * sizeof *attempts->sets);

	if (attempts == NULL)
		return NULL;
	for (int i = 0; i < LOCKS; i++) {
		if (uv_mutex_init(&attempts->locks[i]) == 0)
			continue;
		while (i-- > 0)
			uv_mutex_destroy(&attempts->locks[i]);
		free(attempts);
		return NULL;
	}
	attempts->set_count = sets;
	hash_random(attempts->secret, sizeof attempts->secret);
	return attempts;
}

void attempts_free(struct attempts *attempts)
{
	if (attempts == NULL)
		return;
	for (int i = 0; i < LOCKS; i++)
		uv_mutex_destroy(&attempts->locks[i]);
	free(attempts);
}

static void enter(struct attempts *attempts, const char *key, size_t len, struct place *place)
{
	unsigned set;

	hash_blake2b(place->key, attempts->secret, sizeof attempts->secret, key, len);
	set = (place->key[KEY] << 8 | place->key[KEY + 1]) % attempts->set_count;
	place->set = &attempts->sets[set];
	place->lock = &attempts->locks[set % LOCKS];
	uv_mutex_lock(place->lock);
}

static void leave(struct place *place)
{
	uv_mutex_unlock(place->lock);
}

/* Counts that are over are taken away on the way. */
static struct entry *find(struct place *place, int64_t now_ns)
{
	struct entry *found = NULL;

	for (struct entry *entry = place->set->entries; entry < place->set->entries + WAYS;
		entry++) {
		if (now_ns - entry->began_ns >= MINUTE_NS)
			entry->count = 0;
		if ((entry->count > 0 || entry->held > 0) &&
			memcmp(entry->key, place->key, KEY) == 0)
			found = entry;
	}
	return found;
}

/* The entry that may be given away first, or NULL. */
static struct entry *oldest(struct set *set)
{
	struct entry *found = NULL;

	for (struct entry *entry = set->entries; entry < set->entries + WAYS; entry++) {
		if (entry->count == 0 && entry->held == 0)
			return entry;
		if (entry->held == 0 && (found == NULL || entry->began_ns < found->began_ns))
			found = entry;
	}
	return found;
}

/* The key's own entry, or one that becomes its own, or NULL. */
static struct entry *own(struct place *place, int64_t now_ns)
{
	struct entry *entry = find(place, now_ns);

	if (entry != NULL)
		return entry;
	entry = oldest(place->set);
	if (entry != NULL) {
		*entry = (struct entry){.began_ns = now_ns};
		memcpy(entry->key, place->key, KEY);
	}
	return entry;
}

static void count(struct entry *entry, int64_t now_ns)
{
	if (entry == NULL)
		return;
	if (entry->count == 0)
		entry->began_ns = now_ns;
	entry->count++;
}

static int seconds_left(const struct entry *entry, unsigned most, int64_t now_ns)
{
	int64_t left = 0;

	if (entry != NULL && entry->count >= most)
		left = entry->began_ns + MINUTE_NS - now_ns;
	return (int)((left + 999999999) / 1000000000);
}

void attempts_failed(struct attempts *attempts, const char *key, size_t len, int64_t now_ns)
{
	struct place place;

	enter(attempts, key, len, &place);
	count(own(&place, now_ns), now_ns);
	leave(&place);
}

int attempts_wait(
	struct attempts *attempts, const char *key, size_t len, unsigned most, int64_t now_ns)
{
	struct place place;
	int wait;

	enter(attempts, key, len, &place);
	wait = seconds_left(find(&place, now_ns), most, now_ns);
	leave(&place);
	return wait;
}

int attempts_ask(
	struct attempts *attempts, const char *key, size_t len, unsigned most, int64_t now_ns)
{
	struct place place;
	struct entry *entry;
	int wait;

	enter(attempts, key, len, &place);
	entry = own(&place, now_ns);
	wait = seconds_left(entry, most, now_ns);
	if (wait == 0)
		count(entry, now_ns);
	leave(&place);
	return wait;
}

unsigned attempts_hold(struct attempts *attempts, const char *key, size_t len, int64_t now_ns)
{
	struct place place;
	struct entry *entry;
	unsigned held;

	enter(attempts, key, len, &place);
	entry = own(&place, now_ns);
	held = entry != NULL ? ++entry->held : 0;
	leave(&place);
	return held;
}

void attempts_release(struct attempts *attempts, const char *key, size_t len, int64_t now_ns)
{
	struct place place;
	struct entry *entry;

	enter(attempts, key, len, &place);
	entry = find(&place, now_ns);
	if (entry != NULL && entry->held > 0)
		entry->held--;
	leave(&place);
}

void attempts_forget(struct attempts *attempts, const char *key, size_t len)
{
	struct place place;

	enter(attempts, key, len, &place);
	for (struct entry *entry = place.set->entries; entry < place.set->entries + WAYS; entry++)
		if (memcmp(entry->key, place.key, KEY) == 0)
			entry->count = 0;
	leave(&place);
}

void attempts_network(const char *client, char network[ATTEMPTS_NETWORK])
{
	struct in6_addr six;

	if (inet_pton(AF_INET6, client, &six) == 1 && !IN6_IS_ADDR_LOOPBACK(&six)) {
		memset(six.s6_addr + 8, 0, 8);
		inet_ntop(AF_INET6, &six, network, ATTEMPTS_NETWORK);
	} else {
		snprintf(network, ATTEMPTS_NETWORK, "%s", client);
	}
}
