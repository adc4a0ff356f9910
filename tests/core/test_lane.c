/* The lane: one at a time, people before bulk, a flush when nothing waits, and lost work again,
 * alone. */
#include "sched/lane.h"

#include "base/clock.h"
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct job {
	struct lane_work work; /* must be first */
	char name;
	bool waits; /* ends on a later turn of the loop */
	int lost;   /* how often its group is still to be lost */
};

struct world {
	uv_loop_t loop;
	struct lane lane;
	uv_idle_t later;
	struct job *waiting;
	struct job *group[16];
	int group_size;
	char story[128]; /* a letter for each run, '!' before one that is alone, '|' for each flush
			  */
	bool drained;
};

static void tell(struct world *world, const char *text)
{
	strncat(world->story, text, sizeof world->story - strlen(world->story) - 1);
}

static void end_later(uv_idle_t *idle)
{
	struct world *world = idle->data;
	struct job *job = world->waiting;

	world->waiting = NULL;
	uv_idle_stop(idle);
	lane_ran(&world->lane, &job->work);
}

static void run(void *owner, struct lane_work *work)
{
	struct world *world = owner;
	struct job *job = (struct job *)work;

	tell(world, work->alone ? (char[]){'!', job->name, 0} : (char[]){job->name, 0});
	world->group[world->group_size++] = job;
	if (job->waits) {
		world->waiting = job;
		uv_idle_start(&world->later, end_later);
		return;
	}
	lane_ran(&world->lane, work);
}

static void flush(void *owner)
{
	struct world *world = owner;
	struct job *group[16];
	int count = world->group_size;
	bool lost = false;

	memcpy(group, world->group, sizeof group);
	world->group_size = 0;
	tell(world, "|");
	for (int i = 0; i < count; i++)
		if (group[i]->lost > 0) {
			group[i]->lost--;
			lost = true;
		}
	for (int i = 0; lost && i < count; i++)
		lane_again(&world->lane, &group[i]->work);
}

static void on_drained(void *owner)
{
	((struct world *)owner)->drained = true;
}

static void begin_within(struct world *world, const struct lane_bounds *bounds)
{
	struct lane_owner owner = {.run = run, .flush = flush, .owner = world};

	*world = (struct world){0};
	uv_loop_init(&world->loop);
	uv_idle_init(&world->loop, &world->later);
	world->later.data = world;
	assert_int_equal(lane_init(&world->lane, &world->loop, bounds, &owner), 0);
}

static void begin(struct world *world, unsigned limit, unsigned group_limit)
{
	begin_within(world, &(struct lane_bounds){limit, group_limit, INT64_MAX});
}

static void end(struct world *world)
{
	lane_close(&world->lane, on_drained);
	uv_run(&world->loop, UV_RUN_NOWAIT);
	uv_close((uv_handle_t *)&world->later, NULL);
	uv_run(&world->loop, UV_RUN_DEFAULT);
	assert_true(world->drained);
	lane_destroy(&world->lane);
	assert_int_equal(uv_loop_close(&world->loop), 0);
}

static void test_what_waits_together_shares_one_flush(void **state)
{
	struct job jobs[] = {{.name = 'a'}, {.name = 'b'}, {.name = 'c'}};
	struct world world;

	(void)state;
	begin(&world, 8, 8);
	for (int i = 0; i < 3; i++)
		assert_int_equal(lane_push(&world.lane, &jobs[i].work), 0);

	uv_run(&world.loop, UV_RUN_NOWAIT);

	assert_string_equal(world.story, "abc|");
	end(&world);
}

static void test_people_go_before_bulk(void **state)
{
	struct job jobs[] = {
		{.name = 'x', .work.bulk = true}, {.name = 'y', .work.bulk = true}, {.name = 'a'}};
	struct world world;

	(void)state;
	begin(&world, 8, 8);
	for (int i = 0; i < 3; i++)
		lane_push(&world.lane, &jobs[i].work);

	uv_run(&world.loop, UV_RUN_NOWAIT);

	assert_string_equal(world.story, "a|x|y|");
	end(&world);
}

static bool is_capital(void *owner, const struct lane_work *work)
{
	const struct job *job = (const struct job *)work;

	(void)owner;
	return job->name < 'a';
}

static void test_work_that_gives_way_goes_after_all_others_and_goes(void **state)
{
	struct job jobs[] = {{.name = 'A'}, {.name = 'B'}, {.name = 'a'},
		{.name = 'x', .work.bulk = true}, {.name = 'b'}};
	struct world world;

	(void)state;
	begin(&world, 8, 8);
	world.lane.owner.gives_way = is_capital;
	for (int i = 0; i < 5; i++)
		assert_int_equal(lane_push(&world.lane, &jobs[i].work), 0);

	uv_run(&world.loop, UV_RUN_NOWAIT);

	assert_string_equal(world.story, "ab|x|A|B|");
	assert_int_equal(atomic_load(&world.lane.waiting), 0);
	end(&world);
}

