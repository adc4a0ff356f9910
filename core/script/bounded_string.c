/* The functions of the string library that could burn for ever or show addresses: rep with a
 * bounded result, find, match, gmatch and gsub on a matcher that can be stopped, format without %p.
 * They stand in the string table itself, so that ("x"):rep is the bounded one too. */
#include "script/bind.h"
#include "script/pattern.h"
#include "script/task.h"

#include <lualib.h>
#include <string.h>

enum { TEXT_MAX = 32 * 1024 * 1024 };

static int rep(lua_State *L)
{
	size_t len, separator_len, total;
	const char *text = luaL_checklstring(L, 1, &len);
	lua_Integer count = luaL_checkinteger(L, 2);
	const char *separator = luaL_optlstring(L, 3, "", &separator_len);
	size_t unit = len + separator_len, done;
	luaL_Buffer buffer;
	char *to;

	if (count <= 0 || unit == 0) {
		lua_pushliteral(L, "");
		return 1;
	}
	if (unit > TEXT_MAX || (lua_Unsigned)count > TEXT_MAX / unit)
		return luaL_error(L, "resulting string too large");
	total = unit * (size_t)count - separator_len;
	to = luaL_buffinitsize(L, &buffer, total + separator_len);
	memcpy(to, text, len);
	memcpy(to + len, separator, separator_len);
	/* What is there is doubled, so that a million single letters are no million calls. */
	for (done = unit; done < total; done *= 2)
		memcpy(to + done, to, done < total - done ? done : total - done);
	luaL_pushresultsize(&buffer, total);
	return 1;
}

/* The start of a search as the second argument says, from 0; len + 1 and more: beyond the text. */
static size_t start_of(lua_State *L, int index, size_t len)
{
	lua_Integer at = luaL_optinteger(L, index, 1);

	if (at > 0)
		return (size_t)at - 1;
	if (at == 0 || at < -(lua_Integer)len)
		return 0;
	return len - (size_t)-at;
}

static int find_plain(
	lua_State *L, const char *text, size_t len, const char *part, size_t part_len, size_t start)
{
	/* Two-way, so linear. */
	const char *at = memmem(text + start, len - start, part, part_len);

	if (at == NULL) {
		lua_pushnil(L);
		return 1;
	}
	lua_pushinteger(L, at - text + 1);
	lua_pushinteger(L, at - text + (lua_Integer)part_len);
	return 2;
}

static int find_or_match(lua_State *L, bool find)
{
	size_t len, source_len, start;
	const char *text = luaL_checklstring(L, 1, &len);
	const char *source = luaL_checklstring(L, 2, &source_len);
	const char *at, *end;
	struct pattern p;
	bool anchored;

	start = start_of(L, 3, len);
	if (start > len) {
		lua_pushnil(L);
		return 1;
	}
	if (find && (lua_toboolean(L, 4) || pattern_is_plain(source, source_len)))
		return find_plain(L, text, len, source, source_len, start);
	anchored = source_len > 0 && *source == '^';
	pattern_init(&p, L, text, len, source, source_len);
	at = text + start;
	do {
		end = pattern_match(&p, at, source + anchored);
		if (end != NULL) {
			if (!find)
				return pattern_push(&p, at, end);
			lua_pushinteger(L, at - text + 1);
			lua_pushinteger(L, end - text);
			return 2 + pattern_push(&p, NULL, NULL);
		}
	} while (at++ < p.text_end && !anchored);
	lua_pushnil(L);
	return 1;
}

static int find(lua_State *L)
{
	return find_or_match(L, true);
}

static int match(lua_State *L)
{
	return find_or_match(L, false);
}

struct walk {
	size_t at;
	const char *last; /* the end of the last match */
	struct pattern pattern;
};

static int next_match(lua_State *L)
{
	struct walk *walk = lua_touserdata(L, lua_upvalueindex(3));
	struct pattern *p = &walk->pattern;
	const char *source = lua_tostring(L, lua_upvalueindex(2));

	p->L = L;
	for (const char *at = p->text + walk->at; at <= p->text_end; at++) {
		const char *end = pattern_match(p, at, source);

		if (end == NULL || end == walk->last)
			continue;
		walk->at = (size_t)(end - p->text);
		walk->last = end;
		return pattern_push(p, at, end);
	}
	walk->at = (size_t)(p->text_end - p->text) + 1;
	return 0;
}

static int gmatch(lua_State *L)
{
	size_t len, source_len;
	const char *text = luaL_checklstring(L, 1, &len);
	const char *source = luaL_checklstring(L, 2, &source_len);
	size_t start = start_of(L, 3, len);
	struct walk *walk;

	lua_settop(L, 2);
	walk = lua_newuserdatauv(L, sizeof *walk, 0);
	walk->at = start > len ? len + 1 : start;
	walk->last = NULL;
	pattern_init(&walk->pattern, L, text, len, source, source_len);
	lua_pushcclosure(L, next_match, 3);
	return 1;
}

/* gsub. Its state lies in a userdata at 5, since a replacing function may wait: the call goes on
 * in a continuation. The stack below: text, pattern, replacement, limit. */

enum { AT_STATE = 5 };

struct change {
	struct pattern pattern;
	const char *at, *end, *last; /* the match under way; the end of the one before */
	lua_Integer count, limit;
	bool anchored;
	struct buf *out;
};

static void put(lua_State *L, struct change *change, const char *bytes, size_t len)
{
	if (change->out->len + len > TEXT_MAX)
		luaL_error(L, "resulting string too large");
	buf_append(change->out, bytes, len);
	if (change->out->failed)
		luaL_error(L, "not enough memory");
}

