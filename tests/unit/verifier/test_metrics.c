/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/metrics.h"

#include <pthread.h>

#include "tests/support/unit.h"

static const char *const routes[] = {"GET /a", "POST /b\"\\\n", "none"};
static const char *const reasons[] = {"none", "late"};
static const char *const states[] = {"pending", "active"};
static struct metrics *m;
static struct buf text;

static int setup(void **state)
{
	(void)state;
	const struct metrics_names names = {.routes = routes,
		.route_count = ARRAY_LEN(routes),
		.reasons = reasons,
		.reason_count = ARRAY_LEN(reasons),
		.host_states = states,
		.host_state_count = ARRAY_LEN(states),
		.version = "1.2"};
	struct err err = {0};
	assert_ok(metrics_new(&names, &m, &err), err);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	metrics_free(&m);
	buf_release(&text);
	return 0;
}

static const char *written(void)
{
	struct err err = {0};
	buf_clear(&text);
	assert_ok(metrics_write(m, &text, &err), err);
	return buf_str(&text);
}

static void expect_line(const char *line)
{
	char whole[256];
	(void)snprintf(whole, sizeof(whole), "\n%s\n", line);
	if (!strstr(written(), whole))
		fail_msg("no line %s", line);
}

static void write__counter__total_and_labels(void **state)
{
	(void)state;
	metric_add(m, METRIC_REQUESTS, metric_request_series(m, 0, 200), 3);
	metric_add(m, METRIC_REQUESTS, metric_request_series(m, 0, 299), 1);
	metric_add(m, METRIC_REQUESTS, metric_request_series(m, 77, 404), 1);
	expect_line("# HELP assay_requests Requests answered.");
	expect_line("assay_requests_total{route=\"GET /a\",status=\"200\"} 3");
	expect_line("assay_requests_total{route=\"GET /a\",status=\"other\"} 1");
	expect_line("assay_requests_total{route=\"none\",status=\"404\"} 1");
	assert_null(strstr(written(), "status=\"201\""));
	assert_memory_equal(written(), "# TYPE assay_requests counter\n", 30);
}

static void write__label_with_odd_bytes__escaped(void **state)
{
	(void)state;
	metric_add(m, METRIC_REQUESTS, metric_request_series(m, 1, 200), 1);
	expect_line("assay_requests_total{route=\"POST /b\\\"\\\\\\n\",status=\"200\"} 1");
}

static void write__histogram__cumulative_with_sum_and_unit(void **state)
{
	(void)state;
	metric_observe(m, METRIC_COMMIT_TIME, 0, 500); /* a bound is within its bucket */
	metric_observe(m, METRIC_COMMIT_TIME, 0, 501);
	metric_observe(m, METRIC_COMMIT_TIME, 0, 1500000);
	metric_observe(m, METRIC_COMMIT_TIME, 0, 99000000);
	expect_line("# TYPE assay_commit_duration_seconds histogram");
	expect_line("# UNIT assay_commit_duration_seconds seconds");
	expect_line("assay_commit_duration_seconds_bucket{le=\"0.0005\"} 1");
	expect_line("assay_commit_duration_seconds_bucket{le=\"0.001\"} 2");
	expect_line("assay_commit_duration_seconds_bucket{le=\"1.0\"} 2");
	expect_line("assay_commit_duration_seconds_bucket{le=\"2.5\"} 3");
	expect_line("assay_commit_duration_seconds_bucket{le=\"10.0\"} 3");
	expect_line("assay_commit_duration_seconds_bucket{le=\"+Inf\"} 4");
	expect_line("assay_commit_duration_seconds_count 4");
	expect_line("assay_commit_duration_seconds_sum 100.501001");
}

static void write__gauge_and_info__as_they_are(void **state)
{
	(void)state;
	metric_set(m, METRIC_HOSTS, 1, 7);
	metric_set(m, METRIC_START_TIME, 0, INT64_C(1790000000123456));
	expect_line("assay_hosts{state=\"active\"} 7");
	expect_line("process_start_time_seconds 1790000000.123456");
	expect_line("# TYPE assay_build info");
	expect_line("assay_build_info{version=\"1.2\"} 1");
}

/* What the specification demands of every family. */
static void write__all__form_of_openmetrics(void **state)
{
	(void)state;
	char family[96] = "", kind[16] = "", line[512];
	size_t n = 0;
	for (size_t i = 0; i < METRICS; i++) {
		metric_add(m, (enum metric)i, 0, 1);
		metric_observe(m, (enum metric)i, 0, 1);
	}
	for (const char *at = written(); *at; at += strcspn(at, "\n") + 1, n++) {
		(void)snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
		char unit[16];
		if (sscanf(line, "# TYPE %95s %15s", family, kind) == 2)
			continue;
		if (sscanf(line, "# UNIT %*s %15s", unit) == 1) {
			/* The name ends with the unit. */
			assert_string_equal(family + strlen(family) - strlen(unit), unit);
			continue;
		}
		if (line[0] == '#')
			continue;
		if (strncmp(line, family, strlen(family)) != 0)
			fail_msg("%s stands below %s", line, family);
		const char *suffix = line + strlen(family);
		if (strcmp(kind, "counter") == 0)
			assert_memory_equal(suffix, "_total", 6);
		if (strcmp(kind, "gauge") == 0)
			assert_true(*suffix == '{' || *suffix == ' ');
	}
	assert_true(n > 100);
	assert_string_equal(written() + text.len - strlen("# EOF\n"), "# EOF\n");
	assert_null(strstr(written(), "\n\n"));
}

