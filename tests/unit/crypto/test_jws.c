/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/text.h"
#include "crypto/jws.h"

static struct key *p256, *p384, *rsa;

static struct key *key;
static struct buf a, b, claims;
static json_t *json;
static struct err err;

static int group_setup(void **state)
{
	(void)state;
	return key_generate(KEY_EC_P256, &p256, &err) && key_generate(KEY_EC_P384, &p384, &err) &&
			       key_generate(KEY_RSA, &rsa, &err)
		       ? 0
		       : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	key_unref(&p256);
	key_unref(&p384);
	key_unref(&rsa);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	err = (struct err){0};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	key_unref(&key);
	buf_release(&a);
	buf_release(&b);
	buf_release(&claims);
	json_release(&json);
	return 0;
}

/* RFC 7515 appendix A.3. */
#define RFC_HEADER "eyJhbGciOiJFUzI1NiJ9"
#define RFC_CLAIMS                                                                                 \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0" \
	"cnVlfQ"
#define RFC_SIGNATURE                                                                              \
	"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
#define RFC_TOKEN RFC_HEADER "." RFC_CLAIMS "." RFC_SIGNATURE

static void rfc_key(void)
{
	assert_true(base64_decode(
		BYTES_LIT("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"), true, 32, &a, &err));
	assert_true(base64_decode(
		BYTES_LIT("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"), true, 32, &b, &err));
	assert_true(key_from_ec_point(KEY_EC_P256, buf_bytes(&a), buf_bytes(&b), &key, &err));
	buf_clear(&a);
	buf_clear(&b);
}

static void jws_verify__rfc_7515_example__verifies(void **state)
{
	(void)state;
	rfc_key();
	assert_true(jws_verify(BYTES_LIT(RFC_TOKEN), key, NULL, &claims, &err));
	assert_non_null(strstr(buf_str(&claims), "\"iss\":\"joe\""));
}

