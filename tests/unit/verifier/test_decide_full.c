/* SPDX-License-Identifier: Apache-2.0 */
/* Full appraisals now and then: asked for, and demanded of a host that does not send one (verifier/decide_full.c). */
#include "tests/unit/verifier/world.h"
#include "verifier/decide.h"

#define EVERY 8u

static struct world w;
static struct https c;
static struct world_attestation a;
static struct buf whole; /* the runtime log from its beginning */

static int setup(void **state)
{
	(void)state;
	world_start(&w);
	w.app->config.full_appraisal_every = EVERY;
	/* Its beat lies beyond what the tests count to. */
	memset(w.scene->instance, 0, sizeof(w.scene->instance));
	w.scene->instance[1] = 1;
	memcpy(w.scene->claims.instance, w.scene->instance, sizeof(w.scene->instance));
	scene_log_default(w.scene);
	buf_put(&whole, buf_bytes(&w.scene->log));
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	world_launch(&w, &c, &a);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&whole);
	world_attestation_release(&a);
	https_close(&c);
	world_stop(&w);
	return 0;
}

/* Another renewal: with the log from there on, whatever was asked for. */
static void renew_from(uint64_t first)
{
	struct world_attestation next = {.purpose = PURPOSE_RENEW, .first = first};
	if (a.result.trusted)
		buf_put(&next.challenge, a.result.next.challenge);
	else
		world_challenge(&w, &c, &next);
	next.first = first;
	buf_clear(&w.scene->log);
	if (first == 0)
		buf_put(&w.scene->log, buf_bytes(&whole));
	w.scene->attest.clock += 10;
	world_attestation_release(&a);
	a = next;
	world_evidence(&w, &c, &a);
	world_send_evidence(&w, &c, &a, buf_bytes(&w.scene->evidence));
}

static struct instance_row row_now(void)
{
	struct instance_row row = {0};
	struct sql *sql = NULL;
	bool found = false;
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	assert_ok(instance_get(sql, w.host_id, w.scene->instance, &row, &found, &w.err), w.err);
	store_read_done(w.app->store, &sql);
	assert_true(found);
	return row;
}

/* An eighth more than asked for, and no more; its instance and the verdict before are not lost by it. */
static void renew__incremental_for_ever__refused_until_it_is_full(void **state)
{
	(void)state;
	uint64_t next = w.scene->log_next;
	for (unsigned i = 0; i < EVERY + EVERY / 8; i++) {
		bool asked = a.result.next.runtime_first == 0;
		assert_int_equal(asked, i >= EVERY - 1);
		renew_from(next);
		assert_outcome(&a, "trusted");
	}
	for (unsigned i = 0; i < 2; i++) {
		renew_from(next);
		assert_outcome(&a, "untrusted: state-stale");
		assert_true(a.result.again);
		assert_int_equal(a.result.cert_count, 0);
		assert_int_equal(row_now().state, INSTANCE_TRUSTED);
		struct world_attestation asked = {.purpose = PURPOSE_RENEW};
		world_challenge(&w, &c, &asked);
		assert_int_equal(asked.first, 0);
		world_attestation_release(&asked);
	}
	renew_from(0);
	assert_outcome(&a, "trusted");
	assert_int_equal(a.result.next.runtime_first, next);
	renew_from(next);
	assert_outcome(&a, "trusted");
}

/* Two in between, of EVERY: neither of them puts it off, and a full one that nobody asked for counts. */
static void renew__full_unasked__counts_from_there(void **state)
{
	(void)state;
	uint64_t next = w.scene->log_next;
	renew_from(next);
	renew_from(0);
	assert_outcome(&a, "trusted");
	assert_int_equal(row_now().full_counter, 2);
	for (unsigned i = 0; i < EVERY - 1; i++) {
		assert_int_equal(a.result.next.runtime_first == 0, (2 + i + 1) % EVERY == 0);
		renew_from(next);
		assert_outcome(&a, "trusted");
		assert_int_equal(row_now().full_counter, 2);
	}
	assert_int_equal(a.result.next.runtime_first, 0);
}

/* A launch of an instance that has renewed before is one, too. */
static void launch__again__counts_from_there(void **state)
{
	(void)state;
	uint64_t next = w.scene->log_next;
	for (unsigned i = 0; i < 3; i++)
		renew_from(next);
	assert_int_equal(row_now().full_counter, 0);
	buf_clear(&w.scene->log);
	buf_put(&w.scene->log, buf_bytes(&whole));
	w.scene->attest.clock += 10;
	world_attestation_release(&a);
	world_launch(&w, &c, &a);
	assert_int_equal(row_now().full_counter, 3);
}

static void overdue__by_an_eighth__not_before(void **state)
{
	(void)state;
	static const struct {
		unsigned every;
		uint64_t full, counter, overdue;
	} cases[] = {
		{512, 0, 575, 0},
		{512, 0, 576, 576},
		{512, 100, 675, 0},
		{512, 100, 676, 576},
		{1, 7, 7, 0},
		{1, 7, 8, 1},
		{2, 9, 8, 0}, /* never before the last one */
		{UINT32_MAX, 0, UINT32_MAX, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		w.app->config.full_appraisal_every = cases[i].every;
		assert_int_equal(
			full_overdue(w.app, cases[i].full, cases[i].counter), cases[i].overdue);
	}
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(renew__incremental_for_ever__refused_until_it_is_full),
		T(renew__full_unasked__counts_from_there),
		T(launch__again__counts_from_there),
		T(overdue__by_an_eighth__not_before),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
