/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/app_metrics.h"

#include "base/file.h"
#include "verifier/webhooks.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <openssl/ssl.h>

#define SLOW_LOOK_MS   10000u
#define SILENT_SECONDS 3600
#define SILENT_FORGET  (7 * 86400)
#define MICRO          INT64_C(1000000)

/* The names that the metrics borrow, and what the last look found. */
struct app_metrics {
	struct metrics *metrics;
	char **routes;
	size_t route_count;
	const char *reasons[REASON_CODES];
	const char *states[HOST_RETIRED];
	pthread_mutex_t lock; /* of a look */
	uint64_t looked_ms;
	bool looked;
	int64_t started;
};

/* ---- making ---- */

static bool routes_name(struct app_metrics *m, struct err *err)
{
	size_t count = app_route_count();
	m->routes = calloc(count + 1, sizeof(*m->routes));
	for (size_t i = 0; m->routes && i <= count; i++) {
		char text[160];
		(void)snprintf(text, sizeof(text), "%s%s",
			i == count                         ? "none"
			: app_routes[i].method == HTTP_GET ? "GET "
							   : "POST ",
			i == count ? "" : app_routes[i].pattern);
		m->routes[i] = bytes_strdup(bytes_str(text));
		m->route_count = m->routes[i] ? i + 1 : m->route_count;
	}
	return m->route_count == count + 1 ? true : err_set(err, ERR_NOMEM, "metrics");
}

static void app_metrics_drop(struct app_metrics *m)
{
	metrics_free(&m->metrics);
	for (size_t i = 0; i < m->route_count; i++)
		free(m->routes[i]);
	free(m->routes);
	(void)pthread_mutex_destroy(&m->lock);
	free(m);
}

bool app_metrics_new(struct app *app, struct err *err)
{
	struct app_metrics *m = calloc(1, sizeof(*m));
	if (!m)
		return err_set(err, ERR_NOMEM, "metrics");
	(void)pthread_mutex_init(&m->lock, NULL);
	for (size_t i = 0; i < REASON_CODES; i++)
		m->reasons[i] = reason_code_name((enum reason_code)i);
	for (size_t i = 0; i < ARRAY_LEN(m->states); i++)
		m->states[i] = host_state_name((enum host_state)(i + 1));
	m->started = clock_wall(app->clock);
	struct metrics_names names = {
		.reasons = m->reasons,
		.reason_count = REASON_CODES,
		.host_states = m->states,
		.host_state_count = ARRAY_LEN(m->states),
		.version = ASSAY_VERSION,
	};
	bool ok = routes_name(m, err);
	names.routes = (const char *const *)m->routes;
	names.route_count = m->route_count;
	if (!ok || !metrics_new(&names, &m->metrics, err)) {
		app_metrics_drop(m);
		return false;
	}
	app->counted = m;
	app->metrics = m->metrics;
	return true;
}

void app_metrics_free(struct app *app)
{
	if (app->counted)
		app_metrics_drop(app->counted);
	app->counted = NULL;
	app->metrics = NULL;
}

/* ---- counting ---- */

