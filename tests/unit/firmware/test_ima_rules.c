/* SPDX-License-Identifier: Apache-2.0 */
/* The rules' text: what is read, and how each fault is told. */
#include "firmware/ima_rules_private.h"

#include "base/text.h"
#include "tests/support/unit.h"

#define A    "aa00000000000000000000000000000000000000000000000000000000000000"
#define B    "bb00000000000000000000000000000000000000000000000000000000000000"
#define LONG A B

static struct ima_rules *rules;
static struct err err;

static int teardown(void **state)
{
	(void)state;
	ima_rules_free(&rules);
	return 0;
}

static void parse(const char *text)
{
	ima_rules_free(&rules);
	assert_ok(ima_rules_parse(bytes_str(text), &rules, &err), err);
}

static bool has(enum ima_digest_type type, enum digest_alg alg, uint8_t first, const char *path)
{
	uint8_t digest[DIGEST_LEN_MAX] = {first};

	return ima_rules_has(
		rules, type, alg, bytes_of(digest, digest_alg_len(alg)), bytes_str(path));
}

static bool has_file(uint8_t first, const char *path)
{
	return has(IMA_DIGEST_FILE, DIGEST_SHA256, first, path);
}

static void files__as_sha256sum_prints_them__are_known(void **state)
{
	(void)state;
	parse("# a comment\n\n" A "  /bin/a\n" B " */bin/b\nsha256:" B "  /bin/c");
	assert_int_equal(ima_rules_file_count(rules), 3);
	assert_true(has_file(0xaa, "/bin/a"));
	assert_true(has_file(0xbb, "/bin/b"));
	assert_true(has_file(0xbb, "/bin/c"));
	assert_false(has_file(0xaa, "/bin/b"));
	assert_false(has_file(0xab, "/bin/a"));
	assert_false(has_file(0xaa, "/bin/"));
	assert_false(has_file(0xaa, "/bin/ab"));
}

static void files__kinds_of_digest__are_told_apart(void **state)
{
	(void)state;
	parse("verity:sha256:" A "  /v\nsha512:" LONG "  /w\nsha256:" B "  /x\nverity:sha256:" B
	      "  /x\n");
	assert_true(has(IMA_DIGEST_VERITY, DIGEST_SHA256, 0xaa, "/v"));
	assert_false(has_file(0xaa, "/v"));
	assert_true(has_file(0xbb, "/x"));
	assert_true(has(IMA_DIGEST_VERITY, DIGEST_SHA256, 0xbb, "/x"));
	assert_false(has(IMA_DIGEST_FILE, DIGEST_SHA512, 0xaa, "/w"));
}

static void files__escaped_or_with_spaces__as_ima_logs_them(void **state)
{
	(void)state;
	parse("\\" A "  /a\\n\\r\\t\\\\\\x1b\n" B "  /with space\n");
	assert_true(has_file(0xaa, "/a\n\r\t\\\x1b"));
	assert_true(has_file(0xbb, "/with_space"));
}

static void nearest__digests_known_for_a_path(void **state)
{
	struct bytes found[IMA_NEAREST_MAX];

	(void)state;
	parse(A "  /bin/a\n" B "  /bin/a\n" B "  /bin/b\n");
	assert_int_equal(ima_rules_nearest(rules, bytes_str("/bin/a"), found, 3), 2);
	assert_int_equal(found[0].data[0], 0xaa);
	assert_int_equal(found[1].data[0], 0xbb);
	assert_int_equal(ima_rules_nearest(rules, bytes_str("/bin/a"), found, 1), 1);
	assert_int_equal(ima_rules_nearest(rules, bytes_str("/bin/c"), found, 3), 0);
	assert_int_equal(ima_rules_nearest(rules, bytes_str("/bi"), found, 3), 0);
}

