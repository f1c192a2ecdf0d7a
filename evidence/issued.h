/* SPDX-License-Identifier: Apache-2.0 */
/* Looking into credentials: which decision they say they rest on. Pure; no signature is looked at. */
#ifndef ASSAY_EVIDENCE_ISSUED_H
#define ASSAY_EVIDENCE_ISSUED_H

#include "crypto/x509.h"

/* What OID_DECISION_LEAF and OID_KEY_PROTECTION hold in a certificate. False when absent or not as
 * the issuer writes it. */
bool issued_decision(const struct cert *cert, uint8_t ret[SHA256_LEN]);
bool issued_protection(const struct cert *cert, struct bytes *ret);
/* The claim assay.decision of a JWT-SVID in compact form. ERR_FORMAT for what is no token,
 * ERR_NOT_FOUND when it names none. */
must_use bool issued_token_decision(struct bytes token, uint8_t ret[SHA256_LEN], struct err *err);
/* Of a certificate (PEM, the first one, or DER) or a token with or without a newline behind it. Errors
 * likewise. */
must_use bool issued_any_decision(struct bytes in, uint8_t ret[SHA256_LEN], struct err *err);

#endif
