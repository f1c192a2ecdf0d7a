/* SPDX-License-Identifier: Apache-2.0 */
/* COSE receipts of inclusion and of consistency. */
#include "ledger/receipt.h"

#include "base/text.h"
#include "crypto/note.h"
#include "tests/support/tree_proof.h"
#include "tests/support/unit.h"
#include "tests/support/vectors.h"

#define LEAVES 40u
#define ORIGIN "bank.example/log"

static uint8_t leaves[LEAVES][SHA256_LEN];
static struct key *key, *other, *ed;
static struct receipt receipt;
static struct buf seal, out, hashes, again;
static struct err err;

static int group_setup(void **state)
{
	(void)state;
	for (unsigned i = 0; i < LEAVES; i++) {
		char word[32];

		(void)snprintf(word, sizeof(word), "leaf %u", i);
		assert_ok(leaf_hash(bytes_str(word), leaves[i], &err), err);
	}
	assert_ok(key_generate(KEY_EC_P256, &key, &err), err);
	assert_ok(key_generate(KEY_EC_P256, &other, &err), err);
	assert_ok(key_generate(KEY_ED25519, &ed, &err), err);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	key_unref(&key);
	key_unref(&other);
	key_unref(&ed);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	receipt_release(&receipt);
	buf_release(&seal);
	buf_release(&out);
	buf_release(&hashes);
	buf_release(&again);
	return 0;
}

static struct tile_source source(void)
{
	return (struct tile_source){.size = LEAVES, .read = tree_proof_read, .arg = leaves};
}

static void root_of(uint64_t size, uint8_t root[SHA256_LEN])
{
	struct tile_source tiles = source();

	assert_ok(tiles_root(&tiles, size, root, &err), err);
}

static void write_proof(enum receipt_kind kind, uint64_t from, uint64_t size)
{
	struct tile_source tiles = source();
	struct receipt_proof proof = {.kind = kind, .size = size, .from = from};

	buf_clear(&hashes);
	buf_clear(&out);
	if (kind == RECEIPT_INCLUSION)
		assert_ok(tiles_inclusion(&tiles, from, size, &hashes, &err), err);
	else
		assert_ok(tiles_consistency(&tiles, from, size, &hashes, &err), err);
	proof.hashes = buf_bytes(&hashes);
	assert_ok(receipt_write(buf_bytes(&seal), &proof, &out, &err), err);
}

static void make(enum receipt_kind kind, uint64_t from, uint64_t size)
{
	uint8_t root[SHA256_LEN];

	root_of(size, root);
	buf_clear(&seal);
	assert_ok(receipt_seal(key, ORIGIN, size, root, &seal, &err), err);
	write_proof(kind, from, size);
}

static void read_back(void)
{
	receipt_release(&receipt);
	assert_ok(receipt_parse(buf_bytes(&out), &receipt, &err), err);
}

static void inclusion__every_leaf__written_read_and_verified(void **state)
{
	uint8_t root[SHA256_LEN], wanted[SHA256_LEN];

	(void)state;
	for (uint64_t size = 1; size <= LEAVES; size += 13)
		for (uint64_t i = 0; i < size; i++) {
			make(RECEIPT_INCLUSION, i, size);
			read_back();
			assert_int_equal(receipt.proof.size, size);
			assert_int_equal(receipt.proof.from, i);
			assert_ok(
				receipt_verify(&receipt, key, ORIGIN, leaves[i], root, &err), err);
			root_of(size, wanted);
			assert_memory_equal(root, wanted, SHA256_LEN);
			assert_int_equal(receipt.message.alg, -7);
			assert_bytes(receipt.message.kid, bytes_of(key_id(key), SHA256_LEN));
		}
}

static void seal__one_for_a_tree__serves_every_leaf_of_it(void **state)
{
	(void)state;
	make(RECEIPT_INCLUSION, 0, 13);
	for (uint64_t i = 0; i < 13; i++) {
		write_proof(RECEIPT_INCLUSION, i, 13);
		read_back();
		assert_ok(receipt_verify(&receipt, key, ORIGIN, leaves[i], NULL, &err), err);
	}
}

