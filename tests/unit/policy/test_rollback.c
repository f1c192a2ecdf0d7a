/* SPDX-License-Identifier: Apache-2.0 */
/* Rollback approvals: statements of their own, counted by the class's rules, for one release, one
 * environment, one move of one workload's floor. */
#include "policy/policy.h"

#include "scene.h"

#define TEXT(...) ((char *)(uintptr_t)(__VA_ARGS__))

static struct scene_keys keys;
static struct scene *s;
static struct buf statement;
static struct approval *read_back;
static struct rollback_terms terms;

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
	terms = (struct rollback_terms){
		.workload = BYTES_LIT("ocr-agent"), .from = BYTES_LIT("1.5.0"), .floor = 3};
	for (size_t i = 0; i < SCENE_APPROVALS; i++) {
		s->approvals[i].approval.workload = TEXT("ocr-agent");
		s->approvals[i].approval.from = TEXT("1.5.0");
		s->approvals[i].approval.floor = 3;
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&statement);
	approval_free(&read_back);
	scene_free(s);
	return 0;
}

/* Signs them as rollback approvals, and judges the rollback. */
static void judge_at(int64_t now)
{
	struct release *release = NULL;
	size_t n = 0;

	for (size_t i = 0; i < SCENE_APPROVALS; i++) {
		struct scene_approval *a = &s->approvals[i];

		buf_clear(&a->envelope);
		if (!a->key)
			continue;
		buf_clear(&statement);
		assert_ok(rollback_approval_statement(&a->approval, &statement, &s->err), s->err);
		assert_ok(dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&statement), a->key, &a->envelope,
				  &s->err),
			s->err);
		s->approval_list[n++] = buf_bytes(&a->envelope);
	}
	const struct release_input input = {.envelope = s->context.release,
		.approvals = s->approval_list,
		.approval_count = n,
		.environment = BYTES_LIT("prod"),
		.rollback = &terms};

	memset(s->verdict, 0, sizeof(*s->verdict));
	assert_ok(release_appraise(&input, s->policy, now, s->verdict, &release, &s->err), s->err);
	release_free(&release);
	verdict_conclude(s->verdict);
}

static void judge(void)
{
	judge_at(SCENE_NOW);
}

static void assert_lacking(enum reason_code why, const char *actual)
{
	assert_refused_among(s, REASON_APPROVAL_MISSING);
	assert_int_equal(s->verdict->reason_count, 2);
	assert_int_equal(s->verdict->reasons[1].code, why);
	assert_string_equal(s->verdict->reasons[1].actual, actual);
	assert_string_equal(s->verdict->reasons[1].expected, "a valid approval of this rollback");
}

static void rollback__approved_as_the_class_demands__trusted_and_named(void **state)
{
	(void)state;
	judge();
	assert_trusted(s);
	assert_string_equal(s->verdict->checked[1], "rollback approval as model-risk: alice");
	assert_string_equal(s->verdict->checked[2], "rollback approval as security: bob");
}

static void rollback__one_role_lacking__refused(void **state)
{
	(void)state;
	s->approvals[1].key = NULL;
	judge();
	assert_refused(s, REASON_APPROVAL_MISSING);
	assert_string_equal(s->verdict->reasons[0].expected, "1 as security");
	assert_string_equal(s->verdict->reasons[0].actual, "none");
}

static void P5__rollback_approved_twice_by_one_person__counts_once(void **state)
{
	(void)state;
	s->class_lines = "    approvals: [ {role: security, count: 2} ]\n"
			 "    credential_lifetime: 10m\n";
	scene_policy(s);
	for (size_t i = 0; i < SCENE_APPROVALS; i++) {
		struct approval *a = &s->approvals[i].approval;

		memcpy(a->clause, s->policy->classes[0].clause, SHA256_LEN);
		a->role = TEXT("security");
	}
	s->approvals[0].approval.person = s->approvals[1].approval.person = TEXT("bob");
	s->approvals[0].key = keys.bob;
	judge();
	assert_refused_among(s, REASON_APPROVAL_MISSING);
	assert_string_equal(s->verdict->reasons[0].actual, "1: bob");
	s->approvals[0].approval.person = TEXT("alice");
	s->approvals[0].key = keys.alice;
	judge();
	assert_trusted(s);
}

