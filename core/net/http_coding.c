#include "net/http_coding.h"

#include "net/http_private.h"

#include <string.h>
#include <strings.h>

static bool is(struct http_text text, const char *word)
{
	return text.len == strlen(word) && strncasecmp(text.data, word, text.len) == 0;
}

static struct http_text trim(struct http_text text)
{
	while (text.len > 0 && (*text.data == ' ' || *text.data == '\t'))
		text = (struct http_text){text.data + 1, text.len - 1};
	while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
		text.len--;
	return text;
}

/* Takes what stands before the next `mark` off `rest`. */
static struct http_text cut(struct http_text *rest, char mark)
{
	const char *at = rest->len > 0 ? memchr(rest->data, mark, rest->len) : NULL;
	size_t len = at != NULL ? (size_t)(at - rest->data) : rest->len;
	struct http_text part = {rest->data, len};

	*rest = at != NULL ? (struct http_text){at + 1, rest->len - len - 1}
			   : (struct http_text){rest->data + len, 0};
	return trim(part);
}

/* "0" to "1" with up to three decimals, in thousandths; what is no weight counts as 0. */
static int weight_of(struct http_text text)
{
	int weight, scale = 100;

	if (text.len == 0 || text.len > 5 || (*text.data != '0' && *text.data != '1') ||
		(text.len > 1 && text.data[1] != '.'))
		return 0;
	weight = (*text.data - '0') * 1000;
	for (size_t i = 2; i < text.len; i++, scale /= 10) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return 0;
		weight += (text.data[i] - '0') * scale;
	}
	return weight <= 1000 ? weight : 0;
}

static int weight_in(struct http_text parameters)
{
	while (parameters.len > 0) {
		struct http_text one = cut(&parameters, ';');

		if (one.len >= 2 && (one.data[0] | 0x20) == 'q' && one.data[1] == '=')
			return weight_of((struct http_text){one.data + 2, one.len - 2});
	}
	return 1000;
}

bool http_coding_wants_gzip(struct http_text accept)
{
	int gzip = -1, any = -1, plain = -1;

	while (accept.len > 0) {
		struct http_text item = cut(&accept, ',');
		struct http_text name = cut(&item, ';');
		int weight = weight_in(item);

		if (is(name, "gzip") || is(name, "x-gzip"))
			gzip = weight;
		else if (is(name, "*"))
			any = weight;
		else if (is(name, "identity"))
			plain = weight;
	}
	if (gzip < 0)
		gzip = any;
	return gzip > 0 && gzip >= plain;
}

static const struct http_answer_header *header_of(
	const struct http_answer *answer, const char *name)
{
	for (unsigned i = 0; i < answer->header_count; i++)
		if (strcasecmp(answer->headers[i].name, name) == 0)
			return &answer->headers[i];
	return NULL;
}

static bool is_json(const struct http_answer *answer)
{
	const struct http_answer_header *header = header_of(answer, "content-type");
	struct http_text rest = header != NULL ? header->value : (struct http_text){0};
	struct http_text kind = cut(&rest, ';');

	return is(kind, "application/json") ||
	       (kind.len > 5 && strncasecmp(kind.data + kind.len - 5, "+json", 5) == 0);
}

/* Whether the client wants it packed, and it may be: see the header's word on BREACH. */
static bool asks(const struct http_request *request)
{
	bool wants = false, has_cookie = false, is_own = false;

	for (unsigned i = 0; i < request->header_count; i++) {
		const struct http_header *header = &request->headers[i];

		if (is(header->name, "accept-encoding"))
			wants = http_coding_wants_gzip(header->value);
		else if (is(header->name, "cookie"))
			has_cookie = true;
		else if (is(header->name, "sec-fetch-site"))
			is_own = is(header->value, "same-origin");
	}
	return wants && (!has_cookie || is_own);
}

static void add(struct http_answer *answer, struct http_answer_header *headers, const char *name,
	struct http_text value)
{
	headers[answer->header_count++] = (struct http_answer_header){name, value};
}

/* `"5"` becomes `"5-gzip"`; one that cannot be made so is left out. */
static void mark_etag(struct http_coded *coded)
{
	static const char mark[] = "-gzip\"";

	for (unsigned i = 0; i < coded->answer.header_count; i++) {
		struct http_answer_header *header = &coded->headers[i];
		size_t len = header->value.len;

		if (strcasecmp(header->name, "etag") != 0)
			continue;
		if (len < 2 || header->value.data[len - 1] != '"' ||
			len + sizeof mark > sizeof coded->etag) {
			*header = coded->headers[--coded->answer.header_count];
			return;
		}
		memcpy(coded->etag, header->value.data, len - 1);
		memcpy(coded->etag + len - 1, mark, sizeof mark - 1);
		header->value = (struct http_text){coded->etag, len + sizeof mark - 2};
		return;
	}
}

static bool pack(struct http_server *server, struct http_text body)
{
	buf_clear(&server->packed);
	if (server->gzip == NULL)
		server->gzip = gzip_new(GZIP_QUICK);
	return server->gzip != NULL &&
	       gzip_pack(server->gzip, body.data, body.len, &server->packed);
}

/* Copies an answer that may be packed for some, which it says; false for others. */
static bool varies(const struct http_answer *answer, struct http_coded *coded)
{
	if (!http_answer_has_body(answer->status) ||
		answer->header_count > HTTP_CODED_HEADERS - 2 || !is_json(answer) ||
		header_of(answer, "content-encoding") != NULL ||
		header_of(answer, "set-cookie") != NULL)
		return false;
	coded->answer = *answer;
	memcpy(coded->headers, answer->headers, answer->header_count * sizeof *coded->headers);
	coded->answer.headers = coded->headers;
	add(&coded->answer, coded->headers, "Vary",
		(struct http_text){"Accept-Encoding", strlen("Accept-Encoding")});
	return true;
}

static void mark(struct http_coded *coded)
{
	mark_etag(coded);
	add(&coded->answer, coded->headers, "Content-Encoding",
		(struct http_text){"gzip", strlen("gzip")});
}

const struct http_answer *http_coding_choose(const struct http_exchange *exchange,
	const struct http_answer *answer, struct http_coded *coded)
{
	struct http_server *server = exchange->server;

	if (answer->body.len < HTTP_CODED_LEAST || !varies(answer, coded))
		return answer;
	if (answer->body.len <= HTTP_CODED_MOST && asks(&exchange->request) &&
		pack(server, answer->body)) {
		mark(coded);
		coded->answer.body = (struct http_text){server->packed.data, server->packed.len};
	}
	return &coded->answer;
}

const struct http_answer *http_coding_begin(const struct http_exchange *exchange,
	const struct http_answer *answer, struct http_coded *coded, struct gzip **gzip)
{
	*gzip = NULL;
	if (!varies(answer, coded))
		return answer;
	if (asks(&exchange->request) && (*gzip = gzip_new(GZIP_QUICK)) != NULL)
		mark(coded);
	return &coded->answer;
}