static void test_who_comes_during_a_slice_goes_before_the_next_and_shares_its_commit(void **state)
{
	struct job jobs[] = {{.name = 'x', .work.bulk = true, .waits = true},
		{.name = 'y', .work.bulk = true}, {.name = 'a'}, {.name = 'b'}};
	struct world world;

	(void)state;
	begin(&world, 8, 8);
	lane_push(&world.lane, &jobs[0].work);
	lane_push(&world.lane, &jobs[1].work);
	while (world.waiting == NULL) /* `x` runs */
		uv_run(&world.loop, UV_RUN_NOWAIT);
	assert_false(lane_people_wait(&world.lane));
	lane_push(&world.lane, &jobs[2].work);
	lane_push(&world.lane, &jobs[3].work);
	assert_true(lane_people_wait(&world.lane));

	while (strchr(world.story, 'y') == NULL)
		uv_run(&world.loop, UV_RUN_NOWAIT);

	assert_string_equal(world.story, "xab|y|");
	assert_false(lane_people_wait(&world.lane));
	end(&world);
}

static void test_a_group_that_has_taken_its_time_takes_no_more(void **state)
{
	struct job jobs[] = {{.name = 'x', .work.bulk = true}, {.name = 'a'}, {.name = 'b'}};
	struct world world;

	(void)state;
	begin_within(&world, &(struct lane_bounds){8, 8, 1});
	lane_push(&world.lane, &jobs[1].work);
	lane_push(&world.lane, &jobs[2].work);
	lane_push(&world.lane, &jobs[0].work);

	uv_run(&world.loop, UV_RUN_NOWAIT);

	assert_string_equal(world.story, "a|b|x|");
	end(&world);
}

/* A long import beside people, from two threads: slices are pushed anew as soon as they have been
 * flushed, and somebody asks for one thing after another. */

enum { PEOPLE = 2000, IMPORTS = 3 };

struct crowd {
	uv_loop_t loop;
	struct lane lane;
	struct lane_work slices[IMPORTS], person, *group[IMPORTS + 1];
	int group_size;
	atomic_uint slices_over, answered; /* what a person asked for */
	unsigned answered_after;           /* slices, from the beginning */
	int most;                          /* slices between a person's coming and the answer */
	bool over;
	uv_sem_t answer;
};

static void run_of_crowd(void *owner, struct lane_work *work)
{
	struct crowd *crowd = owner;

	crowd->group[crowd->group_size++] = work;
	if (work->bulk) {
		for (int64_t until = clock_mono_ns() + 20000; clock_mono_ns() < until;)
			; /* so that people come meanwhile */
		atomic_fetch_add(&crowd->slices_over, 1);
	}
	lane_ran(&crowd->lane, work);
}

static void answer_person(struct crowd *crowd)
{
	crowd->answered_after = atomic_load(&crowd->slices_over);
	uv_sem_post(&crowd->answer);
}

static void on_crowd_drained(void *owner)
{
	(void)owner;
}

static void go_on_with_import(struct crowd *crowd, struct lane_work *slice)
{
	if (atomic_load(&crowd->answered) < PEOPLE)
		lane_push(&crowd->lane, slice);
	else if (!crowd->over)
		lane_close(&crowd->lane, on_crowd_drained);
	crowd->over = crowd->over || atomic_load(&crowd->answered) >= PEOPLE;
}

static void flush_of_crowd(void *owner)
{
	struct crowd *crowd = owner;
	struct lane_work *group[IMPORTS + 1];
	int count = crowd->group_size;

	memcpy(group, crowd->group, sizeof group);
	crowd->group_size = 0;
	for (int i = 0; i < count; i++)
		if (group[i]->bulk)
			go_on_with_import(crowd, group[i]);
		else
			answer_person(crowd);
}

static void ask_again_and_again(void *data)
{
	struct crowd *crowd = data;

	for (unsigned i = 0; i < PEOPLE; i++) {
		unsigned came_after;
		int slices;

		if (lane_push(&crowd->lane, &crowd->person) != 0)
			abort();
		/* Not before the push: this thread may rest between the two. */
		came_after = atomic_load(&crowd->slices_over);
		uv_sem_wait(&crowd->answer);
		slices = (int)(crowd->answered_after - came_after);
		crowd->most = slices > crowd->most ? slices : crowd->most;
		atomic_fetch_add(&crowd->answered, 1);
	}
}

static void test_beside_long_imports_a_person_waits_for_one_slice_at_most(void **state)
{
	struct crowd crowd = {0};
	struct lane_owner owner = {.run = run_of_crowd, .flush = flush_of_crowd, .owner = &crowd};
	uv_thread_t thread;

	(void)state;
	uv_loop_init(&crowd.loop);
	uv_sem_init(&crowd.answer, 0);
	lane_init(&crowd.lane, &crowd.loop, &(struct lane_bounds){8, 8, INT64_MAX}, &owner);
	for (int i = 0; i < IMPORTS; i++) {
		crowd.slices[i].bulk = true;
		lane_push(&crowd.lane, &crowd.slices[i]);
	}
	assert_int_equal(uv_thread_create(&thread, ask_again_and_again, &crowd), 0);

	uv_run(&crowd.loop, UV_RUN_DEFAULT);
	uv_thread_join(&thread);

	assert_int_equal(atomic_load(&crowd.answered), PEOPLE);
	assert_true(atomic_load(&crowd.slices_over) > IMPORTS);
	assert_true(crowd.most <= 1);
	lane_destroy(&crowd.lane);
	uv_sem_destroy(&crowd.answer);
	assert_int_equal(uv_loop_close(&crowd.loop), 0);
}

