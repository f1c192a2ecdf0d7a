/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/attest/spec_text.h"

#include "attest/spec.h"

static struct spec spec;
static struct spec_values values;
static char **argv;
static struct err err;

static int setup(void **state)
{
	(void)state;
	memset(&err, 0, sizeof(err));
	return spec_parse(bytes_str(spec_text), "agent.yaml", &spec, &err) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	spec_argv_free(&argv);
	spec_release(&spec);
	return 0;
}

static void spec_argv__typed_values__final_vector(void **state)
{
	(void)state;
	static const char *const given[] = {"/home/me/scan.png", "3", "deu", "v1.0-rc_2"};
	static const char *const wanted[] = {"/usr/bin/tesseract", "/proc/self/fd/7", "stdout",
		"--psm", "3", "-ldeu", "--tag=v1.0-rc_2:$"};
	assert_true(spec_arguments(&spec, given, 4, &values, &err));
	assert_int_equal(values.file_count, 1);
	assert_int_equal(values.files[0], 0);
	assert_true(spec_argv(&spec, &values, &(int){7}, 1, &argv, &err));
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		assert_string_equal(argv[i], wanted[i]);
	assert_null(argv[ARRAY_LEN(wanted)]);
}

static void spec_arguments__values_that_do_not_fit__refused(void **state)
{
	(void)state;
	static const struct {
		const char *given[4];
		const char *why;
	} cases[] = {
		{{"-", "3", "eng", "x"}, "argument image: \"-\": a value may not begin with '-'"},
		{{"--tessdata-dir", "3", "eng", "x"}, "a value may not begin with '-'"},
		{{"", "3", "eng", "x"}, "argument image: \"\": needed is a path"},
		{{"a\nb", "3", "eng", "x"}, "argument image: too long or with control characters"},
		{{"f", "-1", "eng", "x"}, "argument mode: \"-1\": a value may not begin with '-'"},
		{{"f", "14", "eng", "x"}, "argument mode: 14: needed is 0 to 13"},
		{{"f", "", "eng", "x"}, "argument mode: \"\": needed is an integer"},
		{{"f", "03", "eng", "x"}, "argument mode: \"03\": needed is an integer"},
		{{"f", "+3", "eng", "x"}, "needed is an integer"},
		{{"f", " 3", "eng", "x"}, "needed is an integer"},
		{{"f", "3x", "eng", "x"}, "needed is an integer"},
		{{"f", "0x3", "eng", "x"}, "needed is an integer"},
		{{"f", "18446744073709551619", "eng", "x"}, "needed is an integer"},
		{{"f", "3", "ENG", "x"}, "argument lang: \"ENG\": needed is one of eng, deu"},
		{{"f", "3", "", "x"}, "argument lang: \"\": needed is one of eng, deu"},
		{{"f", "3", "eng+deu", "x"}, "needed is one of eng, deu"},
		{{"f", "3", "eng", ""}, "argument tag: \"\": needed is 1 to 64 of"},
		{{"f", "3", "eng", "a b"}, "argument tag: \"a b\": needed is 1 to 64 of"},
		{{"f", "3", "eng", "a/b"}, "argument tag: \"a/b\""},
		{{"f", "3", "eng", "${image}"}, "argument tag: \"${image}\""},
		{{"f", "3", "eng",
			 "12345678901234567890123456789012345678901234567890123456789012345"},
			"needed is 1 to 64 of"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		memset(&err, 0, sizeof(err));
		assert_false(spec_arguments(&spec, cases[i].given, 4, &values, &err));
		if (!strstr(err.text, cases[i].why))
			fail_msg("\"%s\" lacks \"%s\"", err.text, cases[i].why);
		assert_int_equal(err.code, ERR_USAGE);
	}
}

static void spec_arguments__unlisted_or_missing__refused(void **state)
{
	(void)state;
	static const char *const given[] = {"f", "3", "eng", "x", "--tessdata-dir"};
	assert_false(spec_arguments(&spec, given, 5, &values, &err));
	assert_string_equal(err.text,
		"workload ocr-agent: 5 arguments given, 4 needed: image (file), mode (integer), "
		"lang (choice), tag (word)");
	assert_int_equal(err.code, ERR_USAGE);
	assert_false(spec_arguments(&spec, given, 3, &values, &err));
	assert_false(spec_arguments(&spec, NULL, 0, &values, &err));
}

static void spec_arguments__limits_of_an_integer__accepted(void **state)
{
	(void)state;
	static const char *const given[2][4] = {{"f", "0", "eng", "x"}, {"f", "13", "eng", "x"}};
	assert_true(spec_arguments(&spec, given[0], 4, &values, &err));
	assert_true(spec_arguments(&spec, given[1], 4, &values, &err));
}

static void spec_argv__descriptors_that_do_not_fit__refused(void **state)
{
	(void)state;
	static const char *const given[] = {"f", "3", "eng", "x"};
	assert_true(spec_arguments(&spec, given, 4, &values, &err));
	assert_false(spec_argv(&spec, &values, NULL, 0, &argv, &err));
	assert_int_equal(err.code, ERR_INTERNAL);
	assert_false(spec_argv(&spec, &values, (int[]){3, 4}, 2, &argv, &err));
	assert_false(spec_argv(&spec, &values, &(int){-1}, 1, &argv, &err));
	assert_non_null(strstr(err.text, "no descriptor for argument image"));
	assert_null(argv);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(spec_argv__typed_values__final_vector),
		TEST(spec_arguments__values_that_do_not_fit__refused),
		TEST(spec_arguments__unlisted_or_missing__refused),
		TEST(spec_arguments__limits_of_an_integer__accepted),
		TEST(spec_argv__descriptors_that_do_not_fit__refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
