/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one form of PKCS#7 (RFC 2315, RFC 5652) that Linux appends to kernel modules (scripts/sign-file):
 * SignedData without content, one signer, no attributes. So the signature is over the content's digest
 * itself. Certificates inside are not looked at.
 */
#ifndef ASSAY_CRYPTO_PKCS7_H
#define ASSAY_CRYPTO_PKCS7_H

#include "crypto/digest.h"

struct pkcs7_detached {
	enum digest_alg alg; /* SHA-256, SHA-384 or SHA-512 */
	struct bytes signature; /* PKCS#1 v1.5 or DER of ECDSA, by the key; borrowed */
};
/* ERR_FORMAT names the field and offset; ERR_UNSUPPORTED for another digest. */
must_use bool pkcs7_detached_parse(struct bytes der, struct pkcs7_detached *ret, struct err *err);

#endif
