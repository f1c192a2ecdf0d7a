/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/fair.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/unit.h"

struct counted {
	struct work work;
	atomic_int *count;
	atomic_bool *gate;
};

static void count_run(struct work *work)
{
	struct counted *c = (struct counted *)work;
	while (c->gate && !*c->gate)
		(void)usleep(1000);
	atomic_fetch_add(c->count, 1);
}

static void slow_run(struct work *work)
{
	struct counted *c = (struct counted *)work;
	(void)usleep(30000);
	atomic_fetch_add(c->count, 1);
}

static void count_shed(struct work *work)
{
	struct counted *c = (struct counted *)work;
	atomic_fetch_add(c->count, 1000);
}

/* The pool is at work on so many, and nothing waits. */
static void until_taken(struct workers *workers, unsigned n)
{
	struct workers_state look = {0};
	for (int i = 0; i < 30000 && (look.running != n || look.queued > 0); i++) {
		(void)usleep(1000);
		workers_look(workers, &look);
	}
	assert_int_equal(look.running, n);
	assert_int_equal(look.queued, 0);
}

static void workers__closing__what_is_queued_is_run(void **state)
{
	(void)state;
	enum { MANY = 100 };
	static struct counted items[MANY];
	struct workers *workers = NULL;
	struct err err = {0};
	atomic_int count = 0;
	assert_ok(workers_new(&(struct workers_options){.count = 3, .queue_max = 4 * MANY},
			  &workers, &err),
		err);
	for (size_t i = 0; i < MANY; i++) {
		items[i] = (struct counted){{.run = count_run, .shed = count_shed}, &count, NULL};
		assert_int_equal(workers_submit(workers, &items[i].work), WORK_TAKEN);
	}
	workers_free(&workers);
	assert_int_equal(count, MANY);
	assert_null(workers);
}

static void workers__ended__nothing_is_taken_any_more(void **state)
{
	(void)state;
	struct workers *workers = NULL;
	struct err err = {0};
	atomic_int count = 0;
	struct counted one = {{.run = count_run, .shed = count_shed}, &count, NULL};
	assert_ok(
		workers_new(&(struct workers_options){.count = 1, .queue_max = 2}, &workers, &err),
		err);
	assert_int_equal(workers_submit(workers, &one.work), WORK_TAKEN);
	workers_end(workers);
	assert_int_equal(count, 1);
	assert_int_equal(workers_submit(workers, &one.work), WORK_CLOSING);
	assert_false(workers_resubmit(workers, &one.work));
	workers_end(workers);
	workers_free(&workers);
	assert_int_equal(count, 1);
}

static void workers__queue_full__load_is_shed(void **state)
{
	(void)state;
	struct workers *workers = NULL;
	struct err err = {0};
	atomic_int count = 0;
	atomic_bool gate = false;
	struct counted items[6];
	for (size_t i = 0; i < ARRAY_LEN(items); i++)
		items[i] = (struct counted){{.run = count_run, .shed = count_shed}, &count, &gate};
	assert_ok(
		workers_new(&(struct workers_options){.count = 1, .queue_max = 2}, &workers, &err),
		err);
	assert_int_equal(workers_submit(workers, &items[0].work), WORK_TAKEN);
	until_taken(workers, 1); /* and held by the gate */
	assert_int_equal(workers_submit(workers, &items[1].work), WORK_TAKEN);
	assert_int_equal(workers_submit(workers, &items[2].work), WORK_TAKEN);
	assert_int_equal(workers_submit(workers, &items[3].work), WORK_SHARE_FULL);
	assert_true(
		workers_resubmit(workers, &items[4].work)); /* what is under way is never shed */
	gate = true;
	workers_free(&workers);
	assert_int_equal(count, 4);
}

/* ---- fair shares ---- */

struct fair_fixture {
	struct fair_queue queue;
	struct work works[16];
	size_t count;
};

static struct fair_fixture *fair_new(void)
{
	struct fair_fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	fair_init(&f->queue, 7);
	return f;
}

static void put(struct fair_fixture *f, uint64_t peer)
{
	struct work *work = &f->works[f->count++];
	work->peer = peer;
	fair_put(&f->queue, work);
}

static void fair__one_peer_with_many__others_take_turns(void **state)
{
	(void)state;
	static const uint64_t wanted[] = {1, 2, 3, 1, 2, 1, 1};
	struct fair_fixture *f = fair_new();
	for (int i = 0; i < 4; i++)
		put(f, 1);
	put(f, 2);
	put(f, 2);
	put(f, 3);
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		struct work *work = fair_take(&f->queue, 100);
		assert_non_null(work);
		assert_int_equal(work->peer, wanted[i]);
	}
	assert_null(fair_take(&f->queue, 100));
	assert_int_equal(f->queue.length, 0);
	assert_int_equal(f->queue.active, 0);
	free(f);
}

