/* SPDX-License-Identifier: Apache-2.0 */
/* What a mutation run found unwatched in the judgement of evidence, approvals and reviews (tests/mutation). */
#include "policy/policy.h"

#include "policy/checklist.h"
#include "decision.h"

/* ---- nothing refused is listed as checked ---- */

static void challenge__refused__is_not_listed_as_checked(void **state)
{
	(void)state;
	scene_run(s);
	assert_true(says(s->verdict, "challenge: fresh"));
	assert_true(says(s->verdict, "connection: the quote was made"));
	assert_true(says(s->verdict, "workload: active"));
	s->context.challenge.expires = SCENE_NOW - 1;
	scene_run(s);
	assert_false(says(s->verdict, "challenge: fresh"));
	s->context.challenge.expires = SCENE_NOW + 1;
	s->context.challenge.host_id[0] ^= 1;
	scene_run(s);
	assert_refused(s, REASON_CHALLENGE_OTHER);
	assert_false(says(s->verdict, "challenge: fresh"));
	s->context.challenge.host_id[0] ^= 1;
	s->context.challenge.purpose = PURPOSE_RENEW;
	scene_run(s);
	assert_false(says(s->verdict, "challenge: fresh"));
	s->context.challenge.purpose = PURPOSE_LAUNCH;
	s->context.exporter[0] ^= 1;
	scene_run(s);
	assert_refused(s, REASON_EXPORTER);
	assert_false(says(s->verdict, "connection: the quote was made"));
}

/* ---- the register ---- */

static void workload__without_a_name__unknown(void **state)
{
	(void)state;
	s->context.workload.name = (struct bytes){0};
	s->context.workload.risk_class = bytes_str("higher");
	scene_run(s);
	assert_string_equal(reason_of(REASON_WORKLOAD_UNKNOWN)->expected, "a registered workload");
	for (size_t i = 0; i < s->verdict->reason_count; i++)
		assert_string_not_equal(
			s->verdict->reasons[i].subject, "risk class of the workload");
}

static void workload__of_one_letter__known(void **state)
{
	(void)state;
	s->release.workload = (char *)(uintptr_t) "a";
	s->context.workload.name = s->claims.workload = bytes_str("a");
	scene_release(s);
	scene_approve(s);
	scene_log_default(s);
	scene_run(s);
	assert_trusted(s);
}

static void workload__of_a_class_unknown_to_the_policy__said_of_the_workload(void **state)
{
	(void)state;
	s->context.workload.risk_class = bytes_str("higher");
	scene_run(s);
	assert_string_equal(reason_of(REASON_RISK_CLASS)->subject, "risk class of the workload");
	assert_string_equal(reason_of(REASON_RISK_CLASS)->expected, "a class of the policy");
	s->context.workload.name = bytes_str("b");
	scene_run(s);
	assert_string_equal(reason_of(REASON_RISK_CLASS)->subject, "risk class of the workload");
}

static void workload__retired__its_review_is_nobodys_matter(void **state)
{
	(void)state;
	s->context.workload.state = WORKLOAD_RETIRED;
	s->context.workload.review_next = SCENE_NOW - 5;
	scene_run(s);
	assert_refused(s, REASON_WORKLOAD_RETIRED);
	assert_false(says(s->verdict, "review of the workload"));
}

static void release__in_no_state_of_the_register__unknown(void **state)
{
	(void)state;
	s->context.release_state = (enum release_state)77;
	scene_run(s);
	assert_string_equal(reason_of(REASON_RELEASE_UNKNOWN)->actual, "not published");
	s->context.release_state = RELEASE_PUBLISHED;
	s->context.release = (struct bytes){0};
	scene_run(s);
	assert_string_equal(reason_of(REASON_RELEASE_UNKNOWN)->actual, "not published");
	s->context.release = BYTES_LIT("{");
	scene_run(s);
	assert_true(verdict_has(s->verdict, REASON_RELEASE_MALFORMED));
	assert_false(verdict_has(s->verdict, REASON_RELEASE_UNKNOWN));
}

