/* SPDX-License-Identifier: Apache-2.0 */
/* The judgement of an IMA log's buffers, its entry 0 and the whole of it: each condition from both sides. */
#include "ima_case.h"

#include <stdlib.h>

#include "firmware/ima_rules_private.h"

/* ---- buffers ---- */

static void keyring__dot_and_certificate__or_no_keyring(void **unused)
{
	static const struct {
		const char *name;
		struct bytes content;
		bool keyring;
	} cases[] = {
		{".ima", {(const uint8_t *)"\x30\x82", 2}, true},
		{".ima", {(const uint8_t *)"\x30", 1}, true},
		{".ima", {(const uint8_t *)"\x31\x82", 2}, false},
		{"ima", {(const uint8_t *)"\x30\x82", 2}, false},
		{".ima", {(const uint8_t *)"", 0}, false},
		{"", {(const uint8_t *)"\x30\x82", 2}, false},
	};
	const struct ima_entry nameless = {.field[IMA_FIELD_BUF] = cases[0].content};

	(void)unused;
	assert_false(ima_entry_is_keyring(&nameless));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct ima_entry entry = {
			.path = bytes_str(cases[i].name), .field[IMA_FIELD_BUF] = cases[i].content};

		assert_int_equal(ima_entry_is_keyring(&entry), cases[i].keyring);
		list_again();
		ima_make_buffer(&list, cases[i].name, cases[i].content);
		appraise("");
		assert_int_equal(found(IMA_UNKNOWN_KEYRING), cases[i].keyring);
		assert_int_equal(found(IMA_UNKNOWN_BUFFER), !cases[i].keyring);
		assert_int_equal(!!(made.flags & IMA_FACT_KEYRING), cases[i].keyring);
	}
}

/* Rules of one kind open nothing of the other. */
static void keyring__rule_for_a_buffer__does_not_open_it(void **unused)
{
	(void)unused;
	list_again();
	ima_make_buffer(&list, ".ima", BYTES_LIT("\x30\x82"));
	appraise("buffer .ima *");
	assert_int_equal(found(IMA_UNKNOWN_KEYRING), 1);
	appraise("keyring .im *\nkeyring .imaa *");
	assert_int_equal(found(IMA_UNKNOWN_KEYRING), 1);
	check_accepted("keyring .ima *");
	list_again();
	ima_make_buffer(&list, "selinux-state", BYTES_LIT("x"));
	appraise("keyring selinux-state *");
	assert_int_equal(found(IMA_UNKNOWN_BUFFER), 1);
}

static void buffer__each_that_tells_of_a_kexec_or_policy__told(void **unused)
{
	static const struct {
		const char *name;
		enum ima_finding_kind kind;
		uint32_t fact;
	} cases[] = {
		{"kexec-cmdline", IMA_KEXEC, IMA_FACT_KEXEC},
		{"kexec_load", IMA_KEXEC, IMA_FACT_KEXEC},
		{"kexec_execute", IMA_KEXEC, IMA_FACT_KEXEC},
		{"ima_policy_loaded", IMA_POLICY_CHANGED, IMA_FACT_POLICY},
		{"ima_policy_written", IMA_POLICY_CHANGED, IMA_FACT_POLICY},
	};
	char rule[128];

	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		list_again();
		ima_make_buffer(&list, cases[i].name, BYTES_LIT("x"));
		appraise("");
		assert_int_equal(result.findings.total, 1);
		assert_int_equal(found(cases[i].kind), 1);
		assert_int_equal(made.flags, cases[i].fact | IMA_FACT_REFUSED);
		snprintf(rule, sizeof(rule), "buffer %s sha256:" X, cases[i].name);
		check_accepted(rule);
		assert_int_equal(made.flags, cases[i].fact);
	}
}

