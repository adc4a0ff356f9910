#include "generations.h"

#include "base/clock.h"
#include "base/log.h"
#include "generations_list.h"
#include "sources.h"
#include "steps.h"
#include "text/json_in.h"
#include "tidemill.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Attempts that people may have waiting, and how soon a home that is full is asked again. */
enum { PENDING_LIMIT = 16, AGAIN_MS = 20 };

/* One attempt. It goes to the builder, to the home and to all threads, and to the builder again. */
struct attempt {
	struct builder_order order; /* must be first */
	struct generations *generations;
	struct attempt *next;
	enum generations_cause cause;
	char wanted[65]; /* an earlier generation; empty: build from the files */
	char serves[65]; /* what served when the builder began */
	char *by;
	int64_t at, began_ns;
	generations_answer answer;
	void *data;

	char hash[65];
	struct states *states;
	bool unchanged, kept, resumes;
	int rc;
	struct err err;

	char *list; /* to be written down, and whose sources stay */
	char *hashes[GENERATIONS_KEPT + 1];
	char *outcome; /* the answer */
};

struct generations {
	struct generations_owner owner;
	struct switching switching;
	struct generations_list list;
	struct control_calls calls;
	uv_timer_t again;
	struct attempt *running, *pending;
	bool open; /* calls are taken */
	atomic_bool stop;
	char folder[PATH_MAX];
	char hash[65]; /* of the generation that serves; empty before the first */
};

static const char *const cause_names[] = {
	[CAUSE_START] = "start",
	[CAUSE_WATCH] = "watch",
	[CAUSE_REQUEST] = "request",
	[CAUSE_COMMAND] = "command",
};

/* The log */

static void tell_cause(struct log_line *line, const struct attempt *attempt)
{
	const struct generations_owner *owner = &attempt->generations->owner;

	log_text(line, "cause", cause_names[attempt->cause]);
	if (attempt->by != NULL)
		log_text(line, "by", attempt->by);
	if (owner->settings->tenant_count > 1)
		log_text(line, "tenant", owner->tenant);
}

static void tell(const struct attempt *attempt, const char *outcome, const char *text)
{
	struct log_line line;

	log_begin(&line, LOG_INFO, "generation");
	log_bytes(&line, "hash", attempt->hash, 12);
	log_text(&line, "outcome", outcome);
	if (text != NULL)
		log_text(&line, "text", text);
	tell_cause(&line, attempt);
	log_ms(&line, "ms", clock_mono_ns() - attempt->began_ns);
	log_end(&line);
}

static void tell_refused(const struct attempt *attempt, const char *text)
{
	bool serves = attempt->generations->hash[0] != '\0';
	struct log_line line;

	log_begin(&line, LOG_ERROR, "generation");
	log_text(&line, "outcome", serves ? "refused; the one before serves on" : "refused");
	log_text(&line, "text", text);
	tell_cause(&line, attempt);
	log_end(&line);
}

/* The last step: the list is on disk, and who asked is answered */

static void next_attempt(struct generations *generations);

static void free_attempt(struct attempt *attempt)
{
	for (char **one = attempt->hashes; *one != NULL; one++)
		free(*one);
	free(attempt->list);
	free(attempt->outcome);
	free(attempt->by);
	free(attempt);
}

static void answer_with(generations_answer answer, void *data, const char *json)
{
	static const char none[] = "{\"error\":\"memory\"}";

	if (answer != NULL)
		answer(data, json != NULL ? json : none, strlen(json != NULL ? json : none));
}

static void attempt_over(struct attempt *attempt)
{
	struct generations *generations = attempt->generations;

	generations->running = NULL;
	answer_with(attempt->answer, attempt->data, attempt->outcome);
	free_attempt(attempt);
	next_attempt(generations);
	if (!generations_are_busy(generations))
		generations->owner.idle(generations->owner.owner);
}

static void write_down(struct builder_order *order)
{
	struct attempt *attempt = (struct attempt *)order;
	struct generations *generations = attempt->generations;
	struct err err;
	int rc = step_reached("list", &err);

	if (rc == 0)
		rc = sources_note(generations->folder, attempt->list, attempt->hashes, &err);
	if (rc != 0)
		log_event(LOG_ERROR, "generation", "the list cannot be written down: %s", err.text);
}

static void written_down(struct builder_order *order)
{
	attempt_over((struct attempt *)order);
}

