/* SPDX-License-Identifier: Apache-2.0 */
/* Challenge, host, quote, key: each limit from both sides, and no check listed that did not hold. */
#include "policy/policy.h"

#include "decision.h"

/* ---- the challenge ---- */

static void edit_token(struct scene *scene, struct evidence *e)
{
	(void)scene;
	e->challenge = BYTES_LIT("another token");
}

/* Whatever differs, alone, keeps the challenge off the list of what was checked. */
static void challenge__one_part_differs__is_not_listed_as_checked(void **state)
{
	(void)state;
	s->edit_evidence = edit_token;
	scene_run(s);
	assert_refused(s, REASON_CHALLENGE_OTHER);
	assert_false(says(s->verdict, "challenge: fresh"));
	s->edit_evidence = NULL;
	s->claims.nonce[0] ^= 1;
	scene_run(s);
	assert_refused(s, REASON_CHALLENGE_OTHER);
	assert_false(says(s->verdict, "challenge: fresh"));
	s->claims.nonce[0] ^= 1;
	s->context.challenge.instance[0] ^= 1;
	scene_run(s);
	assert_refused(s, REASON_CHALLENGE_OTHER);
	assert_false(says(s->verdict, "challenge: fresh"));
	s->context.challenge.instance[0] ^= 1;
	s->context.challenge.issued = SCENE_NOW + 61;
	scene_run(s);
	assert_refused(s, REASON_CHALLENGE_EXPIRED);
	assert_false(says(s->verdict, "challenge: fresh"));
}

static void challenge__of_the_first_second__is_a_time(void **state)
{
	struct appraisal *a = parsed();

	(void)state;
	s->context.now = 5;
	s->context.challenge.issued = 0;
	s->context.challenge.expires = 9;
	assert_true(check_challenge(a, &s->err));
	assert_int_equal(s->verdict->reason_count, 0);
	assert_true(says(s->verdict, "challenge: fresh"));
	s->context.challenge.issued = -1;
	assert_true(check_challenge(a, &s->err));
	assert_string_equal(reason_of(REASON_CHALLENGE_EXPIRED)->actual, "issued in the future");
	appraisal_free(&a);
}

/* claims_decode takes no empty id; where a verifier has none, nothing is made for it. */
static void verifier__without_an_id_and_none_claimed__refused(void **state)
{
	struct appraisal *a = parsed();

	(void)state;
	s->context.verifier_id = a->claims.verifier_id = (struct bytes){0};
	assert_true(check_verifier(a, &s->err));
	assert_true(verdict_has(s->verdict, REASON_VERIFIER_OTHER));
	appraisal_free(&a);
}

/* ---- the host ---- */

static void host__active_and_itself__listed_as_checked(void **state)
{
	(void)state;
	scene_run(s);
	assert_trusted(s);
	assert_true(says(s->verdict, "host: its id is the name of its endorsement key"));
	assert_true(says(s->verdict, "host: active in the register"));
	s->context.host.state = HOST_QUARANTINED;
	scene_run(s);
	assert_reason(REASON_HOST_STATE, "active", "quarantined");
	assert_false(says(s->verdict, "host: active in the register"));
}

static void host__one_of_its_keys_missing__unknown(void **state)
{
	(void)state;
	s->context.host.ak_public = (struct bytes){0};
	scene_run(s);
	assert_refused(s, REASON_HOST_UNKNOWN);
	s->context.host.ak_public = buf_bytes(&keys.ak->public_area);
	s->context.host.ek_public = (struct bytes){0};
	scene_run(s);
	assert_refused(s, REASON_HOST_UNKNOWN);
	s->context.host.ek_public = buf_bytes(&keys.ek->public_area);
	s->context.host.ak_public = BYTES_LIT("junk");
	scene_run(s);
	assert_refused(s, REASON_AK_ATTRIBUTES);
}

static void seen(uint32_t reset, uint32_t restart, uint64_t clock)
{
	s->context.host.seen = true;
	s->context.host.reset_count = reset;
	s->context.host.restart_count = restart;
	s->context.host.clock = clock;
}

