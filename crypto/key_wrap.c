/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A secret wrapped for the holder of a private key, wherever OSSL_STORE finds that: encapsulation ||
 * AES-256 key wrap (RFC 3394) of the secret, 40 bytes, under
 *
 *	HKDF-SHA-256(salt: none, input: shared, info: "assay key wrap v1" NUL || key id || encapsulation || info)
 *
 * RSA: the encapsulation is OAEP (SHA-256, no label) of 32 random bytes, which are what is shared.
 * EC: it is the uncompressed point of an ephemeral key on the same curve, and ECDH is what is shared.
 * The private half does one decryption or one ECDH, which is all that a TPM can be asked for.
 */
#include "crypto/key_private.h"

static const char domain[] = "assay key wrap v1"; /* with its NUL */

/* RFC 5869 with one block of output. */
static bool wrapping_key(const struct key *key, struct bytes encapsulation, struct bytes shared,
	struct bytes info, uint8_t out[AES_KEY_LEN], struct err *err)
{
	static const uint8_t salt[SHA256_LEN];
	OWNED(buf_release) struct buf text = {0};
	struct digest secret = {0}, made = {0};

	buf_put(&text, bytes_of(domain, sizeof(domain)));
	buf_put(&text, bytes_of(key_id(key), SHA256_LEN));
	buf_put(&text, encapsulation);
	buf_put(&text, info);
	buf_put_u8(&text, 1);
	bool ok = buf_ok(&text, err) &&
		  hmac_of(DIGEST_SHA256, BYTES_OF(salt), shared, &secret, err) &&
		  hmac_of(DIGEST_SHA256, digest_bytes(&secret), buf_bytes(&text), &made, err);
	if (ok)
		memcpy(out, made.bytes, AES_KEY_LEN);
	secret_wipe(&secret, sizeof(secret));
	secret_wipe(&made, sizeof(made));
	return ok;
}

static bool encapsulate(const struct key *key, struct random *random, struct buf *encapsulation,
	struct buf *shared, struct err *err)
{
	OWNED(key_unref) struct key *ephemeral = NULL;

	if (key->kind->type == KEY_RSA) {
		uint8_t *at = buf_extend(shared, AES_KEY_LEN);
		return buf_ok(shared, err) && random_fill(random, at, AES_KEY_LEN, err) &&
		       key_oaep_encrypt(key, DIGEST_SHA256, (struct bytes){0}, buf_bytes(shared),
			       encapsulation, err);
	}
	if (!key->kind->group)
		return err_set(err, ERR_UNSUPPORTED, "key wrap: expected an RSA or EC key, not %s",
			key->kind->name);
	if (!key_generate(key->kind->type, &ephemeral, err))
		return false;
	buf_put(encapsulation, key_public_bits(ephemeral));
	return buf_ok(encapsulation, err) && key_ecdh(ephemeral, key, shared, err);
}

static bool decapsulate(
	struct key *key, struct bytes encapsulation, struct buf *shared, struct err *err)
{
	OWNED(key_unref) struct key *ephemeral = NULL;
	size_t half = encapsulation.len / 2;

	if (key->kind->type == KEY_RSA)
		return key_oaep_decrypt(key, DIGEST_SHA256, encapsulation, shared, err);
	if (!key->kind->group)
		return err_set(err, ERR_UNSUPPORTED, "key wrap: expected an RSA or EC key, not %s",
			key->kind->name);
	if (encapsulation.len != key_public_bits(key).len || encapsulation.data[0] != 4)
		return err_set(err, ERR_FORMAT, "key wrap: not the point of an ephemeral key");
	return key_from_ec_point(key->kind->type, bytes_of(encapsulation.data + 1, half),
		       bytes_of(encapsulation.data + 1 + half, half), &ephemeral, err) &&
	       key_ecdh(key, ephemeral, shared, err);
}

bool key_wrap(const struct key *key, struct bytes info, const uint8_t secret[32],
	struct random *random, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf encapsulation = {0};
	OWNED(buf_release) struct buf shared = {0};
	uint8_t wrapping[AES_KEY_LEN], wrapped[AES_WRAPPED_LEN];
	bool ok = encapsulate(key, random, &encapsulation, &shared, err) &&
		  wrapping_key(key, buf_bytes(&encapsulation), buf_bytes(&shared), info, wrapping,
			  err) &&
		  aes_key_wrap(wrapping, secret, wrapped, err);

	secret_wipe(wrapping, sizeof(wrapping));
	if (!ok)
		return false;
	buf_put(out, buf_bytes(&encapsulation));
	buf_put(out, BYTES_OF(wrapped));
	return buf_ok(out, err);
}

bool key_unwrap(
	struct key *key, struct bytes info, struct bytes in, uint8_t out[32], struct err *err)
{
	OWNED(buf_release) struct buf shared = {0};
	uint8_t wrapping[AES_KEY_LEN];

	if (in.len <= AES_WRAPPED_LEN)
		return err_set(err, ERR_FORMAT, "key wrap: %zu bytes are too few", in.len);
	struct bytes encapsulation = bytes_of(in.data, in.len - AES_WRAPPED_LEN);
	bool ok = decapsulate(key, encapsulation, &shared, err) &&
		  wrapping_key(key, encapsulation, buf_bytes(&shared), info, wrapping, err) &&
		  aes_key_unwrap(wrapping, in.data + encapsulation.len, out, err);

	secret_wipe(wrapping, sizeof(wrapping));
	return ok;
}
