/* SPDX-License-Identifier: Apache-2.0 */
/* Replaying, the state between renewals, and boot_aggregate. */
#include "firmware/ima.h"

#include "tests/support/ima_make.h"
#include "tests/support/unit.h"

static struct buf list, other;
static struct ima_state state, made;
static struct ima_advance result;
static struct ima_pcrs pcrs;
static struct err err;
static uint8_t value[DIGEST_LEN_MAX];
static struct bytes quoted[IMA_TRACKED];

static int setup(void **unused)
{
	(void)unused;
	memset(value, 0, sizeof(value));
	memset(quoted, 0, sizeof(quoted));
	return ima_state_start(&state, DIGEST_SHA256, DIGEST_SHA1, &err) ? 0 : -1;
}

static int teardown(void **unused)
{
	(void)unused;
	buf_release(&list);
	buf_release(&other);
	return 0;
}

/* The value of PCR 10 after these bytes is what was quoted. */
static void quote(struct bytes log)
{
	ima_make_replay(log, DIGEST_SHA1, DIGEST_SHA256, IMA_PCR, value);
	quoted[0] = bytes_of(value, SHA256_LEN);
}

static void advance(struct bytes log)
{
	assert_ok(ima_advance(&state, log, state.next, quoted, true, &made, &result, &err), err);
}

/* ---- Whole logs ---- */

static void replay__golden__each_pcr_in_each_bank(void **unused)
{
	static const enum digest_alg banks[] = {
		DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512};

	(void)unused;
	ima_make_golden(&list);
	for (size_t i = 0; i < ARRAY_LEN(banks); i++) {
		size_t len = digest_alg_len(banks[i]);

		assert_ok(ima_replay(buf_bytes(&list), DIGEST_NONE, banks[i], IMA_EXTEND_OWN, &pcrs,
				  &err),
			err);
		assert_int_equal(pcrs.used, 1u << 10 | 1u << 11);
		assert_int_equal(pcrs.entries, 12);
		assert_int_equal(pcrs.violations, 1);
		for (uint32_t pcr = 10; pcr <= 11; pcr++) {
			ima_make_replay(buf_bytes(&list), DIGEST_SHA1, banks[i], pcr, value);
			assert_memory_equal(pcrs.value[pcr], value, len);
		}
	}
}

/* SHA-1 bank and log: what is extended is the template digest as it stands. */
static void replay__violation__extends_all_ones(void **unused)
{
	uint8_t both[2 * 20] = {0};
	struct digest wanted;

	(void)unused;
	ima_make_digest(&other, "sha1:", bytes_of(value, 20));
	ima_make_path(&other, "/x");
	ima_make_violation(&list, DIGEST_SHA1, 10, "ima-ng", buf_bytes(&other));
	memset(both + 20, 0xff, 20);
	assert_ok(digest_of(DIGEST_SHA1, BYTES_OF(both), &wanted, &err), err);
	assert_ok(
		ima_replay(buf_bytes(&list), DIGEST_SHA1, DIGEST_SHA1, IMA_EXTEND_OWN, &pcrs, &err),
		err);
	assert_memory_equal(pcrs.value[10], wanted.bytes, 20);
	assert_int_equal(pcrs.violations, 1);
}

/* One file and one violation, extended as padded banks are; `ones` of a violation. */
static void check_padded(enum ima_extend extend, size_t ones)
{
	uint8_t both[64] = {0};
	struct ima_log log;
	struct ima_entry entry;
	struct digest v;

	buf_clear(&list);
	buf_clear(&other);
	ima_make_file(&list, "/x", "x");
	ima_make_digest(&other, "sha1:", bytes_of(both, 20));
	ima_make_path(&other, "/x");
	ima_make_violation(&list, DIGEST_SHA1, 10, "ima-ng", buf_bytes(&other));
	assert_ok(ima_log_open(buf_bytes(&list), DIGEST_SHA1, 0, &log, &err), err);
	assert_ok(ima_log_next(&log, &entry, &err), err);
	memcpy(both + 32, entry.template_digest.data, 20);
	assert_ok(digest_of(DIGEST_SHA256, BYTES_OF(both), &v, &err), err);
	memcpy(both, v.bytes, 32);
	memset(both + 32, 0, 32);
	memset(both + 32, 0xff, ones);
	assert_ok(digest_of(DIGEST_SHA256, BYTES_OF(both), &v, &err), err);
	assert_ok(
		ima_replay(buf_bytes(&list), DIGEST_SHA1, DIGEST_SHA256, extend, &pcrs, &err), err);
	assert_memory_equal(pcrs.value[10], v.bytes, 32);
}

