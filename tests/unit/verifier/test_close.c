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

static atomic_bool begun;

static bool begun_work(struct store_tx *tx, void *arg, struct err *err)
{
	atomic_store(&begun, true);
	return held_work(tx, arg, err);
}

static unsigned queued(void)
{
	struct store_state store = {0};
	store_look(w.app->store, &store);
	return (unsigned)store.queued;
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
	atomic_store(&begun, false);
	store_submit(w.app->store, begun_work, held_done, NULL);
	for (int i = 0; i < 30000 && !atomic_load(&begun); i++)
		(void)usleep(1000);
	/* What the service does by itself may wait there, too. */
	unsigned before = queued();
	bool sent =
		https_send(&c, "POST", "/v1/attest", MEDIA_EVIDENCE, buf_bytes(&w.scene->evidence));
	for (int i = 0; i < 30000 && queued() <= before; i++)
		(void)usleep(1000);
	bool waits = queued() > before;
	assert_int_equal(pthread_create(&thread, NULL, let_go, NULL), 0);
	app_close(&w.app);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(sent && waits);
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