static void fair__peer_at_its_bound__passed_over_until_one_is_done(void **state)
{
	(void)state;
	struct fair_fixture *f = fair_new();
	put(f, 1);
	put(f, 1);
	put(f, 2);
	assert_int_equal(fair_take(&f->queue, 1)->peer, 1);
	assert_int_equal(fair_take(&f->queue, 1)->peer, 2);
	assert_null(fair_take(&f->queue, 1));
	fair_done(&f->queue, 1);
	assert_int_equal(fair_take(&f->queue, 1)->peer, 1);
	free(f);
}

static void fair__evict__the_oldest_of_who_has_most(void **state)
{
	(void)state;
	struct fair_fixture *f = fair_new();
	put(f, 2);
	for (int i = 0; i < 3; i++)
		put(f, 1);
	put(f, 3);
	assert_null(fair_evict(&f->queue, 3));
	assert_ptr_equal(fair_evict(&f->queue, 1), &f->works[1]);
	assert_int_equal(f->queue.length, 4);
	assert_int_equal(fair_flow_of(&f->queue, 1)->length, 2);
	while (fair_take(&f->queue, 100))
		;
	assert_int_equal(f->queue.length, 0);
	free(f);
}

static void fair__evict_the_last_in_the_round__round_stays_whole(void **state)
{
	(void)state;
	struct fair_fixture *f = fair_new();
	put(f, 1);
	put(f, 2);
	assert_non_null(fair_evict(&f->queue, 0));
	assert_non_null(fair_evict(&f->queue, 0));
	put(f, 3);
	assert_int_equal(fair_take(&f->queue, 1)->peer, 3);
	assert_int_equal(f->queue.active, 0);
	free(f);
}

static void fair__ahead__own_queue_times_the_round(void **state)
{
	(void)state;
	struct fair_fixture *f = fair_new();
	assert_int_equal(fair_ahead(&f->queue, 1), 0);
	for (int i = 0; i < 4; i++)
		put(f, 1);
	assert_int_equal(fair_ahead(&f->queue, 1), 4);
	assert_int_equal(fair_ahead(&f->queue, 2), 1);
	free(f);
}

/* ---- what waits too long; who is never kept waiting ---- */

static void workers__waited_too_long__given_up(void **state)
{
	(void)state;
	struct workers *workers = NULL;
	struct err err = {0};
	atomic_int count = 0;
	atomic_bool gate = false;
	struct counted items[2];
	for (size_t i = 0; i < ARRAY_LEN(items); i++)
		items[i] = (struct counted){{.run = count_run, .shed = count_shed}, &count, &gate};
	assert_ok(workers_new(
			  &(struct workers_options){.count = 1, .queue_max = 8, .wait_max_ms = 500},
			  &workers, &err),
		err);
	assert_int_equal(workers_submit(workers, &items[0].work), WORK_TAKEN);
	until_taken(workers, 1);
	assert_int_equal(workers_submit(workers, &items[1].work), WORK_TAKEN);
	(void)usleep(600000);
	gate = true;
	workers_free(&workers);
	assert_int_equal(count, 1001);
}

static void workers__would_wait_too_long__refused_at_once(void **state)
{
	(void)state;
	enum { MANY = 40 };
	struct workers *workers = NULL;
	struct err err = {0};
	struct workers_state look;
	atomic_int count = 0;
	static struct counted items[MANY];
	unsigned refused = 0;
	assert_ok(workers_new(
			  &(struct workers_options){
				  .count = 1, .queue_max = 4 * MANY, .wait_max_ms = 20},
			  &workers, &err),
		err);
	/* Each takes 30 ms: after a few the pool knows. */
	for (size_t i = 0; i < MANY; i++) {
		atomic_bool *gate = NULL;
		items[i] = (struct counted){
			{.run = slow_run, .shed = count_shed, .peer = i}, &count, gate};
		refused += workers_submit(workers, &items[i].work) == WORK_OVERLOADED;
		(void)usleep(10000);
	}
	workers_look(workers, &look);
	workers_free(&workers);
	assert_true(refused > 0);
	assert_true(look.shed >= refused);
}

