/* Who a client is, and how much one may ask. */
#include "net/http_clients.h"

#include "test_http_world.h"
#include "text/hash.h"

static struct http_clients *make(const struct http_clients_rules *rules)
{
	struct http_clients *clients;
	struct err err;

	assert_int_equal(hash_start(), 0);
	assert_int_equal(http_clients_new(&clients, rules, &err), 0);
	return clients;
}

static const char *const proxies[] = {"192.0.2.1", "10.0.0.0/8", "2001:db8::/33", NULL};

/* The client of a request from `peer` with up to two X-Forwarded-For. */
static const char *client_of(const char *address, const char *first, const char *second)
{
	static struct http_request request;
	struct http_clients *clients = make(&(struct http_clients_rules){.trusted = proxies});
	struct http_header headers[] = {{text_of("x-forwarded-for"), text_of(first)},
		{text_of("host"), text_of("x")}, {text_of("x-forwarded-for"), text_of(second)}};
	struct http_peer peer;

	request = (struct http_request){.headers = headers, .header_count = second[0] ? 3 : 2};
	snprintf(request.client, sizeof request.client, "%s", address);
	assert_true(http_clients_come(clients, address, &peer));
	assert_int_equal(http_clients_ask(clients, &peer, &request), 0);
	http_clients_gone(clients, address, &peer);
	http_clients_free(clients);
	return request.client;
}

