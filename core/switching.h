/* core/switching.h: from one generation to the next.
 *
 * The home comes first, since it brings the schema along; then, when its commit is on disk, the
 * owner hands the other states out. There is one switch at a time, and a change meanwhile is taken
 * up after it. Whatever fails on the way leaves the generation before as it is. Belongs to the
 * control thread. */
#pragma once

#include "base/metrics.h"
#include "builder.h"
#include "home.h"

struct switching_owner {
	const struct settings *settings;
	const char *tests;
	int workers;
	struct home *home;
	struct queue *reply; /* of the control thread */
	struct metrics *metrics;
	/* The home serves with the new generation: its other states are the owner's. */
	void (*serves)(void *owner, struct states *states);
	/* It does not; the log has been told why. */
	void (*refused)(void *owner, int rc, const char *text);
	/* No switch is under way any more. */
	void (*over)(void *owner);
	void *owner;
};

struct switching {
	struct switching_owner owner;
	struct states *states; /* under way, or NULL */
	bool again, closed;
	char hash[65]; /* of the generation that serves; empty before the first */
};

void switching_init(struct switching *switching, const struct switching_owner *owner);

/* Builds a generation from the files and switches to it, unless it is the one that serves. */
void switching_begin(struct switching *switching);

bool switching_is_under_way(const struct switching *switching);

/* Begins no further one. */
void switching_close(struct switching *switching);
