/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include "base/text.h"

#include <errno.h>
#include <string.h>

#include "tests/support/unit.h"

static void err_set__format__stores_code_and_text(void **state)
{
	struct err err = {0};

	(void)state;
	assert_false(err_set(&err, ERR_LIMIT, "event %d: more than %d", 7, 6));
	assert_int_equal(err.code, ERR_LIMIT);
	assert_string_equal(err.text, "event 7: more than 6");
}

static void err_set__own_text_as_argument__is_copied_first(void **state)
{
	struct err err = {0};

	(void)state;
	err_set(&err, ERR_IO, "cause");
	err_set(&err, ERR_IO, "again: %s", err.text);
	assert_string_equal(err.text, "again: cause");
}

static void err_set__too_long__is_cut_and_terminated(void **state)
{
	char text[2 * ERR_TEXT_MAX];
	struct err err = {0};

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	err_set(&err, ERR_FORMAT, "%s", text);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	err_wrap(&err, "%s", text);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
}

static void err_wrap__context__goes_in_front_and_keeps_the_code(void **state)
{
	struct err err = {0};

	(void)state;
	err_set(&err, ERR_FORMAT, "extraData: truncated");
	assert_false(err_wrap(&err, "TPMS_ATTEST"));
	err_wrap(&err, "host %s", "3f");
	assert_int_equal(err.code, ERR_FORMAT);
	assert_string_equal(err.text, "host 3f: TPMS_ATTEST: extraData: truncated");
}

static void err_wrap__nothing_set__is_internal_and_not_success(void **state)
{
	struct err err = {0};

	(void)state;
	err_wrap(&err, "context");
	assert_int_equal(err.code, ERR_INTERNAL);
	assert_string_equal(err.text, "context");
}

static void err_errno__number__maps_to_code(void **state)
{
	static const struct {
		int number;
		enum err_code code;
	} cases[] = {{ENOENT, ERR_NOT_FOUND}, {EACCES, ERR_DENIED}, {EPERM, ERR_DENIED},
		{ENOMEM, ERR_NOMEM}, {EIO, ERR_IO}, {EISDIR, ERR_IO}};
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_false(err_errno(&err, cases[i].number, "file %s", "x"));
		assert_int_equal(err.code, cases[i].code);
	}
	err_errno(&err, ENOENT, "file %s", "x");
	assert_string_equal(err.text, "file x: No such file or directory");
}

/* What others say in it steers no terminal, and JSON takes it also where it was cut in a character. */
static void err_set__control_characters_or_half_ones__become_question_marks(void **state)
{
	char long_text[2 * ERR_TEXT_MAX];
	struct err err = {0};

	(void)state;
	(void)err_set(&err, ERR_IO, "%s",
		"a\x1b[2J\nb\xc2\x9b"
		"c\xe2\x80\xae\xff\xc3\xbc\\x");
	assert_string_equal(err.text, "a?[2J?b??c????\xc3\xbc\\x");
	for (size_t shift = 0; shift < 2; shift++) {
		memset(long_text, 'x', shift);
		for (size_t i = shift; i + 1 < sizeof(long_text); i += 2)
			memcpy(long_text + i, "\xc3\xbc", 2);
		long_text[sizeof(long_text) - 1] = '\0';
		(void)err_set(&err, ERR_IO, "%s", long_text);
		assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
		assert_true(utf8_valid(bytes_str(err.text)));
		err_wrap(&err, "in");
		assert_true(utf8_valid(bytes_str(err.text)));
	}
}

static void err__null__is_accepted(void **state)
{
	(void)state;
	assert_false(err_set(NULL, ERR_IO, "x"));
	assert_false(err_wrap(NULL, "x"));
	assert_false(err_errno(NULL, EIO, "x"));
}

static void err_code_name__every_code__has_a_name(void **state)
{
	(void)state;
	for (unsigned code = 0; code < ERR_CODES; code++)
		assert_non_null(err_code_name((enum err_code)code));
	assert_string_equal(err_code_name(ERR_FORMAT), "format");
	assert_string_equal(err_code_name(ERR_CODES), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(err_set__format__stores_code_and_text),
		cmocka_unit_test(err_set__own_text_as_argument__is_copied_first),
		cmocka_unit_test(err_set__too_long__is_cut_and_terminated),
		cmocka_unit_test(err_wrap__context__goes_in_front_and_keeps_the_code),
		cmocka_unit_test(err_wrap__nothing_set__is_internal_and_not_success),
		cmocka_unit_test(err_errno__number__maps_to_code),
		cmocka_unit_test(err_set__control_characters_or_half_ones__become_question_marks),
		cmocka_unit_test(err__null__is_accepted),
		cmocka_unit_test(err_code_name__every_code__has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