static void replay__padded__sha1_and_zeros(void **unused)
{
	(void)unused;
	check_padded(IMA_EXTEND_PADDED, 32);
	check_padded(IMA_EXTEND_PADDED_OLD, 20);
	assert_string_equal(ima_extend_name(IMA_EXTEND_PADDED_OLD), "padded-old");
	assert_string_equal(ima_extend_name(IMA_EXTENDS), "unknown");
}

static void replay__template_digest_wrong__names_the_entry(void **unused)
{
	(void)unused;
	ima_make_many(&list, 0, 3);
	list.data[list.len - 2] ^= 1;
	assert_fails(ima_replay(buf_bytes(&list), DIGEST_SHA1, DIGEST_SHA256, IMA_EXTEND_OWN, &pcrs,
			     &err),
		err, ERR_MISMATCH,
		"IMA log: entry 2: template digest does not match the template data (path "
		"\"/usr/bin/tool-3\")");
}

static void replay__no_such_bank_or_way__refused(void **unused)
{
	const char *wanted = "IMA replay: no such bank or way to extend it";

	(void)unused;
	assert_fails(ima_replay((struct bytes){0}, DIGEST_SHA1, DIGEST_NONE, IMA_EXTEND_OWN, &pcrs,
			     &err),
		err, ERR_USAGE, wanted);
	assert_fails(ima_replay((struct bytes){0}, DIGEST_SHA1, DIGEST_SHA256, IMA_EXTEND_UNKNOWN,
			     &pcrs, &err),
		err, ERR_USAGE, wanted);
	assert_fails(
		ima_replay((struct bytes){0}, DIGEST_SHA1, DIGEST_SHA256, IMA_EXTENDS, &pcrs, &err),
		err, ERR_USAGE, wanted);
	assert_fails(
		ima_replay(BYTES_LIT("x"), DIGEST_NONE, DIGEST_SHA256, IMA_EXTEND_OWN, &pcrs, &err),
		err, ERR_FORMAT, "IMA log: entry 0: pcr: truncated at offset 0 of 1");
}

/* ---- Renewals ---- */

static void advance__whole_log_quoted__attests_all(void **unused)
{
	(void)unused;
	ima_make_many(&list, 0, 5);
	quote(buf_bytes(&list));
	advance(buf_bytes(&list));
	assert_true(result.matched);
	assert_int_equal(result.attested, 5);
	assert_int_equal(result.attested_len, list.len);
	assert_int_equal(result.waiting, 0);
	assert_int_equal(result.extend, IMA_EXTEND_OWN);
	assert_int_equal(made.next, 5);
}

static void advance__later_entries__wait(void **unused)
{
	size_t len;

	(void)unused;
	ima_make_many(&list, 0, 3);
	len = list.len;
	quote(buf_bytes(&list));
	ima_make_many(&list, 3, 2);
	advance(buf_bytes(&list));
	assert_true(result.matched);
	assert_int_equal(result.attested, 3);
	assert_int_equal(result.attested_len, len);
	assert_int_equal(result.waiting, 2);
	assert_int_equal(made.next, 3);
}

static void advance__renewal__goes_on_from_the_state(void **unused)
{
	struct buf more = {0};

	(void)unused;
	ima_make_many(&list, 0, 3);
	quote(buf_bytes(&list));
	advance(buf_bytes(&list));
	state = made;
	ima_make_many(&more, 3, 2);
	buf_put(&list, buf_bytes(&more));
	quote(buf_bytes(&list));
	advance(buf_bytes(&more));
	assert_true(result.matched);
	assert_int_equal(result.first, 3);
	assert_int_equal(result.attested, 2);
	assert_int_equal(made.next, 5);
	buf_release(&more);
}

static void advance__nothing_new__attests_nothing(void **unused)
{
	(void)unused;
	ima_make_many(&list, 0, 3);
	quote(buf_bytes(&list));
	advance(buf_bytes(&list));
	state = made;
	advance((struct bytes){0});
	assert_true(result.matched);
	assert_int_equal(result.attested, 0);
	assert_memory_equal(&made, &state, sizeof(made));
}

static void advance__no_prefix_leads_there__no_match_and_no_state(void **unused)
{
	struct ima_state before;

	(void)unused;
	ima_make_many(&list, 0, 3);
	quote(buf_bytes(&list));
	value[0] ^= 1;
	memset(&made, 0x5a, sizeof(made));
	before = made;
	advance(buf_bytes(&list));
	assert_false(result.matched);
	assert_int_equal(result.attested, 0);
	assert_int_equal(result.waiting, 3);
	assert_memory_equal(&made, &before, sizeof(made));
}

