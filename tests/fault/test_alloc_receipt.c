/* SPDX-License-Identifier: Apache-2.0 */
/* S12: memory runs out at every allocation of giving a receipt and of believing one. */
#include "tests/fault/alloc.h"

#include "ledger/receipt.h"

#define ORIGIN "bank.example/log"

static struct key *key;
static struct record record;
static struct receipt receipt;
static struct transparent transparent;
static struct buf seal, written, statement, carried, leaf, out;
static uint8_t salt[LEDGER_SALT_LEN], leaves[2][SHA256_LEN], root[SHA256_LEN];
static struct err err;

static struct receipt_proof proof(void)
{
	return (struct receipt_proof){
		.kind = RECEIPT_INCLUSION, .size = 2, .from = 1, .hashes = BYTES_OF(leaves[0])};
}

static int setup(void **state)
{
	const struct receipt_proof one = proof();
	(void)state;
	record = (struct record){.time = 1800000000,
		.purpose = PURPOSE_LAUNCH,
		.verifier_id = BYTES_LIT("spiffe://bank.example/verifier")};
	memset(leaves[1], 1, SHA256_LEN);
	assert_ok(key_generate(KEY_EC_P256, &key, &err), err);
	assert_ok(tree_node_hash(leaves[0], leaves[1], root, &err), err);
	assert_ok(receipt_seal(key, ORIGIN, 2, root, &seal, &err), err);
	assert_ok(receipt_write(buf_bytes(&seal), &one, &written, &err), err);
	assert_ok(record_sign(&record, key, &statement, &err), err);
	const struct bytes receipts = buf_bytes(&written);
	assert_ok(
		transparent_write(buf_bytes(&statement), salt, &receipts, 1, &carried, &err), err);
	assert_ok(statement_leaf(buf_bytes(&statement), salt, &leaf, &err), err);
	return 0;
}

static int teardown(void **state)
{
	struct buf *all[] = {&seal, &written, &statement, &carried, &leaf, &out};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		buf_release(all[i]);
	key_unref(&key);
	return 0;
}

static void output_release(void)
{
	buf_release(&out);
}

static bool run_seal(struct err *why)
{
	return receipt_seal(key, ORIGIN, 2, root, &out, why);
}
static void check_seal(void)
{
	struct cose_sign1 message;
	assert_ok(cose_sign1_parse(buf_bytes(&out), &message, &err), err);
	assert_ok(cose_sign1_verify(&message, key, BYTES_OF(root), (struct bytes){0}, &err), err);
}
static bool run_write(struct err *why)
{
	const struct receipt_proof one = proof();
	return receipt_write(buf_bytes(&seal), &one, &out, why);
}
static void check_write(void)
{
	assert_bytes(buf_bytes(&out), buf_bytes(&written));
}
static bool run_verify(struct err *why)
{
	return receipt_parse(buf_bytes(&written), &receipt, why) &&
	       receipt_verify(&receipt, key, ORIGIN, leaves[1], NULL, why);
}
static void check_verify(void)
{
	assert_int_equal(receipt.proof.size, 2);
}
static void release_verify(void)
{
	receipt_release(&receipt);
}
static bool run_carry(struct err *why)
{
	const struct bytes receipts = buf_bytes(&written);
	return transparent_write(buf_bytes(&statement), salt, &receipts, 1, &out, why);
}
static void check_carry(void)
{
	assert_bytes(buf_bytes(&out), buf_bytes(&carried));
}
static bool run_read(struct err *why)
{
	return transparent_parse(buf_bytes(&carried), &transparent, why) &&
	       statement_leaf(buf_bytes(&transparent.statement), transparent.salt, &out, why);
}
static void check_read(void)
{
	assert_bytes(buf_bytes(&out), buf_bytes(&leaf));
}
static void release_read(void)
{
	transparent_release(&transparent);
	buf_release(&out);
}

static void S12__receipt__out_of_memory_or_whole(void **state)
{
	static const struct fault_case cases[] = {
		{run_seal, check_seal, output_release},
		{run_write, check_write, output_release},
		{run_verify, check_verify, release_verify},
		{run_carry, check_carry, output_release},
		{run_read, check_read, release_read},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		fault_case_run(&cases[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(
		S12__receipt__out_of_memory_or_whole, setup, teardown)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
