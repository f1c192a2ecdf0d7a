/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/firmware/log_fixture.h"

#include "firmware/boot_chain.h"

static struct boot_chain chain;

static int chain_close(void **state)
{
	boot_chain_release(&chain);
	return fixture_close(state);
}

static void judge(void)
{
	boot_chain_release(&chain);
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_ok(boot_chain_of(&f.log, DIGEST_SHA256, &chain, &f.err), f.err);
}

static void assert_item(
	size_t i, enum boot_item_kind kind, const char *content, bool covered, const char *text)
{
	struct digest digest;
	assert_true(i < chain.count);
	const struct boot_item *item = &chain.items[i];
	assert_string_equal(boot_item_kind_name(item->kind), boot_item_kind_name(kind));
	assert_string_equal(item->text, text);
	assert_int_equal(item->covered, covered);
	assert_ok(digest_of(DIGEST_SHA256, bytes_str(content), &digest, &f.err), f.err);
	assert_true(digest_equal(&item->digest, &digest));
	assert_int_equal(item->raw.len > 0, covered);
}

static void chain__golden__every_fact(void **state)
{
	(void)state;
	fixture_golden(false);
	judge();
	assert_int_equal(chain.separators, 0xff);
	assert_false(chain.separator_error);
	assert_true(chain.exit_boot_services);
	assert_int_equal(chain.crtm_event, 1);
	assert_string_equal(chain.crtm_version, "Golden 1.0");
	assert_true(chain.crtm_covered);
	assert_int_equal(chain.disguised_separator, -1);
	assert_int_equal(chain.unknown_types, 0);
	assert_int_equal(chain.unknown_event, -1);
	assert_item(0, BOOT_IMAGE, "driver", false, "\\nic.efi");
	assert_int_equal(chain.items[0].pcr, 2);
	assert_item(1, BOOT_IMAGE, "shim", false, "\\EFI\\BOOT\\BOOTX64.EFI");
	assert_int_equal(chain.items[1].type, EV_EFI_BOOT_SERVICES_APPLICATION);
	assert_item(2, BOOT_CONFIG, "mok list", false, "MokList");
	assert_item(3, BOOT_IMAGE, "grub", false, "\\EFI\\debian\\grubx64.efi");
	assert_item(4, BOOT_COMMAND, "set default=0", true, "set default=0");
	assert_item(5, BOOT_FILE, "kernel", false, "(hd0,gpt1)/vmlinuz");
	assert_item(6, BOOT_IMAGE, "kernel", false, "\\vmlinuz");
	assert_item(7, BOOT_COMMAND_LINE, "/vmlinuz root=/dev/vda quiet", true,
		"/vmlinuz root=/dev/vda quiet");
	assert_bytes(chain.items[7].raw, BYTES_LIT("/vmlinuz root=/dev/vda quiet"));
	assert_item(8, BOOT_FILE, "initrd", false, "(hd0,gpt1)/initrd.img");
	assert_item(9, BOOT_SECTION, "kernel", true, ".linux");
	assert_int_equal(chain.items[9].event, 35);
	assert_string_equal(chain.items[10].text, "root=/dev/vda quiet");
	assert_int_equal(chain.items[10].kind, BOOT_COMMAND_LINE);
	assert_int_equal(chain.items[10].raw.len, 40);
	assert_int_equal(chain.items[11].kind, BOOT_CONFIG);
	assert_item(12, BOOT_LOAD_OPTIONS, "options", false,
		"Linux load options: LOADED_IMAGE::LoadOptions");
	assert_item(13, BOOT_INITRD, "initrd", false, "Linux initrd: Linux initrd");
	assert_int_equal(chain.count, 14);
}

static void separators__missing_twice_or_odd__not_counted(void **state)
{
	(void)state;
	log_maker_separators(&f.m, 0, 5);
	log_maker_separators(&f.m, 5, 5);
	log_maker_event(&f.m, 6, EV_SEPARATOR, bytes_of("\xff\xff\xff\xff", 4));
	log_maker_event(&f.m, 7, EV_SEPARATOR, BYTES_LIT("WBCL"));
	judge();
	assert_int_equal(chain.separators, 0x5f);
	assert_false(chain.separator_error);
	log_maker_event(&f.m, 7, EV_SEPARATOR, bytes_of("\1\0\0\0", 4));
	judge();
	assert_true(chain.separator_error);
}

static void exit_boot_services__one_half__not_seen(void **state)
{
	(void)state;
	log_maker_text(&f.m, 5, EV_EFI_ACTION, "Exit Boot Services Invocation");
	log_maker_text(&f.m, 4, EV_EFI_ACTION, "Exit Boot Services Returned with Success");
	judge();
	assert_false(chain.exit_boot_services);
	log_maker_text(&f.m, 5, EV_EFI_ACTION, "Exit Boot Services Returned with Success");
	judge();
	assert_true(chain.exit_boot_services);
}

static void crtm__of_another_digest__said_to_be_uncovered(void **state)
{
	(void)state;
	judge();
	assert_int_equal(chain.crtm_event, -1);
	assert_string_equal(chain.crtm_version, "");
	log_maker_put(&f.m, 0, EV_S_CRTM_VERSION, BYTES_LIT("code"), BYTES_LIT("1.2"));
	log_maker_text(&f.m, 0, EV_S_CRTM_VERSION, "1.3");
	judge();
	assert_string_equal(chain.crtm_version, "1.2");
	assert_false(chain.crtm_covered);
}

