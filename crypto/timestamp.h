/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time-stamp responses (RFC 3161, in the CMS of RFC 5652), judged against certificates of authorities
 * that are known beforehand: what a response carries of certificates is not looked at. Strict DER.
 */
#ifndef ASSAY_CRYPTO_TIMESTAMP_H
#define ASSAY_CRYPTO_TIMESTAMP_H

#include "crypto/x509.h"

#define TIMESTAMP_MAX 16384

/* What a response says; borrowed from it. */
struct timestamp {
	int64_t time; /* genTime in seconds; fractions are dropped */
	enum digest_alg imprint_alg;
	struct bytes imprint; /* digest of what was stamped */
	struct bytes info; /* TSTInfo, DER: what the signature is about */
	struct bytes attributes; /* signedAttrs, content of the SET: what it is over */
	enum digest_alg alg; /* of the signer */
	struct bytes message_digest; /* among the attributes */
	struct bytes signature;
};
/* A granted TimeStampResp with one signer and signed attributes. ERR_FORMAT names the field and
 * offset; ERR_UNSUPPORTED for digests other than SHA-2, and extensions that are critical;
 * ERR_MISMATCH when it was not granted. */
must_use bool timestamp_parse(struct bytes der, struct timestamp *ret, struct err *err);
/* When was this stamped? The imprint is the message's, and one of the certificates signed: for time
 * stamping (extended key usage) and valid then. ERR_MISMATCH otherwise, and what timestamp_parse
 * says. */
must_use bool timestamp_verify(struct bytes der, struct bytes message,
	struct cert *const *authorities, size_t count, int64_t *ret_time, struct err *err);

#endif
