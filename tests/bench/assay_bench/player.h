/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host of the bench: the software host of the tests, over an engine's connection. What a real one would have its TPM do
 * between two renewals (the next evidence) is done as soon as the answer to the last is there, so that a request is sent the
 * moment it is due.
 */
#ifndef ASSAY_TESTS_BENCH_PLAYER_H
#define ASSAY_TESTS_BENCH_PLAYER_H

#include "tests/bench/assay_bench/engine.h"
#include "tests/support/sw_host.h"

enum outcome {
	OUTCOME_NONE = 0,
	OUTCOME_DONE, /* enrolled, connected, trusted */
	OUTCOME_REFUSED, /* a verdict that is not trust, or a status that says the request is at fault */
	OUTCOME_BUSY, /* 429 or 503 */
	OUTCOME_LOST, /* no connection, or no answer on it */
	OUTCOME_FAULT, /* of the bench itself, or an answer that nothing explains: player->why */
	OUTCOMES
};
const char *outcome_name(enum outcome outcome);

/* What a bad host does, each of which must be refused. */
enum badness {
	BAD_NONE = 0,
	BAD_SIGNATURE, /* a bit of the quote's signature */
	BAD_PCRS, /* a quote over other PCR values than those sent */
	BAD_EXPORTER, /* evidence made for another connection */
	BAD_CHALLENGE, /* a challenge that the verifier did not make */
	BAD_RELEASE, /* a release that nobody published */
	BAD_CUT, /* half a message */
	BAD_KINDS
};

struct player;
typedef void (*player_done)(struct player *player, enum outcome outcome);

struct player {
	struct engine *engine;
	uint32_t source; /* of its connections */
	struct sw_host *host;
	struct sw_instance *instance;
	const struct sw_workload *workload;
	const char *audience;
	char *token; /* join token; NULL once used */
	struct cert *cert; /* the host's, once enrolled */
	struct conn conn;
	struct buf request; /* the next evidence, made for this connection; empty: not made */
	struct buf offer;
	struct enroll_offer enrolling; /* borrows from offer */
	enum badness bad; /* of the next evidence */
	enum outcome last; /* until player_done is called */
	player_done done, step; /* step: within player_settle */
	unsigned retry_after, tries;
	uint64_t started_us; /* the bench's: when what is under way was due */
	uint64_t settled_after; /* tries of player_settle in all */
	void *context; /* the bench's */
	size_t sent,
		received; /* bytes of the last evidence and of its answer, without HTTP and TLS */
	bool uncertain; /* evidence was sent, and what came of it is not known */
	char why[400];
};

must_use bool player_init(struct player *player, struct engine *engine, size_t number,
	const struct ek_ca *maker, const struct sw_workload *workload, struct err *err);
void player_release(struct player *player);

/* Each ends in `done`, later. One at a time. */
void player_enroll(struct player *player, player_done done); /* on a connection of its own */
void player_connect(struct player *player, player_done done); /* with the host's certificate */
void player_attest(struct player *player,
	player_done done); /* launch or renewal; asks for a challenge unless it has one */
/* Connects if need be, and attests until it is trusted or refused: busy and lost are tried again, after Retry-After or a
 * growing pause, with jitter. */
void player_settle(struct player *player, player_done done);
/* A new agent: its first evidence is a launch. */
must_use bool player_launch(struct player *player, struct err *err);

#endif
