/* What the HTTP server answers to what it is sent. */
#include "test_http_world.h"

static void test_an_answer_has_date_length_and_the_owners_headers(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	fd = dial(&world);

	say(&world, fd,
		"GET /a/%20b?c=d?e HTTP/1.1\r\nHost: x:80\r\nX-One:  1 2 \r\nX-TWO:\r\n\r\n");
	assert_true(hear(&world, fd, &heard, ">"));

	assert_heard(&heard, "HTTP/1.1 200 OK\r\nDate: ");
	assert_heard(&heard, " GMT\r\nX-Test: yes\r\nContent-Length: ");
	assert_heard(
		&heard, "<GET /a/%20b?c=d?e|/a/%20b|c=d?e host=x:80 x-one=[1 2] x-two=[] body=>");
	assert_not_heard(&heard, "Connection:");
	assert_int_equal(world.last_bytes, heard.len);
	assert_string_equal(world.last_client, "127.0.0.1");
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_a_connection_serves_one_request_after_another(void **state)
{
	struct world world;
	char first_id[17];
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	fd = dial(&world);

	for (unsigned i = 0; i < 50; i++) {
		struct buf heard = BUF_EMPTY;

		say(&world, fd, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
		assert_true(hear(&world, fd, &heard, "body=abc>"));
		buf_free(&heard);
		if (i == 0)
			memcpy(first_id, world.last_id, sizeof first_id);
	}

	assert_int_equal(world.done, 50);
	assert_string_not_equal(first_id, world.last_id);
	close(fd);
	end_world(&world);
}

static void test_old_clients_are_closed_unless_they_ask_to_stay(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;

	(void)state;
	make_world(&world, &http_default_limits);

	ask(&world,
		"GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\n"
		"GET /3 HTTP/1.0\r\n\r\n",
		&heard);

	assert_heard(&heard, "Connection: keep-alive\r\n\r\n<GET /1|/1| host= body=>");
	assert_heard(&heard, "Connection: close\r\n\r\n<GET /2|/2| host= body=>");
	assert_int_equal(world.asked, 2);
	buf_free(&heard);
	end_world(&world);
}

static void test_nothing_is_acted_upon_after_a_close(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;

	(void)state;
	make_world(&world, &http_default_limits);

	ask(&world,
		"GET /1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
		"GET /2 HTTP/1.1\r\nHost: x\r\n\r\n",
		&heard);
	ask(&world, "GET /close HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n",
		&heard);

	assert_int_equal(count(&heard, "Connection: close\r\n"), 2);
	assert_not_heard(&heard, "GET /2");
	assert_int_equal(world.asked, 2);
	buf_free(&heard);
	end_world(&world);
}

static void test_head_gets_the_length_but_no_body(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;

	(void)state;
	make_world(&world, &http_default_limits);

	ask(&world, "HEAD /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &heard);

	assert_heard(&heard, "Content-Length: 25165824\r\n");
	assert_string_equal(buf_text(&heard) + heard.len - 4, "\r\n\r\n");
	buf_clear(&heard);
	ask(&world, "HEAD / HTTP/1.1\r\n\r\n", &heard);
	assert_heard(&heard, "HTTP/1.1 400 Bad Request\r\n");
	assert_string_equal(buf_text(&heard) + heard.len - 4, "\r\n\r\n");
	buf_free(&heard);
	end_world(&world);
}

static void test_no_content_has_no_length(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;

	(void)state;
	make_world(&world, &http_default_limits);

	ask(&world, "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &heard);

	assert_heard(&heard, "HTTP/1.1 204 No Content\r\n");
	assert_not_heard(&heard, "Content-Length");
	buf_free(&heard);
	end_world(&world);
}

static void test_a_header_that_would_split_the_answer_never_leaves(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;

	(void)state;
	make_world(&world, &http_default_limits);

	ask(&world, "GET /bad HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &heard);

	assert_heard(&heard, "HTTP/1.1 500 Internal Server Error\r\n");
	assert_not_heard(&heard, "Set-Cookie");
	buf_free(&heard);
	end_world(&world);
}

static void test_absolute_targets_are_taken_and_their_host_wins(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;

	(void)state;
	make_world(&world, &http_default_limits);

	ask(&world,
		"GET http://a.example:81/b?c HTTP/1.1\r\nHost: x\r\n\r\n"
		"GET http://a.example?c HTTP/1.1\r\nHost: x\r\n\r\n"
		"GET https://a.example HTTP/1.1\r\nHost: x\r\n\r\n"
		"OPTIONS http://a.example HTTP/1.1\r\nHost: x\r\n\r\n"
		"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		&heard);

	assert_heard(&heard, "<GET /b?c|/b|c host=a.example:81 body=>");
	assert_heard(&heard, "<GET /?c|/|c host=a.example body=>");
	assert_heard(&heard, "<GET /|/| host=a.example body=>");
	assert_heard(&heard, "<OPTIONS *|*| host=a.example body=>");
	assert_heard(&heard, "<OPTIONS *|*| host=x body=>");
	buf_free(&heard);
	end_world(&world);
}

static void test_chunked_bodies_arrive_whole_without_trailers(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;

	(void)state;
	make_world(&world, &http_default_limits);

	ask(&world,
		"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\t\r\n\r\n"
		"3;a=\"b\"\r\nabc\r\n00d\r\n0123456789012\r\n0\r\nX-Late: 1\r\nContent-Length: "
		"9\r\n"
		"Transfer-Encoding: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: "
		"close\r\n\r\n",
		&heard);

	assert_heard(&heard, "<POST /x|/x| host=x body=abc0123456789012>");
	assert_heard(&heard, "<GET /2|/2| host=x body=>");
	buf_free(&heard);
	end_world(&world);
}

static void test_an_upgrade_that_was_asked_for_is_ignored(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;

	(void)state;
	make_world(&world, &http_default_limits);

	ask(&world,
		"GET /1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
		"POST /2 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
		"Content-Length: 2\r\n\r\nab"
		"POST /3 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n"
		"Transfer-Encoding: chunked\r\n\r\n2\r\ncd\r\n0\r\n\r\n",
		&heard);

	assert_heard(&heard, "<GET /1|/1| host=x body=>");
	assert_heard(&heard, "<POST /2|/2| host=x body=ab>");
	assert_heard(&heard, "<POST /3|/3| host=x body=cd>");
	buf_free(&heard);
	end_world(&world);
}

static void test_what_the_grammar_forbids_is_refused_and_closed(void **state)
{
	static const char *const heads[] = {"GET /\r\n", "GET / HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", "GET / HTTP/1.1\nHost: x\n\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\nabcde",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
		"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
		"chunked\r\n\r\n3\r\nabc0\r\n\r\n"};
	struct world world;

	(void)state;
	make_world(&world, &http_default_limits);

	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
		assert_refused_with(&world, heads[i], 400);

	assert_refused_with(&world, "BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 501);
	assert_refused_with(
		&world, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501);
	assert_refused_with(&world, "GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505);
	end_world(&world);
}

static void test_small_limits_hold(void **state)
{
	struct http_limits limits = http_default_limits;
	struct world world;

	(void)state;
	limits.target = 20;
	limits.head = 200;
	limits.headers = 2;
	limits.body = 10;
	make_world(&world, &limits);

	assert_refused_with(&world, "GET /12345678901234567890 HTTP/1.1\r\n", 414);
	assert_refused_with(&world, "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\nC: d\r\n\r\n", 431);
	assert_refused_with(
		&world, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n12345678901", 413);
	assert_refused_with(&world,
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
		"6\r\n123456\r\n5\r\n12345\r\n0\r\n\r\n",
		413);
	end_world(&world);
}

static void test_a_large_body_that_is_refused_does_not_reset_the_client(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;
	size_t len = 3 * 1024 * 1024;
	char *body = calloc(1, len);
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	fd = dial(&world);
	say(&world, fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n");

	say_bytes(&world, fd, body, len);
	assert_true(hear(&world, fd, &heard, NULL));

	assert_heard(&heard, "HTTP/1.1 413 ");
	free(body);
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_a_body_of_the_full_length_passes(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;
	size_t len = 4 * 1024 * 1024;
	char *body = malloc(len);
	int fd;

	(void)state;
	memset(body, 'z', len);
	make_world(&world, &http_default_limits);
	fd = dial(&world);
	say(&world, fd,
		"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: "
		"4194304\r\n\r\n");

	say_bytes(&world, fd, body, len);
	assert_true(hear(&world, fd, &heard, NULL));

	assert_heard(&heard, "(4194304)");
	free(body);
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_continue_is_said_only_when_the_body_will_be_read(void **state)
{
	struct http_limits limits = http_default_limits;
	struct world world;
	struct buf heard = BUF_EMPTY;
	int fd;

	(void)state;
	limits.body = 10;
	make_world(&world, &limits);
	fd = dial(&world);

	say(&world, fd,
		"POST /1 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	assert_true(hear(&world, fd, &heard, "HTTP/1.1 100 Continue\r\n\r\n"));
	say(&world, fd, "abcGET /2 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n");
	assert_true(hear(&world, fd, &heard, "<GET /2|/2| host=x body=>"));
	say(&world, fd, "POST /3 HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc");
	assert_true(hear(&world, fd, &heard, NULL));

	assert_int_equal(count(&heard, "100 Continue"), 1);
	assert_heard(&heard, "<POST /1|/1| host=x body=abc>");
	assert_heard(&heard, "<POST /3|/3| host= body=abc>");
	close(fd);
	buf_free(&heard);
	assert_refused_with(&world,
		"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n",
		413);
	assert_refused_with(&world,
		"POST / HTTP/1.1\r\nHost: x\r\nExpect: 7\r\nContent-Length: 1\r\n\r\na", 417);
	end_world(&world);
}

/* What was heard, without what depends on the clock. */
static char *undated(struct buf *heard)
{
	char *text = strdup(buf_text(heard));

	for (char *at = text; (at = strstr(at, "Date: ")) != NULL; at++)
		memset(at, '-', strcspn(at, "\r"));
	return text;
}

static const char sequence[] =
	"GET /1?a=b HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n\r\n"
	"POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
	"\r\nPOST /3 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
	"4;a=\"b\"\r\nwiki\r\n5\r\npedia\r\n0;c\r\nX-T: u\r\n\r\n"
	"HEAD /4 HTTP/1.1\r\nHost: x\r\n\r\n"
	"GET http://y/5 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

static char *said_in_two(struct world *world, size_t split)
{
	struct buf heard = BUF_EMPTY;
	int fd = dial(world);
	char *text;

	say_bytes(world, fd, sequence, split);
	turn(world, 0);
	say_bytes(world, fd, sequence + split, strlen(sequence) - split);
	assert_true(hear(world, fd, &heard, NULL));
	close(fd);
	text = undated(&heard);
	buf_free(&heard);
	return text;
}

static void test_a_pipelined_sequence_is_answered_alike_wherever_it_is_split(void **state)
{
	struct world world;
	char *whole;

	(void)state;
	make_world(&world, &http_default_limits);
	whole = said_in_two(&world, 0);
	assert_non_null(strstr(whole, "<POST /3|/3| host=x body=wikipedia>"));
	assert_int_equal(world.asked, 5);

	for (size_t split = 1; split < strlen(sequence); split++) {
		char *text = said_in_two(&world, split);

		if (strcmp(text, whole) != 0)
			fail_msg("split at %zu: %s", split, text);
		free(text);
	}

	assert_int_equal(world.asked, 5 * strlen(sequence));
	free(whole);
	end_world(&world);
}

static void test_a_sequence_may_come_byte_by_byte(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;
	char *whole, *text;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	whole = said_in_two(&world, 0);
	fd = dial(&world);

	for (size_t i = 0; i < strlen(sequence); i++) {
		say_bytes(&world, fd, sequence + i, 1);
		turn(&world, 0);
	}
	assert_true(hear(&world, fd, &heard, NULL));

	text = undated(&heard);
	assert_string_equal(text, whole);
	free(text);
	free(whole);
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_the_next_request_waits_for_the_previous_answer(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	fd = dial(&world);
	say(&world, fd,
		"GET /hold HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: "
		"close\r\n\r\n");
	turn(&world, 20);
	assert_int_equal(world.asked, 1);

	answer_text(world.held[0], 201, "<first>", false);
	assert_true(hear(&world, fd, &heard, NULL));

	assert_true(strstr(buf_text(&heard), "<first>") < strstr(buf_text(&heard), "<GET /2"));
	assert_int_equal(world.done, 2);
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_many_pipelined_requests_are_all_answered_in_order(void **state)
{
	enum { MANY = 2000 };
	struct world world;
	struct buf said = BUF_EMPTY;
	struct buf heard = BUF_EMPTY;
	const char *at;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	for (int i = 0; i < MANY; i++)
		buf_printf(
			&said, "POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody", i);
	fd = dial(&world);

	say_bytes(&world, fd, said.data, said.len);
	shutdown(fd, SHUT_WR);
	assert_true(hear(&world, fd, &heard, NULL));

	at = buf_text(&heard);
	for (int i = 0; i < MANY; i++) {
		char answer[64];

		snprintf(answer, sizeof answer, "<POST /%d|/%d| host=x body=body>", i, i);
		at = strstr(at, answer);
		assert_non_null(at);
	}
	assert_int_equal(world.done, MANY);
	buf_free(&said);
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_a_client_that_only_sends_is_not_read_without_bound(void **state)
{
	struct world world;
	size_t sent = 0;
	char junk[65536];
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	fd = dial(&world);
	say(&world, fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	turn(&world, 10);
	memset(junk, 'j', sizeof junk);

	for (int i = 0; i < 1000; i++) {
		ssize_t n = send(fd, junk, sizeof junk, MSG_DONTWAIT | MSG_NOSIGNAL);

		sent += n > 0 ? (size_t)n : 0;
		turn(&world, 0);
	}

	/* What the kernel holds for both sides is all that may have left. */
	assert_true(sent < 1000 * sizeof junk / 2);
	answer_text(world.held[0], 200, "", true);
	close(fd);
	end_world(&world);
}

static void test_an_answer_that_the_socket_cannot_take_at_once_arrives_whole(void **state)
{
	struct world world;
	struct buf heard = BUF_EMPTY;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	fd = dial(&world);
	say(&world, fd,
		"GET /big HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: "
		"close\r\n\r\n");
	turn(&world, 20);
	assert_int_equal(world.asked, 1);

	assert_true(hear(&world, fd, &heard, NULL));

	assert_true(heard.len > BIG);
	assert_int_equal(strspn(strstr(buf_text(&heard), "\r\n\r\n") + 4, "b"), BIG);
	assert_heard(&heard, "<GET /2");
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_a_client_that_does_not_read_is_cut_after_a_while(void **state)
{
	struct http_limits limits = http_default_limits;
	struct world world;
	int fd;

	(void)state;
	limits.write_ms = 50;
	make_world(&world, &limits);
	fd = dial(&world);

	say(&world, fd, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
	turn_until_done(&world, 1);

	assert_int_equal(world.last_bytes, 0);
	close(fd);
	end_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_answer_has_date_length_and_the_owners_headers),
		cmocka_unit_test(test_a_connection_serves_one_request_after_another),
		cmocka_unit_test(test_old_clients_are_closed_unless_they_ask_to_stay),
		cmocka_unit_test(test_nothing_is_acted_upon_after_a_close),
		cmocka_unit_test(test_head_gets_the_length_but_no_body),
		cmocka_unit_test(test_no_content_has_no_length),
		cmocka_unit_test(test_a_header_that_would_split_the_answer_never_leaves),
		cmocka_unit_test(test_absolute_targets_are_taken_and_their_host_wins),
		cmocka_unit_test(test_chunked_bodies_arrive_whole_without_trailers),
		cmocka_unit_test(test_an_upgrade_that_was_asked_for_is_ignored),
		cmocka_unit_test(test_what_the_grammar_forbids_is_refused_and_closed),
		cmocka_unit_test(test_small_limits_hold),
		cmocka_unit_test(test_a_large_body_that_is_refused_does_not_reset_the_client),
		cmocka_unit_test(test_a_body_of_the_full_length_passes),
		cmocka_unit_test(test_continue_is_said_only_when_the_body_will_be_read),
		cmocka_unit_test(test_a_pipelined_sequence_is_answered_alike_wherever_it_is_split),
		cmocka_unit_test(test_a_sequence_may_come_byte_by_byte),
		cmocka_unit_test(test_the_next_request_waits_for_the_previous_answer),
		cmocka_unit_test(test_many_pipelined_requests_are_all_answered_in_order),
		cmocka_unit_test(test_a_client_that_only_sends_is_not_read_without_bound),
		cmocka_unit_test(test_an_answer_that_the_socket_cannot_take_at_once_arrives_whole),
		cmocka_unit_test(test_a_client_that_does_not_read_is_cut_after_a_while),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
