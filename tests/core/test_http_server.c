/* The HTTP server over real sockets. Server and client share one thread: whoever waits turns the
 * loop. */
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

static struct http_text text_of(const char *text)
{
	return (struct http_text){text, strlen(text)};
}

static bool is(struct http_text text, const char *word)
{
	return text.len == strlen(word) && memcmp(text.data, word, text.len) == 0;
}

static void answer_text(struct http_exchange *exchange, int status, const char *text, bool close)
{
	struct http_answer_header header = {"X-Test", text_of("yes")};
	struct http_answer answer = {.status = status,
		.headers = &header,
		.header_count = 1,
		.body = text_of(text),
		.close = close};

	http_answer(exchange, &answer);
}

static void tell(struct http_exchange *exchange)
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

static void answer_big(struct world *world, struct http_exchange *exchange)
{
	struct http_answer answer = {.status = 200};

	if (world->big == NULL)
		world->big = memset(malloc(BIG), 'b', BIG);
	answer.body = (struct http_text){world->big, BIG};
	http_answer(exchange, &answer);
}

static void on_request(void *owner, struct http_exchange *exchange)
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

static size_t on_refusal(
	void *owner, int status, const char *reason, const char *id, char *body, size_t room)
{
	(void)owner;
	assert_int_equal(strlen(id), 16);
	return (size_t)snprintf(body, room, "{\"status\":%d,\"detail\":\"%s\"}", status, reason);
}

static void on_done(void *owner, const struct http_request *request, int status, size_t bytes,
	int64_t nanoseconds)
{
	struct world *world = owner;

	assert_true(nanoseconds >= 0);
	world->done++;
	world->last_status = status;
	world->last_bytes = bytes;
	memcpy(world->last_id, request->id, sizeof request->id);
	memcpy(world->last_client, request->client, sizeof request->client);
}

static void on_stopped(void *data)
{
	((struct world *)data)->stopped = true;
}

static void make_world(struct world *world, const struct http_limits *limits)
{
	struct http_owner owner = {on_request, on_refusal, on_done, world};
	struct err err;

	*world = (struct world){0};
	assert_int_equal(uv_loop_init(&world->loop), 0);
	assert_int_equal(http_server_start(&world->server, &world->loop, "127.0.0.1", 0, limits,
				 &owner, &err),
		0);
}

static void run_until_stopped(struct world *world)
{
	uint64_t end = uv_hrtime() + WAIT_MS * 1000000ull;

	while (!world->stopped && uv_hrtime() < end)
		uv_run(&world->loop, UV_RUN_ONCE);
	assert_true(world->stopped);
}

static void end_world(struct world *world)
{
	if (!world->stopped) {
		http_server_stop(world->server, 0, on_stopped, world);
		run_until_stopped(world);
	}
	assert_int_equal(uv_loop_close(&world->loop), 0);
	free(world->big);
}

static void turn(struct world *world, unsigned ms)
{
	uint64_t end = uv_hrtime() + ms * 1000000ull;

	do {
		uv_run(&world->loop, UV_RUN_NOWAIT);
		if (ms > 0)
			usleep(500);
	} while (uv_hrtime() < end);
}

static void turn_until_done(struct world *world, unsigned done)
{
	uint64_t end = uv_hrtime() + WAIT_MS * 1000000ull;

	while (world->done < done && uv_hrtime() < end)
		turn(world, 1);
	assert_int_equal(world->done, done);
}

static int dial(struct world *world)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)http_server_port(world->server)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static void say_bytes(struct world *world, int fd, const char *bytes, size_t len)
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

static void say(struct world *world, int fd, const char *text)
{
	say_bytes(world, fd, text, strlen(text));
}

/* Hears until `until` was heard, or until the end when it is NULL; false when neither comes. */
static bool hear(struct world *world, int fd, struct buf *heard, const char *until)
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

