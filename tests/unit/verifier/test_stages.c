/* SPDX-License-Identifier: Apache-2.0 */
/* How long each stage may take: the configuration, the store's queue, and who stands still. */
#include "tests/unit/verifier/world.h"

#include "verifier/watchdog.h"

#define GOOD                                                                                       \
	"trust_domain: bank.example\nlisten: 127.0.0.1:8443\ndatabase: v.db\npolicy: p.yaml\n"     \
	"ca_key: ca.key\nca_certificate: ca.pem\ntls_key: tls.key\ntls_certificate: tls.pem\n"     \
	"signing_key: s.key\nsigning_certificate: s.pem\ntoken_key: token.key\n"

static struct world w;

/* ---- the configuration ---- */

static void config__stages__defaults_and_values(void **state)
{
	(void)state;
	struct config config = {0};
	struct err err = {0};
	assert_ok(config_parse(BYTES_LIT(GOOD), "v.yaml", "/e", &config, &err), err);
	assert_int_equal(config.queue_wait_max, 2);
	assert_int_equal(config.work_max, 60);
	assert_int_equal(config.drain_notice, 0);
	assert_int_equal(config.drain_max, 20);
	assert_null(config.metrics_listen);
	config_release(&config);
	assert_ok(config_parse(BYTES_LIT(GOOD "queue_wait_max: 5s\nwork_max: 2m\ndrain_notice: "
					      "10s\ndrain_max: 30s\nmetrics_listen: unix:m.sock\n"),
			  "v.yaml", "/e", &config, &err),
		err);
	assert_int_equal(config.queue_wait_max, 5);
	assert_int_equal(config.work_max, 120);
	assert_int_equal(config.drain_notice, 10);
	assert_int_equal(config.drain_max, 30);
	assert_string_equal(config.metrics_listen, "unix:/e/m.sock");
	config_release(&config);
}

static void config__stages_out_of_range__refused(void **state)
{
	(void)state;
	static const struct {
		const char *line, *why;
	} bad[] = {
		{"queue_wait_max: 2m\n", "queue_wait_max"},
		{"queue_wait_max: 0s\n", "queue_wait_max: at least 1s"},
		{"work_max: 1s\n", "work_max: at least 5s"},
		{"drain_notice: 1h\n", "drain_notice"},
		{"drain_max: 0s\n", "drain_max: at least 1s"},
		{"metrics_listen: localhost\n", "metrics_listen"},
		{"metrics_listen: 127.0.0.1\n", "metrics_listen"},
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct config config = {0};
		struct err err = {0};
		struct buf text = {0};
		buf_printf(&text, "%s%s", GOOD, bad[i].line);
		assert_false(config_parse(buf_bytes(&text), "v.yaml", "/e", &config, &err));
		assert_int_equal(err.code, ERR_CONFIG);
		if (!strstr(err.text, bad[i].why))
			fail_msg("%s: %s", bad[i].line, err.text);
		buf_release(&text);
	}
}

/* ---- the writer ---- */

static atomic_bool gate;
static atomic_uint begun, done_well, done_busy;

static void until_begun(unsigned n)
{
	for (int i = 0; i < 30000 && begun < n; i++)
		(void)usleep(1000);
	assert_int_equal(begun, n);
}

static bool wait_work(struct store_tx *tx, void *arg, struct err *err)
{
	(void)tx;
	(void)arg;
	(void)err;
	begun++;
	while (!gate)
		(void)usleep(1000);
	return true;
}

static bool never_work(struct store_tx *tx, void *arg, struct err *err)
{
	(void)tx;
	(void)err;
	atomic_store((atomic_bool *)arg, true);
	return true;
}

static void on_done(void *arg, const struct err *err)
{
	(void)arg;
	if (!err)
		atomic_fetch_add(&done_well, 1);
	else if (err->code == ERR_BUSY)
		atomic_fetch_add(&done_busy, 1);
}

static void store__job_that_waited_too_long__not_run(void **state)
{
	(void)state;
	char path[128];
	struct store *store = NULL;
	struct err err = {0};
	atomic_bool ran = false;
	gate = false;
	begun = done_well = done_busy = 0;
	struct store_config config = {.ops = test_sql(),
		.location = (void *)world_path(&w, "late.db", path).data,
		.clock = &clock_system,
		.random = &random_system,
		.content_key = w.host_key,
		.wait_max_ms = 500};
	assert_ok(store_open(&config, &store, &err), err);
	store_submit(store, wait_work, on_done, NULL);
	until_begun(1);
	store_submit(store, never_work, on_done, &ran);
	(void)usleep(600000);
	gate = true;
	store_close(&store);
	assert_int_equal(done_well, 1);
	assert_int_equal(done_busy, 1);
	assert_false(ran);
}

