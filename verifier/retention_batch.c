/* SPDX-License-Identifier: Apache-2.0 */
/* One transaction: what is due in it goes, and the ledger entry says what went. Everything that was
 * asked before is asked again: a hold may have come, a decision, another policy. */
#include "verifier/retention.h"

#include <stdlib.h>

struct working {
	struct retention_batch *batch;
	struct store_tx *tx;
	struct holds *holds;
	struct retention_view view;
	struct gone gone;
};

static bool destroy_history(struct working *w, const struct history_key *key, struct err *err)
{
	struct retention_batch *b = w->batch;
	bool due = false, found = true;
	if (!history_due(w->tx->sql, &w->view, key, &due, err))
		return false;
	while (due && found) {
		OWNED(record_row_release) struct record_row row = {0};
		if (!history_newest(w->tx->sql, key, &row, &found, err))
			return false;
		if (found && b->gone.record_count == b->record_max) {
			b->more = true;
			return true;
		}
		if (found && !record_destroy(w->tx->sql, &row, &w->gone, &b->gone, err))
			return false;
	}
	return true;
}

static bool destroy_entry(struct working *w, uint64_t index, struct err *err)
{
	struct entry_row row;
	bool found = false, due = false;
	if (!entry_row_get(w->tx->sql, index, &row, &found, err) ||
		(found && !entry_due(w->tx->sql, &w->view, &row, &due, err)))
		return false;
	return !due || entry_destroy(w->tx->sql, index, &w->gone, &w->batch->gone, err);
}

/* No policy's text goes while anything is held: which policies a case needs is not to be guessed. */
static bool destroy_policies(struct working *w, struct err *err)
{
	int64_t keep = rules_of_entry(w->view.rules, LEAF_POLICY);
	if (keep == RETENTION_FOREVER || w->holds->count > 0)
		return true;
	return policies_destroy(
		w->tx->sql, w->view.now - keep, w->view.rules->seen_from, &w->batch->gone, err);
}

/* ---- the ledger entry ---- */

static json_t *rules_json(const struct retention_rules *rules)
{
	json_t *versions = json_array();
	for (size_t i = 0; versions && i < rules->count; i++)
		if (json_array_append_new(versions, json_integer(rules->list[i]->version)) != 0) {
			json_decref(versions);
			return NULL;
		}
	return versions;
}

static bool append(struct working *w, struct err *err)
{
	const struct retention_batch *b = w->batch;
	json_t *versions = rules_json(b->rules);
	if (!versions)
		return err_set(err, ERR_NOMEM, "retention");
	return entry_append(b->app, w->tx, LEAF_RETENTION, b->now,
		json_pack("{s:s, s:o, s:O, s:O, s:O, s:s}", "event", "content-destroyed",
			"policies", versions, "records", b->gone.records, "objects",
			b->gone.objects, "entries", b->gone.entries, "by",
			b->by[0] ? b->by : "retention"),
		err);
}

static bool work_all(struct working *w, struct err *err)
{
	struct retention_batch *b = w->batch;
	for (size_t i = 0; !b->more && i < b->history_count; i++)
		if (!destroy_history(w, &b->histories[i], err))
			return false;
	for (size_t i = 0; i < b->entry_count; i++)
		if (!destroy_entry(w, b->entries[i], err))
			return false;
	if (!destroy_policies(w, err))
		return false;
	if (b->gone.record_count + b->gone.entry_count + b->gone.object_count == 0)
		return true;
	return append(w, err);
}

static bool batch_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct retention_batch *b = arg;
	OWNED(free_ptr) struct holds *holds = calloc(1, sizeof(*holds));
	if (!holds)
		return err_set(err, ERR_NOMEM, "retention");
	struct working w = {.batch = b,
		.tx = tx,
		.holds = holds,
		.view = {.rules = b->rules, .holds = holds, .now = b->now},
		.gone = {.entry = tx->edge.size, .time = b->now}};
	if (memcmp(tx->policy, b->rules->newest, SHA256_LEN) != 0)
		return err_set(err, ERR_CONFLICT, "the policy was changed meanwhile");
	if (!holds_load(tx->sql, b->now, b->app->config.retention_grace, holds, err) ||
		!work_all(&w, err))
		return false;
	/* Undone, and told. */
	return !b->dry || err_set(err, ERR_BUSY, "a dry run");
}

bool retention_batch_run(struct retention_batch *batch, struct err *err)
{
	struct err own = {0};
	if (!gone_list_init(&batch->gone, err))
		return false;
	if (store_run(batch->app->store, batch_work, batch, &own))
		return true;
	if (batch->dry && own.code == ERR_BUSY && strcmp(own.text, "a dry run") == 0)
		return true;
	if (err)
		*err = own;
	return false;
}
