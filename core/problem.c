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

static const struct words titles[] = {
	{400, "bad-request", "The request cannot be understood", "请求无法识别"},
	{405, "method", "This method is not possible here", "此处不支持该方法"},
	{408, "timeout", "The request took too long to arrive", "请求接收超时"},
	{413, "too-large", "The request is too large", "请求过大"},
	{414, "too-long", "The address is too long", "网址过长"},
	{417, "expectation", "This expectation cannot be met", "无法满足请求的期望"},
	{429, "too-many", "Too many requests; try again later", "请求过多，请稍后重试"},
	{421, "misdirected", "Nobody is served under this address", "此地址没有对应的公司"},
	{431, "head-too-large", "The head of the request is too large", "请求头过大"},
	{500, "failed", "Something went wrong in the server", "服务器内部出错"},
	{501, "not-implemented", "The server does not know this method or coding",
		"服务器不支持此方法或编码"},
	{503, "busy", "The server is busy; try again soon", "服务器繁忙，请稍后重试"},
	{505, "http-version", "The server speaks HTTP/1.1", "服务器只支持 HTTP/1.1"},
};

/* Whoever sends it again may do the same thing twice: neither "busy" nor "try again". */
static const struct words unknown = {503, "outcome-unknown",
	"Whether the change was kept is not known; look before you send it again",
	"无法确定更改是否已保存，请先查看，再决定是否重新提交"};

/* What more is said, of requests whose head was understood: before that, nobody's language is
 * known. */
static const struct {
	const char *en, *zh;
} details[] = {
	{PROBLEM_NOTHING_CHANGED, "没有任何更改"},
	{PROBLEM_INTERRUPTED, "处理被中断，没有任何更改"},
	{PROBLEM_DISK_FULL, "磁盘空间不足，没有任何更改"},
	{PROBLEM_TOO_MANY, "等待处理的更改过多"},
	{PROBLEM_TOO_MANY_READS, "等待处理的耗时查询过多"},
	{PROBLEM_GAVE_WAY, "此查询耗时较长，而此时写入较多，请稍后重试"},
	{"The head is malformed.", "请求头格式错误。"},
	{"Too many connections are open from this address.", "此地址打开的连接过多。"},
	{"Too many requests came from this address.", "此地址的请求过多。"},
	{"The connection ended inside a request.", "请求尚未发送完，连接就已关闭。"},
	{"The body of the request came too slowly.", "请求正文发送过慢。"},
	{"The body is malformed.", "请求正文格式错误。"},
	{"The body is too long.", "请求正文过长。"},
	{"There is no memory for the body.", "没有内存接收请求正文。"},
	{"The answer could not be sent as it was made.", "应答无法按原样发送。"},
	{"A chunk's size is malformed.", "分块的长度格式错误。"},
	{"A chunk's size does not end with CR and LF.", "分块的长度行没有以 CR 和 LF 结尾。"},
	{"A chunk's extension is malformed.", "分块的扩展格式错误。"},
	{"The chunk extensions are too long.", "分块的扩展过长。"},
	{"A chunk does not end with CR and LF.", "分块没有以 CR 和 LF 结尾。"},
	{"A trailer is malformed.", "尾部字段格式错误。"},
	{"The trailers are too long.", "尾部字段过长。"},
	{"The request has too many trailers.", "尾部字段过多。"},
};

static const struct words *words_for(int status)
{
	for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++)
		if (titles[i].status == status)
			return &titles[i];
	return &titles[0];
}

static const char *in_chinese(const char *detail)
{
	for (size_t i = 0; i < sizeof details / sizeof details[0]; i++)
		if (strcmp(details[i].en, detail) == 0)
			return details[i].zh;
	return detail;
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

static void put(struct buf *to, const char *name, const char *text)
{
	buf_printf(to, ",\"%s\":", name);
	json_out_string(to, text, strlen(text));
}

static void write_with(struct buf *to, const struct http_request *request,
	const struct words *words, const char *detail)
{
	bool chinese = reads_chinese(request);

	buf_printf(to, "{\"type\":\"urn:tidemill:problem:%s\"", words->code);
	put(to, "title", chinese ? words->zh : words->en);
	buf_printf(to, ",\"status\":%d", words->status);
	if (detail != NULL)
		put(to, "detail", chinese ? in_chinese(detail) : detail);
	put(to, "request", request->id);
	buf_puts(to, "}");
}

void problem_write(
	struct buf *to, const struct http_request *request, int status, const char *detail)
{
	struct words words = *words_for(status);

	words.status = status;
	write_with(to, request, &words, detail);
}

/* `more` is a header of this problem, or has no name. */
static void answer(struct http_exchange *exchange, int status, const struct buf *body,
	struct http_answer_header more)
{
	struct http_answer_header headers[] = {
		{"content-type", {"application/problem+json", strlen("application/problem+json")}},
		{"cache-control", {"no-store", strlen("no-store")}},
		{"x-content-type-options", {"nosniff", strlen("nosniff")}},
		more,
	};

	http_answer(exchange, &(struct http_answer){.status = status,
				      .headers = headers,
				      .header_count = more.name != NULL ? 4 : 3,
				      .body = {body->data, body->len}});
}

void problem_answer(struct http_exchange *exchange, int status, const char *detail)
{
	struct http_answer_header again = {status == 503 ? "retry-after" : NULL, {"1", 1}};
	struct buf body = BUF_EMPTY;

	problem_write(&body, http_exchange_request(exchange), status, detail);
	answer(exchange, status, &body, again);
	buf_free(&body);
}

void problem_answer_reads_only(struct http_exchange *exchange)
{
	struct http_answer_header allow = {"allow", {"GET, HEAD", strlen("GET, HEAD")}};
	struct buf body = BUF_EMPTY;

	problem_write(&body, http_exchange_request(exchange), 405, NULL);
	answer(exchange, 405, &body, allow);
	buf_free(&body);
}

void problem_answer_unknown(struct http_exchange *exchange)
{
	struct buf body = BUF_EMPTY;

	write_with(&body, http_exchange_request(exchange), &unknown, NULL);
	answer(exchange, unknown.status, &body, (struct http_answer_header){0});
	buf_free(&body);
}

void problem_answer_breach(struct http_exchange *exchange, const char *plugin, bool memory)
{
	char en[160], zh[200];
	struct words words = {500, "over-budget", en, zh};
	struct buf body = BUF_EMPTY;

	snprintf(en, sizeof en, "The %s%s %s", plugin[0] != '\0' ? "plugin " : "request", plugin,
		memory ? "needed too much memory" : "took too long");
	snprintf(zh, sizeof zh, "%s%s%s%s", plugin[0] != '\0' ? "插件 " : "请求", plugin,
		plugin[0] != '\0' ? " " : "", memory ? "占用内存过多" : "运行时间过长");
	write_with(&body, http_exchange_request(exchange), &words, PROBLEM_NOTHING_CHANGED);
	answer(exchange, words.status, &body, (struct http_answer_header){0});
	buf_free(&body);
}