/* ---- who stands still ---- */

static void assert_part(const char *wanted, const char *got)
{
	if (wanted ? !got || strcmp(wanted, got) != 0 : got != NULL)
		fail_msg("%s, not %s", got ? got : "nobody", wanted ? wanted : "nobody");
}

/* The event loops have had a processor since the last look, whoever else wants one. */
static void until_beat(const struct watchdog *dog)
{
	struct http_state front = {.beats = dog->beats};
	for (int i = 0; i < 30000 && front.beats == dog->beats; i++) {
		(void)usleep(1000);
		http_server_look(w.app->server, &front);
	}
}

/* They get on again, as soon as they are given a processor. */
static void until_nobody_stuck(struct watchdog *dog)
{
	const char *stuck = "";
	for (int i = 0; i < 300 && stuck; i++) {
		(void)usleep(100000);
		stuck = watchdog_look(dog, w.app);
	}
	assert_part(NULL, stuck);
}

static void watchdog__all_get_on__nobody_stuck(void **state)
{
	(void)state;
	struct watchdog dog;
	watchdog_init(&dog, "30000000", NULL, 1);
	assert_int_equal(dog.interval_ms, 15000);
	for (int i = 0; i < 3; i++) {
		assert_part(NULL, watchdog_look(&dog, w.app));
		until_beat(&dog);
	}
}

static void watchdog__for_another_process__not_asked(void **state)
{
	(void)state;
	struct watchdog dog;
	watchdog_init(&dog, "30000000", "2", 1);
	assert_int_equal(dog.interval_ms, 0);
	watchdog_init(&dog, NULL, NULL, 1);
	assert_int_equal(dog.interval_ms, 0);
}

static void watchdog__writer_stands_still__named(void **state)
{
	(void)state;
	struct watchdog dog;
	gate = false;
	begun = 0;
	watchdog_init(&dog, "1000", NULL, 1);
	store_submit(w.app->store, wait_work, on_done, NULL);
	until_begun(1);
	store_submit(w.app->store, wait_work, on_done, NULL);
	assert_part(NULL, watchdog_look(&dog, w.app));
	until_beat(&dog);
	assert_part("writer", watchdog_look(&dog, w.app));
	gate = true;
	until_nobody_stuck(&dog);
}

struct held {
	struct work work;
};

static void held_run(struct work *work)
{
	(void)work;
	begun++;
	while (!gate)
		(void)usleep(1000);
}

static void watchdog__workers_stand_still__named(void **state)
{
	(void)state;
	struct watchdog dog;
	struct held held[4];
	gate = false;
	begun = 0;
	watchdog_init(&dog, "1000", NULL, 1);
	for (size_t i = 0; i < ARRAY_LEN(held); i++) {
		held[i] = (struct held){{.run = held_run, .shed = held_run, .peer = i}};
		assert_int_equal(workers_submit(w.app->workers, &held[i].work), WORK_TAKEN);
	}
	assert_part(NULL, watchdog_look(&dog, w.app));
	until_beat(&dog);
	assert_part("workers", watchdog_look(&dog, w.app));
	gate = true;
	until_nobody_stuck(&dog);
}

/* ---- ready ---- */

static void readyz__told_to_end__not_ready_and_says_so(void **state)
{
	(void)state;
	world_do(&w, NULL, "GET", "/readyz", NULL, 200);
	app_drain(w.app, false);
	json_t *answer = world_json(&w, NULL, "GET", "/readyz", NULL, 503);
	assert_string_equal(json_string_value(json_object_get(answer, "status")), "not-ready");
	assert_true(json_is_true(json_object_get(json_object_get(answer, "checks"), "draining")));
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(answer, "error"), "message")),
		"the service is being stopped");
	json_decref(answer);
}

static int setup(void **state)
{
	(void)state;
	world_start(&w);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	gate = true;
	world_stop(&w);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(config__stages__defaults_and_values),
		cmocka_unit_test(config__stages_out_of_range__refused),
		cmocka_unit_test(store__job_that_waited_too_long__not_run),
		cmocka_unit_test(watchdog__all_get_on__nobody_stuck),
		cmocka_unit_test(watchdog__for_another_process__not_asked),
		cmocka_unit_test(watchdog__writer_stands_still__named),
		cmocka_unit_test(watchdog__workers_stand_still__named),
		cmocka_unit_test(readyz__told_to_end__not_ready_and_says_so),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
