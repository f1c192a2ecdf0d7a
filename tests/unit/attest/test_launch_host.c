/* SPDX-License-Identifier: Apache-2.0 */
/* attest/launch_host.c: whose launches are measured, and whose wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "attest/launch_host.h"

#define CONNECTIONS 8u

static struct hostd hostd;
static struct connection connections[CONNECTIONS];

static int setup(void **state)
{
	(void)state;
	hostd = (struct hostd){.connections_mutex = PTHREAD_MUTEX_INITIALIZER,
		.connections_cond = PTHREAD_COND_INITIALIZER};
	for (size_t i = 0; i < CONNECTIONS; i++) {
		connections[i] = (struct connection){.hostd = &hostd, .next = hostd.connections};
		hostd.connections = &connections[i];
	}
	return 0;
}

static struct connection *of_user(size_t i, uid_t uid)
{
	connections[i].peer.uid = uid;
	return &connections[i];
}

static bool may_measure(size_t i, uid_t uid)
{
	return launch_may_measure(of_user(i, uid));
}

static void measuring__one_user__leaves_others_their_turn(void **state)
{
	(void)state;
	launch_measuring_begin(of_user(0, 70001));
	launch_measuring_begin(of_user(1, 70001));
	assert_false(may_measure(2, 70001));
	assert_true(may_measure(3, 70002));
	launch_measuring_end(&connections[0]);
	assert_true(may_measure(2, 70001));
}

static void measuring__all_ordinary_users__leave_root_one(void **state)
{
	(void)state;
	launch_measuring_begin(of_user(0, 70001));
	launch_measuring_begin(of_user(1, 70002));
	launch_measuring_begin(of_user(2, 70003));
	assert_false(may_measure(3, 70004));
	assert_true(may_measure(4, 0));
	assert_true(may_measure(4, geteuid()));
	launch_measuring_begin(of_user(4, 0));
	assert_false(may_measure(5, 0));
}

static void measuring__root__takes_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < HOSTD_LAUNCHES_MAX; i++)
		launch_measuring_begin(of_user(i, 0));
	assert_false(may_measure(6, 0));
	launch_measuring_end(&connections[1]);
	assert_true(may_measure(6, 0));
	assert_false(may_measure(7, 70001));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		TEST(measuring__one_user__leaves_others_their_turn),
		TEST(measuring__all_ordinary_users__leave_root_one),
		TEST(measuring__root__takes_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