static void renamed__separator_or_unknown_types__pointed_out(void **state)
{
	(void)state;
	log_maker_event(&f.m, 7, EV_UNUSED, BYTES_LIT("\0\0\0\0"));
	log_maker_text(&f.m, 12, 0x40e, "odd");
	log_maker_event(&f.m, 12, EV_COMPACT_HASH, BYTES_LIT("\0\0\0\0"));
	judge();
	assert_int_equal(chain.disguised_separator, 0);
	assert_int_equal(chain.unknown_types, 2);
	assert_int_equal(chain.unknown_event, 0);
	fixture_banks(f.m.banks, 2);
	log_maker_event(&f.m, 7, EV_EFI_ACTION, BYTES_LIT("\xff\xff\xff\xff"));
	judge();
	assert_int_equal(chain.disguised_separator, 0);
}

static void pcr_4__everything_but_remarks__is_an_image(void **state)
{
	(void)state;
	log_maker_text(&f.m, 4, EV_EFI_ACTION, "Booting");
	log_maker_put(&f.m, 4, EV_COMPACT_HASH, BYTES_LIT("a"), BYTES_LIT("Booting"));
	log_maker_put(&f.m, 4, EV_IPL, BYTES_LIT("b"), BYTES_LIT("Booting"));
	log_maker_put(&f.m, 4, EV_EVENT_TAG, BYTES_LIT("c"), BYTES_LIT("Booting"));
	log_maker_put(&f.m, 4, EV_S_CRTM_VERSION, BYTES_LIT("d"), BYTES_LIT("Booting"));
	log_maker_event(&f.m, 4, EV_EFI_ACTION,
		BYTES_LIT("\x7f"
			  "ELF"));
	log_maker_put(&f.m, 3, EV_COMPACT_HASH, BYTES_LIT("e"), BYTES_LIT("Booting"));
	judge();
	assert_int_equal(chain.count, 5);
	for (size_t i = 0; i < chain.count; i++)
		assert_int_equal(chain.items[i].kind, BOOT_IMAGE);
}

static void loader_pcrs__every_type__is_an_item(void **state)
{
	(void)state;
	log_maker_put(&f.m, 8, EV_POST_CODE, BYTES_LIT("a"), BYTES_LIT("x"));
	log_maker_put(&f.m, 12, EV_IPL, BYTES_LIT("b"), BYTES_LIT("credentials"));
	log_maker_put(&f.m, 9, EV_EVENT_TAG, BYTES_LIT("c"), BYTES_LIT("no tag"));
	log_maker_separators(&f.m, 12, 12);
	judge();
	assert_int_equal(chain.count, 3);
	for (size_t i = 0; i < chain.count; i++)
		assert_int_equal(chain.items[i].kind, BOOT_CONFIG);
}

static void section__content_of_another_type__belongs_to_its_name(void **state)
{
	struct buf name = {0};
	(void)state;
	put_utf16le(&name, ".cmdline");
	put_le16(&name, 0);
	log_maker_put(&f.m, 11, EV_IPL, bytes_of(".cmdline", 9), buf_bytes(&name));
	log_maker_put(&f.m, 11, EV_POST_CODE, BYTES_LIT("quiet"), BYTES_LIT("x"));
	log_maker_put(&f.m, 11, EV_COMPACT_HASH, BYTES_LIT("more"), BYTES_LIT("x"));
	judge();
	assert_int_equal(chain.count, 2);
	assert_item(0, BOOT_SECTION, "quiet", true, ".cmdline");
	assert_int_equal(chain.items[1].kind, BOOT_CONFIG);
	buf_release(&name);
}

static void image__odd_path__shown_as_it_is(void **state)
{
	struct buf data = {0};
	(void)state;
	for (size_t i = 0; i < 3; i++)
		put_le64(&data, 0);
	put_le64(&data, 2);
	buf_put(&data, BYTES_LIT("xy"));
	log_maker_put(&f.m, 4, EV_EFI_BOOT_SERVICES_APPLICATION, BYTES_LIT("a"), buf_bytes(&data));
	log_maker_put(&f.m, 4, EV_EFI_BOOT_SERVICES_APPLICATION, BYTES_LIT("b"), BYTES_LIT("z"));
	judge();
	assert_item(0, BOOT_IMAGE, "a", false, "7879");
	assert_item(1, BOOT_IMAGE, "b", false, "");
	buf_release(&data);
}

static void chain__bank_not_there__refused(void **state)
{
	(void)state;
	judge();
	assert_fails(boot_chain_of(&f.log, DIGEST_SHA384, &chain, &f.err), f.err, ERR_NOT_FOUND,
		"event log: no sha384 bank");
}

#define chain_test(name) cmocka_unit_test_setup_teardown(name, fixture_open, chain_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		chain_test(chain__golden__every_fact),
		chain_test(separators__missing_twice_or_odd__not_counted),
		chain_test(exit_boot_services__one_half__not_seen),
		chain_test(crtm__of_another_digest__said_to_be_uncovered),
		chain_test(renamed__separator_or_unknown_types__pointed_out),
		chain_test(pcr_4__everything_but_remarks__is_an_image),
		chain_test(loader_pcrs__every_type__is_an_item),
		chain_test(section__content_of_another_type__belongs_to_its_name),
		chain_test(image__odd_path__shown_as_it_is),
		chain_test(chain__bank_not_there__refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
