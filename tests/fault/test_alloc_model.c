/* SPDX-License-Identifier: Apache-2.0 */
/* S12: memory runs out at every allocation while a model's signature is read and written. Nothing is accepted then, or what is
 * true. */
#include "tests/fault/alloc.h"

#include "policy/model_signature.h"

static struct model_resource resources[] = {
	{.path = {(const uint8_t *)"a/b", 3}, .end = 9, .digest = {1}},
	{.path = {(const uint8_t *)"a/b", 3}, .start = 9, .end = 12, .digest = {2}},
	{.path = {(const uint8_t *)"a.b", 3}, .end = 7, .digest = {3}},
};
static const char *ignores[] = {".git", "model.sig"};
static struct model_manifest made = {.name = "m",
	.shard_size = 9,
	.ignores = ignores,
	.ignore_count = 2,
	.resources = resources,
	.resource_count = 3};
static struct buf statement, bundle_text, out;
static struct model_manifest *manifest;
static struct model_bundle *bundle;
static struct key *key;
static struct cert *cert;

static int group_setup(void **ignored)
{
	struct err err = {0};
	(void)ignored;
	assert_ok(key_generate(KEY_EC_P256, &key, &err), err);
	const struct cert_request request = {
		.common_name = "models", .subject = key, .not_before = 1, .not_after = 2000000000};
	assert_ok(cert_issue(&request, NULL, key, &cert, &err), err);
	assert_ok(model_manifest_write(&made, MODEL_FORM_SPEC, &statement, &err), err);
	assert_ok(model_bundle_sign(buf_bytes(&statement), key, &cert, 1, &bundle_text, &err), err);
	return 0;
}

static int group_teardown(void **ignored)
{
	(void)ignored;
	buf_release(&statement);
	buf_release(&bundle_text);
	key_unref(&key);
	cert_unref(&cert);
	return 0;
}

static bool run_parse(struct err *err)
{
	return model_manifest_parse(buf_bytes(&statement), &manifest, err);
}
static void check_parse(void)
{
	assert_int_equal(manifest->resource_count, 3);
	assert_int_equal(manifest->ignore_count, 2);
	assert_memory_equal(manifest->root, made.root, SHA256_LEN);
}
static void release_parse(void)
{
	model_manifest_free(&manifest);
}

static void S12__model_manifest_parse__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_parse, check_parse, release_parse};
	(void)ignored;
	fault_case_run(&c);
}

static bool run_write(struct err *err)
{
	return model_manifest_write(&made, MODEL_FORM_SPEC, &out, err);
}
static void check_write(void)
{
	assert_bytes(buf_bytes(&out), buf_bytes(&statement));
}
static void release_out(void)
{
	buf_release(&out);
}

static void S12__model_manifest_write__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_write, check_write, release_out};
	(void)ignored;
	fault_case_run(&c);
}

static bool run_bundle(struct err *err)
{
	return model_bundle_parse(buf_bytes(&bundle_text), &bundle, err);
}
static void check_bundle(void)
{
	assert_int_equal(bundle->chain_count, 1);
	assert_bytes(cert_der(bundle->chain[0]), cert_der(cert));
	assert_bytes(buf_bytes(&bundle->dsse->payload), buf_bytes(&statement));
}
static void release_bundle(void)
{
	model_bundle_free(&bundle);
}

static void S12__model_bundle_parse__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_bundle, check_bundle, release_bundle};
	(void)ignored;
	fault_case_run(&c);
}

static bool run_sign(struct err *err)
{
	return model_bundle_sign(buf_bytes(&statement), key, &cert, 1, &out, err);
}
static void check_sign(void)
{
	struct err err = {0};
	assert_ok(model_bundle_parse(buf_bytes(&out), &bundle, &err), err);
	check_bundle();
	assert_ok(model_bundle_verify(bundle, key, &err), err);
	model_bundle_free(&bundle);
}

static void S12__model_bundle_sign__out_of_memory_or_verifies(void **ignored)
{
	const struct fault_case c = {run_sign, check_sign, release_out};
	(void)ignored;
	fault_case_run(&c);
}

static bool run_verify(struct err *err)
{
	return model_bundle_verify(bundle, key, err) && model_cert_may_sign(bundle->chain[0], err);
}
static void check_nothing(void)
{
}

static void S12__model_bundle_verify__out_of_memory_or_verifies(void **ignored)
{
	const struct fault_case c = {run_verify, check_nothing, check_nothing};
	struct err err = {0};
	(void)ignored;
	assert_ok(run_bundle(&err), err);
	fault_case_run(&c);
	release_bundle();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(S12__model_manifest_parse__out_of_memory_or_whole),
		cmocka_unit_test(S12__model_manifest_write__out_of_memory_or_whole),
		cmocka_unit_test(S12__model_bundle_parse__out_of_memory_or_whole),
		cmocka_unit_test(S12__model_bundle_sign__out_of_memory_or_verifies),
		cmocka_unit_test(S12__model_bundle_verify__out_of_memory_or_verifies),
	};
	return cmocka_run_group_tests_name("fault/model", tests, group_setup, group_teardown);
}
