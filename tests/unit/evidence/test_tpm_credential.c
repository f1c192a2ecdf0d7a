/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence/tpm.h"

#include "parse_check.h"
#include "tests/support/tpm_sw.h"

static const enum ek_template TEMPLATES[] = {EK_TEMPLATE_L1, EK_TEMPLATE_L2, EK_TEMPLATE_H3};
static struct tpm_sw_key *eks[ARRAY_LEN(TEMPLATES)], *ak, *other;
static struct buf object, secret, out;
static const uint8_t CREDENTIAL[32] = {7, 7, 7};

static int group_setup(void **state)
{
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(TEMPLATES); i++)
		if (!tpm_sw_ek_new(TEMPLATES[i], &eks[i], &err))
			return -1;
	return tpm_sw_ak_new(TPM_SW_ECDSA_P256, 0, &ak, &err) &&
			       tpm_sw_ak_new(TPM_SW_ECDSA_P256, 0, &other, &err)
		       ? 0
		       : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(TEMPLATES); i++)
		tpm_sw_key_free(&eks[i]);
	tpm_sw_key_free(&ak);
	tpm_sw_key_free(&other);
	buf_release(&object);
	buf_release(&secret);
	buf_release(&out);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	buf_clear(&object);
	buf_clear(&secret);
	buf_clear(&out);
	return 0;
}

static bool make(const struct tpmt_public *ek, struct bytes credential, struct err *err)
{
	return tpm_make_credential(
		ek, &ak->name, credential, &random_system, &object, &secret, err);
}

static void credential__each_template__activates(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(TEMPLATES); i++) {
		struct err err = {0};

		setup(NULL);
		assert_ok(make(&eks[i]->view, BYTES_OF(CREDENTIAL), &err), err);
		assert_ok(tpm_sw_activate_credential(eks[i], &ak->name, buf_bytes(&object),
				  buf_bytes(&secret), &out, &err),
			err);
		assert_bytes(buf_bytes(&out), BYTES_OF(CREDENTIAL));
	}
}

/* E1: made for one AK, answered for another. */
static void credential__other_name__does_not_activate(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(TEMPLATES); i++) {
		struct err err = {0};

		setup(NULL);
		assert_ok(make(&eks[i]->view, BYTES_OF(CREDENTIAL), &err), err);
		assert_fails(tpm_sw_activate_credential(eks[i], &other->name, buf_bytes(&object),
				     buf_bytes(&secret), &out, &err),
			err, ERR_MISMATCH, "tpm_sw: TPM_RC_INTEGRITY");
	}
}

static void credential__other_ek__does_not_activate(void **state)
{
	struct tpm_sw_key *stranger = NULL;
	struct err err = {0};

	(void)state;
	assert_ok(tpm_sw_ek_new(EK_TEMPLATE_L2, &stranger, &err), err);
	assert_ok(make(&stranger->view, BYTES_OF(CREDENTIAL), &err), err);
	assert_false(tpm_sw_activate_credential(
		eks[1], &ak->name, buf_bytes(&object), buf_bytes(&secret), &out, &err));
	tpm_sw_key_free(&stranger);
}

static void credential__too_long_or_empty__refused(void **state)
{
	static const uint8_t longer[33];
	struct err err;

	(void)state;
	assert_fails(make(&eks[1]->view, BYTES_OF(longer), &err), err, ERR_LIMIT,
		"MakeCredential: credential: 33 bytes, not 1 to 32");
	assert_fails(make(&eks[1]->view, (struct bytes){0}, &err), err, ERR_LIMIT,
		"MakeCredential: credential: 0 bytes, not 1 to 32");
}

static void credential__key_that_is_no_storage_key__refused(void **state)
{
	struct tpmt_public p = eks[1]->view;
	struct err err;

	(void)state;
	p.attributes |= TPMA_OBJECT_SIGN;
	assert_fails(make(&p, BYTES_OF(CREDENTIAL), &err), err, ERR_MISMATCH,
		"MakeCredential: EK: attributes 0x000700b2 are not those of a restricted "
		"decryption key");
	p = eks[1]->view;
	p.attributes &= ~TPMA_OBJECT_RESTRICTED;
	assert_false(make(&p, BYTES_OF(CREDENTIAL), &err));
	p = eks[1]->view;
	p.symmetric_bits = 64;
	assert_fails(make(&p, BYTES_OF(CREDENTIAL), &err), err, ERR_UNSUPPORTED,
		"MakeCredential: EK: its symmetric algorithm is neither AES-128-CFB nor "
		"AES-256-CFB");
}