/* What was measured by a hash that nobody knows is not what its digest says. */
static void buffer__measured_by_an_unknown_hash__told(void **unused)
{
	(void)unused;
	list_again();
	ima_make_digest(&data, "md5:", bytes_of(ones, 16));
	ima_make_path(&data, "selinux-state");
	ima_make_field(&data, BYTES_LIT("x"));
	ima_make_entry(&list, DIGEST_SHA1, IMA_PCR, "ima-buf", buf_bytes(&data));
	appraise("buffer selinux-state *");
	assert_int_equal(found(IMA_BUFFER_DIGEST), 1);
	assert_int_equal(result.findings.total, 1);
	/* By none at all. */
	list_again();
	ima_make_path(&data, "selinux-state");
	ima_make_field(&data, BYTES_LIT("x"));
	ima_make_entry(&list, DIGEST_SHA1, IMA_PCR, "n-ng|buf", buf_bytes(&data));
	appraise("buffer selinux-state *");
	assert_int_equal(found(IMA_BUFFER_DIGEST), 1);
	assert_int_equal(result.findings.total, 1);
}

static void kernel__each_part_of_its_version__counts_in_turn(void **unused)
{
	static const struct {
		const char *version;
		bool old;
	} cases[] = {
		{"6.6.7", false}, {"6.6.8", false}, {"6.7.0", false}, {"7.0.0", false},
		{"6.6.6", true}, {"6.5.9", true}, {"5.9.9", true}, {"6.6", true}, {"six", true},
		{"7", true}, /* of a form that no kernel has */
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		list_again();
		ima_make_buffer(&list, "kernel_version", bytes_str(cases[i].version));
		ima_make_file(&list, "/bin/x", "x");
		appraise("kernel 6.6.7\n" RULE_X);
		if (found(IMA_KERNEL_OLD) != cases[i].old)
			fail_msg("%s", cases[i].version);
		assert_int_equal(result.findings.total, cases[i].old);
		assert_int_equal(!!(made.flags & IMA_FACT_KERNEL), !cases[i].old);
		if (cases[i].old)
			assert_int_equal(result.findings.list[0].entry, 1);
	}
}

/* It is measured once, at the beginning. */
static void kernel__not_measured__asked_for_in_the_first_part_alone(void **unused)
{
	size_t len;

	(void)unused;
	list_again();
	ima_make_buffer(&list, "kernel_version", BYTES_LIT("6.6.7"));
	check_accepted("kernel 6.6");
	len = list.len;
	state = made;
	ima_make_file(&list, "/bin/x", "x");
	ima_make_replay(buf_bytes(&list), DIGEST_SHA1, DIGEST_SHA256, IMA_PCR, value);
	input.first = 2;
	input.log = bytes_of(list.data + len, list.len - len);
	ima_rules_free(&rules);
	assert_ok(ima_rules_parse(bytes_str("kernel 6.6\n" RULE_X), &rules, &err), err);
	input.rules = rules;
	state.flags = 0; /* as if it had not been there */
	assert_ok(ima_appraise(&state, &input, &made, &result, &err), err);
	assert_int_equal(result.findings.total, 0);
}

static void kernel__of_an_empty_list__not_asked_for(void **unused)
{
	(void)unused;
	buf_clear(&list);
	appraise("kernel 6.6");
	assert_int_equal(result.advance.attested, 0);
	assert_int_equal(result.findings.total, 0);
	assert_int_equal(result.boot, IMA_BOOT_ABSENT);
	assert_int_equal(made.flags, 0);
}

/* ---- entry 0 ---- */

static const uint8_t pcr[10][SHA256_LEN] = {{1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}, {9}, {10}};

static void boot_aggregate_of(size_t pcrs, const char *prefix)
{
	struct digest digest = {.len = SHA256_LEN};

	for (size_t i = 0; i < 10; i++)
		input.boot[i] = BYTES_OF(pcr[i]);
	if (pcrs)
		assert_ok(digest_of_parts(DIGEST_SHA256, input.boot, pcrs, &digest, &err), err);
	buf_clear(&list);
	put_digest(prefix, bytes_of(digest.bytes, strcmp(prefix, "sha1:") ? 32 : 20),
		"boot_aggregate");
}

