/* SPDX-License-Identifier: Apache-2.0 */
/* Instances, challenge counters, credentials. */
#include "verifier/rows.h"

#define BLOB(array, n)        sql_b(bytes_of((array), (n)))
#define OWNER(host, instance) BLOB((host), HOST_ID_LEN), BLOB((instance), INSTANCE_ID_LEN)

static const char *const instance_states[] = {
	[INSTANCE_NONE] = "unknown",
	[INSTANCE_TRUSTED] = "trusted",
	[INSTANCE_REFUSED] = "refused",
	[INSTANCE_ENDED] = "ended",
};

const char *instance_state_name(enum instance_state state)
{
	return (size_t)state < ARRAY_LEN(instance_states) ? instance_states[state]
							  : instance_states[0];
}

/* ---- instances ---- */

static bool instance_read(const struct sql_query *q, struct instance_row *ret, struct err *err)
{
	int64_t state = sql_int(q, 2);
	ret->version = sql_int(q, 3);
	ret->created = sql_int(q, 5);
	ret->renewed = sql_int(q, 6);
	ret->lease = sql_int(q, 7);
	ret->told = sql_int(q, 8);
	ret->full_counter = (uint64_t)sql_int(q, 9);
	if (state < INSTANCE_TRUSTED || state > INSTANCE_ENDED)
		return err_set(
			err, ERR_STORE, "stored instance state %lld is unknown", (long long)state);
	ret->state = (enum instance_state)state;
	struct bytes policy_state = sql_bytes(q, 4);
	/* A state this program cannot read is no state: a full appraisal is due. */
	if (policy_state.len == 0 || !policy_state_decode(policy_state, &ret->policy_state, NULL))
		memset(&ret->policy_state, 0, sizeof(ret->policy_state));
	ret->policy_state.ended = ret->policy_state.ended || ret->state == INSTANCE_ENDED;
	return sql_text(q, 0, "workload name", ret->workload, sizeof(ret->workload), err) &&
	       sql_exact(q, 1, "release digest", ret->release, sizeof(ret->release), err);
}

bool instance_get(struct sql *sql, const uint8_t host[HOST_ID_LEN],
	const uint8_t instance[INSTANCE_ID_LEN], struct instance_row *ret, bool *ret_found,
	struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	struct instance_row row = {0};
	if (!sql_first(sql,
		    "SELECT workload, release, state, version, policy_state, created, renewed, "
		    "lease, told, full_counter FROM instances"
		    " WHERE host=?1 AND instance=?2",
		    SQL_ARGS(OWNER(host, instance)), &q, err))
		return false;
	*ret_found = q != NULL;
	if (q && !instance_read(q, &row, err))
		return false;
	memcpy(row.host, host, sizeof(row.host));
	memcpy(row.instance, instance, sizeof(row.instance));
	*ret = row;
	return true;
}

bool instance_put(struct sql *sql, const struct instance_row *row, struct err *err)
{
	static const struct sql_fault moved = {ERR_CONFLICT, "the instance was changed meanwhile"};
	OWNED(buf_release) struct buf state = {0};
	if ((row->policy_state.established || row->policy_state.ended) &&
		!policy_state_encode(&row->policy_state, &state, err))
		return false;
	if (row->version == 0)
		return sql_exec(sql,
			"INSERT INTO instances(host, instance, workload, release, state, version, "
			"policy_state,"
			" created, renewed, lease, lease_check, told, full_counter) "
			"VALUES(?1,?2,?3,?4,?5,1,?6,?7,?8,?9,?9,1,?10)",
			SQL_ARGS(OWNER(row->host, row->instance), sql_t(bytes_str(row->workload)),
				sql_b(BYTES_OF(row->release)), sql_i(row->state),
				sql_b(buf_bytes(&state)), sql_i(row->created), sql_i(row->renewed),
				sql_i(row->lease), sql_u(row->full_counter)),
			NULL, err);
	return sql_change_one(sql,
		"UPDATE instances SET workload=?3, release=?4, state=?5, version=version+1, "
		"policy_state=?6,"
		" renewed=?7, lease=?9, lease_check=CASE WHEN lease=?9 THEN lease_check ELSE "
		"?9 END, told=CASE WHEN lease=?9 THEN told ELSE 1 END, full_counter=?10"
		" WHERE host=?1 AND instance=?2 AND version=?8",
		SQL_ARGS(OWNER(row->host, row->instance), sql_t(bytes_str(row->workload)),
			sql_b(BYTES_OF(row->release)), sql_i(row->state), sql_b(buf_bytes(&state)),
			sql_i(row->renewed), sql_i(row->version), sql_i(row->lease),
			sql_u(row->full_counter)),
		&moved, err);
}

