/* tests/bench/steady.c: asks at a steady rate, whether the server keeps up or not.
 *
 *   steady PORT RATE SECONDS CONNECTIONS <REQUESTS
 *
 * Each line of REQUESTS is the name of a group, a tab, and a request as JSON would write it (\r, \n
 * and \" and \\ escaped), without quotes; they are asked in turn. One is due every 1/RATE seconds;
 * when no connection is free, it waits for one, and its time runs from when it was due. Prints for
 * each group, in the order of the lines, one line of JSON: `name`, `answers`, `refused` (a status
 * other than 2xx), and `p50`, `p99`, `max` in milliseconds; then `{"late":…}`, how many were still
 * without an answer a second after the end. */
#include <http_parser.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <uv.h>

enum { GROUPS_MAX = 64, REQUESTS_MAX = 4096 };

struct group {
	char name[64];
	double *ms;
	size_t count, room, refused;
};

struct request {
	struct group *group;
	char *text;
	size_t len;
};

/* A request that is under way, or waits. */
struct asked {
	const struct request *request;
	uint64_t due;
};

struct connection {
	uv_tcp_t tcp;
	uv_connect_t connect;
	uv_write_t write;
	http_parser parser;
	struct asked asked;
	bool busy;
	char in[64 * 1024];
};

static struct group groups[GROUPS_MAX];
static unsigned group_count;
static struct request requests[REQUESTS_MAX];
static unsigned request_count;
static struct connection *connections;
static unsigned connection_count, connected;
static struct asked *waiting;
static size_t waiting_first, waiting_last, total, sent, answered;
static uint64_t began, interval;
static http_parser_settings settings;
static uv_poll_t clock_poll;
static uv_timer_t end_timer;
static int clock_fd;

static void die(const char *what, int rc)
{
	fprintf(stderr, "steady: %s: %s\n", what, rc < 0 ? uv_strerror(rc) : "cannot be");
	exit(1);
}

static void must(int rc, const char *what)
{
	if (rc < 0)
		die(what, rc);
}

/* Requests */

static size_t unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from != '\0'; from++) {
		char c = *from;

		if (c == '\\' && from[1] != '\0') {
			c = *++from;
			c = c == 'r' ? '\r' : c == 'n' ? '\n' : c == 't' ? '\t' : c;
		}
		*to++ = c;
	}
	return (size_t)(to - text);
}

static struct group *group_named(const char *name)
{
	for (unsigned i = 0; i < group_count; i++)
		if (strcmp(groups[i].name, name) == 0)
			return &groups[i];
	if (group_count == GROUPS_MAX)
		die("groups", 0);
	snprintf(groups[group_count].name, sizeof groups->name, "%s", name);
	return &groups[group_count++];
}

static void read_requests(void)
{
	char *line = NULL, *tab;
	size_t room = 0;
	ssize_t len;

	while ((len = getline(&line, &room, stdin)) > 0) {
		struct request *request = &requests[request_count++];

		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		tab = strchr(line, '\t');
		if (tab == NULL || request_count == REQUESTS_MAX)
			die("a line of the requests", 0);
		*tab = '\0';
		request->group = group_named(line);
		request->text = strdup(tab + 1);
		request->len = unescape(request->text);
	}
	free(line);
	if (request_count == 0)
		die("no requests", 0);
}

/* Connections */

static void on_written(uv_write_t *write, int status)
{
	(void)write;
	must(status, "write");
}

static void ask(struct connection *connection, struct asked asked)
{
	uv_buf_t buf = uv_buf_init(asked.request->text, (unsigned)asked.request->len);

	connection->busy = true;
	connection->asked = asked;
	must(uv_write(&connection->write, (uv_stream_t *)&connection->tcp, &buf, 1, on_written),
		"write");
}

static void note(struct group *group, double ms, bool refused)
{
	if (group->count == group->room) {
		group->room = group->room * 2 + 1024;
		group->ms = realloc(group->ms, group->room * sizeof *group->ms);
		if (group->ms == NULL)
			die("memory", UV_ENOMEM);
	}
	group->ms[group->count++] = ms;
	group->refused += refused;
}

