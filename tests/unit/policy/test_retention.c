/* SPDX-License-Identifier: Apache-2.0 */
/* The policy's section on retention: what it says, what it may not say, and how that reads in words. */
#include "policy/policy_file.h"
#include "policy/words.h"

#include "ledger/ledger.h"
#include "scene.h"

#define DAY INT64_C(86400)

static struct scene_keys keys;
static struct buf text;
static struct policy *policy, *other;
static struct err err;

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
	err = (struct err){0};
	return 0;
}

static bool parse(const char *retention, struct policy **ret)
{
	buf_clear(&text);
	scene_policy_text(&keys, SCENE_CLASS_LINES, retention, &text);
	policy_free(ret);
	return policy_parse(buf_bytes(&text), "policy.yaml", ret, &err);
}

static void take(const char *retention, struct policy **ret)
{
	assert_ok(parse(retention, ret), err);
}

static int64_t of(const char *class, enum retention_kind kind)
{
	return retention_of_decision(&policy->retention, bytes_str(class), kind);
}

static void retention__nothing_said__for_ever(void **state)
{
	(void)state;
	take("", &policy);
	assert_false(policy->retention.said);
	for (unsigned kind = 0; kind < RETENTION_KINDS; kind++)
		assert_int_equal(of("low", kind), RETENTION_FOREVER);
	for (unsigned type = 0; type < 20; type++)
		assert_int_equal(retention_of_entry(&policy->retention, type), RETENTION_FOREVER);
}

static void retention__times_said__those_and_for_ever_the_rest(void **state)
{
	(void)state;
	take("retention:\n  launch: 730d\n  renew: 1d\n"
	     "  entries: [{type: host-state, keep: 30d}, {type: issued, keep: forever}]\n",
		&policy);
	assert_true(policy->retention.said);
	assert_int_equal(of("low", RETENTION_LAUNCH), 730 * DAY);
	assert_int_equal(of("low", RETENTION_RENEW), DAY);
	assert_int_equal(of("low", RETENTION_REFUSED), RETENTION_FOREVER);
	assert_int_equal(retention_of_entry(&policy->retention, LEAF_HOST_STATE), 30 * DAY);
	assert_int_equal(retention_of_entry(&policy->retention, LEAF_ISSUED), RETENTION_FOREVER);
	assert_int_equal(retention_of_entry(&policy->retention, LEAF_APPROVAL), RETENTION_FOREVER);
}

static void retention__class_with_times_of_its_own__these_come_first(void **state)
{
	(void)state;
	take("retention:\n  launch: 10d\n  renew: 2d\n  refused: 3d\n"
	     "  risk_classes: [{name: low, launch: 20d, refused: forever}]\n",
		&policy);
	assert_int_equal(of("low", RETENTION_LAUNCH), 20 * DAY);
	assert_int_equal(of("low", RETENTION_RENEW), 2 * DAY);
	assert_int_equal(of("low", RETENTION_REFUSED), RETENTION_FOREVER);
	assert_int_equal(of("unknown", RETENTION_LAUNCH), 10 * DAY);
	assert_int_equal(of("", RETENTION_REFUSED), 3 * DAY);
}

