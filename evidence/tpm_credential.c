/* SPDX-License-Identifier: Apache-2.0 */
/* KDFa, KDFe and MakeCredential in software: TPM 2.0 Library Part 1, sections 11.4.10 and 24,
 * appendices B.10 and C.6. */
#include "evidence/tpm.h"

#include "evidence/tpm_wire.h"

#define KDF_BITS_MAX 4096u
#define IDENTITY     "IDENTITY"

static bool kdf_bits_check(uint32_t bits, struct err *err)
{
	if (bits == 0 || bits % 8 != 0 || bits > KDF_BITS_MAX)
		return err_set(err, ERR_USAGE, "KDF: %u bits asked for", bits);
	return true;
}

/* Appends as much of one block as is still wanted. */
static void kdf_take(struct buf *out, size_t end, const struct digest *block)
{
	size_t left = end - out->len;

	buf_put(out, bytes_of(block->bytes, block->len < left ? block->len : left));
}

bool tpm_kdfa(enum digest_alg alg, struct bytes key, const char *label, struct bytes u,
	struct bytes v, uint32_t bits, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf in = {0};
	size_t end = out->len + bits / 8;
	struct digest block;

	if (!kdf_bits_check(bits, err))
		return false;
	for (uint32_t i = 1; out->len < end; i++) {
		buf_clear(&in);
		buf_put_be32(&in, i);
		buf_put(&in, bytes_of(label, strlen(label) + 1));
		buf_put(&in, u);
		buf_put(&in, v);
		buf_put_be32(&in, bits);
		if (!buf_ok(&in, err) || !hmac_of(alg, key, buf_bytes(&in), &block, err))
			return false;
		kdf_take(out, end, &block);
		if (!buf_ok(out, err))
			return false;
	}
	secret_wipe(&block, sizeof(block));
	return true;
}

bool tpm_kdfe(enum digest_alg alg, struct bytes z, const char *label, struct bytes u,
	struct bytes v, uint32_t bits, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf counter = {0};
	size_t end = out->len + bits / 8;
	struct digest block;

	if (!kdf_bits_check(bits, err))
		return false;
	for (uint32_t i = 1; out->len < end; i++) {
		struct bytes parts[] = {{0}, z, bytes_of(label, strlen(label) + 1), u, v};

		buf_clear(&counter);
		buf_put_be32(&counter, i);
		parts[0] = buf_bytes(&counter);
		if (!buf_ok(&counter, err) ||
			!digest_of_parts(alg, parts, ARRAY_LEN(parts), &block, err))
			return false;
		kdf_take(out, end, &block);
		if (!buf_ok(out, err))
			return false;
	}
	secret_wipe(&block, sizeof(block));
	return true;
}

/* A fresh seed, and its form encrypted to an RSA EK. */
static bool seed_for_rsa(const struct tpmt_public *ek, const struct key *key, struct random *random,
	struct buf *seed, struct buf *encrypted, struct err *err)
{
	size_t len = digest_alg_len(ek->name_alg);
	uint16_t hash = ek->scheme_hash ? ek->scheme_hash : ek->name_alg;
	uint8_t *room = buf_extend(seed, len);

	if (!room)
		return buf_ok(seed, err);
	return random_fill(random, room, len, err) &&
	       key_oaep_encrypt(key, hash, bytes_of(IDENTITY, sizeof(IDENTITY)), buf_bytes(seed),
		       encrypted, err);
}

/* The same for an ECC EK: the seed comes from ECDH with an ephemeral key, whose public point is
 * sent. */
static bool seed_for_ecc(const struct tpmt_public *ek, const struct key *key, struct buf *seed,
	struct buf *encrypted, struct err *err)
{
	OWNED(key_unref) struct key *ephemeral = NULL;
	OWNED(buf_release) struct buf z = {0};
	OWNED(buf_release) struct buf x = {0};
	OWNED(buf_release) struct buf y = {0};
	OWNED(buf_release) struct buf ek_x = {0};
	OWNED(buf_release) struct buf ek_y = {0};

