/* SPDX-License-Identifier: Apache-2.0 */
/* Digests, HMAC, HKDF-free randomness: algorithms are fetched once per process and contexts reused
 * per thread. */
#ifndef ASSAY_CRYPTO_DIGEST_H
#define ASSAY_CRYPTO_DIGEST_H

#include "base/bytes.h"

#define DIGEST_LEN_MAX 64
#define SHA256_LEN     32

/* Values are those of TPM_ALG_ID (TCG Algorithm Registry), so that no table translates them. */
enum digest_alg {
	DIGEST_NONE = 0,
	DIGEST_SHA1 = 0x0004,
	DIGEST_SHA256 = 0x000b,
	DIGEST_SHA384 = 0x000c,
	DIGEST_SHA512 = 0x000d,
};

struct digest {
	enum digest_alg alg;
	uint8_t len;
	uint8_t bytes[DIGEST_LEN_MAX];
};

/* Length in bytes; 0 for an algorithm that is not known. */
size_t digest_alg_len(enum digest_alg alg);
/* "sha256"; "unknown" otherwise. */
const char *digest_alg_name(enum digest_alg alg);
/* DIGEST_NONE when the name is not known. Lower case only. */
enum digest_alg digest_alg_of_name(struct bytes name);
static inline struct bytes digest_bytes(const struct digest *digest)
{
	return (struct bytes){digest->bytes, digest->len};
}
bool digest_equal(const struct digest *a, const struct digest *b);

must_use bool digest_of(enum digest_alg alg, struct bytes in, struct digest *ret, struct err *err);
/* H(part[0] || part[1] || …). */
must_use bool digest_of_parts(enum digest_alg alg, const struct bytes *parts, size_t n,
	struct digest *ret, struct err *err);
/* SHA-256 into 32 bytes: the common case. */
must_use bool sha256_of(struct bytes in, uint8_t out[SHA256_LEN], struct err *err);

/* Incremental. */
struct hasher;
must_use bool hasher_new(enum digest_alg alg, struct hasher **ret, struct err *err);
must_use bool hasher_update(struct hasher *hasher, struct bytes in, struct err *err);
/* Gives the digest and starts over with the same algorithm. */
must_use bool hasher_final(struct hasher *hasher, struct digest *ret, struct err *err);
void hasher_free(struct hasher **hasher);

must_use bool hmac_of(enum digest_alg alg, struct bytes key, struct bytes in, struct digest *ret,
	struct err *err);

/* Randomness is a seam: production uses the operating system's through OpenSSL; a failure is an
 * error, never weaker bytes. */
struct random;
struct random_ops {
	bool (*fill)(struct random *random, uint8_t *out, size_t len, struct err *err);
};
struct random {
	const struct random_ops *ops;
};
extern struct random random_system;
static inline must_use bool random_fill(
	struct random *random, uint8_t *out, size_t len, struct err *err)
{
	return random->ops->fill(random, out, len, err);
}

/* AES-CFB128 (TPM protected storage) in place over a copy; key 16 or 32 bytes, IV 16 zero bytes
 * when iv is NULL. */
must_use bool aes_cfb(bool encrypt, struct bytes key, const uint8_t iv[16], struct bytes in,
	struct buf *out, struct err *err);
/* AES-256-GCM: out = nonce(12) || ciphertext || tag(16); nonce from random. */
must_use bool aes_gcm_seal(struct bytes key, struct bytes aad, struct bytes in,
	struct random *random, struct buf *out, struct err *err);
/* ERR_MISMATCH when the tag does not verify; out is untouched then. */
must_use bool aes_gcm_open(
	struct bytes key, struct bytes aad, struct bytes in, struct buf *out, struct err *err);

/* AES key wrap (RFC 3394, its own initial value) of a 256-bit key under another. */
#define AES_KEY_LEN     32
#define AES_WRAPPED_LEN 40
must_use bool aes_key_wrap(const uint8_t wrapping[AES_KEY_LEN], const uint8_t key[AES_KEY_LEN],
	uint8_t out[AES_WRAPPED_LEN], struct err *err);
/* ERR_MISMATCH when it was not wrapped so; out is zeros then. */
must_use bool aes_key_unwrap(const uint8_t wrapping[AES_KEY_LEN],
	const uint8_t wrapped[AES_WRAPPED_LEN], uint8_t out[AES_KEY_LEN], struct err *err);

#endif
