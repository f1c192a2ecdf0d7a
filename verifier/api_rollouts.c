/* SPDX-License-Identifier: Apache-2.0 */
/* Routes about rollouts. What is decided is decided inside the job, on the rows as they are then;
 * the gate is asked just before. */
#include "verifier/rollouts.h"

#include "base/text.h"

/* ---- reading requests ---- */

static void take_reason(struct json_fields *f, const json_t *body, char out[ROW_TEXT_MAX])
{
	const char *text = json_want_str(f, body, "reason", ROW_TEXT_MAX - 1);
	(void)snprintf(out, ROW_TEXT_MAX, "%s", text ? text : "");
}

static struct rollout_limit take_limit(
	struct json_fields *f, const json_t *body, const char *count, const char *share)
{
	struct rollout_limit limit = {
		.count = (unsigned)json_want_int(f, body, count, 1, ROLLOUT_LIMIT_MAX, 0),
		.share = (unsigned)json_want_int(f, body, share, 1, ROLLOUT_SHARE_ALL, 0),
	};
	if (limit.count > 0 && limit.share > 0)
		json_fields_fail(f, share, "one limit: a count or a share");
	return limit;
}

struct starting {
	struct call *call;
	struct rollout_row row;
	bool from_given;
	char reason[ROW_TEXT_MAX];
	struct release_grounds grounds;
};

static bool start_read(struct starting *s, struct err *err)
{
	static const char *const keys[] = {"release", "from", "canary", "soak", "drain",
		"automatic", "refusals", "refusals_share", "failures", "failures_share", "sample",
		"reason", NULL};
	OWNED(json_release) json_t *body = NULL;
	struct rollout_plan *p = &s->row.plan;
	if (!call_body_json(s->call, &body, err))
		return false;
	struct json_fields f = json_fields_of("body");
	json_only_keys(&f, body, keys);
	json_need_hex(&f, body, "release", s->row.release_new, SHA256_LEN);
	s->from_given = json_object_get(body, "from") != NULL;
	if (s->from_given)
		json_need_hex(&f, body, "from", s->row.release_old, SHA256_LEN);
	p->share = (unsigned)json_need_int(&f, body, "canary", 1, ROLLOUT_SHARE_ALL);
	p->soak = json_need_int(&f, body, "soak", 0, ROLLOUT_SOAK_MAX);
	p->drain = json_want_int(&f, body, "drain", 0, ROLLOUT_DRAIN_MAX, -1);
	p->automatic = json_want_bool(&f, body, "automatic", false);
	p->refusals = take_limit(&f, body, "refusals", "refusals_share");
	p->failures = take_limit(&f, body, "failures", "failures_share");
	p->sample =
		(unsigned)json_want_int(&f, body, "sample", 1, ROLLOUT_LIMIT_MAX, ROLLOUT_SAMPLE);
	take_reason(&f, body, s->reason);
	return json_fields_ok(&f, err);
}

/* ---- starting ---- */

struct newest {
	const uint8_t *but;
	uint8_t digest[SHA256_LEN];
	bool found;
};

static bool release_newer(void *arg, const struct release_row *row, struct err *err)
{
	struct newest *n = arg;
	(void)err;
	if (!n->found && row->state == RELEASE_PUBLISHED &&
		memcmp(row->digest, n->but, SHA256_LEN) != 0) {
		memcpy(n->digest, row->digest, SHA256_LEN);
		n->found = true;
	}
	return true;
}

/* The release in force: what the last rollout left, and without one the newest that is published
 * besides the one to come. */
static bool release_in_force(struct starting *s, const struct rollout_row *last, bool rolled,
	struct sql *sql, uint8_t ret[SHA256_LEN], struct err *err)
{
	struct newest newest = {.but = s->row.release_new};
	if (rolled) {
		memcpy(ret, rollout_in_force(last), SHA256_LEN);
		return true;
	}
	if (!releases_each(sql, bytes_str(s->row.workload), release_newer, &newest, err))
		return false;
	if (!newest.found)
		return err_set(err, ERR_CONFLICT,
			"workload %s has no other published release to begin from",
			s->row.workload);
	memcpy(ret, newest.digest, SHA256_LEN);
	return true;
}

