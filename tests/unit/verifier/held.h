/* SPDX-License-Identifier: Apache-2.0 */
/* What moves while something is decided: the writer is held by a job until the request has read what
 * there is and waits behind it; the job then changes a row, and the request must not commit on what
 * it read. */
#ifndef ASSAY_TESTS_UNIT_VERIFIER_HELD_H
#define ASSAY_TESTS_UNIT_VERIFIER_HELD_H

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "tests/unit/verifier/world.h"

struct held {
	atomic_bool go, done;
	store_work change;
	void *arg;
};
static struct held held;

static inline bool held_work(struct store_tx *tx, void *arg, struct err *err)
{
	(void)arg;
	while (!atomic_load(&held.go))
		(void)usleep(1000);
	return held.change(tx, held.arg, err);
}

static inline void held_done(void *arg, const struct err *err)
{
	(void)arg;
	atomic_store(&held.done, err == NULL);
}

static inline void *let_go(void *arg)
{
	(void)arg;
	(void)usleep(500000);
	atomic_store(&held.go, true);
	return NULL;
}

static inline pthread_t hold(const struct world *w, store_work change, void *arg)
{
	pthread_t thread;
	atomic_store(&held.go, false);
	atomic_store(&held.done, false);
	held.change = change;
	held.arg = arg;
	store_submit(w->app->store, held_work, held_done, NULL);
	assert_int_equal(pthread_create(&thread, NULL, let_go, NULL), 0);
	return thread;
}

static inline void held_end(pthread_t thread)
{
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (int i = 0; i < 30000 && !atomic_load(&held.done); i++)
		(void)usleep(1000);
	assert_true(atomic_load(&held.done));
}

#endif
