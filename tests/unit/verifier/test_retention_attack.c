/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever wants evidence destroyed before its time: sets the clock, publishes a policy, lifts a hold; and the holds themselves,
 * at each of their scopes. */
#include "retention_world.h"

#define HOLD "/v1/holds"

/* A launch, long past its time, whose instance has ended; the policy counts. */
static void old_launch(void)
{
	struct world_attestation a;
	be(1);
	launch(&a);
	world_attestation_release(&a);
	end_instances();
	sweep();
	age(GRACE);
	assert_gone(0);
}

/* ---- the clock ---- */

/* What is believed of a clock that runs fast, after old_launch(). */
#define SLACK (RETENTION_CLOCK_SLACK_S + GRACE / RETENTION_CLOCK_DRIFT)

static void refused_for(const char *why)
{
	struct sweep_result result;
	if (sweep_try(&result))
		fail_msg("swept");
	assert_int_equal(w.err.code, ERR_DENIED);
	if (!strstr(w.err.text, why))
		fail_msg("%s, wanted %s", w.err.text, why);
	assert_gone(0);
}

static void T9__clock_set_ahead__nothing_destroyed(void **state)
{
	(void)state;
	old_launch();
	aged.set = SLACK + 20;
	refused_for("the clock jumped ahead");
	aged.set = 90 * DAY;
	refused_for("the clock jumped ahead");
	json_t *s = status();
	if (!strstr(said(s, "clock"), "the clock jumped ahead"))
		fail_msg("%s", said(s, "clock"));
	assert_true(json_is_false(json_object_get(s, "destroys")));
	json_decref(s);
	json_decref(post(&w.admin, "/v1/retention/sweep", 403, "{}"));
	json_decref(post(&w.admin, "/v1/retention/sweep", 403, "{\"dry_run\":true}"));
	assert_gone(0);
	/* It is set right again. */
	aged.set = 0;
	sweep();
	assert_gone(0);
}

static void restart(void)
{
	https_close(&c);
	app_close(&w.app);
	if (!world_open(&w))
		fail_msg("%s", w.err.text);
	assert_true(world_connect(&w, &c));
}

/* Each step within the slack, with a sweep after it that might believe it. */
static void ratchet(const char *sweep_body, bool accept)
{
	aged.set = SLACK - 20;
	json_decref(post(&w.admin, "/v1/retention/sweep", 200, "%s", sweep_body));
	int64_t before = number("SELECT count(*) FROM entries WHERE type=13");
	if (accept) /* nothing was wrong: nothing is accepted, and the ledger says nothing */
		json_decref(post(&w.admin, "/v1/retention/sweep", 200,
			"{\"accept_clock\":true,\"reason\":\"r\"}"));
	assert_int_equal(number("SELECT count(*) FROM entries WHERE type=13"), before);
	aged.set += 40;
	refused_for("the clock jumped ahead");
	json_decref(post(&w.admin, "/v1/retention/sweep", 403, "%s", sweep_body));
}

static void T9__clock_set_ahead_in_small_steps__refused_at_the_second(void **state)
{
	(void)state;
	old_launch();
	ratchet("{}", false);
}

static void T9__clock_set_ahead_in_small_steps_with_dry_runs__refused_at_the_second(void **state)
{
	(void)state;
	old_launch();
	ratchet("{\"dry_run\":true}", false);
}

static void T9__clock_right_and_accepted__believed_no_further(void **state)
{
	(void)state;
	old_launch();
	ratchet("{}", true);
}

/* After a start nothing anchors but a sweep that destroys, and only that says when the last was. */
static void T9__dry_runs_after_a_restart__no_day_for_each(void **state)
{
	(void)state;
	old_launch();
	restart();
	int64_t last = number("SELECT time FROM retention");
	aged.set = DAY - 60;
	json_decref(post(&w.admin, "/v1/retention/sweep", 200, "{\"dry_run\":true}"));
	assert_int_equal(number("SELECT time FROM retention"), last);
	aged.set += 120;
	refused_for("and after a start ");
	aged.set = 0;
	sweep();
	aged.set = RETENTION_CLOCK_SLACK_S + 20;
	refused_for("the clock jumped ahead");
}

