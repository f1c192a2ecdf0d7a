/* SPDX-License-Identifier: Apache-2.0 */
/* Webhooks: signatures, pauses, whose turn it is, rows that two move, configurations; and events that name what they ended. */
#include "tests/unit/verifier/world.h"

#include "verifier/event_names.h"
#include "verifier/events.h"
#include "verifier/webhooks.h"

static struct world w;

static int setup(void **state)
{
	(void)state;
	world_start(&w);
	world_enroll(&w);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_stop(&w);
	return 0;
}

/* ---- signatures ---- */

/* The example of the Standard Webhooks libraries. */
static void sign__example_of_the_specification__as_there(void **state)
{
	struct webhook_target target = {0};
	struct buf out = {0};
	struct err err = {0};
	(void)state;
	assert_ok(webhook_secret_read(BYTES_LIT("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"),
			  &target.secret, &err),
		err);
	assert_ok(webhook_sign(&target, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
			  BYTES_LIT("{\"test\": 2432232314}"), &out, &err),
		err);
	assert_string_equal(buf_str(&out), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
	webhook_target_release(&target);
	buf_release(&out);
}

static void sign__with_both_keys__each_verifies(void **state)
{
	static const char message[] = "evt_1.5.{}";
	struct webhook_target target = {0};
	struct buf out = {0}, signature = {0};
	struct err err = {0};
	(void)state;
	buf_put_str(&target.secret, "0123456789abcdef0123456789abcdef");
	assert_ok(key_generate(KEY_ED25519, &target.key, &err), err);
	assert_ok(webhook_sign(&target, "evt_1", 5, BYTES_LIT("{}"), &out, &err), err);
	const char *at = strstr(buf_str(&out), " v1a,");
	assert_true(strncmp(buf_str(&out), "v1,", 3) == 0);
	assert_non_null(at);
	assert_ok(base64_decode(bytes_str(at + 5), false, 64, &signature, &err), err);
	assert_ok(key_verify(target.key, SIGN_ED25519, DIGEST_NONE, bytes_str(message),
			  buf_bytes(&signature), &err),
		err);
	webhook_target_release(&target);
	buf_release(&out);
	buf_release(&signature);
}

static void secret__of_another_form__refused(void **state)
{
	static const char *const texts[] = {"", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZI", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS?"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct buf secret = {0};
		struct err err = {0};
		assert_false(webhook_secret_read(bytes_str(texts[i]), &secret, &err));
		assert_int_equal(err.code, ERR_FORMAT);
		assert_non_null(strstr(err.text, "whsec_ and the base64 of 24 to 64"));
		buf_release(&secret);
	}
}

static void pause__grows_to_an_hour_and_is_spread(void **state)
{
	(void)state;
	assert_int_equal(webhook_pause(1, 0), 1);
	assert_int_equal(webhook_pause(4, 0), 8);
	assert_int_equal(webhook_pause(4, 4), 4);
	assert_int_equal(webhook_pause(12, 0), 2048);
	assert_int_equal(webhook_pause(13, 0), WEBHOOK_PAUSE_MAX);
	assert_int_equal(webhook_pause(INT64_MAX, 0), WEBHOOK_PAUSE_MAX);
	for (uint32_t r = 0; r < 5000; r += 7)
		assert_in_range(webhook_pause(20, r), WEBHOOK_PAUSE_MAX / 2, WEBHOOK_PAUSE_MAX);
}

/* The clock ran ahead when it was set, and is right again. */
static void next_try__further_ahead_than_any_pause__due(void **state)
{
	static const struct {
		int64_t next_try;
		bool waits;
	} cases[] = {{0, false}, {999, false}, {1000, false}, {1001, true},
		{1000 + WEBHOOK_PAUSE_MAX, true}, {1001 + WEBHOOK_PAUSE_MAX, false},
		{INT64_MAX, false}};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct webhook_row row = {.next_try = cases[i].next_try};
		if (webhook_waits(&row, 1000) != cases[i].waits)
			fail_msg("case %zu", i);
	}
}

/* ---- rows ---- */

