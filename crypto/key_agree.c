/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/key_private.h"

#include <openssl/rsa.h>

#include "crypto/openssl_error.h"

static void pkey_ctx_free(EVP_PKEY_CTX **ctx)
{
	EVP_PKEY_CTX_free(*ctx);
}

/* OpenSSL takes the label over, so it gets a copy. */
static bool set_label(EVP_PKEY_CTX *ctx, struct bytes label)
{
	void *copy;

	if (label.len == 0)
		return true;
	copy = OPENSSL_memdup(label.data, label.len);
	if (copy && EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, copy, (int)label.len) == 1)
		return true;
	OPENSSL_free(copy);
	return false;
}

bool key_oaep_encrypt(const struct key *key, enum digest_alg alg, struct bytes label,
	struct bytes in, struct buf *out, struct err *err)
{
	const struct digest_info *info = digest_info_of(alg);
	OWNED(pkey_ctx_free) EVP_PKEY_CTX *ctx = NULL;
	uint8_t cipher[RSA_MODULUS_MAX];
	size_t len = sizeof(cipher);

	if (key->kind->type != KEY_RSA || !info)
		return err_set(err, ERR_FORMAT, "OAEP: needs an RSA key and a known digest");
	if (label.len > DIGEST_LEN_MAX)
		return err_set(err, ERR_LIMIT, "OAEP: a label of %zu bytes, at most %d", label.len,
			DIGEST_LEN_MAX);
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key->public, NULL);
	if (!ctx || EVP_PKEY_encrypt_init(ctx) != 1 ||
		EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) != 1 ||
		EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, info->openssl_name, NULL) != 1 ||
		EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, info->openssl_name, NULL) != 1 ||
		!set_label(ctx, label) || EVP_PKEY_encrypt(ctx, cipher, &len, in.data, in.len) != 1)
		return openssl_fail(err, ERR_CRYPTO, "OAEP");
	buf_put(out, bytes_of(cipher, len));
	return buf_ok(out, err);
}

static bool oaep_open(struct key *key, const struct digest_info *info, struct bytes in,
	struct buf *out, struct err *err)
{
	OWNED(pkey_ctx_free)
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(
		key_home_context(key->home), key->private, key_home_properties(key->home));
	uint8_t plain[RSA_MODULUS_MAX];
	size_t len = sizeof(plain);
	bool ok;

	if (!ctx || EVP_PKEY_decrypt_init(ctx) != 1)
		return openssl_fail(err, key->home ? ERR_TPM : ERR_CRYPTO, "OAEP");
	if (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) != 1 ||
		EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, info->openssl_name, NULL) != 1)
		return openssl_fail(
			err, ERR_UNSUPPORTED, "OAEP: the provider of this key does not know it");
	ok = EVP_PKEY_decrypt(ctx, plain, &len, in.data, in.len) == 1;
	if (ok)
		buf_put(out, bytes_of(plain, len));
	secret_wipe(plain, sizeof(plain));
	return ok ? buf_ok(out, err) : openssl_fail(err, ERR_MISMATCH, "OAEP");
}

bool key_oaep_decrypt(
	struct key *key, enum digest_alg alg, struct bytes in, struct buf *out, struct err *err)
{
	const struct digest_info *info = digest_info_of(alg);
	bool ok;

	if (key->kind->type != KEY_RSA || !info)
		return err_set(err, ERR_FORMAT, "OAEP: needs an RSA key and a known digest");
	if (!key->private)
		return err_set(err, ERR_DENIED, "OAEP: the key has no private half");
	key_home_lock(key->home);
	openssl_begin();
	ok = oaep_open(key, info, in, out, err);
	key_home_unlock(key->home);
	return ok;
}

/* The peer's point was checked when its key was made, and a TPM checks it once more: its provider has
 * no check of its own to be asked for. */
static bool ecdh_derive(struct key *own, const struct key *peer, struct buf *out_x, struct err *err)
{
	OWNED(pkey_ctx_free)
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(
		key_home_context(own->home), own->private, key_home_properties(own->home));
	uint8_t shared[EC_FIELD_MAX];
	size_t len = sizeof(shared);
	bool ok = ctx && EVP_PKEY_derive_init(ctx) == 1 &&
		  EVP_PKEY_derive_set_peer_ex(ctx, peer->public, own->home == NULL) == 1 &&
		  EVP_PKEY_derive(ctx, shared, &len) == 1;

	if (ok)
		buf_put(out_x, bytes_of(shared, len));
	secret_wipe(shared, sizeof(shared));
	return ok ? buf_ok(out_x, err)
		  : openssl_fail(err, own->home ? ERR_TPM : ERR_CRYPTO, "ECDH");
}

bool key_ecdh(struct key *own, const struct key *peer, struct buf *out_x, struct err *err)
{
	bool ok;

	if (!own->private)
		return err_set(err, ERR_DENIED, "ECDH: the key has no private half");
	if (!own->kind->group || own->kind != peer->kind)
		return err_set(err, ERR_FORMAT,
			"ECDH: two keys on one curve are needed, not %s and %s", own->kind->name,
			peer->kind->name);
	key_home_lock(own->home);
	openssl_begin();
	ok = ecdh_derive(own, peer, out_x, err);
	key_home_unlock(own->home);
	return ok;
}
