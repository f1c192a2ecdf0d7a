/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sealing costs: processor time of objects stored and read sealed, and of the same objects as rows in clear on the same
 * connection, batch by batch in turn, so that what else the machine does falls on both. Then a rotation.
 *
 * usage: bench_contents [objects] [bytes]        (default 20000 of 3000)
 */
#include "tests/unit/verifier/content.h"

#include "verifier/store_private.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define BATCH 100u

static char dir[64], path[96];
static struct sql *sql;
static struct vault *vault;
static uint8_t *bytes;
static size_t size;
static struct err err;

static double now_us(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static struct bytes content(size_t i, uint8_t digest[SHA256_LEN])
{
	memcpy(bytes, &i, sizeof(i));
	assert_true(sha256_of(bytes_of(bytes, size), digest, &err));
	return bytes_of(bytes, size);
}

static double batch(size_t from, bool (*one)(size_t i, struct err *e))
{
	double start = now_us();
	assert_ok(test_sql()->begin(sql, &err), err);
	for (size_t i = from; i < from + BATCH; i++)
		assert_ok(one(i, &err), err);
	assert_ok(test_sql()->commit(sql, &err), err);
	return now_us() - start;
}

static bool put_sealed(size_t i, struct err *e)
{
	uint8_t digest[SHA256_LEN];
	struct bytes in = content(i, digest);
	return object_put(sql, digest, in, e);
}

static bool put_clear(size_t i, struct err *e)
{
	uint8_t digest[SHA256_LEN];
	struct bytes in = content(i, digest);
	return sql_exec(sql, "INSERT INTO clear_objects(digest, bytes) VALUES(?1,?2)",
		SQL_ARGS(sql_b(BYTES_OF(digest)), sql_b(in)), NULL, e);
}

static bool get_sealed(size_t i, struct err *e)
{
	struct buf out = {0};
	uint8_t digest[SHA256_LEN];
	(void)content(i, digest);
	bool ok = object_get(sql, digest, &out, e);
	buf_release(&out);
	return ok;
}

static bool get_clear(size_t i, struct err *e)
{
	struct sql_query *q = NULL;
	uint8_t digest[SHA256_LEN], actual[SHA256_LEN];
	(void)content(i, digest);
	bool ok = sql_first(sql, "SELECT bytes FROM clear_objects WHERE digest=?1",
			  SQL_ARGS(sql_b(BYTES_OF(digest))), &q, e) &&
		  sha256_of(sql_bytes(q, 0), actual, e);
	sql_finish(&q);
	return ok;
}

static void rotate(size_t n)
{
	struct store_config config = {.ops = test_sql(),
		.location = path,
		.clock = &clock_system,
		.random = &random_system,
		.content_key = content_kek()};
	struct content_rotation rotation = {.kek = content_kek(), .random = &random_system};
	struct store *store = NULL;
	struct timespec from, to;
	assert_ok(sql_exec(sql, "DELETE FROM clear_objects", SQL_NO_ARGS, NULL, &err), err);
	sql_close(&sql);
	vault_free(&vault);
	assert_ok(store_open(&config, &store, &err), err);
	(void)clock_gettime(CLOCK_MONOTONIC, &from);
	assert_ok(content_keys_rotate(store, &rotation, &err), err);
	(void)clock_gettime(CLOCK_MONOTONIC, &to);
	double s = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	printf("rotation, durable, wall time       %8.0f data keys/s\n", (double)n / s);
	store_close(&store);
}

static void bench(void **state)
{
	size_t n = *(size_t *)*state;
	double put[2] = {0}, get[2] = {0};
	bytes = calloc(1, size);
	assert_non_null(bytes);
	(void)snprintf(dir, sizeof(dir), "/tmp/assay-bench-XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/v.db", dir);
	assert_ok(test_sql()->open(path, true, &sql, &err), err);
	assert_ok(store_migrate(sql, &err), err);
	vault = content_vault(sql, content_kek());
	for (size_t i = 0; i + BATCH <= n; i += BATCH) {
		put[0] += batch(i, put_clear);
		put[1] += batch(i, put_sealed);
	}
	for (size_t i = 0; i + BATCH <= n; i += BATCH) {
		get[0] += batch(i, get_clear);
		get[1] += batch(i, get_sealed);
	}
	printf("%zu objects of %zu bytes, processor time each\n", n, size);
	printf("stored: in clear %6.2f us, sealed %6.2f us\n", put[0] / (double)n,
		put[1] / (double)n);
	printf("read:   in clear %6.2f us, sealed %6.2f us\n", get[0] / (double)n,
		get[1] / (double)n);
	rotate(n);
	free(bytes);
	(void)unlink(path);
	(void)rmdir(dir);
}

int main(int argc, char **argv)
{
	size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 20000;
	size = argc > 2 ? strtoul(argv[2], NULL, 10) : 3000;
	n = n < BATCH ? BATCH : n / BATCH * BATCH;
	size = size < 16 ? 16 : size;
	const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(bench, &n)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
