/* SPDX-License-Identifier: Apache-2.0 */
/* One entry of the ledger opened: the leaf, its salt and the content that its commitment is of. */
#include "verifier/app.h"
#include "verifier/entries.h"

#include "base/text.h"

/* Content that is kept no more is null. */
static json_t *entry_json(const struct ledger_entry *e)
{
	char id[2 * SHA256_LEN + 1], salt[2 * LEDGER_SALT_LEN + 1], time[TIME_TEXT_MAX];
	hex_encode(BYTES_OF(e->id), id);
	hex_encode(BYTES_OF(e->salt), salt);
	return json_pack("{s:I, s:s, s:s, s:s, s:o, s:s, s:o}", "index", (json_int_t)e->index,
		"type", leaf_type_name(e->type), "time", time_format(e->time, time), "id", id,
		"leaf", json_base64(buf_bytes(&e->leaf)), "salt", salt, "content",
		e->destroyed ? json_null() : json_base64(buf_bytes(&e->content)));
}

static bool entry_answer(struct call *call, struct sql *sql, uint64_t index, struct err *err)
{
	OWNED(ledger_entry_release) struct ledger_entry entry = {0};
	return entry_load(sql, index, &entry, err) && call_json(call, 200, entry_json(&entry), err);
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
