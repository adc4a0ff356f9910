/* One connection's life: idle → head → body → with the owner → writing the answer → idle again, or
 * lingering and closed.
 *
 * All bytes go through connection_turn, which takes requests off the input one by one until one of
 * them waits: for more bytes, for its owner, or for its answer to leave. So at most one exchange
 * and one answer exist per connection, and a client that sends without reading fills only its own
 * bounded input. */
#include "net/http_private.h"

#include "base/clock.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	INPUT_MOST = 16 * 1024, /* above it nothing is read while an answer is awaited */
	TURN_MOST = 16,         /* requests in one turn of the loop */
	LINGER_MS = 5000,
	LINGER_STOP_MS = 1000,
	LINGER_BYTES = 8 * 1024 * 1024
};

static void connection_turn(struct http_connection *connection, const char *data, size_t len);
static void on_timer(uv_timer_t *timer);

/* The timer is moved only when it would ring too late; rung too early, it is wound again. So the
 * usual request costs no timer operation. */
static void set_deadline(struct http_connection *connection, uint64_t ms)
{
	connection->deadline = uv_now(connection->server->loop) + ms;
	if (!uv_is_active((uv_handle_t *)&connection->timer) ||
		uv_timer_get_due_in(&connection->timer) > ms)
		uv_timer_start(&connection->timer, on_timer, ms, 0);
}

void http_connection_enter(struct http_connection *connection, enum http_phase phase)
{
	const struct http_limits *limits = &connection->server->limits;

	connection->phase = phase;
	switch (phase) {
	case HTTP_IDLE:
		set_deadline(
			connection, connection->peer.surplus ? limits->head_ms : limits->idle_ms);
		break;
	case HTTP_HEAD_COMES:
		set_deadline(connection, limits->head_ms);
		break;
	case HTTP_BODY_COMES:
		set_deadline(connection, limits->body_ms);
		break;
	case HTTP_WRITE:
		set_deadline(connection, limits->write_ms);
		break;
	case HTTP_LINGER:
		set_deadline(connection, connection->server->stopping ? LINGER_STOP_MS : LINGER_MS);
		break;
	default:
		connection->deadline = UINT64_MAX;
	}
}

/* Between two requests, also when the line end is there that some clients send after a body. */
static bool is_idle(const struct http_connection *connection)
{
	const struct http_head *head = &connection->head;

	return connection->phase == HTTP_IDLE ||
	       (connection->phase == HTTP_HEAD_COMES && !head->has_line && head->line > 0 &&
		       head->line == connection->input.len);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct http_connection *connection = handle->data;
	struct http_server *server = connection->server;

	if (--connection->open_handles > 0)
		return;
	LIST_REMOVE(connection, link);
	server->connection_count--;
	if (server->owner.on_connections != NULL)
		server->owner.on_connections(server->owner.owner, -1);
	if (server->limits.clients != NULL)
		http_clients_gone(server->limits.clients, connection->client, &connection->peer);
	buf_free(&connection->input);
	free(connection);
	if (server->accept_waits && !server->stopping)
		http_connection_accept(server);
	http_server_settle(server);
}

/* An exchange that the owner has lives on without its connection; one that is being written ends
 * with its write, which the close cancels; one that is still being read has never been. */
static void leave_exchange(struct http_connection *connection)
{
	struct http_exchange *exchange = connection->exchange;

	if (exchange == NULL || connection->phase == HTTP_WRITE)
		return;
	connection->exchange = NULL;
	if (exchange->stream != NULL)
		http_stream_leave(exchange->stream);
	else if (exchange->delivered)
		exchange->connection = NULL;
	else
		http_exchange_free(exchange);
}

void http_connection_close(struct http_connection *connection)
{
	if (connection->phase == HTTP_CLOSED)
		return;
	leave_exchange(connection);
	connection->phase = HTTP_CLOSED;
	uv_close((uv_handle_t *)&connection->tcp, on_handle_closed);
	uv_close((uv_handle_t *)&connection->timer, on_handle_closed);
}

