/* SPDX-License-Identifier: Apache-2.0 */
/* Rollouts over floors: a canary raises none, a promotion does, and going back below it takes
 * persons. */
#include "tests/unit/verifier/rollout_world.h"

static const char *floor_version(void)
{
	static char version[64];
	json_t *view = world_json(&w, &w.auditor, "GET", "/v1/workloads/ocr-agent", NULL, 200);
	const json_t *floor = json_object_get(view, "version_floor");
	(void)snprintf(version, sizeof(version), "%s",
		json_is_null(floor) ? "none" : text_of(floor, "version"));
	json_decref(view);
	return version;
}

static void override(void)
{
	promote("{\"override\":true,\"reason\":\"urgent\"}", 200);
}

static void canary__new_release_trusted__floor_stays_and_old_one_launches(void **state)
{
	(void)state;
	struct agent first, new, old;
	agent_launch(&first, 0x20, old_release);
	assert_outcome(&first.last, "trusted");
	assert_string_equal(floor_version(), "1.4.0");
	start(true, "");
	agent_launch(&new, 0x21, new_release);
	assert_outcome(&new.last, "trusted");
	assert_string_equal(floor_version(), "1.4.0");
	agent_launch(&old, 0x22, old_release);
	assert_outcome(&old.last, "trusted");
	halt();
	roll_back();
	assert_string_equal(floor_version(), "1.4.0");
	agent_release(&first);
	agent_release(&new);
	agent_release(&old);
}

static void promote__floor__goes_up_at_once(void **state)
{
	(void)state;
	start(true, "");
	override();
	assert_string_equal(floor_version(), "1.5.0");
}

static void P9__promoted_rolled_back_by_an_operator_alone__refused(void **state)
{
	(void)state;
	struct agent old, new;
	start(true, "");
	agent_launch(&new, 0x21, new_release);
	struct world_operator identity = agent_identity(&new);
	override();
	json_t *answer = post(&w.admin, ROLLOUT "/rollback", 403, "{\"reason\":\"worse\"}");
	assert_non_null(strstr(text_of(json_object_get(answer, "error"), "message"),
		"the older release is below the version floor"));
	json_decref(answer);
	assert_state("promoted");
	assert_whoami(&identity, 200);
	floor_down(2);
	roll_back();
	assert_whoami(&identity, 403);
	agent_launch(&old, 0x22, old_release);
	assert_outcome(&old.last, "trusted");
	cert_unref(&identity.cert);
	agent_release(&old);
	agent_release(&new);
}

/* ---- a release that was taken back, once the next rollout runs ---- */

static void instance_row_of(const struct agent *agent, struct instance_row *ret)
{
	uint8_t id[INSTANCE_ID_LEN];
	struct sql *sql = NULL;
	bool found = false;
	memset(id, agent->number, sizeof(id));
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	assert_ok(instance_get(sql, w.host_id, id, ret, &found, &w.err), w.err);
	store_read_done(w.app->store, &sql);
	assert_true(found);
}

static bool instance_put_work(struct store_tx *tx, void *arg, struct err *err)
{
	return instance_put(tx->sql, arg, err);
}

/* Floor 1.4.0; 1.5.0 was trusted, and taken back; 1.6.0 is being rolled out. */
static void taken_back_and_next_begun(
	struct agent *old, struct agent *new, struct instance_row *was)
{
	static uint8_t third[SHA256_LEN];
	publish("1.6.0", true, third);
	agent_launch(old, 0x20, old_release);
	start_from_old(true);
	agent_launch(new, 0x21, new_release);
	assert_outcome(&new->last, "trusted");
	instance_row_of(new, was);
	roll_back();
	start_to(third, true, "");
	assert_string_equal(floor_version(), "1.4.0");
}

static void P9__renewal_of_a_release_taken_back_under_the_next_rollout__refused(void **state)
{
	(void)state;
	struct agent old, new;
	struct instance_row was, is;
	taken_back_and_next_begun(&old, &new, &was);
	instance_row_of(&new, &is);
	assert_int_equal(is.state, INSTANCE_REFUSED);
	assert_false(is.policy_state.established);
	agent_attest(&new, PURPOSE_RENEW);
	assert_outcome(&new.last, "untrusted: rollout-release");
	assert_string_equal(floor_version(), "1.4.0");
	agent_attest(&old, PURPOSE_RENEW);
	assert_outcome(&old.last, "trusted");
	agent_release(&old);
	agent_release(&new);
}

/* Even if it renewed: the floor goes by what is in force. */
static void P9__renewal_of_a_release_not_in_force__floor_stays(void **state)
{
	(void)state;
	struct agent old, new;
	struct instance_row was, is;
	taken_back_and_next_begun(&old, &new, &was);
	instance_row_of(&new, &is);
	was.version = is.version;
	assert_ok(store_run(w.app->store, instance_put_work, &was, &w.err), w.err);
	agent_attest(&new, PURPOSE_RENEW);
	assert_outcome(&new.last, "trusted");
	assert_string_equal(floor_version(), "1.4.0");
	agent_release(&old);
	agent_release(&new);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(canary__new_release_trusted__floor_stays_and_old_one_launches),
		T(promote__floor__goes_up_at_once),
		T(P9__promoted_rolled_back_by_an_operator_alone__refused),
		T(P9__renewal_of_a_release_taken_back_under_the_next_rollout__refused),
		T(P9__renewal_of_a_release_not_in_force__floor_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
