/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/spki.h"

#include "base/text.h"
#include "crypto/der.h"

/* AlgorithmIdentifier contents: OID of the algorithm, then NULL (RSA) or the OID of the curve. */
#define RSA_ALGORITHM     "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"
#define EC_OID            "\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
#define P256_ALGORITHM    EC_OID "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
#define P384_ALGORITHM    EC_OID "\x06\x05\x2b\x81\x04\x00\x22"
#define P521_ALGORITHM    EC_OID "\x06\x05\x2b\x81\x04\x00\x23"
#define ED25519_ALGORITHM "\x06\x03\x2b\x65\x70"
#define RSA_OAEP_OID      "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x07"
#define RSA_PSS_OID       "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"

#define BYTES_CONST(literal)                                                                       \
	{                                                                                          \
		(const uint8_t *)(literal), sizeof(literal) - 1                                    \
	}

static const struct key_kind kinds[] = {
	{KEY_RSA, "RSA", NULL, 0, 0, DIGEST_SHA256, BYTES_CONST(RSA_ALGORITHM)},
	{KEY_EC_P256, "ECDSA P-256", "P-256", 32, 256, DIGEST_SHA256, BYTES_CONST(P256_ALGORITHM)},
	{KEY_EC_P384, "ECDSA P-384", "P-384", 48, 384, DIGEST_SHA384, BYTES_CONST(P384_ALGORITHM)},
	{KEY_EC_P521, "ECDSA P-521", "P-521", 66, 521, DIGEST_SHA512, BYTES_CONST(P521_ALGORITHM)},
	{KEY_ED25519, "Ed25519", NULL, 32, 256, DIGEST_NONE, BYTES_CONST(ED25519_ALGORITHM)},
};

const struct key_kind *key_kind_of(enum key_type type)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].type == type)
			return &kinds[i];
	return NULL;
}

static bool starts_with(struct bytes in, struct bytes prefix)
{
	return in.len >= prefix.len && bytes_equal(bytes_of(in.data, prefix.len), prefix);
}

static const struct key_kind *kind_of_algorithm(
	struct bytes algorithm, bool any_rsa, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (bytes_equal(algorithm, kinds[i].algorithm))
			return &kinds[i];
	if (any_rsa && (starts_with(algorithm, BYTES_LIT(RSA_OAEP_OID)) ||
			       starts_with(algorithm, BYTES_LIT(RSA_PSS_OID))))
		return key_kind_of(KEY_RSA);
	if (starts_with(algorithm, BYTES_LIT(EC_OID "\x30")))
		err_set(err, ERR_FORMAT,
			"public key: explicit curve parameters, expected a named curve");
	else if (starts_with(algorithm, BYTES_LIT(EC_OID)))
		err_set(err, ERR_UNSUPPORTED,
			"public key: a curve that is none of P-256, P-384, P-521");
	else
		err_set(err, ERR_UNSUPPORTED,
			"public key: an algorithm that is none of RSA, ECDSA, Ed25519");
	return NULL;
}

static bool parse_rsa(struct bytes key, struct key_parts *parts, struct err *err)
{
	struct reader r = rd_of(key), sequence;
	struct bytes exponent;

	sequence = der_enter(&r, DER_SEQUENCE, "RSAPublicKey");
	parts->modulus = der_unsigned(&sequence, "modulus");
	exponent = der_unsigned(&sequence, "publicExponent");
	if (exponent.len > sizeof(parts->exponent))
		rd_fail(&sequence, "publicExponent", "more than 32 bits");
	rd_sub_finish(&r, &sequence, "RSAPublicKey");
	if (!rd_finish(&r, err))
		return err_wrap(err, "public key");
	for (size_t i = 0; i < exponent.len; i++)
		parts->exponent = parts->exponent << 8 | exponent.data[i];
	return true;
}

static bool parse_point(struct bytes key, struct key_parts *parts, struct err *err)
{
	size_t len = parts->kind->field_len;

	if (key.len && (key.data[0] == 2 || key.data[0] == 3))
		return err_set(err, ERR_UNSUPPORTED, "public key: a compressed point");
	if (key.len != 1 + 2 * len || key.data[0] != 4)
		return err_set(err, ERR_FORMAT, "public key: not an uncompressed point of %s",
			parts->kind->name);
	parts->x = bytes_of(key.data + 1, len);
	parts->y = bytes_of(key.data + 1 + len, len);
	return true;
}

static bool parse_ed25519(struct bytes key, struct key_parts *parts, struct err *err)
{
	if (key.len != parts->kind->field_len)
		return err_set(err, ERR_FORMAT, "public key: %zu bytes, expected 32", key.len);
	parts->x = key;
	return true;
}

bool spki_parse(struct bytes der, bool any_rsa, struct key_parts *ret, struct err *err)
{
	struct reader r = rd_of(der), outer;
	struct key_parts parts = {0};
	struct bytes algorithm, key;
	bool ok;

	outer = der_enter(&r, DER_SEQUENCE, "SubjectPublicKeyInfo");
	algorithm = der_value(&outer, DER_SEQUENCE, "algorithm");
	key = der_bits(&outer, "subjectPublicKey");
	rd_sub_finish(&r, &outer, "SubjectPublicKeyInfo");
	if (!rd_finish(&r, err))
		return err_wrap(err, "public key");
	parts.kind = kind_of_algorithm(algorithm, any_rsa, err);
	if (!parts.kind)
		return false;
	if (parts.kind->type == KEY_RSA)
		ok = parse_rsa(key, &parts, err);
	else if (parts.kind->type == KEY_ED25519)
		ok = parse_ed25519(key, &parts, err);
	else
		ok = parse_point(key, &parts, err);
	if (ok)
		*ret = parts;
	return ok;
}

static void put_rsa(const struct key_parts *parts, struct buf *key)
{
	OWNED(buf_release) struct buf numbers = {0};
	OWNED(buf_release) struct buf exponent = {0};

	buf_put_be32(&exponent, parts->exponent);
	der_put_unsigned(&numbers, parts->modulus);
	der_put_unsigned(&numbers, buf_bytes(&exponent));
	der_put(key, DER_SEQUENCE, buf_bytes(&numbers));
	key->failed |= numbers.failed || exponent.failed;
}

bool spki_write(const struct key_parts *parts, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf key = {0};
	OWNED(buf_release) struct buf body = {0};

	buf_put_u8(&key, 0); /* no unused bits */
	if (parts->kind->type == KEY_RSA) {
		put_rsa(parts, &key);
	} else {
		if (parts->kind->group)
			buf_put_u8(&key, 4);
		buf_put(&key, parts->x);
		buf_put(&key, parts->y);
	}
	der_put(&body, DER_SEQUENCE, parts->kind->algorithm);
	der_put(&body, DER_BIT_STRING, buf_bytes(&key));
	der_put(out, DER_SEQUENCE, buf_bytes(&body));
	return buf_ok(&key, err) && buf_ok(&body, err) && buf_ok(out, err);
}
