/* SPDX-License-Identifier: Apache-2.0 */
/* The signature that Linux appends to modules: its form alone. That it verifies is tested with IMA. */
#include "crypto/pkcs7.h"

#include "tests/support/unit.h"

/* SignedData, version 1, SHA-256, no content, issuer {} and serial number 5, RSA, signature "\xaa\xbb". */
static const uint8_t good[] = {0x30, 0x54, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01,
	0x07, 0x02, 0xa0, 0x47, 0x30, 0x45, 0x02, 0x01, 0x01, 0x31, 0x0d, 0x30, 0x0b, 0x06, 0x09,
	0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86,
	0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01, 0x31, 0x24, 0x30, 0x22, 0x02, 0x01, 0x01, 0x30,
	0x05, 0x30, 0x00, 0x02, 0x01, 0x05, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,
	0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x30, 0x02, 0x06, 0x00, 0x04, 0x03, 0xaa, 0xbb, 0xcc};

static struct pkcs7_detached p;
static struct err err;

static void parse__signed_data__digest_and_signature(void **state)
{
	(void)state;
	assert_ok(pkcs7_detached_parse(BYTES_OF(good), &p, &err), err);
	assert_int_equal(p.alg, DIGEST_SHA256);
	assert_bytes(p.signature, BYTES_LIT("\xaa\xbb\xcc"));
}

static void parse__changed__told(void **state)
{
	static const struct {
		size_t at;
		uint8_t byte;
		enum err_code code;
		const char *wanted;
	} cases[] = {
		{12, 0x03, ERR_FORMAT,
			"PKCS#7: contentType: another identifier at offset 13 of 86"},
		{47, 0x02, ERR_FORMAT,
			"PKCS#7: contentType: another identifier at offset 48 of 86"},
		{72, 0x09, ERR_UNSUPPORTED, "PKCS#7: digest algorithm is not SHA-2"},
	};
	uint8_t changed[sizeof(good)];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		memcpy(changed, good, sizeof(good));
		changed[cases[i].at] = cases[i].byte;
		assert_fails(pkcs7_detached_parse(BYTES_OF(changed), &p, &err), err, cases[i].code,
			cases[i].wanted);
	}
}

static void parse__cut_or_longer__refused(void **state)
{
	uint8_t longer[sizeof(good) + 1] = {0};

	(void)state;
	for (size_t len = 0; len < sizeof(good); len++)
		assert_false(pkcs7_detached_parse(bytes_of(good, len), &p, &err));
	memcpy(longer, good, sizeof(good));
	assert_false(pkcs7_detached_parse(BYTES_OF(longer), &p, &err));
	assert_int_equal(err.code, ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse__signed_data__digest_and_signature),
		cmocka_unit_test(parse__changed__told),
		cmocka_unit_test(parse__cut_or_longer__refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
