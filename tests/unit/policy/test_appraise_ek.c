/* SPDX-License-Identifier: Apache-2.0 */
/* Endorsement keys, attestation keys and enrolment evidence under a policy. */
#include "policy/policy.h"

#include "ek_ca.h"
#include "base/text.h"
#include "scene.h"
#include "tests/support/crl.h"
#include "tests/support/vectors.h"

static struct scene_keys keys;
static struct ek_ca maker, stranger;
static struct scene *s;
static struct buf der, lines;
static struct ek_cert_wish wish;

static int group_setup(void **state)
{
	(void)state;
	scene_keys_make(&keys);
	ek_ca_make(&maker, "Maker", SCENE_NOW);
	ek_ca_make(&stranger, "Maker", SCENE_NOW); /* the same name, another key: E9 */
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	scene_keys_free(&keys);
	ek_ca_free(&maker);
	ek_ca_free(&stranger);
	return 0;
}

/* The scene's policy, now trusting the maker. */
static void trust_maker(const char *top_lines)
{
	struct buf roots = {0};
	const char *whole, *at;

	s->top_lines = top_lines;
	scene_policy(s);
	buf_clear(&roots);
	whole = buf_str(&s->policy_text);
	at = strstr(whole, "ek_roots: []\n");
	assert_non_null(at);
	buf_printf(&roots, "%.*s", (int)(at - whole), whole);
	ek_ca_put_yaml(&maker, &roots);
	buf_put_str(&roots, at + strlen("ek_roots: []\n"));
	buf_release(&s->policy_text);
	s->policy_text = roots;
	policy_free(&s->policy);
	assert_ok(policy_parse(buf_bytes(&s->policy_text), "policy.yaml", &s->policy, &s->err),
		s->err);
	s->context.policy = s->policy;
}

static int setup(void **state)
{
	(void)state;
	s = scene_new(&keys);
	wish = (struct ek_cert_wish){
		.subject = keys.ek->key,
		.not_before = SCENE_NOW - 5 * 86400,
		.not_after = SCENE_NOW + 86400,
		.eku = EK_CA_EKU,
	};
	trust_maker("");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scene_free(s);
	buf_release(&der);
	buf_release(&lines);
	return 0;
}

/* A certificate from this maker; what the verifier then says of the endorsement key. */
static void judge_ek(const struct ek_ca *ca)
{
	struct bytes certs[1];

	buf_clear(&der);
	if (ca)
		ek_ca_issue(ca, &wish, &der);
	certs[0] = buf_bytes(&der);
	assert_ok(policy_appraise_ek(buf_bytes(&keys.ek->public_area), certs, ca ? 1 : 0,
			  buf_bytes(&keys.ak->public_area), s->policy, SCENE_NOW, s->verdict,
			  &s->err),
		s->err);
}

static void ek__certified_by_a_maker_trusted__accepted(void **state)
{
	(void)state;
	judge_ek(&maker);
	assert_trusted(s);
	assert_string_equal(s->verdict->checked[0], "endorsement key: template L-2");
	assert_string_equal(
		s->verdict->checked[1], "EK certificate: a TPM by id:49424D00, model soft");
}

static void ek__no_certificate__its_own_reason(void **state)
{
	(void)state;
	judge_ek(NULL);
	assert_refused(s, REASON_EK_CERT_MISSING);
}

static void E9__fake_maker_of_the_same_name__refused(void **state)
{
	(void)state;
	judge_ek(&stranger);
	assert_refused(s, REASON_EK_CERT);
}

static void E11__certificate_of_another_use__refused(void **state)
{
	(void)state;
	wish.eku = "1.3.6.1.5.5.7.3.1";
	judge_ek(&maker);
	assert_refused(s, REASON_EK_CERT);
	assert_string_equal(s->verdict->reasons[0].where, "ek-cert-eku");
}

static void E15__certificate_of_another_key__refused(void **state)
{
	(void)state;
	wish.subject = keys.other;
	judge_ek(&maker);
	assert_refused(s, REASON_EK_CERT);
	assert_string_equal(s->verdict->reasons[0].where, "ek-cert-key");
}

static void E24__expired_certificate__refused_unless_policy_says_otherwise(void **state)
{
	(void)state;
	wish.not_after = SCENE_NOW - 1;
	judge_ek(&maker);
	assert_refused(s, REASON_EK_CERT);
	trust_maker("ek_ignore_expiry: true\n");
	judge_ek(&maker);
	assert_trusted(s);
	assert_non_null(strstr(s->verdict->not_checked[0], "expired, and the policy ignores that"));
}

