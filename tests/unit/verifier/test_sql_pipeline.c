/* SPDX-License-Identifier: Apache-2.0 */
/* What PostgreSQL is sent and not waited for: changes whose errors come late, and answers that are on their
 * way before anybody wants them (verifier/sql_postgres_ask.c). Skipped without ASSAY_TEST_SQL. */
#include "verifier/sql_postgres.h"

#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/test_sql.h"
#include "tests/support/unit.h"
#include "tests/unit/verifier/content.h"
#include "verifier/store.h"

static char path[96];
static struct store *a;
static struct err err;

static int setup(void **state)
{
	static unsigned number;
	(void)state;
	if (!test_sql_is_postgres())
		return 0;
	(void)snprintf(path, sizeof(path), "pipeline-%d-%u", (int)getpid(), number++);
	struct store_config config = {.ops = test_sql(),
		.location = path,
		.clock = &clock_system,
		.random = &random_system,
		.content_key = content_kek()};
	if (!store_open(&config, &a, &err))
		fail_msg("%s", err.text);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (a)
		store_close(&a);
	if (test_sql_is_postgres())
		test_sql_remove(path);
	return 0;
}

#define NEEDS_POSTGRES                                                                             \
	do {                                                                                       \
		if (!test_sql_is_postgres())                                                       \
			skip();                                                                    \
	} while (0)

static bool text_work(struct store_tx *tx, void *arg, struct err *e)
{
	return sql_exec(tx->sql, arg, SQL_NO_ARGS, NULL, e);
}

static bool run_text(struct store *store, const char *text)
{
	err = (struct err){0};
	return store_run(store, text_work, (void *)(uintptr_t)text, &err);
}

/* By a connection that is nobody's. */
static int64_t ask(const char *text)
{
	struct sql *sql = NULL;
	struct sql_query *q = NULL;
	assert_ok(test_sql_open(path, false, &sql, &err), err);
	assert_ok(sql_first(sql, text, SQL_NO_ARGS, &q, &err), err);
	int64_t value = q ? sql_int(q, 0) : -1;
	sql_finish(&q);
	sql_close(&sql);
	return value;
}

static const struct sql_fault no_such_turn = {ERR_BUSY, "no such turn"};
static const struct sql_fault another = {ERR_CONFLICT, "another"};

/* ---- changes ---- */

static struct sql *writer_open(void)
{
	struct sql *sql = NULL;
	assert_ok(test_sql_open(path, true, &sql, &err), err);
	return sql;
}

static bool turn_put(struct sql *sql, const char *name)
{
	return sql_change_one(sql, "INSERT INTO turns(name, holder, until) VALUES(?1, x'00', 1)",
		SQL_ARGS(sql_t(bytes_str(name))), &no_such_turn, &err);
}

static void commit__after_a_change_of_no_row__refused_as_the_first_error_says(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	struct sql *sql = writer_open();
	/* Each alone, and before an error of another kind. */
	for (int i = 0; i < 3; i++) {
		assert_ok(sql_postgres.begin(sql, &err), err);
		assert_ok(turn_put(sql, "x"), err);
		if (i == 0)
			assert_ok(sql_holds(sql, "SELECT 1 FROM turns WHERE name='nobody'",
					  SQL_NO_ARGS, &no_such_turn, &err),
				err);
		else
			assert_ok(sql_change_one(sql, "DELETE FROM turns WHERE name='nobody'",
					  SQL_NO_ARGS, &no_such_turn, &err),
				err);
		if (i == 2)
			assert_ok(turn_put(sql, "x"), err);
		assert_fails(sql_postgres.commit(sql, &err), err, ERR_BUSY, "no such turn");
		assert_false(sql->unknown);
		sql_postgres.rollback(sql);
		assert_int_equal(ask("SELECT count(*) FROM turns"), 0);
	}
	sql_close(&sql);
}

