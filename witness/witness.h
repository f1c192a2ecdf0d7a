/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A witness of transparency logs (C2SP tlog-witness v1.0.0): it remembers the last tree it saw of
 * each log it knows, cosigns only trees that contain that one, and keeps both sides of a fork.
 *
 * Its state is a directory, a directory for each log below it (hex of SHA-256 of the origin):
 *	checkpoint	the last one cosigned, with this witness's cosignature
 *	fork-SIZE-a, -b	two checkpoints of one size that this log signed: proof that it lies
 */
#ifndef ASSAY_WITNESS_WITNESS_H
#define ASSAY_WITNESS_WITNESS_H

#include "base/log.h"
#include "base/time.h"
#include "ledger/tlog_policy.h"

#define WITNESS_BODY_MAX (NOTE_MAX + 4096)

struct witness;

struct witness_config {
	const struct tlog_policy *policy; /* its logs are the ones served; borrowed */
	const struct note_key *cosigner; /* with its private key; borrowed */
	const char *directory; /* made if it is not there */
	const struct clock *clock;
	const struct log *log;
};
/* Reads the state. ERR_STORE when a state is there that this witness did not sign, ERR_BUSY when
 * another one works on the directory, ERR_USAGE when there is no log to witness. */
must_use bool witness_open(
	const struct witness_config *config, struct witness **ret, struct err *err);
void witness_close(struct witness **witness); /* cleanup; NULL is fine */

struct witness_reply {
	int status;
	const char *type; /* of the body */
	struct buf body;
};
void witness_reply_release(struct witness_reply *reply);
/* POST add-checkpoint; from any thread. What is answered with 200 is durable. Anything that is this
 * machine's fault is answered with 500 and logged. */
void witness_add(struct witness *witness, struct bytes body, struct witness_reply *ret);
/* GET <hex of SHA-256 of the origin>/checkpoint: the last one cosigned. */
void witness_latest(struct witness *witness, const char *origin_hex, struct witness_reply *ret);

#endif
