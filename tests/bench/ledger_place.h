/* SPDX-License-Identifier: Apache-2.0 */
/* Where the ledger's bench works: clocks, a directory with a key and a store, entries as the service makes them. */
#ifndef ASSAY_TESTS_BENCH_LEDGER_PLACE_H
#define ASSAY_TESTS_BENCH_LEDGER_PLACE_H

#include "tests/support/test_sql.h"
#include "tests/support/unit.h"
#include "tests/unit/verifier/content.h"

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "verifier/ledger_log.h"
#include "verifier/log_publish.h"
#include "verifier/rows.h"

#define ORIGIN      "bench.example/log"
#define CONTENT_LEN 160 /* of an entry whose content is kept: a JSON object of a few names */
#define IN_FLIGHT   2048
#define MAKE_BATCH  100000
#define LEAVES_TABLE                                                                               \
	"CREATE TABLE leaves(idx INTEGER PRIMARY KEY, hash BLOB NOT NULL, bytes BLOB NOT NULL, "   \
	"salt BLOB NOT NULL, content BLOB) STRICT"

static char dir[96], db[128], log_dir[128];
static struct ledger_log ledger;
static struct store *store;
static struct err err;

static double now_s(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Processor time of the whole process but this thread, or of this thread. */
static double cpu_s(bool others)
{
	struct timespec all, mine;
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &all);
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &mine);
	double thread = (double)mine.tv_sec + (double)mine.tv_nsec / 1e9;
	return others ? (double)all.tv_sec + (double)all.tv_nsec / 1e9 - thread : thread;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static int remove_one(const char *name, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(name);
}

/* ---- a place, a key, a store ---- */

static void key_make(void)
{
	struct key *key = NULL;
	struct buf pem = {0};
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/log.key", dir);
	assert_ok(key_generate(KEY_ED25519, &key, &err), err);
	assert_ok(key_private_pem(key, &pem, &err), err);
	assert_ok(file_write_atomic(path, buf_bytes(&pem), 0600, &err), err);
	assert_ok(ledger_log_load(path, ORIGIN, &ledger, &err), err);
	key_unref(&key);
	buf_release(&pem);
}

static void place_make(void)
{
	const char *parent = getenv("TMPDIR");
	(void)snprintf(dir, sizeof(dir), "%.60s/assay-bench-XXXXXX", parent ? parent : "/tmp");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(db, sizeof(db), "%s/v.db", dir);
	(void)snprintf(log_dir, sizeof(log_dir), "%s/log", dir);
	key_make();
}

static void place_remove(void)
{
	store_close(&store);
	ledger_log_release(&ledger);
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static size_t commits;

static bool seal(void *arg, const struct store_tree *tree, struct buf *note, struct err *e)
{
	commits++;
	return ledger_log_seal(arg, tree, note, e);
}

static void store_start(void)
{
	commits = 0;
	struct store_config config = {.ops = test_sql(),
		.location = db,
		.clock = &clock_system,
		.random = &random_system,
		.content_key = content_kek(),
		.seal = seal,
		.seal_arg = &ledger};
	assert_ok(store_open(&config, &store, &err), err);
}

static void db_remove(void)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	char path[160];
	store_close(&store);
	if (test_sql_is_postgres())
		test_sql_remove(db);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", db, ends[i]);
		(void)unlink(path);
	}
}

/* ---- entries ---- */

static void content_make(uint64_t i, char content[CONTENT_LEN + 1])
{
	(void)snprintf(content, CONTENT_LEN + 1, "{\"event\":\"instance-end\",\"number\":%0*llu}",
		CONTENT_LEN - 36, (unsigned long long)i);
}

static bool entry_fill(uint64_t i, struct leaf_row *row)
{
	char content[CONTENT_LEN + 1];
	struct leaf leaf = {.type = LEAF_INSTANCE_END, .time = 1800000000 + (int64_t)i / 1000};
	content_make(i, content);
	memset(leaf.issuer, 7, sizeof(leaf.issuer));
	if (!random_fill(&random_system, row->salt, sizeof(row->salt), &err) ||
		!ledger_commitment(row->salt, bytes_str(content), leaf.commitment, &err) ||
		!leaf_encode(&leaf, &row->bytes, &err) ||
		!leaf_hash(buf_bytes(&row->bytes), row->hash, &err))
		return false;
	buf_put_str(&row->content, content);
	return buf_ok(&row->content, &err);
}

static void percentiles(const char *what, double *values, size_t n)
{
	qsort(values, n, sizeof(*values), by_value);
	printf("%-28s median %7.3f ms   10%% %7.3f   90%% %7.3f   99%% %7.3f\n", what,
		values[n / 2] * 1e3, values[n / 10] * 1e3, values[n * 9 / 10] * 1e3,
		values[n * 99 / 100] * 1e3);
}

#endif
