/* SPDX-License-Identifier: Apache-2.0 */
/* Version floor and security floor: where a release stands, what the verdict says of it, and the
 * grace of a class. */
#include "policy/floor.h"

#include "scene.h"

#define DRAIN_LINES SCENE_CLASS_LINES "    drain: 1h\n"
#define PASSED      (SCENE_NOW - 600)

static struct scene_keys keys;
static struct scene *s;
static const uint8_t one[SHA256_LEN] = {1}, two[SHA256_LEN] = {2};
/* The same release, where something else follows in memory. */
static const uint8_t two_again[2 * SHA256_LEN] = {2, [SHA256_LEN] = 0xff};

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

/* ---- where a release stands ---- */

static void place__by_version_publication_and_release__table(void **state)
{
	static const struct {
		const char *mark, *floor;
		int64_t mark_published, floor_published;
		enum floor_place place;
		bool same, moves;
	} cases[] = {
		{"1.4.0", "1.4.0", 1, 9, FLOOR_REACHED, true, false},
		{"1.4.0+b", "1.4.0", 1, 9, FLOOR_REACHED, true, false},
		{"1.4", "1.4.0", 1, 9, FLOOR_REACHED, true, false},
		{"1.3.9", "1.4.0", 9, 1, FLOOR_BELOW, false, false},
		{"1.4.0-rc.1", "1.4.0", 9, 1, FLOOR_BELOW, false, false},
		{"1.10.0", "1.9.0", 1, 9, FLOOR_REACHED, false, true},
		{"nightly", "1.9.0", 9, 1, FLOOR_NO_ORDER, false, false},
		{"v2.0.0", "1.9.0", 9, 1, FLOOR_NO_ORDER, false, false},
		{"", "1.9.0", 9, 1, FLOOR_NO_ORDER, false, false},
		{"nightly-7", "nightly-8", 9, 1, FLOOR_REACHED, false, true},
		{"nightly-8", "nightly-8", 5, 5, FLOOR_REACHED, false, true},
		{"nightly-9", "nightly-8", 1, 9, FLOOR_BELOW, false, false},
		{"1.0.0", "nightly-8", 9, 1, FLOOR_REACHED, false, true},
		{"9.0.0", "nightly-8", 1, 9, FLOOR_BELOW, false, false},
		{"nightly-7", "0", 9, 1, FLOOR_NO_ORDER, false, false},
		{"0", "nightly-8", 9, 1, FLOOR_REACHED, false, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct floor_mark mark = {bytes_str(cases[i].mark), one, cases[i].mark_published};
		struct floor_mark floor = {
			bytes_str(cases[i].floor), two, cases[i].floor_published};

		if (floor_place(&mark, &floor) != cases[i].place ||
			floor_same(&mark, &floor) != cases[i].same ||
			floor_moves(&mark, &floor) != cases[i].moves)
			fail_msg("case %zu: %d %d %d", i, floor_place(&mark, &floor),
				floor_same(&mark, &floor), floor_moves(&mark, &floor));
		/* The floor's own release, whatever its version and time. */
		mark.release = two_again;
		assert_int_equal(floor_place(&mark, &floor), FLOOR_REACHED);
		assert_true(floor_same(&mark, &floor));
		assert_false(floor_moves(&mark, &floor));
	}
}

/* ---- the verdict ---- */

static bool says(char (*lines)[REASON_TEXT_MAX], size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (strstr(lines[i], text))
			return true;
	return false;
}

static bool checked(const char *text)
{
	return says(s->verdict->checked, s->verdict->checked_count, text);
}

static bool not_checked(const char *text)
{
	return says(s->verdict->not_checked, s->verdict->not_checked_count, text);
}

/* The scene's release is 1.4.0. */
static void floor_is(const char *version)
{
	s->context.floor = (struct context_floor){.sequence = 3,
		.version = bytes_str(version),
		.published = SCENE_NOW - 5000,
		.judged_published = SCENE_NOW - 9000,
		.passed = PASSED};
	memset(s->context.floor.release, 0x77, SHA256_LEN);
}

static void security_floor_is(const char *minimum)
{
	s->context.security_floor =
		(struct context_security_floor){.sequence = 2, .minimum = bytes_str(minimum)};
}

static void assert_reason(enum reason_code code, const char *expected, const char *actual)
{
	const struct reason *r = s->verdict->reasons;

	assert_refused(s, code);
	assert_string_equal(r->subject, "version of the release");
	assert_string_equal(r->expected, expected);
	assert_string_equal(r->actual, actual);
}

static void launch__at_or_above_the_floor__trusted_and_said(void **state)
{
	(void)state;
	floor_is("1.4.0");
	scene_run(s);
	assert_trusted(s);
	assert_true(checked("version floor: 1.4.0 is not below 1.4.0"));
	floor_is("1.3.99");
	scene_run(s);
	assert_trusted(s);
	floor_is("9");
	s->context.floor.sequence = 0; /* none */
	scene_run(s);
	assert_trusted(s);
	assert_false(checked("version floor"));
}

static void P9__launch_below_the_version_floor__refused(void **state)
{
	(void)state;
	floor_is("1.5.0");
	scene_run(s);
	assert_reason(REASON_VERSION_FLOOR, "1.5.0 or later", "1.4.0");
	assert_string_equal(s->verdict->reasons[0].where, "version floor of the workload");
}

static void launch__floor_without_order__by_publication(void **state)
{
	(void)state;
	floor_is("nightly-8");
	scene_run(s);
	assert_reason(REASON_VERSION_FLOOR,
		"published with nightly-8 or later, at 2027-01-15T06:36:40Z",
		"1.4.0, published at 2027-01-15T05:30:00Z");
	s->context.floor.judged_published = s->context.floor.published;
	scene_run(s);
	assert_trusted(s);
}

static void launch__version_without_order__refused_under_any_floor(void **state)
{
	(void)state;
	s->release.version = (char *)(uintptr_t) "v9.9.9";
	scene_release(s);
	scene_approve(s);
	scene_log_default(s);
	scene_run(s);
	assert_trusted(s);
	floor_is("1.5.0");
	scene_run(s);
	assert_reason(REASON_VERSION_FLOOR, "a version that compares with 1.5.0", "v9.9.9");
	s->context.floor.sequence = 0;
	security_floor_is("0.1");
	scene_run(s);
	assert_reason(REASON_SECURITY_FLOOR, "0.1 or later", "v9.9.9");
	security_floor_is("0");
	scene_run(s);
	assert_reason(REASON_SECURITY_FLOOR, "0 or later", "v9.9.9");
}

/* ---- renewals ---- */

static void class_with_drain(void)
{
	s->class_lines = DRAIN_LINES;
	scene_policy(s);
	for (size_t i = 0; i < SCENE_APPROVALS; i++)
		memcpy(s->approvals[i].approval.clause, s->policy->classes[0].clause, SHA256_LEN);
	scene_approve(s);
}

static void renewal__passed_within_the_drain__trusted_with_warning(void **state)
{
	(void)state;
	class_with_drain();
	scene_renewal(s);
	floor_is("1.5.0");
	scene_run(s);
	assert_trusted(s);
	assert_true(not_checked("version floor: 1.4.0 is below 1.5.0; without a newer release it "
				"is refused from 2027-01-15T08:50:00Z"));
	assert_false(checked("version floor"));
}

static void renewal__drain_is_over__refused(void **state)
{
	(void)state;
	class_with_drain();
	scene_renewal(s);
	floor_is("1.5.0");
	s->context.floor.passed = SCENE_NOW - 3600;
	scene_run(s);
	assert_reason(REASON_VERSION_FLOOR, "1.5.0 or later", "1.4.0");
	s->context.floor.passed = SCENE_NOW - 3599;
	scene_run(s);
	assert_trusted(s);
	s->context.floor.passed = 0; /* below, and nobody says since when: no grace */
	scene_run(s);
	assert_refused(s, REASON_VERSION_FLOOR);
	s->context.floor.passed = POLICY_TIME_MAX;
	scene_run(s);
	assert_trusted(s);
	assert_true(not_checked("from 9999-12-31T23:59:59Z"));
}

static void renewal__class_names_no_drain__the_credentials_lifetime(void **state)
{
	(void)state;
	assert_int_equal(s->policy->classes[0].drain, 600);
	assert_false(s->policy->classes[0].drain_given);
	scene_renewal(s);
	floor_is("1.5.0");
	s->context.floor.passed = SCENE_NOW - 599;
	scene_run(s);
	assert_trusted(s);
	s->context.floor.passed = SCENE_NOW - 600;
	scene_run(s);
	assert_refused(s, REASON_VERSION_FLOOR);
}

/* Below the floor nothing starts by calling itself a renewal. */
static void P9__renewal_by_an_instance_that_was_not_trusted_before__no_grace(void **state)
{
	(void)state;
	scene_renewal(s);
	floor_is("1.5.0");
	s->context.floor.passed = SCENE_NOW - 1;
	scene_run(s);
	assert_trusted(s);
	s->state_in.release[0] ^= 1;
	scene_run(s);
	assert_refused_among(s, REASON_VERSION_FLOOR);
	s->state_in.release[0] ^= 1;
	s->state_in.established = false;
	scene_run(s);
	assert_refused_among(s, REASON_VERSION_FLOOR);
	s->state_in.established = true;
	s->context.challenge.purpose = s->claims.purpose = PURPOSE_LAUNCH;
	scene_run(s);
	assert_refused_among(s, REASON_VERSION_FLOOR);
	s->context.challenge.purpose = s->claims.purpose = PURPOSE_RENEW;
	s->state_in = (struct policy_state){0};
	scene_run(s);
	assert_refused_among(s, REASON_VERSION_FLOOR);
}

static void launch__within_the_drain__refused(void **state)
{
	(void)state;
	floor_is("1.5.0");
	s->context.floor.passed = SCENE_NOW;
	scene_run(s);
	assert_refused(s, REASON_VERSION_FLOOR);
}

/* ---- the security floor ---- */

static void P9__launch_and_renewal_below_the_security_floor__refused_at_once(void **state)
{
	(void)state;
	security_floor_is("1.4.1");
	scene_run(s);
	assert_reason(REASON_SECURITY_FLOOR, "1.4.1 or later", "1.4.0");
	assert_string_equal(s->verdict->reasons[0].where, "security floor 2 of the workload");
	s->context.security_floor.sequence = 0;
	class_with_drain();
	scene_renewal(s);
	security_floor_is("1.4.1");
	scene_run(s);
	assert_reason(REASON_SECURITY_FLOOR, "1.4.1 or later", "1.4.0");
}

static void security_floor__reached_or_lifted__trusted(void **state)
{
	(void)state;
	security_floor_is("1.4.0");
	scene_run(s);
	assert_trusted(s);
	assert_true(checked("security floor: 1.4.0 is not below 1.4.0"));
	security_floor_is("");
	scene_run(s);
	assert_trusted(s);
	assert_false(checked("security floor"));
}

static void security_floor__minimum_without_order__nothing_reaches_it(void **state)
{
	(void)state;
	security_floor_is("v1");
	scene_run(s);
	assert_reason(REASON_SECURITY_FLOOR, "v1 or later", "1.4.0");
}

static void floors__both_passed__both_said(void **state)
{
	(void)state;
	floor_is("1.5.0");
	security_floor_is("1.6.0");
	scene_run(s);
	assert_int_equal(s->verdict->reason_count, 2);
	assert_refused_among(s, REASON_VERSION_FLOOR);
	assert_refused_among(s, REASON_SECURITY_FLOOR);
}

static void floors__release_unknown__its_own_reason_alone(void **state)
{
	(void)state;
	floor_is("1.5.0");
	s->context.release_state = RELEASE_NONE;
	scene_run(s);
	assert_refused(s, REASON_RELEASE_UNKNOWN);
}

static void appraise__class_unknown__no_grace(void **state)
{
	(void)state;
	struct context_floor floor = {
		.sequence = 1, .version = BYTES_LIT("2"), .release = {7}, .passed = SCENE_NOW};

	policy_floor_appraise(NULL, &floor, &s->release, true, SCENE_NOW, s->verdict);
	assert_int_equal(s->verdict->reason_count, 1);
	assert_int_equal(s->verdict->reasons[0].code, REASON_VERSION_FLOOR);
	policy_floor_appraise(NULL, &floor, &s->release, true, 0, s->verdict);
	assert_int_equal(s->verdict->reason_count, 2);
	assert_int_equal(s->verdict->not_checked_count, 0);
}

/* ---- the class's drain ---- */

static void policy__drain__read_or_refused(void **state)
{
	static const char *const bad[] = {"0", "0s", "soon", "-1h", "367d"};
	struct policy *policy = NULL;
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct buf text = {0};
		char lines[512];

		snprintf(lines, sizeof(lines), "%s    drain: %s\n", SCENE_CLASS_LINES, bad[i]);
		scene_policy_text(&keys, lines, "", &text);
		assert_false(policy_parse(buf_bytes(&text), "policy.yaml", &policy, &err));
		assert_non_null(strstr(err.text, "drain"));
		buf_release(&text);
		err = (struct err){0};
	}
	class_with_drain();
	assert_int_equal(s->policy->classes[0].drain, 3600);
	assert_true(s->policy->classes[0].drain_given);
}