/* A dry run with a clock that is a day ahead leaves no anchor there. */
static void T9__dry_run_after_a_restart__is_no_anchor(void **state)
{
	(void)state;
	old_launch();
	restart();
	json_decref(post(&w.admin, "/v1/retention/sweep", 200, "{\"dry_run\":true}"));
	pass(2 * DAY);
	refused_for("and after a start ");
}

static void T9__clock_set_back__nothing_destroyed(void **state)
{
	(void)state;
	old_launch();
	pass(30 * DAY);
	aged.set = -31 * DAY;
	refused_for("the clock went back");
	aged.set = 0;
	sweep();
	assert_gone(1);
}

static void T9__clock_ahead_after_a_restart__nothing_destroyed(void **state)
{
	(void)state;
	old_launch();
	restart();
	aged.set = DAY - 60;
	sweep();
	restart();
	aged.set += DAY + 60;
	refused_for("and after a start ");
}

static void sweep__clock_accepted_by_an_administrator__goes_on_and_the_ledger_says_so(void **state)
{
	(void)state;
	old_launch();
	aged.set = 90 * DAY;
	refused_for("the clock jumped ahead");
	json_decref(post(&w.admin, "/v1/retention/sweep", 200,
		"{\"accept_clock\":true,\"reason\":\"the battery was changed\"}"));
	assert_gone(1);
	json_t *entry = retention_entry(0);
	assert_string_equal(said(entry, "event"), "clock-accepted");
	assert_string_equal(said(entry, "reason"), "the battery was changed");
	assert_string_equal(said(entry, "by"), "spiffe://" WORLD_DOMAIN "/operator/admin/test");
	json_decref(entry);
	sweep();
}

/* ---- the policy ---- */

/* The world's policy under another version, with other times. */
static void policy_of(int version, const char *lines)
{
	world_policy_write(&w, version, lines);
	assert_ok(app_policy_load(w.app, &w.err), w.err);
}

static int setup_long(void **state)
{
	(void)state;
	return setup_with("retention:\n  launch: 300d\n");
}

static void T9__policy_that_shortens__waits_for_the_grace(void **state)
{
	(void)state;
	old_launch();
	pass(40 * DAY);
	policy_of(2, "retention:\n  launch: 1d\n");
	sweep();
	assert_gone(0);
	json_t *s = status();
	const json_t *policies = json_object_get(s, "policies");
	assert_int_equal(json_array_size(policies), 2);
	assert_int_equal(
		json_integer_value(json_object_get(json_array_get(policies, 0), "version")), 2);
	assert_int_equal(strlen(said(json_array_get(policies, 0), "alone_from")), 20);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(s, "decisions"), "launch")),
		300 * DAY);
	json_decref(s);
	age(GRACE - 60);
	assert_gone(0);
	age(120);
	assert_gone(1);
}

static void T9__policy_that_shortens__taken_back_within_the_grace__nothing_destroyed(void **state)
{
	(void)state;
	old_launch();
	pass(40 * DAY);
	policy_of(2, "retention:\n  launch: 1d\n");
	sweep();
	age(5 * DAY);
	policy_of(3, "retention:\n  launch: 300d\n");
	sweep();
	age(GRACE + DAY);
	assert_gone(0);
	age(DAY * 30);
	assert_gone(0);
}

/* With no times before it either: what is not said is kept for ever, and that counts for the grace. */
static int setup_without(void **state)
{
	(void)state;
	return setup_with("");
}

static void T9__first_times_ever__wait_for_the_grace(void **state)
{
	(void)state;
	old_launch();
	age(300 * DAY);
	assert_gone(0);
	policy_of(2, "retention:\n  launch: 1d\n");
	sweep();
	age(GRACE - 60);
	assert_gone(0);
	age(120);
	assert_gone(1);
}

static void sweep__policy_that_lengthens__counts_at_once(void **state)
{
	(void)state;
	old_launch();
	pass(22 * DAY);
	policy_of(2, "retention:\n  launch: 60d\n");
	pass(10 * DAY);
	sweep();
	assert_gone(0);
	age(22 * DAY);
	assert_gone(1);
}

static void sweep__class_of_the_workload__by_its_times(void **state)
{
	(void)state;
	old_launch();
	policy_of(2, "retention:\n  launch: 1d\n  risk_classes: [{name: low, launch: 50d}]\n");
	sweep();
	age(40 * DAY);
	assert_gone(0);
	age(4 * DAY);
	assert_gone(1);
}

