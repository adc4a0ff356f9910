#include "net/http_clients.h"

#include "base/clock.h"
#include "net/attempts.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	NETWORKS = 32 * 1024,
	SURPLUS_LEAST =
		16, /* connections beyond the limit that are told so; or half as many again */
	ADDRESS_BITS = 128,
	FOUR_BITS = 96 /* of an IPv6 address that stands for an IPv4 one */
};

struct address {
	unsigned char bytes[16]; /* an IPv4 address is ::ffff:a.b.c.d */
};

struct network {
	struct address address;
	unsigned bits;
};

struct http_clients {
	struct attempts *counts; /* NULL: nothing is limited */
	unsigned connections, requests;
	bool loopback;
	size_t trusted_count;
	struct network trusted[];
};

static bool read_address(const char *text, struct address *to)
{
	static const unsigned char four[12] = {[10] = 0xff, [11] = 0xff};

	memcpy(to->bytes, four, sizeof four);
	return inet_pton(AF_INET, text, to->bytes + sizeof four) == 1 ||
	       inet_pton(AF_INET6, text, to->bytes) == 1;
}

static bool is_four(const struct address *address)
{
	return IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)address->bytes);
}

static bool read_network(const char *text, struct network *to)
{
	char address[INET6_ADDRSTRLEN];
	size_t len = strcspn(text, "/");
	unsigned most;
	unsigned long bits;
	char *end;

	if (len >= sizeof address)
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	if (!read_address(address, &to->address))
		return false;
	to->bits = ADDRESS_BITS;
	if (text[len] == '\0')
		return true;
	most = strchr(address, ':') == NULL ? ADDRESS_BITS - FOUR_BITS : ADDRESS_BITS;
	bits = strtoul(text + len + 1, &end, 10);
	if (text[len + 1] < '0' || text[len + 1] > '9' || *end != '\0' || bits > most)
		return false;
	to->bits = ADDRESS_BITS - most + (unsigned)bits;
	return true;
}

bool http_is_network(const char *text)
{
	struct network network;

	return read_network(text, &network);
}

static bool is_in(const struct address *address, const struct network *network)
{
	unsigned whole = network->bits / 8;
	unsigned rest = network->bits % 8;
	const unsigned char *a = address->bytes;
	const unsigned char *b = network->address.bytes;

	return memcmp(a, b, whole) == 0 && (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

static bool is_trusted(const struct http_clients *clients, const struct address *address)
{
	for (size_t i = 0; i < clients->trusted_count; i++)
		if (is_in(address, &clients->trusted[i]))
			return true;
	return false;
}

static bool is_loopback(const struct address *address)
{
	return is_four(address) ? address->bytes[12] == 127
				: IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)address->bytes);
}

static bool is_limited(const struct http_clients *clients, const struct address *address)
{
	return clients->counts != NULL && (clients->loopback || !is_loopback(address));
}

int http_clients_new(
	struct http_clients **made, const struct http_clients_rules *rules, struct err *err)
{
	struct http_clients *clients;
	size_t count = 0;

	while (rules->trusted != NULL && rules->trusted[count] != NULL)
		count++;
	clients = calloc(1, sizeof *clients + count * sizeof *clients->trusted);
	if (clients == NULL)
		return err_set(err, TM_ENOMEM, "no memory");
	clients->connections = rules->connections;
	clients->requests = rules->requests;
	clients->loopback = rules->loopback;
	clients->trusted_count = count;
	for (size_t i = 0; i < count; i++) {
		if (!read_network(rules->trusted[i], &clients->trusted[i])) {
			free(clients);
			return err_set(err, TM_EINVAL, "%s is no address and no network",
				rules->trusted[i]);
		}
	}
	if (rules->connections > 0 || rules->requests > 0) {
		clients->counts = attempts_new(NETWORKS);
		if (clients->counts == NULL) {
			free(clients);
			return err_set(err, TM_ENOMEM, "no memory");
		}
	}
	*made = clients;
	return 0;
}

