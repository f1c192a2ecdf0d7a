/* SPDX-License-Identifier: Apache-2.0 */
/* Rollouts over the API: widening, promoting, halting, rolling back; what agents get meanwhile; what
 * the ledger and a record keep. */
#include "ledger/audit.h"
#include "tests/unit/verifier/rollout_world.h"
#include "verifier/events.h"

/* ---- what agents get ---- */

static void canary__host_inside__both_releases_trusted(void **state)
{
	(void)state;
	struct agent new, old;
	start(true, "");
	agent_launch(&new, 0x21, new_release);
	assert_outcome(&new.last, "trusted");
	assert_true(new.last.result.report_end);
	agent_launch(&old, 0x22, old_release);
	assert_outcome(&old.last, "trusted");
	assert_false(old.last.result.report_end);
	agent_attest(&new, PURPOSE_RENEW);
	assert_outcome(&new.last, "trusted");
	assert_true(new.last.result.report_end);
	assert_int_equal(count_of("counts", "decisions"), 2);
	assert_int_equal(count_of("counts", "launches"), 1);
	assert_int_equal(count_of("counts", "refusals"), 0);
	assert_int_equal(count_of("hosts", "seen"), 1);
	agent_release(&new);
	agent_release(&old);
}

static void canary__host_outside__new_release_refused_and_not_counted(void **state)
{
	(void)state;
	struct agent new, old;
	start(false, ",\"refusals\":1");
	agent_launch(&new, 0x21, new_release);
	assert_outcome(&new.last, "untrusted: rollout-canary");
	agent_launch(&old, 0x22, old_release);
	assert_outcome(&old.last, "trusted");
	assert_int_equal(count_of("counts", "decisions"), 0);
	assert_state("running");
	agent_release(&new);
	agent_release(&old);
}

/* What was launched under the new release before the rollout was begun ends outside the canary. */
static void canary__launched_before_the_rollout__refused_at_renewal(void **state)
{
	(void)state;
	struct agent new;
	agent_launch(&new, 0x21, new_release);
	assert_outcome(&new.last, "trusted");
	struct world_operator identity = agent_identity(&new);
	start(false, "");
	agent_attest(&new, PURPOSE_RENEW);
	assert_outcome(&new.last, "untrusted: rollout-canary");
	assert_whoami(&identity, 403);
	cert_unref(&identity.cert);
	agent_release(&new);
}

static void halt__canary__no_new_credentials_and_none_renewed(void **state)
{
	(void)state;
	struct agent new, another, old;
	start(true, "");
	agent_launch(&new, 0x21, new_release);
	assert_outcome(&new.last, "trusted");
	struct world_operator identity = agent_identity(&new);
	halt();
	assert_last_event("halted", "spiffe://" WORLD_DOMAIN "/operator/ci/test", "odd answers");
	assert_whoami(&identity, 200);
	agent_launch(&another, 0x22, new_release);
	assert_outcome(&another.last, "untrusted: rollout-halted");
	agent_attest(&new, PURPOSE_RENEW);
	assert_outcome(&new.last, "untrusted: rollout-halted");
	assert_whoami(&identity, 403);
	agent_launch(&old, 0x23, old_release);
	assert_outcome(&old.last, "trusted");
	json_decref(post(&w.admin, ROLLOUT "/halt", 409, "{\"reason\":\"again\"}"));
	promote("{\"override\":true,\"reason\":\"still\"}", 409);
	assert_state("halted");
	cert_unref(&identity.cert);
	agent_release(&new);
	agent_release(&another);
	agent_release(&old);
}

/* How many credentials the newest event of the rollout names as ended with it; -1: there is no such event. */
static int ended_with(const char *step)
{
	struct sql *sql = NULL;
	size_t count = 1;
	uint64_t from = 0;
	int ended = -1;
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	while (count > 0) {
		struct event events[EVENTS_PAGE_MAX] = {0};
		assert_ok(events_read(sql, from, events, EVENTS_PAGE_MAX, &count, &from, &w.err),
			w.err);
		for (size_t i = 0; i < count; i++) {
			json_t *data = NULL;
			assert_ok(json_open(buf_bytes(&events[i].data), JSON_INPUT_MAX, &data,
					  &w.err),
				w.err);
			const char *said = json_string_value(json_object_get(data, "step"));
			if (strcmp(events[i].name, "rollout") == 0 && strcmp(said, step) == 0)
				ended = (int)json_array_size(
					json_object_get(data, "revoked_serials"));
			json_decref(data);
			event_release(&events[i]);
		}
	}
	store_read_done(w.app->store, &sql);
	return ended;
}

