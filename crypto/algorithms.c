/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/algorithms.h"

#include <assert.h>
#include <pthread.h>

#include "crypto/openssl_error.h"

static const struct digest_info digest_table[] = {
	{DIGEST_SHA1, 20, "sha1", "SHA1"},
	{DIGEST_SHA256, 32, "sha256", "SHA256"},
	{DIGEST_SHA384, 48, "sha384", "SHA384"},
	{DIGEST_SHA512, 64, "sha512", "SHA512"},
};
static_assert(ARRAY_LEN(digest_table) == DIGEST_SLOTS, "one slot for each digest");

/* Written once under pthread_once, read-only afterwards. */
static struct algorithms fetched;
static bool complete;
static pthread_once_t once = PTHREAD_ONCE_INIT;

const struct digest_info *digest_info_of(enum digest_alg alg)
{
	for (size_t i = 0; i < ARRAY_LEN(digest_table); i++)
		if (digest_table[i].alg == alg)
			return &digest_table[i];
	return NULL;
}

size_t digest_slot(const struct digest_info *info)
{
	return (size_t)(info - digest_table);
}

static void fetch(void)
{
	complete = true;
	for (size_t i = 0; i < ARRAY_LEN(digest_table); i++) {
		fetched.digests[i] = EVP_MD_fetch(NULL, digest_table[i].openssl_name, NULL);
		complete = complete && fetched.digests[i];
	}
	fetched.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	fetched.aes_128_cfb = EVP_CIPHER_fetch(NULL, "AES-128-CFB", NULL);
	fetched.aes_256_cfb = EVP_CIPHER_fetch(NULL, "AES-256-CFB", NULL);
	fetched.aes_256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	fetched.aes_256_ecb = EVP_CIPHER_fetch(NULL, "AES-256-ECB", NULL);
	fetched.aes_256_wrap = EVP_CIPHER_fetch(NULL, "AES-256-WRAP", NULL);
	complete = complete && fetched.hmac && fetched.aes_128_cfb && fetched.aes_256_cfb &&
		   fetched.aes_256_gcm && fetched.aes_256_ecb && fetched.aes_256_wrap;
	openssl_forget();
}

const struct algorithms *algorithms_get(struct err *err)
{
	if (pthread_once(&once, fetch) == 0 && complete)
		return &fetched;
	err_set(err, ERR_CRYPTO, "this OpenSSL lacks SHA-1, SHA-2, HMAC or AES");
	return NULL;
}