static void workloads__more_than_there_is_room_for__counted_together(void **state)
{
	(void)state;
	char name[16];
	for (unsigned i = 0; i < METRICS_WORKLOADS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "w%u", i);
		assert_int_equal(metric_workload_series(m, bytes_str(name)), i);
	}
	assert_int_equal(metric_workload_series(m, BYTES_LIT("w5")), 5);
	assert_int_equal(metric_workload_series(m, BYTES_LIT("another")), METRICS_WORKLOADS_MAX);
	assert_int_equal(metric_workload_series(m, (struct bytes){0}), METRICS_WORKLOADS_MAX);
	metric_add(m, METRIC_LAUNCHES, METRICS_WORKLOADS_MAX, 2);
	metric_add(m, METRIC_LAUNCHES, 5, 1);
	expect_line("assay_workload_launches_total{workload=\"w5\"} 1");
	expect_line("assay_workload_launches_total{workload=\"(others)\"} 2");
}

static void webhooks__by_name_and_outcome__and_the_rest_together(void **state)
{
	(void)state;
	char name[16];
	for (unsigned i = 0; i <= METRICS_WEBHOOKS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "hook%u", i);
		size_t series = metric_webhook_series(m, bytes_str(name), METRIC_WEBHOOK_FAILED);
		metric_add(m, METRIC_WEBHOOKS, series, i + 1);
	}
	metric_add(m, METRIC_WEBHOOKS,
		metric_webhook_series(m, BYTES_LIT("hook2"), METRIC_WEBHOOK_GAVE_UP), 1);
	expect_line("assay_webhook_attempts_total{webhook=\"hook2\",outcome=\"failed\"} 3");
	expect_line("assay_webhook_attempts_total{webhook=\"hook2\",outcome=\"gave-up\"} 1");
	expect_line("assay_webhook_attempts_total{webhook=\"(others)\",outcome=\"failed\"} 33");
	metric_set(m, METRIC_WEBHOOK_STATES, metric_webhook_state_series(m, BYTES_LIT("hook31"), 1),
		1);
	metric_set(m, METRIC_WEBHOOK_STATES, metric_webhook_state_series(m, BYTES_LIT("hook32"), 0),
		5);
	expect_line("assay_webhooks{webhook=\"hook31\",state=\"gave-up\"} 1");
	expect_line("assay_webhooks{webhook=\"(others)\",state=\"delivering\"} 5");
	assert_null(strstr(written(), "assay_webhooks{webhook=\"hook31\",state=\"delivering\"}"));
	metric_add(NULL, METRIC_WEBHOOKS,
		metric_webhook_series(NULL, BYTES_LIT("hook2"), METRIC_WEBHOOK_FAILED), 1);
}

static void add__out_of_range_or_nobody_counts__nothing(void **state)
{
	(void)state;
	metric_add(m, METRIC_CHALLENGES, 1, 1);
	metric_add(NULL, METRIC_CHALLENGES, 0, 1);
	metric_observe(NULL, METRIC_COMMIT_TIME, 0, 1);
	assert_int_equal(metric_get(m, METRIC_CHALLENGES, 0), 0);
	assert_int_equal(metric_get(m, METRIC_CHALLENGES, 1), 0);
	/* What lies behind it is another family's. */
	assert_int_equal(metric_get(m, METRIC_ENROLMENTS, 0), 0);
}

static void *count_many(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20000; i++) {
		metric_add(m, METRIC_CHALLENGES, 0, 1);
		metric_observe(m, METRIC_QUEUE_TIME, 0, 10);
		(void)metric_workload_series(m, i % 2 ? BYTES_LIT("x") : BYTES_LIT("y"));
	}
	return NULL;
}

static void add__many_threads__none_lost(void **state)
{
	(void)state;
	pthread_t threads[4];
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_many, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	expect_line("assay_challenges_total 80000");
	expect_line("assay_queue_wait_seconds_count 80000");
	expect_line("assay_queue_wait_seconds_sum 0.800000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(write__counter__total_and_labels),
		T(write__label_with_odd_bytes__escaped),
		T(write__histogram__cumulative_with_sum_and_unit),
		T(write__gauge_and_info__as_they_are),
		T(write__all__form_of_openmetrics),
		T(workloads__more_than_there_is_room_for__counted_together),
		T(webhooks__by_name_and_outcome__and_the_rest_together),
		T(add__out_of_range_or_nobody_counts__nothing),
		T(add__many_threads__none_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
