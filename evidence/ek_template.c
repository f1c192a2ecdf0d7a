/* SPDX-License-Identifier: Apache-2.0 */
/* The EK templates of the TCG EK Credential Profile 2.5, appendix B. */
#include "evidence/tpm.h"

#include <assert.h>

#define EK_ATTRIBUTES_LOW                                                                          \
	0x000300b2u /* fixedTPM fixedParent sensitiveDataOrigin adminWithPolicy restricted decrypt \
		     */
#define EK_ATTRIBUTES_HIGH 0x000300f2u /* the same with userWithAuth */
#define RSA_EXPONENT       65537u

/* PolicySecret(TPM_RH_ENDORSEMENT). */
static const uint8_t POLICY_A_SHA256[] = {0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a,
	0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24, 0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64,
	0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa};
/* PolicyOR(PolicyA, PolicyC). */
static const uint8_t POLICY_B_SHA256[] = {0xca, 0x3d, 0x0a, 0x99, 0xa2, 0xb9, 0x39, 0x06, 0xf7,
	0xa3, 0x34, 0x24, 0x14, 0xef, 0xcf, 0xb3, 0xa3, 0x85, 0xd4, 0x4c, 0xd1, 0xfd, 0x45, 0x90,
	0x89, 0xd1, 0x9b, 0x50, 0x71, 0xc0, 0xb7, 0xa0};
static const uint8_t POLICY_B_SHA384[] = {0xb2, 0x6e, 0x7d, 0x28, 0xd1, 0x1a, 0x50, 0xbc, 0x53,
	0xd8, 0x82, 0xbc, 0xf5, 0xfd, 0x3a, 0x1a, 0x07, 0x41, 0x48, 0xbb, 0x35, 0xd3, 0xb4, 0xe4,
	0xcb, 0x1c, 0x0a, 0xd9, 0xbd, 0xe4, 0x19, 0xca, 0xcb, 0x47, 0xba, 0x09, 0x69, 0x96, 0x46,
	0x15, 0x0f, 0x9f, 0xc0, 0x00, 0xf3, 0xf8, 0x0e, 0x12};

#define POLICY(array) .auth_policy = (array), .auth_policy_len = sizeof(array)

static const struct ek_template_info TEMPLATES[] = {
	{.id = EK_TEMPLATE_L1,
		.name = "L-1",
		.type = TPM_ALG_RSA,
		.name_alg = TPM_ALG_SHA256,
		.bits_or_curve = 2048,
		.symmetric_bits = 128,
		.attributes = EK_ATTRIBUTES_LOW,
		.cert_index = 0x01c00002,
		.template_index = 0x01c00004,
		.nonce_index = 0x01c00003,
		.handle = 0x81010001,
		POLICY(POLICY_A_SHA256)},
	{.id = EK_TEMPLATE_L2,
		.name = "L-2",
		.type = TPM_ALG_ECC,
		.name_alg = TPM_ALG_SHA256,
		.bits_or_curve = TPM_ECC_NIST_P256,
		.symmetric_bits = 128,
		.attributes = EK_ATTRIBUTES_LOW,
		.cert_index = 0x01c0000a,
		.template_index = 0x01c0000c,
		.nonce_index = 0x01c0000b,
		.handle = 0x81010002,
		POLICY(POLICY_A_SHA256)},
	{.id = EK_TEMPLATE_H1,
		.name = "H-1",
		.type = TPM_ALG_RSA,
		.name_alg = TPM_ALG_SHA256,
		.bits_or_curve = 2048,
		.symmetric_bits = 128,
		.attributes = EK_ATTRIBUTES_HIGH,
		.cert_index = 0x01c00012,
		.template_index = 0x01c00013,
		.handle = 0x81010003,
		POLICY(POLICY_B_SHA256)},
	{.id = EK_TEMPLATE_H2,
		.name = "H-2",
		.type = TPM_ALG_ECC,
		.name_alg = TPM_ALG_SHA256,
		.bits_or_curve = TPM_ECC_NIST_P256,
		.symmetric_bits = 128,
		.attributes = EK_ATTRIBUTES_HIGH,
		.cert_index = 0x01c00014,
		.template_index = 0x01c00015,
		.handle = 0x81010004,
		POLICY(POLICY_B_SHA256)},
	{.id = EK_TEMPLATE_H3,
		.name = "H-3",
		.type = TPM_ALG_ECC,
		.name_alg = TPM_ALG_SHA384,
		.bits_or_curve = TPM_ECC_NIST_P384,
		.symmetric_bits = 256,
		.attributes = EK_ATTRIBUTES_HIGH,
		.cert_index = 0x01c00016,
		.template_index = 0x01c00017,
		.handle = 0x81010005,
		POLICY(POLICY_B_SHA384)},
	{.id = EK_TEMPLATE_H6,
		.name = "H-6",
		.type = TPM_ALG_RSA,
		.name_alg = TPM_ALG_SHA384,
		.bits_or_curve = 3072,
		.symmetric_bits = 256,
		.attributes = EK_ATTRIBUTES_HIGH,
		.cert_index = 0x01c0001c,
		.template_index = 0x01c0001d,
		.handle = 0x81010008,
		POLICY(POLICY_B_SHA384)},
};
static_assert(ARRAY_LEN(TEMPLATES) == EK_TEMPLATE_H6, "one row per template");

const struct ek_template_info *ek_template_info(enum ek_template id)
{
	for (size_t i = 0; i < ARRAY_LEN(TEMPLATES); i++)
		if (TEMPLATES[i].id == id)
			return &TEMPLATES[i];
	return NULL;
}

/* The fields of a public area in the order they are compared; all must hold. */
enum { FIELDS = 9 };
static const char *const FIELD_WHY[FIELDS] = {
	"type: no template has such a key",
	"keyBits or curveID: no template has such a size",
	"nameAlg differs from the template's",
	"objectAttributes differ from the template's",
	"authPolicy differs from the template's",
	"symmetric algorithm differs from the template's",
	"scheme: an EK has none",
	"exponent is not 65537",
	"kdf: an EK has none",
};

static size_t fields_equal(const struct tpmt_public *p, const struct ek_template_info *t)
{
	bool rsa = p->type == TPM_ALG_RSA;
	const bool equal[FIELDS] = {
		p->type == t->type,
		(rsa ? p->key_bits : p->curve) == t->bits_or_curve,
		p->name_alg == t->name_alg,
		p->attributes == t->attributes,
		bytes_equal(p->auth_policy, bytes_of(t->auth_policy, t->auth_policy_len)),
		p->symmetric == TPM_ALG_AES && p->symmetric_bits == t->symmetric_bits &&
			p->symmetric_mode == TPM_ALG_CFB,
		p->scheme == TPM_ALG_NULL,
		!rsa || p->exponent == RSA_EXPONENT,
		rsa || p->kdf == TPM_ALG_NULL,
	};
	size_t n = 0;

	while (n < FIELDS && equal[n])
		n++;
	return n;
}

enum ek_template ek_template_of(const struct tpmt_public *public_area, const char **ret_why)
{
	size_t best = 0;

	for (size_t i = 0; i < ARRAY_LEN(TEMPLATES); i++) {
		size_t n = fields_equal(public_area, &TEMPLATES[i]);

		if (n == FIELDS) {
			if (ret_why)
				*ret_why = NULL;
			return TEMPLATES[i].id;
		}
		best = n > best ? n : best;
	}
	if (ret_why)
		*ret_why = FIELD_WHY[best];
	return EK_TEMPLATE_NONE;
}
