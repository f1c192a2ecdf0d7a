/* SPDX-License-Identifier: Apache-2.0 */
/* A stored decision under another policy: the same evidence and time, another verdict, or none where
 * the evidence cannot say. */
#include "ledger/audit_reappraise.h"

#include "bundle.h"
#include "tests/support/event_log_make.h"

static struct scene_keys keys;
static struct key *verifier;
static struct scene *s;
static struct buf bundle, text;
static struct policy *other;
static struct reappraisal *again;
static struct err err;

static int group_setup(void **state)
{
	(void)state;
	scene_keys_make(&keys);
	assert_ok(key_generate(KEY_EC_P256, &verifier, &err), err);
	again = calloc(1, sizeof(*again));
	return again ? 0 : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	scene_keys_free(&keys);
	key_unref(&verifier);
	free(again);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	s = scene_new(&keys);
	scene_run(s);
	assert_trusted(s);
	bundle_make(s, verifier, (struct bytes){0}, &bundle);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scene_free(s);
	policy_free(&other);
	buf_release(&bundle);
	buf_release(&text);
	return 0;
}

static void policy(const char *class_lines, const char *top_lines)
{
	policy_free(&other);
	buf_clear(&text);
	scene_policy_text(&keys, class_lines, top_lines, &text);
	assert_ok(policy_parse(buf_bytes(&text), "new.yaml", &other, &err), err);
}

static void judge(void)
{
	assert_ok(audit_reappraise(buf_bytes(&bundle), other, again, &err), err);
}

static void reappraise__the_same_policy__the_same_verdict(void **state)
{
	(void)state;
	policy(SCENE_CLASS_LINES, "");
	judge();
	assert_true(again->decided);
	assert_true(again->before.trusted);
	assert_true(again->after.trusted);
	assert_memory_equal(&again->before, &again->after, sizeof(again->before));
	assert_string_equal(again->workload, "ocr-agent");
	assert_int_equal(again->time, SCENE_NOW);
	assert_int_equal(again->purpose, PURPOSE_LAUNCH);
}

static void reappraise__a_class_tightened__refused_for_what_it_demands(void **state)
{
	(void)state;
	policy(SCENE_CLASS_LINES "    key: tpm\n", "");
	judge();
	assert_true(again->decided);
	assert_true(again->before.trusted);
	assert_false(again->after.trusted);
	assert_true(verdict_has(&again->after, REASON_KEY_PROTECTION));
	/* Another clause: the approvals do not count either. */
	assert_true(verdict_has(&again->after, REASON_APPROVAL_MISSING));
}

static void reappraise__an_unrelated_edit__trusted_still(void **state)
{
	(void)state;
	policy(SCENE_CLASS_LINES, "challenge_lifetime: 90s\n# a comment\n");
	judge();
	assert_true(again->decided && again->after.trusted);
}

static void reappraise__refused_before__trusted_under_a_looser_one(void **state)
{
	(void)state;
	s->class_lines = SCENE_CLASS_LINES "    clock_safe: true\n";
	scene_policy(s);
	for (size_t i = 0; i < 2; i++)
		memcpy(s->approvals[i].approval.clause, s->policy->classes[0].clause, SHA256_LEN);
	scene_approve(s);
	s->attest.safe = false;
	scene_run(s);
	assert_refused(s, REASON_CLOCK_UNSAFE);
	bundle_make(s, verifier, (struct bytes){0}, &bundle);
	policy("    approvals: []\n    credential_lifetime: 10m\n", "");
	judge();
	assert_false(again->before.trusted);
	assert_true(again->decided && again->after.trusted);
}

static void renew(void)
{
	scene_renewal(s);
	scene_run(s);
	assert_trusted(s);
	assert_false(s->verdict->full);
	bundle_make(s, verifier, (struct bytes){0}, &bundle);
}

static void reappraise__a_renewal__as_if_launched_under_it(void **state)
{
	(void)state;
	renew();
	policy(SCENE_CLASS_LINES, "challenge_lifetime: 90s\n");
	judge();
	assert_true(again->decided && again->after.trusted);
	assert_false(again->after.full);
	policy(SCENE_CLASS_LINES "    key: tpm\n", "");
	judge();
	assert_true(again->decided);
	assert_false(again->after.trusted);
}

