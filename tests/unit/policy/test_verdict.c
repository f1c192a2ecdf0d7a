/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts: refused unless something was checked and nothing speaks against it; stable codes; JSON and words. */
#include "policy/verdict.h"

#include <stdlib.h>

#include "base/file.h"
#include "policy/policy.h"
#include "tests/support/unit.h"

static struct verdict *v;
static struct buf json, text;
static struct err err;

static int setup(void **state)
{
	(void)state;
	v = calloc(1, sizeof(*v));
	return v ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(v);
	buf_release(&json);
	buf_release(&text);
	return 0;
}

static void verdict__zero__refused(void **state)
{
	(void)state;
	assert_false(v->trusted);
	verdict_conclude(v);
	assert_false(v->trusted);
}

static void verdict__something_checked__trusted(void **state)
{
	(void)state;
	v->assurance = ASSURANCE_REPORTED;
	verdict_checked(v, "%s", "quote");
	verdict_conclude(v);
	assert_true(v->trusted);
	assert_int_equal(v->assurance, ASSURANCE_REPORTED);
}

static void verdict__one_reason__refused_and_grants_taken_back(void **state)
{
	(void)state;
	v->assurance = ASSURANCE_REPORTED;
	v->credential_lifetime = v->renew_after = 60;
	verdict_checked(v, "quote");
	verdict_refuse(v, REASON_HOST_STATE, "host", NULL, NULL, NULL, NULL);
	verdict_conclude(v);
	assert_false(v->trusted);
	assert_int_equal(v->assurance, ASSURANCE_NONE);
	assert_int_equal(v->credential_lifetime, 0);
	assert_int_equal(v->renew_after, 0);
	assert_string_equal(v->reasons[0].hint, reason_code_hint(REASON_HOST_STATE));
}

static void verdict__reason_after_conclusion__no_longer_trusted(void **state)
{
	(void)state;
	verdict_checked(v, "quote");
	verdict_conclude(v);
	verdict_refuse(v, REASON_CHALLENGE_USED, "challenge", NULL, NULL, NULL, NULL);
	assert_false(v->trusted);
}

static void verdict__too_many_reasons__cut_and_still_refused(void **state)
{
	(void)state;
	for (unsigned i = 0; i < REASONS_MAX + 5; i++)
		verdict_refuse(v, REASON_COMPONENT_EXTRA, "x", NULL, NULL, NULL, NULL);
	assert_int_equal(v->reason_count, REASONS_MAX);
	assert_true(v->reasons_cut);
	v->reason_count = 0; /* even so */
	verdict_checked(v, "quote");
	verdict_conclude(v);
	assert_false(v->trusted);
}

static void verdict__too_many_lines__last_says_so(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NOT_CHECKED_MAX + 5; i++)
		verdict_not_checked(v, "line %u", i);
	assert_int_equal(v->not_checked_count, NOT_CHECKED_MAX);
	assert_string_equal(v->not_checked[NOT_CHECKED_MAX - 1], "and more");
}

static void verdict__long_text__cut_between_characters(void **state)
{
	char longer[400] = "x"; /* odd, so that a blind cut would split a character */

	(void)state;
	for (size_t i = 1; i + 2 < sizeof(longer); i += 2)
		memcpy(longer + i, "\xc3\xa9", 2);
	verdict_refuse(v, REASON_HOST_STATE, longer, "\xff not utf-8", NULL, NULL, NULL);
	assert_true(strlen(v->reasons[0].subject) < REASON_TEXT_MAX);
	assert_string_equal(v->reasons[0].expected, "\\xff not utf-8");
	assert_ok(verdict_json(v, &json, &err), err);
}

