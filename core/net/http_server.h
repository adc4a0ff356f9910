/* core/net/http_server.h: HTTP/1.1 on one loop (RFC 9110, RFC 9112).
 *
 * A server belongs to one thread and its loop; several threads each have one on the same port
 * (SO_REUSEPORT). A request whose head and body have arrived whole is handed to `on_request` as an
 * exchange. The owner answers it once, with http_answer or piece by piece with http_answer_stream,
 * on the same thread, at once or later; until then the request's memory does not move or change, so
 * another thread may read it meanwhile. The next request of a connection is parsed after the
 * previous answer was handed over. When the client has gone, the exchange still must be answered,
 * which quietly drops the answer.
 *
 * Before http-parser sees a byte of a head, http_head.c has checked the whole head by the grammar
 * of RFC 9112; what it forbids is refused with 400 and a close. Refusals made here are problem+json
 * documents (RFC 9457) made by `on_refusal`. The program must ignore SIGPIPE. */
#pragma once

#include "base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct http_server;
struct http_exchange;
struct http_clients;

struct http_text {
	const char *data;
	size_t len;
};

struct http_header {
	struct http_text name;  /* lower case */
	struct http_text value; /* without blanks around */
};

struct http_request {
	char id[17]; /* names the request in logs and problems: 16 hex digits, NUL */
	struct http_text method;
	struct http_text target; /* as sent, or the path and query of an absolute-form target */
	struct http_text path;   /* before "?"; still percent-encoded */
	struct http_text query;  /* after "?"; may be empty */
	struct http_text host;
	const struct http_header *headers;
	unsigned header_count;
	struct http_text body;
	char client[64];  /* the client's numeric address, without port: see http_clients.h */
	int64_t began_ns; /* clock_mono_ns when the first byte of the head came */
	unsigned mark;    /* the owner's: see http_exchange_set_mark */
};

/* The memory that bodies have, over all servers that share it: without a bound, clients that send
 * slowly from many connections take all there is. `held` says nothing about other data, so its
 * order is relaxed. */
struct http_bodies {
	atomic_size_t held;
	size_t most;
};

struct http_limits {
	size_t target, head, body; /* bytes: 8 KiB, 32 KiB, 4 MiB */
	unsigned headers;          /* 100 */
	/* For the whole of each: 10 s, 30 s, 75 s, 30 s. */
	unsigned head_ms, body_ms, idle_ms, write_ms;
	unsigned connections; /* of this server: 10,000; above it a connection is closed at once.
				 Fewer than there are descriptors: see descriptors.h */
	struct http_bodies *bodies;   /* outlives the exchanges; NULL is no bound */
	struct http_clients *clients; /* outlives the server; NULL: who asks is not looked at */
};
extern const struct http_limits http_default_limits;

struct http_answer_header {
	const char *name;
	struct http_text value;
};

/* Whether a header can be sent: one that would break the answer's framing, or that the server
 * itself writes, cannot. */
bool http_header_is_sound(const char *name, size_t name_len, struct http_text value);

struct http_answer {
	int status;
	const struct http_answer_header *headers; /* without Date, Content-Length, Connection */
	unsigned header_count;
	struct http_text body; /* copied by http_answer */
	bool close;            /* close the connection after it */
};

struct http_owner {
	/* A whole request. */
	void (*on_request)(void *owner, struct http_exchange *exchange);
	/* Fills `body` (at most 1 KiB) with the problem document of a refusal made by the server
	 * itself, and returns its length. `reason` is an English sentence; `request` is as in
	 * on_done. */
	size_t (*on_refusal)(void *owner, int status, const char *reason,
		const struct http_request *request, char *body, size_t room);
	/* After each answer has been written out or dropped: for the log and the metrics. Of a
	 * refused head, `request` has an id, the client and what was understood; the rest is empty.
	 */
	void (*on_done)(void *owner, const struct http_request *request, int status, size_t bytes,
		int64_t nanoseconds);
	void *owner;
	/* So many connections more, or less when negative. May be NULL. */
	void (*on_connections)(void *owner, int change);
};

