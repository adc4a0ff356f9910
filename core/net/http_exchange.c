/* One request's memory, and the parser that fills it in. */
#include "net/http_private.h"

#include "base/clock.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* A body that is announced to be at most this long gets its memory at once. */
enum { RESERVE_MOST = 64 * 1024 };

static struct http_text text_of(const char *data, size_t len)
{
	return (struct http_text){data, len};
}

static bool on_name(void *data, const char *at, size_t len)
{
	struct http_exchange *exchange = data;

	if (exchange->parsed == exchange->header_room)
		return false;
	exchange->headers[exchange->parsed++].name = text_of(at, len);
	return true;
}

static bool on_value(void *data, const char *at, size_t len)
{
	struct http_exchange *exchange = data;

	if (exchange->parsed == 0)
		return false;
	while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
		len--;
	exchange->headers[exchange->parsed - 1].value = text_of(at, len);
	return true;
}

/* Counts the memory that the body has by now; false when all bodies together have too much. */
static bool hold(struct http_exchange *exchange)
{
	struct http_bodies *bodies = exchange->bodies;
	size_t more = exchange->body.room - exchange->held;
	size_t before;

	if (bodies == NULL || more == 0)
		return true;
	before = atomic_fetch_add_explicit(&bodies->held, more, memory_order_relaxed);
	exchange->held += more;
	return before + more <= bodies->most;
}

static void let_go(struct http_exchange *exchange)
{
	if (exchange->bodies != NULL)
		atomic_fetch_sub_explicit(
			&exchange->bodies->held, exchange->held, memory_order_relaxed);
}

static bool on_body(void *data, const char *at, size_t len)
{
	struct http_exchange *exchange = data;

	buf_append(&exchange->body, at, len);
	return !exchange->body.failed;
}

static bool on_complete(void *data)
{
	struct http_exchange *exchange = data;

	exchange->complete = true;
	return true;
}

static const struct http_parse_calls calls = {
	.name = on_name, .value = on_value, .body = on_body, .complete = on_complete};

/* The room for header entries, the head's bytes, and a target that may have to be made. */
static char *bytes_of(struct http_exchange *exchange)
{
	return (char *)(exchange->headers + exchange->header_room);
}

/* Splits the target into path and query. An absolute one loses its scheme and host: an empty path
 * is then
 * "/", or "*" for OPTIONS (RFC 9112, section 3.2.4), and is made in the spare bytes. */
static void set_target(
	struct http_exchange *exchange, const struct http_head *head, char *bytes, char *spare)
{
	struct http_request *request = &exchange->request;
	struct http_text target = text_of(bytes + head->target, head->target_len);
	const char *mark;

	if (head->authority_len > 0) {
		size_t skip = head->authority + head->authority_len - head->target;

		target = text_of(target.data + skip, target.len - skip);
		request->host = text_of(bytes + head->authority, head->authority_len);
		if (target.len == 0 || *target.data != '/') {
			spare[0] = head->is_options && target.len == 0 ? '*' : '/';
			memcpy(spare + 1, target.data, target.len);
			target = text_of(spare, target.len + 1);
		}
	}
	request->target = target;
	mark = memchr(target.data, '?', target.len);
	request->path = text_of(target.data, mark ? (size_t)(mark - target.data) : target.len);
	request->query = mark ? text_of(mark + 1, target.len - request->path.len - 1)
			      : text_of(target.data + target.len, 0);
}

struct http_exchange *http_exchange_new(struct http_connection *connection, const char *bytes)
{
	const struct http_head *head = &connection->head;
	size_t line_end = head->target + head->target_len;
	size_t len = head->len ? head->len : head->has_line ? line_end : 0;
	size_t headers = (head->len ? head->fields : 0) * sizeof(struct http_header);
	struct http_exchange *exchange =
		calloc(1, sizeof *exchange + headers + len + head->target_len + 1);
	char *copy;

	if (exchange == NULL)
		return NULL;
	exchange->header_room = head->len ? head->fields : 0;
	exchange->server = connection->server;
	exchange->connection = connection;
	exchange->bodies = connection->server->limits.bodies;
	exchange->is_head = head->is_head;
	exchange->is_old = head->minor == 0;
	exchange->chunked = head->chunked;
	exchange->left = head->length;
	exchange->persists = http_head_persists(head);
	exchange->request.headers = exchange->headers;
	exchange->request.began_ns = connection->began_ns;
	http_server_id(connection->server, exchange->request.id);
	memcpy(exchange->request.client, connection->client, sizeof connection->client);

	copy = bytes_of(exchange);
	memcpy(copy, bytes, len);
	exchange->request.method = exchange->request.target = exchange->request.path =
		exchange->request.query = exchange->request.host = exchange->request.body =
			text_of(copy, 0);
	if (head->has_line) {
		exchange->request.method = text_of(copy + head->start, head->method_len);
		set_target(exchange, head, copy, copy + len);
	}
	return exchange;
}

