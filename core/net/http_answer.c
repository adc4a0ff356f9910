/* Answers: made in one piece, written with one call where the socket takes it. */
#include "net/http_private.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	OUT_KEPT = 64 * 1024 /* memory that the server keeps for heads */
};

/* What the socket did not take at once. */
struct rest {
	uv_write_t write;
	struct http_exchange *exchange;
	int status;
	size_t total;
	char bytes[];
};

static bool is_reserved(const char *name, size_t len)
{
	static const struct http_text ours[] = {
		{"date", 4}, {"content-length", 14}, {"connection", 10}, {"transfer-encoding", 17}};

	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (len == ours[i].len && strncasecmp(name, ours[i].data, len) == 0)
			return true;
	return false;
}

bool http_header_is_sound(const char *name, size_t name_len, struct http_text value)
{
	if (name_len == 0 || is_reserved(name, name_len))
		return false;
	for (size_t i = 0; i < name_len; i++)
		if (!http_token_chars[(unsigned char)name[i]])
			return false;
	for (size_t i = 0; i < value.len; i++)
		if (!http_value_chars[(unsigned char)value.data[i]])
			return false;
	return true;
}

bool http_answer_is_sound(const struct http_exchange *exchange, const struct http_answer *answer)
{
	struct log_line line;

	for (unsigned i = 0; i < answer->header_count; i++) {
		const struct http_answer_header *header = &answer->headers[i];

		if (http_header_is_sound(header->name, strlen(header->name), header->value))
			continue;
		log_begin(&line, LOG_ERROR, "answer");
		log_text(&line, "id", exchange->request.id);
		log_text(&line, "header", header->name);
		log_text(&line, "text", "this header cannot be sent");
		log_end(&line);
		return false;
	}
	return answer->status >= 200 && answer->status <= 999;
}

bool http_answer_has_body(int status)
{
	return status != 204 && status != 304;
}

static void put_number(struct buf *out, size_t number)
{
	char digits[20];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	buf_append(out, digits + at, sizeof digits - at);
}

void http_answer_head(struct buf *out, const struct http_exchange *exchange,
	const struct http_answer *answer, enum http_framing framing)
{
	buf_puts(out, "HTTP/1.1 ");
	put_number(out, (size_t)answer->status);
	buf_putc(out, ' ');
	buf_puts(out, http_parse_words(answer->status));
	buf_puts(out, "\r\nDate: ");
	buf_puts(out, http_server_date(exchange->server));
	buf_append(out, "\r\n", 2);
	for (unsigned i = 0; i < answer->header_count; i++) {
		buf_puts(out, answer->headers[i].name);
		buf_append(out, ": ", 2);
		buf_append(out, answer->headers[i].value.data, answer->headers[i].value.len);
		buf_append(out, "\r\n", 2);
	}
	if (http_answer_has_body(answer->status) && framing == HTTP_BY_LENGTH) {
		buf_puts(out, "Content-Length: ");
		put_number(out, answer->body.len);
		buf_append(out, "\r\n", 2);
	} else if (http_answer_has_body(answer->status) && framing == HTTP_BY_CHUNKS) {
		buf_puts(out, "Transfer-Encoding: chunked\r\n");
	}
	if (exchange->connection->closes)
		buf_puts(out, "Connection: close\r\n");
	else if (exchange->is_old)
		buf_puts(out, "Connection: keep-alive\r\n");
	buf_append(out, "\r\n", 2);
}

void http_answer_done(struct http_exchange *exchange, int status, size_t bytes)
{
	struct http_server *server = exchange->server;

	server->owner.on_done(server->owner.owner, &exchange->request, status, bytes,
		clock_mono_ns() - exchange->request.began_ns);
	if (exchange->stream == NULL)
		http_exchange_free(exchange);
}

static void on_rest_written(uv_write_t *write, int rc)
{
	struct rest *rest = write->data;
	struct http_connection *connection = rest->exchange->connection;

	connection->exchange = NULL;
	http_answer_done(rest->exchange, rest->status, rc < 0 ? 0 : rest->total);
	free(rest);
	if (connection->phase == HTTP_CLOSED)
		return;
	if (rc < 0)
		http_connection_close(connection);
	else
		http_connection_next(connection);
}

/* Writes what is left of two runs of bytes after `skip` of them; false when that cannot be. */
static bool write_rest(
	struct http_exchange *exchange, int status, const uv_buf_t *runs, size_t skip)
{
	size_t total = runs[0].len + runs[1].len;
	struct rest *rest = malloc(sizeof *rest + total - skip);
	size_t head = skip < runs[0].len ? runs[0].len - skip : 0;
	size_t body = total - skip - head;
	uv_buf_t left;

