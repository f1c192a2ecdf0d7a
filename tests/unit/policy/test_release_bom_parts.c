/* SPDX-License-Identifier: Apache-2.0 */
/* Bills of materials: which component of a release a digest stands for, and which it does not; what several show together. */
#include "bom_scene.h"

#define OTHER_MODEL "describes another model: llm"
#define SUBJECT     "a BOM that describes its subject"
#define SETTINGS    2

static char *const snapshots[] = {(char *)(uintptr_t) "tessdata@4.1", (char *)(uintptr_t) "notes"};

static void bom__of_a_directory__by_its_manifest(void **state)
{
	(void)state;
	s->components[MODEL].kind = COMPONENT_TREE_SHA256;
	scene_release(s);
	say_bom(MODEL, MODEL_TYPE, MODEL, NULL, PLAIN);
	demand(", models: required");
	assert_trusted(s);
	count = 0;
	say_bom(RELEASE, MODEL_TYPE, MODEL, NULL, PLAIN);
	demand(", models: required");
	assert_trusted(s);
}

static void bom__of_the_first_component__counts(void **state)
{
	(void)state;
	say_bom(BINARY, MODEL_TYPE, BINARY, NULL, PLAIN);
	demand("");
	assert_trusted(s);
}

/* A digest of fs-verity is of something else than a SHA-256, even where the bytes are the same. */
static void P15__bom_whose_digest_is_one_of_fs_verity__describes_another(void **state)
{
	(void)state;
	s->components[SETTINGS].kind = COMPONENT_FSVERITY;
	scene_release(s);
	say_bom(RELEASE, MODEL_TYPE, SETTINGS, NULL, PLAIN);
	demand("");
	assert_unmet(SUBJECT, OTHER_MODEL);
	count = 0;
	say_program(BINARY, SETTINGS);
	demand("");
	assert_unmet(SUBJECT, "describes another model: inner");
	count = 0;
	say_bom(RELEASE, MODEL_TYPE, ELSEWHERE, NULL, PLAIN);
	demand(""); /* it is no model that could not be compared */
	assert_unmet(SUBJECT, OTHER_MODEL);
}

/* Said of a component, it does not describe the release. */
static void P15__bom_of_the_release_said_of_a_component__refused(void **state)
{
	(void)state;
	say_bom(MODEL, MODEL_TYPE, RELEASE, NULL, PLAIN);
	demand("");
	assert_unmet(SUBJECT, OTHER_MODEL);
}

static void bom__of_a_program__any_part_of_the_release_may_be_its_model(void **state)
{
	static const int parts[] = {BINARY, MODEL, SETTINGS};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		count = 0;
		say_program(parts[i] == SETTINGS ? BINARY : SETTINGS, parts[i]);
		demand("");
		assert_trusted(s);
	}
}

/* The first component is the model, and what it is known by cannot be compared. */
static void bom__of_a_first_component_known_by_fs_verity__not_another(void **state)
{
	(void)state;
	s->components[BINARY].role = (char *)(uintptr_t) "model";
	s->components[BINARY].kind = COMPONENT_FSVERITY;
	scene_release(s);
	say_bom(RELEASE, MODEL_TYPE, ELSEWHERE, NULL, PLAIN);
	demand("");
	assert_trusted(s);
	demand(", models: required");
	assert_lacking("1, none of model binary by its SHA-256");
}

/* ---- licences ---- */

static void licenses__one_allowed__the_only_one(void **state)
{
	(void)state;
	say_bom(MODEL, MODEL_TYPE, MODEL, NULL, UNDER("{\"license\":{\"id\":\"X\"}}", ""));
	demand(", licenses: [MIT]");
	assert_unmet("licences that the risk class allows", "model llm: X");
	demand(", licenses: [X]");
	assert_trusted(s);
}

/* What is not forbidden is not allowed for that. */
static void licenses__some_allowed_and_some_forbidden__both_hold(void **state)
{
	(void)state;
	say_bom(MODEL, MODEL_TYPE, MODEL, NULL, UNDER("{\"license\":{\"id\":\"X\"}}", ""));
	demand(", licenses: [MIT], licenses_forbidden: [GPL-3.0-only]");
	assert_unmet("licences that the risk class allows", "model llm: X");
	demand(", licenses: [MIT, X], licenses_forbidden: [GPL-3.0-only]");
	assert_trusted(s);
}

