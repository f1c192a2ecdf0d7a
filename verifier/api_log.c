/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger for everyone: its checkpoint and its tiles, as C2SP tlog-tiles lays them out. */
#include "verifier/app.h"

static bool checkpoint_answer(struct call *call, struct sql *sql, struct err *err)
{
	OWNED(buf_release) struct buf note = {0};
	if (!checkpoint_get(sql, &note, err))
		return false;
	if (note.len == 0)
		return err_set(err, ERR_NOT_FOUND, "the ledger is empty");
	return call_bytes(call, 200, "text/plain; charset=utf-8", buf_bytes(&note), err);
}

bool serve_checkpoint(struct call *call, struct err *err)
{
	struct sql *sql = NULL;
	if (!call_read(call, &sql, err))
		return false;
	bool ok = checkpoint_answer(call, sql, err);
	store_read_done(call->app->store, &sql);
	return ok;
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
