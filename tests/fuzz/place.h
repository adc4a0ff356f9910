/* tests/fuzz/place.h: the real framework and plugins in a real Lua state, over a store with a few
 * records, for targets that ask it questions. Its main.lua is tests/fuzz/main.lua. */
#pragma once

#include <stddef.h>

void place_start(void);

struct place_answer {
	int status;
	const char *body; /* valid inside the callback only */
	size_t len;
};

/* Runs handle of main.lua with this path, query and body; an error of the code ends the program. */
void place_ask(const char *path, const char *query, size_t query_len, const char *body, size_t len,
	void (*told)(const struct place_answer *answer));
