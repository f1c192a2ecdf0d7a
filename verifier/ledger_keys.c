/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/ledger_keys.h"

static bool keys_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct app *app = arg;
	const struct ledger_log *log = &app->ledger_log;
	OWNED(buf_release) struct buf key = {0};
	OWNED(buf_release) struct buf also = {0};
	if (!note_key_write(&log->key, &key, err) ||
		(log->also.key && !note_key_write(&log->also, &also, err)))
		return false;
	return entry_append(app, tx, LEAF_KEY, clock_wall(app->clock),
		json_pack("{s:s, s:s, s:s*}", "event", "log-key", "key", buf_str(&key), "also",
			log->also.key ? buf_str(&also) : NULL),
		err);
}

bool ledger_keys_note(struct app *app, struct err *err)
{
	bool changed = false;
	return ledger_log_keys_changed(&app->ledger_log, app->store, &changed, err) &&
	       (!changed || store_run(app->store, keys_work, app, err));
}
