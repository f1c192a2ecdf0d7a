/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/firmware/log_fixture.h"

#include "firmware/secure_boot.h"

static struct secure_boot *state_;

static int state_close(void **state)
{
	secure_boot_free(&state_);
	return fixture_close(state);
}

static void judge(void)
{
	secure_boot_free(&state_);
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_ok(secure_boot_state(&f.log, DIGEST_SHA256, &state_, &f.err), f.err);
}

static void assert_not_enforced(const char *why)
{
	judge();
	assert_string_equal(state_->why, why);
	assert_false(state_->enforced);
}

/* ---- parts of a boot ---- */

static void config_flag(const char *name, const char *value)
{
	log_maker_variable(&f.m, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, maker_global_guid, name,
		bytes_of(value, 1));
}

static void config_keys(void)
{
	struct buf keys = {0}, hashes = {0};
	certificate_list_put(buf_bytes(&f.certificate), &keys);
	hash_list_put(2, &hashes);
	log_maker_variable(
		&f.m, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, maker_global_guid, "PK", buf_bytes(&keys));
	log_maker_variable(&f.m, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, maker_database_guid, "db",
		buf_bytes(&keys));
	log_maker_variable(&f.m, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, maker_database_guid, "dbx",
		buf_bytes(&hashes));
	buf_release(&keys);
	buf_release(&hashes);
}

static void authority_of(uint32_t type, const char *name, struct bytes data)
{
	log_maker_variable(&f.m, 7, type, maker_database_guid, name, data);
}

static void authority(const char *name)
{
	struct buf key = {0};
	signature_data_put(buf_bytes(&f.certificate), &key);
	authority_of(EV_EFI_VARIABLE_AUTHORITY, name, buf_bytes(&key));
	buf_release(&key);
}

static void image(const char *content)
{
	log_maker_image(&f.m, 4, EV_EFI_BOOT_SERVICES_APPLICATION, content, "\\a.efi");
}

static void config(void)
{
	config_flag("SecureBoot", "\1");
	config_keys();
}

/* All that it takes. */
static void whole(void)
{
	config();
	log_maker_separators(&f.m, 7, 7);
	log_maker_separators(&f.m, 4, 4);
	authority("db");
	image("shim");
}

/* ---- enforced ---- */

static void state__whole__enforced(void **state)
{
	char text[128];
	(void)state;
	whole();
	judge();
	assert_string_equal(state_->why, "");
	assert_true(state_->enforced);
	assert_int_equal(state_->state, SECURE_BOOT_ON);
	assert_int_equal(state_->state_event, 0);
	const struct secure_boot_database *dbx = &state_->variables[SECURE_BOOT_DBX];
	assert_true(dbx->measured);
	assert_int_equal(dbx->count, 2);
	assert_string_equal(efi_signature_text(&dbx->entries[1], text, sizeof(text)),
		"sha256 0101010101010101010101010101010101010101010101010101010101010101");
	assert_string_equal(efi_signature_text(&state_->variables[SECURE_BOOT_DB].entries[0], text,
				    sizeof(text)),
		"CN=Golden log CA");
	assert_false(state_->variables[SECURE_BOOT_KEK].measured);
	assert_int_equal(state_->authority_count, 1);
	assert_true(state_->authorities[0].vouches);
	assert_true(state_->authorities[0].certificate);
	assert_bytes(state_->authorities[0].entry, buf_bytes(&f.certificate));
	assert_int_equal(state_->images[0].authority, 0);
	assert_true(state_->images[0].certain);
}

static void state__off__not_enforced(void **state)
{
	(void)state;
	config_flag("SecureBoot", "\0");
	assert_not_enforced("SecureBoot is off");
	assert_int_equal(state_->state, SECURE_BOOT_OFF);
}

static void state__not_measured__unknown(void **state)
{
	(void)state;
	config_keys();
	assert_not_enforced("SecureBoot is unknown");
}

static void state__empty_variable__off(void **state)
{
	(void)state;
	log_maker_variable(&f.m, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, maker_global_guid, "SecureBoot",
		(struct bytes){0});
	assert_not_enforced("SecureBoot is off");
}

static void state__odd_value__unknown(void **state)
{
	(void)state;
	config_flag("SecureBoot", "\2");
	assert_not_enforced("event 0: SecureBoot is neither 0 nor 1");
	assert_int_equal(state_->state, SECURE_BOOT_UNKNOWN);
}

