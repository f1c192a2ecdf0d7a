/* SPDX-License-Identifier: Apache-2.0 */
/* S12: memory runs out at every allocation while statements by certificate and signatures of models
 * are read and judged: undecided, or the verdict that there would have been. */
#include "tests/fault/alloc.h"

#include "policy/model_signature.h"
#include "policy/statement_signers.h"
#include "policy/words.h"
#include "tests/support/timestamp_make.h"
#include "tests/unit/policy/identity_texts.h"
#include "tests/unit/policy/predicate_texts.h"

#define LINES                                                                                      \
	"    kinds: [provenance]\n    identity: \"" SIGSTORE_NAME                                  \
	"\"\n    issuer: \"" SIGSTORE_ISSUER "\"\n    log: optional\n    intermediates: "
#define CLASS                                                                                      \
	"    approvals: []\n    credential_lifetime: 10m\n    statements:\n"                       \
	"      - {kind: provenance, name: build}\n"

static struct scene_keys keys;
static struct sigstore_maker maker;
static struct cert *leaf, *authority;
static struct buf top, text, envelope, with_cert, pem, out;
static struct policy *policy, *parsed;
static struct sigstore_bundle *bundle, *stamped, *opened;
static struct statement_signers by;
static struct predicate *predicate;
static json_t *json;
static struct err setup_err;

static void make_envelopes(void)
{
	const struct sigstore_recipe recipe = {.leaf = leaf, .statement = PROVENANCE_TEXT};
	json_t *root = NULL, *signature;
	struct buf bare = {0};

	assert_ok(sigstore_make(&maker, &recipe, &envelope, &setup_err), setup_err);
	assert_ok(cert_pem(leaf, &pem, &setup_err), setup_err);
	assert_ok(sigstore_make_envelope(&maker, PROVENANCE_TEXT, &bare, &setup_err), setup_err);
	assert_ok(json_open(buf_bytes(&bare), JSON_INPUT_MAX, &root, &setup_err), setup_err);
	signature = json_array_get(json_object_get(root, "signatures"), 0);
	json_object_set_new(signature, "cert", json_string(buf_str(&pem)));
	assert_ok(json_write(root, false, &with_cert, &setup_err), setup_err);
	json_decref(root);
	buf_release(&bare);
}

/* A bundle without a log, whose signature an authority stamped. */
static void make_stamped(void)
{
	const struct sigstore_cert_recipe of = {.name = "authority",
		.key = keys.alice,
		.issuer_key = keys.alice,
		.extensions = timestamp_extensions,
		.begin = SIGSTORE_CA_BEGIN,
		.end = SIGSTORE_CA_END};
	struct sigstore_recipe recipe = {.leaf = leaf,
		.statement = PROVENANCE_TEXT,
		.no_entry = true,
		.stamp_key = keys.alice};
	struct buf made = {0};

	assert_ok(sigstore_make_cert(&of, &authority, &setup_err), setup_err);
	recipe.stamp_cert = authority;
	assert_ok(sigstore_make(&maker, &recipe, &made, &setup_err), setup_err);
	assert_ok(statement_envelope_open(buf_bytes(&made), &stamped, &setup_err), setup_err);
	buf_release(&made);
}

static int group_setup(void **state)
{
	(void)state;
	scene_keys_make(&keys);
	assert_ok(sigstore_maker_start(&maker, &setup_err), setup_err);
	assert_ok(
		sigstore_make_leaf(&maker, sigstore_leaf_extensions, &leaf, &setup_err), setup_err);
	make_envelopes();
	make_stamped();
	identity_put_log(&top, &maker);
	buf_put_str(&top, "timestamp_authorities:\n  - name: tsa\n    pem: ");
	identity_put_cert(&top, authority, 6);
	buf_put_str(&top, "statement_identities:\n");
	identity_put(&top, &maker, "workflow", LINES);
	identity_put_cert(&top, maker.root, 6);
	scene_policy_text(&keys, CLASS, buf_str(&top), &text);
	assert_ok(policy_parse(buf_bytes(&text), "policy.yaml", &policy, &setup_err), setup_err);
	assert_ok(statement_envelope_open(buf_bytes(&envelope), &bundle, &setup_err), setup_err);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	sigstore_bundle_free(&bundle);
	sigstore_bundle_free(&stamped);
	policy_free(&policy);
	cert_unref(&leaf);
	cert_unref(&authority);
	sigstore_maker_release(&maker);
	scene_keys_free(&keys);
	buf_release(&top);
	buf_release(&text);
	buf_release(&envelope);
	buf_release(&with_cert);
	buf_release(&pem);
	buf_release(&out);
	return 0;
}

