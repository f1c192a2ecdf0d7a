/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several verifiers on one database. Each has a row of its own among the writers, with the number of
 * its last batch: what is in that row after a commit whose answer was lost says whether it happened.
 * The epoch in the meta row counts the batches of all.
 */
#include "verifier/store_private.h"

#include "verifier/rows.h"

#define WRITER_SECONDS_MAX (INT64_C(30) * 86400) /* a row that nobody writes to any more */
#define WRITERS_KEPT       256 /* whatever the clock says: one that runs ahead ends nobody's work */

bool store_is_shared(const struct store *store)
{
	return store->ops->shared;
}

static struct sql_value id_of(const struct store *store)
{
	return sql_b(bytes_of(store->writer_id, sizeof(store->writer_id)));
}

static bool writer_insert(struct store_tx *tx, void *arg, struct err *err)
{
	struct store *store = arg;
	int64_t now = clock_wall(store->clock);
	return sql_exec(tx->sql,
		       "DELETE FROM writers WHERE seen<?1 AND id NOT IN (SELECT id FROM writers "
		       "ORDER BY seen DESC, id LIMIT ?2)",
		       SQL_ARGS(sql_i(now - WRITER_SECONDS_MAX), sql_i(WRITERS_KEPT)), NULL, err) &&
	       sql_exec(tx->sql, "INSERT INTO writers(id, batch, seen) VALUES(?1,0,?2)",
		       SQL_ARGS(id_of(store), sql_i(now)), NULL, err);
}

bool store_shared_begin(struct store *store, struct err *err)
{
	struct store_tx tx = {.sql = store->writer};
	if (!store->ops->shared)
		return true;
	if (!store->ops->begin(store->writer, err))
		return false;
	if (writer_insert(&tx, store, err))
		return store->ops->commit(store->writer, err);
	store->ops->rollback(store->writer);
	return false;
}

/* A silent verifier's row is taken away (writer_insert). */
bool store_shared_note(struct store *store, struct store_tx *tx, struct err *err)
{
	static const struct sql_fault gone = {
		ERR_STORE, "this verifier's row among the writers is gone: start it again"};
	static const struct sql_fault moved = {ERR_BUSY, "another verifier's batch came between"};
	if (!store->ops->shared)
		return true;
	store->batch++;
	return sql_change_one(tx->sql, "UPDATE writers SET batch=?2, seen=?3 WHERE id=?1",
		       SQL_ARGS(id_of(store), sql_i(store->batch), sql_i(clock_wall(store->clock))),
		       &gone, err) &&
	       sql_change_one(tx->sql, "UPDATE meta SET epoch=epoch+1 WHERE id=1 AND epoch=?1",
		       SQL_ARGS(sql_i(tx->epoch)), &moved, err);
}

/* The meta row is locked first: the transaction that is asked about held it, so that it has ended when
 * this one has it. */
static bool ask(struct store *store, struct sql *sql, bool *ret_committed, struct err *err)
{
	OWNED(sql_finish) struct sql_query *meta = NULL;
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(
		    sql, "SELECT epoch FROM meta WHERE id=1 FOR UPDATE", SQL_NO_ARGS, &meta, err) ||
		!sql_first(sql, "SELECT batch FROM writers WHERE id=?1", SQL_ARGS(id_of(store)), &q,
			err))
		return false;
	if (!q)
		return err_set(err, ERR_CONFIG, "this verifier's row among the writers is gone");
	*ret_committed = sql_int(q, 0) == store->batch;
	return true;
}

/* What this server shows as committed may be on no standby: the wait for one was cancelled, or the server
 * crashed in it. A commit of our own that a standby confirms says that all before it is there too. */
static bool confirm(struct store *store, struct sql *sql, struct err *err)
{
	return sql_exec(sql, "UPDATE writers SET seen=?2 WHERE id=?1",
		       SQL_ARGS(id_of(store), sql_i(clock_wall(store->clock))), NULL, err) &&
	       store->ops->commit(sql, err);
}

bool store_shared_ask(struct store *store, bool *ret_committed, struct err *err)
{
	struct sql *sql = NULL;
	bool committed = false;
	if (!store_connect(store, true, &sql, err))
		return false;
	bool ok = store->ops->begin(sql, err) && ask(store, sql, &committed, err) &&
		  (!committed || confirm(store, sql, err));
	if (!ok || !committed)
		store->ops->rollback(sql);
	sql_close(&sql);
	if (ok)
		*ret_committed = committed;
	return ok;
}

/* ---- the tree ---- */

static bool tree_get(struct sql *sql, struct store_tree *ret, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	struct tree_edge edge = {0};
	if (!sql_first(sql, "SELECT edge FROM meta WHERE id=1", SQL_NO_ARGS, &q, err))
		return false;
	if (!q)
		return err_set(err, ERR_STORE, "the database has no meta row");
	if (!tree_edge_decode(sql_bytes(q, 0), &edge, err) || !tree_root(&edge, ret->root, err))
		return false;
	ret->size = edge.size;
	return true;
}

static bool tree_read(struct store *store, struct store_tree *ret, struct err *err)
{
	struct sql *sql = NULL;
	if (!store_read(store, &sql, err))
		return false;
	bool ok = tree_get(sql, ret, err);
	store_read_done(store, &sql);
	return ok;
}

bool store_tree_of(struct store *store, struct sql *sql, struct store_tree *ret, struct err *err)
{
	if (store->ops->shared)
		return tree_get(sql, ret, err);
	store_tree(store, ret);
	return true;
}

void store_tree_known(struct store *store, struct store_tree *ret)
{
	(void)pthread_mutex_lock(&store->lock);
	*ret = store->tree;
	(void)pthread_mutex_unlock(&store->lock);
}

void store_tree(struct store *store, struct store_tree *ret)
{
	struct store_tree newest = {0};
	bool asked = store->ops->shared && tree_read(store, &newest, NULL);
	(void)pthread_mutex_lock(&store->lock);
	if (asked && newest.size >= store->tree.size)
		store->tree = newest;
	*ret = store->tree;
	(void)pthread_mutex_unlock(&store->lock);
}

/* ---- turns ---- */

struct turn {
	struct store *store;
	const char *name;
	int64_t seconds;
	bool mine;
};

static bool turn_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct turn *turn = arg;
	int64_t now = clock_wall(turn->store->clock), changes = 0;
	/* Until a time far ahead of us it was taken by a clock that went wrong. */
	if (!sql_exec(tx->sql,
		    "INSERT INTO turns(name, holder, until) VALUES(?1,?2,?3) ON CONFLICT(name) DO "
		    "UPDATE SET holder=excluded.holder, until=excluded.until WHERE turns.until<=?4 "
		    "OR turns.holder=excluded.holder OR turns.until>?5",
		    SQL_ARGS(sql_t(bytes_str(turn->name)), id_of(turn->store),
			    sql_i(now + turn->seconds), sql_i(now), sql_i(now + 2 * turn->seconds)),
		    &changes, err))
		return false;
	turn->mine = changes == 1;
	return true;
}

bool store_turn(
	struct store *store, const char *name, int64_t seconds, bool *ret_mine, struct err *err)
{
	struct turn turn = {.store = store, .name = name, .seconds = seconds};
	*ret_mine = true;
	if (!store->ops->shared)
		return true;
	*ret_mine = false;
	if (!store_run(store, turn_work, &turn, err))
		return err_wrap(err, "whose turn it is: %s", name);
	*ret_mine = turn.mine;
	return true;
}
