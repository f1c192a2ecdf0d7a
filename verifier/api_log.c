/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger for everyone: its checkpoint and its tiles, as C2SP tlog-tiles lays them out. */
#include "verifier/app.h"

/* With witnesses, the newest one that a quorum saw: what others are to believe. */
static bool checkpoint_answer(struct call *call, struct sql *sql, bool latest, struct err *err)
{
	OWNED(buf_release) struct buf note = {0};
	const struct tlog_policy *policy = call->app->ledger_log.policy;
	bool witnessed = policy && policy->quorum != QUORUM_NONE && !latest;
	if (!(witnessed ? cosigned_get(sql, &note, err) : checkpoint_get(sql, &note, err)))
		return false;
	if (note.len == 0)
		return err_set(err, ERR_NOT_FOUND, "%s",
			witnessed ? "no checkpoint has been cosigned yet" : "the ledger is empty");
	return call_bytes(call, 200, "text/plain; charset=utf-8", buf_bytes(&note), err);
}

static bool serve_note(struct call *call, bool latest, struct err *err)
{
	struct sql *sql = NULL;
	if (!call_read(call, &sql, err))
		return false;
	bool ok = checkpoint_answer(call, sql, latest, err);
	store_read_done(call->app->store, &sql);
	return ok;
}

bool serve_checkpoint(struct call *call, struct err *err)
{
	return serve_note(call, false, err);
}

bool serve_checkpoint_latest(struct call *call, struct err *err)
{
	return serve_note(call, true, err);
}

bool serve_cosigned(struct call *call, struct err *err)
{
	struct app *app = call->app;
	struct err why = {0};
	if (ledger_log_accept(&app->ledger_log, app->store, http_body(call->exchange),
		    clock_wall(app->clock), &why))
		return call_json(call, 200, json_pack("{s:s}", "status", "kept"), err);
	if (why.code == ERR_CONFLICT)
		log_event(&app->log, LOG_LEVEL_ERROR, "ledger-forked",
			{"by", bytes_str(call->who.uri)}, {"error", bytes_str(why.text)});
	return err_set(err, why.code, "%s", why.text);
}

bool serve_tile(struct call *call, struct err *err)
{
	OWNED(buf_release) struct buf path = {0};
	OWNED(buf_release) struct buf content = {0};
	struct tile tile;
	struct sql *sql = NULL;
	buf_printf(&path, "tile/%s", http_path_param(call->exchange, 0));
	if (!buf_ok(&path, err))
		return false;
	if (!tile_path_parse(buf_bytes(&path), &tile, err))
		return err_set(err, ERR_NOT_FOUND, "not the path of a tile");
	if (!call_read(call, &sql, err))
		return false;
	bool ok = tile_get(sql, &tile, &content, err);
	store_read_done(call->app->store, &sql);
	return ok && call_bytes(call, 200, "application/octet-stream", buf_bytes(&content), err);
}
