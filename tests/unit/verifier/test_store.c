/* SPDX-License-Identifier: Apache-2.0 */
/* The store: group commit, what a failure costs, what survives a kill. */
#include "verifier/store.h"

#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/test_sql.h"
#include "tests/support/unit.h"
#include "tests/unit/verifier/content.h"
#include "tests/unit/verifier/fakes.h"
#include "verifier/rows.h"

static char dir[64], path[96];
static struct store *store;
static struct err err;

static bool open_store(const struct sql_ops *ops)
{
	struct store_config config = {.ops = ops,
		.location = path,
		.clock = &clock_system,
		.random = &random_system,
		.content_key = content_kek()};
	err = (struct err){0};
	return store_open(&config, &store, &err);
}

static int setup(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/assay-store-XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/v.db", dir);
	if (!open_store(fake_sql_init()))
		fail_msg("%s", err.text);
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
	fake_sql.fail_write = false;
	store_close(&store);
	return nftw(dir, remove_one, 4, FTW_DEPTH | FTW_PHYS);
}

/* ---- jobs ---- */

struct append {
	uint8_t mark;
	bool fail, big;
	unsigned runs;
	uint64_t index;
	atomic_int *finished, *failed;
};

/* Appends one leaf; may then fail, after its writes. */
static bool append_work(struct store_tx *tx, void *arg, struct err *e)
{
	struct append *a = arg;
	struct leaf_row row = {0};
	a->runs++;
	memset(row.hash, a->mark, sizeof(row.hash));
	buf_put_u8(&row.bytes, a->mark);
	if (a->big)
		(void)buf_extend(&row.content, 3u << 20);
	bool ok = leaf_append(tx, &row, e);
	a->index = row.index;
	leaf_row_release(&row);
	if (ok && a->fail)
		return err_set(e, ERR_CONFLICT, "no");
	return ok;
}

static bool append(uint8_t mark, bool fail)
{
	struct append a = {.mark = mark, .fail = fail};
	err = (struct err){0};
	return store_run(store, append_work, &a, &err);
}

static void append_done(void *arg, const struct err *e)
{
	struct append *a = arg;
	atomic_fetch_add(e ? a->failed : a->finished, 1);
}

/* Leaves are 0..n-1 without a gap, and the edge kept is the edge of exactly these. */
static uint64_t check_ledger(void)
{
	struct sql *sql = NULL;
	struct store_tree tree;
	struct buf hashes = {0};
	struct tree_edge edge = {0};
	uint8_t root[SHA256_LEN];
	store_tree(store, &tree);
	assert_ok(store_read(store, &sql, &err), err);
	for (uint64_t at = 0; at < tree.size; at += TILE_WIDTH) {
		struct tile tile = {.index = at / TILE_WIDTH};
		tile.width = tile_width_in(tree.size, 0, tile.index);
		assert_ok(tile_get(sql, &tile, &hashes, &err), err);
	}
	struct tile_source source = tile_rows(sql, tree.size);
	assert_ok(tiles_root(&source, tree.size, root, &err), err);
	assert_memory_equal(root, tree.root, SHA256_LEN);
	store_read_done(store, &sql);
	for (uint64_t i = 0; i < tree.size; i++)
		assert_ok(tree_append(&edge, hashes.data + i * SHA256_LEN, &err), err);
	assert_ok(tree_root(&edge, root, &err), err);
	assert_memory_equal(root, tree.root, SHA256_LEN);
	buf_release(&hashes);
	return tree.size;
}

/* ---- tests ---- */

static void store__jobs__each_its_own_savepoint(void **state)
{
	(void)state;
	assert_true(append(1, false));
	assert_false(append(2, true));
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_string_equal(err.text, "no");
	assert_true(append(3, false));
	assert_int_equal(check_ledger(), 2);
	assert_true(store_ready(store));
}

static bool slow_work(struct store_tx *tx, void *arg, struct err *e)
{
	(void)tx;
	(void)e;
	atomic_int *go = arg;
	while (!atomic_load(go))
		(void)usleep(1000);
	return true;
}

static void ignore_done(void *arg, const struct err *e)
{
	(void)arg;
	(void)e;
}

static void store__many_waiting__one_commit(void **state)
{
	(void)state;
	enum { MANY = 200 };
	static struct append jobs[MANY];
	atomic_int go = 0, finished = 0, failed = 0;
	int before = fake_sql.commits;
	store_submit(store, slow_work, ignore_done, &go);
	(void)usleep(20000);
	for (size_t i = 0; i < MANY; i++) {
		jobs[i] = (struct append){.mark = (uint8_t)i,
			.fail = i % 10 == 9,
			.finished = &finished,
			.failed = &failed};
		store_submit(store, append_work, append_done, &jobs[i]);
	}
	atomic_store(&go, 1);
	while (finished + failed < MANY)
		(void)usleep(1000);
	assert_int_equal(finished, 180);
	assert_int_equal(failed, 20);
	assert_int_equal(check_ledger(), 180);
	assert_true(fake_sql.commits - before <= 3);
}

