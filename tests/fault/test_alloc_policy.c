/* SPDX-License-Identifier: Apache-2.0 */
/* S12: memory runs out at every allocation of an appraisal and of what it reads. Nothing is decided then, or what is true. */
#include "tests/fault/alloc.h"

#include "base/time.h"
#include "policy/checklist.h"
#include "tests/support/ek_ca.h"
#include "tests/unit/policy/scene.h"

static struct scene_keys keys;
static struct scene *s;
static struct buf out, wanted, statement;
static struct policy *policy;
static struct release *release;
static struct approval *approval;
static struct verdict verdict, true_verdict;
static struct policy_state state, true_state;

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

static int setup(void **ignored)
{
	(void)ignored;
	s = scene_new(&keys);
	scene_run(s);
	assert_trusted(s);
	return 0;
}

static int teardown(void **ignored)
{
	(void)ignored;
	buf_release(&out);
	buf_release(&wanted);
	buf_release(&statement);
	scene_free(s);
	return 0;
}

static void output_release(void)
{
	buf_release(&out);
}
static void output_as_wanted(void)
{
	assert_bytes(buf_bytes(&out), buf_bytes(&wanted));
}

/* ---- what is read ---- */

static bool run_policy(struct err *err)
{
	return policy_parse(buf_bytes(&s->policy_text), "policy.yaml", &policy, err);
}
static void check_policy(void)
{
	assert_int_equal(policy->class_count, 1);
	assert_memory_equal(policy->classes[0].clause, s->policy->classes[0].clause, SHA256_LEN);
	assert_memory_equal(policy->digest, s->policy->digest, SHA256_LEN);
}
static void release_policy(void)
{
	policy_free(&policy);
}

static void S12__policy_parse__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_policy, check_policy, release_policy};
	(void)ignored;
	fault_case_run(&c);
}

static bool run_release(struct err *err)
{
	return release_parse(buf_bytes(&statement), &release, err);
}
static void check_release_read(void)
{
	assert_int_equal(release->component_count, SCENE_COMPONENTS);
	assert_string_equal(release->author, "dave");
	assert_memory_equal(release->digest, s->release_digest, SHA256_LEN);
}
static void release_release(void)
{
	release_free(&release);
}

static void S12__release_parse__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_release, check_release_read, release_release};
	(void)ignored;
	assert_ok(release_statement(&s->release, &statement, &s->err), s->err);
	fault_case_run(&c);
}

static bool run_release_statement(struct err *err)
{
	return release_statement(&s->release, &out, err);
}

static void S12__release_statement__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_release_statement, output_as_wanted, output_release};
	(void)ignored;
	assert_ok(release_statement(&s->release, &wanted, &s->err), s->err);
	fault_case_run(&c);
}

static bool run_approval(struct err *err)
{
	return approval_parse(buf_bytes(&statement), &approval, err);
}
static void check_approval(void)
{
	assert_string_equal(approval->person, "alice");
	assert_string_equal(approval->role, "model-risk");
	assert_memory_equal(approval->release, s->release_digest, SHA256_LEN);
	assert_false(approval->withdrawn);
}
static void release_approval(void)
{
	approval_free(&approval);
}

static void S12__approval_parse__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_approval, check_approval, release_approval};
	(void)ignored;
	assert_ok(approval_statement(&s->approvals[0].approval, &statement, &s->err), s->err);
	fault_case_run(&c);
}

/* Evidence and claims are read in place: there is nothing to run out of. */
static void S12__evidence_and_claims__read_without_memory(void **ignored)
{
	struct evidence evidence;
	struct claims claims;
	(void)ignored;
	fault_alloc_arm(0, true);
	bool ok = evidence_decode(buf_bytes(&s->evidence), &evidence, &s->err) &&
		  claims_decode(evidence.claims, &claims, &s->err);
	assert_false(fault_alloc_disarm());
	assert_ok(ok, s->err);
}

static size_t records;
static bool visit(void *context, const struct runtime_record *record, struct err *err)
{
	(void)context;
	(void)record;
	(void)err;
	records++;
	return true;
}
static bool run_walk(struct err *err)
{
	records = 0;
	return runtime_log_walk(buf_bytes(&s->log), 0, SCENE_PCR, visit, NULL, err);
}
static void check_walk(void)
{
	assert_int_equal(records, s->log_next);
}

static void S12__runtime_log_walk__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_walk, check_walk, NULL};
	(void)ignored;
	fault_case_run(&c);
}

/* ---- appraising ---- */

