/* SPDX-License-Identifier: Apache-2.0 */
/* Statements that others make: read into views, and every deviation refused. */
#include "policy/predicate.h"

#include <stdlib.h>

#include "base/text.h"
#include "bom_texts.h"
#include "tests/support/unit.h"

static struct buf text;
static struct predicate *p;
static struct err err;

static int teardown(void **state)
{
	(void)state;
	buf_release(&text);
	predicate_free(&p);
	return 0;
}

static void parse(const char *statement)
{
	predicate_free(&p);
	assert_ok(predicate_parse(bytes_str(statement), &p, &err), err);
}

/* The statement with the first occurrence replaced. */
static struct bytes edit(const char *statement, const char *from, const char *to)
{
	const char *at = strstr(statement, from);

	assert_non_null(at);
	buf_clear(&text);
	buf_printf(&text, "%.*s%s%s", (int)(at - statement), statement, to, at + strlen(from));
	return buf_bytes(&text);
}

static void refused(const char *statement, const char *from, const char *to, const char *why)
{
	predicate_free(&p);
	assert_fails(predicate_parse(edit(statement, from, to), &p, &err), err, ERR_FORMAT, why);
	assert_null(p);
}

static void accepted(const char *statement, const char *from, const char *to)
{
	predicate_free(&p);
	assert_ok(predicate_parse(edit(statement, from, to), &p, &err), err);
}

static void provenance__as_a_builder_writes_it__read(void **state)
{
	uint8_t model[SHA256_LEN];

	(void)state;
	memset(model, 0xbb, sizeof(model));
	parse(PROVENANCE_TEXT);
	assert_int_equal(p->kind, PREDICATE_PROVENANCE);
	assert_string_equal(p->type, "https://slsa.dev/provenance/v1");
	assert_string_equal(p->subjects[0].name, "agent.tar");
	assert_string_equal(p->provenance.builder_id, "https://ci.example/builder@v2");
	assert_string_equal(p->provenance.build_type, "https://ci.example/workflow/v1");
	assert_string_equal(
		p->provenance.external_parameters, "{\"inputs\":{},\"ref\":\"refs/tags/v1\"}");
	assert_string_equal(p->provenance.invocation_id, "run-991");
	assert_int_equal(p->provenance.started_on, 1785578400);
	assert_int_equal(p->provenance.finished_on, 1785578650);
	assert_int_equal(p->provenance.dependency_count, 2);
	assert_ptr_equal(p->provenance.source, &p->provenance.dependencies[0]);
	assert_string_equal(p->provenance.source->digest.commit, HEX_COMMIT);
	assert_memory_equal(p->provenance.dependencies[1].digest.sha256, model, SHA256_LEN);
}

static void provenance__two_commits__no_source_is_chosen(void **state)
{
	(void)state;
	accepted(PROVENANCE_TEXT, "{\"sha256\":\"" HEX_B "\"}", "{\"gitCommit\":\"" HEX_B "\"}");
	assert_string_equal(p->provenance.dependencies[1].digest.commit, HEX_B);
	assert_null(p->provenance.source);
	accepted(PROVENANCE_TEXT, "\"gitCommit\"", "\"gitTree\"");
	assert_null(p->provenance.source);
}

static void provenance__null_or_empty__counts_as_absent(void **state)
{
	(void)state;
	accepted(PROVENANCE_TEXT, "\"run-991\"", "null");
	assert_null(p->provenance.invocation_id);
	accepted(PROVENANCE_TEXT, "\"2026-08-01T10:00:00Z\"", "\"\"");
	assert_int_equal(p->provenance.started_on, 0);
	refused(PROVENANCE_TEXT, "\"https://ci.example/builder@v2\"", "\"\"",
		"statement: id: missing");
	refused(PROVENANCE_TEXT, "\"https://ci.example/builder@v2\"", "null",
		"statement: id: missing");
}

