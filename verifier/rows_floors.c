/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of floors. */
#include "verifier/floors.h"

#define FLOOR_COLUMNS    "sequence, version, release, published, time, rollback"
#define SECURITY_COLUMNS "sequence, minimum, statement, payload, time"

static bool floor_read(
	const struct sql_query *q, struct bytes workload, struct floor_row *ret, struct err *err)
{
	int64_t sequence = sql_int(q, 0);
	if (sequence < 1 || workload.len >= sizeof(ret->workload))
		return err_set(err, ERR_STORE, "stored version floor cannot be read");
	*ret = (struct floor_row){
		.sequence = (uint64_t)sequence,
		.published = sql_int(q, 3),
		.time = sql_int(q, 4),
		.rollback = sql_int(q, 5) != 0,
	};
	memcpy(ret->workload, workload.data, workload.len);
	return sql_text(q, 1, "floor's version", ret->version, sizeof(ret->version), err) &&
	       sql_exact(q, 2, "floor's release", ret->release, sizeof(ret->release), err);
}

static struct floor_mark mark_of_row(const struct floor_row *row)
{
	return (struct floor_mark){bytes_str(row->version), row->release, row->published};
}

static struct floor_mark mark_of_release(const struct release_row *release)
{
	return (struct floor_mark){
		bytes_str(release->release_version), release->digest, release->published};
}

/* Newest first. As long as the release is below each, it has been below since the oldest of these.
 * A version that was reached once does not raise the floor again: persons may have taken it back. */
static bool floor_walk(struct sql *sql, struct bytes workload, const struct release_row *release,
	struct floors *ret, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	struct floor_mark mark = release ? mark_of_release(release) : (struct floor_mark){0};
	bool more = false, below = release != NULL;
	ret->moves = release != NULL;
	if (!sql_start(sql,
		    "SELECT " FLOOR_COLUMNS " FROM floors WHERE workload=?1 ORDER BY sequence DESC",
		    SQL_ARGS(sql_t(workload)), &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		struct floor_row row;
		if (!more)
			return true;
		if (!floor_read(q, workload, &row, err))
			return false;
		struct floor_mark rests = mark_of_row(&row);
		if (ret->version.sequence == 0) {
			ret->version = row;
			ret->moves = release && floor_moves(&mark, &rests);
		}
		below = below && floor_place(&mark, &rests) != FLOOR_REACHED;
		if (below)
			ret->passed = row.time;
		ret->moves = ret->moves && !floor_same(&mark, &rests);
		if (!below && !ret->moves)
			return true;
	}
	return false;
}

static bool security_load(
	struct sql *sql, struct bytes workload, struct security_floor_row *ret, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql,
		    "SELECT " SECURITY_COLUMNS
		    " FROM security_floors WHERE workload=?1 ORDER BY sequence DESC LIMIT 1",
		    SQL_ARGS(sql_t(workload)), &q, err))
		return false;
	*ret = (struct security_floor_row){0};
	if (!q)
		return true;
	if (sql_int(q, 0) < 1 || workload.len >= sizeof(ret->workload))
		return err_set(err, ERR_STORE, "stored security floor cannot be read");
	ret->sequence = (uint64_t)sql_int(q, 0);
	ret->time = sql_int(q, 4);
	memcpy(ret->workload, workload.data, workload.len);
	return sql_text(q, 1, "security floor", ret->minimum, sizeof(ret->minimum), err) &&
	       sql_exact(q, 2, "floor's statement", ret->statement, sizeof(ret->statement), err) &&
	       sql_exact(q, 3, "floor's payload", ret->payload, sizeof(ret->payload), err);
}

bool floors_load(struct sql *sql, struct bytes workload, const struct release_row *release,
	struct floors *ret, struct err *err)
{
	*ret = (struct floors){.judged_published = release ? release->published : 0};
	return (floor_walk(sql, workload, release, ret, err) &&
		       security_load(sql, workload, &ret->security, err)) ||
	       err_wrap(err, "floors");
}

bool floor_insert(struct sql *sql, const struct floor_row *row, struct err *err)
{
	int64_t changed = 0;
	if (!workload_touch(sql, row->workload, err) ||
		!sql_exec(sql,
			"INSERT INTO floors(workload, " FLOOR_COLUMNS
			") SELECT ?1,?2,?3,?4,?5,?6,?7 WHERE ?2=1+(SELECT coalesce(max(sequence), "
			"0) FROM floors WHERE workload=?1)",
			SQL_ARGS(sql_t(bytes_str(row->workload)), sql_u(row->sequence),
				sql_t(bytes_str(row->version)), sql_b(BYTES_OF(row->release)),
				sql_i(row->published), sql_i(row->time), sql_i(row->rollback)),
			&changed, err))
		return false;
	return changed == 1 ||
	       err_set(err, ERR_CONFLICT, "the version floor was changed meanwhile");
}

bool security_floor_insert(struct sql *sql, const struct security_floor_row *row, struct err *err)
{
	int64_t changed = 0;
	if (!workload_touch(sql, row->workload, err) ||
		!sql_exec(sql,
			"INSERT INTO security_floors(workload, " SECURITY_COLUMNS
			") SELECT ?1,?2,?3,?4,?5,?6 WHERE ?2>(SELECT coalesce(max(sequence), 0) "
			"FROM security_floors WHERE workload=?1)",
			SQL_ARGS(sql_t(bytes_str(row->workload)), sql_u(row->sequence),
				sql_t(bytes_str(row->minimum)), sql_b(BYTES_OF(row->statement)),
				sql_b(BYTES_OF(row->payload)), sql_i(row->time)),
			&changed, err))
		return false;
	return changed == 1 ||
	       err_set(err, ERR_CONFLICT, "the security floor was changed meanwhile");
}

bool floors_fill(struct sql *sql, struct err *err)
{
	return sql_exec(sql,
		"INSERT INTO floors(workload, " FLOOR_COLUMNS
		") SELECT workload, 1, release_version, digest, published, ?1, 0 FROM (SELECT r.*, "
		"row_number() OVER (PARTITION BY r.workload ORDER BY r.published DESC, r.digest) "
		"AS place FROM releases r WHERE r.state=?2 AND EXISTS(SELECT 1 FROM instances i "
		"WHERE "
		"i.release=r.digest AND i.workload=r.workload AND i.state=?3)) newest WHERE "
		"place=1",
		SQL_ARGS(sql_i(clock_wall(&clock_system)), sql_i(RELEASE_PUBLISHED),
			sql_i(INSTANCE_TRUSTED)),
		NULL, err);
}
