/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs over leaf hashes that lie in memory, of at most one tile. */
#ifndef ASSAY_TESTS_SUPPORT_TREE_PROOF_H
#define ASSAY_TESTS_SUPPORT_TREE_PROOF_H

#include "ledger/tile.h"

static inline bool tree_proof_read(
	void *arg, const struct tile *tile, struct buf *out, struct err *err)
{
	if (tile->level != 0 || tile->index != 0)
		return err_set(err, ERR_INTERNAL, "more than one tile");
	buf_put(out, bytes_of(arg, (size_t)tile->width * SHA256_LEN));
	return buf_ok(out, err);
}

static inline bool tree_inclusion_proof(const uint8_t (*leaves)[SHA256_LEN], uint64_t size,
	uint64_t index, struct buf *out, struct err *err)
{
	struct tile_source source = {
		.size = size, .read = tree_proof_read, .arg = (void *)(uintptr_t)leaves};

	return tiles_inclusion(&source, index, size, out, err);
}

#endif
