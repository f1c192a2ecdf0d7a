/* SPDX-License-Identifier: Apache-2.0 */
/* What another policy would have said: of the decisions made beside a staged one, of those kept (shadow.c, shadow_judge.c,
 * record_objects.c); and who signed the policy of a record. */
#include "ledger/audit.h"
#include "tests/unit/verifier/staged_world.h"
#include "verifier/record_objects.h"
#include "verifier/shadow.h"

#include <pthread.h>

/* ---- judged beside ---- */

static json_t *differences(int version)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/v1/policies/%d/differences", version);
	return world_json(&w, &w.auditor, "GET", path, NULL, 200);
}

static int64_t count_of(const json_t *answer, const char *key)
{
	return json_integer_value(json_object_get(json_object_get(answer, "judged"), key));
}

/* Until so many decisions have been judged by it. */
static json_t *judged(int version, int64_t wanted)
{
	for (int i = 0; i < WAIT_ROUNDS; i++) {
		json_t *answer = differences(version);

		if (count_of(answer, "same") + count_of(answer, "changed") +
				count_of(answer, "undecided") + count_of(answer, "unreadable") >=
			wanted)
			return answer;
		json_decref(answer);
		(void)usleep(10000);
	}
	fail_msg("version %d: not judged", version);
	return NULL;
}

static void launch(void)
{
	struct https c;
	struct world_attestation a;

	assert_true(world_connect(&w, &c));
	world_launch(&w, &c, &a);
	world_attestation_release(&a);
	https_close(&c);
}

static void beside__a_decision_that_would_change__counted_and_answered_as_ever(void **state)
{
	char digest[2 * SHA256_LEN + 1];

	(void)state;
	world_start(&w);
	world_enroll(&w);
	launch(); /* before it was staged */
	stage(2, TIGHTER, 201, digest);
	w.scene->attest.clock += 10;
	launch();
	json_t *answer = judged(2, 1);
	assert_int_equal(count_of(answer, "changed"), 1);
	assert_int_equal(count_of(answer, "same"), 0);
	const json_t *one = json_array_get(json_object_get(answer, "differences"), 0);
	assert_string_equal(said(one, "workload"), "ocr-agent");
	assert_string_equal(said(one, "before"), "trusted");
	assert_string_equal(said(one, "after"), "untrusted");
	assert_string_equal(said(one, "reason"), "key-protection");
	assert_int_equal(json_integer_value(json_object_get(one, "count")), 1);
	assert_int_equal(json_array_size(json_object_get(answer, "differences")), 1);
	json_decref(answer);
	/* It goes on where it stopped. */
	app_close(&w.app);
	assert_true(world_open(&w));
	w.scene->attest.clock += 10;
	launch();
	answer = judged(2, 2);
	assert_int_equal(count_of(answer, "changed"), 2);
	one = json_array_get(json_object_get(answer, "differences"), 0);
	assert_int_equal(json_integer_value(json_object_get(one, "count")), 2);
	json_decref(answer);
}

static void beside__an_unrelated_edit__nothing_changes(void **state)
{
	char digest[2 * SHA256_LEN + 1];

	(void)state;
	world_start(&w);
	world_enroll(&w);
	stage(2, "# a comment\n", 201, digest);
	launch();
	json_t *answer = judged(2, 1);
	assert_int_equal(count_of(answer, "same"), 1);
	assert_int_equal(json_array_size(json_object_get(answer, "differences")), 0);
	json_decref(answer);
}

/* ---- a job over what is stored ---- */

static json_t *job_done(json_int_t id)
{
	for (int i = 0; i < WAIT_ROUNDS; i++) {
		json_t *report = world_json(&w, &w.auditor, "GET", "/v1/shadow", NULL, 200);

		if (strcmp(said(report, "state"), "running") != 0) {
			assert_int_equal(json_integer_value(json_object_get(report, "job")), id);
			return report;
		}
		json_decref(report);
		(void)usleep(10000);
	}
	fail_msg("the job does not end");
	return NULL;
}

static json_int_t job_start_by(
	const struct world_operator *who, const char *path, struct bytes text, int wanted)
{
	struct https_answer a = world_call(&w, who, "POST", path, "application/yaml", text);
	json_t *answer = NULL;

	if (a.status != wanted)
		fail_msg("%d %s", a.status, buf_str(&a.body));
	assert_ok(json_open(buf_bytes(&a.body), 4096, &answer, &w.err), w.err);
	json_int_t id = json_integer_value(json_object_get(answer, "job"));
	json_decref(answer);
	buf_release(&a.body);
	return id;
}

