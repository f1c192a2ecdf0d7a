/* SPDX-License-Identifier: Apache-2.0 */
/* Statements beside a release over real TLS: who may hand in what, what a launch is refused without, and
 * that an audit judges them again. */
#include "tests/unit/verifier/world.h"

#include "ledger/audit.h"
#include "policy/withdrawal.h"

static struct world w;
static struct key *ci;
static struct buf top, envelope;
static struct https c;
static char path[160];

static int setup(void **state)
{
	struct err err = {0};

	(void)state;
	assert_ok(key_generate(KEY_EC_P256, &ci, &err), err);
	buf_put_str(&top, "statement_keys:\n  - name: ci\n    kinds: [provenance]\n    pem: ");
	scene_put_pem(&top, ci, 6);
	w.class_lines = SCENE_CLASS_LINES
		"    statements: [ {kind: provenance, name: build, covers: [binary]} ]\n";
	w.top_lines = buf_str(&top);
	world_start(&w);
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&top);
	buf_release(&envelope);
	https_close(&c);
	world_stop(&w);
	key_unref(&ci);
	return 0;
}

static void release_path(const char *suffix)
{
	char digest[2 * SHA256_LEN + 1];

	hex_encode(BYTES_OF(w.scene->release_digest), digest);
	(void)snprintf(path, sizeof(path), "/v1/releases/%s%s", digest, suffix);
}

/* A statement that the artefact with this digest was built; padding makes it large. */
static void make(
	const char *type, const uint8_t subject[SHA256_LEN], struct key *key, size_t padding)
{
	struct buf text = {0};
	char hex[2 * SHA256_LEN + 1];

	hex_encode(bytes_of(subject, SHA256_LEN), hex);
	buf_printf(&text,
		"{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"name\":\"a\","
		"\"digest\":{\"sha256\":\"%s\"}}],\"predicateType\":\"%s\",\"predicate\":"
		"{\"buildDefinition\":{\"buildType\":\"t\",\"externalParameters\":{}},"
		"\"runDetails\":{\"builder\":{\"id\":\"b\"}},\"padding\":\"",
		hex, type);
	for (size_t i = 0; i < padding; i++)
		buf_put_u8(&text, 'x');
	buf_put_str(&text, "\"}}");
	buf_clear(&envelope);
	assert_ok(dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&text), key, &envelope, &w.err), w.err);
	buf_release(&text);
}

#define PROVENANCE "https://slsa.dev/provenance/v1"

static void post(const struct world_operator *who, int status)
{
	release_path("/statements");
	world_post(&w, who, path, MEDIA_DSSE, buf_bytes(&envelope), status);
}

static json_t *gate(const char *environment)
{
	char suffix[64];

	(void)snprintf(suffix, sizeof(suffix), "/gate?environment=%s", environment);
	release_path(suffix);
	return world_json(&w, &w.ci, "GET", path, NULL, 200);
}

static void assert_gate(const char *environment, bool open)
{
	json_t *answer = gate(environment);
	const char *outcome =
		json_string_value(json_object_get(json_object_get(answer, "verdict"), "outcome"));

	assert_string_equal(outcome, open ? "trusted" : "untrusted");
	assert_int_equal(
		json_is_true(json_object_get(json_object_get(answer, "checklist"), "met")), open);
	assert_string_equal(json_string_value(json_object_get(answer, "environment")), environment);
	json_decref(answer);
}

