/* SPDX-License-Identifier: Apache-2.0 */
/* JWS compact serialisation with ES256 (RFC 7515, 7518): JWT-SVIDs and attestation results; JWK
 * sets (RFC 7517). */
#ifndef ASSAY_CRYPTO_JWS_H
#define ASSAY_CRYPTO_JWS_H

#include "crypto/key.h"

#define JWS_MAX 65536

/* header {"alg","kid","typ"}; kid is the RFC 7638 thumbprint in base64url. P-256 keys only. */
must_use bool jws_sign(struct key *key, const char *typ, struct bytes claims_json, struct buf *out,
	struct err *err);
/* Verifies with this key, and only alg ES256; gives the payload bytes. typ may be NULL (not
 * checked). */
must_use bool jws_verify(struct bytes token, const struct key *key, const char *typ,
	struct buf *ret_claims, struct err *err);
/* RFC 7638 thumbprint, base64url. */
must_use bool jwk_thumbprint(const struct key *key, struct buf *out, struct err *err);
/* {"keys":[{"kty","crv","x","y","kid","use":"jwt-svid","alg":"ES256"}]} */
must_use bool jwk_set(struct key *const *keys, size_t n, struct buf *out, struct err *err);

#endif
