/* SPDX-License-Identifier: Apache-2.0 */
/* S9: two writers on one store. The service's lock keeps a second one away; these go past it, and never is one index given twice. */
#include "verifier/store.h"

#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/support/test_sql.h"
#include "tests/support/unit.h"
#include "tests/unit/verifier/content.h"
#include "verifier/only_one.h"
#include "verifier/rows.h"

#define EACH 150u

static char dir[64], path[96];
static struct err err;

static bool open_store(struct store **ret)
{
	struct store_config config = {.ops = test_sql(),
		.location = path,
		.clock = &clock_system,
		.random = &random_system,
		.content_key = content_kek()};
	err = (struct err){0};
	return store_open(&config, ret, &err);
}

static int setup(void **state)
{
	struct store *store = NULL;
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/assay-two-XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/v.db", dir);
	assert_true(open_store(&store));
	store_close(&store);
	return 0;
}

static int remove_one(const char *name, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(name);
}

static int teardown(void **state)
{
	(void)state;
	return nftw(dir, remove_one, 4, FTW_DEPTH | FTW_PHYS);
}

static bool append_work(struct store_tx *tx, void *arg, struct err *e)
{
	struct leaf_row row = {0};
	buf_printf(&row.bytes, "%d %llu", (int)getpid(), (unsigned long long)tx->edge.size);
	bool ok = leaf_hash(buf_bytes(&row.bytes), row.hash, e) && leaf_append(tx, &row, e);
	*(uint64_t *)arg = row.index;
	leaf_row_release(&row);
	return ok;
}

/* Leaves without a gap, and a tree of exactly these. */
static uint64_t check_ledger(struct store *store)
{
	struct store_tree tree;
	struct tree_edge edge = {0};
	struct sql *sql = NULL;
	uint8_t root[SHA256_LEN];
	store_tree(store, &tree);
	assert_ok(store_read(store, &sql, &err), err);
	for (uint64_t i = 0; i < tree.size; i++) {
		struct leaf_row row = {0};
		bool found = false;
		assert_ok(leaf_get(sql, i, &row, &found, &err), err);
		assert_true(found);
		assert_ok(tree_append(&edge, row.hash, &err), err);
		leaf_row_release(&row);
	}
	store_read_done(store, &sql);
	assert_ok(tree_root(&edge, root, &err), err);
	assert_memory_equal(root, tree.root, SHA256_LEN);
	return tree.size;
}

/* ---- two processes that know nothing of each other ---- */

static void child_main(int out)
{
	struct store *store = NULL;
	if (!open_store(&store))
		_exit(9);
	for (unsigned i = 0; i < EACH; i++) {
		uint64_t index = 0;
		/* Busy: the other one had it for five seconds. */
		if (!store_run(store, append_work, &index, NULL))
			continue;
		if (write(out, &index, sizeof(index)) != sizeof(index))
			_exit(8);
	}
	store_close(&store);
	_exit(0);
}

static void S9__two_processes_on_one_store__no_index_twice(void **state)
{
	static bool seen[2 * EACH + 1];
	struct store *store = NULL;
	uint64_t index, count = 0, largest = 0;
	int pipes[2], status;
	(void)state;
	assert_int_equal(pipe(pipes), 0);
	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			child_main(pipes[1]);
	}
	(void)close(pipes[1]);
	while (read(pipes[0], &index, sizeof(index)) == sizeof(index)) {
		assert_in_range(index, 0, 2 * EACH - 1);
		assert_false(seen[index]);
		seen[index] = true;
		largest = index > largest ? index : largest;
		count++;
	}
	(void)close(pipes[0]);
	for (int i = 0; i < 2; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_true(open_store(&store));
	assert_int_equal(check_ledger(store), count);
	assert_int_equal(largest + 1, count);
	assert_true(count > EACH);
	store_close(&store);
}

/* ---- at the seam: a tree size that is no longer true ---- */

static bool stale_work(struct store_tx *tx, void *arg, struct err *e)
{
	struct store_tx stale = *tx;
	uint64_t index = 0;
	stale.edge = *(const struct tree_edge *)arg;
	return append_work(&stale, &index, e);
}