static json_int_t job_start(const char *path, struct bytes text, int wanted)
{
	return job_start_by(&w.auditor, path, text, wanted);
}

static void shadow__decisions_of_the_last_days__those_that_change_by_reason(void **state)
{
	struct buf text = {0};

	(void)state;
	world_start(&w);
	world_do(&w, &w.auditor, "GET", "/v1/shadow", NULL, 404);
	world_enroll(&w);
	for (int i = 0; i < 3; i++) {
		launch();
		w.scene->attest.clock += 10;
	}
	text_of(9, TIGHTER, &text);
	json_t *report = job_done(job_start("/v1/shadow?since=10m", buf_bytes(&text), 202));
	assert_string_equal(said(report, "state"), "done");
	assert_int_equal(json_integer_value(json_object_get(report, "judged")), 3);
	assert_int_equal(json_integer_value(json_object_get(report, "changed")), 3);
	assert_int_equal(json_integer_value(json_object_get(report, "version")), 9);
	const json_t *one = json_array_get(json_object_get(report, "differences"), 0);
	assert_string_equal(said(one, "reason"), "key-protection");
	assert_int_equal(json_integer_value(json_object_get(one, "count")), 3);
	json_decref(report);
	/* Later they are older than what is asked for. */
	shifted.shift = 1200;
	report = job_done(job_start("/v1/shadow?since=10m", buf_bytes(&text), 202));
	assert_int_equal(json_integer_value(json_object_get(report, "judged")), 0);
	json_decref(report);
	assert_in_force(1);
	assert_policies("1 in-force");
	buf_release(&text);
}

static void shadow__what_is_no_policy_or_no_span__refused(void **state)
{
	struct buf text = {0};

	(void)state;
	world_start(&w);
	(void)job_start("/v1/shadow", BYTES_LIT("policy: 1\n"), 400);
	text_of(9, "", &text);
	(void)job_start("/v1/shadow?since=soon", buf_bytes(&text), 400);
	buf_release(&text);
}

/* A record whose objects have gone says nothing, and stops nothing. */
static void shadow__a_record_that_cannot_be_read__counted(void **state)
{
	struct buf text = {0};
	struct sql *sql = NULL;
	struct record_row rows[2];
	size_t n = 0;
	char path[128];

	(void)state;
	world_start(&w);
	world_enroll(&w);
	launch();
	w.scene->attest.clock += 10;
	launch();
	(void)world_path(&w, "verifier.db", path);
	assert_ok(test_sql()->open(path, true, &sql, &w.err), w.err);
	assert_ok(records_from(sql, 0, rows, 2, &n, &w.err), w.err);
	assert_int_equal(n, 2);
	assert_ok(sql_exec(sql, "DELETE FROM record_contents WHERE idx=?1",
			  SQL_ARGS(sql_u(rows[0].index)), NULL, &w.err),
		w.err);
	record_row_release(&rows[0]);
	record_row_release(&rows[1]);
	sql_close(&sql);
	text_of(9, "", &text);
	json_t *report = job_done(job_start("/v1/shadow", buf_bytes(&text), 202));
	assert_int_equal(json_integer_value(json_object_get(report, "judged")), 2);
	assert_int_equal(json_integer_value(json_object_get(report, "same")), 1);
	assert_int_equal(json_integer_value(json_object_get(report, "unreadable")), 1);
	json_decref(report);
	buf_release(&text);
}

/* ---- whose job it is ---- */

static struct buf job_text;

/* Jobs that go on and on: nobody works at them. */
static void stand_still(void)
{
	world_start(&w);
	shadow_stop(w.app->shadow);
	text_of(9, "", &job_text);
}

static void begun(const struct world_operator *who, json_int_t wanted)
{
	assert_int_equal(job_start_by(who, "/v1/shadow", buf_bytes(&job_text), 202), wanted);
}

static void not_begun(const struct world_operator *who, const char *why)
{
	struct https_answer a =
		world_call(&w, who, "POST", "/v1/shadow", "application/yaml", buf_bytes(&job_text));

	if (a.status != 429 || a.retry_after < 1 || !strstr(buf_str(&a.body), why))
		fail_msg("%d %s, wanted %s", a.status, buf_str(&a.body), why);
	buf_release(&a.body);
}

static json_t *job_ended(const struct world_operator *who, json_int_t id, int wanted)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/v1/shadow/%lld/end", (long long)id);
	return world_json(&w, who, "POST", path, "{\"reason\":\"too long\"}", wanted);
}

