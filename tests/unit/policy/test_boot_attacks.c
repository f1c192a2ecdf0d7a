/* SPDX-License-Identifier: Apache-2.0 */
/* Root on an enrolled host sends logs as it likes: what no digest covers, no reference judges or no
 * quote proves must explain nothing. */
#include "boot_scene.h"

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
	boot_setup(&keys, "secure-boot");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	boot_teardown();
	return 0;
}

/* What a reference would refuse, told by systemd's log instead, which none judges. */
static void L21__event_moved_to_systemds_log__refused(void **state)
{
	static const struct {
		unsigned pcr;
		const char *type, *string, *measured;
		size_t measured_len;
	} cases[] = {
		{4, "phase", "evil.efi", "evil.efi", 8},
		{8, "phase", "init=/bin/sh", "init=/bin/sh", 12},
		{9, "phase", "initrd", "initrd", 6},
		{8, "os-separator", "os-separator", "os-separator", 12},
		{9, "os-separator", "os-separator", "initrd", 6},
		{12, "phase", "init=/bin/sh", "init=/bin/sh", 12},
		{13, "sysext", "x", "content", 7},
		{14, "phase", "MokList", "MokList", 7},
		/* Sections of a unified kernel image: names with their NUL, contents. */
		{11, "phase", ".cmdline\\\\000", ".cmdline", 9},
		{11, "section", ".cmdline", ".cmdline", 9},
		{11, "phase", "init=/bin/sh ro", "init=/bin/sh ro", 15},
		{11, "phase", "", "", 0},
		{11, "phase", "\xc3\xa9", "\xc3\xa9", 2},
	};

	(void)state;
	boot_golden("secure-boot", "", "");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		boot_machine("secure-boot");
		buf_clear(&boot.systemd);
		boot_systemd(11, "phase", "enter-initrd", bytes_str("enter-initrd"));
		boot_systemd(cases[i].pcr, cases[i].type, cases[i].string,
			bytes_of(cases[i].measured, cases[i].measured_len));
		scene_run(boot.s);
		assert_refused(boot.s, REASON_FIRMWARE_LOG);
		assert_string_equal(
			boot.s->verdict->reasons[0].subject, "systemd's measurement log");
		assert_non_null(strstr(boot.s->verdict->reasons[0].actual,
			"explains nothing here but separators"));
	}
}

static void boot__systemds_separators__accepted_in_each_pcr(void **state)
{
	static const unsigned pcrs[] = {0, 1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 14};

	(void)state;
	boot_golden("secure-boot", "", "");
	for (size_t i = 0; i < ARRAY_LEN(pcrs); i++)
		boot_systemd(pcrs[i], "os-separator", "os-separator", BYTES_LIT("os-separator"));
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_int_equal(boot.s->verdict->assurance, ASSURANCE_BOOTED);
}

/* PCR 15 is the runtime log's: what systemd says of it is no matter, and it proves nothing. */
static void boot__systemds_words_for_the_runtime_pcr__passed_over(void **state)
{
	uint8_t runtime[SHA256_LEN];

	(void)state;
	boot_golden("secure-boot", "", "");
	memcpy(runtime, boot.s->pcrs.values[15], SHA256_LEN);
	boot_systemd(15, "machine-id", "machine-id:1", bytes_str("machine-id:1"));
	memcpy(boot.s->pcrs.values[15], runtime, SHA256_LEN);
	scene_run(boot.s);
	assert_trusted(boot.s);
}

/* Indices of NV memory are no PCRs, whatever their number. */
static void boot__systemds_nv_indices__passed_over(void **state)
{
	(void)state;
	boot_golden("secure-boot", "", "");
	buf_put_str(&boot.systemd,
		"\x1e{\"nv_index\":4,\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":"
		"\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}],"
		"\"content_type\":\"systemd\",\"content\":{\"string\":\"x\",\"bootId\":"
		"\"00112233445566778899aabbccddeeff\",\"timestamp\":5,\"eventType\":\"y\"}}\n");
	scene_run(boot.s);
	assert_trusted(boot.s);
}

