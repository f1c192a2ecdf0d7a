/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX license expressions. */
#include "policy/license.h"

#include "tests/support/unit.h"

/* Acceptable: the licences in a list of words. */
static bool listed(const void *list, struct bytes id)
{
	const char *const *words = list;

	for (; *words; words++)
		if (license_id_equal(id, *words))
			return true;
	return false;
}

static const char *const free_ones[] = {"MIT", "Apache-2.0", "GPL-2.0+", NULL};

static bool ok(const char *expression)
{
	return license_expression_ok(expression, listed, free_ones);
}

static void expression__of_acceptable_licences__ok(void **state)
{
	static const char *const cases[] = {"MIT", "mit", " MIT ", "(MIT)", "((MIT))",
		"MIT AND Apache-2.0", "MIT OR X", "X OR MIT", "X OR Y OR MIT", "X or mit",
		"MIT AND (X OR Apache-2.0)", "(X AND Y) OR MIT", "X AND Y OR MIT", "MIT OR X AND Y",
		"MIT WITH Some-exception", "GPL-2.0+", "(X OR MIT) AND (Y OR Apache-2.0)",
		"MIT WITH AdditionRef-x AND Apache-2.0"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (!ok(cases[i]))
			fail_msg("%s", cases[i]);
}

static void expression__that_needs_another_licence__not_ok(void **state)
{
	static const char *const cases[] = {"X", "MITX", "MI", "MIT AND X", "X AND MIT", "X OR Y",
		"(MIT OR X) AND Y", "MIT AND (X OR Y)", "X AND Y OR Z", "X WITH MIT", "GPL-2.0",
		"X AND (MIT OR Apache-2.0)", "(X) AND (MIT)"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (ok(cases[i]))
			fail_msg("%s", cases[i]);
}

static void expression__that_is_none__not_ok(void **state)
{
	static const char *const cases[] = {"", " ", "()", "MIT MIT", "MIT OR", "OR MIT", "AND",
		"(MIT", "MIT)", "MIT))", "MIT AND AND MIT", "MIT WITH", "MIT WITH AND MIT",
		"MIT WITH (X)", "WITH MIT", "MIT/X", "MIT, X", "MIT (X)", "MIT\tOR MIT",
		"M\xc3\xaet", "https://spdx.org/licenses/MIT", "MIT OR (X"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (ok(cases[i]))
			fail_msg("%s", cases[i]);
}

static void expression__too_deep_or_too_long__not_ok(void **state)
{
	const size_t most = LICENSE_DEPTH_MAX - 1;
	char deep[64] = "", text[LICENSE_TEXT_MAX + 2];

	(void)state;
	memset(deep, '(', most);
	(void)snprintf(deep + most, sizeof(deep) - most, "MIT");
	memset(deep + most + 3, ')', most);
	assert_true(ok(deep));
	(void)snprintf(text, sizeof(text), "(%s)", deep);
	assert_false(ok(text));
	memset(text, ' ', sizeof(text));
	memcpy(text, "MIT", 3);
	text[LICENSE_TEXT_MAX] = '\0';
	assert_true(ok(text));
	text[LICENSE_TEXT_MAX] = ' ';
	text[LICENSE_TEXT_MAX + 1] = '\0';
	assert_false(ok(text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expression__of_acceptable_licences__ok),
		cmocka_unit_test(expression__that_needs_another_licence__not_ok),
		cmocka_unit_test(expression__that_is_none__not_ok),
		cmocka_unit_test(expression__too_deep_or_too_long__not_ok),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
