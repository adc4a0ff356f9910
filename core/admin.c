#include "admin.h"

#include "base/buf.h"
#include "base/log.h"
#include "text/json_in.h"
#include "text/json_out.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { MAX_LINE = 1 << 20 };

struct admin {
	uv_pipe_t listener;
	struct server *server;
	struct client *clients;
};

/* One connection: reads its line, runs the command, writes what comes. It lives until both its
 * command is over and its handle is closed. */
struct client {
	uv_pipe_t pipe;
	struct admin *admin;
	struct client *next;
	struct buf line;
	bool running, closing, closed;
};

static void client_free(struct client *client)
{
	struct client **at;

	if (client->running || !client->closed)
		return;
	for (at = &client->admin->clients; *at != client; at = &(*at)->next)
		;
	*at = client->next;
	buf_free(&client->line);
	free(client);
}

static void client_closed(uv_handle_t *handle)
{
	struct client *client = handle->data;

	client->closed = true;
	client_free(client);
}

static void client_close(struct client *client)
{
	if (client->closing)
		return;
	client->closing = true;
	uv_close((uv_handle_t *)&client->pipe, client_closed);
}

struct sending {
	uv_write_t request;
	char *bytes;
	bool last;
};

static void sent(uv_write_t *request, int status)
{
	struct sending *sending = (struct sending *)request;
	struct client *client = request->handle->data;

	if (sending->last || status != 0)
		client_close(client);
	free(sending->bytes);
	free(sending);
}

static void send_line(
	struct client *client, const char *key, const char *text, size_t len, bool last)
{
	struct sending *sending = calloc(1, sizeof *sending);
	struct buf line = BUF_EMPTY;
	size_t size = 0;
	uv_buf_t bytes;

	if (client->closing || sending == NULL) {
		free(sending);
		return;
	}
	buf_printf(&line, "{\"%s\":", key);
	if (json_out_string(&line, text, len) != 0) {
		buf_clear(&line);
		buf_printf(&line, "{\"%s\":\"(not UTF-8)\"", key);
	}
	buf_puts(&line, "}\n");
	sending->bytes = buf_take(&line, &size);
	sending->last = last;
	bytes = uv_buf_init(sending->bytes, (unsigned)size);
	if (sending->bytes == NULL ||
		uv_write(&sending->request, (uv_stream_t *)&client->pipe, &bytes, 1, sent) != 0) {
		free(sending->bytes);
		free(sending);
		client_close(client);
	}
}

static void on_text(void *data, const char *text, size_t len)
{
	send_line(data, "text", text, len, false);
}

static void command_over(void *data, const struct task_result *result)
{
	struct client *client = data;

	client->running = false;
	send_line(client, result->rc == 0 ? "result" : "error",
		result->text.data != NULL ? result->text.data : "", result->text.len, true);
	client_free(client);
}

static void run_line(struct client *client)
{
	struct json_fault fault;
	json_t *order = json_in_parse(client->line.data, client->line.len, &fault);
	const char *command = json_string_value(json_object_get(order, "command"));
	char *arguments = json_dumps(json_object_get(order, "arguments"), JSON_COMPACT);

	if (command == NULL || arguments == NULL) {
		send_line(client, "error", "a line {\"command\":…,\"arguments\":{…}} is needed",
			strlen("a line {\"command\":…,\"arguments\":{…}} is needed"), true);
	} else {
		client->running = true;
		server_command(client->admin->server,
			json_string_value(json_object_get(order, "tenant")), command, arguments,
			strlen(arguments), on_text, command_over, client);
	}
	free(arguments);
	json_decref(order);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *to)
{
	struct client *client = handle->data;

	(void)suggested;
	to->base = buf_reserve(&client->line, 4096);
	to->len = to->base != NULL ? 4096 : 0;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *from)
{
	struct client *client = stream->data;
	char *end;

	(void)from;
	if (n < 0) {
		client_close(client);
		return;
	}
	client->line.len += (size_t)n;
	end = memchr(client->line.data, '\n', client->line.len);
	if (end == NULL) {
		if (client->line.len > MAX_LINE)
			client_close(client);
		return;
	}
	uv_read_stop(stream);
	client->line.len = (size_t)(end - client->line.data);
	run_line(client);
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct admin *admin = listener->data;
	struct client *client = status == 0 ? calloc(1, sizeof *client) : NULL;

	if (client == NULL)
		return;
	client->admin = admin;
	client->next = admin->clients;
	admin->clients = client;
	uv_pipe_init(listener->loop, &client->pipe, 0);
	client->pipe.data = client;
	if (uv_accept(listener, (uv_stream_t *)&client->pipe) != 0 ||
		uv_read_start((uv_stream_t *)&client->pipe, on_alloc, on_read) != 0)
		client_close(client);
}

