/* SPDX-License-Identifier: Apache-2.0 */
/* The appraisal: challenge, connection, host, quote and key. Each case is refused by one check
 * alone. */
#include "policy/policy.h"

#include "scene.h"

static struct scene_keys keys;
static struct scene *s;

static int group_setup(void **state)
{
	(void)state;
	scene_keys_make(&keys);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	scene_keys_free(&keys);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	s = scene_new(&keys);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scene_free(s);
	return 0;
}

static void appraise__honest_launch__trusted_with_limits_named(void **state)
{
	(void)state;
	scene_run(s);
	assert_trusted(s);
	assert_true(s->verdict->full);
	assert_int_equal(s->verdict->assurance, ASSURANCE_REPORTED);
	assert_int_equal(s->verdict->key_protection, KEY_SOFTWARE);
	assert_int_equal(s->verdict->credential_lifetime, 600);
	assert_int_equal(s->verdict->renew_after, 300);
	assert_string_equal(s->verdict->risk_class, "low");
	assert_true(s->verdict->not_checked_count >= 8);
	assert_true(s->verdict->checked_count >= 12);
	assert_true(s->state_out.established);
	assert_int_equal(s->state_out.runtime_next, 5);
}

static void appraise__zero_context__refused(void **state)
{
	struct policy_context zero = {.now = SCENE_NOW, .policy = s->policy};

	(void)state;
	scene_attest(s);
	s->context = zero;
	scene_judge(s);
	assert_refused(s, REASON_HOST_UNKNOWN);
}

static void appraise__no_policy_or_time__undecided(void **state)
{
	(void)state;
	scene_attest(s);
	s->context.now = -1;
	assert_fails(policy_appraise(buf_bytes(&s->evidence), &s->context, &s->state_in, s->verdict,
			     &s->state_out, &s->err),
		s->err, ERR_USAGE, "appraisal: appraisal: no time given");
	s->context.policy = NULL;
	assert_fails(policy_appraise(buf_bytes(&s->evidence), &s->context, &s->state_in, s->verdict,
			     &s->state_out, &s->err),
		s->err, ERR_USAGE, "appraisal: appraisal: no policy given");
	assert_false(s->verdict->trusted);
}

static void appraise__truncated_evidence__refused(void **state)
{
	(void)state;
	scene_attest(s);
	s->evidence.len--;
	scene_judge(s);
	assert_refused(s, REASON_EVIDENCE_MALFORMED);
}

static void malformed_claims(struct scene *scene, struct evidence *e)
{
	(void)scene;
	e->claims = BYTES_LIT("\x80");
}

static void appraise__claims_are_no_claims__refused(void **state)
{
	(void)state;
	s->edit_evidence = malformed_claims;
	scene_run(s);
	assert_refused(s, REASON_CLAIMS_MALFORMED);
}

static void appraise__claimed_key_is_no_key__refused(void **state)
{
	(void)state;
	s->claims.key = BYTES_LIT("no key");
	scene_run(s);
	assert_refused(s, REASON_CLAIMS_MALFORMED);
}

/* ---- challenge and connection ---- */

static void Q4__no_challenge_known__refused(void **state)
{
	(void)state;
	scene_attest(s);
	memset(s->context.challenge.nonce, 0, SHA256_LEN);
	scene_judge(s);
	assert_refused(s, REASON_CHALLENGE_UNKNOWN);
}

static void other_token(struct scene *scene, struct evidence *e)
{
	(void)scene;
	e->challenge = BYTES_LIT("another token");
}

static void Q4__another_token__refused(void **state)
{
	(void)state;
	s->edit_evidence = other_token;
	scene_run(s);
	assert_refused(s, REASON_CHALLENGE_OTHER);
}

static void Q4__another_nonce_claimed__refused(void **state)
{
	(void)state;
	s->claims.nonce[31] ^= 1;
	scene_run(s);
	assert_refused(s, REASON_CHALLENGE_OTHER);
	assert_string_equal(s->verdict->reasons[0].subject, "challenge nonce");
}

static void Q4__challenge_of_another_host__refused(void **state)
{
	(void)state;
	scene_attest(s);
	s->context.challenge.host_id[0] ^= 1;
	scene_judge(s);
	assert_refused(s, REASON_CHALLENGE_OTHER);
}

