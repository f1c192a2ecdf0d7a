/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TPM as hostd uses it: endorsement key, attestation key, PCRs, quotes, keys for instances.
 * `struct tpm` is a seam (a const vtable): tpm_open gives the real one over ESYS; tests put a fake
 * in its place.
 *
 * Every function may be called from any thread: one mutex inside lets one command sequence pass at
 * a time. No transient object or policy session outlives a call, so a TPM with three slots and no
 * resource manager is enough; what is kept is one salted, parameter-encrypting HMAC session, made
 * again when the TPM forgets it.
 *
 * Errors are ERR_TPM with the TSS's own words, unless said otherwise. Response codes RETRY, YIELDED
 * and TESTING are retried with a bounded backoff and end as ERR_BUSY; a lockout is ERR_DENIED and
 * says how long; a wrong password is ERR_DENIED; a TPM that vanished or was reset is ERR_TPM
 * with the words "the TPM is gone" or "the TPM was reset": the next call connects anew and makes
 * what it needs again. After ERR_TPM from tpm_pcr_extend it is not known whether the PCR was
 * extended: read it before trying again.
 */
#ifndef ASSAY_ATTEST_TPM_H
#define ASSAY_ATTEST_TPM_H

#include "evidence/tpm.h"

#define TPM_AK_HANDLE_DEFAULT 0x81018001u
#define TPM_EK_CHAIN_MAX                                                                           \
	7u /* certificates beside the EK's own, as many as an enrol message takes */
#define TPM_EK_TEMPLATES  6u
#define TPM_QUOTE_PCRS    16u /* 0-15 */
#define TPM_QUOTE_RETRIES 5u
#define TPM_SECRET_MAX    64u /* credential of ActivateCredential */
#define TPM_AUTH_MAX      64u /* password of a hierarchy */

/* What TPM2_ReadClock says. */
struct tpm_clock {
	uint64_t clock; /* milliseconds */
	uint32_t reset_count, restart_count;
	bool safe;
};

struct tpm_properties {
	char manufacturer[5]; /* "IBM", "INTC": printable, spaces cut */
	char vendor[17]; /* vendor string, printable */
	uint64_t firmware_version;
	uint32_t lockout_counter, lockout_max,
		lockout_seconds; /* failed tries, how many are allowed, seconds to forgive one */
	bool in_lockout;
	bool owner_auth_set, endorsement_auth_set, lockout_auth_set;
	bool resource_manager; /* the kernel's or tabrmd's */
	size_t bank_count;
	enum digest_alg banks[TPM_BANKS_MAX]; /* with at least one PCR allocated; those we know */
};

/* Which endorsement key. Zero-initialised: by certificate, in the order L-1 L-2 H-1 H-2 H-3 H-6. */
struct tpm_ek_options {
	enum ek_template want; /* NONE: the first of `preference` that has a certificate */
	enum ek_template preference[TPM_EK_TEMPLATES]; /* ends at NONE; all NONE: the order above */
	struct bytes
		certificates; /* from a file, PEM or DER, the EK's own among them; empty: from NV */
};
struct tpm_ek {
	enum ek_template template_id;
	uint32_t handle; /* persistent handle that holds it, 0: recreated when needed */
	struct buf public_area; /* TPMT_PUBLIC */
	struct buf certificate; /* DER without header and padding; empty: this TPM has none */
	size_t chain_count; /* further certificates, DER, from NV 01c00100.. or the file */
	struct buf chain[TPM_EK_CHAIN_MAX];
};
void tpm_ek_release(struct tpm_ek *ek);

/* Which EK certificates NV holds, for `assay doctor`. */
struct tpm_ek_present {
	enum ek_template template_id;
	bool certificate, persistent;
};

enum ak_kind { AK_ECC_P256 = 0, AK_RSA_2048, AK_ECC_P384, AK_KINDS };
const char *ak_kind_name(enum ak_kind kind); /* "ecc-p256", "rsa-2048", "ecc-p384" */
bool ak_kind_of_name(struct bytes name, enum ak_kind *ret);

struct tpm_ak_options {
	enum ak_kind kind;
	uint32_t handle; /* persistent; 0: TPM_AK_HANDLE_DEFAULT */
	bool transient; /* no persistent handle: recreated for each use */
	struct tpm_name expected; /* what the handle is known to hold: saves making the key again to
				     compare */
	uint32_t generation; /* another number gives another AK: rotation, an operator-approved new
				epoch */
};

