/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/digest.h"

#include <limits.h>

#include "crypto/algorithms.h"
#include "crypto/openssl_error.h"

enum { GCM_NONCE = 12, GCM_TAG = 16, AES_BLOCK = 16, WRAP_HALF = 8, WRAP_ROUNDS = 6 };

static void cipher_ctx_free(EVP_CIPHER_CTX **ctx)
{
	EVP_CIPHER_CTX_free(*ctx);
}

/* OpenSSL counts in int; nothing here is ever near that. */
static bool fits_int(struct bytes in, struct err *err)
{
	if (in.len > INT_MAX / 2)
		return err_set(err, ERR_LIMIT, "cipher: %zu bytes are too many", in.len);
	return true;
}

bool aes_cfb(bool encrypt, struct bytes key, const uint8_t iv[16], struct bytes in, struct buf *out,
	struct err *err)
{
	static const uint8_t zero_iv[AES_BLOCK];
	const struct algorithms *algorithms = algorithms_get(err);
	OWNED(cipher_ctx_free) EVP_CIPHER_CTX *ctx = NULL;
	OWNED(buf_release) struct buf made = {0};
	const EVP_CIPHER *cipher;
	int len = 0;

	if (!algorithms || !fits_int(in, err))
		return false;
	if (key.len != 16 && key.len != 32)
		return err_set(
			err, ERR_USAGE, "AES-CFB: a key of %zu bytes, expected 16 or 32", key.len);
	cipher = key.len == 16 ? algorithms->aes_128_cfb : algorithms->aes_256_cfb;
	if (in.len && !buf_extend(&made, in.len))
		return buf_ok(&made, err);
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx ||
		EVP_CipherInit_ex2(ctx, cipher, key.data, iv ? iv : zero_iv, encrypt, NULL) != 1)
		return openssl_fail(err, ERR_CRYPTO, "AES-CFB");
	/* A stream: all of it comes out of one update. */
	if (in.len && EVP_CipherUpdate(ctx, made.data, &len, in.data, (int)in.len) != 1)
		return openssl_fail(err, ERR_CRYPTO, "AES-CFB");
	buf_put(out, buf_bytes(&made));
	return buf_ok(out, err);
}

static EVP_CIPHER_CTX *gcm_start(
	bool encrypt, struct bytes key, const uint8_t *nonce, struct bytes aad, struct err *err)
{
	const struct algorithms *algorithms = algorithms_get(err);
	OWNED(cipher_ctx_free) EVP_CIPHER_CTX *ctx = NULL;
	int len = 0;

	if (!algorithms || !fits_int(aad, err))
		return NULL;
	if (key.len != 32) {
		err_set(err, ERR_USAGE, "AES-256-GCM: a key of %zu bytes, expected 32", key.len);
		return NULL;
	}
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx ||
		EVP_CipherInit_ex2(ctx, algorithms->aes_256_gcm, key.data, nonce, encrypt, NULL) !=
			1 ||
		(aad.len && EVP_CipherUpdate(ctx, NULL, &len, aad.data, (int)aad.len) != 1)) {
		openssl_fail(err, ERR_CRYPTO, "AES-256-GCM");
		return NULL;
	}
	return TAKE(ctx);
}

bool aes_gcm_seal(struct bytes key, struct bytes aad, struct bytes in, struct random *random,
	struct buf *out, struct err *err)
{
	OWNED(cipher_ctx_free) EVP_CIPHER_CTX *ctx = NULL;
	OWNED(buf_release) struct buf made = {0};
	uint8_t *at;
	int len = 0;

	if (!fits_int(in, err))
		return false;
	at = buf_extend(&made, GCM_NONCE + in.len + GCM_TAG);
	if (!at)
		return buf_ok(&made, err);
	if (!random_fill(random, at, GCM_NONCE, err))
		return err_wrap(err, "AES-256-GCM nonce");
	ctx = gcm_start(true, key, at, aad, err);
	if (!ctx)
		return false;
	at += GCM_NONCE;
	if ((in.len && EVP_EncryptUpdate(ctx, at, &len, in.data, (int)in.len) != 1) ||
		EVP_EncryptFinal_ex(ctx, at + in.len, &len) != 1 ||
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, GCM_TAG, at + in.len) != 1)
		return openssl_fail(err, ERR_CRYPTO, "AES-256-GCM");
	buf_put(out, buf_bytes(&made));
	return buf_ok(out, err);
}

bool aes_gcm_open(
	struct bytes key, struct bytes aad, struct bytes in, struct buf *out, struct err *err)
{
	OWNED(cipher_ctx_free) EVP_CIPHER_CTX *ctx = NULL;
	OWNED(buf_release) struct buf made = {0};
	size_t text_len = in.len - GCM_NONCE - GCM_TAG;
	uint8_t tag[GCM_TAG], last[AES_BLOCK];
	int len = 0;

