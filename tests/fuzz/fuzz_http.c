/* A connection of the HTTP server: the bytes come over a real socket, cut into pieces.
 *
 * After a refusal nothing is acted on; what is acted on is sound; and the pieces make no
 * difference. The first byte seeds how the rest is cut. */
#include "fuzz.h"

#include "base/buf.h"
#include "net/http_server.h"
#include "text/hash.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct {
	uv_loop_t loop;
	struct http_server *server;
	struct buf said; /* what was asked and refused on this connection */
	bool refused;
	int open;
} world;

static bool is_token(struct http_text text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] <= ' ' || text.data[i] >= 127 ||
			strchr("(),/:;<=>?@[\\]{}\"", text.data[i]) != NULL ||
			(text.data[i] >= 'A' && text.data[i] <= 'Z'))
			return false;
	return text.len > 0;
}

static bool is_value(struct http_text text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.data[i] < ' ' && text.data[i] != '\t')
			return false;
	return text.len == 0 || (text.data[0] != ' ' && text.data[text.len - 1] != ' ');
}

static void check_request(const struct http_request *request)
{
	unsigned lengths = 0, codings = 0, hosts = 0;

	for (size_t i = 0; i < request->target.len; i++)
		must((unsigned char)request->target.data[i] > ' ' &&
			(unsigned char)request->target.data[i] < 127);
	for (unsigned i = 0; i < request->header_count; i++) {
		struct http_header header = request->headers[i];

		must(is_token(header.name) && is_value(header.value));
		hosts += header.name.len == 4 && memcmp(header.name.data, "host", 4) == 0;
		codings += header.name.len == 17 &&
			   memcmp(header.name.data, "transfer-encoding", 17) == 0;
		if (header.name.len == 14 && memcmp(header.name.data, "content-length", 14) == 0) {
			lengths++;
			must(strtoull(header.value.data, NULL, 10) == request->body.len);
		}
	}
	must(lengths + codings <= 1 && hosts <= 1);
	must(request->body.len == 0 || lengths + codings == 1);
}

static void on_request(void *owner, struct http_exchange *exchange)
{
	const struct http_request *request = http_exchange_request(exchange);

	(void)owner;
	must(!world.refused);
	check_request(request);
	buf_printf(&world.said, "%.*s %.*s %u %zu|", (int)request->method.len, request->method.data,
		(int)request->target.len, request->target.data, request->header_count,
		request->body.len);
	buf_append(&world.said, request->body.data, request->body.len);
	http_answer(exchange, &(struct http_answer){.status = 200, .body = {"well", 4}});
}

static size_t on_refusal(void *owner, int status, const char *reason,
	const struct http_request *request, char *body, size_t room)
{
	(void)owner;
	must(!world.refused && status >= 400 && strlen(request->id) == 16);
	world.refused = true;
	buf_printf(&world.said, "refused %d", status);
	return (size_t)snprintf(body, room, "%s", reason);
}

static void on_done(void *owner, const struct http_request *request, int status, size_t bytes,
	int64_t nanoseconds)
{
	(void)owner;
	(void)request;
	(void)bytes;
	must(status >= 200 && nanoseconds >= 0);
}

static void on_connections(void *owner, int change)
{
	(void)owner;
	world.open += change;
}

void fuzz_start(void)
{
	struct http_owner owner = {on_request, on_refusal, on_done, NULL, on_connections};
	struct http_limits limits = http_default_limits;
	struct err err;

	must(hash_start() == 0 && uv_loop_init(&world.loop) == 0);
	limits.target = 256;
	limits.head = 2048;
	limits.headers = 20;
	limits.body = 4096;
	must(http_server_start(&world.server, &world.loop, "127.0.0.1", 0, &limits, &owner, &err) ==
		0);
}

/* A connected socket, or -1 when the address has no port left. Each time from another address: a
 * port stays taken for a minute after some connections. */
static int try_to_dial(void)
{
	static uint32_t times;
	struct sockaddr_in from = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f010000 + ++times % 0x10000)};
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)http_server_port(world.server)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	must(fd >= 0);
	if (bind(fd, (struct sockaddr *)&from, sizeof from) == 0 &&
		connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
		return fd;
	if (errno != EADDRNOTAVAIL && errno != EADDRINUSE)
		perror("dial");
	close(fd);
	return -1;
}

static int dial(void)
{
	struct linger at_once = {1, 0};
	int fd = -1;

	for (int tries = 0; fd < 0 && tries < 100; tries++)
		fd = try_to_dial();
	must(fd >= 0);
	must(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
	return fd;
}

static void turn(void)
{
	uv_run(&world.loop, UV_RUN_NOWAIT);
}

/* Says the bytes in pieces of at most `most`, ends, and waits until the server has hung up too. */
static void converse(const uint8_t *data, size_t size, uint32_t seed, size_t most)
{
	char heard[4096];
	int fd = dial();
	ssize_t n = 0;

	world.refused = false;
	for (size_t at = 0; at < size;) {
		size_t piece = most == SIZE_MAX ? size : 1 + fuzz_next(&seed) % most;

		if (piece > size - at)
			piece = size - at;
		n = send(fd, data + at, piece, MSG_DONTWAIT | MSG_NOSIGNAL);
		turn();
		if (n < 0 && errno != EAGAIN)
			break; /* the server has hung up */
		at += n > 0 ? (size_t)n : 0;
		while (recv(fd, heard, sizeof heard, MSG_DONTWAIT) > 0)
			;
	}
	shutdown(fd, SHUT_WR);
	do {
		turn();
		n = recv(fd, heard, sizeof heard, MSG_DONTWAIT);
	} while (n > 0 || (n < 0 && errno == EAGAIN));
	close(fd);
	while (world.open > 0)
		turn();
}

void fuzz_one(const uint8_t *data, size_t size)
{
	struct buf whole;

	if (size < 1)
		return;
	world.said = BUF_EMPTY;
	converse(data + 1, size - 1, 0, SIZE_MAX);
	whole = world.said;
	world.said = BUF_EMPTY;
	converse(data + 1, size - 1, data[0], data[0] % 4 == 0 ? 1 : 1u << (data[0] % 8));
	must(whole.len == world.said.len &&
		(whole.len == 0 || memcmp(whole.data, world.said.data, whole.len) == 0));
	buf_free(&whole);
	buf_free(&world.said);
}
