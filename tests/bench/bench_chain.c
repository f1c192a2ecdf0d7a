/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a renewal's chain costs: its bundle taken from a verifier in this process, and the audit of it,
 * beside the audit of the same record without its chain.
 *
 * usage: bench_chain [renewals]        (default 300: a day at five minutes each; at most 4096)
 */
#include "tests/support/unit.h"

#include <stdlib.h>
#include <time.h>

#include "ledger/audit.h"
#include "tests/unit/verifier/world.h"

static struct world w;
static struct audit_report report;

/* Of the processor: the machine may have other work. */
static double now_ms(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void renew(struct https *c, size_t n, char last[2 * SHA256_LEN + 1])
{
	struct world_attestation a, next;
	world_launch(&w, c, &a);
	for (size_t i = 0; i < n; i++) {
		world_next(&w, &a, &next);
		world_attestation_release(&a);
		world_evidence(&w, c, &next);
		world_send_evidence(&w, c, &next, buf_bytes(&w.scene->evidence));
		assert_outcome(&next, "trusted");
		a = next;
	}
	hex_encode(BYTES_OF(a.result.record), last);
	world_attestation_release(&a);
}

static void measure(const char *id, const char *query, bool grounded)
{
	char path[160];
	(void)snprintf(path, sizeof(path), "/v1/records/%s/bundle%s", id, query);
	double start = now_ms();
	struct https_answer a = world_call(&w, &w.auditor, "GET", path, NULL, (struct bytes){0});
	double read = now_ms() - start;
	assert_int_equal(a.status, 200);
	start = now_ms();
	assert_ok(audit_run(buf_bytes(&a.body), NULL, &report, &w.err), w.err);
	double audited = now_ms() - start;
	assert_true(report.consistent);
	assert_int_equal(report.grounded, grounded);
	printf("%-10s %10zu bytes   exported in %8.1f ms   audited in %8.1f ms of processor time\n",
		query[0] ? "alone" : "with chain", a.body.len, read, audited);
	audit_report_release(&report);
	buf_release(&a.body);
}

static void bench(void **state)
{
	size_t n = *(size_t *)*state;
	char last[2 * SHA256_LEN + 1];
	struct https c;
	world_start(&w);
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	renew(&c, n, last);
	printf("after a launch and %zu renewals:\n", n);
	measure(last, "?chain=0", false);
	measure(last, "", n <= AUDIT_LINKS_MAX);
	https_close(&c);
	world_stop(&w);
}

int main(int argc, char **argv)
{
	size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 300;
	n = n < 1 ? 1 : n;
	const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(bench, &n)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