static void boot_aggregate__over_each_range__fact_or_finding(void **unused)
{
	static const struct {
		size_t pcrs;
		const char *prefix;
		enum ima_boot boot;
		bool fact, finding;
	} cases[] = {
		{10, "sha256:", IMA_BOOT_MATCH_0_9, true, false},
		{8, "sha256:", IMA_BOOT_MATCH_0_7, true, false},
		{9, "sha256:", IMA_BOOT_MISMATCH, false, true},
		{0, "sha256:", IMA_BOOT_NO_TPM, false, true},
		{8, "sha1:", IMA_BOOT_UNKNOWN_BANK, false, false},
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		boot_aggregate_of(cases[i].pcrs, cases[i].prefix);
		appraise("");
		assert_int_equal(result.boot, cases[i].boot);
		assert_int_equal(!!(made.flags & IMA_FACT_BOOT_AGGREGATE), cases[i].fact);
		assert_int_equal(found(IMA_BOOT_AGGREGATE), cases[i].finding);
		assert_int_equal(result.findings.total, cases[i].finding);
		assert_int_equal(!!(made.flags & IMA_FACT_REFUSED), cases[i].finding);
	}
}

static void boot_aggregate__violated_or_later__refused(void **unused)
{
	(void)unused;
	buf_clear(&list);
	buf_clear(&data);
	ima_make_digest(&data, "sha1:", bytes_of((const uint8_t[20]){0}, 20));
	ima_make_path(&data, "boot_aggregate");
	ima_make_violation(&list, DIGEST_SHA1, IMA_PCR, "ima-ng", buf_bytes(&data));
	appraise("violations report");
	assert_int_equal(found(IMA_BOOT_AGGREGATE), 1);
	assert_int_equal(found(IMA_VIOLATION), 0);
	assert_int_equal(result.findings.total, 1);
	list_again();
	ima_make_file(&list, "boot_aggregate", "x");
	appraise("");
	assert_int_equal(found(IMA_KEXEC), 1);
	assert_int_equal(made.flags, IMA_FACT_KEXEC | IMA_FACT_REFUSED);
}

/* A kernel that kexec started begins with one of its own; it is no entry 0. */
static void boot_aggregate__first_of_a_later_part__is_of_a_kexec(void **unused)
{
	size_t len;

	(void)unused;
	boot_aggregate_of(10, "sha256:");
	check_accepted("");
	len = list.len;
	state = made;
	put_digest("sha256:", bytes_of(ones, 32), "boot_aggregate");
	ima_make_replay(buf_bytes(&list), DIGEST_SHA1, DIGEST_SHA256, IMA_PCR, value);
	input.first = 1;
	input.log = bytes_of(list.data + len, list.len - len);
	ima_rules_free(&rules);
	assert_ok(ima_rules_parse(BYTES_LIT("kexec allow"), &rules, &err), err);
	input.rules = rules;
	assert_ok(ima_appraise(&state, &input, &made, &result, &err), err);
	assert_true(result.advance.matched);
	assert_int_equal(result.findings.total, 0);
	assert_int_equal(result.boot, IMA_BOOT_ABSENT);
	assert_int_equal(made.flags, IMA_FACT_BOOT_AGGREGATE | IMA_FACT_KEXEC);
}

/* ---- files wanted ---- */