void app_observe(void *arg, enum http_event event, uint64_t value)
{
	static const struct {
		enum metric metric;
		unsigned series;
	} counted[HTTP_EVENTS] = {
		[HTTP_EVENT_HANDSHAKE] = {METRIC_HANDSHAKES, METRIC_FULL},
		[HTTP_EVENT_RESUMED] = {METRIC_HANDSHAKES, METRIC_RESUMED},
		[HTTP_EVENT_HANDSHAKE_FAILED] = {METRIC_HANDSHAKES, METRIC_FAILED},
		[HTTP_EVENT_LIMIT] = {METRIC_CONNECTIONS_REFUSED, METRIC_LIMIT},
		[HTTP_EVENT_PEER_LIMIT] = {METRIC_CONNECTIONS_REFUSED, METRIC_PEER_LIMIT},
		[HTTP_EVENT_NO_DESCRIPTOR] = {METRIC_CONNECTIONS_REFUSED, METRIC_NO_DESCRIPTOR},
		[HTTP_EVENT_EVICTED] = {METRIC_CONNECTIONS_REFUSED, METRIC_EVICTED},
		[HTTP_EVENT_LATE_HANDSHAKE] = {METRIC_DEADLINES, METRIC_LATE_HANDSHAKE},
		[HTTP_EVENT_LATE_IDLE] = {METRIC_DEADLINES, METRIC_LATE_IDLE},
		[HTTP_EVENT_LATE_REQUEST] = {METRIC_DEADLINES, METRIC_LATE_REQUEST},
		[HTTP_EVENT_LATE_WORK] = {METRIC_DEADLINES, METRIC_LATE_WORK},
		[HTTP_EVENT_LATE_REPLY] = {METRIC_DEADLINES, METRIC_LATE_REPLY},
	};
	const struct app *app = arg;
	metric_add(app->metrics, counted[event].metric, counted[event].series, 1);
	if (event == HTTP_EVENT_HANDSHAKE || event == HTTP_EVENT_RESUMED)
		metric_observe(app->metrics, METRIC_HANDSHAKE_TIME, 0, value);
}

/* An operator's, or what only operators may do. */
static bool operators_route(const struct http_route *route)
{
	return route && (route->roles & (ROLE_ADMIN | ROLE_AUDITOR | ROLE_CI)) != 0 &&
	       (route->roles & ROLE_HOST) == 0;
}

static void log_answer(
	const struct app *app, const struct http_exchange *exchange, int status, uint64_t us)
{
	const struct http_route *route = http_exchange_route(exchange);
	const struct cert *cert = http_peer_cert(exchange);
	bool operators = operators_route(route);
	bool refused = operators && (status == 401 || status == 403);
	bool telling = refused || status == 429 || status >= 500;
	enum log_level level = telling     ? LOG_LEVEL_WARNING
			       : operators ? LOG_LEVEL_INFO
					   : LOG_LEVEL_DEBUG;
	char uri[X509_URI_MAX] = "", code[8], took[24];
	if (level > app->log.level)
		return;
	if (cert && !cert_uri(cert, uri, sizeof(uri)))
		uri[0] = 0;
	(void)snprintf(code, sizeof(code), "%d", status);
	(void)snprintf(took, sizeof(took), "%llu.%03llu", (unsigned long long)(us / 1000),
		(unsigned long long)(us % 1000));
	log_event(&app->log, level, refused ? "operator-refused" : "request",
		{"request", bytes_str(http_request_id(exchange))},
		{"route", bytes_str(route ? route->pattern : "")}, {"status", bytes_str(code)},
		{"by", bytes_str(uri)}, {"from", bytes_str(http_peer_address(exchange))},
		{"ms", bytes_str(took)});
}

void app_answered(const struct http_exchange *exchange, int status, uint64_t us, void *arg)
{
	const struct app *app = arg;
	const struct http_route *route = http_exchange_route(exchange);
	size_t index = route ? (size_t)(route - app->routes) : app_route_count();
	metric_add(app->metrics, METRIC_REQUESTS,
		metric_request_series(app->metrics, index, status), 1);
	metric_observe(app->metrics, METRIC_REQUEST_TIME, index, us);
	if (operators_route(route) && (status == 401 || status == 403))
		metric_add(app->metrics, METRIC_OPERATOR_REFUSALS, metric_status_series(status), 1);
	log_answer(app, exchange, status, us);
}

void app_committed(void *arg, size_t jobs, uint64_t us, bool committed)
{
	const struct app *app = arg;
	metric_observe(app->metrics, METRIC_COMMIT_TIME, 0, us);
	metric_observe(app->metrics, METRIC_COMMIT_JOBS, 0, jobs);
	metric_add(app->metrics, METRIC_WRITER_JOBS, 0, jobs);
	metric_add(app->metrics, METRIC_WRITER_FAILURES, 0, committed ? 0 : 1);
	if (committed)
		metric_set(app->metrics, METRIC_LEDGER_TIME, 0, clock_wall(app->clock) * MICRO);
}

/* ---- what is looked up: the process ---- */

