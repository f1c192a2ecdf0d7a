/* SPDX-License-Identifier: Apache-2.0 */
/* Statements by certificate and in Sigstore bundles beside a release, judged as the gate and every
 * launch judge them. */
#include "identity_texts.h"

#include "policy/checklist.h"
#include "policy/statement_signers.h"
#include "policy/withdrawal.h"
#include "tests/support/timestamp_make.h"

#define REPOSITORY "    source_repository: \"https://git.example/acme/agent\"\n"
#define OID        "1.3.6.1.4.1.57264.1."
#define NAMED      "    identity: \"" SIGSTORE_NAME "\"\n    issuer: \"" SIGSTORE_ISSUER "\"\n"
#define PLAIN      "    kinds: [provenance]\n" NAMED
#define OPTIONAL   PLAIN "    log: optional\n"
#define BUILD      "      - {kind: provenance, name: build}\n"
#define UNLOGGED   "no entry of a transparency log: nothing proves when the certificate signed"
#define LONG_END   INT64_C(1850000000)

static struct scene_keys keys;
static struct sigstore_maker maker;
static struct cert *leaf, *odd_leaf, *authority, *stranger;
static struct scene *s;
static struct buf top, statement, envelope;
static struct bytes view, beside;
static struct sigstore_recipe recipe;
static struct checklist list;

static bool make_authority(struct key *key, struct cert **ret, struct err *err)
{
	const struct sigstore_cert_recipe recipe_of = {.name = "authority",
		.key = key,
		.issuer_key = key,
		.extensions = timestamp_extensions,
		.begin = SIGSTORE_CA_BEGIN,
		.end = SIGSTORE_CA_END};

	return sigstore_make_cert(&recipe_of, ret, err);
}

static int group_setup(void **state)
{
	struct err err = {0};

	(void)state;
	scene_keys_make(&keys);
	return make_authority(keys.alice, &authority, &err) &&
			       make_authority(keys.bob, &stranger, &err) &&
			       sigstore_maker_start(&maker, &err) &&
			       sigstore_make_leaf(&maker, sigstore_leaf_extensions, &leaf, &err)
		       ? 0
		       : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	cert_unref(&leaf);
	cert_unref(&authority);
	cert_unref(&stranger);
	sigstore_maker_release(&maker);
	scene_keys_free(&keys);
	return 0;
}

static void say_of(const uint8_t digest[SHA256_LEN])
{
	char hex[2 * SHA256_LEN + 1];

	hex_encode(bytes_of(digest, SHA256_LEN), hex);
	buf_clear(&statement);
	buf_printf(&statement,
		"{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"digest\":{"
		"\"sha256\":\"%s\"}}],\"predicateType\":\"https://slsa.dev/provenance/v1\","
		"\"predicate\":{\"buildDefinition\":{\"buildType\":\"t\","
		"\"externalParameters\":{}},\"runDetails\":{\"builder\":{\"id\":\"b\"}}}}",
		hex);
	recipe = (struct sigstore_recipe){.leaf = leaf, .statement = buf_str(&statement)};
}

static int setup(void **state)
{
	(void)state;
	s = scene_new(&keys);
	say_of(s->components[0].digest);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	beside = (struct bytes){0};
	buf_release(&top);
	buf_release(&statement);
	buf_release(&envelope);
	cert_unref(&odd_leaf);
	scene_free(s);
	return 0;
}

static void identity(const char *lines)
{
	buf_clear(&top);
	identity_put_log(&top, &maker);
	buf_put_str(&top, "statement_identities:\n");
	identity_put(&top, &maker, "workflow", lines);
}

static void bundle(void)
{
	buf_clear(&envelope);
	assert_ok(sigstore_make(&maker, &recipe, &envelope, &s->err), s->err);
}

