/* SPDX-License-Identifier: Apache-2.0 */
/* A class that has the values of environments kept for a key, and what of that the launch record shows. */
#include "policy/appraisal.h"
#include "policy/words.h"
#include "scene.h"

static struct scene_keys keys;
static struct scene *s;
static struct key *auditors, *others;
static struct err err;

static int group_setup(void **state)
{
	(void)state;
	scene_keys_make(&keys);
	assert_ok(key_generate(KEY_EC_P256, &auditors, &err), err);
	assert_ok(key_generate(KEY_RSA, &others, &err), err);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	scene_keys_free(&keys);
	key_unref(&auditors);
	key_unref(&others);
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

/* The lines of a class, with a key as a YAML block. */
static const char *lines_for(const struct key *key)
{
	static char text[4096];
	struct buf pem = {0};
	size_t at = (size_t)snprintf(text, sizeof(text), "%s", SCENE_CLASS_LINES);

	if (!key)
		return text;
	assert_ok(key_public_pem(key, &pem, &err), err);
	at += (size_t)snprintf(text + at, sizeof(text) - at, "    environment_key: |\n");
	for (const char *line = buf_str(&pem); *line;) {
		size_t n = strcspn(line, "\n");

		at += (size_t)snprintf(text + at, sizeof(text) - at, "      %.*s\n", (int)n, line);
		line += n + (line[n] == '\n');
	}
	buf_release(&pem);
	return text;
}

static void class_for(const struct key *key)
{
	s->class_lines = lines_for(key);
	scene_policy(s);
	for (size_t i = 0; i < SCENE_APPROVALS; i++)
		memcpy(s->approvals[i].approval.clause, s->policy->classes[0].clause, SHA256_LEN);
	scene_approve(s);
}

static void launch_kept_for(const struct key *key)
{
	s->launch.kept = key != NULL;
	if (key) {
		memcpy(s->launch.kept_for, key_id(key), SHA256_LEN);
		s->launch.kept_key = BYTES_LIT("wrapped");
		s->launch.kept_values = BYTES_LIT("sealed");
	}
	scene_log_default(s);
}

static void kept__for_the_classs_key__trusted_and_called_sealed(void **state)
{
	(void)state;
	class_for(auditors);
	launch_kept_for(auditors);
	scene_run(s);
	assert_trusted(s);
	assert_true(CHECKED("environment values: kept in the launch record for the class's key"));
	assert_true(NOT_CHECKED("what was kept of the environment: sealed"));
}

static void kept__for_nobody_or_another__refused(void **state)
{
	char hex[2 * SHA256_LEN + 1], wanted[96];

	(void)state;
	class_for(auditors);
	launch_kept_for(NULL);
	scene_run(s);
	assert_refused(s, REASON_ENVIRONMENT_NOT_KEPT);
	assert_string_equal(s->verdict->reasons[0].subject, "environment values");
	assert_string_equal(s->verdict->reasons[0].actual, "not kept");
	assert_string_equal(s->verdict->reasons[0].where, "runtime log record 4");
	hex_encode(bytes_of(key_id(auditors), SHA256_LEN), hex);
	snprintf(wanted, sizeof(wanted), "kept for key %s", hex);
	assert_string_equal(s->verdict->reasons[0].expected, wanted);
	assert_false(CHECKED("environment values"));
	launch_kept_for(others);
	scene_run(s);
	assert_refused(s, REASON_ENVIRONMENT_NOT_KEPT);
	hex_encode(bytes_of(key_id(others), SHA256_LEN), hex);
	snprintf(wanted, sizeof(wanted), "kept for key %s", hex);
	assert_string_equal(s->verdict->reasons[0].actual, wanted);
}

static void kept__where_nobody_asks__trusted_and_not_spoken_of(void **state)
{
	(void)state;
	class_for(NULL);
	launch_kept_for(others);
	scene_run(s);
	assert_trusted(s);
	assert_false(CHECKED("environment values"));
}

static void kept__renewal__rests_on_the_launch(void **state)
{
	(void)state;
	class_for(auditors);
	launch_kept_for(auditors);
	scene_renewal(s);
	scene_run(s);
	assert_trusted(s);
	assert_true(CHECKED("environment values: kept by the launch accepted earlier"));
}

static void kept__nothing_to_judge__nothing_said(void **state)
{
	static struct appraisal judged;
	struct policy_class class = {.environment_key = auditors};
	struct policy_class asks_nothing = {0};
	const struct {
		const struct policy_class *class;
		bool replayed;
		size_t launches;
		size_t reasons;
	} cases[] = {
		{NULL, true, 1, 0},
		{&asks_nothing, true, 1, 0},
		{&class, false, 1, 0},
		{&class, true, 0, 0},
		{&class, true, 2, 0},
		{&class, true, 1, 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		memset(s->verdict, 0, sizeof(*s->verdict));
		judged = (struct appraisal){.class = cases[i].class,
			.verdict = s->verdict,
			.full = true,
			.runtime = {.replayed = cases[i].replayed, .launches = cases[i].launches}};
		assert_true(check_environment(&judged, &err));
		assert_int_equal(s->verdict->reason_count, cases[i].reasons);
		assert_int_equal(s->verdict->checked_count, 0);
	}
}

/* ---- the policy ---- */

static struct policy *policy_for(const char *lines)
{
	struct policy *policy = NULL;
	struct buf text = {0};

	scene_policy_text(&keys, lines, "", &text);
	assert_ok(policy_parse(buf_bytes(&text), "policy.yaml", &policy, &err), err);
	buf_release(&text);
	return policy;
}

static void assert_policy_refused(const char *lines, const char *message)
{
	struct policy *policy = NULL;
	struct buf text = {0};

	scene_policy_text(&keys, lines, "", &text);
	assert_false(policy_parse(buf_bytes(&text), "policy.yaml", &policy, &err));
	if (!strstr(err.text, message))
		fail_msg("%s", err.text);
	buf_release(&text);
}

static void policy__key_that_seals_nothing__refused(void **state)
{
	struct key *ed = NULL;
	char lines[4096];

	(void)state;
	assert_ok(key_generate(KEY_ED25519, &ed, &err), err);
	assert_policy_refused(lines_for(ed), "nothing can be sealed for an Ed25519 key");
	snprintf(lines, sizeof(lines), "%s    environment_key: nobody\n", SCENE_CLASS_LINES);
	assert_policy_refused(lines, "environment_key: ");
	key_unref(&ed);
}

/* Approvals bind to it; a class without it has the clause that it always had. */
static void clause__with_and_without__differ(void **state)
{
	struct policy *without = policy_for(SCENE_CLASS_LINES);
	struct policy *ours = policy_for(lines_for(auditors)), *theirs = NULL;

	(void)state;
	theirs = policy_for(lines_for(others));
	assert_memory_not_equal(without->classes[0].clause, ours->classes[0].clause, SHA256_LEN);
	assert_memory_not_equal(theirs->classes[0].clause, ours->classes[0].clause, SHA256_LEN);
	policy_free(&without);
	policy_free(&ours);
	policy_free(&theirs);
}

static void explain__said_for_whom(void **state)
{
	struct policy *policy = policy_for(lines_for(auditors));
	char hex[2 * SHA256_LEN + 1], wanted[192];
	json_t *lines = NULL;
	bool found = false;

	(void)state;
	hex_encode(bytes_of(key_id(auditors), SHA256_LEN), hex);
	snprintf(wanted, sizeof(wanted),
		"agent: the values of its environment are kept in the launch record, sealed for "
		"key %s",
		hex);
	assert_ok(policy_class_explain(policy, &policy->classes[0], &lines, &err), err);
	for (size_t k = 0; k < json_array_size(lines); k++)
		found = found || strcmp(json_string_value(json_array_get(lines, k)), wanted) == 0;
	assert_true(found);
	json_decref(lines);
	policy_free(&policy);
}

static void diff__said_with_its_direction(void **state)
{
	const struct {
		const struct key *old, *new;
		const char *direction;
	} cases[] = {{NULL, auditors, "tighter"}, {auditors, NULL, "looser"},
		{auditors, others, "other"}, {auditors, auditors, NULL}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct policy *old = policy_for(lines_for(cases[i].old));
		struct policy *new = policy_for(lines_for(cases[i].new));
		json_t *diff = NULL, *change;
		const char *direction = NULL;
		size_t at;

		assert_ok(policy_diff(old, new, &diff, &err), err);
		json_array_foreach(json_object_get(diff, "changes"), at, change)
		{
			const char *text = json_string_value(json_object_get(change, "text"));
			if (text && strstr(text, "environment_key: "))
				direction = json_string_value(json_object_get(change, "direction"));
		}
		assert_true((direction == NULL) == (cases[i].direction == NULL));
		if (direction)
			assert_string_equal(direction, cases[i].direction);
		json_decref(diff);
		policy_free(&old);
		policy_free(&new);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(kept__for_the_classs_key__trusted_and_called_sealed),
		TEST(kept__for_nobody_or_another__refused),
		TEST(kept__where_nobody_asks__trusted_and_not_spoken_of),
		TEST(kept__renewal__rests_on_the_launch),
		TEST(kept__nothing_to_judge__nothing_said),
		TEST(policy__key_that_seals_nothing__refused),
		TEST(clause__with_and_without__differ),
		TEST(explain__said_for_whom),
		TEST(diff__said_with_its_direction),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
