/* The queue: order, bound, and the hand-over between threads. */
#include "base/err.h"
#include "sched/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct piece {
	struct queue_item item; /* must be first */
	int producer, number;
};

struct world {
	uv_loop_t loop;
	struct queue queue;
	int taken, expected;
	int last[4];
	bool in_order, closed;
};

static void take_all(struct queue *queue, void *consumer)
{
	struct world *world = consumer;
	struct piece *piece;

	while ((piece = (struct piece *)queue_pop(queue)) != NULL) {
		if (piece->number != world->last[piece->producer] + 1)
			world->in_order = false;
		world->last[piece->producer] = piece->number;
		world->taken++;
	}
	if (world->taken == world->expected && !world->closed)
		queue_close(queue, NULL);
}

static void nobody(struct queue *queue, void *consumer)
{
	(void)queue;
	(void)consumer;
}

static void on_closed(struct queue *queue, void *consumer)
{
	(void)queue;
	((struct world *)consumer)->closed = true;
}

static void test_a_full_queue_refuses_and_the_item_stays_the_callers(void **state)
{
	struct world world = {.expected = -1};
	struct piece pieces[3] = {0};

	(void)state;
	uv_loop_init(&world.loop);
	assert_int_equal(queue_init(&world.queue, &world.loop, 2, nobody, &world), 0);

	assert_int_equal(queue_push(&world.queue, &pieces[0].item), 0);
	assert_int_equal(queue_push(&world.queue, &pieces[1].item), 0);
	assert_int_equal(queue_push(&world.queue, &pieces[2].item), TM_EBUSY);

	assert_ptr_equal(queue_pop(&world.queue), &pieces[0].item);
	assert_int_equal(queue_push(&world.queue, &pieces[2].item), 0);
	assert_ptr_equal(queue_pop(&world.queue), &pieces[1].item);
	assert_ptr_equal(queue_pop(&world.queue), &pieces[2].item);
	assert_null(queue_pop(&world.queue));
	queue_close(&world.queue, on_closed);
	uv_run(&world.loop, UV_RUN_DEFAULT);
	assert_true(world.closed);
	queue_destroy(&world.queue);
	assert_int_equal(uv_loop_close(&world.loop), 0);
}

static void test_a_closing_queue_refuses_and_hands_over_what_waits(void **state)
{
	struct world world = {.expected = 1, .in_order = true};
	struct piece first = {.number = 1}, late = {.number = 2};

	(void)state;
	uv_loop_init(&world.loop);
	queue_init(&world.queue, &world.loop, 8, take_all, &world);
	world.closed = true; /* take_all must not close it a second time */
	assert_int_equal(queue_push(&world.queue, &first.item), 0);

	queue_close(&world.queue, on_closed);

	assert_int_equal(world.taken, 1);
	assert_int_equal(queue_push(&world.queue, &late.item), TM_EBUSY);
	uv_run(&world.loop, UV_RUN_DEFAULT);
	assert_int_equal(queue_push(&world.queue, &late.item), TM_EBUSY);
	queue_destroy(&world.queue);
	assert_int_equal(uv_loop_close(&world.loop), 0);
}

enum { PRODUCERS = 4, EACH = 5000 };

struct producer {
	struct world *world;
	int number;
	struct piece pieces[EACH];
};

static void produce(void *data)
{
	struct producer *producer = data;

	for (int i = 0; i < EACH; i++) {
		producer->pieces[i].producer = producer->number;
		producer->pieces[i].number = i + 1;
		while (queue_push(&producer->world->queue, &producer->pieces[i].item) == TM_EBUSY)
			uv_sleep(1);
	}
}

static void test_order_is_kept_for_each_of_several_producers(void **state)
{
	static struct producer producers[PRODUCERS];
	struct world world = {.expected = PRODUCERS * EACH, .in_order = true};
	uv_thread_t threads[PRODUCERS];

	(void)state;
	uv_loop_init(&world.loop);
	queue_init(&world.queue, &world.loop, 100, take_all, &world);
	for (int i = 0; i < PRODUCERS; i++) {
		producers[i].world = &world;
		producers[i].number = i;
		uv_thread_create(&threads[i], produce, &producers[i]);
	}

	uv_run(&world.loop, UV_RUN_DEFAULT);

	for (int i = 0; i < PRODUCERS; i++)
		uv_thread_join(&threads[i]);
	assert_int_equal(world.taken, PRODUCERS * EACH);
	assert_true(world.in_order);
	queue_destroy(&world.queue);
	assert_int_equal(uv_loop_close(&world.loop), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_full_queue_refuses_and_the_item_stays_the_callers),
		cmocka_unit_test(test_a_closing_queue_refuses_and_hands_over_what_waits),
		cmocka_unit_test(test_order_is_kept_for_each_of_several_producers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