/* The envelope alone, with the signer's certificate in its signature, as older builders write. */
static void envelope_with(const struct cert *cert)
{
	struct buf pem = {0}, bare = {0};
	json_t *root = NULL, *signature;

	assert_ok(cert_pem(cert, &pem, &s->err), s->err);
	assert_ok(sigstore_make_envelope(&maker, buf_str(&statement), &bare, &s->err), s->err);
	assert_ok(json_open(buf_bytes(&bare), JSON_INPUT_MAX, &root, &s->err), s->err);
	signature = json_array_get(json_object_get(root, "signatures"), 0);
	json_object_set_new(signature, "cert", json_string(buf_str(&pem)));
	buf_clear(&envelope);
	assert_ok(json_write(root, false, &envelope, &s->err), s->err);
	json_decref(root);
	buf_release(&bare);
	buf_release(&pem);
}

/* A leaf of other extensions or a longer life. */
static void leaf_of(const char *name, const char *value, int64_t end)
{
	const char *extensions[8][2] = {{0}};
	struct sigstore_cert_recipe r = {.name = "signer",
		.key = maker.signer_key,
		.issuer = maker.root,
		.issuer_key = maker.root_key,
		.begin = SIGSTORE_LEAF_BEGIN,
		.end = end};
	size_t n = 0;

	for (size_t i = 0; sigstore_leaf_extensions[i][0]; i++) {
		bool replaced = name && strcmp(sigstore_leaf_extensions[i][0], name) == 0;

		if (replaced && !value)
			continue;
		extensions[n][0] = sigstore_leaf_extensions[i][0];
		extensions[n++][1] = replaced ? value : sigstore_leaf_extensions[i][1];
	}
	r.extensions = (const char *const(*)[2])extensions;
	cert_unref(&odd_leaf);
	assert_ok(sigstore_make_cert(&r, &odd_leaf, &s->err), s->err);
	recipe.leaf = odd_leaf;
}

static void judge_at(int64_t now)
{
	OWNED(release_free) struct release *release = NULL;
	struct bytes views[] = {view = buf_bytes(&envelope), beside};
	struct release_input input = {.envelope = s->context.release,
		.statements = views,
		.statement_count = beside.len > 0 ? 2 : 1,
		.environment = bytes_str("prod")};

	memset(s->verdict, 0, sizeof(*s->verdict));
	assert_ok(release_checklist(&input, s->policy, now, &list, s->verdict, &release, &s->err),
		s->err);
	verdict_conclude(s->verdict);
	assert_int_equal(s->verdict->trusted, list.met);
}

static void demand(const char *lines)
{
	static char class_lines[1024];

	snprintf(class_lines, sizeof(class_lines),
		"    approvals: []\n    credential_lifetime: 10m\n    statements:\n%s", lines);
	s->class_lines = class_lines;
	s->top_lines = buf_str(&top);
	scene_policy(s);
	judge_at(SCENE_NOW);
}

static void accepted(const char *by)
{
	demand(BUILD);
	assert_trusted(s);
	assert_string_equal(list.items[2].by, by);
}

static void assert_unmet(enum reason_code why, const char *actual)
{
	assert_false(s->verdict->trusted);
	assert_int_equal(s->verdict->reason_count, 2);
	assert_int_equal(s->verdict->reasons[0].code, REASON_STATEMENT_MISSING);
	assert_string_equal(s->verdict->reasons[1].actual, actual);
	assert_int_equal(s->verdict->reasons[1].code, why);
}

static void refused(const char *why)
{
	demand(BUILD);
	assert_unmet(REASON_STATEMENT_SIGNATURE, why);
}

/* ---- what counts ---- */

static void bundle__by_an_identity_in_the_log__counts_for_ever(void **state)
{
	(void)state;
	identity(PLAIN);
	bundle();
	accepted("1 signed by workflow");
	assert_int_equal(list.items[2].expires, 0);
	judge_at(LONG_END + 1);
	assert_trusted(s);
}

static void bundle__with_a_key__counts_for_the_key(void **state)
{
	(void)state;
	buf_put_str(&top, "statement_keys:\n  - name: ci\n    kinds: [provenance]\n    pem: ");
	scene_put_pem(&top, maker.signer_key, 6);
	recipe.leaf = NULL;
	recipe.no_entry = true;
	bundle();
	accepted("1 signed by ci");
	/* A key is trusted for what it signs, in whatever it comes. */
	envelope_with(leaf);
	accepted("1 signed by ci");
}

