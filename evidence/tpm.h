/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TPM 2.0 structures as bytes (TPM 2.0 Library, Part 2), parsed without a TPM: attestations, public
 * areas, signatures, names, credentials. Pure. Everything on the wire is big-endian; TPM2B is a u16
 * size and that many bytes. Views borrow from the input. Trailing bytes are refused everywhere.
 */
#ifndef ASSAY_EVIDENCE_TPM_H
#define ASSAY_EVIDENCE_TPM_H

#include "crypto/key.h"

#define TPM_GENERATED_VALUE   0xff544347u
#define TPM_ST_ATTEST_QUOTE   0x8018u
#define TPM_ST_ATTEST_CERTIFY 0x8017u
#define TPM_ALG_RSA           0x0001u
#define TPM_ALG_SHA1          0x0004u
#define TPM_ALG_AES           0x0006u
#define TPM_ALG_KEYEDHASH     0x0008u
#define TPM_ALG_SHA256        0x000bu
#define TPM_ALG_SHA384        0x000cu
#define TPM_ALG_SHA512        0x000du
#define TPM_ALG_NULL          0x0010u
#define TPM_ALG_RSASSA        0x0014u
#define TPM_ALG_RSAPSS        0x0016u
#define TPM_ALG_ECDSA         0x0018u
#define TPM_ALG_ECC           0x0023u
#define TPM_ALG_CFB           0x0043u
#define TPM_ECC_NIST_P256     0x0003u
#define TPM_ECC_NIST_P384     0x0004u
#define TPM_ECC_NIST_P521     0x0005u
#define TPM_RH_OWNER          0x40000001u
#define TPM_RH_ENDORSEMENT    0x4000000bu
#define TPM_RH_PLATFORM       0x4000000cu

#define TPMA_OBJECT_FIXED_TPM             (1u << 1)
#define TPMA_OBJECT_ST_CLEAR              (1u << 2)
#define TPMA_OBJECT_FIXED_PARENT          (1u << 4)
#define TPMA_OBJECT_SENSITIVE_DATA_ORIGIN (1u << 5)
#define TPMA_OBJECT_USER_WITH_AUTH        (1u << 6)
#define TPMA_OBJECT_ADMIN_WITH_POLICY     (1u << 7)
#define TPMA_OBJECT_NO_DA                 (1u << 10)
#define TPMA_OBJECT_ENCRYPTED_DUPLICATION (1u << 11)
#define TPMA_OBJECT_RESTRICTED            (1u << 16)
#define TPMA_OBJECT_DECRYPT               (1u << 17)
#define TPMA_OBJECT_SIGN                  (1u << 18)

#define TPM_PCRS           24u
#define TPM_BANKS_MAX      8u
#define TPM_NAME_MAX       66u /* u16 nameAlg and the longest digest */
#define TPM_ATTEST_MAX     2048u
#define TPM_PUBLIC_MAX     2048u
#define TPM_SIGNATURE_MAX  2048u
#define TPM_CREDENTIAL_MAX 1024u

struct tpm_name {
	uint8_t len;
	uint8_t bytes[TPM_NAME_MAX];
};

/* TPML_PCR_SELECTION: bit i of pcrs is PCR i (byte i/8, bit i%8 on the wire). Banks in wire order.
 */
struct tpml_pcr_selection {
	uint32_t count;
	struct {
		uint16_t hash;
		uint32_t pcrs;
	} banks[TPM_BANKS_MAX];
};

/* TPMS_ATTEST: magic u32 | type u16 | TPM2B qualifiedSigner | TPM2B extraData | clock u64
 * resetCount u32 restartCount u32 safe u8 | firmwareVersion u64 | attested. Only QUOTE and CERTIFY
 * are decoded below the header; other types are left in `attested` for the caller to refuse. */
struct tpms_attest {
	uint32_t magic;
	uint16_t type;
	struct bytes qualified_signer, extra_data;
	uint64_t clock; /* milliseconds */
	uint32_t reset_count, restart_count;
	bool safe;
	uint64_t firmware_version;
	struct bytes attested; /* what follows firmwareVersion, undecoded */
	struct tpml_pcr_selection quote_selection; /* QUOTE */
	struct bytes quote_pcr_digest;
	struct bytes certify_name, certify_qualified_name; /* CERTIFY */
};

