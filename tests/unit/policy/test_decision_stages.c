/* SPDX-License-Identifier: Apache-2.0 */
/* The three stages: what does not parse, which level is reached, what a verdict names as unchecked, and what is handed on. */
#include "policy/policy.h"

#include "decision.h"

/* ---- parse ---- */

static void time__first_and_last_there_is__judged(void **state)
{
	(void)state;
	scene_attest(s);
	s->context.now = 0;
	scene_judge(s);
	s->context.now = POLICY_TIME_MAX;
	scene_judge(s);
	s->context.now = POLICY_TIME_MAX + 1;
	assert_fails(policy_appraise(buf_bytes(&s->evidence), &s->context, &s->state_in, s->verdict,
			     &s->state_out, &s->err),
		s->err, ERR_USAGE, "appraisal: appraisal: no time given");
}

/* Whoever wants no words for an error gets the refusal all the same. */
static void error__not_asked_for__undecided_all_the_same(void **state)
{
	bool authentic = true;

	(void)state;
	scene_attest(s);
	s->context.policy = NULL;
	assert_false(policy_appraise(buf_bytes(&s->evidence), &s->context, &s->state_in, s->verdict,
		&s->state_out, NULL));
	assert_false(
		policy_appraise_enrolment(buf_bytes(&s->evidence), &s->context, s->verdict, NULL));
	assert_false(
		policy_evidence_authentic(buf_bytes(&s->evidence), &s->context, &authentic, NULL));
	assert_false(authentic);
	s->context.policy = s->policy;
	assert_true(policy_evidence_authentic(BYTES_LIT("junk"), &s->context, &authentic, NULL));
	assert_false(authentic);
	assert_true(policy_appraise_enrolment(BYTES_LIT("junk"), &s->context, s->verdict, NULL));
	assert_refused(s, REASON_EVIDENCE_MALFORMED);
	assert_true(policy_appraise(
		BYTES_LIT("junk"), &s->context, &s->state_in, s->verdict, &s->state_out, NULL));
	assert_refused(s, REASON_EVIDENCE_MALFORMED);
}

static void malformed_claims(struct scene *scene, struct evidence *e)
{
	(void)scene;
	e->claims = BYTES_LIT("\x80");
}

static void malformed__part_of_the_evidence__named(void **state)
{
	struct appraisal *a;
	bool ok = true;

	(void)state;
	s->edit_evidence = malformed_claims;
	scene_run(s);
	assert_refused(s, REASON_CLAIMS_MALFORMED);
	assert_string_equal(s->verdict->reasons[0].subject, "claims");
	s->edit_evidence = NULL;
	s->claims.key = BYTES_LIT("no key");
	scene_run(s);
	assert_refused(s, REASON_CLAIMS_MALFORMED);
	assert_string_equal(s->verdict->reasons[0].subject, "claims: key");
	assert_int_equal(s->verdict->reasons[0].part, PART_EVIDENCE);
	a = appraisal_new(&s->context, &s->state_in, s->verdict, &s->err);
	assert_non_null(a);
	assert_ok(appraisal_parse(a, BYTES_LIT("junk"), &ok, &s->err), s->err);
	assert_false(ok);
	appraisal_free(&a);
	assert_null(a);
	appraisal_free(&a);
}

static void malformed__enrolled_ak__said_where(void **state)
{
	struct bytes ak = buf_bytes(&keys.ak->public_area);

	(void)state;
	s->context.host.ak_public = bytes_of(ak.data, ak.len - 1);
	scene_run(s);
	assert_refused(s, REASON_AK_ATTRIBUTES);
	assert_non_null(strstr(s->verdict->reasons[0].actual, "truncated"));
	assert_int_equal(s->verdict->reasons[0].part, PART_AK);
}

/* Nothing is known of this instance: only the whole log will do. */
static void renewal__of_nothing_established__in_full(void **state)
{
	(void)state;
	scene_renewal(s);
	s->state_in = (struct policy_state){0};
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_GAP);
	assert_true(s->verdict->full);
}

/* ---- levels ---- */

static struct policy_class class;