static void P7__rollback_approved_by_the_author__refused(void **state)
{
	(void)state;
	s->release.author = TEXT("bob");
	scene_release(s);
	judge();
	assert_lacking(REASON_APPROVAL_AUTHOR, "by the author or a signer of the release");
}

static void P8__rollback_approval_expired_or_early__refused(void **state)
{
	(void)state;
	judge_at(SCENE_NOW + 999);
	assert_trusted(s);
	s->approvals[1].approval.expires = SCENE_NOW;
	judge();
	assert_lacking(REASON_APPROVAL_EXPIRED, "expired");
	s->approvals[1].approval.expires = SCENE_NOW + 1000;
	s->approvals[1].approval.issued = SCENE_NOW + 61;
	judge();
	assert_lacking(REASON_APPROVAL_EXPIRED, "not valid yet: issued in the future");
}

static void P10__rollback_approval_of_something_else__refused(void **state)
{
	struct approval *a = &s->approvals[1].approval;
	const struct approval good = *a;

	(void)state;
	a->release[0] ^= 1;
	judge();
	assert_lacking(REASON_APPROVAL_OTHER, "of another release");
	*a = good;
	a->environment = TEXT("test");
	judge();
	assert_lacking(REASON_APPROVAL_OTHER, "for another environment");
	*a = good;
	a->clause[0] ^= 1;
	judge();
	assert_lacking(REASON_APPROVAL_OTHER, "under other terms of the risk class");
	*a = good;
	a->workload = TEXT("other-agent");
	judge();
	assert_lacking(REASON_APPROVAL_OTHER, "of another workload's rollback");
	*a = good;
	a->from = TEXT("1.6.0");
	judge();
	assert_lacking(REASON_APPROVAL_OTHER, "of a rollback from another version");
	*a = good;
}

/* The floor went up again, perhaps to the very version: what was approved for the move before is
 * gone. */
static void P9__rollback_approval_used_before__refused(void **state)
{
	(void)state;
	terms.floor = 5;
	judge();
	assert_refused_among(s, REASON_APPROVAL_OTHER);
	assert_int_equal(s->verdict->reason_count, 4);
	assert_string_equal(s->verdict->reasons[1].actual, "of a floor that has moved since");
	terms.floor = 3;
	judge();
	assert_trusted(s);
}

static void P2__approval_of_the_release_in_place_of_one_of_the_rollback__refused(void **state)
{
	(void)state;
	struct err err = {0};

	assert_ok(approval_statement(&s->approvals[0].approval, &statement, &err), err);
	assert_false(rollback_approval_parse(buf_bytes(&statement), &read_back, &err));
	assert_string_equal(
		err.text, "rollback approval: statement: predicateType: not the one expected here");
	buf_clear(&statement);
	assert_ok(rollback_approval_statement(&s->approvals[0].approval, &statement, &err), err);
	assert_false(approval_parse(buf_bytes(&statement), &read_back, &err));
	assert_string_equal(
		err.text, "approval: statement: predicateType: not the one expected here");
}

static void rollback__signed_by_another_key__refused(void **state)
{
	(void)state;
	s->approvals[1].key = keys.other;
	judge();
	assert_lacking(REASON_APPROVAL_SIGNATURE, "not signed by a key of this person");
}

static void rollback__class_unknown__refused(void **state)
{
	(void)state;
	s->release.risk_class = TEXT("other");
	scene_release(s);
	judge();
	assert_refused(s, REASON_RISK_CLASS);
}

/* Statements were asked for when the release was judged by itself. */
static void rollback__class_with_statements__asks_for_none(void **state)
{
	(void)state;
	struct buf top = {0};

	buf_put_str(&top, "statement_keys:\n  - name: ci\n    kinds: [test-result]\n    pem: ");
	scene_put_pem(&top, keys.other, 6);
	s->class_lines = SCENE_CLASS_LINES "    statements: [ {kind: test-result, name: tests} ]\n";
	s->top_lines = buf_str(&top);
	scene_policy(s);
	for (size_t i = 0; i < SCENE_APPROVALS; i++)
		memcpy(s->approvals[i].approval.clause, s->policy->classes[0].clause, SHA256_LEN);
	judge();
	buf_release(&top);
	assert_trusted(s);
}

