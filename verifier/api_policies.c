/* SPDX-License-Identifier: Apache-2.0 */
/* Routes about policies: the ones kept, staging, activating, and shadow mode. */
#include "verifier/app_policy.h"

#include "base/text.h"
#include "verifier/shadow.h"

#define SINCE_DEFAULT (7 * (int64_t)86400)

static bool put_digest(json_t *object, const char *key, const uint8_t digest[SHA256_LEN])
{
	static const uint8_t none[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	if (memcmp(digest, none, sizeof(none)) == 0)
		return true;
	hex_encode(bytes_of(digest, SHA256_LEN), hex);
	return json_object_set_new(object, key, json_string(hex)) == 0;
}

static bool put_time(json_t *object, const char *key, int64_t time)
{
	char text[TIME_TEXT_MAX];
	return time == 0 ||
	       json_object_set_new(object, key, json_string(time_format(time, text))) == 0;
}

static json_t *row_json(const struct policy_row *row)
{
	json_t *object = json_pack("{s:I, s:s, s:s, s:s, s:s}", "version", (json_int_t)row->version,
		"state", policy_row_state_name(row->state), "staged_by", row->staged_by, "by",
		row->by, "reason", row->reason);
	bool ok = object && put_digest(object, "digest", row->digest) &&
		  put_digest(object, "signature", row->signature) &&
		  put_time(object, "staged", row->staged) &&
		  put_time(object, "activate_at", row->activate_at) &&
		  put_time(object, "in_force", row->in_force);
	if (ok && row->staged != 0) {
		json_t *counts = json_pack("{s:I, s:I, s:I, s:I}", "same", (json_int_t)row->same,
			"changed", (json_int_t)row->changed, "undecided",
			(json_int_t)row->undecided, "unreadable", (json_int_t)row->unreadable);
		ok = json_object_set_new(object, "judged", counts) == 0;
	}
	if (ok)
		return object;
	json_decref(object);
	return NULL;
}

static bool policy_visited(void *arg, const struct policy_row *row, struct err *err)
{
	return json_array_append_new(arg, row_json(row)) == 0 ||
	       err_set(err, ERR_NOMEM, "policies");
}

bool serve_policies(struct call *call, struct err *err)
{
	OWNED(json_release) json_t *list = json_array();
	struct sql *sql = NULL;
	if (!list)
		return err_set(err, ERR_NOMEM, "policies");
	if (!call_read(call, &sql, err))
		return false;
	bool ok = policies_each(sql, policy_visited, list, err);
	store_read_done(call->app->store, &sql);
	return ok && call_json(call, 200, json_pack("{s:O}", "policies", list), err);
}

/* ---- one of them ---- */

static bool version_param(struct call *call, int64_t *ret, struct err *err)
{
	const char *text = http_path_param(call->exchange, 0);
	size_t len = strlen(text);
	*ret = 0;
	for (size_t i = 0; i < len && len <= 18; i++) {
		if (text[i] < '0' || text[i] > '9' || text[0] == '0')
			return err_set(err, ERR_NOT_FOUND, "%s is no version: expected a number",
				ESC(bytes_str(text)));
		*ret = *ret * 10 + (text[i] - '0');
	}
	return *ret > 0 || err_set(err, ERR_NOT_FOUND, "no such version");
}

/* With a reading connection, to be given back whatever comes of it. */
static bool row_load(struct call *call, struct sql *sql, struct policy_row *row, struct err *err)
{
	int64_t version = 0;
	bool found = false;
	return version_param(call, &version, err) &&
	       policy_row_get(sql, version, row, &found, err) &&
	       (found || err_set(err, ERR_NOT_FOUND, "no such version"));
}

static bool answer_object(struct call *call, const uint8_t digest[SHA256_LEN], struct sql *sql,
	const char *type, struct err *err)
{
	OWNED(buf_release) struct buf content = {0};
	return object_get(sql, digest, &content, err) &&
	       call_bytes(call, 200, type, buf_bytes(&content), err);
}

bool serve_policy_text(struct call *call, struct err *err)
{
	struct policy_row row = {0};
	struct sql *sql = NULL;
	if (!call_read(call, &sql, err))
		return false;
	bool ok = row_load(call, sql, &row, err) &&
		  answer_object(call, row.digest, sql, "application/yaml", err);
	store_read_done(call->app->store, &sql);
	return ok;
}

bool serve_policy_signature(struct call *call, struct err *err)
{
	static const uint8_t none[SHA256_LEN];
	struct policy_row row = {0};
	struct sql *sql = NULL;
	if (!call_read(call, &sql, err))
		return false;
	bool ok = row_load(call, sql, &row, err);
	if (ok && memcmp(row.signature, none, sizeof(none)) == 0)
		ok = err_set(err, ERR_NOT_FOUND, "nobody signed this version");
	ok = ok && answer_object(call, row.signature, sql, MEDIA_DSSE, err);
	store_read_done(call->app->store, &sql);
	return ok;
}

static bool difference_visited(void *arg, const struct difference_row *row, struct err *err)
{
	return json_array_append_new(arg, difference_json(row)) == 0 ||
	       err_set(err, ERR_NOMEM, "differences");
}

bool serve_policy_differences(struct call *call, struct err *err)
{
	OWNED(json_release) json_t *list = json_array();
	OWNED(json_release) json_t *answer = NULL;
	struct policy_row row = {0};
	struct sql *sql = NULL;
	if (!list)
		return err_set(err, ERR_NOMEM, "differences");
	if (!call_read(call, &sql, err))
		return false;
	bool ok = row_load(call, sql, &row, err) &&
		  differences_each(sql, row.seq, difference_visited, list, err);
	store_read_done(call->app->store, &sql);
	if (!ok)
		return false;
	answer = row_json(&row);
	if (!answer || json_object_set(answer, "differences", list) != 0)
		return err_set(err, ERR_NOMEM, "differences");
	return call_json(call, 200, TAKE(answer), err);
}

/* ---- staging ---- */

static void log_step(struct call *call, const char *event, const struct policy_row *row)
{
	char version[24];
	(void)snprintf(version, sizeof(version), "%lld", (long long)row->version);
	call_log(call, event, bytes_str(version), bytes_str(row->reason));
}

bool serve_policy_stage(struct call *call, struct err *err)
{
	struct policy_row row = {0};
	bool added = false;
	if (!app_policy_stage(
		    call->app, http_body(call->exchange), call->who.uri, &row, &added, err))
		return false;
	log_step(call, "policy-staged", &row);
	return call_json(call, added ? 201 : 200, row_json(&row), err);
}

/* {"digest": of the file that is meant, "reason": …, "at": …}. */
static bool order_read(struct call *call, bool timed, struct policy_order *order,
	struct buf *reason, struct err *err)
{
	static const char *const keys[] = {"digest", "reason", "at", NULL};
	OWNED(json_release) json_t *root = NULL;
	struct json_fields f = json_fields_of("body");
	if (!version_param(call, &order->version, err) || !call_body_json(call, &root, err))
		return false;
	json_only_keys(&f, root, keys);
	json_need_hex(&f, root, "digest", order->digest, SHA256_LEN);
	const char *why = json_need_str(&f, root, "reason", ROW_TEXT_MAX - 1);
	const char *at = json_want_str(&f, root, "at", TIME_TEXT_MAX);
	if (!timed && at)
		json_fields_fail(&f, "at", "means nothing here");
	if (!json_fields_ok(&f, err))
		return false;
	if (!why[0])
		return err_set(err, ERR_FORMAT, "body: reason: say why");
	if (at && !time_parse(bytes_str(at), &order->at, err))
		return err_wrap(err, "body: at");
	buf_put_str(reason, why);
	order->by = call->who.uri;
	order->reason = buf_str(reason);
	return order->reason || err_set(err, ERR_NOMEM, "reason");
}

bool serve_policy_activate(struct call *call, struct err *err)
{
	OWNED(buf_release) struct buf reason = {0};
	struct policy_order order = {0};
	struct policy_row row = {0};
	if (!order_read(call, true, &order, &reason, err) ||
		!app_policy_activate(call->app, &order, &row, err))
		return false;
	log_step(call, order.at ? "policy-activation-set" : "policy-activated", &row);
	return call_json(call, 200, row_json(&row), err);
}

bool serve_policy_withdraw(struct call *call, struct err *err)
{
	OWNED(buf_release) struct buf reason = {0};
	struct policy_order order = {0};
	struct policy_row row = {0};
	if (!order_read(call, false, &order, &reason, err) ||
		!app_policy_withdraw(call->app, &order, &row, err))
		return false;
	log_step(call, "policy-withdrawn", &row);
	return call_json(call, 200, row_json(&row), err);
}

/* ---- shadow mode ---- */

static bool since_read(struct call *call, int64_t *ret, struct err *err)
{
	const char *text = http_query(call->exchange, "since");
	int64_t span = SINCE_DEFAULT, now = clock_wall(call->app->clock);
	if (text && !time_parse_duration(bytes_str(text), SHADOW_SINCE_MAX, &span, err))
		return err_wrap(err, "since");
	*ret = now > span ? now - span : 0;
	return true;
}

/* Signed or not: nothing is decided by it, and those who are to sign want to see this first. */
static bool shadow_policy(struct call *call, struct policy_ref *ref, struct err *err)
{
	struct sql *sql = NULL;
	buf_put(&ref->text, http_body(call->exchange));
	if (!buf_ok(&ref->text, err) || !call_read(call, &sql, err))
		return false;
	bool ok = policy_ref_read(call->app, "policy", sql, ref, err);
	store_read_done(call->app->store, &sql);
	if (!ok && err && err->code == ERR_CONFIG)
		err->code = ERR_FORMAT;
	return ok;
}

bool serve_shadow_start(struct call *call, struct err *err)
{
	OWNED(policy_ref_drop) struct policy_ref *ref = policy_ref_new();
	int64_t since = 0;
	uint64_t job = 0;
	char text[24];
	if (!ref)
		return err_set(err, ERR_NOMEM, "policy");
	if (!since_read(call, &since, err) || !shadow_policy(call, ref, err) ||
		!shadow_start(call->app->shadow, &ref, since, call->who.uri, &job, err)) {
		if (err->code == ERR_BUSY)
			call->hint = "assay policy shadow-end JOB ends one, for whoever began it "
				     "and for admins";
		return false;
	}
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)job);
	call_log(call, "shadow-begun", bytes_str(text), (struct bytes){0});
	return call_json(call, 202, json_pack("{s:I}", "job", (json_int_t)job), err);
}

