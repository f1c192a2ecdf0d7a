/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness in blocks: nothing twice, nothing to a child, nothing from a source that failed. */
#include "crypto/random_blocks.h"

#include "tests/support/unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Gives 1, 2, 3 … as eight bytes each, so that what comes twice is seen. */
struct counter {
	struct random base;
	atomic_ulong next, calls;
	size_t last_len;
	atomic_bool broken;
};

static bool counter_fill(struct random *random, uint8_t *out, size_t len, struct err *err)
{
	struct counter *counter = (struct counter *)random;
	counter->calls++;
	counter->last_len = len;
	for (size_t at = 0; at + 8 <= len; at += 8) {
		uint64_t n = ++counter->next;
		memcpy(out + at, &n, 8);
	}
	return !counter->broken || err_set(err, ERR_CRYPTO, "no randomness");
}
static const struct random_ops counter_ops = {.fill = counter_fill};

static struct counter counter;
static struct random_blocks *blocks;
static struct err err;

static int setup(void **state)
{
	(void)state;
	counter = (struct counter){.base = {&counter_ops}};
	assert_ok(random_blocks_new(&counter.base, &blocks, &err), err);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	random_blocks_free(&blocks);
	assert_null(blocks);
	random_blocks_free(&blocks);
	return 0;
}

static uint64_t draw(void)
{
	uint64_t n = 0;
	assert_ok(random_fill(random_blocks_random(blocks), (uint8_t *)&n, sizeof(n), &err), err);
	return n;
}

static void random_blocks__small_draws__each_byte_once_and_few_calls(void **state)
{
	(void)state;
	uint64_t last = 0;
	for (size_t i = 0; i < 20000; i++) {
		uint64_t n = draw();
		assert_true(n > last);
		last = n;
	}
	assert_true(counter.calls < 50);
}

static void random_blocks__draws_of_all_lengths__never_overlap(void **state)
{
	(void)state;
	uint64_t out[RANDOM_BLOCKS_MAX / 8], last = 0;
	for (size_t i = 0; i < 5000; i++) {
		size_t words = 1 + i % ARRAY_LEN(out);
		assert_ok(
			random_fill(random_blocks_random(blocks), (uint8_t *)out, words * 8, &err),
			err);
		for (size_t k = 0; k < words; k++) {
			assert_true(out[k] > last);
			last = out[k];
		}
	}
}

static void random_blocks__more_than_the_most__from_the_source_itself(void **state)
{
	(void)state;
	uint8_t out[RANDOM_BLOCKS_MAX + 8];
	(void)draw();
	unsigned long calls = counter.calls;
	assert_ok(random_fill(random_blocks_random(blocks), out, sizeof(out), &err), err);
	assert_int_equal(counter.calls, calls + 1);
	assert_int_equal(counter.last_len, sizeof(out));
	(void)draw();
	assert_int_equal(counter.calls, calls + 1);
}

static void random_blocks__source_fails__error_and_nothing_of_it_given_later(void **state)
{
	(void)state;
	uint64_t n = 0;
	counter.broken = true;
	assert_fails(random_fill(random_blocks_random(blocks), (uint8_t *)&n, sizeof(n), &err), err,
		ERR_CRYPTO, "no randomness");
	assert_int_equal(n, 0);
	uint64_t failed = counter.next;
	counter.broken = false;
	assert_true(draw() > failed);
}

/* What a failed refill left in the block is not given to who asks for less. */
static void random_blocks__source_fails_with_some_left__nothing_of_it_either(void **state)
{
	(void)state;
	struct random *random = random_blocks_random(blocks);
	uint8_t out[RANDOM_BLOCKS_MAX], small[8];
	(void)draw(); /* so that the block does not come out even */
	counter.broken = true;
	while (random_fill(random, out, sizeof(out), NULL))
		continue;
	assert_fails(
		random_fill(random, small, sizeof(small), &err), err, ERR_CRYPTO, "no randomness");
}

static uint64_t drawn_by_child(void)
{
	int ends[2], status = 0;
	uint64_t n = 0;
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		bool ok = random_fill(random_blocks_random(blocks), (uint8_t *)&n, sizeof(n), NULL);
		_exit(ok && write(ends[1], &n, sizeof(n)) == sizeof(n) ? 0 : 1);
	}
	assert_true(child > 0);
	assert_int_equal(read(ends[0], &n, sizeof(n)), sizeof(n));
	(void)close(ends[0]);
	(void)close(ends[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	return n;
}

static void random_blocks__forked__child_finds_nothing_of_its_parents(void **state)
{
	(void)state;
	(void)draw();
	uint64_t drawn = counter.next; /* all that the parent's block holds */
	assert_true(drawn_by_child() > drawn);
	assert_true(draw() <= drawn);
}

enum { THREADS = 4, DRAWS = 20000 };

static void *draw_many(void *arg)
{
	uint64_t *out = arg;
	for (size_t i = 0; i < DRAWS; i++)
		if (!random_fill(random_blocks_random(blocks), (uint8_t *)&out[i], 8, NULL))
			return NULL;
	return arg;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static void random_blocks__many_threads__nothing_twice(void **state)
{
	(void)state;
	pthread_t threads[THREADS];
	uint64_t *all = calloc(THREADS * DRAWS, sizeof(*all));
	assert_non_null(all);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, draw_many, all + i * DRAWS), 0);
	for (size_t i = 0; i < THREADS; i++) {
		void *done = NULL;
		assert_int_equal(pthread_join(threads[i], &done), 0);
		assert_non_null(done);
	}
	qsort(all, THREADS * DRAWS, sizeof(*all), by_value);
	for (size_t i = 1; i < THREADS * DRAWS; i++)
		assert_true(all[i] > all[i - 1]);
	free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(random_blocks__small_draws__each_byte_once_and_few_calls),
		T(random_blocks__draws_of_all_lengths__never_overlap),
		T(random_blocks__more_than_the_most__from_the_source_itself),
		T(random_blocks__source_fails__error_and_nothing_of_it_given_later),
		T(random_blocks__source_fails_with_some_left__nothing_of_it_either),
		T(random_blocks__forked__child_finds_nothing_of_its_parents),
		T(random_blocks__many_threads__nothing_twice),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
