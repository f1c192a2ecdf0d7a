/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/attest/scratch_tree.h"

#include "attest/spec.h"

static struct spec spec;
static struct measured_component component;
static struct err err;

static int setup(void **state)
{
	memset(&err, 0, sizeof(err));
	return tree_make(state);
}

static int teardown(void **state)
{
	measured_component_release(&component);
	spec_release(&spec);
	return tree_remove(state);
}

/* A spec of a program "agent" and a component "model", both in the scratch directory; `more` stands behind. */
static void parse(const char *model, const char *more)
{
	char text[8 * PATH_MAX];
	spec_release(&spec);
	snprintf(text, sizeof(text),
		"workload: w\ncommand: [%s]\ncomponents:\n  - {name: agent, role: binary, path: "
		"%s}\n"
		"  - {name: model, role: model, path: %s}\n%s",
		tree_path("agent"), tree_path("agent"), model, more);
	if (!spec_parse(bytes_str(text), "w.yaml", &spec, &err))
		fail_msg("%s", err.text);
}

static void assert_refused(enum err_code code, const char *why)
{
	memset(&err, 0, sizeof(err));
	assert_false(spec_accept(&spec, &err));
	if (!strstr(err.text, why))
		fail_msg("\"%s\" lacks \"%s\"", err.text, why);
	assert_int_equal(err.code, code);
	assert_false(spec.accepted);
}

static void accept_spec(void)
{
	if (!spec_accept(&spec, &err))
		fail_msg("%s", err.text);
}

static void spec_accept__links__resolved_and_both_paths_kept(void **state)
{
	(void)state;
	tree_file("agent", "x");
	tree_directory("v1");
	tree_file("v1/weights", "x");
	tree_link("v1", "current");
	parse(tree_path("current"), "");
	accept_spec();
	assert_true(spec.accepted);
	assert_string_equal(spec.components[1].path, tree_path("current"));
	assert_string_equal(spec.components[1].canonical, tree_path("v1"));
	assert_true(spec.components[1].directory);
	assert_false(spec.components[0].directory);
	assert_string_equal(spec.working_directory_canonical, "/");
	assert_false(spec.has_user);
}

static void M2__link_changed_after_acceptance__the_accepted_file_is_measured(void **state)
{
	(void)state;
	uint8_t good[SHA256_LEN];
	tree_file("agent", "x");
	tree_file("good", "good");
	tree_file("bad", "bad");
	tree_link("good", "model");
	parse(tree_path("model"), "");
	accept_spec();
	assert_int_equal(unlink(tree_path("model")), 0);
	tree_link("bad", "model");
	assert_true(measure_component(&spec.components[1], 1, &component, &err));
	assert_true(sha256_of(BYTES_LIT("good"), good, NULL));
	assert_memory_equal(component.digest, good, SHA256_LEN);
}

static void M2__canonical_path_becomes_a_link__refused(void **state)
{
	(void)state;
	tree_file("agent", "x");
	tree_file("model", "good");
	tree_file("bad", "bad");
	parse(tree_path("model"), "");
	accept_spec();
	assert_int_equal(unlink(tree_path("model")), 0);
	tree_link("bad", "model");
	assert_false(measure_component(&spec.components[1], 1, &component, &err));
	assert_non_null(strstr(err.text, "component model: "));
	assert_non_null(strstr(err.text, "symbolic link"));
}

static void spec_accept__twice__refused(void **state)
{
	(void)state;
	tree_file("agent", "x");
	tree_file("model", "x");
	parse(tree_path("model"), "");
	accept_spec();
	assert_false(spec_accept(&spec, &err));
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_string_equal(err.text, "workload w: accepted already");
}

static void spec_accept__again_after_a_failure__accepted(void **state)
{
	(void)state;
	tree_file("agent", "x");
	parse(tree_path("model"), "");
	assert_refused(ERR_NOT_FOUND, "workload w: component model: ");
	tree_file("model", "x");
	accept_spec();
}

static void M5__special_files__refused_without_blocking(void **state)
{
	(void)state;
	tree_file("agent", "x");
	tree_fifo("fifo");
	tree_socket("socket");
	parse(tree_path("fifo"), "");
	assert_refused(ERR_FORMAT, "component model: ");
	assert_non_null(strstr(err.text, "is a FIFO"));
	parse(tree_path("socket"), "");
	assert_refused(ERR_FORMAT, "is a socket");
	parse("/dev/zero", "");
	assert_refused(ERR_FORMAT, "is a character device");
}

static void spec_accept__two_names_of_one_file__refused(void **state)
{
	(void)state;
	tree_file("agent", "x");
	tree_link("agent", "model");
	parse(tree_path("model"), "");
	assert_refused(ERR_CONFIG, "components agent and model: both are ");
}