/* ---- policies that no record needs ---- */

static void sweep__policy_replaced__its_text_goes_after_the_last_record(void **state)
{
	struct world_attestation a;
	(void)state;
	be(1);
	launch(&a);
	world_attestation_release(&a);
	end_instances();
	sweep();
	pass(3600);
	policy_of(2, "retention:\n  launch: 30d\n  entries: [{type: policy, keep: 12d}]\n");
	sweep();
	age(GRACE + 60);
	const char *stored = "SELECT count(*) FROM objects o, policies p WHERE o.key IS NOT NULL "
			     "AND p.digest=o.digest AND "
			     "p.version=1";
	age(20 * DAY);
	/* Past its own time, and a record needs it. */
	assert_int_equal(number(stored), 1);
	age(4 * DAY);
	assert_gone(1);
	assert_int_equal(number(stored), 0);
	assert_int_equal(number("SELECT count(*) FROM policies WHERE gone=1"), 1);
	assert_int_equal(number("SELECT count(*) FROM objects o, meta m WHERE o.key IS NOT NULL "
				"AND o.digest=m.policy"),
		1);
	json_decref(world_json(&w, &w.auditor, "GET", "/v1/policies", NULL, 200));
	struct https_answer answer =
		world_call(&w, &w.auditor, "GET", "/v1/policies/1", NULL, (struct bytes){0});
	assert_int_equal(answer.status, 410);
	buf_release(&answer.body);
}

static void sweep__policy_replaced_a_moment_ago__its_text_stays(void **state)
{
	(void)state;
	policy_of(2, "retention:\n  launch: 30d\n  entries: [{type: policy, keep: 12d}]\n");
	sweep();
	age(GRACE + 60);
	assert_int_equal(number("SELECT count(*) FROM policies WHERE gone=1"), 0);
	age(4 * DAY);
	assert_int_equal(number("SELECT count(*) FROM policies WHERE gone=1"), 0);
	age(2 * DAY);
	assert_int_equal(number("SELECT count(*) FROM policies WHERE gone=1"), 1);
}

/* ---- holds ---- */

static json_t *hold(const char *scope)
{
	return post(&w.admin, HOLD, 201, "{%s,\"reason\":\"case 17\"}", scope);
}

static void lift(void)
{
	json_decref(post(&w.admin, HOLD "/1/lift", 200, "{\"reason\":\"case 17 is closed\"}"));
	json_decref(post(&second, HOLD "/1/lift", 200, "{\"reason\":\"so it is\"}"));
}

/* What holds the launch, what does not. `at` is a time within its life. */
static void scope_of(size_t i, char out[256])
{
	char host[2 * HOST_ID_LEN + 1], release[2 * SHA256_LEN + 1], now[TIME_TEXT_MAX],
		later[TIME_TEXT_MAX];
	int64_t time = number("SELECT time FROM records");
	hex_encode(BYTES_OF(w.host_id), host);
	hex_encode(BYTES_OF(w.scene->release_digest), release);
	(void)time_format(time, now);
	(void)time_format(time + 1, later);
	switch (i) {
	case 0:
		(void)snprintf(out, 256, "\"host\":\"%s\"", host);
		break;
	case 1:
		(void)snprintf(out, 256, "\"workload\":\"ocr-agent\"");
		break;
	case 2:
		(void)snprintf(out, 256, "\"release\":\"%s\"", release);
		break;
	case 3:
		(void)snprintf(out, 256, "\"from\":\"%s\",\"to\":\"%s\"", now, now);
		break;
	case 4:
		(void)snprintf(out, 256, "\"to\":\"%s\"", now);
		break;
	case 5:
		(void)snprintf(out, 256, "\"from\":\"%s\"", now);
		break;
	case 6:
		(void)snprintf(out, 256,
			"\"host\":\"%s\",\"workload\":\"ocr-agent\",\"from\":\"%s\"", host, now);
		break;
	default:
		(void)snprintf(out, 256, "\"workload\":\"ocr-agent\",\"from\":\"%s\"", later);
		break;
	}
}

#define SCOPES_THAT_HOLD 7u

