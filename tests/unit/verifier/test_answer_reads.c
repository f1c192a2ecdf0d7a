/* SPDX-License-Identifier: Apache-2.0 */
/* The writer's thread answers without asking a database that verifiers share: one question there holds up every decision
 * behind it. */
#include "tests/unit/verifier/world.h"

#include <stdatomic.h>

static struct world w;

/* The test's database as one that others write too, and who reads it: the thread that commits, between its commits. */
static struct sql_ops watching;
static _Thread_local bool commits;
static struct sql *_Atomic writing;
static atomic_int writer_reads, reads;

static bool watch_start(struct sql *sql, const char *text, const struct sql_value *args, size_t n,
	struct sql_query **ret, struct err *err)
{
	/* SQLite's only writer has the row anyway. */
	if (!test_sql_is_postgres() && strstr(text, "FROM meta WHERE id=1 FOR UPDATE"))
		text = "SELECT edge, policy, policy_version, epoch FROM meta WHERE id=1";
	reads++;
	if (commits && sql != writing)
		writer_reads++;
	return test_sql()->start(sql, text, args, n, ret, err);
}

static bool watch_commit(struct sql *sql, struct err *err)
{
	commits = true;
	return test_sql()->commit(sql, err);
}

static bool watch_open(const char *location, bool writer, struct sql **ret, struct err *err)
{
	if (!test_sql()->open(location, writer, ret, err))
		return false;
	(*ret)->ops = &watching;
	if (writer)
		writing = *ret;
	return true;
}

static int setup(void **state)
{
	(void)state;
	watching = *test_sql();
	watching.shared = true;
	watching.open = watch_open;
	watching.start = watch_start;
	watching.commit = watch_commit;
	w.sql = &watching;
	world_start(&w);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_stop(&w);
	return 0;
}

static void answer__launch_and_renewals__writer_reads_nothing(void **state)
{
	(void)state;
	struct https c;
	struct world_attestation a, next;
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	writer_reads = reads = 0;
	world_launch(&w, &c, &a);
	assert_true(reads > 0);
	assert_int_equal(writer_reads, 0);
	for (int i = 0; i < 3; i++) {
		world_next(&w, &a, &next);
		world_attestation_release(&a);
		world_attest(&w, &c, &next);
		assert_outcome(&next, "trusted");
		a = next;
	}
	assert_int_equal(writer_reads, 0);
	world_attestation_release(&a);
	https_close(&c);
}

/* What is known without asking is no older than the decision itself. */
static void answer__next_challenge__of_the_tree_that_holds_the_decision(void **state)
{
	(void)state;
	struct https c;
	struct world_attestation a;
	struct context_challenge challenge;
	enum challenge_fault fault;
	struct store_tree before, after;
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	store_tree(w.app->store, &before);
	world_launch(&w, &c, &a);
	assert_ok(challenge_open(&w.app->token_key, w.app->clock, a.result.next.challenge,
			  &challenge, &fault, &w.err),
		w.err);
	assert_int_equal(fault, CHALLENGE_GOOD);
	assert_int_equal(challenge.counter, 0);
	store_tree(w.app->store, &after);
	assert_in_range(challenge.tree_size, before.size + 2 /* the decision, what was issued */,
		after.size);
	world_attestation_release(&a);
	https_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			answer__launch_and_renewals__writer_reads_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			answer__next_challenge__of_the_tree_that_holds_the_decision, setup,
			teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