static void Q4__challenge_of_another_instance__refused(void **state)
{
	(void)state;
	scene_attest(s);
	s->context.challenge.instance[0] ^= 1;
	scene_judge(s);
	assert_refused(s, REASON_CHALLENGE_OTHER);
}

static void Q4__challenge_of_another_purpose__refused(void **state)
{
	(void)state;
	scene_attest(s);
	s->context.challenge.purpose = PURPOSE_RENEW;
	scene_judge(s);
	assert_refused(s, REASON_PURPOSE);
}

static void appraise__enrolment_evidence__refused(void **state)
{
	(void)state;
	s->claims.purpose = PURPOSE_ENROLL;
	memset(s->claims.instance, 0, INSTANCE_ID_LEN);
	memset(s->claims.release, 0, SHA256_LEN);
	s->claims.workload = (struct bytes){0};
	scene_run(s);
	assert_refused(s, REASON_PURPOSE);
}

static void Q25__expired_challenge__refused(void **state)
{
	(void)state;
	s->context.challenge.expires = SCENE_NOW - 1;
	scene_run(s);
	assert_refused(s, REASON_CHALLENGE_EXPIRED);
}

static void Q25__challenge_older_than_policy_allows__refused(void **state)
{
	(void)state;
	s->context.challenge.issued = SCENE_NOW - 121;
	s->context.challenge.expires = SCENE_NOW + 1000;
	scene_run(s);
	assert_refused(s, REASON_CHALLENGE_EXPIRED);
}

static void Q25__renewal_challenge_lives_as_long_as_the_credential__trusted_then_refused(
	void **state)
{
	(void)state;
	scene_renewal(s);
	s->context.challenge.issued = SCENE_NOW - 700;
	scene_run(s);
	assert_trusted(s);
	s->context.challenge.issued = SCENE_NOW - 721;
	scene_run(s);
	assert_refused(s, REASON_CHALLENGE_EXPIRED);
}

static void C5__challenge_from_the_future__refused_beyond_skew(void **state)
{
	(void)state;
	s->context.challenge.issued = SCENE_NOW + 60;
	scene_run(s);
	assert_trusted(s);
	s->context.challenge.issued = SCENE_NOW + 61;
	scene_run(s);
	assert_refused(s, REASON_CHALLENGE_EXPIRED);
}

static void C1__evidence_for_another_verifier__refused(void **state)
{
	(void)state;
	s->claims.verifier_id = bytes_str("https://other.example");
	scene_run(s);
	assert_refused(s, REASON_VERIFIER_OTHER);
}

static void C1__verifier_without_id__refused(void **state)
{
	(void)state;
	s->context.verifier_id = (struct bytes){0};
	scene_run(s);
	assert_refused(s, REASON_VERIFIER_OTHER);
}

static void E26__other_tls_connection__refused(void **state)
{
	(void)state;
	s->claims.exporter[0] ^= 1;
	scene_run(s);
	assert_refused(s, REASON_EXPORTER);
}

static void E26__no_exporter__refused_even_if_claimed(void **state)
{
	(void)state;
	memset(s->context.exporter, 0, TLS_EXPORTER_LEN);
	memset(s->claims.exporter, 0, TLS_EXPORTER_LEN);
	scene_run(s);
	assert_refused(s, REASON_EXPORTER);
}

/* ---- host ---- */

static void Q24__quote_claims_another_host__refused(void **state)
{
	(void)state;
	s->claims.host_id[0] ^= 1;
	s->context.challenge.host_id[0] ^= 1;
	scene_run(s);
	assert_refused(s, REASON_HOST_OTHER);
}

static void Q24__quote_by_another_hosts_ak__refused(void **state)
{
	(void)state;
	s->signer = keys.other_ak;
	scene_run(s);
	assert_refused_among(s, REASON_QUOTE_SIGNATURE);
	assert_int_equal(s->verdict->reason_count, 1);
}

static void E6__row_with_another_ek__refused(void **state)
{
	(void)state;
	s->context.host.id[0] ^= 1;
	s->context.challenge.host_id[0] ^= 1;
	s->claims.host_id[0] ^= 1;
	scene_run(s);
	assert_refused(s, REASON_HOST_OTHER);
	assert_string_equal(s->verdict->reasons[0].subject, "host: id and endorsement key");
}