struct tpm_quote {
	struct buf message; /* TPMS_ATTEST */
	struct buf signature; /* TPMT_SIGNATURE */
	struct pcr_bank pcrs; /* PCRs 0-15; they hash to the quote's pcrDigest */
};
void tpm_quote_release(struct tpm_quote *quote);

/* A P-256 signing key that only this TPM can use: a child of the storage primary of the owner
 * hierarchy. */
struct tpm_key {
	struct buf public_area; /* TPMT_PUBLIC */
	struct buf private_area; /* TPM2B_PRIVATE, encrypted by the TPM */
	uint32_t parent; /* 0x81000001, or 0x40000001: the standard P-256 primary, recreated */
};
void tpm_key_release(struct tpm_key *key);
/* "TSS2 PRIVATE KEY" PEM, as tpm2-openssl and tpm2-tss-engine load it. Not secret outside this TPM.
 */
must_use bool tpm_key_pem(const struct tpm_key *key, struct buf *out, struct err *err);

struct tpm_certification {
	struct buf message; /* TPMS_ATTEST, CERTIFY */
	struct buf signature; /* TPMT_SIGNATURE */
};
void tpm_certification_release(struct tpm_certification *certification);

struct tpm;
struct tpm_ops {
	bool (*properties)(struct tpm *tpm, struct tpm_properties *ret, struct err *err);
	bool (*clock)(struct tpm *tpm, struct tpm_clock *ret, struct err *err);
	bool (*pcr_read)(struct tpm *tpm, enum digest_alg bank, uint32_t pcrs, struct pcr_bank *ret,
		struct err *err);
	bool (*pcr_extend)(struct tpm *tpm, uint32_t pcr, const struct digest *digests, size_t n,
		struct err *err);
	bool (*ek_list)(struct tpm *tpm, struct tpm_ek_present *ret, size_t *ret_count,
		size_t *ret_chain, struct err *err);
	bool (*ek)(struct tpm *tpm, const struct tpm_ek_options *options, struct tpm_ek *ret,
		struct err *err);
	bool (*ak)(struct tpm *tpm, const struct tpm_ak_options *options, struct buf *ret_public,
		struct err *err);
	bool (*ak_look)(struct tpm *tpm, const struct tpm_ak_options *options, bool *ret_there,
		struct err *err);
	bool (*activate)(struct tpm *tpm, struct bytes id_object, struct bytes encrypted_secret,
		struct buf *ret_secret, struct err *err);
	bool (*quote)(struct tpm *tpm, struct bytes qualifying, enum digest_alg bank,
		struct tpm_quote *ret, struct err *err);
	bool (*key_new)(struct tpm *tpm, struct tpm_key *ret, struct err *err);
	bool (*key_sign)(struct tpm *tpm, const struct tpm_key *key, struct bytes message,
		struct buf *ret, struct err *err);
	bool (*key_certify)(struct tpm *tpm, const struct tpm_key *key, struct bytes qualifying,
		struct tpm_certification *ret, struct err *err);
	void (*free)(struct tpm *tpm);
};
struct tpm {
	const struct tpm_ops *ops;
};

struct tpm_options {
	const char *
		tcti; /* "device:/dev/tpmrm0", "swtpm:path=…", "tabrmd"; NULL: device:/dev/tpmrm0 */
	struct bytes owner_auth, endorsement_auth; /* copied; at most TPM_AUTH_MAX */
};
/* Connects. Without a resource manager (swtpm, /dev/tpm0) stale transient objects and sessions are
 * flushed first. ERR_USAGE for a TCTI that cannot be loaded, ERR_DENIED for a device that may not
 * be opened, else ERR_TPM. */
must_use bool tpm_open(const struct tpm_options *options, struct tpm **ret, struct err *err);
/* cleanup for OWNED(); NULL is fine. Flushes the session. */
void tpm_free(struct tpm **tpm);

static inline must_use bool tpm_properties(
	struct tpm *tpm, struct tpm_properties *ret, struct err *err)
{
	return tpm->ops->properties(tpm, ret, err);
}
static inline must_use bool tpm_clock(struct tpm *tpm, struct tpm_clock *ret, struct err *err)
{
	return tpm->ops->clock(tpm, ret, err);
}
/* Reads the PCRs of the mask (bit i: PCR i) of one bank. ERR_UNSUPPORTED when the bank is not
 * allocated. */