static bool unhold_work(struct store_tx *tx, void *arg, struct err *err)
{
	(void)arg;
	return sql_exec(tx->sql, "UPDATE holds SET lifted=1", SQL_NO_ARGS, NULL, err);
}

static void T9__held_at_each_scope__nothing_destroyed(void **state)
{
	char scope[256];
	(void)state;
	old_launch();
	pass(40 * DAY);
	for (size_t i = 0; i < SCOPES_THAT_HOLD; i++) {
		scope_of(i, scope);
		json_decref(hold(scope));
		sweep();
		if (records_gone() != 0)
			fail_msg("not held: %s", scope);
		/* As if it had been lifted long ago. */
		assert_ok(store_run(w.app->store, unhold_work, NULL, &w.err), w.err);
	}
	scope_of(SCOPES_THAT_HOLD, scope);
	json_decref(hold(scope));
	sweep();
	assert_gone(1);
}

/* A renewal is held by its time: the launch that it rests on stays with it. */
static void T9__held_in_part__the_whole_history_stays(void **state)
{
	struct world_attestation a, b;
	char scope[256], from[TIME_TEXT_MAX];
	(void)state;
	be(1);
	launch(&a);
	pass(60);
	renew(&a, &b);
	end_instances();
	sweep();
	age(GRACE);
	(void)snprintf(scope, sizeof(scope), "\"from\":\"%s\"",
		time_format(number("SELECT max(time) FROM records"), from));
	json_decref(hold(scope));
	age(60 * DAY);
	assert_gone(0);
	world_attestation_release(&a);
	world_attestation_release(&b);
}

/* The hold comes between the search and the transaction: that is where it counts. */
static void T9__hold_set_after_the_search__found_inside_the_transaction(void **state)
{
	struct retention_rules rules = {0};
	struct retention_batch *batch = calloc(1, sizeof(*batch));
	struct history_cursor cursor = {.last = INT64_MIN};
	struct sql *sql = NULL;
	(void)state;
	assert_non_null(batch);
	old_launch();
	pass(40 * DAY);
	int64_t now = clock_wall(&aged.base);
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	assert_ok(retention_rules_load(sql, now, GRACE, &rules, &w.err), w.err);
	assert_ok(histories_old(
			  sql, now, &cursor, batch->histories, 8, &batch->history_count, &w.err),
		w.err);
	store_read_done(w.app->store, &sql);
	assert_int_equal(batch->history_count, 1);
	json_decref(hold("\"workload\":\"ocr-agent\""));
	batch->app = w.app;
	batch->rules = &rules;
	batch->now = now;
	batch->by = "";
	batch->record_max = 8;
	assert_ok(retention_batch_run(batch, &w.err), w.err);
	assert_int_equal(batch->gone.record_count, 0);
	assert_gone(0);
	gone_list_release(&batch->gone);
	/* Another policy since: nothing at all is done by the times of the old one. */
	policy_of(2, "retention:\n  launch: 300d\n");
	assert_false(retention_batch_run(batch, &w.err));
	assert_int_equal(w.err.code, ERR_CONFLICT);
	gone_list_release(&batch->gone);
	retention_rules_release(&rules);
	free(batch);
}

static void T9__hold_lifted_by_one_alone__still_holds(void **state)
{
	(void)state;
	old_launch();
	pass(40 * DAY);
	json_decref(hold("\"workload\":\"ocr-agent\""));
	json_t *first = post(&w.admin, HOLD "/1/lift", 200, "{\"reason\":\"closed\"}");
	assert_string_equal(said(first, "state"), "lifting");
	json_decref(first);
	json_t *again = post(&w.admin, HOLD "/1/lift", 409, "{\"reason\":\"closed\"}");
	if (!strstr(message(again), "another administrator has to confirm it"))
		fail_msg("%s", message(again));
	json_decref(again);
	json_decref(post(&w.auditor, HOLD "/1/lift", 403, "{\"reason\":\"closed\"}"));
	age(GRACE + 60);
	assert_gone(0);
}

static void T9__hold_lifted_by_two__holds_for_the_grace(void **state)
{
	(void)state;
	old_launch();
	pass(40 * DAY);
	json_decref(hold("\"workload\":\"ocr-agent\""));
	lift();
	json_decref(post(&second, HOLD "/1/lift", 409, "{\"reason\":\"once more\"}"));
	sweep();
	age(GRACE - 60);
	assert_gone(0);
	age(120);
	assert_gone(1);
}

