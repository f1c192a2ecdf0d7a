/* SPDX-License-Identifier: Apache-2.0 */
/* Another list of webhooks while the service runs: each stands where it stood, and a list that is no good changes nothing
 * (verifier/webhooks_list.c). */
#include "tests/unit/verifier/reloaded.h"
#include "tests/unit/verifier/world.h"

#include "verifier/app_metrics.h"
#include "verifier/webhooks.h"

static struct world w;
static char config_path[128];
static struct buf base; /* the configuration without webhooks */

/* Nobody listens there. */
#define NOWHERE "    url: https://127.0.0.1:1/\n"
#define SECRET  "    secret_file: hook.secret\n"
#define HOOK(n) "  - name: " n "\n" NOWHERE SECRET

static void list_write(const char *hooks)
{
	struct buf text = {0};
	buf_put(&text, buf_bytes(&base));
	buf_printf(&text, "%s%s", hooks[0] ? "webhooks:\n" : "", hooks);
	assert_ok(file_write_atomic(config_path, buf_bytes(&text), 0600, &w.err), w.err);
	buf_release(&text);
}

static void secret_write(const char *secret)
{
	char path[128];
	(void)world_path(&w, "hook.secret", path);
	assert_ok(file_write_atomic(path, bytes_str(secret), 0600, &w.err), w.err);
}

static void prepare(struct world *world)
{
	(void)world_path(world, "verifierd.yaml", config_path);
	assert_ok(file_read(config_path, 65536, &base, &world->err), world->err);
	secret_write("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
	list_write(HOOK("one") HOOK("two"));
}

static int setup(void **state)
{
	(void)state;
	w.prepare = prepare;
	world_start(&w);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_stop(&w);
	buf_release(&base);
	return 0;
}

/* "one two …", as GET /v1/webhooks tells it. */
static void listed(const char *wanted)
{
	json_t *answer = world_json(&w, &w.auditor, "GET", "/v1/webhooks", NULL, 200);
	json_t *list = json_object_get(answer, "webhooks");
	struct buf names = {0};
	for (size_t i = 0; i < json_array_size(list); i++)
		buf_printf(&names, "%s%s", i ? " " : "",
			json_string_value(json_object_get(json_array_get(list, i), "name")));
	assert_string_equal(names.len ? buf_str(&names) : "", wanted);
	buf_release(&names);
	json_decref(answer);
}

static int64_t position_of(const char *name)
{
	struct webhook_row row;
	struct sql *sql = NULL;
	bool found = false;
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	assert_ok(webhook_row_get(sql, name, &row, &found, &w.err), w.err);
	store_read_done(w.app->store, &sql);
	assert_true(found);
	return (int64_t)row.position;
}

static const struct webhook *held(const char *name)
{
	struct webhook *webhook = webhooks_find(w.app->webhooks, name);
	const struct webhook *same = webhook;
	webhook_unref(&webhook);
	return same;
}

static void reload__other_list__names_change_and_who_stays_is_undisturbed(void **state)
{
	(void)state;
	const struct webhook *one = held("one"), *two = held("two");
	int64_t stood = position_of("one");
	world_do(&w, &w.admin, "POST", "/v1/workloads/ocr-agent/retire", "{\"reason\":\"done\"}",
		200);
	list_write(HOOK("three") HOOK("one") HOOK("two") "    give_up_after: 1h\n");
	assert_true(reloaded(w.app, config_path));
	listed("three one two");
	assert_ptr_equal(held("one"), one);
	assert_ptr_not_equal(held("two"), two);
	assert_int_equal(position_of("one"), stood);
	assert_int_equal(position_of("two"), stood);
	struct store_tree tree;
	store_tree(w.app->store, &tree);
	assert_int_equal(position_of("three"), tree.size);
	world_do(&w, &w.admin, "GET", "/v1/webhooks/three", NULL, 200);
	assert_int_equal(metric_get(w.app->metrics, METRIC_RELOADS, 0), 1);
	/* One that goes and comes back stands where it stood. */
	list_write("");
	assert_true(reloaded(w.app, config_path));
	listed("");
	world_do(&w, &w.admin, "GET", "/v1/webhooks/one", NULL, 404);
	list_write(HOOK("one"));
	assert_true(reloaded(w.app, config_path));
	listed("one");
	assert_int_equal(position_of("one"), stood);
}

static void reload__other_secret_in_the_same_file__taken(void **state)
{
	(void)state;
	struct webhook *before = webhooks_find(w.app->webhooks, "one");
	secret_write("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX\n");
	assert_true(reloaded(w.app, config_path));
	struct webhook *after = webhooks_find(w.app->webhooks, "one");
	assert_false(webhook_equal(before, after));
	assert_int_equal(after->target.secret.len, 24);
	assert_int_equal(after->target.secret.data[23], 0x17);
	webhook_unref(&before);
	webhook_unref(&after);
}

/* The first that is new is made, the second cannot be: neither comes, and those of before stay. */
static void reload__list_that_is_no_good__nothing_changes(void **state)
{
	static const struct {
		const char *hooks;
	} cases[] = {
		{HOOK("one") HOOK("new") "  - name: other\n" NOWHERE "    secret_file: none\n"},
		{HOOK("new") "  - name: one\n" NOWHERE "    key: ca.key\n"},
		{HOOK("new") "  - name: one\n" NOWHERE SECRET "    ca: hook.secret\n"},
		{HOOK("new") HOOK("new")},
		{HOOK("new") "    events: [workload-retird]\n"},
	};
	(void)state;
	const struct webhook *one = held("one"), *two = held("two");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		list_write(cases[i].hooks);
		assert_false(reloaded(w.app, config_path));
		listed("one two");
		assert_ptr_equal(held("one"), one);
		assert_ptr_equal(held("two"), two);
	}
	assert_int_equal(metric_get(w.app->metrics, METRIC_RELOADS, 1), ARRAY_LEN(cases));
}

