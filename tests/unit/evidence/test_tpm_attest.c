/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence/tpm.h"

#include "parse_check.h"
#include "tests/support/vectors.h"

static const uint8_t SIGNER[34] = {0x00, 0x0b, 1, 2, 3};
static const uint8_t NONCE[4] = {9, 8, 7, 6};
static const uint8_t DIGEST[32] = {0xaa};

static struct tpms_attest quote(void)
{
	return (struct tpms_attest){
		.magic = TPM_GENERATED_VALUE,
		.type = TPM_ST_ATTEST_QUOTE,
		.qualified_signer = BYTES_OF(SIGNER),
		.extra_data = BYTES_OF(NONCE),
		.clock = 0x0102030405060708,
		.reset_count = 7,
		.restart_count = 8,
		.safe = true,
		.firmware_version = 0x1122334455667788,
		.quote_selection = {.count = 1, .banks = {{TPM_ALG_SHA256, 0x010083}}},
		.quote_pcr_digest = BYTES_OF(DIGEST),
	};
}

static struct buf out;

static int teardown(void **state)
{
	(void)state;
	buf_release(&out);
	return 0;
}

static bool parse(struct bytes in, struct err *err)
{
	struct tpms_attest a;

	return tpms_attest_parse(in, &a, err);
}

static struct bytes encoded(const struct tpms_attest *a)
{
	buf_clear(&out);
	tpms_attest_put(&out, a);
	assert_false(out.failed);
	return buf_bytes(&out);
}

static void attest__quote__every_field_is_read(void **state)
{
	struct tpms_attest wanted = quote(), a;
	struct err err = {0};

	(void)state;
	assert_ok(tpms_attest_parse(encoded(&wanted), &a, &err), err);
	assert_int_equal(a.magic, wanted.magic);
	assert_int_equal(a.type, wanted.type);
	assert_bytes(a.qualified_signer, wanted.qualified_signer);
	assert_bytes(a.extra_data, wanted.extra_data);
	assert_true(a.clock == wanted.clock);
	assert_int_equal(a.reset_count, 7);
	assert_int_equal(a.restart_count, 8);
	assert_true(a.safe);
	assert_true(a.firmware_version == wanted.firmware_version);
	assert_true(tpml_pcr_selection_equal(&a.quote_selection, &wanted.quote_selection));
	assert_bytes(a.quote_pcr_digest, wanted.quote_pcr_digest);
}

static void attest__certify__names_are_read(void **state)
{
	struct tpms_attest wanted = quote(), a;
	struct err err = {0};

	(void)state;
	wanted.type = TPM_ST_ATTEST_CERTIFY;
	wanted.certify_name = BYTES_OF(SIGNER);
	wanted.certify_qualified_name = BYTES_OF(DIGEST);
	assert_ok(tpms_attest_parse(encoded(&wanted), &a, &err), err);
	assert_bytes(a.certify_name, BYTES_OF(SIGNER));
	assert_bytes(a.certify_qualified_name, BYTES_OF(DIGEST));
	assert_int_equal(a.quote_selection.count, 0);
}

static void attest__other_type__left_undecoded(void **state)
{
	struct tpms_attest wanted = quote(), a;
	struct err err = {0};

	(void)state;
	wanted.type = 0x8014;
	wanted.attested = BYTES_OF(DIGEST);
	assert_ok(tpms_attest_parse(encoded(&wanted), &a, &err), err);
	assert_bytes(a.attested, BYTES_OF(DIGEST));
	assert_int_equal(a.quote_pcr_digest.len, 0);
}

static void attest__prefixes_and_more__refused(void **state)
{
	struct tpms_attest a = quote();

	(void)state;
	assert_exact_length(parse, encoded(&a));
	parse_all_changes(parse, encoded(&a));
	a.type = TPM_ST_ATTEST_CERTIFY;
	a.certify_name = BYTES_OF(SIGNER);
	a.certify_qualified_name = BYTES_OF(SIGNER);
	assert_exact_length(parse, encoded(&a));
	parse_all_changes(parse, encoded(&a));
}

/* Offsets: 6 qualifiedSigner, 42 extraData, 64 safe, 73 selection count, 77 hash, 79 sizeofSelect,
 * 83 pcrDigest. */
static void attest__lying_sizes__refused_by_name(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		const char *text;
	} cases[] = {
		{6, 0xff, "TPMS_ATTEST: qualifiedSigner: too long at offset 6 of 117"},
		{7, 0xff, "TPMS_ATTEST: qualifiedSigner: too long at offset 6 of 117"},
		{42, 0xff, "TPMS_ATTEST: extraData: too long at offset 42 of 117"},
		{64, 2, "TPMS_ATTEST: safe: neither 0 nor 1 at offset 65 of 117"},
		{73, 0xff,
			"TPMS_ATTEST: pcrSelect count: more banks than any TPM has at offset 77 of "
			"117"},
		{76, 9,
			"TPMS_ATTEST: pcrSelect count: more banks than any TPM has at offset 77 of "
			"117"},
		{79, 4, "TPMS_ATTEST: sizeofSelect: not 3 at offset 80 of 117"},
		{84, 65, "TPMS_ATTEST: pcrDigest: too long at offset 83 of 117"},
	};
	struct tpms_attest a = quote();
	struct bytes whole = encoded(&a);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = {0};

		assert_fails(parse_changed(parse, whole, cases[i].at, cases[i].value, &err), err,
			ERR_FORMAT, cases[i].text);
	}
}

static void attest__beyond_the_limit__refused(void **state)
{
	static uint8_t large[TPM_ATTEST_MAX + 1];
	struct err err = {0};

	(void)state;
	assert_fails(parse(BYTES_OF(large), &err), err, ERR_LIMIT,
		"TPMS_ATTEST: 2049 bytes, more than 2048");
}

static void attest__put_of_parse__same_bytes(void **state)
{
	static const char *const files[] = {"made/tpm/quote.msg", "made/tpm/qr.msg",
		"made/tpm/cert.msg", "made/tpm/time.msg", "made/tpm/nv.msg", "made/tpm/nvd.msg",
		"made/tpm/cc.msg", "keylime/quote/quoteblob.bin", "swtpm-negative/badmagic.msg"};

	(void)state;
	if (!vectors_path("made/tpm/quote.msg"))
		skip();
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct buf in = {0};
		struct tpms_attest a;
		struct err err = {0};

		assert_true(vectors_read(files[i], &in));
		assert_ok(tpms_attest_parse(buf_bytes(&in), &a, &err), err);
		assert_bytes(encoded(&a), buf_bytes(&in));
		buf_release(&in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(attest__quote__every_field_is_read, teardown),
		cmocka_unit_test_teardown(attest__certify__names_are_read, teardown),
		cmocka_unit_test_teardown(attest__other_type__left_undecoded, teardown),
		cmocka_unit_test_teardown(attest__prefixes_and_more__refused, teardown),
		cmocka_unit_test_teardown(attest__lying_sizes__refused_by_name, teardown),
		cmocka_unit_test_teardown(attest__beyond_the_limit__refused, teardown),
		cmocka_unit_test_teardown(attest__put_of_parse__same_bytes, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
