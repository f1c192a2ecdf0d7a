/* SPDX-License-Identifier: Apache-2.0 */
/* Operators' routes: what is taken in, what is refused, and with which status. */
#include "tests/unit/verifier/world.h"

static struct world w;

static int group_setup(void **state)
{
	(void)state;
	world_start(&w);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	world_stop(&w);
	return 0;
}

static void workloads__bad_bodies__refused(void **state)
{
	(void)state;
#define WORKLOAD(name, class, owner)                                                               \
	"{\"name\":\"" name                                                                        \
	"\",\"risk_class\":\"" class "\",\"environment\":\"prod\",\"owner\":\"" owner              \
				     "\",\"purpose\":\"p\"}"
	static const struct {
		const char *body;
		int status;
	} cases[] = {
		{WORKLOAD("ocr-agent", "low", "o"), 409}, /* exists */
		{WORKLOAD("w", "unknown", "o"), 400},
		{WORKLOAD("W", "low", "o"), 400},
		{WORKLOAD("a/b", "low", "o"), 400},
		{WORKLOAD("", "low", "o"), 400},
		{WORKLOAD("w", "low", ""), 400},
		{"{\"name\":\"w\"}", 400},
		{"{\"name\":\"w\",\"extra\":1}", 400},
		{"[]", 400},
		{"{", 400},
		{"", 400},
		{WORKLOAD("w", "low", "o") "x", 400},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		world_do(&w, &w.admin, "POST", "/v1/workloads", cases[i].body, cases[i].status);
	world_do(&w, &w.admin, "GET", "/v1/workloads/nobody", NULL, 404);
	world_do(&w, &w.admin, "POST", "/v1/workloads/nobody/retire", "{\"reason\":\"r\"}", 404);
	world_do(&w, &w.admin, "POST", "/v1/workloads/ocr-agent/retire", "{\"reason\":\"\"}", 400);
	world_do(&w, &w.admin, "POST", "/v1/workloads/ocr-agent/retire", "{}", 400);
	json_t *list = world_json(&w, &w.ci, "GET", "/v1/workloads", NULL, 200);
	assert_int_equal(json_array_size(json_object_get(list, "workloads")), 1);
	json_decref(list);
}

static void post_release(struct release *release, struct key *key, int status)
{
	struct buf statement = {0}, envelope = {0};
	assert_ok(release_statement(release, &statement, &w.err), w.err);
	assert_ok(
		dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&statement), key, &envelope, &w.err), w.err);
	world_post(&w, &w.ci, "/v1/releases", MEDIA_DSSE, buf_bytes(&envelope), status);
	buf_release(&statement);
	buf_release(&envelope);
}

static void releases__signed_by_others_or_for_nobody__refused(void **state)
{
	(void)state;
	struct release release = w.scene->release;
	char nobody[] = "nobody", high[] = "high", version[] = "2.0.0";
	post_release(&release, w.keys.builder, 200); /* known already, signed anew */
	release.version = version;
	post_release(&release, w.keys.alice, 403);
	release.workload = nobody;
	post_release(&release, w.keys.builder, 404);
	release = w.scene->release;
	release.risk_class = high;
	post_release(&release, w.keys.builder, 403);
	world_post(&w, &w.ci, "/v1/releases", MEDIA_DSSE, BYTES_LIT("{}"), 400);
	world_post(&w, &w.ci, "/v1/releases", MEDIA_DSSE, BYTES_LIT(""), 400);
	world_post(&w, &w.ci, "/v1/releases", "application/json", BYTES_LIT("{}"), 415);
}

static void releases__one__with_envelope_approvals_and_appraisal(void **state)
{
	(void)state;
	char digest[2 * SHA256_LEN + 1], path[128];
	hex_encode(BYTES_OF(w.scene->release_digest), digest);
	(void)snprintf(path, sizeof(path), "/v1/releases/%s", digest);
	json_t *release = world_json(&w, &w.ci, "GET", path, NULL, 200);
	assert_string_equal(json_string_value(json_object_get(release, "digest")), digest);
	assert_string_equal(json_string_value(json_object_get(release, "state")), "published");
	assert_non_null(json_object_get(json_object_get(release, "envelope"), "payload"));
	assert_int_equal(json_array_size(json_object_get(release, "approvals")), 2);
	assert_string_equal(json_string_value(json_object_get(
				    json_object_get(release, "appraisal"), "outcome")),
		"trusted");
	json_decref(release);
	json_t *list =
		world_json(&w, &w.auditor, "GET", "/v1/releases?workload=ocr-agent", NULL, 200);
	assert_int_equal(json_array_size(json_object_get(list, "releases")), 1);
	json_decref(list);
	list = world_json(&w, &w.auditor, "GET", "/v1/releases?workload=other", NULL, 200);
	assert_int_equal(json_array_size(json_object_get(list, "releases")), 0);
	json_decref(list);
	digest[0] = digest[0] == 'f' ? '0' : 'f';
	(void)snprintf(path, sizeof(path), "/v1/releases/%s", digest);
	world_do(&w, &w.ci, "GET", path, NULL, 404);
	world_do(&w, &w.ci, "GET", "/v1/releases/xyz", NULL, 404);
}

