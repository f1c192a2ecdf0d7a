/* SPDX-License-Identifier: Apache-2.0 */
/* Routes about workloads: the register of agents. */
#include "verifier/register.h"

#include "base/text.h"
#include "verifier/leases.h"

static void take_name(
	struct json_fields *f, const json_t *body, const char *key, char out[ROW_NAME_MAX])
{
	const char *text = json_need_str(f, body, key, ROW_NAME_MAX - 1);
	if (!text_is_name(bytes_str(text)))
		json_fields_fail(f, key, "expected 1 to 64 of a-z 0-9 . _ -");
	(void)snprintf(out, ROW_NAME_MAX, "%s", text);
}

static void take_text(
	struct json_fields *f, const json_t *body, const char *key, char out[ROW_TEXT_MAX])
{
	const char *text = json_need_str(f, body, key, ROW_TEXT_MAX - 1);
	if (!text[0])
		json_fields_fail(f, key, "must not be empty");
	(void)snprintf(out, ROW_TEXT_MAX, "%s", text);
}

static bool workload_read(struct call *call, struct workload_row *row, struct err *err)
{
	static const char *const keys[] = {"name", "risk_class", "environment", "owner", "purpose",
		"unit", "controls", "third_parties", "review_interval", "next_review", NULL};
	int64_t next = 0;
	OWNED(policy_ref_drop) struct policy_ref *policy = app_policy(call->app);
	OWNED(json_release) json_t *body = NULL;
	if (!call_body_json(call, &body, err))
		return false;
	struct json_fields f = json_fields_of("body");
	json_only_keys(&f, body, keys);
	take_name(&f, body, "name", row->name);
	take_name(&f, body, "risk_class", row->risk_class);
	take_name(&f, body, "environment", row->environment);
	take_text(&f, body, "owner", row->owner);
	take_text(&f, body, "purpose", row->purpose);
	(void)snprintf(row->controls, sizeof(row->controls), "[]");
	(void)snprintf(row->third_parties, sizeof(row->third_parties), "[]");
	register_read_facts(&f, body, row, &next);
	if (!json_fields_ok(&f, err))
		return false;
	const struct policy_class *class =
		policy_class_find(policy->policy, bytes_str(row->risk_class));
	if (!class)
		return err_set(err, ERR_FORMAT, "body: risk_class: the policy has no class %s",
			row->risk_class);
	row->state = WORKLOAD_ACTIVE;
	row->created = row->reviewed = clock_wall(call->app->clock);
	return register_set_next(row, class, next, row->created, err);
}

static bool workload_answer(struct call *call, int status, struct bytes name, struct err *err)
{
	OWNED(policy_ref_drop) struct policy_ref *policy = app_policy(call->app);
	OWNED(json_release) json_t *view = NULL;
	struct workload_row row = {0};
	struct sql *sql = NULL;
	bool found = false;
	if (!call_read(call, &sql, err))
		return false;
	bool ok = workload_get(sql, name, &row, &found, err);
	if (ok && found)
		ok = register_view(
			sql, &row, policy->policy, clock_wall(call->app->clock), &view, err);
	store_read_done(call->app->store, &sql);
	if (ok && !found)
		return err_set(err, ERR_NOT_FOUND, "no workload %s", ESC(name));
	return ok && call_json(call, status, TAKE(view), err);
}

struct adding {
	struct call *call;
	struct workload_row row;
};

static bool add_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct adding *a = arg;
	struct workload_row present;
	bool found = false;
	if (!workload_get(tx->sql, bytes_str(a->row.name), &present, &found, err))
		return false;
	if (found)
		return err_set(err, ERR_CONFLICT, "workload %s exists already", a->row.name);
	return workload_insert(tx->sql, &a->row, err) &&
	       entry_append(a->call->app, tx, LEAF_WORKLOAD, a->row.created,
		       json_pack("{s:s, s:s, s:o}", "event", "workload", "by", a->call->who.uri,
			       "workload", register_entry(&a->row)),
		       err);
}

bool serve_workload_add(struct call *call, struct err *err)
{
	struct adding adding = {.call = call};
	if (!workload_read(call, &adding.row, err) ||
		!store_run(call->app->store, add_work, &adding, err))
		return false;
	call_log(call, "workload-added", bytes_str(adding.row.name), (struct bytes){0});
	return workload_answer(call, 201, bytes_str(adding.row.name), err);
}

struct listing {
	struct sql *sql;
	const struct policy *policy;
	int64_t now;
	json_t *list;
};

static bool workload_visited(void *arg, const struct workload_row *row, struct err *err)
{
	const struct listing *l = arg;
	json_t *view = NULL;
	if (!register_view(l->sql, row, l->policy, l->now, &view, err))
		return false;
	return json_array_append_new(l->list, view) == 0 ? true
							 : err_set(err, ERR_NOMEM, "workloads");
}

bool serve_workloads(struct call *call, struct err *err)
{
	OWNED(policy_ref_drop) struct policy_ref *policy = app_policy(call->app);
	OWNED(json_release) json_t *list = json_array();
	struct listing listing = {
		.policy = policy->policy, .now = clock_wall(call->app->clock), .list = list};
	if (!list || !call_read(call, &listing.sql, err))
		return list ? false : err_set(err, ERR_NOMEM, "workloads");
	bool ok = workloads_each(listing.sql, workload_visited, &listing, err);
	store_read_done(call->app->store, &listing.sql);
	return ok && call_json(call, 200, json_pack("{s:O}", "workloads", list), err);
}

