/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the PostgreSQL side's files share. Private to it, but for sql_postgres_place_check.
 *
 * A location is a libpq URI (PostgreSQL 15, 34.1.1.2). TLS, client certificates and the password are
 * given by libpq's own parameters (sslrootcert, sslcert, sslkey, passfile); a password in the URI is
 * refused, for a configuration is read by many. Unless every host is this machine (a unix socket or
 * loopback) sslmode is verify-full, and a weaker one is refused.
 *
 * A connection is in libpq's pipeline mode but for scripts: what need not be waited for is sent
 * along with the next that must be.
 */
#ifndef ASSAY_VERIFIER_SQL_POSTGRES_H
#define ASSAY_VERIFIER_SQL_POSTGRES_H

#include "verifier/sql.h"

#include <libpq-fe.h>

#define PG_STATEMENTS_MAX 512u /* a power of two: slots of the table of prepared statements */
#define PG_STATEMENTS_USE 448u
#define PG_PARAMS_MAX     40u
#define PG_PENDING_MAX    512u
#define PG_ASKED_MAX      32u

/* Advisory locks, for each schema its own: 'Ass' and a number. Every writer is present as long as it is
 * connected. */
#define PG_LOCK(number) "(" number ", hashtext(coalesce(current_schema(), '')))"
#define PG_PRESENT      PG_LOCK("1096970082")

/* Types by their OID (pg_type.dat). */
enum { PG_BOOL = 16, PG_BYTEA = 17, PG_INT8 = 20, PG_INT2 = 21, PG_INT4 = 23, PG_TEXT = 25 };

/* A prepared statement, known by the address of its text and the kinds of its parameters. */
struct pg_statement {
	const char *text; /* NULL: a free slot */
	uint8_t kinds[PG_PARAMS_MAX]; /* enum sql_kind; SQL_NULL: what the server made of it */
	uint8_t count;
	bool sent, ready; /* the server was told; it has said yes */
};

/* Sent and not yet answered. */
struct pg_pending {
	const char *text; /* NULL: a point up to which errors reach, and at which a transaction of
			     statements alone ends */
	struct pg_statement *prepares; /* NULL: it is executed */
	PGresult **keep; /* NULL: nobody wants its result */
	const struct sql_fault *unless_one; /* NULL: nobody minds its rows */
};

/* Asked beforehand (sql_postgres_ask.c). */
struct pg_asked {
	const char *text; /* NULL: taken */
	struct buf args;
	PGresult *result; /* NULL: on its way */
};

struct pg {
	struct sql base;
	PGconn *connection;
	char *location;
	bool writer, in_transaction, committing, warned;
	int64_t changes;
	size_t statement_count;
	struct pg_statement statements[PG_STATEMENTS_MAX];
	size_t pending_count;
	struct pg_pending pending[PG_PENDING_MAX];
	bool asking;
	size_t asked_count;
	struct pg_asked asked[PG_ASKED_MAX];
	bool failed; /* an error that nobody was told of yet */
	bool doomed; /* this transaction had one: whoever was told of it or not, it does not commit */
	struct err error; /* the first one */
};

static inline struct pg *pg_of(struct sql *sql)
{
	return (struct pg *)sql;
}

/* sql_postgres_place.c: what a location may say, and what is added to it. ERR_CONFIG. */
must_use bool sql_postgres_place_check(const char *location, struct err *err);
must_use bool pg_connect(const char *location, PGconn **ret, struct err *err);
/* The session: durable commits, timeouts, a server that can be relied upon. */
must_use bool pg_session(struct pg *self, struct err *err);

/* sql_postgres_query.c: sends a statement, does not wait. */
must_use bool pg_send(
	struct pg *self, const char *text, const struct sql_value *args, size_t n, struct err *err);
/* The result of what was sent last is wanted: set by pg_sync, the caller's; NULL when it failed. */
void pg_keep(struct pg *self, PGresult **ret);
bool pg_point(struct pg *self, struct err *err);
/* Waits for all that was sent. False with the first error of it. */
bool pg_sync(struct pg *self, struct err *err);
/* A script in PostgreSQL's own words; outside the pipeline. */
must_use bool pg_direct(struct pg *self, const char *text, struct err *err);
/* One statement, waited for. */
bool pg_do(struct pg *self, const char *text, struct err *err);
/* sql_postgres_ask.c */
bool pg_ask(struct sql *sql, bool on);
must_use bool pg_asked_send(
	struct pg *self, const char *text, const struct sql_value *args, size_t n, struct err *err);
/* NULL: it was not asked. */
must_use bool pg_asked_take(struct pg *self, const char *text, const struct sql_value *args,
	size_t n, PGresult **ret, struct err *err);
void pg_asked_drop(struct pg *self);
/* Everything about a connection is forgotten that ended with it. */
void pg_forget(struct pg *self);
bool pg_start(struct sql *sql, const char *text, const struct sql_value *args, size_t n,
	struct sql_query **ret, struct err *err);
bool pg_next(struct sql_query *query, bool *ret_row, struct err *err);
int64_t pg_column_int(const struct sql_query *query, int column);
struct bytes pg_column_bytes(const struct sql_query *query, int column);
void pg_finish(struct sql_query *query);
bool pg_exec(struct sql *sql, const char *text, const struct sql_value *args, size_t n,
	const struct sql_fault *unless_one, struct err *err);

#endif
