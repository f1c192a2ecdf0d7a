/* SPDX-License-Identifier: Apache-2.0 */
/* Private to crypto/: what a certificate is made of. */
#ifndef ASSAY_CRYPTO_CERT_PRIVATE_H
#define ASSAY_CRYPTO_CERT_PRIVATE_H

#include "crypto/x509.h"

#include <openssl/x509.h>
#include <stdatomic.h>

#define CERT_EXTENSIONS_MAX 64

/* Immutable after its making but for what was found once, so threads share it. */
struct cert {
	atomic_uint refs;
	_Atomic(char *) client_uri; /* cert_client_uri; NULL: not looked for yet */
	X509 *x509;
	struct buf der, spki;
	int64_t not_before, not_after;
};

struct crls {
	STACK_OF(X509_CRL) * list;
};
/* A list in this name. */
bool crls_of_issuer(const struct crls *crls, const X509_NAME *issuer);

/* Refuses bytes that are not the outline of one DER certificate, or whose key has explicit curve
 * parameters: before OpenSSL decodes the key, which it does at once and with arithmetic on those
 * parameters (CVE-2022-0778). Gives the SPKI, borrowed. */
must_use bool cert_outline(struct bytes der, struct bytes *ret_spki, struct err *err);

/* RFC 2253 text, escaped. Returns out. */
const char *cert_name_text(const X509_NAME *name, char *out, size_t size);

#endif
