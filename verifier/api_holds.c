/* SPDX-License-Identifier: Apache-2.0 */
/* Routes about legal holds. One administrator sets a hold; two lift it. */
#include "verifier/retention.h"

#include "base/text.h"

#include <stdlib.h>

static json_t *hold_json(const struct hold_row *row)
{
	char host[2 * HOST_ID_LEN + 1] = "", release[2 * SHA256_LEN + 1] = "";
	char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX], set[TIME_TEXT_MAX], asked[TIME_TEXT_MAX],
		lifted[TIME_TEXT_MAX];
	if (row->of_host)
		hex_encode(BYTES_OF(row->host), host);
	if (row->of_release)
		hex_encode(BYTES_OF(row->release), release);
	const char *state = row->lifted ? "lifted" : row->lift_asked ? "lifting" : "held";
	return json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, "
			 "s:s}",
		"id", (json_int_t)row->id, "state", state, "host", host, "workload", row->workload,
		"release", release, "from", time_json(row->from, from), "to",
		time_json(row->to, to), "reason", row->reason, "by", row->by, "set",
		time_json(row->set, set), "lift_by", row->lift_by, "lift_reason", row->lift_reason,
		"lift_asked", time_json(row->lift_asked, asked), "lifted_by", row->lifted_by,
		"lifted", time_json(row->lifted, lifted));
}

/* said: what whoever does it gives as a reason. */
static bool hold_entry(struct call *call, struct store_tx *tx, const char *event, int64_t now,
	const struct hold_row *row, const char *said, struct err *err)
{
	json_t *entry = hold_json(row);
	if (!entry || json_object_set_new(entry, "event", json_string(event)) != 0 ||
		json_object_set_new(entry, "said", json_string(said)) != 0) {
		json_decref(entry);
		return err_set(err, ERR_NOMEM, "hold");
	}
	return entry_append(call->app, tx, LEAF_RETENTION, now, entry, err);
}

/* ---- the list ---- */

static bool hold_visited(void *arg, const struct hold_row *row, struct err *err)
{
	return json_array_append_new(arg, hold_json(row)) == 0 || err_set(err, ERR_NOMEM, "holds");
}

bool serve_holds(struct call *call, struct err *err)
{
	OWNED(json_release) json_t *list = json_array();
	struct sql *sql = NULL;
	if (!list)
		return err_set(err, ERR_NOMEM, "holds");
	if (!call_read(call, &sql, err))
		return false;
	bool ok = holds_each(sql, hold_visited, list, err);
	store_read_done(call->app->store, &sql);
	return ok && call_json(call, 200, json_pack("{s:O}", "holds", list), err);
}

/* ---- setting ---- */

struct setting {
	struct call *call;
	struct hold_row row;
};

static void want_id(struct json_fields *f, const json_t *body, const char *key, bool *ret_given,
	uint8_t out[SHA256_LEN])
{
	*ret_given = json_object_get(body, key) != NULL;
	if (*ret_given)
		json_need_hex(f, body, key, out, SHA256_LEN);
}

static void want_time(struct json_fields *f, const json_t *body, const char *key, int64_t *ret)
{
	const char *text = json_want_str(f, body, key, TIME_TEXT_MAX);
	*ret = 0;
	if (text && (!time_parse(bytes_str(text), ret, NULL) || *ret <= 0))
		json_fields_fail(f, key, "expected a time as 2026-11-26T00:00:00Z");
}

static bool setting_read(struct call *call, struct hold_row *row, struct err *err)
{
	static const char *const keys[] = {
		"host", "workload", "release", "from", "to", "reason", NULL};
	OWNED(json_release) json_t *body = NULL;
	if (!call_body_json(call, &body, err))
		return false;
	struct json_fields f = json_fields_of("body");
	json_only_keys(&f, body, keys);
	want_id(&f, body, "host", &row->of_host, row->host);
	want_id(&f, body, "release", &row->of_release, row->release);
	want_time(&f, body, "from", &row->from);
	want_time(&f, body, "to", &row->to);
	const char *workload = json_want_str(&f, body, "workload", ROW_NAME_MAX - 1);
	const char *reason = json_need_str(&f, body, "reason", ROW_TEXT_MAX - 1);
	if (workload && !text_is_name(bytes_str(workload)))
		json_fields_fail(&f, "workload", "not a name");
	if (row->from && row->to && row->to < row->from)
		json_fields_fail(&f, "to", "is before from");
	if (!row->of_host && !row->of_release && !workload && !row->from && !row->to)
		json_fields_fail(&f, "host", "name a host, workload, release or time span");
	if (!reason[0])
		json_fields_fail(&f, "reason", "say why");
	(void)snprintf(row->workload, sizeof(row->workload), "%s", workload ? workload : "");
	(void)snprintf(row->reason, sizeof(row->reason), "%s", reason);
	return json_fields_ok(&f, err);
}