/* What the launch showed of the sandbox is not in a renewal's record. */
static void reappraise__a_renewal_where_a_sandbox_is_new__not_decided(void **state)
{
	(void)state;
	policy(SCENE_CLASS_LINES "    sandbox: {no_new_privs: true}\n", "");
	judge();
	assert_true(again->decided); /* of the launch it is */
	assert_true(verdict_has(&again->after, REASON_SANDBOX));
	renew();
	judge();
	assert_false(again->decided);
	assert_string_equal(
		again->why, "a renewal: the sandbox was judged at its launch; take that record");
	assert_int_equal(again->after.reason_count, 0);
}

static void reappraise__a_renewal_where_the_environment_is_newly_kept__not_decided(void **state)
{
	struct buf lines = {0}, pem = {0};
	(void)state;
	assert_ok(key_public_pem(verifier, &pem, &err), err);
	buf_put_str(&lines, SCENE_CLASS_LINES "    environment_key: \"");
	for (size_t i = 0; i < pem.len; i++)
		buf_printf(&lines, pem.data[i] == '\n' ? "\\n" : "%c", pem.data[i]);
	buf_put_str(&lines, "\"\n");
	policy(buf_str(&lines), "");
	judge();
	assert_true(again->decided); /* of the launch it is */
	assert_true(verdict_has(&again->after, REASON_ENVIRONMENT_NOT_KEPT));
	renew();
	judge();
	assert_false(again->decided);
	assert_string_equal(again->why, "a renewal: what was kept of the environment was judged at "
					"its launch; take that record");
	buf_release(&lines);
	buf_release(&pem);
}

/* A policy whose class asks for hosts like the machine of this log. */
static void policy_with_hosts(struct bytes log)
{
	struct buf top = {0};
	char hex[2 * SHA256_LEN + 1];
	uint8_t digest[SHA256_LEN];

	assert_true(sha256_of(log, digest, &err));
	hex_encode(BYTES_OF(digest), hex);
	buf_printf(&top,
		"host_classes:\n  - name: server\n    references: [ {kind: golden-log, sha256: %s} "
		"]\n",
		hex);
	policy(SCENE_CLASS_LINES "    host_classes: [server]\n", buf_str(&top));
	buf_release(&top);
}

static void reappraise__a_renewal_where_the_boot_counts__not_decided(void **state)
{
	struct buf log = {0};

	(void)state;
	assert_true(firmware_data_read("golden.log", &log));
	renew();
	bundle_make(s, verifier, buf_bytes(&log), &bundle);
	policy_with_hosts(buf_bytes(&log));
	judge();
	assert_false(again->decided);
	assert_string_equal(
		again->why, "a renewal: the boot was judged at its launch; take that record");
	assert_true(again->before.trusted);
	assert_false(again->after.trusted);
	assert_int_equal(again->after.reason_count, 0);
	buf_release(&log);
}

static void reappraise__a_launch_where_the_boot_counts__judged(void **state)
{
	struct buf log = {0};

	(void)state;
	assert_true(firmware_data_read("golden.log", &log));
	bundle_make(s, verifier, buf_bytes(&log), &bundle);
	policy_with_hosts(buf_bytes(&log));
	judge();
	assert_true(again->decided);
	assert_true(verdict_has(&again->after, REASON_FIRMWARE_LOG));
	buf_release(&log);
}

