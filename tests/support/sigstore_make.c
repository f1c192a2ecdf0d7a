/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/sigstore_make.h"

#include <openssl/x509v3.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/text.h"
#include "crypto/der.h"
#include "crypto/dsse.h"
#include "crypto/merkle.h"
#include "tests/support/timestamp_make.h"

const char *const sigstore_leaf_extensions[][2] = {
	{"basicConstraints", "critical,CA:FALSE"},
	{"keyUsage", "critical,digitalSignature"},
	{"extendedKeyUsage", "codeSigning"},
	{"subjectAltName", "critical,URI:" SIGSTORE_NAME},
	{"1.3.6.1.4.1.57264.1.8", "ASN1:UTF8String:" SIGSTORE_ISSUER},
	{NULL, NULL},
};
const char *const sigstore_ca_extensions[][2] = {
	{"basicConstraints", "critical,CA:TRUE"},
	{"keyUsage", "critical,keyCertSign,cRLSign"},
	{NULL, NULL},
};

bool sigstore_make_cert(const struct sigstore_cert_recipe *r, struct cert **ret, struct err *err)
{
	const char *const(*extensions)[2] = r->extensions;
	const struct cert *issuer = r->issuer;
	X509 *x509 = X509_new();
	uint8_t *der = NULL;
	int len;
	bool ok;

	X509_set_version(x509, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), 7);
	ASN1_TIME_set(X509_getm_notBefore(x509), r->begin);
	ASN1_TIME_set(X509_getm_notAfter(x509), r->end);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
		(const uint8_t *)r->name, -1, -1, 0);
	X509_set_issuer_name(x509, X509_get_subject_name(issuer ? cert_x509(issuer) : x509));
	X509_set_pubkey(x509, key_evp(r->key));
	for (; (*extensions)[0]; extensions++) {
		X509_EXTENSION *ext =
			X509V3_EXT_nconf(NULL, NULL, (*extensions)[0], (*extensions)[1]);

		if (ext)
			X509_add_ext(x509, ext, -1);
		X509_EXTENSION_free(ext);
	}
	X509_sign(x509, key_evp(r->issuer_key), EVP_sha256());
	len = i2d_X509(x509, &der);
	ok = len > 0 && cert_from_der(bytes_of(der, (size_t)len), false, ret, err);
	OPENSSL_free(der);
	X509_free(x509);
	return ok;
}

bool sigstore_maker_start(struct sigstore_maker *m, struct err *err)
{
	struct sigstore_cert_recipe root = {.name = "root",
		.extensions = sigstore_ca_extensions,
		.begin = SIGSTORE_CA_BEGIN,
		.end = SIGSTORE_CA_END};

	*m = (struct sigstore_maker){0};
	if (!key_generate(KEY_EC_P256, &m->root_key, err))
		return false;
	root.key = root.issuer_key = m->root_key;
	return key_generate(KEY_EC_P256, &m->signer_key, err) &&
	       key_generate(KEY_EC_P256, &m->log_key, err) &&
	       note_key_of("log.example", m->log_key, &m->log, err) &&
	       sigstore_make_cert(&root, &m->root, err);
}

void sigstore_maker_release(struct sigstore_maker *m)
{
	key_unref(&m->root_key);
	key_unref(&m->signer_key);
	key_unref(&m->log_key);
	cert_unref(&m->root);
	note_key_release(&m->log);
}

bool sigstore_make_leaf(struct sigstore_maker *m, const char *const (*extensions)[2],
	struct cert **ret, struct err *err)
{
	const struct sigstore_cert_recipe recipe = {.name = "signer",
		.key = m->signer_key,
		.issuer = m->root,
		.issuer_key = m->root_key,
		.extensions = extensions,
		.begin = SIGSTORE_LEAF_BEGIN,
		.end = SIGSTORE_LEAF_END};

	return sigstore_make_cert(&recipe, ret, err);
}

static void put_be(struct buf *out, uint64_t value, unsigned octets)
{
	while (octets--)
		buf_put_u8(out, (uint8_t)(value >> 8 * octets));
}

