/* SPDX-License-Identifier: Apache-2.0 */
/* Reviews of workloads: when they fall due, what the verdict says then, what the policy may ask. */
#include "policy/policy.h"

#include "scene.h"

#define DAY            INT64_C(86400)
#define REVIEWED_LINES SCENE_CLASS_LINES "    review_every: 90d\n    review_grace: 14d\n"

static struct scene_keys keys;
static struct scene *s;

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
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scene_free(s);
	return 0;
}

static void review__by_class_date_and_time__table(void **state)
{
	static const struct {
		int64_t every, grace, reviewed, next, now;
		enum review_state state;
		int64_t due, refused_from;
	} cases[] = {
		{0, 0, 1000, 0, 5000, REVIEW_NONE, 0, 0},
		{0, 0, 1000, 2000, 1999, REVIEW_AHEAD, 2000, 0},
		{0, 0, 1000, 2000, 2000, REVIEW_DUE, 2000, 0},
		{0, 0, 1000, 2000, 9000000, REVIEW_DUE, 2000, 0},
		{100, 10, 1000, 0, 1099, REVIEW_AHEAD, 1100, 1110},
		{100, 10, 1000, 0, 1100, REVIEW_DUE, 1100, 1110},
		{100, 10, 1000, 0, 1109, REVIEW_DUE, 1100, 1110},
		{100, 10, 1000, 0, 1110, REVIEW_OVERDUE, 1100, 1110},
		{100, 0, 1000, 0, 1099, REVIEW_AHEAD, 1100, 1100},
		{100, 0, 1000, 0, 1100, REVIEW_OVERDUE, 1100, 1100},
		{100, 10, 1000, 1050, 1049, REVIEW_AHEAD, 1050, 1060}, /* earlier than asked */
		{100, 10, 1000, 1050, 1060, REVIEW_OVERDUE, 1050, 1060},
		{100, 10, 1000, 1, 10, REVIEW_DUE, 1, 11}, /* as early as may be */
		{100, 10, 1000, 1100, 1099, REVIEW_AHEAD, 1100, 1110}, /* just as asked */
		{100, 10, 1000, 9999, 1110, REVIEW_OVERDUE, 1100, 1110}, /* later than allowed */
		{100, 10, 0, 0, 5000, REVIEW_OVERDUE, 100, 110}, /* never */
		{100, 10, POLICY_TIME_MAX, 0, 5000, REVIEW_AHEAD, POLICY_TIME_MAX, POLICY_TIME_MAX},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct policy_class class = {
			.review_every = cases[i].every, .review_grace = cases[i].grace};
		struct context_workload w = {
			.reviewed = cases[i].reviewed, .review_next = cases[i].next};
		struct review r = policy_review(&class, &w, cases[i].now);

		if (r.state != cases[i].state || r.due != cases[i].due ||
			r.refused_from != cases[i].refused_from)
			fail_msg("case %zu: %s, due %lld, refused from %lld", i,
				review_state_name(r.state), (long long)r.due,
				(long long)r.refused_from);
	}
}

static void review__class_unknown__only_the_date_counts(void **state)
{
	struct context_workload w = {.reviewed = 1, .review_next = 10};

	(void)state;
	assert_int_equal(policy_review(NULL, &w, 10).state, REVIEW_DUE);
	assert_string_equal(review_state_name(REVIEW_OVERDUE), "overdue");
	assert_string_equal(review_state_name((enum review_state)77), "none");
}

static bool says(char (*lines)[REASON_TEXT_MAX], size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (strstr(lines[i], text))
			return true;
	return false;
}

/* The class asks for reviews, and what was approved was approved under it. */
static void class_with_reviews(void)
{
	s->class_lines = REVIEWED_LINES;
	scene_policy(s);
	for (size_t i = 0; i < SCENE_APPROVALS; i++)
		memcpy(s->approvals[i].approval.clause, s->policy->classes[0].clause, SHA256_LEN);
	scene_approve(s);
}

static void appraise_reviewed(int64_t days_ago)
{
	class_with_reviews();
	s->context.workload.reviewed = SCENE_NOW - days_ago * DAY;
	scene_run(s);
}

