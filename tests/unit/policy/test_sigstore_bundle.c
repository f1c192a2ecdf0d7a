/* SPDX-License-Identifier: Apache-2.0 */
/* Sigstore bundles and DSSE envelopes: read, and judged against what is pinned. */
#include "policy/sigstore_bundle.h"

#include "base/json.h"
#include "base/text.h"
#include "predicate_texts.h"
#include "tests/support/sigstore_make.h"
#include "tests/support/unit.h"

#define CONTENT BYTES_LIT("the file that was signed")

static struct sigstore_maker maker;
static struct cert *leaf, *other_leaf;
static struct key *other_key;

static struct buf text, edited;
static struct sigstore_bundle *bundle;
static struct sigstore_verdict verdict;
static struct sigstore_recipe recipe;
static struct sigstore_trust trust;
static struct cert *odd_leaf;
static uint8_t file[SHA256_LEN];
static struct err err;

static int group_setup(void **state)
{
	(void)state;
	return sigstore_maker_start(&maker, &err) &&
			       sigstore_make_leaf(&maker, sigstore_leaf_extensions, &leaf, &err) &&
			       sigstore_make_leaf(
				       &maker, sigstore_leaf_extensions, &other_leaf, &err) &&
			       key_generate(KEY_EC_P256, &other_key, &err)
		       ? 0
		       : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	cert_unref(&leaf);
	cert_unref(&other_leaf);
	key_unref(&other_key);
	sigstore_maker_release(&maker);
	return 0;
}

/* A certificate, a statement and a log: what each test spoils. */
static int setup(void **state)
{
	(void)state;
	recipe = (struct sigstore_recipe){.leaf = leaf, .statement = PROVENANCE_TEXT};
	trust = (struct sigstore_trust){.keys = &maker.signer_key,
		.key_count = 1,
		.roots = &maker.root,
		.root_count = 1,
		.identity = SIGSTORE_NAME,
		.issuer = SIGSTORE_ISSUER,
		.log = &maker.log,
		.now = SIGSTORE_NOW};
	return sha256_of(CONTENT, file, &err) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&text);
	buf_release(&edited);
	sigstore_bundle_free(&bundle);
	cert_unref(&odd_leaf);
	return 0;
}

static void make(void)
{
	buf_clear(&text);
	assert_ok(sigstore_make(&maker, &recipe, &text, &err), err);
}

static void judge(void)
{
	sigstore_bundle_free(&bundle);
	assert_ok(sigstore_bundle_parse(buf_bytes(&text), &bundle, &err), err);
	assert_ok(sigstore_verify(bundle, &trust, &verdict, &err), err);
}

static void accepted(void)
{
	make();
	judge();
	assert_string_equal(verdict.reason, "");
	assert_true(verdict.verified);
}

static void assert_refused(const char *why)
{
	assert_string_equal(verdict.reason, why);
	assert_false(verdict.verified);
	assert_false(verdict.logged);
	assert_int_equal(verdict.keys, 0);
	assert_string_equal(verdict.identity, "");
}

static void refused(const char *why)
{
	make();
	judge();
	assert_refused(why);
}

static struct bytes edit(const char *from, const char *to)
{
	const char *whole = buf_str(&text), *at = strstr(whole, from);

	assert_non_null(at);
	buf_clear(&edited);
	buf_printf(&edited, "%.*s%s%s", (int)(at - whole), whole, to, at + strlen(from));
	return buf_bytes(&edited);
}

static void parse_edited(const char *from, const char *to)
{
	sigstore_bundle_free(&bundle);
	assert_ok(sigstore_bundle_parse(edit(from, to), &bundle, &err), err);
}

static void judge_edited(const char *from, const char *to)
{
	parse_edited(from, to);
	assert_ok(sigstore_verify(bundle, &trust, &verdict, &err), err);
}

static void unread(const char *from, const char *to, enum err_code code, const char *why)
{
	assert_fails(sigstore_bundle_parse(edit(from, to), &bundle, &err), err, code, why);
	assert_null(bundle);
}

