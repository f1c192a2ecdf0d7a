/* SPDX-License-Identifier: Apache-2.0 */
/* The PostgreSQL side of the database seam: connections and transactions. */
#include "verifier/sql_postgres.h"

#include "verifier/sql_postgres_text.h"

#include <poll.h>
#include <stdlib.h>

/* Writers stand in line here, so that none finds at its commit that it worked for nothing. What makes
 * it right is the edge and the epoch of the meta row (store_writer.c); where the lock does nothing,
 * batches are lost and tried again. Held by the session and not by the transaction: a transaction
 * sees the database as it is when it takes the lock's place in line, not when it joined the line. */
#define LINE PG_LOCK("1096970081")

/* Refuses, with the words that it is given: immutable rows. */
#define PRELUDE                                                                                    \
	"CREATE TABLE schema_version(id bigint PRIMARY KEY CHECK(id=1), version bigint NOT "       \
	"NULL);"                                                                                   \
	"INSERT INTO schema_version(id, version) VALUES(1, 0);"                                    \
	"CREATE FUNCTION assay_refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE "        \
	"EXCEPTION USING ERRCODE='integrity_constraint_violation', MESSAGE=TG_ARGV[0]; END$$;"

/* A warning while a commit is under way says that it was not carried as far as it should be: that
 * waiting for a standby was given up (PostgreSQL 15, syncrep.c), after which COMMIT "succeeds". */
static void notice(void *arg, const PGresult *result)
{
	struct pg *self = arg;
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
	if (self->committing && severity && strcmp(severity, "WARNING") == 0)
		self->warned = true;
}

static void pg_close(struct sql *sql)
{
	struct pg *self = pg_of(sql);
	pg_asked_drop(self);
	PQfinish(self->connection);
	free(self->location);
	free(self);
}

static bool connection_open(struct pg *self, struct err *err)
{
	pg_forget(self);
	PQfinish(self->connection);
	self->connection = NULL;
	if (!pg_connect(self->location, &self->connection, err))
		return false;
	(void)PQsetNoticeReceiver(self->connection, notice, self);
	return pg_session(self, err);
}

static bool pg_open(const char *location, bool writer, struct sql **ret, struct err *err)
{
	char place[SQL_PLACE_MAX];
	struct pg *self = calloc(1, sizeof(*self));
	if (!self)
		return err_set(err, ERR_NOMEM, "database connection");
	self->base.ops = &sql_postgres;
	self->writer = writer;
	self->location = bytes_strdup(bytes_str(location));
	if (self->location ? connection_open(self, err)
			   : err_set(err, ERR_NOMEM, "database connection")) {
		*ret = &self->base;
		return true;
	}
	pg_close(&self->base);
	return err_wrap(err, "%s", sql_place(location, place));
}

/* A server that has gone away says so, or closes: then there is something to read on a connection that
 * nobody has asked anything, or after what answers the end of a snapshot. */
static bool pg_usable(struct sql *sql)
{
	struct pg *self = pg_of(sql);
	struct pollfd fd = {.fd = PQsocket(self->connection), .events = POLLIN};
	bool settled = self->pending_count == 0 || !self->pending[self->pending_count - 1].text;
	if (PQstatus(self->connection) != CONNECTION_OK || !settled)
		return false;
	return poll(&fd, 1, 0) == 0 ||
	       (PQconsumeInput(self->connection) == 1 &&
		       PQstatus(self->connection) == CONNECTION_OK && poll(&fd, 1, 0) == 0);
}

static bool pg_script(struct sql *sql, const char *text, struct err *err)
{
	OWNED(buf_release) struct buf translated = {0};
	return postgres_text(text, true, &translated, err) && buf_str(&translated) &&
	       pg_direct(pg_of(sql), buf_str(&translated), err);
}

static bool pg_version(struct sql *sql, int64_t *ret, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(
		    sql, "SELECT to_regclass('schema_version') IS NOT NULL", SQL_NO_ARGS, &q, err))
		return false;
	bool there = q && sql_int(q, 0) != 0;
	sql_finish(&q);
	*ret = 0;
	if (!there)
		return pg_direct(pg_of(sql), PRELUDE, err);
	if (!sql_first(sql, "SELECT version FROM schema_version WHERE id=1", SQL_NO_ARGS, &q, err))
		return false;
	*ret = q ? sql_int(q, 0) : 0;
	return true;
}

static bool pg_version_set(struct sql *sql, int64_t version, struct err *err)
{
	return sql_exec(sql, "UPDATE schema_version SET version=?1 WHERE id=1",
		SQL_ARGS(sql_i(version)), NULL, err);
}

static bool pg_alone(struct sql *sql, bool *ret, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql, "SELECT pg_try_advisory_lock" PG_PRESENT, SQL_NO_ARGS, &q, err))
		return false;
	*ret = q && sql_int(q, 0) != 0;
	return true;
}

/* ---- transactions ---- */

static bool pg_begin(struct sql *sql, struct err *err)
{
	struct pg *self = pg_of(sql);
	bool ok = pg_send(self, "SELECT pg_advisory_lock" LINE, SQL_NO_ARGS, err) &&
		  pg_point(self, err) &&
		  pg_send(self, "BEGIN ISOLATION LEVEL REPEATABLE READ", SQL_NO_ARGS, err);
	self->in_transaction = ok;
	return ok;
}

