/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted of a rollout's canary: decisions, hosts, instances and how they ended. */
#include "verifier/rollouts.h"

#define ID(id)        sql_b(bytes_of((id), ROLLOUT_ID_LEN))
#define HOST(id)      sql_b(bytes_of((id), HOST_ID_LEN))
#define INSTANCE(id)  sql_b(bytes_of((id), INSTANCE_ID_LEN))
#define WATCHED_LIMIT "256"

bool rollout_count(struct sql *sql, const uint8_t id[ROLLOUT_ID_LEN],
	const struct rollout_counts *more, struct err *err)
{
	return sql_exec(sql,
		"UPDATE rollouts SET decisions=decisions+?2, refusals=refusals+?3, "
		"launches=launches+?4, ended=ended+?5, failures=failures+?6, unknown=unknown+?7 "
		"WHERE id=?1",
		SQL_ARGS(ID(id), sql_u(more->decisions), sql_u(more->refusals),
			sql_u(more->launches), sql_u(more->ended), sql_u(more->failures),
			sql_u(more->unknown)),
		NULL, err);
}

bool rollout_host_count(struct sql *sql, const uint8_t id[ROLLOUT_ID_LEN],
	const uint8_t host[HOST_ID_LEN], bool refused, struct err *err)
{
	return sql_exec(sql,
		"INSERT INTO rollout_hosts(rollout, host, decisions, refusals) VALUES(?1,?2,1,?3) "
		"ON CONFLICT(rollout, host) DO UPDATE SET decisions=rollout_hosts.decisions+1, "
		"refusals=rollout_hosts.refusals+?3",
		SQL_ARGS(ID(id), HOST(host), sql_i(refused)), NULL, err);
}

bool rollout_hosts_seen(
	struct sql *sql, const uint8_t id[ROLLOUT_ID_LEN], int64_t *ret, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql, "SELECT count(*) FROM rollout_hosts WHERE rollout=?1", SQL_ARGS(ID(id)),
		    &q, err))
		return false;
	*ret = q ? sql_int(q, 0) : 0;
	return true;
}

bool rollout_instance_put(struct sql *sql, const uint8_t id[ROLLOUT_ID_LEN],
	const uint8_t host[HOST_ID_LEN], const uint8_t instance[INSTANCE_ID_LEN], struct err *err)
{
	return sql_exec(sql,
		"INSERT INTO rollout_instances(host, instance, rollout, ending) VALUES(?1,?2,?3,0) "
		"ON "
		"CONFLICT DO NOTHING",
		SQL_ARGS(HOST(host), INSTANCE(instance), ID(id)), NULL, err);
}

bool rollout_instance_end(struct sql *sql, const uint8_t host[HOST_ID_LEN],
	const struct rollout_instance *ended, bool *ret_new, struct err *err)
{
	int64_t changed = 0;
	if (!sql_exec(sql,
		    "UPDATE rollout_instances SET ending=?4 WHERE host=?1 AND instance=?2 AND "
		    "rollout=?3 AND ending=0",
		    SQL_ARGS(HOST(host), INSTANCE(ended->instance), ID(ended->rollout),
			    sql_i(ended->end)),
		    &changed, err))
		return false;
	*ret_new = changed == 1;
	return true;
}

bool rollout_instances_watched(struct sql *sql, const uint8_t host[HOST_ID_LEN],
	struct rollout_instance *ret, size_t *ret_count, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	*ret_count = 0;
	if (!sql_start(sql,
		    "SELECT i.rollout, i.instance FROM rollout_instances AS i JOIN rollouts AS r "
		    "ON "
		    "r.id=i.rollout WHERE i.host=?1 AND i.ending=0 AND r.state=?2 "
		    "LIMIT " WATCHED_LIMIT,
		    SQL_ARGS(HOST(host), sql_i(ROLLOUT_RUNNING)), &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		if (!more)
			return true;
		struct rollout_instance *to = &ret[*ret_count];
		*to = (struct rollout_instance){0};
		if (!sql_exact(q, 0, "rollout id", to->rollout, sizeof(to->rollout), err) ||
			!sql_exact(q, 1, "instance id", to->instance, sizeof(to->instance), err))
			return false;
		(*ret_count)++;
	}
	return false;
}

bool hosts_active_each(struct sql *sql, host_id_visit visit, void *arg, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	uint8_t id[HOST_ID_LEN];
	if (!sql_start(sql, "SELECT id FROM hosts WHERE state=?1 ORDER BY id",
		    SQL_ARGS(sql_i(HOST_ACTIVE)), &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		if (!more)
			return true;
		if (!sql_exact(q, 0, "host id", id, sizeof(id), err) || !visit(arg, id, err))
			return false;
	}
	return false;
}