static void host__not_active__refused(void **state)
{
	static const struct {
		enum host_state state;
		enum reason_code code;
	} cases[] = {
		{HOST_NONE, REASON_HOST_UNKNOWN},
		{HOST_PENDING, REASON_HOST_STATE},
		{HOST_QUARANTINED, REASON_HOST_STATE},
		{HOST_RETIRED, REASON_HOST_STATE},
	};

	(void)state;
	scene_attest(s);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		s->context.host.state = cases[i].state;
		scene_judge(s);
		assert_refused(s, cases[i].code);
	}
}

static void Q3__enrolled_ak_is_not_restricted__refused(void **state)
{
	(void)state;
	s->context.host.ak_public = buf_bytes(&keys.tpm_key->public_area);
	s->signer = keys.tpm_key;
	scene_run(s);
	assert_refused(s, REASON_AK_ATTRIBUTES);
}

static void E16__enrolled_ek_of_no_template__refused(void **state)
{
	(void)state;
	s->context.host.ek_public = buf_bytes(&keys.ak->public_area);
	assert_ok(sha256_of(tpm_name_bytes(&keys.ak->name), s->context.host.id, &s->err), s->err);
	memcpy(s->claims.host_id, s->context.host.id, HOST_ID_LEN);
	memcpy(s->context.challenge.host_id, s->context.host.id, HOST_ID_LEN);
	scene_run(s);
	assert_refused(s, REASON_EK_TEMPLATE);
}

static void E21__enrolled_keys_that_are_no_keys__refused(void **state)
{
	uint8_t bent[512];
	struct buf *ek = &keys.ek->public_area;

	(void)state;
	s->context.host.ek_public = BYTES_LIT("junk");
	scene_run(s);
	assert_refused(s, REASON_EK_TEMPLATE);
	s->context.host.ek_public = buf_bytes(ek);
	memcpy(bent, keys.ak->public_area.data, keys.ak->public_area.len);
	bent[keys.ak->public_area.len - 1] ^= 1; /* the point leaves the curve */
	s->context.host.ak_public = bytes_of(bent, keys.ak->public_area.len);
	scene_run(s);
	assert_refused(s, REASON_AK_ATTRIBUTES);
}

static void appraise__ek_template_taken_out_of_policy__refused(void **state)
{
	(void)state;
	s->top_lines = "ek_templates: [L-1, H-3]\n";
	scene_policy(s);
	scene_run(s);
	assert_refused(s, REASON_EK_TEMPLATE);
	assert_string_equal(s->verdict->reasons[0].actual, "L-2");
}

/* ---- counters and clock ---- */

static void seen(uint32_t reset, uint32_t restart, uint64_t clock)
{
	s->context.host.seen = true;
	s->context.host.reset_count = reset;
	s->context.host.restart_count = restart;
	s->context.host.clock = clock;
}

static void Q19__reset_count_went_back__refused(void **state)
{
	(void)state;
	seen(2, 0, 0);
	scene_run(s);
	assert_refused(s, REASON_RESET_COUNT);
}

static void Q19__restart_count_went_back__refused(void **state)
{
	(void)state;
	seen(1, 1, 0);
	scene_run(s);
	assert_refused(s, REASON_RESTART_COUNT);
}

static void Q19__restart_count_lower_after_a_reset__trusted(void **state)
{
	(void)state;
	seen(0, 7, 0);
	scene_run(s);
	assert_trusted(s);
}

static void Q20__clock_went_back__refused(void **state)
{
	(void)state;
	seen(1, 0, s->attest.clock + 3001);
	scene_run(s);
	assert_refused(s, REASON_CLOCK_BACKWARDS);
}

/* The challenge is two seconds old: a quote for it can be overtaken by that much and no more. */
static void Q20__clock_overtaken_within_the_challenges_age__trusted(void **state)
{
	(void)state;
	seen(1, 0, s->attest.clock + 3000);
	scene_run(s);
	assert_trusted(s);
}

