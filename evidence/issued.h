/* SPDX-License-Identifier: Apache-2.0 */
/* Looking into credentials: which decision they say they rest on. Pure; no signature is looked at. */
#ifndef ASSAY_EVIDENCE_ISSUED_H
#define ASSAY_EVIDENCE_ISSUED_H

#include "crypto/x509.h"

/* What OID_DECISION_LEAF and OID_KEY_PROTECTION hold in a certificate. False when absent or not as
 * the issuer writes it. */
bool issued_decision(const struct cert *cert, uint8_t ret[SHA256_LEN]);
bool issued_protection(const struct cert *cert, struct bytes *ret);
/* OID_ELEVATIONS: SEQUENCE OF SEQUENCE { right UTF8String, entitlement UTF8String (empty where only
 * audiences are lent), until GeneralizedTime, approval OCTET STRING } (docs/formats/elevation.md). */
struct issued_elevation {
	struct bytes right, entitlement;
	int64_t until; /* seconds since 1970 */
	uint8_t approval[SHA256_LEN]; /* leaf hash of the ledger's entry that says who approved */
};
#define ISSUED_ELEVATIONS_MAX 8u
must_use bool issued_elevations_encode(
	const struct issued_elevation *list, size_t count, struct buf *out, struct err *err);
/* Of an extension's value; strict: what is not as written above is ERR_FORMAT. Borrowed. */
must_use bool issued_elevations_decode(struct bytes in,
	struct issued_elevation ret[ISSUED_ELEVATIONS_MAX], size_t *ret_count, struct err *err);
/* The claim assay.decision of a JWT-SVID in compact form. ERR_FORMAT for what is no token,
 * ERR_NOT_FOUND when it names none. */
must_use bool issued_token_decision(struct bytes token, uint8_t ret[SHA256_LEN], struct err *err);
/* Of a certificate (PEM, the first one, or DER) or a token with or without a newline behind it. Errors
 * likewise. */
must_use bool issued_any_decision(struct bytes in, uint8_t ret[SHA256_LEN], struct err *err);

#endif
