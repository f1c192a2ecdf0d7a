/* SPDX-License-Identifier: Apache-2.0 */
/* Bills of materials beside a release, held against what a risk class demands of them. */
#include "bom_scene.h"

/* ---- what it describes ---- */

static void bom__of_the_model__counts(void **state)
{
	(void)state;
	say_bom(MODEL, MODEL_TYPE, MODEL, NULL, PLAIN);
	demand("");
	assert_trusted(s);
	assert_string_equal(list.items[2].by, "1 signed by ci");
}

static void P15__bom_of_another_model__refused(void **state)
{
	(void)state;
	say_bom(MODEL, MODEL_TYPE, ELSEWHERE, NULL, PLAIN);
	demand("");
	assert_unmet("a BOM that describes its subject", "describes another model: llm");
}

/* Both are of the release; still the BOM is not about what it is said to be about. */
static void P15__bom_of_one_component_said_of_another__refused(void **state)
{
	(void)state;
	say_bom(BINARY, MODEL_TYPE, MODEL, NULL, PLAIN);
	demand("");
	assert_unmet("a BOM that describes its subject", "describes another model: llm");
}

static void bom__of_the_release_as_a_whole__describes_any_component(void **state)
{
	(void)state;
	say_bom(RELEASE, MODEL_TYPE, MODEL, NULL, PLAIN);
	demand("");
	assert_trusted(s);
	count = 0;
	say_bom(RELEASE, "application", RELEASE, NULL, PLAIN);
	demand("");
	assert_trusted(s);
	count = 0;
	say_bom(RELEASE, MODEL_TYPE, ELSEWHERE, NULL, PLAIN);
	demand("");
	assert_unmet("a BOM that describes its subject", "describes another model: llm");
}

static void P15__bom_of_a_program_with_another_model__refused(void **state)
{
	(void)state;
	say_program(BINARY, MODEL);
	demand("");
	assert_trusted(s);
	count = 0;
	say_program(BINARY, ELSEWHERE);
	demand("");
	assert_unmet("a BOM that describes its subject", "describes another model: inner");
}

/* What cannot be compared is not another; but it is not shown to be the one either. */
static void bom__of_a_model_known_by_fs_verity__only_through_the_release(void **state)
{
	(void)state;
	s->components[MODEL].kind = COMPONENT_FSVERITY;
	scene_release(s);
	say_program(BINARY, ELSEWHERE);
	demand("");
	assert_unmet("a BOM that describes its subject", "describes another model: inner");
	count = 0;
	say_bom(RELEASE, MODEL_TYPE, ELSEWHERE, NULL, PLAIN);
	demand("");
	assert_trusted(s);
	count = 0;
	say_bom(RELEASE, "application", ELSEWHERE, NULL, PLAIN);
	demand("");
	assert_unmet("a BOM that describes its subject", "describes another software: llm");
	count = 0;
	say_bom(RELEASE, MODEL_TYPE, MODEL, NULL, PLAIN);
	demand(", models: required");
	assert_lacking("1, none of model model by its SHA-256");
}

static void P3__bom_that_cannot_be_read__refused_and_said_why(void **state)
{
	(void)state;
	buf_put_str(&predicate, "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.5\"}");
	say(MODEL, CYCLONEDX);
	demand("");
	assert_unmet("CycloneDX 1.6 or 1.7, or SPDX 3.0.1",
		"CycloneDX: specVersion: neither 1.6 nor 1.7");
	demand(", max_age: 1d");
	assert_int_equal(s->verdict->reasons[1].code, REASON_STATEMENT_EXPIRED);
	assert_string_equal(s->verdict->reasons[1].actual, "does not say when");
}

/* ---- formats ---- */

static void bom__of_a_format_not_named__refused(void **state)
{
	(void)state;
	say_bom(MODEL, MODEL_TYPE, MODEL, NULL, PLAIN);
	demand(", formats: [spdx]");
	assert_unmet("a format that the risk class names", "cyclonedx 1.6");
	demand(", formats: [cyclonedx]");
	assert_trusted(s);
	demand(", formats: [spdx, cyclonedx]");
	assert_trusted(s);
}

