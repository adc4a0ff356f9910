#include "builder.h"

#include "base/buf.h"
#include "steps.h"
#include "text/json_out.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SOURCES = 128 };

struct source_list {
	struct generation_source sources[MAX_SOURCES];
	char roots[MAX_SOURCES][PATH_MAX];
	char names[MAX_SOURCES][160];
	unsigned count;
};

static int add_source(struct source_list *list, const char *root, const char *folder,
	const char *name, struct err *err)
{
	unsigned i = list->count;
	char *path, *to = list->names[i];

	if (i == MAX_SOURCES)
		return err_set(
			err, TM_EINVAL, "more than %d plugins and client packs", MAX_SOURCES - 2);
	path = list->roots[i];
	if (snprintf(to, sizeof list->names[i], "%s%s", folder, name) >=
			(int)sizeof list->names[i] ||
		snprintf(path, PATH_MAX, "%s/%s%s", root, folder, name) >= PATH_MAX)
		return err_set(err, TM_EINVAL, "the name %s is too long", name);
	list->sources[i] =
		(struct generation_source){.root = list->roots[i], .name = list->names[i]};
	list->count++;
	return 0;
}

static void write_list(struct buf *json, const char *name, char **list)
{
	buf_printf(json, "\"%s\":[", name);
	for (char **one = list; *one != NULL; one++) {
		if (one > list)
			buf_putc(json, ',');
		json_out_string(json, *one, strlen(*one));
	}
	buf_putc(json, ']');
}

static int read_sources(const struct settings *settings, struct source_list *list,
	struct generation **gen, struct err *err)
{
	struct buf json = BUF_EMPTY;
	int rc;

	buf_putc(&json, '{');
	write_list(&json, "plugins", settings->plugins);
	buf_putc(&json, ',');
	write_list(&json, "clients", settings->clients);
	buf_putc(&json, '}');
	rc = buf_text(&json) == NULL
		     ? err_set(err, TM_ENOMEM, "no memory")
		     : generation_read(gen, list->sources, list->count, json.data, err);
	buf_free(&json);
	return rc;
}

int builder_read(const struct settings *settings, const char *tests, struct generation **gen,
	struct err *err)
{
	struct source_list *list = calloc(1, sizeof *list);
	int rc;

	if (list == NULL)
		return err_set(err, TM_ENOMEM, "no memory");
	rc = step_reached("read", err);
	if (rc == 0)
		rc = add_source(list, settings->root, "", "scripts", err);
	for (char **one = settings->plugins; rc == 0 && *one != NULL; one++)
		rc = add_source(list, settings->root, "plugins/", *one, err);
	for (char **one = settings->clients; rc == 0 && *one != NULL; one++)
		rc = add_source(list, settings->root, "config/clients/", *one, err);
	if (rc == 0 && tests != NULL) {
		rc = add_source(list, settings->root, "tests/", "scripts", err);
		if (rc == 0)
			snprintf(list->roots[list->count - 1], PATH_MAX, "%s", tests);
	}
	if (rc == 0)
		rc = read_sources(settings, list, gen, err);
	free(list);
	return rc;
}

/* The next state, unless the server stops meanwhile. */
static int make_state(struct state **made, const struct states *states,
	const struct budgets *budgets, const atomic_bool *stop, struct err *err)
{
	if (atomic_load(stop))
		return err_set(err, TM_EINTR, "the server is stopping");
	return state_new(made, states->gen, budgets, err);
}

int builder_states(struct states **made, struct generation *gen, const struct budgets *budgets,
	int workers, const atomic_bool *stop, struct err *err)
{
	struct states *states = calloc(1, sizeof *states);
	int rc;

	if (states == NULL)
		return err_set(err, TM_ENOMEM, "no memory");
	states->gen = generation_take(gen);
	rc = step_reached("load", err);
	if (rc == 0)
		rc = make_state(&states->control, states, budgets, stop, err);
	if (rc == 0)
		rc = step_reached("check", err);
	if (rc == 0)
		rc = make_state(&states->home, states, budgets, stop, err);
	for (int i = 0; rc == 0 && i < workers; i++)
		rc = make_state(&states->workers[i], states, budgets, stop, err);
	if (rc != 0) {
		builder_free(states);
		return rc;
	}
	*made = states;
	return 0;
}

static void drop(struct state *state)
{
	if (state != NULL)
		state_retire(state);
}

void builder_free(struct states *states)
{
	if (states == NULL)
		return;
	for (int i = 0; i < MAX_WORKERS; i++)
		drop(states->workers[i]);
	drop(states->home);
	drop(states->control);
	if (states->gen != NULL)
		generation_drop(states->gen);
	free(states);
}
