/* SPDX-License-Identifier: Apache-2.0 */
/* The SQLite side of the database seam. */
#include "verifier/sql.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#define STATEMENTS_MAX  192u
#define BUSY_TIMEOUT_MS 5000
/* Then the writer copies the log itself (store_checkpoint.c does it before that). */
#define LOG_PAGES_MAX 8000
/* A statement that is open twice at once (two readers of one text) gets a second, uncached one. */

struct sqlite_query {
	struct sql_query base;
	sqlite3_stmt *statement;
	const char *text;
	bool cached, busy;
};

struct sqlite {
	struct sql base;
	sqlite3 *db;
	size_t count;
	struct sqlite_query *cache[STATEMENTS_MAX];
};

static struct sqlite *sqlite_of(struct sql *sql)
{
	return (struct sqlite *)sql;
}

static struct sqlite_query *query_of(struct sql_query *query)
{
	return (struct sqlite_query *)query;
}

static bool fail(sqlite3 *db, int code, const char *what, struct err *err)
{
	enum err_code mapped = ERR_STORE;
	if ((code & 0xff) == SQLITE_CONSTRAINT)
		mapped = ERR_CONFLICT;
	else if ((code & 0xff) == SQLITE_NOMEM)
		mapped = ERR_NOMEM;
	return err_set(err, mapped, "%s: %s (%d)", what,
		db ? sqlite3_errmsg(db) : sqlite3_errstr(code), code);
}

static void query_free(struct sqlite_query *query)
{
	(void)sqlite3_finalize(query->statement);
	free(query);
}

static void sqlite_close(struct sql *sql)
{
	struct sqlite *self = sqlite_of(sql);
	for (size_t i = 0; i < self->count; i++)
		query_free(self->cache[i]);
	(void)sqlite3_close_v2(self->db);
	free(self);
}

static bool sqlite_script(struct sql *sql, const char *text, struct err *err)
{
	struct sqlite *self = sqlite_of(sql);
	int code = sqlite3_exec(self->db, text, NULL, NULL, NULL);
	return code == SQLITE_OK ? true : fail(self->db, code, "database", err);
}

/* After each commit, on its thread. What it answers is the commit's own answer, so that a failure to copy is none. */
static int on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct sqlite *self = arg;
	self->base.log_pages = pages > 0 ? (size_t)pages : 0;
	if (pages >= LOG_PAGES_MAX)
		(void)sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return SQLITE_OK;
}

