/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TPM manufacturer for tests: root, intermediate, and EK certificates that are right or wrong in
 *one chosen way.
 *
 *	struct ek_ca ca = {0};
 *	struct ek_ca_options options = ek_ca_honest(ek->key);
 *	ek_ca_new(&ca, &err);
 *	options.eku = "serverAuth";				change what you like
 *	ek_ca_issue(&ca, &options, &cert, &err);		root: ca.root, intermediate:
 *ca.intermediate
 */
#ifndef ASSAY_TESTS_SUPPORT_EK_CA_H
#define ASSAY_TESTS_SUPPORT_EK_CA_H

#include "crypto/x509.h"

/* All certificates are valid from EK_CA_FROM to EK_CA_UNTIL. */
#define EK_CA_FROM  1577836800 /* 2020-01-01 */
#define EK_CA_NOW   1767225600 /* 2026-01-01 */
#define EK_CA_UNTIL 2524608000 /* 2050-01-01 */

struct ek_ca {
	struct key *root_key, *intermediate_key;
	struct cert *root, *intermediate;
};
must_use bool ek_ca_new(struct ek_ca *ret, struct err *err);
/* The same under other names than all the rest. */
must_use bool ek_ca_new_named(
	const char *root, const char *intermediate, struct ek_ca *ret, struct err *err);
/* Another intermediate below the same root. */
must_use bool ek_ca_new_below(
	const struct ek_ca *of, const char *intermediate, struct ek_ca *ret, struct err *err);
void ek_ca_release(struct ek_ca *ca);

struct ek_ca_options {
	EVP_PKEY *subject;
	bool ca; /* basicConstraints CA:TRUE */
	const char *eku; /* as in openssl.cnf; NULL: none */
	const char *key_usage; /* the same */
	bool san_critical;
	const char *manufacturer, *model, *version; /* NULL: left out; all NULL: no directoryName */
	const char *other_name; /* one more subjectAltName, "otherName:1.2.3;UTF8:x"; NULL: none */
	const char *critical_oid; /* an extension of this OID, critical; NULL: none */
	const char *issuers_at; /* authorityInfoAccess, "caIssuers;URI:http://…"; NULL: none */
	bool oaep; /* the key's algorithm is id-RSAES-OAEP */
	int64_t not_before, not_after;
	struct key *self; /* signs instead of the intermediate, under its name; NULL: the
			     intermediate */
};
/* What a manufacturer would write for this EK. */
struct ek_ca_options ek_ca_honest(const struct key *ek);
must_use bool ek_ca_issue(const struct ek_ca *ca, const struct ek_ca_options *options,
	struct cert **ret, struct err *err);

#endif
