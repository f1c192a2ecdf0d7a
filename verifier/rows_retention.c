/* SPDX-License-Identifier: Apache-2.0 */
/* What is noted beside records, leaves and policies as they are stored, so that a sweep finds what is
 * due without opening each of them again. */
#include "verifier/retention_rows.h"

#include <stdlib.h>

static const struct {
	const char *name;
	bool of_policy;
} counted[] = {
	{"evidence", false},
	{"context", false},
	{"state-out", false},
	{"verdict", false},
	{"policy", true},
	{"policy-signature", true},
};

bool retention_counted(const char *input, bool *ret_of_policy)
{
	for (size_t i = 0; i < ARRAY_LEN(counted); i++)
		if (strcmp(input, counted[i].name) == 0) {
			*ret_of_policy = counted[i].of_policy;
			return true;
		}
	return false;
}

static enum retention_kind kind_of(const struct record_row *row)
{
	if (!row->trusted)
		return RETENTION_REFUSED;
	return row->purpose == PURPOSE_RENEW ? RETENTION_RENEW : RETENTION_LAUNCH;
}

/* The earlier ("<") or later (">") of the column's value and the new one, in words that every
 * database has. */
#define BETTER(column, is)                                                                         \
	column "=CASE WHEN excluded." column is "histories." column " THEN excluded." column       \
	       " ELSE histories." column " END, "

static bool note_history(struct sql *sql, const struct record_row *row, struct err *err)
{
	int64_t newest[RETENTION_KINDS] = {0};
	newest[kind_of(row)] = row->time > 0 ? row->time : 1;
	return sql_exec(sql,
		"INSERT INTO histories(host, instance, workload, first, last, launch, renew, "
		"refused, kept) VALUES(?1,?2,?3,?4,?4,?5,?6,?7,1) ON CONFLICT(host, instance, "
		"workload) DO UPDATE SET " BETTER("first", "<") BETTER("last", ">") BETTER("launch",
			">") BETTER("renew", ">") BETTER("refused", ">") "kept=histories.kept+1",
		SQL_ARGS(sql_b(BYTES_OF(row->host)), sql_b(BYTES_OF(row->instance)),
			sql_t(bytes_str(row->workload)), sql_i(row->time),
			sql_i(newest[RETENTION_LAUNCH]), sql_i(newest[RETENTION_RENEW]),
			sql_i(newest[RETENTION_REFUSED])),
		NULL, err);
}

/* own: what is the record's alone is kept with it, and counted nowhere. */
static bool note_objects(struct sql *sql, const struct record *record, bool own, struct err *err)
{
	bool of_policy = false;
	for (size_t i = 0; i < record->input_count; i++)
		if (retention_counted(record->inputs[i].name, &of_policy) && (of_policy || !own) &&
			!sql_exec(sql,
				"INSERT INTO object_refs(digest, count) VALUES(?1, 1) ON "
				"CONFLICT(digest) DO UPDATE SET count=object_refs.count+1",
				SQL_ARGS(sql_b(BYTES_OF(record->inputs[i].digest))), NULL, err))
			return false;
	return true;
}

bool retention_note_record(struct sql *sql, const struct record_row *row, struct err *err)
{
	OWNED(free_ptr) struct record *record = NULL;
	struct cose_sign1 message;
	bool own = row->sealed.len > 0;
	if (row->opened)
		return note_history(sql, row, err) && note_objects(sql, row->opened, own, err);
	record = calloc(1, sizeof(*record));
	if (!record)
		return err_set(err, ERR_NOMEM, "record");
	if (!cose_sign1_parse(buf_bytes(&row->cose), &message, err) ||
		!record_decode(message.payload, record, err))
		return err_wrap(err, "what the record names");
	return note_history(sql, row, err) && note_objects(sql, record, own, err);
}

static bool note_leaf(struct sql *sql, uint64_t index, struct bytes bytes, struct err *err)
{
	struct leaf leaf;
	/* Of no type: nothing is ever destroyed of it. */
	if (!leaf_decode(bytes, &leaf, NULL))
		return true;
	return leaf.type == LEAF_DECISION ||
	       sql_exec(sql, "INSERT INTO entries(idx, type, time) VALUES(?1,?2,?3)",
		       SQL_ARGS(sql_u(index), sql_i(leaf.type), sql_i(leaf.time)), NULL, err);
}

/* The index of the first leaf that is not noted; where max leaves from there on end. */
static bool noted_get(struct sql *sql, uint64_t *ret, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql, "SELECT noted FROM retention WHERE id=1", SQL_NO_ARGS, &q, err))
		return false;
	if (!q)
		return err_set(err, ERR_STORE, "the database has no retention row");
	*ret = (uint64_t)sql_int(q, 0);
	return true;
}

