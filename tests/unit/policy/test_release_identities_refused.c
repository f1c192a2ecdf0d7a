/* SPDX-License-Identifier: Apache-2.0 */
/* Statements by certificate and in Sigstore bundles beside a release: what does not count, and their envelopes. */
#include "identity_scene.h"

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
#undef T
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
