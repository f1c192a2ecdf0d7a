/* SPDX-License-Identifier: Apache-2.0 */
/* One field of an entry goes, in a file that is given away or in the store; the rest stays proved, and nothing is changed unseen. */
#include "retention_world.h"

#include "ledger/entry_file.h"

static struct buf file;
static struct entry_opened entry;

static int done(void **state)
{
	entry_opened_release(&entry);
	buf_release(&file);
	return teardown(state);
}

/* The index of the entry that made the host active, or the like: with a reason by a person. */
static int64_t quarantine(void)
{
	char path[160], host[2 * HOST_ID_LEN + 1];
	hex_encode(BYTES_OF(w.host_id), host);
	(void)snprintf(path, sizeof(path), "/v1/hosts/%s/quarantine", host);
	json_decref(post(&w.admin, path, 200, "{\"reason\":\"Mr Smith took it home\"}"));
	return number("SELECT max(idx) FROM entries WHERE type=4");
}

static void get(int64_t index)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/v1/entries/%lld/proof", (long long)index);
	struct https_answer answer =
		world_call(&w, &w.auditor, "GET", path, NULL, (struct bytes){0});
	if (answer.status != 200)
		fail_msg("%s", buf_str(&answer.body));
	buf_clear(&file);
	buf_put(&file, buf_bytes(&answer.body));
	buf_release(&answer.body);
	entry_opened_release(&entry);
	assert_ok(entry_file_read(buf_bytes(&file), &entry, &w.err), w.err);
}

static json_t *redact(int64_t index, const char *field, int wanted)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/v1/entries/%lld/redact", (long long)index);
	return post(&w.admin, path, wanted, "{\"field\":\"%s\",\"reason\":\"asked by Mr Smith\"}",
		field);
}

static void entry__got__proves_what_it_shows(void **state)
{
	(void)state;
	int64_t index = quarantine();
	get(index);
	assert_int_equal(entry.index, index);
	assert_int_equal(entry.leaf.type, LEAF_HOST_STATE);
	assert_true(entry.fields.salted);
	assert_int_equal(entry.fields.redacted, 0);
	assert_string_equal(said(entry.fields.shown, "reason"), "Mr Smith took it home");
	assert_ok(entry_file_prove(&entry, &w.err), w.err);
}

static void T20__field_of_an_exported_entry_changed__not_proved(void **state)
{
	static const struct {
		const char *from, *to;
		size_t len;
	} cases[] = {
		{"Mr Smith", "Mr Brown", 8},
		{"\"quarantined\"", "\"active\"     ", 13},
		{"\"host-state\"", "\"host-statf\"", 12},
	};
	(void)state;
	int64_t index = quarantine();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = {0};
		get(index);
		char *at = strstr((char *)(uintptr_t)buf_str(&file), cases[i].from);
		assert_non_null(at);
		memcpy(at, cases[i].to, cases[i].len);
		entry_opened_release(&entry);
		assert_ok(entry_file_read(buf_bytes(&file), &entry, &w.err), w.err);
		if (entry_file_prove(&entry, &err))
			fail_msg("proved: %s", cases[i].to);
		assert_int_equal(err.code, ERR_MISMATCH);
		assert_non_null(strstr(err.text, "not what the leaf commits to"));
	}
}

static void T20__leaf_of_another_tree__not_proved(void **state)
{
	struct err err = {0};
	(void)state;
	get(quarantine());
	entry.index--;
	assert_false(entry_file_prove(&entry, &err));
	assert_int_equal(err.code, ERR_MISMATCH);
	entry.index++;
	assert_ok(entry_file_prove(&entry, &w.err), w.err);
	entry.proof.data[3] ^= 1;
	assert_false(entry_file_prove(&entry, &err));
	entry.proof.data[3] ^= 1;
	entry.salt[0] ^= 1;
	assert_false(entry_file_prove(&entry, &err));
	assert_int_equal(err.code, ERR_MISMATCH);
}

static void redact__field_in_the_store__gone_and_the_rest_proved(void **state)
{
	(void)state;
	int64_t index = quarantine();
	json_decref(redact(index, "reason", 200));
	get(index);
	assert_int_equal(entry.fields.redacted, 1);
	assert_null(json_object_get(entry.fields.shown, "reason"));
	assert_string_equal(said(entry.fields.shown, "state"), "quarantined");
	assert_ok(entry_file_prove(&entry, &w.err), w.err);
	assert_null(strstr(buf_str(&file), "took it home"));
	json_t *said_of = entry_of(LEAF_RETENTION);
	assert_string_equal(said(said_of, "event"), "field-redacted");
	assert_string_equal(said(said_of, "field"), "reason");
	assert_int_equal(json_integer_value(json_object_get(said_of, "entry")), index);
	assert_string_equal(said(said_of, "by"), "spiffe://" WORLD_DOMAIN "/operator/admin/test");
	json_decref(said_of);
	json_decref(redact(index, "reason", 404));
	json_decref(redact(index, "state", 200));
	get(index);
	assert_int_equal(entry.fields.redacted, 2);
	assert_ok(entry_file_prove(&entry, &w.err), w.err);
}