static void advance__padded_bank__only_where_allowed(void **unused)
{
	(void)unused;
	ima_make_many(&list, 0, 3);
	assert_ok(ima_replay(buf_bytes(&list), DIGEST_SHA1, DIGEST_SHA256, IMA_EXTEND_PADDED, &pcrs,
			  &err),
		err);
	quoted[0] = bytes_of(pcrs.value[10], SHA256_LEN);
	assert_ok(
		ima_advance(&state, buf_bytes(&list), 0, quoted, false, &made, &result, &err), err);
	assert_false(result.matched);
	advance(buf_bytes(&list));
	assert_true(result.matched);
	assert_int_equal(made.extend, IMA_EXTEND_PADDED);
}

/* A bank does not change how it is extended within a boot. */
static void advance__other_way_to_extend__no_match(void **unused)
{
	(void)unused;
	ima_make_many(&list, 0, 3);
	assert_ok(ima_replay(buf_bytes(&list), DIGEST_SHA1, DIGEST_SHA256, IMA_EXTEND_PADDED, &pcrs,
			  &err),
		err);
	state.next = 3;
	state.extend = IMA_EXTEND_OWN;
	quoted[0] = bytes_of(pcrs.value[10], SHA256_LEN);
	advance(buf_bytes(&list));
	assert_false(result.matched);
}

static void advance__second_pcr__from_its_start_value(void **unused)
{
	uint8_t start[SHA256_LEN] = {7}, both[64], second[SHA256_LEN];
	struct ima_log log;
	struct ima_entry entry;
	struct digest digest;

	(void)unused;
	ima_make_digest(&other, "sha256:", BYTES_OF(start));
	ima_make_path(&other, "/x");
	ima_make_entry(&list, DIGEST_SHA1, 11, "ima-ng", buf_bytes(&other));
	assert_ok(ima_log_open(buf_bytes(&list), DIGEST_SHA1, 0, &log, &err), err);
	assert_ok(ima_log_next(&log, &entry, &err), err);
	assert_ok(digest_of(DIGEST_SHA256, entry.data, &digest, &err), err);
	memcpy(both, start, 32);
	memcpy(both + 32, digest.bytes, 32);
	assert_ok(sha256_of(BYTES_OF(both), second, &err), err);
	assert_ok(ima_state_track(&state, 11, BYTES_OF(start), &err), err);
	quoted[0] = bytes_of(value, SHA256_LEN);
	quoted[1] = BYTES_OF(second);
	advance(buf_bytes(&list));
	assert_true(result.matched);
	assert_int_equal(result.attested, 1);
	second[0] ^= 1;
	advance(buf_bytes(&list));
	assert_false(result.matched);
}

/* Entries of PCRs that nobody vouches for are checked all the same. */
static void advance__entry_of_another_pcr__its_digest_counts(void **unused)
{
	(void)unused;
	ima_make_digest(&other, "sha256:", bytes_of(value, 32));
	ima_make_path(&other, "/x");
	ima_make_entry(&list, DIGEST_SHA1, 12, "ima-ng", buf_bytes(&other));
	ima_make_many(&list, 1, 1);
	quote(buf_bytes(&list));
	advance(buf_bytes(&list));
	assert_true(result.matched);
	assert_int_equal(result.attested, 2);
	list.data[6] ^= 1;
	assert_fails(ima_advance(&state, buf_bytes(&list), 0, quoted, true, &made, &result, &err),
		err, ERR_MISMATCH,
		"IMA log: entry 0: template digest does not match the template data (path "
		"\"/x\")");
}

static void advance__hole_in_the_log__refused(void **unused)
{
	(void)unused;
	ima_make_many(&list, 0, 3);
	quote(buf_bytes(&list));
	assert_fails(ima_advance(&state, buf_bytes(&list), 2, quoted, true, &made, &result, &err),
		err, ERR_MISMATCH, "IMA: log begins with entry 2 where 0 is the next");
	advance(buf_bytes(&list));
	state = made;
	assert_fails(ima_advance(&state, buf_bytes(&list), 0, quoted, true, &made, &result, &err),
		err, ERR_MISMATCH, "IMA: log begins with entry 0 where 3 is the next");
}

