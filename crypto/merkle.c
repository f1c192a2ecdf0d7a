/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking proofs, as RFC 9162 says in sections 2.1.3.2 and 2.1.4.2. fn and sn are the positions of
 * the node and of the last node on the level that the proof has reached.
 */
#include "crypto/merkle.h"

static bool prefixed_hash(
	uint8_t prefix, struct bytes a, struct bytes b, uint8_t out[SHA256_LEN], struct err *err)
{
	const struct bytes parts[] = {bytes_of(&prefix, 1), a, b};
	struct digest digest;

	if (!digest_of_parts(DIGEST_SHA256, parts, ARRAY_LEN(parts), &digest, err))
		return false;
	memcpy(out, digest.bytes, SHA256_LEN);
	return true;
}

bool tree_leaf_hash(struct bytes leaf, uint8_t out[SHA256_LEN], struct err *err)
{
	return prefixed_hash(0x00, leaf, (struct bytes){0}, out, err);
}

bool tree_node_hash(const uint8_t left[SHA256_LEN], const uint8_t right[SHA256_LEN],
	uint8_t out[SHA256_LEN], struct err *err)
{
	return prefixed_hash(
		0x01, bytes_of(left, SHA256_LEN), bytes_of(right, SHA256_LEN), out, err);
}

struct proof {
	struct bytes hashes;
	size_t at;
	uint64_t fn, sn;
};

static bool proof_open(struct bytes hashes, struct proof *ret, struct err *err)
{
	if (hashes.len % SHA256_LEN != 0 || hashes.len / SHA256_LEN > MERKLE_PROOF_MAX)
		return err_set(
			err, ERR_FORMAT, "proof: %zu bytes are no list of hashes", hashes.len);
	*ret = (struct proof){.hashes = hashes};
	return true;
}

/* The next hash, or NULL at the end. */
static const uint8_t *proof_next(struct proof *p)
{
	if (p->at == p->hashes.len)
		return NULL;
	p->at += SHA256_LEN;
	return p->hashes.data + p->at - SHA256_LEN;
}

/* Whether the node is a right child here, or the last one on levels where it has no sibling; those
 * levels are climbed. */
static bool sibling_is_left(struct proof *p)
{
	if (!(p->fn & 1) && p->fn != p->sn)
		return false;
	while (!(p->fn & 1) && p->fn != 0) {
		p->fn >>= 1;
		p->sn >>= 1;
	}
	return true;
}

static bool root_equal(const uint8_t found[SHA256_LEN], const uint8_t root[SHA256_LEN],
	const char *which, struct err *err)
{
	return memcmp(found, root, SHA256_LEN) == 0 ||
	       err_set(err, ERR_MISMATCH, "proof: leads to another root than the %s one", which);
}

bool tree_inclusion_root(uint64_t index, uint64_t size, const uint8_t leaf[SHA256_LEN],
	struct bytes hashes, uint8_t ret_root[SHA256_LEN], struct err *err)
{
	struct proof p = {0};
	uint8_t node[SHA256_LEN];

	if (index >= size)
		return err_set(err, ERR_MISMATCH, "proof: leaf %llu is outside a tree of %llu",
			(unsigned long long)index, (unsigned long long)size);
	if (!proof_open(hashes, &p, err))
		return false;
	p.fn = index;
	p.sn = size - 1;
	memcpy(node, leaf, SHA256_LEN);
	for (const uint8_t *hash; (hash = proof_next(&p));) {
		if (p.sn == 0)
			return err_set(err, ERR_MISMATCH, "proof: longer than the tree is high");
		if (!(sibling_is_left(&p) ? tree_node_hash(hash, node, node, err)
					  : tree_node_hash(node, hash, node, err)))
			return false;
		p.fn >>= 1;
		p.sn >>= 1;
	}
	if (p.sn != 0)
		return err_set(err, ERR_MISMATCH, "proof: shorter than the tree is high");
	memcpy(ret_root, node, SHA256_LEN);
	return true;
}