/* Notes are in no PCR. */
static void boot__note_in_any_pcr__passed_over(void **state)
{
	static const enum digest_alg banks[] = {DIGEST_SHA256};
	struct log_maker m = {0};

	(void)state;
	log_maker_start(&m, banks, ARRAY_LEN(banks));
	log_maker_separators(&m, 0, 7);
	log_maker_note(&m, 15, BYTES_LIT("a note"));
	boot_made(&m, BOOT_RISK, "    secure_boot: any\n");
	boot_attach(buf_bytes(&boot.firmware));
	scene_run(boot.s);
	assert_trusted(boot.s);
}

/* Events in PCRs that are not compared with the quote are whatever their writer likes. */
static void L21__event_in_a_pcr_that_no_quote_proves__refused(void **state)
{
	static const enum digest_alg banks[] = {DIGEST_SHA256};
	static const unsigned pcrs[] = {10, 15, 16, 17, 23};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pcrs); i++) {
		struct log_maker m = {0};

		log_maker_start(&m, banks, ARRAY_LEN(banks));
		log_maker_separators(&m, 0, 7);
		log_maker_image(
			&m, pcrs[i], EV_EFI_BOOT_SERVICES_APPLICATION, "whatever", "\\a.efi");
		boot_made(&m, BOOT_RISK, "    secure_boot: any\n");
		boot_attach(buf_bytes(&boot.firmware));
		scene_run(boot.s);
		assert_refused(boot.s, REASON_FIRMWARE_LOG);
		assert_string_equal(boot.s->verdict->reasons[0].actual,
			"one in another PCR, which no quote proves");
		assert_string_equal(boot.s->verdict->reasons[0].where, "firmware log event 8");
	}
}

/* ---- authorities ---- */

static void config(struct log_maker *m, const uint8_t guid[16], const char *name, struct bytes data)
{
	log_maker_variable(m, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, guid, name, data);
}

static void authority(struct log_maker *m, struct bytes entry)
{
	struct buf data = {0};

	signature_data_put(entry, &data);
	log_maker_variable(
		m, 7, EV_EFI_VARIABLE_AUTHORITY, maker_database_guid, "db", buf_bytes(&data));
	buf_release(&data);
}

/* "On" alone says nothing of what was booted. */
static void L12__secure_boot_on_but_not_shown_to_verify__refused(void **state)
{
	static const enum digest_alg banks[] = {DIGEST_SHA256};
	static const struct {
		bool measured, vouched;
		const char *minimum, *actual; /* NULL: accepted */
		enum reason_code code;
	} cases[] = {
		{true, true, "2", NULL, REASON_NONE},
		{true, true, "3", "2 entries", REASON_DBX_OLD},
		{true, false, "2", "image without an authority", REASON_SECURE_BOOT},
		{false, true, "2", "SecureBoot is unknown", REASON_SECURE_BOOT},
	};
	struct buf certificate = {0}, list = {0}, hashes = {0};

	(void)state;
	assert_true(firmware_data_read("golden-ca.der", &certificate));
	certificate_list_put(buf_bytes(&certificate), &list);
	hash_list_put(2, &hashes);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct log_maker m = {0};
		char lines[64];

		log_maker_start(&m, banks, ARRAY_LEN(banks));
		if (cases[i].measured)
			config(&m, maker_global_guid, "SecureBoot", BYTES_LIT("\1"));
		config(&m, maker_global_guid, "PK", buf_bytes(&list));
		config(&m, maker_database_guid, "db", buf_bytes(&list));
		config(&m, maker_database_guid, "dbx", buf_bytes(&hashes));
		log_maker_separators(&m, 0, 7);
		if (cases[i].vouched)
			authority(&m, buf_bytes(&certificate));
		log_maker_image(&m, 4, EV_EFI_BOOT_SERVICES_APPLICATION, "image", "\\a.efi");
		snprintf(lines, sizeof(lines), "    dbx_minimum: %s\n", cases[i].minimum);
		boot_made(&m, BOOT_RISK, lines);
		boot_attach(buf_bytes(&boot.firmware));
		scene_run(boot.s);
		if (!cases[i].actual) {
			assert_trusted(boot.s);
			continue;
		}
		assert_refused(boot.s, cases[i].code);
		assert_non_null(strstr(boot.s->verdict->reasons[0].actual, cases[i].actual));
	}
	buf_release(&certificate);
	buf_release(&list);
	buf_release(&hashes);
}

/* The order between PCRs is in no digest: an image that a later authority verified is put before it,
 * and a renamed event behind, so that the named one alone seems to be left. */