static void commit__after_an_error_that_nobody_minded__refused(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	struct sql *sql = writer_open();
	struct sql_query *q = NULL;
	assert_ok(sql_postgres.begin(sql, &err), err);
	assert_true(turn_put(sql, "x"));
	assert_ok(sql_change_one(sql, "DELETE FROM turns WHERE name='nobody'", SQL_NO_ARGS,
			  &no_such_turn, &err),
		err);
	assert_false(sql_first(sql, "SELECT 1", SQL_NO_ARGS, &q, NULL));
	assert_false(sql_first(sql, "SELECT 2", SQL_NO_ARGS, &q, NULL));
	assert_fails(sql_postgres.settle(sql, &err), err, ERR_BUSY, "no such turn");
	assert_true(turn_put(sql, "y"));
	/* What fails after it is not what is told. */
	assert_ok(sql_change_one(sql, "DELETE FROM turns WHERE name='nobody'", SQL_NO_ARGS,
			  &another, &err),
		err);
	assert_fails(sql_postgres.commit(sql, &err), err, ERR_BUSY, "no such turn");
	sql_postgres.rollback(sql);
	assert_int_equal(ask("SELECT count(*) FROM turns"), 0);
	/* The connection goes on. */
	assert_ok(sql_postgres.begin(sql, &err), err);
	assert_true(turn_put(sql, "z"));
	assert_ok(sql_postgres.commit(sql, &err), err);
	assert_int_equal(ask("SELECT count(*) FROM turns"), 1);
	sql_close(&sql);
}

static void savepoint__undone__what_failed_in_it_is_forgotten_and_nothing_else(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	struct sql *sql = writer_open();
	assert_ok(sql_postgres.begin(sql, &err), err);
	assert_true(turn_put(sql, "x"));
	assert_ok(sql_postgres.savepoint(sql, &err), err);
	assert_true(turn_put(sql, "y"));
	assert_ok(sql_change_one(sql, "DELETE FROM turns WHERE name='nobody'", SQL_NO_ARGS,
			  &no_such_turn, &err),
		err);
	assert_fails(sql_postgres.savepoint_keep(sql, &err), err, ERR_BUSY, "no such turn");
	assert_ok(sql_postgres.savepoint_undo(sql, &err), err);
	assert_ok(sql_postgres.savepoint(sql, &err), err);
	assert_true(turn_put(sql, "z"));
	assert_ok(sql_postgres.savepoint_keep(sql, &err), err);
	assert_ok(sql_postgres.commit(sql, &err), err);
	assert_int_equal(ask("SELECT count(*) FROM turns WHERE name IN ('x', 'z')"), 2);
	assert_int_equal(ask("SELECT count(*) FROM turns"), 2);
	sql_close(&sql);
}

static void change__of_two_rows__refused(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	struct sql *sql = writer_open();
	assert_ok(sql_postgres.begin(sql, &err), err);
	assert_true(turn_put(sql, "x") && turn_put(sql, "y"));
	assert_ok(sql_change_one(sql, "UPDATE turns SET until=2", SQL_NO_ARGS, &no_such_turn, &err),
		err);
	assert_fails(sql_postgres.settle(sql, &err), err, ERR_BUSY, "no such turn");
	sql_postgres.rollback(sql);
	sql_close(&sql);
}

