/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/key_private.h"

#include <openssl/ecdsa.h>
#include <openssl/rsa.h>

#include "crypto/der.h"
#include "crypto/openssl_error.h"

static void md_ctx_free(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

/* Which schemes go with which family of keys. */
static bool scheme_fits(const struct key *key, enum signature_scheme scheme)
{
	switch (scheme) {
	case SIGN_ECDSA:
	case SIGN_ECDSA_RAW:
		return key->kind->group != NULL;
	case SIGN_RSA_PKCS1:
	case SIGN_RSA_PSS:
		return key->kind->type == KEY_RSA;
	case SIGN_ED25519:
		return key->kind->type == KEY_ED25519;
	}
	return false;
}

static bool check_fit(
	const struct key *key, enum signature_scheme scheme, enum digest_alg alg, struct err *err)
{
	if (!scheme_fits(key, scheme))
		return err_set(err, ERR_FORMAT, "signature: the scheme does not fit an %s key",
			key->kind->name);
	if (scheme == SIGN_ED25519)
		return alg == DIGEST_NONE ||
		       err_set(err, ERR_FORMAT, "signature: Ed25519 takes no digest algorithm");
	if (alg == DIGEST_SHA1)
		return err_set(err, ERR_FORMAT, "signature: SHA-1 is refused");
	if (!digest_info_of(alg))
		return err_set(err, ERR_FORMAT, "signature: digest algorithm 0x%04x is not known",
			(unsigned)alg);
	return true;
}

static bool set_padding(
	EVP_PKEY_CTX *pctx, enum signature_scheme scheme, int salt_len, struct err *err)
{
	if (scheme == SIGN_RSA_PKCS1 && EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PADDING) != 1)
		return openssl_fail(err, ERR_CRYPTO, "RSA padding");
	if (scheme == SIGN_RSA_PSS &&
		(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) != 1 ||
			EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, salt_len) != 1))
		return openssl_fail(err, ERR_CRYPTO, "RSA-PSS padding");
	return true;
}

static const char *md_name(enum digest_alg alg)
{
	const struct digest_info *info = digest_info_of(alg);

	return info ? info->openssl_name : NULL;
}

bool key_sign_init(struct key *key, enum signature_scheme scheme, enum digest_alg alg,
	EVP_MD_CTX *ctx, struct err *err)
{
	EVP_PKEY_CTX *pctx = NULL;

	if (!key->private)
		return err_set(err, ERR_DENIED, "signature: the key has no private half");
	if (!check_fit(key, scheme, alg, err))
		return false;
	if (EVP_DigestSignInit_ex(ctx, &pctx, md_name(alg), key_home_context(key->home),
		    key_home_properties(key->home), key->private, NULL) != 1)
		return openssl_fail(err, key->home ? ERR_TPM : ERR_CRYPTO, "signing");
	return set_padding(pctx, scheme, RSA_PSS_SALTLEN_DIGEST, err);
}

static bool verify_init(const struct key *key, enum signature_scheme scheme, enum digest_alg alg,
	EVP_MD_CTX *ctx, struct err *err)
{
	EVP_PKEY_CTX *pctx = NULL;

	if (EVP_DigestVerifyInit_ex(ctx, &pctx, md_name(alg), NULL, NULL, key->public, NULL) != 1)
		return openssl_fail(err, ERR_CRYPTO, "verifying");
	return set_padding(pctx, scheme, RSA_PSS_SALTLEN_AUTO, err);
}

/* A fresh copy of the prepared context for this use of the key, which is prepared on its first use.
 * Contexts once published are only read until the key goes. */