static bool copy_hashes(struct attempt *attempt)
{
	char **to = attempt->hashes;

	for (char *const *one = attempt->generations->list.kept; *one != NULL; one++)
		if ((*to++ = strdup(*one)) == NULL)
			return false;
	return true;
}

static void note(struct attempt *attempt)
{
	struct generations *generations = attempt->generations;

	attempt->list = generations_list_text(&generations->list);
	if (generations->folder[0] == '\0' || attempt->list == NULL || !copy_hashes(attempt)) {
		attempt_over(attempt);
		return;
	}
	attempt->order.work = write_down;
	attempt->order.done = written_down;
	builder_give(generations->owner.builder, &attempt->order);
}

static json_t *new_entry(const struct attempt *attempt)
{
	return json_pack("{s:s*, s:I, s:I, s:s, s:s, s:s*, s:s, s:b}", "hash",
		attempt->hash[0] != '\0' ? attempt->hash : NULL, "at", (json_int_t)attempt->at,
		"ms", (json_int_t)((clock_mono_ns() - attempt->began_ns) / 1000000), "cause",
		cause_names[attempt->cause], "action",
		attempt->wanted[0] != '\0' ? "return" : "build", "by", attempt->by, "version",
		TIDEMILL_VERSION, "sources", (int)attempt->kept);
}

/* `text` is why it was refused, or NULL. */
static void conclude(struct attempt *attempt, const char *text)
{
	struct generations *generations = attempt->generations;
	json_t *entry = NULL, *shown;

	if (text != NULL || !attempt->resumes)
		entry = new_entry(attempt);
	if (entry == NULL) {
		attempt_over(attempt);
		return;
	}
	if (text != NULL)
		generations_entry_refused(entry, text);
	else
		json_object_set_new(
			entry, "result", json_string(attempt->unchanged ? "unchanged" : "served"));
	entry = generations_list_add(&generations->list, entry);
	shown = generations_entry_shown(&generations->list, entry, generations->hash);
	attempt->outcome = json_dumps(shown, JSON_COMPACT);
	json_decref(shown);
	note(attempt);
}

static void refuse(struct attempt *attempt, int rc, const char *text)
{
	struct generations *generations = attempt->generations;

	if (text == NULL)
		text = err_name(rc);
	metrics_count(generations->owner.metrics, METRICS_GENERATIONS_REFUSED);
	tell_refused(attempt, text);
	generations->owner.refused(generations->owner.owner, rc, text);
	conclude(attempt, text);
}

static void stopped(struct attempt *attempt)
{
	attempt->outcome = strdup("{\"error\":\"stopping\"}");
	attempt_over(attempt);
}

/* The switch */

static void home_serves(void *owner, struct states *states)
{
	struct generations *generations = owner;

	snprintf(generations->hash, sizeof generations->hash, "%s", generations->running->hash);
	tell(generations->running, "serves", NULL);
	metrics_count(generations->owner.metrics, METRICS_GENERATIONS);
	metrics_generation(
		generations->owner.metrics, generations->owner.tenant, generations->hash);
	generations->owner.serves(generations->owner.owner, states);
}

static void switched(void *owner, int rc, const char *text)
{
	struct generations *generations = owner;

	if (rc != 0)
		refuse(generations->running, rc, text);
	else
		conclude(generations->running, NULL);
}

static void begin_switch(uv_timer_t *timer)
{
	struct generations *generations = timer->data;
	struct attempt *attempt = generations->running;
	int rc;

	if (atomic_load(&generations->stop)) {
		builder_free(attempt->states);
		stopped(attempt);
		return;
	}
	rc = switching_begin(&generations->switching, attempt->states);
	if (rc == 0) {
		attempt->states = NULL;
	} else if (rc == TM_EBUSY) {
		uv_timer_start(&generations->again, begin_switch, AGAIN_MS, 0);
	} else {
		builder_free(attempt->states);
		refuse(attempt, rc, "no memory");
	}
}

/* The build */

static int find_sources(struct attempt *attempt, struct generation **gen)
{
	const struct generations *generations = attempt->generations;
	const struct generations_owner *owner = &generations->owner;
	int rc;

	if (attempt->wanted[0] == '\0')
		return builder_read(owner->settings, owner->tests, gen, &attempt->err);
	rc = step_reached("read", &attempt->err);
	return rc != 0 ? rc
		       : sources_find(generations->folder, attempt->wanted, gen, &attempt->err);
}

