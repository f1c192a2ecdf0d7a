/* SPDX-License-Identifier: Apache-2.0 */
/* The parser of IMA measurement lists: each template, each way to be malformed. */
#include "firmware/ima.h"

#include "tests/support/ima_make.h"
#include "tests/support/unit.h"

static struct buf log_buf, data;
static struct ima_log cursor;
static struct ima_entry entry;
static struct err err;

static int setup(void **state)
{
	(void)state;
	err = (struct err){0};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&log_buf);
	buf_release(&data);
	return 0;
}

static const uint8_t some[32] = {0xaa, 0xbb};

static void open_log(void)
{
	assert_ok(ima_log_open(buf_bytes(&log_buf), DIGEST_NONE, 0, &cursor, &err), err);
}

/* Reads the next entry of the log and checks its digest. */
static void next(void)
{
	assert_ok(ima_log_next(&cursor, &entry, &err), err);
	assert_ok(ima_entry_check(&entry, cursor.alg, &err), err);
}

static void golden__each_template__is_read(void **state)
{
	static const struct {
		const char *name, *path;
		enum ima_digest_type type;
	} wanted[] = {
		{"ima-ng", "boot_aggregate", IMA_DIGEST_FILE},
		{"ima", "/sbin/init", IMA_DIGEST_FILE},
		{"ima-sig", "/usr/bin/sh", IMA_DIGEST_FILE},
		{"ima-ngv2", "/usr/bin/env", IMA_DIGEST_FILE},
		{"ima-sigv2", "/usr/bin/python3", IMA_DIGEST_VERITY},
		{"ima-ng", "/usr/bin/other-pcr", IMA_DIGEST_FILE},
		{"evm-sig", "/usr/bin/evm", IMA_DIGEST_FILE},
		{"ima-buf", "kexec-cmdline", IMA_DIGEST_FILE},
		{"ima-modsig", "/lib/modules/6.1.0/kernel/fs/fuse/fuse.ko", IMA_DIGEST_FILE},
		{"n-ng|sig|d-ng", "/usr/bin/custom", IMA_DIGEST_FILE},
		{"ima-ng", "/var/log/written-while-read", IMA_DIGEST_FILE},
		{"ima-ng", "/usr/bin/last", IMA_DIGEST_FILE},
	};

	(void)state;
	ima_make_golden(&log_buf);
	open_log();
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		next();
		assert_int_equal(entry.number, i);
		assert_bytes(entry.name, bytes_str(wanted[i].name));
		assert_bytes(entry.path, bytes_str(wanted[i].path));
		assert_int_equal(entry.digest_type, wanted[i].type);
		assert_int_equal(entry.violation, i == 10);
	}
	assert_true(ima_log_end(&cursor));
}

static void put_one(const char *template)
{
	ima_make_entry(&log_buf, DIGEST_SHA1, 10, template, buf_bytes(&data));
}

static void field_list__any_order__is_read(void **state)
{
	(void)state;
	ima_make_path(&data, "/bin/x");
	ima_make_digest(&data, "sha256:", BYTES_OF(some));
	put_one("n-ng|d-ng");
	open_log();
	next();
	assert_bytes(entry.path, BYTES_LIT("/bin/x"));
	assert_bytes(entry.digest, BYTES_OF(some));
	assert_int_equal(entry.alg, DIGEST_SHA256);
}

static void list_by_sha256__as_of_linux_6_10__is_found_out(void **state)
{
	(void)state;
	ima_make_digest(&data, "sha256:", BYTES_OF(some));
	ima_make_path(&data, "/bin/x");
	ima_make_entry(&log_buf, DIGEST_SHA256, 10, "ima-ng", buf_bytes(&data));
	open_log();
	assert_int_equal(cursor.alg, DIGEST_SHA256);
	next();
	assert_bytes(entry.path, BYTES_LIT("/bin/x"));
}

static void log__empty__has_no_entries(void **state)
{
	(void)state;
	open_log();
	assert_true(ima_log_end(&cursor));
}

static void template_digest__of_other_data__mismatch_with_number(void **state)
{
	(void)state;
	ima_make_many(&log_buf, 0, 3);
	log_buf.data[log_buf.len - 2] ^= 1;
	open_log();
	next();
	next();
	assert_ok(ima_log_next(&cursor, &entry, &err), err);
	assert_fails(ima_entry_check(&entry, DIGEST_SHA1, &err), err, ERR_MISMATCH,
		"entry 2: template digest does not match the template data (path "
		"\"/usr/bin/tool-3\")");
}