	if (rest == NULL)
		return false;
	rest->write.data = rest;
	rest->exchange = exchange;
	rest->status = status;
	rest->total = total;
	if (head > 0)
		memcpy(rest->bytes, runs[0].base + skip, head);
	if (body > 0)
		memcpy(rest->bytes + head, runs[1].base + runs[1].len - body, body);
	left = (uv_buf_t){rest->bytes, head + body};
	http_connection_enter(exchange->connection, HTTP_WRITE);
	if (uv_write(&rest->write, (uv_stream_t *)&exchange->connection->tcp, &left, 1,
		    on_rest_written) == 0)
		return true;
	free(rest);
	return false;
}

static void fail(struct http_exchange *exchange, int status)
{
	struct http_connection *connection = exchange->connection;

	connection->exchange = NULL;
	http_connection_close(connection);
	http_answer_done(exchange, status, 0);
}

static void write_answer(struct http_exchange *exchange, const struct http_answer *answer)
{
	struct http_connection *connection = exchange->connection;
	struct buf *out = &connection->server->out;
	bool has_body = !exchange->is_head && http_answer_has_body(answer->status);
	uv_buf_t runs[2] = {{out->data, out->len},
		{(char *)answer->body.data, has_body ? answer->body.len : 0}};
	size_t total = runs[0].len + runs[1].len;
	int taken = uv_try_write((uv_stream_t *)&connection->tcp, runs, runs[1].len > 0 ? 2 : 1);

	if (taken == UV_EAGAIN)
		taken = 0;
	if (taken >= 0 && (size_t)taken == total) {
		connection->exchange = NULL;
		http_answer_done(exchange, answer->status, total);
		http_connection_next(connection);
	} else if (taken < 0 || !write_rest(exchange, answer->status, runs, (size_t)taken)) {
		fail(exchange, answer->status);
	} else {
		http_connection_flow(connection);
	}
}

void http_answer_settle(struct http_exchange *exchange, bool close)
{
	struct http_connection *connection = exchange->connection;

	connection->closes = close || !exchange->persists || connection->server->stopping ||
			     (connection->ended && connection->input.len == 0);
}

void http_answer_send(struct http_exchange *exchange, const struct http_answer *answer)
{
	struct buf *out = &exchange->server->out;

	http_answer_settle(exchange, answer->close);
	buf_clear(out);
	http_answer_head(out, exchange, answer, HTTP_BY_LENGTH);
	if (out->failed)
		fail(exchange, answer->status);
	else
		write_answer(exchange, answer);
}

const struct http_refusal http_unsound = {500, "The answer could not be sent as it was made."};

const struct http_answer *http_problem_make(struct http_problem *problem,
	struct http_exchange *exchange, struct http_refusal refusal, bool close)
{
	/* Without no-store some refusals could be kept (RFC 9110, section 15.1). */
	static const struct http_answer_header headers[] = {
		{"Content-Type", {"application/problem+json", strlen("application/problem+json")}},
		{"Cache-Control", {"no-store", strlen("no-store")}},
		{"X-Content-Type-Options", {"nosniff", strlen("nosniff")}},
		{"Retry-After", {NULL, 0}}};
	const struct http_owner *owner = &exchange->server->owner;
	size_t len = owner->on_refusal(owner->owner, refusal.status, refusal.reason,
		&exchange->request, problem->body, sizeof problem->body);

	snprintf(problem->seconds, sizeof problem->seconds, "%d",
		exchange->retry_after > 0 ? exchange->retry_after : 1);
	memcpy(problem->headers, headers, sizeof headers);
	problem->headers[3].value = (struct http_text){problem->seconds, strlen(problem->seconds)};
	problem->answer = (struct http_answer){.status = refusal.status,
		.headers = problem->headers,
		.header_count = refusal.status == 503 || refusal.status == 429 ? 4 : 3,
		.body = {problem->body, len < sizeof problem->body ? len : sizeof problem->body},
		.close = close};
	return &problem->answer;
}

void http_answer_refuse(struct http_exchange *exchange, struct http_refusal refusal)
{
	struct http_problem problem;

	http_answer_send(exchange, http_problem_make(&problem, exchange, refusal, true));
}

bool http_answer_take(struct http_exchange *exchange, int status)
{
	struct http_server *server = exchange->server;

	if (server == NULL) {
		if (exchange->stream == NULL)
			http_exchange_free(exchange);
		return false;
	}
	LIST_REMOVE(exchange, link);
	exchange->delivered = false;
	if (exchange->connection != NULL)
		return true;
	http_answer_done(exchange, status, 0);
	http_server_settle(server);
	return false;
}

void http_answer(struct http_exchange *exchange, const struct http_answer *answer)
{
	struct http_server *server = exchange->server;
	struct http_problem problem;
	struct http_coded coded;

	if (!http_answer_take(exchange, answer->status))
		return;
	if (http_answer_is_sound(exchange, answer))
		answer = http_coding_choose(exchange, answer, &coded);
	else
		answer = http_problem_make(&problem, exchange, http_unsound, answer->close);
	http_answer_send(exchange, answer);
	if (server->out.room > OUT_KEPT)
		buf_free(&server->out);
	if (server->packed.room > OUT_KEPT)
		buf_free(&server->packed);
}
