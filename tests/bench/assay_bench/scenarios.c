/* SPDX-License-Identifier: Apache-2.0 */
/* enroll, renew, storm, reboot, scale: good hosts alone. */
#include "tests/bench/assay_bench/bench.h"

#include <stdio.h>
#include <stdlib.h>

#define LOAD_AT_RATE 0.7 /* of what the closed loop reached */
#define SETTLE_S     600.0

/* Signatures of one attestation: the quote and the proof of possession are verified; record and certificate are signed. The
 * checkpoint over a batch is shared by all decisions in it and not counted. */
#define VERIFIES 2u
#define SIGNS(b) (2u + (b)->options.jwt)
/* Of an enrolment: the EK's certificate and its issuer's, quote, possession; host's certificate; besides the TLS handshake:
 * its CertificateVerify. The credential's elliptic curve agreement is not counted. */
#define ENROLL_VERIFIES 4u
#define ENROLL_SIGNS    3u /* record, certificate, handshake */

bool scenario_enroll(struct bench *b, struct err *err)
{
	struct samples ms = {0};
	if (!bench_open(b, b->options.hosts, b->options.enrolled, err))
		return false;
	struct usage before = usage_now(b->v.pid);
	bool done = bench_all(b, player_enroll, b->options.concurrency, &ms, SETTLE_S);
	struct usage after = usage_now(b->v.pid);
	if (!done || b->failed > 0)
		bench_wrong(
			b, "%zu of %zu hosts did not enrol", b->failed + b->left, b->player_count);
	(void)bench_costs(b, &before, &after, ms.count, ENROLL_VERIFIES, ENROLL_SIGNS);
	report_latency(&b->report, "enrolment", &ms);
	report_put(&b->report, "rss_before", before.rss_kib / 1024, "MiB");
	report_put(&b->report, "rss_after", after.rss_kib / 1024, "MiB");
	report_put(&b->report, "rss_per_host",
		(after.rss_kib - before.rss_kib) / (double)b->player_count,
		"KiB, no connection left");
	samples_release(&ms);
	return true;
}

static void say_outcomes(struct bench *b, const struct load *load)
{
	report_put(&b->report, "shed", (double)load->outcomes[OUTCOME_BUSY], "answers");
	report_put(&b->report, "lost", (double)load->outcomes[OUTCOME_LOST], "connections");
}

/* Renewals as fast as they come; *ret_rate: a second. */
static bool renew_closed(
	struct bench *b, size_t hosts, double *ret_rate, double *ret_cpu, struct err *err)
{
	struct load load;
	if (!load_init(&load, b, hosts, 0, err))
		return false;
	struct usage before = usage_now(b->v.pid);
	load_run(&load, 0, b->options.seconds);
	struct usage after = usage_now(b->v.pid);
	*ret_cpu = bench_costs(b, &before, &after, load.outcomes[OUTCOME_DONE], VERIFIES, SIGNS(b));
	*ret_rate = (double)load.outcomes[OUTCOME_DONE] / (after.wall - before.wall);
	report_put(&b->report, "evidence", (double)b->players[0].sent, "bytes");
	report_put(&b->report, "answer", (double)b->players[0].received, "bytes");
	report_latency(&b->report, "closed", &load.ms);
	say_outcomes(b, &load);
	load_release(&load);
	return true;
}

static bool renew_open(struct bench *b, double rate, struct err *err)
{
	struct load load;
	if (!load_init(&load, b, b->player_count, 0, err))
		return false;
	struct usage before = usage_now(b->v.pid);
	load_run(&load, rate, b->options.seconds);
	struct usage after = usage_now(b->v.pid);
	report_put(&b->report, "open_rate", rate, "a second");
	report_put(&b->report, "open_verifier_cpu",
		usage_verifier(&before, &after) / (double)(load.ms.count + 1) * 1e6, "us each");
	report_latency(&b->report, "open", &load.ms);
	say_outcomes(b, &load);
	load_release(&load);
	return true;
}

bool scenario_renew(struct bench *b, struct err *err)
{
	double rate = 0, cpu = 0;
	if (!bench_open(b, b->options.hosts, b->options.enrolled, err))
		return false;
	struct usage empty = usage_now(b->v.pid);
	if (!bench_ready(b, err))
		return false;
	struct usage ready = usage_now(b->v.pid);
	report_put(&b->report, "rss_before_hosts", empty.rss_kib / 1024, "MiB");
	report_put(&b->report, "rss_with_connections", ready.rss_kib / 1024, "MiB");
	if (!renew_closed(b, b->player_count, &rate, &cpu, err))
		return false;
	return renew_open(b, b->options.rate > 0 ? b->options.rate : LOAD_AT_RATE * rate, err);
}

