/* SPDX-License-Identifier: Apache-2.0 */
/* TPMT_SIGNATURE, TPM 2.0 Library Part 2, section 11.3.4: parsed, and verified with the signer's
 * own scheme only. */
#include "evidence/tpm.h"

#include <stdio.h>

#include "evidence/tpm_wire.h"

static const struct sign_scheme {
	uint16_t alg, type;
	enum signature_scheme scheme;
	const char *name;
} SIGN_SCHEMES[] = {
	{TPM_ALG_RSASSA, TPM_ALG_RSA, SIGN_RSA_PKCS1, "rsassa"},
	{TPM_ALG_RSAPSS, TPM_ALG_RSA, SIGN_RSA_PSS, "rsapss"},
	{TPM_ALG_ECDSA, TPM_ALG_ECC, SIGN_ECDSA_RAW, "ecdsa"},
};

static const struct sign_scheme *sign_scheme_find(uint16_t alg)
{
	for (size_t i = 0; i < ARRAY_LEN(SIGN_SCHEMES); i++)
		if (SIGN_SCHEMES[i].alg == alg)
			return &SIGN_SCHEMES[i];
	return NULL;
}

const char *tpm_scheme_text(uint16_t scheme, uint16_t hash, char out[TPM_TEXT_MAX])
{
	const struct sign_scheme *known = sign_scheme_find(scheme);

	if (known)
		snprintf(out, TPM_TEXT_MAX, "%s with %s", known->name, digest_alg_name(hash));
	else
		snprintf(out, TPM_TEXT_MAX, "no signing scheme (0x%04x)", scheme);
	return out;
}

bool tpmt_signature_parse(struct bytes in, struct tpmt_signature *ret, struct err *err)
{
	struct reader r = rd_of(in);
	struct tpmt_signature s = {0};
	const struct sign_scheme *scheme;

	if (in.len > TPM_SIGNATURE_MAX)
		return err_set(err, ERR_LIMIT, "TPMT_SIGNATURE: %zu bytes, more than %u", in.len,
			TPM_SIGNATURE_MAX);
	s.sig_alg = rd_be16(&r, "sigAlg");
	scheme = sign_scheme_find(s.sig_alg);
	if (!scheme)
		rd_fail(&r, "sigAlg", "neither RSASSA, RSAPSS nor ECDSA");
	s.hash = rd_be16(&r, "hash");
	if (scheme && scheme->type == TPM_ALG_RSA) {
		s.rsa = rd_tpm2b(&r, TPM_RSA_MAX, "sig");
	} else {
		s.r = rd_tpm2b(&r, TPM_ECC_MAX, "signatureR");
		s.s = rd_tpm2b(&r, TPM_ECC_MAX, "signatureS");
	}
	if (!rd_finish(&r, err))
		return err_wrap(err, "TPMT_SIGNATURE");
	*ret = s;
	return true;
}

void tpmt_signature_put(struct buf *out, const struct tpmt_signature *signature)
{
	buf_put_be16(out, signature->sig_alg);
	buf_put_be16(out, signature->hash);
	if (signature->sig_alg == TPM_ALG_ECDSA) {
		tpm2b_put(out, signature->r);
		tpm2b_put(out, signature->s);
	} else {
		tpm2b_put(out, signature->rsa);
	}
}

static uint16_t object_type_of(const struct key *key)
{
	switch (key_type_of(key)) {
	case KEY_RSA:
		return TPM_ALG_RSA;
	case KEY_EC_P256:
	case KEY_EC_P384:
	case KEY_EC_P521:
		return TPM_ALG_ECC;
	default:
		return TPM_ALG_NULL;
	}
}

bool tpmt_signature_scheme_check(const struct tpmt_signature *signature,
	const struct tpmt_public *signer, const struct key *key, struct err *err)
{
	const struct sign_scheme *scheme = sign_scheme_find(signature->sig_alg);
	char found[TPM_TEXT_MAX], wanted[TPM_TEXT_MAX];

	tpm_scheme_text(signature->sig_alg, signature->hash, found);
	if (!scheme || scheme->type != object_type_of(key))
		return err_set(err, ERR_MISMATCH, "signature: %s does not fit a key of type %s",
			found, key_type_name(key_type_of(key)));
	if (digest_alg_len(signature->hash) < SHA256_LEN)
		return err_set(err, ERR_MISMATCH, "signature: %s is too weak", found);
	if (signer &&
		(signature->sig_alg != signer->scheme || signature->hash != signer->scheme_hash))
		return err_set(err, ERR_MISMATCH, "signature: %s, but the key's own scheme is %s",
			found, tpm_scheme_text(signer->scheme, signer->scheme_hash, wanted));
	return true;
}

/* Appends a number padded on the left to size bytes; false when it is larger. TPMs may drop or add
 * leading zeros. */
static bool padded_put(struct buf *out, struct bytes number, size_t size)
{
	while (number.len > 0 && number.data[0] == 0)
		number = bytes_of(number.data + 1, number.len - 1);
	if (number.len > size)
		return false;
	for (size_t i = number.len; i < size; i++)
		buf_put_u8(out, 0);
	buf_put(out, number);
	return true;
}

bool tpmt_signature_verify(const struct tpmt_signature *signature, const struct tpmt_public *signer,
	const struct key *key, struct bytes message, struct err *err)
{
	OWNED(buf_release) struct buf raw = {0};
	size_t size = (key_bits(key) + 7) / 8;
	bool fits;

	if (!tpmt_signature_scheme_check(signature, signer, key, err))
		return false;
	if (signature->sig_alg == TPM_ALG_ECDSA) {
		fits = padded_put(&raw, signature->r, size) && padded_put(&raw, signature->s, size);
	} else {
		fits = signature->rsa.len == size;
		buf_put(&raw, signature->rsa);
	}
	if (!fits)
		return err_set(err, ERR_MISMATCH,
			"signature: its size does not fit a key of %zu bits", key_bits(key));
	return buf_ok(&raw, err) && key_verify(key, sign_scheme_find(signature->sig_alg)->scheme,
					    signature->hash, message, buf_bytes(&raw), err);
}