static void verdict__wants_full__only_when_nothing_else_is_wrong(void **state)
{
	(void)state;
	assert_false(verdict_wants_full(v));
	verdict_refuse(v, REASON_STATE_STALE, NULL, NULL, NULL, NULL, NULL);
	verdict_refuse(v, REASON_PCRS_CHANGED, NULL, NULL, NULL, NULL, NULL);
	verdict_refuse(v, REASON_RUNTIME_GAP, NULL, NULL, NULL, NULL, NULL);
	assert_true(verdict_wants_full(v));
	verdict_refuse(v, REASON_HOST_STATE, NULL, NULL, NULL, NULL, NULL);
	assert_false(verdict_wants_full(v));
}

static void reason__every_code__has_its_own_name_and_a_hint(void **state)
{
	(void)state;
	for (unsigned i = 1; i < REASON_CODES; i++) {
		const char *name = reason_code_name((enum reason_code)i);

		assert_int_equal(reason_code_of_name(bytes_str(name)), i);
		assert_true(strlen(reason_code_hint((enum reason_code)i)) > 10);
		assert_true(strlen(reason_code_hint((enum reason_code)i)) < REASON_TEXT_MAX);
	}
	assert_int_equal(reason_code_of_name(BYTES_LIT("none")), REASON_NONE);
	assert_int_equal(reason_code_of_name(BYTES_LIT("nonsense")), REASON_NONE);
	assert_string_equal(reason_code_name(REASON_CODES), "unknown");
}

/* docs/reasons.md has one section per code, in the table's order, and no other. */
static void reason__every_code__is_documented(void **state)
{
	struct buf file = {0};
	const char *at;
	char heading[80];

	(void)state;
	assert_ok(file_read("docs/reasons.md", 1 << 20, &file, &err), err);
	at = buf_str(&file);
	for (unsigned i = 1; i < REASON_CODES; i++) {
		snprintf(heading, sizeof(heading), "\n### %s\n",
			reason_code_name((enum reason_code)i));
		at = at ? strstr(at, "\n### ") : NULL;
		if (!at || strncmp(at, heading, strlen(heading)) != 0)
			fail_msg("docs/reasons.md: expected%sfound %.40s", heading,
				at ? at : "the end");
		at++;
	}
	assert_null(strstr(at, "\n### "));
	buf_release(&file);
}

static void json__verdict__canonical(void **state)
{
	(void)state;
	v->full = true;
	strcpy(v->risk_class, "low");
	v->key_protection = KEY_TPM;
	verdict_refuse(
		v, REASON_COMPONENT_DIGEST, "component model", "aa", "bb", "record 3", "redo");
	verdict_checked(v, "quote");
	verdict_not_checked(v, "memory");
	verdict_conclude(v);
	assert_ok(verdict_json(v, &json, &err), err);
	assert_string_equal(buf_str(&json),
		"{\"assurance\":\"none\",\"checked\":[\"quote\"],\"credential_lifetime\":0,"
		"\"full\":true,\"key\":\"tpm\",\"not_checked\":[\"memory\"],"
		"\"outcome\":\"untrusted\",\"reasons\":[{\"actual\":\"bb\",\"code\":\"component-"
		"digest\","
		"\"expected\":\"aa\",\"hint\":\"redo\",\"subject\":\"component model\","
		"\"where\":\"record 3\"}],\"reasons_cut\":false,\"renew_after\":0,"
		"\"risk_class\":\"low\"}");
}

static void explain__refusal__says_what_and_what_to_do(void **state)
{
	(void)state;
	strcpy(v->risk_class, "low");
	verdict_refuse(
		v, REASON_COMPONENT_DIGEST, "component model", "aa", "bb", "record 3", "redo");
	verdict_not_checked(v, "memory");
	verdict_conclude(v);
	assert_ok(verdict_json(v, &json, &err), err);
	assert_ok(verdict_explain(buf_bytes(&json), false, &text, &err), err);
	assert_string_equal(buf_str(&text), "refused  (risk class low)\n"
					    "  component-digest: component model\n"
					    "    expected  aa\n"
					    "    found     bb\n"
					    "    where     record 3\n"
					    "    do        redo\n"
					    "not checked:\n"
					    "  memory\n");
}

