/* SPDX-License-Identifier: Apache-2.0 */
/* How a class lets its agents be confined, and what of that the launch record says. */
#include "policy/appraisal.h"
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

static bool says(char (*lines)[REASON_TEXT_MAX], size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (strstr(lines[i], text))
			return true;
	return false;
}

#define CHECKED(text)     says(s->verdict->checked, s->verdict->checked_count, (text))
#define NOT_CHECKED(text) says(s->verdict->not_checked, s->verdict->not_checked_count, (text))

/* The class asks for this too, and what was approved was approved under it. */
static void class_with(const char *lines)
{
	static char text[1024];

	snprintf(text, sizeof(text), "%s%s", SCENE_CLASS_LINES, lines);
	s->class_lines = text;
	scene_policy(s);
	for (size_t i = 0; i < SCENE_APPROVALS; i++)
		memcpy(s->approvals[i].approval.clause, s->policy->classes[0].clause, SHA256_LEN);
	scene_approve(s);
}

/* ---- in a whole appraisal ---- */

#define CONFINED                                                                                   \
	"    sandbox: {user: unprivileged, network: none, no_new_privs: true, capabilities: "      \
	"none, filesystem: read-only}\n"

static void launch_confined(unsigned bits, uint32_t uid, uint32_t gid)
{
	s->launch.sandbox = bits;
	s->launch.uid = uid;
	s->launch.gid = gid;
	scene_log_default(s);
}

static void sandbox__all_that_is_demanded__trusted_and_called_asserted(void **state)
{
	(void)state;
	class_with(CONFINED);
	launch_confined(SANDBOX_ALL, 1000, 1000);
	scene_run(s);
	assert_trusted(s);
	assert_true(CHECKED("sandbox: as the class demands, by the launch record"));
	assert_true(NOT_CHECKED(
		"the sandbox itself: asserted by assay-hostd, which nothing proves here"));
}

static void sandbox__each_part_missing__refused(void **state)
{
	static const struct {
		unsigned bits;
		uint32_t uid, gid;
		const char *subject, *expected, *actual;
	} cases[] = {
		{SANDBOX_ALL, 0, 1000, "sandbox: user", "unprivileged", "user 0, group 1000"},
		{SANDBOX_ALL, 1000, 0, "sandbox: user", "unprivileged", "user 1000, group 0"},
		{SANDBOX_ALL & ~SANDBOX_NO_NETWORK, 1, 1, "sandbox: network", "none", "host"},
		{SANDBOX_ALL & ~SANDBOX_NO_NEW_PRIVS, 1, 1, "sandbox: no_new_privs", "true",
			"false"},
		{SANDBOX_ALL & ~SANDBOX_NO_CAPABILITIES, 1, 1, "sandbox: capabilities", "none",
			"kept"},
		{SANDBOX_ALL & ~SANDBOX_READ_ONLY, 1, 1, "sandbox: filesystem", "read-only",
			"host"},
	};

	(void)state;
	class_with(CONFINED);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		launch_confined(cases[i].bits, cases[i].uid, cases[i].gid);
		scene_run(s);
		assert_refused(s, REASON_SANDBOX);
		assert_string_equal(s->verdict->reasons[0].subject, cases[i].subject);
		assert_string_equal(s->verdict->reasons[0].expected, cases[i].expected);
		assert_string_equal(s->verdict->reasons[0].actual, cases[i].actual);
		assert_string_equal(s->verdict->reasons[0].where, "runtime log record 4");
	}
}

static void sandbox__record_says_nothing__refused(void **state)
{
	(void)state;
	class_with("    sandbox: {no_new_privs: true}\n");
	scene_run(s);
	assert_refused(s, REASON_SANDBOX);
	assert_string_equal(s->verdict->reasons[0].actual, "the launch record says nothing of it");
	class_with("");
	scene_run(s);
	assert_trusted(s);
}

static void sandbox__renewal__rests_on_the_launch(void **state)
{
	(void)state;
	class_with(CONFINED);
	launch_confined(SANDBOX_ALL, 1000, 1000);
	scene_renewal(s);
	scene_run(s);
	assert_trusted(s);
	assert_true(CHECKED("sandbox: of the launch accepted earlier"));
}

/* ---- the check alone ---- */

static struct appraisal judged;
static struct policy_class class;

static void judge(void)
{
	memset(s->verdict, 0, sizeof(*s->verdict));
	judged.verdict = s->verdict;
	assert_true(check_sandbox(&judged, &s->err));
}

static void assert_silent(void)
{
	judge();
	assert_int_equal(s->verdict->reason_count, 0);
	assert_int_equal(s->verdict->checked_count, 0);
	assert_int_equal(s->verdict->not_checked_count, 0);
}

static void sandbox__nothing_to_judge__nothing_said(void **state)
{
	(void)state;
	class = (struct policy_class){.sandbox = SANDBOX_NO_NETWORK};
	judged = (struct appraisal){.full = true, .runtime = {.replayed = true, .launches = 1}};
	assert_silent(); /* no class */
	judged.class = &class;
	class.sandbox = 0;
	assert_silent();
	class.sandbox = SANDBOX_NO_NETWORK;
	judged.runtime.replayed = false;
	assert_silent();
	judged.runtime.replayed = true;
	judged.runtime.launches = 0;
	assert_silent(); /* refused for that elsewhere */
	judged.runtime.launches = 2;
	assert_silent();
	judged.runtime.launches = 1;
	judge();
	assert_int_equal(s->verdict->reason_count, 1);
	assert_int_equal(s->verdict->checked_count, 0);
	assert_int_equal(s->verdict->not_checked_count, 0);
}

static void sandbox__assurance__says_who_looked_at_it(void **state)
{
	static const struct {
		enum assurance assurance;
		const char *line;
	} cases[] = {
		{ASSURANCE_BOOTED,
			"the sandbox itself: asserted by assay-hostd, which nothing proves here"},
		{ASSURANCE_MEASURED, "the sandbox after the launch: an approved assay-hostd looked "
				     "at it before it handed over a credential"},
	};

	(void)state;
	class = (struct policy_class){.sandbox = SANDBOX_NO_NETWORK};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		judged = (struct appraisal){.class = &class,
			.full = true,
			.runtime = {.replayed = true, .launches = 1}};
		judged.runtime.launch.sandbox = SANDBOX_NO_NETWORK;
		memset(s->verdict, 0, sizeof(*s->verdict));
		s->verdict->assurance = cases[i].assurance;
		judged.verdict = s->verdict;
		assert_true(check_sandbox(&judged, &s->err));
		assert_int_equal(s->verdict->reason_count, 0);
		assert_string_equal(s->verdict->checked[0],
			"sandbox: as the class demands, by the launch record");
		assert_string_equal(s->verdict->not_checked[0], cases[i].line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(sandbox__all_that_is_demanded__trusted_and_called_asserted),
		T(sandbox__each_part_missing__refused),
		T(sandbox__record_says_nothing__refused),
		T(sandbox__renewal__rests_on_the_launch),
		T(sandbox__nothing_to_judge__nothing_said),
		T(sandbox__assurance__says_who_looked_at_it),
#undef T
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
