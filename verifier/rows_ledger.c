/* SPDX-License-Identifier: Apache-2.0 */
/* Leaves, records, and the policy in force. What leaves commit to: rows_contents.c. */
#include "verifier/record_contents.h"
#include "verifier/retention_rows.h"

/* ---- leaves ---- */

void leaf_row_release(struct leaf_row *row)
{
	buf_release(&row->bytes);
	buf_release(&row->content);
	buf_release(&row->sealed);
	memset(row, 0, sizeof(*row));
}

/* One row where the content is small; else the content has rows of its own. */
static bool leaf_insert(struct sql *sql, struct leaf_row *row, struct err *err)
{
	struct vault *vault = sql->vault;
	if (!vault)
		return err_set(err, ERR_INTERNAL, "the store has no content key");
	/* A rotation may have passed over what was sealed for this leaf. */
	if (vault_generation_of(row->wrapped) != vault_newest(vault) && !leaf_seal(vault, row, err))
		return false;
	bool within = row->sealed.len > 0;
	return sql_exec(sql,
		       "INSERT INTO leaves(idx, hash, bytes, wrapped, sealed) "
		       "VALUES(?1,?2,?3,?4,?5)",
		       SQL_ARGS(sql_u(row->index), sql_b(BYTES_OF(row->hash)),
			       sql_b(buf_bytes(&row->bytes)),
			       within ? sql_b(BYTES_OF(row->wrapped)) : sql_null(),
			       within ? sql_b(buf_bytes(&row->sealed)) : sql_null()),
		       NULL, err) &&
	       (within || leaf_content_put(sql, row->index, BYTES_OF(row->salt),
				  buf_bytes(&row->content), err));
}

bool leaf_append(struct store_tx *tx, struct leaf_row *row, struct err *err)
{
	struct tree_completed completed;
	row->index = tx->edge.size;
	if (!leaf_insert(tx->sql, row, err))
		return err_wrap(err, "ledger leaf");
	tx->edge_changed = true;
	return tree_append_tiles(&tx->edge, row->hash, &completed, err) &&
	       tiles_put(tx->sql, tx->edge.size, &completed, err);
}

bool leaf_get(
	struct sql *sql, uint64_t index, struct leaf_row *ret, bool *ret_found, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	OWNED(leaf_row_release) struct leaf_row row = {.index = index};
	if (!sql_first(sql, "SELECT hash, bytes, wrapped, sealed FROM leaves WHERE idx=?1",
		    SQL_ARGS(sql_u(index)), &q, err))
		return false;
	*ret_found = q != NULL;
	if (q)
		sql_put(q, 1, &row.bytes);
	if (q && (!sql_exact(q, 0, "leaf hash", row.hash, sizeof(row.hash), err) ||
			 !buf_ok(&row.bytes, err) ||
			 !leaf_content_open(sql, &row, sql_bytes(q, 2), sql_bytes(q, 3), err)))
		return false;
	*ret = TAKE_STRUCT(row);
	return true;
}

bool decision_find(struct sql *sql, const uint8_t hash[SHA256_LEN], uint64_t *ret_index,
	bool *ret_found, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql, "SELECT idx FROM records WHERE id=?1",
		    SQL_ARGS(sql_b(bytes_of(hash, SHA256_LEN))), &q, err))
		return false;
	*ret_found = q != NULL;
	if (q)
		*ret_index = (uint64_t)sql_int(q, 0);
	return true;
}

/* ---- records ---- */

#define RECORD_COLUMNS "idx, id, time, purpose, host, instance, workload, release, trusted"

void record_row_release(struct record_row *row)
{
	buf_release(&row->cose);
	buf_release(&row->sealed);
	memset(row, 0, sizeof(*row));
}

static bool record_read(const struct sql_query *q, struct record_row *ret, struct err *err)
{
	ret->index = (uint64_t)sql_int(q, 0);
	ret->time = sql_int(q, 2);
	ret->purpose = (enum purpose)sql_int(q, 3);
	ret->trusted = sql_int(q, 8) == 1;
	return sql_exact(q, 1, "record id", ret->id, sizeof(ret->id), err) &&
	       sql_exact(q, 4, "host id", ret->host, sizeof(ret->host), err) &&
	       sql_exact(q, 5, "instance id", ret->instance, sizeof(ret->instance), err) &&
	       sql_text(q, 6, "workload name", ret->workload, sizeof(ret->workload), err) &&
	       sql_exact(q, 7, "release digest", ret->release, sizeof(ret->release), err);
}

bool record_insert(struct sql *sql, const struct record_row *row, struct err *err)
{
	return sql_exec(sql,
		       "INSERT INTO records(" RECORD_COLUMNS
		       ", cose) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)",
		       SQL_ARGS(sql_u(row->index), sql_b(BYTES_OF(row->id)), sql_i(row->time),
			       sql_i(row->purpose), sql_b(BYTES_OF(row->host)),
			       sql_b(BYTES_OF(row->instance)), sql_t(bytes_str(row->workload)),
			       sql_b(BYTES_OF(row->release)), sql_i(row->trusted),
			       sql_b(buf_bytes(&row->cose))),
		       NULL, err) &&
	       (row->sealed.len == 0 || record_contents_put(sql, row, err)) &&
	       retention_note_record(sql, row, err);
}