static void spec_accept__binary_is_a_directory__refused(void **state)
{
	(void)state;
	tree_directory("agent");
	tree_file("model", "x");
	parse(tree_path("model"), "");
	assert_refused(ERR_CONFIG, "component agent: is a directory; a binary is a file");
}

static void spec_accept__working_directory__resolved_or_refused(void **state)
{
	(void)state;
	char more[PATH_MAX + 64];
	tree_file("agent", "x");
	tree_file("model", "x");
	tree_directory("d");
	tree_link("d", "link");
	snprintf(more, sizeof(more), "working_directory: %s\n", tree_path("link"));
	parse(tree_path("model"), more);
	accept_spec();
	assert_string_equal(spec.working_directory_canonical, tree_path("d"));
	snprintf(more, sizeof(more), "working_directory: %s\n", tree_path("model"));
	parse(tree_path("model"), more);
	assert_refused(ERR_FORMAT, "working_directory: ");
}

static void spec_accept__user__looked_up(void **state)
{
	(void)state;
	tree_file("agent", "x");
	tree_file("model", "x");
	parse(tree_path("model"), "user: root\n");
	accept_spec();
	assert_true(spec.has_user);
	assert_int_equal(spec.uid, 0);
	parse(tree_path("model"), "user: \"0\"\n");
	accept_spec();
	assert_int_equal(spec.gid, 0);
	parse(tree_path("model"), "user: no-such-user\n");
	assert_refused(ERR_NOT_FOUND, "user no-such-user: no such user on this machine");
	parse(tree_path("model"), "user: \"987654321\"\n");
	assert_refused(ERR_NOT_FOUND, "no such user on this machine");
}

static void measure_component__file__its_digest(void **state)
{
	(void)state;
	uint8_t digest[SHA256_LEN];
	tree_file("agent", "program");
	tree_file("model", "x");
	parse(tree_path("model"), "");
	accept_spec();
	assert_true(measure_component(&spec.components[0], 1, &component, &err));
	assert_true(sha256_of(BYTES_LIT("program"), digest, NULL));
	assert_memory_equal(component.digest, digest, SHA256_LEN);
	assert_string_equal(component.name, "agent");
	assert_string_equal(component.role, "binary");
	assert_string_equal(component.path, tree_path("agent"));
	assert_string_equal(component.canonical, tree_path("agent"));
	assert_int_equal(component.kind, COMPONENT_SHA256);
	assert_int_equal(component.size, 7);
	assert_int_equal(component.file_count, 1);
	assert_string_equal(component.files[0].path, tree_path("agent"));
	assert_false(component.verity);
}

static void measure_component__directory__digest_of_its_manifest(void **state)
{
	(void)state;
	struct measured_tree tree = {0};
	tree_file("agent", "x");
	tree_directory("model");
	tree_file("model/a", "one");
	tree_file("model/b", "three");
	parse(tree_path("model"), "");
	spec.components[1].digest = MEASURE_FSVERITY;
	accept_spec();
	assert_true(measure_component(&spec.components[1], 2, &component, &err));
	assert_true(measure_tree(tree_path("model"), MEASURE_FSVERITY, 1, &tree, &err));
	assert_memory_equal(component.digest, tree.manifest_digest, SHA256_LEN);
	measured_tree_release(&tree);
	assert_int_equal(component.kind, COMPONENT_TREE_FSVERITY);
	assert_true(component.directory);
	assert_int_equal(component.size, 8);
	assert_int_equal(component.file_count, 2);
	assert_string_equal(component.files[1].path, "b");
}

static void measure_component__spec_not_accepted__refused(void **state)
{
	(void)state;
	parse(tree_path("model"), "");
	assert_false(measure_component(&spec.components[0], 1, &component, &err));
	assert_int_equal(err.code, ERR_INTERNAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(spec_accept__links__resolved_and_both_paths_kept),
		TEST(M2__link_changed_after_acceptance__the_accepted_file_is_measured),
		TEST(M2__canonical_path_becomes_a_link__refused),
		TEST(spec_accept__twice__refused),
		TEST(spec_accept__again_after_a_failure__accepted),
		TEST(M5__special_files__refused_without_blocking),
		TEST(spec_accept__two_names_of_one_file__refused),
		TEST(spec_accept__binary_is_a_directory__refused),
		TEST(spec_accept__working_directory__resolved_or_refused),
		TEST(spec_accept__user__looked_up),
		TEST(measure_component__file__its_digest),
		TEST(measure_component__directory__digest_of_its_manifest),
		TEST(measure_component__spec_not_accepted__refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