static void S9__append_to_a_tree_that_has_grown__refused(void **state)
{
	struct store *store = NULL;
	struct tree_edge empty = {0};
	uint64_t index = 0;
	(void)state;
	assert_true(open_store(&store));
	assert_ok(store_run(store, append_work, &index, &err), err);
	assert_false(store_run(store, stale_work, &empty, &err));
	assert_int_equal(err.code, ERR_CONFLICT);
	/* PostgreSQL was not asked before the job had ended. */
	assert_non_null(strstr(err.text, test_sql_is_postgres() ? "leaves_pkey" : "ledger leaf"));
	assert_int_equal(check_ledger(store), 1);
	store_close(&store);
}

/* Another writer's row, between what this transaction read and what it writes. */
static bool overtaken_work(struct store_tx *tx, void *arg, struct err *e)
{
	struct tree_edge other = tx->edge;
	OWNED(buf_release) struct buf edge = {0};
	static const uint8_t hash[SHA256_LEN];
	return append_work(tx, arg, e) && tree_append(&other, hash, e) &&
	       tree_edge_encode(&other, &edge, e) &&
	       sql_exec(tx->sql, "UPDATE meta SET edge=?1 WHERE id=1",
		       SQL_ARGS(sql_b(buf_bytes(&edge))), NULL, e);
}

static void S9__ledger_grown_by_another_within_a_transaction__nothing_committed(void **state)
{
	struct store *store = NULL;
	uint64_t index = 0;
	(void)state;
	assert_true(open_store(&store));
	assert_ok(store_run(store, append_work, &index, &err), err);
	assert_fails(store_run(store, overtaken_work, &index, &err), err, ERR_STORE,
		"the ledger is not the one that this transaction began with");
	assert_false(store_ready(store));
	assert_ok(store_run(store, append_work, &index, &err), err);
	assert_int_equal(index, 1);
	assert_int_equal(check_ledger(store), 2);
	store_close(&store);
}

/* ---- the lock, raced for ---- */

static void racer_main(int start, int out)
{
	int fd = -1;
	uint8_t go, got;
	if (read(start, &go, 1) != 0) /* all at once: when the other end is closed */
		_exit(9);
	got = only_one_take(path, &fd, NULL);
	if (write(out, &got, 1) != 1)
		_exit(8);
	for (;;)
		(void)pause();
}

static void S9__many_start_at_once__one_has_the_store_until_it_is_killed(void **state)
{
	enum { RACERS = 6 };
	(void)state;
	for (unsigned round = 0; round < 10; round++) {
		int start[2], out[2], fd = -1, held = 0;
		pid_t pids[RACERS];
		assert_int_equal(pipe(start), 0);
		assert_int_equal(pipe(out), 0);
		for (int i = 0; i < RACERS; i++) {
			pids[i] = fork();
			assert_true(pids[i] >= 0);
			if (pids[i] == 0) {
				(void)close(start[1]);
				racer_main(start[0], out[1]);
			}
		}
		(void)close(start[1]);
		for (int i = 0; i < RACERS; i++) {
			uint8_t got = 0;
			assert_int_equal(read(out[0], &got, 1), 1);
			held += got;
		}
		assert_int_equal(held, 1);
		assert_false(only_one_take(path, &fd, &err));
		assert_int_equal(err.code, ERR_BUSY);
		for (int i = 0; i < RACERS; i++) {
			assert_int_equal(kill(pids[i], SIGKILL), 0);
			assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
		}
		assert_ok(only_one_take(path, &fd, &err), err);
		fd_close(&fd);
		(void)close(start[0]);
		(void)close(out[0]);
		(void)close(out[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(S9__two_processes_on_one_store__no_index_twice),
		T(S9__append_to_a_tree_that_has_grown__refused),
		T(S9__ledger_grown_by_another_within_a_transaction__nothing_committed),
		T(S9__many_start_at_once__one_has_the_store_until_it_is_killed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
