/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_MAX_LEN 64u
#define BOUNDS_MAX   16u

enum kind { COUNTER = 0, GAUGE, HISTOGRAM, INFO };
/* How a value is written. */
enum scale { ONE = 0, MICROSECONDS };
/* Whose names a label's values have. */
enum set {
	NOTHING = 0,
	ROUTES,
	STATUSES,
	HANDSHAKES,
	REFUSED,
	LATE,
	SHED,
	PURPOSES,
	OUTCOMES,
	REASONS,
	ENROLMENTS,
	WORKLOADS,
	STAGES,
	RESULTS,
	WEBHOOKS,
	DELIVERIES,
	WEBHOOK_STATES,
	HOST_STATES,
	CERTIFICATES,
	VERSION,
	SETS
};

struct label {
	const char *name;
	enum set set;
};
struct family {
	const char *name, *unit, *help;
	enum kind kind;
	enum scale scale;
	struct label labels[2];
	const uint64_t *bounds; /* of a histogram, rising; ends with 0 */
	bool sparse; /* series that nothing happened to are left out */
};

static const uint64_t times[] = {500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000,
	1000000, 2500000, 5000000, 10000000, 0};
static const uint64_t batches[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 0};

#define SECONDS .unit = "seconds", .scale = MICROSECONDS
#define BYTES_  .unit = "bytes"

