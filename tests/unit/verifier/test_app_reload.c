/* SPDX-License-Identifier: Apache-2.0 */
/* A reload while the store does not answer (verifier/app_reload.c): what needs none is read at once, the rest once it is back, and
 * nobody waits for that. */
#include "tests/unit/verifier/fakes.h"
#include "tests/unit/verifier/held.h"
#include "tests/unit/verifier/reloaded.h"

static struct world w;
static char config_path[128];

static int setup(void **state)
{
	(void)state;
	w.sql = fake_sql_init();
	world_start(&w);
	(void)world_path(&w, "verifierd.yaml", config_path);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	atomic_store(&fake_sql.fail_write, false);
	world_stop(&w);
	return 0;
}

static void log_level_write(const char *level)
{
	static const char is[] = "log_level: info\n";
	struct buf text = {0}, other = {0};
	assert_ok(file_read(config_path, 65536, &text, &w.err), w.err);
	const char *at = strstr(buf_str(&text), is);
	assert_non_null(at);
	buf_printf(&other, "%.*slog_level: %s\n%s", (int)(at - buf_str(&text)), buf_str(&text),
		level, at + strlen(is));
	assert_ok(file_write_atomic(config_path, buf_bytes(&other), 0600, &w.err), w.err);
	buf_release(&text);
	buf_release(&other);
}

static int64_t in_force(void)
{
	struct policy_ref *ref = app_policy(w.app);
	int64_t version = ref->policy->version;
	policy_ref_drop(&ref);
	return version;
}

static bool nothing(struct store_tx *tx, void *arg, struct err *err)
{
	(void)tx;
	(void)arg;
	(void)err;
	return true;
}

static void reload__the_writer_stands_still__what_needs_no_store_is_read_at_once(void **state)
{
	(void)state;
	log_level_write("error");
	world_policy_write(&w, 2, "");
	pthread_t thread = hold(&w, nothing, NULL);
	uint64_t begin = clock_monotonic_ms(&clock_system);
	reload_begin(w.app, config_path);
	enum log_level level = w.app->log.level;
	uint64_t took = clock_monotonic_ms(&clock_system) - begin;
	int early = reload_await(0);
	held_end(thread);
	assert_int_equal(level, LOG_LEVEL_ERROR);
	assert_true(took < 400); /* it stands still for 500 */
	assert_int_equal(early, 0);
	assert_int_equal(reload_await(30000), 1);
	assert_int_equal(in_force(), 2);
}

static void reload__the_store_is_away__the_rest_is_read_once_it_is_back(void **state)
{
	(void)state;
	atomic_store(&fake_sql.fail_write, true);
	world_policy_write(&w, 2, "");
	reload_begin(w.app, config_path);
	assert_int_equal(reload_await(5000), 0);
	assert_int_equal(in_force(), 1);
	assert_int_equal(metric_get(w.app->metrics, METRIC_RELOADS, 1), 0);
	atomic_store(&fake_sql.fail_write, false);
	assert_int_equal(reload_await(30000), 1);
	assert_int_equal(in_force(), 2);
	assert_int_equal(metric_get(w.app->metrics, METRIC_RELOADS, 0), 1);
}

static void reload__asked_again_while_it_waits__the_last_counts(void **state)
{
	(void)state;
	atomic_store(&fake_sql.fail_write, true);
	world_policy_write(&w, 2, "");
	app_reload(w.app, config_path, NULL, NULL);
	(void)usleep(100000);
	world_policy_write(&w, 3, "");
	reload_begin(w.app, config_path);
	(void)usleep(100000);
	atomic_store(&fake_sql.fail_write, false);
	assert_int_equal(reload_await(30000), 1);
	assert_int_equal(in_force(), 3);
	assert_int_equal(metric_get(w.app->metrics, METRIC_RELOADS, 0), 1);
}

static void reload__no_good_while_the_store_is_away__told_at_once(void **state)
{
	char path[128];
	(void)state;
	atomic_store(&fake_sql.fail_write, true);
	(void)world_path(&w, "policy.yaml", path);
	assert_ok(file_write_atomic(path, BYTES_LIT("policy: 1\n"), 0600, &w.err), w.err);
	reload_begin(w.app, config_path);
	assert_int_equal(reload_await(5000), -1);
}

static void reload__waits_when_the_service_ends__given_up(void **state)
{
	(void)state;
	atomic_store(&fake_sql.fail_write, true);
	world_policy_write(&w, 2, "");
	reload_begin(w.app, config_path);
	(void)usleep(100000);
	uint64_t begin = clock_monotonic_ms(&clock_system);
	app_close(&w.app);
	assert_true(clock_monotonic_ms(&clock_system) - begin < 10000);
	assert_int_equal(reload_await(0), 0);
	atomic_store(&fake_sql.fail_write, false);
	assert_true(world_open(&w));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(reload__the_writer_stands_still__what_needs_no_store_is_read_at_once),
		T(reload__the_store_is_away__the_rest_is_read_once_it_is_back),
		T(reload__asked_again_while_it_waits__the_last_counts),
		T(reload__no_good_while_the_store_is_away__told_at_once),
		T(reload__waits_when_the_service_ends__given_up),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