static void L12__image_moved_before_its_authority__every_authority_counts(void **state)
{
	static const enum digest_alg banks[] = {DIGEST_SHA256};
	struct log_maker m = {0};
	struct buf certificate = {0}, list = {0};
	struct err err = {0};
	uint8_t named[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1], lines[256];

	(void)state;
	assert_true(firmware_data_read("golden-ca.der", &certificate));
	assert_ok(sha256_of(buf_bytes(&certificate), named, &err), err);
	hex_encode(BYTES_OF(named), hex);
	certificate_list_put(buf_bytes(&certificate), &list);
	for (unsigned other = 0; other < 2; other++) {
		log_maker_start(&m, banks, ARRAY_LEN(banks));
		config(&m, maker_global_guid, "SecureBoot", BYTES_LIT("\1"));
		config(&m, maker_global_guid, "PK", buf_bytes(&list));
		config(&m, maker_database_guid, "db", buf_bytes(&list));
		log_maker_separators(&m, 0, 7);
		authority(&m, buf_bytes(&certificate));
		log_maker_image(&m, 4, EV_EFI_BOOT_SERVICES_APPLICATION, "evil", "\\a.efi");
		log_maker_image(&m, 1, EV_EFI_BOOT_SERVICES_DRIVER, "renamed", "\\b.efi");
		if (other)
			authority(&m, BYTES_LIT("0123456789abcdef0123456789abcdef"));
		snprintf(lines, sizeof(lines), "    may_vary: [1, 4]\n    authorities: [ %s ]\n",
			hex);
		boot_made(&m, BOOT_RISK, lines);
		boot_attach(buf_bytes(&boot.firmware));
		scene_run(boot.s);
		if (other)
			assert_refused(boot.s, REASON_BOOT_AUTHORITY);
		else
			assert_trusted(boot.s);
	}
	buf_release(&certificate);
	buf_release(&list);
}

/* ---- references ---- */

/* The values of these PCRs as the host has them now. */
static void corim_of(uint32_t pcrs, int64_t not_after, struct buf *out)
{
	struct corim_value values[TPM_PCRS];
	struct corim_draft draft = {.id = "1", .vendor = "ACME", .values = values};
	struct err err = {0};

	for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++) {
		struct corim_value *value = &values[draft.count];

		if (!(pcrs >> pcr & 1))
			continue;
		*value = (struct corim_value){
			.pcr = (uint8_t)pcr, .digest = {.alg = DIGEST_SHA256, .len = SHA256_LEN}};
		memcpy(value->digest.bytes, boot.s->pcrs.values[pcr], SHA256_LEN);
		draft.count++;
	}
	draft.has_validity = not_after > 0;
	draft.not_after = not_after;
	assert_ok(corim_write(&draft, out, &err), err);
}

static void references(const char *golden_extra, struct bytes golden, struct bytes corim)
{
	buf_clear(&boot.lines);
	boot_reference("corim", corim, "");
	boot_reference("golden-log", golden, golden_extra);
	boot_policy(BOOT_RISK, "    secure_boot: any\n");
	boot_attach(corim);
}

/* A reference that says what belongs into a PCR goes on saying so when its time is over, or where it
 * was never found: an empty PCR is not what was wanted. */
