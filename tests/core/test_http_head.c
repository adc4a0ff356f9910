/* The strict check of a request's raw head: what passes, what is refused, and with which status. */
#include "net/http_chunks.h"
#include "net/http_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

struct sample {
	const char *text;
	int status;
};

/* The status that a head is refused with, or 0 when it passes whole, or 1 when it is not whole.
 * Every way of arriving in two parts must come to the same. */
static int verdict(const char *text, size_t len, struct http_head *head)
{
	int first = -1;

	for (size_t split = 0; split <= len; split++) {
		char *part = malloc(split + 1);
		enum http_check check;
		int status;

		*head = (struct http_head){0};
		memcpy(part, text, split);
		check = http_head_check(head, part, split, &http_default_limits);
		free(part);
		if (check == HTTP_MORE)
			check = http_head_check(head, text, len, &http_default_limits);
		status = check == HTTP_REFUSED ? head->refusal.status : check == HTTP_MORE;
		if (check == HTTP_REFUSED)
			assert_non_null(head->refusal.reason);
		if (first >= 0 && status != first)
			fail_msg("split at %zu: %d, not %d: %s", split, status, first, text);
		first = status;
	}
	return first;
}

static void expect_all(const struct sample *samples, size_t count)
{
	struct http_head head;

	for (size_t i = 0; i < count; i++) {
		int status = verdict(samples[i].text, strlen(samples[i].text), &head);

		if (status != samples[i].status)
			fail_msg("%d, not %d (%s) for: %s", status, samples[i].status,
				head.refusal.reason ? head.refusal.reason : "passed",
				samples[i].text);
	}
}

static void test_a_plain_head_passes_and_tells_what_it_says(void **state)
{
	const char *text = "POST /a?b=c HTTP/1.1\r\nHost: x:80\r\nContent-Length: 12\r\n"
			   "Expect: 100-Continue\r\nConnection: Keep-Alive, x\r\n\r\n";
	struct http_head head;

	(void)state;
	assert_int_equal(verdict(text, strlen(text), &head), 0);

	assert_int_equal(head.len, strlen(text));
	assert_int_equal(head.method_len, 4);
	assert_int_equal(head.target, 5);
	assert_int_equal(head.target_len, 6);
	assert_int_equal(head.length, 12);
	assert_int_equal(head.fields, 4);
	assert_int_equal(head.minor, 1);
	assert_true(head.expects_continue);
	assert_true(http_head_persists(&head));
}

