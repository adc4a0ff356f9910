/* Answers that are given piece by piece. */
#include "test_http_world.h"
#include "text/gzip.h"

/* A producer on the world's own loop. */
struct producer {
	struct http_stream *stream;
	unsigned calls; /* of go_on */
};

static void on_go_on(void *data)
{
	((struct producer *)data)->calls++;
}

static void make_producer(struct world *world, struct producer *producer)
{
	*producer = (struct producer){0};
	producer->stream = http_stream_new(&world->loop, on_go_on, producer);
	assert_non_null(producer->stream);
}

static enum http_flow give(struct producer *producer, const char *text)
{
	return http_stream_send(producer->stream, text, strlen(text));
}

/* Sends a request that is held, and waits until it is there. */
static int ask_held(struct world *world, const char *text)
{
	unsigned held = world->held_count;
	uint64_t end = uv_hrtime() + WAIT_MS * 1000000ull;
	int fd = dial(world);

	say(world, fd, text);
	while (world->held_count == held && uv_hrtime() < end)
		turn(world, 1);
	assert_int_equal(world->held_count, held + 1);
	return fd;
}

static void answer_held(struct world *world, struct producer *producer, int status)
{
	struct http_answer_header header = {"X-Test", text_of("yes")};

	http_answer_stream(world->held[world->held_count - 1],
		&(struct http_answer){.status = status, .headers = &header, .header_count = 1},
		producer->stream);
}

/* Takes the chunks apart: what they hold goes to `to`. */
static void unchunk(struct buf *heard, struct buf *to)
{
	char *at = strstr(buf_text(heard), "\r\n\r\n") + 4;
	size_t size;

	while ((size = strtoul(at, &at, 16)) > 0) { /* the bytes may hold NULs */
		assert_memory_equal(at, "\r\n", 2);
		assert_memory_equal(at + 2 + size, "\r\n", 2);
		buf_append(to, at + 2, size);
		at += size + 4;
	}
	assert_string_equal(at, "\r\n\r\n");
}

static void wait_for_call(struct world *world, struct producer *producer)
{
	uint64_t end = uv_hrtime() + WAIT_MS * 1000000ull;

	while (producer->calls == 0 && uv_hrtime() < end)
		turn(world, 1);
	assert_true(producer->calls > 0);
}