static bool rows_work(struct store_tx *tx, void *arg, struct err *err)
{
	static const uint8_t a[WEBHOOK_OWNER_LEN] = {1}, b[WEBHOOK_OWNER_LEN] = {2};
	struct webhook_row row;
	bool found = false, mine = false, moved = false;
	(void)arg;
	assert_true(webhook_row_add(tx->sql, "siem", 7, err));
	assert_true(webhook_row_add(tx->sql, "siem", 99, err)); /* stays where it is */
	assert_true(webhook_row_get(tx->sql, "siem", &row, &found, err) && found);
	assert_int_equal(row.position, 7);
	assert_int_equal(row.acked, -1);
	/* Whose turn: a's until 100, then b's. */
	assert_true(webhook_turn(tx->sql, "siem", a, 10, 100, &mine, err) && mine);
	assert_true(webhook_turn(tx->sql, "siem", b, 99, 200, &mine, err) && !mine);
	assert_true(webhook_turn(tx->sql, "siem", a, 99, 100, &mine, err) && mine);
	assert_true(webhook_turn(tx->sql, "siem", b, 100, 200, &mine, err) && mine);
	assert_true(webhook_turn(tx->sql, "siem", a, 150, 300, &mine, err) && !mine);
	/* Nobody lets go of another's turn. */
	assert_true(webhook_turn(tx->sql, "siem", b, 1000, 2000, &mine, err) && mine);
	assert_true(webhook_turn(tx->sql, "siem", a, 0, 0, &mine, err) && !mine);
	/* Taken by a clock that ran ahead, and never given back: it does not last until then. */
	assert_true(webhook_turn(tx->sql, "siem", a, 2000 - WEBHOOK_TURN_FAR, 3000, &mine, err) &&
		    !mine);
	assert_true(
		webhook_turn(tx->sql, "siem", a, 2000 - WEBHOOK_TURN_FAR - 1, 3000, &mine, err) &&
		mine);
	/* Moved by one of two. */
	row.position = 8;
	assert_true(webhook_row_put(tx->sql, &row, 7, &moved, err) && moved);
	row.position = 9;
	assert_true(webhook_row_put(tx->sql, &row, 7, &moved, err) && !moved);
	return true;
}

static void rows__of_two_verifiers__one_delivers_and_one_moves(void **state)
{
	(void)state;
	assert_ok(store_run(w.app->store, rows_work, NULL, &w.err), w.err);
}

static bool acks_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct webhook_ack acks[4];
	size_t count = 0;
	(void)arg;
	for (int64_t i = 1; i <= 3; i++) {
		struct webhook_ack ack = {.entry = (uint64_t)i,
			.time = i * WEBHOOK_ACKS_KEPT / 2,
			.status = 204,
			.attempts = i};
		assert_true(webhook_ack_add(tx->sql, "siem", &ack, err));
	}
	assert_true(webhook_acks(tx->sql, "siem", acks, ARRAY_LEN(acks), &count, err));
	assert_int_equal(count, 3);
	struct webhook_ack last = {.entry = 4, .time = 2 * WEBHOOK_ACKS_KEPT, .status = 200};
	assert_true(webhook_ack_add(tx->sql, "siem", &last, err));
	assert_true(webhook_acks(tx->sql, "siem", acks, ARRAY_LEN(acks), &count, err));
	assert_int_equal(count, 3); /* the first was more than 90 days older */
	assert_int_equal(acks[0].entry, 4);
	assert_int_equal(acks[1].status, 204);
	return true;
}

static void acks__older_than_ninety_days__forgotten(void **state)
{
	(void)state;
	assert_ok(store_run(w.app->store, acks_work, NULL, &w.err), w.err);
}

/* ---- the configuration ---- */

#define HOOK "webhooks:\n  - name: siem\n    url: https://siem.example/in\n"

