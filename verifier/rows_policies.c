/* SPDX-License-Identifier: Apache-2.0 */
/* Every policy that was in force or staged. */
#include "verifier/rows.h"

#include "base/json.h"
#include "base/text.h"

#include <stdio.h>

static const char *const state_names[] = {
	[POLICY_NONE] = "none",
	[POLICY_STAGED] = "staged",
	[POLICY_IN_FORCE] = "in-force",
	[POLICY_SUPERSEDED] = "superseded",
	[POLICY_WITHDRAWN] = "withdrawn",
};

const char *policy_row_state_name(enum policy_row_state state)
{
	return (size_t)state < ARRAY_LEN(state_names) ? state_names[state] : "unknown";
}

#define POLICY_COLUMNS                                                                             \
	"version, digest, signature, state, staged, activate_at, in_force, staged_by, by_whom, "   \
	"reason, judged_from, judged_to, same, changed, undecided, unreadable"

static bool policy_read(const struct sql_query *q, struct policy_row *ret, struct err *err)
{
	int64_t state = sql_int(q, 4);
	ret->seq = sql_int(q, 0);
	ret->version = sql_int(q, 1);
	if (state < POLICY_STAGED || state > POLICY_WITHDRAWN)
		return err_set(
			err, ERR_STORE, "stored policy state %lld is unknown", (long long)state);
	ret->state = (enum policy_row_state)state;
	ret->staged = sql_int(q, 5);
	ret->activate_at = sql_int(q, 6);
	ret->in_force = sql_int(q, 7);
	ret->judged_from = (uint64_t)sql_int(q, 11);
	ret->judged_to = (uint64_t)sql_int(q, 12);
	ret->same = sql_int(q, 13);
	ret->changed = sql_int(q, 14);
	ret->undecided = sql_int(q, 15);
	ret->unreadable = sql_int(q, 16);
	return sql_exact(q, 2, "policy digest", ret->digest, sizeof(ret->digest), err) &&
	       sql_exact(q, 3, "policy signature", ret->signature, sizeof(ret->signature), err) &&
	       sql_text(q, 8, "policy stager", ret->staged_by, sizeof(ret->staged_by), err) &&
	       sql_text(q, 9, "policy actor", ret->by, sizeof(ret->by), err) &&
	       sql_text(q, 10, "policy reason", ret->reason, sizeof(ret->reason), err);
}

static bool policy_first(struct sql *sql, const char *text, struct sql_value arg,
	struct policy_row *ret, bool *ret_found, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	struct policy_row row = {0};
	if (!sql_first(sql, text, &arg, 1, &q, err))
		return false;
	*ret_found = q != NULL;
	if (q && !policy_read(q, &row, err))
		return false;
	*ret = row;
	return true;
}

bool policy_row_get(
	struct sql *sql, int64_t version, struct policy_row *ret, bool *ret_found, struct err *err)
{
	return policy_first(sql,
		"SELECT seq, " POLICY_COLUMNS
		" FROM policies WHERE version=?1 ORDER BY seq DESC LIMIT 1",
		sql_i(version), ret, ret_found, err);
}

bool policy_row_of_digest(struct sql *sql, const uint8_t digest[SHA256_LEN], struct policy_row *ret,
	bool *ret_found, struct err *err)
{
	return policy_first(sql,
		"SELECT seq, " POLICY_COLUMNS
		" FROM policies WHERE digest=?1 ORDER BY seq DESC LIMIT 1",
		sql_b(bytes_of(digest, SHA256_LEN)), ret, ret_found, err);
}

bool policy_row_staged(struct sql *sql, struct policy_row *ret, bool *ret_found, struct err *err)
{
	return policy_first(sql, "SELECT seq, " POLICY_COLUMNS " FROM policies WHERE state=?1",
		sql_i(POLICY_STAGED), ret, ret_found, err);
}

