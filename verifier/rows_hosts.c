/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/rows.h"

#define IDENTITY_COLUMNS                                                                           \
	"id, ek_public, ak_public, ek_certs, ak_name, ek_leaf, ek_template, manufacturer, name,"   \
	" enrolled, epoch, state, version"
#define HOST_SELECT                                                                                \
	"SELECT " IDENTITY_COLUMNS                                                                 \
	", coalesce(seen, 0), coalesce(seen_index, 0), coalesce(reset_count, 0),"                  \
	" coalesce(restart_count, 0), coalesce(clock, 0), coalesce(firmware_version, 0), boot_id"  \
	" FROM hosts LEFT JOIN host_seen ON host=id"

static const struct sql_fault moved = {ERR_CONFLICT, "the host was changed meanwhile"};

void host_row_release(struct host_row *row)
{
	buf_release(&row->ek_public);
	buf_release(&row->ak_public);
	buf_release(&row->ek_certs);
	memset(row, 0, sizeof(*row));
}

static bool host_read(const struct sql_query *q, struct host_row *ret, struct err *err)
{
	sql_put(q, 1, &ret->ek_public);
	sql_put(q, 2, &ret->ak_public);
	sql_put(q, 3, &ret->ek_certs);
	ret->enrolled = sql_int(q, 9);
	ret->epoch = (uint64_t)sql_int(q, 10);
	int64_t state = sql_int(q, 11);
	ret->version = sql_int(q, 12);
	ret->seen = sql_int(q, 13);
	ret->seen_index = (uint64_t)sql_int(q, 14);
	ret->reset_count = (uint32_t)sql_int(q, 15);
	ret->restart_count = (uint32_t)sql_int(q, 16);
	ret->clock = (uint64_t)sql_int(q, 17);
	ret->firmware_version = (uint64_t)sql_int(q, 18);
	struct bytes boot = sql_bytes(q, 19);
	if (boot.len == sizeof(ret->boot_id))
		memcpy(ret->boot_id, boot.data, boot.len);
	if (state < HOST_PENDING || state > HOST_RETIRED)
		return err_set(
			err, ERR_STORE, "stored host state %lld is unknown", (long long)state);
	ret->state = (enum host_state)state;
	return sql_exact(q, 0, "host id", ret->id, sizeof(ret->id), err) &&
	       sql_exact(q, 4, "AK name", ret->ak_name, sizeof(ret->ak_name), err) &&
	       sql_exact(q, 5, "EK certificate digest", ret->ek_leaf, sizeof(ret->ek_leaf), err) &&
	       sql_text(q, 6, "EK template", ret->ek_template, sizeof(ret->ek_template), err) &&
	       sql_text(q, 7, "manufacturer", ret->manufacturer, sizeof(ret->manufacturer), err) &&
	       sql_text(q, 8, "host name", ret->name, sizeof(ret->name), err) &&
	       buf_ok(&ret->ek_public, err) && buf_ok(&ret->ak_public, err) &&
	       buf_ok(&ret->ek_certs, err);
}

bool host_get(struct sql *sql, const uint8_t id[HOST_ID_LEN], struct host_row *ret, bool *ret_found,
	struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	OWNED(host_row_release) struct host_row row = {0};
	if (!sql_first(sql, HOST_SELECT " WHERE id=?1", SQL_ARGS(sql_b(bytes_of(id, HOST_ID_LEN))),
		    &q, err))
		return false;
	*ret_found = q != NULL;
	if (q && !host_read(q, &row, err))
		return false;
	*ret = TAKE_STRUCT(row);
	return true;
}

bool host_insert(struct sql *sql, const struct host_row *row, struct err *err)
{
	return sql_exec(sql,
		"INSERT INTO hosts(" IDENTITY_COLUMNS
		") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,1)",
		SQL_ARGS(sql_b(BYTES_OF(row->id)), sql_b(buf_bytes(&row->ek_public)),
			sql_b(buf_bytes(&row->ak_public)), sql_b(buf_bytes(&row->ek_certs)),
			sql_b(BYTES_OF(row->ak_name)), sql_b(BYTES_OF(row->ek_leaf)),
			sql_t(bytes_str(row->ek_template)), sql_t(bytes_str(row->manufacturer)),
			sql_t(bytes_str(row->name)), sql_i(row->enrolled), sql_u(row->epoch),
			sql_i(row->state)),
		NULL, err);
}

bool host_set_state(struct sql *sql, const uint8_t id[HOST_ID_LEN], int64_t version,
	enum host_state state, struct err *err)
{
	return sql_change_one(sql,
		"UPDATE hosts SET state=?3, version=version+1 WHERE id=?1 AND version=?2",
		SQL_ARGS(sql_b(bytes_of(id, HOST_ID_LEN)), sql_i(version), sql_i(state)), &moved,
		err);
}

bool host_set_seen(struct sql *sql, const struct host_row *row, struct err *err)
{
	return sql_exec(sql,
		"INSERT INTO host_seen(host, seen, seen_index, reset_count, restart_count, clock, "
		"firmware_version, boot_id)"
		" VALUES(?1,?2,?3,?4,?5,?6,?7,?8) ON CONFLICT(host) DO UPDATE SET seen=?2, "
		"seen_index=?3,"
		" reset_count=?4, restart_count=?5, clock=?6, firmware_version=?7, boot_id=?8",
		SQL_ARGS(sql_b(BYTES_OF(row->id)), sql_i(row->seen), sql_u(row->seen_index),
			sql_u(row->reset_count), sql_u(row->restart_count), sql_u(row->clock),
			sql_u(row->firmware_version), sql_b(BYTES_OF(row->boot_id))),
		NULL, err);
}

bool host_recheck(struct sql *sql, const struct host_row *row, struct err *err)
{
	return sql_holds(sql,
		"SELECT 1 FROM hosts LEFT JOIN host_seen ON host=id WHERE id=?1 AND version=?2 AND "
		"coalesce(seen, 0)=?3 AND coalesce(seen_index, 0)=?4",
		SQL_ARGS(sql_b(BYTES_OF(row->id)), sql_i(row->version), sql_i(row->seen),
			sql_u(row->seen_index)),
		&moved, err);
}

bool host_gate(
	struct sql *sql, const uint8_t id[HOST_ID_LEN], enum host_state *ret_state, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql, "SELECT state FROM hosts WHERE id=?1",
		    SQL_ARGS(sql_b(bytes_of(id, HOST_ID_LEN))), &q, err))
		return false;
	*ret_state = q ? (enum host_state)sql_int(q, 0) : HOST_NONE;
	return true;
}

bool hosts_waiting(struct sql *sql, int64_t *ret, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	static_assert(HOST_PENDING == 1, "as the index has it");
	if (!sql_first(sql, "SELECT count(*) FROM hosts WHERE state=1", SQL_NO_ARGS, &q, err))
		return false;
	*ret = q ? sql_int(q, 0) : 0;
	return true;
}

bool host_of_ak(struct sql *sql, const uint8_t ak_name[SHA256_LEN], uint8_t ret_id[HOST_ID_LEN],
	bool *ret_found, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql, "SELECT id FROM hosts WHERE ak_name=?1",
		    SQL_ARGS(sql_b(bytes_of(ak_name, SHA256_LEN))), &q, err))
		return false;
	*ret_found = q != NULL;
	return q ? sql_exact(q, 0, "host id", ret_id, HOST_ID_LEN, err) : true;
}
