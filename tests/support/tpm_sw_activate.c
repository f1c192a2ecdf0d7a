/* SPDX-License-Identifier: Apache-2.0 */
/* TPM2_ActivateCredential in software: what a TPM does with the answer of tpm_make_credential. */
#include "tests/support/tpm_sw.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/reader.h"

#define IDENTITY "IDENTITY"

static bool seed_from_rsa(
	const struct tpm_sw_key *ek, struct bytes secret, struct buf *seed, struct err *err)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key_evp(ek->key), NULL);
	const EVP_MD *md = EVP_get_digestbyname(digest_alg_name(ek->view.name_alg));
	void *label = OPENSSL_memdup(IDENTITY, sizeof(IDENTITY));
	uint8_t plain[512];
	size_t len = sizeof(plain);
	bool ok = ctx && md && label && EVP_PKEY_decrypt_init(ctx) == 1 &&
		  EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
		  EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) == 1 &&
		  EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, label, sizeof(IDENTITY)) == 1;

	if (!ok)
		OPENSSL_free(label);
	ok = ok && EVP_PKEY_decrypt(ctx, plain, &len, secret.data, secret.len) == 1;
	EVP_PKEY_CTX_free(ctx);
	if (!ok)
		return err_set(err, ERR_MISMATCH, "tpm_sw: the seed does not decrypt");
	buf_put(seed, bytes_of(plain, len));
	return buf_ok(seed, err);
}

static bool seed_from_ecc(
	const struct tpm_sw_key *ek, struct bytes secret, struct buf *seed, struct err *err)
{
	OWNED(key_unref) struct key *ephemeral = NULL;
	OWNED(buf_release) struct buf z = {0};
	struct reader r = rd_of(secret);
	struct bytes x = rd_tpm2b(&r, 66, "x");
	struct bytes y = rd_tpm2b(&r, 66, "y");

	return rd_finish(&r, err) &&
	       key_from_ec_point(key_type_of(ek->key), x, y, &ephemeral, err) &&
	       key_ecdh(ek->key, ephemeral, &z, err) &&
	       tpm_kdfe(ek->view.name_alg, buf_bytes(&z), IDENTITY, x, ek->view.x,
		       (uint32_t)digest_alg_len(ek->view.name_alg) * 8, seed, err);
}

/* Checks the HMAC over encIdentity || name, then decrypts. */
static bool identity_unwrap(const struct tpm_sw_key *ek, const struct tpm_name *name,
	struct bytes seed, struct bytes hmac, struct bytes sealed, struct buf *plain,
	struct err *err)
{
	OWNED(buf_release) struct buf hmac_key = {0};
	OWNED(buf_release) struct buf encryption_key = {0};
	OWNED(buf_release) struct buf covered = {0};
	enum digest_alg alg = ek->view.name_alg;
	const struct bytes none = {0};
	struct digest expected;

	buf_put(&covered, sealed);
	buf_put(&covered, tpm_name_bytes(name));
	if (!buf_ok(&covered, err) ||
		!tpm_kdfa(alg, seed, "INTEGRITY", none, none, (uint32_t)digest_alg_len(alg) * 8,
			&hmac_key, err) ||
		!hmac_of(alg, buf_bytes(&hmac_key), buf_bytes(&covered), &expected, err))
		return false;
	if (!bytes_equal(digest_bytes(&expected), hmac))
		return err_set(err, ERR_MISMATCH, "tpm_sw: TPM_RC_INTEGRITY");
	return tpm_kdfa(alg, seed, "STORAGE", tpm_name_bytes(name), none, ek->view.symmetric_bits,
		       &encryption_key, err) &&
	       aes_cfb(false, buf_bytes(&encryption_key), NULL, sealed, plain, err);
}

bool tpm_sw_activate_credential(const struct tpm_sw_key *ek, const struct tpm_name *name,
	struct bytes id_object, struct bytes encrypted_secret, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf seed = {0};
	OWNED(buf_release) struct buf plain = {0};
	struct reader r = rd_of(id_object), sub, s = rd_of(encrypted_secret), p;
	struct bytes hmac, sealed, secret, credential;
	bool seeded;

	sub = rd_sub(&r, rd_be16(&r, "id_object size"), "id_object");
	hmac = rd_tpm2b(&sub, 64, "integrityHMAC");
	sealed = rd_bytes(&sub, rd_left(&sub), "encIdentity");
	rd_sub_finish(&r, &sub, "id_object");
	secret = rd_tpm2b(&s, 512, "secret");
	if (!rd_finish(&r, err) || !rd_finish(&s, err))
		return false;
	seeded = ek->view.type == TPM_ALG_RSA ? seed_from_rsa(ek, secret, &seed, err)
					      : seed_from_ecc(ek, secret, &seed, err);
	if (!seeded || !identity_unwrap(ek, name, buf_bytes(&seed), hmac, sealed, &plain, err))
		return false;
	p = rd_of(buf_bytes(&plain));
	credential = rd_tpm2b(&p, 64, "credential");
	if (!rd_finish(&p, err))
		return false;
	buf_put(out, credential);
	return buf_ok(out, err);
}
