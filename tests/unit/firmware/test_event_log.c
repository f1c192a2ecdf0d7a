/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/firmware/log_fixture.h"

static const uint8_t zero4[4];

/* ---- form ---- */

static void log__agile__events_banks_and_offsets(void **state)
{
	(void)state;
	log_maker_text(&f.m, 4, EV_EFI_ACTION, "one");
	log_maker_text(&f.m, 5, EV_EFI_ACTION, "two");
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_true(f.log.agile);
	assert_int_equal(f.log.bank_count, 2);
	assert_int_equal(f.log.banks[0].alg, DIGEST_SHA256);
	assert_int_equal(f.log.banks[1].alg, DIGEST_SHA1);
	assert_int_equal(f.log.count, 2);
	assert_int_equal(f.log.events[1].number, 1);
	assert_int_equal(f.log.events[1].offset, f.m.last);
	assert_int_equal(f.log.events[1].pcr, 5);
	assert_bytes(f.log.events[1].data, BYTES_LIT("two"));
}

static void log__sha1_form__one_bank(void **state)
{
	struct digest digest, wanted;
	(void)state;
	fixture_banks(NULL, 0);
	log_maker_text(&f.m, 4, EV_EFI_ACTION, "one");
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_false(f.log.agile);
	assert_int_equal(f.log.bank_count, 1);
	assert_true(event_digest(&f.log, &f.log.events[0], DIGEST_SHA1, &digest));
	assert_ok(digest_of(DIGEST_SHA1, BYTES_LIT("one"), &wanted, &f.err), f.err);
	assert_true(digest_equal(&digest, &wanted));
	assert_false(event_digest(&f.log, &f.log.events[0], DIGEST_SHA256, &digest));
}

static void log__no_event_behind_the_header__accepted(void **state)
{
	(void)state;
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_int_equal(f.log.count, 0);
}

static void log__empty__refused(void **state)
{
	(void)state;
	buf_clear(&f.m.out);
	assert_fails(opens(DIGEST_NONE), f.err, ERR_FORMAT, "event log: empty");
}

static void log__bank_that_is_not_there__refused(void **state)
{
	(void)state;
	assert_fails(opens(DIGEST_SHA384), f.err, ERR_NOT_FOUND, "event log: no sha384 bank");
}

/* A field of the last event, overwritten. */
static void poke(size_t at, const void *bytes, size_t n)
{
	memcpy(f.m.out.data + f.m.last + at, bytes, n);
}

static void log__field_of_an_event_wrong__named(void **state)
{
	static const struct {
		size_t at;
		uint8_t byte;
		size_t offset;
		const char *wanted;
	} cases[] = {
		{0, 24, 8, "pcrIndex: beyond the last register"},
		{8, 0, 12, "digestCount: not 1 to the number of algorithms"},
		{8, 3, 12, "digestCount: not 1 to the number of algorithms"},
		{12, 0x0c, 14, "algorithmId: not declared in the Spec ID event"},
		{46, 0x0b, 48, "algorithmId: twice in one event"},
		{68, 9, 72, "event: truncated"},
	};
	(void)state;
	log_maker_text(&f.m, 4, EV_EFI_ACTION, "one");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char wanted[160];
		uint8_t kept = f.m.out.data[f.m.last + cases[i].at];
		(void)snprintf(wanted, sizeof(wanted), "event 0: %s at offset %zu of %zu",
			cases[i].wanted, f.m.last + cases[i].offset, f.m.out.len);
		poke(cases[i].at, &cases[i].byte, 1);
		assert_fails(opens(DIGEST_NONE), f.err, ERR_FORMAT, wanted);
		poke(cases[i].at, &kept, 1);
	}
}

