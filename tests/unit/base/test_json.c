/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <stdlib.h>

#include "tests/support/unit.h"

struct fixture {
	struct buf buf;
	json_t *value;
	struct err err;
	struct json_fields fields;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (!f)
		return -1;
	f->fields = json_fields_of("release");
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	buf_release(&f->buf);
	json_release(&f->value);
	free(f);
	return 0;
}

static json_t *open_text(struct fixture *f, const char *text)
{
	json_release(&f->value);
	assert_ok(json_open(bytes_str(text), JSON_INPUT_MAX, &f->value, &f->err), f->err);
	f->fields = json_fields_of("release");
	return f->value;
}

static void json_open__not_strict__is_refused(void **state)
{
	static const struct {
		struct bytes in;
		const char *text;
	} cases[] = {
		{{NULL, 0}, "JSON: line 1, column 0: '[' or '{' expected near end of file"},
		{BYTES_LIT("{\"a\":1,\"a\":2}"),
			"JSON: line 1, column 10: duplicate object key near '\"a\"'"},
		{BYTES_LIT("{\"a\":{\"b\":1,\"\\u0062\":2}}"),
			"JSON: line 1, column 20: duplicate object key near '\"\\\\u0062\"'"},
		{BYTES_LIT("{} {}"), "JSON: line 1, column 4: end of file expected near '{'"},
		{BYTES_LIT("{}\0"),
			"JSON: line 1, column 3: end of file expected near end of file"},
		{BYTES_LIT("\"text\""),
			"JSON: line 1, column 6: '[' or '{' expected near '\"text\"'"},
		{BYTES_LIT("[1,]"), "JSON: line 1, column 4: unexpected token near ']'"},
		{BYTES_LIT("[01]"), "JSON: line 1, column 2: invalid token near '0'"},
		{BYTES_LIT("[NaN]"), "JSON: line 1, column 4: invalid token near 'NaN'"},
		{BYTES_LIT("['a']"), "JSON: line 1, column 2: invalid token near '''"},
		{BYTES_LIT("[9223372036854775808]"),
			"JSON: line 1, column 20: too big integer near '9223372036854775808'"},
		{BYTES_LIT("[1e999]"), "JSON: line 1, column 6: real number overflow near '1e999'"},
		{BYTES_LIT("[\"\\u0000\"]"), "JSON: line 1, column 9: \\\\u0000 is not allowed"
					     " without JSON_ALLOW_NUL near '\"\\\\u0000\"'"},
		{BYTES_LIT("[\"\\ud800\"]"),
			"JSON: line 1, column 9: invalid Unicode '\\\\uD800' near '\"\\\\ud800\"'"},
		{BYTES_LIT("\xef\xbb\xbf{}"), ""},
		{BYTES_LIT("[\"\xff\"]"), ""},
		{BYTES_LIT("[\"\xed\xa0\x80\"]"), ""},
		{BYTES_LIT("[\"\xc0\x80\"]"), ""},
		{BYTES_LIT("[\"a\nb\"]"), ""},
		{BYTES_LIT("[\"a\0b\"]"), ""},
		{BYTES_LIT("[1"), ""},
		{BYTES_LIT("// comment\n{}"), ""},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		f->err = (struct err){0};
		assert_false(json_open(cases[i].in, 1000, &f->value, &f->err));
		assert_int_equal(f->err.code, ERR_FORMAT);
		assert_null(f->value);
		if (cases[i].text[0])
			assert_string_equal(f->err.text, cases[i].text);
	}
}

static void json_open__limits__hold(void **state)
{
	struct fixture *f = *state;

	assert_fails(json_open(BYTES_LIT("[1,2]"), 4, &f->value, &f->err), f->err, ERR_LIMIT,
		"JSON: 5 bytes, more than 4");
	for (int i = 0; i < JSON_DEPTH_MAX; i++)
		buf_put_str(&f->buf, "[");
	buf_put_str(&f->buf, "\"[[[[\\\"[[[[\"");
	for (int i = 0; i < JSON_DEPTH_MAX; i++)
		buf_put_str(&f->buf, "]");
	assert_ok(json_open(buf_bytes(&f->buf), 1000, &f->value, &f->err), f->err);
	buf_clear(&f->buf);
	for (int i = 0; i < 100000; i++)
		buf_put_str(&f->buf, i % 2 ? "[" : "{\"a\":");
	json_release(&f->value);
	assert_fails(json_open(buf_bytes(&f->buf), JSON_INPUT_MAX, &f->value, &f->err), f->err,
		ERR_LIMIT, "JSON: nested deeper than 32");
}

