/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Closed: so many under way, the next as soon as one is answered. Open: one is due every so many microseconds whatever the
 * verifier does, and its latency counts from then, also when no host was free to send it (or else a verifier that
 * stalls would be asked less and look better).
 */
#include "tests/bench/assay_bench/bench.h"

#include <stdio.h>
#include <stdlib.h>

static void idle_put(struct load *load, struct player *player)
{
	load->idle[(load->first + load->idle_count++) % load->room] = player;
}

static struct player *idle_take(struct load *load)
{
	if (load->idle_count == 0)
		return NULL;
	struct player *player = load->idle[load->first];
	load->first = (load->first + 1) % load->room;
	load->idle_count--;
	return player;
}

bool load_init(struct load *load, struct bench *b, size_t count, size_t bad, struct err *err)
{
	*load = (struct load){.bench = b, .room = count, .concurrency = b->options.concurrency};
	load->idle = calloc(count, sizeof(struct player *));
	load->bad = calloc(bad + 1, sizeof(struct player *));
	if (!load->idle || !load->bad)
		return err_set(err, ERR_NOMEM, "load");
	for (size_t i = 0; i < count; i++) {
		struct player *player = &b->players[i];
		player->context = load;
		if (i >= count - bad) {
			if (!player_launch(player, err))
				return false;
			load->bad[load->bad_count++] = player;
		} else {
			idle_put(load, player);
		}
	}
	return true;
}

void load_release(struct load *load)
{
	for (size_t i = 0; i < load->bench->player_count; i++)
		load->bench->players[i].context = load->bench;
	free(load->idle);
	free(load->bad);
	free(load->due);
	samples_release(&load->ms);
}

/* ---- one ---- */

static void next(struct load *load);
static bool send_due(struct load *load);
static void stop_if_over(struct load *load);

static void ended(struct load *load)
{
	load->in_flight--;
	if (load->rate > 0)
		while (send_due(load)) {
		}
	else if (!load->over)
		next(load);
	stop_if_over(load);
}

/* Back among those who have nothing to do, or out of the game. */
static void on_recovered(struct player *player, enum outcome outcome)
{
	struct load *load = player->context;
	if (outcome == OUTCOME_DONE) {
		idle_put(load, player);
	} else {
		load->outcomes[outcome]++;
		bench_wrong(load->bench, "a good host: %s: %s", outcome_name(outcome), player->why);
	}
	ended(load);
}

static void on_good(struct player *player, enum outcome outcome)
{
	struct load *load = player->context;
	load->outcomes[outcome]++;
	if (outcome == OUTCOME_DONE) {
		samples_add(&load->ms, (double)(now_us() - player->started_us) / 1e3);
		idle_put(load, player);
		ended(load);
		return;
	}
	if (outcome != OUTCOME_BUSY && outcome != OUTCOME_LOST) {
		bench_wrong(load->bench, "a good host: %s: %s", outcome_name(outcome), player->why);
		ended(load);
		return;
	}
	player_settle(player, on_recovered);
}

static void on_bad(struct player *player, enum outcome outcome)
{
	struct load *load = player->context;
	if (outcome == OUTCOME_DONE || outcome == OUTCOME_FAULT) {
		load->bad_accepted++;
		bench_wrong(load->bench, "bad evidence of kind %d: %s: %s", (int)player->bad,
			outcome_name(outcome), player->why);
	}
	ended(load);
}

static void on_bad_connected(struct player *player, enum outcome outcome)
{
	if (outcome == OUTCOME_DONE)
		player_attest(player, on_bad);
	else
		ended(player->context);
}

static void send_bad(struct load *load)
{
	struct player *player = load->bad[load->bad_next++ % load->bad_count];
	if (player->done) /* still under way */
		return;
	player->bad = (enum badness)(1 + load->bad_sent++ % (BAD_KINDS - 1));
	load->in_flight++;
	if (player->conn.state == CONN_OPEN)
		player_attest(player, on_bad);
	else
		player_connect(player, on_bad_connected);
}

static bool send_one(struct load *load, uint64_t due)
{
	struct player *player = idle_take(load);
	if (!player)
		return false;
	load->in_flight++;
	player->started_us = due;
	player_attest(player, on_good);
	if (load->bad_every && ++load->sent % load->bad_every == 0)
		send_bad(load);
	return true;
}

/* ---- closed ---- */

static void next(struct load *load)
{
	while (load->in_flight < load->concurrency && send_one(load, now_us())) {
	}
}

/* ---- open ---- */

/* The oldest that is due. False: there is none, or nobody for it. */
static bool send_due(struct load *load)
{
	if (load->due_count == 0 || !send_one(load, load->due[load->due_first]))
		return false;
	load->due_first = (load->due_first + 1) % load->due_room;
	load->due_count--;
	return true;
}

static void on_due(void *arg)
{
	struct load *load = arg;
	uint64_t now = now_us();
	for (;;) {
		uint64_t at = load->start_us + (uint64_t)((double)load->made * 1e6 / load->rate);
		if (at >= load->end_us)
			return;
		if (at > now) {
			engine_at(&load->bench->engine, at, on_due, load);
			return;
		}
		load->made++;
		load->due[(load->due_first + load->due_count++) % load->due_room] = at;
		(void)send_due(load);
	}
}

static void stop_if_over(struct load *load)
{
	if (load->over && load->in_flight == 0 && load->due_count == 0)
		load->bench->engine.stop = true;
}

static void on_end(void *arg)
{
	struct load *load = arg;
	load->over = true;
	stop_if_over(load);
}

void load_run(struct load *load, double rate, double seconds)
{
	struct engine *engine = &load->bench->engine;
	load->rate = rate;
	load->over = false;
	load->made = 0;
	load->due_count = 0;
	load->start_us = now_us();
	load->end_us = load->start_us + (uint64_t)(seconds * 1e6);
	load->ms.count = 0;
	memset(load->outcomes, 0, sizeof(load->outcomes));
	engine_at(engine, load->end_us, on_end, load);
	if (rate > 0) {
		load->due_room = (size_t)(rate * seconds) + 2;
		load->due = realloc(load->due, load->due_room * sizeof(*load->due));
		load->due_first = 0;
		if (!load->due)
			abort();
		on_due(load);
	} else {
		next(load);
	}
	engine_run(engine, load->end_us + 60u * 1000000u);
	if (load->in_flight + load->due_count > 0)
		bench_wrong(
			load->bench, "%zu requests never ended", load->in_flight + load->due_count);
}