/* What cannot be kept serves all the same. */
static bool keep(const struct generations *generations, const struct generation *gen)
{
	struct err err;

	if (generations->folder[0] == '\0')
		return false;
	if (sources_keep(generations->folder, gen, &err) == 0)
		return true;
	log_event(LOG_ERROR, "generation", "the sources cannot be kept: %s", err.text);
	return false;
}

static void build(struct builder_order *order)
{
	struct attempt *attempt = (struct attempt *)order;
	struct generations *generations = attempt->generations;
	const struct generations_owner *owner = &generations->owner;
	struct generation *gen = NULL;

	attempt->rc = find_sources(attempt, &gen);
	if (attempt->rc != 0)
		return;
	strcpy(attempt->hash, generation_hash(gen));
	attempt->unchanged = strcmp(attempt->hash, attempt->serves) == 0;
	if (!attempt->unchanged)
		attempt->rc = builder_states(&attempt->states, gen, &owner->settings->budgets,
			owner->workers, &generations->stop, &attempt->err);
	if (attempt->rc == 0)
		attempt->kept = keep(generations, gen);
	generation_drop(gen);
}

static void built(struct builder_order *order)
{
	struct attempt *attempt = (struct attempt *)order;
	struct generations *generations = attempt->generations;

	if (attempt->rc == TM_EINTR && atomic_load(&generations->stop)) {
		stopped(attempt);
	} else if (attempt->rc != 0) {
		refuse(attempt, attempt->rc, attempt->err.text);
	} else if (attempt->unchanged) {
		tell(attempt, "unchanged",
			"no plugin or client pack that serves; settings are read at the start");
		conclude(attempt, NULL);
	} else {
		begin_switch(&generations->again);
	}
}

static void next_attempt(struct generations *generations)
{
	struct attempt *attempt = generations->pending;

	if (generations->running != NULL || attempt == NULL)
		return;
	generations->pending = attempt->next;
	generations->running = attempt;
	if (atomic_load(&generations->stop)) {
		stopped(attempt);
		return;
	}
	strcpy(attempt->serves, generations->hash);
	attempt->at = clock_utc_ms();
	attempt->began_ns = clock_mono_ns();
	attempt->order.work = build;
	attempt->order.done = built;
	builder_give(generations->owner.builder, &attempt->order);
}

/* Asking */

static struct attempt *new_attempt(struct generations *generations, enum generations_cause cause)
{
	struct attempt *attempt = calloc(1, sizeof *attempt);

	if (attempt != NULL) {
		attempt->generations = generations;
		attempt->cause = cause;
	}
	return attempt;
}

/* Returns how many wait. */
static unsigned enqueue(struct generations *generations, struct attempt *attempt, bool go)
{
	struct attempt **at = &generations->pending;
	unsigned count = 0;

	for (; *at != NULL; at = &(*at)->next)
		count++;
	if (go) {
		*at = attempt;
		next_attempt(generations);
	}
	return count;
}

void generations_build(struct generations *generations, enum generations_cause cause)
{
	struct attempt *attempt;

	/* Whatever waits to read the files reads them later than now. */
	for (attempt = generations->pending; attempt != NULL; attempt = attempt->next)
		if (attempt->wanted[0] == '\0')
			return;
	attempt = atomic_load(&generations->stop) ? NULL : new_attempt(generations, cause);
	if (attempt != NULL)
		enqueue(generations, attempt, true);
}

void generations_resume(struct generations *generations, const char *hash)
{
	struct attempt *attempt = new_attempt(generations, CAUSE_START);

	if (attempt == NULL) {
		generations_build(generations, CAUSE_START);
		return;
	}
	attempt->resumes = true;
	snprintf(attempt->wanted, sizeof attempt->wanted, "%s", hash);
	enqueue(generations, attempt, true);
}

const char *generations_serves(const struct generations *generations)
{
	return generations->hash;
}

static const char *set_wanted(struct attempt *attempt, const char *hash)
{
	const char *why;
	const json_t *entry = generations_list_find(&attempt->generations->list, hash, &why);

	if (entry != NULL)
		snprintf(attempt->wanted, sizeof attempt->wanted, "%s",
			json_string_value(json_object_get(entry, "hash")));
	return why;
}

