#include "problem.h"

#include "text/json_out.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct words {
	int status;
	const char *code, *en, *zh;
};

static const struct words known[] = {
	{400, "bad-request", "The request cannot be understood", "请求无法识别"},
	{408, "timeout", "The request took too long to arrive", "请求接收超时"},
	{413, "too-large", "The request is too large", "请求过大"},
	{414, "too-long", "The address is too long", "网址过长"},
	{417, "expectation", "This expectation cannot be met", "无法满足请求的期望"},
	{431, "head-too-large", "The head of the request is too large", "请求头过大"},
	{500, "failed", "Something went wrong in the server", "服务器内部出错"},
	{501, "not-implemented", "The server does not know this method or coding",
		"服务器不支持此方法或编码"},
	{503, "busy", "The server is busy; try again soon", "服务器繁忙，请稍后重试"},
	{505, "http-version", "The server speaks HTTP/1.1", "服务器只支持 HTTP/1.1"},
};

static const struct words *words_for(int status)
{
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (known[i].status == status)
			return &known[i];
	return &known[0];
}

/* Chinese is spoken to whoever names it first (scripts/i18n.lua weighs more finely). */
static bool reads_chinese(const struct http_request *request)
{
	for (unsigned i = 0; request != NULL && i < request->header_count; i++) {
		const struct http_header *header = &request->headers[i];

		if (header->name.len == strlen("accept-language") &&
			memcmp(header->name.data, "accept-language", header->name.len) == 0)
			return header->value.len >= 2 &&
			       strncasecmp(header->value.data, "zh", 2) == 0;
	}
	return false;
}

static void write_document(struct buf *to, const struct http_request *request,
	const char *request_id, const struct words *words, const char *detail)
{
	buf_printf(to, "{\"type\":\"urn:tidemill:problem:%s\",\"title\":", words->code);
	json_out_string(to, reads_chinese(request) ? words->zh : words->en,
		strlen(reads_chinese(request) ? words->zh : words->en));
	buf_printf(to, ",\"status\":%d", words->status);
	if (detail != NULL && detail[0] != '\0') {
		buf_puts(to, ",\"detail\":");
		json_out_string(to, detail, strlen(detail));
	}
	if (request_id != NULL)
		buf_printf(to, ",\"request\":\"%s\"", request_id);
	buf_puts(to, "}");
}

void problem_write(struct buf *to, const struct http_request *request, const char *request_id,
	int status, const char *detail)
{
	struct words words = *words_for(status);

	words.status = status;
	write_document(to, request, request_id, &words, detail);
}

void problem_answer_breach(struct http_exchange *exchange, const char *plugin, bool memory)
{
	const struct http_request *request = http_exchange_request(exchange);
	struct http_answer_header type = {
		"content-type", {"application/problem+json", strlen("application/problem+json")}};
	struct words words = {500, "over-budget", NULL, NULL};
	struct buf body = BUF_EMPTY;
	char en[160], zh[200];

	snprintf(en, sizeof en, "The %s%s %s", plugin[0] != '\0' ? "plugin " : "request", plugin,
		memory ? "needed too much memory" : "took too long");
	snprintf(zh, sizeof zh, "%s%s%s%s", plugin[0] != '\0' ? "插件 " : "请求", plugin,
		plugin[0] != '\0' ? " " : "", memory ? "占用内存过多" : "运行时间过长");
	words.en = en;
	words.zh = zh;
	write_document(&body, request, request->id, &words, "nothing was changed");
	http_answer(exchange, &(struct http_answer){.status = 500,
				      .headers = &type,
				      .header_count = 1,
				      .body = {body.data, body.len}});
	buf_free(&body);
}

void problem_answer(struct http_exchange *exchange, int status, const char *detail)
{
	const struct http_request *request = http_exchange_request(exchange);
	struct buf body = BUF_EMPTY;
	struct http_answer_header headers[] = {
		{"content-type", {"application/problem+json", strlen("application/problem+json")}},
		{"retry-after", {"1", 1}},
	};

	problem_write(&body, request, request->id, status, detail);
	http_answer(exchange, &(struct http_answer){.status = status,
				      .headers = headers,
				      .header_count = status == 503 ? 2 : 1,
				      .body = {body.data, body.len}});
	buf_free(&body);
}
