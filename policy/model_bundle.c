/* SPDX-License-Identifier: Apache-2.0 */
/* The bundle around a model's manifest: whose key, which certificates, the envelope. */
#include "policy/model_signature.h"

#include <stdlib.h>

#include "base/text.h"

#define EKU_EXTENSION    "2.5.29.37"
#define KEY_USAGE        "2.5.29.15"
#define EKU_CODE_SIGNING "1.3.6.1.5.5.7.3.3"

#define BASE64_MAX(len) (((len) + 2) / 3 * 4)

static bool media_type_known(const char *text)
{
	static const char *const known[] = {
		MODEL_BUNDLE_MEDIA,
		"application/vnd.dev.sigstore.bundle+json;version=0.3",
		"application/vnd.dev.sigstore.bundle+json;version=0.2",
		"application/vnd.dev.sigstore.bundle+json;version=0.1",
	};
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(text, known[i]) == 0)
			return true;
	return false;
}

static bool read_public_key(struct model_bundle *bundle, const json_t *key, struct err *err)
{
	struct json_fields f = json_fields_of("publicKey");
	const char *hint = json_want_str(&f, key, "hint", sizeof(bundle->hint) - 1);
	/* Before version 1.1.0 the key itself stood there: it is not looked at. */
	const char *raw = json_want_str(&f, key, "rawBytes", BASE64_MAX(X509_DER_MAX));
	if (!hint && !raw)
		json_fields_fail(&f, "hint", "missing");
	if (!json_fields_ok(&f, err))
		return false;
	(void)snprintf(bundle->hint, sizeof(bundle->hint), "%s", hint ? hint : "");
	bundle->mode = MODEL_MODE_KEY;
	return true;
}

static bool read_chain(struct model_bundle *bundle, const json_t *chain, struct err *err)
{
	struct json_fields f = json_fields_of("x509CertificateChain");
	const json_t *list = json_need_array(&f, chain, "certificates", X509_CHAIN_MAX);
	if (json_array_size(list) == 0)
		json_fields_fail(&f, "certificates", "empty");
	if (!json_fields_ok(&f, err))
		return false;
	for (size_t i = 0; i < json_array_size(list); i++) {
		OWNED(buf_release) struct buf der = {0};
		const char *raw = json_need_str(
			&f, json_array_get(list, i), "rawBytes", BASE64_MAX(X509_DER_MAX));
		if (!json_fields_ok(&f, err))
			return false;
		if (!base64_decode(bytes_str(raw), false, X509_DER_MAX, &der, err) ||
			!cert_from_der(buf_bytes(&der), false, &bundle->chain[i], err))
			return err_wrap(err, "x509CertificateChain: certificate %zu", i);
		bundle->chain_count++;
	}
	bundle->mode = MODEL_MODE_CERTIFICATE;
	return true;
}

static bool read_material(struct model_bundle *bundle, const json_t *material, struct err *err)
{
	const json_t *key = json_object_get(material, "publicKey");
	const json_t *chain = json_object_get(material, "x509CertificateChain");
	const json_t *keyless = json_object_get(material, "certificate");
	if (!!key + !!chain + !!keyless != 1)
		return err_set(err, ERR_FORMAT,
			"verificationMaterial: not exactly one of publicKey, "
			"x509CertificateChain and certificate");
	if (keyless)
		return err_set(err, ERR_UNSUPPORTED,
			"verificationMaterial: keyless signatures (certificate) are not supported");
	if (key)
		return read_public_key(bundle, key, err);
	return read_chain(bundle, chain, err);
}

static bool read_bundle(struct model_bundle *bundle, const json_t *root, struct err *err)
{
	static const char *const keys[] = {
		"mediaType", "verificationMaterial", "dsseEnvelope", NULL};
	struct json_fields f = json_fields_of("bundle");
	json_only_keys(&f, root, keys);
	if (!media_type_known(json_need_str(&f, root, "mediaType", 128)))
		json_fields_fail(&f, "mediaType", "not that of a Sigstore bundle 0.1 to 0.3");
	const json_t *material = json_need_object(&f, root, "verificationMaterial");
	const json_t *envelope = json_need_object(&f, root, "dsseEnvelope");
	if (!json_fields_ok(&f, err) || !read_material(bundle, material, err) ||
		!dsse_from_json(envelope, &bundle->dsse, err))
		return false;
	if (bundle->dsse->count != 1)
		return err_set(err, ERR_FORMAT, "dsseEnvelope: %zu signatures, not exactly one",
			bundle->dsse->count);
	if (strcmp(bundle->dsse->payload_type, DSSE_INTOTO_TYPE) != 0)
		return err_set(err, ERR_FORMAT, "dsseEnvelope: payload type \"%s\"",
			ESC(bytes_str(bundle->dsse->payload_type)));
	return true;
}

bool model_bundle_parse(struct bytes json, struct model_bundle **ret, struct err *err)
{
	OWNED(model_bundle_free) struct model_bundle *made = calloc(1, sizeof(*made));
	OWNED(json_release) json_t *root = NULL;
	if (!made)
		return err_set(err, ERR_NOMEM, "model signature: out of memory");
	if (!json_open(json, MODEL_BUNDLE_MAX, &root, err) || !read_bundle(made, root, err))
		return err_wrap(err, "model signature");
	*ret = TAKE(made);
	return true;
}