static void Q20__clock_lower_after_a_reset__trusted(void **state)
{
	(void)state;
	seen(0, 0, UINT64_MAX);
	scene_run(s);
	assert_trusted(s);
}

static void Q20__clock_not_safe__flagged_or_refused_by_class(void **state)
{
	(void)state;
	s->attest.safe = false;
	scene_run(s);
	assert_trusted(s);
	assert_string_equal(s->verdict->not_checked[2],
		"the TPM's clock over the last stop: it was not clean (safe = 0)");
	s->class_lines = SCENE_CLASS_LINES "    clock_safe: true\n";
	scene_policy(s);
	memcpy(s->approvals[0].approval.clause, s->policy->classes[0].clause, SHA256_LEN);
	memcpy(s->approvals[1].approval.clause, s->policy->classes[0].clause, SHA256_LEN);
	scene_approve(s);
	scene_run(s);
	assert_refused(s, REASON_CLOCK_UNSAFE);
}

static void Q23__firmware_below_minimum__refused(void **state)
{
	(void)state;
	s->top_lines = "tpm_firmware_minimum: 3\n";
	scene_policy(s);
	s->attest.firmware_version = 2;
	scene_run(s);
	assert_refused(s, REASON_TPM_FIRMWARE);
	s->attest.firmware_version = 3;
	scene_run(s);
	assert_trusted(s);
}

static void Q23__firmware_older_than_last_seen__refused(void **state)
{
	(void)state;
	seen(1, 0, 0);
	s->context.host.firmware_version = s->attest.firmware_version + 1;
	scene_run(s);
	assert_refused(s, REASON_TPM_FIRMWARE);
}

static void clock_back_and_bad_magic(struct tpms_attest *a)
{
	a->magic = 0x12345678;
	a->reset_count = 0;
	a->clock = 0;
	a->firmware_version = 0;
}

static void Q26__unsigned_fields__decide_nothing(void **state)
{
	(void)state;
	seen(5, 5, UINT64_MAX);
	s->edit_attest = clock_back_and_bad_magic;
	scene_run(s);
	assert_refused(s, REASON_QUOTE_MAGIC);
}

/* ---- quote ---- */

static void edit_type(struct tpms_attest *a)
{
	a->type = TPM_ST_ATTEST_CERTIFY;
	a->certify_name = a->qualified_signer;
	a->certify_qualified_name = a->qualified_signer;
}

static void edit_signer(struct tpms_attest *a)
{
	a->qualified_signer = tpm_name_bytes(&keys.ak->name);
}

static void edit_nonce(struct tpms_attest *a)
{
	a->extra_data = BYTES_LIT("another");
}

static void edit_selection(struct tpms_attest *a)
{
	a->quote_selection.banks[0].pcrs &= 0x7fff;
}

static void edit_selection_empty(struct tpms_attest *a)
{
	a->quote_selection.banks[0].pcrs = 0;
}

static void edit_bank(struct tpms_attest *a)
{
	a->quote_selection.banks[0].hash = DIGEST_SHA384;
}

static void edit_pcr_digest(struct tpms_attest *a)
{
	a->quote_pcr_digest = tpm_name_bytes(&keys.ak->name);
	a->quote_pcr_digest.len = SHA256_LEN;
}

static void Q__forged_quotes__refused_each_for_its_own_reason(void **state)
{
	static const struct {
		void (*edit)(struct tpms_attest *a);
		enum reason_code code;
	} cases[] = {
		{clock_back_and_bad_magic, REASON_QUOTE_MAGIC}, /* Q1 */
		{edit_type, REASON_QUOTE_TYPE}, /* Q2 */
		{edit_signer, REASON_QUOTE_SIGNER}, /* Q18 */
		{edit_nonce, REASON_QUOTE_NONCE}, /* Q4 */
		{edit_selection, REASON_QUOTE_SELECTION}, /* Q7 */
		{edit_selection_empty, REASON_QUOTE_SELECTION}, /* Q6 */
		{edit_bank, REASON_QUOTE_SELECTION}, /* Q7 */
		{edit_pcr_digest, REASON_QUOTE_PCR_DIGEST}, /* Q9 */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		s->edit_attest = cases[i].edit;
		scene_run(s);
		assert_refused(s, cases[i].code);
	}
}

