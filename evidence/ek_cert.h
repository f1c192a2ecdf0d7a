/* SPDX-License-Identifier: Apache-2.0 */
/* The TCG EK Credential Profile, checked: what an EK certificate must be before it proves a TPM.
 * Pure. */
#ifndef ASSAY_EVIDENCE_EK_CERT_H
#define ASSAY_EVIDENCE_EK_CERT_H

#include "crypto/x509.h"
#include "evidence/tpm.h"

enum ek_cert_fault {
	EK_CERT_OK = 0,
	EK_CERT_CHAIN, /* see chain.fault */
	EK_CERT_IS_CA,
	EK_CERT_EKU, /* lacks 2.23.133.8.1 */
	EK_CERT_KEY_USAGE, /* RSA: no keyEncipherment; ECC: no keyAgreement; or digitalSignature
			      alone */
	EK_CERT_KEY, /* certified key is not the EK sent */
	EK_CERT_SAN, /* no tpmManufacturer/tpmModel/tpmVersion, or an unknown critical form */
	EK_CERT_EXTENSION, /* an unknown critical extension */
};
struct ek_cert_result {
	enum ek_cert_fault fault;
	char detail[256];
	struct chain_result chain; /* CHAIN_REVOKED and CHAIN_REVOCATION_LIST: as of crls_at */
	char manufacturer[64], model[64], version[64]; /* escaped text of the TCG SAN attributes */
	bool expired; /* only with ignore_expiry */
};
struct ek_cert_options {
	struct cert *const *roots;
	size_t root_count;
	struct cert *const *intermediates;
	size_t intermediate_count;
	int64_t at;
	bool ignore_expiry;
	const struct crls *crls; /* NULL: revocation is not judged */
	int64_t crls_at; /* when it is judged: today, where `at` may be the time of enrolment */
	bool ignore_stale_crls;
	const struct key *ek; /* NULL: not compared */
};
/* A fault is a result. The intermediates are untrusted (sent by the host). */
must_use bool ek_cert_verify(struct cert *cert, const struct ek_cert_options *options,
	struct ek_cert_result *ret, struct err *err);
const char *ek_cert_fault_name(enum ek_cert_fault fault); /* "ek-cert-eku" */
void ek_cert_result_release(struct ek_cert_result *result);

#endif