static const struct family families[METRICS] = {
	[METRIC_REQUESTS] = {.name = "assay_requests",
		.help = "Requests answered.",
		.labels = {{"route", ROUTES}, {"status", STATUSES}},
		.sparse = true},
	[METRIC_HANDSHAKES] = {.name = "assay_tls_handshakes",
		.help = "TLS handshakes ended.",
		.labels = {{"kind", HANDSHAKES}}},
	[METRIC_CONNECTIONS_REFUSED] = {.name = "assay_connections_refused",
		.help = "Connections ended for want of room.",
		.labels = {{"cause", REFUSED}}},
	[METRIC_DEADLINES] = {.name = "assay_deadlines_passed",
		.help = "Connections or requests that took too long, by stage.",
		.labels = {{"stage", LATE}}},
	[METRIC_SHED] = {.name = "assay_requests_shed",
		.help = "Requests refused because of load.",
		.labels = {{"cause", SHED}}},
	[METRIC_OPERATOR_REFUSALS] = {.name = "assay_operator_refusals",
		.help = "Requests to operators' routes that were refused.",
		.labels = {{"status", STATUSES}},
		.sparse = true},
	[METRIC_DECISIONS] = {.name = "assay_decisions",
		.help = "Attestations answered.",
		.labels = {{"purpose", PURPOSES}, {"outcome", OUTCOMES}}},
	[METRIC_VERDICT_REASONS] = {.name = "assay_verdict_reasons",
		.help = "First reasons of refusals.",
		.labels = {{"reason", REASONS}},
		.sparse = true},
	[METRIC_CHALLENGES] = {.name = "assay_challenges",
		.help = "Challenges asked for by themselves."},
	[METRIC_ENROLMENTS] = {.name = "assay_enrolments",
		.help = "Enrolments ended.",
		.labels = {{"outcome", ENROLMENTS}}},
	[METRIC_LAUNCHES] = {.name = "assay_workload_launches",
		.help = "Launches trusted.",
		.labels = {{"workload", WORKLOADS}},
		.sparse = true},
	[METRIC_RENEWALS] = {.name = "assay_workload_renewals",
		.help = "Renewals trusted.",
		.labels = {{"workload", WORKLOADS}},
		.sparse = true},
	[METRIC_REFUSALS] = {.name = "assay_workload_refusals",
		.help = "Launches and renewals refused.",
		.labels = {{"workload", WORKLOADS}},
		.sparse = true},
	[METRIC_CREDENTIALS] = {.name = "assay_workload_credentials",
		.help = "Credentials issued.",
		.labels = {{"workload", WORKLOADS}},
		.sparse = true},
	[METRIC_WRITER_JOBS] = {.name = "assay_writer_jobs", .help = "Jobs of the store's writer."},
	[METRIC_WRITER_FAILURES] = {.name = "assay_writer_failures",
		.help = "Transactions that could not be committed."},
	[METRIC_RELOADS] = {.name = "assay_reloads",
		.help = "Reloads.",
		.labels = {{"result", RESULTS}}},
	[METRIC_WEBHOOKS] = {.name = "assay_webhook_attempts",
		.help = "Attempts to deliver an event to a webhook.",
		.labels = {{"webhook", WEBHOOKS}, {"outcome", DELIVERIES}},
		.sparse = true},
	[METRIC_CPU] = {.name = "process_cpu_seconds", .help = "Processor time used.", SECONDS},

	[METRIC_HANDSHAKE_TIME] = {.name = "assay_tls_handshake_duration_seconds",
		.help = "From accepted to established.",
		SECONDS,
		.kind = HISTOGRAM,
		.bounds = times},
	[METRIC_QUEUE_TIME] = {.name = "assay_queue_wait_seconds",
		.help = "Until a worker took a request.",
		SECONDS,
		.kind = HISTOGRAM,
		.bounds = times},
	[METRIC_REQUEST_TIME] = {.name = "assay_request_duration_seconds",
		.help = "From the whole request read to its answer.",
		SECONDS,
		.kind = HISTOGRAM,
		.bounds = times,
		.labels = {{"route", ROUTES}},
		.sparse = true},
	[METRIC_STAGE_TIME] = {.name = "assay_decision_stage_duration_seconds",
		.help = "Stages of an attestation.",
		SECONDS,
		.kind = HISTOGRAM,
		.bounds = times,
		.labels = {{"stage", STAGES}}},
	[METRIC_COMMIT_TIME] = {.name = "assay_commit_duration_seconds",
		.help = "Transactions of the writer, begun to durable.",
		SECONDS,
		.kind = HISTOGRAM,
		.bounds = times},
	[METRIC_COMMIT_JOBS] = {.name = "assay_commit_jobs",
		.help = "Jobs in a transaction.",
		.kind = HISTOGRAM,
		.bounds = batches},

	[METRIC_CONNECTIONS] = {.name = "assay_connections",
		.help = "Connections open.",
		.kind = GAUGE},
	[METRIC_REQUESTS_OPEN] = {.name = "assay_requests_open",
		.help = "Requests begun and not answered.",
		.kind = GAUGE},
	[METRIC_WORKERS] = {.name = "assay_workers", .help = "Worker threads.", .kind = GAUGE},
	[METRIC_WORKERS_RUNNING] = {.name = "assay_workers_running",
		.help = "Workers at work.",
		.kind = GAUGE},
	[METRIC_QUEUE_LENGTH] = {.name = "assay_queue_length",
		.help = "Requests that wait for a worker.",
		.kind = GAUGE},
	[METRIC_WRITER_QUEUE] = {.name = "assay_writer_queue_length",
		.help = "Jobs that wait for the writer.",
		.kind = GAUGE},
	[METRIC_READY] = {.name = "assay_ready",
		.help = "1: decisions can be stored.",
		.kind = GAUGE},
	[METRIC_LEDGER_ENTRIES] = {.name = "assay_ledger_entries",
		.help = "Leaves of the ledger.",
		.kind = GAUGE},
	[METRIC_LEDGER_TIME] = {.name = "assay_checkpoint_timestamp_seconds",
		.help = "When the last transaction was committed.",
		SECONDS,
		.kind = GAUGE},
	[METRIC_WITNESS_TIME] = {.name = "assay_witness_quorum_timestamp_seconds",
		.help = "Since when a quorum of witnesses has seen the ledger; 0: none has, or "
			"none is asked for.",
		SECONDS,
		.kind = GAUGE},
	[METRIC_POLICY_VERSION] = {.name = "assay_policy_version",
		.help = "Of the policy in force.",
		.kind = GAUGE},
	[METRIC_HOSTS] = {.name = "assay_hosts",
		.help = "Hosts by state.",
		.kind = GAUGE,
		.labels = {{"state", HOST_STATES}}},
	[METRIC_HOSTS_SILENT] = {.name = "assay_hosts_silent",
		.help = "Active hosts not heard of for an hour that were heard of within a week.",
		.kind = GAUGE},
	[METRIC_REVOKED] = {.name = "assay_credentials_revoked",
		.help = "Credentials revoked before their end, and not ended yet.",
		.kind = GAUGE},
	[METRIC_WEBHOOK_STATES] = {.name = "assay_webhooks",
		.help = "Webhooks configured, by state; one that gave up delivers nothing until it "
			"is told to.",
		.kind = GAUGE,
		.labels = {{"webhook", WEBHOOKS}, {"state", WEBHOOK_STATES}},
		.sparse = true},
	[METRIC_CERTIFICATE_END] = {.name = "assay_certificate_not_after_timestamp_seconds",
		.help = "When the service's own certificates end.",
		SECONDS,
		.kind = GAUGE,
		.labels = {{"certificate", CERTIFICATES}}},
	[METRIC_DATABASE_BYTES] = {.name = "assay_database_bytes",
		.help = "The database and its log.",
		BYTES_,
		.kind = GAUGE},
	[METRIC_DISK_FREE] = {.name = "assay_disk_free_bytes",
		.help = "Where the database lies.",
		BYTES_,
		.kind = GAUGE},
	[METRIC_BUILD] = {.name = "assay_build",
		.help = "What runs.",
		.kind = INFO,
		.labels = {{"version", VERSION}}},
	[METRIC_RESIDENT] = {.name = "process_resident_memory_bytes",
		.help = "Memory in use.",
		BYTES_,
		.kind = GAUGE},
	[METRIC_FILES] = {.name = "process_open_fds", .help = "Descriptors open.", .kind = GAUGE},
	[METRIC_FILES_MAX] = {.name = "process_max_fds",
		.help = "Descriptors allowed.",
		.kind = GAUGE},
	[METRIC_START_TIME] = {.name = "process_start_time_seconds",
		.help = "When the process started.",
		SECONDS,
		.kind = GAUGE},
};