static void evm_sig__other_fields__are_kept_raw(void **state)
{
	(void)state;
	ima_make_golden(&log_buf);
	open_log();
	for (int i = 0; i <= 6; i++)
		next();
	assert_int_equal(entry.field[IMA_FIELD_EVMSIG].len, 10);
	assert_bytes(entry.field[IMA_FIELD_XATTRNAMES], BYTES_LIT("security.ima"));
	assert_bytes(entry.field[IMA_FIELD_IMODE], BYTES_LIT("\xed\x81"));
	assert_string_equal(ima_field_name(IMA_FIELD_IMODE), "imode");
	assert_string_equal(ima_field_name(IMA_FIELD_COUNT), "unknown");
}

static void algorithm__known_but_not_ours__is_read(void **state)
{
	(void)state;
	ima_make_digest(&data, "sm3:", BYTES_OF(some));
	ima_make_path(&data, "/bin/x");
	put_one("ima-ng");
	open_log();
	next();
	assert_int_equal(entry.alg, DIGEST_NONE);
	assert_bytes(entry.digest_alg, BYTES_LIT("sm3"));
}

static void field_d__as_in_a_custom_list__is_sha1(void **state)
{
	(void)state;
	ima_make_field(&data, bytes_of(some, 20));
	ima_make_path(&data, "/bin/x");
	put_one("d|n");
	open_log();
	next();
	assert_int_equal(entry.alg, DIGEST_SHA1);
	assert_int_equal(entry.digest.len, 20);
}

static void whole__beginnings_of_an_entry_behind__left_out(void **state)
{
	size_t len;

	(void)state;
	ima_make_many(&log_buf, 0, 2);
	len = log_buf.len;
	assert_int_equal(ima_log_whole(buf_bytes(&log_buf), DIGEST_NONE), len);
	buf_put(&log_buf, BYTES_LIT("\x0a\x00\x00"));
	assert_int_equal(ima_log_whole(buf_bytes(&log_buf), DIGEST_NONE), len);
	log_buf.len = len - 1; /* more than a head is missing its end: not the same */
	assert_int_equal(ima_log_whole(buf_bytes(&log_buf), DIGEST_NONE), len - 1);
	assert_int_equal(ima_log_whole(BYTES_LIT("junk"), DIGEST_NONE), 4);
}

/* ---- Malformed ---- */