static void not_ended(const struct world_operator *who, json_int_t id, int status, const char *why)
{
	json_t *answer = job_ended(who, id, status);

	if (!strstr(message(answer), why))
		fail_msg("%s, wanted %s", message(answer), why);
	json_decref(answer);
}

static void other_auditor(struct world_operator *ret)
{
	char uri[X509_URI_MAX];
	int64_t now = clock_wall(&clock_system);

	assert_ok(identity_operator_uri(WORLD_DOMAIN, "auditor", "second", uri, &w.err), w.err);
	assert_ok(key_generate(KEY_EC_P256, &ret->key, &w.err), w.err);
	ret->cert = world_cert(&w, uri, ret->key, now - 60, now + 3600);
}

static int teardown_jobs(void **state)
{
	buf_release(&job_text);
	return teardown(state);
}

static void shadow__running__ended_by_whoever_began_it_and_in_the_ledger(void **state)
{
	struct world_operator second = {0};

	(void)state;
	stand_still();
	other_auditor(&second);
	begun(&w.auditor, 1);
	not_begun(&w.admin, "job 1, begun by spiffe://bank.example/operator/auditor/test");
	not_ended(&second, 1, 403, "begun by spiffe://bank.example/operator/auditor/test");
	not_ended(&w.auditor, 2, 409, "does not run");
	json_decref(job_ended(&w.ci, 1, 403));
	json_t *report = job_ended(&w.auditor, 1, 200);
	assert_string_equal(said(report, "state"), "ended");
	assert_string_equal(said(report, "error"),
		"ended by spiffe://bank.example/operator/auditor/test: too long");
	json_decref(report);
	json_t *e = entry("shadow-ended");
	assert_int_equal(json_integer_value(json_object_get(e, "job")), 1);
	assert_int_equal(json_integer_value(json_object_get(e, "version")), 9);
	assert_string_equal(said(e, "by"), "spiffe://bank.example/operator/auditor/test");
	assert_string_equal(said(e, "begun_by"), "spiffe://bank.example/operator/auditor/test");
	assert_string_equal(said(e, "reason"), "too long");
	json_decref(e);
	not_ended(&w.auditor, 1, 409, "does not run");
	cert_unref(&second.cert);
	key_unref(&second.key);
}

static void shadow__another_was_turned_away__its_turn_comes_first(void **state)
{
	(void)state;
	stand_still();
	begun(&w.auditor, 1);
	not_begun(&w.admin, "job 1");
	json_decref(job_ended(&w.admin, 1, 200));
	not_begun(&w.auditor, "it is their turn");
	begun(&w.admin, 2);
	json_decref(job_ended(&w.admin, 2, 200));
	begun(&w.auditor, 3);
	not_begun(&w.admin, "job 3");
	json_decref(job_ended(&w.auditor, 3, 200));
	/* Who was turned away does not come. */
	shifted.later_ms += SHADOW_ASKED_MS;
	begun(&w.auditor, 4);
}

static void shadow__its_beginner_gone__gives_way(void **state)
{
	(void)state;
	stand_still();
	begun(&w.auditor, 1);
	shifted.later_ms += SHADOW_ASKED_MS - 5000;
	not_begun(&w.admin, "job 1");
	world_do(&w, &w.auditor, "GET", "/v1/shadow", NULL, 200);
	shifted.later_ms += SHADOW_ASKED_MS - 5000;
	not_begun(&w.admin, "job 1");
	/* That another looks at it does not keep it. */
	world_do(&w, &w.admin, "GET", "/v1/shadow", NULL, 200);
	shifted.later_ms += 5000;
	begun(&w.admin, 2);
	json_t *report = world_json(&w, &w.auditor, "GET", "/v1/shadow", NULL, 200);
	assert_string_equal(said(report, "by"), "spiffe://bank.example/operator/admin/test");
	assert_string_equal(said(report, "state"), "running");
	json_decref(report);
}

/* ---- a database that keeps the thread waiting ---- */

static struct sql_ops slow_ops;
static atomic_bool slow, kept;

static bool slow_start(struct sql *sql, const char *text, const struct sql_value *args, size_t n,
	struct sql_query **ret, struct err *err)
{
	char name[16] = "";

	(void)pthread_getname_np(pthread_self(), name, sizeof(name));
	while (strcmp(name, "shadow") == 0 && atomic_load(&slow)) {
		atomic_store(&kept, true);
		(void)usleep(1000);
	}
	return test_sql()->start(sql, text, args, n, ret, err);
}

static bool slow_open(const char *location, bool writer, struct sql **ret, struct err *err)
{
	if (!test_sql()->open(location, writer, ret, err))
		return false;
	(*ret)->ops = &slow_ops;
	return true;
}