bool record_get(struct sql *sql, const uint8_t id[SHA256_LEN], struct record_row *ret,
	bool *ret_found, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	OWNED(record_row_release) struct record_row row = {0};
	if (!sql_first(sql, "SELECT " RECORD_COLUMNS ", cose FROM records WHERE id=?1",
		    SQL_ARGS(sql_b(bytes_of(id, SHA256_LEN))), &q, err))
		return false;
	*ret_found = q != NULL;
	if (q)
		sql_put(q, 9, &row.cose);
	if (q && (!record_read(q, &row, err) || !buf_ok(&row.cose, err)))
		return false;
	*ret = TAKE_STRUCT(row);
	return true;
}

/* Newest first by the ledger's own order. One text per filter, so that each finds its index. */
static bool records_start(struct sql *sql, const struct record_filter *filter,
	struct sql_query **ret, struct err *err)
{
	uint64_t before = filter->before ? filter->before : INT64_MAX;
	struct bytes host = bytes_of(filter->host, filter->host ? HOST_ID_LEN : 0);
	if (filter->host)
		return sql_start(sql,
			"SELECT " RECORD_COLUMNS
			" FROM records WHERE host=?1 AND idx<?2 AND (?4='' OR workload=?4)"
			" ORDER BY idx DESC LIMIT ?3",
			SQL_ARGS(sql_b(host), sql_u(before), sql_i(filter->limit),
				sql_t(filter->workload)),
			ret, err);
	if (filter->workload.len > 0)
		return sql_start(sql,
			"SELECT " RECORD_COLUMNS
			" FROM records WHERE workload=?1 AND idx<?2 ORDER BY idx DESC LIMIT ?3",
			SQL_ARGS(sql_t(filter->workload), sql_u(before), sql_i(filter->limit)), ret,
			err);
	return sql_start(sql,
		"SELECT " RECORD_COLUMNS " FROM records WHERE idx<?1 ORDER BY idx DESC LIMIT ?2",
		SQL_ARGS(sql_u(before), sql_i(filter->limit)), ret, err);
}

bool records_each(struct sql *sql, const struct record_filter *filter, record_visit visit,
	void *arg, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	if (!records_start(sql, filter, &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		struct record_row row = {0};
		if (!more)
			return true;
		if (!record_read(q, &row, err) || !visit(arg, &row, err))
			return false;
	}
	return false;
}

bool records_since(struct sql *sql, int64_t time, uint64_t *ret_index, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql, "SELECT idx FROM records WHERE time<?1 ORDER BY idx DESC LIMIT 1",
		    SQL_ARGS(sql_i(time)), &q, err))
		return false;
	*ret_index = q ? (uint64_t)sql_int(q, 0) + 1 : 0;
	return true;
}

bool records_from(struct sql *sql, uint64_t index, struct record_row *ret, size_t max,
	size_t *ret_count, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool more = false;
	*ret_count = 0;
	if (!sql_start(sql,
		    "SELECT " RECORD_COLUMNS
		    ", cose FROM records WHERE idx>=?1 ORDER BY idx LIMIT ?2",
		    SQL_ARGS(sql_u(index), sql_i((int64_t)max)), &q, err))
		return false;
	while (sql_next(q, &more, err)) {
		struct record_row *row = &ret[*ret_count];
		if (!more || *ret_count == max)
			return true;
		memset(row, 0, sizeof(*row));
		(*ret_count)++;
		sql_put(q, 9, &row->cose);
		if (!record_read(q, row, err) || !buf_ok(&row->cose, err))
			return false;
	}
	return false;
}

/* ---- the policy in force ---- */

bool policy_in_force_get(struct sql *sql, uint8_t ret_digest[SHA256_LEN], struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql, "SELECT policy FROM meta WHERE id=1", SQL_NO_ARGS, &q, err))
		return false;
	return q ? sql_exact(q, 0, "policy digest", ret_digest, SHA256_LEN, err)
		 : err_set(err, ERR_STORE, "the database has no meta row");
}

bool policy_in_force_set(
	struct store_tx *tx, const uint8_t digest[SHA256_LEN], int64_t version, struct err *err)
{
	if (!sql_exec(tx->sql, "UPDATE meta SET policy=?1, policy_version=?2 WHERE id=1",
		    SQL_ARGS(sql_b(bytes_of(digest, SHA256_LEN)), sql_i(version)), NULL, err))
		return false;
	memcpy(tx->policy, digest, SHA256_LEN);
	tx->policy_version = version;
	return true;
}
