/* SPDX-License-Identifier: Apache-2.0 */
/* Leaves and the tree: known roots, every proof up to a size, and every way to bend one. */
#include "ledger/ledger.h"

#include <stdlib.h>

#include "base/text.h"
#include "tests/support/tree_proof.h"
#include "tests/support/unit.h"
#include "tests/unit/policy/extra_key.h"
#include "tests/support/vectors.h"

#define LEAVES 40u

static struct err err;
static uint8_t leaves[LEAVES][SHA256_LEN];
static uint8_t roots[LEAVES + 1][SHA256_LEN]; /* of the first n leaves */

static void leaf_n(uint64_t n, uint8_t out[SHA256_LEN])
{
	char text[32];

	snprintf(text, sizeof(text), "leaf %llu", (unsigned long long)n);
	assert_ok(leaf_hash(bytes_str(text), out, &err), err);
}

static int group_setup(void **state)
{
	struct tree_edge edge = {0};

	(void)state;
	for (unsigned i = 0; i <= LEAVES; i++) {
		assert_ok(tree_root(&edge, roots[i], &err), err);
		if (i == LEAVES)
			break;
		leaf_n(i, leaves[i]);
		assert_ok(tree_append(&edge, leaves[i], &err), err);
	}
	return 0;
}

static void assert_hex(const uint8_t digest[SHA256_LEN], const char *wanted)
{
	char text[2 * SHA256_LEN + 1];

	hex_encode(bytes_of(digest, SHA256_LEN), text);
	assert_string_equal(text, wanted);
}

