/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/sigstore_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

#define BASE64_MAX(len) (((len) + 2) / 3 * 4)

static const char no_memory[] = "no memory"; /* compared by address */

/* The type is not signed: whichever it says, what v0.3 demands is demanded. */
static const char *const media_types[] = {
	"application/vnd.dev.sigstore.bundle.v0.3+json",
	"application/vnd.dev.sigstore.bundle+json;version=0.3",
	"application/vnd.dev.sigstore.bundle+json;version=0.2",
	"application/vnd.dev.sigstore.bundle+json;version=0.1",
};

int64_t sigstore_int(struct json_fields *f, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	const char *text = json_string_value(value);
	int64_t number = 0;

	if (!text)
		return json_is_null(value) ? 0 : json_want_int(f, object, key, 0, INT64_MAX, 0);
	if (!*text || strlen(text) != strspn(text, "0123456789"))
		json_fields_fail(f, key, "expected digits");
	for (; *text && !f->why; text++)
		if (__builtin_mul_overflow(number, INT64_C(10), &number) ||
			__builtin_add_overflow(number, (int64_t)(*text - '0'), &number))
			json_fields_fail(f, key, "out of range");
	return number;
}

void sigstore_decode(
	struct json_fields *f, const char *key, const char *text, size_t max, struct buf *ret)
{
	struct err why = {0};

	if (!base64_decode(bytes_str(text), false, max, ret, &why))
		json_fields_fail(f, key, why.code == ERR_NOMEM ? no_memory : "expected base64");
}

void sigstore_bytes(
	struct json_fields *f, const json_t *object, const char *key, size_t max, struct buf *ret)
{
	const char *text = json_want_str(f, object, key, BASE64_MAX(max));

	if (text)
		sigstore_decode(f, key, text, max, ret);
}

bool sigstore_fields_ok(const struct json_fields *f, struct err *err)
{
	if (f->why == no_memory)
		return err_set(err, ERR_NOMEM, "%s: %s: %s", f->what, f->where, no_memory);
	return json_fields_ok(f, err);
}

const json_t *sigstore_object(struct json_fields *f, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return value && !json_is_null(value) ? json_need_object(f, object, key) : NULL;
}

static bool read_cert(const json_t *object, struct sigstore_bundle *bundle, struct err *err)
{
	OWNED(buf_release) struct buf der = {0};
	struct json_fields f = json_fields_of("Sigstore bundle: certificate");

	sigstore_bytes(&f, object, "rawBytes", X509_DER_MAX, &der);
	if (!sigstore_fields_ok(&f, err))
		return false;
	if (!cert_from_der(buf_bytes(&der), false, &bundle->certs[bundle->cert_count], err))
		return err_wrap(err, "Sigstore bundle");
	bundle->cert_count++;
	return true;
}

static bool read_chain(const json_t *object, struct sigstore_bundle *bundle, struct err *err)
{
	struct json_fields f = json_fields_of("Sigstore bundle: x509CertificateChain");
	const json_t *certs = json_need_array(&f, object, "certificates", X509_CHAIN_MAX);

	if (json_array_size(certs) == 0)
		json_fields_fail(&f, "certificates", "empty");
	if (!sigstore_fields_ok(&f, err))
		return false;
	for (size_t i = 0; i < json_array_size(certs); i++)
		if (!read_cert(json_array_get(certs, i), bundle, err))
			return false;
	return true;
}

static bool read_entries(const json_t *entries, struct sigstore_bundle *bundle, struct err *err)
{
	for (size_t i = 0; i < json_array_size(entries); i++) {
		bundle->entry_count = i + 1;
		if (!sigstore_entry_read(json_array_get(entries, i), &bundle->entries[i], err))
			return err_wrap(err, "Sigstore bundle: tlogEntries %zu", i);
	}
	return true;
}

static bool read_stamps(const json_t *material, struct sigstore_bundle *bundle, struct err *err)
{
	struct json_fields f = json_fields_of("Sigstore bundle: timestampVerificationData");
	const json_t *data = sigstore_object(&f, material, "timestampVerificationData");
	const json_t *list =
		data ? json_want_array(&f, data, "rfc3161Timestamps", SIGSTORE_STAMPS_MAX) : NULL;

	for (size_t i = 0; i < json_array_size(list); i++) {
		sigstore_bytes(&f, json_array_get(list, i), "signedTimestamp", TIMESTAMP_MAX,
			&bundle->stamps[i]);
		bundle->stamp_count = i + 1;
	}
	return sigstore_fields_ok(&f, err);
}

static bool read_material(const json_t *root, struct sigstore_bundle *bundle, struct err *err)
{
	struct json_fields f = json_fields_of("Sigstore bundle");
	const json_t *material = json_need_object(&f, root, "verificationMaterial");
	const json_t *key = sigstore_object(&f, material, "publicKey");
	const json_t *cert = sigstore_object(&f, material, "certificate");
	const json_t *chain = sigstore_object(&f, material, "x509CertificateChain");
	const json_t *entries = json_want_array(&f, material, "tlogEntries", SIGSTORE_ENTRIES_MAX);
	const char *hint = key ? json_want_str(&f, key, "hint", sizeof(bundle->hint) - 1) : NULL;

	if ((key != NULL) + (cert != NULL) + (chain != NULL) != 1)
		json_fields_fail(&f, "verificationMaterial", "not exactly one kind");
	if (!sigstore_fields_ok(&f, err))
		return false;
	bundle->material = key ? SIGSTORE_KEY : SIGSTORE_CERTIFICATE;
	(void)snprintf(bundle->hint, sizeof(bundle->hint), "%s", hint ? hint : "");
	if (cert && !read_cert(cert, bundle, err))
		return false;
	if (chain && !read_chain(chain, bundle, err))
		return false;
	return read_entries(entries, bundle, err) && read_stamps(material, bundle, err);
}

