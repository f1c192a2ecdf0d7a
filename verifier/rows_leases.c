/* SPDX-License-Identifier: Apache-2.0 */
/* Agents as they are shown, their history, and what was seen of their hosts' TPMs. */
#include "verifier/leases.h"

#define BLOB(array, n)        sql_b(bytes_of((array), (n)))
#define OWNER(host, instance) BLOB((host), HOST_ID_LEN), BLOB((instance), INSTANCE_ID_LEN)
#define FACTS                                                                                      \
	"SELECT i.host, i.instance, i.workload, i.release, i.state, i.created, i.renewed, "        \
	"i.lease, h.state, h.name, coalesce(s.seen, 0), coalesce(b.heard, 0), coalesce(w.state, "  \
	"0), i.told FROM instances i JOIN hosts h ON h.id=i.host LEFT JOIN host_seen s ON "        \
	"s.host=i.host "                                                                           \
	"LEFT JOIN host_heard b ON b.host=i.host LEFT JOIN workloads w ON w.name=i.workload"

/* ---- agents ---- */

static bool facts_read(const struct sql_query *q, struct instance_facts *ret, struct err *err)
{
	int64_t seen = sql_int(q, 10), heard = sql_int(q, 11);
	*ret = (struct instance_facts){
		.state = (enum instance_state)sql_int(q, 4),
		.created = sql_int(q, 5),
		.renewed = sql_int(q, 6),
		.lease = sql_int(q, 7),
		.host_state = (enum host_state)sql_int(q, 8),
		.heard = heard > seen ? heard : seen,
		.workload_state = (enum workload_state)sql_int(q, 12),
		.told = (enum instance_view)sql_int(q, 13),
	};
	return sql_exact(q, 0, "host id", ret->host, sizeof(ret->host), err) &&
	       sql_exact(q, 1, "instance id", ret->instance, sizeof(ret->instance), err) &&
	       sql_text(q, 2, "workload name", ret->workload, sizeof(ret->workload), err) &&
	       sql_exact(q, 3, "release digest", ret->release, sizeof(ret->release), err) &&
	       sql_text(q, 9, "host name", ret->host_name, sizeof(ret->host_name), err);
}

static struct sql_value id_or_null(const uint8_t *id, size_t len)
{
	return id ? BLOB(id, len) : sql_null();
}

bool instances_each(struct sql *sql, const struct instance_filter *filter, instance_visit visit,
	void *arg, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	if (!sql_start(sql,
		    FACTS " WHERE (i.host=?1 OR ?1 IS NULL) AND (i.instance=?2 OR ?2 IS NULL) AND "
			  "(i.workload=?3 OR ?3='') AND (i.host>?4 OR (i.host=?4 AND "
			  "i.instance>?5) OR ?4 IS NULL) ORDER BY i.host, i.instance LIMIT ?6",
		    SQL_ARGS(id_or_null(filter->host, HOST_ID_LEN),
			    id_or_null(filter->instance, INSTANCE_ID_LEN), sql_t(filter->workload),
			    id_or_null(filter->after_host, HOST_ID_LEN),
			    id_or_null(filter->after_instance, INSTANCE_ID_LEN),
			    sql_i(filter->limit)),
		    &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		struct instance_facts facts;
		if (!more)
			return true;
		if (!facts_read(q, &facts, err) || !visit(arg, &facts, err))
			return false;
	}
	return false;
}

bool instance_facts_get(struct sql *sql, const uint8_t host[HOST_ID_LEN],
	const uint8_t instance[INSTANCE_ID_LEN], struct instance_facts *ret, bool *ret_found,
	struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql, FACTS " WHERE i.host=?1 AND i.instance=?2",
		    SQL_ARGS(OWNER(host, instance)), &q, err))
		return false;
	*ret_found = q != NULL;
	return !q || facts_read(q, ret, err);
}