static void edit_trailing(struct scene *scene, struct evidence *e)
{
	buf_put_u8(&scene->message, 0);
	e->message = buf_bytes(&scene->message);
}

static void Q17__trailing_byte_after_the_quote__refused(void **state)
{
	(void)state;
	s->edit_evidence = edit_trailing;
	scene_run(s);
	assert_refused(s, REASON_QUOTE_MALFORMED);
}

static void edit_scheme(struct scene *scene, struct evidence *e)
{
	buf_clear(&scene->signature);
	assert_ok(tpm_sw_sign_with(scene->signer, TPM_ALG_ECDSA, TPM_ALG_SHA384, e->message,
			  &scene->signature, &scene->err),
		scene->err);
	e->signature = buf_bytes(&scene->signature);
}

static void Q14__signature_with_another_hash__refused(void **state)
{
	(void)state;
	s->edit_evidence = edit_scheme;
	scene_run(s);
	assert_refused(s, REASON_QUOTE_SCHEME);
}

static void edit_swap_pcrs(struct scene *scene, struct evidence *e)
{
	(void)scene;
	memcpy(e->pcrs.values[1], e->pcrs.values[2], SHA256_LEN);
	memset(e->pcrs.values[2], 1, SHA256_LEN);
}

static void Q9__pcr_values_swapped__refused(void **state)
{
	(void)state;
	s->edit_evidence = edit_swap_pcrs;
	scene_run(s);
	assert_refused(s, REASON_QUOTE_PCR_DIGEST);
}

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

static void Q7__pcr_values_of_fewer_pcrs_or_another_bank__refused(void **state)
{
	(void)state;
	s->edit_evidence = edit_missing_pcr;
	scene_run(s);
	assert_refused(s, REASON_QUOTE_SELECTION);
	s->edit_evidence = edit_other_bank;
	scene_run(s);
	assert_refused(s, REASON_QUOTE_SELECTION);
}

static void edit_more_pcrs(struct scene *scene, struct evidence *e)
{
	(void)scene;
	e->pcrs.present |= 1u << 16 | 1u << 23;
}

static void Q7__pcr_values_outside_the_quote__discarded(void **state)
{
	(void)state;
	s->edit_evidence = edit_more_pcrs;
	scene_run(s);
	assert_trusted(s);
}

static void edit_firmware_log(struct scene *scene, struct evidence *e)
{
	(void)scene;
	e->firmware_log = BYTES_LIT("a log that the claims do not name");
}

static void appraise__firmware_log_not_claimed__refused(void **state)
{
	(void)state;
	s->edit_evidence = edit_firmware_log;
	scene_run(s);
	assert_refused(s, REASON_EVIDENCE_MALFORMED);
}

/* ---- key ---- */

static void C3__stolen_evidence_with_another_key__refused(void **state)
{
	(void)state;
	scene_attest_with(s, keys.other);
	scene_judge(s);
	assert_refused(s, REASON_KEY_POSSESSION);
}

static void key__no_ecdsa_key__refused(void **state)
{
	struct key *ed25519 = NULL;

	(void)state;
	assert_ok(key_generate(KEY_ED25519, &ed25519, &s->err), s->err);
	scene_key(s, ed25519, KEY_SOFTWARE);
	scene_run(s);
	key_unref(&ed25519);
	assert_refused(s, REASON_KEY_POSSESSION);
}

static void C2__key_in_the_tpm__trusted_and_said_so(void **state)
{
	(void)state;
	scene_key(s, keys.tpm_key->key, KEY_TPM);
	scene_run(s);
	assert_trusted(s);
	assert_int_equal(s->verdict->key_protection, KEY_TPM);
}

static void C2__class_demands_a_key_in_the_tpm__software_refused(void **state)
{
	(void)state;
	s->class_lines = SCENE_CLASS_LINES "    key: tpm\n";
	scene_policy(s);
	memcpy(s->approvals[0].approval.clause, s->policy->classes[0].clause, SHA256_LEN);
	memcpy(s->approvals[1].approval.clause, s->policy->classes[0].clause, SHA256_LEN);
	scene_approve(s);
	scene_run(s);
	assert_refused(s, REASON_KEY_PROTECTION);
	scene_key(s, keys.tpm_key->key, KEY_TPM);
	scene_run(s);
	assert_trusted(s);
}

