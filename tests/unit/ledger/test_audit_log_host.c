/* SPDX-License-Identifier: Apache-2.0 */
/* What an audit says of the quote of the verifier's host that a bundle brings. */
#include "ledger/audit_case.h"

#include "base/text.h"
#include "tests/support/quoted_make.h"
#include "tests/support/tree_proof.h"

#include <stdlib.h>

#define LEAVES 13u
#define LEAF   7u
#define ORIGIN "bank.example/log"

static uint8_t leaves[LEAVES + 1][SHA256_LEN];
static struct tpm_sw_key *ak, *other;
static struct note_key log_key, other_log;
static struct audit_case *c;
static struct audit_report *report;
static struct audit_anchors anchors;
static struct tlog_policy *policy;
static struct quoted_make made;
static struct buf proof, checkpoint;
static struct err err;

static int group_setup(void **state)
{
	(void)state;
	for (unsigned i = 0; i <= LEAVES; i++) {
		uint8_t byte = (uint8_t)i;

		assert_ok(leaf_hash(bytes_of(&byte, 1), leaves[i], &err), err);
	}
	quoted_log_key(ORIGIN, &log_key);
	quoted_log_key(ORIGIN, &other_log);
	assert_ok(tpm_sw_ak_new(TPM_SW_ECDSA_P256, 0, &ak, &err), err);
	assert_ok(tpm_sw_ak_new(TPM_SW_ECDSA_P256, 0, &other, &err), err);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	note_key_release(&log_key);
	note_key_release(&other_log);
	tpm_sw_key_free(&ak);
	tpm_sw_key_free(&other);
	return 0;
}

static void root_of(uint64_t size, uint8_t out[SHA256_LEN])
{
	struct tile_source tiles = {.size = size, .read = tree_proof_read, .arg = leaves};

	assert_ok(tiles_root(&tiles, size, out, &err), err);
}

/* A quote over the tree of that size, with the proof of the leaf in it. */
static void quote_over(const struct note_key *log, const struct tpm_sw_key *key, uint64_t size)
{
	struct tile_source tiles = {.size = size, .read = tree_proof_read, .arg = leaves};
	uint8_t root[SHA256_LEN];

	root_of(size, root);
	quoted_honest(&made, key, log, size, root);
	buf_clear(&proof);
	if (size > LEAF)
		assert_ok(tiles_inclusion(&tiles, LEAF, size, &proof, &err), err);
	c->bundle.quote = buf_bytes(&made.file);
	c->bundle.quote_proof = buf_bytes(&proof);
}

static int setup(void **state)
{
	struct checkpoint tree = {.origin = BYTES_LIT(ORIGIN), .size = LEAVES};

	(void)state;
	c = calloc(1, sizeof(*c));
	report = calloc(1, sizeof(*report));
	assert_non_null(c);
	assert_non_null(report);
	anchors = (struct audit_anchors){.log_host_ak = ak->key};
	c->anchors = &anchors;
	c->report = report;
	c->bundle.leaf = BYTES_LIT("\x07");
	c->bundle.index = LEAF;
	c->bundle.tree_size = LEAVES;
	root_of(LEAVES, c->bundle.tree_root);
	memcpy(tree.root, c->bundle.tree_root, SHA256_LEN);
	assert_ok(checkpoint_write(&tree, &checkpoint, &err), err);
	c->bundle.checkpoint = buf_bytes(&checkpoint);
	quote_over(&log_key, ak, LEAVES);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	quoted_release(&made);
	memset(&made, 0, sizeof(made));
	buf_release(&proof);
	buf_release(&checkpoint);
	tlog_policy_free(&policy);
	free(c);
	free(report);
	return 0;
}

static void pin_log(const struct note_key *log)
{
	struct buf text = {0};

	buf_put_str(&text, "log ");
	assert_ok(note_key_write(log, &text, &err), err);
	buf_put_str(&text, "\nquorum none\n");
	tlog_policy_free(&policy);
	assert_ok(tlog_policy_parse(buf_bytes(&text), &policy, &err), err);
	anchors.log_policy = policy;
	buf_release(&text);
}

static const struct audit_step *said(enum audit_step_result result, const char *detail)
{
	report->step_count = 0;
	err = (struct err){0};
	assert_ok(audit_log_host(c, &err), err);
	assert_int_equal(report->step_count, 1);
	if (!strstr(report->steps[0].detail, detail))
		fail_msg("%s", report->steps[0].detail);
	assert_int_equal(report->steps[0].result, result);
	assert_int_equal(report->steps[0].section, AUDIT_LEDGER);
	assert_string_equal(report->steps[0].what, "log host");
	return &report->steps[0];
}

static void quote__by_the_pinned_key__proved(void **state)
{
	(void)state;
	said(AUDIT_PROVED, "over a tree of 13 leaves that has this one; that the log signed it was "
			   "not asked (--log-policy)");
	pin_log(&log_key);
	assert_null(strstr(
		said(AUDIT_PROVED, "reset 1) over a tree of 13 leaves")->detail, "not asked"));
}

