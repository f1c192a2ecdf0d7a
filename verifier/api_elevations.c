/* SPDX-License-Identifier: Apache-2.0 */
/* Elevations shown, and ended by an administrator before their time. */
#include "verifier/elevations.h"

#include "base/text.h"
#include "crypto/dsse.h"

/* ---- views ---- */

static bool put_hex(json_t *view, const char *key, struct bytes value)
{
	char hex[2 * SHA256_LEN + 1];
	hex_encode(value, hex);
	return json_object_set_new(view, key, json_string(hex)) == 0;
}

/* The request as it is: who signs hashes it again. */
static json_t *row_json(const struct elevation_row *row, struct err *err)
{
	char asked[TIME_TEXT_MAX], lapses[TIME_TEXT_MAX], began[TIME_TEXT_MAX];
	char until[TIME_TEXT_MAX], ended[TIME_TEXT_MAX];
	OWNED(json_release) json_t *request = NULL;
	if (!json_open(buf_bytes(&row->request), ELEVATION_REQUEST_MAX, &request, err))
		return NULL;
	OWNED(json_release)
	json_t *view = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:O}", "workload",
		row->workload, "right", row->right, "state", elevation_state_name(row->state),
		"asked", time_json(row->asked, asked), "lapses", time_json(row->lapses, lapses),
		"began", time_json(row->activated, began), "until", time_json(row->until, until),
		"ended", time_json(row->ended, ended), "why", row->why, "request", request);
	if (!view || !put_hex(view, "id", BYTES_OF(row->id)) ||
		!put_hex(view, "entry", BYTES_OF(row->entry)) ||
		(row->activated && !put_hex(view, "approval", BYTES_OF(row->activation)))) {
		(void)err_set(err, ERR_NOMEM, "elevation");
		return NULL;
	}
	return TAKE(view);
}

static json_t *word_json(struct bytes envelope, struct err *err)
{
	OWNED(dsse_free) struct dsse *dsse = NULL;
	OWNED(elevation_approval_free) struct elevation_approval *a = NULL;
	char statement[2 * SHA256_LEN + 1], issued[TIME_TEXT_MAX], expires[TIME_TEXT_MAX];
	uint8_t digest[SHA256_LEN];
	if (!dsse_parse(envelope, &dsse, err) ||
		!elevation_approval_parse(buf_bytes(&dsse->payload), &a, err) ||
		!sha256_of(envelope, digest, err))
		return NULL;
	hex_encode(BYTES_OF(digest), statement);
	json_t *view = json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s}", "person", a->person,
		"role", a->role, "decision", a->denied ? "denied" : "approved", "reason", a->reason,
		"duration", (json_int_t)a->duration, "issued", time_format(a->issued, issued),
		"expires", time_format(a->expires, expires), "statement", statement);
	if (!view)
		(void)err_set(err, ERR_NOMEM, "elevation");
	return view;
}

static json_t *words_json(const struct elevation *e, struct err *err)
{
	OWNED(json_release) json_t *list = json_array();
	for (size_t i = 0; i < e->approval_count; i++) {
		json_t *one = word_json(buf_bytes(&e->approvals[i]), err);
		if (!one)
			return NULL;
		if (json_array_append_new(list, one) != 0) {
			(void)err_set(err, ERR_NOMEM, "elevation");
			return NULL;
		}
	}
	return TAKE(list);
}

/* ---- the list ---- */

static bool visited(void *arg, const struct elevation_row *row, struct err *err)
{
	json_t *view = row_json(row, err);
	return view &&
	       (json_array_append_new(arg, view) == 0 || err_set(err, ERR_NOMEM, "elevations"));
}

bool serve_elevations(struct call *call, struct err *err)
{
	OWNED(json_release) json_t *list = json_array();
	const char *workload = http_query(call->exchange, "workload");
	struct bytes of = bytes_str(workload ? workload : "");
	struct sql *sql = NULL;
	if (!list)
		return err_set(err, ERR_NOMEM, "elevations");
	elevations_settle_all(call->app);
	if ((of.len > 0 && !elevations_settle(call->app, of, err)) || !call_read(call, &sql, err))
		return false;
	bool ok = elevations_each(sql, of, visited, list, err);
	store_read_done(call->app->store, &sql);
	return ok && call_json(call, 200, json_pack("{s:O}", "elevations", list), err);
}

/* ---- one ---- */

static bool param_id(struct call *call, uint8_t out[ELEVATION_ID_LEN], struct err *err)
{
	const char *text = http_path_param(call->exchange, 0);
	return hex_decode_exact(bytes_str(text), out, ELEVATION_ID_LEN, NULL) ||
	       err_set(err, ERR_NOT_FOUND, "%s is no id: expected 32 lower-case hex digits",
		       ESC(bytes_str(text)));
}

