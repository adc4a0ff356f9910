#include "text/json_in.h"

#include "base/err.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The scan knows just enough of JSON to tell where values begin. It need not be right about texts
 * that are not JSON: the parser stops at their first fault, and up to there the count is exact. */
struct scan {
	const char *at;
	const char *end;
	const char *line_start;
	size_t line;
	size_t nodes;
	unsigned level;
	bool after_string; /* the last thing was a string: a colon now says that it was a key */
};

__attribute__((format(printf, 5, 6))) static int fault_set(struct json_fault *fault,
	const char *code, size_t line, size_t column, const char *format, ...)
{
	va_list args;

	fault->code = code;
	fault->line = line;
	fault->column = column;
	va_start(args, format);
	vsnprintf(fault->message, sizeof fault->message, format, args);
	va_end(args);
	return TM_EINVAL;
}

/* Moves past a string; `at` stands behind its opening quote. */
static void skip_string(struct scan *scan)
{
	while (scan->at < scan->end) {
		char c = *scan->at++;

		if (c == '"')
			return;
		if (c == '\\' && scan->at < scan->end)
			scan->at++;
	}
}

/* Moves past a number, true, false, null, or whatever stands in the place of one. */
static void skip_word(struct scan *scan)
{
	while (scan->at < scan->end && *scan->at != '\0' && !strchr(" \t\r\n,:[]{}\"", *scan->at))
		scan->at++;
}

static void scan_step(struct scan *scan)
{
	char c = *scan->at++;

	switch (c) {
	case '\n':
		scan->line++;
		scan->line_start = scan->at;
		return;
	case ' ':
	case '\t':
	case '\r':
		return;
	case ':':
		scan->nodes -= scan->after_string;
		break;
	case ',':
		break;
	case '[':
	case '{':
		scan->level++;
		scan->nodes++;
		break;
	case ']':
	case '}':
		scan->level -= scan->level > 0;
		break;
	case '"':
		scan->nodes++;
		skip_string(scan);
		scan->after_string = true;
		return;
	default:
		scan->nodes++;
		skip_word(scan);
	}
	scan->after_string = false;
}

/* NUL stands nowhere in JSON, but jansson takes one behind a number for the end of its own buffer,
 * and reads on. */
static int check_nul(const char *text, size_t len, struct json_fault *fault)
{
	const char *nul = memchr(text, '\0', len);
	const char *line_start = text;
	size_t line = 1;

	if (nul == NULL)
		return 0;
	for (const char *at = text; at < nul; at++) {
		if (*at == '\n') {
			line_start = at + 1;
			line++;
		}
	}
	return fault_set(fault, "nul", line, (size_t)(nul - line_start) + 1, "a NUL byte");
}

int json_in_check(const char *text, size_t len, struct json_fault *fault)
{
	struct scan scan = {.at = text, .end = text + len, .line_start = text, .line = 1};

	if (check_nul(text, len, fault) < 0)
		return TM_EINVAL;
	while (scan.at < scan.end) {
		const char *from = scan.at;

		scan_step(&scan);
		if (scan.level > JSON_IN_LEVELS)
			return fault_set(fault, "depth", scan.line,
				(size_t)(from - scan.line_start) + 1,
				"nested deeper than %d levels", JSON_IN_LEVELS);
		/* A string may yet turn out to be a key, and then the value behind it counts. */
		if (scan.nodes > JSON_IN_NODES && !scan.after_string)
			return fault_set(fault, "nodes", scan.line,
				(size_t)(from - scan.line_start) + 1, "more than %d values",
				JSON_IN_NODES);
	}
	if (scan.nodes > JSON_IN_NODES)
		return fault_set(fault, "nodes", scan.line,
			(size_t)(scan.end - scan.line_start) + 1, "more than %d values",
			JSON_IN_NODES);
	return 0;
}

static bool is_blank(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r' && text[i] != '\n')
			return false;
	return true;
}

static const char *fault_code(const json_error_t *error)
{
	switch (json_error_code(error)) {
	case json_error_out_of_memory:
		return "memory";
	case json_error_stack_overflow:
		return "depth";
	case json_error_invalid_utf8:
		return "utf8";
	case json_error_duplicate_key:
		return "duplicate";
	case json_error_null_character:
	case json_error_null_byte_in_key:
		return "nul";
	case json_error_numeric_overflow:
		return "number";
	default:
		return "syntax";
	}
}

json_t *json_in_parse(const char *text, size_t len, struct json_fault *fault)
{
	json_error_t error;
	json_t *value;
	char *near;

	if (is_blank(text, len)) {
		fault_set(fault, "empty", 1, 1, "a JSON value is expected, and there is nothing");
		return NULL;
	}
	if (json_in_check(text, len, fault) < 0)
		return NULL;
	value = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (value != NULL)
		return value;

	near = strstr(error.text, " near ");
	if (near != NULL)
		*near = '\0';
	fault_set(fault, fault_code(&error), error.line > 0 ? (size_t)error.line : 1,
		error.column > 0 ? (size_t)error.column : 1, "%s", error.text);
	return NULL;
}
