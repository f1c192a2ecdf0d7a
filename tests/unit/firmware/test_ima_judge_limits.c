/* SPDX-License-Identifier: Apache-2.0 */
/* The judgement of files in an IMA log: each condition from both sides, where the tests by subject need only one. */
#include "ima_case.h"

/* ---- digests and patterns ---- */

static void file__by_a_strong_hash__unknown_and_not_weak(void **unused)
{
	static const struct {
		const char *prefix;
		size_t len;
		bool weak;
	} cases[] = {
		{"sha256:", 32, false},
		{"sha384:", 48, false},
		{"sha512:", 64, false},
		{"sha1:", 20, true},
		{"md5:", 16, true},
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		list_again();
		put_digest(cases[i].prefix, bytes_of(ones, cases[i].len), "/bin/x");
		appraise("");
		assert_int_equal(result.findings.total, 1);
		assert_int_equal(found(IMA_WEAK_DIGEST), cases[i].weak);
		assert_int_equal(found(IMA_UNKNOWN_FILE), !cases[i].weak);
	}
}

/* A pattern's digest is of one algorithm, of one kind and of one content. */
static void pattern__another_algorithm_or_kind__does_not_allow(void **unused)
{
	char rule[256];
	char hex[97];

	(void)unused;
	hex_encode(bytes_of(ones, 48), hex);
	list_again();
	put_digest("sha384:", bytes_of(ones, 48), "/usr/lib/x");
	snprintf(rule, sizeof(rule), "glob sha384:%s  /usr/**", hex);
	check_accepted(rule);
	snprintf(rule, sizeof(rule), "glob sha384:%s  /opt/**", hex);
	appraise(rule);
	assert_int_equal(found(IMA_UNKNOWN_FILE), 1);
	list_again();
	put_digest("sha256:", bytes_of(ones, 32), "/usr/lib/x");
	appraise("glob sha384:" OTHER "00000000000000000000000000000000  /usr/**");
	assert_int_equal(found(IMA_UNKNOWN_FILE), 1);
	/* What leaves out, or names a policy, is no pattern with a digest. */
	appraise("policy /usr/lib/x");
	assert_int_equal(found(IMA_POLICY_CHANGED), 1);
	appraise("policy /usr/lib/y");
	assert_int_equal(found(IMA_UNKNOWN_FILE), 1);
	appraise("ignore /opt/**\nsigned distro /opt/**");
	assert_int_equal(found(IMA_UNKNOWN_FILE), 1);
}

/* Of the same length and by another algorithm: the bytes are not enough. Nor is a rule for a buffer. */
static void pattern__digest_by_an_algorithm_unknown__does_not_allow(void **unused)
{
	char rule[256];
	char hex[65];

	(void)unused;
	hex_encode(bytes_of(ones, 32), hex);
	list_again();
	put_digest("sm3-256:", bytes_of(ones, 32), "/usr/lib/x");
	snprintf(rule, sizeof(rule), "glob sha256:%s  /usr/**", hex);
	appraise(rule);
	assert_int_equal(found(IMA_WEAK_DIGEST), 1);
	list_again();
	ima_make_file(&list, "/bin/x", "x");
	appraise("buffer /bin/x sha256:" X);
	assert_int_equal(found(IMA_UNKNOWN_FILE), 1);
}

static void nearest__more_known_than_are_told__the_first_of_them(void **unused)
{
	static const char rules_of_one[] =
		"sha256:a0"
		"00000000000000000000000000000000000000000000000000000000000000  /bin/x\n"
		"sha256:a1"
		"00000000000000000000000000000000000000000000000000000000000000  /bin/x\n"
		"sha256:a2"
		"00000000000000000000000000000000000000000000000000000000000000  /bin/x\n"
		"sha256:a3"
		"00000000000000000000000000000000000000000000000000000000000000  /bin/x\n";

	(void)unused;
	list_again();
	for (size_t i = 0; i < IMA_FINDINGS_MAX + 1; i++)
		ima_make_file(&list, "/bin/x", "x");
	appraise(rules_of_one);
	assert_int_equal(result.findings.total, IMA_FINDINGS_MAX + 1);
	assert_int_equal(found(IMA_OTHER_DIGEST), IMA_FINDINGS_MAX + 1);
	assert_int_equal(result.findings.count, IMA_FINDINGS_MAX);
	for (size_t i = 0; i < IMA_FINDINGS_MAX; i++) {
		assert_int_equal(result.findings.list[i].nearest_count, IMA_NEAREST_MAX);
		assert_int_equal(result.findings.list[i].nearest[2].data[0], 0xa2);
	}
}

static void ignored__module_or_policy__only_what_may_be(void **unused)
{
	(void)unused;
	list_again();
	ima_make_file(&list, "/var/x", "x");
	ima_make_file(&list, "/opt/policy", "y");
	appraise("ignore /var/**\nignore /opt/**\npolicy /opt/policy");
	assert_int_equal(result.findings.ignored, 1);
	assert_int_equal(found(IMA_POLICY_CHANGED), 1);
	assert_int_equal(result.findings.total, 1);
	assert_int_equal(made.flags & IMA_FACT_POLICY, IMA_FACT_POLICY);
	/* A policy known by its digest is one all the same. */
	list_again();
	ima_make_file(&list, "/opt/policy", "x");
	check_accepted("policy /opt/policy\n" X "  /opt/policy");
	assert_int_equal(made.flags & IMA_FACT_POLICY, IMA_FACT_POLICY);
	list_again();
	ima_make_file(&list, "/bin/x", "x");
	check_accepted(RULE_X);
	assert_int_equal(made.flags, 0);
}