static void wanted__by_path_digest_kind_and_algorithm(void **unused)
{
	struct ima_wanted wanted[3] = {{.path = BYTES_LIT("/bin/x y")},
		{.path = BYTES_LIT("/bin/xyz")}, {.path = BYTES_LIT("/bin/x")}};
	struct digest digest;

	(void)unused;
	assert_ok(digest_of(DIGEST_SHA256, BYTES_LIT("x"), &digest, &err), err);
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		memcpy(wanted[i].digest, digest.bytes, SHA256_LEN);
	input.wanted = wanted;
	input.wanted_count = ARRAY_LEN(wanted);
	list_again();
	ima_make_file(&list, "/bin/x_y", "x");
	appraise("");
	assert_int_equal(made.seen, 1);
	list_again();
	ima_make_file(&list, "/bin/xyz", "x");
	appraise("");
	assert_int_equal(made.seen, 2);
	list_again();
	ima_make_file(&list, "/bin/xy", "x"); /* as long as none of them */
	ima_make_file(&list, "/bin/xyz", "y");
	ima_make_signed(&list, "/bin/x", "x", key, signer.keyid, true); /* by fs-verity */
	appraise("");
	assert_int_equal(made.seen, 0);
	list_again();
	put_digest("sha1:", bytes_of(digest.bytes, 20), "/bin/x");
	put_digest("sm3-256:", bytes_of(digest.bytes, 32), "/bin/x");
	ima_make_file(&list, "xbin/xyz", "x");
	appraise("");
	assert_int_equal(made.seen, 0);
}

static void wanted__as_many_as_there_may_be__all_seen(void **unused)
{
	static struct ima_wanted wanted[IMA_WANTED_MAX];
	static char names[IMA_WANTED_MAX][16];

	(void)unused;
	list_again();
	for (size_t i = 0; i < IMA_WANTED_MAX; i++) {
		struct digest digest;

		snprintf(names[i], sizeof(names[i]), "/bin/%zu", i);
		assert_ok(digest_of(DIGEST_SHA256, bytes_str(names[i]), &digest, &err), err);
		wanted[i].path = bytes_str(names[i]);
		memcpy(wanted[i].digest, digest.bytes, SHA256_LEN);
		ima_make_file(&list, names[i], names[i]);
	}
	input.wanted = wanted;
	input.wanted_count = IMA_WANTED_MAX;
	appraise("");
	assert_int_equal(made.seen, UINT64_MAX);
}

/* ---- the whole ---- */

/* The judgement reads ahead; what it says of an entry is of that entry. */
static void entries__more_than_are_read_ahead__each_told_by_its_number(void **unused)
{
	char path[32];

	(void)unused;
	list_again();
	for (unsigned i = 0; i < 30; i++) {
		snprintf(path, sizeof(path), "/bin/%u", i);
		ima_make_file(&list, path, path);
	}
	appraise("");
	assert_int_equal(result.findings.total, 30);
	for (unsigned i = 0; i < 30; i++) {
		snprintf(path, sizeof(path), "/bin/%u", i);
		assert_int_equal(result.findings.list[i].entry, i + 1);
		assert_bytes(result.findings.list[i].path, bytes_str(path));
	}
}

/* Nothing is read of a digest that is not there, or of a short one. */
static void entries__without_a_digest__read_ahead_all_the_same(void **unused)
{
	(void)unused;
	list_again();
	for (unsigned i = 0; i < 30; i++) {
		buf_clear(&data);
		ima_make_path(&data, "/bin/x");
		ima_make_entry(&list, DIGEST_SHA1, IMA_PCR, "n-ng", buf_bytes(&data));
	}
	appraise(RULE_X);
	assert_int_equal(found(IMA_NO_DIGEST), 30);
	assert_int_equal(result.findings.total, 30);
}

static void judge__more_entries_than_there_are__an_error(void **unused)
{
	struct ima_findings *findings = calloc(1, sizeof(*findings));

	(void)unused;
	assert_non_null(findings);
	appraise("");
	assert_ok(ima_judge(&input, 1, &state, findings, &err), err);
	/* What stood in the list before is written over. */
	memset(findings->list, 0x5a, sizeof(findings->list));
	list_again();
	ima_make_file(&list, "/bin/x", "x");
	input.log = buf_bytes(&list);
	assert_ok(ima_judge(&input, 2, &state, findings, &err), err);
	assert_int_equal(findings->count, 1);
	assert_int_equal(findings->list[0].nearest_count, 0);
	list_again();
	input.log = buf_bytes(&list);
	assert_false(ima_judge(&input, 2, &state, findings, &err));
	assert_non_null(strstr(err.text, "IMA log"));
	input.rules = NULL;
	assert_fails(ima_judge(&input, 1, &state, findings, &err), err, ERR_USAGE,
		"IMA: no rules to judge by");
	free(findings);
}

