/* SPDX-License-Identifier: Apache-2.0 */
/* The writer thread: group commit, and what happens when a commit fails. */
#include "verifier/rows.h"
#include "verifier/store_private.h"

#include "base/thread.h"

#include <stdlib.h>
#include <time.h>

#define WRITER_STACK    (512u << 10)
#define REOPEN_AFTER_MS 500

#define OUTCOME_EVERY_MS  200
#define OUTCOME_WITHIN_MS 30000u

/* ---- one batch ---- */

/* The edge is read back in every transaction: what is in the database counts, not what this process
 * remembers. */
static bool tx_open(struct store *store, struct store_tx *tx, struct err *err)
{
	static const char *const texts[] = {
		"SELECT edge, policy, policy_version, epoch FROM meta WHERE id=1",
		"SELECT edge, policy, policy_version, epoch FROM meta WHERE id=1 FOR UPDATE",
	};
	OWNED(sql_finish) struct sql_query *query = NULL;
	memset(tx, 0, sizeof(*tx));
	tx->sql = store->writer;
	if (!store->ops->begin(store->writer, err) ||
		!sql_first(tx->sql, texts[store->ops->shared], SQL_NO_ARGS, &query, err))
		return false;
	if (!query)
		return err_set(err, ERR_STORE, "the database has no meta row");
	tx->policy_version = sql_int(query, 2);
	tx->epoch = sql_int(query, 3);
	if (!sql_exact(query, 1, "policy digest", tx->policy, sizeof(tx->policy), err) ||
		!tree_edge_decode(sql_bytes(query, 0), &tx->edge, err))
		return false;
	tx->opened = tx->edge;
	return true;
}

/* Compare and set: whoever else has grown the ledger since this transaction read it, by a database
 * that isolates less than it should or by hand, is not written over. */
static bool edge_put(struct store_tx *tx, struct err *err)
{
	OWNED(buf_release) struct buf edge = {0};
	OWNED(buf_release) struct buf opened = {0};
	static const struct sql_fault grown = {
		ERR_CONFLICT, "the ledger is not the one that this transaction began with"};
	return tree_edge_encode(&tx->edge, &edge, err) &&
	       tree_edge_encode(&tx->opened, &opened, err) &&
	       sql_change_one(tx->sql, "UPDATE meta SET edge=?1 WHERE id=1 AND edge=?2",
		       SQL_ARGS(sql_b(buf_bytes(&edge)), sql_b(buf_bytes(&opened))), &grown, err);
}

/* The tree as it now is, and the note over it. */
static bool tree_put(struct store *store, struct store_tx *tx, struct err *err)
{
	OWNED(buf_release) struct buf note = {0};
	struct store_tree tree = {.size = tx->edge.size};
	if (!edge_put(tx, err))
		return false;
	return !store->seal || (tree_root(&tx->edge, tree.root, err) &&
				       store->seal(store->seal_arg, &tree, &note, err) &&
				       checkpoint_set(tx->sql, buf_bytes(&note), err));
}

static bool tx_commit(struct store *store, struct store_tx *tx, struct err *err)
{
	return (!tx->edge_changed || tree_put(store, tx, err)) &&
	       store_shared_note(store, tx, err) && store->ops->commit(tx->sql, err);
}

/* False: the whole transaction is lost. A job that merely failed is undone alone. */
static bool job_run(
	struct store *store, struct store_tx *tx, struct store_job *job, struct err *err)
{
	struct tree_edge edge = tx->edge;
	bool edge_changed = tx->edge_changed;
	if (job->failed)
		return true;
	if (!store->ops->savepoint(tx->sql, err))
		return false;
	if (job->work(tx, job->arg, &job->err) && store->ops->savepoint_keep(tx->sql, &job->err))
		return true;
	job->failed = true;
	tx->edge = edge;
	tx->edge_changed = edge_changed;
	if (!store->ops->in_transaction(tx->sql)) {
		if (err)
			*err = job->err;
		return false;
	}
	return store->ops->savepoint_undo(tx->sql, err);
}

