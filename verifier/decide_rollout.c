/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rollout's part in a decision: what it is judged by, and what it adds to the counts of the
 * canary. Everything is counted in the decision's own transaction, and the limits are asked there:
 * of two decisions at once, the second one finds the rollout halted by the first.
 *
 * How agents ended is read out of runtime logs that the TPM vouches for: a host's next evidence,
 * whichever instance it speaks of, holds the exit records of all of them.
 */
#include "verifier/decide.h"

static bool exit_seen(void *context, const struct runtime_record *record, struct err *err)
{
	struct decision *d = context;
	(void)err;
	if (record->kind != RUNTIME_EXIT)
		return true;
	for (size_t i = 0; i < d->watched_count; i++) {
		struct rollout_instance *w = &d->watched[i];
		if (memcmp(w->instance, record->exit.instance, sizeof(w->instance)) != 0)
			continue;
		if (record->exit.signaled)
			w->end = ROLLOUT_END_BAD;
		else if (record->exit.status == RUNTIME_STATUS_UNKNOWN)
			w->end = ROLLOUT_END_UNKNOWN;
		else
			w->end = record->exit.status == 0 ? ROLLOUT_END_GOOD : ROLLOUT_END_BAD;
	}
	return true;
}

bool decide_rollout_exits(struct decision *d, struct err *err)
{
	/* Only a log that was replayed onto the quoted PCR says anything. */
	bool vouched = d->verdict.trusted || (d->state_out.ended && !d->state_in.ended);
	if (d->watched_count == 0 || !vouched)
		return true;
	return runtime_log_walk(d->evidence.runtime_log, d->claims.runtime_first,
		       d->policy->policy->runtime_pcr, exit_seen, d, err) ||
	       err_wrap(err, "exits");
}

bool decide_rollout_recheck(struct decision *d, struct store_tx *tx, struct err *err)
{
	return !d->common->workload.name[0] ||
	       rollout_recheck(tx->sql, bytes_str(d->common->workload.name), d->common->rollout.id,
		       d->common->rollout_known ? d->common->rollout.version : 0, err);
}

/* Halts it when the counts, this decision's among them, reach a limit. */
static bool ask_limits(
	struct decision *d, struct store_tx *tx, const uint8_t id[ROLLOUT_ID_LEN], struct err *err)
{
	struct rollout_row row;
	char why[ROLLOUT_BREACH_TEXT];
	bool found = false;
	if (!rollout_get(tx->sql, id, &row, &found, err))
		return false;
	/* One log may tell of several bad ends: the first of them halts, the others are counted. */
	if (!found || row.state != ROLLOUT_RUNNING ||
		!rollout_breached(&row.plan, &row.counts, why))
		return true;
	const struct rollout_change halt = {
		.step = ROLLOUT_HALT, .by = "verifier", .reason = why, .now = d->context.now};
	d->rollout_halted = true;
	return rollout_step_take(d->app, tx, &row, &halt, err);
}

static bool count_exit(struct decision *d, struct store_tx *tx,
	const struct rollout_instance *watched, struct err *err)
{
	const struct rollout_counts more = {
		.ended = 1,
		.failures = watched->end == ROLLOUT_END_BAD,
		.unknown = watched->end == ROLLOUT_END_UNKNOWN,
	};
	bool new = false;
	if (watched->end == ROLLOUT_END_NONE)
		return true;
	if (!rollout_instance_end(tx->sql, d->host.id, watched, &new, err))
		return false;
	return !new || (rollout_count(tx->sql, watched->rollout, &more, err) &&
			       ask_limits(d, tx, watched->rollout, err));
}

bool decide_rollout_count_exits(struct decision *d, struct store_tx *tx, struct err *err)
{
	struct rollout_row own;
	bool found = false;
	for (size_t i = 0; i < d->watched_count; i++)
		if (!count_exit(d, tx, &d->watched[i], err))
			return false;
	if (!d->rollout_halted || !d->common->rollout_known)
		return true;
	if (!rollout_get(tx->sql, d->common->rollout.id, &own, &found, err))
		return false;
	d->again = found && own.version != d->common->rollout.version;
	return true;
}

/* An agent's end is none of its faults, and evidence that came too late says nothing against it. */
static bool says_nothing(const struct verdict *verdict)
{
	return decide_harmless(verdict) || verdict_has(verdict, REASON_INSTANCE_ENDED) ||
	       verdict_has(verdict, REASON_INSTANCE_NOT_RUNNING);
}

static bool is_canary(const struct decision *d, bool *ret, struct err *err)
{
	uint64_t place = 0;
	*ret = false;
	if (!d->common->rollout_known || d->common->rollout.state != ROLLOUT_RUNNING ||
		memcmp(d->claims.release, d->common->rollout.release_new, SHA256_LEN) != 0)
		return true;
	if (!rollout_place(d->common->rollout.id, d->host.id, &place, err))
		return false;
	*ret = rollout_place_within(place, d->common->rollout.plan.share);
	return true;
}

bool decide_rollout_count(struct decision *d, struct store_tx *tx, struct err *err)
{
	const struct rollout_counts more = {
		.decisions = 1,
		.refusals = !d->verdict.trusted,
		.launches = d->verdict.trusted && d->claims.purpose == PURPOSE_LAUNCH,
	};
	if (!is_canary(d, &d->canary, err))
		return false;
	if (!d->canary || (!d->verdict.trusted && says_nothing(&d->verdict)))
		return true;
	return rollout_count(tx->sql, d->common->rollout.id, &more, err) &&
	       rollout_host_count(
		       tx->sql, d->common->rollout.id, d->host.id, !d->verdict.trusted, err) &&
	       (!d->verdict.trusted || rollout_instance_put(tx->sql, d->common->rollout.id,
					       d->host.id, d->challenge.instance, err)) &&
	       ask_limits(d, tx, d->common->rollout.id, err);
}