/* ---- models and data sets ---- */

static void models__not_described_by_digest__refused(void **state)
{
	(void)state;
	buf_put_str(&predicate,
		"{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.7\","
		"\"components\":[{\"type\":\"" MODEL_TYPE "\",\"name\":\"model\"}]}");
	say(MODEL, CYCLONEDX);
	demand("");
	assert_trusted(s);
	demand(", models: any");
	assert_trusted(s);
	demand(", models: required");
	assert_lacking("1, none of model model by its SHA-256");
	say_bom(MODEL, MODEL_TYPE, MODEL, NULL, PLAIN);
	demand(", models: required");
	assert_trusted(s);
}

/* A file of the same bytes is not described as a model. */
static void models__described_as_a_file__refused(void **state)
{
	(void)state;
	say_bom(MODEL, "file", MODEL, NULL, PLAIN);
	demand(", models: required");
	assert_lacking("1, none of model model by its SHA-256");
}

static char *snapshots[] = {(char *)(uintptr_t) "tessdata@4.1", (char *)(uintptr_t) "notes"};

static void datasets__not_named__refused(void **state)
{
	(void)state;
	s->release.dataset_snapshots = snapshots;
	s->release.dataset_count = 2;
	scene_release(s);
	say_bom(MODEL, MODEL_TYPE, MODEL, NULL,
		UNDER("", "{\"type\":\"dataset\",\"name\":\"notes\"}"));
	demand("");
	assert_trusted(s);
	demand(", datasets: required");
	assert_lacking("1, none of data set tessdata@4.1");
	demand(", datasets: required, covers: [config]");
	assert_lacking("1, none of settings"); /* the components come first */
	say_bom(MODEL, MODEL_TYPE, MODEL, NULL,
		UNDER("", "{\"type\":\"dataset\",\"name\":\"tessdata@4.2\"}"));
	demand(", datasets: required");
	assert_lacking("2, none of data set tessdata@4.1");
	say_bom(MODEL, MODEL_TYPE, MODEL, NULL,
		UNDER("", "") ",\"components\":[{\"type\":\"data\",\"name\":\"tessdata\","
			      "\"version\":\"4.1\"}]");
	demand(", datasets: required");
	assert_trusted(s);
	s->release.dataset_count = 0;
}

/* ---- licences ---- */

