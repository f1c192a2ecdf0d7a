/* SPDX-License-Identifier: Apache-2.0 */
/* Group I: attacks on and through the IMA measurement list. */
#include "tests/support/unit.h"

#include "firmware/glob.h"
#include "firmware/ima_rules.h"
#include "tests/support/ima_make.h"

static struct buf list, data, text;
static struct ima_rules *rules;
static struct ima_state state, made;
static struct ima_input input;
static struct ima_result result;
static struct err err;
static uint8_t value[SHA256_LEN];

/* sha256("good") */
#define GOOD "770e607624d689265ca6c44884d0807d9b054d23c473c106c72be9de08b7376c"

static int setup(void **unused)
{
	(void)unused;
	memset(value, 0, sizeof(value));
	memset(&input, 0, sizeof(input));
	ima_make_many(&list, 0, 1);
	return ima_state_start(&state, DIGEST_SHA256, DIGEST_SHA1, &err) ? 0 : -1;
}

static int teardown(void **unused)
{
	(void)unused;
	buf_release(&list);
	buf_release(&data);
	buf_release(&text);
	ima_rules_free(&rules);
	return 0;
}

static void set_rules(const char *lines)
{
	ima_rules_free(&rules);
	assert_ok(ima_rules_parse(bytes_str(lines), &rules, &err), err);
	input.rules = rules;
}

/* The TPM quotes what these bytes lead to. */
static void quote(struct bytes log)
{
	ima_make_replay(log, DIGEST_SHA1, DIGEST_SHA256, IMA_PCR, value);
	input.quoted[0] = BYTES_OF(value);
}

static void appraise(struct bytes log)
{
	input.log = log;
	assert_ok(ima_appraise(&state, &input, &made, &result, &err), err);
}

static void put_violation(const char *path)
{
	buf_clear(&data);
	ima_make_digest(&data, "sha1:", bytes_of((const uint8_t[20]){0}, 20));
	ima_make_path(&data, path);
	ima_make_violation(&list, DIGEST_SHA1, 10, "ima-ng", buf_bytes(&data));
}

static void I1__violation__extends_ones_and_is_reported(void **unused)
{
	(void)unused;
	put_violation("/bin/tool");
	quote(buf_bytes(&list));
	set_rules("ignore /bin/**");
	appraise(buf_bytes(&list));
	assert_true(result.advance.matched);
	assert_int_equal(result.findings.by_kind[IMA_VIOLATION], 1);
}

/* The zeros that mark a violation do not stand in for a digest: the PCR holds the file's. */
static void I1__file_passed_off_as_a_violation__no_match(void **unused)
{
	size_t at;

	(void)unused;
	at = list.len;
	ima_make_file(&list, "/bin/evil", "evil");
	quote(buf_bytes(&list));
	memset(list.data + at + 4, 0, 20);
	set_rules("violations report");
	appraise(buf_bytes(&list));
	assert_false(result.advance.matched);
}

static void I2__template_digest_of_other_data__entry_named(void **unused)
{
	(void)unused;
	for (int i = 0; i < 1078; i++)
		ima_make_file(&list, "/bin/tool", "good");
	ima_make_file(&list, "/bin/evil", "evil");
	quote(buf_bytes(&list));
	list.data[list.len - 2] = 'x';
	set_rules("");
	input.log = buf_bytes(&list);
	assert_fails(ima_appraise(&state, &input, &made, &result, &err), err, ERR_MISMATCH,
		"IMA log: entry 1079: template digest does not match the template data (path "
		"\"/bin/evix\")");
}

/* The template's name is not in the digest: the same bytes under another name must not be read as
 * something else. */
static void I3__template_renamed__read_by_its_own_fields_or_refused(void **unused)
{
	static const struct {
		const char *name, *wanted;
	} names[] = {
		{"ima-sig", "IMA log: entry 1: sig: truncated"},
		{"ima-ngv2", "IMA log: entry 1: digest: its type is neither ima nor verity"},
		{"n-ng|d-ng", "IMA log: entry 1: path: not ended by the only NUL in it"},
		{"ima", "IMA log: entry 1: n: too long"},
		{"ima-foo", "IMA log: entry 1: template \"ima-foo\" is not known"},
		{"d-ng|x-ng",
			"IMA log: entry 1: template \"d-ng|x-ng\": field \"x-ng\" is not known"},
	};
	size_t at;

	(void)unused;
	at = list.len;
	set_rules("");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		list.len = at;
		buf_clear(&data);
		ima_make_digest(&data, "sha256:", BYTES_OF(value));
		ima_make_path(&data, "/bin/x");
		ima_make_entry(&list, DIGEST_SHA1, 10, names[i].name, buf_bytes(&data));
		quote(bytes_of(list.data, at));
		value[0] ^= 1; /* leads nowhere: all is read */
		input.log = buf_bytes(&list);
		assert_false(ima_appraise(&state, &input, &made, &result, &err));
		if (strncmp(err.text, names[i].wanted, strlen(names[i].wanted)) != 0)
			fail_msg("%s: %s", names[i].name, err.text);
	}
}

