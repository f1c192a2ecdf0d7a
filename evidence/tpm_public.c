/* SPDX-License-Identifier: Apache-2.0 */
/* TPMT_PUBLIC of RSA and ECC keys, TPM 2.0 Library Part 2, section 12.2.4. */
#include "evidence/tpm.h"

#include "evidence/tpm_wire.h"

#define TPM_ALG_RSAES        0x0015u
#define TPM_ALG_OAEP         0x0017u
#define TPM_ALG_ECDH         0x0019u
#define RSA_EXPONENT_DEFAULT 65537u

/* TPMT_RSA_SCHEME and TPMT_ECC_SCHEME: which scheme belongs to which key, and whether a hash
 * follows. */
static const struct {
	uint16_t type, scheme;
	bool hash;
} SCHEMES[] = {
	{TPM_ALG_RSA, TPM_ALG_NULL, false},
	{TPM_ALG_RSA, TPM_ALG_RSASSA, true},
	{TPM_ALG_RSA, TPM_ALG_RSAPSS, true},
	{TPM_ALG_RSA, TPM_ALG_RSAES, false},
	{TPM_ALG_RSA, TPM_ALG_OAEP, true},
	{TPM_ALG_ECC, TPM_ALG_NULL, false},
	{TPM_ALG_ECC, TPM_ALG_ECDSA, true},
	{TPM_ALG_ECC, TPM_ALG_ECDH, true},
};

static uint16_t hash_read(struct reader *r, const char *field)
{
	uint16_t hash = rd_be16(r, field);

	if (!rd_failed(r) && digest_alg_len(hash) == 0)
		rd_fail(r, field, "unknown hash algorithm");
	return hash;
}

static void symmetric_read(struct reader *r, struct tpmt_public *p)
{
	p->symmetric = rd_be16(r, "symmetric");
	if (p->symmetric == TPM_ALG_NULL || rd_failed(r))
		return;
	if (p->symmetric != TPM_ALG_AES)
		rd_fail(r, "symmetric", "neither AES nor NULL");
	p->symmetric_bits = rd_be16(r, "symmetric keyBits");
	p->symmetric_mode = rd_be16(r, "symmetric mode");
}

static void scheme_read(struct reader *r, struct tpmt_public *p)
{
	p->scheme = rd_be16(r, "scheme");
	for (size_t i = 0; i < ARRAY_LEN(SCHEMES); i++) {
		if (SCHEMES[i].type != p->type || SCHEMES[i].scheme != p->scheme)
			continue;
		if (SCHEMES[i].hash)
			p->scheme_hash = hash_read(r, "scheme hash");
		return;
	}
	rd_fail(r, "scheme", "not one of this key type");
}

static void rsa_read(struct reader *r, struct tpmt_public *p)
{
	p->key_bits = rd_be16(r, "keyBits");
	p->exponent = rd_be32(r, "exponent");
	if (p->exponent == 0)
		p->exponent = RSA_EXPONENT_DEFAULT;
	p->n = rd_tpm2b(r, TPM_RSA_MAX, "unique.rsa");
}

static void ecc_read(struct reader *r, struct tpmt_public *p)
{
	p->curve = rd_be16(r, "curveID");
	p->kdf = rd_be16(r, "kdf");
	if (p->kdf !=
		TPM_ALG_NULL) /* no command uses it; the reference implementation demands NULL */
		rd_fail(r, "kdf", "not NULL");
	p->x = rd_tpm2b(r, TPM_ECC_MAX, "unique.ecc.x");
	p->y = rd_tpm2b(r, TPM_ECC_MAX, "unique.ecc.y");
}

