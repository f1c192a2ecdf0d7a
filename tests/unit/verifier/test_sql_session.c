/* SPDX-License-Identifier: Apache-2.0 */
/* What a session with PostgreSQL is refused for before anything is asked of the server (sql_postgres_place.c). */
#include "verifier/sql_postgres.h"

#include "tests/support/unit.h"

static int version;

/* libpq's, as a server of that version would have it say. */
int PQserverVersion(const PGconn *connection)
{
	(void)connection;
	return version;
}

/* The connection is none: nothing is asked of an old server. */
static void session__server_older_than_15__refused_with_its_version(void **state)
{
	static const struct {
		int version;
		const char *why;
	} cases[] = {
		{149999, "the server is PostgreSQL 14.9999: 15 or newer is needed"},
		{140022, "the server is PostgreSQL 14.22: 15 or newer is needed"},
		{90624, "the server is PostgreSQL 9.624: 15 or newer is needed"},
		{0, "the server is PostgreSQL 0.0: 15 or newer is needed"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		static struct pg self;
		struct err err = {0};
		version = cases[i].version;
		assert_fails(pg_session(&self, &err), err, ERR_CONFIG, cases[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session__server_older_than_15__refused_with_its_version),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
