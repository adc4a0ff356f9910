/* tests/bench/reference_get.c: the least that an HTTP server on libuv and http-parser can do.
 *
 *   reference_get PORT THREADS FILE
 *
 * Each thread has a loop and a listener of its own (SO_REUSEPORT), parses each request whole, and
 * answers it with the bytes of FILE (a whole answer, head included). No session, no rights, no
 * store: what `make bench` holds the server's reads against. It runs until it is killed. */
#include <http_parser.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

struct client {
	uv_tcp_t tcp;
	uv_write_t write;
	bool writing;
	unsigned owed; /* answers that wait for the one being written */
	http_parser parser;
	char in[16 * 1024];
};

static uv_buf_t answer;
static int port;
static http_parser_settings settings;

static void must(int rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "reference_get: %s: %s\n", what, uv_strerror(rc));
	exit(1);
}

static void on_close(uv_handle_t *handle)
{
	free(handle->data);
}

static void drop(struct client *client)
{
	if (!uv_is_closing((uv_handle_t *)&client->tcp))
		uv_close((uv_handle_t *)&client->tcp, on_close);
}

static void on_written(uv_write_t *write, int status);

static void send_answer(struct client *client)
{
	client->writing = true;
	client->owed--;
	if (uv_write(&client->write, (uv_stream_t *)&client->tcp, &answer, 1, on_written) < 0)
		drop(client);
}

static void on_written(uv_write_t *write, int status)
{
	struct client *client = write->data;

	client->writing = false;
	if (status < 0)
		drop(client);
	else if (client->owed > 0)
		send_answer(client);
}

static int on_message(http_parser *parser)
{
	struct client *client = parser->data;

	client->owed++;
	if (!client->writing)
		send_answer(client);
	return 0;
}

static void give_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct client *client = handle->data;

	(void)suggested;
	*buf = uv_buf_init(client->in, sizeof client->in);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
	struct client *client = stream->data;

	if (count < 0 || (count > 0 && http_parser_execute(&client->parser, &settings, buf->base,
					       (size_t)count) != (size_t)count))
		drop(client);
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct client *client;

	must(status, "accept");
	client = calloc(1, sizeof *client);
	if (client == NULL)
		abort();
	client->tcp.data = client->write.data = client->parser.data = client;
	must(uv_tcp_init(listener->loop, &client->tcp), "uv_tcp_init");
	must(uv_accept(listener, (uv_stream_t *)&client->tcp), "uv_accept");
	must(uv_tcp_nodelay(&client->tcp, 1), "uv_tcp_nodelay");
	http_parser_init(&client->parser, HTTP_REQUEST);
	must(uv_read_start((uv_stream_t *)&client->tcp, give_room, on_read), "uv_read_start");
}

static void serve(void *nothing)
{
	struct sockaddr_in address;
	uv_loop_t loop;
	uv_tcp_t listener;
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)nothing;
	must(uv_loop_init(&loop), "uv_loop_init");
	must(uv_tcp_init(&loop, &listener), "uv_tcp_init");
	must(uv_ip4_addr("127.0.0.1", port, &address), "uv_ip4_addr");
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0) {
		perror("reference_get: SO_REUSEPORT");
		exit(1);
	}
	must(uv_tcp_open(&listener, fd), "uv_tcp_open");
	must(uv_tcp_bind(&listener, (const struct sockaddr *)&address, 0), "uv_tcp_bind");
	must(uv_listen((uv_stream_t *)&listener, 512, on_connection), "uv_listen");
	uv_run(&loop, UV_RUN_DEFAULT);
}

static void read_answer(const char *path)
{
	FILE *file = fopen(path, "rb");
	static char bytes[1 << 20];

	if (file == NULL) {
		perror(path);
		exit(1);
	}
	answer = uv_buf_init(bytes, (unsigned)fread(bytes, 1, sizeof bytes, file));
	fclose(file);
}

int main(int argc, char **argv)
{
	int threads = argc == 4 ? atoi(argv[2]) : 0;
	uv_thread_t thread;

	if (threads < 1) {
		fprintf(stderr, "usage: reference_get PORT THREADS FILE\n");
		return 2;
	}
	port = atoi(argv[1]);
	read_answer(argv[3]);
	http_parser_settings_init(&settings);
	settings.on_message_complete = on_message;

	for (int i = 1; i < threads; i++)
		must(uv_thread_create(&thread, serve, NULL), "uv_thread_create");
	serve(NULL);
	return 1;
}