static bool row_load(
	struct call *call, struct elevation_row *row, struct elevation *ret, struct err *err)
{
	uint8_t id[ELEVATION_ID_LEN];
	struct sql *sql = NULL;
	bool found = false;
	if (!param_id(call, id, err) || !call_read(call, &sql, err))
		return false;
	bool ok = elevation_get(sql, id, row, &found, err) &&
		  (!found || elevation_open(sql, row, ret, err));
	store_read_done(call->app->store, &sql);
	return ok && (found || err_set(err, ERR_NOT_FOUND, "no such elevation"));
}

static bool view_answer(struct call *call, int status, struct err *err)
{
	OWNED(elevation_row_release) struct elevation_row row = {0};
	OWNED(elevation_release) struct elevation elevation = {0};
	if (!row_load(call, &row, &elevation, err))
		return false;
	OWNED(json_release) json_t *view = row_json(&row, err);
	OWNED(json_release) json_t *words = view ? words_json(&elevation, err) : NULL;
	if (!words)
		return false;
	return (json_object_set(view, "words", words) == 0 ||
		       err_set(err, ERR_NOMEM, "elevation")) &&
	       call_json(call, status, TAKE(view), err);
}

bool serve_elevation(struct call *call, struct err *err)
{
	OWNED(elevation_row_release) struct elevation_row row = {0};
	OWNED(elevation_release) struct elevation elevation = {0};
	return row_load(call, &row, &elevation, err) &&
	       elevations_settle(call->app, bytes_str(row.workload), err) &&
	       view_answer(call, 200, err);
}

/* ---- a person's word ---- */

struct saying {
	struct call *call;
	struct policy_ref *policy;
	uint8_t id[ELEVATION_ID_LEN], digest[SHA256_LEN];
	struct elevation_row row;
	struct elevation elevation;
	struct elevation_word word;
	bool known;
};

static void saying_release(struct saying *s)
{
	policy_ref_drop(&s->policy);
	elevation_row_release(&s->row);
	elevation_release(&s->elevation);
	elevation_word_release(&s->word);
}

static json_t *word_entry(const struct saying *s)
{
	const struct elevation_approval *a = s->word.approval;
	char id[2 * ELEVATION_ID_LEN + 1], statement[2 * SHA256_LEN + 1];
	hex_encode(BYTES_OF(s->id), id);
	hex_encode(BYTES_OF(s->digest), statement);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s}", "event",
		"elevation-approved", "elevation", id, "workload", s->row.workload, "right",
		s->row.right, "person", a->person, "role", a->role, "duration",
		(json_int_t)a->duration, "reason", a->reason, "statement", statement, "by",
		s->call->who.uri);
}

/* One word of a person in a role: room for everybody's. */
static bool said_before(struct saying *s, const struct policy_elevation *rule, int64_t now,
	bool *ret, struct err *err)
{
	const struct elevation_approval *a = s->word.approval;
	*ret = false;
	for (size_t i = 0; i < s->elevation.approval_count; i++) {
		OWNED(elevation_word_release) struct elevation_word word = {0};
		if (!elevation_word_judge(s->policy->policy, rule, &s->elevation,
			    buf_bytes(&s->elevation.approvals[i]), now, now, &word, err))
			return false;
		*ret = *ret || (!word.why && strcmp(word.approval->person, a->person) == 0 &&
				       strcmp(word.approval->role, a->role) == 0);
	}
	return true;
}

static bool word_add(struct saying *s, struct store_tx *tx, const struct policy_class *class,
	const struct policy_elevation *rule, int64_t now, struct err *err)
{
	struct elevation *e = &s->elevation;
	struct elevation_judgement j;
	struct bytes envelope = http_body(s->call->exchange);
	bool before = false;
	if (!said_before(s, rule, now, &before, err))
		return false;
	if (before)
		return err_set(err, ERR_CONFLICT, "%s as %s has approved it already",
			ESC(bytes_str(s->word.approval->person)), s->word.approval->role);
	if (!elevation_word_insert(tx->sql, s->id, e->approval_count, envelope, err) ||
		!entry_append(s->call->app, tx, LEAF_ELEVATION, now, word_entry(s), err))
		return false;
	buf_put(&e->approvals[e->approval_count], envelope);
	if (!buf_ok(&e->approvals[e->approval_count++], err) ||
		!elevation_judge(s->policy->policy, class, e, now, now, &j, err))
		return false;
	/* Rows that others read move even while it is not enough: two that would each be the last
	 * word are said one after the other. */
	if (!j.holds)
		return elevation_update(tx->sql, &s->row, ELEVATION_ASKED, err);
	return elevation_room(tx->sql, &s->row, rule, now, err) &&
	       elevation_begin(s->call->app, tx, &s->row, e, &j, now, err);
}

static bool word_deny(struct saying *s, struct store_tx *tx, int64_t now, struct err *err)
{
	char why[ROW_TEXT_MAX];
	const struct elevation_end end = {
		.to = s->row.state == ELEVATION_ASKED ? ELEVATION_DENIED : ELEVATION_REVOKED,
		.why = why,
		.by = s->call->who.uri,
		.now = now,
		.statement = s->digest};
	(void)snprintf(why, sizeof(why), "denied by %s as %s",
		ESC(bytes_str(s->word.approval->person)), s->word.approval->role);
	return elevation_finish(s->call->app, tx, &s->row, &end, err);
}