bool serve_shadow(struct call *call, struct err *err)
{
	json_t *report = NULL;
	return shadow_report(call->app->shadow, call->who.uri, &report, err) &&
	       call_json(call, 200, report, err);
}

struct ending {
	struct call *call;
	uint64_t id;
	struct shadow_job job;
	const char *reason;
};

static bool end_work(struct store_tx *tx, void *arg, struct err *err)
{
	const struct ending *e = arg;
	struct app *app = e->call->app;
	char digest[2 * SHA256_LEN + 1];
	hex_encode(BYTES_OF(e->job.digest), digest);
	return entry_append(app, tx, LEAF_POLICY, clock_wall(app->clock),
		json_pack("{s:s, s:I, s:s, s:I, s:s, s:s, s:s}", "event", "shadow-ended", "job",
			(json_int_t)e->id, "digest", digest, "version", (json_int_t)e->job.version,
			"begun_by", e->job.by, "by", e->call->who.uri, "reason", e->reason),
		err);
}

bool serve_shadow_end(struct call *call, struct err *err)
{
	OWNED(buf_release) struct buf reason = {0};
	struct shadow *shadow = call->app->shadow;
	const char *text = http_path_param(call->exchange, 0);
	struct ending e = {.call = call};
	if (!text_decimal(bytes_str(text), &e.id))
		return err_set(err, ERR_NOT_FOUND, "%s is no job", ESC(bytes_str(text)));
	if (!call_reason(call, &reason, err) || !shadow_look(shadow, e.id, &e.job, err))
		return false;
	e.reason = buf_str(&reason);
	if ((call->who.role & ROLE_ADMIN) == 0 && strcmp(call->who.uri, e.job.by) != 0)
		return err_set(err, ERR_DENIED, "job %s was begun by %s", text, e.job.by);
	if (!store_run(call->app->store, end_work, &e, err))
		return false;
	shadow_end(shadow, e.id, call->who.uri, e.reason);
	call_log(call, "shadow-ended", bytes_str(text), buf_bytes(&reason));
	return serve_shadow(call, err);
}