static void bundle__of_another_log_that_is_pinned_too__counts(void **state)
{
	struct note_key first = maker.log;

	(void)state;
	buf_put_str(&top, "transparency_logs:\n  - name: other.example\n    pem: ");
	scene_put_pem(&top, keys.other, 6);
	buf_put_str(&top, "  - name: log.example\n    pem: ");
	scene_put_pem(&top, first.key, 6);
	buf_put_str(&top, "statement_identities:\n");
	identity_put(&top, &maker, "workflow", PLAIN);
	bundle();
	accepted("1 signed by workflow");
}

static void envelope__with_a_long_lived_certificate__counts_while_it_is_valid(void **state)
{
	(void)state;
	identity(OPTIONAL);
	leaf_of(NULL, NULL, LONG_END);
	envelope_with(odd_leaf);
	accepted("1 signed by workflow");
	assert_int_equal(list.items[2].expires, LONG_END);
	judge_at(LONG_END - 1);
	assert_trusted(s);
	judge_at(LONG_END);
	assert_unmet(REASON_STATEMENT_SIGNATURE,
		"certificate: expired: certificate 0 (CN=signer): certificate has expired");
}

/* A plain key beside it knows no end. */
static void envelope__of_a_key_and_an_identity__ends_when_the_last_one_does(void **state)
{
	(void)state;
	identity(OPTIONAL);
	buf_put_str(&top, "statement_keys:\n  - name: ci\n    kinds: [provenance]\n    pem: ");
	scene_put_pem(&top, maker.signer_key, 6);
	leaf_of(NULL, NULL, LONG_END);
	envelope_with(odd_leaf);
	accepted("1 signed by ci, workflow");
	assert_int_equal(list.items[2].expires, 0);
	demand("      - {kind: provenance, name: build, keys: [workflow]}\n");
	assert_trusted(s);
	assert_int_equal(list.items[2].expires, LONG_END);
}

/* The key takes its word back: what is left ends with the certificate. */
static void P8__envelope_of_a_key_and_an_identity__key_withdraws__ends_with_the_identity(
	void **state)
{
	struct withdrawal w = {.reason = (char *)(uintptr_t) "r", .issued = SCENE_NOW - 5};
	struct buf payload = {0}, withdrawn = {0};

	(void)state;
	identity(OPTIONAL);
	buf_put_str(&top, "statement_keys:\n  - name: ci\n    kinds: [provenance]\n    pem: ");
	scene_put_pem(&top, maker.signer_key, 6);
	leaf_of(NULL, NULL, LONG_END);
	envelope_with(odd_leaf);
	assert_ok(sha256_of(buf_bytes(&statement), w.statement, &s->err), s->err);
	memcpy(w.release, s->release_digest, SHA256_LEN);
	assert_ok(withdrawal_statement(&w, &payload, &s->err), s->err);
	assert_ok(dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&payload), maker.signer_key, &withdrawn,
			  &s->err),
		s->err);
	beside = buf_bytes(&withdrawn);
	accepted("1 signed by workflow");
	assert_int_equal(list.items[2].expires, LONG_END);
	buf_release(&payload);
	buf_release(&withdrawn);
}

static void launch__with_a_bundle_beside_the_release__trusted(void **state)
{
	(void)state;
	identity(PLAIN);
	bundle();
	s->class_lines = "    approvals: []\n    credential_lifetime: 10m\n    statements:\n" BUILD;
	s->top_lines = buf_str(&top);
	scene_policy(s);
	view = buf_bytes(&envelope);
	s->context.statements = &view;
	s->context.statement_count = 1;
	scene_renewal(s);
	scene_run(s);
	assert_trusted(s);
	s->context.statement_count = 0;
	scene_run(s);
	assert_refused_among(s, REASON_STATEMENT_MISSING);
}

static void bundle__by_an_identity_of_a_prefix__counts(void **state)
{
	(void)state;
	identity("    kinds: [provenance]\n    identity_prefix: "
		 "\"https://ci.example/workflow@refs/tags/\"\n    issuer: \"" SIGSTORE_ISSUER
		 "\"\n");
	bundle();
	accepted("1 signed by workflow");
	leaf_of("subjectAltName", "critical,URI:https://ci.example/workflow@refs/heads/v1",
		SIGSTORE_LEAF_END);
	bundle();
	refused("identity \"https://ci.example/workflow@refs/heads/v1\" is not the one pinned");
}