bool serve_workload(struct call *call, struct err *err)
{
	return workload_answer(call, 200, bytes_str(http_path_param(call->exchange, 0)), err);
}

/* ---- reviews ---- */

struct reviewing {
	struct call *call;
	const json_t *body;
	const struct policy *policy;
	struct bytes name;
	const char *reason;
	int64_t now;
};

static bool review_row(const struct reviewing *r, struct workload_row *row, struct err *err)
{
	struct json_fields f = json_fields_of("body");
	int64_t next = 0;
	register_read_facts(&f, r->body, row, &next);
	if (!json_fields_ok(&f, err) ||
		!register_set_next(row, policy_class_find(r->policy, bytes_str(row->risk_class)),
			next, r->now, err))
		return false;
	if (row->review_next == 0)
		return err_set(err, ERR_FORMAT,
			"body: next_review is needed: neither the workload nor its risk class says "
			"how often it is reviewed");
	row->reviewed = r->now;
	(void)snprintf(row->reviewer, sizeof(row->reviewer), "%s", r->call->who.uri);
	(void)snprintf(row->review_reason, sizeof(row->review_reason), "%s", r->reason);
	return true;
}

static bool review_work(struct store_tx *tx, void *arg, struct err *err)
{
	const struct reviewing *r = arg;
	struct workload_row row = {0};
	bool found = false;
	if (!workload_get(tx->sql, r->name, &row, &found, err))
		return false;
	if (!found)
		return err_set(err, ERR_NOT_FOUND, "no workload %s", ESC(r->name));
	if (row.state == WORKLOAD_RETIRED)
		return err_set(err, ERR_CONFLICT, "workload %s is retired", row.name);
	return review_row(r, &row, err) && workload_set_facts(tx->sql, &row, err) &&
	       entry_append(r->call->app, tx, LEAF_WORKLOAD, r->now,
		       json_pack("{s:s, s:s, s:s, s:s, s:o}", "event", "workload-reviewed", "name",
			       row.name, "by", r->call->who.uri, "reason", r->reason, "workload",
			       register_entry(&row)),
		       err);
}

bool serve_workload_review(struct call *call, struct err *err)
{
	static const char *const keys[] = {"reason", "unit", "controls", "third_parties",
		"review_interval", "next_review", NULL};
	OWNED(policy_ref_drop) struct policy_ref *policy = app_policy(call->app);
	OWNED(json_release) json_t *body = NULL;
	char reason[ROW_TEXT_MAX];
	if (!call_body_json(call, &body, err))
		return false;
	struct json_fields f = json_fields_of("body");
	json_only_keys(&f, body, keys);
	take_text(&f, body, "reason", reason);
	if (!json_fields_ok(&f, err))
		return false;
	struct reviewing reviewing = {
		.call = call,
		.body = body,
		.policy = policy->policy,
		.name = bytes_str(http_path_param(call->exchange, 0)),
		.reason = reason,
		.now = clock_wall(call->app->clock),
	};
	if (!store_run(call->app->store, review_work, &reviewing, err))
		return false;
	call_log(call, "workload-reviewed", reviewing.name, bytes_str(reason));
	return workload_answer(call, 200, reviewing.name, err);
}

/* ---- retiring ---- */

struct retiring {
	struct call *call;
	struct bytes name;
	const char *reason;
	int64_t now;
};

static bool retire_work(struct store_tx *tx, void *arg, struct err *err)
{
	const struct retiring *r = arg;
	struct workload_row row = {0};
	bool found = false;
	if (!workload_get(tx->sql, r->name, &row, &found, err))
		return false;
	if (!found)
		return err_set(err, ERR_NOT_FOUND, "no workload %s", ESC(r->name));
	if (row.state == WORKLOAD_RETIRED)
		return err_set(err, ERR_CONFLICT, "workload %s is retired already", row.name);
	return workload_set_state(tx->sql, r->name, row.version, WORKLOAD_RETIRED, err) &&
	       instance_history_workload(tx->sql, r->name, r->now, "workload-retired", err) &&
	       credentials_revoke_workload(tx->sql, r->name, r->now, REVOKED_CESSATION, err) &&
	       entry_append(r->call->app, tx, LEAF_WORKLOAD, r->now,
		       json_pack("{s:s, s:s, s:s, s:s}", "event", "workload-retired", "name",
			       row.name, "by", r->call->who.uri, "reason", r->reason),
		       err);
}

bool serve_workload_retire(struct call *call, struct err *err)
{
	OWNED(buf_release) struct buf reason = {0};
	if (!call_reason(call, &reason, err))
		return false;
	struct retiring retiring = {
		.call = call,
		.name = bytes_str(http_path_param(call->exchange, 0)),
		.reason = buf_str(&reason),
		.now = clock_wall(call->app->clock),
	};
	if (!store_run(call->app->store, retire_work, &retiring, err))
		return false;
	call_log(call, "workload-retired", retiring.name, buf_bytes(&reason));
	return workload_answer(call, 200, retiring.name, err);
}