static void test_only_a_trusted_proxy_says_who_the_client_is(void **state)
{
	static const char *const cases[][4] = {
		{"198.51.100.7", "203.0.113.5", "", "198.51.100.7"},
		{"192.0.2.1", "203.0.113.5", "", "203.0.113.5"},
		{"192.0.2.2", "203.0.113.5", "", "192.0.2.2"},
		{"10.255.0.1", "203.0.113.5", "", "203.0.113.5"},
		{"11.0.0.1", "203.0.113.5", "", "11.0.0.1"},
		{"2001:db8:7fff::1", "203.0.113.5", "", "203.0.113.5"},
		{"2001:db8:8000::1", "203.0.113.5", "", "2001:db8:8000::1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(client_of(cases[i][0], cases[i][1], cases[i][2]), cases[i][3]);
}

static void test_the_client_is_the_last_that_is_no_proxy(void **state)
{
	static const char *const cases[][3] = {
		{"1.1.1.1, 2.2.2.2", "", "2.2.2.2"},
		{"1.1.1.1,\t2.2.2.2 , 10.0.0.9", "", "2.2.2.2"},
		{"1.1.1.1", "10.0.0.9, 10.0.0.8", "1.1.1.1"},
		{"1.1.1.1", "2.2.2.2", "2.2.2.2"},
		{"10.0.0.7, 10.0.0.9", "", "10.0.0.7"},
		{"1.1.1.1, nonsense", "", "192.0.2.1"},
		{"1.1.1.1, nonsense, 10.0.0.9", "", "10.0.0.9"},
		{"1.1.1.1,", "", "192.0.2.1"},
		{"", "", "192.0.2.1"},
		{"2.2.2.2:5555", "", "2.2.2.2"},
		{"[2001:DB8:ffff::1]:5555", "", "2001:db8:ffff::1"},
		{"2001:db8:ffff::1", "", "2001:db8:ffff::1"},
		{"::ffff:2.2.2.2", "", "2.2.2.2"},
		{"[2.2.2.2", "", "192.0.2.1"},
		{"2.2.2.2.2", "", "192.0.2.1"},
		{"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001", "", "192.0.2.1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(client_of("192.0.2.1", cases[i][0], cases[i][1]), cases[i][2]);
}

static void test_what_is_no_network_is_refused(void **state)
{
	static const char *const good[] = {"0.0.0.0/0", "10.1.2.3/32", "::/0", "::1", "fe80::/10"};
	static const char *const bad[] = {"", "x", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1",
		"10.0.0.0/8x", "10.0.0/8", "::/129", "/8", "10.0.0.0/ 8"};
	const char *const trusted[] = {"10.0.0.0/8", "10.0.0.0/33", NULL};
	struct http_clients *clients = NULL;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(http_is_network(good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(http_is_network(bad[i]));
	assert_int_equal(
		http_clients_new(&clients, &(struct http_clients_rules){.trusted = trusted}, &err),
		TM_EINVAL);
	assert_non_null(strstr(err.text, "10.0.0.0/33"));
}

static int ask_from(struct http_clients *clients, const char *address)
{
	struct http_request request = {.header_count = 0};
	struct http_peer peer;
	int wait;

	snprintf(request.client, sizeof request.client, "%s", address);
	assert_true(http_clients_come(clients, address, &peer));
	wait = http_clients_ask(clients, &peer, &request);
	http_clients_gone(clients, address, &peer);
	return wait;
}

static void test_requests_are_counted_by_network_but_not_this_machines(void **state)
{
	const char *const trusted[] = {"192.0.2.1", NULL};
	struct http_clients *clients =
		make(&(struct http_clients_rules){.requests = 3, .trusted = trusted});

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ask_from(clients, "198.51.100.7"), 0);
		assert_int_equal(ask_from(clients, "2001:db8::1"), 0);
	}
	assert_in_range(ask_from(clients, "198.51.100.7"), 1, 60);
	assert_in_range(ask_from(clients, "2001:db8::2"), 1, 60);
	assert_int_equal(ask_from(clients, "198.51.100.8"), 0);
	assert_int_equal(ask_from(clients, "2001:db8:0:1::1"), 0);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(ask_from(clients, "127.0.0.1"), 0);
		assert_int_equal(ask_from(clients, "::1"), 0);
		assert_int_equal(ask_from(clients, "192.0.2.1"), 0);
	}
	http_clients_free(clients);
}

static void test_this_machine_may_be_limited_too(void **state)
{
	struct http_clients *clients =
		make(&(struct http_clients_rules){.requests = 1, .loopback = true});

	(void)state;
	assert_int_equal(ask_from(clients, "127.0.0.1"), 0);
	assert_true(ask_from(clients, "127.0.0.1") > 0);
	assert_int_equal(ask_from(clients, "::1"), 0);
	assert_true(ask_from(clients, "::1") > 0);
	http_clients_free(clients);
}

static void test_connections_beyond_the_limit_are_told_so_and_then_not_even_that(void **state)
{
	struct http_clients *clients = make(&(struct http_clients_rules){.connections = 2});
	struct http_peer peers[19], other;

	(void)state;
	for (int i = 0; i < 18; i++) {
		assert_true(http_clients_come(clients, "198.51.100.7", &peers[i]));
		assert_int_equal(peers[i].surplus, i >= 2);
	}
	assert_false(http_clients_come(clients, "198.51.100.7", &peers[18]));
	assert_true(http_clients_come(clients, "198.51.100.8", &other));
	assert_false(other.surplus);

	for (int i = 2; i < 19; i++)
		http_clients_gone(clients, "198.51.100.7", &peers[i]);
	assert_true(http_clients_come(clients, "198.51.100.7", &peers[2]));
	assert_true(peers[2].surplus);
	http_clients_gone(clients, "198.51.100.7", &peers[2]);
	http_clients_gone(clients, "198.51.100.7", &peers[2]);
	http_clients_gone(clients, "198.51.100.7", &peers[1]);
	assert_true(http_clients_come(clients, "198.51.100.7", &peers[1]));
	assert_false(peers[1].surplus);
	http_clients_free(clients);
}

static void test_a_server_refuses_what_is_too_much_and_says_until_when(void **state)
{
	struct http_limits limits = http_default_limits;
	struct http_clients *clients = make(
		&(struct http_clients_rules){.connections = 1, .requests = 2, .loopback = true});
	struct world world;
	struct buf heard = BUF_EMPTY;
	int first, second;

	(void)state;
	limits.clients = clients;
	make_world(&world, &limits);
	first = dial(&world);
	say(&world, first, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(hear(&world, first, &heard, "<GET /1|/1| host=x body=>"));
	second = dial(&world);
	say(&world, second, "POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
	assert_true(hear(&world, second, &heard, NULL));
	assert_heard(&heard, "HTTP/1.1 429 Too Many Requests\r\n");
	assert_heard(&heard, "Retry-After: 1\r\n");
	assert_heard(&heard, "Too many connections");
	assert_int_equal(world.asked, 1);
	close(second);
	turn(&world, 10);

	buf_clear(&heard);
	say(&world, first, "GET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(hear(&world, first, &heard, NULL));
	assert_heard(&heard, "HTTP/1.1 429 Too Many Requests\r\n");
	assert_heard(&heard, "Too many requests");
	assert_not_heard(&heard, "Retry-After: 1\r\n");
	assert_heard(&heard, "Connection: close\r\n");
	assert_int_equal(world.asked, 1);
	close(first);

	buf_free(&heard);
	end_world(&world);
	http_clients_free(clients);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_a_trusted_proxy_says_who_the_client_is),
		cmocka_unit_test(test_the_client_is_the_last_that_is_no_proxy),
		cmocka_unit_test(test_what_is_no_network_is_refused),
		cmocka_unit_test(test_requests_are_counted_by_network_but_not_this_machines),
		cmocka_unit_test(test_this_machine_may_be_limited_too),
		cmocka_unit_test(
			test_connections_beyond_the_limit_are_told_so_and_then_not_even_that),
		cmocka_unit_test(test_a_server_refuses_what_is_too_much_and_says_until_when),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
