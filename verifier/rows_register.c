/* SPDX-License-Identifier: Apache-2.0 */
/* Workloads, releases and approvals. */
#include "verifier/rows.h"

static const char *const workload_states[] = {
	[WORKLOAD_NONE] = "unknown",
	[WORKLOAD_ACTIVE] = "active",
	[WORKLOAD_RETIRED] = "retired",
};
static const char *const release_states[] = {
	[RELEASE_NONE] = "unknown",
	[RELEASE_PUBLISHED] = "published",
	[RELEASE_REVOKED] = "revoked",
};

struct bytes workload_third_parties(const struct workload_row *row)
{
	return bytes_str(strcmp(row->third_parties, "[]") == 0 ? "" : row->third_parties);
}

const char *workload_state_name(enum workload_state state)
{
	return (size_t)state < ARRAY_LEN(workload_states) ? workload_states[state]
							  : workload_states[0];
}

const char *release_state_name(enum release_state state)
{
	return (size_t)state < ARRAY_LEN(release_states) ? release_states[state]
							 : release_states[0];
}

/* ---- workloads ---- */

#define WORKLOAD_COLUMNS                                                                           \
	"name, risk_class, environment, owner, purpose, created, state, version, unit, controls, " \
	"third_parties, review_interval, reviewed, review_next, reviewer, review_reason"

static bool workload_read_facts(
	const struct sql_query *q, struct workload_row *ret, struct err *err)
{
	ret->review_interval = sql_int(q, 11);
	ret->reviewed = sql_int(q, 12);
	ret->review_next = sql_int(q, 13);
	return sql_text(q, 8, "unit", ret->unit, sizeof(ret->unit), err) &&
	       sql_text(q, 9, "controls", ret->controls, sizeof(ret->controls), err) &&
	       sql_text(q, 10, "third parties", ret->third_parties, sizeof(ret->third_parties),
		       err) &&
	       sql_text(q, 14, "reviewer", ret->reviewer, sizeof(ret->reviewer), err) &&
	       sql_text(q, 15, "reason of the review", ret->review_reason,
		       sizeof(ret->review_reason), err);
}

static bool workload_read(const struct sql_query *q, struct workload_row *ret, struct err *err)
{
	ret->created = sql_int(q, 5);
	int64_t state = sql_int(q, 6);
	ret->version = sql_int(q, 7);
	if (state != WORKLOAD_ACTIVE && state != WORKLOAD_RETIRED)
		return err_set(
			err, ERR_STORE, "stored workload state %lld is unknown", (long long)state);
	ret->state = (enum workload_state)state;
	return sql_text(q, 0, "workload name", ret->name, sizeof(ret->name), err) &&
	       sql_text(q, 1, "risk class", ret->risk_class, sizeof(ret->risk_class), err) &&
	       sql_text(q, 2, "environment", ret->environment, sizeof(ret->environment), err) &&
	       sql_text(q, 3, "owner", ret->owner, sizeof(ret->owner), err) &&
	       sql_text(q, 4, "purpose", ret->purpose, sizeof(ret->purpose), err) &&
	       workload_read_facts(q, ret, err);
}

bool workload_get(struct sql *sql, struct bytes name, struct workload_row *ret, bool *ret_found,
	struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	struct workload_row row = {0};
	if (!sql_first(sql, "SELECT " WORKLOAD_COLUMNS " FROM workloads WHERE name=?1",
		    SQL_ARGS(sql_t(name)), &q, err))
		return false;
	*ret_found = q != NULL;
	if (q && !workload_read(q, &row, err))
		return false;
	*ret = row;
	return true;
}

static const struct sql_fault workload_moved = {ERR_CONFLICT, "the workload was changed meanwhile"};

/* Version 0: there is none. */
bool workload_recheck(struct sql *sql, struct bytes name, int64_t version, struct err *err)
{
	return sql_holds(sql,
		"SELECT 1 WHERE ?2=coalesce((SELECT version FROM workloads WHERE name=?1), 0)",
		SQL_ARGS(sql_t(name), sql_i(version)), &workload_moved, err);
}

bool workload_touch(struct sql *sql, const char *workload, struct err *err)
{
	int64_t changed = 0;
	return sql_exec(sql, "UPDATE workloads SET version=version+1 WHERE name=?1",
		       SQL_ARGS(sql_t(bytes_str(workload))), &changed, err) &&
	       (changed == 1 || err_set(err, ERR_NOT_FOUND, "no workload %s", workload));
}

bool release_recheck(
	struct sql *sql, const uint8_t digest[SHA256_LEN], int64_t version, struct err *err)
{
	static const struct sql_fault moved = {ERR_CONFLICT, "the release was changed meanwhile"};
	return sql_holds(sql,
		"SELECT 1 WHERE ?2=coalesce((SELECT version FROM releases WHERE digest=?1), 0)",
		SQL_ARGS(sql_b(bytes_of(digest, SHA256_LEN)), sql_i(version)), &moved, err);
}