static void config__wrong__refused(void **state)
{
	static const struct {
		const char *text, *said;
	} cases[] = {
		{HOOK, "webhooks: siem: give a secret_file, a key, or both"},
		{"webhooks:\n  - name: a b\n    url: https://x\n    key: k\n", "name: expected"},
		{"webhooks:\n  - name: a\n    url: http://x\n    key: k\n", "expected https://"},
		{"webhooks:\n  - name: a\n    url: https://u:p@x\n    key: k\n",
			"expected https://"},
		{"webhooks:\n  - name: a\n    url: https:///x\n    key: k\n", "expected https://"},
		{HOOK "    key: k\n    give_up_after: 9s\n", "give_up_after: at least 10s"},
		{HOOK "    key: k\n    give_up_after: 31d\n", "give_up_after"},
		{HOOK "    key: k\n    events: [Host]\n",
			"events: Host: there is no such event; there are "
			"refused, host-state, host-invited"},
		{HOOK "    key: k\n    events: [host-state, host]\n", "events: host: there is no"},
		/* No more than this is said, and the last name is. */
		{HOOK "    key: k\n    events: [webhook-test]\n", ", elevation-revoked"},
		{HOOK "    key: k\n    speed: 1\n", "speed"},
		{HOOK "    key: k\n  - name: siem\n    url: https://x\n    key: k\n",
			"siem: given twice"},
	};
	struct buf good = {0};
	char path[128];
	(void)state;
	(void)world_path(&w, "verifierd.yaml", path);
	assert_ok(file_read(path, 65536, &good, &w.err), w.err);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct config config = {0};
		struct err err = {0};
		struct buf text = {0};
		buf_put(&text, buf_bytes(&good));
		buf_put_str(&text, cases[i].text);
		if (config_parse(buf_bytes(&text), "v.yaml", "/etc/assay", &config, &err))
			fail_msg("taken: %s", cases[i].text);
		assert_int_equal(err.code, ERR_CONFIG);
		if (!strstr(err.text, cases[i].said))
			fail_msg("%s", err.text);
		buf_release(&text);
	}
	buf_release(&good);
}

/* Whatever is told can be asked for: an entry of those types under another name is not written. */
static bool unlisted_work(struct store_tx *tx, void *arg, struct err *err)
{
	return entry_append(
		w.app, tx, LEAF_HOST_STATE, 1, json_pack("{s:s}", "event", (const char *)arg), err);
}

static void event__of_a_name_not_in_the_list__not_written(void **state)
{
	char unlisted[] = "host-renamed", listed[] = "host-state";
	(void)state;
	assert_false(store_run(w.app->store, unlisted_work, unlisted, &w.err));
	assert_int_equal(w.err.code, ERR_INTERNAL);
	assert_non_null(strstr(w.err.text, "an event of a name that nobody can subscribe to"));
	assert_ok(store_run(w.app->store, unlisted_work, listed, &w.err), w.err);
	assert_true(event_fits(LEAF_INCIDENT, "anything")); /* nobody is told */
	assert_false(event_fits(LEAF_POLICY, NULL));
	assert_false(event_fits(LEAF_POLICY, "host-state"));
}

static void config__with_a_webhook__paths_beside_it(void **state)
{
	struct config config = {0};
	struct buf text = {0};
	char path[128];
	(void)state;
	(void)world_path(&w, "verifierd.yaml", path);
	assert_ok(file_read(path, 65536, &text, &w.err), w.err);
	buf_put_str(&text, HOOK "    secret_file: hook.secret\n    key: hook.key\n    ca: /ca.pem\n"
				"    events: [host-state, refused]\n");
	assert_ok(config_parse(buf_bytes(&text), "v.yaml", "/etc/assay", &config, &w.err), w.err);
	assert_int_equal(config.webhook_count, 1);
	const struct config_webhook *hook = &config.webhooks[0];
	assert_string_equal(hook->secret_file, "/etc/assay/hook.secret");
	assert_string_equal(hook->key, "file:/etc/assay/hook.key");
	assert_string_equal(hook->ca, "/ca.pem");
	assert_int_equal(hook->give_up_after, 3 * 86400);
	assert_int_equal(hook->event_count, 2);
	assert_string_equal(hook->events[1], "refused");
	config_release(&config);
	buf_release(&text);
}

