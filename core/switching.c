#include "switching.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

static void tell(struct switching *switching, const struct states *states, const char *outcome,
	const char *text)
{
	struct log_line line;

	log_begin(&line, LOG_INFO, "generation");
	log_bytes(&line, "hash", switching->hash, 12);
	log_text(&line, "outcome", outcome);
	if (text != NULL)
		log_text(&line, "text", text);
	log_ms(&line, "ms", clock_mono_ns() - states->began_ns);
	log_end(&line);
}

static void serves(struct switching *switching, struct states *states)
{
	struct metrics *metrics = switching->owner.metrics;

	snprintf(switching->hash, sizeof switching->hash, "%s", generation_hash(states->gen));
	tell(switching, states, "serves", NULL);
	metrics_count(metrics, METRICS_GENERATIONS);
	metrics_generation(metrics, switching->hash);
	switching->owner.serves(switching->owner.owner, states);
}

static void refused(struct switching *switching, int rc, const char *text)
{
	struct log_line line;

	if (text == NULL)
		text = err_name(rc);
	metrics_count(switching->owner.metrics, METRICS_GENERATIONS_REFUSED);
	log_begin(&line, LOG_ERROR, "generation");
	log_text(&line, "outcome",
		switching->hash[0] != '\0' ? "refused; the one before serves on" : "refused");
	log_text(&line, "text", text);
	log_end(&line);
	switching->owner.refused(switching->owner.owner, rc, text);
}

static void switched(struct write *write)
{
	struct switching *switching = write->data;
	struct states *states = switching->states;

	switching->states = NULL;
	states->home = NULL;
	if (write->rc == 0) {
		serves(switching, states);
	} else {
		builder_free(states);
		refused(switching, write->rc, buf_text(&write->answer_text));
	}
	home_write_free(write);
	if (switching->again && !switching->closed)
		switching_begin(switching);
	if (switching->states == NULL)
		switching->owner.over(switching->owner.owner);
}

/* Sends the home's state to the home. */
static int send_home(struct switching *switching, struct states *states, struct err *err)
{
	struct write *write = home_write_new(WRITE_SWITCH);

	if (write == NULL)
		return err_set(err, TM_ENOMEM, "no memory");
	write->state = states->home;
	write->reply = switching->owner.reply;
	write->done = switched;
	write->data = switching;
	if (home_push(switching->owner.home, write) != 0) {
		home_write_free(write);
		return err_set(err, TM_EBUSY, "the home is busy");
	}
	switching->states = states;
	return 0;
}

static void build(struct switching *switching)
{
	const struct switching_owner *owner = &switching->owner;
	struct states *states = NULL;
	struct err err;
	int rc = builder_build(owner->settings, owner->tests, owner->workers, &states, &err);

	if (rc == 0 && strcmp(generation_hash(states->gen), switching->hash) == 0)
		tell(switching, states, "unchanged",
			"no plugin or client pack that serves; settings are read at the start");
	else if (rc == 0)
		rc = send_home(switching, states, &err);
	if (switching->states == NULL)
		builder_free(states);
	if (rc != 0)
		refused(switching, rc, err.text);
}

void switching_init(struct switching *switching, const struct switching_owner *owner)
{
	*switching = (struct switching){.owner = *owner};
}

void switching_begin(struct switching *switching)
{
	switching->again = switching->states != NULL;
	if (switching->states == NULL && !switching->closed)
		build(switching);
}

bool switching_is_under_way(const struct switching *switching)
{
	return switching->states != NULL;
}

void switching_close(struct switching *switching)
{
	switching->closed = true;
}
