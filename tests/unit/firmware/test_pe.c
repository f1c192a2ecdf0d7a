/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include "base/file.h"
#include "base/text.h"
#include "firmware/pe.h"
#include "tests/unit/firmware/pe_build.h"

static struct buf file, work;
static struct err err;
static struct pe_image image;
static struct digest digest, wanted;

static int setup(void **state)
{
	(void)state;
	err = (struct err){0};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&file);
	buf_release(&work);
	return 0;
}

static const struct pe_build two = {
	.sections = {{".text", "the code of it", 0, 0}, {".data", "its data", 100, 0}}};

static void parse(const struct pe_build *build)
{
	assert_ok(pe_parse(pe_build(build, &file), &image, &err), err);
}

/* Hashes the given ranges [from, to) of the file. */
static void hash_ranges(const size_t ranges[][2], size_t n)
{
	buf_clear(&work);
	for (size_t i = 0; i < n; i++)
		buf_put(&work, bytes_of(file.data + ranges[i][0], ranges[i][1] - ranges[i][0]));
	assert_ok(digest_of(DIGEST_SHA256, buf_bytes(&work), &wanted, &err), err);
}

static void assert_authenticode(void)
{
	assert_ok(pe_authenticode(&image, DIGEST_SHA256, &digest, &err), err);
	assert_true(digest_equal(&digest, &wanted));
}

#define CHECKSUM_AT (PE_BUILD_OPTIONAL + 64u)

static void parse__two_sections__names_sizes_and_views(void **state)
{
	(void)state;
	parse(&two);
	assert_int_equal(image.machine, 0x8664);
	assert_int_equal(image.section_count, 2);
	assert_string_equal(image.sections[0].name, ".text");
	assert_bytes(image.sections[0].data, BYTES_LIT("the code of it"));
	assert_int_equal(image.sections[1].virtual_size, 100);
	assert_int_equal(image.sections[1].file_offset, PE_BUILD_HEADERS + 14);
	assert_int_equal(image.certificates.len, 0);
	assert_int_equal(pe_section_find(&image, ".data", 0), 1);
	assert_int_equal(pe_section_find(&image, ".data", 2), 2);
	assert_int_equal(pe_section_find(&image, ".none", 0), 2);
}

static void parse__pe32__same_as_pe32_plus(void **state)
{
	struct pe_build build = two;

	(void)state;
	build.pe32 = true;
	parse(&build);
	assert_int_equal(image.machine, 0x14c);
	assert_int_equal(image.checksum_at, CHECKSUM_AT);
	assert_int_equal(image.security_at, PE_BUILD_OPTIONAL + 128);
}

static void parse__name_of_eight_characters__whole(void **state)
{
	struct pe_build build = {.sections = {{".pcrpkey", "key", 0, 0}}};

	(void)state;
	parse(&build);
	assert_string_equal(image.sections[0].name, ".pcrpkey");
}

static void authenticode__unsigned__checksum_and_directory_entry_skipped(void **state)
{
	size_t security = pe_build_security_at(&two);

	(void)state;
	parse(&two);
	hash_ranges((const size_t[][2]){{0, CHECKSUM_AT}, {CHECKSUM_AT + 4, security},
			    {security + 8, file.len}},
		3);
	assert_authenticode();
}

static void authenticode__no_security_directory__only_checksum_skipped(void **state)
{
	struct pe_build build = two;

	(void)state;
	build.few_directories = true;
	parse(&build);
	assert_int_equal(image.security_at, 0);
	hash_ranges((const size_t[][2]){{0, CHECKSUM_AT}, {CHECKSUM_AT + 4, file.len}}, 2);
	assert_authenticode();
}

static void authenticode__sections_out_of_order__by_file_offset(void **state)
{
	struct pe_build build = {.sections = {{"last", "ccc", 0, 0x500}, {"first", "aaa", 0, 0x400},
					 {"empty", NULL, 9, 0x100}, {"same", "aab", 0, 0x400}},
		.trailing = "0123456789"};
	size_t security = pe_build_security_at(&build);

	(void)state;
	parse(&build);
	/* "first" and "same" share their bytes: both are hashed, in table order. What follows begins
	 * where as many bytes end as were hashed, not behind the last section. */
	hash_ranges((const size_t[][2]){{0, CHECKSUM_AT}, {CHECKSUM_AT + 4, security},
			    {security + 8, 0x400}, {0x400, 0x403}, {0x400, 0x403}, {0x500, 0x503},
			    {0x409, file.len}},
		7);
	assert_authenticode();
}

