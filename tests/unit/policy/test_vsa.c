/* SPDX-License-Identifier: Apache-2.0 */
/* The gate's answer as a verification summary: read back by the reader that judges those of others. */
#include "policy/vsa.h"

#include "policy/predicate.h"
#include "tests/support/unit.h"

#define STATEMENT                                                                                  \
	"{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicateType\":"                        \
	"\"https://assay.example/release/v1\",\"predicate\":{},\"subject\":[{\"name\":\"agent\","  \
	"\"digest\":{\"sha256\":"                                                                  \
	"\"00000000000000000000000000000000000000000000000000000000000000aa\"}}]}"

static const uint8_t policy[SHA256_LEN] = {[31] = 7};
static struct err err;

static struct vsa summary(void)
{
	return (struct vsa){
		.verifier_id = "https://verifier.bank.example/gate",
		.resource_uri = "pkg:generic/ocr@1.0",
		.policy_uri = "urn:sha256:07",
		.policy_digest = policy,
		.risk_class = "high-risk",
		.passed = true,
		.time = 1800000000,
		.release = bytes_str(STATEMENT),
	};
}

static struct predicate *read_back(const struct vsa *vsa)
{
	OWNED(buf_release) struct buf text = {0};
	struct predicate *predicate = NULL;
	assert_ok(vsa_statement(vsa, &text, &err), err);
	assert_ok(predicate_parse(buf_bytes(&text), &predicate, &err), err);
	assert_int_equal(predicate->kind, PREDICATE_VSA);
	buf_release(&text);
	return predicate;
}

static void vsa__open_gate__passed_with_the_class(void **state)
{
	(void)state;
	struct bytes inputs[2] = {bytes_str("one"), bytes_str("two")};
	struct vsa vsa = summary();
	uint8_t digest[SHA256_LEN];
	vsa.inputs = inputs;
	vsa.input_count = 2;
	struct predicate *p = read_back(&vsa);
	assert_int_equal(p->vsa.result, PREDICATE_PASSED);
	assert_int_equal(p->vsa.levels.count, 1);
	assert_string_equal(p->vsa.levels.names[0], "ASSAY_CLASS_HIGH_RISK");
	assert_string_equal(p->vsa.verifier_id, vsa.verifier_id);
	assert_string_equal(p->vsa.resource_uri, vsa.resource_uri);
	assert_string_equal(p->vsa.policy.uri, vsa.policy_uri);
	assert_int_equal(p->vsa.time_verified, vsa.time);
	assert_int_equal(p->vsa.input_count, 2);
	assert_ok(sha256_of(inputs[1], digest, &err), err);
	assert_memory_equal(p->vsa.inputs[1].digest.sha256, digest, SHA256_LEN);
	assert_int_equal(p->subject_count, 1);
	assert_string_equal(p->subjects[0].name, "agent");
	predicate_free(&p);
}

static void vsa__closed_gate__failed_and_no_level(void **state)
{
	(void)state;
	struct vsa vsa = summary();
	vsa.passed = false;
	vsa.policy_digest = NULL;
	struct predicate *p = read_back(&vsa);
	assert_int_equal(p->vsa.result, PREDICATE_FAILED);
	assert_int_equal(p->vsa.levels.count, 1);
	assert_string_equal(p->vsa.levels.names[0], "FAILED");
	predicate_free(&p);
}

static void refused(const struct vsa *vsa, enum err_code code, const char *words)
{
	OWNED(buf_release) struct buf text = {0};
	err = (struct err){0};
	assert_false(vsa_statement(vsa, &text, &err));
	assert_int_equal(err.code, code);
	assert_non_null(strstr(err.text, words));
	assert_int_equal(text.len, 0);
}

static void vsa__what_no_reader_would_take__not_written(void **state)
{
	(void)state;
	struct vsa vsa = summary();
	vsa.release = bytes_str("{\"subject\":[]}");
	refused(&vsa, ERR_FORMAT, "subject");
	vsa = summary();
	vsa.release = bytes_str("no JSON");
	refused(&vsa, ERR_FORMAT, "");
	vsa = summary();
	vsa.verifier_id = "\xff";
	refused(&vsa, ERR_NOMEM, "UTF-8");
	vsa = summary();
	vsa.verifier_id = "";
	refused(&vsa, ERR_FORMAT, "id: missing");
	vsa = summary();
	vsa.input_count = VSA_INPUTS_MAX + 1;
	refused(&vsa, ERR_LIMIT, "inputs");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vsa__open_gate__passed_with_the_class),
		cmocka_unit_test(vsa__closed_gate__failed_and_no_level),
		cmocka_unit_test(vsa__what_no_reader_would_take__not_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
