/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <stdlib.h>

#include "tests/support/unit.h"

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct buf));
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	buf_release(*state);
	free(*state);
	return 0;
}

static void hex__round_trip__is_lower_case(void **state)
{
	static const uint8_t in[] = {0x00, 0x7f, 0xab, 0xff};
	struct buf *out = *state;
	char text[9];

	hex_encode(BYTES_OF(in), text);
	assert_string_equal(text, "007fabff");
	buf_put_hex(out, BYTES_OF(in));
	assert_string_equal(buf_str(out), "007fabff");
	assert_true(hex_decode(BYTES_LIT("007FabFF"), 4, out, NULL));
	assert_bytes(buf_bytes(out), BYTES_OF(in));
	assert_true(hex_decode(BYTES_LIT(""), 4, out, NULL));
	assert_int_equal(out->len, 0);
}

static void hex_decode__bad_input__says_what_and_keeps_the_buffer(void **state)
{
	static const struct {
		const char *in;
		enum err_code code;
		const char *text;
	} cases[] = {
		{"abc", ERR_FORMAT, "hex: odd number of digits"},
		{"0g", ERR_FORMAT, "hex: not a hex digit at offset 1"},
		{" 00 ", ERR_FORMAT, "hex: not a hex digit at offset 0"},
		{"0x12", ERR_FORMAT, "hex: not a hex digit at offset 1"},
		{"0011223344", ERR_LIMIT, "hex: more than 4 bytes"},
	};
	struct buf *out = *state;
	struct err err;

	buf_put_str(out, "kept");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_fails(hex_decode(bytes_str(cases[i].in), 4, out, &err), err, cases[i].code,
			cases[i].text);
	assert_string_equal(buf_str(out), "kept");
}

static void hex_decode_exact__canonical_only(void **state)
{
	uint8_t out[2];
	struct err err;

	(void)state;
	assert_true(hex_decode_exact(BYTES_LIT("a1ff"), out, 2, NULL));
	assert_memory_equal(out, "\xa1\xff", 2);
	assert_fails(hex_decode_exact(BYTES_LIT("A1ff"), out, 2, &err), err, ERR_FORMAT,
		"hex: not a lower-case hex digit at offset 0");
	assert_fails(hex_decode_exact(BYTES_LIT("a1"), out, 2, &err), err, ERR_FORMAT,
		"hex: expected 2 bytes, found 2 digits");
	assert_fails(hex_decode_exact(BYTES_LIT("a1fff"), out, 2, &err), err, ERR_FORMAT,
		"hex: expected 2 bytes, found 5 digits");
}

/* RFC 4648 section 10, and the digits in which the alphabets differ. */
static const struct {
	struct bytes bytes;
	const char *std, *url;
} base64_cases[] = {
	{{(const uint8_t *)"", 0}, "", ""},
	{{(const uint8_t *)"f", 1}, "Zg==", "Zg"},
	{{(const uint8_t *)"fo", 2}, "Zm8=", "Zm8"},
	{{(const uint8_t *)"foo", 3}, "Zm9v", "Zm9v"},
	{{(const uint8_t *)"foob", 4}, "Zm9vYg==", "Zm9vYg"},
	{{(const uint8_t *)"fooba", 5}, "Zm9vYmE=", "Zm9vYmE"},
	{{(const uint8_t *)"foobar", 6}, "Zm9vYmFy", "Zm9vYmFy"},
	{{(const uint8_t *)"\xfb\xff\xbf", 3}, "+/+/", "-_-_"},
};

static void base64__vectors__both_ways(void **state)
{
	struct buf *out = *state;

	for (size_t i = 0; i < ARRAY_LEN(base64_cases); i++) {
		buf_clear(out);
		buf_put_base64(out, base64_cases[i].bytes, false);
		assert_string_equal(buf_str(out), base64_cases[i].std);
		buf_clear(out);
		buf_put_base64(out, base64_cases[i].bytes, true);
		assert_string_equal(buf_str(out), base64_cases[i].url);
		assert_true(base64_decode(bytes_str(base64_cases[i].std), false, 6, out, NULL));
		assert_bytes(buf_bytes(out), base64_cases[i].bytes);
		assert_true(base64_decode(bytes_str(base64_cases[i].url), true, 6, out, NULL));
		assert_bytes(buf_bytes(out), base64_cases[i].bytes);
	}
}