static void explain__colour__only_when_asked(void **state)
{
	(void)state;
	verdict_checked(v, "quote");
	verdict_conclude(v);
	assert_ok(verdict_json(v, &json, &err), err);
	assert_ok(verdict_explain(buf_bytes(&json), false, &text, &err), err);
	assert_null(strchr(buf_str(&text), '\x1b'));
	buf_clear(&text);
	assert_ok(verdict_explain(buf_bytes(&json), true, &text, &err), err);
	assert_non_null(strstr(buf_str(&text), "\x1b[1;32mtrusted\x1b[0m"));
}

/* What a bent verifier sends must not steer the terminal of the person who reads it. */
/* An auditor writes it anew and compares: what is written here is what canonical JSON would be. */
static void json__everything_in_it__is_canonical(void **state)
{
	OWNED(json_release) json_t *root = NULL;

	(void)state;
	verdict_refuse(v, REASON_HOST_STATE, "a \"b\" \\ \x01", "\xc3\xa9\n", "\t", "w", "h");
	verdict_refuse(v, REASON_EXPORTER, NULL, NULL, NULL, NULL, NULL);
	verdict_checked(v, "one \x7f");
	verdict_checked(v, "two");
	verdict_not_checked(v, "three \"");
	v->elevations[0] = (struct verdict_elevation){.right = "deploy", .until = 1700000000};
	v->elevations[1] = (struct verdict_elevation){.right = "read", .entitlement = "db\"1"};
	v->elevation_count = 2;
	v->full = v->reasons_cut = true;
	v->credential_lifetime = 3600;
	v->renew_after = -1;
	assert_ok(verdict_json(v, &json, &err), err);
	assert_ok(json_open(buf_bytes(&json), JSON_INPUT_MAX, &root, &err), err);
	assert_int_equal(json_array_size(json_object_get(root, "elevations")), 2);
	assert_int_equal(json_array_size(json_object_get(root, "reasons")), 2);
	buf_clear(&text);
	assert_ok(json_write(root, false, &text, &err), err);
	assert_string_equal(buf_str(&json), buf_str(&text));
}

static void explain__escape_sequences_in_json__shown_as_question_marks(void **state)
{
	(void)state;
	assert_ok(verdict_explain(BYTES_LIT("{\"outcome\":\"untrusted\",\"reasons\":[{\"code\":"
					    "\"a\\u001b[2Jb\","
					    "\"subject\":\"\\u009b1m\\u007f\\n\"}]}"),
			  false, &text, &err),
		err);
	assert_string_equal(buf_str(&text), "refused\n  a?[2Jb: ?1m??\n");
}

static void explain__not_a_verdict__error(void **state)
{
	(void)state;
	assert_fails(verdict_explain(BYTES_LIT("{}"), false, &text, &err), err, ERR_FORMAT,
		"verdict: outcome: missing");
	assert_false(verdict_explain(BYTES_LIT("[1]"), false, &text, &err));
	assert_false(verdict_explain(BYTES_LIT("x"), false, &text, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(verdict__zero__refused),
		T(verdict__something_checked__trusted),
		T(verdict__one_reason__refused_and_grants_taken_back),
		T(verdict__reason_after_conclusion__no_longer_trusted),
		T(verdict__too_many_reasons__cut_and_still_refused),
		T(verdict__too_many_lines__last_says_so),
		T(verdict__long_text__cut_between_characters),
		T(verdict__wants_full__only_when_nothing_else_is_wrong),
		T(reason__every_code__has_its_own_name_and_a_hint),
		T(reason__every_code__is_documented),
		T(json__verdict__canonical),
		T(json__everything_in_it__is_canonical),
		T(explain__refusal__says_what_and_what_to_do),
		T(explain__colour__only_when_asked),
		T(explain__escape_sequences_in_json__shown_as_question_marks),
		T(explain__not_a_verdict__error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
