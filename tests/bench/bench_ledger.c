/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the ledger costs. Appends go through the store as a decision's do: who brings them seals them under a key each
 * and submits a job for each PER_JOB; the writer makes batches, the tree, tiles, and a signed checkpoint in every commit. Leaves
 * and contents are made before the clock runs, sealing and all that follows is within it.
 *
 * Beside them, alternated in one run, SQLite alone, as fast as it will commit that much durably: one thread, one table, one
 * prepared statement, a row for each leaf of its hash, bytes, salt and content in clear, nothing else; as many rows in a transaction as
 * the store's largest batch has, and the store's settings (WAL, synchronous=FULL, the same cache and checkpoints) but for
 * secure_delete and foreign keys, which cost something and are left off. What SQLite alone stores is a quarter less: no key, nonce
 * and tag.
 *
 * usage: bench_ledger append [LEAVES [ROUNDS [PER_JOB]]]   integrated and durable against SQLite alone (default 100000, 5, 2)
 *        bench_ledger idle [APPENDS]                one lone append at a time, against one fdatasync (default 1000)
 *        bench_ledger proof [LEAVES [PROOFS]]       proofs, the check at start, bytes an entry       (default 10000000, 2000)
 *        bench_ledger verify [LEAVES]               every leaf read from published files, from nothing (default 1000000)
 *
 * Everything lies in a directory of its own under TMPDIR (default: /tmp), and is removed. 10,000,000 leaves take about 2 GB.
 */
#include "tests/bench/ledger_place.h"

/* ---- appends ---- */

/* Who brings entries stops when many are under way, and goes on when half of them are done. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	size_t in_flight, wanted, lost;
} line = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static void line_join(void)
{
	(void)pthread_mutex_lock(&line.lock);
	if (line.in_flight == IN_FLIGHT) {
		line.wanted = IN_FLIGHT / 2;
		while (line.in_flight > line.wanted)
			(void)pthread_cond_wait(&line.wake, &line.lock);
	}
	line.in_flight++;
	(void)pthread_mutex_unlock(&line.lock);
}

static void line_leave(bool lost)
{
	(void)pthread_mutex_lock(&line.lock);
	line.lost += lost;
	if (--line.in_flight == line.wanted)
		(void)pthread_cond_signal(&line.wake);
	(void)pthread_mutex_unlock(&line.lock);
}

static void line_end(void)
{
	(void)pthread_mutex_lock(&line.lock);
	line.wanted = 0;
	while (line.in_flight > 0)
		(void)pthread_cond_wait(&line.wake, &line.lock);
	(void)pthread_mutex_unlock(&line.lock);
	assert_int_equal(line.lost, 0);
}

static size_t per_job = 2; /* a decision's leaf, and that its credentials were issued */

static bool append_work(struct store_tx *tx, void *arg, struct err *e)
{
	struct leaf_row *rows = arg;
	for (size_t i = 0; i < per_job; i++)
		if (!leaf_append(tx, &rows[i], e))
			return false;
	return true;
}

static void append_done(void *arg, const struct err *e)
{
	(void)arg;
	line_leave(e != NULL);
}

/* Leaves a second; *ret_cpu: seconds of the writer's processor. */
static double store_appends(struct leaf_row *rows, size_t n, double *ret_cpu)
{
	struct store_tree tree;
	store_start();
	double start = now_s(), cpu = cpu_s(true);
	for (size_t i = 0; i < n; i += per_job) {
		for (size_t k = i; k < i + per_job; k++)
			assert_ok(leaf_seal(store_vault(store), &rows[k], &err), err);
		line_join();
		store_submit_again(store, append_work, append_done, &rows[i]);
	}
	line_end();
	double took = now_s() - start;
	*ret_cpu = cpu_s(true) - cpu;
	store_tree(store, &tree);
	assert_int_equal(tree.size, n);
	assert_ok(ledger_log_check(&ledger, store, NULL, &err), err);
	db_remove();
	return (double)n / took;
}

static void sqlite_do(sqlite3 *sqlite, const char *text)
{
	assert_int_equal(sqlite3_exec(sqlite, text, NULL, NULL, NULL), SQLITE_OK);
}

static void sqlite_insert(sqlite3_stmt *insert, size_t i, const struct leaf_row *row)
{
	(void)sqlite3_bind_int64(insert, 1, (sqlite3_int64)i);
	(void)sqlite3_bind_blob(insert, 2, row->hash, sizeof(row->hash), SQLITE_STATIC);
	(void)sqlite3_bind_blob(insert, 3, row->bytes.data, (int)row->bytes.len, SQLITE_STATIC);
	(void)sqlite3_bind_blob(insert, 4, row->salt, sizeof(row->salt), SQLITE_STATIC);
	(void)sqlite3_bind_blob(insert, 5, row->content.data, (int)row->content.len, SQLITE_STATIC);
	assert_int_equal(sqlite3_step(insert), SQLITE_DONE);
	(void)sqlite3_reset(insert);
}

