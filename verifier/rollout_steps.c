/* SPDX-License-Identifier: Apache-2.0 */
/* A rollout begun and changed: row, history and ledger move together, inside one job. */
#include "verifier/rollouts.h"

#include "base/text.h"
#include "verifier/floors.h"
#include "verifier/leases.h"

#define BY_RULE "verifier"

static const char *const step_events[] = {
	[ROLLOUT_WIDEN] = "widened",
	[ROLLOUT_PROMOTE] = "promoted",
	[ROLLOUT_HALT] = "halted",
	[ROLLOUT_ROLL_BACK] = "rolled-back",
};

static json_t *entry_json(const struct rollout_row *row, const struct rollout_event *event)
{
	char id[2 * ROLLOUT_ID_LEN + 1], new[2 * SHA256_LEN + 1], old[2 * SHA256_LEN + 1];
	const struct rollout_counts *c = &row->counts;
	hex_encode(BYTES_OF(row->id), id);
	hex_encode(BYTES_OF(row->release_new), new);
	hex_encode(BYTES_OF(row->release_old), old);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:I, s:I, s:I, s:I, s:s, s:s}",
		"event", "rollout", "rollout", id, "workload", row->workload, "step", event->event,
		"release", new, "from", old, "share", (int)row->plan.share, "soak",
		(json_int_t)row->plan.soak, "decisions", (json_int_t)c->decisions, "refusals",
		(json_int_t)c->refusals, "failures", (json_int_t)c->failures, "by", event->by,
		"reason", event->reason);
}

static bool note(struct app *app, struct store_tx *tx, const struct rollout_row *row,
	const char *name, int64_t now, const char *by, const char *reason, struct err *err)
{
	struct rollout_event event = {.time = now, .share = row->plan.share};
	(void)snprintf(event.event, sizeof(event.event), "%s", name);
	(void)snprintf(event.by, sizeof(event.by), "%s", by);
	(void)snprintf(event.reason, sizeof(event.reason), "%s", reason);
	return rollout_event_put(tx->sql, row->id, row->version, &event, err) &&
	       entry_append(app, tx, LEAF_ROLLOUT, now, entry_json(row, &event), err);
}

bool rollout_begin(struct app *app, struct store_tx *tx, struct rollout_row *row, const char *by,
	const char *reason, struct err *err)
{
	row->version = 1;
	return rollout_insert(tx->sql, row, err) &&
	       note(app, tx, row, "started", row->started, by, reason, err);
}

/* Where one of its releases stands to the workload's floors. */
static bool floors_of(struct store_tx *tx, const struct rollout_row *row,
	const uint8_t digest[SHA256_LEN], struct release_row *release, struct floors *ret,
	struct err *err)
{
	bool found = false;
	if (!release_get(tx->sql, digest, release, &found, err))
		return false;
	if (!found)
		return err_set(err, ERR_STORE, "a release of the rollout is not stored");
	return floors_load(tx->sql, bytes_str(row->workload), release, ret, err);
}

bool rollout_may_roll_back(struct store_tx *tx, const struct rollout_row *row,
	const char **ret_why_not, struct err *err)
{
	OWNED(release_row_release) struct release_row old = {0};
	struct floors floors;
	if (!floors_of(tx, row, row->release_old, &old, &floors, err))
		return false;
	*ret_why_not = floors.passed ? "the older release is below the version floor: persons "
				       "approve going back (assay rollback approve), then "
				       "assay workload rollback"
				     : NULL;
	return true;
}

/* The new release is the workload's now: the floor goes up to it. */
static bool promoted(struct app *app, struct store_tx *tx, const struct rollout_row *row,
	int64_t now, struct err *err)
{
	OWNED(release_row_release) struct release_row new = {0};
	struct floors floors;
	if (!floors_of(tx, row, row->release_new, &new, &floors, err))
		return false;
	if (new.state != RELEASE_PUBLISHED)
		return err_set(err, ERR_CONFLICT, "the release was revoked meanwhile");
	return floor_raise(app, tx, &floors, &new, now, err);
}

/* The gate was asked before the job, about this release, and would say the same now. */
static bool gate_holds(struct store_tx *tx, const struct rollout_row *row,
	const struct rollout_change *change, struct err *err)
{
	if (change->step != ROLLOUT_PROMOTE && change->step != ROLLOUT_WIDEN)
		return true;
	if (!change->grounds || memcmp(change->grounds->release, row->release_new, SHA256_LEN) != 0)
		return err_set(err, ERR_CONFLICT, "another rollout was started meanwhile");
	return release_grounds_hold(tx, change->grounds, err);
}