static void put_text(lua_State *L, struct change *change)
{
	size_t len;
	const char *text = lua_tolstring(L, 3, &len);

	for (size_t i = 0; i < len; i++) {
		if (text[i] != '%') {
			const char *next = memchr(text + i, '%', len - i);
			size_t plain = next != NULL ? (size_t)(next - text) - i : len - i;

			put(L, change, text + i, plain);
			i += plain - 1;
		} else if (text[++i] == '%') {
			put(L, change, "%", 1);
		} else if (text[i] == '0') {
			put(L, change, change->at, (size_t)(change->end - change->at));
		} else if (text[i] >= '1' && text[i] <= '9') {
			size_t part_len;
			const char *part;

			pattern_push_one(&change->pattern, text[i] - '1', change->at, change->end);
			part = luaL_tolstring(L, -1, &part_len);
			put(L, change, part, part_len);
			lua_pop(L, 2);
		} else {
			luaL_error(L, "invalid use of '%%' in replacement string");
		}
	}
}

/* The replacement's value is at the top: a text, or false and nil for what was there. */
static void put_value(lua_State *L, struct change *change)
{
	size_t len;
	const char *text;

	if (!lua_toboolean(L, -1)) {
		put(L, change, change->at, (size_t)(change->end - change->at));
	} else if (lua_isstring(L, -1)) {
		text = lua_tolstring(L, -1, &len);
		put(L, change, text, len);
	} else {
		luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
	}
	lua_pop(L, 1);
}

/* Behind the match. Returns false when it was the last. */
static bool go_on(struct change *change)
{
	change->at = change->last = change->end;
	change->count++;
	return !change->anchored && change->count < change->limit;
}

/* Finds the next match and puts what lies before it. */
static bool find_next(lua_State *L, struct change *change)
{
	struct pattern *p = &change->pattern;
	const char *source = lua_tostring(L, 2) + change->anchored, *from = change->at;
	bool found = false;

	while (change->count < change->limit) {
		change->end = pattern_match(p, change->at, source);
		if (change->end != NULL && change->end != change->last)
			found = true;
		else if (change->at < p->text_end)
			change->at++;
		else
			break;
		if (found || change->anchored)
			break;
	}
	put(L, change, from, (size_t)(change->at - from));
	return found;
}

static int after_function(lua_State *L, int status, lua_KContext context);

static int change_all(lua_State *L, struct change *change, bool more)
{
	while (more && find_next(L, change)) {
		switch (lua_type(L, 3)) {
		case LUA_TFUNCTION:
			lua_pushvalue(L, 3);
			lua_callk(L, pattern_push(&change->pattern, change->at, change->end), 1,
				(lua_KContext)change, after_function);
			put_value(L, change);
			break;
		case LUA_TTABLE:
			pattern_push_one(&change->pattern, 0, change->at, change->end);
			lua_gettable(L, 3);
			put_value(L, change);
			break;
		default:
			put_text(L, change);
		}
		more = go_on(change);
	}
	put(L, change, change->at, (size_t)(change->pattern.text_end - change->at));
	lua_pushlstring(L, change->out->data, change->out->len);
	lua_pushinteger(L, change->count);
	buf_free(change->out);
	return 2;
}

static int after_function(lua_State *L, int status, lua_KContext context)
{
	struct change *change = (struct change *)context;

	(void)status;
	change->pattern.L = L;
	put_value(L, change);
	return change_all(L, change, go_on(change));
}

static int gsub(lua_State *L)
{
	size_t len, source_len;
	const char *text = luaL_checklstring(L, 1, &len);
	const char *source = luaL_checklstring(L, 2, &source_len);
	int kind = lua_type(L, 3);
	struct change *change;
	lua_Integer limit = luaL_optinteger(L, 4, (lua_Integer)len + 1);

	luaL_argexpected(L,
		kind == LUA_TNUMBER || kind == LUA_TSTRING || kind == LUA_TFUNCTION ||
			kind == LUA_TTABLE,
		3, "string/function/table");
	lua_settop(L, 4);
	change = lua_newuserdatauv(L, sizeof *change, 0);
	change->anchored = source_len > 0 && *source == '^';
	pattern_init(&change->pattern, L, text, len, source, source_len);
	change->at = text;
	change->last = NULL;
	change->count = 0;
	change->limit = limit;
	change->out = bind_buf(L);
	return change_all(L, change, true);
}

/* %p tells where things lie in memory. */
static int format(lua_State *L)
{
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len), *end = text + len;

	while (text < end && (text = memchr(text, '%', (size_t)(end - text))) != NULL &&
		++text < end) {
		text += strspn(text, "-+ #0123456789.");
		if (*text == 'p')
			return luaL_error(L, "invalid conversion '%%p' to 'format'");
		text++;
	}
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
	return lua_gettop(L);
}

void bound_strings(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"find", find},
		{"gmatch", gmatch},
		{"gsub", gsub},
		{"match", match},
		{"rep", rep},
		{NULL, NULL},
	};

	lua_getglobal(L, LUA_STRLIBNAME);
	lua_pushnil(L);
	lua_setfield(L, -2, "dump");
	luaL_setfuncs(L, functions, 0);
	lua_getfield(L, -1, "format");
	lua_pushcclosure(L, format, 1);
	lua_setfield(L, -2, "format");
	lua_pop(L, 1);
}
