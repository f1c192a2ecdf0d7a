/* SPDX-License-Identifier: Apache-2.0 */
/* The IMA log of a recorded machine under a host class: approved, refused with the entry named, and
 * carried on from renewal to renewal. */
#include "ima_scene.h"

#define UNLISTED "/opt/unlisted"

static struct scene_keys keys;

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
	ima_setup(&keys);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ima_teardown();
	return 0;
}

static void ima__all_approved__measured(void **state)
{
	(void)state;
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_int_equal(boot.s->verdict->assurance, ASSURANCE_MEASURED);
	assert_int_equal(boot.s->state_out.ima.next, IMA_SCENE_ENTRIES);
	assert_false(boot_says(boot.s->verdict->not_checked, boot.s->verdict->not_checked_count,
		"assay-hostd itself"));
	assert_false(boot_says(boot.s->verdict->not_checked, boot.s->verdict->not_checked_count,
		"no IMA log is appraised"));
}

static void ima__unlisted_program__named_with_the_line_that_would_accept_it(void **state)
{
	const struct reason *r;

	(void)state;
	boot_machine("unlisted-program");
	scene_run(boot.s);
	assert_refused(boot.s, REASON_IMA_FILE);
	r = &boot.s->verdict->reasons[0];
	assert_string_equal(r->subject, UNLISTED);
	assert_string_equal(r->where, "IMA log entry 3");
	assert_non_null(strstr(r->hint, "  " UNLISTED));
	assert_non_null(strstr(r->hint, "sha256:"));
}

static void ima__no_log__refused(void **state)
{
	(void)state;
	boot.send_ima = false;
	scene_run(boot.s);
	assert_refused(boot.s, REASON_IMA_LOG);
}

static void ima__log_of_another_boot__matches_no_prefix(void **state)
{
	(void)state;
	boot_read("unlisted-program", "ima.log", &boot.ima);
	scene_run(boot.s);
	assert_refused(boot.s, REASON_IMA_PCR);
	assert_non_null(strstr(boot.s->verdict->reasons[0].actual, "no prefix of 42 entries"));
}

static void ima__junk__malformed(void **state)
{
	(void)state;
	boot.ima.data[24]++;
	scene_run(boot.s);
	assert_refused(boot.s, REASON_IMA_LOG);
}

static void ima__hostd_not_measured__refused(void **state)
{
	(void)state;
	buf_clear(&class_lines);
	buf_put_str(&class_lines,
		"    ima:\n      lockdown: secure-boot\n      hostd: [ {path: "
		"/usr/bin/assay-hostd, "
		"sha256: 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff} ]\n");
	policy_with("");
	scene_run(boot.s);
	assert_refused(boot.s, REASON_HOSTD_UNMEASURED);
	assert_string_equal(boot.s->verdict->reasons[0].expected, "/usr/bin/assay-hostd");
}

static void ima__rules_over__refused(void **state)
{
	(void)state;
	policy_with(", until: 2027-01-15T08:00:00Z");
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_int_equal(boot.s->state_out.boot_until, SCENE_NOW);
	boot.s->context.now++;
	scene_run(boot.s);
	assert_refused(boot.s, REASON_REFERENCE_EXPIRED);
}

static void ima__two_rule_sets__either_will_do(void **state)
{
	struct buf golden = {0}, strict = {0};

	(void)state;
	buf_put_str(&strict, "# nothing may run\n");
	boot_read(GOOD, "firmware.log", &golden);
	buf_clear(&boot.lines);
	boot_reference("golden-log", buf_bytes(&golden), "");
	boot_reference("ima-rules", buf_bytes(&strict), "");
	boot_reference("ima-rules", buf_bytes(&rules), "");
	boot_policy(BOOT_RISK, buf_str(&class_lines));
	boot_attach(buf_bytes(&golden));
	boot_attach(buf_bytes(&strict));
	boot_attach(buf_bytes(&rules));
	scene_run(boot.s);
	assert_trusted(boot.s);
	buf_release(&golden);
	buf_release(&strict);
}

/* The first entry binds the boot: with other PCRs 0-9 quoted it is another one's. */
static void I8__boot_aggregate_of_other_pcrs__refused(void **state)
{
	(void)state;
	boot_machine("other-initramfs");
	boot_read(GOOD, "ima.log", &boot.ima);
	{
		struct buf text = {0};

		/* PCR 10 as the other log gives it. */
		boot_read(GOOD, "pcrs.txt", &text);
		const char *at = strstr(buf_str(&text), "sha256 10 ");

		assert_non_null(at);
		assert_ok(hex_decode_exact(bytes_of(at + 10, 64), boot.s->pcrs.values[10],
				  SHA256_LEN, &boot.s->err),
			boot.s->err);
		buf_release(&text);
	}
	scene_run(boot.s);
	assert_refused_among(boot.s, REASON_BOOT_AGGREGATE);
}

