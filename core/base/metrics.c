#include "base/metrics.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	NAME_MAX_LEN = 128,
	LANES = 3,
	CLASSES = 5,
	BOUNDS = 12,
	HASH_TEXT = 65,
	TENANT_TEXT = 65,
	TENANTS = 1024
};

static const int64_t bounds_us[BOUNDS] = {
	250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000, 5000000};
static const int64_t bounds_units[BOUNDS] = {1, 2, 4, 8, 12, 16, 24, 32, 40, 48, 56, 64};

struct histogram {
	_Atomic uint64_t counts[BOUNDS + 1]; /* each alone; they are summed up when written */
	_Atomic int64_t sum;
};

struct route {
	char name[NAME_MAX_LEN];
	struct histogram seconds[LANES];
	_Atomic uint64_t statuses[LANES][CLASSES];
};

struct breaks {
	char plugin[NAME_MAX_LEN];
	_Atomic uint64_t time, memory;
};

struct metrics {
	pthread_mutex_t lock; /* for names, the number of routes and plugins, and the hashes */
	unsigned route_count, plugin_count;
	struct generation_info {
		char tenant[TENANT_TEXT], hash[HASH_TEXT];
	} generations[TENANTS];
	bool shared;
	int64_t began_ms;
	struct histogram commit_seconds, commit_units;
	_Atomic uint64_t counters[METRICS_COUNTERS];
	_Atomic int64_t gauges[METRICS_GAUGES];
	struct route routes[METRICS_ROUTES];
	struct breaks breaks[METRICS_PLUGINS];
};

struct metrics *metrics_new(void)
{
	struct metrics *metrics = calloc(1, sizeof *metrics);

	if (metrics == NULL)
		return NULL;
	pthread_mutex_init(&metrics->lock, NULL);
	strcpy(metrics->routes[0].name, "other");
	metrics->route_count = 1;
	strcpy(metrics->breaks[0].plugin, "other");
	metrics->plugin_count = 1;
	metrics->began_ms = clock_utc_ms();
	return metrics;
}

void metrics_free(struct metrics *metrics)
{
	if (metrics == NULL)
		return;
	pthread_mutex_destroy(&metrics->lock);
	free(metrics);
}

unsigned metrics_route(struct metrics *metrics, const char *name)
{
	unsigned found = 0;

	pthread_mutex_lock(&metrics->lock);
	for (unsigned i = 1; i < metrics->route_count && found == 0; i++)
		if (strncmp(metrics->routes[i].name, name, NAME_MAX_LEN - 1) == 0)
			found = i;
	if (found == 0 && metrics->route_count < METRICS_ROUTES) {
		found = metrics->route_count++;
		snprintf(metrics->routes[found].name, NAME_MAX_LEN, "%s", name);
	}
	pthread_mutex_unlock(&metrics->lock);
	return found;
}

static void add(_Atomic uint64_t *count)
{
	atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
}

static void observe(struct histogram *histogram, const int64_t *bounds, int64_t value)
{
	int at = 0;

	while (at < BOUNDS && value > bounds[at])
		at++;
	add(&histogram->counts[at]);
	atomic_fetch_add_explicit(&histogram->sum, value, memory_order_relaxed);
}

void metrics_request(struct metrics *metrics, unsigned number, enum metrics_lane lane, int status,
	int64_t nanoseconds)
{
	struct route *route = &metrics->routes[number < METRICS_ROUTES ? number : 0];
	int class = status / 100;

	if (class < 1 || class > CLASSES)
		return;
	add(&route->statuses[lane][class - 1]);
	observe(&route->seconds[lane], bounds_us, nanoseconds / 1000);
}

void metrics_commit(struct metrics *metrics, unsigned units, int64_t nanoseconds)
{
	observe(&metrics->commit_units, bounds_units, units);
	observe(&metrics->commit_seconds, bounds_us, nanoseconds / 1000);
}

/* Labels are between quotes. */
static void set_label(char label[static NAME_MAX_LEN], const char *text)
{
	snprintf(label, NAME_MAX_LEN, "%s", text);
	for (char *c = label; *c != '\0'; c++)
		if (*c == '"' || *c == '\\' || *c == '\n')
			*c = '_';
}

void metrics_break(struct metrics *metrics, const char *plugin, bool memory)
{
	char label[NAME_MAX_LEN];
	struct breaks *breaks = metrics->breaks;

	set_label(label, plugin);
	pthread_mutex_lock(&metrics->lock);
	for (unsigned i = 1; i < metrics->plugin_count && breaks == metrics->breaks; i++)
		if (strcmp(metrics->breaks[i].plugin, label) == 0)
			breaks = &metrics->breaks[i];
	if (breaks == metrics->breaks && metrics->plugin_count < METRICS_PLUGINS) {
		breaks = &metrics->breaks[metrics->plugin_count++];
		strcpy(breaks->plugin, label);
	}
	pthread_mutex_unlock(&metrics->lock);
	add(memory ? &breaks->memory : &breaks->time);
}

void metrics_count(struct metrics *metrics, enum metrics_counter counter)
{
	add(&metrics->counters[counter]);
}

