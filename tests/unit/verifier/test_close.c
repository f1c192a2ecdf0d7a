/* SPDX-License-Identifier: Apache-2.0 */
/* A service that is ended while a decision waits for the store: what is under way ends, too. */
#include "tests/unit/verifier/held.h"

static struct world w;
static struct https c;

static int setup(void **state)
{
	(void)state;
	world_start(&w);
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	https_close(&c);
	world_stop(&w);
	return 0;
}

/* Another verifier, or an operator, said something of the host meanwhile. */
static bool move_work(struct store_tx *tx, void *arg, struct err *err)
{
	(void)arg;
	return sql_exec(tx->sql, "UPDATE hosts SET version=version+1", SQL_NO_ARGS, NULL, err);
}

static void await_queued(unsigned wanted)
{
	struct store_state store = {0};
	for (int i = 0; i < 30000 && store.queued != wanted; i++) {
		(void)usleep(1000);
		store_look(w.app->store, &store);
	}
	assert_int_equal(store.queued, wanted);
}

/* Ordered to end twice, the service waits for no answer. The decision has to be made anew, and there is nobody left who would. */
static void close__decision_to_be_made_anew__ends_undecided(void **state)
{
	struct world_attestation a = {.purpose = PURPOSE_LAUNCH};
	pthread_t thread;
	(void)state;
	world_challenge(&w, &c, &a);
	world_evidence(&w, &c, &a);
	atomic_store(&held.go, false);
	held.change = move_work;
	store_submit(w.app->store, held_work, held_done, NULL);
	await_queued(0);
	assert_true(https_send(
		&c, "POST", "/v1/attest", MEDIA_EVIDENCE, buf_bytes(&w.scene->evidence)));
	await_queued(1);
	assert_int_equal(pthread_create(&thread, NULL, let_go, NULL), 0);
	app_close(&w.app);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(atomic_load(&held.done));
	world_attestation_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			close__decision_to_be_made_anew__ends_undecided, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
