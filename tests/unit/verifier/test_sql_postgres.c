/* SPDX-License-Identifier: Apache-2.0 */
/* What is PostgreSQL's alone: commits whose answer is lost, connections that end, errors that come
 * late, several stores on one database. Skipped without ASSAY_TEST_SQL. */
#include "verifier/sql_postgres.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/test_sql.h"
#include "tests/support/unit.h"
#include "tests/unit/verifier/content.h"
#include "tests/unit/verifier/fakes.h"
#include "verifier/retention.h"
#include "verifier/rows.h"
#include "verifier/store.h"

static char path[96];
static struct store *a, *b;
static struct err err;

/* ---- the seam, with connections that end when told to ---- */

static struct sql_ops ops;
static atomic_int cut_at; /* the call before which the writer's connection ends; 0: none */
static atomic_int calls;
static atomic_bool answer_lost; /* the next commit happens, and nobody is told */
static atomic_bool commit_lost; /* the next one does not, and nobody is told */
static atomic_bool row_lost; /* with what would say so */

static void count(struct sql *sql)
{
	if (++calls == cut_at)
		(void)shutdown(PQsocket(pg_of(sql)->connection), SHUT_RDWR);
}
static bool cut_begin(struct sql *sql, struct err *e)
{
	count(sql);
	return sql_postgres.begin(sql, e);
}
static bool cut_commit(struct sql *sql, struct err *e)
{
	count(sql);
	if (atomic_exchange(&commit_lost, false)) {
		sql_postgres.rollback(sql);
		if (atomic_exchange(&row_lost, false) &&
			!sql_exec(sql, "DELETE FROM writers", SQL_NO_ARGS, NULL, e))
			return false;
	} else {
		if (!sql_postgres.commit(sql, e))
			return false;
		if (!atomic_exchange(&answer_lost, false))
			return true;
	}
	sql->unknown = true;
	return err_set(e, ERR_STORE, "the answer was lost");
}
static bool cut_savepoint(struct sql *sql, struct err *e)
{
	count(sql);
	return sql_postgres.savepoint(sql, e);
}
static bool cut_keep(struct sql *sql, struct err *e)
{
	count(sql);
	return sql_postgres.savepoint_keep(sql, e);
}
static bool cut_exec(struct sql *sql, const char *text, const struct sql_value *args, size_t n,
	const struct sql_fault *unless_one, struct err *e)
{
	count(sql);
	return sql_postgres.exec(sql, text, args, n, unless_one, e);
}
static bool cut_start(struct sql *sql, const char *text, const struct sql_value *args, size_t n,
	struct sql_query **ret, struct err *e)
{
	count(sql);
	return sql_postgres.start(sql, text, args, n, ret, e);
}
static bool cut_open(const char *location, bool writer, struct sql **ret, struct err *e)
{
	if (!test_sql_open(location, writer, ret, e))
		return false;
	if (writer)
		(*ret)->ops = &ops;
	return true;
}

static bool open_store(struct store **ret)
{
	struct store_config config = {.ops = &ops,
		.location = path,
		.clock = &clock_system,
		.random = &random_system,
		.content_key = content_kek()};
	err = (struct err){0};
	return store_open(&config, ret, &err);
}

static int setup(void **state)
{
	(void)state;
	if (!test_sql_is_postgres())
		return 0;
	static unsigned number;
	(void)snprintf(path, sizeof(path), "postgres-%d-%u", (int)getpid(), number++);
	ops = sql_postgres;
	ops.open = cut_open;
	ops.begin = cut_begin;
	ops.commit = cut_commit;
	ops.savepoint = cut_savepoint;
	ops.savepoint_keep = cut_keep;
	ops.exec = cut_exec;
	ops.start = cut_start;
	cut_at = 0;
	answer_lost = false;
	if (!open_store(&a) || !open_store(&b))
		fail_msg("%s", err.text);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cut_at = 0;
	if (a)
		store_close(&a);
	if (b)
		store_close(&b);
	return 0;
}

