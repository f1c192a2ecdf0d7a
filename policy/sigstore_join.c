/* SPDX-License-Identifier: Apache-2.0 */
/* An envelope and certificates that came apart from it, as one Sigstore bundle. */
#include "base/json.h"
#include "base/text.h"
#include "policy/sigstore_bundle.h"

static json_t *certificates_json(struct cert *const *certs, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < count; i++) {
		OWNED(buf_release) struct buf text = {0};

		buf_put_base64(&text, cert_der(certs[i]), false);
		if (!buf_str(&text) || json_array_append_new(list, json_pack("{s:s}", "rawBytes",
									   buf_str(&text))) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static bool join(const json_t *envelope, struct cert *const *certs, size_t count, struct buf *out,
	struct err *err)
{
	OWNED(json_release)
	json_t *bundle = json_pack("{s:s,s:{s:{s:o}},s:O}", "mediaType",
		"application/vnd.dev.sigstore.bundle.v0.3+json", "verificationMaterial",
		"x509CertificateChain", "certificates", certificates_json(certs, count),
		"dsseEnvelope", (json_t *)(uintptr_t)envelope);

	if (!bundle)
		return err_set(err, ERR_NOMEM, "Sigstore bundle: no memory");
	return json_write(bundle, false, out, err);
}

bool sigstore_bundle_join(struct bytes envelope, struct bytes pem, struct buf *out, struct err *err)
{
	OWNED(json_release) json_t *root = NULL;
	OWNED(sigstore_bundle_free) struct sigstore_bundle *checked = NULL;
	struct cert *certs[X509_CHAIN_MAX] = {0};
	size_t count = 0;
	bool ok = json_open(envelope, JSON_INPUT_MAX, &root, err) &&
		  certs_from_bytes(pem, X509_CHAIN_MAX, certs, &count, err) &&
		  sigstore_bundle_of_dsse(envelope, certs, count, &checked, err);

	if (ok && count == 0)
		ok = err_set(err, ERR_FORMAT, "no certificate in it");
	if (ok && checked->dsse->count != 1)
		ok = err_set(err, ERR_FORMAT, "%zu signatures: certificates go with one",
			checked->dsse->count);
	ok = ok && join(root, certs, count, out, err);
	for (size_t i = 0; i < ARRAY_LEN(certs); i++)
		cert_unref(&certs[i]);
	return ok;
}
