/* SPDX-License-Identifier: Apache-2.0 */
/* Rollouts begun over the API: what is taken and refused, what they begin from, who may. */
#include "tests/unit/verifier/rollout_world.h"

/* ---- starting ---- */

static void start__plan__kept_and_shown(void **state)
{
	(void)state;
	start(true, ",\"refusals\":3,\"failures_share\":250,\"automatic\":true,\"reason\":\"new "
		    "model\"");
	json_t *s = status();
	assert_string_equal(text_of(s, "state"), "running");
	assert_string_equal(text_of(s, "workload"), "ocr-agent");
	assert_string_equal(text_of(s, "canary"), "50%");
	assert_string_equal(text_of(s, "promotion"), "untried");
	assert_int_equal(strlen(text_of(s, "rollout")), 2 * ROLLOUT_ID_LEN);
	const json_t *release = json_object_get(s, "release"), *from = json_object_get(s, "from");
	assert_string_equal(text_of(release, "digest"), hex_of(new_release));
	assert_string_equal(text_of(release, "version"), "1.5.0");
	assert_string_equal(text_of(from, "digest"), hex_of(old_release));
	assert_in_range(json_integer_value(json_object_get(s, "soak_left")), 590, 600);
	const json_t *plan = json_object_get(s, "plan");
	assert_string_equal(text_of(plan, "abort_on_refusals"), "3");
	assert_string_equal(text_of(plan, "abort_on_failures"), "2.5%");
	assert_true(json_is_true(json_object_get(plan, "automatic")));
	assert_int_equal(json_integer_value(json_object_get(plan, "drain")), 500);
	assert_int_equal(json_integer_value(json_object_get(plan, "sample")), 20);
	const json_t *hosts = json_object_get(s, "hosts");
	assert_int_equal(json_integer_value(json_object_get(hosts, "active")), 1);
	assert_int_equal(json_integer_value(json_object_get(hosts, "canary")), 1);
	assert_int_equal(json_integer_value(json_object_get(hosts, "seen")), 0);
	assert_null(json_object_get(s, "canary_hosts"));
	json_decref(s);
	assert_last_event("started", ADMIN_URI, "new model");
}

static void status__hosts_asked_for__ids_of_the_canary_alone(void **state)
{
	(void)state;
	start(true, "");
	json_t *s = world_json(&w, &w.ci, "GET", ROLLOUT "?hosts=1", NULL, 200);
	const json_t *ids = json_object_get(s, "canary_hosts");
	assert_int_equal(json_array_size(ids), 1);
	assert_string_equal(json_string_value(json_array_get(ids, 0)), hex_of(w.host_id));
	json_decref(s);
	roll_back();
	start(false, "");
	s = world_json(&w, &w.ci, "GET", ROLLOUT "?hosts=1", NULL, 200);
	assert_int_equal(json_array_size(json_object_get(s, "canary_hosts")), 0);
	json_decref(s);
	s = world_json(&w, &w.ci, "GET", "/v1/rollouts", NULL, 200);
	assert_int_equal(json_array_size(json_object_get(s, "rollouts")), 1); /* the last one */
	json_decref(s);
}

static void start__drain_beyond_the_class__refused(void **state)
{
	(void)state;
	json_t *answer = post(&w.admin, "/v1/rollouts", 400,
		"{\"release\":\"%s\",\"canary\":500,\"soak\":1,\"drain\":501}",
		hex_of(new_release));
	assert_string_equal(message_of(answer),
		"drain: at most 500 s, the drain of risk class low: a promotion raises the version "
		"floor");
	json_decref(answer);
	start(true, ",\"drain\":500");
}

