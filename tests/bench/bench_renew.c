/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A renewal's wall time with the TPM's own time taken away: a verifier in this process, real TLS on loopback, SQLite with
 * synchronous=FULL on the file system of /tmp; evidence is made by a software attester outside the clock. Beside it, in the
 * same run: GET /healthz on the same kind of connection, and fdatasync of 4 KiB on the same file system.
 *
 * usage: bench_renew [renewals [URI]]        (default 1000)
 *
 * With the URI of a PostgreSQL (tests/support/postgres start DIR prints one) the same once more on that, and the ratio.
 */
#include "tests/support/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <time.h>

#include "tests/unit/verifier/world.h"

static struct world w;

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double now_ms(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double report(const char *what, double *values, size_t n)
{
	qsort(values, n, sizeof(*values), by_value);
	printf("%-34s median %6.3f ms   10%% %6.3f   90%% %6.3f   99%% %6.3f\n", what,
		values[n / 2], values[n / 10], values[n * 9 / 10], values[n * 99 / 100]);
	return values[n / 2];
}

static double renewals(struct https *c, double *values, size_t n)
{
	struct world_attestation a, next;
	world_launch(&w, c, &a);
	for (size_t i = 0; i < n; i++) {
		world_next(&w, &a, &next);
		world_attestation_release(&a);
		world_evidence(&w, c, &next);
		double start = now_ms();
		world_send_evidence(&w, c, &next, buf_bytes(&w.scene->evidence));
		values[i] = now_ms() - start;
		assert_outcome(&next, "trusted");
		a = next;
	}
	world_attestation_release(&a);
	return report("renewal, durable", values, n);
}

static double health(struct https *c, double *values, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double start = now_ms();
		struct https_answer answer =
			https_request(c, "GET", "/healthz", NULL, (struct bytes){0});
		values[i] = now_ms() - start;
		assert_int_equal(answer.status, 200);
		buf_release(&answer.body);
	}
	return report("GET /healthz, same connection", values, n);
}

static double syncs(double *values, size_t n)
{
	static const uint8_t block[4096];
	char path[128];
	(void)world_path(&w, "sync", path);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	for (size_t i = 0; i < n; i++) {
		double start = now_ms();
		assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
		assert_int_equal(fdatasync(fd), 0);
		values[i] = now_ms() - start;
	}
	(void)close(fd);
	return report("append 4 KiB and fdatasync", values, n);
}

static double measure(size_t n)
{
	double *values = calloc(n, sizeof(*values));
	struct https c;
	world_start(&w);
	w.app->config.full_appraisal_every = UINT32_MAX; /* incremental ones are measured */
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	double renewal = renewals(&c, values, n);
	double request = health(&c, values, n), sync = syncs(values, n);
	printf("a renewal is %.1f requests and %.1f syncs\n", renewal / request, renewal / sync);
	https_close(&c);
	world_stop(&w);
	free(values);
	return renewal;
}

struct wanted {
	size_t renewals;
	const char *uri; /* NULL: SQLite alone */
};

static void bench(void **state)
{
	const struct wanted *wanted = *state;
	size_t n = wanted->renewals;
	double sqlite = measure(n);
	if (!wanted->uri)
		return;
	assert_int_equal(setenv("ASSAY_TEST_SQL", wanted->uri, 1), 0);
	printf("on PostgreSQL:\n");
	double postgres = measure(n);
	printf("a renewal on PostgreSQL takes %.2f times as long as on SQLite\n",
		postgres / sqlite);
}

int main(int argc, char **argv)
{
	struct wanted wanted = {.renewals = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000,
		.uri = argc > 2 ? argv[2] : NULL};
	wanted.renewals = wanted.renewals < 100 ? 100 : wanted.renewals;
	const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(bench, &wanted)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