static void launch__without_the_statement__refused_then_trusted_and_audited(void **state)
{
	struct world_attestation a = {.purpose = PURPOSE_LAUNCH}, b = {.purpose = PURPOSE_LAUNCH};
	struct audit_anchors anchors = {.roots = &w.ca, .root_count = 1};
	struct audit_report report;
	char id[2 * SHA256_LEN + 1];

	(void)state;
	world_attest(&w, &c, &a);
	assert_outcome(&a, "untrusted: statement-missing");
	assert_gate("prod", false);
	make(PROVENANCE, w.scene->components[0].digest, ci, 0);
	post(&w.ci, 201);
	post(&w.ci, 200);
	assert_gate("prod", true);
	scene_log_default(w.scene);
	world_attest(&w, &c, &b);
	assert_outcome(&b, "trusted");
	hex_encode(BYTES_OF(b.result.record), id);
	(void)snprintf(path, sizeof(path), "/v1/records/%s/bundle", id);
	struct https_answer bundle =
		world_call(&w, &w.auditor, "GET", path, NULL, (struct bytes){0});
	assert_int_equal(bundle.status, 200);
	assert_ok(audit_run(buf_bytes(&bundle.body), &anchors, &report, &w.err), w.err);
	assert_true(report.reproducible);
	assert_true(report.consistent);
	assert_non_null(strstr(buf_str(&report.verdict), "statement build: 1 signed by ci"));
	audit_report_release(&report);
	buf_release(&bundle.body);
	world_attestation_release(&a);
	world_attestation_release(&b);
}

static void statements__not_signed_for_their_kind_or_of_something_else__refused(void **state)
{
	uint8_t other[SHA256_LEN] = {7};

	(void)state;
	make(PROVENANCE, w.scene->components[0].digest, w.keys.builder, 0);
	post(&w.ci, 403);
	make("https://cyclonedx.org/bom", w.scene->components[0].digest, ci, 0);
	post(&w.ci, 403);
	make(PROVENANCE, w.scene->components[1].digest, ci, 0); /* of fs-verity */
	post(&w.ci, 403);
	make(PROVENANCE, other, ci, 0);
	post(&w.ci, 403);
	make(PROVENANCE, w.scene->release_digest, ci, 0);
	post(&w.auditor, 403);
	post(&w.ci, 201);
	buf_clear(&envelope);
	buf_put_str(&envelope, "{}");
	post(&w.ci, 400);
	buf_clear(&envelope);
	buf_put(&envelope, buf_bytes(&w.scene->release_envelope));
	post(&w.ci, 403);
	assert_gate("prod", false);
}

static void P13__more_statements_than_a_release_may_have__refused(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		make(PROVENANCE, w.scene->components[0].digest, ci, 240000 + i);
		post(&w.ci, 201);
	}
	make(PROVENANCE, w.scene->components[0].digest, ci, 240003);
	post(&w.ci, 400);
	assert_gate("prod", true);
}

/* Who holds no key of a signer has what was signed, and can write other bytes around it without end. */
static void P13__same_statement_in_other_bytes__fills_no_room(void **state)
{
	struct buf once = {0};

	(void)state;
	make(PROVENANCE, w.scene->components[0].digest, ci, 0);
	post(&w.ci, 201);
	buf_put(&once, buf_bytes(&envelope));
	for (int i = 1; i < 70; i++) {
		buf_clear(&envelope);
		buf_printf(&envelope, "{%*s%s", i, "", buf_str(&once) + 1);
		post(&w.ci, 200);
	}
	release_path("");
	json_t *release = world_json(&w, &w.ci, "GET", path, NULL, 200);
	assert_int_equal(json_array_size(json_object_get(release, "statements")), 1);
	json_decref(release);
	make(PROVENANCE, w.scene->components[0].digest, ci, 1);
	post(&w.ci, 201); /* another one */
	buf_release(&once);
}

/* A withdrawal of the statement that `envelope` holds, or of another one. */
static void make_withdrawal(const uint8_t statement[SHA256_LEN], int64_t issued)
{
	struct withdrawal take = {.reason = (char *)(uintptr_t) "r", .issued = issued};
	struct buf text = {0};

	memcpy(take.statement, statement, SHA256_LEN);
	memcpy(take.release, w.scene->release_digest, SHA256_LEN);
	assert_ok(withdrawal_statement(&take, &text, &w.err), w.err);
	buf_clear(&envelope);
	assert_ok(dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&text), ci, &envelope, &w.err), w.err);
	buf_release(&text);
}

