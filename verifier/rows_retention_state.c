/* SPDX-License-Identifier: Apache-2.0 */
/* What a sweep leaves for the next: when it was, and which policies it saw in force since when. */
#include "verifier/retention_rows.h"

bool retention_state_get(struct sql *sql, struct retention_state *ret, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(
		    sql, "SELECT time, finished FROM retention WHERE id=1", SQL_NO_ARGS, &q, err))
		return false;
	if (!q)
		return err_set(err, ERR_STORE, "the database has no retention row");
	*ret = (struct retention_state){.time = sql_int(q, 0), .finished = sql_int(q, 1)};
	return true;
}

bool retention_state_set(struct sql *sql, const struct retention_state *state, struct err *err)
{
	return sql_exec(sql, "UPDATE retention SET time=?1, finished=?2 WHERE id=1",
		SQL_ARGS(sql_i(state->time), sql_i(state->finished)), NULL, err);
}

bool policies_seen(struct sql *sql, int64_t since, struct policy_seen *ret, size_t *ret_count,
	bool *ret_whole, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	*ret_count = 0;
	*ret_whole = false;
	if (!sql_start(sql,
		    "SELECT seq, version, seen, digest FROM policies_seen ORDER BY seq DESC",
		    SQL_NO_ARGS, &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		struct policy_seen *to = &ret[*ret_count];
		if (!more || *ret_count == POLICIES_SEEN_MAX)
			return true;
		to->seq = sql_int(q, 0);
		to->version = sql_int(q, 1);
		to->seen = sql_int(q, 2);
		if (!sql_exact(q, 3, "policy digest", to->digest, SHA256_LEN, err))
			return false;
		(*ret_count)++;
		*ret_whole = to->seen <= since;
		if (*ret_whole)
			return true;
	}
	return false;
}

bool policy_seen_insert(struct sql *sql, const uint8_t digest[SHA256_LEN], int64_t version,
	int64_t now, struct err *err)
{
	return sql_exec(sql,
		"INSERT INTO policies_seen(seq, digest, version, seen) SELECT coalesce(max(seq), "
		"0)+1, ?1, ?2, ?3 FROM policies_seen",
		SQL_ARGS(sql_b(bytes_of(digest, SHA256_LEN)), sql_i(version), sql_i(now)), NULL,
		err);
}