static const int statuses[] = {
	200, 201, 202, 204, 400, 401, 403, 404, 405, 408, 409, 410, 413, 415, 429, 500, 503};
static const char *const status_names[] = {"200", "201", "202", "204", "400", "401", "403", "404",
	"405", "408", "409", "410", "413", "415", "429", "500", "503", "other"};
static_assert(ARRAY_LEN(status_names) == ARRAY_LEN(statuses) + 1, "and all others");

#define NAMES(...)                                                                                 \
	{                                                                                          \
		.names = (const char *const[]){__VA_ARGS__},                                       \
		.count = ARRAY_LEN(((const char *const[]){__VA_ARGS__}))                           \
	}
struct names {
	const char *const *names;
	size_t count;
};
static const char *const webhook_states[] = {"delivering", "gave-up"};
static_assert(ARRAY_LEN(webhook_states) == METRICS_WEBHOOK_STATES, "a name for each");
static const struct names fixed[SETS] = {
	[STATUSES] = {status_names, ARRAY_LEN(status_names)},
	[HANDSHAKES] = NAMES("full", "resumed", "failed"),
	[REFUSED] = NAMES("limit", "peer-limit", "no-descriptor", "evicted"),
	[LATE] = NAMES("handshake", "idle", "request", "work", "reply"),
	[SHED] = NAMES("load", "peer", "closing"),
	[PURPOSES] = NAMES("other", "enroll", "launch", "renew"),
	[OUTCOMES] = NAMES("trusted", "untrusted", "undecided"),
	[ENROLMENTS] = NAMES("enrolled", "refused"),
	[STAGES] = NAMES("open", "load", "judge", "make", "commit", "answer"),
	[RESULTS] = NAMES("done", "refused"),
	[DELIVERIES] = NAMES("delivered", "failed", "gave-up"),
	[WEBHOOK_STATES] = {webhook_states, ARRAY_LEN(webhook_states)},
	[CERTIFICATES] = NAMES("tls", "ca", "signing"),
};

