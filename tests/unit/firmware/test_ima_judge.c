/* SPDX-License-Identifier: Apache-2.0 */
/* Each finding: the entry that makes it, the rule that unmakes it, and its words. */
#include "ima_case.h"

static void file__not_in_the_rules__unknown(void **unused)
{
	(void)unused;
	ima_make_file(&list, "/bin/x", "x");
	check_finding("", IMA_UNKNOWN_FILE,
		"entry 1: /bin/x: no rule knows this file (sha256:" X ")", RULE_X);
	check_accepted(RULE_X);
}

static void file__rule_offered__allows_it_however_odd_its_name(void **unused)
{
	(void)unused;
	ima_make_file(&list, "/bin/\x1b[2J x\\\n\xff", "x");
	check_finding("", IMA_UNKNOWN_FILE,
		"entry 1: /bin/\\x1b[2J x\\\\\\n\\xff: no rule knows this file (sha256:" X ")",
		"\\sha256:" X "  /bin/\\x1b[2J x\\\\\\x0a\\xff");
	buf_clear(&list);
	ima_make_many(&list, 0, 1);
	ima_make_file(&list, "/bin/\x1b[2J_x\\\n\xff", "x"); /* as Linux logs the space */
	(void)buf_str(&text);
	check_accepted((const char *)text.data);
}

static void file__with_another_digest__nearest_told(void **unused)
{
	(void)unused;
	ima_make_file(&list, "/bin/x", "x");
	check_finding(OTHER "  /bin/x", IMA_OTHER_DIGEST,
		"entry 1: /bin/x: not the content that the rules know (sha256:" X "; known: " OTHER
		")",
		RULE_X);
}

static void file__by_pattern_and_digest__allowed(void **unused)
{
	(void)unused;
	ima_make_file(&list, "/usr/lib/a/libx.so", "x");
	check_accepted("glob sha256:" X "  /usr/lib/**/libx.so");
	appraise("glob sha256:" OTHER "  /usr/lib/**/libx.so");
	assert_int_equal(result.findings.by_kind[IMA_UNKNOWN_FILE], 1);
	appraise("glob sha256:" X "  /usr/lib/*/liby.so");
	assert_int_equal(result.findings.by_kind[IMA_UNKNOWN_FILE], 1);
	appraise("glob verity:sha256:" X "  /usr/lib/**");
	assert_int_equal(result.findings.by_kind[IMA_UNKNOWN_FILE], 1);
}

static void file__ignored__counted_as_not_checked(void **unused)
{
	(void)unused;
	ima_make_file(&list, "/var/tmp/x", "x");
	check_accepted("ignore /var/tmp/**");
	assert_int_equal(result.findings.ignored, 1);
	assert_int_equal(made.flags & IMA_FACT_IGNORED, IMA_FACT_IGNORED);
}

static void ignored__policy_or_bad_signature__told_all_the_same(void **unused)
{
	(void)unused;
	ima_make_file(&list, "/etc/ima/ima-policy", "x");
	appraise("ignore /etc/**");
	assert_int_equal(result.findings.by_kind[IMA_POLICY_CHANGED], 1);
	assert_int_equal(result.findings.ignored, 0);
	buf_clear(&list);
	ima_make_many(&list, 0, 1);
	ima_make_digest(&data, "sha256:", BYTES_OF(value));
	ima_make_path(&data, "/usr/bin/x");
	ima_make_field(&data, BYTES_LIT("\x03\x02\x04"));
	ima_make_entry(&list, DIGEST_SHA1, 10, "ima-sig", buf_bytes(&data));
	appraise("signed distro /usr/**\nignore /usr/**");
	assert_int_equal(result.findings.by_kind[IMA_BAD_SIGNATURE], 1);
	assert_int_equal(result.findings.ignored, 0);
}

static void file__by_sha1__no_rule_can_allow_it(void **unused)
{
	(void)unused;
	ima_make_old(&list, 10, bytes_of(value, 20), "/bin/x");
	check_finding("", IMA_WEAK_DIGEST,
		"entry 1: /bin/x: measured by a hash that no rule can rely on: boot with "
		"ima_hash=sha256 (sha1:0000000000000000000000000000000000000000)",
		"");
}

