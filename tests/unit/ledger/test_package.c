/* SPDX-License-Identifier: Apache-2.0 */
/* The package as a container: one form only, nothing that leads elsewhere, nothing twice, nothing
 * behind; and the index, held against each member. */
#include "ledger/package.h"

#include "tests/support/unit.h"

/* SHA-256 of "object" */
#define OBJECT "objects/2958d416d08aa5a472d7b509036cb7eafd542add84527e66a145ea64cb4cdc75"

static struct err err;
static struct buf archive;
static struct package *package;
static json_t *files;

static int setup(void **state)
{
	(void)state;
	files = package_index_new("ocr-agent", 1800000000, 1800003600);
	return files ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	package_free(&package);
	buf_release(&archive);
	json_decref(files);
	return 0;
}

static void zeros(size_t n)
{
	while (n-- > 0)
		buf_put_u8(&archive, 0);
}

static void member(const char *path, struct bytes content)
{
	assert_ok(package_header(path, content.len, &archive, &err), err);
	buf_put(&archive, content);
	zeros(package_padding(content.len));
}

static void indexed(const char *path, const char *content)
{
	member(path, bytes_str(content));
	assert_ok(package_index_add(files, path, bytes_str(content), &err), err);
}

static void finish(void)
{
	struct buf index = {0};
	assert_ok(json_write(files, false, &index, &err), err);
	member(PACKAGE_INDEX, buf_bytes(&index));
	member(PACKAGE_SIGNATURE, BYTES_LIT("{}"));
	zeros(PACKAGE_END);
	buf_release(&index);
}

static void honest(void)
{
	indexed("checkpoint", "note");
	indexed(OBJECT, "object");
	finish();
}

static void package__written__read_back(void **state)
{
	struct package_index index;
	(void)state;
	honest();
	assert_ok(package_open(buf_bytes(&archive), &package, &err), err);
	assert_int_equal(package->count, 4);
	assert_true(bytes_equal_str(package_find(package, OBJECT)->content, "object"));
	assert_null(package_find(package, OBJECT "c"));
	assert_null(package_find(package, "a"));
	assert_ok(package_index_check(package, &index, &err), err);
	assert_string_equal(index.workload, "ocr-agent");
	assert_int_equal(index.from, 1800000000);
	assert_int_equal(index.to, 1800003600);
	package_index_release(&index);
}

static void paths__that_lead_elsewhere__none(void **state)
{
	static const char *const good[] = {"a", "objects/00ff", "a/b/c.json", "0_-.x"};
	static const char *const bad[] = {"", "/a", "a/", "a//b", ".", "..", "a/..", "../a", ".a",
		"a/.b", "-a", "A", "a b", "a\\b", "a\nb", "\xc3\xa9"};
	char longest[PACKAGE_PATH_MAX + 2];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(package_path_ok(bytes_str(good[i])));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (package_path_ok(bytes_str(bad[i])))
			fail_msg("accepted: %s", bad[i]);
	memset(longest, 'a', sizeof(longest));
	assert_true(package_path_ok(bytes_of(longest, PACKAGE_PATH_MAX)));
	assert_false(package_path_ok(bytes_of(longest, PACKAGE_PATH_MAX + 1)));
}

static void assert_no_package(const char *message)
{
	assert_fails(package_open(buf_bytes(&archive), &package, &err), err, ERR_FORMAT, message);
}

static void member__twice__refused(void **state)
{
	(void)state;
	member("objects/ab", BYTES_LIT("one"));
	member("checkpoint", BYTES_LIT("x"));
	member("objects/ab", BYTES_LIT("two"));
	zeros(PACKAGE_END);
	assert_no_package("package: objects/ab: twice");
}

/* Whatever byte of a header is changed: refused. */
static void header__any_other_byte__refused(void **state)
{
	(void)state;
	member("objects/ab", BYTES_LIT("one"));
	zeros(PACKAGE_END);
	for (size_t i = 0; i < PACKAGE_BLOCK; i++) {
		archive.data[i] ^= 1;
		if (package_open(buf_bytes(&archive), &package, NULL))
			fail_msg("byte %zu", i);
		archive.data[i] ^= 1;
	}
	assert_ok(package_open(buf_bytes(&archive), &package, &err), err);
}

