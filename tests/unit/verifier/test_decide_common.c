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

static const struct decide_common *load_into(
	struct decide_commons *commons, struct bytes workload, const uint8_t release[SHA256_LEN])
{
	const struct decide_common *common = NULL;
	struct sql *sql = NULL;
	assert_ok(store_read_snapshot(w.app->store, &sql, &w.err), w.err);
	assert_ok(decide_common_load(commons, sql, workload, release, &common, &w.err), w.err);
	store_read_done(w.app->store, &sql);
	return common;
}

static bool kept_in(
	struct decide_commons *commons, struct bytes workload, const uint8_t release[SHA256_LEN])
{
	const struct decide_common *found = decide_common_kept(commons, workload, release);
	bool is = found != NULL;
	if (found)
		decide_common_drop(&found);
	return is;
}

/* Read beside what is kept in the service; *ret_kept: another decision would find it. */
static void loaded(struct bytes workload, const uint8_t release[SHA256_LEN],
	const struct decide_common **ret, bool *ret_kept)
{
	struct decide_commons *fresh = decide_commons_new();
	assert_non_null(fresh);
	*ret = load_into(fresh, workload, release);
	*ret_kept = kept_in(fresh, workload, release);
	decide_commons_free(&fresh);
}

static bool statement_work(struct store_tx *tx, void *arg, struct err *err)
{
	const struct statement_row *row = arg;
	bool is_new = false;
	return statement_insert(tx->sql, row, &is_new, err);
}

/* 64 places of what anybody who publishes may make large. */
static void decide_common__large__read_each_time(void **state)
{
	(void)state;
	static uint8_t large[256u << 10];
	const struct decide_common *common = NULL;
	struct statement_row row = {.envelope = BYTES_OF(large), .time = 1};
	bool is_kept = false;
	memcpy(row.release, old_release, sizeof(row.release));
	loaded(BYTES_LIT("ocr-agent"), old_release, &common, &is_kept);
	size_t before = common->release.envelope.len;
	for (size_t i = 0; i < common->approval_count; i++)
		before += common->approvals[i].len;
	for (size_t i = 0; i < common->statement_count; i++)
		before += common->statements[i].len;
	assert_true(is_kept && before < sizeof(large));
	decide_common_drop(&common);
	/* To the last byte that is kept, and one beyond. */
	row.envelope.len -= before;
	for (unsigned i = 0; i < 2; i++) {
		assert_ok(store_run(w.app->store, statement_work, &row, &w.err), w.err);
		loaded(BYTES_LIT("ocr-agent"), old_release, &common, &is_kept);
		assert_int_equal(is_kept, i == 0);
		decide_common_drop(&common);
		row.envelope.len = 1;
	}
}

static bool row_work(struct store_tx *tx, void *arg, struct err *err)
{
	return sql_exec(tx->sql,
		"INSERT INTO workloads(name, risk_class, environment, owner, purpose, created, "
		"state, version) VALUES(?1, 'low', 'prod', 'o', 'p', 1, 1, 1)",
		SQL_ARGS(sql_t(bytes_str(arg))), NULL, err);
}

/* Evidence may say any text: nothing is asked for that is no name, whatever somebody put there. */
static void decide_common__no_name__not_asked_for(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		bool known;
	} cases[] = {{"ocr-agent-2", true}, {"Ocr Agent", false}, {"ocr/agent", false}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct decide_common *common = NULL;
		bool is_kept = true;
		assert_ok(
			store_run(w.app->store, row_work, (char *)(uintptr_t)cases[i].name, &w.err),
			w.err);
		loaded(bytes_str(cases[i].name), old_release, &common, &is_kept);
		assert_int_equal(common->workload_known, cases[i].known);
		assert_int_equal(is_kept, cases[i].known);
		decide_common_drop(&common);
	}
}

/* Whoever asks for what there is not takes no place from what there is. */
static void decide_common__unknown_at_the_place_of_a_kept_one__does_not_drive_it_out(void **state)
{
	(void)state;
	uint8_t nowhere[SHA256_LEN] = {new_release[0]};
	struct decide_commons *fresh = decide_commons_new();
	const struct decide_common *asked[3];
	assert_non_null(fresh);
	asked[0] = load_into(fresh, BYTES_LIT("ocr-agent"), new_release);
	assert_true(kept_in(fresh, BYTES_LIT("ocr-agent"), new_release));
	asked[1] = load_into(fresh, BYTES_LIT("ocr-agent"), nowhere);
	assert_true(kept_in(fresh, BYTES_LIT("ocr-agent"), new_release));
	asked[2] = load_into(fresh, BYTES_LIT("nobody"), new_release);
	assert_true(kept_in(fresh, BYTES_LIT("ocr-agent"), new_release));
	for (size_t i = 0; i < ARRAY_LEN(asked); i++)
		decide_common_drop(&asked[i]);
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
		T(decide_common__large__read_each_time),
		T(decide_common__no_name__not_asked_for),
		T(decide_common__unknown_at_the_place_of_a_kept_one__does_not_drive_it_out),
		T(decide_common__unknown__nothing_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