static void rollback__running__credentials_of_the_new_release_end_at_once(void **state)
{
	(void)state;
	struct agent new, old;
	start(true, "");
	agent_launch(&old, 0x21, old_release);
	agent_launch(&new, 0x22, new_release);
	struct world_operator before = agent_identity(&old), identity = agent_identity(&new);
	assert_whoami(&identity, 200);
	roll_back();
	assert_whoami(&identity, 403);
	assert_whoami(&before, 200);
	agent_attest(&new, PURPOSE_RENEW);
	assert_outcome(&new.last, "untrusted: rollout-rolled-back");
	agent_attest(&old, PURPOSE_RENEW);
	assert_outcome(&old.last, "trusted");
	json_decref(post(&w.admin, ROLLOUT "/rollback", 409, "{\"reason\":\"again\"}"));
	json_decref(post(&w.admin, ROLLOUT "/halt", 409, "{\"reason\":\"again\"}"));
	promote("{\"override\":true,\"reason\":\"still\"}", 409);
	assert_last_event("rolled-back", ADMIN_URI, "worse");
	assert_int_equal(ended_with("rolled-back"), 1); /* whoever refuses by serial hears of it */
	assert_int_equal(ended_with("started"), 0);
	cert_unref(&identity.cert);
	cert_unref(&before.cert);
	agent_release(&new);
	agent_release(&old);
}

static void third_release__while_rollouts_rule__does_not_launch(void **state)
{
	(void)state;
	uint8_t third[SHA256_LEN];
	struct agent running, another;
	publish("1.4.5", true, third);
	agent_launch(&running, 0x21, third);
	assert_outcome(&running.last, "trusted");
	start_from_old(true);
	agent_launch(&another, 0x22, third);
	assert_outcome(&another.last, "untrusted: rollout-release");
	agent_attest(&running, PURPOSE_RENEW);
	assert_outcome(&running.last, "trusted");
	agent_release(&running);
	agent_release(&another);
}

/* ---- promoting ---- */

static void promote__before_the_soak_ends__refused_unless_overridden_with_a_reason(void **state)
{
	(void)state;
	struct agent new;
	start(true, "");
	json_t *answer = post(&w.admin, ROLLOUT "/promote", 403, "{}");
	assert_string_equal(
		message_of(answer), "no host of the canary was trusted with the release yet");
	json_decref(answer);
	agent_launch(&new, 0x21, new_release);
	answer = post(&w.admin, ROLLOUT "/promote", 403, "{\"reason\":\"please\"}");
	assert_non_null(strstr(message_of(answer), "the soak lasts "));
	json_decref(answer);
	promote("{\"override\":true}", 400);
	promote("{\"override\":true,\"reason\":\"\"}", 400);
	promote("{\"override\":true,\"reason\":\"x\",\"canary\":6000}", 400);
	promote("{\"override\":1,\"reason\":\"x\"}", 400);
	assert_state("running");
	promote("{\"override\":true,\"reason\":\"fraud in progress\"}", 200);
	assert_last_event("promoted", ADMIN_URI, "fraud in progress");
	agent_release(&new);
}

