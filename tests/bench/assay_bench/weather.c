/* SPDX-License-Identifier: Apache-2.0 */
/* bad, slow, soak: good hosts among others. */
#include "tests/bench/assay_bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define BAD_EVERY   100u
#define BAD_PLAYERS 4u
#define SETTLE_US   (3u * 1000000u)
#define SPREAD_US   10500000u /* how long a slow one is borne (request_ms), and until it is back */
#define CROWD_US    (40u * 1000000u)

static void say_bad(struct bench *b, const struct load *load)
{
	report_put(&b->report, "good", (double)load->outcomes[OUTCOME_DONE], "trusted");
	report_put(&b->report, "good_failed",
		(double)(load->outcomes[OUTCOME_REFUSED] + load->outcomes[OUTCOME_FAULT]), "");
	report_put(&b->report, "bad_sent", (double)load->bad_sent, "");
	report_put(&b->report, "bad_accepted", (double)load->bad_accepted, "");
	if (load->bad_sent == 0)
		bench_wrong(load->bench, "nothing bad was sent");
}

bool scenario_bad(struct bench *b, struct err *err)
{
	struct load load;
	if (!bench_open(b, b->options.hosts + BAD_PLAYERS, b->options.enrolled, err) ||
		!bench_ready(b, err) || !load_init(&load, b, b->player_count, BAD_PLAYERS, err))
		return false;
	load.bad_every = BAD_EVERY;
	struct usage before = usage_now(b->v.pid);
	load_run(&load, 0, b->options.seconds);
	struct usage after = usage_now(b->v.pid);
	(void)bench_costs(b, &before, &after, load.outcomes[OUTCOME_DONE], 2, 2 + b->options.jwt);
	report_latency(&b->report, "good", &load.ms);
	say_bad(b, &load);
	load_release(&load);
	return true;
}

/* ---- idle and slow clients ---- */

struct crowd;
struct client_idle {
	struct crowd *crowd;
	struct conn conn;
	uint32_t source;
	bool slow, up, waiting; /* waiting: a timer will open it again */
};
struct crowd {
	struct bench *bench;
	struct client_idle *clients;
	size_t count, up, opened;
	bool over;
};

static void client_open(void *arg);

static void client_again(struct client_idle *c)
{
	if (c->up)
		c->crowd->up--;
	c->up = false;
	if (c->waiting || c->crowd->over)
		return;
	c->waiting = true;
	engine_at(&c->crowd->bench->engine, now_us() + 500000u, client_open, c);
}

/* A request's head, a byte a second, for as long as the verifier bears it. */
static void client_drip(void *arg)
{
	struct client_idle *c = arg;
	if (c->conn.state != CONN_OPEN || c->crowd->over)
		return;
	conn_put(&c->conn, bytes_of("P", 1));
	engine_at(&c->crowd->bench->engine, now_us() + 1000000u, client_drip, c);
}

static void on_client_answer(void *arg, const struct answer *answer)
{
	struct client_idle *c = arg;
	if (answer->status != 200)
		client_again(c);
}

static void on_client_ready(void *arg, bool ok)
{
	struct client_idle *c = arg;
	if (!ok) {
		client_again(c);
		return;
	}
	c->crowd->up++;
	c->crowd->opened++;
	c->up = true;
	if (c->slow)
		client_drip(c);
	else
		conn_ask(&c->conn, "/healthz", NULL, (struct bytes){0}, on_client_answer);
}

static void client_open(void *arg)
{
	struct client_idle *c = arg;
	c->waiting = false;
	if (!c->crowd->over)
		conn_open(&c->crowd->bench->engine, &c->conn, c->source, NULL, NULL,
			on_client_ready, c);
}