static void log__event_without_one_bank__not_extended_there(void **state)
{
	struct pcr_bank pcrs;
	(void)state;
	log_maker_text(&f.m, 4, EV_EFI_ACTION, "one");
	/* The SHA-1 digest cut out: 12 bytes of head, 2 + 32 of SHA-256, then 2 + 20. */
	uint8_t *event = f.m.out.data + f.m.last;
	memmove(event + 46, event + 68, f.m.out.len - f.m.last - 68);
	f.m.out.len -= 22;
	event[8] = 1;
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_ok(event_log_replay(&f.log, DIGEST_SHA1, &pcrs, &f.err), f.err);
	assert_int_equal(pcrs.present, 0);
	assert_ok(event_log_replay(&f.log, DIGEST_SHA256, &pcrs, &f.err), f.err);
	assert_int_equal(pcrs.present, 1u << 4);
}

static void log__more_than_the_maxima__refused(void **state)
{
	static uint8_t large[EVENT_LOG_MAX + 1];
	(void)state;
	assert_fails(event_log_open(BYTES_OF(large), EVENT_LOG_TPM, DIGEST_NONE, &f.log, &f.err),
		f.err, ERR_LIMIT, "event log: 8388609 bytes, more than 8388608");
	fixture_banks(NULL, 0);
	for (size_t i = 0; i < EVENTS_MAX; i++)
		log_maker_note(&f.m, 0, (struct bytes){0});
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_int_equal(f.log.count, EVENTS_MAX);
	log_maker_note(&f.m, 0, (struct bytes){0});
	assert_fails(opens(DIGEST_NONE), f.err, ERR_LIMIT, "event log: more than 16384 events");
}

/* ---- the Spec ID event ---- */

/* Opens a log of this Spec ID body alone. */
static bool opens_spec_id(struct buf *body)
{
	buf_clear(&f.m.out);
	log_maker_start_with(&f.m, 0, buf_bytes(body));
	return opens(DIGEST_NONE);
}

static void spec_id__field_wrong__named(void **state)
{
	static const enum digest_alg banks[] = {DIGEST_SHA256, DIGEST_SHA1};
	static const struct {
		size_t at;
		uint8_t byte;
		const char *wanted;
	} cases[] = {
		{21, 1, "Spec ID event: specVersionMajor: not 2 at offset 60 of 69"},
		{24, 0, "Spec ID event: numberOfAlgorithms: not 1..8 at offset 60 of 69"},
		{24, 9, "Spec ID event: numberOfAlgorithms: not 1..8 at offset 60 of 69"},
		{27, 0xff, "Spec ID event: numberOfAlgorithms: not 1..8 at offset 60 of 69"},
		{30, 20, "Spec ID event: digestSize: not that of the algorithm at offset 64 of 69"},
		{32, 0x0b,
			"Spec ID event: digestSize: not that of the algorithm at offset 68 of 69"},
		{34, 65, "Spec ID event: digestSize: not that of the algorithm at offset 68 of 69"},
		{36, 1, "Spec ID event: vendorInfo: truncated at offset 69 of 69"},
	};
	struct buf body = {0};
	(void)state;
	spec_id_put(banks, 2, &body);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t kept = body.data[cases[i].at];
		body.data[cases[i].at] = cases[i].byte;
		assert_fails(opens_spec_id(&body), f.err, ERR_FORMAT, cases[i].wanted);
		body.data[cases[i].at] = kept;
	}
	buf_put_u8(&body, 0);
	assert_fails(opens_spec_id(&body), f.err, ERR_FORMAT,
		"Spec ID event: event: trailing bytes at offset 69 of 70");
	buf_release(&body);
}

static void spec_id__algorithm_twice__refused(void **state)
{
	static const enum digest_alg banks[] = {DIGEST_SHA256, DIGEST_SHA256};
	struct buf body = {0};
	(void)state;
	spec_id_put(banks, 2, &body);
	assert_fails(opens_spec_id(&body), f.err, ERR_FORMAT,
		"Spec ID event: algorithmId: declared twice at offset 68 of 69");
	buf_release(&body);
}

