/* SPDX-License-Identifier: Apache-2.0 */
/* The statements that a risk class demands of a release: which count, and for how long. */
#include "statement_scene.h"

/* ---- what counts ---- */

static void demand__met_by_a_trusted_key__trusted_and_named(void **state)
{
	(void)state;
	say_built(BINARY, "https://ci.example", 0, keys.other);
	demand("      - {kind: provenance, name: build, builder: [\"https://ci.example\"]}\n");
	assert_trusted(s);
	assert_string_equal(s->verdict->checked[1], "statement build: 1 signed by ci");
	assert_int_equal(list.count, 3);
	assert_string_equal(list.items[2].demand, "statement build: provenance");
	assert_string_equal(list.items[2].by, "1 signed by ci");
	assert_int_equal(list.items[2].expires, 0);
}

static void demand__nothing_said__refused(void **state)
{
	(void)state;
	demand("      - {kind: provenance, name: build}\n");
	assert_refused(s, REASON_STATEMENT_MISSING);
	assert_string_equal(s->verdict->reasons[0].subject, "statement build");
	assert_string_equal(s->verdict->reasons[0].expected, "provenance");
	assert_string_equal(s->verdict->reasons[0].actual, "none");
	assert_false(list.items[2].met);
}

static void P2__statement_of_another_kind__refused(void **state)
{
	(void)state;
	say_tested("PASSED", keys.other);
	demand("      - {kind: provenance, name: build}\n");
	assert_refused(s, REASON_STATEMENT_MISSING);
}

static void demand__signed_by_a_key_not_trusted_for_the_kind__refused(void **state)
{
	(void)state;
	say_built(BINARY, "b", 0, keys.instance); /* lab: no builder */
	demand("      - {kind: provenance, name: build}\n");
	assert_unmet(REASON_STATEMENT_SIGNATURE, "not signed by any of them");
}

static void demand__signed_by_another_key_than_demanded__refused(void **state)
{
	(void)state;
	say_tested("PASSED", keys.other);
	demand("      - {kind: test-result, name: tests, keys: [lab]}\n");
	assert_unmet(REASON_STATEMENT_SIGNATURE, "not signed by any of them");
	demand("      - {kind: test-result, name: tests, keys: [ci]}\n");
	assert_trusted(s);
}

static void demand__each_with_its_own_keys__one_key_meets_its_own_only(void **state)
{
	(void)state;
	say_tested("PASSED", keys.other);
	demand("      - {kind: test-result, name: a, keys: [ci]}\n"
	       "      - {kind: test-result, name: b, keys: [lab]}\n");
	assert_unmet(REASON_STATEMENT_SIGNATURE, "not signed by any of them");
	assert_true(list.items[2].met);
	assert_false(list.items[3].met);
}

static void demand__several_faults__the_first_is_said(void **state)
{
	(void)state;
	say(ELSEWHERE, TEST_RESULT, "{\"result\":\"FAILED\",\"configuration\":[]}", keys.alice);
	demand("      - {kind: test-result, name: tests}\n");
	assert_unmet(REASON_STATEMENT_SIGNATURE, "not signed by any of them");
}

static void demand__signed_by_the_release_key_only__refused(void **state)
{
	(void)state;
	say_built(BINARY, "b", 0, keys.builder);
	demand("      - {kind: provenance, name: build}\n");
	assert_unmet(REASON_STATEMENT_SIGNATURE, "not signed by any of them");
}

static void P15__statement_of_something_else__refused(void **state)
{
	(void)state;
	say_built(ELSEWHERE, "b", 0, keys.other);
	demand("      - {kind: provenance, name: build}\n");
	assert_unmet(REASON_STATEMENT_OTHER, "of something else");
}

static void P11__digest_of_another_kind_as_subject__refused(void **state)
{
	(void)state;
	say_built(MODEL, "b", 0, keys.other);
	demand("      - {kind: provenance, name: build}\n");
	assert_unmet(REASON_STATEMENT_OTHER, "of something else");
}

static void demand__of_a_directory_by_its_manifest__trusted(void **state)
{
	(void)state;
	s->components[MODEL].kind = COMPONENT_TREE_SHA256;
	scene_release(s);
	say_built(MODEL, "b", 0, keys.other);
	demand("      - {kind: provenance, name: build}\n");
	assert_trusted(s);
}

