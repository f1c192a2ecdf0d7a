/* SPDX-License-Identifier: Apache-2.0 */
/* The checklist that the judgement of a release leaves, and the gate's answer. */
#include "statement_scene.h"

/* ---- the checklist of approvals ---- */

static void checklist__approvals__end_when_too_few_persons_are_left(void **state)
{
	(void)state;
	s->class_lines = "    approvals: [ {role: security, count: 1} ]\n"
			 "    credential_lifetime: 10m\n    approval_age_max: 1d\n";
	scene_policy(s);
	scene_approval_set(s, 0, "alice", "security", keys.alice);
	scene_approval_set(s, 1, "bob", "security", keys.bob);
	s->approvals[0].approval.expires = SCENE_NOW + 500;
	scene_approve(s);
	judge_at(SCENE_NOW);
	assert_true(list.met);
	assert_string_equal(list.items[2].demand, "approval by 1 as security");
	assert_string_equal(list.items[2].by, "alice, bob");
	assert_int_equal(list.items[2].expires, SCENE_NOW + 1000);
	s->class_lines = "    approvals: [ {role: security, count: 2} ]\n"
			 "    credential_lifetime: 10m\n    approval_age_max: 1100s\n";
	scene_policy(s);
	for (size_t i = 0; i < 2; i++)
		memcpy(s->approvals[i].approval.clause, s->policy->classes[0].clause, SHA256_LEN);
	s->approvals[0].approval.expires = SCENE_NOW + 5000;
	scene_approve(s);
	judge_at(SCENE_NOW);
	assert_int_equal(list.items[2].expires, SCENE_NOW + 101);
	s->approvals[1].approval.expires = SCENE_NOW + 50;
	scene_approve(s);
	judge_at(SCENE_NOW);
	assert_int_equal(list.items[2].expires, SCENE_NOW + 50);
}

static void checklist__approval_that_does_not_count__puts_off_no_end(void **state)
{
	(void)state;
	s->class_lines = "    approvals: [ {role: security, count: 1} ]\n"
			 "    credential_lifetime: 10m\n";
	scene_policy(s);
	scene_approval_set(s, 0, "alice", "security", keys.alice);
	scene_approval_set(s, 1, "bob", "security", keys.bob);
	s->approvals[1].approval.expires = SCENE_NOW + 9000;
	s->approvals[1].approval.environment = (char *)(uintptr_t) "test";
	scene_approve(s);
	judge_at(SCENE_NOW);
	assert_string_equal(list.items[2].by, "alice");
	assert_int_equal(list.items[2].expires, SCENE_NOW + 1000);
}

static void checklist__approval_lacking__not_met(void **state)
{
	(void)state;
	s->context.approval_count = 0;
	judge_at(SCENE_NOW);
	assert_false(list.met);
	assert_int_equal(list.count, 4);
	assert_true(list.items[0].met);
	assert_string_equal(list.items[0].by, "builder-1");
	assert_string_equal(list.items[3].by, "none");
	assert_int_equal(list.items[3].expires, 0);
}

static void checklist__not_signed_or_class_unknown__not_met(void **state)
{
	struct scene_keys others = keys;

	(void)state;
	others.builder = keys.other;
	s->keys = &others;
	s->release.risk_class = (char *)(uintptr_t) "higher";
	scene_release(s);
	s->keys = &keys;
	judge_at(SCENE_NOW);
	assert_int_equal(list.count, 2);
	assert_false(list.items[0].met);
	assert_false(list.items[1].met);
	assert_string_equal(list.items[1].demand, "risk class higher");
}

static void checklist__release_that_does_not_parse__empty_and_not_met(void **state)
{
	(void)state;
	s->context.release = BYTES_LIT("{}");
	judge_at(SCENE_NOW);
	assert_int_equal(list.count, 0);
	assert_false(list.met);
}

static void gate__answer__says_what_was_judged(void **state)
{
	json_t *answer = NULL;
	const json_t *items;

	(void)state;
	say_built(BINARY, "b", SCENE_NOW - 100, keys.other);
	demand("      - {kind: provenance, name: build, max_age: 1h}\n");
	assert_ok(gate_json(release, "prod", &list, s->verdict, &answer, &s->err), s->err);
	assert_string_equal(json_string_value(json_object_get(answer, "name")), "ocr");
	assert_string_equal(json_string_value(json_object_get(answer, "environment")), "prod");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(answer, "verdict"), "outcome")),
		"trusted");
	items = json_object_get(json_object_get(answer, "checklist"), "items");
	assert_int_equal(json_array_size(items), 3);
	assert_string_equal(json_string_value(json_object_get(json_array_get(items, 2), "expires")),
		"2027-01-15T08:58:21Z");
	assert_true(json_is_null(json_object_get(json_array_get(items, 0), "expires")));
	json_decref(answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(checklist__approvals__end_when_too_few_persons_are_left),
		T(checklist__approval_that_does_not_count__puts_off_no_end),
		T(checklist__approval_lacking__not_met),
		T(checklist__not_signed_or_class_unknown__not_met),
		T(checklist__release_that_does_not_parse__empty_and_not_met),
		T(gate__answer__says_what_was_judged),
#undef T
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