bool tpmt_public_parse(struct bytes in, struct tpmt_public *ret, struct err *err)
{
	struct reader r = rd_of(in);
	struct tpmt_public p = {.raw = in};

	if (in.len > TPM_PUBLIC_MAX)
		return err_set(err, ERR_LIMIT, "TPMT_PUBLIC: %zu bytes, more than %u", in.len,
			TPM_PUBLIC_MAX);
	p.type = rd_be16(&r, "type");
	if (!rd_failed(&r) && p.type != TPM_ALG_RSA && p.type != TPM_ALG_ECC)
		return err_set(err, ERR_UNSUPPORTED,
			"TPMT_PUBLIC: type: 0x%04x is neither RSA nor ECC", p.type);
	p.name_alg = hash_read(&r, "nameAlg");
	p.attributes = rd_be32(&r, "objectAttributes");
	p.auth_policy = rd_tpm2b(&r, TPM_DIGEST_MAX, "authPolicy");
	symmetric_read(&r, &p);
	scheme_read(&r, &p);
	if (p.type == TPM_ALG_RSA)
		rsa_read(&r, &p);
	else
		ecc_read(&r, &p);
	if (!rd_finish(&r, err))
		return err_wrap(err, "TPMT_PUBLIC");
	*ret = p;
	return true;
}

bool tpm2b_public_parse(struct bytes in, struct tpmt_public *ret, struct err *err)
{
	/* A TPMT begins with 0x0001 or 0x0023: as a size, that of no public area that holds a key.
	 */
	if (in.len > 2 && (size_t)(in.data[0] << 8 | in.data[1]) == in.len - 2)
		in = bytes_of(in.data + 2, in.len - 2);
	return tpmt_public_parse(in, ret, err);
}

void tpmt_public_put(struct buf *out, const struct tpmt_public *p)
{
	buf_put_be16(out, p->type);
	buf_put_be16(out, p->name_alg);
	buf_put_be32(out, p->attributes);
	tpm2b_put(out, p->auth_policy);
	buf_put_be16(out, p->symmetric);
	if (p->symmetric != TPM_ALG_NULL) {
		buf_put_be16(out, p->symmetric_bits);
		buf_put_be16(out, p->symmetric_mode);
	}
	buf_put_be16(out, p->scheme);
	if (p->scheme_hash)
		buf_put_be16(out, p->scheme_hash);
	if (p->type == TPM_ALG_RSA) {
		buf_put_be16(out, p->key_bits);
		buf_put_be32(out, p->exponent == RSA_EXPONENT_DEFAULT ? 0 : p->exponent);
		tpm2b_put(out, p->n);
	} else {
		buf_put_be16(out, p->curve);
		buf_put_be16(out, p->kdf);
		tpm2b_put(out, p->x);
		tpm2b_put(out, p->y);
	}
}

static const struct {
	uint16_t curve;
	enum key_type type;
} CURVES[] = {
	{TPM_ECC_NIST_P256, KEY_EC_P256},
	{TPM_ECC_NIST_P384, KEY_EC_P384},
	{TPM_ECC_NIST_P521, KEY_EC_P521},
};

bool tpmt_public_key(const struct tpmt_public *public_area, struct key **ret, struct err *err)
{
	if (public_area->type == TPM_ALG_RSA) {
		if (public_area->n.len * 8 != public_area->key_bits)
			return err_set(err, ERR_FORMAT,
				"TPMT_PUBLIC: unique.rsa: %zu bits, keyBits says %u",
				public_area->n.len * 8, public_area->key_bits);
		if (!key_from_rsa(public_area->n, public_area->exponent, ret, err))
			return err_wrap(err, "TPMT_PUBLIC");
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(CURVES); i++) {
		if (public_area->type != TPM_ALG_ECC || CURVES[i].curve != public_area->curve)
			continue;
		if (!key_from_ec_point(CURVES[i].type, public_area->x, public_area->y, ret, err))
			return err_wrap(err, "TPMT_PUBLIC");
		return true;
	}
	return err_set(err, ERR_UNSUPPORTED,
		"TPMT_PUBLIC: curveID: 0x%04x is not a curve that is supported",
		public_area->curve);
}