static void appraise__review_ahead__trusted_and_said(void **state)
{
	(void)state;
	appraise_reviewed(89);
	assert_trusted(s);
	assert_true(says(s->verdict->checked, s->verdict->checked_count,
		"review of the workload: the next one is due at 2027-01-16T08:00:00Z"));
	assert_false(says(s->verdict->not_checked, s->verdict->not_checked_count, "review"));
}

static void appraise__review_due_within_grace__trusted_with_warning(void **state)
{
	(void)state;
	appraise_reviewed(90);
	assert_trusted(s);
	assert_true(says(s->verdict->not_checked, s->verdict->not_checked_count,
		"review of the workload: due since 2027-01-15T08:00:00Z; without one it is refused "
		"from 2027-01-29T08:00:00Z"));
	assert_false(says(s->verdict->checked, s->verdict->checked_count, "review"));
}

static void appraise__review_overdue__refused(void **state)
{
	(void)state;
	appraise_reviewed(104);
	assert_refused(s, REASON_REVIEW_OVERDUE);
	assert_string_equal(s->verdict->reasons[0].expected, "a review by 2027-01-15T08:00:00Z");
	assert_string_equal(s->verdict->reasons[0].actual, "2026-10-03T08:00:00Z");
	assert_string_equal(s->verdict->reasons[0].where, "register of workloads");
}

static void appraise__date_set_has_passed_long_ago__refused_though_reviewed_lately(void **state)
{
	(void)state;
	s->context.workload.review_next = SCENE_NOW - 14 * DAY;
	appraise_reviewed(30);
	assert_refused(s, REASON_REVIEW_OVERDUE);
}

static void appraise__class_asks_for_none__a_date_passed_only_warns(void **state)
{
	(void)state;
	s->context.workload.reviewed = SCENE_NOW - 900 * DAY;
	s->context.workload.review_next = SCENE_NOW - 800 * DAY;
	scene_run(s);
	assert_trusted(s);
	assert_true(says(s->verdict->not_checked, s->verdict->not_checked_count,
		"review of the workload: due since "));
}

static void renewal__review_overdue_meanwhile__refused(void **state)
{
	(void)state;
	class_with_reviews();
	s->context.workload.reviewed = SCENE_NOW - 10 * DAY;
	scene_renewal(s);
	s->context.workload.reviewed = SCENE_NOW - 200 * DAY;
	scene_run(s);
	assert_refused(s, REASON_REVIEW_OVERDUE);
}

static void policy__review_keys__read_or_refused(void **state)
{
	static const struct {
		const char *lines, *why;
	} bad[] = {
		{"    review_grace: 14d\n", "review_grace: without review_every nothing falls due"},
		{"    review_every: 0\n", "review_every: must be 1 s or more"},
		{"    review_every: soon\n", "review_every"},
		{"    review_every: 90d\n    review_grace: -1\n", "review_grace"},
	};
	struct policy *policy = NULL;
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct buf text = {0};
		char lines[512];

		snprintf(lines, sizeof(lines), "%s%s", SCENE_CLASS_LINES, bad[i].lines);
		scene_policy_text(&keys, lines, "", &text);
		assert_false(policy_parse(buf_bytes(&text), "policy.yaml", &policy, &err));
		assert_non_null(strstr(err.text, bad[i].why));
		buf_release(&text);
		err = (struct err){0};
	}
	s->class_lines = REVIEWED_LINES;
	scene_policy(s);
	assert_int_equal(s->policy->classes[0].review_every, 90 * DAY);
	assert_int_equal(s->policy->classes[0].review_grace, 14 * DAY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(review__by_class_date_and_time__table),
		T(review__class_unknown__only_the_date_counts),
		T(appraise__review_ahead__trusted_and_said),
		T(appraise__review_due_within_grace__trusted_with_warning),
		T(appraise__review_overdue__refused),
		T(appraise__date_set_has_passed_long_ago__refused_though_reviewed_lately),
		T(appraise__class_asks_for_none__a_date_passed_only_warns),
		T(renewal__review_overdue_meanwhile__refused),
		T(policy__review_keys__read_or_refused),
#undef T
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