/* ---- what goes on from state ---- */

static void renewal__each_pcr_but_two__must_stay_in_a_renewal(void **state)
{
	(void)state;
	scene_renewal(s);
	for (unsigned pcr = 0; pcr < 16; pcr++) {
		s->pcrs.values[pcr][0] ^= 1;
		scene_run(s);
		if (pcr == 10)
			assert_trusted(s);
		else if (pcr == SCENE_PCR)
			assert_refused(s, REASON_RUNTIME_PCR);
		else
			assert_refused(s, REASON_PCRS_CHANGED);
		s->pcrs.values[pcr][0] ^= 1;
	}
	scene_run(s);
	assert_true(says(s->verdict, "PCRs 0-15 but the runtime PCR and 10"));
}

/* The format of a kept state: a change of it would refuse every renewal once. */
static void state__other_pcrs__sha256_of_their_values_in_order(void **state)
{
	struct buf values = {0};
	uint8_t digest[SHA256_LEN];

	(void)state;
	scene_run(s);
	for (unsigned pcr = 0; pcr < 16; pcr++)
		if (pcr != 10 && pcr != SCENE_PCR)
			buf_put(&values, bytes_of(s->pcrs.values[pcr], SHA256_LEN));
	assert_ok(sha256_of(buf_bytes(&values), digest, &s->err), s->err);
	assert_memory_equal(s->state_out.pcrs_other, digest, SHA256_LEN);
	buf_release(&values);
}

static void edit_signature(struct scene *scene, struct evidence *e)
{
	static uint8_t other[512];

	assert_true(e->signature.len <= sizeof(other));
	memcpy(other, e->signature.data, e->signature.len);
	other[e->signature.len - 1] ^= 1;
	e->signature = bytes_of(other, e->signature.len);
	(void)scene;
}

static void renewal__quote_that_does_not_hold__pcrs_are_nobodys_word(void **state)
{
	(void)state;
	scene_renewal(s);
	s->pcrs.values[0][0] ^= 1;
	s->edit_evidence = edit_signature;
	scene_run(s);
	assert_true(verdict_has(s->verdict, REASON_QUOTE_SIGNATURE));
	assert_false(verdict_has(s->verdict, REASON_PCRS_CHANGED));
	assert_false(says(s->verdict, "PCRs 0-15 but the runtime PCR and 10"));
}

static void edit_reset(struct tpms_attest *attest)
{
	attest->reset_count = 9;
}

static void renewal__reset_count_moved__says_both(void **state)
{
	const struct reason *r;

	(void)state;
	scene_renewal(s);
	s->edit_attest = edit_reset;
	scene_run(s);
	r = reason_of(REASON_STATE_STALE);
	assert_string_equal(r->subject, "reset count of the TPM");
	assert_string_equal(r->expected, "1");
	assert_string_equal(r->actual, "9");
}

/* ---- the key ---- */

static void attest_with_tpm_key(uint32_t attributes)
{
	struct scene_keys other = keys;

	assert_ok(tpm_sw_ak_new(TPM_SW_ECDSA_P256, attributes, &other.tpm_key, &s->err), s->err);
	s->keys = &other;
	scene_key(s, other.tpm_key->key, KEY_TPM);
	scene_run(s);
	s->keys = &keys;
	tpm_sw_key_free(&other.tpm_key);
}

