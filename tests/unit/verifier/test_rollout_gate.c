/* SPDX-License-Identifier: Apache-2.0 */
/* Rollouts and the gate: what the gate says of a release that is being rolled out or was taken back,
 * and steps whose gate was asked before something moved. */
#include "tests/unit/verifier/held.h"
#include "tests/unit/verifier/rollout_world.h"

/* ---- what the gate says ---- */

static json_t *gate(const uint8_t release[SHA256_LEN])
{
	char path[160];
	(void)snprintf(
		path, sizeof(path), "/v1/releases/%s/gate?environment=prod", hex_of(release));
	json_t *answer = world_json(&w, &w.ci, "GET", path, NULL, 200);
	json_t *verdict = json_incref(json_object_get(answer, "verdict"));
	json_decref(answer);
	return verdict;
}

static void assert_gate(const uint8_t release[SHA256_LEN], const char *code)
{
	json_t *verdict = gate(release);
	const json_t *reason = json_array_get(json_object_get(verdict, "reasons"), 0);
	assert_string_equal(text_of(verdict, "outcome"), code ? "untrusted" : "trusted");
	if (code)
		assert_string_equal(text_of(reason, "code"), code);
	json_decref(verdict);
}

static void gate__release_halted_or_taken_back__closed(void **state)
{
	(void)state;
	start(true, "");
	halt();
	assert_gate(new_release, "rollout-halted");
	assert_gate(old_release, NULL);
	roll_back();
	assert_gate(new_release, "rollout-rolled-back");
	assert_gate(old_release, NULL);
	/* What was taken back may be tried anew: that takes a rollout. */
	start(true, "");
	assert_gate(new_release, NULL);
}

static bool notes_the_canary(const uint8_t release[SHA256_LEN])
{
	json_t *verdict = gate(release);
	char *text = json_dumps(json_object_get(verdict, "not_checked"), 0);
	bool ret = strstr(text, "only those of the canary launch it") != NULL;
	assert_true(!ret || strstr(text, "(running, canary 50%)"));
	free(text);
	json_decref(verdict);
	return ret;
}

static void gate__rollout_running__says_that_only_the_canary_launches_it(void **state)
{
	(void)state;
	assert_false(notes_the_canary(new_release));
	start(true, "");
	assert_true(notes_the_canary(new_release));
	assert_false(notes_the_canary(old_release));
	promote("{\"override\":true,\"reason\":\"urgent\"}", 200);
	assert_false(notes_the_canary(new_release));
}

/* ---- what moves while a step is taken ---- */

static bool workload_work(struct store_tx *tx, void *arg, struct err *err)
{
	const struct security_floor_row row = {
		.workload = "ocr-agent", .sequence = 1, .minimum = "1.0.0"};
	(void)arg;
	return security_floor_insert(tx->sql, &row, err);
}

static bool revoke_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct release_row row = {0};
	bool found = false;
	bool ok = release_get(tx->sql, new_release, &row, &found, err) && found &&
		  release_set_state(tx->sql, new_release, row.version, RELEASE_REVOKED, err);
	(void)arg;
	release_row_release(&row);
	return ok;
}

static bool policy_work(struct store_tx *tx, void *arg, struct err *err)
{
	const uint8_t other[SHA256_LEN] = {9};
	(void)arg;
	return policy_in_force_set(tx, other, 99, err);
}

static const struct move {
	store_work change;
	const char *why;
} moves[] = {
	{workload_work, "the workload was changed meanwhile"},
	{revoke_work, "the release was changed meanwhile"},
	{policy_work, "the policy was changed meanwhile"},
};

static void assert_moved(store_work change, const char *path, const char *body, const char *why)
{
	pthread_t thread = hold(&w, change, NULL);
	json_t *answer = post(&w.admin, path, 409, "%s", body);
	held_end(thread);
	if (!strstr(message_of(answer), why))
		fail_msg("%s", message_of(answer));
	json_decref(answer);
}

static void start__something_moved_meanwhile__not_started(void **state)
{
	char body[256];
	for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
		if (i > 0) {
			(void)teardown(state);
			(void)setup(state);
		}
		(void)snprintf(body, sizeof(body),
			"{\"release\":\"%s\",\"canary\":5000,\"soak\":1}", hex_of(new_release));
		assert_moved(moves[i].change, "/v1/rollouts", body, moves[i].why);
		json_decref(world_json(&w, &w.auditor, "GET", ROLLOUT, NULL, 404));
	}
}