static int setup_slow(void **state)
{
	slow_ops = *test_sql();
	slow_ops.open = slow_open;
	slow_ops.start = slow_start;
	w.sql = &slow_ops;
	atomic_store(&slow, false);
	atomic_store(&kept, false);
	return setup(state);
}

static int teardown_slow(void **state)
{
	atomic_store(&slow, false);
	int failed = teardown_jobs(state);
	w.sql = NULL;
	return failed;
}

/* A page that is being judged when its job ends is counted to no other. */
static void shadow__ended_and_another_begun_while_it_is_worked_at__nothing_of_it_is_counted(
	void **state)
{
	(void)state;
	world_start(&w);
	world_enroll(&w);
	for (int i = 0; i < 3; i++) {
		launch();
		w.scene->attest.clock += 10;
	}
	text_of(9, TIGHTER, &job_text);
	atomic_store(&slow, true);
	begun(&w.auditor, 1);
	for (int i = 0; i < WAIT_ROUNDS && !atomic_load(&kept); i++)
		(void)usleep(10000);
	json_decref(job_ended(&w.auditor, 1, 200));
	text_of(9, "", &job_text); /* by which nothing changes */
	begun(&w.auditor, 2);
	atomic_store(&slow, false);
	json_t *report = job_done(2);
	assert_true(atomic_load(&kept));
	assert_string_equal(said(report, "state"), "done");
	assert_int_equal(json_integer_value(json_object_get(report, "judged")), 3);
	assert_int_equal(json_integer_value(json_object_get(report, "changed")), 0);
	json_decref(report);
}

/* ---- who signed, in the record ---- */

static void record__signed_policy__the_audit_says_by_whom(void **state)
{
	struct https c;
	struct world_attestation a;
	struct audit_report report = {0};
	struct policy_signers pinned = {0};
	struct buf pem = {0};
	char id[2 * SHA256_LEN + 1], path[160];
	bool proved = false, asserted = false;

	(void)state;
	world_start(&w);
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	world_launch(&w, &c, &a);
	hex_encode(BYTES_OF(a.result.record), id);
	(void)snprintf(path, sizeof(path), "/v1/records/%s/bundle", id);
	struct https_answer bundle =
		world_call(&w, &w.auditor, "GET", path, NULL, (struct bytes){0});
	assert_int_equal(bundle.status, 200);
	assert_ok(audit_run(buf_bytes(&bundle.body), NULL, &report, &w.err), w.err);
	assert_true(report.consistent);
	for (size_t i = 0; i < report.step_count; i++) {
		proved = proved || (strcmp(report.steps[i].what, "policy signature") == 0 &&
					   report.steps[i].result == AUDIT_PROVED);
		asserted = asserted || (strcmp(report.steps[i].what, "policy signers") == 0 &&
					       report.steps[i].result == AUDIT_ASSERTED);
	}
	assert_true(proved && asserted);
	audit_report_release(&report);
	assert_ok(key_public_pem(other, &pem, &w.err), w.err);
	assert_ok(policy_signers_add(&pinned, "dora", buf_bytes(&pem), &w.err), w.err);
	assert_ok(policy_signers_demand(&pinned, 1, &w.err), w.err);
	const struct audit_anchors anchors = {.policy_signers = &pinned};
	assert_ok(audit_run(buf_bytes(&bundle.body), &anchors, &report, &w.err), w.err);
	assert_false(report.consistent);
	audit_report_release(&report);
	policy_signers_release(&pinned);
	buf_release(&pem);
	buf_release(&bundle.body);
	world_attestation_release(&a);
	https_close(&c);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define J(test) cmocka_unit_test_setup_teardown(test, setup, teardown_jobs)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(beside__a_decision_that_would_change__counted_and_answered_as_ever),
		T(beside__an_unrelated_edit__nothing_changes),
		T(shadow__decisions_of_the_last_days__those_that_change_by_reason),
		T(shadow__what_is_no_policy_or_no_span__refused),
		T(shadow__a_record_that_cannot_be_read__counted),
		J(shadow__running__ended_by_whoever_began_it_and_in_the_ledger),
		J(shadow__another_was_turned_away__its_turn_comes_first),
		J(shadow__its_beginner_gone__gives_way),
		cmocka_unit_test_setup_teardown(
			shadow__ended_and_another_begun_while_it_is_worked_at__nothing_of_it_is_counted,
			setup_slow, teardown_slow),
		T(record__signed_policy__the_audit_says_by_whom),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
