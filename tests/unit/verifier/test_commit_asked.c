/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever asks whether a commit happened, while the server is still at it, waits for its end (store_shared.c). PostgreSQL's alone. */
#include "verifier/sql_postgres.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/test_sql.h"
#include "tests/support/unit.h"
#include "tests/unit/verifier/content.h"
#include "verifier/store.h"

#define SERVER_NEEDS "1.5" /* seconds, for the commit */
#define CUT_AFTER_US 300000

static char path[96];
static struct store *store;
static struct sql_ops ops;
static bool cut; /* the next commit: its connection ends while the server is at it */
static struct err err;

static void *cut_later(void *arg)
{
	(void)usleep(CUT_AFTER_US);
	(void)shutdown(*(const int *)arg, SHUT_RDWR);
	return NULL;
}

static bool cut_commit(struct sql *sql, struct err *e)
{
	pthread_t thread;
	int socket = PQsocket(pg_of(sql)->connection);
	if (!cut)
		return sql_postgres.commit(sql, e);
	cut = false;
	if (pthread_create(&thread, NULL, cut_later, &socket) != 0)
		return err_set(e, ERR_INTERNAL, "no thread");
	bool ok = sql_postgres.commit(sql, e);
	(void)pthread_join(thread, NULL);
	return ok;
}

static bool cut_open(const char *location, bool writer, struct sql **ret, struct err *e)
{
	if (!test_sql_open(location, writer, ret, e))
		return false;
	if (writer)
		(*ret)->ops = &ops;
	return true;
}

static int setup(void **state)
{
	(void)state;
	if (!test_sql_is_postgres())
		return 0;
	(void)snprintf(path, sizeof(path), "asked-%d", (int)getpid());
	ops = sql_postgres;
	ops.open = cut_open;
	ops.commit = cut_commit;
	struct store_config config = {.ops = &ops,
		.location = path,
		.clock = &clock_system,
		.random = &random_system,
		.content_key = content_kek()};
	assert_ok(store_open(&config, &store, &err), err);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (store)
		store_close(&store);
	return 0;
}

/* Done while a transaction commits that put a turn there. */
static void at_commit(const char *what)
{
	char uri[512], text[600];
	test_sql_uri(path, uri);
	PGconn *connection = PQconnectdb(uri);
	(void)snprintf(text, sizeof(text),
		"CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN %s; "
		"RETURN NULL; END$$; CREATE CONSTRAINT TRIGGER late AFTER INSERT ON turns "
		"DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION at_commit()",
		what);
	PGresult *result = PQexec(connection, text);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		fail_msg("%s", PQerrorMessage(connection));
	PQclear(result);
	PQfinish(connection);
}

static bool put_work(struct store_tx *tx, void *arg, struct err *e)
{
	(void)arg;
	return sql_exec(tx->sql, "INSERT INTO turns(name, holder, until) VALUES('x', x'00', 1)",
		SQL_NO_ARGS, NULL, e);
}

static int64_t turns(void)
{
	struct sql *sql = NULL;
	struct sql_query *q = NULL;
	assert_ok(test_sql_open(path, false, &sql, &err), err);
	assert_ok(sql_first(sql, "SELECT count(*) FROM turns", SQL_NO_ARGS, &q, &err), err);
	int64_t count = sql_int(q, 0);
	sql_finish(&q);
	sql_close(&sql);
	return count;
}

/* Else it would be said to have failed, and happen a moment later. Without the line that writers stand in, which keeps work from
 * being done in vain and no promise: some databases have no such locks. */
static void commit__under_way_when_its_connection_ends__told_as_it_ends(void **state)
{
	static const struct {
		const char *end;
		bool done;
	} cases[] = {{"", true}, {"; RAISE EXCEPTION 'at the end'", false}};
	(void)state;
	if (!test_sql_is_postgres())
		skip();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char what[160];
		(void)snprintf(what, sizeof(what),
			"PERFORM pg_advisory_unlock_all(); PERFORM pg_sleep(" SERVER_NEEDS ")%s",
			cases[i].end);
		at_commit(what);
		cut = true;
		bool told = store_run(store, put_work, NULL, &err);
		assert_false(cut);
		if (told != cases[i].done)
			fail_msg("case %zu: %s", i, err.text);
		assert_int_equal(turns(), cases[i].done);
		(void)teardown(NULL);
		test_sql_remove(path);
		(void)setup(NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			commit__under_way_when_its_connection_ends__told_as_it_ends, setup,
			teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