/* A job without a savepoint that fails takes what others wrote along, unless there are none. */
static bool needs_savepoints(const struct store_job *batch)
{
	for (const struct store_job *job = batch; job; job = job->next)
		if (!job->repeatable)
			return batch->next != NULL;
	return false;
}

/* Whoever asked for it has been told meanwhile that there was no answer. */
static bool too_late(const struct store *store, const struct store_job *job)
{
	return store->wait_max_ms > 0 && job->queued_us > 0 &&
	       clock_now_us() - job->queued_us > (uint64_t)store->wait_max_ms * 1000;
}

static void late_refuse(const struct store *store, struct store_job *batch)
{
	for (struct store_job *job = batch; job; job = job->next)
		if (too_late(store, job)) {
			job->failed = true;
			(void)err_set(
				&job->err, ERR_BUSY, "the store is busy; nothing was decided");
		}
}

/* Whose it was that an error was not heard of before nobody knows, nor asks where there are others: they all run
 * again. NULL: there was none. */
static struct store_job *unsettled(
	struct store *store, struct store_job *batch, struct store_tx *tx)
{
	struct err why = {0};
	if (!store->ops->settle || store->ops->settle(tx->sql, &why))
		return NULL;
	while (batch->failed && batch->next)
		batch = batch->next;
	batch->err = why;
	return batch;
}

/* All of them, or *ret_failed is the first that failed. */
static bool batch_plain(struct store *store, struct store_job *batch, struct store_tx *tx,
	struct store_job **ret_failed, struct err *err)
{
	struct store_job *job = batch;
	*ret_failed = NULL;
	while (job && (job->failed || job->work(tx, job->arg, &job->err)))
		job = job->next;
	if (!job)
		job = unsettled(store, batch, tx);
	if (!job)
		return true;
	*ret_failed = job;
	if (store->ops->in_transaction(tx->sql))
		return true;
	job->failed = true;
	if (err)
		*err = job->err;
	return false;
}

/* Nothing of the transaction stays; the connection goes on. */
static bool tx_again(struct store *store, struct store_tx *tx, struct err *err)
{
	store->ops->rollback(tx->sql);
	return tx_open(store, tx, err);
}

static bool batch_guarded(
	struct store *store, struct store_job *batch, struct store_tx *tx, struct err *err)
{
	for (struct store_job *job = batch; job; job = job->next)
		if (!job_run(store, tx, job, err))
			return false;
	return true;
}

static bool batch_work(
	struct store *store, struct store_job *batch, struct store_tx *tx, struct err *err)
{
	struct store_job *failed = NULL;
	late_refuse(store, batch);
	if (needs_savepoints(batch))
		return batch_guarded(store, batch, tx, err);
	if (!batch_plain(store, batch, tx, &failed, err))
		return false;
	if (!failed)
		return true;
	if (!tx_again(store, tx, err))
		return false;
	failed->failed = !batch->next;
	if (failed->failed)
		return true;
	memset(&failed->err, 0, sizeof(failed->err));
	return batch_guarded(store, batch, tx, err);
}

static bool batch_run(
	struct store *store, struct store_job *batch, struct store_tx *tx, struct err *err)
{
	if (!store->writer && !store_connect(store, true, &store->writer, err))
		return false;
	return tx_open(store, tx, err) && batch_work(store, batch, tx, err) &&
	       tx_commit(store, tx, err);
}

/* What was destroyed is gone from the files before anybody is told, unless a reader is in the way:
 * then as soon as it is not. */
static void scrub(struct store *store)
{
	bool done = false;
	if (store->writer && store->writer->scrub &&
		store->ops->scrub(store->writer, false, &done, NULL))
		store->writer->scrub = !done;
}

static void publish(struct store *store, bool ready, const struct store_tx *tx)
{
	struct store_tree tree = {.size = tx->edge.size};
	bool rooted = ready && tree_root(&tx->edge, tree.root, NULL);
	(void)pthread_mutex_lock(&store->lock);
	store->ready = ready;
	store->batches++;
	if (rooted)
		store->tree = tree;
	(void)pthread_mutex_unlock(&store->lock);
}

