/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of instances: P-256 signing keys below the storage primary, loaded for each use, certified
 * by the AK. */
#include "attest/tpm_salt.h"

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <tss2/tss2_mu.h>

#include "base/text.h"

#define PEM_BEGIN "-----BEGIN TSS2 PRIVATE KEY-----\n"
#define PEM_END   "-----END TSS2 PRIVATE KEY-----\n"
#define PEM_LINE  64u

static const TPM2B_PUBLIC INSTANCE_TEMPLATE = {
	.publicArea = {.type = TPM2_ALG_ECC,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
				    TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
				    TPMA_OBJECT_NODA | TPMA_OBJECT_SIGN_ENCRYPT,
		.parameters.eccDetail = {.symmetric.algorithm = TPM2_ALG_NULL,
			.scheme.scheme = TPM2_ALG_NULL,
			.curveID = TPM2_ECC_NIST_P256,
			.kdf.scheme = TPM2_ALG_NULL}}};

/* 0: whichever there is, and which it was. */
static bool open_parent(struct esys *t, uint32_t *parent, struct esys_object *ret, struct err *err)
{
	bool there = false;

	if (*parent != TPM2_RH_OWNER && !esys_storage_open(t, ret, &there, err))
		return false;
	if (there) {
		*parent = ESYS_SRK_HANDLE;
		return true;
	}
	if (*parent == ESYS_SRK_HANDLE)
		return err_set(
			err, ERR_NOT_FOUND, "the storage key at 0x%08x is gone", ESYS_SRK_HANDLE);
	*parent = TPM2_RH_OWNER;
	return esys_storage_make(t, ESYS_TR_RH_OWNER, &t->owner_auth, ret, err);
}

static bool run_key_new(struct esys *t, void *arguments, struct err *err)
{
	OWNED(esys_object_release) struct esys_object parent = ESYS_OBJECT_NONE(t);
	OWNED(esys_memory_release) TPM2B_PRIVATE *private_part = NULL;
	OWNED(esys_memory_release) TPM2B_PUBLIC *area = NULL;
	static const TPM2B_SENSITIVE_CREATE no_sensitive;
	static const TPM2B_DATA no_data;
	static const TPML_PCR_SELECTION no_pcrs;
	struct tpm_key *ret = arguments;
	ESYS_TR session;
	TSS2_RC rc;

	memset(ret, 0, sizeof(*ret));
	if (!esys_session(t, ESYS_TR_NONE, 0, &session, err) ||
		!open_parent(t, &ret->parent, &parent, err) ||
		!esys_session(t, ESYS_TR_NONE, TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT,
			&session, err))
		return false;
	rc = Esys_Create(t->context, parent.tr, session, ESYS_TR_NONE, ESYS_TR_NONE, &no_sensitive,
		&INSTANCE_TEMPLATE, &no_data, &no_pcrs, &private_part, &area, NULL, NULL, NULL);
	if (rc != TSS2_RC_SUCCESS)
		return esys_fail(t, rc, "TPM2_Create", err);
	buf_put_be16(&ret->private_area, private_part->size);
	buf_put(&ret->private_area, bytes_of(private_part->buffer, private_part->size));
	return buf_ok(&ret->private_area, err) && esys_public_bytes(area, &ret->public_area, err);
}

bool esys_key_new(struct tpm *tpm, struct tpm_key *ret, struct err *err)
{
	if (esys_run(tpm, "new key in the TPM", run_key_new, ret, err))
		return true;
	tpm_key_release(ret);
	return false;
}

/* Unmarshals both parts and loads them; the parent is gone again when it returns. */
static bool load(
	struct esys *t, const struct tpm_key *key, struct esys_object *ret, struct err *err)
{
	OWNED(esys_object_release) struct esys_object parent = ESYS_OBJECT_NONE(t);
	uint32_t handle = key->parent;
	TPM2B_PRIVATE private_part;
	TPM2B_PUBLIC area = {0};
	size_t at = 0, end = 0;
	ESYS_TR session, tr;
	TSS2_RC rc;