static void base64_decode__not_canonical__is_refused(void **state)
{
	static const struct {
		const char *in;
		bool url;
		const char *text;
	} cases[] = {
		{"Zg", false, "base64: length 2 is no multiple of 4"},
		{"Zg=", false, "base64: length 3 is no multiple of 4"},
		{"Zg==\n", false, "base64: length 5 is no multiple of 4"},
		{"Zh==", false, "base64: pad bits are not zero at offset 1"},
		{"Zm9=", false, "base64: pad bits are not zero at offset 2"},
		{"Z===", false, "base64: not in the alphabet at offset 1"},
		{"====", false, "base64: not in the alphabet at offset 0"},
		{"Zg==Zg==", false, "base64: not in the alphabet at offset 2"},
		{"-_-_", false, "base64: not in the alphabet at offset 0"},
		{"Zm 9", false, "base64: not in the alphabet at offset 2"},
		{"Zg==", true, "base64: not in the alphabet at offset 2"},
		{"+/+/", true, "base64: not in the alphabet at offset 0"},
		{"Zh", true, "base64: pad bits are not zero at offset 1"},
		{"Zm9vY", true, "base64: truncated at offset 5"},
	};
	struct buf *out = *state;
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_fails(base64_decode(bytes_str(cases[i].in), cases[i].url, 100, out, &err),
			err, ERR_FORMAT, cases[i].text);
	assert_int_equal(out->len, 0);
}

static void base64_decode__limit__counts_decoded_bytes(void **state)
{
	struct buf *out = *state;
	struct err err;

	assert_true(base64_decode(BYTES_LIT("Zm9vYmE="), false, 5, out, NULL));
	assert_fails(base64_decode(BYTES_LIT("Zm9vYmE="), false, 4, out, &err), err, ERR_LIMIT,
		"base64: more than 4 bytes");
}

