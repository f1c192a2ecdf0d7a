/* SPDX-License-Identifier: Apache-2.0 */
/* Findings in words, for every kind: what a person reads, and the line that would allow it. */
#include "base/text.h"
#include "firmware/ima_rules.h"
#include "tests/support/unit.h"

static const uint8_t digest[64] = {0xab, 0xcd};
static struct buf text, rule;
static struct err err;

static int teardown(void **state)
{
	(void)state;
	buf_release(&text);
	buf_release(&rule);
	return 0;
}

static const struct {
	const char *alg;
	size_t len;
} algs[] = {{"sha256", 32}, {"sha384", 48}, {"sha512", 64}, {"sha1", 20}, {"md5", 16}};

static const char *const paths[] = {"/usr/bin/x", "/tmp/a b", "/tmp/line\nfeed", "/tmp/back\\slash",
	"dm_table_load", "two words", "boot_aggregate", ".ima", ""};

static struct ima_finding finding_of(
	unsigned kind, size_t alg, enum ima_digest_type type, const char *path)
{
	return (struct ima_finding){.kind = (enum ima_finding_kind)kind,
		.entry = 57,
		.path = bytes_str(path),
		.digest_type = type,
		.digest_alg = bytes_str(algs[alg].alg),
		.digest = bytes_of(digest, algs[alg].len)};
}

static void tell(const struct ima_finding *finding)
{
	buf_clear(&text);
	buf_clear(&rule);
	ima_finding_text(finding, &text);
	ima_finding_rule(finding, &rule);
	assert_true(text.len > 0);
	assert_non_null(buf_str(&text));
}

/* A line that is proposed is one that the rules take; printable, and of one line. */
static void check_rule(void)
{
	struct ima_rules *rules = NULL;

	/* Buffers and keys have no fs-verity digest: no such finding is ever made. */
	if (rule.len == 0 || (strstr(buf_str(&rule), " verity:") && strchr("bk", rule.data[0])))
		return;
	assert_null(memchr(rule.data, '\n', rule.len));
	buf_put_str(&rule, "\n");
	assert_ok(ima_rules_parse(buf_bytes(&rule), &rules, &err), err);
	ima_rules_free(&rules);
}

static void finding__every_kind__one_line_that_the_rules_take(void **state)
{
	static const enum ima_digest_type types[] = {
		IMA_DIGEST_NONE, IMA_DIGEST_FILE, IMA_DIGEST_VERITY};

	(void)state;
	for (unsigned kind = 0; kind <= IMA_FINDING_KINDS; kind++)
		for (size_t alg = 0; alg < ARRAY_LEN(algs); alg++)
			for (size_t type = 0; type < ARRAY_LEN(types); type++)
				for (size_t path = 0; path < ARRAY_LEN(paths); path++) {
					struct ima_finding f =
						finding_of(kind, alg, types[type], paths[path]);

					/* A file has a digest and a path, or there is no finding of it. */
					if (types[type] == IMA_DIGEST_NONE || !paths[path][0])
						f.digest_type = IMA_DIGEST_NONE;
					tell(&f);
					assert_int_equal(memcmp(text.data, "entry 57: ", 10), 0);
					assert_null(memchr(text.data, '\n', text.len));
					if (paths[path][0] && f.digest_type != IMA_DIGEST_NONE &&
						!(f.digest_type == IMA_DIGEST_VERITY && alg == 1))
						check_rule();
				}
}

static void finding__weak_algorithms__no_line_allows_them(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < IMA_FINDING_KINDS; kind++)
		for (size_t alg = 3; alg < ARRAY_LEN(algs); alg++) {
			struct ima_finding f = finding_of(kind, alg, IMA_DIGEST_FILE, "/usr/bin/x");

			tell(&f);
			assert_int_equal(rule.len, 0);
		}
}

static void finding__known_digests__listed(void **state)
{
	struct ima_finding f = finding_of(IMA_OTHER_DIGEST, 0, IMA_DIGEST_VERITY, "/usr/bin/x");

	(void)state;
	f.nearest_count = 2;
	f.nearest[0] = bytes_of("\x01", 1);
	f.nearest[1] = bytes_of("\x02", 1);
	tell(&f);
	assert_non_null(strstr(buf_str(&text), "(verity:sha256:abcd"));
	assert_non_null(strstr(buf_str(&text), "; known: 01, 02)"));
	assert_non_null(strstr(buf_str(&rule), "verity:sha256:abcd"));
}

static void finding__escapes__come_back_as_the_path_that_was_measured(void **state)
{
	struct ima_finding f = finding_of(IMA_UNKNOWN_FILE, 0, IMA_DIGEST_FILE, "/tmp/a\x01\\b");

	(void)state;
	tell(&f);
	assert_int_equal(rule.data[0], '\\');
	assert_non_null(strstr(buf_str(&rule), "  /tmp/a\\x01\\\\b"));
	check_rule();
}

static void rules__escapes_that_are_none__refused(void **state)
{
	static const char *const bad[] = {"\\x0", "\\xZZ", "\\x0Z", "\\q", "\\"};
	struct ima_rules *rules = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		buf_clear(&text);
		buf_put_str(&text, "\\");
		buf_put_hex(&text, bytes_of(digest, 32));
		buf_printf(&text, "  /tmp/a%s\n", bad[i]);
		assert_fails(ima_rules_parse(buf_bytes(&text), &rules, &err), err, ERR_CONFIG,
			"IMA rules: line 1: escape that is none");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			finding__every_kind__one_line_that_the_rules_take, teardown),
		cmocka_unit_test_teardown(finding__weak_algorithms__no_line_allows_them, teardown),
		cmocka_unit_test_teardown(finding__known_digests__listed, teardown),
		cmocka_unit_test_teardown(
			finding__escapes__come_back_as_the_path_that_was_measured, teardown),
		cmocka_unit_test_teardown(rules__escapes_that_are_none__refused, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