static void jwk_thumbprint__rfc_key__computed_elsewhere(void **state)
{
	(void)state;
	rfc_key();
	assert_true(jwk_thumbprint(key, &a, &err));
	assert_string_equal(buf_str(&a), "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
}

static void jws_sign__claims__verify_and_come_back(void **state)
{
	(void)state;
	assert_true(jws_sign(p256, "JWT", BYTES_LIT("{\"sub\":\"a\"}"), &a, &err));
	assert_true(jws_verify(buf_bytes(&a), p256, "JWT", &claims, &err));
	assert_string_equal(buf_str(&claims), "{\"sub\":\"a\"}");
}

static void jws_sign__header__alg_kid_typ(void **state)
{
	char *dot;

	(void)state;
	assert_true(jws_sign(p256, "JWT", BYTES_LIT("{}"), &a, &err));
	dot = strchr(buf_str(&a), '.');
	assert_true(base64_decode(
		bytes_of(a.data, (size_t)(dot - (char *)a.data)), true, 4096, &b, &err));
	assert_true(json_open(buf_bytes(&b), 4096, &json, &err));
	assert_int_equal(json_object_size(json), 3);
	assert_string_equal(json_string_value(json_object_get(json, "alg")), "ES256");
	assert_string_equal(json_string_value(json_object_get(json, "typ")), "JWT");
	buf_clear(&b);
	assert_true(jwk_thumbprint(p256, &b, &err));
	assert_string_equal(json_string_value(json_object_get(json, "kid")), buf_str(&b));
}

static void jws_verify__wrong_key__refused(void **state)
{
	(void)state;
	assert_false(jws_verify(BYTES_LIT(RFC_TOKEN), p256, NULL, &claims, &err));
	assert_int_equal(err.code, ERR_MISMATCH);
	assert_string_equal(err.text, "JWS: signature: does not verify with this ECDSA P-256 key");
	assert_int_equal(claims.len, 0);
}

static void jws_verify__any_character_changed__refused(void **state)
{
	(void)state;
	rfc_key();
	buf_put(&a, BYTES_LIT(RFC_TOKEN));
	for (size_t i = 0; i < a.len; i++) {
		uint8_t before = a.data[i];

		a.data[i] = before == 'A' ? 'B' : 'A';
		assert_false(jws_verify(buf_bytes(&a), key, NULL, &claims, &err));
		a.data[i] = before;
	}
	assert_int_equal(claims.len, 0);
}

static void jws_verify__truncated_anywhere__refused(void **state)
{
	(void)state;
	rfc_key();
	for (size_t len = 0; len < sizeof(RFC_TOKEN) - 1; len++)
		assert_false(jws_verify(bytes_of(RFC_TOKEN, len), key, NULL, &claims, &err));
}

/* A token with this header and a signature that is good over it: only the header is at fault. */
static void token_with_header(const char *header)
{
	struct buf signature = {0};

	buf_clear(&a);
	buf_put_base64(&a, bytes_str(header), true);
	buf_put_str(&a, ".e30");
	assert_true(key_sign(p256, SIGN_ECDSA_RAW, DIGEST_SHA256, buf_bytes(&a), &signature, &err));
	buf_put_u8(&a, '.');
	buf_put_base64(&a, buf_bytes(&signature), true);
	buf_release(&signature);
}

static const struct {
	const char *header, *typ, *text;
} bad_headers[] = {
	{"{\"alg\":\"none\"}", NULL, "JWS header: alg: \"none\", expected ES256"},
	{"{\"alg\":\"None\"}", NULL, "JWS header: alg: \"None\", expected ES256"},
	{"{\"alg\":\"HS256\"}", NULL, "JWS header: alg: \"HS256\", expected ES256"},
	{"{\"alg\":\"RS256\"}", NULL, "JWS header: alg: \"RS256\", expected ES256"},
	{"{\"alg\":\"ES384\"}", NULL, "JWS header: alg: \"ES384\", expected ES256"},
	{"{\"alg\":\"\"}", NULL, "JWS header: alg: \"\", expected ES256"},
	{"{\"alg\":null}", NULL, "JWS header: alg: expected a string"},
	{"{}", NULL, "JWS header: alg: missing"},
	{"[]", NULL, "JWS header: alg: expected inside an object"},
	{"{\"alg\":\"ES256\",\"crit\":[\"b64\"],\"b64\":false}", NULL,
		"JWS header: crit: extensions are not understood"},
	{"{\"alg\":\"ES256\",\"crit\":[]}", NULL,
		"JWS header: crit: extensions are not understood"},
	{"{\"alg\":\"ES256\",\"typ\":\"JWT\"}", "ear+jwt",
		"JWS header: typ: \"JWT\", expected ear+jwt"},
	{"{\"alg\":\"ES256\"}", "JWT", "JWS header: typ: \"\", expected JWT"},
	{"{\"alg\":\"ES256\",\"typ\":1}", NULL, "JWS header: typ: expected a string"},
	{"{\"alg\":\"ES256\"} x", NULL,
		"JWS header: JSON: line 1, column 17: end of file expected near 'x'"},
};

static void jws_verify__bad_headers__refused_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_headers); i++) {
		token_with_header(bad_headers[i].header);
		assert_false(jws_verify(buf_bytes(&a), p256, bad_headers[i].typ, &claims, &err));
		assert_string_equal(err.text, bad_headers[i].text);
	}
	token_with_header("{\"alg\":\"none\",\"alg\":\"ES256\"}");
	assert_false(jws_verify(buf_bytes(&a), p256, NULL, &claims, &err));
	assert_non_null(strstr(err.text, "duplicate object key"));
	token_with_header("{\"alg\":\"ES256\",\"jwk\":{},\"x5u\":\"http://evil.example\"}");
	assert_true(jws_verify(buf_bytes(&a), p256, NULL, &claims, &err)); /* hints are ignored */
}

static const struct {
	const char *token;
	enum err_code code;
	const char *text;
} bad_tokens[] = {
	{"", ERR_FORMAT, "JWS: expected three parts"},
	{".", ERR_FORMAT, "JWS: expected three parts"},
	{RFC_HEADER "." RFC_CLAIMS, ERR_FORMAT, "JWS: expected three parts"},
	{RFC_TOKEN ".", ERR_FORMAT, "JWS signature: base64: "},
	{RFC_TOKEN "=", ERR_FORMAT, "JWS signature: base64: "},
	{RFC_TOKEN "\n", ERR_FORMAT, "JWS signature: base64: "},
	{RFC_HEADER "." RFC_CLAIMS ".", ERR_FORMAT, "JWS: signature: 0 bytes, expected 64"},
	{RFC_HEADER "." RFC_CLAIMS "." RFC_SIGNATURE "AAAA", ERR_FORMAT, "JWS signature: base64: "},
	{RFC_HEADER "." RFC_CLAIMS "=." RFC_SIGNATURE, ERR_FORMAT, "JWS claims: base64: "},
	{"." RFC_CLAIMS "." RFC_SIGNATURE, ERR_FORMAT, "JWS header: JSON: "},
};

