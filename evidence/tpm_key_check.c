/* SPDX-License-Identifier: Apache-2.0 */
/* What the attributes of a key must say before anything it signs, or anybody who holds it, is
 * believed. */
#include "evidence/tpm.h"

#include "evidence/tpm_wire.h"

struct attribute_rule {
	uint32_t bit;
	bool must; /* must be set; otherwise must be clear */
	const char *name;
};

/* Without any one of these the key could be outside a TPM, or could sign what the TPM did not make.
 */
static const struct attribute_rule AK_RULES[] = {
	{TPMA_OBJECT_RESTRICTED, true, "restricted"},
	{TPMA_OBJECT_SIGN, true, "sign"},
	{TPMA_OBJECT_FIXED_TPM, true, "fixedTPM"},
	{TPMA_OBJECT_FIXED_PARENT, true, "fixedParent"},
	{TPMA_OBJECT_SENSITIVE_DATA_ORIGIN, true, "sensitiveDataOrigin"},
	{TPMA_OBJECT_DECRYPT, false, "decrypt"},
	{TPMA_OBJECT_ENCRYPTED_DUPLICATION, false, "encryptedDuplication"},
};

/* A credential key signs TLS handshakes, so it is not restricted; it may not leave its TPM either.
 */
static const struct attribute_rule CREDENTIAL_KEY_RULES[] = {
	{TPMA_OBJECT_SIGN, true, "sign"},
	{TPMA_OBJECT_FIXED_TPM, true, "fixedTPM"},
	{TPMA_OBJECT_FIXED_PARENT, true, "fixedParent"},
	{TPMA_OBJECT_SENSITIVE_DATA_ORIGIN, true, "sensitiveDataOrigin"},
	{TPMA_OBJECT_RESTRICTED, false, "restricted"},
	{TPMA_OBJECT_DECRYPT, false, "decrypt"},
	{TPMA_OBJECT_ENCRYPTED_DUPLICATION, false, "encryptedDuplication"},
};

static bool attributes_check(const char *what, uint32_t attributes,
	const struct attribute_rule *rules, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (((attributes & rules[i].bit) != 0) != rules[i].must)
			return err_set(err, ERR_MISMATCH,
				"%s: attribute %s is %s (attributes 0x%08x)", what, rules[i].name,
				rules[i].must ? "missing" : "set", attributes);
	return true;
}

static bool name_alg_check(const char *what, const struct tpmt_public *public_area, struct err *err)
{
	if (digest_alg_len(public_area->name_alg) < SHA256_LEN)
		return err_set(err, ERR_MISMATCH, "%s: nameAlg %s is too weak", what,
			digest_alg_name(public_area->name_alg));
	return true;
}

bool ak_check(const struct tpmt_public *public_area, struct err *err)
{
	char text[TPM_TEXT_MAX];
	uint16_t scheme = public_area->scheme;
	bool signs = public_area->type == TPM_ALG_RSA
			     ? scheme == TPM_ALG_RSASSA || scheme == TPM_ALG_RSAPSS
			     : scheme == TPM_ALG_ECDSA;

	if (!attributes_check("AK", public_area->attributes, AK_RULES, ARRAY_LEN(AK_RULES), err) ||
		!name_alg_check("AK", public_area, err))
		return false;
	if (!signs)
		return err_set(
			err, ERR_MISMATCH, "AK: it has %s", tpm_scheme_text(scheme, 0, text));
	if (digest_alg_len(public_area->scheme_hash) < SHA256_LEN)
		return err_set(err, ERR_MISMATCH, "AK: scheme %s is too weak",
			tpm_scheme_text(scheme, public_area->scheme_hash, text));
	return true;
}

bool tpm_credential_key_check(const struct tpmt_public *public_area, struct err *err)
{
	return attributes_check("credential key", public_area->attributes, CREDENTIAL_KEY_RULES,
		       ARRAY_LEN(CREDENTIAL_KEY_RULES), err) &&
	       name_alg_check("credential key", public_area, err);
}
