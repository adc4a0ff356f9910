/* core/script/field.h: a declared field as C knows it, and the check of a value that was given for
 * it.
 *
 * Read once from the field's table (scripts/entities/registry.lua); it never changes. Types that
 * have parts, and passwords, are OTHER: what they take is known in scripts/entities/types.lua. */
#pragma once

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

enum field_kind {
	FIELD_OTHER,
	FIELD_TEXT,
	FIELD_EMAIL,
	FIELD_PHONE,
	FIELD_URL,
	FIELD_INTEGER,
	FIELD_BOOLEAN,
	FIELD_CHOICE,
	FIELD_DATE,
	FIELD_INSTANT,
	FIELD_REFERENCE
};

struct field {
	enum field_kind kind;
	bool lower, many_lines;
	bool of_system, is_state; /* set by the system only; by moves and imports only */
	bool secret;
	int64_t min, max;
	int column; /* the first, from 1; 0: not known */
	int width;  /* how many columns */
};

enum field_verdict { FIELD_GOOD, FIELD_EMPTY, FIELD_BAD };

/* What was found wrong: a text's code, and a number that goes with it. */
struct field_fault {
	const char *code;
	int64_t number;
};

/* Reads the declared field at the top of the stack. */
void field_read(lua_State *L, struct field *field);

/* Checks the value at `index`; `set` is where the table of a choice's values stands. When it is
 * good, two values are pushed on top: what the column holds and what a record holds. Whatever else
 * is left on the stack is the caller's to drop. */
enum field_verdict field_check(
	lua_State *L, const struct field *field, int index, int set, struct field_fault *fault);
