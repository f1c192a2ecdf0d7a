/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The database seam: one connection, prepared statements, transactions. A const vtable, so that
 * another database can stand behind it and a test can let any call fail. A connection belongs to
 * one thread at a time.
 *
 * Statement texts are string literals with ?1, ?2 … for parameters, in the words that SQLite and
 * PostgreSQL share; a side may cache a prepared statement by the literal's address. Where the two
 * speak differently one text is kept, SQLite's, and the other side translates it mechanically
 * (sql_postgres_text.h).
 */
#ifndef ASSAY_VERIFIER_SQL_H
#define ASSAY_VERIFIER_SQL_H

#include "base/bytes.h"

enum sql_kind { SQL_NULL = 0, SQL_INT, SQL_BLOB, SQL_TEXT };
struct sql_value {
	enum sql_kind kind;
	int64_t number;
	struct bytes bytes;
};
static inline struct sql_value sql_i(int64_t number)
{
	return (struct sql_value){.kind = SQL_INT, .number = number};
}
/* Unsigned values are kept as their two's complement. */
static inline struct sql_value sql_u(uint64_t number)
{
	return (struct sql_value){.kind = SQL_INT, .number = (int64_t)number};
}
static inline struct sql_value sql_b(struct bytes bytes)
{
	return (struct sql_value){.kind = SQL_BLOB, .bytes = bytes};
}
static inline struct sql_value sql_t(struct bytes text)
{
	return (struct sql_value){.kind = SQL_TEXT, .bytes = text};
}
static inline struct sql_value sql_null(void)
{
	return (struct sql_value){0};
}
#define SQL_ARGS(...)                                                                              \
	(const struct sql_value[]){__VA_ARGS__},                                                   \
		ARRAY_LEN(((const struct sql_value[]){__VA_ARGS__}))
#define SQL_NO_ARGS NULL, 0

/* What a statement fails with that did not change or find one row. Static: it is kept until the
 * answer is there. */
struct sql_fault {
	enum err_code code;
	const char *text;
};

struct sql_ops;
struct vault;
struct sql {
	const struct sql_ops *ops;
	struct vault *vault; /* opens and seals contents; borrowed. NULL: none can be read */
	bool scrub; /* something was destroyed: the writer scrubs when it has committed */
	bool unknown; /* a commit was begun, and whether it happened is not known */
	bool snapshot; /* a reader's: see store_read_snapshot */
	size_t log_pages; /* a writer's: in the database's log after the last commit */
};
struct sql_query {
	struct sql *sql;
};

struct sql_ops {
	/* Others may write the same database at the same time. */
	bool shared;
	/* A writer makes the database if there is none. */
	bool (*open)(const char *location, bool writer, struct sql **ret, struct err *err);
	void (*close)(struct sql *sql);
	/* Several statements without parameters or results: the schema. */
	bool (*script)(struct sql *sql, const char *text, struct err *err);
	/* The number of schema steps taken; 0: none. Inside a transaction. */
	bool (*version)(struct sql *sql, int64_t *ret, struct err *err);
	bool (*version_set)(struct sql *sql, int64_t version, struct err *err);
	/* Whether no other writer is connected; then none can until this one closes. NULL: somebody
	 * else sees to it (only_one.h). */
	bool (*alone)(struct sql *sql, bool *ret, struct err *err);
	/* Whether an idle connection is still one; asks nobody. NULL: always. */
	bool (*usable)(struct sql *sql);
	/* A write transaction. After a failed commit the connection is no longer to be trusted:
	 * close it; sql->unknown says whether it may have happened all the same. */
	bool (*begin)(struct sql *sql, struct err *err);
	bool (*commit)(struct sql *sql, struct err *err);
	void (*rollback)(struct sql *sql);
	/* One savepoint inside the transaction. Errors of statements since that nobody has heard of
	 * yet (exec below) are the errors of keeping it. */
	bool (*savepoint)(struct sql *sql, struct err *err);
	bool (*savepoint_keep)(struct sql *sql, struct err *err);
	bool (*savepoint_undo)(struct sql *sql, struct err *err);
	/* False once an error has ended the transaction by itself (disk full, I/O). */
	bool (*in_transaction)(const struct sql *sql);
	/* A statement started; rows with next, freed with finish. The bytes of args must live until
	 * finish. */
	bool (*start)(struct sql *sql, const char *text, const struct sql_value *args, size_t n,
		struct sql_query **ret, struct err *err);
	bool (*next)(struct sql_query *query, bool *ret_row, struct err *err);
	int64_t (*column_int)(const struct sql_query *query, int column);
	/* Borrowed until the next call of next or finish. */
	struct bytes (*column_bytes)(const struct sql_query *query, int column);
	void (*finish)(struct sql_query *query);
	/* A statement whose rows and changes nobody asks for, but that it fails unless there is one
	 * (unless_one NULL: however many there are). Inside a transaction it may be sent and not
	 * waited for: its error comes at the next call that waits, at the latest from
	 * savepoint_keep, settle or commit. NULL: start, next and finish do. */
	bool (*exec)(struct sql *sql, const char *text, const struct sql_value *args, size_t n,
		const struct sql_fault *unless_one, struct err *err);
	/* Asking, in a reader's snapshot: each statement is started, not waited for, and looks as if
	 * it had no rows. Afterwards, to the end of the snapshot, whoever starts the same with the same
	 * arguments has the answer that was on its way meanwhile. NULL or false: there is nothing to
	 * be won. */
	bool (*ask)(struct sql *sql, bool on);
	/* Waits for the statements whose errors nobody has heard of yet. NULL: there are none. */
	bool (*settle)(struct sql *sql, struct err *err);
	/* Rows the last finished INSERT, UPDATE or DELETE changed. */
	int64_t (*changes)(const struct sql *sql);
	/* Outside a transaction: what was deleted or overwritten leaves the database's files.
	 * whole: pages that hold copies of earlier times, too; this writes everything anew.
	 * *ret_done is false when a reader stood in the way: try again. */
	bool (*scrub)(struct sql *sql, bool whole, bool *ret_done, struct err *err);
	/* Copies what is committed from the database's log to its place, as far as nobody is in the way. NULL: this
	 * database does so by itself. */
	bool (*checkpoint)(struct sql *sql, struct err *err);
};