static void demand__of_another_builder__refused(void **state)
{
	(void)state;
	say_built(BINARY, "https://laptop.example", 0, keys.other);
	demand("      - {kind: provenance, name: build, builder: [\"https://ci.example\"]}\n");
	assert_unmet(REASON_STATEMENT_CONTENT, "builder https://laptop.example");
	assert_string_equal(s->verdict->reasons[1].expected, "https://ci.example");
}

static void demand__of_another_type__refused(void **state)
{
	(void)state;
	say_assessed(EVALUATION, "passed", SCENE_NOW - 9, SCENE_NOW + 9, "");
	demand("      - {kind: assessment, name: red-team, type: \"" RED_TEAM "\"}\n");
	assert_unmet(REASON_STATEMENT_OTHER, "type " EVALUATION);
}

static void demand__failed_or_warned_tests__refused_unless_the_class_allows(void **state)
{
	(void)state;
	say_tested("FAILED", keys.other);
	demand("      - {kind: test-result, name: tests}\n");
	assert_unmet(REASON_STATEMENT_CONTENT, "failed");
	demand("      - {kind: test-result, name: tests, passed: false}\n");
	assert_trusted(s);
	count = 0;
	buf_clear(&envelopes[0]);
	say_tested("WARNED", keys.other);
	demand("      - {kind: test-result, name: tests}\n");
	assert_unmet(REASON_STATEMENT_CONTENT, "warned");
}

static void demand__assessment_that_failed__refused(void **state)
{
	(void)state;
	say_assessed(RED_TEAM, "failed", SCENE_NOW - 9, SCENE_NOW + 9, "");
	demand("      - {kind: assessment, name: red-team, type: \"" RED_TEAM "\"}\n");
	assert_unmet(REASON_STATEMENT_CONTENT, "failed");
}

static void say_verified(const char *result, const char *levels, int64_t time)
{
	char text[512], when[TIME_TEXT_MAX];

	snprintf(text, sizeof(text),
		"{\"verifier\":{\"id\":\"v\"},\"timeVerified\":\"%s\",\"resourceUri\":\"r\","
		"\"policy\":{\"uri\":\"p\",\"digest\":{\"sha256\":\"%064d\"}},"
		"\"verificationResult\":\"%s\",\"verifiedLevels\":[%s]}",
		time_format(time, when), 7, result, levels);
	say(BINARY, VSA, text, keys.instance);
}

static void demand__levels_of_a_summary__each_must_be_there(void **state)
{
	(void)state;
	say_verified("PASSED", "\"SLSA_BUILD_LEVEL_2\"", SCENE_NOW - 9);
	demand("      - {kind: vsa, name: slsa, levels: [SLSA_BUILD_LEVEL_2]}\n");
	assert_trusted(s);
	demand("      - {kind: vsa, name: slsa, levels: [SLSA_BUILD_LEVEL_2, MINE]}\n");
	assert_unmet(REASON_STATEMENT_CONTENT, "this level was not verified");
}

static void demand__summary_that_failed__refused(void **state)
{
	(void)state;
	say_verified("FAILED", "", SCENE_NOW - 9);
	demand("      - {kind: vsa, name: slsa}\n");
	assert_unmet(REASON_STATEMENT_CONTENT, "failed");
}

static void demand__bom__trusted(void **state)
{
	(void)state;
	say(BINARY, "https://cyclonedx.org/bom",
		"{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.7\"}", keys.other);
	demand("      - {kind: bom, name: bom}\n");
	assert_trusted(s);
}

/* ---- metrics ---- */