	if (Tss2_MU_TPM2B_PRIVATE_Unmarshal(key->private_area.data, key->private_area.len, &at,
		    &private_part) != TSS2_RC_SUCCESS ||
		at != key->private_area.len ||
		Tss2_MU_TPMT_PUBLIC_Unmarshal(key->public_area.data, key->public_area.len, &end,
			&area.publicArea) != TSS2_RC_SUCCESS ||
		end != key->public_area.len)
		return err_set(err, ERR_FORMAT, "no key of a TPM");
	if (!esys_session(t, ESYS_TR_NONE, 0, &session, err) ||
		!open_parent(t, &handle, &parent, err) ||
		!esys_session(t, ESYS_TR_NONE, TPMA_SESSION_DECRYPT, &session, err))
		return false;
	rc = Esys_Load(t->context, parent.tr, session, ESYS_TR_NONE, ESYS_TR_NONE, &private_part,
		&area, &tr);
	if (rc != TSS2_RC_SUCCESS)
		return esys_fail(t, rc, "TPM2_Load", err);
	*ret = (struct esys_object){t, tr, true};
	return true;
}

bool esys_ecdsa_der(const TPMT_SIGNATURE *in, struct buf *out, struct err *err)
{
	const TPMS_SIGNATURE_ECDSA *raw = &in->signature.ecdsa;

	/* Of another kind the sizes are no sizes. */
	if (in->sigAlg != TPM2_ALG_ECDSA)
		return err_set(err, ERR_TPM, "TPM2_Sign: a signature of kind 0x%04x, not ECDSA",
			in->sigAlg);
	ECDSA_SIG *pair = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw->signatureR.buffer, raw->signatureR.size, NULL);
	BIGNUM *s = BN_bin2bn(raw->signatureS.buffer, raw->signatureS.size, NULL);
	unsigned char *der = NULL;
	int len = -1;

	if (pair && r && s && ECDSA_SIG_set0(pair, r, s) == 1) {
		r = s = NULL;
		len = i2d_ECDSA_SIG(pair, &der);
	}
	if (len > 0)
		buf_put(out, bytes_of(der, (size_t)len));
	BN_free(r);
	BN_free(s);
	OPENSSL_free(der);
	ECDSA_SIG_free(pair);
	return len > 0 ? buf_ok(out, err) : err_set(err, ERR_NOMEM, "signature: no memory");
}

struct sign_call {
	const struct tpm_key *key;
	TPM2B_DIGEST digest;
	struct buf *ret;
};

static bool run_key_sign(struct esys *t, void *arguments, struct err *err)
{
	OWNED(esys_object_release) struct esys_object key = ESYS_OBJECT_NONE(t);
	OWNED(esys_memory_release) TPMT_SIGNATURE *signature = NULL;
	static const TPMT_SIG_SCHEME scheme = {
		.scheme = TPM2_ALG_ECDSA, .details.ecdsa.hashAlg = TPM2_ALG_SHA256};
	static const TPMT_TK_HASHCHECK no_ticket = {
		.tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL};
	const struct sign_call *a = arguments;
	ESYS_TR session;
	TSS2_RC rc;

	if (!load(t, a->key, &key, err) || !esys_session(t, ESYS_TR_NONE, 0, &session, err))
		return false;
	rc = Esys_Sign(t->context, key.tr, session, ESYS_TR_NONE, ESYS_TR_NONE, &a->digest, &scheme,
		&no_ticket, &signature);
	if (rc != TSS2_RC_SUCCESS)
		return esys_fail(t, rc, "TPM2_Sign", err);
	return esys_ecdsa_der(signature, a->ret, err);
}

bool esys_key_sign(struct tpm *tpm, const struct tpm_key *key, struct bytes message,
	struct buf *ret, struct err *err)
{
	struct sign_call a = {.key = key, .digest.size = SHA256_LEN, .ret = ret};

	return sha256_of(message, a.digest.buffer, err) &&
	       esys_run(tpm, "signing with a key in the TPM", run_key_sign, &a, err);
}

struct certify_call {
	const struct tpm_key *key;
	TPM2B_DATA qualifying;
	struct tpm_certification *ret;
};