static bool limit_work(struct store_tx *tx, void *arg, struct err *e)
{
	return sql_exec(tx->sql, arg, SQL_NO_ARGS, NULL, e);
}

/* ---- jobs that may run twice ---- */

static atomic_int savepoints;

static bool counted_savepoint(struct sql *sql, struct err *e)
{
	savepoints++;
	return test_sql()->savepoint(sql, e);
}

/* Holds the writer, so that what comes meanwhile is one batch. */
static struct {
	atomic_bool held, go;
} gate;

static bool gate_work(struct store_tx *tx, void *arg, struct err *e)
{
	(void)tx;
	(void)arg;
	(void)e;
	gate.held = true;
	while (!gate.go)
		(void)usleep(1000);
	return true;
}

static void gate_close(void)
{
	gate.held = gate.go = false;
	store_submit(store, gate_work, ignore_done, NULL);
	while (!gate.held)
		(void)usleep(1000);
}

#define FEW 50
static struct append few[FEW];
static atomic_int few_finished, few_failed;

/* In one batch, for nothing is done before all of them wait. The first `plain` of them may run only once. */
static void run_few(size_t plain, size_t failing)
{
	fake_sql_ops.savepoint = counted_savepoint;
	few_finished = few_failed = 0;
	gate_close();
	savepoints = 0;
	for (size_t i = 0; i < FEW; i++) {
		few[i] = (struct append){.mark = (uint8_t)i,
			.fail = i == failing,
			.finished = &few_finished,
			.failed = &few_failed};
		(i < plain ? store_submit : store_submit_again)(
			store, append_work, append_done, &few[i]);
	}
	gate.go = true;
	while (few_finished + few_failed < FEW)
		(void)usleep(1000);
}

static void submit_again__all_work__one_transaction_without_savepoints(void **state)
{
	(void)state;
	int before = fake_sql.commits;
	run_few(0, FEW);
	assert_int_equal(savepoints, 0);
	assert_int_equal(few_finished, FEW);
	assert_true(fake_sql.commits - before <= 2);
	assert_int_equal(check_ledger(), FEW);
	for (size_t i = 0; i < FEW; i++)
		assert_int_equal(few[i].runs, 1);
}

static void submit_again__one_fails__it_alone_is_undone(void **state)
{
	(void)state;
	static const size_t failing[] = {0, 20, FEW - 1};
	for (size_t k = 0; k < ARRAY_LEN(failing); k++) {
		run_few(0, failing[k]);
		assert_int_equal(few_failed, 1);
		assert_int_equal(few_finished, FEW - 1);
		assert_int_equal(check_ledger(), (k + 1) * (FEW - 1));
		/* Each knows the leaf that it has now. */
		for (size_t i = 0; i < FEW; i++)
			if (i != failing[k])
				assert_int_equal(
					few[i].index, k * (FEW - 1) + (i < failing[k] ? i : i - 1));
		assert_true(store_ready(store));
	}
}

static void submit__some_may_run_once_only__each_does_and_has_its_savepoint(void **state)
{
	(void)state;
	run_few(1, 20);
	assert_int_equal(savepoints, FEW);
	assert_int_equal(few_failed, 1);
	assert_int_equal(check_ledger(), FEW - 1);
	for (size_t i = 0; i < FEW; i++)
		assert_int_equal(few[i].runs, 1);
}

static void submit__alone__undone_without_a_savepoint(void **state)
{
	(void)state;
	fake_sql_ops.savepoint = counted_savepoint;
	savepoints = 0;
	assert_true(append(1, false));
	assert_false(append(2, true));
	assert_string_equal(err.text, "no");
	assert_true(append(3, false));
	assert_int_equal(savepoints, 0);
	assert_int_equal(check_ledger(), 2);
}

/* The disk is full in the middle of jobs without savepoints. */
static void submit_again__error_that_ends_the_transaction__nothing_of_it_stays(void **state)
{
	TEST_SQLITE_ONLY;
	(void)state;
	static char pragma[] = "PRAGMA max_page_count=1";
	struct append big = {
		.mark = 9, .big = true, .finished = &few_finished, .failed = &few_failed};
	struct append small = {.mark = 8, .finished = &few_finished, .failed = &few_failed};
	assert_ok(store_run(store, limit_work, pragma, &err), err);
	few_finished = few_failed = 0;
	gate_close();
	store_submit_again(store, append_work, append_done, &small);
	store_submit_again(store, append_work, append_done, &big);
	gate.go = true;
	while (few_finished + few_failed < 2)
		(void)usleep(1000);
	assert_int_equal(few_failed, 2);
	assert_true(append(2, false));
	assert_int_equal(check_ledger(), 1);
}