static void licenses__of_models_and_data_sets__listed_only(void **state)
{
	static const struct {
		const char *rest, *actual; /* NULL: counts */
	} cases[] = {
		{UNDER("{\"expression\":\"MIT OR X\"}", ""), NULL},
		{UNDER("{\"license\":{\"id\":\"apache-2.0\"}}", ""), NULL},
		{UNDER("{\"license\":{\"id\":\"MIT\"}},{\"license\":{\"id\":\"X\"}}", ""),
			"model llm: X"},
		{UNDER("{\"expression\":\"MIT AND X\"}", ""), "model llm: MIT AND X"},
		{UNDER("{\"license\":{\"name\":\"MIT OR X\"}}", ""), "model llm: MIT OR X"},
		{UNDER("{\"expression\":\"MIT OR\"}", ""), "model llm: MIT OR"},
		{PLAIN, "model llm: states no licence"},
		{UNDER("{\"license\":{\"id\":\"MIT\"}}",
			 "{\"type\":\"dataset\",\"name\":\"notes\"}"),
			"dataset notes: states no licence"},
		{UNDER("{\"license\":{\"id\":\"MIT\"}}", "") ",\"components\":[{\"type\":\"file\","
							     "\"name\":\"f\"}]",
			NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		count = 0;
		say_bom(MODEL, MODEL_TYPE, MODEL, NULL, cases[i].rest);
		demand(", licenses: [MIT, Apache-2.0]");
		if (cases[i].actual)
			assert_unmet("licences that the risk class allows", cases[i].actual);
		else
			assert_trusted(s);
		demand("");
		assert_trusted(s);
	}
}

static void licenses__forbidden__nowhere(void **state)
{
	static const struct {
		const char *licence, *actual; /* NULL: counts */
	} cases[] = {
		{"{\"license\":{\"id\":\"MIT\"}}", NULL},
		{"{\"expression\":\"MIT OR AGPL-3.0-only\"}", NULL},
		{"{\"license\":{\"id\":\"agpl-3.0-only\"}}", "software f: agpl-3.0-only"},
		{"{\"license\":{\"name\":\"AGPL-3.0-only\"}}", "software f: AGPL-3.0-only"},
		{"{\"expression\":\"MIT AND AGPL-3.0-only\"}", "software f: MIT AND AGPL-3.0-only"},
		{"{\"expression\":\"AGPL-3.0-only WITH x\"}", "software f: AGPL-3.0-only WITH x"},
		{"{\"expression\":\"(MIT\"}", "software f: (MIT"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char rest[256];

		count = 0;
		snprintf(rest, sizeof(rest),
			"}},\"components\":[{\"type\":\"file\",\"name\":\"f\",\"licenses\":[%s]}]",
			cases[i].licence);
		say_bom(MODEL, MODEL_TYPE, MODEL, NULL, rest);
		demand(", licenses_forbidden: [AGPL-3.0-only]");
		if (cases[i].actual)
			assert_unmet("licences that the risk class allows", cases[i].actual);
		else
			assert_trusted(s);
	}
}

/* ---- time ---- */

static void P8__bom_older_than_the_class_allows__refused_and_foretold(void **state)
{
	(void)state;
	say_bom(MODEL, MODEL_TYPE, MODEL, ago(3600), PLAIN);
	demand(", max_age: 1h");
	assert_trusted(s);
	assert_int_equal(list.expires, SCENE_NOW + 1);
	judge_at(SCENE_NOW + 1);
	assert_int_equal(s->verdict->reasons[1].code, REASON_STATEMENT_EXPIRED);
	assert_string_equal(s->verdict->reasons[1].actual, "made at 2027-01-15T07:00:00Z");
	count = 0;
	say_bom(MODEL, MODEL_TYPE, MODEL, ago(-61), PLAIN);
	demand("");
	assert_int_equal(s->verdict->reasons[1].code, REASON_STATEMENT_EXPIRED);
}

/* Of two BOMs the younger one lives longer, but it does not show the model. */
static void bom__end_of_what_is_needed__is_the_end(void **state)
{
	(void)state;
	say_bom(MODEL, MODEL_TYPE, MODEL, ago(50), PLAIN);
	say_bom(MODEL, "file", MODEL, ago(10), PLAIN);
	demand(", max_age: 100s");
	assert_int_equal(list.expires, SCENE_NOW + 91);
	demand(", max_age: 100s, models: required");
	assert_trusted(s);
	assert_int_equal(list.expires, SCENE_NOW + 51);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(bom__of_the_model__counts),
		T(P15__bom_of_another_model__refused),
		T(P15__bom_of_one_component_said_of_another__refused),
		T(bom__of_the_release_as_a_whole__describes_any_component),
		T(P15__bom_of_a_program_with_another_model__refused),
		T(bom__of_a_model_known_by_fs_verity__only_through_the_release),
		T(P3__bom_that_cannot_be_read__refused_and_said_why),
		T(bom__of_a_format_not_named__refused),
		T(models__not_described_by_digest__refused),
		T(models__described_as_a_file__refused),
		T(datasets__not_named__refused),
		T(licenses__of_models_and_data_sets__listed_only),
		T(licenses__forbidden__nowhere),
		T(P8__bom_older_than_the_class_allows__refused_and_foretold),
		T(bom__end_of_what_is_needed__is_the_end),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