static bool note_from(
	struct sql *sql, uint64_t from, size_t max, size_t *ret_count, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	*ret_count = 0;
	if (!sql_start(sql, "SELECT idx, bytes FROM leaves WHERE idx>=?1 ORDER BY idx LIMIT ?2",
		    SQL_ARGS(sql_u(from), sql_i((int64_t)max)), &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		if (!more)
			return true;
		if (!note_leaf(sql, (uint64_t)sql_int(q, 0), sql_bytes(q, 1), err))
			return false;
		(*ret_count)++;
	}
	return false;
}

bool retention_note_leaves(struct sql *sql, size_t max, bool *ret_more, struct err *err)
{
	uint64_t from = 0;
	size_t count = 0;
	if (!noted_get(sql, &from, err) || !note_from(sql, from, max, &count, err))
		return false;
	*ret_more = count == max;
	return count == 0 || sql_exec(sql, "UPDATE retention SET noted=?1 WHERE id=1",
				     SQL_ARGS(sql_u(from + count)), NULL, err);
}

bool retention_note_policy(struct sql *sql, const struct policy *policy, struct err *err)
{
	const uint8_t *digest;
	for (size_t i = 0; (digest = policy_reference(policy, i)); i++)
		if (!sql_exec(sql,
			    "INSERT INTO policy_references(policy, digest) VALUES(?1,?2) ON "
			    "CONFLICT DO NOTHING",
			    SQL_ARGS(sql_b(BYTES_OF(policy->digest)),
				    sql_b(bytes_of(digest, SHA256_LEN))),
			    NULL, err))
			return false;
	return true;
}

/* ---- from before ---- */

static bool fill_records(struct sql *sql, struct err *err)
{
	uint64_t from = 0;
	for (;;) {
		struct record_row rows[16];
		size_t count = 0;
		if (!records_from(sql, from, rows, ARRAY_LEN(rows), &count, err)) {
			for (size_t i = 0; i < count; i++)
				record_row_release(&rows[i]);
			return false;
		}
		bool ok = true;
		for (size_t i = 0; i < count; i++) {
			ok = ok && retention_note_record(sql, &rows[i], err);
			from = rows[i].index + 1;
			record_row_release(&rows[i]);
		}
		if (!ok || count == 0)
			return ok;
	}
}

bool retention_fill(struct sql *sql, struct err *err)
{
	size_t count = 0;
	return fill_records(sql, err) && note_from(sql, 0, SIZE_MAX / 2, &count, err);
}

/* ---- histories ---- */

#define KEY(k) sql_b(BYTES_OF((k)->host)), sql_b(BYTES_OF((k)->instance))

static bool history_read(const struct sql_query *q, struct history_row *ret, struct err *err)
{
	ret->first = sql_int(q, 1);
	ret->last = sql_int(q, 2);
	ret->newest[RETENTION_LAUNCH] = sql_int(q, 3);
	ret->newest[RETENTION_RENEW] = sql_int(q, 4);
	ret->newest[RETENTION_REFUSED] = sql_int(q, 5);
	ret->kept = (uint64_t)sql_int(q, 6);
	return sql_text(q, 0, "workload name", ret->workload, sizeof(ret->workload), err);
}

bool history_each(struct sql *sql, const struct history_key *key, history_visit visit, void *arg,
	struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	if (!sql_start(sql,
		    "SELECT workload, first, last, launch, renew, refused, kept FROM histories "
		    "WHERE host=?1 AND instance=?2",
		    SQL_ARGS(KEY(key)), &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		struct history_row row = {.key = *key};
		if (!more)
			return true;
		if (!history_read(q, &row, err) || !visit(arg, &row, err))
			return false;
	}
	return false;
}

bool histories_old(struct sql *sql, int64_t until, struct history_cursor *cursor,
	struct history_key *ret, size_t max, size_t *ret_count, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	*ret_count = 0;
	if (!sql_start(sql,
		    "SELECT last, host, instance FROM histories WHERE kept>0 AND last<=?1 AND "
		    "(last, host, instance)>(?2,?3,?4) ORDER BY last, host, instance LIMIT ?5",
		    SQL_ARGS(sql_i(until), sql_i(cursor->last), KEY(&cursor->key),
			    sql_i((int64_t)max)),
		    &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		struct history_key key;
		if (!more || *ret_count == max)
			return true;
		if (!sql_exact(q, 1, "host id", key.host, sizeof(key.host), err) ||
			!sql_exact(q, 2, "instance id", key.instance, sizeof(key.instance), err))
			return false;
		*cursor = (struct history_cursor){.last = sql_int(q, 0), .key = key};
		ret[(*ret_count)++] = key;
	}
	return false;
}

bool history_newest(struct sql *sql, const struct history_key *key, struct record_row *ret,
	bool *ret_found, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	uint8_t id[SHA256_LEN];
	*ret_found = false;
	if (!sql_first(sql,
		    "SELECT r.id FROM records r WHERE r.host=?1 AND r.instance=?2 AND NOT "
		    "EXISTS(SELECT 1 FROM record_gone g WHERE g.idx=r.idx) ORDER BY r.idx DESC "
		    "LIMIT 1",
		    SQL_ARGS(KEY(key)), &q, err))
		return false;
	return !q || (sql_exact(q, 0, "record id", id, sizeof(id), err) &&
			     record_get(sql, id, ret, ret_found, err));
}

bool history_names_release(struct sql *sql, const struct history_key *key,
	const uint8_t release[SHA256_LEN], bool *ret, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql,
		    "SELECT 1 FROM records WHERE host=?1 AND instance=?2 AND release=?3 LIMIT 1",
		    SQL_ARGS(KEY(key), sql_b(bytes_of(release, SHA256_LEN))), &q, err))
		return false;
	*ret = q != NULL;
	return true;
}

/* ---- what has gone ---- */

static bool gone_first(struct sql *sql, const char *text, uint64_t index, struct gone *ret,
	bool *ret_gone, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql, text, SQL_ARGS(sql_u(index)), &q, err))
		return false;
	*ret_gone = q != NULL;
	if (q)
		*ret = (struct gone){.entry = (uint64_t)sql_int(q, 0), .time = sql_int(q, 1)};
	return true;
}

