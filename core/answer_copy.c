#include "answer_copy.h"

#include "base/err.h"

#include <string.h>

int answer_copy(struct http_answer *to, struct buf *memory, const struct http_answer *from)
{
	size_t table = from->header_count * sizeof *from->headers;
	size_t total = table + from->body.len;
	struct http_answer_header *headers;
	char *bytes;

	for (unsigned i = 0; i < from->header_count; i++)
		total += strlen(from->headers[i].name) + 1 + from->headers[i].value.len;
	buf_clear(memory);
	if (buf_reserve(memory, total + 1) == NULL)
		return TM_ENOMEM;
	headers = (struct http_answer_header *)(void *)memory->data;
	bytes = memory->data + table;
	for (unsigned i = 0; i < from->header_count; i++) {
		const struct http_answer_header *header = &from->headers[i];
		size_t name_len = strlen(header->name) + 1;

		headers[i].name = memcpy(bytes, header->name, name_len);
		bytes += name_len;
		headers[i].value.data = memcpy(bytes, header->value.data, header->value.len);
		headers[i].value.len = header->value.len;
		bytes += header->value.len;
	}
	*to = *from;
	to->headers = headers;
	to->body.data = bytes;
	if (from->body.len > 0)
		memcpy(bytes, from->body.data, from->body.len);
	memory->len = total;
	return 0;
}