static void rules__none__know_nothing(void **state)
{
	(void)state;
	parse("");
	assert_false(has_file(0, "/bin/a"));
	assert_false(has_file(0xff, "/bin/a"));
	assert_int_equal(ima_rules_file_count(rules), 0);
	rules = (ima_rules_free(&rules), NULL);
	ima_rules_free(&rules);
}

static void keywords__each__are_read(void **state)
{
	(void)state;
	parse("glob sha256:" A "  /usr/lib/**/libc.so.6\nsigned distro /usr/**\nignore /run/**\n"
	      "keyring .ima sha256:" B "\nbuffer selinux-state *\npolicy /etc/ima/other\n"
	      "violations report\nkexec allow\npadded allow\nmodules signed\nkernel 6.6.13\n");
	assert_int_equal(rules->glob_count, 6);
	assert_true(rules->report_violations && rules->allow_kexec && rules->allow_padded &&
		    rules->signed_modules && rules->kernel_min_given);
	assert_int_equal(rules->kernel_min[2], 13);
	assert_true(rules->globs[4].any);
}

static void lines__malformed__named_by_number(void **state)
{
	static const struct {
		const char *text, *wanted;
	} cases[] = {
		{"hello\n", "line 1: neither a rule nor a digest: \"hello\""},
		{"\n\n" A "\n",
			"line 3: two spaces expected behind the digest (one is how fsverity "
			"prints: write verity:sha256:HEX  PATH)"},
		{A " /a", "line 1: two spaces expected behind the digest (one is how fsverity "
			  "prints: write verity:sha256:HEX  PATH)"},
		{A "  ", "line 1: path of 1 to 4096 bytes without NUL expected"},
		{"AA" A "  /a", "line 1: neither a rule nor a digest: \"AA" A "\""},
		{"sha1:aa  /a", "line 1: neither a rule nor a digest: \"sha1:aa\""},
		{"sha256:" LONG "  /a", "line 1: neither a rule nor a digest: \"sha256:" LONG "\""},
		{"\\" A "  /a\\", "line 1: escape that is none"},
		{"\\" A "  /a\\x1", "line 1: escape that is none"},
		{"\\" A "  /a\\xG0", "line 1: escape that is none"},
		{"\\" A "  /a\\q", "line 1: escape that is none"},
		{"glob sha256:" A "  *", "line 1: pattern \"*\" does not begin with '/' and the "
					 "name of a directory"},
		{"glob " A "  /a[", "line 1: pattern: set is not closed at offset 2"},
		{"glob x /a", "line 1: neither a rule nor a digest: \"x\""},
		{"glob " A, "line 1: path of 1 to 4096 bytes without NUL expected"},
		{"ignore **", "line 1: pattern \"**\" does not begin with '/' and the name of a "
			      "directory"},
		{"ignore /**", "line 1: pattern \"/**\" does not begin with '/' and the name of a "
			       "directory"},
		{"ignore /*/x", "line 1: pattern \"/*/x\" does not begin with '/' and the name of "
				"a directory"},
		{"ignore", "line 1: path of 1 to 4096 bytes without NUL expected"},
		{"signed Distro /usr/**", "line 1: \"Distro\" is no name of a key"},
		{"signed distro", "line 1: path of 1 to 4096 bytes without NUL expected"},
		{"keyring .ima", "line 1: a name and a digest, or *, expected"},
		{"keyring .ima * x", "line 1: a name and a digest, or *, expected"},
		{"buffer  *", "line 1: a name and a digest, or *, expected"},
		{"buffer x y", "line 1: neither a rule nor a digest: \"y\""},
		{"buffer x verity:sha256:" A, "line 1: buffers have no fs-verity digest"},
		{"policy", "line 1: path of 1 to 4096 bytes without NUL expected"},
		{"violations allow", "line 1: \"report\" expected, and once"},
		{"kexec allow\nkexec allow", "line 2: \"allow\" expected, and once"},
		{"padded", "line 1: \"allow\" expected, and once"},
		{"modules  signed", "line 1: \"signed\" expected, and once"},
		{"kernel 6", "line 1: a version as 6.6 or 6.6.13 expected, and once"},
		{"kernel 6.1\nkernel 6.2", "line 2: a version as 6.6 or 6.6.13 expected, and once"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char wanted[512];

		(void)snprintf(wanted, sizeof(wanted), "IMA rules: %s", cases[i].wanted);
		assert_fails(ima_rules_parse(bytes_str(cases[i].text), &rules, &err), err,
			ERR_CONFIG, wanted);
	}
}

static void line__with_a_nul__refused(void **state)
{
	(void)state;
	assert_fails(ima_rules_parse(BYTES_LIT(A "  /a\0b\n"), &rules, &err), err, ERR_CONFIG,
		"IMA rules: line 1: path of 1 to 4096 bytes without NUL expected");
}

static void patterns__too_many__refused(void **state)
{
	struct buf text = {0};

	(void)state;
	for (int i = 0; i <= IMA_RULES_GLOBS_MAX; i++)
		buf_put_str(&text, "ignore /run/**\n");
	assert_fails(ima_rules_parse(buf_bytes(&text), &rules, &err), err, ERR_LIMIT,
		"IMA rules: line 1025: more than 1024 patterns and names");
	buf_release(&text);
}

static void text__beyond_the_limit__refused_unread(void **state)
{
	(void)state;
	assert_fails(ima_rules_parse(bytes_of("x", (size_t)IMA_RULES_TEXT_MAX + 1), &rules, &err),
		err, ERR_LIMIT, "IMA rules: 268435457 bytes, more than 268435456");
}

static void kernel_version__as_uname_prints_it(void **state)
{
	static const struct {
		const char *text;
		bool good;
		unsigned wanted[3];
	} cases[] = {{"6.1.0-18-amd64", true, {6, 1, 0}}, {"6.12", true, {6, 12, 0}},
		{"6.12-rc1", true, {6, 12, 0}}, {"6", false, {0}}, {"", false, {0}},
		{"x.y", false, {0}}, {"6.", false, {0}}, {"6.1234567", false, {0}}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		unsigned version[3];

		assert_int_equal(
			ima_kernel_version(bytes_str(cases[i].text), version), cases[i].good);
		if (cases[i].good)
			assert_memory_equal(version, cases[i].wanted, sizeof(version));
	}
}

static void many_files__found_by_digest_and_path(void **state)
{
	struct buf text = {0};
	struct digest digest;
	char path[32];

	(void)state;
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(path, sizeof(path), "/bin/%d", i);
		assert_ok(digest_of(DIGEST_SHA256, bytes_str(path), &digest, &err), err);
		buf_put_hex(&text, digest_bytes(&digest));
		buf_printf(&text, "  %s\n", path);
	}
	assert_ok(ima_rules_parse(buf_bytes(&text), &rules, &err), err);
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(path, sizeof(path), "/bin/%d", i);
		assert_ok(digest_of(DIGEST_SHA256, bytes_str(path), &digest, &err), err);
		assert_true(ima_rules_has(rules, IMA_DIGEST_FILE, DIGEST_SHA256,
			digest_bytes(&digest), bytes_str(path)));
		digest.bytes[31] ^= 1;
		assert_false(ima_rules_has(rules, IMA_DIGEST_FILE, DIGEST_SHA256,
			digest_bytes(&digest), bytes_str(path)));
	}
	buf_release(&text);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(files__as_sha256sum_prints_them__are_known),
		TEST(files__kinds_of_digest__are_told_apart),
		TEST(files__escaped_or_with_spaces__as_ima_logs_them),
		TEST(nearest__digests_known_for_a_path),
		TEST(rules__none__know_nothing),
		TEST(keywords__each__are_read),
		TEST(lines__malformed__named_by_number),
		TEST(line__with_a_nul__refused),
		TEST(patterns__too_many__refused),
		TEST(text__beyond_the_limit__refused_unread),
		TEST(kernel_version__as_uname_prints_it),
		TEST(many_files__found_by_digest_and_path),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
