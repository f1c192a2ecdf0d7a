/* SPDX-License-Identifier: Apache-2.0 */
/* What an audit says of the receipt that a bundle brings. */
#include "ledger/audit_case.h"

#include "ledger/receipt.h"
#include "tests/support/tree_proof.h"
#include "tests/support/unit.h"

#include <stdlib.h>

#define LEAVES 13u
#define ORIGIN "bank.example/log"

static uint8_t leaves[LEAVES][SHA256_LEN];
static struct key *signer, *other;
static struct audit_case *c;
static struct audit_report *report;
static struct audit_anchors anchors;
static struct buf receipt, note;
static struct err err;

static int group_setup(void **state)
{
	(void)state;
	for (unsigned i = 0; i < LEAVES; i++) {
		uint8_t byte = (uint8_t)i;

		assert_ok(leaf_hash(bytes_of(&byte, 1), leaves[i], &err), err);
	}
	assert_ok(key_generate(KEY_EC_P256, &signer, &err), err);
	assert_ok(key_generate(KEY_EC_P256, &other, &err), err);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	key_unref(&signer);
	key_unref(&other);
	return 0;
}

static struct tile_source source(void)
{
	return (struct tile_source){.size = LEAVES, .read = tree_proof_read, .arg = leaves};
}

static void receipt_of(struct key *key, uint64_t index, uint64_t size, enum receipt_kind kind)
{
	struct buf seal = {0}, hashes = {0};
	struct tile_source tiles = source();
	struct receipt_proof proof = {.kind = kind, .from = index, .size = size};
	uint8_t root[SHA256_LEN];

	assert_ok(tiles_root(&tiles, size, root, &err), err);
	assert_ok(receipt_seal(key, ORIGIN, size, root, &seal, &err), err);
	if (kind == RECEIPT_INCLUSION)
		assert_ok(tiles_inclusion(&tiles, index, size, &hashes, &err), err);
	else
		assert_ok(tiles_consistency(&tiles, index, size, &hashes, &err), err);
	proof.hashes = buf_bytes(&hashes);
	buf_clear(&receipt);
	assert_ok(receipt_write(buf_bytes(&seal), &proof, &receipt, &err), err);
	c->bundle.receipt = buf_bytes(&receipt);
	buf_release(&seal);
	buf_release(&hashes);
}

/* A bundle of leaf 7 in the tree of 13. */
static int setup(void **state)
{
	struct tile_source tiles = source();
	struct checkpoint checkpoint = {.origin = BYTES_LIT(ORIGIN), .size = LEAVES};

	(void)state;
	c = calloc(1, sizeof(*c));
	report = calloc(1, sizeof(*report));
	assert_non_null(c);
	assert_non_null(report);
	anchors = (struct audit_anchors){.keys = &signer, .key_count = 1};
	c->anchors = &anchors;
	c->report = report;
	c->signer = signer;
	c->bundle.leaf = BYTES_LIT("\x07");
	c->bundle.tree_size = LEAVES;
	assert_ok(tiles_root(&tiles, LEAVES, c->bundle.tree_root, &err), err);
	memcpy(checkpoint.root, c->bundle.tree_root, SHA256_LEN);
	assert_ok(checkpoint_write(&checkpoint, &note, &err), err);
	c->bundle.checkpoint = buf_bytes(&note);
	receipt_of(signer, 7, LEAVES, RECEIPT_INCLUSION);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&receipt);
	buf_release(&note);
	free(c);
	free(report);
	return 0;
}

static void assert_said(enum audit_step_result result, const char *detail)
{
	report->step_count = 0;
	assert_ok(audit_receipt(c, &err), err);
	assert_int_equal(report->step_count, 1);
	assert_string_equal(report->steps[0].detail, detail);
	assert_int_equal(report->steps[0].result, result);
	assert_string_equal(report->steps[0].what, "receipt");
}

static void receipt__by_the_records_signer__proved(void **state)
{
	(void)state;
	assert_said(AUDIT_PROVED,
		"the key that signed the record vouched for the leaf in a tree of 13");
	receipt_of(signer, 7, 9, RECEIPT_INCLUSION);
	assert_said(
		AUDIT_PROVED, "the key that signed the record vouched for the leaf in a tree of 9");
}

/* Then that key is one that only the bundle vouches for, too. */
static void receipt__by_a_signer_that_is_not_pinned__asserted(void **state)
{
	(void)state;
	anchors = (struct audit_anchors){0};
	assert_said(AUDIT_ASSERTED,
		"verifies with the key that signed the record, in a tree of 13; pin that to prove "
		"it");
}

static void receipt__by_the_pinned_key__proved_by_it_alone(void **state)
{
	(void)state;
	anchors.receipt_key = other;
	assert_said(AUDIT_FAILED,
		"receipt: COSE_Sign1: signature: does not verify with this ECDSA P-256 key");
	receipt_of(other, 7, LEAVES, RECEIPT_INCLUSION);
	assert_said(AUDIT_PROVED,
		"the receipt key that you pinned vouched for the leaf in a tree of 13");
}

