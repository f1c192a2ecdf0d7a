/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asymmetric keys: RSA (2048..4096), ECDSA on P-256, P-384, P-521, Ed25519. Opaque, reference
 * counted, safe to share between threads for verification and signing. Public keys are checked when
 * made (curve membership, sizes).
 */
#ifndef ASSAY_CRYPTO_KEY_H
#define ASSAY_CRYPTO_KEY_H

#include "crypto/digest.h"

#include <openssl/types.h>

struct key;

enum key_type { KEY_RSA = 1, KEY_EC_P256, KEY_EC_P384, KEY_EC_P521, KEY_ED25519 };
enum signature_scheme {
	SIGN_ECDSA = 1, /* DER in, DER out */
	SIGN_ECDSA_RAW, /* r || s, each padded to the curve's size (COSE, JWS, DSSE of some) */
	SIGN_RSA_PKCS1,
	SIGN_RSA_PSS, /* salt length = hash length when signing, any when verifying */
	SIGN_ED25519, /* digest_alg is DIGEST_NONE */
};

/* Private or public key from PEM (PKCS#8, SEC1, SPKI). Passphrases are not asked for. */
must_use bool key_from_pem(struct bytes pem, struct key **ret, struct err *err);
/* Public key from SubjectPublicKeyInfo DER, canonical, no trailing bytes. Named curves only. */
must_use bool key_from_spki(struct bytes der, struct key **ret, struct err *err);
/* Public keys from parts, big-endian. Coordinates: at most the field size, left-padding accepted;
 * the point is checked. */
must_use bool key_from_ec_point(
	enum key_type type, struct bytes x, struct bytes y, struct key **ret, struct err *err);
must_use bool key_from_rsa(struct bytes n, uint32_t exponent, struct key **ret, struct err *err);
/* Private key by OSSL_STORE URI: "file:…", a plain path, "handle:0x81…" (TPM through tpm2-openssl:
 * the provider tpm2 is loaded on demand), "pkcs11:…" (provider pkcs11 loaded on demand;
 * ERR_UNSUPPORTED when it is not installed). "file:…?passphrase-file=/PATH": a PKCS #8 file encrypted
 * with the one line of that file; ERR_DENIED when it is another one, ERR_CONFIG when there is none or
 * the key is not encrypted. */
must_use bool key_from_uri(const char *uri, struct key **ret, struct err *err);
/* RSA: 2048 bits. */
must_use bool key_generate(enum key_type type, struct key **ret, struct err *err);
struct key *key_ref(struct key *key);
void key_unref(struct key **key); /* cleanup; NULL is fine */
/* Public keys are remembered for a while, and shared by all who ask for the same one: these are let go. */
void keys_forget(void);

enum key_type key_type_of(const struct key *key);
const char *key_type_name(enum key_type type);
size_t key_bits(const struct key *key);
bool key_has_private(const struct key *key);
/* SPKI DER, made once. Borrowed from the key. */
struct bytes key_spki(const struct key *key);
/* The content of the SPKI's BIT STRING, which RFC 5280 section 4.2.1.2 hashes for key identifiers.
 * Borrowed from the key. */
struct bytes key_public_bits(const struct key *key);
/* SHA-256 of the SPKI DER: how this project names a key. */
const uint8_t *key_id(const struct key *key);
bool key_equal(const struct key *a, const struct key *b);
must_use bool key_public_pem(const struct key *key, struct buf *out, struct err *err);
must_use bool key_private_pem(
	const struct key *key, struct buf *out, struct err *err); /* PKCS#8, not encrypted */
/* EC keys: x and y, padded to the curve's size. */
must_use bool key_ec_point(const struct key *key, struct buf *x, struct buf *y, struct err *err);

/* The scheme that fits a key by default (ECDSA with the curve's hash, RSA-PKCS1 with SHA-256,
 * Ed25519). */
enum signature_scheme key_default_scheme(const struct key *key);
enum digest_alg key_default_digest(const struct key *key);

/* Signs the message (hashes it itself). ERR_DENIED if the key has no private part. SHA-1 is refused
 * here and in key_verify; any other digest goes with any ECDSA or RSA key. Keys in a TPM sign with
 * the digest their scheme was made with; threads take turns. */
must_use bool key_sign(struct key *key, enum signature_scheme scheme, enum digest_alg alg,
	struct bytes message, struct buf *ret_signature, struct err *err);
/* True when the signature verifies; ERR_MISMATCH when it does not, ERR_CRYPTO when a primitive
 * failed, ERR_FORMAT for a scheme or size that does not fit the key. */
must_use bool key_verify(const struct key *key, enum signature_scheme scheme, enum digest_alg alg,
	struct bytes message, struct bytes signature, struct err *err);
/* The same, and the key remembers a few hundred answers: for signatures that are asked about again and again, by keys that
 * stay. */
must_use bool key_verify_remembered(const struct key *key, enum signature_scheme scheme,
	enum digest_alg alg, struct bytes message, struct bytes signature, struct err *err);
/* The same for a digest made elsewhere, as wide as alg: files that are signed by their digest. RSA
 * PKCS#1 and ECDSA (DER) only. */
must_use bool key_verify_digest(const struct key *key, enum signature_scheme scheme,
	enum digest_alg alg, struct bytes digest, struct bytes signature, struct err *err);
/* RSA-OAEP with the given hash and label (label bytes include a trailing NUL where the TPM wants
 * one). */
must_use bool key_oaep_encrypt(const struct key *key, enum digest_alg alg, struct bytes label,
	struct bytes in, struct buf *out, struct err *err);
/* The way back, with the private half wherever it lives; an empty label. ERR_MISMATCH when it was not
 * made for this key (a TPM does not tell that from a failure of its own: its words stand in the
 * text). */
must_use bool key_oaep_decrypt(
	struct key *key, enum digest_alg alg, struct bytes in, struct buf *out, struct err *err);
/* ECDH: x coordinate of the shared point, padded to the curve's size. */
must_use bool key_ecdh(struct key *own, const struct key *peer, struct buf *out_x, struct err *err);
/* key_wrap.c: a secret of 32 bytes for whoever has the private half of an RSA or EC key. info says what
 * it is and must be the same at the unwrapping. */
must_use bool key_wrap(const struct key *key, struct bytes info, const uint8_t secret[32],
	struct random *random, struct buf *out, struct err *err);
/* ERR_MISMATCH: for another key, of another info, or changed; ERR_FORMAT: never one. */
must_use bool key_unwrap(
	struct key *key, struct bytes info, struct bytes in, uint8_t out[32], struct err *err);
/* The OpenSSL handle behind it, borrowed; for TLS contexts and certificates in this library's own
 * neighbours. A key in a TPM lives in a library context of its own, and TLS contexts of OpenSSL's
 * default one cannot sign with it: such keys are for key_sign and cert_issue. */
EVP_PKEY *key_evp(const struct key *key);

#endif