/* ---- together ---- */

/* A model without a digest, and one with another's, are not the release's. */
static void P15__models__shown_by_their_own_digest_alone(void **state)
{
	(void)state;
	s->components[BINARY].role = (char *)(uintptr_t) "model";
	scene_release(s);
	say_bom(MODEL, MODEL_TYPE, MODEL, NULL, PLAIN);
	demand(", models: required");
	assert_lacking("1, none of model binary by its SHA-256");
	say_bom(BINARY, MODEL_TYPE, BINARY, NULL, PLAIN);
	demand(", models: required");
	assert_trusted(s);
}

static void models__without_a_digest__not_shown(void **state)
{
	(void)state;
	memset(s->components[MODEL].digest, 0, SHA256_LEN);
	scene_release(s);
	buf_put_str(&predicate, "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\",\"metadata\":"
				"{\"component\":{\"type\":\"" MODEL_TYPE "\",\"name\":\"llm\"}}}");
	say(MODEL, CYCLONEDX);
	demand("");
	assert_trusted(s);
	demand(", models: required");
	assert_lacking("1, none of model model by its SHA-256");
}

/* The first that lacks is said, models before data sets. */
static void lacking__several__the_first_is_said(void **state)
{
	(void)state;
	s->components[BINARY].role = (char *)(uintptr_t) "model";
	s->release.dataset_snapshots = (char **)(uintptr_t)snapshots;
	s->release.dataset_count = 2;
	scene_release(s);
	say_bom(SETTINGS, "file", SETTINGS, NULL, PLAIN);
	demand(", models: required, datasets: required");
	assert_lacking("1, none of model binary by its SHA-256");
	demand(", datasets: required");
	assert_lacking("1, none of data set tessdata@4.1");
	s->release.dataset_count = 0;
}

/* What does not count shows nothing: not even what cannot be read. */
static void models__shown_by_what_does_not_count__lacking(void **state)
{
	(void)state;
	say_bom(SETTINGS, "file", SETTINGS, ago(10), PLAIN);
	say_bom(MODEL, MODEL_TYPE, MODEL, ago(200), PLAIN); /* too old */
	views[count++] = BYTES_LIT("junk");
	demand(", max_age: 100s, models: required");
	assert_int_equal(s->verdict->reasons[0].code, REASON_STATEMENT_MISSING);
	assert_string_equal(s->verdict->reasons[0].actual, "1, none of model model by its SHA-256");
}

/* Of two BOMs the younger one lives longer, but it does not name the data set. */
static void datasets__end_of_what_names_them__is_the_end(void **state)
{
	(void)state;
	s->release.dataset_snapshots = (char **)(uintptr_t)&snapshots[1];
	s->release.dataset_count = 1;
	scene_release(s);
	say_bom(MODEL, MODEL_TYPE, MODEL, ago(50),
		UNDER("", "{\"type\":\"dataset\",\"name\":\"notes\"}"));
	say_bom(MODEL, MODEL_TYPE, MODEL, ago(10), PLAIN);
	demand(", max_age: 100s, datasets: required");
	assert_trusted(s);
	assert_int_equal(list.expires, SCENE_NOW + 51);
	s->release.dataset_count = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(bom__of_a_directory__by_its_manifest),
		T(bom__of_the_first_component__counts),
		T(P15__bom_whose_digest_is_one_of_fs_verity__describes_another),
		T(P15__bom_of_the_release_said_of_a_component__refused),
		T(bom__of_a_program__any_part_of_the_release_may_be_its_model),
		T(bom__of_a_first_component_known_by_fs_verity__not_another),
		T(licenses__one_allowed__the_only_one),
		T(licenses__some_allowed_and_some_forbidden__both_hold),
		T(P15__models__shown_by_their_own_digest_alone),
		T(models__without_a_digest__not_shown),
		T(lacking__several__the_first_is_said),
		T(models__shown_by_what_does_not_count__lacking),
		T(datasets__end_of_what_names_them__is_the_end),
#undef T
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