static void consistency__every_pair__written_read_and_verified(void **state)
{
	uint8_t old_root[SHA256_LEN], root[SHA256_LEN], wanted[SHA256_LEN];

	(void)state;
	for (uint64_t size = 1; size <= 14; size++)
		for (uint64_t old = 1; old <= size; old++) {
			make(RECEIPT_CONSISTENCY, old, size);
			read_back();
			root_of(old, old_root);
			assert_ok(receipt_verify(&receipt, key, ORIGIN, old_root, root, &err), err);
			root_of(size, wanted);
			assert_memory_equal(root, wanted, SHA256_LEN);
			old_root[5] ^= 1;
			assert_false(receipt_verify(&receipt, key, ORIGIN, old_root, NULL, &err));
		}
}

/* T5: a receipt has no bit that does not matter. */
static void T5__receipt_with_a_flipped_bit__never_verifies(void **state)
{
	(void)state;
	make(RECEIPT_INCLUSION, 7, 13);
	for (size_t i = 0; i < out.len * 8; i++) {
		out.data[i / 8] ^= (uint8_t)(1u << i % 8);
		receipt_release(&receipt);
		if (receipt_parse(buf_bytes(&out), &receipt, &err) &&
			receipt_verify(&receipt, key, ORIGIN, leaves[7], NULL, &err))
			fail_msg("bit %zu changes nothing", i);
		out.data[i / 8] ^= (uint8_t)(1u << i % 8);
	}
}

static void T5__receipt_cut_or_longer__refused(void **state)
{
	(void)state;
	make(RECEIPT_INCLUSION, 7, 13);
	for (size_t n = 0; n < out.len; n++)
		assert_false(receipt_parse(bytes_of(out.data, n), &receipt, &err));
	buf_put_u8(&out, 0);
	assert_fails(receipt_parse(buf_bytes(&out), &receipt, &err), err, ERR_FORMAT,
		"receipt: COSE_Sign1: trailing bytes at offset 291");
}

static void T5__proof_of_another_leaf_or_place__refused(void **state)
{
	struct receipt_proof proof;

	(void)state;
	make(RECEIPT_INCLUSION, 7, 13);
	read_back();
	assert_fails(receipt_verify(&receipt, key, ORIGIN, leaves[8], NULL, &err), err,
		ERR_MISMATCH,
		"receipt: COSE_Sign1: signature: does not verify with this ECDSA P-256 key");
	proof = receipt.proof;
	proof.from = 8;
	assert_ok(receipt_write(buf_bytes(&seal), &proof, &again, &err), err);
	receipt_release(&receipt);
	assert_ok(receipt_parse(buf_bytes(&again), &receipt, &err), err);
	assert_false(receipt_verify(&receipt, key, ORIGIN, leaves[7], NULL, &err));
}

/* T6: the receipt of a subtree's root, given as a leaf's, leads nowhere: a leaf is hashed otherwise. */
static void T6__node_given_as_a_leaf__never_verifies(void **state)
{
	uint8_t node[SHA256_LEN], leaf[SHA256_LEN], both[2 * SHA256_LEN];
	struct receipt_proof proof = {.kind = RECEIPT_INCLUSION, .size = 2, .from = 1};

	(void)state;
	make(RECEIPT_INCLUSION, 2, 4);
	assert_ok(tree_node_hash(leaves[2], leaves[3], node, &err), err);
	proof.hashes = bytes_of(hashes.data + SHA256_LEN, SHA256_LEN);
	assert_ok(receipt_write(buf_bytes(&seal), &proof, &again, &err), err);
	assert_ok(receipt_parse(buf_bytes(&again), &receipt, &err), err);
	/* So the node itself "is" in a tree of two: what stands for an entry must be its hash. */
	assert_ok(receipt_verify(&receipt, key, NULL, node, NULL, &err), err);
	memcpy(both, leaves[2], SHA256_LEN);
	memcpy(both + SHA256_LEN, leaves[3], SHA256_LEN);
	assert_ok(leaf_hash(BYTES_OF(both), leaf, &err), err);
	assert_false(receipt_verify(&receipt, key, NULL, leaf, NULL, &err));
}

