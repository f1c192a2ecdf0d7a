/* SPDX-License-Identifier: Apache-2.0 */
/* What the store's files share. */
#ifndef ASSAY_VERIFIER_STORE_PRIVATE_H
#define ASSAY_VERIFIER_STORE_PRIVATE_H

#include "verifier/store.h"

#include <pthread.h>

struct store_job {
	struct store_job *next;
	store_work work;
	store_done done;
	void *arg;
	bool repeatable, failed;
	uint64_t queued_us;
	struct err err;
};

struct store_readers {
	pthread_mutex_t lock;
	size_t idle_count;
	struct sql *idle[STORE_READERS_IDLE_MAX];
};

struct store {
	const struct sql_ops *ops;
	const struct clock *clock;
	bool (*seal)(void *arg, const struct store_tree *tree, struct buf *note, struct err *err);
	void *seal_arg;
	unsigned wait_max_ms;
	void (*observe)(void *arg, size_t jobs, uint64_t us, bool committed);
	void *observe_arg;
	char *location;
	struct vault *vault; /* every connection's */
	struct sql *writer; /* the writer thread's alone; NULL after a failed commit */
	struct store_readers readers;

	pthread_mutex_t lock; /* all below */
	pthread_cond_t wake;
	pthread_t thread;
	struct store_job *first, **last;
	size_t queued;
	uint64_t batches;
	bool ready, closing;
	struct store_tree tree;
	size_t log_pages, log_seen; /* written to the log since it was last copied; its size then */
	pthread_cond_t checkpoint_wake;
	pthread_t checkpointer;
	bool checkpoints; /* there is that thread */
};

/* A connection with the vault at hand. */
must_use bool store_connect(struct store *store, bool writer, struct sql **ret, struct err *err);
/* store_checkpoint.c; the note is the writer's, after each commit. */
#define STORE_CHECKPOINT_PAGES 1000u
must_use bool store_checkpoint_start(struct store *store, struct err *err);
void store_checkpoint_note(struct store *store);
void store_checkpoint_stop(struct store *store); /* once closing is set */
must_use bool store_writer_start(struct store *store, struct err *err);
void store_writer_stop(struct store *store);

#endif
