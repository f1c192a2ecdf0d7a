/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence/tpm.h"

#include "parse_check.h"
#include "tests/support/tpm_sw.h"

static struct tpm_sw_key *ak;

static int group_setup(void **state)
{
	struct err err;

	(void)state;
	return tpm_sw_ak_new(TPM_SW_ECDSA_P256, 0, &ak, &err) ? 0 : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	tpm_sw_key_free(&ak);
	return 0;
}

struct attribute_case {
	uint32_t bit;
	const char *text;
};

static void assert_refused_one_by_one(bool (*check)(const struct tpmt_public *, struct err *),
	uint32_t good, const struct attribute_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct tpmt_public p = ak->view;
		char text[160];
		struct err err;

		p.attributes = good ^ cases[i].bit;
		snprintf(text, sizeof(text), "%s (attributes 0x%08x)", cases[i].text, p.attributes);
		assert_fails(check(&p, &err), err, ERR_MISMATCH, text);
	}
}

/* E17, E18: one case for each bit that is missing or too much. */
static void ak_check__each_attribute__counts(void **state)
{
	static const struct attribute_case cases[] = {
		{TPMA_OBJECT_RESTRICTED, "AK: attribute restricted is missing"},
		{TPMA_OBJECT_SIGN, "AK: attribute sign is missing"},
		{TPMA_OBJECT_FIXED_TPM, "AK: attribute fixedTPM is missing"},
		{TPMA_OBJECT_FIXED_PARENT, "AK: attribute fixedParent is missing"},
		{TPMA_OBJECT_SENSITIVE_DATA_ORIGIN, "AK: attribute sensitiveDataOrigin is missing"},
		{TPMA_OBJECT_DECRYPT, "AK: attribute decrypt is set"},
		{TPMA_OBJECT_ENCRYPTED_DUPLICATION, "AK: attribute encryptedDuplication is set"},
	};

	(void)state;
	assert_refused_one_by_one(ak_check, TPM_SW_AK_ATTRIBUTES, cases, ARRAY_LEN(cases));
}

static void ak_check__good_ones__accepted(void **state)
{
	static const uint32_t attributes[] = {0x00050472, 0x00050072, 0x00050032};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(attributes); i++) {
		struct tpmt_public p = ak->view;
		struct err err = {0};

		p.attributes = attributes[i];
		assert_ok(ak_check(&p, &err), err);
	}
}

/* E19. */
static void ak_check__sha1_name__refused(void **state)
{
	struct tpmt_public p = ak->view;
	struct err err;

	(void)state;
	p.name_alg = TPM_ALG_SHA1;
	assert_fails(ak_check(&p, &err), err, ERR_MISMATCH, "AK: nameAlg sha1 is too weak");
}

static void ak_check__scheme__must_sign_with_a_strong_hash(void **state)
{
	static const struct {
		uint16_t scheme, hash;
		const char *text;
	} cases[] = {
		{TPM_ALG_NULL, 0, "AK: it has no signing scheme (0x0010)"},
		{0x0019, TPM_ALG_SHA256, "AK: it has no signing scheme (0x0019)"},
		{TPM_ALG_ECDSA, TPM_ALG_SHA1, "AK: scheme ecdsa with sha1 is too weak"},
		{TPM_ALG_ECDSA, 0, "AK: scheme ecdsa with unknown is too weak"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct tpmt_public p = ak->view;
		struct err err;

		p.scheme = cases[i].scheme;
		p.scheme_hash = cases[i].hash;
		assert_fails(ak_check(&p, &err), err, ERR_MISMATCH, cases[i].text);
	}
}

static void credential_key_check__each_attribute__counts(void **state)
{
	static const struct attribute_case cases[] = {
		{TPMA_OBJECT_SIGN, "credential key: attribute sign is missing"},
		{TPMA_OBJECT_FIXED_TPM, "credential key: attribute fixedTPM is missing"},
		{TPMA_OBJECT_FIXED_PARENT, "credential key: attribute fixedParent is missing"},
		{TPMA_OBJECT_SENSITIVE_DATA_ORIGIN,
			"credential key: attribute sensitiveDataOrigin is missing"},
		{TPMA_OBJECT_RESTRICTED, "credential key: attribute restricted is set"},
		{TPMA_OBJECT_DECRYPT, "credential key: attribute decrypt is set"},
		{TPMA_OBJECT_ENCRYPTED_DUPLICATION,
			"credential key: attribute encryptedDuplication is set"},
	};
	struct tpmt_public p = ak->view;
	struct err err = {0};

	(void)state;
	p.attributes = TPM_SW_KEY_ATTRIBUTES;
	assert_ok(tpm_credential_key_check(&p, &err), err);
	assert_refused_one_by_one(
		tpm_credential_key_check, TPM_SW_KEY_ATTRIBUTES, cases, ARRAY_LEN(cases));
	p.name_alg = TPM_ALG_SHA1;
	assert_fails(tpm_credential_key_check(&p, &err), err, ERR_MISMATCH,
		"credential key: nameAlg sha1 is too weak");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ak_check__each_attribute__counts),
		cmocka_unit_test(ak_check__good_ones__accepted),
		cmocka_unit_test(ak_check__sha1_name__refused),
		cmocka_unit_test(ak_check__scheme__must_sign_with_a_strong_hash),
		cmocka_unit_test(credential_key_check__each_attribute__counts),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