void metrics_add(struct metrics *metrics, enum metrics_counter counter, uint64_t more)
{
	atomic_fetch_add_explicit(&metrics->counters[counter], more, memory_order_relaxed);
}

void metrics_gauge_add(struct metrics *metrics, enum metrics_gauge gauge, int64_t change)
{
	atomic_fetch_add_explicit(&metrics->gauges[gauge], change, memory_order_relaxed);
}

void metrics_gauge_set(struct metrics *metrics, enum metrics_gauge gauge, int64_t value)
{
	atomic_store_explicit(&metrics->gauges[gauge], value, memory_order_relaxed);
}

void metrics_generation(struct metrics *metrics, const char *tenant, const char *hash)
{
	pthread_mutex_lock(&metrics->lock);
	for (struct generation_info *one = metrics->generations;
		one < metrics->generations + TENANTS; one++)
		if (one->tenant[0] == '\0' || strcmp(one->tenant, tenant) == 0) {
			snprintf(one->tenant, sizeof one->tenant, "%s", tenant);
			snprintf(one->hash, sizeof one->hash, "%s", hash);
			break;
		}
	pthread_mutex_unlock(&metrics->lock);
}

/* Writing */

static const char *const lane_names[LANES] = {"worker", "home", "slow"};

static void put_head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Values are kept as whole microseconds, or as counts when `per` is 1. */
static void put_number(struct buf *out, int64_t value, int64_t per)
{
	if (per == 1)
		buf_printf(out, "%lld", (long long)value);
	else
		buf_printf(out, "%lld.%06lld", (long long)(value / per), (long long)(value % per));
}

static uint64_t total_of(const struct histogram *histogram)
{
	uint64_t total = 0;

	for (int i = 0; i <= BOUNDS; i++)
		total += atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
	return total;
}

/* `labels` is empty, or ends with a comma. */
static void put_histogram(struct buf *out, const char *name, const char *labels,
	const struct histogram *histogram, const int64_t *bounds, int64_t per)
{
	uint64_t sum = 0;
	int len = (int)strlen(labels);

	for (int i = 0; i < BOUNDS; i++) {
		sum += atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
		buf_printf(out, "%s_bucket{%sle=\"", name, labels);
		put_number(out, bounds[i], per);
		buf_printf(out, "\"} %llu\n", (unsigned long long)sum);
	}
	sum += atomic_load_explicit(&histogram->counts[BOUNDS], memory_order_relaxed);
	buf_printf(out, "%s_bucket{%sle=\"+Inf\"} %llu\n", name, labels, (unsigned long long)sum);
	buf_printf(out, len > 0 ? "%s_sum{%.*s} " : "%s_sum%.*s ", name, len - (len > 0), labels);
	put_number(out, atomic_load_explicit(&histogram->sum, memory_order_relaxed), per);
	buf_printf(out, len > 0 ? "\n%s_count{%.*s} %llu\n" : "\n%s_count%.*s %llu\n", name,
		len - (len > 0), labels, (unsigned long long)sum);
}

static void put_statuses(struct buf *out, const struct route *route)
{
	for (int lane = 0; lane < LANES; lane++)
		for (int class = 0; class < CLASSES; class ++) {
			unsigned long long count = atomic_load_explicit(
				&route->statuses[lane][class], memory_order_relaxed);

			if (count > 0)
				buf_printf(out,
					"tidemill_requests_total{route=\"%s\",lane=\"%s\","
					"status=\"%dxx\"} %llu\n",
					route->name, lane_names[lane], class + 1, count);
		}
}

static void put_routes(struct buf *out, const struct metrics *metrics, unsigned count)
{
	char labels[NAME_MAX_LEN + 64];

	put_head(out, "tidemill_requests_total", "counter", "Answered requests.");
	for (unsigned i = 0; i < count; i++)
		put_statuses(out, &metrics->routes[i]);
	put_head(out, "tidemill_request_seconds", "histogram",
		"Time from a request's first byte to the hand-over of its answer.");
	for (unsigned i = 0; i < count; i++)
		for (int lane = 0; lane < LANES; lane++) {
			const struct route *route = &metrics->routes[i];

			if (total_of(&route->seconds[lane]) == 0)
				continue;
			snprintf(labels, sizeof labels, "route=\"%s\",lane=\"%s\",", route->name,
				lane_names[lane]);
			put_histogram(out, "tidemill_request_seconds", labels,
				&route->seconds[lane], bounds_us, 1000000);
		}
}

