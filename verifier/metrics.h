/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the service counts, and its OpenMetrics 1.0 text. Which families there are stands in one const table (metrics.c);
 * every value is a plain atomic in one block that is allocated once, so counting neither locks nor allocates and may be done
 * from any thread. No family has more series than its labels' tables say: routes and reasons are those of this program,
 * workloads are the first METRICS_WORKLOADS_MAX seen, webhooks the first METRICS_WEBHOOKS_MAX, and the others together. Pure: no clock, socket or file.
 */
#ifndef ASSAY_VERIFIER_METRICS_H
#define ASSAY_VERIFIER_METRICS_H

#include "base/bytes.h"

#define METRICS_WORKLOADS_MAX 64u
#define METRICS_WEBHOOKS_MAX  32u /* twice what can be configured: a reload brings others */
#define METRICS_CONTENT_TYPE  "application/openmetrics-text; version=1.0.0; charset=utf-8"

enum metric {
	/* counters */
	METRIC_REQUESTS = 0, /* route, status */
	METRIC_HANDSHAKES, /* enum metric_handshake */
	METRIC_CONNECTIONS_REFUSED, /* enum metric_refused */
	METRIC_DEADLINES, /* enum metric_stage_late */
	METRIC_SHED, /* enum metric_shed */
	METRIC_OPERATOR_REFUSALS, /* status */
	METRIC_DECISIONS, /* purpose, outcome */
	METRIC_VERDICT_REASONS, /* reason code */
	METRIC_CHALLENGES,
	METRIC_ENROLMENTS, /* enum metric_enrolment */
	METRIC_LAUNCHES, /* workload */
	METRIC_RENEWALS, /* workload */
	METRIC_REFUSALS, /* workload */
	METRIC_CREDENTIALS, /* workload */
	METRIC_WRITER_JOBS,
	METRIC_WRITER_FAILURES,
	METRIC_RELOADS, /* 0: done, 1: refused */
	METRIC_WEBHOOKS, /* webhook, enum metric_webhook */
	METRIC_CPU, /* microseconds */
	/* histograms, in microseconds but for the batch's */
	METRIC_HANDSHAKE_TIME,
	METRIC_QUEUE_TIME,
	METRIC_REQUEST_TIME, /* route */
	METRIC_STAGE_TIME, /* enum metric_stage */
	METRIC_COMMIT_TIME,
	METRIC_COMMIT_JOBS,
	/* gauges; times in microseconds */
	METRIC_CONNECTIONS,
	METRIC_REQUESTS_OPEN,
	METRIC_WORKERS,
	METRIC_WORKERS_RUNNING,
	METRIC_QUEUE_LENGTH,
	METRIC_WRITER_QUEUE,
	METRIC_READY,
	METRIC_LEDGER_ENTRIES,
	METRIC_LEDGER_TIME,
	METRIC_WITNESS_TIME,
	METRIC_POLICY_VERSION,
	METRIC_HOSTS, /* host state - 1 */
	METRIC_HOSTS_SILENT,
	METRIC_REVOKED,
	METRIC_WEBHOOK_STATES, /* webhook, webhook state - 1 */
	METRIC_CERTIFICATE_END, /* enum metric_certificate */
	METRIC_DATABASE_BYTES,
	METRIC_DISK_FREE,
	METRIC_BUILD,
	METRIC_RESIDENT,
	METRIC_FILES,
	METRIC_FILES_MAX,
	METRIC_START_TIME,
	METRICS
};
enum metric_handshake { METRIC_FULL = 0, METRIC_RESUMED, METRIC_FAILED };
enum metric_refused { METRIC_LIMIT = 0, METRIC_PEER_LIMIT, METRIC_NO_DESCRIPTOR, METRIC_EVICTED };
enum metric_stage_late {
	METRIC_LATE_HANDSHAKE = 0,
	METRIC_LATE_IDLE,
	METRIC_LATE_REQUEST,
	METRIC_LATE_WORK,
	METRIC_LATE_REPLY
};
enum metric_shed { METRIC_SHED_LOAD = 0, METRIC_SHED_PEER, METRIC_SHED_CLOSING };
enum metric_webhook { METRIC_WEBHOOK_DELIVERED = 0, METRIC_WEBHOOK_FAILED, METRIC_WEBHOOK_GAVE_UP };
enum metric_enrolment { METRIC_ENROLLED = 0, METRIC_ENROLMENT_REFUSED };
enum metric_outcome { METRIC_TRUSTED = 0, METRIC_UNTRUSTED, METRIC_UNDECIDED };
enum metric_stage {
	METRIC_OPEN = 0,
	METRIC_LOAD,
	METRIC_JUDGE,
	METRIC_MAKE,
	METRIC_COMMIT,
	METRIC_ANSWER
};
enum metric_certificate { METRIC_CERT_TLS = 0, METRIC_CERT_CA, METRIC_CERT_SIGNING };

struct metrics;

/* The names of what labels stand for; borrowed, and escaped when written. */
struct metrics_names {
	const char *const *routes; /* the last one is for whatever is no route */
	size_t route_count;
	const char *const *reasons; /* of verdicts */
	size_t reason_count;
	const char *const *host_states;
	size_t host_state_count;
	const char *version;
};
/* Copies the names table, not the names. */
must_use bool metrics_new(const struct metrics_names *names, struct metrics **ret, struct err *err);
void metrics_free(struct metrics **metrics);

/* series: as the metric's comment says; out of range: nothing is counted. metrics NULL: likewise. */
void metric_add(struct metrics *metrics, enum metric metric, size_t series, uint64_t n);
void metric_set(struct metrics *metrics, enum metric metric, size_t series, int64_t value);
void metric_observe(struct metrics *metrics, enum metric metric, size_t series, uint64_t value);
int64_t metric_get(struct metrics *metrics, enum metric metric, size_t series);

/* The series of two labels. */
size_t metric_request_series(const struct metrics *metrics, size_t route, int status);
size_t metric_decision_series(unsigned purpose, enum metric_outcome outcome);
size_t metric_status_series(int status);
/* The series of a workload: its own for the first METRICS_WORKLOADS_MAX, then that of all others. */
size_t metric_workload_series(struct metrics *metrics, struct bytes name);
/* The series of an attempt at a webhook of that name, likewise. */
size_t metric_webhook_series(
	struct metrics *metrics, struct bytes name, enum metric_webhook outcome);
/* The series of webhooks of that name in that state (enum webhook_state, less one), likewise. */
#define METRICS_WEBHOOK_STATES 2u
#define METRICS_WEBHOOK_SERIES (METRICS_WEBHOOK_STATES * (METRICS_WEBHOOKS_MAX + 1))
size_t metric_webhook_state_series(struct metrics *metrics, struct bytes name, unsigned state);

/* The whole text, up to and with "# EOF". */
must_use bool metrics_write(struct metrics *metrics, struct buf *out, struct err *err);

#endif