/* Listens on `host`:`port` (port 0 picks one, http_server_port tells which), serves on `loop`. */
int http_server_start(struct http_server **server, uv_loop_t *loop, const char *host, int port,
	const struct http_limits *limits, const struct http_owner *owner, struct err *err);
int http_server_port(const struct http_server *server);

/* Whether nobody listens there yet: with SO_REUSEPORT another program of the same owner could share
 * the port unnoticed. To be asked before the first server of a program starts. */
int http_port_check(const char *host, int port, struct err *err);

/* Stops listening, closes idle connections, lets requests in flight finish (each answer then says
 * `Connection: close`), and calls `stopped` when the last connection is gone, after which the
 * server is freed. After `grace_ms` what is left is cut; an exchange that has no answer by then
 * outlives the server, and http_answer only frees it. */
void http_server_stop(
	struct http_server *server, unsigned grace_ms, void (*stopped)(void *data), void *data);

const struct http_request *http_exchange_request(const struct http_exchange *exchange);
/* A place for the owner's own pointer. */
void http_exchange_set_data(struct http_exchange *exchange, void *data);
void *http_exchange_data(const struct http_exchange *exchange);
/* A number of the owner's, in the request that on_done gets. */
void http_exchange_set_mark(struct http_exchange *exchange, unsigned mark);

/* Hands the answer over; the exchange and its request are gone afterwards. HEAD sends no body but
 * its length. */
void http_answer(struct http_exchange *exchange, const struct http_answer *answer);

/* A streamed answer: a bounded pipe from one thread, the producer, to an exchange.
 *
 *   producer                               thread of the server
 *   stream = http_stream_new(…)
 *   http_stream_send(stream, …)   ──────►  http_answer_stream(exchange, answer, stream)
 *   … HTTP_WAIT … go_on …                  writes what there is, tells the producer to go on
 *   http_stream_end(stream)                the last chunk
 *
 * The producer makes the stream on its own thread, which turns `loop` (it may be the server's), and
 * may send at once. It hands the pointer to the server's thread, which calls http_answer_stream or
 * http_stream_refuse, once. The producer's side ends with http_stream_end or http_stream_abort,
 * once; the two sides end in any order.
 *
 * JSON is packed for those who ask, like other answers. It goes out in chunks; a client of HTTP/1.0
 * gets it without, up to the close. */
struct http_stream;

enum http_flow {
	HTTP_FLOWS, /* go on */
	HTTP_WAIT,  /* taken, but now wait for go_on: the client reads slowly */
	HTTP_GONE   /* dropped: nobody reads (also: HEAD, no memory). End the stream. */
};

/* Producer. NULL without memory. `go_on` is called on `loop`, after HTTP_WAIT when there is room
 * again, and when the reader has gone; never after the end. */
struct http_stream *http_stream_new(uv_loop_t *loop, void (*go_on)(void *data), void *data);

/* Producer. Sends a copy of the bytes; without any, asks how it flows. */
enum http_flow http_stream_send(struct http_stream *stream, const void *bytes, size_t len);

/* Producer. All is said. */
void http_stream_end(struct http_stream *stream);

/* Producer. It cannot be said whole: the connection is cut without the last chunk, or reset for
 * HTTP/1.0, so that the client knows. What was not written yet is dropped. */
void http_stream_abort(struct http_stream *stream);

/* Server. Answers with `answer`, whose body is ignored, and then with what comes from `stream`.
 * The exchange is gone afterwards, but the producer may read the request until it ends. */
void http_answer_stream(struct http_exchange *exchange, const struct http_answer *answer,
	struct http_stream *stream);

/* Any thread, in place of http_answer_stream: nobody will read it. */
void http_stream_refuse(struct http_stream *stream);
