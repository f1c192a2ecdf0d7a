/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence/tpm.h"

#include "parse_check.h"
#include "tests/support/tpm_sw.h"

static struct tpm_sw_key *keys[TPM_SW_KINDS];
static struct buf out;
static const uint8_t MESSAGE[] = "a message";

static int group_setup(void **state)
{
	struct err err;

	(void)state;
	for (enum tpm_sw_kind kind = 0; kind < TPM_SW_KINDS; kind++)
		if (!tpm_sw_ak_new(kind, 0, &keys[kind], &err))
			return -1;
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	for (enum tpm_sw_kind kind = 0; kind < TPM_SW_KINDS; kind++)
		tpm_sw_key_free(&keys[kind]);
	buf_release(&out);
	return 0;
}

static bool parse(struct bytes in, struct err *err)
{
	struct tpmt_signature s;

	return tpmt_signature_parse(in, &s, err);
}

static struct tpmt_signature signed_by(const struct tpm_sw_key *key)
{
	struct tpmt_signature s = {0};
	struct err err = {0};

	buf_clear(&out);
	assert_ok(tpm_sw_sign(key, BYTES_OF(MESSAGE), &out, &err), err);
	assert_ok(tpmt_signature_parse(buf_bytes(&out), &s, &err), err);
	return s;
}

static void signature__every_scheme__verifies(void **state)
{
	(void)state;
	for (enum tpm_sw_kind kind = 0; kind < TPM_SW_KINDS; kind++) {
		struct tpmt_signature s = signed_by(keys[kind]);
		struct err err = {0};

		assert_ok(tpmt_signature_verify(
				  &s, &keys[kind]->view, keys[kind]->key, BYTES_OF(MESSAGE), &err),
			err);
		assert_ok(tpmt_signature_verify(&s, NULL, keys[kind]->key, BYTES_OF(MESSAGE), &err),
			err);
	}
}

static void signature__other_message__mismatch(void **state)
{
	(void)state;
	for (enum tpm_sw_kind kind = 0; kind < TPM_SW_KINDS; kind++) {
		struct tpmt_signature s = signed_by(keys[kind]);
		struct err err = {0};

		assert_false(tpmt_signature_verify(
			&s, &keys[kind]->view, keys[kind]->key, BYTES_LIT("another"), &err));
		assert_int_equal(err.code, ERR_MISMATCH);
	}
}

static void signature__prefixes_and_more__refused(void **state)
{
	(void)state;
	for (enum tpm_sw_kind kind = 0; kind < TPM_SW_KINDS; kind++) {
		signed_by(keys[kind]);
		assert_exact_length(parse, buf_bytes(&out));
		parse_all_changes(parse, buf_bytes(&out));
	}
}

static void signature__put_of_parse__same_bytes(void **state)
{
	(void)state;
	for (enum tpm_sw_kind kind = 0; kind < TPM_SW_KINDS; kind++) {
		struct tpmt_signature s = signed_by(keys[kind]);
		struct buf again = {0};

		tpmt_signature_put(&again, &s);
		assert_bytes(buf_bytes(&again), buf_bytes(&out));
		buf_release(&again);
	}
}

static void signature__unknown_scheme__refused_by_name(void **state)
{
	struct buf in = {0};
	struct err err;

	(void)state;
	unhex("0005000b0000", &in); /* HMAC */
	assert_fails(parse(buf_bytes(&in), &err), err, ERR_FORMAT,
		"TPMT_SIGNATURE: sigAlg: neither RSASSA, RSAPSS nor ECDSA at offset 2 of 6");
	unhex("0018000bffff00", &in);
	assert_fails(parse(buf_bytes(&in), &err), err, ERR_FORMAT,
		"TPMT_SIGNATURE: signatureR: too long at offset 4 of 7");
	buf_release(&in);
}