static inline must_use bool tpm_pcr_read(
	struct tpm *tpm, enum digest_alg bank, uint32_t pcrs, struct pcr_bank *ret, struct err *err)
{
	return tpm->ops->pcr_read(tpm, bank, pcrs, ret, err);
}
/* Extends one PCR by one digest per bank, in one command (over the HMAC session, so that the bus
 * cannot change it). */
static inline must_use bool tpm_pcr_extend(
	struct tpm *tpm, uint32_t pcr, const struct digest *digests, size_t n, struct err *err)
{
	return tpm->ops->pcr_extend(tpm, pcr, digests, n, err);
}
/* ret: TPM_EK_TEMPLATES entries, those with a certificate in NV or a key at the recommended handle;
 * *ret_chain: how many certificates the chain range holds. */
static inline must_use bool tpm_ek_list(struct tpm *tpm, struct tpm_ek_present *ret,
	size_t *ret_count, size_t *ret_chain, struct err *err)
{
	return tpm->ops->ek_list(tpm, ret, ret_count, ret_chain, err);
}
/* Finds the endorsement key and remembers it for tpm_activate and for salting sessions.
 * ERR_MISMATCH when a certificate is there but no way of making the key gives the one that it
 * certifies; ERR_NOT_FOUND when `want` has no certificate and the key cannot be made either. */
static inline must_use bool tpm_ek(
	struct tpm *tpm, const struct tpm_ek_options *options, struct tpm_ek *ret, struct err *err)
{
	return tpm->ops->ek(tpm, options, ret, err);
}
/* Makes, or finds again, the attestation key: a primary of the endorsement hierarchy with
 * attributes 00050472 and empty password, and remembers it for quotes. ret_public: TPMT_PUBLIC.
 * ERR_CONFLICT when the persistent handle holds anything else: it is never evicted. */
static inline must_use bool tpm_ak(struct tpm *tpm, const struct tpm_ak_options *options,
	struct buf *ret_public, struct err *err)
{
	return tpm->ops->ak(tpm, options, ret_public, err);
}
/* Whether the persistent handle holds an AK of that kind already; changes nothing. ERR_CONFLICT as for tpm_ak. */
static inline must_use bool tpm_ak_look(
	struct tpm *tpm, const struct tpm_ak_options *options, bool *ret_there, struct err *err)
{
	return tpm->ops->ak_look(tpm, options, ret_there, err);
}
/* TPM2_ActivateCredential for the AK with the EK: TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET as
 * received; the secret is at most TPM_SECRET_MAX bytes. ERR_USAGE before tpm_ek and tpm_ak;
 * ERR_MISMATCH when the credential is not for these keys. */
static inline must_use bool tpm_activate(struct tpm *tpm, struct bytes id_object,
	struct bytes encrypted_secret, struct buf *ret_secret, struct err *err)
{
	return tpm->ops->activate(tpm, id_object, encrypted_secret, ret_secret, err);
}
/* Quotes PCRs 0-15 of a bank with the AK. A PCR that changes between quote and read makes it start
 * over, at most TPM_QUOTE_RETRIES times, then ERR_BUSY. ERR_USAGE before tpm_ak. */
static inline must_use bool tpm_quote(struct tpm *tpm, struct bytes qualifying,
	enum digest_alg bank, struct tpm_quote *ret, struct err *err)
{
	return tpm->ops->quote(tpm, qualifying, bank, ret, err);
}
static inline must_use bool tpm_key_new(struct tpm *tpm, struct tpm_key *ret, struct err *err)
{
	return tpm->ops->key_new(tpm, ret, err);
}
/* ECDSA with SHA-256 over the message; the signature is DER. */
static inline must_use bool tpm_key_sign(struct tpm *tpm, const struct tpm_key *key,
	struct bytes message, struct buf *ret, struct err *err)
{
	return tpm->ops->key_sign(tpm, key, message, ret, err);
}
/* TPM2_Certify of the key by the AK. */
static inline must_use bool tpm_key_certify(struct tpm *tpm, const struct tpm_key *key,
	struct bytes qualifying, struct tpm_certification *ret, struct err *err)
{
	return tpm->ops->key_certify(tpm, key, qualifying, ret, err);
}

#endif
