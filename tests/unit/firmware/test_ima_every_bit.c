/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One list with every template in it: each single bit flipped, and each truncation, is refused by the
 * parser, by a template digest or by the quote. The only bytes that no digest covers are those of a
 * violation behind its template digest: what Linux extends for it is all ones. docs/formats/ima.md says
 * so too.
 */
#include "firmware/ima_rules.h"

#include <stdlib.h>

#include "tests/support/ima_make.h"
#include "tests/support/unit.h"

static struct buf list;
static struct ima_state state, made;
static struct ima_result result;
static struct ima_rules *rules;
static struct ima_input input;
static uint8_t ten[DIGEST_LEN_MAX], eleven[DIGEST_LEN_MAX];
static const uint8_t zeros[DIGEST_LEN_MAX];
static struct err err;
/* What no digest covers. */
static struct {
	size_t from, to;
} uncovered;

static void find_violation(void)
{
	struct ima_log log;
	struct ima_entry entry;

	assert_ok(ima_log_open(buf_bytes(&list), DIGEST_SHA1, 0, &log, &err), err);
	while (!ima_log_end(&log)) {
		assert_ok(ima_log_next(&log, &entry, &err), err);
		if (!entry.violation)
			continue;
		assert_int_equal(uncovered.to, 0);
		uncovered.from = entry.offset + 4 + 20;
		uncovered.to = entry.offset + entry.len;
	}
	assert_int_not_equal(uncovered.to, 0);
}

static void set_up(enum digest_alg bank)
{
	size_t len = digest_alg_len(bank);

	memset(&uncovered, 0, sizeof(uncovered));
	ima_make_golden(&list);
	find_violation();
	ima_make_replay(buf_bytes(&list), DIGEST_SHA1, bank, 10, ten);
	ima_make_replay(buf_bytes(&list), DIGEST_SHA1, bank, 11, eleven);
	assert_ok(ima_rules_parse(bytes_str("violations report\nkexec allow\n"
					    "ignore /usr/**\nignore /sbin/**\nignore /lib/**\n"),
			  &rules, &err),
		err);
	assert_ok(ima_state_start(&state, bank, DIGEST_SHA1, &err), err);
	assert_ok(ima_state_track(&state, 11, bytes_of(zeros, len), &err), err);
	input = (struct ima_input){
		.quoted = {bytes_of(ten, len), bytes_of(eleven, len)}, .rules = rules};
}

static int teardown(void **unused)
{
	(void)unused;
	buf_release(&list);
	ima_rules_free(&rules);
	return 0;
}

static bool accepted(struct bytes log)
{
	input.log = log;
	return ima_appraise(&state, &input, &made, &result, &err) && result.advance.matched &&
	       result.findings.total == 0;
}

/* The first bytes of the list in a block of just their size, so that the sanitizer sees a read behind
 * its end. */
static uint8_t *exact_copy(size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, list.data, len);
	return copy;
}

static void check_flips(enum digest_alg bank)
{
	size_t passed = 0;
	uint8_t *copy;

	set_up(bank);
	copy = exact_copy(list.len);
	assert_true(accepted(buf_bytes(&list)));
	assert_int_equal(result.advance.attested, 12);
	for (size_t at = 0; at < list.len; at++)
		for (int bit = 0; bit < 8; bit++) {
			copy[at] ^= (uint8_t)(1u << bit);
			if (accepted(bytes_of(copy, list.len))) {
				passed++;
				if (at < uncovered.from || at >= uncovered.to)
					fail_msg("bit %d of byte %zu", bit, at);
			}
			copy[at] ^= (uint8_t)(1u << bit);
		}
	free(copy);
	/* The list of what is not covered is no idle one. */
	assert_true(passed > 0);
}

static void every_bit__of_a_sha256_bank__refused_or_listed(void **unused)
{
	(void)unused;
	check_flips(DIGEST_SHA256);
}

static void every_bit__of_a_sha384_bank__refused_or_listed(void **unused)
{
	(void)unused;
	check_flips(DIGEST_SHA384);
}

static void every_truncation__refused(void **unused)
{
	(void)unused;
	set_up(DIGEST_SHA256);
	for (size_t len = 0; len < list.len; len++) {
		uint8_t *copy = exact_copy(len);

		if (accepted(bytes_of(copy, len)))
			fail_msg("cut at %zu", len);
		free(copy);
	}
}

/* The same through a replay alone: an error, or other values. */
static void every_bit__replayed__error_or_other_values(void **unused)
{
	struct ima_pcrs whole, pcrs;

	(void)unused;
	set_up(DIGEST_SHA256);
	assert_ok(ima_replay(buf_bytes(&list), DIGEST_NONE, DIGEST_SHA256, IMA_EXTEND_OWN, &whole,
			  &err),
		err);
	for (size_t at = 0; at < uncovered.from; at++)
		for (int bit = 0; bit < 8; bit++) {
			list.data[at] ^= (uint8_t)(1u << bit);
			if (ima_replay(buf_bytes(&list), DIGEST_NONE, DIGEST_SHA256, IMA_EXTEND_OWN,
				    &pcrs, &err))
				assert_memory_not_equal(&pcrs, &whole, sizeof(pcrs));
			list.data[at] ^= (uint8_t)(1u << bit);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(every_bit__of_a_sha256_bank__refused_or_listed, teardown),
		cmocka_unit_test_teardown(every_bit__of_a_sha384_bank__refused_or_listed, teardown),
		cmocka_unit_test_teardown(every_truncation__refused, teardown),
		cmocka_unit_test_teardown(every_bit__replayed__error_or_other_values, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