static void no_certification(struct scene *scene, struct evidence *e)
{
	(void)scene;
	e->key_certification = (struct key_certification){0};
}

static void certification_of_another_claim(struct scene *scene, struct evidence *e)
{
	scene_certify(scene, BYTES_LIT("an earlier challenge"), e);
}

static void certification_by_another(struct scene *scene, struct evidence *e)
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

static void certification_public_swapped(struct scene *scene, struct evidence *e)
{
	(void)scene;
	e->key_certification.public_area = buf_bytes(&keys.other_ak->public_area);
}

static void certification_malformed(struct scene *scene, struct evidence *e)
{
	(void)scene;
	e->key_certification.public_area = BYTES_LIT("no public area");
}

static void certification_off_curve(struct scene *scene, struct evidence *e)
{
	static uint8_t bent[512];

	(void)scene;
	memcpy(bent, e->key_certification.public_area.data, e->key_certification.public_area.len);
	bent[e->key_certification.public_area.len - 1] ^= 1;
	e->key_certification.public_area.data = bent;
	/* Even if the attestation key had certified it. */
	{
		struct tpms_attest a =
			tpm_sw_attest(keys.ak, TPM_ST_ATTEST_CERTIFY, (struct bytes){0});
		uint8_t nonce[SHA256_LEN];
		struct tpmt_public view;
		struct tpm_name name;

		assert_ok(sha256_of(e->claims, nonce, &scene->err), scene->err);
		assert_ok(tpmt_public_parse(e->key_certification.public_area, &view, &scene->err),
			scene->err);
		assert_ok(tpm_name_of(&view, &name, &scene->err), scene->err);
		a.extra_data = BYTES_OF(nonce);
		a.certify_name = tpm_name_bytes(&name);
		a.certify_qualified_name = tpm_name_bytes(&name);
		buf_clear(&scene->certify_message);
		buf_clear(&scene->certify_signature);
		tpms_attest_put(&scene->certify_message, &a);
		assert_ok(tpm_sw_sign(keys.ak, buf_bytes(&scene->certify_message),
				  &scene->certify_signature, &scene->err),
			scene->err);
		e->key_certification.message = buf_bytes(&scene->certify_message);
		e->key_certification.signature = buf_bytes(&scene->certify_signature);
	}
}

static void C2__key_certification_that_does_not_fit__refused(void **state)
{
	static void (*const edits[])(struct scene *, struct evidence *) = {
		no_certification,
		certification_of_another_claim,
		certification_by_another,
		certification_public_swapped,
		certification_malformed,
		certification_off_curve,
	};

	(void)state;
	scene_key(s, keys.tpm_key->key, KEY_TPM);
	for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
		s->edit_evidence = edits[i];
		scene_run(s);
		assert_refused(s, REASON_KEY_CERTIFICATION);
	}
}

/* The certification is genuine, but of another key than the claims ask a credential for. */
static void C3__certification_of_another_key__refused(void **state)
{
	(void)state;
	scene_key(s, keys.instance, KEY_TPM);
	scene_attest_with(s, keys.instance);
	scene_judge(s);
	assert_refused(s, REASON_KEY_CERTIFICATION);
	assert_string_equal(s->verdict->reasons[0].subject, "certified key");
}

static void C2__certified_key_that_can_leave_the_tpm__refused(void **state)
{
	struct scene_keys loose = keys;

	(void)state;
	assert_ok(
		tpm_sw_ak_new(TPM_SW_ECDSA_P256, TPM_SW_KEY_ATTRIBUTES & ~TPMA_OBJECT_FIXED_PARENT,
			&loose.tpm_key, &s->err),
		s->err);
	s->keys = &loose;
	scene_key(s, loose.tpm_key->key, KEY_TPM);
	scene_run(s);
	s->keys = &keys;
	tpm_sw_key_free(&loose.tpm_key);
	assert_refused(s, REASON_KEY_PROTECTION);
}

/* ---- what must hold before a challenge is consumed ---- */

