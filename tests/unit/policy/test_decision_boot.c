/* SPDX-License-Identifier: Apache-2.0 */
/* The logs of a boot against the quote: limits from both sides, and the words of each refusal. */
#include "boot_case.h"

static const enum digest_alg two_banks[] = {DIGEST_SHA1, DIGEST_SHA256};

/* ---- the logs ---- */

static void log__none_sent__said(void **state)
{
	(void)state;
	boot_golden("secure-boot", "", "");
	boot.send_firmware = false;
	boot_claims();
	scene_run(boot.s);
	assert_refused(boot.s, REASON_FIRMWARE_LOG);
	assert_first(REASON_FIRMWARE_LOG, "a log", "none", "evidence");
}

static void log__variable_malformed__refused(void **state)
{
	(void)state;
	log_maker_start(&maker, banks, ARRAY_LEN(banks));
	log_maker_event(&maker, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, BYTES_LIT("no variable"));
	log_maker_separators(&maker, 0, 7);
	boot_made(&maker, BOOT_RISK, ANY);
	boot_attach(buf_bytes(&boot.firmware));
	scene_run(boot.s);
	assert_refused(boot.s, REASON_FIRMWARE_LOG);
	assert_string_equal(boot.s->verdict->reasons[0].subject, "firmware log");
}

static void log__separators_missing__listed(void **state)
{
	(void)state;
	log_maker_start(&maker, banks, ARRAY_LEN(banks));
	log_maker_separators(&maker, 1, 4);
	log_maker_separators(&maker, 6, 6);
	boot_made(&maker, BOOT_RISK, ANY);
	boot_attach(buf_bytes(&boot.firmware));
	scene_run(boot.s);
	assert_refused(boot.s, REASON_FIRMWARE_LOG);
	assert_first(REASON_FIRMWARE_LOG, "one separator in each of PCRs 0-7",
		"no separator in PCR 0 5 7", "");
	log_maker_start(&maker, banks, ARRAY_LEN(banks));
	boot_made(&maker, BOOT_RISK, ANY);
	boot_attach(buf_bytes(&boot.firmware));
	scene_run(boot.s);
	assert_first(REASON_FIRMWARE_LOG, "one separator in each of PCRs 0-7",
		"no separator in PCR 0 1 2 3 4 5 6 7", "");
}

static void log__event_where_nothing_proves_it__numbered(void **state)
{
	(void)state;
	log_maker_start(&maker, banks, ARRAY_LEN(banks));
	log_maker_text(&maker, 10, EV_IPL, "x");
	log_maker_separators(&maker, 0, 7);
	boot_made(&maker, BOOT_RISK, ANY);
	boot_attach(buf_bytes(&boot.firmware));
	scene_run(boot.s);
	assert_refused(boot.s, REASON_FIRMWARE_LOG);
	assert_first(REASON_FIRMWARE_LOG, "events in PCRs 0-9 and 11-14 without the runtime PCR",
		"one in another PCR, which no quote proves", "firmware log event 0");
}

static void log__renamed_or_error_separator__said(void **state)
{
	(void)state;
	log_start();
	log_maker_event(&maker, 4, EV_EVENT_TAG, BYTES_LIT("\0\0\0\0"));
	boot_made(&maker, BOOT_RISK, ANY);
	boot_attach(buf_bytes(&boot.firmware));
	scene_run(boot.s);
	assert_refused(boot.s, REASON_FIRMWARE_LOG);
	assert_first(REASON_FIRMWARE_LOG, "events under their own types",
		"a separator under another type", "firmware log event 8");
	log_maker_start(&maker, banks, ARRAY_LEN(banks));
	log_maker_event(&maker, 0, EV_EVENT_TAG, BYTES_LIT("\0\0\0\0"));
	log_maker_separators(&maker, 0, 7);
	boot_made(&maker, BOOT_RISK, ANY);
	boot_attach(buf_bytes(&boot.firmware));
	scene_run(boot.s);
	assert_first(REASON_FIRMWARE_LOG, "events under their own types",
		"a separator under another type", "firmware log event 0");
	log_start();
	log_maker_event(&maker, 5, EV_SEPARATOR, BYTES_LIT("\1\0\0\0"));
	boot_made(&maker, BOOT_RISK, ANY); /* such a log is no reference either */
	scene_run(boot.s);
	assert_first(
		REASON_FIRMWARE_LOG, "separators without an error", "the firmware reports one", "");
}

/* One event that the quoted bank has no digest of: it was extended into another bank alone. */
static void put_sha1_event(unsigned pcr)
{
	static const uint8_t digest[20] = {1};

	put_le32(&maker.out, pcr);
	put_le32(&maker.out, EV_IPL);
	put_le32(&maker.out, 1);
	put_le16(&maker.out, DIGEST_SHA1);
	buf_put(&maker.out, BYTES_OF(digest));
	put_le32(&maker.out, 1);
	buf_put_u8(&maker.out, 'x');
}

