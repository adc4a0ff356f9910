#include "net/attempts.h"

#include "text/hash.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { SETS = 1024, WAYS = 4, KEY = 16 };

#define MINUTE_NS INT64_C(60000000000)

struct entry {
	unsigned char key[KEY];
	int64_t began_ns;
	unsigned count; /* 0: free */
};

struct attempts {
	uv_mutex_t lock;
	unsigned char secret[32]; /* so that nobody can choose keys that fall together */
	struct entry sets[SETS][WAYS];
};

struct attempts *attempts_new(void)
{
	struct attempts *attempts = calloc(1, sizeof *attempts);

	if (attempts == NULL || uv_mutex_init(&attempts->lock) != 0) {
		free(attempts);
		return NULL;
	}
	hash_random(attempts->secret, sizeof attempts->secret);
	return attempts;
}

void attempts_free(struct attempts *attempts)
{
	if (attempts == NULL)
		return;
	uv_mutex_destroy(&attempts->lock);
	free(attempts);
}

/* The set in which `key` lies or would lie; its hash goes to `to`. */
static struct entry *set_of(
	struct attempts *attempts, const char *key, size_t len, unsigned char to[HASH_BYTES])
{
	hash_blake2b(to, attempts->secret, sizeof attempts->secret, key, len);
	return attempts->sets[(to[KEY] << 8 | to[KEY + 1]) % SETS];
}

/* Counts that are over are taken away on the way. */
static struct entry *find(struct entry *set, const unsigned char *key, int64_t now_ns)
{
	struct entry *found = NULL;

	for (struct entry *entry = set; entry < set + WAYS; entry++) {
		if (now_ns - entry->began_ns >= MINUTE_NS)
			entry->count = 0;
		if (entry->count > 0 && memcmp(entry->key, key, KEY) == 0)
			found = entry;
	}
	return found;
}

static struct entry *oldest(struct entry *set)
{
	struct entry *found = set;

	for (struct entry *entry = set; entry < set + WAYS; entry++) {
		if (entry->count == 0)
			return entry;
		if (entry->began_ns < found->began_ns)
			found = entry;
	}
	return found;
}

void attempts_failed(struct attempts *attempts, const char *key, size_t len, int64_t now_ns)
{
	unsigned char hash[HASH_BYTES];
	struct entry *set = set_of(attempts, key, len, hash), *entry;

	uv_mutex_lock(&attempts->lock);
	entry = find(set, hash, now_ns);
	if (entry == NULL) {
		entry = oldest(set);
		*entry = (struct entry){.began_ns = now_ns};
		memcpy(entry->key, hash, KEY);
	}
	entry->count++;
	uv_mutex_unlock(&attempts->lock);
}

int attempts_wait(
	struct attempts *attempts, const char *key, size_t len, unsigned most, int64_t now_ns)
{
	unsigned char hash[HASH_BYTES];
	struct entry *set = set_of(attempts, key, len, hash), *entry;
	int64_t left = 0;

	uv_mutex_lock(&attempts->lock);
	entry = find(set, hash, now_ns);
	if (entry != NULL && entry->count >= most)
		left = entry->began_ns + MINUTE_NS - now_ns;
	uv_mutex_unlock(&attempts->lock);
	return (int)((left + 999999999) / 1000000000);
}

void attempts_forget(struct attempts *attempts, const char *key, size_t len)
{
	unsigned char hash[HASH_BYTES];
	struct entry *set = set_of(attempts, key, len, hash);

	uv_mutex_lock(&attempts->lock);
	for (struct entry *entry = set; entry < set + WAYS; entry++)
		if (memcmp(entry->key, hash, KEY) == 0)
			entry->count = 0;
	uv_mutex_unlock(&attempts->lock);
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
