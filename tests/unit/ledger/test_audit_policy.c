/* SPDX-License-Identifier: Apache-2.0 */
/* Who signed the policy of a record (audit_policy.c): proved by keys, asserted as to persons, or pinned. */
#include "ledger/audit.h"

#include "policy/signature.h"
#include "tests/unit/policy/scene.h"

static struct scene_keys keys;
static struct key *verifier, *anna, *bert, *carl;
static struct scene *s;
static struct policy_signers signers, pinned;
static struct buf envelope, stated, bundle;
static struct audit_report report;
static struct err err;

static int group_setup(void **state)
{
	struct key **const made[] = {&verifier, &anna, &bert, &carl};

	(void)state;
	scene_keys_make(&keys);
	for (size_t i = 0; i < ARRAY_LEN(made); i++)
		assert_ok(key_generate(KEY_EC_P256, made[i], &err), err);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	scene_keys_free(&keys);
	key_unref(&verifier);
	key_unref(&anna);
	key_unref(&bert);
	key_unref(&carl);
	return 0;
}

static void sign(struct bytes text, struct key *key)
{
	struct buf next = {0};

	assert_ok(policy_signature_add(buf_bytes(&envelope), text, key, &next, &err), err);
	buf_release(&envelope);
	envelope = next;
}

static void add(struct policy_signers *to, const char *name, const struct key *key)
{
	struct buf pem = {0};

	assert_ok(key_public_pem(key, &pem, &err), err);
	assert_ok(policy_signers_add(to, name, buf_bytes(&pem), &err), err);
	buf_release(&pem);
}

static int setup(void **state)
{
	(void)state;
	s = scene_new(&keys);
	scene_run(s);
	assert_trusted(s);
	sign(buf_bytes(&s->policy_text), anna);
	sign(buf_bytes(&s->policy_text), bert);
	add(&signers, "anna", anna);
	add(&signers, "bert", bert);
	add(&signers, "carl", carl);
	assert_ok(policy_signers_demand(&signers, 2, &err), err);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scene_free(s);
	policy_signers_release(&signers);
	policy_signers_release(&pinned);
	audit_report_release(&report);
	buf_release(&envelope);
	buf_release(&stated);
	buf_release(&bundle);
	return 0;
}

struct content {
	const char *name;
	struct bytes object;
};

static void put(struct audit_bundle *b, struct record *record, struct content content)
{
	struct record_input *input = &record->inputs[record->input_count++];

	if (content.object.len == 0) {
		record->input_count--;
		return;
	}
	(void)snprintf(input->name, sizeof(input->name), "%s", content.name);
	assert_ok(sha256_of(content.object, input->digest, &err), err);
	b->objects[b->object_count++] = content.object;
}

/* The record of what the scene was judged by, with what it says of the policy's signature. */
static void audit(struct bytes signature, struct bytes who)
{
	struct audit_bundle b = {.tree_size = 1, .leaf = BYTES_LIT("leaf")};
	struct record record = {.time = s->context.now,
		.purpose = s->context.challenge.purpose,
		.workload = s->claims.workload,
		.verifier_id = s->context.verifier_id};
	struct buf context = {0}, sealed = {0};
	struct key *known[] = {verifier};
	const struct audit_anchors anchors = {
		.keys = known, .key_count = 1, .policy_signers = &pinned};

	assert_ok(policy_context_encode(
			  &s->context, buf_bytes(&s->evidence), &s->state_in, &context, &err),
		err);
	const struct content contents[] = {{"context", buf_bytes(&context)},
		{"evidence", buf_bytes(&s->evidence)}, {"policy", buf_bytes(&s->policy_text)},
		{"release", s->context.release}, {"approval-0", s->context.approvals[0]},
		{"approval-1", s->context.approvals[1]}, {"policy-signature", signature},
		{"policy-signers", who}};
	for (size_t i = 0; i < ARRAY_LEN(contents); i++)
		put(&b, &record, contents[i]);
	assert_ok(record_sign(&record, verifier, &sealed, &err), err);
	b.record = buf_bytes(&sealed);
	buf_clear(&bundle);
	assert_ok(audit_bundle_encode(&b, &bundle, &err), err);
	audit_report_release(&report);
	assert_ok(audit_run(buf_bytes(&bundle), &anchors, &report, &err), err);
	buf_release(&context);
	buf_release(&sealed);
}

static void state_signers(void)
{
	buf_clear(&stated);
	assert_ok(policy_signers_encode(&signers, &stated, &err), err);
}

