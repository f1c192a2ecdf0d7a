/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/firmware/log_fixture.h"

static struct buf old_bytes;
static struct event_log old_log;
static struct firmware_differences found;

static int diff_close(void **state)
{
	firmware_differences_release(&found);
	event_log_release(&old_log);
	buf_release(&old_bytes);
	return fixture_close(state);
}

/* What was made so far is the old log; a new one is begun. */
static void old_is_made(void)
{
	buf_release(&old_bytes);
	buf_put(&old_bytes, buf_bytes(&f.m.out));
	event_log_release(&old_log);
	assert_ok(
		event_log_open(buf_bytes(&old_bytes), EVENT_LOG_TPM, DIGEST_NONE, &old_log, &f.err),
		f.err);
	fixture_banks(f.m.banks, f.m.bank_count);
}

static void diff(void)
{
	firmware_differences_release(&found);
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_ok(firmware_diff(&old_log, &f.log, DIGEST_SHA256, &found, &f.err), f.err);
}

static void diff__same_boot__nothing(void **state)
{
	(void)state;
	fixture_golden(false);
	old_is_made();
	fixture_golden(false);
	diff();
	assert_int_equal(found.count, 0);
}

static void diff__changed__old_and_new(void **state)
{
	(void)state;
	fixture_golden(false);
	old_is_made();
	fixture_golden(true);
	diff();
	assert_int_equal(found.count, 1);
	assert_int_equal(found.list[0].pcr, 7);
	assert_int_equal(found.list[0].old_event, 5);
	assert_int_equal(found.list[0].new_event, 5);
	assert_string_equal(found.list[0].why,
		"was event 5 EV_EFI_VARIABLE_DRIVER_CONFIG: SecureBoot: 1; is event 5 "
		"EV_EFI_VARIABLE_DRIVER_CONFIG: SecureBoot: 0");
}

static void diff__uncovered__with_its_digest(void **state)
{
	(void)state;
	log_maker_image(&f.m, 4, EV_EFI_BOOT_SERVICES_APPLICATION, "old", "\\a.efi");
	old_is_made();
	log_maker_image(&f.m, 4, EV_EFI_BOOT_SERVICES_APPLICATION, "new", "\\a.efi");
	diff();
	assert_string_equal(found.list[0].why,
		"was event 0 EV_EFI_BOOT_SERVICES_APPLICATION: image \\a.efi at 0x1000, 3 bytes "
		"(digest cba06b5736faf67e…); is event 0 EV_EFI_BOOT_SERVICES_APPLICATION: image "
		"\\a.efi at 0x1000, 3 bytes (digest 11507a0e2f5e69d5…)");
}

static void diff__inserted_and_removed__named(void **state)
{
	(void)state;
	log_maker_text(&f.m, 4, EV_EFI_ACTION, "one");
	log_maker_text(&f.m, 4, EV_EFI_ACTION, "three");
	log_maker_text(&f.m, 5, 0x40e, "one");
	old_is_made();
	log_maker_text(&f.m, 4, EV_EFI_ACTION, "one");
	log_maker_text(&f.m, 4, EV_EFI_ACTION, "two");
	log_maker_text(&f.m, 4, EV_EFI_ACTION, "three");
	log_maker_text(&f.m, 8, EV_EFI_ACTION, "late");
	diff();
	assert_int_equal(found.count, 3);
	assert_string_equal(found.list[0].why, "added: event 1 EV_EFI_ACTION: two");
	assert_string_equal(found.list[1].why, "gone: event 2 type 0x40e: one");
	assert_int_equal(found.list[1].new_event, -1);
	assert_string_equal(found.list[2].why, "added: event 3 EV_EFI_ACTION: late");
	assert_int_equal(found.list[2].old_event, -1);
	/* The other way round. */
	firmware_differences_release(&found);
	assert_ok(firmware_diff(&f.log, &old_log, DIGEST_SHA256, &found, &f.err), f.err);
	assert_string_equal(found.list[0].why, "gone: event 1 EV_EFI_ACTION: two");
}

static void diff__notes__count_for_nothing(void **state)
{
	(void)state;
	log_maker_note(&f.m, 0, BYTES_LIT("one"));
	old_is_made();
	log_maker_note(&f.m, 0, BYTES_LIT("two"));
	diff();
	assert_int_equal(found.count, 0);
}

static void diff__other_start_of_pcr_0__said(void **state)
{
	(void)state;
	log_maker_note(&f.m, 0, bytes_of("StartupLocality\0\3", 17));
	log_maker_text(&f.m, 0, EV_EFI_ACTION, "one");
	old_is_made();
	log_maker_text(&f.m, 0, EV_EFI_HCRTM_EVENT, "HCRTM");
	diff();
	assert_int_equal(found.count, 1);
	assert_string_equal(found.list[0].why, "PCR 0 started at locality 3, now at 4 (H-CRTM)");
	firmware_differences_release(&found);
	assert_ok(firmware_diff(&f.log, &old_log, DIGEST_SHA256, &found, &f.err), f.err);
	assert_string_equal(found.list[0].why, "PCR 0 started at locality 4 (H-CRTM), now at 3");
}

static void diff__no_such_bank__says_in_which_log(void **state)
{
	(void)state;
	old_is_made();
	fixture_banks(NULL, 0);
	log_maker_text(&f.m, 0, EV_EFI_ACTION, "one");
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_fails(firmware_diff(&old_log, &f.log, DIGEST_SHA256, &found, &f.err), f.err,
		ERR_NOT_FOUND, "new log: event log: no sha256 bank");
	assert_fails(firmware_diff(&f.log, &old_log, DIGEST_SHA256, &found, &f.err), f.err,
		ERR_NOT_FOUND, "old log: event log: no sha256 bank");
}

#define diff_test(name) cmocka_unit_test_setup_teardown(name, fixture_open, diff_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		diff_test(diff__same_boot__nothing),
		diff_test(diff__changed__old_and_new),
		diff_test(diff__uncovered__with_its_digest),
		diff_test(diff__inserted_and_removed__named),
		diff_test(diff__notes__count_for_nothing),
		diff_test(diff__other_start_of_pcr_0__said),
		diff_test(diff__no_such_bank__says_in_which_log),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