/* A socket closed with unread bytes resets the connection, which may take the answer away from the
 * client before it was read. So first only the sending side is shut, and the client has a while to
 * hang up. */
static void linger(struct http_connection *connection)
{
	uv_os_fd_t fd;

	buf_free(&connection->input);
	if (connection->ended || uv_fileno((uv_handle_t *)&connection->tcp, &fd) < 0 ||
		shutdown(fd, SHUT_WR) < 0) {
		http_connection_close(connection);
		return;
	}
	http_connection_enter(connection, HTTP_LINGER);
	http_connection_flow(connection);
}

static void refuse(
	struct http_connection *connection, const char *head, struct http_refusal refusal)
{
	if (connection->exchange == NULL)
		connection->exchange = http_exchange_new(connection, head);
	if (connection->exchange == NULL)
		http_connection_close(connection);
	else
		http_answer_refuse(connection->exchange, refusal);
}

static void deliver(struct http_connection *connection)
{
	struct http_server *server = connection->server;
	struct http_exchange *exchange = connection->exchange;

	http_connection_enter(connection, HTTP_OWNER);
	exchange->delivered = true;
	LIST_INSERT_HEAD(&server->exchanges, exchange, link);
	server->owner.on_request(server->owner.owner, exchange);
}

/* The body will be read: says so to a client that waits for it. Nothing else is being written now,
 * so the socket has room. */
static void say_continue(struct http_connection *connection)
{
	static const char words[] = "HTTP/1.1 100 Continue\r\n\r\n";
	uv_buf_t run = {(char *)words, sizeof words - 1};

	if (uv_try_write((uv_stream_t *)&connection->tcp, &run, 1) != (int)run.len)
		http_connection_close(connection);
}

/* More connections than one client may have, or more requests. */
static bool asks_too_much(struct http_connection *connection, struct http_refusal *refusal)
{
	struct http_clients *clients = connection->server->limits.clients;
	struct http_exchange *exchange = connection->exchange;

	if (clients == NULL)
		return false;
	exchange->retry_after = http_clients_ask(clients, &connection->peer, &exchange->request);
	*refusal = (struct http_refusal){
		429, connection->peer.surplus ? "Too many connections are open from this address."
					      : "Too many requests came from this address."};
	return connection->peer.surplus || exchange->retry_after > 0;
}

/* A head that the check has passed. */
static void take_head(struct http_connection *connection, const char *data, bool body_follows)
{
	struct http_exchange *exchange = http_exchange_new(connection, data);
	struct http_refusal refusal;

	connection->exchange = exchange;
	if (exchange == NULL) {
		http_connection_close(connection);
	} else if (!http_exchange_parse(exchange)) {
		refuse(connection, data, (struct http_refusal){400, "The head is malformed."});
	} else if (asks_too_much(connection, &refusal)) {
		refuse(connection, data, refusal);
	} else if (!http_exchange_has_body(exchange)) {
		deliver(connection);
	} else {
		http_connection_enter(connection, HTTP_BODY_COMES);
		if (connection->head.expects_continue && !body_follows)
			say_continue(connection);
	}
}

/* Takes a head, or none of it: what is incomplete stays in the input. */
static size_t read_head(struct http_connection *connection, const char *data, size_t len)
{
	struct http_head *head = &connection->head;

	if (connection->phase == HTTP_IDLE) {
		*head = (struct http_head){0};
		connection->began_ns = clock_mono_ns();
		http_connection_enter(connection, HTTP_HEAD_COMES);
	}
	switch (http_head_check(head, data, len, &connection->server->limits)) {
	case HTTP_REFUSED:
		refuse(connection, data, head->refusal);
		return len;
	case HTTP_WHOLE:
		take_head(connection, data, len > head->len);
		return head->len;
	default:
		return 0;
	}
}

