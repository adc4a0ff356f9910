#include "metering.h"

#include "base/log.h"

#include <stdlib.h>

/* How often it looks; how many entries one write takes, and how many there are in memory. */
enum { PERIOD_MS = 1000, ROWS_MOST = 500, ENTRIES = 1024 };

struct metering {
	struct meters *meters;
	struct home *home; /* NULL before the start, and after the stop */
	struct queue *reply;
	uv_timer_t timer;
	unsigned under_way; /* writes */
	bool closed;        /* the timer is */
	bool failing;
};

struct order {
	struct metering *metering;
	unsigned batch;
};

static void free_if_over(struct metering *metering)
{
	if (!metering->closed || metering->under_way > 0)
		return;
	meters_free(metering->meters);
	free(metering);
}

static void tell_outcome(struct metering *metering, int rc, const char *text)
{
	if (rc != 0 && !metering->failing)
		log_event(LOG_ERROR, "meters", "what was counted cannot be written: %s",
			text != NULL ? text : err_name(rc));
	else if (rc == 0 && metering->failing)
		log_event(LOG_INFO, "meters", "what was counted is written again");
	metering->failing = rc != 0;
}

static void over(struct metering *metering, unsigned batch, int rc, const char *text)
{
	meters_written(metering->meters, batch, rc == 0);
	tell_outcome(metering, rc, text);
}

static void written(struct write *write)
{
	struct order *order = write->data;
	struct metering *metering = order->metering;

	over(metering, order->batch, write->rc, buf_text(&write->answer_text));
	free(order);
	home_write_free(write);
	metering->under_way--;
	free_if_over(metering);
}

/* Hands one batch to the home. False: nothing has changed, or it is refused, to be tried again. */
static bool write_changes(struct metering *metering)
{
	struct write *write = home_write_new(WRITE_BULK);
	struct order *order = malloc(sizeof *order);
	int rc = TM_ENOMEM;

	if (write != NULL && order != NULL) {
		write->work.bulk = false;
		write->reply = metering->reply;
		write->done = written;
		write->data = order;
		buf_append(&write->text, "meter.write", sizeof "meter.write");
		*order = (struct order){.metering = metering,
			.batch = meters_changes(metering->meters, ROWS_MOST, &write->text)};
		if (order->batch != 0 && !write->text.failed)
			rc = home_push(metering->home, write);
		if (rc == 0) {
			metering->under_way++;
			return true;
		}
		if (order->batch != 0)
			over(metering, order->batch, rc, NULL);
	}
	free(order);
	home_write_free(write);
	return false;
}

static void on_period(uv_timer_t *timer)
{
	struct metering *metering = timer->data;

	if (metering->under_way == 0)
		write_changes(metering);
}

static void on_closed(uv_handle_t *handle)
{
	struct metering *metering = handle->data;

	metering->closed = true;
	free_if_over(metering);
}

struct metering *metering_new(uv_loop_t *loop, struct queue *reply)
{
	struct metering *metering = calloc(1, sizeof *metering);

	if (metering != NULL)
		metering->meters = meters_new(ENTRIES);
	if (metering == NULL || metering->meters == NULL) {
		free(metering);
		return NULL;
	}
	metering->reply = reply;
	metering->timer.data = metering;
	uv_timer_init(loop, &metering->timer);
	return metering;
}

struct meters *metering_meters(const struct metering *metering)
{
	return metering->meters;
}

void metering_start(struct metering *metering, struct home *home)
{
	metering->home = home;
	uv_timer_start(&metering->timer, on_period, PERIOD_MS, PERIOD_MS);
}

void metering_stop(struct metering *metering)
{
	if (metering == NULL)
		return;
	while (metering->home != NULL && write_changes(metering))
		;
	metering->home = NULL;
	uv_close((uv_handle_t *)&metering->timer, on_closed);
}