static void ek__certificate_is_junk__refused(void **state)
{
	const struct bytes certs[] = {BYTES_LIT("junk")};

	(void)state;
	assert_ok(policy_appraise_ek(buf_bytes(&keys.ek->public_area), certs, 1,
			  buf_bytes(&keys.ak->public_area), s->policy, SCENE_NOW, s->verdict,
			  &s->err),
		s->err);
	assert_refused(s, REASON_EK_CERT);
}

static void judge_keys(struct bytes ek, struct bytes ak)
{
	struct bytes certs[1];

	buf_clear(&der);
	ek_ca_issue(&maker, &wish, &der);
	certs[0] = buf_bytes(&der);
	assert_ok(policy_appraise_ek(ek, certs, 1, ak, s->policy, SCENE_NOW, s->verdict, &s->err),
		s->err);
}

static void E16__signing_key_as_ek__refused(void **state)
{
	(void)state;
	wish.subject = keys.ak->key;
	judge_keys(buf_bytes(&keys.ak->public_area), buf_bytes(&keys.ak->public_area));
	assert_refused(s, REASON_EK_TEMPLATE);
	judge_keys(BYTES_LIT("junk"), buf_bytes(&keys.ak->public_area));
	assert_refused(s, REASON_EK_TEMPLATE);
}

static void E21__ek_point_off_the_curve__refused(void **state)
{
	struct buf bent = {0};

	(void)state;
	buf_put(&bent, buf_bytes(&keys.ek->public_area));
	bent.data[bent.len - 1] ^= 1;
	judge_keys(buf_bytes(&bent), buf_bytes(&keys.ak->public_area));
	buf_release(&bent);
	assert_refused(s, REASON_EK_TEMPLATE);
}

static void E17__ak_with_a_bit_missing__refused(void **state)
{
	static const uint32_t bits[] = {TPMA_OBJECT_RESTRICTED, TPMA_OBJECT_FIXED_TPM,
		TPMA_OBJECT_FIXED_PARENT, TPMA_OBJECT_SENSITIVE_DATA_ORIGIN};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bits); i++) {
		struct tpm_sw_key *weak = NULL;

		assert_ok(tpm_sw_ak_new(TPM_SW_ECDSA_P256, TPM_SW_AK_ATTRIBUTES & ~bits[i], &weak,
				  &s->err),
			s->err);
		judge_keys(buf_bytes(&keys.ek->public_area), buf_bytes(&weak->public_area));
		tpm_sw_key_free(&weak);
		assert_refused(s, REASON_AK_ATTRIBUTES);
	}
	judge_keys(buf_bytes(&keys.ek->public_area), BYTES_LIT("junk"));
	assert_refused(s, REASON_AK_ATTRIBUTES);
}

/* Certificates of a software TPM and its local authority, as its own tool makes them. */
static void E10__real_certificate_without_its_intermediate__refused_as_incomplete(void **state)
{
	struct buf leaf = {0};
	struct bytes certs[1];

	(void)state;
	if (!vectors_read("made/vm/ca/ek-secp384r1.crt", &leaf))
		skip();
	certs[0] = buf_bytes(&leaf);
	assert_ok(policy_appraise_ek(buf_bytes(&keys.ek->public_area), certs, 1,
			  buf_bytes(&keys.ak->public_area), s->policy, SCENE_NOW, s->verdict,
			  &s->err),
		s->err);
	buf_release(&leaf);
	assert_refused_among(s, REASON_EK_CERT);
}

/* ---- at every full appraisal ---- */

static void full__ek_certificate_with_padding__trusted_as_judged_at_enrolment(void **state)
{
	(void)state;
	buf_clear(&der);
	wish.not_after = s->context.host.enrolled + 1; /* expired since */
	ek_ca_issue(&maker, &wish, &der);
	buf_put(&der, BYTES_LIT("\xff\xff\0\0"));
	ek_ca_issue(&stranger, &wish, &der); /* as an intermediate: of no use, and harmless */
	s->context.host.ek_certs = buf_bytes(&der);
	scene_run(s);
	assert_trusted(s);
}