/* A name that nothing has would hold nothing, and nobody would notice. */
static bool scope_exists(struct sql *sql, const struct hold_row *row, struct err *err)
{
	OWNED(release_row_release) struct release_row release = {0};
	OWNED(free_ptr) struct workload_row *workload = calloc(1, sizeof(*workload));
	enum host_state host = HOST_NONE;
	bool found = false;
	if (!workload)
		return err_set(err, ERR_NOMEM, "hold");
	if (row->of_host && !host_gate(sql, row->host, &host, err))
		return false;
	if (row->of_host && host == HOST_NONE)
		return err_set(err, ERR_NOT_FOUND, "no such host");
	if (row->of_release && !release_get(sql, row->release, &release, &found, err))
		return false;
	if (row->of_release && !found)
		return err_set(err, ERR_NOT_FOUND, "no such release");
	if (row->workload[0] && !workload_get(sql, bytes_str(row->workload), workload, &found, err))
		return false;
	return !row->workload[0] || found ||
	       err_set(err, ERR_NOT_FOUND, "no workload %s", row->workload);
}

static bool set_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct setting *s = arg;
	return retention_note_time(s->call->app, tx->sql, &s->row.set, err) &&
	       scope_exists(tx->sql, &s->row, err) && hold_insert(tx->sql, &s->row, err) &&
	       hold_entry(s->call, tx, "hold-set", s->row.set, &s->row, s->row.reason, err);
}

static void log_hold(
	struct call *call, const char *event, const struct hold_row *row, const char *said)
{
	char id[24];
	(void)snprintf(id, sizeof(id), "%lld", (long long)row->id);
	call_log(call, event, bytes_str(id), bytes_str(said));
}

bool serve_hold_set(struct call *call, struct err *err)
{
	struct setting s = {.call = call};
	if (!setting_read(call, &s.row, err))
		return false;
	(void)snprintf(s.row.by, sizeof(s.row.by), "%s", call->who.uri);
	if (!store_run(call->app->store, set_work, &s, err))
		return false;
	log_hold(call, "hold-set", &s.row, s.row.reason);
	return call_json(call, 201, hold_json(&s.row), err);
}

/* ---- lifting ---- */

struct lifting {
	struct call *call;
	int64_t id;
	const char *reason;
	struct hold_row row;
};

/* The first administrator's word is kept; another's makes it true. */
static bool lift_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct lifting *l = arg;
	struct hold_row *row = &l->row;
	const char *who = l->call->who.uri;
	int64_t now = 0;
	bool found = false;
	if (!retention_note_time(l->call->app, tx->sql, &now, err) ||
		!hold_get(tx->sql, l->id, row, &found, err))
		return false;
	if (!found)
		return err_set(err, ERR_NOT_FOUND, "no hold %lld", (long long)l->id);
	if (row->lifted)
		return err_set(err, ERR_CONFLICT, "hold %lld is lifted", (long long)l->id);
	if (row->lift_asked && strcmp(row->lift_by, who) == 0)
		return err_set(err, ERR_CONFLICT,
			"hold %lld: you have asked for its end; another administrator has to "
			"confirm it",
			(long long)l->id);
	bool second = row->lift_asked != 0;
	if (second) {
		row->lifted = now;
		(void)snprintf(row->lifted_by, sizeof(row->lifted_by), "%s", who);
	} else {
		row->lift_asked = now;
		(void)snprintf(row->lift_by, sizeof(row->lift_by), "%s", who);
		(void)snprintf(row->lift_reason, sizeof(row->lift_reason), "%s", l->reason);
	}
	return hold_set_lift(tx->sql, row, err) &&
	       hold_entry(l->call, tx, second ? "hold-lifted" : "hold-lift-asked", now, row,
		       l->reason, err);
}

static bool id_read(struct call *call, int64_t *ret, struct err *err)
{
	const char *text = http_path_param(call->exchange, 0);
	size_t len = strlen(text);
	*ret = 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9' || len > 9)
			return err_set(
				err, ERR_NOT_FOUND, "%s is no hold's number", ESC(bytes_str(text)));
		*ret = *ret * 10 + (text[i] - '0');
	}
	return true;
}

bool serve_hold_lift(struct call *call, struct err *err)
{
	OWNED(buf_release) struct buf reason = {0};
	struct lifting l = {.call = call};
	if (!id_read(call, &l.id, err) || !call_reason(call, &reason, err))
		return false;
	l.reason = buf_str(&reason);
	if (!store_run(call->app->store, lift_work, &l, err))
		return false;
	log_hold(call, l.row.lifted ? "hold-lifted" : "hold-lift-asked", &l.row, l.reason);
	return call_json(call, 200, hold_json(&l.row), err);
}