static void log__event_in_another_bank_alone__is_in_no_pcr(void **state)
{
	static const char lines[] = ANY "    may_vary: [12]\n"
					"    command_line: {allow: [ro]}\n";

	(void)state;
	log_maker_start(&maker, two_banks, ARRAY_LEN(two_banks));
	log_maker_separators(&maker, 0, 7);
	log_maker_text(&maker, 12, EV_IPL, "ro");
	put_sha1_event(10); /* compared with no quote, and nothing to be proven */
	put_sha1_event(12); /* no line that rules could judge */
	boot_made(&maker, BOOT_RISK, lines);
	boot_attach(buf_bytes(&boot.firmware));
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_true(checked("kernel command lines: 1, as the host class demands"));
}

/* One letter in each two bytes, or in each byte: not the first half of it. */
static void line__of_odd_length_with_a_nul__is_none(void **state)
{
	(void)state;
	log_start();
	log_maker_event(&maker, 12, EV_IPL, bytes_of("r\0o", 3));
	boot_made(
		&maker, BOOT_RISK, ANY "    may_vary: [12]\n    command_line: {allow: [r, ro]}\n");
	boot_attach(buf_bytes(&boot.firmware));
	scene_run(boot.s);
	assert_refused(boot.s, REASON_COMMAND_LINE);
	assert_string_equal(boot.s->verdict->reasons[0].actual, "something else");
}

static void line__first_event_of_a_pcr_left_open__is_one(void **state)
{
	(void)state;
	log_maker_start(&maker, banks, ARRAY_LEN(banks));
	log_maker_text(&maker, 12, EV_IPL, "rw");
	log_maker_separators(&maker, 0, 7);
	log_maker_text(&maker, 12, EV_IPL, "ro");
	boot_made(&maker, BOOT_RISK, ANY "    may_vary: [12]\n    command_line: {allow: [ro]}\n");
	boot_attach(buf_bytes(&boot.firmware));
	scene_run(boot.s);
	assert_refused(boot.s, REASON_COMMAND_LINE);
	assert_string_equal(boot.s->verdict->reasons[0].where, "firmware log event 0");
}

static void line__one_held_and_one_left_open__both_count(void **state)
{
	struct buf data = {0};

	(void)state;
	log_start();
	buf_put_str(&data, "kernel_cmdline: ro");
	log_maker_put(&maker, 8, EV_IPL, BYTES_LIT("ro"), buf_bytes(&data));
	buf_release(&data);
	log_maker_text(&maker, 12, EV_IPL, "ro");
	boot_made(&maker, BOOT_RISK, ANY "    may_vary: [12]\n    command_line: {allow: [ro]}\n");
	boot_attach(buf_bytes(&boot.firmware));
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_true(checked("kernel command lines: 2, as the host class demands"));
}

static void pcr__differs__both_values_and_its_last_event_said(void **state)
{
	static const uint8_t more[SHA256_LEN] = {1};
	char log[2 * SHA256_LEN + 1], quoted[2 * SHA256_LEN + 1];

	(void)state;
	log_start();
	log_maker_text(&maker, 4, EV_IPL, "x");
	log_maker_text(&maker, 9, EV_IPL, "y");
	boot_made(&maker, BOOT_RISK, ANY);
	boot_attach(buf_bytes(&boot.firmware));
	hex_encode(bytes_of(boot.s->pcrs.values[4], SHA256_LEN), log);
	assert_ok(
		pcr_extend(DIGEST_SHA256, boot.s->pcrs.values[4], more, &boot.s->err), boot.s->err);
	hex_encode(bytes_of(boot.s->pcrs.values[4], SHA256_LEN), quoted);
	scene_run(boot.s);
	assert_refused(boot.s, REASON_FIRMWARE_PCR);
	assert_string_equal(boot.s->verdict->reasons[0].subject, "PCR 4");
	assert_first(REASON_FIRMWARE_PCR, log, quoted, "firmware log: its last event there is 8");
}

static void pcr__each_that_the_boot_fills__is_compared(void **state)
{
	(void)state;
	boot_golden("secure-boot", "", "");
	for (unsigned pcr = 0; pcr < 15; pcr++) {
		char subject[16];

		snprintf(subject, sizeof(subject), "PCR %u", pcr);
		boot.s->pcrs.values[pcr][0] ^= 1;
		scene_run(boot.s);
		if (pcr == IMA_PCR) {
			assert_trusted(boot.s);
		} else {
			assert_refused(boot.s, REASON_FIRMWARE_PCR);
			assert_string_equal(boot.s->verdict->reasons[0].subject, subject);
		}
		boot.s->pcrs.values[pcr][0] ^= 1;
	}
}