static void judge_level(
	enum assurance minimum, enum assurance reached, size_t reasons, struct appraisal *a)
{
	memset(s->verdict, 0, sizeof(*s->verdict));
	class = s->policy->classes[0];
	class.minimum_assurance = minimum;
	a->class = &class;
	s->verdict->assurance = (unsigned)reached;
	for (size_t i = 0; i < reasons; i++)
		verdict_refuse(s->verdict, REASON_HOST_STATE, "x", "y", "z", NULL, NULL);
	assert_true(check_assurance(a, &s->err));
}

static void assurance__too_little__refused_where_nothing_else_says_why(void **state)
{
	static const struct {
		enum assurance minimum, reached;
		size_t reasons, host_count, host_class;
		bool refused;
	} cases[] = {
		{ASSURANCE_REPORTED, ASSURANCE_NONE, 0, 0, 0, true},
		{ASSURANCE_REPORTED, ASSURANCE_NONE, 1, 0, 0, false},
		{ASSURANCE_REPORTED, ASSURANCE_REPORTED, 0, 0, 0, false},
		{ASSURANCE_BOOTED, ASSURANCE_REPORTED, 1, 0, 0, true},
		{ASSURANCE_BOOTED, ASSURANCE_REPORTED, 0, 1, 0, true},
		{ASSURANCE_BOOTED, ASSURANCE_REPORTED, 1, 1, 0, false},
		{ASSURANCE_BOOTED, ASSURANCE_REPORTED, 1, 1, 1, true},
		{ASSURANCE_MEASURED, ASSURANCE_BOOTED, 0, 2, 2, true},
		{ASSURANCE_MEASURED, ASSURANCE_MEASURED, 0, 2, 2, false},
	};
	struct appraisal *a = parsed();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct policy_class *whole = &s->policy->classes[0];
		size_t hosts = whole->host_count;

		whole->host_count = cases[i].host_count;
		a->host_class = cases[i].host_class;
		judge_level(cases[i].minimum, cases[i].reached, cases[i].reasons, a);
		whole->host_count = hosts;
		if (verdict_has(s->verdict, REASON_ASSURANCE) != cases[i].refused)
			fail_msg("case %zu", i);
		if (cases[i].refused)
			assert_reason(REASON_ASSURANCE, assurance_name(cases[i].minimum),
				assurance_name(cases[i].reached));
	}
	a->class = NULL;
	memset(s->verdict, 0, sizeof(*s->verdict));
	assert_true(check_assurance(a, &s->err));
	assert_int_equal(s->verdict->reason_count, 0);
	appraisal_free(&a);
}

static void verdict__at_its_lowest_level__names_what_it_did_not_check(void **state)
{
	static const char *const lines[] = {
		"firmware, boot loader and kernel (PCRs 0-9): no firmware log is appraised",
		"files loaded by the system (IMA, PCR 10): no IMA log is appraised",
		"assay-hostd itself: what it reports is believed, not proven",
		"the agent's memory, tracing by root, keys held in RAM",
		"the agent's inputs and its model's behaviour",
		"files outside the components that the release lists",
		"physical attacks on the TPM",
		"asserted by the verifier: that the attestation key lives in the TPM of this",
	};

	(void)state;
	scene_run(s);
	assert_trusted(s);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		if (!says(s->verdict, lines[i]))
			fail_msg("%s", lines[i]);
}

/* ---- purpose ---- */

static void enroll_scene(void)
{
	s->context.challenge.purpose = s->claims.purpose = PURPOSE_ENROLL;
	memset(s->context.challenge.instance, 0, INSTANCE_ID_LEN);
	memset(s->claims.instance, 0, INSTANCE_ID_LEN);
	memset(s->claims.release, 0, SHA256_LEN);
	s->claims.workload = (struct bytes){0};
	scene_log_clear(s);
}

static void purpose__of_another_call__both_said(void **state)
{
	(void)state;
	scene_attest(s);
	assert_ok(policy_appraise_enrolment(
			  buf_bytes(&s->evidence), &s->context, s->verdict, &s->err),
		s->err);
	assert_refused(s, REASON_PURPOSE);
	assert_reason(REASON_PURPOSE, "enroll", "launch");
	assert_int_equal(s->verdict->checked_count, 0); /* nothing more is asked of it */
	enroll_scene();
	scene_run(s);
	assert_refused(s, REASON_PURPOSE);
	assert_reason(REASON_PURPOSE, "launch or renew", "enroll");
	assert_int_equal(s->verdict->checked_count, 0);
	assert_string_equal(s->verdict->risk_class, "low");
}

