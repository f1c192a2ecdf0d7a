/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_gate [RUNS]: the gate's decision on a release with 20 statements and 5 approvals, each
 * demanded; beside the signature checks alone that it cannot do without. Processor time of one core.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "crypto/dsse.h"
#include "policy/checklist.h"

#define NOW        INT64_C(1800000000)
#define STATEMENTS 20
#define APPROVALS  5
#define ENVELOPES  (1 + STATEMENTS + APPROVALS)

static struct err err;

static void need(bool ok)
{
	if (ok)
		return;
	(void)fprintf(stderr, "bench_gate: %s\n", err.text);
	exit(EXIT_FAILURE);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

struct world {
	struct key *builder, *ci, *persons[APPROVALS];
	struct buf policy_text, envelopes[ENVELOPES];
	struct bytes views[ENVELOPES];
	struct policy *policy;
	struct release *release;
};

static void put_pem(struct buf *out, const struct key *key)
{
	OWNED(buf_release) struct buf pem = {0};

	need(key_public_pem(key, &pem, &err));
	buf_put_str(out, "|\n");
	for (const char *line = buf_str(&pem); *line;) {
		size_t n = strcspn(line, "\n");

		buf_printf(out, "          %.*s\n", (int)n, line);
		line += n + (line[n] == '\n');
	}
}

static void make_policy(struct world *w)
{
	struct buf *t = &w->policy_text;

	buf_put_str(t, "policy: 1\nversion: 1\ntrust_domain: bank.example\nek_roots: []\n"
		       "release_keys:\n  - name: builder\n    pem: ");
	put_pem(t, w->builder);
	buf_put_str(t, "statement_keys:\n  - name: ci\n    kinds: [test-result]\n    pem: ");
	put_pem(t, w->ci);
	buf_put_str(t, "approvers:\n");
	for (int i = 0; i < APPROVALS; i++) {
		buf_printf(t, "  - person: p%d\n    roles: [risk]\n    keys:\n      - ", i);
		put_pem(t, w->persons[i]);
	}
	buf_printf(t,
		"risk_classes:\n  - name: high\n    credential_lifetime: 10m\n"
		"    approvals: [ {role: risk, count: %d} ]\n    statements:\n",
		APPROVALS);
	for (int i = 0; i < STATEMENTS; i++)
		buf_printf(t, "      - {kind: test-result, name: t%d, covers: [r%d]}\n", i, i);
	need(policy_parse(buf_bytes(t), "policy.yaml", &w->policy, &err));
}

static void sign(struct world *w, size_t i, struct bytes statement, struct key *key)
{
	need(dsse_sign(DSSE_INTOTO_TYPE, statement, key, &w->envelopes[i], &err));
	w->views[i] = buf_bytes(&w->envelopes[i]);
}

#define T_(text) ((char *)(uintptr_t)(text))

static void make_release(struct world *w)
{
	static struct release_component components[STATEMENTS];
	static char names[STATEMENTS][16], roles[STATEMENTS][16];
	OWNED(buf_release) struct buf statement = {0};
	struct release release = {.name = T_("ocr"),
		.version = T_("1"),
		.workload = T_("ocr"),
		.owner = T_("o"),
		.author = T_("dave"),
		.purpose = T_("p"),
		.risk_class = T_("high"),
		.components = components,
		.component_count = STATEMENTS};

	for (int i = 0; i < STATEMENTS; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "c%d", i);
		(void)snprintf(roles[i], sizeof(roles[i]), "r%d", i);
		components[i] = (struct release_component){.name = names[i],
			.role = roles[i],
			.path = T_("/opt/x"),
			.kind = COMPONENT_SHA256,
			.files = 1};
		components[i].digest[0] = (uint8_t)(i + 1);
	}
	need(release_statement(&release, &statement, &err));
	need(release_parse(buf_bytes(&statement), &w->release, &err));
	sign(w, 0, buf_bytes(&statement), w->builder);
}

