/* SPDX-License-Identifier: Apache-2.0 */
/* What a decision says of the host's TPM: when its state is known to live twice, and which looks at it are kept
 * (verifier/decide_tpm.c). */
#include "tests/unit/verifier/world.h"
#include "verifier/decide.h"
#include "verifier/leases.h"

#define NOW INT64_C(1790000000)

static struct world w;
static struct decision *d;

/* A fork: one reset fewer than was seen, and the clock went on; the challenge was made after what was seen. */
static void fork_make(void)
{
	memset(d, 0, sizeof(*d));
	memset(d->host.id, 0x77, sizeof(d->host.id));
	d->host.state = HOST_ACTIVE;
	d->host.seen = NOW - 100;
	d->host.seen_index = 9;
	d->host.reset_count = 5;
	d->host.restart_count = 1;
	d->host.clock = 1000000;
	d->challenge.tree_size = 10;
	d->challenge.issued = NOW - 4;
	d->context.now = NOW;
	d->attest.reset_count = 4;
	d->attest.restart_count = 1;
	d->attest.clock = 1000500;
	d->attest.safe = true;
}

/* Of the same reset, with a clock that went back by so many milliseconds. */
static void back_make(int64_t ms)
{
	fork_make();
	d->attest.reset_count = d->host.reset_count;
	d->attest.clock = d->host.clock - (uint64_t)ms;
}

static int setup(void **state)
{
	(void)state;
	d = calloc(1, sizeof(*d));
	assert_non_null(d);
	fork_make();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(d);
	d = NULL;
	return 0;
}

static void fork__counters_back_on_a_later_challenge__known(void **state)
{
	(void)state;
	assert_true(decide_is_fork(d));
	d->challenge.tree_size = UINT64_MAX;
	assert_true(decide_is_fork(d));
}

/* A quote that was asked for before the newer one was accepted may only have been overtaken. */
static void fork__challenge_not_after_what_was_seen__not_known(void **state)
{
	(void)state;
	d->challenge.tree_size = d->host.seen_index;
	assert_false(decide_is_fork(d));
	d->challenge.tree_size = 0;
	assert_false(decide_is_fork(d));
	d->challenge.tree_size = d->host.seen_index + 1;
	assert_true(decide_is_fork(d));
}

static void fork__nothing_seen_yet__not_known(void **state)
{
	(void)state;
	d->host.seen = 0;
	assert_false(decide_is_fork(d));
	d->host.seen = 1;
	assert_true(decide_is_fork(d));
}

/* Whoever is in quarantine, waits or is retired is there already. */
static void fork__host_that_is_not_active__nothing_more_is_done(void **state)
{
	static const enum host_state others[] = {HOST_PENDING, HOST_QUARANTINED, HOST_RETIRED};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		d->host.state = others[i];
		assert_false(decide_is_fork(d));
	}
}

static void fork__a_reboot_or_a_rollback__is_none(void **state)
{
	(void)state;
	d->attest.reset_count = d->host.reset_count + 1;
	assert_false(decide_is_fork(d));
	fork_make();
	d->attest.clock = d->host.clock - 500000; /* the older state, clock and all */
	assert_false(decide_is_fork(d));
}

/* As long as the challenge was out, and a second: so far quotes may overtake each other. */
static void fork__clock_back_within_what_the_challenge_was_out__not_known(void **state)
{
	(void)state;
	back_make(5000);
	assert_false(decide_is_fork(d));
	back_make(5001);
	assert_true(decide_is_fork(d));
	/* A challenge from the future, by another node's clock: a second. */
	back_make(1000);
	d->challenge.issued = NOW + 60;
	assert_false(decide_is_fork(d));
	d->attest.clock--;
	assert_true(decide_is_fork(d));
}

/* ---- which looks are kept ---- */

static bool put_work(struct store_tx *tx, void *arg, struct err *err)
{
	(void)arg;
	return decide_put_sighting(d, tx, err);
}

static int64_t kept(void)
{
	struct sql *sql = NULL;
	struct sql_query *q = NULL;
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	assert_ok(sql_first(sql, "SELECT count(*) FROM tpm_sightings", SQL_NO_ARGS, &q, &w.err),
		w.err);
	int64_t n = sql_int(q, 0);
	sql_finish(&q);
	store_read_done(w.app->store, &sql);
	return n;
}

static bool is_kept(bool trusted)
{
	int64_t before = kept();
	memcpy(d->host.id, w.host_id, sizeof(d->host.id));
	d->verdict.trusted = trusted;
	assert_ok(store_run(w.app->store, put_work, NULL, &w.err), w.err);
	int64_t after = kept();
	assert_true(after == before || after == before + 1);
	return after > before;
}

static void sighting__refused__only_what_speaks_against_the_TPM(void **state)
{
	(void)state;
	world_start(&w);
	world_enroll(&w);
	assert_true(is_kept(false)); /* the fork */
	d->attest.reset_count = d->host.reset_count + 1;
	assert_false(is_kept(false)); /* a reboot: the next trusted quote tells of it */
	assert_true(is_kept(true));
	d->attest.reset_count = d->host.reset_count;
	assert_false(is_kept(true)); /* no step */
	d->host.seen = 0;
	assert_true(is_kept(true)); /* the first look */
	assert_false(
		is_kept(false)); /* one that proves nothing is none, whatever its counters say */
	d->attest.reset_count = 0;
	assert_false(is_kept(false));
	world_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(fork__counters_back_on_a_later_challenge__known),
		T(fork__challenge_not_after_what_was_seen__not_known),
		T(fork__nothing_seen_yet__not_known),
		T(fork__host_that_is_not_active__nothing_more_is_done),
		T(fork__a_reboot_or_a_rollback__is_none),
		T(fork__clock_back_within_what_the_challenge_was_out__not_known),
		T(sighting__refused__only_what_speaks_against_the_TPM),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