/* The parser knows no tabs at the end of Content-Length and its like; to the grammar they are as
 * good as spaces. */
static void blank_last_tabs(char *bytes, size_t len)
{
	bool last = false;

	if (memchr(bytes, '\t', len) == NULL)
		return;
	for (size_t i = len; i > 0; i--) {
		char *c = bytes + i - 1;

		if (last && *c == '\t')
			*c = ' ';
		last = *c == '\r' || (last && *c == ' ');
	}
}

static void lower(struct http_text text, char *bytes)
{
	char *name = bytes + (text.data - bytes);

	for (size_t i = 0; i < text.len; i++)
		name[i] = (char)tolower((unsigned char)name[i]);
}

bool http_exchange_parse(struct http_exchange *exchange)
{
	const struct http_head *head = &exchange->connection->head;
	struct http_request *request = &exchange->request;
	char *bytes = bytes_of(exchange);

	blank_last_tabs(bytes, head->len);
	http_parse_begin(&exchange->parse, &calls, exchange);
	if (!http_parse_feed(&exchange->parse, bytes, head->len) ||
		exchange->parsed != exchange->header_room ||
		exchange->complete == http_exchange_has_body(exchange))
		return false;

	request->header_count = exchange->parsed;
	for (unsigned i = 0; i < exchange->parsed; i++) {
		struct http_header *header = &exchange->headers[i];

		lower(header->name, bytes);
		if (request->host.len == 0 && header->name.len == 4 &&
			memcmp(header->name.data, "host", 4) == 0)
			request->host = header->value;
	}
	if (!exchange->chunked && exchange->left > 0 && exchange->left <= RESERVE_MOST)
		buf_reserve(&exchange->body, (size_t)exchange->left);
	return true;
}

bool http_exchange_has_body(const struct http_exchange *exchange)
{
	return exchange->chunked || exchange->left > 0;
}

/* Feeds chunks as they are, and an empty trailer section in place of the one that came. */
static enum http_check read_chunks(struct http_exchange *exchange, const char *bytes, size_t len,
	size_t *used, struct http_refusal *refusal)
{
	struct http_chunks *chunks = &exchange->chunks;
	enum http_check check = HTTP_MORE;

	for (*used = 0; *used < len && check == HTTP_MORE;) {
		bool trails = http_chunks_trail(chunks);
		size_t step = 0;

		check = http_chunks_check(
			chunks, bytes + *used, len - *used, &step, &exchange->server->limits);
		if (check == HTTP_REFUSED)
			*refusal = chunks->refusal;
		else if (!trails && !http_parse_feed(&exchange->parse, bytes + *used, step))
			check = HTTP_REFUSED;
		else if (check == HTTP_WHOLE && !http_parse_feed(&exchange->parse, "\r\n", 2))
			check = HTTP_REFUSED;
		*used += step;
	}
	return check;
}

enum http_check http_exchange_read(struct http_exchange *exchange, const char *bytes, size_t len,
	size_t *used, struct http_refusal *refusal)
{
	struct http_request *request = &exchange->request;
	enum http_check check;

	*refusal = (struct http_refusal){400, "The body is malformed."};
	if (exchange->chunked) {
		check = read_chunks(exchange, bytes, len, used, refusal);
	} else {
		*used = len < exchange->left ? len : (size_t)exchange->left;
		exchange->left -= *used;
		check = !http_parse_feed(&exchange->parse, bytes, *used) ? HTTP_REFUSED
			: exchange->left > 0                             ? HTTP_MORE
									 : HTTP_WHOLE;
	}
	if (exchange->body.failed || !hold(exchange)) {
		check = HTTP_REFUSED;
		*refusal = (struct http_refusal){503, "There is no memory for the body."};
	}
	if (check == HTTP_WHOLE && !exchange->complete)
		check = HTTP_REFUSED;
	if (check == HTTP_WHOLE && exchange->body.len > 0)
		request->body = text_of(exchange->body.data, exchange->body.len);
	return check;
}

void http_exchange_free(struct http_exchange *exchange)
{
	let_go(exchange);
	buf_free(&exchange->body);
	free(exchange);
}

const struct http_request *http_exchange_request(const struct http_exchange *exchange)
{
	return &exchange->request;
}

void http_exchange_set_data(struct http_exchange *exchange, void *data)
{
	exchange->data = data;
}

void http_exchange_set_mark(struct http_exchange *exchange, unsigned mark)
{
	exchange->request.mark = mark;
}

void *http_exchange_data(const struct http_exchange *exchange)
{
	return exchange->data;
}