static void entry__without_digest_or_path__refused(void **unused)
{
	(void)unused;
	ima_make_path(&data, "/bin/x");
	ima_make_entry(&list, DIGEST_SHA1, 10, "n-ng", buf_bytes(&data));
	check_finding("", IMA_NO_DIGEST,
		"entry 1: /bin/x: its template leaves out the digest or the path", "");
	buf_clear(&list);
	buf_clear(&data);
	ima_make_many(&list, 0, 1);
	ima_make_digest(&data, "sha256:", BYTES_OF(value));
	ima_make_entry(&list, DIGEST_SHA1, 10, "d-ng", buf_bytes(&data));
	appraise("");
	assert_int_equal(result.findings.by_kind[IMA_NO_DIGEST], 1);
}

/* ---- Signatures ---- */

static void signed_file__by_the_named_key__allowed(void **unused)
{
	(void)unused;
	ima_make_signed(&list, "/usr/bin/x", "x", key, signer.keyid, false);
	ima_make_signed(&list, "/usr/bin/v", "v", key, signer.keyid, true);
	check_accepted("signed distro /usr/**");
}

static void signed_file__no_rule_for_it__not_enough(void **unused)
{
	(void)unused;
	ima_make_signed(&list, "/usr/bin/x", "x", key, signer.keyid, false);
	appraise("signed distro /opt/**");
	assert_int_equal(result.findings.by_kind[IMA_UNKNOWN_FILE], 1);
	appraise("signed vendor /usr/**"); /* verified, but by a key of another name */
	assert_int_equal(result.findings.by_kind[IMA_UNKNOWN_KEY], 1);
}

static void signed_file__bad_signature__told(void **unused)
{
	(void)unused;
	ima_make_digest(&data, "sha256:", bytes_of("x234567890123456789012345678901", 32));
	ima_make_path(&data, "/usr/bin/x");
	ima_make_signature(
		&text, 3, 2, bytes_of("y234567890123456789012345678901", 32), key, signer.keyid);
	ima_make_field(&data, buf_bytes(&text));
	ima_make_entry(&list, DIGEST_SHA1, 10, "ima-sig", buf_bytes(&data));
	appraise("signed distro /usr/**");
	assert_int_equal(result.findings.by_kind[IMA_BAD_SIGNATURE], 1);
}

static void signed_file__key_not_given__told(void **unused)
{
	(void)unused;
	ima_make_signed(&list, "/usr/bin/x", "x", key, signer.keyid + 1, false);
	appraise("signed distro /usr/**");
	assert_int_equal(result.findings.by_kind[IMA_UNKNOWN_KEY], 1);
}

static void unsigned_file__where_signatures_are_asked__unknown(void **unused)
{
	(void)unused;
	ima_make_file(&list, "/usr/bin/x", "x");
	appraise("signed distro /usr/**");
	assert_int_equal(result.findings.by_kind[IMA_UNKNOWN_FILE], 1);
	check_accepted("signed distro /usr/**\n" X "  /usr/bin/x");
}

static void module__unsigned__counted_and_refused_on_demand(void **unused)
{
	static const char rule[] = X "  /lib/modules/a.ko.xz\n";

	(void)unused;
	ima_make_file(&list, "/lib/modules/a.ko.xz", "x");
	check_accepted(rule);
	assert_int_equal(made.modules, 1);
	assert_int_equal(made.modules_unsigned, 1);
	check_finding(X "  /lib/modules/a.ko.xz\nmodules signed", IMA_MODULE_UNSIGNED,
		"entry 1: /lib/modules/a.ko.xz: kernel module without a signature by a key that "
		"was given (sha256:" X ")",
		"");
	buf_clear(&list);
	ima_make_many(&list, 0, 1);
	ima_make_signed(&list, "/lib/modules/a.ko", "x", key, signer.keyid, false);
	check_accepted("signed distro /lib/modules/**\nmodules signed");
	assert_int_equal(made.modules, 1);
	assert_int_equal(made.modules_unsigned, 0);
}

