/* SPDX-License-Identifier: Apache-2.0 */
/* Private to crypto/: OpenSSL's algorithms, fetched once per process and shared read-only by all
 * threads. */
#ifndef ASSAY_CRYPTO_ALGORITHMS_H
#define ASSAY_CRYPTO_ALGORITHMS_H

#include "crypto/digest.h"

#include <openssl/evp.h>

enum { DIGEST_SLOTS = 4 };

struct digest_info {
	enum digest_alg alg;
	uint8_t len;
	const char *name; /* ours, lower case */
	const char *openssl_name; /* OpenSSL's, "SHA256" */
};
/* NULL for an algorithm that is not known. The slot is the entry's index in every table by digest.
 */
const struct digest_info *digest_info_of(enum digest_alg alg);
size_t digest_slot(const struct digest_info *info);

struct algorithms {
	EVP_MD *digests[DIGEST_SLOTS];
	EVP_MAC *hmac;
	EVP_CIPHER *aes_128_cfb, *aes_256_cfb, *aes_256_gcm, *aes_256_ecb, *aes_256_wrap;
};
/* NULL with ERR_CRYPTO when this OpenSSL lacks one of them. */
const struct algorithms *algorithms_get(struct err *err);

#endif
