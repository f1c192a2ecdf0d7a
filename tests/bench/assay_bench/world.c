/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/assay_bench/bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define READY_S 600.0

void bench_wrong(struct bench *b, const char *format, ...)
{
	va_list args;
	b->wrong = true;
	(void)fputs("WRONG: ", stderr);
	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	(void)fputc('\n', stderr);
}

/* ---- the verifier ---- */

static bool verifier_open(struct bench *b, size_t enrolled, struct err *err)
{
	static const char limits[] = "connections_max: 60000\n";
	b->workload = (struct sw_workload){.name = "agent", .seed = 0x30};
	if (!verifierd_new(&b->v, err) || !verifierd_configure(&b->v, limits, err) ||
		(b->options.config.len > 0 &&
			!verifierd_configure(&b->v, buf_str(&b->options.config), err)) ||
		!database_use(b, err) || !verifierd_start(&b->v, err) ||
		!verifierd_publish(&b->v, &b->workload, "low", err))
		return false;
	if (enrolled == 0)
		return true;
	if (verifierd_stop(&b->v, SIGTERM) != 0)
		return err_set(err, ERR_IO, "assay-verifierd did not end well");
	return fill_hosts(b, enrolled, err) && verifierd_start(&b->v, err);
}

static bool players_make(struct bench *b, size_t count, struct err *err)
{
	b->players = calloc(count, sizeof(*b->players));
	if (!b->players)
		return err_set(err, ERR_NOMEM, "players");
	for (; b->player_count < count; b->player_count++) {
		struct player *player = &b->players[b->player_count];
		if (!player_init(
			    player, &b->engine, b->player_count, &b->v.maker, &b->workload, err) ||
			!verifierd_token(&b->v, &player->token, err)) {
			player_release(player);
			return err_wrap(err, "player %zu", b->player_count);
		}
		player->context = b;
		player->audience = b->options.jwt ? "bench.example" : NULL;
	}
	return true;
}

bool bench_open(struct bench *b, size_t players, size_t enrolled, struct err *err)
{
	b->player_count = 0;
	b->players = NULL;
	if (!verifier_open(b, enrolled, err) ||
		!engine_init(&b->engine, b->v.port, buf_bytes(&b->v.ca_pem), err))
		return false;
	return players_make(b, players, err);
}

void bench_close(struct bench *b)
{
	for (size_t i = 0; i < b->player_count; i++)
		player_release(&b->players[i]);
	free(b->players);
	b->players = NULL;
	b->player_count = 0;
	engine_release(&b->engine);
	int status = verifierd_stop(&b->v, SIGTERM);
	if (status != 0)
		bench_wrong(b, "assay-verifierd ended with %d", status);
	if (b->options.keep)
		(void)fprintf(stderr, "kept: %s\n", b->v.dir);
	database_drop(b);
	verifierd_release(&b->v);
}

/* ---- everybody ---- */

struct all {
	struct bench *bench;
	bench_do what;
	size_t next;
	struct samples *ms;
};
static struct all all; /* one at a time */

static void all_next(void);

static void on_all_done(struct player *player, enum outcome outcome)
{
	struct bench *b = all.bench;
	b->left--;
	if (outcome != OUTCOME_DONE) {
		b->failed++;
		if (b->failed <= 3)
			(void)fprintf(stderr, "host %zu: %s: %s\n", (size_t)(player - b->players),
				outcome_name(outcome), player->why);
	} else if (all.ms) {
		samples_add(all.ms, (double)(now_us() - player->started_us) / 1e3);
	}
	if (b->left == 0)
		b->engine.stop = true;
	else
		all_next();
}

static void all_next(void)
{
	struct bench *b = all.bench;
	if (all.next == b->player_count)
		return;
	struct player *player = &b->players[all.next++];
	player->started_us = now_us();
	all.what(player, on_all_done);
}

bool bench_all(struct bench *b, bench_do what, size_t at_once, struct samples *ms, double seconds)
{
	all = (struct all){.bench = b, .what = what, .ms = ms};
	b->left = b->player_count;
	b->failed = 0;
	for (size_t i = 0; i < at_once; i++)
		all_next();
	engine_run(&b->engine, now_us() + (uint64_t)(seconds * 1e6));
	return b->left == 0;
}

bool bench_ready(struct bench *b, struct err *err)
{
	size_t at_once = b->options.concurrency < 100 ? b->options.concurrency : 100;
	if (!bench_all(b, player_enroll, at_once, NULL, READY_S) || b->failed > 0)
		return err_set(err, ERR_NET, "%zu hosts did not enrol", b->failed + b->left);
	for (size_t i = 0; i < b->player_count; i++)
		if (!player_launch(&b->players[i], err))
			return false;
	if (!bench_all(b, player_settle, at_once, NULL, READY_S) || b->failed > 0)
		return err_set(err, ERR_NET, "%zu hosts did not launch", b->failed + b->left);
	return true;
}

/* ---- what it cost ---- */

double bench_costs(struct bench *b, const struct usage *from, const struct usage *to, size_t n,
	unsigned verifies, unsigned signs)
{
	double count = n > 0 ? (double)n : 1, wall = to->wall - from->wall;
	double verifier = usage_verifier(from, to) / count * 1e6;
	double bound =
		(verifies * b->primitives.p256_verify + signs * b->primitives.p256_sign) * 1e6;
	struct report *r = &b->report;
	report_put(r, "throughput", count / wall, "a second");
	report_put(r, "verifier_cpu", verifier, "us each");
	report_put(r, "verifier_cpu_system",
		(to->verifier_system - from->verifier_system) / count * 1e6, "us each, of it");
	report_put(r, "client_cpu", (to->client - from->client) / count * 1e6, "us each");
	report_put(
		r, "cores_busy", (usage_verifier(from, to) + to->client - from->client) / wall, "");
	report_put(r, "signatures_alone", bound, "us each (P-256 verified and made)");
	report_put(r, "verifier_cpu_to_signatures", bound > 0 ? verifier / bound : 0, "times");
	return verifier;
}
