/* core/script/pattern.h: Lua's patterns, matched so that they can be stopped.
 *
 * The syntax and what it means are those of the reference manual, section 6.4.1; the way is that of
 * Lua 5.4's lstrlib.c. A pattern may take exponential time, so the matcher counts its steps and
 * looks at the run's flag from time to time. */
#pragma once

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

enum { PATTERN_CAPTURES = 32 };

struct pattern {
	lua_State *L;
	const char *text, *text_end, *end; /* `end`: of the pattern */
	unsigned steps;
	int depth; /* how deep it may still call itself */
	unsigned char level;
	struct {
		const char *start;
		ptrdiff_t len;
	} captures[PATTERN_CAPTURES];
};

void pattern_init(struct pattern *pattern, lua_State *L, const char *text, size_t text_len,
	const char *source, size_t source_len);

/* Where a match that begins at `at` ends, or NULL. Raises what is wrong with the pattern. */
const char *pattern_match(struct pattern *pattern, const char *at, const char *source);

/* Pushes the captures (the whole match from `at` to `end` when there are none and `at` is not NULL)
 * and returns their number. */
int pattern_push(struct pattern *pattern, const char *at, const char *end);
/* Pushes capture `i`; number 0 is the whole match when there are no others. */
void pattern_push_one(struct pattern *pattern, int i, const char *at, const char *end);

/* Whether the text of `source` means just itself. */
bool pattern_is_plain(const char *source, size_t len);