static void jws_verify__bad_tokens__refused(void **state)
{
	(void)state;
	rfc_key();
	for (size_t i = 0; i < ARRAY_LEN(bad_tokens); i++) {
		assert_false(jws_verify(bytes_str(bad_tokens[i].token), key, NULL, &claims, &err));
		if (!strstr(err.text, bad_tokens[i].text))
			fail_msg("%zu: %s", i, err.text);
	}
}

static void jws_verify__zero_signature__refused(void **state)
{
	static const uint8_t zeros[64];

	(void)state;
	buf_put_str(&a, RFC_HEADER "." RFC_CLAIMS ".");
	buf_put_base64(&a, BYTES_OF(zeros), true);
	assert_false(jws_verify(buf_bytes(&a), p256, NULL, &claims, &err));
	assert_int_equal(err.code, ERR_MISMATCH);
}

static void jws__too_long__refused(void **state)
{
	(void)state;
	assert_non_null(buf_extend(&b, JWS_MAX));
	memset(b.data, ' ', b.len);
	assert_false(jws_sign(p256, "JWT", buf_bytes(&b), &a, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	assert_int_equal(a.len, 0);
	buf_put_u8(&b, ' ');
	assert_false(jws_verify(buf_bytes(&b), p256, NULL, &claims, &err));
	assert_string_equal(err.text, "JWS: 65537 bytes, at most 65536");
}

static void jws__other_key_types__refused(void **state)
{
	struct key *const others[] = {p384, rsa};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		assert_false(jws_sign(others[i], "JWT", BYTES_LIT("{}"), &a, &err));
		assert_int_equal(err.code, ERR_FORMAT);
		assert_false(jws_verify(BYTES_LIT(RFC_TOKEN), others[i], NULL, &claims, &err));
		assert_int_equal(err.code, ERR_FORMAT);
		assert_false(jwk_thumbprint(others[i], &a, &err));
		assert_int_equal(err.code, ERR_FORMAT);
		assert_false(jwk_set(&others[i], 1, &a, &err));
		assert_int_equal(err.code, ERR_FORMAT);
	}
	assert_string_equal(err.text, "key 0: JWS: an RSA key, expected ECDSA P-256");
}

static void jwk_set__keys__as_a_svid_bundle(void **state)
{
	json_t *first;

	(void)state;
	rfc_key();
	assert_true(jwk_set((struct key *const[]){key, p256}, 2, &a, &err));
	assert_true(json_open(buf_bytes(&a), 65536, &json, &err));
	assert_int_equal(json_array_size(json_object_get(json, "keys")), 2);
	first = json_array_get(json_object_get(json, "keys"), 0);
	assert_string_equal(json_string_value(json_object_get(first, "kty")), "EC");
	assert_string_equal(json_string_value(json_object_get(first, "crv")), "P-256");
	assert_string_equal(json_string_value(json_object_get(first, "x")),
		"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
	assert_string_equal(json_string_value(json_object_get(first, "y")),
		"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
	assert_string_equal(json_string_value(json_object_get(first, "kid")),
		"oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
	assert_string_equal(json_string_value(json_object_get(first, "use")), "jwt-svid");
	assert_string_equal(json_string_value(json_object_get(first, "alg")), "ES256");
	buf_clear(&a);
	assert_true(jwk_set(NULL, 0, &a, &err));
	assert_string_equal(buf_str(&a), "{\"keys\":[]}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(jws_verify__rfc_7515_example__verifies),
		TEST(jwk_thumbprint__rfc_key__computed_elsewhere),
		TEST(jws_sign__claims__verify_and_come_back),
		TEST(jws_sign__header__alg_kid_typ),
		TEST(jws_verify__wrong_key__refused),
		TEST(jws_verify__any_character_changed__refused),
		TEST(jws_verify__truncated_anywhere__refused),
		TEST(jws_verify__bad_headers__refused_by_name),
		TEST(jws_verify__bad_tokens__refused),
		TEST(jws_verify__zero_signature__refused),
		TEST(jws__too_long__refused),
		TEST(jws__other_key_types__refused),
		TEST(jwk_set__keys__as_a_svid_bundle),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
