/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A software attester for tests, without a TPM: keys with the public areas a TPM would give them,
 *and attestations, signatures and credential activation made with OpenSSL. Because every field can
 *be chosen, every forgery can be made.
 *
 *	struct tpm_sw_key *ak, *ek;
 *	tpm_sw_ak_new(TPM_SW_ECDSA_P256, 0, &ak, &err);
 *	tpm_sw_ek_new(EK_TEMPLATE_L2, &ek, &err);
 *	tpm_sw_quote(ak, nonce, &selection, &bank, 1, &message, &signature, &err);	   an honest
 *quote
 *
 *	struct tpms_attest a = tpm_sw_attest(ak, TPM_ST_ATTEST_QUOTE, nonce);		   a forged
 *one:
 *	a.magic = 0x12345678;								   change what
 *you like, tpms_attest_put(&message, &a); encode, tpm_sw_sign(ak, buf_bytes(&message), &signature,
 *&err);				   sign
 *
 * Keys are released with tpm_sw_key_free. Views (public_area, tpms_attest's parts) borrow from the
 *key.
 */
#ifndef ASSAY_TESTS_SUPPORT_TPM_SW_H
#define ASSAY_TESTS_SUPPORT_TPM_SW_H

#include "evidence/tpm.h"

#define TPM_SW_AK_ATTRIBUTES                                                                       \
	(TPMA_OBJECT_FIXED_TPM | TPMA_OBJECT_FIXED_PARENT | TPMA_OBJECT_SENSITIVE_DATA_ORIGIN |    \
		TPMA_OBJECT_USER_WITH_AUTH | TPMA_OBJECT_NO_DA | TPMA_OBJECT_RESTRICTED |          \
		TPMA_OBJECT_SIGN)
#define TPM_SW_KEY_ATTRIBUTES (TPM_SW_AK_ATTRIBUTES & ~TPMA_OBJECT_RESTRICTED)
#define TPM_SW_FIRMWARE       0x2019102300163636u

enum tpm_sw_kind {
	TPM_SW_ECDSA_P256 = 0,
	TPM_SW_ECDSA_P384,
	TPM_SW_RSASSA,
	TPM_SW_RSAPSS,
	TPM_SW_KINDS
};

struct tpm_sw_key {
	struct key *key; /* with its private half */
	struct buf public_area; /* TPMT_PUBLIC */
	struct tpmt_public view; /* of public_area */
	struct tpm_name name,
		qualified_name; /* qualified: as a primary in the endorsement hierarchy */
};

/* An AK (or, with other attributes, any signing key). attributes = 0: TPM_SW_AK_ATTRIBUTES. P-384
 * keys have SHA-384 as nameAlg and scheme hash, all others SHA-256. */
must_use bool tpm_sw_ak_new(
	enum tpm_sw_kind kind, uint32_t attributes, struct tpm_sw_key **ret, struct err *err);
/* An EK made from a template (private half known, as no real one's is). */
must_use bool tpm_sw_ek_new(enum ek_template id, struct tpm_sw_key **ret, struct err *err);
/* A signing key as the fields of `public_area` say (its unique part is filled in): for public areas
 * no TPM would make. */
must_use bool tpm_sw_key_of_public(struct key *key, const struct tpmt_public *public_area,
	struct tpm_sw_key **ret, struct err *err);
void tpm_sw_key_free(struct tpm_sw_key **key);

/* The header an honest TPM would write: magic, qualified signer, nonce, clock 1000, reset 1,
 * restart 0, safe, firmware. */
struct tpms_attest tpm_sw_attest(const struct tpm_sw_key *ak, uint16_t type, struct bytes nonce);
/* pcrDigest over banks, with the hash of the AK's scheme. banks[i] belongs to selection->banks[i].
 */
must_use bool tpm_sw_pcr_digest(const struct tpm_sw_key *ak,
	const struct tpml_pcr_selection *selection, const struct pcr_bank *banks,
	struct digest *ret, struct err *err);
/* TPMT_SIGNATURE over message, with the key's own scheme; appended. */
must_use bool tpm_sw_sign(
	const struct tpm_sw_key *key, struct bytes message, struct buf *out, struct err *err);
/* The same with a scheme of the caller's choice; the signature itself is right for that scheme. */
must_use bool tpm_sw_sign_with(const struct tpm_sw_key *key, uint16_t scheme, uint16_t hash,
	struct bytes message, struct buf *out, struct err *err);
/* TPM2_Quote: message and signature are appended. */
must_use bool tpm_sw_quote(const struct tpm_sw_key *ak, struct bytes nonce,
	const struct tpml_pcr_selection *selection, const struct pcr_bank *banks,
	struct buf *message, struct buf *signature, struct err *err);
/* TPM2_Certify of `certified` by ak. */
must_use bool tpm_sw_certify(const struct tpm_sw_key *ak, const struct tpm_sw_key *certified,
	struct bytes nonce, struct buf *message, struct buf *signature, struct err *err);
/* TPM2_ActivateCredential: the inverse of tpm_make_credential, for a key named `name`. ERR_MISMATCH
 * when the HMAC differs, as when the credential was made for another name. */
must_use bool tpm_sw_activate_credential(const struct tpm_sw_key *ek, const struct tpm_name *name,
	struct bytes id_object, struct bytes encrypted_secret, struct buf *out, struct err *err);

#endif