static void boot__reference_over_or_missing__an_empty_pcr_is_still_refused(void **state)
{
	static const enum digest_alg banks[] = {DIGEST_SHA256};
	static const char *const subjects[] = {"PCR 9, EV_IPL", "PCR 9", "PCR 8"};
	struct log_maker m = {0};
	struct buf golden = {0}, corim = {0};
	const struct reason *reason;

	(void)state;
	log_maker_start(&m, banks, ARRAY_LEN(banks));
	log_maker_separators(&m, 0, 7);
	log_maker_text(&m, 9, EV_IPL, "initrd");
	buf_put(&golden, buf_bytes(&m.out));
	buf_release(&m.out);
	log_maker_start(&m, banks, ARRAY_LEN(banks));
	log_maker_separators(&m, 0, 7);
	boot_made(&m, BOOT_RISK, "    secure_boot: any\n");
	corim_of(0xff, 0, &corim);
	for (unsigned i = 0; i < 3; i++) {
		references(i == 1 ? ", until: 2027-01-15T07:59:59Z" : "", buf_bytes(&golden),
			buf_bytes(&corim));
		if (i < 2)
			boot_attach(buf_bytes(&golden));
		scene_run(boot.s);
		assert_refused_among(boot.s, REASON_FIRMWARE_EVENT);
		reason = boot_reason(REASON_FIRMWARE_EVENT);
		assert_non_null(reason);
		assert_string_equal(reason->subject, subjects[i]);
	}
	/* No reference speaks of it: left alone. */
	buf_clear(&boot.lines);
	boot_reference("corim", buf_bytes(&corim), "");
	boot_policy(BOOT_RISK, "    secure_boot: any\n");
	boot_attach(buf_bytes(&corim));
	scene_run(boot.s);
	assert_trusted(boot.s);
	/* So it is when systemd has closed it; phases are something. */
	boot_systemd(9, "os-separator", "os-separator", BYTES_LIT("os-separator"));
	scene_run(boot.s);
	assert_trusted(boot.s);
	boot_systemd(11, "phase", "ready", BYTES_LIT("ready"));
	scene_run(boot.s);
	assert_refused(boot.s, REASON_FIRMWARE_EVENT);
	assert_string_equal(boot.s->verdict->reasons[0].subject, "PCR 11");
	buf_release(&golden);
	buf_release(&corim);
}

/* A list of findings that was cut says nothing for the PCRs behind its end. */
static void boot__findings_cut__accept_no_pcr(void **state)
{
	static const enum digest_alg banks[] = {DIGEST_SHA256};
	struct log_maker m = {0};
	struct buf golden = {0}, corim = {0};

	(void)state;
	log_maker_start(&m, banks, ARRAY_LEN(banks));
	log_maker_separators(&m, 0, 7);
	log_maker_text(&m, 9, EV_IPL, "initrd");
	buf_put(&golden, buf_bytes(&m.out));
	buf_release(&m.out);
	log_maker_start(&m, banks, ARRAY_LEN(banks));
	log_maker_separators(&m, 0, 7);
	for (unsigned i = 0; i < 300; i++)
		log_maker_text(&m, 1, EV_ACTION, "x");
	log_maker_text(&m, 9, EV_IPL, "another");
	boot_made(&m, BOOT_RISK, "    secure_boot: any\n");
	/* All but PCR 9. */
	corim_of(0x7dff, 0, &corim);
	references("", buf_bytes(&golden), buf_bytes(&corim));
	boot_attach(buf_bytes(&golden));
	scene_run(boot.s);
	assert_refused(boot.s, REASON_FIRMWARE_EVENT);
	assert_string_equal(boot.s->verdict->reasons[0].subject, "PCR 9");
	buf_release(&golden);
	buf_release(&corim);
}

/* Of the policy's and the CoRIM's own end the earlier one counts. */
static void boot__corim_with_two_ends__ends_with_the_first(void **state)
{
	static const struct {
		int64_t not_after;
		const char *until;
		int64_t end;
	} cases[] = {
		{0, "", 0},
		{SCENE_NOW + 5, "", SCENE_NOW + 5},
		{0, ", until: 2027-01-15T08:00:10Z", SCENE_NOW + 10},
		{SCENE_NOW + 5, ", until: 2027-01-15T08:00:10Z", SCENE_NOW + 5},
		{SCENE_NOW + 15, ", until: 2027-01-15T08:00:10Z", SCENE_NOW + 10},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf corim = {0};

		corim_of(0x7bff, cases[i].not_after, &corim);
		buf_clear(&boot.lines);
		boot_reference("corim", buf_bytes(&corim), cases[i].until);
		boot_policy(BOOT_RISK, "");
		boot_attach(buf_bytes(&corim));
		scene_run(boot.s);
		assert_trusted(boot.s);
		assert_int_equal(boot.s->state_out.boot_until, cases[i].end);
		buf_release(&corim);
	}
}

