/* SPDX-License-Identifier: Apache-2.0 */
/* Release and approval statements: written and read back, and every deviation refused. */
#include "policy/policy.h"

#include "base/json.h"
#include "scene.h"

static struct scene_keys keys;
static struct scene *s;
static struct buf statement, edited;
static struct release *release;
static struct approval *approval;
static struct err err;

static int group_setup(void **state)
{
	(void)state;
	scene_keys_make(&keys);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	scene_keys_free(&keys);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	s = scene_new(&keys);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scene_free(s);
	buf_release(&statement);
	buf_release(&edited);
	release_free(&release);
	approval_free(&approval);
	return 0;
}

/* Replaces the first occurrence. */
static struct bytes edit(const char *from, const char *to)
{
	const char *whole = buf_str(&statement), *at = strstr(whole, from);

	assert_non_null(at);
	buf_clear(&edited);
	buf_printf(&edited, "%.*s%s%s", (int)(at - whole), whole, to, at + strlen(from));
	return buf_bytes(&edited);
}

static void release__written__read_back_the_same(void **state)
{
	struct buf again = {0};
	static char *datasets[] = {(char *)(uintptr_t) "ds@1", (char *)(uintptr_t) "ds@2"};

	(void)state;
	s->release.model_version = (char *)(uintptr_t) "7b-2026-07";
	s->release.code_commit = (char *)(uintptr_t) "0123abcd";
	s->release.change_request = (char *)(uintptr_t) "CR-17";
	s->release.base_release = (char *)(uintptr_t) "00000000000000000000000000000000"
						      "00000000000000000000000000000000";
	s->release.dataset_snapshots = datasets;
	s->release.dataset_count = 2;
	assert_ok(release_statement(&s->release, &statement, &err), err);
	assert_ok(release_parse(buf_bytes(&statement), &release, &err), err);
	assert_string_equal(release->name, "ocr");
	assert_string_equal(release->model_version, "7b-2026-07");
	assert_string_equal(release->dataset_snapshots[1], "ds@2");
	assert_int_equal(release->component_count, SCENE_COMPONENTS);
	assert_string_equal(release->components[2].name, "settings");
	assert_int_equal(release->components[1].kind, COMPONENT_FSVERITY);
	assert_int_equal(release->components[2].size, 200);
	assert_memory_equal(release->spec, s->release.spec, SHA256_LEN);
	assert_ok(release_statement(release, &again, &err), err);
	assert_bytes(buf_bytes(&again), buf_bytes(&statement));
	buf_release(&again);
}

static void release__identity__digest_of_the_bytes_received(void **state)
{
	uint8_t digest[SHA256_LEN];

	(void)state;
	assert_ok(release_statement(&s->release, &statement, &err), err);
	buf_put_str(&statement, "\n"); /* as somebody else's tool may write it */
	assert_ok(release_parse(buf_bytes(&statement), &release, &err), err);
	assert_ok(sha256_of(buf_bytes(&statement), digest, &err), err);
	assert_memory_equal(release->digest, digest, SHA256_LEN);
}

static void release__configuration__covers_config_prompt_policy_in_order_of_names(void **state)
{
	struct buf digests = {0};
	uint8_t wanted[SHA256_LEN];

	(void)state;
	s->components[0].role = (char *)(uintptr_t) "prompt"; /* "binary": first by name */
	assert_ok(release_statement(&s->release, &statement, &err), err);
	assert_ok(release_parse(buf_bytes(&statement), &release, &err), err);
	buf_put(&digests, BYTES_OF(s->components[0].digest));
	buf_put(&digests, BYTES_OF(s->components[2].digest));
	assert_ok(sha256_of(buf_bytes(&digests), wanted, &err), err);
	assert_memory_equal(release->configuration, wanted, SHA256_LEN);
	buf_release(&digests);
}

static void release__altered_statement__refused(void **state)
{
	static const struct {
		const char *from, *to;
	} cases[] = {
		{"https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"},
		{"/release/v1", "/approval/v1"}, /* P2 */
		{"\"name\":\"ocr\"", "\"name\":\"ocr\",\"name\":\"b\""}, /* P4 */
		{"\"owner\":\"documents team\",", ""},
		{"\"subject\":[{", "\"subject\":[{\"uri\":\"x\","},
		{"\"digest\":{", "\"digest\":{\"sha512\":\"00\","},
		{"\"name\":\"settings\"}]", "\"name\":\"settings\"},{}]"},
		{"\"owner\":", "\"owned\":"},
		{"\"owner\":", "\"extra\":1,\"owner\":"},
		{"\"_type\":", "\"extra\":1,\"_type\":"},
		{"\"files\":1", "\"files\":1,\"extra\":1"},
		{"\"files\":1", "\"files\":-1"},
		{"\"files\":1", "\"files\":\"1\""},
		{"\"kind\":\"sha256\"", "\"kind\":\"sha512\""},
		{"\"role\":\"binary\"", "\"role\":\"Binary\""},
		{"\"risk_class\":\"low\"", "\"risk_class\":\"\""},
		{"\"workload\":\"ocr-agent\"", "\"workload\":\"../agent\""},
		{"\"version\":\"1.4.0\"", "\"version\":\"1\\n2\""},
		{"\"version\":\"1.4.0\"", "\"version\":\"1\\u00002\""},
		{"\"dataset_snapshots\":[]", "\"dataset_snapshots\":[1]"},
		{"\"author\":\"dave\"", "\"author\":\"dave\",\"base_release\":\"00\""},
		{"{\"sha256\":\"c0", "{\"sha256\":\"sha256:c0"}, /* P11 */
		{"{\"sha256\":\"c0c0", "{\"sha256\":\"C0C0"}, /* P11 */
		{"{\"sha256\":\"c0c0", "{\"sha256\":\"c0"}, /* P11 */
		{"{\"sha256\":\"c0", "{\"sha512\":\"c0"}, /* P11 */
		{"{\"sha256\":\"c0c0", "{\"sha256\":\"c0c1"}, /* subject and component differ */
		{"\"name\":\"model\"}", "\"name\":\"mode\"}"},
		{"\"spec\":\"5e", "\"spec\":\"5E"},
		{"\"configuration\":\"", "\"configuration\":\"0"},
		{"\"subject\":[", "\"subject\":[1,"},
		{"\"predicate\":{", "\"predicate\":[{"},
	};

	(void)state;
	assert_ok(release_statement(&s->release, &statement, &err), err);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		err = (struct err){0};
		if (release_parse(edit(cases[i].from, cases[i].to), &release, &err))
			fail_msg("accepted with %s", cases[i].to);
		assert_int_equal(err.code, ERR_FORMAT);
		assert_true(strlen(err.text) > 10);
	}
	assert_null(release);
}