static void full__root_taken_out_of_the_policy__refused(void **state)
{
	(void)state;
	ek_ca_issue(&maker, &wish, &der);
	s->context.host.ek_certs = buf_bytes(&der);
	scene_policy(s); /* back to no roots */
	scene_run(s);
	assert_refused(s, REASON_EK_CERT);
}

static void full__ek_certificates_are_junk__refused(void **state)
{
	static const char *const junk[] = {
		"junk", "\x30\x82", "\x30\x7f\x01", "\x30\x84\x01\x01\x01\x01", "\x30\x00\x30\x00"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(junk); i++) {
		s->context.host.ek_certs = bytes_str(junk[i]);
		scene_run(s);
		assert_refused(s, REASON_EK_CERT);
	}
}

static void full__too_many_ek_certificates__refused(void **state)
{
	(void)state;
	for (unsigned i = 0; i <= EK_CERTS_MAX; i++)
		ek_ca_issue(&maker, &wish, &der);
	s->context.host.ek_certs = buf_bytes(&der);
	scene_run(s);
	assert_refused(s, REASON_EK_CERT);
}

static void incremental__ek_certificate__not_judged_again(void **state)
{
	(void)state;
	scene_renewal(s);
	s->context.host.ek_certs = BYTES_LIT("junk");
	scene_run(s);
	assert_trusted(s);
}

/* ---- revocation ---- */

/* The policy with one list by `signer` in the maker's name; revoked: the certificate of the wish. */
static void trust_with_list(
	bool revoked, const struct ek_ca *signer, int64_t last, int64_t next, const char *more)
{
	struct cert *cert = NULL;
	struct buf pem = {0};
	struct crl_wish crl = {
		.issuer = maker.cert, .key = signer->key, .last = last, .next = next};

	buf_clear(&der);
	ek_ca_issue(&maker, &wish, &der);
	if (revoked) {
		assert_ok(cert_from_der(buf_bytes(&der), false, &cert, &s->err), s->err);
		crl.revoked = cert;
	}
	assert_ok(crl_make(&crl, &pem, &s->err), s->err);
	cert_unref(&cert);
	buf_clear(&lines);
	buf_put_str(&lines, "ek_revocation:\n  - name: maker\n    pem: |\n");
	ek_put_block(&pem, &lines);
	buf_put_str(&lines, more);
	buf_release(&pem);
	trust_maker(buf_str(&lines));
}

static void E33__certificate_on_the_makers_list__refused(void **state)
{
	(void)state;
	trust_with_list(true, &maker, SCENE_NOW - 10, SCENE_NOW + 10, "");
	judge_ek(&maker);
	assert_refused(s, REASON_EK_REVOKED);
	assert_string_equal(s->verdict->reasons[0].where, "revoked");
}

static void E33__certificate_not_on_the_list__accepted_and_said(void **state)
{
	(void)state;
	trust_with_list(false, &maker, SCENE_NOW - 10, SCENE_NOW + 10, "");
	judge_ek(&maker);
	assert_trusted(s);
	assert_string_equal(s->verdict->checked[2],
		"EK certificate and those above it: 1 of 1 looked up in revocation lists, none "
		"revoked");
	assert_int_equal(s->verdict->not_checked_count, 0);
}

static void E33__list_of_another_maker__not_checked_and_said(void **state)
{
	struct ek_ca other;

	(void)state;
	ek_ca_make(&other, "Other", SCENE_NOW);
	struct ek_ca ours = maker;
	maker.cert = other.cert; /* the list's name */
	trust_with_list(false, &other, SCENE_NOW - 10, SCENE_NOW + 10, "");
	maker = ours;
	buf_clear(&s->policy_text); /* and trust the right maker */
	trust_maker(buf_str(&lines));
	judge_ek(&maker);
	ek_ca_free(&other);
	assert_trusted(s);
	assert_string_equal(s->verdict->not_checked[0],
		"revocation lists of the TPM's maker: none was given for the issuers of 1 of 1 "
		"certificates");
}

