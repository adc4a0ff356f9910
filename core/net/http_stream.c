/* Streamed answers: the pipe between a producer's thread and the connection that it feeds.
 *
 * The producer appends to `waiting` and wakes the server's loop; that one takes `waiting` as a
 * whole, frames it as one chunk and writes it. There is never more than one write under way, so a
 * stream holds at most what is being written and what waits, each about as long as WAITING_MOST. */
#include "net/http_private.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	WAITING_MOST = 64 * 1024, /* from here on the producer is told to wait */
	SIZE_ROOM = 18            /* 16 hex digits, CR, LF: kept free in front of what waits */
};

struct http_stream {
	uv_mutex_t lock;
	/* Under the lock: */
	struct buf waiting;         /* SIZE_ROOM bytes, then the producer's; or empty */
	struct http_server *server; /* whom to wake, while the stream is among its streams */
	unsigned sides;             /* producer and reader, as far as they have not ended */
	bool full;                  /* the producer waits for go_on */
	bool open;                  /* the producer has not ended: `room` may be rung */
	bool ended, aborted;        /* by the producer */
	bool gone;                  /* nobody reads */

	/* Set after the producer's changes: a wake looks only at such streams. */
	atomic_bool news;

	/* The producer's: */
	uv_async_t room;
	void (*go_on)(void *data);
	void *data;

	/* The reader's: */
	LIST_ENTRY(http_stream) link;
	struct http_exchange *exchange;
	enum http_framing framing;
	int status;
	struct gzip *gzip; /* NULL: the bytes go as they come */
	struct buf out;    /* what is being written */
	size_t at, total;  /* of `out`; of the answer */
	bool last, cut;    /* what comes after `out` */
	uv_write_t write;
};

static void drop(struct http_stream *stream)
{
	bool used;

	uv_mutex_lock(&stream->lock);
	used = --stream->sides > 0;
	uv_mutex_unlock(&stream->lock);
	if (used)
		return;
	uv_mutex_destroy(&stream->lock);
	buf_free(&stream->waiting);
	buf_free(&stream->out);
	gzip_free(stream->gzip);
	if (stream->exchange != NULL)
		http_exchange_free(stream->exchange);
	free(stream);
}

/* The producer's side. */

static void on_room(uv_async_t *room)
{
	struct http_stream *stream = room->data;

	stream->go_on(stream->data);
}

static void on_room_closed(uv_handle_t *room)
{
	drop(room->data);
}

struct http_stream *http_stream_new(uv_loop_t *loop, void (*go_on)(void *data), void *data)
{
	struct http_stream *stream = calloc(1, sizeof *stream);

	if (stream == NULL || uv_mutex_init(&stream->lock) != 0) {
		free(stream);
		return NULL;
	}
	if (uv_async_init(loop, &stream->room, on_room) != 0) {
		uv_mutex_destroy(&stream->lock);
		free(stream);
		return NULL;
	}
	stream->room.data = stream;
	stream->go_on = go_on;
	stream->data = data;
	stream->sides = 2;
	stream->open = true;
	return stream;
}

/* Under the lock. */
static void tell_server(struct http_stream *stream)
{
	atomic_store(&stream->news, true);
	if (stream->server != NULL)
		uv_async_send(&stream->server->wake);
}

static void append_room(struct buf *to)
{
	static const char room[SIZE_ROOM];

	buf_append(to, room, sizeof room);
}

static void append(struct http_stream *stream, const void *bytes, size_t len)
{
	if (stream->waiting.len == 0)
		append_room(&stream->waiting);
	buf_append(&stream->waiting, bytes, len);
	if (stream->waiting.failed) {
		buf_free(&stream->waiting);
		stream->aborted = stream->gone = true;
	}
}

enum http_flow http_stream_send(struct http_stream *stream, const void *bytes, size_t len)
{
	enum http_flow flow;

	uv_mutex_lock(&stream->lock);
	if (len > 0 && !stream->gone) {
		append(stream, bytes, len);
		tell_server(stream);
	}
	stream->full = stream->waiting.len >= WAITING_MOST;
	flow = stream->gone ? HTTP_GONE : stream->full ? HTTP_WAIT : HTTP_FLOWS;
	uv_mutex_unlock(&stream->lock);
	return flow;
}

