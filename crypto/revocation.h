/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a CA says of certificates that it took back: revocation lists (RFC 5280 section 5) and answers of OCSP (RFC 6960,
 * in the profile of RFC 5019). Nothing here fetches or decides anything: who is revoked is the caller's to say.
 */
#ifndef ASSAY_CRYPTO_REVOCATION_H
#define ASSAY_CRYPTO_REVOCATION_H

#include "crypto/x509.h"

/* CRLReason, RFC 5280 section 5.3.1: the ones that are given here. */
enum revocation_reason {
	REVOKED_UNSPECIFIED = 0,
	REVOKED_KEY_COMPROMISE = 1,
	REVOKED_CESSATION = 5, /* cessationOfOperation */
	REVOKED_PRIVILEGE = 9, /* privilegeWithdrawn */
};

#define SERIAL_HEX_MAX 41u /* 20 octets as lower-case hex, with the NUL */

/* ---- lists ---- */

struct crl_entry {
	char serial[SERIAL_HEX_MAX]; /* lower-case hex, as cert_serial gives it */
	int64_t revoked;
	enum revocation_reason reason;
};
struct crl_request {
	uint64_t number; /* CRLNumber; never given twice by one CA */
	int64_t this_update, next_update;
	const struct crl_entry *entries;
	size_t count;
};
/* A complete list, DER, appended: version 2, sorted by serial, with authorityKeyIdentifier where the issuer has a key
 * identifier. Signs as cert_issue does. ERR_USAGE: a serial that is no hex, or a list that ends before it begins. */
must_use bool crl_issue(const struct crl_request *request, const struct cert *issuer,
	struct key *issuer_key, struct buf *out, struct err *err);

/* DER values of the extensions that name where to ask: cRLDistributionPoints (OID_CRL_POINTS) and authorityInfoAccess
 * (OID_INFO_ACCESS, OCSP only). uri: 1 to X509_URI_MAX printable characters. Appended. ERR_USAGE. */
#define OID_CRL_POINTS  "2.5.29.31"
#define OID_INFO_ACCESS "1.3.6.1.5.5.7.1.1"
must_use bool crl_points_der(const char *uri, struct buf *out, struct err *err);
must_use bool ocsp_access_der(const char *uri, struct buf *out, struct err *err);

/* ---- OCSP ---- */

#define OCSP_REQUEST_MAX 4096u /* bytes */
#define OCSP_CERTS_MAX   16u
#define OCSP_NONCE_MAX   32u /* RFC 8954 section 2.1 */

struct ocsp_request; /* opaque */
/* What is asked about certificates of `issuer`. A signature over the request is not looked at (RFC 6960 section 4.1.2:
 * optional). ERR_FORMAT: no request, bytes behind it, a nonce that is not 1 to 32 octets, or a critical extension;
 * ERR_LIMIT: more bytes or certificates than above, or none. */
must_use bool ocsp_request_parse(
	struct bytes der, const struct cert *issuer, struct ocsp_request **ret, struct err *err);
void ocsp_request_free(struct ocsp_request **request);
size_t ocsp_request_count(const struct ocsp_request *request);
/* Lower-case hex; "" when the question is about another CA's certificate, or the serial is longer than 20 octets. */
const char *ocsp_request_serial(const struct ocsp_request *request, size_t i);
bool ocsp_request_nonce(const struct ocsp_request *request);

enum ocsp_status { OCSP_UNKNOWN = 0, OCSP_GOOD, OCSP_REVOKED };
struct ocsp_answer {
	enum ocsp_status status;
	int64_t revoked; /* of OCSP_REVOKED */
	enum revocation_reason reason;
};
/* One answer for each certificate asked about; the nonce is given back. The responder is named by its key, its
 * certificate goes along. Appended, DER. */
must_use bool ocsp_respond(const struct ocsp_request *request, const struct ocsp_answer *answers,
	int64_t this_update, int64_t next_update, const struct cert *responder,
	struct key *responder_key, struct buf *out, struct err *err);
/* An answer that says nothing, and is not signed: RFC 6960 section 4.2.1. */
enum ocsp_fault { OCSP_MALFORMED = 1, OCSP_INTERNAL = 2, OCSP_TRY_LATER = 3 };
must_use bool ocsp_refuse(enum ocsp_fault fault, struct buf *out, struct err *err);
/* A certificate for answering in the CA's name: id-kp-OCSPSigning and id-pkix-ocsp-nocheck (RFC 6960 section 4.2.2.2). */
must_use bool ocsp_responder_issue(const struct key *key, int64_t not_before, int64_t not_after,
	const struct cert *issuer, struct key *issuer_key, struct cert **ret, struct err *err);

#endif
