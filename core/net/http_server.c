/* Listening, stopping, and what all connections of a server share. */
#include "net/http_private.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

const struct http_limits http_default_limits = {.target = 8 * 1024,
	.head = 32 * 1024,
	.body = 4 * 1024 * 1024,
	.headers = 100,
	.head_ms = 10 * 1000,
	.body_ms = 30 * 1000,
	.idle_ms = 75 * 1000,
	.write_ms = 30 * 1000,
	.connections = 10000};

/* Neighbouring numbers become ids without likeness, and no two numbers the same one (splitmix64).
 */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

void http_server_id(struct http_server *server, char *id)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t number = mix(server->next_id++);

	for (int i = 0; i < 16; i++)
		id[i] = digits[number >> (60 - 4 * i) & 15];
	id[16] = '\0';
}

/* Names of days and months do not follow the locale here. */
const char *http_server_date(struct http_server *server)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int64_t second = clock_utc_ms() / 1000;
	time_t now = (time_t)second;
	struct tm parts;

	if (second == server->date_second)
		return server->date;
	gmtime_r(&now, &parts);
	snprintf(server->date, sizeof server->date, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
		days + 3 * parts.tm_wday, parts.tm_mday, months + 3 * parts.tm_mon,
		(parts.tm_year + 1900) % 10000, parts.tm_hour, parts.tm_min, parts.tm_sec);
	server->date_second = second;
	return server->date;
}

static void on_connection(uv_stream_t *listener, int rc)
{
	if (rc == 0)
		http_connection_accept(listener->data);
}

/* The first address of `host` that a socket can be bound to, alone or together with others; the
 * socket, or a negative error. */
static int bound_socket(const char *host, int port, bool shared, struct err *err)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *addresses = NULL;
	char service[16];
	int one = 1;
	int fd = -1;
	int rc;

	snprintf(service, sizeof service, "%d", port);
	rc = getaddrinfo(host, service, &hints, &addresses);
	if (rc != 0)
		return err_set(err, TM_EINVAL, "%s is no address to listen on: %s", host,
			gai_strerror(rc));
	for (struct addrinfo *at = addresses; at != NULL && fd < 0; at = at->ai_next) {
		fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (fd < 0)
			continue;
		if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
			(shared &&
				setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) < 0) ||
			bind(fd, at->ai_addr, at->ai_addrlen) < 0) {
			rc = errno;
			close(fd);
			fd = -1;
			errno = rc;
		}
	}
	rc = errno;
	freeaddrinfo(addresses);
	if (fd < 0)
		return err_set(err, rc == EADDRINUSE ? TM_EBUSY : TM_EIO,
			"cannot listen on %s:%d: %s", host, port, strerror(rc));
	return fd;
}

static int port_of(const uv_tcp_t *tcp)
{
	struct sockaddr_storage address = {0};
	int len = sizeof address;

	if (uv_tcp_getsockname(tcp, (struct sockaddr *)&address, &len) < 0)
		return 0;
	return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
						   : ((struct sockaddr_in *)&address)->sin_port);
}

/* Takes the socket. Accepted sockets inherit the listener's TCP_NODELAY. */
static int listen_on(struct http_server *server, int fd)
{
	int rc = uv_tcp_open(&server->listener, fd);

	if (rc < 0) {
		close(fd);
		return rc;
	}
	rc = uv_tcp_nodelay(&server->listener, 1);
	if (rc == 0)
		rc = uv_listen((uv_stream_t *)&server->listener, BACKLOG, on_connection);
	server->port = port_of(&server->listener);
	return rc;
}

/* The end of a stop, or of a start that failed. */
static void on_handle_closed(uv_handle_t *handle)
{
	struct http_server *server = handle->data;

	if (--server->open_handles > 0)
		return;
	if (server->stopped != NULL)
		server->stopped(server->stopped_data);
	buf_free(&server->out);
	buf_free(&server->packed);
	gzip_free(server->gzip);
	free(server);
}

static struct http_server *new_server(
	uv_loop_t *loop, const struct http_limits *limits, const struct http_owner *owner)
{
	struct http_server *server = calloc(1, sizeof *server);

	if (server == NULL)
		return NULL;
	if (getrandom(&server->next_id, sizeof server->next_id, 0) < 0 ||
		uv_async_init(loop, &server->wake, http_streams_pump) < 0) {
		free(server);
		return NULL;
	}
	server->loop = loop;
	server->limits = *limits;
	server->owner = *owner;
	LIST_INIT(&server->connections);
	LIST_INIT(&server->exchanges);
	LIST_INIT(&server->streams);
	uv_tcp_init(loop, &server->listener);
	uv_timer_init(loop, &server->grace);
	server->listener.data = server->grace.data = server->wake.data = server;
	server->open_handles = 3;
	return server;
}

int http_server_start(struct http_server **started, uv_loop_t *loop, const char *host, int port,
	const struct http_limits *limits, const struct http_owner *owner, struct err *err)
{
	struct http_server *server;
	int fd, rc;

	*started = NULL;
	if (limits->head > HTTP_PARSE_HEAD_MOST)
		return err_set(err, TM_EINVAL, "a head of more than %d bytes cannot be taken",
			HTTP_PARSE_HEAD_MOST);
	fd = bound_socket(host, port, true, err);
	if (fd < 0)
		return fd;
	server = new_server(loop, limits, owner);
	if (server == NULL) {
		close(fd);
		return err_set(err, TM_ENOMEM, "no memory for an HTTP server");
	}
	rc = listen_on(server, fd);
	if (rc < 0) {
		uv_close((uv_handle_t *)&server->listener, on_handle_closed);
		uv_close((uv_handle_t *)&server->grace, on_handle_closed);
		uv_close((uv_handle_t *)&server->wake, on_handle_closed);
		return err_set(err, rc == UV_EADDRINUSE ? TM_EBUSY : TM_EIO,
			"cannot listen on %s:%d: %s", host, port, uv_strerror(rc));
	}
	*started = server;
	return 0;
}

int http_port_check(const char *host, int port, struct err *err)
{
	int fd = bound_socket(host, port, false, err);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int http_server_port(const struct http_server *server)
{
	return server->port;
}

void http_server_settle(struct http_server *server)
{
	uv_handle_t *grace = (uv_handle_t *)&server->grace;

	if (server->stopping && server->connection_count == 0 && LIST_EMPTY(&server->exchanges) &&
		!uv_is_closing(grace)) {
		uv_close(grace, on_handle_closed);
		uv_close((uv_handle_t *)&server->wake, on_handle_closed);
	}
}

/* The grace is over: connections are cut, and what the owner has not answered is left to it alone.
 */
static void cut(uv_timer_t *grace)
{
	struct http_server *server = grace->data;
	struct http_connection *connection;
	struct http_exchange *exchange;

	LIST_FOREACH(connection, &server->connections, link)
	http_connection_close(connection);
	while ((exchange = LIST_FIRST(&server->exchanges)) != NULL) {
		LIST_REMOVE(exchange, link);
		exchange->server = NULL;
	}
	http_server_settle(server);
}

void http_server_stop(
	struct http_server *server, unsigned grace_ms, void (*stopped)(void *data), void *data)
{
	struct http_connection *connection;

	assert(!server->stopping);
	server->stopping = true;
	server->stopped = stopped;
	server->stopped_data = data;
	uv_close((uv_handle_t *)&server->listener, on_handle_closed);
	uv_timer_start(&server->grace, cut, grace_ms, 0);
	LIST_FOREACH(connection, &server->connections, link)
	http_connection_stop(connection);
	http_server_settle(server);
}
