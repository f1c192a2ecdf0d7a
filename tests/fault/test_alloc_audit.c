/* SPDX-License-Identifier: Apache-2.0 */
/* S12: memory runs out at every allocation of keeping a record and of auditing one. Nothing proves itself then that is not so. */
#include "tests/fault/alloc.h"

#include "ledger/audit.h"
#include "ledger/receipt.h"
#include "tests/unit/policy/scene.h"

static struct scene_keys keys;
static struct scene *s;
static struct key *verifier;
static struct err err;
static struct record record, opened;
static struct audit_bundle b;
static struct audit_report report, true_report;
static struct buf out, wanted, signed_record, context, verdict_text, state_out, leaf_bytes, bundle,
	receipt;

static void name_input(const char *name, struct bytes object)
{
	struct record_input *input = &record.inputs[record.input_count++];
	(void)snprintf(input->name, sizeof(input->name), "%s", name);
	assert_ok(sha256_of(object, input->digest, &err), err);
	b.objects[b.object_count++] = object;
}

/* A receipt by the record's own signer, of the one leaf that there is. */
static void vouch(void)
{
	const struct receipt_proof proof = {.kind = RECEIPT_INCLUSION, .size = 1};
	struct buf seal = {0};
	assert_ok(receipt_seal(verifier, "bank.example/log", 1, b.tree_root, &seal, &err), err);
	assert_ok(receipt_write(buf_bytes(&seal), &proof, &receipt, &err), err);
	b.receipt = buf_bytes(&receipt);
	buf_release(&seal);
}

/* The record of the scene's decision, alone in its ledger. */
static void keep(void)
{
	struct leaf leaf = {.type = LEAF_DECISION, .time = SCENE_NOW};
	record = (struct record){.time = SCENE_NOW,
		.purpose = s->context.challenge.purpose,
		.workload = s->claims.workload,
		.trusted = s->verdict->trusted,
		.assurance = s->verdict->assurance,
		.verifier_id = s->context.verifier_id};
	memcpy(record.host_id, s->context.host.id, HOST_ID_LEN);
	memcpy(record.instance, s->context.challenge.instance, INSTANCE_ID_LEN);
	memcpy(record.release, s->claims.release, SHA256_LEN);
	assert_ok(sha256_of(s->claims.key, record.key, &err), err);
	assert_ok(verdict_json(s->verdict, &verdict_text, &err), err);
	assert_ok(policy_context_encode(
			  &s->context, buf_bytes(&s->evidence), &s->state_in, &context, &err),
		err);
	assert_ok(policy_state_encode(&s->state_out, &state_out, &err), err);
	name_input("context", buf_bytes(&context));
	name_input("evidence", buf_bytes(&s->evidence));
	name_input("policy", buf_bytes(&s->policy_text));
	name_input("release", s->context.release);
	name_input("verdict", buf_bytes(&verdict_text));
	name_input("state-out", buf_bytes(&state_out));
	name_input("approval-0", s->context.approvals[0]);
	name_input("approval-1", s->context.approvals[1]);
	assert_ok(record_sign(&record, verifier, &signed_record, &err), err);
	b.record = buf_bytes(&signed_record);
	memcpy(leaf.issuer, key_id(verifier), SHA256_LEN);
	assert_ok(ledger_commitment(b.salt, b.record, leaf.commitment, &err), err);
	assert_ok(leaf_encode(&leaf, &leaf_bytes, &err), err);
	b.leaf = buf_bytes(&leaf_bytes);
	b.tree_size = 1;
	assert_ok(leaf_hash(b.leaf, b.tree_root, &err), err);
	vouch();
	assert_ok(audit_bundle_encode(&b, &bundle, &err), err);
}

static int setup(void **state)
{
	(void)state;
	scene_keys_make(&keys);
	assert_ok(key_generate(KEY_EC_P256, &verifier, &err), err);
	s = scene_new(&keys);
	scene_run(s);
	assert_trusted(s);
	b = (struct audit_bundle){0};
	keep();
	return 0;
}