static void release__configuration_digest_of_other_components__refused(void **state)
{
	(void)state;
	assert_ok(release_statement(&s->release, &statement, &err), err);
	assert_fails(
		release_parse(edit("\"role\":\"config\"", "\"role\":\"tools\""), &release, &err),
		err, ERR_FORMAT,
		"release: configuration: not the digest of its configuration components");
}

static void release__component_twice__not_written(void **state)
{
	(void)state;
	s->components[1].name = s->components[0].name;
	assert_fails(release_statement(&s->release, &statement, &err), err, ERR_FORMAT,
		"release: component binary: given twice");
	assert_int_equal(statement.len, 0);
}

static void release__what_nobody_would_accept__not_written(void **state)
{
	(void)state;
	s->release.workload = (char *)(uintptr_t) "Not A Name";
	assert_false(release_statement(&s->release, &statement, &err));
	s->release.workload = (char *)(uintptr_t) "ocr-agent";
	s->release.component_count = 0;
	assert_false(release_statement(&s->release, &statement, &err));
	s->release.component_count = 1;
	s->release.owner = (char *)(uintptr_t) "\xff";
	assert_false(release_statement(&s->release, &statement, &err));
	assert_int_equal(statement.len, 0);
}

static void approval__written__read_back_the_same(void **state)
{
	struct buf again = {0};
	struct approval *a = &s->approvals[0].approval;

	(void)state;
	a->change_request = (char *)(uintptr_t) "CR-18";
	a->withdrawn = true;
	assert_ok(approval_statement(a, &statement, &err), err);
	assert_ok(approval_parse(buf_bytes(&statement), &approval, &err), err);
	assert_string_equal(approval->person, "alice");
	assert_string_equal(approval->role, "model-risk");
	assert_string_equal(approval->environment, "prod");
	assert_string_equal(approval->change_request, "CR-18");
	assert_int_equal(approval->issued, SCENE_NOW - 1000);
	assert_int_equal(approval->expires, SCENE_NOW + 1000);
	assert_true(approval->withdrawn);
	assert_memory_equal(approval->release, a->release, SHA256_LEN);
	assert_memory_equal(approval->clause, a->clause, SHA256_LEN);
	assert_ok(approval_statement(approval, &again, &err), err);
	assert_bytes(buf_bytes(&again), buf_bytes(&statement));
	buf_release(&again);
}

static void approval__altered_statement__refused(void **state)
{
	static const struct {
		const char *from, *to;
	} cases[] = {
		{"/approval/v1", "/release/v1"}, /* P2 */
		{"\"name\":\"release\"", "\"name\":\"other\""},
		{"\"person\":", "\"nobody\":"},
		{"\"person\":", "\"extra\":1,\"person\":"},
		{"\"person\":\"alice\"", "\"person\":\"alice\",\"person\":\"bob\""}, /* P4 */
		{"\"person\":\"alice\"", "\"person\":\"al\\u001bice\""},
		{"\"role\":\"model-risk\"", "\"role\":\"Model Risk\""},
		{"\"environment\":\"prod\"", "\"environment\":\"\""},
		{"\"withdrawn\":false", "\"withdrawn\":0"},
		{"\"issued\":\"2", "\"issued\":\"+2"},
		{"Z\"", "+01:00\""},
		{"\"expires\":\"2027", "\"expires\":\"2026"},
		{"\"clause\":\"", "\"clause\":\"0"},
		{"\"subject\":[", "\"subject\":[{\"name\":\"release\",\"digest\":{}},"},
	};

	(void)state;
	assert_ok(approval_statement(&s->approvals[0].approval, &statement, &err), err);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		err = (struct err){0};
		if (approval_parse(edit(cases[i].from, cases[i].to), &approval, &err))
			fail_msg("accepted with %s", cases[i].to);
		assert_true(err.code == ERR_FORMAT || err.code == ERR_LIMIT);
	}
	assert_null(approval);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(release__written__read_back_the_same),
		T(release__identity__digest_of_the_bytes_received),
		T(release__configuration__covers_config_prompt_policy_in_order_of_names),
		T(release__altered_statement__refused),
		T(release__configuration_digest_of_other_components__refused),
		T(release__component_twice__not_written),
		T(release__what_nobody_would_accept__not_written),
		T(approval__written__read_back_the_same),
		T(approval__altered_statement__refused),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
