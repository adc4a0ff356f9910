#include "generations_list.h"

#include "text/date.h"
#include "tidemill.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *entry, const char *name)
{
	const char *text = json_string_value(json_object_get(entry, name));

	return text != NULL ? text : "";
}

static bool is(const json_t *entry, const char *name, const char *value)
{
	return strcmp(text_of(entry, name), value) == 0;
}

static const json_t *at(const struct generations_list *list, size_t i)
{
	return json_array_get(list->entries, i);
}

static bool is_kept(const struct generations_list *list, const char *hash)
{
	for (char *const *one = list->kept; *one != NULL; one++)
		if (strcmp(*one, hash) == 0)
			return true;
	return false;
}

static void forget_kept(struct generations_list *list)
{
	for (char **one = list->kept; *one != NULL; one++) {
		free(*one);
		*one = NULL;
	}
}

/* The last generations that served. */
static void find_kept(struct generations_list *list)
{
	size_t count = 0;

	forget_kept(list);
	for (size_t i = json_array_size(list->entries); i-- > 0 && count < GENERATIONS_KEPT;) {
		const json_t *entry = at(list, i);
		const char *hash = text_of(entry, "hash");

		if (is(entry, "result", "served") && !is_kept(list, hash) &&
			(list->kept[count] = strdup(hash)) != NULL)
			count++;
	}
}

int generations_list_init(struct generations_list *list)
{
	*list = (struct generations_list){.entries = json_array()};
	return list->entries != NULL ? 0 : TM_ENOMEM;
}

void generations_list_free(struct generations_list *list)
{
	forget_kept(list);
	json_decref(list->entries);
}

static bool is_entry(const json_t *entry)
{
	return json_is_integer(json_object_get(entry, "at")) &&
	       json_is_string(json_object_get(entry, "result")) &&
	       json_is_string(json_object_get(entry, "cause")) &&
	       (is(entry, "result", "refused") || strlen(text_of(entry, "hash")) == 64);
}

int generations_list_read(struct generations_list *list, const char *text, size_t len)
{
	json_t *entries = json_loadb(text, len, 0, NULL), *entry;
	bool good = json_is_array(entries);
	size_t i;

	json_array_foreach(entries, i, entry) good = good && is_entry(entry);
	if (!good) {
		json_decref(entries);
		return TM_EINVAL;
	}
	json_decref(list->entries);
	list->entries = entries;
	find_kept(list);
	return 0;
}

/* "plugins/NAME/rules.lua:14: …" */
static void set_place(json_t *entry, const char *text)
{
	const char *end = strstr(text, ".lua"), *start = end;
	long line;

	if (end == NULL)
		return;
	end += strlen(".lua");
	while (start > text && (isalnum((unsigned char)start[-1]) || strchr("_-./", start[-1])))
		start--;
	json_object_set_new(entry, "file", json_stringn(start, (size_t)(end - start)));
	line = end[0] == ':' ? strtol(end + 1, NULL, 10) : 0;
	if (line > 0)
		json_object_set_new(entry, "line", json_integer(line));
}

void generations_entry_refused(json_t *entry, const char *text)
{
	json_t *words = json_string(text);

	/* Names in a file need not be UTF-8. */
	json_object_set_new(entry, "result", json_string("refused"));
	json_object_set_new(entry, "text",
		words != NULL ? words : json_string("the reason is not UTF-8; the log has it"));
	set_place(entry, text);
}

/* A newer entry says the same, or the generation is not to be had any more. */
static bool is_dispensable(const struct generations_list *list, size_t i)
{
	const json_t *entry = at(list, i);
	const char *hash = text_of(entry, "hash");

	if (!is(entry, "result", "served") || !is_kept(list, hash))
		return true;
	while (++i < json_array_size(list->entries))
		if (is(at(list, i), "result", "served") && is(at(list, i), "hash", hash))
			return true;
	return false;
}

/* A program that writes beside the sources again and again has one entry only. */
static bool repeats(const json_t *a, const json_t *b)
{
	return is(a, "cause", "watch") && is(b, "cause", "watch") && is(a, "result", "unchanged") &&
	       is(b, "result", "unchanged") && is(a, "hash", text_of(b, "hash"));
}

json_t *generations_list_add(struct generations_list *list, json_t *entry)
{
	size_t count = json_array_size(list->entries), i = 0;

	if (count > 0 && repeats(at(list, count - 1), entry))
		json_array_remove(list->entries, count - 1);
	json_array_append_new(list->entries, entry);
	find_kept(list);
	if (json_array_size(list->entries) > GENERATIONS_MOST) {
		while (!is_dispensable(list, i))
			i++;
		json_array_remove(list->entries, i);
	}
	return entry;
}

const json_t *generations_list_find(
	const struct generations_list *list, const char *start, const char **why)
{
	const json_t *found = NULL;

	*why = "unknown";
	for (size_t i = json_array_size(list->entries); strlen(start) >= 6 && i-- > 0;) {
		const json_t *entry = at(list, i);

		if (strncmp(text_of(entry, "hash"), start, strlen(start)) != 0)
			continue;
		if (found != NULL && !is(found, "hash", text_of(entry, "hash"))) {
			*why = "ambiguous";
			return NULL;
		}
		if (found == NULL || !is(found, "result", "served"))
			found = entry;
	}
	if (found == NULL)
		return NULL;
	*why = is(found, "result", "refused") ? "refused" : NULL;
	if (*why == NULL && !(is_kept(list, text_of(found, "hash")) &&
				    json_is_true(json_object_get(found, "sources"))))
		*why = "gone";
	if (*why == NULL && !is(found, "version", TIDEMILL_VERSION))
		*why = "version";
	return *why == NULL ? found : NULL;
}

char *generations_list_text(const struct generations_list *list)
{
	return json_dumps(list->entries, JSON_INDENT(1));
}

static json_t *shown(const struct generations_list *list, const json_t *entry, bool current)
{
	json_t *copy = json_deep_copy(entry);
	bool kept = is_kept(list, text_of(entry, "hash")) &&
		    json_is_true(json_object_get(entry, "sources"));
	char when[DATE_INSTANT_LEN];

	if (date_format_instant(when, json_integer_value(json_object_get(entry, "at"))))
		json_object_set_new(copy, "at", json_stringn(when, sizeof when));
	json_object_del(copy, "sources");
	json_object_set_new(copy, "kept", json_boolean(kept));
	json_object_set_new(copy, "current", json_boolean(current));
	return copy;
}

json_t *generations_entry_shown(
	const struct generations_list *list, const json_t *entry, const char *serves)
{
	return shown(list, entry, !is(entry, "result", "refused") && is(entry, "hash", serves));
}

json_t *generations_list_shown(const struct generations_list *list, const char *serves, bool safe)
{
	json_t *all = json_object(), *data = json_array();
	bool found = false;

	for (size_t i = json_array_size(list->entries); i-- > 0;) {
		const json_t *entry = at(list, i);
		bool current = !found && is(entry, "result", "served") && is(entry, "hash", serves);

		found = found || current;
		json_array_append_new(data, shown(list, entry, current));
	}
	json_object_set_new(all, "data", data);
	json_object_set_new(all, "serves", json_string(serves));
	json_object_set_new(all, "safe", json_boolean(safe));
	return all;
}
