/* SPDX-License-Identifier: Apache-2.0 */
/* Version floors in the store and in what the verifier decides: who raises them, what is refused
 * below, the gate, restarts, records made under one. */
#include "verifier/floors.h"

#include <pthread.h>

#include "ledger/audit.h"

#include "tests/unit/verifier/fakes.h"
#include "tests/unit/verifier/held.h"
#include "tests/unit/verifier/world.h"

static struct world w;
static struct shifted_clock moved;
static struct https c;
static struct world_attestation a, b;

static int setup(void **state)
{
	(void)state;
	moved = (struct shifted_clock){.base.ops = &shifted_clock_ops};
	memset(&w, 0, sizeof(w));
	w.clock = &moved.base;
	world_start(&w); /* release 1.4.0 */
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	a = b = (struct world_attestation){.purpose = PURPOSE_LAUNCH};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_attestation_release(&a);
	world_attestation_release(&b);
	https_close(&c);
	world_stop(&w);
	return 0;
}

/* ---- releases ---- */

/* Another version of the scene's release, approved, and published unless it was. */
static void release_is(const char *version)
{
	w.scene->release.version = (char *)(uintptr_t)version;
	scene_release(w.scene);
	scene_approve(w.scene);
	struct https_answer answer = world_call(&w, &w.ci, "POST", "/v1/releases", MEDIA_DSSE,
		buf_bytes(&w.scene->release_envelope));
	assert_in_range(answer.status, 200, 201);
	bool published = answer.status == 201;
	buf_release(&answer.body);
	for (size_t i = 0; published && i < w.scene->context.approval_count; i++)
		world_post(&w, &w.ci, "/v1/approvals", MEDIA_DSSE, w.scene->approval_list[i], 201);
}

/* An instance of its own, with that release. */
static void launch(const char *version, struct world_attestation *ret)
{
	release_is(version);
	world_attestation_release(ret);
	*ret = (struct world_attestation){.purpose = PURPOSE_LAUNCH};
	w.scene->instance[0]++;
	w.scene->claims.instance[0]++;
	scene_log_default(w.scene);
	world_attest(&w, &c, ret);
}

static bool verdict_says(const char *text)
{
	return memmem(a.result.verdict.data, a.result.verdict.len, text, strlen(text)) != NULL;
}

static void assert_launch(const char *version, const char *outcome)
{
	launch(version, &a);
	assert_outcome(&a, outcome);
}

static json_t *workload(void)
{
	return world_json(&w, &w.auditor, "GET", "/v1/workloads/ocr-agent", NULL, 200);
}

static void assert_floor(const char *version, int sequence, bool rolled_back)
{
	json_t *view = workload();
	const json_t *floor = json_object_get(view, "version_floor");
	const char *at = json_string_value(json_object_get(floor, "version"));
	assert_non_null(at);
	assert_string_equal(at, version);
	assert_int_equal(json_integer_value(json_object_get(floor, "sequence")), sequence);
	assert_int_equal(json_is_true(json_object_get(floor, "rolled_back")), rolled_back);
	json_decref(view);
}

/* ---- going up ---- */

static void floor__first_credential_of_each_release__goes_up(void **state)
{
	(void)state;
	json_t *view = workload();
	assert_true(json_is_null(json_object_get(view, "version_floor")));
	assert_true(json_is_null(json_object_get(view, "security_floor")));
	json_decref(view);
	assert_launch("1.4.0", "trusted");
	assert_floor("1.4.0", 1, false);
	assert_launch("1.4.0", "trusted");
	assert_launch("1.4.0+other", "trusted");
	assert_floor("1.4.0", 1, false);
	assert_launch("1.10.0", "trusted");
	assert_floor("1.10.0", 2, false);
}

