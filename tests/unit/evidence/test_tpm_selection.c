/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence/tpm.h"

#include "parse_check.h"

static struct buf out;

static int teardown(void **state)
{
	(void)state;
	buf_release(&out);
	return 0;
}

static void selection__text__round_trips(void **state)
{
	static const char *const texts[] = {
		"sha256:0,1,7,16", "sha1:0", "sha256:0,1,7+sha384:0,23", "sha512:9,10"};
	struct tpml_pcr_selection s;
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		buf_clear(&out);
		assert_ok(tpml_pcr_selection_of_text(bytes_str(texts[i]), &s, &err), err);
		tpml_pcr_selection_text(&s, &out);
		assert_string_equal(buf_str(&out), texts[i]);
	}
}

static void selection__bad_text__refused(void **state)
{
	static const struct {
		const char *in, *text;
		enum err_code code;
	} cases[] = {
		{"", "PCR selection: \"\" is not of the form sha256:0,1,7", ERR_FORMAT},
		{"sha256", "PCR selection: \"sha256\" is not of the form sha256:0,1,7", ERR_FORMAT},
		{"md5:0", "PCR selection: \"md5:0\" is not of the form sha256:0,1,7", ERR_FORMAT},
		{"sha256:", "PCR selection: \"\" is no PCR from 0 to 23", ERR_FORMAT},
		{"sha256:24", "PCR selection: \"24\" is no PCR from 0 to 23", ERR_FORMAT},
		{"sha256:01", "PCR selection: \"01\" is no PCR from 0 to 23", ERR_FORMAT},
		{"sha256:-1", "PCR selection: \"-1\" is no PCR from 0 to 23", ERR_FORMAT},
		{"sha256:1,", "PCR selection: \"\" is no PCR from 0 to 23", ERR_FORMAT},
		{"sha256:1,1", "PCR selection: PCR 1 stands twice", ERR_FORMAT},
		{"sha256:1+sha256:2", "PCR selection: bank sha256 stands twice", ERR_FORMAT},
		{"sha256:1+", "PCR selection: \"\" is not of the form sha256:0,1,7", ERR_FORMAT},
	};
	struct tpml_pcr_selection s;
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_fails(tpml_pcr_selection_of_text(bytes_str(cases[i].in), &s, &err), err,
			cases[i].code, cases[i].text);
}

static void selection__put__is_the_wire_form(void **state)
{
	struct tpml_pcr_selection s;
	struct err err = {0};
	struct buf wanted = {0};

	(void)state;
	assert_ok(tpml_pcr_selection_of_text(BYTES_LIT("sha256:0,1,7,16"), &s, &err), err);
	tpml_pcr_selection_put(&out, &s);
	assert_bytes(buf_bytes(&out), unhex("00000001000b03830001", &wanted));
	buf_release(&wanted);
}

static void selection__any_difference__is_unequal(void **state)
{
	static const char *const others[] = {
		"sha256:0", "sha256:0,1,2", "sha384:0,1", "sha256:0,1+sha384:0"};
	struct tpml_pcr_selection a, b;
	struct err err = {0};

	(void)state;
	assert_ok(tpml_pcr_selection_of_text(BYTES_LIT("sha256:0,1"), &a, &err), err);
	b = a;
	assert_true(tpml_pcr_selection_equal(&a, &b));
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		assert_ok(tpml_pcr_selection_of_text(bytes_str(others[i]), &b, &err), err);
		assert_false(tpml_pcr_selection_equal(&a, &b));
	}
}

static void selection__unknown_bank__shown_by_number(void **state)
{
	const struct tpml_pcr_selection s = {.count = 1, .banks = {{0x0012, 3}}};

	(void)state;
	tpml_pcr_selection_text(&s, &out);
	assert_string_equal(buf_str(&out), "alg-0012:0,1");
}

static void pcr_extend__zeros__known_answer(void **state)
{
	uint8_t value[32] = {0};
	struct buf digest = {0}, wanted = {0};
	struct err err = {0};

	(void)state;
	/* SHA-256 of 64 zero bytes. */
	unhex("0000000000000000000000000000000000000000000000000000000000000000", &digest);
	assert_ok(pcr_extend(DIGEST_SHA256, value, digest.data, &err), err);
	assert_bytes(BYTES_OF(value),
		unhex("f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b", &wanted));
	buf_release(&digest);
	buf_release(&wanted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(selection__text__round_trips, teardown),
		cmocka_unit_test_teardown(selection__bad_text__refused, teardown),
		cmocka_unit_test_teardown(selection__put__is_the_wire_form, teardown),
		cmocka_unit_test_teardown(selection__any_difference__is_unequal, teardown),
		cmocka_unit_test_teardown(selection__unknown_bank__shown_by_number, teardown),
		cmocka_unit_test_teardown(pcr_extend__zeros__known_answer, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
