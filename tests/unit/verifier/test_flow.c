/* SPDX-License-Identifier: Apache-2.0 */
/* The main job over real TLS: enrol, launch, credentials, who am I, renew, record, audit. */
#include "tests/unit/verifier/world.h"

#include "crypto/jws.h"
#include "ledger/audit.h"
#include "verifier/record_contents.h"

static struct world w;

static int setup(void **state)
{
	(void)state;
	world_start(&w);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_stop(&w);
	return 0;
}

static void flow__launch__credentials_that_work(void **state)
{
	(void)state;
	struct https c;
	struct world_attestation a;
	struct cert *svid = NULL;
	uint8_t decision[SHA256_LEN];
	struct bytes protection;
	world_enroll(&w);
	w.scene->claims.audience_count = 1;
	w.scene->claims.audiences[0] = BYTES_LIT("invoices.bank.example");
	assert_true(world_connect(&w, &c));
	world_launch(&w, &c, &a);
	assert_int_equal(a.result.cert_count, 1);
	assert_int_equal(a.result.token_count, 1);
	assert_int_equal(a.result.bundle_count, 1);
	assert_int_equal(a.result.renew_after, 300);
	assert_true(a.result.expires > clock_wall(&clock_system) + 500);
	assert_true(a.result.next.challenge.len > 0);
	assert_int_equal(a.result.next.runtime_first, w.scene->log_next);
	assert_ok(cert_from_der(a.result.certs[0], false, &svid, &w.err), w.err);
	assert_true(issued_decision(svid, decision));
	assert_memory_equal(decision, a.result.record, SHA256_LEN);
	assert_true(issued_protection(svid, &protection));
	assert_true(bytes_equal_str(protection, "software"));
	struct world_operator agent = {.cert = svid, .key = w.keys.instance};
	json_t *who = world_json(&w, &agent, "GET", "/v1/whoami", NULL, 200);
	assert_string_equal(json_string_value(json_object_get(who, "id")),
		"spiffe://bank.example/workload/ocr-agent/11111111111111111111111111111111");
	assert_string_equal(json_string_value(json_object_get(who, "kind")), "workload");
	assert_string_equal(json_string_value(json_object_get(who, "key")), "software");
	assert_string_equal(json_string_value(json_object_get(who, "state")), "trusted");
	json_decref(who);
	cert_unref(&svid);
	world_attestation_release(&a);
	https_close(&c);
}

/* What the class says becomes of an agent reaches its host, with acceptances and refusals. */
static void flow__class_says_what_becomes_of_agents__host_is_told(void **state)
{
	(void)state;
	struct https c;
	struct world_attestation a;
	world_stop(&w);
	w.class_lines = SCENE_CLASS_LINES "    on_lease_end: freeze\n    on_refusal: stop\n";
	world_start(&w);
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	world_launch(&w, &c, &a);
	assert_true(a.result.trusted);
	assert_int_equal(a.result.on_lease_end, END_FREEZE);
	assert_int_equal(a.result.on_refusal, END_STOP);
	assert_false(a.result.thaw);
	world_attestation_release(&a);
	https_close(&c);
	w.class_lines = NULL;
}

static void flow__jwt__bounded_and_bound(void **state)
{
	(void)state;
	struct https c;
	struct world_attestation a;
	struct buf claims = {0};
	json_t *root = NULL;
	world_enroll(&w);
	w.scene->claims.want_x509 = false;
	w.scene->claims.audience_count = 1;
	w.scene->claims.audiences[0] = BYTES_LIT("a \"b\"");
	assert_true(world_connect(&w, &c));
	world_launch(&w, &c, &a);
	assert_int_equal(a.result.cert_count, 0);
	assert_ok(jws_verify(a.result.tokens[0], w.app->issuer.signing_key, "JWT", &claims, &w.err),
		w.err);
	assert_ok(json_open(buf_bytes(&claims), 4096, &root, &w.err), w.err);
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(root, "aud"), 0)), "a \"b\"");
	assert_string_equal(json_string_value(json_object_get(root, "sub")),
		"spiffe://bank.example/workload/ocr-agent/11111111111111111111111111111111");
	json_int_t exp = json_integer_value(json_object_get(root, "exp")),
		   iat = json_integer_value(json_object_get(root, "iat"));
	assert_int_equal(exp - iat, 600);
	json_decref(root);
	buf_release(&claims);
	world_attestation_release(&a);
	https_close(&c);
}

