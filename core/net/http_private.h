/* core/net/http_private.h: what the files of the HTTP server share. Nobody else includes it.
 *
 * A server owns its connections; a connection owns the exchange that it reads or writes. While the
 * owner has an exchange (from on_request to its answer) it hangs in the server's list: it survives
 * its connection, and after a stop whose grace has run out, the server too. With http_answer_stream
 * the stream owns it, since the producer may still read the request. */
#pragma once

#include "base/buf.h"
#include "net/http_chunks.h"
#include "net/http_clients.h"
#include "net/http_coding.h"
#include "net/http_head.h"
#include "net/http_parse.h"
#include "net/http_server.h"
#include "text/gzip.h"

#include <sys/queue.h>
#include <uv.h>

enum {
	HTTP_CLIENT_TEXT = 46, /* INET6_ADDRSTRLEN */
	HTTP_READ_MOST = 64 * 1024
};

enum http_phase {
	HTTP_IDLE, /* no byte of the next request is there */
	HTTP_HEAD_COMES,
	HTTP_BODY_COMES,
	HTTP_OWNER,  /* the owner has the exchange */
	HTTP_WRITE,  /* the answer, or a part of it, is on its way */
	HTTP_STREAM, /* the next part of the answer is awaited */
	HTTP_LINGER, /* all is said: what the client still sends is dropped */
	HTTP_CLOSED  /* the handles are closing */
};

struct http_connection {
	uv_tcp_t tcp;
	uv_timer_t timer;
	struct http_server *server;
	LIST_ENTRY(http_connection) link;
	struct http_exchange *exchange; /* but for HTTP_IDLE, HTTP_HEAD_COMES */
	struct buf input;               /* what came and is not taken yet */
	struct http_head head;          /* of the request that is coming */
	int64_t began_ns;
	uint64_t deadline; /* in uv_now's time; UINT64_MAX is none */
	size_t lingered;
	enum http_phase phase;
	unsigned char open_handles;
	bool ended;   /* the client will send no more */
	bool closes;  /* after the answer that is being written */
	bool turning; /* connection_turn runs: answers come from inside it */
	bool yields;  /* goes on in the loop's next turn, so that others have theirs */
	bool reads;
	struct http_peer peer;
	char client[HTTP_CLIENT_TEXT];
};

struct http_exchange {
	struct http_request request;
	struct http_server *server;         /* NULL: it is gone */
	struct http_connection *connection; /* NULL: the client has gone */
	LIST_ENTRY(http_exchange) link;     /* while the owner has it */
	struct http_stream *stream;         /* from http_answer_stream on; it frees the exchange */
	void *data;
	struct buf body;
	struct http_bodies *bodies;
	size_t held; /* of `bodies` */
	struct http_chunks chunks;
	uint64_t left; /* of a body with a Content-Length */
	struct http_parse parse;
	unsigned parsed; /* headers */
	int retry_after; /* of a refusal: seconds, 0 is the usual */
	bool is_head, is_old, chunked, persists;
	bool complete;  /* says the parser */
	bool delivered; /* to the owner */
	unsigned header_room;
	struct http_header headers[]; /* then the head's bytes */
};

struct http_server {
	uv_tcp_t listener;
	uv_timer_t grace;
	uv_async_t wake; /* streams have news */
	uv_loop_t *loop;
	struct http_limits limits;
	struct http_owner owner;
	LIST_HEAD(, http_connection) connections;
	LIST_HEAD(, http_exchange) exchanges; /* those that the owner has */
	LIST_HEAD(, http_stream) streams;     /* those that are being written */
	unsigned connection_count;
	unsigned open_handles;
	int port;
	bool stopping;
	bool accept_waits; /* for memory: libuv listens again only after an accept */
	void (*stopped)(void *data);
	void *stopped_data;
	uint64_t next_id;
	int64_t date_second;
	char date[32];
	struct buf out;    /* an answer's head while it is made */
	struct gzip *gzip; /* from the first answer on that is packed */
	struct buf packed; /* such an answer's body */
	char in[HTTP_READ_MOST];
};

/* http_server.c */
void http_server_id(struct http_server *server, char *id);
const char *http_server_date(struct http_server *server);
/* Ends a stop when nothing is left. */
void http_server_settle(struct http_server *server);

/* http_connection.c */
void http_connection_accept(struct http_server *server);
void http_connection_close(struct http_connection *connection);
/* The server stops: an idle connection is closed, a lingering one may linger less. */
void http_connection_stop(struct http_connection *connection);
void http_connection_enter(struct http_connection *connection, enum http_phase phase);
/* The answer has been written: on to the next request, or to the end. */
void http_connection_next(struct http_connection *connection);
/* Settles whether to read, after anything that changed it. */
void http_connection_flow(struct http_connection *connection);

/* http_exchange.c */
/* Makes an exchange of the head that was checked at `bytes`, or of as much as is known of a refused
 * one; NULL without memory. */
struct http_exchange *http_exchange_new(struct http_connection *connection, const char *bytes);
/* Shows the whole head to the parser; false when it refuses what the check let through. */
bool http_exchange_parse(struct http_exchange *exchange);
/* Takes bytes of the body. `*used` belonged to it. */
enum http_check http_exchange_read(struct http_exchange *exchange, const char *bytes, size_t len,
	size_t *used, struct http_refusal *refusal);
bool http_exchange_has_body(const struct http_exchange *exchange);
void http_exchange_free(struct http_exchange *exchange);

/* http_answer.c */
/* A refusal as the owner words it. */
struct http_problem {
	struct http_answer answer;
	struct http_answer_header headers[4];
	char seconds[12];
	char body[1024];
};
extern const struct http_refusal http_unsound; /* in place of an answer that is not sound */
const struct http_answer *http_problem_make(struct http_problem *problem,
	struct http_exchange *exchange, struct http_refusal refusal, bool close);

enum http_framing { HTTP_BY_LENGTH, HTTP_BY_CHUNKS, HTTP_BY_CLOSE };

/* Takes the exchange back from the owner, who answers with `status`; false when there is nobody to
 * write to. */
bool http_answer_take(struct http_exchange *exchange, int status);
bool http_answer_is_sound(const struct http_exchange *exchange, const struct http_answer *answer);
bool http_answer_has_body(int status);
/* Settles whether the connection closes after the answer. Before its head is made. */
void http_answer_settle(struct http_exchange *exchange, bool close);
void http_answer_head(struct buf *out, const struct http_exchange *exchange,
	const struct http_answer *answer, enum http_framing framing);
/* Writes `answer` and ends the exchange. */
void http_answer_send(struct http_exchange *exchange, const struct http_answer *answer);
/* Answers with a problem document and closes. */
void http_answer_refuse(struct http_exchange *exchange, struct http_refusal refusal);
/* Tells the owner of the end of an exchange that had an answer, and frees it unless a stream has
 * it. */
void http_answer_done(struct http_exchange *exchange, int status, size_t bytes);

/* http_coding.c */
/* The answer in the form in which it is to be sent: as it is, or made in `coded`. Its body holds
 * until the next. */
const struct http_answer *http_coding_choose(const struct http_exchange *exchange,
	const struct http_answer *answer, struct http_coded *coded);

/* The same for an answer that is streamed; `*gzip` is to pack the pieces, or NULL. */
const struct http_answer *http_coding_begin(const struct http_exchange *exchange,
	const struct http_answer *answer, struct http_coded *coded, struct gzip **gzip);

/* http_stream.c */
/* The connection has closed while nothing was being written. */
void http_stream_leave(struct http_stream *stream);
void http_streams_pump(uv_async_t *wake);
