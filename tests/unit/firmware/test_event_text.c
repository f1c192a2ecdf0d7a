/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/firmware/log_fixture.h"

#include "firmware/event_text.h"

static void text__every_event_of_a_whole_boot__in_words(void **state)
{
	static const char *const wanted[] = {
		"PCR 0 starts at locality 3",
		"firmware version Golden 1.0",
		"firmware volume at 0x820000, 917504 bytes",
		"DXE  at 0x820000, 917504 bytes",
		"ACPI DATA",
		"SecureBoot: 1",
		"PK: 1 certificate, 0 hashes",
		"KEK: 1 certificate, 0 hashes",
		"db: 1 certificate, 0 hashes",
		"dbx: 0 certificates, 2 hashes",
		"firmware hands over",
		"BootOrder: 0001 0002",
		"Boot0001: Linux, ",
		"1 tables: SHIM",
		"image \\nic.efi at 0x1000, 6 bytes",
		"Calling EFI Application from Boot Option",
		"firmware hands over",
		"firmware hands over",
		"firmware hands over",
		"firmware hands over",
		"firmware hands over",
		"firmware hands over",
		"firmware hands over",
		"db: CN=Golden log CA",
		"disk 11111111-1111-1111-1111-111111111111, 1 partitions: ESP",
		"image \\EFI\\BOOT\\BOOTX64.EFI at 0x1000, 4 bytes",
		"MokList",
		"SbatLevel: sbat,1,2025021800\\n",
		"image \\EFI\\debian\\grubx64.efi at 0x1000, 4 bytes",
		"command: set default=0",
		"file (hd0,gpt1)/vmlinuz",
		"image \\vmlinuz at 0x1000, 6 bytes",
		"kernel command line: /vmlinuz root=/dev/vda quiet",
		"file (hd0,gpt1)/initrd.img",
		"name of section .linux",
		"content of section .linux",
		"text: root=/dev/vda quiet",
		"TrustBoundary {BootCounter 155}",
		"Linux load options: LOADED_IMAGE::LoadOptions",
		"Linux initrd: Linux initrd",
		"Exit Boot Services Invocation",
		"Exit Boot Services Returned with Success",
	};
	(void)state;
	fixture_golden(false);
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_int_equal(f.log.count, ARRAY_LEN(wanted));
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		assert_string_equal(text_of(i), wanted[i]);
}

#define DATA(literal) literal, sizeof(literal) - 1

