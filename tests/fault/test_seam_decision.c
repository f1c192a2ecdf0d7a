/* SPDX-License-Identifier: Apache-2.0 */
/*
 * S12: what a decision stands on fails in its turn: a digest, a signature check, memory. Nothing is decided then, never
 * something else. The allocations below these calls are test_alloc_policy.c's: this is the quick half of it.
 */
#include "policy/policy.h"

#include "evidence/ek_cert.h"
#include "policy/appraisal.h"
#include "policy/checklist.h"
#include "policy/policy_file.h"
#include "policy/predicate.h"
#include "policy/withdrawal.h"
#include "tests/fault/seam.h"
#include "tests/unit/policy/ek_ca.h"
#include "tests/unit/policy/scene.h"

SEAM(sha256_of, (struct bytes in, uint8_t out[SHA256_LEN], struct err *err), (in, out, err))
SEAM(digest_of_parts,
	(enum digest_alg alg, const struct bytes *parts, size_t n, struct digest *ret,
		struct err *err),
	(alg, parts, n, ret, err))
SEAM(dsse_verify,
	(const struct dsse *dsse, struct key *const *keys_, size_t n, uint64_t *ret_mask,
		struct err *err),
	(dsse, keys_, n, ret_mask, err))
SEAM(evidence_decode, (struct bytes in, struct evidence *ret, struct err *err), (in, ret, err))
SEAM(claims_decode, (struct bytes in, struct claims *ret, struct err *err), (in, ret, err))
SEAM(tpmt_public_parse, (struct bytes in, struct tpmt_public *ret, struct err *err), (in, ret, err))
SEAM(ek_certs_split,
	(struct bytes in, struct bytes certs[EK_CERTS_MAX], size_t *ret_count, struct err *err),
	(in, certs, ret_count, err))
SEAM(key_from_spki, (struct bytes der, struct key **ret, struct err *err), (der, ret, err))
SEAM(key_verify,
	(const struct key *key, enum signature_scheme scheme, enum digest_alg alg,
		struct bytes message, struct bytes signature, struct err *err),
	(key, scheme, alg, message, signature, err))
SEAM(tpmt_public_key, (const struct tpmt_public *area, struct key **ret, struct err *err),
	(area, ret, err))
SEAM(tpm_name_of, (const struct tpmt_public *area, struct tpm_name *ret, struct err *err),
	(area, ret, err))
SEAM(pcr_extend, (enum digest_alg alg, uint8_t *value, const uint8_t *digest, struct err *err),
	(alg, value, digest, err))
SEAM(evidence_selection, (enum digest_alg bank, struct tpml_pcr_selection *ret, struct err *err),
	(bank, ret, err))
SEAM(quote_check, (const struct quote_input *input, struct quote_result *ret, struct err *err),
	(input, ret, err))
SEAM(certify_check,
	(const struct quote_input *input, const struct tpmt_public *certified,
		struct quote_result *ret, struct err *err),
	(input, certified, ret, err))
SEAM(cert_from_der, (struct bytes der, bool padded, struct cert **ret, struct err *err),
	(der, padded, ret, err))
SEAM(cert_digest, (const struct cert *cert, uint8_t out[SHA256_LEN], struct err *err),
	(cert, out, err))
SEAM(ek_cert_verify,
	(struct cert * cert, const struct ek_cert_options *options, struct ek_cert_result *ret,
		struct err *err),
	(cert, options, ret, err))
SEAM(release_parse, (struct bytes in, struct release **ret, struct err *err), (in, ret, err))
SEAM(predicate_parse, (struct bytes in, struct predicate **ret, struct err *err), (in, ret, err))
SEAM(approval_parse, (struct bytes in, struct approval **ret, struct err *err), (in, ret, err))

void *real_policy_alloc(size_t n, size_t size, struct err *err) __asm__("__real_policy_alloc");
void *seam_policy_alloc(size_t n, size_t size, struct err *err) __asm__("__wrap_policy_alloc");
void *seam_policy_alloc(size_t n, size_t size, struct err *err)
{
	return seam_fails(0, err) ? NULL : real_policy_alloc(n, size, err);
}