/* The answer to COMMIT that says it was done. In a transaction that has failed it is ROLLBACK. */
static bool is_commit(PGresult *result)
{
	return result && strcmp(PQcmdStatus(result), "COMMIT") == 0;
}

/* Whatever is not a plain refusal leaves open what happened: a connection lost, a server going down,
 * a standby not waited for. */
static bool commit_failed(struct pg *self, const struct err *why, struct err *err)
{
	bool refused = PQstatus(self->connection) == CONNECTION_OK && !self->warned &&
		       (why->code == ERR_CONFLICT || why->code == ERR_BUSY);
	self->base.unknown = !refused;
	if (err)
		*err = *why;
	return false;
}

/* Who stands in line next need not wait until it is asked for: the line is left in the same breath.
 * When that fails, so does the connection, and leaves it likewise. */
static bool pg_commit(struct sql *sql, struct err *err)
{
	struct pg *self = pg_of(sql);
	struct err why = {0};
	PGresult *result = NULL;
	/* Given up while it waits for a standby, COMMIT would say that it was done. */
	if (!pg_sync(self, err) ||
		!pg_send(self, "SET LOCAL statement_timeout=0", SQL_NO_ARGS, err) ||
		!pg_send(self, "COMMIT", SQL_NO_ARGS, err))
		return false;
	self->committing = true;
	self->warned = false;
	pg_keep(self, &result);
	(void)(pg_point(self, &why) &&
		pg_send(self, "SELECT pg_advisory_unlock" LINE, SQL_NO_ARGS, &why));
	(void)pg_sync(self, &why);
	bool answered = result != NULL, done = is_commit(result);
	PQclear(result);
	self->committing = self->in_transaction = self->doomed = false;
	if (self->warned)
		(void)err_set(&why, ERR_STORE,
			"database: the server gave up waiting for its standby at COMMIT");
	if (done && !self->warned)
		return true;
	if (answered && !done)
		return err_set(err, ERR_STORE, "database: the transaction had failed before");
	return commit_failed(self, &why, err);
}

static void pg_rollback(struct sql *sql)
{
	struct pg *self = pg_of(sql);
	(void)pg_sync(self, NULL);
	self->in_transaction = self->doomed = false;
	if (PQstatus(self->connection) == CONNECTION_OK && !pg_do(self, "ROLLBACK", NULL))
		return; /* it ended with the connection */
	(void)pg_do(self, "SELECT pg_advisory_unlock" LINE, NULL);
}

static bool pg_savepoint(struct sql *sql, struct err *err)
{
	return pg_send(pg_of(sql), "SAVEPOINT job", SQL_NO_ARGS, err);
}

static bool pg_savepoint_keep(struct sql *sql, struct err *err)
{
	struct pg *self = pg_of(sql);
	/* First all of it has to hold: what has been released cannot be undone alone. */
	return pg_sync(self, err) && pg_send(self, "RELEASE job", SQL_NO_ARGS, err);
}

static bool pg_savepoint_undo(struct sql *sql, struct err *err)
{
	struct pg *self = pg_of(sql);
	(void)pg_sync(self, NULL); /* what failed is being undone */
	self->doomed = false;
	return pg_send(self, "ROLLBACK TO job", SQL_NO_ARGS, err) &&
	       pg_send(self, "RELEASE job", SQL_NO_ARGS, err) && pg_sync(self, err);
}

static bool pg_in_transaction(const struct sql *sql)
{
	const struct pg *self = (const struct pg *)sql;
	return self->in_transaction && PQstatus(self->connection) == CONNECTION_OK;
}

static bool pg_settle(struct sql *sql, struct err *err)
{
	return pg_sync(pg_of(sql), err);
}

static int64_t pg_changes(const struct sql *sql)
{
	return ((const struct pg *)sql)->changes;
}

/* Where contents and their keys are. */
#define HELD                                                                                       \
	"leaves, data_keys, objects, leaf_contents, record_contents, clear_objects, "              \
	"clear_leaves, "                                                                           \
	"content_keys"

/* Overwritten and deleted rows lie in the tables until they are vacuumed, and in the write-ahead log,
 * its archive and every backup for as long as those are kept: docs/operations.md says what to do
 * about that. */
static bool pg_scrub(struct sql *sql, bool whole, bool *ret_done, struct err *err)
{
	static const char *const texts[] = {
		"VACUUM " HELD,
		"VACUUM FULL " HELD,
	};
	struct pg *self = pg_of(sql);
	*ret_done =
		pg_do(self, "SET statement_timeout=0", err) && pg_direct(self, texts[whole], err);
	return pg_do(self, "SET statement_timeout='30s'", *ret_done ? err : NULL) && *ret_done;
}

const struct sql_ops sql_postgres = {
	.shared = true,
	.open = pg_open,
	.close = pg_close,
	.script = pg_script,
	.version = pg_version,
	.version_set = pg_version_set,
	.alone = pg_alone,
	.usable = pg_usable,
	.begin = pg_begin,
	.commit = pg_commit,
	.rollback = pg_rollback,
	.savepoint = pg_savepoint,
	.savepoint_keep = pg_savepoint_keep,
	.savepoint_undo = pg_savepoint_undo,
	.in_transaction = pg_in_transaction,
	.start = pg_start,
	.next = pg_next,
	.column_int = pg_column_int,
	.column_bytes = pg_column_bytes,
	.finish = pg_finish,
	.exec = pg_exec,
	.ask = pg_ask,
	.settle = pg_settle,
	.changes = pg_changes,
	.scrub = pg_scrub,
};
