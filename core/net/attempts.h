/* core/net/attempts.h: what failed or was asked lately, or is held now, counted by keys such as a
 * client's network.
 *
 * A count stands for a minute from its first. The table is of fixed size: of very many keys, the
 * oldest are forgotten first, but never while something is held. One serves all threads of a
 * program; keys that fall apart seldom share a lock. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { ATTEMPTS_NETWORK = 64 };

struct attempts;

/* Room for `keys`, a power of two from 64 to 262,144. NULL without memory. hash_start must have
 * been called. */
struct attempts *attempts_new(unsigned keys);
void attempts_free(struct attempts *attempts);

/* Counts one failure. `now_ns` is clock_mono_ns here and below. */
void attempts_failed(struct attempts *attempts, const char *key, size_t len, int64_t now_ns);

/* How many seconds to wait until the next try, 0 with fewer than `most` failures. */
int attempts_wait(
	struct attempts *attempts, const char *key, size_t len, unsigned most, int64_t now_ns);

/* Counts one more, unless there are `most` already: then how many seconds to wait, else 0. */
int attempts_ask(
	struct attempts *attempts, const char *key, size_t len, unsigned most, int64_t now_ns);

/* Holds one more; how many are held now. 0: there was no room to count it. What was counted must be
 * released. */
unsigned attempts_hold(struct attempts *attempts, const char *key, size_t len, int64_t now_ns);
void attempts_release(struct attempts *attempts, const char *key, size_t len, int64_t now_ns);

/* Forgets the failures of `key`. */
void attempts_forget(struct attempts *attempts, const char *key, size_t len);

/* What one client can hardly leave: an IPv4 address, or the first half of an IPv6 address. */
void attempts_network(const char *client, char network[ATTEMPTS_NETWORK]);
