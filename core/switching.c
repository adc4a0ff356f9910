#include "switching.h"

#include "steps.h"

#include <stdlib.h>

static void over(struct switching *switching, int rc, const char *text)
{
	struct write *write = switching->write;

	switching->write = NULL;
	switching->owner.over(switching->owner.owner, rc, text);
	home_write_free(write);
}

static void all_switched(struct write *write)
{
	over(write->data, 0, NULL);
}

void switching_expect(struct switching *switching)
{
	/* Relaxed: whoever counts down has been told through a queue. */
	atomic_fetch_add_explicit(&switching->left, 1, memory_order_relaxed);
}

void switching_adopted(void *data)
{
	struct switching *switching = data;

	/* The last one's push publishes what all have done. */
	if (atomic_fetch_sub_explicit(&switching->left, 1, memory_order_acq_rel) != 1)
		return;
	if (queue_push(switching->owner.reply, &switching->write->work.item) != 0)
		abort(); /* it is open while a switch is under way, and has room for all of them */
}

/* The home has switched, or has not. */
static void home_switched(struct write *write)
{
	struct switching *switching = write->data;
	struct states *states = switching->states;

	switching->states = NULL;
	states->home = NULL;
	if (write->rc != 0) {
		const char *text = buf_text(&write->answer_text);

		builder_free(states);
		over(switching, write->rc, text != NULL && text[0] != '\0' ? text : NULL);
		return;
	}
	step_reached("switch", NULL);
	write->done = all_switched;
	atomic_store_explicit(&switching->left, 1, memory_order_relaxed);
	switching->owner.serves(switching->owner.owner, states);
	switching_adopted(switching);
}

void switching_init(struct switching *switching, const struct switching_owner *owner)
{
	*switching = (struct switching){.owner = *owner};
}

int switching_begin(struct switching *switching, struct states *states)
{
	struct write *write = home_write_new(WRITE_SWITCH);

	if (write == NULL)
		return TM_ENOMEM;
	write->state = states->home;
	write->reply = switching->owner.reply;
	write->done = home_switched;
	write->data = switching;
	switching->states = states;
	switching->write = write;
	if (home_push(switching->owner.home, write) == 0)
		return 0;
	switching->states = NULL;
	switching->write = NULL;
	home_write_free(write);
	return TM_EBUSY;
}