static void archive__cut_or_continued__refused(void **state)
{
	size_t whole;
	(void)state;
	honest();
	whole = archive.len;
	for (size_t len = 0; len < whole; len++)
		if (package_open(bytes_of(archive.data, len), &package, NULL))
			fail_msg("%zu of %zu bytes", len, whole);
	buf_put_u8(&archive, 0);
	assert_false(package_open(buf_bytes(&archive), &package, NULL));
	zeros(PACKAGE_BLOCK - 1);
	assert_false(package_open(buf_bytes(&archive), &package, NULL));
}

static void padding__not_zero__refused(void **state)
{
	(void)state;
	member("objects/ab", BYTES_LIT("one"));
	zeros(PACKAGE_END);
	archive.data[PACKAGE_BLOCK + 3] = 1;
	assert_no_package("package: padding that is not zero at offset 515");
}

static void member__larger_than_the_archive__refused(void **state)
{
	(void)state;
	assert_ok(package_header("objects/ab", 4096, &archive, &err), err);
	zeros(PACKAGE_END);
	assert_no_package("package: a member that is cut short at offset 0");
}

static void member__larger_than_any__refused(void **state)
{
	(void)state;
	assert_fails(package_header("a", (size_t)PACKAGE_MEMBER_MAX + 1, &archive, &err), err,
		ERR_USAGE, "package: a: no path, or too large");
	member("a", BYTES_LIT("x"));
	zeros(PACKAGE_END);
	memcpy(archive.data + 124, "77777777777", 11);
	assert_fails(package_open(buf_bytes(&archive), &package, &err), err, ERR_LIMIT,
		"package: a: more than 67108864 bytes");
}

static void archive__empty__refused(void **state)
{
	(void)state;
	zeros(PACKAGE_END);
	assert_no_package("package: no members");
}

/* ---- the index ---- */

static void assert_mismatch(enum err_code code, const char *message)
{
	struct package_index index;
	assert_ok(package_open(buf_bytes(&archive), &package, &err), err);
	assert_fails(package_index_check(package, &index, &err), err, code, message);
}

static void index__file_altered__refused(void **state)
{
	(void)state;
	indexed("checkpoint", "note");
	finish();
	archive.data[PACKAGE_BLOCK] ^= 1;
	assert_mismatch(ERR_MISMATCH, "package index: checkpoint is not what the index says it is");
}

static void assert_misnamed(const char *path, const char *message)
{
	indexed(path, "other");
	finish();
	assert_mismatch(ERR_MISMATCH, message);
}

/* Everything that a decision stands on is looked up by its digest. */
static void index__object_under_anothers_digest__refused(void **state)
{
	(void)state;
	assert_misnamed(
		OBJECT, "package index: " OBJECT " is named by another digest than its own");
}

static void index__object_under_no_digest__refused(void **state)
{
	(void)state;
	assert_misnamed(
		"objects/ab", "package index: objects/ab is named by another digest than its own");
}

static void index__file_not_named__refused(void **state)
{
	(void)state;
	indexed("checkpoint", "note");
	member("objects/ab", BYTES_LIT("more"));
	finish();
	assert_mismatch(ERR_MISMATCH, "package index: 1 files, and 2 are there");
}

static void index__other_order__refused(void **state)
{
	(void)state;
	member("checkpoint", BYTES_LIT("a"));
	member("objects/ab", BYTES_LIT("a"));
	assert_ok(package_index_add(files, "objects/ab", BYTES_LIT("a"), &err), err);
	assert_ok(package_index_add(files, "checkpoint", BYTES_LIT("a"), &err), err);
	finish();
	assert_mismatch(ERR_MISMATCH, "package index: checkpoint stands where objects/ab is named");
}

static void index__another_kind__refused(void **state)
{
	(void)state;
	indexed("checkpoint", "note");
	json_object_set_new(json_array_get(json_object_get(files, "files"), 0), "what",
		json_string("decision"));
	finish();
	assert_mismatch(ERR_MISMATCH, "package index: checkpoint is no decision");
}

