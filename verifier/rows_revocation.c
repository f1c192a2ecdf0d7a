/* SPDX-License-Identifier: Apache-2.0 */
/* Revoking credentials, and what lists of revoked ones are made from. */
#include "verifier/revocation_rows.h"
#include "verifier/serials.h"

#include <stdlib.h>

#define BLOB(array, n) sql_b(bytes_of((array), (n)))

/* ---- revoking ---- */

/* What has ended needs no revoking. By the clock alone, one that runs ahead for a moment would leave what is still good: what
 * retention believed at its last sweep counts, where that is less. n: the parameter that is now. */
#define GOOD(n)                                                                                    \
	"revoked=0 AND not_after>coalesce((SELECT CASE WHEN r.time<" n " THEN r.time ELSE " n      \
	" END FROM retention r WHERE r.id=1), 0)"

/* In the transaction that revokes: whoever sees the rows sees the sequence, too. */
static bool revoke(struct sql *sql, const char *text, const struct sql_value *args, size_t count,
	struct err *err)
{
	int64_t changed = 0;
	return sql_exec(sql, text, args, count, &changed, err) &&
	       (changed == 0 ||
		       sql_exec(sql, "UPDATE revocation SET sequence=sequence+1 WHERE id=1",
			       SQL_NO_ARGS, NULL, err));
}

bool credentials_revoke_host(struct sql *sql, const uint8_t host[HOST_ID_LEN], int64_t now,
	enum revocation_reason reason, struct err *err)
{
	return revoke(sql,
		"UPDATE credentials SET revoked=?2, reason=?3 WHERE host=?1 AND " GOOD("?2"),
		SQL_ARGS(BLOB(host, HOST_ID_LEN), sql_i(now), sql_i(reason)), err);
}

bool credentials_revoke_instance(struct sql *sql, const uint8_t host[HOST_ID_LEN],
	const uint8_t instance[INSTANCE_ID_LEN], int64_t now, enum revocation_reason reason,
	struct err *err)
{
	return revoke(sql,
		"UPDATE credentials SET revoked=?3, reason=?4 WHERE host=?1 AND instance=?2 "
		"AND " GOOD("?3"),
		SQL_ARGS(BLOB(host, HOST_ID_LEN), BLOB(instance, INSTANCE_ID_LEN), sql_i(now),
			sql_i(reason)),
		err);
}

bool credentials_revoke_workload(struct sql *sql, struct bytes workload, int64_t now,
	enum revocation_reason reason, struct err *err)
{
	return revoke(sql,
		"UPDATE credentials SET revoked=?2, reason=?3 WHERE (host, instance) IN (SELECT "
		"host, instance FROM instances WHERE workload=?1) AND " GOOD("?2"),
		SQL_ARGS(sql_t(workload), sql_i(now), sql_i(reason)), err);
}

bool credentials_revoke_release(struct sql *sql, const uint8_t release[SHA256_LEN], int64_t now,
	enum revocation_reason reason, struct err *err)
{
	return revoke(sql,
		"UPDATE credentials SET revoked=?2, reason=?3 WHERE (host, instance) IN (SELECT "
		"host, instance FROM instances WHERE release=?1) AND " GOOD("?2"),
		SQL_ARGS(BLOB(release, SHA256_LEN), sql_i(now), sql_i(reason)), err);
}

bool credentials_revoke_elevation(
	struct sql *sql, struct bytes elevation, int64_t now, struct err *err)
{
	return revoke(sql,
		"UPDATE credentials SET revoked=?2, reason=?3 WHERE serial IN (SELECT serial FROM "
		"elevation_credentials WHERE elevation=?1) AND " GOOD("?2"),
		SQL_ARGS(sql_b(elevation), sql_i(now), sql_i(REVOKED_PRIVILEGE)), err);
}

/* ---- the sequence, and lists of tokens ---- */

static bool number_get(struct sql *sql, const char *text, int64_t *ret, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	if (!sql_first(sql, text, SQL_NO_ARGS, &q, err))
		return false;
	if (!q)
		return err_set(err, ERR_STORE, "the database has no row of revocations");
	*ret = sql_int(q, 0);
	return true;
}

bool revocation_sequence(struct sql *sql, int64_t *ret, struct err *err)
{
	return number_get(sql, "SELECT sequence FROM revocation WHERE id=1", ret, err);
}

bool status_lists_count(struct sql *sql, int64_t *ret, struct err *err)
{
	return number_get(sql, "SELECT lists FROM revocation WHERE id=1", ret, err);
}

bool status_list_begin(struct sql *sql, int64_t *ret_list, struct err *err)
{
	return status_lists_count(sql, ret_list, err) &&
	       sql_exec(sql, "UPDATE revocation SET lists=lists+1 WHERE id=1", SQL_NO_ARGS, NULL,
		       err);
}