/* Names in the order in which they were met; those for which there is no room go together. */
struct met {
	size_t room;
	atomic_size_t count;
	char names[METRICS_WORKLOADS_MAX][NAME_MAX_LEN + 1];
	const char *list[METRICS_WORKLOADS_MAX + 1];
};
static_assert(METRICS_WEBHOOKS_MAX <= METRICS_WORKLOADS_MAX, "room for their names");

/* A family's values: one for each series; of a histogram a bucket for each bound, one above all, and the sum. */
struct metrics {
	struct names sets[SETS];
	const char *version[1];
	size_t offset[METRICS], series[METRICS], stride[METRICS];
	atomic_int_fast64_t *values;
	size_t value_count;
	pthread_mutex_t lock; /* of new names */
	struct met workloads, webhooks;
};

static size_t bounds_count(const struct family *family)
{
	size_t n = 0;
	while (family->bounds && family->bounds[n])
		n++;
	return n;
}

static size_t set_count(const struct metrics *metrics, enum set set)
{
	return set == NOTHING ? 1 : metrics->sets[set].count;
}

static void lay_out(struct metrics *metrics)
{
	for (size_t i = 0; i < METRICS; i++) {
		const struct family *family = &families[i];
		metrics->series[i] = set_count(metrics, family->labels[0].set) *
				     set_count(metrics, family->labels[1].set);
		metrics->stride[i] = family->kind == HISTOGRAM ? bounds_count(family) + 2 : 1;
		metrics->offset[i] = metrics->value_count;
		metrics->value_count += metrics->series[i] * metrics->stride[i];
	}
}

static void met_begin(struct met *met, size_t room, struct names *ret)
{
	met->room = room;
	for (size_t i = 0; i < room; i++)
		met->list[i] = met->names[i];
	met->list[room] = "(others)";
	*ret = (struct names){met->list, room + 1};
}

bool metrics_new(const struct metrics_names *names, struct metrics **ret, struct err *err)
{
	struct metrics *metrics = calloc(1, sizeof(*metrics));
	if (!metrics)
		return err_set(err, ERR_NOMEM, "metrics");
	memcpy(metrics->sets, fixed, sizeof(fixed));
	metrics->version[0] = names->version;
	metrics->sets[ROUTES] = (struct names){names->routes, names->route_count};
	metrics->sets[REASONS] = (struct names){names->reasons, names->reason_count};
	metrics->sets[HOST_STATES] = (struct names){names->host_states, names->host_state_count};
	metrics->sets[VERSION] = (struct names){metrics->version, 1};
	met_begin(&metrics->workloads, METRICS_WORKLOADS_MAX, &metrics->sets[WORKLOADS]);
	met_begin(&metrics->webhooks, METRICS_WEBHOOKS_MAX, &metrics->sets[WEBHOOKS]);
	lay_out(metrics);
	metrics->values = calloc(metrics->value_count, sizeof(*metrics->values));
	if (!metrics->values || pthread_mutex_init(&metrics->lock, NULL) != 0) {
		free(metrics->values);
		free(metrics);
		return err_set(err, ERR_NOMEM, "metrics");
	}
	metric_set(metrics, METRIC_BUILD, 0, 1);
	*ret = metrics;
	return true;
}

void metrics_free(struct metrics **metrics)
{
	if (!*metrics)
		return;
	(void)pthread_mutex_destroy(&(*metrics)->lock);
	free((*metrics)->values);
	free(*metrics);
	*metrics = NULL;
}

/* ---- counting ---- */

static atomic_int_fast64_t *value_at(struct metrics *metrics, enum metric metric, size_t series)
{
	if (!metrics || series >= metrics->series[metric])
		return NULL;
	return &metrics->values[metrics->offset[metric] + series * metrics->stride[metric]];
}

void metric_add(struct metrics *metrics, enum metric metric, size_t series, uint64_t n)
{
	atomic_int_fast64_t *value = value_at(metrics, metric, series);
	if (value)
		(void)atomic_fetch_add_explicit(value, (int64_t)n, memory_order_relaxed);
}

void metric_set(struct metrics *metrics, enum metric metric, size_t series, int64_t value)
{
	atomic_int_fast64_t *at = value_at(metrics, metric, series);
	if (at)
		atomic_store_explicit(at, value, memory_order_relaxed);
}

