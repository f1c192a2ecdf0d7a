/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues that take turns: one for each of FAIR_FLOWS hashes of a peer. Not locked, nothing is allocated. Private to workers.c
 * and its tests.
 */
#ifndef ASSAY_VERIFIER_FAIR_H
#define ASSAY_VERIFIER_FAIR_H

#include "verifier/workers.h"

#define FAIR_FLOWS 1024u /* a power of two */

struct fair_flow {
	struct work *first, **last;
	unsigned length;
	unsigned running; /* taken and not yet finished */
	struct fair_flow *next; /* in the round; while length > 0 */
};
struct fair_queue {
	struct fair_flow flows[FAIR_FLOWS];
	struct fair_flow *first, **last; /* whose turn it is, and after him */
	unsigned length, active; /* works; flows in the round */
	uint64_t seed;
};

void fair_init(struct fair_queue *queue, uint64_t seed);
struct fair_flow *fair_flow_of(struct fair_queue *queue, uint64_t peer);
/* At the end of its peer's queue. */
void fair_put(struct fair_queue *queue, struct work *work);
/* The next in turn of a peer with less than running_max at work, and counts it as running; NULL when there is none. */
struct work *fair_take(struct fair_queue *queue, unsigned running_max);
/* What fair_take gave is done. */
void fair_done(struct fair_queue *queue, uint64_t peer);
/* Takes out the oldest work of the peer who has the most waiting, if that is more than `than`; NULL otherwise. */
struct work *fair_evict(struct fair_queue *queue, unsigned than);
/* How many works run before one that this peer would add now. */
unsigned fair_ahead(struct fair_queue *queue, uint64_t peer);

#endif