bool instance_gate(struct sql *sql, const uint8_t host[HOST_ID_LEN],
	const uint8_t instance[INSTANCE_ID_LEN], enum instance_state *ret_state, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql, "SELECT state FROM instances WHERE host=?1 AND instance=?2",
		    SQL_ARGS(OWNER(host, instance)), &q, err))
		return false;
	*ret_state = q ? (enum instance_state)sql_int(q, 0) : INSTANCE_NONE;
	return true;
}

bool instances_refuse_release(struct sql *sql, const uint8_t release[SHA256_LEN], struct err *err)
{
	return sql_exec(sql,
		"UPDATE instances SET state=?2, policy_state=?3, version=version+1 WHERE release=?1"
		" AND state<>?4",
		SQL_ARGS(BLOB(release, SHA256_LEN), sql_i(INSTANCE_REFUSED),
			sql_b((struct bytes){0}), sql_i(INSTANCE_ENDED)),
		NULL, err);
}

/* ---- counters ---- */

bool counter_get(struct sql *sql, const uint8_t host[HOST_ID_LEN],
	const uint8_t instance[INSTANCE_ID_LEN], enum purpose purpose, uint64_t *ret,
	struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql,
		    "SELECT next FROM counters WHERE host=?1 AND instance=?2 AND purpose=?3",
		    SQL_ARGS(OWNER(host, instance), sql_i(purpose)), &q, err))
		return false;
	*ret = q ? (uint64_t)sql_int(q, 0) : 0;
	return true;
}

bool counter_take(struct sql *sql, const uint8_t host[HOST_ID_LEN],
	const uint8_t instance[INSTANCE_ID_LEN], enum purpose purpose, uint64_t expected,
	struct err *err)
{
	static const struct sql_fault used = {ERR_CONFLICT, "the challenge has been used"};
	if (expected == 0)
		return sql_change_one(sql,
			"INSERT INTO counters(host, instance, purpose, next) VALUES(?1,?2,?3,1)"
			" ON CONFLICT DO NOTHING",
			SQL_ARGS(OWNER(host, instance), sql_i(purpose)), &used, err);
	return sql_change_one(sql,
		"UPDATE counters SET next=next+1 WHERE host=?1 AND instance=?2 AND purpose=?3 AND "
		"next=?4",
		SQL_ARGS(OWNER(host, instance), sql_i(purpose), sql_u(expected)), &used, err);
}

/* ---- credentials ---- */

bool credential_insert(struct sql *sql, const struct credential_row *row, struct err *err)
{
	return sql_exec(sql,
		"INSERT INTO credentials(serial, kind, host, instance, spki, issued, not_after, "
		"revoked, reason, status)"
		" VALUES(?1,?2,?3,?4,?5,?6,?7,0,0,?8)",
		SQL_ARGS(sql_t(bytes_str(row->serial)), sql_i(row->kind),
			OWNER(row->host, row->instance), sql_b(BYTES_OF(row->spki)),
			sql_i(row->issued), sql_i(row->not_after), sql_i(row->status)),
		NULL, err);
}

bool credential_get(struct sql *sql, const char *serial, struct credential_row *ret,
	bool *ret_found, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	struct credential_row row = {0};
	if (!sql_first(sql,
		    "SELECT serial, kind, host, instance, spki, issued, not_after, revoked, "
		    "reason, status FROM credentials"
		    " WHERE serial=?1",
		    SQL_ARGS(sql_t(bytes_str(serial))), &q, err))
		return false;
	*ret_found = q != NULL;
	if (q) {
		row.kind = (enum credential_kind)sql_int(q, 1);
		row.issued = sql_int(q, 5);
		row.not_after = sql_int(q, 6);
		row.revoked = sql_int(q, 7);
		row.reason = (enum revocation_reason)sql_int(q, 8);
		row.status = sql_int(q, 9);
	}
	if (q && (!sql_text(q, 0, "serial", row.serial, sizeof(row.serial), err) ||
			 !sql_exact(q, 2, "host id", row.host, sizeof(row.host), err) ||
			 !sql_exact(q, 3, "instance id", row.instance, sizeof(row.instance), err) ||
			 !sql_exact(q, 4, "key digest", row.spki, sizeof(row.spki), err)))
		return false;
	*ret = row;
	return true;
}