/* One WIN_CERTIFICATE of 13 bytes and one of 9, each padded to 8. */
static const uint8_t certificates[] = {13, 0, 0, 0, 0, 2, 2, 0, 'p', 'k', 'c', 's', '7', 0, 0, 0, 9,
	0, 0, 0, 0, 2, 0xf1, 0x0e, 'g', 0, 0, 0, 0, 0, 0, 0};

static void authenticode__signed_with_trailing_data__certificates_left_out(void **state)
{
	struct pe_build build = two;
	size_t security = pe_build_security_at(&two);

	(void)state;
	build.trailing = "behind the sections";
	build.certificates = BYTES_OF(certificates);
	parse(&build);
	assert_bytes(image.certificates, BYTES_OF(certificates));
	hash_ranges((const size_t[][2]){{0, CHECKSUM_AT}, {CHECKSUM_AT + 4, security},
			    {security + 8, file.len - sizeof(certificates)}},
		3);
	assert_authenticode();
}

static void authenticode__every_covered_bit__changes_the_digest(void **state)
{
	struct pe_build build = two;
	size_t security = pe_build_security_at(&two);

	(void)state;
	build.certificates = BYTES_OF(certificates);
	parse(&build);
	assert_ok(pe_authenticode(&image, DIGEST_SHA256, &wanted, &err), err);
	for (size_t at = 0; at < file.len; at++) {
		bool covered = (at < CHECKSUM_AT || at >= CHECKSUM_AT + 4) &&
			       (at < security || at >= security + 8) &&
			       at < file.len - sizeof(certificates);
		bool same;

		if (at >= security && at < security + 8)
			continue; /* tells where the table lies */
		file.data[at] ^= 1;
		same = pe_parse(buf_bytes(&file), &image, &err) &&
		       pe_authenticode(&image, DIGEST_SHA256, &digest, &err) &&
		       digest_equal(&digest, &wanted);
		file.data[at] ^= 1;
		assert_int_equal(same, !covered);
	}
}

static void authenticode__other_algorithms__their_lengths(void **state)
{
	static const enum digest_alg algs[] = {DIGEST_SHA1, DIGEST_SHA384, DIGEST_SHA512};

	(void)state;
	parse(&two);
	for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
		assert_ok(pe_authenticode(&image, algs[i], &digest, &err), err);
		assert_int_equal(digest.len, digest_alg_len(algs[i]));
	}
	assert_false(pe_authenticode(&image, DIGEST_NONE, &digest, &err));
}

static void authenticode__sections_overlap_beyond_the_file__refused(void **state)
{
	struct pe_build build = {
		.sections = {{"a", "0123456789", 0, 0x400}, {"b", "0123456789", 0, 0x400}}};

	(void)state;
	parse(&build);
	assert_fails(pe_authenticode(&image, DIGEST_SHA256, &digest, &err), err, ERR_FORMAT,
		"PE image: headers, sections and certificate table are 1044 bytes, the file 1034");
}

static void authenticode__certificate_table_over_sections__refused(void **state)
{
	(void)state;
	pe_build(&two, &file);
	pe_put_le(&file, pe_build_security_at(&two), 4, PE_BUILD_HEADERS);
	pe_put_le(&file, pe_build_security_at(&two) + 4, 4, 8);
	assert_ok(pe_parse(buf_bytes(&file), &image, &err), err);
	assert_fails(pe_authenticode(&image, DIGEST_SHA256, &digest, &err), err, ERR_FORMAT,
		"PE image: headers, sections and certificate table are 1054 bytes, the file 1046");
}