/* Each attribute alone: what the key must be, and what it must not. */
static void C2__certified_key__each_attribute_by_itself(void **state)
{
	static const uint32_t must[] = {TPMA_OBJECT_FIXED_TPM, TPMA_OBJECT_FIXED_PARENT,
		TPMA_OBJECT_SENSITIVE_DATA_ORIGIN, TPMA_OBJECT_SIGN};
	static const uint32_t must_not[] = {
		TPMA_OBJECT_ENCRYPTED_DUPLICATION, TPMA_OBJECT_RESTRICTED, TPMA_OBJECT_DECRYPT};
	char wanted[32];

	(void)state;
	attest_with_tpm_key(TPM_SW_KEY_ATTRIBUTES);
	assert_trusted(s);
	assert_true(says(s->verdict, "key: lives in this TPM"));
	assert_true(says(s->verdict, "key: its holder signed these claims"));
	for (size_t i = 0; i < ARRAY_LEN(must); i++) {
		attest_with_tpm_key(TPM_SW_KEY_ATTRIBUTES & ~must[i]);
		assert_refused(s, REASON_KEY_PROTECTION);
	}
	for (size_t i = 0; i < ARRAY_LEN(must_not); i++) {
		attest_with_tpm_key(TPM_SW_KEY_ATTRIBUTES | must_not[i]);
		assert_refused(s, REASON_KEY_PROTECTION);
		snprintf(wanted, sizeof(wanted), "attributes %08x",
			(unsigned)(TPM_SW_KEY_ATTRIBUTES | must_not[i]));
		assert_string_equal(s->verdict->reasons[0].actual, wanted);
		assert_false(says(s->verdict, "key: lives in this TPM"));
	}
}

static void without_certification(struct scene *scene, struct evidence *e)
{
	(void)scene;
	e->key_certification = (struct key_certification){0};
}

static void C3__key_certification_lacking__said(void **state)
{
	(void)state;
	scene_key(s, keys.tpm_key->key, KEY_TPM);
	s->edit_evidence = without_certification;
	scene_run(s);
	assert_refused(s, REASON_KEY_CERTIFICATION);
	assert_string_equal(
		s->verdict->reasons[0].expected, "a certification by the attestation key");
	assert_string_equal(s->verdict->reasons[0].actual, "none");
}

static void certification_of_the_ak(struct scene *scene, struct evidence *e)
{
	e->key_certification.public_area = buf_bytes(&scene->keys->other_ak->public_area);
}

static void C3__certification_of_another_object__named(void **state)
{
	(void)state;
	scene_key(s, keys.tpm_key->key, KEY_TPM);
	s->edit_evidence = certification_of_the_ak;
	scene_run(s);
	assert_refused(s, REASON_KEY_CERTIFICATION);
	assert_string_equal(s->verdict->reasons[0].subject, "key certification: name of the key");
	s->edit_evidence = NULL;
	s->signer = keys.ak;
	scene_key(s, keys.instance, KEY_TPM);
	scene_attest_with(s, keys.instance);
	scene_judge(s);
	assert_int_equal(strlen(s->verdict->reasons[0].expected), 2 * SHA256_LEN);
	assert_int_equal(strlen(s->verdict->reasons[0].actual), 2 * SHA256_LEN);
	assert_string_not_equal(s->verdict->reasons[0].expected, s->verdict->reasons[0].actual);
}

static void key__in_software_where_a_class_wants_the_tpm__said(void **state)
{
	(void)state;
	s->class_lines = SCENE_CLASS_LINES "    key: tpm\n";
	scene_policy(s);
	for (size_t i = 0; i < SCENE_APPROVALS; i++)
		memcpy(s->approvals[i].approval.clause, s->policy->classes[0].clause, SHA256_LEN);
	scene_approve(s);
	scene_run(s);
	assert_refused(s, REASON_KEY_PROTECTION);
	assert_string_equal(s->verdict->reasons[0].expected, "a key in the TPM, by risk class");
}

static void key__rsa__no_credential_for_it(void **state)
{
	struct key *rsa = NULL;

	(void)state;
	assert_ok(key_generate(KEY_RSA, &rsa, &s->err), s->err);
	s->claims.key = key_spki(rsa);
	scene_attest(s);
	scene_judge(s);
	key_unref(&rsa);
	assert_true(verdict_has(s->verdict, REASON_KEY_POSSESSION));
	assert_string_equal(reason_of(REASON_KEY_POSSESSION)->expected, "an ECDSA key");
}

/* ---- logs and launches ---- */

static struct bytes firmware_log;

static void with_firmware_log(struct scene *scene, struct evidence *e)
{
	(void)scene;
	e->firmware_log = firmware_log;
}