bool status_list_bits(
	struct sql *sql, int64_t list, uint8_t bits[STATUS_LIST_LEN / 8], struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	bool row = false;
	int64_t first = list * STATUS_LIST_LEN + 1;
	if (!sql_start(sql,
		    "SELECT status FROM credentials WHERE revoked>0 AND status>=?1 AND status<?2",
		    SQL_ARGS(sql_i(first), sql_i(first + STATUS_LIST_LEN)), &q, err))
		return false;
	while (sql_next(q, &row, err)) {
		if (!row)
			return true;
		uint64_t at = (uint64_t)(sql_int(q, 0) - first);
		bits[at / 8] = (uint8_t)(bits[at / 8] | 1u << at % 8);
	}
	return false;
}

/* ---- lists of certificates ---- */

struct entries {
	struct crl_entry *list;
	size_t count, room;
};

static void entries_release(struct entries *entries)
{
	free(entries->list);
}

static bool entry_add(struct entries *entries, const uint8_t ca[SHA256_LEN],
	const struct sql_query *q, struct err *err)
{
	struct crl_entry entry = {
		.revoked = sql_int(q, 1), .reason = (enum revocation_reason)sql_int(q, 2)};
	if (!sql_text(q, 0, "serial", entry.serial, sizeof(entry.serial), err))
		return false;
	if (!serial_may_be_of(entry.serial, sql_int(q, 3), ca))
		return true;
	if (entries->count == CRL_ENTRIES_MAX)
		return err_set(err, ERR_LIMIT, "more than %u certificates are revoked at once",
			CRL_ENTRIES_MAX);
	if (entries->count == entries->room) {
		size_t room = entries->room ? 2 * entries->room : 64;
		struct crl_entry *list = realloc(entries->list, room * sizeof(*list));
		if (!list)
			return err_set(err, ERR_NOMEM, "revocation list");
		entries->list = list;
		entries->room = room;
	}
	entries->list[entries->count++] = entry;
	return true;
}

bool revoked_certificates(struct sql *sql, const uint8_t ca[SHA256_LEN], int64_t after,
	struct crl_entry **ret, size_t *ret_count, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	OWNED(entries_release) struct entries entries = {0};
	bool row = false;
	if (!sql_start(sql,
		    "SELECT serial, revoked, reason, issued FROM credentials WHERE revoked>0 AND "
		    "not_after>?1 AND kind IN (?2, ?3)",
		    SQL_ARGS(sql_i(after), sql_i(CREDENTIAL_HOST), sql_i(CREDENTIAL_X509)), &q,
		    err))
		return false;
	do {
		if (!sql_next(q, &row, err) || (row && !entry_add(&entries, ca, q, err)))
			return false;
	} while (row);
	*ret = TAKE(entries.list);
	*ret_count = entries.count;
	return true;
}

bool crl_row_get(struct sql *sql, const uint8_t issuer[SHA256_LEN], struct crl_row *ret,
	struct buf *der, struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	*ret = (struct crl_row){0};
	if (!sql_first(sql,
		    der ? "SELECT number, sequence, made, until, der FROM crls WHERE issuer=?1"
			: "SELECT number, sequence, made, until FROM crls WHERE issuer=?1",
		    SQL_ARGS(BLOB(issuer, SHA256_LEN)), &q, err))
		return false;
	if (!q)
		return true;
	*ret = (struct crl_row){.number = sql_int(q, 0),
		.sequence = sql_int(q, 1),
		.made = sql_int(q, 2),
		.until = sql_int(q, 3)};
	if (der)
		buf_put(der, sql_bytes(q, 4));
	return !der || buf_ok(der, err);
}

bool crl_row_put(struct sql *sql, const uint8_t issuer[SHA256_LEN], const struct crl_row *row,
	struct bytes der, bool *ret_put, struct err *err)
{
	int64_t changed = 0;
	bool ok = sql_exec(sql,
		"INSERT INTO crls(issuer, number, sequence, made, until, der) "
		"VALUES(?1,?2,?3,?4,?5,?6) ON CONFLICT(issuer) DO UPDATE SET "
		"number=excluded.number, sequence=excluded.sequence, made=excluded.made, "
		"until=excluded.until, der=excluded.der WHERE crls.number=excluded.number-1",
		SQL_ARGS(BLOB(issuer, SHA256_LEN), sql_i(row->number), sql_i(row->sequence),
			sql_i(row->made), sql_i(row->until), sql_b(der)),
		&changed, err);
	*ret_put = ok && changed == 1;
	return ok;
}
