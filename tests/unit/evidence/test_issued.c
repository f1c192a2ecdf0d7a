/* SPDX-License-Identifier: Apache-2.0 */
/* Which decision a credential names: certificates and tokens, as anybody may show them. */
#include "evidence/issued.h"

#include "base/text.h"
#include "crypto/jws.h"
#include "evidence/names.h"
#include "tests/support/unit.h"

static struct key *key;
static struct buf out, token, der;
static uint8_t found[SHA256_LEN];
static struct err err;

#define HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static int group_setup(void **state)
{
	(void)state;
	assert_ok(key_generate(KEY_EC_P256, &key, &err), err);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	key_unref(&key);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&out);
	buf_release(&token);
	buf_release(&der);
	return 0;
}

static void token_of(const char *claims)
{
	buf_clear(&token);
	assert_ok(jws_sign(key, "JWT", bytes_str(claims), &token, &err), err);
}

static void token__with_a_decision__named(void **state)
{
	uint8_t wanted[SHA256_LEN];

	(void)state;
	assert_ok(hex_decode_exact(bytes_str(HEX), wanted, SHA256_LEN, &err), err);
	token_of("{\"sub\":\"spiffe://x/y\",\"assay\":{\"decision\":\"" HEX "\",\"key\":\"tpm\"}}");
	assert_ok(issued_token_decision(buf_bytes(&token), found, &err), err);
	assert_memory_equal(found, wanted, SHA256_LEN);
	buf_put_str(&token, "\r\n");
	memset(found, 0, sizeof(found));
	assert_ok(issued_any_decision(buf_bytes(&token), found, &err), err);
	assert_memory_equal(found, wanted, SHA256_LEN);
}

static void token__without_a_decision__says_so(void **state)
{
	static const char *const claims[] = {"{}", "{\"assay\":{}}", "{\"assay\":{\"decision\":7}}",
		"{\"assay\":{\"decision\":\"00\"}}", "{\"assay\":\"x\"}", "[]",
		"{\"assay\":{\"decision\":\"" HEX "00\"}}"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(claims); i++) {
		token_of(claims[i]);
		assert_fails(issued_any_decision(buf_bytes(&token), found, &err), err,
			ERR_NOT_FOUND, "token: names no decision");
	}
}

static void token__that_is_none__refused(void **state)
{
	static const char *const no_tokens[] = {"", ".", "a", "a.b", "\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(no_tokens); i++)
		assert_fails(issued_any_decision(bytes_str(no_tokens[i]), found, &err), err,
			ERR_FORMAT, "token: not three parts of at most 65536 bytes");
	assert_false(issued_any_decision(bytes_str("a.!.c"), found, &err));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_false(issued_any_decision(bytes_str("a.YQ.c"), found, &err));
	assert_non_null(strstr(err.text, "token: claims"));
}

static void cert_of(const uint8_t *value, size_t len)
{
	struct cert_request request = {
		.subject = key,
		.uri = "spiffe://bank.example/x",
		.not_before = 1800000000,
		.not_after = 1900000000,
		.serial = (const uint8_t[16]){1},
	};
	struct cert *ca = NULL;

	buf_clear(&der);
	if (value) {
		request.extensions[0].oid = OID_DECISION_LEAF;
		request.extensions[0].value = bytes_of(value, len);
		request.extension_count = 1;
	}
	assert_ok(cert_issue_der(&request, ca, key, &der, &err), err);
}

static void certificate__with_and_without_a_decision(void **state)
{
	uint8_t value[2 + SHA256_LEN] = {0x04, SHA256_LEN};

	(void)state;
	for (size_t i = 0; i < SHA256_LEN; i++)
		value[2 + i] = (uint8_t)i;
	cert_of(value, sizeof(value));
	assert_ok(issued_any_decision(buf_bytes(&der), found, &err), err);
	assert_memory_equal(found, value + 2, SHA256_LEN);
	cert_of(NULL, 0);
	assert_fails(issued_any_decision(buf_bytes(&der), found, &err), err, ERR_NOT_FOUND,
		"credential: the certificate names no decision");
	value[1]--;
	cert_of(value, sizeof(value) - 1);
	assert_false(issued_any_decision(buf_bytes(&der), found, &err));
	value[0] = 0x0c;
	value[1]++;
	cert_of(value, sizeof(value));
	assert_false(issued_any_decision(buf_bytes(&der), found, &err));
	assert_false(issued_any_decision(BYTES_LIT("\x30\x00"), found, &err));
	assert_false(issued_any_decision(BYTES_LIT("-----BEGIN CERTIFICATE-----"), found, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(token__with_a_decision__named, teardown),
		cmocka_unit_test_teardown(token__without_a_decision__says_so, teardown),
		cmocka_unit_test_teardown(token__that_is_none__refused, teardown),
		cmocka_unit_test_teardown(certificate__with_and_without_a_decision, teardown),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