/* The good leaf with one extension replaced (or left out: value NULL). */
static void odd(const char *name, const char *value)
{
	const char *extensions[8][2] = {{0}};
	size_t n = 0;

	for (size_t i = 0; sigstore_leaf_extensions[i][0]; i++) {
		const char *this = sigstore_leaf_extensions[i][0];
		bool replaced = strcmp(this, name) == 0;

		if (replaced && !value)
			continue;
		extensions[n][0] = this;
		extensions[n++][1] = replaced ? value : sigstore_leaf_extensions[i][1];
	}
	cert_unref(&odd_leaf);
	assert_ok(sigstore_make_leaf(&maker, (const char *const(*)[2])extensions, &odd_leaf, &err),
		err);
	recipe.leaf = odd_leaf;
}

/* ---- accepted ---- */

static void certificate__logged_in_its_validity__verified(void **state)
{
	(void)state;
	accepted();
	assert_string_equal(verdict.identity, SIGSTORE_NAME);
	assert_string_equal(verdict.issuer, SIGSTORE_ISSUER);
	assert_true(verdict.logged);
	assert_int_equal(verdict.log_index, 1);
	assert_int_equal(verdict.logged_at, SIGSTORE_LOGGED);
	assert_int_equal(verdict.keys, 0);
	assert_int_equal(bundle->material, SIGSTORE_CERTIFICATE);
	assert_bytes(buf_bytes(&bundle->dsse->payload), bytes_str(PROVENANCE_TEXT));
}

static void key__without_a_log__verified(void **state)
{
	(void)state;
	recipe.leaf = NULL;
	recipe.no_entry = true;
	trust.log = NULL;
	accepted();
	assert_int_equal(verdict.keys, 1);
	assert_false(verdict.logged);
	assert_string_equal(bundle->hint, "a hint");
}

static void entries__of_every_form__verified(void **state)
{
	static const char *const forms[][2] = {{"dsse", "0.0.1"}, {"dsse", "0.0.2"},
		{"hashedrekord", "0.0.1"}, {"hashedrekord", "0.0.2"}, {"intoto", "0.0.2"}};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(forms); i++) {
		recipe.leaf = i % 2 ? leaf : NULL;
		recipe.kind = forms[i / 2][0];
		recipe.version = forms[i / 2][1];
		accepted();
		assert_true(verdict.logged);
	}
}

static void message__over_the_file_given__verified(void **state)
{
	(void)state;
	recipe.statement = NULL;
	recipe.content = CONTENT;
	trust.artefact = file;
	accepted();
	recipe.version = "0.0.2";
	recipe.leaf = NULL;
	accepted();
	assert_int_equal(verdict.keys, 1);
}

static void key__logged_without_a_time__verified(void **state)
{
	(void)state;
	recipe.leaf = NULL;
	recipe.no_promise = true;
	accepted();
	assert_true(verdict.logged);
	assert_int_equal(verdict.logged_at, 0);
}

static void certificate__valid_now_and_no_log_pinned__verified(void **state)
{
	(void)state;
	trust.log = NULL;
	trust.now = SIGSTORE_LEAF_END - 1;
	accepted();
	trust.now = SIGSTORE_LEAF_END + 1;
	refused("certificate: expired: certificate 0 (CN=signer): certificate has expired");
	trust.now = SIGSTORE_LEAF_BEGIN - 1;
	refused("certificate: not-yet-valid: certificate 0 (CN=signer): certificate is not yet "
		"valid");
}

static void certificate__as_a_chain__verified(void **state)
{
	json_t *root = NULL, *material, *chain;

	(void)state;
	make();
	assert_ok(json_open(buf_bytes(&text), 1u << 22, &root, &err), err);
	material = json_object_get(root, "verificationMaterial");
	chain = json_pack("{s:[O]}", "certificates", json_object_get(material, "certificate"));
	assert_int_equal(json_object_del(material, "certificate"), 0);
	assert_int_equal(json_object_set_new(material, "x509CertificateChain", chain), 0);
	buf_clear(&text);
	assert_ok(json_write(root, false, &text, &err), err);
	json_decref(root);
	judge();
	assert_string_equal(verdict.reason, "");
	assert_string_equal(verdict.identity, SIGSTORE_NAME);
}