static void end(struct http_stream *stream, bool aborted)
{
	uv_mutex_lock(&stream->lock);
	stream->open = false;
	stream->ended = true;
	stream->aborted |= aborted;
	tell_server(stream);
	uv_mutex_unlock(&stream->lock);
	uv_close((uv_handle_t *)&stream->room, on_room_closed);
}

void http_stream_end(struct http_stream *stream)
{
	end(stream, false);
}

void http_stream_abort(struct http_stream *stream)
{
	end(stream, true);
}

/* The reader's side. */

static void leave(struct http_stream *stream)
{
	uv_mutex_lock(&stream->lock);
	stream->server = NULL;
	stream->gone = true;
	buf_free(&stream->waiting);
	if (stream->open)
		uv_async_send(&stream->room);
	uv_mutex_unlock(&stream->lock);
	drop(stream);
}

void http_stream_refuse(struct http_stream *stream)
{
	leave(stream);
}

/* The end of the exchange, but not of its memory. */
static void finish(struct http_stream *stream)
{
	LIST_REMOVE(stream, link);
	http_answer_done(stream->exchange, stream->status, stream->total);
	leave(stream);
}

void http_stream_leave(struct http_stream *stream)
{
	finish(stream);
}

/* Only a reset tells a client of HTTP/1.0 that this is not the end. */
static void cut(struct http_stream *stream)
{
	struct http_connection *connection = stream->exchange->connection;
	struct linger hard = {.l_onoff = 1};
	uv_os_fd_t fd;

	if (stream->framing == HTTP_BY_CLOSE &&
		uv_fileno((uv_handle_t *)&connection->tcp, &fd) == 0)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
	connection->exchange = NULL;
	http_connection_close(connection);
	finish(stream);
}

/* Puts the chunk's size into the room before it; returns where the chunk begins. */
static size_t frame(struct buf *chunk)
{
	char size[SIZE_ROOM + 1];
	int len = snprintf(size, sizeof size, "%zx\r\n", chunk->len - SIZE_ROOM);

	memcpy(chunk->data + SIZE_ROOM - len, size, (size_t)len);
	buf_append(chunk, "\r\n", 2);
	return SIZE_ROOM - (size_t)len;
}

/* Packs what came, and at the end what unpacking needs then. */
static struct buf pack(struct http_stream *stream, struct buf chunk)
{
	size_t len = chunk.len > 0 ? chunk.len - SIZE_ROOM : 0;
	struct buf packed = BUF_EMPTY;

	if (len == 0 && !stream->last)
		return chunk;
	append_room(&packed);
	if (!gzip_piece(stream->gzip, len > 0 ? chunk.data + SIZE_ROOM : "", len, stream->last,
		    &packed))
		packed.failed = true;
	buf_free(&chunk);
	return packed;
}

/* Puts a chunk behind what `out` holds. */
static void put(struct http_stream *stream, struct buf chunk)
{
	size_t begin =
		stream->framing == HTTP_BY_CHUNKS && !chunk.failed ? frame(&chunk) : SIZE_ROOM;

	if (chunk.failed) {
		stream->cut = true;
		buf_free(&chunk);
	} else if (stream->out.len > 0) {
		buf_append(&stream->out, chunk.data + begin, chunk.len - begin);
		buf_free(&chunk);
	} else {
		stream->out = chunk;
		stream->at = begin;
	}
}

/* Takes over what the producer has said meanwhile. */
static void fetch(struct http_stream *stream)
{
	struct buf chunk;

	uv_mutex_lock(&stream->lock);
	chunk = stream->waiting;
	stream->waiting = BUF_EMPTY;
	stream->last = stream->ended;
	stream->cut = stream->aborted;
	if (stream->full && stream->open)
		uv_async_send(&stream->room);
	stream->full = false;
	uv_mutex_unlock(&stream->lock);

	if (stream->gzip != NULL)
		chunk = pack(stream, chunk);
	if (chunk.failed || chunk.len > SIZE_ROOM)
		put(stream, chunk);
	else
		buf_free(&chunk);
	if (stream->last && stream->framing == HTTP_BY_CHUNKS)
		buf_append(&stream->out, "0\r\n\r\n", 5);
	stream->cut |= stream->out.failed;
}

static void written(struct http_stream *stream);

