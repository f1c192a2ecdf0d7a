/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include "firmware/uefi_variable.h"
#include "tests/support/event_log_make.h"

static struct buf in, out;
static struct err err;

static int release(void **state)
{
	(void)state;
	buf_release(&in);
	buf_release(&out);
	return 0;
}

/* ---- UTF-16 ---- */

static void utf16__all_sorts__printable(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *wanted;
	} cases[] = {
		{"a\0b\0", 4, "ab"},
		{"a\0\0\0", 4, "a"},
		{"a\0\0\0b\0", 6, "a\\u0000b"},
		{"\\\0E\0", 4, "\\E"},
		{"\n\0", 2, "\\u000a"},
		{"\xfc\0", 2, "ü"},
		{"\xac\x20", 2, "€"},
		{"\x3d\xd8\x00\xde", 4, "\xf0\x9f\x98\x80"},
		{"\x3d\xd8", 2, "\\ud83d"},
		{"\x3d\xd8 \0", 4, "\\ud83d "},
		{"\x00\xde", 2, "\\ude00"},
		{"\x2e\x20", 2, "\\u202e"}, /* right-to-left override */
		{"a\0b", 3, "a\\x62"},
		{"", 0, ""},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		buf_clear(&out);
		utf16_put(bytes_of(cases[i].text, cases[i].len), &out);
		assert_string_equal(buf_str(&out), cases[i].wanted);
	}
}

static void utf16__equal__with_and_without_nul(void **state)
{
	(void)state;
	assert_true(utf16_equal(bytes_of("d\0b\0", 4), "db"));
	assert_true(utf16_equal(bytes_of("d\0b\0\0\0", 6), "db"));
	assert_false(utf16_equal(bytes_of("d\0b\0x\0", 6), "db"));
	assert_false(utf16_equal(bytes_of("d\0b\1", 4), "db"));
	assert_false(utf16_equal(bytes_of("d\0b\0y\0", 6), "dbx"));
	assert_false(utf16_equal((struct bytes){0}, "db"));
}

/* ---- UEFI_VARIABLE_DATA ---- */

static void variable__whole__its_parts(void **state)
{
	struct uefi_variable v;
	char text[EFI_GUID_TEXT];
	(void)state;
	variable_put(maker_global_guid, "SecureBoot", BYTES_LIT("\1"), &in);
	assert_ok(uefi_variable_parse(buf_bytes(&in), &v, &err), err);
	assert_string_equal(efi_guid_text(&v.guid, text), "8be4df61-93ca-11d2-aa0d-00e098032b8c");
	assert_string_equal(efi_guid_name(&v.guid), "EFI_GLOBAL_VARIABLE");
	assert_true(utf16_equal(v.name, "SecureBoot"));
	assert_bytes(v.data, BYTES_LIT("\1"));
	assert_int_equal(v.len, in.len);
	buf_put_u8(&in, 0);
	assert_ok(uefi_variable_parse(buf_bytes(&in), &v, &err), err);
	assert_int_equal(v.len, in.len - 1);
	v.guid.bytes[0] ^= 1;
	assert_null(efi_guid_name(&v.guid));
}

static void variable__lengths_that_lie__refused(void **state)
{
	struct uefi_variable v;
	(void)state;
	variable_put(maker_global_guid, "PK", BYTES_LIT("key"), &in);
	in.data[24] = 4;
	assert_fails(uefi_variable_parse(buf_bytes(&in), &v, &err), err, ERR_FORMAT,
		"variableData: truncated at offset 36 of 39");
	memset(in.data + 24, 0xff, 8);
	assert_fails(uefi_variable_parse(buf_bytes(&in), &v, &err), err, ERR_FORMAT,
		"variableData: truncated at offset 36 of 39");
	in.data[17] = 2;
	assert_fails(uefi_variable_parse(buf_bytes(&in), &v, &err), err, ERR_FORMAT,
		"unicodeNameLength: too long at offset 32 of 39");
	memset(in.data + 16, 0xff, 8);
	assert_fails(uefi_variable_parse(buf_bytes(&in), &v, &err), err, ERR_FORMAT,
		"unicodeNameLength: too long at offset 32 of 39");
	assert_fails(uefi_variable_parse(bytes_of(in.data, 15), &v, &err), err, ERR_FORMAT,
		"variableName: truncated at offset 0 of 15");
}

/* ---- signature lists ---- */

struct seen {
	size_t count;
	struct efi_signature last;
	size_t stop_at;
};

static bool visit(void *context, const struct efi_signature *signature, struct err *error)
{
	struct seen *seen = context;
	seen->last = *signature;
	seen->count++;
	return seen->count != seen->stop_at || err_set(error, ERR_DENIED, "enough");
}