static void T8__another_logs_key_or_name__refused(void **state)
{
	(void)state;
	make(RECEIPT_INCLUSION, 7, 13);
	read_back();
	assert_fails(receipt_verify(&receipt, other, ORIGIN, leaves[7], NULL, &err), err,
		ERR_MISMATCH,
		"receipt: COSE_Sign1: signature: does not verify with this ECDSA P-256 key");
	assert_fails(receipt_verify(&receipt, key, "other.example/log", leaves[7], NULL, &err), err,
		ERR_MISMATCH, "receipt: of log \"bank.example/log\", not other.example/log");
	assert_ok(receipt_verify(&receipt, key, NULL, leaves[7], NULL, &err), err);
	assert_false(receipt_verify(&receipt, ed, ORIGIN, leaves[7], NULL, &err));
}

/* Leaf 7 has one path in trees of 12 and 13 leaves alike: RFC 9942 alone would not tell them apart. */
static void T5__receipt_of_another_size__refused(void **state)
{
	struct receipt_proof proof;

	(void)state;
	make(RECEIPT_INCLUSION, 7, 13);
	read_back();
	proof = receipt.proof;
	proof.size = 12;
	assert_ok(receipt_write(buf_bytes(&seal), &proof, &again, &err), err);
	receipt_release(&receipt);
	assert_ok(receipt_parse(buf_bytes(&again), &receipt, &err), err);
	assert_ok(receipt_verify(&receipt, key, NULL, leaves[7], NULL, &err), err);
	assert_fails(receipt_verify(&receipt, key, ORIGIN, leaves[7], NULL, &err), err,
		ERR_MISMATCH, "receipt: signed for \"tree/13\", not tree/12");
}

static void T8__receipt_of_the_other_kind__refused(void **state)
{
	uint8_t old_root[SHA256_LEN];

	(void)state;
	make(RECEIPT_CONSISTENCY, 4, 13);
	read_back();
	root_of(4, old_root);
	assert_ok(receipt_verify(&receipt, key, ORIGIN, old_root, NULL, &err), err);
	receipt.proof.kind = RECEIPT_NONE;
	assert_fails(receipt_verify(&receipt, key, ORIGIN, old_root, NULL, &err), err, ERR_USAGE,
		"receipt: no proof was read");
}

static void sealed_with(int64_t vds, bool detached)
{
	const struct cose_sign_options options = {
		.iss = ORIGIN, .sub = "tree/13", .vds = vds, .detached = detached};
	uint8_t root[SHA256_LEN];

	root_of(13, root);
	buf_clear(&seal);
	assert_ok(cose_sign1_sign(key, &options, BYTES_OF(root), (struct bytes){0}, &seal, &err),
		err);
	write_proof(RECEIPT_INCLUSION, 7, 13);
}

static void receipt__of_another_structure_or_with_a_payload__refused(void **state)
{
	(void)state;
	sealed_with(2, true);
	assert_fails(receipt_parse(buf_bytes(&out), &receipt, &err), err, ERR_UNSUPPORTED,
		"receipt: verifiable data structure 2: only 1, RFC9162_SHA256");
	sealed_with(0, true);
	assert_fails(receipt_parse(buf_bytes(&out), &receipt, &err), err, ERR_UNSUPPORTED,
		"receipt: verifiable data structure 0: only 1, RFC9162_SHA256");
	sealed_with(1, false);
	assert_fails(receipt_parse(buf_bytes(&out), &receipt, &err), err, ERR_FORMAT,
		"receipt: payload: expected none");
	sealed_with(1, true);
	read_back();
}

