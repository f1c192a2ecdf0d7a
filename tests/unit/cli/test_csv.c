/* SPDX-License-Identifier: Apache-2.0 */
/* CSV as RFC 4180 has it, and what a spreadsheet must not run. */
#include "cli/csv.h"

#include "tests/support/unit.h"

static void cell__each_kind__written(void **state)
{
	(void)state;
	static const struct {
		struct bytes in;
		const char *out;
	} cases[] = {
		{BYTES_LIT(""), ""},
		{BYTES_LIT("plain"), "plain"},
		{BYTES_LIT("a,b"), "\"a,b\""},
		{BYTES_LIT("say \"x\""), "\"say \"\"x\"\"\""},
		{BYTES_LIT("a\r\nb"), "\"a\r\nb\""},
		{BYTES_LIT("a\nb"), "\"a\nb\""},
		{BYTES_LIT(" edge"), "\" edge\""},
		{BYTES_LIT("edge "), "\"edge \""},
		{BYTES_LIT("a\0b"), "a?b"},
		{BYTES_LIT("\xff"), "?"},
		{BYTES_LIT("z\xc3\xbcrich"), "z\xc3\xbcrich"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out = {0};
		csv_cell(&out, cases[i].in, true);
		assert_string_equal(buf_str(&out) ? buf_str(&out) : "", cases[i].out);
		buf_release(&out);
	}
}

static void cell__formula_first__made_text(void **state)
{
	(void)state;
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"=1+1", "'=1+1"},
		{"=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"},
		{"=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""},
		{"+1", "'+1"},
		{"-1", "'-1"},
		{"@SUM(A1)", "'@SUM(A1)"},
		{"\t=1", "'\t=1"},
		{"\r=1", "\"'\r=1\""},
		{"\n=1", "\"'\n=1\""},
		{" =1", "\"' =1\""},
		{"\xef\xbc\x9d"
		 "1",
			"'\xef\xbc\x9d"
			"1"},
		{"\xef\xbc\x8b"
		 "1",
			"'\xef\xbc\x8b"
			"1"},
		{"\xef\xbc\x8d"
		 "1",
			"'\xef\xbc\x8d"
			"1"},
		{"\xef\xbc\xa0"
		 "1",
			"'\xef\xbc\xa0"
			"1"},
		{"1=1", "1=1"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out = {0};
		csv_cell(&out, bytes_str(cases[i].in), true);
		assert_string_equal(buf_str(&out), cases[i].out);
		buf_release(&out);
	}
}

static void line__cells__commas_between_and_crlf(void **state)
{
	(void)state;
	struct buf out = {0};
	csv_cell(&out, BYTES_LIT("a"), true);
	csv_cell(&out, BYTES_LIT(""), false);
	csv_cell(&out, BYTES_LIT("c"), false);
	csv_end(&out);
	assert_string_equal(buf_str(&out), "a,,c\r\n");
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cell__each_kind__written),
		cmocka_unit_test(cell__formula_first__made_text),
		cmocka_unit_test(line__cells__commas_between_and_crlf),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