static void commit__of_what_was_not_waited_for__all_of_it_in_order(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	struct sql *sql = writer_open();
	assert_ok(sql_postgres.begin(sql, &err), err);
	assert_ok(turn_put(sql, "x"), err);
	/* More than wait for their answers at once. */
	for (int64_t i = 1; i <= 600; i++)
		assert_ok(sql_change_one(sql, "UPDATE turns SET until=?1 WHERE until=?2",
				  SQL_ARGS(sql_i(i + 1), sql_i(i)), &no_such_turn, &err),
			err);
	assert_ok(sql_postgres.commit(sql, &err), err);
	assert_int_equal(ask("SELECT until FROM turns WHERE name='x'"), 601);
	/* And one that fails, long before the commit. */
	assert_ok(sql_postgres.begin(sql, &err), err);
	for (int64_t i = 600; i < 1200; i++)
		assert_ok(sql_change_one(sql, "UPDATE turns SET until=?1 WHERE until=?2",
				  SQL_ARGS(sql_i(i + 1), sql_i(i)), &no_such_turn, &err),
			err);
	assert_fails(sql_postgres.commit(sql, &err), err, ERR_BUSY, "no such turn");
	sql_postgres.rollback(sql);
	assert_int_equal(ask("SELECT until FROM turns WHERE name='x'"), 601);
	sql_close(&sql);
}

static void connection__lost_with_statements_under_way__nothing_stored_and_known(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	struct sql *sql = writer_open();
	assert_ok(sql_postgres.begin(sql, &err), err);
	assert_ok(turn_put(sql, "x"), err);
	(void)shutdown(PQsocket(pg_of(sql)->connection), SHUT_RDWR);
	(void)turn_put(sql, "y");
	assert_false(sql_postgres.commit(sql, &err));
	assert_int_equal(err.code, ERR_STORE);
	assert_false(sql->unknown);
	assert_false(sql_postgres.in_transaction(sql));
	sql_close(&sql);
	assert_int_equal(ask("SELECT count(*) FROM turns"), 0);
}

/* ---- asked beforehand ---- */

static const char until_of[] = "SELECT until FROM turns WHERE name=?1";

/* -1: no row; -2: not read. */
static int64_t int_of(struct sql *sql, const char *text, const struct sql_value *args, size_t n)
{
	struct sql_query *q = NULL;
	if (!sql_first(sql, text, args, n, &q, &err))
		return -2;
	int64_t value = q ? sql_int(q, 0) : -1;
	sql_finish(&q);
	return value;
}

static int64_t until(struct sql *sql, const char *name)
{
	return int_of(sql, until_of, SQL_ARGS(sql_t(bytes_str(name))));
}

static void turns_put(void)
{
	assert_true(run_text(a,
		"INSERT INTO turns(name, holder, until) VALUES('x', x'00', 1), ('y', x'00', 2)"));
}

static void asked__then_read__each_answer_is_its_own(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	struct sql *sql = NULL;
	turns_put();
	assert_ok(store_read_snapshot(a, &sql, &err), err);
	assert_true(sql_ask(sql));
	assert_int_equal(until(sql, "x"), -1);
	assert_int_equal(until(sql, "y"), -1);
	assert_int_equal(until(sql, "nobody"), -1);
	sql_ask_end(sql);
	size_t under_way = pg_of(sql)->pending_count;
	assert_true(under_way > 3);
	assert_int_equal(until(sql, "y"), 2);
	assert_int_equal(pg_of(sql)->pending_count, 0);
	assert_int_equal(until(sql, "nobody"), -1);
	assert_int_equal(until(sql, "x"), 1);
	/* Once more, and what was not asked. */
	assert_int_equal(until(sql, "x"), 1);
	assert_int_equal(until(sql, "z"), -1);
	store_read_done(a, &sql);
}