static bool sqlite_open(const char *location, bool writer, struct sql **ret, struct err *err)
{
	/* Small caches: the operating system's page cache is the cache, and an idle service stays
	 * small. Readers are kept from writing by the mode they are opened in; query_only says so
	 * again. */
	static const char *const settings[] = {
		"PRAGMA cache_size=-256; PRAGMA query_only=ON; PRAGMA temp_store=MEMORY;",
		"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
		"PRAGMA cache_size=-8192; PRAGMA temp_store=MEMORY;"
		"PRAGMA trusted_schema=OFF; PRAGMA secure_delete=ON;",
	};
	struct sqlite *self = calloc(1, sizeof(*self));
	if (!self)
		return err_set(err, ERR_NOMEM, "database connection");
	self->base.ops = &sql_sqlite;
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE | (writer ? SQLITE_OPEN_CREATE : 0);
	int code = sqlite3_open_v2(location, &self->db, flags, NULL);
	if (code != SQLITE_OK) {
		(void)fail(self->db, code, location, err);
		sqlite_close(&self->base);
		return false;
	}
	(void)sqlite3_extended_result_codes(self->db, 1);
	(void)sqlite3_busy_timeout(self->db, BUSY_TIMEOUT_MS);
	(void)sqlite3_db_config(self->db, SQLITE_DBCONFIG_LOOKASIDE, NULL, 256, 64);
	(void)sqlite3_db_config(self->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (!sqlite_script(&self->base, settings[writer], err)) {
		sqlite_close(&self->base);
		return err_wrap(err, "%s", location);
	}
	if (writer)
		(void)sqlite3_wal_hook(self->db, on_commit, self);
	*ret = &self->base;
	return true;
}

static bool sqlite_version(struct sql *sql, int64_t *ret, struct err *err)
{
	OWNED(sql_finish) struct sql_query *query = NULL;
	if (!sql_first(sql, "PRAGMA user_version", SQL_NO_ARGS, &query, err))
		return false;
	*ret = query ? sql_int(query, 0) : 0;
	return true;
}

static bool sqlite_version_set(struct sql *sql, int64_t version, struct err *err)
{
	char pragma[48];
	(void)snprintf(pragma, sizeof(pragma), "PRAGMA user_version=%lld", (long long)version);
	return sqlite_script(sql, pragma, err);
}

static bool sqlite_begin(struct sql *sql, struct err *err)
{
	return sql_exec(sql, "BEGIN IMMEDIATE", SQL_NO_ARGS, NULL, err);
}

static bool sqlite_commit(struct sql *sql, struct err *err)
{
	return sql_exec(sql, "COMMIT", SQL_NO_ARGS, NULL, err);
}

static bool sqlite_in_transaction(const struct sql *sql)
{
	return sqlite3_get_autocommit(((const struct sqlite *)sql)->db) == 0;
}

static void sqlite_rollback(struct sql *sql)
{
	if (sqlite_in_transaction(sql) && !sql_exec(sql, "ROLLBACK", SQL_NO_ARGS, NULL, NULL))
		return; /* the error ended the transaction before us */
}

static bool sqlite_savepoint(struct sql *sql, struct err *err)
{
	return sql_exec(sql, "SAVEPOINT job", SQL_NO_ARGS, NULL, err);
}

static bool sqlite_savepoint_keep(struct sql *sql, struct err *err)
{
	return sql_exec(sql, "RELEASE job", SQL_NO_ARGS, NULL, err);
}

static bool sqlite_savepoint_undo(struct sql *sql, struct err *err)
{
	return sql_exec(sql, "ROLLBACK TO job", SQL_NO_ARGS, NULL, err) &&
	       sql_exec(sql, "RELEASE job", SQL_NO_ARGS, NULL, err);
}

/* The cached statement of a text, if it is free. */
static struct sqlite_query *cache_find(struct sqlite *self, const char *text)
{
	for (size_t i = 0; i < self->count; i++)
		if (self->cache[i]->text == text && !self->cache[i]->busy)
			return self->cache[i];
	return NULL;
}

static bool prepare(
	struct sqlite *self, const char *text, struct sqlite_query **ret, struct err *err)
{
	struct sqlite_query *query = cache_find(self, text);
	if (!query) {
		query = calloc(1, sizeof(*query));
		if (!query)
			return err_set(err, ERR_NOMEM, "database statement");
		query->base.sql = &self->base;
		query->text = text;
		int code = sqlite3_prepare_v3(
			self->db, text, -1, SQLITE_PREPARE_PERSISTENT, &query->statement, NULL);
		if (code != SQLITE_OK) {
			query_free(query);
			return fail(self->db, code, text, err);
		}
		if (self->count < STATEMENTS_MAX) {
			query->cached = true;
			self->cache[self->count++] = query;
		}
	}
	query->busy = true;
	*ret = query;
	return true;
}

static int bind(sqlite3_stmt *statement, int at, const struct sql_value *value)
{
	/* A NULL pointer would bind NULL; an empty value is not NULL. */
	const void *data = value->bytes.data ? (const void *)value->bytes.data : "";
	switch (value->kind) {
	case SQL_INT:
		return sqlite3_bind_int64(statement, at, value->number);
	case SQL_BLOB:
		return sqlite3_bind_blob64(statement, at, data, value->bytes.len, SQLITE_STATIC);
	case SQL_TEXT:
		return sqlite3_bind_text64(
			statement, at, data, value->bytes.len, SQLITE_STATIC, SQLITE_UTF8);
	case SQL_NULL:
		break;
	}
	return sqlite3_bind_null(statement, at);
}

static void sqlite_finish(struct sql_query *base)
{
	struct sqlite_query *query = query_of(base);
	(void)sqlite3_reset(query->statement);
	(void)sqlite3_clear_bindings(query->statement);
	query->busy = false;
	if (!query->cached)
		query_free(query);
}

static bool sqlite_start(struct sql *sql, const char *text, const struct sql_value *args, size_t n,
	struct sql_query **ret, struct err *err)
{
	struct sqlite *self = sqlite_of(sql);
	struct sqlite_query *query = NULL;
	if (!prepare(self, text, &query, err))
		return false;
	for (size_t i = 0; i < n; i++) {
		int code = bind(query->statement, (int)i + 1, &args[i]);
		if (code != SQLITE_OK) {
			(void)fail(self->db, code, text, err);
			sqlite_finish(&query->base);
			return false;
		}
	}
	*ret = &query->base;
	return true;
}

static bool sqlite_next(struct sql_query *query, bool *ret_row, struct err *err)
{
	int code = sqlite3_step(query_of(query)->statement);
	*ret_row = code == SQLITE_ROW;
	if (code == SQLITE_ROW || code == SQLITE_DONE)
		return true;
	return fail(sqlite_of(query->sql)->db, code, "database", err);
}

static int64_t sqlite_column_int(const struct sql_query *query, int column)
{
	return sqlite3_column_int64(((const struct sqlite_query *)query)->statement, column);
}

static struct bytes sqlite_column_bytes(const struct sql_query *query, int column)
{
	sqlite3_stmt *statement = ((const struct sqlite_query *)query)->statement;
	const void *data = sqlite3_column_blob(statement, column);
	return bytes_of(data, (size_t)sqlite3_column_bytes(statement, column));
}

static int64_t sqlite_changes(const struct sql *sql)
{
	return sqlite3_changes64(((const struct sqlite *)sql)->db);
}

/* Deleted bytes are zeros already (secure_delete); copies of them are left in the write-ahead log,
 * which is written back and cut to nothing. Nobody is waited for: readers are gone in a moment. */
static bool sqlite_scrub(struct sql *sql, bool whole, bool *ret_done, struct err *err)
{
	struct sqlite *self = sqlite_of(sql);
	OWNED(sql_finish) struct sql_query *q = NULL;
	*ret_done = false;
	if (whole && !sqlite_script(
			     sql, "PRAGMA temp_store=FILE; VACUUM; PRAGMA temp_store=MEMORY;", err))
		return false;
	(void)sqlite3_busy_timeout(self->db, 0);
	bool ok = sql_first(sql, "PRAGMA wal_checkpoint(TRUNCATE)", SQL_NO_ARGS, &q, err);
	*ret_done = ok && q && sql_int(q, 0) == 0;
	(void)sqlite3_busy_timeout(self->db, BUSY_TIMEOUT_MS);
	return ok;
}

static bool sqlite_checkpoint(struct sql *sql, struct err *err)
{
	struct sqlite *self = sqlite_of(sql);
	int code = sqlite3_wal_checkpoint_v2(self->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return code == SQLITE_OK || code == SQLITE_BUSY || code == SQLITE_LOCKED ||
	       fail(self->db, code, "database", err);
}

const struct sql_ops sql_sqlite = {
	.open = sqlite_open,
	.close = sqlite_close,
	.script = sqlite_script,
	.version = sqlite_version,
	.version_set = sqlite_version_set,
	.begin = sqlite_begin,
	.commit = sqlite_commit,
	.rollback = sqlite_rollback,
	.savepoint = sqlite_savepoint,
	.savepoint_keep = sqlite_savepoint_keep,
	.savepoint_undo = sqlite_savepoint_undo,
	.in_transaction = sqlite_in_transaction,
	.start = sqlite_start,
	.next = sqlite_next,
	.column_int = sqlite_column_int,
	.column_bytes = sqlite_column_bytes,
	.finish = sqlite_finish,
	.changes = sqlite_changes,
	.scrub = sqlite_scrub,
	.checkpoint = sqlite_checkpoint,
};