static void demand__metrics__within_their_bounds_only(void **state)
{
	static const struct {
		const char *metrics, *actual; /* NULL: counts */
	} cases[] = {
		{"\"accuracy\":0.9,\"toxicity\":0.02", NULL},
		{"\"accuracy\":1,\"toxicity\":-1", NULL},
		{"\"accuracy\":0.8999999,\"toxicity\":0.02", "0.8999999"},
		{"\"accuracy\":0.9,\"toxicity\":0.0200001", "0.0200001"},
		{"\"toxicity\":0.02", "not reported"},
		{"\"Accuracy\":1,\"toxicity\":0", "not reported"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		count = 0;
		buf_clear(&envelopes[0]);
		say_assessed(EVALUATION, "passed", SCENE_NOW - 9, SCENE_NOW + 9, cases[i].metrics);
		demand("      - kind: assessment\n        name: eval\n        type: \"" EVALUATION
		       "\"\n        metrics: [ {name: accuracy, min: 0.9}, "
		       "{name: toxicity, max: 0.02} ]\n");
		if (cases[i].actual)
			assert_unmet(REASON_STATEMENT_CONTENT, cases[i].actual);
		else
			assert_trusted(s);
	}
}

/* ---- time ---- */

#define AGED "      - {kind: provenance, name: build, max_age: 1h}\n"

static void P8__statement_older_than_the_class_allows__refused_and_foretold(void **state)
{
	(void)state;
	say_built(BINARY, "b", SCENE_NOW - 3600, keys.other);
	demand(AGED);
	assert_trusted(s);
	assert_int_equal(list.items[2].expires, SCENE_NOW + 1);
	assert_int_equal(list.expires, SCENE_NOW + 1);
	judge_at(SCENE_NOW + 1);
	assert_unmet(REASON_STATEMENT_EXPIRED, "made at 2027-01-15T07:00:00Z");
}

static void P8__statement_without_a_time_where_age_counts__refused(void **state)
{
	(void)state;
	say_built(BINARY, "b", 0, keys.other);
	demand(AGED);
	assert_unmet(REASON_STATEMENT_EXPIRED, "does not say when");
}

static void P8__statement_from_the_future__refused(void **state)
{
	(void)state;
	say_built(BINARY, "b", SCENE_NOW + 60, keys.other);
	demand("      - {kind: provenance, name: build}\n");
	assert_trusted(s);
	judge_at(SCENE_NOW - 1);
	assert_unmet(REASON_STATEMENT_EXPIRED, "made at 2027-01-15T08:01:00Z");
}

static void P8__summary_from_the_future__refused(void **state)
{
	(void)state;
	say_verified("PASSED", "", SCENE_NOW + 61);
	demand("      - {kind: vsa, name: slsa}\n");
	assert_unmet(REASON_STATEMENT_EXPIRED, "made at 2027-01-15T08:01:01Z");
}

static void P8__assessment__counts_until_it_expires(void **state)
{
	(void)state;
	say_assessed(RED_TEAM, "passed", SCENE_NOW - 9, SCENE_NOW + 9, "");
	demand("      - {kind: assessment, name: red-team, type: \"" RED_TEAM "\"}\n");
	assert_trusted(s);
	assert_int_equal(list.expires, SCENE_NOW + 9);
	judge_at(SCENE_NOW + 8);
	assert_trusted(s);
	judge_at(SCENE_NOW + 9);
	assert_unmet(REASON_STATEMENT_EXPIRED, "expired at 2027-01-15T08:00:09Z");
}

static void P8__assessment_too_old_by_the_class__refused(void **state)
{
	(void)state;
	say_assessed(RED_TEAM, "passed", SCENE_NOW - 7, SCENE_NOW + 9, "");
	demand("      - {kind: assessment, name: red-team, type: \"" RED_TEAM "\", max_age: 5s}\n");
	assert_unmet(REASON_STATEMENT_EXPIRED, "made at 2027-01-15T07:59:53Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(demand__met_by_a_trusted_key__trusted_and_named),
		T(demand__nothing_said__refused),
		T(P2__statement_of_another_kind__refused),
		T(demand__signed_by_a_key_not_trusted_for_the_kind__refused),
		T(demand__signed_by_another_key_than_demanded__refused),
		T(demand__each_with_its_own_keys__one_key_meets_its_own_only),
		T(demand__several_faults__the_first_is_said),
		T(demand__signed_by_the_release_key_only__refused),
		T(P15__statement_of_something_else__refused),
		T(P11__digest_of_another_kind_as_subject__refused),
		T(demand__of_a_directory_by_its_manifest__trusted),
		T(demand__of_another_builder__refused),
		T(demand__of_another_type__refused),
		T(demand__failed_or_warned_tests__refused_unless_the_class_allows),
		T(demand__assessment_that_failed__refused),
		T(demand__levels_of_a_summary__each_must_be_there),
		T(demand__summary_that_failed__refused),
		T(demand__bom__trusted),
		T(demand__metrics__within_their_bounds_only),
		T(P8__statement_older_than_the_class_allows__refused_and_foretold),
		T(P8__statement_without_a_time_where_age_counts__refused),
		T(P8__statement_from_the_future__refused),
		T(P8__summary_from_the_future__refused),
		T(P8__assessment__counts_until_it_expires),
		T(P8__assessment_too_old_by_the_class__refused),
#undef T
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
