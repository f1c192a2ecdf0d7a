/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of a Sigstore transparency log (Rekor): read, proven, and held against what was signed. */
#include <stdio.h>

#include "base/text.h"
#include "crypto/pem.h"
#include "policy/sigstore_private.h"

enum { LOG_ID_MAX = 64, SIGNATURES_MAX = 64, VERIFIER_MAX = 2 * X509_DER_MAX };

static void read_hashes(struct json_fields *f, const json_t *proof, struct buf *ret)
{
	const json_t *hashes = json_want_array(f, proof, "hashes", MERKLE_PROOF_MAX);

	for (size_t i = 0; i < json_array_size(hashes) && !f->why; i++) {
		const char *text = json_string_value(json_array_get(hashes, i));
		struct buf hash = {0};

		if (text)
			sigstore_decode(f, "hashes", text, SHA256_LEN, &hash);
		if (hash.len != SHA256_LEN)
			json_fields_fail(f, "hashes", "not a SHA-256");
		buf_put(ret, buf_bytes(&hash));
		buf_release(&hash);
	}
}

static void read_proof(struct json_fields *f, const json_t *proof, struct sigstore_entry *ret)
{
	const json_t *checkpoint = json_need_object(f, proof, "checkpoint");
	struct buf root = {0};

	ret->has_proof = true;
	ret->proof_index = (uint64_t)sigstore_int(f, proof, "logIndex");
	ret->tree_size = (uint64_t)sigstore_int(f, proof, "treeSize");
	sigstore_bytes(f, proof, "rootHash", SHA256_LEN, &root);
	if (root.len == SHA256_LEN)
		memcpy(ret->root, root.data, SHA256_LEN);
	else
		json_fields_fail(f, "rootHash", "not a SHA-256");
	buf_release(&root);
	read_hashes(f, proof, &ret->hashes);
	buf_put_str(&ret->checkpoint, json_need_str(f, checkpoint, "envelope", NOTE_MAX));
}

bool sigstore_entry_read(const json_t *object, struct sigstore_entry *ret, struct err *err)
{
	struct json_fields f = json_fields_of("entry");
	const json_t *kind = json_need_object(&f, object, "kindVersion");
	const json_t *id = sigstore_object(&f, object, "logId");
	const json_t *promise = sigstore_object(&f, object, "inclusionPromise");
	const json_t *proof = sigstore_object(&f, object, "inclusionProof");

	(void)snprintf(ret->kind, sizeof(ret->kind), "%s",
		json_need_str(&f, kind, "kind", sizeof(ret->kind) - 1));
	(void)snprintf(ret->version, sizeof(ret->version), "%s",
		json_need_str(&f, kind, "version", sizeof(ret->version) - 1));
	ret->log_index = sigstore_int(&f, object, "logIndex");
	ret->integrated_time = sigstore_int(&f, object, "integratedTime");
	sigstore_bytes(&f, object, "canonicalizedBody", SIGSTORE_BODY_MAX, &ret->body);
	if (ret->body.len == 0)
		json_fields_fail(&f, "canonicalizedBody", "missing");
	if (id)
		sigstore_bytes(&f, id, "keyId", LOG_ID_MAX, &ret->log_id);
	if (promise)
		sigstore_bytes(
			&f, promise, "signedEntryTimestamp", SIGSTORE_SIGNATURE_MAX, &ret->promise);
	if (proof)
		read_proof(&f, proof, ret);
	return sigstore_fields_ok(&f, err) && buf_ok(&ret->hashes, err) &&
	       buf_ok(&ret->checkpoint, err);
}

void sigstore_entry_release(struct sigstore_entry *entry)
{
	buf_release(&entry->log_id);
	buf_release(&entry->promise);
	buf_release(&entry->body);
	buf_release(&entry->hashes);
	buf_release(&entry->checkpoint);
}

static bool check_proof(
	const struct sigstore_entry *entry, const struct note_key *log, struct err *err)
{
	struct checkpoint checkpoint;
	struct bytes text;
	uint8_t leaf[SHA256_LEN];

	if (!entry->has_proof)
		return err_set(err, ERR_MISMATCH, "no inclusion proof");
	if (!note_open(buf_bytes(&entry->checkpoint), log, &text, err) ||
		!checkpoint_parse(text, &checkpoint, err))
		return false;
	if (checkpoint.size != entry->tree_size ||
		memcmp(checkpoint.root, entry->root, SHA256_LEN) != 0)
		return err_set(
			err, ERR_MISMATCH, "the proof is of another tree than the checkpoint");
	return tree_leaf_hash(buf_bytes(&entry->body), leaf, err) &&
	       tree_inclusion_check(entry->proof_index, checkpoint.size, leaf,
		       buf_bytes(&entry->hashes), checkpoint.root, err);
}

