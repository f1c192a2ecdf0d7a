/* SPDX-License-Identifier: Apache-2.0 */
/* S12: memory runs out at every allocation of what puts a policy in force and of what is said about one. It is not in force then,
 * and nothing half is said. */
#include "tests/fault/alloc.h"

#include "ledger/audit_reappraise.h"
#include "policy/signature.h"
#include "policy/words.h"
#include "tests/support/ek_ca.h"
#include "tests/unit/ledger/bundle.h"

static struct scene_keys keys;
static struct key *anna, *verifier;
static struct scene *s;
static struct policy_signers signers;
static struct policy *other;
static struct buf pem, envelope, out, bundle, text;
static struct reappraisal again;
static uint64_t mask;
static json_t *json, *wanted;
static struct err err;

#define HOSTS                                                                                      \
	"host_classes:\n  - name: server\n    references: [ {kind: golden-log, sha256: "           \
	"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff} ]\n"                    \
	"    command_line: {allow: ['a*']}\n"

static int setup(void **ignored)
{
	(void)ignored;
	scene_keys_make(&keys);
	assert_ok(key_generate(KEY_EC_P256, &anna, &err), err);
	assert_ok(key_generate(KEY_EC_P256, &verifier, &err), err);
	s = scene_new(&keys);
	scene_run(s);
	bundle_make(s, verifier, (struct bytes){0}, &bundle);
	assert_ok(key_public_pem(anna, &pem, &err), err);
	assert_ok(policy_signers_add(&signers, "anna", buf_bytes(&pem), &err), err);
	assert_ok(policy_signers_demand(&signers, 1, &err), err);
	assert_ok(policy_signature_add(
			  (struct bytes){0}, buf_bytes(&s->policy_text), anna, &envelope, &err),
		err);
	scene_policy_text(&keys,
		"    approvals: [ {role: security, count: 2} ]\n    credential_lifetime: 1h\n"
		"    host_classes: [server]\n",
		HOSTS, &text);
	assert_ok(policy_parse(buf_bytes(&text), "new.yaml", &other, &err), err);
	return 0;
}

static int teardown(void **ignored)
{
	struct buf *const bufs[] = {&pem, &envelope, &out, &bundle, &text};

	(void)ignored;
	for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
		buf_release(bufs[i]);
	policy_signers_release(&signers);
	policy_free(&other);
	scene_free(s);
	scene_keys_free(&keys);
	key_unref(&anna);
	key_unref(&verifier);
	json_release(&wanted);
	return 0;
}

static bool run_verify(struct err *e)
{
	return policy_signature_verify(
		buf_bytes(&envelope), buf_bytes(&s->policy_text), &signers, &mask, e);
}
static void check_verify(void)
{
	assert_int_equal(mask, 1);
}

static void S12__policy_signature__not_in_force_or_signed(void **ignored)
{
	const struct fault_case c = {run_verify, check_verify, NULL};
	(void)ignored;
	fault_case_run(&c);
}

/* The policy of the scene with a TPM maker's root. */
static struct policy *policy_with_root(const struct cert *root)
{
	struct policy *made = NULL;
	struct buf cert = {0}, whole = {0};
	const char *rest = strstr(buf_str(&s->policy_text), "release_keys:");

	assert_ok(cert_pem(root, &cert, &err), err);
	buf_put_str(&whole, "policy: 1\nversion: 7\ntrust_domain: bank.example\nek_roots:\n  - "
			    "name: maker\n    pem: |\n");
	for (const char *line = buf_str(&cert); line && *line;) {
		size_t n = strcspn(line, "\n");
		buf_printf(&whole, "      %.*s\n", (int)n, line);
		line += n + (line[n] == '\n');
	}
	buf_put_str(&whole, rest);
	assert_ok(policy_parse(buf_bytes(&whole), "policy.yaml", &made, &err), err);
	buf_release(&cert);
	buf_release(&whole);
	return made;
}

/* A failing allocation must not make an insider an outsider. */
static void S12__signer_inside_the_policy__never_outside(void **ignored)
{
	struct ek_ca maker = {0};
	struct key *key = NULL;

	(void)ignored;
	assert_ok(ek_ca_new(&maker, &err), err);
	struct policy *inside = policy_with_root(maker.root);
	assert_ok(cert_key(maker.root, &key, &err), err);
	buf_clear(&pem);
	assert_ok(key_public_pem(key, &pem, &err), err);
	assert_ok(policy_signers_add(&signers, "maker", buf_bytes(&pem), &err), err);
	for (int for_good = 0; for_good < 2; for_good++) {
		bool more = true;
		for (size_t at = 0; more; at++) {
			struct err why = {0};
			fault_alloc_arm(at, for_good == 1);
			bool outside = policy_signers_outside(&signers, inside, &why);
			more = fault_alloc_disarm();
			assert_false(outside);
			if (why.code != ERR_NOMEM)
				assert_int_equal(why.code, ERR_DENIED);
		}
	}
	assert_true(fault_alloc.seen > 0);
	key_unref(&key);
	policy_free(&inside);
	ek_ca_release(&maker);
}

static bool run_add(struct err *e)
{
	buf_clear(&out);
	return policy_signature_add(
		buf_bytes(&envelope), buf_bytes(&s->policy_text), keys.other, &out, e);
}
static void check_add(void)
{
	assert_ok(policy_signature_verify(
			  buf_bytes(&out), buf_bytes(&s->policy_text), &signers, &mask, &err),
		err);
}
static void release_out(void)
{
	buf_release(&out);
}

static void S12__policy_signed__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_add, check_add, release_out};
	(void)ignored;
	fault_case_run(&c);
}

static void check_json(void)
{
	assert_true(json_equal(json, wanted));
}
static void release_json(void)
{
	json_release(&json);
}

static bool run_diff(struct err *e)
{
	return policy_diff(s->policy, other, &json, e);
}
static bool run_summary(struct err *e)
{
	return policy_summary(other, &json, e);
}
static bool run_explain(struct err *e)
{
	return policy_class_explain(other, &other->classes[0], &json, e);
}

static void S12__policy_in_words__out_of_memory_or_whole(void **ignored)
{
	bool (*const runs[])(struct err * e) = {run_diff, run_summary, run_explain};
	(void)ignored;
	for (size_t i = 0; i < ARRAY_LEN(runs); i++) {
		const struct fault_case c = {runs[i], check_json, release_json};
		assert_ok(runs[i](&err), err);
		wanted = TAKE(json);
		fault_case_run(&c);
		json_release(&wanted);
	}
}

static bool run_again(struct err *e)
{
	return audit_reappraise(buf_bytes(&bundle), s->policy, &again, e);
}
static void check_again(void)
{
	assert_true(again.decided && again.before.trusted && again.after.trusted);
}

static void S12__stored_decision_again__undecided_or_the_same(void **ignored)
{
	const struct fault_case c = {run_again, check_again, NULL};
	(void)ignored;
	fault_case_run(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(S12__policy_signature__not_in_force_or_signed),
		T(S12__signer_inside_the_policy__never_outside),
		T(S12__policy_signed__out_of_memory_or_whole),
		T(S12__policy_in_words__out_of_memory_or_whole),
		T(S12__stored_decision_again__undecided_or_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