static void flow__renewal__incremental_with_the_next_challenge(void **state)
{
	(void)state;
	struct https c;
	struct world_attestation a, next;
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	world_launch(&w, &c, &a);
	for (int i = 0; i < 3; i++) {
		world_next(&w, &a, &next);
		world_attestation_release(&a);
		world_attest(&w, &c, &next);
		assert_outcome(&next, "trusted");
		json_t *verdict = NULL;
		assert_true(json_open(next.result.verdict, JSON_INPUT_MAX, &verdict, NULL));
		assert_true(json_is_false(json_object_get(verdict, "full")));
		json_decref(verdict);
		a = next;
	}
	world_attestation_release(&a);
	https_close(&c);
}

/* The auditor's own computation over what the verifier gives out. */
static void audit(const struct world_attestation *a, bool trusted)
{
	char id[2 * SHA256_LEN + 1], path[128];
	struct audit_report report;
	hex_encode(bytes_of(a->result.record, SHA256_LEN), id);
	(void)snprintf(path, sizeof(path), "/v1/records/%s", id);
	json_t *record = world_json(&w, &w.auditor, "GET", path, NULL, 200);
	assert_int_equal(json_is_true(json_object_get(record, "trusted")), trusted);
	assert_non_null(json_object_get(record, "verdict"));
	json_decref(record);
	(void)snprintf(path, sizeof(path), "/v1/records/%s/bundle", id);
	struct https_answer bundle =
		world_call(&w, &w.auditor, "GET", path, NULL, (struct bytes){0});
	assert_int_equal(bundle.status, 200);
	struct audit_anchors anchors = {.roots = &w.ca, .root_count = 1};
	assert_ok(audit_run(buf_bytes(&bundle.body), &anchors, &report, &w.err), w.err);
	struct buf text = {0};
	if (!report.consistent && audit_report_text(&report, false, &text, NULL))
		print_message("%s\n", buf_str(&text));
	assert_true(report.reproducible);
	assert_true(report.consistent);
	assert_int_equal(report.record.trusted, trusted);
	buf_release(&text);
	audit_report_release(&report);
	buf_release(&bundle.body);
}

static void flow__records__recomputed_offline(void **state)
{
	(void)state;
	struct https c;
	struct world_attestation a, next, bad;
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	world_launch(&w, &c, &a);
	audit(&a, true);
	world_next(&w, &a, &next);
	world_attest(&w, &c, &next);
	assert_outcome(&next, "trusted");
	audit(&next, true);
	world_next(&w, &next, &bad);
	w.scene->pcrs.values[SCENE_PCR][0] ^=
		1; /* something extended the runtime PCR besides hostd */
	world_attest(&w, &c, &bad);
	assert_outcome(&bad, "untrusted: runtime-pcr");
	assert_int_equal(bad.result.cert_count, 0);
	assert_int_equal(bad.result.expires, 0);
	assert_int_equal(bad.result.next.challenge.len, 0);
	audit(&bad, false);
	world_attestation_release(&a);
	world_attestation_release(&next);
	world_attestation_release(&bad);
	https_close(&c);
}

static void flow__records_list__newest_first_and_filtered(void **state)
{
	(void)state;
	struct https c;
	struct world_attestation a, next;
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	world_launch(&w, &c, &a);
	world_next(&w, &a, &next);
	world_attest(&w, &c, &next);
	json_t *list = world_json(
		&w, &w.auditor, "GET", "/v1/records?workload=ocr-agent&limit=1", NULL, 200);
	json_t *records = json_object_get(list, "records");
	assert_int_equal(json_array_size(records), 1);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(records, 0), "purpose")), "renew");
	json_decref(list);
	list = world_json(&w, &w.admin, "GET", "/v1/records?workload=other", NULL, 200);
	assert_int_equal(json_array_size(json_object_get(list, "records")), 0);
	json_decref(list);
	world_do(&w, &w.admin, "GET", "/v1/records?limit=0", NULL, 400);
	world_attestation_release(&a);
	world_attestation_release(&next);
	https_close(&c);
}

/* The salt of one leaf, or every object that is stored. */
static bool destroy_work(struct store_tx *tx, void *arg, struct err *err)
{
	const uint64_t *leaf = arg;
	struct buf digests = {0};
	struct sql_query *q = NULL;
	bool more = true, ok = true, found = false;
	if (leaf)
		return leaf_content_destroy(tx->sql, *leaf, err);
	if (!sql_start(tx->sql, "SELECT digest FROM objects", SQL_NO_ARGS, &q, err))
		return false;
	while (sql_next(q, &more, err) && more)
		sql_put(q, 0, &digests);
	sql_finish(&q);
	for (size_t at = 0; ok && at < digests.len; at += SHA256_LEN)
		ok = object_destroy(tx->sql, digests.data + at, err);
	buf_release(&digests);
	for (uint64_t index = 0; ok && index < 16; index++)
		ok = record_contents_destroy(tx->sql, index, &found, err);
	return ok;
}

