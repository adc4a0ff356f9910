/* The parser is http-parser. */
#include "net/http_parse.h"

#include <http_parser.h>

_Static_assert(sizeof(http_parser) <= HTTP_PARSE_BYTES, "the parser must fit");
_Static_assert(HTTP_PARSE_HEAD_MOST <= HTTP_MAX_HEADER_SIZE, "the library decides");

static http_parser *parser_of(struct http_parse *parse)
{
	return (http_parser *)(void *)parse->opaque;
}

static int on_name(http_parser *parser, const char *at, size_t len)
{
	struct http_parse *parse = parser->data;

	return parse->calls->name(parse->data, at, len) ? 0 : -1;
}

static int on_value(http_parser *parser, const char *at, size_t len)
{
	struct http_parse *parse = parser->data;

	return parse->calls->value(parse->data, at, len) ? 0 : -1;
}

static int on_body(http_parser *parser, const char *at, size_t len)
{
	struct http_parse *parse = parser->data;

	return parse->calls->body(parse->data, at, len) ? 0 : -1;
}

static int on_complete(http_parser *parser)
{
	struct http_parse *parse = parser->data;

	return parse->calls->complete(parse->data) ? 0 : -1;
}

void http_parse_begin(struct http_parse *parse, const struct http_parse_calls *calls, void *data)
{
	parse->calls = calls;
	parse->data = data;
	http_parser_init(parser_of(parse), HTTP_REQUEST);
	parser_of(parse)->data = parse;
}

bool http_parse_feed(struct http_parse *parse, const char *bytes, size_t len)
{
	static const http_parser_settings settings = {.on_header_field = on_name,
		.on_header_value = on_value,
		.on_body = on_body,
		.on_message_complete = on_complete};
	http_parser *parser = parser_of(parse);

	return len == 0 || (http_parser_execute(parser, &settings, bytes, len) == len &&
				   HTTP_PARSER_ERRNO(parser) == HPE_OK);
}

const char *http_parse_words(int status)
{
	const char *words = http_status_str((enum http_status)status);

	return *words == '<' ? "" : words;
}
