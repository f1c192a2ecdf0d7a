/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/fields.h"
#include "verifier/app.h"
#include "verifier/entries.h"
#include "verifier/event_names.h"

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

/* Each field with a salt of its own, so that it can be shown or taken out alone. */
static bool seal(struct app *app, const json_t *content, struct buf *ret_kept, struct err *err)
{
	uint8_t salts[FIELDS_MAX * FIELD_SALT_LEN];
	size_t len = json_object_size(content) * FIELD_SALT_LEN;
	if (len > sizeof(salts))
		return err_set(err, ERR_INTERNAL, "an entry has at most %u fields", FIELDS_MAX);
	return random_fill(app->random, salts, len, err) &&
	       fields_seal(content, bytes_of(salts, len), ret_kept, err);
}

bool entry_append(struct app *app, struct store_tx *tx, enum leaf_type type, int64_t time,
	json_t *content, struct err *err)
{
	uint8_t hash[SHA256_LEN];
	return entry_append_leaf(app, tx, type, time, content, hash, err);
}

bool entry_append_leaf(struct app *app, struct store_tx *tx, enum leaf_type type, int64_t time,
	json_t *content, uint8_t ret_hash[SHA256_LEN], struct err *err)
{
	OWNED(json_release) json_t *owned = content;
	OWNED(buf_release) struct buf kept = {0};
	OWNED(fields_release) struct fields fields = {0};
	OWNED(leaf_row_release) struct leaf_row row = {0};
	if (!owned)
		return err_set(err, ERR_NOMEM, "ledger entry");
	if (!event_fits(type, json_string_value(json_object_get(owned, "event"))))
		return err_set(
			err, ERR_INTERNAL, "an event of a name that nobody can subscribe to");
	if (!seal(app, owned, &kept, err) || !fields_open(buf_bytes(&kept), &fields, err) ||
		!entry_make(app, type, time, buf_bytes(&fields.committed), false, &row, err))
		return false;
	/* What lies beside is not what the leaf commits to, but what that is computed from. */
	buf_put(&row.content, buf_bytes(&kept));
	memcpy(ret_hash, row.hash, SHA256_LEN);
	return buf_ok(&row.content, err) && leaf_append(tx, &row, err) &&
	       entry_subjects_put(tx->sql, row.index, type, owned, err);
}
