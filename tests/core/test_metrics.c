/* Metrics: what is counted shows, summed up as Prometheus wants it. */
#include "base/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <uv.h>

static void check_line(struct metrics *metrics, const char *line)
{
	struct buf out = BUF_EMPTY;
	char whole[256];

	metrics_write(metrics, &out);
	snprintf(whole, sizeof whole, "\n%s\n", line);
	if (strstr(buf_text(&out), whole) == NULL)
		print_message("%s\n", buf_text(&out));
	assert_non_null(strstr(buf_text(&out), whole));
	buf_free(&out);
}

static void test_requests_are_counted_by_route_lane_and_status(void **state)
{
	struct metrics *metrics = metrics_new();
	unsigned get = metrics_route(metrics, "GET /api/v1/lead/{id}");

	(void)state;
	metrics_request(metrics, get, METRICS_WORKER, 200, 100 * 1000);
	metrics_request(metrics, get, METRICS_WORKER, 204, 400 * 1000);
	metrics_request(metrics, get, METRICS_WORKER, 404, 9000 * 1000 * INT64_C(1000));
	metrics_request(metrics, 0, METRICS_HOME, 503, 1000);

	check_line(metrics, "tidemill_requests_total{route=\"GET "
			    "/api/v1/lead/{id}\",lane=\"worker\",status=\"2xx\"} 2");
	check_line(metrics, "tidemill_requests_total{route=\"GET "
			    "/api/v1/lead/{id}\",lane=\"worker\",status=\"4xx\"} 1");
	check_line(
		metrics, "tidemill_requests_total{route=\"other\",lane=\"home\",status=\"5xx\"} 1");
	metrics_free(metrics);
}

static void test_breaks_are_counted_by_plugin_of_which_so_many_have_names(void **state)
{
	struct metrics *metrics = metrics_new();
	char name[16];

	(void)state;
	metrics_break(metrics, "lead", false);
	metrics_break(metrics, "lead", false);
	metrics_break(metrics, "lead", true);
	metrics_break(metrics, "", true);
	metrics_break(metrics, "a\"b", true);
	for (int i = 0; i < 2 * METRICS_PLUGINS; i++) {
		snprintf(name, sizeof name, "p%d", i);
		metrics_break(metrics, name, false);
	}

	check_line(metrics, "tidemill_budget_breaks_total{plugin=\"lead\",of=\"time\"} 2");
	check_line(metrics, "tidemill_budget_breaks_total{plugin=\"lead\",of=\"memory\"} 1");
	check_line(metrics, "tidemill_budget_breaks_total{plugin=\"\",of=\"memory\"} 1");
	check_line(metrics, "tidemill_budget_breaks_total{plugin=\"a_b\",of=\"memory\"} 1");
	check_line(metrics, "tidemill_budget_breaks_total{plugin=\"other\",of=\"time\"} 68");
	metrics_free(metrics);
}

static void test_buckets_hold_all_that_is_not_above_them(void **state)
{
	struct metrics *metrics = metrics_new();

	(void)state;
	metrics_commit(metrics, 1, 250 * 1000);
	metrics_commit(metrics, 64, 251 * 1000);
	metrics_commit(metrics, 65, 6000 * INT64_C(1000000));

	check_line(metrics, "tidemill_commit_seconds_bucket{le=\"0.000250\"} 1");
	check_line(metrics, "tidemill_commit_seconds_bucket{le=\"0.000500\"} 2");
	check_line(metrics, "tidemill_commit_seconds_bucket{le=\"5.000000\"} 2");
	check_line(metrics, "tidemill_commit_seconds_bucket{le=\"+Inf\"} 3");
	check_line(metrics, "tidemill_commit_seconds_sum 6.000501");
	check_line(metrics, "tidemill_commit_seconds_count 3");
	check_line(metrics, "tidemill_commit_units_bucket{le=\"1\"} 1");
	check_line(metrics, "tidemill_commit_units_bucket{le=\"64\"} 2");
	check_line(metrics, "tidemill_commit_units_sum 130");
	metrics_free(metrics);
}

static void test_a_route_keeps_its_number_and_too_many_are_others(void **state)
{
	struct metrics *metrics = metrics_new();
	char name[32];

	(void)state;
	assert_int_equal(metrics_route(metrics, "GET /a"), metrics_route(metrics, "GET /a"));
	assert_int_not_equal(metrics_route(metrics, "GET /a"), metrics_route(metrics, "GET /b"));
	for (int i = 0; i < METRICS_ROUTES; i++) {
		snprintf(name, sizeof name, "GET /%d", i);
		metrics_route(metrics, name);
	}
	assert_int_equal(metrics_route(metrics, "GET /one more"), 0);
	metrics_free(metrics);
}

static void test_gauges_rise_and_fall(void **state)
{
	struct metrics *metrics = metrics_new();

	(void)state;
	metrics_gauge_add(metrics, METRICS_CONNECTIONS, 3);
	metrics_gauge_add(metrics, METRICS_CONNECTIONS, -1);
	metrics_gauge_set(metrics, METRICS_WAL_BYTES, 4096);
	metrics_generation(metrics, "acme", "abc");

	check_line(metrics, "tidemill_connections 2");
	check_line(metrics, "tidemill_wal_bytes 4096");
	check_line(metrics, "tidemill_generation_info{tenant=\"acme\",hash=\"abc\"} 1");
	metrics_free(metrics);
}

static void count_much(void *data)
{
	unsigned route = metrics_route(data, "GET /x");

	for (int i = 0; i < 10000; i++)
		metrics_request(data, route, METRICS_WORKER, 200, 1000);
}

static void test_no_count_of_several_threads_is_lost(void **state)
{
	struct metrics *metrics = metrics_new();
	uv_thread_t threads[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(uv_thread_create(&threads[i], count_much, metrics), 0);
	for (int i = 0; i < 4; i++)
		uv_thread_join(&threads[i]);

	check_line(metrics,
		"tidemill_requests_total{route=\"GET /x\",lane=\"worker\",status=\"2xx\"} 40000");
	metrics_free(metrics);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests_are_counted_by_route_lane_and_status),
		cmocka_unit_test(test_breaks_are_counted_by_plugin_of_which_so_many_have_names),
		cmocka_unit_test(test_buckets_hold_all_that_is_not_above_them),
		cmocka_unit_test(test_a_route_keeps_its_number_and_too_many_are_others),
		cmocka_unit_test(test_gauges_rise_and_fall),
		cmocka_unit_test(test_no_count_of_several_threads_is_lost),
	};

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
