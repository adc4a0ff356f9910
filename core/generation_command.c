#include "generation_command.h"

#include "admin.h"
#include "base/buf.h"
#include "generations_list.h"
#include "sources.h"
#include "text/json_in.h"
#include "text/json_out.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DONE, FAILED, USAGE };

static const struct {
	const char *code, *words;
} reasons[] = {
	{"unknown",
		"there is no generation in the list whose hash begins so; six letters at least"},
	{"ambiguous", "the hashes of several generations begin so; give more of it"},
	{"refused", "this generation was refused and never served"},
	{"gone", "the sources of this generation are no longer kept"},
	{"version", "this generation belongs to another version of tidemill; build from the files"},
	{"busy", "too many builds are waiting; try again"},
	{"stopping", "the server is stopping"},
};

static int failed(const char *words)
{
	fprintf(stderr, "tidemill: %s\n", words);
	return FAILED;
}

static const char *text_of(const json_t *entry, const char *name)
{
	const char *text = json_string_value(json_object_get(entry, name));

	return text != NULL ? text : "";
}

static void print_entry(const json_t *entry)
{
	const char *hash = text_of(entry, "hash"), *text = text_of(entry, "text");

	printf("%-12.12s %c %.19sZ  %-9s  %-7s  %-6s  %s\n", hash[0] != '\0' ? hash : "-",
		json_is_true(json_object_get(entry, "current")) ? '*' : ' ', text_of(entry, "at"),
		text_of(entry, "result"), text_of(entry, "cause"), text_of(entry, "action"),
		text_of(entry, "by"));
	if (text[0] != '\0')
		printf("    %s\n", text);
}

static void print_list(const json_t *answer)
{
	const json_t *list = json_object_get(answer, "data"), *entry;
	size_t i;

	if (json_is_true(json_object_get(answer, "safe")))
		fprintf(stderr, "served with --safe: client packs are left out\n");
	json_array_foreach(list, i, entry) print_entry(entry);
}

static void print_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(1) | JSON_SORT_KEYS);
	putchar('\n');
}

static int print_answer(const char *text, bool json)
{
	struct json_fault fault;
	json_t *answer = json_in_parse(text, strlen(text), &fault);
	const char *error = json_string_value(json_object_get(answer, "error"));
	int status = DONE;

	if (answer == NULL || error != NULL) {
		for (size_t i = 0; error != NULL && i < sizeof reasons / sizeof *reasons; i++)
			if (strcmp(reasons[i].code, error) == 0)
				error = reasons[i].words;
		status = failed(error != NULL ? error : "the server's answer cannot be read");
	} else if (json) {
		print_json(answer);
	} else if (json_object_get(answer, "data") != NULL) {
		print_list(answer);
	} else {
		print_entry(answer);
	}
	if (status == DONE && strcmp(text_of(answer, "result"), "refused") == 0)
		status = failed("refused; the one before serves on");
	json_decref(answer);
	return status;
}

static int print_list_on_disk(const struct settings *settings, bool json)
{
	struct generations_list list;
	struct buf text = BUF_EMPTY;
	char folder[PATH_MAX];
	struct err err;
	json_t *shown;
	int rc = generations_list_init(&list);

	snprintf(folder, sizeof folder, "%s/tenants/%s/generations", settings->data,
		settings->tenant);
	if (rc != 0)
		return failed("no memory");
	rc = sources_list(folder, &text, &err);
	if (rc == 0 && generations_list_read(&list, text.data, text.len) != 0)
		rc = err_set(&err, TM_EINVAL, "%.400s/list.json cannot be read", folder);
	if (rc == 0) {
		shown = generations_list_shown(&list, "", false);
		if (json)
			print_json(shown);
		else
			print_list(shown);
		json_decref(shown);
	}
	generations_list_free(&list);
	buf_free(&text);
	return rc == 0 ? DONE : failed(err.text);
}

static void ignore_text(void *data, const char *text, size_t len)
{
	(void)data;
	(void)text;
	(void)len;
}

static void write_order(struct buf *order, const char *what, const char *hash)
{
	buf_puts(order, "{\"do\":");
	json_out_string(order, what, strlen(what));
	if (hash != NULL) {
		buf_puts(order, ",\"hash\":");
		json_out_string(order, hash, strlen(hash));
	}
	buf_puts(order, "}");
}

int generation_command(const struct settings *settings, char **words, int count, bool json)
{
	const char *what = count > 0 ? words[0] : "list";
	bool is_list = strcmp(what, "list") == 0, activates = strcmp(what, "activate") == 0;
	struct buf order = BUF_EMPTY;
	char path[PATH_MAX], *answer = NULL;
	struct err err;
	int rc, status;

	if ((!is_list && !activates && strcmp(what, "build") != 0) || (count > 1) != activates) {
		failed("it is generation list, generation build or generation activate HASH");
		return USAGE;
	}
	write_order(&order, what, activates ? words[1] : NULL);
	snprintf(path, sizeof path, "%s/admin.sock", settings->data);
	rc = admin_call(path, settings->tenant, "generation", buf_text(&order), ignore_text, NULL,
		&answer, &err);
	buf_free(&order);
	if (rc == TM_ENOENT && is_list)
		return settings->tenant != NULL
			       ? print_list_on_disk(settings, json)
			       : failed("which tenant is meant? Say --tenant NAME");
	if (rc == TM_ENOENT)
		return failed("no server serves this data folder: a start builds from the files");
	status = rc == 0 ? print_answer(answer, json) : failed(err.text);
	free(answer);
	return status;
}
