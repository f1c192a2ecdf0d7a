/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/attest: the flow of a decision. */
#include "verifier/decide.h"

#include "verifier/shadow.h"

#include <stdlib.h>

static void decision_free(struct decision *d)
{
	decide_drop(d);
	free(d);
}

static void finish(struct decision *d)
{
	struct call *call = d->call;
	struct err err = {0};
	bool ok = decide_answer(d, &err);
	decide_stage(d, METRIC_ANSWER);
	decide_count(d);
	decide_log(d);
	decision_free(d);
	if (ok)
		call_answer(call);
	else
		call_refuse(call, &err);
}

static void fail(struct decision *d, const struct err *err)
{
	struct call *call = d->call;
	metric_add(d->app->metrics, METRIC_DECISIONS,
		metric_decision_series(d->claims.purpose, METRIC_UNDECIDED), 1);
	log_event(&d->app->log, LOG_LEVEL_WARNING, "no-decision",
		{"request", bytes_str(http_request_id(call->exchange))},
		{"subject", bytes_str(call->who.uri)},
		{"code", bytes_str(err_code_name(err->code))}, {"error", bytes_str(err->text)});
	decision_free(d);
	call_refuse(call, err);
}

/* Evidence that the AK did not sign for this challenge consumes nothing and is not kept: anybody could fill a ledger so.
 * Whatever is trusted is authentic (trust demands more than that), so the question is asked of refusals only. */
static bool judge(struct decision *d, struct err *err)
{
	struct bytes evidence = http_body(d->call->exchange);
	if (!policy_appraise(evidence, &d->context, &d->state_in, &d->verdict, &d->state_out, err))
		return false;
	bool authentic = d->verdict.trusted;
	if (!authentic && !policy_evidence_authentic(evidence, &d->context, &authentic, err))
		return false;
	d->outcome = authentic ? DECIDE_RECORDED : DECIDE_UNRECORDED;
	return !authentic || (tpms_attest_parse(d->evidence.message, &d->attest, err) &&
				     decide_rollout_exits(d, err));
}

static void on_committed(void *arg, const struct err *err);

/* From load on; runs again for a decision whose rows moved. */
static void attempt(struct decision *d)
{
	struct err err = {0};
	d->attempt++;
	bool loaded = decide_load(d, &err);
	decide_stage(d, METRIC_LOAD);
	if (!loaded || (d->outcome == DECIDE_NONE && !judge(d, &err))) {
		fail(d, &err);
		return;
	}
	decide_stage(d, METRIC_JUDGE);
	if (d->outcome == DECIDE_UNRECORDED) {
		finish(d);
		return;
	}
	if (!decide_make(d, &err)) {
		fail(d, &err);
		return;
	}
	decide_stage(d, METRIC_MAKE);
	store_submit_again(d->app->store, decide_commit, on_committed, d);
}

static void attempt_again(struct work *work)
{
	struct call *call = (struct call *)work;
	attempt(call->data);
}

/* On the writer's thread. */
static void on_committed(void *arg, const struct err *err)
{
	static const struct err halted = {
		.code = ERR_CONFLICT, .text = "the rollout was halted meanwhile"};
	struct decision *d = arg;
	decide_stage(d, METRIC_COMMIT);
	if (d->again && !err) {
		decide_log_halt(d);
		err = &halted;
	}
	if (!err) {
		/* Whoever judges decisions by a staged policy does so afterwards, from the record. */
		shadow_wake(d->app->shadow);
		finish(d);
		return;
	}
	if (err->code == ERR_CONFLICT && d->attempt < DECIDE_ATTEMPTS_MAX) {
		decide_unmake(d);
		d->call->work.run = attempt_again;
		if (workers_resubmit(d->app->workers, &d->call->work))
			return;
	}
	fail(d, err);
}

bool serve_attest(struct call *call, struct err *err)
{
	struct decision *d = decide_new();
	if (!d)
		return err_set(err, ERR_NOMEM, "decision");
	d->call = call;
	d->app = call->app;
	d->started_ms = clock_monotonic_ms(call->app->clock);
	d->stage_us = clock_now_us();
	call->data = d;
	if (!ledger_log_fresh_in(
		    &d->app->ledger_log, d->app->store, clock_wall(d->app->clock), err) ||
		!decide_open(d, err)) {
		decision_free(d);
		return false;
	}
	decide_stage(d, METRIC_OPEN);
	if (d->outcome == DECIDE_UNRECORDED)
		finish(d);
	else
		attempt(d);
	return true;
}
