/* SPDX-License-Identifier: Apache-2.0 */
/* What an attestation adds to the counters. */
#include "verifier/decide.h"
#include "verifier/metrics.h"

#include "base/time.h"

void decide_stage(struct decision *d, enum metric_stage stage)
{
	uint64_t now = clock_now_us();
	if (d->stage_us)
		metric_observe(d->app->metrics, METRIC_STAGE_TIME, stage, now - d->stage_us);
	d->stage_us = now;
}

static void count_workload(const struct decision *d)
{
	struct metrics *metrics = d->app->metrics;
	/* A name that nobody registered is its sender's invention. */
	size_t series = metric_workload_series(
		metrics, d->common->workload.name[0] ? d->claims.workload : (struct bytes){0});
	if (!d->verdict.trusted) {
		metric_add(metrics, METRIC_REFUSALS, series, 1);
		return;
	}
	metric_add(metrics, d->claims.purpose == PURPOSE_LAUNCH ? METRIC_LAUNCHES : METRIC_RENEWALS,
		series, 1);
	metric_add(metrics, METRIC_CREDENTIALS, series, d->credential_count);
}

void decide_count(const struct decision *d)
{
	struct metrics *metrics = d->app->metrics;
	metric_add(metrics, METRIC_DECISIONS,
		metric_decision_series(
			d->claims.purpose, d->verdict.trusted ? METRIC_TRUSTED : METRIC_UNTRUSTED),
		1);
	if (!d->verdict.trusted && d->verdict.reason_count > 0)
		metric_add(metrics, METRIC_VERDICT_REASONS, d->verdict.reasons[0].code, 1);
	count_workload(d);
}
