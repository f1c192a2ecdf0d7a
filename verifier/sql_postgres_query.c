/* SPDX-License-Identifier: Apache-2.0 */
/* Statements on their way to PostgreSQL and their answers on the way back. */
#include "verifier/sql_postgres.h"

#include "verifier/sql_postgres_text.h"

#include <stdio.h>
#include <stdlib.h>

struct pg_query {
	struct sql_query base;
	PGresult *result;
	int row; /* before the first: -1 */
};

/* ---- errors ---- */

/* By SQLSTATE (PostgreSQL 15, appendix A). */
static enum err_code code_of(const char *state)
{
	static const struct {
		const char *begins;
		enum err_code code;
	} classes[] = {
		{"23", ERR_CONFLICT}, /* a constraint does not hold */
		{"40", ERR_BUSY}, /* serialization_failure, deadlock_detected */
		{"55P03", ERR_BUSY}, /* lock_not_available */
		{"53200", ERR_NOMEM},
	};
	for (size_t i = 0; state && i < ARRAY_LEN(classes); i++)
		if (strncmp(state, classes[i].begins, strlen(classes[i].begins)) == 0)
			return classes[i].code;
	return ERR_STORE;
}

static void error_of(struct pg *self, const PGresult *result, const char *text, struct err *err)
{
	const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	const char *why = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
	enum err_code code = code_of(state);
	if (!why)
		why = PQerrorMessage(self->connection);
	(void)err_set(err, code, "database: %.300s (%s)%s%.200s", why[0] ? why : "no answer",
		state ? state : "connection", code == ERR_CONFLICT ? "" : ": ",
		code == ERR_CONFLICT ? "" : text);
}

static bool lost(struct pg *self, const char *text, struct err *err)
{
	error_of(self, NULL, text, err);
	return false;
}

void pg_forget(struct pg *self)
{
	pg_asked_drop(self);
	memset(self->statements, 0, sizeof(self->statements));
	self->statement_count = self->pending_count = 0;
	self->in_transaction = self->failed = self->doomed = self->committing = false;
}

/* ---- prepared statements ---- */

/* A parameter's kind as it was, or one that nobody has said anything about. */
static bool kinds_match(
	const struct pg_statement *statement, const struct sql_value *args, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (args[i].kind != SQL_NULL && statement->kinds[i] != SQL_NULL &&
			args[i].kind != statement->kinds[i])
			return false;
	return statement->count == n;
}

/* Its slot, or the free one where it belongs; NULL: the table is full. */
static struct pg_statement *statement_of(
	struct pg *self, const char *text, const struct sql_value *args, size_t n)
{
	size_t at = (size_t)(((uintptr_t)text * UINT64_C(0x9e3779b97f4a7c15)) >> 48);
	for (;; at++) {
		struct pg_statement *slot = &self->statements[at % PG_STATEMENTS_MAX];
		if (slot->text == text && kinds_match(slot, args, n))
			return slot;
		if (slot->text)
			continue;
		if (self->statement_count == PG_STATEMENTS_USE)
			return NULL;
		self->statement_count++;
		slot->text = text;
		slot->count = (uint8_t)n;
		for (size_t i = 0; i < n; i++)
			slot->kinds[i] = (uint8_t)args[i].kind;
		return slot;
	}
}

static const char *name_of(const struct pg *self, const struct pg_statement *slot, char out[16])
{
	if (slot)
		(void)snprintf(out, 16, "s%zu", (size_t)(slot - self->statements));
	else
		out[0] = 0; /* the unnamed one: prepared anew each time */
	return out;
}

static void pending_put(struct pg *self, const char *text, struct pg_statement *prepares)
{
	self->pending[self->pending_count++] =
		(struct pg_pending){.text = text, .prepares = prepares};
}

static bool prepare(struct pg *self, struct pg_statement *slot, const char *text,
	const struct sql_value *args, size_t n, struct err *err)
{
	static const Oid types[] = {
		[SQL_NULL] = 0, [SQL_INT] = PG_INT8, [SQL_BLOB] = PG_BYTEA, [SQL_TEXT] = PG_TEXT};
	OWNED(buf_release) struct buf translated = {0};
	Oid oids[PG_PARAMS_MAX];
	char name[16];
	for (size_t i = 0; i < n; i++)
		oids[i] = types[args[i].kind];
	if (!postgres_text(text, false, &translated, err) || !buf_str(&translated))
		return err_set(err, ERR_NOMEM, "database statement");
	if (PQsendPrepare(self->connection, name_of(self, slot, name), buf_str(&translated), (int)n,
		    oids) != 1)
		return lost(self, text, err);
	if (slot)
		slot->sent = true;
	pending_put(self, text, slot);
	return true;
}

/* ---- sending ---- */

