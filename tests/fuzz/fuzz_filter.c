/* The query of a list or a sum: whatever it says, it is answered or refused, never with an error of
 * the code or of the store; and what is answered is JSON. The first byte says who asks what. */
#include "fuzz.h"

#include "fuzz/place.h"
#include "text/json_in.h"

static const char *const paths[] = {
	"/1/api/v1/lead",
	"/2/api/v1/lead",
	"/3/api/v1/lead",
	"/1/api/v1/lead/summary",
	"/2/api/v1/opportunity/summary",
	"/1/api/v1/customer",
	"/1/api/v1/position",
	"/2/api/v1/opportunity",
};

static void check(const struct place_answer *answer)
{
	struct json_fault fault;
	json_t *value = json_in_parse(answer->body, answer->len, &fault);

	must(answer->status == 200 || answer->status == 400 || answer->status == 403);
	must(json_is_object(value));
	json_decref(value);
}

void fuzz_start(void)
{
	place_start();
}

void fuzz_one(const uint8_t *data, size_t size)
{
	if (size > 0)
		place_ask(paths[data[0] % 8], (const char *)data + 1, size - 1, "", 0, check);
}