static unsigned count(struct buf *heard, const char *word)
{
	unsigned found = 0;

	for (const char *at = buf_text(heard); (at = strstr(at, word)) != NULL; at++)
		found++;
	return found;
}

/* Asks on a connection of its own and hears to the end. */
static void ask(struct world *world, const char *text, struct buf *heard)
{
	int fd = dial(world);

	say(world, fd, text);
	assert_true(hear(world, fd, heard, NULL));
	close(fd);
}

static void assert_heard(struct buf *heard, const char *word)
{
	if (strstr(buf_text(heard), word) == NULL)
		fail_msg("\"%s\" is not in: %s", word, buf_text(heard));
}

static void assert_not_heard(struct buf *heard, const char *word)
{
	if (strstr(buf_text(heard), word) != NULL)
		fail_msg("\"%s\" is in: %s", word, buf_text(heard));
}

static void assert_refused_with(struct world *world, const char *text, int status)
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
	assert_int_equal(count(&heard, "Date: "), 1);
	assert_int_equal(world->asked, asked);
	buf_free(&heard);
}

static void test_an_answer_has_date_length_and_the_owners_headers(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	fd = dial(&world);

	say(&world, fd,
		"GET /a/%20b?c=d?e HTTP/1.1\r\nHost: x:80\r\nX-One:  1 2 \r\nX-TWO:\r\n\r\n");
	assert_true(hear(&world, fd, &heard, ">"));

	assert_heard(&heard, "HTTP/1.1 200 OK\r\nDate: ");
	assert_heard(&heard, " GMT\r\nX-Test: yes\r\nContent-Length: ");
	assert_heard(
		&heard, "<GET /a/%20b?c=d?e|/a/%20b|c=d?e host=x:80 x-one=[1 2] x-two=[] body=>");
	assert_not_heard(&heard, "Connection:");
	assert_int_equal(world.last_bytes, heard.len);
	assert_string_equal(world.last_client, "127.0.0.1");
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_a_connection_serves_one_request_after_another(void **state)
{
	struct world world;
	char first_id[17];
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	fd = dial(&world);

	for (unsigned i = 0; i < 50; i++) {
		struct buf heard = BUF_EMPTY;

		say(&world, fd, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
		assert_true(hear(&world, fd, &heard, "body=abc>"));
		buf_free(&heard);
		if (i == 0)
			memcpy(first_id, world.last_id, sizeof first_id);
	}

	assert_int_equal(world.done, 50);
	assert_string_not_equal(first_id, world.last_id);
	close(fd);
	end_world(&world);
}

static void test_old_clients_are_closed_unless_they_ask_to_stay(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;

	(void)state;
	make_world(&world, &http_default_limits);

	ask(&world,
		"GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\n"
		"GET /3 HTTP/1.0\r\n\r\n",
		&heard);

	assert_heard(&heard, "Connection: keep-alive\r\n\r\n<GET /1|/1| host= body=>");
	assert_heard(&heard, "Connection: close\r\n\r\n<GET /2|/2| host= body=>");
	assert_int_equal(world.asked, 2);
	buf_free(&heard);
	end_world(&world);
}

static void test_nothing_is_acted_upon_after_a_close(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;

	(void)state;
	make_world(&world, &http_default_limits);

	ask(&world,
		"GET /1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
		"GET /2 HTTP/1.1\r\nHost: x\r\n\r\n",
		&heard);
	ask(&world, "GET /close HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n",
		&heard);

	assert_int_equal(count(&heard, "Connection: close\r\n"), 2);
	assert_not_heard(&heard, "GET /2");
	assert_int_equal(world.asked, 2);
	buf_free(&heard);
	end_world(&world);
}

static void test_head_gets_the_length_but_no_body(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;

	(void)state;
	make_world(&world, &http_default_limits);

	ask(&world, "HEAD /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &heard);

	assert_heard(&heard, "Content-Length: 25165824\r\n");
	assert_string_equal(buf_text(&heard) + heard.len - 4, "\r\n\r\n");
	buf_clear(&heard);
	ask(&world, "HEAD / HTTP/1.1\r\n\r\n", &heard);
	assert_heard(&heard, "HTTP/1.1 400 Bad Request\r\n");
	assert_string_equal(buf_text(&heard) + heard.len - 4, "\r\n\r\n");
	buf_free(&heard);
	end_world(&world);
}

static void test_no_content_has_no_length(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;

	(void)state;
	make_world(&world, &http_default_limits);

	ask(&world, "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &heard);

	assert_heard(&heard, "HTTP/1.1 204 No Content\r\n");
	assert_not_heard(&heard, "Content-Length");
	buf_free(&heard);
	end_world(&world);
}

static void test_a_header_that_would_split_the_answer_never_leaves(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;

	(void)state;
	make_world(&world, &http_default_limits);

	ask(&world, "GET /bad HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &heard);

	assert_heard(&heard, "HTTP/1.1 500 Internal Server Error\r\n");
	assert_not_heard(&heard, "Set-Cookie");
	buf_free(&heard);
	end_world(&world);
}

static void test_absolute_targets_are_taken_and_their_host_wins(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;

	(void)state;
	make_world(&world, &http_default_limits);

	ask(&world,
		"GET http://a.example:81/b?c HTTP/1.1\r\nHost: x\r\n\r\n"
		"GET http://a.example?c HTTP/1.1\r\nHost: x\r\n\r\n"
		"GET https://a.example HTTP/1.1\r\nHost: x\r\n\r\n"
		"OPTIONS http://a.example HTTP/1.1\r\nHost: x\r\n\r\n"
		"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		&heard);

	assert_heard(&heard, "<GET /b?c|/b|c host=a.example:81 body=>");
	assert_heard(&heard, "<GET /?c|/|c host=a.example body=>");
	assert_heard(&heard, "<GET /|/| host=a.example body=>");
	assert_heard(&heard, "<OPTIONS *|*| host=a.example body=>");
	assert_heard(&heard, "<OPTIONS *|*| host=x body=>");
	buf_free(&heard);
	end_world(&world);
}

static void test_chunked_bodies_arrive_whole_without_trailers(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;

	(void)state;
	make_world(&world, &http_default_limits);

	ask(&world,
		"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\t\r\n\r\n"
		"3;a=\"b\"\r\nabc\r\n00d\r\n0123456789012\r\n0\r\nX-Late: 1\r\nContent-Length: "
		"9\r\n"
		"Transfer-Encoding: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: "
		"close\r\n\r\n",
		&heard);

	assert_heard(&heard, "<POST /x|/x| host=x body=abc0123456789012>");
	assert_heard(&heard, "<GET /2|/2| host=x body=>");
	buf_free(&heard);
	end_world(&world);
}

static void test_an_upgrade_that_was_asked_for_is_ignored(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;

	(void)state;
	make_world(&world, &http_default_limits);

	ask(&world,
		"GET /1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
		"POST /2 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
		"Content-Length: 2\r\n\r\nab"
		"POST /3 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n"
		"Transfer-Encoding: chunked\r\n\r\n2\r\ncd\r\n0\r\n\r\n",
		&heard);

	assert_heard(&heard, "<GET /1|/1| host=x body=>");
	assert_heard(&heard, "<POST /2|/2| host=x body=ab>");
	assert_heard(&heard, "<POST /3|/3| host=x body=cd>");
	buf_free(&heard);
	end_world(&world);
}

static void test_what_the_grammar_forbids_is_refused_and_closed(void **state)
{
	static const char *const heads[] = {"GET /\r\n", "GET / HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", "GET / HTTP/1.1\nHost: x\n\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\nabcde",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
		"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
		"chunked\r\n\r\n3\r\nabc0\r\n\r\n"};
	struct world world;

	(void)state;
	make_world(&world, &http_default_limits);

	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
		assert_refused_with(&world, heads[i], 400);

	assert_refused_with(&world, "BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 501);
	assert_refused_with(
		&world, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501);
	assert_refused_with(&world, "GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505);
	end_world(&world);
}

static void test_small_limits_hold(void **state)
{
	struct http_limits limits = http_default_limits;
	struct world world;

	(void)state;
	limits.target = 20;
	limits.head = 200;
	limits.headers = 2;
	limits.body = 10;
	make_world(&world, &limits);

	assert_refused_with(&world, "GET /12345678901234567890 HTTP/1.1\r\n", 414);
	assert_refused_with(&world, "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\nC: d\r\n\r\n", 431);
	assert_refused_with(
		&world, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n12345678901", 413);
	assert_refused_with(&world,
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
		"6\r\n123456\r\n5\r\n12345\r\n0\r\n\r\n",
		413);
	end_world(&world);
}

static void test_a_large_body_that_is_refused_does_not_reset_the_client(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;
	size_t len = 3 * 1024 * 1024;
	char *body = calloc(1, len);
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	fd = dial(&world);
	say(&world, fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n");

	say_bytes(&world, fd, body, len);
	assert_true(hear(&world, fd, &heard, NULL));

	assert_heard(&heard, "HTTP/1.1 413 ");
	free(body);
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_a_body_of_the_full_length_passes(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;
	size_t len = 4 * 1024 * 1024;
	char *body = malloc(len);
	int fd;

	(void)state;
	memset(body, 'z', len);
	make_world(&world, &http_default_limits);
	fd = dial(&world);
	say(&world, fd,
		"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: "
		"4194304\r\n\r\n");

	say_bytes(&world, fd, body, len);
	assert_true(hear(&world, fd, &heard, NULL));

	assert_heard(&heard, "(4194304)");
	free(body);
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_continue_is_said_only_when_the_body_will_be_read(void **state)
{
	struct http_limits limits = http_default_limits;
	struct world world;
	struct buf heard = BUF_EMPTY;
	int fd;

	(void)state;
	limits.body = 10;
	make_world(&world, &limits);
	fd = dial(&world);

	say(&world, fd,
		"POST /1 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	assert_true(hear(&world, fd, &heard, "HTTP/1.1 100 Continue\r\n\r\n"));
	say(&world, fd, "abcGET /2 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n");
	assert_true(hear(&world, fd, &heard, "<GET /2|/2| host=x body=>"));
	say(&world, fd, "POST /3 HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc");
	assert_true(hear(&world, fd, &heard, NULL));

	assert_int_equal(count(&heard, "100 Continue"), 1);
	assert_heard(&heard, "<POST /1|/1| host=x body=abc>");
	assert_heard(&heard, "<POST /3|/3| host= body=abc>");
	close(fd);
	buf_free(&heard);
	assert_refused_with(&world,
		"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n",
		413);
	assert_refused_with(&world,
		"POST / HTTP/1.1\r\nHost: x\r\nExpect: 7\r\nContent-Length: 1\r\n\r\na", 417);
	end_world(&world);
}

/* What was heard, without what depends on the clock. */
static char *undated(struct buf *heard)
{
	char *text = strdup(buf_text(heard));

	for (char *at = text; (at = strstr(at, "Date: ")) != NULL; at++)
		memset(at, '-', strcspn(at, "\r"));
	return text;
}

static const char sequence[] =
	"GET /1?a=b HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n\r\n"
	"POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
	"\r\nPOST /3 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
	"4;a=\"b\"\r\nwiki\r\n5\r\npedia\r\n0;c\r\nX-T: u\r\n\r\n"
	"HEAD /4 HTTP/1.1\r\nHost: x\r\n\r\n"
	"GET http://y/5 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

static char *said_in_two(struct world *world, size_t split)
{
	struct buf heard = BUF_EMPTY;
	int fd = dial(world);
	char *text;

	say_bytes(world, fd, sequence, split);
	turn(world, 0);
	say_bytes(world, fd, sequence + split, strlen(sequence) - split);
	assert_true(hear(world, fd, &heard, NULL));
	close(fd);
	text = undated(&heard);
	buf_free(&heard);
	return text;
}

static void test_a_pipelined_sequence_is_answered_alike_wherever_it_is_split(void **state)
{
	struct world world;
	char *whole;

	(void)state;
	make_world(&world, &http_default_limits);
	whole = said_in_two(&world, 0);
	assert_non_null(strstr(whole, "<POST /3|/3| host=x body=wikipedia>"));
	assert_int_equal(world.asked, 5);

	for (size_t split = 1; split < strlen(sequence); split++) {
		char *text = said_in_two(&world, split);

		if (strcmp(text, whole) != 0)
			fail_msg("split at %zu: %s", split, text);
		free(text);
	}

	assert_int_equal(world.asked, 5 * strlen(sequence));
	free(whole);
	end_world(&world);
}

static void test_a_sequence_may_come_byte_by_byte(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;
	char *whole, *text;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	whole = said_in_two(&world, 0);
	fd = dial(&world);

	for (size_t i = 0; i < strlen(sequence); i++) {
		say_bytes(&world, fd, sequence + i, 1);
		turn(&world, 0);
	}
	assert_true(hear(&world, fd, &heard, NULL));

	text = undated(&heard);
	assert_string_equal(text, whole);
	free(text);
	free(whole);
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_the_next_request_waits_for_the_previous_answer(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	fd = dial(&world);
	say(&world, fd,
		"GET /hold HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: "
		"close\r\n\r\n");
	turn(&world, 20);
	assert_int_equal(world.asked, 1);

	answer_text(world.held[0], 201, "<first>", false);
	assert_true(hear(&world, fd, &heard, NULL));

	assert_true(strstr(buf_text(&heard), "<first>") < strstr(buf_text(&heard), "<GET /2"));
	assert_int_equal(world.done, 2);
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_many_pipelined_requests_are_all_answered_in_order(void **state)
{
	enum { MANY = 2000 };
	struct world world;
	struct buf said = BUF_EMPTY;
	struct buf heard = BUF_EMPTY;
	const char *at;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	for (int i = 0; i < MANY; i++)
		buf_printf(
			&said, "POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody", i);
	fd = dial(&world);

	say_bytes(&world, fd, said.data, said.len);
	shutdown(fd, SHUT_WR);
	assert_true(hear(&world, fd, &heard, NULL));

	at = buf_text(&heard);
	for (int i = 0; i < MANY; i++) {
		char answer[64];

		snprintf(answer, sizeof answer, "<POST /%d|/%d| host=x body=body>", i, i);
		at = strstr(at, answer);
		assert_non_null(at);
	}
	assert_int_equal(world.done, MANY);
	buf_free(&said);
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_a_client_that_only_sends_is_not_read_without_bound(void **state)
{
	struct world world;
	size_t sent = 0;
	char junk[65536];
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	fd = dial(&world);
	say(&world, fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	turn(&world, 10);
	memset(junk, 'j', sizeof junk);

	for (int i = 0; i < 1000; i++) {
		ssize_t n = send(fd, junk, sizeof junk, MSG_DONTWAIT | MSG_NOSIGNAL);

		sent += n > 0 ? (size_t)n : 0;
		turn(&world, 0);
	}

	/* What the kernel holds for both sides is all that may have left. */
	assert_true(sent < 1000 * sizeof junk / 2);
	answer_text(world.held[0], 200, "", true);
	close(fd);
	end_world(&world);
}

static void test_an_answer_that_the_socket_cannot_take_at_once_arrives_whole(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	fd = dial(&world);
	say(&world, fd,
		"GET /big HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: "
		"close\r\n\r\n");
	turn(&world, 20);
	assert_int_equal(world.asked, 1);

	assert_true(hear(&world, fd, &heard, NULL));

	assert_true(heard.len > BIG);
	assert_int_equal(strspn(strstr(buf_text(&heard), "\r\n\r\n") + 4, "b"), BIG);
	assert_heard(&heard, "<GET /2");
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_a_client_that_does_not_read_is_cut_after_a_while(void **state)
{
	struct http_limits limits = http_default_limits;
	struct world world;
	int fd;

	(void)state;
	limits.write_ms = 50;
	make_world(&world, &limits);
	fd = dial(&world);

	say(&world, fd, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
	turn_until_done(&world, 1);

	assert_int_equal(world.last_bytes, 0);
	close(fd);
	end_world(&world);
}

static void test_slow_heads_and_bodies_get_408_and_idle_connections_nothing(void **state)
{
	struct http_limits limits = http_default_limits;
	struct world world;
	struct buf heard = BUF_EMPTY;
	int fd;

	(void)state;
	limits.head_ms = limits.body_ms = limits.idle_ms = 60;
	make_world(&world, &limits);

	assert_refused_with(&world, "G", 408);
	assert_refused_with(
		&world, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nab", 408);
	ask(&world, "", &heard);
	assert_int_equal(heard.len, 0);
	ask(&world, "\r\n", &heard);
	assert_int_equal(heard.len, 0);
	ask(&world, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n", &heard);
	assert_heard(&heard, "<GET /1");
	assert_not_heard(&heard, "408");
	fd = dial(&world);
	say(&world, fd, "GET / HTTP/1.1\r\n");
	for (int i = 0; i < 50 && world.done < 4; i++) {
		say(&world, fd, "A: b\r\n"); /* drop by drop does not help */
		turn(&world, 10);
	}
	assert_int_equal(world.last_status, 408);
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_the_owner_may_take_longer_than_any_client(void **state)
{
	struct http_limits limits = http_default_limits;
	struct world world;
	struct buf heard = BUF_EMPTY;
	int fd;

	(void)state;
	limits.head_ms = limits.body_ms = limits.idle_ms = limits.write_ms = 30;
	make_world(&world, &limits);
	fd = dial(&world);
	say(&world, fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");

	turn(&world, 150);
	answer_text(world.held[0], 200, "<late>", false);

	assert_true(hear(&world, fd, &heard, "<late>"));
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_a_client_may_half_close_after_its_request(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	fd = dial(&world);
	say(&world, fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
	shutdown(fd, SHUT_WR);
	turn(&world, 20);

	answer_text(world.held[0], 200, "<held>", false);
	assert_true(hear(&world, fd, &heard, NULL));

	assert_heard(&heard, "<held>");
	assert_heard(&heard, "<GET /2");
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_a_request_that_ends_half_way_is_never_acted_upon(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	fd = dial(&world);
	say(&world, fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nab");

	shutdown(fd, SHUT_WR);
	assert_true(hear(&world, fd, &heard, NULL));

	assert_heard(&heard, "HTTP/1.1 400 ");
	assert_int_equal(world.asked, 0);
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void reset(int fd)
{
	struct linger at_once = {1, 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	close(fd);
}

static void test_an_exchange_survives_its_client(void **state)
{
	struct world world;
	const struct http_request *request;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	fd = dial(&world);
	say(&world, fd,
		"POST /hold HTTP/1.1\r\nHost: x\r\nX-A: b\r\nContent-Length: 4\r\n\r\nbody");
	turn(&world, 10);
	request = http_exchange_request(world.held[0]);
	http_exchange_set_data(world.held[0], &world);

	reset(fd);
	turn(&world, 20);

	assert_true(is(request->body, "body"));
	assert_true(is(request->headers[1].name, "x-a"));
	assert_ptr_equal(http_exchange_data(world.held[0]), &world);
	assert_int_equal(world.done, 0);
	answer_text(world.held[0], 200, "too late", false);
	assert_int_equal(world.done, 1);
	assert_int_equal(world.last_bytes, 0);
	end_world(&world);
}

static void test_clients_may_go_away_at_any_byte(void **state)
{
	struct world world;

	(void)state;
	make_world(&world, &http_default_limits);

	for (size_t len = 0; len < strlen(sequence); len++) {
		int fd = dial(&world);

		say_bytes(&world, fd, sequence, len);
		reset(fd);
		turn(&world, 0);
	}
	turn(&world, 20);

	end_world(&world);
}

static void test_connections_above_the_limit_are_closed_at_once(void **state)
{
	struct http_limits limits = http_default_limits;
	struct world world;
	struct buf heard = BUF_EMPTY;
	int first, second, third;

	(void)state;
	limits.connections = 1;
	make_world(&world, &limits);
	first = dial(&world);
	turn(&world, 10);
	second = dial(&world);

	assert_true(hear(&world, second, &heard, NULL));
	assert_int_equal(heard.len, 0);
	close(first);
	turn(&world, 10);
	third = dial(&world);
	say(&world, third, "GET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(hear(&world, third, &heard, "<GET /3"));

	buf_free(&heard);
	close(second);
	close(third);
	end_world(&world);
}

static void test_a_stop_lets_requests_in_flight_finish(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;
	struct buf idle_heard = BUF_EMPTY;
	int fd, idle;

	(void)state;
	make_world(&world, &http_default_limits);
	fd = dial(&world);
	idle = dial(&world);
	say(&world, fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
	turn(&world, 10);

	http_server_stop(world.server, 5000, on_stopped, &world);
	assert_true(hear(&world, idle, &idle_heard, NULL));
	assert_false(world.stopped);
	answer_text(world.held[0], 200, "<held>", false);
	assert_true(hear(&world, fd, &heard, NULL));
	close(fd);
	run_until_stopped(&world);

	assert_heard(&heard, "Connection: close\r\n");
	assert_heard(&heard, "<held>");
	assert_not_heard(&heard, "GET /2");
	assert_int_equal(idle_heard.len, 0);
	buf_free(&heard);
	close(idle);
	end_world(&world);
}

static void test_a_stop_does_not_wait_long_for_clients_that_never_hang_up(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;
	uint64_t began;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	fd = dial(&world);
	say(&world, fd, "GET /close HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(hear(&world, fd, &heard, NULL));
	began = uv_hrtime();

	http_server_stop(world.server, 60 * 1000, on_stopped, &world);
	run_until_stopped(&world);

	assert_true(uv_hrtime() - began < 4000000000ull);
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_a_stop_waits_for_exchanges_whose_client_has_gone(void **state)
{
	struct world world;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	fd = dial(&world);
	say(&world, fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	turn(&world, 10);
	reset(fd);
	turn(&world, 10);

	http_server_stop(world.server, 5000, on_stopped, &world);
	turn(&world, 20);
	assert_false(world.stopped);
	answer_text(world.held[0], 200, "", false);
	run_until_stopped(&world);

	assert_int_equal(world.done, 1);
	end_world(&world);
}

static void test_after_the_grace_what_is_left_is_cut_and_may_be_answered_still(void **state)
{
	struct world world;
	struct http_exchange *held;
	int fds[3];

	(void)state;
	make_world(&world, &http_default_limits);
	for (int i = 0; i < 3; i++)
		fds[i] = dial(&world);
	say(&world, fds[0], "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	say(&world, fds[1], "GET /half");
	say(&world, fds[2], "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
	turn(&world, 20);
	held = world.held[0];

	http_server_stop(world.server, 30, on_stopped, &world);
	run_until_stopped(&world);

	assert_true(is(http_exchange_request(held)->path, "/hold"));
	answer_text(held, 200, "", false);
	assert_int_equal(world.done, 1);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	end_world(&world);
}

static void test_two_servers_share_a_port(void **state)
{
	struct http_owner owner = {on_request, on_refusal, on_done, NULL};
	struct http_server *second;
	struct world world;
	struct err err;
	bool stopped = false;

	(void)state;
	make_world(&world, &http_default_limits);
	owner.owner = &world;

	assert_int_equal(
		http_server_start(&second, &world.loop, "127.0.0.1", http_server_port(world.server),
			&http_default_limits, &owner, &err),
		0);

	assert_int_equal(http_server_port(second), http_server_port(world.server));
	http_server_stop(second, 0, on_stopped, &world);
	run_until_stopped(&world);
	world.stopped = stopped;
	end_world(&world);
}

static void test_an_address_that_cannot_be_had_is_named(void **state)
{
	struct http_owner owner = {on_request, on_refusal, on_done, NULL};
	struct http_server *server;
	uv_loop_t loop;
	struct err err;

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);

	assert_int_equal(http_server_start(&server, &loop, "192.0.2.1", 0, &http_default_limits,
				 &owner, &err),
		TM_EIO);

	assert_non_null(strstr(err.text, "192.0.2.1"));
	assert_null(server);
	assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_answer_has_date_length_and_the_owners_headers),
		cmocka_unit_test(test_a_connection_serves_one_request_after_another),
		cmocka_unit_test(test_old_clients_are_closed_unless_they_ask_to_stay),
		cmocka_unit_test(test_nothing_is_acted_upon_after_a_close),
		cmocka_unit_test(test_head_gets_the_length_but_no_body),
		cmocka_unit_test(test_no_content_has_no_length),
		cmocka_unit_test(test_a_header_that_would_split_the_answer_never_leaves),
		cmocka_unit_test(test_absolute_targets_are_taken_and_their_host_wins),
		cmocka_unit_test(test_chunked_bodies_arrive_whole_without_trailers),
		cmocka_unit_test(test_an_upgrade_that_was_asked_for_is_ignored),
		cmocka_unit_test(test_what_the_grammar_forbids_is_refused_and_closed),
		cmocka_unit_test(test_small_limits_hold),
		cmocka_unit_test(test_a_large_body_that_is_refused_does_not_reset_the_client),
		cmocka_unit_test(test_a_body_of_the_full_length_passes),
		cmocka_unit_test(test_continue_is_said_only_when_the_body_will_be_read),
		cmocka_unit_test(test_a_pipelined_sequence_is_answered_alike_wherever_it_is_split),
		cmocka_unit_test(test_a_sequence_may_come_byte_by_byte),
		cmocka_unit_test(test_the_next_request_waits_for_the_previous_answer),
		cmocka_unit_test(test_many_pipelined_requests_are_all_answered_in_order),
		cmocka_unit_test(test_a_client_that_only_sends_is_not_read_without_bound),
		cmocka_unit_test(test_an_answer_that_the_socket_cannot_take_at_once_arrives_whole),
		cmocka_unit_test(test_a_client_that_does_not_read_is_cut_after_a_while),
		cmocka_unit_test(test_slow_heads_and_bodies_get_408_and_idle_connections_nothing),
		cmocka_unit_test(test_the_owner_may_take_longer_than_any_client),
		cmocka_unit_test(test_a_client_may_half_close_after_its_request),
		cmocka_unit_test(test_a_request_that_ends_half_way_is_never_acted_upon),
		cmocka_unit_test(test_an_exchange_survives_its_client),
		cmocka_unit_test(test_clients_may_go_away_at_any_byte),
		cmocka_unit_test(test_connections_above_the_limit_are_closed_at_once),
		cmocka_unit_test(test_a_stop_lets_requests_in_flight_finish),
		cmocka_unit_test(test_a_stop_does_not_wait_long_for_clients_that_never_hang_up),
		cmocka_unit_test(test_a_stop_waits_for_exchanges_whose_client_has_gone),
		cmocka_unit_test(
			test_after_the_grace_what_is_left_is_cut_and_may_be_answered_still),
		cmocka_unit_test(test_two_servers_share_a_port),
		cmocka_unit_test(test_an_address_that_cannot_be_had_is_named),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