static void test_well_formed_heads_pass(void **state)
{
	static const struct sample samples[] = {
		{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 0},
		{"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 0},
		{"GET / HTTP/1.1\r\nHost:x\r\n\r\n", 0},
		{"GET / HTTP/1.1\r\nhOST: \t x \t\r\n\r\n", 0},
		{"GET / HTTP/1.1\r\nHost:\r\n\r\n", 0},
		{"GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", 0},
		{"GET / HTTP/1.1\r\nHost: a%2Db.example:\r\n\r\n", 0},
		{"GET / HTTP/1.9\r\nHost: x\r\n\r\n", 0},
		{"GET / HTTP/1.0\r\n\r\n", 0},
		{"GET /?score[ge]=1&a={b}|c HTTP/1.1\r\nHost: x\r\n\r\n", 0},
		{"GET http://a.example:80/b?c HTTP/1.1\r\nHost: x\r\n\r\n", 0},
		{"GET HTTPS://a.example HTTP/1.1\r\nHost: x\r\n\r\n", 0},
		{"GET http://a.example/b HTTP/1.0\r\n\r\n", 0},
		{"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 0},
		{"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", 0},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \t0 \t\r\n\r\n", 0},
		{"GET / HTTP/1.1\r\nHost: x\r\nContent_Length: +5\r\n\r\n", 0},
		{"GET / HTTP/1.1\r\nHost: x\r\nX: \xe4\xbd\xa0\r\nY:\r\n\r\n", 0},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0005\r\n\r\n", 0},
		{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked \t\r\n\r\n", 0},
		{"POST / HTTP/1.0\r\nExpect: something\r\n\r\n", 0},
	};

	(void)state;
	expect_all(samples, LENGTH(samples));
}

static void test_a_head_is_not_whole_before_its_empty_line(void **state)
{
	static const struct sample samples[] = {
		{"", 1},
		{"\r\n", 1},
		{"GET / HTTP/1.1", 1},
		{"GET / HTTP/1.1\r\nHost: x\r\n", 1},
		{"GET / HTTP/1.1\r\nHost: x\r\n\r", 1},
	};

	(void)state;
	expect_all(samples, LENGTH(samples));
}

static void test_malformed_request_lines_are_refused(void **state)
{
	static const struct sample samples[] = {
		{"GET /\r\n", 400},
		{"GET\r\n", 400},
		{" GET / HTTP/1.1\r\n", 400},
		{"GET  / HTTP/1.1\r\n", 400},
		{"GET /  HTTP/1.1\r\n", 400},
		{"GET / HTTP/1.1 \r\n", 400},
		{"GET\t/\tHTTP/1.1\r\n", 400},
		{"GET /a b HTTP/1.1\r\n", 400},
		{"G(T / HTTP/1.1\r\n", 400},
		{"GET / http/1.1\r\n", 400},
		{"GET / HTTP/11\r\n", 400},
		{"GET / HTTP/1.10\r\n", 400},
		{"GET / HTTP/1,1\r\n", 400},
		{"GET / HTTP/2.0\r\n", 505},
		{"GET / HTTP/0.9\r\n", 400},
		{"PRI * HTTP/2.0\r\n", 505},
		{"GET / HTTP/1.1\nHost: x\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\r\nHost: x\r\n\r\n", 400},
		{"GET /\rx HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		{"\nGET / HTTP/1.1\r\n", 400},
		{"\r\n\r\nGET / HTTP/1.1\r\n", 400},
		{"\x16\x03\x01", 400},
	};

	(void)state;
	expect_all(samples, LENGTH(samples));
}

static void test_targets_without_an_allowed_form_are_refused(void **state)
{
	static const struct sample samples[] = {
		{"GET /\xe4\xbd\xa0 HTTP/1.1\r\n", 400},
		{"GET /a#b HTTP/1.1\r\n", 400},
		{"GET /\"a\" HTTP/1.1\r\n", 400},
		{"GET /<a> HTTP/1.1\r\n", 400},
		{"GET /\x7f HTTP/1.1\r\n", 400},
		{"GET * HTTP/1.1\r\n", 400},
		{"GET a HTTP/1.1\r\n", 400},
		{"GET ?a HTTP/1.1\r\n", 400},
		{"GET x.example:80 HTTP/1.1\r\n", 400},
		{"GET ftp://x/ HTTP/1.1\r\n", 400},
		{"GET http:// HTTP/1.1\r\n", 400},
		{"GET http:///a HTTP/1.1\r\n", 400},
		{"GET http://:80/a HTTP/1.1\r\n", 400},
		{"GET http://me@x/ HTTP/1.1\r\n", 400},
		{"GET http://x:8o/ HTTP/1.1\r\n", 400},
	};

	(void)state;
	expect_all(samples, LENGTH(samples));
}

static void test_unknown_methods_are_not_implemented_whatever_their_target(void **state)
{
	static const struct sample samples[] = {
		{"CONNECT x.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", 501},
		{"BREW a HTTP/1.1\r\nHost: x\r\n\r\n", 501},
		{"get / HTTP/1.1\r\nHost: x\r\n\r\n", 501},
		{"PROPFIND / HTTP/1.1\r\nHost: x\r\n\r\n", 501},
		{"CONNECT x HTTP/1.0\r\n\r\n", 501},
		{"CONNECT [::1]:443 HTTP/1.1\r\nHost: x\r\n\r\n", 501},
		{"BREW * HTTP/1.1\r\nHost: x\r\n\r\n", 501},
		{"BREW ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 501},
		{"BREW / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n", 501},
		{"BREW / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
		{"BREW / HTTP/1.1\r\n\r\n", 400},
		{"BREW /\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		{"BREW HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		{"BREW / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\n", 400},
		{"BREW / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
		 "Transfer-Encoding: chunked\r\n\r\n",
			400},
	};

	(void)state;
	expect_all(samples, LENGTH(samples));
}

static void test_malformed_headers_are_refused(void **state)
{
	static const struct sample samples[] = {
		{"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: x\r\n: c\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: x\r\nA\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n\tc\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: x\r\nA: b\x01\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: x\r\nA: b\x7f\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: x\r\nA: b\x1b[2J\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: x\r\nA:\x0b\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: x\r\nA\t: b\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: x\r\n \r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: x\r\n\r\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: x\r\n\xc3\xa4: b\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: x\r\n\n", 400},
	};

	(void)state;
	expect_all(samples, LENGTH(samples));
}

static void test_a_nul_in_a_head_is_refused(void **state)
{
	static const char value[] = "GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n";
	static const char target[] = "GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n";
	struct http_head head;

	(void)state;
	assert_int_equal(verdict(value, sizeof value - 1, &head), 400);
	assert_int_equal(verdict(target, sizeof target - 1, &head), 400);
}

static void test_the_host_must_stand_once_and_be_one(void **state)
{
	static const struct sample samples[] = {
		{"GET / HTTP/1.1\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400},
		{"GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost:\r\nHost:\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: x\r\nhost: x\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: x, y\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a%2\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: []\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n", 400},
		{"GET http://x/ HTTP/1.1\r\n\r\n", 400},
	};

	(void)state;
	expect_all(samples, LENGTH(samples));
}

static void test_doubtful_lengths_are_refused(void **state)
{
	static const struct sample samples[] = {
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5 5\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5,\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ,5\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5.0\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5e0\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \"5\"\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \xc2\xa0"
		 "5\r\n\r\n",
			400},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\ncontent-length: 6\r\n\r\n",
			400},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
			400},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4194305\r\n\r\n", 413},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551616\r\n\r\n", 413},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
			413},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4194304\r\n\r\n", 0},
	};

	(void)state;
	expect_all(samples, LENGTH(samples));
}

static void test_doubtful_transfer_codings_are_refused(void **state)
{
	static const struct sample samples[] = {
		{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: "
		 "5\r\n\r\n",
			400},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: "
		 "chunked\r\n\r\n",
			400},
		{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
		 "Transfer-Encoding: chunked-false\r\n\r\n",
			400},
		{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n"
		 "Transfer-Encoding: chunked\r\n\r\n",
			400},
		{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked;a=b\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: , chunked\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \"chunked\"\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \x0b"
		 "chunked\r\n\r\n",
			400},
		{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
		 "transfer-encoding: gzip\r\n\r\n",
			400},
		{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n"
		 "Content-Length: 5\r\n\r\n",
			400},
		{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked,\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chun ked\r\n\r\n", 400},
		{"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n", 501},
		{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n", 501},
		{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: br ; q=1\r\n\r\n", 501},
		{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
	};

	(void)state;
	expect_all(samples, LENGTH(samples));
}

static void test_only_100_continue_may_be_expected(void **state)
{
	static const struct sample samples[] = {
		{"POST / HTTP/1.1\r\nHost: x\r\nExpect: 200-ok\r\n\r\n", 417},
		{"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue, more\r\n\r\n", 417},
		{"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n", 0},
	};

	(void)state;
	expect_all(samples, LENGTH(samples));
}

static bool persists(const char *text)
{
	struct http_head head;

	assert_int_equal(verdict(text, strlen(text), &head), 0);
	return http_head_persists(&head);
}

static void test_close_wins_and_old_clients_must_ask_to_stay(void **state)
{
	(void)state;
	assert_true(persists("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
	assert_true(persists("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
	assert_false(persists("GET / HTTP/1.0\r\n\r\n"));
	assert_false(persists("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
	assert_false(persists("GET / HTTP/1.1\r\nHost: x\r\nConnection: a,\tCLOSE\t,b\r\n\r\n"));
	assert_false(persists("GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n"
			      "Connection: close\r\n\r\n"));
	assert_false(persists("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n"));
}

static int verdict_with(const char *text, const struct http_limits *limits)
{
	struct http_head head = {0};
	enum http_check check = http_head_check(&head, text, strlen(text), limits);

	return check == HTTP_REFUSED ? head.refusal.status : check == HTTP_MORE;
}

static void test_limits_hold_before_the_line_has_ended(void **state)
{
	struct http_limits limits = http_default_limits;
	char endless[300];

	(void)state;
	limits.target = 10;
	limits.head = 200;
	limits.headers = 2;
	memset(endless, 'a', sizeof endless - 1);
	endless[sizeof endless - 1] = '\0';

	assert_int_equal(verdict_with(endless, &limits), 414);
	memcpy(endless, "GET / HTTP/1.1\r\nHost: x\r\n", 25);
	assert_int_equal(verdict_with(endless, &limits), 431);
	assert_int_equal(verdict_with("GET /123456789 HTTP/1.1\r\nHost: x\r\n\r\n", &limits), 0);
	assert_int_equal(verdict_with("GET /1234567890 HTTP/1.1\r\nHost: x\r\n\r\n", &limits), 414);
	assert_int_equal(verdict_with("GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n", &limits), 0);
	assert_int_equal(
		verdict_with("GET / HTTP/1.1\r\nHost: x\r\nA: b\r\nC: d\r\n\r\n", &limits), 431);
}

/* As `verdict`, for a chunked body. */
static int chunk_verdict(const char *text, const struct http_limits *limits)
{
	struct http_chunks chunks = {0};
	enum http_check check = HTTP_MORE;

	for (size_t i = 0; text[i] != '\0' && check == HTTP_MORE; i++) {
		size_t used = 1;

		check = http_chunks_check(&chunks, text + i, 1, &used, limits);
		assert_int_equal(used, check == HTTP_REFUSED ? used : 1);
	}
	return check == HTTP_REFUSED ? chunks.refusal.status : check == HTTP_MORE;
}

static void test_chunk_framing_is_held_to_its_grammar(void **state)
{
	static const struct sample samples[] = {
		{"3\r\nabc\r\n0\r\n\r\n", 0},
		{"0003\r\nabc\r\n000\r\n\r\n", 0},
		{"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", 0},
		{"3;a\r\nabc\r\n0;b=c;d=\"e\\\"f;\"\r\n\r\n", 0},
		{"3 ; a = b ;c\r\nabc\r\n0\r\n\r\n", 0},
		{"0\r\nA: b\r\nC:\r\n\r\n", 0},
		{"3\r\nabc\r\n0\r\n", 1},
		{"\r\n", 400},
		{" 3\r\n", 400},
		{"+3\r\n", 400},
		{"-3\r\n", 400},
		{"0x3\r\n", 400},
		{"3g\r\n", 400},
		{"3 \r\n", 400},
		{"3\t;a\r\n", 400},
		{"3\nabc", 400},
		{"3\r\r\n", 400},
		{"3;\r\n", 400},
		{"3;a=\r\n", 400},
		{"3;a=\"b\r\n", 400},
		{"3;a\nb\r\n", 400},
		{"3;a\rb\r\n", 400},
		{"3;a=\"\n\"\r\n", 400},
		{"3;a=\"\x01\"\r\n", 400},
		{"3;;\r\n", 400},
		{"3;=b\r\n", 400},
		{"3,4\r\n", 400},
		{"3\r\nab\r\n", 400},
		{"3\r\nabc0\r\n\r\n", 400},
		{"3\r\nabc\r\n\r\n0\r\n\r\n", 400},
		{"3;a=b c\r\n", 400},
		{"3;a \r\n", 400},
		{"3\r\nabcd", 400},
		{"3\r\nabc\n", 400},
		{"3\r\nabc\rx", 400},
		{"00000000000000003\r\n", 400},
		{"ffffffffffffffff\r\n", 413},
		{"400001\r\n", 413},
		{"0\r\nA : b\r\n\r\n", 400},
		{"0\r\nA: b\nC: d\r\n", 400},
		{"0\r\nA: b\r\n c\r\n", 400},
		{"0\r\n: b\r\n", 400},
		{"0\r\nA: \x01\r\n", 400},
		{"0\r\n\n", 400},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(samples); i++)
		if (chunk_verdict(samples[i].text, &http_default_limits) != samples[i].status)
			fail_msg("%d, not %d for: %s",
				chunk_verdict(samples[i].text, &http_default_limits),
				samples[i].status, samples[i].text);
}

static void test_chunks_extensions_and_trailers_are_bounded(void **state)
{
	struct http_limits limits = http_default_limits;
	char extended[10000];

	(void)state;
	limits.body = 5;
	limits.head = 20;
	limits.headers = 2;
	memset(extended, 'x', sizeof extended);
	memcpy(extended, "1;", 2);
	extended[sizeof extended - 1] = '\0';

	assert_int_equal(chunk_verdict(extended, &limits), 400);
	assert_int_equal(chunk_verdict("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", &limits), 0);
	assert_int_equal(chunk_verdict("3\r\nabc\r\n3\r\n", &limits), 413);
	assert_int_equal(chunk_verdict("0\r\nA: b\r\nC: d\r\n\r\n", &limits), 0);
	assert_int_equal(chunk_verdict("0\r\nA:\r\nB:\r\nC:\r\n\r\n", &limits), 431);
	assert_int_equal(chunk_verdict("0\r\nA: 0123456789012345678901\r\n", &limits), 431);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_plain_head_passes_and_tells_what_it_says),
		cmocka_unit_test(test_well_formed_heads_pass),
		cmocka_unit_test(test_a_head_is_not_whole_before_its_empty_line),
		cmocka_unit_test(test_malformed_request_lines_are_refused),
		cmocka_unit_test(test_targets_without_an_allowed_form_are_refused),
		cmocka_unit_test(test_unknown_methods_are_not_implemented_whatever_their_target),
		cmocka_unit_test(test_malformed_headers_are_refused),
		cmocka_unit_test(test_a_nul_in_a_head_is_refused),
		cmocka_unit_test(test_the_host_must_stand_once_and_be_one),
		cmocka_unit_test(test_doubtful_lengths_are_refused),
		cmocka_unit_test(test_doubtful_transfer_codings_are_refused),
		cmocka_unit_test(test_only_100_continue_may_be_expected),
		cmocka_unit_test(test_close_wins_and_old_clients_must_ask_to_stay),
		cmocka_unit_test(test_limits_hold_before_the_line_has_ended),
		cmocka_unit_test(test_chunk_framing_is_held_to_its_grammar),
		cmocka_unit_test(test_chunks_extensions_and_trailers_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