static void enrolment__without_a_host__refused(void **state)
{
	(void)state;
	enroll_scene();
	s->context.host.ek_public = (struct bytes){0};
	scene_attest(s);
	assert_ok(policy_appraise_enrolment(
			  buf_bytes(&s->evidence), &s->context, s->verdict, &s->err),
		s->err);
	assert_refused(s, REASON_HOST_UNKNOWN);
}

/* ---- what is handed on ---- */

/* An exit that does not replay onto the quote is hearsay. */
static void state__exit_in_a_log_that_does_not_replay__not_ended(void **state)
{
	(void)state;
	scene_renewal(s);
	scene_log_exit(s, s->instance);
	s->pcrs.values[SCENE_PCR][0] ^= 1;
	scene_run(s);
	assert_true(verdict_has(s->verdict, REASON_RUNTIME_PCR));
	assert_false(s->state_out.ended);
	assert_memory_equal(&s->state_out, &s->state_in, sizeof(s->state_in));
}

static void state__refused__stays_as_it_was(void **state)
{
	(void)state;
	scene_renewal(s);
	s->state_in.ended = true;
	scene_run(s);
	assert_refused(s, REASON_INSTANCE_ENDED);
	assert_memory_equal(&s->state_out, &s->state_in, sizeof(s->state_in));
	s->state_in.ended = false;
	s->context.host.state = HOST_QUARANTINED;
	scene_run(s);
	assert_refused(s, REASON_HOST_STATE);
	assert_memory_equal(&s->state_out, &s->state_in, sizeof(s->state_in));
}

/* ---- authentic evidence ---- */

static bool authentic(void)
{
	bool ret = true;

	assert_ok(policy_evidence_authentic(buf_bytes(&s->evidence), &s->context, &ret, &s->err),
		s->err);
	return ret;
}

static void swap_pcrs(struct scene *scene, struct evidence *e)
{
	(void)scene;
	memset(e->pcrs.values[2], 1, SHA256_LEN);
}

static void edit_signature(struct scene *scene, struct evidence *e)
{
	static uint8_t bent[512];

	(void)scene;
	assert_true(e->signature.len <= sizeof(bent));
	memcpy(bent, e->signature.data, e->signature.len);
	bent[e->signature.len - 1] ^= 1;
	e->signature = bytes_of(bent, e->signature.len);
}

/* What the TPM signed for this challenge burns it, whatever the PCRs; nothing else does. */
static void authentic__of_this_host_and_challenge__alone(void **state)
{
	(void)state;
	s->edit_evidence = swap_pcrs;
	scene_attest(s);
	assert_true(authentic());
	s->edit_evidence = NULL;
	scene_attest(s);
	s->context.challenge.expires = SCENE_NOW - 1;
	assert_true(authentic());
	s->context.host.id[0] ^= 1;
	s->context.challenge.host_id[0] ^= 1;
	s->claims.host_id[0] ^= 1;
	scene_attest(s);
	assert_false(authentic());
	s->context.host.id[0] ^= 1;
	s->context.challenge.host_id[0] ^= 1;
	s->claims.host_id[0] ^= 1;
	s->edit_evidence = edit_signature;
	scene_attest(s);
	assert_false(authentic());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(time__first_and_last_there_is__judged),
		T(error__not_asked_for__undecided_all_the_same),
		T(malformed__part_of_the_evidence__named),
		T(malformed__enrolled_ak__said_where),
		T(renewal__of_nothing_established__in_full),
		T(assurance__too_little__refused_where_nothing_else_says_why),
		T(verdict__at_its_lowest_level__names_what_it_did_not_check),
		T(purpose__of_another_call__both_said),
		T(enrolment__without_a_host__refused),
		T(state__exit_in_a_log_that_does_not_replay__not_ended),
		T(state__refused__stays_as_it_was),
		T(authentic__of_this_host_and_challenge__alone),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
