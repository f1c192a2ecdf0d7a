/* SPDX-License-Identifier: Apache-2.0 */
/* Rollouts: their rows and history. */
#include "verifier/rollouts.h"

#define ID(id) sql_b(bytes_of((id), ROLLOUT_ID_LEN))

#define ROLLOUT_COLUMNS                                                                            \
	"id, seq, workload, release_new, release_old, state, share, soak, drain, automatic, "      \
	"refusals_max, refusals_share, failures_max, failures_share, sample, decisions, "          \
	"refusals, launches, ended, failures, unknown, started, soak_from, changed, version"

static const struct sql_fault moved = {ERR_CONFLICT, "the rollout was changed meanwhile"};

struct rollout_view rollout_view_of(const struct rollout_row *row)
{
	struct rollout_view view = {
		.state = row->state,
		.share = row->plan.share,
		.changed = row->changed,
		.drain = row->plan.drain,
	};
	memcpy(view.id, row->id, sizeof(view.id));
	memcpy(view.release_new, row->release_new, sizeof(view.release_new));
	memcpy(view.release_old, row->release_old, sizeof(view.release_old));
	return view;
}

static void read_plan(const struct sql_query *q, struct rollout_row *ret)
{
	ret->plan = (struct rollout_plan){
		.share = (unsigned)sql_int(q, 6),
		.soak = sql_int(q, 7),
		.drain = sql_int(q, 8),
		.automatic = sql_int(q, 9) == 1,
		.refusals = {(unsigned)sql_int(q, 10), (unsigned)sql_int(q, 11)},
		.failures = {(unsigned)sql_int(q, 12), (unsigned)sql_int(q, 13)},
		.sample = (unsigned)sql_int(q, 14),
	};
	ret->counts = (struct rollout_counts){
		.decisions = (uint64_t)sql_int(q, 15),
		.refusals = (uint64_t)sql_int(q, 16),
		.launches = (uint64_t)sql_int(q, 17),
		.ended = (uint64_t)sql_int(q, 18),
		.failures = (uint64_t)sql_int(q, 19),
		.unknown = (uint64_t)sql_int(q, 20),
	};
}

static bool rollout_read(const struct sql_query *q, struct rollout_row *ret, struct err *err)
{
	int64_t state = sql_int(q, 5);
	ret->seq = sql_int(q, 1);
	ret->started = sql_int(q, 21);
	ret->soak_from = sql_int(q, 22);
	ret->changed = sql_int(q, 23);
	ret->version = sql_int(q, 24);
	read_plan(q, ret);
	if (state < ROLLOUT_RUNNING || state > ROLLOUT_ROLLED_BACK)
		return err_set(
			err, ERR_STORE, "stored rollout state %lld is unknown", (long long)state);
	ret->state = (enum rollout_state)state;
	return sql_exact(q, 0, "rollout id", ret->id, sizeof(ret->id), err) &&
	       sql_text(q, 2, "workload name", ret->workload, sizeof(ret->workload), err) &&
	       sql_exact(q, 3, "new release", ret->release_new, sizeof(ret->release_new), err) &&
	       sql_exact(q, 4, "old release", ret->release_old, sizeof(ret->release_old), err);
}

static bool rollout_one(struct sql *sql, const char *query, struct sql_value key,
	struct rollout_row *ret, bool *ret_found, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	struct rollout_row row = {0};
	if (!sql_first(sql, query, SQL_ARGS(key), &q, err))
		return false;
	*ret_found = q != NULL;
	if (q && !rollout_read(q, &row, err))
		return false;
	*ret = row;
	return true;
}

bool rollout_last(struct sql *sql, struct bytes workload, struct rollout_row *ret, bool *ret_found,
	struct err *err)
{
	return rollout_one(sql,
		"SELECT " ROLLOUT_COLUMNS
		" FROM rollouts WHERE workload=?1 ORDER BY seq DESC LIMIT 1",
		sql_t(workload), ret, ret_found, err);
}

bool rollout_get(struct sql *sql, const uint8_t id[ROLLOUT_ID_LEN], struct rollout_row *ret,
	bool *ret_found, struct err *err)
{
	return rollout_one(sql, "SELECT " ROLLOUT_COLUMNS " FROM rollouts WHERE id=?1", ID(id), ret,
		ret_found, err);
}