static bool run_appraise(struct err *err)
{
	memset(&verdict, 0xff, sizeof(verdict));
	memset(&state, 0xff, sizeof(state));
	if (policy_appraise(
		    buf_bytes(&s->evidence), &s->context, &s->state_in, &verdict, &state, err))
		return true;
	static const struct verdict nothing;
	static const struct policy_state no_state;
	/* Zero is refused: a caller who overlooks the error trusts nobody. */
	if (!bytes_equal(
		    bytes_of(&verdict, sizeof(verdict)), bytes_of(&nothing, sizeof(nothing))) ||
		!bytes_equal(
			bytes_of(&state, sizeof(state)), bytes_of(&no_state, sizeof(no_state))))
		return err_set(err, ERR_INTERNAL, "something of a verdict was left");
	return false;
}
static void check_verdict(void)
{
	/* What lies behind the counts is not cleared (verdict_clear). */
	assert_memory_equal(&verdict, &true_verdict, offsetof(struct verdict, reasons));
	for (size_t i = 0; i < verdict.reason_count; i++) {
		assert_int_equal(verdict.reasons[i].code, true_verdict.reasons[i].code);
		assert_string_equal(verdict.reasons[i].subject, true_verdict.reasons[i].subject);
		assert_string_equal(verdict.reasons[i].actual, true_verdict.reasons[i].actual);
	}
	for (size_t i = 0; i < verdict.checked_count; i++)
		assert_string_equal(verdict.checked[i], true_verdict.checked[i]);
	for (size_t i = 0; i < verdict.not_checked_count; i++)
		assert_string_equal(verdict.not_checked[i], true_verdict.not_checked[i]);
	assert_memory_equal(&state, &true_state, sizeof(state));
}

static void appraise_and_fail(void)
{
	const struct fault_case c = {run_appraise, check_verdict, NULL};
	assert_ok(policy_appraise(buf_bytes(&s->evidence), &s->context, &s->state_in, &true_verdict,
			  &true_state, &s->err),
		s->err);
	fault_case_run(&c);
}

static void S12__appraisal_of_the_trusted__undecided_or_trusted(void **ignored)
{
	(void)ignored;
	appraise_and_fail();
	assert_true(true_verdict.trusted);
}

static void S12__appraisal_of_a_renewal__undecided_or_trusted(void **ignored)
{
	(void)ignored;
	scene_renewal(s);
	scene_attest(s);
	appraise_and_fail();
	assert_true(true_verdict.trusted);
	assert_false(true_verdict.full);
}

static void S12__appraisal_of_a_key_in_the_tpm__undecided_or_trusted(void **ignored)
{
	(void)ignored;
	scene_key(s, keys.tpm_key->key, KEY_TPM);
	scene_attest(s);
	appraise_and_fail();
	assert_true(true_verdict.trusted);
}

static struct buf top, statement_envelope;
static struct bytes statement_view;

/* A class that demands a statement, and the statement. */
static void demand_statement(void)
{
	struct buf text = {0};
	char hex[2 * SHA256_LEN + 1];

	buf_clear(&top);
	buf_put_str(&top, "statement_keys:\n  - name: lab\n    kinds: [assessment]\n    pem: ");
	scene_put_pem(&top, keys.other, 6);
	s->class_lines =
		SCENE_CLASS_LINES "    statements:\n      - kind: assessment\n        name: eval\n"
				  "        type: https://assay.example/assessment/evaluation/v1\n"
				  "        covers: [binary]\n        metrics: [ {name: accuracy, "
				  "min: 0.9, max: 1} ]\n";
	s->top_lines = buf_str(&top);
	scene_policy(s);
	for (size_t i = 0; i < SCENE_APPROVALS; i++)
		memcpy(s->approvals[i].approval.clause, s->policy->classes[0].clause, SHA256_LEN);
	scene_approve(s);
	hex_encode(BYTES_OF(s->components[0].digest), hex);
	buf_printf(&text,
		"{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"name\":\"x\","
		"\"digest\":{\"sha256\":\"%s\"}}],\"predicateType\":"
		"\"https://assay.example/assessment/evaluation/v1\",\"predicate\":{\"result\":"
		"\"passed\",\"by\":\"lab\",\"issued\":\"2026-01-01T00:00:00Z\",\"expires\":"
		"\"2099-01-01T00:00:00Z\",\"report\":{\"digest\":{\"sha256\":\"%s\"}},"
		"\"metrics\":{\"accuracy\":0.95}}}",
		hex, hex);
	buf_clear(&statement_envelope);
	assert_ok(dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&text), keys.other, &statement_envelope,
			  &s->err),
		s->err);
	buf_release(&text);
	statement_view = buf_bytes(&statement_envelope);
	s->context.statements = &statement_view;
	s->context.statement_count = 1;
}