static void target__secret_or_key_that_is_none__refused(void **state)
{
	char name[] = "siem", url[] = "https://x";
	struct config_webhook hook = {.name = name, .url = url};
	struct webhook_target target;
	char secret[128], key[160];
	(void)state;
	(void)world_path(&w, "token.key", secret);
	hook.secret_file = secret;
	struct err err = {0};
	assert_false(webhook_target_open(&hook, &target, &err));
	assert_int_equal(err.code, ERR_CONFIG);
	assert_non_null(strstr(err.text, "webhook siem: secret_file: expected whsec_"));
	(void)snprintf(key, sizeof(key), "file:%s/ca.key", w.dir);
	hook.secret_file = NULL;
	hook.key = key;
	err = (struct err){0};
	assert_false(webhook_target_open(&hook, &target, &err));
	assert_int_equal(err.code, ERR_CONFIG);
	assert_non_null(strstr(err.text, "webhook siem: key: not an Ed25519 key"));
}

/* ---- routes ---- */

static void routes__who_may(void **state)
{
	(void)state;
	world_do(&w, &w.auditor, "GET", "/v1/webhooks", NULL, 200);
	world_do(&w, &w.ci, "GET", "/v1/webhooks", NULL, 403);
	world_do(&w, &w.auditor, "POST", "/v1/webhooks/siem/retry", "{\"reason\":\"x\"}", 403);
	world_do(&w, &w.auditor, "POST", "/v1/webhooks/siem/test", "{}", 403);
	world_do(&w, &w.admin, "POST", "/v1/webhooks/siem/test", "{}", 404);
	world_do(&w, &w.admin, "GET", "/v1/webhooks/siem", NULL, 404);
}

/* ---- events that ended something ---- */

static struct buf event_of(const char *name)
{
	struct event events[EVENTS_PAGE_MAX] = {0};
	struct buf ret = {0};
	struct sql *sql = NULL;
	size_t count = 0;
	uint64_t next = 0;
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	assert_ok(events_read(sql, 0, events, EVENTS_PAGE_MAX, &count, &next, &w.err), w.err);
	store_read_done(w.app->store, &sql);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(events[i].name, name) == 0) {
			buf_clear(&ret);
			buf_put(&ret, buf_bytes(&events[i].data));
		}
		event_release(&events[i]);
	}
	assert_true(ret.len > 0);
	return ret;
}

static size_t serials_of(const char *name)
{
	struct buf text = event_of(name);
	json_t *data = NULL;
	assert_ok(json_open(buf_bytes(&text), JSON_INPUT_MAX, &data, &w.err), w.err);
	const json_t *list = json_object_get(data, "revoked_serials");
	size_t n = json_array_size(list);
	for (size_t i = 0; i < n; i++)
		assert_true(strlen(json_string_value(json_array_get(list, i))) >= 16);
	json_decref(data);
	buf_release(&text);
	return n;
}

static void event__that_revoked_credentials__names_their_serials(void **state)
{
	char path[128], id[2 * HOST_ID_LEN + 1];
	struct world_attestation a;
	struct https c;
	(void)state;
	assert_true(world_connect(&w, &c));
	world_launch(&w, &c, &a);
	world_attestation_release(&a);
	https_close(&c);
	world_do(&w, &w.admin, "POST", "/v1/workloads/ocr-agent/retire", "{\"reason\":\"done\"}",
		200);
	size_t of_workload = serials_of("workload-retired");
	assert_true(of_workload > 0);
	assert_int_equal(serials_of("workload"), 0);
	/* The host's own certificate is left, and ends with it. */
	hex_encode(BYTES_OF(w.host_id), id);
	(void)snprintf(path, sizeof(path), "/v1/hosts/%s/quarantine", id);
	world_do(&w, &w.admin, "POST", path, "{\"reason\":\"lost\"}", 200);
	assert_true(serials_of("host-state") > 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sign__example_of_the_specification__as_there),
		cmocka_unit_test(sign__with_both_keys__each_verifies),
		cmocka_unit_test(secret__of_another_form__refused),
		cmocka_unit_test(pause__grows_to_an_hour_and_is_spread),
		cmocka_unit_test(next_try__further_ahead_than_any_pause__due),
		TEST(rows__of_two_verifiers__one_delivers_and_one_moves),
		TEST(acks__older_than_ninety_days__forgotten),
		TEST(config__wrong__refused),
		TEST(event__of_a_name_not_in_the_list__not_written),
		TEST(config__with_a_webhook__paths_beside_it),
		TEST(target__secret_or_key_that_is_none__refused),
		TEST(routes__who_may),
		TEST(event__that_revoked_credentials__names_their_serials),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