static void state__measured_twice__not_enforced(void **state)
{
	(void)state;
	config_flag("SecureBoot", "\0");
	whole();
	assert_not_enforced("event 1: SecureBoot is measured twice");
}

static void state__key_measured_twice__not_enforced(void **state)
{
	(void)state;
	config_keys();
	whole();
	assert_not_enforced("event 4: PK is measured twice");
}

static void state__other_guid__is_another_variable(void **state)
{
	(void)state;
	log_maker_variable(&f.m, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, maker_shim_guid, "SecureBoot",
		BYTES_LIT("\1"));
	assert_not_enforced("SecureBoot is unknown");
}

static void state__changed_behind_the_separator__not_enforced(void **state)
{
	static const uint32_t types[] = {EV_EFI_VARIABLE_DRIVER_CONFIG, EV_EFI_VARIABLE_AUTHORITY};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		fixture_banks((enum digest_alg[]){DIGEST_SHA256}, 1);
		whole();
		log_maker_variable(
			&f.m, 7, types[i], maker_global_guid, "SecureBoot", BYTES_LIT("\1"));
		assert_not_enforced("event 8: SecureBoot was changed after it was measured");
	}
}

static void state__list_as_an_authority__is_a_changed_db(void **state)
{
	struct buf keys = {0};
	(void)state;
	whole();
	certificate_list_put(buf_bytes(&f.certificate), &keys);
	authority_of(EV_EFI_VARIABLE_AUTHORITY, "db", buf_bytes(&keys));
	assert_not_enforced("event 8: db was changed after it was measured");
	buf_release(&keys);
}

static void state__no_platform_key__setup_mode(void **state)
{
	(void)state;
	config_flag("SecureBoot", "\1");
	assert_not_enforced("no platform key: setup mode");
}

static void state__modes__in_pcr_7_or_1(void **state)
{
	static const struct {
		uint32_t pcr;
		const char *name, *why;
	} cases[] = {
		{7, "SetupMode", "the firmware is in setup mode"},
		{7, "AuditMode", "the firmware is in audit mode"},
		{1, "SetupMode", "the firmware is in setup mode"},
		{1, "AuditMode", "the firmware is in audit mode"},
		{1, "DeployedMode", ""},
		{1, "SecureBoot", ""},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		fixture_banks((enum digest_alg[]){DIGEST_SHA256}, 1);
		log_maker_variable(&f.m, cases[i].pcr, EV_EFI_VARIABLE_DRIVER_CONFIG,
			maker_global_guid, cases[i].name, BYTES_LIT("\1"));
		whole();
		judge();
		assert_string_equal(state_->why, cases[i].why);
	}
	assert_int_equal(state_->deployed_mode, SECURE_BOOT_UNKNOWN);
}

static void state__separator_missing_or_twice__not_enforced(void **state)
{
	(void)state;
	config();
	log_maker_separators(&f.m, 4, 4);
	image("shim");
	assert_not_enforced("PCR 7 has no separator");
	whole();
	log_maker_separators(&f.m, 7, 7);
	judge();
	assert_false(state_->enforced);
	fixture_banks((enum digest_alg[]){DIGEST_SHA256}, 1);
	whole();
	log_maker_separators(&f.m, 7, 7);
	assert_not_enforced("event 8: a second separator in PCR 7");
}

static void state__error_in_the_separator__not_enforced(void **state)
{
	(void)state;
	config();
	log_maker_event(&f.m, 7, EV_SEPARATOR, bytes_of("\1\0\0\0", 4));
	assert_not_enforced("event 4: the firmware reports an error");
}

static void state__authority_before_the_separator__not_enforced(void **state)
{
	(void)state;
	authority("db");
	whole();
	assert_not_enforced("event 0: an authority before the separator of PCR 7");
}

static void state__stranger_in_pcr_7__not_enforced(void **state)
{
	(void)state;
	whole();
	log_maker_text(&f.m, 7, EV_IPL, "MokList");
	assert_not_enforced("event 8: not one that belongs into PCR 7");
	fixture_banks((enum digest_alg[]){DIGEST_SHA256}, 1);
	whole();
	log_maker_text(&f.m, 7, EV_EFI_ACTION, "DMA Protection Disabled");
	judge();
	assert_true(state_->enforced);
	log_maker_text(&f.m, 7, EV_EFI_ACTION, "UEFI Debug Mode");
	assert_not_enforced("event 9: UEFI debug mode");
}

