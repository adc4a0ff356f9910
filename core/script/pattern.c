#include "script/pattern.h"

#include "script/task.h"

#include <ctype.h>
#include <string.h>

enum {
	UNFINISHED = -1,
	POSITION = -2,
	DEPTH_MAX = 200,
	LOOK_EACH = 4096,
	ESCAPE = '%',
	SET_STEP = 8 /* characters of a set that are as quick as one step */
};

static const char *match(struct pattern *p, const char *s, const char *source);

void pattern_init(struct pattern *p, lua_State *L, const char *text, size_t text_len,
	const char *source, size_t source_len)
{
	p->L = L;
	p->text = text;
	p->text_end = text + text_len;
	p->end = source + source_len;
	p->steps = 0;
	p->level = 0;
}

static void steps(struct pattern *p, size_t count)
{
	p->steps += (unsigned)count;
	if (p->steps < LOOK_EACH)
		return;
	p->steps = 0;
	run_check(p->L);
}

static void step(struct pattern *p)
{
	steps(p, 1);
}

bool pattern_is_plain(const char *source, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (source[i] != '\0' && strchr("^$*+?.([%-", source[i]) != NULL)
			return false;
	return true;
}

static int checked_capture(struct pattern *p, int digit)
{
	int i = digit - '1';

	if (i < 0 || i >= p->level || p->captures[i].len == UNFINISHED)
		return luaL_error(p->L, "invalid capture index %%%d", i + 1);
	return i;
}

/* Behind the single item (a character, a class, a set) that begins at `source`. */
static const char *item_end(struct pattern *p, const char *source)
{
	if (*source++ == ESCAPE) {
		if (source == p->end)
			luaL_error(p->L, "malformed pattern (ends with '%%')");
		return source + 1;
	}
	if (source[-1] != '[')
		return source;
	if (*source == '^')
		source++;
	do {
		if (source == p->end)
			luaL_error(p->L, "malformed pattern (missing ']')");
		if (*source++ == ESCAPE) {
			if (source == p->end)
				luaL_error(p->L, "malformed pattern (missing ']')");
			source++;
		}
	} while (source == p->end || *source != ']');
	return source + 1;
}

static bool in_class(int c, int class)
{
	int found;

	switch (tolower(class)) {
	case 'a':
		found = isalpha(c);
		break;
	case 'c':
		found = iscntrl(c);
		break;
	case 'd':
		found = isdigit(c);
		break;
	case 'g':
		found = isgraph(c);
		break;
	case 'l':
		found = islower(c);
		break;
	case 'p':
		found = ispunct(c);
		break;
	case 's':
		found = isspace(c);
		break;
	case 'u':
		found = isupper(c);
		break;
	case 'w':
		found = isalnum(c);
		break;
	case 'x':
		found = isxdigit(c);
		break;
	case 'z': /* no longer in the manual, but still in Lua */
		found = c == '\0';
		break;
	default:
		return class == c;
	}
	return (found != 0) == (islower(class) != 0);
}

/* `source` is at '[', `last` at its ']'. */
static bool in_set(int c, const char *source, const char *last)
{
	bool wanted = true;

	if (source[1] == '^') {
		wanted = false;
		source++;
	}
	while (++source < last) {
		if (*source == ESCAPE) {
			source++;
			if (in_class(c, (unsigned char)*source))
				return wanted;
		} else if (source[1] == '-' && source + 2 < last) {
			source += 2;
			if ((unsigned char)source[-2] <= c && c <= (unsigned char)*source)
				return wanted;
		} else if ((unsigned char)*source == c) {
			return wanted;
		}
	}
	return !wanted;
}

static bool fits(struct pattern *p, const char *s, const char *source, const char *after)
{
	int c;

	step(p);
	if (s >= p->text_end)
		return false;
	c = (unsigned char)*s;
	switch (*source) {
	case '.':
		return true;
	case ESCAPE:
		return in_class(c, (unsigned char)source[1]);
	case '[':
		steps(p, (size_t)(after - source) / SET_STEP);
		return in_set(c, source, after - 1);
	default:
		return (unsigned char)*source == c;
	}
}

static const char *match_balance(struct pattern *p, const char *s, const char *source)
{
	int depth = 1, open, close;

	if (source >= p->end - 1)
		luaL_error(p->L, "malformed pattern (missing arguments to '%%b')");
	if (s >= p->text_end || *s != *source)
		return NULL;
	open = *source;
	close = source[1];
	while (++s < p->text_end) {
		step(p);
		if (*s == close) {
			if (--depth == 0)
				return s + 1;
		} else if (*s == open) {
			depth++;
		}
	}
	return NULL;
}

static const char *match_longest(
	struct pattern *p, const char *s, const char *source, const char *after)
{
	ptrdiff_t count = 0;

	while (fits(p, s + count, source, after))
		count++;
	for (; count >= 0; count--) {
		const char *end = match(p, s + count, after + 1);

		if (end != NULL)
			return end;
	}
	return NULL;
}

static const char *match_shortest(
	struct pattern *p, const char *s, const char *source, const char *after)
{
	for (;;) {
		const char *end = match(p, s, after + 1);

		if (end != NULL)
			return end;
		if (!fits(p, s, source, after))
			return NULL;
		s++;
	}
}

static const char *open_capture(
	struct pattern *p, const char *s, const char *source, ptrdiff_t what)
{
	const char *end;

