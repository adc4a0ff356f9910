/* core/generations_list.h: what came of each attempt to bring a generation in, for people and for
 * the disk.
 *
 * An entry is a JSON object: hash, at (UTC milliseconds), ms, cause, action, by, result, text,
 * file, line, version, sources. Belongs to one thread. */
#pragma once

#include "base/err.h"

#include "text/json_in.h"
#include <stdbool.h>
#include <stddef.h>

/* So many entries are remembered, and the sources of so many generations. */
enum { GENERATIONS_MOST = 100, GENERATIONS_KEPT = 20 };

struct generations_list {
	json_t *entries;                  /* the oldest first */
	char *kept[GENERATIONS_KEPT + 1]; /* hashes, the newest first; NULL-terminated */
};

int generations_list_init(struct generations_list *list);
void generations_list_free(struct generations_list *list);

/* Takes over what generations_list_text wrote; anything else is refused with TM_EINVAL. */
int generations_list_read(struct generations_list *list, const char *text, size_t len);

/* Sets the words of an entry that was refused, with the file and the line that they name. */
void generations_entry_refused(json_t *entry, const char *text);

/* Adds an entry, which becomes the list's; the oldest that nobody needs makes room. Returns it. */
json_t *generations_list_add(struct generations_list *list, json_t *entry);

/* The entry of the kept generation whose hash begins so; NULL with the reason in `why`: "unknown",
 * "ambiguous", "refused" (it never served), "gone" (its sources are not kept), "version" (it
 * belongs to another version of the program). */
const json_t *generations_list_find(
	const struct generations_list *list, const char *start, const char **why);

/* For the disk. malloc'ed, or NULL. */
char *generations_list_text(const struct generations_list *list);

/* One entry, and all of them, the newest first, for people: {"data": […], "serves", "safe"}, each
 * with `current` and `kept` besides, and the time as RFC 3339 has it. */
json_t *generations_entry_shown(
	const struct generations_list *list, const json_t *entry, const char *serves);
json_t *generations_list_shown(const struct generations_list *list, const char *serves, bool safe);