bool scenario_storm(struct bench *b, struct err *err)
{
	struct samples ms = {0};
	if (!bench_open(b, b->options.hosts, b->options.enrolled, err) || !bench_ready(b, err))
		return false;
	for (size_t i = 0; i < b->player_count; i++)
		if (!player_launch(&b->players[i], err))
			return false;
	struct usage before = usage_now(b->v.pid);
	bool done = bench_all(b, player_settle, b->player_count, &ms, SETTLE_S);
	struct usage after = usage_now(b->v.pid);
	if (!done || b->failed > 0)
		bench_wrong(b, "%zu of %zu launches failed", b->failed + b->left, b->player_count);
	report_put(&b->report, "launches_at_once", (double)b->player_count, "");
	(void)bench_costs(b, &before, &after, ms.count, VERIFIES + 1, SIGNS(b));
	report_latency(&b->report, "launch", &ms);
	samples_release(&ms);
	return true;
}

bool scenario_reboot(struct bench *b, struct err *err)
{
	struct samples ms = {0};
	double tries = 0;
	if (!bench_open(b, b->options.hosts, b->options.enrolled, err) || !bench_ready(b, err))
		return false;
	for (size_t i = 0; i < b->player_count; i++) {
		conn_close(&b->players[i].conn);
		sw_host_reboot(b->players[i].host);
		if (!player_launch(&b->players[i], err))
			return false;
		b->players[i].settled_after = 0;
	}
	struct usage before = usage_now(b->v.pid);
	bool done = bench_all(b, player_settle, b->player_count, &ms, SETTLE_S);
	struct usage after = usage_now(b->v.pid);
	for (size_t i = 0; i < b->player_count; i++)
		tries += (double)b->players[i].settled_after;
	if (!done || b->failed > 0)
		bench_wrong(
			b, "%zu of %zu good hosts failed", b->failed + b->left, b->player_count);
	report_put(&b->report, "hosts_at_once", (double)b->player_count, "");
	report_put(&b->report, "failed", (double)(b->failed + b->left), "");
	report_put(&b->report, "settled_in", after.wall - before.wall, "s");
	report_put(&b->report, "tried_again", tries, "times in all");
	(void)bench_costs(b, &before, &after, ms.count, VERIFIES + 3, SIGNS(b) + 1);
	report_latency(&b->report, "settled", &ms);
	report_put(&b->report, "rss_after", after.rss_kib / 1024, "MiB");
	samples_release(&ms);
	return true;
}

/* Each size with a verifier of its own; the same load on each. */
bool scenario_scale(struct bench *b, struct err *err)
{
	const size_t sizes[] = {1000, 100000, 1000000};
	size_t most = b->options.enrolled ? b->options.enrolled : 100000;
	double first = 0, cpu = 0;
	for (size_t i = 0; i < ARRAY_LEN(sizes) && sizes[i] <= most; i++) {
		char name[32];
		double rate = 0;
		(void)snprintf(name, sizeof(name), "scale_%zu", sizes[i]);
		report_section(&b->report, name);
		if (!bench_open(b, b->options.hosts, sizes[i], err))
			return false;
		struct usage start = usage_now(b->v.pid);
		report_put(&b->report, "rss_without_connections", start.rss_kib / 1024, "MiB");
		if (!bench_ready(b, err) || !renew_closed(b, b->player_count, &rate, &cpu, err))
			return false;
		first = i == 0 ? cpu : first;
		report_put(&b->report, "cpu_to_first", cpu / first, "times");
		if (i + 1 < ARRAY_LEN(sizes) && sizes[i + 1] <= most)
			bench_close(b);
	}
	return true;
}

#define ROUNDS 3

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* By turns, each time with a verifier and a store of its own: whatever else the machine does meets both. */
bool scenario_databases(struct bench *b, struct err *err)
{
	static const char *const names[] = {"sqlite", "postgresql"};
	double rates[2][ROUNDS], cpu = 0;
	if (!b->options.database)
		return err_set(err, ERR_USAGE, "--database says where the other one is");
	for (size_t i = 0; i < 2 * ROUNDS; i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "%s_%zu", names[i % 2], i / 2 + 1);
		report_section(&b->report, name);
		b->on_postgres = i % 2 == 1;
		if (!bench_open(b, b->options.hosts, b->options.enrolled, err) ||
			!bench_ready(b, err) ||
			!renew_closed(b, b->player_count, &rates[i % 2][i / 2], &cpu, err))
			return false;
		if (i + 1 < 2 * ROUNDS)
			bench_close(b);
	}
	for (size_t i = 0; i < 2; i++)
		qsort(rates[i], ROUNDS, sizeof(rates[i][0]), by_value);
	report_section(&b->report, "databases");
	report_put(&b->report, "sqlite", rates[0][ROUNDS / 2], "renewals a second, median");
	report_put(&b->report, "postgresql", rates[1][ROUNDS / 2], "renewals a second, median");
	report_put(&b->report, "postgresql_to_sqlite", rates[0][ROUNDS / 2] / rates[1][ROUNDS / 2],
		"times as long");
	return true;
}
