/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence/tpm.h"

#include "parse_check.h"
#include "tests/support/tpm_sw.h"
#include "tests/support/vectors.h"

/* A public area as the template says, without its unique part. */
static struct tpmt_public of_template(enum ek_template id)
{
	const struct ek_template_info *t = ek_template_info(id);

	assert_non_null(t);
	return (struct tpmt_public){
		.type = t->type,
		.name_alg = t->name_alg,
		.attributes = t->attributes,
		.auth_policy = bytes_of(t->auth_policy, t->auth_policy_len),
		.symmetric = TPM_ALG_AES,
		.symmetric_bits = t->symmetric_bits,
		.symmetric_mode = TPM_ALG_CFB,
		.scheme = TPM_ALG_NULL,
		.key_bits = t->type == TPM_ALG_RSA ? t->bits_or_curve : 0,
		.curve = t->type == TPM_ALG_ECC ? t->bits_or_curve : 0,
		.exponent = t->type == TPM_ALG_RSA ? 65537 : 0,
		.kdf = t->type == TPM_ALG_ECC ? TPM_ALG_NULL : 0,
	};
}

static void template__every_one__recognised(void **state)
{
	static const char *const names[] = {"", "L-1", "L-2", "H-1", "H-2", "H-3", "H-6"};

	(void)state;
	for (enum ek_template id = EK_TEMPLATE_L1; id <= EK_TEMPLATE_H6; id++) {
		struct tpmt_public p = of_template(id);
		const char *why = "unset";

		assert_string_equal(ek_template_info(id)->name, names[id]);
		assert_int_equal(ek_template_of(&p, &why), id);
		assert_null(why);
	}
	assert_null(ek_template_info(EK_TEMPLATE_NONE));
}

/* Each field changed alone is refused and named. */
static void template__one_field_changed__named(void **state)
{
	static const uint8_t other_policy[32] = {1};
	(void)state;
	for (enum ek_template id = EK_TEMPLATE_L1; id <= EK_TEMPLATE_H6; id++) {
		struct tpmt_public good = of_template(id), p;
		const char *why;

#define CHANGED(field, value, text)                                                                \
	p = good;                                                                                  \
	p.field = (value);                                                                         \
	assert_int_equal(ek_template_of(&p, &why), EK_TEMPLATE_NONE);                              \
	assert_string_equal(why, text)

		CHANGED(name_alg, TPM_ALG_SHA512, "nameAlg differs from the template's");
		/* E16: an EK that signs; one that can be copied out; one with another use. */
		CHANGED(attributes, good.attributes | TPMA_OBJECT_SIGN,
			"objectAttributes differ from the template's");
		CHANGED(attributes, good.attributes & ~TPMA_OBJECT_FIXED_TPM,
			"objectAttributes differ from the template's");
		CHANGED(attributes, good.attributes & ~TPMA_OBJECT_RESTRICTED,
			"objectAttributes differ from the template's");
		CHANGED(auth_policy, BYTES_OF(other_policy),
			"authPolicy differs from the template's");
		CHANGED(auth_policy, (struct bytes){0}, "authPolicy differs from the template's");
		CHANGED(symmetric_bits, 192, "symmetric algorithm differs from the template's");
		CHANGED(symmetric, TPM_ALG_NULL, "symmetric algorithm differs from the template's");
		CHANGED(symmetric_mode, 0x42, "symmetric algorithm differs from the template's");
		CHANGED(scheme, 0x0017, "scheme: an EK has none");
		if (good.type == TPM_ALG_RSA) {
			CHANGED(exponent, 3, "exponent is not 65537");
			CHANGED(key_bits, 1024, "keyBits or curveID: no template has such a size");
		} else {
			CHANGED(kdf, 0x20, "kdf: an EK has none");
			CHANGED(curve, 0x20, "keyBits or curveID: no template has such a size");
		}
		CHANGED(type, TPM_ALG_KEYEDHASH, "type: no template has such a key");
#undef CHANGED
	}
}

static void template__low_policy_with_high_attributes__refused(void **state)
{
	struct tpmt_public p = of_template(EK_TEMPLATE_L1);
	const char *why;

	(void)state;
	p.attributes = ek_template_info(EK_TEMPLATE_H1)->attributes;
	assert_int_equal(ek_template_of(&p, &why), EK_TEMPLATE_NONE);
	assert_string_equal(why, "authPolicy differs from the template's");
}

static void template__recorded_eks__recognised(void **state)
{
	static const struct {
		const char *file;
		enum ek_template id;
	} cases[] = {
		{"made/tpm/ek.pub", EK_TEMPLATE_L2},
		{"made/tpm/ekr.pub", EK_TEMPLATE_L1},
		{"made/tpm/ek384.pub", EK_TEMPLATE_H3},
		{"made/vm/uki-no-secureboot/ek.pub", EK_TEMPLATE_L1},
	};

	(void)state;
	if (!vectors_path("made/tpm/ek.pub"))
		skip();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf in = {0};
		struct tpmt_public p;
		struct err err = {0};

		assert_true(vectors_read(cases[i].file, &in));
		assert_ok(tpm2b_public_parse(buf_bytes(&in), &p, &err), err);
		assert_int_equal(ek_template_of(&p, NULL), cases[i].id);
		buf_release(&in);
	}
}

static void template__an_ak__is_none(void **state)
{
	struct tpm_sw_key *ak = NULL;
	struct err err = {0};
	const char *why;

	(void)state;
	assert_ok(tpm_sw_ak_new(TPM_SW_ECDSA_P256, 0, &ak, &err), err);
	assert_int_equal(ek_template_of(&ak->view, &why), EK_TEMPLATE_NONE);
	assert_string_equal(why, "objectAttributes differ from the template's");
	tpm_sw_key_free(&ak);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(template__every_one__recognised),
		cmocka_unit_test(template__one_field_changed__named),
		cmocka_unit_test(template__low_policy_with_high_attributes__refused),
		cmocka_unit_test(template__recorded_eks__recognised),
		cmocka_unit_test(template__an_ak__is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