static void test_pieces_leave_as_chunks_when_they_are_given(void **state)
{
	struct world world;
	struct producer producer;
	struct buf heard = BUF_EMPTY;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	make_producer(&world, &producer);
	fd = ask_held(&world, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n"
			      "GET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

	assert_int_equal(give(&producer, "early"), HTTP_FLOWS);
	answer_held(&world, &producer, 200);
	assert_true(hear(&world, fd, &heard, "early\r\n"));
	assert_int_equal(give(&producer, "0123456789"), HTTP_FLOWS);
	assert_int_equal(give(&producer, "012345"), HTTP_FLOWS);
	assert_true(hear(&world, fd, &heard, "012345\r\n"));
	assert_int_equal(world.asked, 1);
	assert_int_equal(give(&producer, ""), HTTP_FLOWS);
	http_stream_end(producer.stream);
	assert_true(hear(&world, fd, &heard, NULL));

	assert_heard(&heard, "HTTP/1.1 200 OK\r\nDate: ");
	assert_heard(&heard, "X-Test: yes\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nearly\r\n"
			     "10\r\n0123456789012345\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n");
	assert_not_heard(&heard, "Connection: keep-alive");
	assert_heard(&heard, "<GET /2|/2| host=x body=>");
	assert_int_equal(world.done, 2);
	assert_int_equal(producer.calls, 0);
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_the_whole_may_be_given_before_the_answer_begins(void **state)
{
	struct world world;
	struct producer producer;
	struct buf heard = BUF_EMPTY;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	make_producer(&world, &producer);
	fd = ask_held(&world, "GET /hold HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

	give(&producer, "all");
	http_stream_end(producer.stream);
	turn(&world, 5);
	answer_held(&world, &producer, 201);
	assert_true(hear(&world, fd, &heard, NULL));

	assert_heard(&heard, "HTTP/1.1 201 Created\r\n");
	assert_heard(&heard, "\r\n\r\n3\r\nall\r\n0\r\n\r\n");
	assert_int_equal(world.last_status, 201);
	assert_int_equal(world.last_bytes, heard.len);
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_an_abort_closes_without_the_last_chunk(void **state)
{
	struct world world;
	struct producer producer;
	struct buf heard = BUF_EMPTY;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	make_producer(&world, &producer);
	fd = ask_held(&world, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");

	answer_held(&world, &producer, 200);
	give(&producer, "half");
	assert_true(hear(&world, fd, &heard, "half\r\n"));
	http_stream_abort(producer.stream);
	assert_true(hear(&world, fd, &heard, NULL));

	assert_string_equal(buf_text(&heard) + heard.len - 9, "4\r\nhalf\r\n");
	assert_int_equal(world.done, 1);
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_old_clients_get_it_up_to_the_close_and_an_abort_as_a_reset(void **state)
{
	struct world world;
	struct producer producer;
	struct buf heard = BUF_EMPTY;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	make_producer(&world, &producer);
	fd = ask_held(&world, "GET /hold HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	give(&producer, "one");
	answer_held(&world, &producer, 200);
	assert_true(hear(&world, fd, &heard, "one"));
	give(&producer, "two");
	http_stream_end(producer.stream);
	assert_true(hear(&world, fd, &heard, NULL));
	assert_heard(&heard, "Connection: close\r\n\r\nonetwo");
	assert_not_heard(&heard, "Transfer-Encoding");
	assert_string_equal(buf_text(&heard) + heard.len - 6, "onetwo");
	buf_clear(&heard);
	close(fd);

	make_producer(&world, &producer);
	fd = ask_held(&world, "GET /hold HTTP/1.0\r\n\r\n");
	answer_held(&world, &producer, 200);
	give(&producer, "one");
	assert_true(hear(&world, fd, &heard, "one"));
	http_stream_abort(producer.stream);
	turn_until_done(&world, 2);

	assert_false(hear(&world, fd, &heard, NULL));
	assert_int_equal(errno, ECONNRESET);
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_head_and_no_content_get_the_head_alone(void **state)
{
	static const struct {
		const char *method;
		int status;
		const char *coding;
	} cases[] = {{"HEAD", 200, "Transfer-Encoding: chunked\r\n"}, {"GET", 204, ""},
		{"GET", 304, ""}};
	struct world world;

	(void)state;
	make_world(&world, &http_default_limits);

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct producer producer;
		struct buf heard = BUF_EMPTY;
		char text[128];
		int fd;

		make_producer(&world, &producer);
		snprintf(text, sizeof text,
			"%s /hold HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
			cases[i].method);
		fd = ask_held(&world, text);
		give(&producer, "early");
		answer_held(&world, &producer, cases[i].status);
		assert_true(hear(&world, fd, &heard, NULL));

		snprintf(text, sizeof text, "X-Test: yes\r\n%sConnection: close\r\n\r\n",
			cases[i].coding);
		assert_string_equal(buf_text(&heard) + heard.len - strlen(text), text);
		wait_for_call(&world, &producer);
		assert_int_equal(give(&producer, "late"), HTTP_GONE);
		http_stream_end(producer.stream);
		buf_free(&heard);
		close(fd);
	}
	end_world(&world);
}

static void test_a_producer_hears_that_the_client_has_gone(void **state)
{
	struct linger reset = {.l_onoff = 1};
	struct world world;
	struct producer producer;
	struct buf heard = BUF_EMPTY;
	const struct http_request *request;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	make_producer(&world, &producer);
	fd = ask_held(&world, "GET /hold HTTP/1.1\r\nHost: x\r\nX-One: 1\r\n\r\n");
	request = http_exchange_request(world.held[0]);
	answer_held(&world, &producer, 200);
	give(&producer, "one");
	assert_true(hear(&world, fd, &heard, "one"));

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	close(fd);
	wait_for_call(&world, &producer);

	assert_int_equal(world.done, 1);
	assert_int_equal(give(&producer, "two"), HTTP_GONE);
	assert_true(is(request->headers[1].value, "1"));
	http_stream_abort(producer.stream);
	buf_free(&heard);
	end_world(&world);
}

static void test_a_stream_whose_client_never_was_is_told_so(void **state)
{
	struct linger reset = {.l_onoff = 1};
	struct world world;
	struct producer producer;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	make_producer(&world, &producer);
	fd = ask_held(&world, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	close(fd);
	turn(&world, 20);

	answer_held(&world, &producer, 200);
	wait_for_call(&world, &producer);
	assert_int_equal(give(&producer, "one"), HTTP_GONE);
	http_stream_end(producer.stream);
	assert_int_equal(world.done, 1);

	make_producer(&world, &producer);
	give(&producer, "one");
	http_stream_refuse(producer.stream);
	wait_for_call(&world, &producer);
	assert_int_equal(give(&producer, "two"), HTTP_GONE);
	http_stream_end(producer.stream);
	end_world(&world);
}

static void test_a_header_that_would_split_a_stream_never_leaves(void **state)
{
	struct http_answer_header split = {"X-Bad", text_of("a\r\nSet-Cookie: b")};
	struct world world;
	struct producer producer;
	struct buf heard = BUF_EMPTY;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	make_producer(&world, &producer);
	fd = ask_held(&world, "GET /hold HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

	give(&producer, "one");
	http_answer_stream(world.held[0],
		&(struct http_answer){.status = 200, .headers = &split, .header_count = 1},
		producer.stream);
	assert_true(hear(&world, fd, &heard, NULL));

	assert_heard(&heard, "HTTP/1.1 500 Internal Server Error\r\n");
	assert_not_heard(&heard, "Set-Cookie");
	assert_not_heard(&heard, "one");
	http_stream_end(producer.stream);
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_a_client_that_does_not_read_a_stream_is_cut(void **state)
{
	struct http_limits limits = http_default_limits;
	struct world world;
	struct producer producer;
	char *piece = memset(malloc(BIG), 'b', BIG);
	int fd;

	(void)state;
	limits.write_ms = 50;
	make_world(&world, &limits);
	make_producer(&world, &producer);
	fd = ask_held(&world, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	answer_held(&world, &producer, 200);

	assert_int_equal(http_stream_send(producer.stream, piece, BIG), HTTP_WAIT);
	turn_until_done(&world, 1);

	assert_int_equal(give(&producer, "more"), HTTP_GONE);
	http_stream_end(producer.stream);
	free(piece);
	close(fd);
	end_world(&world);
}

/* While nothing is given, no deadline runs. */
static void test_a_slow_producer_is_waited_for(void **state)
{
	struct http_limits limits = http_default_limits;
	struct world world;
	struct producer producer;
	struct buf heard = BUF_EMPTY;
	int fd;

	(void)state;
	limits.write_ms = limits.idle_ms = limits.head_ms = limits.body_ms = 20;
	make_world(&world, &limits);
	make_producer(&world, &producer);
	fd = ask_held(&world, "GET /hold HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	answer_held(&world, &producer, 200);
	give(&producer, "one");
	assert_true(hear(&world, fd, &heard, "one"));

	turn(&world, 100);
	give(&producer, "two");
	http_stream_end(producer.stream);
	assert_true(hear(&world, fd, &heard, NULL));

	assert_heard(&heard, "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_a_stop_lets_a_stream_finish_within_its_grace(void **state)
{
	struct world world;
	struct producer producer;
	struct buf heard = BUF_EMPTY;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	make_producer(&world, &producer);
	fd = ask_held(&world, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	answer_held(&world, &producer, 200);

	http_server_stop(world.server, WAIT_MS, on_stopped, &world);
	turn(&world, 20);
	assert_false(world.stopped);
	give(&producer, "one");
	http_stream_end(producer.stream);
	assert_true(hear(&world, fd, &heard, NULL));
	run_until_stopped(&world);

	assert_heard(&heard, "3\r\none\r\n0\r\n\r\n");
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_after_the_grace_a_stream_is_cut_and_its_producer_told(void **state)
{
	struct world world;
	struct producer producer;
	struct buf heard = BUF_EMPTY;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	make_producer(&world, &producer);
	fd = ask_held(&world, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	answer_held(&world, &producer, 200);
	give(&producer, "one");
	assert_true(hear(&world, fd, &heard, "one\r\n"));

	http_server_stop(world.server, 10, on_stopped, &world);
	run_until_stopped(&world);
	wait_for_call(&world, &producer);

	assert_int_equal(give(&producer, "two"), HTTP_GONE);
	http_stream_abort(producer.stream);
	assert_true(hear(&world, fd, &heard, NULL));
	turn(&world, 0);
	assert_string_equal(buf_text(&heard) + heard.len - 8, "3\r\none\r\n");
	buf_free(&heard);
	close(fd);
	end_world(&world);
}

static void test_json_is_packed_piece_by_piece_for_who_asks(void **state)
{
	struct http_answer_header headers[] = {
		{"Content-Type", text_of("application/json")}, {"ETag", text_of("\"7\"")}};
	struct http_answer answer = {.status = 200, .headers = headers, .header_count = 2};
	struct world world;
	struct producer producer;
	struct buf heard = BUF_EMPTY, body = BUF_EMPTY, said = BUF_EMPTY, first = BUF_EMPTY;
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	make_producer(&world, &producer);
	fd = ask_held(&world, "GET /hold HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
			      "Accept-Encoding: gzip\r\n\r\n");
	http_answer_stream(world.held[0], &answer, producer.stream);
	assert_true(hear(&world, fd, &heard, "\r\n\r\n"));
	for (int i = 0; i < 300; i++) {
		char piece[1000];

		snprintf(piece, sizeof piece, "{\"number\":%d,\"text\":\"%0500d\"},", i, i);
		buf_puts(&said, piece);
		give(&producer, piece);
		if (i % 50 == 0)
			turn(&world, 1);
		if (i == 0) { /* this one leaves before the others are said */
			assert_true(hear(&world, fd, &first, "\r\n"));
			buf_append(&heard, first.data, first.len);
		}
	}
	http_stream_end(producer.stream);
	assert_true(hear(&world, fd, &heard, NULL));

	assert_heard(&heard, "Content-Encoding: gzip\r\n");
	assert_heard(&heard, "Vary: Accept-Encoding\r\n");
	assert_heard(&heard, "ETag: \"7-gzip\"\r\n");
	unchunk(&heard, &body);
	assert_in_range(body.len, 100, said.len / 10);
	assert_true(gzip_is(body.data, body.len, said.data, said.len));
	close(fd);

	buf_clear(&heard);
	make_producer(&world, &producer);
	fd = ask_held(&world, "GET /hold HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n");
	http_answer_stream(world.held[1], &answer, producer.stream);
	http_stream_end(producer.stream);
	assert_true(hear(&world, fd, &heard, NULL));
	assert_heard(&heard, "Content-Encoding: gzip\r\n");
	assert_true(gzip_is(strstr(buf_text(&heard), "\r\n\r\n") + 4,
		heard.len - (size_t)(strstr(buf_text(&heard), "\r\n\r\n") + 4 - heard.data), "",
		0));
	close(fd);
	buf_free(&heard);
	buf_free(&body);
	buf_free(&said);
	buf_free(&first);
	end_world(&world);
}

/* A producer on a thread and loop of its own. It counts on, piece by piece. */
enum { PIECE = 9, PIECES = 1000 * 1000 };

struct counter {
	uv_thread_t thread;
	uv_loop_t loop;
	uv_sem_t made;
	struct http_stream *stream;
	unsigned next, waits;
};

static void count_on(void *data)
{
	struct counter *counter = data;
	char piece[PIECE + 1];

	while (counter->next < PIECES) {
		snprintf(piece, sizeof piece, "%08u\n", counter->next++);
		switch (http_stream_send(counter->stream, piece, PIECE)) {
		case HTTP_WAIT:
			counter->waits++;
			return;
		case HTTP_GONE:
			http_stream_abort(counter->stream);
			return;
		default:
			break;
		}
	}
	http_stream_end(counter->stream);
}

static void run_counter(void *data)
{
	struct counter *counter = data;

	counter->stream = http_stream_new(&counter->loop, count_on, counter);
	uv_sem_post(&counter->made);
	if (counter->stream != NULL)
		count_on(counter);
	uv_run(&counter->loop, UV_RUN_DEFAULT);
}

static void start_counter(struct counter *counter)
{
	*counter = (struct counter){0};
	assert_int_equal(uv_loop_init(&counter->loop), 0);
	assert_int_equal(uv_sem_init(&counter->made, 0), 0);
	assert_int_equal(uv_thread_create(&counter->thread, run_counter, counter), 0);
	uv_sem_wait(&counter->made);
	assert_non_null(counter->stream);
}

static void join_counter(struct counter *counter)
{
	uv_thread_join(&counter->thread);
	uv_sem_destroy(&counter->made);
	assert_int_equal(uv_loop_close(&counter->loop), 0);
}

static void test_another_thread_waits_for_a_slow_reader_and_loses_nothing(void **state)
{
	struct world world;
	struct counter counter;
	struct buf heard = BUF_EMPTY, body = BUF_EMPTY;
	char piece[PIECE + 1];
	int fd;

	(void)state;
	make_world(&world, &http_default_limits);
	fd = ask_held(&world, "GET /hold HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	start_counter(&counter);
	http_answer_stream(world.held[0], &(struct http_answer){.status = 200}, counter.stream);

	turn(&world, 100);
	assert_int_equal(world.done, 0);
	assert_true(hear(&world, fd, &heard, NULL));
	join_counter(&counter);

	assert_true(counter.waits > 0);
	unchunk(&heard, &body);
	assert_int_equal(body.len, (size_t)PIECE * PIECES);
	for (unsigned i = 0; i < PIECES; i++) {
		snprintf(piece, sizeof piece, "%08u\n", i);
		assert_memory_equal(body.data + (size_t)i * PIECE, piece, PIECE);
	}
	buf_free(&heard);
	buf_free(&body);
	close(fd);
	end_world(&world);
}

static void test_clients_may_leave_another_threads_stream_at_any_time(void **state)
{
	struct world world;

	(void)state;
	make_world(&world, &http_default_limits);
	for (unsigned i = 0; i < 24; i++) {
		struct counter counter;
		struct buf heard = BUF_EMPTY;
		int fd = ask_held(&world, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");

		start_counter(&counter);
		if (i % 3 == 0)
			close(fd);
		if (i % 4 != 0)
			http_answer_stream(world.held[i], &(struct http_answer){.status = 200},
				counter.stream);
		else
			http_stream_refuse(counter.stream);
		if (i % 3 == 1)
			assert_true(i % 4 == 0 || hear(&world, fd, &heard, "00000000\n"));
		if (i % 3 != 0)
			close(fd);
		if (i % 4 == 0)
			answer_text(world.held[i], 200, "", true);
		turn_until_done(&world, i + 1);
		join_counter(&counter);
		buf_free(&heard);
	}
	end_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces_leave_as_chunks_when_they_are_given),
		cmocka_unit_test(test_the_whole_may_be_given_before_the_answer_begins),
		cmocka_unit_test(test_an_abort_closes_without_the_last_chunk),
		cmocka_unit_test(test_old_clients_get_it_up_to_the_close_and_an_abort_as_a_reset),
		cmocka_unit_test(test_head_and_no_content_get_the_head_alone),
		cmocka_unit_test(test_a_producer_hears_that_the_client_has_gone),
		cmocka_unit_test(test_a_stream_whose_client_never_was_is_told_so),
		cmocka_unit_test(test_a_header_that_would_split_a_stream_never_leaves),
		cmocka_unit_test(test_a_client_that_does_not_read_a_stream_is_cut),
		cmocka_unit_test(test_a_slow_producer_is_waited_for),
		cmocka_unit_test(test_a_stop_lets_a_stream_finish_within_its_grace),
		cmocka_unit_test(test_after_the_grace_a_stream_is_cut_and_its_producer_told),
		cmocka_unit_test(test_json_is_packed_piece_by_piece_for_who_asks),
		cmocka_unit_test(test_another_thread_waits_for_a_slow_reader_and_loses_nothing),
		cmocka_unit_test(test_clients_may_leave_another_threads_stream_at_any_time),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