static void Q19__counters_that_went_back__both_are_told(void **state)
{
	(void)state;
	seen(2, 0, 0);
	scene_run(s);
	assert_reason(REASON_RESET_COUNT, "at least 2", "1");
	seen(1, 7, 0);
	scene_run(s);
	assert_reason(REASON_RESTART_COUNT, "at least 7", "0");
	assert_false(says(s->verdict, "TPM: reset count"));
}

/* What the register holds of a host that was never seen is no count of its TPM. */
static void host__never_seen__its_counters_are_none(void **state)
{
	(void)state;
	seen(9, 9, UINT64_MAX);
	s->context.host.seen = false;
	scene_run(s);
	assert_trusted(s);
	seen(1, 9, UINT64_MAX);
	s->context.host.seen = false;
	scene_run(s);
	assert_trusted(s);
}

/* A challenge from a clock that goes ahead lets quotes be overtaken by one second, one just made too. */
static void Q20__clock_under_a_challenge_from_the_future__one_second(void **state)
{
	(void)state;
	for (int64_t ahead = 0; ahead <= 30; ahead += 30) {
		s->context.challenge.issued = SCENE_NOW + ahead;
		seen(1, 0, s->attest.clock + 1000);
		scene_run(s);
		assert_trusted(s);
		seen(1, 0, s->attest.clock + 1001);
		scene_run(s);
		assert_reason(REASON_CLOCK_BACKWARDS, "at least 1000001", "1000000");
	}
}

static void Q20__clock_at_zero__not_before_the_beginning(void **state)
{
	(void)state;
	s->attest.clock = 0;
	seen(1, 0, 500);
	scene_run(s);
	assert_trusted(s);
}

static void Q20__clock_not_safe_under_no_class__flagged(void **state)
{
	(void)state;
	s->attest.safe = false;
	s->context.workload.risk_class = bytes_str("higher");
	scene_run(s);
	assert_false(verdict_has(s->verdict, REASON_CLOCK_UNSAFE));
	assert_true(says(s->verdict, "the TPM's clock over the last stop"));
}

static void Q20__clock_safe__accepted_by_a_class_that_demands_it(void **state)
{
	(void)state;
	policy_of(SCENE_CLASS_LINES "    clock_safe: true\n", "");
	scene_run(s);
	assert_trusted(s);
	assert_true(says(s->verdict, "TPM: reset count 1, restart count 0, clock: none went back"));
	assert_true(says(s->verdict, "TPM firmware: "));
	s->attest.safe = false;
	scene_run(s);
	assert_refused(s, REASON_CLOCK_UNSAFE);
	assert_false(says(s->verdict, "TPM: reset count"));
}

/* The higher one of the policy's minimum and what was last seen counts, and the reason says which it is. */
static void Q23__firmware__held_against_policy_and_register(void **state)
{
	static const struct {
		bool seen;
		uint64_t last, is;
		const char *subject, *expected, *actual; /* NULL: accepted */
	} cases[] = {
		{false, UINT64_MAX, 3, NULL, NULL, NULL},
		{true, 1, 2, "firmware version of the TPM: minimum of the policy", "0.0.0.3",
			"0.0.0.2"},
		{true, 3, 2, "firmware version of the TPM: minimum of the policy", "0.0.0.3",
			"0.0.0.2"},
		{true, 4, 3, "firmware version of the TPM: as last seen", "0.0.0.4", "0.0.0.3"},
		{true, UINT64_C(0x0001000200030004), UINT64_C(0x0001000200030003),
			"firmware version of the TPM: as last seen", "1.2.3.4", "1.2.3.3"},
		{true, 4, 4, NULL, NULL, NULL},
	};

	(void)state;
	policy_of(SCENE_CLASS_LINES, "tpm_firmware_minimum: 3\n");
	seen(1, 0, 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		s->context.host.seen = cases[i].seen;
		s->context.host.firmware_version = cases[i].last;
		s->attest.firmware_version = cases[i].is;
		scene_run(s);
		if (!cases[i].subject) {
			assert_trusted(s);
			continue;
		}
		assert_refused(s, REASON_TPM_FIRMWARE);
		assert_string_equal(s->verdict->reasons[0].subject, cases[i].subject);
		assert_reason(REASON_TPM_FIRMWARE, cases[i].expected, cases[i].actual);
		assert_false(says(s->verdict, "TPM firmware: "));
	}
}

/* ---- the quote ---- */

