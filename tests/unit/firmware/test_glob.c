/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/glob.h"

#include <time.h>

#include "tests/support/unit.h"

static struct err err;

static void match__table__as_documented(void **state)
{
	static const struct {
		const char *pattern, *path;
		bool wanted;
	} cases[] = {
		{"/bin/sh", "/bin/sh", true},
		{"/bin/sh", "/bin/shx", false},
		{"/bin/shx", "/bin/sh", false},
		{"/bin/*", "/bin/sh", true},
		{"/bin/*", "/bin/", true},
		{"/bin/*", "/bin/a/b", false},
		{"/bin/**", "/bin/a/b", true},
		{"/bin/**", "/bin/", true},
		{"/bin/***", "/bin/a/b", true},
		{"/a/**/z", "/a/b/c/z", true},
		{"/a/**/z", "/a/z", false},
		{"/a**z", "/az", true},
		{"/*/*", "/a/b", true},
		{"/*/*", "/a/b/c", false},
		{"/l*.so*", "/libc.so.6", true},
		{"/l*.so*", "/libc.s", false},
		{"/?", "/a", true},
		{"/?", "//", false},
		{"/?", "/", false},
		{"/[a-c]x", "/bx", true},
		{"/[a-c]x", "/dx", false},
		{"/[!a-c]x", "/dx", true},
		{"/[^a-c]x", "/ax", false},
		{"/[!a]", "//", false},
		{"/[]]", "/]", true},
		{"/[!]]", "/]", false},
		{"/[a-]", "/-", true},
		{"/[-a]", "/-", true},
		{"/[+-9]", "//", false},
		{"/[\\]x]", "/]", true},
		{"/[\\a-c]", "/b", true},
		{"/\\*", "/*", true},
		{"/\\*", "/a", false},
		{"/usr/bin/\\[", "/usr/bin/[", true},
		{"/*a*b", "/ab", true},
		{"/*a*b", "/xaxb", true},
		{"/*a*b", "/xaxbx", false},
		{"**", "", true},
		{"*", "", true},
		{"?", "", false},
		{"", "", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (glob_match(bytes_str(cases[i].pattern), bytes_str(cases[i].path)) !=
			cases[i].wanted)
			fail_msg("%s on %s", cases[i].pattern, cases[i].path);
}

static void check__malformed__refused_and_matches_nothing(void **state)
{
	static const struct {
		struct bytes pattern;
		const char *wanted;
	} cases[] = {
		{{NULL, 0}, "pattern: empty"},
		{{(const uint8_t *)"/[a", 3}, "pattern: set is not closed at offset 1"},
		{{(const uint8_t *)"/[", 2}, "pattern: set is not closed at offset 1"},
		{{(const uint8_t *)"/[]", 3}, "pattern: set is not closed at offset 1"},
		{{(const uint8_t *)"/[a-", 4}, "pattern: set is not closed at offset 1"},
		{{(const uint8_t *)"/[a-\\", 5}, "pattern: set is not closed at offset 1"},
		{{(const uint8_t *)"/[a/]", 5}, "pattern: '/' in a set at offset 1"},
		{{(const uint8_t *)"/[a-/]", 6}, "pattern: '/' in a set at offset 1"},
		{{(const uint8_t *)"/[\0]", 4}, "pattern: NUL in a set at offset 1"},
		{{(const uint8_t *)"/[c-a]", 6}, "pattern: range runs backwards at offset 1"},
		{{(const uint8_t *)"/a\\", 3}, "pattern: backslash before nothing at offset 2"},
		{{(const uint8_t *)"/a\\\0", 4}, "pattern: backslash before nothing at offset 2"},
		{{(const uint8_t *)"/a\0", 3}, "pattern: NUL at offset 2"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_fails(glob_check(cases[i].pattern, &err), err, ERR_FORMAT, cases[i].wanted);
		assert_false(glob_match(cases[i].pattern, bytes_str("/a")));
	}
}

static void check__too_long__refused_and_matches_nothing(void **state)
{
	static uint8_t pattern[GLOB_MAX + 1];

	(void)state;
	memset(pattern, '*', sizeof(pattern));
	assert_fails(glob_check(BYTES_OF(pattern), &err), err, ERR_LIMIT,
		"pattern: 513 bytes, more than 512");
	assert_false(glob_match(BYTES_OF(pattern), bytes_str("/a")));
	assert_true(glob_check(bytes_of(pattern, GLOB_MAX), &err));
	assert_true(glob_match(bytes_of(pattern, GLOB_MAX), bytes_str("/a/b")));
}

static void literal_len__up_to_the_first_wildcard(void **state)
{
	(void)state;
	assert_int_equal(glob_literal_len(bytes_str("/bin/*")), 5);
	assert_int_equal(glob_literal_len(bytes_str("**")), 0);
	assert_int_equal(glob_literal_len(bytes_str("/a\\*")), 2);
	assert_int_equal(glob_literal_len(bytes_str("/a")), 2);
}

/* What takes a backtracking matcher longer than the universe has. */
static void match__many_stars__no_backtracking(void **state)
{
	static uint8_t pattern[GLOB_MAX], path[4096];
	struct timespec start, end;

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(pattern); i += 2) {
		pattern[i] = '*';
		pattern[i + 1] = 'a';
	}
	pattern[sizeof(pattern) - 1] = 'b';
	memset(path, 'a', sizeof(path));
	clock_gettime(CLOCK_MONOTONIC, &start);
	assert_false(glob_match(BYTES_OF(pattern), BYTES_OF(path)));
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_true(end.tv_sec - start.tv_sec < 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(match__table__as_documented),
		cmocka_unit_test(check__malformed__refused_and_matches_nothing),
		cmocka_unit_test(check__too_long__refused_and_matches_nothing),
		cmocka_unit_test(literal_len__up_to_the_first_wildcard),
		cmocka_unit_test(match__many_stars__no_backtracking),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