static void spec_id__size_of_an_unknown_algorithm__bounded(void **state)
{
	static const enum digest_alg banks[] = {DIGEST_SHA256, (enum digest_alg)0x99};
	struct buf body = {0};
	(void)state;
	spec_id_put(banks, 2, &body); /* size 0 */
	assert_fails(opens_spec_id(&body), f.err, ERR_FORMAT,
		"Spec ID event: digestSize: not 1..64 at offset 68 of 69");
	body.data[34] = 65;
	assert_fails(opens_spec_id(&body), f.err, ERR_FORMAT,
		"Spec ID event: digestSize: not 1..64 at offset 68 of 69");
	body.data[34] = 64;
	assert_ok(opens_spec_id(&body), f.err);
	buf_release(&body);
}

static void spec_id__digest_not_zero_or_pcr_not_0__refused(void **state)
{
	(void)state;
	f.m.out.data[8] = 1;
	assert_fails(opens(DIGEST_NONE), f.err, ERR_FORMAT,
		"Spec ID event: digest: not zero in the Spec ID event at offset 0 of 69");
	f.m.out.data[8] = 0;
	f.m.out.data[0] = 5;
	assert_fails(opens(DIGEST_NONE), f.err, ERR_FORMAT,
		"Spec ID event: pcrIndex: not 0 in the Spec ID event at offset 0 of 69");
}

static void bank__unknown_algorithm__skipped(void **state)
{
	static const enum digest_alg banks[] = {DIGEST_SHA256, (enum digest_alg)0x12};
	struct buf body = {0};
	struct pcr_bank pcrs;
	(void)state;
	spec_id_put(banks, 2, &body);
	body.data[34] = 32;
	buf_clear(&f.m.out);
	log_maker_start_with(&f.m, 0, buf_bytes(&body));
	/* An event by hand: the maker cannot compute SM3. */
	struct digest digest;
	assert_ok(digest_of(DIGEST_SHA256, BYTES_LIT("one"), &digest, &f.err), f.err);
	put_le32(&f.m.out, 4);
	put_le32(&f.m.out, EV_EFI_ACTION);
	put_le32(&f.m.out, 2);
	put_le16(&f.m.out, 0x12);
	buf_put(&f.m.out, digest_bytes(&digest));
	put_le16(&f.m.out, DIGEST_SHA256);
	buf_put(&f.m.out, digest_bytes(&digest));
	put_le32(&f.m.out, 3);
	buf_put(&f.m.out, BYTES_LIT("one"));
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_int_equal(f.log.banks[1].alg, DIGEST_NONE);
	assert_false(f.log.banks[1].checked);
	assert_ok(event_log_replay(&f.log, DIGEST_SHA256, &pcrs, &f.err), f.err);
	assert_fails(event_log_replay(&f.log, DIGEST_NONE, &pcrs, &f.err), f.err, ERR_NOT_FOUND,
		"event log: no unknown bank");
	buf_release(&body);
}

static void bank__none_that_is_known__refused(void **state)
{
	static const enum digest_alg banks[] = {(enum digest_alg)0x12};
	struct buf body = {0};
	(void)state;
	spec_id_put(banks, 1, &body);
	body.data[30] = 32;
	assert_fails(opens_spec_id(&body), f.err, ERR_NOT_FOUND, "event log: no known bank");
	buf_release(&body);
}

/* ---- coverage ---- */

static void cover__data_that_the_digest_covers__covered(void **state)
{
	static const uint32_t must[] = {EV_SEPARATOR, EV_ACTION, EV_EFI_ACTION, EV_EFI_GPT_EVENT,
		EV_EFI_GPT_EVENT2, EV_EFI_VARIABLE_DRIVER_CONFIG, EV_EFI_VARIABLE_BOOT,
		EV_EFI_VARIABLE_BOOT2, EV_EFI_VARIABLE_AUTHORITY, EV_EFI_SPDM_DEVICE_POLICY,
		EV_EFI_SPDM_DEVICE_AUTHORITY};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(must); i++) {
		char wanted[160];
		fixture_banks(f.m.banks, 2);
		log_maker_event(&f.m, 1, must[i], BYTES_LIT("anything"));
		assert_ok(opens(DIGEST_NONE), f.err);
		assert_int_equal(f.log.events[0].coverage, EVENT_COVERED);
		assert_bytes(f.log.events[0].covered, BYTES_LIT("anything"));
		f.m.out.data[f.m.out.len - 1] ^= 1;
		(void)snprintf(wanted, sizeof(wanted),
			"event 0 at offset 69: %s in PCR 1: the digest does not cover the data",
			event_type_name(must[i]));
		assert_fails(opens(DIGEST_NONE), f.err, ERR_MISMATCH, wanted);
	}
}