static void envelope__with_a_chain_beside_it__verified(void **state)
{
	(void)state;
	trust.log = NULL;
	trust.now = SIGSTORE_LOGGED;
	assert_ok(sigstore_make_envelope(&maker, PROVENANCE_TEXT, &text, &err), err);
	assert_ok(sigstore_bundle_of_dsse(buf_bytes(&text), &leaf, 1, &bundle, &err), err);
	assert_ok(sigstore_verify(bundle, &trust, &verdict, &err), err);
	assert_true(verdict.verified);
	assert_string_equal(verdict.identity, SIGSTORE_NAME);
	sigstore_bundle_free(&bundle);
	assert_ok(sigstore_bundle_of_dsse(buf_bytes(&text), NULL, 0, &bundle, &err), err);
	assert_ok(sigstore_verify(bundle, &trust, &verdict, &err), err);
	assert_true(verdict.verified);
	assert_int_equal(verdict.keys, 1);
}

/* ---- signer ---- */

static void key__not_trusted__refused(void **state)
{
	(void)state;
	recipe.leaf = NULL;
	trust.keys = &other_key;
	refused("no signature verifies with a key that is trusted");
	trust.key_count = 0;
	refused("no signature verifies with a key that is trusted");
}

/* The certificate names the signer; a trusted key that also fits would be another's statement. */
static void certificate__without_roots__refused_whatever_the_keys(void **state)
{
	(void)state;
	trust.root_count = 0;
	refused("certificate: incomplete-chain: certificate 0 (CN=signer): unable to get local "
		"issuer certificate");
}

static void certificate__of_another_identity__refused(void **state)
{
	(void)state;
	trust.identity = SIGSTORE_NAME "0";
	refused("identity \"" SIGSTORE_NAME "\" is not the one pinned");
	trust.identity = NULL;
	refused("identity \"" SIGSTORE_NAME "\" is not the one pinned");
}

static void certificate__of_another_issuer__refused(void **state)
{
	(void)state;
	trust.issuer = SIGSTORE_ISSUER "0";
	refused("identity issuer \"" SIGSTORE_ISSUER "\" is not the one pinned");
	trust.issuer = NULL;
	refused("identity issuer \"" SIGSTORE_ISSUER "\" is not the one pinned");
	trust.issuer = SIGSTORE_ISSUER;
	odd("1.3.6.1.4.1.57264.1.8", NULL);
	refused("certificate: says no identity issuer");
	trust.issuer = NULL;
	accepted();
	odd("1.3.6.1.4.1.57264.1.8", "ASN1:INTEGER:7");
	refused("certificate: identity issuer: not a text");
}

static void certificate__with_other_names__refused(void **state)
{
	(void)state;
	odd("subjectAltName", "critical,URI:" SIGSTORE_NAME ",URI:https://other.example");
	refused("certificate: not exactly one name");
	odd("subjectAltName", NULL);
	refused("certificate: not exactly one name");
	odd("subjectAltName", "IP:127.0.0.1");
	refused("certificate: not exactly one name");
	odd("subjectAltName", "email:dev@ci.example");
	trust.identity = "dev@ci.example";
	accepted();
	odd("subjectAltName", "DNS:ci.example");
	trust.identity = "ci.example";
	accepted();
}

static void certificate__not_for_signing_code__refused(void **state)
{
	(void)state;
	odd("extendedKeyUsage", "clientAuth");
	refused("certificate: is not for code signing");
	odd("extendedKeyUsage", NULL);
	accepted();
	odd("keyUsage", "critical,keyEncipherment");
	refused("certificate: its key is not for signatures");
	odd("basicConstraints", "critical,CA:TRUE");
	refused("certificate: is a CA's");
}

