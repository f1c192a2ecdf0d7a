/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/workers.h"

#include <stdatomic.h>
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

static void workers__closing__what_is_queued_is_run(void **state)
{
	(void)state;
	enum { MANY = 100 };
	static struct counted items[MANY];
	struct workers *workers = NULL;
	struct err err = {0};
	atomic_int count = 0;
	assert_ok(workers_new(3, MANY, &workers, &err), err);
	for (size_t i = 0; i < MANY; i++) {
		items[i] = (struct counted){{NULL, count_run}, &count, NULL};
		assert_true(workers_submit(workers, &items[i].work));
	}
	workers_free(&workers);
	assert_int_equal(count, MANY);
	assert_null(workers);
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
		items[i] = (struct counted){{NULL, count_run}, &count, &gate};
	assert_ok(workers_new(1, 2, &workers, &err), err);
	assert_true(workers_submit(workers, &items[0].work));
	(void)usleep(50000); /* taken, and held by the gate */
	assert_true(workers_submit(workers, &items[1].work));
	assert_true(workers_submit(workers, &items[2].work));
	assert_false(workers_submit(workers, &items[3].work));
	assert_true(
		workers_resubmit(workers, &items[4].work)); /* what is under way is never shed */
	gate = true;
	workers_free(&workers);
	assert_int_equal(count, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(workers__closing__what_is_queued_is_run),
		cmocka_unit_test(workers__queue_full__load_is_shed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