static bool put_sct(const struct sigstore_maker *m, struct bytes tbs,
	const struct sigstore_sct *sct, struct buf *list, struct err *err)
{
	struct key *issuer = sct->other_issuer ? m->signer_key : m->root_key;
	uint64_t time = sct->timestamp ? sct->timestamp : SIGSTORE_LEAF_BEGIN * UINT64_C(1000);
	bool rsa = key_type_of(sct->log) == KEY_RSA;
	struct buf text = {0}, signature = {0};
	bool ok;

	buf_put(&text, BYTES_LIT("\0\0"));
	put_be(&text, time, 8);
	put_be(&text, 1, 2);
	buf_put(&text, bytes_of(key_id(issuer), SHA256_LEN));
	put_be(&text, tbs.len, 3);
	buf_put(&text, tbs);
	put_be(&text, 2, 2);
	buf_put(&text, BYTES_LIT("ex"));
	ok = key_sign(sct->log, key_default_scheme(sct->log), DIGEST_SHA256, buf_bytes(&text),
		&signature, err);
	put_be(list, 1 + SHA256_LEN + 8 + 4 + 4 + signature.len, 2);
	buf_put_u8(list, 0);
	buf_put(list, bytes_of(key_id(sct->log), SHA256_LEN));
	put_be(list, time, 8);
	put_be(list, 2, 2);
	buf_put(list, BYTES_LIT("ex"));
	buf_put_u8(list, sct->hash ? sct->hash : 4);
	buf_put_u8(list, sct->algorithm ? sct->algorithm : (rsa ? 1 : 3));
	put_be(list, signature.len, 2);
	buf_put(list, buf_bytes(&signature));
	buf_release(&text);
	buf_release(&signature);
	return ok;
}

static bool with_extension(const struct sigstore_maker *m, X509 *x509, struct bytes list,
	struct cert **ret, struct err *err)
{
	struct buf outer = {0};
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *extension;
	uint8_t *der = NULL;
	int len;
	bool ok;

	der_put(&outer, DER_OCTET_STRING, list);
	ASN1_OCTET_STRING_set(value, outer.data, (int)outer.len);
	extension = X509_EXTENSION_create_by_NID(NULL, NID_ct_precert_scts, 0, value);
	X509_add_ext(x509, extension, -1);
	X509_sign(x509, key_evp(m->root_key), EVP_sha256());
	len = i2d_X509(x509, &der);
	ok = len > 0 && cert_from_der(bytes_of(der, (size_t)len), false, ret, err);
	OPENSSL_free(der);
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(value);
	buf_release(&outer);
	return ok;
}

bool sigstore_add_scts(const struct sigstore_maker *m, const struct cert *leaf,
	const struct sigstore_sct *scts, size_t n, struct cert **ret, struct err *err)
{
	X509 *x509 = X509_dup(cert_x509(leaf));
	struct buf list = {0}, whole = {0};
	uint8_t *tbs = NULL;
	int len = i2d_re_X509_tbs(x509, &tbs);
	bool ok = len > 0;

	for (size_t i = 0; i < n && ok; i++)
		ok = put_sct(m, bytes_of(tbs, (size_t)len), &scts[i], &list, err);
	buf_put(&list, BYTES_LIT("\0\2\11x"));
	put_be(&whole, list.len, 2);
	buf_put(&whole, buf_bytes(&list));
	ok = ok && with_extension(m, x509, buf_bytes(&whole), ret, err);
	OPENSSL_free(tbs);
	X509_free(x509);
	buf_release(&list);
	buf_release(&whole);
	return ok;
}

bool sigstore_make_envelope(
	const struct sigstore_maker *m, const char *statement, struct buf *out, struct err *err)
{
	return dsse_sign(DSSE_INTOTO_TYPE, bytes_str(statement), m->signer_key, out, err);
}

static json_t *base64(struct bytes in)
{
	struct buf text = {0};
	json_t *made;

	buf_put_base64(&text, in, false);
	made = json_string(in.len ? buf_str(&text) : "");
	buf_release(&text);
	return made;
}

static json_t *sha256(struct bytes in, bool typed)
{
	uint8_t digest[SHA256_LEN] = {0};
	char hex[2 * SHA256_LEN + 1];

	if (!sha256_of(in, digest, NULL))
		return NULL;
	hex_encode(BYTES_OF(digest), hex);
	return typed ? json_pack("{s:s,s:o}", "algorithm", "SHA2_256", "digest",
			       base64(BYTES_OF(digest)))
		     : json_pack("{s:s,s:s}", "algorithm", "sha256", "value", hex);
}

/* What was signed, and by what. */
struct content {
	struct buf envelope, message, signature;
	struct dsse *dsse;
};

static void content_release(struct content *c)
{
	buf_release(&c->envelope);
	buf_release(&c->message);
	buf_release(&c->signature);
	dsse_free(&c->dsse);
}

static bool sign_content(const struct sigstore_maker *m, const char *type, const char *statement,
	struct content *c, struct err *err)
{
	if (!dsse_sign(type ? type : DSSE_INTOTO_TYPE, bytes_str(statement), m->signer_key,
		    &c->envelope, err) ||
		!dsse_parse(buf_bytes(&c->envelope), &c->dsse, err) ||
		!dsse_pae(c->dsse, &c->message, err))
		return false;
	buf_put(&c->signature, buf_bytes(&c->dsse->signatures[0].signature));
	return buf_ok(&c->signature, err);
}