static void module__with_an_appended_signature__signed(void **unused)
{
	(void)unused;
	ima_make_module(&list, "/lib/modules/a.ko", "x", key);
	check_accepted("signed distro /lib/modules/**\nmodules signed");
	assert_int_equal(made.modules, 1);
	assert_int_equal(made.modules_unsigned, 0);
	input.key_count = 0;
	appraise("signed distro /lib/modules/**\nmodules signed");
	assert_int_equal(result.findings.by_kind[IMA_MODULE_UNSIGNED], 1);
	assert_int_equal(result.findings.by_kind[IMA_UNKNOWN_KEY], 1);
}

/* ---- Buffers ---- */

static void buffer__unknown__rule_offered_allows_it(void **unused)
{
	(void)unused;
	ima_make_buffer(&list, "selinux-state", BYTES_LIT("x"));
	check_finding("", IMA_UNKNOWN_BUFFER,
		"entry 1: selinux-state: kernel data that no rule knows (sha256:" X ")",
		"buffer selinux-state sha256:" X);
	check_accepted("buffer selinux-state sha256:" X);
	check_accepted("buffer selinux-state *");
	appraise("buffer selinux-state sha256:" OTHER);
	assert_int_equal(result.findings.by_kind[IMA_UNKNOWN_BUFFER], 1);
	appraise("buffer selinux-stat *");
	assert_int_equal(result.findings.by_kind[IMA_UNKNOWN_BUFFER], 1);
}

static void buffer__not_the_one_measured__told(void **unused)
{
	(void)unused;
	ima_make_digest(&data, "sha256:", BYTES_OF(value));
	ima_make_path(&data, "selinux-state");
	ima_make_field(&data, BYTES_LIT("x"));
	ima_make_entry(&list, DIGEST_SHA1, 10, "ima-buf", buf_bytes(&data));
	appraise("buffer selinux-state *");
	assert_int_equal(result.findings.by_kind[IMA_BUFFER_DIGEST], 1);
	assert_int_equal(result.findings.total, 1);
}

static void keyring__key_added__refused_unless_opened_to_it(void **unused)
{
	struct digest digest;

	(void)unused;
	ima_make_buffer(&list, ".ima", BYTES_LIT("\x30\x82"));
	assert_ok(digest_of(DIGEST_SHA256, BYTES_LIT("\x30\x82"), &digest, &err), err);
	appraise("buffer .ima *");
	assert_int_equal(result.findings.by_kind[IMA_UNKNOWN_KEYRING], 1);
	assert_int_equal(made.flags & IMA_FACT_KEYRING, IMA_FACT_KEYRING);
	ima_finding_rule(&result.findings.list[0], &text);
	buf_put_str(&text, "");
	(void)buf_str(&text);
	check_accepted((const char *)text.data);
	check_accepted("keyring .ima *");
}

static void kexec__loaded__refused_unless_allowed(void **unused)
{
	(void)unused;
	ima_make_buffer(&list, "kexec-cmdline", BYTES_LIT("x"));
	check_finding("", IMA_KEXEC,
		"entry 1: kexec-cmdline: another kernel was loaded or started by kexec (sha256:" X
		")",
		"buffer kexec-cmdline sha256:" X);
	check_accepted("kexec allow");
	assert_int_equal(made.flags & IMA_FACT_KEXEC, IMA_FACT_KEXEC);
	check_accepted("buffer kexec-cmdline sha256:" X);
}

static void kexec__second_boot_aggregate__is_one(void **unused)
{
	(void)unused;
	ima_make_file(&list, "boot_aggregate", "x");
	check_finding("", IMA_KEXEC,
		"entry 1: boot_aggregate: another kernel was loaded or started by kexec (sha256:" X
		")",
		"");
	check_accepted("kexec allow");
}

static void policy__loaded_from_its_file__only_the_known_one(void **unused)
{
	(void)unused;
	ima_make_file(&list, "/etc/ima/ima-policy", "x");
	check_finding("ignore /etc/xyz/**", IMA_POLICY_CHANGED,
		"entry 1: /etc/ima/ima-policy: an IMA policy was loaded that no rule knows "
		"(sha256:" X ")",
		"sha256:" X "  /etc/ima/ima-policy");
	check_accepted(X "  /etc/ima/ima-policy");
	assert_int_equal(made.flags & IMA_FACT_POLICY, IMA_FACT_POLICY);
}