/* Q13, Q14: a tag that belongs to another kind of key, or to another scheme of the same key. */
static void signature__scheme_not_the_keys_own__refused(void **state)
{
	static const struct {
		enum tpm_sw_kind key;
		uint16_t alg, hash;
		const char *text;
	} cases[] = {
		{TPM_SW_ECDSA_P256, TPM_ALG_RSASSA, TPM_ALG_SHA256,
			"signature: rsassa with sha256 does not fit a key of type ECDSA P-256"},
		{TPM_SW_RSASSA, TPM_ALG_ECDSA, TPM_ALG_SHA256,
			"signature: ecdsa with sha256 does not fit a key of type RSA"},
		{TPM_SW_RSASSA, TPM_ALG_RSAPSS, TPM_ALG_SHA256,
			"signature: rsapss with sha256, but the key's own scheme is rsassa with "
			"sha256"},
		{TPM_SW_ECDSA_P256, TPM_ALG_ECDSA, TPM_ALG_SHA384,
			"signature: ecdsa with sha384, but the key's own scheme is ecdsa with "
			"sha256"},
		{TPM_SW_ECDSA_P256, TPM_ALG_ECDSA, TPM_ALG_SHA1,
			"signature: ecdsa with sha1 is too weak"},
		{TPM_SW_ECDSA_P256, TPM_ALG_ECDSA, 0xffff,
			"signature: ecdsa with unknown is too weak"},
		{TPM_SW_RSASSA, 0, TPM_ALG_SHA256,
			"signature: no signing scheme (0x0000) does not fit a key of type RSA"},
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct tpm_sw_key *key = keys[cases[i].key];
		struct tpmt_signature s = signed_by(key);

		s.sig_alg = cases[i].alg;
		s.hash = cases[i].hash;
		assert_fails(
			tpmt_signature_verify(&s, &key->view, key->key, BYTES_OF(MESSAGE), &err),
			err, ERR_MISMATCH, cases[i].text);
	}
}

/* A key whose own scheme says SHA-1, and a bare key of which nothing is known. */
static void signature__sha1__refused(void **state)
{
	struct tpmt_public sha1 = keys[TPM_SW_RSASSA]->view;
	struct tpmt_signature s = signed_by(keys[TPM_SW_RSASSA]);
	const struct key *key = keys[TPM_SW_RSASSA]->key;
	struct err err;

	(void)state;
	s.hash = sha1.scheme_hash = TPM_ALG_SHA1;
	assert_fails(tpmt_signature_verify(&s, &sha1, key, BYTES_OF(MESSAGE), &err), err,
		ERR_MISMATCH, "signature: rsassa with sha1 is too weak");
	assert_fails(tpmt_signature_verify(&s, NULL, key, BYTES_OF(MESSAGE), &err), err,
		ERR_MISMATCH, "signature: rsassa with sha1 is too weak");
}

static void signature__ecdsa_numbers_of_any_padding__verify(void **state)
{
	struct tpmt_signature s = signed_by(keys[TPM_SW_ECDSA_P256]);
	uint8_t r[40] = {0}, large[33] = {1};
	struct err err = {0};

	(void)state;
	memcpy(r + 8, s.r.data, 32);
	s.r = BYTES_OF(r);
	assert_ok(tpmt_signature_verify(
			  &s, NULL, keys[TPM_SW_ECDSA_P256]->key, BYTES_OF(MESSAGE), &err),
		err);
	s.r = BYTES_OF(large);
	assert_fails(tpmt_signature_verify(
			     &s, NULL, keys[TPM_SW_ECDSA_P256]->key, BYTES_OF(MESSAGE), &err),
		err, ERR_MISMATCH, "signature: its size does not fit a key of 256 bits");
	s.r = s.s = (struct bytes){0};
	assert_false(tpmt_signature_verify(
		&s, NULL, keys[TPM_SW_ECDSA_P256]->key, BYTES_OF(MESSAGE), &err));
	assert_int_equal(err.code, ERR_MISMATCH);
}

static void signature__rsa_of_other_size__mismatch(void **state)
{
	struct tpmt_signature s = signed_by(keys[TPM_SW_RSASSA]);
	struct err err = {0};

	(void)state;
	s.rsa.len--;
	assert_false(
		tpmt_signature_verify(&s, NULL, keys[TPM_SW_RSASSA]->key, BYTES_OF(MESSAGE), &err));
	assert_int_equal(err.code, ERR_MISMATCH);
	s.rsa.len = 0;
	assert_false(
		tpmt_signature_verify(&s, NULL, keys[TPM_SW_RSASSA]->key, BYTES_OF(MESSAGE), &err));
	assert_int_equal(err.code, ERR_MISMATCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signature__every_scheme__verifies),
		cmocka_unit_test(signature__other_message__mismatch),
		cmocka_unit_test(signature__prefixes_and_more__refused),
		cmocka_unit_test(signature__put_of_parse__same_bytes),
		cmocka_unit_test(signature__unknown_scheme__refused_by_name),
		cmocka_unit_test(signature__scheme_not_the_keys_own__refused),
		cmocka_unit_test(signature__sha1__refused),
		cmocka_unit_test(signature__ecdsa_numbers_of_any_padding__verify),
		cmocka_unit_test(signature__rsa_of_other_size__mismatch),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