#define NEEDS_POSTGRES                                                                             \
	do {                                                                                       \
		if (!test_sql_is_postgres())                                                       \
			skip();                                                                    \
	} while (0)

/* ---- jobs ---- */

static bool append_work(struct store_tx *tx, void *arg, struct err *e)
{
	struct leaf_row row = {0};
	memset(row.hash, 7, sizeof(row.hash));
	buf_put_u8(&row.bytes, 7);
	bool ok = leaf_append(tx, &row, e);
	*(uint64_t *)arg = row.index;
	leaf_row_release(&row);
	return ok;
}

static bool append(struct store *store)
{
	uint64_t index = 0;
	err = (struct err){0};
	return store_run(store, append_work, &index, &err);
}

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

static int64_t leaves(void)
{
	return ask("SELECT count(*) FROM leaves");
}

static void await_ready(struct store *store)
{
	for (int i = 0; i < 1000 && !store_ready(store); i++)
		(void)usleep(10000);
	assert_true(store_ready(store));
}

/* ---- commits whose answer is lost ---- */

static void commit__answer_lost__found_out_and_not_done_twice(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	assert_true(append(a));
	answer_lost = true;
	assert_ok(append(a), err);
	assert_int_equal(leaves(), 2);
	await_ready(a);
	assert_true(append(b) && append(a));
	assert_int_equal(leaves(), 4);
}

static void commit__another_batch_before_the_question__still_found_out(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	for (int i = 0; i < 5; i++) {
		answer_lost = true;
		assert_ok(append(a), err);
		assert_ok(append(b), err);
	}
	assert_int_equal(leaves(), 10);
}

static void commit__lost_with_its_answer__found_out_and_refused(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	assert_true(append(a));
	for (int i = 0; i < 3; i++) {
		commit_lost = true;
		assert_false(append(a));
		assert_int_equal(err.code, ERR_STORE);
		assert_string_equal(err.text, "the answer was lost");
		assert_int_equal(leaves(), 1 + i);
		await_ready(a);
		assert_ok(append(a), err);
	}
	assert_int_equal(leaves(), 4);
}

static void commit__lost_with_its_row__said_that_nobody_knows(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	row_lost = true;
	commit_lost = true;
	assert_false(append(a));
	assert_int_equal(err.code, ERR_STORE);
	assert_string_equal(
		err.text, "it is not known whether this was stored: the answer was lost");
	assert_int_equal(leaves(), 0);
	/* And no more is taken from who is not there. */
	assert_false(append(a));
	assert_int_equal(leaves(), 0);
}

/* ---- who begins, and who is at work ---- */

static bool open_ahead(struct store **ret)
{
	static const struct shifted_clock ahead = {
		.base = {&shifted_clock_ops}, .shift = 40 * (int64_t)86400};
	struct store_config config = {.ops = &ops,
		.location = path,
		.clock = &ahead.base,
		.random = &random_system,
		.content_key = content_kek()};
	err = (struct err){0};
	return store_open(&config, ret, &err);
}

static void writers__one_begins_whose_clock_is_ahead__the_others_go_on(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct store *c = NULL;
		bool opened = open_ahead(&c);
		bool wrote = opened && append(c);
		if (opened)
			store_close(&c);
		assert_ok(opened && wrote, err);
	}
	assert_ok(append(a), err);
	assert_ok(append(b), err);
}

static void writers__silent_for_long__the_newest_are_kept(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	struct store *c = NULL;
	assert_ok(run_text(a, "INSERT INTO writers(id, batch, seen) SELECT "
			      "decode(lpad(to_hex(g), 32, '0'), 'hex'), 0, g FROM "
			      "generate_series(1, 300) g"),
		err);
	bool opened = open_store(&c);
	if (opened)
		store_close(&c);
	assert_ok(opened, err);
	assert_int_equal(ask("SELECT count(*) FROM writers"), 257);
	assert_int_equal(ask("SELECT min(seen) FROM writers"), 300 - 254 + 1);
	assert_ok(append(a), err);
	assert_ok(append(b), err);
}