/* Of the references that a boot stands on, the first to end ends it. */
static void boot__two_references_needed__until_the_first_end(void **state)
{
	static const struct {
		const char *until[2];
		int64_t end;
	} cases[] = {
		{{", until: 2027-01-15T08:00:10Z", ", until: 2027-01-15T08:00:20Z"},
			SCENE_NOW + 10},
		{{", until: 2027-01-15T08:00:20Z", ", until: 2027-01-15T08:00:10Z"},
			SCENE_NOW + 10},
		{{", until: 2027-01-15T08:00:10Z", ""}, SCENE_NOW + 10},
		{{"", ", until: 2027-01-15T08:00:10Z"}, SCENE_NOW + 10},
	};
	struct buf first = {0}, second = {0};

	(void)state;
	corim_of(0x7f, 0, &first);
	corim_of(0x7b80, 0, &second);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		buf_clear(&boot.lines);
		boot_reference("corim", buf_bytes(&first), cases[i].until[0]);
		boot_reference("corim", buf_bytes(&second), cases[i].until[1]);
		boot_policy(BOOT_RISK, "");
		boot_attach(buf_bytes(&first));
		boot_attach(buf_bytes(&second));
		scene_run(boot.s);
		assert_trusted(boot.s);
		assert_int_equal(boot.s->state_out.boot_until, cases[i].end);
	}
	buf_release(&first);
	buf_release(&second);
}

/* More events than any reference can have are a verdict, not an error that is tried again for ever. */
static void boot__more_events_than_a_reference_holds__refused(void **state)
{
	static const enum digest_alg banks[] = {DIGEST_SHA256};
	struct log_maker m = {0};
	struct buf golden = {0};

	(void)state;
	log_maker_start(&m, banks, ARRAY_LEN(banks));
	log_maker_separators(&m, 0, 7);
	buf_put(&golden, buf_bytes(&m.out));
	for (unsigned i = 0; i < 1100; i++)
		log_maker_text(&m, 9, EV_IPL, "x");
	boot_made(&m, BOOT_RISK, "    secure_boot: any\n");
	buf_clear(&boot.lines);
	boot_reference("golden-log", buf_bytes(&golden), "");
	boot_policy(BOOT_RISK, "    secure_boot: any\n");
	boot_attach(buf_bytes(&golden));
	scene_run(boot.s);
	assert_refused_among(boot.s, REASON_FIRMWARE_LOG);
	assert_non_null(strstr(boot_reason(REASON_FIRMWARE_LOG)->actual, "more than 1024 events"));
	buf_release(&golden);
}

/* ---- renewals ---- */

/* The workload has moved to a risk class that does not take this host's class. */
static void renewal__class_that_is_not_named_any_more__judged_anew(void **state)
{
	struct buf other = {0}, good = {0};
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	(void)state;
	boot_read("secure-boot", "firmware.log", &good);
	boot_read("other-initramfs", "firmware.log", &other);
	boot_reference("golden-log", buf_bytes(&good), "");
	assert_ok(sha256_of(buf_bytes(&other), digest, &boot.s->err), boot.s->err);
	hex_encode(BYTES_OF(digest), hex);
	buf_printf(&boot.lines,
		"  - name: loose\n    references: [ {kind: golden-log, sha256: %s} ]\n", hex);
	boot_policy(BOOT_RISK, "");
	boot_attach(buf_bytes(&other));
	boot_attach(buf_bytes(&good));
	scene_renewal(boot.s);
	boot.send_firmware = false;
	boot_claims();
	boot.s->state_in.host_class = 1;
	scene_run(boot.s);
	assert_trusted(boot.s);
	boot.s->state_in.host_class = 2;
	scene_run(boot.s);
	assert_refused(boot.s, REASON_STATE_STALE);
	assert_string_equal(boot.s->verdict->reasons[0].subject, "host class");
	buf_release(&other);
	buf_release(&good);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(L21__event_moved_to_systemds_log__refused),
		T(boot__systemds_separators__accepted_in_each_pcr),
		T(boot__systemds_words_for_the_runtime_pcr__passed_over),
		T(boot__systemds_nv_indices__passed_over),
		T(boot__note_in_any_pcr__passed_over),
		T(L21__event_in_a_pcr_that_no_quote_proves__refused),
		T(L12__secure_boot_on_but_not_shown_to_verify__refused),
		T(L12__image_moved_before_its_authority__every_authority_counts),
		T(boot__reference_over_or_missing__an_empty_pcr_is_still_refused),
		T(boot__findings_cut__accept_no_pcr),
		T(boot__corim_with_two_ends__ends_with_the_first),
		T(boot__two_references_needed__until_the_first_end),
		T(boot__more_events_than_a_reference_holds__refused),
		T(renewal__class_that_is_not_named_any_more__judged_anew),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