static void state__variable_renamed_to_an_action__not_enforced(void **state)
{
	struct buf key = {0}, variable = {0};
	(void)state;
	whole();
	signature_data_put(buf_bytes(&f.certificate), &key);
	variable_put(maker_shim_guid, "MokListRT", buf_bytes(&key), &variable);
	log_maker_event(&f.m, 7, EV_EFI_ACTION, buf_bytes(&variable));
	assert_not_enforced("event 8: not one that belongs into PCR 7");
	buf_release(&key);
	buf_release(&variable);
}

static void state__authority_renamed_to_configuration__counts(void **state)
{
	struct buf key = {0};
	(void)state;
	whole();
	signature_data_put(buf_bytes(&f.certificate), &key);
	authority_of(EV_EFI_VARIABLE_DRIVER_CONFIG, "MokListRT", buf_bytes(&key));
	judge();
	assert_int_equal(state_->authority_count, 2);
	assert_true(state_->authorities[1].vouches);
	buf_release(&key);
}

static void state__shims_list_as_configuration__harmless(void **state)
{
	struct buf keys = {0};
	(void)state;
	whole();
	certificate_list_put(buf_bytes(&f.certificate), &keys);
	log_maker_variable(&f.m, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, maker_shim_guid, "MokList",
		buf_bytes(&keys));
	judge();
	assert_true(state_->enforced);
	assert_false(state_->authorities[1].vouches);
	buf_release(&keys);
}

static void state__nothing_booted_or_nothing_vouched__not_enforced(void **state)
{
	(void)state;
	config();
	log_maker_separators(&f.m, 7, 7);
	log_maker_separators(&f.m, 4, 4);
	assert_not_enforced("no image in PCR 4 that was booted");
	image("kernel");
	assert_not_enforced("event 6: an image without an authority in PCR 7");
	assert_int_equal(state_->images[0].authority, -1);
}

static void state__firmwares_own_applications__need_no_authority(void **state)
{
	(void)state;
	config();
	log_maker_separators(&f.m, 7, 7);
	image("setup");
	image("diagnostics");
	log_maker_separators(&f.m, 4, 4);
	authority("db");
	image("shim");
	judge();
	assert_true(state_->enforced);
	assert_int_equal(state_->images[0].authority, -1);
}

static void state__pcr_4_without_separator__all_images_count(void **state)
{
	(void)state;
	config();
	log_maker_separators(&f.m, 7, 7);
	image("kernel");
	assert_not_enforced("event 5: an image without an authority in PCR 7");
	authority("db");
	judge();
	assert_true(state_->enforced);
}

static void state__name_not_covered__not_enforced(void **state)
{
	struct buf variable = {0};
	(void)state;
	fixture_banks(NULL, 0);
	variable_put(maker_global_guid, "SecureBoot", BYTES_LIT("\1"), &variable);
	log_maker_put(
		&f.m, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, BYTES_LIT("\1"), buf_bytes(&variable));
	log_maker_put(
		&f.m, 1, EV_EFI_VARIABLE_DRIVER_CONFIG, BYTES_LIT("\1"), buf_bytes(&variable));
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_int_equal(f.log.events[0].coverage, EVENT_COVERED);
	assert_ok(secure_boot_state(&f.log, DIGEST_SHA1, &state_, &f.err), f.err);
	assert_string_equal(state_->why, "event 0: the digest does not cover the variable's name");
	assert_int_equal(state_->state, SECURE_BOOT_UNKNOWN);
	buf_release(&variable);
}

static void state__image_renamed__is_one_all_the_same(void **state)
{
	(void)state;
	whole();
	log_maker_put(&f.m, 4, EV_COMPACT_HASH, BYTES_LIT("rootkit"), BYTES_LIT("remark"));
	judge();
	assert_int_equal(state_->image_count, 2);
}

/* ---- whose authority ---- */

static void image__authority_behind_it__shims_way(void **state)
{
	struct buf other = {0};
	(void)state;
	whole();
	image("grub");
	/* Shim's own certificate has no owner. */
	authority_of(EV_EFI_VARIABLE_AUTHORITY, "Shim", buf_bytes(&f.certificate));
	signature_data_put(BYTES_LIT("0123456789abcdef0123456789abcdef"), &other);
	image("kernel");
	authority_of(EV_EFI_VARIABLE_AUTHORITY, "db", buf_bytes(&other));
	judge();
	assert_int_equal(state_->images[1].authority, 1);
	assert_true(state_->images[1].certain); /* the same certificate twice */
	assert_int_equal(state_->authorities[1].owner.len, 0);
	assert_int_equal(state_->images[2].authority, 2);
	assert_false(state_->images[2].certain);
	assert_false(state_->authorities[2].certificate);
	assert_bytes(state_->authorities[2].entry, BYTES_LIT("0123456789abcdef0123456789abcdef"));
	buf_release(&other);
}