static void connection__cut_before_any_call__acknowledged_is_stored_and_nothing_else(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	int64_t acknowledged = 0;
	bool ended = false, failed = false;
	for (int k = 1; !ended; k++) {
		await_ready(a);
		calls = 0;
		cut_at = k;
		bool ok = append(a);
		acknowledged += ok;
		failed = failed || !ok;
		/* What the answer was about is in the database, or it is not. */
		assert_int_equal(leaves(), acknowledged);
		ended = calls < k;
		assert_true(k < 100);
	}
	assert_true(failed);
}

/* ---- errors ---- */

static bool late_work(struct store_tx *tx, void *arg, struct err *e)
{
	(void)arg;
	/* Both are sent, and neither is waited for. */
	return sql_exec(tx->sql, "INSERT INTO turns(name, holder, until) VALUES('x', x'00', 1)",
		       SQL_NO_ARGS, NULL, e) &&
	       sql_exec(tx->sql, "INSERT INTO turns(name, holder, until) VALUES('x', x'00', 1)",
		       SQL_NO_ARGS, NULL, e);
}

static bool hold_work(struct store_tx *tx, void *arg, struct err *e)
{
	(void)tx;
	(void)e;
	while (!atomic_load((atomic_int *)arg))
		(void)usleep(1000);
	return true;
}

struct noted {
	store_work work;
	uint64_t index;
	atomic_int *ret; /* -1: done, otherwise the error's code */
};
static bool noted_work(struct store_tx *tx, void *arg, struct err *e)
{
	struct noted *n = arg;
	return n->work(tx, &n->index, e);
}
static void noted_done(void *arg, const struct err *e)
{
	struct noted *n = arg;
	*n->ret = e ? (int)e->code : -1;
	free(n);
}
static void submit(store_work work, atomic_int *ret)
{
	struct noted *n = calloc(1, sizeof(*n));
	assert_non_null(n);
	n->work = work;
	n->ret = ret;
	store_submit(a, noted_work, noted_done, n);
}
static void ignore_done(void *arg, const struct err *e)
{
	(void)arg;
	(void)e;
}

static void error__that_comes_late__is_its_own_job_s(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	atomic_int go = 0, before = 0, late = 0, after = 0;
	store_submit(a, hold_work, ignore_done, &go);
	submit(append_work, &before);
	submit(late_work, &late);
	submit(append_work, &after);
	atomic_store(&go, 1);
	for (int i = 0; i < 1000 && (!before || !late || !after); i++)
		(void)usleep(10000);
	assert_int_equal(before, -1);
	assert_int_equal(late, ERR_CONFLICT);
	assert_int_equal(after, -1);
	assert_int_equal(leaves(), 2);
	assert_int_equal(ask("SELECT count(*) FROM turns"), 0);
}

static void batch__on_a_state_that_moved__busy_and_nothing_stored(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	assert_false(run_text(a, "UPDATE meta SET epoch=epoch+1 WHERE id=1"));
	assert_int_equal(err.code, ERR_BUSY);
	assert_string_equal(err.text, "another verifier's batch came between");
	assert_true(append(a));
	assert_int_equal(leaves(), 1);
}

static const struct sql_fault no_such_turn = {ERR_BUSY, "no such turn"};

static bool one_work(struct store_tx *tx, void *arg, struct err *e)
{
	(void)arg;
	/* The first is not waited for; what comes after it goes with it. */
	return sql_change_one(tx->sql, "UPDATE turns SET until=2 WHERE name='nobody'", SQL_NO_ARGS,
		       &no_such_turn, e) &&
	       sql_exec(tx->sql, "INSERT INTO turns(name, holder, until) VALUES('x', x'00', 1)",
		       SQL_NO_ARGS, NULL, e);
}