static void store__commit_fails__whole_batch_unacknowledged_then_recovers(void **state)
{
	(void)state;
	assert_true(append(1, false));
	fake_sql.fail_commit = 1;
	assert_false(append(2, false));
	assert_int_equal(err.code, ERR_STORE);
	assert_false(store_ready(store));
	assert_true(append(3, false));
	assert_true(store_ready(store));
	assert_int_equal(check_ledger(), 2);
}

static void store__disk_gone__not_ready_until_a_write_works(void **state)
{
	(void)state;
	assert_true(append(1, false));
	fake_sql.fail_write = true;
	assert_false(append(2, false));
	assert_false(store_ready(store));
	assert_false(append(3, false));
	fake_sql.fail_write = false;
	for (int i = 0; i < 3000 && !store_ready(store); i++)
		(void)usleep(10000); /* it probes by itself */
	assert_true(store_ready(store));
	assert_true(append(4, false));
	assert_int_equal(check_ledger(), 2);
}

static void store__disk_full__error_then_goes_on(void **state)
{
	TEST_SQLITE_ONLY;
	(void)state;
	struct append big = {.mark = 9, .big = true};
	/* The connection's own limit; a new connection has none. */
	static char pragma[] = "PRAGMA max_page_count=1";
	assert_true(append(1, false));
	assert_ok(store_run(store, limit_work, pragma, &err), err);
	assert_false(store_run(store, append_work, &big, &err));
	assert_non_null(strstr(err.text, "full"));
	assert_true(append(2, false));
	assert_true(store_ready(store));
	assert_int_equal(check_ledger(), 2);
}

static void store__closed_and_opened__continues(void **state)
{
	(void)state;
	struct store_tree before, after;
	assert_true(append(1, false) && append(2, false));
	store_tree(store, &before);
	store_close(&store);
	assert_true(open_store(test_sql()));
	store_tree(store, &after);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_true(append(3, false));
	assert_int_equal(check_ledger(), 3);
}

/* As a program of schema 99 leaves it, whose steps since one that it names are all compatible. */
static bool newer_work(struct store_tx *tx, void *arg, struct err *e)
{
	const int64_t *since = arg;
	return tx->sql->ops->version_set(tx->sql, 99, e) &&
	       sql_exec(tx->sql, "UPDATE meta SET compatible_since=?1 WHERE id=1",
		       SQL_ARGS(sql_i(*since)), NULL, e);
}

static void store__newer_schema__refused(void **state)
{
	(void)state;
	int64_t since = 99;
	assert_ok(store_run(store, newer_work, &since, &err), err);
	store_close(&store);
	assert_false(open_store(test_sql()));
	assert_non_null(strstr(err.text, "the database has schema 99, this program knows"));
	assert_null(store);
}

static void store__newer_schema_that_says_nothing__refused(void **state)
{
	(void)state;
	int64_t since = 0;
	assert_ok(store_run(store, newer_work, &since, &err), err);
	store_close(&store);
	assert_false(open_store(test_sql()));
	assert_non_null(strstr(err.text, "the database has schema 99, this program knows"));
}

static void store__newer_schema_that_is_compatible__served(void **state)
{
	(void)state;
	int64_t since = store_schema_version();
	assert_true(append(1, false));
	assert_ok(store_run(store, newer_work, &since, &err), err);
	store_close(&store);
	assert_true(open_store(test_sql()));
	assert_true(append(2, false));
	assert_int_equal(check_ledger(), 2);
}

static void store__no_database__refused_with_its_name(void **state)
{
	TEST_SQLITE_ONLY;
	(void)state;
	store_close(&store);
	(void)snprintf(path, sizeof(path), "%s/missing/v.db", dir);
	assert_false(open_store(test_sql()));
	assert_non_null(strstr(err.text, "missing/v.db"));
	assert_int_equal(err.code, ERR_STORE);
}

static void store__garbage_file__refused(void **state)
{
	TEST_SQLITE_ONLY;
	(void)state;
	store_close(&store);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	for (int i = 0; i < 5000; i++)
		assert_true(fputs("not a database ", file) >= 0);
	(void)fclose(file);
	(void)snprintf(path, sizeof(path), "%s/v.db-wal", dir);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/v.db", dir);
	assert_false(open_store(test_sql()));
	assert_int_equal(err.code, ERR_STORE);
}

static bool change_leaf_work(struct store_tx *tx, void *arg, struct err *e)
{
	return sql_exec(tx->sql, arg, SQL_NO_ARGS, NULL, e);
}

