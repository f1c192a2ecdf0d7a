/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate revocation lists, honest or with one thing wrong. */
#ifndef ASSAY_TESTS_SUPPORT_CRL_H
#define ASSAY_TESTS_SUPPORT_CRL_H

#include "crypto/x509.h"

struct crl_wish {
	const struct cert *issuer, *revoked; /* revoked NULL: an empty list */
	struct key *key; /* signs */
	int64_t last, next; /* thisUpdate; nextUpdate, 0: none */
	bool der; /* otherwise PEM */
	const char *extension, *value; /* OpenSSL's name and text; NULL: none */
};
/* Appends to out. */
must_use bool crl_make(const struct crl_wish *wish, struct buf *out, struct err *err);

#endif