static bool run_key_certify(struct esys *t, void *arguments, struct err *err)
{
	OWNED(esys_object_release) struct esys_object key = ESYS_OBJECT_NONE(t);
	OWNED(esys_object_release) struct esys_object hold = ESYS_OBJECT_NONE(t);
	OWNED(esys_memory_release) TPM2B_ATTEST *message = NULL;
	OWNED(esys_memory_release) TPMT_SIGNATURE *signature = NULL;
	static const TPMT_SIG_SCHEME key_scheme = {.scheme = TPM2_ALG_NULL};
	const struct certify_call *a = arguments;
	ESYS_TR ak, session;
	TSS2_RC rc;

	if (!load(t, a->key, &key, err) || !esys_ak_load(t, &hold, &ak, err) ||
		!esys_session(t, ESYS_TR_NONE, TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT,
			&session, err))
		return false;
	rc = Esys_Certify(t->context, key.tr, ak, ESYS_TR_PASSWORD, session, ESYS_TR_NONE,
		&a->qualifying, &key_scheme, &message, &signature);
	if (rc != TSS2_RC_SUCCESS)
		return esys_fail(t, rc, "TPM2_Certify", err);
	buf_put(&a->ret->message, bytes_of(message->attestationData, message->size));
	return buf_ok(&a->ret->message, err) &&
	       esys_signature_bytes(signature, &a->ret->signature, err);
}

bool esys_key_certify(struct tpm *tpm, const struct tpm_key *key, struct bytes qualifying,
	struct tpm_certification *ret, struct err *err)
{
	struct certify_call a = {.key = key, .ret = ret};

	if (qualifying.len == 0 || qualifying.len > DIGEST_LEN_MAX)
		return err_set(err, ERR_USAGE, "certification: qualifying data of %zu bytes",
			qualifying.len);
	a.qualifying.size = (UINT16)qualifying.len;
	memcpy(a.qualifying.buffer, qualifying.data, qualifying.len);
	memset(ret, 0, sizeof(*ret));
	if (esys_run(tpm, "certifying a key", run_key_certify, &a, err))
		return true;
	tpm_certification_release(ret);
	return false;
}

/* DER: the tag, the length, the content. Contents here are below 64 KiB. */
static void put_der(struct buf *out, uint8_t tag, struct bytes content)
{
	buf_put_u8(out, tag);
	if (content.len < 0x80) {
		buf_put_u8(out, (uint8_t)content.len);
	} else if (content.len < 0x100) {
		buf_put_u8(out, 0x81);
		buf_put_u8(out, (uint8_t)content.len);
	} else {
		buf_put_u8(out, 0x82);
		buf_put_be16(out, (uint16_t)content.len);
	}
	buf_put(out, content);
}

/* TPMKey ::= SEQUENCE { type OID 2.23.133.10.1.3, emptyAuth [0] EXPLICIT BOOLEAN, parent INTEGER,
 * pubkey OCTET STRING, privkey OCTET STRING } (draft-bottomley-tpm2-keys). */
bool tpm_key_pem(const struct tpm_key *key, struct buf *out, struct err *err)
{
	static const uint8_t loadable[] = {0x06, 0x06, 0x67, 0x81, 0x05, 0x0a, 0x01, 0x03};
	static const uint8_t empty_auth[] = {0xa0, 0x03, 0x01, 0x01, 0xff};
	OWNED(buf_release) struct buf area = {0}, body = {0}, der = {0}, text = {0};
	const uint8_t parent[] = {0x00, (uint8_t)(key->parent >> 24), (uint8_t)(key->parent >> 16),
		(uint8_t)(key->parent >> 8), (uint8_t)key->parent};
	size_t sign = parent[1] & 0x80 ? 0 : 1;

	buf_put_be16(&area, (uint16_t)key->public_area.len);
	buf_put(&area, buf_bytes(&key->public_area));
	buf_put(&body, BYTES_OF(loadable));
	buf_put(&body, BYTES_OF(empty_auth));
	put_der(&body, 0x02, bytes_of(parent + sign, sizeof(parent) - sign));
	put_der(&body, 0x04, buf_bytes(&area));
	put_der(&body, 0x04, buf_bytes(&key->private_area));
	put_der(&der, 0x30, buf_bytes(&body));
	buf_put_base64(&text, buf_bytes(&der), false);
	if (!buf_ok(&area, err) || !buf_ok(&body, err) || !buf_ok(&text, err))
		return false;
	buf_put_str(out, PEM_BEGIN);
	for (size_t at = 0; at < text.len; at += PEM_LINE) {
		size_t n = text.len - at < PEM_LINE ? text.len - at : PEM_LINE;
		buf_put(out, bytes_of(text.data + at, n));
		buf_put_u8(out, '\n');
	}
	buf_put_str(out, PEM_END);
	return buf_ok(out, err);
}