/* Published and approved, but nowhere in force: nobody is refused for that. */
static void floor__published_or_refused_release__stays(void **state)
{
	(void)state;
	assert_launch("1.4.0", "trusted");
	release_is("2.0.0");
	assert_floor("1.4.0", 1, false);
	w.scene->release.version = (char *)(uintptr_t) "3.0.0";
	scene_release(w.scene);
	world_post(
		&w, &w.ci, "/v1/releases", MEDIA_DSSE, buf_bytes(&w.scene->release_envelope), 201);
	scene_log_default(w.scene);
	w.scene->instance[0]++;
	w.scene->claims.instance[0]++;
	world_attestation_release(&a);
	a = (struct world_attestation){.purpose = PURPOSE_LAUNCH};
	scene_log_default(w.scene);
	world_attest(&w, &c, &a);
	assert_int_equal(a.status, 200);
	assert_outcome(&a, "untrusted: approval-missing");
	assert_floor("1.4.0", 1, false);
}

static void P9__older_release_signed_and_approved__refused(void **state)
{
	(void)state;
	assert_launch("1.4.0", "trusted");
	assert_launch("1.5.0", "trusted");
	assert_launch("1.4.0", "untrusted: version-floor");
	assert_true(verdict_says("\"expected\":\"1.5.0 or later\""));
	assert_true(verdict_says("\"actual\":\"1.4.0\""));
	assert_launch("1.5.0-rc.1", "untrusted: version-floor");
	assert_launch("nightly", "untrusted: version-floor");
	assert_launch("1.5.0", "trusted");
	assert_floor("1.5.0", 2, false);
}

static void floor__versions_without_order__by_publication(void **state)
{
	(void)state;
	release_is("old");
	moved.shift = 5;
	assert_launch("new", "trusted");
	assert_floor("new", 1, false);
	assert_launch("old", "untrusted: version-floor");
	moved.shift = 10;
	assert_launch("newer", "trusted");
	assert_launch("new", "untrusted: version-floor");
	assert_launch("1.0.0", "trusted");
	assert_floor("1.0.0", 3, false);
	assert_launch("newer", "untrusted: version-floor");
}

/* ---- renewals ---- */

static bool insert_work(struct store_tx *tx, void *arg, struct err *err)
{
	return floor_insert(tx->sql, arg, err);
}

/* As if another host had launched that release: it was published before. */
static struct floor_row floor_row_of(const char *version, uint64_t sequence)
{
	struct floor_row row = {.workload = "ocr-agent",
		.sequence = sequence,
		.published = clock_wall(&moved.base),
		.time = clock_wall(&moved.base)};
	(void)snprintf(row.version, sizeof(row.version), "%s", version);
	memcpy(row.release, w.scene->release_digest, SHA256_LEN);
	return row;
}

/* The next renewal; the one before is forgotten. */
static void renew(const char *outcome)
{
	world_next(&w, &a, &b);
	world_attestation_release(&a);
	world_attest(&w, &c, &b);
	assert_outcome(&b, outcome);
	a = b;
	b = (struct world_attestation){0};
}

static void renewal__floor_passed_its_release__drains_then_refused(void **state)
{
	(void)state;
	release_is("1.5.0");
	struct floor_row row = floor_row_of("1.5.0", 2);
	launch("1.4.0", &a);
	assert_outcome(&a, "trusted");
	assert_ok(store_run(w.app->store, insert_work, &row, &w.err), w.err);
	renew("trusted");
	assert_true(verdict_says(
		"version floor: 1.4.0 is below 1.5.0; without a newer release it is refused"));
	moved.shift =
		60; /* another release: the grace of what was passed before does not begin anew */
	row.sequence = 3;
	row.time = clock_wall(&moved.base);
	(void)snprintf(row.version, sizeof(row.version), "1.6.0");
	assert_ok(store_run(w.app->store, insert_work, &row, &w.err), w.err);
	moved.shift = 590;
	renew("trusted");
	assert_true(verdict_says("version floor: 1.4.0 is below 1.6.0;"));
	moved.shift = 601;
	renew("untrusted: version-floor");
	assert_floor("1.6.0", 3, false);
}

/* ---- the gate and the release's own view ---- */

static json_t *gate(const char *environment)
{
	char digest[2 * SHA256_LEN + 1], path[160];
	hex_encode(BYTES_OF(w.scene->release_digest), digest);
	(void)snprintf(
		path, sizeof(path), "/v1/releases/%s/gate?environment=%s", digest, environment);
	return world_json(&w, &w.ci, "GET", path, NULL, 200);
}

