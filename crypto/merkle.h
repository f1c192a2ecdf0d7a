/* SPDX-License-Identifier: Apache-2.0 */
/* Merkle trees of RFC 9162 (and RFC 6962) over SHA-256: hashes of leaves and nodes, and the checks
 * of proofs. Every transparency log that we meet has this tree. */
#ifndef ASSAY_CRYPTO_MERKLE_H
#define ASSAY_CRYPTO_MERKLE_H

#include "crypto/digest.h"

#define MERKLE_PROOF_MAX 64 /* hashes: a tree is no higher */

/* SHA-256(0x00 || leaf), section 2.1.1. */
must_use bool tree_leaf_hash(struct bytes leaf, uint8_t out[SHA256_LEN], struct err *err);
/* SHA-256(0x01 || left || right): no leaf can be read as a node, nor a node as a leaf. out may be
 * left or right. */
must_use bool tree_node_hash(const uint8_t left[SHA256_LEN], const uint8_t right[SHA256_LEN],
	uint8_t out[SHA256_LEN], struct err *err);
/* Section 2.1.3.2: proof is a run of hashes from the leaf up. ERR_MISMATCH when it leads elsewhere,
 * ERR_FORMAT when it is no run of at most MERKLE_PROOF_MAX hashes. */
must_use bool tree_inclusion_check(uint64_t index, uint64_t size, const uint8_t leaf[SHA256_LEN],
	struct bytes proof, const uint8_t root[SHA256_LEN], struct err *err);
/* The root that such a proof leads to, for whoever signed it to be held against. */
must_use bool tree_inclusion_root(uint64_t index, uint64_t size, const uint8_t leaf[SHA256_LEN],
	struct bytes proof, uint8_t ret_root[SHA256_LEN], struct err *err);
/* Section 2.1.4.2. From the empty tree, and between equal ones, the proof is empty. */
must_use bool tree_consistency_check(uint64_t old_size, uint64_t new_size,
	const uint8_t old_root[SHA256_LEN], const uint8_t new_root[SHA256_LEN], struct bytes proof,
	struct err *err);
/* The newer root that such a proof leads to from the older one. ERR_MISMATCH from the empty tree,
 * which says nothing of any other. */
must_use bool tree_consistency_root(uint64_t old_size, uint64_t new_size,
	const uint8_t old_root[SHA256_LEN], struct bytes proof, uint8_t ret_root[SHA256_LEN],
	struct err *err);

#endif
