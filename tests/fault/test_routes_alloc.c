/* SPDX-License-Identifier: Apache-2.0 */
/* Every route, with the k-th allocation failing, alone or with all after it: see routes.h. */
#include "tests/fault/alloc.h"

#include "tests/fault/routes.h"

static void arm(size_t kind, size_t at)
{
	fault_alloc_arm(at, kind == 1);
}

static size_t disarm(void)
{
	(void)fault_alloc_disarm();
	return fault_alloc.failed;
}

static size_t seen(void)
{
	return fault_alloc.seen;
}

static void S12__every_route_without_memory__nothing_decided_or_whole(void **state)
{
	static const struct faults faults = {
		.kinds = 2, .samples = 4, .arm = arm, .disarm = disarm, .seen = seen};
	(void)state;
	fault_exempt = true; /* the client's own */
	routes_run(&faults, NULL, NULL, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(S12__every_route_without_memory__nothing_decided_or_whole),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