bool rollout_recheck(struct sql *sql, struct bytes workload, const uint8_t id[ROLLOUT_ID_LEN],
	int64_t version, struct err *err)
{
	if (version == 0)
		return sql_holds(sql,
			"SELECT 1 WHERE NOT EXISTS(SELECT 1 FROM rollouts WHERE workload=?1)",
			SQL_ARGS(sql_t(workload)), &moved, err);
	return sql_holds(sql,
		"SELECT 1 FROM rollouts WHERE workload=?1 AND id=?2 AND version=?3 AND "
		"seq=(SELECT max(seq) FROM rollouts WHERE workload=?1)",
		SQL_ARGS(sql_t(workload), ID(id), sql_i(version)), &moved, err);
}

bool rollout_insert(struct sql *sql, const struct rollout_row *row, struct err *err)
{
	const struct rollout_plan *p = &row->plan;
	return sql_exec(sql,
		"INSERT INTO rollouts(" ROLLOUT_COLUMNS
		") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,0,0,0,0,0,0,?16,?16,"
		"?16,1)",
		SQL_ARGS(ID(row->id), sql_i(row->seq), sql_t(bytes_str(row->workload)),
			sql_b(BYTES_OF(row->release_new)), sql_b(BYTES_OF(row->release_old)),
			sql_i(row->state), sql_i(p->share), sql_i(p->soak), sql_i(p->drain),
			sql_i(p->automatic), sql_i(p->refusals.count), sql_i(p->refusals.share),
			sql_i(p->failures.count), sql_i(p->failures.share), sql_i(p->sample),
			sql_i(row->started)),
		NULL, err);
}

bool rollout_update(struct sql *sql, struct rollout_row *row, struct err *err)
{
	if (!sql_change_one(sql,
		    "UPDATE rollouts SET state=?3, share=?4, soak_from=?5, changed=?6, "
		    "version=version+1 WHERE id=?1 AND version=?2",
		    SQL_ARGS(ID(row->id), sql_i(row->version), sql_i(row->state),
			    sql_i(row->plan.share), sql_i(row->soak_from), sql_i(row->changed)),
		    &moved, err))
		return false;
	row->version++;
	return true;
}

bool rollouts_each(struct sql *sql, rollout_visit visit, void *arg, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	if (!sql_start(sql,
		    "SELECT " ROLLOUT_COLUMNS
		    " FROM rollouts AS r WHERE seq=(SELECT max(seq) FROM rollouts WHERE "
		    "workload=r.workload) ORDER BY workload LIMIT 1000",
		    SQL_NO_ARGS, &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		struct rollout_row row = {0};
		if (!more)
			return true;
		if (!rollout_read(q, &row, err) || !visit(arg, &row, err))
			return false;
	}
	return false;
}

/* ---- history ---- */

bool rollout_event_put(struct sql *sql, const uint8_t id[ROLLOUT_ID_LEN], int64_t number,
	const struct rollout_event *event, struct err *err)
{
	return sql_exec(sql,
		"INSERT INTO rollout_events(rollout, number, time, event, who, reason, share) "
		"VALUES(?1,?2,?3,?4,?5,?6,?7)",
		SQL_ARGS(ID(id), sql_i(number), sql_i(event->time), sql_t(bytes_str(event->event)),
			sql_t(bytes_str(event->by)), sql_t(bytes_str(event->reason)),
			sql_i(event->share)),
		NULL, err);
}

bool rollout_events_each(struct sql *sql, const uint8_t id[ROLLOUT_ID_LEN],
	rollout_event_visit visit, void *arg, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	if (!sql_start(sql,
		    "SELECT time, event, who, reason, share FROM rollout_events WHERE rollout=?1 "
		    "ORDER BY number LIMIT 1000",
		    SQL_ARGS(ID(id)), &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		struct rollout_event e = {0};
		if (!more)
			return true;
		e.time = sql_int(q, 0);
		e.share = (unsigned)sql_int(q, 4);
		if (!sql_text(q, 1, "event", e.event, sizeof(e.event), err) ||
			!sql_text(q, 2, "by", e.by, sizeof(e.by), err) ||
			!sql_text(q, 3, "reason", e.reason, sizeof(e.reason), err) ||
			!visit(arg, &e, err))
			return false;
	}
	return false;
}