static EVP_MD_CTX *prepared(struct key *key, bool sign, enum signature_scheme scheme,
	enum digest_alg alg, struct err *err)
{
	struct key_contexts *contexts = sign ? key->signing : key->verifying;
	const struct digest_info *info = digest_info_of(alg);
	_Atomic(EVP_MD_CTX *) *slot =
		&contexts->slots[scheme == SIGN_RSA_PSS][info ? digest_slot(info) : 0];
	EVP_MD_CTX *ready = atomic_load_explicit(slot, memory_order_acquire);
	OWNED(md_ctx_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (ctx && !ready) {
		if (!(sign ? key_sign_init(key, scheme, alg, ctx, err)
			   : verify_init(key, scheme, alg, ctx, err)))
			return NULL;
		/* Of two threads that come first, one publishes; the other's goes. */
		if (atomic_compare_exchange_strong(slot, &ready, ctx))
			ready = ctx;
		else
			EVP_MD_CTX_free(ctx);
		ctx = EVP_MD_CTX_new();
	}
	if (!ctx || EVP_MD_CTX_copy_ex(ctx, ready) != 1) {
		openssl_fail(err, ERR_NOMEM, "signature");
		return NULL;
	}
	return TAKE(ctx);
}

static void pkey_ctx_free(EVP_PKEY_CTX **ctx)
{
	EVP_PKEY_CTX_free(*ctx);
}

static void ecdsa_sig_free(ECDSA_SIG **sig)
{
	ECDSA_SIG_free(*sig);
}

bool ecdsa_der_to_raw(struct bytes der, size_t field_len, uint8_t *out, struct err *err)
{
	const uint8_t *at = der.data;
	OWNED(ecdsa_sig_free) ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)der.len);

	if (!sig || BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, (int)field_len) < 0 ||
		BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + field_len, (int)field_len) < 0)
		return openssl_fail(err, ERR_CRYPTO, "ECDSA signature");
	return true;
}

bool ecdsa_raw_to_der(struct bytes raw, struct buf *out, struct err *err)
{
	int half = (int)(raw.len / 2), len;
	OWNED(ecdsa_sig_free) ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw.data, half, NULL);
	BIGNUM *s = BN_bin2bn(raw.data + half, half, NULL);
	uint8_t *at;

	if (!sig || !r || !s || ECDSA_SIG_set0(sig, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		return openssl_fail(err, ERR_NOMEM, "ECDSA signature");
	}
	len = i2d_ECDSA_SIG(sig, NULL);
	at = len > 0 ? buf_extend(out, (size_t)len) : NULL;
	if (!at || i2d_ECDSA_SIG(sig, &at) != len)
		return openssl_fail(err, ERR_NOMEM, "ECDSA signature");
	return true;
}

/* Strict DER of two positive integers, none longer than the curve's order. */
static bool check_ecdsa_der(const struct key *key, struct bytes signature, struct err *err)
{
	struct reader r = rd_of(signature), sequence;
	struct bytes number[2];

	sequence = der_enter(&r, DER_SEQUENCE, "ECDSA signature");
	number[0] = der_unsigned(&sequence, "r");
	number[1] = der_unsigned(&sequence, "s");
	if (number[0].len > key->kind->field_len)
		rd_fail(&sequence, "r", "longer than the curve");
	if (number[1].len > key->kind->field_len)
		rd_fail(&sequence, "s", "longer than the curve");
	rd_sub_finish(&r, &sequence, "ECDSA signature");
	return rd_finish(&r, err) || err_wrap(err, "signature");
}

static bool sign_with(EVP_MD_CTX *ctx, const struct key *key, enum signature_scheme scheme,
	struct bytes message, struct buf *ret, struct err *err)
{
	uint8_t signature[KEY_SIGNATURE_MAX];
	size_t len = sizeof(signature);
	uint8_t *out;

	if (EVP_DigestSign(ctx, signature, &len, message.data, message.len) != 1)
		return openssl_fail(err, key->home ? ERR_TPM : ERR_CRYPTO, "signing");
	/* When memory runs out while it is encoded, OpenSSL 3.0 says yes, and its length is -1. */
	if (len == 0 || len > sizeof(signature))
		return err_set(err, ERR_NOMEM, "signing: out of memory");
	if (scheme != SIGN_ECDSA_RAW) {
		buf_put(ret, bytes_of(signature, len));
		return buf_ok(ret, err);
	}
	out = buf_extend(ret, 2 * key->kind->field_len);
	if (!out)
		return buf_ok(ret, err);
	return ecdsa_der_to_raw(bytes_of(signature, len), key->kind->field_len, out, err);
}

bool key_sign(struct key *key, enum signature_scheme scheme, enum digest_alg alg,
	struct bytes message, struct buf *ret_signature, struct err *err)
{
	OWNED(md_ctx_free) EVP_MD_CTX *ctx = NULL;
	bool ok;

	if (!key->private)
		return err_set(err, ERR_DENIED, "signature: the key has no private half");
	if (!check_fit(key, scheme, alg, err))
		return false;
	if (!key->home) {
		ctx = prepared(key, true, scheme, alg, err);
		return ctx && sign_with(ctx, key, scheme, message, ret_signature, err);
	}
	/* Contexts of other providers need not be copyable. */
	ctx = EVP_MD_CTX_new();
	if (!ctx)
		return openssl_fail(err, ERR_NOMEM, "signing");
	key_home_lock(key->home);
	ok = key_sign_init(key, scheme, alg, ctx, err) &&
	     sign_with(ctx, key, scheme, message, ret_signature, err);
	EVP_MD_CTX_free(TAKE(ctx));
	key_home_unlock(key->home);
	return ok;
}

