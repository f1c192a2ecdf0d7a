/* SPDX-License-Identifier: Apache-2.0 */
/* Audit files from which objects were withheld: what rests on them is never proven, and never silently so. */
#include "ledger/audit_case.h"

#include "audit_world.h"

#include <stdlib.h>

static struct scene_keys keys;
static struct scene *s;
static struct audit_world *w;
static struct audit_anchors anchors;
static uint8_t list[WORLD_INPUTS + 1][SHA256_LEN];
static size_t listed;

static int setup(void **state)
{
	(void)state;
	scene_keys_make(&keys);
	s = scene_new(&keys);
	w = calloc(1, sizeof(*w));
	assert_non_null(w);
	assert_ok(key_generate(KEY_EC_P256, &w->verifier, &w->err), w->err);
	anchors = (struct audit_anchors){.keys = &w->verifier, .key_count = 1};
	scene_run(s);
	assert_trusted(s);
	world_bundle(w, world_keep(w, s));
	listed = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	audit_world_clear(w);
	key_unref(&w->verifier);
	free(w);
	scene_free(s);
	scene_keys_free(&keys);
	return 0;
}

static int order(const void *a, const void *b)
{
	return memcmp(a, b, SHA256_LEN);
}

static void list_digest(const uint8_t digest[SHA256_LEN])
{
	memcpy(list[listed++], digest, SHA256_LEN);
	qsort(list, listed, SHA256_LEN, order);
	w->b.withheld = bytes_of(list, listed * SHA256_LEN);
}

/* Takes the input out of the bundle; says: whether the bundle says so. */
static const uint8_t *take_out(const char *name, bool says)
{
	const struct record *r = &w->records[0].record;
	size_t kept = 0;
	const uint8_t *digest = NULL;

	for (size_t i = 0; i < r->input_count; i++)
		if (strcmp(r->inputs[i].name, name) == 0)
			digest = r->inputs[i].digest;
	if (!digest) {
		fail_msg("no input %s", name);
		return NULL;
	}
	for (size_t i = 0; i < w->b.object_count; i++) {
		uint8_t own[SHA256_LEN];

		assert_ok(sha256_of(w->b.objects[i], own, &w->err), w->err);
		if (memcmp(own, digest, SHA256_LEN) != 0)
			w->b.objects[kept++] = w->b.objects[i];
	}
	assert_true(kept < w->b.object_count);
	w->b.object_count = kept;
	if (says)
		list_digest(digest);
	return digest;
}

static const char *detail(const char *what, enum audit_step_result result)
{
	const struct audit_step *step = world_leaf(w, what, result, false);

	if (!step) {
		world_print(w);
		fail_msg("no such leaf: %s", what);
	}
	return step->detail;
}

static void assert_withheld(const char *what)
{
	assert_memory_equal(detail(what, AUDIT_NOT_CHECKED), "withheld: ", 10);
	assert_null(world_leaf(w, what, AUDIT_PROVED, false));
}

static void assert_unanswered(void)
{
	world_audit(w, &anchors);
	if (!audit_report_withheld(&w->report))
		world_print(w);
	assert_true(audit_report_withheld(&w->report));
	assert_false(w->report.consistent);
	assert_false(w->report.reproducible);
	assert_false(w->report.grounded);
	assert_withheld("withheld objects");
	/* What needs no object stands as ever. */
	assert_non_null(detail("record signature", AUDIT_PROVED));
	assert_non_null(detail("inclusion in the ledger", AUDIT_PROVED));
	assert_non_null(detail("leaf commitment", AUDIT_PROVED));
}

static void audit__nothing_withheld__as_ever(void **state)
{
	(void)state;
	world_audit(w, &anchors);
	assert_true(w->report.consistent);
	assert_int_equal(w->report.withheld, 0);
	assert_false(audit_report_withheld(&w->report));
	assert_null(world_leaf(w, "withheld objects", AUDIT_NOT_CHECKED, false));
}