static void value_put(
	const struct sql_value *value, uint8_t number[8], const char **ret, int *ret_len)
{
	*ret = NULL;
	*ret_len = 0;
	if (value->kind == SQL_INT) {
		for (int i = 0; i < 8; i++)
			number[i] = (uint8_t)((uint64_t)value->number >> (56 - 8 * i));
		*ret = (const char *)number;
		*ret_len = 8;
	} else if (value->kind != SQL_NULL) {
		*ret = value->bytes.data ? (const char *)value->bytes.data : "";
		*ret_len = (int)value->bytes.len;
	}
}

static bool execute(struct pg *self, const struct pg_statement *slot, const char *text,
	const struct sql_value *args, size_t n, struct err *err)
{
	uint8_t numbers[PG_PARAMS_MAX][8];
	const char *values[PG_PARAMS_MAX];
	int lengths[PG_PARAMS_MAX], formats[PG_PARAMS_MAX];
	char name[16];
	for (size_t i = 0; i < n; i++) {
		if (args[i].bytes.len > INT32_MAX)
			return err_set(err, ERR_LIMIT, "%s: a value of %zu bytes", text,
				args[i].bytes.len);
		value_put(&args[i], numbers[i], &values[i], &lengths[i]);
		formats[i] = 1;
	}
	if (PQsendQueryPrepared(self->connection, name_of(self, slot, name), (int)n, values,
		    lengths, formats, 1) != 1)
		return lost(self, text, err);
	pending_put(self, text, NULL);
	return true;
}

bool pg_send(
	struct pg *self, const char *text, const struct sql_value *args, size_t n, struct err *err)
{
	if (n > PG_PARAMS_MAX)
		return err_set(err, ERR_INTERNAL, "%s: %zu parameters", text, n);
	/* What fails here is told at the next call that waits. */
	if (self->pending_count + 3 > PG_PENDING_MAX) {
		struct err early = {0};
		self->failed = !pg_sync(self, &early);
	}
	if (PQstatus(self->connection) != CONNECTION_OK ||
		(PQpipelineStatus(self->connection) == PQ_PIPELINE_OFF &&
			PQenterPipelineMode(self->connection) != 1))
		return lost(self, text, err);
	struct pg_statement *slot = statement_of(self, text, args, n);
	if ((!slot || !slot->sent) && !prepare(self, slot, text, args, n, err))
		return false;
	return execute(self, slot, text, args, n, err);
}

/* ---- waiting ---- */

static bool is_error(ExecStatusType status)
{
	return status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE ||
	       status == PGRES_NONFATAL_ERROR;
}

/* What came first is what is told. */
static bool is_first(struct pg *self)
{
	bool first = !self->failed && !self->doomed;
	self->failed = true;
	return first;
}

static bool is_one(const struct pg_pending *pending, PGresult *result)
{
	return !pending->unless_one || strcmp(PQcmdTuples(result), "1") == 0;
}

static void answer_take(struct pg *self, const struct pg_pending *pending, PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);
	if (pending->prepares) {
		pending->prepares->ready = status == PGRES_COMMAND_OK;
		pending->prepares->sent = pending->prepares->ready;
	}
	if (is_error(status)) {
		if (is_first(self))
			error_of(self, result, pending->text, &self->error);
	} else if (!pending->prepares && !is_one(pending, result) && is_first(self)) {
		(void)err_set(
			&self->error, pending->unless_one->code, "%s", pending->unless_one->text);
	}
	if (pending->keep && (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK))
		*pending->keep = result;
	else
		PQclear(result);
}

/* The server has answered up to here. */
static void point_take(struct pg *self)
{
	ExecStatusType status = PGRES_EMPTY_QUERY;
	while (status != PGRES_PIPELINE_SYNC && PQstatus(self->connection) == CONNECTION_OK) {
		PGresult *result = PQgetResult(self->connection);
		status = result ? PQresultStatus(result) : PGRES_EMPTY_QUERY;
		PQclear(result);
	}
	if (status != PGRES_PIPELINE_SYNC && is_first(self))
		error_of(self, NULL, "waiting", &self->error);
}

static void pending_take(struct pg *self, const struct pg_pending *pending)
{
	PGresult *result = NULL;
	if (!pending->text)
		point_take(self);
	else
		while ((result = PQgetResult(self->connection)))
			answer_take(self, pending, result);
}

void pg_keep(struct pg *self, PGresult **ret)
{
	*ret = NULL;
	self->pending[self->pending_count - 1].keep = ret;
}

bool pg_point(struct pg *self, struct err *err)
{
	if (PQpipelineSync(self->connection) != 1)
		return lost(self, "waiting", err);
	pending_put(self, NULL, NULL);
	return true;
}