static void assert_first_reason(const json_t *verdict, const char *code)
{
	const json_t *reason = json_array_get(json_object_get(verdict, "reasons"), 0);
	assert_string_equal(json_string_value(json_object_get(verdict, "outcome")), "untrusted");
	assert_string_equal(json_string_value(json_object_get(reason, "code")), code);
}

static void gate__release_below_the_floor__closed_and_says_both(void **state)
{
	(void)state;
	assert_launch("1.5.0", "trusted");
	json_t *answer = gate("prod");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(answer, "verdict"), "outcome")),
		"trusted");
	assert_string_equal(json_string_value(json_object_get(
				    json_object_get(answer, "version_floor"), "version")),
		"1.5.0");
	assert_true(json_is_null(json_object_get(answer, "security_floor")));
	json_decref(answer);
	release_is("1.4.9");
	answer = gate("prod");
	assert_first_reason(json_object_get(answer, "verdict"), "version-floor");
	json_decref(answer);
}

/* ---- the store ---- */

static void floor__service_started_again__knows_it(void **state)
{
	(void)state;
	assert_launch("1.5.0", "trusted");
	https_close(&c);
	app_close(&w.app);
	assert_true(world_open(&w));
	assert_true(world_connect(&w, &c));
	assert_launch("1.4.0", "untrusted: version-floor");
	assert_floor("1.5.0", 1, false);
}

static void floor__sequence_not_the_next__conflict(void **state)
{
	(void)state;
	static const uint64_t wrong[] = {1, 3, 0};
	assert_launch("1.4.0", "trusted");
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct floor_row row = floor_row_of("1.5.0", wrong[i]);
		assert_fails(store_run(w.app->store, insert_work, &row, &w.err), w.err,
			ERR_CONFLICT, "the version floor was changed meanwhile");
	}
	struct floor_row row = floor_row_of("1.5.0", 2);
	(void)snprintf(row.workload, sizeof(row.workload), "nobody");
	assert_fails(store_run(w.app->store, insert_work, &row, &w.err), w.err, ERR_NOT_FOUND,
		"no workload nobody");
	assert_floor("1.4.0", 1, false);
}

static void floor__moves__are_kept_and_immutable(void **state)
{
	(void)state;
	static const char *const attempts[] = {"DELETE FROM floors",
		"UPDATE floors SET version='0'", "UPDATE floors SET sequence=9"};
	struct sql *sql = NULL;
	assert_launch("1.4.0", "trusted");
	assert_ok(test_sql()->open(w.app->config.database, true, &sql, &w.err), w.err);
	for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
		assert_false(sql_exec(sql, attempts[i], SQL_NO_ARGS, NULL, &w.err));
		assert_non_null(strstr(w.err.text, "a move of a floor is"));
	}
	sql_close(&sql);
}

/* Two floors at once: each job sees the other's move, and only one sequence is the next. */
struct racer {
	pthread_t thread;
	struct floor_row row;
	bool won;
	struct err err;
};

static void *race(void *arg)
{
	struct racer *r = arg;
	r->won = store_run(w.app->store, insert_work, &r->row, &r->err);
	return NULL;
}

static void floor__raised_by_many_at_once__one_of_them(void **state)
{
	(void)state;
	static struct racer racers[16];
	unsigned won = 0;
	assert_launch("1.4.0", "trusted");
	for (size_t i = 0; i < ARRAY_LEN(racers); i++) {
		char version[16];
		(void)snprintf(version, sizeof(version), "2.%zu", i);
		racers[i] = (struct racer){.row = floor_row_of(version, 2)};
		racers[i].row.rollback = i % 2 == 0;
		assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(racers); i++) {
		assert_int_equal(pthread_join(racers[i].thread, NULL), 0);
		won += racers[i].won;
		if (!racers[i].won)
			assert_int_equal(racers[i].err.code, ERR_CONFLICT);
	}
	assert_int_equal(won, 1);
}

