/* SPDX-License-Identifier: Apache-2.0 */
/*
 * S12: memory runs out at an allocation of the service while it serves an attestation, on whichever of its threads. It answers
 * that it cannot, or cuts the connection, or decides as it would have; it stays, and the next request is served.
 * By default every 23rd allocation; ASSAY_LONG=1: every one (5: every fifth).
 */
#include "tests/fault/alloc.h"

#include "tests/unit/verifier/world.h"

#define STRIDE 23

static struct world w;
static struct https c;
static struct world_attestation a;

static int setup(void **state)
{
	(void)state;
	fault_exempt = true; /* the client's own */
	world_start(&w);
	world_enroll(&w);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_stop(&w);
	return 0;
}

static void reconnect(void)
{
	https_close(&c);
	assert_true(world_connect(&w, &c));
}

/* Undecided, and said so; or cut off in the middle. */
static bool is_undecided(int status)
{
	return status == 0 || status == 503 || status == 500 || status == 429;
}

/* The same challenge again: it works unless a decision was committed whose answer got lost. */
static void again(void)
{
	char outcome[160];
	struct world_attestation b = {.purpose = PURPOSE_LAUNCH};
	buf_put(&b.challenge, buf_bytes(&a.challenge));
	reconnect();
	world_attest(&w, &c, &b);
	(void)world_outcome(&b, outcome);
	if (strcmp(outcome, "trusted") != 0 && strcmp(outcome, "untrusted: challenge-used") != 0)
		fail_msg("afterwards: %s", outcome);
	world_attestation_release(&b);
}

static bool attest_once(size_t at, bool for_good)
{
	a = (struct world_attestation){.purpose = PURPOSE_LAUNCH};
	reconnect();
	world_challenge(&w, &c, &a);
	world_evidence(&w, &c, &a);
	fault_alloc_arm(at, for_good);
	world_send_evidence(&w, &c, &a, buf_bytes(&w.scene->evidence));
	bool failed = fault_alloc_disarm();
	if (a.status == 200)
		assert_outcome(&a, "trusted");
	else if (!failed || !is_undecided(a.status))
		fail_msg("allocation %zu%s: status %d: %s", at, for_good ? " and all after" : "",
			a.status, buf_str(&a.answer));
	if (a.status == 200 && a.result.trusted)
		assert_int_equal(a.result.cert_count, 1);
	else
		again();
	world_attestation_release(&a);
	return failed;
}

static void attest_everywhere(bool for_good)
{
	const char *wanted = getenv("ASSAY_LONG");
	size_t stride = wanted ? strtoul(wanted, NULL, 10) : STRIDE, at = 0;
	while (attest_once(at, for_good))
		at += stride;
	assert_true(at > stride);
	https_close(&c);
}

static void S12__service_without_memory_once__undecided_or_trusted_and_stays(void **state)
{
	(void)state;
	attest_everywhere(false);
}

static void S12__service_without_memory_for_a_while__undecided_or_trusted_and_stays(void **state)
{
	(void)state;
	attest_everywhere(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			S12__service_without_memory_once__undecided_or_trusted_and_stays, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			S12__service_without_memory_for_a_while__undecided_or_trusted_and_stays,
			setup, teardown),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