	if (p->level >= PATTERN_CAPTURES)
		luaL_error(p->L, "too many captures");
	p->captures[p->level].start = s;
	p->captures[p->level].len = what;
	p->level++;
	end = match(p, s, source);
	if (end == NULL)
		p->level--;
	return end;
}

static const char *close_capture(struct pattern *p, const char *s, const char *source)
{
	int i = p->level - 1;
	const char *end;

	while (i >= 0 && p->captures[i].len != UNFINISHED)
		i--;
	if (i < 0)
		luaL_error(p->L, "invalid pattern capture");
	p->captures[i].len = s - p->captures[i].start;
	end = match(p, s, source);
	if (end == NULL)
		p->captures[i].len = UNFINISHED;
	return end;
}

static const char *match_capture(struct pattern *p, const char *s, int digit)
{
	ptrdiff_t len = p->captures[checked_capture(p, digit)].len;
	const char *start = p->captures[digit - '1'].start;

	step(p);
	if (len < 0 || p->text_end - s < len || memcmp(start, s, (size_t)len) != 0)
		return NULL;
	if (len > LOOK_EACH)
		run_check(p->L);
	return s + len;
}

static const char *match_frontier(
	struct pattern *p, const char *s, const char *source, const char **after)
{
	int before = s == p->text ? '\0' : (unsigned char)s[-1];
	int here = s < p->text_end ? (unsigned char)*s : '\0';

	if (*source != '[')
		luaL_error(p->L, "missing '[' after '%%f' in pattern");
	*after = item_end(p, source);
	return !in_set(before, source, *after - 1) && in_set(here, source, *after - 1) ? s : NULL;
}

/* What begins with the escape and is no single item: %b, %f, %1. Returns false for the others;
 * otherwise `*s` is where the match goes on (NULL: it fails) with `*source`. */
static bool match_special(struct pattern *p, const char **s, const char **source)
{
	const char *at = *source;

	switch (at[1]) {
	case 'b':
		*s = match_balance(p, *s, at + 2);
		*source = at + 4;
		return true;
	case 'f':
		*s = match_frontier(p, *s, at + 2, source);
		return true;
	case '0' ... '9':
		*s = match_capture(p, *s, (unsigned char)at[1]);
		*source = at + 2;
		return true;
	default:
		return false;
	}
}

/* A single item with what may follow it. Returns true when the match goes on with `*source`. */
static bool match_item(struct pattern *p, const char **s, const char **source)
{
	const char *item = *source, *after = item_end(p, item), *end;

	if (after - item > SET_STEP)
		steps(p, (size_t)(after - item) / SET_STEP);
	switch (after < p->end ? *after : '\0') {
	case '?':
		if (fits(p, *s, item, after) && (end = match(p, *s + 1, after + 1)) != NULL) {
			*s = end;
			return false;
		}
		*source = after + 1;
		return true;
	case '+':
		*s = fits(p, *s, item, after) ? match_longest(p, *s + 1, item, after) : NULL;
		return false;
	case '*':
		*s = match_longest(p, *s, item, after);
		return false;
	case '-':
		*s = match_shortest(p, *s, item, after);
		return false;
	default:
		*s = fits(p, *s, item, after) ? *s + 1 : NULL;
		*source = after;
		return *s != NULL;
	}
}

/* One turn. Returns true when the match goes on with `*s` and `*source`; else `*s` is its end. */
static bool turn(struct pattern *p, const char **s, const char **source)
{
	const char *at = *source;

	switch (*at) {
	case '(':
		*s = at[1] == ')' ? open_capture(p, *s, at + 2, POSITION)
				  : open_capture(p, *s, at + 1, UNFINISHED);
		return false;
	case ')':
		*s = close_capture(p, *s, at + 1);
		return false;
	case '$':
		if (at + 1 != p->end)
			return match_item(p, s, source);
		*s = *s == p->text_end ? *s : NULL;
		return false;
	case ESCAPE:
		if (at + 1 < p->end && match_special(p, s, source))
			return *s != NULL;
		return match_item(p, s, source);
	default:
		return match_item(p, s, source);
	}
}

static const char *match(struct pattern *p, const char *s, const char *source)
{
	if (p->depth-- == 0)
		luaL_error(p->L, "pattern too complex");
	while (source != p->end && turn(p, &s, &source))
		;
	p->depth++;
	return s;
}

const char *pattern_match(struct pattern *p, const char *at, const char *source)
{
	p->level = 0;
	p->depth = DEPTH_MAX;
	step(p);
	return match(p, at, source);
}

void pattern_push_one(struct pattern *p, int i, const char *at, const char *end)
{
	if (i >= p->level) {
		if (i != 0)
			luaL_error(p->L, "invalid capture index %%%d", i + 1);
		lua_pushlstring(p->L, at, (size_t)(end - at));
	} else if (p->captures[i].len == POSITION) {
		lua_pushinteger(p->L, p->captures[i].start - p->text + 1);
	} else if (p->captures[i].len == UNFINISHED) {
		luaL_error(p->L, "unfinished capture");
	} else {
		lua_pushlstring(p->L, p->captures[i].start, (size_t)p->captures[i].len);
	}
}

int pattern_push(struct pattern *p, const char *at, const char *end)
{
	int count = p->level == 0 && at != NULL ? 1 : p->level;

	luaL_checkstack(p->L, count, "too many captures");
	for (int i = 0; i < count; i++)
		pattern_push_one(p, i, at, end);
	return count;
}