/* Any one of them: no answer, and the input is named. */
static void T10__any_input_withheld__no_answer(void **state)
{
	const struct record *r = &w->records[0].record;

	(void)state;
	for (size_t i = 0; i < r->input_count; i++) {
		char what[40];

		world_bundle(w, 0);
		listed = 0;
		take_out(r->inputs[i].name, true);
		assert_unanswered();
		assert_int_equal(w->report.withheld, 1);
		snprintf(what, sizeof(what), "input %s", r->inputs[i].name);
		assert_withheld(what);
		/* What came out does not rest on the state that was kept of it. */
		assert_int_equal(world_leaf(w, "verdict", AUDIT_PROVED, false) != NULL,
			strcmp(r->inputs[i].name, "state-out") == 0);
	}
}

/* The same without a word about it is a failure. */
static void T10__input_missing_without_being_said__fails(void **state)
{
	(void)state;
	take_out("approval-0", false);
	world_audit(w, &anchors);
	assert_false(audit_report_withheld(&w->report));
	assert_string_equal(detail("input approval-0", AUDIT_FAILED),
		"not reproducible: the record names it, the bundle lacks it");
	/* Nor does it help that another one is withheld. */
	take_out("verdict", true);
	world_audit(w, &anchors);
	assert_false(audit_report_withheld(&w->report));
	assert_false(w->report.consistent);
}

static void withheld__release_and_approvals__evidence_stays_proven(void **state)
{
	static const char *const open[] = {"release signature", "approvals", "statements",
		"components", "assurance", "verdict"};
	static const char *const proven[] = {
		"AK attributes", "quote", "nonce", "runtime log", "policy"};

	(void)state;
	take_out("release", true);
	take_out("approval-0", true);
	assert_unanswered();
	assert_int_equal(w->report.withheld, 2);
	for (size_t i = 0; i < ARRAY_LEN(open); i++)
		assert_withheld(open[i]);
	for (size_t i = 0; i < ARRAY_LEN(proven); i++)
		assert_non_null(detail(proven[i], AUDIT_PROVED));
	assert_int_equal(w->report.verdict.len, 0);
}

static void withheld__evidence__nothing_of_it_is_judged(void **state)
{
	static const char *const open[] = {
		"AK attributes", "quote", "nonce", "runtime log", "release signature", "approvals"};

	(void)state;
	take_out("evidence", true);
	assert_unanswered();
	for (size_t i = 0; i < ARRAY_LEN(open); i++) {
		assert_non_null(detail(open[i], AUDIT_NOT_CHECKED));
		assert_null(world_leaf(w, open[i], AUDIT_PROVED, false));
	}
	assert_non_null(detail("policy", AUDIT_PROVED));
	assert_string_equal(detail("record and its inputs", AUDIT_PROVED),
		"time, verifier, host, instance and purpose agree");
	assert_int_equal(w->report.verdict.len, 0);
}

static void withheld__policy_or_context__nothing_is_judged(void **state)
{
	(void)state;
	take_out("policy", true);
	assert_unanswered();
	assert_string_equal(detail("context", AUDIT_NOT_CHECKED),
		"withheld: nothing can be judged without its policy");
	world_bundle(w, 0);
	listed = 0;
	take_out("context", true);
	assert_unanswered();
	assert_string_equal(
		detail("context", AUDIT_NOT_CHECKED), "withheld: nothing can be judged without it");
}

/* Then everything is reached again, and only the comparison is missing. */
static void withheld__recorded_verdict__reached_again_and_not_compared(void **state)
{
	(void)state;
	take_out("verdict", true);
	assert_unanswered();
	assert_withheld("verdict");
	assert_non_null(detail("release signature", AUDIT_PROVED));
	assert_true(w->report.verdict.len > 0);
	assert_non_null(detail("state established", AUDIT_PROVED));
}

/* A file that lies about what is recorded does not become one that withholds. */
static void T1__forged_beside_withheld__fails(void **state)
{
	(void)state;
	w->records[0].record.assurance = ASSURANCE_MEASURED;
	world_seal(w, 0);
	world_bundle(w, 0);
	take_out("state-out", true);
	world_audit(w, &anchors);
	assert_false(audit_report_withheld(&w->report));
	assert_non_null(detail("verdict", AUDIT_FAILED));
}