static struct scene_keys keys;
static struct scene *s;
static struct verdict verdict, true_verdict;
static struct policy_state state, true_state;
static struct buf top, statement_envelope, withdrawal_envelope;
static struct bytes statement_views[2];

static int group_setup(void **ignored)
{
	(void)ignored;
	scene_keys_make(&keys);
	return 0;
}

static int group_teardown(void **ignored)
{
	(void)ignored;
	scene_keys_free(&keys);
	return 0;
}

/* The policy of the tests with an EK certificate; empty elsewhere. */
static struct buf certified;

static void certified_policy(void)
{
	policy_free(&s->policy);
	assert_ok(policy_parse(buf_bytes(&certified), "policy.yaml", &s->policy, &s->err), s->err);
	s->context.policy = s->policy;
}

/* A policy remembers what it has read and verified: each run has one that remembers nothing. Nor are any keys. */
static void forget(void)
{
	if (certified.len > 0)
		certified_policy();
	else
		scene_policy(s);
	keys_forget();
}

static int setup(void **ignored)
{
	(void)ignored;
	s = scene_new(&keys);
	scene_attest(s);
	seam.before = forget;
	return 0;
}

static int teardown(void **ignored)
{
	(void)ignored;
	seam.armed = false;
	buf_release(&top);
	buf_release(&statement_envelope);
	buf_release(&withdrawal_envelope);
	buf_release(&certified);
	scene_free(s);
	return 0;
}

static bool run_appraise(struct err *err)
{
	memset(&verdict, 0xff, sizeof(verdict));
	memset(&state, 0xff, sizeof(state));
	return policy_appraise(
		buf_bytes(&s->evidence), &s->context, &s->state_in, &verdict, &state, err);
}

/* Zero is refused: a caller who overlooks the error trusts nobody. */
static void no_verdict(void)
{
	assert_true(all_zero(&verdict, sizeof(verdict)));
	assert_true(all_zero(&state, sizeof(state)));
}

static void appraise_each(bool trusted)
{
	assert_ok(policy_appraise(buf_bytes(&s->evidence), &s->context, &s->state_in, &true_verdict,
			  &true_state, &s->err),
		s->err);
	assert_int_equal(true_verdict.trusted, trusted);
	each_seam(run_appraise, no_verdict);
}

static void S12__launch__undecided_where_a_call_fails(void **ignored)
{
	(void)ignored;
	appraise_each(true);
}

static void S12__renewal__undecided_where_a_call_fails(void **ignored)
{
	(void)ignored;
	scene_renewal(s);
	scene_attest(s);
	appraise_each(true);
}

static void S12__key_in_the_tpm__undecided_where_a_call_fails(void **ignored)
{
	(void)ignored;
	scene_key(s, keys.tpm_key->key, KEY_TPM);
	scene_attest(s);
	appraise_each(true);
}

static void S12__refused__undecided_where_a_call_fails(void **ignored)
{
	(void)ignored;
	s->context.host.state = HOST_QUARANTINED;
	appraise_each(false);
}

static void edit_firmware_log(struct scene *scene, struct evidence *e)
{
	(void)scene;
	e->firmware_log = BYTES_LIT("another log");
}

static void S12__firmware_log_sent__undecided_where_a_call_fails(void **ignored)
{
	(void)ignored;
	s->edit_evidence = edit_firmware_log;
	scene_attest(s);
	appraise_each(false);
}

/* A withdrawal that the signer of the statement did not sign, so that it changes nothing. */
static void withdraw_by_another(struct bytes statement)
{
	struct withdrawal w = {.reason = (char *)(uintptr_t) "wrong", .issued = SCENE_NOW};
	struct buf text = {0};

	assert_ok(sha256_of(statement, w.statement, &s->err), s->err);
	memcpy(w.release, s->release_digest, SHA256_LEN);
	assert_ok(withdrawal_statement(&w, &text, &s->err), s->err);
	assert_ok(dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&text), keys.instance, &withdrawal_envelope,
			  &s->err),
		s->err);
	buf_release(&text);
	statement_views[1] = buf_bytes(&withdrawal_envelope);
}

