/* SPDX-License-Identifier: Apache-2.0 */
/* Routes about hosts: invitations, the list, and what an operator may do to one. */
#include "verifier/app.h"

#include "base/text.h"

#define TOKEN_LEN          24
#define TOKEN_PREFIX       "join-"
#define TOKEN_LIFETIME     3600
#define TOKEN_LIFETIME_MAX (30 * 86400)

/* ---- invitations ---- */

static bool token_read(struct call *call, struct token_row *row, struct err *err)
{
	static const char *const keys[] = {"name", "expires_in", "ek_digest", NULL};
	OWNED(json_release) json_t *body = NULL;
	if (!call_body_json(call, &body, err))
		return false;
	struct json_fields f = json_fields_of("body");
	json_only_keys(&f, body, keys);
	const char *name = json_want_str(&f, body, "name", sizeof(row->name) - 1);
	int64_t lifetime =
		json_want_int(&f, body, "expires_in", 1, TOKEN_LIFETIME_MAX, TOKEN_LIFETIME);
	row->bound = json_object_get(body, "ek_digest") != NULL;
	if (row->bound)
		json_need_hex(&f, body, "ek_digest", row->host, sizeof(row->host));
	if (name && !text_is_name(bytes_str(name)))
		json_fields_fail(&f, "name", "expected 1 to 64 of a-z 0-9 . _ -");
	if (!json_fields_ok(&f, err))
		return false;
	(void)snprintf(row->name, sizeof(row->name), "%s", name ? name : "");
	(void)snprintf(row->creator, sizeof(row->creator), "%.*s", (int)sizeof(row->creator) - 1,
		call->who.uri);
	row->created = clock_wall(call->app->clock);
	row->expires = row->created + lifetime;
	return true;
}

static bool token_work(struct store_tx *tx, void *arg, struct err *err)
{
	return join_token_put(tx->sql, arg, err);
}

/* The token is in this answer and nowhere else: the store has its hash. */
bool serve_join_token(struct call *call, struct err *err)
{
	struct token_row row = {0};
	uint8_t bytes[TOKEN_LEN];
	char end[TIME_TEXT_MAX];
	OWNED(buf_release) struct buf token = {0};
	if (!token_read(call, &row, err) ||
		!random_fill(call->app->random, bytes, sizeof(bytes), err))
		return false;
	buf_put_str(&token, TOKEN_PREFIX);
	buf_put_base64(&token, BYTES_OF(bytes), true);
	const char *text = buf_str(&token);
	if (!text || !sha256_of(buf_bytes(&token), row.hash, err) ||
		!store_run(call->app->store, token_work, &row, err))
		return text ? false : err_set(err, ERR_NOMEM, "join token");
	call_log(call, "host-invited", bytes_str(row.name), (struct bytes){0});
	return call_json(call, 201,
		json_pack("{s:s, s:s}", "token", text, "expires", time_format(row.expires, end)),
		err);
}

/* ---- the list ---- */

static json_t *host_json(const struct host_row *row)
{
	char id[2 * HOST_ID_LEN + 1], enrolled[TIME_TEXT_MAX], seen[TIME_TEXT_MAX];
	hex_encode(BYTES_OF(row->id), id);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:b}", "id", id, "name",
		row->name, "state",
		row->state == HOST_NONE ? "damaged" : host_state_name(row->state), "enrolled",
		time_json(row->enrolled, enrolled), "last_seen", time_json(row->seen, seen),
		"ek_template", row->ek_template, "manufacturer", row->manufacturer, "epoch",
		(json_int_t)row->epoch, "ek_certificate", row->ek_certs.len > 0);
}

static bool host_visited(void *arg, const struct host_row *row, struct err *err)
{
	if (json_array_append_new(arg, host_json(row)) != 0)
		return err_set(err, ERR_NOMEM, "hosts");
	return true;
}