/* ---- the statement ---- */

static void statement__written__read_back_the_same(void **state)
{
	(void)state;
	struct approval *a = &s->approvals[0].approval;
	struct buf again = {0};

	a->change_request = TEXT("CR-18");
	assert_ok(rollback_approval_statement(a, &statement, &s->err), s->err);
	assert_ok(rollback_approval_parse(buf_bytes(&statement), &read_back, &s->err), s->err);
	assert_string_equal(read_back->workload, "ocr-agent");
	assert_string_equal(read_back->from, "1.5.0");
	assert_int_equal(read_back->floor, 3);
	assert_string_equal(read_back->person, "alice");
	assert_string_equal(read_back->change_request, "CR-18");
	assert_memory_equal(read_back->release, a->release, SHA256_LEN);
	assert_false(read_back->withdrawn);
	assert_ok(rollback_approval_statement(read_back, &again, &s->err), s->err);
	assert_bytes(buf_bytes(&again), buf_bytes(&statement));
	buf_release(&again);
}

static void statement__altered__refused(void **state)
{
	static const struct {
		const char *from, *to;
	} cases[] = {
		{"\"floor\":3", "\"floor\":0"},
		{"\"floor\":3", "\"floor\":-3"},
		{"\"floor\":3", "\"floor\":\"3\""},
		{"\"floor\":3", "\"flour\":3"},
		{"\"floor\":3", "\"floor\":3,\"withdrawn\":true"},
		{"\"from\":\"1.5.0\"", "\"from\":\"\""},
		{"\"from\":\"1.5.0\"", "\"form\":\"1.5.0\""},
		{"\"workload\":\"ocr-agent\"", "\"workload\":\"*\""},
		{",\"workload\":\"ocr-agent\"", ""},
		{"\"workload\":\"ocr-agent\"", "\"workload\":\"a\",\"workload\":\"ocr-agent\""},
	};
	struct buf edited = {0};

	(void)state;
	assert_ok(rollback_approval_statement(&s->approvals[0].approval, &statement, &s->err),
		s->err);
	buf_put(&statement, bytes_of("", 1));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *text = (const char *)statement.data;
		const char *at = strstr(text, cases[i].from);

		assert_non_null(at);
		buf_clear(&edited);
		buf_printf(&edited, "%.*s%s%s", (int)(at - text), text, cases[i].to,
			at + strlen(cases[i].from));
		if (rollback_approval_parse(buf_bytes(&edited), &read_back, &s->err))
			fail_msg("accepted with %s", cases[i].to);
		assert_int_equal(s->err.code, ERR_FORMAT);
	}
	buf_release(&edited);
}

static void statement__without_what_a_rollback_says__not_written(void **state)
{
	(void)state;
	s->approvals[0].approval.from = NULL;
	assert_false(rollback_approval_statement(&s->approvals[0].approval, &statement, &s->err));
	s->approvals[0].approval.from = TEXT("1.5.0");
	s->approvals[0].approval.workload = NULL;
	assert_false(rollback_approval_statement(&s->approvals[0].approval, &statement, &s->err));
	assert_int_equal(statement.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(rollback__approved_as_the_class_demands__trusted_and_named),
		T(rollback__one_role_lacking__refused),
		T(P5__rollback_approved_twice_by_one_person__counts_once),
		T(P7__rollback_approved_by_the_author__refused),
		T(P8__rollback_approval_expired_or_early__refused),
		T(P10__rollback_approval_of_something_else__refused),
		T(P9__rollback_approval_used_before__refused),
		T(P2__approval_of_the_release_in_place_of_one_of_the_rollback__refused),
		T(rollback__signed_by_another_key__refused),
		T(rollback__class_unknown__refused),
		T(rollback__class_with_statements__asks_for_none),
		T(statement__written__read_back_the_same),
		T(statement__altered__refused),
		T(statement__without_what_a_rollback_says__not_written),
#undef T
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
