/* SPDX-License-Identifier: Apache-2.0 */
/* The parser of IMA measurement lists: each template, each way to be malformed. */
#include "firmware/ima.h"

#include "tests/support/ima_make.h"
#include "tests/support/unit.h"
#include "tests/support/vectors.h"

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

static void template__unknown__refused_by_name(void **state)
{
	(void)state;
	put_one("ima-\x1bx");
	assert_fails(ima_log_open(buf_bytes(&log_buf), DIGEST_NONE, 0, &cursor, &err), err,
		ERR_UNSUPPORTED, "IMA log: entry 0: template \"ima-\\x1bx\" is not known");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(golden__each_template__is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(field_list__any_order__is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(
			template__unknown__refused_by_name, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
