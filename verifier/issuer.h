/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The issuer: X.509-SVIDs and host certificates by the CA, JWT-SVIDs and records by the signing
 * key. Identity, lifetime and claims are the caller's decision and never the peer's.
 */
#ifndef ASSAY_VERIFIER_ISSUER_H
#define ASSAY_VERIFIER_ISSUER_H

#include "evidence/issued.h"
#include "verifier/config.h"
#include "verifier/rows.h"

#define ISSUE_SKEW                                                                                 \
	30 /* seconds by which a certificate's notBefore lies back, for clocks that are behind */

struct issuer {
	const char *trust_domain, *verifier_id; /* borrowed from the configuration */
	const char *public_url; /* the same; NULL: credentials do not say where to ask */
	struct buf crl_points, ocsp_access; /* extensions of certificates; empty: none */
	struct random *random;
	struct cert *ca[X509_CHAIN_MAX]; /* the issuing CA first */
	size_t ca_count;
	struct key *ca_key;
	const struct cert
		*before; /* of ca, one that issued before and signs its list still; or NULL */
	struct key *before_key;
	struct cert *signing_cert;
	struct cert
		*earlier[X509_CHAIN_MAX]; /* what certified the key that signed, before this one */
	size_t earlier_count;
	struct key *signing_key; /* P-256 */
	struct buf bundle; /* PEM of ca */
	struct buf jwks;
};
/* Reads certificates and keys; each certificate must be for its key, the CA's one a CA, the signing
 * one issued by it. */
must_use bool issuer_load(const struct config *config, struct random *random,
	const struct clock *clock, struct issuer *ret, struct err *err);
void issuer_release(struct issuer *issuer);

struct issue {
	char uri[X509_URI_MAX]; /* who it is for */
	struct bytes spki; /* the key to certify */
	int64_t now, lifetime; /* lifetime 1..CREDENTIAL_LIFETIME_MAX; cut at the CA's own end */
	const uint8_t *decision; /* leaf hash of the decision, 32 bytes; NULL: none (a host's
				    certificate) */
	enum key_protection protection; /* NONE: not said */
	int64_t status; /* of a token: its place in the status lists, from 1 (revocation.h); 0: none */
	const struct verdict_elevation *elevations; /* none ends before the credential does */
	size_t elevation_count;
};
struct issued {
	char serial[ROW_SERIAL_MAX]; /* or jti */
	int64_t status;
	int64_t not_after;
	struct buf bytes; /* DER, or the compact JWT */
};
void issued_release(struct issued *issued);
must_use bool issue_x509(const struct issuer *issuer, const struct issue *issue, struct issued *ret,
	struct err *err);
must_use bool issue_jwt(const struct issuer *issuer, const struct issue *issue,
	struct bytes audience, struct issued *ret, struct err *err);
/* Of the certificates in signing_certificate the one by which a record of that time, signed with the
 * key of that name (key_id), can be judged; the first where there is none. Borrowed. */
const struct cert *issuer_signer_of(
	const struct issuer *issuer, const uint8_t key_name[SHA256_LEN], int64_t time);
/* Certificates a peer has to send behind its own: the CA's that are not self-signed. Borrowed;
 * returns the count. */
size_t issuer_chain(const struct issuer *issuer, struct bytes out[X509_CHAIN_MAX]);

#endif