static json_t *verifier(const struct key *key, const struct cert *leaf, bool typed)
{
	struct buf pem = {0};
	json_t *made = NULL;

	if (typed)
		return json_pack("{s:{s:o}}", leaf ? "x509Certificate" : "publicKey", "rawBytes",
			base64(leaf ? cert_der(leaf) : key_spki(key)));
	if (leaf ? cert_pem(leaf, &pem, NULL) : key_public_pem(key, &pem, NULL))
		made = base64(buf_bytes(&pem));
	buf_release(&pem);
	return made;
}

/* intoto 0.0.2 keeps a copy of the envelope, its signature in base64 once more. */
static json_t *intoto_spec(json_t *digest, json_t *signature, json_t *signer)
{
	json_t *twice = base64(bytes_str(json_string_value(signature)));

	json_decref(signature);
	return json_pack("{s:{s:{s:[{s:o,s:o}]},s:o}}", "content", "envelope", "signatures", "sig",
		twice, "publicKey", signer, "payloadHash", digest);
}

/* The body of an entry about the content. */
static json_t *make_body(const struct sigstore_maker *m, const struct sigstore_recipe *r,
	const struct content *c, const char *kind, const char *version)
{
	const struct cert *leaf = r->logged_leaf ? r->logged_leaf : r->leaf;
	bool intoto = strcmp(kind, "intoto") == 0, dsse = strcmp(kind, "dsse") == 0;
	bool typed = !intoto && strcmp(version, "0.0.2") == 0;
	struct bytes other = BYTES_LIT("other");
	json_t *signature = base64(r->other_signature ? other : buf_bytes(&c->signature));
	json_t *signer = verifier(r->logged_key ? r->logged_key : m->signer_key, leaf, typed),
	       *digest, *spec;

	digest = sha256(!r->statement ? r->content
				      : buf_bytes(dsse || intoto ? &c->dsse->payload : &c->message),
		typed);
	if (r->algorithm)
		json_object_set_new(digest, "algorithm", json_string(r->algorithm));
	if (intoto)
		spec = intoto_spec(digest, signature, signer);
	else if (dsse)
		spec = json_pack("{s:o,s:[{s:o,s:o}]}", "payloadHash", digest, "signatures",
			typed ? "content" : "signature", signature, "verifier", signer);
	else if (typed)
		spec = json_pack("{s:o,s:{s:o,s:o}}", "data", digest, "signature", "content",
			signature, "verifier", signer);
	else
		spec = json_pack("{s:{s:o},s:{s:o,s:{s:o}}}", "data", "hash", digest, "signature",
			"content", signature, "publicKey", "content", signer);
	if (typed)
		spec = json_pack("{s:o}", dsse ? "dsseV002" : "hashedRekordV002", spec);
	return json_pack("{s:s,s:s,s:o}", "apiVersion", version, "kind", kind, "spec", spec);
}

/* A tree of three leaves, the entry in the middle. */
static json_t *make_proof(const struct sigstore_maker *m, const struct sigstore_recipe *r,
	struct bytes body, struct err *err)
{
	uint8_t hash[3][SHA256_LEN], root[SHA256_LEN];
	struct buf text = {0}, note = {0};
	struct note_key log = m->log;
	char index[24];
	json_t *made = NULL;

	if (r->log_signer)
		log.key = r->log_signer;
	if (tree_leaf_hash(BYTES_LIT("first"), hash[0], err) &&
		tree_leaf_hash(body, hash[1], err) &&
		tree_leaf_hash(BYTES_LIT("last"), hash[2], err) &&
		tree_node_hash(hash[0], hash[1], root, err) &&
		tree_node_hash(root, hash[2], root, err)) {
		buf_put_str(&text, "log.example - 1\n3\n");
		buf_put_base64(&text, BYTES_OF(root), false);
		buf_put_u8(&text, '\n');
		root[0] ^= r->root_flip;
		(void)snprintf(index, sizeof(index), "%llu",
			(unsigned long long)(r->proof_index ? r->proof_index : 1));
		if (note_sign(buf_bytes(&text), &log, &note, err))
			made = json_pack("{s:s,s:s,s:o,s:[o,o],s:{s:s}}", "logIndex", index,
				"treeSize", "3", "rootHash", base64(BYTES_OF(root)), "hashes",
				base64(BYTES_OF(hash[0])), base64(BYTES_OF(hash[2])), "checkpoint",
				"envelope", buf_str(&note));
	}
	buf_release(&text);
	buf_release(&note);
	return made;
}

static json_t *make_promise(const struct sigstore_maker *m, const struct sigstore_recipe *r,
	struct bytes body, int64_t time, struct err *err)
{
	struct buf text = {0}, signature = {0};
	struct key *key = r->log_signer ? r->log_signer : m->log_key;
	json_t *made = NULL;