int admin_start(struct admin **made, uv_loop_t *loop, const char *path, struct server *server,
	struct err *err)
{
	struct admin *admin = calloc(1, sizeof *admin);
	mode_t mask;
	int rc;

	if (admin == NULL)
		return err_set(err, TM_ENOMEM, "no memory");
	admin->server = server;
	unlink(path); /* a socket left by a server that was killed; the lock says that none runs */
	uv_pipe_init(loop, &admin->listener, 0);
	admin->listener.data = admin;
	mask = umask(0177);
	rc = uv_pipe_bind(&admin->listener, path);
	umask(mask);
	if (rc == 0)
		rc = uv_listen((uv_stream_t *)&admin->listener, 16, on_connection);
	*made = admin;
	return rc == 0 ? 0 : err_set(err, TM_EIO, "%s: %s", path, uv_strerror(rc));
}

static void listener_closed(uv_handle_t *handle)
{
	(void)handle;
}

void admin_stop(struct admin *admin)
{
	if (admin == NULL || uv_is_closing((uv_handle_t *)&admin->listener))
		return;
	uv_close((uv_handle_t *)&admin->listener, listener_closed);
	for (struct client *client = admin->clients, *next; client != NULL; client = next) {
		next = client->next;
		if (!client->running)
			client_close(client);
	}
}

/* The client's end */

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof address.sun_path) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	strcpy(address.sun_path, path);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int send_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n <= 0)
			return TM_EIO;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Takes one line of the answer. Returns 1 when more will follow. */
static int take_line(const char *line, size_t len, void (*on_text_)(void *, const char *, size_t),
	void *data, char **result, struct err *err)
{
	struct json_fault fault;
	json_t *answer = json_in_parse(line, len, &fault);
	const char *text = json_string_value(json_object_get(answer, "text"));
	const char *done = json_string_value(json_object_get(answer, "result"));
	const char *error = json_string_value(json_object_get(answer, "error"));
	int rc = 1;

	if (text != NULL) {
		on_text_(data, text, strlen(text));
	} else if (done != NULL) {
		*result = strdup(done);
		rc = *result != NULL ? 0 : err_set(err, TM_ENOMEM, "no memory");
	} else {
		rc = err_set(err, TM_ESCRIPT, "%s",
			error != NULL ? error : "the server's answer cannot be read");
	}
	json_decref(answer);
	return rc;
}

int admin_call(const char *path, const char *tenant, const char *command, const char *arguments,
	void (*on_text_)(void *data, const char *text, size_t len), void *data, char **result,
	struct err *err)
{
	struct buf bytes = BUF_EMPTY;
	int fd = connect_to(path), rc = 1;

	if (fd < 0)
		return TM_ENOENT;
	buf_printf(&bytes, "{\"command\":\"%s\",\"arguments\":%s", command, arguments);
	if (tenant != NULL) /* small letters, digits, _ and - */
		buf_printf(&bytes, ",\"tenant\":\"%s\"", tenant);
	buf_puts(&bytes, "}\n");
	if (bytes.failed || send_all(fd, bytes.data, bytes.len) != 0)
		rc = err_set(err, TM_EIO, "the server went away");
	buf_clear(&bytes);
	while (rc == 1) {
		char *end = bytes.len > 0 ? memchr(bytes.data, '\n', bytes.len) : NULL;
		char *to;
		ssize_t n;

		if (end != NULL) {
			rc = take_line(bytes.data, (size_t)(end - bytes.data), on_text_, data,
				result, err);
			buf_consume(&bytes, (size_t)(end - bytes.data) + 1);
			continue;
		}
		to = buf_reserve(&bytes, 65536);
		n = to != NULL ? recv(fd, to, 65536, 0) : -1;
		if (n <= 0)
			rc = err_set(err, TM_EIO, "the server went away before it had answered");
		else
			bytes.len += (size_t)n;
	}
	buf_free(&bytes);
	close(fd);
	return rc;
}
