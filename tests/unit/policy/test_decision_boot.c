/* SPDX-License-Identifier: Apache-2.0 */
/* Logs of a boot against quote and references, and host classes against each other: limits from both sides, and the words. */
#include "boot_scene.h"
#include "policy/boot.h"

static const enum digest_alg banks[] = {DIGEST_SHA256};
static const enum digest_alg two_banks[] = {DIGEST_SHA1, DIGEST_SHA256};
static struct scene_keys keys;
static struct log_maker maker;

#define ANY "    secure_boot: any\n"

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
	boot_setup(&keys, "secure-boot");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	boot_teardown();
	return 0;
}

/* A log with every separator, to be added to; boot_made takes it. */
static void log_start(void)
{
	log_maker_start(&maker, banks, ARRAY_LEN(banks));
	log_maker_separators(&maker, 0, 7);
}

/* The log so far, as what a reference expects. */
static void take_golden(struct buf *golden)
{
	buf_put(golden, buf_bytes(&maker.out));
	buf_release(&maker.out);
}

/* The class expects `golden`; the machine has what `maker` has written. */
static void run_against(const struct buf *golden, const char *extra, const char *class_lines)
{
	boot_made(&maker, BOOT_RISK, class_lines);
	buf_clear(&boot.lines);
	boot_reference("golden-log", buf_bytes(golden), extra);
	boot_policy(BOOT_RISK, class_lines);
	boot_attach(buf_bytes(golden));
	scene_run(boot.s);
}

static bool checked(const char *text)
{
	return boot_says(boot.s->verdict->checked, boot.s->verdict->checked_count, text);
}

static bool not_checked(const char *text)
{
	return boot_says(boot.s->verdict->not_checked, boot.s->verdict->not_checked_count, text);
}

static void assert_first(
	enum reason_code code, const char *expected, const char *actual, const char *where)
{
	const struct reason *r = &boot.s->verdict->reasons[0];

	assert_true(boot.s->verdict->reason_count > 0);
	assert_int_equal(r->code, code);
	assert_string_equal(r->expected, expected);
	assert_string_equal(r->actual, actual);
	assert_string_equal(r->where, where);
}

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

/* ---- references ---- */

static void reference__events_that_differ__in_its_words_and_the_logs(void **state)
{
	struct buf golden = {0};
	const struct reason *r = boot.s->verdict->reasons;
	/* sha256 of "x", "y" */
	static const char x[] = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
	static const char y[] = "a1fce4363854ff888cff4b8e7875d600c2682390412a8cf79b37d0b11148b0fa";

	(void)state;
	log_start();
	log_maker_text(&maker, 9, EV_IPL, "x");
	take_golden(&golden);
	log_start();
	log_maker_text(&maker, 9, EV_IPL, "y");
	run_against(&golden, "", ANY);
	assert_refused(boot.s, REASON_FIRMWARE_EVENT);
	assert_string_equal(r->subject, "PCR 9, EV_IPL");
	assert_string_equal(r->where, "firmware log event 8");
	assert_memory_equal(r->expected, x, 64);
	assert_memory_equal(r->actual, y, 64);
	assert_memory_equal(r->actual + 64, "  ", 2);
	assert_non_null(strstr(r->hint, "pcr 9: below step 1: or "));
	log_start();
	run_against(&golden, "", ANY);
	assert_refused(boot.s, REASON_FIRMWARE_EVENT);
	assert_string_equal(r->actual, "no such event");
	assert_string_equal(r->where, "firmware log: no event");
	assert_memory_equal(r->expected, x, 64);
	assert_non_null(strstr(r->hint, "pcr 9: step 1: maybe "));
	log_start();
	log_maker_text(&maker, 9, EV_IPL, "x");
	log_maker_text(&maker, 9, EV_IPL, "y");
	run_against(&golden, "", ANY);
	assert_refused(boot.s, REASON_FIRMWARE_EVENT);
	assert_memory_equal(r->expected, "no such event", 13);
	assert_memory_equal(r->actual, y, 64);
	assert_string_equal(r->where, "firmware log event 9");
	buf_release(&golden);
}

static void corim_of(uint32_t pcrs, int64_t not_before, struct buf *out)
{
	struct corim_value values[TPM_PCRS];
	struct corim_draft draft = {.id = "1",
		.vendor = "ACME",
		.values = values,
		.has_validity = not_before > 0,
		.not_before = not_before,
		.not_after = SCENE_NOW + 100};

	for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++) {
		struct corim_value *value = &values[draft.count];

		if (!(pcrs >> pcr & 1))
			continue;
		*value = (struct corim_value){
			.pcr = (uint8_t)pcr, .digest = {.alg = DIGEST_SHA256, .len = SHA256_LEN}};
		memcpy(value->digest.bytes, boot.s->pcrs.values[pcr], SHA256_LEN);
		draft.count++;
	}
	assert_ok(corim_write(&draft, out, &boot.s->err), boot.s->err);
}

