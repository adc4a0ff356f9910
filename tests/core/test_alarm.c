/* Alarms: tasks that wait for a time, for each other, or for the end of their state. */
#include "state_place.h"

/* A waiting task: starts handle, whose end is noted in `out`. */
static void start(struct outcome *out)
{
	*out = (struct outcome){0};
	state_handle(here.state, &request, done, out);
}

static void turn(void)
{
	for (int i = 0; i < 5; i++)
		uv_run(&here.loop, UV_RUN_NOWAIT);
}

static void test_an_alarm_rings_when_its_time_has_come(void **state)
{
	(void)state;
	skip_when_fresh();
	serve("local alarm, clock = require 'core.alarm'.new(), require 'core.clock'\n"
	      "main.handle = function() local began = clock.mono()\n"
	      "  local why = alarm:wait(20)\n"
	      "  return said(why, clock.mono() - began >= 20e6) end");

	assert_says("time true");
	assert_says("time true");
}

static void test_a_task_can_wake_another_before_its_time(void **state)
{
	struct outcome waits, rings;

	(void)state;
	skip_when_fresh();
	serve("local alarm = require 'core.alarm'.new()\n"
	      "local first = true\n"
	      "main.handle = function() if first then first = false\n"
	      "  return said(alarm:wait(3600000)) end\n"
	      "  alarm:ring() return said('rang') end");

	start(&waits);
	turn();
	assert_int_equal(waits.calls, 0);
	start(&rings);

	assert_string_equal(rings.body, "rang");
	assert_int_equal(waits.calls, 0); /* not inside the call that rang */
	turn();
	assert_string_equal(waits.body, "rung");
}

static void test_a_ring_that_nobody_heard_ends_the_next_wait(void **state)
{
	(void)state;
	serve("local alarm = require 'core.alarm'.new()\n"
	      "main.handle = function() alarm:ring() alarm:ring()\n"
	      "  return said(alarm:wait(3600000), pcall(alarm.wait, alarm, -1)) end");

	assert_tells(handle().body, "rung false");
}

static void test_the_end_of_a_state_ends_its_waits(void **state)
{
	struct outcome out;

	(void)state;
	skip_when_fresh();
	serve("local alarm = require 'core.alarm'.new()\n"
	      "main.handle = function()\n"
	      "  return said(alarm:wait(3600000), alarm:wait(3600000)) end");
	start(&out);
	turn();

	state_retire(here.state);
	here.state = NULL;
	turn();

	assert_int_equal(out.calls, 1);
	assert_string_equal(out.body, "over over");
}

static void test_one_alarm_has_one_who_waits(void **state)
{
	struct outcome waits, other;

	(void)state;
	skip_when_fresh();
	serve("local alarm = require 'core.alarm'.new()\n"
	      "main.handle = function() return said(alarm:wait(3600000)) end");
	start(&waits);
	start(&other);

	assert_int_equal(other.rc, TM_ESCRIPT);
	assert_tells(other.text, "another task waits for this alarm");
	state_retire(here.state);
	here.state = NULL;
	turn();
	assert_string_equal(waits.body, "over");
}

static void test_a_virtual_clock_rings_in_the_order_of_the_times(void **state)
{
	struct outcome late, early, moves, other;

	(void)state;
	skip_when_fresh();
	serve("local alarms, clock = require 'core.alarm', require 'core.clock'\n"
	      "local waits, heard = { 2000, 1000 }, {}\n"
	      "clock.set(0)\n"
	      "main.handle = function() local ms = table.remove(waits, 1)\n"
	      "  if ms then local why = alarms.new():wait(ms)\n"
	      "    heard[#heard + 1] = why .. ms\n"
	      "    return said(ms, clock.now()) end\n"
	      "  clock.advance(1500) return said(clock.now(), table.concat(heard, ',')) end");
	start(&late);
	start(&early);
	turn();
	assert_int_equal(late.calls + early.calls, 0);

	start(&moves);
	assert_string_equal(moves.body, "1500 ");
	turn();
	assert_int_equal(late.calls, 0);
	assert_string_equal(early.body, "1000 1500");
	start(&moves);
	turn();
	assert_string_equal(late.body, "2000 3000");
	start(&other);
	assert_string_equal(other.body, "4500 time1000,time2000");
}

static void test_the_machines_clock_takes_over_what_a_virtual_one_left(void **state)
{
	struct outcome waits;

	(void)state;
	skip_when_fresh();
	serve("local alarm, clock = require 'core.alarm'.new(), require 'core.clock'\n"
	      "local first = true\n"
	      "clock.set(clock.now())\n"
	      "main.handle = function() if first then first = false\n"
	      "  return said(alarm:wait(10)) end\n"
	      "  clock.reset() return said('reset') end");
	start(&waits);
	turn();
	assert_int_equal(waits.calls, 0);

	assert_says("reset");
	uv_run(&here.loop, UV_RUN_DEFAULT);

	assert_string_equal(waits.body, "time");
}

/* A reader that waits holds no snapshot meanwhile: the write-ahead log could not be emptied. */
static void test_a_waiting_reader_leaves_its_unit(void **state)
{
	struct outcome out;
	struct store_wal *wal;
	struct err err;
	int64_t left = -1;

	(void)state;
	skip_when_fresh();
	serve("local alarm = require 'core.alarm'.new()\n"
	      "main.handle = function() store.query 'SELECT 1'\n"
	      "  return said(alarm:wait(3600000), #store.query 'SELECT 1') end");
	start(&out);
	turn();
	assert_int_equal(out.calls, 0);

	assert_int_equal(store_wal_open(&wal, here.store, &err), 0);
	assert_int_equal(store_wal_checkpoint(wal, STORE_TRUNCATE, 0, &left, &err), 0);
	store_wal_close(wal);

	state_retire(here.state);
	here.state = NULL;
	turn();
	assert_string_equal(out.body, "over 1");
}

static void test_nobody_waits_in_the_lane(void **state)
{
	struct outcome out;
	int rc;

	(void)state;
	serve_lane("local alarm = require 'core.alarm'.new()\n"
		   "main.write = function() alarm:wait(1) end");

	out = write_in_lane(false, &rc);

	assert_int_equal(out.rc, TM_ESCRIPT);
	assert_tells(out.text, "a unit of work cannot wait for an alarm");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_an_alarm_rings_when_its_time_has_come),
		TEST(test_a_task_can_wake_another_before_its_time),
		TEST(test_a_ring_that_nobody_heard_ends_the_next_wait),
		TEST(test_the_end_of_a_state_ends_its_waits),
		TEST(test_one_alarm_has_one_who_waits),
		TEST(test_a_virtual_clock_rings_in_the_order_of_the_times),
		TEST(test_the_machines_clock_takes_over_what_a_virtual_one_left),
		TEST(test_a_waiting_reader_leaves_its_unit),
		TEST(test_nobody_waits_in_the_lane),
	};

	if (hash_start() < 0)
		return 1;
	return cmocka_run_group_tests_name("alarm", tests, NULL, NULL);
}
