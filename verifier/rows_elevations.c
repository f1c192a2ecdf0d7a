/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of elevations, of the words of persons on them, and of the credentials that carry them. */
#include "verifier/elevations.h"

#define COLUMNS                                                                                    \
	"id, workload, lent, clause, state, asked, lapses, activated, ends, ended, entry, "        \
	"activation, why, policy"
#define ID(id) sql_b(bytes_of((id), ELEVATION_ID_LEN))

void elevation_row_release(struct elevation_row *row)
{
	buf_release(&row->request);
	memset(row, 0, sizeof(*row));
}

static bool row_read(const struct sql_query *q, struct elevation_row *ret, struct err *err)
{
	*ret = (struct elevation_row){.state = (enum elevation_state)sql_int(q, 4),
		.asked = sql_int(q, 5),
		.lapses = sql_int(q, 6),
		.activated = sql_int(q, 7),
		.until = sql_int(q, 8),
		.ended = sql_int(q, 9)};
	return sql_exact(q, 0, "elevation's id", ret->id, sizeof(ret->id), err) &&
	       sql_text(q, 1, "workload", ret->workload, sizeof(ret->workload), err) &&
	       sql_text(q, 2, "right", ret->right, sizeof(ret->right), err) &&
	       sql_exact(q, 3, "clause", ret->clause, sizeof(ret->clause), err) &&
	       sql_exact(q, 10, "elevation's entry", ret->entry, sizeof(ret->entry), err) &&
	       sql_exact(q, 11, "activation", ret->activation, sizeof(ret->activation), err) &&
	       sql_text(q, 12, "why", ret->why, sizeof(ret->why), err) &&
	       sql_exact(q, 13, "policy", ret->policy, sizeof(ret->policy), err);
}

bool elevation_get(struct sql *sql, const uint8_t id[ELEVATION_ID_LEN], struct elevation_row *ret,
	bool *ret_found, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	OWNED(elevation_row_release) struct elevation_row row = {0};
	*ret_found = false;
	if (!sql_first(sql, "SELECT " COLUMNS ", request FROM elevations WHERE id=?1",
		    SQL_ARGS(ID(id)), &q, err))
		return false;
	if (!q)
		return true;
	if (!row_read(q, &row, err))
		return err_wrap(err, "stored elevation");
	sql_put(q, 14, &row.request);
	if (!buf_ok(&row.request, err))
		return false;
	*ret = TAKE_STRUCT(row);
	*ret_found = true;
	return true;
}

bool elevation_insert(struct sql *sql, const struct elevation_row *row,
	const struct elevation_request *request, struct err *err)
{
	int64_t changed = 0;
	/* What instances ask for leaves room for persons. */
	unsigned most = request->person ? ELEVATIONS_ASKED_MAX : ELEVATIONS_ASKED_MAX / 2;
	struct bytes host = bytes_of(request->host, request->has_host ? HOST_ID_LEN : 0);
	struct bytes instance =
		bytes_of(request->instance, request->has_instance ? INSTANCE_ID_LEN : 0);
	if (!sql_exec(sql,
		    "INSERT INTO elevations(" COLUMNS ", host, instance, request)"
		    " SELECT ?1,?2,?3,?4,1,?5,?6,0,0,0,?7,?8,'',?8,?9,?10,?11 WHERE (SELECT "
		    "count(*) FROM elevations WHERE workload=?2 AND state=1)<?12",
		    SQL_ARGS(ID(row->id), sql_t(bytes_str(row->workload)),
			    sql_t(bytes_str(row->right)), sql_b(BYTES_OF(row->clause)),
			    sql_i(row->asked), sql_i(row->lapses), sql_b(BYTES_OF(row->entry)),
			    sql_b(BYTES_OF(row->activation)), sql_b(host), sql_b(instance),
			    sql_b(buf_bytes(&row->request)), sql_i(most)),
		    &changed, err))
		return false;
	return changed == 1 ||
	       err_set(err, ERR_LIMIT,
		       "workload %s: %u requests for elevations wait for approval: have them "
		       "decided first",
		       row->workload, most);
}

