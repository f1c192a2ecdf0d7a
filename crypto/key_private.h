/* SPDX-License-Identifier: Apache-2.0 */
/* Private to crypto/: what a key is made of, for the files that make, use and certify keys. */
#ifndef ASSAY_CRYPTO_KEY_PRIVATE_H
#define ASSAY_CRYPTO_KEY_PRIVATE_H

#include "crypto/algorithms.h"
#include "crypto/spki.h"

#include <stdatomic.h>

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 4096
/* The longest signature of any key here: RSA-4096. Room for a provider that asks for more than it
 * writes. */
#define KEY_SIGNATURE_MAX 1024

/* One prepared context for each padding (RSA: PKCS#1, PSS; others use the first row) and digest.
 * Setting one up costs a tenth of a P-256 verification and takes locks of OpenSSL's; copying it
 * costs little and takes none. */
struct key_contexts {
	_Atomic(EVP_MD_CTX *) slots[2][DIGEST_SLOTS];
};

struct key_memo;

struct key {
	atomic_uint refs;
	const struct key_kind *kind;
	EVP_PKEY *public; /* OpenSSL's default provider, checked */
	EVP_PKEY *private; /* NULL: public only */
	struct key_home
		*home; /* where a key of another provider lives; NULL: OpenSSL's default provider */
	struct key_contexts *verifying, *signing;
	_Atomic(struct key_memo *) memo; /* key_memo.c; NULL: nothing was to be remembered yet */
	struct buf spki;
	uint8_t id[SHA256_LEN];
};

/* Checks the parts (sizes, curve membership) and builds the public key, or refers to one that was made of the same. */
must_use bool key_from_parts(const struct key_parts *parts, struct key **ret, struct err *err);
/* Takes over the private half, which must be of a type we know. home is referenced on success;
 * NULL: default. */
must_use bool key_from_private(
	EVP_PKEY *private, struct key_home *home, struct key **ret, struct err *err);
/* Another key of the same public half, shared with nobody: whoever adds a private half needs one. */
must_use bool key_alone(const struct key *key, struct key **ret, struct err *err);
void key_memo_free(struct key_memo *memo); /* NULL is fine */
/* A reference to the public key of this canonical SPKI, if it was kept lately; NULL otherwise. */
struct key *key_recent(struct bytes spki);
/* Keeps a public key for those who ask next; in place of another one, perhaps. */
void key_recent_keep(struct key *key);
/* False, with what key_verify says of a signature that does not verify. */
bool key_mismatch(const struct key *key, struct err *err);
/* Prepares a context for signing with this key wherever it lives, for X509_sign_ctx and the like.
 */
must_use bool key_sign_init(struct key *key, enum signature_scheme scheme, enum digest_alg alg,
	EVP_MD_CTX *ctx, struct err *err);

/* A provider other than OpenSSL's own ("tpm2", "pkcs11"), in a library context of its own so that
 * nothing but its keys is ever done by it. Loaded on demand, one per process while any of its keys
 * lives: a TPM connection may be exclusive. */
must_use bool key_home_open(const char *provider, struct key_home **ret, struct err *err);
struct key_home *key_home_ref(struct key_home *home);
void key_home_unref(struct key_home **home);
OSSL_LIB_CTX *key_home_context(const struct key_home *home);
const char *key_home_properties(const struct key_home *home);
/* The TPM's provider keeps one connection and locks nothing itself. NULL is fine. */
void key_home_lock(struct key_home *home);
void key_home_unlock(struct key_home *home);

/* DER SEQUENCE{r, s} to r || s of 2 * field_len octets, and back. */
must_use bool ecdsa_der_to_raw(struct bytes der, size_t field_len, uint8_t *out, struct err *err);
must_use bool ecdsa_raw_to_der(struct bytes raw, struct buf *out, struct err *err);

#endif
