/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/ima_signature.h"

#include "base/reader.h"
#include "crypto/pkcs7.h"

#define OID_SUBJECT_KEY_IDENTIFIER "2.5.29.14"
#define DER_OCTETS                 0x04

/* Linux include/uapi/linux/hash_info.h, enum hash_algo: those that may sign. */
static const struct {
	uint8_t number;
	enum digest_alg alg;
} hash_algos[] = {
	{4, DIGEST_SHA256},
	{5, DIGEST_SHA384},
	{6, DIGEST_SHA512},
};

static enum digest_alg alg_of_number(uint8_t number)
{
	for (size_t i = 0; i < ARRAY_LEN(hash_algos); i++)
		if (hash_algos[i].number == number)
			return hash_algos[i].alg;
	return DIGEST_NONE;
}

static bool is_judged(const struct ima_signature *s, struct err *err)
{
	bool file = s->type == IMA_SIGNATURE_FILE && (s->version == 2 || s->version == 3);
	bool verity = s->type == IMA_SIGNATURE_VERITY && s->version == 3;

	if (!file && !verity)
		return err_set(err, ERR_UNSUPPORTED,
			"signature of type %u, version %u is not judged", (unsigned)s->type,
			s->version);
	if (s->alg == DIGEST_NONE)
		return err_set(
			err, ERR_UNSUPPORTED, "signature over hash algorithm %u", s->hash_algo);
	return true;
}

bool ima_signature_parse(struct bytes in, struct ima_signature *ret, struct err *err)
{
	struct reader r = rd_of(in);
	struct ima_signature s = {0};
	size_t len;

	s.type = (enum ima_signature_type)rd_u8(&r, "type");
	s.version = rd_u8(&r, "version");
	if (!rd_failed(&r) && s.version < 2)
		return err_set(err, ERR_UNSUPPORTED,
			"signature of type %u, version %u is not judged", (unsigned)s.type,
			s.version);
	s.hash_algo = rd_u8(&r, "hash_algo");
	s.alg = alg_of_number(s.hash_algo);
	s.keyid = rd_be32(&r, "keyid");
	len = rd_be16(&r, "sig_size");
	if (len > IMA_SIGNATURE_MAX)
		rd_fail(&r, "sig_size", "too long");
	s.signature = rd_bytes(&r, len, "sig");
	if (!rd_finish(&r, err))
		return err_wrap(err, "signature");
	if (!is_judged(&s, err))
		return false;
	*ret = s;
	return true;
}

bool ima_keyid_of(const struct key *key, const struct cert *cert, uint32_t *ret, struct err *err)
{
	struct digest digest;
	struct bytes id = {0};
	struct reader r;

	if (!cert || !cert_extension(cert, OID_SUBJECT_KEY_IDENTIFIER, &id)) {
		if (!digest_of(DIGEST_SHA1, key_public_bits(key), &digest, err))
			return err_wrap(err, "key id");
		id = digest_bytes(&digest);
	} else if (id.len < 6 || id.data[0] != DER_OCTETS || id.data[1] != id.len - 2) {
		return err_set(err, ERR_FORMAT, "key id: subject key identifier is malformed");
	}
	r = rd_of(bytes_of(id.data + id.len - 4, 4));
	*ret = rd_be32(&r, "keyid");
	return true;
}

/* The digest that is signed: of version 2 the entry's own. */
static bool signed_digest(const struct ima_entry *entry, const struct ima_signature *s,
	struct digest *ret, struct err *err)
{
	uint8_t head[] = {(uint8_t)s->type, s->hash_algo};
	struct bytes parts[] = {BYTES_OF(head), entry->digest};

	if (s->version == 3)
		return digest_of_parts(s->alg, parts, ARRAY_LEN(parts), ret, err);
	*ret = (struct digest){.alg = s->alg, .len = (uint8_t)entry->digest.len};
	memcpy(ret->bytes, entry->digest.data, entry->digest.len);
	return true;
}

/* A signature of one type must not vouch for a digest of the other. */
static bool fits(const struct ima_entry *entry, const struct ima_signature *s)
{
	enum ima_digest_type type =
		s->type == IMA_SIGNATURE_VERITY ? IMA_DIGEST_VERITY : IMA_DIGEST_FILE;

	return entry->digest_type == type && entry->alg == s->alg;
}

/* *result becomes good or bad. */
static bool verify_with(const struct ima_key *key, const struct digest *digest,
	struct bytes signature, enum ima_signed *result, struct err *err)
{
	enum signature_scheme scheme =
		key_type_of(key->key) == KEY_RSA ? SIGN_RSA_PKCS1 : SIGN_ECDSA;
	struct err fault = {0};

	*result = IMA_SIGNED_GOOD;
	if (key_verify_digest(
		    key->key, scheme, digest->alg, digest_bytes(digest), signature, &fault))
		return true;
	*result = IMA_SIGNED_BAD;
	return fault.code == ERR_MISMATCH || fault.code == ERR_FORMAT ||
	       err_set(err, fault.code, "%s", fault.text);
}

bool ima_signature_check(const struct ima_entry *entry, const struct ima_key *keys,
	size_t key_count, enum ima_signed *ret, size_t *ret_key, struct err *err)
{
	struct bytes in = entry->field[IMA_FIELD_SIG];
	struct ima_signature s;
	struct digest digest;
	struct err fault = {0};
	enum ima_signed result = IMA_SIGNED_UNKNOWN_KEY;

	if (in.len == 0)
		return *ret = IMA_SIGNED_NOT, true;
	if (!ima_signature_parse(in, &s, &fault))
		return *ret = fault.code == ERR_UNSUPPORTED ? IMA_SIGNED_UNSUPPORTED
							    : IMA_SIGNED_BAD,
		       true;
	if (!fits(entry, &s))
		return *ret = IMA_SIGNED_BAD, true;
	if (!signed_digest(entry, &s, &digest, err))
		return false;
	for (size_t i = 0; i < key_count && result != IMA_SIGNED_GOOD; i++) {
		if (keys[i].keyid != s.keyid)
			continue;
		if (!verify_with(&keys[i], &digest, s.signature, &result, err))
			return false;
		if (result == IMA_SIGNED_GOOD)
			*ret_key = i;
	}
	*ret = result;
	return true;
}

bool ima_modsig_check(const struct ima_entry *entry, const struct ima_key *keys, size_t key_count,
	enum ima_signed *ret, size_t *ret_key, struct err *err)
{
	struct bytes in = entry->field[IMA_FIELD_MODSIG];
	struct pkcs7_detached p;
	struct digest digest = {.alg = entry->modsig_alg, .len = (uint8_t)entry->modsig_digest.len};
	struct err fault = {0};
	enum ima_signed result = IMA_SIGNED_UNKNOWN_KEY;

	if (in.len == 0)
		return *ret = IMA_SIGNED_NOT, true;
	if (!pkcs7_detached_parse(in, &p, &fault))
		return *ret = IMA_SIGNED_UNSUPPORTED, true;
	if (digest.len == 0 || digest.alg != p.alg)
		return *ret = IMA_SIGNED_BAD, true;
	memcpy(digest.bytes, entry->modsig_digest.data, digest.len);
	for (size_t i = 0; i < key_count && result != IMA_SIGNED_GOOD; i++) {
		if (!verify_with(&keys[i], &digest, p.signature, &result, err))
			return false;
		if (result == IMA_SIGNED_GOOD)
			*ret_key = i;
	}
	/* Any of the keys was tried: none of them signed it. */
	*ret = result == IMA_SIGNED_BAD ? IMA_SIGNED_UNKNOWN_KEY : result;
	return true;
}