bool elevation_update(struct sql *sql, const struct elevation_row *row, enum elevation_state from,
	struct err *err)
{
	int64_t changed = 0;
	if (!workload_touch(sql, row->workload, err) ||
		!sql_exec(sql,
			"UPDATE elevations SET state=?3, activated=?4, ends=?5, ended=?6, "
			"activation=?7, why=?8, policy=?9 WHERE id=?1 AND state=?2",
			SQL_ARGS(ID(row->id), sql_i(from), sql_i(row->state), sql_i(row->activated),
				sql_i(row->until), sql_i(row->ended),
				sql_b(BYTES_OF(row->activation)), sql_t(bytes_str(row->why)),
				sql_b(BYTES_OF(row->policy))),
			&changed, err))
		return false;
	return changed == 1 || err_set(err, ERR_CONFLICT, "the elevation was changed meanwhile");
}

bool elevations_open(struct sql *sql, struct bytes workload, struct elevation_row *ret, size_t max,
	size_t *ret_count, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	*ret_count = 0;
	if (!sql_start(sql,
		    "SELECT " COLUMNS
		    " FROM elevations WHERE workload=?1 AND state IN (1, 2) ORDER BY CASE WHEN "
		    "state=1 THEN lapses ELSE ends END, id",
		    SQL_ARGS(sql_t(workload)), &q, err))
		return false;
	while (*ret_count < max && sql_next(q, &more, err)) {
		if (!more)
			return true;
		if (!row_read(q, &ret[*ret_count], err))
			return err_wrap(err, "stored elevation");
		++*ret_count;
	}
	return *ret_count == max;
}

bool elevations_any_open(struct sql *sql, struct bytes workload, bool *ret, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql,
		    "SELECT 1 FROM elevations WHERE workload=?1 AND state IN (1, 2) LIMIT 1",
		    SQL_ARGS(sql_t(workload)), &q, err))
		return false;
	*ret = q != NULL;
	return true;
}

bool elevations_each(
	struct sql *sql, struct bytes workload, elevation_visit visit, void *arg, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	if (!sql_start(sql,
		    "SELECT " COLUMNS ", request FROM elevations WHERE ?1='' OR workload=?1 ORDER "
		    "BY asked DESC, id LIMIT ?2",
		    SQL_ARGS(sql_t(workload), sql_i(ROW_LIST_MAX)), &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		OWNED(elevation_row_release) struct elevation_row row = {0};
		if (!more)
			return true;
		if (!row_read(q, &row, err))
			return err_wrap(err, "stored elevation");
		sql_put(q, 14, &row.request);
		if (!buf_ok(&row.request, err) || !visit(arg, &row, err))
			return false;
	}
	return false;
}

bool elevations_due(struct sql *sql, const uint8_t policy[SHA256_LEN], int64_t now,
	const char *after, char ret[][ROW_NAME_MAX], size_t max, size_t *ret_count, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	*ret_count = 0;
	if (!sql_start(sql,
		    "SELECT DISTINCT workload FROM elevations WHERE workload>?3 AND ((state=1 AND "
		    "lapses<=?1) OR (state=2 AND (ends<=?1 OR policy<>?2))) ORDER BY workload",
		    SQL_ARGS(sql_i(now), sql_b(bytes_of(policy, SHA256_LEN)),
			    sql_t(bytes_str(after))),
		    &q, err))
		return false;
	while (*ret_count < max && sql_next(q, &more, err)) {
		if (!more)
			return true;
		if (!sql_text(q, 0, "workload", ret[*ret_count], ROW_NAME_MAX, err))
			return false;
		++*ret_count;
	}
	return *ret_count == max;
}

bool elevations_count(struct sql *sql, const struct elevation_row *row, unsigned *ret_in_force,
	int64_t *ret_ended, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql,
		    "SELECT sum(CASE WHEN state=2 THEN 1 ELSE 0 END), max(CASE WHEN state=2 THEN 0 "
		    "ELSE ended END) FROM elevations WHERE workload=?1 AND lent=?2 AND activated>0",
		    SQL_ARGS(sql_t(bytes_str(row->workload)), sql_t(bytes_str(row->right))), &q,
		    err))
		return false;
	*ret_in_force = q ? (unsigned)sql_int(q, 0) : 0;
	*ret_ended = q ? sql_int(q, 1) : 0;
	return true;
}

/* ---- words ---- */

