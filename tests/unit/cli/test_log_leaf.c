/* SPDX-License-Identifier: Apache-2.0 */
/* Times of leaves as a monitor looks at them (log_leaf.c, cmd_log_monitor.c; the rest of it is tested by
 * tests/e2e/test_log.sh). */
#include "cli/log_leaf.h"

#include "tests/support/unit.h"

#define NOW INT64_C(1800000000)

/* T7: a leaf of a time to come, and what it would do to those behind it. */
static void T7__leaf_time__backwards_and_ahead_are_told(void **state)
{
	static const struct {
		int64_t time, last;
		enum leaf_time wanted;
	} cases[] = {
		{NOW, 0, LEAF_TIME_FITS},
		{NOW, NOW, LEAF_TIME_FITS},
		{NOW - 1, NOW, LEAF_TIME_BACKWARDS},
		{NOW + TLOG_AHEAD_MAX, NOW, LEAF_TIME_FITS},
		{NOW + TLOG_AHEAD_MAX + 1, NOW, LEAF_TIME_AHEAD},
		{INT64_MAX, NOW, LEAF_TIME_AHEAD},
		{INT64_MAX - 1, INT64_MAX, LEAF_TIME_AHEAD},
		{0, INT64_MAX, LEAF_TIME_BACKWARDS},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (log_leaf_time(cases[i].time, cases[i].last, NOW) != cases[i].wanted)
			fail_msg("case %zu", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(T7__leaf_time__backwards_and_ahead_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