static void provenance__what_it_must_have__missing_or_malformed__refused(void **state)
{
	static const char *const cases[][3] = {
		{"\"buildDefinition\"", "\"BuildDefinition\"",
			"statement: buildDefinition: missing"},
		{"\"runDetails\"", "\"run\"", "statement: runDetails: missing"},
		{"\"builder\"", "\"build\"", "statement: builder: missing"},
		{"{\"id\"", "{\"Id\"", "statement: id: missing"},
		{"\"buildType\"", "\"type\"", "statement: buildType: missing"},
		{"\"externalParameters\":{\"ref\"", "\"internal\":{\"ref\"",
			"statement: externalParameters: missing"},
		{"{\"ref\":\"refs/tags/v1\",\"inputs\":{}}", "[]",
			"statement: externalParameters: expected an object"},
		{"10:04:10Z", "10:04:10+02:00",
			"statement: finishedOn: not a time (2026-11-22T23:21:38Z)"},
		{"run-991", "run\\u0007",
			"statement: invocationId: empty, too long or with control characters"},
		{"[{\"uri\"", "[1,{\"uri\"",
			"statement: resolvedDependencies 0: descriptor: expected an object"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		refused(PROVENANCE_TEXT, cases[i][0], cases[i][1], cases[i][2]);
}

static void test_result__as_a_pipeline_writes_it__read(void **state)
{
	(void)state;
	parse(TEST_RESULT_TEXT);
	assert_int_equal(p->kind, PREDICATE_TEST_RESULT);
	assert_int_equal(p->test_result.result, PREDICATE_WARNED);
	assert_int_equal(p->test_result.passed.count, 2);
	assert_string_equal(p->test_result.passed.names[1], "b");
	assert_string_equal(p->test_result.warned.names[0], "c");
	assert_int_equal(p->test_result.failed.count, 0);
	assert_string_equal(p->test_result.configuration[0].name, "ci.yml");
	assert_string_equal(p->test_result.url, "https://ci.example/9");
	accepted(TEST_RESULT_TEXT, "WARNED", "PASSED");
	assert_int_equal(p->test_result.result, PREDICATE_PASSED);
	accepted(TEST_RESULT_TEXT, "WARNED", "FAILED");
	assert_int_equal(p->test_result.result, PREDICATE_FAILED);
}

static void test_result__of_no_known_result__refused(void **state)
{
	(void)state;
	refused(TEST_RESULT_TEXT, "WARNED", "passed", "statement: result: no result that is known");
	refused(TEST_RESULT_TEXT, "WARNED", "OK", "statement: result: no result that is known");
	refused(TEST_RESULT_TEXT, "\"configuration\"", "\"conf\"",
		"statement: configuration: missing");
	refused(TEST_RESULT_TEXT, "[\"c\"]", "[3]", "statement: warnedTests: expected strings");
}

static void test_result__passed_with_failed_tests__refused(void **state)
{
	(void)state;
	refused(TEST_RESULT_TEXT, "\"failedTests\":[]", "\"failedTests\":[\"d\"]",
		"statement: result: not FAILED, though tests failed");
}

static void vsa__as_a_verifier_writes_it__read(void **state)
{
	(void)state;
	parse(VSA_TEXT);
	assert_int_equal(p->kind, PREDICATE_VSA);
	assert_int_equal(p->vsa.result, PREDICATE_PASSED);
	assert_string_equal(p->vsa.verifier_id, "https://verifier.example");
	assert_string_equal(p->vsa.resource_uri, "pkg:oci/agent");
	assert_string_equal(p->vsa.policy.uri, "https://policy.example");
	assert_true(p->vsa.policy.digest.has_sha256);
	assert_int_equal(p->vsa.time_verified, 1785582000);
	assert_int_equal(p->vsa.input_count, 1);
	assert_string_equal(p->vsa.levels.names[0], "SLSA_BUILD_LEVEL_3");
	accepted(VSA_TEXT, "PASSED", "FAILED");
	assert_int_equal(p->vsa.result, PREDICATE_FAILED);
}

static void vsa__what_it_must_have__missing__refused(void **state)
{
	(void)state;
	refused(VSA_TEXT, "PASSED", "WARNED",
		"statement: verificationResult: no result that is known");
	refused(VSA_TEXT, "\"verifier\"", "\"verified\"", "statement: verifier: missing");
	refused(VSA_TEXT, "\"resourceUri\"", "\"uri\"", "statement: resourceUri: missing");
	refused(VSA_TEXT, "\"policy\":{\"uri\"", "\"policy\":{\"url\"",
		"statement: policy: has no uri");
	refused(VSA_TEXT, "\"verifiedLevels\"", "\"levels\"", "statement: verifiedLevels: missing");
	refused(VSA_TEXT, "\"digest\":{\"sha256\":\"" HEX_A "\"}}],\"verification",
		"\"d\":0}],\"verification", "statement: inputAttestations 0: digest: missing");
}

static void assessment__of_ours__read(void **state)
{
	double value = 0;

	(void)state;
	parse(ASSESSMENT_TEXT);
	assert_int_equal(p->kind, PREDICATE_ASSESSMENT);
	assert_string_equal(p->assessment.name, "evaluation");
	assert_string_equal(p->assessment.by, "evaluation team");
	assert_int_equal(p->assessment.result, PREDICATE_PASSED);
	assert_true(p->assessment.expires > p->assessment.issued);
	assert_int_equal(p->assessment.report[31], 0xbb);
	assert_int_equal(p->assessment.metric_count, 2);
	assert_string_equal(p->assessment.metrics[0].name, "accuracy");
	assert_true(predicate_metric_of(p, "toxicity", &value));
	assert_true(value > 0.019 && value < 0.021);
	assert_true(predicate_metric_of(p, "accuracy", &value));
	assert_true(value > 0.99);
	assert_false(predicate_metric_of(p, "Accuracy", &value));
	accepted(ASSESSMENT_TEXT, "passed", "failed");
	assert_int_equal(p->assessment.result, PREDICATE_FAILED);
	accepted(ASSESSMENT_TEXT, "{\"toxicity\":0.02,\"accuracy\":1}", "null");
	assert_int_equal(p->assessment.metric_count, 0);
}

static void assessment__deviating__refused(void **state)
{
	static const char *const cases[][3] = {
		{"passed", "PASSED", "statement: result: no result that is known"},
		{"\"by\"", "\"retracted\":true,\"by\"", "statement: retracted: unknown key"},
		{"\"report\":{", "\"report\":{\"x\":1,", "statement: x: unknown key"},
		{"\"report\":{\"digest\":{", "\"report\":{\"digest\":{\"sha512\":\"0\",",
			"statement: sha512: unknown key"},
		{"2027-02-01", "2026-08-01", "statement: expires: not after issued"},
		{"\"issued\":\"2026-08-01T10:00:00Z\",", "", "statement: issued: missing"},
		{"evaluation team", "", "statement: by: missing"},
		{"0.02", "\"0.02\"", "statement: toxicity: expected a number"},
		{"\"toxicity\"", "\"\"",
			"statement: metrics: a name empty, too long or with control characters"},
		{"evaluation/v1", "evaluation/v2",
			"statement: predicateType: not an assessment/<name>/v1"},
		{"evaluation/v1", "v1", "statement: predicateType: not an assessment/<name>/v1"},
		{"evaluation/v1", "", "statement: predicateType: not an assessment/<name>/v1"},
		{"evaluation/v1", "../x/v1",
			"statement: predicateType: not an assessment/<name>/v1"},
		{"evaluation/v1", "Evaluation/v1",
			"statement: predicateType: not an assessment/<name>/v1"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		refused(ASSESSMENT_TEXT, cases[i][0], cases[i][1], cases[i][2]);
}

static void bom__of_either_family__read(void **state)
{
	char why[PREDICATE_TEXT_MAX];

	(void)state;
	parse(STATEMENT_OF("https://cyclonedx.org/bom", CYCLONEDX_TEXT));
	assert_int_equal(p->kind, PREDICATE_BOM);
	assert_int_equal(p->bom->component_count, 5);
	assert_null(p->bom_fault);
	assert_true(predicate_bom_fits(p, why));
	parse(STATEMENT_OF("https://spdx.dev/Document/v3", SPDX_TEXT));
	assert_int_equal(p->bom->format, BOM_SPDX);
	assert_true(predicate_bom_fits(p, why));
	accepted(STATEMENT_OF("https://spdx.dev/Document/v3", SPDX_TEXT), HEX_A, HEX_B);
	assert_false(predicate_bom_fits(p, why));
	assert_string_equal(why, "the BOM describes another model: llm");
}

static void bom__that_cannot_be_read__a_statement_with_the_fault(void **state)
{
	static const char *const cases[][2] = {
		{"https://cyclonedx.org/bom", "CycloneDX: specVersion: missing"},
		{"https://cyclonedx.org/bom/v1.6", "CycloneDX: specVersion: missing"},
		{"https://spdx.dev/Document/v2.3", "SPDX: bomFormat: unknown key"},
		{"https://spdx.dev/Document", "SPDX: bomFormat: unknown key"},
	};
	static const char *const others[] = {"https://spdx.dev/Documents",
		"https://slsa.dev/provenance/v0.2", "https://SLSA.dev/provenance/v1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		accepted(
			STATEMENT_OF("TYPE", "{\"bomFormat\":\"CycloneDX\"}"), "TYPE", cases[i][0]);
		assert_int_equal(p->kind, PREDICATE_BOM);
		assert_null(p->bom);
		assert_string_equal(p->bom_fault, cases[i][1]);
	}
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		accepted(STATEMENT_OF("TYPE", "{\"bomFormat\":\"CycloneDX\"}"), "TYPE", others[i]);
		assert_int_equal(p->kind, PREDICATE_OTHER);
	}
}

static void P2__no_predicate_type_or_no_predicate__refused(void **state)
{
	(void)state;
	refused(PROVENANCE_TEXT, "\"predicateType\"", "\"PredicateType\"",
		"statement: predicateType: missing");
	refused(PROVENANCE_TEXT, "\"predicate\":", "\"predicated\":",
		"statement: buildDefinition: expected inside an object");
	refused(ASSESSMENT_TEXT, "\"predicate\":", "\"predicated\":",
		"statement: report: expected inside an object");
	refused(PROVENANCE_TEXT, "Statement/v1", "Statement/v0.2",
		"statement: _type: not an in-toto Statement v1 or v0.1");
	refused(PROVENANCE_TEXT, "\"_type\"", "\"type\"", "statement: _type: missing");
}

static void statement__of_version_0_1__read_as_one_of_version_1(void **state)
{
	(void)state;
	accepted(PROVENANCE_TEXT, "Statement/v1", "Statement/v0.1");
	assert_int_equal(p->kind, PREDICATE_PROVENANCE);
}

static void P3__statement_that_does_not_parse__refused(void **state)
{
	static const char *const cases[][2] = {
		{"", "statement: JSON: line 1, column 0: '[' or '{' expected near end of file"},
		{"[]", "statement: _type: expected inside an object"},
		{"{}", "statement: _type: missing"},
		{"{}x", "statement: JSON: line 1, column 3: end of file expected near 'x'"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_fails(predicate_parse(bytes_str(cases[i][0]), &p, &err), err, ERR_FORMAT,
			cases[i][1]);
	refused(PROVENANCE_TEXT, "agent.tar", "agent\xff.tar",
		"statement: JSON: line 1, column 68: unable to decode byte 0xff near '\"agent'");
}

static void P4__duplicate_keys__refused(void **state)
{
	(void)state;
	assert_false(predicate_parse(
		edit(PROVENANCE_TEXT, "{\"id\":", "{\"id\":\"https://evil.example\",\"id\":"), &p,
		&err));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_non_null(strstr(err.text, "duplicate object key near '\"id\"'"));
}

static void P11__digest_not_canonical__refused(void **state)
{
	static const char *const cases[][3] = {
		{"\"sha256\":\"" HEX_A, "\"sha256\":\"A",
			"statement: subject 0: sha256: expected lower-case hex of the right "
			"length"},
		{"\"sha256\":\"aa", "\"sha256\":\"Aa",
			"statement: subject 0: sha256: expected lower-case hex of the right "
			"length"},
		{"\"sha256\":\"aa", "\"sha256\":\"aaa",
			"statement: subject 0: sha256: expected lower-case hex of the right "
			"length"},
		{"\"sha256\":\"aa", "\"sha512\":\"aa",
			"statement: subject 0: sha512: expected lower-case hex of the right "
			"length"},
		{"\"sha256\":\"aaaaaaa", "\"sha256\":\"sha256:",
			"statement: subject 0: sha256: expected lower-case hex of the right "
			"length"},
		{"\"sha256\":\"aa", "\"SHA256\":\"aa",
			"statement: subject 0: SHA256: a known algorithm, spelt otherwise"},
		{"\"sha256\":\"aa", "\"sha-256:\":\"aa",
			"statement: subject 0: sha-256:: a known algorithm, spelt otherwise"},
		{"\"sha256\":\"" HEX_A "\"", "\"sha256\":1",
			"statement: subject 0: sha256: expected a string"},
		{"\"" HEX_COMMIT, "\"0" HEX_COMMIT,
			"statement: resolvedDependencies 0: gitCommit: expected lower-case hex of "
			"the right length"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		refused(PROVENANCE_TEXT, cases[i][0], cases[i][1], cases[i][2]);
}

static void P11__subject_without_digest__refused(void **state)
{
	(void)state;
	refused(PROVENANCE_TEXT, "\"digest\":{\"sha256\":\"" HEX_A "\"}", "\"uri\":\"x\"",
		"statement: subject 0: digest: missing");
	refused(PROVENANCE_TEXT, "{\"sha256\":\"" HEX_A "\"}", "{}",
		"statement: subject 0: digest: missing");
	refused(PROVENANCE_TEXT, "[{\"name\":\"agent.tar\",\"digest\":{\"sha256\":\"" HEX_A "\"}}]",
		"[]", "statement: subject: empty");
	refused(PROVENANCE_TEXT, "\"subject\":[", "\"subject\":[7,",
		"statement: subject 0: name: expected inside an object");
}

static void P11__subject__matched_by_sha256_alone(void **state)
{
	uint8_t a[SHA256_LEN], b[SHA256_LEN];

	(void)state;
	memset(a, 0xaa, sizeof(a));
	memset(b, 0xbb, sizeof(b));
	parse(PROVENANCE_TEXT);
	assert_true(predicate_has_subject(p, a));
	assert_false(predicate_has_subject(p, b));
	/* A digest of another algorithm that looks the same, and zeros where there is none. */
	accepted(PROVENANCE_TEXT, "\"sha256\"", "\"sha3_256\"");
	assert_false(p->subjects[0].digest.has_sha256);
	assert_false(predicate_has_subject(p, a));
	memset(a, 0, sizeof(a));
	assert_false(predicate_has_subject(p, a));
	accepted(PROVENANCE_TEXT, "\"sha256\":\"", "\"other\":\"x\",\"sha256\":\"");
	memset(a, 0xaa, sizeof(a));
	assert_true(predicate_has_subject(p, a));
}

static void P13__more_than_the_limits__refused(void **state)
{
	struct buf many = {0};

	(void)state;
	for (size_t i = 0; i < PREDICATE_SUBJECTS_MAX + 1; i++)
		buf_printf(&many, "{\"digest\":{\"sha256\":\"" HEX_A "\"}},");
	buf_put_str(&many, "{\"name\":\"agent.tar\"");
	refused(PROVENANCE_TEXT, "{\"name\":\"agent.tar\"", buf_str(&many),
		"statement: subject: too many items");
	buf_clear(&many);
	for (size_t i = 0; i < 33; i++)
		buf_printf(&many, "\"x%zu\":\"0\",", i);
	buf_put_str(&many, "\"sha256\":");
	refused(PROVENANCE_TEXT, "\"sha256\":", buf_str(&many),
		"statement: subject 0: digest: too many items");
	buf_clear(&many);
	for (size_t i = 0; i < PREDICATE_NAMES_MAX + 1; i++)
		buf_printf(&many, "\"m%zu\":1,", i);
	buf_put_str(&many, "\"toxicity\":");
	refused(ASSESSMENT_TEXT, "\"toxicity\":", buf_str(&many),
		"statement: metrics: too many items");
	buf_release(&many);
}

static void P1__payload_type__in_toto_only(void **state)
{
	static const struct {
		const char *type;
		bool ok;
	} cases[] = {
		{"application/vnd.in-toto+json", true},
		{"application/vnd.in-toto.provenance+json", true},
		{"application/vnd.in-toto.bundle", false},
		{"application/vnd.in-toto", false},
		{"application/vnd.in-toto.+json", false},
		{"application/vnd.in-totoX+json", false},
		{"application/vnd.in-toto. x+json", false},
		{"Application/vnd.in-toto+json", false},
		{"application/vnd.assay.evidence+cbor", false},
		{"", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(predicate_payload_type_ok(cases[i].type), cases[i].ok);
}

static void names__of_kinds_and_results(void **state)
{
	(void)state;
	assert_string_equal(predicate_kind_name(PREDICATE_VSA), "vsa");
	assert_string_equal(predicate_kind_name(PREDICATE_KINDS), "unknown");
	assert_string_equal(predicate_result_name(PREDICATE_FAILED), "failed");
	assert_string_equal(predicate_result_name((enum predicate_result)9), "unknown");
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(provenance__as_a_builder_writes_it__read),
		TEST(provenance__two_commits__no_source_is_chosen),
		TEST(provenance__null_or_empty__counts_as_absent),
		TEST(provenance__what_it_must_have__missing_or_malformed__refused),
		TEST(test_result__as_a_pipeline_writes_it__read),
		TEST(test_result__of_no_known_result__refused),
		TEST(test_result__passed_with_failed_tests__refused),
		TEST(vsa__as_a_verifier_writes_it__read),
		TEST(vsa__what_it_must_have__missing__refused),
		TEST(assessment__of_ours__read),
		TEST(assessment__deviating__refused),
		TEST(bom__of_either_family__read),
		TEST(bom__that_cannot_be_read__a_statement_with_the_fault),
		TEST(P1__payload_type__in_toto_only),
		TEST(P2__no_predicate_type_or_no_predicate__refused),
		TEST(statement__of_version_0_1__read_as_one_of_version_1),
		TEST(P3__statement_that_does_not_parse__refused),
		TEST(P4__duplicate_keys__refused),
		TEST(P11__digest_not_canonical__refused),
		TEST(P11__subject_without_digest__refused),
		TEST(P11__subject__matched_by_sha256_alone),
		TEST(P13__more_than_the_limits__refused),
		TEST(names__of_kinds_and_results),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