bool workload_insert(struct sql *sql, const struct workload_row *row, struct err *err)
{
	return sql_exec(sql,
		"INSERT INTO workloads(" WORKLOAD_COLUMNS
		") VALUES(?1,?2,?3,?4,?5,?6,?7,1,?8,?9,?10,?11,?12,?13,?14,?15)",
		SQL_ARGS(sql_t(bytes_str(row->name)), sql_t(bytes_str(row->risk_class)),
			sql_t(bytes_str(row->environment)), sql_t(bytes_str(row->owner)),
			sql_t(bytes_str(row->purpose)), sql_i(row->created), sql_i(row->state),
			sql_t(bytes_str(row->unit)), sql_t(bytes_str(row->controls)),
			sql_t(bytes_str(row->third_parties)), sql_i(row->review_interval),
			sql_i(row->reviewed), sql_i(row->review_next),
			sql_t(bytes_str(row->reviewer)), sql_t(bytes_str(row->review_reason))),
		NULL, err);
}

bool workload_set_facts(struct sql *sql, const struct workload_row *row, struct err *err)
{
	return sql_change_one(sql,
		"UPDATE workloads SET version=version+1, unit=?3, controls=?4, third_parties=?5, "
		"review_interval=?6, reviewed=?7, review_next=?8, reviewer=?9, review_reason=?10 "
		"WHERE name=?1 AND version=?2",
		SQL_ARGS(sql_t(bytes_str(row->name)), sql_i(row->version),
			sql_t(bytes_str(row->unit)), sql_t(bytes_str(row->controls)),
			sql_t(bytes_str(row->third_parties)), sql_i(row->review_interval),
			sql_i(row->reviewed), sql_i(row->review_next),
			sql_t(bytes_str(row->reviewer)), sql_t(bytes_str(row->review_reason))),
		&workload_moved, err);
}

bool workload_set_state(struct sql *sql, struct bytes name, int64_t version,
	enum workload_state state, struct err *err)
{
	return sql_change_one(sql,
		"UPDATE workloads SET state=?3, version=version+1 WHERE name=?1 AND version=?2",
		SQL_ARGS(sql_t(name), sql_i(version), sql_i(state)), &workload_moved, err);
}