static const struct audit_step *step(const char *what)
{
	for (size_t i = 0; i < report.step_count; i++)
		if (strcmp(report.steps[i].what, what) == 0)
			return &report.steps[i];
	return NULL;
}

static void assert_step(const char *what, enum audit_step_result result, const char *detail)
{
	const struct audit_step *found = step(what);

	assert_non_null(found);
	if (found->result != result || !strstr(found->detail, detail))
		fail_msg("%s: %d %s, wanted %d %s", what, found->result, found->detail, result,
			detail);
}

static void audit__signed_as_the_verifier_says__keys_proved_persons_asserted(void **state)
{
	char hex[17];

	(void)state;
	state_signers();
	audit(buf_bytes(&envelope), buf_bytes(&stated));
	assert_step("policy signature", AUDIT_PROVED,
		"over exactly this policy, by 2 of 3 keys that the verifier names (2 needed): "
		"anna ");
	assert_step("policy signature", AUDIT_PROVED,
		text_short_hex(bytes_of(key_id(bert), SHA256_LEN), hex));
	assert_step("policy signers", AUDIT_ASSERTED, "that 2 of 3 were enough");
}

static void audit__no_signature__not_checked(void **state)
{
	(void)state;
	audit((struct bytes){0}, (struct bytes){0});
	assert_step("policy signature", AUDIT_NOT_CHECKED, "who wrote the policy is not known");
	assert_null(step("policy signers"));
}

static void audit__too_few_signed_or_other_bytes__failed(void **state)
{
	(void)state;
	assert_ok(policy_signers_demand(&signers, 3, &err), err);
	state_signers();
	audit(buf_bytes(&envelope), buf_bytes(&stated));
	assert_step(
		"policy signature", AUDIT_FAILED, "2 of the keys that count signed: anna, bert; 3");
	assert_null(step("policy signers"));
	buf_clear(&envelope);
	assert_ok(policy_signers_demand(&signers, 1, &err), err);
	state_signers();
	sign(BYTES_LIT("policy: 1\nversion: 8\n"), anna);
	audit(buf_bytes(&envelope), buf_bytes(&stated));
	assert_step("policy signature", AUDIT_FAILED, "over other bytes than this policy file's");
}

static void audit__signature_without_those_who_count__failed(void **state)
{
	(void)state;
	audit(buf_bytes(&envelope), (struct bytes){0});
	assert_step("policy signature", AUDIT_FAILED, "but not whose keys counted");
	audit(buf_bytes(&envelope), BYTES_LIT("{}"));
	assert_step("policy signature", AUDIT_FAILED, "but not whose keys counted");
}

/* Alice approves releases: she cannot count as a signer of the policy that says so. */
static void audit__a_signer_with_a_part_in_the_policy__failed(void **state)
{
	(void)state;
	add(&signers, "alice", keys.alice);
	sign(buf_bytes(&s->policy_text), keys.alice);
	state_signers();
	audit(buf_bytes(&envelope), buf_bytes(&stated));
	assert_step(
		"policy signature", AUDIT_FAILED, "policy key alice is a key of approver alice");
}

/* What the verifier says of the signers is then of no account. */
static void audit__signers_pinned__proved_or_failed_by_them(void **state)
{
	(void)state;
	add(&pinned, "bert", bert);
	assert_ok(policy_signers_demand(&pinned, 1, &err), err);
	audit(buf_bytes(&envelope), (struct bytes){0});
	assert_step("policy signature", AUDIT_PROVED,
		"by 1 of 1 keys that you pinned (1 needed): bert ");
	assert_null(step("policy signers"));
	add(&pinned, "carl", carl);
	assert_ok(policy_signers_demand(&pinned, 2, &err), err);
	state_signers();
	audit(buf_bytes(&envelope), buf_bytes(&stated));
	assert_step(
		"policy signature", AUDIT_FAILED, "1 of the keys that count signed: bert; 2 must");
	audit((struct bytes){0}, (struct bytes){0});
	assert_step("policy signature", AUDIT_FAILED, "nobody signed this policy");
	assert_false(report.consistent);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(audit__signed_as_the_verifier_says__keys_proved_persons_asserted),
		T(audit__no_signature__not_checked),
		T(audit__too_few_signed_or_other_bytes__failed),
		T(audit__signature_without_those_who_count__failed),
		T(audit__a_signer_with_a_part_in_the_policy__failed),
		T(audit__signers_pinned__proved_or_failed_by_them),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
