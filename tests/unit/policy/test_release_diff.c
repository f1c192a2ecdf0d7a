/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two releases, in words. */
#include "policy/checklist.h"

#include "base/json.h"
#include "tests/support/unit.h"

#define T_(text) ((char *)(uintptr_t)(text))

static struct release_component from_parts[2], to_parts[2];
static char *from_data[1], *to_data[1];
static struct release from, to;
static json_t *diff;

static int setup(void **state)
{
	(void)state;
	from_parts[0] = (struct release_component){.name = T_("binary"),
		.role = T_("binary"),
		.path = T_("/a"),
		.kind = COMPONENT_SHA256,
		.files = 1};
	from_parts[1] = (struct release_component){.name = T_("model"),
		.role = T_("model"),
		.path = T_("/m"),
		.kind = COMPONENT_SHA256,
		.files = 1};
	from_data[0] = T_("june");
	from = (struct release){.name = T_("ocr"),
		.version = T_("1"),
		.workload = T_("w"),
		.owner = T_("o"),
		.author = T_("dave"),
		.purpose = T_("p"),
		.risk_class = T_("low"),
		.model_version = T_("4.1"),
		.dataset_snapshots = from_data,
		.dataset_count = 1,
		.components = from_parts,
		.component_count = 2};
	memcpy(to_parts, from_parts, sizeof(to_parts));
	to_data[0] = from_data[0];
	to = from;
	to.components = to_parts;
	to.dataset_snapshots = to_data;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	json_release(&diff);
	return 0;
}

static void compare(void)
{
	json_release(&diff);
	diff = release_diff(&from, &to);
	assert_non_null(diff);
}

static void assert_one(size_t i, const char *subject, const char *change)
{
	const json_t *one = json_array_get(diff, i);

	assert_string_equal(json_string_value(json_object_get(one, "subject")), subject);
	assert_string_equal(json_string_value(json_object_get(one, "change")), change);
	assert_int_equal(json_is_null(json_object_get(one, "from")), strcmp(change, "added") == 0);
	assert_int_equal(json_is_null(json_object_get(one, "to")), strcmp(change, "removed") == 0);
}

static void diff__the_same_but_for_version_and_author__nothing(void **state)
{
	(void)state;
	to.version = T_("2");
	to.author = T_("erin");
	memset(to.digest, 9, sizeof(to.digest));
	compare();
	assert_int_equal(json_array_size(diff), 0);
}

static void diff__each_text__said(void **state)
{
	const struct {
		char **field;
		const char *subject, *change;
	} cases[] = {
		{&to.workload, "workload", "changed"},
		{&to.purpose, "purpose", "changed"},
		{&to.owner, "owner", "changed"},
		{&to.risk_class, "risk class", "changed"},
		{&to.model_version, "model version", "changed"},
		{&to.code_commit, "code commit", "added"},
		{&to.change_request, "change request", "added"},
		{&to.base_release, "base release", "added"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		setup(NULL);
		*cases[i].field = T_("another");
		compare();
		assert_int_equal(json_array_size(diff), 1);
		assert_one(0, cases[i].subject, cases[i].change);
	}
	setup(NULL);
	to.model_version = NULL;
	compare();
	assert_one(0, "model version", "removed");
}

static void diff__spec_and_datasets__said(void **state)
{
	(void)state;
	memset(to.spec, 1, sizeof(to.spec));
	to_data[0] = T_("july");
	compare();
	assert_int_equal(json_array_size(diff), 3);
	assert_one(0, "workload spec", "changed");
	assert_one(1, "dataset", "removed");
	assert_one(2, "dataset", "added");
}

static void diff__component_by_digest_kind_role_or_path__changed(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		setup(NULL);
		if (i == 0)
			to_parts[1].digest[31] = 1;
		else if (i == 1)
			to_parts[1].kind = COMPONENT_FSVERITY;
		else if (i == 2)
			to_parts[1].role = T_("config");
		else
			to_parts[1].path = T_("/n");
		compare();
		assert_int_equal(json_array_size(diff), 1);
		assert_one(0, "component model", "changed");
	}
}

static void diff__component_renamed__removed_and_added(void **state)
{
	(void)state;
	to_parts[1].name = T_("weights");
	compare();
	assert_int_equal(json_array_size(diff), 2);
	assert_one(0, "component model", "removed");
	assert_one(1, "component weights", "added");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(diff__the_same_but_for_version_and_author__nothing),
		T(diff__each_text__said),
		T(diff__spec_and_datasets__said),
		T(diff__component_by_digest_kind_role_or_path__changed),
		T(diff__component_renamed__removed_and_added),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