/* What is wrapped around the seal, as CBOR in hexadecimal: {396: …}; and the signature's head. */
static bool wrapped_with(const char *unprotected, struct bytes head)
{
	struct buf raw = {0};
	struct bytes signature;
	struct cose_sign1 message;
	bool ok;

	make(RECEIPT_INCLUSION, 1, 2);
	assert_ok(cose_sign1_parse(buf_bytes(&seal), &message, &err), err);
	signature = message.signature;
	buf_clear(&out);
	buf_put(&out, BYTES_LIT("\xd2\x84\x58"));
	buf_put_u8(&out, (uint8_t)message.protected_.len);
	buf_put(&out, message.protected_);
	assert_ok(hex_decode(bytes_str(unprotected), 4096, &raw, &err), err);
	buf_put(&out, buf_bytes(&raw));
	buf_put_u8(&out, 0xf6);
	buf_put(&out, head);
	buf_put(&out, signature);
	buf_release(&raw);
	receipt_release(&receipt);
	err = (struct err){0};
	ok = receipt_parse(buf_bytes(&out), &receipt, &err);
	return ok;
}

static bool wrapped(const char *unprotected)
{
	return wrapped_with(unprotected, BYTES_LIT("\x58\x40"));
}
#define HASH "5820aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

#define INCLUSION   "a119018ca12081"
#define CONSISTENCY "a119018ca12181"