static void cover__either_way__covered_only_when_it_matches(void **state)
{
	static const uint32_t may[] = {EV_PREBOOT_CERT, EV_POST_CODE, EV_UNUSED, EV_S_CRTM_VERSION,
		EV_CPU_MICROCODE, EV_PLATFORM_CONFIG_FLAGS, EV_TABLE_OF_DEVICES, EV_COMPACT_HASH,
		EV_IPL, EV_IPL_PARTITION_DATA, EV_NONHOST_CODE, EV_NONHOST_CONFIG, EV_NONHOST_INFO,
		EV_OMIT_BOOT_DEVICE_EVENTS, EV_POST_CODE2, EV_EFI_SPDM_FIRMWARE_BLOB,
		EV_EFI_SPDM_FIRMWARE_CONFIG, EV_EVENT_TAG, 0x40e};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(may); i++) {
		fixture_banks(f.m.banks, 2);
		log_maker_event(&f.m, 1, may[i], BYTES_LIT("anything"));
		log_maker_put(&f.m, 1, may[i], BYTES_LIT("something"), BYTES_LIT("anything"));
		assert_ok(opens(DIGEST_NONE), f.err);
		assert_int_equal(f.log.events[0].coverage, EVENT_COVERED);
		assert_int_equal(f.log.events[1].coverage, EVENT_UNCOVERED);
		assert_int_equal(f.log.events[1].covered.len, 0);
	}
}

static void cover__content_outside_the_log__never_covered(void **state)
{
	static const uint32_t never[] = {EV_S_CRTM_CONTENTS, EV_EFI_BOOT_SERVICES_APPLICATION,
		EV_EFI_BOOT_SERVICES_DRIVER, EV_EFI_RUNTIME_SERVICES_DRIVER,
		EV_EFI_PLATFORM_FIRMWARE_BLOB, EV_EFI_PLATFORM_FIRMWARE_BLOB2,
		EV_EFI_HANDOFF_TABLES, EV_EFI_HANDOFF_TABLES2};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(never); i++) {
		fixture_banks(f.m.banks, 2);
		log_maker_event(&f.m, 4, never[i], BYTES_LIT("anything"));
		assert_ok(opens(DIGEST_NONE), f.err);
		assert_int_equal(f.log.events[0].coverage, EVENT_UNCOVERED);
	}
}

static void cover__one_bank_differs__refused_unless_another_is_asked(void **state)
{
	(void)state;
	log_maker_text(&f.m, 4, EV_EFI_ACTION, "one");
	f.m.out.data[f.m.last + 48] ^= 1; /* in the SHA-1 digest */
	assert_fails(opens(DIGEST_NONE), f.err, ERR_MISMATCH,
		"event 0 at offset 69: EV_EFI_ACTION in PCR 4: the digest does not cover the data");
	assert_fails(opens(DIGEST_SHA1), f.err, ERR_MISMATCH,
		"event 0 at offset 69: EV_EFI_ACTION in PCR 4: the digest does not cover the data");
	assert_ok(opens(DIGEST_SHA256), f.err);
	struct pcr_bank pcrs;
	assert_fails(event_log_replay(&f.log, DIGEST_SHA1, &pcrs, &f.err), f.err, ERR_USAGE,
		"event log: the sha1 bank was not checked");
}

static void cover__action_with_a_nul_logged__text_alone(void **state)
{
	(void)state;
	log_maker_put(&f.m, 7, EV_EFI_ACTION, BYTES_LIT("text"), bytes_of("text", 5));
	log_maker_event(&f.m, 7, EV_EFI_ACTION, bytes_of("text", 5));
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_bytes(f.log.events[0].covered, BYTES_LIT("text"));
	assert_bytes(f.log.events[1].covered, bytes_of("text", 5));
}

