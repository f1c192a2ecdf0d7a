/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to crypto/: SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7, RFC 3279, RFC 5480, RFC 8410)
 * to and from its parts. Parsed by our own reader, so that OpenSSL never sees explicit curve
 * parameters or a compressed point (CVE-2022-0778).
 */
#ifndef ASSAY_CRYPTO_SPKI_H
#define ASSAY_CRYPTO_SPKI_H

#include "crypto/key.h"

#define RSA_MODULUS_MAX 512
#define EC_FIELD_MAX    66
#define SPKI_MAX        1024

/* What is fixed for each key type. */
struct key_kind {
	enum key_type type;
	const char *name;
	const char *group; /* OpenSSL's name of the curve; NULL: no ECDSA key */
	size_t field_len; /* octets of a coordinate (of the key itself: Ed25519) */
	size_t bits; /* 0: by modulus */
	enum digest_alg digest; /* that goes with it by default */
	struct bytes algorithm; /* the AlgorithmIdentifier's content, DER */
};
/* NULL for a type that is not known. */
const struct key_kind *key_kind_of(enum key_type type);

/* A public key in parts, big-endian, borrowed. */
struct key_parts {
	const struct key_kind *kind;
	struct bytes modulus; /* RSA, no leading zeros */
	uint32_t exponent;
	struct bytes x, y; /* ECDSA: exactly field_len each; Ed25519: x is the whole key */
};

/* Refuses what is not canonical DER of one of our key types. Does not check that the point is on
 * the curve. Accepts the RSA key types of old certificates (id-RSAES-OAEP, id-RSASSA-PSS) when
 * any_rsa is set. */
must_use bool spki_parse(struct bytes der, bool any_rsa, struct key_parts *ret, struct err *err);
must_use bool spki_write(const struct key_parts *parts, struct buf *out, struct err *err);

#endif