static void signature__by_another_key_than_the_certificates__refused(void **state)
{
	struct key *signer = maker.signer_key;

	(void)state;
	recipe.no_entry = true;
	maker.signer_key = other_key;
	refused("no signature verifies with the certificate's key");
	maker.signer_key = signer;
}

/* ---- content ---- */

static void P1__payload_of_another_type__refused(void **state)
{
	(void)state;
	recipe.payload_type = "application/vnd.assay.evidence+cbor";
	refused("payload type \"application/vnd.assay.evidence+cbor\" is not in-toto");
	recipe.payload_type = NULL;
	make();
	judge_edited("application/vnd.in-toto+json", "application/vnd.in-toto.x+json");
	assert_refused("no signature verifies with the certificate's key");
}

static void P15__message_over_another_file__refused(void **state)
{
	(void)state;
	recipe.statement = NULL;
	recipe.content = CONTENT;
	refused("a file is signed, and none was given");
	file[31] ^= 1;
	trust.artefact = file;
	refused("another file was signed");
}

/* The bundle's own digest is changed along with the file: the signature must notice. */
static void P15__message_digest_changed_with_the_file__refused(void **state)
{
	(void)state;
	recipe.statement = NULL;
	recipe.content = CONTENT;
	make();
	assert_ok(sigstore_bundle_parse(buf_bytes(&text), &bundle, &err), err);
	bundle->message_digest[0] ^= 1;
	file[0] ^= 1;
	trust.artefact = file;
	assert_ok(sigstore_verify(bundle, &trust, &verdict, &err), err);
	assert_refused("no signature verifies with the certificate's key");
}

/* Only where logs of certificates are pinned. */
static void certificate__not_seen_by_a_pinned_ct_log__refused(void **state)
{
	const struct sigstore_sct sct = {.log = other_key};

	(void)state;
	trust.ct_logs = &other_key;
	trust.ct_log_count = 1;
	refused("certificate: certificate timestamps: there are none");
	assert_ok(sigstore_add_scts(&maker, leaf, &sct, 1, &odd_leaf, &err), err);
	recipe.leaf = odd_leaf;
	accepted();
	trust.ct_logs = &maker.log_key;
	refused("certificate: certificate timestamps: none by a log that is pinned");
	trust.ct_log_count = 0;
	accepted();
}

/* There is no issuer that a log could have named. */
static void certificate__that_is_its_own_issuer__refused_by_ct(void **state)
{
	struct sigstore_maker own = maker;

	(void)state;
	own.signer_key = maker.root_key;
	recipe.leaf = maker.root;
	trust.ct_logs = &other_key;
	trust.ct_log_count = 1;
	buf_clear(&text);
	assert_ok(sigstore_make(&own, &recipe, &text, &err), err);
	judge();
	assert_refused("certificate: is its own issuer");
	trust.ct_log_count = 0;
	judge();
	assert_refused("certificate: is a CA's");
}

/* ---- log ---- */

static void P15__entry_about_another_statement__refused(void **state)
{
	(void)state;
	recipe.logged_statement = VSA_TEXT;
	refused("log log.example: log entry: is about another artefact");
	recipe.version = "0.0.2";
	refused("log log.example: log entry: is about another artefact");
	recipe.kind = "hashedrekord";
	refused("log log.example: log entry: is about another artefact");
	recipe.kind = "intoto";
	refused("log log.example: log entry: is about another artefact");
}

static void P15__entry_about_another_signature_or_signer__refused(void **state)
{
	static const char *const versions[] = {"0.0.1", "0.0.2", "0.0.2"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		recipe.version = versions[i];
		recipe.kind = i == 2 ? "intoto" : NULL;
		recipe.other_signature = true;
		refused("log log.example: log entry: is about another signature or signer");
		recipe.other_signature = false;
		recipe.logged_leaf = other_leaf;
		refused("log log.example: log entry: is about another signature or signer");
		recipe.leaf = NULL;
		refused("log log.example: log entry: is about another signature or signer");
		recipe.leaf = leaf;
		recipe.logged_leaf = NULL;
	}
}