bool elevation_words_get(
	struct sql *sql, const uint8_t id[ELEVATION_ID_LEN], struct elevation *ret, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	if (!sql_start(sql,
		    "SELECT envelope FROM elevation_words WHERE elevation=?1 ORDER BY number",
		    SQL_ARGS(ID(id)), &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		if (!more)
			return true;
		if (ret->approval_count == ELEVATION_APPROVALS_MAX)
			return err_set(err, ERR_STORE, "stored elevation: too many approvals");
		sql_put(q, 0, &ret->approvals[ret->approval_count]);
		if (!buf_ok(&ret->approvals[ret->approval_count++], err))
			return false;
	}
	return false;
}

bool elevation_word_insert(struct sql *sql, const uint8_t id[ELEVATION_ID_LEN], size_t number,
	struct bytes envelope, struct err *err)
{
	if (number >= ELEVATION_APPROVALS_MAX)
		return err_set(err, ERR_LIMIT, "an elevation has at most %u approvals",
			ELEVATION_APPROVALS_MAX);
	return sql_exec(sql,
		"INSERT INTO elevation_words(elevation, number, envelope) VALUES(?1,?2,?3)",
		SQL_ARGS(ID(id), sql_i((int64_t)number), sql_b(envelope)), NULL, err);
}

/* ---- credentials ---- */

bool elevation_credential_insert(struct sql *sql, const uint8_t id[ELEVATION_ID_LEN],
	const char *serial, int64_t not_after, struct err *err)
{
	return sql_exec(sql,
		"INSERT INTO elevation_credentials(elevation, serial, not_after) VALUES(?1,?2,?3)",
		SQL_ARGS(ID(id), sql_t(bytes_str(serial)), sql_i(not_after)), NULL, err);
}

/* ---- as the policy judges them ---- */

bool elevation_open(
	struct sql *sql, const struct elevation_row *row, struct elevation *ret, struct err *err)
{
	OWNED(elevation_release) struct elevation e = {.activated = row->activated};
	memcpy(e.entry, row->entry, sizeof(e.entry));
	memcpy(e.activation, row->activation, sizeof(e.activation));
	if (!elevation_request_parse(buf_bytes(&row->request), &e.request, err) ||
		!elevation_words_get(sql, row->id, &e, err))
		return err_wrap(err, "stored elevation");
	*ret = TAKE_STRUCT(e);
	return true;
}

/* The ids first: what is read of each is another query. */
static bool in_force(struct sql *sql, struct bytes workload, const uint8_t host[HOST_ID_LEN],
	const uint8_t instance[INSTANCE_ID_LEN], uint8_t ret[ELEVATIONS_MAX][ELEVATION_ID_LEN],
	size_t *ret_count, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	*ret_count = 0;
	if (!sql_start(sql,
		    "SELECT id FROM elevations WHERE workload=?1 AND state=2 AND (host=?4 OR "
		    "host=?2) AND (instance=?4 OR instance=?3) ORDER BY ends DESC, id LIMIT ?5",
		    SQL_ARGS(sql_t(workload), sql_b(bytes_of(host, HOST_ID_LEN)),
			    sql_b(bytes_of(instance, INSTANCE_ID_LEN)), sql_b(bytes_of("", 0)),
			    sql_i(ELEVATIONS_MAX)),
		    &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		if (!more)
			return true;
		if (*ret_count == ELEVATIONS_MAX)
			return err_set(err, ERR_STORE, "more elevations than were asked for");
		if (!sql_exact(q, 0, "elevation's id", ret[*ret_count], ELEVATION_ID_LEN, err))
			return false;
		++*ret_count;
	}
	return false;
}

bool elevations_load(struct sql *sql, struct bytes workload, const uint8_t host[HOST_ID_LEN],
	const uint8_t instance[INSTANCE_ID_LEN], struct buf *out, struct err *err)
{
	OWNED(elevation_set_release) struct elevation_set set = {0};
	uint8_t ids[ELEVATIONS_MAX][ELEVATION_ID_LEN];
	size_t count = 0;
	if (!in_force(sql, workload, host, instance, ids, &count, err))
		return err_wrap(err, "elevations");
	for (size_t i = 0; i < count; i++) {
		OWNED(elevation_row_release) struct elevation_row row = {0};
		bool found = false;
		if (!elevation_get(sql, ids[i], &row, &found, err) ||
			(found && !elevation_open(sql, &row, &set.list[set.count], err)))
			return err_wrap(err, "elevations");
		set.count += found;
	}
	return elevation_set_write(&set, out, err);
}
