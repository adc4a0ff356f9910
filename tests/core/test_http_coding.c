/* Answers packed for those who ask. */
#include "net/http_coding.h"

#include "test_http_world.h"
#include "text/gzip.h"

static void test_gzip_is_wanted_only_when_it_is_asked_for_and_not_less_than_plain(void **state)
{
	static const struct {
		const char *accept;
		bool wants;
	} cases[] = {{"gzip", true}, {"GZip", true}, {"x-gzip", true}, {"deflate, gzip, br", true},
		{"gzip;q=0.5", true}, {"gzip ; q=0.001", true}, {"*", true}, {"*;q=0.1", true},
		{"gzip;q=1.0, identity;q=0.5", true}, {"gzip;x=y;q=1", true}, {"br,,gzip", true},
		{"", false}, {"identity", false}, {"br", false}, {"gzip;q=0", false},
		{"gzip;q=0.000", false}, {"*, gzip;q=0", false}, {"*;q=0", false},
		{"gzip;q=0.5, identity", false}, {"gzip;q=2", false}, {"gzip;q=x", false},
		{"gzip;q=", false}, {"gzip;q=0.5555", false}, {"gzip;q=1.001", false},
		{"gzipped", false}, {"my gzip", false}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (http_coding_wants_gzip(text_of(cases[i].accept)) != cases[i].wants)
			fail_msg("%s", cases[i].accept);
}

/* What a held request with these headers is answered. */
static void answered(const char *headers, const struct http_answer *answer, struct buf *heard)
{
	struct world world;
	char text[512];
	int fd;

	make_world(&world, &http_default_limits);
	fd = dial(&world);
	snprintf(text, sizeof text, "GET /hold HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n",
		headers);
	say(&world, fd, text);
	while (world.held_count == 0)
		turn(&world, 1);
	buf_clear(heard);
	http_answer(world.held[0], answer);
	assert_true(hear(&world, fd, heard, NULL));
	close(fd);
	end_world(&world);
}

static char *json_of(size_t len)
{
	char *text = malloc(len + 1);

	for (size_t i = 0; i < len; i++)
		text[i] = "{\"a\":12,}"[i % 9];
	text[len] = '\0';
	return text;
}

static struct http_text body_of(struct buf *heard)
{
	const char *body = strstr(buf_text(heard), "\r\n\r\n") + 4;

	return (struct http_text){body, heard->len - (size_t)(body - heard->data)};
}

static void test_json_is_packed_for_who_asks_and_its_etag_is_another(void **state)
{
	char *json = json_of(5000);
	struct http_answer_header headers[] = {
		{"content-type", text_of("application/json")}, {"ETag", text_of("\"7\"")}};
	struct http_answer answer = {
		.status = 200, .headers = headers, .header_count = 2, .body = {json, 5000}};
	struct buf heard = BUF_EMPTY;
	struct http_text body;

	(void)state;
	answered("Accept-Encoding: br, gzip\r\n", &answer, &heard);
	assert_heard(&heard, "Content-Encoding: gzip\r\n");
	assert_heard(&heard, "Vary: Accept-Encoding\r\n");
	assert_heard(&heard, "ETag: \"7-gzip\"\r\n");
	body = body_of(&heard);
	assert_in_range(body.len, 20, 1000);
	assert_true(gzip_is(body.data, body.len, json, 5000));

	answered("", &answer, &heard);
	assert_not_heard(&heard, "Content-Encoding");
	assert_heard(&heard, "Vary: Accept-Encoding\r\n");
	assert_heard(&heard, "ETag: \"7\"\r\n");
	body = body_of(&heard);
	assert_int_equal(body.len, 5000);
	assert_memory_equal(body.data, json, 5000);
	free(json);
	buf_free(&heard);
}

static void test_small_large_other_and_cookie_setting_answers_are_left_as_they_are(void **state)
{
	enum { LARGE = HTTP_CODED_MOST + 1 };
	char *json = json_of(LARGE);
	struct http_answer_header headers[] = {
		{"content-type", text_of("application/json")}, {"x", text_of("")}};
	struct http_answer answer = {
		.status = 200, .headers = headers, .header_count = 2, .body = {json, 1023}};
	struct buf heard = BUF_EMPTY;

	(void)state;
	answered("Accept-Encoding: gzip\r\n", &answer, &heard);
	assert_not_heard(&heard, "Vary");
	assert_int_equal(body_of(&heard).len, 1023);

	answer.body.len = LARGE;
	answered("Accept-Encoding: gzip\r\n", &answer, &heard);
	assert_not_heard(&heard, "Content-Encoding");
	assert_int_equal(body_of(&heard).len, LARGE);

	answer.body.len = 5000;
	headers[1] = (struct http_answer_header){"set-cookie", text_of("a=b")};
	answered("Accept-Encoding: gzip\r\n", &answer, &heard);
	assert_not_heard(&heard, "Content-Encoding");

	headers[1] = (struct http_answer_header){"x", text_of("")};
	headers[0].value = text_of("text/csv");
	answered("Accept-Encoding: gzip\r\n", &answer, &heard);
	assert_not_heard(&heard, "Content-Encoding");

	headers[0].value = text_of("application/problem+json; charset=utf-8");
	answered("Accept-Encoding: gzip\r\n", &answer, &heard);
	assert_heard(&heard, "Content-Encoding: gzip\r\n");
	free(json);
	buf_free(&heard);
}

/* BREACH: see http_coding.h. */
static void test_what_another_sites_page_asks_with_a_cookie_is_not_packed(void **state)
{
	static const struct {
		const char *headers;
		bool packed;
	} cases[] = {{"Cookie: a=b\r\n", false},
		{"Cookie: a=b\r\nSec-Fetch-Site: cross-site\r\n", false},
		{"Cookie: a=b\r\nSec-Fetch-Site: same-site\r\n", false},
		{"Cookie: a=b\r\nSec-Fetch-Site: none\r\n", false},
		{"Cookie: a=b\r\nSec-Fetch-Site: same-origin\r\n", true},
		{"Authorization: Bearer x\r\n", true}};
	char *json = json_of(5000);
	struct http_answer_header type = {"content-type", text_of("application/json")};
	struct http_answer answer = {
		.status = 200, .headers = &type, .header_count = 1, .body = {json, 5000}};
	struct buf heard = BUF_EMPTY;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char headers[256];

		snprintf(headers, sizeof headers, "Accept-Encoding: gzip\r\n%s", cases[i].headers);
		answered(headers, &answer, &heard);
		if ((strstr(buf_text(&heard), "Content-Encoding") != NULL) != cases[i].packed)
			fail_msg("%s", cases[i].headers);
	}
	free(json);
	buf_free(&heard);
}

