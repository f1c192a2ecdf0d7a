/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of webhooks: where each stands, whose turn it is, and what was acknowledged. */
#include "verifier/webhooks.h"

#define NAME(text) sql_t(bytes_str(text))

bool webhook_row_get(struct sql *sql, const char *name, struct webhook_row *ret, bool *ret_found,
	struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	*ret = (struct webhook_row){0};
	*ret_found = false;
	if (!sql_first(sql,
		    "SELECT state, position, attempts, first_try, next_try, last_status, "
		    "last_error, acked, acked_time, tried FROM webhooks WHERE name=?1",
		    SQL_ARGS(NAME(name)), &q, err))
		return false;
	if (!q)
		return true;
	(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
	ret->state = (enum webhook_state)sql_int(q, 0);
	ret->position = (uint64_t)sql_int(q, 1);
	ret->attempts = sql_int(q, 2);
	ret->first_try = sql_int(q, 3);
	ret->next_try = sql_int(q, 4);
	ret->last_status = sql_int(q, 5);
	ret->acked = sql_int(q, 7);
	ret->acked_time = sql_int(q, 8);
	ret->tried = sql_int(q, 9);
	*ret_found = true;
	return sql_text(q, 6, "last_error", ret->last_error, sizeof(ret->last_error), err);
}

bool webhook_row_add(struct sql *sql, const char *name, uint64_t position, struct err *err)
{
	static const uint8_t nobody[WEBHOOK_OWNER_LEN];
	return sql_exec(sql,
		"INSERT INTO webhooks(name, state, position, attempts, first_try, next_try, "
		"last_status, last_error, acked, acked_time, owner, owner_until) "
		"VALUES(?1,1,?2,0,0,0,0,'',-1,0,?3,0) ON CONFLICT(name) DO NOTHING",
		SQL_ARGS(NAME(name), sql_u(position), sql_b(BYTES_OF(nobody))), NULL, err);
}

bool webhook_row_put(struct sql *sql, const struct webhook_row *row, uint64_t from, bool *ret_moved,
	struct err *err)
{
	int64_t changed = 0;
	bool ok = sql_exec(sql,
		"UPDATE webhooks SET state=?3, position=?4, attempts=?5, first_try=?6, "
		"next_try=?7, last_status=?8, last_error=?9, acked=?10, acked_time=?11, tried=?12 "
		"WHERE name=?1 AND position=?2",
		SQL_ARGS(NAME(row->name), sql_u(from), sql_i(row->state), sql_u(row->position),
			sql_i(row->attempts), sql_i(row->first_try), sql_i(row->next_try),
			sql_i(row->last_status), NAME(row->last_error), sql_i(row->acked),
			sql_i(row->acked_time), sql_i(row->tried)),
		&changed, err);
	*ret_moved = ok && changed == 1;
	return ok;
}

bool webhook_turn(struct sql *sql, const char *name, const uint8_t owner[WEBHOOK_OWNER_LEN],
	int64_t now, int64_t until, bool *ret_mine, struct err *err)
{
	int64_t changed = 0;
	bool ok = sql_exec(sql,
		"UPDATE webhooks SET owner=?2, owner_until=?4 WHERE name=?1 AND (owner=?2 OR "
		"owner_until<=?3 OR (?3>0 AND owner_until>?5))",
		SQL_ARGS(NAME(name), sql_b(bytes_of(owner, WEBHOOK_OWNER_LEN)), sql_i(now),
			sql_i(until), sql_i(now + WEBHOOK_TURN_FAR)),
		&changed, err);
	*ret_mine = ok && changed == 1;
	return ok;
}

bool webhook_ack_add(
	struct sql *sql, const char *name, const struct webhook_ack *ack, struct err *err)
{
	return sql_exec(sql,
		       "INSERT INTO webhook_acks(name, entry, time, status, attempts) "
		       "VALUES(?1,?2,?3,?4,?5) ON CONFLICT(name, entry) DO NOTHING",
		       SQL_ARGS(NAME(name), sql_u(ack->entry), sql_i(ack->time), sql_i(ack->status),
			       sql_i(ack->attempts)),
		       NULL, err) &&
	       sql_exec(sql, "DELETE FROM webhook_acks WHERE name=?1 AND time<?2",
		       SQL_ARGS(NAME(name), sql_i(ack->time - WEBHOOK_ACKS_KEPT)), NULL, err);
}

bool webhook_acks(struct sql *sql, const char *name, struct webhook_ack *ret, size_t max,
	size_t *ret_count, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	*ret_count = 0;
	if (!sql_start(sql,
		    "SELECT entry, time, status, attempts FROM webhook_acks WHERE name=?1 ORDER BY "
		    "entry DESC LIMIT ?2",
		    SQL_ARGS(NAME(name), sql_i((int64_t)max)), &q, err))
		return false;
	while (*ret_count < max) {
		if (!sql_next(q, &more, err))
			return false;
		if (!more)
			return true;
		ret[(*ret_count)++] = (struct webhook_ack){.entry = (uint64_t)sql_int(q, 0),
			.time = sql_int(q, 1),
			.status = sql_int(q, 2),
			.attempts = sql_int(q, 3)};
	}
	return true;
}