static bool no_randomness(struct random *random, uint8_t *room, size_t len, struct err *err)
{
	(void)random;
	memset(room, 0, len);
	return err_set(err, ERR_CRYPTO, "no randomness");
}

/* Q5's sibling: without randomness no seed, and so no challenge to answer. */
static void credential__randomness_fails__nothing_is_made(void **state)
{
	static const struct random_ops ops = {no_randomness};
	struct random broken = {&ops};
	struct err err;

	(void)state;
	assert_fails(tpm_make_credential(&eks[0]->view, &ak->name, BYTES_OF(CREDENTIAL), &broken,
			     &object, &secret, &err),
		err, ERR_CRYPTO, "MakeCredential: no randomness");
	assert_int_equal(object.len, 0);
	assert_int_equal(secret.len, 0);
}

static void credential__twice__never_the_same(void **state)
{
	struct buf first = {0};
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(TEMPLATES); i++) {
		setup(NULL);
		assert_ok(make(&eks[i]->view, BYTES_OF(CREDENTIAL), &err), err);
		buf_clear(&first);
		buf_put(&first, buf_bytes(&object));
		setup(NULL);
		assert_ok(make(&eks[i]->view, BYTES_OF(CREDENTIAL), &err), err);
		assert_false(bytes_equal(buf_bytes(&first), buf_bytes(&object)));
	}
	buf_release(&first);
}

/* Computed with Python's hmac and hashlib from the formulas of Part 1, sections 11.4.10.2
 * and 11.4.10.3. */
static void kdf__known_answers(void **state)
{
	static const uint8_t key[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	struct buf wanted = {0};
	struct err err = {0};

	(void)state;
	assert_ok(tpm_kdfa(DIGEST_SHA256, BYTES_OF(key), "STORAGE", BYTES_LIT("name"),
			  BYTES_LIT("v"), 384, &out, &err),
		err);
	assert_bytes(buf_bytes(&out), unhex("cc62a59606c2aac5fc7cc36606e1d8e78f240ced26c3a0511931b3"
					    "4d8813b698582fd921d2f7cf582c2f2ed856e8c686",
					      &wanted));
	buf_clear(&out);
	assert_ok(tpm_kdfa(DIGEST_SHA384, BYTES_OF(key), "INTEGRITY", (struct bytes){0},
			  (struct bytes){0}, 128, &out, &err),
		err);
	assert_bytes(buf_bytes(&out), unhex("62491c567b72d2d325f3285e521607d5", &wanted));
	buf_clear(&out);
	assert_ok(tpm_kdfe(DIGEST_SHA256, BYTES_OF(key), "IDENTITY", BYTES_LIT("u"), BYTES_LIT("v"),
			  512, &out, &err),
		err);
	assert_bytes(buf_bytes(&out),
		unhex("0bc1376771b21ee202cb5bfe870dd72eaf690ddafec9ee5e3f5ab2ce7495f926432f7a4a3ee1"
		      "c19ce1b71bc034d0a351493cd54bf344acd334c8189800d3aef4",
			&wanted));
	buf_release(&wanted);
}

static void kdf__odd_bits__refused(void **state)
{
	static const uint32_t bits[] = {0, 7, 129, 4104};
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bits); i++) {
		const struct bytes none = {0};

		assert_false(tpm_kdfa(DIGEST_SHA256, none, "X", none, none, bits[i], &out, &err));
		assert_int_equal(err.code, ERR_USAGE);
		assert_false(tpm_kdfe(DIGEST_SHA256, none, "X", none, none, bits[i], &out, &err));
	}
	assert_int_equal(out.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(credential__each_template__activates, setup),
		cmocka_unit_test_setup(credential__other_name__does_not_activate, setup),
		cmocka_unit_test_setup(credential__other_ek__does_not_activate, setup),
		cmocka_unit_test_setup(credential__too_long_or_empty__refused, setup),
		cmocka_unit_test_setup(credential__key_that_is_no_storage_key__refused, setup),
		cmocka_unit_test_setup(credential__randomness_fails__nothing_is_made, setup),
		cmocka_unit_test_setup(credential__twice__never_the_same, setup),
		cmocka_unit_test_setup(kdf__known_answers, setup),
		cmocka_unit_test_setup(kdf__odd_bits__refused, setup),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
