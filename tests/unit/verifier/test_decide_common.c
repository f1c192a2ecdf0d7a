/* SPDX-License-Identifier: Apache-2.0 */
/* What decisions share: kept where nothing changes by itself, and never believed once it was changed. */
#include "tests/unit/verifier/rollout_world.h"
#include "verifier/decide_common.h"
#include "verifier/elevations.h"

static struct agent agent;

static int setup_launched(void **state)
{
	(void)setup(state);
	agent_launch(&agent, 1, new_release);
	assert_outcome(&agent.last, "trusted");
	/* The launch moved the floor, and with it the workload's version: what was kept then is read anew once. */
	agent_attest(&agent, PURPOSE_RENEW);
	assert_outcome(&agent.last, "trusted");
	return 0;
}

static int teardown_launched(void **state)
{
	agent_release(&agent);
	return teardown(state);
}

/* Version of the release's row as it is kept; 0: it is not. */
static int64_t kept(const char *workload, const uint8_t release[SHA256_LEN])
{
	const struct decide_common *common =
		decide_common_kept(w.app->commons, bytes_str(workload), release);
	int64_t version = 0;
	if (common) {
		version = common->release.version;
		decide_common_drop(&common);
	}
	return version;
}

static void renewed(const char *wanted)
{
	agent_attest(&agent, PURPOSE_RENEW);
	assert_outcome(&agent.last, wanted);
}

static void decide_common__launched__kept_under_both_names(void **state)
{
	(void)state;
	uint8_t beside[SHA256_LEN]; /* it would have the same place */
	memcpy(beside, new_release, sizeof(beside));
	beside[SHA256_LEN - 1] ^= 1;
	assert_true(kept("ocr-agent", new_release) > 0);
	assert_int_equal(kept("ocr-agent", old_release), 0);
	assert_int_equal(kept("ocr-agent", beside), 0);
	assert_int_equal(kept("ocr", new_release), 0);
	renewed("trusted");
}

static void decide_common__release_revoked__refused_and_kept_anew(void **state)
{
	(void)state;
	char path[128];
	int64_t before = kept("ocr-agent", new_release);
	(void)snprintf(path, sizeof(path), "/v1/releases/%s/revoke", hex_of(new_release));
	world_do(&w, &w.admin, "POST", path, "{\"reason\":\"bad\"}", 200);
	renewed("untrusted: release-revoked");
	assert_true(kept("ocr-agent", new_release) > before);
}

static void decide_common__approvals_withdrawn__refused(void **state)
{
	(void)state;
	withdraw_approvals();
	renewed("untrusted: approval-missing");
}

static void decide_common__workload_retired__refused(void **state)
{
	(void)state;
	world_do(&w, &w.admin, "POST", "/v1/workloads/ocr-agent/retire", "{\"reason\":\"over\"}",
		200);
	renewed("untrusted: workload-retired");
}

/* The rollout of this moment is judged, and of one under way nothing is kept. */
static void decide_common__rollout_begins__judged_and_not_kept(void **state)
{
	(void)state;
	start_from_old(false);
	assert_true(kept("ocr-agent", new_release) > 0);
	renewed("untrusted: rollout-canary");
	assert_int_equal(kept("ocr-agent", new_release), 0);
}

/* An elevation ends by the clock: with one open nothing is kept. */
static bool ask_work(struct store_tx *tx, void *arg, struct err *err)
{
	static const struct elevation_request request = {.person = (char *)(uintptr_t) "anna"};
	return elevation_insert(tx->sql, arg, &request, err);
}

static void decide_common__elevation_open__not_kept(void **state)
{
	(void)state;
	const struct decide_common *common = NULL;
	struct decide_commons *fresh = decide_commons_new();
	struct elevation_row row = {.state = ELEVATION_ASKED, .asked = 1, .lapses = INT64_MAX / 2};
	struct sql *sql = NULL;
	(void)snprintf(row.workload, sizeof(row.workload), "ocr-agent");
	(void)snprintf(row.right, sizeof(row.right), "delete");
	assert_non_null(fresh);
	for (int open = 0; open <= 1; open++) {
		if (open)
			assert_ok(store_run(w.app->store, ask_work, &row, &w.err), w.err);
		assert_ok(store_read_snapshot(w.app->store, &sql, &w.err), w.err);
		assert_ok(decide_common_load(
				  fresh, sql, BYTES_LIT("ocr-agent"), old_release, &common, &w.err),
			w.err);
		store_read_done(w.app->store, &sql);
		assert_int_equal(common->keeps, !open);
		decide_common_drop(&common);
		assert_ptr_equal(common, &decide_common_none);
	}
	decide_commons_free(&fresh);
}

/* Names that nobody registered take no place. */
static void decide_common__unknown__nothing_kept(void **state)
{
	(void)state;
	static const uint8_t nowhere[SHA256_LEN] = {0x77};
	struct agent other;
	w.scene->claims.workload = BYTES_LIT("nobody");
	agent_launch(&other, 2, nowhere);
	assert_outcome(&other.last, "untrusted: workload-unknown");
	agent_release(&other);
	assert_int_equal(kept("nobody", new_release), 0);
	assert_int_equal(kept("ocr-agent", nowhere), 0);
	assert_true(kept("ocr-agent", new_release) > 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup_launched, teardown_launched)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(decide_common__launched__kept_under_both_names),
		T(decide_common__release_revoked__refused_and_kept_anew),
		T(decide_common__approvals_withdrawn__refused),
		T(decide_common__workload_retired__refused),
		T(decide_common__rollout_begins__judged_and_not_kept),
		T(decide_common__elevation_open__not_kept),
		T(decide_common__unknown__nothing_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