	if (in.len < GCM_NONCE + GCM_TAG)
		return err_set(
			err, ERR_FORMAT, "AES-256-GCM: %zu bytes hold no nonce and tag", in.len);
	if (!fits_int(in, err))
		return false;
	ctx = gcm_start(false, key, in.data, aad, err);
	if (!ctx)
		return false;
	if (text_len && !buf_extend(&made, text_len))
		return buf_ok(&made, err);
	memcpy(tag, in.data + GCM_NONCE + text_len, GCM_TAG);
	if ((text_len && EVP_DecryptUpdate(
				 ctx, made.data, &len, in.data + GCM_NONCE, (int)text_len) != 1) ||
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, GCM_TAG, tag) != 1)
		return openssl_fail(err, ERR_CRYPTO, "AES-256-GCM");
	if (EVP_DecryptFinal_ex(ctx, last, &len) != 1) {
		openssl_forget();
		return err_set(err, ERR_MISMATCH, "AES-256-GCM: the tag does not verify");
	}
	buf_put(out, buf_bytes(&made));
	return buf_ok(out, err);
}

/* One step of RFC 3394, 2.2.1: the register and a block of the key go through AES, and the count goes
 * into the register. */
static bool wrap_step(EVP_CIPHER_CTX *ctx, uint8_t a[WRAP_HALF], uint8_t *r, uint8_t count)
{
	uint8_t in[AES_BLOCK], out[AES_BLOCK];
	int len = 0;

	memcpy(in, a, WRAP_HALF);
	memcpy(in + WRAP_HALF, r, WRAP_HALF);
	bool ok = EVP_EncryptUpdate(ctx, out, &len, in, AES_BLOCK) == 1 && len == AES_BLOCK;
	memcpy(a, out, WRAP_HALF);
	a[WRAP_HALF - 1] ^= count;
	memcpy(r, out + WRAP_HALF, WRAP_HALF);
	secret_wipe(in, sizeof(in));
	return ok;
}

/* By single blocks: OpenSSL 3.0 makes its own key wrap without the processor's AES, and every sealed
 * object pays for it. The other direction is OpenSSL's. */
bool aes_key_wrap(const uint8_t wrapping[AES_KEY_LEN], const uint8_t key[AES_KEY_LEN],
	uint8_t out[AES_WRAPPED_LEN], struct err *err)
{
	const struct algorithms *algorithms = algorithms_get(err);
	OWNED(cipher_ctx_free) EVP_CIPHER_CTX *ctx = NULL;
	uint8_t count = 0;

	if (!algorithms)
		return false;
	ctx = EVP_CIPHER_CTX_new();
	bool ok = ctx &&
		  EVP_EncryptInit_ex2(ctx, algorithms->aes_256_ecb, wrapping, NULL, NULL) == 1 &&
		  EVP_CIPHER_CTX_set_padding(ctx, 0) == 1;
	memset(out, 0xa6, WRAP_HALF);
	memcpy(out + WRAP_HALF, key, AES_KEY_LEN);
	for (unsigned round = 0; round < WRAP_ROUNDS && ok; round++)
		for (size_t at = WRAP_HALF; at < AES_WRAPPED_LEN && ok; at += WRAP_HALF)
			ok = wrap_step(ctx, out, out + at, ++count);
	if (ok)
		return true;
	secret_wipe(out, AES_WRAPPED_LEN);
	return openssl_fail(err, ERR_CRYPTO, "AES key wrap");
}

bool aes_key_unwrap(const uint8_t wrapping[AES_KEY_LEN], const uint8_t wrapped[AES_WRAPPED_LEN],
	uint8_t out[AES_KEY_LEN], struct err *err)
{
	const struct algorithms *algorithms = algorithms_get(err);
	OWNED(cipher_ctx_free) EVP_CIPHER_CTX *ctx = NULL;
	int len = 0;

	if (!algorithms)
		return false;
	openssl_begin();
	ctx = EVP_CIPHER_CTX_new();
	if (ctx)
		EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	if (!ctx || EVP_DecryptInit_ex2(ctx, algorithms->aes_256_wrap, wrapping, NULL, NULL) != 1)
		return openssl_fail(err, ERR_CRYPTO, "AES key wrap");
	if (EVP_CipherUpdate(ctx, out, &len, wrapped, AES_WRAPPED_LEN) == 1 && len == AES_KEY_LEN)
		return true;
	secret_wipe(out, AES_KEY_LEN);
	return openssl_answer(err, "AES key wrap") &&
	       err_set(err, ERR_MISMATCH,
		       "AES key wrap: another key wrapped it, or it was changed");
}