/* What hosts do with agents that are trusted no longer: three words, and nothing else. */
static void policy__ends__read_or_refused(void **state)
{
	static const char *const bad[] = {
		"on_lease_end: thaw", "on_refusal: Stop", "on_refusal: 2"};
	uint8_t without[SHA256_LEN];
	struct policy *policy = NULL;
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		OWNED(buf_release) struct buf text = {0};
		char lines[512];

		snprintf(lines, sizeof(lines), "%s    %s\n", SCENE_CLASS_LINES, bad[i]);
		scene_policy_text(&keys, lines, "", &text);
		assert_false(policy_parse(buf_bytes(&text), "policy.yaml", &policy, &err));
		assert_int_equal(err.code, ERR_CONFIG);
		assert_non_null(strstr(err.text, "unknown word"));
		err = (struct err){0};
	}
	assert_int_equal(s->policy->classes[0].on_lease_end, END_CONTINUE);
	assert_int_equal(s->policy->classes[0].on_refusal, END_CONTINUE);
	memcpy(without, s->policy->classes[0].clause, SHA256_LEN);
	s->class_lines = SCENE_CLASS_LINES "    on_lease_end: continue\n";
	scene_policy(s);
	assert_memory_equal(without, s->policy->classes[0].clause, SHA256_LEN);
	s->class_lines = SCENE_CLASS_LINES "    on_lease_end: freeze\n    on_refusal: stop\n";
	scene_policy(s);
	assert_int_equal(s->policy->classes[0].on_lease_end, END_FREEZE);
	assert_int_equal(s->policy->classes[0].on_refusal, END_STOP);
	assert_memory_not_equal(without, s->policy->classes[0].clause, SHA256_LEN);
}