static void text__data_of_every_shape__shown(void **state)
{
	static const struct {
		uint32_t pcr, type;
		const char *data;
		size_t len;
		const char *wanted;
	} cases[] = {
		{6, EV_COMPACT_HASH, DATA(""), "(no data)"},
		{6, EV_COMPACT_HASH, DATA("Dell\0\0"), "Dell"},
		{11, EV_COMPACT_HASH, DATA("\x10\0\0\0"), "10000000"},
		{6, EV_COMPACT_HASH, DATA("a\0b\0\0\0"), "ab"},
		{6, EV_COMPACT_HASH, DATA("a\0\1\0\0\0"), "610001000000"},
		{6, EV_COMPACT_HASH, DATA("\1............................................"),
			"012e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e… (45 "
			"bytes)"},
		{0, EV_S_CRTM_VERSION, DATA("\x1e\xfbkT\x0c\x1dU@\xa4\xadN\xf4\xbf\x17\xb8:"),
			"firmware version 546bfb1e-1d0c-4055-a4ad-4ef4bf17b83a"},
		{0, EV_S_CRTM_VERSION, DATA("\0\0"), "firmware version 0000"},
		{0, EV_S_CRTM_CONTENTS, DATA("Boot Guard\0"), "Boot Guard"},
		{0, EV_EFI_PLATFORM_FIRMWARE_BLOB, DATA("\0\0\0\0\0\0\0\0\4\0\0\0\0\0\0\0"),
			"00000000000000000400000000000000"},
		{0, EV_EFI_PLATFORM_FIRMWARE_BLOB2, DATA("\7DXE"), "07445845"},
		{4, EV_EFI_BOOT_SERVICES_APPLICATION, DATA("\1\2"), "0102"},
		{4, EV_EFI_BOOT_SERVICES_APPLICATION,
			DATA("\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
			"image without a path at 0x1, 2 bytes"},
		{4, EV_EFI_BOOT_SERVICES_APPLICATION,
			DATA("\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0xy"),
			"image 7879 at 0x1, 2 bytes"},
		{1, EV_EFI_HANDOFF_TABLES, DATA("\2\0\0\0\0\0\0\0"), "0200000000000000"},
		{1, EV_EFI_HANDOFF_TABLES, DATA("\2"), "02"},
		{1, EV_EFI_HANDOFF_TABLES2, DATA("\4ACPI\0\0\0\0\0\0\0\0"), "ACPI: 0 tables"},
		{2, EV_EFI_SPDM_FIRMWARE_BLOB, DATA("SPDM Device Sec\0\1\0\7"),
			"SPDM Device Sec version 1, 07"},
		{2, EV_EFI_SPDM_FIRMWARE_BLOB, DATA("\1"), "01"},
		{8, EV_IPL, DATA("text"), "text"},
		{5, EV_EVENT_TAG, DATA("\x2a\x58\xbc\xf5\5\0\0\0conf\0"),
			"systemd-boot loader.conf: conf"},
		{12, EV_EVENT_TAG, DATA("\1\0"), "…"},
		{12, EV_EVENT_TAG, DATA("\7\0\0\0\0\0\0\0"), "0x00000007"},
		{1, 0x40e, DATA("odd"), "odd"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		fixture_banks((enum digest_alg[]){DIGEST_SHA256}, 1);
		log_maker_put(&f.m, cases[i].pcr, cases[i].type, BYTES_LIT("elsewhere"),
			bytes_of(cases[i].data, cases[i].len));
		assert_ok(opens(DIGEST_NONE), f.err);
		assert_string_equal(text_of(0), cases[i].wanted);
	}
}

static void text__systemd_boot_before_247__last_byte_missing(void **state)
{
	(void)state;
	log_maker_put(&f.m, 8, EV_IPL, bytes_of("q\0u\0\0\0", 6), bytes_of("q\0u\0\0\0", 5));
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_string_equal(text_of(0), "text: qu");
}

static void text__separators__what_they_say(void **state)
{
	(void)state;
	log_maker_event(&f.m, 0, EV_SEPARATOR, BYTES_LIT("\xff\xff\xff\xff"));
	log_maker_event(&f.m, 12, EV_SEPARATOR, BYTES_LIT("WBCL"));
	log_maker_event(&f.m, 1, EV_SEPARATOR, BYTES_LIT("\1\0\0\0"));
	log_maker_put(&f.m, 1, EV_SEPARATOR, BYTES_LIT("\1\0\0\0"), BYTES_LIT("no CRTM"));
	log_maker_event(&f.m, 12, EV_SEPARATOR, BYTES_LIT("odd one"));
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_string_equal(text_of(0), "firmware hands over");
	assert_string_equal(text_of(1), "WBCL");
	assert_string_equal(text_of(2), "the firmware reports an error: 01000000");
	assert_string_equal(text_of(3), "the firmware reports an error: no CRTM");
	assert_string_equal(text_of(4), "odd one");
}

static void text__notes__what_they_say(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		const char *wanted;
	} cases[] = {
		{DATA("SP800-155 Event\0\1\0\0\0\0\1\2\3\4\5\6\7\x8\x9\xa\xb\xc\xd\xe\xf"),
			"SP800-155: vendor 1, reference manifest "
			"03020100-0504-0706-0809-0a0b0c0d0e0f"},
		{DATA("SP800-155 Event2\1\0\0\0\0\1\2\3\4\5\6\7\x8\x9\xa\xb\xc\xd\xe\xf"),
			"SP800-155, second form: vendor 1, reference manifest "
			"03020100-0504-0706-0809-0a0b0c0d0e0f"},
		{DATA("SP800-155 Event3\1"), "SP800-155, third form: malformed"},
		{DATA("NvIndexInstance\0\1"), "measurement in an NV index"},
		{DATA("NvIndexDynamic\0\0\1"), "measurement in a changing NV index"},
		{DATA("vendor"), "vendor"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		log_maker_note(&f.m, 0, bytes_of(cases[i].data, cases[i].len));
	assert_ok(opens(DIGEST_NONE), f.err);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(text_of(i), cases[i].wanted);
	fixture_banks(NULL, 0);
	log_maker_note(&f.m, 0, BYTES_LIT("Spec ID Event00\0"));
	log_maker_note(&f.m, 0xffffffff, BYTES_LIT("\3\0\x8\x80\1\0\0\0\7"));
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_string_equal(text_of(0), "conventional firmware's log");
	assert_string_equal(text_of(1), "AikId 7");
}

static void variable_event(uint32_t type, const char *name, const char *data, size_t len)
{
	log_maker_variable(&f.m, 1, type, maker_global_guid, name, bytes_of(data, len));
}

#define ORDER "\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0\1\0"

#define EIGHT "0001 0001 0001 0001 0001 0001 0001 0001"

static void text__variables__by_their_name(void **state)
{
	static const struct {
		const char *name, *data;
		size_t len;
		const char *wanted;
	} cases[] = {
		{"SetupMode", DATA("\0"), "SetupMode: 0"},
		{"SecureBoot", DATA(""), "SecureBoot: absent"},
		{"SecureBoot", DATA("\7"), "SecureBoot: 07"},
		{"SecureBoot", DATA("\1\0"), "SecureBoot: 0100"},
		{"BootNext", DATA("\1\0\2"), "BootNext: 0001 …"},
		{"Boot0001", DATA("\0\0\0\0\4\0a\0\0\0\x7f\xff\4\0"), "Boot0001: a (inactive), "},
		{"Boot0001", DATA("\1\0\0\0\2\0a\0\0\0xy"), "Boot0001: a, 7879"},
		{"Boot0001", DATA("\1\0"), "Boot0001: 0100"},
		{"Boot0001", DATA("\1\0\0\0\0\0a\0b\0"), "Boot0001: 01000000000061006200"},
		{"Boot0001", DATA("\1\0\0\0\0\0\0\1\0\0"), "Boot0001: \xc4\x80, "},
		{"BootOrder", ORDER ORDER ORDER ORDER, 4 * 32,
			"BootOrder: " EIGHT " " EIGHT " " EIGHT " " EIGHT " …"},
		{"Boot000x", DATA("ab"), "Boot000x: ab"},
		{"dbx", DATA(""), "dbx: empty"},
		{"db", DATA("\1"),
			"db: malformed: signature list 0: signatureType: truncated at offset "
			"0 of 1"},
		{"Setup", DATA("\1\2"), "Setup: 0102"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		variable_event(
			EV_EFI_VARIABLE_DRIVER_CONFIG, cases[i].name, cases[i].data, cases[i].len);
	variable_event(EV_EFI_VARIABLE_AUTHORITY, "db", DATA("x"));
	log_maker_text(&f.m, 7, EV_EFI_VARIABLE_AUTHORITY, "x");
	assert_ok(opens(DIGEST_NONE), f.err);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(text_of(i), cases[i].wanted);
	assert_string_equal(text_of(ARRAY_LEN(cases)), "db: data 78");
	assert_string_equal(text_of(ARRAY_LEN(cases) + 1), "malformed variable 78");
}

static void text__lists_of_other_kinds__counted(void **state)
{
	struct buf list = {0};
	(void)state;
	hash_list_put(1, &list);
	list.data[0] ^= 1;
	variable_event(EV_EFI_VARIABLE_DRIVER_CONFIG, "dbx", (const char *)list.data, list.len);
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_string_equal(
		text_of(0), "dbx: 0 certificates, 0 hashes, 0 certificate hashes, 1 others");
	buf_release(&list);
}

static void text__long_text__cut(void **state)
{
	static char lengthy[3 * TEXT_SHOWN_MAX];
	(void)state;
	memset(lengthy, 'a', sizeof(lengthy));
	log_maker_event(&f.m, 4, EV_EFI_ACTION, bytes_of(lengthy, sizeof(lengthy)));
	for (size_t i = 1; i < sizeof(lengthy); i += 2)
		lengthy[i] = '\0';
	lengthy[sizeof(lengthy) - 2] = '\0';
	log_maker_event(&f.m, 12, EV_IPL, bytes_of(lengthy, sizeof(lengthy)));
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_in_range(strlen(text_of(0)), 1000, TEXT_SHOWN_MAX);
	assert_in_range(strlen(text_of(1)), 1000, TEXT_SHOWN_MAX);
}

static void text__gpt__odd_ones(void **state)
{
	struct buf gpt = {0};
	(void)state;
	log_maker_event(&f.m, 5, EV_EFI_GPT_EVENT, BYTES_LIT("\1"));
	for (size_t i = 0; i < 92; i++)
		buf_put_u8(&gpt, 0);
	put_le64(&gpt, UINT64_MAX);
	log_maker_event(&f.m, 5, EV_EFI_GPT_EVENT2, buf_bytes(&gpt));
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_string_equal(text_of(0), "01");
	assert_string_equal(text_of(1),
		"disk 00000000-0000-0000-0000-000000000000, 18446744073709551615 partitions");
	buf_release(&gpt);
}

/* ---- Windows' tags ---- */

static void tag_put(struct buf *out, uint32_t id, struct bytes content)
{
	put_le32(out, id);
	put_le32(out, (uint32_t)content.len);
	buf_put(out, content);
}

static void sipa__values_by_width__shown(void **state)
{
	struct buf tags = {0};
	(void)state;
	tag_put(&tags, 0x00050005, BYTES_LIT("\1"));
	tag_put(&tags, 0x00070002, BYTES_LIT("\1\1\0\0"));
	tag_put(&tags, 0x00020002, BYTES_LIT("\2\0\0\0\0\0\0\0"));
	tag_put(&tags, 0x00070001, BYTES_LIT("\\\0a\0b\0c\0\0\0"));
	tag_put(&tags, 0x00070004, BYTES_LIT("\1\2\3"));
	tag_put(&tags, 0x00060001, (struct bytes){0});
	tag_put(&tags, 0x12345678, BYTES_LIT("\1"));
	put_sipa(buf_bytes(&tags), &f.text);
	assert_string_equal(buf_str(&f.text), "SafeMode 1, ImageSize 257, BootCounter 2, FilePath "
					      "\\abc, AuthenticodeHash 010203, "
					      "NoAuthority, 0x12345678 1");
	assert_string_equal(sipa_name(0x40010001), "TrustBoundary");
	assert_null(sipa_name(0));
	buf_release(&tags);
}

static void sipa__nested__to_a_depth(void **state)
{
	struct buf inner = {0}, outer = {0};
	(void)state;
	tag_put(&inner, 0x00050005, BYTES_LIT("\1"));
	for (unsigned i = 0; i < SIPA_DEPTH_MAX + 2; i++) {
		tag_put(&outer, 0x40010003, buf_bytes(&inner));
		buf_release(&inner);
		inner = outer;
		outer = (struct buf){0};
	}
	put_sipa(buf_bytes(&inner), &f.text);
	assert_string_equal(buf_str(&f.text),
		"LoadedModuleAggregation {LoadedModuleAggregation {LoadedModuleAggregation "
		"{LoadedModuleAggregation {…}}}}");
	buf_release(&inner);
}

static void sipa__many__cut(void **state)
{
	struct buf tags = {0};
	(void)state;
	for (size_t i = 0; i < 5000; i++)
		tag_put(&tags, 0x40010001, (struct bytes){0});
	put_sipa(buf_bytes(&tags), &f.text);
	assert_in_range(f.text.len, 4000, 4200);
	buf_release(&tags);
}

static void types__known_and_unknown__named(void **state)
{
	(void)state;
	assert_string_equal(event_type_name(EV_SEPARATOR), "EV_SEPARATOR");
	assert_string_equal(
		event_type_name(EV_EFI_SPDM_DEVICE_AUTHORITY), "EV_EFI_SPDM_DEVICE_AUTHORITY");
	assert_null(event_type_name(0x40e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		log_test(text__every_event_of_a_whole_boot__in_words),
		log_test(text__data_of_every_shape__shown),
		log_test(text__systemd_boot_before_247__last_byte_missing),
		log_test(text__separators__what_they_say),
		log_test(text__notes__what_they_say),
		log_test(text__variables__by_their_name),
		log_test(text__lists_of_other_kinds__counted),
		log_test(text__long_text__cut),
		log_test(text__gpt__odd_ones),
		log_test(sipa__values_by_width__shown),
		log_test(sipa__nested__to_a_depth),
		log_test(sipa__many__cut),
		log_test(types__known_and_unknown__named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
