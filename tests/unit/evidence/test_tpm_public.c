/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence/tpm.h"

#include "parse_check.h"
#include "tests/support/tpm_sw.h"
#include "tests/support/vectors.h"

static struct tpm_sw_key *ak, *ek, *rsa;
static struct buf out;

static int group_setup(void **state)
{
	struct err err;

	(void)state;
	return tpm_sw_ak_new(TPM_SW_ECDSA_P256, 0, &ak, &err) &&
			       tpm_sw_ek_new(EK_TEMPLATE_L2, &ek, &err) &&
			       tpm_sw_ak_new(TPM_SW_RSAPSS, 0, &rsa, &err)
		       ? 0
		       : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	tpm_sw_key_free(&ak);
	tpm_sw_key_free(&ek);
	tpm_sw_key_free(&rsa);
	buf_release(&out);
	return 0;
}

static bool parse(struct bytes in, struct err *err)
{
	struct tpmt_public p;

	return tpmt_public_parse(in, &p, err);
}

static struct bytes encoded(const struct tpmt_public *p)
{
	buf_clear(&out);
	tpmt_public_put(&out, p);
	assert_false(out.failed);
	return buf_bytes(&out);
}

static void public__ecc_ak__every_field_is_read(void **state)
{
	const struct tpmt_public *p = &ak->view;

	(void)state;
	assert_int_equal(p->type, TPM_ALG_ECC);
	assert_int_equal(p->name_alg, TPM_ALG_SHA256);
	assert_int_equal(p->attributes, 0x00050472);
	assert_int_equal(p->auth_policy.len, 0);
	assert_int_equal(p->symmetric, TPM_ALG_NULL);
	assert_int_equal(p->scheme, TPM_ALG_ECDSA);
	assert_int_equal(p->scheme_hash, TPM_ALG_SHA256);
	assert_int_equal(p->curve, TPM_ECC_NIST_P256);
	assert_int_equal(p->kdf, TPM_ALG_NULL);
	assert_int_equal(p->x.len, 32);
	assert_int_equal(p->y.len, 32);
	assert_bytes(p->raw, buf_bytes(&ak->public_area));
}

static void public__ek__symmetric_and_policy_are_read(void **state)
{
	(void)state;
	assert_int_equal(ek->view.symmetric, TPM_ALG_AES);
	assert_int_equal(ek->view.symmetric_bits, 128);
	assert_int_equal(ek->view.symmetric_mode, TPM_ALG_CFB);
	assert_int_equal(ek->view.scheme, TPM_ALG_NULL);
	assert_int_equal(ek->view.scheme_hash, 0);
	assert_int_equal(ek->view.auth_policy.len, 32);
}

static void public__rsa__default_exponent_is_65537(void **state)
{
	(void)state;
	assert_int_equal(rsa->view.exponent, 65537);
	assert_int_equal(rsa->view.key_bits, rsa->view.n.len * 8);
}

static void public__prefixes_and_more__refused(void **state)
{
	const struct tpm_sw_key *keys[] = {ak, ek, rsa};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		assert_exact_length(parse, buf_bytes(&keys[i]->public_area));
		parse_all_changes(parse, buf_bytes(&keys[i]->public_area));
	}
}

/* Offsets in the ECC AK: 0 type, 2 nameAlg, 8 policy, 10 symmetric, 12 scheme, 14 hash, 16 curve,
 * 18 kdf, 20 x. */
static void public__bad_field__refused_by_name(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		enum err_code code;
		const char *text;
	} cases[] = {
		{1, 0x08, ERR_UNSUPPORTED, "TPMT_PUBLIC: type: 0x0008 is neither RSA nor ECC"},
		{3, 0x10, ERR_FORMAT,
			"TPMT_PUBLIC: nameAlg: unknown hash algorithm at offset 4 of 88"},
		{8, 0xff, ERR_FORMAT, "TPMT_PUBLIC: authPolicy: too long at offset 8 of 88"},
		{11, 0x0a, ERR_FORMAT,
			"TPMT_PUBLIC: symmetric: neither AES nor NULL at offset 12 of 88"},
		{13, 0x14, ERR_FORMAT,
			"TPMT_PUBLIC: scheme: not one of this key type at offset 14 of 88"},
		{15, 0x01, ERR_FORMAT,
			"TPMT_PUBLIC: scheme hash: unknown hash algorithm at offset 16 of 88"},
		{19, 0x20, ERR_FORMAT, "TPMT_PUBLIC: kdf: not NULL at offset 20 of 88"},
		{20, 0xff, ERR_FORMAT, "TPMT_PUBLIC: unique.ecc.x: too long at offset 20 of 88"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err;

		assert_fails(parse_changed(parse, buf_bytes(&ak->public_area), cases[i].at,
				     cases[i].value, &err),
			err, cases[i].code, cases[i].text);
	}
}

static void public__tpm2b__same_view(void **state)
{
	struct tpmt_public p;
	struct err err = {0};

	(void)state;
	buf_clear(&out);
	buf_put_be16(&out, (uint16_t)ak->public_area.len);
	buf_put(&out, buf_bytes(&ak->public_area));
	assert_ok(tpm2b_public_parse(buf_bytes(&out), &p, &err), err);
	assert_bytes(p.raw, buf_bytes(&ak->public_area));
	assert_ok(tpm2b_public_parse(buf_bytes(&ak->public_area), &p, &err), err);
	assert_bytes(p.raw, buf_bytes(&ak->public_area));
	out.data[1]++;
	assert_false(tpm2b_public_parse(buf_bytes(&out), &p, &err));
}

