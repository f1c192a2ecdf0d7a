/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/rows.h"

void session_row_release(struct session_row *row)
{
	buf_release(&row->ek_public);
	buf_release(&row->ak_public);
	buf_release(&row->ek_certs);
	memset(row, 0, sizeof(*row));
}

static bool session_room_left(struct sql *sql, const struct session_row *row, bool stranger,
	const struct session_room *room, struct err *err)
{
	static const uint8_t none[SHA256_LEN];
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql,
		    "SELECT count(*), count(*) FILTER (WHERE token=?1), count(*) FILTER (WHERE "
		    "token=?2 AND (ek_public=?3 OR token<>?1)) FROM enroll_sessions",
		    SQL_ARGS(sql_b(BYTES_OF(none)), sql_b(BYTES_OF(row->token)),
			    sql_b(buf_bytes(&row->ek_public))),
		    &q, err))
		return false;
	if (q && (sql_int(q, 0) >= (int64_t)room->most ||
			 (stranger && sql_int(q, 1) >= (int64_t)(room->most / 2))))
		return err_set(
			err, ERR_BUSY, "%lld enrolments are under way", (long long)sql_int(q, 0));
	return !q || stranger || sql_int(q, 2) < (int64_t)room->share ||
	       err_set(err, ERR_BUSY,
		       "%u enrolments of this TPM, or with this token, are under way", room->share);
}

static bool sessions_expire(struct sql *sql, int64_t now, struct err *err)
{
	return sql_exec(sql, "DELETE FROM enroll_sessions WHERE expires<=?1 OR issued>?2",
		SQL_ARGS(sql_i(now), sql_i(now + ROW_AHEAD_MAX)), NULL, err);
}

bool session_put(struct sql *sql, const struct session_row *row, int64_t now, bool stranger,
	const struct session_room *room, struct err *err)
{
	if (!sessions_expire(sql, now, err) || !session_room_left(sql, row, stranger, room, err))
		return false;
	return sql_exec(sql,
		"INSERT INTO enroll_sessions(id, secret, ek_public, ak_public, ek_certs, token, "
		"name, issued, expires,"
		" used) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,0)",
		SQL_ARGS(sql_b(BYTES_OF(row->id)), sql_b(BYTES_OF(row->secret)),
			sql_b(buf_bytes(&row->ek_public)), sql_b(buf_bytes(&row->ak_public)),
			sql_b(buf_bytes(&row->ek_certs)), sql_b(BYTES_OF(row->token)),
			sql_t(bytes_str(row->name)), sql_i(row->issued), sql_i(row->expires)),
		NULL, err);
}

static bool session_read(const struct sql_query *q, struct session_row *ret, struct err *err)
{
	sql_put(q, 2, &ret->ek_public);
	sql_put(q, 3, &ret->ak_public);
	sql_put(q, 4, &ret->ek_certs);
	ret->issued = sql_int(q, 7);
	ret->expires = sql_int(q, 8);
	return sql_exact(q, 0, "session", ret->id, sizeof(ret->id), err) &&
	       sql_exact(q, 1, "session secret", ret->secret, sizeof(ret->secret), err) &&
	       sql_exact(q, 5, "session token", ret->token, sizeof(ret->token), err) &&
	       sql_text(q, 6, "session name", ret->name, sizeof(ret->name), err) &&
	       buf_ok(&ret->ek_public, err) && buf_ok(&ret->ak_public, err) &&
	       buf_ok(&ret->ek_certs, err);
}

bool session_burn(struct sql *sql, const uint8_t id[SHA256_LEN], int64_t now,
	struct session_row *ret, bool *ret_found, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	OWNED(session_row_release) struct session_row row = {0};
	int64_t changed = 0;
	*ret_found = false;
	if (!sql_exec(sql,
		    "UPDATE enroll_sessions SET used=1 WHERE id=?1 AND used=0 AND expires>?2",
		    SQL_ARGS(sql_b(bytes_of(id, SHA256_LEN)), sql_i(now)), &changed, err))
		return false;
	if (changed != 1)
		return true;
	if (!sql_first(sql,
		    "SELECT id, secret, ek_public, ak_public, ek_certs, token, name, issued, "
		    "expires FROM enroll_sessions"
		    " WHERE id=?1",
		    SQL_ARGS(sql_b(bytes_of(id, SHA256_LEN))), &q, err) ||
		!q || !session_read(q, &row, err))
		return err_wrap(err, "enrolment session");
	*ret = TAKE_STRUCT(row);
	*ret_found = true;
	return true;
}