static void S12__appraisal_with_a_statement__undecided_or_trusted(void **ignored)
{
	(void)ignored;
	demand_statement();
	scene_attest(s);
	appraise_and_fail();
	assert_true(true_verdict.trusted);
	buf_release(&top);
	buf_release(&statement_envelope);
}

static void S12__appraisal_in_a_rollout__undecided_or_trusted(void **ignored)
{
	(void)ignored;
	s->context.rollout =
		(struct rollout_view){.state = ROLLOUT_RUNNING, .share = ROLLOUT_SHARE_ALL};
	memcpy(s->context.rollout.release_new, s->release_digest, SHA256_LEN);
	appraise_and_fail();
	assert_true(true_verdict.trusted);
}

static void S12__policy_with_demands__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_policy, check_policy, release_policy};
	(void)ignored;
	demand_statement();
	fault_case_run(&c);
	buf_release(&top);
	buf_release(&statement_envelope);
}

static size_t members;
static void check_three(void)
{
	assert_int_equal(members, 3);
}
static bool checklist_as_json(struct err *err)
{
	struct checklist list = {.met = true, .count = 2, .items = {{.met = true}, {.met = true}}};
	json_t *json = NULL;
	if (!gate_json(NULL, "prod", &list, &verdict, &json, err))
		return false;
	members = json_object_size(json);
	json_decref(json);
	return true;
}

static void S12__gate_answer__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {checklist_as_json, check_three, NULL};
	(void)ignored;
	memset(&verdict, 0, sizeof(verdict));
	fault_case_run(&c);
}

static void check_two(void)
{
	assert_int_equal(members, 2);
}
static bool differences(struct err *err)
{
	struct release other = s->release;
	other.component_count--;
	other.purpose = (char *)(uintptr_t) "another";
	json_t *json = release_diff(&s->release, &other);
	if (!json)
		return err_set(err, ERR_NOMEM, "no memory");
	members = json_array_size(json);
	json_decref(json);
	return true;
}

static void S12__release_diff__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {differences, check_two, NULL};
	(void)ignored;
	fault_case_run(&c);
}

/* Never another reason than the true one, and never fewer. */
static void S12__appraisal_of_the_untrusted__undecided_or_the_same_reasons(void **ignored)
{
	(void)ignored;
	s->components[0].digest[0] ^= 1;
	scene_log_default(s);
	s->context.host.state = HOST_QUARANTINED;
	s->context.approval_count = 1;
	scene_attest(s);
	appraise_and_fail();
	assert_false(true_verdict.trusted);
	assert_true(verdict_has(&true_verdict, REASON_COMPONENT_DIGEST));
	assert_true(verdict_has(&true_verdict, REASON_HOST_STATE));
}

static bool authentic;
static bool run_authentic(struct err *err)
{
	authentic = true;
	bool ok = policy_evidence_authentic(buf_bytes(&s->evidence), &s->context, &authentic, err);
	if (!ok && authentic)
		return err_set(err, ERR_INTERNAL, "authentic without having been found so");
	return ok;
}
static void check_authentic(void)
{
	assert_true(authentic);
}

static void S12__evidence_authentic__undecided_or_so(void **ignored)
{
	const struct fault_case c = {run_authentic, check_authentic, NULL};
	(void)ignored;
	fault_case_run(&c);
}

static bool run_verdict_json(struct err *err)
{
	return verdict_json(s->verdict, &out, err);
}

static void S12__verdict_json__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_verdict_json, output_as_wanted, output_release};
	(void)ignored;
	s->context.host.state = HOST_QUARANTINED;
	scene_judge(s);
	assert_ok(verdict_json(s->verdict, &wanted, &s->err), s->err);
	fault_case_run(&c);
}

static bool run_verdict_explain(struct err *err)
{
	return verdict_explain(buf_bytes(&statement), false, &out, err);
}

static void S12__verdict_explain__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_verdict_explain, output_as_wanted, output_release};
	(void)ignored;
	s->context.host.state = HOST_QUARANTINED;
	scene_judge(s);
	assert_ok(verdict_json(s->verdict, &statement, &s->err), s->err);
	assert_ok(verdict_explain(buf_bytes(&statement), false, &wanted, &s->err), s->err);
	fault_case_run(&c);
}

/* ---- the endorsement key ---- */