static void change__of_no_row_among_others__its_own_job_fails(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	atomic_int go = 0, before = 0, late = 0, after = 0;
	store_submit(a, hold_work, ignore_done, &go);
	submit(append_work, &before);
	submit(one_work, &late);
	submit(append_work, &after);
	atomic_store(&go, 1);
	for (int i = 0; i < 1000 && (!before || !late || !after); i++)
		(void)usleep(10000);
	assert_int_equal(before, -1);
	assert_int_equal(late, ERR_BUSY);
	assert_int_equal(after, -1);
	assert_int_equal(leaves(), 2);
	assert_int_equal(ask("SELECT count(*) FROM turns"), 0);
}

/* ---- the session ---- */

static void session__weaker_commits_asked_for__made_durable(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	struct sql *sql = NULL;
	struct sql_query *q = NULL;
	char uri[600];
	test_sql_uri(path, uri);
	(void)snprintf(
		uri + strlen(uri), sizeof(uri) - strlen(uri), "%%20-csynchronous_commit%%3Doff");
	assert_ok(sql_postgres.open(uri, true, &sql, &err), err);
	assert_ok(sql_first(sql, "SHOW synchronous_commit", SQL_NO_ARGS, &q, &err), err);
	assert_true(bytes_equal_str(sql_bytes(q, 0), "on"));
	sql_finish(&q);
	sql_close(&sql);
}

/* Outside of any test's schema. */
static void server_does(const char *text)
{
	PGconn *connection = PQconnectdb(getenv("ASSAY_TEST_SQL"));
	PGresult *result = PQexec(connection, text);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		fail_msg("%s", PQerrorMessage(connection));
	PQclear(result);
	PQfinish(connection);
}

static void session__database_of_another_encoding__refused(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	struct sql *sql = NULL;
	const char *whole = getenv("ASSAY_TEST_SQL");
	assert_non_null(whole);
	const char *from = strstr(whole, "/assay?");
	char name[48], text[160], uri[512];
	assert_non_null(from);
	(void)snprintf(name, sizeof(name), "ascii%d", (int)getpid());
	(void)snprintf(uri, sizeof(uri), "%.*s/%s%s", (int)(from - whole), whole, name,
		from + strlen("/assay"));
	(void)snprintf(text, sizeof(text),
		"CREATE DATABASE %s ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE "
		"template0",
		name);
	server_does(text);
	bool opened = sql_postgres.open(uri, true, &sql, &err);
	sql_close(&sql);
	(void)snprintf(text, sizeof(text), "DROP DATABASE %s WITH (FORCE)", name);
	server_does(text);
	assert_false(opened);
	assert_int_equal(err.code, ERR_CONFIG);
	assert_non_null(strstr(err.text,
		"the server has server_encoding=SQL_ASCII: text is stored as UTF-8: make the "
		"database with ENCODING 'UTF8'"));
}

/* Most of all those that were made while a table was empty. */
static void session__its_plans__read_no_whole_table(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	for (int writer = 0; writer < 2; writer++) {
		struct sql *sql = NULL;
		struct sql_query *q = NULL;
		assert_ok(test_sql_open(path, writer == 1, &sql, &err), err);
		assert_ok(sql_first(sql, "EXPLAIN SELECT seen FROM writers WHERE id=x'00'",
				  SQL_NO_ARGS, &q, &err),
			err);
		assert_int_equal(sql_bytes(q, 0).len >= 10, true);
		assert_memory_equal(sql_bytes(q, 0).data, "Index Scan", 10);
		sql_finish(&q);
		sql_close(&sql);
	}
}

static void session__reader__writes_nothing(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	struct sql *sql = NULL;
	assert_ok(test_sql_open(path, false, &sql, &err), err);
	assert_false(sql_exec(sql, "UPDATE meta SET probe=0", SQL_NO_ARGS, NULL, &err));
	assert_non_null(strstr(err.text, "read-only transaction"));
	sql_close(&sql);
}

