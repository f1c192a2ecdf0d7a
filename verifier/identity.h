/* SPDX-License-Identifier: Apache-2.0 */
/* Who a certificate speaks for, by its SPIFFE URI: operators, hosts, workload instances. Pure. */
#ifndef ASSAY_VERIFIER_IDENTITY_H
#define ASSAY_VERIFIER_IDENTITY_H

#include "crypto/x509.h"
#include "evidence/evidence.h"

enum identity_kind { IDENTITY_NONE = 0, IDENTITY_OPERATOR, IDENTITY_HOST, IDENTITY_WORKLOAD };
const char *identity_kind_name(enum identity_kind kind);

/* Bits, as routes name them. */
enum role {
	ROLE_ADMIN = 1u << 0,
	ROLE_CI = 1u << 1,
	ROLE_AUDITOR = 1u << 2,
	ROLE_HOST = 1u << 3,
	ROLE_WORKLOAD = 1u << 4,
	ROLE_ADMISSION = 1u << 5, /* a cluster's API server */
};
#define ROLE_ANY_CERTIFICATE                                                                       \
	(ROLE_ADMIN | ROLE_CI | ROLE_AUDITOR | ROLE_HOST | ROLE_WORKLOAD | ROLE_ADMISSION)
/* "admin", "ci", "auditor", "admission" to a bit; 0 for any other. */
unsigned role_of_name(struct bytes name);

struct identity {
	enum identity_kind kind;
	unsigned role;
	char uri[X509_URI_MAX];
	char name[65]; /* operator or workload */
	uint8_t host[HOST_ID_LEN];
	uint8_t instance[INSTANCE_ID_LEN];
};
/* Exact: no other trust domain, no further segments, lower-case hex, names as text_is_name. */
must_use bool identity_parse(
	const char *uri, const char *trust_domain, struct identity *ret, struct err *err);
/* Written the same way; ERR_FORMAT for a name that is none. */
must_use bool identity_operator_uri(const char *trust_domain, const char *role, const char *name,
	char out[X509_URI_MAX], struct err *err);
must_use bool identity_host_uri(const char *trust_domain, const uint8_t host[HOST_ID_LEN],
	char out[X509_URI_MAX], struct err *err);
must_use bool identity_workload_uri(const char *trust_domain, struct bytes workload,
	const uint8_t instance[INSTANCE_ID_LEN], char out[X509_URI_MAX], struct err *err);
/* A trust domain: 1..255 of [a-z0-9.-_], as SPIFFE has it. */
bool trust_domain_ok(struct bytes name);

#endif
