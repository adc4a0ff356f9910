/* A world for the tests of the HTTP server: a server over real sockets, an owner that remembers,
 * and clients. Server and clients share one thread: whoever waits turns the loop. */
#pragma once

#include "base/buf.h"
#include "net/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* BIG is more than the kernel holds for the two ends of a loopback connection. */
enum { WAIT_MS = 10 * 1000, HELD_MOST = 32, BIG = 24 * 1024 * 1024 };

/* A server, its loop, and an owner that remembers. It tells what it was asked, but it holds /hold
 * back, answers /big with many bytes, /nothing with 204, /close with a close, /bad with a header
 * that splits. */
struct world {
	uv_loop_t loop;
	struct http_server *server;
	struct http_exchange *held[HELD_MOST];
	unsigned held_count;
	unsigned asked, done;
	int last_status;
	size_t last_bytes;
	char last_id[17];
	char last_client[64];
	bool stopped;
	char *big; /* BIG bytes, made when asked for */
};

static inline struct http_text text_of(const char *text)
{
	return (struct http_text){text, strlen(text)};
}

static inline bool is(struct http_text text, const char *word)
{
	return text.len == strlen(word) && memcmp(text.data, word, text.len) == 0;
}

static inline void answer_text(
	struct http_exchange *exchange, int status, const char *text, bool close)
{
	struct http_answer_header header = {"X-Test", text_of("yes")};
	struct http_answer answer = {.status = status,
		.headers = &header,
		.header_count = 1,
		.body = text_of(text),
		.close = close};

	http_answer(exchange, &answer);
}

static inline void tell(struct http_exchange *exchange)
{
	const struct http_request *request = http_exchange_request(exchange);
	struct buf text = BUF_EMPTY;

	buf_printf(&text, "<%.*s %.*s|%.*s|%.*s host=%.*s", (int)request->method.len,
		request->method.data, (int)request->target.len, request->target.data,
		(int)request->path.len, request->path.data, (int)request->query.len,
		request->query.data, (int)request->host.len, request->host.data);
	for (unsigned i = 0; i < request->header_count; i++)
		if (request->headers[i].name.data[0] == 'x')
			buf_printf(&text, " %.*s=[%.*s]", (int)request->headers[i].name.len,
				request->headers[i].name.data, (int)request->headers[i].value.len,
				request->headers[i].value.data);
	buf_printf(&text, " body=%.*s>", (int)(request->body.len > 100 ? 100 : request->body.len),
		request->body.data);
	if (request->body.len > 100)
		buf_printf(&text, "(%zu)", request->body.len);
	answer_text(exchange, 200, buf_text(&text), is(request->path, "/close"));
	buf_free(&text);
}

static inline void answer_big(struct world *world, struct http_exchange *exchange)
{
	struct http_answer answer = {.status = 200};

	if (world->big == NULL)
		world->big = memset(malloc(BIG), 'b', BIG);
	answer.body = (struct http_text){world->big, BIG};
	http_answer(exchange, &answer);
}

static inline void on_request(void *owner, struct http_exchange *exchange)
{
	struct world *world = owner;
	struct http_text path = http_exchange_request(exchange)->path;
	struct http_answer_header split = {"X-Bad", text_of("a\r\nSet-Cookie: b")};
	struct http_answer bad = {.status = 200, .headers = &split, .header_count = 1};

	world->asked++;
	if (is(path, "/hold"))
		world->held[world->held_count++] = exchange;
	else if (is(path, "/big"))
		answer_big(world, exchange);
	else if (is(path, "/bad"))
		http_answer(exchange, &bad);
	else if (is(path, "/nothing"))
		answer_text(exchange, 204, "", false);
	else
		tell(exchange);
}

static inline size_t on_refusal(void *owner, int status, const char *reason,
	const struct http_request *request, char *body, size_t room)
{
	(void)owner;
	assert_int_equal(strlen(request->id), 16);
	return (size_t)snprintf(body, room, "{\"status\":%d,\"detail\":\"%s\"}", status, reason);
}

static inline void on_done(void *owner, const struct http_request *request, int status,
	size_t bytes, int64_t nanoseconds)
{
	struct world *world = owner;

	assert_true(nanoseconds >= 0);
	world->done++;
	world->last_status = status;
	world->last_bytes = bytes;
	memcpy(world->last_id, request->id, sizeof request->id);
	memcpy(world->last_client, request->client, sizeof request->client);
}