static void cover__boot_variable__data_or_whole(void **state)
{
	struct buf variable = {0};
	(void)state;
	variable_put(maker_global_guid, "BootOrder", BYTES_LIT("\1"), &variable);
	log_maker_put(&f.m, 1, EV_EFI_VARIABLE_BOOT, BYTES_LIT("\1"), buf_bytes(&variable));
	log_maker_event(&f.m, 1, EV_EFI_VARIABLE_BOOT, buf_bytes(&variable));
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_bytes(f.log.events[0].covered, BYTES_LIT("\1"));
	assert_bytes(f.log.events[1].covered, buf_bytes(&variable));
	buf_release(&variable);
}

static void cover__authority_of_old_shim__all_but_its_last_byte(void **state)
{
	struct buf variable = {0};
	(void)state;
	variable_put(maker_shim_guid, "Shim", BYTES_LIT("key"), &variable);
	buf_put_u8(&variable, 0xaf);
	struct bytes shorter = bytes_of(variable.data, variable.len - 1);
	log_maker_put(&f.m, 7, EV_EFI_VARIABLE_AUTHORITY, shorter, buf_bytes(&variable));
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_bytes(f.log.events[0].covered, shorter);
	/* No other event may be a byte short. */
	log_maker_put(&f.m, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, shorter, buf_bytes(&variable));
	assert_false(opens(DIGEST_NONE));
	assert_int_equal(f.err.code, ERR_MISMATCH);
	buf_release(&variable);
}

static void cover__texts_of_grub__behind_their_prefix(void **state)
{
	static const struct {
		const char *hashed, *data;
		size_t hashed_len, data_len;
	} cases[] = {
		{"a=1", "grub_cmd: a=1", 3, 14},
		{"a=1", "kernel_cmdline: a=1", 3, 20},
		{"a=1", "module_cmdline: a=1", 3, 19},
		{"a=1", "grub_cmd a=1", 4, 13},
		{"a=1", "grub_kernel_cmdline a=1", 3, 24},
		{"", "grub_cmd: ", 0, 11},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		fixture_banks(f.m.banks, 2);
		log_maker_put(&f.m, 8, EV_IPL, bytes_of(cases[i].hashed, cases[i].hashed_len),
			bytes_of(cases[i].data, cases[i].data_len));
		assert_ok(opens(DIGEST_NONE), f.err);
		assert_int_equal(f.log.events[0].coverage, EVENT_COVERED);
		assert_bytes(
			f.log.events[0].covered, bytes_of(cases[i].hashed, cases[i].hashed_len));
		f.m.out.data[f.m.out.len - 2] ^= 1;
		assert_false(opens(DIGEST_NONE) && f.log.events[0].coverage == EVENT_COVERED);
	}
}

static void cover__grub_prefix_outside_pcr_8__nothing_special(void **state)
{
	(void)state;
	log_maker_put(&f.m, 9, EV_IPL, BYTES_LIT("a"), BYTES_LIT("grub_cmd: a"));
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_int_equal(f.log.events[0].coverage, EVENT_UNCOVERED);
}

static void cover__texts_of_systemd__whole_or_a_byte_short_or_ascii(void **state)
{
	static const uint8_t text[] = ".\0a\0\0";
	(void)state;
	log_maker_event(&f.m, 12, EV_IPL, bytes_of(text, 6));
	log_maker_put(&f.m, 8, EV_IPL, bytes_of(text, 6), bytes_of(text, 5));
	log_maker_put(&f.m, 11, EV_IPL, bytes_of(".a", 3), bytes_of(text, 6));
	log_maker_put(&f.m, 11, EV_IPL, BYTES_LIT("content"), bytes_of(text, 6));
	assert_ok(opens(DIGEST_NONE), f.err);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(f.log.events[i].coverage, EVENT_COVERED);
		assert_bytes(f.log.events[i].covered, f.log.events[i].data);
	}
	assert_int_equal(f.log.events[3].coverage, EVENT_UNCOVERED);
}

