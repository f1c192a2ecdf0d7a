/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/digest.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdlib.h>

#include "crypto/algorithms.h"
#include "crypto/openssl_error.h"

/* One context per thread and algorithm: a context that stays with its algorithm keeps its state
 * block, and hashing something small then costs no allocation. */
struct thread_contexts {
	EVP_MD_CTX *digests[DIGEST_SLOTS];
};

static pthread_key_t contexts_key;
static bool contexts_key_made;
static pthread_once_t contexts_once = PTHREAD_ONCE_INIT;

struct hasher {
	enum digest_alg alg;
	const EVP_MD *md;
	EVP_MD_CTX *ctx;
};

size_t digest_alg_len(enum digest_alg alg)
{
	const struct digest_info *info = digest_info_of(alg);

	return info ? info->len : 0;
}

const char *digest_alg_name(enum digest_alg alg)
{
	const struct digest_info *info = digest_info_of(alg);

	return info ? info->name : "unknown";
}

enum digest_alg digest_alg_of_name(struct bytes name)
{
	static const enum digest_alg algs[] = {
		DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512};

	for (size_t i = 0; i < ARRAY_LEN(algs); i++)
		if (bytes_equal_str(name, digest_alg_name(algs[i])))
			return algs[i];
	return DIGEST_NONE;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return a->alg == b->alg && a->len != 0 && bytes_equal(digest_bytes(a), digest_bytes(b));
}

static void contexts_free(void *pointer)
{
	struct thread_contexts *contexts = pointer;

	for (size_t i = 0; i < DIGEST_SLOTS; i++)
		EVP_MD_CTX_free(contexts->digests[i]);
	free(contexts);
}

static void contexts_make_key(void)
{
	contexts_key_made = pthread_key_create(&contexts_key, contexts_free) == 0;
}

static EVP_MD_CTX *thread_context(size_t slot, struct err *err)
{
	struct thread_contexts *contexts;

	if (pthread_once(&contexts_once, contexts_make_key) != 0 || !contexts_key_made) {
		err_set(err, ERR_NOMEM, "digest: no thread-specific storage left");
		return NULL;
	}
	contexts = pthread_getspecific(contexts_key);
	if (!contexts) {
		contexts = calloc(1, sizeof(*contexts));
		if (!contexts || pthread_setspecific(contexts_key, contexts) != 0) {
			free(contexts);
			err_set(err, ERR_NOMEM, "digest: out of memory");
			return NULL;
		}
	}
	if (!contexts->digests[slot])
		contexts->digests[slot] = EVP_MD_CTX_new();
	if (!contexts->digests[slot])
		err_set(err, ERR_NOMEM, "digest: out of memory");
	return contexts->digests[slot];
}

static const struct digest_info *known_digest(enum digest_alg alg, struct err *err)
{
	const struct digest_info *info = digest_info_of(alg);

	if (!info)
		err_set(err, ERR_UNSUPPORTED, "digest: algorithm 0x%04x is not known",
			(unsigned)alg);
	return info;
}

static bool hash_parts(const struct digest_info *info, const struct bytes *parts, size_t n,
	uint8_t *out, struct err *err)
{
	size_t slot = digest_slot(info);
	const struct algorithms *algorithms = algorithms_get(err);
	EVP_MD_CTX *ctx = algorithms ? thread_context(slot, err) : NULL;

	if (!ctx)
		return false;
	if (EVP_DigestInit_ex2(ctx, algorithms->digests[slot], NULL) != 1)
		return openssl_fail(err, ERR_INTERNAL, info->name);
	for (size_t i = 0; i < n; i++)
		if (EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) != 1)
			return openssl_fail(err, ERR_INTERNAL, info->name);
	if (EVP_DigestFinal_ex(ctx, out, NULL) != 1)
		return openssl_fail(err, ERR_INTERNAL, info->name);
	return true;
}

