/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/tpm_sw.h"

#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

static const struct {
	enum key_type key;
	uint16_t type, hash, scheme, curve;
} KINDS[TPM_SW_KINDS] = {
	[TPM_SW_ECDSA_P256] = {KEY_EC_P256, TPM_ALG_ECC, TPM_ALG_SHA256, TPM_ALG_ECDSA,
		TPM_ECC_NIST_P256},
	[TPM_SW_ECDSA_P384] = {KEY_EC_P384, TPM_ALG_ECC, TPM_ALG_SHA384, TPM_ALG_ECDSA,
		TPM_ECC_NIST_P384},
	[TPM_SW_RSASSA] = {KEY_RSA, TPM_ALG_RSA, TPM_ALG_SHA256, TPM_ALG_RSASSA, 0},
	[TPM_SW_RSAPSS] = {KEY_RSA, TPM_ALG_RSA, TPM_ALG_SHA256, TPM_ALG_RSAPSS, 0},
};

void tpm_sw_key_free(struct tpm_sw_key **key)
{
	if (!*key)
		return;
	key_unref(&(*key)->key);
	buf_release(&(*key)->public_area);
	free(TAKE(*key));
}

static bool openssl_failed(struct err *err, const char *what)
{
	return err_set(err, ERR_CRYPTO, "tpm_sw: OpenSSL: %s", what);
}

/* The modulus, big-endian. */
static bool modulus_put(struct key *key, struct buf *out, struct err *err)
{
	BIGNUM *n = NULL;
	uint8_t *room;

	if (EVP_PKEY_get_bn_param(key_evp(key), OSSL_PKEY_PARAM_RSA_N, &n) != 1)
		return openssl_failed(err, "modulus");
	room = buf_extend(out, (size_t)BN_num_bytes(n));
	if (room)
		BN_bn2bin(n, room);
	BN_free(n);
	return buf_ok(out, err);
}

static bool key_finish(
	struct tpm_sw_key *made, const struct tpmt_public *public_area, struct err *err)
{
	OWNED(buf_release) struct buf x = {0};
	OWNED(buf_release) struct buf y = {0};
	struct tpmt_public p = *public_area;

	if (p.type == TPM_ALG_RSA) {
		if (!modulus_put(made->key, &x, err))
			return false;
		p.n = buf_bytes(&x);
		p.key_bits = (uint16_t)(x.len * 8);
	} else {
		if (!key_ec_point(made->key, &x, &y, err))
			return false;
		p.x = buf_bytes(&x);
		p.y = buf_bytes(&y);
	}
	tpmt_public_put(&made->public_area, &p);
	return buf_ok(&made->public_area, err) &&
	       tpmt_public_parse(buf_bytes(&made->public_area), &made->view, err) &&
	       tpm_name_of(&made->view, &made->name, err) &&
	       tpm_qualified_name_of_primary(
		       TPM_RH_ENDORSEMENT, &made->name, &made->qualified_name, err);
}

bool tpm_sw_key_of_public(struct key *key, const struct tpmt_public *public_area,
	struct tpm_sw_key **ret, struct err *err)
{
	OWNED(tpm_sw_key_free) struct tpm_sw_key *made = calloc(1, sizeof(*made));

	if (!made)
		return err_set(err, ERR_NOMEM, "tpm_sw: key");
	made->key = key_ref(key);
	if (!key_finish(made, public_area, err))
		return false;
	*ret = TAKE(made);
	return true;
}

bool tpm_sw_ak_new(
	enum tpm_sw_kind kind, uint32_t attributes, struct tpm_sw_key **ret, struct err *err)
{
	OWNED(key_unref) struct key *key = NULL;
	struct tpmt_public p = {
		.type = KINDS[kind].type,
		.name_alg = KINDS[kind].hash,
		.attributes = attributes ? attributes : TPM_SW_AK_ATTRIBUTES,
		.symmetric = TPM_ALG_NULL,
		.scheme = KINDS[kind].scheme,
		.scheme_hash = KINDS[kind].hash,
		.curve = KINDS[kind].curve,
		.kdf = TPM_ALG_NULL,
		.exponent = 65537,
	};

	return key_generate(KINDS[kind].key, &key, err) && tpm_sw_key_of_public(key, &p, ret, err);
}

static bool rsa_generate(uint16_t bits, struct key **ret, struct err *err)
{
	EVP_PKEY *pkey = EVP_RSA_gen(bits);
	BIO *bio = BIO_new(BIO_s_mem());
	bool ok = false;
	char *text = NULL;
	long n;

	if (pkey && bio && PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) == 1) {
		n = BIO_get_mem_data(bio, &text);
		ok = key_from_pem(bytes_of(text, (size_t)n), ret, err);
	} else {
		openssl_failed(err, "RSA key");
	}
	BIO_free(bio);
	EVP_PKEY_free(pkey);
	return ok;
}

