/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate timestamps: read, and held against logs and issuer. */
#include "crypto/sct.h"

#include "tests/support/sigstore_make.h"
#include "tests/support/unit.h"

static struct sigstore_maker maker;
static struct cert *leaf, *made;
static struct key *ec_log, *rsa_log;
static struct err err;

static int group_setup(void **state)
{
	(void)state;
	return sigstore_maker_start(&maker, &err) &&
			       sigstore_make_leaf(&maker, sigstore_leaf_extensions, &leaf, &err) &&
			       key_generate(KEY_EC_P256, &ec_log, &err) &&
			       key_generate(KEY_RSA, &rsa_log, &err)
		       ? 0
		       : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	cert_unref(&leaf);
	key_unref(&ec_log);
	key_unref(&rsa_log);
	sigstore_maker_release(&maker);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cert_unref(&made);
	return 0;
}

static void make(const struct sigstore_sct *scts, size_t n)
{
	cert_unref(&made);
	assert_ok(sigstore_add_scts(&maker, leaf, scts, n, &made, &err), err);
}

static void refused(const struct sigstore_sct *sct, const char *why)
{
	make(sct, 1);
	assert_fails(sct_check(made, maker.root, &ec_log, 1, SIGSTORE_NOW, &err), err, ERR_MISMATCH,
		why);
}

static void timestamp__by_a_pinned_log_of_either_kind__accepted(void **state)
{
	struct key *const logs[] = {ec_log, rsa_log};
	struct sigstore_sct sct;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(logs); i++) {
		sct = (struct sigstore_sct){.log = logs[i]};
		make(&sct, 1);
		assert_ok(sct_check(made, maker.root, logs, 2, SIGSTORE_NOW, &err), err);
	}
}

static void timestamps__one_of_several_holds__accepted(void **state)
{
	const struct sigstore_sct scts[] = {{.log = rsa_log}, {.log = ec_log, .other_issuer = true},
		{.log = ec_log, .algorithm = 1}, {.log = ec_log}};

	(void)state;
	make(scts, ARRAY_LEN(scts));
	assert_ok(sct_check(made, maker.root, &ec_log, 1, SIGSTORE_NOW, &err), err);
	make(scts, ARRAY_LEN(scts) - 1);
	assert_fails(sct_check(made, maker.root, &ec_log, 1, SIGSTORE_NOW, &err), err, ERR_MISMATCH,
		"certificate timestamps: hash 4 and algorithm 1 do not go with the log");
}

static void timestamp__of_no_pinned_log__refused(void **state)
{
	const struct sigstore_sct sct = {.log = rsa_log};

	(void)state;
	assert_fails(sct_check(leaf, maker.root, &ec_log, 1, SIGSTORE_NOW, &err), err, ERR_MISMATCH,
		"certificate timestamps: there are none");
	refused(&sct, "certificate timestamps: none by a log that is pinned");
	make(&sct, 1);
	assert_fails(sct_check(made, maker.root, NULL, 0, SIGSTORE_NOW, &err), err, ERR_MISMATCH,
		"certificate timestamps: none by a log that is pinned");
}

static void timestamp__of_another_issuer_or_certificate__refused(void **state)
{
	static const char why[] =
		"certificate timestamps: signature: does not verify with this ECDSA P-256 key";
	const struct sigstore_sct sct = {.log = ec_log, .other_issuer = true},
				  good = {.log = ec_log};

	(void)state;
	refused(&sct, why);
	make(&good, 1);
	/* Seen as issued by the root, shown as issued by another. */
	assert_fails(sct_check(made, leaf, &ec_log, 1, SIGSTORE_NOW, &err), err, ERR_MISMATCH, why);
}

static void timestamp__later_than_now_or_of_another_algorithm__refused(void **state)
{
	const struct sigstore_sct future = {.log = ec_log,
					  .timestamp = (SIGSTORE_NOW + 1) * UINT64_C(1000)},
				  now = {.log = ec_log, .timestamp = SIGSTORE_NOW * UINT64_C(1000)},
				  hash = {.log = ec_log, .hash = 5},
				  algorithm = {.log = ec_log, .algorithm = 1};

	(void)state;
	refused(&future, "certificate timestamps: from the future");
	make(&now, 1);
	assert_ok(sct_check(made, maker.root, &ec_log, 1, SIGSTORE_NOW, &err), err);
	refused(&hash, "certificate timestamps: hash 5 and algorithm 3 do not go with the log");
	refused(&algorithm,
		"certificate timestamps: hash 4 and algorithm 1 do not go with the log");
}

#define ID    "0123456789abcdef0123456789abcdef"
#define WHOLE "\0" ID "\0\0\0\0\0\0\0\1\0\0\4\3\0\2xy" /* 49 octets */

static void list__malformed__refused_with_the_field(void **state)
{
	static const struct {
		struct bytes list;
		const char *why;
	} cases[] = {
		{BYTES_LIT(""), "certificate timestamps: sct_list: truncated at offset 0 of 0"},
		{BYTES_LIT("\0\3\0\1"),
			"certificate timestamps: sct_list: truncated at offset 2 of 4"},
		{BYTES_LIT("\0\0x"), "certificate timestamps: trailing bytes at offset 2 of 3"},
		{BYTES_LIT("\0\2\0\0"),
			"certificate timestamps: version: truncated at offset 4 of 4"},
		{BYTES_LIT("\0\3\0\1\0"), "certificate timestamps: id: truncated at offset 5 of 5"},
		{BYTES_LIT("\0\064\0\062" WHOLE "z"),
			"certificate timestamps: sct: trailing bytes at offset 53 of 54"},
	};
	struct sct scts[2];
	size_t n = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_fails(sct_list_parse(cases[i].list, 2, scts, &n, &err), err, ERR_FORMAT,
			cases[i].why);
	assert_int_equal(n, 7);
}

static void list__whole__read_and_other_versions_passed_over(void **state)
{
	static const struct bytes list = BYTES_LIT("\0\067\0\2\1x\0\061" WHOLE);
	struct sct scts[1];
	size_t n = 0;

	(void)state;
	assert_ok(sct_list_parse(list, 1, scts, &n, &err), err);
	assert_int_equal(n, 1);
	assert_true(bytes_equal_str(scts[0].log_id, ID));
	assert_int_equal(scts[0].timestamp, 1);
	assert_int_equal(scts[0].hash, 4);
	assert_int_equal(scts[0].algorithm, 3);
	assert_true(bytes_equal_str(scts[0].signature, "xy"));
	assert_fails(sct_list_parse(list, 0, scts, &n, &err), err, ERR_FORMAT,
		"certificate timestamps: sct_list: too many at offset 57 of 57");
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(timestamp__by_a_pinned_log_of_either_kind__accepted),
		TEST(timestamps__one_of_several_holds__accepted),
		TEST(timestamp__of_no_pinned_log__refused),
		TEST(timestamp__of_another_issuer_or_certificate__refused),
		TEST(timestamp__later_than_now_or_of_another_algorithm__refused),
		TEST(list__malformed__refused_with_the_field),
		TEST(list__whole__read_and_other_versions_passed_over),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