int64_t metric_get(struct metrics *metrics, enum metric metric, size_t series)
{
	atomic_int_fast64_t *at = value_at(metrics, metric, series);
	return at ? atomic_load_explicit(at, memory_order_relaxed) : 0;
}

void metric_observe(struct metrics *metrics, enum metric metric, size_t series, uint64_t value)
{
	atomic_int_fast64_t *at = value_at(metrics, metric, series);
	const uint64_t *bounds = families[metric].bounds;
	size_t bucket = 0;
	if (!at || !bounds)
		return;
	while (bounds[bucket] && value > bounds[bucket])
		bucket++;
	(void)atomic_fetch_add_explicit(&at[bucket], 1, memory_order_relaxed);
	(void)atomic_fetch_add_explicit(
		&at[metrics->stride[metric] - 1], (int64_t)value, memory_order_relaxed);
}

/* ---- series ---- */

size_t metric_status_series(int status)
{
	size_t i = 0;
	while (i < ARRAY_LEN(statuses) && statuses[i] != status)
		i++;
	return i;
}

size_t metric_request_series(const struct metrics *metrics, size_t route, int status)
{
	size_t last = metrics ? metrics->sets[ROUTES].count - 1 : 0;
	return (route < last ? route : last) * ARRAY_LEN(status_names) +
	       metric_status_series(status);
}

size_t metric_decision_series(unsigned purpose, enum metric_outcome outcome)
{
	return (purpose < fixed[PURPOSES].count ? purpose : 0) * fixed[OUTCOMES].count + outcome;
}

static size_t met_find(const struct met *met, struct bytes name, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (bytes_equal(name, bytes_str(met->names[i])))
			return i;
	return met->room;
}

static size_t met_place(struct metrics *metrics, struct met *met, struct bytes name)
{
	if (name.len == 0 || name.len > NAME_MAX_LEN)
		return met->room;
	size_t count = atomic_load(&met->count);
	size_t found = met_find(met, name, count);
	if (found < met->room || count == met->room)
		return found;
	(void)pthread_mutex_lock(&metrics->lock);
	count = atomic_load(&met->count);
	found = met_find(met, name, count);
	if (found == met->room && count < met->room) {
		memcpy(met->names[count], name.data, name.len);
		found = count;
		atomic_store(&met->count, count + 1);
	}
	(void)pthread_mutex_unlock(&metrics->lock);
	return found;
}

size_t metric_workload_series(struct metrics *metrics, struct bytes name)
{
	return metrics ? met_place(metrics, &metrics->workloads, name) : METRICS_WORKLOADS_MAX;
}

static size_t webhook_place(struct metrics *metrics, struct bytes name)
{
	return metrics ? met_place(metrics, &metrics->webhooks, name) : METRICS_WEBHOOKS_MAX;
}

size_t metric_webhook_series(
	struct metrics *metrics, struct bytes name, enum metric_webhook outcome)
{
	return webhook_place(metrics, name) * fixed[DELIVERIES].count + outcome;
}

size_t metric_webhook_state_series(struct metrics *metrics, struct bytes name, unsigned state)
{
	return webhook_place(metrics, name) * METRICS_WEBHOOK_STATES + state;
}

/* ---- the text ---- */

static void put_escaped(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			buf_put_str(out, "\\n");
		else if (*text == '"' || *text == '\\')
			buf_printf(out, "\\%c", *text);
		else
			buf_printf(out, "%c", *text);
	}
}

static void put_value(struct buf *out, enum scale scale, int64_t value)
{
	if (scale == ONE) {
		buf_printf(out, "%" PRId64, value);
		return;
	}
	uint64_t size = value < 0 ? (uint64_t)-value : (uint64_t)value;
	buf_printf(out, "%s%" PRIu64 ".%06" PRIu64, value < 0 ? "-" : "", size / 1000000,
		size % 1000000);
}