static void retention__what_it_may_not_say__refused_with_its_place(void **state)
{
	static const struct {
		const char *lines, *why;
	} cases[] = {
		{"retention:\n  launch: 23h\n", "retention: launch: 23h: must be 1d or more"},
		{"retention:\n  launch: 86399\n", "must be 1d or more"},
		{"retention:\n  renew: 0\n", "retention: renew: 0: must be 1d or more"},
		{"retention:\n  refused: soon\n", "retention: refused: duration \"soon\""},
		{"retention:\n  launch: 36501d\n", "retention: launch: duration"},
		{"retention:\n  entries: [{type: host-state, keep: 1h}]\n",
			"retention: entries: host-state: 1h: must be 1d or more"},
		{"retention:\n  entries: [{type: key, keep: 1d}, {type: key, keep: 2d}]\n",
			"retention: entries: key: given twice"},
		{"retention:\n  entries: [{type: retention, keep: 1d}]\n", "retention"},
		{"retention:\n  entries: [{type: decision, keep: 1d}]\n", "decision"},
		{"retention:\n  risk_classes: [{name: high, launch: 2d}]\n",
			"retention: risk_classes: high: the policy has no such risk class"},
		{"retention:\n  risk_classes: [{name: low}, {name: low, launch: 2d}]\n",
			"retention: risk_classes: low: given twice"},
		{"retention:\n  risk_classes: [{name: low, launch: 2h}]\n",
			"retention: risk_classes: low: launch: 2h: must be 1d or more"},
		{"retention:\n  enroll: 2d\n", "unknown key \"enroll\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		err = (struct err){0};
		if (parse(cases[i].lines, &policy))
			fail_msg("accepted: %s", cases[i].lines);
		if (!strstr(err.text, cases[i].why) || strncmp(err.text, "policy.yaml:", 12) != 0 ||
			err.text[12] < '1' || err.text[12] > '9')
			fail_msg("%s\nwanted %s", err.text, cases[i].why);
		assert_int_equal(err.code, ERR_CONFIG);
	}
}

static void retention__longest_and_shortest__accepted(void **state)
{
	(void)state;
	take("retention:\n  launch: 36500d\n  renew: 24h\n", &policy);
	assert_int_equal(of("", RETENTION_LAUNCH), RETENTION_MAX);
	assert_int_equal(of("", RETENTION_RENEW), RETENTION_MIN);
}

static void retention__each_entry_kind__may_be_said(void **state)
{
	(void)state;
	for (size_t i = 0; i < RETENTION_ENTRY_KINDS; i++) {
		char line[96];

		(void)snprintf(line, sizeof(line),
			"retention:\n  entries: [{type: %s, keep: 5d}]\n",
			retention_entries[i].name);
		take(line, &policy);
		assert_int_equal(
			retention_of_entry(&policy->retention, retention_entries[i].leaf_type),
			5 * DAY);
	}
}

static void assert_says(const json_t *lines, const char *wanted)
{
	size_t i;
	json_t *line;

	json_array_foreach(lines, i, line)
	{
		const char *said = json_is_string(line)
					   ? json_string_value(line)
					   : json_string_value(json_object_get(line, "text"));
		if (said && strcmp(said, wanted) == 0)
			return;
	}
	fail_msg("not said: %s", wanted);
}

static void retention__in_words__every_time(void **state)
{
	json_t *summary = NULL;

	(void)state;
	take("retention:\n  launch: 730d\n  renew: 30d\n"
	     "  entries: [{type: host-state, keep: 90d}]\n"
	     "  risk_classes: [{name: low, refused: 36h}]\n",
		&policy);
	assert_ok(policy_summary(policy, &summary, &err), err);
	const json_t *lines = json_object_get(summary, "summary");
	assert_says(lines, "kept of decisions: launches 730d, renewals 30d, refusals for ever");
	assert_says(lines,
		"kept of decisions of risk class low: launches 730d, renewals 30d, refusals 36h");
	assert_says(lines, "kept of host-state entries: 90d");
	json_decref(summary);
	assert_ok(policy_class_explain(policy, &policy->classes[0], &summary, &err), err);
	assert_says(summary, "kept of decisions: launches 730d, renewals 30d, refusals 36h");
	json_decref(summary);
}

static void retention__differences__looser_when_shorter(void **state)
{
	static const struct {
		const char *text, *direction;
	} wanted[] = {
		{"launch: kept 10d, was for ever", "looser"},
		{"renew: kept 40d, was 30d", "tighter"},
		{"host-state entries: kept for ever, was 90d", "tighter"},
		{"refused: kept 2d, was for ever", "looser"},
	};
	json_t *diff = NULL, *change;

	(void)state;
	take("retention:\n  renew: 30d\n  entries: [{type: host-state, keep: 90d}]\n", &policy);
	take("retention:\n  launch: 10d\n  renew: 40d\n  risk_classes: [{name: low, refused: "
	     "2d}]\n",
		&other);
	assert_ok(policy_diff(policy, other, &diff, &err), err);
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		const char *direction = NULL;
		size_t k;

		json_array_foreach(json_object_get(diff, "changes"), k,
			change) if (strcmp(json_string_value(json_object_get(change, "text")),
					    wanted[i].text) == 0) direction =
			json_string_value(json_object_get(change, "direction"));
		if (!direction || strcmp(direction, wanted[i].direction) != 0)
			fail_msg("%s: %s", wanted[i].text, direction ? direction : "not said");
	}
	json_decref(diff);
}

static void retention__longer_of_two__for_ever_is_longest(void **state)
{
	(void)state;
	assert_int_equal(retention_longer(1, 2), 2);
	assert_int_equal(retention_longer(2, 1), 2);
	assert_int_equal(retention_longer(RETENTION_FOREVER, 2), RETENTION_FOREVER);
	assert_int_equal(retention_longer(2, RETENTION_FOREVER), RETENTION_FOREVER);
}

/* Words of the verdict's inputs: how long a thing is kept is no part of a class's clause. */
static void retention__changed__approvals_stay_good(void **state)
{
	(void)state;
	take("", &policy);
	take("retention:\n  launch: 10d\n", &other);
	assert_memory_equal(policy->classes[0].clause, other->classes[0].clause, SHA256_LEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(retention__nothing_said__for_ever, teardown),
		cmocka_unit_test_teardown(
			retention__times_said__those_and_for_ever_the_rest, teardown),
		cmocka_unit_test_teardown(
			retention__class_with_times_of_its_own__these_come_first, teardown),
		cmocka_unit_test_teardown(
			retention__what_it_may_not_say__refused_with_its_place, teardown),
		cmocka_unit_test_teardown(retention__longest_and_shortest__accepted, teardown),
		cmocka_unit_test_teardown(retention__each_entry_kind__may_be_said, teardown),
		cmocka_unit_test_teardown(retention__in_words__every_time, teardown),
		cmocka_unit_test_teardown(retention__differences__looser_when_shorter, teardown),
		cmocka_unit_test_teardown(retention__longer_of_two__for_ever_is_longest, teardown),
		cmocka_unit_test_teardown(retention__changed__approvals_stay_good, teardown),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
