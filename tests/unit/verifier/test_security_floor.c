/* SPDX-License-Identifier: Apache-2.0 */
/* Security floors over the API: whose word counts, in which order, what follows for launches,
 * renewals and the gate. */
#include "policy/security_floor.h"

#include "ledger/audit.h"
#include "verifier/floors.h"

#include "tests/unit/verifier/fakes.h"
#include "tests/unit/verifier/world.h"

#define FLOORS    "/v1/security-floors"
#define TEXT(...) ((char *)(uintptr_t)(__VA_ARGS__))

static struct world w;
static struct key *anna, *bert, *carl;
static bool named;
static struct https c;
static struct world_attestation a, b;
static struct security_floor wanted;

static void put(const char *name, struct bytes content)
{
	char path[128];
	(void)world_path(&w, name, path);
	assert_ok(file_write_atomic(path, content, 0600, &w.err), w.err);
}

/* policy_keys anna and bert, both of whom must sign; the policy is. */
static void prepare(struct world *world)
{
	struct buf config = {0}, policy = {0}, first = {0}, both = {0};
	char path[128];
	if (!named)
		return;
	(void)world_path(world, "verifierd.yaml", path);
	assert_ok(file_read(path, 1 << 16, &config, &w.err), w.err);
	buf_put_str(&config, "policy_keys:\n  - name: anna\n    key: ");
	scene_put_pem(&config, anna, 6);
	buf_put_str(&config, "  - name: bert\n    key: ");
	scene_put_pem(&config, bert, 6);
	buf_put_str(&config, "policy_threshold: 2\n");
	put("verifierd.yaml", buf_bytes(&config));
	(void)world_path(world, "policy.yaml", path);
	assert_ok(file_read(path, POLICY_TEXT_MAX, &policy, &w.err), w.err);
	assert_ok(policy_signature_add((struct bytes){0}, buf_bytes(&policy), anna, &first, &w.err),
		w.err);
	assert_ok(policy_signature_add(buf_bytes(&first), buf_bytes(&policy), bert, &both, &w.err),
		w.err);
	put("policy.yaml.sig", buf_bytes(&both));
	buf_release(&config);
	buf_release(&policy);
	buf_release(&first);
	buf_release(&both);
}

static int setup_any(bool with_keys)
{
	struct key **const made[] = {&anna, &bert, &carl};
	memset(&w, 0, sizeof(w));
	for (size_t i = 0; i < ARRAY_LEN(made); i++)
		assert_ok(key_generate(KEY_EC_P256, made[i], &w.err), w.err);
	named = with_keys;
	w.prepare = prepare;
	world_start(&w); /* release 1.4.0 */
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	a = b = (struct world_attestation){.purpose = PURPOSE_LAUNCH};
	wanted = (struct security_floor){.trust_domain = TEXT(WORLD_DOMAIN),
		.workload = TEXT("ocr-agent"),
		.minimum = TEXT("1.4.1"),
		.reason = TEXT("CVE-2026-1"),
		.sequence = 1,
		.issued = clock_wall(&clock_system)};
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return setup_any(true);
}

static int setup_without_keys(void **state)
{
	(void)state;
	return setup_any(false);
}

static int teardown(void **state)
{
	(void)state;
	struct key **const made[] = {&anna, &bert, &carl};
	for (size_t i = 0; i < ARRAY_LEN(made); i++)
		key_unref(made[i]);
	world_attestation_release(&a);
	world_attestation_release(&b);
	https_close(&c);
	world_stop(&w);
	return 0;
}

/* What is wanted, signed by two keys (the second may be NULL). */
static void sign(struct key *first, struct key *second, struct buf *ret)
{
	struct buf one = {0};
	buf_clear(ret);
	assert_ok(security_floor_sign(&wanted, first, &one, &w.err), w.err);
	if (second)
		assert_ok(security_floor_sign_too(buf_bytes(&one), second, ret, &w.err), w.err);
	else
		buf_put(ret, buf_bytes(&one));
	buf_release(&one);
}