bool digest_of_parts(enum digest_alg alg, const struct bytes *parts, size_t n, struct digest *ret,
	struct err *err)
{
	const struct digest_info *info = known_digest(alg, err);
	struct digest made = {.alg = alg};

	if (!info || !hash_parts(info, parts, n, made.bytes, err))
		return false;
	made.len = info->len;
	*ret = made;
	return true;
}

bool digest_of(enum digest_alg alg, struct bytes in, struct digest *ret, struct err *err)
{
	return digest_of_parts(alg, &in, 1, ret, err);
}

bool sha256_of(struct bytes in, uint8_t out[SHA256_LEN], struct err *err)
{
	return hash_parts(digest_info_of(DIGEST_SHA256), &in, 1, out, err);
}

bool hasher_new(enum digest_alg alg, struct hasher **ret, struct err *err)
{
	const struct digest_info *info = known_digest(alg, err);
	const struct algorithms *algorithms = info ? algorithms_get(err) : NULL;
	OWNED(hasher_free) struct hasher *made = NULL;

	if (!algorithms)
		return false;
	made = calloc(1, sizeof(*made));
	if (!made || !(made->ctx = EVP_MD_CTX_new()))
		return err_set(err, ERR_NOMEM, "digest: out of memory");
	made->alg = alg;
	made->md = algorithms->digests[digest_slot(info)];
	if (EVP_DigestInit_ex2(made->ctx, made->md, NULL) != 1)
		return openssl_fail(err, ERR_INTERNAL, info->name);
	*ret = TAKE(made);
	return true;
}

bool hasher_update(struct hasher *hasher, struct bytes in, struct err *err)
{
	if (EVP_DigestUpdate(hasher->ctx, in.data, in.len) != 1)
		return openssl_fail(err, ERR_INTERNAL, digest_alg_name(hasher->alg));
	return true;
}

bool hasher_final(struct hasher *hasher, struct digest *ret, struct err *err)
{
	struct digest made = {.alg = hasher->alg, .len = (uint8_t)digest_alg_len(hasher->alg)};

	if (EVP_DigestFinal_ex(hasher->ctx, made.bytes, NULL) != 1 ||
		EVP_DigestInit_ex2(hasher->ctx, hasher->md, NULL) != 1)
		return openssl_fail(err, ERR_INTERNAL, digest_alg_name(hasher->alg));
	*ret = made;
	return true;
}

void hasher_free(struct hasher **hasher)
{
	if (!*hasher)
		return;
	EVP_MD_CTX_free((*hasher)->ctx);
	free(*hasher);
	*hasher = NULL;
}

static void mac_ctx_free(EVP_MAC_CTX **ctx)
{
	EVP_MAC_CTX_free(*ctx);
}

bool hmac_of(
	enum digest_alg alg, struct bytes key, struct bytes in, struct digest *ret, struct err *err)
{
	const struct digest_info *info = known_digest(alg, err);
	const struct algorithms *algorithms = info ? algorithms_get(err) : NULL;
	OWNED(mac_ctx_free) EVP_MAC_CTX *ctx = NULL;
	struct digest made = {.alg = alg};
	OSSL_PARAM params[2] = {OSSL_PARAM_END, OSSL_PARAM_END};
	/* OpenSSL takes a NULL key for "the key set before". */
	const uint8_t *key_data = key.len ? key.data : (const uint8_t *)"";

	if (!algorithms)
		return false;
	params[0] = OSSL_PARAM_construct_utf8_string(
		OSSL_MAC_PARAM_DIGEST, (char *)info->openssl_name, 0);
	ctx = EVP_MAC_CTX_new(algorithms->hmac);
	if (!ctx || EVP_MAC_init(ctx, key_data, key.len, params) != 1 ||
		EVP_MAC_update(ctx, in.data, in.len) != 1 ||
		EVP_MAC_final(ctx, made.bytes, NULL, sizeof(made.bytes)) != 1)
		return openssl_fail(err, ERR_INTERNAL, "HMAC");
	made.len = info->len;
	*ret = made;
	return true;
}