static void workers__all_threads_held_by_others__reserved_work_runs(void **state)
{
	(void)state;
	struct workers *workers = NULL;
	struct err err = {0};
	atomic_int count = 0, operators = 0;
	atomic_bool gate = false;
	struct counted items[4], operator_item;
	assert_ok(
		workers_new(&(struct workers_options){.count = 2, .queue_max = 8}, &workers, &err),
		err);
	for (size_t i = 0; i < ARRAY_LEN(items); i++) {
		items[i] = (struct counted){
			{.run = count_run, .shed = count_shed, .peer = i}, &count, &gate};
		assert_int_equal(workers_submit(workers, &items[i].work), WORK_TAKEN);
	}
	operator_item = (struct counted){{.run = count_run, .reserved = true}, &operators, NULL};
	assert_int_equal(workers_submit(workers, &operator_item.work), WORK_TAKEN);
	for (int i = 0; i < 3000 && operators == 0; i++)
		(void)usleep(10000);
	assert_int_equal(operators, 1);
	assert_int_equal(count, 0);
	gate = true;
	workers_free(&workers);
}

static void workers__one_peer_asks_for_all_threads__another_is_served(void **state)
{
	(void)state;
	struct workers *workers = NULL;
	struct err err = {0};
	atomic_int count = 0, others = 0;
	atomic_bool gate = false;
	struct counted items[6], other;
	assert_ok(
		workers_new(&(struct workers_options){.count = 4, .queue_max = 64}, &workers, &err),
		err);
	for (size_t i = 0; i < ARRAY_LEN(items); i++) {
		items[i] = (struct counted){
			{.run = count_run, .shed = count_shed, .peer = 1}, &count, &gate};
		assert_int_equal(workers_submit(workers, &items[i].work), WORK_TAKEN);
	}
	(void)usleep(50000);
	other = (struct counted){{.run = count_run, .shed = count_shed, .peer = 2}, &others, NULL};
	assert_int_equal(workers_submit(workers, &other.work), WORK_TAKEN);
	for (int i = 0; i < 3000 && others == 0; i++)
		(void)usleep(10000);
	assert_int_equal(others, 1);
	gate = true;
	workers_free(&workers);
	assert_int_equal(count, 6);
}

static void workers__queue_full_of_one_peer__another_takes_its_place(void **state)
{
	(void)state;
	enum { MANY = 16 };
	struct workers *workers = NULL;
	struct err err = {0};
	atomic_int count = 0, others = 0;
	atomic_bool gate = false;
	static struct counted items[4 * MANY + 1];
	struct counted other;
	assert_ok(workers_new(
			  &(struct workers_options){.count = 1, .queue_max = MANY}, &workers, &err),
		err);
	items[4 * MANY] =
		(struct counted){{.run = count_run, .shed = count_shed, .peer = 99}, &count, &gate};
	assert_int_equal(workers_submit(workers, &items[4 * MANY].work), WORK_TAKEN);
	until_taken(workers, 1);
	/* Four peers fill the queue, each to its quarter. */
	for (size_t i = 0; i < MANY; i++) {
		items[i] = (struct counted){
			{.run = count_run, .shed = count_shed, .peer = 10 + i % 4}, &count, &gate};
		assert_int_equal(workers_submit(workers, &items[i].work), WORK_TAKEN);
	}
	other = (struct counted){{.run = count_run, .shed = count_shed, .peer = 2}, &others, NULL};
	assert_int_equal(workers_submit(workers, &other.work), WORK_TAKEN);
	assert_int_equal(count, 1000); /* one of theirs was given up */
	gate = true;
	workers_free(&workers);
	assert_int_equal(others, 1);
	assert_int_equal(count, 1000 + MANY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(workers__closing__what_is_queued_is_run),
		cmocka_unit_test(workers__ended__nothing_is_taken_any_more),
		cmocka_unit_test(workers__queue_full__load_is_shed),
		cmocka_unit_test(fair__one_peer_with_many__others_take_turns),
		cmocka_unit_test(fair__peer_at_its_bound__passed_over_until_one_is_done),
		cmocka_unit_test(fair__evict__the_oldest_of_who_has_most),
		cmocka_unit_test(fair__evict_the_last_in_the_round__round_stays_whole),
		cmocka_unit_test(fair__ahead__own_queue_times_the_round),
		cmocka_unit_test(workers__waited_too_long__given_up),
		cmocka_unit_test(workers__would_wait_too_long__refused_at_once),
		cmocka_unit_test(workers__all_threads_held_by_others__reserved_work_runs),
		cmocka_unit_test(workers__one_peer_asks_for_all_threads__another_is_served),
		cmocka_unit_test(workers__queue_full_of_one_peer__another_takes_its_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