static bool check_old(struct starting *s, struct sql *sql, struct err *err)
{
	OWNED(release_row_release) struct release_row old = {0};
	bool found = false;
	if (!release_get(sql, s->row.release_old, &old, &found, err))
		return false;
	if (!found || strcmp(old.workload, s->row.workload) != 0)
		return err_set(
			err, ERR_CONFLICT, "from: not a release of workload %s", s->row.workload);
	return memcmp(s->row.release_old, s->row.release_new, SHA256_LEN) != 0
		       ? true
		       : err_set(err, ERR_CONFLICT,
				 "this release is in force already: a rollout leads to another "
				 "one");
}

static bool choose_old(struct starting *s, struct sql *sql, struct err *err)
{
	struct rollout_row last;
	uint8_t in_force[SHA256_LEN];
	bool rolled = false;
	if (!rollout_last(sql, bytes_str(s->row.workload), &last, &rolled, err))
		return false;
	if (rolled && (last.state == ROLLOUT_RUNNING || last.state == ROLLOUT_HALTED))
		return err_set(err, ERR_CONFLICT,
			"workload %s has a rollout that is %s: promote it or roll it back first",
			s->row.workload, rollout_state_name(last.state));
	s->row.seq = rolled ? last.seq + 1 : 1;
	if ((rolled || !s->from_given) && !release_in_force(s, &last, rolled, sql, in_force, err))
		return false;
	if (rolled && s->from_given && memcmp(s->row.release_old, in_force, SHA256_LEN) != 0) {
		char hex[2 * SHA256_LEN + 1];
		hex_encode(BYTES_OF(in_force), hex);
		return err_set(err, ERR_CONFLICT, "from: the release in force is %s", hex);
	}
	if (rolled || !s->from_given)
		memcpy(s->row.release_old, in_force, SHA256_LEN);
	return check_old(s, sql, err);
}

static bool start_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct starting *s = arg;
	return release_grounds_hold(tx, &s->grounds, err) && choose_old(s, tx->sql, err) &&
	       rollout_begin(s->call->app, tx, &s->row, s->call->who.uri, s->reason, err);
}

/* A promotion raises the version floor, whose drain is the class's: none of the old instances would
 * renew for longer. */
static bool choose_drain(struct starting *s, const struct policy_class *class, struct err *err)
{
	struct rollout_plan *p = &s->row.plan;
	if (p->drain > class->drain)
		return err_set(err, ERR_USAGE,
			"drain: at most %lld s, the drain of risk class %s: a promotion raises the "
			"version floor",
			(long long)class->drain, class->name);
	if (p->drain < 0)
		p->drain = class->drain;
	return true;
}

/* The workload, and how long its old instances renew unless the request says. */
static bool start_workload(struct starting *s, struct err *err)
{
	OWNED(policy_ref_drop) struct policy_ref *policy = app_policy(s->call->app);
	OWNED(release_row_release) struct release_row release = {0};
	struct workload_row workload = {0};
	struct sql *sql = NULL;
	bool found = false, known = false;
	if (!call_read(s->call, &sql, err))
		return false;
	bool ok = release_get(sql, s->row.release_new, &release, &found, err) &&
		  workload_get(sql, bytes_str(release.workload), &workload, &known, err);
	store_read_done(s->call->app->store, &sql);
	if (!ok)
		return false;
	memcpy(s->row.workload, release.workload, sizeof(s->row.workload));
	const struct policy_class *class =
		policy_class_find(policy->policy, bytes_str(workload.risk_class));
	if (!found || !class)
		return err_set(err, ERR_CONFLICT, "the policy was changed meanwhile");
	return choose_drain(s, class, err);
}

static bool gate(struct call *call, const uint8_t release[SHA256_LEN],
	struct release_grounds *ret_grounds, struct err *err)
{
	char why[RELEASE_WHY_MAX];
	bool stands = false;
	if (!release_stands(call, release, false, &stands, why, ret_grounds, err))
		return false;
	return stands ? true : err_set(err, ERR_DENIED, "%s", why);
}