/* The settings of verifier/test_sql()->c. */
static double sqlite_appends(const struct leaf_row *rows, size_t n, double *ret_cpu)
{
	sqlite3 *sqlite = NULL;
	sqlite3_stmt *insert = NULL;
	assert_int_equal(
		sqlite3_open_v2(db, &sqlite,
			SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL),
		SQLITE_OK);
	sqlite_do(sqlite,
		"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-1024;"
		"PRAGMA temp_store=MEMORY; PRAGMA wal_autocheckpoint=2000;" LEAVES_TABLE);
	assert_int_equal(sqlite3_prepare_v2(sqlite, "INSERT INTO leaves VALUES(?1,?2,?3,?4,?5)", -1,
				 &insert, NULL),
		SQLITE_OK);
	double start = now_s(), cpu = cpu_s(false);
	for (size_t i = 0; i < n; i++) {
		if (i % (per_job * STORE_BATCH_MAX) == 0)
			sqlite_do(sqlite, i == 0 ? "BEGIN IMMEDIATE" : "COMMIT; BEGIN IMMEDIATE");
		sqlite_insert(insert, i, &rows[i]);
	}
	sqlite_do(sqlite, "COMMIT");
	double took = now_s() - start;
	*ret_cpu = cpu_s(false) - cpu;
	(void)sqlite3_finalize(insert);
	(void)sqlite3_close(sqlite);
	db_remove();
	return (double)n / took;
}

static void bench_append(size_t n, size_t rounds)
{
	n = (n + per_job - 1) / per_job * per_job;
	double best_store = 0, best_sqlite = 0, ratios[64], start = now_s();
	struct leaf_row *rows = calloc(n, sizeof(*rows));
	assert_non_null(rows);
	for (size_t i = 0; i < n; i++)
		assert_ok(entry_fill(i, &rows[i]), err);
	printf("an entry is made in %.2f us\n", (now_s() - start) / (double)n * 1e6);
	rounds = rounds > ARRAY_LEN(ratios) ? ARRAY_LEN(ratios) : rounds;
	for (size_t i = 0; i < rounds; i++) {
		double alone_cpu, our_cpu;
		double alone = sqlite_appends(rows, n, &alone_cpu);
		double ours = store_appends(rows, n, &our_cpu);
		best_sqlite = alone > best_sqlite ? alone : best_sqlite;
		best_store = ours > best_store ? ours : best_store;
		ratios[i] = ours / alone;
		printf("  store %7.0f leaves/s in %zu commits, its writer %5.2f us of processor a "
		       "leaf; "
		       "SQLite alone %7.0f, %5.2f us; %.2f\n",
			ours, commits, our_cpu / (double)n * 1e6, alone,
			alone_cpu / (double)n * 1e6, ratios[i]);
	}
	qsort(ratios, rounds, sizeof(*ratios), by_value);
	printf("integrated and durable: best %.0f leaves/s; SQLite alone: best %.0f rows/s: %.2f "
	       "(round by round %.2f to %.2f, median %.2f)\n",
		best_store, best_sqlite, best_store / best_sqlite, ratios[0], ratios[rounds - 1],
		ratios[rounds / 2]);
	for (size_t i = 0; i < n; i++)
		leaf_row_release(&rows[i]);
	free(rows);
}

/* ---- an idle ledger ---- */

static bool lone_work(struct store_tx *tx, void *arg, struct err *e)
{
	return leaf_append(tx, arg, e);
}

static void bench_idle(size_t n)
{
	static const uint8_t block[4096];
	double *appends = calloc(n, sizeof(*appends)), *syncs = calloc(n, sizeof(*syncs));
	char path[128];
	assert_non_null(appends);
	assert_non_null(syncs);
	(void)snprintf(path, sizeof(path), "%s/sync", dir);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	store_start();
	for (size_t i = 0; i < n; i++) {
		struct leaf_row row = {0};
		assert_ok(entry_fill(i, &row), err);
		double start = now_s();
		assert_ok(store_run(store, lone_work, &row, &err), err);
		appends[i] = now_s() - start;
		leaf_row_release(&row);
		start = now_s();
		assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
		assert_int_equal(fdatasync(fd), 0);
		syncs[i] = now_s() - start;
	}
	(void)close(fd);
	percentiles("one lone append, durable", appends, n);
	percentiles("append 4 KiB and fdatasync", syncs, n);
	printf("a lone append takes %.2f syncs (median by median)\n",
		appends[n / 2] / syncs[n / 2]);
	free(appends);
	free(syncs);
}