static void image__no_authority_of_its_own__an_earlier_one(void **state)
{
	(void)state;
	whole();
	image("grub");
	image("kernel");
	judge();
	assert_int_equal(state_->images[2].authority, 0);
	assert_true(state_->enforced);
}

/* ---- shim ---- */

static void shim__its_state__kept(void **state)
{
	(void)state;
	whole();
	log_maker_put(&f.m, 14, EV_IPL, BYTES_LIT("list"), bytes_of("MokList", 8));
	log_maker_put(&f.m, 14, EV_IPL, BYTES_LIT("list"), bytes_of("MokListX", 9));
	log_maker_put(&f.m, 14, EV_IPL, BYTES_LIT("list"), bytes_of("MokListTrusted", 15));
	log_maker_put(&f.m, 14, EV_IPL, BYTES_LIT("again"), bytes_of("MokList", 8));
	authority_of(EV_EFI_VARIABLE_AUTHORITY, "SbatLevel", BYTES_LIT("sbat,1,1\n"));
	authority_of(EV_EFI_VARIABLE_AUTHORITY, "MokSBState", BYTES_LIT("\0"));
	judge();
	assert_true(state_->enforced);
	assert_true(state_->shim.seen);
	assert_int_equal(state_->shim.mok_list.event, 8);
	assert_int_equal(state_->shim.mok_list_x.event, 9);
	assert_int_equal(state_->shim.mok_list_trusted.event, 10);
	assert_bytes(state_->shim.sbat_level, BYTES_LIT("sbat,1,1\n"));
	assert_int_equal(state_->shim.mok_validation, SECURE_BOOT_ON);
	assert_false(state_->authorities[1].vouches);
	authority_of(EV_EFI_VARIABLE_AUTHORITY, "MokSBState", BYTES_LIT("\1"));
	assert_not_enforced("event 14: shim was told not to verify (MokSBState)");
	assert_int_equal(state_->shim.mok_validation, SECURE_BOOT_OFF);
}

static void shim__state_that_looks_like_a_hash__vouches_for_nothing(void **state)
{
	(void)state;
	config();
	log_maker_separators(&f.m, 7, 7);
	log_maker_separators(&f.m, 4, 4);
	authority_of(EV_EFI_VARIABLE_AUTHORITY, "SbatLevel",
		BYTES_LIT("sbat,1,2025021800\nshim,4\ngrub,5\nother,12345678\n"));
	image("kernel");
	assert_not_enforced("event 7: an image without an authority in PCR 7");
	assert_false(state_->authorities[0].vouches);
}

/* ---- faults ---- */

static void list__malformed__named(void **state)
{
	struct buf keys = {0};
	(void)state;
	config_flag("SecureBoot", "\1");
	certificate_list_put(buf_bytes(&f.certificate), &keys);
	keys.data[16]++;
	authority_of(EV_EFI_VARIABLE_DRIVER_CONFIG, "db", buf_bytes(&keys));
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_fails(secure_boot_state(&f.log, DIGEST_SHA256, &state_, &f.err), f.err, ERR_FORMAT,
		"event 1: db: signature list 0: signatures: truncated at offset 28 of 439");
	buf_release(&keys);
}

static void variable__malformed__named(void **state)
{
	(void)state;
	log_maker_text(&f.m, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, "short");
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_fails(secure_boot_state(&f.log, DIGEST_SHA256, &state_, &f.err), f.err, ERR_FORMAT,
		"event 0: variableName: truncated at offset 0 of 5");
}

static void authorities_and_images__more_than_the_maxima__refused(void **state)
{
	(void)state;
	log_maker_separators(&f.m, 7, 7);
	for (size_t i = 0; i < SECURE_BOOT_AUTHORITIES_MAX; i++)
		authority_of(EV_EFI_VARIABLE_AUTHORITY, "x", BYTES_LIT("y"));
	judge();
	authority_of(EV_EFI_VARIABLE_AUTHORITY, "x", BYTES_LIT("y"));
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_fails(secure_boot_state(&f.log, DIGEST_SHA256, &state_, &f.err), f.err, ERR_LIMIT,
		"event 65: more than 64 authorities");
	fixture_banks((enum digest_alg[]){DIGEST_SHA256}, 1);
	for (size_t i = 0; i <= SECURE_BOOT_IMAGES_MAX; i++)
		image("x");
	assert_ok(opens(DIGEST_NONE), f.err);
	assert_fails(secure_boot_state(&f.log, DIGEST_SHA256, &state_, &f.err), f.err, ERR_LIMIT,
		"event 512: more than 512 images");
	assert_fails(secure_boot_state(&f.log, DIGEST_SHA1, &state_, &f.err), f.err, ERR_NOT_FOUND,
		"event log: no sha1 bank");
}

