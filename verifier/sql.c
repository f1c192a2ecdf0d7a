/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/sql.h"

#include <stdio.h>

static const char *after_scheme(const char *location)
{
	static const char *const schemes[] = {"postgresql://", "postgres://"};
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (strncmp(location, schemes[i], strlen(schemes[i])) == 0)
			return location + strlen(schemes[i]);
	return NULL;
}

const struct sql_ops *sql_ops_of(const char *location)
{
	return after_scheme(location) ? &sql_postgres : &sql_sqlite;
}

const char *sql_place(const char *location, char out[SQL_PLACE_MAX])
{
	const char *from = after_scheme(location);
	if (!from)
		return location;
	size_t len = strcspn(from, "?");
	for (size_t i = 0; i < len; i++)
		if (from[i] == '@') {
			from += i + 1;
			len -= i + 1;
			i = 0;
		}
	(void)snprintf(out, SQL_PLACE_MAX, "postgresql://%.*s", (int)len, from);
	return out;
}

void sql_close(struct sql **sql)
{
	if (*sql)
		(*sql)->ops->close(*sql);
	*sql = NULL;
}

bool sql_start(struct sql *sql, const char *text, const struct sql_value *args, size_t n,
	struct sql_query **ret, struct err *err)
{
	return sql->ops->start(sql, text, args, n, ret, err);
}

bool sql_next(struct sql_query *query, bool *ret_row, struct err *err)
{
	return query->sql->ops->next(query, ret_row, err);
}

void sql_finish(struct sql_query **query)
{
	if (*query)
		(*query)->sql->ops->finish(*query);
	*query = NULL;
}

int64_t sql_int(const struct sql_query *query, int column)
{
	return query->sql->ops->column_int(query, column);
}

struct bytes sql_bytes(const struct sql_query *query, int column)
{
	return query->sql->ops->column_bytes(query, column);
}

bool sql_exact(const struct sql_query *query, int column, const char *name, void *out, size_t n,
	struct err *err)
{
	struct bytes bytes = sql_bytes(query, column);
	if (bytes.len != n)
		return err_set(err, ERR_STORE, "stored %s has %zu bytes, expected %zu", name,
			bytes.len, n);
	memcpy(out, bytes.data, n);
	return true;
}

void sql_put(const struct sql_query *query, int column, struct buf *out)
{
	buf_put(out, sql_bytes(query, column));
}

bool sql_text(const struct sql_query *query, int column, const char *name, char *out, size_t size,
	struct err *err)
{
	struct bytes bytes = sql_bytes(query, column);
	if (bytes.len >= size || (bytes.len > 0 && memchr(bytes.data, 0, bytes.len)))
		return err_set(
			err, ERR_STORE, "stored %s is no text of less than %zu bytes", name, size);
	if (bytes.len > 0)
		memcpy(out, bytes.data, bytes.len);
	out[bytes.len] = 0;
	return true;
}

bool sql_ask(struct sql *sql)
{
	return sql->ops->ask && sql->ops->ask(sql, true);
}

void sql_ask_end(struct sql *sql)
{
	(void)sql->ops->ask(sql, false);
}

bool sql_exec(struct sql *sql, const char *text, const struct sql_value *args, size_t n,
	int64_t *ret_changes, struct err *err)
{
	OWNED(sql_finish) struct sql_query *query = NULL;
	bool row = true;
	if (!ret_changes && sql->ops->exec)
		return sql->ops->exec(sql, text, args, n, NULL, err);
	if (!sql_start(sql, text, args, n, &query, err))
		return false;
	while (row)
		if (!sql_next(query, &row, err))
			return false;
	sql_finish(&query);
	if (ret_changes)
		*ret_changes = sql->ops->changes(sql);
	return true;
}

static bool unless_one(bool is_one, const struct sql_fault *unless, struct err *err)
{
	return is_one || err_set(err, unless->code, "%s", unless->text);
}

bool sql_change_one(struct sql *sql, const char *text, const struct sql_value *args, size_t n,
	const struct sql_fault *unless, struct err *err)
{
	int64_t changes = 0;
	if (sql->ops->exec)
		return sql->ops->exec(sql, text, args, n, unless, err);
	return sql_exec(sql, text, args, n, &changes, err) && unless_one(changes == 1, unless, err);
}

bool sql_holds(struct sql *sql, const char *text, const struct sql_value *args, size_t n,
	const struct sql_fault *unless, struct err *err)
{
	OWNED(sql_finish) struct sql_query *query = NULL;
	if (sql->ops->exec)
		return sql->ops->exec(sql, text, args, n, unless, err);
	return sql_first(sql, text, args, n, &query, err) && unless_one(query != NULL, unless, err);
}

bool sql_first(struct sql *sql, const char *text, const struct sql_value *args, size_t n,
	struct sql_query **ret_query, struct err *err)
{
	OWNED(sql_finish) struct sql_query *query = NULL;
	bool row = false;
	*ret_query = NULL;
	if (!sql_start(sql, text, args, n, &query, err) || !sql_next(query, &row, err))
		return false;
	if (row)
		*ret_query = TAKE(query);
	return true;
}