static bool authentic(void)
{
	bool ret = true;

	assert_ok(policy_evidence_authentic(buf_bytes(&s->evidence), &s->context, &ret, &s->err),
		s->err);
	return ret;
}

static void E32__evidence_of_somebody_else__does_not_consume_the_challenge(void **state)
{
	(void)state;
	scene_attest(s);
	assert_true(authentic());
	s->context.challenge.nonce[0] ^= 1;
	assert_false(authentic());
	s->context.challenge.nonce[0] ^= 1;
	s->signer = keys.other_ak;
	scene_attest(s);
	assert_false(authentic());
	s->evidence.len /= 2;
	assert_false(authentic());
}

static void authentic__refused_for_other_reasons__consumes_the_challenge(void **state)
{
	(void)state;
	s->context.host.state = HOST_QUARANTINED;
	s->context.workload.state = WORKLOAD_RETIRED;
	s->context.challenge.expires = SCENE_NOW - 1;
	s->edit_attest = edit_selection;
	scene_attest(s);
	assert_true(authentic());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(appraise__honest_launch__trusted_with_limits_named),
		T(appraise__zero_context__refused),
		T(appraise__no_policy_or_time__undecided),
		T(appraise__truncated_evidence__refused),
		T(appraise__claims_are_no_claims__refused),
		T(appraise__claimed_key_is_no_key__refused),
		T(Q4__no_challenge_known__refused),
		T(Q4__another_token__refused),
		T(Q4__another_nonce_claimed__refused),
		T(Q4__challenge_of_another_host__refused),
		T(Q4__challenge_of_another_instance__refused),
		T(Q4__challenge_of_another_purpose__refused),
		T(appraise__enrolment_evidence__refused),
		T(Q25__expired_challenge__refused),
		T(Q25__challenge_older_than_policy_allows__refused),
		T(Q25__renewal_challenge_lives_as_long_as_the_credential__trusted_then_refused),
		T(C5__challenge_from_the_future__refused_beyond_skew),
		T(C1__evidence_for_another_verifier__refused),
		T(C1__verifier_without_id__refused),
		T(E26__other_tls_connection__refused),
		T(E26__no_exporter__refused_even_if_claimed),
		T(Q24__quote_claims_another_host__refused),
		T(Q24__quote_by_another_hosts_ak__refused),
		T(E6__row_with_another_ek__refused),
		T(host__not_active__refused),
		T(Q3__enrolled_ak_is_not_restricted__refused),
		T(E16__enrolled_ek_of_no_template__refused),
		T(E21__enrolled_keys_that_are_no_keys__refused),
		T(appraise__ek_template_taken_out_of_policy__refused),
		T(Q19__reset_count_went_back__refused),
		T(Q19__restart_count_went_back__refused),
		T(Q19__restart_count_lower_after_a_reset__trusted),
		T(Q20__clock_went_back__refused),
		T(Q20__clock_overtaken_within_the_challenges_age__trusted),
		T(Q20__clock_lower_after_a_reset__trusted),
		T(Q20__clock_not_safe__flagged_or_refused_by_class),
		T(Q23__firmware_below_minimum__refused),
		T(Q23__firmware_older_than_last_seen__refused),
		T(Q26__unsigned_fields__decide_nothing),
		T(Q__forged_quotes__refused_each_for_its_own_reason),
		T(Q17__trailing_byte_after_the_quote__refused),
		T(Q14__signature_with_another_hash__refused),
		T(Q9__pcr_values_swapped__refused),
		T(Q7__pcr_values_of_fewer_pcrs_or_another_bank__refused),
		T(Q7__pcr_values_outside_the_quote__discarded),
		T(appraise__firmware_log_not_claimed__refused),
		T(C3__stolen_evidence_with_another_key__refused),
		T(key__no_ecdsa_key__refused),
		T(C2__key_in_the_tpm__trusted_and_said_so),
		T(C2__class_demands_a_key_in_the_tpm__software_refused),
		T(C2__key_certification_that_does_not_fit__refused),
		T(C3__certification_of_another_key__refused),
		T(C2__certified_key_that_can_leave_the_tpm__refused),
		T(E32__evidence_of_somebody_else__does_not_consume_the_challenge),
		T(authentic__refused_for_other_reasons__consumes_the_challenge),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