static void test_a_packed_text_is_known_again_and_nothing_else_is(void **state)
{
	struct gzip *gzip = gzip_new(GZIP_SMALL);
	char *text = json_of(100000), *other = json_of(100000);
	char noise[64];
	struct buf packed = BUF_EMPTY;

	(void)state;
	for (size_t i = 0; i < sizeof noise; i++)
		noise[i] = (char)(i * i * 37 + i * 101);
	assert_false(gzip_pack(gzip, noise, sizeof noise, &packed));
	assert_int_equal(packed.len, 0);
	assert_true(gzip_pack(gzip, text, 100000, &packed));
	other[99999]++;

	assert_true(gzip_is(packed.data, packed.len, text, 100000));
	assert_false(gzip_is(packed.data, packed.len, other, 100000));
	assert_false(gzip_is(packed.data, packed.len, text, 99999));
	assert_false(gzip_is(packed.data, packed.len - 1, text, 100000));
	assert_false(gzip_is(text, 100000, text, 100000));
	assert_false(gzip_is("", 0, text, 100000));
	buf_putc(&packed, 'x');
	assert_false(gzip_is(packed.data, packed.len, text, 100000));
	gzip_free(gzip);
	buf_free(&packed);
	free(text);
	free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_gzip_is_wanted_only_when_it_is_asked_for_and_not_less_than_plain),
		cmocka_unit_test(test_json_is_packed_for_who_asks_and_its_etag_is_another),
		cmocka_unit_test(
			test_small_large_other_and_cookie_setting_answers_are_left_as_they_are),
		cmocka_unit_test(test_what_another_sites_page_asks_with_a_cookie_is_not_packed),
		cmocka_unit_test(test_a_packed_text_is_known_again_and_nothing_else_is),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