static inline void on_stopped(void *data)
{
	((struct world *)data)->stopped = true;
}

static inline void make_world(struct world *world, const struct http_limits *limits)
{
	struct http_owner owner = {on_request, on_refusal, on_done, world, NULL};
	struct err err;

	*world = (struct world){0};
	assert_int_equal(uv_loop_init(&world->loop), 0);
	assert_int_equal(http_server_start(&world->server, &world->loop, "127.0.0.1", 0, limits,
				 &owner, &err),
		0);
}

static inline void run_until_stopped(struct world *world)
{
	uint64_t end = uv_hrtime() + WAIT_MS * 1000000ull;

	while (!world->stopped && uv_hrtime() < end)
		uv_run(&world->loop, UV_RUN_ONCE);
	assert_true(world->stopped);
}

static inline void end_world(struct world *world)
{
	if (!world->stopped) {
		http_server_stop(world->server, 0, on_stopped, world);
		run_until_stopped(world);
	}
	assert_int_equal(uv_loop_close(&world->loop), 0);
	free(world->big);
}

static inline void turn(struct world *world, unsigned ms)
{
	uint64_t end = uv_hrtime() + ms * 1000000ull;

	do {
		uv_run(&world->loop, UV_RUN_NOWAIT);
		if (ms > 0)
			usleep(500);
	} while (uv_hrtime() < end);
}

static inline void turn_until_done(struct world *world, unsigned done)
{
	uint64_t end = uv_hrtime() + WAIT_MS * 1000000ull;

	while (world->done < done && uv_hrtime() < end)
		turn(world, 1);
	assert_int_equal(world->done, done);
}

static inline int dial(struct world *world)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)http_server_port(world->server)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static inline void say_bytes(struct world *world, int fd, const char *bytes, size_t len)
{
	size_t at = 0;

	while (at < len) {
		ssize_t n = send(fd, bytes + at, len - at, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return; /* the server has closed: what it said will tell */
		at += n > 0 ? (size_t)n : 0;
		turn(world, 0);
	}
}

static inline void say(struct world *world, int fd, const char *text)
{
	say_bytes(world, fd, text, strlen(text));
}

/* Hears until `until` was heard, or until the end when it is NULL; false when neither comes. */
static inline bool hear(struct world *world, int fd, struct buf *heard, const char *until)
{
	uint64_t end = uv_hrtime() + WAIT_MS * 1000000ull;
	char bytes[65536];

	while (uv_hrtime() < end) {
		ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);

		if (n > 0)
			buf_append(heard, bytes, (size_t)n);
		if (until != NULL && n > 0 && strstr(buf_text(heard), until) != NULL)
			return true;
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return until == NULL && n == 0;
		if (n < 0)
			turn(world, 1);
	}
	return false;
}

static inline unsigned count(struct buf *heard, const char *word)
{
	unsigned found = 0;

	for (const char *at = buf_text(heard); (at = strstr(at, word)) != NULL; at++)
		found++;
	return found;
}

/* Asks on a connection of its own and hears to the end. */
static inline void ask(struct world *world, const char *text, struct buf *heard)
{
	int fd = dial(world);

	say(world, fd, text);
	assert_true(hear(world, fd, heard, NULL));
	close(fd);
}

static inline void assert_heard(struct buf *heard, const char *word)
{
	if (strstr(buf_text(heard), word) == NULL)
		fail_msg("\"%s\" is not in: %s", word, buf_text(heard));
}

static inline void assert_not_heard(struct buf *heard, const char *word)
{
	if (strstr(buf_text(heard), word) != NULL)
		fail_msg("\"%s\" is in: %s", word, buf_text(heard));
}

static inline void assert_refused_with(struct world *world, const char *text, int status)
{
	struct buf heard = BUF_EMPTY;
	unsigned asked = world->asked;
	char line[32];

	ask(world, text, &heard);

	snprintf(line, sizeof line, "HTTP/1.1 %d ", status);
	if (strncmp(buf_text(&heard), line, strlen(line)) != 0)
		fail_msg("not %d for %s: %s", status, text, buf_text(&heard));
	assert_heard(&heard, "Connection: close\r\n");
	assert_heard(&heard, "Content-Type: application/problem+json\r\n");
	assert_heard(&heard, "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n");
	assert_int_equal(count(&heard, "Date: "), 1);
	assert_int_equal(world->asked, asked);
	buf_free(&heard);
}