static size_t read_body(struct http_connection *connection, const char *data, size_t len)
{
	struct http_refusal refusal;
	size_t used = 0;

	switch (http_exchange_read(connection->exchange, data, len, &used, &refusal)) {
	case HTTP_REFUSED:
		refuse(connection, NULL, refusal);
		return len;
	case HTTP_WHOLE:
		deliver(connection);
		return used;
	default:
		return used;
	}
}

/* Takes what can be taken of `data`; returns how much that was. */
static size_t take(struct http_connection *connection, const char *data, size_t len)
{
	unsigned requests = 0;
	size_t at = 0;

	while (at < len && requests < TURN_MOST) {
		bool in_head =
			connection->phase == HTTP_IDLE || connection->phase == HTTP_HEAD_COMES;
		size_t used;

		if (!in_head && connection->phase != HTTP_BODY_COMES)
			return at;
		used = in_head ? read_head(connection, data + at, len - at)
			       : read_body(connection, data + at, len - at);
		requests += in_head;
		at += used;
		if (used == 0)
			return at;
	}
	connection->yields = at < len && (connection->phase == HTTP_IDLE ||
						 connection->phase == HTTP_BODY_COMES);
	return at;
}

/* The client will send no more: what it has sent whole is answered, what it left open cannot be. */
static void settle_end(struct http_connection *connection)
{
	if (connection->phase == HTTP_LINGER || is_idle(connection))
		http_connection_close(connection);
	else if (connection->phase == HTTP_HEAD_COMES || connection->phase == HTTP_BODY_COMES)
		refuse(connection, connection->input.data,
			(struct http_refusal){400, "The connection ended inside a request."});
}

static void take_input(struct http_connection *connection, const char *data, size_t len)
{
	struct buf *input = &connection->input;
	bool direct = input->len == 0;
	size_t used;

	if (!direct) {
		buf_append(input, data, len);
		data = input->data;
		len = input->len;
	}
	used = take(connection, data, len);
	if (connection->phase == HTTP_LINGER || connection->phase == HTTP_CLOSED || used == len)
		buf_free(input);
	else if (direct)
		buf_append(input, data + used, len - used);
	else
		buf_consume(input, used);
	if (input->failed)
		http_connection_close(connection);
}

static void connection_turn(struct http_connection *connection, const char *data, size_t len)
{
	connection->turning = true;
	connection->yields = false;
	take_input(connection, data, len);
	if (connection->ended && !connection->yields)
		settle_end(connection);
	connection->turning = false;

	if (connection->yields)
		uv_timer_start(&connection->timer, on_timer, 0, 0);
	else if (connection->server->stopping && is_idle(connection))
		http_connection_close(connection);
	http_connection_flow(connection);
}

void http_connection_next(struct http_connection *connection)
{
	if (connection->phase == HTTP_CLOSED)
		return;
	if (connection->closes) {
		linger(connection);
		return;
	}
	http_connection_enter(connection, HTTP_IDLE);
	if (!connection->turning)
		connection_turn(connection, NULL, 0);
}

static const char *lateness(enum http_phase phase)
{
	return phase == HTTP_HEAD_COMES ? "The head of the request came too slowly."
					: "The body of the request came too slowly.";
}

