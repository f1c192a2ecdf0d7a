/* SPDX-License-Identifier: Apache-2.0 */
/* What a staged policy would have said otherwise, counted; and the records it is asked about. */
#include "verifier/rows.h"

static bool counts_set(
	struct sql *sql, const struct policy_row *row, uint64_t from, struct err *err)
{
	int64_t changed = 0;
	return sql_exec(sql,
		       "UPDATE policies SET judged_to=?2, same=?3, changed=?4, undecided=?5, "
		       "unreadable=?6 WHERE seq=?1 AND state=?7 AND judged_to=?8",
		       SQL_ARGS(sql_i(row->seq), sql_u(row->judged_to), sql_i(row->same),
			       sql_i(row->changed), sql_i(row->undecided), sql_i(row->unreadable),
			       sql_i(POLICY_STAGED), sql_u(from)),
		       &changed, err) &&
	       (changed == 1 || err_set(err, ERR_CONFLICT, "the policy is staged no more"));
}

static bool difference_count(struct sql *sql, int64_t seq, const struct difference_row *row,
	int64_t *ret, struct err *err)
{
	return sql_exec(sql,
		"UPDATE policy_differences SET count=count+?7, last=?8, record=?9 WHERE policy=?1 "
		"AND workload=?2 AND host=?3 AND before=?4 AND after=?5 AND reason=?6",
		SQL_ARGS(sql_i(seq), sql_t(bytes_str(row->workload)), sql_b(BYTES_OF(row->host)),
			sql_i(row->before), sql_i(row->after), sql_t(bytes_str(row->reason)),
			sql_i(row->count), sql_i(row->last), sql_b(BYTES_OF(row->record))),
		ret, err);
}

static bool room(struct sql *sql, int64_t seq, bool *ret, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql, "SELECT count(*) FROM policy_differences WHERE policy=?1",
		    SQL_ARGS(sql_i(seq)), &q, err))
		return false;
	*ret = q && sql_int(q, 0) < (int64_t)DIFFERENCES_MAX;
	return true;
}

static bool difference_add(
	struct sql *sql, int64_t seq, const struct difference_row *from, struct err *err)
{
	struct difference_row row = *from;
	int64_t known = 0;
	bool fits = false;
	if (!difference_count(sql, seq, &row, &known, err))
		return false;
	if (known > 0)
		return true;
	if (!room(sql, seq, &fits, err))
		return false;
	if (!fits) {
		memset(row.workload, 0, sizeof(row.workload));
		memset(row.host, 0, sizeof(row.host));
		memcpy(row.reason, "others", sizeof("others"));
		if (!difference_count(sql, seq, &row, &known, err))
			return false;
	}
	return known > 0 ||
	       sql_exec(sql,
		       "INSERT INTO policy_differences(policy, workload, host, before, after, "
		       "reason, count, last, record) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
		       SQL_ARGS(sql_i(seq), sql_t(bytes_str(row.workload)),
			       sql_b(BYTES_OF(row.host)), sql_i(row.before), sql_i(row.after),
			       sql_t(bytes_str(row.reason)), sql_i(row.count), sql_i(row.last),
			       sql_b(BYTES_OF(row.record))),
		       NULL, err);
}

bool differences_add(struct sql *sql, const struct policy_row *row, uint64_t from,
	const struct difference_row *rows, size_t n, struct err *err)
{
	if (!counts_set(sql, row, from, err))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!difference_add(sql, row->seq, &rows[i], err))
			return false;
	return true;
}

static bool difference_read(const struct sql_query *q, struct difference_row *ret, struct err *err)
{
	ret->before = sql_int(q, 2) != 0;
	ret->after = sql_int(q, 3) != 0;
	ret->count = sql_int(q, 5);
	ret->last = sql_int(q, 6);
	return sql_text(q, 0, "workload name", ret->workload, sizeof(ret->workload), err) &&
	       sql_exact(q, 1, "host id", ret->host, sizeof(ret->host), err) &&
	       sql_text(q, 4, "reason", ret->reason, sizeof(ret->reason), err) &&
	       sql_exact(q, 7, "record id", ret->record, sizeof(ret->record), err);
}

bool differences_each(
	struct sql *sql, int64_t seq, difference_visit visit, void *arg, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	if (!sql_start(sql,
		    "SELECT workload, host, before, after, reason, count, last, record FROM "
		    "policy_differences WHERE policy=?1 ORDER BY count DESC, workload, host LIMIT "
		    "1000",
		    SQL_ARGS(sql_i(seq)), &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		struct difference_row row = {0};
		if (!more)
			return true;
		if (!difference_read(q, &row, err) || !visit(arg, &row, err))
			return false;
	}
	return false;
}