static void lists__certificate_and_hashes__every_entry(void **state)
{
	struct seen seen = {0};
	(void)state;
	certificate_list_put(BYTES_LIT("certificate"), &in);
	assert_ok(signature_lists_walk(buf_bytes(&in), visit, &seen, &err), err);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.last.kind, SIGNATURE_X509);
	assert_bytes(seen.last.data, BYTES_LIT("certificate"));
	assert_memory_equal(seen.last.owner.bytes, "owner-of-the-key", 16);
	hash_list_put(3, &in);
	assert_ok(signature_lists_walk(buf_bytes(&in), visit, &seen, &err), err);
	assert_int_equal(seen.count, 5);
	assert_int_equal(seen.last.kind, SIGNATURE_SHA256);
	assert_int_equal(seen.last.offset, in.len - 32);
	assert_ptr_equal(seen.last.data.data, in.data + in.len - 32);
}

static void lists__empty__no_entry(void **state)
{
	struct seen seen = {0};
	(void)state;
	assert_ok(signature_lists_walk((struct bytes){0}, visit, &seen, &err), err);
	hash_list_put(0, &in);
	assert_ok(signature_lists_walk(buf_bytes(&in), visit, &seen, &err), err);
	assert_int_equal(seen.count, 0);
}

static void lists__header__is_no_signature(void **state)
{
	struct seen seen = {0};
	(void)state;
	hash_list_put(2, &in);
	/* The first entry becomes the list's header. */
	in.data[20] = 48;
	assert_ok(signature_lists_walk(buf_bytes(&in), visit, &seen, &err), err);
	assert_int_equal(seen.count, 1);
}

static void lists__sizes_that_lie__refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t byte;
		const char *wanted;
	} cases[] = {
		{16, 27,
			"signature list 0: signatureListSize: less than its header at offset 28 of "
			"124"},
		{16, 0,
			"signature list 0: signatureListSize: less than its header at offset 28 of "
			"124"},
		{17, 1, "signature list 0: signatures: truncated at offset 28 of 124"},
		{16, 123,
			"signature list 0: signatureListSize: no whole number of signatures at "
			"offset "
			"28 of 123"},
		{20, 97,
			"signature list 0: signatureHeaderSize: beyond the list at offset 28 of "
			"124"},
		{20, 1,
			"signature list 0: signatureListSize: no whole number of signatures at "
			"offset 29 "
			"of 124"},
		{24, 0,
			"signature list 0: signatureSize: less than an owner and a byte at offset "
			"28 of "
			"124"},
		{24, 15,
			"signature list 0: signatureSize: less than an owner and a byte at offset "
			"28 of "
			"124"},
		{24, 16,
			"signature list 0: signatureSize: less than an owner and a byte at offset "
			"28 of "
			"124"},
		{24, 32,
			"signature list 0: signatureSize: not that of the type at offset 28 of "
			"124"},
	};
	(void)state;
	hash_list_put(2, &in);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct seen seen = {0};
		uint8_t kept = in.data[cases[i].at];
		in.data[cases[i].at] = cases[i].byte;
		assert_fails(signature_lists_walk(buf_bytes(&in), visit, &seen, &err), err,
			ERR_FORMAT, cases[i].wanted);
		assert_int_equal(seen.count, 0);
		in.data[cases[i].at] = kept;
	}
}

static void lists__visitor_stops__its_error(void **state)
{
	struct seen seen = {.stop_at = 2};
	(void)state;
	hash_list_put(3, &in);
	assert_fails(signature_lists_walk(buf_bytes(&in), visit, &seen, &err), err, ERR_DENIED,
		"signature list 0: enough");
	assert_int_equal(seen.count, 2);
}

static void lists__more_than_the_maxima__refused(void **state)
{
	struct seen seen = {0};
	(void)state;
	hash_list_put(UEFI_SIGNATURES_MAX, &in);
	assert_ok(signature_lists_walk(buf_bytes(&in), visit, &seen, &err), err);
	hash_list_put(1, &in);
	assert_fails(signature_lists_walk(buf_bytes(&in), visit, &seen, &err), err, ERR_LIMIT,
		"signature list 1: signature list: more than 65536 entries");
	buf_clear(&in);
	for (size_t i = 0; i <= UEFI_SIGNATURE_LISTS_MAX; i++)
		hash_list_put(0, &in);
	assert_fails(signature_lists_walk(buf_bytes(&in), visit, &seen, &err), err, ERR_LIMIT,
		"signature list: more than 4096 lists");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(utf16__all_sorts__printable, release),
		cmocka_unit_test_teardown(utf16__equal__with_and_without_nul, release),
		cmocka_unit_test_teardown(variable__whole__its_parts, release),
		cmocka_unit_test_teardown(variable__lengths_that_lie__refused, release),
		cmocka_unit_test_teardown(lists__certificate_and_hashes__every_entry, release),
		cmocka_unit_test_teardown(lists__empty__no_entry, release),
		cmocka_unit_test_teardown(lists__header__is_no_signature, release),
		cmocka_unit_test_teardown(lists__sizes_that_lie__refused, release),
		cmocka_unit_test_teardown(lists__visitor_stops__its_error, release),
		cmocka_unit_test_teardown(lists__more_than_the_maxima__refused, release),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