/* Alike but for one thing: a number, whether there is anything, where one ends and the next begins. */
static void asked__alike_but_for_one_thing__each_answer_is_its_own(void **state)
{
	static const char number[] = "SELECT until FROM turns WHERE until=?1";
	static const char nothing[] = "SELECT CASE WHEN CAST(?1 AS text) IS NULL THEN 8 ELSE 9 END";
	static const char lengths[] = "SELECT length(CAST(?1 AS text))+0*length(CAST(?2 AS text))";
	static const struct {
		const char *text;
		struct sql_value args[2];
		size_t n;
		int64_t wanted;
	} cases[] = {
		{number, {{.kind = SQL_INT, .number = 1}}, 1, 1},
		{number, {{.kind = SQL_INT, .number = 2}}, 1, 2},
		{number, {{.kind = SQL_INT, .number = 3}}, 1, -1},
		{nothing, {{.kind = SQL_NULL}}, 1, 8},
		{nothing, {{.kind = SQL_TEXT}}, 1, 9},
		{lengths,
			{{.kind = SQL_TEXT, .bytes = BYTES_LIT("ab")},
				{.kind = SQL_TEXT, .bytes = BYTES_LIT("c")}},
			2, 2},
		{lengths,
			{{.kind = SQL_TEXT, .bytes = BYTES_LIT("a")},
				{.kind = SQL_TEXT, .bytes = BYTES_LIT("bc")}},
			2, 1},
	};
	NEEDS_POSTGRES;
	(void)state;
	struct sql *sql = NULL;
	turns_put();
	assert_ok(store_read_snapshot(a, &sql, &err), err);
	for (int pass = 0; pass < 2; pass++) {
		if (pass == 0)
			assert_true(sql_ask(sql));
		for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
			size_t i = pass == 0 ? k : ARRAY_LEN(cases) - 1 - k; /* not in turn */
			assert_int_equal(int_of(sql, cases[i].text, cases[i].args, cases[i].n),
				pass == 0 ? -1 : cases[i].wanted);
		}
		if (pass == 0)
			sql_ask_end(sql);
		else
			assert_int_equal(pg_of(sql)->pending_count, 0);
	}
	store_read_done(a, &sql);
}

/* What was asked first and is not wanted any more is on its way all the same. */
static void asked__anew_before_it_was_read__the_answers_to_the_second(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	struct sql *sql = NULL;
	turns_put();
	assert_ok(store_read_snapshot(a, &sql, &err), err);
	for (int i = 0; i < 3; i++) {
		assert_true(sql_ask(sql));
		assert_int_equal(until(sql, i % 2 ? "y" : "x"), -1);
		assert_int_equal(until(sql, "nobody"), -1);
		sql_ask_end(sql);
		assert_int_equal(pg_of(sql)->asked_count, 2);
	}
	assert_int_equal(until(sql, "x"), 1);
	assert_int_equal(until(sql, "nobody"), -1);
	assert_int_equal(until(sql, "y"), 2);
	/* And what is given out in between is nobody's. */
	assert_true(sql_ask(sql));
	assert_int_equal(until(sql, "x"), -1);
	sql_ask_end(sql);
	assert_ok(sql_exec(sql, "SELECT 1", SQL_NO_ARGS, NULL, &err), err);
	assert_int_equal(pg_of(sql)->asked_count, 0);
	assert_int_equal(until(sql, "x"), 1);
	store_read_done(a, &sql);
}

static void asked__more_than_there_is_room_for__read_all_the_same(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	struct sql *sql = NULL;
	char name[16];
	turns_put();
	assert_ok(store_read_snapshot(a, &sql, &err), err);
	for (int pass = 0; pass < 2; pass++) {
		if (pass == 0)
			assert_true(sql_ask(sql));
		for (unsigned i = 0; i < PG_ASKED_MAX + 8; i++) {
			(void)snprintf(name, sizeof(name), "n%u", i);
			assert_int_equal(until(sql, i == PG_ASKED_MAX ? "y" : name),
				pass == 1 && i == PG_ASKED_MAX ? 2 : -1);
		}
		if (pass == 0)
			sql_ask_end(sql);
	}
	store_read_done(a, &sql);
}

