/* SPDX-License-Identifier: Apache-2.0 */
/* Every route, with the k-th call of its database failing, in each way in which databases do: see routes.h. */
#include "tests/fault/routes.h"
#include "tests/fault/told.h"

/* How a call fails. */
static const struct fault {
	enum err_code code;
	bool ends_transaction; /* the database has rolled back by itself: a disk that is full */
	bool commits; /* of commits alone: it was durable, and nobody said so */
} kinds[] = {
	{.code = ERR_STORE},
	{.code = ERR_CONFLICT},
	{.code = ERR_NOMEM},
	{.code = ERR_STORE, .ends_transaction = true},
	{.code = ERR_STORE, .commits = true},
};

static _Thread_local bool inside; /* a call that SQLite's side makes for another */
static struct sql_ops faulty;

static bool fails_now(void)
{
	if (!told.armed || inside || atomic_fetch_add(&told.seen, 1) != told.at)
		return false;
	told.failed++;
	return true;
}

static bool told_so(struct sql *sql, struct err *err)
{
	const struct fault *fault = &kinds[told.kind];
	if (fault->ends_transaction && sql && sql_sqlite.in_transaction(sql)) {
		inside = true;
		sql_sqlite.rollback(sql);
		inside = false;
	}
	return err_set(err, fault->code, "told to fail");
}

/* Every call but a commit's, of the kinds that are not about commits. */
static bool call_fails(void)
{
	return !kinds[told.kind].commits && fails_now();
}

#define FAULTY(name, params, args)                                                                 \
	static bool faulty_##name params                                                           \
	{                                                                                          \
		if (call_fails())                                                                  \
			return told_so(sql, err);                                                  \
		bool was = inside;                                                                 \
		inside = true;                                                                     \
		bool ok = sql_sqlite.name args;                                                    \
		inside = was;                                                                      \
		return ok;                                                                         \
	}
FAULTY(begin, (struct sql * sql, struct err *err), (sql, err))
FAULTY(savepoint, (struct sql * sql, struct err *err), (sql, err))
FAULTY(savepoint_keep, (struct sql * sql, struct err *err), (sql, err))
FAULTY(savepoint_undo, (struct sql * sql, struct err *err), (sql, err))
FAULTY(scrub, (struct sql * sql, bool whole, bool *ret, struct err *err), (sql, whole, ret, err))
FAULTY(start,
	(struct sql * sql, const char *text, const struct sql_value *args, size_t n,
		struct sql_query **ret, struct err *err),
	(sql, text, args, n, ret, err))

static bool faulty_next(struct sql_query *query, bool *ret_row, struct err *err)
{
	return call_fails() ? told_so(query->sql, err) : sql_sqlite.next(query, ret_row, err);
}

static bool faulty_commit(struct sql *sql, struct err *err)
{
	bool now = fails_now();
	if (now && !kinds[told.kind].commits)
		return told_so(sql, err);
	inside = true;
	bool ok = sql_sqlite.commit(sql, err);
	inside = false;
	return ok && !now ? true : ok ? err_set(err, ERR_STORE, "told to fail") : false;
}

static void faulty_rollback(struct sql *sql)
{
	inside = true;
	sql_sqlite.rollback(sql);
	inside = false;
}

static bool faulty_open(const char *location, bool writer, struct sql **ret, struct err *err)
{
	if (call_fails())
		return told_so(NULL, err);
	inside = true;
	bool ok = sql_sqlite.open(location, writer, ret, err);
	inside = false;
	if (ok)
		(*ret)->ops = &faulty;
	return ok;
}

static void S12__every_route_on_a_database_that_fails__nothing_decided_or_whole(void **state)
{
	static const struct faults faults = {.kinds = ARRAY_LEN(kinds),
		.samples = 1,
		.arm = told_arm,
		.disarm = told_disarm,
		.seen = told_seen,
		.conflicts = true};
	(void)state;
	faulty = sql_sqlite;
	faulty.open = faulty_open;
	faulty.begin = faulty_begin;
	faulty.commit = faulty_commit;
	faulty.rollback = faulty_rollback;
	faulty.savepoint = faulty_savepoint;
	faulty.savepoint_keep = faulty_savepoint_keep;
	faulty.savepoint_undo = faulty_savepoint_undo;
	faulty.scrub = faulty_scrub;
	faulty.start = faulty_start;
	faulty.next = faulty_next;
	routes_run(&faults, &faulty, NULL, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			S12__every_route_on_a_database_that_fails__nothing_decided_or_whole),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
