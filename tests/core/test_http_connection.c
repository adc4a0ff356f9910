/* How connections end: slow and vanishing clients, limits, and the stop of the server. */
#include "test_http_world.h"

static void test_slow_heads_and_bodies_get_408_and_idle_connections_nothing(void **state)
{
	struct http_limits limits = http_default_limits;
	struct world world;
	struct buf heard = BUF_EMPTY;
	int fd;

	(void)state;
	limits.head_ms = limits.body_ms = limits.idle_ms = 60;
	make_world(&world, &limits);

	assert_refused_with(&world, "G", 408);
	assert_refused_with(
		&world, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nab", 408);
	ask(&world, "", &heard);
	assert_int_equal(heard.len, 0);
	ask(&world, "\r\n", &heard);
	assert_int_equal(heard.len, 0);
	ask(&world, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n", &heard);
	assert_heard(&heard, "<GET /1");
	assert_not_heard(&heard, "408");
	fd = dial(&world);
	say(&world, fd, "GET / HTTP/1.1\r\n");
	for (int i = 0; i < 50 && world.done < 4; i++) {
		say(&world, fd, "A: b\r\n"); /* drop by drop does not help */
		turn(&world, 10);
	}
	assert_int_equal(world.last_status, 408);
	close(fd);
	fd = dial(&world);
	say(&world, fd, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 50 && world.done < 5; i++) {
		say(&world, fd, "1\r\nb\r\n");
		turn(&world, 10);
	}
	assert_int_equal(world.done, 5);
	assert_int_equal(world.last_status, 408);
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_the_owner_may_take_longer_than_any_client(void **state)
{
	struct http_limits limits = http_default_limits;
	struct world world;
	struct buf heard = BUF_EMPTY;
	int fd;

	(void)state;
	limits.head_ms = limits.body_ms = limits.idle_ms = limits.write_ms = 30;
	make_world(&world, &limits);
	fd = dial(&world);
	say(&world, fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");

	turn(&world, 150);
	answer_text(world.held[0], 200, "<late>", false);

	assert_true(hear(&world, fd, &heard, "<late>"));
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_a_client_may_half_close_after_its_request(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	fd = dial(&world);
	say(&world, fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
	shutdown(fd, SHUT_WR);
	turn(&world, 20);

	answer_text(world.held[0], 200, "<held>", false);
	assert_true(hear(&world, fd, &heard, NULL));

	assert_heard(&heard, "<held>");
	assert_heard(&heard, "<GET /2");
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_a_request_that_ends_half_way_is_never_acted_upon(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	fd = dial(&world);
	say(&world, fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nab");

	shutdown(fd, SHUT_WR);
	assert_true(hear(&world, fd, &heard, NULL));

	assert_heard(&heard, "HTTP/1.1 400 ");
	assert_int_equal(world.asked, 0);
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void reset(int fd)
{
	struct linger at_once = {1, 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	close(fd);
}

static void test_an_exchange_survives_its_client(void **state)
{
	struct world world;
	const struct http_request *request;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	fd = dial(&world);
	say(&world, fd,
		"POST /hold HTTP/1.1\r\nHost: x\r\nX-A: b\r\nContent-Length: 4\r\n\r\nbody");
	turn(&world, 10);
	request = http_exchange_request(world.held[0]);
	http_exchange_set_data(world.held[0], &world);

	reset(fd);
	turn(&world, 20);

	assert_true(is(request->body, "body"));
	assert_true(is(request->headers[1].name, "x-a"));
	assert_ptr_equal(http_exchange_data(world.held[0]), &world);
	assert_int_equal(world.done, 0);
	answer_text(world.held[0], 200, "too late", false);
	assert_int_equal(world.done, 1);
	assert_int_equal(world.last_bytes, 0);
	end_world(&world);
}

static void test_clients_may_go_away_at_any_byte(void **state)
{
	static const char requests[] =
		"POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
		"POST /2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
		"4;a=b\r\nwiki\r\n0\r\nX-T: u\r\n\r\n"
		"GET http://y/3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	struct world world;

	(void)state;
	make_world(&world, &http_default_limits);

	for (size_t len = 0; len < strlen(requests); len++) {
		int fd = dial(&world);

		say_bytes(&world, fd, requests, len);
		reset(fd);
		turn(&world, 0);
	}
	turn(&world, 20);

	end_world(&world);
}

static void test_connections_above_the_limit_are_closed_at_once(void **state)
{
	struct http_limits limits = http_default_limits;
	struct world world;
	struct buf heard = BUF_EMPTY;
	int first, second, third;

	(void)state;
	limits.connections = 1;
	make_world(&world, &limits);
	first = dial(&world);
	turn(&world, 10);
	second = dial(&world);

	assert_true(hear(&world, second, &heard, NULL));
	assert_int_equal(heard.len, 0);
	close(first);
	turn(&world, 10);
	third = dial(&world);
	say(&world, third, "GET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(hear(&world, third, &heard, "<GET /3"));

	buf_free(&heard);
	close(second);
	close(third);
	end_world(&world);
}

static void test_a_stop_lets_requests_in_flight_finish(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;
	struct buf idle_heard = BUF_EMPTY;
	int fd, idle;

	(void)state;
	make_world(&world, &http_default_limits);
	fd = dial(&world);
	idle = dial(&world);
	say(&world, fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
	turn(&world, 10);

	http_server_stop(world.server, 5000, on_stopped, &world);
	assert_true(hear(&world, idle, &idle_heard, NULL));
	assert_false(world.stopped);
	answer_text(world.held[0], 200, "<held>", false);
	assert_true(hear(&world, fd, &heard, NULL));
	close(fd);
	run_until_stopped(&world);

	assert_heard(&heard, "Connection: close\r\n");
	assert_heard(&heard, "<held>");
	assert_not_heard(&heard, "GET /2");
	assert_int_equal(idle_heard.len, 0);
	buf_free(&heard);
	close(idle);
	end_world(&world);
}

static void test_a_stop_does_not_wait_long_for_clients_that_never_hang_up(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;
	uint64_t began;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	fd = dial(&world);
	say(&world, fd, "GET /close HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(hear(&world, fd, &heard, NULL));
	began = uv_hrtime();

	http_server_stop(world.server, 60 * 1000, on_stopped, &world);
	run_until_stopped(&world);

	assert_true(uv_hrtime() - began < 4000000000ull);
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_a_stop_waits_for_exchanges_whose_client_has_gone(void **state)
{
	struct world world;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	fd = dial(&world);
	say(&world, fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	turn(&world, 10);
	reset(fd);
	turn(&world, 10);

	http_server_stop(world.server, 5000, on_stopped, &world);
	turn(&world, 20);
	assert_false(world.stopped);
	answer_text(world.held[0], 200, "", false);
	run_until_stopped(&world);

	assert_int_equal(world.done, 1);
	end_world(&world);
}

static void test_after_the_grace_what_is_left_is_cut_and_may_be_answered_still(void **state)
{
	struct world world;
	struct http_exchange *held;
	int fds[3];

	(void)state;
	make_world(&world, &http_default_limits);
	for (int i = 0; i < 3; i++)
		fds[i] = dial(&world);
	say(&world, fds[0], "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	say(&world, fds[1], "GET /half");
	say(&world, fds[2], "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
	turn(&world, 20);
	held = world.held[0];

	http_server_stop(world.server, 30, on_stopped, &world);
	run_until_stopped(&world);

	assert_true(is(http_exchange_request(held)->path, "/hold"));
	answer_text(held, 200, "", false);
	assert_int_equal(world.done, 1);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	end_world(&world);
}

static void test_two_servers_share_a_port(void **state)
{
	struct http_owner owner = {on_request, on_refusal, on_done, NULL, NULL};
	struct http_server *second;
	struct world world;
	struct err err;
	bool stopped = false;

	(void)state;
	make_world(&world, &http_default_limits);
	owner.owner = &world;

	assert_int_equal(
		http_server_start(&second, &world.loop, "127.0.0.1", http_server_port(world.server),
			&http_default_limits, &owner, &err),
		0);

	assert_int_equal(http_server_port(second), http_server_port(world.server));
	http_server_stop(second, 0, on_stopped, &world);
	run_until_stopped(&world);
	world.stopped = stopped;
	end_world(&world);
}

static void test_an_address_that_cannot_be_had_is_named(void **state)
{
	struct http_owner owner = {on_request, on_refusal, on_done, NULL, NULL};
	struct http_server *server;
	uv_loop_t loop;
	struct err err;

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);

	assert_int_equal(http_server_start(&server, &loop, "192.0.2.1", 0, &http_default_limits,
				 &owner, &err),
		TM_EIO);

	assert_non_null(strstr(err.text, "192.0.2.1"));
	assert_null(server);
	assert_int_equal(uv_loop_close(&loop), 0);
}

static void test_bodies_that_come_slowly_have_a_bound_for_all_together(void **state)
{
	static const char head[] = "POST /big HTTP/1.1\r\nHost: x\r\nContent-Length: 40000\r\n\r\n";
	struct http_bodies bodies = {.most = 150000};
	struct http_limits limits = http_default_limits;
	struct world world;
	struct buf heard = BUF_EMPTY;
	int fds[3];

	(void)state;
	limits.bodies = &bodies;
	make_world(&world, &limits);
	for (int i = 0; i < 2; i++) {
		fds[i] = dial(&world);
		say(&world, fds[i], head);
		say(&world, fds[i], "a");
	}
	turn(&world, 20);
	fds[2] = dial(&world);
	say(&world, fds[2], head);
	say(&world, fds[2], "a");

	assert_true(hear(&world, fds[2], &heard, "503"));
	assert_heard(&heard, "HTTP/1.1 503 ");
	assert_heard(&heard, "Retry-After: 1\r\n");
	assert_in_range(bodies.held, 80000, 150000);

	for (int i = 0; i < 3; i++)
		close(fds[i]);
	turn(&world, 20);
	assert_int_equal(bodies.held, 0);
	buf_free(&heard);
	end_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bodies_that_come_slowly_have_a_bound_for_all_together),
		cmocka_unit_test(test_slow_heads_and_bodies_get_408_and_idle_connections_nothing),
		cmocka_unit_test(test_the_owner_may_take_longer_than_any_client),
		cmocka_unit_test(test_a_client_may_half_close_after_its_request),
		cmocka_unit_test(test_a_request_that_ends_half_way_is_never_acted_upon),
		cmocka_unit_test(test_an_exchange_survives_its_client),
		cmocka_unit_test(test_clients_may_go_away_at_any_byte),
		cmocka_unit_test(test_connections_above_the_limit_are_closed_at_once),
		cmocka_unit_test(test_a_stop_lets_requests_in_flight_finish),
		cmocka_unit_test(test_a_stop_does_not_wait_long_for_clients_that_never_hang_up),
		cmocka_unit_test(test_a_stop_waits_for_exchanges_whose_client_has_gone),
		cmocka_unit_test(
			test_after_the_grace_what_is_left_is_cut_and_may_be_answered_still),
		cmocka_unit_test(test_two_servers_share_a_port),
		cmocka_unit_test(test_an_address_that_cannot_be_had_is_named),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