/* ---- time stamps ---- */

/* The log and an authority for time stamping are pinned. */
static void stamping_identity(const char *lines)
{
	buf_clear(&top);
	identity_put_log(&top, &maker);
	buf_put_str(&top, "timestamp_authorities:\n  - name: tsa.example\n    pem: ");
	identity_put_cert(&top, authority, 6);
	buf_put_str(&top, "statement_identities:\n");
	identity_put(&top, &maker, "workflow", lines);
	recipe.stamp_cert = authority;
	recipe.stamp_key = keys.alice;
}

static void stamp__where_the_log_signs_no_time__counts_for_ever(void **state)
{
	(void)state;
	stamping_identity(PLAIN);
	recipe.no_promise = true;
	recipe.version = "0.0.2";
	bundle();
	accepted("1 signed by workflow");
	assert_int_equal(list.items[2].expires, 0);
	recipe.no_entry = true;
	bundle();
	refused(UNLOGGED);
}

static void stamp__without_a_log__counts_where_none_is_needed(void **state)
{
	(void)state;
	stamping_identity(OPTIONAL);
	recipe.no_entry = true;
	bundle();
	accepted("1 signed by workflow");
	assert_int_equal(list.items[2].expires, 0);
	judge_at(LONG_END + 1);
	assert_trusted(s);
}

static void P15__stamp_of_another_signature_time_or_authority__refused(void **state)
{
	const char *const none =
		"no time stamp of an authority that is pinned: nothing proves when "
		"the certificate signed";

	(void)state;
	stamping_identity(OPTIONAL);
	recipe.no_entry = true;
	recipe.stamped = SIGSTORE_LEAF_END;
	bundle();
	refused("certificate: expired: certificate 0 (CN=signer): certificate has expired");
	recipe.stamped = 0;
	recipe.stamp_other = true;
	bundle();
	demand(BUILD);
	judge_at(SIGSTORE_LOGGED);
	assert_unmet(REASON_STATEMENT_SIGNATURE, none);
	recipe.stamp_other = false;
	recipe.stamp_key = keys.bob;
	recipe.stamp_cert = stranger;
	bundle();
	judge_at(SIGSTORE_LOGGED);
	assert_unmet(REASON_STATEMENT_SIGNATURE, none);
	/* A stamp from the future is nobody's, and the log's own time is judged first. */
	stamping_identity(PLAIN);
	recipe.no_entry = false;
	recipe.no_promise = true;
	recipe.stamped = SIGSTORE_LOGGED + 400;
	bundle();
	demand(BUILD);
	judge_at(SIGSTORE_LOGGED + 400 - SIGSTORE_SKEW - 1);
	assert_unmet(REASON_STATEMENT_SIGNATURE,
		"the log signed no time at which to judge the certificate");
	judge_at(SIGSTORE_LOGGED + 400 - SIGSTORE_SKEW);
	assert_trusted(s);
	recipe.no_promise = false;
	recipe.integrated = SIGSTORE_LEAF_END + 1;
	bundle();
	refused("certificate: expired: certificate 0 (CN=signer): certificate has expired");
}

/* ---- what does not ---- */

static void P15__bundle_about_another_artefact__refused(void **state)
{
	(void)state;
	identity(PLAIN);
	say_of(BYTES_OF(((const uint8_t[SHA256_LEN]){0xee})).data);
	bundle();
	demand(BUILD);
	assert_unmet(REASON_STATEMENT_OTHER, "of something else");
}

static void P15__log_entry_of_another_signature__refused(void **state)
{
	(void)state;
	identity(PLAIN);
	recipe.other_signature = true;
	bundle();
	refused("log log.example: log entry: is about another signature or signer");
	recipe.other_signature = false;
	recipe.logged_statement = "{}";
	bundle();
	refused("log log.example: log entry: is about another artefact");
}