/* Both keys are trusted, but it was not the other one that signed. */
static void P15__entry_about_another_trusted_key__refused(void **state)
{
	struct key *const keys[] = {maker.signer_key, other_key};
	static const char *const versions[] = {"0.0.1", "0.0.2"};

	(void)state;
	recipe.leaf = NULL;
	trust.keys = keys;
	trust.key_count = 2;
	recipe.logged_key = other_key;
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		recipe.version = versions[i];
		refused("log log.example: log entry: is about another signature or signer");
	}
}

static void P11__entry_with_a_digest_of_another_algorithm__refused(void **state)
{
	static const char *const cases[][2] = {
		{"0.0.1", "sha512"}, {"0.0.1", "SHA2_256"}, {"0.0.2", "sha256"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		recipe.version = cases[i][0];
		recipe.algorithm = cases[i][1];
		refused("log log.example: log entry: is about another artefact");
	}
}

static void trust__beyond_the_limits__an_error(void **state)
{
	struct cert *certs[SIGSTORE_KEYS_MAX + 1];
	struct key *keys[SIGSTORE_KEYS_MAX + 1];

	(void)state;
	make();
	assert_ok(sigstore_bundle_parse(buf_bytes(&text), &bundle, &err), err);
	for (size_t i = 0; i < ARRAY_LEN(certs); i++) {
		certs[i] = maker.root;
		keys[i] = other_key;
	}
	trust.intermediates = certs;
	trust.intermediate_count = ARRAY_LEN(certs);
	assert_fails(sigstore_verify(bundle, &trust, &verdict, &err), err, ERR_USAGE,
		"Sigstore bundle: more than 64 intermediates");
	assert_false(verdict.verified);
	recipe.leaf = NULL;
	make();
	sigstore_bundle_free(&bundle);
	assert_ok(sigstore_bundle_parse(buf_bytes(&text), &bundle, &err), err);
	trust.keys = keys;
	trust.key_count = ARRAY_LEN(keys);
	assert_fails(sigstore_verify(bundle, &trust, &verdict, &err), err, ERR_USAGE,
		"Sigstore bundle: 65 keys, at most 64");
}

static void log__without_entry_or_proof__refused(void **state)
{
	(void)state;
	recipe.no_entry = true;
	refused("log log.example: no entry of it");
	recipe.no_entry = false;
	recipe.no_proof = true;
	refused("log log.example: no inclusion proof");
	recipe.leaf = NULL;
	refused("log log.example: no inclusion proof");
}

static void log__of_another_key__refused(void **state)
{
	(void)state;
	recipe.log_signer = other_key;
	refused("log log.example: note: signature by log.example: signature: does not verify with "
		"this ECDSA P-256 key");
}

static void log__proof_of_another_place_or_tree__refused(void **state)
{
	(void)state;
	recipe.proof_index = 2;
	refused("log log.example: proof: longer than the tree is high");
	recipe.proof_index = 3;
	refused("log log.example: proof: leaf 3 is outside a tree of 3");
	recipe.proof_index = 0;
	recipe.root_flip = 1;
	refused("log log.example: the proof is of another tree than the checkpoint");
	recipe.root_flip = 0;
	make();
	judge_edited("\"treeSize\":\"3\"", "\"treeSize\":\"4\"");
	assert_refused("log log.example: the proof is of another tree than the checkpoint");
}

/* An inclusion proof says nothing of time. */
static void log__time_not_signed__certificate_refused(void **state)
{
	(void)state;
	recipe.no_promise = true;
	refused("the log signed no time at which to judge the certificate");
	recipe.no_promise = false;
	recipe.promised = SIGSTORE_LOGGED + 1;
	refused("log log.example: signed entry timestamp: signature: does not verify with this "
		"ECDSA P-256 key");
}

static void log__time_outside_the_certificates_validity__refused(void **state)
{
	(void)state;
	recipe.integrated = SIGSTORE_LEAF_END + 1;
	refused("certificate: expired: certificate 0 (CN=signer): certificate has expired");
	recipe.integrated = SIGSTORE_LEAF_BEGIN - 1;
	refused("certificate: not-yet-valid: certificate 0 (CN=signer): certificate is not yet "
		"valid");
	recipe.integrated = SIGSTORE_NOW + SIGSTORE_SKEW + 1;
	refused("log log.example: the log's time lies in the future");
}

static void entry__of_a_form_not_understood__refused(void **state)
{
	(void)state;
	recipe.kind = "intoto";
	recipe.version = "0.0.1";
	refused("log log.example: log entry: intoto 0.0.1 is not understood for this content");
	recipe.version = "0.0.2";
	recipe.statement = NULL;
	recipe.content = CONTENT;
	recipe.kind = NULL;
	trust.artefact = file;
	make();
	judge_edited("hashedrekord", "dsse");
	assert_refused("log log.example: log entry: dsse 0.0.2 is not understood for this content");
}

/* The kind beside the body is nobody's statement. */
static void entry__of_another_kind_than_it_says__refused(void **state)
{
	(void)state;
	make();
	judge_edited("\"kind\":\"dsse\"", "\"kind\":\"hashedrekord\"");
	assert_refused("log log.example: log entry: kind: differs from kindVersion");
	judge_edited("\"version\":\"0.0.1\"", "\"version\":\"0.0.2\"");
	assert_refused("log log.example: log entry: apiVersion: differs from kindVersion");
}

/* Another's entry beside the good one takes nothing from it, wherever it stands. */
static void entries__one_of_several_holds__verified(void **state)
{
	json_t *root = NULL, *bad = NULL, *entries, *others;

	(void)state;
	make();
	assert_ok(json_open(buf_bytes(&text), 1u << 22, &root, &err), err);
	recipe.logged_statement = VSA_TEXT;
	make();
	assert_ok(json_open(buf_bytes(&text), 1u << 22, &bad, &err), err);
	entries = json_object_get(json_object_get(root, "verificationMaterial"), "tlogEntries");
	others = json_object_get(json_object_get(bad, "verificationMaterial"), "tlogEntries");
	assert_int_equal(json_array_insert(entries, 0, json_array_get(others, 0)), 0);
	assert_int_equal(json_array_append(entries, json_array_get(others, 0)), 0);
	/* The signature of the first bundle stays: its entry is in the middle. */
	buf_clear(&text);
	assert_ok(json_write(root, false, &text, &err), err);
	json_decref(root);
	json_decref(bad);
	judge();
	assert_string_equal(verdict.reason, "");
	assert_true(verdict.logged);
}

/* ---- reading ---- */

static void media_type__of_each_version__verified(void **state)
{
	static const char *const types[] = {
		"bundle+json;version=0.1", "bundle+json;version=0.2", "bundle+json;version=0.3"};

	(void)state;
	make();
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		judge_edited("bundle.v0.3+json", types[i]);
		assert_string_equal(verdict.reason, "");
		assert_true(verdict.verified);
	}
}

