/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The database of a test's store, so that one test runs against both sides of the seam: SQLite at the
 * path, or, with ASSAY_TEST_SQL=URI in the environment, a schema of its own for the path on that
 * PostgreSQL (tests/support/postgres starts one).
 */
#ifndef ASSAY_TESTS_SUPPORT_TEST_SQL_H
#define ASSAY_TESTS_SUPPORT_TEST_SQL_H

#include "verifier/sql.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

static inline bool test_sql_is_postgres(void)
{
	return getenv("ASSAY_TEST_SQL") != NULL;
}

/* What a test is of SQLite's own: its files, its PRAGMAs, databases from before PostgreSQL was there. */
#define TEST_SQLITE_ONLY                                                                           \
	do {                                                                                       \
		if (test_sql_is_postgres())                                                        \
			skip();                                                                    \
	} while (0)

/* A trigger belongs to its table, or to nobody. */
#define TEST_SQL_DROP_TRIGGER(trigger, table)                                                      \
	(test_sql_is_postgres() ? "DROP TRIGGER " trigger " ON " table : "DROP TRIGGER " trigger)

/* The schema of a path: its name is the path's FNV-1a hash. */
static inline const char *test_sql_schema(const char *path, char out[32])
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (; *path; path++)
		hash = (hash ^ (uint8_t)*path) * UINT64_C(0x100000001b3);
	(void)snprintf(out, 32, "t%016" PRIx64, hash);
	return out;
}

static inline void test_sql_uri(const char *path, char out[512])
{
	char schema[32];
	(void)test_sql_schema(path, schema);
	(void)snprintf(out, 512, "%s&application_name=%s&options=-csearch_path%%3D%s",
		getenv("ASSAY_TEST_SQL"), schema, schema);
}

static inline bool test_sql_open(const char *path, bool writer, struct sql **ret, struct err *err)
{
	char uri[512], schema[32], text[96];
	if (writer) {
		PGconn *connection = PQconnectdb(getenv("ASSAY_TEST_SQL"));
		(void)snprintf(text, sizeof(text),
			"SET client_min_messages=error; CREATE SCHEMA IF NOT EXISTS %s",
			test_sql_schema(path, schema));
		PQclear(PQexec(connection, text));
		PQfinish(connection);
	}
	test_sql_uri(path, uri);
	return sql_postgres.open(uri, writer, ret, err);
}

/* As if there had never been anything at the path. */
static inline void test_sql_remove(const char *path)
{
	char schema[32], text[96];
	PGconn *connection = PQconnectdb(getenv("ASSAY_TEST_SQL"));
	(void)snprintf(text, sizeof(text),
		"SET client_min_messages=error; DROP SCHEMA IF EXISTS %s CASCADE",
		test_sql_schema(path, schema));
	PQclear(PQexec(connection, text));
	PQfinish(connection);
}

static inline const struct sql_ops *test_sql(void)
{
	static struct sql_ops postgres;
	if (!test_sql_is_postgres())
		return &sql_sqlite;
	if (!postgres.open) {
		postgres = sql_postgres;
		postgres.open = test_sql_open;
	}
	return &postgres;
}

#endif
