/* SPDX-License-Identifier: Apache-2.0 */
/* A few threads that do what an event loop must not: appraise, sign, read the store. */
#ifndef ASSAY_VERIFIER_WORKERS_H
#define ASSAY_VERIFIER_WORKERS_H

#include "base/bytes.h"

struct workers;
/* Lies inside whatever is to be worked on, so that queueing needs no memory and cannot fail for
 * want of it. */
struct work {
	struct work *next;
	void (*run)(struct work *work);
};

/* count 0: two per core, at least four. Work beyond queue_max is refused: load is shed, not piled
 * up. */
must_use bool workers_new(
	unsigned count, unsigned queue_max, struct workers **ret, struct err *err);
/* False when the queue is full or the pool is closing; the work is then not run. */
must_use bool workers_submit(struct workers *workers, struct work *work);
/* For what is already under way: goes to the front, whatever the queue's length. False only when
 * the pool is closing. */
must_use bool workers_resubmit(struct workers *workers, struct work *work);
/* Runs what is queued, then joins. */
void workers_free(struct workers **workers);

#endif
