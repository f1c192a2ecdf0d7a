/* SPDX-License-Identifier: Apache-2.0 */
/* Routes about webhooks: how each stands, going on after one gave up, and an event to try one with. */
#include "verifier/webhooks.h"

#include "base/text.h"

static json_t *events_json(const struct config_webhook *config)
{
	OWNED(json_release) json_t *list = json_array();
	for (size_t i = 0; i < config->event_count; i++)
		if (json_array_append_new(list, json_string(config->events[i])) != 0)
			return NULL;
	return TAKE(list);
}

static const char *state_of(const struct webhook_row *row)
{
	if (row->state == WEBHOOK_GAVE_UP)
		return "gave-up";
	return row->attempts > 0 ? "retrying" : "delivering";
}

static json_t *webhook_json(const struct config_webhook *config, const struct webhook_row *row)
{
	char first[TIME_TEXT_MAX], next[TIME_TEXT_MAX], acked[TIME_TEXT_MAX];
	return json_pack("{s:s, s:s, s:o, s:s, s:I, s:I, s:s, s:s, s:I, s:s, s:o, s:s}", "name",
		config->name, "url", config->url, "events", events_json(config), "state",
		state_of(row), "position", (json_int_t)row->position, "attempts",
		(json_int_t)row->attempts, "first_try", time_json(row->first_try, first),
		"next_try", time_json(row->next_try, next), "last_status",
		(json_int_t)row->last_status, "last_error", row->last_error, "acked_entry",
		row->acked < 0 ? json_null() : json_integer((json_int_t)row->acked), "acked_time",
		time_json(row->acked_time, acked));
}

/* The caller unrefs it. */
static struct webhook *named(struct call *call, struct err *err)
{
	struct webhook *webhook =
		webhooks_find(call->app->webhooks, http_path_param(call->exchange, 0));
	if (!webhook)
		(void)err_set(err, ERR_NOT_FOUND, "no webhook of that name is configured");
	return webhook;
}

static bool row_add(
	struct sql *sql, const struct config_webhook *config, json_t *list, struct err *err)
{
	struct webhook_row row;
	bool found = false;
	return webhook_row_get(sql, config->name, &row, &found, err) &&
	       (!found || json_array_append_new(list, webhook_json(config, &row)) == 0 ||
		       err_set(err, ERR_NOMEM, "webhooks"));
}

bool serve_webhooks(struct call *call, struct err *err)
{
	OWNED(json_release) json_t *list = json_array();
	struct webhook *webhooks[WEBHOOKS_MAX];
	struct sql *sql = NULL;
	if (!list)
		return err_set(err, ERR_NOMEM, "webhooks");
	if (!call_read(call, &sql, err))
		return false;
	size_t count = webhooks_list(call->app->webhooks, webhooks);
	bool ok = true;
	for (size_t i = 0; i < count; i++) {
		ok = ok && row_add(sql, &webhooks[i]->config, list, err);
		webhook_unref(&webhooks[i]);
	}
	store_read_done(call->app->store, &sql);
	return ok && call_json(call, 200, json_pack("{s:O}", "webhooks", list), err);
}

