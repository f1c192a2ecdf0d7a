/* SPDX-License-Identifier: Apache-2.0 */
/* What a risk class lends: read, everything refused with its place, in words, and what changed. */
#include "policy/policy_file.h"
#include "policy/words.h"

#include "elevation_scene.h"

static struct scene_keys keys;
static struct buf text;
static struct policy *policy, *other;
static struct err err;

#define LENDS SCENE_CLASS_LINES "    elevations:\n"

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

static int teardown(void **state)
{
	(void)state;
	buf_release(&text);
	policy_free(&policy);
	policy_free(&other);
	return 0;
}

static bool parse(const char *class_lines, struct policy **ret)
{
	policy_free(ret);
	buf_clear(&text);
	err = (struct err){0};
	scene_policy_text(&keys, class_lines, "", &text);
	return policy_parse(buf_bytes(&text), "policy.yaml", ret, &err);
}

static void elevations__least__defaults(void **state)
{
	const struct policy_elevation *e;

	(void)state;
	assert_ok(parse(LENDS LENT_RULE, &policy), err);
	assert_int_equal(policy->classes[0].elevation_count, 1);
	e = policy_elevation_find(&policy->classes[0], BYTES_LIT("delete"));
	assert_non_null(e);
	assert_string_equal(e->entitlement, "tickets.delete");
	assert_int_equal(e->duration_max, 1800);
	assert_int_equal(e->unapproved_for, 3600);
	assert_int_equal(e->cool_down, 0);
	assert_int_equal(e->at_once, 1);
	assert_false(e->by_instance);
	assert_int_equal(e->approval_count, 1);
	assert_int_equal(e->approvals[0].count, 2);
	assert_null(policy_elevation_find(&policy->classes[0], BYTES_LIT("delet")));
	assert_true(
		policy_elevation_reserves(&policy->classes[0], BYTES_LIT("tickets.bank.example")));
	assert_false(policy_elevation_reserves(&policy->classes[0], BYTES_LIT("tickets.bank")));
}

/* The class's clause is what it was: approvals of releases stand. The right's own clause moves with
 * everything of it. */
static void clause__of_class_and_right__apart(void **state)
{
	static const char *const changed[] = {"        cool_down: 5m\n", "        at_once: 3\n",
		"        by_instance: true\n", "        unapproved_for: 5m\n"};

	(void)state;
	assert_ok(parse(SCENE_CLASS_LINES, &other), err);
	assert_ok(parse(LENDS LENT_RULE, &policy), err);
	assert_memory_equal(policy->classes[0].clause, other->classes[0].clause, SHA256_LEN);
	for (size_t i = 0; i < ARRAY_LEN(changed); i++) {
		char lines[1024];

		(void)snprintf(lines, sizeof(lines), "%s%s", LENDS LENT_RULE, changed[i]);
		assert_ok(parse(lines, &other), err);
		assert_memory_not_equal(policy->classes[0].elevations[0].clause,
			other->classes[0].elevations[0].clause, SHA256_LEN);
	}
}