	buf_put_str(&text, "{\"body\":\"");
	buf_put_base64(&text, body, false);
	buf_printf(&text, "\",\"integratedTime\":%lld,\"logID\":\"", (long long)time);
	buf_put_hex(&text, bytes_of(key_id(m->log_key), SHA256_LEN));
	buf_put_str(&text, "\",\"logIndex\":41}");
	if (key_sign(key, SIGN_ECDSA, DIGEST_SHA256, buf_bytes(&text), &signature, err))
		made = json_pack("{s:o}", "signedEntryTimestamp", base64(buf_bytes(&signature)));
	buf_release(&text);
	buf_release(&signature);
	return made;
}

static json_t *make_entry(const struct sigstore_maker *m, const struct sigstore_recipe *r,
	const struct content *c, struct err *err)
{
	const char *kind = r->kind ? r->kind : (r->statement ? "dsse" : "hashedrekord");
	const char *version = r->version ? r->version : "0.0.1";
	int64_t time = r->integrated ? r->integrated : SIGSTORE_LOGGED;
	struct buf body = {0};
	char integrated[24];
	json_t *entry = NULL, *spec = make_body(m, r, c, kind, version);

	if (json_write(spec, false, &body, err)) {
		(void)snprintf(integrated, sizeof(integrated), "%lld", (long long)time);
		entry = json_pack("{s:s,s:{s:o},s:{s:s,s:s},s:s,s:o}", "logIndex", "41", "logId",
			"keyId", base64(bytes_of(key_id(m->log_key), SHA256_LEN)), "kindVersion",
			"kind", kind, "version", version, "integratedTime", integrated,
			"canonicalizedBody", base64(buf_bytes(&body)));
		if (!r->no_promise)
			json_object_set_new(entry, "inclusionPromise",
				make_promise(m, r, buf_bytes(&body),
					r->promised ? r->promised : time, err));
		if (!r->no_proof)
			json_object_set_new(
				entry, "inclusionProof", make_proof(m, r, buf_bytes(&body), err));
	}
	json_decref(spec);
	buf_release(&body);
	return entry;
}

static json_t *make_stamps(const struct sigstore_recipe *r, struct bytes signature, struct err *err)
{
	struct buf stamp = {0};
	json_t *made = NULL;

	if (timestamp_make(r->stamp_key, r->stamp_cert,
		    r->stamp_other ? BYTES_LIT("other") : signature,
		    r->stamped ? r->stamped : SIGSTORE_LOGGED, &stamp, err))
		made = json_pack("{s:[{s:o}]}", "rfc3161Timestamps", "signedTimestamp",
			base64(buf_bytes(&stamp)));
	buf_release(&stamp);
	return made;
}

static bool make_contents(const struct sigstore_maker *m, const struct sigstore_recipe *r,
	struct content *said, struct content *logged, struct err *err)
{
	if (!r->statement)
		return key_sign(m->signer_key, SIGN_ECDSA, DIGEST_SHA256, r->content,
			&said->signature, err);
	return sign_content(m, r->payload_type, r->statement, said, err) &&
	       sign_content(m, r->payload_type,
		       r->logged_statement ? r->logged_statement : r->statement, logged, err);
}

bool sigstore_make(const struct sigstore_maker *m, const struct sigstore_recipe *r, struct buf *out,
	struct err *err)
{
	struct content said = {0}, logged = {0};
	json_t *root = NULL, *material = NULL, *envelope = NULL;
	bool ok = make_contents(m, r, &said, &logged, err);

	if (ok) {
		material = r->leaf ? json_pack("{s:{s:o}}", "certificate", "rawBytes",
					     base64(cert_der(r->leaf)))
				   : json_pack("{s:{s:s}}", "publicKey", "hint", "a hint");
		/* An entry about the same statement holds the same signature. */
		if (!r->no_entry)
			json_object_set_new(material, "tlogEntries",
				json_pack("[o]",
					make_entry(
						m, r, r->logged_statement ? &logged : &said, err)));
		if (r->stamp_cert)
			json_object_set_new(material, "timestampVerificationData",
				make_stamps(r, buf_bytes(&said.signature), err));
		root = json_pack("{s:s,s:o}", "mediaType",
			"application/vnd.dev.sigstore.bundle.v0.3+json", "verificationMaterial",
			material);
		if (r->statement && json_open(buf_bytes(&said.envelope), 1u << 22, &envelope, err))
			json_object_set_new(root, "dsseEnvelope", envelope);
		else
			json_object_set_new(root, "messageSignature",
				json_pack("{s:o,s:o}", "messageDigest", sha256(r->content, true),
					"signature", base64(buf_bytes(&said.signature))));
		ok = json_write(root, false, out, err);
	}
	json_decref(root);
	content_release(&said);
	content_release(&logged);
	return ok;
}