static bool run_policy(struct err *err)
{
	return policy_parse(buf_bytes(&text), "policy.yaml", &parsed, err);
}
static void check_policy(void)
{
	const struct policy_identity *identity = parsed->statement_keys[0].identity;

	assert_int_equal(parsed->log_count, 1);
	assert_int_equal(parsed->authority_count, 1);
	assert_int_equal(identity->root_count, 1);
	assert_int_equal(identity->intermediate_count, 1);
	assert_string_equal(identity->issuer, SIGSTORE_ISSUER);
	assert_memory_equal(parsed->classes[0].clause, policy->classes[0].clause, SHA256_LEN);
}
static void release_policy(void)
{
	policy_free(&parsed);
}

static void S12__policy_with_identities__out_of_memory_or_whole(void **state)
{
	const struct fault_case c = {run_policy, check_policy, release_policy};

	(void)state;
	fault_case_run(&c);
}

static bool run_open(struct err *err)
{
	return statement_envelope_open(buf_bytes(&with_cert), &opened, err);
}
static void check_open(void)
{
	assert_int_equal(opened->material, SIGSTORE_CERTIFICATE);
	assert_int_equal(opened->cert_count, 1);
}
static void release_open(void)
{
	sigstore_bundle_free(&opened);
}

static void S12__envelope_with_certificates__out_of_memory_or_whole(void **state)
{
	const struct fault_case c = {run_open, check_open, release_open};

	(void)state;
	fault_case_run(&c);
}

static bool run_signers(struct err *err)
{
	return statement_signers_find(bundle, policy, 1, SIGSTORE_NOW, &by, err);
}
static void check_signers(void)
{
	assert_int_equal(by.mask, 1);
	assert_int_equal(by.lasting, 1);
}

static void S12__signers_of_a_bundle__undecided_or_found(void **state)
{
	const struct fault_case c = {run_signers, check_signers, NULL};

	(void)state;
	fault_case_run(&c);
}

static bool run_stamped(struct err *err)
{
	return statement_signers_find(stamped, policy, 1, SIGSTORE_NOW, &by, err);
}

static void S12__signers_of_a_stamped_bundle__undecided_or_found(void **state)
{
	const struct fault_case c = {run_stamped, check_signers, NULL};

	(void)state;
	fault_case_run(&c);
}

static bool run_join(struct err *err)
{
	/* A buffer that failed stays so until it is released. */
	buf_release(&out);
	return sigstore_bundle_join(buf_bytes(&with_cert), buf_bytes(&pem), &out, err);
}
static void check_join(void)
{
	assert_true(out.len > with_cert.len);
}

static void S12__envelope_and_chain_joined__out_of_memory_or_whole(void **state)
{
	const struct fault_case c = {run_join, check_join, NULL};

	(void)state;
	fault_case_run(&c);
}

static bool run_words(struct err *err)
{
	return policy_diff(policy, policy, &json, err) &&
	       (json_decref(json), json = NULL,
		       policy_class_explain(policy, &policy->classes[0], &json, err));
}
static void check_words(void)
{
	assert_true(json_array_size(json) > 5);
}
static void release_words(void)
{
	json_release(&json);
}

static void S12__words_of_identities__out_of_memory_or_whole(void **state)
{
	const struct fault_case c = {run_words, check_words, release_words};

	(void)state;
	fault_case_run(&c);
}

static struct buf model;

static bool run_model(struct err *err)
{
	return predicate_parse(buf_bytes(&model), &predicate, err);
}
static void check_model(void)
{
	assert_true(predicate->model.has_tree && predicate->model.has_file);
}
static void release_model(void)
{
	predicate_free(&predicate);
}

static void S12__signature_of_a_model__out_of_memory_or_whole(void **state)
{
	const struct fault_case c = {run_model, check_model, release_model};
	struct model_resource file = {.path = bytes_str("weights")};
	struct model_manifest manifest = {.name = "m", .resources = &file, .resource_count = 1};

	(void)state;
	assert_ok(model_manifest_write(&manifest, MODEL_FORM_SPEC, &model, &setup_err), setup_err);
	fault_case_run(&c);
	buf_release(&model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(S12__policy_with_identities__out_of_memory_or_whole),
		cmocka_unit_test(S12__envelope_with_certificates__out_of_memory_or_whole),
		cmocka_unit_test(S12__signers_of_a_bundle__undecided_or_found),
		cmocka_unit_test(S12__signers_of_a_stamped_bundle__undecided_or_found),
		cmocka_unit_test(S12__envelope_and_chain_joined__out_of_memory_or_whole),
		cmocka_unit_test(S12__words_of_identities__out_of_memory_or_whole),
		cmocka_unit_test(S12__signature_of_a_model__out_of_memory_or_whole),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