static void asked__in_one_snapshot__no_answer_in_the_next(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	struct sql *sql = NULL;
	turns_put();
	for (int read = 0; read < 2; read++) {
		assert_ok(store_read_snapshot(a, &sql, &err), err);
		struct sql *before = sql;
		assert_true(sql_ask(sql));
		assert_int_equal(until(sql, "x"), -1);
		sql_ask_end(sql);
		if (read)
			assert_int_equal(until(sql, "x"), 1);
		store_read_done(a, &sql);
		assert_true(run_text(a, "UPDATE turns SET until=7 WHERE name='x'"));
		assert_ok(store_read_snapshot(a, &sql, &err), err);
		assert_ptr_equal(sql, before);
		assert_int_equal(until(sql, "x"), 7);
		store_read_done(a, &sql);
		assert_true(run_text(a, "UPDATE turns SET until=1 WHERE name='x'"));
	}
}

static void asked__one_fails__whoever_reads_hears_of_it(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	struct sql *sql = NULL;
	struct sql_query *q = NULL;
	turns_put();
	assert_ok(store_read_snapshot(a, &sql, &err), err);
	assert_true(sql_ask(sql));
	assert_int_equal(until(sql, "x"), -1);
	assert_ok(sql_first(sql, "SELECT 1/(until-until) FROM turns", SQL_NO_ARGS, &q, &err), err);
	sql_ask_end(sql);
	assert_int_equal(until(sql, "x"), -2);
	assert_int_equal(err.code, ERR_STORE);
	assert_non_null(strstr(err.text, "division by zero"));
	assert_int_equal(until(sql, "x"), -2);
	store_read_done(a, &sql);
	assert_ok(store_read_snapshot(a, &sql, &err), err);
	assert_int_equal(until(sql, "x"), 1);
	store_read_done(a, &sql);
}

static void asked__connection_lost__whoever_reads_hears_of_it(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	struct sql *sql = NULL;
	turns_put();
	assert_ok(store_read_snapshot(a, &sql, &err), err);
	assert_true(sql_ask(sql));
	assert_int_equal(until(sql, "x"), -1);
	sql_ask_end(sql);
	(void)shutdown(PQsocket(pg_of(sql)->connection), SHUT_RDWR);
	assert_int_equal(until(sql, "x"), -2);
	assert_int_equal(err.code, ERR_STORE);
	store_read_done(a, &sql);
	assert_ok(store_read_snapshot(a, &sql, &err), err);
	assert_int_equal(until(sql, "x"), 1);
	store_read_done(a, &sql);
}

static void asked__where_somebody_writes__nothing_is(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	struct sql *sql = writer_open();
	assert_ok(sql_postgres.begin(sql, &err), err);
	assert_false(sql_ask(sql));
	assert_true(turn_put(sql, "x"));
	assert_int_equal(until(sql, "x"), 1);
	sql_postgres.rollback(sql);
	sql_close(&sql);
	/* Nor outside of a snapshot. */
	assert_ok(store_read(a, &sql, &err), err);
	assert_false(sql_ask(sql));
	store_read_done(a, &sql);
}

/* ---- what the server answers to COMMIT ---- */

/* In the words of its own, by a connection that stands in no line. */
static void server_does(const char *text)
{
	char uri[512];
	test_sql_uri(path, uri);
	PGconn *connection = PQconnectdb(uri);
	PGresult *result = PQexec(connection, text);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		fail_msg("%s", PQerrorMessage(connection));
	PQclear(result);
	PQfinish(connection);
}

/* Done while a transaction commits that put a turn there. */
static void at_commit(const char *what)
{
	char text[600];
	(void)snprintf(text, sizeof(text),
		"CREATE OR REPLACE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS "
		"$$BEGIN %s; RETURN NULL; END$$; DROP TRIGGER IF EXISTS late ON turns; "
		"CREATE CONSTRAINT TRIGGER late AFTER INSERT ON turns DEFERRABLE INITIALLY "
		"DEFERRED FOR EACH ROW EXECUTE FUNCTION at_commit()",
		what);
	server_does(text);
}

static struct sql *put_begun(void)
{
	struct sql *sql = writer_open();
	err = (struct err){0};
	assert_ok(sql_postgres.begin(sql, &err), err);
	assert_ok(turn_put(sql, "x"), err);
	return sql;
}