/* TPMT_PUBLIC of RSA and ECC keys (other types: ERR_UNSUPPORTED). */
struct tpmt_public {
	struct bytes raw;
	uint16_t type, name_alg;
	uint32_t attributes;
	struct bytes auth_policy;
	uint16_t symmetric, symmetric_bits, symmetric_mode; /* TPM_ALG_NULL, 0, 0 when none */
	uint16_t scheme, scheme_hash; /* TPM_ALG_NULL, 0 when none */
	uint16_t key_bits; /* RSA */
	uint32_t exponent; /* RSA, 65537 for 0 on the wire */
	uint16_t curve, kdf; /* ECC */
	struct bytes n; /* RSA modulus */
	struct bytes x, y; /* ECC point */
};

/* TPMT_SIGNATURE: sigAlg u16 | hash u16 | RSA: TPM2B sig; ECDSA: TPM2B r, TPM2B s. */
struct tpmt_signature {
	uint16_t sig_alg, hash;
	struct bytes rsa;
	struct bytes r, s;
};

must_use bool tpms_attest_parse(struct bytes in, struct tpms_attest *ret, struct err *err);
must_use bool tpmt_public_parse(struct bytes in, struct tpmt_public *ret, struct err *err);
/* Accepts TPM2B_PUBLIC (size prefix) as well; the view is of the TPMT inside. */
must_use bool tpm2b_public_parse(struct bytes in, struct tpmt_public *ret, struct err *err);
must_use bool tpmt_signature_parse(struct bytes in, struct tpmt_signature *ret, struct err *err);
/* The other way, appended, from the fields (attested and raw are not read where the parts are
 * known). put(parse(x)) == x, but for an RSA exponent of 65537 spelled out, which becomes the
 * default 0. */
void tpms_attest_put(struct buf *out, const struct tpms_attest *attest);
void tpmt_public_put(struct buf *out, const struct tpmt_public *public_area);
void tpmt_signature_put(struct buf *out, const struct tpmt_signature *signature);
/* TPML_PCR_SELECTION, appended. */
void tpml_pcr_selection_put(struct buf *out, const struct tpml_pcr_selection *selection);
bool tpml_pcr_selection_equal(
	const struct tpml_pcr_selection *a, const struct tpml_pcr_selection *b);
/* "sha256:0,1,7+sha384:0": as tpm2-tools spell it. */
must_use bool tpml_pcr_selection_of_text(
	struct bytes text, struct tpml_pcr_selection *ret, struct err *err);
void tpml_pcr_selection_text(const struct tpml_pcr_selection *selection, struct buf *out);

/* Name = nameAlg || H_nameAlg(TPMT_PUBLIC). */
must_use bool tpm_name_of(
	const struct tpmt_public *public_area, struct tpm_name *ret, struct err *err);
/* Qualified name of a primary: nameAlg || H_nameAlg(hierarchy handle as 4 bytes || Name). */
must_use bool tpm_qualified_name_of_primary(
	uint32_t hierarchy, const struct tpm_name *name, struct tpm_name *ret, struct err *err);
/* Child: nameAlg of the child || H(QN(parent) || Name(child)). */
must_use bool tpm_qualified_name_of_child(const struct tpm_name *parent_qualified,
	const struct tpm_name *name, struct tpm_name *ret, struct err *err);
static inline struct bytes tpm_name_bytes(const struct tpm_name *name)
{
	return (struct bytes){name->bytes, name->len};
}
/* The key inside; the point or modulus is checked. */
must_use bool tpmt_public_key(
	const struct tpmt_public *public_area, struct key **ret, struct err *err);
/* Signature over message with the public area's key: sigAlg and hash must equal the key's scheme,
 * SHA-1 is refused. signer = NULL: only a bare key is known, the scheme must fit its type.
 * ERR_MISMATCH if wrong. */
must_use bool tpmt_signature_verify(const struct tpmt_signature *signature,
	const struct tpmt_public *signer, const struct key *key, struct bytes message,
	struct err *err);

/* EK templates of the TCG EK Credential Profile. */
enum ek_template {
	EK_TEMPLATE_NONE = 0,
	EK_TEMPLATE_L1,
	EK_TEMPLATE_L2,
	EK_TEMPLATE_H1,
	EK_TEMPLATE_H2,
	EK_TEMPLATE_H3,
	EK_TEMPLATE_H6
};
struct ek_template_info {
	enum ek_template id;
	const char *name; /* "L-1" */
	uint16_t type, name_alg;
	uint16_t bits_or_curve;
	uint16_t symmetric_bits;
	uint32_t attributes;
	uint32_t cert_index, template_index, nonce_index; /* NV; 0 = none */
	uint32_t handle; /* recommended persistent handle */
	const uint8_t *auth_policy;
	size_t auth_policy_len;
};
const struct ek_template_info *ek_template_info(enum ek_template id);
/* Which template a public area was made from, its unique field aside; NONE with a reason if none.
 */
