/* core/net/http_clients.h: who a client is, and how much one may ask.
 *
 * A client is counted by its network: an IPv4 address, or the first half of an IPv6 address. Behind
 * a proxy that is trusted it is the last address of X-Forwarded-For that is no such proxy itself;
 * what anybody else says there counts for nothing. The proxies are never limited.
 *
 * One object serves all servers of a program, on any thread, and outlives them. Its memory is
 * bounded: of more networks than it has room for, some are not counted. */
#pragma once

#include "base/err.h"
#include "net/http_server.h"

#include <stdbool.h>

struct http_clients;

struct http_clients_rules {
	const char *const *trusted; /* addresses and networks ("10.0.0.0/8"), then NULL; or NULL */
	unsigned connections;       /* of one network at once; 0: as many as there are */
	unsigned requests;          /* of one network in a minute; 0: as many as come */
	bool loopback;              /* this machine is limited too */
};

/* hash_start must have been called. TM_EINVAL: a trusted one is no address and no network. */
int http_clients_new(
	struct http_clients **clients, const struct http_clients_rules *rules, struct err *err);
void http_clients_free(struct http_clients *clients);

/* Whether `text` is an address, or one with "/" and a length. */
bool http_is_network(const char *text);

/* What a connection must know of its peer. Zeroes are one that nobody limits. */
struct http_peer {
	bool trusted; /* a proxy: each request names its client */
	bool limited;
	bool counted; /* among the connections of its network */
	bool surplus; /* one more than may be: it hears 429 */
};

/* A connection from `client` has come; false when it must be closed at once, since even of those
 * that are told so there are too many. */
bool http_clients_come(struct http_clients *clients, const char *client, struct http_peer *peer);
void http_clients_gone(struct http_clients *clients, const char *client, struct http_peer *peer);

/* A request has come over it. Puts the client's address in its place, and returns 0, or after how
 * many seconds it may be tried again. */
int http_clients_ask(
	struct http_clients *clients, const struct http_peer *peer, struct http_request *request);