static void reappraise__a_reference_missing_or_not_what_it_should_be__an_error(void **state)
{
	(void)state;
	policy_with_hosts(BYTES_LIT("nothing"));
	assert_false(audit_reappraise(buf_bytes(&bundle), other, again, &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(err.text, "named by the policy and not found"));
	bundle_make(s, verifier, BYTES_LIT("nothing"), &bundle);
	assert_false(audit_reappraise(buf_bytes(&bundle), other, again, &err));
	assert_int_equal(err.code, ERR_CONFIG);
	assert_false(again->decided);
}

/* It was refused because its policy was another than its launch's: so would it be here. */
static void reappraise__a_renewal_of_a_stale_state__not_decided(void **state)
{
	(void)state;
	scene_renewal(s);
	s->top_lines = "challenge_lifetime: 90s\n";
	scene_policy(s);
	scene_run(s);
	assert_refused(s, REASON_STATE_STALE);
	bundle_make(s, verifier, (struct bytes){0}, &bundle);
	policy(SCENE_CLASS_LINES, "challenge_lifetime: 80s\n");
	judge();
	assert_false(again->decided);
	assert_string_equal(again->why,
		"a renewal: this policy asks for the whole log; take its launch's record");
	assert_int_equal(again->after.reason_count, 0);
}

static void reappraise__another_bank__refused(void **state)
{
	(void)state;
	renew();
	policy(SCENE_CLASS_LINES, "pcr_bank: sha384\n");
	judge();
	assert_true(again->decided);
	assert_false(again->after.trusted);
}

static void reappraise__not_a_bundle__an_error(void **state)
{
	(void)state;
	policy(SCENE_CLASS_LINES, "");
	assert_false(audit_reappraise(BYTES_LIT("nothing"), other, again, &err));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_false(again->decided || again->after.trusted || again->before.trusted);
}

static void reappraise__no_context__an_error(void **state)
{
	static struct audit_bundle b;
	struct buf cut = {0};

	(void)state;
	policy(SCENE_CLASS_LINES, "");
	assert_ok(audit_bundle_decode(buf_bytes(&bundle), &b, &err), err);
	b.objects[0] = BYTES_LIT("x");
	assert_ok(audit_bundle_encode(&b, &cut, &err), err);
	assert_fails(audit_reappraise(buf_bytes(&cut), other, again, &err), err, ERR_NOT_FOUND,
		"context: the bundle has none");
	buf_release(&cut);
}

/* ---- what differs, and what is behind it ---- */

static void assert_cause(const char *wanted)
{
	char cause[REAPPRAISAL_WHY_MAX];

	assert_true(reappraisal_differs(again));
	reappraisal_cause(again, cause);
	assert_string_equal(cause, wanted);
}

static void differs__what_a_holder_would_notice__and_its_cause(void **state)
{
	(void)state;
	policy(SCENE_CLASS_LINES, "");
	judge();
	assert_false(reappraisal_differs(again));
	again->after.credential_lifetime++;
	assert_cause("credential");
	again->after = again->before;
	again->after.renew_after++;
	assert_cause("credential");
	again->after = again->before;
	again->after.assurance++;
	assert_cause("credential");
	again->after = again->before;
	again->after.trusted = false;
	assert_cause("credential");
	verdict_refuse(&again->after, REASON_KEY_PROTECTION, "key", "x", "y", NULL, NULL);
	assert_cause("key-protection");
	/* The same code about something else is another reason; the same one in both is none. */
	verdict_refuse(&again->before, REASON_KEY_PROTECTION, "another", "x", "y", NULL, NULL);
	assert_cause("key-protection");
	again->before = again->after;
	assert_false(reappraisal_differs(again));
	memset(&again->after, 0, sizeof(again->after));
	assert_cause("no longer key-protection");
	again->decided = false;
	assert_false(reappraisal_differs(again));
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(reappraise__the_same_policy__the_same_verdict),
		T(reappraise__a_class_tightened__refused_for_what_it_demands),
		T(reappraise__an_unrelated_edit__trusted_still),
		T(reappraise__refused_before__trusted_under_a_looser_one),
		T(reappraise__a_renewal__as_if_launched_under_it),
		T(reappraise__a_renewal_where_a_sandbox_is_new__not_decided),
		T(reappraise__a_renewal_where_the_environment_is_newly_kept__not_decided),
		T(reappraise__a_renewal_where_the_boot_counts__not_decided),
		T(reappraise__a_launch_where_the_boot_counts__judged),
		T(reappraise__a_reference_missing_or_not_what_it_should_be__an_error),
		T(reappraise__a_renewal_of_a_stale_state__not_decided),
		T(reappraise__another_bank__refused),
		T(reappraise__not_a_bundle__an_error),
		T(reappraise__no_context__an_error),
		T(differs__what_a_holder_would_notice__and_its_cause),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