/* As where waiting for a standby was given up: it is stored, and perhaps nowhere else. */
static void commit__the_server_warns__nobody_knows(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	at_commit("RAISE WARNING 'no standby'");
	struct sql *sql = put_begun();
	assert_fails(sql_postgres.commit(sql, &err), err, ERR_STORE,
		"database: the server gave up waiting for its standby at COMMIT");
	assert_true(sql->unknown);
	sql_close(&sql);
	at_commit("RAISE NOTICE 'nothing much'");
	server_does("DELETE FROM turns");
	sql = put_begun();
	assert_ok(sql_postgres.commit(sql, &err), err);
	sql_close(&sql);
	assert_int_equal(ask("SELECT count(*) FROM turns"), 1);
}

static void commit__fails_at_the_server__known_only_where_it_refuses(void **state)
{
	static const struct {
		const char *state;
		enum err_code code;
		bool unknown;
	} cases[] = {
		{"integrity_constraint_violation", ERR_CONFLICT, false},
		{"serialization_failure", ERR_BUSY, false},
		{"io_error", ERR_STORE, true},
		{"admin_shutdown", ERR_STORE, true},
	};
	NEEDS_POSTGRES;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char what[160];
		(void)snprintf(what, sizeof(what),
			"RAISE EXCEPTION USING ERRCODE='%s', MESSAGE='at the end'", cases[i].state);
		at_commit(what);
		struct sql *sql = put_begun();
		assert_false(sql_postgres.commit(sql, &err));
		assert_int_equal(err.code, cases[i].code);
		assert_non_null(strstr(err.text, "database: at the end ("));
		assert_int_equal(sql->unknown, cases[i].unknown);
		sql_close(&sql);
		assert_int_equal(ask("SELECT count(*) FROM turns"), 0);
	}
}

/* Given up half-way it would be said to be done. */
static void commit__longer_than_a_statement_may__waited_for(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	at_commit("PERFORM pg_sleep(2.5)");
	struct sql *sql = put_begun();
	assert_ok(sql_exec(sql, "SET statement_timeout='2s'", SQL_NO_ARGS, NULL, &err), err);
	assert_ok(sql_postgres.commit(sql, &err), err);
	sql_close(&sql);
	assert_int_equal(ask("SELECT count(*) FROM turns"), 1);
}

/* What failed at the server and nobody counted. */
static void commit__after_an_error_that_nobody_counted__not_said_to_be_done(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	struct sql *sql = put_begun();
	PGconn *connection = pg_of(sql)->connection;
	PGresult *result;
	ExecStatusType status = PGRES_EMPTY_QUERY;
	assert_ok(sql_postgres.settle(sql, &err), err);
	assert_int_equal(
		PQsendQueryParams(connection, "SELECT 1/0", 0, NULL, NULL, NULL, NULL, 0), 1);
	assert_int_equal(PQpipelineSync(connection), 1);
	while (status != PGRES_PIPELINE_SYNC) {
		result = PQgetResult(connection);
		status = result ? PQresultStatus(result) : status;
		PQclear(result);
	}
	assert_false(sql_postgres.commit(sql, &err));
	assert_int_equal(err.code, ERR_STORE);
	assert_non_null(strstr(err.text, "current transaction is aborted"));
	sql_close(&sql);
	assert_int_equal(ask("SELECT count(*) FROM turns"), 0);
}

static void transaction__another_commits_beside_it__sees_one_moment(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	turns_put();
	struct sql *sql = writer_open();
	assert_ok(sql_postgres.begin(sql, &err), err);
	assert_int_equal(until(sql, "x"), 1);
	server_does("UPDATE turns SET until=5");
	assert_int_equal(until(sql, "x"), 1);
	sql_postgres.rollback(sql);
	assert_int_equal(until(sql, "x"), 5);
	sql_close(&sql);
}