static void clause__drain__in_it_where_the_file_has_it(void **state)
{
	uint8_t without[SHA256_LEN], with[SHA256_LEN];

	(void)state;
	memcpy(without, s->policy->classes[0].clause, SHA256_LEN);
	class_with_drain();
	memcpy(with, s->policy->classes[0].clause, SHA256_LEN);
	assert_memory_not_equal(with, without, SHA256_LEN);
	s->class_lines = SCENE_CLASS_LINES "    drain: 2h\n";
	scene_policy(s);
	assert_memory_not_equal(with, s->policy->classes[0].clause, SHA256_LEN);
	s->class_lines = SCENE_CLASS_LINES;
	scene_policy(s);
	assert_memory_equal(without, s->policy->classes[0].clause, SHA256_LEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(place__by_version_publication_and_release__table),
		T(launch__at_or_above_the_floor__trusted_and_said),
		T(P9__launch_below_the_version_floor__refused),
		T(launch__floor_without_order__by_publication),
		T(launch__version_without_order__refused_under_any_floor),
		T(renewal__passed_within_the_drain__trusted_with_warning),
		T(renewal__drain_is_over__refused),
		T(renewal__class_names_no_drain__the_credentials_lifetime),
		T(P9__renewal_by_an_instance_that_was_not_trusted_before__no_grace),
		T(launch__within_the_drain__refused),
		T(P9__launch_and_renewal_below_the_security_floor__refused_at_once),
		T(security_floor__reached_or_lifted__trusted),
		T(security_floor__minimum_without_order__nothing_reaches_it),
		T(floors__both_passed__both_said),
		T(floors__release_unknown__its_own_reason_alone),
		T(appraise__class_unknown__no_grace),
		T(policy__drain__read_or_refused),
		T(policy__ends__read_or_refused),
		T(clause__drain__in_it_where_the_file_has_it),
#undef T
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