/* The time that nobody signed is the attacker's own. */
static void P15__time_that_the_log_did_not_sign__refused(void **state)
{
	(void)state;
	identity(PLAIN);
	recipe.no_promise = true;
	bundle();
	refused("the log signed no time at which to judge the certificate");
	recipe.no_promise = false;
	recipe.promised = SIGSTORE_LEAF_END + 9;
	bundle();
	refused("log log.example: signed entry timestamp: signature: does not verify with this "
		"ECDSA P-256 key");
	recipe.promised = 0;
	recipe.integrated = SIGSTORE_LEAF_END + 1;
	bundle();
	refused("certificate: expired: certificate 0 (CN=signer): certificate has expired");
}

static void P15__log_of_another_key__refused(void **state)
{
	(void)state;
	identity(PLAIN);
	recipe.log_signer = keys.other;
	bundle();
	demand(BUILD);
	assert_refused_among(s, REASON_STATEMENT_SIGNATURE);
}

static void P15__certificate_without_a_log__refused_unless_long_lived_and_allowed(void **state)
{
	(void)state;
	identity(PLAIN);
	recipe.no_entry = true;
	bundle();
	refused(UNLOGGED);
	leaf_of(NULL, NULL, LONG_END);
	bundle();
	refused(UNLOGGED);
	identity(OPTIONAL);
	accepted("1 signed by workflow");
	leaf_of(NULL, NULL, SIGSTORE_LEAF_BEGIN + SIGNER_LONG_LIVED - 1);
	bundle();
	demand(BUILD);
	judge_at(SIGSTORE_LOGGED);
	assert_unmet(REASON_STATEMENT_SIGNATURE, UNLOGGED);
	leaf_of(NULL, NULL, SIGSTORE_LEAF_BEGIN + SIGNER_LONG_LIVED);
	bundle();
	judge_at(SIGSTORE_LOGGED);
	assert_trusted(s);
}

/* An entry that proves nothing takes nothing from what needs none. */
static void bundle__with_a_bad_entry__counts_where_none_is_needed(void **state)
{
	(void)state;
	identity(OPTIONAL);
	leaf_of(NULL, NULL, LONG_END);
	recipe.other_signature = true;
	bundle();
	accepted("1 signed by workflow");
	assert_int_equal(list.items[2].expires, LONG_END);
}

static void P15__identity_or_issuers_twin__refused(void **state)
{
	(void)state;
	identity(PLAIN);
	leaf_of("subjectAltName", "critical,URI:" SIGSTORE_NAME "0", SIGSTORE_LEAF_END);
	bundle();
	refused("identity \"" SIGSTORE_NAME "0\" is not the one pinned");
	leaf_of(OID "8", "ASN1:UTF8String:" SIGSTORE_ISSUER "/", SIGSTORE_LEAF_END);
	bundle();
	refused("identity issuer \"" SIGSTORE_ISSUER "/\" is not the one pinned");
	leaf_of("extendedKeyUsage", "clientAuth", SIGSTORE_LEAF_END);
	bundle();
	refused("certificate: is not for code signing");
	leaf_of("extendedKeyUsage", NULL, SIGSTORE_LEAF_END);
	bundle();
	refused("certificate: is not for code signing");
	identity(PLAIN REPOSITORY);
	recipe.leaf = leaf;
	bundle();
	refused("certificate: says no source repository");
}

static void identity__of_another_root__refused(void **state)
{
	struct sigstore_maker elsewhere;

	(void)state;
	assert_ok(sigstore_maker_start(&elsewhere, &s->err), s->err);
	identity_put_log(&top, &maker);
	buf_put_str(&top, "statement_identities:\n");
	identity_put(&top, &elsewhere, "workflow", PLAIN);
	bundle();
	refused("certificate: bad-signature: certificate 0 (CN=signer): certificate signature "
		"failure");
	sigstore_maker_release(&elsewhere);
}