static bool another_log(struct bytes sent, struct bytes claimed, uint64_t length)
{
	firmware_log = sent;
	s->edit_evidence = with_firmware_log;
	assert_ok(sha256_of(claimed, s->claims.firmware_digest, &s->err), s->err);
	s->claims.firmware_length = length;
	scene_run(s);
	return verdict_has(s->verdict, REASON_EVIDENCE_MALFORMED);
}

static void firmware_log__not_the_one_claimed__refused(void **state)
{
	(void)state;
	assert_false(another_log(BYTES_LIT("abc"), BYTES_LIT("abc"), 3));
	assert_false(another_log(BYTES_LIT("a"), BYTES_LIT("a"), 1));
	assert_true(another_log(BYTES_LIT("abc"), BYTES_LIT("abd"), 3));
	assert_true(another_log(BYTES_LIT("abc"), BYTES_LIT("abc"), 4));
	assert_string_equal(
		reason_of(REASON_EVIDENCE_MALFORMED)->expected, "the log that the claims name");
}

static void launch__none_or_two__counted(void **state)
{
	struct runtime_baseline baseline = scene_baseline(s);

	(void)state;
	scene_log_launch(s);
	scene_run(s);
	assert_string_equal(reason_of(REASON_RUNTIME_LAUNCH)->expected, "exactly one");
	assert_string_equal(reason_of(REASON_RUNTIME_LAUNCH)->actual, "2");
	scene_log_clear(s);
	scene_log_baseline(s, &baseline);
	scene_run(s);
	assert_string_equal(reason_of(REASON_RUNTIME_LAUNCH)->actual, "none");
}

static void renewal__another_launch__said_so(void **state)
{
	(void)state;
	scene_renewal(s);
	scene_log_launch(s);
	scene_run(s);
	assert_string_equal(
		reason_of(REASON_RUNTIME_LAUNCH)->expected, "none besides the one accepted");
	assert_string_equal(reason_of(REASON_RUNTIME_LAUNCH)->actual, "1");
}

/* The first of all records counts as any other. */
static void launch__first_component_unlisted_or_unreleased__refused(void **state)
{
	struct runtime_baseline baseline = scene_baseline(s);
	struct release_component extra = s->components[0];

	(void)state;
	extra.name = (char *)(uintptr_t) "extra";
	scene_log_clear(s);
	scene_log_baseline(s, &baseline);
	scene_log_component(s, &extra);
	s->launch.component_count = 0;
	for (size_t i = 0; i < SCENE_COMPONENTS; i++)
		scene_log_component(s, &s->components[i]);
	scene_log_launch(s);
	scene_run(s);
	assert_refused(s, REASON_COMPONENT_EXTRA);
	assert_string_equal(s->verdict->reasons[0].actual, "extra");
	scene_log_clear(s);
	scene_log_baseline(s, &baseline);
	scene_log_component(s, &extra);
	for (size_t i = 0; i < SCENE_COMPONENTS; i++)
		scene_log_component(s, &s->components[i]);
	scene_log_launch(s);
	scene_run(s);
	assert_refused(s, REASON_COMPONENT_EXTRA);
	assert_string_equal(s->verdict->reasons[0].actual, "not in the release");
}

/* ---- the challenge ---- */

static void challenge__at_its_limits__judged(void **state)
{
	(void)state;
	scene_attest(s);
	s->context.challenge.expires = SCENE_NOW;
	scene_judge(s);
	assert_trusted(s);
	s->context.challenge.issued = SCENE_NOW + 60;
	s->context.challenge.expires = SCENE_NOW + 61;
	scene_judge(s);
	assert_trusted(s);
	s->context.challenge.issued = SCENE_NOW + 61;
	scene_judge(s);
	assert_refused(s, REASON_CHALLENGE_EXPIRED);
	assert_string_equal(s->verdict->reasons[0].actual, "issued in the future");
	s->context.challenge.issued = -1;
	scene_judge(s);
	assert_string_equal(s->verdict->reasons[0].actual, "issued in the future");
	s->context.challenge.issued = INT64_MAX;
	scene_judge(s);
	assert_string_equal(s->verdict->reasons[0].actual, "issued in the future");
	s->context.challenge.issued = SCENE_NOW - 121;
	s->context.challenge.expires = SCENE_NOW + 9;
	scene_judge(s);
	assert_string_equal(s->verdict->reasons[0].expected, "evidence by 2027-01-15T07:59:59Z");
	assert_string_equal(s->verdict->reasons[0].actual, "received at 2027-01-15T08:00:00Z");
	assert_false(says(s->verdict, "challenge: fresh"));
	s->context.challenge.issued = SCENE_NOW - 120;
	scene_judge(s);
	assert_trusted(s);
}