static bool row_get(struct saying *s, struct store_tx *tx, struct err *err)
{
	bool found = false;
	elevation_row_release(&s->row);
	return elevation_get(tx->sql, s->id, &s->row, &found, err) &&
	       (found || err_set(err, ERR_NOT_FOUND, "no such elevation"));
}

/* Read again once what is over has ended: that may be this one. */
static bool row_open(struct saying *s, struct store_tx *tx, int64_t now, struct err *err)
{
	return row_get(s, tx, err) &&
	       elevations_settle_in(
		       s->call->app, tx, s->policy->policy, bytes_str(s->row.workload), now, err) &&
	       row_get(s, tx, err) && elevation_open(tx->sql, &s->row, &s->elevation, err);
}

static bool rule_of(const struct saying *s, struct sql *sql, const struct policy_class **ret_class,
	const struct policy_elevation **ret, struct err *err)
{
	struct workload_row workload;
	bool found = false;
	if (!workload_get(sql, bytes_str(s->row.workload), &workload, &found, err))
		return false;
	*ret_class = policy_class_find(s->policy->policy, bytes_str(workload.risk_class));
	*ret = *ret_class ? policy_elevation_find(*ret_class, bytes_str(s->row.right)) : NULL;
	return *ret || err_set(err, ERR_CONFLICT, "right %s is no longer lent", s->row.right);
}

static bool word_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct saying *s = arg;
	const struct policy_class *class = NULL;
	const struct policy_elevation *rule = NULL;
	struct bytes envelope = http_body(s->call->exchange);
	int64_t now = clock_wall(s->call->app->clock);
	if (memcmp(tx->policy, s->policy->policy->digest, SHA256_LEN) != 0)
		return err_set(err, ERR_CONFLICT, "the policy was changed meanwhile");
	if (!row_open(s, tx, now, err))
		return false;
	for (size_t i = 0; i < s->elevation.approval_count; i++)
		s->known = s->known || bytes_equal(buf_bytes(&s->elevation.approvals[i]), envelope);
	if (s->known)
		return true;
	if (s->row.ended != 0)
		return err_set(err, ERR_CONFLICT, "the elevation is %s: %s",
			elevation_state_name(s->row.state), s->row.why);
	if (!rule_of(s, tx->sql, &class, &rule, err) ||
		!elevation_word_judge(
			s->policy->policy, rule, &s->elevation, envelope, now, now, &s->word, err))
		return false;
	if (s->word.why)
		return err_set(err, ERR_DENIED, "elevation refused: %s", s->word.why);
	if (!object_put(tx->sql, s->digest, envelope, err))
		return false;
	if (s->word.approval->denied)
		return word_deny(s, tx, now, err);
	return s->row.state == ELEVATION_ASKED
		       ? word_add(s, tx, class, rule, now, err)
		       : err_set(err, ERR_CONFLICT, "the elevation is in force already");
}

bool serve_elevation_word(struct call *call, struct err *err)
{
	OWNED(saying_release) struct saying s = {.call = call, .policy = app_policy(call->app)};
	if (!param_id(call, s.id, err) || !sha256_of(http_body(call->exchange), s.digest, err) ||
		!store_run(call->app->store, word_work, &s, err))
		return false;
	if (!s.known)
		call_log(call, s.word.approval->denied ? "elevation-denied" : "elevation-approved",
			bytes_str(s.row.workload), bytes_str(s.word.approval->reason));
	return view_answer(call, s.known ? 200 : 201, err);
}

/* ---- an administrator's hand ---- */

struct revoking {
	struct call *call;
	uint8_t id[ELEVATION_ID_LEN];
	const char *reason;
	struct elevation_row row;
};

static bool revoke_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct revoking *r = arg;
	const struct elevation_end end = {.to = ELEVATION_REVOKED,
		.why = r->reason,
		.by = r->call->who.uri,
		.now = clock_wall(r->call->app->clock)};
	bool found = false;
	elevation_row_release(&r->row);
	if (!elevation_get(tx->sql, r->id, &r->row, &found, err))
		return false;
	if (!found)
		return err_set(err, ERR_NOT_FOUND, "no such elevation");
	if (r->row.ended != 0)
		return err_set(err, ERR_CONFLICT, "the elevation is %s: %s",
			elevation_state_name(r->row.state), r->row.why);
	return elevation_finish(r->call->app, tx, &r->row, &end, err);
}

bool serve_elevation_revoke(struct call *call, struct err *err)
{
	OWNED(buf_release) struct buf reason = {0};
	struct revoking r = {.call = call};
	if (!param_id(call, r.id, err) || !call_reason(call, &reason, err))
		return false;
	r.reason = buf_str(&reason);
	bool ok = store_run(call->app->store, revoke_work, &r, err);
	if (ok)
		call_log(call, "elevation-revoked", bytes_str(r.row.workload), buf_bytes(&reason));
	elevation_row_release(&r.row);
	return ok && view_answer(call, 200, err);
}
