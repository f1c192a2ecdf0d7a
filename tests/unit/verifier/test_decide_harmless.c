/* SPDX-License-Identifier: Apache-2.0 */
/* Refusals that say nothing against an instance, and leave it what it has (decide_harmless). */
#include "tests/support/unit.h"

#include "verifier/decide.h"

static struct verdict verdict;

static bool harmless(enum reason_code one, enum reason_code two)
{
	memset(&verdict, 0, sizeof(verdict));
	verdict_refuse(&verdict, one, "a", "b", "c", NULL, NULL);
	verdict_refuse(&verdict, two, "d", "e", "f", NULL, NULL);
	return decide_harmless(&verdict);
}

static void harmless__evidence_that_came_wrong__and_nothing_else(void **state)
{
	static const enum reason_code codes[] = {REASON_CHALLENGE_EXPIRED, REASON_EXPORTER,
		REASON_STATE_STALE, REASON_PCRS_CHANGED, REASON_RUNTIME_GAP};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		assert_true(harmless(codes[i], REASON_EXPORTER));
		assert_false(harmless(codes[i], REASON_CHALLENGE_USED));
		assert_false(harmless(REASON_CHALLENGE_USED, codes[i]));
	}
}

static void harmless__no_reason__not(void **state)
{
	(void)state;
	memset(&verdict, 0, sizeof(verdict));
	assert_false(decide_harmless(&verdict));
}

/* What there was no room for may have been anything. */
static void harmless__more_reasons_than_room__not(void **state)
{
	(void)state;
	assert_true(harmless(REASON_EXPORTER, REASON_EXPORTER));
	verdict.reasons_cut = true;
	assert_false(decide_harmless(&verdict));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(harmless__evidence_that_came_wrong__and_nothing_else),
		cmocka_unit_test(harmless__no_reason__not),
		cmocka_unit_test(harmless__more_reasons_than_room__not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