static void batch_finish(struct store_job *batch, const struct err *failure)
{
	for (struct store_job *job = batch, *next; job; job = next) {
		next = job->next;
		const struct err *err = job->failed ? &job->err : failure;
		job->done(job->arg, err);
		free(job);
	}
}

static bool is_closing(struct store *store)
{
	(void)pthread_mutex_lock(&store->lock);
	bool closing = store->closing;
	(void)pthread_mutex_unlock(&store->lock);
	return closing;
}

static void pause_ms(long ms)
{
	const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	(void)nanosleep(&pause, NULL);
}

/* A commit was begun and not answered: its jobs wait for what the database says of it. Nobody is told
 * yes or no before; only where it stays away for long, or this store is closing, they are told that
 * nobody knows. */
static bool outcome_find(struct store *store, struct err *err)
{
	uint64_t until = clock_monotonic_ms(&clock_system) + OUTCOME_WITHIN_MS;
	struct err why = {0};
	bool committed = false;
	while (!store_shared_ask(store, &committed, &why)) {
		if (why.code == ERR_CONFIG || is_closing(store) ||
			clock_monotonic_ms(&clock_system) > until)
			return err_wrap(err, "it is not known whether this was stored");
		pause_ms(OUTCOME_EVERY_MS);
	}
	return committed;
}

static bool batch_commit(struct store *store, struct store_job *batch)
{
	struct store_tx tx = {0};
	struct err err = {0};
	uint64_t began = clock_now_us();
	size_t jobs = 0;
	for (const struct store_job *job = batch; job; job = job->next)
		jobs++;
	bool ok = batch_run(store, batch, &tx, &err), known = ok;
	if (!ok && store->writer) {
		bool unknown = store->ops->shared && store->writer->unknown;
		/* Whatever state that connection is in, it is not asked again: what a failed fsync
		 * left in its caches may differ from the disk. */
		store->ops->rollback(store->writer);
		sql_close(&store->writer);
		if (unknown) {
			publish(store, false, &tx);
			known = outcome_find(store, &err);
		}
	}
	scrub(store);
	store_checkpoint_note(store);
	publish(store, known, &tx);
	if (store->observe)
		store->observe(store->observe_arg, jobs, clock_now_us() - began, known);
	if (!known && err.code != ERR_NOMEM && err.code != ERR_BUSY)
		err.code = ERR_STORE;
	batch_finish(batch, known ? NULL : &err);
	return known;
}

/* ---- the thread ---- */

/* Waits for work. *ret_batch stays NULL when it is time to probe an unready store, or
 * to scrub once more. False: closing,
 * and nothing is left. */
static bool batch_take(struct store *store, struct store_job **ret_batch)
{
	size_t taken = 0;
	*ret_batch = NULL;
	struct timespec deadline = clock_deadline(REOPEN_AFTER_MS);
	(void)pthread_mutex_lock(&store->lock);
	int waited = 0;
	bool rests = store->ready && !(store->writer && store->writer->scrub);
	while (!store->first && !store->closing && waited == 0)
		waited = rests ? pthread_cond_wait(&store->wake, &store->lock)
			       : pthread_cond_timedwait(&store->wake, &store->lock, &deadline);
	bool more = store->first || !store->closing;
	struct store_job **end = &store->first;
	while (*end && taken < STORE_BATCH_MAX) {
		end = &(*end)->next;
		taken++;
	}
	if (taken > 0) {
		*ret_batch = store->first;
		store->first = *end;
		*end = NULL;
		if (!store->first)
			store->last = &store->first;
		store->queued -= taken;
	}
	(void)pthread_mutex_unlock(&store->lock);
	return more;
}

static bool probe_work(struct store_tx *tx, void *arg, struct err *err)
{
	(void)arg;
	return sql_exec(
		tx->sql, "UPDATE meta SET probe=probe+1 WHERE id=1", SQL_NO_ARGS, NULL, err);
}

