/* SPDX-License-Identifier: Apache-2.0 */
/* The staged policy: taken in signed, judged beside the one in force, put in force or withdrawn. Each
 * step is one transaction with its ledger entry. */
#include "verifier/app_policy.h"

#include "verifier/elevations.h"

#include "base/text.h"
#include "crypto/dsse.h"
#include "verifier/shadow.h"

#include <stdio.h>

#define ACTIVATE_AHEAD_MAX (366 * (int64_t)86400)

static struct policy_ref *staged_held(struct app *app, int64_t *ret_seq)
{
	(void)pthread_mutex_lock(&app->policy_lock);
	struct policy_ref *ref = app->staged;
	if (ref)
		(void)atomic_fetch_add(&ref->count, 1);
	*ret_seq = app->staged_seq;
	(void)pthread_mutex_unlock(&app->policy_lock);
	return ref;
}

/* NULL: none any more. */
static void staged_put(struct app *app, struct policy_ref *ref, int64_t seq)
{
	(void)pthread_mutex_lock(&app->policy_lock);
	struct policy_ref *old = app->staged;
	app->staged = ref;
	app->staged_seq = seq;
	(void)pthread_mutex_unlock(&app->policy_lock);
	policy_ref_drop(&old);
}

static void staged_forget(struct app *app)
{
	staged_put(app, NULL, 0);
}

static void staged_set(struct app *app, struct policy_ref *ref, int64_t seq)
{
	staged_put(app, ref, seq);
	if (app->shadow)
		shadow_wake(app->shadow);
}

static bool staged_read(struct app *app, struct policy_row *ret_row, bool *ret_found,
	struct policy_ref **ret_ref, struct err *ret_why, struct err *err)
{
	struct sql *sql = NULL;
	if (!store_read(app->store, &sql, err))
		return false;
	bool ok = policy_row_staged(sql, ret_row, ret_found, err);
	if (ok && *ret_found && !policy_ref_stored(app, sql, ret_row, ret_ref, ret_why))
		*ret_ref = NULL;
	store_read_done(app->store, &sql);
	return ok;
}

bool app_staged_load(struct app *app, struct err *err)
{
	struct policy_ref *ref = NULL;
	struct policy_row row = {0};
	struct err why = {0};
	bool found = false;
	if (!staged_read(app, &row, &found, &ref, &why, err))
		return false;
	if (ref)
		staged_set(app, ref, row.seq);
	if (ref || !found)
		return true;
	staged_put(app, NULL, row.seq);
	log_event(&app->log, LOG_LEVEL_ERROR, "policy-staged-unusable",
		{"error", bytes_str(why.text)},
		{"effect", BYTES_LIT("it is not judged and cannot be activated")});
	return true;
}

bool app_staged_known(struct app *app)
{
	(void)pthread_mutex_lock(&app->policy_lock);
	bool known = app->staged != NULL;
	(void)pthread_mutex_unlock(&app->policy_lock);
	return known;
}

/* Where another verifier may have staged or withdrawn one, the database says which it is. */
static bool is_held(struct app *app, int64_t seq, bool held)
{
	struct policy_row row = {0};
	struct sql *sql = NULL;
	bool found = false;
	if (!store_read(app->store, &sql, NULL))
		return true;
	bool ok = policy_row_staged(sql, &row, &found, NULL);
	store_read_done(app->store, &sql);
	return !ok || (found ? row.seq == seq : !held);
}

struct policy_ref *app_staged(struct app *app, int64_t *ret_seq)
{
	struct err err = {0};
	struct policy_ref *held = staged_held(app, ret_seq);
	if (!store_is_shared(app->store) || is_held(app, *ret_seq, held != NULL))
		return held;
	policy_ref_drop(&held);
	staged_forget(app);
	if (!app_staged_load(app, &err))
		log_event(&app->log, LOG_LEVEL_WARNING, "policy-staged-unread",
			{"error", bytes_str(err.text)});
	return staged_held(app, ret_seq);
}

/* ---- staging ---- */

struct staging {
	struct app *app;
	struct policy_ref *ref;
	const char *by;
	struct policy_row row;
	bool added;
};