static void readers__server_ends_their_connections__the_next_read_works(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	struct sql *sql = NULL;
	assert_ok(store_read(a, &sql, &err), err);
	store_read_done(a, &sql);
	assert_true(append(a));
	(void)ask("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE "
		  "pid<>pg_backend_pid() AND application_name=current_setting('application_name')");
	(void)usleep(100000);
	struct leaf_row row = {0};
	bool found = false;
	assert_ok(store_read(a, &sql, &err), err);
	assert_ok(leaf_get(sql, 0, &row, &found, &err), err);
	assert_true(found);
	leaf_row_release(&row);
	store_read_done(a, &sql);
	for (int i = 0; i < 500 && !append(a); i++)
		(void)usleep(10000);
	assert_int_equal(leaves(), 2);
}

/* ---- several on one database ---- */

static void *many_main(void *store)
{
	for (int i = 0; i < 50; i++)
		if (!append(store))
			return store;
	return NULL;
}

static void two_stores__at_once__one_ledger_and_both_see_it(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	pthread_t threads[2];
	struct store_tree of_a, of_b;
	void *result = NULL;
	assert_int_equal(pthread_create(&threads[0], NULL, many_main, a), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, many_main, b), 0);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_null(result);
	}
	assert_true(append(a));
	store_tree(a, &of_a);
	store_tree(b, &of_b);
	assert_int_equal(of_a.size, 101);
	assert_memory_equal(&of_a, &of_b, sizeof(of_a));
	/* A snapshot has the tree of its own time. */
	struct sql *sql = NULL;
	assert_ok(store_read_snapshot(b, &sql, &err), err);
	assert_ok(store_tree_of(b, sql, &of_b, &err), err);
	assert_memory_equal(&of_a, &of_b, sizeof(of_a));
	assert_true(append(a));
	assert_ok(store_tree_of(b, sql, &of_b, &err), err);
	assert_memory_equal(&of_a, &of_b, sizeof(of_a));
	store_read_done(b, &sql);
	store_tree(b, &of_b);
	assert_int_equal(of_b.size, 102);
	assert_int_equal(leaves(), 102);
	assert_int_equal(ask("SELECT max(idx) FROM leaves"), 101);
}

static void turn__one_has_it__the_other_when_it_ended(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	bool mine = false;
	assert_ok(store_turn(a, "sweep", 600, &mine, &err), err);
	assert_true(mine);
	assert_ok(store_turn(b, "sweep", 600, &mine, &err), err);
	assert_false(mine);
	assert_ok(store_turn(b, "other", 600, &mine, &err), err);
	assert_true(mine);
	assert_ok(store_turn(a, "sweep", -1, &mine, &err), err);
	assert_true(mine);
	assert_ok(store_turn(b, "sweep", 600, &mine, &err), err);
	assert_true(mine);
}

static void *open_main(void *ret)
{
	return open_store(ret) ? NULL : ret;
}

static void start__two_on_an_empty_database_at_once__one_schema(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	pthread_t threads[2];
	struct store *both[2] = {NULL, NULL};
	void *result = NULL;
	(void)strcat(path, "-empty");
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, open_main, &both[i]), 0);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_null(result);
	}
	assert_true(append(both[0]) && append(both[1]));
	assert_int_equal(leaves(), 2);
	assert_int_equal(ask("SELECT count(*) FROM content_keys"), 1);
	store_close(&both[0]);
	store_close(&both[1]);
}

static void rotation__another_verifier_runs__refused(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	struct content_rotation rotation = {.kek = content_kek(), .random = &random_system};
	assert_fails(content_keys_rotate(a, &rotation, &err), err, ERR_BUSY,
		"rotating the content key: another assay-verifierd serves this database: stop all "
		"of them first");
	store_close(&b);
	/* The server takes a moment to notice that somebody has gone. */
	for (int i = 0; i < 500 && !content_keys_rotate(a, &rotation, &err); i++)
		(void)usleep(10000);
	assert_int_equal(rotation.generation, 2);
}

/* ---- retention, by the clocks of two machines ---- */

struct sweeping {
	uint8_t boot;
	int64_t time; /* what it was, when accepted: by the machine's clock */
	uint64_t ms;
	bool accept;
	struct retention_state before; /* as this machine found it */
	struct retention_clock clock;
	struct clock base;
};