/* Signed with an own key by `sbsign`; digests as `osslsigncode verify` prints them. */
static void authenticode__image_signed_by_other_tools__their_digest(void **state)
{
	static const struct {
		const char *path, *sha256;
		size_t signatures;
	} cases[] = {
		{"tests/fuzz/corpus/pe/signed",
			"132e22269a353cae6095224181a86998ba9ad0d9b007f1da7a2406891656e818", 1},
		{"tests/fuzz/corpus/pe/signed_twice",
			"132e22269a353cae6095224181a86998ba9ad0d9b007f1da7a2406891656e818", 2},
		{"tests/fuzz/corpus/pe/signed_trailing",
			"5f62da2512a4d79f8ba5e1d7661269766375e62b21c0d5912a40cd6317e305fc", 1},
		{"tests/fuzz/corpus/pe/uki",
			"8a5bd0410a3f7c54e0004cd1d7f46d5aab9cd26a4539b3941e593c46bb445c31", 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char hex[2 * DIGEST_LEN_MAX + 1];
		size_t n;

		assert_ok(file_read(cases[i].path, PE_FILE_MAX, &file, &err), err);
		assert_ok(pe_parse(buf_bytes(&file), &image, &err), err);
		assert_ok(pe_authenticode(&image, DIGEST_SHA256, &digest, &err), err);
		hex_encode(digest_bytes(&digest), hex);
		assert_string_equal(hex, cases[i].sha256);
		assert_ok(pe_signature_count(&image, &n, &err), err);
		assert_int_equal(n, cases[i].signatures);
	}
}

static void signatures__two__types_and_contents(void **state)
{
	struct pe_build build = two;
	struct pe_signature signature;
	size_t at = 0, n;

	(void)state;
	build.certificates = BYTES_OF(certificates);
	parse(&build);
	assert_true(pe_signature_next(&image, &at, &signature, &err));
	assert_int_equal(signature.type, PE_SIGNATURE_PKCS7);
	assert_int_equal(signature.revision, 0x200);
	assert_bytes(signature.content, BYTES_LIT("pkcs7"));
	assert_true(pe_signature_next(&image, &at, &signature, &err));
	assert_int_equal(signature.type, PE_SIGNATURE_GUID);
	assert_bytes(signature.content, BYTES_LIT("g"));
	assert_false(pe_signature_next(&image, &at, &signature, &err));
	assert_int_equal(err.code, ERR_NONE);
	assert_ok(pe_signature_count(&image, &n, &err), err);
	assert_int_equal(n, 2);
}

static void signatures__malformed__named(void **state)
{
	static const struct {
		uint8_t table[8];
		size_t len;
		const char *text;
	} cases[] = {
		{{7, 0, 0, 0, 0, 2, 2, 0}, 8,
			"certificate table: PE image: dwLength: less than its own header at offset "
			"8"},
		{{9, 0, 0, 0, 0, 2, 2, 0}, 8,
			"certificate table: PE image: bCertificate: truncated at offset 8"},
		{{9, 0, 0, 0, 0, 2, 2}, 7,
			"certificate table: PE image: wCertificateType: truncated at offset 6"},
	};
	size_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pe_build build = two;

		build.certificates = bytes_of(cases[i].table, cases[i].len);
		parse(&build);
		assert_fails(pe_signature_count(&image, &n, &err), err, ERR_FORMAT, cases[i].text);
	}
}

static void signatures__sixty_five__refused(void **state)
{
	static uint8_t table[65 * 8];
	struct pe_build build = two;
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(table); i += 8)
		table[i] = 8;
	build.certificates = BYTES_OF(table);
	parse(&build);
	assert_fails(pe_signature_count(&image, &n, &err), err, ERR_LIMIT,
		"PE image: certificate table: more than 64 signatures");
}

static void section_digest__memory_longer_than_file__zeros_appended(void **state)
{
	struct pe_build build = {
		.sections = {{".osrel", "ID=x", 5000, 0}, {"short", "ID=x!", 4, 0}}};
	static uint8_t memory[5000] = "ID=x";

	(void)state;
	parse(&build);
	assert_ok(digest_of(DIGEST_SHA256, BYTES_OF(memory), &wanted, &err), err);
	assert_ok(pe_section_digest(&image.sections[0], DIGEST_SHA256, &digest, &err), err);
	assert_true(digest_equal(&digest, &wanted));
	assert_ok(digest_of(DIGEST_SHA256, BYTES_LIT("ID=x"), &wanted, &err), err);
	assert_ok(pe_section_digest(&image.sections[1], DIGEST_SHA256, &digest, &err), err);
	assert_true(digest_equal(&digest, &wanted));
	image.sections[0].virtual_size = PE_FILE_MAX + 1;
	assert_fails(pe_section_digest(&image.sections[0], DIGEST_SHA256, &digest, &err), err,
		ERR_LIMIT, "PE image: section .osrel: more than 1073741824 bytes");
}

