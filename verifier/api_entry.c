/* SPDX-License-Identifier: Apache-2.0 */
/* Routes about ledger entries that something lies beside: one with its proof, and a field of one taken out. */
#include "verifier/retention.h"

#include "base/text.h"
#include "ledger/entry_file.h"
#include "ledger/fields.h"
#include "verifier/receipts.h"

#include <stdlib.h>

static bool index_read(struct call *call, uint64_t *ret, struct err *err)
{
	const char *text = http_path_param(call->exchange, 0);
	return (text_decimal(bytes_str(text), ret) && *ret <= INT64_MAX) ||
	       err_set(err, ERR_NOT_FOUND, "%s is no entry's index", ESC(bytes_str(text)));
}

/* Decisions have records; what has gone is told with when. */
static bool content_there(struct sql *sql, uint64_t index, struct leaf_row *leaf, struct err *err)
{
	struct gone gone;
	char time[TIME_TEXT_MAX];
	bool found = false, is = false;
	if (!entry_gone(sql, index, &gone, &is, err))
		return false;
	if (is)
		return err_set(err, ERR_GONE,
			"what lay beside this entry was destroyed at %s, as ledger entry %llu says",
			time_format(gone.time, time), (unsigned long long)gone.entry);
	if (!leaf_get(sql, index, leaf, &found, err))
		return false;
	if (!found)
		return err_set(err, ERR_NOT_FOUND, "the ledger has no entry %llu",
			(unsigned long long)index);
	return leaf->content.len > 0 ||
	       err_set(err, ERR_NOT_FOUND,
		       "entry %llu is a decision: its content is a record (assay record get)",
		       (unsigned long long)index);
}

/* ---- one with its proof ---- */

struct exporting {
	struct sql *sql;
	uint64_t index;
	struct leaf_row leaf;
	struct buf checkpoint, proof, file;
};

static void exporting_release(struct exporting *e)
{
	leaf_row_release(&e->leaf);
	buf_release(&e->checkpoint);
	buf_release(&e->proof);
	buf_release(&e->file);
}

static bool export_make(struct exporting *e, struct err *err)
{
	struct checkpoint tree;
	if (!content_there(e->sql, e->index, &e->leaf, err) ||
		!log_tree_choose(e->sql, e->index, &e->checkpoint, &tree, err))
		return false;
	struct tile_source source = tile_rows(e->sql, tree.size);
	if (!tiles_inclusion(&source, e->index, tree.size, &e->proof, err))
		return false;
	struct entry_file file = {.index = e->index,
		.leaf = buf_bytes(&e->leaf.bytes),
		.content = buf_bytes(&e->leaf.content),
		.proof = buf_bytes(&e->proof),
		.checkpoint = buf_bytes(&e->checkpoint)};
	memcpy(file.salt, e->leaf.salt, sizeof(file.salt));
	return entry_file_write(&file, &e->file, err);
}

bool serve_entry_export(struct call *call, struct err *err)
{
	OWNED(exporting_release) struct exporting e = {0};
	if (!index_read(call, &e.index, err) || !call_read(call, &e.sql, err))
		return false;
	bool ok = export_make(&e, err);
	store_read_done(call->app->store, &e.sql);
	return ok && call_bytes(call, 200, "application/json", buf_bytes(&e.file), err);
}

/* ---- a field taken out ---- */

struct redacting {
	struct call *call;
	uint64_t index;
	const char *field, *reason;
	int64_t now;
};

static bool may_redact(struct redacting *r, struct store_tx *tx, struct err *err)
{
	OWNED(free_ptr) struct holds *holds = calloc(1, sizeof(*holds));
	struct entry_row row;
	bool found = false, held = false;
	if (!holds)
		return err_set(err, ERR_NOMEM, "holds");
	if (!holds_load(tx->sql, r->now, r->call->app->config.retention_grace, holds, err) ||
		!entry_row_get(tx->sql, r->index, &row, &found, err) ||
		(found && !entry_held(tx->sql, holds, &row, &held, err)))
		return false;
	if (!found)
		return err_set(err, ERR_NOT_FOUND, "entry %llu has no fields",
			(unsigned long long)r->index);
	if (row.type == LEAF_RETENTION)
		return err_set(err, ERR_DENIED,
			"what the ledger says of holds and destruction is not taken out");
	if (row.type == LEAF_ISSUED)
		return err_set(err, ERR_DENIED, "an entry on credentials has digests alone");
	return !held || err_set(err, ERR_CONFLICT, "a hold keeps this entry (assay hold list)");
}

/* A clock set ahead would end the grace of holds that were lifted: it is believed here no more than in a
 * sweep. */
static bool redact_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct redacting *r = arg;
	OWNED(leaf_row_release) struct leaf_row leaf = {0};
	OWNED(buf_release) struct buf kept = {0};
	if (!retention_now(r->call->app->retention, tx->sql, &r->now, err) ||
		!content_there(tx->sql, r->index, &leaf, err) || !may_redact(r, tx, err) ||
		!fields_redact(buf_bytes(&leaf.content), r->field, &kept, err))
		return false;
	return leaf_content_replace(tx->sql, &leaf, buf_bytes(&kept), err) &&
	       entry_append(r->call->app, tx, LEAF_RETENTION, r->now,
		       json_pack("{s:s, s:I, s:s, s:s, s:s}", "event", "field-redacted", "entry",
			       (json_int_t)r->index, "field", r->field, "by", r->call->who.uri,
			       "reason", r->reason),
		       err);
}

/* What watchers, searches and packages know an entry by. */
static bool field_stays(const char *name)
{
	static const char *const stay[] = {
		"event", "by", "workload", "name", "release", "digest", "host"};
	for (size_t i = 0; i < ARRAY_LEN(stay); i++)
		if (strcmp(name, stay[i]) == 0)
			return true;
	return false;
}

bool serve_entry_redact(struct call *call, struct err *err)
{
	static const char *const keys[] = {"field", "reason", NULL};
	OWNED(json_release) json_t *body = NULL;
	struct redacting r = {.call = call};
	char why[64 + ROW_NAME_MAX];
	if (!index_read(call, &r.index, err) || !call_body_json(call, &body, err))
		return false;
	struct json_fields f = json_fields_of("body");
	json_only_keys(&f, body, keys);
	r.field = json_need_str(&f, body, "field", ROW_NAME_MAX - 1);
	r.reason = json_need_str(&f, body, "reason", ROW_TEXT_MAX - 1);
	if (!r.reason[0])
		json_fields_fail(&f, "reason", "say why");
	(void)snprintf(
		why, sizeof(why), "who did what, and to what, stays: %s is not taken out", r.field);
	if (field_stays(r.field))
		json_fields_fail(&f, "field", why);
	if (!json_fields_ok(&f, err) || !store_run(call->app->store, redact_work, &r, err))
		return false;
	call_log(call, "field-redacted", bytes_str(http_path_param(call->exchange, 0)),
		bytes_str(r.reason));
	return serve_entry_export(call, err);
}