static void identity__not_trusted_for_the_kind_or_not_demanded__refused(void **state)
{
	(void)state;
	identity("    kinds: [bom]\n" NAMED);
	buf_put_str(&top, "statement_keys:\n  - name: ci\n    kinds: [provenance]\n    pem: ");
	scene_put_pem(&top, keys.other, 6);
	bundle();
	refused("not signed by any of them");
	identity(PLAIN);
	buf_put_str(&top, "statement_keys:\n  - name: ci\n    kinds: [provenance]\n    pem: ");
	scene_put_pem(&top, keys.other, 6);
	demand("      - {kind: provenance, name: build, keys: [ci]}\n");
	assert_unmet(REASON_STATEMENT_SIGNATURE, "not signed by any of them");
}

/* ---- envelopes ---- */

static void unreadable(void)
{
	demand(BUILD);
	assert_refused_among(s, REASON_STATEMENT_MALFORMED);
}

static void P3__envelope_of_another_form__refused(void **state)
{
	struct sigstore_bundle *opened = NULL;

	(void)state;
	identity(PLAIN);
	recipe.statement = NULL;
	recipe.content = BYTES_LIT("a file");
	bundle();
	unreadable();
	assert_fails(statement_envelope_open(buf_bytes(&envelope), &opened, &s->err), s->err,
		ERR_FORMAT, "Sigstore bundle: signs a file and no statement");
	say_of(s->components[0].digest);
	recipe.payload_type = "application/vnd.assay.evidence+cbor";
	bundle();
	unreadable();
	buf_clear(&envelope);
	buf_put_str(&envelope, "{\"mediaType\":1}");
	unreadable();
	buf_clear(&envelope);
	buf_put_str(&envelope, "[]");
	unreadable();
}

/* Whose of several signatures the certificates are would be open. */
static void envelope__with_certificates_and_several_signatures__has_none(void **state)
{
	struct sigstore_bundle *opened = NULL;
	struct buf two = {0};
	json_t *root = NULL, *first;

	(void)state;
	envelope_with(leaf);
	assert_ok(statement_envelope_open(buf_bytes(&envelope), &opened, &s->err), s->err);
	assert_int_equal(opened->material, SIGSTORE_CERTIFICATE);
	sigstore_bundle_free(&opened);
	assert_ok(json_open(buf_bytes(&envelope), JSON_INPUT_MAX, &root, &s->err), s->err);
	first = json_array_get(json_object_get(root, "signatures"), 0);
	json_array_append(json_object_get(root, "signatures"), first);
	assert_ok(json_write(root, false, &two, &s->err), s->err);
	assert_ok(statement_envelope_open(buf_bytes(&two), &opened, &s->err), s->err);
	assert_int_equal(opened->material, SIGSTORE_KEY);
	sigstore_bundle_free(&opened);
	json_object_set_new(first, "cert", json_string("no certificate"));
	json_array_remove(json_object_get(root, "signatures"), 1);
	buf_clear(&two);
	assert_ok(json_write(root, false, &two, &s->err), s->err);
	assert_fails(statement_envelope_open(buf_bytes(&two), &opened, &s->err), s->err, ERR_FORMAT,
		"DSSE envelope: cert: no certificate in it");
	json_object_set_new(first, "cert", json_integer(1));
	buf_clear(&two);
	assert_ok(json_write(root, false, &two, &s->err), s->err);
	assert_fails(statement_envelope_open(buf_bytes(&two), &opened, &s->err), s->err, ERR_FORMAT,
		"DSSE envelope: signature: cert: expected a string");
	json_decref(root);
	buf_release(&two);
}

static void join__envelope_and_chain__a_bundle_that_counts(void **state)
{
	struct buf pem = {0}, bare = {0};

	(void)state;
	identity(OPTIONAL);
	leaf_of(NULL, NULL, LONG_END);
	assert_ok(cert_pem(odd_leaf, &pem, &s->err), s->err);
	assert_ok(sigstore_make_envelope(&maker, buf_str(&statement), &bare, &s->err), s->err);
	buf_clear(&envelope);
	assert_ok(sigstore_bundle_join(buf_bytes(&bare), buf_bytes(&pem), &envelope, &s->err),
		s->err);
	accepted("1 signed by workflow");
	buf_release(&pem);
	buf_release(&bare);
}

