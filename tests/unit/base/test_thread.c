/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

#include <errno.h>
#include <stdio.h>

#include "base/time.h"
#include "tests/support/unit.h"

struct seen {
	char name[THREAD_NAME_MAX];
	size_t stack;
};

static void *look(void *arg)
{
	struct seen *seen = arg;
	pthread_attr_t attributes;
	void *at = NULL;
	(void)pthread_getname_np(pthread_self(), seen->name, sizeof(seen->name));
	(void)pthread_getattr_np(pthread_self(), &attributes);
	(void)pthread_attr_getstack(&attributes, &at, &seen->stack);
	(void)pthread_attr_destroy(&attributes);
	return seen;
}

static struct seen started(const char *name, size_t stack)
{
	struct seen seen = {0};
	struct err err = {0};
	pthread_t thread;
	void *result = NULL;
	assert_ok(thread_start(&thread, name, stack, look, &seen, &err), err);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_ptr_equal(result, &seen);
	return seen;
}

static void thread__with_a_name__has_it(void **state)
{
	char before[THREAD_NAME_MAX], after[THREAD_NAME_MAX];
	(void)state;
	(void)pthread_getname_np(pthread_self(), before, sizeof(before));
	assert_string_equal(started("one", 0).name, "one");
	(void)pthread_getname_np(pthread_self(), after, sizeof(after));
	assert_string_equal(before, after);
}

static void thread__with_a_long_name__has_its_beginning(void **state)
{
	(void)state;
	assert_string_equal(started("hook-0123456789", 0).name, "hook-0123456789");
	assert_string_equal(started("hook-0123456789a", 0).name, "hook-0123456789");
}

static void thread__with_a_stack__has_that_size(void **state)
{
	(void)state;
	assert_int_equal(started("small", 256u << 10).stack, 256u << 10);
	assert_true(started("usual", 0).stack > 256u << 10);
}

static void thread__that_cannot_be__says_which(void **state)
{
	struct err err = {0};
	pthread_t thread;
	(void)state;
	assert_fails(thread_start(&thread, "tiny", 1, look, NULL, &err), err, ERR_IO,
		"thread tiny: Invalid argument");
	assert_false(thread_start(&thread, "tiny", 1, look, NULL, NULL));
}

/* A deadline by this clock is far in the past by the other one: a wait by the wrong clock would not wait at all. */
static void wake__deadline__by_the_monotonic_clock(void **state)
{
	(void)state;
	struct err err = {0};
	pthread_cond_t wake;
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	assert_true(thread_wake_init(&wake, &err));
	uint64_t began = clock_now_us();
	struct timespec deadline = clock_deadline(50);
	(void)pthread_mutex_lock(&lock);
	int waited = 0;
	while (waited == 0)
		waited = pthread_cond_timedwait(&wake, &lock, &deadline);
	(void)pthread_mutex_unlock(&lock);
	assert_int_equal(waited, ETIMEDOUT);
	assert_true(clock_now_us() - began >= 50000);
	(void)pthread_cond_destroy(&wake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thread__with_a_name__has_it),
		cmocka_unit_test(thread__with_a_long_name__has_its_beginning),
		cmocka_unit_test(thread__with_a_stack__has_that_size),
		cmocka_unit_test(thread__that_cannot_be__says_which),
		cmocka_unit_test(wake__deadline__by_the_monotonic_clock),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