bool serve_hosts(struct call *call, struct err *err)
{
	OWNED(json_release) json_t *list = json_array();
	struct sql *sql = NULL;
	if (!list || !call_read(call, &sql, err))
		return list ? false : err_set(err, ERR_NOMEM, "hosts");
	bool ok = hosts_each(sql, host_visited, list, err);
	store_read_done(call->app->store, &sql);
	return ok && call_json(call, 200, json_pack("{s:O}", "hosts", list), err);
}

static bool host_answer(struct call *call, const uint8_t id[HOST_ID_LEN], struct err *err)
{
	OWNED(host_row_release) struct host_row row = {0};
	struct sql *sql = NULL;
	bool found = false;
	if (!call_read(call, &sql, err))
		return false;
	bool ok = host_get(sql, id, &row, &found, err);
	store_read_done(call->app->store, &sql);
	if (ok && !found)
		return err_set(err, ERR_NOT_FOUND, "no such host");
	return ok && call_json(call, 200, host_json(&row), err);
}

bool serve_host(struct call *call, struct err *err)
{
	uint8_t id[HOST_ID_LEN];
	return call_param_digest(call, 0, id, err) && host_answer(call, id, err);
}

/* ---- states ---- */

static const struct transition {
	enum host_state to;
	unsigned from; /* bit per state */
	const char *event;
} confirming = {HOST_ACTIVE, 1u << HOST_PENDING | 1u << HOST_QUARANTINED, "host-confirmed"},
  quarantining = {HOST_QUARANTINED, 1u << HOST_PENDING | 1u << HOST_ACTIVE, "host-quarantined"},
  retiring = {HOST_RETIRED, 1u << HOST_PENDING | 1u << HOST_ACTIVE | 1u << HOST_QUARANTINED,
	  "host-retired"};

struct change {
	struct call *call;
	const struct transition *transition;
	uint8_t id[HOST_ID_LEN];
	const char *reason;
	int64_t now;
};

static bool change_work(struct store_tx *tx, void *arg, struct err *err)
{
	const struct change *c = arg;
	OWNED(host_row_release) struct host_row row = {0};
	char host[2 * HOST_ID_LEN + 1];
	bool found = false;
	if (!host_get(tx->sql, c->id, &row, &found, err))
		return false;
	if (!found)
		return err_set(err, ERR_NOT_FOUND, "no such host");
	if ((c->transition->from >> row.state & 1u) == 0)
		return err_set(err, ERR_CONFLICT, "this host is %s: it cannot become %s",
			host_state_name(row.state), host_state_name(c->transition->to));
	if (!host_set_state(tx->sql, c->id, row.version, c->transition->to, err) ||
		(c->transition->to != HOST_ACTIVE &&
			!credentials_revoke_host(tx->sql, c->id, c->now, err)))
		return false;
	hex_encode(BYTES_OF(c->id), host);
	return entry_append(c->call->app, tx, LEAF_HOST_STATE, c->now,
		json_pack("{s:s, s:s, s:s, s:s, s:s}", "event", "host-state", "host", host, "state",
			host_state_name(c->transition->to), "by", c->call->who.uri, "reason",
			c->reason),
		err);
}

static bool change_state(struct call *call, const struct transition *transition, struct err *err)
{
	OWNED(buf_release) struct buf reason = {0};
	struct change change = {
		.call = call, .transition = transition, .now = clock_wall(call->app->clock)};
	if (!call_param_digest(call, 0, change.id, err) || !call_reason(call, &reason, err))
		return false;
	change.reason = buf_str(&reason);
	if (!store_run(call->app->store, change_work, &change, err))
		return false;
	call_log(call, transition->event, bytes_str(http_path_param(call->exchange, 0)),
		buf_bytes(&reason));
	return host_answer(call, change.id, err);
}

bool serve_host_confirm(struct call *call, struct err *err)
{
	return change_state(call, &confirming, err);
}

bool serve_host_quarantine(struct call *call, struct err *err)
{
	return change_state(call, &quarantining, err);
}

bool serve_host_retire(struct call *call, struct err *err)
{
	return change_state(call, &retiring, err);
}
