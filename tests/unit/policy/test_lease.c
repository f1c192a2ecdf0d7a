/* SPDX-License-Identifier: Apache-2.0 */
/* Leases: what the class says, and whether an instance whose lease ended comes back by a renewal. */
#include "scene.h"

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

static void class_of(const char *lines)
{
	s->class_lines = lines;
	scene_policy(s);
	for (size_t i = 0; i < SCENE_APPROVALS; i++)
		memcpy(s->approvals[i].approval.clause, s->policy->classes[0].clause, SHA256_LEN);
	scene_approve(s);
}

static void renewal__lease_ended__comes_back_within_a_week(void **state)
{
	(void)state;
	scene_renewal(s);
	s->context.lease = SCENE_NOW - LEASE_RETURN_MAX;
	scene_run(s);
	assert_trusted(s);
	s->context.lease--;
	scene_run(s);
	assert_refused(s, REASON_LEASE_ENDED);
	assert_string_equal(s->verdict->reasons[0].expected, "renewed within 7 days after it");
}

static void renewal__class_wants_a_relaunch__refused(void **state)
{
	(void)state;
	class_of(SCENE_CLASS_LINES "    after_lease: relaunch\n");
	scene_renewal(s);
	scene_run(s);
	assert_trusted(s);
	s->context.lease = SCENE_NOW + 1; /* not yet */
	scene_run(s);
	assert_trusted(s);
	s->context.lease = SCENE_NOW;
	scene_run(s);
	assert_refused(s, REASON_LEASE_ENDED);
	assert_string_equal(s->verdict->reasons[0].expected, "renewed before its lease ended");
}

static void launch__lease_of_before__not_asked(void **state)
{
	(void)state;
	class_of(SCENE_CLASS_LINES "    after_lease: relaunch\n");
	s->context.lease = SCENE_NOW - 1;
	scene_run(s);
	assert_trusted(s);
}

static void policy__lease__read_or_refused(void **state)
{
	static const char *const bad[] = {
		"lease: 0s", "lease: soon", "lease: 31d", "lease: 300s", "after_lease: never"};
	struct policy *policy = NULL;
	struct err err = {0};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct buf text = {0};
		char lines[512];
		snprintf(lines, sizeof(lines), "%s    %s\n", SCENE_CLASS_LINES, bad[i]);
		scene_policy_text(&keys, lines, "", &text);
		assert_false(policy_parse(buf_bytes(&text), "policy.yaml", &policy, &err));
		assert_non_null(strstr(err.text, i < 4 ? "lease" : "never"));
		buf_release(&text);
		err = (struct err){0};
	}
	assert_int_equal(s->policy->classes[0].lease, s->policy->classes[0].credential_lifetime);
	assert_int_equal(s->policy->classes[0].after_lease, AFTER_LEASE_RENEW);
	class_of(SCENE_CLASS_LINES "    lease: 301s\n");
	assert_int_equal(s->policy->classes[0].lease, 301);
}

static void clause__lease__in_it_where_the_file_has_it(void **state)
{
	uint8_t seen[4][SHA256_LEN];
	static const char *const lines[] = {SCENE_CLASS_LINES,
		SCENE_CLASS_LINES "    lease: 600s\n", SCENE_CLASS_LINES "    lease: 601s\n",
		SCENE_CLASS_LINES "    after_lease: relaunch\n"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		class_of(lines[i]);
		memcpy(seen[i], s->policy->classes[0].clause, SHA256_LEN);
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(seen[i], seen[k], SHA256_LEN);
	}
	class_of(SCENE_CLASS_LINES "    after_lease: renew\n");
	assert_memory_equal(s->policy->classes[0].clause, seen[0], SHA256_LEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			renewal__lease_ended__comes_back_within_a_week, setup, teardown),
		cmocka_unit_test_setup_teardown(
			renewal__class_wants_a_relaunch__refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			launch__lease_of_before__not_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(policy__lease__read_or_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			clause__lease__in_it_where_the_file_has_it, setup, teardown),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