static bool roll_back_allowed(struct store_tx *tx, const struct rollout_row *row, struct err *err)
{
	const char *why_not = NULL;
	if (row->state != ROLLOUT_PROMOTED)
		return true;
	if (!rollout_may_roll_back(tx, row, &why_not, err))
		return false;
	return !why_not ? true : err_set(err, ERR_DENIED, "%s", why_not);
}

/* Nothing that the new release was given lasts, and none of its instances renews: not when the next
 * rollout rules either, to which it is any other release. */
static bool taken_back(
	struct store_tx *tx, const struct rollout_row *row, int64_t now, struct err *err)
{
	return instance_history_release(tx->sql, row->release_new, now, "rolled-back", err) &&
	       credentials_revoke_release(tx->sql, row->release_new, now, REVOKED_PRIVILEGE, err) &&
	       instances_refuse_release(tx->sql, row->release_new, err);
}

bool rollout_step_take(struct app *app, struct store_tx *tx, struct rollout_row *row,
	const struct rollout_change *change, struct err *err)
{
	enum rollout_state to = rollout_next(row->state, change->step);
	if (to == ROLLOUT_NONE)
		return err_set(err, ERR_CONFLICT, "the rollout of %s is %s: it cannot be %s",
			row->workload, rollout_state_name(row->state), step_events[change->step]);
	if (!gate_holds(tx, row, change, err) ||
		(change->step == ROLLOUT_ROLL_BACK && !roll_back_allowed(tx, row, err)))
		return false;
	if (change->step == ROLLOUT_WIDEN) {
		row->plan.share = change->share;
		row->soak_from = change->now;
	} else {
		row->changed = change->now;
	}
	row->state = to;
	if (!rollout_update(tx->sql, row, err) ||
		(change->step == ROLLOUT_ROLL_BACK && !taken_back(tx, row, change->now, err)) ||
		(change->step == ROLLOUT_PROMOTE && !promoted(app, tx, row, change->now, err)))
		return false;
	return note(app, tx, row, step_events[change->step], change->now, change->by,
		change->reason, err);
}

/* ---- by rule ---- */

static bool is_due(const struct rollout_row *row, int64_t now)
{
	return row->state == ROLLOUT_RUNNING && row->plan.automatic &&
	       rollout_ready(&row->plan, &row->counts, row->soak_from, now) == ROLLOUT_READY;
}

struct settling {
	struct app *app;
	struct rollout_row row;
	struct rollout_change change;
	struct release_grounds grounds;
	bool done;
};

static bool settle_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct settling *s = arg;
	bool found = false;
	struct rollout_row row;
	if (!rollout_get(tx->sql, s->row.id, &row, &found, err))
		return false;
	/* Halted, promoted, widened or over its limits meanwhile: then it stays as it is. */
	if (!found || !is_due(&row, s->change.now))
		return true;
	s->row = row;
	s->done = release_grounds_hold(tx, &s->grounds, err) &&
		  rollout_step_take(s->app, tx, &s->row, &s->change, err);
	return s->done;
}

static bool last_of(struct call *call, struct bytes workload, struct rollout_row *ret,
	bool *ret_found, struct err *err)
{
	struct sql *sql = NULL;
	if (!call_read(call, &sql, err))
		return false;
	bool ok = rollout_last(sql, workload, ret, ret_found, err);
	store_read_done(call->app->store, &sql);
	return ok;
}

bool rollout_settle(struct call *call, struct bytes workload, struct err *err)
{
	struct settling settling = {
		.app = call->app,
		.change = {.step = ROLLOUT_PROMOTE,
			.by = BY_RULE,
			.reason = "the soak is over and its limits hold",
			.now = clock_wall(call->app->clock)},
	};
	char why[RELEASE_WHY_MAX], reason[ROLLOUT_REASON_MAX];
	bool found = false, stands = false;
	if (!last_of(call, workload, &settling.row, &found, err))
		return false;
	if (!found || !is_due(&settling.row, settling.change.now))
		return true;
	if (!release_stands(
		    call, settling.row.release_new, false, &stands, why, &settling.grounds, err))
		return false;
	settling.change.grounds = &settling.grounds;
	if (!stands) {
		(void)snprintf(reason, sizeof(reason), "not promoted: %s", why);
		settling.change.step = ROLLOUT_HALT;
		settling.change.reason = reason;
	}
	struct err failure = {0};
	if (!store_run(call->app->store, settle_work, &settling, &failure)) {
		*err = failure;
		/* The gate's answer is out of date: whoever comes next asks it again. */
		return failure.code == ERR_CONFLICT;
	}
	if (!settling.done)
		return true;
	log_event(&call->app->log, LOG_LEVEL_INFO, "rollout-settled", {"workload", workload},
		{"state", bytes_str(rollout_state_name(settling.row.state))},
		{"reason", bytes_str(settling.change.reason)});
	return true;
}