static void store__leaves__cannot_be_changed(void **state)
{
	(void)state;
	static char update[] = "UPDATE leaves SET hash=x'00'", delete[] = "DELETE FROM leaves";
	assert_true(append(1, false));
	assert_false(store_run(store, change_leaf_work, update, &err));
	assert_non_null(strstr(err.text, "a leaf is immutable"));
	assert_false(store_run(store, change_leaf_work, delete, &err));
	assert_non_null(strstr(err.text, "a leaf is kept"));
	assert_int_equal(check_ledger(), 1);
}

/* ---- killed at any moment ---- */

/* Writes and says after each commit which leaf is durable. */
static void child_main(int out)
{
	if (!open_store(test_sql()))
		_exit(9);
	for (;;) {
		struct append a = {.mark = 7};
		if (!store_run(store, append_work, &a, NULL) ||
			write(out, &a.index, sizeof(a.index)) != sizeof(a.index))
			_exit(8);
	}
}

static void store__killed__every_acknowledged_leaf_is_there(void **state)
{
	(void)state;
	uint64_t last = 0, acknowledged = 0;
	store_close(&store);
	/* A slow machine gets more rounds, and longer ones: something has to be acknowledged. */
	for (unsigned round = 0; round < 20 || (acknowledged <= 20 && round < 200); round++) {
		int pipes[2], status;
		assert_int_equal(pipe(pipes), 0);
		pid_t pid = fork();
		if (pid == 0)
			child_main(pipes[1]);
		(void)close(pipes[1]);
		(void)usleep((5000 + (round * 7919) % 40000) * (1 + round / 20));
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, &status, 0);
		assert_true(WIFSIGNALED(status));
		for (uint64_t index; read(pipes[0], &index, sizeof(index)) == sizeof(index);) {
			assert_true(acknowledged == 0 || index > last);
			last = index;
			acknowledged++;
		}
		(void)close(pipes[0]);
		assert_true(open_store(test_sql()));
		assert_true(check_ledger() >= (acknowledged ? last + 1 : 0));
		store_close(&store);
	}
	assert_true(acknowledged > 20);
	assert_true(open_store(test_sql()));
}

/* ---- many threads ---- */

static void *thread_main(void *arg)
{
	(void)arg;
	for (int i = 0; i < 50; i++) {
		struct append a = {.mark = (uint8_t)i, .fail = i % 5 == 0};
		struct sql *sql = NULL;
		bool found = false;
		struct leaf_row row = {0};
		if (store_run(store, append_work, &a, NULL) == a.fail)
			return arg;
		/* What is acknowledged is read. */
		if (!a.fail && (!store_read(store, &sql, NULL) ||
				       !leaf_get(sql, a.index, &row, &found, NULL) || !found))
			return arg;
		store_read_done(store, &sql);
		leaf_row_release(&row);
	}
	return NULL;
}

static void store__many_threads__read_their_own_writes(void **state)
{
	(void)state;
	pthread_t threads[8];
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, thread_main, &threads), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		void *result = NULL;
		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_null(result);
	}
	assert_int_equal(check_ledger(), 8 * 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			store__jobs__each_its_own_savepoint, setup, teardown),
		cmocka_unit_test_setup_teardown(store__many_waiting__one_commit, setup, teardown),
		cmocka_unit_test_setup_teardown(
			submit_again__all_work__one_transaction_without_savepoints, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			submit_again__one_fails__it_alone_is_undone, setup, teardown),
		cmocka_unit_test_setup_teardown(
			submit__some_may_run_once_only__each_does_and_has_its_savepoint, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			submit__alone__undone_without_a_savepoint, setup, teardown),
		cmocka_unit_test_setup_teardown(
			submit_again__error_that_ends_the_transaction__nothing_of_it_stays, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			store__commit_fails__whole_batch_unacknowledged_then_recovers, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			store__disk_gone__not_ready_until_a_write_works, setup, teardown),
		cmocka_unit_test_setup_teardown(
			store__disk_full__error_then_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(
			store__closed_and_opened__continues, setup, teardown),
		cmocka_unit_test_setup_teardown(store__newer_schema__refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			store__newer_schema_that_says_nothing__refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			store__newer_schema_that_is_compatible__served, setup, teardown),
		cmocka_unit_test_setup_teardown(
			store__no_database__refused_with_its_name, setup, teardown),
		cmocka_unit_test_setup_teardown(store__garbage_file__refused, setup, teardown),
		cmocka_unit_test_setup_teardown(store__leaves__cannot_be_changed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			store__killed__every_acknowledged_leaf_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(
			store__many_threads__read_their_own_writes, setup, teardown),
	};
	fakes_used();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