static void cover__long_or_wide_section_names__not_as_ascii(void **state)
{
	uint8_t wide[] = ".\0a\1\0";
	uint8_t name[130] = {0}, ascii[65] = {0};
	(void)state;
	for (size_t i = 0; i < 64; i++)
		ascii[i] = name[2 * i] = 'a';
	log_maker_put(&f.m, 11, EV_IPL, BYTES_OF(ascii), BYTES_OF(name));
	log_maker_put(&f.m, 11, EV_IPL, bytes_of(".a", 3), bytes_of(wide, 6));
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_int_equal(f.log.events[0].coverage, EVENT_UNCOVERED);
	assert_int_equal(f.log.events[1].coverage, EVENT_UNCOVERED);
}

static void cover__tags__by_whose_they_are(void **state)
{
	struct buf tag = {0};
	(void)state;
	put_le32(&tag, 0x40010001);
	put_le32(&tag, 1);
	buf_put_u8(&tag, 9);
	log_maker_event(&f.m, 12, EV_EVENT_TAG, buf_bytes(&tag));
	tag.data[0] = 0xec, tag.data[1] = 0x22, tag.data[2] = 0x3b, tag.data[3] = 0x8f;
	log_maker_event(&f.m, 9, EV_EVENT_TAG, buf_bytes(&tag));
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_int_equal(f.log.events[0].coverage, EVENT_COVERED);
	assert_int_equal(f.log.events[1].coverage, EVENT_UNCOVERED);
	tag.data[0] = 1, tag.data[1] = 0, tag.data[2] = 1, tag.data[3] = 0x40;
	log_maker_put(&f.m, 12, EV_EVENT_TAG, BYTES_LIT("else"), buf_bytes(&tag));
	assert_false(opens(DIGEST_NONE));
	assert_string_equal(f.err.text + strlen("event 2 at offset 234: "),
		"EV_EVENT_TAG in PCR 12: the digest does not cover the data");
	buf_release(&tag);
}

static void cover__names__are_three(void **state)
{
	(void)state;
	assert_string_equal(event_coverage_name(EVENT_UNCOVERED), "uncovered");
	assert_string_equal(event_coverage_name(EVENT_COVERED), "covered");
	assert_string_equal(event_coverage_name(EVENT_NOT_EXTENDED), "not-extended");
}

/* ---- EV_NO_ACTION ---- */

static void no_action__never_extended(void **state)
{
	struct pcr_bank pcrs;
	(void)state;
	log_maker_note(&f.m, 0, BYTES_LIT("note"));
	log_maker_put(&f.m, 5, EV_NO_ACTION, BYTES_LIT("x"), BYTES_LIT("x"));
	log_maker_put(&f.m, 0, EV_NO_ACTION, BYTES_LIT("x"), BYTES_LIT("x"));
	log_maker_put(&f.m, 0xffffffff, EV_NO_ACTION, BYTES_LIT("x"), BYTES_LIT("x"));
	assert_ok(opens(DIGEST_NONE), f.err);
	static const bool odd[] = {false, true, true, false};
	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		assert_int_equal(f.log.events[i].coverage, EVENT_NOT_EXTENDED);
		assert_int_equal(f.log.events[i].odd, odd[i]);
	}
	assert_ok(event_log_replay(&f.log, DIGEST_SHA256, &pcrs, &f.err), f.err);
	assert_int_equal(pcrs.present, 0);
}

static void startup_locality__of_the_three__is_where_pcr_0_starts(void **state)
{
	static const uint8_t localities[] = {0, 3, 4};
	struct pcr_bank pcrs;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(localities); i++) {
		uint8_t note[17] = "StartupLocality";
		note[16] = localities[i];
		fixture_banks(f.m.banks, 2);
		log_maker_note(&f.m, 0, BYTES_OF(note));
		assert_ok(opens(DIGEST_NONE), f.err);
		assert_int_equal(f.log.startup_locality, localities[i]);
		assert_ok(event_log_start(&f.log, DIGEST_SHA256, &pcrs, &f.err), f.err);
		assert_int_equal(pcrs.values[0][31], localities[i]);
		assert_int_equal(pcrs.values[1][31], 0);
	}
}

