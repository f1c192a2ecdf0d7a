/* SPDX-License-Identifier: Apache-2.0 */
/* Options by table, and the promises that the table of commands makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "cli/cli.h"

static const struct option_spec options[] = {
	{"key", "FILE", OPTION_REPEATED, "a key"},
	{"out", "FILE", OPTION_VALUE, "where"},
	{"fast", NULL, OPTION_FLAG, "quickly"},
	OPTIONS_END,
};
static const struct command plain = {
	.name = "plain", .synopsis = "FILE", .options = options, .least = 1, .most = 2};
static const struct command rest = {
	.name = "rest", .synopsis = "NAME [-- ARG…]", .least = 1, .most = 1, .rest = true};

static bool parse(const struct command *command, const char *const *words, struct arguments *ret,
	struct err *err)
{
	int n = 0;
	while (words[n])
		n++;
	return arguments_parse(command, n, (char **)(uintptr_t)words, ret, err);
}

static void options__every_form__taken(void **state)
{
	(void)state;
	const char *const words[] = {
		"--key", "a", "one", "--key=b", "--out=", "--fast", "two", NULL};
	struct arguments arguments = {0};
	struct cli cli = {.arguments = &arguments};
	assert_true(parse(&plain, words, &arguments, &cli.err));
	assert_int_equal(option_all(&cli, "key")->count, 2);
	assert_string_equal(option_all(&cli, "key")->values[1], "b");
	assert_string_equal(option(&cli, "out"), "");
	assert_true(option_given(&cli, "fast"));
	assert_false(option_given(&cli, "json"));
	assert_int_equal(arguments.count, 2);
	arguments_release(&arguments);
}

static void options__wrong_ones__usage_with_the_option_named(void **state)
{
	(void)state;
	static const struct {
		const char *words[4];
		const char *text;
	} cases[] = {
		{{"one", "--nothing"}, "unknown option --nothing"},
		{{"one", "-x"}, "unknown option -x (options are written --name)"},
		{{"one", "--out"}, "--out needs a value: FILE"},
		{{"one", "--fast=1"}, "--fast takes no value"},
		{{"--out=a", "--out=b", "one"}, "--out is given twice"},
		{{"--fast"}, "expected: assay plain FILE"},
		{{"one", "two", "three"}, "expected: assay plain FILE"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arguments arguments = {0};
		struct err err = {0};
		assert_false(parse(&plain, cases[i].words, &arguments, &err));
		assert_int_equal(err.code, ERR_USAGE);
		assert_string_equal(err.text, cases[i].text);
		arguments_release(&arguments);
	}
}

static void options__after_two_dashes__never_options(void **state)
{
	(void)state;
	const char *const words[] = {"agent", "--", "--tessdata-dir", "/evil", NULL};
	const char *const names[] = {"--", "-x", "--fast", NULL};
	struct arguments arguments = {0};
	struct err err = {0};
	assert_true(parse(&rest, words, &arguments, &err));
	assert_int_equal(arguments.rest_count, 2);
	assert_string_equal(arguments.rest[0], "--tessdata-dir");
	arguments_release(&arguments);
	assert_true(parse(&plain, names, &arguments, &err));
	assert_int_equal(arguments.count, 2);
	assert_string_equal(arguments.values[0], "-x");
	arguments_release(&arguments);
}

static void statuses__by_error__as_promised(void **state)
{
	(void)state;
	assert_int_equal(status_of_error(ERR_USAGE), STATUS_USAGE);
	assert_int_equal(status_of_error(ERR_MISMATCH), STATUS_REFUSED);
	assert_int_equal(status_of_error(ERR_DENIED), STATUS_REFUSED);
	assert_int_equal(status_of_error(ERR_NET), STATUS_UNDECIDED);
	assert_int_equal(status_of_error(ERR_NONE), STATUS_UNDECIDED);
}

static void commands__every_one__complete_and_unique(void **state)
{
	(void)state;
	for (size_t i = 0; i < command_count; i++) {
		const struct command *command = commands[i];
		size_t n = 0;
		assert_non_null(command->run);
		assert_non_null(command->summary);
		assert_non_null(command->synopsis);
		assert_true(command->least <= command->most);
		for (const struct option_spec *spec = command->options; spec && spec->name;
			spec++, n++) {
			assert_true((spec->kind == OPTION_FLAG) == (spec->metavar == NULL));
			for (const struct option_spec *other = command->options; other != spec;
				other++)
				assert_string_not_equal(other->name, spec->name);
		}
		assert_true(n <= CLI_OPTIONS_MAX);
		for (size_t j = 0; j < i; j++)
			assert_false(strcmp(commands[j]->name, command->name) == 0 &&
				     strcmp(commands[j]->group ? commands[j]->group : "",
					     command->group ? command->group : "") == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options__every_form__taken),
		cmocka_unit_test(options__wrong_ones__usage_with_the_option_named),
		cmocka_unit_test(options__after_two_dashes__never_options),
		cmocka_unit_test(statuses__by_error__as_promised),
		cmocka_unit_test(commands__every_one__complete_and_unique),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
