/* SPDX-License-Identifier: Apache-2.0 */
/* What the scenarios share: the options, the verifier that the bench started, its hosts, and the load on them. */
#ifndef ASSAY_TESTS_BENCH_BENCH_H
#define ASSAY_TESTS_BENCH_BENCH_H

#include "tests/bench/assay_bench/measure.h"
#include "tests/bench/assay_bench/player.h"
#include "tests/support/verifierd.h"

struct options {
	size_t hosts; /* that play */
	size_t enrolled; /* besides, as rows of the store alone */
	size_t concurrency; /* requests under way, in a closed loop */
	double seconds; /* of each load */
	double rate; /* of open loops, a second; 0: 70 % of what the closed loop reached */
	size_t idle, slow; /* clients of the scenario slow */
	double soak; /* seconds of the scenario soak */
	bool jwt; /* each renewal brings a JWT, too */
	bool json, keep;
	const char *database; /* of a PostgreSQL; NULL: SQLite */
	struct buf config; /* lines for verifierd.yaml */
};

struct bench {
	struct options options;
	struct report report;
	struct primitives primitives;
	struct verifierd v;
	bool on_postgres; /* or the next one that is started */
	struct sw_workload workload;
	struct engine engine;
	struct player *players;
	size_t player_count;
	size_t left, failed; /* of what is under way for all of them */
	bool wrong; /* something came out as it must not: the exit status */
};

/* ---- world.c ---- */

/* A verifier with that many enrolled hosts as rows, and players that are not enrolled yet. */
must_use bool bench_open(struct bench *b, size_t players, size_t enrolled, struct err *err);
void bench_close(struct bench *b);
/* Says that something came out wrong. */
void bench_wrong(struct bench *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Every player does it, at most `at_once` at a time; the others wait for their turn. False: the time ran out. */
typedef void (*bench_do)(struct player *player, player_done done);
must_use bool bench_all(
	struct bench *b, bench_do what, size_t at_once, struct samples *ms, double seconds);
/* Enrolled, connected, and each with an agent that was launched once. */
must_use bool bench_ready(struct bench *b, struct err *err);
/* CPU of both sides for `n` operations, throughput, and what signatures alone would cost; returns the verifier's CPU for one
 * in microseconds. verifies, signs: P-256, of one. */
double bench_costs(struct bench *b, const struct usage *from, const struct usage *to, size_t n,
	unsigned verifies, unsigned signs);

/* ---- load.c ---- */

struct load {
	struct bench *bench;
	struct player **idle; /* a ring of those with nothing to do */
	size_t first, idle_count, room;
	struct player **bad; /* each sends what must be refused, when its turn comes */
	size_t bad_count, bad_next, bad_every; /* one of so many is bad; 0: none */
	size_t concurrency; /* closed */
	double rate; /* open: a second; 0: closed */
	uint64_t start_us, end_us;
	bool over; /* nothing new any more */
	size_t sent, in_flight, made; /* made: open: how many were due so far */
	uint64_t *due; /* open: intended times that nobody was free for, in order */
	size_t due_first, due_count, due_room;
	struct samples ms; /* of good ones, from when they were due */
	size_t outcomes[OUTCOMES], bad_sent, bad_accepted;
};
/* The first `count` players, who must be ready; the last `bad` of them are bad ones. */
must_use bool load_init(
	struct load *load, struct bench *b, size_t count, size_t bad, struct err *err);
/* Closed (rate 0) or open for so many seconds, and until all that was sent has ended. */
void load_run(struct load *load, double rate, double seconds);
void load_release(struct load *load);

/* ---- database.c ---- */

/* Before the verifier starts: that it shall use it. */
must_use bool database_use(struct bench *b, struct err *err);
/* While it does not run. */
struct sql;
must_use bool database_open(const struct bench *b, struct sql **ret, struct err *err);
void database_drop(const struct bench *b);

/* ---- fill.c: the store, without a verifier ---- */
must_use bool fill_hosts(const struct bench *b, size_t count, struct err *err);

/* ---- scenarios ---- */
bool scenario_enroll(struct bench *b, struct err *err);
bool scenario_renew(struct bench *b, struct err *err);
bool scenario_storm(struct bench *b, struct err *err);
bool scenario_reboot(struct bench *b, struct err *err);
bool scenario_bad(struct bench *b, struct err *err);
bool scenario_slow(struct bench *b, struct err *err);
bool scenario_scale(struct bench *b, struct err *err);
bool scenario_databases(struct bench *b, struct err *err);
bool scenario_soak(struct bench *b, struct err *err);

#endif
