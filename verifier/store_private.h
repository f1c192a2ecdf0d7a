/* SPDX-License-Identifier: Apache-2.0 */
/* What the store's files share. */
#ifndef ASSAY_VERIFIER_STORE_PRIVATE_H
#define ASSAY_VERIFIER_STORE_PRIVATE_H

#include "verifier/store.h"

#include <pthread.h>

#define STORE_WRITER_ID_LEN  16u
#define STORE_REFUSED_MS_MIN 100u
#define STORE_REFUSED_MS_MAX 5000u

struct store_job {
	struct store_job *next;
	store_work work;
	store_done done;
	void *arg;
	bool repeatable, failed;
	uint64_t queued_us;
	struct err err;
};

/* A database that does not answer is left alone for a while, so that nobody waits for it in vain. */
struct store_readers {
	pthread_mutex_t lock;
	uint64_t refused_until_ms; /* 0: it answered */
	uint64_t refused_ms; /* for how long */
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
	uint8_t writer_id[STORE_WRITER_ID_LEN]; /* of this store's row in writers */
	int64_t batch; /* the number of its last batch */
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

/* store_shared.c: what more than one writer needs; all true and done at once where the database is
 * one process's. */
/* This store's row among the writers. */
must_use bool store_shared_begin(struct store *store, struct err *err);
/* Inside a batch: its number is noted, and the epoch moved on from the one it began with, so that
 * two batches cannot both rest on one state. ERR_BUSY: another batch came between. */
must_use bool store_shared_note(struct store *store, struct store_tx *tx, struct err *err);
/* After a commit of which nothing is known: whether it happened, by a new connection. False: not known
 * yet either, or never will be (ERR_CONFIG). */
must_use bool store_shared_ask(struct store *store, bool *ret_committed, struct err *err);

#endif