static int64_t sweeping_wall(const struct clock *clock)
{
	return ((const struct sweeping *)((const char *)clock - offsetof(struct sweeping, base)))
		->time;
}
static uint64_t sweeping_ms(const struct clock *clock)
{
	return ((const struct sweeping *)((const char *)clock - offsetof(struct sweeping, base)))
		->ms;
}
static const struct clock_ops sweeping_ops = {.wall = sweeping_wall, .monotonic_ms = sweeping_ms};

static bool sweeping_work(struct store_tx *tx, void *arg, struct err *e)
{
	struct sweeping *s = arg;
	struct retention_state next;
	if (!retention_state_of(tx->sql, s->clock.boot, &s->before, e))
		return false;
	if (s->accept)
		retention_clock_accept(&s->clock, &s->before, &next);
	else if (!retention_clock_check(&s->clock, &s->before, &next, e))
		return false;
	return retention_state_set(tx->sql, &next, e);
}

static bool sweep(struct sweeping *s, struct store *store)
{
	s->base.ops = &sweeping_ops;
	s->clock = (struct retention_clock){.clock = &s->base, .known = true};
	memset(s->clock.boot, s->boot, sizeof(s->clock.boot));
	err = (struct err){0};
	return store_run(store, sweeping_work, s, &err);
}

#define START INT64_C(1767225600)
#define DAY   INT64_C(86400)

static void retention__machines_take_turns__each_by_its_own_clock(void **state)
{
	NEEDS_POSTGRES;
	(void)state;
	struct sweeping one = {.boot = 1, .time = START, .ms = 1000};
	struct sweeping two = {.boot = 2, .time = START + 600, .ms = 90 * (uint64_t)DAY * 1000};
	assert_ok(sweep(&one, a), err);
	assert_ok(sweep(&two, b), err);
	assert_int_equal(two.before.next, RETENTION_BOOT_BESIDE);
	for (int i = 0; i < 40; i++) {
		struct sweeping *s = i % 2 ? &two : &one;
		one.time += DAY;
		two.time += DAY;
		one.ms += (uint64_t)DAY * 1000;
		two.ms += (uint64_t)DAY * 1000;
		assert_ok(sweep(s, i % 2 ? b : a), err);
		assert_int_equal(s->before.next, RETENTION_BOOT_KNOWN);
		assert_int_equal(s->before.allowance, DAY - 600);
	}
	/* What one of them does not prove the other's turn does not hide. */
	one.time += DAY;
	assert_false(sweep(&one, a));
	assert_int_equal(err.code, ERR_DENIED);
	assert_non_null(strstr(err.text, "the clock jumped ahead"));
	one.accept = true;
	assert_ok(sweep(&one, a), err);
	two.time = one.time;
	assert_ok(sweep(&two, b), err);
	assert_int_equal(two.before.next, RETENTION_BOOT_BESIDE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(commit__answer_lost__found_out_and_not_done_twice),
		T(commit__another_batch_before_the_question__still_found_out),
		T(commit__lost_with_its_answer__found_out_and_refused),
		T(commit__lost_with_its_row__said_that_nobody_knows),
		T(writers__one_begins_whose_clock_is_ahead__the_others_go_on),
		T(writers__silent_for_long__the_newest_are_kept),
		T(connection__cut_before_any_call__acknowledged_is_stored_and_nothing_else),
		T(error__that_comes_late__is_its_own_job_s),
		T(batch__on_a_state_that_moved__busy_and_nothing_stored),
		T(change__of_no_row_among_others__its_own_job_fails),
		T(session__weaker_commits_asked_for__made_durable),
		T(session__database_of_another_encoding__refused),
		T(session__its_plans__read_no_whole_table),
		T(session__reader__writes_nothing),
		T(readers__server_ends_their_connections__the_next_read_works),
		T(two_stores__at_once__one_ledger_and_both_see_it),
		T(turn__one_has_it__the_other_when_it_ended),
		T(start__two_on_an_empty_database_at_once__one_schema),
		T(rotation__another_verifier_runs__refused),
		T(retention__machines_take_turns__each_by_its_own_clock),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