bool workloads_each(struct sql *sql, workload_visit visit, void *arg, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	if (!sql_start(sql, "SELECT " WORKLOAD_COLUMNS " FROM workloads ORDER BY name", SQL_NO_ARGS,
		    &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		struct workload_row row = {0};
		if (!more)
			return true;
		if (!workload_read(q, &row, err) || !visit(arg, &row, err))
			return false;
	}
	return false;
}

/* ---- releases ---- */

#define RELEASE_COLUMNS "digest, workload, name, release_version, published, state, version"

void release_row_release(struct release_row *row)
{
	buf_release(&row->envelope);
	memset(row, 0, sizeof(*row));
}

static bool release_read(const struct sql_query *q, struct release_row *ret, struct err *err)
{
	ret->published = sql_int(q, 4);
	int64_t state = sql_int(q, 5);
	ret->version = sql_int(q, 6);
	if (state != RELEASE_PUBLISHED && state != RELEASE_REVOKED)
		return err_set(
			err, ERR_STORE, "stored release state %lld is unknown", (long long)state);
	ret->state = (enum release_state)state;
	return sql_exact(q, 0, "release digest", ret->digest, sizeof(ret->digest), err) &&
	       sql_text(q, 1, "workload name", ret->workload, sizeof(ret->workload), err) &&
	       sql_text(q, 2, "release name", ret->name, sizeof(ret->name), err) &&
	       sql_text(q, 3, "release version", ret->release_version, sizeof(ret->release_version),
		       err);
}

bool release_get(struct sql *sql, const uint8_t digest[SHA256_LEN], struct release_row *ret,
	bool *ret_found, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	OWNED(release_row_release) struct release_row row = {0};
	if (!sql_first(sql, "SELECT " RELEASE_COLUMNS ", envelope FROM releases WHERE digest=?1",
		    SQL_ARGS(sql_b(bytes_of(digest, SHA256_LEN))), &q, err))
		return false;
	*ret_found = q != NULL;
	if (q)
		sql_put(q, 7, &row.envelope);
	if (q && (!release_read(q, &row, err) || !buf_ok(&row.envelope, err)))
		return false;
	*ret = TAKE_STRUCT(row);
	return true;
}

bool release_insert(struct sql *sql, const struct release_row *row, struct err *err)
{
	return sql_exec(sql,
		"INSERT INTO releases(" RELEASE_COLUMNS
		", envelope) VALUES(?1,?2,?3,?4,?5,?6,1,?7)",
		SQL_ARGS(sql_b(BYTES_OF(row->digest)), sql_t(bytes_str(row->workload)),
			sql_t(bytes_str(row->name)), sql_t(bytes_str(row->release_version)),
			sql_i(row->published), sql_i(row->state), sql_b(buf_bytes(&row->envelope))),
		NULL, err);
}

bool release_set_state(struct sql *sql, const uint8_t digest[SHA256_LEN], int64_t version,
	enum release_state state, struct err *err)
{
	int64_t changed = 0;
	if (!sql_exec(sql,
		    "UPDATE releases SET state=?3, version=version+1 WHERE digest=?1 AND "
		    "version=?2",
		    SQL_ARGS(sql_b(bytes_of(digest, SHA256_LEN)), sql_i(version), sql_i(state)),
		    &changed, err))
		return false;
	return changed == 1 ? true
			    : err_set(err, ERR_CONFLICT, "the release was changed meanwhile");
}

bool releases_each(
	struct sql *sql, struct bytes workload, release_visit visit, void *arg, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	if (!sql_start(sql,
		    "SELECT " RELEASE_COLUMNS " FROM releases WHERE ?1='' OR workload=?1"
		    " ORDER BY published DESC, digest LIMIT 1000",
		    SQL_ARGS(sql_t(workload)), &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		struct release_row row = {0};
		if (!more)
			return true;
		if (!release_read(q, &row, err) || !visit(arg, &row, err))
			return false;
	}
	return false;
}

/* ---- approvals ---- */

/* Another place, if there is one: each has room for an approval and a withdrawal by one person in
 * one role. */
static bool approval_take_place(struct sql *sql, const struct approval_row *row, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql,
		    "SELECT CAST(coalesce(sum(places), 0) AS BIGINT), CAST(coalesce(sum(places) "
		    "FILTER (WHERE person=?2), 0) AS BIGINT) FROM"
		    " (SELECT person, CASE WHEN 2*count(*) FILTER (WHERE withdrawn=0)>count(*) THEN"
		    " count(*) FILTER (WHERE withdrawn=0) ELSE"
		    " count(*) FILTER (WHERE withdrawn<>0) END AS places"
		    " FROM approvals WHERE release=?1 GROUP BY person, role) AS p",
		    SQL_ARGS(sql_b(BYTES_OF(row->release)), sql_t(bytes_str(row->person))), &q,
		    err))
		return false;
	if (!q)
		return err_set(err, ERR_INTERNAL, "count without a row");
	if (sql_int(q, 1) >= (int64_t)APPROVALS_OF_PERSON_MAX)
		return err_set(err, ERR_LIMIT,
			"a release has at most %u approvals and %u withdrawals by one person",
			APPROVALS_OF_PERSON_MAX, APPROVALS_OF_PERSON_MAX);
	return sql_int(q, 0) < (int64_t)APPROVAL_PLACES_MAX ||
	       err_set(err, ERR_LIMIT, "a release has at most %u approvals", APPROVAL_PLACES_MAX);
}

static bool approval_place(struct sql *sql, const struct approval_row *row,
	const uint8_t digest[SHA256_LEN], int64_t *ret_seq, bool *ret_known, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql,
		    "SELECT count(*), coalesce(max(seq), 0), count(*) FILTER (WHERE digest=?2),"
		    " count(*) FILTER (WHERE person=?3 AND role=?4 AND withdrawn=?5),"
		    " count(*) FILTER (WHERE person=?3 AND role=?4 AND withdrawn<>?5)"
		    " FROM approvals WHERE release=?1",
		    SQL_ARGS(sql_b(BYTES_OF(row->release)), sql_b(bytes_of(digest, SHA256_LEN)),
			    sql_t(bytes_str(row->person)), sql_t(bytes_str(row->role)),
			    sql_i(row->withdrawn)),
		    &q, err))
		return false;
	if (!q)
		return err_set(err, ERR_INTERNAL, "count without a row");
	*ret_known = sql_int(q, 2) != 0;
	*ret_seq = sql_int(q, 1) + 1;
	if (*ret_known)
		return true;
	if (sql_int(q, 0) >= (int64_t)APPROVALS_MAX)
		return err_set(err, ERR_LIMIT, "a release has at most %u approvals", APPROVALS_MAX);
	bool has_place = sql_int(q, 3) < sql_int(q, 4);
	return has_place || approval_take_place(sql, row, err);
}