static void on_timer(uv_timer_t *timer)
{
	struct http_connection *connection = timer->data;
	uint64_t now = uv_now(connection->server->loop);

	if (connection->yields) {
		connection_turn(connection, NULL, 0);
		if (connection->phase == HTTP_CLOSED || connection->yields)
			return;
	}
	if (now < connection->deadline) {
		if (connection->deadline != UINT64_MAX)
			uv_timer_start(timer, on_timer, connection->deadline - now, 0);
	} else if (!is_idle(connection) &&
		   (connection->phase == HTTP_HEAD_COMES || connection->phase == HTTP_BODY_COMES)) {
		refuse(connection, connection->input.data,
			(struct http_refusal){408, lateness(connection->phase)});
	} else {
		http_connection_close(connection);
	}
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *run)
{
	struct http_connection *connection = handle->data;

	(void)suggested;
	*run = (uv_buf_t){connection->server->in, sizeof connection->server->in};
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *run)
{
	struct http_connection *connection = stream->data;

	if (len == UV_EOF) {
		connection->ended = true;
		connection->reads = false;
		connection_turn(connection, NULL, 0);
	} else if (len < 0) {
		http_connection_close(connection);
	} else if (connection->phase == HTTP_LINGER) {
		connection->lingered += (size_t)len;
		if (connection->lingered > LINGER_BYTES)
			http_connection_close(connection);
	} else if (len > 0) {
		connection_turn(connection, run->base, (size_t)len);
	}
}

void http_connection_flow(struct http_connection *connection)
{
	bool waits = connection->phase == HTTP_OWNER || connection->phase == HTTP_WRITE ||
		     connection->phase == HTTP_STREAM;
	bool reads = !connection->ended && !connection->yields &&
		     !(waits && connection->input.len > INPUT_MOST);

	if (connection->phase == HTTP_CLOSED || connection->turning || reads == connection->reads)
		return;
	connection->reads = reads;
	if (!reads)
		uv_read_stop((uv_stream_t *)&connection->tcp);
	else if (uv_read_start((uv_stream_t *)&connection->tcp, on_alloc, on_read) < 0)
		http_connection_close(connection);
}

void http_connection_stop(struct http_connection *connection)
{
	if (is_idle(connection) && !connection->turning && !connection->yields)
		http_connection_close(connection);
	else if (connection->phase == HTTP_LINGER)
		http_connection_enter(connection, HTTP_LINGER);
}

/* An IPv4 client of an IPv6 listener is named by its IPv4 address. */
static void name_client(struct http_connection *connection)
{
	struct sockaddr_storage address = {0};
	int len = sizeof address;
	const struct in6_addr *six = &((struct sockaddr_in6 *)&address)->sin6_addr;
	struct sockaddr_in four = {.sin_family = AF_INET};

	if (uv_tcp_getpeername(&connection->tcp, (struct sockaddr *)&address, &len) < 0)
		return;
	if (address.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(six)) {
		memcpy(&four.sin_addr, six->s6_addr + 12, sizeof four.sin_addr);
		memcpy(&address, &four, sizeof four);
	}
	if (address.ss_family == AF_INET)
		uv_ip4_name((struct sockaddr_in *)&address, connection->client, HTTP_CLIENT_TEXT);
	else if (address.ss_family == AF_INET6)
		uv_ip6_name((struct sockaddr_in6 *)&address, connection->client, HTTP_CLIENT_TEXT);
}

void http_connection_accept(struct http_server *server)
{
	struct http_connection *connection = calloc(1, sizeof *connection);

	server->accept_waits = connection == NULL;
	if (connection == NULL)
		return;
	connection->server = server;
	connection->open_handles = 2;
	uv_tcp_init(server->loop, &connection->tcp);
	uv_timer_init(server->loop, &connection->timer);
	connection->tcp.data = connection->timer.data = connection;
	LIST_INSERT_HEAD(&server->connections, connection, link);
	server->connection_count++;
	if (server->owner.on_connections != NULL)
		server->owner.on_connections(server->owner.owner, 1);
	if (uv_accept((uv_stream_t *)&server->listener, (uv_stream_t *)&connection->tcp) < 0 ||
		server->connection_count > server->limits.connections) {
		http_connection_close(connection);
		return;
	}
	name_client(connection);
	if (server->limits.clients != NULL &&
		!http_clients_come(server->limits.clients, connection->client, &connection->peer)) {
		http_connection_close(connection);
		return;
	}
	http_connection_enter(connection, HTTP_IDLE);
	http_connection_flow(connection);
}