static void probe_done(void *arg, const struct err *err)
{
	(void)arg;
	(void)err;
}

static void probe(struct store *store)
{
	struct store_job *job = calloc(1, sizeof(*job));
	if (!job)
		return;
	job->work = probe_work;
	job->done = probe_done;
	(void)batch_commit(store, job);
}

static void *writer_main(void *arg)
{
	struct store *store = arg;
	struct store_job *batch = NULL;
	while (batch_take(store, &batch)) {
		if (batch)
			(void)batch_commit(store, batch);
		else if (store_ready(store))
			scrub(store);
		else
			probe(store);
	}
	return NULL;
}

bool store_writer_start(struct store *store, struct err *err)
{
	probe(store);
	if (!store->ready)
		return err_set(err, ERR_STORE, "the database cannot be written");
	return thread_start(&store->thread, "writer", WRITER_STACK, writer_main, store, err);
}

void store_writer_stop(struct store *store)
{
	(void)pthread_mutex_lock(&store->lock);
	store->closing = true;
	(void)pthread_cond_signal(&store->wake);
	(void)pthread_mutex_unlock(&store->lock);
	(void)pthread_join(store->thread, NULL);
}

/* ---- submitting ---- */

static void submit(struct store *store, const struct store_job *wanted)
{
	struct err busy;
	struct store_job *job = calloc(1, sizeof(*job));
	if (!job) {
		(void)err_set(&busy, ERR_NOMEM, "store");
		wanted->done(wanted->arg, &busy);
		return;
	}
	*job = *wanted;
	job->queued_us = clock_now_us();
	(void)pthread_mutex_lock(&store->lock);
	bool taken = !store->closing && store->queued < STORE_QUEUE_MAX;
	if (taken) {
		*store->last = job;
		store->last = &job->next;
		store->queued++;
		(void)pthread_cond_signal(&store->wake);
	}
	(void)pthread_mutex_unlock(&store->lock);
	if (taken)
		return;
	free(job);
	(void)err_set(&busy, ERR_BUSY, "the store is busy");
	wanted->done(wanted->arg, &busy);
}

void store_submit(struct store *store, store_work work, store_done done, void *arg)
{
	submit(store, &(struct store_job){.work = work, .done = done, .arg = arg});
}

void store_submit_again(struct store *store, store_work work, store_done done, void *arg)
{
	submit(store,
		&(struct store_job){.work = work, .done = done, .arg = arg, .repeatable = true});
}

struct waiter {
	store_work work;
	void *arg;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool finished, ok;
	struct err err;
};

static bool waiter_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct waiter *waiter = arg;
	return waiter->work(tx, waiter->arg, err);
}

static void waiter_done(void *arg, const struct err *err)
{
	struct waiter *waiter = arg;
	(void)pthread_mutex_lock(&waiter->lock);
	waiter->finished = true;
	waiter->ok = !err;
	if (err)
		waiter->err = *err;
	(void)pthread_cond_signal(&waiter->wake);
	(void)pthread_mutex_unlock(&waiter->lock);
}

bool store_run(struct store *store, store_work work, void *arg, struct err *err)
{
	struct waiter waiter = {.work = work, .arg = arg};
	if (pthread_mutex_init(&waiter.lock, NULL) != 0 ||
		pthread_cond_init(&waiter.wake, NULL) != 0)
		return err_set(err, ERR_NOMEM, "store");
	store_submit(store, waiter_work, waiter_done, &waiter);
	(void)pthread_mutex_lock(&waiter.lock);
	while (!waiter.finished)
		(void)pthread_cond_wait(&waiter.wake, &waiter.lock);
	(void)pthread_mutex_unlock(&waiter.lock);
	(void)pthread_cond_destroy(&waiter.wake);
	(void)pthread_mutex_destroy(&waiter.lock);
	if (!waiter.ok && err)
		*err = waiter.err;
	return waiter.ok;
}