/* A bound as OpenMetrics wants it: "0.0005", "1.0". */
static void put_bound(struct buf *out, enum scale scale, uint64_t bound)
{
	char text[32];
	if (scale == ONE) {
		buf_printf(out, "%" PRIu64 ".0", bound);
		return;
	}
	(void)snprintf(
		text, sizeof(text), "%" PRIu64 ".%06" PRIu64, bound / 1000000, bound % 1000000);
	size_t len = strlen(text);
	while (text[len - 1] == '0' && text[len - 2] != '.')
		text[--len] = 0;
	buf_put_str(out, text);
}

struct writing {
	struct metrics *metrics;
	const struct family *family;
	enum metric metric;
	struct buf *out;
};

/* bound NULL: none; a sample's name, labels and a blank. */
static void put_sample(const struct writing *w, const char *suffix, size_t series, const char *le)
{
	size_t second = set_count(w->metrics, w->family->labels[1].set);
	const size_t at[2] = {series / second, series % second};
	const char *parting = "{";
	buf_printf(w->out, "%s%s", w->family->name, suffix);
	for (size_t i = 0; i < 2 && w->family->labels[i].name; i++) {
		buf_printf(w->out, "%s%s=\"", parting, w->family->labels[i].name);
		put_escaped(w->out, w->metrics->sets[w->family->labels[i].set].names[at[i]]);
		buf_put_str(w->out, "\"");
		parting = ",";
	}
	if (le) {
		buf_printf(w->out, "%sle=\"%s\"", parting, le);
		parting = ",";
	}
	buf_put_str(w->out, parting[0] == ',' ? "} " : " ");
}

static void put_histogram(const struct writing *w, size_t series)
{
	atomic_int_fast64_t *at = value_at(w->metrics, w->metric, series);
	size_t bounds = bounds_count(w->family);
	int64_t total = 0;
	for (size_t i = 0; i <= bounds; i++) {
		struct buf le = {0};
		total += atomic_load_explicit(&at[i], memory_order_relaxed);
		if (i < bounds)
			put_bound(&le, w->family->scale, w->family->bounds[i]);
		else
			buf_put_str(&le, "+Inf");
		put_sample(w, "_bucket", series, buf_str(&le));
		buf_printf(w->out, "%" PRId64 "\n", total);
		buf_release(&le);
	}
	put_sample(w, "_count", series, NULL);
	buf_printf(w->out, "%" PRId64 "\n", total);
	put_sample(w, "_sum", series, NULL);
	put_value(w->out, w->family->scale,
		atomic_load_explicit(&at[bounds + 1], memory_order_relaxed));
	buf_put_str(w->out, "\n");
}

static bool is_empty(const struct writing *w, size_t series)
{
	atomic_int_fast64_t *at = value_at(w->metrics, w->metric, series);
	for (size_t i = 0; i < w->metrics->stride[w->metric]; i++)
		if (atomic_load_explicit(&at[i], memory_order_relaxed) != 0)
			return false;
	return true;
}

static void put_family(const struct writing *w)
{
	static const char *const kinds[] = {"counter", "gauge", "histogram", "info"};
	static const char *const suffixes[] = {"_total", "", "", "_info"};
	const struct family *family = w->family;
	buf_printf(w->out, "# TYPE %s %s\n", family->name, kinds[family->kind]);
	if (family->unit)
		buf_printf(w->out, "# UNIT %s %s\n", family->name, family->unit);
	buf_printf(w->out, "# HELP %s %s\n", family->name, family->help);
	for (size_t i = 0; i < w->metrics->series[w->metric]; i++) {
		if (family->sparse && is_empty(w, i))
			continue;
		if (family->kind == HISTOGRAM) {
			put_histogram(w, i);
			continue;
		}
		put_sample(w, suffixes[family->kind], i, NULL);
		put_value(w->out, family->scale, metric_get(w->metrics, w->metric, i));
		buf_put_str(w->out, "\n");
	}
}

bool metrics_write(struct metrics *metrics, struct buf *out, struct err *err)
{
	for (size_t i = 0; i < METRICS; i++) {
		const struct writing w = {metrics, &families[i], (enum metric)i, out};
		put_family(&w);
	}
	buf_put_str(out, "# EOF\n");
	return buf_ok(out, err);
}