static void advance__malformed_tail__refused(void **unused)
{
	(void)unused;
	ima_make_many(&list, 0, 2);
	quote(buf_bytes(&list));
	buf_put(&list, BYTES_LIT("\x0a\x00"));
	assert_false(ima_advance(&state, buf_bytes(&list), 0, quoted, true, &made, &result, &err));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_non_null(strstr(err.text, "IMA log: entry 2: pcr: truncated at offset"));
	value[0] ^= 1;
	assert_false(ima_advance(&state, buf_bytes(&list), 0, quoted, true, &made, &result, &err));
	assert_non_null(strstr(err.text, "IMA log: entry 2: pcr: truncated at offset"));
}

static void advance__odd_input__refused(void **unused)
{
	struct ima_state zero = {0};

	(void)unused;
	quoted[0] = bytes_of(value, 31);
	assert_fails(ima_advance(&zero, (struct bytes){0}, 0, quoted, true, &made, &result, &err),
		err, ERR_USAGE, "IMA: no state to go on from");
	assert_fails(ima_advance(&state, (struct bytes){0}, 0, quoted, true, &made, &result, &err),
		err, ERR_FORMAT, "IMA: value of PCR 10 is not as wide as its bank");
}

/* ---- The state ---- */

static void state__encoded_and_decoded__the_same(void **unused)
{
	(void)unused;
	ima_make_many(&list, 0, 3);
	quote(buf_bytes(&list));
	advance(buf_bytes(&list));
	made.seen = 5;
	made.modules = 6;
	made.modules_unsigned = 7;
	made.flags = 8;
	made.violations = 9;
	assert_ok(ima_state_encode(&made, &other, &err), err);
	assert_int_equal(other.len, IMA_STATE_LEN);
	assert_ok(ima_state_decode(buf_bytes(&other), &state, &err), err);
	assert_memory_equal(&state, &made, sizeof(state));
}

static void state__malformed__refused(void **unused)
{
	static const struct {
		size_t at;
		uint8_t byte;
	} wrong[] = {{7, 1} /* entries, and no way to extend */, {9, 0x04} /* SHA-1 */, {11, 0x7f},
		{12, 1}, {12, 9}, {13, 0}, {13, 3}, {14, 11}, {15, 24}, {0, 1}};

	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		buf_clear(&other);
		assert_ok(ima_state_encode(&state, &other, &err), err);
		other.data[wrong[i].at] = wrong[i].byte;
		assert_fails(ima_state_decode(buf_bytes(&other), &made, &err), err, ERR_FORMAT,
			"IMA state: not one that an appraisal leaves");
	}
	assert_fails(ima_state_decode(bytes_of(other.data, 20), &made, &err), err, ERR_FORMAT,
		"IMA state: value: truncated at offset 16 of 20");
}

static void state__start_and_track__limits(void **unused)
{
	(void)unused;
	assert_fails(ima_state_start(&made, DIGEST_SHA1, DIGEST_SHA1, &err), err, ERR_UNSUPPORTED,
		"IMA: sha1 bank is not appraised");
	assert_fails(ima_state_start(&made, DIGEST_SHA256, DIGEST_NONE, &err), err, ERR_UNSUPPORTED,
		"IMA: log of unknown");
	assert_fails(ima_state_track(&state, 10, bytes_of(value, 32), &err), err, ERR_USAGE,
		"IMA: PCR 10 is none to track besides");
	assert_fails(ima_state_track(&state, 24, bytes_of(value, 32), &err), err, ERR_USAGE,
		"IMA: PCR 24 is none to track besides");
	assert_fails(ima_state_track(&state, 11, bytes_of(value, 20), &err), err, ERR_FORMAT,
		"IMA: start of PCR 11 is not as wide as its bank");
	assert_ok(ima_state_track(&state, 11, bytes_of(value, 32), &err), err);
	assert_fails(ima_state_track(&state, 12, bytes_of(value, 32), &err), err, ERR_USAGE,
		"IMA: no further PCR can be tracked");
}

/* ---- boot_aggregate ---- */

struct boot {
	uint8_t pcr[10][SHA256_LEN];
	struct bytes values[10];
	struct ima_entry entry;
};

