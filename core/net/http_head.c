#include "net/http_head.h"

#include <string.h>
#include <strings.h>

/* What a request line may hold besides its target: a method, the version and two spaces. */
enum { AROUND_TARGET = 64 };

const bool http_token_chars[256] = {['!'] = true,
	['#' ... '\''] = true,
	['*'] = true,
	['+'] = true,
	['-'] = true,
	['.'] = true,
	['0' ... '9'] = true,
	['A' ... 'Z'] = true,
	['^' ... 'z'] = true,
	['|'] = true,
	['~'] = true};

const bool http_value_chars[256] = {['\t'] = true, [' ' ... '~'] = true, [128 ... 255] = true};

/* Wider than RFC 3986 by []{}|\^` since browsers send these bare in queries. */
static const bool target_chars[256] = {
	['!'] = true, ['$' ... ';'] = true, ['='] = true, ['?' ... '~'] = true};

static const bool name_chars[256] = {['!'] = true,
	['$' ... '.'] = true,
	['0' ... '9'] = true,
	[';'] = true,
	['='] = true,
	['A' ... 'Z'] = true,
	['_'] = true,
	['a' ... 'z'] = true,
	['~'] = true};

static const bool hex_chars[256] = {
	['0' ... '9'] = true, ['A' ... 'F'] = true, ['a' ... 'f'] = true};

static bool refuse(struct http_head *head, int status, const char *reason)
{
	head->refusal = (struct http_refusal){status, reason};
	return false;
}

static bool is_made_of(const bool *chars, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!chars[(unsigned char)text[i]])
			return false;
	return true;
}

