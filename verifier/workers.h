/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A few threads that do what an event loop must not: appraise, sign, read the store.
 *
 * Work waits in a queue of its peer's, and the queues take turns: whoever asks for much waits behind himself, not before
 * others. Peers are told apart by a hash into a fixed number of queues, under a seed nobody else knows. No peer has all
 * threads, however much it asks for. Work that would wait longer than it may is refused at once, and work that has waited
 * longer is not run any more: load is shed, not piled up. Reserved work goes first, is never shed for waiting, and one
 * thread does nothing else.
 */
#ifndef ASSAY_VERIFIER_WORKERS_H
#define ASSAY_VERIFIER_WORKERS_H

#include "base/bytes.h"

#define WORKERS_MAX 64u

struct workers;
/* Lies inside whatever is to be worked on, so that queueing needs no memory and cannot fail for
 * want of it. */
struct work {
	struct work *next;
	void (*run)(struct work *work);
	/* Instead of run: it was queued and is given up. From any thread. */
	void (*shed)(struct work *work);
	uint64_t peer; /* whose it is: any number that is the same for the same peer */
	bool reserved;
	uint64_t queued_us; /* filled in: when it was submitted, monotonic */
	uint64_t waited_us; /* filled in before run: since then */
};

struct workers_options {
	unsigned
		count; /* 0: two per core, at least four; at most WORKERS_MAX. One more for reserved work */
	unsigned queue_max; /* of all peers together; a peer may have a quarter, at least two */
	unsigned wait_max_ms; /* in the queue; 0: without end */
	uint64_t seed; /* of the hash that tells peers apart */
};
/* Copies the options. ERR_NOMEM, or an errno of the threads. */
must_use bool workers_new(
	const struct workers_options *options, struct workers **ret, struct err *err);

enum work_refusal {
	WORK_TAKEN = 0,
	WORK_OVERLOADED, /* the service is behind */
	WORK_SHARE_FULL, /* this peer has enough waiting */
	WORK_CLOSING,
};
/* WORK_TAKEN, or why the work is not run; nothing is called of it then. */
must_use enum work_refusal workers_submit(struct workers *workers, struct work *work);
/* For what is already under way: goes first, whatever the queue's length. False only when the pool is closing. */
must_use bool workers_resubmit(struct workers *workers, struct work *work);

struct workers_state {
	unsigned threads, queued, running;
	uint64_t finished; /* since the start */
	uint64_t shed; /* refused or given up since the start */
};
void workers_look(struct workers *workers, struct workers_state *ret);

/* Runs what is queued, then joins: nothing is taken from then on, and whoever asks is told so. */
void workers_end(struct workers *workers);
/* The same, where it was not done yet; nobody may ask any more. */
void workers_free(struct workers **workers);

#endif
