/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/cose.h"

#include "base/cbor.h"

enum {
	TAG_SIGN1 = 18,
	HEADERS_MAX = 32,
	PROTECTED_MAX = 65536,
	SIGNATURE_MAX = 1024,
	TEXT_MAX = 1024,
	KID_MAX = 256,
};

/* Header parameters (RFC 9052 section 3.1, RFC 9597, RFC 9942) and claims (RFC 8392). */
enum {
	LABEL_ALG = 1,
	LABEL_CRIT = 2,
	LABEL_CONTENT_TYPE = 3,
	LABEL_KID = 4,
	LABEL_CORIM_META = 8,
	LABEL_CWT_CLAIMS = 15,
	LABEL_VDS = 395,
};
enum { CLAIM_ISS = 1, CLAIM_SUB = 2, CLAIM_IAT = 6 };

/* RFC 9053 section 2, RFC 8230, RFC 8812. The hash is the algorithm's, whatever the curve. */
static const struct cose_alg {
	int64_t id;
	enum signature_scheme scheme;
	enum digest_alg digest;
} algs[] = {
	{-7, SIGN_ECDSA_RAW, DIGEST_SHA256},
	{-35, SIGN_ECDSA_RAW, DIGEST_SHA384},
	{-36, SIGN_ECDSA_RAW, DIGEST_SHA512},
	{-8, SIGN_ED25519, DIGEST_NONE},
	{-37, SIGN_RSA_PSS, DIGEST_SHA256},
	{-38, SIGN_RSA_PSS, DIGEST_SHA384},
	{-39, SIGN_RSA_PSS, DIGEST_SHA512},
	{-257, SIGN_RSA_PKCS1, DIGEST_SHA256},
	{-258, SIGN_RSA_PKCS1, DIGEST_SHA384},
	{-259, SIGN_RSA_PKCS1, DIGEST_SHA512},
};

static const struct {
	enum key_type type;
	int64_t alg;
} own_algs[] = {{KEY_EC_P256, -7}, {KEY_EC_P384, -35}, {KEY_EC_P521, -36}, {KEY_ED25519, -8},
	{KEY_RSA, -37}};

static const struct cose_alg *alg_of(int64_t id, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(algs); i++)
		if (algs[i].id == id)
			return &algs[i];
	err_set(err, ERR_UNSUPPORTED, "COSE_Sign1: algorithm %lld", (long long)id);
	return NULL;
}

static int64_t own_alg(const struct key *key)
{
	for (size_t i = 0; i < ARRAY_LEN(own_algs); i++)
		if (own_algs[i].type == key_type_of(key))
			return own_algs[i].alg;
	return 0;
}

/* Sig_structure (RFC 9052 section 4.4). */
static bool put_to_be_signed(struct bytes protected_, struct bytes external_aad,
	struct bytes payload, struct buf *out, struct err *err)
{
	struct cbor_writer w = cbor_writer_of(out);

	cbor_put_array(&w, 4);
	cbor_put_str(&w, "Signature1");
	cbor_put_bytes(&w, protected_);
	cbor_put_bytes(&w, external_aad);
	cbor_put_bytes(&w, payload);
	return cbor_writer_finish(&w, err);
}

static void put_claims(struct cbor_writer *w, const struct cose_sign_options *options)
{
	cbor_put_map(
		w, (options->iss ? 1u : 0u) + (options->sub ? 1u : 0u) + (options->iat ? 1u : 0u));
	if (options->iss) {
		cbor_put_int(w, CLAIM_ISS);
		cbor_put_str(w, options->iss);
	}
	if (options->sub) {
		cbor_put_int(w, CLAIM_SUB);
		cbor_put_str(w, options->sub);
	}
	if (options->iat) {
		cbor_put_int(w, CLAIM_IAT);
		cbor_put_int(w, *options->iat);
	}
}

static bool put_protected(const struct key *key, const struct cose_sign_options *options,
	struct buf *out, struct err *err)
{
	struct cbor_writer w = cbor_writer_of(out);
	bool claims = options->iss || options->sub || options->iat;