static void asked__the_same_of_two_texts__each_answer_is_its_own(void **state)
{
	static const char doubled[] = "SELECT 2*until FROM turns WHERE name=?1";
	NEEDS_POSTGRES;
	(void)state;
	struct sql *sql = NULL;
	turns_put();
	assert_ok(store_read_snapshot(a, &sql, &err), err);
	assert_true(sql_ask(sql));
	assert_int_equal(until(sql, "y"), -1);
	assert_int_equal(int_of(sql, doubled, SQL_ARGS(sql_t(BYTES_LIT("y")))), -1);
	sql_ask_end(sql);
	assert_int_equal(int_of(sql, doubled, SQL_ARGS(sql_t(BYTES_LIT("y")))), 4);
	assert_int_equal(until(sql, "y"), 2);
	store_read_done(a, &sql);
}

/* ---- prepared statements ---- */

static void statement__with_a_parameter_of_another_kind__is_another(void **state)
{
	static const char length[] = "SELECT length(CAST(?1 AS text))";
	NEEDS_POSTGRES;
	(void)state;
	struct sql *sql = NULL;
	assert_ok(store_read(a, &sql, &err), err);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(int_of(sql, length, SQL_ARGS(sql_i(7))), 1);
		assert_int_equal(int_of(sql, length, SQL_ARGS(sql_t(BYTES_LIT("eightlet")))), 8);
		assert_int_equal(int_of(sql, length, SQL_ARGS(sql_i(-7))), 2);
	}
	store_read_done(a, &sql);
}

static void statement__that_could_not_be_prepared__prepared_when_it_can(void **state)
{
	static const char later[] = "SELECT count(*) FROM later";
	NEEDS_POSTGRES;
	(void)state;
	struct sql *sql = NULL, *before = NULL;
	assert_ok(store_read(a, &sql, &err), err);
	before = sql;
	assert_int_equal(int_of(sql, later, SQL_NO_ARGS), -2);
	assert_int_equal(err.code, ERR_STORE);
	assert_non_null(strstr(err.text, "relation \"later\" does not exist"));
	store_read_done(a, &sql);
	assert_ok(run_text(a, "CREATE TABLE later(x bigint)"), err);
	assert_ok(store_read(a, &sql, &err), err);
	assert_ptr_equal(sql, before);
	assert_int_equal(int_of(sql, later, SQL_NO_ARGS), 0);
	store_read_done(a, &sql);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(commit__after_a_change_of_no_row__refused_as_the_first_error_says),
		T(commit__after_an_error_that_nobody_minded__refused),
		T(savepoint__undone__what_failed_in_it_is_forgotten_and_nothing_else),
		T(change__of_two_rows__refused),
		T(commit__of_what_was_not_waited_for__all_of_it_in_order),
		T(connection__lost_with_statements_under_way__nothing_stored_and_known),
		T(asked__then_read__each_answer_is_its_own),
		T(asked__alike_but_for_one_thing__each_answer_is_its_own),
		T(asked__anew_before_it_was_read__the_answers_to_the_second),
		T(asked__more_than_there_is_room_for__read_all_the_same),
		T(asked__in_one_snapshot__no_answer_in_the_next),
		T(asked__one_fails__whoever_reads_hears_of_it),
		T(asked__connection_lost__whoever_reads_hears_of_it),
		T(asked__where_somebody_writes__nothing_is),
		T(asked__the_same_of_two_texts__each_answer_is_its_own),
		T(commit__the_server_warns__nobody_knows),
		T(commit__fails_at_the_server__known_only_where_it_refuses),
		T(commit__longer_than_a_statement_may__waited_for),
		T(commit__after_an_error_that_nobody_counted__not_said_to_be_done),
		T(transaction__another_commits_beside_it__sees_one_moment),
		T(statement__with_a_parameter_of_another_kind__is_another),
		T(statement__that_could_not_be_prepared__prepared_when_it_can),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
