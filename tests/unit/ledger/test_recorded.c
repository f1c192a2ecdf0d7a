/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Known answers: what a verifier of ours once signed, recorded by tests/data/ledger/record. Whatever changes here, what stands in
 * ledgers must stay readable.
 */
#include "base/file.h"
#include "base/text.h"
#include "ledger/receipt.h"
#include "ledger/tlog_proof.h"
#include "tests/support/unit.h"

#include <stdlib.h>

#define DATA   "tests/data/ledger/"
#define ORIGIN "bank.example/log"

static struct key *receipt_key, *signing_key;
static struct note_key log_key;
static uint8_t id[SHA256_LEN];
static struct buf in, leaf;
static struct receipt receipt;
static struct transparent transparent;
static struct tlog_proof proof;
static struct err err;

static void load(const char *name, struct buf *out)
{
	char path[128];

	(void)snprintf(path, sizeof(path), DATA "%s", name);
	buf_clear(out);
	assert_ok(file_read(path, STATEMENT_MAX, out, &err), err);
}

static int group_setup(void **state)
{
	(void)state;
	load("receipt.pub", &in);
	assert_ok(key_from_pem(buf_bytes(&in), &receipt_key, &err), err);
	load("signing.pub", &in);
	assert_ok(key_from_pem(buf_bytes(&in), &signing_key, &err), err);
	load("log.vkey", &in);
	assert_ok(note_key_parse(bytes_of(in.data, in.len - 1), &log_key, &err), err);
	load("leaf-hash", &in);
	assert_ok(hex_decode_exact(bytes_of(in.data, in.len - 1), id, SHA256_LEN, &err), err);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	key_unref(&receipt_key);
	key_unref(&signing_key);
	note_key_release(&log_key);
	buf_release(&in);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&leaf);
	receipt_release(&receipt);
	transparent_release(&transparent);
	tlog_proof_release(&proof);
	return 0;
}

static void receipt__recorded__verifies(void **state)
{
	(void)state;
	load("decision.receipt", &in);
	assert_ok(receipt_parse(buf_bytes(&in), &receipt, &err), err);
	assert_ok(receipt_verify(&receipt, receipt_key, ORIGIN, id, NULL, &err), err);
}

static void consistency__recorded__verifies(void **state)
{
	struct tree_edge edge = {0};
	uint8_t root[SHA256_LEN];

	(void)state;
	load("tile-0-000.p-3", &in);
	assert_int_equal(in.len, 3 * SHA256_LEN);
	for (size_t i = 0; i < 3; i++)
		assert_ok(tree_append(&edge, in.data + i * SHA256_LEN, &err), err);
	assert_ok(tree_root(&edge, root, &err), err);
	load("consistency.receipt", &in);
	assert_ok(receipt_parse(buf_bytes(&in), &receipt, &err), err);
	assert_ok(receipt_verify(&receipt, receipt_key, ORIGIN, root, NULL, &err), err);
}

/* The whole way: the record's signature, its leaf, the leaf's hash, the receipt. */
static void statement__recorded__leads_to_its_leaf_and_receipt(void **state)
{
	struct record *record = calloc(1, sizeof(*record));
	uint8_t hash[SHA256_LEN];

	(void)state;
	assert_non_null(record);
	load("decision.scitt", &in);
	assert_ok(transparent_parse(buf_bytes(&in), &transparent, &err), err);
	assert_true(transparent.salted);
	assert_ok(record_open(buf_bytes(&transparent.statement), signing_key, record, &err), err);
	assert_true(bytes_equal_str(record->workload, "ocr-agent"));
	assert_ok(statement_leaf(buf_bytes(&transparent.statement), transparent.salt, &leaf, &err),
		err);
	assert_ok(leaf_hash(buf_bytes(&leaf), hash, &err), err);
	assert_memory_equal(hash, id, SHA256_LEN);
	assert_int_equal(transparent.receipt_count, 1);
	assert_ok(receipt_parse(transparent.receipts[0], &receipt, &err), err);
	assert_ok(receipt_verify(&receipt, receipt_key, ORIGIN, hash, NULL, &err), err);
	free(record);
}

static void proof__recorded__verifies_and_brings_the_salt(void **state)
{
	struct checkpoint checkpoint;

	(void)state;
	load("decision.tlog-proof", &in);
	assert_ok(tlog_proof_parse(buf_bytes(&in), &proof, &err), err);
	assert_ok(tlog_proof_verify(&proof, &log_key, id, &checkpoint, &err), err);
	assert_int_equal(proof.extra.len, LEDGER_SALT_LEN);
	assert_true(bytes_equal_str(checkpoint.origin, ORIGIN));
}

/* T5, T12: nothing in the statement is without meaning. */
static void T12__recorded_statement_with_a_flipped_bit__leads_nowhere(void **state)
{
	struct record *record = calloc(1, sizeof(*record));
	uint8_t hash[SHA256_LEN];

	(void)state;
	assert_non_null(record);
	load("decision.scitt", &in);
	for (size_t i = 0; i < in.len * 8; i += 3) {
		in.data[i / 8] ^= (uint8_t)(1u << i % 8);
		transparent_release(&transparent);
		receipt_release(&receipt);
		buf_clear(&leaf);
		if (transparent_parse(buf_bytes(&in), &transparent, &err) &&
			record_open(buf_bytes(&transparent.statement), signing_key, record, &err) &&
			statement_leaf(
				buf_bytes(&transparent.statement), transparent.salt, &leaf, &err) &&
			leaf_hash(buf_bytes(&leaf), hash, &err) &&
			receipt_parse(transparent.receipts[0], &receipt, &err) &&
			receipt_verify(&receipt, receipt_key, ORIGIN, hash, NULL, &err))
			fail_msg("bit %zu changes nothing", i);
		in.data[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	free(record);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(receipt__recorded__verifies, teardown),
		cmocka_unit_test_teardown(consistency__recorded__verifies, teardown),
		cmocka_unit_test_teardown(
			statement__recorded__leads_to_its_leaf_and_receipt, teardown),
		cmocka_unit_test_teardown(proof__recorded__verifies_and_brings_the_salt, teardown),
		cmocka_unit_test_teardown(
			T12__recorded_statement_with_a_flipped_bit__leads_nowhere, teardown),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