/* ---- a large ledger ---- */

static uint64_t payload; /* bytes of leaves that were put in */

static void fill_some(struct store_tx *tx, uint64_t count)
{
	static const uint8_t
		sealed[28 + LEDGER_SALT_LEN + CONTENT_LEN]; /* as long as it would be */
	for (uint64_t i = 0; i < count; i++) {
		struct leaf_row row = {0};
		struct tree_completed completed;
		assert_ok(entry_fill(tx->edge.size, &row), err);
		payload += row.bytes.len + sizeof(row.wrapped) + sizeof(sealed);
		assert_ok(sql_exec(tx->sql,
				  "INSERT INTO leaves(idx, hash, bytes, wrapped, sealed) "
				  "VALUES(?1,?2,?3,?4,?5)",
				  SQL_ARGS(sql_u(tx->edge.size), sql_b(BYTES_OF(row.hash)),
					  sql_b(buf_bytes(&row.bytes)),
					  sql_b(BYTES_OF(row.wrapped)), sql_b(BYTES_OF(sealed))),
				  NULL, &err),
			err);
		assert_ok(tree_append_tiles(&tx->edge, row.hash, &completed, &err), err);
		assert_ok(tiles_put(tx->sql, tx->edge.size, &completed, &err), err);
		leaf_row_release(&row);
	}
}

/* The rows of the tree as the store writes them, of the same size, but not sealed and not durable: neither matters
 * to proofs. */
static void ledger_fill(uint64_t n)
{
	struct store_tx tx = {0};
	struct store_tree tree = {.size = n};
	struct buf edge = {0}, note = {0};
	store_start();
	store_close(&store);
	assert_ok(test_sql()->open(db, true, &tx.sql, &err), err);
	assert_ok(test_sql()->script(
			  tx.sql, "PRAGMA synchronous=OFF; PRAGMA cache_size=-65536", &err),
		err);
	while (tx.edge.size < n) {
		uint64_t left = n - tx.edge.size;
		assert_ok(test_sql()->begin(tx.sql, &err), err);
		fill_some(&tx, left < MAKE_BATCH ? left : MAKE_BATCH);
		assert_ok(test_sql()->commit(tx.sql, &err), err);
	}
	assert_ok(tree_edge_encode(&tx.edge, &edge, &err), err);
	assert_ok(tree_root(&tx.edge, tree.root, &err), err);
	assert_ok(ledger_log_seal(&ledger, &tree, &note, &err), err);
	assert_ok(sql_exec(tx.sql, "UPDATE meta SET edge=?1, checkpoint=?2 WHERE id=1",
			  SQL_ARGS(sql_b(buf_bytes(&edge)), sql_b(buf_bytes(&note))), NULL, &err),
		err);
	sql_close(&tx.sql);
	buf_release(&edge);
	buf_release(&note);
	store_start();
}

static void say_start_check(void)
{
	double start = now_s();
	assert_ok(ledger_log_check(&ledger, store, NULL, &err), err);
	printf("check at start: %.3f ms\n", (now_s() - start) * 1e3);
}

static void say_bytes(uint64_t n)
{
	struct stat st;
	store_close(&store);
	assert_int_equal(stat(db, &st), 0);
	printf("database: %.1f bytes an entry, of which leaves and contents %.1f: the tree and its "
	       "rows "
	       "%.1f\n",
		(double)st.st_size / (double)n, (double)payload / (double)n,
		((double)st.st_size - (double)payload) / (double)n);
	store_start();
}

/* Inclusion under the whole tree, and consistency with it, each checked by what a client uses. */
static void proofs(struct sql *sql, uint64_t n, size_t count)
{
	double *inclusion = calloc(count, sizeof(double)),
	       *consistency = calloc(count, sizeof(double));
	struct tile_source source = tile_rows(sql, n);
	assert_non_null(inclusion);
	assert_non_null(consistency);
	double cpu = cpu_s(false);
	for (size_t i = 0; i < count; i++) {
		struct buf path = {0};
		uint64_t index = 0;
		assert_ok(random_fill(&random_system, (uint8_t *)&index, sizeof(index), &err), err);
		index %= n;
		double start = now_s();
		assert_ok(tiles_inclusion(&source, index, n, &path, &err), err);
		inclusion[i] = now_s() - start;
		buf_clear(&path);
		start = now_s();
		assert_ok(tiles_consistency(&source, index, n, &path, &err), err);
		consistency[i] = now_s() - start;
		buf_release(&path);
	}
	printf("of the processor: %.3f ms for both\n", (cpu_s(false) - cpu) / (double)count * 1e3);
	percentiles("inclusion proof", inclusion, count);
	percentiles("consistency proof", consistency, count);
	free(inclusion);
	free(consistency);
}