/* Brings the signature into the form that OpenSSL verifies, having checked its size. */
static bool wire_form(const struct key *key, enum signature_scheme scheme, struct bytes signature,
	struct buf *storage, struct bytes *ret, struct err *err)
{
	size_t expected = scheme == SIGN_ED25519     ? 64
			  : scheme == SIGN_ECDSA_RAW ? 2 * key->kind->field_len
						     : key_bits(key) / 8 + (key_bits(key) % 8 != 0);

	*ret = signature;
	if (scheme == SIGN_ECDSA)
		return check_ecdsa_der(key, signature, err);
	if (signature.len != expected)
		return err_set(err, ERR_FORMAT, "signature: %zu bytes, expected %zu", signature.len,
			expected);
	if (scheme != SIGN_ECDSA_RAW)
		return true;
	if (!ecdsa_raw_to_der(signature, storage, err))
		return false;
	*ret = buf_bytes(storage);
	return true;
}

bool key_mismatch(const struct key *key, struct err *err)
{
	return err_set(
		err, ERR_MISMATCH, "signature: does not verify with this %s key", key->kind->name);
}

bool key_verify(const struct key *key, enum signature_scheme scheme, enum digest_alg alg,
	struct bytes message, struct bytes signature, struct err *err)
{
	OWNED(md_ctx_free) EVP_MD_CTX *ctx = NULL;
	OWNED(buf_release) struct buf storage = {0};
	int verified;

	if (!check_fit(key, scheme, alg, err) ||
		!wire_form(key, scheme, signature, &storage, &signature, err))
		return false;
	openssl_begin();
	/* The contexts behind the key are a cache that guards itself. */
	ctx = prepared((struct key *)key, false, scheme, alg, err);
	if (!ctx)
		return false;
	/* This copy is used once: spares OpenSSL another one. */
	EVP_MD_CTX_set_flags(ctx, EVP_MD_CTX_FLAG_FINALISE);
	verified = EVP_DigestVerify(ctx, signature.data, signature.len, message.data, message.len);
	if (verified == 1)
		return true;
	if (verified < 0)
		return openssl_fail(err, ERR_CRYPTO, "verifying");
	if (!openssl_answer(err, "verifying"))
		return false;
	return key_mismatch(key, err);
}

static bool set_digest(
	EVP_PKEY_CTX *ctx, enum signature_scheme scheme, enum digest_alg alg, struct err *err)
{
	const struct digest_info *info = digest_info_of(alg);
	const struct algorithms *algorithms = algorithms_get(err);

	if (!algorithms || !set_padding(ctx, scheme, 0, err))
		return false;
	if (EVP_PKEY_CTX_set_signature_md(ctx, algorithms->digests[digest_slot(info)]) != 1)
		return openssl_fail(err, ERR_CRYPTO, "verifying");
	return true;
}

bool key_verify_digest(const struct key *key, enum signature_scheme scheme, enum digest_alg alg,
	struct bytes digest, struct bytes signature, struct err *err)
{
	OWNED(pkey_ctx_free) EVP_PKEY_CTX *ctx = NULL;
	int verified;

	if (scheme != SIGN_RSA_PKCS1 && scheme != SIGN_ECDSA)
		return err_set(err, ERR_FORMAT, "signature: the scheme takes no digest");
	if (!check_fit(key, scheme, alg, err) ||
		!wire_form(key, scheme, signature, NULL, &signature, err))
		return false;
	if (digest.len != digest_alg_len(alg))
		return err_set(err, ERR_FORMAT, "signature: digest of %zu bytes, expected %zu",
			digest.len, digest_alg_len(alg));
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key->public, NULL);
	if (!ctx || EVP_PKEY_verify_init(ctx) != 1)
		return openssl_fail(err, ERR_CRYPTO, "verifying");
	if (!set_digest(ctx, scheme, alg, err))
		return false;
	openssl_begin();
	verified = EVP_PKEY_verify(ctx, signature.data, signature.len, digest.data, digest.len);
	if (verified == 1)
		return true;
	if (!openssl_answer(err, "verifying"))
		return false;
	return key_mismatch(key, err);
}