void model_bundle_free(struct model_bundle **bundle)
{
	struct model_bundle *gone = TAKE(*bundle);
	if (!gone)
		return;
	for (size_t i = 0; i < X509_CHAIN_MAX; i++)
		cert_unref(&gone->chain[i]);
	dsse_free(&gone->dsse);
	free(gone);
}

static bool check_key(const struct key *key, struct err *err)
{
	enum key_type type = key_type_of(key);
	if (type == KEY_EC_P256 || type == KEY_EC_P384 || type == KEY_EC_P521)
		return true;
	return err_set(err, ERR_UNSUPPORTED,
		"model signature: a key of type %s: only EC P-256, P-384 and P-521 sign models",
		key_type_name(type));
}

bool model_key_hint(const struct key *key, char out[2 * SHA256_LEN + 1], struct err *err)
{
	OWNED(buf_release) struct buf pem = {0};
	uint8_t digest[SHA256_LEN];
	if (!key_public_pem(key, &pem, err) || !sha256_of(buf_bytes(&pem), digest, err))
		return false;
	hex_encode(BYTES_OF(digest), out);
	return true;
}

bool model_bundle_verify(const struct model_bundle *bundle, struct key *key, struct err *err)
{
	char hint[2 * SHA256_LEN + 1];
	uint64_t mask = 0;
	if (!check_key(key, err) || !dsse_verify(bundle->dsse, &key, 1, &mask, err) ||
		!model_key_hint(key, hint, err))
		return false;
	if (mask == 1)
		return true;
	if (bundle->hint[0] && strcmp(bundle->hint, hint) != 0)
		return err_set(err, ERR_MISMATCH,
			"model signature: made with another key (hint %s, the key given has %s)",
			ESC(bytes_str(bundle->hint)), hint);
	return err_set(err, ERR_MISMATCH, "model signature: does not verify");
}

bool model_cert_may_sign(const struct cert *cert, struct err *err)
{
	struct bytes value;
	cert_looks_begin();
	bool usage = cert_extension(cert, KEY_USAGE, &value);
	bool extended = cert_extension(cert, EKU_EXTENSION, &value);
	bool may = (usage || extended) &&
		   (cert_key_usage(cert) & KEY_USAGE_DIGITAL_SIGNATURE) != 0 &&
		   (!extended || cert_has_eku(cert, EKU_CODE_SIGNING));
	if (!cert_looks_whole(err))
		return false;
	if (may)
		return true;
	return err_set(err, ERR_MISMATCH, "the certificate is not for signing (%s)",
		extended && !cert_has_eku(cert, EKU_CODE_SIGNING)
			? "its extended key usage lacks codeSigning"
			: "its key usage lacks digitalSignature");
}

bool model_signer_check(
	const struct key *key, struct cert *const *chain, size_t chain_count, struct err *err)
{
	OWNED(key_unref) struct key *certified = NULL;
	if (!check_key(key, err))
		return false;
	if (chain_count == 0)
		return true;
	if (chain_count > X509_CHAIN_MAX)
		return err_set(err, ERR_LIMIT, "model signature: %zu certificates, at most %d",
			chain_count, X509_CHAIN_MAX);
	if (!cert_key(chain[0], &certified, err) || !model_cert_may_sign(chain[0], err))
		return err_wrap(err, "model signature");
	if (!key_equal(certified, key))
		return err_set(
			err, ERR_USAGE, "model signature: the first certificate is of another key");
	return true;
}

static json_t *write_chain(struct cert *const *chain, size_t n)
{
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++) {
		OWNED(buf_release) struct buf raw = {0};
		buf_put_base64(&raw, cert_der(chain[i]), false);
		const char *text = buf_str(&raw);
		if (json_array_append_new(
			    list, text ? json_pack("{s:s}", "rawBytes", text) : NULL) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return json_pack("{s:{s:o}}", "x509CertificateChain", "certificates", list);
}

static bool write_material(const struct key *key, struct cert *const *chain, size_t chain_count,
	json_t **ret, struct err *err)
{
	char hint[2 * SHA256_LEN + 1];
	if (!model_key_hint(key, hint, err))
		return false;
	*ret = chain_count ? write_chain(chain, chain_count)
			   : json_pack("{s:{s:s}}", "publicKey", "hint", hint);
	if (*ret && json_object_set_new(*ret, "tlogEntries", json_array()) == 0)
		return true;
	json_release(ret);
	return err_set(err, ERR_NOMEM, "model signature: out of memory");
}

bool model_bundle_sign(struct bytes statement, struct key *key, struct cert *const *chain,
	size_t chain_count, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	OWNED(json_release) json_t *envelope = NULL, *material = NULL, *root = NULL;
	if (!model_signer_check(key, chain, chain_count, err) ||
		!dsse_sign(DSSE_INTOTO_TYPE, statement, key, &text, err) ||
		!json_open(buf_bytes(&text), JSON_INPUT_MAX, &envelope, err) ||
		!write_material(key, chain, chain_count, &material, err))
		return false;
	/* Verifiers take an absent or empty key id; others need not be taken. */
	json_t *signature = json_array_get(json_object_get(envelope, "signatures"), 0);
	if (json_object_set_new(signature, "keyid", json_string("")) != 0)
		return err_set(err, ERR_NOMEM, "model signature: out of memory");
	root = json_pack("{s:s,s:O,s:O}", "mediaType", MODEL_BUNDLE_MEDIA, "verificationMaterial",
		material, "dsseEnvelope", envelope);
	if (!root)
		return err_set(err, ERR_NOMEM, "model signature: out of memory");
	return json_write(root, true, out, err);
}
