/* SPDX-License-Identifier: Apache-2.0 */
/* The checkpoint that the verifier's host quoted: brought by an operator, read by everybody. */
#include "verifier/app.h"

#include "base/text.h"

#include <stdio.h>

bool serve_log_quoted(struct call *call, struct err *err)
{
	struct app *app = call->app;
	char text[24];
	uint64_t size = 0;
	if (!log_quote_accept(&app->ledger_log, app->store, http_body(call->exchange), &size, err))
		return false;
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)size);
	log_event(&app->log, LOG_LEVEL_INFO, "checkpoint-quote-kept",
		{"by", bytes_str(call->who.uri)}, {"size", bytes_str(text)});
	return call_json(
		call, 200, json_pack("{s:s,s:I}", "status", "kept", "size", (json_int_t)size), err);
}

bool serve_log_quote(struct call *call, struct err *err)
{
	OWNED(buf_release) struct buf file = {0};
	struct sql *sql = NULL;
	uint64_t size = 0;
	if (!call_read(call, &sql, err))
		return false;
	bool ok = log_quote_get(sql, &file, &size, err);
	store_read_done(call->app->store, &sql);
	if (ok && size == 0)
		return err_set(
			err, ERR_NOT_FOUND, "no checkpoint was quoted yet (assay log attest)");
	return ok && call_bytes(call, 200, MEDIA_CHECKPOINT_QUOTE, buf_bytes(&file), err);
}
