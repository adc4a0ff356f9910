/* Answers: made in one piece, written with one call where the socket takes it. */
#include "net/http_private.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	PROBLEM_MOST = 1024,
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

static bool is_reserved(const char *name)
{
	static const char *const ours[] = {
		"date", "content-length", "connection", "transfer-encoding"};

	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (strcasecmp(name, ours[i]) == 0)
			return true;
	return false;
}

bool http_header_is_sound(const char *name, size_t name_len, struct http_text value)
{
	if (name_len == 0 || is_reserved(name))
		return false;
	for (size_t i = 0; i < name_len; i++)
		if (!http_token_chars[(unsigned char)name[i]])
			return false;
	for (size_t i = 0; i < value.len; i++)
		if (!http_value_chars[(unsigned char)value.data[i]])
			return false;
	return true;
}

static bool is_sound(const struct http_exchange *exchange, const struct http_answer *answer)
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

static bool status_has_body(int status)
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

static void put_head(struct buf *out, const struct http_exchange *exchange,
	const struct http_answer *answer, bool closes)
{
	const char *words = http_status_str((enum http_status)answer->status);

	buf_clear(out);
	buf_puts(out, "HTTP/1.1 ");
	put_number(out, (size_t)answer->status);
	buf_putc(out, ' ');
	buf_puts(out, *words == '<' ? "" : words);
	buf_puts(out, "\r\nDate: ");
	buf_puts(out, http_server_date(exchange->server));
	buf_append(out, "\r\n", 2);
	for (unsigned i = 0; i < answer->header_count; i++) {
		buf_puts(out, answer->headers[i].name);
		buf_append(out, ": ", 2);
		buf_append(out, answer->headers[i].value.data, answer->headers[i].value.len);
		buf_append(out, "\r\n", 2);
	}
	if (status_has_body(answer->status)) {
		buf_puts(out, "Content-Length: ");
		put_number(out, answer->body.len);
		buf_append(out, "\r\n", 2);
	}
	if (closes)
		buf_puts(out, "Connection: close\r\n");
	else if (exchange->is_old)
		buf_puts(out, "Connection: keep-alive\r\n");
	buf_append(out, "\r\n", 2);
}

/* The end of every exchange that had an answer. */
static void done(struct http_exchange *exchange, int status, size_t bytes)
{
	struct http_server *server = exchange->server;

	server->owner.on_done(server->owner.owner, &exchange->request, status, bytes,
		clock_mono_ns() - exchange->request.began_ns);
	http_exchange_free(exchange);
}

static void on_rest_written(uv_write_t *write, int rc)
{
	struct rest *rest = write->data;
	struct http_connection *connection = rest->exchange->connection;

	connection->exchange = NULL;
	done(rest->exchange, rest->status, rc < 0 ? 0 : rest->total);
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
	done(exchange, status, 0);
}

static void write_answer(struct http_exchange *exchange, const struct http_answer *answer)
{
	struct http_connection *connection = exchange->connection;
	struct buf *out = &connection->server->out;
	bool has_body = !exchange->is_head && status_has_body(answer->status);
	uv_buf_t runs[2] = {{out->data, out->len},
		{(char *)answer->body.data, has_body ? answer->body.len : 0}};
	size_t total = runs[0].len + runs[1].len;
	int taken = uv_try_write((uv_stream_t *)&connection->tcp, runs, runs[1].len > 0 ? 2 : 1);

	if (taken == UV_EAGAIN)
		taken = 0;
	if (taken >= 0 && (size_t)taken == total) {
		connection->exchange = NULL;
		done(exchange, answer->status, total);
		http_connection_next(connection);
	} else if (taken < 0 || !write_rest(exchange, answer->status, runs, (size_t)taken)) {
		fail(exchange, answer->status);
	} else {
		http_connection_flow(connection);
	}
}

void http_answer_send(struct http_exchange *exchange, const struct http_answer *answer)
{
	struct http_connection *connection = exchange->connection;
	struct buf *out = &connection->server->out;

	connection->closes = answer->close || !exchange->persists || connection->server->stopping ||
			     (connection->ended && connection->input.len == 0);
	put_head(out, exchange, answer, connection->closes);
	if (out->failed)
		fail(exchange, answer->status);
	else
		write_answer(exchange, answer);
}

static void send_problem(struct http_exchange *exchange, struct http_refusal refusal, bool close)
{
	const struct http_owner *owner = &exchange->server->owner;
	struct http_answer_header headers[] = {
		{"Content-Type", {"application/problem+json", 24}}, {"Retry-After", {"1", 1}}};
	char body[PROBLEM_MOST];
	size_t len = owner->on_refusal(owner->owner, refusal.status, refusal.reason,
		&exchange->request, body, sizeof body);
	struct http_answer answer = {.status = refusal.status,
		.headers = headers,
		.header_count = refusal.status == 503 ? 2 : 1,
		.body = {body, len < sizeof body ? len : sizeof body},
		.close = close};

	http_answer_send(exchange, &answer);
}

void http_answer_refuse(struct http_exchange *exchange, struct http_refusal refusal)
{
	send_problem(exchange, refusal, true);
}

void http_answer(struct http_exchange *exchange, const struct http_answer *answer)
{
	struct http_server *server = exchange->server;

	if (server == NULL) {
		http_exchange_free(exchange);
		return;
	}
	LIST_REMOVE(exchange, link);
	if (exchange->connection == NULL) {
		done(exchange, answer->status, 0);
		http_server_settle(server);
		return;
	}
	exchange->delivered = false;
	if (is_sound(exchange, answer))
		http_answer_send(exchange, answer);
	else
		send_problem(exchange,
			(struct http_refusal){500, "The answer could not be sent as it was made."},
			answer->close);
	if (server->out.room > OUT_KEPT)
		buf_free(&server->out);
}