static bool stage_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct staging *s = arg;
	const struct policy *policy = s->ref->policy;
	struct policy_row other = {0};
	bool found = false;
	if (!policy_row_staged(tx->sql, &other, &found, err))
		return false;
	if (found && memcmp(other.digest, policy->digest, SHA256_LEN) == 0) {
		s->row = other;
		return true;
	}
	if (found)
		return err_set(err, ERR_CONFLICT, "version %lld is staged: withdraw it first",
			(long long)other.version);
	if (policy->version <= tx->policy_version)
		return err_set(err, ERR_CONFLICT,
			"version %lld is not above version %lld, which is in force",
			(long long)policy->version, (long long)tx->policy_version);
	int64_t now = clock_wall(s->app->clock);
	s->row = (struct policy_row){.version = policy->version,
		.state = POLICY_STAGED,
		.staged = now > 0 ? now : 1,
		.judged_from = tx->edge.size,
		.judged_to = tx->edge.size};
	s->added = true;
	memcpy(s->row.digest, policy->digest, SHA256_LEN);
	(void)snprintf(s->row.staged_by, sizeof(s->row.staged_by), "%s", s->by);
	(void)snprintf(s->row.by, sizeof(s->row.by), "%s", s->by);
	return policy_ref_keep(tx, s->ref, s->row.signature, err) &&
	       policy_row_insert(tx->sql, &s->row, err) &&
	       entry_append(s->app, tx, LEAF_POLICY, now,
		       policy_ref_entry(s->app, s->ref, "policy-staged", s->by, ""), err);
}

/* The envelope holds the policy: what is staged is what was signed. */
static bool envelope_take(
	struct app *app, struct bytes envelope, struct policy_ref *ref, struct err *err)
{
	OWNED(dsse_free) struct dsse *dsse = NULL;
	struct sql *sql = NULL;
	if (app->config.policy_signers.count == 0)
		return err_set(err, ERR_UNSUPPORTED,
			"this verifier has no policy_keys: a policy is taken over the network only "
			"signed");
	if (!dsse_parse(envelope, &dsse, err))
		return err_wrap(err, "policy");
	buf_put(&ref->text, buf_bytes(&dsse->payload));
	buf_put(&ref->signature, envelope);
	if (!buf_ok(&ref->text, err) || !buf_ok(&ref->signature, err))
		return false;
	if (ref->text.len > POLICY_TEXT_MAX)
		return err_set(err, ERR_LIMIT, "policy: more than %u bytes", POLICY_TEXT_MAX);
	if (!store_read(app->store, &sql, err))
		return false;
	bool ok = policy_ref_open(app, "policy", sql, ref, err);
	store_read_done(app->store, &sql);
	/* It is the caller's, not this service's configuration. */
	if (!ok && err && err->code == ERR_CONFIG)
		err->code = ERR_FORMAT;
	return ok;
}

bool app_policy_stage(struct app *app, struct bytes envelope, const char *by,
	struct policy_row *ret, bool *ret_new, struct err *err)
{
	OWNED(policy_ref_drop) struct policy_ref *ref = policy_ref_new();
	struct staging staging = {.app = app, .ref = ref, .by = by};
	if (!ref)
		return err_set(err, ERR_NOMEM, "policy");
	if (!envelope_take(app, envelope, ref, err))
		return false;
	(void)pthread_mutex_lock(&app->policy_change);
	bool ok = store_run(app->store, stage_work, &staging, err);
	if (ok)
		staged_set(app, TAKE(ref), staging.row.seq);
	(void)pthread_mutex_unlock(&app->policy_change);
	*ret = staging.row;
	*ret_new = staging.added;
	return ok;
}

/* ---- activating, withdrawing ---- */

struct changing {
	struct app *app;
	const struct policy_order *order;
	struct policy_ref *ref; /* activating at once; else NULL */
	struct policy_row row;
	bool due; /* the time that was set has come */
};

/* The row that the order is about, as it is now: still staged, and of the content that was meant. */
static bool row_check(struct changing *c, struct store_tx *tx, struct err *err)
{
	bool found = false;
	if (!policy_row_staged(tx->sql, &c->row, &found, err))
		return false;
	if (!found || c->row.version != c->order->version)
		return err_set(err, ERR_CONFLICT, "version %lld is not staged",
			(long long)c->order->version);
	if (memcmp(c->row.digest, c->order->digest, SHA256_LEN) != 0)
		return err_set(err, ERR_CONFLICT,
			"version %lld is staged with other content than was meant",
			(long long)c->order->version);
	if (c->due && c->row.activate_at == 0)
		return err_set(err, ERR_CONFLICT, "its activation was called off");
	return true;
}

static bool activate_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct changing *c = arg;
	if (!row_check(c, tx, err))
		return false;
	const struct policy_row staged = c->row;
	/* What was opened outside: the row may have been another one's for a moment. */
	if (memcmp(c->ref->policy->digest, staged.digest, SHA256_LEN) != 0)
		return err_set(err, ERR_CONFLICT, "another policy was staged meanwhile");
	if (!policy_enforce(c->app, tx, c->ref, &staged, c->order->by, c->order->reason, err))
		return false;
	c->row.state = POLICY_IN_FORCE;
	c->row.in_force = clock_wall(c->app->clock);
	c->row.activate_at = 0;
	(void)snprintf(c->row.by, sizeof(c->row.by), "%s", c->order->by);
	(void)snprintf(c->row.reason, sizeof(c->row.reason), "%s", c->order->reason);
	return true;
}