/* ---- signatures ---- */

static void signature__rule_of_its_key_behind_others__allowed(void **unused)
{
	(void)unused;
	list_again();
	ima_make_signed(&list, "/usr/bin/x", "x", key, signer.keyid, false);
	check_accepted("ignore /opt/**\nsigned vendor /usr/**\nsigned distro /usr/**");
	assert_int_equal(result.findings.ignored, 0);
	appraise("signed vendor /usr/**\nsigned distro /opt/**\nignore /opt/**");
	assert_int_equal(found(IMA_UNKNOWN_KEY), 1);
	/* Signed by a key that is known: still only where a rule asks for it. */
	appraise("signed distro /opt/**");
	assert_int_equal(found(IMA_UNKNOWN_FILE), 1);
}

static void signature__not_asked_for__not_told(void **unused)
{
	(void)unused;
	list_again();
	ima_make_signed(&list, "/usr/bin/x", "x", key, signer.keyid + 1, false);
	appraise("");
	assert_int_equal(found(IMA_UNKNOWN_FILE), 1);
	/* A module's signature is looked at, but who signed it is no reason of its own. */
	list_again();
	ima_make_signed(&list, "/lib/modules/a.ko", "x", key, signer.keyid + 1, false);
	appraise("");
	assert_int_equal(found(IMA_UNKNOWN_FILE), 1);
	assert_int_equal(result.findings.total, 1);
	assert_int_equal(made.modules, 1);
	assert_int_equal(made.modules_unsigned, 1);
}

/* An entry of ima-sig whose signature is none. */
static void put_bad_signature(const char *path)
{
	buf_clear(&data);
	ima_make_digest(&data, "sha256:", bytes_of(ones, 32));
	ima_make_path(&data, path);
	ima_make_field(&data, BYTES_LIT("\x03\x02\x04"));
	ima_make_entry(&list, DIGEST_SHA1, IMA_PCR, "ima-sig", buf_bytes(&data));
}

/* Only rules that ask for a signature ask for one. */
static void modules__that_are_none__are_not_counted(void **unused)
{
	(void)unused;
	list_again();
	ima_make_file(&list, "/bin/x", "x");
	appraise("modules signed");
	assert_int_equal(result.findings.total, 1);
	assert_int_equal(found(IMA_UNKNOWN_FILE), 1);
	assert_int_equal(made.modules, 0);
	assert_int_equal(made.modules_unsigned, 0);
}

static void signature__where_none_is_asked_for__is_not_looked_at(void **unused)
{
	(void)unused;
	list_again();
	put_bad_signature("/usr/bin/x");
	appraise("ignore /usr/**");
	assert_int_equal(result.findings.total, 0);
	assert_int_equal(result.findings.ignored, 1);
	appraise("glob sha256:" OTHER "  /usr/**");
	assert_int_equal(found(IMA_UNKNOWN_FILE), 1);
	appraise("signed distro /usr/**");
	assert_int_equal(found(IMA_BAD_SIGNATURE), 1);
	/* That of a module is, but nobody asked who signed it. */
	list_again();
	put_bad_signature("/lib/modules/a.ko");
	appraise("");
	assert_int_equal(found(IMA_UNKNOWN_FILE), 1);
	assert_int_equal(made.modules_unsigned, 1);
}

static void module__signed_and_known_by_its_digest__accepted(void **unused)
{
	(void)unused;
	list_again();
	ima_make_signed(&list, "/lib/modules/a.ko", "x", key, signer.keyid, false);
	check_accepted(X "  /lib/modules/a.ko\nmodules signed");
	assert_int_equal(made.modules_unsigned, 0);
}

static void module__by_each_ending__and_no_other(void **unused)
{
	static const struct {
		const char *path;
		bool module;
	} cases[] = {
		{"/lib/a.ko", true},
		{"/lib/a.ko.gz", true},
		{"/lib/a.ko.xz", true},
		{"/lib/a.ko.zst", true},
		{".ko", true},
		{"ko", false},
		{"/lib/a.kox", false},
		{"/lib/ako", false},
	};
	char rule[128];

	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		list_again();
		ima_make_file(&list, cases[i].path, "x");
		snprintf(rule, sizeof(rule), X "  %s\nmodules signed", cases[i].path);
		appraise(rule);
		assert_int_equal(made.modules, cases[i].module);
		assert_int_equal(found(IMA_MODULE_UNSIGNED), cases[i].module);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(file__by_a_strong_hash__unknown_and_not_weak),
		TEST(pattern__another_algorithm_or_kind__does_not_allow),
		TEST(pattern__digest_by_an_algorithm_unknown__does_not_allow),
		TEST(nearest__more_known_than_are_told__the_first_of_them),
		TEST(ignored__module_or_policy__only_what_may_be),
		TEST(signature__rule_of_its_key_behind_others__allowed),
		TEST(signature__not_asked_for__not_told),
		TEST(modules__that_are_none__are_not_counted),
		TEST(signature__where_none_is_asked_for__is_not_looked_at),
		TEST(module__signed_and_known_by_its_digest__accepted),
		TEST(module__by_each_ending__and_no_other),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