static void put_counters(struct buf *out, const struct metrics *metrics)
{
	static const struct {
		const char *name, *help;
	} counters[METRICS_COUNTERS] = {
		[METRICS_UNITS_LOST] = {"tidemill_units_lost_total",
			"Changes whose group the store dropped; each ran again, alone."},
		[METRICS_COMMITS_FAILED] = {"tidemill_commits_failed_total",
			"Changes that could not be committed; nothing of them was kept."},
		[METRICS_OUTCOMES_UNKNOWN] = {"tidemill_outcomes_unknown_total",
			"Changes whose sync failed."},
		[METRICS_GENERATIONS] = {"tidemill_generations_total",
			"Generations that came to serve."},
		[METRICS_GENERATIONS_REFUSED] = {"tidemill_generations_refused_total",
			"Generations that were refused."},
		[METRICS_READS_INTERRUPTED] = {"tidemill_reads_interrupted_total",
			"Reads that gave way on a worker and began again on the slow lane."},
		[METRICS_RECORDS_METERED] = {"tidemill_metered_records_total",
			"Records seen through grants that count them."},
		[METRICS_METERED_REFUSED] = {"tidemill_metered_refusals_total",
			"Reads that were refused because as many had been seen as may be."},
	};

	for (int i = 0; i < METRICS_COUNTERS; i++) {
		put_head(out, counters[i].name, "counter", counters[i].help);
		buf_printf(out, "%s %llu\n", counters[i].name,
			(unsigned long long)atomic_load_explicit(
				&metrics->counters[i], memory_order_relaxed));
	}
}

static void put_break(
	struct buf *out, const struct breaks *breaks, const char *of, const _Atomic uint64_t *count)
{
	unsigned long long value = atomic_load_explicit(count, memory_order_relaxed);

	if (value > 0)
		buf_printf(out, "tidemill_budget_breaks_total{plugin=\"%s\",of=\"%s\"} %llu\n",
			breaks->plugin, of, value);
}

static void put_breaks(struct buf *out, const struct metrics *metrics, unsigned count)
{
	put_head(out, "tidemill_budget_breaks_total", "counter",
		"Tasks that were ended for their time or memory, by plugin.");
	for (unsigned i = 0; i < count; i++) {
		put_break(out, &metrics->breaks[i], "time", &metrics->breaks[i].time);
		put_break(out, &metrics->breaks[i], "memory", &metrics->breaks[i].memory);
	}
}

static void put_gauge(struct buf *out, const char *name, const char *help, int64_t value)
{
	put_head(out, name, "gauge", help);
	buf_printf(out, "%s %lld\n", name, (long long)value);
}

static void put_gauges(struct buf *out, const struct metrics *metrics)
{
	static const struct {
		const char *name, *help;
	} gauges[METRICS_GAUGES] = {
		[METRICS_CONNECTIONS] = {"tidemill_connections", "Open connections of clients."},
		[METRICS_HOME_WAITING] = {"tidemill_home_waiting",
			"Changes that wait for the home."},
		[METRICS_SLOW_WAITING] = {"tidemill_slow_waiting",
			"Reads that wait for the slow lane."},
		[METRICS_LUA_BYTES] = {"tidemill_lua_bytes", "Memory of all Lua states."},
		[METRICS_WAL_BYTES] = {"tidemill_wal_bytes", "Size of the write-ahead log."},
	};

	for (int i = 0; i < METRICS_GAUGES; i++)
		put_gauge(out, gauges[i].name, gauges[i].help,
			atomic_load_explicit(&metrics->gauges[i], memory_order_relaxed));
}

static int64_t resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	long long total = 0, resident = 0;

	if (file == NULL)
		return 0;
	if (fscanf(file, "%lld %lld", &total, &resident) != 2)
		resident = 0;
	fclose(file);
	return resident * sysconf(_SC_PAGESIZE);
}

/* One for each tenant that is open. */
static void put_generations(struct buf *out, struct metrics *metrics)
{
	put_head(out, "tidemill_generation_info", "gauge", "The generation that serves.");
	pthread_mutex_lock(&metrics->lock);
	for (const struct generation_info *one = metrics->generations;
		one < metrics->generations + TENANTS && one->tenant[0] != '\0'; one++)
		if (one->hash[0] != '\0')
			buf_printf(out, "tidemill_generation_info{tenant=\"%s\",hash=\"%s\"} 1\n",
				one->tenant, one->hash);
	pthread_mutex_unlock(&metrics->lock);
}

void metrics_share(struct metrics *metrics)
{
	metrics->shared = true;
}

bool metrics_are_shared(const struct metrics *metrics)
{
	return metrics->shared;
}

void metrics_write(struct metrics *metrics, struct buf *out)
{
	unsigned count, plugins;

	pthread_mutex_lock(&metrics->lock);
	count = metrics->route_count;
	plugins = metrics->plugin_count;
	pthread_mutex_unlock(&metrics->lock);

	put_routes(out, metrics, count);
	put_head(out, "tidemill_commit_seconds", "histogram", "Time of a commit with its sync.");
	put_histogram(
		out, "tidemill_commit_seconds", "", &metrics->commit_seconds, bounds_us, 1000000);
	put_head(out, "tidemill_commit_units", "histogram", "Changes that shared a commit.");
	put_histogram(out, "tidemill_commit_units", "", &metrics->commit_units, bounds_units, 1);
	put_counters(out, metrics);
	put_breaks(out, metrics, plugins);
	put_gauges(out, metrics);
	put_generations(out, metrics);
	put_gauge(out, "process_resident_memory_bytes", "Resident memory.", resident_bytes());
	put_gauge(out, "process_start_time_seconds",
		"When the process began, as UTC seconds since 1970.", metrics->began_ms / 1000);
}
