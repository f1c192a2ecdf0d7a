/* SPDX-License-Identifier: Apache-2.0 */
/* A verifier whose clocks a test moves, with a policy that says how long things are kept, and agents whose decisions grow old. */
#ifndef ASSAY_TESTS_UNIT_VERIFIER_RETENTION_WORLD_H
#define ASSAY_TESTS_UNIT_VERIFIER_RETENTION_WORLD_H

#include "tests/unit/verifier/fakes.h"
#include "tests/unit/verifier/world.h"
#include "verifier/retention.h"

#define DAY   INT64_C(86400)
#define GRACE (7 * DAY)

static struct world w;
static struct world_operator second; /* another administrator */
static struct https c;

/* Both clocks of a machine: time that passes, and a wall clock that somebody sets. */
static struct {
	struct clock base;
	_Atomic int64_t passed, set;
} aged;
static int64_t aged_wall(const struct clock *clock)
{
	(void)clock;
	return clock_wall(&clock_system) + aged.passed + aged.set;
}
static uint64_t aged_ms(const struct clock *clock)
{
	(void)clock;
	return clock_monotonic_ms(&clock_system) + (uint64_t)aged.passed * 1000;
}
static const struct clock_ops aged_ops = {.wall = aged_wall, .monotonic_ms = aged_ms};

static inline void pass(int64_t seconds)
{
	aged.passed += seconds;
}

static inline void second_make(void)
{
	char uri[X509_URI_MAX];
	int64_t now = clock_wall(&clock_system);
	assert_ok(identity_operator_uri(WORLD_DOMAIN, "admin", "second", uri, &w.err), w.err);
	assert_ok(key_generate(KEY_EC_P256, &second.key, &w.err), w.err);
	second.cert = world_cert(&w, uri, second.key, now - 60, now + 36500 * DAY);
}

/* The operators of the world live for an hour; these tests for years. */
static inline void operators_last(void)
{
	struct world_operator *all[] = {&w.admin, &w.ci, &w.auditor};
	static const char *const roles[] = {"admin", "ci", "auditor"};
	int64_t now = clock_wall(&clock_system);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		char uri[X509_URI_MAX];
		assert_ok(
			identity_operator_uri(WORLD_DOMAIN, roles[i], "test", uri, &w.err), w.err);
		cert_unref(&all[i]->cert);
		all[i]->cert = world_cert(&w, uri, all[i]->key, now - 60, now + 36500 * DAY);
	}
	second_make();
}

static inline void prepare(struct world *world)
{
	struct buf config = {0};
	char path[128];
	(void)world_path(world, "verifierd.yaml", path);
	assert_ok(file_read(path, 65536, &config, &w.err), w.err);
	char *line = strstr(buf_str(&config), "host_certificate_lifetime: 7d");
	assert_non_null(line);
	memcpy(line, "host_certificate_lifetime: 9d", 29);
	assert_ok(file_write_atomic(path, buf_bytes(&config), 0600, &w.err), w.err);
	buf_release(&config);
	operators_last();
}

static inline int setup_with(const char *top_lines)
{
	memset(&w, 0, sizeof(w));
	memset(&second, 0, sizeof(second));
	aged.base.ops = &aged_ops;
	aged.passed = aged.set = 0;
	w.clock = &aged.base;
	w.sql = fake_sql_init();
	w.top_lines = top_lines;
	w.prepare = prepare;
	world_start(&w);
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	return 0;
}

static inline int setup(void **state)
{
	(void)state;
	return setup_with("retention:\n  launch: 30d\n  renew: 10d\n  refused: 20d\n"
			  "  entries: [{type: issued, keep: 40d}, {type: workload, keep: 40d}]\n");
}

static inline int teardown(void **state)
{
	(void)state;
	https_close(&c);
	world_stop(&w);
	cert_unref(&second.cert);
	key_unref(&second.key);
	return 0;
}

/* ---- agents ---- */

static inline void be(uint8_t instance)
{
	struct scene *s = w.scene;
	memset(s->instance, instance, sizeof(s->instance));
	memset(s->claims.instance, instance, sizeof(s->claims.instance));
	memcpy(s->launch.instance, s->instance, INSTANCE_ID_LEN);
	s->attest.clock += 10;
	s->launch.component_count = 0;
	for (size_t i = 0; i < SCENE_COMPONENTS; i++)
		scene_log_component(s, &s->components[i]);
	scene_log_launch(s);
}

static inline void launch(struct world_attestation *a)
{
	world_launch(&w, &c, a);
}

static inline void renew(struct world_attestation *from, struct world_attestation *a)
{
	world_next(&w, from, a);
	world_attest(&w, &c, a);
	assert_outcome(a, "trusted");
}

/* The instance has ended: nothing renews any more. */
static inline bool end_work(struct store_tx *tx, void *arg, struct err *err)
{
	(void)arg;
	return sql_exec(tx->sql, "UPDATE instances SET state=3", SQL_NO_ARGS, NULL, err);
}
static inline void end_instances(void)
{
	assert_ok(store_run(w.app->store, end_work, NULL, &w.err), w.err);
}

