/* SPDX-License-Identifier: Apache-2.0 */
/* S12: memory runs out at every allocation while statements and bundles of others are read and judged. */
#include "tests/fault/alloc.h"

#include "policy/predicate.h"
#include "policy/sigstore_bundle.h"
#include "tests/support/sigstore_make.h"
#include "tests/unit/policy/bom_texts.h"

static struct sigstore_maker maker;
static struct cert *leaf, *seen;
static const char *statement;
static struct predicate *predicate, *whole;
static struct buf text;
static struct sigstore_bundle *bundle;
static struct sigstore_trust trust;
static struct sigstore_verdict verdict;
static struct checkpoint checkpoint;
static bool wanted;
static struct err setup_err;

static int group_setup(void **state)
{
	struct sigstore_sct sct = {0};

	(void)state;
	if (!sigstore_maker_start(&maker, &setup_err))
		return -1;
	sct.log = maker.log_key;
	return sigstore_make_leaf(&maker, sigstore_leaf_extensions, &leaf, &setup_err) &&
			       sigstore_add_scts(&maker, leaf, &sct, 1, &seen, &setup_err)
		       ? 0
		       : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	cert_unref(&leaf);
	cert_unref(&seen);
	sigstore_maker_release(&maker);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	predicate_free(&predicate);
	predicate_free(&whole);
	sigstore_bundle_free(&bundle);
	buf_release(&text);
	return 0;
}

static bool run_predicate(struct err *err)
{
	return predicate_parse(bytes_str(statement), &predicate, err);
}
static void check_bom(void)
{
	assert_int_equal(predicate->bom->component_count, whole->bom->component_count);
	for (size_t i = 0; i < whole->bom->component_count; i++) {
		const struct bom_component *one = &predicate->bom->components[i];

		assert_string_equal(one->name, whole->bom->components[i].name);
		assert_int_equal(one->license_count, whole->bom->components[i].license_count);
		assert_int_equal(one->dataset_count, whole->bom->components[i].dataset_count);
		assert_int_equal(one->has_sha256, whole->bom->components[i].has_sha256);
	}
}
static void check_predicate(void)
{
	assert_int_equal(predicate->kind, whole->kind);
	assert_string_equal(predicate->subjects[0].name, whole->subjects[0].name);
	assert_int_equal(
		predicate->provenance.dependency_count, whole->provenance.dependency_count);
	assert_int_equal(predicate->assessment.metric_count, whole->assessment.metric_count);
	assert_int_equal(predicate->vsa.levels.count, whole->vsa.levels.count);
	assert_int_equal(predicate->test_result.passed.count, whole->test_result.passed.count);
	assert_int_equal(predicate->bom != NULL, whole->bom != NULL);
	if (whole->bom && predicate->bom)
		check_bom();
	if (whole->kind == PREDICATE_PROVENANCE)
		assert_string_equal(predicate->provenance.external_parameters,
			whole->provenance.external_parameters);
}
static void release_predicate(void)
{
	predicate_free(&predicate);
}

static void S12__predicate_parse__out_of_memory_or_whole(void **state)
{
	static const char *const statements[] = {PROVENANCE_TEXT, TEST_RESULT_TEXT, VSA_TEXT,
		ASSESSMENT_TEXT, STATEMENT_OF("https://cyclonedx.org/bom", CYCLONEDX_TEXT),
		STATEMENT_OF("https://spdx.dev/Document/v3", SPDX_TEXT),
		STATEMENT_OF("https://spdx.dev/Document/v2.3", "{}")};
	const struct fault_case c = {run_predicate, check_predicate, release_predicate};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(statements); i++) {
		statement = statements[i];
		predicate_free(&whole);
		assert_ok(predicate_parse(bytes_str(statement), &whole, &setup_err), setup_err);
		fault_case_run(&c);
	}
}

static bool run_bundle(struct err *err)
{
	return sigstore_bundle_parse(buf_bytes(&text), &bundle, err);
}
static void check_bundle(void)
{
	assert_int_equal(bundle->entry_count, 1);
	assert_int_equal(bundle->entries[0].hashes.len, 2 * SHA256_LEN);
	assert_true(bundle->entries[0].body.len > 0 && bundle->entries[0].checkpoint.len > 0);
}
static void release_bundle(void)
{
	sigstore_bundle_free(&bundle);
}

static void make(const struct sigstore_recipe *recipe)
{
	buf_clear(&text);
	assert_ok(sigstore_make(&maker, recipe, &text, &setup_err), setup_err);
}

static void S12__sigstore_bundle_parse__out_of_memory_or_whole(void **state)
{
	const struct sigstore_recipe recipes[] = {
		{.leaf = leaf, .statement = PROVENANCE_TEXT}, {.content = BYTES_LIT("file")}};
	const struct fault_case c = {run_bundle, check_bundle, release_bundle};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(recipes); i++) {
		make(&recipes[i]);
		fault_case_run(&c);
	}
}

static bool run_verify(struct err *err)
{
	return sigstore_verify(bundle, &trust, &verdict, err);
}
static void check_verdict(void)
{
	assert_int_equal(verdict.verified, wanted);
	assert_int_equal(verdict.logged, wanted);
}

static void S12__sigstore_verify__out_of_memory_or_the_true_verdict(void **state)
{
	const struct sigstore_recipe recipes[] = {{.leaf = seen, .statement = PROVENANCE_TEXT},
		{.statement = PROVENANCE_TEXT, .version = "0.0.2"},
		{.statement = PROVENANCE_TEXT, .kind = "intoto", .version = "0.0.2"},
		{.leaf = leaf,
			.statement = PROVENANCE_TEXT,
			.logged_statement = VSA_TEXT,
			.version = "0.0.2"}};
	const struct fault_case c = {run_verify, check_verdict, NULL};

	(void)state;
	trust = (struct sigstore_trust){.keys = &maker.signer_key,
		.key_count = 1,
		.roots = &maker.root,
		.root_count = 1,
		.identity = SIGSTORE_NAME,
		.issuer = SIGSTORE_ISSUER,
		.ct_logs = &maker.log_key,
		.ct_log_count = 1,
		.log = &maker.log,
		.now = SIGSTORE_NOW};
	for (size_t i = 0; i < ARRAY_LEN(recipes); i++) {
		wanted = i < 3;
		make(&recipes[i]);
		sigstore_bundle_free(&bundle);
		assert_ok(sigstore_bundle_parse(buf_bytes(&text), &bundle, &setup_err), setup_err);
		fault_case_run(&c);
	}
}

static bool run_checkpoint(struct err *err)
{
	struct bytes opened = {0};

	return note_open(buf_bytes(&text), &maker.log, &opened, err) &&
	       checkpoint_parse(opened, &checkpoint, err);
}
static void check_checkpoint(void)
{
	assert_int_equal(checkpoint.size, 3);
}

static void S12__note_open__out_of_memory_or_whole(void **state)
{
	const struct fault_case c = {run_checkpoint, check_checkpoint, NULL};

	(void)state;
	assert_ok(note_sign(BYTES_LIT("o\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"),
			  &maker.log, &text, &setup_err),
		setup_err);
	fault_case_run(&c);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(S12__predicate_parse__out_of_memory_or_whole),
		TEST(S12__sigstore_bundle_parse__out_of_memory_or_whole),
		TEST(S12__sigstore_verify__out_of_memory_or_the_true_verdict),
		TEST(S12__note_open__out_of_memory_or_whole),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