static bool read_dsse(const json_t *envelope, struct sigstore_bundle *bundle, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};

	if (!json_write(envelope, false, &text, err) ||
		!dsse_parse(buf_bytes(&text), &bundle->dsse, err))
		return err_wrap(err, "Sigstore bundle");
	bundle->content = SIGSTORE_DSSE;
	return bundle->dsse->count == 1 ||
	       err_set(err, ERR_FORMAT, "Sigstore bundle: %zu signatures, not one",
		       bundle->dsse->count);
}

static bool read_message(const json_t *message, struct sigstore_bundle *bundle, struct err *err)
{
	OWNED(buf_release) struct buf digest = {0};
	struct json_fields f = json_fields_of("Sigstore bundle: messageSignature");
	const json_t *said = json_need_object(&f, message, "messageDigest");

	if (strcmp(json_need_str(&f, said, "algorithm", 16), "SHA2_256") != 0)
		json_fields_fail(&f, "algorithm", "not SHA2_256");
	sigstore_bytes(&f, said, "digest", SHA256_LEN, &digest);
	if (digest.len == SHA256_LEN)
		memcpy(bundle->message_digest, digest.data, SHA256_LEN);
	else
		json_fields_fail(&f, "digest", "not a SHA-256");
	sigstore_bytes(&f, message, "signature", SIGSTORE_SIGNATURE_MAX, &bundle->signature);
	if (bundle->signature.len == 0)
		json_fields_fail(&f, "signature", "missing");
	if (!sigstore_fields_ok(&f, err))
		return false;
	bundle->content = SIGSTORE_MESSAGE;
	return true;
}

static bool read_content(const json_t *root, struct sigstore_bundle *bundle, struct err *err)
{
	struct json_fields f = json_fields_of("Sigstore bundle");
	const json_t *envelope = sigstore_object(&f, root, "dsseEnvelope");
	const json_t *message = sigstore_object(&f, root, "messageSignature");

	if ((envelope != NULL) + (message != NULL) != 1)
		json_fields_fail(&f, "content", "not exactly one of envelope and message");
	if (!sigstore_fields_ok(&f, err))
		return false;
	return envelope ? read_dsse(envelope, bundle, err) : read_message(message, bundle, err);
}

static bool check_version(const json_t *root, struct err *err)
{
	struct json_fields f = json_fields_of("Sigstore bundle");
	const char *type = json_need_str(&f, root, "mediaType", 128);

	if (!sigstore_fields_ok(&f, err))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(media_types); i++)
		if (strcmp(type, media_types[i]) == 0)
			return true;
	return err_set(err, ERR_UNSUPPORTED,
		"Sigstore bundle: mediaType \"%s\" is not v0.1 to v0.3", ESC(bytes_str(type)));
}

static struct sigstore_bundle *bundle_new(struct err *err)
{
	struct sigstore_bundle *made = calloc(1, sizeof(*made));

	if (!made)
		err_put_set(err, ERR_NOMEM, "Sigstore bundle: no memory");
	return made;
}

bool sigstore_bundle_parse(struct bytes json, struct sigstore_bundle **ret, struct err *err)
{
	OWNED(json_release) json_t *root = NULL;
	OWNED(sigstore_bundle_free) struct sigstore_bundle *made = NULL;

	if (!json_open(json, JSON_INPUT_MAX, &root, err))
		return err_wrap(err, "Sigstore bundle");
	made = bundle_new(err);
	if (!made || !check_version(root, err) || !read_material(root, made, err) ||
		!read_content(root, made, err))
		return false;
	*ret = TAKE(made);
	return true;
}

bool sigstore_bundle_of_dsse(struct bytes envelope, struct cert *const *chain, size_t n,
	struct sigstore_bundle **ret, struct err *err)
{
	OWNED(sigstore_bundle_free) struct sigstore_bundle *made = bundle_new(err);

	if (!made)
		return false;
	if (n > X509_CHAIN_MAX)
		return err_set(err, ERR_LIMIT, "certificate chain: more than %d", X509_CHAIN_MAX);
	if (!dsse_parse(envelope, &made->dsse, err))
		return false;
	made->content = SIGSTORE_DSSE;
	made->material = n ? SIGSTORE_CERTIFICATE : SIGSTORE_KEY;
	for (; made->cert_count < n; made->cert_count++)
		made->certs[made->cert_count] = cert_ref(chain[made->cert_count]);
	*ret = TAKE(made);
	return true;
}

void sigstore_bundle_free(struct sigstore_bundle **bundle)
{
	struct sigstore_bundle *gone = TAKE(*bundle);

	if (!gone)
		return;
	for (size_t i = 0; i < gone->cert_count; i++)
		cert_unref(&gone->certs[i]);
	for (size_t i = 0; i < gone->entry_count; i++)
		sigstore_entry_release(&gone->entries[i]);
	for (size_t i = 0; i < gone->stamp_count; i++)
		buf_release(&gone->stamps[i]);
	dsse_free(&gone->dsse);
	buf_release(&gone->signature);
	free(gone);
}