static void I4__algorithm_without_its_nul__refused(void **unused)
{
	static const char field[] = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

	(void)unused;
	ima_make_field(&data, bytes_of(field, sizeof(field) - 1));
	ima_make_path(&data, "/bin/x");
	ima_make_entry(&list, DIGEST_SHA1, 10, "ima-ng", buf_bytes(&data));
	set_rules("");
	quote(buf_bytes(&list));
	input.log = buf_bytes(&list);
	assert_false(ima_appraise(&state, &input, &made, &result, &err));
	assert_non_null(strstr(err.text, "entry 1: digest: no algorithm before it"));
}

static void I5__odd_paths__bound_as_they_are_and_escaped(void **unused)
{
	static const char *const paths[] = {"/tmp/with_space", "/tmp/new\nline", "/tmp/\x1b[2Jx",
		"/tmp/\xff\xfe", "/tmp/x_(deleted)",
		"/0000000000000000000000000000000000000000000000000000000000000000000000000000000"
		"000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		"000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		"00000000000000000000000000000000"};

	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		buf_clear(&list);
		buf_clear(&text);
		ima_make_many(&list, 0, 1);
		ima_make_file(&list, paths[i], "evil");
		quote(buf_bytes(&list));
		set_rules(GOOD "  /tmp/x\n" GOOD "  /tmp/new\n");
		appraise(buf_bytes(&list));
		assert_int_equal(result.findings.by_kind[IMA_UNKNOWN_FILE], 1);
		assert_bytes(result.findings.list[0].path, bytes_str(paths[i]));
		ima_finding_text(&result.findings.list[0], &text);
		ima_finding_rule(&result.findings.list[0], &text);
		for (size_t c = 0; c < text.len; c++)
			assert_true(text.data[c] >= ' ' && text.data[c] < 0x7f);
	}
}

static void I6__path_and_digest__neither_alone_is_enough(void **unused)
{
	(void)unused;
	ima_make_file(&list, "/bin/tool", "evil"); /* an allowed path */
	ima_make_file(&list, "/bin/other", "good"); /* an allowed digest */
	quote(buf_bytes(&list));
	set_rules(GOOD "  /bin/tool");
	appraise(buf_bytes(&list));
	assert_int_equal(result.findings.by_kind[IMA_OTHER_DIGEST], 1);
	assert_int_equal(result.findings.by_kind[IMA_UNKNOWN_FILE], 1);
}

/* boot_aggregate over `count` PCRs of this boot, whose PCR 0 is `first` when it is quoted. */
static enum ima_boot boot_of(size_t count, uint8_t first)
{
	static uint8_t pcr[10][SHA256_LEN];
	struct digest digest;

	buf_clear(&list);
	buf_clear(&data);
	memset(pcr, 3, sizeof(pcr));
	for (size_t i = 0; i < 10; i++)
		input.boot[i] = BYTES_OF(pcr[i]);
	assert_ok(digest_of_parts(DIGEST_SHA256, input.boot, count, &digest, &err), err);
	ima_make_digest(&data, "sha256:", digest_bytes(&digest));
	ima_make_path(&data, "boot_aggregate");
	ima_make_entry(&list, DIGEST_SHA1, 10, "ima-ng", buf_bytes(&data));
	pcr[0][0] = first;
	quote(buf_bytes(&list));
	set_rules("");
	appraise(buf_bytes(&list));
	return result.boot;
}

static void I8__boot_aggregate__either_convention_and_no_other(void **unused)
{
	(void)unused;
	assert_int_equal(boot_of(8, 3), IMA_BOOT_MATCH_0_7);
	assert_int_equal(result.findings.total, 0);
	assert_int_equal(boot_of(10, 3), IMA_BOOT_MATCH_0_9);
	assert_int_equal(result.findings.total, 0);
	assert_int_equal(boot_of(9, 3), IMA_BOOT_MISMATCH);
	assert_int_equal(result.findings.by_kind[IMA_BOOT_AGGREGATE], 1);
	assert_int_equal(boot_of(10, 4), IMA_BOOT_MISMATCH);
	assert_int_equal(result.findings.by_kind[IMA_BOOT_AGGREGATE], 1);
}

static void I9__log_begins_later__refused_without_its_state(void **unused)
{
	size_t len;

	(void)unused;
	ima_make_file(&list, "/bin/evil", "evil");
	len = list.len;
	ima_make_file(&list, "/bin/tool", "good");
	quote(buf_bytes(&list));
	set_rules("ignore /bin/**");
	input.log = bytes_of(list.data + len, list.len - len);
	input.first = 2;
	assert_fails(ima_appraise(&state, &input, &made, &result, &err), err, ERR_MISMATCH,
		"IMA: log begins with entry 2 where 0 is the next");
	input.first = 0; /* passed off as the whole */
	appraise(input.log);
	assert_false(result.advance.matched);
}