static void P15__older_bundle_without_a_proof__refused(void **state)
{
	(void)state;
	recipe.no_proof = true;
	make();
	judge_edited("bundle.v0.3+json", "bundle+json;version=0.2");
	assert_refused("log log.example: no inclusion proof");
}

static void P3__bundle_that_does_not_parse__refused(void **state)
{
	static const struct {
		const char *from, *to;
		enum err_code code;
		const char *why;
	} cases[] = {
		{"bundle.v0.3", "bundle.v0.4", ERR_UNSUPPORTED,
			"Sigstore bundle: mediaType "
			"\"application/vnd.dev.sigstore.bundle.v0.4+json\" is not v0.1 to v0.3"},
		{"\"mediaType\"", "\"type\"", ERR_FORMAT, "Sigstore bundle: mediaType: missing"},
		{"\"certificate\"", "\"cert\"", ERR_FORMAT,
			"Sigstore bundle: verificationMaterial: not exactly one kind"},
		{"\"certificate\":", "\"publicKey\":{},\"certificate\":", ERR_FORMAT,
			"Sigstore bundle: verificationMaterial: not exactly one kind"},
		{"\"certificate\":", "\"certificate\":1,\"x\":", ERR_FORMAT,
			"Sigstore bundle: certificate: expected an object"},
		{"\"rawBytes\":\"", "\"rawBytes\":\"!", ERR_FORMAT,
			"Sigstore bundle: certificate: rawBytes: expected base64"},
		{"\"certificate\":", "\"x509CertificateChain\":{\"certificates\":[]},\"x\":",
			ERR_FORMAT, "Sigstore bundle: x509CertificateChain: certificates: empty"},
		{"\"dsseEnvelope\"", "\"envelope\"", ERR_FORMAT,
			"Sigstore bundle: content: not exactly one of envelope and message"},
		{"\"dsseEnvelope\"", "\"messageSignature\":{},\"dsseEnvelope\"", ERR_FORMAT,
			"Sigstore bundle: content: not exactly one of envelope and message"},
		{"\"signatures\":[", "\"signatures\":[{\"sig\":\"AAAA\"},", ERR_FORMAT,
			"Sigstore bundle: 2 signatures, not one"},
		{"\"logIndex\":\"41\"", "\"logIndex\":\"-1\"", ERR_FORMAT,
			"Sigstore bundle: tlogEntries 0: entry: logIndex: expected digits"},
		{"\"logIndex\":\"41\"", "\"logIndex\":\"9223372036854775808\"", ERR_FORMAT,
			"Sigstore bundle: tlogEntries 0: entry: logIndex: out of range"},
		{"\"canonicalizedBody\"", "\"body\"", ERR_FORMAT,
			"Sigstore bundle: tlogEntries 0: entry: canonicalizedBody: missing"},
		{"\"hashes\":[", "\"hashes\":[\"AAAA\",", ERR_FORMAT,
			"Sigstore bundle: tlogEntries 0: entry: hashes: not a SHA-256"},
		{"\"rootHash\":\"", "\"rootHash\":\"AAAA\",\"x\":\"", ERR_FORMAT,
			"Sigstore bundle: tlogEntries 0: entry: rootHash: not a SHA-256"},
		{"\"checkpoint\":", "\"c\":", ERR_FORMAT,
			"Sigstore bundle: tlogEntries 0: entry: checkpoint: missing"},
		{"\"kindVersion\":", "\"k\":", ERR_FORMAT,
			"Sigstore bundle: tlogEntries 0: entry: kindVersion: missing"},
	};

	(void)state;
	make();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		unread(cases[i].from, cases[i].to, cases[i].code, cases[i].why);
}