static void json_fields__present__are_read(void **state)
{
	static const char *const keys[] = {"s", "i", "t", "o", "a", "h", NULL};
	struct fixture *f = *state;
	const json_t *o = open_text(
		f, "{\"s\":\"text\",\"i\":-7,\"t\":true,\"o\":{},\"a\":[1,2],\"h\":\"00ff\"}");
	uint8_t hex[2];

	assert_string_equal(json_need_str(&f->fields, o, "s", 4), "text");
	assert_string_equal(json_want_str(&f->fields, o, "s", 4), "text");
	assert_null(json_want_str(&f->fields, o, "none", 4));
	assert_int_equal(json_need_int(&f->fields, o, "i", -7, -7), -7);
	assert_int_equal(json_want_int(&f->fields, o, "i", -7, 0, 3), -7);
	assert_int_equal(json_want_int(&f->fields, o, "none", -7, 0, 3), 3);
	assert_true(json_want_bool(&f->fields, o, "t", false));
	assert_true(json_want_bool(&f->fields, o, "none", true));
	assert_non_null(json_need_object(&f->fields, o, "o"));
	assert_int_equal(json_array_size(json_need_array(&f->fields, o, "a", 2)), 2);
	assert_non_null(json_want_array(&f->fields, o, "a", 2));
	assert_null(json_want_array(&f->fields, o, "none", 2));
	json_need_hex(&f->fields, o, "h", hex, 2);
	assert_memory_equal(hex, "\0\xff", 2);
	json_only_keys(&f->fields, o, keys);
	assert_ok(json_fields_ok(&f->fields, &f->err), f->err);
}

static void need_str(struct json_fields *f, const json_t *o)
{
	assert_string_equal(json_need_str(f, o, "k", 3), "");
}
static void want_str(struct json_fields *f, const json_t *o)
{
	assert_null(json_want_str(f, o, "k", 3));
}
static void need_int(struct json_fields *f, const json_t *o)
{
	assert_int_equal(json_need_int(f, o, "k", 1, 5), 0);
}
static void want_int(struct json_fields *f, const json_t *o)
{
	assert_int_equal(json_want_int(f, o, "k", 1, 5, 4), 4);
}
static void want_bool(struct json_fields *f, const json_t *o)
{
	assert_false(json_want_bool(f, o, "k", false));
}
static void need_object(struct json_fields *f, const json_t *o)
{
	assert_null(json_need_object(f, o, "k"));
}
static void need_array(struct json_fields *f, const json_t *o)
{
	assert_null(json_need_array(f, o, "k", 1));
}
static void want_array(struct json_fields *f, const json_t *o)
{
	assert_null(json_want_array(f, o, "k", 1));
}
static void need_hex(struct json_fields *f, const json_t *o)
{
	uint8_t out[2] = {7, 7};

	json_need_hex(f, o, "k", out, 2);
	assert_memory_equal(out, "\0\0", 2);
}
static void only_keys(struct json_fields *f, const json_t *o)
{
	static const char *const keys[] = {"a", NULL};

	json_only_keys(f, o, keys);
}

static const struct {
	void (*read)(struct json_fields *f, const json_t *o);
	const char *json, *text;
} faults[] = {
	{need_str, "{}", "release: k: missing"},
	{need_str, "[]", "release: k: expected inside an object"},
	{need_str, "{\"k\":1}", "release: k: expected a string"},
	{need_str, "{\"k\":null}", "release: k: expected a string"},
	{need_str, "{\"k\":\"four\"}", "release: k: too long"},
	{want_str, "{\"k\":null}", "release: k: expected a string"},
	{want_str, "{\"k\":\"four\"}", "release: k: too long"},
	{need_int, "{}", "release: k: missing"},
	{need_int, "{\"k\":\"1\"}", "release: k: expected an integer"},
	{need_int, "{\"k\":1.0}", "release: k: expected an integer"},
	{need_int, "{\"k\":0}", "release: k: out of range"},
	{need_int, "{\"k\":6}", "release: k: out of range"},
	{want_int, "{\"k\":6}", "release: k: out of range"},
	{want_int, "{\"k\":true}", "release: k: expected an integer"},
	{want_bool, "{\"k\":1}", "release: k: expected true or false"},
	{need_object, "{\"k\":[]}", "release: k: expected an object"},
	{need_object, "{}", "release: k: missing"},
	{need_array, "{\"k\":{}}", "release: k: expected an array"},
	{need_array, "{}", "release: k: missing"},
	{need_array, "{\"k\":[1,2]}", "release: k: too many items"},
	{want_array, "{\"k\":\"\"}", "release: k: expected an array"},
	{need_hex, "{\"k\":\"00\"}", "release: k: expected lower-case hex of the right length"},
	{need_hex, "{\"k\":\"00FF\"}", "release: k: expected lower-case hex of the right length"},
	{need_hex, "{\"k\":\"00fg\"}", "release: k: expected lower-case hex of the right length"},
	{need_hex, "{}", "release: k: missing"},
	{only_keys, "{\"a\":1,\"b\\n\":2}", "release: b\\n: unknown key"},
	{only_keys, "[]", "release: top level: expected an object"},
};

