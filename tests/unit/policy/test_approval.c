/* SPDX-License-Identifier: Apache-2.0 */
/* The statement of an approval and of a rollback's approval: its form, at its limits and beyond them. */
#include "policy/policy.h"

#include "edit.h"
#include "policy/release_version.h"

#define TEXT(...) ((char *)(uintptr_t)(__VA_ARGS__))

static struct buf statement, edited;
static struct approval *read_back;
static struct approval said;
static struct err err;

static int setup(void **state)
{
	(void)state;
	said = (struct approval){.environment = TEXT("prod"),
		.person = TEXT("alice"),
		.role = TEXT("security"),
		.reason = TEXT("tested"),
		.issued = 1000,
		.expires = 2000,
		.workload = TEXT("ocr-agent"),
		.from = TEXT("1.5.0"),
		.floor = 3};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	approval_free(&read_back);
	buf_release(&statement);
	buf_release(&edited);
	return 0;
}

static bool written(void)
{
	buf_clear(&statement);
	return approval_statement(&said, &statement, &err);
}

static bool rollback_written(void)
{
	buf_clear(&statement);
	return rollback_approval_statement(&said, &statement, &err);
}

/* One text after the other: at its limit, and one byte over it. */
static void approval__each_text__as_long_as_its_limit(void **state)
{
	static char text[4096];
	const struct {
		char **member;
		size_t max;
		const char *why;
	} cases[] = {
		{&said.person, 128, "approval: person: too long"},
		{&said.change_request, 128, "approval: change_request: too long"},
		{&said.reason, 2048, "approval: reason: too long"},
		{&said.environment, 64, "approval: environment: too long"},
		{&said.role, 64, "approval: role: too long"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *before = *cases[i].member;

		memset(text, 'x', cases[i].max);
		text[cases[i].max] = '\0';
		*cases[i].member = text;
		assert_ok(written(), err);
		text[cases[i].max] = 'x';
		text[cases[i].max + 1] = '\0';
		assert_fails(written(), err, ERR_FORMAT, cases[i].why);
		*cases[i].member = before;
	}
}

static void rollback__version_it_comes_from__as_long_as_a_version(void **state)
{
	static char text[RELEASE_VERSION_MAX + 2];

	(void)state;
	memset(text, '1', RELEASE_VERSION_MAX);
	said.from = text;
	assert_ok(rollback_written(), err);
	text[RELEASE_VERSION_MAX] = '1';
	assert_fails(rollback_written(), err, ERR_FORMAT, "rollback approval: from: too long");
}

static void rollback__of_the_first_floor__read(void **state)
{
	(void)state;
	said.floor = 1;
	assert_ok(rollback_written(), err);
	assert_ok(rollback_approval_parse(buf_bytes(&statement), &read_back, &err), err);
	assert_int_equal(read_back->floor, 1);
	assert_false(read_back->withdrawn);
}

static void rollback__without_what_it_is_of__names_what_lacks(void **state)
{
	(void)state;
	said.from = NULL;
	assert_fails(rollback_written(), err, ERR_FORMAT, "rollback approval: from: missing");
	said.from = TEXT("1.5.0");
	said.workload = NULL;
	assert_fails(rollback_written(), err, ERR_FORMAT, "rollback approval: workload: missing");
	assert_int_equal(statement.len, 0);
}

static void approval__altered__refused_in_words(void **state)
{
	static const struct {
		const char *from, *to, *why;
	} cases[] = {
		{"\"issued\":\"1970-01-01T00:16:40Z\"", "\"issued\":\"yesterday\"",
			"approval: issued: not a time (2026-11-22T23:21:38Z)"},
		{"\"issued\":\"1970-01-01T00:16:40Z\"",
			"\"issued\":\"1970-01-01T00:16:40.000000000000Z\"",
			"approval: issued: too long"},
		{"\"issued\":\"1970-01-01T00:16:40Z\"",
			"\"issued\":\"1970-01-01T00:16:40.00000000000Z\"",
			"approval: issued: not a time (2026-11-22T23:21:38Z)"},
		{"\"expires\":\"1970-01-01T00:33:20Z\"", "\"expires\":\"1970-01-01T00:16:40Z\"",
			"approval: expires: not after issued"},
		{"\"name\":\"release\"", "\"name\":\"statement\"",
			"approval: subject: not a release"},
		{"\"role\":\"security\"", "\"role\":\"Security\"",
			"approval: role: not a name (a-z, 0-9, dot, dash, underscore)"},
		{"\"person\":\"alice\"", "\"person\":\"\"",
			"approval: person: empty, too long or with control characters"},
		{"\"person\":\"alice\",", "", "approval: person: missing"},
		{"\"reason\":\"tested\",", "", "approval: reason: missing"},
		{"\"environment\":\"prod\",", "", "approval: environment: missing"},
		{"\"clause\":\"0", "\"clause\":\"",
			"approval: clause: expected lower-case hex of the right length"},
		{"\"withdrawn\":false", "\"withdrawn\":1",
			"approval: withdrawn: expected true or false"},
		{"\"withdrawn\":false", "\"floor\":3", "approval: floor: unknown key"},
	};

	(void)state;
	assert_ok(written(), err);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		edit(&edited, buf_bytes(&statement), cases[i].from, cases[i].to);
		assert_fails(approval_parse(buf_bytes(&edited), &read_back, &err), err, ERR_FORMAT,
			cases[i].why);
		assert_null(read_back);
	}
}

/* Only what is said of one release can be taken back: a rollback is done, or its approval expires. */
static void P2__rollback_approval_with_a_withdrawal_in_it__refused(void **state)
{
	(void)state;
	assert_ok(rollback_written(), err);
	edit(&edited, buf_bytes(&statement), "\"floor\":3", "\"floor\":3,\"withdrawn\":false");
	assert_fails(rollback_approval_parse(buf_bytes(&edited), &read_back, &err), err, ERR_FORMAT,
		"rollback approval: withdrawn: unknown key");
	edit(&edited, buf_bytes(&statement), "\"expires\":\"1970-01-01T00:33:20Z\"",
		"\"expires\":\"1970-01-01T00:16:40Z\"");
	assert_fails(rollback_approval_parse(buf_bytes(&edited), &read_back, &err), err, ERR_FORMAT,
		"rollback approval: expires: not after issued");
}

/* What is not UTF-8 is not written, whichever text it is in. */
static void approval__text_that_is_not_utf8__not_written(void **state)
{
	char **const members[] = {&said.environment, &said.person, &said.role, &said.reason,
		&said.change_request, &said.workload, &said.from};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		char *before = *members[i];

		*members[i] = TEXT("\xff");
		assert_fails(rollback_written(), err, ERR_NOMEM,
			"approval: no memory, or text that is not UTF-8");
		*members[i] = before;
	}
}

static void approval_free__nothing__nothing(void **state)
{
	(void)state;
	approval_free(&read_back);
	assert_null(read_back);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(approval__each_text__as_long_as_its_limit),
		T(rollback__version_it_comes_from__as_long_as_a_version),
		T(rollback__of_the_first_floor__read),
		T(rollback__without_what_it_is_of__names_what_lacks),
		T(approval__altered__refused_in_words),
		T(P2__rollback_approval_with_a_withdrawal_in_it__refused),
		T(approval__text_that_is_not_utf8__not_written),
		T(approval_free__nothing__nothing),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