	cbor_put_map(&w, 2u + (options->content_type ? 1u : 0u) + (claims ? 1u : 0u) +
				 (options->corim_meta.len ? 1u : 0u) + (options->vds ? 1u : 0u));
	cbor_put_int(&w, LABEL_ALG);
	cbor_put_int(&w, own_alg(key));
	if (options->content_type) {
		cbor_put_int(&w, LABEL_CONTENT_TYPE);
		cbor_put_str(&w, options->content_type);
	}
	cbor_pair_bytes(&w, LABEL_KID, bytes_of(key_id(key), SHA256_LEN));
	if (options->corim_meta.len)
		cbor_pair_bytes(&w, LABEL_CORIM_META, options->corim_meta);
	if (claims) {
		cbor_put_int(&w, LABEL_CWT_CLAIMS);
		put_claims(&w, options);
	}
	if (options->vds) {
		cbor_put_int(&w, LABEL_VDS);
		cbor_put_int(&w, options->vds);
	}
	return cbor_writer_finish(&w, err);
}

static bool sign_bytes(struct key *key, struct bytes in, struct buf *signature, struct err *err)
{
	const struct cose_alg *alg = alg_of(own_alg(key), err);

	return alg && key_sign(key, alg->scheme, alg->digest, in, signature, err);
}

bool cose_sign1_sign(struct key *key, const struct cose_sign_options *options, struct bytes payload,
	struct bytes external_aad, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf protected_ = {0};
	OWNED(buf_release) struct buf to_be_signed = {0};
	OWNED(buf_release) struct buf signature = {0};

	if (!put_protected(key, options, &protected_, err) ||
		!put_to_be_signed(
			buf_bytes(&protected_), external_aad, payload, &to_be_signed, err) ||
		!sign_bytes(key, buf_bytes(&to_be_signed), &signature, err))
		return err_wrap(err, "COSE_Sign1");
	const struct cose_sign1 message = {
		.protected_ = buf_bytes(&protected_),
		.payload = payload,
		.detached = options->detached,
		.signature = buf_bytes(&signature),
	};
	return cose_sign1_rewrap(&message, bytes_of("\xa0", 1), out, err);
}

bool cose_sign1_rewrap(const struct cose_sign1 *message, struct bytes unprotected, struct buf *out,
	struct err *err)
{
	struct cbor_writer w = cbor_writer_of(out);

	cbor_put_tag(&w, TAG_SIGN1);
	cbor_put_array(&w, 4);
	cbor_put_bytes(&w, message->protected_);
	cbor_put_raw(&w, unprotected);
	if (message->detached)
		cbor_put_null(&w);
	else
		cbor_put_bytes(&w, message->payload);
	cbor_put_bytes(&w, message->signature);
	return cbor_writer_finish(&w, err) || err_wrap(err, "COSE_Sign1");
}

static bool same_label(struct cbor_item a, struct cbor_item b)
{
	return a.kind == b.kind && a.value == b.value && bytes_equal(a.bytes, b.bytes);
}

/* cbor_open refuses a label twice in one map; RFC 9052 section 3 refuses it in both as well. */
static void check_labels_differ(struct cbor_item protected_, struct cbor_item unprotected)
{
	size_t n = cbor_map(protected_, HEADERS_MAX, "protected header");
	size_t m = cbor_map(unprotected, HEADERS_MAX, "unprotected header");

	for (size_t i = 0; i < n; i++) {
		struct cbor_item label = cbor_map_key_at(protected_, i, "label");

		for (size_t j = 0; j < m; j++)
			if (same_label(label, cbor_map_key_at(unprotected, j, "label")))
				cbor_fail(label, "label", "in both headers");
	}
}

static bool understood(struct cbor_item label)
{
	return label.kind == CBOR_UINT &&
	       (label.value == LABEL_ALG || label.value == LABEL_CONTENT_TYPE ||
		       label.value == LABEL_KID || label.value == LABEL_CWT_CLAIMS ||
		       label.value == LABEL_VDS);
}

/* Every label under crit must be there, protected, and understood. */
static void check_critical(struct cbor_item headers)
{
	struct cbor_item crit = cbor_key_optional(headers, LABEL_CRIT);
	size_t n;

	if (crit.kind == CBOR_ABSENT)
		return;
	n = cbor_array(crit, HEADERS_MAX, "crit");
	if (n == 0)
		cbor_fail(crit, "crit", "empty");
	for (size_t i = 0; i < n; i++) {
		struct cbor_item label = cbor_at(crit, i, "crit");

		if (!understood(label))
			cbor_fail(label, "crit", "a header parameter that is not understood");
		else
			cbor_key(headers, (int64_t)label.value, "crit");
	}
}