/* The signed entry timestamp is over canonical JSON of body, time, log and index. */
static bool check_promise(
	const struct sigstore_entry *entry, const struct note_key *log, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};

	buf_put_str(&text, "{\"body\":\"");
	buf_put_base64(&text, buf_bytes(&entry->body), false);
	buf_printf(&text, "\",\"integratedTime\":%lld,\"logID\":\"",
		(long long)entry->integrated_time);
	buf_put_hex(&text, buf_bytes(&entry->log_id));
	buf_printf(&text, "\",\"logIndex\":%lld}", (long long)entry->log_index);
	if (!buf_ok(&text, err))
		return false;
	return key_verify(log->key, key_default_scheme(log->key),
		       key_type_of(log->key) == KEY_ED25519 ? DIGEST_NONE : DIGEST_SHA256,
		       buf_bytes(&text), buf_bytes(&entry->promise), err) ||
	       err_wrap(err, "signed entry timestamp");
}

bool sigstore_entry_logged(const struct sigstore_entry *entry, const struct note_key *log,
	int64_t *ret_time, struct err *err)
{
	if (!check_proof(entry, log, err))
		return false;
	*ret_time = 0;
	if (entry->promise.len == 0)
		return true;
	if (!check_promise(entry, log, err))
		return false;
	*ret_time = entry->integrated_time;
	return true;
}

/* Where the kinds and versions of entries keep what is compared. */
static const struct form {
	const char *kind, *version;
	const char *spec; /* the member of "spec" that holds it; NULL: spec itself */
	const char *envelope; /* the member of that which holds the signatures; NULL: itself */
	const char *signature, *verifier; /* members of one signature */
	bool of_payload; /* the digest is the DSSE payload's; otherwise of the signed message */
	bool typed; /* Rekor v2: digests in base64, verifiers in DER */
	bool twice; /* signatures in base64 of base64 */
} forms[] = {
	{"dsse", "0.0.1", NULL, NULL, "signature", "verifier", .of_payload = true},
	{"hashedrekord", "0.0.1", NULL, NULL, "content", "content"},
	{"dsse", "0.0.2", "dsseV002", NULL, "content", "verifier", .of_payload = true,
		.typed = true},
	{"hashedrekord", "0.0.2", "hashedRekordV002", NULL, "content", "verifier", .typed = true},
	{"intoto", "0.0.2", "content", "envelope", "sig", "publicKey", .of_payload = true,
		.twice = true},
};

/* A comparison under way. What does not decode is not equal; want of memory is told apart. */
struct look {
	const struct form *form;
	const struct sigstore_claim *claim;
	struct err why;
};

static bool decode_member(
	struct look *look, const json_t *object, const char *key, size_t max, struct buf *ret)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text && base64_decode(bytes_str(text), false, max, ret, &look->why);
}

static bool digest_is(struct look *look, const json_t *hash, const uint8_t want[SHA256_LEN])
{
	bool typed = look->form->typed;
	const char *algorithm = json_string_value(json_object_get(hash, "algorithm"));
	const char *text = json_string_value(json_object_get(hash, "value"));
	OWNED(buf_release) struct buf decoded = {0};
	uint8_t found[SHA256_LEN];

	if (!algorithm || strcmp(algorithm, typed ? "SHA2_256" : "sha256") != 0)
		return false;
	if (typed)
		return decode_member(look, hash, "digest", SHA256_LEN, &decoded) &&
		       bytes_equal(buf_bytes(&decoded), bytes_of(want, SHA256_LEN));
	return text && hex_decode_exact(bytes_str(text), found, SHA256_LEN, NULL) &&
	       memcmp(found, want, SHA256_LEN) == 0;
}

static bool is_key(const struct key *key, const struct sigstore_claim *claim)
{
	for (size_t i = 0; i < claim->key_count; i++)
		if ((claim->mask >> i & 1) && key_equal(key, claim->keys[i]))
			return true;
	return false;
}

/* Rekor v1: PEM of a certificate or key. */
static bool pem_is_signer(struct look *look, struct bytes pem)
{
	const struct sigstore_claim *claim = look->claim;
	OWNED(cert_unref) struct cert *cert = NULL;
	OWNED(key_unref) struct key *key = NULL;

	if (claim->leaf)
		return cert_from_pem(pem, &cert, &look->why) &&
		       bytes_equal(cert_der(cert), cert_der(claim->leaf));
	return key_from_pem(pem, &key, &look->why) && is_key(key, claim);
}

