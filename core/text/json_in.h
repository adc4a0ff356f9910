/* core/text/json_in.h: reads JSON that strangers wrote.
 *
 * Before anything is built, a scan counts levels and values: a text that is nested too deep or
 * holds too many values is refused for the price of reading it. What passes is parsed by jansson,
 * strictly: one value of any kind, nothing after it, no duplicate keys, no NUL, no lone surrogates,
 * valid UTF-8. Any thread. */
#pragma once

#include <jansson.h>
#include <stddef.h>

enum { JSON_IN_LEVELS = 64, JSON_IN_NODES = 100000 };

/* What is wrong with a text. The words never repeat the text itself. */
struct json_fault {
	const char *code; /* syntax depth nodes duplicate nul utf8 number empty, or memory */
	char message[160];
	size_t line;   /* from 1 */
	size_t column; /* from 1, in bytes for what the scan found, else in code points */
};

/* Checks levels, values and NUL bytes only, without allocating. Returns 0, or TM_EINVAL and fills
 * `fault`. */
int json_in_check(const char *text, size_t len, struct json_fault *fault);

/* Checks and parses. The result is the caller's (json_decref); NULL fills `fault`. */
json_t *json_in_parse(const char *text, size_t len, struct json_fault *fault);