/* A first entry that cannot be compared binds no boot: one of another bank than the quote's. */
static void I8__boot_aggregate_of_another_bank__refused(void **state)
{
	struct buf log = {0}, data = {0};
	struct ima_log cursor;
	struct ima_entry entry;
	struct err err = {0};

	(void)state;
	ima_make_digest(&data, "sha1:", BYTES_LIT("0123456789abcdef0123"));
	ima_make_path(&data, "boot_aggregate");
	ima_make_entry(&log, DIGEST_SHA1, IMA_PCR, "ima-ng", buf_bytes(&data));
	assert_ok(ima_log_open(buf_bytes(&boot.ima), DIGEST_SHA1, 0, &cursor, &err), err);
	assert_ok(ima_log_next(&cursor, &entry, &err), err);
	buf_put(&log, bytes_of(boot.ima.data + entry.len, boot.ima.len - entry.len));
	buf_clear(&boot.ima);
	buf_put(&boot.ima, buf_bytes(&log));
	ima_make_replay(
		buf_bytes(&log), DIGEST_SHA1, DIGEST_SHA256, IMA_PCR, boot.s->pcrs.values[IMA_PCR]);
	scene_run(boot.s);
	assert_refused(boot.s, REASON_BOOT_AGGREGATE);
	assert_string_equal(boot.s->verdict->reasons[0].actual, "not shown");
	buf_release(&log);
	buf_release(&data);
}

/* What rules leave out is not checked, and the verdict says so. */
static void ima__program_that_the_rules_ignore__said_to_be_unchecked(void **state)
{
	(void)state;
	boot_machine("unlisted-program");
	buf_put_str(&rules, "ignore /opt/**\n");
	policy_with("");
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_true(boot_says(boot.s->verdict->not_checked, boot.s->verdict->not_checked_count,
		"files that the IMA rules leave out"));
	assert_true(boot_says(
		boot.s->verdict->checked, boot.s->verdict->checked_count, "approved by rules"));
}

/* The kernel read PCRs 0-9 before systemd closed them. */
static void ima__boot_closed_by_systemd__boot_aggregate_is_of_before(void **state)
{
	(void)state;
	boot_systemd(0, "os-separator", "os-separator", BYTES_LIT("os-separator"));
	boot_systemd(9, "os-separator", "os-separator", BYTES_LIT("os-separator"));
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_int_equal(boot.s->verdict->assurance, ASSURANCE_MEASURED);
}

/* ---- renewals ---- */

static void more(const char *path)
{
	ima_make_file(&boot.ima, path, "content");
	ima_extend_last();
}

static void renewal__nothing_new__trusted(void **state)
{
	(void)state;
	ima_renewal();
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_int_equal(boot.s->verdict->assurance, ASSURANCE_MEASURED);
	assert_int_equal(boot.s->state_out.ima.next, IMA_SCENE_ENTRIES);
	assert_true(boot.s->state_out.ima.seen != 0);
}

static void renewal__new_entry_unlisted__refused(void **state)
{
	(void)state;
	ima_renewal();
	more("/tmp/miner");
	scene_run(boot.s);
	assert_refused(boot.s, REASON_IMA_FILE);
	assert_string_equal(boot.s->verdict->reasons[0].where, "IMA log entry 41");
	assert_int_equal(boot.s->state_out.ima.next, IMA_SCENE_ENTRIES);
}

static void renewal__from_another_entry__stale(void **state)
{
	(void)state;
	ima_renewal();
	boot.s->claims.ima_start--;
	scene_run(boot.s);
	assert_refused(boot.s, REASON_STATE_STALE);
}

static void renewal__entry_hidden__matches_no_prefix(void **state)
{
	(void)state;
	ima_renewal();
	more("/tmp/miner");
	buf_clear(&boot.ima);
	scene_run(boot.s);
	assert_refused(boot.s, REASON_IMA_PCR);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(ima__all_approved__measured),
		T(ima__unlisted_program__named_with_the_line_that_would_accept_it),
		T(ima__no_log__refused),
		T(ima__log_of_another_boot__matches_no_prefix),
		T(ima__junk__malformed),
		T(ima__hostd_not_measured__refused),
		T(ima__rules_over__refused),
		T(ima__two_rule_sets__either_will_do),
		T(I8__boot_aggregate_of_other_pcrs__refused),
		T(I8__boot_aggregate_of_another_bank__refused),
		T(ima__program_that_the_rules_ignore__said_to_be_unchecked),
		T(ima__boot_closed_by_systemd__boot_aggregate_is_of_before),
		T(renewal__nothing_new__trusted),
		T(renewal__new_entry_unlisted__refused),
		T(renewal__from_another_entry__stale),
		T(renewal__entry_hidden__matches_no_prefix),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