bool instances_of_hosts(struct sql *sql, const struct sql_value from[3], instance_visit visit,
	void *arg, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	if (!sql_start(sql,
		    FACTS " WHERE i.host IN (SELECT id FROM hosts WHERE (enrolled, id)>(?1, ?2) "
			  "ORDER BY enrolled, id LIMIT ?3) ORDER BY h.enrolled, h.id",
		    from, 3, &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		struct instance_facts facts;
		if (!more)
			return true;
		if (facts_read(q, &facts, NULL) && !visit(arg, &facts, err))
			return false;
	}
	return false;
}

bool host_view_get(struct sql *sql, const uint8_t host[HOST_ID_LEN], int64_t now,
	enum instance_view *ret, int64_t *ret_heard, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	*ret = VIEW_UNKNOWN;
	if (!host_heard_get(sql, host, ret_heard, err) ||
		!sql_start(
			sql, FACTS " WHERE i.host=?1", SQL_ARGS(BLOB(host, HOST_ID_LEN)), &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		struct instance_facts facts;
		if (!more)
			return true;
		if (!facts_read(q, &facts, err))
			return false;
		enum instance_view view = instance_view_of(&facts, now);
		if (*ret == VIEW_UNKNOWN || view < *ret)
			*ret = view;
	}
	return false;
}

/* ---- leases ---- */

bool leases_due(struct sql *sql, int64_t now, struct instance_facts *ret, size_t max,
	size_t *ret_count, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	*ret_count = 0;
	if (!sql_start(sql,
		    FACTS " WHERE i.state=1 AND i.lease_check>0 AND i.lease_check<=?1 ORDER BY "
			  "i.lease_check LIMIT ?2",
		    SQL_ARGS(sql_i(now), sql_i((int64_t)max)), &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		if (!more)
			return true;
		if (!facts_read(q, &ret[(*ret_count)++], err))
			return false;
	}
	return false;
}

bool lease_check_set(struct sql *sql, const struct instance_facts *facts, int64_t at,
	enum instance_view told, struct err *err)
{
	return sql_exec(sql,
		"UPDATE instances SET lease_check=?3, told=?4 WHERE host=?1 AND instance=?2",
		SQL_ARGS(OWNER(facts->host, facts->instance), sql_i(at), sql_i(told)), NULL, err);
}

bool leases_watch_host(struct sql *sql, const uint8_t host[HOST_ID_LEN], struct err *err)
{
	return sql_exec(sql,
		"UPDATE instances SET lease_check=lease WHERE host=?1 AND state=1 AND "
		"lease_check=0",
		SQL_ARGS(BLOB(host, HOST_ID_LEN)), NULL, err);
}

/* ---- history ---- */

#define NEXT "(SELECT coalesce(max(s.seq), 0)+1 FROM instance_states s WHERE s.host="

/* Cut between characters. */
static struct bytes short_text(const char *why)
{
	size_t len = strlen(why);
	if (len >= INSTANCE_WHY_MAX) {
		len = INSTANCE_WHY_MAX - 1;
		while (len > 0 && ((uint8_t)why[len] & 0xc0) == 0x80)
			len--;
	}
	return bytes_of((const uint8_t *)why, len);
}

bool instance_history_add(struct sql *sql, const uint8_t host[HOST_ID_LEN],
	const uint8_t instance[INSTANCE_ID_LEN], int64_t time, enum instance_view view,
	const char *why, struct err *err)
{
	return sql_exec(sql,
		"INSERT INTO instance_states(host, instance, seq, time, state, why) "
		"VALUES(?1,?2," NEXT "?1 AND s.instance=?2),?3,?4,?5)",
		SQL_ARGS(OWNER(host, instance), sql_i(time), sql_i(view), sql_t(short_text(why))),
		NULL, err);
}

#define OF_ALL                                                                                     \
	"INSERT INTO instance_states(host, instance, seq, time, state, why) SELECT i.host, "       \
	"i.instance, " NEXT "i.host AND s.instance=i.instance), ?2, ?3, ?4 FROM instances i "      \
	"WHERE i.state=1 AND "

bool instance_history_host(struct sql *sql, const uint8_t host[HOST_ID_LEN], int64_t time,
	enum instance_view view, const char *why, struct err *err)
{
	return sql_exec(sql, OF_ALL "i.host=?1",
		SQL_ARGS(BLOB(host, HOST_ID_LEN), sql_i(time), sql_i(view), sql_t(short_text(why))),
		NULL, err);
}

bool instance_history_workload(
	struct sql *sql, struct bytes workload, int64_t time, const char *why, struct err *err)
{
	return sql_exec(sql, OF_ALL "i.workload=?1",
		SQL_ARGS(sql_t(workload), sql_i(time), sql_i(VIEW_RETIRED), sql_t(short_text(why))),
		NULL, err);
}

bool instance_history_release(struct sql *sql, const uint8_t release[SHA256_LEN], int64_t time,
	const char *why, struct err *err)
{
	return sql_exec(sql, OF_ALL "i.release=?1",
		SQL_ARGS(BLOB(release, SHA256_LEN), sql_i(time), sql_i(VIEW_UNTRUSTED),
			sql_t(short_text(why))),
		NULL, err);
}

bool instance_history_each(struct sql *sql, const uint8_t host[HOST_ID_LEN],
	const uint8_t instance[INSTANCE_ID_LEN], instance_history_visit visit, void *arg,
	struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	if (!sql_start(sql,
		    "SELECT time, state, why FROM (SELECT seq, time, state, why FROM "
		    "instance_states WHERE host=?1 AND instance=?2 ORDER BY seq DESC LIMIT ?3) AS "
		    "newest ORDER BY seq",
		    SQL_ARGS(OWNER(host, instance), sql_i(ROW_LIST_MAX)), &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		char why[INSTANCE_WHY_MAX];
		if (!more)
			return true;
		if (!sql_text(q, 2, "reason", why, sizeof(why), err) ||
			!visit(arg, sql_int(q, 0), (enum instance_view)sql_int(q, 1), why, err))
			return false;
	}
	return false;
}

/* ---- hosts ---- */

bool host_heard_get(struct sql *sql, const uint8_t host[HOST_ID_LEN], int64_t *ret, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	*ret = 0;
	if (!sql_first(sql,
		    "SELECT coalesce(s.seen, 0), coalesce(b.heard, 0) FROM hosts h LEFT JOIN "
		    "host_seen s ON s.host=h.id LEFT JOIN host_heard b ON b.host=h.id WHERE "
		    "h.id=?1",
		    SQL_ARGS(BLOB(host, HOST_ID_LEN)), &q, err))
		return false;
	if (q)
		*ret = sql_int(q, 0) > sql_int(q, 1) ? sql_int(q, 0) : sql_int(q, 1);
	return true;
}

bool host_heard_set(struct sql *sql, const uint8_t host[HOST_ID_LEN], int64_t time, struct err *err)
{
	return sql_exec(sql,
		"INSERT INTO host_heard(host, heard) VALUES(?1,?2) ON CONFLICT(host) DO UPDATE SET "
		"heard=excluded.heard WHERE host_heard.heard<excluded.heard OR host_heard.heard>?3",
		SQL_ARGS(BLOB(host, HOST_ID_LEN), sql_i(time), sql_i(time + HEARD_APART_S)), NULL,
		err);
}

bool sighting_add(struct sql *sql, const uint8_t host[HOST_ID_LEN], const struct sighting_row *row,
	struct err *err)
{
	const struct tpm_sighting *s = &row->seen;
	return sql_exec(sql,
		"INSERT INTO tpm_sightings(host, seq, time, reset_count, restart_count, clock, "
		"safe, firmware_version, epoch, boot_id, steps, accepted) VALUES(?1,(SELECT "
		"coalesce(max(t.seq), 0)+1 FROM tpm_sightings t WHERE t.host=?1),?2,?3,?4,?5,?6,?7,"
		"?8,?9,?10,?11)",
		SQL_ARGS(BLOB(host, HOST_ID_LEN), sql_i(s->time), sql_u(s->reset_count),
			sql_u(s->restart_count), sql_u(s->clock), sql_i(s->safe),
			sql_u(s->firmware_version), sql_u(s->epoch), sql_b(BYTES_OF(s->boot_id)),
			sql_u(row->steps), sql_i(row->accepted)),
		NULL, err);
}

bool sightings_each(struct sql *sql, const uint8_t host[HOST_ID_LEN], sighting_visit visit,
	void *arg, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	if (!sql_start(sql,
		    "SELECT time, reset_count, restart_count, clock, safe, firmware_version, "
		    "epoch, boot_id, steps, accepted FROM (SELECT * FROM tpm_sightings WHERE "
		    "host=?1 ORDER BY seq DESC LIMIT ?2) AS newest ORDER BY seq",
		    SQL_ARGS(BLOB(host, HOST_ID_LEN), sql_i(ROW_LIST_MAX)), &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		if (!more)
			return true;
		struct sighting_row row = {
			.seen = {.time = sql_int(q, 0),
				.reset_count = (uint32_t)sql_int(q, 1),
				.restart_count = (uint32_t)sql_int(q, 2),
				.clock = (uint64_t)sql_int(q, 3),
				.safe = sql_int(q, 4) != 0,
				.firmware_version = (uint64_t)sql_int(q, 5),
				.epoch = (uint64_t)sql_int(q, 6)},
			.steps = (unsigned)sql_int(q, 8),
			.accepted = sql_int(q, 9) != 0,
		};
		if (!sql_exact(q, 7, "boot id", row.seen.boot_id, sizeof(row.seen.boot_id), err) ||
			!visit(arg, &row, err))
			return false;
	}
	return false;
}
