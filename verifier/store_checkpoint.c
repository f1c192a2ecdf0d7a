/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is committed lies in the database's log until it is copied to its place, and copying syncs. A thread of its own does it
 * beside the writer, so that decisions do not wait for it. The writer still copies where this thread has fallen far behind,
 * or where a reader stood in its way: the log stays bounded.
 */
#include "verifier/store_private.h"

#include "base/thread.h"

static bool due(const struct store *store)
{
	return store->log_pages >= STORE_CHECKPOINT_PAGES;
}

/* False: the store is closing. */
static bool wait_for_work(struct store *store)
{
	(void)pthread_mutex_lock(&store->lock);
	while (!store->closing && !due(store))
		(void)pthread_cond_wait(&store->checkpoint_wake, &store->lock);
	bool goes_on = !store->closing;
	store->log_pages = 0;
	(void)pthread_mutex_unlock(&store->lock);
	return goes_on;
}

/* A fault is the writer's to find: it meets the same disk. */
static void *checkpoint_main(void *arg)
{
	struct store *store = arg;
	while (wait_for_work(store)) {
		struct sql *sql = NULL;
		bool ok = store_read(store, &sql, NULL) && store->ops->checkpoint(sql, NULL);
		if (ok)
			store_read_done(store, &sql);
		else
			sql_close(&sql);
	}
	return NULL;
}

void store_checkpoint_note(struct store *store)
{
	size_t pages = store->writer ? store->writer->log_pages : 0;
	(void)pthread_mutex_lock(&store->lock);
	/* The log begins anew once all of it is copied. */
	store->log_pages += pages >= store->log_seen ? pages - store->log_seen : pages;
	store->log_seen = pages;
	if (due(store))
		(void)pthread_cond_signal(&store->checkpoint_wake);
	(void)pthread_mutex_unlock(&store->lock);
}

bool store_checkpoint_start(struct store *store, struct err *err)
{
	if (!store->ops->checkpoint)
		return true;
	store->checkpoints =
		thread_start(&store->checkpointer, "checkpoint", 0, checkpoint_main, store, err);
	return store->checkpoints;
}

void store_checkpoint_stop(struct store *store)
{
	if (!store->checkpoints)
		return;
	(void)pthread_mutex_lock(&store->lock);
	(void)pthread_cond_signal(&store->checkpoint_wake);
	(void)pthread_mutex_unlock(&store->lock);
	(void)pthread_join(store->checkpointer, NULL);
	store->checkpoints = false;
}