static void P8__withdrawals_of_nothing__fill_no_room(void **state)
{
	struct dsse *dsse = NULL;
	uint8_t digest[SHA256_LEN], other[SHA256_LEN] = {0};

	(void)state;
	make(PROVENANCE, w.scene->components[0].digest, ci, 0);
	assert_ok(dsse_parse(buf_bytes(&envelope), &dsse, &w.err), w.err);
	assert_ok(sha256_of(buf_bytes(&dsse->payload), digest, &w.err), w.err);
	dsse_free(&dsse);
	post(&w.ci, 201);
	for (uint8_t i = 0; i < 9; i++) {
		other[0] = i;
		make_withdrawal(other, SCENE_NOW);
		post(&w.ci, 403);
	}
	assert_gate("prod", true);
	make_withdrawal(digest, SCENE_NOW);
	post(&w.ci, 201);
	post(&w.ci, 200);
	assert_gate("prod", false);
	for (int i = 1; i < 70; i++) {
		make_withdrawal(digest, SCENE_NOW + i);
		post(&w.ci, 200);
	}
	release_path("");
	json_t *release = world_json(&w, &w.ci, "GET", path, NULL, 200);
	assert_int_equal(json_array_size(json_object_get(release, "statements")), 2);
	json_decref(release);
}

static void statements__of_an_unknown_or_revoked_release__refused(void **state)
{
	char nobody[] =
		"/v1/releases/0000000000000000000000000000000000000000000000000000000000000000"
		"/statements";

	(void)state;
	make(PROVENANCE, w.scene->components[0].digest, ci, 0);
	world_post(&w, &w.ci, nobody, MEDIA_DSSE, buf_bytes(&envelope), 404);
	post(&w.ci, 201);
	assert_gate("prod", true);
	release_path("/revoke");
	world_do(&w, &w.admin, "POST", path, "{\"reason\":\"r\"}", 200);
	json_t *answer = gate("prod");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(answer, "verdict"), "outcome")),
		"untrusted");
	json_decref(answer);
	make(PROVENANCE, w.scene->components[0].digest, ci, 1);
	post(&w.ci, 409);
}

static void gate__without_an_environment__refused(void **state)
{
	(void)state;
	release_path("/gate");
	world_do(&w, &w.ci, "GET", path, NULL, 400);
	release_path("/gate?environment=a%2Fb");
	world_do(&w, &w.ci, "GET", path, NULL, 400);
}

static void gate__environment_that_is_not_the_workloads__refused(void **state)
{
	(void)state;
	release_path("/gate?environment=test");
	json_t *answer = world_json(&w, &w.ci, "GET", path, NULL, 400);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(answer, "error"), "message")),
		"environment: workload ocr-agent is registered for environment prod, and its "
		"launches are judged for that");
	json_decref(answer);
}

static void releases__one__with_its_statements(void **state)
{
	(void)state;
	make(PROVENANCE, w.scene->components[0].digest, ci, 0);
	post(&w.ci, 201);
	release_path("");
	json_t *release = world_json(&w, &w.ci, "GET", path, NULL, 200);
	assert_int_equal(json_array_size(json_object_get(release, "statements")), 1);
	assert_string_equal(json_string_value(json_object_get(
				    json_object_get(release, "appraisal"), "outcome")),
		"trusted");
	json_decref(release);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(launch__without_the_statement__refused_then_trusted_and_audited),
		T(statements__not_signed_for_their_kind_or_of_something_else__refused),
		T(P13__more_statements_than_a_release_may_have__refused),
		T(P13__same_statement_in_other_bytes__fills_no_room),
		T(P8__withdrawals_of_nothing__fill_no_room),
		T(statements__of_an_unknown_or_revoked_release__refused),
		T(gate__without_an_environment__refused),
		T(gate__environment_that_is_not_the_workloads__refused),
		T(releases__one__with_its_statements),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