/* What a proof costs and not what a disk does: the database is in the page cache. */
static void read_through(void)
{
	static char block[1 << 20];
	int fd = open(db, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	while (read(fd, block, sizeof(block)) > 0)
		continue;
	(void)close(fd);
}

static void bench_proof(uint64_t n, size_t count)
{
	struct sql *sql = NULL;
	ledger_fill(n);
	printf("a ledger of %llu leaves\n", (unsigned long long)n);
	say_start_check();
	say_bytes(n);
	read_through();
	assert_ok(store_read(store, &sql, &err), err);
	proofs(sql, n, count);
	store_read_done(store, &sql);
}

/* ---- from nothing ---- */

static void read_published(const struct tile *tile, struct buf *out)
{
	struct buf path = {0};
	buf_printf(&path, "%s/", log_dir);
	assert_ok(tile_path_write(tile, &path, &err), err);
	assert_ok(file_read(buf_str(&path), TILE_WIDTH * (LEDGER_LEAF_MAX + 2u), out, &err), err);
	buf_release(&path);
}

static void leaves_of(const struct tile *tile, struct tree_edge *edge)
{
	struct buf bundle = {0};
	read_published(tile, &bundle);
	struct bytes rest = buf_bytes(&bundle), bytes;
	for (unsigned i = 0; i < tile->width; i++) {
		struct leaf leaf;
		uint8_t hash[SHA256_LEN];
		assert_ok(bundle_next(&rest, &bytes, &err), err);
		assert_ok(leaf_decode(bytes, &leaf, &err), err);
		assert_ok(leaf_hash(bytes, hash, &err), err);
		assert_ok(tree_append(edge, hash, &err), err);
	}
	buf_release(&bundle);
}

/* As `assay log monitor` does: the note, every leaf, the tree. */
static void verify_published(uint64_t n)
{
	struct buf note = {0};
	struct bytes text;
	struct checkpoint checkpoint;
	struct tree_edge edge = {0};
	uint8_t root[SHA256_LEN];
	char path[160];
	(void)snprintf(path, sizeof(path), "%s/%s", log_dir, LOG_CHECKPOINT_FILE);
	double start = now_s();
	assert_ok(file_read(path, NOTE_MAX, &note, &err), err);
	assert_ok(note_open(buf_bytes(&note), &ledger.key, &text, &err), err);
	assert_ok(checkpoint_parse(text, &checkpoint, &err), err);
	assert_int_equal(checkpoint.size, n);
	for (uint64_t index = 0; edge.size < n; index++) {
		struct tile tile = {
			.entries = true, .index = index, .width = tile_width_in(n, 0, index)};
		leaves_of(&tile, &edge);
	}
	assert_ok(tree_root(&edge, root, &err), err);
	assert_memory_equal(root, checkpoint.root, SHA256_LEN);
	printf("verified from nothing, out of published files: %.2f s\n", now_s() - start);
	buf_release(&note);
}

static void bench_verify(uint64_t n)
{
	ledger_fill(n);
	printf("a ledger of %llu leaves\n", (unsigned long long)n);
	say_start_check();
	say_bytes(n);
	assert_ok(file_make_dirs(log_dir, 0755, &err), err);
	double start = now_s();
	assert_ok(log_publish(store, log_dir, false, &err), err);
	printf("published as files: %.1f s\n", now_s() - start);
	verify_published(n);
}

static size_t number(int argc, char **argv, int at, size_t otherwise)
{
	size_t n = argc > at ? strtoul(argv[at], NULL, 10) : otherwise;
	return n < 1 ? 1 : n;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	double load = 0;
	(void)getloadavg(&load, 1);
	printf("load average before: %.2f\n", load);
	place_make();
	if (argc > 4)
		per_job = number(argc, argv, 4, 2);
	if (strcmp(what, "append") == 0)
		bench_append(number(argc, argv, 2, 100000), number(argc, argv, 3, 5));
	else if (strcmp(what, "idle") == 0)
		bench_idle(number(argc, argv, 2, 1000));
	else if (strcmp(what, "proof") == 0)
		bench_proof(number(argc, argv, 2, 10000000), number(argc, argv, 3, 2000));
	else if (strcmp(what, "verify") == 0)
		bench_verify(number(argc, argv, 2, 1000000));
	else
		(void)fprintf(stderr, "usage: bench_ledger append|idle|proof|verify [N [M]]\n");
	place_remove();
	return 0;
}
