/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/rows_sealed.h"

bool sealed_vault(const struct sql *sql, struct vault **ret, struct err *err)
{
	*ret = sql->vault;
	return *ret || err_set(err, ERR_INTERNAL, "the store has no content key");
}

void sealed_identity(const char *domain, struct bytes name, struct buf *out)
{
	buf_put_str(out, domain);
	buf_put_u8(out, 0);
	buf_put(out, name);
}

bool sealed_key_put(struct sql *sql, const uint8_t wrapped[VAULT_WRAPPED_LEN], struct err *err)
{
	return sql_exec(sql, "INSERT INTO data_keys(wrapped) VALUES(?1)",
		SQL_ARGS(sql_b(bytes_of(wrapped, VAULT_WRAPPED_LEN))), NULL, err);
}

bool sealed_make(struct sql *sql, const struct buf *identity, struct bytes content,
	struct buf *ret_sealed, struct err *err)
{
	struct vault *vault = NULL;
	uint8_t wrapped[VAULT_WRAPPED_LEN];
	return buf_ok(identity, err) && sealed_vault(sql, &vault, err) &&
	       vault_seal(vault, buf_bytes(identity), content, wrapped, ret_sealed, err) &&
	       sealed_key_put(sql, wrapped, err);
}

bool sealed_open(struct sql *sql, const struct sql_query *q, const char *what,
	const struct buf *identity, struct buf *ret, struct err *err)
{
	struct vault *vault = NULL;
	char time[TIME_TEXT_MAX];
	if (sql_int(q, 3) == 0)
		return err_set(err, ERR_GONE, "%s: its content was destroyed on %s", what,
			time_format(sql_int(q, 0), time));
	return buf_ok(identity, err) && sealed_vault(sql, &vault, err) &&
	       (vault_open(
			vault, buf_bytes(identity), sql_bytes(q, 1), sql_bytes(q, 2), ret, err) ||
		       err_wrap(err, "%s", what));
}

bool sealed_key_destroy(struct sql *sql, int64_t key, struct err *err)
{
	static const uint8_t nothing[VAULT_WRAPPED_LEN];
	sql->scrub = true;
	return sql_exec(sql, "UPDATE data_keys SET wrapped=?1 WHERE id=?2",
		SQL_ARGS(sql_b(BYTES_OF(nothing)), sql_i(key)), NULL, err);
}