static int on_answer(http_parser *parser)
{
	struct connection *connection = parser->data;
	bool refused = parser->status_code / 100 != 2;

	note(connection->asked.request->group, (double)(uv_hrtime() - connection->asked.due) / 1e6,
		refused);
	connection->busy = false;
	if (++answered == total)
		uv_stop(connection->tcp.loop);
	else if (waiting_first < waiting_last)
		ask(connection, waiting[waiting_first++]);
	return 0;
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
	struct connection *connection = handle->data;

	(void)size;
	*buf = uv_buf_init(connection->in, sizeof connection->in);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
	struct connection *connection = stream->data;

	must((int)len, "read");
	if (http_parser_execute(&connection->parser, &settings, buf->base, (size_t)len) !=
		(size_t)len)
		die("an answer", 0);
}

/* Asking */

static void ask_next(void)
{
	struct asked asked = {&requests[sent % request_count], began + sent * interval};

	sent++;
	for (unsigned i = 0; i < connection_count; i++)
		if (!connections[i].busy) {
			ask(&connections[i], asked);
			return;
		}
	waiting[waiting_last++] = asked;
}

static void on_end(uv_timer_t *timer)
{
	uv_stop(timer->loop);
}

static void on_due(uv_poll_t *poll, int status, int events)
{
	uint64_t count;

	(void)events;
	must(status, "clock");
	if (read(clock_fd, &count, sizeof count) != sizeof count)
		return;
	for (; count > 0 && sent < total; count--)
		ask_next();
	if (sent < total)
		return;
	uv_poll_stop(poll);
	uv_timer_start(&end_timer, on_end, 1000, 0);
}

static void start_clock(void)
{
	struct timespec every = {(time_t)(interval / 1000000000), (long)(interval % 1000000000)};
	struct itimerspec timer = {every, every};

	clock_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	began = uv_hrtime() + interval;
	if (clock_fd < 0 || timerfd_settime(clock_fd, 0, &timer, NULL) < 0)
		die("clock", 0);
	must(uv_poll_init(uv_default_loop(), &clock_poll, clock_fd), "clock");
	must(uv_poll_start(&clock_poll, UV_READABLE, on_due), "clock");
}

static void on_connected(uv_connect_t *connect, int status)
{
	must(status, "connect");
	must(uv_read_start(connect->handle, on_alloc, on_read), "read");
	if (++connected == connection_count)
		start_clock();
}

static void open_connections(int port)
{
	struct sockaddr_in address;

	must(uv_ip4_addr("127.0.0.1", port, &address), "address");
	connections = calloc(connection_count, sizeof *connections);
	waiting = calloc(total, sizeof *waiting);
	if (connections == NULL || waiting == NULL)
		die("memory", UV_ENOMEM);
	settings.on_message_complete = on_answer;
	for (unsigned i = 0; i < connection_count; i++) {
		struct connection *connection = &connections[i];

		must(uv_tcp_init(uv_default_loop(), &connection->tcp), "tcp");
		uv_tcp_nodelay(&connection->tcp, 1);
		connection->tcp.data = connection;
		http_parser_init(&connection->parser, HTTP_RESPONSE);
		connection->parser.data = connection;
		must(uv_tcp_connect(&connection->connect, &connection->tcp,
			     (const struct sockaddr *)&address, on_connected),
			"connect");
	}
}

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

static void print_group(struct group *group)
{
	size_t count = group->count;

	qsort(group->ms, count, sizeof *group->ms, compare);
	printf("{\"name\":\"%s\",\"answers\":%zu,\"refused\":%zu,\"p50\":%.3f,\"p99\":%.3f,"
	       "\"max\":%.3f}\n",
		group->name, count, group->refused, count ? group->ms[count / 2] : 0,
		count ? group->ms[count * 99 / 100] : 0, count ? group->ms[count - 1] : 0);
}

int main(int argc, char **argv)
{
	double rate, seconds;

	if (argc != 5 || (rate = atof(argv[2])) <= 0 || (seconds = atof(argv[3])) <= 0 ||
		(connection_count = (unsigned)atoi(argv[4])) == 0) {
		fprintf(stderr, "usage: steady PORT RATE SECONDS CONNECTIONS <REQUESTS\n");
		return 2;
	}
	interval = (uint64_t)(1e9 / rate);
	total = (size_t)(rate * seconds);
	read_requests();
	open_connections(atoi(argv[1]));
	uv_timer_init(uv_default_loop(), &end_timer);
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
	for (unsigned i = 0; i < group_count; i++)
		print_group(&groups[i]);
	printf("{\"late\":%zu}\n", total - answered);
	return 0;
}