/* The decisions of one instance are older than they are. */
static inline bool older_work(struct store_tx *tx, void *arg, struct err *err)
{
	const int64_t *of = arg;
	uint8_t instance[INSTANCE_ID_LEN];
	memset(instance, (int)of[0], sizeof(instance));
	return sql_exec(tx->sql,
		"UPDATE histories SET first=first-?2, last=last-?2, launch=CASE launch WHEN 0 THEN "
		"0 "
		"ELSE launch-?2 END, renew=CASE renew WHEN 0 THEN 0 ELSE renew-?2 END, "
		"refused=CASE refused WHEN 0 THEN 0 ELSE refused-?2 END WHERE instance=?1",
		SQL_ARGS(sql_b(BYTES_OF(instance)), sql_i(of[1])), NULL, err);
}
static inline void grow_old(uint8_t instance, int64_t seconds)
{
	int64_t of[2] = {instance, seconds};
	assert_ok(store_run(w.app->store, older_work, of, &w.err), w.err);
}

/* ---- looking ---- */

static inline bool note_work(struct store_tx *tx, void *arg, struct err *err)
{
	return retention_note_leaves(tx->sql, 4096, arg, err);
}

/* As the next sweep would: the table of entries is of now. */
static inline void note_entries(void)
{
	bool more = true;
	while (more)
		assert_ok(store_run(w.app->store, note_work, &more, &w.err), w.err);
}

static inline int64_t number(const char *sql_text)
{
	note_entries();
	struct sql *sql = NULL;
	struct sql_query *q = NULL;
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	assert_ok(sql_first(sql, sql_text, SQL_NO_ARGS, &q, &w.err), w.err);
	int64_t n = q ? sql_int(q, 0) : -1;
	sql_finish(&q);
	store_read_done(w.app->store, &sql);
	return n;
}

static inline int64_t records_gone(void)
{
	return number("SELECT count(*) FROM record_gone");
}

/* What the timer does. */
static inline bool sweep_try(struct sweep_result *ret)
{
	static const struct sweep_request request = {.by = "", .reason = ""};
	w.err = (struct err){0};
	bool ok = retention_sweep(w.app->retention, &request, ret, &w.err);
	if (ok)
		gone_list_release(&ret->gone);
	return ok;
}

static inline void sweep(void)
{
	struct sweep_result result;
	if (!sweep_try(&result))
		fail_msg("%s", w.err.text);
}

/* Time passes, and each hour a sweep looks at it; with longer steps than a day it would, too: the
 * process has its other clock. */
static inline void age(int64_t seconds)
{
	pass(seconds);
	sweep();
}

static inline void assert_gone(int64_t wanted)
{
	if (records_gone() != wanted)
		fail_msg("%lld gone, wanted %lld", (long long)records_gone(), (long long)wanted);
}

static inline json_t *records(void)
{
	return world_json(&w, &w.auditor, "GET", "/v1/records", NULL, 200);
}

/* The id of the i-th record, newest first. */
static inline const char *record_id(size_t i)
{
	static char id[2 * SHA256_LEN + 1];
	json_t *all = records();
	const json_t *record = json_array_get(json_object_get(all, "records"), i);
	(void)snprintf(id, sizeof(id), "%s", json_string_value(json_object_get(record, "id")));
	json_decref(all);
	return id;
}

static inline json_t *post(const struct world_operator *who, const char *path, int status,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
static inline json_t *post(
	const struct world_operator *who, const char *path, int status, const char *format, ...)
{
	char body[1024];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(body, sizeof(body), format, args);
	va_end(args);
	return world_json(&w, who, "POST", path, body, status);
}

static inline const char *message(const json_t *answer)
{
	const char *text =
		json_string_value(json_object_get(json_object_get(answer, "error"), "message"));
	return text ? text : "";
}

static inline json_t *status(void)
{
	return world_json(&w, &w.auditor, "GET", "/v1/retention", NULL, 200);
}

/* The content of the i-th entry on retention, from 0; NULL: there is none. */
static inline json_t *retention_entry(int64_t i)
{
	struct sql *sql = NULL;
	struct sql_query *q = NULL;
	struct leaf_row leaf = {0};
	json_t *ret = NULL;
	bool found = false;
	note_entries();
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	assert_ok(sql_first(sql,
			  "SELECT idx FROM entries WHERE type=13 ORDER BY idx LIMIT 1 OFFSET ?1",
			  SQL_ARGS(sql_i(i)), &q, &w.err),
		w.err);
	if (q) {
		assert_ok(leaf_get(sql, (uint64_t)sql_int(q, 0), &leaf, &found, &w.err), w.err);
		assert_ok(json_open(buf_bytes(&leaf.content), JSON_INPUT_MAX, &ret, &w.err), w.err);
	}
	sql_finish(&q);
	leaf_row_release(&leaf);
	store_read_done(w.app->store, &sql);
	return ret;
}

/* The content of the newest entry of that type; NULL: there is none. */
static inline json_t *entry_of(enum leaf_type type)
{
	struct sql *sql = NULL;
	struct sql_query *q = NULL;
	struct leaf_row leaf = {0};
	json_t *ret = NULL;
	bool found = false;
	note_entries();
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	assert_ok(sql_first(sql, "SELECT idx FROM entries WHERE type=?1 ORDER BY idx DESC LIMIT 1",
			  SQL_ARGS(sql_i(type)), &q, &w.err),
		w.err);
	if (q) {
		assert_ok(leaf_get(sql, (uint64_t)sql_int(q, 0), &leaf, &found, &w.err), w.err);
		assert_ok(json_open(buf_bytes(&leaf.content), JSON_INPUT_MAX, &ret, &w.err), w.err);
	}
	sql_finish(&q);
	leaf_row_release(&leaf);
	store_read_done(w.app->store, &sql);
	return ret;
}

static inline const char *said(const json_t *entry, const char *key)
{
	const char *text = json_string_value(json_object_get(entry, key));
	return text ? text : "";
}

#endif