static void startup_locality__wrong__refused(void **state)
{
	(void)state;
	log_maker_note(&f.m, 0, bytes_of("StartupLocality\0\1", 17));
	assert_fails(opens(DIGEST_NONE), f.err, ERR_FORMAT,
		"event 0 at offset 69: StartupLocality: not 0, 3 or 4");
	fixture_banks(f.m.banks, 2);
	log_maker_note(&f.m, 0, bytes_of("StartupLocality\0\3\0", 18));
	assert_fails(opens(DIGEST_NONE), f.err, ERR_FORMAT,
		"event 0 at offset 69: StartupLocality: not 0, 3 or 4");
	fixture_banks(f.m.banks, 2);
	log_maker_note(&f.m, 0, bytes_of("StartupLocality\0\3", 17));
	log_maker_note(&f.m, 0, bytes_of("StartupLocality\0\3", 17));
	assert_fails(opens(DIGEST_NONE), f.err, ERR_FORMAT,
		"event 1 at offset 158: StartupLocality: given twice");
	fixture_banks(f.m.banks, 2);
	log_maker_event(&f.m, 0, EV_SEPARATOR, BYTES_OF(zero4));
	log_maker_note(&f.m, 0, bytes_of("StartupLocality\0\3", 17));
	assert_fails(opens(DIGEST_NONE), f.err, ERR_FORMAT,
		"event 1 at offset 145: StartupLocality: after PCR 0 was extended");
}

static void startup_locality__odd__not_believed(void **state)
{
	(void)state;
	log_maker_note(&f.m, 5, bytes_of("StartupLocality\0\3", 17));
	log_maker_event(&f.m, 0, EV_NO_ACTION, bytes_of("StartupLocality\0\3", 17));
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_int_equal(f.log.startup_locality, 0);
}

static void hcrtm__together_with_locality_3__refused(void **state)
{
	(void)state;
	log_maker_note(&f.m, 0, bytes_of("StartupLocality\0\3", 17));
	log_maker_text(&f.m, 0, EV_EFI_HCRTM_EVENT, "HCRTM");
	assert_fails(opens(DIGEST_NONE), f.err, ERR_FORMAT,
		"event 1 at offset 158: H-CRTM: together with StartupLocality 3");
	fixture_banks(f.m.banks, 2);
	log_maker_note(&f.m, 0, bytes_of("StartupLocality\0\4", 17));
	log_maker_text(&f.m, 0, EV_EFI_HCRTM_EVENT, "HCRTM");
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_true(f.log.hcrtm);
	fixture_banks(f.m.banks, 2);
	log_maker_text(&f.m, 1, EV_EFI_HCRTM_EVENT, "HCRTM");
	assert_fails(opens(DIGEST_NONE), f.err, ERR_FORMAT,
		"event 0 at offset 69: H-CRTM: not in PCR 0");
}

/* ---- replay ---- */

static void replay__golden__hash_by_hash(void **state)
{
	struct pcr_bank pcrs;
	uint8_t value[32] = {0};
	struct digest digest;
	(void)state;
	log_maker_separators(&f.m, 3, 3);
	log_maker_text(&f.m, 3, EV_EFI_ACTION, "one");
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_ok(event_log_replay(&f.log, DIGEST_SHA256, &pcrs, &f.err), f.err);
	for (size_t i = 0; i < 2; i++) {
		assert_true(event_digest(&f.log, &f.log.events[i], DIGEST_SHA256, &digest));
		struct bytes parts[] = {BYTES_OF(value), digest_bytes(&digest)};
		assert_ok(digest_of_parts(DIGEST_SHA256, parts, 2, &digest, &f.err), f.err);
		memcpy(value, digest.bytes, sizeof(value));
	}
	assert_memory_equal(pcrs.values[3], value, sizeof(value));
	assert_int_equal(pcrs.present, 1u << 3);
}