static void read_claims(struct cbor_item headers, struct cose_sign1 *message)
{
	struct cbor_item claims = cbor_key_optional(headers, LABEL_CWT_CLAIMS), item;

	if (claims.kind == CBOR_ABSENT)
		return;
	item = cbor_key_optional(claims, CLAIM_ISS);
	if (item.kind != CBOR_ABSENT)
		message->iss = cbor_text(item, 0, TEXT_MAX, "iss");
	item = cbor_key_optional(claims, CLAIM_SUB);
	if (item.kind != CBOR_ABSENT)
		message->sub = cbor_text(item, 0, TEXT_MAX, "sub");
	item = cbor_key_optional(claims, CLAIM_IAT);
	message->has_iat = item.kind != CBOR_ABSENT;
	if (message->has_iat)
		message->iat = (int64_t)cbor_uint(item, INT64_MAX, "iat");
}

static void read_headers(
	struct cbor_item headers, struct cbor_item unprotected, struct cose_sign1 *message)
{
	struct cbor_item item;

	message->alg = cbor_int(cbor_key(headers, LABEL_ALG, "alg"), "alg");
	item = cbor_key_optional(headers, LABEL_CONTENT_TYPE);
	if (item.kind == CBOR_TEXT)
		message->content_type = cbor_text(item, 0, TEXT_MAX, "content type");
	else if (item.kind != CBOR_ABSENT)
		cbor_uint(item, UINT16_MAX, "content type");
	read_claims(headers, message);
	item = cbor_key_optional(headers, LABEL_VDS);
	if (item.kind != CBOR_ABSENT)
		message->vds = cbor_int(item, "vds");
	item = cbor_key_optional(headers, LABEL_KID);
	if (item.kind == CBOR_ABSENT)
		item = cbor_key_optional(unprotected, LABEL_KID);
	if (item.kind != CBOR_ABSENT)
		message->kid = cbor_bytes(item, 0, KID_MAX, "kid");
}

/* The protected header is a document of its own inside a byte string. */
static bool parse_protected(
	struct cbor_item unprotected, struct cose_sign1 *message, struct err *err)
{
	struct cbor_doc doc;
	struct cbor_item headers;

	if (!cbor_open(message->protected_, false, "protected header", &doc, &headers, err))
		return false;
	check_labels_differ(headers, unprotected);
	check_critical(headers);
	read_headers(headers, unprotected, message);
	return cbor_close(&doc, err);
}

static void check_unprotected(struct cbor_item unprotected, struct cose_sign1 *message)
{
	cbor_map(unprotected, HEADERS_MAX, "unprotected header");
	if (cbor_key_optional(unprotected, LABEL_CRIT).kind != CBOR_ABSENT)
		cbor_fail(unprotected, "crit", "not protected");
	message->unprotected = unprotected.raw;
}

bool cose_sign1_parse(struct bytes in, struct cose_sign1 *ret, struct err *err)
{
	struct cose_sign1 message = {0};
	struct cbor_doc doc;
	struct cbor_item root, array, unprotected, payload;

	if (!cbor_open(in, false, "COSE_Sign1", &doc, &root, err))
		return false;
	array = cbor_untag(root, TAG_SIGN1, "tag");
	if (cbor_array(array, 4, "message") < 4)
		cbor_fail(array, "message", "expected four items");
	message.protected_ =
		cbor_bytes(cbor_at(array, 0, "protected"), 0, PROTECTED_MAX, "protected");
	unprotected = cbor_at(array, 1, "unprotected");
	check_unprotected(unprotected, &message);
	payload = cbor_at(array, 2, "payload");
	message.detached = payload.kind == CBOR_NULL;
	if (!message.detached)
		message.payload = cbor_bytes(payload, 0, SIZE_MAX, "payload");
	message.signature =
		cbor_bytes(cbor_at(array, 3, "signature"), 1, SIGNATURE_MAX, "signature");
	if (!cbor_close(&doc, err))
		return false;
	if (!parse_protected(unprotected, &message, err))
		return err_wrap(err, "COSE_Sign1");
	if (!cbor_close(&doc, err))
		return false;
	*ret = message;
	return true;
}

bool cose_sign1_verify(const struct cose_sign1 *message, const struct key *key,
	struct bytes payload, struct bytes external_aad, struct err *err)
{
	const struct cose_alg *alg = alg_of(message->alg, err);
	OWNED(buf_release) struct buf signed_bytes = {0};

	if (!alg)
		return false;
	if (!put_to_be_signed(message->protected_, external_aad,
		    message->detached ? payload : message->payload, &signed_bytes, err) ||
		!key_verify(key, alg->scheme, alg->digest, buf_bytes(&signed_bytes),
			message->signature, err))
		return err_wrap(err, "COSE_Sign1");
	return true;
}