static void promote__after_the_soak__old_release_launches_no_more_and_drains(void **state)
{
	(void)state;
	struct agent old, new, late;
	start(true, ",\"drain\":300");
	agent_launch(&old, 0x21, old_release);
	agent_launch(&new, 0x22, new_release);
	moved.shift = 601;
	promote("{}", 200);
	json_t *s = status();
	assert_true(json_is_null(json_object_get(s, "promotion")));
	assert_string_not_equal(text_of(s, "drained"), "");
	json_decref(s);
	agent_launch(&late, 0x23, old_release);
	assert_outcome(&late.last, "untrusted: version-floor");
	assert_also(&late.last, "\"rollout-release\"");
	agent_attest(&old, PURPOSE_RENEW);
	assert_outcome(&old.last, "trusted");
	moved.shift = 601 + 310;
	agent_attest(&old, PURPOSE_RENEW);
	assert_outcome(&old.last, "untrusted: rollout-release");
	agent_attest(&new, PURPOSE_RENEW);
	assert_outcome(&new.last, "trusted");
	agent_release(&old);
	agent_release(&new);
	agent_release(&late);
}

static void promote__host_outside_the_canary__comes_in(void **state)
{
	(void)state;
	struct agent new;
	start(false, "");
	promote("{\"override\":true,\"reason\":\"urgent\"}", 200);
	agent_launch(&new, 0x21, new_release);
	assert_outcome(&new.last, "trusted");
	agent_release(&new);
}

static void promote__approvals_withdrawn_meanwhile__refused(void **state)
{
	(void)state;
	struct agent new;
	start(true, "");
	agent_launch(&new, 0x21, new_release);
	moved.shift = 601;
	withdraw_approvals();
	json_t *answer = post(&w.admin, ROLLOUT "/promote", 403, "{}");
	assert_non_null(strstr(message_of(answer), "approval-"));
	json_decref(answer);
	json_decref(post(
		&w.admin, ROLLOUT "/promote", 403, "{\"override\":true,\"reason\":\"I may\"}"));
	json_decref(post(&w.admin, ROLLOUT "/promote", 403, "{\"canary\":9000}"));
	assert_state("running");
	agent_release(&new);
}

static void widen__only_grows_and_soaks_anew(void **state)
{
	(void)state;
	struct agent new;
	start(true, "");
	agent_launch(&new, 0x21, new_release);
	moved.shift = 590;
	promote("{\"canary\":5000}", 409);
	promote("{\"canary\":100}", 409);
	promote("{\"canary\":10001}", 400);
	json_t *s = post(&w.admin, ROLLOUT "/promote", 200, "{\"canary\":10000}");
	assert_string_equal(text_of(s, "state"), "running");
	assert_string_equal(text_of(s, "canary"), "100%");
	assert_in_range(json_integer_value(json_object_get(s, "soak_left")), 590, 600);
	json_decref(s);
	moved.shift = 650;
	promote("{}", 403);
	assert_last_event("widened", ADMIN_URI, "");
	agent_attest(&new, PURPOSE_RENEW);
	assert_outcome(&new.last, "trusted");
	moved.shift = 590 + 601;
	promote("{}", 200);
	agent_release(&new);
}

static void widen__host_outside__comes_in(void **state)
{
	(void)state;
	struct agent new;
	start(false, "");
	json_decref(post(&w.admin, ROLLOUT "/promote", 200, "{\"canary\":10000}"));
	agent_launch(&new, 0x21, new_release);
	assert_outcome(&new.last, "trusted");
	agent_release(&new);
}

static void automatic__soak_over__next_decision_promotes(void **state)
{
	(void)state;
	struct agent new, old;
	start(true, ",\"automatic\":true");
	agent_launch(&new, 0x21, new_release);
	moved.shift = 590;
	agent_launch(&old, 0x22, old_release);
	assert_outcome(&old.last, "trusted");
	moved.shift = 601;
	agent_release(&old);
	agent_launch(&old, 0x23, old_release);
	assert_outcome(&old.last, "untrusted: version-floor");
	assert_also(&old.last, "\"rollout-release\"");
	assert_last_event("promoted", "verifier", "the soak is over and its limits hold");
	agent_release(&new);
	agent_release(&old);
}

static void automatic__nobody_tried_it__not_promoted(void **state)
{
	(void)state;
	start(true, ",\"automatic\":true");
	moved.shift = 1000;
	json_t *s = status();
	assert_string_equal(text_of(s, "state"), "running");
	assert_string_equal(text_of(s, "promotion"), "untried");
	assert_int_equal(json_integer_value(json_object_get(s, "soak_left")), 0);
	json_decref(s);
}

