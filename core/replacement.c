#include "replacement.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <unistd.h>

enum { PAUSE_US = 100000 };

struct replacement {
	uv_work_t work;
	struct generation *gen;
	struct budgets budgets;
	struct state *made;
	void (*done)(void *data, struct state *state);
	void *data;
};

/* The generation has been loaded before, so what fails passes by: there is no memory, the machine
 * is too busy. */
static void make(uv_work_t *work)
{
	struct replacement *new = (struct replacement *)work;
	struct log_line line;
	int64_t began = clock_mono_ns();
	struct err err;

	while (state_new(&new->made, new->gen, &new->budgets, &err) != 0) {
		log_event(LOG_ERROR, "state", "cannot be made again: %s", err.text);
		usleep(PAUSE_US);
	}
	log_begin(&line, LOG_INFO, "state");
	log_text(&line, "outcome", "made for a thread that had none");
	log_ms(&line, "ms", clock_mono_ns() - began);
	log_end(&line);
}

static void made(uv_work_t *work, int status)
{
	struct replacement *new = (struct replacement *)work;

	(void)status; /* never cancelled */
	new->done(new->data, new->made);
	generation_drop(new->gen);
	free(new);
}

void replacement_start(uv_loop_t *loop, struct generation *gen, const struct budgets *budgets,
	void (*done)(void *data, struct state *state), void *data)
{
	struct replacement *new = calloc(1, sizeof *new);

	if (new == NULL)
		abort();
	new->gen = generation_take(gen);
	new->budgets = *budgets;
	new->done = done;
	new->data = data;
	uv_queue_work(loop, &new->work, make, made); /* fails for a missing function only */
}
