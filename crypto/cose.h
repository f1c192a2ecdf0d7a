/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COSE_Sign1 (RFC 9052), tagged 18. Written deterministically: protected {1: alg, 3: content type,
 * 4: kid} and, for statements, 15: CWT claims {1: iss, 2: sub, 6: iat}; for receipts 395: the
 * structure of what is proven (RFC 9942). kid is the key's id (SHA-256 of its SPKI). Read leniently as others write it (any definite-length CBOR), verified over the bytes
 * received.
 */
#ifndef ASSAY_CRYPTO_COSE_H
#define ASSAY_CRYPTO_COSE_H

#include "crypto/key.h"

struct cose_sign1 {
	int64_t alg; /* COSE algorithm id, from the protected header */
	struct bytes protected_; /* as received */
	struct bytes content_type; /* text; empty when absent or numeric */
	struct bytes kid; /* protected or unprotected; a hint, never trusted */
	struct bytes iss, sub; /* CWT claims header; empty when absent */
	bool has_iat;
	int64_t iat; /* CWT claim, seconds since 1970, never negative */
	int64_t vds; /* protected label 395 (RFC 9942); 0: absent */
	struct bytes payload; /* empty with detached = true */
	bool detached;
	struct bytes signature;
	struct bytes unprotected; /* the encoded map, as received */
};

struct cose_sign_options {
	const char *content_type; /* NULL: none */
	const char *iss, *sub; /* NULL: none */
	const int64_t *iat; /* NULL: none */
	int64_t vds; /* 0: none */
	bool detached;
	struct bytes corim_meta; /* protected label 8, a byte string (CoRIM); empty: none */
};

must_use bool cose_sign1_sign(struct key *key, const struct cose_sign_options *options,
	struct bytes payload, struct bytes external_aad, struct buf *out, struct err *err);
/* Borrowed views into `in`. Refuses unknown entries under crit, duplicate labels across both
 * headers, trailing bytes. */
must_use bool cose_sign1_parse(struct bytes in, struct cose_sign1 *ret, struct err *err);
/* payload is used when the message is detached. The algorithm must fit the key: ES256 -7, ES384 -35,
 * ES512 -36 (any of our curves; the hash is the algorithm's), EdDSA -8, PS256 -37 to PS512 -39,
 * RS256 -257 to RS512 -259. It must be protected. */
must_use bool cose_sign1_verify(const struct cose_sign1 *message, const struct key *key,
	struct bytes payload, struct bytes external_aad, struct err *err);

/* Appends the same message with another unprotected header: an encoded map, deterministic. Protected
 * header, payload and signature stay, so that it verifies as before. */
must_use bool cose_sign1_rewrap(const struct cose_sign1 *message, struct bytes unprotected,
	struct buf *out, struct err *err);

#endif