static void automatic__not_asked_for__stays_a_canary(void **state)
{
	(void)state;
	struct agent new;
	start(true, "");
	agent_launch(&new, 0x21, new_release);
	moved.shift = 1000;
	json_t *s = status();
	assert_string_equal(text_of(s, "state"), "running");
	assert_string_equal(text_of(s, "promotion"), "ready");
	json_decref(s);
	agent_release(&new);
}

static void automatic__release_does_not_pass_the_gate_any_more__halted(void **state)
{
	(void)state;
	struct agent new;
	start(true, ",\"automatic\":true");
	agent_launch(&new, 0x21, new_release);
	withdraw_approvals();
	moved.shift = 601;
	assert_state("halted");
	assert_last_event("halted", "verifier", "not promoted: release ");
	agent_release(&new);
}

/* ---- elsewhere ---- */

static void assert_current(const uint8_t release[SHA256_LEN])
{
	json_t *workload = world_json(&w, &w.auditor, "GET", "/v1/workloads/ocr-agent", NULL, 200);
	assert_string_equal(
		text_of(json_object_get(workload, "current_release"), "digest"), hex_of(release));
	assert_int_equal(json_array_size(json_object_get(workload, "previous_releases")), 1);
	json_decref(workload);
}

static void register__current_release__what_the_rollout_leaves_in_force(void **state)
{
	(void)state;
	start(true, "");
	assert_current(old_release);
	promote("{\"override\":true,\"reason\":\"urgent\"}", 200);
	assert_current(new_release);
	floor_down(2);
	roll_back();
	assert_current(old_release);
}

static bool admits(const uint8_t release[SHA256_LEN])
{
	struct call call = {.app = w.app};
	char why[RELEASE_WHY_MAX] = "";
	bool ret = false;
	assert_ok(rollout_admits(&call, release, &ret, why, &w.err), w.err);
	if (!ret)
		assert_non_null(strstr(why, "the rollout of workload ocr-agent is "));
	return ret;
}

static void admits__where_no_host_is_known__what_some_host_may_launch(void **state)
{
	(void)state;
	const uint8_t unknown[SHA256_LEN] = {0x99};
	assert_true(admits(unknown));
	assert_true(admits(new_release));
	start(false, "");
	assert_true(admits(new_release) && admits(old_release));
	halt();
	assert_true(!admits(new_release) && admits(old_release));
	roll_back();
	assert_true(!admits(new_release) && admits(old_release));
	start(false, "");
	promote("{\"override\":true,\"reason\":\"urgent\"}", 200);
	assert_true(admits(new_release) && !admits(old_release));
}

/* ---- clock and restart ---- */

static void clock_back__soak_is_longer_and_nothing_is_promoted(void **state)
{
	(void)state;
	struct agent new;
	moved.shift = 30;
	start(true, ",\"automatic\":true");
	agent_launch(&new, 0x21, new_release);
	moved.shift = 0;
	json_t *s = status();
	assert_string_equal(text_of(s, "state"), "running");
	assert_in_range(json_integer_value(json_object_get(s, "soak_left")), 615, 631);
	json_decref(s);
	promote("{}", 403);
	agent_release(&new);
}

static void restart__in_mid_rollout__goes_on_where_it_was(void **state)
{
	(void)state;
	struct agent new, bad;
	start(true, ",\"refusals\":2");
	agent_launch(&new, 0x21, new_release);
	agent_spoil(&bad, 0x22, new_release);
	agent_attest(&bad, PURPOSE_LAUNCH);
	https_close(&c);
	app_close(&w.app);
	assert_true(world_open(&w));
	assert_true(world_connect(&w, &c));
	assert_state("running");
	assert_int_equal(count_of("counts", "decisions"), 2);
	assert_int_equal(count_of("counts", "refusals"), 1);
	agent_attest(&new, PURPOSE_RENEW);
	assert_outcome(&new.last, "trusted");
	agent_release(&bad);
	agent_spoil(&bad, 0x23, new_release);
	agent_attest(&bad, PURPOSE_LAUNCH);
	assert_state("halted");
	assert_last_event("halted", "verifier", "refusals: 2, the limit is 2");
	agent_release(&new);
	agent_release(&bad);
}