static int64_t files_open(void)
{
	int64_t n = -3; /* ".", ".." and the directory's own */
	DIR *directory = opendir("/proc/self/fd");
	if (!directory)
		return 0;
	while (readdir(directory))
		n++;
	(void)closedir(directory);
	return n;
}

static int64_t resident(void)
{
	OWNED(buf_release) struct buf text = {0};
	if (!file_read("/proc/self/statm", 256, &text, NULL))
		return 0;
	const char *at = buf_str(&text);
	at = at ? strchr(at, ' ') : NULL;
	return at ? strtoll(at, NULL, 10) * sysconf(_SC_PAGESIZE) : 0;
}

static void look_process(const struct app *app, struct metrics *m)
{
	struct rusage usage = {0};
	struct rlimit files = {0};
	(void)getrusage(RUSAGE_SELF, &usage);
	(void)getrlimit(RLIMIT_NOFILE, &files);
	metric_set(m, METRIC_CPU, 0,
		(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * MICRO + usage.ru_utime.tv_usec +
			usage.ru_stime.tv_usec);
	metric_set(m, METRIC_FILES, 0, files_open());
	metric_set(m, METRIC_FILES_MAX, 0, (int64_t)files.rlim_cur);
	metric_set(m, METRIC_RESIDENT, 0, resident());
	metric_set(m, METRIC_START_TIME, 0, app->counted->started * MICRO);
}

/* ---- the service's parts ---- */

static void look_parts(struct app *app, struct metrics *m)
{
	struct http_state front = {0};
	struct workers_state workers = {0};
	struct store_state store = {0};
	struct store_tree tree;
	OWNED(policy_ref_drop) struct policy_ref *policy = app_policy(app);
	http_server_look(app->server, &front);
	workers_look(app->workers, &workers);
	store_look(app->store, &store);
	store_tree(app->store, &tree);
	metric_set(m, METRIC_CONNECTIONS, 0, front.connections);
	metric_set(m, METRIC_REQUESTS_OPEN, 0, front.busy);
	metric_set(m, METRIC_WORKERS, 0, workers.threads);
	metric_set(m, METRIC_WORKERS_RUNNING, 0, workers.running);
	metric_set(m, METRIC_QUEUE_LENGTH, 0, workers.queued);
	metric_set(m, METRIC_WRITER_QUEUE, 0, (int64_t)store.queued);
	metric_set(m, METRIC_LEDGER_ENTRIES, 0, (int64_t)tree.size);
	metric_set(m, METRIC_POLICY_VERSION, 0, policy ? policy->policy->version : 0);
	metric_set(m, METRIC_READY, 0,
		!atomic_load(&app->draining) && store_ready(app->store) &&
			ledger_log_fresh(&app->ledger_log, clock_wall(app->clock), NULL));
	metric_set(m, METRIC_WITNESS_TIME, 0, ledger_log_seen(&app->ledger_log) * MICRO);
}

/* ---- rows; not at every look ---- */

static void look_hosts(struct sql *sql, struct metrics *m, int64_t now)
{
	OWNED(sql_finish) struct sql_query *query = NULL;
	if (!sql_start(sql, "SELECT state, COUNT(*) FROM hosts GROUP BY state", SQL_NO_ARGS, &query,
		    NULL))
		return;
	for (size_t i = 0; i < HOST_RETIRED; i++)
		metric_set(m, METRIC_HOSTS, i, 0);
	for (bool row = true; sql_next(query, &row, NULL) && row;)
		metric_set(m, METRIC_HOSTS, (size_t)(sql_int(query, 0) - 1), sql_int(query, 1));
	(void)now;
}

static void look_count(struct sql *sql, struct metrics *m, enum metric metric, const char *text,
	const struct sql_value *args, size_t n)
{
	OWNED(sql_finish) struct sql_query *query = NULL;
	if (sql_first(sql, text, args, n, &query, NULL) && query)
		metric_set(m, metric, 0, sql_int(query, 0));
}

/* Those configured: rows of others that were here once count for nothing. Names for which there is no room are counted together. */
static void look_webhooks(const struct app *app, struct sql *sql, struct metrics *m)
{
	static_assert(METRICS_WEBHOOK_STATES == WEBHOOK_GAVE_UP, "the last state");
	int64_t counts[METRICS_WEBHOOK_SERIES] = {0};
	struct webhook *list[WEBHOOKS_MAX];
	size_t count = webhooks_list(app->webhooks, list);
	bool ok = true;
	for (size_t i = 0; i < count; i++) {
		struct webhook_row row;
		bool found = false;
		ok = ok && webhook_row_get(sql, list[i]->config.name, &row, &found, NULL);
		if (ok && found &&
			(row.state == WEBHOOK_DELIVERING || row.state == WEBHOOK_GAVE_UP))
			counts[metric_webhook_state_series(
				m, bytes_str(row.name), (unsigned)row.state - 1)]++;
		webhook_unref(&list[i]);
	}
	for (size_t i = 0; ok && i < ARRAY_LEN(counts); i++)
		metric_set(m, METRIC_WEBHOOK_STATES, i, counts[i]);
}

static void look_rows(struct app *app, struct metrics *m)
{
	struct sql *sql = NULL;
	int64_t now = clock_wall(app->clock);
	if (!store_read(app->store, &sql, NULL))
		return;
	look_hosts(sql, m, now);
	look_webhooks(app, sql, m);
	look_count(sql, m, METRIC_HOSTS_SILENT,
		"SELECT COUNT(*) FROM host_seen JOIN hosts ON hosts.id=host_seen.host "
		"WHERE hosts.state=?1 AND host_seen.seen<?2 AND host_seen.seen>?3",
		SQL_ARGS(sql_i(HOST_ACTIVE), sql_i(now - SILENT_SECONDS),
			sql_i(now - SILENT_FORGET)));
	look_count(sql, m, METRIC_REVOKED,
		"SELECT COUNT(*) FROM credentials WHERE revoked<>0 AND not_after>?1",
		SQL_ARGS(sql_i(now)));
	store_read_done(app->store, &sql);
}

static int64_t file_bytes(const char *path, const char *suffix)
{
	OWNED(buf_release) struct buf full = {0};
	struct stat st;
	buf_printf(&full, "%s%s", path, suffix);
	const char *text = buf_str(&full);
	return text && stat(text, &st) == 0 ? st.st_size : 0;
}

static void look_disk(const struct app *app, struct metrics *m)
{
	struct statvfs fs;
	const char *path = app->config.database;
	metric_set(m, METRIC_DATABASE_BYTES, 0, file_bytes(path, "") + file_bytes(path, "-wal"));
	if (statvfs(path, &fs) == 0)
		metric_set(m, METRIC_DISK_FREE, 0, (int64_t)(fs.f_bavail * fs.f_frsize));
}

static void look_certificates(struct app *app, struct metrics *m)
{
	metric_set(m, METRIC_CERTIFICATE_END, METRIC_CERT_CA,
		cert_not_after(app->issuer.ca[0]) * MICRO);
	metric_set(m, METRIC_CERTIFICATE_END, METRIC_CERT_SIGNING,
		cert_not_after(app->issuer.signing_cert) * MICRO);
	metric_set(m, METRIC_CERTIFICATE_END, METRIC_CERT_TLS,
		http_server_certificate_end(app->server) * MICRO);
}

bool app_metrics_text(struct app *app, struct buf *out, struct err *err)
{
	struct app_metrics *counted = app->counted;
	(void)pthread_mutex_lock(&counted->lock);
	uint64_t now = clock_monotonic_ms(app->clock);
	look_process(app, app->metrics);
	look_parts(app, app->metrics);
	if (!counted->looked || now - counted->looked_ms >= SLOW_LOOK_MS) {
		look_rows(app, app->metrics);
		look_disk(app, app->metrics);
		look_certificates(app, app->metrics);
		counted->looked_ms = now;
		counted->looked = true;
	}
	(void)pthread_mutex_unlock(&counted->lock);
	return metrics_write(app->metrics, out, err);
}