static void public_key__ecc_and_rsa__equal_the_made_key(void **state)
{
	const struct tpm_sw_key *keys[] = {ak, ek, rsa};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct key *key = NULL;
		struct err err = {0};

		assert_ok(tpmt_public_key(&keys[i]->view, &key, &err), err);
		assert_true(key_equal(key, keys[i]->key));
		key_unref(&key);
	}
}

static bool key_of(const struct tpmt_public *p, struct err *err)
{
	struct key *key = NULL;
	bool ok = tpmt_public_key(p, &key, err);

	key_unref(&key);
	return ok;
}

/* E21: a point off the curve, a coordinate that is no field element, and legal padding. */
static void public_key__point_off_the_curve__refused(void **state)
{
	struct tpmt_public p = ak->view;
	uint8_t y[32], large[32];
	struct err err = {0};

	(void)state;
	memcpy(y, p.y.data, sizeof(y));
	y[31] ^= 1;
	p.y = BYTES_OF(y);
	assert_false(key_of(&p, &err));
	assert_non_null(strstr(err.text, "TPMT_PUBLIC: "));
	memset(large, 0xff, sizeof(large));
	p = ak->view;
	p.x = BYTES_OF(large);
	assert_false(key_of(&p, &err));
	p = ak->view;
	p.x = p.y = (struct bytes){0};
	assert_false(key_of(&p, &err));
}

/* TPMs differ on whether a coordinate keeps its leading zeros: both forms are the same key. */
static void public_key__coordinate_without_leading_zero__same_key(void **state)
{
	struct tpm_sw_key *made = NULL;
	struct tpmt_public p;
	struct key *key = NULL;
	struct err err = {0};

	(void)state;
	do {
		tpm_sw_key_free(&made);
		assert_ok(tpm_sw_ak_new(TPM_SW_ECDSA_P256, 0, &made, &err), err);
	} while (made->view.x.data[0] != 0);
	p = made->view;
	p.x = bytes_of(p.x.data + 1, 31);
	assert_ok(tpmt_public_key(&p, &key, &err), err);
	assert_true(key_equal(key, made->key));
	key_unref(&key);
	tpm_sw_key_free(&made);
}

static void public_key__coordinate_longer_than_the_field__refused(void **state)
{
	struct tpmt_public p = ak->view;
	uint8_t x[33] = {1};
	struct err err;

	(void)state;
	p.x = BYTES_OF(x);
	assert_fails(key_of(&p, &err), err, ERR_FORMAT,
		"TPMT_PUBLIC: public key: coordinate x of 33 bytes, expected at most 32");
}

static void public_key__key_bits_that_lie__refused(void **state)
{
	struct tpmt_public p = rsa->view;
	char text[128];
	struct err err;

	(void)state;
	p.key_bits = 1024;
	snprintf(text, sizeof(text), "TPMT_PUBLIC: unique.rsa: %zu bits, keyBits says 1024",
		p.n.len * 8);
	assert_fails(key_of(&p, &err), err, ERR_FORMAT, text);
}

static void public_key__unknown_curve__refused(void **state)
{
	struct tpmt_public p = ak->view;
	struct err err;

	(void)state;
	p.curve = 0x20;
	assert_fails(key_of(&p, &err), err, ERR_UNSUPPORTED,
		"TPMT_PUBLIC: curveID: 0x0020 is not a curve that is supported");
}

static void public__put_of_parse__same_bytes(void **state)
{
	static const char *const files[] = {"made/tpm/ak.pub", "made/tpm/akr.pub",
		"made/tpm/ek.pub", "made/tpm/ek384.pub", "made/tpm/ekr.pub", "made/tpm/prim.pub",
		"swtpm-negative/uk.pub", "swtpm-negative/ak-for-nv.pub"};

	(void)state;
	if (!vectors_path("made/tpm/ak.pub"))
		skip();
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct buf in = {0};
		struct tpmt_public p;
		struct err err = {0};

		assert_true(vectors_read(files[i], &in));
		assert_ok(tpm2b_public_parse(buf_bytes(&in), &p, &err), err);
		assert_bytes(encoded(&p), p.raw);
		assert_ok(key_of(&p, &err), err);
		buf_release(&in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(public__ecc_ak__every_field_is_read),
		cmocka_unit_test(public__ek__symmetric_and_policy_are_read),
		cmocka_unit_test(public__rsa__default_exponent_is_65537),
		cmocka_unit_test(public__prefixes_and_more__refused),
		cmocka_unit_test(public__bad_field__refused_by_name),
		cmocka_unit_test(public__tpm2b__same_view),
		cmocka_unit_test(public_key__ecc_and_rsa__equal_the_made_key),
		cmocka_unit_test(public_key__point_off_the_curve__refused),
		cmocka_unit_test(public_key__coordinate_without_leading_zero__same_key),
		cmocka_unit_test(public_key__coordinate_longer_than_the_field__refused),
		cmocka_unit_test(public_key__key_bits_that_lie__refused),
		cmocka_unit_test(public_key__unknown_curve__refused),
		cmocka_unit_test(public__put_of_parse__same_bytes),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