static void make_statements(struct world *w)
{
	for (size_t i = 0; i < STATEMENTS; i++) {
		OWNED(buf_release) struct buf text = {0};

		buf_printf(&text,
			"{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"name\":"
			"\"c\",\"digest\":{\"sha256\":\"%02x%062d\"}}],\"predicateType\":"
			"\"https://in-toto.io/attestation/test-result/v0.1\",\"predicate\":"
			"{\"result\":\"PASSED\",\"configuration\":[],\"passedTests\":[",
			(unsigned)i + 1, 0);
		for (int k = 0; k < 100; k++)
			buf_printf(&text, "%s\"suite/case-%d\"", k ? "," : "", k);
		buf_put_str(&text, "]}}");
		sign(w, 1 + i, buf_bytes(&text), w->ci);
	}
}

static void make_approvals(struct world *w)
{
	for (size_t i = 0; i < APPROVALS; i++) {
		OWNED(buf_release) struct buf statement = {0};
		char person[16];
		struct approval a = {.environment = T_("prod"),
			.person = person,
			.role = T_("risk"),
			.reason = T_("tested"),
			.issued = NOW - 9,
			.expires = NOW + 9};

		(void)snprintf(person, sizeof(person), "p%zu", i);
		memcpy(a.release, w->release->digest, SHA256_LEN);
		memcpy(a.clause, w->policy->classes[0].clause, SHA256_LEN);
		need(approval_statement(&a, &statement, &err));
		sign(w, 1 + STATEMENTS + i, buf_bytes(&statement), w->persons[i]);
	}
}

static double decide(const struct world *w)
{
	static struct verdict verdict;
	static struct checklist list;
	OWNED(release_free) struct release *release = NULL;
	const struct release_input input = {.envelope = w->views[0],
		.statements = w->views + 1,
		.statement_count = STATEMENTS,
		.approvals = w->views + 1 + STATEMENTS,
		.approval_count = APPROVALS,
		.environment = BYTES_LIT("prod")};
	double start = now_us();

	memset(&verdict, 0, sizeof(verdict));
	need(release_checklist(&input, w->policy, NOW, &list, &verdict, &release, &err));
	verdict_conclude(&verdict);
	if (!verdict.trusted || !list.met) {
		(void)fprintf(
			stderr, "bench_gate: the gate is closed: %s\n", verdict.reasons[0].subject);
		exit(EXIT_FAILURE);
	}
	return now_us() - start;
}

/* Every envelope by the key that signed it. */
static double signatures(const struct world *w)
{
	double spent = 0;

	for (size_t i = 0; i < ENVELOPES; i++) {
		OWNED(dsse_free) struct dsse *dsse = NULL;
		struct key *key = i == 0            ? w->builder
				  : i <= STATEMENTS ? w->ci
						    : w->persons[i - 1 - STATEMENTS];
		uint64_t mask = 0;

		need(dsse_parse(w->views[i], &dsse, &err));
		double start = now_us();
		need(dsse_verify(dsse, &key, 1, &mask, &err));
		spent += now_us() - start;
	}
	return spent;
}

int main(int argc, char **argv)
{
	static struct world w;
	int runs = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 200;
	double best = 1e12, total = 0, alone = 1e12;

	need(key_generate(KEY_EC_P256, &w.builder, &err));
	need(key_generate(KEY_EC_P256, &w.ci, &err));
	for (int i = 0; i < APPROVALS; i++)
		need(key_generate(KEY_EC_P256, &w.persons[i], &err));
	make_policy(&w);
	make_release(&w);
	make_statements(&w);
	make_approvals(&w);
	for (int i = 0; i < runs; i++) {
		double one = decide(&w), bare = signatures(&w);

		best = one < best ? one : best;
		alone = bare < alone ? bare : alone;
		total += one;
	}
	(void)printf("decision: %.2f ms (best of %d; mean %.2f ms)\n", best / 1e3, runs,
		total / runs / 1e3);
	(void)printf("its %d signatures alone: %.2f ms; ratio %.2f\n", ENVELOPES, alone / 1e3,
		best / alone);
	return EXIT_SUCCESS;
}