bool approval_insert(
	struct sql *sql, const struct approval_row *row, bool *ret_new, struct err *err)
{
	uint8_t digest[SHA256_LEN];
	int64_t seq = 0, changed = 0;
	bool known = false;
	if (!sha256_of(row->envelope, digest, err) ||
		!approval_place(sql, row, digest, &seq, &known, err))
		return false;
	*ret_new = !known;
	if (known)
		return true;
	if (!sql_exec(sql,
		    "INSERT INTO approvals(release, seq, digest, envelope, person, role, "
		    "withdrawn, time)"
		    " VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
		    SQL_ARGS(sql_b(BYTES_OF(row->release)), sql_i(seq), sql_b(BYTES_OF(digest)),
			    sql_b(row->envelope), sql_t(bytes_str(row->person)),
			    sql_t(bytes_str(row->role)), sql_i(row->withdrawn), sql_i(row->time)),
		    NULL, err) ||
		!sql_exec(sql, "UPDATE releases SET version=version+1 WHERE digest=?1",
			SQL_ARGS(sql_b(BYTES_OF(row->release))), &changed, err))
		return false;
	return changed == 1 ? true : err_set(err, ERR_NOT_FOUND, "the release is not known");
}

static bool envelopes_get(struct sql *sql, const char *query, const uint8_t release[SHA256_LEN],
	size_t max, struct buf *ret, size_t *ret_count, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	*ret_count = 0;
	if (!sql_start(sql, query, SQL_ARGS(sql_b(bytes_of(release, SHA256_LEN))), &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		if (!more)
			return true;
		if (*ret_count == max)
			return err_set(err, ERR_STORE, "more than %zu stored envelopes", max);
		sql_put(q, 0, &ret[*ret_count]);
		if (!buf_ok(&ret[(*ret_count)++], err))
			return false;
	}
	return false;
}

bool approvals_get(struct sql *sql, const uint8_t release[SHA256_LEN],
	struct buf ret[APPROVALS_MAX], size_t *ret_count, struct err *err)
{
	return envelopes_get(sql, "SELECT envelope FROM approvals WHERE release=?1 ORDER BY seq",
		release, APPROVALS_MAX, ret, ret_count, err);
}

/* ---- statements ---- */

static bool statement_place(struct sql *sql, const struct statement_row *row,
	const uint8_t digest[SHA256_LEN], int64_t *ret_seq, bool *ret_known, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql,
		    "SELECT count(*), coalesce(max(seq), 0), count(*) FILTER (WHERE digest=?2),"
		    " CAST(coalesce(sum(length(envelope)), 0) AS BIGINT) FROM statements WHERE "
		    "release=?1",
		    SQL_ARGS(sql_b(BYTES_OF(row->release)), sql_b(bytes_of(digest, SHA256_LEN))),
		    &q, err))
		return false;
	if (!q)
		return err_set(err, ERR_INTERNAL, "count without a row");
	*ret_known = sql_int(q, 2) != 0;
	*ret_seq = sql_int(q, 1) + 1;
	if (*ret_known)
		return true;
	unsigned most = STATEMENTS_MAX, bytes = STATEMENTS_BYTES_MAX;
	if (!row->withdrawal) {
		most -= STATEMENTS_FOR_WITHDRAWALS;
		bytes -= STATEMENTS_BYTES_FOR_WITHDRAWALS;
	}
	if (sql_int(q, 0) >= (int64_t)most)
		return err_set(err, ERR_LIMIT, "a release has at most %u statements", most);
	if (sql_int(q, 3) + (int64_t)row->envelope.len > (int64_t)bytes)
		return err_set(
			err, ERR_LIMIT, "a release has at most %u bytes of statements", bytes);
	return true;
}

bool statement_insert(
	struct sql *sql, const struct statement_row *row, bool *ret_new, struct err *err)
{
	uint8_t digest[SHA256_LEN];
	int64_t seq = 0, changed = 0;
	bool known = false;
	if (!sha256_of(row->envelope, digest, err) ||
		!statement_place(sql, row, digest, &seq, &known, err))
		return false;
	*ret_new = !known;
	if (known)
		return true;
	if (!sql_exec(sql,
		    "INSERT INTO statements(release, seq, digest, envelope, time)"
		    " VALUES(?1,?2,?3,?4,?5)",
		    SQL_ARGS(sql_b(BYTES_OF(row->release)), sql_i(seq), sql_b(BYTES_OF(digest)),
			    sql_b(row->envelope), sql_i(row->time)),
		    NULL, err) ||
		!sql_exec(sql, "UPDATE releases SET version=version+1 WHERE digest=?1",
			SQL_ARGS(sql_b(BYTES_OF(row->release))), &changed, err))
		return false;
	return changed == 1 ? true : err_set(err, ERR_NOT_FOUND, "the release is not known");
}

bool statements_get(struct sql *sql, const uint8_t release[SHA256_LEN],
	struct buf ret[STATEMENTS_MAX], size_t *ret_count, struct err *err)
{
	return envelopes_get(sql, "SELECT envelope FROM statements WHERE release=?1 ORDER BY seq",
		release, STATEMENTS_MAX, ret, ret_count, err);
}