static void reference__values_not_yet_valid__accept_nothing(void **state)
{
	(void)state;
	for (int64_t before = SCENE_NOW; before <= SCENE_NOW + 1; before++) {
		struct buf values = {0};

		corim_of(0x7bff, before, &values);
		buf_clear(&boot.lines);
		boot_reference("corim", buf_bytes(&values), "");
		boot_policy(BOOT_RISK, "");
		boot_attach(buf_bytes(&values));
		scene_run(boot.s);
		if (before == SCENE_NOW) {
			assert_trusted(boot.s);
		} else {
			assert_refused_among(boot.s, REASON_REFERENCE_EXPIRED);
			assert_string_equal(boot.s->verdict->reasons[0].subject, "PCR 0");
			assert_first(REASON_REFERENCE_EXPIRED,
				"accepted by a reference whose time is not over",
				"accepted only by one whose time is over", "");
		}
		buf_release(&values);
	}
}

static void reference__value_that_none_accepts__said(void **state)
{
	struct buf values = {0};
	char hex[2 * SHA256_LEN + 1];

	(void)state;
	corim_of(0x7bff & ~(1u << 3), 0, &values);
	boot_reference("corim", buf_bytes(&values), "");
	boot_policy(BOOT_RISK, "");
	boot_attach(buf_bytes(&values));
	scene_run(boot.s);
	assert_refused(boot.s, REASON_FIRMWARE_EVENT);
	hex_encode(bytes_of(boot.s->pcrs.values[3], SHA256_LEN), hex);
	assert_string_equal(boot.s->verdict->reasons[0].subject, "PCR 3");
	assert_first(REASON_FIRMWARE_EVENT, "a value that a reference of the host class accepts",
		hex, "quote");
	buf_release(&values);
}

/* Of two baselines that refuse, the nearer one is told; its order does not matter. */
static void reference__two_that_refuse__the_nearer_is_told(void **state)
{
	struct buf near = {0}, far = {0};

	(void)state;
	log_start();
	log_maker_text(&maker, 9, EV_IPL, "x");
	take_golden(&near);
	log_start();
	log_maker_text(&maker, 8, EV_IPL, "x");
	log_maker_text(&maker, 9, EV_IPL, "y");
	log_maker_text(&maker, 9, EV_IPL, "z");
	take_golden(&far);
	for (unsigned swap = 0; swap < 2; swap++) {
		log_start();
		boot_made(&maker, BOOT_RISK, ANY);
		buf_clear(&boot.lines);
		boot_reference("golden-log", buf_bytes(swap ? &far : &near), "");
		boot_reference("golden-log", buf_bytes(swap ? &near : &far), "");
		boot_policy(BOOT_RISK, ANY);
		boot_attach(buf_bytes(&near));
		boot_attach(buf_bytes(&far));
		scene_run(boot.s);
		assert_int_equal(boot.s->verdict->reason_count, 1);
		assert_string_equal(boot.s->verdict->reasons[0].subject, "PCR 9, EV_IPL");
	}
	buf_release(&near);
	buf_release(&far);
}

static void reference__accepted__counted(void **state)
{
	(void)state;
	log_start();
	log_maker_text(&maker, 9, EV_IPL, "x");
	boot_made(&maker, BOOT_RISK, ANY "    may_vary: [3]\n");
	boot_attach(buf_bytes(&boot.firmware));
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_true(
		checked("boot: 9 events of the firmware log; 13 PCRs as references accept them"));
	assert_true(not_checked("what was measured into PCRs 3: host class server leaves it open"));
}

static void may_vary__first_and_last__listed(void **state)
{
	(void)state;
	boot_golden("secure-boot", "", "    may_vary: [0, 14]\n");
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_true(not_checked("what was measured into PCRs 0 14: host class server"));
	buf_clear(&boot.lines);
	boot_golden("secure-boot", "", "");
	scene_run(boot.s);
	assert_false(not_checked("what was measured into PCRs"));
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
		T(pcr__differs__both_values_and_its_last_event_said),
		T(pcr__each_that_the_boot_fills__is_compared),
		T(pcr__of_the_first_event_alone__numbered_all_the_same),
		T(facts__given_back__are_gone),
		T(systemd__bank_lacking__refused),
		T(systemd__phase_of_odd_letters__told_apart),
		T(systemd__nothing_measured_later__not_said),
		T(reference__events_that_differ__in_its_words_and_the_logs),
		T(reference__values_not_yet_valid__accept_nothing),
		T(reference__value_that_none_accepts__said),
		T(reference__two_that_refuse__the_nearer_is_told),
		T(reference__accepted__counted),
		T(may_vary__first_and_last__listed),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