static void edit_missing_pcr(struct scene *scene, struct evidence *e)
{
	(void)scene;
	e->pcrs.present &= ~8u;
}

static void edit_other_bank(struct scene *scene, struct evidence *e)
{
	(void)scene;
	e->pcrs.alg = DIGEST_SHA384;
}

static void Q7__values_that_do_not_fit__said_which(void **state)
{
	(void)state;
	s->edit_evidence = edit_missing_pcr;
	scene_run(s);
	assert_reason(REASON_QUOTE_SELECTION, "sha256", "some of PCRs 0-15 are missing");
	s->edit_evidence = edit_other_bank;
	scene_run(s);
	assert_reason(REASON_QUOTE_SELECTION, "sha256", "sha384");
	assert_false(says(s->verdict, "quote: signed inside the TPM"));
	s->edit_evidence = NULL;
	scene_run(s);
	assert_true(says(s->verdict, "quote: signed inside the TPM"));
}

static void edit_more_pcrs(struct scene *scene, struct evidence *e)
{
	(void)scene;
	e->pcrs.present |= 1u << 16;
	memset(e->pcrs.values[16], 0x16, SHA256_LEN);
}

static void Q7__values_that_no_quote_covers__are_not_kept(void **state)
{
	static const uint8_t zeros[DIGEST_LEN_MAX];
	struct appraisal *a;

	(void)state;
	s->edit_evidence = edit_more_pcrs;
	a = parsed();
	assert_true(a->evidence.pcrs.present >> 16 & 1);
	assert_true(check_quote(a, &s->err));
	assert_true(a->quoted);
	assert_int_equal(a->pcrs.present, 0xffff);
	assert_memory_equal(a->pcrs.values[16], zeros, sizeof(zeros));
	appraisal_free(&a);
}

/* ---- the key ---- */

static void certified_by_another(struct scene *scene, struct evidence *e)
{
	uint8_t nonce[SHA256_LEN];

	assert_ok(sha256_of(e->claims, nonce, &scene->err), scene->err);
	buf_clear(&scene->certify_message);
	buf_clear(&scene->certify_signature);
	assert_ok(tpm_sw_certify(keys.other_ak, keys.tpm_key, BYTES_OF(nonce),
			  &scene->certify_message, &scene->certify_signature, &scene->err),
		scene->err);
	e->key_certification.message = buf_bytes(&scene->certify_message);
	e->key_certification.signature = buf_bytes(&scene->certify_signature);
}

static void C3__certification_by_another_key__named(void **state)
{
	(void)state;
	scene_key(s, keys.tpm_key->key, KEY_TPM);
	s->edit_evidence = certified_by_another;
	scene_run(s);
	assert_refused(s, REASON_KEY_CERTIFICATION);
	assert_string_equal(s->verdict->reasons[0].subject, "key certification: quote-signature");
}

/* claims_decode knows two kinds; a third is none of them. */
static void key__protected_in_no_way_known__refused(void **state)
{
	struct appraisal *a = parsed();

	(void)state;
	a->claims.key_protection = (enum key_protection)7;
	assert_true(check_key_protection(a, &s->err));
	assert_int_equal(s->verdict->reason_count, 1);
	assert_reason(REASON_KEY_PROTECTION, "software or tpm", key_protection_name(7));
	assert_false(says(s->verdict, "where the agent's key lives"));
	appraisal_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(challenge__one_part_differs__is_not_listed_as_checked),
		T(challenge__of_the_first_second__is_a_time),
		T(verifier__without_an_id_and_none_claimed__refused),
		T(host__active_and_itself__listed_as_checked),
		T(host__one_of_its_keys_missing__unknown),
		T(Q19__counters_that_went_back__both_are_told),
		T(host__never_seen__its_counters_are_none),
		T(Q20__clock_under_a_challenge_from_the_future__one_second),
		T(Q20__clock_at_zero__not_before_the_beginning),
		T(Q20__clock_not_safe_under_no_class__flagged),
		T(Q20__clock_safe__accepted_by_a_class_that_demands_it),
		T(Q23__firmware__held_against_policy_and_register),
		T(Q7__values_that_do_not_fit__said_which),
		T(Q7__values_that_no_quote_covers__are_not_kept),
		T(C3__certification_by_another_key__named),
		T(key__protected_in_no_way_known__refused),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