static void elevations__bad__refused_with_its_place(void **state)
{
#define ONE  "      - name: x\n        duration_max: 5m\n"
#define RULE "        approvals: [ {role: security, count: 1} ]\n"
	static const struct {
		const char *lines, *why;
	} cases[] = {
		{ONE RULE, "policy.yaml: risk_classes: low: elevations: x: lends nothing: give it "
			   "an entitlement or audiences"},
		{ONE RULE "        entitlement: a b\n",
			"elevations: x: entitlement: a b: expected 1 to 128 of letters"},
		{ONE RULE "        entitlement: \"\"\n", "STRING length < 1"},
		{ONE RULE "        audiences: [a, a]\n", "audiences: a: given twice"},
		{ONE RULE "        audiences: [a, b, c, d, e]\n", "policy.yaml: "},
		{ONE RULE "        entitlement: a\n        at_once: 0\n",
			"at_once: must be 1 to 1000"},
		{ONE RULE "        entitlement: a\n        at_once: 1001\n",
			"at_once: must be 1 to 1000"},
		{ONE RULE "        entitlement: a\n        cool_down: 0s\n",
			"cool_down: must be 1 s or more"},
		{ONE RULE "        entitlement: a\n        unapproved_for: 8d\n", "unapproved_for"},
		{ONE RULE "        entitlement: a\n        forever: true\n", "forever"},
		{ONE "        entitlement: a\n", "approvals"},
		{ONE "        entitlement: a\n        approvals: []\n", "Insufficient entries"},
		{ONE "        entitlement: a\n        approvals: [ {role: owner, count: 1} ]\n",
			"approvals: role owner: no approver has it"},
		{ONE "        entitlement: a\n        approvals: [ {role: security, count: 3} ]\n",
			"approvals: role security: 3 demanded, but only 2 approvers have it"},
		{ONE "        entitlement: a\n        approvals: [ {role: security, count: 0} ]\n",
			"approvals: role security: count must be 1 or more"},
		{"      - name: x\n        entitlement: a\n" RULE, "duration_max"},
		{"      - name: x\n        entitlement: a\n        duration_max: 9s\n" RULE,
			"duration_max: must be 10 s or more"},
		{"      - name: x\n        entitlement: a\n        duration_max: 8d\n" RULE,
			"duration_max"},
		{"      - name: \"*\"\n        entitlement: a\n        duration_max: 1h\n" RULE,
			"elevations: *: not a name"},
		{ONE RULE "        entitlement: a\n" ONE RULE "        entitlement: b\n",
			"elevations: x: given twice"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char lines[1024];

		(void)snprintf(lines, sizeof(lines), "%s%s", LENDS, cases[i].lines);
		if (parse(lines, &policy))
			fail_msg("taken: %s", cases[i].lines);
		assert_int_equal(strncmp(err.text, "policy.yaml:", 12), 0);
		/* A line; libcyaml's own words may come without. */
		if (strstr(err.text, "risk_classes: low"))
			assert_true(err.text[12] >= '1' && err.text[12] <= '9');
		scene_unplace(&err);
		if (!strstr(err.text, cases[i].why))
			fail_msg("%s: wanted %s", err.text, cases[i].why);
	}
}

static void words__lent__said(void **state)
{
	json_t *lines = NULL;
	struct buf all = {0};

	(void)state;
	assert_ok(parse(LENDS LENT_RULE "        cool_down: 5m\n        by_instance: true\n",
			  &policy),
		err);
	assert_ok(policy_class_explain(policy, &policy->classes[0], &lines, &err), err);
	assert_ok(json_write(lines, false, &all, &err), err);
	buf_put(&all, bytes_of("", 1));
	assert_non_null(strstr((char *)all.data,
		"elevation delete: lends tickets.delete, tokens for tickets.bank.example for at "
		"most 30m, approved by 2 security"));
	assert_non_null(strstr((char *)all.data,
		"elevation delete: asked for by operators and by instances; at most 1 at once; "
		"cool-down 5m"));
	json_decref(lines);
	buf_release(&all);
}

static void diff__lent_more_or_less__told(void **state)
{
	static const struct {
		const char *before, *after, *told;
	} cases[] = {
		{SCENE_CLASS_LINES, LENDS LENT_RULE, "elevation delete: added"},
		{LENDS LENT_RULE, SCENE_CLASS_LINES, "elevation delete: no longer lent"},
		{LENDS LENT_RULE, LENDS LENT_RULE "        at_once: 2\n",
			"elevation delete: other terms"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		json_t *changes = NULL;
		struct buf all = {0};

		assert_ok(parse(cases[i].before, &other), err);
		assert_ok(parse(cases[i].after, &policy), err);
		assert_ok(policy_diff(other, policy, &changes, &err), err);
		assert_ok(json_write(changes, false, &all, &err), err);
		buf_put(&all, bytes_of("", 1));
		if (!strstr((char *)all.data, cases[i].told))
			fail_msg("no %s in %s", cases[i].told, (char *)all.data);
		json_decref(changes);
		buf_release(&all);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		T(elevations__least__defaults),
		T(clause__of_class_and_right__apart),
		T(elevations__bad__refused_with_its_place),
		T(words__lent__said),
		T(diff__lent_more_or_less__told),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
