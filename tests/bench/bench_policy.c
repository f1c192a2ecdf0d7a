/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a policy costs to load, and what 10, 1,000 and 10,000 registered workloads add: a policy at its limits parsed, a
 * verifier in this process opened over a store with so many workloads, one of them looked up with its risk class as each
 * decision does it, and asked for over TLS. The register is in the store and not in the policy, so that neither start nor
 * look-up should depend on it; the last lines say by how much they do.
 *
 * usage: bench_policy [lookups]        (default 2000)
 */
#include <stdlib.h>
#include <time.h>

#include "tests/unit/verifier/world.h"

#define CLASSES "    approvals: [{role: model-risk, count: 1}]\n    credential_lifetime: 10m\n"

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

/* This thread's own time: what other programs on the machine take is not counted. */
static double cpu_ms(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), by_value);
	return values[n / 2];
}

/* ---- the policy at its limits ---- */

static void put_key(struct buf *out, int indent)
{
	struct key *key = NULL;
	assert_ok(key_generate(KEY_EC_P256, &key, &w.err), w.err);
	scene_put_pem(out, key, indent);
	key_unref(&key);
}

static void put_classes(struct buf *out)
{
	buf_put_str(out, "risk_classes:\n");
	for (unsigned i = 0; i < POLICY_CLASSES_MAX; i++) {
		buf_printf(out, "  - name: class-%u\n" CLASSES "    statements:\n", i);
		for (unsigned k = 0; k < POLICY_DEMANDS_MAX; k++)
			buf_printf(out,
				"      - {kind: assessment, name: d%u, type: \"https://x/%u\", "
				"max_age: 90d, metrics: [{name: m, min: 0.%u}]}\n",
				k, k, k + 1);
	}
}

static void policy_at_its_limits(struct buf *out)
{
	buf_put_str(out, "policy: 1\nversion: 7\ntrust_domain: bank.example\nek_roots: []\n"
			 "release_keys:\n");
	for (unsigned i = 0; i < POLICY_KEYS_MAX; i++) {
		buf_printf(out, "  - name: builder-%u\n    pem: ", i);
		put_key(out, 6);
	}
	buf_put_str(out, "statement_keys:\n");
	for (unsigned i = 0; i < POLICY_KEYS_MAX; i++) {
		buf_printf(out, "  - name: lab-%u\n    kinds: [assessment]\n    pem: ", i);
		put_key(out, 6);
	}
	buf_put_str(out, "approvers:\n");
	for (unsigned i = 0; i < POLICY_KEYS_MAX; i++) {
		buf_printf(out, "  - person: p%u\n    roles: [model-risk]\n    keys:\n      - ", i);
		put_key(out, 8);
	}
	put_classes(out);
}

static void parse_bench(void)
{
	struct buf text = {0};
	double values[21], cpu[21];
	policy_at_its_limits(&text);
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		struct policy *policy = NULL;
		double start = now_ms(), own = cpu_ms();
		assert_ok(policy_parse(buf_bytes(&text), "policy.yaml", &policy, &w.err), w.err);
		values[i] = now_ms() - start;
		cpu[i] = cpu_ms() - own;
		policy_free(&policy);
	}
	printf("a policy of %zu KiB: %u classes of %u demands, %u release keys, %u statement keys, "
	       "%u "
	       "approvers: parsed in %.1f ms, %.1f ms of them its own\n",
		text.len / 1024, POLICY_CLASSES_MAX, POLICY_DEMANDS_MAX, POLICY_KEYS_MAX,
		POLICY_KEYS_MAX, POLICY_KEYS_MAX, median(values, ARRAY_LEN(values)),
		median(cpu, ARRAY_LEN(cpu)));
	buf_release(&text);
}

/* ---- the register ---- */

static void fill(size_t from, size_t to)
{
	struct workload_row row = {.risk_class = "low",
		.environment = "prod",
		.owner = "claims",
		.purpose = "reads invoices",
		.created = 1,
		.reviewed = 1,
		.state = WORKLOAD_ACTIVE,
		.controls = "[\"EU-AI-Act/12\"]",
		.third_parties = "[]"};
	struct sql *sql = NULL;
	char path[128];
	(void)world_path(&w, "verifier.db", path);
	assert_ok(test_sql()->open(path, true, &sql, &w.err), w.err);
	assert_ok(sql->ops->begin(sql, &w.err), w.err);
	for (size_t i = from; i < to; i++) {
		(void)snprintf(row.name, sizeof(row.name), "agent-%zu", i);
		assert_ok(workload_insert(sql, &row, &w.err), w.err);
	}
	assert_ok(sql->ops->commit(sql, &w.err), w.err);
	sql_close(&sql);
}

static const char *name_of(size_t i, size_t n, char out[ROW_NAME_MAX])
{
	(void)snprintf(out, ROW_NAME_MAX, "agent-%zu", (i * 7919) % n);
	return out;
}

/* As decide_load and the appraisal do it. */
static double lookup(double *values, size_t count, size_t n)
{
	struct sql *sql = NULL;
	char name[ROW_NAME_MAX];
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	for (size_t i = 0; i < count; i++) {
		struct workload_row row = {0};
		bool found = false;
		(void)name_of(i, n, name);
		double start = cpu_ms();
		assert_ok(workload_get(sql, bytes_str(name), &row, &found, &w.err), w.err);
		const struct policy_class *class =
			policy_class_find(w.app->policy->policy, bytes_str(row.risk_class));
		values[i] = cpu_ms() - start;
		assert_true(found && class);
	}
	store_read_done(w.app->store, &sql);
	return median(values, count);
}

static double request(double *values, size_t count, size_t n)
{
	struct https c;
	char name[ROW_NAME_MAX], path[128];
	assert_true(https_open(&c, w.port, w.ca, w.admin.cert, w.admin.key));
	for (size_t i = 0; i < count; i++) {
		(void)snprintf(path, sizeof(path), "/v1/workloads/%s", name_of(i, n, name));
		double start = now_ms();
		struct https_answer a = https_request(&c, "GET", path, NULL, (struct bytes){0});
		values[i] = now_ms() - start;
		assert_int_equal(a.status, 200);
		buf_release(&a.body);
	}
	https_close(&c);
	return median(values, count);
}

static void register_bench(size_t lookups)
{
	static const size_t sizes[] = {10, 1000, 10000};
	double *values = calloc(lookups, sizeof(*values));
	double looked[ARRAY_LEN(sizes)], opened[ARRAY_LEN(sizes)];
	size_t before = 0;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		double starts[5];
		app_close(&w.app);
		fill(before, sizes[i]);
		before = sizes[i];
		for (size_t k = 0; k < ARRAY_LEN(starts); k++) {
			app_close(&w.app);
			double start = now_ms();
			assert_true(world_open(&w));
			starts[k] = now_ms() - start;
		}
		opened[i] = median(starts, ARRAY_LEN(starts));
		looked[i] = lookup(values, lookups, sizes[i]);
		printf("%6zu workloads: start %6.1f ms   look-up %7.4f ms   GET /v1/workloads/NAME "
		       "%6.3f ms\n",
			sizes[i], opened[i], looked[i], request(values, lookups, sizes[i]));
	}
	printf("10,000 against 10: start %.2f times, look-up %.2f times\n", opened[2] / opened[0],
		looked[2] / looked[0]);
	free(values);
}

static void bench(void **state)
{
	parse_bench();
	world_start(&w);
	register_bench(*(size_t *)*state);
	world_stop(&w);
}

int main(int argc, char **argv)
{
	size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000;
	n = n < 100 ? 100 : n;
	const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(bench, &n)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
