/* SPDX-License-Identifier: Apache-2.0 */
/* The checklist as a list: what it takes, where it ends, how it is cut and written; and the gate's answer around it. */
#include "policy/checklist.h"

#include "policy/policy.h"
#include "policy/release_case.h"
#include "tests/support/unit.h"

#define NOW INT64_C(1800000000)

static struct checklist list;
static struct release_case judged;
static struct verdict verdict;
static json_t *json;
static struct err err;

static int setup(void **state)
{
	(void)state;
	list = (struct checklist){0};
	judged = (struct release_case){.list = &list};
	verdict = (struct verdict){0};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	json_release(&json);
	return 0;
}

static void put(bool met, int64_t end)
{
	checklist_put(&judged, met, end, "somebody", "item %zu", list.count);
}

static void list__end__the_earliest_of_what_is_met(void **state)
{
	(void)state;
	put(true, NEVER);
	assert_int_equal(list.expires, 0);
	put(true, NOW + 50);
	assert_int_equal(list.expires, NOW + 50);
	put(true, NOW + 70);
	assert_int_equal(list.expires, NOW + 50);
	put(true, NOW + 30);
	assert_int_equal(list.expires, NOW + 30);
	put(true, NEVER);
	assert_int_equal(list.expires, NOW + 30);
	put(false, NOW + 10); /* it ends nothing that is not met */
	assert_int_equal(list.expires, NOW + 30);
	assert_int_equal(list.items[5].expires, 0);
}

static void list__met__when_each_item_is(void **state)
{
	(void)state;
	assert_false(list.met);
	put(true, NEVER);
	assert_true(list.met);
	put(true, NEVER);
	assert_true(list.met);
	put(false, NEVER);
	assert_false(list.met);
	put(true, NEVER);
	assert_false(list.met);
	setup(NULL);
	put(false, NEVER);
	assert_false(list.met);
}

static void list__nobody_asked__nothing_kept(void **state)
{
	(void)state;
	judged.list = NULL;
	checklist_put(&judged, true, NEVER, "somebody", "an item");
	assert_int_equal(list.count, 0);
}

static void list__full__takes_no_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < CHECKLIST_MAX; i++)
		put(true, NEVER);
	assert_int_equal(list.count, CHECKLIST_MAX);
	put(false, NEVER);
	assert_int_equal(list.count, CHECKLIST_MAX);
	assert_true(list.met);
}

/* A character of three bytes that does not fit goes whole, whichever of its bytes had room. */
static void list__text_too_long__cut_at_a_character(void **state)
{
	(void)state;
	for (size_t room = 0; room < 3; room++) {
		char text[REASON_TEXT_MAX + 8];
		size_t before = REASON_TEXT_MAX - 1 - room;

		memset(text, 'x', before);
		memcpy(text + before, "\xe2\x82\xac", 4);
		setup(NULL);
		checklist_put(&judged, true, NEVER, text, "%s", text);
		assert_int_equal(strlen(list.items[0].by), before);
		assert_int_equal(strlen(list.items[0].demand), before);
		assert_memory_equal(list.items[0].by, text, before);
	}
}

/* Nothing but half a character is nothing. */
static void list__text_of_broken_bytes_alone__empty(void **state)
{
	(void)state;
	checklist_put(&judged, true, NEVER, "\xe2\x82", "\xe2");
	assert_string_equal(list.items[0].by, "");
	assert_string_equal(list.items[0].demand, "");
}

static void assert_json(const char *wanted)
{
	char *text;

	assert_non_null(json);
	text = json_dumps(json, JSON_SORT_KEYS | JSON_COMPACT);
	assert_non_null(text);
	assert_string_equal(text, wanted);
	free(text);
}

static void list__in_json__times_where_there_are_any(void **state)
{
	(void)state;
	json = checklist_json(&list);
	assert_json("{\"expires\":null,\"items\":[],\"met\":false}");
	json_release(&json);
	put(true, NOW);
	put(false, NOW);
	json = checklist_json(&list);
	assert_json("{\"expires\":\"2027-01-15T08:00:00Z\",\"items\":["
		    "{\"by\":\"somebody\",\"demand\":\"item 0\",\"expires\":"
		    "\"2027-01-15T08:00:00Z\",\"met\":true},"
		    "{\"by\":\"somebody\",\"demand\":\"item 1\",\"expires\":null,\"met\":false}],"
		    "\"met\":false}");
}

static void gate__release_that_did_not_parse__its_members_are_missing(void **state)
{
	(void)state;
	assert_ok(gate_json(NULL, "prod", &list, &verdict, &json, &err), err);
	assert_int_equal(json_object_size(json), 3);
	assert_string_equal(json_string_value(json_object_get(json, "environment")), "prod");
	assert_true(json_is_object(json_object_get(json, "checklist")));
	assert_true(json_is_object(json_object_get(json, "verdict")));
}

static void gate__release__named(void **state)
{
	struct release release = {.name = (char *)(uintptr_t) "ocr",
		.version = (char *)(uintptr_t) "1.4.0",
		.workload = (char *)(uintptr_t) "ocr-agent",
		.risk_class = (char *)(uintptr_t) "low"};

	(void)state;
	memset(release.digest, 0xab, SHA256_LEN);
	assert_ok(gate_json(&release, "prod", &list, &verdict, &json, &err), err);
	assert_int_equal(json_object_size(json), 8);
	assert_string_equal(json_string_value(json_object_get(json, "release")),
		"abababababababababababababababababababababababababababababababab");
	assert_string_equal(json_string_value(json_object_get(json, "name")), "ocr");
	assert_string_equal(json_string_value(json_object_get(json, "version")), "1.4.0");
	assert_string_equal(json_string_value(json_object_get(json, "workload")), "ocr-agent");
	assert_string_equal(json_string_value(json_object_get(json, "risk_class")), "low");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(list__end__the_earliest_of_what_is_met),
		T(list__met__when_each_item_is),
		T(list__nobody_asked__nothing_kept),
		T(list__full__takes_no_more),
		T(list__text_too_long__cut_at_a_character),
		T(list__text_of_broken_bytes_alone__empty),
		T(list__in_json__times_where_there_are_any),
		T(gate__release_that_did_not_parse__its_members_are_missing),
		T(gate__release__named),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