static void challenge__renewal_of_a_class_unknown__lives_no_longer(void **state)
{
	(void)state;
	scene_renewal(s);
	s->context.workload.risk_class = bytes_str("higher");
	s->context.challenge.issued = SCENE_NOW - 121;
	s->context.challenge.expires = SCENE_NOW + 9;
	scene_run(s);
	assert_true(verdict_has(s->verdict, REASON_CHALLENGE_EXPIRED));
}

static void verifier__without_an_id__is_not_the_one(void **state)
{
	(void)state;
	s->context.verifier_id = (struct bytes){0};
	scene_run(s);
	assert_refused(s, REASON_VERIFIER_OTHER);
	s->context.verifier_id = s->claims.verifier_id = bytes_str("v");
	scene_run(s);
	assert_trusted(s);
	assert_true(says(s->verdict, "verifier: the evidence was made for this one"));
}

/* ---- approvals: form ---- */

static void approval__texts_at_their_limits__read(void **state)
{
	static char person[130], reason[2050];
	struct approval *a = &s->approvals[0].approval;
	struct approval *read = NULL;
	struct buf text = {0};

	(void)state;
	memset(person, 'p', 128);
	memset(reason, 'r', 2048);
	a->person = a->change_request = person;
	a->reason = reason;
	assert_ok(approval_statement(a, &text, &s->err), s->err);
	assert_ok(approval_parse(buf_bytes(&text), &read, &s->err), s->err);
	assert_false(read->withdrawn);
	approval_free(&read);
	buf_clear(&text);
	person[128] = 'p';
	assert_false(approval_statement(a, &text, &s->err));
	a->person = (char *)(uintptr_t) "alice";
	assert_false(approval_statement(a, &text, &s->err));
	a->change_request = NULL;
	assert_ok(approval_statement(a, &text, &s->err), s->err);
	buf_clear(&text);
	reason[2048] = 'r';
	assert_false(approval_statement(a, &text, &s->err));
	buf_release(&text);
}

static void approval__that_ends_as_it_begins__refused(void **state)
{
	struct approval *a = &s->approvals[0].approval;
	struct buf text = {0};

	(void)state;
	a->expires = a->issued;
	assert_false(approval_statement(a, &text, &s->err));
	assert_int_equal(s->err.code, ERR_FORMAT);
	assert_non_null(strstr(s->err.text, "not after issued"));
	a->expires = a->issued + 1;
	assert_ok(approval_statement(a, &text, &s->err), s->err);
	buf_release(&text);
}

/* What others write may leave "withdrawn" out: then it approves. */
static void approval__without_withdrawn__approves(void **state)
{
	static const char cut[] = ",\"withdrawn\":false";
	struct buf text = {0}, without = {0};
	struct approval *read = NULL;
	const char *at;

	(void)state;
	assert_ok(approval_statement(&s->approvals[0].approval, &text, &s->err), s->err);
	at = strstr(buf_str(&text), cut);
	assert_non_null(at);
	buf_printf(
		&without, "%.*s%s", (int)(at - buf_str(&text)), buf_str(&text), at + strlen(cut));
	assert_ok(approval_parse(buf_bytes(&without), &read, &s->err), s->err);
	assert_false(read->withdrawn);
	approval_free(&read);
	buf_release(&text);
	buf_release(&without);
}

