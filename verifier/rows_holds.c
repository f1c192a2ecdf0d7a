/* SPDX-License-Identifier: Apache-2.0 */
/* Legal holds: set, never changed, and lifted by two persons. */
#include "verifier/retention_rows.h"

#define HOLD_COLUMNS                                                                               \
	"id, host, workload, release, time_from, time_to, reason, by_whom, set_at, lift_by, "      \
	"lift_reason, lift_asked, lifted_by, lifted"

static bool digest_or_any(const struct sql_query *q, int column, const char *name,
	uint8_t out[SHA256_LEN], bool *ret_given, struct err *err)
{
	*ret_given = sql_bytes(q, column).len > 0;
	return !*ret_given || sql_exact(q, column, name, out, SHA256_LEN, err);
}

static bool hold_read(const struct sql_query *q, struct hold_row *ret, struct err *err)
{
	ret->id = sql_int(q, 0);
	ret->from = sql_int(q, 4);
	ret->to = sql_int(q, 5);
	ret->set = sql_int(q, 8);
	ret->lift_asked = sql_int(q, 11);
	ret->lifted = sql_int(q, 13);
	return digest_or_any(q, 1, "host id", ret->host, &ret->of_host, err) &&
	       sql_text(q, 2, "workload name", ret->workload, sizeof(ret->workload), err) &&
	       digest_or_any(q, 3, "release digest", ret->release, &ret->of_release, err) &&
	       sql_text(q, 6, "reason", ret->reason, sizeof(ret->reason), err) &&
	       sql_text(q, 7, "operator", ret->by, sizeof(ret->by), err) &&
	       sql_text(q, 9, "operator", ret->lift_by, sizeof(ret->lift_by), err) &&
	       sql_text(q, 10, "reason", ret->lift_reason, sizeof(ret->lift_reason), err) &&
	       sql_text(q, 12, "operator", ret->lifted_by, sizeof(ret->lifted_by), err);
}

bool holds_each(struct sql *sql, hold_visit visit, void *arg, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	if (!sql_start(sql, "SELECT " HOLD_COLUMNS " FROM holds ORDER BY id DESC LIMIT 1000",
		    SQL_NO_ARGS, &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		struct hold_row row = {0};
		if (!more)
			return true;
		if (!hold_read(q, &row, err) || !visit(arg, &row, err))
			return false;
	}
	return false;
}

bool hold_get(struct sql *sql, int64_t id, struct hold_row *ret, bool *ret_found, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	struct hold_row row = {0};
	if (!sql_first(sql, "SELECT " HOLD_COLUMNS " FROM holds WHERE id=?1", SQL_ARGS(sql_i(id)),
		    &q, err))
		return false;
	*ret_found = q != NULL;
	if (q && !hold_read(q, &row, err))
		return false;
	*ret = row;
	return true;
}

static struct sql_value given(bool is, const uint8_t digest[SHA256_LEN])
{
	return is ? sql_b(bytes_of(digest, SHA256_LEN)) : sql_null();
}

bool hold_insert(struct sql *sql, struct hold_row *row, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql,
		    "SELECT coalesce(max(id), 0)+1, count(*) FILTER (WHERE lifted=0) FROM holds",
		    SQL_NO_ARGS, &q, err))
		return false;
	row->id = q ? sql_int(q, 0) : 1;
	/* Half of what counts at one time: those lifted count on for the grace. */
	if (q && sql_int(q, 1) >= HOLDS_MAX / 2)
		return err_set(err, ERR_LIMIT, "at most %u holds at one time", HOLDS_MAX / 2);
	sql_finish(&q);
	return sql_exec(sql,
		"INSERT INTO holds(id, host, workload, release, time_from, time_to, reason, "
		"by_whom, set_at) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
		SQL_ARGS(sql_i(row->id), given(row->of_host, row->host),
			sql_t(bytes_str(row->workload)), given(row->of_release, row->release),
			sql_i(row->from), sql_i(row->to), sql_t(bytes_str(row->reason)),
			sql_t(bytes_str(row->by)), sql_i(row->set)),
		NULL, err);
}

bool hold_set_lift(struct sql *sql, const struct hold_row *row, struct err *err)
{
	return sql_exec(sql,
		"UPDATE holds SET lift_by=?2, lift_reason=?3, lift_asked=?4, lifted_by=?5, "
		"lifted=?6 WHERE id=?1",
		SQL_ARGS(sql_i(row->id), sql_t(bytes_str(row->lift_by)),
			sql_t(bytes_str(row->lift_reason)), sql_i(row->lift_asked),
			sql_t(bytes_str(row->lifted_by)), sql_i(row->lifted)),
		NULL, err);
}

bool holds_load(struct sql *sql, int64_t now, int64_t grace, struct holds *ret, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	ret->count = 0;
	if (!sql_start(sql,
		    "SELECT " HOLD_COLUMNS " FROM holds WHERE lifted=0 OR lifted>?1 ORDER BY id",
		    SQL_ARGS(sql_i(now - grace)), &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		if (!more)
			return true;
		if (ret->count == HOLDS_MAX)
			return err_set(err, ERR_LIMIT, "more than %u holds count", HOLDS_MAX);
		memset(&ret->list[ret->count], 0, sizeof(ret->list[0]));
		if (!hold_read(q, &ret->list[ret->count++], err))
			return false;
	}
	return false;
}