bool record_gone(struct sql *sql, uint64_t index, struct gone *ret, bool *ret_gone, struct err *err)
{
	return gone_first(
		sql, "SELECT entry, time FROM record_gone WHERE idx=?1", index, ret, ret_gone, err);
}

bool entry_gone(struct sql *sql, uint64_t index, struct gone *ret, bool *ret_gone, struct err *err)
{
	return gone_first(sql,
		"SELECT gone, gone_time FROM entries WHERE idx=?1 AND gone IS NOT NULL", index, ret,
		ret_gone, err);
}

/* ---- entries ---- */

bool entries_old(struct sql *sql, unsigned type, int64_t until, uint64_t from,
	struct entry_row *ret, size_t max, size_t *ret_count, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	*ret_count = 0;
	if (!sql_start(sql,
		    "SELECT idx, time FROM entries WHERE gone IS NULL AND type=?1 AND idx>=?2 AND "
		    "time<=?3 ORDER BY idx LIMIT ?4",
		    SQL_ARGS(sql_i(type), sql_u(from), sql_i(until), sql_i((int64_t)max)), &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		if (!more || *ret_count == max)
			return true;
		ret[(*ret_count)++] = (struct entry_row){
			.index = (uint64_t)sql_int(q, 0), .type = type, .time = sql_int(q, 1)};
	}
	return false;
}

bool entry_row_get(
	struct sql *sql, uint64_t index, struct entry_row *ret, bool *ret_found, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	struct leaf leaf = {0};
	if (!sql_first(sql,
		    "SELECT bytes FROM leaves l WHERE idx=?1 AND NOT EXISTS(SELECT 1 FROM entries "
		    "e WHERE e.idx=l.idx AND e.gone IS NOT NULL)",
		    SQL_ARGS(sql_u(index)), &q, err))
		return false;
	*ret_found = q && leaf_decode(sql_bytes(q, 0), &leaf, NULL) && leaf.type != LEAF_DECISION;
	if (*ret_found)
		*ret = (struct entry_row){.index = index, .type = leaf.type, .time = leaf.time};
	return true;
}

/* Of the leaves that are not noted yet, those that are no decisions. */
bool retention_count(struct sql *sql, struct retention_counts *ret, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	uint64_t noted = 0;
	if (!noted_get(sql, &noted, err) ||
		!sql_first(sql,
			"SELECT (SELECT count(*) FROM records), (SELECT count(*) FROM "
			"record_gone), (SELECT count(*) FROM entries)+(SELECT count(*) FROM leaves "
			"WHERE idx>=?1)-(SELECT count(*) FROM records WHERE idx>=?1), (SELECT "
			"count(*) FROM entries WHERE gone IS NOT NULL)",
			SQL_ARGS(sql_u(noted)), &q, err))
		return false;
	*ret = (struct retention_counts){0};
	if (q)
		*ret = (struct retention_counts){.records = sql_int(q, 0),
			.records_gone = sql_int(q, 1),
			.entries = sql_int(q, 2),
			.entries_gone = sql_int(q, 3)};
	return true;
}