void http_clients_free(struct http_clients *clients)
{
	if (clients == NULL)
		return;
	attempts_free(clients->counts);
	free(clients);
}

bool http_clients_come(struct http_clients *clients, const char *client, struct http_peer *peer)
{
	char network[ATTEMPTS_NETWORK];
	struct address address;
	unsigned most = clients->connections;
	unsigned told = most / 2 > SURPLUS_LEAST ? most / 2 : SURPLUS_LEAST;
	unsigned held;

	*peer = (struct http_peer){0};
	if (!read_address(client, &address))
		return true;
	peer->trusted = is_trusted(clients, &address);
	peer->limited = !peer->trusted && is_limited(clients, &address);
	if (!peer->limited || most == 0)
		return true;
	attempts_network(client, network);
	held = attempts_hold(clients->counts, network, strlen(network), clock_mono_ns());
	peer->counted = held > 0;
	peer->surplus = held > most;
	return held <= most + told;
}

void http_clients_gone(struct http_clients *clients, const char *client, struct http_peer *peer)
{
	char network[ATTEMPTS_NETWORK];

	if (!peer->counted)
		return;
	attempts_network(client, network);
	attempts_release(clients->counts, network, strlen(network), clock_mono_ns());
	peer->counted = false;
}

/* An address as proxies write it: bare, or with a port, an IPv6 address then in brackets. */
static bool read_forwarded(const char *text, size_t len, struct address *to)
{
	char copy[INET6_ADDRSTRLEN];
	const char *end;

	if (len > 0 && *text == '[') {
		end = memchr(text, ']', len);
		if (end == NULL)
			return false;
		len = (size_t)(end - ++text);
	} else if ((end = memchr(text, ':', len)) != NULL &&
		   memchr(end + 1, ':', len - (size_t)(end + 1 - text)) == NULL) {
		len = (size_t)(end - text);
	}
	if (len >= sizeof copy)
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return read_address(copy, to);
}

static void write_address(const struct address *address, char *to, size_t room)
{
	if (is_four(address))
		inet_ntop(AF_INET, address->bytes + 12, to, (socklen_t)room);
	else
		inet_ntop(AF_INET6, address->bytes, to, (socklen_t)room);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Walks a list from its end. Each proxy has added whom it heard: as long as those are trusted, what
 * they added is true. False when the walk is over. */
static bool walk(const struct http_clients *clients, struct http_text list, struct address *client)
{
	size_t end = list.len;

	for (;;) {
		size_t begin = end, last = end;
		struct address address;

		while (begin > 0 && list.data[begin - 1] != ',')
			begin--;
		while (last > begin && is_blank(list.data[last - 1]))
			last--;
		end = begin;
		while (begin < last && is_blank(list.data[begin]))
			begin++;
		if (!read_forwarded(list.data + begin, last - begin, &address))
			return false;
		*client = address;
		if (!is_trusted(clients, &address))
			return false;
		if (end == 0)
			return true;
		end--;
	}
}

static void find_client(
	const struct http_clients *clients, const struct http_request *request, struct address *to)
{
	static const char name[] = "x-forwarded-for";

	for (unsigned i = request->header_count; i > 0; i--) {
		const struct http_header *header = &request->headers[i - 1];

		if (header->name.len == sizeof name - 1 &&
			memcmp(header->name.data, name, sizeof name - 1) == 0 &&
			!walk(clients, header->value, to))
			return;
	}
}

int http_clients_ask(
	struct http_clients *clients, const struct http_peer *peer, struct http_request *request)
{
	char network[ATTEMPTS_NETWORK];
	struct address address;
	bool limited = peer->limited;

	if (peer->trusted && read_address(request->client, &address)) {
		find_client(clients, request, &address);
		write_address(&address, request->client, sizeof request->client);
		limited = is_limited(clients, &address) && !is_trusted(clients, &address);
	}
	if (!limited || clients->requests == 0)
		return 0;
	attempts_network(request->client, network);
	return attempts_ask(
		clients->counts, network, strlen(network), clients->requests, clock_mono_ns());
}