static void utf8_valid__cases(void **state)
{
	static const struct {
		const char *in;
		bool valid;
	} cases[] = {
		{"", true},
		{"plain", true},
		{"\xc3\xbc \xe6\xb0\xb4 \xf0\x90\x85\x91", true},
		{"\xf4\x8f\xbf\xbf", true},
		{"\xf4\x90\x80\x80", false}, /* beyond U+10FFFF */
		{"\xed\xa0\x80", false}, /* surrogate */
		{"\xed\x9f\xbf", true}, /* last before the surrogates */
		{"\xc0\x80", false}, /* overlong */
		{"\xc1\xbf", false}, /* overlong */
		{"\xe0\x9f\xbf", false}, /* overlong */
		{"\xf0\x8f\xbf\xbf", false}, /* overlong */
		{"\x80", false}, /* continuation alone */
		{"\xc3", false}, /* truncated */
		{"\xe6\xb0", false}, /* truncated */
		{"\xf0\x90\x85", false}, /* truncated */
		{"\xc3z", false}, /* broken sequence */
		{"\xf8\x88\x80\x80\x80", false}, /* five bytes */
		{"\xff", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(utf8_valid(bytes_str(cases[i].in)), cases[i].valid);
	assert_true(utf8_valid(BYTES_LIT("a\0b")));
	for (size_t at = 0; at < 24; at++) {
		uint8_t text[24];

		memset(text, 'a', sizeof(text));
		text[at] = 0xff;
		assert_false(utf8_valid(BYTES_OF(text)));
		text[at] = 0xc3;
		assert_false(utf8_valid(BYTES_OF(text)));
		if (at + 1 < sizeof(text))
			text[at + 1] = 0xa9;
		assert_int_equal(utf8_valid(BYTES_OF(text)), at + 1 < sizeof(text));
	}
}

static void text_escape__untrusted__becomes_printable(void **state)
{
	static const struct {
		struct bytes in;
		const char *out;
	} cases[] = {
		{{(const uint8_t *)"a b", 3}, "a b"},
		{{(const uint8_t *)"a\nb\tc\\", 6}, "a\\nb\\tc\\\\"},
		{{(const uint8_t *)"\x1b[31m\r\0\x7f", 8}, "\\x1b[31m\\x0d\\x00\\x7f"},
		{{(const uint8_t *)"\xc3\xbc\xe6\xb0\xb4", 5}, "\xc3\xbc\xe6\xb0\xb4"},
		{{(const uint8_t *)"\xc2\x9b", 2}, "\\xc2\\x9b"}, /* C1: CSI */
		{{(const uint8_t *)"\xff\xc3", 2}, "\\xff\\xc3"},
		{{(const uint8_t *)"\xe2\x80\xae", 3}, "\\xe2\\x80\\xae"}, /* right-to-left */
		{{(const uint8_t *)"\xe2\x80\xa8", 3}, "\\xe2\\x80\\xa8"}, /* line separator */
		{{NULL, 0}, ""},
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(text_escape(cases[i].in, out, sizeof(out)), cases[i].out);
}

static void text_escape__too_long__ends_in_ellipsis_within_size(void **state)
{
	char out[16];

	(void)state;
	assert_string_equal(text_escape(BYTES_LIT("exactly 15 long"), out, 16), "exactly 15 long");
	assert_string_equal(text_escape(BYTES_LIT("now 16 bytes big"), out, 16), "now 16 bytes…");
	assert_string_equal(text_escape(BYTES_LIT("\1\1\1\1\1\1"), out, 16), "\\x01\\x01\\x01…");
	for (size_t size = 1; size < 16; size++) {
		memset(out, 'X', sizeof(out));
		text_escape(BYTES_LIT("\xc3\xbc\xc3\xbc\n\n\n\n\n\n\n\n\n"), out, size);
		assert_true(strlen(out) < size);
		assert_true(utf8_valid(bytes_str(out)));
	}
	assert_string_equal(ESC(BYTES_LIT("x\n")), "x\\n");
}

static void text_is_name__cases(void **state)
{
	static const struct {
		const char *in;
		bool valid;
	} cases[] = {
		{"ocr-agent", true},
		{"0a.b_c-d", true},
		{"", false},
		{".hidden", false},
		{"-rf", false},
		{"_x", false},
		{"a..b", false},
		{"a/b", false},
		{"A", false},
		{"a b", false},
		{"a\n", false},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(text_is_name(bytes_str(cases[i].in)), cases[i].valid);
}

static void text_short_hex__first_eight_bytes(void **state)
{
	char out[17];

	(void)state;
	assert_string_equal(text_short_hex(BYTES_LIT("0123456789"), out), "3031323334353637");
	assert_string_equal(text_short_hex(BYTES_LIT("01"), out), "3031");
}

static void text_append__no_room__cut_within_size(void **state)
{
	char out[8] = "";

	(void)state;
	text_append(out, sizeof(out), "%s", "");
	assert_string_equal(out, "");
	text_append(out, sizeof(out), "%s", "abc");
	text_append(out, sizeof(out), ", %d", 7);
	assert_string_equal(out, "abc, 7");
	text_append(out, sizeof(out), "%s", "xyz");
	assert_string_equal(out, "abc, 7x");
	text_append(out, sizeof(out), "%s", "y");
	assert_string_equal(out, "abc, 7x");
}

static void text_next_word__cut_at_each_separator__empty_words_too(void **state)
{
	struct bytes rest = BYTES_LIT("one::two");

	(void)state;
	assert_bytes(text_next_word(&rest, ':'), BYTES_LIT("one"));
	assert_bytes(text_next_word(&rest, ':'), BYTES_LIT(""));
	assert_bytes(rest, BYTES_LIT("two"));
	assert_bytes(text_next_word(&rest, ':'), BYTES_LIT("two"));
	assert_int_equal(rest.len, 0);
	assert_int_equal(text_next_word(&rest, ':').len, 0);
	rest = (struct bytes){0};
	assert_int_equal(text_next_word(&rest, ' ').len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(hex__round_trip__is_lower_case, setup, teardown),
		cmocka_unit_test_setup_teardown(
			hex_decode__bad_input__says_what_and_keeps_the_buffer, setup, teardown),
		cmocka_unit_test(hex_decode_exact__canonical_only),
		cmocka_unit_test_setup_teardown(base64__vectors__both_ways, setup, teardown),
		cmocka_unit_test_setup_teardown(
			base64_decode__not_canonical__is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			base64_decode__limit__counts_decoded_bytes, setup, teardown),
		cmocka_unit_test(utf8_valid__cases),
		cmocka_unit_test(text_escape__untrusted__becomes_printable),
		cmocka_unit_test(text_escape__too_long__ends_in_ellipsis_within_size),
		cmocka_unit_test(text_is_name__cases),
		cmocka_unit_test(text_short_hex__first_eight_bytes),
		cmocka_unit_test(text_next_word__cut_at_each_separator__empty_words_too),
		cmocka_unit_test(text_append__no_room__cut_within_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