static void I10__log_longer_than_the_quote__tail_waits(void **unused)
{
	size_t len;

	(void)unused;
	ima_make_file(&list, "/bin/tool", "good");
	quote(buf_bytes(&list));
	len = list.len;
	ima_make_file(&list, "/bin/evil", "evil");
	set_rules(GOOD "  /bin/tool");
	appraise(buf_bytes(&list));
	assert_int_equal(result.findings.total, 0); /* not judged, not accepted either */
	assert_int_equal(result.advance.attested, 2);
	assert_int_equal(result.advance.waiting, 1);
	state = made;
	quote(buf_bytes(&list));
	input.first = 2;
	appraise(bytes_of(list.data + len, list.len - len));
	assert_int_equal(result.findings.by_kind[IMA_UNKNOWN_FILE], 1);
	assert_int_equal(result.findings.list[0].entry, 2);
}

static void I11__pattern_that_matches_everything__no_rule(void **unused)
{
	static const char *const lines[] = {"ignore **", "ignore /**", "ignore *", "ignore .*",
		"ignore /[!x]*/**", "signed distro /**", "glob sha256:" GOOD "  /?**"};

	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		assert_false(ima_rules_parse(bytes_str(lines[i]), &rules, &err));
		assert_int_equal(err.code, ERR_CONFIG);
		assert_non_null(
			strstr(err.text, "does not begin with '/' and the name of a directory"));
	}
}

static void I11__pattern_made_to_backtrack__linear(void **unused)
{
	static char pattern[GLOB_MAX], path[IMA_PATH_MAX];

	(void)unused;
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = "*a"[i % 2];
	pattern[0] = '/';
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = 'b';
	assert_false(glob_match(bytes_of(pattern, sizeof(pattern)), bytes_of(path, sizeof(path))));
}

static void I12__what_ima_does_not_see__said_not_passed(void **unused)
{
	(void)unused;
	ima_make_file(&list, "/run/x", "evil");
	quote(buf_bytes(&list));
	set_rules("ignore /run/**");
	appraise(buf_bytes(&list));
	assert_int_equal(result.findings.ignored, 1);
	assert_int_equal(made.flags & IMA_FACT_IGNORED, IMA_FACT_IGNORED);
	assert_non_null(strstr(ima_not_measured[0], "tmpfs, FUSE"));
	assert_non_null(strstr(ima_not_measured[1], "interpreter"));
}

static void I13__policy_changed_at_run_time__told(void **unused)
{
	(void)unused;
	ima_make_file(&list, "/etc/ima/ima-policy", "good");
	ima_make_file(&list, "/etc/ima/ima-policy", "evil");
	ima_make_buffer(&list, "ima_policy_written", BYTES_LIT("dont_measure func=BPRM_CHECK"));
	quote(buf_bytes(&list));
	set_rules(GOOD "  /etc/ima/ima-policy");
	appraise(buf_bytes(&list));
	assert_int_equal(result.findings.by_kind[IMA_POLICY_CHANGED], 2);
	assert_int_equal(result.findings.total, 2);
	assert_int_equal(made.flags & IMA_FACT_POLICY, IMA_FACT_POLICY);
}

static void I14__kernel_below_the_minimum__refused(void **unused)
{
	(void)unused;
	ima_make_buffer(&list, "kernel_version", BYTES_LIT("6.6.3-generic"));
	quote(buf_bytes(&list));
	set_rules("kernel 6.6.4");
	appraise(buf_bytes(&list));
	assert_int_equal(result.findings.by_kind[IMA_KERNEL_OLD], 1);
	set_rules("kernel 6.6.3");
	appraise(buf_bytes(&list));
	assert_int_equal(result.findings.total, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(I1__violation__extends_ones_and_is_reported),
		TEST(I1__file_passed_off_as_a_violation__no_match),
		TEST(I2__template_digest_of_other_data__entry_named),
		TEST(I3__template_renamed__read_by_its_own_fields_or_refused),
		TEST(I4__algorithm_without_its_nul__refused),
		TEST(I5__odd_paths__bound_as_they_are_and_escaped),
		TEST(I6__path_and_digest__neither_alone_is_enough),
		TEST(I8__boot_aggregate__either_convention_and_no_other),
		TEST(I9__log_begins_later__refused_without_its_state),
		TEST(I10__log_longer_than_the_quote__tail_waits),
		TEST(I11__pattern_that_matches_everything__no_rule),
		TEST(I11__pattern_made_to_backtrack__linear),
		TEST(I12__what_ima_does_not_see__said_not_passed),
		TEST(I13__policy_changed_at_run_time__told),
		TEST(I14__kernel_below_the_minimum__refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