static void assert_gone(const char *path, const char *what)
{
	struct https_answer a = world_call(&w, &w.auditor, "GET", path, NULL, (struct bytes){0});
	assert_int_equal(a.status, 410);
	assert_non_null(strstr(buf_str(&a.body), "\"code\":\"gone\""));
	if (!strstr(buf_str(&a.body), what))
		fail_msg("%s: %s", path, buf_str(&a.body));
	buf_release(&a.body);
}

/* Evidence is the record's own: whoever asks for it names the record. */
static void objects__of_a_record__found_by_it_alone(void **state)
{
	(void)state;
	struct https c;
	struct world_attestation a;
	char id[2 * SHA256_LEN + 1], digest[2 * SHA256_LEN + 1], path[240];
	uint8_t hash[SHA256_LEN];
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	world_launch(&w, &c, &a);
	hex_encode(bytes_of(a.result.record, SHA256_LEN), id);
	assert_true(sha256_of(buf_bytes(&w.scene->evidence), hash, NULL));
	hex_encode(BYTES_OF(hash), digest);
	(void)snprintf(path, sizeof(path), "/v1/objects/%s?record=%s", digest, id);
	struct https_answer found =
		world_call(&w, &w.auditor, "GET", path, NULL, (struct bytes){0});
	assert_int_equal(found.status, 200);
	assert_bytes(buf_bytes(&found.body), buf_bytes(&w.scene->evidence));
	buf_release(&found.body);
	world_do(&w, &w.ci, "GET", path, NULL, 403);
	(void)snprintf(path, sizeof(path), "/v1/objects/%s", digest);
	world_do(&w, &w.auditor, "GET", path, NULL, 404);
	(void)snprintf(path, sizeof(path), "/v1/objects/%s?record=%s", id, id);
	world_do(&w, &w.auditor, "GET", path, NULL, 404);
	(void)snprintf(path, sizeof(path), "/v1/objects/%s?record=%s", digest, digest);
	world_do(&w, &w.auditor, "GET", path, NULL, 404);
	(void)snprintf(path, sizeof(path), "/v1/objects/%s?record=x", digest);
	world_do(&w, &w.auditor, "GET", path, NULL, 400);
	world_attestation_release(&a);
	https_close(&c);
}

/* The record itself is kept and listed. */
static void record__content_destroyed__answered_as_gone_with_the_time(void **state)
{
	(void)state;
	struct https c;
	struct world_attestation a;
	char id[2 * SHA256_LEN + 1], path[128], bundle[144];
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	world_launch(&w, &c, &a);
	hex_encode(bytes_of(a.result.record, SHA256_LEN), id);
	(void)snprintf(path, sizeof(path), "/v1/records/%s", id);
	(void)snprintf(bundle, sizeof(bundle), "%s/bundle", path);
	json_t *record = world_json(&w, &w.auditor, "GET", path, NULL, 200);
	uint64_t leaf = (uint64_t)json_integer_value(json_object_get(record, "index"));
	json_decref(record);
	assert_ok(store_run(w.app->store, destroy_work, &leaf, &w.err), w.err);
	assert_gone(bundle, ": its content was destroyed on 20");
	world_do(&w, &w.auditor, "GET", path, NULL, 200);
	assert_ok(store_run(w.app->store, destroy_work, NULL, &w.err), w.err);
	assert_gone(
		path, "the record's verdict: objects of a record: its content was destroyed on 20");
	assert_gone(bundle, "audit bundle: objects of a record: its content was destroyed on 20");
	world_do(&w, &w.auditor, "GET", "/v1/records", NULL, 200);
	world_attestation_release(&a);
	https_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			flow__launch__credentials_that_work, setup, teardown),
		cmocka_unit_test_setup_teardown(
			flow__class_says_what_becomes_of_agents__host_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(flow__jwt__bounded_and_bound, setup, teardown),
		cmocka_unit_test_setup_teardown(
			flow__renewal__incremental_with_the_next_challenge, setup, teardown),
		cmocka_unit_test_setup_teardown(flow__records__recomputed_offline, setup, teardown),
		cmocka_unit_test_setup_teardown(
			objects__of_a_record__found_by_it_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(
			record__content_destroyed__answered_as_gone_with_the_time, setup, teardown),
		cmocka_unit_test_setup_teardown(
			flow__records_list__newest_first_and_filtered, setup, teardown),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