static void policy__written_or_from_a_declared_path__told(void **unused)
{
	(void)unused;
	ima_make_buffer(&list, "ima_policy_written", BYTES_LIT("x"));
	ima_make_file(&list, "/opt/policy", "y");
	appraise("policy /opt/policy");
	assert_int_equal(result.findings.by_kind[IMA_POLICY_CHANGED], 2);
	ima_finding_rule(&result.findings.list[0], &text);
	assert_string_equal(buf_str(&text), "buffer ima_policy_written sha256:" X);
	appraise("buffer ima_policy_written sha256:" X);
	assert_int_equal(result.findings.by_kind[IMA_POLICY_CHANGED], 0);
	assert_int_equal(result.findings.by_kind[IMA_UNKNOWN_FILE], 1);
}

static void kernel__below_the_minimum_or_not_measured__refused(void **unused)
{
	(void)unused;
	check_finding("kernel 6.1", IMA_KERNEL_OLD,
		"entry 0: the kernel's version is below the minimum, or was not measured", "");
	ima_make_buffer(&list, "kernel_version", BYTES_LIT("6.1.0-18-amd64"));
	check_accepted("kernel 6.1");
	assert_int_equal(made.flags & IMA_FACT_KERNEL, IMA_FACT_KERNEL);
	appraise("kernel 6.1.1");
	assert_int_equal(result.findings.by_kind[IMA_KERNEL_OLD], 1);
	assert_int_equal(result.findings.total, 1);
	appraise("");
	assert_int_equal(result.findings.by_kind[IMA_UNKNOWN_BUFFER], 1);
	check_accepted("buffer kernel_version *");
}

/* ---- The whole ---- */

static void violation__refused_unless_to_be_reported_only(void **unused)
{
	(void)unused;
	ima_make_digest(&data, "sha1:", bytes_of((const uint8_t[20]){0}, 20));
	ima_make_path(&data, "/bin/x");
	ima_make_violation(&list, DIGEST_SHA1, 10, "ima-ng", buf_bytes(&data));
	check_finding("", IMA_VIOLATION,
		"entry 1: /bin/x: was written while it was measured, so what ran is not known "
		"(nothing vouches for the name either)",
		"");
	check_accepted("violations report");
	assert_int_equal(result.advance.violations, 1);
	assert_int_equal(made.violations, 1);
}

static void entry_0__no_boot_aggregate__refused(void **unused)
{
	(void)unused;
	buf_clear(&list);
	ima_make_file(&list, "/bin/x", "x");
	check_finding(RULE_X, IMA_BOOT_AGGREGATE,
		"entry 0: /bin/x: entry 0 is no boot_aggregate of the PCRs that were quoted "
		"(sha256:" X ")",
		"");
}

static void boot_aggregate__against_quoted_pcrs__counts(void **unused)
{
	uint8_t pcr[10][SHA256_LEN] = {{1}};
	struct digest digest;

	(void)unused;
	for (size_t i = 0; i < 10; i++)
		input.boot[i] = BYTES_OF(pcr[i]);
	appraise("");
	assert_int_equal(result.boot, IMA_BOOT_MISMATCH);
	assert_int_equal(result.findings.by_kind[IMA_BOOT_AGGREGATE], 1);
	buf_clear(&list);
	assert_ok(digest_of_parts(DIGEST_SHA256, input.boot, 10, &digest, &err), err);
	ima_make_digest(&data, "sha256:", digest_bytes(&digest));
	ima_make_path(&data, "boot_aggregate");
	ima_make_entry(&list, DIGEST_SHA1, 10, "ima-ng", buf_bytes(&data));
	check_accepted("");
	assert_int_equal(result.boot, IMA_BOOT_MATCH_0_9);
	assert_int_equal(made.flags & IMA_FACT_BOOT_AGGREGATE, IMA_FACT_BOOT_AGGREGATE);
}

static void entry_of_another_pcr__not_quoted__refused(void **unused)
{
	(void)unused;
	ima_make_digest(&data, "sha256:", bytes_of((const uint8_t[32]){0x11}, 32));
	ima_make_path(&data, "/bin/y");
	ima_make_entry(&list, DIGEST_SHA1, 12, "ima-ng", buf_bytes(&data));
	ima_make_file(&list, "/bin/x", "x");
	appraise(RULE_X "\nignore /bin/y");
	assert_int_equal(result.findings.total, 1);
	assert_int_equal(result.findings.by_kind[IMA_PCR_NOT_QUOTED], 1);
}