bool session_expected(struct sql *sql, const uint8_t host[HOST_ID_LEN], int64_t now,
	bool *ret_expected, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql,
		    "SELECT 1 FROM hosts WHERE id=?1 AND state=?2 UNION ALL SELECT 1 FROM "
		    "join_tokens WHERE host=?1 AND used_by IS NULL AND expires>?3 AND created<=?4 "
		    "LIMIT 1",
		    SQL_ARGS(sql_b(bytes_of(host, HOST_ID_LEN)), sql_i(HOST_ACTIVE), sql_i(now),
			    sql_i(now + ROW_AHEAD_MAX)),
		    &q, err))
		return false;
	*ret_expected = q != NULL;
	return true;
}

bool join_token_put(struct sql *sql, const struct token_row *row, struct err *err)
{
	return sql_exec(sql,
		"INSERT INTO join_tokens(hash, name, host, creator, created, expires, used_by,"
		" attributes) VALUES(?1,?2,?3,?4,?5,?6,NULL,?7)",
		SQL_ARGS(sql_b(BYTES_OF(row->hash)), sql_t(bytes_str(row->name)),
			row->bound ? sql_b(BYTES_OF(row->host)) : sql_null(),
			sql_t(bytes_str(row->creator)), sql_i(row->created), sql_i(row->expires),
			sql_t(bytes_str(row->attributes[0] ? row->attributes : "{}"))),
		NULL, err);
}

bool join_token_check(struct sql *sql, const uint8_t hash[SHA256_LEN],
	const uint8_t host[HOST_ID_LEN], int64_t now, bool *ret_valid, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql,
		    "SELECT 1 FROM join_tokens WHERE hash=?1 AND"
		    " (used_by=?2 OR (used_by IS NULL AND expires>?3 AND created<=?4 AND (host IS "
		    "NULL OR host=?2)))",
		    SQL_ARGS(sql_b(bytes_of(hash, SHA256_LEN)), sql_b(bytes_of(host, HOST_ID_LEN)),
			    sql_i(now), sql_i(now + ROW_AHEAD_MAX)),
		    &q, err))
		return false;
	*ret_valid = q != NULL;
	return true;
}

bool join_token_use(struct sql *sql, const uint8_t *hash, const uint8_t host[HOST_ID_LEN],
	int64_t now, bool *ret_used, struct err *err)
{
	int64_t changed = 0;
	bool ok;
	if (hash)
		ok = sql_exec(sql,
			"UPDATE join_tokens SET used_by=?2 WHERE hash=?1 AND used_by IS NULL AND "
			"expires>?3 AND created<=?4 AND (host IS NULL OR host=?2)",
			SQL_ARGS(sql_b(bytes_of(hash, SHA256_LEN)),
				sql_b(bytes_of(host, HOST_ID_LEN)), sql_i(now),
				sql_i(now + ROW_AHEAD_MAX)),
			&changed, err);
	else
		ok = sql_exec(sql,
			"UPDATE join_tokens SET used_by=?1 WHERE host=?1 AND used_by IS NULL AND "
			"expires>?2 AND created<=?3",
			SQL_ARGS(sql_b(bytes_of(host, HOST_ID_LEN)), sql_i(now),
				sql_i(now + ROW_AHEAD_MAX)),
			&changed, err);
	*ret_used = changed > 0;
	return ok;
}

bool rows_expire(struct sql *sql, int64_t now, struct err *err)
{
	return sessions_expire(sql, now, err) &&
	       sql_exec(sql, "DELETE FROM join_tokens WHERE used_by IS NULL AND expires<=?1",
		       SQL_ARGS(sql_i(now)), NULL, err) &&
	       sql_exec(sql, "DELETE FROM elevation_credentials WHERE not_after<=?1",
		       SQL_ARGS(sql_i(now - 86400)), NULL, err) &&
	       sql_exec(sql, "DELETE FROM credentials WHERE not_after<=?1",
		       SQL_ARGS(sql_i(now - 86400)), NULL, err);
}