static int teardown(void **state)
{
	struct buf *all[] = {&out, &wanted, &signed_record, &context, &verdict_text, &state_out,
		&leaf_bytes, &bundle, &receipt};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		buf_release(all[i]);
	audit_report_release(&true_report);
	scene_free(s);
	scene_keys_free(&keys);
	key_unref(&verifier);
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

static bool run_record_encode(struct err *why)
{
	return record_encode(&record, &out, why);
}

static void S12__record_encode__out_of_memory_or_whole(void **state)
{
	const struct fault_case c = {run_record_encode, output_as_wanted, output_release};
	(void)state;
	assert_ok(record_encode(&record, &wanted, &err), err);
	fault_case_run(&c);
}

/* A signature is another one each time: what was signed has to open. */
static bool run_record_sign(struct err *why)
{
	return record_sign(&record, verifier, &out, why);
}
static void check_signed(void)
{
	assert_ok(record_open(buf_bytes(&out), verifier, &opened, &err), err);
	assert_int_equal(opened.input_count, record.input_count);
}

static void S12__record_sign__out_of_memory_or_whole(void **state)
{
	const struct fault_case c = {run_record_sign, check_signed, output_release};
	(void)state;
	fault_case_run(&c);
}

static bool run_record_open(struct err *why)
{
	return record_open(buf_bytes(&signed_record), verifier, &opened, why);
}
static void check_opened(void)
{
	assert_true(opened.trusted);
	assert_int_equal(opened.input_count, record.input_count);
}

static void S12__record_open__out_of_memory_or_whole(void **state)
{
	const struct fault_case c = {run_record_open, check_opened, NULL};
	(void)state;
	fault_case_run(&c);
}

static bool run_context_encode(struct err *why)
{
	return policy_context_encode(&s->context, buf_bytes(&s->evidence), &s->state_in, &out, why);
}

static void S12__context_encode__out_of_memory_or_whole(void **state)
{
	const struct fault_case c = {run_context_encode, output_as_wanted, output_release};
	(void)state;
	buf_put(&wanted, buf_bytes(&context));
	fault_case_run(&c);
}

static bool run_bundle_encode(struct err *why)
{
	return audit_bundle_encode(&b, &out, why);
}

static void S12__bundle_encode__out_of_memory_or_whole(void **state)
{
	const struct fault_case c = {run_bundle_encode, output_as_wanted, output_release};
	(void)state;
	buf_put(&wanted, buf_bytes(&bundle));
	fault_case_run(&c);
}

/* ---- the audit ---- */

static const struct audit_anchors *anchors;
static struct bytes audited;

static bool run_audit(struct err *why)
{
	return audit_run(audited, anchors, &report, why);
}
static void check_audit(void)
{
	assert_int_equal(report.consistent, true_report.consistent);
	assert_int_equal(report.reproducible, true_report.reproducible);
	assert_int_equal(report.step_count, true_report.step_count);
	assert_memory_equal(report.steps, true_report.steps, sizeof(report.steps));
	assert_bytes(buf_bytes(&report.verdict), buf_bytes(&true_report.verdict));
}
static void release_audit(void)
{
	audit_report_release(&report);
}

static void audit_and_fail(struct bytes in)
{
	struct key *const pinned[] = {verifier};
	const struct audit_anchors mine = {.keys = pinned, .key_count = 1};
	const struct fault_case c = {run_audit, check_audit, release_audit};
	anchors = &mine;
	audited = in;
	assert_ok(audit_run(in, anchors, &true_report, &err), err);
	fault_case_run(&c);
}

static void S12__audit_of_an_honest_bundle__out_of_memory_or_proved(void **state)
{
	(void)state;
	audit_and_fail(buf_bytes(&bundle));
	assert_true(true_report.consistent);
}

/* A record about another key than the evidence's: no lack of memory makes it agree. */
static void S12__audit_of_a_bundle_that_lies__never_proved(void **state)
{
	(void)state;
	struct buf *again[] = {&signed_record, &leaf_bytes, &bundle};
	struct leaf leaf = {.type = LEAF_DECISION, .time = SCENE_NOW};
	for (size_t i = 0; i < ARRAY_LEN(again); i++)
		buf_clear(again[i]);
	record.key[0] ^= 1;
	assert_ok(record_sign(&record, verifier, &signed_record, &err), err);
	b.record = buf_bytes(&signed_record);
	memcpy(leaf.issuer, key_id(verifier), SHA256_LEN);
	assert_ok(ledger_commitment(b.salt, b.record, leaf.commitment, &err), err);
	assert_ok(leaf_encode(&leaf, &leaf_bytes, &err), err);
	b.leaf = buf_bytes(&leaf_bytes);
	assert_ok(leaf_hash(b.leaf, b.tree_root, &err), err);
	assert_ok(audit_bundle_encode(&b, &bundle, &err), err);
	audit_and_fail(buf_bytes(&bundle));
	assert_false(true_report.consistent);
	assert_true(true_report.reproducible);
}

static bool run_report_json(struct err *why)
{
	return audit_report_json(&true_report, &out, why);
}
static bool run_report_text(struct err *why)
{
	return audit_report_text(&true_report, false, &out, why);
}

static void S12__audit_report__out_of_memory_or_whole(void **state)
{
	const struct fault_case json = {run_report_json, output_as_wanted, output_release},
				text = {run_report_text, output_as_wanted, output_release};
	(void)state;
	assert_ok(audit_run(buf_bytes(&bundle), NULL, &true_report, &err), err);
	assert_ok(audit_report_json(&true_report, &wanted, &err), err);
	fault_case_run(&json);
	buf_clear(&wanted);
	assert_ok(audit_report_text(&true_report, false, &wanted, &err), err);
	fault_case_run(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(S12__record_encode__out_of_memory_or_whole),
		T(S12__record_sign__out_of_memory_or_whole),
		T(S12__record_open__out_of_memory_or_whole),
		T(S12__context_encode__out_of_memory_or_whole),
		T(S12__bundle_encode__out_of_memory_or_whole),
		T(S12__audit_of_an_honest_bundle__out_of_memory_or_proved),
		T(S12__audit_of_a_bundle_that_lies__never_proved),
		T(S12__audit_report__out_of_memory_or_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