static void P3__message_that_does_not_parse__refused(void **state)
{
	(void)state;
	recipe.statement = NULL;
	recipe.content = CONTENT;
	recipe.no_entry = true;
	make();
	unread("SHA2_256", "SHA2_384", ERR_FORMAT,
		"Sigstore bundle: messageSignature: algorithm: not SHA2_256");
	unread("\"digest\":\"", "\"digest\":\"AAAA\",\"x\":\"", ERR_FORMAT,
		"Sigstore bundle: messageSignature: digest: not a SHA-256");
	unread("\"signature\":\"", "\"x\":\"", ERR_FORMAT,
		"Sigstore bundle: messageSignature: signature: missing");
}

static void P4__duplicate_members__refused(void **state)
{
	(void)state;
	make();
	assert_false(sigstore_bundle_parse(
		edit("\"dsseEnvelope\":", "\"dsseEnvelope\":{},\"dsseEnvelope\":"), &bundle, &err));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_non_null(strstr(err.text, "duplicate object key"));
}

static void P13__more_entries_or_certificates_than_the_limit__refused(void **state)
{
	struct buf many = {0};

	(void)state;
	make();
	buf_put_str(&many, "\"tlogEntries\":[");
	for (size_t i = 0; i < SIGSTORE_ENTRIES_MAX; i++)
		buf_put_str(&many, "{},");
	unread("\"tlogEntries\":[", buf_str(&many), ERR_FORMAT,
		"Sigstore bundle: tlogEntries: too many items");
	buf_clear(&many);
	buf_put_str(&many, "\"x509CertificateChain\":{\"certificates\":[{}");
	for (size_t i = 0; i < X509_CHAIN_MAX; i++)
		buf_put_str(&many, ",{}");
	buf_put_str(&many, "]},\"x\":");
	unread("\"certificate\":", buf_str(&many), ERR_FORMAT,
		"Sigstore bundle: x509CertificateChain: certificates: too many items");
	buf_clear(&many);
	buf_put_str(&many, "\"timestampVerificationData\":{\"rfc3161Timestamps\":[{}");
	for (size_t i = 0; i < SIGSTORE_STAMPS_MAX; i++)
		buf_put_str(&many, ",{}");
	buf_put_str(&many, "]},\"certificate\":");
	unread("\"certificate\":", buf_str(&many), ERR_FORMAT,
		"Sigstore bundle: timestampVerificationData: rfc3161Timestamps: too many items");
	buf_release(&many);
}