static bool acks_add(struct sql *sql, const char *name, json_t *webhook, struct err *err)
{
	struct webhook_ack acks[WEBHOOK_ACKS_SHOWN];
	size_t count = 0;
	OWNED(json_release) json_t *list = json_array();
	if (!webhook_acks(sql, name, acks, ARRAY_LEN(acks), &count, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		char time[TIME_TEXT_MAX];
		if (json_array_append_new(list,
			    json_pack("{s:I, s:s, s:I, s:I}", "entry", (json_int_t)acks[i].entry,
				    "time", time_json(acks[i].time, time), "status",
				    (json_int_t)acks[i].status, "attempts",
				    (json_int_t)acks[i].attempts)) != 0)
			return err_set(err, ERR_NOMEM, "webhook");
	}
	return json_object_set(webhook, "acknowledged", list) == 0 ||
	       err_set(err, ERR_NOMEM, "webhook");
}

bool serve_webhook(struct call *call, struct err *err)
{
	OWNED(json_release) json_t *webhook = NULL;
	OWNED(webhook_unref) struct webhook *asked = named(call, err);
	const struct config_webhook *config = asked ? &asked->config : NULL;
	struct webhook_row row;
	struct sql *sql = NULL;
	bool found = false;
	if (!config || !call_read(call, &sql, err))
		return false;
	bool ok = webhook_row_get(sql, config->name, &row, &found, err);
	if (ok) {
		webhook = webhook_json(config, &row);
		ok = webhook ? acks_add(sql, config->name, webhook, err)
			     : err_set(err, ERR_NOMEM, "webhook");
	}
	store_read_done(call->app->store, &sql);
	return ok && call_json(call, 200, TAKE(webhook), err);
}

/* ---- going on ---- */

struct retrying {
	struct call *call;
	const struct config_webhook *config;
	const char *reason;
};

/* From the event on that was not acknowledged; at once. */
static bool retry_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct retrying *r = arg;
	struct app *app = r->call->app;
	struct webhook_row row;
	bool found = false, moved = false;
	if (!webhook_row_get(tx->sql, r->config->name, &row, &found, err))
		return false;
	if (!found || (row.state == WEBHOOK_DELIVERING && row.attempts == 0))
		return err_set(err, ERR_CONFLICT, "nothing waits for another attempt");
	row.state = WEBHOOK_DELIVERING;
	row.attempts = row.first_try = row.next_try = row.tried = 0;
	return webhook_row_put(tx->sql, &row, row.position, &moved, err) &&
	       entry_append(app, tx, LEAF_WEBHOOK, clock_wall(app->clock),
		       json_pack("{s:s, s:s, s:I, s:s, s:s}", "event", "webhook-retried", "name",
			       row.name, "entry", (json_int_t)row.position, "by", r->call->who.uri,
			       "reason", r->reason),
		       err);
}

bool serve_webhook_retry(struct call *call, struct err *err)
{
	OWNED(buf_release) struct buf reason = {0};
	OWNED(webhook_unref) struct webhook *asked = named(call, err);
	struct retrying r = {.call = call};
	if (!asked || !call_reason(call, &reason, err))
		return false;
	r.config = &asked->config;
	r.reason = buf_str(&reason);
	if (!store_run(call->app->store, retry_work, &r, err))
		return false;
	call_log(call, "webhook-retried", bytes_str(r.config->name), buf_bytes(&reason));
	return serve_webhook(call, err);
}

/* ---- trying one ---- */

static bool test_body(struct call *call, int64_t now, struct buf *ret, struct err *err)
{
	char time[TIME_TEXT_MAX];
	OWNED(json_release)
	json_t *body = json_pack("{s:s, s:s, s:s}", "event", "webhook-test", "by", call->who.uri,
		"time", time_json(now, time));
	return body ? json_write(body, false, ret, err) : err_set(err, ERR_NOMEM, "webhook");
}

/* One event that is none, at once; beside the queue, and leaving it as it is. */
bool serve_webhook_test(struct call *call, struct err *err)
{
	OWNED(buf_release) struct buf body = {0};
	OWNED(webhook_unref) struct webhook *asked = named(call, err);
	struct webhook_outcome outcome;
	uint8_t random[8];
	char id[WEBHOOK_ID_MAX] = "test_";
	int64_t now = clock_wall(call->app->clock);
	if (!asked || !random_fill(call->app->random, random, sizeof(random), err) ||
		!test_body(call, now, &body, err))
		return false;
	hex_encode(BYTES_OF(random), id + strlen(id));
	if (!webhook_send(&asked->target, id, now, buf_bytes(&body), NULL, &outcome, err))
		return false;
	call_log(call, "webhook-tested", bytes_str(asked->config.name), bytes_str(outcome.error));
	return call_json(call, 200,
		json_pack("{s:s, s:s, s:b, s:i, s:s}", "name", asked->config.name, "id", id,
			"delivered", outcome.error[0] == '\0', "status", outcome.status, "error",
			outcome.error),
		err);
}