static void receipt__unsigned_part_in_another_form__refused(void **state)
{
	static const struct {
		const char *unprotected, *why;
	} cases[] = {
		{"a0", "proofs: missing"},
		{"a119018ca0", "expected one"},
		{"a119018ca12080", "proofs: expected one"},
		{"a119018ca22081418021814180", "expected one"},
		{"a119018ca122814180", "proofs: unknown key"},
		{"a119018ca1208241804180", "too many items"},
		{"a219018ca12081582683020181" HASH "19018d00", "unknown key"},
		{INCLUSION "582683020181" HASH, NULL},
		{INCLUSION "582683020081" HASH, NULL},
		/* the tree's size in a longer form than it needs */
		{INCLUSION "58278318020181" HASH, "shortest"},
		{INCLUSION "582684020181" HASH, ""},
		{INCLUSION "582784020181" HASH "00", "too many items"},
		{INCLUSION "43820201", "expected three items"},
		{INCLUSION "582683020281" HASH, "a leaf outside its tree"},
		{INCLUSION "43830000", ""},
		{INCLUSION "4483000080", "a leaf outside its tree"},
		{INCLUSION "4483010080", NULL},
		{INCLUSION "458301008000", "trailing bytes"},
		{CONSISTENCY "4483000180", "no older tree"},
		{CONSISTENCY "4483020180", "no older tree"},
		{CONSISTENCY "4483010180", NULL},
		{INCLUSION "468302018141aa", "expected 32"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool ok = wrapped(cases[i].unprotected);

		if (ok != !cases[i].why)
			fail_msg("case %zu: %s", i, ok ? "accepted" : err.text);
		if (cases[i].why && !strstr(err.text, cases[i].why))
			fail_msg("case %zu: \"%s\", wanted \"%s\"", i, err.text, cases[i].why);
	}
}

/* The same message with a head of three bytes where two do. */
static void receipt__envelope_in_another_form__refused(void **state)
{
	(void)state;
	assert_true(wrapped(INCLUSION "582683020181" HASH));
	assert_false(wrapped_with(INCLUSION "582683020181" HASH, BYTES_LIT("\x59\x00\x40")));
	assert_non_null(strstr(err.text, "receipt: not in shortest form"));
}

static void receipt__larger_than_any__refused(void **state)
{
	static const uint8_t big[RECEIPT_MAX + 1];

	(void)state;
	assert_fails(receipt_parse(BYTES_OF(big), &receipt, &err), err, ERR_LIMIT,
		"receipt: 8193 bytes: more than 8192");
}

static void write__what_is_no_proof__refused(void **state)
{
	static const struct receipt_proof bad[] = {
		{.kind = RECEIPT_NONE, .size = 1},
		{.kind = RECEIPT_INCLUSION, .size = 0, .from = 0},
		{.kind = RECEIPT_INCLUSION, .size = 2, .from = 2},
		{.kind = RECEIPT_CONSISTENCY, .size = 2, .from = 0},
		{.kind = RECEIPT_CONSISTENCY, .size = 2, .from = 3},
	};
	struct receipt_proof ragged = {
		.kind = RECEIPT_INCLUSION, .size = 2, .hashes = BYTES_LIT("abc")};

	(void)state;
	make(RECEIPT_INCLUSION, 1, 2);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_fails(receipt_write(buf_bytes(&seal), &bad[i], &again, &err), err, ERR_USAGE,
			"receipt: a proof of no tree");
	assert_fails(receipt_write(buf_bytes(&seal), &ragged, &again, &err), err, ERR_USAGE,
		"receipt: 3 bytes are no list of hashes");
}

/* Made by others: an EdDSA receipt whose entry is the bytes "leaf 42" in a tree of 300. */
static void foreign_receipt__verified_and_bent__refused(void **state)
{
	struct note_key log = {0};
	uint8_t leaf[SHA256_LEN];

	(void)state;
	if (!vectors_read("made/cose/receipt-leaf42.cbor", &out))
		skip();
	assert_ok(note_key_parse(bytes_str("log.example/agents+255f0c9a+"
					   "AZa2H81uG2Yqm9rJVSMO11mF8FzrPyIyvbSPmgY/+vSW"),
			  &log, &err),
		err);
	read_back();
	assert_ok(leaf_hash(BYTES_LIT("leaf 42"), leaf, &err), err);
	assert_ok(receipt_verify(&receipt, log.key, NULL, leaf, NULL, &err), err);
	assert_bytes(receipt.message.iss, BYTES_LIT("log.example/agents"));
	assert_int_equal(receipt.proof.size, 300);
	assert_int_equal(receipt.proof.from, 42);
	for (size_t i = 0; i < out.len * 8; i++) {
		out.data[i / 8] ^= (uint8_t)(1u << i % 8);
		receipt_release(&receipt);
		/* The tree's size is not signed: RFC 9942. */
		if (receipt_parse(buf_bytes(&out), &receipt, &err) && receipt.proof.size == 300)
			assert_false(receipt_verify(&receipt, log.key, NULL, leaf, NULL, &err));
		out.data[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	note_key_release(&log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			inclusion__every_leaf__written_read_and_verified, teardown),
		cmocka_unit_test_teardown(seal__one_for_a_tree__serves_every_leaf_of_it, teardown),
		cmocka_unit_test_teardown(
			consistency__every_pair__written_read_and_verified, teardown),
		cmocka_unit_test_teardown(T5__receipt_with_a_flipped_bit__never_verifies, teardown),
		cmocka_unit_test_teardown(T5__receipt_cut_or_longer__refused, teardown),
		cmocka_unit_test_teardown(T5__proof_of_another_leaf_or_place__refused, teardown),
		cmocka_unit_test_teardown(T6__node_given_as_a_leaf__never_verifies, teardown),
		cmocka_unit_test_teardown(T5__receipt_of_another_size__refused, teardown),
		cmocka_unit_test_teardown(T8__another_logs_key_or_name__refused, teardown),
		cmocka_unit_test_teardown(T8__receipt_of_the_other_kind__refused, teardown),
		cmocka_unit_test_teardown(
			receipt__of_another_structure_or_with_a_payload__refused, teardown),
		cmocka_unit_test_teardown(
			receipt__unsigned_part_in_another_form__refused, teardown),
		cmocka_unit_test_teardown(receipt__envelope_in_another_form__refused, teardown),
		cmocka_unit_test_teardown(receipt__larger_than_any__refused, teardown),
		cmocka_unit_test_teardown(write__what_is_no_proof__refused, teardown),
		cmocka_unit_test_teardown(foreign_receipt__verified_and_bent__refused, teardown),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