static void publish_by(
	struct key *first, struct key *second, int wanted_status, const char *message)
{
	struct buf envelope = {0};
	sign(first, second, &envelope);
	struct https_answer answer =
		world_call(&w, &w.admin, "POST", FLOORS, MEDIA_DSSE, buf_bytes(&envelope));
	buf_put(&answer.body, bytes_of("", 1));
	if (answer.status != wanted_status || !strstr((char *)answer.body.data, message))
		fail_msg("%d, wanted %d: %s", answer.status, wanted_status,
			(char *)answer.body.data);
	buf_release(&answer.body);
	buf_release(&envelope);
}

static void publish(uint32_t sequence, const char *minimum, int status, const char *message)
{
	wanted.sequence = sequence;
	wanted.minimum = TEXT(minimum);
	publish_by(anna, bert, status, message);
}

static void assert_security_floor(int sequence, const char *minimum)
{
	json_t *view = world_json(&w, &w.auditor, "GET", "/v1/workloads/ocr-agent", NULL, 200);
	const json_t *floor = json_object_get(view, "security_floor");
	const char *at = json_string_value(json_object_get(floor, "minimum"));
	assert_int_equal(json_integer_value(json_object_get(floor, "sequence")), sequence);
	assert_int_equal(at != NULL, minimum != NULL);
	if (minimum)
		assert_string_equal(at, minimum);
	json_decref(view);
}

static void launch(const char *outcome)
{
	world_attestation_release(&a);
	a = (struct world_attestation){.purpose = PURPOSE_LAUNCH};
	w.scene->instance[0]++;
	w.scene->claims.instance[0]++;
	scene_log_default(w.scene);
	world_attest(&w, &c, &a);
	assert_outcome(&a, outcome);
}

static void floor__signed_by_the_threshold__in_force_at_once(void **state)
{
	(void)state;
	launch("trusted");
	publish(1, "1.4.1", 201, "\"minimum\":\"1.4.1\"");
	assert_security_floor(1, "1.4.1");
	world_next(&w, &a, &b);
	world_attest(&w, &c, &b);
	assert_outcome(&b, "untrusted: security-floor");
	launch("untrusted: security-floor");
}

static void P6__floor_signed_by_too_few_or_others__refused(void **state)
{
	(void)state;
	publish_by(anna, NULL, 403, "1 of the keys that count signed: anna; 2 must");
	publish_by(anna, carl, 403, "1 of the keys that count signed: anna; 2 must");
	publish_by(carl, NULL, 403, "0 of the keys that count signed; 2 must");
	/* Who may sign releases or approve them sets no floor. */
	publish_by(w.keys.builder, w.keys.alice, 403, "0 of the keys that count signed; 2 must");
	assert_security_floor(0, NULL);
	launch("trusted");
}

static void P9__floor_of_a_sequence_not_above_the_last__refused(void **state)
{
	(void)state;
	publish(5, "1.4.1", 201, "");
	publish(5, "1.4.1", 200, ""); /* the very same, again */
	publish(5, "1.0.0", 409, "sequence 5: 5 is in force; a new statement needs a higher one");
	publish(4, "1.0.0", 409, "sequence 4: 5 is in force; a new statement needs a higher one");
	publish(4, NULL, 409, "sequence 4: 5 is in force");
	assert_security_floor(5, "1.4.1");
	launch("untrusted: security-floor");
}

static void floor__lowered_or_lifted_by_a_new_statement__holds(void **state)
{
	(void)state;
	publish(1, "2.0.0", 201, "");
	launch("untrusted: security-floor");
	publish(2, "1.4.0", 201, "");
	launch("trusted");
	publish(3, "1.4.1", 201, "");
	launch("untrusted: security-floor");
	publish(9, NULL, 201, "\"minimum\":null");
	assert_security_floor(9, NULL);
	launch("trusted");
}