/* A decision rechecks the version of the workload that it read before it commits. */
static void floor__move__makes_decisions_under_way_read_it_again(void **state)
{
	(void)state;
	struct workload_row before, after;
	struct sql *sql = NULL;
	bool found = false;
	assert_launch("1.4.0", "trusted");
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	assert_ok(workload_get(sql, BYTES_LIT("ocr-agent"), &before, &found, &w.err), w.err);
	store_read_done(w.app->store, &sql);
	struct floor_row row = floor_row_of("1.5.0", 2);
	assert_ok(store_run(w.app->store, insert_work, &row, &w.err), w.err);
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	assert_ok(workload_get(sql, BYTES_LIT("ocr-agent"), &after, &found, &w.err), w.err);
	store_read_done(w.app->store, &sql);
	assert_int_equal(after.version, before.version + 1);
}

/* ---- what moves while it is decided ---- */
static void floor__raised_while_a_launch_is_decided__decided_again_and_refused(void **state)
{
	(void)state;
	release_is("1.5.0");
	struct floor_row row = floor_row_of("1.5.0", 2);
	assert_launch("1.4.0", "trusted");
	pthread_t thread = hold(&w, insert_work, &row);
	assert_launch("1.4.0", "untrusted: version-floor");
	held_end(thread);
}

/* ---- the ledger, and records made under a floor ---- */

static void floor__move__in_the_ledger(void **state)
{
	(void)state;
	struct store_tree tree;
	struct sql *sql = NULL;
	struct leaf_row leaf = {0};
	bool found = false;
	assert_launch("1.4.0", "trusted");
	assert_launch("1.5.0", "trusted");
	store_tree(w.app->store, &tree);
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	assert_ok(leaf_get(sql, tree.size - 1, &leaf, &found, &w.err), w.err);
	store_read_done(w.app->store, &sql);
	assert_true(found);
	static const char *const parts[] = {"\"event\":\"version-floor\"", "\"name\":\"ocr-agent\"",
		"\"version\":\"1.5.0\"", "\"from\":\"1.4.0\"", "\"sequence\":2"};
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		assert_non_null(
			memmem(leaf.content.data, leaf.content.len, parts[i], strlen(parts[i])));
	leaf_row_release(&leaf);
}

static void assert_audited(bool trusted)
{
	char id[2 * SHA256_LEN + 1], path[128];
	struct audit_report report;
	hex_encode(bytes_of(a.result.record, SHA256_LEN), id);
	(void)snprintf(path, sizeof(path), "/v1/records/%s/bundle", id);
	struct https_answer bundle =
		world_call(&w, &w.auditor, "GET", path, NULL, (struct bytes){0});
	assert_int_equal(bundle.status, 200);
	struct audit_anchors anchors = {.roots = &w.ca, .root_count = 1};
	assert_ok(audit_run(buf_bytes(&bundle.body), &anchors, &report, &w.err), w.err);
	assert_true(report.reproducible);
	assert_true(report.consistent);
	assert_int_equal(report.record.trusted, trusted);
	audit_report_release(&report);
	buf_release(&bundle.body);
}

static void audit__records_under_a_floor__the_same_verdict(void **state)
{
	(void)state;
	assert_launch("1.5.0", "trusted");
	assert_launch("1.5.0", "trusted");
	assert_true(verdict_says("version floor: 1.5.0 is not below 1.5.0"));
	assert_audited(true);
	assert_launch("1.4.0", "untrusted: version-floor");
	assert_audited(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(floor__first_credential_of_each_release__goes_up),
		T(floor__published_or_refused_release__stays),
		T(P9__older_release_signed_and_approved__refused),
		T(floor__versions_without_order__by_publication),
		T(renewal__floor_passed_its_release__drains_then_refused),
		T(gate__release_below_the_floor__closed_and_says_both),
		T(floor__service_started_again__knows_it),
		T(floor__sequence_not_the_next__conflict),
		T(floor__moves__are_kept_and_immutable),
		T(floor__raised_by_many_at_once__one_of_them),
		T(floor__move__makes_decisions_under_way_read_it_again),
		T(floor__raised_while_a_launch_is_decided__decided_again_and_refused),
		T(floor__move__in_the_ledger),
		T(audit__records_under_a_floor__the_same_verdict),
#undef T
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
