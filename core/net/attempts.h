/* core/net/attempts.h: what failed lately, counted by keys such as a client's network.
 *
 * A count holds for a minute from its first failure. The table is of fixed size: of very many keys,
 * the oldest are forgotten first. One serves all threads of a program, under its own lock. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { ATTEMPTS_NETWORK = 64 };

struct attempts;

/* NULL without memory. hash_start must have been called. */
struct attempts *attempts_new(void);
void attempts_free(struct attempts *attempts);

/* Counts one failure. `now_ns` is clock_mono_ns here and below. */
void attempts_failed(struct attempts *attempts, const char *key, size_t len, int64_t now_ns);

/* How many seconds to wait until the next try, 0 with fewer than `most` failures. */
int attempts_wait(
	struct attempts *attempts, const char *key, size_t len, unsigned most, int64_t now_ns);

/* Forgets the failures of `key`. */
void attempts_forget(struct attempts *attempts, const char *key, size_t len);

/* What one client can hardly leave: an IPv4 address, or the first half of an IPv6 address. */
void attempts_network(const char *client, char network[ATTEMPTS_NETWORK]);
