/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/app.h"
#include "verifier/entries.h"

bool entry_make(struct app *app, enum leaf_type type, int64_t time, struct bytes content, bool keep,
	struct leaf_row *ret, struct err *err)
{
	OWNED(leaf_row_release) struct leaf_row row = {0};
	struct leaf leaf = {.type = type, .time = time};
	memcpy(leaf.issuer, key_id(app->issuer.signing_key), sizeof(leaf.issuer));
	if (!random_fill(app->random, row.salt, sizeof(row.salt), err) ||
		!ledger_commitment(row.salt, content, leaf.commitment, err) ||
		!leaf_encode(&leaf, &row.bytes, err) ||
		!leaf_hash(buf_bytes(&row.bytes), row.hash, err))
		return err_wrap(err, "ledger entry");
	if (keep)
		buf_put(&row.content, content);
	if (!buf_ok(&row.content, err))
		return false;
	*ret = TAKE_STRUCT(row);
	return true;
}

bool entry_append(struct app *app, struct store_tx *tx, enum leaf_type type, int64_t time,
	json_t *content, struct err *err)
{
	OWNED(json_release) json_t *owned = content;
	OWNED(buf_release) struct buf text = {0};
	OWNED(leaf_row_release) struct leaf_row row = {0};
	if (!owned)
		return err_set(err, ERR_NOMEM, "ledger entry");
	return json_write(owned, false, &text, err) &&
	       entry_make(app, type, time, buf_bytes(&text), true, &row, err) &&
	       leaf_append(tx, &row, err) &&
	       entry_subjects_put(tx->sql, row.index, type, owned, err);
}
