/* SPDX-License-Identifier: Apache-2.0 */
/* The database that verifiers are started on: SQLite in their directory, or a schema of its own for each directory on the
 * PostgreSQL of --database. */
#include "tests/bench/assay_bench/bench.h"

#include "base/file.h"
#include "tests/support/test_sql.h"

#define LINE "database: verifier.db\n"

static bool configure(const struct verifierd *v, const char *uri, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	OWNED(buf_release) struct buf other = {0};
	char path[160];
	(void)snprintf(path, sizeof(path), "%s/v/verifierd.yaml", v->dir);
	if (!file_read(path, 65536, &text, err))
		return false;
	const char *whole = buf_str(&text), *line = whole ? strstr(whole, LINE) : NULL;
	if (!line)
		return err_set(err, ERR_INTERNAL, "%s has no line %s", path, LINE);
	buf_printf(&other, "%.*sdatabase: %s\n%s", (int)(line - whole), whole, uri,
		line + strlen(LINE));
	return buf_ok(&other, err) && file_write_atomic(path, buf_bytes(&other), 0600, err);
}

bool database_use(struct bench *b, struct err *err)
{
	OWNED(sql_close) struct sql *sql = NULL;
	char uri[512];
	if (!b->on_postgres)
		return true;
	test_sql_uri(b->v.dir, uri);
	return test_sql_open(b->v.dir, true, &sql, err) && configure(&b->v, uri, err);
}

bool database_open(const struct bench *b, struct sql **ret, struct err *err)
{
	char path[160];
	if (b->on_postgres)
		return test_sql_open(b->v.dir, true, ret, err);
	(void)snprintf(path, sizeof(path), "%s/v/verifier.db", b->v.dir);
	return sql_sqlite.open(path, true, ret, err) &&
	       (*ret)->ops->script(*ret, "PRAGMA synchronous=OFF; PRAGMA cache_size=-262144;", err);
}

void database_drop(const struct bench *b)
{
	if (b->on_postgres && !b->options.keep)
		test_sql_remove(b->v.dir);
}