bool tpm_sw_ek_new(enum ek_template id, struct tpm_sw_key **ret, struct err *err)
{
	OWNED(key_unref) struct key *key = NULL;
	const struct ek_template_info *t = ek_template_info(id);
	struct tpmt_public p;
	bool made;

	if (!t)
		return err_set(err, ERR_USAGE, "tpm_sw: no such EK template");
	p = (struct tpmt_public){
		.type = t->type,
		.name_alg = t->name_alg,
		.attributes = t->attributes,
		.auth_policy = bytes_of(t->auth_policy, t->auth_policy_len),
		.symmetric = TPM_ALG_AES,
		.symmetric_bits = t->symmetric_bits,
		.symmetric_mode = TPM_ALG_CFB,
		.scheme = TPM_ALG_NULL,
		.curve = t->bits_or_curve,
		.kdf = TPM_ALG_NULL,
		.exponent = 65537,
	};
	if (t->type == TPM_ALG_RSA)
		made = rsa_generate(t->bits_or_curve, &key, err);
	else
		made = key_generate(
			t->bits_or_curve == TPM_ECC_NIST_P256 ? KEY_EC_P256 : KEY_EC_P384, &key,
			err);
	return made && tpm_sw_key_of_public(key, &p, ret, err);
}

struct tpms_attest tpm_sw_attest(const struct tpm_sw_key *ak, uint16_t type, struct bytes nonce)
{
	return (struct tpms_attest){
		.magic = TPM_GENERATED_VALUE,
		.type = type,
		.qualified_signer = tpm_name_bytes(&ak->qualified_name),
		.extra_data = nonce,
		.clock = 1000,
		.reset_count = 1,
		.safe = true,
		.firmware_version = TPM_SW_FIRMWARE,
	};
}

bool tpm_sw_pcr_digest(const struct tpm_sw_key *ak, const struct tpml_pcr_selection *selection,
	const struct pcr_bank *banks, struct digest *ret, struct err *err)
{
	struct bytes parts[TPM_BANKS_MAX * TPM_PCRS];
	size_t n = 0;

	for (uint32_t i = 0; i < selection->count; i++)
		for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++)
			if (selection->banks[i].pcrs & 1u << pcr)
				parts[n++] = bytes_of(
					banks[i].values[pcr], digest_alg_len(banks[i].alg));
	return digest_of_parts(ak->view.scheme_hash, parts, n, ret, err);
}

bool tpm_sw_sign_with(const struct tpm_sw_key *key, uint16_t scheme, uint16_t hash,
	struct bytes message, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf raw = {0};
	struct tpmt_signature signature = {.sig_alg = scheme, .hash = hash};
	enum signature_scheme how = scheme == TPM_ALG_ECDSA    ? SIGN_ECDSA_RAW
				    : scheme == TPM_ALG_RSAPSS ? SIGN_RSA_PSS
							       : SIGN_RSA_PKCS1;

	if (!key_sign(key->key, how, hash, message, &raw, err))
		return false;
	signature.rsa = buf_bytes(&raw);
	signature.r = bytes_of(raw.data, raw.len / 2);
	signature.s = bytes_of(raw.data + raw.len / 2, raw.len / 2);
	tpmt_signature_put(out, &signature);
	return buf_ok(out, err);
}

bool tpm_sw_sign(
	const struct tpm_sw_key *key, struct bytes message, struct buf *out, struct err *err)
{
	return tpm_sw_sign_with(key, key->view.scheme, key->view.scheme_hash, message, out, err);
}

bool tpm_sw_quote(const struct tpm_sw_key *ak, struct bytes nonce,
	const struct tpml_pcr_selection *selection, const struct pcr_bank *banks,
	struct buf *message, struct buf *signature, struct err *err)
{
	struct tpms_attest a = tpm_sw_attest(ak, TPM_ST_ATTEST_QUOTE, nonce);
	size_t start = message->len;
	struct digest digest;

	if (!tpm_sw_pcr_digest(ak, selection, banks, &digest, err))
		return false;
	a.quote_selection = *selection;
	a.quote_pcr_digest = digest_bytes(&digest);
	tpms_attest_put(message, &a);
	return buf_ok(message, err) &&
	       tpm_sw_sign(
		       ak, bytes_of(message->data + start, message->len - start), signature, err);
}

bool tpm_sw_certify(const struct tpm_sw_key *ak, const struct tpm_sw_key *certified,
	struct bytes nonce, struct buf *message, struct buf *signature, struct err *err)
{
	struct tpms_attest a = tpm_sw_attest(ak, TPM_ST_ATTEST_CERTIFY, nonce);
	size_t start = message->len;

	a.certify_name = tpm_name_bytes(&certified->name);
	a.certify_qualified_name = tpm_name_bytes(&certified->qualified_name);
	tpms_attest_put(message, &a);
	return buf_ok(message, err) &&
	       tpm_sw_sign(
		       ak, bytes_of(message->data + start, message->len - start), signature, err);
}