/* ---- what is kept ---- */

static void ledger__each_step__an_entry_with_who_and_why(void **state)
{
	(void)state;
	static const char *const steps[] = {
		"\"rolled-back\"", "\"halted\"", "\"widened\"", "\"started\""};
	struct store_tree tree;
	struct sql *sql = NULL;
	start(true, ",\"reason\":\"the first\"");
	promote("{\"canary\":6000,\"reason\":\"the second\"}", 200);
	halt();
	roll_back();
	store_tree(w.app->store, &tree);
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct leaf_row leaf = {0};
		struct leaf parsed;
		bool found = false;
		assert_ok(leaf_get(sql, tree.size - 1 - i, &leaf, &found, &w.err), w.err);
		assert_ok(leaf_decode(buf_bytes(&leaf.bytes), &parsed, &w.err), w.err);
		assert_int_equal(parsed.type, LEAF_ROLLOUT);
		assert_string_equal(leaf_type_name(parsed.type), "rollout");
		assert_non_null(strstr(buf_str(&leaf.content), steps[i]));
		assert_non_null(strstr(buf_str(&leaf.content), "/operator/"));
		assert_non_null(strstr(buf_str(&leaf.content), hex_of(new_release)));
		leaf_row_release(&leaf);
	}
	store_read_done(w.app->store, &sql);
}

static void assert_audited(const struct agent *agent, bool trusted)
{
	char id[2 * SHA256_LEN + 1], path[128];
	struct audit_report report;
	hex_encode(BYTES_OF(agent->last.result.record), id);
	(void)snprintf(path, sizeof(path), "/v1/records/%s/bundle", id);
	struct https_answer bundle =
		world_call(&w, &w.auditor, "GET", path, NULL, (struct bytes){0});
	assert_int_equal(bundle.status, 200);
	struct audit_anchors anchors = {.roots = &w.ca, .root_count = 1};
	assert_ok(audit_run(buf_bytes(&bundle.body), &anchors, &report, &w.err), w.err);
	assert_true(report.consistent);
	assert_int_equal(agent->last.result.trusted, trusted);
	audit_report_release(&report);
	buf_release(&bundle.body);
}

/* The rollout is long over when the record is audited. */
static void record__of_either_outcome__audited_afterwards(void **state)
{
	(void)state;
	struct agent in, out;
	start(true, "");
	agent_launch(&in, 0x21, new_release);
	roll_back();
	start(false, "");
	agent_launch(&out, 0x22, new_release);
	assert_outcome(&out.last, "untrusted: rollout-canary");
	roll_back();
	assert_audited(&in, true);
	assert_audited(&out, false);
	agent_release(&in);
	agent_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(canary__host_inside__both_releases_trusted),
		T(canary__host_outside__new_release_refused_and_not_counted),
		T(canary__launched_before_the_rollout__refused_at_renewal),
		T(halt__canary__no_new_credentials_and_none_renewed),
		T(rollback__running__credentials_of_the_new_release_end_at_once),
		T(third_release__while_rollouts_rule__does_not_launch),
		T(promote__before_the_soak_ends__refused_unless_overridden_with_a_reason),
		T(promote__after_the_soak__old_release_launches_no_more_and_drains),
		T(promote__host_outside_the_canary__comes_in),
		T(promote__approvals_withdrawn_meanwhile__refused),
		T(widen__only_grows_and_soaks_anew),
		T(widen__host_outside__comes_in),
		T(automatic__soak_over__next_decision_promotes),
		T(automatic__nobody_tried_it__not_promoted),
		T(automatic__not_asked_for__stays_a_canary),
		T(automatic__release_does_not_pass_the_gate_any_more__halted),
		T(register__current_release__what_the_rollout_leaves_in_force),
		T(admits__where_no_host_is_known__what_some_host_may_launch),
		T(clock_back__soak_is_longer_and_nothing_is_promoted),
		T(restart__in_mid_rollout__goes_on_where_it_was),
		T(ledger__each_step__an_entry_with_who_and_why),
		T(record__of_either_outcome__audited_afterwards),
#undef T
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