enum ek_template ek_template_of(const struct tpmt_public *public_area, const char **ret_why);
/* True for an attestation key: restricted, sign, fixedTPM, fixedParent, sensitiveDataOrigin; not
 * decrypt, not encryptedDuplication; nameAlg not SHA-1; a signing scheme with a hash of 256 bits or
 * more. ERR_MISMATCH naming the first fault. */
must_use bool ak_check(const struct tpmt_public *public_area, struct err *err);
/* True for a key whose credential may say key=tpm: sign, fixedTPM, fixedParent,
 * sensitiveDataOrigin; not restricted, decrypt or encryptedDuplication; nameAlg not SHA-1. To be
 * asked besides certify_check. ERR_MISMATCH naming the first fault. */
must_use bool tpm_credential_key_check(const struct tpmt_public *public_area, struct err *err);

/* MakeCredential (Part 1, section 24) in software: for the EK's owner to prove that `name` lives in
 * the same TPM. credential <= the EK's nameAlg size. Outputs: TPM2B_ID_OBJECT and
 * TPM2B_ENCRYPTED_SECRET. */
must_use bool tpm_make_credential(const struct tpmt_public *ek, const struct tpm_name *name,
	struct bytes credential, struct random *random, struct buf *ret_id_object,
	struct buf *ret_secret, struct err *err);
must_use bool tpm_kdfa(enum digest_alg alg, struct bytes key, const char *label, struct bytes u,
	struct bytes v, uint32_t bits, struct buf *out, struct err *err);
must_use bool tpm_kdfe(enum digest_alg alg, struct bytes z, const char *label, struct bytes u,
	struct bytes v, uint32_t bits, struct buf *out, struct err *err);

/* One bank of PCR values. */
struct pcr_bank {
	enum digest_alg alg;
	uint32_t present; /* bit i: values[i] is there */
	uint8_t values[TPM_PCRS][DIGEST_LEN_MAX];
};
/* value = H(value || digest). */
must_use bool pcr_extend(
	enum digest_alg alg, uint8_t *value, const uint8_t *digest, struct err *err);

/* What can be wrong with a quote; the order is the order of the checks. */
enum quote_fault {
	QUOTE_OK = 0,
	QUOTE_MALFORMED, /* TPMS_ATTEST or TPMT_SIGNATURE does not parse */
	QUOTE_MAGIC, /* not made inside a TPM */
	QUOTE_TYPE, /* an attestation, but no quote */
	QUOTE_SCHEME, /* signature scheme or hash differs from the key's, or SHA-1 */
	QUOTE_SIGNATURE,
	QUOTE_SIGNER, /* qualifiedSigner is not the AK below its hierarchy */
	QUOTE_NONCE, /* qualifyingData differs */
	QUOTE_SELECTION, /* PCR selection differs from what was demanded, or is empty */
	QUOTE_PCR_DIGEST, /* PCR values given do not hash to pcrDigest */
};
struct quote_input {
	struct bytes message, signature; /* TPMS_ATTEST, TPMT_SIGNATURE */
	const struct tpmt_public
		*ak; /* NULL: only a bare key is known; then the signer is not checked */
	const struct key *key; /* tpmt_public_key(ak), or the bare key */
	uint32_t hierarchy; /* 0: qualifiedSigner not checked */
	struct bytes nonce; /* must equal extraData; empty is refused */
	const struct tpml_pcr_selection *selection; /* exact; NULL: any non-empty one */
	const struct pcr_bank *banks; /* one per bank of the selection, in its order, with exactly
				       * the PCRs selected; NULL: digest not checked */
	size_t bank_count;
};
struct quote_result {
	enum quote_fault fault;
	char expected[160], actual[160]; /* hex or words, for reasons */
	struct tpms_attest attest; /* only what is signed: zeros unless QUOTE_OK or a fault after
				      QUOTE_SIGNATURE */
};
/* A fault is a result. False only when a primitive failed. */
must_use bool quote_check(
	const struct quote_input *input, struct quote_result *ret, struct err *err);
const char *quote_fault_name(enum quote_fault fault); /* "quote-magic" */

/* TPM2_Certify of a key by the AK: magic, type, signer, qualifying data, name of `certified`.
 * Faults as for quotes (QUOTE_PCR_DIGEST = the certified name differs). */
must_use bool certify_check(const struct quote_input *input, const struct tpmt_public *certified,
	struct quote_result *ret, struct err *err);

#endif