static void join__what_does_not_go_together__refused(void **state)
{
	struct buf pem = {0}, bare = {0}, two = {0}, out = {0};

	(void)state;
	assert_ok(cert_pem(leaf, &pem, &s->err), s->err);
	assert_ok(sigstore_make_envelope(&maker, buf_str(&statement), &bare, &s->err), s->err);
	assert_ok(dsse_add_signature(buf_bytes(&bare), keys.other, &two, &s->err), s->err);
	assert_fails(sigstore_bundle_join(buf_bytes(&two), buf_bytes(&pem), &out, &s->err), s->err,
		ERR_FORMAT, "2 signatures: certificates go with one");
	assert_false(sigstore_bundle_join(buf_bytes(&bare), BYTES_LIT("x"), &out, &s->err));
	assert_int_equal(s->err.code, ERR_FORMAT);
	assert_int_equal(out.len, 0);
	buf_release(&pem);
	buf_release(&bare);
	buf_release(&two);
}

/* ---- at the verifier's door ---- */

static void check(enum err_code code, const char *why)
{
	s->top_lines = buf_str(&top);
	scene_policy(s);
	assert_fails(release_statement_check(
			     &s->release, buf_bytes(&envelope), s->policy, SCENE_NOW, &s->err),
		s->err, code, why);
}

static void publish__a_bundle__taken_when_its_signer_counts(void **state)
{
	(void)state;
	memcpy(s->release.digest, s->release_digest, SHA256_LEN);
	identity(PLAIN);
	s->top_lines = buf_str(&top);
	scene_policy(s);
	bundle();
	assert_ok(release_statement_check(
			  &s->release, buf_bytes(&envelope), s->policy, SCENE_NOW, &s->err),
		s->err);
	recipe.no_entry = true;
	bundle();
	check(ERR_DENIED, "statement-signature: not signed by a key that the policy trusts for "
			  "kind provenance: " UNLOGGED);
	recipe.no_entry = false;
	bundle();
	identity("    kinds: [bom]\n" NAMED);
	check(ERR_DENIED, "statement-signature: not signed by a key that the policy trusts for "
			  "kind provenance");
	buf_clear(&top);
	buf_put_str(&top, "statement_keys:\n  - name: ci\n    kinds: [bom]\n    pem: ");
	scene_put_pem(&top, maker.signer_key, 6);
	check(ERR_DENIED, "statement-signature: not signed by a key that the policy trusts for "
			  "kind provenance");
	identity(PLAIN);
	say_of(BYTES_OF(((const uint8_t[SHA256_LEN]){0xee})).data);
	bundle();
	check(ERR_MISMATCH, "statement-other: speaks neither of this release nor of a component");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(bundle__by_an_identity_in_the_log__counts_for_ever),
		T(bundle__with_a_key__counts_for_the_key),
		T(bundle__of_another_log_that_is_pinned_too__counts),
		T(envelope__with_a_long_lived_certificate__counts_while_it_is_valid),
		T(envelope__of_a_key_and_an_identity__ends_when_the_last_one_does),
		T(P8__envelope_of_a_key_and_an_identity__key_withdraws__ends_with_the_identity),
		T(launch__with_a_bundle_beside_the_release__trusted),
		T(bundle__by_an_identity_of_a_prefix__counts),
		T(stamp__where_the_log_signs_no_time__counts_for_ever),
		T(stamp__without_a_log__counts_where_none_is_needed),
		T(P15__stamp_of_another_signature_time_or_authority__refused),
		T(P15__bundle_about_another_artefact__refused),
		T(P15__log_entry_of_another_signature__refused),
		T(P15__time_that_the_log_did_not_sign__refused),
		T(P15__log_of_another_key__refused),
		T(P15__certificate_without_a_log__refused_unless_long_lived_and_allowed),
		T(bundle__with_a_bad_entry__counts_where_none_is_needed),
		T(P15__identity_or_issuers_twin__refused),
		T(identity__of_another_root__refused),
		T(identity__not_trusted_for_the_kind_or_not_demanded__refused),
		T(P3__envelope_of_another_form__refused),
		T(envelope__with_certificates_and_several_signatures__has_none),
		T(join__envelope_and_chain__a_bundle_that_counts),
		T(join__what_does_not_go_together__refused),
		T(publish__a_bundle__taken_when_its_signer_counts),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