static bool answer(struct call *call, int status, struct bytes workload, struct err *err)
{
	OWNED(json_release) json_t *view = NULL;
	struct rollout_row row;
	struct sql *sql = NULL;
	bool found = false, hosts = http_query(call->exchange, "hosts") != NULL;
	if (!call_read(call, &sql, err))
		return false;
	bool ok = rollout_last(sql, workload, &row, &found, err);
	if (ok && found)
		ok = rollout_show(sql, &row, clock_wall(call->app->clock), hosts, &view, err);
	store_read_done(call->app->store, &sql);
	if (ok && !found)
		return err_set(err, ERR_NOT_FOUND, "no rollout of workload %s", ESC(workload));
	return ok && call_json(call, status, TAKE(view), err);
}

bool serve_rollout_start(struct call *call, struct err *err)
{
	struct starting s = {.call = call, .row = {.state = ROLLOUT_RUNNING}};
	if (!start_read(&s, err) || !gate(call, s.row.release_new, &s.grounds, err) ||
		!start_workload(&s, err) ||
		!random_fill(call->app->random, s.row.id, sizeof(s.row.id), err))
		return false;
	s.row.started = s.row.soak_from = s.row.changed = clock_wall(call->app->clock);
	if (!store_run(call->app->store, start_work, &s, err))
		return false;
	call_log(call, "rollout-started", bytes_str(s.row.workload), bytes_str(s.reason));
	return answer(call, 201, bytes_str(s.row.workload), err);
}

/* ---- looking ---- */

struct listing {
	struct sql *sql;
	int64_t now;
	json_t *list;
};

static bool rollout_visited(void *arg, const struct rollout_row *row, struct err *err)
{
	const struct listing *l = arg;
	json_t *view = NULL;
	return rollout_show(l->sql, row, l->now, false, &view, err) &&
	       (json_array_append_new(l->list, view) == 0 || err_set(err, ERR_NOMEM, "rollouts"));
}

bool serve_rollouts(struct call *call, struct err *err)
{
	OWNED(json_release) json_t *list = json_array();
	struct listing listing = {.now = clock_wall(call->app->clock), .list = list};
	if (!list || !call_read(call, &listing.sql, err))
		return list ? false : err_set(err, ERR_NOMEM, "rollouts");
	bool ok = rollouts_each(listing.sql, rollout_visited, &listing, err);
	store_read_done(call->app->store, &listing.sql);
	return ok && call_json(call, 200, json_pack("{s:O}", "rollouts", list), err);
}

bool serve_rollout(struct call *call, struct err *err)
{
	struct bytes workload = bytes_str(http_path_param(call->exchange, 0));
	return rollout_settle(call, workload, err) && answer(call, 200, workload, err);
}

/* ---- changing ---- */

struct changing {
	struct call *call;
	struct bytes workload;
	struct rollout_change change;
	bool override;
	char reason[ROW_TEXT_MAX];
	struct release_grounds grounds;
};

static bool promotable(const struct changing *c, const struct rollout_row *row, struct err *err)
{
	char why[ROLLOUT_BREACH_TEXT];
	if (c->override || row->state != ROLLOUT_RUNNING)
		return true;
	switch (rollout_ready(&row->plan, &row->counts, row->soak_from, c->change.now)) {
	case ROLLOUT_READY:
		return true;
	case ROLLOUT_BREACHED:
		(void)rollout_breached(&row->plan, &row->counts, why);
		return err_set(err, ERR_DENIED, "a limit is reached: %s", why);
	case ROLLOUT_UNTRIED:
		return err_set(
			err, ERR_DENIED, "no host of the canary was trusted with the release yet");
	case ROLLOUT_SOAKING:
		break;
	}
	return err_set(err, ERR_DENIED, "the soak lasts %lld s more",
		(long long)rollout_soak_left(&row->plan, row->soak_from, c->change.now));
}