static void withheld__there_all_the_same_or_named_by_nothing__fails(void **state)
{
	const uint8_t stray[SHA256_LEN] = {1};
	uint8_t digest[SHA256_LEN];

	(void)state;
	assert_ok(sha256_of(w->b.objects[0], digest, &w->err), w->err);
	list_digest(digest);
	world_audit(w, &anchors);
	assert_false(audit_report_withheld(&w->report));
	assert_non_null(strstr(
		detail("withheld objects", AUDIT_FAILED), "is said to be withheld, and is here"));
	world_bundle(w, 0);
	listed = 0;
	list_digest(stray);
	world_audit(w, &anchors);
	assert_false(audit_report_withheld(&w->report));
	assert_non_null(strstr(detail("withheld objects", AUDIT_FAILED), "nothing names it"));
}

static void T1__bit_of_a_withheld_digest_flipped__fails(void **state)
{
	(void)state;
	take_out("approval-0", true);
	for (size_t i = 0; i < SHA256_LEN * 8; i++) {
		list[0][i / 8] ^= (uint8_t)(1u << i % 8);
		world_audit(w, &anchors);
		assert_false(audit_report_withheld(&w->report));
		list[0][i / 8] ^= (uint8_t)(1u << i % 8);
	}
}

static void report__withheld__said_in_each_form(void **state)
{
	struct buf text = {0}, json = {0}, html = {0};

	(void)state;
	take_out("evidence", true);
	world_audit(w, &anchors);
	assert_ok(audit_report_text(&w->report, false, &text, &w->err), w->err);
	assert_memory_equal(buf_str(&text), "WITHHELD IN PART: ", 18);
	assert_ok(audit_report_json(&w->report, &json, &w->err), w->err);
	assert_non_null(strstr(buf_str(&json), "\"withheld\":1"));
	assert_non_null(strstr(buf_str(&json), "\"consistent\":false"));
	assert_ok(audit_report_html(&w->report, &html, &w->err), w->err);
	assert_non_null(strstr(buf_str(&html), "WITHHELD IN PART"));
	buf_release(&text);
	buf_release(&json);
	buf_release(&html);
}

static void bundle__withheld_list__has_one_form(void **state)
{
	struct audit_bundle *read = calloc(1, sizeof(*read));
	struct buf out = {0};

	(void)state;
	take_out("evidence", true);
	take_out("release", true);
	assert_ok(audit_bundle_encode(&w->b, &out, &w->err), w->err);
	assert_ok(audit_bundle_decode(buf_bytes(&out), read, &w->err), w->err);
	assert_true(bytes_equal(read->withheld, w->b.withheld));
	w->b.chain = BYTES_LIT("x");
	assert_false(audit_bundle_encode(&w->b, &out, &w->err));
	assert_non_null(strstr(w->err.text, "a file that withholds brings no chain"));
	w->b.chain = (struct bytes){0};
	memcpy(list[1], list[0], SHA256_LEN);
	assert_false(audit_bundle_encode(&w->b, &out, &w->err));
	assert_non_null(strstr(w->err.text, "withheld: not in ascending order"));
	w->b.withheld.len = 33;
	assert_false(audit_bundle_encode(&w->b, &out, &w->err));
	assert_non_null(strstr(w->err.text, "withheld: not whole digests"));
	buf_release(&out);
	free(read);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(audit__nothing_withheld__as_ever),
		TEST(T10__any_input_withheld__no_answer),
		TEST(T10__input_missing_without_being_said__fails),
		TEST(withheld__release_and_approvals__evidence_stays_proven),
		TEST(withheld__evidence__nothing_of_it_is_judged),
		TEST(withheld__policy_or_context__nothing_is_judged),
		TEST(withheld__recorded_verdict__reached_again_and_not_compared),
		TEST(T1__forged_beside_withheld__fails),
		TEST(withheld__there_all_the_same_or_named_by_nothing__fails),
		TEST(T1__bit_of_a_withheld_digest_flipped__fails),
		TEST(report__withheld__said_in_each_form),
		TEST(bundle__withheld_list__has_one_form),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