static void receipt__by_the_key_that_the_bundle_brings__asserted(void **state)
{
	(void)state;
	receipt_of(other, 7, LEAVES, RECEIPT_INCLUSION);
	assert_said(AUDIT_FAILED,
		"receipt: COSE_Sign1: signature: does not verify with this ECDSA P-256 key");
	c->bundle.receipt_key = key_spki(other);
	assert_said(AUDIT_ASSERTED,
		"verifies with the receipt key that the bundle brings, in a tree of 13; pin it "
		"with --receipt-key to prove it");
	receipt_of(signer, 7, LEAVES, RECEIPT_INCLUSION);
	assert_said(AUDIT_FAILED,
		"receipt: COSE_Sign1: signature: does not verify with this ECDSA P-256 key");
	c->bundle.receipt = (struct bytes){0};
	assert_said(AUDIT_FAILED, "the bundle brings no receipt");
	c->bundle.receipt_key = BYTES_LIT("no key");
	receipt_of(signer, 7, LEAVES, RECEIPT_INCLUSION);
	report->step_count = 0;
	assert_ok(audit_receipt(c, &err), err);
	assert_int_equal(report->steps[0].result, AUDIT_FAILED);
	assert_memory_equal(report->steps[0].detail, "receipt key: ", 13);
}

static void T5__receipt_or_brought_key_with_a_flipped_bit__fails(void **state)
{
	struct buf spki = {0};
	struct buf *bent[] = {&spki, &receipt};

	(void)state;
	receipt_of(other, 7, LEAVES, RECEIPT_INCLUSION);
	buf_put(&spki, key_spki(other));
	c->bundle.receipt_key = buf_bytes(&spki);
	for (size_t k = 0; k < ARRAY_LEN(bent); k++)
		for (size_t i = 0; i < bent[k]->len * 8; i++) {
			bent[k]->data[i / 8] ^= (uint8_t)(1u << i % 8);
			report->step_count = 0;
			assert_ok(audit_receipt(c, &err), err);
			if (report->steps[0].result != AUDIT_FAILED)
				fail_msg("bit %zu changes nothing", i);
			bent[k]->data[i / 8] ^= (uint8_t)(1u << i % 8);
		}
	buf_release(&spki);
}

static void receipt__none__silent_unless_a_key_is_pinned(void **state)
{
	(void)state;
	c->bundle.receipt = (struct bytes){0};
	assert_ok(audit_receipt(c, &err), err);
	assert_int_equal(report->step_count, 0);
	anchors.receipt_key = other;
	assert_said(AUDIT_FAILED, "the bundle brings no receipt");
}

static void T5__receipt_of_another_leaf_or_kind__fails(void **state)
{
	(void)state;
	receipt_of(signer, 8, LEAVES, RECEIPT_INCLUSION);
	assert_said(AUDIT_FAILED,
		"receipt: COSE_Sign1: signature: does not verify with this ECDSA P-256 key");
	receipt_of(signer, 7, LEAVES, RECEIPT_CONSISTENCY);
	assert_said(AUDIT_FAILED, "it is none of inclusion");
	c->bundle.receipt = BYTES_LIT("x");
	assert_said(AUDIT_FAILED, "receipt: COSE_Sign1: truncated at offset 0");
}

/* T3: the signer showed one tree here, and another of the same size there. */
static void T3__receipt_of_another_tree_of_the_same_size__a_fork(void **state)
{
	(void)state;
	c->bundle.tree_root[3] ^= 1;
	assert_said(AUDIT_FAILED, "it is of another tree of the same size: a fork");
	c->bundle.tree_size = LEAVES + 1;
	assert_said(AUDIT_PROVED,
		"the key that signed the record vouched for the leaf in a tree of 13");
}

static void T8__receipt_of_another_log__fails(void **state)
{
	(void)state;
	note.data[0] ^= 1;
	assert_said(AUDIT_FAILED, "receipt: of log \"bank.example/log\", not cank.example/log");
	c->bundle.checkpoint = (struct bytes){0};
	assert_said(AUDIT_PROVED,
		"the key that signed the record vouched for the leaf in a tree of 13");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(receipt__by_the_records_signer__proved),
		T(receipt__by_a_signer_that_is_not_pinned__asserted),
		T(receipt__by_the_pinned_key__proved_by_it_alone),
		T(receipt__by_the_key_that_the_bundle_brings__asserted),
		T(T5__receipt_or_brought_key_with_a_flipped_bit__fails),
		T(receipt__none__silent_unless_a_key_is_pinned),
		T(T5__receipt_of_another_leaf_or_kind__fails),
		T(T3__receipt_of_another_tree_of_the_same_size__a_fork),
		T(T8__receipt_of_another_log__fails),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