bool tree_inclusion_check(uint64_t index, uint64_t size, const uint8_t leaf[SHA256_LEN],
	struct bytes hashes, const uint8_t root[SHA256_LEN], struct err *err)
{
	uint8_t found[SHA256_LEN];

	return tree_inclusion_root(index, size, leaf, hashes, found, err) &&
	       root_equal(found, root, "stated", err);
}

/* Climbs from the old tree's last complete subtree to both roots; the old one must be reached. */
static bool consistency_climb(struct proof *p, const uint8_t first[SHA256_LEN],
	const uint8_t old_root[SHA256_LEN], uint8_t ret_root[SHA256_LEN], struct err *err)
{
	uint8_t old_node[SHA256_LEN], new_node[SHA256_LEN];

	memcpy(old_node, first, SHA256_LEN);
	memcpy(new_node, first, SHA256_LEN);
	for (const uint8_t *hash; (hash = proof_next(p));) {
		if (p->sn == 0)
			return err_set(err, ERR_MISMATCH, "proof: longer than the tree is high");
		if (sibling_is_left(p)) {
			if (!tree_node_hash(hash, old_node, old_node, err) ||
				!tree_node_hash(hash, new_node, new_node, err))
				return false;
		} else if (!tree_node_hash(new_node, hash, new_node, err)) {
			return false;
		}
		p->fn >>= 1;
		p->sn >>= 1;
	}
	if (p->sn != 0)
		return err_set(err, ERR_MISMATCH, "proof: shorter than the tree is high");
	if (!root_equal(old_node, old_root, "old", err))
		return false;
	memcpy(ret_root, new_node, SHA256_LEN);
	return true;
}

bool tree_consistency_root(uint64_t old_size, uint64_t new_size, const uint8_t old_root[SHA256_LEN],
	struct bytes hashes, uint8_t ret_root[SHA256_LEN], struct err *err)
{
	struct proof p = {0};
	const uint8_t *first = old_root;

	if (old_size == 0 || old_size > new_size)
		return err_set(err, ERR_MISMATCH, "proof: from a tree of %llu to one of %llu",
			(unsigned long long)old_size, (unsigned long long)new_size);
	if (!proof_open(hashes, &p, err))
		return false;
	if (old_size == new_size) {
		if (hashes.len != 0)
			return err_set(err, ERR_MISMATCH, "proof: must be empty here");
		memcpy(ret_root, old_root, SHA256_LEN);
		return true;
	}
	p.fn = old_size - 1;
	p.sn = new_size - 1;
	while (p.fn & 1) {
		p.fn >>= 1;
		p.sn >>= 1;
	}
	/* An old tree that is one complete subtree is not repeated in the proof. */
	if ((old_size & (old_size - 1)) != 0)
		first = proof_next(&p);
	if (!first)
		return err_set(err, ERR_MISMATCH, "proof: empty");
	return consistency_climb(&p, first, old_root, ret_root, err);
}

/* Every tree contains the empty one, and nothing is to be proven. */
static bool empty_check(const uint8_t old_root[SHA256_LEN], struct bytes hashes, struct err *err)
{
	uint8_t empty[SHA256_LEN];

	if (hashes.len != 0)
		return err_set(err, ERR_MISMATCH, "proof: must be empty here");
	return sha256_of((struct bytes){0}, empty, err) && root_equal(empty, old_root, "old", err);
}

bool tree_consistency_check(uint64_t old_size, uint64_t new_size,
	const uint8_t old_root[SHA256_LEN], const uint8_t new_root[SHA256_LEN], struct bytes hashes,
	struct err *err)
{
	uint8_t found[SHA256_LEN];

	if (old_size > new_size)
		return err_set(err, ERR_MISMATCH, "proof: the tree shrank from %llu to %llu",
			(unsigned long long)old_size, (unsigned long long)new_size);
	if (old_size == 0)
		return empty_check(old_root, hashes, err) &&
		       (new_size != 0 || root_equal(old_root, new_root, "new", err));
	return tree_consistency_root(old_size, new_size, old_root, hashes, found, err) &&
	       root_equal(found, new_root, "new", err);
}
