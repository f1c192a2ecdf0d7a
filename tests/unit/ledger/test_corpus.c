/* SPDX-License-Identifier: Apache-2.0 */
/* The corpora of the fuzz targets of audit files and records are what they say: a format that goes on and leaves them behind would
 * have the targets start from inputs that are refused at once. */
#include "tests/support/unit.h"

#include "base/file.h"
#include "ledger/audit.h"
#include "ledger/audit_reappraise.h"
#include "tests/fuzz/reappraise_policy.h"

#define CORPUS "tests/fuzz/corpus/"

static struct buf in;
static struct err err;

static int teardown(void **state)
{
	(void)state;
	buf_release(&in);
	return 0;
}

static struct bytes seed(const char *name)
{
	char path[128];
	(void)snprintf(path, sizeof(path), CORPUS "%s", name);
	buf_clear(&in);
	assert_ok(file_read(path, 1u << 20, &in, &err), err);
	return buf_bytes(&in);
}

/* Nobody's key is pinned, as in the target: each of them is true in itself. */
static void audits__of_the_corpus__hold_to_their_end(void **state)
{
	static const struct {
		const char *name;
		bool trusted, grounded;
	} cases[] = {{"audit/launch", true, true}, {"audit/refusal", false, true},
		{"audit/renewal", true, false}, {"audit/chain", true, true}};
	static struct audit_report report;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_ok(audit_run(seed(cases[i].name), NULL, &report, &err), err);
		for (size_t k = 0; k < report.step_count; k++)
			if (report.steps[k].result == AUDIT_FAILED)
				fail_msg("%s: %s: %s", cases[i].name, report.steps[k].what,
					report.steps[k].detail);
		assert_true(report.consistent);
		assert_int_equal(report.record.trusted, cases[i].trusted);
		if (report.grounded != cases[i].grounded)
			fail_msg("%s: grounded %d", cases[i].name, report.grounded);
		audit_report_release(&report);
	}
}

static void reappraisals__of_the_corpus__both_verdicts_are_reached(void **state)
{
	static const struct {
		const char *name;
		enum purpose purpose;
	} cases[] = {{"reappraise/launch", PURPOSE_LAUNCH}, {"reappraise/renewal", PURPOSE_RENEW}};
	static struct reappraisal again;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct policy *policy = NULL;
		assert_ok(policy_parse(BYTES_LIT(REAPPRAISE_POLICY), "policy.yaml", &policy, &err),
			err);
		assert_ok(audit_reappraise(seed(cases[i].name), policy, &again, &err), err);
		assert_int_equal(again.purpose, cases[i].purpose);
		assert_true(again.before.trusted);
		assert_true(again.decided);
		assert_false(again.after.trusted);
		policy_free(&policy);
	}
}

/* Each link has a context, and that has a state. */
static void links__of_the_corpus__read_with_what_they_rest_on(void **state)
{
	struct audit_links links = {0};
	struct policy_state found;
	uint8_t policy[SHA256_LEN];
	size_t contexts = 0;
	(void)state;
	assert_ok(audit_links_decode(seed("audit_links/empty"), &links, &err), err);
	audit_links_release(&links);
	assert_ok(audit_links_decode(seed("audit_links/two"), &links, &err), err);
	assert_int_equal(links.count, 2);
	for (size_t i = 0; i < links.object_count; i++)
		contexts += policy_context_state(links.objects[i], &found, policy, NULL);
	audit_links_release(&links);
	assert_int_equal(contexts, 2);
}

static void records__of_the_corpus__read(void **state)
{
	static struct record record;
	struct leaf leaf;
	struct tree_edge edge;
	(void)state;
	assert_ok(record_decode(seed("record/launch"), &record, &err), err);
	assert_true(record.trusted && record.purpose == PURPOSE_LAUNCH);
	assert_ok(record_decode(seed("record/refusal"), &record, &err), err);
	assert_false(record.trusted);
	assert_ok(record_decode(seed("record/renewal"), &record, &err), err);
	assert_true(record.trusted && record.purpose == PURPOSE_RENEW);
	assert_ok(leaf_decode(seed("record/leaf"), &leaf, &err), err);
	assert_ok(tree_edge_decode(seed("record/edge"), &edge, &err), err);
	assert_true(edge.count > 1);
}

#define T(name) cmocka_unit_test_teardown(name, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(audits__of_the_corpus__hold_to_their_end),
		T(reappraisals__of_the_corpus__both_verdicts_are_reached),
		T(links__of_the_corpus__read_with_what_they_rest_on),
		T(records__of_the_corpus__read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