static struct ek_ca maker;
static struct cert *ek_cert;
static struct policy *policy_of_ek;

static bool run_ek(struct err *err)
{
	const struct bytes certs[] = {cert_der(ek_cert), cert_der(maker.intermediate)};
	memset(&verdict, 0xff, sizeof(verdict));
	return policy_appraise_ek(buf_bytes(&keys.ek->public_area), certs, ARRAY_LEN(certs),
		buf_bytes(&keys.ak->public_area), policy_of_ek, clock_wall(&clock_system), &verdict,
		err);
}
static void check_ek(void)
{
	assert_memory_equal(&verdict, &true_verdict, sizeof(verdict));
}

/* The scene's policy with a maker whose root it trusts; his intermediate comes with the certificate. */
static struct policy *policy_with_maker(void)
{
	struct buf text = {0}, pem = {0};
	struct policy *made = NULL;
	const char *before = buf_str(&s->policy_text), *roots = strstr(before, "ek_roots: []\n");
	assert_ok(cert_pem(maker.root, &pem, &s->err), s->err);
	buf_put(&text, bytes_of(before, (size_t)(roots - before)));
	buf_put_str(&text, "ek_roots:\n  - name: maker\n    pem: |\n");
	for (const char *line = buf_str(&pem); line && *line;) {
		size_t n = strcspn(line, "\n");
		buf_printf(&text, "      %.*s\n", (int)n, line);
		line += n + (line[n] == '\n');
	}
	buf_put_str(&text, roots + strlen("ek_roots: []\n"));
	assert_ok(policy_parse(buf_bytes(&text), "policy.yaml", &made, &s->err), s->err);
	buf_release(&text);
	buf_release(&pem);
	return made;
}

static void appraise_ek_and_fail(const struct ek_ca_options *options, const char *where)
{
	const struct fault_case c = {run_ek, check_ek, NULL};
	assert_ok(ek_ca_issue(&maker, options, &ek_cert, &s->err), s->err);
	assert_ok(run_ek(&s->err), s->err);
	true_verdict = verdict;
	assert_string_equal(verdict.trusted ? "" : verdict.reasons[0].where, where);
	fault_case_run(&c);
	cert_unref(&ek_cert);
}

/* An intermediate for which there is no memory is not one that was not sent. */
static void S12__appraisal_of_an_ek__undecided_or_the_same(void **ignored)
{
	const struct ek_ca_options honest = ek_ca_honest(keys.ek->key);
	struct ek_ca_options changed[] = {honest, honest, honest, honest, honest, honest};
	static const char *const faults[] = {"", "ek-cert-is-ca", "ek-cert-eku",
		"ek-cert-key-usage", "ek-cert-san", "ek-cert-extension"};
	(void)ignored;
	changed[1].ca = true;
	changed[2].eku = "serverAuth";
	changed[3].key_usage = "critical,digitalSignature";
	changed[4].model = NULL;
	changed[5].critical_oid = "1.2.3.4.5";
	assert_ok(ek_ca_new(&maker, &s->err), s->err);
	policy_of_ek = policy_with_maker();
	for (size_t i = 0; i < ARRAY_LEN(changed); i++)
		appraise_ek_and_fail(&changed[i], faults[i]);
	policy_free(&policy_of_ek);
	ek_ca_release(&maker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(S12__policy_parse__out_of_memory_or_whole),
		T(S12__release_parse__out_of_memory_or_whole),
		T(S12__release_statement__out_of_memory_or_whole),
		T(S12__approval_parse__out_of_memory_or_whole),
		T(S12__evidence_and_claims__read_without_memory),
		T(S12__runtime_log_walk__out_of_memory_or_whole),
		T(S12__appraisal_of_the_trusted__undecided_or_trusted),
		T(S12__appraisal_of_a_renewal__undecided_or_trusted),
		T(S12__appraisal_of_a_key_in_the_tpm__undecided_or_trusted),
		T(S12__appraisal_with_a_statement__undecided_or_trusted),
		T(S12__appraisal_in_a_rollout__undecided_or_trusted),
		T(S12__policy_with_demands__out_of_memory_or_whole),
		T(S12__gate_answer__out_of_memory_or_whole),
		T(S12__release_diff__out_of_memory_or_whole),
		T(S12__appraisal_of_the_untrusted__undecided_or_the_same_reasons),
		T(S12__evidence_authentic__undecided_or_so),
		T(S12__verdict_json__out_of_memory_or_whole),
		T(S12__verdict_explain__out_of_memory_or_whole),
		T(S12__appraisal_of_an_ek__undecided_or_the_same),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
