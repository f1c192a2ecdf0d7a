/* SPDX-License-Identifier: Apache-2.0 */
/* Another version in a policy's text, and nothing else changed (cli/policy_stored.c). */
#include "cli/policy_stored.h"

#include "tests/unit/policy/scene.h"

static struct scene_keys keys;
static struct buf text, out;
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

static int setup(void **state)
{
	(void)state;
	err = (struct err){0};
	scene_policy_text(&keys, SCENE_CLASS_LINES, "# version: 3\n", &text);
	return buf_str(&text) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&text);
	buf_release(&out);
	return 0;
}

static void version__of_a_policy__replaced_alone(void **state)
{
	struct policy *policy = NULL;

	(void)state;
	assert_ok(policy_version_set(buf_bytes(&text), 123456789012, &out, &err), err);
	assert_ok(policy_parse(buf_bytes(&out), "policy.yaml", &policy, &err), err);
	assert_int_equal(policy->version, 123456789012);
	assert_int_equal(out.len, text.len + strlen("123456789012") - strlen("7"));
	const char *before = strstr(buf_str(&text), "version: 7\n") + strlen("version: 7");
	const char *after =
		strstr(buf_str(&out), "version: 123456789012\n") + strlen("version: 123456789012");
	assert_string_equal(after, before);
	policy_free(&policy);
}

static void version__not_on_a_line_of_its_own__refused(void **state)
{
	(void)state;
	assert_fails(policy_version_set(BYTES_LIT("{policy: 1, version: 7}\n"), 8, &out, &err), err,
		ERR_CONFIG,
		"version: not on a line of its own: write the new version there by hand");
	buf_put_str(&text, "version: 8\n");
	assert_fails(policy_version_set(buf_bytes(&text), 9, &out, &err), err, ERR_CONFIG,
		"version: not on a line of its own: write the new version there by hand");
}

static void version__what_is_then_no_policy__refused(void **state)
{
	(void)state;
	assert_false(policy_version_set(BYTES_LIT("policy: 1\nversion: 7\n"), 8, &out, &err));
	assert_int_equal(err.code, ERR_CONFIG);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(version__of_a_policy__replaced_alone),
		T(version__not_on_a_line_of_its_own__refused),
		T(version__what_is_then_no_policy__refused),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