static void on_written(uv_write_t *write, int rc)
{
	struct http_stream *stream = write->data;
	struct http_connection *connection = stream->exchange->connection;

	if (rc == 0 && connection->phase != HTTP_CLOSED) {
		stream->total += stream->out.len - stream->at;
		written(stream);
	} else {
		connection->exchange = NULL;
		http_connection_close(connection);
		finish(stream);
	}
}

/* Writes `out`; what the socket does not take at once waits under the deadline of a write. */
static void write_out(struct http_stream *stream)
{
	struct http_connection *connection = stream->exchange->connection;
	uv_stream_t *tcp = (uv_stream_t *)&connection->tcp;
	uv_buf_t run = {stream->out.data + stream->at, stream->out.len - stream->at};
	int taken = uv_try_write(tcp, &run, 1);

	if (taken == UV_EAGAIN)
		taken = 0;
	if (taken >= 0) {
		stream->at += (size_t)taken;
		stream->total += (size_t)taken;
	}
	if (stream->at == stream->out.len) {
		written(stream);
		return;
	}
	run = (uv_buf_t){stream->out.data + stream->at, stream->out.len - stream->at};
	stream->write.data = stream;
	if (taken < 0 || uv_write(&stream->write, tcp, &run, 1, on_written) != 0) {
		cut(stream);
		return;
	}
	http_connection_enter(connection, HTTP_WRITE);
	http_connection_flow(connection);
}

/* Goes on with what the producer has said, unless a write is under way. */
static void pump(struct http_stream *stream)
{
	if (stream->exchange->connection->phase == HTTP_WRITE)
		return;
	fetch(stream);
	if (stream->cut)
		cut(stream);
	else if (stream->out.len > stream->at || stream->last)
		write_out(stream);
}

static void written(struct http_stream *stream)
{
	struct http_connection *connection = stream->exchange->connection;

	buf_free(&stream->out);
	stream->at = 0;
	if (stream->last) {
		connection->exchange = NULL;
		finish(stream);
		http_connection_next(connection);
		return;
	}
	if (connection->phase != HTTP_STREAM) {
		http_connection_enter(connection, HTTP_STREAM);
		http_connection_flow(connection);
	}
	if (atomic_load(&stream->news))
		uv_async_send(&connection->server->wake);
}

/* A stream that is pumped may end, but takes no other with it. */
void http_streams_pump(uv_async_t *wake)
{
	struct http_server *server = wake->data;
	struct http_stream *stream = LIST_FIRST(&server->streams), *next;

	for (; stream != NULL; stream = next) {
		next = LIST_NEXT(stream, link);
		if (stream->exchange->connection->phase == HTTP_STREAM &&
			atomic_exchange(&stream->news, false))
			pump(stream);
	}
}

/* Makes the head. From now on the producer wakes the server. */
static void begin(
	struct http_stream *stream, const struct http_answer *answer, enum http_framing framing)
{
	struct http_exchange *exchange = stream->exchange;

	stream->status = answer->status;
	stream->framing = framing;
	http_answer_settle(exchange, answer->close || framing == HTTP_BY_CLOSE);
	http_answer_head(&stream->out, exchange, answer, framing);
	LIST_INSERT_HEAD(&exchange->server->streams, stream, link);
	uv_mutex_lock(&stream->lock);
	stream->server = exchange->server;
	uv_mutex_unlock(&stream->lock);
}

void http_answer_stream(struct http_exchange *exchange, const struct http_answer *answer,
	struct http_stream *stream)
{
	bool bodiless = exchange->is_head || !http_answer_has_body(answer->status);
	struct http_problem problem;
	struct http_coded coded;

	stream->exchange = exchange;
	exchange->stream = stream;
	if (!http_answer_take(exchange, answer->status)) {
		leave(stream);
		return;
	}
	if (http_answer_is_sound(exchange, answer)) {
		answer = http_coding_begin(exchange, answer, &coded, &stream->gzip);
		begin(stream, answer, exchange->is_old ? HTTP_BY_CLOSE : HTTP_BY_CHUNKS);
		if (bodiless)
			stream->last = true;
		else
			fetch(stream);
	} else {
		answer = http_problem_make(&problem, exchange, http_unsound, answer->close);
		begin(stream, answer, HTTP_BY_LENGTH);
		if (!bodiless)
			buf_append(&stream->out, answer->body.data, answer->body.len);
		stream->last = true;
	}
	if (stream->cut || stream->out.failed)
		cut(stream);
	else
		write_out(stream);
}