static bool crowd_open(
	struct crowd *crowd, struct bench *b, size_t idle, size_t slow, struct err *err)
{
	*crowd = (struct crowd){.bench = b, .count = idle + slow};
	crowd->clients = calloc(crowd->count + 1, sizeof(*crowd->clients));
	if (!crowd->clients)
		return err_set(err, ERR_NOMEM, "clients");
	for (size_t i = 0; i < crowd->count; i++) {
		struct client_idle *c = &crowd->clients[i];
		*c = (struct client_idle){.crowd = crowd,
			.slow = i >= idle,
			.waiting = true,
			.source = 0x400001u + (uint32_t)(i / 64)};
		/* 500 a second come; the slow ones so that they do not all come back at the same moment each time that they
		 * are cut. */
		uint64_t at = i < idle ? i * 2000u : (i - idle) * (SPREAD_US / slow);
		engine_at(&b->engine, now_us() + at, client_open, c);
	}
	return true;
}

static void crowd_close(struct crowd *crowd)
{
	struct engine *engine = &crowd->bench->engine;
	crowd->over = true;
	for (size_t i = 0; i < crowd->count; i++)
		if (crowd->clients[i].conn.engine)
			conn_close(&crowd->clients[i].conn);
	/* Their timers run out before their memory goes. */
	engine_run(engine, now_us() + 1200000u);
	free(crowd->clients);
}

/* The same open load once more; p99 of it. */
static bool slow_round(struct bench *b, const char *name, double rate, double *ret, struct err *err)
{
	struct load load;
	if (!load_init(&load, b, b->player_count, 0, err))
		return false;
	load_run(&load, rate, b->options.seconds);
	report_latency(&b->report, name, &load.ms);
	*ret = samples_at(&load.ms, 0.99);
	load_release(&load);
	return true;
}

/* Until all of them are connected, and then a moment; a busy machine takes its time. */
static void crowd_wait(const struct crowd *crowd)
{
	struct engine *engine = &crowd->bench->engine;
	uint64_t until = now_us() + CROWD_US;
	while (crowd->opened < crowd->count && now_us() < until)
		engine_run(engine, now_us() + 100000u);
	engine_run(engine, now_us() + SETTLE_US);
}

static bool slow_with(struct bench *b, double rate, double *ret, struct err *err)
{
	struct crowd idle, slow;
	struct usage none = usage_now(b->v.pid);
	if (!crowd_open(&idle, b, b->options.idle, 0, err))
		return false;
	crowd_wait(&idle);
	struct usage with = usage_now(b->v.pid);
	report_put(&b->report, "idle_up", (double)idle.up, "connections");
	report_put(&b->report, "idle_connection",
		(with.rss_kib - none.rss_kib) / (double)(idle.up + 1), "KiB resident each");
	if (!crowd_open(&slow, b, 0, b->options.slow, err))
		return false;
	crowd_wait(&slow);
	report_put(&b->report, "slow_up", (double)slow.up, "connections");
	bool ok = slow_round(b, "with_crowd", rate, ret, err);
	report_put(&b->report, "crowd_opened", (double)(idle.opened + slow.opened),
		"connections in all");
	crowd_close(&slow);
	crowd_close(&idle);
	return ok;
}

bool scenario_slow(struct bench *b, struct err *err)
{
	double rate = b->options.rate > 0 ? b->options.rate : 500, alone = 0, with = 0;
	if (!bench_open(b, b->options.hosts, b->options.enrolled, err) || !bench_ready(b, err) ||
		!slow_round(b, "warm", rate, &alone, err) ||
		!slow_round(b, "alone", rate, &alone, err) || !slow_with(b, rate, &with, err))
		return false;
	report_put(&b->report, "rate", rate, "a second");
	report_put(&b->report, "p99_with_to_alone", with / alone, "times");
	return true;
}

/* ---- soak ---- */

#define SOAK_SAMPLES 40u

struct soak {
	struct bench *bench;
	const struct crowd *crowd;
	double rss[SOAK_SAMPLES], descriptors[SOAK_SAMPLES];
	size_t count;
	uint64_t every_us, start_us;
	bool over;
};