static void numbers__left_out_or_as_numbers__read(void **state)
{
	(void)state;
	make();
	parse_edited("\"logIndex\":\"41\"", "\"x\":0");
	assert_int_equal(bundle->entries[0].log_index, 0);
	parse_edited("\"logIndex\":\"41\"", "\"logIndex\":41");
	assert_int_equal(bundle->entries[0].log_index, 41);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(certificate__logged_in_its_validity__verified),
		TEST(key__without_a_log__verified),
		TEST(entries__of_every_form__verified),
		TEST(message__over_the_file_given__verified),
		TEST(key__logged_without_a_time__verified),
		TEST(certificate__valid_now_and_no_log_pinned__verified),
		TEST(certificate__as_a_chain__verified),
		TEST(envelope__with_a_chain_beside_it__verified),
		TEST(key__not_trusted__refused),
		TEST(certificate__without_roots__refused_whatever_the_keys),
		TEST(certificate__of_another_identity__refused),
		TEST(certificate__of_another_issuer__refused),
		TEST(certificate__with_other_names__refused),
		TEST(certificate__not_for_signing_code__refused),
		TEST(signature__by_another_key_than_the_certificates__refused),
		TEST(P1__payload_of_another_type__refused),
		TEST(P15__message_over_another_file__refused),
		TEST(P15__message_digest_changed_with_the_file__refused),
		TEST(certificate__not_seen_by_a_pinned_ct_log__refused),
		TEST(certificate__that_is_its_own_issuer__refused_by_ct),
		TEST(P15__entry_about_another_statement__refused),
		TEST(P15__entry_about_another_signature_or_signer__refused),
		TEST(P15__entry_about_another_trusted_key__refused),
		TEST(P11__entry_with_a_digest_of_another_algorithm__refused),
		TEST(trust__beyond_the_limits__an_error),
		TEST(log__without_entry_or_proof__refused),
		TEST(log__of_another_key__refused),
		TEST(log__proof_of_another_place_or_tree__refused),
		TEST(log__time_not_signed__certificate_refused),
		TEST(log__time_outside_the_certificates_validity__refused),
		TEST(entries__one_of_several_holds__verified),
		TEST(entry__of_a_form_not_understood__refused),
		TEST(entry__of_another_kind_than_it_says__refused),
		TEST(media_type__of_each_version__verified),
		TEST(P15__older_bundle_without_a_proof__refused),
		TEST(P3__bundle_that_does_not_parse__refused),
		TEST(P3__message_that_does_not_parse__refused),
		TEST(P4__duplicate_members__refused),
		TEST(P13__more_entries_or_certificates_than_the_limit__refused),
		TEST(numbers__left_out_or_as_numbers__read),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