static void template__unknown__refused_by_name(void **state)
{
	static const struct {
		const char *template, *wanted;
	} cases[] = {
		{"ima-\x1bx", "template \"ima-\\x1bx\" is not known"},
		{"IMA-NG", "template \"IMA-NG\" is not known"},
		{"d-ng|", "template \"d-ng|\": field \"\" is not known"},
		{"|d-ng", "template \"|d-ng\": field \"\" is not known"},
		{"d-ng|n-ng|owner", "template \"d-ng|n-ng|owner\": field \"owner\" is not known"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char wanted[160];

		buf_clear(&log_buf);
		put_one(cases[i].template);
		(void)snprintf(wanted, sizeof(wanted), "IMA log: entry 0: %s", cases[i].wanted);
		assert_fails(ima_log_open(buf_bytes(&log_buf), DIGEST_NONE, 0, &cursor, &err), err,
			ERR_UNSUPPORTED, wanted);
	}
}

static void field_list__says_a_thing_twice__refused(void **state)
{
	static const char *const lists[][2] = {{"d-ng|d", "d"}, {"n|n-ng", "n-ng"},
		{"sig|sig", "sig"}, {"d-ng|n-ng|d-ngv2", "d-ngv2"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		char wanted[160];

		buf_clear(&log_buf);
		put_one(lists[i][0]);
		(void)snprintf(wanted, sizeof(wanted),
			"entry 0: template \"%s\": field \"%s\" is one too many", lists[i][0],
			lists[i][1]);
		assert_ok(ima_log_open(buf_bytes(&log_buf), DIGEST_SHA1, 0, &cursor, &err), err);
		assert_fails(ima_log_next(&cursor, &entry, &err), err, ERR_FORMAT, wanted);
	}
}

/* The data of an ima-ng entry that begins with this field, and what is said of it. The field begins at
 * offset 38. */
static void check_digest_field(struct bytes field, enum err_code code, const char *wanted)
{
	buf_clear(&log_buf);
	buf_clear(&data);
	ima_make_field(&data, field);
	ima_make_path(&data, "/bin/x");
	put_one("ima-ng");
	assert_ok(ima_log_open(buf_bytes(&log_buf), DIGEST_SHA1, 0, &cursor, &err), err);
	assert_fails(ima_log_next(&cursor, &entry, &err), err, code, wanted);
}

static void digest_field__malformed__refused(void **state)
{
	(void)state;
	check_digest_field(BYTES_LIT("sha256:"), ERR_FORMAT,
		"entry 0: digest: no algorithm before it at offset 49 of 60");
	check_digest_field(BYTES_LIT(""), ERR_FORMAT,
		"entry 0: digest: no algorithm before it at offset 42 of 53");
	check_digest_field(BYTES_LIT("sha256\0x"), ERR_FORMAT,
		"entry 0: digest: no algorithm before it at offset 50 of 61");
	check_digest_field(BYTES_LIT("sha256:\0xy"), ERR_FORMAT,
		"entry 0: digest: not as wide as its algorithm at offset 52 of 63");
	check_digest_field(BYTES_LIT("sha999:\0xy"), ERR_UNSUPPORTED,
		"entry 0: hash algorithm \"sha999\" is not known");
	check_digest_field(
		BYTES_LIT(":\0xy"), ERR_UNSUPPORTED, "entry 0: hash algorithm \"\" is not known");
}

static void typed_digest__of_no_type__refused(void **state)
{
	static const char *const prefixes[] = {"sha256:", "evm:sha256:", ":sha256:"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		buf_clear(&log_buf);
		buf_clear(&data);
		ima_make_digest(&data, prefixes[i], BYTES_OF(some));
		ima_make_path(&data, "/bin/x");
		put_one("ima-ngv2");
		assert_ok(ima_log_open(buf_bytes(&log_buf), DIGEST_SHA1, 0, &cursor, &err), err);
		assert_false(ima_log_next(&cursor, &entry, &err));
		assert_non_null(strstr(err.text, "digest: its type is neither ima nor verity"));
	}
}

static void path__without_its_nul_or_with_two__refused(void **state)
{
	static const struct bytes paths[] = {
		{(const uint8_t *)"/bin/x", 6}, {(const uint8_t *)"/bin\0x", 7}, {NULL, 0}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		buf_clear(&log_buf);
		buf_clear(&data);
		ima_make_digest(&data, "sha256:", BYTES_OF(some));
		ima_make_field(&data, paths[i]);
		put_one("ima-ng");
		assert_ok(ima_log_open(buf_bytes(&log_buf), DIGEST_SHA1, 0, &cursor, &err), err);
		assert_false(ima_log_next(&cursor, &entry, &err));
		assert_non_null(strstr(err.text, "path: not ended by the only NUL in it"));
	}
}

static void path__beyond_the_limit__refused(void **state)
{
	static char path[IMA_PATH_MAX + 1];

	(void)state;
	memset(path, 'x', IMA_PATH_MAX);
	ima_make_digest(&data, "sha256:", BYTES_OF(some));
	ima_make_path(&data, path);
	put_one("ima-ng");
	assert_ok(ima_log_open(buf_bytes(&log_buf), DIGEST_SHA1, 0, &cursor, &err), err);
	assert_false(ima_log_next(&cursor, &entry, &err));
	assert_non_null(strstr(err.text, "path: too long"));
}

static void field_d__not_20_bytes__refused(void **state)
{
	(void)state;
	ima_make_field(&data, BYTES_OF(some));
	put_one("d");
	assert_ok(ima_log_open(buf_bytes(&log_buf), DIGEST_SHA1, 0, &cursor, &err), err);
	assert_fails(ima_log_next(&cursor, &entry, &err), err, ERR_FORMAT,
		"entry 0: digest: not 20 bytes at offset 69 of 69");
}

static void data__trailing_or_missing__refused(void **state)
{
	(void)state;
	ima_make_digest(&data, "sha256:", BYTES_OF(some));
	put_one("ima-ng");
	assert_ok(ima_log_open(buf_bytes(&log_buf), DIGEST_SHA1, 0, &cursor, &err), err);
	assert_fails(ima_log_next(&cursor, &entry, &err), err, ERR_FORMAT,
		"entry 0: n-ng: truncated at offset 82 of 82");
	buf_clear(&log_buf);
	ima_make_path(&data, "/bin/x");
	buf_put_u8(&data, 0);
	put_one("ima-ng");
	assert_ok(ima_log_open(buf_bytes(&log_buf), DIGEST_SHA1, 0, &cursor, &err), err);
	assert_fails(ima_log_next(&cursor, &entry, &err), err, ERR_FORMAT,
		"entry 0: template data: trailing bytes at offset 93 of 94");
}

static void old_template__long_path_or_nul__refused(void **state)
{
	static char path[IMA_OLD_PATH_MAX + 2];

	(void)state;
	memset(path, 'x', IMA_OLD_PATH_MAX);
	ima_make_old(&log_buf, 10, bytes_of(some, 20), path);
	open_log();
	next();
	buf_clear(&log_buf);
	ima_make_old(&log_buf, 10, bytes_of(some, 20), "/bin/x");
	log_buf.data[log_buf.len - 1] = '\0';
	assert_fails(ima_log_open(buf_bytes(&log_buf), DIGEST_NONE, 0, &cursor, &err), err,
		ERR_FORMAT, "IMA log: entry 0: n: has a NUL in it at offset 61 of 61");
	log_buf.data[log_buf.len - 9] = 1; /* 256 bytes and more */
	assert_fails(ima_log_open(buf_bytes(&log_buf), DIGEST_NONE, 0, &cursor, &err), err,
		ERR_FORMAT, "IMA log: entry 0: n: too long at offset 55 of 61");
}

static void head__out_of_range__refused(void **state)
{
	(void)state;
	ima_make_many(&log_buf, 0, 1);
	log_buf.data[0] = IMA_PCRS;
	assert_fails(ima_log_open(buf_bytes(&log_buf), DIGEST_NONE, 0, &cursor, &err), err,
		ERR_FORMAT, "IMA log: entry 0: PCR 24 is none");
	log_buf.data[0] = IMA_PCR;
	log_buf.data[25] = 1;
	assert_fails(ima_log_open(buf_bytes(&log_buf), DIGEST_NONE, 0, &cursor, &err), err,
		ERR_LIMIT, "IMA log: entry 0: template name of 262 bytes, not 1 to 255");
	log_buf.data[25] = 0;
	log_buf.data[37] = 0x7f;
	assert_ok(ima_log_open(buf_bytes(&log_buf), DIGEST_SHA1, 0, &cursor, &err), err);
	assert_fails(ima_log_next(&cursor, &entry, &err), err, ERR_LIMIT,
		"entry 0: template data of 2130706495 bytes, more than 1048576");
}

static void log__digests_of_no_algorithm__refused(void **state)
{
	(void)state;
	assert_fails(ima_log_open((struct bytes){0}, (enum digest_alg)0x12, 0, &cursor, &err), err,
		ERR_UNSUPPORTED, "IMA log: template digests of algorithm 0x0012");
}

static void log__more_entries_than_a_boot_can_have__refused(void **state)
{
	(void)state;
	ima_make_many(&log_buf, 0, 1);
	assert_ok(ima_log_open(buf_bytes(&log_buf), DIGEST_SHA1, IMA_ENTRIES_MAX, &cursor, &err),
		err);
	assert_fails(
		ima_log_next(&cursor, &entry, &err), err, ERR_LIMIT, "more than 16777216 entries");
}

/* ---- For people ---- */

static void check_text(size_t number, const char *wanted)
{
	struct buf text = {0};

	buf_clear(&log_buf);
	ima_make_golden(&log_buf);
	open_log();
	for (size_t i = 0; i <= number; i++)
		next();
	ima_entry_text(&entry, &text);
	assert_string_equal(buf_str(&text), wanted);
	buf_release(&text);
}

static void text__each_kind__one_line(void **state)
{
	(void)state;
	check_text(1, "1  PCR 10  ima sha1:0102030000000000000000000000000000000000  /sbin/init");
	check_text(4, "4  PCR 10  ima-sigv2 verity:sha256:"
		      "31f2aee4e71d21fbe5cf8b01ff0e069b9275f58929596ceb00d14d90e3e16cd6  "
		      "/usr/bin/python3");
	check_text(6, "6  PCR 10  evm-sig sha256:"
		      "c8f0ab37269f59132f1bf11c9c13b5d1080381443c43f735ab5d5ad561023971  "
		      "/usr/bin/evm  [EVM signature, 10 bytes]");
	check_text(7, "7  PCR 10  ima-buf sha256:"
		      "ace2599b3a2417133544620474ff9d3ba8354bbf7487afde17de9949a5311c67  "
		      "kexec-cmdline  [root=/dev/sda1 ro]");
	check_text(8, "8  PCR 10  ima-modsig sha256:"
		      "120970d812836f19888625587a4606a5ad23cef31c8684e601771552548fc6b9  "
		      "/lib/modules/6.1.0/kernel/fs/fuse/fuse.ko  [appended signature, 5 bytes]");
	check_text(10, "10  PCR 10  ima-ng  VIOLATION (what follows is not covered by a digest) "
		       "sha1:0000000000000000000000000000000000000000  "
		       "/var/log/written-while-read");
}

static void text__untrusted_bytes__escaped(void **state)
{
	struct buf text = {0};

	(void)state;
	ima_make_buffer(&log_buf, "selinux\x1b-state\n", BYTES_LIT("enforcing=1;"));
	ima_make_buffer(&log_buf, ".ima", BYTES_LIT("\x30\x82\x01"));
	open_log();
	next();
	ima_entry_text(&entry, &text);
	assert_non_null(strstr(buf_str(&text), "  selinux\\x1b-state\\n  [enforcing=1;]"));
	next();
	buf_clear(&text);
	ima_entry_text(&entry, &text);
	assert_non_null(strstr(buf_str(&text), "  .ima  [3 bytes]"));
	buf_release(&text);
}

static void text__signatures__told_or_said_to_be_none(void **state)
{
	static const uint8_t good[] = {3, 2, 4, 0xde, 0xad, 0xbe, 0xef, 0, 1, 0x55};
	struct buf text = {0};

	(void)state;
	ima_make_digest(&data, "sha256:", BYTES_OF(some));
	ima_make_path(&data, "/bin/x");
	ima_make_field(&data, BYTES_OF(good));
	put_one("ima-sig");
	open_log();
	next();
	ima_entry_text(&entry, &text);
	assert_non_null(strstr(buf_str(&text), "  [signature v2 sha256 by key deadbeef]"));
	data.data[data.len - 1 - 9] = 9;
	buf_clear(&log_buf);
	buf_clear(&text);
	put_one("ima-sig");
	open_log();
	next();
	ima_entry_text(&entry, &text);
	assert_non_null(strstr(buf_str(&text),
		"  [signature that is none: signature of type 9, version 2 is not judged]"));
	buf_release(&text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(golden__each_template__is_read),
		TEST(field_list__any_order__is_read),
		TEST(list_by_sha256__as_of_linux_6_10__is_found_out),
		TEST(log__empty__has_no_entries),
		TEST(template_digest__of_other_data__mismatch_with_number),
		TEST(evm_sig__other_fields__are_kept_raw),
		TEST(algorithm__known_but_not_ours__is_read),
		TEST(field_d__as_in_a_custom_list__is_sha1),
		TEST(whole__beginnings_of_an_entry_behind__left_out),
		TEST(template__unknown__refused_by_name),
		TEST(field_list__says_a_thing_twice__refused),
		TEST(digest_field__malformed__refused),
		TEST(typed_digest__of_no_type__refused),
		TEST(path__without_its_nul_or_with_two__refused),
		TEST(path__beyond_the_limit__refused),
		TEST(field_d__not_20_bytes__refused),
		TEST(data__trailing_or_missing__refused),
		TEST(old_template__long_path_or_nul__refused),
		TEST(head__out_of_range__refused),
		TEST(log__digests_of_no_algorithm__refused),
		TEST(log__more_entries_than_a_boot_can_have__refused),
		TEST(text__each_kind__one_line),
		TEST(text__untrusted_bytes__escaped),
		TEST(text__signatures__told_or_said_to_be_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
