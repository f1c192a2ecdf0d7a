/* SPDX-License-Identifier: Apache-2.0 */
/* What a decision rested on changes between its reading and its commit (decide_commit.c): it does not come true. */
#include "tests/unit/verifier/world.h"

#include <pthread.h>

static struct world w;
static struct https c;
static struct world_attestation a, b;

static int setup(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	world_start(&w);
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	struct world_attestation first;
	world_launch(&w, &c, &first);
	/* Once more, so that what is kept of the workload is as the launch left it: a first attempt is what the change meets. */
	world_next(&w, &first, &a);
	world_attest(&w, &c, &a);
	assert_outcome(&a, "trusted");
	world_next(&w, &a, &b);
	world_attestation_release(&first);
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

/* ---- a change that comes between ---- */

struct between {
	bool (*change)(struct store_tx *tx, struct err *err);
	atomic_bool begun, waited;
	bool done;
	struct err err;
};

/* Nothing is committed meanwhile: the decision has been made, and its job waits. */
static bool between_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct between *between = arg;
	struct store_state now = {0};
	atomic_store(&between->begun, true);
	for (int i = 0; i < 2000 && now.queued == 0; i++) {
		(void)usleep(5000);
		store_look(w.app->store, &now);
	}
	atomic_store(&between->waited, now.queued > 0);
	return between->change(tx, err);
}

static void *between_run(void *arg)
{
	struct between *between = arg;
	between->done = store_run(w.app->store, between_work, between, &between->err);
	return NULL;
}

static void renewed_while(bool (*change)(struct store_tx *tx, struct err *err))
{
	struct between between = {.change = change};
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, between_run, &between), 0);
	while (!atomic_load(&between.begun))
		(void)usleep(1000);
	world_attest(&w, &c, &b);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_ok(between.done, between.err);
	assert_true(atomic_load(&between.waited));
}

static bool policy_work(struct store_tx *tx, struct err *err)
{
	static const uint8_t other[SHA256_LEN] = {9};
	return policy_in_force_set(tx, other, 99, err);
}

static bool host_work(struct store_tx *tx, struct err *err)
{
	struct host_row host = {0};
	bool found = false,
	     ok = host_get(tx->sql, w.scene->context.host.id, &host, &found, err) && found &&
		  host_set_state(tx->sql, host.id, host.version, HOST_QUARANTINED, err);
	host_row_release(&host);
	return ok;
}

static bool nothing_work(struct store_tx *tx, struct err *err)
{
	return sql_exec(
		tx->sql, "UPDATE hosts SET version=version WHERE id=x'00'", SQL_NO_ARGS, NULL, err);
}

static void renewal__nothing_changes_meanwhile__trusted(void **state)
{
	(void)state;
	renewed_while(nothing_work);
	assert_outcome(&b, "trusted");
}

static void renewal__policy_changed_meanwhile__not_by_the_old_one(void **state)
{
	(void)state;
	renewed_while(policy_work);
	assert_true(b.status != 200 || b.result.cert_count + b.result.token_count == 0);
}

static void renewal__host_quarantined_meanwhile__no_credential(void **state)
{
	(void)state;
	renewed_while(host_work);
	assert_true(b.status != 200 || b.result.cert_count + b.result.token_count == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(renewal__nothing_changes_meanwhile__trusted),
		T(renewal__policy_changed_meanwhile__not_by_the_old_one),
		T(renewal__host_quarantined_meanwhile__no_credential),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