/* ---- words ---- */

static void entry__every_kind__in_words(void **state)
{
	char text[256];
	struct efi_signature s = {.kind = SIGNATURE_X509_SHA256,
		.data = BYTES_LIT("0123456789abcdef0123456789abcdef................")};
	(void)state;
	assert_string_equal(efi_signature_text(&s, text, sizeof(text)),
		"certificate sha256 "
		"3031323334353637383961626364656630313233343536373839616263646566");
	s.kind = SIGNATURE_OTHER;
	s.data = BYTES_LIT("x");
	assert_string_equal(efi_signature_text(&s, text, sizeof(text)),
		"00000000-0000-0000-0000-000000000000 78");
	s.kind = SIGNATURE_X509;
	assert_string_equal(efi_signature_text(&s, text, sizeof(text)),
		"certificate that does not parse, 1 bytes");
	assert_string_equal(authority_entry_text(BYTES_LIT("ab"), text, sizeof(text)), "data 6162");
	assert_string_equal(authority_entry_text(BYTES_LIT("0123456789abcdef"
							   "0123456789abcdef0123456789abcdef"),
				    text, sizeof(text)),
		"sha256 3031323334353637383961626364656630313233343536373839616263646566");
	assert_string_equal(authority_entry_text(buf_bytes(&f.certificate), text, sizeof(text)),
		"CN=Golden log CA");
}

static void names__of_flags_and_variables(void **state)
{
	(void)state;
	assert_string_equal(secure_boot_flag_name(SECURE_BOOT_UNKNOWN), "unknown");
	assert_string_equal(secure_boot_flag_name(SECURE_BOOT_OFF), "off");
	assert_string_equal(secure_boot_flag_name(SECURE_BOOT_ON), "on");
	static const char *const names[] = {"PK", "KEK", "db", "dbx", "dbt", "dbr"};
	for (int i = 0; i < SECURE_BOOT_VARIABLES; i++)
		assert_string_equal(
			secure_boot_variable_name((enum secure_boot_variable)i), names[i]);
}

#define state_test(name) cmocka_unit_test_setup_teardown(name, fixture_open, state_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		state_test(state__whole__enforced),
		state_test(state__off__not_enforced),
		state_test(state__not_measured__unknown),
		state_test(state__empty_variable__off),
		state_test(state__odd_value__unknown),
		state_test(state__measured_twice__not_enforced),
		state_test(state__key_measured_twice__not_enforced),
		state_test(state__other_guid__is_another_variable),
		state_test(state__changed_behind_the_separator__not_enforced),
		state_test(state__list_as_an_authority__is_a_changed_db),
		state_test(state__no_platform_key__setup_mode),
		state_test(state__modes__in_pcr_7_or_1),
		state_test(state__separator_missing_or_twice__not_enforced),
		state_test(state__error_in_the_separator__not_enforced),
		state_test(state__authority_before_the_separator__not_enforced),
		state_test(state__stranger_in_pcr_7__not_enforced),
		state_test(state__variable_renamed_to_an_action__not_enforced),
		state_test(state__authority_renamed_to_configuration__counts),
		state_test(state__shims_list_as_configuration__harmless),
		state_test(state__nothing_booted_or_nothing_vouched__not_enforced),
		state_test(state__firmwares_own_applications__need_no_authority),
		state_test(state__pcr_4_without_separator__all_images_count),
		state_test(state__name_not_covered__not_enforced),
		state_test(state__image_renamed__is_one_all_the_same),
		state_test(image__authority_behind_it__shims_way),
		state_test(image__no_authority_of_its_own__an_earlier_one),
		state_test(shim__its_state__kept),
		state_test(shim__state_that_looks_like_a_hash__vouches_for_nothing),
		state_test(list__malformed__named),
		state_test(variable__malformed__named),
		state_test(authorities_and_images__more_than_the_maxima__refused),
		state_test(entry__every_kind__in_words),
		state_test(names__of_flags_and_variables),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