bool policies_each(struct sql *sql, policy_visit visit, void *arg, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	if (!sql_start(sql,
		    "SELECT seq, " POLICY_COLUMNS
		    " FROM policies ORDER BY version DESC, seq DESC LIMIT 1000",
		    SQL_NO_ARGS, &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		struct policy_row row = {0};
		if (!more)
			return true;
		if (!policy_read(q, &row, err) || !visit(arg, &row, err))
			return false;
	}
	return false;
}

bool policy_row_insert(struct sql *sql, struct policy_row *row, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql, "SELECT coalesce(max(seq), 0)+1 FROM policies", SQL_NO_ARGS, &q, err))
		return false;
	row->seq = q ? sql_int(q, 0) : 1;
	sql_finish(&q);
	return sql_exec(sql,
		"INSERT INTO policies(seq, " POLICY_COLUMNS
		") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,0,0,0,0)",
		SQL_ARGS(sql_i(row->seq), sql_i(row->version), sql_b(BYTES_OF(row->digest)),
			sql_b(BYTES_OF(row->signature)), sql_i(row->state), sql_i(row->staged),
			sql_i(row->activate_at), sql_i(row->in_force),
			sql_t(bytes_str(row->staged_by)), sql_t(bytes_str(row->by)),
			sql_t(bytes_str(row->reason)), sql_u(row->judged_from),
			sql_u(row->judged_to)),
		NULL, err);
}

bool policy_row_set(struct sql *sql, const struct policy_row *row, struct err *err)
{
	int64_t changed = 0;
	return sql_exec(sql,
		       "UPDATE policies SET signature=?2, state=?3, activate_at=?4, in_force=?5, "
		       "by_whom=?6, reason=?7 WHERE seq=?1",
		       SQL_ARGS(sql_i(row->seq), sql_b(BYTES_OF(row->signature)), sql_i(row->state),
			       sql_i(row->activate_at), sql_i(row->in_force),
			       sql_t(bytes_str(row->by)), sql_t(bytes_str(row->reason))),
		       &changed, err) &&
	       (changed == 1 || err_set(err, ERR_INTERNAL, "no such policy row"));
}

bool policies_supersede(struct sql *sql, int64_t version, struct err *err)
{
	return sql_exec(sql,
		"UPDATE policies SET state=?1 WHERE state=?2 OR (state=?3 AND version<=?4)",
		SQL_ARGS(sql_i(POLICY_SUPERSEDED), sql_i(POLICY_IN_FORCE), sql_i(POLICY_STAGED),
			sql_i(version)),
		NULL, err);
}

/* ---- from before there were rows ---- */

static bool entry_read(
	struct bytes content, struct bytes leaf, struct policy_row *ret, bool *ret_is)
{
	OWNED(json_release) json_t *entry = NULL;
	struct json_fields f = json_fields_of("policy");
	struct leaf when;
	*ret_is = false;
	if (!leaf_decode(leaf, &when, NULL) || when.type != LEAF_POLICY ||
		!json_open(content, 65536, &entry, NULL) ||
		strcmp(json_need_str(&f, entry, "event", 64), "policy") != 0)
		return true;
	ret->version = json_need_int(&f, entry, "version", 1, INT64_MAX);
	json_need_hex(&f, entry, "digest", ret->digest, SHA256_LEN);
	if (json_object_get(entry, "signature"))
		json_need_hex(&f, entry, "signature", ret->signature, SHA256_LEN);
	ret->in_force = when.time;
	*ret_is = json_fields_ok(&f, NULL);
	return *ret_is;
}

static bool fill_one(struct sql *sql, struct bytes content, struct bytes leaf, struct err *err)
{
	struct policy_row row = {.state = POLICY_IN_FORCE};
	bool is = false;
	if (!entry_read(content, leaf, &row, &is))
		return err_set(err, ERR_STORE, "a ledger entry of a policy cannot be read");
	return !is ||
	       (policies_supersede(sql, row.version, err) && policy_row_insert(sql, &row, err));
}

bool policies_fill(struct sql *sql, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	if (!sql_start(sql,
		    "SELECT content, bytes FROM leaves WHERE content IS NOT NULL ORDER BY idx",
		    SQL_NO_ARGS, &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		if (!more)
			return true;
		if (!fill_one(sql, sql_bytes(q, 0), sql_bytes(q, 1), err))
			return false;
	}
	return false;
}