static void approval__of_two_subjects__refused(void **state)
{
	struct buf text = {0}, two = {0};
	struct approval *read = NULL;
	const char *at;

	(void)state;
	assert_ok(approval_statement(&s->approvals[0].approval, &text, &s->err), s->err);
	at = strstr(buf_str(&text), "\"subject\":[");
	assert_non_null(at);
	at += strlen("\"subject\":[");
	buf_printf(&two, "%.*s{\"digest\":{\"sha256\":\"%064d\"},\"name\":\"release\"},%s",
		(int)(at - buf_str(&text)), buf_str(&text), 7, at);
	assert_false(approval_parse(buf_bytes(&two), &read, &s->err));
	buf_release(&text);
	buf_release(&two);
}

/* ---- reviews ---- */

static void review(int64_t reviewed, int64_t next, int64_t now)
{
	const struct context_workload workload = {.reviewed = reviewed, .review_next = next};

	memset(s->verdict, 0, sizeof(*s->verdict));
	policy_review_appraise(&s->policy->classes[0], &workload, now, s->verdict);
}

static void review__in_the_verdict__each_state_in_its_words(void **state)
{
	(void)state;
	review(0, 0, SCENE_NOW);
	assert_int_equal(s->verdict->checked_count + s->verdict->not_checked_count, 0);
	review(0, SCENE_NOW, SCENE_NOW);
	assert_string_equal(s->verdict->not_checked[0],
		"review of the workload: due since 2027-01-15T08:00:00Z");
	s->class_lines = SCENE_CLASS_LINES "    review_every: 1s\n    review_grace: 10s\n";
	scene_policy(s);
	review(SCENE_NOW, 0, SCENE_NOW);
	assert_string_equal(s->verdict->checked[0],
		"review of the workload: the next one is due at 2027-01-15T08:00:01Z");
	review(SCENE_NOW, 0, SCENE_NOW + 1);
	assert_string_equal(s->verdict->not_checked[0],
		"review of the workload: due since 2027-01-15T08:00:01Z; without one it is refused "
		"from 2027-01-15T08:00:11Z");
	review(SCENE_NOW, 0, SCENE_NOW + 11);
	assert_string_equal(s->verdict->reasons[0].expected, "a review by 2027-01-15T08:00:11Z");
	assert_string_equal(s->verdict->reasons[0].actual, "2027-01-15T08:00:00Z");
	review(0, 0, SCENE_NOW);
	assert_string_equal(s->verdict->reasons[0].actual, "none");
	review(1, 0, SCENE_NOW);
	assert_string_equal(s->verdict->reasons[0].actual, "1970-01-01T00:00:01Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(challenge__refused__is_not_listed_as_checked),
		T(workload__without_a_name__unknown),
		T(workload__of_one_letter__known),
		T(workload__of_a_class_unknown_to_the_policy__said_of_the_workload),
		T(workload__retired__its_review_is_nobodys_matter),
		T(release__in_no_state_of_the_register__unknown),
		T(renewal__each_pcr_but_two__must_stay_in_a_renewal),
		T(state__other_pcrs__sha256_of_their_values_in_order),
		T(renewal__quote_that_does_not_hold__pcrs_are_nobodys_word),
		T(renewal__reset_count_moved__says_both),
		T(C2__certified_key__each_attribute_by_itself),
		T(C3__key_certification_lacking__said),
		T(C3__certification_of_another_object__named),
		T(key__in_software_where_a_class_wants_the_tpm__said),
		T(key__rsa__no_credential_for_it),
		T(firmware_log__not_the_one_claimed__refused),
		T(launch__none_or_two__counted),
		T(renewal__another_launch__said_so),
		T(launch__first_component_unlisted_or_unreleased__refused),
		T(challenge__at_its_limits__judged),
		T(challenge__renewal_of_a_class_unknown__lives_no_longer),
		T(verifier__without_an_id__is_not_the_one),
		T(approval__texts_at_their_limits__read),
		T(approval__that_ends_as_it_begins__refused),
		T(approval__without_withdrawn__approves),
		T(approval__of_two_subjects__refused),
		T(review__in_the_verdict__each_state_in_its_words),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