static void pcr__of_the_first_event_alone__numbered_all_the_same(void **state)
{
	(void)state;
	log_maker_start(&maker, banks, ARRAY_LEN(banks));
	log_maker_text(&maker, 9, EV_IPL, "x");
	log_maker_separators(&maker, 0, 7);
	boot_made(&maker, BOOT_RISK, ANY);
	boot_attach(buf_bytes(&boot.firmware));
	boot.s->pcrs.values[9][0] ^= 1;
	scene_run(boot.s);
	assert_refused(boot.s, REASON_FIRMWARE_PCR);
	assert_string_equal(
		boot.s->verdict->reasons[0].where, "firmware log: its last event there is 0");
	boot.s->pcrs.values[9][0] ^= 1;
	boot.s->pcrs.values[8][0] ^= 1;
	scene_run(boot.s);
	assert_string_equal(
		boot.s->verdict->reasons[0].where, "firmware log: no event in this PCR");
}

static void facts__given_back__are_gone(void **state)
{
	struct scene *s = boot.s;
	struct boot_facts *facts = NULL;
	struct appraisal *a;
	bool ok = false;

	(void)state;
	boot_golden("secure-boot", "", "");
	scene_attest(s);
	a = appraisal_new(&s->context, &s->state_in, s->verdict, &s->err);
	assert_non_null(a);
	assert_ok(appraisal_parse(a, buf_bytes(&s->evidence), &ok, &s->err), s->err);
	assert_true(check_quote(a, &s->err));
	assert_ok(boot_facts_of(a, &facts, &s->err), s->err);
	assert_non_null(facts);
	boot_facts_free(&facts);
	assert_null(facts);
	boot_facts_free(&facts);
	appraisal_free(&a);
}

/* ---- systemd's log ---- */

static void systemd__bank_lacking__refused(void **state)
{
	(void)state;
	boot_golden("secure-boot", "", "");
	buf_put_str(&boot.systemd,
		"\x1e{\"pcr\":15,\"digests\":[{\"hashAlg\":\"sha1\",\"digest\":"
		"\"00112233445566778899aabbccddeeff00112233\"}],\"content_type\":\"systemd\","
		"\"content\":{\"string\":\"x\",\"bootId\":\"00112233445566778899aabbccddeeff\","
		"\"timestamp\":5,\"eventType\":\"phase\"}}\n");
	scene_run(boot.s);
	assert_refused(boot.s, REASON_FIRMWARE_LOG);
	assert_string_equal(boot.s->verdict->reasons[0].subject, "systemd's measurement log");
	/* One that the other log explains and this one does not: nothing is compared then. */
	boot.s->pcrs.values[4][0] ^= 1;
	scene_run(boot.s);
	assert_refused(boot.s, REASON_FIRMWARE_LOG);
}

/* Any letter but what could part words or begin an escape. */
static void systemd__phase_of_odd_letters__told_apart(void **state)
{
	static const struct {
		const char *string, *measured;
		bool fits;
	} cases[] = {
		{"!", "!", true}, {"~", "~", true}, {"a~b!c", "a~b!c", true},
		{"a\x7f", "a\x7f", false}, {"a b", "a b", false}, {" ", " ", false},
		{"a\\\\b", "a\\b", false}, {"ready", "other", false}, /* no digest covers it */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		buf_clear(&boot.lines);
		boot_machine("secure-boot");
		boot_golden("secure-boot", "", "");
		buf_clear(&boot.systemd);
		boot_systemd(11, "phase", cases[i].string, bytes_str(cases[i].measured));
		scene_run(boot.s);
		if (boot.s->verdict->trusted != cases[i].fits)
			fail_msg("case %zu", i);
		if (!cases[i].fits)
			assert_refused(boot.s, REASON_FIRMWARE_LOG);
	}
}

static void systemd__nothing_measured_later__not_said(void **state)
{
	(void)state;
	boot_golden("secure-boot", "", "");
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_false(not_checked("what systemd measured after the firmware"));
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(log__none_sent__said),
		T(log__variable_malformed__refused),
		T(log__separators_missing__listed),
		T(log__event_where_nothing_proves_it__numbered),
		T(log__renamed_or_error_separator__said),
		T(log__event_in_another_bank_alone__is_in_no_pcr),
		T(line__of_odd_length_with_a_nul__is_none),
		T(line__first_event_of_a_pcr_left_open__is_one),
		T(line__one_held_and_one_left_open__both_count),
		T(pcr__differs__both_values_and_its_last_event_said),
		T(pcr__each_that_the_boot_fills__is_compared),
		T(pcr__of_the_first_event_alone__numbered_all_the_same),
		T(facts__given_back__are_gone),
		T(systemd__bank_lacking__refused),
		T(systemd__phase_of_odd_letters__told_apart),
		T(systemd__nothing_measured_later__not_said),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