bool pg_sync(struct pg *self, struct err *err)
{
	struct err why = {0};
	if (self->pending_count > 0 && !pg_point(self, &why) && is_first(self))
		self->error = why;
	for (size_t i = 0; i < self->pending_count; i++)
		pending_take(self, &self->pending[i]);
	self->pending_count = 0;
	if (PQstatus(self->connection) != CONNECTION_OK)
		self->in_transaction = false;
	bool ok = !self->failed && !self->doomed;
	if (!ok && err)
		*err = self->error;
	self->doomed = !ok && self->in_transaction;
	self->failed = false;
	if (!ok)
		pg_asked_drop(self);
	return ok;
}

bool pg_direct(struct pg *self, const char *text, struct err *err)
{
	if (!pg_sync(self, err))
		return false;
	if (PQpipelineStatus(self->connection) != PQ_PIPELINE_OFF &&
		PQexitPipelineMode(self->connection) != 1)
		return lost(self, text, err);
	PGresult *result = PQexec(self->connection, text);
	bool ok = result && !is_error(PQresultStatus(result));
	if (!ok)
		error_of(self, result, "script", err);
	PQclear(result);
	return ok;
}

/* ---- the seam's queries ---- */

static bool ask_now(struct pg *self, const char *text, const struct sql_value *args, size_t n,
	PGresult **ret, struct err *err)
{
	PGresult *result = NULL;
	if (!pg_send(self, text, args, n, err))
		return false;
	pg_keep(self, &result);
	if (!pg_sync(self, err)) {
		PQclear(result);
		return false;
	}
	*ret = result;
	return result || err_set(err, ERR_NOMEM, "database statement");
}

/* Results are held whole; each call of next is a row further. One that is only asked has none. */
bool pg_start(struct sql *sql, const char *text, const struct sql_value *args, size_t n,
	struct sql_query **ret, struct err *err)
{
	struct pg *self = pg_of(sql);
	PGresult *result = NULL;
	bool ok = self->asking ? pg_asked_send(self, text, args, n, err)
			       : pg_asked_take(self, text, args, n, &result, err) &&
					 (result || ask_now(self, text, args, n, &result, err));
	if (!ok)
		return false;
	struct pg_query *query = calloc(1, sizeof(*query));
	if (!query) {
		PQclear(result);
		return err_set(err, ERR_NOMEM, "database statement");
	}
	const char *changes = result ? PQcmdTuples(result) : "";
	self->changes = changes[0] ? strtoll(changes, NULL, 10) : 0;
	query->base.sql = sql;
	query->result = result;
	query->row = -1;
	*ret = &query->base;
	return true;
}

bool pg_next(struct sql_query *base, bool *ret_row, struct err *err)
{
	struct pg_query *query = (struct pg_query *)base;
	(void)err;
	*ret_row = query->row + 1 < PQntuples(query->result);
	if (*ret_row)
		query->row++;
	return true;
}

struct bytes pg_column_bytes(const struct sql_query *base, int column)
{
	const struct pg_query *query = (const struct pg_query *)base;
	if (PQgetisnull(query->result, query->row, column))
		return (struct bytes){0};
	return bytes_of(PQgetvalue(query->result, query->row, column),
		(size_t)PQgetlength(query->result, query->row, column));
}

/* Whole numbers of any width; of anything else, as of NULL, 0. */
int64_t pg_column_int(const struct sql_query *base, int column)
{
	const struct pg_query *query = (const struct pg_query *)base;
	struct bytes bytes = pg_column_bytes(base, column);
	Oid type = PQftype(query->result, column);
	uint64_t value = 0;
	if (type == PG_BOOL)
		return bytes.len == 1 && bytes.data[0];
	if ((type != PG_INT8 && type != PG_INT4 && type != PG_INT2) || bytes.len == 0)
		return 0;
	if (bytes.data[0] & 0x80)
		value = UINT64_MAX;
	for (size_t i = 0; i < bytes.len; i++)
		value = value << 8 | bytes.data[i];
	return (int64_t)value;
}

void pg_finish(struct sql_query *base)
{
	struct pg_query *query = (struct pg_query *)base;
	PQclear(query->result);
	free(query);
}

/* A reader's snapshot begins with the first thing that is read in it; nobody waits for its end, of which
 * the next reader hears when it waits for something else. */
static bool waits(struct pg *self, const char *text, struct err *err)
{
	if (!self->writer && strcmp(text, "BEGIN") == 0)
		return true;
	if (!self->writer && strcmp(text, "COMMIT") == 0)
		return pg_point(self, err);
	return pg_sync(self, err);
}

bool pg_exec(struct sql *sql, const char *text, const struct sql_value *args, size_t n,
	const struct sql_fault *unless_one, struct err *err)
{
	struct pg *self = pg_of(sql);
	pg_asked_drop(self);
	if (!pg_send(self, text, args, n, err))
		return false;
	self->pending[self->pending_count - 1].unless_one = unless_one;
	return self->in_transaction || waits(self, text, err);
}

bool pg_do(struct pg *self, const char *text, struct err *err)
{
	return pg_send(self, text, SQL_NO_ARGS, err) && pg_sync(self, err);
}