static void root__known_trees__known_roots(void **state)
{
	static const struct {
		uint64_t size;
		const char *root;
	} known[] = {
		{0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{1, "1bb97dcc21635d47e2663efdfd0a174686d98dd701352dd2cd06e8b43fd3d305"},
		{2, "fc5f6b88ff8554f75bb2f9e6f39c31b1936d44b69276edf7b1205a955b9761e3"},
		{3, "d4f92c8fbb89720eb3b55677c7d7efaddfeb10d11a1a84a0ba8f1a23337faa95"},
		{7, "5a61fc2b54f9cfa71774f2432143dd40c6cb2b11947faf65a7d3da5cb65199c8"},
		{255, "d71592a219d4067663eede247f9b54c3f9e0290682d55de09b495b07f1de41c9"},
		{256, "cf5effdb11d0927a2edf53b0e73c7837f659414e00537da5d90eb5c4c49ff274"},
		{257, "855b936aa00cb98b5114484249ad39d78a6be93623e26c01e8e487dc02184a5a"},
		{300, "e7afc82d38944fc7930545328091d45823288c1f734cbdac06396713ebd4b5d5"},
	};
	struct tree_edge edge = {0};
	uint8_t hash[SHA256_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		while (edge.size < known[i].size) {
			leaf_n(edge.size, hash);
			assert_ok(tree_append(&edge, hash, &err), err);
		}
		assert_ok(tree_root(&edge, hash, &err), err);
		assert_hex(hash, known[i].root);
		assert_int_equal(edge.count, __builtin_popcountll(edge.size));
	}
}

/* T6: 0x00 and 0x01 keep leaves and nodes apart. */
static void T6__node_given_as_a_leaf__another_hash(void **state)
{
	uint8_t two[2 * SHA256_LEN], hash[SHA256_LEN];

	(void)state;
	memcpy(two, leaves[0], SHA256_LEN);
	memcpy(two + SHA256_LEN, leaves[1], SHA256_LEN);
	assert_ok(leaf_hash(BYTES_OF(two), hash, &err), err);
	assert_memory_not_equal(hash, roots[2], SHA256_LEN);
}

static void edge__encoded__read_back_and_grows_on(void **state)
{
	struct tree_edge edge = {0}, back;
	struct buf out = {0}, longer = {0};
	uint8_t root[SHA256_LEN];

	(void)state;
	for (unsigned i = 0; i < 21; i++)
		assert_ok(tree_append(&edge, leaves[i], &err), err);
	assert_ok(tree_edge_encode(&edge, &out, &err), err);
	assert_ok(tree_edge_decode(buf_bytes(&out), &back, &err), err);
	for (size_t n = 0; n < out.len; n++)
		assert_false(tree_edge_decode(bytes_of(out.data, n), &edge, &err));
	extra_key_first(buf_bytes(&out), 0, &longer);
	assert_false(tree_edge_decode(buf_bytes(&longer), &edge, &err));
	buf_release(&longer);
	assert_ok(tree_append(&back, leaves[21], &err), err);
	assert_ok(tree_root(&back, root, &err), err);
	assert_memory_equal(root, roots[22], SHA256_LEN);
	buf_release(&out);
}

static void edge__nodes_do_not_fit_the_size__refused(void **state)
{
	struct tree_edge edge = {.size = 3, .count = 1};
	struct buf out = {0};
	uint8_t root[SHA256_LEN];

	(void)state;
	assert_fails(tree_root(&edge, root, &err), err, ERR_FORMAT,
		"tree: 1 edge nodes do not fit its size");
	assert_false(tree_append(&edge, leaves[0], &err));
	assert_false(tree_edge_encode(&edge, &out, &err));
	edge = (struct tree_edge){.size = UINT64_MAX, .count = 64};
	assert_fails(tree_append(&edge, leaves[0], &err), err, ERR_LIMIT, "tree: full");
	buf_release(&out);
}

static void inclusion__every_leaf_of_every_tree__proved(void **state)
{
	(void)state;
	for (uint64_t size = 1; size <= LEAVES; size++)
		for (uint64_t i = 0; i < size; i++) {
			struct buf proof = {0};

			assert_ok(tree_inclusion_proof((const uint8_t(*)[SHA256_LEN])leaves, size,
					  i, &proof, &err),
				err);
			assert_ok(tree_inclusion_check(
					  i, size, leaves[i], buf_bytes(&proof), roots[size], &err),
				err);
			buf_release(&proof);
		}
}

static void inclusion__no_such_leaf__error(void **state)
{
	struct buf proof = {0};

	(void)state;
	assert_fails(tree_inclusion_proof((const uint8_t(*)[SHA256_LEN])leaves, 3, 3, &proof, &err),
		err, ERR_USAGE, "tiles: no leaf 3 in a tree of 3");
	buf_release(&proof);
}

/* T5: whatever is changed in a proof, its position or its root, it proves nothing any more. */
static void T5__inclusion_proof_bent__refused(void **state)
{
	struct buf proof = {0};
	const uint64_t size = 13, index = 12;
	uint8_t root[SHA256_LEN];

	(void)state;
	assert_ok(tree_inclusion_proof(
			  (const uint8_t(*)[SHA256_LEN])leaves, size, index, &proof, &err),
		err);
	for (size_t i = 0; i < proof.len; i++) {
		proof.data[i] ^= 1;
		assert_false(tree_inclusion_check(
			index, size, leaves[index], buf_bytes(&proof), roots[size], &err));
		assert_int_equal(err.code, ERR_MISMATCH);
		proof.data[i] ^= 1;
	}
	for (uint64_t other = 0; other < 2 * size; other++)
		if (other != index)
			assert_false(tree_inclusion_check(
				other, size, leaves[index], buf_bytes(&proof), roots[size], &err));
	assert_fails(
		tree_inclusion_check(size, size, leaves[0], buf_bytes(&proof), roots[size], &err),
		err, ERR_MISMATCH, "proof: leaf 13 is outside a tree of 13");
	assert_false(
		tree_inclusion_check(index, size, leaves[0], buf_bytes(&proof), roots[size], &err));
	memcpy(root, roots[size], SHA256_LEN);
	root[31] ^= 1;
	assert_false(
		tree_inclusion_check(index, size, leaves[index], buf_bytes(&proof), root, &err));
	buf_release(&proof);
}

static void T5__inclusion_proof_shorter_longer_or_ragged__refused(void **state)
{
	struct buf proof = {0};

	(void)state;
	assert_ok(tree_inclusion_proof((const uint8_t(*)[SHA256_LEN])leaves, 8, 3, &proof, &err),
		err);
	assert_fails(tree_inclusion_check(3, 8, leaves[3],
			     bytes_of(proof.data, proof.len - SHA256_LEN), roots[8], &err),
		err, ERR_MISMATCH, "proof: shorter than the tree is high");
	assert_fails(tree_inclusion_check(
			     3, 8, leaves[3], bytes_of(proof.data, proof.len - 1), roots[8], &err),
		err, ERR_FORMAT, "proof: 95 bytes are no list of hashes");
	buf_put(&proof, BYTES_OF(leaves[0]));
	assert_fails(tree_inclusion_check(3, 8, leaves[3], buf_bytes(&proof), roots[8], &err), err,
		ERR_MISMATCH, "proof: longer than the tree is high");
	while (proof.len <= LEDGER_EDGE_MAX * SHA256_LEN)
		buf_put(&proof, BYTES_OF(leaves[0]));
	assert_false(
		tree_inclusion_check(3, UINT64_MAX, leaves[3], buf_bytes(&proof), roots[8], &err));
	assert_int_equal(err.code, ERR_FORMAT);
	buf_release(&proof);
}

/* The proof between two sizes, straight from RFC 9162 section 2.1.4.1. */
static void subproof(
	uint64_t m, const uint8_t (*d)[SHA256_LEN], uint64_t n, bool whole, struct buf *out)
{
	struct tree_edge edge = {0};
	uint8_t root[SHA256_LEN];
	uint64_t k = 1;

	if (m == n) {
		for (uint64_t i = 0; i < n; i++)
			assert_ok(tree_append(&edge, d[i], &err), err);
		assert_ok(tree_root(&edge, root, &err), err);
		if (!whole)
			buf_put(out, BYTES_OF(root));
		return;
	}
	while (2 * k < n)
		k *= 2;
	subproof(m <= k ? m : m - k, m <= k ? d : d + k, m <= k ? k : n - k, m <= k && whole, out);
	for (uint64_t i = m <= k ? k : 0; i < (m <= k ? n : k); i++)
		assert_ok(tree_append(&edge, d[i], &err), err);
	assert_ok(tree_root(&edge, root, &err), err);
	buf_put(out, BYTES_OF(root));
}

static void consistency__every_pair_of_sizes__proved(void **state)
{
	(void)state;
	for (uint64_t n = 1; n <= LEAVES; n++)
		for (uint64_t m = 1; m <= n; m++) {
			struct buf proof = {0};

			if (m < n)
				subproof(m, (const uint8_t(*)[SHA256_LEN])leaves, n, true, &proof);
			assert_ok(tree_consistency_check(
					  m, n, roots[m], roots[n], buf_bytes(&proof), &err),
				err);
			if (proof.len > 0) {
				proof.data[proof.len - 1] ^= 1;
				assert_false(tree_consistency_check(
					m, n, roots[m], roots[n], buf_bytes(&proof), &err));
				proof.data[proof.len - 1] ^= 1;
				assert_false(tree_consistency_check(
					m, n, roots[m - 1], roots[n], buf_bytes(&proof), &err));
				assert_false(tree_consistency_check(
					m, n, roots[m], roots[n - 1], buf_bytes(&proof), &err));
				buf_put(&proof, BYTES_OF(leaves[0]));
				assert_false(tree_consistency_check(
					m, n, roots[m], roots[n], buf_bytes(&proof), &err));
			}
			buf_release(&proof);
		}
}

static void T4__smaller_tree_after_a_larger__refused(void **state)
{
	(void)state;
	assert_fails(tree_consistency_check(5, 4, roots[5], roots[4], (struct bytes){0}, &err), err,
		ERR_MISMATCH, "proof: the tree shrank from 5 to 4");
}

static void T3__same_size_other_root__refused(void **state)
{
	(void)state;
	assert_fails(tree_consistency_check(5, 5, roots[5], roots[4], (struct bytes){0}, &err), err,
		ERR_MISMATCH, "proof: leads to another root than the new one");
}

static void consistency__from_nothing__empty_proof_and_root_of_nothing(void **state)
{
	(void)state;
	assert_ok(tree_consistency_check(0, 5, roots[0], roots[5], (struct bytes){0}, &err), err);
	assert_ok(tree_consistency_check(0, 0, roots[0], roots[0], (struct bytes){0}, &err), err);
	assert_false(tree_consistency_check(0, 5, roots[1], roots[5], (struct bytes){0}, &err));
	assert_false(tree_consistency_check(0, 0, roots[1], roots[1], (struct bytes){0}, &err));
	assert_fails(tree_consistency_check(0, 5, roots[0], roots[5], BYTES_OF(leaves[0]), &err),
		err, ERR_MISMATCH, "proof: must be empty here");
	assert_false(tree_consistency_check(5, 5, roots[5], roots[5], BYTES_OF(leaves[0]), &err));
	assert_fails(tree_consistency_check(3, 5, roots[3], roots[5], (struct bytes){0}, &err), err,
		ERR_MISMATCH, "proof: empty");
}

/* A proof file that other programs made and checked: the tree of 300 leaves above, leaf 42. */
static void inclusion__proof_made_elsewhere__proved(void **state)
{
	struct buf file = {0}, proof = {0};
	uint8_t root[SHA256_LEN], leaf[SHA256_LEN];
	struct buf decoded = {0};
	const char *line;

	(void)state;
	if (!vectors_read("made/tlog/leaf42.tlog-proof", &file))
		skip();
	line = strstr(buf_str(&file), "index 42\n");
	assert_non_null(line);
	for (line += strlen("index 42\n"); *line != '\n'; line += strcspn(line, "\n") + 1) {
		assert_ok(base64_decode(bytes_of(line, strcspn(line, "\n")), false, SHA256_LEN,
				  &decoded, &err),
			err);
		buf_put(&proof, buf_bytes(&decoded));
	}
	assert_ok(
		hex_decode(BYTES_LIT("e7afc82d38944fc7930545328091d45823288c1f734cbdac06396713ebd4"
				     "b5d5"),
			SHA256_LEN, &decoded, &err),
		err);
	memcpy(root, decoded.data, SHA256_LEN);
	leaf_n(42, leaf);
	assert_ok(tree_inclusion_check(42, 300, leaf, buf_bytes(&proof), root, &err), err);
	buf_release(&file);
	buf_release(&proof);
	buf_release(&decoded);
}

/* ---- leaves ---- */

static struct leaf some_leaf(void)
{
	struct leaf leaf = {.type = LEAF_DECISION, .time = 1800000000};

	memset(leaf.issuer, 0x15, SHA256_LEN);
	memset(leaf.commitment, 0xc0, SHA256_LEN);
	return leaf;
}

static void leaf__encoded__read_back(void **state)
{
	struct leaf leaf = some_leaf(), back;
	struct buf out = {0}, longer = {0};

	(void)state;
	assert_ok(leaf_encode(&leaf, &out, &err), err);
	assert_true(out.len <= LEDGER_LEAF_MAX);
	assert_ok(leaf_decode(buf_bytes(&out), &back, &err), err);
	assert_int_equal(back.type, LEAF_DECISION);
	assert_int_equal(back.time, 1800000000);
	assert_memory_equal(back.issuer, leaf.issuer, SHA256_LEN);
	assert_memory_equal(back.commitment, leaf.commitment, SHA256_LEN);
	for (size_t n = 0; n < out.len; n++)
		assert_false(leaf_decode(bytes_of(out.data, n), &back, &err));
	extra_key_last(buf_bytes(&out), &longer);
	assert_false(leaf_decode(buf_bytes(&longer), &back, &err));
	buf_put_u8(&out, 0);
	assert_false(leaf_decode(buf_bytes(&out), &back, &err));
	assert_fails(leaf_decode(bytes_of(leaves, LEDGER_LEAF_MAX + 1), &back, &err), err,
		ERR_LIMIT, "leaf: 257 bytes: more than 256");
	buf_release(&out);
	buf_release(&longer);
}

static void leaf__without_type_or_time__refused(void **state)
{
	struct leaf leaf = some_leaf(), back;
	struct buf out = {0};

	(void)state;
	leaf.type = LEAF_NONE;
	assert_false(leaf_encode(&leaf, &out, &err));
	leaf.type = LEAF_TYPES;
	assert_false(leaf_encode(&leaf, &out, &err));
	leaf = some_leaf();
	leaf.time = -1;
	assert_false(leaf_encode(&leaf, &out, &err));
	leaf = some_leaf();
	assert_ok(leaf_encode(&leaf, &out, &err), err);
	out.data[2] = LEAF_NONE; /* a4 00 01 …: the type's value */
	assert_fails(leaf_decode(buf_bytes(&out), &back, &err), err, ERR_FORMAT,
		"leaf: type: none at offset 2");
	out.data[2] = LEAF_TYPES;
	assert_false(leaf_decode(buf_bytes(&out), &back, &err));
	buf_release(&out);
}

static void leaf__every_type__has_a_name(void **state)
{
	(void)state;
	for (unsigned i = 0; i < LEAF_TYPES; i++)
		assert_non_null(leaf_type_name((enum leaf_type)i));
	assert_string_equal(leaf_type_name(LEAF_DECISION), "decision");
	assert_string_equal(leaf_type_name(LEAF_TYPES), "unknown");
}

static void commitment__salt_and_content__digest_of_both(void **state)
{
	static const uint8_t salt[LEDGER_SALT_LEN];
	uint8_t whole[LEDGER_SALT_LEN + 3] = {0}, wanted[SHA256_LEN], out[SHA256_LEN];

	(void)state;
	memcpy(whole + LEDGER_SALT_LEN, "abc", 3);
	assert_ok(sha256_of(BYTES_OF(whole), wanted, &err), err);
	assert_ok(ledger_commitment(salt, BYTES_LIT("abc"), out, &err), err);
	assert_memory_equal(out, wanted, SHA256_LEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test(name)
		T(root__known_trees__known_roots),
		T(T6__node_given_as_a_leaf__another_hash),
		T(edge__encoded__read_back_and_grows_on),
		T(edge__nodes_do_not_fit_the_size__refused),
		T(inclusion__every_leaf_of_every_tree__proved),
		T(inclusion__no_such_leaf__error),
		T(T5__inclusion_proof_bent__refused),
		T(T5__inclusion_proof_shorter_longer_or_ragged__refused),
		T(consistency__every_pair_of_sizes__proved),
		T(T4__smaller_tree_after_a_larger__refused),
		T(T3__same_size_other_root__refused),
		T(consistency__from_nothing__empty_proof_and_root_of_nothing),
		T(inclusion__proof_made_elsewhere__proved),
		T(leaf__encoded__read_back),
		T(leaf__without_type_or_time__refused),
		T(leaf__every_type__has_a_name),
		T(commitment__salt_and_content__digest_of_both),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