static void E33__list_stale_future_or_forged__refused(void **state)
{
	static const struct {
		const char *detail;
		int64_t last, next;
		bool forged;
	} cases[] = {
		{"CRL has expired", SCENE_NOW - 10, SCENE_NOW - 1, false},
		{"CRL is not yet valid", SCENE_NOW + 1, SCENE_NOW + 10, false},
		{"CRL signature failure", SCENE_NOW - 10, SCENE_NOW + 10, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		trust_with_list(false, cases[i].forged ? &stranger : &maker, cases[i].last,
			cases[i].next, "");
		judge_ek(&maker);
		assert_refused(s, REASON_EK_REVOCATION_LIST);
		assert_non_null(strstr(s->verdict->reasons[0].actual, cases[i].detail));
	}
}

static void E33__stale_list_that_the_policy_ignores__said_but_still_revokes(void **state)
{
	(void)state;
	trust_with_list(
		false, &maker, SCENE_NOW - 10, SCENE_NOW - 1, "ek_ignore_stale_revocation: true\n");
	judge_ek(&maker);
	assert_trusted(s);
	assert_string_equal(s->verdict->not_checked[0],
		"revocation since the lists of the TPM's maker ended: they are stale, and the "
		"policy ignores that");
	trust_with_list(
		true, &maker, SCENE_NOW - 10, SCENE_NOW - 1, "ek_ignore_stale_revocation: true\n");
	judge_ek(&maker);
	assert_refused(s, REASON_EK_REVOKED);
}

/* Enrolled while all was well: a revocation counts as of today, the end of validity does not. */
static void E33__revoked_after_enrolment__refused_at_the_next_full_appraisal(void **state)
{
	int64_t enrolled = s->context.host.enrolled;

	(void)state;
	wish.not_after = enrolled + 1;
	trust_with_list(false, &maker, enrolled + 2, SCENE_NOW + 10, "");
	s->context.host.ek_certs = buf_bytes(&der);
	scene_run(s);
	assert_trusted(s);
	trust_with_list(true, &maker, enrolled + 2, SCENE_NOW + 10, "");
	s->context.host.ek_certs = buf_bytes(&der);
	scene_run(s);
	assert_refused(s, REASON_EK_REVOKED);
}

static void distrust(struct bytes what)
{
	uint8_t digest[SHA256_LEN];

	assert_ok(sha256_of(what, digest, &s->err), s->err);
	buf_clear(&lines);
	buf_put_str(&lines, "ek_distrusted:\n  - reason: stolen in transit\n    sha256: ");
	buf_put_hex(&lines, BYTES_OF(digest));
	buf_put_str(&lines, "\n");
	trust_maker(buf_str(&lines));
}

static void E33__distrusted_by_the_policy__refused_with_its_reason(void **state)
{
	(void)state;
	buf_clear(&der);
	ek_ca_issue(&maker, &wish, &der);
	const struct bytes one[] = {buf_bytes(&der)};
	const struct bytes named[] = {
		buf_bytes(&der), key_spki(keys.ek->key), cert_der(maker.cert)};
	static const char *const subjects[] = {
		"EK certificate", "endorsement key", "certificate above the EK's"};

	for (size_t i = 0; i < ARRAY_LEN(named); i++) {
		distrust(named[i]);
		assert_ok(policy_appraise_ek(buf_bytes(&keys.ek->public_area), one, 1,
				  buf_bytes(&keys.ak->public_area), s->policy, SCENE_NOW,
				  s->verdict, &s->err),
			s->err);
		assert_refused(s, REASON_EK_REVOKED);
		assert_string_equal(s->verdict->reasons[0].subject, subjects[i]);
		assert_string_equal(s->verdict->reasons[0].actual, "stolen in transit");
	}
	distrust(BYTES_LIT("something else"));
	judge_ek(&maker);
	assert_trusted(s);
}

static void E33__distrusted_key_of_a_host_without_certificate__refused(void **state)
{
	(void)state;
	s->context.host.ek_certs = (struct bytes){0};
	distrust(key_spki(keys.ek->key));
	scene_run(s);
	assert_refused(s, REASON_EK_REVOKED);
}

/* ---- enrolment evidence ---- */

static void enroll_scene(void)
{
	s->context.challenge.purpose = s->claims.purpose = PURPOSE_ENROLL;
	s->context.host.state = HOST_NONE;
	memset(s->context.challenge.instance, 0, INSTANCE_ID_LEN);
	memset(s->claims.instance, 0, INSTANCE_ID_LEN);
	memset(s->claims.release, 0, SHA256_LEN);
	s->claims.workload = (struct bytes){0};
	s->context.workload = (struct context_workload){0};
	scene_log_clear(s);
}

static void judge_enrolment(void)
{
	assert_ok(policy_appraise_enrolment(
			  buf_bytes(&s->evidence), &s->context, s->verdict, &s->err),
		s->err);
}

static void enrol(void)
{
	scene_attest(s);
	judge_enrolment();
}

static void enrolment__honest__trusted_but_for_the_binding(void **state)
{
	(void)state;
	enroll_scene();
	enrol();
	assert_trusted(s);
	assert_non_null(strstr(s->verdict->not_checked[1], "MakeCredential"));
}

static void enrolment__launch_evidence__refused(void **state)
{
	(void)state;
	enrol();
	assert_refused(s, REASON_PURPOSE);
}

static void enrolment__anything_wrong__refused(void **state)
{
	(void)state;
	enroll_scene();
	s->claims.exporter[0] ^= 1;
	enrol();
	assert_refused(s, REASON_EXPORTER);
	s->claims.exporter[0] ^= 1;
	s->claims.verifier_id = bytes_str("other");
	enrol();
	assert_refused(s, REASON_VERIFIER_OTHER);
	s->claims.verifier_id = s->context.verifier_id;
	s->claims.nonce[0] ^= 1;
	enrol();
	assert_refused(s, REASON_CHALLENGE_OTHER);
	s->claims.nonce[0] ^= 1;
	s->signer = keys.other_ak;
	enrol();
	assert_refused(s, REASON_QUOTE_SIGNATURE);
	s->signer = keys.ak;
	scene_attest_with(s, keys.other);
	judge_enrolment();
	assert_refused(s, REASON_KEY_POSSESSION);
	s->context.host.id[0] ^= 1;
	s->context.challenge.host_id[0] ^= 1;
	s->claims.host_id[0] ^= 1;
	enrol();
	assert_refused(s, REASON_HOST_OTHER);
}

static void E22__enrolment_with_old_tpm_firmware__refused(void **state)
{
	(void)state;
	trust_maker("tpm_firmware_minimum: 2\n");
	enroll_scene();
	s->attest.firmware_version = 1;
	enrol();
	assert_refused(s, REASON_TPM_FIRMWARE);
}

static void enrolment__host_key_in_the_tpm__checked(void **state)
{
	(void)state;
	enroll_scene();
	scene_key(s, keys.instance, KEY_TPM); /* says tpm; the certification is of another key */
	scene_attest_with(s, keys.instance);
	judge_enrolment();
	assert_refused(s, REASON_KEY_CERTIFICATION);
}

static void enrolment__truncated__refused(void **state)
{
	(void)state;
	enroll_scene();
	scene_attest(s);
	s->evidence.len--;
	judge_enrolment();
	assert_refused(s, REASON_EVIDENCE_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(ek__certified_by_a_maker_trusted__accepted),
		T(ek__no_certificate__its_own_reason),
		T(E9__fake_maker_of_the_same_name__refused),
		T(E11__certificate_of_another_use__refused),
		T(E15__certificate_of_another_key__refused),
		T(E24__expired_certificate__refused_unless_policy_says_otherwise),
		T(ek__certificate_is_junk__refused),
		T(E16__signing_key_as_ek__refused),
		T(E21__ek_point_off_the_curve__refused),
		T(E17__ak_with_a_bit_missing__refused),
		T(E10__real_certificate_without_its_intermediate__refused_as_incomplete),
		T(full__ek_certificate_with_padding__trusted_as_judged_at_enrolment),
		T(full__root_taken_out_of_the_policy__refused),
		T(full__ek_certificates_are_junk__refused),
		T(full__too_many_ek_certificates__refused),
		T(incremental__ek_certificate__not_judged_again),
		T(E33__certificate_on_the_makers_list__refused),
		T(E33__certificate_not_on_the_list__accepted_and_said),
		T(E33__list_of_another_maker__not_checked_and_said),
		T(E33__list_stale_future_or_forged__refused),
		T(E33__stale_list_that_the_policy_ignores__said_but_still_revokes),
		T(E33__revoked_after_enrolment__refused_at_the_next_full_appraisal),
		T(E33__distrusted_by_the_policy__refused_with_its_reason),
		T(E33__distrusted_key_of_a_host_without_certificate__refused),
		T(enrolment__honest__trusted_but_for_the_binding),
		T(enrolment__launch_evidence__refused),
		T(enrolment__anything_wrong__refused),
		T(E22__enrolment_with_old_tpm_firmware__refused),
		T(enrolment__host_key_in_the_tpm__checked),
		T(enrolment__truncated__refused),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