static void index__not_at_the_end__refused(void **state)
{
	(void)state;
	member("checkpoint", BYTES_LIT("a"));
	zeros(PACKAGE_END);
	assert_mismatch(ERR_FORMAT, "package: its last members are not index.json and index.dsse");
}

static void index__fields_amiss__named(void **state)
{
	static const struct {
		const char *key, *value, *message;
	} wrong[] = {
		{"type", "other", "package index: type: not assay/package/1"},
		{"workload", "A b", "package index: workload: not a name"},
		{"from", "now", "package index: from: not a time"},
		{"more", "x", "package index: more: unknown key"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		json_object_set_new(files, wrong[i].key, json_string(wrong[i].value));
		finish();
		assert_mismatch(ERR_FORMAT, wrong[i].message);
		package_free(&package);
		buf_clear(&archive);
		json_decref(files);
		files = package_index_new("ocr-agent", 1800000000, 1800003600);
	}
}

/* ---- what was destroyed ---- */

static void destroyed__written__read_back(void **state)
{
	const struct package_destroyed two[] = {
		{.entry = 3, .record = {1}, .by = 9}, {.entry = 4, .record = {2}, .by = 5}};
	struct package_index index;
	(void)state;
	assert_ok(package_index_add_destroyed(files, &two[0], &err), err);
	assert_ok(package_index_add_destroyed(files, &two[1], &err), err);
	honest();
	assert_ok(package_open(buf_bytes(&archive), &package, &err), err);
	assert_ok(package_index_check(package, &index, &err), err);
	assert_int_equal(index.destroyed_count, 2);
	assert_memory_equal(index.destroyed, two, sizeof(two));
	package_index_release(&index);
}

static void destroyed__amiss__named(void **state)
{
	static const struct {
		struct package_destroyed list[2];
		const char *message;
	} wrong[] = {
		{{{.entry = 3, .by = 3}, {.entry = 4, .by = 5}},
			"package index: destroyed: by: not behind the decision"},
		{{{.entry = 3, .by = 9}, {.entry = 3, .by = 9}},
			"package index: destroyed: entry: out of order"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		for (size_t k = 0; k < 2; k++)
			assert_ok(package_index_add_destroyed(files, &wrong[i].list[k], &err), err);
		finish();
		assert_mismatch(ERR_FORMAT, wrong[i].message);
		package_free(&package);
		buf_clear(&archive);
		json_decref(files);
		files = package_index_new("ocr-agent", 1800000000, 1800003600);
	}
	json_object_set_new(files, "destroyed", json_true());
	finish();
	assert_mismatch(ERR_FORMAT, "package index: destroyed: destroyed: expected an array");
}

static void what__each_place__named(void **state)
{
	(void)state;
	assert_string_equal(package_what(BYTES_LIT("decisions/1.cbor")), "decision");
	assert_string_equal(package_what(BYTES_LIT("register.json")), "register");
	assert_null(package_what(BYTES_LIT("decisions/")));
	assert_null(package_what(BYTES_LIT("checkpoint2")));
	assert_null(package_what(BYTES_LIT("index.json")));
	assert_fails(package_index_add(files, "other", BYTES_LIT("x"), &err), err, ERR_USAGE,
		"package: other: nothing that a package has");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(package__written__read_back),
		TEST(paths__that_lead_elsewhere__none),
		TEST(member__twice__refused),
		TEST(header__any_other_byte__refused),
		TEST(archive__cut_or_continued__refused),
		TEST(padding__not_zero__refused),
		TEST(member__larger_than_the_archive__refused),
		TEST(member__larger_than_any__refused),
		TEST(archive__empty__refused),
		TEST(index__file_altered__refused),
		TEST(index__object_under_anothers_digest__refused),
		TEST(index__object_under_no_digest__refused),
		TEST(index__file_not_named__refused),
		TEST(index__other_order__refused),
		TEST(index__another_kind__refused),
		TEST(index__not_at_the_end__refused),
		TEST(index__fields_amiss__named),
		TEST(destroyed__written__read_back),
		TEST(destroyed__amiss__named),
		TEST(what__each_place__named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