/* With a clock that is set back while a hold is lifted, the grace would seem over. */
static void T9__hold_lifted_with_the_clock_set_back__holds_for_the_grace(void **state)
{
	(void)state;
	old_launch();
	pass(40 * DAY);
	json_decref(hold("\"workload\":\"ocr-agent\""));
	sweep();
	aged.set = -20 * DAY;
	lift();
	aged.set = 0;
	sweep();
	assert_gone(0);
	age(GRACE - 60);
	assert_gone(0);
}

static void hold__set_and_lifted__each_step_in_the_ledger(void **state)
{
	static const char *const events[] = {"hold-set", "hold-lift-asked", "hold-lifted"};
	(void)state;
	json_decref(hold("\"workload\":\"ocr-agent\""));
	lift();
	size_t n = 0;
	json_t *entry;
	while ((entry = retention_entry((int64_t)n))) {
		assert_true(n < ARRAY_LEN(events));
		assert_string_equal(said(entry, "event"), events[n++]);
		assert_string_equal(said(entry, "workload"), "ocr-agent");
		assert_string_equal(
			said(entry, "by"), "spiffe://" WORLD_DOMAIN "/operator/admin/test");
		if (n == ARRAY_LEN(events)) {
			assert_string_equal(said(entry, "lifted_by"),
				"spiffe://" WORLD_DOMAIN "/operator/admin/second");
			assert_string_equal(said(entry, "said"), "so it is");
			assert_string_equal(said(entry, "lift_reason"), "case 17 is closed");
		}
		json_decref(entry);
	}
	assert_int_equal(n, ARRAY_LEN(events));
	json_t *list = world_json(&w, &w.auditor, "GET", HOLD, NULL, 200);
	const json_t *only = json_array_get(json_object_get(list, "holds"), 0);
	assert_string_equal(said(only, "state"), "lifted");
	json_decref(list);
}

static void hold__that_names_nothing_or_nothing_there__refused(void **state)
{
	static const struct {
		const char *body, *why;
		int status;
	} cases[] = {
		{"{\"reason\":\"r\"}", "name a host, workload, release or time span", 400},
		{"{\"workload\":\"ocr-agent\"}", "reason", 400},
		{"{\"workload\":\"ocr-agent\",\"reason\":\"\"}", "say why", 400},
		{"{\"workload\":\"ocr-agnet\",\"reason\":\"r\"}", "no workload ocr-agnet", 404},
		{"{\"workload\":\"O'C\",\"reason\":\"r\"}", "not a name", 400},
		{"{\"host\":\"00\",\"reason\":\"r\"}", "host", 400},
		{"{\"host\":\"0000000000000000000000000000000000000000000000000000000000000000\","
		 "\"reason\":\"r\"}",
			"no such host", 404},
		{"{\"release\":"
		 "\"0000000000000000000000000000000000000000000000000000000000000000\","
		 "\"reason\":\"r\"}",
			"no such release", 404},
		{"{\"from\":\"yesterday\",\"reason\":\"r\"}", "expected a time", 400},
		{"{\"from\":\"2026-01-02T00:00:00Z\",\"to\":\"2026-01-01T00:00:00Z\",\"reason\":"
		 "\"r\"}",
			"is before from", 400},
		{"{\"workload\":\"ocr-agent\",\"reason\":\"r\",\"hosts\":1}", "hosts", 400},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		json_t *answer = post(&w.admin, HOLD, cases[i].status, "%s", cases[i].body);
		if (!strstr(message(answer), cases[i].why))
			fail_msg("%s, wanted %s", message(answer), cases[i].why);
		json_decref(answer);
	}
	json_decref(post(&w.auditor, HOLD, 403, "{\"workload\":\"ocr-agent\",\"reason\":\"r\"}"));
	json_decref(post(&w.admin, HOLD "/7/lift", 404, "{\"reason\":\"r\"}"));
	json_decref(post(&w.admin, HOLD "/x/lift", 404, "{\"reason\":\"r\"}"));
	assert_int_equal(number("SELECT count(*) FROM holds"), 0);
	assert_int_equal(number("SELECT count(*) FROM entries WHERE type=13"), 0);
}