static void redact__what_must_stay__refused(void **state)
{
	struct world_attestation a;
	(void)state;
	be(1);
	launch(&a);
	world_attestation_release(&a);
	int64_t index = quarantine();
	static const char *const stay[] = {
		"event", "by", "workload", "name", "release", "digest", "host"};
	for (size_t i = 0; i < ARRAY_LEN(stay); i++) {
		char why[64];
		(void)snprintf(why, sizeof(why), "%s is not taken out", stay[i]);
		json_t *refused = redact(index, stay[i], 400);
		if (!strstr(message(refused), why))
			fail_msg("%s, wanted %s", message(refused), why);
		json_decref(refused);
	}
	get(index);
	assert_int_equal(entry.fields.redacted, 0);
	json_decref(redact(index, "nothing", 404));
	json_decref(redact(number("SELECT min(idx) FROM records"), "reason", 404));
	json_decref(redact(number("SELECT min(idx) FROM entries WHERE type=2"), "reason", 403));
	json_decref(redact(999999, "reason", 404));
	json_decref(redact(index, "reason", 200));
	json_t *answer =
		redact(number("SELECT max(idx) FROM entries WHERE type=13"), "reason", 403);
	assert_non_null(strstr(message(answer), "holds and destruction"));
	json_decref(answer);
	json_decref(post(&w.auditor, "/v1/entries/1/redact", 403, "{}"));
}

static void T9__field_of_a_held_entry__not_redacted(void **state)
{
	char host[2 * HOST_ID_LEN + 1];
	(void)state;
	int64_t index = quarantine();
	hex_encode(BYTES_OF(w.host_id), host);
	json_decref(
		post(&w.admin, "/v1/holds", 201, "{\"host\":\"%s\",\"reason\":\"case 17\"}", host));
	json_t *answer = redact(index, "reason", 409);
	assert_non_null(strstr(message(answer), "a hold keeps this entry"));
	json_decref(answer);
	get(index);
	assert_int_equal(entry.fields.redacted, 0);
}

/* A hold counts on for the grace after it was lifted. With the clock set ahead the grace would seem over. */
static void T9__field_after_a_hold_with_the_clock_ahead__not_redacted(void **state)
{
	char host[2 * HOST_ID_LEN + 1];
	(void)state;
	int64_t index = quarantine();
	hex_encode(BYTES_OF(w.host_id), host);
	sweep();
	json_decref(
		post(&w.admin, "/v1/holds", 201, "{\"host\":\"%s\",\"reason\":\"case 17\"}", host));
	json_decref(post(&w.admin, "/v1/holds/1/lift", 200, "{\"reason\":\"closed\"}"));
	json_decref(post(&second, "/v1/holds/1/lift", 200, "{\"reason\":\"so it is\"}"));
	json_decref(redact(index, "reason", 409));
	aged.set = GRACE + 60;
	json_t *answer = redact(index, "reason", 403);
	assert_non_null(strstr(message(answer), "the clock jumped ahead"));
	json_decref(answer);
	get(index);
	assert_int_equal(entry.fields.redacted, 0);
	aged.set = 0;
	age(GRACE + 60);
	json_decref(redact(index, "reason", 200));
}

static void entry__whose_content_went__says_so(void **state)
{
	(void)state;
	sweep();
	age(50 * DAY);
	char path[64];
	(void)snprintf(path, sizeof(path), "/v1/entries/%lld/proof",
		(long long)number("SELECT min(idx) FROM entries WHERE gone IS NOT NULL"));
	json_t *answer = world_json(&w, &w.auditor, "GET", path, NULL, 410);
	assert_non_null(strstr(message(answer), "was destroyed at "));
	json_decref(answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(entry__got__proves_what_it_shows, setup, done),
		cmocka_unit_test_setup_teardown(
			T20__field_of_an_exported_entry_changed__not_proved, setup, done),
		cmocka_unit_test_setup_teardown(T20__leaf_of_another_tree__not_proved, setup, done),
		cmocka_unit_test_setup_teardown(
			redact__field_in_the_store__gone_and_the_rest_proved, setup, done),
		cmocka_unit_test_setup_teardown(redact__what_must_stay__refused, setup, done),
		cmocka_unit_test_setup_teardown(
			T9__field_of_a_held_entry__not_redacted, setup, done),
		cmocka_unit_test_setup_teardown(
			T9__field_after_a_hold_with_the_clock_ahead__not_redacted, setup, done),
		cmocka_unit_test_setup_teardown(entry__whose_content_went__says_so, setup, done),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