/* The trees of quote and bundle need not be one. */
static void quote__over_a_larger_or_smaller_tree_with_the_leaf__proved(void **state)
{
	(void)state;
	quote_over(&log_key, ak, LEAVES + 1);
	said(AUDIT_PROVED, "over a tree of 14 leaves");
	quote_over(&log_key, ak, LEAF + 1);
	said(AUDIT_PROVED, "over a tree of 8 leaves");
}

static void quote__nothing_pinned__asserted_by_the_key_it_brings(void **state)
{
	char name[2 * TPM_NAME_MAX + 1];
	const struct audit_step *step;

	(void)state;
	anchors.log_host_ak = NULL;
	step = said(AUDIT_ASSERTED, "pin it with --log-host-ak to prove it");
	hex_encode(tpm_name_bytes(&ak->name), name);
	assert_memory_equal(step->by, "the attestation key ", 20);
	assert_memory_equal(step->by + 20, name + 4, 16);
}

static void quote__absent__not_checked_whatever_is_pinned(void **state)
{
	(void)state;
	c->bundle.quote = (struct bytes){0};
	said(AUDIT_NOT_CHECKED, "brings no checkpoint that the verifier's host quoted");
	anchors.log_host_ak = NULL;
	said(AUDIT_NOT_CHECKED, "brings no checkpoint that the verifier's host quoted");
}

static void Q24__quote_by_another_tpm_than_the_pinned__fails(void **state)
{
	(void)state;
	quote_over(&log_key, other, LEAVES);
	said(AUDIT_FAILED, "by another attestation key than the one that is pinned");
}

static void T8__quote_over_the_checkpoint_of_another_log__fails(void **state)
{
	struct note_key elsewhere;

	(void)state;
	pin_log(&other_log);
	said(AUDIT_FAILED, "is not signed by a log that you pinned");
	anchors.log_policy = NULL;
	quoted_log_key("elsewhere.example/log", &elsewhere);
	quote_over(&elsewhere, ak, LEAVES);
	said(AUDIT_FAILED, "the checkpoint quoted is of another log");
	note_key_release(&elsewhere);
}

static void T3__quote_over_another_tree_of_the_same_size__fails(void **state)
{
	(void)state;
	memset(leaves[3], 0x33, SHA256_LEN);
	quote_over(&log_key, ak, LEAVES);
	said(AUDIT_FAILED, "another tree of the same size: a fork");
	assert_ok(leaf_hash(BYTES_LIT("\x03"), leaves[3], &err), err);
}

static void T5__leaf_not_in_the_tree_quoted__fails(void **state)
{
	(void)state;
	quote_over(&log_key, ak, LEAF);
	said(AUDIT_FAILED, "the leaf is not in the tree that was quoted");
	quote_over(&log_key, ak, LEAVES);
	proof.data[0] ^= 1;
	said(AUDIT_FAILED, "the leaf is not in the tree that was quoted");
	proof.data[0] ^= 1;
	c->bundle.leaf = BYTES_LIT("\x08");
	said(AUDIT_FAILED, "the leaf is not in the tree that was quoted");
}

static void T1__quote_with_any_bit_flipped__fails(void **state)
{
	(void)state;
	pin_log(&log_key);
	for (size_t i = 0; i < made.file.len * 8; i++) {
		made.file.data[i / 8] ^= (uint8_t)(1u << i % 8);
		report->step_count = 0;
		assert_ok(audit_log_host(c, &err), err);
		if (report->steps[0].result != AUDIT_FAILED)
			fail_msg("bit %zu changes nothing", i);
		made.file.data[i / 8] ^= (uint8_t)(1u << i % 8);
	}
}

static void bundle__with_a_quote__has_one_form(void **state)
{
	struct audit_bundle *b = &c->bundle, *read = calloc(1, sizeof(*read));
	struct buf once = {0}, again = {0};

	(void)state;
	b->record = BYTES_LIT("record");
	assert_ok(audit_bundle_encode(b, &once, &err), err);
	assert_ok(audit_bundle_decode(buf_bytes(&once), read, &err), err);
	assert_true(bytes_equal(read->quote, b->quote));
	assert_true(bytes_equal(read->quote_proof, b->quote_proof));
	assert_ok(audit_bundle_encode(read, &again, &err), err);
	assert_true(bytes_equal(buf_bytes(&once), buf_bytes(&again)));
	buf_release(&once);
	buf_release(&again);
	free(read);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(quote__by_the_pinned_key__proved),
		TEST(quote__over_a_larger_or_smaller_tree_with_the_leaf__proved),
		TEST(quote__nothing_pinned__asserted_by_the_key_it_brings),
		TEST(quote__absent__not_checked_whatever_is_pinned),
		TEST(Q24__quote_by_another_tpm_than_the_pinned__fails),
		TEST(T8__quote_over_the_checkpoint_of_another_log__fails),
		TEST(T3__quote_over_another_tree_of_the_same_size__fails),
		TEST(T5__leaf_not_in_the_tree_quoted__fails),
		TEST(T1__quote_with_any_bit_flipped__fails),
		TEST(bundle__with_a_quote__has_one_form),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