/* The bank is told of where it attests entries; nothing new is no news. */
static void padded_bank__nothing_new__not_told_again(void **unused)
{
	struct ima_pcrs pcrs;

	(void)unused;
	list_again();
	assert_ok(ima_replay(buf_bytes(&list), DIGEST_SHA1, DIGEST_SHA256, IMA_EXTEND_PADDED, &pcrs,
			  &err),
		err);
	assert_ok(ima_rules_parse(BYTES_LIT("padded allow"), &rules, &err), err);
	input.log = buf_bytes(&list);
	input.quoted[0] = bytes_of(pcrs.value[IMA_PCR], SHA256_LEN);
	input.rules = rules;
	assert_ok(ima_appraise(&state, &input, &made, &result, &err), err);
	assert_int_equal(result.findings.total, 0);
	ima_rules_free(&rules);
	assert_ok(ima_rules_parse(BYTES_LIT(""), &rules, &err), err);
	input.rules = rules;
	state = made;
	input.first = made.next;
	input.log = (struct bytes){0};
	assert_ok(ima_appraise(&state, &input, &made, &result, &err), err);
	assert_true(result.advance.matched);
	assert_int_equal(result.findings.total, 0);
}

static void tracked__second_pcr__its_entries_are_quoted_too(void **unused)
{
	static const uint8_t zeros[SHA256_LEN];
	uint8_t second[SHA256_LEN];

	(void)unused;
	list_again();
	put_digest("sha256:", bytes_of(ones, 32), "/bin/x");
	buf_clear(&data);
	ima_make_digest(&data, "sha256:", bytes_of(ones, 32));
	ima_make_path(&data, "/bin/y");
	ima_make_entry(&list, DIGEST_SHA1, 12, "ima-ng", buf_bytes(&data));
	assert_ok(ima_state_track(&state, 12, BYTES_OF(zeros), &err), err);
	ima_make_replay(buf_bytes(&list), DIGEST_SHA1, DIGEST_SHA256, 12, second);
	input.quoted[1] = BYTES_OF(second);
	appraise("ignore /bin/**");
	assert_int_equal(found(IMA_PCR_NOT_QUOTED), 0);
	assert_int_equal(result.findings.total, 0);
	assert_int_equal(result.findings.ignored, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keyring__dot_and_certificate__or_no_keyring),
		TEST(keyring__rule_for_a_buffer__does_not_open_it),
		TEST(buffer__each_that_tells_of_a_kexec_or_policy__told),
		TEST(buffer__measured_by_an_unknown_hash__told),
		TEST(kernel__each_part_of_its_version__counts_in_turn),
		TEST(kernel__not_measured__asked_for_in_the_first_part_alone),
		TEST(kernel__of_an_empty_list__not_asked_for),
		TEST(boot_aggregate__over_each_range__fact_or_finding),
		TEST(boot_aggregate__violated_or_later__refused),
		TEST(boot_aggregate__first_of_a_later_part__is_of_a_kexec),
		TEST(wanted__by_path_digest_kind_and_algorithm),
		TEST(wanted__as_many_as_there_may_be__all_seen),
		TEST(entries__more_than_are_read_ahead__each_told_by_its_number),
		TEST(entries__without_a_digest__read_ahead_all_the_same),
		TEST(judge__more_entries_than_there_are__an_error),
		TEST(padded_bank__nothing_new__not_told_again),
		TEST(tracked__second_pcr__its_entries_are_quoted_too),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