static void floor__of_another_domain_workload_or_time__refused(void **state)
{
	(void)state;
	wanted.trust_domain = TEXT("other.example");
	publish(1, "1", 403, "of trust domain other.example: this verifier is of bank.example");
	wanted.trust_domain = TEXT(WORLD_DOMAIN);
	wanted.workload = TEXT("nobody");
	publish(1, "1", 404, "no workload nobody");
	wanted.workload = TEXT("ocr-agent");
	wanted.issued = clock_wall(&clock_system) + 600;
	publish(1, "1", 403, "issued in the future");
	wanted.issued = clock_wall(&clock_system) + 30;
	publish(1, "1", 201, "");
	world_do(&w, &w.admin, "POST", "/v1/workloads/ocr-agent/retire", "{\"reason\":\"r\"}", 200);
	publish(2, "1", 409, "workload ocr-agent is retired");
}

static void floor__who_may_hand_it_in_and_read_it__roles(void **state)
{
	(void)state;
	struct buf envelope = {0};
	world_do(&w, &w.ci, "GET", "/v1/workloads/ocr-agent/security-floor", NULL, 404);
	sign(anna, bert, &envelope);
	world_post(&w, &w.ci, FLOORS, MEDIA_DSSE, buf_bytes(&envelope), 403);
	world_post(&w, &w.auditor, FLOORS, MEDIA_DSSE, buf_bytes(&envelope), 403);
	world_post(&w, &w.admin, FLOORS, MEDIA_DSSE, BYTES_LIT("{}"), 400);
	world_post(&w, &w.admin, FLOORS, MEDIA_DSSE, buf_bytes(&envelope), 201);
	struct https_answer got = world_call(&w, &w.ci, "GET",
		"/v1/workloads/ocr-agent/security-floor", NULL, (struct bytes){0});
	assert_int_equal(got.status, 200);
	assert_bytes(buf_bytes(&got.body), buf_bytes(&envelope));
	buf_release(&got.body);
	buf_release(&envelope);
}

static void floor__in_the_ledger__with_signers_and_reason(void **state)
{
	(void)state;
	struct store_tree tree;
	struct sql *sql = NULL;
	struct leaf_row leaf = {0};
	struct leaf decoded;
	bool found = false;
	publish(3, "1.4.1", 201, "");
	store_tree(w.app->store, &tree);
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	assert_ok(leaf_get(sql, tree.size - 1, &leaf, &found, &w.err), w.err);
	store_read_done(w.app->store, &sql);
	assert_true(found);
	assert_ok(leaf_decode(buf_bytes(&leaf.bytes), &decoded, &w.err), w.err);
	assert_int_equal(decoded.type, LEAF_POLICY);
	static const char *const parts[] = {"\"event\":\"security-floor\"", "\"minimum\":\"1.4.1\"",
		"\"sequence\":3", "\"signed_by\":[\"anna\",\"bert\"]", "\"threshold\":2",
		"\"reason\":\"CVE-2026-1\"", "\"workload\":\"ocr-agent\""};
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (!memmem(leaf.content.data, leaf.content.len, parts[i], strlen(parts[i])))
			fail_msg("no %s", parts[i]);
	leaf_row_release(&leaf);
}

static void floor__service_started_again_without_keys__still_in_force(void **state)
{
	(void)state;
	publish(3, "1.4.1", 201, "");
	https_close(&c);
	app_close(&w.app);
	struct buf config = {0};
	char path[128];
	(void)world_path(&w, "verifierd.yaml", path);
	assert_ok(file_read(path, 1 << 16, &config, &w.err), w.err);
	buf_put(&config, bytes_of("", 1));
	char *keys = strstr((char *)config.data, "\npolicy_keys:");
	put("verifierd.yaml", bytes_of(config.data, (size_t)(keys - (char *)config.data)));
	buf_release(&config);
	if (!world_open(&w))
		fail_msg("%s", w.err.text);
	assert_true(world_connect(&w, &c));
	assert_security_floor(3, "1.4.1");
	launch("untrusted: security-floor");
	publish(4, NULL, 400, "no policy_keys");
}

