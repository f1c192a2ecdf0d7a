/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles of renewals (record_chain.c): the chain back to the launch, as far as it is asked for, may
 * weigh, and is kept. */
#include "verifier/record_chain.h"

#include "tests/unit/verifier/content.h"
#include "tests/unit/verifier/world.h"

#define RENEWALS 4

static struct world w;
static struct https c;
static char last[2 * SHA256_LEN + 1], launch[2 * SHA256_LEN + 1];
static uint64_t second; /* index of the second renewal */
static struct audit_report report;

static struct sql *database(void)
{
	char path[128];
	struct sql *sql = NULL;

	(void)world_path(&w, "verifier.db", path);
	assert_ok(test_sql()->open(path, true, &sql, &w.err), w.err);
	return sql;
}

static uint64_t index_of(const char *id)
{
	char path[160];
	(void)snprintf(path, sizeof(path), "/v1/records/%s", id);
	json_t *record = world_json(&w, &w.auditor, "GET", path, NULL, 200);
	uint64_t index = (uint64_t)json_integer_value(json_object_get(record, "index"));
	json_decref(record);
	return index;
}

static int setup(void **state)
{
	struct world_attestation a, next;

	(void)state;
	world_start(&w);
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	world_launch(&w, &c, &a);
	hex_encode(BYTES_OF(a.result.record), launch);
	for (unsigned i = 0; i < RENEWALS; i++) {
		world_next(&w, &a, &next);
		world_attestation_release(&a);
		world_evidence(&w, &c, &next);
		world_send_evidence(&w, &c, &next, buf_bytes(&w.scene->evidence));
		assert_outcome(&next, "trusted");
		a = next;
		hex_encode(BYTES_OF(a.result.record), last);
		if (i == 1)
			second = index_of(last);
	}
	world_attestation_release(&a);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	audit_report_release(&report);
	https_close(&c);
	world_stop(&w);
	return 0;
}

/* Audits the bundle; returns how many records its chain has. */
static size_t audited(const char *id, const char *query)
{
	char path[160];
	struct audit_bundle *b = calloc(1, sizeof(*b));
	struct audit_links links = {0};
	size_t count = 0;

	assert_non_null(b);
	(void)snprintf(path, sizeof(path), "/v1/records/%s/bundle%s", id, query);
	struct https_answer a = world_call(&w, &w.auditor, "GET", path, NULL, (struct bytes){0});
	assert_int_equal(a.status, 200);
	audit_report_release(&report);
	assert_ok(audit_run(buf_bytes(&a.body), NULL, &report, &w.err), w.err);
	assert_true(report.consistent);
	assert_ok(audit_bundle_decode(buf_bytes(&a.body), b, &w.err), w.err);
	if (b->chain.len > 0) {
		assert_ok(audit_links_decode(b->chain, &links, &w.err), w.err);
		count = links.count;
	}
	audit_links_release(&links);
	buf_release(&a.body);
	free(b);
	return count;
}

static void chain__of_a_renewal__back_to_the_launch(void **state)
{
	(void)state;
	assert_int_equal(audited(last, ""), RENEWALS);
	assert_true(report.grounded);
	assert_int_equal(audited(launch, ""), 0);
	assert_true(report.grounded);
}

static void chain__as_far_as_asked__cut(void **state)
{
	(void)state;
	assert_int_equal(audited(last, "?chain=2"), 2);
	assert_false(report.grounded);
	assert_int_equal(audited(last, "?chain=0"), 0);
	assert_false(report.grounded);
	assert_int_equal(audited(last, "?chain=4096"), RENEWALS);
}

static void chain__nonsense_asked__400(void **state)
{
	static const char *const queries[] = {"4097", "-1", "x", ""};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
		char path[160];

		(void)snprintf(
			path, sizeof(path), "/v1/records/%s/bundle?chain=%s", last, queries[i]);
		struct https_answer a =
			world_call(&w, &w.auditor, "GET", path, NULL, (struct bytes){0});
		assert_int_equal(a.status, 400);
		buf_release(&a.body);
	}
}

/* What is no longer kept ends the chain where it is missing; the record itself is audited as before. */
static void chain__object_gone__ends_before_it(void **state)
{
	struct sql *sql;

	(void)state;
	sql = database();
	assert_ok(sql_exec(sql, "DELETE FROM record_contents WHERE idx=?1", SQL_ARGS(sql_u(second)),
			  NULL, &w.err),
		w.err);
	sql_close(&sql);
	assert_int_equal(audited(last, ""), 1);
	assert_false(report.grounded);
}

/* One that is not what it was is no gap: the store is damaged. */
static void chain__object_damaged__said(void **state)
{
	struct sql *sql;
	char path[160];

	(void)state;
	sql = database();
	assert_ok(sql_exec(sql, "UPDATE record_contents SET sealed=x'00' WHERE idx=?1",
			  SQL_ARGS(sql_u(second)), NULL, &w.err),
		w.err);
	sql_close(&sql);
	(void)snprintf(path, sizeof(path), "/v1/records/%s/bundle", last);
	struct https_answer a = world_call(&w, &w.auditor, "GET", path, NULL, (struct bytes){0});
	assert_int_equal(a.status, 503);
	buf_release(&a.body);
}

static bool split_work(struct store_tx *tx, void *arg, struct err *err)
{
	const uint64_t *end = arg;

	(void)err;
	content_split(tx->sql, *end);
	return true;
}

/* Records from before their objects had a row together, and records of now that rest on them. */
static void chain__of_an_older_schema_and_of_this_one__whole(void **state)
{
	uint64_t ends[] = {second, INT64_MAX};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		assert_ok(store_run(w.app->store, split_work, &ends[i], &w.err), w.err);
		assert_int_equal(audited(last, ""), RENEWALS);
		assert_true(report.grounded);
	}
}

/* Each third renewal is asked for everything: nothing has to walk back further. */
static void chain__full_appraisals_in_between__no_longer_than_that(void **state)
{
	struct world_attestation a, next;
	size_t longest = 0, full = 0;

	(void)state;
	w.app->config.full_appraisal_every = 3;
	scene_log_default(w.scene);
	world_launch(&w, &c, &a);
	for (unsigned i = 0; i < 9; i++) {
		char id[2 * SHA256_LEN + 1];
		size_t count;

		world_next(&w, &a, &next);
		world_attestation_release(&a);
		if (next.first == 0)
			scene_log_default(w.scene);
		world_evidence(&w, &c, &next);
		world_send_evidence(&w, &c, &next, buf_bytes(&w.scene->evidence));
		assert_outcome(&next, "trusted");
		a = next;
		hex_encode(BYTES_OF(a.result.record), id);
		count = audited(id, "");
		assert_true(report.grounded);
		longest = count > longest ? count : longest;
		full += count == 0;
	}
	world_attestation_release(&a);
	assert_int_equal(full, 3);
	assert_true(longest <= 3);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(chain__of_a_renewal__back_to_the_launch),
		T(chain__as_far_as_asked__cut),
		T(chain__nonsense_asked__400),
		T(chain__object_gone__ends_before_it),
		T(chain__object_damaged__said),
		T(chain__of_an_older_schema_and_of_this_one__whole),
		T(chain__full_appraisals_in_between__no_longer_than_that),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
