/* SPDX-License-Identifier: Apache-2.0 */
/* What a decision's objects tell: as JSON and back, and nothing from what cannot be read. The way
 * from real evidence is in tests/unit/verifier/test_entries.c. */
#include "ledger/decision_facts.h"

#include "tests/support/unit.h"

static struct err err;

static struct decision_facts some_facts(void)
{
	struct decision_facts f = {.workload = "ocr-agent",
		.purpose = PURPOSE_RENEW,
		.full = true,
		.renew_after = 300,
		.reason_count = 2,
		.reasons = {"clock-backwards", "host-state"},
		.booted = true,
		.reset_count = 7,
		.restart_count = 2,
		.clock_ms = 123456,
		.safe = true,
		.firmware_version = UINT64_C(0x8000000000000007)};
	memset(f.host, 1, sizeof(f.host));
	memset(f.instance, 2, sizeof(f.instance));
	memset(f.release, 3, sizeof(f.release));
	memset(f.boot_id, 4, sizeof(f.boot_id));
	return f;
}

static void facts__written__read_back(void **state)
{
	struct decision_facts f = some_facts(), back;
	json_t *value = decision_facts_json(&f);
	(void)state;
	assert_ok(decision_facts_read(value, &back, &err), err);
	assert_memory_equal(&back, &f, sizeof(f));
	/* As entries said it before it was kept. */
	(void)json_object_del(json_object_get(value, "boot"), "firmware_version");
	assert_ok(decision_facts_read(value, &back, &err), err);
	assert_int_equal(back.firmware_version, 0);
	json_decref(value);
}

static void facts__without_a_boot__null(void **state)
{
	struct decision_facts f = {.purpose = PURPOSE_LAUNCH, .trusted = true}, back;
	json_t *value = decision_facts_json(&f);
	(void)state;
	assert_true(json_is_null(json_object_get(value, "boot")));
	assert_ok(decision_facts_read(value, &back, &err), err);
	assert_false(back.booted);
	assert_true(back.trusted);
	json_decref(value);
}

static void facts__of_objects__codes_and_times_only(void **state)
{
	static const char verdict[] =
		"{\"full\":true,\"renew_after\":60,\"reasons\":[{\"code\":\"clock-backwards\"},"
		"{\"code\":\"No Code\"},{\"no\":1},{\"code\":\"host-state\"}]}";
	struct record record = {
		.purpose = PURPOSE_LAUNCH, .workload = BYTES_LIT("No name"), .trusted = false};
	struct decision_facts f;
	(void)state;
	assert_ok(
		decision_facts_of(&record, BYTES_LIT("no evidence"), bytes_str(verdict), &f, &err),
		err);
	assert_false(f.booted);
	assert_string_equal(f.workload, "");
	assert_int_equal(f.renew_after, 60);
	assert_int_equal(f.reason_count, 2);
	assert_string_equal(f.reasons[1], "host-state");
	assert_ok(decision_facts_of(&record, (struct bytes){0}, BYTES_LIT("{"), &f, &err), err);
	assert_int_equal(f.reason_count, 0);
}

static void facts__fields_amiss__named(void **state)
{
	static const struct {
		const char *key, *value, *message;
	} wrong[] = {
		{"workload", "\"A b\"", "decision: workload: not a name"},
		{"purpose", "\"look\"", "decision: purpose: unknown"},
		{"reasons", "[\"A b\"]", "decision: reasons: not a list of codes"},
		{"renew_after", "-1", "decision: renew_after: out of range"},
		{"boot", "{}", "decision: reset_count: missing"},
		{"boot",
			"{\"reset_count\":1,\"restart_count\":1,\"clock_ms\":1,\"safe\":true,"
			"\"boot_id\":\"00000000000000000000000000000000\",\"firmware_version\":"
			"\"7\"}",
			"decision: firmware_version: expected lower-case hex of the right length"},
		{"more", "1", "decision: more: unknown key"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct decision_facts f = some_facts(), back;
		json_t *value = decision_facts_json(&f);
		json_object_set_new(
			value, wrong[i].key, json_loads(wrong[i].value, JSON_DECODE_ANY, NULL));
		assert_fails(
			decision_facts_read(value, &back, &err), err, ERR_FORMAT, wrong[i].message);
		json_decref(value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts__written__read_back),
		cmocka_unit_test(facts__without_a_boot__null),
		cmocka_unit_test(facts__of_objects__codes_and_times_only),
		cmocka_unit_test(facts__fields_amiss__named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