static void floor__verifier_without_policy_keys__says_so(void **state)
{
	(void)state;
	publish(1, "1.4.1", 400,
		"this verifier has no policy_keys: it names nobody who may set a security floor");
}

static void gate__release_below_the_security_floor__closed_and_shown(void **state)
{
	(void)state;
	char digest[2 * SHA256_LEN + 1], path[160];
	publish(1, "1.4.1", 201, "");
	hex_encode(BYTES_OF(w.scene->release_digest), digest);
	(void)snprintf(path, sizeof(path), "/v1/releases/%s/gate?environment=prod", digest);
	json_t *answer = world_json(&w, &w.ci, "GET", path, NULL, 200);
	const json_t *reason =
		json_array_get(json_object_get(json_object_get(answer, "verdict"), "reasons"), 0);
	assert_string_equal(json_string_value(json_object_get(reason, "code")), "security-floor");
	assert_string_equal(
		json_string_value(json_object_get(reason, "expected")), "1.4.1 or later");
	assert_string_equal(json_string_value(json_object_get(reason, "actual")), "1.4.0");
	assert_string_equal(json_string_value(json_object_get(
				    json_object_get(answer, "security_floor"), "minimum")),
		"1.4.1");
	json_decref(answer);
}

static void audit__record_under_a_security_floor__the_same_verdict(void **state)
{
	(void)state;
	char id[2 * SHA256_LEN + 1], path[128];
	struct audit_report report;
	publish(1, "1.4.1", 201, "");
	launch("untrusted: security-floor");
	hex_encode(BYTES_OF(a.result.record), id);
	(void)snprintf(path, sizeof(path), "/v1/records/%s/bundle", id);
	struct https_answer bundle =
		world_call(&w, &w.auditor, "GET", path, NULL, (struct bytes){0});
	assert_int_equal(bundle.status, 200);
	struct audit_anchors anchors = {.roots = &w.ca, .root_count = 1};
	assert_ok(audit_run(buf_bytes(&bundle.body), &anchors, &report, &w.err), w.err);
	assert_true(report.consistent);
	assert_false(report.record.trusted);
	audit_report_release(&report);
	buf_release(&bundle.body);
}

static void security_floors__rows__are_kept_and_immutable(void **state)
{
	(void)state;
	static const char *const attempts[] = {
		"DELETE FROM security_floors", "UPDATE security_floors SET minimum=''"};
	struct sql *sql = NULL;
	publish(1, "1.4.1", 201, "");
	assert_ok(test_sql()->open(w.app->config.database, true, &sql, &w.err), w.err);
	for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
		assert_false(sql_exec(sql, attempts[i], SQL_NO_ARGS, NULL, &w.err));
		assert_non_null(strstr(w.err.text, "a security floor is"));
	}
	struct security_floor_row row = {.workload = "ocr-agent", .sequence = 1};
	assert_fails(security_floor_insert(sql, &row, &w.err), w.err, ERR_CONFLICT,
		"the security floor was changed meanwhile");
	sql_close(&sql);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(floor__signed_by_the_threshold__in_force_at_once),
		T(P6__floor_signed_by_too_few_or_others__refused),
		T(P9__floor_of_a_sequence_not_above_the_last__refused),
		T(floor__lowered_or_lifted_by_a_new_statement__holds),
		T(floor__of_another_domain_workload_or_time__refused),
		T(floor__who_may_hand_it_in_and_read_it__roles),
		T(floor__in_the_ledger__with_signers_and_reason),
		T(floor__service_started_again_without_keys__still_in_force),
		cmocka_unit_test_setup_teardown(
			floor__verifier_without_policy_keys__says_so, setup_without_keys, teardown),
		T(gate__release_below_the_security_floor__closed_and_shown),
		T(audit__record_under_a_security_floor__the_same_verdict),
		T(security_floors__rows__are_kept_and_immutable),
#undef T
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