static void parse__malformed_header__field_named(void **state)
{
	static const struct {
		size_t at, n;
		uint64_t value;
		enum err_code code;
		const char *text;
	} cases[] = {
		{0, 2, 0x5a4c, ERR_FORMAT, "PE image: MZ header: not a PE image at offset 2"},
		{0x3c, 4, 0xffffffff, ERR_FORMAT, "PE image: offset: outside the file at offset 0"},
		{0x40, 1, 'N', ERR_FORMAT, "PE image: PE signature: not a PE image at offset 68"},
		{0x46, 2, 0, ERR_LIMIT, "PE image: 0 sections, expected 1 to 256"},
		{0x46, 2, 257, ERR_LIMIT, "PE image: 257 sections, expected 1 to 256"},
		{0x46, 2, 200, ERR_FORMAT,
			"PE image: SizeOfHeaders: 1024 does not hold the section table or exceeds "
			"the file"},
		{0x54, 2, 239, ERR_FORMAT, "PE image: directories: truncated at offset 200"},
		{0x54, 2, 241, ERR_FORMAT,
			"PE image: SizeOfOptionalHeader: trailing bytes at offset 328"},
		{PE_BUILD_OPTIONAL, 2, 0x107, ERR_FORMAT,
			"PE image: Magic: neither PE32 nor PE32+ at offset 90"},
		{PE_BUILD_OPTIONAL + 60, 4, 0xffffff, ERR_FORMAT,
			"PE image: SizeOfHeaders: 16777215 does not hold the section table or "
			"exceeds the file"},
		{PE_BUILD_OPTIONAL + 108, 4, 17, ERR_FORMAT,
			"PE image: NumberOfRvaAndSizes: more than 16 at offset 200"},
		{PE_BUILD_OPTIONAL + 240 + 16, 4, 0xffffffff, ERR_FORMAT,
			"PE image: section 0: 4294967295 bytes at 1024 exceed the file of 1046"},
		{PE_BUILD_OPTIONAL + 240 + 20, 4, 0xffffffff, ERR_FORMAT,
			"PE image: section 0: 14 bytes at 4294967295 exceed the file of 1046"},
		{PE_BUILD_OPTIONAL + 112 + 32, 8, 0x0000000800000800, ERR_FORMAT,
			"PE image: certificate table: 8 bytes at 2048 do not lie in the 1046 bytes "
			"after the headers"},
		{PE_BUILD_OPTIONAL + 112 + 36, 4, 24, ERR_FORMAT,
			"PE image: certificate table: 24 bytes at 0 do not lie in the 1046 bytes "
			"after the headers"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		pe_build(&two, &file);
		pe_put_le(&file, cases[i].at, cases[i].n, cases[i].value);
		assert_fails(pe_parse(buf_bytes(&file), &image, &err), err, cases[i].code,
			cases[i].text);
	}
}

static void parse__certificate_table_beyond_the_file__refused(void **state)
{
	struct pe_build build = two;

	(void)state;
	build.certificates = BYTES_OF(certificates);
	pe_build(&build, &file);
	pe_put_le(&file, pe_build_security_at(&build) + 4, 4, sizeof(certificates) + 1);
	assert_fails(pe_parse(buf_bytes(&file), &image, &err), err, ERR_FORMAT,
		"PE image: certificate table: 33 bytes at 1046 do not lie in the 1078 bytes after "
		"the headers");
}

static void parse__truncated_anywhere__refused(void **state)
{
	(void)state;
	pe_build(&two, &file);
	for (size_t len = 0; len < file.len; len++)
		assert_false(pe_parse(bytes_of(file.data, len), &image, &err));
}

static void parse__file_too_long__refused(void **state)
{
	(void)state;
	assert_fails(pe_parse(bytes_of("MZ", (size_t)PE_FILE_MAX + 1), &image, &err), err,
		ERR_LIMIT, "PE image: more than 1073741824 bytes");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(parse__two_sections__names_sizes_and_views),
		TEST(parse__pe32__same_as_pe32_plus),
		TEST(parse__name_of_eight_characters__whole),
		TEST(authenticode__unsigned__checksum_and_directory_entry_skipped),
		TEST(authenticode__no_security_directory__only_checksum_skipped),
		TEST(authenticode__sections_out_of_order__by_file_offset),
		TEST(authenticode__signed_with_trailing_data__certificates_left_out),
		TEST(authenticode__every_covered_bit__changes_the_digest),
		TEST(authenticode__other_algorithms__their_lengths),
		TEST(authenticode__sections_overlap_beyond_the_file__refused),
		TEST(authenticode__certificate_table_over_sections__refused),
		TEST(authenticode__image_signed_by_other_tools__their_digest),
		TEST(signatures__two__types_and_contents),
		TEST(signatures__malformed__named),
		TEST(signatures__sixty_five__refused),
		TEST(section_digest__memory_longer_than_file__zeros_appended),
		TEST(parse__malformed_header__field_named),
		TEST(parse__certificate_table_beyond_the_file__refused),
		TEST(parse__truncated_anywhere__refused),
		TEST(parse__file_too_long__refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
