/* SPDX-License-Identifier: Apache-2.0 */
/* Signed certificate timestamps embedded in a certificate (RFC 6962, sections 3.2 and 3.3): a public
 * log's word that it has seen what was issued. Pure. */
#ifndef ASSAY_CRYPTO_SCT_H
#define ASSAY_CRYPTO_SCT_H

#include "crypto/x509.h"

#define SCT_MAX 16

/* Version 1, the only one. Borrowed from the list. */
struct sct {
	struct bytes log_id; /* 32 octets: SHA-256 of the log's SubjectPublicKeyInfo */
	uint64_t timestamp; /* milliseconds since 1970 */
	struct bytes extensions;
	uint8_t hash, algorithm; /* RFC 5246, section 7.4.1.4.1 */
	struct bytes signature;
};
/* A SignedCertificateTimestampList; its entries of other versions are passed over. At most max. */
must_use bool sct_list_parse(
	struct bytes list, size_t max, struct sct *ret, size_t *ret_count, struct err *err);

/* Whether one of the logs (ECDSA or RSA PKCS#1 v1.5, with SHA-256) signed that it saw this leaf as its issuer was to issue it,
 * at a time that is at most `now` (seconds). ERR_MISMATCH and ERR_FORMAT say why not; other errors
 * decide nothing. */
must_use bool sct_check(const struct cert *leaf, const struct cert *issuer, struct key *const *logs,
	size_t log_count, int64_t now, struct err *err);

#endif
