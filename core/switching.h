/* core/switching.h: from one generation to the next.
 *
 * The home comes first, since it brings the schema along; when its commit is on disk, the owner
 * hands the other states out. It is over when every thread has said that it has switched. There is
 * one switch at a time. What fails on the way leaves the generation before as it is. Belongs to the
 * control thread. */
#pragma once

#include "builder.h"
#include "home.h"

#include <stdatomic.h>
#include <stdbool.h>

struct switching_owner {
	struct home *home;
	struct queue *reply; /* of the control thread */
	/* The home serves with the new generation: its other states are the owner's, who hands them
	 * out with switching_expect and switching_adopted. */
	void (*serves)(void *owner, struct states *states);
	/* All threads have switched (rc 0), or none has and the states are gone. */
	void (*over)(void *owner, int rc, const char *text);
	void *owner;
};

struct switching {
	struct switching_owner owner;
	struct states *states; /* on their way to the home */
	struct write *write;   /* what carries the news between the threads; NULL: no switch */
	atomic_uint left;      /* threads that have yet to switch, and one while they are told */
};

void switching_init(struct switching *switching, const struct switching_owner *owner);

/* Begins and takes the states; `over` comes on a later turn. TM_EBUSY, TM_ENOMEM: the home cannot
 * take it now, the states stay the caller's. */
int switching_begin(struct switching *switching, struct states *states);

/* In `serves`, before a thread is told: it will call switching_adopted. */
void switching_expect(struct switching *switching);

/* The thread serves with the new generation, or has ended. Any thread. */
void switching_adopted(void *switching);
