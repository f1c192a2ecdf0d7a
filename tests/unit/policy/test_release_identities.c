/* SPDX-License-Identifier: Apache-2.0 */
/* Statements by certificate and in Sigstore bundles beside a release: what counts. */
#include "identity_scene.h"

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
#undef T
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