static void padded_bank__refused_unless_allowed(void **unused)
{
	struct ima_pcrs pcrs;

	(void)unused;
	for (int allow = 0; allow < 2; allow++) {
		ima_rules_free(&rules);
		assert_ok(
			ima_rules_parse(bytes_str(allow ? "padded allow" : ""), &rules, &err), err);
		assert_ok(ima_replay(buf_bytes(&list), DIGEST_SHA1, DIGEST_SHA256,
				  IMA_EXTEND_PADDED, &pcrs, &err),
			err);
		input.log = buf_bytes(&list);
		input.quoted[0] = bytes_of(pcrs.value[10], SHA256_LEN);
		input.rules = rules;
		assert_ok(ima_appraise(&state, &input, &made, &result, &err), err);
		assert_true(result.advance.matched);
		assert_int_equal(result.findings.by_kind[IMA_PADDED_BANK], !allow);
		assert_int_equal(result.findings.total, !allow);
	}
}

static void quote__of_another_log__judges_nothing(void **unused)
{
	(void)unused;
	ima_make_file(&list, "/bin/x", "x");
	appraise("");
	value[0] ^= 1;
	memset(&made, 0x5a, sizeof(made));
	assert_ok(ima_appraise(&state, &input, &made, &result, &err), err);
	assert_false(result.advance.matched);
	assert_int_equal(result.findings.total, 0);
	assert_int_equal(made.next, UINT64_C(0x5a5a5a5a5a5a5a5a));
}

static void renewal__keeps_facts_and_judges_new_entries_only(void **unused)
{
	size_t len;

	(void)unused;
	ima_make_buffer(&list, "kexec-cmdline", BYTES_LIT("x"));
	check_accepted("kexec allow");
	len = list.len;
	ima_make_file(&list, "/bin/x", "x");
	ima_make_replay(buf_bytes(&list), DIGEST_SHA1, DIGEST_SHA256, IMA_PCR, value);
	state = made;
	input.first = 2;
	input.log = bytes_of(list.data + len, list.len - len);
	assert_ok(ima_appraise(&state, &input, &made, &result, &err), err);
	assert_true(result.advance.matched);
	assert_int_equal(result.findings.total, 1);
	assert_int_equal(result.findings.list[0].entry, 2);
	assert_int_equal(made.flags, IMA_FACT_KEXEC | IMA_FACT_REFUSED);
	assert_int_equal(result.boot, IMA_BOOT_ABSENT);
}

static void wanted_files__seen_by_path_and_digest(void **unused)
{
	struct ima_wanted wanted[] = {{.path = BYTES_LIT("/bin/x")}, {.path = BYTES_LIT("/bin/x")},
		{.path = BYTES_LIT("/bin/z")}, {.path = BYTES_LIT("/bin/a b")}};
	struct digest digest;

	(void)unused;
	assert_ok(digest_of(DIGEST_SHA256, BYTES_LIT("x"), &digest, &err), err);
	memcpy(wanted[1].digest, digest.bytes, SHA256_LEN);
	memcpy(wanted[2].digest, digest.bytes, SHA256_LEN);
	memcpy(wanted[3].digest, digest.bytes, SHA256_LEN);
	input.wanted = wanted;
	input.wanted_count = ARRAY_LEN(wanted);
	ima_make_file(&list, "/bin/x", "x");
	ima_make_file(&list, "/bin/a_b", "x"); /* as Linux logs the space */
	check_accepted(RULE_X "\n" X "  /bin/a b");
	assert_int_equal(made.seen, 2 | 8);
	input.wanted_count = IMA_WANTED_MAX + 1;
	assert_fails(ima_appraise(&state, &input, &made, &result, &err), err, ERR_USAGE,
		"IMA: more than 64 files wanted");
}

static void rules__none_given__refused(void **unused)
{
	(void)unused;
	appraise("");
	input.rules = NULL;
	assert_fails(ima_appraise(&state, &input, &made, &result, &err), err, ERR_USAGE,
		"IMA: no rules to judge by");
}

