/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: state, ledger leaves and records, durable before they are acknowledged.
 *
 * Writing: jobs are queued to one writer thread, which runs as many as are waiting inside one
 * transaction, each in a savepoint of its own or as if it were, and commits once (group commit). A job's completion
 * is called after the commit that made it durable, or with an error when it was not: then nothing
 * of it is stored. Jobs of one batch see each other's writes, in order, so jobs are serialisable.
 *
 * Several stores, in several processes, may be at work on one database where it allows that
 * (sql.shared): their batches follow one another as if there were one writer.
 *
 * After a commit that failed nothing of the batch is acknowledged, the connection is closed, and
 * the store is not ready until a write has worked on a new one. A commit whose answer was lost is
 * asked after on a new connection, and its jobs end as it did.
 *
 * Reading: connections of their own from a small pool; each read sees everything acknowledged
 * before it began.
 */
#ifndef ASSAY_VERIFIER_STORE_H
#define ASSAY_VERIFIER_STORE_H

#include "base/time.h"
#include "crypto/key.h"
#include "ledger/ledger.h"
#include "verifier/sql.h"

#define STORE_BATCH_MAX        256u
#define STORE_QUEUE_MAX        4096u
#define STORE_READERS_IDLE_MAX 8u

struct store;

/* The ledger's tree. */
struct store_tree {
	uint64_t size;
	uint8_t root[SHA256_LEN];
};

struct store_config {
	const struct sql_ops *ops;
	const char *location; /* path of the database, or its URI */
	const struct clock *clock;
	struct random *random;
	struct key *content_key; /* opens the keys of what is sealed; asked at the opening alone */
	/* On the writer's thread, inside the transaction that grew the ledger: appends the signed
	 * note over the tree. NULL: nothing is signed. */
	bool (*seal)(void *arg, const struct store_tree *tree, struct buf *note, struct err *err);
	void *seal_arg;
	/* A job that has waited longer for its transaction is refused with ERR_BUSY and not run; 0: without end. */
	unsigned wait_max_ms;
	/* On the writer's thread after each transaction: jobs in it, microseconds it took. NULL: nobody counts. */
	void (*observe)(void *arg, size_t jobs, uint64_t us, bool committed);
	void *observe_arg;
};
/* Makes or migrates the schema, opens the keys of contents, seals what is in clear and starts the
 * writer. A schema newer than this program is refused. ERR_CONFIG: not the content key that this
 * database wants. */
must_use bool store_open(const struct store_config *config, struct store **ret, struct err *err);
/* Runs what is queued, commits, stops. */
void store_close(struct store **store);
/* The last write worked. */
bool store_ready(struct store *store);

/* For what is sealed ahead of its job (leaf_seal). */
struct vault *store_vault(struct store *store);
struct store_state {
	size_t queued; /* jobs that wait for the writer */
	uint64_t batches; /* transactions tried since the opening */
};
void store_look(struct store *store, struct store_state *ret);

/* As of the last commit, anybody's: where others write the same database, it is asked; while it does
 * not answer, this store's own last one. */
void store_tree(struct store *store, struct store_tree *ret);
/* As this store last knew it: at least as of its own last commit. Asks nobody. */
void store_tree_known(struct store *store, struct store_tree *ret);
/* The tree that a reader's snapshot is of, where others write the same database; else as store_tree. */
must_use bool store_tree_of(
	struct store *store, struct sql *sql, struct store_tree *ret, struct err *err);
/* Others may write the same database. */
bool store_is_shared(const struct store *store);
/* What one of several verifiers does at a time: *ret_mine says whether it is this one's turn now, and
 * for `seconds` from now it is nobody else's. Not from the writer's own thread. */
must_use bool store_turn(
	struct store *store, const char *name, int64_t seconds, bool *ret_mine, struct err *err);

/* Inside a job. */
struct store_tx {
	struct sql *sql;
	struct tree_edge edge;
	bool edge_changed;
	struct tree_edge opened; /* the edge that the transaction found */
	uint8_t policy[SHA256_LEN]; /* digest of the policy in force; zeros: none yet */
	int64_t policy_version;
	int64_t epoch; /* as the transaction found it; only where others may write */
};
/* False with err: the job's writes are undone, the others of its batch are not. */
typedef bool (*store_work)(struct store_tx *tx, void *arg, struct err *err);
/* On the writer's thread, so it must be short; err is NULL when the job is durable. */
typedef void (*store_done)(void *arg, const struct err *err);

/* Never fails: with a full queue or a closing store `done` is called at once with ERR_BUSY. */
void store_submit(struct store *store, store_work work, store_done done, void *arg);
/* The same for work that may run more than once before `done`: what it changes outside of the transaction it sets
 * anew each time. Jobs that are all so share a transaction without a savepoint each, which costs them as much as
 * another row; when one of them fails, the batch begins anew with savepoints. */
void store_submit_again(struct store *store, store_work work, store_done done, void *arg);
/* Submits and waits. Not from the writer's own thread. */
must_use bool store_run(struct store *store, store_work work, void *arg, struct err *err);

/* A reading connection for this thread until it is given back. ERR_STORE. */
must_use bool store_read(struct store *store, struct sql **ret, struct err *err);
/* The same, and all that is read until then is of one moment; for a few rows, since what is written meanwhile has to wait in
 * the database's log. */
must_use bool store_read_snapshot(struct store *store, struct sql **ret, struct err *err);
void store_read_done(struct store *store, struct sql **sql);

/* store_schema.c: brings a database to this program's schema, step by step, inside one transaction. */
must_use bool store_migrate(struct sql *sql, struct err *err);
int store_schema_version(void);

#endif