static void test_a_group_is_bounded(void **state)
{
	struct job jobs[] = {
		{.name = 'a'}, {.name = 'b'}, {.name = 'c'}, {.name = 'd'}, {.name = 'e'}};
	struct world world;

	(void)state;
	begin(&world, 8, 2);
	for (int i = 0; i < 5; i++)
		lane_push(&world.lane, &jobs[i].work);

	uv_run(&world.loop, UV_RUN_NOWAIT);

	assert_string_equal(world.story, "ab|cd|e|");
	end(&world);
}

static void test_the_next_begins_only_when_the_one_before_has_run(void **state)
{
	struct job jobs[] = {{.name = 'a', .waits = true}, {.name = 'b'}};
	struct world world;

	(void)state;
	begin(&world, 8, 8);
	lane_push(&world.lane, &jobs[0].work);
	lane_push(&world.lane, &jobs[1].work);

	while (strchr(world.story, '|') == NULL) {
		if (world.waiting != NULL)
			assert_string_equal(world.story, "a");
		uv_run(&world.loop, UV_RUN_NOWAIT);
	}

	assert_string_equal(world.story, "ab|");
	end(&world);
}

static void test_a_lost_group_runs_again_each_alone_in_its_order(void **state)
{
	struct job jobs[] = {{.name = 'a'}, {.name = 'b', .lost = 1}, {.name = 'c'}};
	struct world world;

	(void)state;
	begin(&world, 8, 8);
	for (int i = 0; i < 3; i++)
		lane_push(&world.lane, &jobs[i].work);

	uv_run(&world.loop, UV_RUN_NOWAIT);

	assert_string_equal(world.story, "abc|!a!b!c|");
	end(&world);
}

static void test_a_full_lane_refuses(void **state)
{
	struct job jobs[] = {{.name = 'a'}, {.name = 'b'}, {.name = 'c'}};
	struct world world;

	(void)state;
	begin(&world, 2, 8);

	assert_int_equal(lane_push(&world.lane, &jobs[0].work), 0);
	assert_int_equal(lane_push(&world.lane, &jobs[1].work), 0);
	assert_int_equal(lane_push(&world.lane, &jobs[2].work), TM_EBUSY);

	end(&world);
	assert_string_equal(world.story, "ab|");
}

static void test_a_lane_that_is_at_work_refuses_all_the_same(void **state)
{
	struct job jobs[] = {{.name = 'a', .waits = true}, {.name = 'b'}, {.name = 'c'},
		{.name = 'd', .work.bulk = true}, {.name = 'e'}};
	struct world world;

	(void)state;
	begin(&world, 2, 8);
	lane_push(&world.lane, &jobs[0].work);
	while (world.waiting == NULL) /* `a` runs, and waits for nothing more */
		uv_run(&world.loop, UV_RUN_NOWAIT);
	uv_idle_stop(&world.later);
	assert_int_equal(lane_push(&world.lane, &jobs[1].work), 0);
	assert_int_equal(lane_push(&world.lane, &jobs[3].work), 0);

	uv_run(&world.loop, UV_RUN_NOWAIT); /* takes both out of the inbox */

	assert_int_equal(lane_push(&world.lane, &jobs[2].work), TM_EBUSY);
	lane_ran(&world.lane, &jobs[0].work);
	assert_string_equal(world.story, "ab|d|");
	assert_int_equal(lane_push(&world.lane, &jobs[4].work), 0);
	end(&world);
	assert_string_equal(world.story, "ab|d|e|");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_waits_together_shares_one_flush),
		cmocka_unit_test(test_people_go_before_bulk),
		cmocka_unit_test(test_work_that_gives_way_goes_after_all_others_and_goes),
		cmocka_unit_test(
			test_who_comes_during_a_slice_goes_before_the_next_and_shares_its_commit),
		cmocka_unit_test(test_a_group_that_has_taken_its_time_takes_no_more),
		cmocka_unit_test(test_beside_long_imports_a_person_waits_for_one_slice_at_most),
		cmocka_unit_test(test_a_group_is_bounded),
		cmocka_unit_test(test_the_next_begins_only_when_the_one_before_has_run),
		cmocka_unit_test(test_a_lost_group_runs_again_each_alone_in_its_order),
		cmocka_unit_test(test_a_full_lane_refuses),
		cmocka_unit_test(test_a_lane_that_is_at_work_refuses_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