static void findings__more_than_the_list_holds__counted(void **unused)
{
	(void)unused;
	ima_make_many(&list, 1, IMA_FINDINGS_MAX + 10);
	appraise("");
	assert_int_equal(result.findings.count, IMA_FINDINGS_MAX);
	assert_int_equal(result.findings.total, IMA_FINDINGS_MAX + 10);
	assert_int_equal(result.findings.by_kind[IMA_UNKNOWN_FILE], IMA_FINDINGS_MAX + 10);
}

static void findings__beyond_counting__judged_no_further(void **unused)
{
	(void)unused;
	ima_make_many(&list, 1, IMA_FINDINGS_COUNT + 10);
	appraise("");
	assert_int_equal(result.findings.total, IMA_FINDINGS_COUNT);
	assert_true(result.findings.cut);
	assert_int_equal(made.flags & IMA_FACT_REFUSED, IMA_FACT_REFUSED);
}

static void finding__of_no_kind__has_words(void **unused)
{
	struct ima_finding finding = {.kind = (enum ima_finding_kind)99};

	(void)unused;
	ima_finding_text(&finding, &text);
	assert_string_equal(buf_str(&text), "entry 0: unknown");
	buf_clear(&text);
	ima_finding_rule(&finding, &text);
	assert_int_equal(text.len, 0);
	assert_string_equal(ima_finding_name(finding.kind), "unknown");
}

/* No line of rules can hold a name with a space in it. */
static void buffer__odd_name__no_rule_offered(void **unused)
{
	(void)unused;
	ima_make_buffer(&list, "a b", BYTES_LIT("x"));
	appraise("");
	ima_finding_rule(&result.findings.list[0], &text);
	assert_int_equal(text.len, 0);
}

static void verity_file__rule_offered__says_so(void **unused)
{
	(void)unused;
	ima_make_signed(&list, "/bin/x", "x", key, signer.keyid, true);
	check_finding(X "  /bin/other", IMA_UNKNOWN_FILE,
		"entry 1: /bin/x: no rule knows this file (verity:sha256:" X ")",
		"verity:sha256:" X "  /bin/x");
	check_accepted("verity:sha256:" X "  /bin/x");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(file__not_in_the_rules__unknown),
		TEST(file__rule_offered__allows_it_however_odd_its_name),
		TEST(file__with_another_digest__nearest_told),
		TEST(file__by_pattern_and_digest__allowed),
		TEST(file__ignored__counted_as_not_checked),
		TEST(ignored__policy_or_bad_signature__told_all_the_same),
		TEST(file__by_sha1__no_rule_can_allow_it),
		TEST(entry__without_digest_or_path__refused),
		TEST(signed_file__by_the_named_key__allowed),
		TEST(signed_file__no_rule_for_it__not_enough),
		TEST(signed_file__bad_signature__told),
		TEST(signed_file__key_not_given__told),
		TEST(unsigned_file__where_signatures_are_asked__unknown),
		TEST(module__unsigned__counted_and_refused_on_demand),
		TEST(module__with_an_appended_signature__signed),
		TEST(buffer__unknown__rule_offered_allows_it),
		TEST(buffer__not_the_one_measured__told),
		TEST(keyring__key_added__refused_unless_opened_to_it),
		TEST(kexec__loaded__refused_unless_allowed),
		TEST(kexec__second_boot_aggregate__is_one),
		TEST(policy__loaded_from_its_file__only_the_known_one),
		TEST(policy__written_or_from_a_declared_path__told),
		TEST(kernel__below_the_minimum_or_not_measured__refused),
		TEST(violation__refused_unless_to_be_reported_only),
		TEST(entry_0__no_boot_aggregate__refused),
		TEST(boot_aggregate__against_quoted_pcrs__counts),
		TEST(entry_of_another_pcr__not_quoted__refused),
		TEST(padded_bank__refused_unless_allowed),
		TEST(quote__of_another_log__judges_nothing),
		TEST(renewal__keeps_facts_and_judges_new_entries_only),
		TEST(wanted_files__seen_by_path_and_digest),
		TEST(rules__none_given__refused),
		TEST(findings__more_than_the_list_holds__counted),
		TEST(findings__beyond_counting__judged_no_further),
		TEST(finding__of_no_kind__has_words),
		TEST(buffer__odd_name__no_rule_offered),
		TEST(verity_file__rule_offered__says_so),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