static uint64_t later_ms; /* the store is asked for its counts at most every ten seconds */
static uint64_t later(const struct clock *clock)
{
	(void)clock;
	return clock_monotonic_ms(&clock_system) + later_ms;
}
static int64_t wall(const struct clock *clock)
{
	(void)clock;
	return clock_wall(&clock_system);
}

static int setup_clock(void **state)
{
	static const struct clock_ops ops = {.wall = wall, .monotonic_ms = later};
	static const struct clock clock = {&ops};
	w.clock = &clock;
	return setup(state);
}

/* All that the metrics say of webhooks, a line each. */
static void counted(const char *wanted)
{
	struct buf text = {0}, found = {0};
	later_ms += 10000;
	assert_ok(app_metrics_text(w.app, &text, &w.err), w.err);
	OWNED(free_ptr) char *lines = strdup(buf_str(&text));
	for (char *line = strtok(lines, "\n"); line; line = strtok(NULL, "\n"))
		if (strncmp(line, "assay_webhooks{", 15) == 0)
			buf_printf(&found, "%s\n", line);
	assert_string_equal(found.len ? buf_str(&found) : "", wanted);
	buf_release(&text);
	buf_release(&found);
}

static bool two_gives_up(struct store_tx *tx, void *arg, struct err *err)
{
	(void)arg;
	return sql_exec(
		tx->sql, "UPDATE webhooks SET state=2 WHERE name='two'", SQL_NO_ARGS, NULL, err);
}

static void metrics__of_those_configured__by_name_and_state(void **state)
{
	(void)state;
	counted("assay_webhooks{webhook=\"one\",state=\"delivering\"} 1\n"
		"assay_webhooks{webhook=\"two\",state=\"delivering\"} 1\n");
	assert_ok(store_run(w.app->store, two_gives_up, NULL, &w.err), w.err);
	counted("assay_webhooks{webhook=\"one\",state=\"delivering\"} 1\n"
		"assay_webhooks{webhook=\"two\",state=\"gave-up\"} 1\n");
	list_write(HOOK("one"));
	assert_true(reloaded(w.app, config_path));
	counted("assay_webhooks{webhook=\"one\",state=\"delivering\"} 1\n");
}

/* What says why: a part's own error, not the whole file's. */
static void change__secret_that_is_not_there__says_which_and_why(void **state)
{
	struct config config = {0};
	struct err err = {0};
	(void)state;
	list_write(HOOK("one") "  - name: other\n" NOWHERE "    secret_file: none\n");
	assert_ok(config_load(config_path, &config, &err), err);
	assert_false(webhooks_change(w.app->webhooks, &config, &err));
	assert_int_equal(err.code, ERR_CONFIG);
	assert_non_null(strstr(err.text, "webhook other: secret_file: "));
	config_release(&config);
}

static void equal__each_part_that_differs__told(void **state)
{
	static const char *const others[] = {
		"  - name: three\n" NOWHERE SECRET,
		"  - name: one\n    url: https://127.0.0.1:2/\n" SECRET,
		HOOK("one") "    give_up_after: 2d\n",
		HOOK("one") "    events: [refused]\n",
		HOOK("one") "    ca: ca.pem\n",
		HOOK("one") "    key: hook.key\n",
		"  - name: one\n" NOWHERE "    secret_file: other.secret\n",
	};
	struct key *key = NULL;
	struct buf pem = {0};
	char path[128];
	(void)state;
	assert_ok(key_generate(KEY_ED25519, &key, &w.err), w.err);
	assert_ok(key_private_pem(key, &pem, &w.err), w.err);
	(void)world_path(&w, "hook.key", path);
	assert_ok(file_write_atomic(path, buf_bytes(&pem), 0600, &w.err), w.err);
	(void)world_path(&w, "other.secret", path);
	assert_ok(file_write_atomic(
			  path, BYTES_LIT("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"), 0600, &w.err),
		w.err);
	struct webhook *one = webhooks_find(w.app->webhooks, "one");
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct config config = {0};
		struct webhook *other = NULL;
		list_write(others[i]);
		assert_ok(config_load(config_path, &config, &w.err), w.err);
		assert_ok(webhook_new(&config.webhooks[0], &other, &w.err), w.err);
		assert_false(webhook_equal(one, other));
		assert_true(webhook_equal(other, other));
		webhook_unref(&other);
		config_release(&config);
	}
	webhook_unref(&one);
	key_unref(&key);
	buf_release(&pem);
}

#define UNIT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(reload__other_list__names_change_and_who_stays_is_undisturbed),
		UNIT(reload__other_secret_in_the_same_file__taken),
		UNIT(reload__list_that_is_no_good__nothing_changes),
		cmocka_unit_test_setup_teardown(
			metrics__of_those_configured__by_name_and_state, setup_clock, teardown),
		UNIT(change__secret_that_is_not_there__says_which_and_why),
		UNIT(equal__each_part_that_differs__told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