static bool widenable(const struct changing *c, const struct rollout_row *row, struct err *err)
{
	char share[ROLLOUT_SHARE_TEXT];
	if (row->state != ROLLOUT_RUNNING || c->change.share > row->plan.share)
		return true;
	return err_set(err, ERR_CONFLICT, "a canary only grows: it is %s already",
		rollout_share_format(row->plan.share, share));
}

static bool change_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct changing *c = arg;
	struct rollout_row row;
	bool found = false;
	if (!rollout_last(tx->sql, c->workload, &row, &found, err))
		return false;
	if (!found)
		return err_set(err, ERR_NOT_FOUND, "no rollout of workload %s", ESC(c->workload));
	if ((c->change.step == ROLLOUT_PROMOTE && !promotable(c, &row, err)) ||
		(c->change.step == ROLLOUT_WIDEN && !widenable(c, &row, err)))
		return false;
	return rollout_step_take(c->call->app, tx, &row, &c->change, err);
}

static bool change(struct changing *c, const char *event, struct err *err)
{
	c->workload = bytes_str(http_path_param(c->call->exchange, 0));
	c->change.by = c->call->who.uri;
	c->change.reason = c->reason;
	c->change.now = clock_wall(c->call->app->clock);
	if (!store_run(c->call->app->store, change_work, c, err))
		return false;
	call_log(c->call, event, c->workload, bytes_str(c->reason));
	return answer(c->call, 200, c->workload, err);
}

/* {"canary": share} widens, anything else promotes. */
static bool promote_read(struct changing *c, struct err *err)
{
	static const char *const keys[] = {"canary", "override", "reason", NULL};
	OWNED(json_release) json_t *body = NULL;
	if (!call_body_json(c->call, &body, err))
		return false;
	struct json_fields f = json_fields_of("body");
	json_only_keys(&f, body, keys);
	c->override = json_want_bool(&f, body, "override", false);
	c->change.share = (unsigned)json_want_int(&f, body, "canary", 1, ROLLOUT_SHARE_ALL, 0);
	take_reason(&f, body, c->reason);
	if (c->override && c->reason[0] == '\0')
		json_fields_fail(&f, "reason", "say why the rules are overridden");
	if (c->override && c->change.share > 0)
		json_fields_fail(&f, "override", "a canary grows without it");
	c->change.step = c->change.share > 0 ? ROLLOUT_WIDEN : ROLLOUT_PROMOTE;
	return json_fields_ok(&f, err);
}

/* What is promoted, or comes to more hosts, passes the gate now. */
static bool gate_last(struct changing *c, struct err *err)
{
	struct call *call = c->call;
	struct rollout_row row;
	struct sql *sql = NULL;
	bool found = false;
	if (!call_read(call, &sql, err))
		return false;
	bool ok =
		rollout_last(sql, bytes_str(http_path_param(call->exchange, 0)), &row, &found, err);
	store_read_done(call->app->store, &sql);
	c->change.grounds = &c->grounds;
	return ok && (!found || gate(call, row.release_new, &c->grounds, err));
}

bool serve_rollout_promote(struct call *call, struct err *err)
{
	struct changing c = {.call = call};
	return promote_read(&c, err) && gate_last(&c, err) &&
	       change(&c, c.change.step == ROLLOUT_WIDEN ? "rollout-widened" : "rollout-promoted",
		       err);
}

static bool change_with_reason(
	struct call *call, enum rollout_step step, const char *event, struct err *err)
{
	struct changing c = {.call = call, .change = {.step = step}};
	OWNED(buf_release) struct buf reason = {0};
	if (!call_reason(call, &reason, err))
		return false;
	(void)snprintf(c.reason, sizeof(c.reason), "%s", buf_str(&reason));
	return change(&c, event, err);
}

bool serve_rollout_halt(struct call *call, struct err *err)
{
	return change_with_reason(call, ROLLOUT_HALT, "rollout-halted", err);
}

bool serve_rollout_rollback(struct call *call, struct err *err)
{
	return change_with_reason(call, ROLLOUT_ROLL_BACK, "rollout-rolled-back", err);
}