/* SQLite: WAL, synchronous=FULL, foreign keys, secure_delete. Errors: ERR_STORE; a constraint that does not hold:
 * ERR_CONFLICT. */
extern const struct sql_ops sql_sqlite;
/* PostgreSQL 15 or newer through libpq, by a URI (sql_postgres.h). Errors likewise; ERR_BUSY: it was
 * in somebody's way (serialisation, deadlock, a lock not had in time), and is to be tried again. */
extern const struct sql_ops sql_postgres;

/* Whose location that is: postgresql:// and postgres:// are PostgreSQL's, all else is a path. */
const struct sql_ops *sql_ops_of(const char *location);
/* The location as it may be shown: without what a URI says of users and parameters. */
#define SQL_PLACE_MAX 256u
const char *sql_place(const char *location, char out[SQL_PLACE_MAX]);

void sql_close(struct sql **sql); /* cleanup; NULL is fine */
must_use bool sql_start(struct sql *sql, const char *text, const struct sql_value *args, size_t n,
	struct sql_query **ret, struct err *err);
must_use bool sql_next(struct sql_query *query, bool *ret_row, struct err *err);
void sql_finish(struct sql_query **query); /* cleanup; NULL is fine */
int64_t sql_int(const struct sql_query *query, int column);
struct bytes sql_bytes(const struct sql_query *query, int column);
/* Exactly n bytes copied; otherwise ERR_STORE naming the column: a row that drifted is refused
 * alone. */
must_use bool sql_exact(const struct sql_query *query, int column, const char *name, void *out,
	size_t n, struct err *err);
/* Appends the column. */
void sql_put(const struct sql_query *query, int column, struct buf *out);
/* Text of less than `size` bytes copied with a NUL. */
must_use bool sql_text(const struct sql_query *query, int column, const char *name, char *out,
	size_t size, struct err *err);

/* Whoever will read this and that in a snapshot may say so beforehand, by the same calls: where this
 * is true, what is read up to sql_ask_end has no rows and means nothing, but then need not be waited
 * for one after the other. */
bool sql_ask(struct sql *sql);
void sql_ask_end(struct sql *sql);

/* Starts, runs to the end and finishes; the number of changed rows may be NULL. */
must_use bool sql_exec(struct sql *sql, const char *text, const struct sql_value *args, size_t n,
	int64_t *ret_changes, struct err *err);
/* An INSERT, UPDATE or DELETE that changes one row, or fails as it says. */
must_use bool sql_change_one(struct sql *sql, const char *text, const struct sql_value *args,
	size_t n, const struct sql_fault *unless, struct err *err);
/* A SELECT that has one row, whatever is in it, or fails as it says. */
must_use bool sql_holds(struct sql *sql, const char *text, const struct sql_value *args, size_t n,
	const struct sql_fault *unless, struct err *err);
/* Starts and takes the first row: *ret_query is NULL when there is none. */
must_use bool sql_first(struct sql *sql, const char *text, const struct sql_value *args, size_t n,
	struct sql_query **ret_query, struct err *err);

#endif