static void start__what_makes_no_sense__refused(void **state)
{
	(void)state;
	static const struct {
		const char *members, *why;
	} cases[] = {
		{"\"canary\":0,\"soak\":1", "canary"},
		{"\"canary\":10001,\"soak\":1", "canary"},
		{"\"canary\":1000000000,\"soak\":1", "canary"},
		{"\"canary\":4294967297,\"soak\":1", "canary"},
		{"\"canary\":-1,\"soak\":1", "canary"},
		{"\"canary\":5.5,\"soak\":1", "canary"},
		{"\"canary\":\"5%%\",\"soak\":1", "canary"},
		{"\"soak\":1", "canary"},
		{"\"canary\":500", "soak"},
		{"\"canary\":500,\"soak\":-1", "soak"},
		{"\"canary\":500,\"soak\":99999999999", "soak"},
		{"\"canary\":500,\"soak\":1,\"drain\":-1", "drain"},
		{"\"canary\":500,\"soak\":1,\"refusals\":0", "refusals"},
		{"\"canary\":500,\"soak\":1,\"refusals\":1,\"refusals_share\":1", "one limit"},
		{"\"canary\":500,\"soak\":1,\"failures_share\":10001", "failures_share"},
		{"\"canary\":500,\"soak\":1,\"sample\":0", "sample"},
		{"\"canary\":500,\"soak\":1,\"automatic\":1", "automatic"},
		{"\"canary\":500,\"soak\":1,\"from\":\"00\"", "from"},
		{"\"canary\":500,\"soak\":1,\"speed\":9", "speed"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		json_t *answer = post(&w.admin, "/v1/rollouts", 400, "{\"release\":\"%s\",%s}",
			hex_of(new_release), cases[i].members);
		if (!strstr(message_of(answer), cases[i].why))
			fail_msg("case %zu: %s", i, message_of(answer));
		json_decref(answer);
	}
	json_decref(world_json(&w, &w.admin, "GET", ROLLOUT, NULL, 404));
}

#define START "{\"release\":\"%s\",\"canary\":500,\"soak\":1%s%s%s}"

static void assert_conflict(const uint8_t *release, const uint8_t *from, const char *why)
{
	json_t *answer = post(&w.admin, "/v1/rollouts", 409, START, hex_of(release),
		from ? ",\"from\":\"" : "", from ? hex_of(from) : "", from ? "\"" : "");
	if (!strstr(message_of(answer), why))
		fail_msg("%s", message_of(answer));
	json_decref(answer);
}

static void start__release_unknown_or_of_another_workload__refused(void **state)
{
	(void)state;
	uint8_t nothing[SHA256_LEN] = {0xee}, foreign[SHA256_LEN];
	json_decref(post(&w.admin, "/v1/rollouts", 404, START, hex_of(nothing), "", "", ""));
	world_do(&w, &w.admin, "POST", "/v1/workloads",
		"{\"name\":\"other\",\"risk_class\":\"low\",\"environment\":\"prod\",\"owner\":"
		"\"o\",\"purpose\":\"p\"}",
		201);
	w.scene->release.workload = (char *)(uintptr_t) "other";
	publish("1.0.0", true, foreign);
	assert_conflict(new_release, foreign, "from: not a release of workload ocr-agent");
	assert_conflict(new_release, nothing, "from: not a release of workload ocr-agent");
	assert_conflict(foreign, NULL, "workload other has no other published release");
}

static void start__to_itself__refused(void **state)
{
	(void)state;
	assert_conflict(new_release, new_release, "in force already");
	start(true, "");
	roll_back();
	assert_conflict(old_release, NULL, "in force already");
}

static void start__another_one_open__refused(void **state)
{
	(void)state;
	start(true, "");
	assert_conflict(new_release, NULL, "has a rollout that is running");
	halt();
	assert_conflict(new_release, NULL, "has a rollout that is halted");
	roll_back();
	start(true, "");
}

/* Two operators at once: the database itself holds the second one off. */
static void start__two_open_in_the_store__conflict(void **state)
{
	(void)state;
	struct sql *sql = NULL;
	struct rollout_row row;
	bool found = false;
	start(true, "");
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	assert_ok(rollout_last(sql, BYTES_LIT("ocr-agent"), &row, &found, &w.err), w.err);
	store_read_done(w.app->store, &sql);
	assert_ok(test_sql()->open(w.app->config.database, true, &sql, &w.err), w.err);
	row.id[0] ^= 1;
	row.seq++;
	assert_false(rollout_insert(sql, &row, &w.err));
	assert_int_equal(w.err.code, ERR_CONFLICT);
	sql_close(&sql);
}

static void start__release_that_does_not_pass_the_gate__refused(void **state)
{
	(void)state;
	uint8_t unapproved[SHA256_LEN];
	publish("1.6.0", false, unapproved);
	json_t *answer = post(&w.admin, "/v1/rollouts", 403, START, hex_of(unapproved), "", "", "");
	assert_non_null(strstr(message_of(answer), "approval-missing"));
	json_decref(answer);
	json_decref(world_json(&w, &w.admin, "GET", ROLLOUT, NULL, 404));
}

static void start__after_a_promotion__from_what_is_in_force(void **state)
{
	(void)state;
	uint8_t next[SHA256_LEN];
	start(true, "");
	promote("{\"override\":true,\"reason\":\"urgent\"}", 200);
	publish("1.6.0", true, next);
	assert_conflict(next, old_release, "from: the release in force is ");
	start_to(next, true, "");
	json_t *s = status();
	assert_string_equal(text_of(json_object_get(s, "from"), "digest"), hex_of(new_release));
	assert_int_equal(json_array_size(json_object_get(s, "history")), 1);
	json_decref(s);
}

static void routes__each__only_for_its_roles(void **state)
{
	(void)state;
	const struct world_operator host = {.cert = w.host_cert, .key = w.host_key};
	static const char reason[] = "{\"reason\":\"r\"}";
	start(true, "");
	json_decref(post(&w.ci, "/v1/rollouts", 403, START, hex_of(new_release), "", "", ""));
	json_decref(post(&w.auditor, "/v1/rollouts", 403, START, hex_of(new_release), "", "", ""));
	json_decref(post(&w.ci, ROLLOUT "/promote", 403, "{}"));
	json_decref(post(&w.ci, ROLLOUT "/rollback", 403, "%s", reason));
	json_decref(post(&w.auditor, ROLLOUT "/rollback", 403, "%s", reason));
	json_decref(post(&w.auditor, ROLLOUT "/halt", 403, "%s", reason));
	json_decref(post(&host, ROLLOUT "/halt", 403, "%s", reason));
	json_decref(world_json(&w, &host, "GET", ROLLOUT, NULL, 403));
	json_decref(post(&w.admin, "/v1/rollouts/other/rollback", 404, "%s", reason));
	json_decref(post(&w.admin, ROLLOUT "/halt", 400, "{}"));
	json_decref(post(&w.admin, ROLLOUT "/rollback", 400, "{\"reason\":\"\"}"));
	assert_state("running");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(start__plan__kept_and_shown),
		T(status__hosts_asked_for__ids_of_the_canary_alone),
		T(start__drain_beyond_the_class__refused),
		T(start__what_makes_no_sense__refused),
		T(start__release_unknown_or_of_another_workload__refused),
		T(start__to_itself__refused),
		T(start__another_one_open__refused),
		T(start__two_open_in_the_store__conflict),
		T(start__release_that_does_not_pass_the_gate__refused),
		T(start__after_a_promotion__from_what_is_in_force),
		T(routes__each__only_for_its_roles),
#undef T
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