	if (!key_generate(key_type_of(key), &ephemeral, err) ||
		!key_ecdh(ephemeral, key, &z, err) || !key_ec_point(ephemeral, &x, &y, err) ||
		!key_ec_point(key, &ek_x, &ek_y, err))
		return false;
	tpm2b_put(encrypted, buf_bytes(&x));
	tpm2b_put(encrypted, buf_bytes(&y));
	return tpm_kdfe(ek->name_alg, buf_bytes(&z), IDENTITY, buf_bytes(&x), buf_bytes(&ek_x),
		(uint32_t)digest_alg_len(ek->name_alg) * 8, seed, err);
}

/* The outer wrap: encIdentity and its HMAC, both keyed from the seed. */
static bool identity_wrap(const struct tpmt_public *ek, const struct tpm_name *name,
	struct bytes seed, struct bytes credential, struct buf *ret_id_object, struct err *err)
{
	OWNED(buf_release) struct buf plain = {0};
	OWNED(buf_release) struct buf sealed = {0};
	OWNED(buf_release) struct buf encryption_key = {0};
	OWNED(buf_release) struct buf hmac_key = {0};
	OWNED(buf_release) struct buf object = {0};
	const struct bytes none = {0};
	struct digest hmac;
	size_t sealed_len;

	tpm2b_put(&plain, credential);
	if (!buf_ok(&plain, err) ||
		!tpm_kdfa(ek->name_alg, seed, "STORAGE", tpm_name_bytes(name), none,
			ek->symmetric_bits, &encryption_key, err) ||
		!aes_cfb(true, buf_bytes(&encryption_key), NULL, buf_bytes(&plain), &sealed, err) ||
		!tpm_kdfa(ek->name_alg, seed, "INTEGRITY", none, none,
			(uint32_t)digest_alg_len(ek->name_alg) * 8, &hmac_key, err))
		return false;
	sealed_len = sealed.len;
	buf_put(&sealed, tpm_name_bytes(name)); /* the HMAC covers encIdentity || name */
	if (!buf_ok(&sealed, err) ||
		!hmac_of(ek->name_alg, buf_bytes(&hmac_key), buf_bytes(&sealed), &hmac, err))
		return false;
	tpm2b_put(&object, digest_bytes(&hmac));
	buf_put(&object, bytes_of(sealed.data, sealed_len));
	if (!buf_ok(&object, err))
		return false;
	tpm2b_put(ret_id_object, buf_bytes(&object));
	return buf_ok(ret_id_object, err);
}

static bool ek_usable(const struct tpmt_public *ek, struct bytes credential, struct err *err)
{
	const uint32_t storage = TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;

	if ((ek->attributes & storage) != storage || ek->attributes & TPMA_OBJECT_SIGN)
		return err_set(err, ERR_MISMATCH,
			"EK: attributes 0x%08x are not those of a restricted decryption key",
			ek->attributes);
	if (ek->symmetric != TPM_ALG_AES || ek->symmetric_mode != TPM_ALG_CFB ||
		(ek->symmetric_bits != 128 && ek->symmetric_bits != 256))
		return err_set(err, ERR_UNSUPPORTED,
			"EK: its symmetric algorithm is neither AES-128-CFB nor AES-256-CFB");
	if (credential.len == 0 || credential.len > digest_alg_len(ek->name_alg))
		return err_set(err, ERR_LIMIT, "credential: %zu bytes, not 1 to %zu",
			credential.len, digest_alg_len(ek->name_alg));
	return true;
}

bool tpm_make_credential(const struct tpmt_public *ek, const struct tpm_name *name,
	struct bytes credential, struct random *random, struct buf *ret_id_object,
	struct buf *ret_secret, struct err *err)
{
	OWNED(key_unref) struct key *key = NULL;
	OWNED(buf_release) struct buf seed = {0};
	OWNED(buf_release) struct buf encrypted = {0};
	bool seeded;

	if (!ek_usable(ek, credential, err) || !tpmt_public_key(ek, &key, err))
		return err_wrap(err, "MakeCredential");
	seeded = ek->type == TPM_ALG_RSA ? seed_for_rsa(ek, key, random, &seed, &encrypted, err)
					 : seed_for_ecc(ek, key, &seed, &encrypted, err);
	if (!seeded || !buf_ok(&encrypted, err) ||
		!identity_wrap(ek, name, buf_bytes(&seed), credential, ret_id_object, err))
		return err_wrap(err, "MakeCredential");
	tpm2b_put(ret_secret, buf_bytes(&encrypted));
	return buf_ok(ret_secret, err);
}