static void hold__more_than_there_may_be__refused(void **state)
{
	(void)state;
	for (unsigned i = 0; i < HOLDS_MAX / 2; i++)
		json_decref(hold("\"workload\":\"ocr-agent\""));
	json_decref(post(&w.admin, HOLD, 400, "{\"workload\":\"ocr-agent\",\"reason\":\"r\"}"));
}

static int setup_entries(void **state)
{
	(void)state;
	return setup_with(
		"retention:\n  entries: [{type: issued, keep: 10d}, {type: workload, keep: "
		"10d}, {type: host-state, keep: 10d}]\n");
}

#define GONE "SELECT count(*) FROM entries WHERE gone IS NOT NULL AND type="

static void T9__entries_about_what_is_held__stay(void **state)
{
	struct world_attestation a;
	(void)state;
	be(1);
	launch(&a);
	world_attestation_release(&a);
	json_decref(post(&w.admin, "/v1/workloads", 201,
		"{\"name\":\"other\",\"risk_class\":\"low\",\"environment\":\"prod\",\"owner\":"
		"\"o\","
		"\"purpose\":\"p\"}"));
	json_decref(hold("\"workload\":\"ocr-agent\""));
	sweep();
	age(20 * DAY);
	/* What was issued to the agent stays, and what the register says of it; of the other not. */
	assert_int_equal(number(GONE "2"), 0);
	assert_int_equal(number(GONE "8"), 1);
	lift();
	sweep();
	age(GRACE + 60);
	assert_int_equal(number(GONE "2"), 1);
	assert_true(number(GONE "8") > 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			T9__clock_set_ahead__nothing_destroyed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			T9__clock_set_ahead_in_small_steps__refused_at_the_second, setup, teardown),
		cmocka_unit_test_setup_teardown(
			T9__clock_set_ahead_in_small_steps_with_dry_runs__refused_at_the_second,
			setup, teardown),
		cmocka_unit_test_setup_teardown(
			T9__clock_right_and_accepted__believed_no_further, setup, teardown),
		cmocka_unit_test_setup_teardown(
			T9__dry_runs_after_a_restart__no_day_for_each, setup, teardown),
		cmocka_unit_test_setup_teardown(
			T9__dry_run_after_a_restart__is_no_anchor, setup, teardown),
		cmocka_unit_test_setup_teardown(
			T9__clock_set_back__nothing_destroyed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			T9__clock_ahead_after_a_restart__nothing_destroyed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			sweep__clock_accepted_by_an_administrator__goes_on_and_the_ledger_says_so,
			setup, teardown),
		cmocka_unit_test_setup_teardown(
			T9__policy_that_shortens__waits_for_the_grace, setup_long, teardown),
		cmocka_unit_test_setup_teardown(
			T9__policy_that_shortens__taken_back_within_the_grace__nothing_destroyed,
			setup_long, teardown),
		cmocka_unit_test_setup_teardown(
			T9__first_times_ever__wait_for_the_grace, setup_without, teardown),
		cmocka_unit_test_setup_teardown(
			sweep__policy_that_lengthens__counts_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
			sweep__class_of_the_workload__by_its_times, setup, teardown),
		cmocka_unit_test_setup_teardown(
			sweep__policy_replaced__its_text_goes_after_the_last_record, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			sweep__policy_replaced_a_moment_ago__its_text_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(
			T9__held_at_each_scope__nothing_destroyed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			T9__held_in_part__the_whole_history_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(
			T9__hold_set_after_the_search__found_inside_the_transaction, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			T9__hold_lifted_by_one_alone__still_holds, setup, teardown),
		cmocka_unit_test_setup_teardown(
			T9__hold_lifted_by_two__holds_for_the_grace, setup, teardown),
		cmocka_unit_test_setup_teardown(
			T9__hold_lifted_with_the_clock_set_back__holds_for_the_grace, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			hold__set_and_lifted__each_step_in_the_ledger, setup, teardown),
		cmocka_unit_test_setup_teardown(
			hold__that_names_nothing_or_nothing_there__refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			hold__more_than_there_may_be__refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			T9__entries_about_what_is_held__stay, setup_entries, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