/* Rekor v2: {"x509Certificate" or "publicKey": {"rawBytes"}}. */
static bool der_is_signer(struct look *look, const json_t *verifier)
{
	const struct sigstore_claim *claim = look->claim;
	const json_t *holder =
		json_object_get(verifier, claim->leaf ? "x509Certificate" : "publicKey");
	OWNED(buf_release) struct buf der = {0};
	OWNED(key_unref) struct key *key = NULL;

	if (!decode_member(look, holder, "rawBytes", X509_DER_MAX, &der))
		return false;
	if (claim->leaf)
		return bytes_equal(buf_bytes(&der), cert_der(claim->leaf));
	return key_from_spki(buf_bytes(&der), &key, &look->why) && is_key(key, claim);
}

static bool decode_signature(struct look *look, const json_t *object, struct buf *ret)
{
	const char *name = look->form->signature;
	OWNED(buf_release) struct buf once = {0};

	if (!look->form->twice)
		return decode_member(look, object, name, SIGSTORE_SIGNATURE_MAX, ret);
	return decode_member(look, object, name, 2 * SIGSTORE_SIGNATURE_MAX, &once) &&
	       base64_decode(buf_bytes(&once), false, SIGSTORE_SIGNATURE_MAX, ret, &look->why);
}

/* One signature of an entry: its bytes and who made it. */
static bool signature_is(struct look *look, const json_t *object)
{
	OWNED(buf_release) struct buf signature = {0};
	OWNED(buf_release) struct buf pem = {0};

	if (!decode_signature(look, object, &signature) ||
		!bytes_equal(buf_bytes(&signature), look->claim->signature))
		return false;
	if (look->form->typed)
		return der_is_signer(look, json_object_get(object, look->form->verifier));
	if (!look->form->of_payload) /* hashedrekord nests its one verifier */
		object = json_object_get(object, "publicKey");
	return decode_member(look, object, look->form->verifier, VERIFIER_MAX, &pem) &&
	       pem_is_signer(look, buf_bytes(&pem));
}

static bool any_signature_is(struct look *look, const json_t *spec)
{
	const struct form *form = look->form;
	const json_t *holder = form->envelope ? json_object_get(spec, form->envelope) : spec;
	const json_t *signatures = json_object_get(holder, "signatures");
	size_t n = json_array_size(signatures);

	if (!form->of_payload)
		return signature_is(look, json_object_get(spec, "signature"));
	for (size_t i = 0; i < n && n <= SIGNATURES_MAX && look->why.code != ERR_NOMEM; i++)
		if (signature_is(look, json_array_get(signatures, i)))
			return true;
	return false;
}

static const json_t *digest_holder(const json_t *spec, const struct form *form)
{
	const json_t *data = json_object_get(spec, "data");

	if (form->of_payload)
		return json_object_get(spec, "payloadHash");
	return form->typed ? data : json_object_get(data, "hash");
}

static const struct form *form_of(const struct sigstore_entry *entry)
{
	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		if (strcmp(entry->kind, forms[i].kind) == 0 &&
			strcmp(entry->version, forms[i].version) == 0)
			return &forms[i];
	return NULL;
}

static bool compare(struct look *look, const json_t *spec, struct err *err)
{
	const struct sigstore_claim *claim = look->claim;
	bool same_content = digest_is(look, digest_holder(spec, look->form),
		look->form->of_payload ? claim->payload : claim->message);
	bool same_signer = same_content && any_signature_is(look, spec);

	if (!same_signer && look->why.code == ERR_NOMEM)
		return err_set(err, ERR_NOMEM, "log entry: no memory");
	if (!same_content)
		return err_set(err, ERR_MISMATCH, "log entry: is about another artefact");
	return same_signer ||
	       err_set(err, ERR_MISMATCH, "log entry: is about another signature or signer");
}

bool sigstore_entry_about(
	const struct sigstore_entry *entry, const struct sigstore_claim *claim, struct err *err)
{
	OWNED(json_release) json_t *root = NULL;
	struct json_fields f = json_fields_of("log entry");
	struct look look = {.form = form_of(entry), .claim = claim};
	const json_t *spec;

	if (!look.form || (look.form->of_payload && !claim->is_dsse))
		return err_set(err, ERR_UNSUPPORTED,
			"log entry: %s %s is not understood for this content",
			ESC(bytes_str(entry->kind)), ESC(bytes_str(entry->version)));
	if (!json_open(buf_bytes(&entry->body), SIGSTORE_BODY_MAX, &root, err))
		return err_wrap(err, "log entry");
	/* The kind beside the entry is not proven, the one in it is. */
	if (strcmp(json_need_str(&f, root, "kind", 32), look.form->kind) != 0)
		json_fields_fail(&f, "kind", "differs from kindVersion");
	if (strcmp(json_need_str(&f, root, "apiVersion", 16), look.form->version) != 0)
		json_fields_fail(&f, "apiVersion", "differs from kindVersion");
	spec = json_need_object(&f, root, "spec");
	if (look.form->spec)
		spec = json_need_object(&f, spec, look.form->spec);
	return json_fields_ok(&f, err) && compare(&look, spec, err);
}