static bool is_word(const char *text, size_t len, const char *word)
{
	return len == strlen(word) && strncasecmp(text, word, len) == 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct http_text trim(const char *text, size_t len)
{
	while (len > 0 && is_blank(*text)) {
		text++;
		len--;
	}
	while (len > 0 && is_blank(text[len - 1]))
		len--;
	return (struct http_text){text, len};
}

/* Takes the next item of a comma-separated list off `list`; false when there is none left. */
static bool next_item(struct http_text *list, struct http_text *item)
{
	const char *comma;
	size_t len;

	if (list->data == NULL)
		return false;
	comma = memchr(list->data, ',', list->len);
	len = comma ? (size_t)(comma - list->data) : list->len;
	*item = trim(list->data, len);
	*list = comma ? (struct http_text){comma + 1, list->len - len - 1} : (struct http_text){0};
	return true;
}

static bool is_registered_name(const char *name, size_t len)
{
	size_t i = 0;

	while (i < len) {
		if (name[i] == '%') {
			if (len - i < 3 || !is_made_of(hex_chars, name + i + 1, 2))
				return false;
			i += 3;
		} else if (name_chars[(unsigned char)name[i]]) {
			i++;
		} else {
			return false;
		}
	}
	return true;
}

/* host [":" port], where the host may be an IPv6 address in brackets. */
static bool is_authority(const char *text, size_t len)
{
	const char *end = text + len;
	const char *port;

	if (len > 0 && *text == '[') {
		const char *bracket = memchr(text, ']', len);

		if (bracket == NULL || bracket - text < 3)
			return false;
		for (const char *c = text + 1; c < bracket; c++)
			if (!hex_chars[(unsigned char)*c] && *c != ':' && *c != '.')
				return false;
		port = bracket + 1;
		if (port < end && *port != ':')
			return false;
	} else {
		port = memchr(text, ':', len);
		if (port == NULL)
			port = end;
		if (!is_registered_name(text, (size_t)(port - text)))
			return false;
	}
	for (const char *c = port + 1; c < end; c++)
		if (*c < '0' || *c > '9')
			return false;
	return true;
}

/* http://authority/path?query, as clients send it to proxies. */
static bool absolute_target(struct http_head *head, const char *bytes)
{
	const char *target = bytes + head->target;
	size_t scheme = 0;
	size_t len = 0;

	if (head->target_len > 7 && strncasecmp(target, "http://", 7) == 0)
		scheme = 7;
	else if (head->target_len > 8 && strncasecmp(target, "https://", 8) == 0)
		scheme = 8;
	if (scheme == 0)
		return refuse(
			head, 400, "The request target has none of the forms that are allowed.");

	while (scheme + len < head->target_len && target[scheme + len] != '/' &&
		target[scheme + len] != '?')
		len++;
	if (len == 0 || target[scheme] == ':' || !is_authority(target + scheme, len))
		return refuse(head, 400, "The request target names no valid host.");
	head->authority = head->target + scheme;
	head->authority_len = len;
	return true;
}

static bool check_target(
	struct http_head *head, const char *bytes, const struct http_limits *limits)
{
	const char *target = bytes + head->target;

	if (head->target_len == 0)
		return refuse(head, 400, "The request line has no target.");
	if (head->target_len > limits->target)
		return refuse(head, 414, "The request target is too long.");
	if (!is_made_of(target_chars, target, head->target_len))
		return refuse(
			head, 400, "The request target holds a character that must be encoded.");
	if (head->unknown_method || *target == '/')
		return true;
	if (head->target_len == 1 && *target == '*' && head->is_options)
		return true;
	return absolute_target(head, bytes);
}

static bool check_method(struct http_head *head, const char *method, size_t len)
{
	static const char *const known[] = {
		"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"};

	if (len == 0 || !is_made_of(http_token_chars, method, len))
		return refuse(head, 400, "The request line does not begin with a method.");
	head->unknown_method = true;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (len == strlen(known[i]) && memcmp(method, known[i], len) == 0)
			head->unknown_method = false;
	head->is_head = len == 4 && memcmp(method, "HEAD", 4) == 0;
	head->is_options = len == 7 && memcmp(method, "OPTIONS", 7) == 0;
	return true;
}

static bool check_version(struct http_head *head, const char *version, size_t len)
{
	if (len != 8 || memcmp(version, "HTTP/", 5) != 0 || version[6] != '.' || version[5] < '0' ||
		version[5] > '9' || version[7] < '0' || version[7] > '9')
		return refuse(head, 400, "The request line does not end with an HTTP version.");
	if (version[5] == '0')
		return refuse(head, 400, "HTTP/0.9 had no version to state.");
	if (version[5] != '1')
		return refuse(head, 505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
	head->minor = version[7] - '0';
	return true;
}

static bool check_request_line(
	struct http_head *head, const char *bytes, size_t len, const struct http_limits *limits)
{
	const char *line = bytes + head->line;
	const char *end = line + len;
	const char *method_end = memchr(line, ' ', len);
	const char *target = method_end ? method_end + 1 : end;
	const char *target_end = memchr(target, ' ', (size_t)(end - target));

	if (target_end == NULL)
		return refuse(
			head, 400, "The request line needs a method, a target and a version.");
	if (!check_method(head, line, (size_t)(method_end - line)) ||
		!check_version(head, target_end + 1, (size_t)(end - target_end - 1)))
		return false;
	head->target = (size_t)(target - bytes);
	head->target_len = (size_t)(target_end - target);
	if (!check_target(head, bytes, limits))
		return false;
	head->start = head->line;
	head->method_len = (size_t)(method_end - line);
	head->has_line = true;
	return true;
}

static bool check_host(struct http_head *head, struct http_text value)
{
	if (head->has_host)
		return refuse(head, 400, "The Host header stands more than once.");
	if (!is_authority(value.data, value.len))
		return refuse(head, 400, "The Host header is not a host and a port.");
	head->has_host = true;
	return true;
}

static bool check_length(struct http_head *head, struct http_text value)
{
	if (head->has_length)
		return refuse(head, 400, "The Content-Length header stands more than once.");
	if (value.len == 0)
		return refuse(head, 400, "The Content-Length header is empty.");
	for (size_t i = 0; i < value.len; i++) {
		unsigned digit = (unsigned)(unsigned char)value.data[i] - '0';

		if (digit > 9)
			return refuse(head, 400, "The Content-Length header is not a number.");
		if (head->length > (UINT64_MAX - digit) / 10)
			head->length = UINT64_MAX; /* above any limit, and stays so */
		else
			head->length = head->length * 10 + digit;
	}
	head->has_length = true;
	return true;
}

/* Nothing, or what begins with the ";" of a parameter. */
static bool is_parameters(const char *text, size_t len)
{
	struct http_text rest = trim(text, len);

	return rest.len == 0 || *rest.data == ';';
}

/* `chunked` must be the last coding and stand once. Others are well-formed, but not known here. */
static bool check_coding(struct http_head *head, struct http_text value)
{
	struct http_text item;

	if (head->has_coding)
		return refuse(head, 400, "The Transfer-Encoding header stands more than once.");
	head->has_coding = true;
	while (next_item(&value, &item)) {
		size_t name = 0;

		while (name < item.len && http_token_chars[(unsigned char)item.data[name]])
			name++;
		if (name == 0 || !is_parameters(item.data + name, item.len - name))
			return refuse(head, 400, "The Transfer-Encoding header is malformed.");
		if (head->chunked)
			return refuse(
				head, 400, "The transfer coding chunked must come last, once.");
		if (!is_word(item.data, name, "chunked"))
			head->unknown_coding = true;
		else if (name < item.len)
			return refuse(head, 400, "The transfer coding chunked has no parameters.");
		else
			head->chunked = true;
	}
	return true;
}

static bool check_connection(struct http_head *head, struct http_text value)
{
	struct http_text item;

	while (next_item(&value, &item)) {
		if (is_word(item.data, item.len, "close"))
			head->close = true;
		else if (is_word(item.data, item.len, "keep-alive"))
			head->keep_alive = true;
	}
	return true;
}

static bool check_expect(struct http_head *head, struct http_text value)
{
	struct http_text item;

	while (next_item(&value, &item)) {
		if (is_word(item.data, item.len, "100-continue"))
			head->expects_continue = true;
		else
			head->unknown_expectation = true;
	}
	return true;
}

static bool check_field(
	struct http_head *head, const char *line, size_t len, const struct http_limits *limits)
{
	static const struct {
		const char *name;
		bool (*check)(struct http_head *head, struct http_text value);
	} known[] = {{"host", check_host}, {"content-length", check_length},
		{"transfer-encoding", check_coding}, {"connection", check_connection},
		{"expect", check_expect}};
	struct http_text value;
	size_t name = 0;

	while (name < len && http_token_chars[(unsigned char)line[name]])
		name++;
	if (name == 0 && is_blank(*line))
		return refuse(head, 400, "A header is folded over several lines.");
	if (name == 0 || name == len || line[name] != ':')
		return refuse(head, 400, "A header has no valid name followed by a colon.");
	value = trim(line + name + 1, len - name - 1);
	if (!is_made_of(http_value_chars, value.data, value.len))
		return refuse(head, 400, "A header holds a control character.");
	if (++head->fields > limits->headers)
		return refuse(head, 431, "The request has too many headers.");
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (is_word(line, name, known[i].name))
			return known[i].check(head, value);
	return true;
}

/* What shows only when all headers are known. What is malformed comes before what is merely
 * unknown. */
static bool check_whole(struct http_head *head, const struct http_limits *limits)
{
	if (head->minor > 0 && !head->has_host)
		return refuse(head, 400, "The Host header is missing.");
	if (head->has_coding && head->has_length)
		return refuse(
			head, 400, "Content-Length and Transfer-Encoding exclude each other.");
	if (head->has_coding && head->minor == 0)
		return refuse(head, 400, "HTTP/1.0 has no Transfer-Encoding.");
	if (head->unknown_coding)
		return refuse(head, 501, "The only transfer coding known here is chunked.");
	if (head->unknown_method)
		return refuse(head, 501, "This method is not known here.");
	if (head->minor == 0)
		head->expects_continue = head->unknown_expectation = false;
	if (head->unknown_expectation)
		return refuse(head, 417, "The only expectation known here is 100-continue.");
	if (head->length > limits->body)
		return refuse(head, 413, "The body is too long.");
	return true;
}

/* A line of `len` bytes, without the CRLF that ended it. */
static bool check_line(
	struct http_head *head, const char *bytes, size_t len, const struct http_limits *limits)
{
	if (head->has_line && len > 0)
		return check_field(head, bytes + head->line, len, limits);
	if (head->has_line) {
		head->len = head->line + 2;
		return check_whole(head, limits);
	}
	if (len == 0 && head->line == 0)
		return true; /* some clients end a body with one line end too many */
	return check_request_line(head, bytes, len, limits);
}

/* Whether `len` bytes of a line that has not ended yet may still become one. */
static bool check_begun(struct http_head *head, const char *line, size_t len, size_t end,
	const struct http_limits *limits)
{
	if (!head->has_line && len > 0 && *line != '\r' && !http_token_chars[(unsigned char)*line])
		return refuse(head, 400, "The request line does not begin with a method.");
	if (!head->has_line && len > limits->target + AROUND_TARGET)
		return refuse(head, 414, "The request line is too long.");
	if (end > limits->head)
		return refuse(head, 431, "The headers are too long.");
	return true;
}

enum http_check http_head_check(
	struct http_head *head, const char *bytes, size_t len, const struct http_limits *limits)
{
	while (head->len == 0) {
		const char *line = bytes + head->line;
		const char *lf = memchr(bytes + head->seen, '\n', len - head->seen);
		size_t end = lf ? (size_t)(lf - bytes) : len;
		bool ok = check_begun(head, line, end - head->line, end, limits);

		if (ok && lf == NULL) {
			head->seen = len;
			return HTTP_MORE;
		}
		if (ok && (lf == line || lf[-1] != '\r'))
			ok = refuse(head, 400, "A line of the head does not end with CR and LF.");
		if (!ok || !check_line(head, bytes, (size_t)(lf - line) - 1, limits))
			return HTTP_REFUSED;
		head->line = head->seen = end + 1;
	}
	return HTTP_WHOLE;
}

bool http_head_persists(const struct http_head *head)
{
	return !head->close && (head->minor > 0 || head->keep_alive);
}