/* The same row, with who asked for what. */
static bool step_work(struct changing *c, struct store_tx *tx, const char *event, struct err *err)
{
	char digest[2 * SHA256_LEN + 1], at[TIME_TEXT_MAX];
	hex_encode(BYTES_OF(c->row.digest), digest);
	(void)snprintf(c->row.by, sizeof(c->row.by), "%s", c->order->by);
	(void)snprintf(c->row.reason, sizeof(c->row.reason), "%s", c->order->reason);
	OWNED(json_release)
	json_t *entry = json_pack("{s:s, s:s, s:I, s:s, s:s}", "event", event, "digest", digest,
		"version", (json_int_t)c->row.version, "by", c->row.by, "reason", c->row.reason);
	if (entry && c->row.activate_at != 0 &&
		json_object_set_new(entry, "at", json_string(time_json(c->row.activate_at, at))) !=
			0)
		return err_set(err, ERR_NOMEM, "ledger entry");
	return policy_row_set(tx->sql, &c->row, err) &&
	       entry_append(c->app, tx, LEAF_POLICY, clock_wall(c->app->clock), TAKE(entry), err);
}

static bool schedule_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct changing *c = arg;
	if (!row_check(c, tx, err))
		return false;
	c->row.activate_at = c->order->at;
	return step_work(c, tx, "policy-activation-set", err);
}

static bool withdraw_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct changing *c = arg;
	if (!row_check(c, tx, err))
		return false;
	c->row.state = POLICY_WITHDRAWN;
	c->row.activate_at = 0;
	return step_work(c, tx, "policy-withdrawn", err);
}

/* Opened from the store again, by the keys that count now: what was staged may be too little signed
 * by now, and what it names may have gone. */
static bool activate_now(struct changing *c, struct err *err)
{
	struct policy_row row = {0};
	struct err why = {0};
	bool found = false;
	if (!staged_read(c->app, &row, &found, &c->ref, &why, err))
		return false;
	if (found && !c->ref)
		return err_set(err, why.code == ERR_CONFIG ? ERR_DENIED : why.code, "%s", why.text);
	if (!found)
		return err_set(err, ERR_CONFLICT, "version %lld is not staged",
			(long long)c->order->version);
	if (!store_run(c->app->store, activate_work, c, err))
		return false;
	app_policy_swap(c->app, &c->ref);
	elevations_settle_all(c->app);
	log_event(&c->app->log, LOG_LEVEL_INFO, "policy-in-force", {"by", bytes_str(c->order->by)},
		{"reason", bytes_str(c->order->reason)});
	return true;
}

static bool change(struct changing *c, bool (*work)(struct changing *c, struct err *err),
	struct policy_row *ret, struct err *err)
{
	(void)pthread_mutex_lock(&c->app->policy_change);
	bool ok = work(c, err);
	(void)pthread_mutex_unlock(&c->app->policy_change);
	policy_ref_drop(&c->ref);
	if (ok && ret)
		*ret = c->row;
	return ok;
}

static bool schedule(struct changing *c, struct err *err)
{
	return store_run(c->app->store, schedule_work, c, err);
}

static bool withdraw(struct changing *c, struct err *err)
{
	if (!store_run(c->app->store, withdraw_work, c, err))
		return false;
	staged_set(c->app, NULL, 0);
	return true;
}

bool app_policy_activate(
	struct app *app, const struct policy_order *order, struct policy_row *ret, struct err *err)
{
	struct changing c = {.app = app, .order = order};
	int64_t now = clock_wall(app->clock);
	if (order->at == 0)
		return change(&c, activate_now, ret, err);
	if (order->at <= now)
		return err_set(err, ERR_FORMAT, "at: this time has passed");
	if (order->at - now > ACTIVATE_AHEAD_MAX)
		return err_set(err, ERR_FORMAT, "at: more than a year ahead");
	return change(&c, schedule, ret, err);
}

bool app_policy_withdraw(
	struct app *app, const struct policy_order *order, struct policy_row *ret, struct err *err)
{
	struct changing c = {.app = app, .order = order};
	return change(&c, withdraw, ret, err);
}

bool app_policy_due(struct app *app, int64_t now, bool *ret, struct err *err)
{
	struct policy_row row = {0};
	struct sql *sql = NULL;
	int64_t seq = 0;
	bool found = false;
	*ret = false;
	OWNED(policy_ref_drop) struct policy_ref *staged = app_staged(app, &seq);
	if (!staged)
		return true;
	if (!store_read(app->store, &sql, err))
		return false;
	bool ok = policy_row_staged(sql, &row, &found, err);
	store_read_done(app->store, &sql);
	if (!ok || !found || row.activate_at == 0 || now < row.activate_at)
		return ok;
	struct policy_order order = {.version = row.version, .by = row.by, .reason = row.reason};
	struct changing c = {.app = app, .order = &order, .due = true};
	memcpy(order.digest, row.digest, sizeof(order.digest));
	*ret = change(&c, activate_now, NULL, err);
	return *ret;
}