static void separator__kinds(void **state)
{
	(void)state;
	log_maker_event(&f.m, 7, EV_SEPARATOR, BYTES_OF(zero4));
	log_maker_event(&f.m, 7, EV_SEPARATOR, bytes_of("\1\0\0\0", 4));
	log_maker_event(&f.m, 12, EV_SEPARATOR, BYTES_LIT("WBCL"));
	log_maker_put(&f.m, 7, EV_SEPARATOR, bytes_of("\1\0\0\0", 4), BYTES_LIT("no CRTM"));
	assert_ok(opens(DIGEST_NONE), f.err);
	static const bool is[] = {true, true, false, true}, error[] = {false, true, false, true};
	for (size_t i = 0; i < ARRAY_LEN(is); i++) {
		assert_int_equal(event_is_separator(&f.log.events[i]), is[i]);
		assert_int_equal(event_is_error(&f.log.events[i]), error[i]);
	}
}

static void remark__is_short_plain_covered_text(void **state)
{
	uint8_t lengthy[129];
	(void)state;
	memset(lengthy, 'a', sizeof(lengthy));
	log_maker_text(&f.m, 4, EV_EFI_ACTION, "Booting");
	log_maker_text(&f.m, 4, EV_EFI_ACTION, "");
	log_maker_text(&f.m, 4, EV_EFI_ACTION, "a\x01");
	log_maker_event(&f.m, 4, EV_EFI_ACTION, BYTES_OF(lengthy));
	log_maker_put(&f.m, 4, EV_POST_CODE, BYTES_LIT("x"), BYTES_LIT("Booting"));
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_true(event_is_remark(&f.log.events[0]));
	for (size_t i = 1; i < f.log.count; i++)
		assert_false(event_is_remark(&f.log.events[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		log_test(log__agile__events_banks_and_offsets),
		log_test(log__sha1_form__one_bank),
		log_test(log__no_event_behind_the_header__accepted),
		log_test(log__empty__refused),
		log_test(log__bank_that_is_not_there__refused),
		log_test(log__field_of_an_event_wrong__named),
		log_test(log__event_without_one_bank__not_extended_there),
		log_test(log__more_than_the_maxima__refused),
		log_test(spec_id__field_wrong__named),
		log_test(spec_id__algorithm_twice__refused),
		log_test(spec_id__size_of_an_unknown_algorithm__bounded),
		log_test(spec_id__digest_not_zero_or_pcr_not_0__refused),
		log_test(bank__unknown_algorithm__skipped),
		log_test(bank__none_that_is_known__refused),
		log_test(cover__data_that_the_digest_covers__covered),
		log_test(cover__either_way__covered_only_when_it_matches),
		log_test(cover__content_outside_the_log__never_covered),
		log_test(cover__one_bank_differs__refused_unless_another_is_asked),
		log_test(cover__action_with_a_nul_logged__text_alone),
		log_test(cover__boot_variable__data_or_whole),
		log_test(cover__authority_of_old_shim__all_but_its_last_byte),
		log_test(cover__texts_of_grub__behind_their_prefix),
		log_test(cover__grub_prefix_outside_pcr_8__nothing_special),
		log_test(cover__texts_of_systemd__whole_or_a_byte_short_or_ascii),
		log_test(cover__long_or_wide_section_names__not_as_ascii),
		log_test(cover__tags__by_whose_they_are),
		log_test(cover__names__are_three),
		log_test(no_action__never_extended),
		log_test(startup_locality__of_the_three__is_where_pcr_0_starts),
		log_test(startup_locality__wrong__refused),
		log_test(startup_locality__odd__not_believed),
		log_test(hcrtm__together_with_locality_3__refused),
		log_test(replay__golden__hash_by_hash),
		log_test(separator__kinds),
		log_test(remark__is_short_plain_covered_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
