/* SPDX-License-Identifier: Apache-2.0 */
/* One entry of the ledger opened: the leaf, its salt and the content that its commitment is of. */
#include "verifier/app.h"
#include "verifier/entries.h"

#include "base/text.h"

/* A decision's content is its record, which lies elsewhere. */
static bool content_of(
	struct sql *sql, const struct leaf *leaf, struct leaf_row *row, struct err *err)
{
	struct record_row record = {0};
	size_t count = 0;
	bool ok;
	if (leaf->type != LEAF_DECISION || row->content.len > 0)
		return true;
	ok = records_from(sql, row->index, &record, 1, &count, err);
	if (ok && count == 1 && record.index == row->index)
		row->content = TAKE_STRUCT(record.cose);
	record_row_release(&record);
	return ok;
}

static json_t *base64_json(struct bytes in)
{
	OWNED(buf_release) struct buf text = {0};
	buf_put_base64(&text, in, false);
	return buf_ok(&text, NULL) ? json_stringn((const char *)text.data, text.len) : NULL;
}

/* Content that is kept no more is null. */
static json_t *entry_json(const struct leaf *leaf, const struct leaf_row *row)
{
	char id[2 * SHA256_LEN + 1], salt[2 * LEDGER_SALT_LEN + 1], time[TIME_TEXT_MAX];
	hex_encode(BYTES_OF(row->hash), id);
	hex_encode(BYTES_OF(row->salt), salt);
	return json_pack("{s:I, s:s, s:s, s:s, s:o, s:s, s:o}", "index", (json_int_t)row->index,
		"type", leaf_type_name(leaf->type), "time", time_format(leaf->time, time), "id", id,
		"leaf", base64_json(buf_bytes(&row->bytes)), "salt", salt, "content",
		row->content.len > 0 ? base64_json(buf_bytes(&row->content)) : json_null());
}

static bool entry_answer(struct call *call, struct sql *sql, uint64_t index, struct err *err)
{
	OWNED(leaf_row_release) struct leaf_row row = {0};
	struct leaf leaf;
	bool found = false;
	if (!entry_leaf_get(sql, index, &row, &found, err))
		return false;
	if (!found)
		return err_set(err, ERR_NOT_FOUND, "the ledger has no such entry");
	if (!leaf_decode(buf_bytes(&row.bytes), &leaf, err))
		return err_set(err, ERR_STORE, "stored leaf: %.200s", err->text);
	return content_of(sql, &leaf, &row, err) &&
	       call_json(call, 200, entry_json(&leaf, &row), err);
}

bool serve_entry(struct call *call, struct err *err)
{
	const char *text = http_path_param(call->exchange, 0);
	struct sql *sql = NULL;
	uint64_t index = 0;
	if (!text_decimal(bytes_str(text), &index) || index > INT64_MAX)
		return err_set(err, ERR_NOT_FOUND, "not the index of an entry");
	if (!call_read(call, &sql, err))
		return false;
	bool ok = entry_answer(call, sql, index, err);
	store_read_done(call->app->store, &sql);
	return ok;
}