static void json_fields__wrong__first_fault_stands(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		const json_t *o = open_text(f, faults[i].json);

		faults[i].read(&f->fields, o);
		json_need_str(&f->fields, o, "later", 3);
		assert_fails(
			json_fields_ok(&f->fields, &f->err), f->err, ERR_FORMAT, faults[i].text);
	}
}

static void json_fields__after_a_fault_or_without_an_object__yield_nothing(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		const json_t *o = open_text(f, "{\"k\":\"00ff\"}");

		json_fields_fail(&f->fields, "first", "made to fail");
		faults[i].read(&f->fields, o);
		faults[i].read(&f->fields, NULL);
		assert_fails(json_fields_ok(&f->fields, &f->err), f->err, ERR_FORMAT,
			"release: first: made to fail");
	}
}

static void json_write__compact_and_pretty__sort_keys(void **state)
{
	struct fixture *f = *state;
	const json_t *o = open_text(f, "{ \"b\" : [ 1, true, null ], \"a\" : \"\\u00fc\\n/\" }");

	assert_ok(json_write(o, false, &f->buf, &f->err), f->err);
	assert_string_equal(buf_str(&f->buf), "{\"a\":\"\xc3\xbc\\n/\",\"b\":[1,true,null]}");
	buf_clear(&f->buf);
	assert_ok(json_write(o, true, &f->buf, &f->err), f->err);
	assert_string_equal(buf_str(&f->buf),
		"{\n  \"a\": \"\xc3\xbc\\n/\",\n  \"b\": [\n    1,\n    true,\n    null\n  ]\n}\n");
}

static void json_write__no_value__keeps_what_is_there(void **state)
{
	struct fixture *f = *state;

	buf_put_str(&f->buf, "kept");
	assert_fails(json_write(NULL, false, &f->buf, &f->err), f->err, ERR_INTERNAL,
		"JSON: a value that cannot be written");
	assert_string_equal(buf_str(&f->buf), "kept");
	f->buf.failed = true;
	assert_fails(json_write(open_text(f, "[]"), false, &f->buf, &f->err), f->err, ERR_NOMEM,
		"out of memory");
}

static void json_put_string__every_character__as_json_write(void **state)
{
	struct fixture *f = *state;
	OWNED(buf_release) struct buf out = {0};

	for (unsigned c = 1; c < 0x80; c++) {
		const char text[] = {'a', (char)c, '\xc3', '\xa9', (char)c, 0};
		OWNED(json_release) json_t *value = json_string(text);

		buf_clear(&f->buf);
		buf_clear(&out);
		assert_ok(json_write(value, false, &f->buf, &f->err), f->err);
		json_put_string(&out, text);
		assert_ok(buf_ok(&out, &f->err), f->err);
		assert_string_equal(buf_str(&out), buf_str(&f->buf));
	}
	json_put_string(&out, "\xff");
	assert_true(out.failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(json_open__not_strict__is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(json_open__limits__hold, setup, teardown),
		cmocka_unit_test_setup_teardown(json_fields__present__are_read, setup, teardown),
		cmocka_unit_test_setup_teardown(
			json_fields__wrong__first_fault_stands, setup, teardown),
		cmocka_unit_test_setup_teardown(
			json_fields__after_a_fault_or_without_an_object__yield_nothing, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			json_write__compact_and_pretty__sort_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(
			json_write__no_value__keeps_what_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(
			json_put_string__every_character__as_json_write, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