/* A class that demands a statement, and the statement. */
static void demand_statement(void)
{
	struct buf text = {0};
	char hex[2 * SHA256_LEN + 1];

	buf_put_str(&top, "statement_keys:\n  - name: lab\n    kinds: [test-result]\n    pem: ");
	scene_put_pem(&top, keys.other, 6);
	buf_put_str(&top, "  - name: other\n    kinds: [test-result]\n    pem: ");
	scene_put_pem(&top, keys.instance, 6);
	s->class_lines = SCENE_CLASS_LINES
		"    statements:\n      - {kind: test-result, name: tests, passed: true}\n";
	s->top_lines = buf_str(&top);
	scene_policy(s);
	for (size_t i = 0; i < SCENE_APPROVALS; i++)
		memcpy(s->approvals[i].approval.clause, s->policy->classes[0].clause, SHA256_LEN);
	scene_approve(s);
	hex_encode(BYTES_OF(s->components[0].digest), hex);
	buf_printf(&text,
		"{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"name\":\"x\","
		"\"digest\":{\"sha256\":\"%s\"}}],\"predicateType\":"
		"\"https://in-toto.io/attestation/test-result/v0.1\",\"predicate\":{\"result\":"
		"\"PASSED\",\"configuration\":[]}}",
		hex);
	assert_ok(dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&text), keys.other, &statement_envelope,
			  &s->err),
		s->err);
	withdraw_by_another(buf_bytes(&text));
	buf_release(&text);
	statement_views[0] = buf_bytes(&statement_envelope);
	s->context.statements = statement_views;
	s->context.statement_count = 2;
	scene_attest(s);
}

static void S12__release_with_statements__undecided_where_a_call_fails(void **ignored)
{
	(void)ignored;
	demand_statement();
	appraise_each(true);
}

static struct checklist list;
static struct release *release;

static bool run_checklist(struct err *err)
{
	const struct release_input input = {
		.envelope = s->context.release,
		.approvals = s->context.approvals,
		.approval_count = s->context.approval_count,
		.statements = s->context.statements,
		.statement_count = s->context.statement_count,
		.environment = bytes_str("prod"),
	};
	bool ok;

	memset(&list, 0xff, sizeof(list));
	memset(&verdict, 0, sizeof(verdict));
	ok = release_checklist(&input, s->policy, SCENE_NOW, &list, &verdict, &release, err);
	if (!ok)
		assert_null(release);
	release_free(&release);
	return ok;
}

static void no_list(void)
{
	assert_true(all_zero(&list, sizeof(list)));
}

static void S12__checklist__empty_where_a_call_fails(void **ignored)
{
	(void)ignored;
	demand_statement();
	each_seam(run_checklist, no_list);
}

static bool run_statement_check(struct err *err)
{
	struct release read = s->release;

	memcpy(read.digest, s->release_digest, SHA256_LEN);
	return release_statement_check(&read, statement_views[0], s->policy, s->context.now, err) &&
	       release_statement_check(&read, statement_views[1], s->policy, s->context.now, err);
}

static void S12__statement_for_keeps__refused_where_a_call_fails(void **ignored)
{
	(void)ignored;
	demand_statement();
	each_seam(run_statement_check, NULL);
}

static bool run_enrolment(struct err *err)
{
	memset(&verdict, 0xff, sizeof(verdict));
	return policy_appraise_enrolment(buf_bytes(&s->evidence), &s->context, &verdict, err);
}

static void no_enrolment(void)
{
	assert_true(all_zero(&verdict, sizeof(verdict)));
}

static void S12__enrolment__undecided_where_a_call_fails(void **ignored)
{
	(void)ignored;
	s->context.challenge.purpose = s->claims.purpose = PURPOSE_ENROLL;
	memset(s->claims.instance, 0, INSTANCE_ID_LEN);
	memset(s->context.challenge.instance, 0, INSTANCE_ID_LEN);
	memset(s->claims.release, 0, SHA256_LEN);
	s->claims.workload = (struct bytes){0};
	scene_attest(s);
	each_seam(run_enrolment, no_enrolment);
}