/* How many of the verifier's connections are ours, and wanted: on a busy machine not the whole crowd is always up. */
static size_t soak_connections(const struct soak *s)
{
	size_t up = s->crowd->up;
	for (size_t i = 0; i < s->bench->player_count; i++)
		up += s->bench->players[i].conn.state == CONN_OPEN;
	return up;
}

static void soak_sample(void *arg)
{
	struct soak *s = arg;
	if (s->count == SOAK_SAMPLES || s->over)
		return;
	struct usage now = usage_now(s->bench->v.pid);
	s->rss[s->count] = now.rss_kib / 1024;
	s->descriptors[s->count++] = now.descriptors - (double)soak_connections(s);
	engine_at(&s->bench->engine, s->start_us + s->count * s->every_us, soak_sample, s);
}

/* A host drops its connection now and then, whatever is under way on it. */
static void soak_drop(void *arg)
{
	struct soak *s = arg;
	struct bench *b = s->bench;
	if (s->over)
		return;
	struct player *player = &b->players[(now_us() >> 8) % b->player_count];
	if (player->conn.state == CONN_OPEN)
		conn_close(&player->conn);
	engine_at(&b->engine, now_us() + 200000u, soak_drop, s);
}

static double mean(const double *values, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += values[i];
	return n ? sum / (double)n : 0;
}

/* What stands at the end against what stood once everything had been used: the second quarter. */
static void soak_judge(struct bench *b, const struct soak *s)
{
	size_t quarter = s->count / 4;
	double rss_then = mean(s->rss + quarter, quarter),
	       rss_end = mean(s->rss + 3 * quarter, quarter),
	       fds_then = mean(s->descriptors + quarter, quarter),
	       fds_end = mean(s->descriptors + 3 * quarter, quarter);
	report_put(&b->report, "rss_second_quarter", rss_then, "MiB");
	report_put(&b->report, "rss_last_quarter", rss_end, "MiB");
	report_put(&b->report, "descriptors_second_quarter", fds_then, "beside our connections");
	report_put(&b->report, "descriptors_last_quarter", fds_end, "beside our connections");
	if (rss_end > rss_then * 1.1 + 8)
		bench_wrong(b, "memory grew from %.1f to %.1f MiB", rss_then, rss_end);
	if (fds_end > fds_then + 0.01 * (double)(b->player_count + b->options.idle) + 16)
		bench_wrong(b, "descriptors grew from %.0f to %.0f", fds_then, fds_end);
}

static bool soak_run(struct bench *b, double rate, struct err *err)
{
	struct crowd crowd;
	struct load load;
	struct soak soak = {.bench = b,
		.crowd = &crowd,
		.start_us = now_us(),
		.every_us = (uint64_t)(b->options.soak * 1e6 / SOAK_SAMPLES)};
	if (!crowd_open(&crowd, b, b->options.idle, b->options.slow, err) ||
		!load_init(&load, b, b->player_count, BAD_PLAYERS, err))
		return false;
	load.bad_every = BAD_EVERY;
	soak_sample(&soak);
	soak_drop(&soak);
	load_run(&load, rate, b->options.soak);
	soak.over = true;
	report_put(&b->report, "rate", rate, "a second");
	report_latency(&b->report, "good", &load.ms);
	report_put(&b->report, "lost", (double)load.outcomes[OUTCOME_LOST], "connections");
	report_put(&b->report, "crowd_opened", (double)crowd.opened, "connections");
	say_bad(b, &load);
	soak_judge(b, &soak);
	crowd_close(&crowd);
	engine_run(&b->engine, now_us() + soak.every_us + 500000u); /* its timers */
	load_release(&load);
	return true;
}

bool scenario_soak(struct bench *b, struct err *err)
{
	return bench_open(b, b->options.hosts + BAD_PLAYERS, b->options.enrolled, err) &&
	       bench_ready(b, err) && soak_run(b, b->options.rate > 0 ? b->options.rate : 200, err);
}