/* Returns why it is not tried, or NULL. */
static const char *try(struct generations *generations, enum generations_cause cause,
	const json_t *order, generations_answer answer, void *data)
{
	const char *hash = json_string_value(json_object_get(order, "hash"));
	const char *by = json_string_value(json_object_get(order, "by")), *why = NULL;
	struct attempt *attempt;

	if (atomic_load(&generations->stop))
		return "stopping";
	if (enqueue(generations, NULL, false) >= PENDING_LIMIT)
		return "busy";
	attempt = new_attempt(generations, cause);
	if (attempt == NULL)
		return "memory";
	if (hash != NULL)
		why = set_wanted(attempt, hash);
	if (why != NULL || (by != NULL && (attempt->by = strdup(by)) == NULL)) {
		free_attempt(attempt);
		return why != NULL ? why : "memory";
	}
	attempt->answer = answer;
	attempt->data = data;
	enqueue(generations, attempt, true);
	return NULL;
}

static void show_list(struct generations *generations, generations_answer answer, void *data)
{
	json_t *shown = generations_list_shown(
		&generations->list, generations->hash, generations->owner.safe);
	char *text = json_dumps(shown, JSON_COMPACT);

	answer_with(answer, data, text);
	free(text);
	json_decref(shown);
}

void generations_ask(struct generations *generations, enum generations_cause cause,
	const char *payload, size_t len, generations_answer answer, void *data)
{
	struct json_fault fault;
	json_t *order = json_in_parse(payload, len, &fault);
	const char *what = json_string_value(json_object_get(order, "do")), *why = "unknown";
	bool has_hash = json_is_string(json_object_get(order, "hash"));
	char text[64];

	if (what != NULL && strcmp(what, "list") == 0) {
		show_list(generations, answer, data);
		why = NULL;
	} else if (what != NULL && strcmp(what, has_hash ? "activate" : "build") == 0) {
		why = try(generations, cause, order, answer, data);
	}
	if (why != NULL) {
		snprintf(text, sizeof text, "{\"error\":\"%s\"}", why);
		answer_with(answer, data, text);
	}
	json_decref(order);
}

/* A call from another thread. */
static void on_call(void *owner, struct control_call *call, const char *payload, size_t len)
{
	generations_ask(owner, CAUSE_REQUEST, payload, len, control_call_answer, call);
}

/* The beginning and the end */

static int read_list(struct generations *generations, struct err *err)
{
	struct buf text = BUF_EMPTY;
	int rc = sources_open(generations->folder, err);

	if (rc == 0)
		rc = sources_list(generations->folder, &text, err);
	if (rc == 0 && generations_list_read(&generations->list, text.data, text.len) != 0)
		log_event(LOG_WARN, "generation",
			"the list of generations cannot be read, and begins anew");
	buf_free(&text);
	return rc == TM_ENOENT ? 0 : rc;
}

int generations_start(
	struct generations **made, const struct generations_owner *owner, struct err *err)
{
	struct generations *generations = calloc(1, sizeof *generations);
	int rc = 0;

	if (generations == NULL || generations_list_init(&generations->list) != 0 ||
		control_calls_init(&generations->calls, owner->loop, on_call, generations) != 0)
		return err_set(err, TM_ENOMEM, "no memory");
	generations->owner = *owner;
	generations->open = true;
	switching_init(&generations->switching, &(struct switching_owner){.home = owner->home,
							.reply = owner->reply,
							.serves = home_serves,
							.over = switched,
							.owner = generations});
	uv_timer_init(owner->loop, &generations->again);
	generations->again.data = generations;
	*made = generations;
	if (owner->folder != NULL) {
		snprintf(generations->folder, PATH_MAX, "%s", owner->folder);
		rc = read_list(generations, err);
	}
	return rc;
}

struct control_calls *generations_calls(struct generations *generations)
{
	return &generations->calls;
}

struct switching *generations_switching(struct generations *generations)
{
	return &generations->switching;
}

bool generations_are_busy(const struct generations *generations)
{
	return generations != NULL &&
	       (generations->running != NULL || generations->pending != NULL);
}

void generations_close(struct generations *generations)
{
	if (generations == NULL || !generations->open)
		return;
	generations->open = false;
	atomic_store(&generations->stop, true);
	/* What has come is answered here; what comes now is refused where it comes from. */
	control_calls_close(&generations->calls);
	if (uv_is_active((uv_handle_t *)&generations->again)) {
		uv_timer_stop(&generations->again);
		begin_switch(&generations->again);
	}
}

void generations_stop(struct generations *generations)
{
	if (generations == NULL)
		return;
	uv_close((uv_handle_t *)&generations->again, NULL);
}

void generations_free(struct generations *generations)
{
	if (generations == NULL)
		return;
	control_calls_destroy(&generations->calls);
	generations_list_free(&generations->list);
	free(generations);
}