/* An EK certificate with one above it, and a list of what is distrusted. */
static struct ek_ca maker;

static void certify_host(struct buf *der)
{
	const struct ek_cert_wish wish = {
		.subject = keys.ek->key,
		.not_before = SCENE_NOW - 5 * 86400,
		.not_after = SCENE_NOW + 86400,
		.eku = EK_CA_EKU,
	};
	struct buf roots = {0};
	const char *whole = buf_str(&s->policy_text), *at = strstr(whole, "ek_roots: []\n");

	ek_ca_make(&maker, "Maker", SCENE_NOW);
	assert_non_null(at);
	buf_printf(&certified, "%.*s", (int)(at - whole), whole);
	ek_ca_put_yaml(&maker, &roots);
	buf_put(&certified, buf_bytes(&roots));
	buf_put_str(&certified, at + strlen("ek_roots: []\n"));
	buf_printf(&certified, "ek_distrusted:\n  - reason: stolen\n    sha256: %064d\n", 7);
	certified_policy();
	ek_ca_issue(&maker, &wish, der);
	buf_put(der, cert_der(maker.cert));
	s->context.host.ek_certs = buf_bytes(der);
	buf_release(&roots);
}

static void S12__host_with_an_ek_certificate__undecided_where_a_call_fails(void **ignored)
{
	struct buf der = {0};

	(void)ignored;
	certify_host(&der);
	appraise_each(true);
	buf_release(&der);
	ek_ca_free(&maker);
}

static void S12__host_without_an_ek_certificate__undecided_where_a_call_fails(void **ignored)
{
	struct buf der = {0};

	(void)ignored;
	certify_host(&der); /* for its list of what is distrusted */
	s->context.host.ek_certs = (struct bytes){0};
	appraise_each(true);
	buf_release(&der);
	ek_ca_free(&maker);
}

static struct bytes endorsement[1];

static bool run_ek(struct err *err)
{
	memset(&verdict, 0xff, sizeof(verdict));
	return policy_appraise_ek(buf_bytes(&keys.ek->public_area), endorsement, 1,
		buf_bytes(&keys.ak->public_area), s->policy, SCENE_NOW, &verdict, err);
}

static void S12__endorsement_key_alone__undecided_where_a_call_fails(void **ignored)
{
	struct buf der = {0};

	(void)ignored;
	certify_host(&der);
	endorsement[0] = buf_bytes(&der);
	each_seam(run_ek, no_enrolment);
	buf_release(&der);
	ek_ca_free(&maker);
}

static bool authentic;

static bool run_authentic(struct err *err)
{
	authentic = true;
	return policy_evidence_authentic(buf_bytes(&s->evidence), &s->context, &authentic, err);
}

static void not_authentic(void)
{
	assert_false(authentic);
}

static void S12__authentic_evidence__not_so_where_a_call_fails(void **ignored)
{
	(void)ignored;
	each_seam(run_authentic, not_authentic);
	assert_true(run_authentic(NULL));
	assert_true(authentic);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(S12__launch__undecided_where_a_call_fails),
		T(S12__renewal__undecided_where_a_call_fails),
		T(S12__key_in_the_tpm__undecided_where_a_call_fails),
		T(S12__refused__undecided_where_a_call_fails),
		T(S12__firmware_log_sent__undecided_where_a_call_fails),
		T(S12__release_with_statements__undecided_where_a_call_fails),
		T(S12__checklist__empty_where_a_call_fails),
		T(S12__statement_for_keeps__refused_where_a_call_fails),
		T(S12__host_with_an_ek_certificate__undecided_where_a_call_fails),
		T(S12__host_without_an_ek_certificate__undecided_where_a_call_fails),
		T(S12__endorsement_key_alone__undecided_where_a_call_fails),
		T(S12__enrolment__undecided_where_a_call_fails),
		T(S12__authentic_evidence__not_so_where_a_call_fails),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