static void promote__something_moved_meanwhile__stays_a_canary(void **state)
{
	static const char *const bodies[] = {
		"{\"override\":true,\"reason\":\"urgent\"}", "{\"canary\":9000}"};
	for (size_t i = 0; i < ARRAY_LEN(moves) * ARRAY_LEN(bodies); i++) {
		const struct move *move = &moves[i / ARRAY_LEN(bodies)];
		if (i > 0) {
			(void)teardown(state);
			(void)setup(state);
		}
		start(true, "");
		assert_moved(
			move->change, ROLLOUT "/promote", bodies[i % ARRAY_LEN(bodies)], move->why);
		json_t *s = status();
		assert_string_equal(text_of(s, "state"), "running");
		assert_string_equal(text_of(s, "canary"), "50%");
		json_decref(s);
	}
}

static uint8_t third[SHA256_LEN];

/* Taken back, and one to a release that no gate was asked about. */
static bool other_rollout_work(struct store_tx *tx, void *arg, struct err *err)
{
	const struct rollout_change back = {.step = ROLLOUT_ROLL_BACK,
		.by = "x",
		.reason = "x",
		.now = clock_wall(&moved.base)};
	struct rollout_row row;
	bool found = false;
	(void)arg;
	if (!rollout_last(tx->sql, BYTES_LIT("ocr-agent"), &row, &found, err) ||
		!rollout_step_take(w.app, tx, &row, &back, err))
		return false;
	row.id[0] ^= 1;
	row.seq++;
	row.state = ROLLOUT_RUNNING;
	memcpy(row.release_new, third, SHA256_LEN);
	return rollout_begin(w.app, tx, &row, "x", "x", err);
}

static void promote__another_rollout_meanwhile__not_promoted(void **state)
{
	(void)state;
	publish("1.6.0", false, third);
	start_from_old(true);
	assert_moved(other_rollout_work, ROLLOUT "/promote",
		"{\"override\":true,\"reason\":\"urgent\"}",
		"another rollout was started meanwhile");
}

static void automatic__release_revoked_while_it_is_settled__halted_by_the_next(void **state)
{
	(void)state;
	struct agent new;
	start(true, ",\"automatic\":true");
	agent_launch(&new, 0x21, new_release);
	moved.shift = 601;
	pthread_t thread = hold(&w, revoke_work, NULL);
	assert_state("running");
	held_end(thread);
	assert_state("halted");
	assert_last_event("halted", "verifier", "not promoted: ");
	agent_release(&new);
}

/* Whatever the gate said: what is revoked becomes nobody's release. */
static bool promote_revoked_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct release_grounds grounds = {.workload = "ocr-agent"};
	const struct rollout_change promotion = {.step = ROLLOUT_PROMOTE,
		.by = "x",
		.reason = "x",
		.now = clock_wall(&moved.base),
		.grounds = &grounds};
	struct release_row release = {0};
	struct workload_row workload;
	struct rollout_row row;
	bool found = false;
	if (!revoke_work(tx, arg, err) ||
		!release_get(tx->sql, new_release, &release, &found, err) ||
		!workload_get(tx->sql, BYTES_LIT("ocr-agent"), &workload, &found, err) ||
		!rollout_last(tx->sql, BYTES_LIT("ocr-agent"), &row, &found, err))
		return false;
	memcpy(grounds.release, new_release, SHA256_LEN);
	memcpy(grounds.policy, tx->policy, SHA256_LEN);
	grounds.release_version = release.version;
	grounds.workload_version = workload.version;
	release_row_release(&release);
	return rollout_step_take(w.app, tx, &row, &promotion, err);
}

static void promote__revoked_release__conflict(void **state)
{
	(void)state;
	start(true, "");
	assert_fails(store_run(w.app->store, promote_revoked_work, NULL, &w.err), w.err,
		ERR_CONFLICT, "the release was revoked meanwhile");
	assert_state("running");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(gate__release_halted_or_taken_back__closed),
		T(gate__rollout_running__says_that_only_the_canary_launches_it),
		T(start__something_moved_meanwhile__not_started),
		T(promote__something_moved_meanwhile__stays_a_canary),
		T(promote__another_rollout_meanwhile__not_promoted),
		T(automatic__release_revoked_while_it_is_settled__halted_by_the_next),
		T(promote__revoked_release__conflict),
#undef T
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
