/* SPDX-License-Identifier: Apache-2.0 */
/* Routes about hosts: invitations, the list, and what an operator may do to one. */
#include "verifier/host_page.h"

#include "base/text.h"

#include <stdlib.h>

#define TOKEN_LEN          24
#define TOKEN_PREFIX       "join-"
#define TOKEN_LIFETIME     3600
#define TOKEN_LIFETIME_MAX (30 * 86400)

/* ---- invitations ---- */

/* What the host will be said to be that uses the token. */
static void token_attributes(struct json_fields *f, const json_t *set, struct token_row *row)
{
	OWNED(buf_release) struct buf text = {0};
	attributes_check(f, "attributes", set);
	if (!set || f->why)
		return;
	if (json_write(set, false, &text, NULL))
		(void)snprintf(row->attributes, sizeof(row->attributes), "%.*s", (int)text.len,
			(char *)text.data);
}

static bool token_read(struct call *call, struct token_row *row, struct err *err)
{
	static const char *const keys[] = {"name", "expires_in", "ek_digest", "attributes", NULL};
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
	token_attributes(&f, json_object_get(body, "attributes"), row);
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

struct inviting {
	struct call *call;
	struct token_row row;
};

/* The entry names the token by its hash, which an enrolment's names too. */
static json_t *token_entry(const struct inviting *i)
{
	char hash[2 * SHA256_LEN + 1], host[2 * HOST_ID_LEN + 1] = "", end[TIME_TEXT_MAX];
	hex_encode(BYTES_OF(i->row.hash), hash);
	if (i->row.bound)
		hex_encode(BYTES_OF(i->row.host), host);
	return json_pack("{s:s, s:s, s:s, s:s*, s:s, s:s}", "event", "host-invited", "token", hash,
		"name", i->row.name, "host", i->row.bound ? host : NULL, "expires",
		time_format(i->row.expires, end), "by", i->call->who.uri);
}

static bool token_work(struct store_tx *tx, void *arg, struct err *err)
{
	const struct inviting *i = arg;
	return join_token_put(tx->sql, &i->row, err) &&
	       entry_append(i->call->app, tx, LEAF_HOST_STATE, i->row.created, token_entry(i), err);
}

/* The token is in this answer and nowhere else: the store has its hash. */
bool serve_join_token(struct call *call, struct err *err)
{
	struct inviting inviting = {.call = call};
	struct token_row *row = &inviting.row;
	uint8_t bytes[TOKEN_LEN];
	char end[TIME_TEXT_MAX];
	OWNED(buf_release) struct buf token = {0};
	if (!token_read(call, row, err) ||
		!random_fill(call->app->random, bytes, sizeof(bytes), err))
		return false;
	buf_put_str(&token, TOKEN_PREFIX);
	buf_put_base64(&token, BYTES_OF(bytes), true);
	const char *text = buf_str(&token);
	if (!text || !sha256_of(buf_bytes(&token), row->hash, err) ||
		!store_run(call->app->store, token_work, &inviting, err))
		return text ? false : err_set(err, ERR_NOMEM, "join token");
	call_log(call, "host-invited", bytes_str(row->name), (struct bytes){0});
	return call_json(call, 201,
		json_pack("{s:s, s:s}", "token", text, "expires", time_format(row->expires, end)),
		err);
}

/* ---- the list ---- */

static bool page_wish(struct call *call, struct host_place *place, const struct host_place **after,
	unsigned *limit, struct err *err)
{
	const char *from = http_query(call->exchange, "after");
	const char *count = http_query(call->exchange, "limit");
	uint64_t number = HOST_PAGE_MAX;
	if (count &&
		(!text_decimal(bytes_str(count), &number) || number < 1 || number > HOST_PAGE_MAX))
		return err_set(err, ERR_FORMAT, "limit: expected 1 to %u", HOST_PAGE_MAX);
	*limit = (unsigned)number;
	*after = from ? place : NULL;
	return !from || host_place_read(bytes_str(from), place, err);
}

bool serve_hosts(struct call *call, struct err *err)
{
	OWNED(json_release) json_t *list = json_array();
	struct host_place place = {0}, last = {0};
	const struct host_place *after = NULL;
	char next[HOST_AFTER_MAX];
	struct sql *sql = NULL;
	unsigned limit = 0;
	bool more = false;
	if (!list)
		return err_set(err, ERR_NOMEM, "hosts");
	if (!page_wish(call, &place, &after, &limit, err) || !call_read(call, &sql, err))
		return false;
	bool ok = host_page_json(
		sql, after, limit, clock_wall(call->app->clock), list, &last, &more, err);
	store_read_done(call->app->store, &sql);
	host_place_text(&last, next);
	return ok &&
	       call_json(call, 200,
		       json_pack("{s:O, s:s?}", "hosts", list, "next", more ? next : NULL), err);
}

/* ---- one ---- */

static bool view_read(struct sql *sql, const uint8_t id[HOST_ID_LEN], int64_t now,
	struct host_view *v, json_t **ret_history, json_t **ret_tpm, struct err *err)
{
	bool found = false;
	if (!host_get(sql, id, &v->row, &found, err))
		return false;
	if (!found)
		return err_set(err, ERR_NOT_FOUND, "no such host");
	v->certificate = v->row.ek_certs.len > 0;
	return attributes_get(sql, id, &v->attributes, err) &&
	       host_view_get(sql, id, now, &v->agents, &v->heard, err) &&
	       sightings_json(sql, id, ret_tpm, err) &&
	       attributes_history_json(sql, id, ret_history, err);
}

static void view_free(struct host_view **view)
{
	if (*view)
		host_row_release(&(*view)->row);
	free(*view);
}

static bool host_answer(struct call *call, const uint8_t id[HOST_ID_LEN], struct err *err)
{
	OWNED(view_free) struct host_view *v = calloc(1, sizeof(*v));
	OWNED(json_release) json_t *history = NULL;
	OWNED(json_release) json_t *tpm = NULL;
	OWNED(json_release) json_t *view = NULL;
	struct sql *sql = NULL;
	if (!v)
		return err_set(err, ERR_NOMEM, "host");
	if (!call_read(call, &sql, err))
		return false;
	bool ok = view_read(sql, id, clock_wall(call->app->clock), v, &history, &tpm, err);
	store_read_done(call->app->store, &sql);
	if (!ok)
		return false;
	view = host_view_json(v);
	if (!view || json_object_set(view, "attribute_history", history) != 0 ||
		json_object_set(view, "tpm", tpm) != 0)
		return err_set(err, ERR_NOMEM, "host");
	return call_json(call, 200, TAKE(view), err);
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
	enum revocation_reason why; /* of its credentials */
} confirming = {HOST_ACTIVE, 1u << HOST_PENDING | 1u << HOST_QUARANTINED, "host-confirmed",
	REVOKED_UNSPECIFIED},
  quarantining = {HOST_QUARANTINED, 1u << HOST_PENDING | 1u << HOST_ACTIVE, "host-quarantined",
	  REVOKED_PRIVILEGE},
  retiring = {HOST_RETIRED, 1u << HOST_PENDING | 1u << HOST_ACTIVE | 1u << HOST_QUARANTINED,
	  "host-retired", REVOKED_CESSATION};

struct change {
	struct call *call;
	const struct transition *transition;
	uint8_t id[HOST_ID_LEN];
	const char *reason;
	int64_t now;
};

/* Its agents are shown as what it is from now on. */
static bool note_instances(struct sql *sql, const struct change *c, struct err *err)
{
	if (c->transition->to == HOST_ACTIVE)
		return leases_watch_host(sql, c->id, err);
	return instance_history_host(sql, c->id, c->now,
		c->transition->to == HOST_RETIRED ? VIEW_RETIRED : VIEW_QUARANTINED,
		c->transition->event, err);
}

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
	if (!note_instances(tx->sql, c, err) ||
		!host_set_state(tx->sql, c->id, row.version, c->transition->to, err) ||
		(c->transition->to != HOST_ACTIVE &&
			!credentials_revoke_host(tx->sql, c->id, c->now, c->transition->why, err)))
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

/* ---- attributes ---- */

struct saying {
	struct call *call;
	uint8_t id[HOST_ID_LEN];
	struct attribute_changes changes;
};

static bool say_work(struct store_tx *tx, void *arg, struct err *err)
{
	const struct saying *s = arg;
	enum host_state state;
	if (!host_gate(tx->sql, s->id, &state, err))
		return false;
	if (state == HOST_NONE)
		return err_set(err, ERR_NOT_FOUND, "no such host");
	if (state == HOST_RETIRED)
		return err_set(err, ERR_CONFLICT, "this host is retired");
	return attributes_change(s->call->app, tx, s->id, &s->changes, err);
}

bool serve_host_attributes(struct call *call, struct err *err)
{
	static const char *const keys[] = {"set", "unset", "reason", NULL};
	OWNED(json_release) json_t *body = NULL;
	struct saying saying = {.call = call};
	struct attribute_changes *c = &saying.changes;
	if (!call_param_digest(call, 0, saying.id, err) || !call_body_json(call, &body, err))
		return false;
	struct json_fields f = json_fields_of("body");
	json_only_keys(&f, body, keys);
	c->set = json_object_get(body, "set");
	c->unset = json_want_array(&f, body, "unset", HOST_ATTRIBUTES_MAX);
	c->reason = json_need_str(&f, body, "reason", ROW_TEXT_MAX - 1);
	c->by = call->who.uri;
	c->time = clock_wall(call->app->clock);
	attributes_check(&f, "set", c->set);
	attributes_check_unset(&f, c->set, c->unset);
	if (!c->reason[0])
		json_fields_fail(&f, "reason", "say why");
	if (!json_fields_ok(&f, err) || !store_run(call->app->store, say_work, &saying, err))
		return false;
	call_log(call, "host-attributes", bytes_str(http_path_param(call->exchange, 0)),
		bytes_str(c->reason));
	return host_answer(call, saying.id, err);
}