static void post_approval(const struct approval *approval, struct key *key, int status)
{
	struct buf statement = {0}, envelope = {0};
	assert_ok(approval_statement(approval, &statement, &w.err), w.err);
	assert_ok(
		dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&statement), key, &envelope, &w.err), w.err);
	world_post(&w, &w.ci, "/v1/approvals", MEDIA_DSSE, buf_bytes(&envelope), status);
	buf_release(&statement);
	buf_release(&envelope);
}

static void approvals__not_by_that_person_in_that_role__refused(void **state)
{
	(void)state;
	struct approval approval = w.scene->approvals[0].approval;
	char mallory[] = "mallory", owner[] = "owner", bob[] = "bob", risk[] = "model-risk",
	     again[] = "again";
	world_post(&w, &w.ci, "/v1/approvals", MEDIA_DSSE, w.scene->approval_list[0],
		200); /* there already */
	post_approval(&approval, w.keys.bob, 403);
	approval.person = mallory;
	post_approval(&approval, w.keys.alice, 403);
	approval = w.scene->approvals[0].approval;
	approval.role = owner;
	post_approval(&approval, w.keys.alice, 403);
	approval.role = risk;
	approval.person = bob;
	post_approval(&approval, w.keys.bob, 403);
	approval = w.scene->approvals[0].approval;
	approval.release[0] ^= 1;
	post_approval(&approval, w.keys.alice, 404);
	approval = w.scene->approvals[0].approval;
	approval.reason = again;
	post_approval(&approval, w.keys.alice, 201);
	world_post(&w, &w.ci, "/v1/approvals", MEDIA_DSSE, w.scene->context.release, 400);
}

static void P8__the_same_approval_in_other_bytes__known_already(void **state)
{
	(void)state;
	struct buf spaced = {0};
	buf_put_str(&spaced, " ");
	buf_put(&spaced, w.scene->approval_list[0]);
	world_post(&w, &w.ci, "/v1/approvals", MEDIA_DSSE, buf_bytes(&spaced), 200);
	buf_release(&spaced);
}

/* A release signed as an approval, and the other way round: the payload says what it is. */
static void dsse__of_another_payload_type__refused(void **state)
{
	(void)state;
	struct buf statement = {0}, envelope = {0};
	assert_ok(approval_statement(&w.scene->approvals[0].approval, &statement, &w.err), w.err);
	assert_ok(dsse_sign("text/plain", buf_bytes(&statement), w.keys.alice, &envelope, &w.err),
		w.err);
	world_post(&w, &w.ci, "/v1/approvals", MEDIA_DSSE, buf_bytes(&envelope), 400);
	world_post(&w, &w.ci, "/v1/releases", MEDIA_DSSE, w.scene->approval_list[0], 400);
	buf_release(&statement);
	buf_release(&envelope);
}

static void hosts_and_records__unknown__404(void **state)
{
	(void)state;
	static const char id[] = "00000000000000000000000000000000000000000000000000000000000000aa";
	static const char *const gets[] = {
		"/v1/hosts/%s", "/v1/records/%s", "/v1/records/%s/bundle"};
	static const char *const posts[] = {"/v1/hosts/%s/confirm", "/v1/hosts/%s/quarantine",
		"/v1/hosts/%s/retire", "/v1/releases/%s/revoke"};
	char path[128];
	for (size_t i = 0; i < ARRAY_LEN(gets); i++) {
		(void)snprintf(path, sizeof(path), "%.*s%s%s",
			(int)(strchr(gets[i], '%') - gets[i]), gets[i], id,
			strchr(gets[i], '%') + 2);
		world_do(&w, &w.admin, "GET", path, NULL, 404);
	}
	for (size_t i = 0; i < ARRAY_LEN(posts); i++) {
		(void)snprintf(path, sizeof(path), "%.*s%s%s",
			(int)(strchr(posts[i], '%') - posts[i]), posts[i], id,
			strchr(posts[i], '%') + 2);
		world_do(&w, &w.admin, "POST", path, "{\"reason\":\"r\"}", 404);
	}
	static const char *const bad[] = {"/v1/records?limit=x", "/v1/records?limit=1001",
		"/v1/records?limit=-1", "/v1/records?before=0",
		"/v1/records?limit=99999999999999999999", "/v1/records?host=12"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		world_do(&w, &w.admin, "GET", bad[i], NULL, 400);
}

static void errors__shape__code_message_hint(void **state)
{
	(void)state;
	json_t *answer = world_json(&w, &w.admin, "POST", "/v1/workloads", "{}", 400);
	const json_t *error = json_object_get(answer, "error");
	assert_string_equal(json_string_value(json_object_get(error, "code")), "malformed");
	assert_non_null(strstr(json_string_value(json_object_get(error, "message")), "name"));
	json_decref(answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(workloads__bad_bodies__refused),
		cmocka_unit_test(releases__signed_by_others_or_for_nobody__refused),
		cmocka_unit_test(releases__one__with_envelope_approvals_and_appraisal),
		cmocka_unit_test(approvals__not_by_that_person_in_that_role__refused),
		cmocka_unit_test(dsse__of_another_payload_type__refused),
		cmocka_unit_test(P8__the_same_approval_in_other_bytes__known_already),
		cmocka_unit_test(hosts_and_records__unknown__404),
		cmocka_unit_test(errors__shape__code_message_hint),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
