/* SPDX-License-Identifier: Apache-2.0 */
/* What a sweep leaves for the next: when it was, and which policies it saw in force since when. */
#include "verifier/retention_rows.h"

#define BOOT_KEPT_S (INT64_C(90) * 86400) /* of one that does not sweep any more */

bool retention_state_get(struct sql *sql, struct retention_state *ret, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql,
		    "SELECT time, finished, anchor, anchor_ms, time_ms, allowance, boot FROM "
		    "retention WHERE id=1",
		    SQL_NO_ARGS, &q, err))
		return false;
	if (!q)
		return err_set(err, ERR_STORE, "the database has no retention row");
	*ret = (struct retention_state){
		.time = sql_int(q, 0),
		.finished = sql_int(q, 1),
		.anchor = sql_int(q, 2),
		.anchor_ms = (uint64_t)sql_int(q, 3),
		.time_ms = (uint64_t)sql_int(q, 4),
		.allowance = sql_int(q, 5),
	};
	return ret->anchor == 0 || sql_exact(q, 6, "boot", ret->boot, sizeof(ret->boot), err);
}

/* A boot that was met, and is not the one that swept last. */
static bool boot_get(struct sql *sql, const uint8_t boot[CLOCK_BOOT_LEN],
	struct retention_state *state, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	state->next = RETENTION_BOOT_BESIDE;
	if (!sql_first(sql, "SELECT anchor, anchor_ms, time_ms FROM retention_boots WHERE boot=?1",
		    SQL_ARGS(sql_b(bytes_of(boot, CLOCK_BOOT_LEN))), &q, err))
		return false;
	if (!q)
		return true;
	state->next = RETENTION_BOOT_KNOWN;
	state->anchor = sql_int(q, 0);
	state->anchor_ms = (uint64_t)sql_int(q, 1);
	state->time_ms = (uint64_t)sql_int(q, 2);
	memcpy(state->boot, boot, CLOCK_BOOT_LEN);
	return true;
}

bool retention_state_of(struct sql *sql, const uint8_t boot[CLOCK_BOOT_LEN],
	struct retention_state *ret, struct err *err)
{
	if (!retention_state_get(sql, ret, err))
		return false;
	if (!sql->ops->shared || ret->anchor == 0 || memcmp(boot, ret->boot, CLOCK_BOOT_LEN) == 0)
		return true;
	return boot_get(sql, boot, ret, err);
}

/* What it proved was believed when a boot was met for the first time, and does not count again: it goes
 * on from its last sweep. */
static bool boot_keep(struct sql *sql, const struct retention_state *state, struct err *err)
{
	struct sql_value boot = sql_b(BYTES_OF(state->boot));
	if (!sql->ops->shared)
		return true;
	if (state->next == RETENTION_BOOT_ACCEPTED)
		return sql_exec(sql, "DELETE FROM retention_boots", SQL_NO_ARGS, NULL, err);
	return sql_exec(sql, "DELETE FROM retention_boots WHERE time<?1",
		       SQL_ARGS(sql_i(state->time - BOOT_KEPT_S)), NULL, err) &&
	       sql_exec(sql,
		       "INSERT INTO retention_boots(boot, anchor, anchor_ms, time_ms, time) SELECT "
		       "boot, CASE WHEN ?2=1 THEN time ELSE anchor END, CASE WHEN ?2=1 THEN "
		       "time_ms ELSE anchor_ms END, time_ms, time FROM retention WHERE id=1 AND "
		       "anchor>0 AND boot<>?1 ON CONFLICT(boot) DO UPDATE SET "
		       "anchor=excluded.anchor, anchor_ms=excluded.anchor_ms, "
		       "time_ms=excluded.time_ms, time=excluded.time",
		       SQL_ARGS(boot, sql_i(state->next == RETENTION_BOOT_BESIDE)), NULL, err);
}

bool retention_state_set(struct sql *sql, const struct retention_state *state, struct err *err)
{
	return boot_keep(sql, state, err) &&
	       sql_exec(sql,
		       "UPDATE retention SET time=?1, finished=?2, anchor=?3, anchor_ms=?4, "
		       "time_ms=?5, "
		       "allowance=?6, boot=?7 WHERE id=1",
		       SQL_ARGS(sql_i(state->time), sql_i(state->finished), sql_i(state->anchor),
			       sql_u(state->anchor_ms), sql_u(state->time_ms),
			       sql_i(state->allowance), sql_b(BYTES_OF(state->boot))),
		       NULL, err);
}

bool retention_finished_set(struct sql *sql, int64_t time, struct err *err)
{
	return sql_exec(sql, "UPDATE retention SET finished=?1 WHERE id=1", SQL_ARGS(sql_i(time)),
		NULL, err);
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
