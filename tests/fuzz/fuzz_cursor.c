/* The cursor of a list: as a text that somebody sends, and (with the seal opened) as any bytes in
 * its place. The first byte chooses which, and how the list is sorted. */
#include "fuzz.h"

#include "base/buf.h"
#include "fuzz/place.h"
#include "text/json_in.h"

static const char *const sorts[] = {"", "sort=-score&", "sort=name,-id&", "sort=-company,score&",
	"sort=-changed_at&region=east&", "sort=stage&score.ge=10&", "sort=accept_by&",
	"sort=-id&fields=name&"};

static void check(const struct place_answer *answer)
{
	struct json_fault fault;
	json_t *value = json_in_parse(answer->body, answer->len, &fault);

	must(answer->status == 200 || answer->status == 400);
	must(json_is_object(value));
	json_decref(value);
}

void fuzz_start(void)
{
	place_start();
}

void fuzz_one(const uint8_t *data, size_t size)
{
	struct buf query = BUF_EMPTY;
	bool opened;

	if (size < 2)
		return;
	opened = data[0] & 8;
	buf_puts(&query, sorts[data[0] & 7]);
	buf_puts(&query, "cursor=");
	if (opened)
		buf_putc(&query, 'x');
	else
		buf_append(&query, data + 1, size - 1);
	place_ask(data[0] & 16 ? "/1/api/v1/lead" : "/2/api/v1/lead", query.data, query.len,
		(const char *)data + 1, opened ? size - 1 : 0, check);
	buf_free(&query);
}