/* PCRs of their own, and the entry over the first `count` of them. */
static void boot_make(struct boot *b, size_t count, const char *prefix)
{
	struct digest digest;
	struct ima_log log;

	memset(b, 0, sizeof(*b));
	for (size_t i = 0; i < 10; i++) {
		memset(b->pcr[i], (int)i + 1, SHA256_LEN);
		b->values[i] = BYTES_OF(b->pcr[i]);
	}
	assert_ok(digest_of_parts(DIGEST_SHA256, b->values, count, &digest, &err), err);
	ima_make_digest(&other, prefix, digest_bytes(&digest));
	ima_make_path(&other, "boot_aggregate");
	ima_make_entry(&list, DIGEST_SHA1, 10, "ima-ng", buf_bytes(&other));
	assert_ok(ima_log_open(buf_bytes(&list), DIGEST_SHA1, 0, &log, &err), err);
	assert_ok(ima_log_next(&log, &b->entry, &err), err);
}

static void check_boot(const struct boot *b, enum digest_alg bank, enum ima_boot wanted)
{
	enum ima_boot boot = IMA_BOOT_ABSENT;

	assert_ok(ima_boot_check(&b->entry, bank, b->values, &boot, &err), err);
	assert_string_equal(ima_boot_name(boot), ima_boot_name(wanted));
}

static void boot__over_0_to_7__matches(void **unused)
{
	struct boot b;

	(void)unused;
	boot_make(&b, 8, "sha256:");
	check_boot(&b, DIGEST_SHA256, IMA_BOOT_MATCH_0_7);
	b.values[8] = b.values[9] = (struct bytes){0};
	check_boot(&b, DIGEST_SHA256, IMA_BOOT_MATCH_0_7);
}

static void boot__over_0_to_9__matches(void **unused)
{
	struct boot b;

	(void)unused;
	boot_make(&b, 10, "sha256:");
	check_boot(&b, DIGEST_SHA256, IMA_BOOT_MATCH_0_9);
	b.pcr[9][0] ^= 1;
	check_boot(&b, DIGEST_SHA256, IMA_BOOT_MISMATCH);
}

static void boot__over_0_to_8__mismatch(void **unused)
{
	struct boot b;

	(void)unused;
	boot_make(&b, 9, "sha256:");
	check_boot(&b, DIGEST_SHA256, IMA_BOOT_MISMATCH);
	b.values[9] = (struct bytes){0};
	check_boot(&b, DIGEST_SHA256, IMA_BOOT_NO_PCRS);
}

static void boot__cannot_be_checked__is_said(void **unused)
{
	struct boot b;

	(void)unused;
	boot_make(&b, 10, "sha256:");
	b.values[3] = (struct bytes){0};
	check_boot(&b, DIGEST_SHA256, IMA_BOOT_NO_PCRS);
	check_boot(&b, DIGEST_SHA384, IMA_BOOT_UNKNOWN_BANK);
	b.entry.violation = true;
	check_boot(&b, DIGEST_SHA256, IMA_BOOT_ABSENT);
	b.entry.violation = false;
	b.entry.path = BYTES_LIT("boot_aggregat");
	check_boot(&b, DIGEST_SHA256, IMA_BOOT_ABSENT);
	assert_string_equal(ima_boot_name((enum ima_boot)99), "unknown");
}

static void boot__zeros__no_tpm(void **unused)
{
	struct boot b;
	const uint8_t zeros[32] = {0};

	(void)unused;
	boot_make(&b, 10, "sha256:");
	b.entry.digest = BYTES_OF(zeros);
	check_boot(&b, DIGEST_SHA256, IMA_BOOT_NO_TPM);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(replay__golden__each_pcr_in_each_bank),
		TEST(replay__violation__extends_all_ones),
		TEST(replay__padded__sha1_and_zeros),
		TEST(replay__template_digest_wrong__names_the_entry),
		TEST(replay__no_such_bank_or_way__refused),
		TEST(advance__whole_log_quoted__attests_all),
		TEST(advance__later_entries__wait),
		TEST(advance__renewal__goes_on_from_the_state),
		TEST(advance__nothing_new__attests_nothing),
		TEST(advance__no_prefix_leads_there__no_match_and_no_state),
		TEST(advance__padded_bank__only_where_allowed),
		TEST(advance__other_way_to_extend__no_match),
		TEST(advance__second_pcr__from_its_start_value),
		TEST(advance__entry_of_another_pcr__its_digest_counts),
		TEST(advance__hole_in_the_log__refused),
		TEST(advance__malformed_tail__refused),
		TEST(advance__odd_input__refused),
		TEST(state__encoded_and_decoded__the_same),
		TEST(state__malformed__refused),
		TEST(state__start_and_track__limits),
		TEST(boot__over_0_to_7__matches),
		TEST(boot__over_0_to_9__matches),
		TEST(boot__over_0_to_8__mismatch),
		TEST(boot__cannot_be_checked__is_said),
		TEST(boot__zeros__no_tpm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
